"""The workers of one process on one batched step: the thread that leads is one of them, the others come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from orchestrator.backfill.compare import Compare
from orchestrator.backfill.cuts import Cuts
from orchestrator.backfill.sampler import Sampler
from orchestrator.backfill.update import Update
from orchestrator.backfill.worker import Job, Worker
from orchestrator.catalog.reader import may_compress, may_replicate
from orchestrator.errors import StepFailed
from orchestrator.journal import badrows, store
from orchestrator.journal.store import Progress
from orchestrator.journal.windows import Window
from phases.step import Batches, Verify

if TYPE_CHECKING:
    from orchestrator.executor import Executor

REFRESH_S = 1.0
"""How often the totals are read, with what workers elsewhere have done."""


class Halted(Exception):
    """Another worker of this process has met an error, which is told once, by that one."""


class Crew(AbstractContextManager["Crew"]):
    """While entered, its first worker belongs to the run, and the signals are sampled: once a process."""

    progress: Progress
    _read_at: datetime
    _refreshed: float

    def __init__(
        self, executor: Executor, position: int, step: Batches | Verify, cuts: Cuts, *, workers: int | None
    ) -> None:
        self.executor = executor
        self.position = position
        self.step = step
        self.cuts = cuts
        self._wanted = workers
        self._mutex = threading.Lock()
        self._error: BaseException | None = None
        self._leader = 0
        self._threads: dict[int, threading.Thread] = {}
        self._slowed: set[int] = set()
        with executor.engine.connect() as connection:
            self.knobs = store.control(connection, executor.claim.run_id).knobs
            self.writes = step.repair if isinstance(step, Verify) else step
            # the triggers of a foreign key are silenced with all others: a value that it must check needs them
            self.replica = may_replicate(connection) and not (self.writes is not None and self.writes.fires)
            self.compresses = may_compress(connection)
        self._refresh()
        self._since = self._read_at
        self.sampler = Sampler(executor.engine, step.table, self.knobs)
        self._lead = Worker(self, 1, self._job)

    def __enter__(self) -> Crew:
        self.sampler.start(self.executor.claim.stopping)
        try:
            self._lead.__enter__()
        except BaseException:
            self.sampler.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._lead.__exit__(kind, error, traceback)
        finally:
            self.sampler.stop()

    def work_off(self) -> None:
        """Returns when the pass has no window left; the first error of any worker stops the others, and is raised."""
        self._leader = threading.get_ident()
        self._muster()
        self._guarded(self._lead.work_off)
        for thread in self._threads.values():
            thread.join()
        self._threads.clear()
        if self._error is not None:
            raise self._error

    @cached_property
    def keys(self) -> str:
        """By which people know a row: those of the verification, which the backfill has not itself."""
        with self.executor.engine.connect() as connection:
            steps = [row.payload for row in store.steps(connection, self.executor.claim.run_id)]
        tables = (each for each in steps if each["op"] == "verify" and each["table"] == self.step.table)
        found = next(tables, None)
        return str(found["keys"]) if found else "ctid"

    def wants(self, number: int) -> bool:
        """Whether a worker is to take another window: the operator may have called some back."""
        return number <= (self._wanted or self.knobs.workers)

    def _muster(self) -> None:
        """Starts who is wanted and not there. By the leading thread alone."""
        for number in range(2, (self._wanted or self.knobs.workers) + 1):
            thread = self._threads.get(number)
            if thread is None or not thread.is_alive():
                self._threads[number] = threading.Thread(target=self._hand, args=(number,), name=f"worker-{number}")
                self._threads[number].start()

    def _hand(self, number: int) -> None:
        def work() -> None:
            with Worker(self, number, self._job) as worker:
                worker.work_off()

        self._guarded(work)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Halted:
            pass  # whoever met the error has kept it
        except BaseException as error:  # also KeyboardInterrupt: threads must not be left behind
            with self._mutex:
                self._error = self._error or error

    def _job(self, worker: Worker) -> Job:
        return Update(worker, self.step) if isinstance(self.step, Batches) else Compare(worker, self.step)

    # what the workers share

    def check(self) -> None:
        """Raises where this process is to stop."""
        self.executor.claim.check()
        if self._error is not None:
            raise Halted

    def tell(self, before: Window, after: Window) -> None:
        """A batch was committed."""
        with self._mutex:
            self._add(before, after)
            if time.monotonic() - self._refreshed > REFRESH_S:
                self._refresh()
            self.executor.reporter.progress(self.step.title, self.progress)
        self._limit_bad_rows()
        if threading.get_ident() == self._leader:
            self._muster()

    def recount(self) -> None:
        """A worker has joined: what is allowed to all together is to be shared at once."""
        with self._mutex:
            self._refresh()

    def look(self) -> None:
        """Nothing to do but to watch the others."""
        with self._mutex:
            if time.monotonic() - self._refreshed > REFRESH_S:
                self._refresh()
        self._limit_bad_rows()

    def found_bad_row(self, message: str, *, new: bool) -> None:
        """Tells of a row that cannot be updated, and stops when they are too many."""
        with self._mutex:
            self._refresh()
            if new:
                self.executor.reporter.note(message)
        self._limit_bad_rows()

    def _limit_bad_rows(self) -> None:
        limit = self.knobs.max_bad_rows
        if limit is None or self.progress.bad_rows <= limit:
            return
        with self.executor.engine.connect() as connection:
            known = badrows.open_rows(connection, self.executor.claim.run_id)
        # what an earlier try has found may have been put right since: it counts once it is found again
        rows = [row for row in known if row.tried_at >= self._since]
        if len(rows) <= limit:
            return
        listing = "".join(f"\n  {row}" for row in rows[:10])
        raise StepFailed(
            f"{self.step.title}: {len(rows)} rows cannot be {self.step.verb}, more than max_bad_rows allows:{listing}",
            f"put them right, or allow more with: orchestrator set {self.executor.name} max_bad_rows=…; "
            f"then: {self.executor.again}",
        )

    def _add(self, before: Window, after: Window) -> None:
        now = self.progress
        self.progress = replace(
            now,
            next_block=now.next_block + after.next_block - before.next_block,
            rows=now.rows + after.rows - before.rows,
            hot_rows=now.hot_rows + after.hot_rows - before.hot_rows,
            skipped=now.skipped + after.skipped - before.skipped,
            differences=now.differences + after.differences - before.differences,
            pass_differences=now.pass_differences + after.differences - before.differences,
            batches=now.batches + after.batches - before.batches,
            busy_ms=now.busy_ms + after.busy_ms - before.busy_ms,
            batch_blocks=after.batch_blocks,
            stripes=after.stripes,
            rows_per_s=self._lead.rate if not self._threads else now.rows_per_s,
            updated_at=self._read_at + timedelta(seconds=time.monotonic() - self._refreshed),
        )

    def _refresh(self) -> None:
        with self.executor.engine.connect() as connection:
            found = store.progress(connection, self.executor.claim.run_id, self.position)
            self._read_at = store.now(connection)
        assert found is not None
        self.progress = found
        self._refreshed = time.monotonic()

    # being throttled: told once a process, by the first that waits and by the last that goes on

    def slows(self, number: int) -> bool:
        """Whether this worker is the first to wait."""
        with self._mutex:
            self._slowed.add(number)
            return len(self._slowed) == 1

    def speeds(self, number: int) -> bool:
        """Whether this worker was the last to wait."""
        with self._mutex:
            self._slowed.discard(number)
            return not self._slowed
