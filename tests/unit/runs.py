"""Runs as the journal would give them, in any state."""

from datetime import UTC, datetime

from orchestrator.journal.states import State, Status
from orchestrator.journal.store import Run
from phases.step import Phase

THEN = datetime(2024, 11, 1, tzinfo=UTC)

STATES: tuple[State, ...] = (
    (Phase.EXPAND, Status.PLANNED),
    *((phase, status) for phase in Phase for status in (Status.RUNNING, Status.PAUSED, Status.FAILED)),
    *((phase, Status.WAITING) for phase in Phase if phase is not Phase.CONTRACT),
    *((phase, status) for phase in Phase for status in (Status.ABORTING, Status.ABORTED)),
    (Phase.CONTRACT, Status.COMPLETE),
)
"""Every state that a run can be in."""


def run_in(state: State, *, name: str = "rename-email", release: str | None = "2.4", withdrawn: bool = False) -> Run:
    phase, status = state
    return Run(
        id=1,
        name=name,
        phase=phase,
        status=status,
        epoch=1,
        plan={},
        release=release,
        deltas=[],
        removes=("public.users.email",),
        adds=("public.users.email_address",),
        warnings=(),
        withdrawn=withdrawn,
        error=None,
        hint=None,
        tool_version="1",
        created_at=THEN,
        updated_at=THEN,
    )
