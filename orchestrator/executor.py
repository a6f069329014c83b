"""Runs one step: its locks by class, its transaction with the journal row, and its retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import NoReturn, TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential, wait_random

from orchestrator import index_trees, indexes, inspecting, key_trees, losses, snapshots, vanished
from orchestrator.backfill.loop import run_batches, run_verification
from orchestrator.backfill.meter import Meter
from orchestrator.backfill.relations import unvisited
from orchestrator.database import fetch, primary_message, run, scalar, set_local, sqlstate
from orchestrator.errors import LockNotObtained, NotVerified, PartitionAttached, StepFailed, StoppedOnRequest
from orchestrator.inspecting import Found, shown
from orchestrator.journal import store
from orchestrator.journal.store import StepRow
from orchestrator.lock_order import LOCK_STATES, lock_statements, patience_ms, rotated
from orchestrator.program import load_step
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from orchestrator.watch import CANCELLED, TOO_LONG, Watch, Watched
from phases.step import (
    AddForeignKeyTree,
    AwaitSnapshots,
    Batches,
    BuildIndex,
    BuildIndexTree,
    BuildLeafIndexes,
    DropIndex,
    DropIndexTree,
    DropLeafIndexes,
    Inspect,
    LockClass,
    Outside,
    Phase,
    Reindex,
    Statement,
    Step,
    Undo,
    Verify,
)

Result = TypeVar("Result")

JOINT = "\n;\n"
"""Between two statements; the line break ends a comment of an author's."""
SET_TABLESPACE = "SELECT pg_catalog.set_config('default_tablespace', %(name)s, false)"
DEADLOCK_TIMEOUT_MS = "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
DEPENDENTS_EXIST = "2BP01"


class Executor:
    """Runs the steps of one claimed run; or helps with its batches, where `claim` is that of a worker elsewhere."""

    def __init__(self, engine: Engine, claim: Watch, settings: Settings, reporter: Reporter, name: str) -> None:
        self.engine = engine
        self.claim = claim
        self.settings = settings
        self.reporter = reporter
        self.name = name
        self.again = f"orchestrator advance {name}"
        """The command that goes on after a halt; the runner sets it with the phase."""
        self.workers: int | None = None
        """How many work on batches; None: as many as the knob says."""
        self.waited_s = 0.0
        self.vanished = vanished.Vanished()
        """Tables that somebody has dropped under the run: an abort passes over what went with them."""
        with engine.connect() as connection:
            self.deadlock_timeout_ms = int(scalar(connection, DEADLOCK_TIMEOUT_MS))

    def execute(self, row: StepRow, *, anew: bool = False) -> None:
        """Runs a step and notes it in the journal; `anew` forgets that it was done before.

        Raises:
            LockNotObtained: the lock budget is spent; nothing was changed.
            StepFailed: trying again would not mend it.
            StoppedOnRequest, ClaimLost: see `Claim.check`.
        """
        self.claim.check()
        step = load_step(row.payload)

        def done(connection: Connection) -> None:
            self.claim.fence(connection)
            store.step_done(connection, self.claim.run_id, row.position)

        if anew:
            self.note(lambda connection: self._forget(connection, row))
        with self.told(step):
            match step:
                case Statement():
                    if step.loss:
                        self._tell_loss(step)
                    self.statement(row.position, step, done, compared_in=row.phase if step.guards else None)
                case BuildIndex():
                    indexes.build(self, row, step, done)
                case BuildIndexTree():
                    index_trees.build(self, row, step, done)
                case BuildLeafIndexes():
                    index_trees.build_leaves(self, row, step, done)
                case AddForeignKeyTree():
                    key_trees.add(self, row, step, done)
                case DropIndex() | Outside():
                    self.begin(row)
                    self.autocommit(row.position, step, step.sql)
                    self.note(done)
                case Reindex():
                    indexes.rebuild(self, row, step, done)
                case Inspect():
                    self._inspect(row.position, step, done)
                case Batches():
                    self.begin(row)
                    with Meter(self, row.position, step.table):
                        run_batches(self, row.position, step)
                    self.note(done)
                case Verify():
                    self.begin(row)
                    with Meter(self, row.position, step.table):
                        run_verification(self, row.position, step)
                    self.note(done)
                case AwaitSnapshots():
                    self.begin(row)
                    snapshots.await_their_end(self, step)
                    self.note(done)

    def _tell_loss(self, step: Statement) -> None:
        """Says how much is about to be lost, and keeps it in the history."""
        with self.engine.begin() as connection:
            lost = f"{step.title}: {scalar(connection, step.loss)}"
            self.claim.fence(connection)
            store.add_event(connection, self.claim.run_id, "loss", lost)
        self.reporter.note(lost)

    def _tell_left(self, step: Statement) -> None:
        """Says what an abort cannot take back, and keeps it in the history."""
        with self.engine.begin() as connection:
            self.claim.fence(connection)
            store.add_event(connection, self.claim.run_id, "left", step.leaves)
        self.reporter.note(step.leaves)

    def _forget(self, connection: Connection, row: StepRow) -> None:
        self.claim.fence(connection)
        store.forget_step(connection, self.claim.run_id, row.position)

    def undo(self, row: StepRow) -> None:
        """Runs what takes a step back, and notes it; a step without undo is only noted."""
        self.claim.check()

        def undone(connection: Connection) -> None:
            self.claim.fence(connection)
            store.step_undone(connection, self.claim.run_id, row.position)

        step = load_step(row.payload)
        if isinstance(step, Reindex):
            indexes.clear_up(self, row, step)
        if isinstance(step, Statement) and step.leaves:
            self._tell_left(step)
        *others, last = step.undo or (None,)
        for undo in others:
            assert undo is not None
            # repeated if we die before the last is noted: all but a single one may be run twice
            self._undo(row, undo, self.claim.fence)
        if last is None:
            self.note(undone)
        else:
            self._undo(row, last, undone)

    def look_before_undo(self, row: StepRow) -> None:
        """Looks for rows that would stop the undo of a step, while nothing is taken back yet.

        Raises:
            StepFailed: naming them.
        """
        undos = load_step(row.payload).undo
        looks = {undo.sql: undo for undo in undos if isinstance(undo, Inspect)}
        for undo in undos:
            if isinstance(undo, Statement) and undo.violations is not None:
                looks.setdefault(undo.violations, Inspect(title=undo.title, sql=undo.violations, locks=undo.locks))
        for look in looks.values():
            self._undo(row, look, self.claim.fence)

    def _undo(self, row: StepRow, undo: Undo, note: Callable[[Connection], object]) -> None:
        gone = not self.vanished.gone.isdisjoint(lock.relation for lock in undo.locks)
        with self.told(undo):
            match undo:
                case Statement():
                    # what refers to it went, too
                    left = vanished.what_is_left(undo, self.vanished) if self.vanished.gone else undo
                    self.statement(row.position, left, note)
                case Inspect() if gone:
                    self.note(note)
                case DropIndex() | Outside():
                    try:
                        self.autocommit(row.position, undo, undo.sql)
                    except StepFailed as error:
                        if not (gone and vanished.went_with_it(error)):
                            raise
                    self.note(note)
                case DropIndexTree():
                    index_trees.drop(self, row, undo, note)
                case BuildLeafIndexes():
                    index_trees.build_leaves(self, row, undo, note)
                case DropLeafIndexes():
                    index_trees.drop_leaves(self, row, undo, note)
                case Inspect():
                    self._inspect(row.position, undo, note)

    @contextmanager
    def told(self, step: Step | Undo) -> Iterator[None]:
        """Tells whoever listens when a step begins and ends."""
        self.reporter.step_started(step.title)
        started, self.waited_s = time.monotonic(), 0.0
        yield
        self.reporter.step_done(step.title, time.monotonic() - started, self.waited_s * 1000)

    def begin(self, row: StepRow) -> None:
        """Notes that a step has begun, before it does anything that is not undone with the note."""
        if row.status == "pending":
            self.note(lambda connection: self.begun(connection, row))

    def begun(self, connection: Connection, row: StepRow) -> None:
        """The same, in the transaction that has made sure that it may begin."""
        self.claim.fence(connection)
        store.step_started(connection, self.claim.run_id, row.position)

    def note(self, write: Callable[[Connection], object]) -> None:
        """Writes to the journal, in a transaction of its own."""
        with self.engine.begin() as connection:
            write(connection)

    def tagged(self, sql: str, position: int) -> str:
        """SQL with a comment that tells whoever sees it in pg_stat_activity where it comes from."""
        return f"/* orchestrator run={self.name} step={position} */ {sql}"

    # statements

    def statement(
        self,
        position: int,
        step: Statement,
        note: Callable[[Connection], object],
        *,
        compared_in: Phase | None = None,
    ) -> None:
        """`compared_in`: the phase whose comparison the statement relies on."""
        if step.lock_class is LockClass.LONG and not step.declared:
            self._long(position, step, note)
        elif step.lock_class is LockClass.LONG:
            # whatever lock it really takes, nobody queues behind its waiting for longer than behind a short one's
            bound = self.settings.lock_timeout_ms
            self.guarded(step.title, position, lambda: self._long(position, step, note, lock_timeout_ms=bound))
        else:
            turns = count()
            self.guarded(step.title, position, lambda: self._short(position, step, note, compared_in, next(turns)))

    def _short(
        self,
        position: int,
        step: Statement,
        note: Callable[[Connection], object],
        compared_in: Phase | None,
        turn: int,
    ) -> None:
        """One try at a short exclusive step: journal first, so that the lock is held for the DDL and COMMIT alone."""
        # those of all partitions are waited for together, as one, and yet they are several
        several = any(lock.reach == "tree" for lock in step.locks)
        lock_timeout_ms = patience_ms(
            max(2, len(step.locks)) if several else len(step.locks),
            lock_timeout_ms=self.settings.lock_timeout_ms,
            deadlock_timeout_ms=self.deadlock_timeout_ms,
        )
        limit_ms = lock_timeout_ms * max(1, len(step.locks)) + self.settings.lock_hold_ms
        with self.engine.begin() as connection:
            set_local(
                connection,
                # bounds the queue that forms behind us; each lock of the step may wait as long
                lock_timeout=lock_timeout_ms,
                statement_timeout=limit_ms,
                # should this process be frozen between two statements, the server ends it and frees the lock
                idle_in_transaction_session_timeout=self.settings.lock_hold_ms,
            )
            locking = lock_statements(connection, step)
            note(connection)
            # it may be cancelled at any time: all of it is rolled back, and a resumed run does it again
            with self._translated(step, connection, limit_s=limit_ms / 1000) as watched:
                # the first statements lock tables and their partitions: nobody can attach another one then
                locked = sum(lock.reach == "tree" for lock in step.locks)
                for sql in rotated([*locking, *step.sql[:locked]], turn):
                    run(connection, self.tagged(sql, position))
                losses.require_unnoticed(connection, step.losses)
                if compared_in is not None and locked:
                    self._require_compared(connection, step, compared_in)
                index_trees.require_leaves(connection, step)
                run(connection, self.tagged(JOINT.join(step.sql[locked:]), position))
        self._note_wait(position, watched)

    def _require_compared(self, connection: Connection, step: Statement, phase: Phase) -> None:
        """Raises where a partition has come since every row was compared: what it brought along would be lost."""
        for guard in step.guards:
            found = unvisited(connection, self.claim.run_id, phase, guard, ops=["verify"])
            if found:
                raise PartitionAttached(f"{step.title}: {', '.join(found)} came after every row was compared", guard)

    def catch_up(self, row: StepRow) -> None:
        """Does what is done partition by partition for those that have come since."""
        step = load_step(row.payload)
        if isinstance(step, BuildLeafIndexes):
            self.execute(row)
            return
        assert isinstance(step, Batches | Verify)
        if step.locks[0].reach != "tree" or step.guard is None:
            return  # a table that had no partitions when the run was compiled
        with self.engine.connect() as connection:
            found = unvisited(connection, self.claim.run_id, row.phase, step.guard, ops=[row.op])
        if found:
            self.reporter.note(f"{', '.join(found)}: attached since {step.title}")
            self.execute(row)

    def _long(
        self, position: int, step: Statement, note: Callable[[Connection], object], *, lock_timeout_ms: int = 0
    ) -> None:
        """SHARE UPDATE EXCLUSIVE or less: nobody queues behind it, so nothing cuts it short; the note comes last."""
        with self.engine.begin() as connection:
            set_local(
                connection,
                lock_timeout=lock_timeout_ms,
                statement_timeout=0,
                # of a process frozen between the statement and its note
                idle_in_transaction_session_timeout=self.settings.lock_hold_ms,
            )
            with self._translated(step, connection) as watched:
                run(connection, self.tagged(JOINT.join(step.sql), position))
            note(connection)
        self._note_wait(position, watched)

    def guarded(self, title: str, position: int, attempt: Callable[[], Result]) -> Result:
        """Tries until the lock is had or the budget spent, with growing, jittered pauses in which others go first."""

        def remember(state: RetryCallState) -> None:
            assert state.next_action is not None
            self._note_wait(position, self.claim.last_watched, failed=True)
            self.reporter.retrying(title, state.attempt_number, state.next_action.sleep)

        retrying = Retrying(
            stop=stop_after_delay(self.settings.lock_budget_s),
            wait=wait_exponential(multiplier=0.2, max=30) + wait_random(0, 0.5),
            retry=retry_if_exception(lambda error: sqlstate(error) in LOCK_STATES),
            before_sleep=remember,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except DBAPIError as error:
            if sqlstate(error) not in LOCK_STATES:
                raise
            last = self.claim.last_watched
            self._note_wait(position, last, failed=True)
            raise LockNotObtained(
                f"{title}: no lock within {self.settings.lock_budget_s:g} s", self._blocker_hint(last)
            ) from error

    def sleep(self, seconds: float) -> None:
        """Until then, or until the run has to stop.

        Raises:
            StoppedOnRequest, ClaimLost: see `Claim.check`.
        """
        self.claim.stopping.wait(seconds)
        self.claim.check()

    def _blocker_hint(self, watched: Watched | None) -> str:
        if watched is None or not watched.seen:
            return self.try_again
        return "\n".join(("blocked by:", *(f"  {blocker}" for blocker in watched.seen.values()), self.try_again))

    @property
    def try_again(self) -> str:
        """What to do where nothing was changed."""
        return f"nothing was changed; try again with: {self.again}"

    def _note_wait(self, position: int, watched: Watched | None, *, failed: bool = False) -> None:
        """Who blocked us and for how long goes into the history, and an attempt that failed is counted."""
        if watched is None or not (watched.seen or failed):
            return
        self.waited_s += watched.waited_s
        milliseconds = watched.waited_s * 1000
        with self.engine.begin() as connection:
            self.claim.fence(connection)
            store.step_waited(
                connection, self.claim.run_id, position, lock_wait_ms=milliseconds, attempts=1 if failed else 0
            )
            if watched.seen:
                store.add_event(
                    connection,
                    self.claim.run_id,
                    "lock_wait",
                    f"{watched.title} waited {milliseconds:.0f} ms for a lock" + (" in vain" if failed else ""),
                    detail={"blockers": [blocker.as_json() for blocker in watched.seen.values()]},
                )

    @contextmanager
    def _translated(self, step: Step, connection: Connection, *, limit_s: float | None = None) -> Iterator[Watched]:
        """Watches a statement, and gives its errors the meaning they have for the user."""
        with self.claim.watching(connection, step.title, stoppable=True, limit_s=limit_s) as watched:
            try:
                yield watched
            except DBAPIError as error:
                self._explain(step, error, watched)

    def _explain(self, step: Step, error: DBAPIError, watched: Watched) -> NoReturn:
        """Raises what a server error means; errors that others handle pass unchanged."""
        state = sqlstate(error)
        if state == CANCELLED:
            self.claim.check()
            if watched.cancelled_for == TOO_LONG or (watched.limit_s and watched.elapsed_s >= watched.limit_s):
                raise StepFailed(
                    f"{step.title}: cancelled after {self.settings.lock_hold_ms} ms, so that nobody waits longer",
                    "nothing was changed; look at what slows it down, or allow more with --lock-hold-ms",
                ) from error
            raise StoppedOnRequest(
                f"{step.title}: cancelled by somebody with pg_cancel_backend",
                f"go on with: {self.again}",
            ) from error
        if state is not None and state[:2] in {"22", "23"}:
            raise self._violated(step, error) from error
        if state is not None and state not in LOCK_STATES and state[:2] not in {"08", "57", "25"}:
            raise failed(step.title, error, self.again) from error
        raise error

    def _violated(self, step: Step, error: DBAPIError) -> StepFailed:
        """Data stands against a constraint: says which rows."""
        lines = [f"{step.title}: {primary_message(error)}"]
        detail = error.orig.diag.message_detail if isinstance(error.orig, psycopg.Error) else None
        if detail:
            lines.append(f"  {detail}")
        query = step.violations if isinstance(step, Statement) else None
        if query is not None:
            with self.engine.connect() as connection:
                rows = fetch(connection, query)
            lines += map(_as_line, rows)
        return StepFailed("\n".join(lines), f"put these rows right, then: {self.again}")

    def autocommit(self, position: int, step: Step, sql: str, *, tablespace: str | None = None) -> None:
        """CONCURRENTLY: outside a transaction, without timeouts (lock_timeout would leave an invalid index behind).

        Session settings are safe here: the connection is direct, ours, and closed afterwards.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # not to go back among the others with these settings: closed at the end
            connection.detach()
            run(connection, "SET lock_timeout = 0")
            run(connection, "SET statement_timeout = 0")
            if tablespace is not None:
                fetch(connection, SET_TABLESPACE, {"name": tablespace})
            # no transaction can hold it: as late as can be, so that a runner that was overtaken sends nothing
            self.note(self.claim.fence)
            with self._translated(step, connection) as watched:
                run(connection, self.tagged(sql, position))
        self._note_wait(position, watched)

    # rows that stand against what follows

    def _inspect(self, position: int, step: Inspect, done: Callable[[Connection], object]) -> None:
        """One read of the table, as VALIDATE would read it; it fails with the rows that VALIDATE would fail on."""
        with self.engine.begin() as connection:
            inspecting.read_only(connection, self.settings, lock_timeout_ms=0)
            with self._translated(step, connection):
                try:
                    with connection.begin_nested():
                        rows = fetch(connection, self.tagged(step.sql, position))
                except DBAPIError as error:
                    if step.rows is None or not inspecting.is_about_rows(error):
                        raise
                    found = inspecting.failing(connection, step.rows, run=self.name, check=self.claim.check)
                    raise self._not_computed(step, error, found) from error
        if rows:
            raise StepFailed(
                "\n".join((f"{step.title}: there are some", *map(_as_line, rows))),
                f"nothing was changed; put these rows right, then: {self.again}",
            )
        self.note(done)

    def _not_computed(self, step: Inspect, error: DBAPIError, found: Found) -> StepFailed:
        """A condition that fails on rows: says which, each with the server's words for it."""
        lines = (f"  {failure}" for failure in found.failures)
        return StepFailed(
            "\n".join((f"{step.title}: {primary_message(error)}", *lines)),
            f"nothing was changed; put these rows right, then: {self.again}",
        )

    def not_verified(self, step: Verify, rows: int, keys: list[str]) -> NotVerified:
        """The error of a comparison that failed."""
        listing = "".join(f"\n  {key}" for key in keys)
        return NotVerified(
            f"{step.title}: {rows} rows differ{listing}",
            f'has trigger "{step.guard}" been disabled for a while, does a later trigger change these columns, or was '
            "a partition attached with rows that have other values than it would have written? set these rows right, "
            f"then: {self.again}",
        )


def _as_line(row: RowMapping) -> str:
    return f"  row {shown(row)}"


def failed(title: str, error: DBAPIError, again: str) -> StepFailed:
    """A server error that trying again would not mend, in the user's terms; `again` is the command that goes on."""
    message = f"{title}: {primary_message(error)}"
    if sqlstate(error) == DEPENDENTS_EXIST and isinstance(error.orig, psycopg.Error):
        message += "".join(f"\n  {line}" for line in (error.orig.diag.message_detail or "").splitlines())
    return StepFailed(message, _next_step(error, again))


def _next_step(error: DBAPIError, again: str) -> str:
    state = sqlstate(error)
    given = error.orig.diag.message_hint if isinstance(error.orig, psycopg.Error) else None
    if state == DEPENDENTS_EXIST:
        # the server's own hint is CASCADE: not at three in the morning
        return f"nothing of this step was kept; drop or change what depends on it, then: {again}"
    if state == "53100":
        return f"the disk is full: free space on the server first, then: {again}"
    if state == "42501":
        return f"docs/permissions.md lists what the role needs; then: {again}"
    return f"{given + '; ' if given else ''}nothing of this step was kept; then: {again}"
