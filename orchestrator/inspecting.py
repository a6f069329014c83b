"""Looks at rows without touching them: which ones a condition finds, and on which ones it fails, by their keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill.relations import relations
from orchestrator.database import fetch, primary_message, scalar, set_local, sqlstate
from orchestrator.settings import Settings
from phases.sql import catalog_sql, text
from phases.step import Rows

SAMPLE = 10
"""Rows that are named of each kind."""

COUNT = SQL("SELECT count(*) AS rows FROM {table} AS new WHERE {range} AND ({condition})")
FIRST = SQL("SELECT {keys} FROM {table} AS new WHERE {range} AND ({condition}) LIMIT {limit}")
TIDS = SQL("SELECT ctid::text AS tid FROM {table} AS new WHERE {range}")
KEY = SQL("SELECT {keys} FROM {table} AS new WHERE {range}")
# PostgreSQL 14+ reads just these blocks
RANGE = SQL("ctid >= {first}::tid AND ctid < {end}::tid")
ONE = SQL("ctid = {}::tid")

_NOT_THE_ROW = {"08", "25", "40", "53", "55", "57", "58"}
"""Classes of errors that say nothing of a row: the connection, locks, resources, whoever cancelled it."""
_NOT_ALLOWED = "42501"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What the server said of a row; of none, where it says that of whichever row."""

    key: str | None
    sqlstate: str
    message: str

    def __str__(self) -> str:
        row = f"row {self.key}" if self.key is not None else "whichever row"
        return f"{row}: {self.message} ({self.sqlstate})"


@dataclass(frozen=True, kw_only=True)
class Found:
    """Rows for which a condition holds, and rows on which it fails."""

    rows: int = 0
    keys: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    def __add__(self, other: Found) -> Found:
        return Found(
            rows=self.rows + other.rows,
            keys=(*self.keys, *other.keys)[:SAMPLE],
            failures=(*self.failures, *other.failures)[:SAMPLE],
        )

    @property
    def enough(self) -> bool:
        """So many rows fail that it is not about single ones."""
        return len(self.failures) >= SAMPLE


def read_only(connection: Connection, settings: Settings, *, lock_timeout_ms: int) -> None:
    """Settings of a transaction that looks at rows as the trigger would, and cannot change any."""
    set_local(
        connection,
        lock_timeout=lock_timeout_ms,
        statement_timeout=0,
        # of a process frozen before the end: its snapshot would keep dead rows of the whole database
        idle_in_transaction_session_timeout=settings.lock_hold_ms,
        # a policy must raise, not hide rows
        row_security="off",
        transaction_read_only="on",
        # as in the trigger: a function that finds what it needs by the caller's path would fail there
        search_path="pg_catalog, pg_temp",
    )


def is_about_rows(error: DBAPIError) -> bool:
    """Whether it may be one row on which a query fails, whatever an expression raises."""
    state = sqlstate(error) or "08"
    return state[:2] not in _NOT_THE_ROW and state != _NOT_ALLOWED


def failing(connection: Connection, rows: Rows, *, run: str, check: Callable[[], None]) -> Found:
    """On which rows a query over a whole table fails; `check` raises when it is time to stop."""
    found = Found()
    for relation in relations(connection, rows.table, None, run=run):
        if not found.enough:
            part = replace(rows, table=relation.name)
            found += look(connection, part, 0, max(1, relation.blocks), check)
    return found


def look(connection: Connection, rows: Rows, first: int, end: int, check: Callable[[], None]) -> Found:
    """Looks at some blocks, and at halves of halves of them where the condition fails on a row.

    Each look is a statement of its own in the caller's transaction, with a savepoint to go back to.
    """
    check()
    try:
        return _look(connection, rows, _blocks(first, end))
    except DBAPIError as error:
        if not is_about_rows(error):
            raise
    if end - first == 1:
        return _singly(connection, rows, first, check)
    middle = (first + end) // 2
    found = look(connection, rows, first, middle, check)
    return found if found.enough else found + look(connection, rows, middle, end, check)


def _singly(connection: Connection, rows: Rows, block: int, check: Callable[[], None]) -> Found:
    parts = {"table": catalog_sql(rows.table), "range": _blocks(block, block + 1)}
    found = Found()
    for row in fetch(connection, text(TIDS.format(**parts))):
        check()
        try:
            found += _look(connection, rows, ONE.format(Literal(row["tid"])))
        except DBAPIError as error:
            found += Found(failures=(failure(error, _key(connection, rows, row["tid"])),))
        if found.enough:
            break
    if not found.failures:
        # somebody has changed the row since; or it fails whatever the row, and there is none
        try:
            return _look(connection, rows, parts["range"])
        except DBAPIError as error:
            return Found(failures=(failure(error, None),))
    return found


def _look(connection: Connection, rows: Rows, where: Composable) -> Found:
    parts = {
        "table": catalog_sql(rows.table),
        "keys": catalog_sql(rows.keys),
        "range": where,
        "condition": catalog_sql(rows.condition),
    }
    with connection.begin_nested():
        number = scalar(connection, text(COUNT.format(**parts)))
        if not number:
            return Found()
        sample = fetch(connection, text(FIRST.format(**parts, limit=Literal(SAMPLE))))
    return Found(rows=number, keys=tuple(map(shown, sample)))


def _key(connection: Connection, rows: Rows, tid: str) -> str:
    parts = {"table": catalog_sql(rows.table), "keys": catalog_sql(rows.keys)}
    found = fetch(connection, text(KEY.format(**parts, range=ONE.format(Literal(tid)))))
    return shown(found[0]) if found else f"ctid={tid!r}"


def failure(error: DBAPIError, key: str | None) -> Failure:
    """What the server said of a row; raises all other errors."""
    if not is_about_rows(error):
        raise error
    return Failure(key=key, sqlstate=sqlstate(error) or "", message=primary_message(error))


def _blocks(first: int, end: int) -> Composable:
    return RANGE.format(first=Literal(f"({first},0)"), end=Literal(f"({end},0)"))


def shown(row: RowMapping) -> str:
    """The key of a row, for people."""
    return ", ".join(f"{name}={value!r}" for name, value in row.items())
