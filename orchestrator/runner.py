"""Which phase and step is next: gates, the way through a phase, and the way back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from orchestrator import database, losses, vanished
from orchestrator.claimed import claimed
from orchestrator.compiler import compile_plan
from orchestrator.context import Context, connected, journal, require_direct, require_run
from orchestrator.drift import check_drift, without_ours
from orchestrator.errors import (
    CatalogDrifted,
    GateClosed,
    IllegalTransition,
    LossNoticed,
    PartitionAttached,
    PlanChanged,
    RunHeld,
    StoppedOnRequest,
)
from orchestrator.executor import Executor
from orchestrator.journal import store, windows
from orchestrator.journal.states import Status
from orchestrator.journal.store import Run, StepRow
from orchestrator.plan import difference, duration, restore
from orchestrator.planning import load_plan, make_program, plan_file, read_catalog
from orchestrator.program import Placed, dump_step, load_deltas, load_step
from phases import backfill
from phases.delta import Delta
from phases.step import AwaitSnapshots, Batches, Phase, Statement, Step, Verify
from phases.swap import swapped

# forward


def advance(
    context: Context,
    name: str,
    *,
    to: Phase | None = None,
    confirm_contract: bool = False,
    take_over: bool = False,
    workers: int | None = None,
) -> Run:
    """Runs the next phase that has anything to do, or all up to `to`; goes on with what was interrupted.

    Raises:
        RunHeld: another runner works on it.
        GateClosed: contract is not to begin yet.
        CatalogDrifted: the database is no longer what the program was compiled for.
        LockNotObtained, StepFailed, StoppedOnRequest: `advance` again goes on from there.
    """
    run = _start(context, name)
    target = to or _next_phase(context, run)
    if run.status is Status.COMPLETE or (not target.begins_before(run.phase) and run.has_finished(target)):
        context.reporter.note(f'run "{run.name}" has finished {target} already')
        return run
    if target.begins_before(run.phase):
        context.reporter.note(f'run "{run.name}" is past {target} already, in {run.phase}')
        return run
    _check_contract_gate(context, run, target, confirmed=confirm_contract)

    def work(executor: Executor, held: Run) -> Run:
        executor.workers = workers
        while not held.has_finished(target):
            phase = held.phase if held.status is not Status.WAITING else held.phase.next
            assert phase is not None
            held = _run_phase(context, executor, held, phase)
        return held

    return claimed(context, run, work, take_over=take_over)


def _start(context: Context, name: str) -> Run:
    """The run to go on with, or a new one."""
    with journal(context) as connection:
        run = store.find(connection, name)
        if run is None and store.pause_all(connection):
            raise StoppedOnRequest("all runs are paused by the operator", "lift it with: orchestrator resume --all")
    plan = plan_file(context, name)
    if run is not None and run.status is Status.ABORTING:
        raise IllegalTransition(f'run "{name}" is being undone', f"finish that first with: orchestrator abort {name}")
    if run is not None and run.status is not Status.ABORTED:
        changes = difference(run.plan, plan) if plan is not None and run.live else None
        if changes is not None:
            raise PlanChanged(
                f'the plan file of "{name}" is no longer what the run was started with:\n{changes}',
                f"put the file back, or undo the run with orchestrator abort {name} and start again",
            )
        return run
    if plan is None:
        plan = load_plan(context, name)
    require_direct(context, name)
    program, _ = make_program(context, plan)
    with journal(context) as connection:
        try:
            run = store.create(connection, plan, program)
            for reason in (change.overrides for change in plan.changes):
                if reason is not None:
                    store.add_event(connection, run.id, "unsafe", reason)
        except DBAPIError as error:
            if database.sqlstate(error) == "23505":
                raise RunHeld(
                    f'run "{name}" was started by somebody else just now', f"see: orchestrator status {name}"
                ) from error
            raise
    # not before it has the tables: another run's trigger would be told of as the application's
    for warning in program.warnings:
        context.reporter.note(f"warning: {warning}")
    return run


def _next_phase(context: Context, run: Run) -> Phase:
    """The phase to run next, and with it all that have nothing to do on this run; contract is never one of these."""
    with journal(context) as connection:
        busy = {row.phase for row in store.steps(connection, run.id)}
    order = list(Phase)
    first = order.index(run.phase) + (run.status is Status.WAITING)
    target = next((phase for phase in order[first:] if phase in busy or phase is Phase.CONSTRAIN), Phase.CONTRACT)
    for phase in order[order.index(target) + 1 : -1]:
        if phase in busy:
            break
        target = phase
    return target


def _check_contract_gate(context: Context, run: Run, target: Phase, *, confirmed: bool) -> None:
    """Contract has no way back: it wants the operator's word, and the time it was given to soak."""
    with journal(context) as connection:
        rows = [row for row in store.steps(connection, run.id) if row.phase is Phase.CONTRACT]
    if target is not Phase.CONTRACT or not rows:
        return
    release = f" older than {run.release}" if run.release else " that uses the old shape"
    if not confirmed:
        what = f"contract drops {', '.join(run.removes)} for good" if run.removes else "contract has no way back"
        raise GateClosed(
            "\n".join((what, *_losses(context, rows))),
            f"once no release{release} is running: orchestrator advance {run.name} --to contract --confirm-contract",
        )
    soak = duration(run.plan["gates"]["contract"]["soak"]) if _soak(run) else None
    if soak is None:
        return
    with journal(context) as connection:
        finished = store.finished_at(connection, run.id, Phase.CONSTRAIN)
        age = store.seconds_since(connection, finished) if finished else 0.0
    if age < soak.total_seconds():
        left = soak.total_seconds() - age
        raise GateClosed(
            f'contract of "{run.name}" has to wait {_hours(left)} more: '
            f"its plan lets constrain soak for {_hours(soak.total_seconds())}",
            "wait; or abort and start again with a shorter soak in the plan",
        )


def _losses(context: Context, rows: Sequence[StepRow]) -> Iterator[str]:
    """How much goes with the tables that go, as of now."""
    steps = [load_step(row.payload) for row in rows if row.status != "done"]
    with connected(context.engine()) as connection:
        for step in steps:
            if isinstance(step, Statement) and step.loss:
                yield f"  {step.title}: {database.scalar(connection, step.loss)}"


def _soak(run: Run) -> str | None:
    soak: str | None = run.plan.get("gates", {}).get("contract", {}).get("soak")
    return soak


def _hours(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _run_phase(context: Context, executor: Executor, run: Run, phase: Phase) -> Run:
    """One phase, from wherever it stands, to its end."""
    executor.again = f"orchestrator advance {run.name}"
    fresh = run.status in (Status.PLANNED, Status.WAITING)
    if fresh:
        check_drift(context, run, phase)
    run = _move(executor, run, (phase, Status.RUNNING), "begins" if fresh else "goes on")
    context.reporter.phase_started(phase)
    started = time.monotonic()
    with executor.engine.connect() as connection:
        everything = store.steps(connection, run.id)
    rows = [row for row in everything if row.phase == phase]
    if phase is Phase.CONSTRAIN:
        _catch_up(executor, run)
    if phase is Phase.CONTRACT:
        _catch_up_late(executor, run)
        _validate(context, executor, run, rows)
    for row in rows:
        if phase is Phase.CONSTRAIN and _is_stale(row, rows):
            executor.execute(row, anew=True)
        elif row.status != "done" and not (phase is Phase.CONTRACT and row.op == "verify"):
            _execute(executor, row, everything)
    if phase is Phase.CONSTRAIN:
        # it may have taken hours, and newer code comes next
        _catch_up(executor, run)
    done = Status.COMPLETE if phase is Phase.CONTRACT else Status.WAITING
    run = _move(executor, run, (phase, done), "done")
    context.reporter.phase_done(phase, time.monotonic() - started)
    return run


def _execute(executor: Executor, row: StepRow, rows: Sequence[StepRow]) -> None:
    """A step; where it meets a partition that has come since all were prepared for it, once that one is, too."""
    while True:
        try:
            return executor.execute(row)
        except PartitionAttached as attached:
            for each in rows:
                if _prepares(each, row.phase, attached.guard):
                    executor.catch_up(each)


def _prepares(row: StepRow, phase: Phase, guard: str) -> bool:
    """Whether a step makes sure of what a statement of that phase relies on."""
    if row.op == "verify":
        return row.phase is phase and bool(row.payload["guard"] == guard)
    return row.op == "build_leaf_indexes" and bool(row.payload["name"] == guard)


def _catch_up(executor: Executor, run: Run) -> None:
    """Brings rows into step that partitions have brought along which were attached after the backfill.

    Not of a table whose columns exchange their names: what compares its rows before that and before contract does it.
    """
    swapped = {delta.sync.trigger for delta in load_deltas(run.deltas) if delta.sync and delta.swaps}
    with executor.engine.connect() as connection:
        rows = store.steps(connection, run.id)
    for row in rows:
        if row.phase is Phase.BACKFILL and row.op in ("batches", "verify") and row.payload["guard"] not in swapped:
            executor.catch_up(row)


def _catch_up_late(executor: Executor, run: Run) -> None:
    """The same before contract: newer code writes by now, and nothing of it is replaced by what older code has.

    What is left to differ stops contract, which compares every row. Where columns have exchanged their names, the old
    one follows the new one.
    """
    deltas = {delta.sync.trigger: delta for delta in load_deltas(run.deltas) if delta.sync}
    with executor.engine.connect() as connection:
        rows = store.steps(connection, run.id)
    still_whole = _guards_of_what_is_left([row for row in rows if row.phase is Phase.CONTRACT])
    for row in rows:
        step = load_step(row.payload) if row.phase is Phase.BACKFILL else None
        if isinstance(step, Batches) and step.guard in still_whole:
            executor.catch_up(replace(row, payload=dump_step(_late(step, deltas.get(step.guard)))))


def _late(step: Batches, delta: Delta | None) -> Batches:
    if step.insertion is not None:
        return replace(step, insertion=replace(step.insertion, late=True))
    late = backfill.batches(swapped(delta), late=True) if delta is not None else None
    assert late is not None
    return replace(step, differs=late.differs, assignments=late.assignments)


def _is_stale(row: StepRow, rows: Sequence[StepRow]) -> bool:
    """Whether a step looked, in an interrupted try, at what a swap that has not happened relies on."""
    if row.op not in ("verify", "await_snapshots") or row.status == "pending":
        return False
    guard = row.payload["guard"]
    return guard in _guards_of_what_is_left(rows)


def _guards_of_what_is_left(rows: Sequence[StepRow]) -> set[str]:
    """The triggers on whose work statements rely that have not run yet."""
    left = (row for row in rows if row.op == "statement" and row.status != "done")
    return {guard for row in left for guard in row.payload["guards"]}


def _validate(context: Context, executor: Executor, run: Run, rows: Sequence[StepRow]) -> None:
    """What contract must know before it drops anything, as it is now: what an interrupted try once found is not enough.

    Every table that still has both shapes is compared once more, and the catalog last, for that takes no time.
    """
    executor.again = f"orchestrator advance {run.name} --confirm-contract"
    still_whole = _guards_of_what_is_left(rows)
    for row in rows:
        if _compared(row) in still_whole:
            executor.execute(row, anew=row.status != "pending")
    if not _destroyed(rows):
        check_drift(context, run, Phase.CONTRACT)


def _compared(row: StepRow) -> str | None:
    """The trigger whose work a step compares, or begins to count before that."""
    match row.op:
        case "verify":
            return str(row.payload["guard"])
        case "statement":
            return row.payload["marks"] or None
    return None


def _move(executor: Executor, run: Run, to: tuple[Phase, Status], message: str) -> Run:
    with executor.engine.begin() as connection:
        store.transition(connection, run, to, message)
    return replace(run, phase=to[0], status=to[1])


def refresh(context: Context, name: str) -> Run:
    """Compiles the phases that have not begun once more, for the database as it is now.

    Raises:
        CatalogDrifted: what has changed would have changed a phase that has already run.
    """
    with journal(context) as connection:
        run = require_run(connection, name)
        rows = store.steps(connection, run.id)
    if not run.live or run.status is Status.ABORTING:
        raise IllegalTransition(f'run "{name}" is {run.status}', "there is nothing to compile for it")
    plan = restore(run.plan)
    stored = load_deltas(run.deltas)
    exchanges = any(delta.swaps or delta.partitionings for delta in stored)
    if exchanges and not run.phase.begins_before(Phase.CONSTRAIN):
        raise IllegalTransition(
            f'"{name}" exchanges columns or tables in constrain, which has begun: they no longer show what it started '
            "from",
            f"undo the run with orchestrator abort {name} and start again",
        )
    catalog = without_ours(read_catalog(context, plan, stored), stored)
    program = compile_plan(plan, catalog)
    begun = {row.phase for row in rows if row.phase == run.phase or row.phase.begins_before(run.phase)}
    if run.status is Status.PLANNED:
        begun = set()
    for phase in begun:
        if not _same_steps([row for row in rows if row.phase == phase], list(program.of(phase))):
            raise CatalogDrifted(
                f'what has changed in the database concerns {phase}, which "{name}" has already begun',
                f"undo the run with orchestrator abort {name} and start again",
            )

    def work(executor: Executor, held: Run) -> Run:
        with executor.engine.begin() as connection:
            executor.claim.fence(connection)
            store.replace_steps(connection, held.id, program, [phase for phase in Phase if phase not in begun])
            store.add_event(connection, held.id, "refreshed", "phases not yet begun were compiled again")
        return held

    return claimed(context, run, work)


def _same_steps(rows: Sequence[StepRow], placed: Sequence[Placed]) -> bool:
    return [row.payload for row in rows] == [dump_step(each.step) for each in placed]


# the way back


def abort(context: Context, name: str, *, take_over: bool = False, confirm_loss: bool = False) -> Run:
    """Undoes every step that was done or begun, last first, until the schema is what it was.

    Raises:
        IllegalTransition: contract has destroyed something already, or there is nothing to undo.
        GateClosed: newer code has written what would be lost, and nobody has said that it may be.
    """
    with journal(context) as connection:
        run = require_run(connection, name)
        rows = store.steps(connection, run.id)
    if run.status is Status.ABORTED:
        context.reporter.note(f'run "{name}" is aborted already')
        return run
    if run.status is Status.COMPLETE or _destroyed(rows):
        gone = ", ".join(run.removes) or "the trigger"
        raise IllegalTransition(
            f'run "{name}" can no longer be undone: contract has begun to drop {gone}',
            f"finish it with: orchestrator advance {name} --to contract --confirm-contract"
            if run.live
            else "write a plan for the way back",
        )

    with connected(context.engine()) as connection:
        found = vanished.find(connection, run, [row for row in rows if row.status in ("done", "started")])
    _require_undoable(context, rows)
    with journal(context) as connection:
        settled = store.loss_confirmed(connection, run.id)
        used = store.before_abort(connection, run).has_finished(Phase.CONSTRAIN)
    # of an abort that goes on, what is gone cannot be counted: it was confirmed when it began
    lost = [] if settled else losses.counted(context, losses.at_risk(rows, used=used))
    lost += [] if settled else vanished.copied(run, found)
    if lost and not confirm_loss:
        raise losses.not_confirmed(run, lost)

    def work(executor: Executor, held: Run) -> Run:
        executor.again = f"orchestrator abort {name}"
        executor.vanished = found
        for table in sorted(found.gone):
            context.reporter.note(f"table {table} is gone: what else the run has made is undone")
        with executor.engine.connect() as connection:
            begun = [row for row in store.steps(connection, held.id) if row.status in ("done", "started")]
        # each looks once more when its turn comes: newer code writes until then
        for row in begun:
            executor.look_before_undo(row)
        if held.status is not Status.ABORTING:
            held = _move(executor, held, (held.phase, Status.ABORTING), "abort begins")
        with executor.engine.begin() as connection:
            executor.claim.fence(connection)
            for each in lost:
                store.add_event(connection, held.id, "loss", each, detail={"confirmed": True})
        with executor.engine.begin() as connection:
            # workers elsewhere may have a batch under way; from here on none begins one
            windows.revoke(connection, held.id)
        with executor.engine.connect() as connection:
            begun = [row for row in store.steps(connection, held.id) if row.status in ("done", "started")]
        if settled or confirm_loss:
            losses.disregard(executor, losses.at_risk(begun, used=used))
        else:
            losses.watch(executor, held, losses.at_risk(begun, used=used))
        for row in reversed(begun):
            _undo(executor, held, row, used=used)
        return _move(executor, held, (held.phase, Status.ABORTED), "undone")

    # a pause is about going forward
    return claimed(context, run, work, take_over=take_over, heed_pause=False)


def _require_undoable(context: Context, rows: Sequence[StepRow]) -> None:
    """Looks for what would stop an abort half-way, before it begins.

    Raises:
        GateClosed: something of the application's would be lost.
    """
    steps = [load_step(row.payload) for row in rows if row.status in ("done", "started")]
    wanted = [undo.require for step in steps for undo in step.undo if isinstance(undo, Statement) and undo.require]
    with connected(context.engine()) as connection:
        for require in wanted:
            try:
                with connection.begin():
                    database.set_short(connection)
                    database.run(connection, require)
            except DBAPIError as error:
                if database.sqlstate(error) != "55000":
                    raise
                raise GateClosed(
                    f"nothing was undone: {database.primary_message(error)}", database.hint(error)
                ) from error


def _undo(executor: Executor, run: Run, row: StepRow, *, used: bool) -> None:
    """Takes a step back; where it meets what newer code has written meanwhile, once that is found to be nothing."""
    while True:
        try:
            return executor.undo(row)
        except LossNoticed:
            losses.watch(executor, run, losses.at_risk([row], used=used))


def _destroyed(rows: Sequence[StepRow]) -> bool:
    return any(
        row.phase is Phase.CONTRACT and row.status in ("done", "started") and _destroys(load_step(row.payload))
        for row in rows
    )


def _destroys(step: Step) -> bool:
    return not (isinstance(step, Verify | AwaitSnapshots) or (isinstance(step, Statement) and bool(step.marks)))


def withdraw(context: Context, name: str) -> Run:
    """Declares that no release needs an aborted run any more, so that `check` no longer counts it."""
    with journal(context) as connection:
        run = require_run(connection, name)
        if run.status is not Status.ABORTED:
            raise IllegalTransition(f'run "{name}" is not aborted', f"first: orchestrator abort {name}")
        store.withdraw(connection, run)
        return require_run(connection, name)
