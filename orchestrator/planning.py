"""From a plan file to a program: reads the file and the live catalog, compiles, changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator import database
from orchestrator.catalog import Catalog, Enum, queries
from orchestrator.catalog.reader import read, read_enums, resolve
from orchestrator.catalog.wanted import Request, Wanted
from orchestrator.changes import Change
from orchestrator.compiler import compile_plan
from orchestrator.context import Context, connected, journal
from orchestrator.errors import CatalogDrifted, IllegalTransition, OrchestratorError, PlanRefused, TableTaken
from orchestrator.journal import schema, store
from orchestrator.journal.states import Status
from orchestrator.plan import Plan, find, load, names_in, split_table
from orchestrator.program import Program
from orchestrator.succession import listed
from orchestrator.unfolding import enums_of, stored_first, unfolded
from phases.delta import Delta, Table
from phases.sql import qualified, text

# PostgreSQL renders the same definition differently under others; a run is compared with itself weeks later
RENDERING = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
}


def read_catalog(context: Context, plan: Plan, stored: Sequence[Delta] = ()) -> Catalog:
    """The catalog as far as a plan needs it; the transaction is rolled back.

    `stored`: of a run that has started. Whoever goes on with it may have another search_path.
    """
    with connected(context.engine(direct=True)) as connection:
        database.set_short(connection)
        database.set_local(connection, lock_timeout=context.settings.lock_timeout_ms, **RENDERING)
        try:
            _require_labels(connection, plan, stored)
            enums = _enums(connection, plan, stored)
            changes = unfolded(plan, enums)
            taken = list(_taken(connection, changes, stored))
            if taken:
                raise PlanRefused(plan.name, taken)
            requests = _requests(changes, tables_of(stored))
            return replace(read(connection, requests), enums=enums)
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


def tables_of(deltas: Sequence[Delta]) -> list[Table]:
    """The tables of a run, as they were found when it was compiled."""
    return [table for delta in deltas for table in (delta.table, *(move.table for move in delta.moves))]


def _enums(connection: Connection, plan: Plan, stored: Sequence[Delta]) -> dict[str, Enum]:
    types = {Table(each.schema, each.type) for delta in stored for each in delta.enum_values}
    types |= {Table(each.schema, each.old_name) for delta in stored for each in delta.enums}
    named = {name: _resolved(split_table(name), types) for name in enums_of(plan)}
    found = read_enums(connection, named)
    return {name: stored_first(enum, stored) for name, enum in found.items()}


def _require_labels(connection: Connection, plan: Plan, stored: Sequence[Delta]) -> None:
    """A value that somebody has added to an enum of the run, or renamed, would be there after contract.

    Raises:
        CatalogDrifted: naming the enum.
    """
    for enum in dict.fromkeys(enum for delta in stored for enum in delta.enums):
        labels = database.scalar(connection, queries.LABELS, {"name": text(qualified(enum.as_table))})
        if labels is not None and tuple(labels) != enum.values:
            raise CatalogDrifted(
                f'enum "{enum.schema}.{enum.name}", which the run has made, has other values now: {listed(labels)}',
                f"give it back the values it had, or undo the run with: orchestrator abort {plan.name}",
            )


def _taken(connection: Connection, changes: Iterable[Change], stored: Sequence[Delta]) -> Iterator[tuple[str, str]]:
    """Types of somebody else under names that the plan gives: before they are taken for ours."""
    ours = {enum.as_table for delta in stored for enum in delta.enums}
    for type_ in dict.fromkeys(made.enum.as_table for change in changes for made in change.wanted.enums):
        name = text(qualified(type_))
        if type_ not in ours and database.scalar(connection, queries.TYPE_EXISTS, {"name": name}):
            yield (
                f'there is a type "{type_.schema}.{type_.name}" already, of its own or of a table of that name',
                "look at it, and drop or rename it; or have the plan give another name, where it gives one",
            )


def _requests(changes: Iterable[Change], resolved: Collection[Table]) -> dict[str, Request]:
    wanted: dict[str, Wanted] = {}
    for change in changes:
        for table, each in {change.table: change.wanted, **change.others}.items():
            wanted[table] = wanted.get(table, Wanted()) | each
    named = {split_table(table) for table in wanted}
    return {
        table: Request(_resolved(split_table(table), [each for each in resolved if each not in named]), each)
        for table, each in wanted.items()
    }


def _resolved(table: Table, candidates: Iterable[Table]) -> Table:
    if table.schema:
        return table
    return next((candidate for candidate in candidates if candidate.name == table.name), table)


def make_program(context: Context, plan: Plan) -> tuple[Program, Catalog]:
    """Compiles a plan against the live catalog. Changes nothing.

    Raises:
        TableTaken: it is refused while another run works on one of its tables.
        PlanRefused: with every reason.
    """
    try:
        catalog = read_catalog(context, plan)
        return compile_plan(plan, catalog), catalog
    except PlanRefused as refused:
        # what stands in the way may be what that run has made, and the advice to drop it would break it
        taken = _taken_tables(context, plan)
        if taken:
            raise TableTaken(*taken[0]) from refused
        raise


def _taken_tables(context: Context, plan: Plan) -> list[tuple[str, str]]:
    """The tables that a plan names and another run works on, each with that run's name."""
    with connected(context.engine(direct=True)) as connection:
        database.set_short(connection)
        if schema.current(connection) is None:
            return []
        changes = unfolded(plan, _enums(connection, plan, ()))
        found = [resolve(connection, request.table) for request in _requests(changes, ()).values()]
        return store.holders(connection, [f"{table.schema}.{table.name}" for _, table in filter(None, found)])


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
    warnings = tuple(
        f'run "{holder}" works on table "{table}": until it is finished or undone, advance refuses to start; '
        "whatever else there is to know is told then"
        for table, holder in holders
    )
    # they may take a trigger of that run for the application's, and say what to do about it
    return plan, replace(program, warnings=warnings or program.warnings), catalog


def load_plan(context: Context, name: str) -> Plan:
    """The plan file of that name."""
    return load(find(name, context.settings.plans))


def plan_file(context: Context, name: str) -> Plan | None:
    """The plan file, if it is there: once a run has started it is not needed."""
    if name not in names_in(context.settings.plans):
        return None
    return load_plan(context, name)
