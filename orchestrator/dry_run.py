"""`plan --check-data`: computes what a run would compute, for every row there is, and writes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from psycopg.sql import SQL
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator import database, inspecting
from orchestrator.backfill.pace import Pace
from orchestrator.backfill.relations import Relation, relations
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.context import Context, connected
from orchestrator.errors import LockNotObtained, StoppedOnRequest
from orchestrator.inspecting import Failure, Found
from orchestrator.program import Program
from orchestrator.watch import CANCELLED
from phases import inspection, moving
from phases.delta import Delta
from phases.sql import catalog_sql, qualified, shown, text
from phases.step import Inspect

TARGET_MS = 500
"""Of a statement: whoever alters the table waits no longer for us, and nobody longer behind them."""
FIRST_BLOCKS = 1024
EXPLAIN = SQL("EXPLAIN {query}")
_NOT_THERE_YET = {"42703", "42P01"}
"""undefined_column, undefined_table: what a query reads is made by the plan."""
_NO_TYPE_YET = "42704"
"""undefined_object: of a plan that makes an enum."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one look at the rows of a table has found."""

    table: str
    title: str
    stops: bool
    """Whether a run would be stopped by it; else it is only worth knowing."""
    rows: int
    """Rows for which it holds; of a look that names pairs of rows, those that it names."""
    keys: tuple[str, ...]
    failures: tuple[Failure, ...]
    """Rows on which an expression fails, the first of them."""
    unforeseen: str | None
    """Why it cannot be known before the run."""

    @property
    def silent(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.rows or self.failures or self.unforeseen)


@dataclass(frozen=True)
class _Look:
    step: Inspect
    stops: bool


def check_data(context: Context, program: Program, catalog: Catalog) -> list[Finding]:
    """Asks of every row what the phases before contract will ask, in short read-only transactions under ACCESS SHARE.

    Raises:
        LockNotObtained: somebody has locked a table.
        StoppedOnRequest: Ctrl-C; the driver has cancelled the statement under way.
    """
    with connected(context.engine()) as connection:
        check = _Check(context, connection, program.plan)
        tables = {facts.table: facts for facts in catalog.tables.values()}
        try:
            looks = [(delta, _looks(delta, tables[delta.table])) for delta in program.deltas]
            return [finding for delta, each in looks for finding in check.table(delta, each)]
        except KeyboardInterrupt as error:
            raise StoppedOnRequest("interrupted; nothing was changed") from error


def _looks(delta: Delta, facts: TableFacts) -> list[_Look]:
    if delta.create:
        return []
    unproven = (
        look
        for each in facts.unproven
        for look in inspection.unproven(delta, each.name, reads=each.reads, broken_by=each.broken_by)
    )
    stopping = (*inspection.trial(delta), *unproven, *inspection.foreseen(delta), *moving.foreseen(delta))
    telling = inspection.round_trips(delta)
    return [*(_Look(step, stops=True) for step in stopping), *(_Look(step, stops=False) for step in telling)]


class _Check:
    def __init__(self, context: Context, connection: Connection, run: str) -> None:
        self._context = context
        self._connection = connection
        self._run = run

    def table(self, delta: Delta, looks: list[_Look]) -> Iterator[Finding]:
        """What all looks at one table have found."""
        if not looks:
            return
        table, started = shown(delta.table), time.monotonic()
        title = f"look at every row of {table}"
        self._context.reporter.step_started(title)
        unforeseen = {look: why for look in looks if (why := self._unforeseen(look.step, delta)) is not None}
        left = [look for look in looks if look not in unforeseen]
        found = dict[_Look, Found]()
        for look in left:
            match self._whole(look.step) if look.step.rows is None else None:
                case Found() as whole:
                    found[look] = whole
                case str(why):
                    unforeseen[look] = why
        found |= self._each_row(delta, [look for look in left if look.step.rows is not None], title)
        self._context.reporter.step_done(title, time.monotonic() - started, 0)
        for look in looks:
            part = found.get(look, Found())
            yield Finding(
                table=table,
                title=look.step.title,
                stops=bool(part.failures) or (look.stops and part.rows > 0),
                rows=part.rows,
                keys=part.keys,
                failures=part.failures,
                unforeseen=unforeseen.get(look),
            )

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A transaction for one look at some blocks: a longer one would keep dead rows of the whole database."""
        settings = self._context.settings
        with self._connection.begin():
            database.set_short(self._connection)
            inspecting.read_only(self._connection, settings, lock_timeout_ms=settings.lock_timeout_ms)
            try:
                yield self._connection
            except DBAPIError as error:
                if database.sqlstate(error) != "55P03":
                    raise
                raise LockNotObtained("a table of the plan is locked by somebody", "try again") from error

    def _unforeseen(self, step: Inspect, delta: Delta) -> str | None:
        """Whether a query reads what is not there before the run."""
        not_there_yet = {*_NOT_THERE_YET, _NO_TYPE_YET} if delta.enums else _NOT_THERE_YET
        try:
            with self._reading() as connection:
                database.fetch(connection, text(EXPLAIN.format(query=catalog_sql(step.sql))))
        except DBAPIError as error:
            if database.sqlstate(error) in not_there_yet:
                return database.primary_message(error)
            if not inspecting.is_about_rows(error):
                raise
            # an expression without columns is computed when the query is planned: it fails again when it is run
        return None

    def _whole(self, step: Inspect) -> Found | str:
        """One statement, for what several rows say together; or why it was cut short.

        It holds a snapshot as long as it lasts, and could only be parted by reading the table as many times.
        """
        limit_s, started = self._context.settings.duplicates_s, time.monotonic()
        try:
            with self._reading() as connection:
                database.set_local(connection, statement_timeout=int(limit_s * 1000))
                rows = database.fetch(connection, step.sql)
        except DBAPIError as error:
            if database.sqlstate(error) == CANCELLED and time.monotonic() - started >= limit_s:
                return f"cut short after {limit_s:g} s; allow more with --duplicates-s, or leave it to constrain"
            return Found(failures=(inspecting.failure(error, None),))
        return Found(rows=len(rows), keys=tuple(map(inspecting.shown, rows)))

    def _each_row(self, delta: Delta, looks: list[_Look], title: str) -> dict[_Look, Found]:
        found = dict.fromkeys(looks, Found())
        with self._reading() as connection:
            heaps = relations(connection, text(qualified(delta.table)), None, run=self._run) if looks else []
        blocks, passed = sum(heap.blocks for heap in heaps), 0
        for heap in heaps:
            for done, parts in self._heap(heap, found):
                found = parts
                self._context.reporter.fraction(title, min(1.0, (passed + done) / max(1, blocks)))
            passed += heap.blocks
        return found

    def _heap(self, heap: Relation, found: dict[_Look, Found]) -> Iterator[tuple[int, dict[_Look, Found]]]:
        """All looks at some blocks, then at the next; how far it has come, and what was found so far."""
        pace, first = Pace(TARGET_MS, blocks=FIRST_BLOCKS), 0
        # at least one: an expression may fail whatever the row
        blocks = max(1, heap.blocks)
        while first < blocks and (left := [look for look in found if not found[look].enough]):
            size, started = pace.blocks, time.monotonic()
            end = min(first + size, blocks)
            found = found | {look: found[look] + self._range(look.step, heap, first, end) for look in left}
            pace.took((time.monotonic() - started) * 1000 / len(left), size)
            first = end
            yield first, found

    def _range(self, step: Inspect, heap: Relation, first: int, end: int) -> Found:
        assert step.rows is not None
        with self._reading() as connection:
            return inspecting.look(connection, replace(step.rows, table=heap.name), first, end, check=_go_on)


def _go_on() -> None:
    """Nobody but Ctrl-C stops it, which ends the statement under way."""
