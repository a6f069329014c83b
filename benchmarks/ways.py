"""Ways to fill a column, each as its makers do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from psycopg.sql import SQL, Identifier, Literal

from benchmarks.bench import State, connect
from benchmarks.ours import Orchestrator

# some 20 ms
COMPUTE = "SELECT sum(hashtext(n::text)) FROM generate_series(1, 80000) n"
ONE_UPDATE = "UPDATE users SET email_address = email"
KEYSET_FIRST = "SELECT id FROM users ORDER BY id LIMIT 1"
KEYSET_NEXT = "SELECT id FROM users WHERE id >= %(first)s ORDER BY id LIMIT 1 OFFSET %(size)s"
KEYSET_UPDATE = "UPDATE users SET email_address = email WHERE id >= %(first)s AND id < %(next)s"
KEYSET_UPDATE_LAST = "UPDATE users SET email_address = email WHERE id >= %(first)s"

# pgroll (its pkg/backfill): a column that marks the rows to do; two triggers, neither with a WHEN clause, whose
# functions copy the row into variables and decide by search_path; batches that set the key to itself, for the triggers
# to do the work
PGROLL_MARKER = "ALTER TABLE users ADD COLUMN needs_backfill boolean DEFAULT true"
PGROLL_FUNCTION = SQL("""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  {variables}
  latest_schema text;
  search_path text;
BEGIN
  SELECT current_setting INTO search_path FROM current_setting('search_path');
  IF search_path {direction} 'public_latest' THEN
    NEW.{to} = {source};
    NEW.needs_backfill = false;
  END IF;
  RETURN NEW;
END $$
""")
PGROLL_VARIABLE = SQL("{column} users.{column}%TYPE := NEW.{column};")
PGROLL_COLUMNS = ("id", "email", "note", "a", "b", "c", "d", "e", "f")
PGROLL_TRIGGER = SQL("CREATE TRIGGER {name} BEFORE UPDATE OR INSERT ON users FOR EACH ROW EXECUTE PROCEDURE {name}()")
PGROLL_BATCH = SQL("""
WITH batch AS (
  SELECT id FROM users WHERE needs_backfill = true {after} ORDER BY id LIMIT {size} FOR NO KEY UPDATE
), update AS (
  UPDATE users SET id = users.id FROM batch WHERE users.id = batch.id RETURNING users.id
)
SELECT last_value(id) OVER () FROM update
""")
PGROLL_AFTER = SQL("AND (id) > ({last})")
PGROLL_SIZE = 1_000

Work = Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """What is done to a copy of the table that is in some state; `prepare` is not timed."""

    name: str
    state: State
    work: Work
    prepare: Work | None = None


ONE = "one UPDATE"
ONE_BARE = "one UPDATE, no trigger"
PGROLL = "pgroll's batches of 1,000"
OURS = "orchestrator advance"


def rivals(*, bare: bool) -> tuple[Way, ...]:
    """Everybody else: with the trigger that is needed under traffic, or without any."""
    state: State = "bare" if bare else "guarded"
    suffix = ", no trigger" if bare else ""
    return (
        Way(f"{ONE}{suffix}", state, one_update),
        Way(f"keyset 1,000{suffix}", state, keyset(1_000)),
        Way(f"keyset 10,000{suffix}", state, keyset(10_000)),
    )


def pgroll() -> Way:
    """It has triggers of its own."""
    return Way(PGROLL, "bare", pgroll_batches, pgroll_prepare)


def ours(orchestrator: Orchestrator) -> Way:
    """With journal, claim, throttle, verification and all."""
    return Way(OURS, "guarded", orchestrator.backfill)


def computing(seconds: float) -> Way:
    """No backfill at all: a session that keeps one core busy for so long, reads no table, writes and locks nothing."""

    def work(dsn: str) -> None:
        ends = time.monotonic() + seconds
        with connect(dsn) as connection:
            while time.monotonic() < ends:
                connection.execute(COMPUTE)

    return Way("a session that only computes", "guarded", work)


def one_update(dsn: str) -> None:
    """The whole table in one statement: every row locked until the end."""
    with connect(dsn) as connection:
        connection.execute(ONE_UPDATE)


def keyset(size: int) -> Work:
    """Batches by primary key, each in a transaction: online_migrations, GitLab."""

    def work(dsn: str) -> None:
        with connect(dsn) as connection:
            first = connection.execute(KEYSET_FIRST).fetchone()
            while first is not None:
                following = connection.execute(KEYSET_NEXT, {"first": first[0], "size": size}).fetchone()
                if following is not None:
                    connection.execute(KEYSET_UPDATE, {"first": first[0], "next": following[0]})
                else:
                    connection.execute(KEYSET_UPDATE_LAST, {"first": first[0]})
                first = following

    return work


def pgroll_prepare(dsn: str) -> None:
    """What pgroll's start does to the table before the first batch."""
    with connect(dsn) as connection:
        connection.execute(PGROLL_MARKER)
        for name, direction, to, source in (
            ("pgroll_up", "!=", "email_address", "email"),
            ("pgroll_down", "=", "email", "NEW.email_address"),
        ):
            variables = SQL("\n  ").join(PGROLL_VARIABLE.format(column=Identifier(each)) for each in PGROLL_COLUMNS)
            function = PGROLL_FUNCTION.format(
                name=Identifier(name),
                variables=variables,
                direction=SQL(direction),
                to=Identifier(to),
                source=SQL(source),
            )
            connection.execute(function)
            connection.execute(PGROLL_TRIGGER.format(name=Identifier(name)))


def pgroll_batches(dsn: str) -> None:
    """Until a batch finds nothing."""
    last: object = None
    with connect(dsn) as connection:
        while True:
            after = PGROLL_AFTER.format(last=Literal(last)) if last is not None else SQL("")
            found = connection.execute(PGROLL_BATCH.format(after=after, size=Literal(PGROLL_SIZE))).fetchone()
            if found is None:
                return
            last = found[0]
