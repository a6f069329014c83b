"""The claim of a runner on a run: an advisory lock on a connection of its own, an epoch, and a thread that watches."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestrator.database import backend_pid, driver, fetch, scalar, sqlstate
from orchestrator.errors import ClaimLost, RunHeld, StoppedOnRequest
from orchestrator.journal import store
from orchestrator.journal.store import Control, Heartbeat, Run
from orchestrator.report import Blocker, Reporter
from orchestrator.settings import Settings

logger = logging.getLogger(__name__)

LOCK_CLASS = 0x6F726368
"""First key of our advisory locks ("orch"); the second is the run's id."""
WATCH_S = 0.05
"""How often a waiting statement is looked at."""
TOO_LONG = "it held its lock for too long"

CANCELLED = "57014"
"""query_canceled: by statement_timeout, by our own cancel request, or by an operator's pg_cancel_backend."""
FROZEN = "25P03"
"""idle_in_transaction_session_timeout: this process stood still in a transaction, which the server has ended."""

TRY_LOCK = "SELECT pg_catalog.pg_try_advisory_lock(%(space)s, %(run)s)"
HOLDER = """
SELECT pid FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND classid = %(space)s AND objid = %(run)s AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
TERMINATE = "SELECT pg_catalog.pg_terminate_backend(%(pid)s)"
BLOCKERS = """
WITH blocking AS MATERIALIZED (
  -- pg_blocking_pids() stops the lock manager for a moment: asked only about a session that does wait
  SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(%(pid)s) w WHERE w.wait_event_type = 'Lock')
              THEN pg_catalog.pg_blocking_pids(%(pid)s) END AS pids
)
SELECT a.pid, COALESCE(a.application_name, '') AS application, COALESCE(a.usename, '') AS user,
       COALESCE(a.state, a.backend_type, '') AS state,
       COALESCE(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS age_s,
       left(regexp_replace(COALESCE(a.query, ''), '\\s+', ' ', 'g'), 120) AS query
-- not ourselves: CREATE INDEX CONCURRENTLY waits for every snapshot, that of this very query too
FROM pg_catalog.pg_stat_activity a, blocking WHERE a.pid = ANY (blocking.pids) AND a.pid <> pg_catalog.pg_backend_pid()
UNION ALL
-- a prepared transaction belongs to no session, and is listed as process 0
SELECT 0, '', x.owner, 'prepared transaction', extract(epoch FROM clock_timestamp() - x.prepared)::float8,
       'PREPARE TRANSACTION ' || quote_literal(x.gid)
FROM pg_catalog.pg_prepared_xacts x, blocking WHERE 0 = ANY (blocking.pids) AND x.database = current_database()
ORDER BY age_s DESC
"""


@dataclass
class Watched:
    """A statement that may have to wait: who blocked it, and for how long in all."""

    title: str
    pid: int
    connection: psycopg.Connection[Any]
    stoppable: bool
    """Whether a request to stop cancels it; a batch is let finish instead."""
    limit_s: float | None
    started: float = field(default_factory=time.monotonic)
    blockers: tuple[Blocker, ...] = ()
    seen: dict[int, Blocker] = field(default_factory=dict)
    waited_s: float = 0.0
    cancelled_for: str | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the statement began."""
        return time.monotonic() - self.started


class Claim:
    """Held while a runner works on a run. Its thread beats, reads the operator's intent and names blockers.

    The lock alone is no fence: a process that was stopped and wakes up late finds its lock gone only when it looks.
    So every state write checks the epoch as well (`store.fence`).
    """

    def __init__(
        self, engine: Engine, run: Run, settings: Settings, reporter: Reporter, *, heed_pause: bool = True
    ) -> None:
        self._heed_pause = heed_pause
        self._engine = engine
        self._settings = settings
        self._reporter = reporter
        self.run = run
        self.epoch = 0
        self._connection: Connection | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._watched: Watched | None = None
        self.last_watched: Watched | None = None
        """The statement watched last, whether or not it succeeded."""
        self._mutex = threading.Lock()
        self.stopping = threading.Event()
        self._stop_reason: str | None = None
        self._resume: str | None = None
        self._lost: ClaimLost | None = None

    def take(self, *, take_over: bool = False) -> Run:
        """Takes the lock and raises the epoch.

        Raises:
            RunHeld: another runner holds it; with `take_over` only while that one is alive.
        """
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            self._lock(connection, take_over=take_over)
            self.epoch = store.claim(connection, self.run.id, backend_pid(connection))
            found = store.find(connection, self.run.name)
        except BaseException:
            connection.close()
            raise
        # another runner may have come and gone since `self.run` was read
        if found is None or found.id != self.run.id or self.epoch != self.run.epoch + 1:
            store.release(connection, self.run.id, self.epoch)
            connection.close()
            raise RunHeld(
                f'run "{self.run.name}" was moved on by another runner just now',
                f"see: orchestrator status {self.run.name}",
            )
        self._connection = connection
        self._thread = threading.Thread(target=self._watch, name=f"claim-{self.run.name}", daemon=True)
        self._thread.start()
        return found

    def release(self) -> None:
        """Gives the run back. Safe to call more than once."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._connection is not None:
            try:
                store.release(self._connection, self.run.id, self.epoch)
            except SQLAlchemyError:
                # the server frees the lock with the connection; the heartbeat simply grows old
                logger.info("the claim's connection was gone at release", extra={"run": self.run.name})
            self._connection.close()
            self._connection = None

    def stop(self, reason: str) -> None:
        """Asks the runner to stop at the next safe point."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._reporter.note(f"stopping at the next safe point: {reason}")
        self.stopping.set()
        self._wake.set()

    def check(self) -> None:
        """Raises if the run was lost or is to be stopped; called wherever stopping is safe.

        Raises:
            ClaimLost: the lock's connection died or another runner has taken over.
            StoppedOnRequest: pause, SIGTERM or SIGINT.
        """
        if self._lost is not None:
            raise self._lost
        if self._stop_reason is not None:
            raise StoppedOnRequest(f'run "{self.run.name}" was stopped: {self._stop_reason}', self._resume_hint())

    def obey(self, control: Control) -> None:
        """Takes note of the operator's intent, as a batch read it."""
        if control.stops(heed_pause=self._heed_pause) and self._stop_reason is None:
            self._resume = control.resume_command(self.run.name)
            self.stop(control.pause_reason)

    def fence(self, connection: Connection) -> Control:
        """Holds off any other claim until the end of this transaction; returns the operator's intent."""
        return store.fence(connection, self.run.id, self.epoch)

    @contextmanager
    def watching(
        self, connection: Connection, title: str, *, stoppable: bool, limit_s: float | None = None
    ) -> Iterator[Watched]:
        """While inside, the thread names who blocks this connection, and cancels it when asked or when time is up."""
        raw = driver(connection)
        watched = self.last_watched = Watched(title, raw.info.backend_pid, raw, stoppable, limit_s)
        with self._mutex:
            self._watched = watched
        self._wake.set()
        try:
            yield watched
        except DBAPIError as error:
            if watched.cancelled_for is not None and sqlstate(error) == CANCELLED:
                self.check()
            raise
        finally:
            with self._mutex:
                self._watched = None

    def _resume_hint(self) -> str:
        first = f"{self._resume} && " if self._resume else ""
        return f"go on with: {first}orchestrator advance {self.run.name}"

    def _lock(self, connection: Connection, *, take_over: bool) -> None:
        key = {"space": LOCK_CLASS, "run": self.run.id}
        if scalar(connection, TRY_LOCK, key):
            return
        beat = store.heartbeat(connection, self.run.id)
        stale = beat is not None and beat.age_s > self._settings.stale_after_s
        if not (take_over and stale):
            raise RunHeld(*self._held(beat, stale=stale, take_over=take_over))
        self._reporter.note(f"taking over from {describe(beat)}")
        for row in fetch(connection, HOLDER, key):
            scalar(connection, TERMINATE, {"pid": row["pid"]})
        deadline = time.monotonic() + 10
        while not scalar(connection, TRY_LOCK, key):
            if time.monotonic() > deadline:
                raise RunHeld(
                    f'run "{self.run.name}" is still held, although its runner\'s connection was terminated',
                    "another runner may have been quicker: see orchestrator status",
                )
            self.stopping.wait(WATCH_S)

    def _held(self, beat: Heartbeat | None, *, stale: bool, take_over: bool) -> tuple[str, str]:
        message = f'run "{self.run.name}" is held by {describe(beat)}'
        if stale:
            return (
                message,
                f"it gives no sign of life; if it is really gone: orchestrator advance {self.run.name} --take-over",
            )
        if take_over:
            return message, f"it is alive: stop it there, or with orchestrator pause {self.run.name}"
        return message, f"wait for it, or stop it with: orchestrator pause {self.run.name}"

    def _watch(self) -> None:
        assert self._connection is not None
        next_beat = time.monotonic()
        try:
            while not self._ended.is_set():
                if time.monotonic() >= next_beat:
                    self._beat()
                    next_beat = time.monotonic() + self._settings.heartbeat_s
                self._attend()
                busy = self._watched is not None
                self._wake.wait(WATCH_S if busy else self._settings.heartbeat_s)
                self._wake.clear()
        except (SQLAlchemyError, psycopg.Error) as error:
            # one line: SQLAlchemy's own message goes on with the statement and its parameters
            reason = str(error).partition("\n")[0]
            logger.warning("lost the claim's connection: %s", reason, extra={"run": self.run.name})
            self._lose(f'the connection that holds run "{self.run.name}" was lost', connection_died=True)
        except Exception:
            # whatever it is, nobody watches any more: the runner must not work on
            logger.exception("the watching thread failed", extra={"run": self.run.name})
            self._lose(f'nothing watches over run "{self.run.name}" any more')

    def _beat(self) -> None:
        assert self._connection is not None
        watched = self._watched
        activity = {"step": watched.title, "blockers": [b.as_json() for b in watched.blockers]} if watched else None
        control = store.beat(self._connection, self.run.id, self.epoch, activity)
        if control is None:
            self._lose(f'run "{self.run.name}" was taken over by another runner')
        else:
            self.obey(control)

    def _attend(self) -> None:
        """Looks after the statement under way: cancels it if it must stop, else finds out who blocks it."""
        # under the mutex, so that the statement cannot end and another one be cancelled in its place
        with self._mutex:
            watched = self._watched
            if watched is None:
                return
            if watched.limit_s is not None and watched.elapsed_s > watched.limit_s:
                self._cancel(watched, TOO_LONG)
            elif watched.stoppable and self._stop_reason is not None:
                self._cancel(watched, self._stop_reason)
        self._name_blockers(watched)

    def _name_blockers(self, watched: Watched) -> None:
        assert self._connection is not None
        blockers = tuple(Blocker(**row) for row in fetch(self._connection, BLOCKERS, {"pid": watched.pid}))
        if blockers:
            watched.waited_s += WATCH_S
        news = [blocker for blocker in blockers if blocker.pid not in watched.seen]
        watched.blockers = blockers
        watched.seen.update((blocker.pid, blocker) for blocker in blockers)
        if news:
            self._reporter.waiting(watched.title, news)
            # so that `status` on another machine shows it without waiting for the next beat
            self._beat()

    def _lose(self, why: str, *, connection_died: bool = False) -> None:
        hint = f"see: orchestrator status {self.run.name}"
        self._lost = ClaimLost(why, hint, connection_died=connection_died)
        self._ended.set()
        with self._mutex:
            if self._watched is not None:
                self._cancel(self._watched, why)

    def _cancel(self, watched: Watched, why: str) -> None:
        if watched.cancelled_for is not None:
            return
        watched.cancelled_for = why
        try:
            watched.connection.cancel_safe(timeout=5)
        except (psycopg.Error, OSError) as error:
            # its own timeouts, or the server's view of the lost connection, end it
            logger.warning("could not cancel %s: %s", watched.title, error, extra={"run": self.run.name})


def describe(beat: Heartbeat | None) -> str:
    """A runner, as an operator would look for it."""
    if beat is None:
        return "another runner"
    return f"{beat.actor} on {beat.host} (process {beat.process}), last heard of {beat.age_s:.0f} s ago"


def connection_lost(error: BaseException) -> bool:
    """Whether the server went away, or turned read-only: reason to connect again, and to claim again."""
    if isinstance(error, DBAPIError):
        state = error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None
        if state is None:
            return isinstance(error.orig, psycopg.OperationalError)
        return state.startswith("08") or state in {"57P01", "57P02", "57P03", "25006", FROZEN}
    return False
