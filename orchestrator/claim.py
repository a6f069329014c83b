"""The claim of a runner on a run: an advisory lock on a connection of its own, an epoch, and a thread that watches."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from orchestrator.database import backend_pid, fetch, scalar
from orchestrator.errors import ClaimLost, RunHeld
from orchestrator.journal import store
from orchestrator.journal.store import Control, Heartbeat, Run
from orchestrator.journal.windows import Held
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from orchestrator.watch import WATCH_S, Watch

LOCK_CLASS = 0x6F726368
"""First key of our advisory locks ("orch"); the second is the run's id."""
FROZEN = "25P03"
"""idle_in_transaction_session_timeout: this process stood still in a transaction, which the server has ended."""

TRY_LOCK = "SELECT pg_catalog.pg_try_advisory_lock(%(space)s, %(run)s)"
HOLDER = """
SELECT pid FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND classid = %(space)s AND objid = %(run)s AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
TERMINATE = "SELECT pg_catalog.pg_terminate_backend(%(pid)s)"


class Claim(Watch):
    """Held while a runner works on a run.

    The lock alone is no fence: a process that was stopped and wakes up late finds its lock gone only when it looks.
    So every state write checks the epoch as well (`store.fence`).
    """

    def __init__(
        self, engine: Engine, run: Run, settings: Settings, reporter: Reporter, *, heed_pause: bool = True
    ) -> None:
        super().__init__(engine, settings, reporter, name=run.name, run_id=run.id, heed_pause=heed_pause)
        self.run = run

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
        self._begin(connection)
        return found

    def release(self) -> None:
        """Gives the run back. Safe to call more than once."""
        self._finish(lambda connection: store.release(connection, self.run.id, self.epoch))

    def fence(self, connection: Connection) -> Control:
        """Holds off any other claim until the end of this transaction; returns the operator's intent."""
        return store.fence(connection, self.run.id, self.epoch)

    def admit(self, held: Held) -> None:
        """The window's row is locked: whoever claims the run from now on waits for this batch before it acts."""
        if held.epoch != self.epoch:
            raise ClaimLost(
                "another runner has taken over this run; nothing was written since",
                "see who with: orchestrator status",
            )

    def _go_on(self) -> str:
        return f"orchestrator advance {self.run.name}"

    def _beat(self, connection: Connection, activity: Any) -> None:
        control = store.beat(connection, self.run.id, self.epoch, activity)
        if control is None:
            self._lose(self._bereft(f'run "{self.run.name}" was taken over by another runner'))
        else:
            self.obey(control)

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
