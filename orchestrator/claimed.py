"""Work on a run under a claim: signals stop it, a lost server is waited for, and why it stopped is written down."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, wait_random_exponential

from orchestrator import database
from orchestrator.claim import Claim, connection_lost
from orchestrator.context import Context, journal, require_run
from orchestrator.errors import ClaimLost, DatabaseUnreachable, OrchestratorError, StoppedOnRequest
from orchestrator.executor import Executor, failed
from orchestrator.journal import store, windows
from orchestrator.journal.states import Status
from orchestrator.journal.store import Run
from orchestrator.watch import Watch

logger = logging.getLogger(__name__)

RECONNECT_S = 120
"""How long a lost server is waited for: a failover or a restart takes seconds to a minute."""
STEADY_S = 30
"""Work that lasted this long before the loss earns that patience anew; a server that each try brings down does not."""


def claimed(
    context: Context,
    run: Run,
    work: Callable[[Executor, Run], Run],
    *,
    take_over: bool = False,
    heed_pause: bool = True,
) -> Run:
    """Does `work` under a claim; connects and claims again when the server went away in between.

    Unless somebody else has claimed the run since `run` was read: what was decided on would no longer hold.
    """
    epoch: int | None = None
    patient_since = time.monotonic()

    def noted(executor: Executor, held: Run) -> Run:
        nonlocal epoch, patient_since
        epoch, started = held.epoch, time.monotonic()
        try:
            return work(executor, held)
        finally:
            if time.monotonic() - started > STEADY_S:
                patient_since = time.monotonic()

    def attempt() -> Run:
        return _once(context, run, noted, take_over=take_over, heed_pause=heed_pause, epoch=epoch)

    def worth_reconnecting(error: BaseException) -> bool:
        if isinstance(error, DatabaseUnreachable):  # while it starts again
            return epoch is not None
        return connection_lost(error) or (isinstance(error, ClaimLost) and error.connection_died)

    retrying = Retrying(
        stop=lambda _: time.monotonic() - patient_since > RECONNECT_S,
        wait=wait_random_exponential(multiplier=0.5, max=10),
        retry=retry_if_exception(worth_reconnecting),
        before_sleep=lambda state: context.reporter.note("lost the connection to the server: trying again"),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except DBAPIError as error:
        if connection_lost(error):
            raise database.unreachable(error) from error
        raise


def _once(
    context: Context,
    run: Run,
    work: Callable[[Executor, Run], Run],
    *,
    take_over: bool,
    heed_pause: bool,
    epoch: int | None,
) -> Run:
    with journal(context) as connection:
        current = require_run(connection, run.name)
        if epoch is not None and current.epoch != epoch:
            raise ClaimLost(
                f'run "{run.name}" was taken over by another runner', f"see: orchestrator status {run.name}"
            )
        control = store.control(connection, current.id)
    if control.stops(heed_pause=heed_pause):
        raise StoppedOnRequest(
            f'run "{run.name}" is stopped: {control.pause_reason}', f"lift it with: {control.resume_command(run.name)}"
        )
    with context.working_engine(run.name) as engine:
        # the first time what the caller knew, so that a claim by somebody else since then is noticed
        known = run if epoch is None else current
        claim = Claim(engine, known, context.settings, context.reporter, heed_pause=heed_pause)
        held = claim.take(take_over=take_over)
        try:
            executor = Executor(engine, claim, context.settings, context.reporter, run.name)
            with heeding_signals(claim):
                return _recorded(executor, claim, work, held)
        finally:
            claim.release()


def _recorded(executor: Executor, claim: Claim, work: Callable[[Executor, Run], Run], held: Run) -> Run:
    """Does the work; writes down why it stopped, if it did and if the run is still ours."""
    try:
        return work(executor, held)
    except ClaimLost:
        raise
    except OrchestratorError as error:
        _record_halt(executor, claim, error)
        raise
    except DBAPIError as error:
        if connection_lost(error):
            raise
        failure = failed(f'run "{executor.name}"', error, executor.again)
        _record_halt(executor, claim, failure)
        raise failure from error


def _record_halt(executor: Executor, claim: Claim, error: OrchestratorError) -> None:
    """Writes down why the run stands still, so that `status` can tell; never hides the error itself."""
    try:
        with executor.engine.begin() as connection:
            current = store.find(connection, executor.name)
            if current is None or current.epoch != claim.epoch:
                return
            if current.status is Status.ABORTING:
                store.record_error(connection, current, error.message, error.hint)
            if current.status is not Status.RUNNING:
                return
            halted = Status.PAUSED if isinstance(error, StoppedOnRequest) else Status.FAILED
            store.transition(
                connection,
                current,
                (current.phase, halted),
                error.message,
                error=error.message,
                hint=error.hint,
            )
        with executor.engine.begin() as connection:
            # workers elsewhere may have a batch under way; from here on none commits one
            windows.revoke(connection, current.id)
    except (DBAPIError, ClaimLost) as failure:
        # "running" with an old heartbeat is shown as stale, and the next advance goes on all the same
        logger.warning("could not record why the run stopped: %s", failure, extra={"run": executor.name})


@contextmanager
def heeding_signals(claim: Watch) -> Iterator[None]:
    """SIGTERM and SIGINT stop at the next safe point; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    previous = {each: signal.getsignal(each) for each in signals}

    def handle(number: int, frame: FrameType | None) -> None:
        # first, because a second signal may follow as soon as the first is seen to be heeded
        for each in signals:
            signal.signal(each, signal.default_int_handler if each is signal.SIGINT else signal.SIG_DFL)
        # in a thread: this one may be inside the very lock of an event that stop() sets
        threading.Thread(target=claim.stop, args=(signal.Signals(number).name,)).start()

    for each in signals:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
