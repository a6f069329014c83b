"""The states of a run and the one table of legal transitions, enforced here and by a trigger in the database."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from phases.step import Phase


class Status(StrEnum):
    """What a run is doing in its phase."""

    PLANNED = "planned"
    RUNNING = "running"
    WAITING = "waiting"
    """The phase is done; the next one has not begun."""
    PAUSED = "paused"
    FAILED = "failed"
    ABORTING = "aborting"
    ABORTED = "aborted"
    COMPLETE = "complete"


State = tuple[Phase, Status]

FINAL = frozenset({Status.ABORTED, Status.COMPLETE})


def _legal() -> Iterator[tuple[State, State]]:
    yield (Phase.EXPAND, Status.PLANNED), (Phase.EXPAND, Status.RUNNING)
    for phase in Phase:
        running = (phase, Status.RUNNING)
        done = Status.COMPLETE if phase is Phase.CONTRACT else Status.WAITING
        yield running, (phase, done)
        for halted in (Status.PAUSED, Status.FAILED):
            yield running, (phase, halted)
            yield (phase, halted), running
            # in contract only while nothing was destroyed; the runner looks at the steps
            yield (phase, halted), (phase, Status.ABORTING)
        # a runner that died left "running" behind: whoever claims the run next goes on, or aborts
        yield running, running
        yield running, (phase, Status.ABORTING)
        if phase.next is not None:
            yield (phase, Status.WAITING), (phase.next, Status.RUNNING)
            yield (phase, Status.WAITING), (phase, Status.ABORTING)
        yield (phase, Status.ABORTING), (phase, Status.ABORTED)
    yield (Phase.EXPAND, Status.PLANNED), (Phase.EXPAND, Status.ABORTING)


TRANSITIONS: frozenset[tuple[State, State]] = frozenset(_legal())
