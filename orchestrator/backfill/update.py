"""The backfill of a window: spans of blocks at a pace that nobody feels, each visited in some stripes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill import suspects
from orchestrator.backfill.pace import FIRST_BLOCKS, Pace
from orchestrator.backfill.rest import most_blocks
from orchestrator.backfill.stripes import Pass, Striping
from orchestrator.backfill.worker import Worker
from orchestrator.database import fetch, run, set_local, sqlstate
from orchestrator.errors import StepFailed, StoppedOnRequest
from orchestrator.journal import store
from phases.sql import catalog_sql, text
from phases.step import Batches
from phases.writes import write

MOST_PARTS = 64
"""Parts in which the rows of one block are updated, where they are too heavy for one batch: about a row each."""

LOCK_TABLES = SQL("LOCK TABLE {tables} IN ROW EXCLUSIVE MODE")
# PostgreSQL 14+ reads just these blocks (TID Range Scan); a row that moves behind us was touched by the trigger
RANGE = SQL("ctid >= {first}::tid AND ctid < {end}::tid AND ({differs})")
# pages are pruned by a scan of the range, not by fetching single rows: so no list of ctids
# by the number of the row within its page, the last byte of a ctid: every page gives each pass the same share.
# CASE, because the planner orders conditions by its idea of their cost: most rows need no comparison
STRIPE = SQL(
    "ctid >= {first}::tid AND ctid < {end}::tid"
    " AND CASE WHEN pg_catalog.mod(pg_catalog.get_byte(pg_catalog.tidsend(ctid), 5), {stripes}) = {stripe}"
    " THEN ({differs}) ELSE false END"
)
ONE = SQL("ctid = {tid}::tid AND ({differs})")
COUNT = SQL("SELECT count(*) AS rows FROM {table} AS new WHERE {range}")

# whoever holds the oldest snapshot that keeps dead versions of this database from being pruned
HORIZON = """
SELECT holder FROM (
  SELECT age(backend_xmin) AS age,
         format('pid %s (%s, %s, transaction open for %s s)', pid, application_name, state,
                round(extract(epoch FROM clock_timestamp() - xact_start))) AS holder
  FROM pg_catalog.pg_stat_activity
  WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
  UNION ALL
  SELECT greatest(age(xmin), age(catalog_xmin)), format('replication slot %s', slot_name)
  FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL
  UNION ALL
  SELECT age(transaction), format('prepared transaction %s', gid)
  FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
) AS held ORDER BY age DESC LIMIT 3
"""


@dataclass(frozen=True)
class Span:
    """Blocks `first` to `end` (not included), visited in `stripes` passes of about `blocks` blocks' worth of rows."""

    first: int
    end: int
    stripes: int
    blocks: int
    unlocked: bool
    """Rows that the application has locked are passed over; the verification comes back for them."""


class Update:
    """The job of a worker of a backfill. What it has learnt of pace and stripes stays with it from window to window."""

    def __init__(self, worker: Worker, step: Batches) -> None:
        progress = worker.crew.progress
        self._worker = worker
        self._step = step
        self._pace = Pace(
            worker.target_ms, blocks=max(1, progress.batch_blocks // 2) if progress.batches else FIRST_BLOCKS
        )
        self._striping = Striping(progress.total_blocks, progress.estimated_rows)
        self._stubborn = self._heavy = 0
        self._remarked = progress.remark is not None

    def work(self) -> None:
        """The cursor moves when a span is done.

        Within a span no cursor is needed: a row that is done no longer differs. After an interruption the span is
        begun again, and what was done is passed over.
        """
        while self._worker.window.next_block < self._worker.window.end_block:
            self._worker.check()
            self._pace.target_ms = self._worker.target_ms
            # stripes make updates HOT; of what is only read, or goes, nothing is updated
            self._striping.fixed = self._worker.knobs.stripes if self._step.assignments else 1
            self._pace.limit(most_blocks(self._worker.knobs, self._worker.crew.progress))
            span = self._span()
            try:
                self._visit(span)
                self._stubborn = 0
            except DBAPIError as error:
                self._mend(span, error)

    def _span(self) -> Span:
        window = self._worker.window
        unlocked = self._stubborn > 0
        if self._heavy:
            # the rows of one block are too much for a batch (documents of megabytes): a part of them at a time
            return Span(window.next_block, window.next_block + 1, 2**self._heavy, 1, unlocked)
        # a span takes as long as its passes together, so that one pass takes about the target
        stripes = 1 if unlocked else self._striping.stripes
        end = min(window.next_block + self._pace.blocks * stripes, window.end_block)
        return Span(window.next_block, end, stripes, self._pace.blocks, unlocked)

    def _visit(self, span: Span) -> None:
        started = time.monotonic()
        passes = [self._pass(span, stripe) for stripe in range(span.stripes)]
        if not self._heavy:
            self._striping.window_done(passes)
        elif (time.monotonic() - started) * 1000 < self._worker.target_ms:
            # the whole block in the time of a batch: it was the moment, not the rows
            self._heavy -= 1
        self._remark()

    # one batch

    def _pass(self, span: Span, stripe: int) -> Pass:
        """One transaction: a stripe of a span, the counters, and with the last stripe the cursor."""
        blocks = {"first": Literal(f"({span.first},0)"), "end": Literal(f"({span.end},0)")}
        rows = (
            STRIPE.format(stripes=Literal(span.stripes), stripe=Literal(stripe), differs=self._differs, **blocks)
            if span.stripes > 1
            else RANGE.format(differs=self._differs, **blocks)
        )
        last = stripe == span.stripes - 1
        return self._batch(span, rows, next_block=span.end if last else span.first)

    def _batch(self, span: Span, rows: Composable, *, next_block: int) -> Pass:
        worker = self._worker
        statement = write(self._step, table=self._table, rows=rows, unlocked=span.unlocked)
        remaining = COUNT.format(table=self._table, range=rows)
        worker.wait_for_turn()
        with worker.batch(timeout_ms=self._timeout_ms) as batch:
            updated = worker.send(batch, text(statement))
            hot = worker.expect(batch)
            left = worker.read(batch, text(remaining))[0]["rows"] if span.unlocked else 0
            after = worker.save(
                batch,
                next_block=next_block,
                rows=worker.window.rows + updated,
                hot_rows=worker.window.hot_rows + hot,
                skipped=worker.window.skipped + left,
                batch_blocks=self._pace.blocks,
                stripes=span.stripes,
            )
        self._learn(span, (time.monotonic() - batch.started) * 1000, awaited=batch.awaited)
        worker.committed(batch, after)
        return Pass(updated, hot)

    def _learn(self, span: Span, milliseconds: float, *, awaited: bool) -> None:
        # a span at the end of a window is smaller than the pace asked for: it tells nothing, unless it took too long
        whole = span.end - span.first == span.blocks * span.stripes
        self._pace.took(milliseconds, span.blocks if whole or milliseconds > self._pace.target_ms else 0)
        if awaited:
            self._pace.awaited()

    @property
    def _timeout_ms(self) -> int:
        """What a batch may take: about a row by itself, of which nothing can be halved, all that is safe."""
        worker = self._worker
        alone = 2**self._heavy >= MOST_PARTS
        return worker.timeout_ms(worker.executor.deadlock_timeout_ms if alone else self._pace.target_ms)

    @property
    def _table(self) -> Composable:
        assert self._worker.window.name is not None
        return catalog_sql(self._worker.window.name)

    @property
    def _differs(self) -> Composable:
        return catalog_sql(self._step.differs)

    # what goes wrong

    def _mend(self, span: Span, error: DBAPIError) -> None:
        """A batch that was rolled back for a reason that others, a smaller one, or a second try can mend."""
        if suspects.is_bad(error):
            try:
                self._isolate(span)
                return
            except DBAPIError as another:
                error = another
        smallest = span.blocks == 1
        match sqlstate(error):
            case "55P03" | "40P01" | "40001":
                self._pace.blocked()
                # a lock on the table itself stays in the way even of a batch that skips locked rows
                if self._stubborn:
                    self._wait_for_table()
                # about the batch, not the pace: passes of the same span that met no lock have made it grow
                self._stubborn = self._stubborn + 1 if smallest else 0
            case "57014":
                self._cut_short(error)
                if smallest and span.end - span.first <= span.stripes:
                    self._heavier(span, error)
            case _:
                raise error

    def _isolate(self, span: Span) -> None:
        """A row of the span cannot be updated: the others are, and that one is written down.

        Halves of halves, from left to right; the cursor follows, so that no part is done twice.
        """

        def update(first: int, end: int) -> None:
            rows = RANGE.format(first=Literal(f"({first},0)"), end=Literal(f"({end},0)"), differs=self._differs)
            self._batch(Span(first, end, 1, span.blocks, span.unlocked), rows, next_block=end)

        def update_one(tid: str) -> None:
            block = self._worker.window.next_block
            rows = ONE.format(tid=Literal(tid), differs=self._differs)
            self._batch(Span(block, block, 1, span.blocks, span.unlocked), rows, next_block=block)

        for first in range(span.first, span.end, span.blocks):
            suspects.isolate(self._worker, first, min(first + span.blocks, span.end), update, update_one)

    def _cut_short(self, error: DBAPIError) -> None:
        self._worker.check()
        watched = self._worker.claim.last_watched
        if watched is not None and watched.elapsed_s * 1000 < self._timeout_ms:
            raise StoppedOnRequest(
                f"{self._step.title}: a batch was cancelled by somebody with pg_cancel_backend",
                f"go on with: {self._worker.executor.again}",
            ) from error
        self._pace.timed_out()

    def _heavier(self, span: Span, error: DBAPIError) -> None:
        """The rows of a block are halved once more, after a batch of one block was not done in time."""
        executor = self._worker.executor
        if 2**self._heavy >= MOST_PARTS:
            raise StepFailed(
                f"{self._step.title}: a few rows of block {span.first} of {self._worker.window.name} "
                f"cannot be {self._step.verb} within {self._timeout_ms} ms",
                "look at triggers and at the size of these rows, or allow more with a larger deadlock_timeout; then: "
                f"{executor.again}",
            ) from error
        self._heavy += 1

    def _wait_for_table(self) -> None:
        """Nobody may skip a lock on the whole table: waits for it as a guarded step does."""
        worker = self._worker
        tables = [self._table, *([catalog_sql(self._step.insertion.table)] if self._step.insertion else [])]
        statement = text(LOCK_TABLES.format(tables=SQL(", ").join(tables)))

        def attempt() -> None:
            with worker.executor.engine.begin() as connection:
                set_local(connection, lock_timeout=worker.executor.settings.lock_timeout_ms)
                with worker.claim.watching(connection, self._step.title, stoppable=True):
                    run(connection, worker.executor.tagged(statement, worker.crew.position))

        worker.guarded(attempt)

    # what is said of it

    def _remark(self) -> None:
        """Writes down, for `status`, who keeps the backfill from being HOT; and when nobody does any more."""
        if self._striping.pruning_works != self._remarked:
            return
        worker, run_id = self._worker, self._worker.claim.run_id
        with worker.executor.engine.begin() as connection:
            worker.claim.fence(connection)
            remark = None if self._striping.pruning_works else _horizon(connection)
            store.update_progress(connection, run_id, worker.crew.position, remark=remark)
            message = remark or "pruning works again: back to stripes"
            store.add_event(connection, run_id, "progress", message)
        self._remarked = remark is not None
        worker.executor.reporter.note(message)


def _horizon(connection: Connection) -> str:
    holders = fetch(connection, HORIZON)
    who = "; ".join(row["holder"] for row in holders) or "somebody we may not see"
    return f"one pass a window, not HOT: dead row versions cannot be pruned because of {who}"


def range_of(first: int, end: int, differs: str) -> dict[str, Any]:
    """The condition on the differing rows of some blocks, and its parts."""
    condition = catalog_sql(differs)
    rows = RANGE.format(first=Literal(f"({first},0)"), end=Literal(f"({end},0)"), differs=condition)
    return {"range": rows, "differs": condition}
