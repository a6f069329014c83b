"""Runs one step: its locks by class, its transaction with the journal row, retries, and the repair of indexes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import NoReturn, TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential, wait_random

from orchestrator import index_trees, inspecting, key_trees, losses
from orchestrator.backfill.loop import run_batches, run_verification
from orchestrator.backfill.meter import Meter
from orchestrator.backfill.relations import unvisited
from orchestrator.database import fetch, primary_message, run, scalar, set_local, sqlstate
from orchestrator.errors import LockNotObtained, NotVerified, PartitionAttached, StepFailed, StoppedOnRequest
from orchestrator.inspecting import Found, shown
from orchestrator.journal import store
from orchestrator.journal.store import StepRow
from orchestrator.lock_order import lock_statements, rotated
from orchestrator.program import load_step
from orchestrator.report import Blocker, Reporter
from orchestrator.settings import Settings
from orchestrator.snapshots import holders, horizon
from orchestrator.watch import CANCELLED, TOO_LONG, Watch, Watched
from phases.constrain import reindex
from phases.delta import Table
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

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

LOCK_STATES = {"55P03", "40P01", "40001"}
"""lock_not_available, deadlock_detected, serialization_failure: rolled back whole, worth another try."""

JOINT = "\n;\n"
"""Between two statements; the line break ends a comment of an author's."""
SET_TABLESPACE = "SELECT pg_catalog.set_config('default_tablespace', %(name)s, false)"
DEADLOCK_TIMEOUT_MS = "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
DEPENDENTS_EXIST = "2BP01"
INDEX_STATE = """
SELECT i.indisvalid AS valid, c.oid::bigint AS oid,
       EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS being_built
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
"""
LEAF_INDEXES = """
SELECT n.nspname AS schema, c.relname AS name, tc.relname AS table
FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace AND r.relkind = 'I'
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
WHERE rn.nspname = %(schema)s AND r.relname = %(name)s AND t.isleaf ORDER BY c.oid
"""
# of the index itself or of a leftover: while it lasts, the progress view names now one, now the other
BEING_REBUILT = """
SELECT FROM pg_catalog.pg_stat_progress_create_index p
JOIN pg_catalog.pg_class c ON c.oid = p.index_relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.datname = pg_catalog.current_database() AND n.nspname = %(schema)s AND c.relname = ANY (%(names)s)
"""

SNAPSHOTS_S = 0.2
"""How often those who hold an old snapshot are looked for."""


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
        self._waited_s = 0.0
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
                    self._build_index(row, step, done)
                case BuildIndexTree():
                    index_trees.build(self, row, step, done)
                case BuildLeafIndexes():
                    index_trees.build_leaves(self, row, step, done)
                case AddForeignKeyTree():
                    key_trees.add(self, row, step, done)
                case DropIndex() | Outside():
                    self._begin(row)
                    self.autocommit(row.position, step, step.sql)
                    self.note(done)
                case Reindex():
                    self._reindex(row, step, done)
                case Inspect():
                    self._inspect(row.position, step, done)
                case Batches():
                    self._begin(row)
                    with Meter(self, row.position, step.table):
                        run_batches(self, row.position, step)
                    self.note(done)
                case Verify():
                    self._begin(row)
                    with Meter(self, row.position, step.table):
                        run_verification(self, row.position, step)
                    self.note(done)
                case AwaitSnapshots():
                    self._begin(row)
                    self._await_snapshots(step)
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
            self._clear_up(row, self._parts(step))
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
        with self.told(undo):
            match undo:
                case Statement():
                    self.statement(row.position, undo, note)
                case DropIndex() | Outside():
                    self.autocommit(row.position, undo, undo.sql)
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
        started, self._waited_s = time.monotonic(), 0.0
        yield
        self.reporter.step_done(step.title, time.monotonic() - started, self._waited_s * 1000)

    def _begin(self, row: StepRow) -> None:
        if row.status != "pending":
            return

        def begun(connection: Connection) -> None:
            self.claim.fence(connection)
            store.step_started(connection, self.claim.run_id, row.position)

        self.note(begun)

    def note(self, write: Callable[[Connection], object]) -> None:
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
            sleep=self._sleep,
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

    def _sleep(self, seconds: float) -> None:
        self.claim.stopping.wait(seconds)
        self.claim.check()

    def _blocker_hint(self, watched: Watched | None) -> str:
        if watched is None or not watched.seen:
            return self._try_again
        return "\n".join(("blocked by:", *(f"  {blocker}" for blocker in watched.seen.values()), self._try_again))

    @property
    def _try_again(self) -> str:
        return f"nothing was changed; try again with: {self.again}"

    def _note_wait(self, position: int, watched: Watched | None, *, failed: bool = False) -> None:
        """Who blocked us and for how long goes into the history, and an attempt that failed is counted."""
        if watched is None or not (watched.seen or failed):
            return
        self._waited_s += watched.waited_s
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

    # indexes

    def _build_index(self, row: StepRow, step: BuildIndex, done: Callable[[Connection], None]) -> None:
        """The catalog, not our memory, says whether the index is there: a killed build leaves an invalid one."""
        if row.status == "pending":
            self._claim_name(row, step)
        self.ensure_index(row.position, step)
        self.finish_index(row.position, step.after, done)

    def ensure_index(self, position: int, step: BuildIndex) -> None:
        """Builds the index unless it is there."""
        while True:
            state = self._index_state(step)
            if state is None:
                self._create_index(position, step)
            elif state["valid"]:
                return
            elif state["being_built"]:
                # by the server process of a runner that was killed: it knows nothing of that and works on
                self._await_build(step)
            else:
                # ours, by the journal: interrupted or failed; it takes every write and serves no query
                self.reporter.note(f"removing what is left of an interrupted build of {step.name}")
                self.autocommit(position, step, step.drop_sql)

    def finish_index(self, position: int, after: Sequence[str], done: Callable[[Connection], object]) -> None:
        """What is said of an index, and the note that it is there."""
        with self.engine.begin() as connection:
            set_local(connection, lock_timeout=0, statement_timeout=0)
            for statement in after:
                run(connection, self.tagged(statement, position))
            done(connection)

    def _await_build(self, step: BuildIndex) -> None:
        self.reporter.note(f"waiting for a build of {step.name} that is still under way")
        while (state := self._index_state(step)) is not None and state["being_built"]:
            self._sleep(1)

    def _claim_name(self, row: StepRow, step: BuildIndex) -> None:
        with self.engine.begin() as connection:
            if fetch(connection, INDEX_STATE, {"schema": step.schema, "name": step.name}):
                raise StepFailed(
                    f'there is already a relation "{step.schema}.{step.name}", and it is not ours',
                    f"rename or drop it, then: {self.again}",
                )
            self.claim.fence(connection)
            store.step_started(connection, self.claim.run_id, row.position)

    def _index_state(self, step: BuildIndex) -> RowMapping | None:
        with self.engine.connect() as connection:
            rows = fetch(connection, INDEX_STATE, {"schema": step.schema, "name": step.name})
        return rows[0] if rows else None

    def _create_index(self, position: int, step: BuildIndex) -> None:
        try:
            self.autocommit(position, step, step.sql, tablespace=step.tablespace)
        except StepFailed:
            # an invalid unique index still refuses duplicates: it must not stay and fail the application's writes
            self.autocommit(position, step, step.drop_sql)
            raise
        except DBAPIError as error:
            if sqlstate(error) not in LOCK_STATES:
                raise
            # it lost a deadlock; our caller looks at the catalog, removes what is left and begins again
            logger.info("lost a deadlock: %s", step.title, extra={"run": self.name})

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

    def _reindex(self, row: StepRow, step: Reindex, done: Callable[[Connection], None]) -> None:
        """What an interrupted try has left goes first; then it is done again, whether or not it was through."""
        parts = self._parts(step)
        if row.status == "pending":
            self._claim_leftovers(row, parts)
        else:
            self._clear_up(row, parts)
        for part in parts:
            try:
                self.autocommit(row.position, part, part.sql)
            except StepFailed:
                self._remove_leftovers(row, part)
                raise
        self.note(done)

    def _parts(self, step: Reindex) -> list[Reindex]:
        """The index itself, or those of the partitions: there is nothing to rebuild of a partitioned table's own."""
        with self.engine.connect() as connection:
            found = fetch(connection, LEAF_INDEXES, {"schema": step.schema, "name": step.name})
        return [reindex(Table(row["schema"], row["table"]), row["name"]) for row in found] or [step]

    def _clear_up(self, row: StepRow, parts: Sequence[Reindex]) -> None:
        for part in parts:
            self._await_reindex(part)
            self._remove_leftovers(row, part)

    def _claim_leftovers(self, row: StepRow, parts: Sequence[Reindex]) -> None:
        """From here on what has such a name is ours."""
        with self.engine.begin() as connection:
            for schema, name in ((part.schema, name) for part in parts for name in part.leftovers):
                if fetch(connection, INDEX_STATE, {"schema": schema, "name": name}):
                    raise StepFailed(
                        f'there is already a relation "{schema}.{name}", and it is not ours',
                        f"an interrupted REINDEX leaves such an index: drop it, then: {self.again}",
                    )
            self.claim.fence(connection)
            store.step_started(connection, self.claim.run_id, row.position)

    def _await_reindex(self, step: Reindex) -> None:
        """The server process of a runner that was killed knows nothing of that and works on."""
        names = [step.name, *step.leftovers]
        while True:
            with self.engine.connect() as connection:
                if not fetch(connection, BEING_REBUILT, {"schema": step.schema, "names": names}):
                    return
            self.reporter.note(f"waiting for a rebuild of {step.name} that is still under way")
            self._sleep(1)

    def _remove_leftovers(self, row: StepRow, step: Reindex) -> None:
        for undo, name in zip(step.undo, step.leftovers, strict=True):
            with self.engine.connect() as connection:
                found = fetch(connection, INDEX_STATE, {"schema": step.schema, "name": name})
            # one that is valid serves somebody: no REINDEX has left it
            if found and found[0]["valid"] is False:
                assert isinstance(undo, DropIndex)
                self.reporter.note(f"removing what is left of an interrupted rebuild of {step.name}")
                self.autocommit(row.position, undo, undo.sql)

    # snapshots

    def _await_snapshots(self, step: AwaitSnapshots) -> None:
        """Each look is a transaction of its own; whoever begins after the first is not waited for."""
        with self.engine.begin() as connection:
            since = horizon(connection)
        with self.engine.begin() as connection:
            left = everyone = holders(connection, since)
        started, told = time.monotonic(), set[str]()
        while left:
            if told != left.keys():
                told = set(left)
                self.reporter.waiting(step.title, list(left.values()))
            self._waited_s = time.monotonic() - started
            if self._waited_s >= self.settings.lock_budget_s:
                break
            self._sleep(SNAPSHOTS_S)
            with self.engine.begin() as connection:
                now = holders(connection, since)
            left = {holder: blocker for holder, blocker in now.items() if holder in left}
        if everyone:
            self._note_holders(step, list((left or everyone).values()), in_vain=bool(left))
        if left:
            raise LockNotObtained(
                f"{step.title}: somebody still has one after {self.settings.lock_budget_s:g} s",
                "\n".join(("held by:", *(f"  {blocker}" for blocker in left.values()), self._try_again)),
            )

    def _note_holders(self, step: AwaitSnapshots, blockers: list[Blocker], *, in_vain: bool) -> None:
        message = f"{step.title}: {self._waited_s * 1000:.0f} ms" + (" in vain" if in_vain else "")
        detail = {"blockers": [blocker.as_json() for blocker in blockers]}
        with self.engine.begin() as connection:
            self.claim.fence(connection)
            store.add_event(connection, self.claim.run_id, "lock_wait", message, detail=detail)

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
            f'has trigger "{step.guard}" been disabled for a while, or does a later trigger change these columns? '
            f"set these rows right, then: {self.again}",
        )


def patience_ms(locks: int, *, lock_timeout_ms: int, deadlock_timeout_ms: int) -> int:
    """How long a step waits for each of its locks: for several all in all less than deadlock_timeout.

    A session that waits for our first lock while we wait for one of its own began to wait after us; it looks for a
    deadlock only after deadlock_timeout, and by then we are gone: it is always us who gives way.
    """
    if locks == 1:
        return lock_timeout_ms
    # 0 would be no bound at all
    return max(1, min(lock_timeout_ms, deadlock_timeout_ms // max(locks, 2)))


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
