"""The verification of a window: every row is compared, and those that differ are set right at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from psycopg.sql import SQL, Composable, Literal
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill import suspects
from orchestrator.backfill.pace import Pace
from orchestrator.backfill.update import ONE, range_of
from orchestrator.backfill.worker import Worker
from orchestrator.database import sqlstate
from orchestrator.errors import StepFailed, StoppedOnRequest
from orchestrator.inspecting import shown
from orchestrator.watch import CANCELLED
from phases.sql import catalog_sql, text
from phases.step import Batches, Verify
from phases.writes import write

TARGET_MS = 500
FIRST_BLOCKS = 1024
SAMPLE = 10

DIFFERING = SQL("SELECT {keys} FROM {table} AS new WHERE {range} LIMIT {limit}")
COUNT = SQL("SELECT count(*) AS rows FROM {table} AS new WHERE {range}")


class Compare:
    """The job of a worker of a verification."""

    def __init__(self, worker: Worker, step: Verify) -> None:
        self._worker = worker
        self._step = step
        self._pace = Pace(TARGET_MS, blocks=worker.crew.progress.batch_blocks or FIRST_BLOCKS)

    def work(self) -> None:
        """A table that somebody has locked is waited for, within the budget."""
        while self._worker.window.next_block < self._worker.window.end_block:
            self._worker.wait_for_turn()
            self._worker.guarded(self._compare)

    def _compare(self) -> None:
        window = self._worker.window
        if window.next_block == window.end_block:
            return  # a try before this one came to the end, and met a lock in what it did then
        first, end = window.next_block, min(window.next_block + self._pace.blocks, window.end_block)
        try:
            differ = self._look(first, end)
        except DBAPIError as error:
            if not suspects.is_bad(error):
                raise
            # the comparison itself fails on a row
            differ = True
        if differ and self._step.repair is not None:
            self._repair(self._step.repair, first, end)
        elif differ:
            self._count(first, end)

    def _look(self, first: int, end: int) -> bool:
        """Whether a row differs. If none does, the cursor moves."""
        worker, parts = self._worker, range_of(first, end, self._step.differs)
        query = DIFFERING.format(keys=SQL(""), limit=Literal(1), table=self._table, **parts)
        # reading only: it may be cancelled at any time
        with worker.batch(timeout_ms=0, stoppable=True) as batch:
            differ = bool(worker.read(batch, text(query)))
            worker.expect(batch)
            milliseconds = (time.monotonic() - batch.started) * 1000
            if not differ:
                after = worker.save(batch, next_block=end, batch_blocks=self._pace.blocks)
        self._pace.took(milliseconds, end - first)
        if batch.awaited:
            self._pace.awaited()
        if not differ:
            worker.committed(batch, after)
        return differ

    def _count(self, first: int, end: int) -> None:
        """Nobody is to repair them: how many there are, and which."""
        worker, parts = self._worker, range_of(first, end, self._step.differs)
        keys = DIFFERING.format(keys=catalog_sql(self._step.keys), limit=Literal(SAMPLE), table=self._table, **parts)
        with worker.batch(timeout_ms=0, stoppable=True) as batch:
            found = worker.read(batch, text(keys))
            rows = worker.read(batch, text(COUNT.format(table=self._table, **parts)))[0]["rows"]
            worker.expect(batch)
            after = worker.save(
                batch,
                next_block=end,
                differences=worker.window.differences + rows,
                keys=self._keys(found),
                batch_blocks=self._pace.blocks,
            )
        worker.committed(batch, after)

    def _repair(self, step: Batches, first: int, end: int) -> None:
        """Sets the rows of some blocks right, and counts them in the same transaction.

        Few rows: locked ones are waited for, as a guarded lock, within the budget.
        """

        def update(first: int, end: int) -> None:
            self._update(step, first, end, one=None)

        def update_one(tid: str) -> None:
            block = self._worker.window.next_block
            self._update(step, block, block, one=tid)

        worker = self._worker
        try:
            bad = suspects.isolate(worker, first, end, update, update_one, differing=True)
        except DBAPIError as error:
            self._cut_short(error)
            if end - worker.window.next_block > 1:
                return  # the next one is smaller
            bad = self._singly(worker.window.next_block, update_one)
        if bad:
            # they differ as well; the rows themselves are in the list of bad ones
            worker.crew.found_bad_row("", new=False)

    def _cut_short(self, error: DBAPIError) -> None:
        """Takes note that more rows differ than can be set right within a batch's time; raises all other errors."""
        worker, watched = self._worker, self._worker.claim.last_watched
        if sqlstate(error) != CANCELLED:
            raise error
        if watched is not None and watched.elapsed_s * 1000 < self._timeout_ms:
            raise StoppedOnRequest(
                f"{self._step.title}: a repair was cancelled by somebody with pg_cancel_backend",
                f"go on with: {worker.executor.again}",
            ) from error
        self._pace.timed_out()

    def _singly(self, block: int, update_one: Callable[[str], None]) -> int:
        """The rows of one block, after all of them together were not done in time."""
        worker = self._worker
        try:
            return suspects.singly(worker, block, update_one, differing=True)
        except DBAPIError as error:
            self._cut_short(error)
            raise StepFailed(
                f"{self._step.title}: a row of block {block} of {worker.window.name} cannot be {self._step.verb} "
                f"within {self._timeout_ms} ms",
                f"look at triggers and at the size of its rows; allow more with a larger deadlock_timeout; "
                f"then: {worker.executor.again}",
            ) from error

    def _update(self, step: Batches, first: int, end: int, *, one: str | None) -> None:
        worker, parts = self._worker, range_of(first, end, step.differs)
        if one is not None:
            parts["range"] = ONE.format(tid=Literal(one), differs=parts["differs"])
        keys = DIFFERING.format(keys=catalog_sql(self._step.keys), limit=Literal(SAMPLE), table=self._table, **parts)
        statement = write(step, table=self._table, rows=parts["range"])
        with worker.batch(timeout_ms=self._timeout_ms, stoppable=True) as batch:
            found = worker.read(batch, text(keys))
            rows = worker.send(batch, text(statement)) if found else 0
            worker.expect(batch)
            after = worker.save(
                batch,
                next_block=end,
                # one that was found and not set right counts as well: another pass has to find it so, or gone
                differences=worker.window.differences + max(rows, len(found)),
                keys=self._keys(found),
            )
        worker.committed(batch, after)

    @property
    def _timeout_ms(self) -> int:
        return self._worker.timeout_ms(self._worker.executor.deadlock_timeout_ms)

    @property
    def _table(self) -> Composable:
        assert self._worker.window.name is not None
        return catalog_sql(self._worker.window.name)

    def _keys(self, found: Sequence[RowMapping]) -> tuple[str, ...]:
        return (*self._worker.window.keys, *map(shown, found))[:SAMPLE]
