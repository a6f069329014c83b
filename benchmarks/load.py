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
    """Every way once a round, each beside an idle stretch of its own."""
    shape = Shape(rows)
    with bench.copy(shape, "guarded") as dsn:
        capacity = throughput(bench, dsn, rows=rows, duration_s=CAPACITY_S)
    say(f"  capacity: {capacity:,.0f} transactions/s")
    way, idle = ours(bench.orchestrator), []
    loaded: dict[str, list[Loaded]] = {}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        idle.append(measure(bench, shape, way).seconds)
        own = _under_load(bench, shape, way, rate=capacity / 2)
        loaded.setdefault(OURS, []).append(own)
        for other in (computing(own.seconds), *rivals(bare=False), pgroll()):
            loaded.setdefault(other.name, []).append(_under_load(bench, shape, other, rate=capacity / 2))
    before = medians([each.before for runs in loaded.values() for each in runs])
    during = {name: medians([each.during for each in runs]) for name, runs in loaded.items()}
    p99s, longest = ([each.during[n] / each.before[n] for each in loaded[OURS]] for n in (2, 3))
    rates = [quiet / each.seconds for quiet, each in zip(idle, loaded[OURS], strict=True)]
    lines = [
        (name, f"{spread([each.seconds for each in runs]).median:.1f} s", *_ms(during[name]))
        for name, runs in loaded.items()
    ]
    text = (
        f"pgbench with 4 clients, one SELECT and one UPDATE by key each, at {capacity / 2:,.0f} transactions/s: half "
        f"of the {capacity:,.0f} that this machine does. Time counts from when a transaction was due. Medians of "
        f"{rounds} rounds; each run has {QUIET_S:.0f} s without it before.\n\n"
        + table(("way", "backfill", "p50", "p95", "p99", "max"), [("no backfill", "", *_ms(before)), *lines])
        + f"\n\nOurs to no backfill: p99 {spread(p99s)}, max {spread(longest)}. Rate to the idle one: {spread(rates)}."
    )
    targets = (
        Target("3. under load: p99 to no backfill's", 1.5, spread(p99s).median),
        Target("3. under load: max to no backfill's", 3, spread(longest).median),
        Target("3. under load: rate to the idle rate", 0.6, spread(rates).median, at_least=True),
    )
    p99 = [("no backfill", before[2]), *((name, values[2]) for name, values in during.items())]
    without_longest = tuple((name, value) for name, value in p99 if value < 1000)
    return Section(
        "load", "Under load", text, targets, (Bars("Under load: p99 in ms (those below a second)", without_longest),)
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


def _ms(values: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f"{value:,.1f} ms" for value in values)
