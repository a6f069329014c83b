"""The two batched steps, as the runner runs them: windows are cut, worked off by whoever is there, and summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.backfill import suspects
from orchestrator.backfill.crew import Crew
from orchestrator.backfill.cuts import Cuts
from orchestrator.errors import StepFailed
from orchestrator.journal import store, windows
from orchestrator.journal.badrows import BadRow
from orchestrator.journal.store import Progress
from phases.step import Batches, Verify

if TYPE_CHECKING:
    from orchestrator.executor import Executor

MOST_PASSES = 5
SAMPLE = 10


def run_batches(executor: Executor, position: int, step: Batches) -> None:
    """Updates all rows that differ, up to the end of each relation as it was when the step began.

    Rows beyond that end were inserted after the trigger was there: they are the trigger's.
    """
    cuts = _begin(executor, position, step)
    suspects.still_open(executor, position, step.table, step.differs)
    with Crew(executor, position, step, cuts, workers=executor.workers) as crew:
        _work_off(crew, cuts)
    _finish(executor, position, step)


def run_verification(executor: Executor, position: int, step: Verify) -> None:
    """Compares every row; repairs, if the step says how, and begins again until a pass finds nothing.

    Raises:
        NotVerified: rows differ, and there is no repair or it does not hold.
        StepFailed: rows are left that no repair can update.
    """
    cuts = _begin(executor, position, step)
    with Crew(executor, position, step, cuts, workers=executor.workers) as crew:
        while True:
            _work_off(crew, cuts)
            if _verified(executor, position, step, cuts):
                break
    _finish(executor, position, step)


def _verified(executor: Executor, position: int, step: Verify, cuts: Cuts) -> bool:
    """Whether the pass that was just made has found nothing; if not, another one begins, now or with `advance`."""
    progress, keys = _sums(executor, position)
    bad = suspects.still_open(executor, position, step.table, step.differs) if step.repair is not None else []
    if bad:
        cuts.next_pass(f"{len(bad)} rows cannot be {step.verb}", keys=[str(row) for row in bad[:SAMPLE]], anew=True)
        raise _unresolved(executor, step, bad)
    if progress.pass_differences == 0:
        return True
    if step.repair is None or progress.pass_ >= MOST_PASSES:
        cuts.next_pass(f"{progress.pass_differences} rows differ", keys=keys, anew=True)
        raise executor.not_verified(step, progress.pass_differences, keys)
    message = f"pass {progress.pass_} found {progress.pass_differences} rows that differed: comparing once more"
    executor.reporter.note(message)
    cuts.next_pass(message, keys=keys)
    return False


def _begin(executor: Executor, position: int, step: Batches | Verify) -> Cuts:
    with executor.engine.connect() as connection:
        knobs = store.control(connection, executor.claim.run_id).knobs
    cuts = Cuts(executor, position, step, executor.workers or knobs.workers)
    cuts.begin()
    return cuts


def _work_off(crew: Crew, cuts: Cuts) -> None:
    crew.work_off()
    while cuts.add_missing():
        crew.work_off()


def _sums(executor: Executor, position: int) -> tuple[Progress, list[str]]:
    run_id = executor.claim.run_id
    with executor.engine.connect() as connection:
        progress = store.progress(connection, run_id, position)
        assert progress is not None
        return progress, windows.first_keys(connection, run_id, position, SAMPLE)


def _finish(executor: Executor, position: int, step: Batches | Verify) -> None:
    progress, _ = _sums(executor, position)
    with executor.engine.begin() as connection:
        executor.claim.fence(connection)
        store.update_progress(connection, executor.claim.run_id, position, finished_at=progress.updated_at)
        done = f"rows {step.verb}: {progress.rows:,}" if progress.rows else f"differences: {progress.differences:,}"
        store.add_event(
            connection,
            executor.claim.run_id,
            "progress",
            f"{step.title}: done ({done}, batches: {progress.batches:,}, work: {progress.busy_ms / 1000:.1f} s)",
            detail={"rows": progress.rows, "differences": progress.differences, "passes": progress.pass_},
        )


def _unresolved(executor: Executor, step: Verify, bad: list[BadRow]) -> StepFailed:
    listing = "".join(f"\n  {row}" for row in bad[:SAMPLE])
    return StepFailed(
        f"{step.title}: {len(bad)} rows cannot be {step.verb}:{listing}",
        f"put these rows right, then: {executor.again}",
    )
