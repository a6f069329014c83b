"""The command line: a command parses, calls one function, prints. Results on stdout, messages on stderr."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator import __version__
from orchestrator.errors import ExitCode, OrchestratorError, UsageError
from phases.step import Phase

if TYPE_CHECKING:
    from orchestrator.catalog import Catalog
    from orchestrator.context import Context
    from orchestrator.program import Program
    from orchestrator.view import View

app = typer.Typer(
    name="orchestrator",
    help="Schema changes on a live PostgreSQL, one guarded phase at a time, while old and new code both run.",
    epilog="Start with: orchestrator demo · then: orchestrator init, orchestrator new rename_column rename-email",
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "ORCHESTRATOR"},
)

RunName = Annotated[str, typer.Argument(metavar="NAME", help="name of the plan and its run")]
OneRun = Annotated[str | None, typer.Argument(metavar="NAME", help="name of the run")]
AllFlag = Annotated[bool, typer.Option("--all", help="all runs in this database")]
JsonFlag = Annotated[bool, typer.Option("--json", envvar="ORCHESTRATOR_JSON", help="print JSON, for programs")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", envvar="ORCHESTRATOR_QUIET", help="no progress on stderr")]
TakeOverFlag = Annotated[
    bool,
    typer.Option(
        "--take-over",
        envvar="ORCHESTRATOR_TAKE_OVER",
        help="end the connection of a runner that gives no sign of life, and go on in its place",
    ),
]


class CodeShape(StrEnum):
    """Which shape a piece of code knows."""

    OLD = "old"
    NEW = "new"


class LintLevel(StrEnum):
    """The least finding that counts."""

    WARNING = "warning"
    ERROR = "error"


class LintFormat(StrEnum):
    """How `lint` prints."""

    TEXT = "text"
    GITHUB = "github"


_flags: dict[str, Any] = {}


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def common(
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar=["ORCHESTRATOR_DATABASE_URL", "DATABASE_URL"],
            help="PostgreSQL to work on; without it libpq's PG* variables",
            show_envvar=True,
        ),
    ] = None,
    direct_url: Annotated[
        str | None,
        typer.Option(envvar="ORCHESTRATOR_DIRECT_URL", help="the same without a connection pooler between"),
    ] = None,
    plans: Annotated[
        Path | None, typer.Option(envvar="ORCHESTRATOR_PLANS", help="folder of plan files [plans]")
    ] = None,
    lock_timeout_ms: Annotated[
        int | None,
        typer.Option(envvar="ORCHESTRATOR_LOCK_TIMEOUT_MS", help="longest queue for a lock, a try [1000]"),
    ] = None,
    lock_hold_ms: Annotated[
        int | None, typer.Option(envvar="ORCHESTRATOR_LOCK_HOLD_MS", help="longest hold of an exclusive lock [2000]")
    ] = None,
    lock_budget_s: Annotated[
        float | None, typer.Option(envvar="ORCHESTRATOR_LOCK_BUDGET_S", help="how long to try for a lock [300]")
    ] = None,
    heartbeat_s: Annotated[
        float | None, typer.Option(envvar="ORCHESTRATOR_HEARTBEAT_S", help="time between heartbeats [1]")
    ] = None,
    stale_after_s: Annotated[
        float | None,
        typer.Option(envvar="ORCHESTRATOR_STALE_AFTER_S", help="age at which a heartbeat counts as stale [15]"),
    ] = None,
    duplicates_s: Annotated[
        float | None,
        typer.Option(envvar="ORCHESTRATOR_DUPLICATES_S", help="longest look for duplicates of --check-data [300]"),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", envvar="ORCHESTRATOR_VERBOSE", help="log to stderr")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, allow_from_autoenv=False, callback=_print_version, help="print the version"
        ),
    ] = False,
) -> None:
    """Options that every command takes; they stand before the command."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    _flags.update(
        database_url=database_url,
        direct_url=direct_url,
        plans=plans,
        lock_timeout_ms=lock_timeout_ms,
        lock_hold_ms=lock_hold_ms,
        lock_budget_s=lock_budget_s,
        heartbeat_s=heartbeat_s,
        stale_after_s=stale_after_s,
        duplicates_s=duplicates_s,
    )


@app.command()
def demo(
    context: typer.Context,
    rows: Annotated[
        int, typer.Option(min=1000, envvar="ORCHESTRATOR_DEMO_ROWS", help="rows of the demo's table")
    ] = 200_000,
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="ORCHESTRATOR_DEMO_DATABASE_URL",
            help="use this server, in a database of the demo's own, instead of an embedded one",
        ),
    ] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Rename a column under live traffic, on a PostgreSQL of its own. Two application releases read and write it.

    Example: orchestrator demo --rows 50000
    """
    from orchestrator import render
    from orchestrator.demo import run_demo

    report = run_demo(rows=rows, database_url=database_url or _typed_database_url(context), quiet=quiet or json)
    typer.echo(render.as_json(report.as_json()) if json else report.text())
    if not report.passed:
        raise typer.Exit(ExitCode.FAILED)


def _typed_database_url(context: typer.Context) -> str | None:
    """A DATABASE_URL that happens to be in the environment is not meant for a demo."""
    common = context.parent
    source = common.get_parameter_source("database_url") if common else None
    # by its name: newer versions of typer bring a click of their own
    if common is None or source is None or source.name != "COMMANDLINE":
        return None
    url: str | None = common.params["database_url"]
    return url


@app.command()
def init(
    sql: Annotated[bool, typer.Option("--sql", help="print the SQL and change nothing")] = False,
    json: JsonFlag = False,
) -> None:
    """Create or upgrade the state schema "orchestrator".

    Example: orchestrator --database-url postgresql://localhost/shop init
    """
    from orchestrator.journal import schema

    if sql:
        typer.echo(schema.script())
        return
    from orchestrator.context import connected

    with connected(_context().engine(direct=True)) as connection:
        before, after = schema.upgrade(connection)
    text = f"state schema at revision {after}" + (", as before" if before == after else "")
    _print({"revision": after, "before": before}, json=json, text=text)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="kind of change, such as rename_column")],
    name: Annotated[str, typer.Argument(help="name of the plan, such as rename-email")],
    json: JsonFlag = False,
) -> None:
    """Write a commented plan file to start from.

    Example: orchestrator new rename_column rename-email
    """
    from orchestrator.errors import PlanError
    from orchestrator.plan import template

    text = template(kind, name)
    folder = _settings().plans
    path = folder / f"{name}.yaml"
    if path.exists():
        raise PlanError(f"{path} exists already", "edit it, or choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    _print({"name": name, "file": str(path)}, json=json, text=str(path))
    _say(f"edit it, then: orchestrator plan {name}")


@app.command()
def plan(
    name: Annotated[str, typer.Argument(metavar="NAME", help="name of the plan, or its file")] = "",
    sql: Annotated[bool, typer.Option("--sql", help="print a script for psql")] = False,
    json: JsonFlag = False,
    json_schema: Annotated[bool, typer.Option("--json-schema", help="print the JSON Schema of plan files")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="compile the phases of a run that have not begun once more")
    ] = False,
    check_data: Annotated[
        bool, typer.Option("--check-data", help="read every row: which ones would stop a run?")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Show what a plan would do here: every step, its locks and bounds. Changes nothing.

    With --check-data exit code 3 says that rows would stop a run.

    Example: orchestrator plan rename-email --sql
    """
    from orchestrator import render

    if json_schema:
        from orchestrator.plan import json_schema as schema_of_plans

        typer.echo(render.as_json(schema_of_plans()))
        return
    if not name:
        raise UsageError("which plan?", "orchestrator plan NAME")
    from orchestrator import planning, runner

    if check_data and (sql or refresh):
        raise UsageError("--check-data reads rows, and prints no script", "leave out --sql and --refresh")
    context = _context(quiet=quiet or json)
    if refresh:
        run = runner.refresh(context, name)
        text = f'the phases of run "{run.name}" that have not begun were compiled again'
        _print(render.run_json(run), json=json, text=text)
        return
    wanted, program, catalog = planning.preview(context, name)
    if check_data:
        _check_data(context, program, catalog, json=json)
    elif json:
        typer.echo(render.as_json(render.plan_json(program, catalog, context.settings)))
    elif sql:
        typer.echo(render.plan_sql(program, context.settings))
    else:
        typer.echo(render.plan_text(program, catalog, context.settings, wanted.backfill))


def _check_data(context: Context, program: Program, catalog: Catalog, *, json: bool) -> None:
    from dataclasses import asdict

    from orchestrator import render
    from orchestrator.dry_run import check_data

    found = check_data(context, program, catalog)
    stops = any(each.stops for each in found)
    if json:
        typer.echo(render.as_json({"plan": program.plan, "stops": stops, "findings": [asdict(each) for each in found]}))
    else:
        typer.echo(render.findings(program.plan, found))
    if stops:
        _say(
            f"hint: put these rows right, or write the plan so that it takes them; then look again with: "
            f"orchestrator plan {program.plan} --check-data"
        )
        raise typer.Exit(ExitCode.GATE)


@app.command()
def advance(
    name: RunName,
    to: Annotated[Phase | None, typer.Option(help="go on up to this phase")] = None,
    confirm_contract: Annotated[
        bool, typer.Option("--confirm-contract", help="yes, drop the old shape: no older release is running")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, envvar="ORCHESTRATOR_WORKERS", help="workers of the backfill [the knob]"),
    ] = None,
    take_over: TakeOverFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Run the next phase, or go on with an interrupted one.

    Example: orchestrator advance rename-email --to backfill
    """
    from orchestrator import render, runner

    run = runner.advance(
        _context(quiet=quiet or json),
        name,
        to=to,
        confirm_contract=confirm_contract,
        take_over=take_over,
        workers=workers,
    )
    typer.echo(render.as_json(render.run_json(run)) if json else f"{run.name}: {run.phase} {run.status}")
    if not (json or quiet):
        _say(f"waits for {_views(name)[0].waits_for}")


@app.command()
def work(
    name: RunName,
    workers: Annotated[
        int, typer.Option(min=1, max=64, envvar="ORCHESTRATOR_WORKERS", help="workers of this process")
    ] = 1,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Help with the backfill of a run that is advanced elsewhere. May begin and end at any time, on any machine.

    Waits for the backfill to begin; ends with exit code 0 when every row is done.

    Example: orchestrator work rename-email --workers 2
    """
    from orchestrator import work as helper

    ended = helper.work(_context(quiet=quiet or json), name, workers=workers)
    _print({"name": name, "ended": ended}, json=json, text=ended)


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="one run in full; without it all runs")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="again every second, until it ends or Ctrl-C")] = False,
    json: JsonFlag = False,
) -> None:
    """Show where every run stands, and what or whom it waits for.

    Example: orchestrator status rename-email --watch
    """
    import time

    while True:
        views = _views(name)
        _show(views, one=name is not None, json=json, clear=watch and sys.stdout.isatty())
        if not watch or not any(view.run.live for view in views):
            return
        time.sleep(1)


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="one run; without it all of them")] = None,
    deploy: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="may this release go out, or come back?")
    ] = None,
    code: Annotated[
        CodeShape | None, typer.Option(help="may code that knows only the old, or only the new shape, run?")
    ] = None,
    at_least: Annotated[Phase | None, typer.Option(metavar="PHASE", help="has the run finished this phase?")] = None,
    json: JsonFlag = False,
) -> None:
    """The deploy gate: exit code 0 for yes, 3 for no.

    Example: orchestrator check --deploy 2.4
    """
    from dataclasses import asdict

    from orchestrator import gate, render
    from orchestrator.context import journal, require_run
    from orchestrator.journal import store

    if sum(option is not None for option in (deploy, code, at_least)) != 1:
        raise UsageError("what is to be checked?", "give one of --deploy RELEASE, --code old|new, --at-least PHASE")
    if name is None and deploy is None:
        raise UsageError("which run?", "orchestrator check NAME --code new, or --deploy RELEASE for all runs")
    context = _context()
    with journal(context) as connection:
        runs = [require_run(connection, name)] if name else store.latest_runs(connection)
        known = set(store.names(connection))
    if deploy is not None:
        verdicts = gate.for_release(deploy, runs, _unstarted(context, known) if name is None else ())
    elif code is not None:
        verdicts = [gate.for_code(run, code.value) for run in runs]
    else:
        assert at_least is not None
        verdicts = [gate.for_phase(run, at_least) for run in runs]
    no = gate.refused(verdicts)
    if json:
        typer.echo(render.as_json({"allowed": not no, "runs": [asdict(verdict) for verdict in verdicts]}))
    else:
        typer.echo(render.verdicts(verdicts))
    if no:
        raise typer.Exit(ExitCode.GATE)


@app.command()
def pause(name: OneRun = None, everything: AllFlag = False, json: JsonFlag = False) -> None:
    """Stop a run after the batch under way, or with --all every run; works from any machine.

    Example: orchestrator pause rename-email
    """
    from orchestrator import intent

    if _all_or_one(name, everything=everything):
        paused = [run.name for run in intent.set_pause_all(_context(), pause=True)]
        stopped = ", ".join(paused) or "there are none now"
        text = f"all runs stop after the batch under way ({stopped}); lift it with: orchestrator resume --all"
        _print({"paused": True, "all": True, "runs": paused}, json=json, text=text)
        return
    assert name is not None
    intent.set_pause(_context(), name, pause=True)
    text = f"{name} stops after the batch under way; go on with: orchestrator resume {name}"
    _print({"paused": True, "all": False, "runs": [name]}, json=json, text=text)


@app.command()
def resume(name: OneRun = None, everything: AllFlag = False, json: JsonFlag = False) -> None:
    """Lift a pause, or with --all the one of every run; `advance` then goes on where it stopped.

    A run that was paused by its name stays so when the pause of all is lifted.

    Example: orchestrator resume rename-email
    """
    from orchestrator import intent

    if _all_or_one(name, everything=everything):
        runs = intent.set_pause_all(_context(), pause=False)
        text = "\n".join(["all runs may go on", *(f"orchestrator advance {run.name}" for run in runs)])
        _print({"paused": False, "all": True, "runs": [run.name for run in runs]}, json=json, text=text)
        return
    assert name is not None
    run = intent.set_pause(_context(), name, pause=False)
    text = f"{run.name} may go on: orchestrator advance {run.name}"
    _print({"paused": False, "all": False, "runs": [run.name]}, json=json, text=text)


def _all_or_one(name: str | None, *, everything: bool) -> bool:
    if everything == (name is not None):
        raise UsageError("which run?", "give either the NAME of a run or --all")
    return everything


@app.command(name="set")
def set_(
    name: RunName,
    assignment: Annotated[str, typer.Argument(metavar="KEY=VALUE", help="such as target_batch_ms=100")],
    json: JsonFlag = False,
) -> None:
    """Tune a knob of the backfill, also while it runs.

    Example: orchestrator set rename-email target_batch_ms=100
    """
    from orchestrator import intent

    key, separator, value = assignment.partition("=")
    if not separator:
        raise UsageError(f'"{assignment}" is not KEY=VALUE', "such as target_batch_ms=100")
    change, now = intent.set_knob(_context(), name, key.strip(), value.strip())
    _print({"name": name, "knob": key.strip(), "value": now}, json=json, text=f"{name}: {change}")


@app.command()
def verify(name: RunName, json: JsonFlag = False) -> None:
    """Compare every row of the old and the new shape. Prints what differs; exit code 1 if anything does.

    Example: orchestrator verify rename-email
    """
    from dataclasses import asdict

    from orchestrator import comparison, render

    found = comparison.verify(_context(), name)
    if json:
        typer.echo(render.as_json([asdict(each) for each in found]))
    else:
        typer.echo("\n".join(map(render.comparison, found)))
    if any(each.differences for each in found):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def abort(
    name: RunName,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="of an aborted run: no release needs it any more, check may forget it")
    ] = False,
    confirm_loss: Annotated[
        bool, typer.Option("--confirm-loss", help="yes, drop what newer code has written to columns that go")
    ] = False,
    take_over: TakeOverFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Undo everything done so far; possible until contract. Asks before it drops what newer code has written.

    Example: orchestrator abort rename-email
    """
    from orchestrator import render, runner

    context = _context(quiet=quiet or json)
    if withdraw:
        run = runner.withdraw(context, name)
        _print(render.run_json(run), json=json, text=f"{name} is withdrawn: check no longer counts it")
        return
    run = runner.abort(context, name, take_over=take_over, confirm_loss=confirm_loss)
    typer.echo(render.as_json(render.run_json(run)) if json else f"{run.name}: {run.status}")


@app.command()
def history(
    name: RunName,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="draw how the backfill went, to a .png or .svg file instead")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show who did what, when, and which locks it waited for.

    Example: orchestrator history rename-email --plot rename-email.png
    """
    from orchestrator import render
    from orchestrator.context import journal, require_run
    from orchestrator.journal import measurements, store

    context = _context()
    if plot is not None:
        from orchestrator.plot import plot as draw

        draw(context, name, plot)
        _print({"name": name, "file": str(plot)}, json=json, text=str(plot))
        return
    with journal(context) as connection:
        run = require_run(connection, name)
        told = store.events(connection, run.id), store.steps(connection, run.id)
        courses = measurements.courses(connection, run.id)
    typer.echo(render.as_json(render.history_json(*told, courses)) if json else render.history(*told, courses))


@app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="SQL files and Alembic revisions (.py)")],
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="leave out a rule, by our name or squawk's; again for more")
    ] = None,
    level: Annotated[LintLevel, typer.Option(help="the least that counts as a finding")] = LintLevel.WARNING,
    format_: Annotated[LintFormat, typer.Option("--format", help="how findings are printed")] = LintFormat.TEXT,
    in_transaction: Annotated[
        bool, typer.Option("--in-transaction", help="your tool wraps each SQL file in a transaction")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="ask no database, even if one is configured")] = False,
    json: JsonFlag = False,
) -> None:
    """Read migrations: what would they do to a running application, and which plan avoids it? Exit code 3 on findings.

    Example: orchestrator --database-url postgresql://localhost/shop lint db/*.sql alembic/versions/0042_names.py
    """
    from orchestrator.lint import lint as read
    from orchestrator.lint.rules import Level

    report = read(
        files,
        None if offline or not _database_is_named() else _context(quiet=True),
        in_transaction=in_transaction,
        exclude=exclude or (),
        level=Level(level),
    )
    # not earlier: without the extra this would fail in its own way
    from orchestrator.lint import show

    if json:
        typer.echo(show.as_json(report))
    elif report.findings or report.problems:
        typer.echo((show.github if format_ is LintFormat.GITHUB else show.text)(report))
    for problem in report.problems:
        _say(f"error: {problem.file}:{problem.line}: {problem.message}")
        if problem.hint:
            _say(f"hint: {problem.hint}")
    if not json:
        _say(show.summary(report))
    if report.problems:
        raise typer.Exit(ExitCode.USAGE)
    if report.findings:
        raise typer.Exit(ExitCode.GATE)


def _database_is_named() -> bool:
    """Without any of these libpq would try a local server that nobody meant."""
    import os

    return bool(_settings().database_url) or any(name in os.environ for name in ("PGHOST", "PGDATABASE", "PGSERVICE"))


def main() -> None:
    """Entry point: every error ends in a message, a hint and its exit code."""
    # importing makes 100,000s of objects that stay: looking through them again and again costs 7 % of the start-up
    gc.set_threshold(200_000)
    _guarded(app)


def _guarded(call: Callable[[], Any]) -> None:
    from sqlalchemy.exc import DBAPIError

    try:
        call()
    except OrchestratorError as error:
        _say(f"error: {error.message}")
        if error.hint:
            _say("hint: " + error.hint.replace("\n", "\n      "))
        sys.exit(error.exit_code)
    except DBAPIError as error:
        from orchestrator.database import sqlstate, unreachable

        _say(f"error: {error.orig}" if not error.connection_invalidated else f"error: {unreachable(error).message}")
        if sqlstate(error) == "42501":
            _say("hint: docs/permissions.md lists what a role needs for which command")
        sys.exit(ExitCode.FAILED)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(ExitCode.STOPPED)


def _print(value: Any, *, json: bool, text: str) -> None:
    from orchestrator import render

    typer.echo(render.as_json(value) if json else text)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _settings() -> Any:
    from orchestrator import settings

    return settings.load(_flags)


def _context(*, quiet: bool = False) -> Context:
    from orchestrator import render
    from orchestrator.context import Context

    return Context(_settings(), render.reporter(quiet=quiet))


def _views(name: str | None) -> list[View]:
    from orchestrator.context import journal, require_run
    from orchestrator.journal import store
    from orchestrator.view import look

    context = _context(quiet=True)
    with journal(context) as connection:
        runs = [require_run(connection, name)] if name else store.latest_runs(connection)
        return [look(connection, run, stale_after_s=context.settings.stale_after_s) for run in runs]


def _show(views: list[View], *, one: bool, json: bool, clear: bool) -> None:
    from orchestrator import render

    if clear:
        typer.echo("\x1b[2J\x1b[H", nl=False)
    if json:
        shown = [view.as_json() for view in views]
        typer.echo(render.as_json(shown[0] if one else shown))
    else:
        typer.echo(render.status_one(views[0]) if one else render.status_list(views))


def _unstarted(context: Context, known: set[str]) -> list[Any]:
    """Plans beside us that nobody has started: what they add is not there, and a release may need it."""
    if not context.settings.plans.is_dir():
        return []
    from orchestrator.gate import Unstarted
    from orchestrator.plan import find, load, names_in

    folder = context.settings.plans
    loaded = [load(find(name, folder)) for name in names_in(folder) if name not in known]
    return [Unstarted(plan.name, plan.release) for plan in loaded]
