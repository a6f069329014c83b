"""Batches and verification over ranges of heap blocks. A batch, its cursor and its counters commit together."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Literal
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill.pace import FIRST_BLOCKS, Pace
from orchestrator.backfill.rest import Batch, most_blocks, rest_until
from orchestrator.backfill.stripes import Pass, Striping
from orchestrator.backfill.throttle import Throttle
from orchestrator.catalog.reader import may_replicate
from orchestrator.database import fetch, run, set_local, sqlstate
from orchestrator.errors import StepFailed, StoppedOnRequest
from orchestrator.journal import store
from orchestrator.journal.store import Control, Progress
from phases.sql import catalog_sql, text
from phases.step import Batches, Verify

if TYPE_CHECKING:
    from orchestrator.executor import Executor

logger = logging.getLogger(__name__)

ROW_WAIT_MS = 100
"""How long a batch waits for a row that the application has locked."""
DEADLOCK_SHARE = 0.8
"""A batch ends before deadlock_timeout: whoever waits for one of its rows never gets as far as the deadlock check,
so that PostgreSQL cannot choose the application's statement as the victim."""
VERIFY_TARGET_MS = 500
MOST_PASSES = 5
MOST_PARTS = 64
"""Parts in which the rows of one block are updated, where they are too heavy for one batch: about a row each."""
SAMPLE = 10
RATE_WINDOW_S = 10.0

MEASURE = """
SELECT pg_catalog.pg_relation_filenode(c.oid)::bigint AS filenode, c.oid::bigint AS oid,
       pg_catalog.pg_relation_size(c.oid, 'main') / current_setting('block_size')::bigint AS blocks,
       greatest(c.reltuples, 0)::bigint AS rows,
       (SELECT t.tgenabled::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = %(guard)s) AS guard
FROM pg_catalog.pg_class c WHERE c.oid = %(table)s::regclass
"""
LOCK_TABLE = SQL("LOCK TABLE {table} IN ROW EXCLUSIVE MODE")

# PostgreSQL 14+ reads just these blocks (TID Range Scan); a row that moves behind us was touched by the trigger
RANGE = SQL("ctid >= {first}::tid AND ctid < {end}::tid AND ({differs})")
# pages are pruned by a scan of the range, not by fetching single rows: so no list of ctids
# CASE, because the planner orders conditions by its idea of their cost: seven of eight rows need no comparison
STRIPE = SQL(
    "ctid >= {first}::tid AND ctid < {end}::tid"
    " AND CASE WHEN (pg_catalog.hashtid(ctid) & {mask}) = {stripe} THEN ({differs}) ELSE false END"
)
UPDATE = SQL("UPDATE {table} AS new SET {assignments} WHERE {range}")
UPDATE_UNLOCKED = SQL(
    "UPDATE {table} AS new SET {assignments} WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM {table} AS new WHERE {range} FOR NO KEY UPDATE SKIP LOCKED)) AND ({differs})"
)
DIFFERING = SQL("SELECT {keys} FROM {table} AS new WHERE {range} LIMIT {limit}")
COUNT = SQL("SELECT count(*) AS rows FROM {table} AS new WHERE {range}")


HOT_UPDATES = "SELECT pg_catalog.pg_stat_get_xact_tuples_hot_updated(%(table)s::regclass) AS hot"
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


class Rewritten(Exception):
    """The table got another file under us (VACUUM FULL, CLUSTER, TRUNCATE): block numbers mean other rows now."""


@dataclass(frozen=True)
class _Measure:
    filenode: int
    blocks: int
    rows: int


@dataclass(frozen=True)
class _Window:
    """Blocks `first` to `end` (not included), visited in `stripes` passes of about `blocks` blocks' worth of rows."""

    first: int
    end: int
    stripes: int
    blocks: int
    unlocked: bool
    """Rows that the application has locked are passed over; the verification comes back for them."""


def run_batches(executor: Executor, position: int, step: Batches) -> None:
    """Updates all rows that differ, from where the cursor stands to the end as it was when the step began.

    Rows beyond that end were inserted after the trigger was there: they are the trigger's.
    """
    with Throttle(executor, position, step.table) as throttle:
        Loop(executor, position, step, throttle).update_all(step)


def run_verification(executor: Executor, position: int, step: Verify) -> None:
    """Compares every row; repairs, if the step says how, and begins again until a pass finds nothing.

    Raises:
        NotVerified: rows differ, and there is no repair or it does not hold.
    """
    with Throttle(executor, position, step.table) as throttle:
        Loop(executor, position, step, throttle).verify_all(step)


class Loop:
    """One batched step of one run."""

    def __init__(self, executor: Executor, position: int, step: Batches | Verify, throttle: Throttle) -> None:
        self.executor = executor
        self.claim = executor.claim
        self.position = position
        self.title = step.title
        self.table = step.table
        self.shown = step.locks[0].relation
        self.guard = step.guard
        self._throttle = throttle
        self._last: Batch | None = None
        self.sample: list[str] = []
        self._recent: deque[tuple[float, int]] = deque()
        with executor.engine.connect() as connection:
            self._knobs = store.control(connection, self.claim.run.id).knobs
            update = step.repair if isinstance(step, Verify) else step
            # the triggers of a foreign key are silenced with all others: a value that it must check needs them
            self._replica = may_replicate(connection) and not (update is not None and update.fires)

    # the two jobs

    def update_all(self, step: Batches) -> None:
        """The backfill: window after window, each in some passes. The cursor moves when a window is done.

        Within a window no cursor is needed: a row that is done no longer differs. After an interruption the window is
        begun again, and what was done is passed over.
        """
        progress = self._progress()
        pace = Pace(self._target_ms(), blocks=max(1, progress.batch_blocks // 2) if progress.batches else FIRST_BLOCKS)
        striping = Striping(progress.total_blocks)
        stubborn = heavy = 0
        while progress.next_block < progress.total_blocks:
            self.claim.check()
            pace.target_ms, striping.fixed = self._target_ms(), _power_of_two(self._knobs.stripes)
            pace.limit(most_blocks(self._knobs, progress))
            if heavy:
                # the rows of one block are too much for a batch (documents of megabytes): a part of them at a time
                window = _Window(progress.next_block, progress.next_block + 1, 2**heavy, 1, unlocked=stubborn > 0)
            else:
                # a window takes as long as its passes together, so that one pass takes about the target
                stripes = 1 if stubborn else striping.stripes
                end = min(progress.next_block + pace.blocks * stripes, progress.total_blocks)
                window = _Window(progress.next_block, end, stripes, pace.blocks, unlocked=stubborn > 0)
            started = time.monotonic()
            try:
                passes = []
                for stripe in range(window.stripes):
                    progress, done = self._pass(step, progress, window, stripe, pace)
                    passes.append(done)
                if not heavy:
                    striping.window_done(passes)
                elif (time.monotonic() - started) * 1000 < self._target_ms():
                    # the whole block in the time of a batch: it was the moment, not the rows
                    heavy -= 1
                stubborn = 0
                self._remark(progress, striping)
            except Rewritten:
                progress = self._start_over(progress)
            except DBAPIError as error:
                smallest = window.blocks == 1
                stubborn = self._eased(error, pace, stubborn, at_smallest=smallest)
                if sqlstate(error) == "57014" and window.end - window.first <= window.stripes and smallest:
                    heavy = self._heavier(heavy, window, error)
                progress = self._progress()
        self._finish(progress)

    def verify_all(self, step: Verify) -> None:
        """The comparison."""
        progress = self._progress()
        pace = Pace(VERIFY_TARGET_MS, blocks=progress.batch_blocks or 1024)
        while True:
            while progress.next_block < progress.total_blocks:
                self._wait_for_turn()
                try:
                    progress = self._guarded_comparison(step, progress, pace)
                except Rewritten:
                    progress = self._start_over(progress)
            if progress.pass_differences == 0:
                break
            if step.repair is None or progress.pass_ >= MOST_PASSES:
                self._forget_pass(progress)
                raise self.executor.not_verified(step, progress.pass_differences, self.sample)
            progress = self._next_pass(progress)
        self._finish(progress)

    # one batch

    def _pass(
        self, step: Batches, progress: Progress, window: _Window, stripe: int, pace: Pace
    ) -> tuple[Progress, Pass]:
        """One transaction: a stripe of a window, the marks, and with the last stripe the cursor."""
        parts = self._parts(window.first, window.end, step.differs)
        if window.stripes > 1:
            parts["range"] = STRIPE.format(
                first=Literal(f"({window.first},0)"),
                end=Literal(f"({window.end},0)"),
                mask=Literal(window.stripes - 1),
                stripe=Literal(stripe),
                differs=parts["differs"],
            )
        statement = (UPDATE_UNLOCKED if window.unlocked else UPDATE).format(
            assignments=catalog_sql(step.assignments), **parts
        )
        last = stripe == window.stripes - 1
        self._wait_for_turn()
        started = time.monotonic()
        with self.executor.engine.begin() as connection:
            control = self._prepare(connection, timeout_ms=self._batch_timeout_ms(pace.target_ms))
            before = self._hot_updates(connection)
            with self.claim.watching(connection, self.title, stoppable=False):
                rows = run(connection, self.executor.tagged(text(statement), self.position))
            hot = self._hot_updates(connection) - before
            left = fetch(connection, text(COUNT.format(**parts)))[0]["rows"] if window.unlocked else 0
            self._expect_file(connection, progress)
            milliseconds = (time.monotonic() - started) * 1000
            progress = self._save(
                connection,
                next_block=window.end if last else window.first,
                rows=progress.rows + rows,
                hot_rows=progress.hot_rows + hot,
                skipped=progress.skipped + left,
                batches=progress.batches + 1,
                batch_blocks=pace.blocks,
                stripes=window.stripes,
                busy_ms=progress.busy_ms + milliseconds,
                rows_per_s=self._rate(rows),
            )
        # a window at the end of the table is smaller than the pace asked for, and teaches it nothing
        whole = window.end - window.first == window.blocks * window.stripes
        pace.took(milliseconds, window.blocks if whole else 0)
        self._committed(progress, control, Batch(started, time.monotonic(), rows))
        return progress, Pass(rows, hot)

    def _hot_updates(self, connection: Connection) -> int:
        return int(fetch(connection, HOT_UPDATES, {"table": self.table})[0]["hot"])

    def _remark(self, progress: Progress, striping: Striping) -> None:
        """Writes down, for `status`, who keeps the backfill from being HOT; and when nobody does any more."""
        if striping.pruning_works == (progress.remark is None):
            return
        with self.executor.engine.begin() as connection:
            self.claim.fence(connection)
            remark = None if striping.pruning_works else self._horizon(connection)
            self._save(connection, remark=remark)
            message = remark or "pruning works again: back to stripes"
            store.add_event(connection, self.claim.run.id, "progress", message)
        self.executor.reporter.note(message)

    def _horizon(self, connection: Connection) -> str:
        holders = fetch(connection, HORIZON)
        who = "; ".join(row["holder"] for row in holders) or "somebody we may not see"
        return f"one pass a window, not HOT: dead row versions cannot be pruned because of {who}"

    def _guarded_comparison(self, step: Verify, progress: Progress, pace: Pace) -> Progress:
        """A table that somebody has locked is waited for, within the budget."""
        return self.executor.guarded(self.title, self.position, lambda: self._compare(step, progress, pace))

    def _compare(self, step: Verify, progress: Progress, pace: Pace) -> Progress:
        end = min(progress.next_block + pace.blocks, progress.total_blocks)
        parts = self._parts(progress.next_block, end, step.differs)
        query = DIFFERING.format(keys=catalog_sql(step.keys), limit=Literal(SAMPLE), **parts)
        started = time.monotonic()
        with self.executor.engine.connect() as connection, connection.begin():
            control = self._prepare(connection, timeout_ms=0)
            # reading only: it may be cancelled at any time
            with self.claim.watching(connection, self.title, stoppable=True):
                found = fetch(connection, self.executor.tagged(text(query), self.position))
                differences = fetch(connection, text(COUNT.format(**parts)))[0]["rows"] if found else 0
            self._expect_file(connection, progress)
            milliseconds = (time.monotonic() - started) * 1000
            blocks = end - progress.next_block
            progress = self._save(
                connection,
                next_block=end,
                pass_differences=progress.pass_differences + differences,
                differences=progress.differences + differences,
                batches=progress.batches + 1,
                batch_blocks=pace.blocks,
                busy_ms=progress.busy_ms + milliseconds,
            )
        self.sample = (self.sample + [_key(row) for row in found])[:SAMPLE]
        if found and step.repair is not None:
            self._repair(step.repair, parts)
        pace.took(milliseconds, blocks)
        self._committed(progress, control, Batch(started, time.monotonic(), rows=0))
        return progress

    def _repair(self, step: Batches, parts: Mapping[str, Any]) -> None:
        """Sets the rows of a range right. Few rows: waits for locked ones, as a guarded lock, within the budget."""
        statement = UPDATE.format(assignments=catalog_sql(step.assignments), **parts)

        def attempt() -> None:
            with self.executor.engine.begin() as connection:
                self._prepare(connection, timeout_ms=self._batch_timeout_ms(self.executor.deadlock_timeout_ms))
                with self.claim.watching(connection, self.title, stoppable=True):
                    run(connection, self.executor.tagged(text(statement), self.position))

        self.executor.guarded(self.title, self.position, attempt)

    def _prepare(self, connection: Connection, *, timeout_ms: int) -> Control:
        self._settings(connection, timeout_ms=timeout_ms)
        control = self.claim.fence(connection)
        # before anything is written: whoever paused while the batch before was under way waits for that one alone
        self.claim.obey(control)
        self.claim.check()
        return control

    def _settings(self, connection: Connection, *, timeout_ms: int) -> None:
        """Ours, whatever the role's defaults, and for this transaction alone."""
        settings: dict[str, str | int] = {
            "lock_timeout": ROW_WAIT_MS if timeout_ms else self.executor.settings.lock_timeout_ms,
            "statement_timeout": timeout_ms,
            # a runner that is frozen in a batch keeps its rows locked no longer
            "idle_in_transaction_session_timeout": self.executor.settings.lock_hold_ms,
            # a policy must raise, not hide rows from us
            "row_security": "off",
            # safe: after a crash of the server the cursor is lost together with its batch
            "synchronous_commit": "off",
        }
        if self._replica and timeout_ms:
            # the application's triggers stay silent: for them nothing has happened to these rows
            settings["session_replication_role"] = "replica"
        set_local(connection, **settings)

    def _expect_file(self, connection: Connection, progress: Progress) -> None:
        """After the statement, whose table lock keeps a rewrite away until commit."""
        now = self._measure(connection)
        if now.filenode != progress.filenode:
            raise Rewritten

    def _batch_timeout_ms(self, target_ms: float) -> int:
        return max(1, int(min(5 * target_ms, DEADLOCK_SHARE * self.executor.deadlock_timeout_ms)))

    def _parts(self, first: int, end: int, differs: str) -> dict[str, Any]:
        condition = catalog_sql(differs)
        block_range = RANGE.format(first=Literal(f"({first},0)"), end=Literal(f"({end},0)"), differs=condition)
        return {"table": catalog_sql(self.table), "range": block_range, "differs": condition}

    # cursor and counters

    def _progress(self) -> Progress:
        def begin(connection: Connection) -> Progress:
            found = store.progress(connection, self.claim.run.id, self.position)
            if found is not None and found.throttled_since is not None:
                # a runner that was killed left it behind
                store.throttled(connection, self.claim.run.id, self.position, reason=None, milliseconds=0)
            if found is not None:
                return found
            now = self._measure(connection)
            return store.start_progress(
                connection,
                self.claim.run.id,
                self.position,
                filenode=now.filenode,
                total_blocks=now.blocks,
                estimated_rows=now.rows,
            )

        return self._marked(begin)

    def _marked(self, write: Callable[[Connection], Progress]) -> Progress:
        """Writes marks for the table as it is now. To see its size takes ACCESS SHARE, which we may wait for."""

        def attempt() -> Progress:
            with self.executor.engine.begin() as connection:
                set_local(connection, lock_timeout=self.executor.settings.lock_timeout_ms)
                self.claim.fence(connection)
                with self.claim.watching(connection, self.title, stoppable=True):
                    return write(connection)

        return self.executor.guarded(self.title, self.position, attempt)

    def _measure(self, connection: Connection) -> _Measure:
        """The table's file and size; and whether the trigger is still on guard.

        Raises:
            StepFailed: somebody has dropped or disabled it.
        """
        row = fetch(connection, MEASURE, {"table": self.table, "guard": self.guard})[0]
        if row["guard"] not in ("O", "A"):
            what = "is disabled" if row["guard"] else "is gone"
            raise StepFailed(
                f'trigger "{self.guard}" on {self.shown} {what}: rows written meanwhile may differ',
                f"enable it (ALTER TABLE {self.shown} ENABLE ALWAYS TRIGGER …) and advance: such rows are then found"
                if row["guard"]
                else f"undo the run with: orchestrator abort {self.executor.name}",
            )
        return _Measure(filenode=row["filenode"], blocks=row["blocks"], rows=row["rows"])

    def _save(self, connection: Connection, **values: Any) -> Progress:
        return store.update_progress(connection, self.claim.run.id, self.position, **values)

    def _committed(self, progress: Progress, control: Control, batch: Batch) -> None:
        """After a transaction: the place to tell and to obey."""
        self._knobs = control.knobs
        self._last = batch
        self.executor.reporter.progress(self.title, progress)
        self.claim.obey(control)
        self.claim.check()

    def _wait_for_turn(self) -> None:
        """Before a transaction: the place to rest, and to wait until the server can bear it."""
        self._rest()
        self.claim.check()
        self._knobs = self._throttle.hold(self._knobs)

    def _rest(self) -> None:
        """As long as the operator wants, asked again and again: it ends early where the operator shortens it."""
        while self._last and (left_s := rest_until(self._knobs, self._last) - time.monotonic()) > 0:
            if self.claim.stopping.wait(min(left_s, 1)):
                return
            self.claim.check()
            if left_s > 1:
                with self.executor.engine.connect() as connection:
                    self._knobs = store.control(connection, self.claim.run.id).knobs

    def _start_over(self, progress: Progress) -> Progress:
        self.executor.reporter.note(f"{self.shown} was rewritten by somebody: starting over, rows done stay done")
        return self._reset(progress, message="the table was rewritten: started over", pass_=progress.pass_)

    def _next_pass(self, progress: Progress) -> Progress:
        message = f"pass {progress.pass_} repaired {progress.pass_differences} rows: comparing once more"
        self.executor.reporter.note(message)
        self.sample.clear()
        return self._reset(progress, message=message, pass_=progress.pass_ + 1)

    def _forget_pass(self, progress: Progress) -> None:
        """A failed comparison begins at the first block when it is tried again."""
        self._reset(progress, message=f"{progress.pass_differences} rows differ", pass_=1)

    def _reset(self, progress: Progress, *, message: str, pass_: int) -> Progress:
        def begin(connection: Connection) -> Progress:
            now = self._measure(connection)
            values = {"pass": pass_, "next_block": 0, "pass_differences": 0}
            detail = {"keys": self.sample} if self.sample else None
            store.add_event(connection, self.claim.run.id, "progress", message, detail=detail)
            return self._save(connection, filenode=now.filenode, total_blocks=now.blocks, **values)

        return self._marked(begin)

    def _finish(self, progress: Progress) -> None:
        with self.executor.engine.begin() as connection:
            self.claim.fence(connection)
            self._save(connection, finished_at=progress.updated_at)
            done = f"rows updated: {progress.rows:,}" if progress.rows else f"differences: {progress.differences:,}"
            store.add_event(
                connection,
                self.claim.run.id,
                "progress",
                f"{self.title}: done ({done}, batches: {progress.batches:,}, work: {progress.busy_ms / 1000:.1f} s)",
                detail={"rows": progress.rows, "differences": progress.differences, "passes": progress.pass_},
            )

    # pace

    def _target_ms(self) -> float:
        return min(float(self._knobs.target_batch_ms), DEADLOCK_SHARE * self.executor.deadlock_timeout_ms / 2)

    def _eased(self, error: DBAPIError, pace: Pace, stubborn: int, *, at_smallest: bool) -> int:
        """A batch that was rolled back for a reason that a smaller one, or a second try, can mend.

        `at_smallest` is about the batch, not the pace: passes of the same window that met no lock have made it grow.
        """
        match sqlstate(error):
            case "55P03" | "40P01" | "40001":
                pace.blocked()
                # a lock on the table itself stays in the way even of a batch that skips locked rows
                if stubborn:
                    self._wait_for_table()
                return stubborn + 1 if at_smallest else 0
            case "57014":
                self.claim.check()
                watched = self.claim.last_watched
                if watched is not None and watched.elapsed_s * 1000 < self._batch_timeout_ms(pace.target_ms):
                    raise StoppedOnRequest(
                        f"{self.title}: a batch was cancelled by somebody with pg_cancel_backend",
                        f"go on with: {self.executor.again}",
                    ) from error
                pace.timed_out()
                return stubborn
            case _:
                raise error

    def _heavier(self, heavy: int, window: _Window, error: DBAPIError) -> int:
        """How often the rows of a block are halved, after a batch of one block was not done in time."""
        if 2**heavy >= MOST_PARTS:
            raise StepFailed(
                f"{self.title}: a few rows of block {window.first} of {self.shown} cannot be updated within "
                f"{self._batch_timeout_ms(self._target_ms())} ms",
                f"look at triggers and at the size of these rows; allow more with: orchestrator set "
                f"{self.executor.name} target_batch_ms=700, or with a larger deadlock_timeout; then: "
                f"{self.executor.again}",
            ) from error
        return heavy + 1

    def _wait_for_table(self) -> None:
        """Nobody may skip a lock on the whole table: waits for it as a guarded step does."""
        statement = text(LOCK_TABLE.format(table=catalog_sql(self.table)))

        def attempt() -> None:
            with self.executor.engine.begin() as connection:
                set_local(connection, lock_timeout=self.executor.settings.lock_timeout_ms)
                with self.claim.watching(connection, self.title, stoppable=True):
                    run(connection, self.executor.tagged(statement, self.position))

        self.executor.guarded(self.title, self.position, attempt)

    def _rate(self, rows: int) -> float | None:
        """Rows a second over the last seconds."""
        now = time.monotonic()
        self._recent.append((now, rows))
        while now - self._recent[0][0] > RATE_WINDOW_S:
            self._recent.popleft()
        span = now - self._recent[0][0]
        return sum(count for _, count in list(self._recent)[1:]) / span if span > 0 else None


def _power_of_two(wanted: int) -> int:
    """The largest power of two up to `wanted`; 0 stays 0."""
    return 1 << (wanted.bit_length() - 1) if wanted else 0


def _key(row: RowMapping) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in row.items())
