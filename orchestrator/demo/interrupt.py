"""Ctrl-C, SIGTERM and SIGHUP: noted at once, acted upon where the demo can clean up after itself."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

from orchestrator.errors import StoppedOnRequest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STEP_S = 0.02


class Interrupt:
    """While inside, a signal is only noted, so that neither the first nor an impatient second one cuts the cleaning
    short; `pause` and `check` raise."""

    def __init__(self) -> None:
        self._wanted = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        # a plain attribute: an Event's lock may be held by the very code that the signal interrupts
        self._wanted = True

    def check(self) -> None:
        """Raises if the demo is to end.

        Raises:
            StoppedOnRequest: it is.
        """
        if self._wanted:
            raise StoppedOnRequest(
                "the demo was interrupted", "nothing of it is left; start again with: orchestrator demo"
            )

    def pause(self, seconds: float) -> None:
        """Waits, unless the demo is to end.

        Raises:
            StoppedOnRequest: it is.
        """
        deadline = time.monotonic() + seconds
        self.check()
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, STEP_S))
            self.check()
