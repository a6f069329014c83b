"""A connection of its own beside the work: it holds locks, gives signs of life, hears the operator, names blockers."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestrator.database import driver, fetch, scalar, sqlstate
from orchestrator.errors import ClaimLost, OrchestratorError, StoppedOnRequest
from orchestrator.journal import windows
from orchestrator.journal.store import Control
from orchestrator.journal.windows import Held
from orchestrator.report import Blocker, Reporter
from orchestrator.settings import Settings

logger = logging.getLogger(__name__)

WATCH_S = 0.05
"""How often a waiting statement is looked at."""
WORKER_BEAT_S = 5.0
TOO_LONG = "it held its lock for too long"

CANCELLED = "57014"
"""query_canceled: by statement_timeout, by our own cancel request, or by an operator's pg_cancel_backend."""

# asked twenty times a second while a statement runs: it must cost next to nothing
WAITS = "SELECT wait_event_type = 'Lock' FROM pg_catalog.pg_stat_get_activity(%(pid)s)"
# pg_blocking_pids() stops the lock manager for a moment: asked only about a session that does wait
BLOCKERS = """
WITH blocking AS MATERIALIZED (SELECT pg_catalog.pg_blocking_pids(%(pid)s) AS pids)
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


class Watch(ABC):
    """A thread and a direct connection of its own, for all that one process does for one run.

    The connection holds session advisory locks and never a transaction: an open one would hold back the horizon of
    the whole database. When it is lost, the locks are, and everybody who asks `check` learns it.
    """

    epoch = 0
    """Of a runner, raised at each claim; a helper has none."""

    def __init__(
        self, engine: Engine, settings: Settings, reporter: Reporter, *, name: str, run_id: int, heed_pause: bool = True
    ) -> None:
        self._heed_pause = heed_pause
        self._engine = engine
        self._settings = settings
        self._reporter = reporter
        self.name = name
        self.run_id = run_id
        self._connection: Connection | None = None
        self._line = threading.RLock()
        """One statement at a time on the connection."""
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._watched: list[Watched] = []
        self._memory = threading.local()
        self._mutex = threading.Lock()
        self._rates: dict[int, Callable[[], float | None]] = {}
        self.stopping = threading.Event()
        self._stop_reason: str | None = None
        self._resume: str | None = None
        self._lost: OrchestratorError | None = None

    # what each kind of watch is about

    @abstractmethod
    def fence(self, connection: Connection) -> Control:
        """Holds off whoever would take our place until the end of this transaction; returns the operator's intent.

        Raises:
            ClaimLost: somebody has taken it already.
        """

    @abstractmethod
    def admit(self, held: Held) -> None:
        """Lets a batch begin whose window is held.

        Raises:
            ClaimLost: the run is no longer ours to work on.
        """

    @abstractmethod
    def _beat(self, connection: Connection, activity: Any) -> None:
        """Writes down a sign of life, and hears what the operator wants."""

    @abstractmethod
    def _go_on(self) -> str:
        """The command that goes on after a stop."""

    # the connection

    def _begin(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = threading.Thread(target=self._watch, name=f"watch-{self.name}", daemon=True)
        self._thread.start()

    def _finish(self, farewell: Callable[[Connection], object]) -> None:
        """Ends the thread and the connection. Safe to call more than once."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._connection is not None:
            try:
                farewell(self._connection)
            except SQLAlchemyError:
                # the server frees the locks with the connection; the heartbeat simply grows old
                logger.info("the watching connection was gone at the end", extra={"run": self.name})
            self._connection.close()
            self._connection = None

    def join(self, position: int, number: int, rate: Callable[[], float | None]) -> int:
        """A worker begins: its lock is held by our connection, and it lives as long as that does. Returns its id."""
        with self._line:
            assert self._connection is not None
            if self._connection.invalidated:
                raise self._bereft(f'the connection that holds run "{self.name}" was lost', connection_died=True)
            worker = windows.join(self._connection, self.run_id, position, number)
            self._rates[worker] = rate
            return worker

    def leave(self, worker: int) -> None:
        """A worker goes, and gives back what it holds. A connection that is gone has done both already."""
        with self._line:
            rate = self._rates.pop(worker, None)
            if self._connection is None or self._connection.invalidated:
                return
            try:
                windows.leave(self._connection, worker, rate() if rate else None)
            except SQLAlchemyError:
                logger.info("worker %s could not say goodbye", worker, extra={"run": self.name})

    # stopping

    def stop(self, reason: str) -> None:
        """Asks to stop at the next safe point."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._reporter.note(f"stopping at the next safe point: {reason}")
        self.stopping.set()
        self._wake.set()

    def check(self) -> None:
        """Raises if the run was lost or is to be stopped; called wherever stopping is safe.

        Raises:
            ClaimLost: the lock's connection died or somebody else has taken over.
            StoppedOnRequest: pause, SIGTERM or SIGINT.
        """
        if self._lost is not None:
            raise self._lost
        if self._stop_reason is not None:
            raise StoppedOnRequest(f'run "{self.name}" was stopped: {self._stop_reason}', self._resume_hint())

    def obey(self, control: Control) -> None:
        """Takes note of the operator's intent, as a batch read it."""
        if control.stops(heed_pause=self._heed_pause) and self._stop_reason is None:
            self._resume = control.resume_command(self.name)
            self.stop(control.pause_reason)

    def _resume_hint(self) -> str:
        first = f"{self._resume} && " if self._resume else ""
        return f"go on with: {first}{self._go_on()}"

    # statements

    @property
    def last_watched(self) -> Watched | None:
        """The statement that this thread watched last, whether or not it succeeded."""
        return getattr(self._memory, "last", None)

    @contextmanager
    def watching(
        self, connection: Connection, title: str, *, stoppable: bool, limit_s: float | None = None
    ) -> Iterator[Watched]:
        """While inside, the thread names who blocks this connection, and cancels it when asked or when time is up."""
        raw = driver(connection)
        watched = self._memory.last = Watched(title, raw.info.backend_pid, raw, stoppable, limit_s)
        with self._mutex:
            self._watched.append(watched)
        self._wake.set()
        try:
            yield watched
        except DBAPIError as error:
            if watched.cancelled_for is not None and sqlstate(error) == CANCELLED:
                self.check()
            raise
        finally:
            with self._mutex:
                self._watched.remove(watched)

    # the thread

    def _watch(self) -> None:
        next_beat = time.monotonic()
        try:
            while not self._ended.is_set():
                if time.monotonic() >= next_beat:
                    self._give_sign()
                    next_beat = time.monotonic() + self._rhythm_s
                with self._mutex:
                    busy = list(self._watched)
                for watched in busy:
                    # most batches' statements are over before there is anything to see
                    if watched.elapsed_s >= WATCH_S / 2:
                        self._attend(watched)
                self._wake.wait(WATCH_S if busy else self._rhythm_s)
                self._wake.clear()
        except (SQLAlchemyError, psycopg.Error) as error:
            # one line: SQLAlchemy's own message goes on with the statement and its parameters
            reason = str(error).partition("\n")[0]
            logger.warning("lost the watching connection: %s", reason, extra={"run": self.name})
            self._lose(self._bereft(f'the connection that holds run "{self.name}" was lost', connection_died=True))
        except Exception:
            # whatever it is, nobody watches any more: the work must not go on
            logger.exception("the watching thread failed", extra={"run": self.name})
            self._lose(self._bereft(f'nothing watches over run "{self.name}" any more'))

    @property
    def _rhythm_s(self) -> float:
        """Workers must not be taken for dead by others, whatever their settings are."""
        return min(self._settings.heartbeat_s, WORKER_BEAT_S) if self._rates else self._settings.heartbeat_s

    def _give_sign(self) -> None:
        with self._mutex:
            busy = list(self._watched)
        blockers = {blocker.pid: blocker.as_json() for watched in busy for blocker in watched.blockers}
        activity = {"step": busy[0].title, "blockers": list(blockers.values())} if busy else None
        with self._line:
            assert self._connection is not None
            self._beat(self._connection, activity)
            rates = {worker: rate() for worker, rate in self._rates.items()}
            if rates and not windows.beat(self._connection, rates):
                why = f'a worker of run "{self.name}" was taken for dead, and its blocks were taken over'
                self._lose(self._bereft(why, connection_died=True))

    def _attend(self, watched: Watched) -> None:
        """Looks after a statement under way: cancels it if it must stop, else finds out who blocks it."""
        # under the mutex, so that the statement cannot end and another one be cancelled in its place
        with self._mutex:
            if watched not in self._watched:
                return
            if watched.limit_s is not None and watched.elapsed_s > watched.limit_s:
                self._cancel(watched, TOO_LONG)
            elif watched.stoppable and self._stop_reason is not None:
                self._cancel(watched, self._stop_reason)
        self._name_blockers(watched)

    def _name_blockers(self, watched: Watched) -> None:
        key = {"pid": watched.pid}
        with self._line:
            assert self._connection is not None
            waits = scalar(self._connection, WAITS, key)
            blockers = tuple(Blocker(**row) for row in fetch(self._connection, BLOCKERS, key)) if waits else ()
        if blockers:
            watched.waited_s += WATCH_S
        news = [blocker for blocker in blockers if blocker.pid not in watched.seen]
        watched.blockers = blockers
        watched.seen.update((blocker.pid, blocker) for blocker in blockers)
        if news:
            self._reporter.waiting(watched.title, news)
            # so that `status` on another machine shows it without waiting for the next beat
            self._give_sign()

    def _bereft(self, why: str, *, connection_died: bool = False) -> ClaimLost:
        return ClaimLost(why, f"see: orchestrator status {self.name}", connection_died=connection_died)

    def _lose(self, error: OrchestratorError) -> None:
        self._lost = error
        self._ended.set()
        with self._mutex:
            for watched in self._watched:
                self._cancel(watched, error.message)

    def _cancel(self, watched: Watched, why: str) -> None:
        if watched.cancelled_for is not None:
            return
        watched.cancelled_for = why
        try:
            watched.connection.cancel_safe(timeout=5)
        except (psycopg.Error, OSError) as error:
            # its own timeouts, or the server's view of the lost connection, end it
            logger.warning("could not cancel %s: %s", watched.title, error, extra={"run": self.name})
