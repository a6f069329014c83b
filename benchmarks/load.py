"""Target 3: what an application feels of it, at half of what this machine can do.

Beside the ways stands a session that only computes: it writes nothing and locks nothing, and shows what a machine of
few cores makes the application feel of any session that is busy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.bench import Bench, Shape, say
from benchmarks.figures import measure, spread
from benchmarks.pgbench import Clients, medians, now, percentiles, throughput
from benchmarks.report import Bars, Section, Target, table
from benchmarks.ways import OURS, Way, computing, ours, pgroll, rivals

QUIET_S = 10.0
WARM_UP_S = 2.0
CAPACITY_S = 8.0


@dataclass(frozen=True)
class Loaded:
    """One run of a way under load: percentiles in ms before it and while it ran."""

    seconds: float
    before: tuple[float, ...]
    during: tuple[float, ...]


def run(bench: Bench, *, rows: int, rounds: int) -> Section:
    """Ours several times, each with an idle run beside it; the others once."""
    shape = Shape(rows)
    with bench.copy(shape, "guarded") as dsn:
        capacity = throughput(bench, dsn, rows=rows, duration_s=CAPACITY_S)
    say(f"  capacity: {capacity:,.0f} transactions/s")
    way = ours(bench.orchestrator)
    idle, loaded = [], []
    for _ in range(rounds):
        idle.append(measure(bench, shape, way).seconds)
        loaded.append(_under_load(bench, shape, way, rate=capacity / 2))
    ways = (computing(spread([each.seconds for each in loaded]).median), *rivals(bare=False), pgroll())
    others = {each.name: _under_load(bench, shape, each, rate=capacity / 2) for each in ways}
    before, during = medians([each.before for each in loaded]), medians([each.during for each in loaded])
    rows_of = [
        ("no backfill", "", *_ms(before)),
        _row(OURS, Loaded(spread([each.seconds for each in loaded]).median, before, during)),
    ]
    rows_of += [_row(name, each) for name, each in others.items()]
    p99s = [each.during[2] / each.before[2] for each in loaded]
    longest = [each.during[3] / each.before[3] for each in loaded]
    rates = [quiet / each.seconds for quiet, each in zip(idle, loaded, strict=True)]
    text = (
        f"pgbench with 4 clients, one SELECT and one UPDATE by key each, at {capacity / 2:,.0f} transactions/s: half "
        f"of the {capacity:,.0f} that this machine does. Time counts from when a transaction was due. Ours: medians of "
        f"{rounds} runs, each beside {QUIET_S:.0f} s without it; the others once.\n\n"
        + table(("way", "backfill", "p50", "p95", "p99", "max"), rows_of)
        + f"\n\nOurs to no backfill: p99 {spread(p99s)}, max {spread(longest)}. Rate to the idle one: {spread(rates)}."
    )
    targets = (
        Target("3. under load: p99 to no backfill's", 1.5, spread(p99s).median),
        Target("3. under load: max to no backfill's", 3, spread(longest).median),
        Target("3. under load: rate to the idle rate", 0.6, spread(rates).median, at_least=True),
    )
    p99 = (("no backfill", before[2]), (OURS, during[2]), *((name, each.during[2]) for name, each in others.items()))
    without_one = tuple((name, value) for name, value in p99 if value < 1000)
    return Section(
        "load", "Under load", text, targets, (Bars("Under load: p99 in ms (one UPDATE left out)", without_one),)
    )


def _under_load(bench: Bench, shape: Shape, way: Way, *, rate: float) -> Loaded:
    with bench.copy(shape, way.state) as dsn:
        if way.prepare:
            way.prepare(dsn)
        clients = Clients(bench, dsn, rows=shape.rows, rate=rate)
        began = now()
        time.sleep(WARM_UP_S + QUIET_S)
        started = now()
        way.work(dsn)
        ended = now()
        transactions = clients.stop()
    before = percentiles(transactions, since=began + WARM_UP_S, until=started)
    during = percentiles(transactions, since=started, until=ended + 0.5)
    say(f"  {way.name}: {ended - started:.1f} s, p99 {before[2]:.1f} → {during[2]:.1f} ms, max {during[3]:.0f} ms")
    return Loaded(ended - started, before, during)


def _row(name: str, loaded: Loaded) -> tuple[object, ...]:
    return (name, f"{loaded.seconds:.1f} s", *_ms(loaded.during))


def _ms(values: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f"{value:,.1f} ms" for value in values)
