"""What one run of a way cost, and how several are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from benchmarks.bench import Bench, Shape, all_done, connect, say
from benchmarks.ways import Way
from tests.fixtures.waiting import wait_until

POSITION = "SELECT pg_current_wal_insert_lsn()"
COSTS = """
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::bigint, pg_relation_size('users'), pg_indexes_size('users')
"""
# a session hands in its counts before it leaves the list
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'users'::regclass"


@dataclass(frozen=True)
class Figures:
    """Seconds; bytes of WAL, of the table and of its indexes afterwards; updates, and how many of them were HOT."""

    seconds: float
    cpu: float
    """Of the server's sessions: what a busy machine changes least."""
    wal: int
    table: int
    indexes: int
    updates: int
    hot_updates: int

    @property
    def hot(self) -> float:
        """Share of HOT updates."""
        return self.hot_updates / self.updates if self.updates else 0.0


class Sessions:
    """CPU time of sessions, which the postmaster learns when they have ended."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = psutil.Process(postmaster)
        self._count = len(self._postmaster.children())
        self._before = self._used()

    def ended(self) -> float:
        """Seconds of those that began and ended since."""
        wait_until(lambda: len(self._postmaster.children()) <= self._count, what="the sessions' processes are gone")
        return self._used() - self._before

    def _used(self) -> float:
        times = self._postmaster.cpu_times()
        return float(times.children_user + times.children_system)


def measure(bench: Bench, shape: Shape, way: Way) -> Figures:
    """Runs one way on a fresh copy, and looks whether every row is done."""
    with bench.copy(shape, way.state) as dsn:
        if way.prepare:
            way.prepare(dsn)
        with connect(dsn) as connection:
            before, cpu = connection.execute(POSITION).fetchone(), Sessions(bench.server.pid)
            started = time.perf_counter()
            way.work(dsn)
            seconds = time.perf_counter() - started
            costs = connection.execute(COSTS, before).fetchone()
            wait_until(lambda: connection.execute(OTHERS).fetchone() == (0,), what="the way has disconnected")
            cpu_seconds = cpu.ended()
            updates = connection.execute(UPDATES).fetchone()
        assert costs is not None and updates is not None
        assert all_done(dsn), f"{way.name} left rows undone"
    wal, table, indexes, updated, hot = (int(str(each)) for each in (*costs, *updates))
    say(f"  {way.name}: {seconds:.2f} s (CPU {cpu_seconds:.2f} s), WAL {wal / 1e6:.0f} MB, table {table / 1e6:.0f} MB")
    return Figures(seconds, cpu_seconds, wal, table, indexes, updated, hot)


def interleaved(bench: Bench, shape: Shape, ways: Sequence[Way], rounds: int) -> dict[str, list[Figures]]:
    """Every way once a round, so that a machine whose speed drifts drifts for all."""
    results: dict[str, list[Figures]] = {way.name: [] for way in ways}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for way in ways:
            results[way.name].append(measure(bench, shape, way))
    return results


@dataclass(frozen=True)
class Spread:
    """A median, and how far the others lie from it."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Of one or more."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Each to the one of its own round."""
    return spread([value / other for value, other in zip(values, base, strict=True)])


def seconds(results: Mapping[str, Sequence[Figures]], way: str) -> list[float]:
    """The times of one way."""
    return [each.seconds for each in results[way]]


def cpu(results: Mapping[str, Sequence[Figures]], way: str) -> list[float]:
    """The server's CPU times of one way."""
    return [each.cpu for each in results[way]]
