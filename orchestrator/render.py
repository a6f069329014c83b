"""What people and programs see: text for a terminal of any width, JSON for programs. Heavy parts load when used."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.journal.store import Progress, Run, StepRow
from orchestrator.report import Blocker, Reporter
from phases import index_tree, key_tree
from phases.step import (
    AddForeignKeyTree,
    AwaitSnapshots,
    Batches,
    BuildIndex,
    BuildIndexTree,
    BuildLeafIndexes,
    DropIndex,
    Inspect,
    Outside,
    Phase,
    Reindex,
    Statement,
    Step,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID
    from sqlalchemy import Row

    from orchestrator.catalog import Catalog
    from orchestrator.comparison import Comparison
    from orchestrator.dry_run import Finding
    from orchestrator.gate import Verdict
    from orchestrator.journal.measurements import Course
    from orchestrator.journal.windows import Worker
    from orchestrator.knobs import Knobs
    from orchestrator.program import Program
    from orchestrator.settings import Settings
    from orchestrator.view import View


def as_json(value: Any) -> str:
    """JSON, for programs; stable in its keys."""
    return json.dumps(value, indent=2, default=str)


# status

MOST_BAD_ROWS = 10


def status_list(views: Sequence[View]) -> str:
    """One line a run."""
    if not views:
        return "no runs yet: orchestrator plan NAME shows what a plan would do, orchestrator advance NAME starts it"
    width = max(len(view.run.name) for view in views)
    lines = []
    for view in views:
        state = f"{view.run.phase} {view.run.status}"
        mark, share = _mark(view), _share(view.progress) if view.progress else ""
        lines.append(f"{view.run.name:<{width}}  {state:<22} {mark:<12} {share}".rstrip())
        lines.append(f"{'':<{width}}  waits for {view.waits_for}")
    return "\n".join(lines)


def status_one(view: View) -> str:
    """Everything worth knowing about one run."""
    run = view.run
    done = sum(run.has_finished(phase) for phase in Phase)
    lines = [f"{run.name}: {run.phase} {run.status}, {done} of {len(Phase)} phases done {_mark(view)}".rstrip()]
    if run.release:
        lines.append(f"  release    {run.release} is the first that uses the new shape")
    if run.removes:
        lines.append(f"  removes    {', '.join(run.removes)}")
    if run.adds:
        lines.append(f"  adds       {', '.join(run.adds)}")
    if view.step:
        lines.append(f"  step       {view.steps_done + 1} of {view.steps_total}: {view.step}")
    if view.progress:
        lines.append(f"  progress   {_progress(view, view.progress)}")
        if view.course:
            lines.append(f"  so far     {course_line(view.course)}")
        if view.progress.remark:
            lines.append(f"  remark     {view.progress.remark}")
        if view.throttled:
            lines.append(
                f"  throttled  since {view.throttled.throttled_since:%H:%M:%S %Z}: {view.throttled.throttle_reason}"
            )
    if view.heartbeat and view.runner != "none":
        beat = view.heartbeat
        lines.append(
            f"  runner     {beat.actor} on {beat.host}, process {beat.process}, heartbeat {beat.age_s:.0f} s ago"
        )
    for worker in view.workers if len(view.workers) > 1 or view.runner == "none" else ():
        lines.append(f"  worker     {_worker(worker)}")
    for bad in view.bad_rows[:MOST_BAD_ROWS]:
        lines.append(f"  bad row    {bad}")
    if len(view.bad_rows) > MOST_BAD_ROWS:
        lines.append(f"  bad rows   {len(view.bad_rows)} in all: orchestrator status {run.name} --json")
    for blocker in view.blockers:
        lines.append(f"  blocked by {Blocker(**blocker)}")
    if run.error:
        lines.append("  stopped    " + run.error.replace("\n", "\n             "))
    if run.hint and run.error:
        lines.append("  hint       " + run.hint.replace("\n", "\n             "))
    lines.append(f"  waits for  {view.waits_for}")
    return "\n".join(lines)


def _worker(worker: Worker) -> str:
    """One of several, or one that goes on while no runner is there."""
    if not worker.alive:
        return f"{worker}, gone"
    if worker.throttle_reason:
        return f"{worker}, throttled: {worker.throttle_reason}"
    rate = f", {worker.rows_per_s:,.0f} rows/s" if worker.rows_per_s else ""
    return f"{worker}{rate}, heartbeat {worker.age_s:.0f} s ago"


def progress_line(progress: Progress) -> str:
    """Share, rows, rate and time to go, each labelled as what it is."""
    return ", ".join(_done(progress) + _to_go(progress, progress.eta_s, progress.eta_unthrottled_s))


def _progress(view: View, progress: Progress) -> str:
    """The same; of a run that nobody works on there is neither a rate nor a time to go."""
    moving = view.runner == "alive" or any(worker.alive for worker in view.workers)
    return ", ".join(_done(progress) + (_to_go(progress, view.eta_s, view.eta_unthrottled_s) if moving else []))


def course_line(course: Course) -> str:
    """What a step has taken, each labelled as what it is."""
    parts = [f"{span(course.ran_s)} at work", f"{size(course.server_wal_bytes)} of WAL by the whole server"]
    if course.growth_bytes is not None:
        verb = "grew" if course.growth_bytes >= 0 else "shrank"
        parts.append(f"table with indexes {verb} by {size(abs(course.growth_bytes))}")
    return ", ".join(parts)


def _share(progress: Progress) -> str:
    """Rounded down: all but the last rows are not all."""
    return f"{int(100 * progress.fraction + 1e-9)}%"


def _done(progress: Progress) -> list[str]:
    parts = [_share(progress)]
    if progress.rows:
        about = f" of about {progress.estimated_rows:,}" if progress.estimated_rows >= progress.rows else ""
        parts.append(f"{progress.rows:,}{about} rows")
    if progress.rows and progress.stripes > 1:
        parts.append(f"{progress.hot_rows / progress.rows:.0%} HOT in {progress.stripes} stripes")
    if progress.pass_ > 1:
        parts.append(f"pass {progress.pass_}")
    if progress.throttled_ms >= 1000:
        parts.append(f"throttled for {span(progress.throttled_ms / 1000)}")
    return parts


def _to_go(progress: Progress, eta_s: float | None, eta_unthrottled_s: float | None) -> list[str]:
    parts = []
    if progress.rows_per_s and not progress.throttled_since:
        parts.append(f"{progress.rows_per_s:,.0f} rows/s")
    if eta_s is not None:
        parts.append(f"about {span(eta_s)} to go")
        if progress.throttled_ms >= 1000 and eta_unthrottled_s is not None:
            parts[-1] += f", {span(eta_unthrottled_s)} unless throttled"
    return parts


def _mark(view: View) -> str:
    if view.runner == "stale":
        return "(stale)"
    if view.pause_wanted:
        return "(pausing)" if view.runner == "alive" else "(paused)"
    if view.throttled:
        return "(throttled)"
    return "(interrupted)" if view.run.status == "running" and view.runner == "none" else ""


def span(seconds: float) -> str:
    """A time, as one would say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# check, verify, history


def verdicts(found: Sequence[Verdict]) -> str:
    """One line a run, with the command that helps."""
    if not found:
        return "yes: no run has a say in this"
    lines = []
    for verdict in found:
        lines.append(f"{'yes' if verdict.allowed else 'no'}: {verdict.reason}")
        if verdict.hint:
            lines.append(f"    {verdict.hint}")
    return "\n".join(lines)


def comparison(found: Comparison) -> str:
    """What a comparison found."""
    if not found.differences:
        return f"{found.table}: {found.rows:,} rows compared, all equal"
    keys = "".join(f"\n  {key}" for key in found.keys)
    return f"{found.table}: {found.rows:,} rows compared, {found.differences:,} differ; the first:{keys}"


def history(rows: Sequence[Row[Any]], steps: Sequence[StepRow], courses: Mapping[int, Course]) -> str:
    """Who did what, when; with the sessions that locks were waited for; then what each step took."""
    lines = []
    for row in rows:
        state = f"{row.from_state or 'new'} → {row.to_state}" if row.to_state else row.kind
        lines.append(f"{row.at:%Y-%m-%d %H:%M:%S}  {row.actor}@{row.host}  {state}: {row.message}")
        for blocker in (row.detail or {}).get("blockers", []):
            lines.append(f"{'':21}blocked by {Blocker(**blocker)}")
        lines += [f"{'':21}row {key}" for key in (row.detail or {}).get("keys", [])]
    lines.append("")
    for step in steps:
        if step.started_at is None or step.finished_at is None:
            continue
        took = (step.finished_at - step.started_at).total_seconds()
        waited = f", {step.lock_wait_ms:.0f} ms waiting for locks" if step.lock_wait_ms else ""
        tries = f", {step.attempts} tries" if step.attempts > 1 else ""
        course = f": {course_line(courses[step.position])}" if step.position in courses else ""
        lines.append(f"{step.position:>3}. {step.title}: {step.status}, {took:.2f} s{waited}{tries}{course}")
    return "\n".join(lines)


def history_json(rows: Sequence[Row[Any]], steps: Sequence[StepRow], courses: Mapping[int, Course]) -> dict[str, Any]:
    """Events, and how long each step took and waited; and what else it took, where that was measured."""
    return {
        "events": [{key: value for key, value in row._mapping.items() if key != "run_id"} for row in rows],
        "steps": [
            {
                "position": step.position,
                "phase": step.phase,
                "title": step.title,
                "status": step.status,
                "attempts": step.attempts,
                "lock_wait_ms": step.lock_wait_ms,
                "started_at": step.started_at,
                "finished_at": step.finished_at,
                "course": courses[step.position].as_json() if step.position in courses else None,
            }
            for step in steps
        ],
    }


# plan


def plan_json(program: Program, catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """A program, complete."""
    from orchestrator.program import dump_step

    return {
        "plan": program.plan,
        "server_version": catalog.server_version,
        "tables": [
            {
                "name": facts.display,
                "rows_estimate": facts.rows,
                "bytes": facts.bytes,
                "index_bytes": facts.index_bytes,
            }
            for facts in catalog.tables.values()
        ],
        "removes": list(program.removes),
        "adds": list(program.adds),
        "warnings": list(program.warnings),
        "phases": [
            {
                "phase": phase,
                "steps": [
                    {
                        **dump_step(placed.step),
                        "position": placed.position,
                        "lock_class": placed.step.lock_class,
                        **timeouts(placed.step, settings),
                    }
                    for placed in program.of(phase)
                ],
            }
            for phase in Phase
        ],
    }


def timeouts(step: Step, settings: Settings) -> dict[str, int | None]:
    """The timeouts a step runs under, in ms; None: not bounded, because nobody queues behind it."""
    if isinstance(step, Statement) and step.lock_class == "short exclusive":
        return {"lock_timeout_ms": settings.lock_timeout_ms, "hold_ms": settings.lock_hold_ms}
    return {"lock_timeout_ms": None, "hold_ms": None}


def plan_text(program: Program, catalog: Catalog, settings: Settings, knobs: Knobs) -> str:
    """A program for the eye: phases, steps, what each locks and for how long at most."""
    lines = [f"plan {program.plan}: {_effect(program)}"]
    for facts in catalog.tables.values():
        if not facts.exists:
            lines.append(f"  table {facts.display}: not there yet")
            continue
        rows = f"about {facts.rows:,.0f} rows" if facts.rows >= 0 else "never analysed"
        lines.append(f"  table {facts.display}: {rows}, {size(facts.bytes)}, indexes {size(facts.index_bytes)}")
    lines += [f"  warning: {warning}" for warning in program.warnings]
    for phase in Phase:
        lines += ["", f"{phase}"]
        for placed in program.of(phase):
            lines.append(f"  {placed.position:>2}. {placed.step.title}")
            lines.append(f"      {_locks(placed.step, settings, knobs)}")
    lines += ["", f"nothing was changed; start with: orchestrator advance {program.plan}"]
    return "\n".join(lines)


def findings(plan: str, found: Sequence[Finding]) -> str:
    """What the rows that are there have to say about a plan."""
    lines = []
    for each in found:
        rows = f"{each.rows:,} rows" if each.rows != 1 else "1 row"
        if each.unforeseen:
            lines.append(f"not known before the run: {each.title} on {each.table}: {each.unforeseen}")
        elif each.silent:
            lines.append(f"fine: {each.title} on {each.table}")
        elif each.stops:
            lines.append(f"stops the run: {each.title} on {each.table}{f': {rows}' if each.rows else ''}")
        else:
            lines.append(f"warning: {each.title} on {each.table}: {rows} would differ; who wrote last wins")
        lines += [f"  {failure}" for failure in each.failures]
        lines += [f"  row {key}" for key in each.keys]
    if not found:
        lines.append(f"nothing that plan {plan} does depends on the rows that are there")
    return "\n".join(lines)


def _effect(program: Program) -> str:
    removes, adds = ", ".join(program.removes), ", ".join(program.adds)
    if removes and adds:
        return f"{removes} becomes {adds}"
    return f"removes {removes}" if removes else f"adds {adds}" if adds else "no name changes"


def _locks(step: Step, settings: Settings, knobs: Knobs) -> str:
    held = ", ".join(map(str, step.locks)) or "no lock"
    bounds = timeouts(step, settings)
    if isinstance(step, AwaitSnapshots):
        return f"no lock; waits at most {settings.lock_budget_s:g} s, blocks nobody"
    if isinstance(step, Batches):
        return f"{held}; each batch holds the rows it updates, about {knobs.target_batch_ms} ms"
    if bounds["lock_timeout_ms"] is None:
        kind = (
            "concurrently"
            if isinstance(step, BuildIndex | BuildIndexTree | BuildLeafIndexes | DropIndex | Outside | Reindex)
            else "blocks nobody"
        )
        return f"{held}; {kind}"
    return f"{held}; waits at most {bounds['lock_timeout_ms']} ms a try, holds at most {bounds['hold_ms']} ms"


def plan_sql(program: Program, settings: Settings) -> str:
    """The same as a script for psql: for review, and for those who must run it themselves."""
    blocks = [
        f"-- plan {program.plan}, for psql. A phase a release: do not run it in one go under traffic.",
        "-- The orchestrator runs the same statements with retries, resumable batches and a journal.",
    ]
    for phase in Phase:
        blocks.append(f"\n-- phase {phase}")
        for placed in program.of(phase):
            blocks += ["", f"-- {placed.position}. {placed.step.title}", *_script(placed.step, settings)]
    return "\n".join(blocks)


def _script(step: Step, settings: Settings) -> list[str]:
    match step:
        case Statement():
            bounds = timeouts(step, settings)
            guards = [
                f"SET LOCAL lock_timeout = {bounds['lock_timeout_ms'] or 0};",
                f"SET LOCAL statement_timeout = {(bounds['lock_timeout_ms'] or 0) + (bounds['hold_ms'] or 0)};",
            ]
            return ["BEGIN;", *guards, *(f"{statement};" for statement in step.sql), "COMMIT;"]
        case BuildIndex():
            space = f"SET default_tablespace = '{step.tablespace}';"
            return [
                *([space] if step.tablespace else []),
                f"{step.sql};",
                *(f"{statement};" for statement in step.after),
            ]
        case BuildIndexTree():
            return index_tree.script(step)
        case BuildLeafIndexes():
            return index_tree.script_of_leaves(step)
        case AddForeignKeyTree():
            return key_tree.script(step)
        case DropIndex() | Outside() | Reindex():
            return [f"{step.sql};"]
        case Inspect():
            return [f"{step.sql}; -- must find no row"]
        case AwaitSnapshots():
            return ["-- until no xmin in pg_stat_activity and pg_replication_slots is older than the step before"]
        case _:
            return [_table_script(step)]


def _table_script(step: Any) -> str:
    from psycopg.sql import SQL, Literal

    from phases.sql import catalog_sql, text
    from phases.writes import write

    table, differs = catalog_sql(step.table), catalog_sql(step.differs)
    if not isinstance(step, Batches):
        query = SQL("SELECT count(*) AS must_be_0 FROM {table} AS new WHERE {differs};")
        return text(query.format(table=table, differs=differs))
    statement = write(step, table=table, rows=SQL(_ROWS).format(differs=differs))
    loop = text(SQL(_LOOP).format(name=Literal(step.table), statement=statement))
    return text(SQL("DO {};").format(Literal(loop)))


_ROWS = "ctid >= format('(%s,0)', first)::tid AND ctid < format('(%s,0)', first + 128)::tid AND ({differs})"
_LOOP = """
DECLARE
  blocks bigint := (SELECT max(pg_relation_size(relid, 'main')) / current_setting('block_size')::bigint
                    FROM (SELECT {name}::regclass AS relid UNION SELECT relid FROM pg_partition_tree({name})) AS heap);
  first bigint := 0;
BEGIN
  WHILE first < blocks LOOP
    {statement};
    COMMIT;
    first := first + 128;
  END LOOP;
END
"""


def size(number: int) -> str:
    """Bytes, as one would say them."""
    left = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if left < 1024:
            return f"{left:.0f} {unit}"
        left /= 1024
    return f"{left:.1f} TB"


# a runner at work


class PlainReporter(Reporter):
    """Lines on stderr: for logs, and for terminals that are none."""

    EVERY = 0.1
    """Progress is told at each tenth of the way."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def line(self, text: str) -> None:
        """One line."""
        print(text, file=sys.stderr, flush=True)

    def note(self, message: str) -> None:
        self.line(message)

    def phase_started(self, phase: Phase) -> None:
        self.line(f"{phase}")

    def phase_done(self, phase: Phase, seconds: float) -> None:
        self.line(f"{phase} done in {seconds:.1f} s")

    def step_done(self, title: str, seconds: float, lock_wait_ms: float) -> None:
        waited = f", {lock_wait_ms:.0f} ms of it waiting for locks" if lock_wait_ms else ""
        self.line(f"  done: {title} ({seconds * 1000:.0f} ms{waited})")

    def waiting(self, title: str, blockers: Sequence[Blocker]) -> None:
        for blocker in blockers:
            self.line(f"  waiting for a lock: {title}\n    blocked by {blocker}")

    def retrying(self, title: str, attempt: int, pause_s: float) -> None:
        self.line(f"  no lock yet: {title}; let others pass, try {attempt + 1} in {pause_s:.1f} s")

    def progress(self, title: str, progress: Progress) -> None:
        told = self._told.get(title, 0.0)
        if progress.fraction >= told + self.EVERY or progress.fraction < told:
            self._told[title] = progress.fraction
            self.line(f"  {progress_line(progress)}")

    def fraction(self, title: str, done: float) -> None:
        told = self._told.get(title, 0.0)
        if told + self.EVERY <= done < 1:
            self._told[title] = done
            self.line(f"  {title}: {done:.0%}")


class TerminalReporter(PlainReporter):
    """The same with a bar that moves, on a terminal."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bar

        self._console: Console = Console(stderr=True, highlight=False)
        columns = (BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.fields[about]}"))
        self._bar: Bar = Bar(*columns, console=self._console, transient=True, refresh_per_second=5)
        self._task: TaskID | None = None

    def line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def progress(self, title: str, progress: Progress) -> None:
        if self._task is None:
            self._task = self._bar.add_task(title, total=1.0, about="")
            self._bar.start()
        self._bar.update(self._task, completed=progress.fraction, about=_about(progress))

    def fraction(self, title: str, done: float) -> None:
        if self._task is None:
            self._task = self._bar.add_task(title, total=1.0, about=title)
            self._bar.start()
        self._bar.update(self._task, completed=done)

    def step_done(self, title: str, seconds: float, lock_wait_ms: float) -> None:
        self.close()
        super().step_done(title, seconds, lock_wait_ms)

    def close(self) -> None:
        """Takes the bar off the screen."""
        if self._task is not None:
            self._bar.stop()
            self._bar.remove_task(self._task)
            self._task = None


def _about(progress: Progress) -> str:
    parts = [f"{progress.rows:,} rows"] if progress.rows else []
    if progress.rows_per_s:
        parts.append(f"{progress.rows_per_s:,.0f}/s")
    if progress.eta_s is not None:
        parts.append(f"{span(progress.eta_s)} to go")
    return ", ".join(parts)


def reporter(*, quiet: bool = False) -> Reporter:
    """The one that fits where stderr goes."""
    if quiet:
        return Reporter()
    return TerminalReporter() if sys.stderr.isatty() else PlainReporter()


def run_json(run: Run) -> Mapping[str, Any]:
    """The end of a command that moved a run."""
    return {"name": run.name, "phase": run.phase, "status": run.status}
