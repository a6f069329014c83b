"""One worker: takes a free window, works through it in batches, takes the next; between batches it rests and obeys."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill import others_code
from orchestrator.backfill.relations import Changed, expect, guard_of
from orchestrator.backfill.rest import Batch, rest_until
from orchestrator.backfill.throttle import Throttle
from orchestrator.database import fetch, run, set_local, sqlstate
from orchestrator.journal import store, windows
from orchestrator.journal.store import Control
from orchestrator.journal.windows import Held, Window
from orchestrator.knobs import Knobs
from orchestrator.watch import Watched
from phases.step import Batches, Verify

if TYPE_CHECKING:
    from orchestrator.backfill.crew import Crew

logger = logging.getLogger(__name__)

ROW_WAIT_MS = 100
"""How long a batch waits for a row that the application has locked."""
DEADLOCK_SHARE = 0.8
"""A batch ends before deadlock_timeout: whoever waits for one of its rows never gets as far as the deadlock check,
so that PostgreSQL cannot choose the application's statement as the victim."""
IDLE_S = 0.2
"""How often a worker without a window asks for one: another may die and leave its own."""
RATE_WINDOW_S = 10.0

Result = TypeVar("Result")


class Gone(Exception):
    """The window is no longer ours: another worker has it, or it was closed. Nothing was written for it."""


class Job(Protocol):
    """What is done with a window."""

    def work(self) -> None:
        """Works from the window's cursor to its end."""


@dataclass
class Batching:
    """A transaction that holds the worker's window."""

    connection: Connection
    held: Held
    watched: Watched
    started: float
    awaited: bool = False
    """Somebody waits for a lock of it: for a row, or for its table."""


class Worker:
    """While entered, it counts as one of the run's workers."""

    def __init__(self, crew: Crew, number: int, job: Callable[[Worker], Job]) -> None:
        self.crew = crew
        self.number = number
        self.executor = crew.executor
        self.claim = crew.executor.claim
        self.step: Batches | Verify = crew.step
        self.id = 0
        self.window: Window
        self._knobs = crew.knobs
        self._last: Batch | None = None
        self._recent: deque[tuple[float, int]] = deque()
        """When a batch ended, and the rows of all batches until then."""
        self._rows = 0
        self._rate: float | None = None
        self._throttle = Throttle(self)
        self._job = job(self)

    def __enter__(self) -> Worker:
        self.id = self.claim.join(self.crew.position, self.number, lambda: self._rate)
        self.crew.recount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.claim.leave(self.id)

    @property
    def rate(self) -> float | None:
        """Rows a second, of late."""
        return self._rate

    # windows

    def work_off(self) -> None:
        """Returns when the pass has no window left: those of other workers are waited for, they may die."""
        while self._next_window():
            try:
                self._work()
            except Gone:
                self._told_gone()

    def _work(self) -> None:
        try:
            if self.window.name is None:
                raise Changed
            self._job.work()
        except Changed:
            self.crew.cuts.reconcile(self.window)
        except DBAPIError as error:
            # undefined_table: renamed, or dropped, since the window was taken
            if sqlstate(error) != "42P01" or not self.crew.cuts.reconcile(self.window):
                raise

    def _next_window(self) -> bool:
        while self.crew.wants(self.number):
            self.check()
            with self.executor.engine.begin() as connection:
                window, left = windows.claim(
                    connection,
                    self.claim.run_id,
                    self.crew.position,
                    self.id,
                    stale_after_s=self.executor.settings.stale_after_s,
                )
            if window is not None:
                self.window = window
                return True
            if not left:
                return False
            self.crew.look()
            self.claim.stopping.wait(IDLE_S)
        return False

    def _told_gone(self) -> None:
        first, end = self.window.next_block, self.window.end_block
        self.check()
        self.executor.reporter.note(
            f"blocks {first} to {end - 1} of {self.window.name} are no longer this worker's: nothing was written"
        )

    # transactions

    @contextmanager
    def batch(self, *, timeout_ms: int, stoppable: bool = False) -> Iterator[Batching]:
        """A transaction that holds our window, with settings of ours and with its statement watched.

        Raises:
            Gone: the window was taken from us; nothing is written.
        """
        started = time.monotonic()
        with self.executor.engine.begin() as connection:
            self._settings(connection, timeout_ms=timeout_ms)
            held = windows.hold(connection, self.window, self.id)
            if held is None:
                raise Gone
            self.claim.admit(held)
            # before anything is written: whoever paused while the batch before was under way waits for that one alone
            self.claim.obey(held.control)
            self.check()
            with self.claim.watching(connection, self.step.title, stoppable=stoppable) as watched:
                yield Batching(connection, held, watched, started)

    def send(self, batch: Batching, sql: str) -> int:
        """Runs a statement that writes; returns the number of rows it touched."""
        touched = run(batch.connection, self.executor.tagged(sql, self.crew.position))
        if self.crew.writes is not None and not self.crew.replica:
            others_code.require_none(
                batch.connection, self.crew.writes, relation=self.window.relation, again=self.executor.again
            )
        return touched

    def read(self, batch: Batching, sql: str) -> list[Any]:
        """Runs a query."""
        return list(fetch(batch.connection, self.executor.tagged(sql, self.crew.position)))

    def expect(self, batch: Batching) -> int:
        """The statement has met the file that the window was cut from; returns how many updates were HOT."""
        assert self.window.name is not None
        hot = expect(
            batch.connection,
            name=self.window.name,
            oid=self.window.relation,
            filenode=self.window.filenode,
            guard=guard_of(self.step),
        )
        return hot - batch.held.hot

    def save(self, batch: Batching, **changes: Any) -> Window:
        """Cursor and counters, in the batch's own transaction. `committed` takes note of them."""
        milliseconds = (time.monotonic() - batch.started) * 1000
        after, batch.awaited = windows.save(
            batch.connection,
            self.window,
            batches=self.window.batches + 1,
            busy_ms=self.window.busy_ms + milliseconds,
            **changes,
        )
        return after

    def committed(self, batch: Batching, after: Window) -> None:
        """After a transaction: the place to tell and to obey."""
        before, self.window = self.window, after
        now, rows = time.monotonic(), after.rows - before.rows
        self._last = Batch(batch.started, now, rows)
        self._rate = self._rows_per_s(now, rows)
        self._heard(batch.held.control)
        self.crew.tell(before, after)
        self.check()

    def _rows_per_s(self, now: float, rows: int) -> float | None:
        """Over the last seconds."""
        self._rows += rows
        self._recent.append((now, self._rows))
        while now - self._recent[0][0] > RATE_WINDOW_S:
            self._recent.popleft()
        first, rows_then = self._recent[0]
        return (self._rows - rows_then) / (now - first) if now > first else None

    def guarded(self, attempt: Callable[[], Result]) -> Result:
        """Tries again while a lock is in the way, within the budget."""
        return self.executor.guarded(self.step.title, self.crew.position, attempt)

    def _settings(self, connection: Connection, *, timeout_ms: int) -> None:
        """Ours, whatever the role's defaults, and for this transaction alone."""
        settings: dict[str, str | int] = {
            "lock_timeout": ROW_WAIT_MS if timeout_ms else self.executor.settings.lock_timeout_ms,
            "statement_timeout": timeout_ms,
            # a worker that is frozen in a batch keeps its rows locked no longer
            "idle_in_transaction_session_timeout": self.executor.settings.lock_hold_ms,
            # a policy must raise, not hide rows from us
            "row_security": "off",
            # safe: after a crash of the server the cursor is lost together with its batch
            "synchronous_commit": "off",
        }
        if self.crew.compresses:
            settings["wal_compression"] = "lz4"
        if self.crew.replica and timeout_ms:
            # the application's triggers stay silent: for them nothing has happened to these rows
            settings["session_replication_role"] = "replica"
        set_local(connection, **settings)

    # between transactions

    @property
    def knobs(self) -> Knobs:
        """As they were last heard; what is allowed to all workers together is shared."""
        limit = self._knobs.max_rows_per_s
        if limit is None:
            return self._knobs
        return self._knobs.model_copy(update={"max_rows_per_s": max(1, limit // max(1, self.crew.progress.workers))})

    @property
    def target_ms(self) -> float:
        """What a batch should take."""
        return min(float(self._knobs.target_batch_ms), DEADLOCK_SHARE * self.executor.deadlock_timeout_ms / 2)

    def timeout_ms(self, target_ms: float) -> int:
        """What a batch may take."""
        return max(1, int(min(5 * target_ms, DEADLOCK_SHARE * self.executor.deadlock_timeout_ms)))

    def check(self) -> None:
        """Raises where the worker is to stop."""
        self.crew.check()

    def wait_for_turn(self) -> None:
        """Before a transaction: the place to rest, and to wait until the server can bear it."""
        self._rest()
        self.check()
        self._knobs = self._throttle.hold(self._knobs)

    def listen(self) -> Knobs:
        """What the operator wants: a batch would have read it, and there is none."""
        with self.executor.engine.connect() as connection:
            control = store.control(connection, self.claim.run_id)
        self._heard(control)
        self.check()
        return self._knobs

    def _heard(self, control: Control) -> None:
        self._knobs = self.crew.knobs = control.knobs
        self.claim.obey(control)

    def _rest(self) -> None:
        """As long as the operator wants, asked again and again: it ends early where the operator shortens it."""
        while self._last and (left_s := rest_until(self.knobs, self._last) - time.monotonic()) > 0:
            if self.claim.stopping.wait(min(left_s, 1)):
                return
            self.check()
            if left_s > 1:
                self.listen()
