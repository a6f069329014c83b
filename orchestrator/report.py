"""What a runner tells while it works. `orchestrator.render` shows it; a test or the demo may listen too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.journal.store import Progress
from phases.step import Phase


@dataclass(frozen=True, kw_only=True)
class Blocker:
    """A session that stands in our way; `age_s` is the age of its transaction."""

    pid: int
    application: str
    user: str
    state: str
    age_s: float
    query: str

    def __str__(self) -> str:
        name = f"{self.application or 'unnamed'} as {self.user}"
        return f"pid {self.pid} ({name}, {self.state}, transaction open for {self.age_s:.0f} s): {self.query}"

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(self)


class Reporter:
    """Listens to a runner and says nothing; subclasses override what they care for."""

    def note(self, message: str) -> None:
        """Something worth a line."""

    def phase_started(self, phase: Phase) -> None:
        """A phase begins or goes on."""

    def phase_done(self, phase: Phase, seconds: float) -> None:
        """A phase is done."""

    def step_started(self, title: str) -> None:
        """A step begins."""

    def step_done(self, title: str, seconds: float, lock_wait_ms: float) -> None:
        """A step is done."""

    def waiting(self, title: str, blockers: Sequence[Blocker]) -> None:
        """A step waits for a lock that these sessions hold."""

    def retrying(self, title: str, attempt: int, pause_s: float) -> None:
        """A step did not get its lock, gave up its place in the queue, and will try again."""

    def progress(self, title: str, progress: Progress) -> None:
        """A batch was committed."""

    def fraction(self, title: str, done: float) -> None:
        """A step that only reads has come so far, of 1."""
