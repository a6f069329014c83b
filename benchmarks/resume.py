"""Target 6: killed in the middle; how soon it goes on, and whether any row is done twice."""

from __future__ import annotations

import time

from benchmarks.bench import Bench, Shape, all_done, connect, say
from benchmarks.ours import BACKFILL
from benchmarks.report import Section, Target, table
from tests.fixtures.waiting import wait_until

DONE = "SELECT count(email_address) FROM users"
RUNNERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'orchestrator%'
"""
# the journal's own counters, as every finished batch has added to them
COUNTED = """
SELECT detail->>'rows' FROM orchestrator.event WHERE kind = 'progress' AND detail ? 'rows' ORDER BY id LIMIT 1
"""

POLL_S = 0.05
"""Looking costs a scan of the table, which the runner must not feel."""


def run(bench: Bench, *, rows: int, rounds: int) -> Section:
    """Killed a little later each time."""
    shape = Shape(rows)
    shares = [0.2 + 0.6 * number / max(1, rounds - 1) for number in range(rounds)]
    found = [_run(bench, shape, share) for share in shares]
    text = table(
        ("killed after", "first new batch after", "rows in the table", "rows counted by the journal"),
        [(f"{done:,} rows", f"{seconds:.2f} s", f"{rows:,}", f"{counted:,}") for done, seconds, counted in found],
    )
    text += (
        "\n\nRows counted: the journal's counters, which every finished batch has added to. The batch under way "
        "was rolled back by the server, and begun again."
    )
    twice = sum(abs(counted - rows) for _, _, counted in found)
    targets = (
        Target("6. killed: seconds to the first new batch, at most", 2, max(each[1] for each in found), unit="s"),
        Target("6. killed: rows done twice", 0, twice, unit="rows"),
    )
    return Section("resume", "Killed and resumed", text, targets)


def _run(bench: Bench, shape: Shape, share: float) -> tuple[int, float, int]:
    with bench.copy(shape, "guarded") as dsn, connect(dsn) as connection:

        def done() -> int:
            time.sleep(POLL_S)
            return int(str((connection.execute(DONE).fetchone() or (0,))[0]))

        process = bench.orchestrator.start(dsn, *BACKFILL)
        wait_until(lambda: done() >= share * shape.rows, timeout=600, what="part of the rows is done")
        process.kill()
        process.communicate()
        wait_until(lambda: connection.execute(RUNNERS).fetchone() == (0,), what="its sessions are gone")
        before = done()
        started = time.perf_counter()
        process = bench.orchestrator.start(dsn, *BACKFILL)
        wait_until(lambda: done() > before, timeout=60, what="the next batch is there")
        seconds = time.perf_counter() - started
        _, error = process.communicate()
        assert process.returncode == 0 and all_done(dsn), error
        counted = connection.execute(COUNTED).fetchone()
    say(f"  killed after {before:,} rows: first new batch after {seconds:.2f} s, journal counted {counted}")
    assert counted is not None
    return before, seconds, int(str(counted[0]))
