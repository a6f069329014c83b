"""Which phase and step is next: gates, claim, the way through a phase, and the way back."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from types import FrameType
from typing import TypeVar

from psycopg.sql import SQL
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, wait_random_exponential

from orchestrator import database
from orchestrator.catalog import Catalog
from orchestrator.catalog.reader import Request, read
from orchestrator.claim import Claim, connection_lost
from orchestrator.compiler import compile_plan, deltas_of
from orchestrator.context import Context, connected, journal, require_run
from orchestrator.errors import (
    CatalogDrifted,
    ClaimLost,
    DatabaseUnreachable,
    GateClosed,
    IllegalTransition,
    NotInDatabase,
    OrchestratorError,
    PlanChanged,
    RunHeld,
    StoppedOnRequest,
)
from orchestrator.executor import Executor, failed
from orchestrator.journal import schema, store
from orchestrator.journal.states import Status
from orchestrator.journal.store import Run, StepRow
from orchestrator.plan import Plan, difference, duration, find, load, names_in, restore, split_table
from orchestrator.program import Placed, Program, dump_step, load_deltas, load_step
from orchestrator.succession import dependent_refusals
from phases.delta import Delta
from phases.sql import catalog_sql, text
from phases.step import Phase, Verify

logger = logging.getLogger(__name__)

RECONNECT_S = 120
"""How long a lost server is waited for: a failover or a restart takes seconds to a minute."""
STEADY_S = 30
"""Work that lasted this long before the loss earns that patience anew; a server that each try brings down does not."""

Result = TypeVar("Result")


# planning


def read_catalog(context: Context, plan: Plan) -> Catalog:
    """The catalog as far as a plan needs it; the transaction is rolled back."""
    renames: dict[str, dict[str, str]] = {}
    for change in plan.changes:
        renames.setdefault(change.table, {}).update(change.renames)
    requests = {table: Request(split_table(table), each) for table, each in renames.items()}
    with connected(context.engine(direct=True)) as connection:
        database.set_local(connection, lock_timeout=context.settings.lock_timeout_ms, statement_timeout=30_000)
        try:
            return read(connection, requests)
        except DBAPIError as error:
            state = database.sqlstate(error)
            if state == "55P03":
                raise OrchestratorError(
                    "a table of the plan is locked by somebody: its definition cannot be read", "try again"
                ) from error
            if state == "42501":
                raise OrchestratorError(
                    f"the catalog cannot be read: {str(error.orig).splitlines()[0]}",
                    "the role needs TEMPORARY on the database: see docs/permissions.md",
                ) from error
            raise
        finally:
            connection.rollback()


def make_program(context: Context, plan: Plan) -> tuple[Program, Catalog]:
    """Compiles a plan against the live catalog. Changes nothing.

    Raises:
        PlanRefused: with every reason.
    """
    catalog = read_catalog(context, plan)
    return compile_plan(plan, catalog), catalog


def preview(context: Context, name: str) -> tuple[Plan, Program, Catalog]:
    """What a run of a plan would be started with, and what stands in its way.

    Raises:
        IllegalTransition: a run of it is under way, and what it stored is what runs; or it is complete.
        PlanRefused: with every reason.
    """
    plan = load_plan(context, name)
    with connected(context.engine()) as connection:
        # before `init` there are no runs, and a plan may be looked at all the same
        initialised = schema.current(connection) is not None
    if not initialised:
        return plan, *make_program(context, plan)
    with journal(context) as connection:
        run = store.find(connection, plan.name)
    if run is not None and run.status is Status.COMPLETE:
        raise IllegalTransition(f'run "{name}" is complete: its plan has been carried out', "write a new plan")
    if run is not None and run.live:
        raise IllegalTransition(
            f'run "{name}" is under way, in {run.phase}/{run.status}, and goes by the steps it was started with',
            f"see where it stands with: orchestrator status {name}; "
            f"compile the phases that have not begun once more with: orchestrator plan {name} --refresh",
        )
    program, catalog = make_program(context, plan)
    with journal(context) as connection:
        holders = store.holders(connection, program.tables)
    warnings = (
        f'run "{holder}" works on table "{table}": until it is finished or undone, advance refuses to start'
        for table, holder in holders
    )
    return plan, replace(program, warnings=(*warnings, *program.warnings)), catalog


def load_plan(context: Context, name: str) -> Plan:
    """The plan file of that name."""
    return load(find(name, context.settings.plans))


def _plan_file(context: Context, name: str) -> Plan | None:
    """The plan file, if it is there: once a run has started it is not needed."""
    if name not in names_in(context.settings.plans):
        return None
    return load_plan(context, name)


# advancing


def advance(
    context: Context,
    name: str,
    *,
    to: Phase | None = None,
    confirm_contract: bool = False,
    take_over: bool = False,
) -> Run:
    """Runs the next phase, or all up to `to`; goes on with what was interrupted.

    Raises:
        RunHeld: another runner works on it.
        GateClosed: contract is not to begin yet.
        CatalogDrifted: the database is no longer what the program was compiled for.
        LockNotObtained, StepFailed, StoppedOnRequest: `advance` again goes on from there.
    """
    run = _start(context, name)
    target = to or _next_phase(run)
    if run.status is Status.COMPLETE or (not target.begins_before(run.phase) and run.has_finished(target)):
        context.reporter.note(f'run "{run.name}" has finished {target} already')
        return run
    if target.begins_before(run.phase):
        context.reporter.note(f'run "{run.name}" is past {target} already, in {run.phase}')
        return run
    _check_contract_gate(context, run, target, confirmed=confirm_contract)

    def work(executor: Executor, held: Run) -> Run:
        while not held.has_finished(target):
            phase = held.phase if held.status is not Status.WAITING else held.phase.next
            assert phase is not None
            held = _run_phase(context, executor, held, phase)
        return held

    return _claimed(context, run, work, take_over=take_over)


def _start(context: Context, name: str) -> Run:
    """The run to go on with, or a new one."""
    with journal(context) as connection:
        run = store.find(connection, name)
    plan = _plan_file(context, name)
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
    program, _ = make_program(context, plan)
    for warning in program.warnings:
        context.reporter.note(f"warning: {warning}")
    with journal(context) as connection:
        try:
            return store.create(connection, plan, program)
        except DBAPIError as error:
            if database.sqlstate(error) == "23505":
                raise RunHeld(
                    f'run "{name}" was started by somebody else just now', f"see: orchestrator status {name}"
                ) from error
            raise


def _next_phase(run: Run) -> Phase:
    if run.status is Status.WAITING:
        following = run.phase.next
        assert following is not None
        return following
    return run.phase


def _check_contract_gate(context: Context, run: Run, target: Phase, *, confirmed: bool) -> None:
    """Contract has no way back: it wants the operator's word, and the time it was given to soak."""
    if target is not Phase.CONTRACT:
        return
    release = f" older than {run.release}" if run.release else " that uses the old shape"
    if not confirmed:
        raise GateClosed(
            f"contract drops {', '.join(run.removes)} for good",
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


def _soak(run: Run) -> str | None:
    soak: str | None = run.plan.get("gates", {}).get("contract", {}).get("soak")
    return soak


def _hours(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _run_phase(context: Context, executor: Executor, run: Run, phase: Phase) -> Run:
    """One phase, from wherever it stands, to its end."""
    fresh = run.status in (Status.PLANNED, Status.WAITING)
    if fresh:
        check_drift(context, run, phase)
    run = _move(executor, run, (phase, Status.RUNNING), "begins" if fresh else "goes on")
    context.reporter.phase_started(phase)
    started = time.monotonic()
    with executor.engine.connect() as connection:
        rows = [row for row in store.steps(connection, run.id) if row.phase == phase]
    for row in rows:
        if row.status != "done":
            executor.execute(row)
    done = Status.COMPLETE if phase is Phase.CONTRACT else Status.WAITING
    run = _move(executor, run, (phase, done), "done")
    context.reporter.phase_done(phase, time.monotonic() - started)
    return run


def _move(
    executor: Executor,
    run: Run,
    to: tuple[Phase, Status],
    message: str,
    *,
    error: OrchestratorError | None = None,
) -> Run:
    with executor.engine.begin() as connection:
        store.transition(
            connection,
            run,
            to,
            message,
            error=error.message if error else None,
            hint=error.hint if error else None,
        )
    return replace(run, phase=to[0], status=to[1])


def _claimed(context: Context, run: Run, work: Callable[[Executor, Run], Run], *, take_over: bool = False) -> Run:
    """Does `work` under a claim; connects and claims again when the server went away in between.

    Unless somebody else has claimed the run meanwhile: whoever was overtaken stops.
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

    def once() -> Run:
        return _claimed_once(context, run, noted, take_over=take_over, epoch=epoch)

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
        return retrying(once)
    except DBAPIError as error:
        if connection_lost(error):
            raise database.unreachable(error) from error
        raise


def _claimed_once(
    context: Context, run: Run, work: Callable[[Executor, Run], Run], *, take_over: bool, epoch: int | None
) -> Run:
    with journal(context) as connection:
        current = require_run(connection, run.name)
        if epoch is not None and current.epoch != epoch:
            raise ClaimLost(
                f'run "{run.name}" was taken over by another runner', f"see: orchestrator status {run.name}"
            )
        paused = store.control(connection, current.id).pause
    if paused:
        raise StoppedOnRequest(
            f'run "{run.name}" is paused by the operator', f"lift it with: orchestrator resume {run.name}"
        )
    with context.working_engine(run.name) as engine:
        claim = Claim(engine, current, context.settings, context.reporter)
        held = claim.take(take_over=take_over)
        try:
            executor = Executor(engine, claim, context.settings, context.reporter, run.name)
            with _signals(claim):
                return _recorded(executor, work, held)
        finally:
            claim.release()


def _recorded(executor: Executor, work: Callable[[Executor, Run], Run], held: Run) -> Run:
    """Does the work; writes down why it stopped, if it did and if the run is still ours."""
    try:
        return work(executor, held)
    except ClaimLost:
        raise
    except OrchestratorError as error:
        _record_halt(executor, error)
        raise
    except DBAPIError as error:
        if connection_lost(error):
            raise
        failure = failed(f'run "{executor.name}"', error, executor.name)
        _record_halt(executor, failure)
        raise failure from error


def _record_halt(executor: Executor, error: OrchestratorError) -> None:
    """Writes down why the run stands still, so that `status` can tell; never hides the error itself."""
    try:
        with executor.engine.begin() as connection:
            current = store.find(connection, executor.name)
            if current is None or current.epoch != executor.claim.epoch or current.status is not Status.RUNNING:
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
    except (DBAPIError, ClaimLost) as failure:
        # "running" with an old heartbeat is shown as stale, and the next advance goes on all the same
        logger.warning("could not record why the run stopped: %s", failure, extra={"run": executor.name})


@contextmanager
def _signals(claim: Claim) -> Iterator[None]:
    """SIGTERM and SIGINT stop at the next safe point; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    previous = {each: signal.getsignal(each) for each in signals}

    def handle(number: int, frame: FrameType | None) -> None:
        # in a thread: this one may be inside the very lock of an event that stop() sets
        threading.Thread(target=claim.stop, args=(signal.Signals(number).name,)).start()
        for each in signals:
            signal.signal(each, signal.default_int_handler if each is signal.SIGINT else signal.SIG_DFL)

    for each in signals:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


# drift


def check_drift(context: Context, run: Run, phase: Phase) -> None:
    """Compares the database with what the program was compiled from, before a phase begins.

    Raises:
        CatalogDrifted: naming what is different.
    """
    plan = restore(run.plan)
    stored = load_deltas(run.deltas)
    try:
        catalog = _without_ours(read_catalog(context, plan), stored)
        current = deltas_of(plan, catalog)
    except NotInDatabase as error:
        raise CatalogDrifted(
            f'before {phase}: {error.message}: it was there when "{run.name}" was compiled', error.hint
        ) from error
    changes = [line for before, now in zip(stored, current, strict=True) for line in _differences(before, now)]
    # a view made since would let contract drop foreign keys and indexes, and then stop it at the column
    for facts in catalog.tables.values():
        changes += [f"{reason}\n    → {advice}" for reason, advice in dependent_refusals(facts)]
    if changes:
        raise CatalogDrifted(
            f'the database is no longer what "{run.name}" was compiled for:\n' + "\n".join(f"  {c}" for c in changes),
            f"if that is right: orchestrator plan {run.name} --refresh compiles the phases that have not begun; "
            f"or undo the run with: orchestrator abort {run.name}",
        )


def _without_ours(catalog: Catalog, deltas: Sequence[Delta]) -> Catalog:
    """The catalog without what the run itself has made."""
    ours = {f"{delta.table.schema}.{delta.table.name}": delta for delta in deltas}
    tables = {}
    for name, facts in catalog.tables.items():
        delta = ours.get(facts.display)
        if delta is not None:
            facts = facts.without(
                columns=[column.name for column in delta.add],
                triggers=[delta.sync.trigger],
                names={
                    *(index.name for index in delta.indexes),
                    *(key.name for key in delta.unique_keys),
                    *(constraint.name for constraint in delta.constraints),
                    *(key.name for key in delta.foreign_keys),
                    *(statistics.name for statistics in delta.statistics),
                    delta.sync.function,
                    delta.sync.counter,
                },
            )
        tables[name] = facts
    return replace(catalog, tables=tables)


_PARTS = {
    "add": "column",
    "indexes": "index",
    "unique_keys": "key",
    "constraints": "constraint",
    "foreign_keys": "foreign key",
    "statistics": "statistics",
    "defaults": "default of",
    "identities": "identity of",
    "sequences": "sequence",
    "not_null": "NOT NULL of",
    "key": "primary key column",
}


def _differences(before: Delta, now: Delta) -> Iterator[str]:
    for part, word in _PARTS.items():
        old = {_label(item): item for item in getattr(before, part)}
        new = {_label(item): item for item in getattr(now, part)}
        for label in sorted(old.keys() | new.keys()):
            if old.get(label) != new.get(label):
                change = "is new" if label not in old else "is gone" if label not in new else "is different"
                where = f"on {before.table.schema}.{before.table.name}"
                yield f'{word} "{label}" {change} {where}{_details(old.get(label), new.get(label))}'


def _details(old: object, new: object) -> str:
    """What is different, attribute by attribute."""
    if not (is_dataclass(old) and is_dataclass(new)):
        return ""
    pairs = ((each.name, getattr(old, each.name), getattr(new, each.name)) for each in fields(old))
    return ": " + ", ".join(f"{name} was {was!r} and is {now!r}" for name, was, now in pairs if was != now)


def _label(item: object) -> str:
    if isinstance(item, str):
        return item
    for attribute in ("old_name", "name", "column"):
        value = getattr(item, attribute, None)
        if value is not None:
            return str(value)
    return repr(item)


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
    catalog = _without_ours(read_catalog(context, plan), load_deltas(run.deltas))
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

    return _claimed(context, run, work)


def _same_steps(rows: Sequence[StepRow], placed: Sequence[Placed]) -> bool:
    return [row.payload for row in rows] == [dump_step(each.step) for each in placed]


# the way back


def abort(context: Context, name: str, *, take_over: bool = False) -> Run:
    """Undoes every step that was done or begun, last first, until the schema is what it was.

    Raises:
        IllegalTransition: contract has destroyed something already, or there is nothing to undo.
    """
    with journal(context) as connection:
        run = require_run(connection, name)
        rows = store.steps(connection, run.id)
    if run.status is Status.ABORTED:
        context.reporter.note(f'run "{name}" is aborted already')
        return run
    if run.status is Status.COMPLETE or _destroyed(rows):
        raise IllegalTransition(
            f'run "{name}" can no longer be undone: contract has begun to drop {", ".join(run.removes)}',
            f"finish it with: orchestrator advance {name} --to contract --confirm-contract"
            if run.live
            else "write a plan for the way back",
        )

    def work(executor: Executor, held: Run) -> Run:
        if held.status is not Status.ABORTING:
            held = _move(executor, held, (held.phase, Status.ABORTING), "abort begins")
        with executor.engine.connect() as connection:
            begun = [row for row in store.steps(connection, held.id) if row.status in ("done", "started")]
        for row in reversed(begun):
            executor.undo(row)
        return _move(executor, held, (held.phase, Status.ABORTED), "undone")

    with journal(context) as connection:
        # the pause was about going forward
        store.set_control(connection, run.id, pause=False)
    return _claimed(context, run, work, take_over=take_over)


def _destroyed(rows: Sequence[StepRow]) -> bool:
    return any(
        row.phase is Phase.CONTRACT
        and row.status in ("done", "started")
        and not isinstance(load_step(row.payload), Verify)
        for row in rows
    )


def withdraw(context: Context, name: str) -> Run:
    """Declares that no release needs an aborted run any more, so that `check` no longer counts it."""
    with journal(context) as connection:
        run = require_run(connection, name)
        if run.status is not Status.ABORTED:
            raise IllegalTransition(f'run "{name}" is not aborted', f"first: orchestrator abort {name}")
        store.withdraw(connection, run)
        return require_run(connection, name)


# intent


def set_pause(context: Context, name: str, *, pause: bool) -> Run:
    """Writes down that a run shall stop, or may go on; a runner anywhere obeys within one batch."""
    with journal(context) as connection:
        run = require_run(connection, name)
        if not run.live:
            raise IllegalTransition(f'run "{name}" is {run.status}', "there is nothing to stop")
        store.set_control(connection, run.id, pause=pause)
        store.add_event(connection, run.id, "intent", "pause" if pause else "resume")
        return run


def set_knob(context: Context, name: str, key: str, value: str) -> str:
    """Tunes a knob of a run, while it works or before; returns what it was and is."""
    with journal(context) as connection:
        run = require_run(connection, name)
        before = store.control(connection, run.id).knobs
        after = before.changed(key, value)
        store.set_control(connection, run.id, knobs=after)
        change = f"{key}: {getattr(before, key)} → {getattr(after, key)}"
        store.add_event(connection, run.id, "intent", change)
        return change


# verification on request


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison of one table found; `keys` are the first rows that differ."""

    table: str
    rows: int
    differences: int
    keys: tuple[str, ...]


def verify(context: Context, name: str) -> list[Comparison]:
    """Compares every row of the old and the new shape. Reads only."""
    with journal(context) as connection:
        run = require_run(connection, name)
        rows = store.steps(connection, run.id)
    if not run.has_finished(Phase.EXPAND) or run.status is Status.COMPLETE:
        raise IllegalTransition(
            f'run "{name}" is in {run.phase}/{run.status}: there are no two shapes to compare',
            "verify works between expand and contract",
        )
    steps = [load_step(row.payload) for row in rows if row.phase is Phase.BACKFILL]
    return [_compare(context, step) for step in steps if isinstance(step, Verify)]


COMPARE = SQL("SELECT count(*) AS rows, count(*) FILTER (WHERE {differs}) AS differences FROM {table}")
FIRST = SQL("SELECT {keys} FROM {table} WHERE {differs} LIMIT 10")


def _compare(context: Context, step: Verify) -> Comparison:
    parts = {name: catalog_sql(getattr(step, name)) for name in ("differs", "table", "keys")}
    with connected(context.engine(direct=True)) as connection:
        database.set_local(connection, row_security="off", statement_timeout=0)
        counts = database.fetch(connection, text(COMPARE.format(**parts)))[0]
        keys = database.fetch(connection, text(FIRST.format(**parts))) if counts["differences"] else []
        return Comparison(
            table=step.locks[0].relation,
            rows=counts["rows"],
            differences=counts["differences"],
            keys=tuple(", ".join(f"{key}={value!r}" for key, value in row.items()) for row in keys),
        )
