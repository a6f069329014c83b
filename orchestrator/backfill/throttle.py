"""Stands between two batches: holds the next one back while a signal says so, and writes down why and for how long."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from orchestrator.backfill.health import Verdict, judge
from orchestrator.backfill.sampler import Sampler
from orchestrator.errors import StoppedOnRequest
from orchestrator.journal import store
from orchestrator.knobs import Knobs

if TYPE_CHECKING:
    from orchestrator.executor import Executor

POLL_S = 0.1
LISTEN_S = 0.5
"""How often the operator is asked while batches wait: a knob that is set takes effect at once."""
REFRESH_S = 5.0
"""How often the numbers in the reason, and the time, are brought up to date for `status`."""


class Throttle(AbstractContextManager["Throttle"]):
    """For one batched step of one run. While it is entered, the signals are sampled."""

    def __init__(self, executor: Executor, position: int, table: str) -> None:
        self._executor = executor
        self._claim = executor.claim
        self._position = position
        with executor.engine.connect() as connection:
            knobs = store.control(connection, self._claim.run.id).knobs
        self._sampler = Sampler(executor.engine, table, knobs)
        self._verdict = Verdict()
        self._since = self._counted = self._refreshed = 0.0

    def __enter__(self) -> Throttle:
        self._sampler.start(self._claim.stopping)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sampler.stop()

    def hold(self, knobs: Knobs) -> Knobs:
        """Returns when the next batch may begin, with the knobs as they are then.

        Raises:
            StoppedOnRequest, ClaimLost: see `Claim.check`.
        """
        self._sampler.use(knobs)
        if not self._judged().causes:
            return knobs
        self._begin()
        try:
            knobs = self._wait(knobs)
        except StoppedOnRequest:
            self._end()
            raise
        self._end()
        return knobs

    def _wait(self, knobs: Knobs) -> Knobs:
        listened = time.monotonic()
        while True:
            before = self._verdict
            self._claim.stopping.wait(POLL_S)
            self._claim.check()
            if time.monotonic() - listened > LISTEN_S:
                knobs, listened = self._listen(), time.monotonic()
            verdict = self._judged()
            if not verdict.causes:
                self._verdict = before  # for the last line of the history: what it was that has ended
                return knobs
            if verdict.essence != before.essence:
                self._write(event=f"changes: {verdict.reason}")
                self._executor.reporter.note(f"throttled: {verdict.reason}")
            elif time.monotonic() - self._refreshed > REFRESH_S:
                self._write()

    def _judged(self) -> Verdict:
        sample = self._sampler.latest
        self._verdict = judge(sample.knobs, sample.readings, self._verdict, time.monotonic())
        return self._verdict

    def _listen(self) -> Knobs:
        """A batch would have read what the operator wants; there is none."""
        with self._executor.engine.connect() as connection:
            control = store.control(connection, self._claim.run.id)
        self._claim.obey(control)
        self._claim.check()
        self._sampler.use(control.knobs)
        return control.knobs

    # the journal: one event a change, not one a poll

    def _begin(self) -> None:
        self._since = self._counted = time.monotonic()
        self._executor.reporter.note(f"throttled: {self._verdict.reason}")
        self._write(event=f"begins: {self._verdict.reason}")

    def _end(self) -> None:
        seconds = time.monotonic() - self._since
        self._executor.reporter.note(f"throttled for {seconds:.1f} s, going on")
        self._write(event=f"ends after {seconds:.1f} s: {self._verdict.reason}", ended=True)
        self._verdict = Verdict()

    def _write(self, *, event: str | None = None, ended: bool = False) -> None:
        now = time.monotonic()
        with self._executor.engine.begin() as connection:
            self._claim.fence(connection)
            store.throttled(
                connection,
                self._claim.run.id,
                self._position,
                reason=None if ended else self._verdict.reason,
                milliseconds=(now - self._counted) * 1000,
            )
            if event is not None:
                self._event(connection, event, now)
        self._counted = self._refreshed = now

    def _event(self, connection: Connection, message: str, now: float) -> None:
        detail = {"signals": [cause.signal for cause in self._verdict.causes], "seconds": round(now - self._since, 1)}
        store.add_event(connection, self._claim.run.id, "throttle", message, detail=detail)
