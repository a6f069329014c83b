"""Target 4: ten times the rows at the same rate, and in the same memory."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

from benchmarks.bench import Bench, Shape, all_done, say
from benchmarks.figures import measure, ratios, spread
from benchmarks.ours import BACKFILL, peak_memory
from benchmarks.report import Section, Target, table
from benchmarks.ways import pgroll, rivals

BYTES_A_ROW = 1_500
"""Template, copy, growth and WAL."""


@dataclass(frozen=True)
class Run:
    """One run of the phase."""

    seconds: float
    peak: int


def run(bench: Bench, *, rows: int, large: int, rounds: int) -> Section:
    """Both tables, and one UPDATE of the large one, once a round; the other rivals once, for the time they take."""
    title = f"{large:,} rows"
    if shutil.disk_usage(bench.server.folder).free < large * BYTES_A_ROW:
        return Section("large", title, f"Left out: it takes {large * BYTES_A_ROW / 1e9:.0f} GB of disk.")
    one_update, *keysets = rivals(bare=False)
    small, big, ones = [], [], []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        small.append(_run(bench, Shape(rows)))
        big.append(_run(bench, Shape(large)))
        ones.append(measure(bench, Shape(large), one_update).seconds)
    others = [(way.name, measure(bench, Shape(large), way).seconds) for way in (*keysets, pgroll())]
    bench.forget(Shape(large))
    rates = [spread([count / each.seconds for each in runs]).median for count, runs in ((rows, small), (large, big))]
    peaks = [max(each.peak for each in runs) / 1e6 for runs in (small, big)]
    text = table(
        ("rows", "s", "rows/s", "peak memory of `advance`"),
        [
            (f"{count:,}", spread([each.seconds for each in runs]), f"{rate:,.0f}", f"{peak:.0f} MB")
            for count, runs, rate, peak in ((rows, small, rates[0], peaks[0]), (large, big, rates[1], peaks[1]))
        ],
    )
    against = ratios([each.seconds for each in big], ones)
    once = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in others)
    text += f"\n\nTime to one UPDATE's with the trigger: {against}, {rounds} rounds. The others, once: {once}."
    targets = (
        Target(f"1. {large:,} rows: time to one UPDATE's with the trigger", 0.75, against.median),
        Target(f"4. {large:,} rows: rate to that of {rows:,}", 0.9, rates[1] / rates[0], at_least=True),
        Target("4. peak memory", 120, peaks[1], unit="MB"),
        Target(f"4. peak memory to that of {rows:,} rows", 1.1, peaks[1] / peaks[0]),
    )
    return Section("large", title, text, targets)


def _run(bench: Bench, shape: Shape) -> Run:
    with bench.copy(shape, "guarded") as dsn:
        started = time.perf_counter()
        process = bench.orchestrator.start(dsn, *BACKFILL)
        peak = peak_memory(process)
        elapsed = time.perf_counter() - started
        assert process.returncode == 0 and all_done(dsn)
    say(f"  {shape.rows:,} rows: {elapsed:.1f} s, peak memory {peak / 1e6:.0f} MB")
    return Run(elapsed, peak)
