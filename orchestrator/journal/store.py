"""Reads and writes of the journal. A runner's write names its epoch: one that was overtaken writes nothing."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError

import orchestrator
from orchestrator.database import fetch
from orchestrator.errors import ClaimLost, IllegalTransition, TableTaken
from orchestrator.journal import tables
from orchestrator.journal.states import FINAL, TRANSITIONS, State, Status
from phases.step import Phase

if TYPE_CHECKING:
    from orchestrator.knobs import Knobs
    from orchestrator.plan import Plan
    from orchestrator.program import Placed, Program


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as the journal has it."""

    id: int
    name: str
    phase: Phase
    status: Status
    epoch: int
    plan: Mapping[str, Any]
    release: str | None
    deltas: Any
    removes: Sequence[str]
    adds: Sequence[str]
    warnings: Sequence[str]
    withdrawn: bool
    error: str | None
    hint: str | None
    tool_version: str
    created_at: datetime
    updated_at: datetime

    @property
    def state(self) -> State:
        """Phase and status."""
        return self.phase, self.status

    @property
    def live(self) -> bool:
        """Neither complete nor aborted."""
        return self.status not in FINAL

    def has_finished(self, phase: Phase) -> bool:
        """Whether a phase was done, and not undone since."""
        if self.status in (Status.ABORTED, Status.ABORTING):
            return False
        return phase.begins_before(self.phase) or (
            phase == self.phase and self.status in (Status.WAITING, Status.COMPLETE)
        )


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """A step and how far it got."""

    position: int
    phase: Phase
    op: str
    title: str
    payload: Any
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    lock_wait_ms: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a batched step got: sums over its windows, blocks over those of the pass under way alone."""

    position: int
    pass_: int
    """From 1, and from 1 again after a comparison that failed."""
    next_block: int
    """Blocks that are done, of all relations."""
    total_blocks: int
    estimated_rows: int
    rows: int
    pass_differences: int
    differences: int
    skipped: int
    batches: int
    batch_blocks: int
    stripes: int
    hot_rows: int
    remark: str | None
    busy_ms: float
    workers: int
    """How many there are; one that has just died counts until it is missed."""
    worker_s: float
    """Seconds that all workers, also those that have left, spent with it."""
    rows_per_s: float | None
    throttle_reason: str | None
    throttled_since: datetime | None
    throttled_ms: float
    """In all, brought up to date every few seconds while it lasts."""
    bad_rows: int
    """Of the run, not put right yet."""
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def fraction(self) -> float:
        """The share that is done, from 0 to 1: by blocks, or by rows where a window of many blocks is under way."""
        by_blocks = min(1.0, self.next_block / self.total_blocks) if self.total_blocks else 1.0
        by_rows = min(0.99, self.rows / self.estimated_rows) if self.estimated_rows else 0.0
        return max(by_blocks, by_rows)

    @property
    def throttled_share(self) -> float:
        """Of the time of all workers, from 0 to 1."""
        return min(1.0, self.throttled_ms / 1000 / self.worker_s) if self.worker_s else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at the rate so far, throttled time included; None before there is something to go by."""
        return self.to_go(self._elapsed_s)

    @property
    def eta_unthrottled_s(self) -> float | None:
        """The same, should nothing throttle any more."""
        return self.to_go(self._elapsed_s * (1 - self.throttled_share))

    @property
    def _elapsed_s(self) -> float:
        return (self.updated_at - self.started_at).total_seconds()

    def to_go(self, spent_s: float) -> float | None:
        """The same, where what was done has taken so long."""
        if self.finished_at is not None or self.fraction < 0.01 or self._elapsed_s < 1:
            return None
        return max(0.0, spent_s) / self.fraction * (1 - self.fraction)


@dataclass(frozen=True, kw_only=True)
class Control:
    """What the operator wants."""

    pause_run: bool
    pause_all: bool
    """The switch for everything."""
    values: Mapping[str, Any]

    @property
    def pause(self) -> bool:
        """Either way."""
        return self.pause_run or self.pause_all

    def stops(self, *, heed_pause: bool) -> bool:
        """Whether a runner is to stop: the switch for everything always counts, a run's pause only going forward."""
        return self.pause_all or (self.pause_run and heed_pause)

    @property
    def pause_reason(self) -> str:
        """What is said to whoever is stopped by it."""
        return "all runs are paused by the operator" if self.pause_all else "paused by the operator"

    def resume_command(self, name: str) -> str:
        """What lifts the pause."""
        commands = [("orchestrator resume --all", self.pause_all), (f"orchestrator resume {name}", self.pause_run)]
        return " && ".join(command for command, needed in commands if needed)

    @property
    def knobs(self) -> Knobs:
        """The values, checked."""
        from orchestrator.knobs import Knobs

        return Knobs.model_validate(self.values)


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The sign of life of a runner; `age_s` in seconds, by the database's clock."""

    epoch: int
    actor: str
    host: str
    process: int
    backend_pid: int
    claimed_at: datetime
    beat_at: datetime
    released_at: datetime | None
    activity: Any
    age_s: float


# the identity of the tables that are there, whatever they are called later
IDENTIFY = """
UPDATE orchestrator.run_table AS taken SET relation = c.oid::bigint
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE taken.run_id = %(run)s AND c.relkind IN ('r', 'p') AND taken.table_name = n.nspname || '.' || c.relname
"""
PROGRESS = """
SELECT p.position, p.pass - p.first_pass + 1 AS pass_, p.estimated_rows, p.remark, p.started_at, p.finished_at,
       w.*, k.*,
       (SELECT count(*) FROM orchestrator.bad_row b WHERE b.run_id = p.run_id AND b.resolved_at IS NULL) AS bad_rows,
       greatest(p.started_at, w.batch_at, k.throttled_at) AS updated_at
FROM orchestrator.progress p
CROSS JOIN LATERAL (
  SELECT COALESCE(sum(next_block - first_block) FILTER (WHERE h.pass = p.pass), 0)::bigint AS next_block,
         COALESCE(sum(end_block - first_block) FILTER (WHERE h.pass = p.pass), 0)::bigint AS total_blocks,
         COALESCE(sum(differences) FILTER (WHERE h.pass = p.pass), 0)::bigint AS pass_differences,
         COALESCE(sum(differences), 0)::bigint AS differences, COALESCE(sum(rows), 0)::bigint AS rows,
         COALESCE(sum(hot_rows), 0)::bigint AS hot_rows, COALESCE(sum(skipped), 0)::bigint AS skipped,
         COALESCE(sum(batches), 0)::bigint AS batches, COALESCE(sum(busy_ms), 0) AS busy_ms,
         max(updated_at) AS batch_at,
         COALESCE((array_agg(batch_blocks ORDER BY updated_at DESC NULLS LAST))[1], 0) AS batch_blocks,
         COALESCE((array_agg(stripes ORDER BY updated_at DESC NULLS LAST))[1], 1) AS stripes
  FROM orchestrator.heap_window h WHERE h.run_id = p.run_id AND h.position = p.position
) w
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE left_at IS NULL) AS workers,
         COALESCE(sum(extract(epoch FROM COALESCE(left_at, beat_at) - joined_at)), 0)::float8 AS worker_s,
         sum(rows_per_s) FILTER (WHERE left_at IS NULL) AS rows_per_s, COALESCE(sum(throttled_ms), 0) AS throttled_ms,
         max(throttled_at) AS throttled_at,
         min(throttled_since) FILTER (WHERE left_at IS NULL) AS throttled_since,
         (array_agg(throttle_reason ORDER BY throttled_since)
            FILTER (WHERE left_at IS NULL AND throttled_since IS NOT NULL))[1] AS throttle_reason
  FROM orchestrator.worker k WHERE k.run_id = p.run_id AND k.position = p.position
) k
WHERE p.run_id = %(run)s AND (%(position)s::int IS NULL OR p.position = %(position)s) ORDER BY p.position
"""
_PAUSE_ALL = exists().where(tables.switch.c.pause).label("pause_all")


def actor() -> str:
    """Who acts: ORCHESTRATOR_ACTOR, else the user of the operating system."""
    given = os.environ.get("ORCHESTRATOR_ACTOR")
    if given:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return str(os.getuid())


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


# reading


def find(connection: Connection, name: str) -> Run | None:
    """The latest run of that name."""
    run = tables.run
    row = connection.execute(select(run).where(run.c.name == name).order_by(run.c.id.desc()).limit(1)).one_or_none()
    return _run(row) if row else None


def names(connection: Connection) -> list[str]:
    """The names of all runs."""
    return list(connection.scalars(select(tables.run.c.name).distinct().order_by(tables.run.c.name)))


def latest_runs(connection: Connection) -> list[Run]:
    """The latest run of each name, oldest first."""
    run = tables.run
    latest = select(func.max(run.c.id)).group_by(run.c.name)
    return [_run(row) for row in connection.execute(select(run).where(run.c.id.in_(latest)).order_by(run.c.id))]


def steps(connection: Connection, run_id: int) -> list[StepRow]:
    """All steps of a run, in order."""
    step = tables.step
    query = select(step).where(step.c.run_id == run_id).order_by(step.c.position)
    return [_step(row) for row in connection.execute(query)]


def progresses(connection: Connection, run_id: int) -> list[Progress]:
    """The progress of all batched steps of a run."""
    return [_progress(row) for row in fetch(connection, PROGRESS, {"run": run_id, "position": None})]


def progress(connection: Connection, run_id: int, position: int) -> Progress | None:
    """The progress of one batched step, or None before it has begun."""
    rows = fetch(connection, PROGRESS, {"run": run_id, "position": position})
    return _progress(rows[0]) if rows else None


def pause_all(connection: Connection) -> bool:
    """Whether the switch for everything is set."""
    return bool(connection.scalar(select(_PAUSE_ALL)))


def control(connection: Connection, run_id: int) -> Control:
    """The operator's intent."""
    wish = tables.control
    row = connection.execute(select(wish.c.pause, _PAUSE_ALL, wish.c.knobs).where(wish.c.run_id == run_id)).one()
    return Control(pause_run=row.pause, pause_all=row.pause_all, values=row.knobs)


def heartbeat(connection: Connection, run_id: int) -> Heartbeat | None:
    """The last sign of life of the run's runner."""
    beat = tables.heartbeat
    age = func.extract("epoch", func.clock_timestamp() - beat.c.beat_at).label("age_s")
    row = connection.execute(select(beat, age).where(beat.c.run_id == run_id)).mappings().one_or_none()
    if row is None:
        return None
    values = {key: value for key, value in row.items() if key != "run_id"}
    return Heartbeat(**{**values, "age_s": float(values["age_s"])})


def holders(connection: Connection, table_names: Sequence[str]) -> list[tuple[str, str]]:
    """The tables that live runs work on, each with the run's name."""
    taken, run = tables.run_table, tables.run
    query = (
        select(taken.c.table_name, run.c.name)
        .join(run, run.c.id == taken.c.run_id)
        .where(taken.c.active, taken.c.table_name.in_(table_names))
        .order_by(taken.c.table_name)
    )
    return [(row.table_name, row.name) for row in connection.execute(query)]


def finished_at(connection: Connection, run_id: int, phase: Phase) -> datetime | None:
    """When a phase was done."""
    table = tables.phase
    query = select(table.c.finished_at).where(table.c.run_id == run_id, table.c.phase == phase)
    found: datetime | None = connection.scalars(query).one_or_none()
    return found


def now(connection: Connection) -> datetime:
    """By the database's clock."""
    found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return found


def seconds_since(connection: Connection, moment: datetime) -> float:
    """Age of a moment, by the database's clock."""
    return float(connection.execute(select(func.extract("epoch", func.now() - literal(moment)))).scalar_one())


def events(connection: Connection, run_id: int) -> list[Row[Any]]:
    """The history of a run, oldest first."""
    return list(
        connection.execute(select(tables.event).where(tables.event.c.run_id == run_id).order_by(tables.event.c.id))
    )


def loss_confirmed(connection: Connection, run_id: int) -> bool:
    """Whether the operator has said of an abort of the run that what newer code has written may be lost."""
    event = tables.event
    said = select(event.c.id).where(
        event.c.run_id == run_id, event.c.kind == "loss", event.c.detail["confirmed"].as_boolean()
    )
    return connection.execute(said.limit(1)).first() is not None


def before_abort(connection: Connection, run: Run) -> Run:
    """The run as it was when its abort began; as it is, if none has."""
    event = tables.event
    begun = select(event.c.from_state).where(event.c.run_id == run.id, event.c.to_state.endswith(f"/{Status.ABORTING}"))
    state = connection.execute(begun.limit(1)).scalar_one_or_none()
    if state is None:
        return run
    phase, _, status = state.partition("/")
    return replace(run, phase=Phase(phase), status=Status(status))


# writing


def create(connection: Connection, plan: Plan, program: Program) -> Run:
    """A new run, with every step's SQL: what was reviewed is what will run.

    Raises:
        TableTaken: another run works on one of the tables.
    """
    from orchestrator.program import dump_deltas

    run = tables.run
    run_id = connection.execute(
        insert(run)
        .values(
            name=plan.name,
            phase=Phase.EXPAND,
            status=Status.PLANNED,
            plan=plan.canonical(),
            release=plan.release,
            deltas=dump_deltas(program.deltas),
            removes=list(program.removes),
            adds=list(program.adds),
            warnings=list(program.warnings),
            tool_version=orchestrator.__version__,
        )
        .returning(run.c.id)
    ).scalar_one()
    _take_tables(connection, run_id, program.tables)
    connection.exec_driver_sql(IDENTIFY, {"run": run_id})
    insert_steps(connection, run_id, program.steps)
    connection.execute(
        insert(tables.control).values(run_id=run_id, knobs=plan.backfill.model_dump(mode="json"), actor=actor())
    )
    add_event(
        connection, run_id, "created", f"compiled {len(program.steps)} steps", to_state=(Phase.EXPAND, Status.PLANNED)
    )
    found = find(connection, plan.name)
    assert found is not None
    return found


def insert_steps(connection: Connection, run_id: int, steps: Sequence[Placed]) -> None:
    """Stores steps that have not begun."""
    from orchestrator.program import dump_step

    if not steps:
        return
    connection.execute(
        insert(tables.step),
        [
            {
                "run_id": run_id,
                "position": placed.position,
                "phase": placed.phase,
                "op": placed.step.op,
                "title": placed.step.title,
                "payload": dump_step(placed.step),
            }
            for placed in steps
        ],
    )


def replace_steps(connection: Connection, run_id: int, program: Program, phases: Sequence[Phase]) -> None:
    """Puts newly compiled steps in the place of those of phases that have not begun."""
    from orchestrator.program import dump_deltas

    step = tables.step
    connection.execute(step.delete().where(step.c.run_id == run_id, step.c.phase.in_(phases)))
    insert_steps(connection, run_id, [placed for placed in program.steps if placed.phase in phases])
    taken = tables.run_table
    known = set(connection.scalars(select(taken.c.table_name).where(taken.c.run_id == run_id)))
    _take_tables(connection, run_id, [table for table in program.tables if table not in known])
    connection.exec_driver_sql(IDENTIFY, {"run": run_id})
    connection.execute(
        update(tables.run)
        .where(tables.run.c.id == run_id)
        .values(
            deltas=dump_deltas(program.deltas),
            warnings=list(program.warnings),
            tool_version=orchestrator.__version__,
        )
    )


def claim(connection: Connection, run_id: int, backend_pid: int) -> int:
    """Raises the epoch, so that whoever held the run before can write no more. Returns the new epoch."""
    run, beat = tables.run, tables.heartbeat
    epoch: int = connection.execute(
        update(run).where(run.c.id == run_id).values(epoch=run.c.epoch + 1).returning(run.c.epoch)
    ).scalar_one()
    connection.execute(beat.delete().where(beat.c.run_id == run_id))
    connection.execute(
        insert(beat).values(
            run_id=run_id, epoch=epoch, actor=actor(), host=host(), process=os.getpid(), backend_pid=backend_pid
        )
    )
    return epoch


def fence(connection: Connection, run_id: int, epoch: int) -> Control:
    """Holds the run's row until commit, so that nobody can take over in between, and returns what the operator wants.

    Raises:
        ClaimLost: somebody has taken over already.
    """
    run, wish = tables.run, tables.control
    row = connection.execute(
        select(run.c.epoch, wish.c.pause, _PAUSE_ALL, wish.c.knobs)
        .join(wish, wish.c.run_id == run.c.id)
        .where(run.c.id == run_id)
        .with_for_update(read=True, of=run)
    ).one()
    if row.epoch != epoch:
        raise ClaimLost(
            "another runner has taken over this run; nothing was written since",
            "see who with: orchestrator status",
        )
    return Control(pause_run=row.pause, pause_all=row.pause_all, values=row.knobs)


def fence_running(connection: Connection, run_id: int) -> tuple[Status, Control]:
    """Holds the run's row until commit, as whoever moves it must have it; returns its status, and what is wanted."""
    status = connection.execute(select(tables.run.c.status).where(tables.run.c.id == run_id).with_for_update(read=True))
    return Status(status.scalar_one()), control(connection, run_id)


def transition(
    connection: Connection,
    run: Run,
    to: State,
    message: str,
    *,
    error: str | None = None,
    hint: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Moves a run to another state, if it is still where the caller believes it to be.

    Raises:
        IllegalTransition: there is no such way.
        ClaimLost: somebody else has moved it.
    """
    if (run.state, to) not in TRANSITIONS:
        raise IllegalTransition(
            f'run "{run.name}" is in {_state(run.state)} and cannot go to {_state(to)}',
            f"see what it waits for with: orchestrator status {run.name}",
        )
    table = tables.run
    phase, status = to
    moved = connection.execute(
        update(table)
        .where(table.c.id == run.id, table.c.epoch == run.epoch)
        .where(table.c.phase == run.phase, table.c.status == run.status)
        .values(phase=phase, status=status, error=error, hint=hint, updated_at=func.clock_timestamp())
    ).rowcount
    if moved != 1:
        raise ClaimLost(
            f'run "{run.name}" was moved by somebody else in the meantime', f"see: orchestrator status {run.name}"
        )
    _stamp_phase(connection, run, to)
    if status in FINAL:
        connection.execute(update(tables.run_table).where(tables.run_table.c.run_id == run.id).values(active=False))
    add_event(connection, run.id, "state", message, from_state=run.state, to_state=to, detail=detail)


def step_started(connection: Connection, run_id: int, position: int) -> None:
    """Notes that a step is about to run."""
    _update_step(connection, run_id, position, status="started", started_at=func.clock_timestamp())


def step_waited(connection: Connection, run_id: int, position: int, *, lock_wait_ms: float, attempts: int) -> None:
    """Adds to a step's attempts, and to the time it waited for locks."""
    step = tables.step
    _update_step(
        connection,
        run_id,
        position,
        attempts=step.c.attempts + attempts,
        lock_wait_ms=step.c.lock_wait_ms + lock_wait_ms,
    )


def step_done(connection: Connection, run_id: int, position: int) -> None:
    """Notes that a step is done; in the step's own transaction wherever it has one."""
    step = tables.step
    _update_step(
        connection,
        run_id,
        position,
        status="done",
        attempts=step.c.attempts + 1,
        started_at=func.coalesce(step.c.started_at, func.now()),
        finished_at=func.clock_timestamp(),
    )


def record_error(connection: Connection, run: Run, error: str, hint: str | None) -> None:
    """Why a run stands still that stays in its state: an abort that could not go on."""
    table = tables.run
    connection.execute(
        update(table)
        .where(table.c.id == run.id, table.c.epoch == run.epoch)
        .values(error=error, hint=hint, updated_at=func.clock_timestamp())
    )
    add_event(connection, run.id, "halted", error)


def forget_step(connection: Connection, run_id: int, position: int) -> None:
    """A comparison that was made long ago says nothing: it is to be made again."""
    for marks in (tables.heap_window, tables.progress):
        connection.execute(delete(marks).where(marks.c.run_id == run_id, marks.c.position == position))
    _update_step(connection, run_id, position, status="started", finished_at=None)


def step_undone(connection: Connection, run_id: int, position: int) -> None:
    """Notes that a step's undo is done."""
    _update_step(connection, run_id, position, status="undone", finished_at=func.clock_timestamp())


def start_progress(connection: Connection, run_id: int, position: int, *, estimated_rows: int) -> None:
    """A batched step begins; its windows come with it."""
    marks = insert(tables.progress).values(run_id=run_id, position=position, estimated_rows=estimated_rows)
    connection.execute(marks)


def update_progress(connection: Connection, run_id: int, position: int, **values: Any) -> None:
    """What is said of a batched step as a whole."""
    table = tables.progress
    connection.execute(update(table).where(table.c.run_id == run_id, table.c.position == position).values(**values))


def set_switch(connection: Connection, *, pause: bool) -> None:
    """Stops every run on any machine within a batch, or lets them go on; written into the history of each live one."""
    values = {"pause": pause, "actor": actor(), "host": host(), "updated_at": func.clock_timestamp()}
    switch = postgresql.insert(tables.switch).values(values)
    connection.execute(switch.on_conflict_do_update(index_elements=["single"], set_=values))
    for run in latest_runs(connection):
        if run.live:
            add_event(connection, run.id, "intent", "pause --all" if pause else "resume --all")


def set_control(connection: Connection, run_id: int, *, pause: bool | None = None, knobs: Knobs | None = None) -> None:
    """Writes the operator's intent: a row of its own, so that a batch under way does not delay it."""
    values: dict[str, Any] = {"actor": actor(), "updated_at": func.clock_timestamp()}
    if pause is not None:
        values["pause"] = pause
    if knobs is not None:
        values["knobs"] = knobs.model_dump(mode="json")
    connection.execute(update(tables.control).where(tables.control.c.run_id == run_id).values(values))


def withdraw(connection: Connection, run: Run) -> None:
    """An aborted run stops standing in the way of releases."""
    connection.execute(update(tables.run).where(tables.run.c.id == run.id).values(withdrawn=True))
    add_event(connection, run.id, "withdrawn", "no release needs it any more")


def beat(connection: Connection, run_id: int, epoch: int, activity: Any) -> Control | None:
    """A sign of life. Returns the operator's intent, or None where the run has been taken over."""
    table = tables.heartbeat
    alive = connection.execute(
        update(table)
        .where(table.c.run_id == run_id, table.c.epoch == epoch)
        .values(beat_at=func.clock_timestamp(), activity=activity)
    ).rowcount
    return control(connection, run_id) if alive else None


def release(connection: Connection, run_id: int, epoch: int) -> None:
    """The runner goes, of its own will."""
    table = tables.heartbeat
    connection.execute(
        update(table)
        .where(table.c.run_id == run_id, table.c.epoch == epoch)
        .values(released_at=func.clock_timestamp(), activity=None)
    )


def add_event(
    connection: Connection,
    run_id: int,
    kind: str,
    message: str,
    *,
    from_state: State | None = None,
    to_state: State | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """One line of history."""
    connection.execute(
        insert(tables.event).values(
            run_id=run_id,
            actor=actor(),
            host=host(),
            kind=kind,
            from_state=_state(from_state) if from_state else None,
            to_state=_state(to_state) if to_state else None,
            message=message,
            detail=dict(detail) if detail else None,
        )
    )


def _take_tables(connection: Connection, run_id: int, table_names: Sequence[str]) -> None:
    if not table_names:
        return
    for table, name in holders(connection, table_names):
        raise TableTaken(table, name)
    try:
        with connection.begin_nested():
            # one statement: of a failed pipeline psycopg tells the log, which is stderr
            connection.execute(
                insert(tables.run_table).values([{"run_id": run_id, "table_name": name} for name in table_names])
            )
    except IntegrityError as error:
        # just now
        held = holders(connection, table_names)
        table, name = held[0] if held else (", ".join(table_names), "another")
        raise TableTaken(table, name) from error


def _stamp_phase(connection: Connection, run: Run, to: State) -> None:
    phase, status = to
    table = tables.phase
    if status == Status.RUNNING and run.status in (Status.PLANNED, Status.WAITING):
        connection.execute(insert(table).values(run_id=run.id, phase=phase))
    elif status in (Status.WAITING, Status.COMPLETE):
        connection.execute(
            update(table)
            .where(table.c.run_id == run.id, table.c.phase == phase)
            .values(finished_at=func.clock_timestamp())
        )


def _update_step(connection: Connection, run_id: int, position: int, **values: Any) -> None:
    step = tables.step
    connection.execute(update(step).where(step.c.run_id == run_id, step.c.position == position).values(**values))


def _state(state: State) -> str:
    return f"{state[0]}/{state[1]}"


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)
    return Run(**{**values, "phase": Phase(values["phase"]), "status": Status(values["status"])})


def _step(row: Row[Any]) -> StepRow:
    values = {key: value for key, value in row._mapping.items() if key != "run_id"}
    return StepRow(**{**values, "phase": Phase(values["phase"])})


def _progress(row: RowMapping) -> Progress:
    return Progress(**{name: row[name] for name in Progress.__dataclass_fields__})
