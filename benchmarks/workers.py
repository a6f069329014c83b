"""Target 5: two workers against one, and what bounds them."""

from __future__ import annotations

import threading
import time
from collections import Counter

import psutil

from benchmarks.bench import Bench, Shape, all_done, connect, say
from benchmarks.figures import ratios, spread
from benchmarks.report import Section, Target, table

# what the sessions that write are waiting for
WAITS = """
SELECT coalesce(wait_event_type || ':' || wait_event, 'CPU') FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query ~ 'UPDATE .*users'
"""
SAMPLE_S = 0.05
MOST_WAITS = 4


def run(bench: Bench, *, rows: int, rounds: int) -> Section:
    """One, then two, round after round."""
    title = "Two workers"
    if not bench.orchestrator.has_workers:
        return Section("workers", title, "Left out: this `advance` knows no workers.")
    shape = Shape(rows)
    times: dict[int, list[float]] = {1: [], 2: []}
    machine: dict[int, list[float]] = {1: [], 2: []}
    waits: dict[int, Counter[str]] = {1: Counter(), 2: Counter()}
    for _ in range(rounds):
        for workers in (1, 2):
            seconds, busy, seen = _run(bench, shape, workers)
            times[workers].append(seconds)
            machine[workers].append(busy)
            waits[workers].update(seen)
    gain = ratios(times[1], times[2])
    rows_of = [
        (count, f"{spread(times[count]).median:.1f}", f"{spread(machine[count]).median:.0f} %", _shares(waits[count]))
        for count in (1, 2)
    ]
    head = ("workers", "s", "use of the machine's cores", "what the writing sessions wait for")
    text = table(head, rows_of) + f"\n\nTwo to one: {gain} times as fast, {psutil.cpu_count()} cores, {rounds} rounds."
    return Section("workers", title, text, (Target("5. two workers to one", 1.4, gain.median, at_least=True),))


def _run(bench: Bench, shape: Shape, workers: int) -> tuple[float, float, Counter[str]]:
    with bench.copy(shape, "guarded") as dsn:
        ended, seen = threading.Event(), Counter[str]()
        sampler = threading.Thread(target=_sample, args=(dsn, ended, seen))
        sampler.start()
        psutil.cpu_percent()
        started = time.perf_counter()
        bench.orchestrator.backfill(dsn, workers=workers)
        seconds, busy = time.perf_counter() - started, psutil.cpu_percent()
        ended.set()
        sampler.join()
        assert all_done(dsn)
    say(f"  {workers} workers: {seconds:.2f} s")
    return seconds, busy, seen


def _sample(dsn: str, ended: threading.Event, seen: Counter[str]) -> None:
    with connect(dsn) as connection:
        while not ended.wait(SAMPLE_S):
            seen.update(str(row[0]) for row in connection.execute(WAITS))


def _shares(seen: Counter[str]) -> str:
    total = sum(seen.values()) or 1
    return ", ".join(f"{name} {count / total:.0%}" for name, count in seen.most_common(MOST_WAITS))
