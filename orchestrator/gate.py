"""The deploy gate: may this code go out, or come back, now? Reads the journal only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.version import InvalidVersion, Version

from orchestrator.errors import UsageError
from orchestrator.journal.states import Status
from orchestrator.journal.store import Run
from phases.step import Phase

Code = Literal["old", "new"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One run's answer; `reason` names run, column and phase, `hint` the command that helps."""

    run: str
    allowed: bool
    reason: str
    hint: str | None = None


@dataclass(frozen=True)
class Unstarted:
    """A plan file without a run: what it adds is not there yet."""

    name: str
    release: str | None


def version(text: str) -> Version:
    """A release that can be compared.

    Raises:
        UsageError: it cannot.
    """
    try:
        return Version(text)
    except InvalidVersion as error:
        raise UsageError(f'"{text}" is not a release that can be compared', 'such as "2.4" or "2024.11.1"') from error


def for_release(release: str, runs: Iterable[Run], unstarted: Iterable[Unstarted] = ()) -> list[Verdict]:
    """May code of this release meet the database as it is? Runs without a release have no say."""
    wanted = version(release)
    verdicts = [
        for_code(run, "new" if wanted >= Version(run.release) else "old") for run in runs if run.release is not None
    ]
    verdicts += [
        Verdict(
            run=plan.name,
            allowed=False,
            reason=f'plan "{plan.name}" has not been started, and release {release} needs what it makes',
            hint=f"start it with: orchestrator advance {plan.name} --to constrain",
        )
        for plan in unstarted
        if plan.release is not None and wanted >= Version(plan.release)
    ]
    return verdicts


def for_code(run: Run, code: Code) -> Verdict:
    """May code that knows only the old shape, or only the new one, meet the database as it is?"""
    where = f'run "{run.name}" is in {run.phase}/{run.status}'
    if code == "old":
        newer = f"{run.release} or later" if run.release else "one that uses the new shape"
        gone = run.phase is Phase.CONTRACT and run.status not in (Status.ABORTED, Status.ABORTING)
        contracted = gone and bool(run.removes)
        return Verdict(
            run=run.name,
            allowed=not contracted,
            reason=f"{where}: older code misses {', '.join(run.removes)}"
            if contracted
            else f"{where}: {', '.join(run.removes) or 'all that older code needs is'} still there",
            hint=f"an older release cannot come back: deploy {newer}" if contracted else None,
        )
    if run.has_finished(Phase.CONSTRAIN):
        return Verdict(
            run=run.name,
            allowed=True,
            reason=f"{where}: {', '.join(run.adds) or 'all that newer code needs is'} complete",
        )
    if run.status is Status.ABORTED and run.withdrawn:
        return Verdict(run=run.name, allowed=True, reason=f"{where}: withdrawn, no release needs it")
    return Verdict(
        run=run.name,
        allowed=False,
        reason=f"{where}: {', '.join(run.adds) or 'what newer code needs is'} not complete yet",
        hint=_way_to(Phase.CONSTRAIN, run),
    )


def for_phase(run: Run, phase: Phase) -> Verdict:
    """Has the run finished this phase?"""
    done = run.has_finished(phase)
    return Verdict(
        run=run.name,
        allowed=done,
        reason=f'run "{run.name}" is in {run.phase}/{run.status}: {phase} is {"done" if done else "not done"}',
        hint=None if done else _way_to(phase, run),
    )


def _way_to(phase: Phase, run: Run) -> str:
    """The command that brings a run to the end of a phase."""
    confirmed = " --confirm-contract" if phase is Phase.CONTRACT else ""
    advance = f"orchestrator advance {run.name} --to {phase}{confirmed}"
    match run.status:
        case Status.ABORTING:
            return f"finish the abort first: orchestrator abort {run.name}"
        case Status.ABORTED:
            forget = f"or, if no release needs it any more: orchestrator abort {run.name} --withdraw"
            return f"start again with: {advance}; {forget}"
        case _:
            return f"go on with: {advance}"


def refused(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that say no."""
    return [verdict for verdict in verdicts if not verdict.allowed]
