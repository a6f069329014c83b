"""`orchestrator work NAME`: lends a hand with the batches of a run that is advanced elsewhere."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, wait_random_exponential

from orchestrator import database
from orchestrator.backfill.crew import Crew
from orchestrator.backfill.cuts import Cuts
from orchestrator.claim import connection_lost
from orchestrator.claimed import RECONNECT_S, STEADY_S, heeding_signals
from orchestrator.context import Context, journal, require_direct, require_run
from orchestrator.errors import ClaimLost, DatabaseUnreachable, StoppedOnRequest
from orchestrator.executor import Executor
from orchestrator.journal import store, windows
from orchestrator.journal.states import Status
from orchestrator.journal.store import Control, Run
from orchestrator.journal.windows import Held
from orchestrator.program import load_step
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from orchestrator.watch import Watch
from phases.step import Batches, Phase, Verify

logger = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often it is asked whether there is something to do."""


class NotRunning(ClaimLost):
    """The run stands still, or is being undone: whoever advances it will say when it goes on."""


class Membership(Watch):
    """Held by a process that helps: no epoch, for it moves nothing on; it works while the run is running."""

    def __init__(self, engine: Engine, run: Run, settings: Settings, reporter: Reporter) -> None:
        super().__init__(engine, settings, reporter, name=run.name, run_id=run.id)

    def __enter__(self) -> Membership:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # with it go the locks of the workers: it must not be kept for others
        connection.detach()
        self._begin(connection)
        return self

    def __exit__(self, *error: object) -> None:
        self._finish(lambda connection: None)

    def fence(self, connection: Connection) -> Control:
        """Holds off whoever would move the run."""
        status, control = store.fence_running(connection, self.run_id)
        self._require(status)
        return control

    def admit(self, held: Held) -> None:
        """The window's row is locked: whoever moves the run out of `running` waits for this batch before it acts."""
        self._require(held.status)

    def _require(self, status: str) -> None:
        if status != Status.RUNNING:
            raise NotRunning(f'run "{self.name}" is {status}', f"see: orchestrator status {self.name}")

    def _go_on(self) -> str:
        return f"orchestrator work {self.name}"

    def _beat(self, connection: Connection, activity: Any) -> None:
        self.obey(store.control(connection, self.run_id))


@dataclass(frozen=True)
class Task:
    """A batched step that is under way."""

    position: int


@dataclass(frozen=True)
class Wait:
    """Nothing to do yet."""

    why: str


@dataclass(frozen=True)
class Done:
    """Nothing to do any more."""

    why: str


def work(context: Context, name: str, *, workers: int = 1) -> str:
    """Works until the backfill of a run is done; returns why it ends.

    Raises:
        StoppedOnRequest: pause, SIGTERM or SIGINT; what it held is free for others.
        StepFailed: what a worker of the runner would stop for.
    """
    require_direct(context, name)
    patient_since = time.monotonic()

    def attempt() -> str:
        nonlocal patient_since
        started = time.monotonic()
        try:
            return _once(context, name, workers)
        finally:
            if time.monotonic() - started > STEADY_S:
                patient_since = time.monotonic()

    def worth_reconnecting(error: BaseException) -> bool:
        lost = isinstance(error, ClaimLost) and error.connection_died
        return lost or connection_lost(error) or isinstance(error, DatabaseUnreachable)

    def say(state: Any) -> None:
        error = state.outcome.exception()
        why = error.message if isinstance(error, ClaimLost) else "lost the connection to the server"
        context.reporter.note(f"{why}; nothing was written since: trying again")

    retrying = Retrying(
        stop=lambda _: time.monotonic() - patient_since > RECONNECT_S,
        wait=wait_random_exponential(multiplier=0.5, max=10),
        retry=retry_if_exception(worth_reconnecting),
        before_sleep=say,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except DBAPIError as error:
        if connection_lost(error):
            raise database.unreachable(error) from error
        raise


def _once(context: Context, name: str, workers: int) -> str:
    with journal(context) as connection:
        run = require_run(connection, name)
        _refuse_if_paused(store.control(connection, run.id), name)
    with (
        context.working_engine(name) as engine,
        Membership(engine, run, context.settings, context.reporter) as membership,
        heeding_signals(membership),
    ):
        executor = Executor(engine, membership, context.settings, context.reporter, name)
        executor.again = f"orchestrator advance {name}"
        executor.workers = workers
        told = ""
        while True:
            membership.check()
            with engine.connect() as connection:
                found = _look(connection, run.id, name)
            match found:
                case Done(why):
                    return why
                case Wait(why):
                    if why != told:
                        told = why
                        context.reporter.note(why)
                    membership.stopping.wait(LOOK_S)
                case Task(position):
                    told = ""
                    _help(executor, position)


def _refuse_if_paused(control: Control, name: str) -> None:
    if control.pause:
        raise StoppedOnRequest(
            f'run "{name}" is stopped: {control.pause_reason}', f"lift it with: {control.resume_command(name)}"
        )


def _look(connection: Connection, run_id: int, name: str) -> Task | Wait | Done:
    run = store.find(connection, name)
    if run is None or run.id != run_id or not run.live or run.status is Status.ABORTING:
        return Done(f"{name}: {run.phase} {run.status}, nothing to do" if run else f"{name} is gone")
    position = windows.open_step(connection, run_id) if run.status is Status.RUNNING else None
    if position is not None:
        return Task(position)
    if run.has_finished(Phase.BACKFILL):
        return Done(f"{name}: every row is done")
    return Wait(f'run "{name}" is in {run.phase}/{run.status}: waiting for its backfill to go on')


def _help(executor: Executor, position: int) -> None:
    """Works off what a step has to give at the moment; its runner sums up, and begins the next pass."""
    with executor.engine.connect() as connection:
        rows = store.steps(connection, executor.claim.run_id)
        if not windows.left(connection, executor.claim.run_id, position):
            executor.claim.stopping.wait(LOOK_S)
            return
    [step] = [load_step(row.payload) for row in rows if row.position == position]
    assert isinstance(step, Batches | Verify)
    cuts = Cuts(executor, position, step, executor.workers or 1)
    try:
        with executor.told(step), Crew(executor, position, step, cuts, workers=executor.workers) as crew:
            crew.work_off()
    except NotRunning as error:
        executor.reporter.note(error.message)
