"""Target 7: what the trigger costs the application's own writes, once the rows are filled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Identifier, Literal

from benchmarks.bench import Bench, Shape, connect, say
from benchmarks.figures import Spread, ratios
from benchmarks.pgbench import throughput
from benchmarks.report import Section, Target, table

TRIGGER = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'users'::regclass AND NOT tgisinternal"
DROP_TRIGGER = SQL("DROP TRIGGER {} ON users")
# the disk's own time would hide the trigger's
NO_WAIT = SQL("ALTER DATABASE {} SET synchronous_commit = off")
UNRELATED = r"""
\set id random(1, :rows)
UPDATE users SET f = f + 1 WHERE id = :id;
"""
OLD_COLUMN = r"""
\set id random(1, :rows)
\set value random(1, 1000000000)
UPDATE users SET email = 'user' || :value || '@example.com' WHERE id = :id;
"""
MANY_UNRELATED = SQL("UPDATE users SET f = f + 1 WHERE id BETWEEN {first} AND {last}")
MANY_OLD_COLUMN = SQL("UPDATE users SET email = 'new' || id || '@example.com' WHERE id BETWEEN {first} AND {last}")
RUN_S = 3.0


@dataclass(frozen=True)
class Write:
    """An UPDATE of the application: of one row by key in a transaction, and of many in one statement."""

    name: str
    limit: float
    script: str
    many: SQL


WRITES = (
    Write("UPDATE of an unrelated column", 1.03, UNRELATED, MANY_UNRELATED),
    Write("UPDATE of the old column", 1.35, OLD_COLUMN, MANY_OLD_COLUMN),
)


def run(bench: Bench, *, rows: int, rounds: int, run_s: float = RUN_S) -> Section:
    """With and without, in turn, in two databases that are otherwise alike."""
    shape = Shape(rows)
    lines, targets = [], []
    with bench.copy(shape, "filled") as guarded, bench.copy(shape, "filled") as plain:
        _without_trigger(plain)
        for dsn in (guarded, plain):
            _do_not_wait(dsn)
        for write in WRITES:
            pairs = [
                (_single(bench, guarded, write, rows, run_s), _single(bench, plain, write, rows, run_s))
                for _ in range(rounds)
            ]
            pieces = [(number * rows // rounds + 1, (number + 1) * rows // rounds) for number in range(rounds)]
            single = _ratios(pairs)
            many = _ratios([(_many(guarded, write, *piece), _many(plain, write, *piece)) for piece in pieces])
            say(f"  {write.name}: by key {single}, many rows {many}")
            lines.append((write.name, single, many))
            targets.append(Target(f"7. {write.name} by key, time to that without trigger", write.limit, single.median))
    text = (
        "Time with the trigger to time without: one client that updates one row by key in each transaction, its commit "
        "not waiting for the disk; and one statement that updates a piece of the table. "
        f"Medians of {rounds} pairs.\n\n" + table(("write", "one row by key", "many rows in one statement"), lines)
    )
    return Section("writes", "What the trigger costs the application", text, tuple(targets))


def _ratios(pairs: Sequence[tuple[float, float]]) -> Spread:
    return ratios([one for one, _ in pairs], [other for _, other in pairs])


def _single(bench: Bench, dsn: str, write: Write, rows: int, run_s: float) -> float:
    return 1 / throughput(bench, dsn, rows=rows, duration_s=run_s, script=write.script, clients=1)


def _many(dsn: str, write: Write, first: int, last: int) -> float:
    with connect(dsn) as connection:
        started = time.perf_counter()
        connection.execute(write.many.format(first=Literal(first), last=Literal(last)))
        return time.perf_counter() - started


def _without_trigger(dsn: str) -> None:
    with connect(dsn) as connection:
        for (name,) in connection.execute(TRIGGER).fetchall():
            connection.execute(DROP_TRIGGER.format(Identifier(str(name))))


def _do_not_wait(dsn: str) -> None:
    with connect(dsn) as connection:
        database = connection.info.dbname
        connection.execute(NO_WAIT.format(Identifier(database)))
