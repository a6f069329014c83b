"""Stands between two batches: holds the next one back while a signal says so, and writes down why and for how long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from orchestrator.backfill.health import Verdict, judge
from orchestrator.errors import StoppedOnRequest
from orchestrator.journal import store, windows
from orchestrator.knobs import Knobs

if TYPE_CHECKING:
    from orchestrator.backfill.worker import Worker

POLL_S = 0.1
LISTEN_S = 0.5
"""How often the operator is asked while batches wait: a knob that is set takes effect at once."""
REFRESH_S = 5.0
"""How often the numbers in the reason, and the time, are brought up to date for `status`."""


class Throttle:
    """For one worker: it waits for itself. Of those in one process the first and the last say so."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._verdict = Verdict()
        self._first = False
        self._since = self._counted = self._refreshed = 0.0

    def hold(self, knobs: Knobs) -> Knobs:
        """Returns when the next batch may begin, with the knobs as they are then.

        Raises:
            StoppedOnRequest, ClaimLost: see `Watch.check`.
        """
        self._worker.crew.sampler.use(knobs)
        if not self._judged().causes:
            return knobs
        self._begin()
        try:
            knobs = self._wait(knobs)
        except StoppedOnRequest:
            self._end()
            raise
        except BaseException:
            self._worker.crew.speeds(self._worker.number)
            raise
        self._end()
        return knobs

    def _wait(self, knobs: Knobs) -> Knobs:
        listened = time.monotonic()
        while True:
            before = self._verdict
            self._worker.claim.stopping.wait(POLL_S)
            self._worker.check()
            if time.monotonic() - listened > LISTEN_S:
                knobs, listened = self._worker.listen(), time.monotonic()
                self._worker.crew.sampler.use(knobs)
            verdict = self._judged()
            if not verdict.causes:
                self._verdict = before  # for the last line of the history: what it was that has ended
                return knobs
            if verdict.essence != before.essence:
                self._write(event=f"changes: {verdict.reason}" if self._first else None)
                self._say(f"throttled: {verdict.reason}", aloud=self._first)
            elif time.monotonic() - self._refreshed > REFRESH_S:
                self._write()

    def _judged(self) -> Verdict:
        sample = self._worker.crew.sampler.latest
        self._verdict = judge(sample.knobs, sample.readings, self._verdict, time.monotonic())
        return self._verdict

    # the journal: one event a change, not one a poll

    def _begin(self) -> None:
        self._since = self._counted = time.monotonic()
        self._first = self._worker.crew.slows(self._worker.number)
        self._say(f"throttled: {self._verdict.reason}", aloud=self._first)
        self._write(event=f"begins: {self._verdict.reason}" if self._first else None)

    def _end(self) -> None:
        seconds = time.monotonic() - self._since
        last = self._worker.crew.speeds(self._worker.number)
        self._say(f"throttled for {seconds:.1f} s, going on", aloud=last)
        self._write(event=f"ends after {seconds:.1f} s: {self._verdict.reason}" if last else None, ended=True)
        self._verdict = Verdict()

    def _say(self, message: str, *, aloud: bool) -> None:
        if aloud:
            self._worker.executor.reporter.note(message)

    def _write(self, *, event: str | None = None, ended: bool = False) -> None:
        now = time.monotonic()
        with self._worker.executor.engine.begin() as connection:
            self._worker.claim.fence(connection)
            windows.throttled(
                connection,
                self._worker.id,
                reason=None if ended else self._verdict.reason,
                milliseconds=(now - self._counted) * 1000,
            )
            if event is not None:
                self._event(connection, event, now)
        self._counted = self._refreshed = now

    def _event(self, connection: Connection, message: str, now: float) -> None:
        detail = {"signals": [cause.signal for cause in self._verdict.causes], "seconds": round(now - self._since, 1)}
        store.add_event(connection, self._worker.claim.run_id, "throttle", message, detail=detail)
