"""Targets 1 and 2: time, WAL and size against everybody else, on a server that has nothing else to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench, Shape
from benchmarks.figures import Figures, cpu, interleaved, ratios, seconds, spread
from benchmarks.report import Bars, Section, Target, table
from benchmarks.ways import ONE, ONE_BARE, OURS, PGROLL, Way, ours, pgroll, rivals


@dataclass(frozen=True)
class Variant:
    """A shape of the table, who takes part, and the most time that ours may take of one UPDATE's."""

    part: str
    title: str
    indexes: int = 2
    uuid: bool = False
    bare_rivals: bool = False
    time_limit: float = 0.75

    def shape(self, rows: int) -> Shape:
        """With so many rows."""
        return Shape(rows, indexes=self.indexes, uuid=self.uuid)

    def ways(self, bench: Bench) -> tuple[Way, ...]:
        """In the order in which a round goes."""
        bare = rivals(bare=True) if self.bare_rivals else ()
        return (*bare, *rivals(bare=False), pgroll(), ours(bench.orchestrator))


VARIANTS = (
    Variant("idle", "Primary key and 2 indexes", bare_rivals=True),
    Variant("indexes", "Primary key and 6 indexes", indexes=6, time_limit=0.55),
    Variant("uuid", "Random UUID key and 2 indexes", uuid=True),
)


def run(bench: Bench, variant: Variant, *, rows: int, rounds: int) -> Section:
    """Every way in turn, round after round."""
    results = interleaved(bench, variant.shape(rows), variant.ways(bench), rounds)
    bench.forget(variant.shape(rows))
    title = f"{variant.title}, {rows:,} rows"
    head = (
        "way",
        "s",
        "time, one UPDATE = 1 (min to max)",
        "server's CPU",
        "WAL",
        "table after",
        "indexes after",
        "HOT",
    )
    panels = [
        _panel(f"{variant.title}: time, one UPDATE with the trigger = 1", {n: _time(results, n) for n in results}),
        _panel(f"{variant.title}: WAL in MB", {n: _median(results[n], "wal") / 1e6 for n in results}),
    ]
    text = table(head, [_row(results, name) for name in results]) + f"\n\nRounds: {rounds}."
    return Section(
        variant.part, title, text, _targets(variant, results), tuple(panels[: 2 if variant.indexes < 6 else 1])
    )


def _targets(variant: Variant, results: Mapping[str, Sequence[Figures]]) -> tuple[Target, ...]:
    what = f"1. {variant.title[0].lower()}{variant.title[1:]}: time to one UPDATE's with the trigger"
    found = [Target(what, variant.time_limit, _time(results, OURS))]
    if variant.part == "idle":
        bare = ratios(seconds(results, OURS), seconds(results, ONE_BARE)).median
        found.append(Target("1. … to one UPDATE's without the trigger", variant.time_limit, bare))
        pgrolls = ratios(seconds(results, OURS), seconds(results, PGROLL)).median
        found.append(Target("1. … to pgroll's", 0.35, pgrolls))
        for base, suffix in ((ONE, ""), (ONE_BARE, " without the trigger")):
            wal = _median(results[OURS], "wal") / _median(results[base], "wal")
            found.append(Target(f"2. WAL to one UPDATE's{suffix}", 0.72, wal))
        size = _median(results[OURS], "table") / _median(results[ONE], "table")
        found.append(Target("2. table to one UPDATE's", 0.68, size))
    return tuple(found)


def _time(results: Mapping[str, Sequence[Figures]], name: str) -> float:
    return ratios(seconds(results, name), seconds(results, ONE)).median


def _median(figures: Sequence[Figures], what: str) -> float:
    return spread([getattr(each, what) for each in figures]).median


def _row(results: Mapping[str, Sequence[Figures]], name: str) -> tuple[object, ...]:
    figures = results[name]
    times = ratios(seconds(results, name), seconds(results, ONE))
    cpus = f"{ratios(cpu(results, name), cpu(results, ONE)).median:.2f}"
    sizes = [f"{_median(figures, what) / 1e6:.0f} MB" for what in ("wal", "table", "indexes")]
    return (name, f"{_median(figures, 'seconds'):.1f}", times, cpus, *sizes, f"{_median(figures, 'hot'):.0%}")


def _panel(title: str, values: Mapping[str, float]) -> Bars:
    return Bars(title, tuple(values.items()))
