"""Plan + catalog → program. Pure: it neither connects nor looks at a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from psycopg.sql import Identifier

from orchestrator import joint, partitions
from orchestrator.catalog import Catalog, ForeignKey
from orchestrator.changes import Change
from orchestrator.errors import PlanRefused
from orchestrator.plan import Plan
from orchestrator.program import Placed, Program
from orchestrator.succession import listed
from orchestrator.unfolding import unfolded
from phases.delta import Delta, NewColumn, NewEnum, Table, TableColumn
from phases.sql import text
from phases.step import BuildIndex, BuildIndexTree, BuildLeafIndexes, Inspect, Phase, Reindex, Statement, Step, Verify
from phases.steps import STEPS
from phases.together import joined

Refusal = tuple[str, str]


def compile_plan(plan: Plan, catalog: Catalog) -> Program:
    """All steps of a plan on this database.

    Raises:
        TableNotFound, ColumnNotFound: the plan names what is not there.
        PlanRefused: it cannot be done safely; every reason at once, each with what to do.
    """
    changes = unfolded(plan, catalog.enums)
    refusals = [
        *_conflicts(changes, catalog),
        *(refusal for change in changes for refusal in refusals_of(change, catalog, plan.name)),
    ]
    if refusals:
        raise PlanRefused(plan.name, list(dict.fromkeys(refusals)))
    deltas = deltas_of(changes, plan.name, catalog)
    refusals = list(_together(deltas))
    if refusals:
        raise PlanRefused(plan.name, refusals)
    placed = [(phase, step) for phase in Phase for step in _steps(phase, deltas)]
    return Program(
        plan=plan.name,
        steps=tuple(
            Placed(position=position, phase=phase, step=step) for position, (phase, step) in enumerate(placed, 1)
        ),
        deltas=deltas,
        tables=tuple(sorted({table for delta in deltas for table in _tables(delta)})),
        removes=tuple(dict.fromkeys(each for delta in deltas for each in delta.removes)),
        adds=tuple(dict.fromkeys(each for delta in deltas for each in delta.adds)),
        warnings=tuple(
            dict.fromkeys(
                (
                    *_server_warnings(catalog, [step for _, step in placed]),
                    *(each for change in changes for each in _warnings(change, catalog, plan.name)),
                )
            )
        ),
    )


def _server_warnings(catalog: Catalog, steps: Sequence[Step]) -> Iterable[str]:
    builds = any(isinstance(step, BuildIndex | BuildIndexTree | BuildLeafIndexes | Reindex) for step in steps)
    if builds and 140000 <= catalog.server_version < 140004:
        yield (
            "before 14.4 an index that PostgreSQL 14 builds concurrently may miss rows that are written meanwhile: "
            "update the server first; what was built is checked by amcheck (bt_index_check with heapallindexed)"
        )


def _steps(phase: Phase, deltas: Sequence[Delta]) -> list[Step]:
    """The steps of a phase for all tables. What only looks comes first, before anything is made or dropped of one.

    What no abort can take back comes when all that may fail has gone well.
    """
    if phase is Phase.CONTRACT:
        deltas = joint.referred_first(deltas)
    steps = [step for delta in deltas for step in STEPS[phase](delta)]
    if phase is Phase.CONSTRAIN:
        steps.sort(key=_place_in_constrain)
    if phase is Phase.CONTRACT:
        steps.sort(key=_place_in_contract)
    # a foreign key between two tables that go is dropped once, a type that two of them use made once
    return joined(list(dict.fromkeys(steps)))


def _place_in_constrain(step: Step) -> int:
    if isinstance(step, Inspect):
        return 0
    return 2 if isinstance(step, Statement) and step.leaves else 1


def _place_in_contract(step: Step) -> int:
    """What looks comes before what destroys, and tables go when no foreign key is left between them.

    To count what comes after a look begins before it: what came while it was under way may have come behind it.
    """
    if isinstance(step, Verify) or (isinstance(step, Statement) and step.marks):
        return 0
    return 2 if isinstance(step, Statement) and step.loss else 1


def deltas_of(changes: Iterable[Change], plan: str, catalog: Catalog) -> tuple[Delta, ...]:
    """One delta a table: several changes of one table share a trigger and a backfill."""
    by_table: dict[str, list[Delta]] = {}
    for change in changes:
        for delta in change.deltas(catalog, plan):
            by_table.setdefault(f"{delta.table.schema}.{delta.table.name}", []).append(delta)
    facts = {each.table: each for each in catalog.tables.values()}
    merged = [partitions.of_tree(_merged(deltas), facts.get(deltas[0].table)) for deltas in by_table.values()]
    return tuple(joint.referring_first(merged))


def _merged(deltas: Sequence[Delta]) -> Delta:
    first = deltas[0]
    merged = {
        field.name: tuple(dict.fromkeys(value for delta in deltas for value in getattr(delta, field.name)))
        for field in fields(Delta)
        if field.name not in ("table", "partitioned", "sync", "key")
    }
    syncs = [delta.sync for delta in deltas if delta.sync is not None]
    sync = (
        replace(
            syncs[0],
            links=tuple(dict.fromkeys(link for each in syncs for link in each.links)),
            fills=tuple(dict.fromkeys(fill for each in syncs for fill in each.fills)),
        )
        if syncs
        else None
    )
    return replace(first, sync=sync, **merged)  # type: ignore[arg-type]  # each value comes from the field it goes to


def _tables(delta: Delta) -> set[str]:
    ends = {end for key in (*delta.successive_keys, *delta.lift_foreign_keys) for end in (key.table, key.references)}
    ends |= {end for dropped in delta.drop_foreign_keys for end in (dropped.table, dropped.references)}
    ends |= {Table(delta.table.schema, rename.to) for rename in delta.rename_tables}
    ends |= {move.table for move in delta.moves}
    for made in delta.partitionings:
        ends |= {Table(delta.table.schema, made.copy), *(key.references for key in made.foreign_keys)}
        ends |= {key.table for key in made.referring}
    return {f"{table.schema}.{table.name}" for table in {delta.table, *ends}}


def refusals_of(change: Change, catalog: Catalog, plan: str) -> Iterable[Refusal]:
    """Why a change cannot be done safely here."""
    yield from change.refusals(catalog, plan)
    yield from partitions.refusals(change, catalog.table(change.table))


def _warnings(change: Change, catalog: Catalog, plan: str) -> Iterable[str]:
    yield from change.warnings(catalog, plan)
    yield from partitions.warnings(change, catalog.table(change.table))


def _conflicts(changes: Sequence[Change], catalog: Catalog) -> Iterable[Refusal]:
    """Changes of one plan that stand in each other's way."""
    touched = Counter((catalog.table(c.table).display, column) for c in changes for column in c.touches)
    adjusted = Counter((catalog.table(c.table).display, *adjusted) for c in changes for adjusted in c.adjusts)
    made = Counter((catalog.table(c.table).display, column) for c in changes for column in c.makes - c.touches)
    for (table, column, what), count in adjusted.items():
        if (table, column) in touched:
            yield (
                f'column "{column}" of "{table}" gets another {what} in this plan, and is changed or dropped as well',
                "make two plans of it, one after the other",
            )
        if count > 1:
            yield f'{count} changes are about {what} of column "{column}" of "{table}"', "keep one of these changes"
    for (table, column), count in touched.items():
        if count > 1:
            yield f'column "{column}" of "{table}" is changed {count} times', "keep one of these changes"
    for (table, column), count in made.items():
        if count > 1:
            yield f'{count} changes make a column "{column}" of "{table}"', "give each another name"
        if (table, column) in touched:
            yield (
                f'column "{column}" of "{table}" is both an old and a new name in this plan',
                "make two plans of it, one after the other",
            )
    yield from _object_conflicts(changes, catalog)
    yield from _order(changes, catalog)
    yield from _torn(changes, catalog)
    number = Counter(catalog.table(change.table).display for change in changes)
    for change in changes:
        facts = catalog.table(change.table)
        if change.whole and number[facts.display] > 1:
            yield (
                f'"{facts.display}" is the matter of a {change.kind} and of another change of this plan',
                "make two plans of it, one after the other",
            )
    others = Counter(catalog.table(name).display for change in changes for name in change.others)
    for change in changes:
        for other in (catalog.table(name).display for name in change.others):
            if number[other] or others[other] > 1:
                yield (
                    f'"{other}" is the other table of {change.kind}, and the matter of another change of this plan',
                    "make two plans of it, one after the other",
                )
    changed: dict[Table, set[str]] = {}
    for change in changes:
        changed.setdefault(catalog.table(change.table).table, set()).update(change.touches)
    taking_part = changed.keys() | {catalog.table(name).table for change in changes for name in change.others}
    for change in changes:
        facts = catalog.table(change.table)
        for key in facts.foreign_keys:
            ends = {key.table: key.columns, key.references: key.referenced_columns}
            at_ends = {each.kind for each in changes if catalog.table(each.table).table in ends}
            apart = change.exchanges_foreign_keys or at_ends != {change.kind}
            if change.whole and len(ends) == 2 and ends.keys() <= taking_part and apart:
                yield (
                    f'foreign key "{key.name}" ties "{facts.display}" to another table of this plan',
                    "make two plans of it, one after the other",
                )
            tied = len(ends) == 2 and all(not changed.get(end, set()).isdisjoint(at) for end, at in ends.items())
            if tied and not _alike(changes, catalog, key):
                yield (
                    f'foreign key "{key.name}" ties two tables of this plan together, and its columns there are not '
                    "changed in the same way",
                    f'make two plans of it, one after the other: first of "{_display(key.table)}", then of '
                    f'"{_display(key.references)}"',
                )


def _together(deltas: Sequence[Delta]) -> Iterable[Refusal]:
    """What the changes of several tables have against each other, seen from what they make."""
    if joint.in_a_circle(deltas):
        yield (
            "foreign keys tie the changed columns of this plan's tables together in a circle",
            "make two plans of it, one after the other, so that none is about all tables of the circle",
        )
    made = Counter((delta.table.schema, name) for delta in deltas for name in _relations(delta))
    for (schema, name), count in made.items():
        if count > 1:
            yield f'changes of {count} tables make "{name}" in schema "{schema}"', "give each another name"
    yield from _of_enums_that_go(deltas)
    dropped = {table for delta in deltas for table in delta.drop_tables}
    for key in (key for delta in deltas for key in delta.successive_keys):
        if key.references in dropped:
            yield (
                f'foreign key "{key.rename_to or key.name}" refers to "{_display(key.references)}", which another '
                "change of this plan drops",
                "leave one of them out",
            )


def _of_enums_that_go(deltas: Sequence[Delta]) -> Iterable[Refusal]:
    """New columns of an enum that another replaces: at contract it could not be dropped."""
    replaced = {name: enum for delta in deltas for enum in delta.enums for name in _as_printed(enum)}
    for delta in deltas:
        columns: list[NewColumn | TableColumn] = [
            *delta.add,
            *(column for new in delta.create for column in new.columns),
        ]
        for column in columns:
            enum = replaced.get(column.type.removesuffix("[]"))
            if enum is not None:
                yield (
                    f'new column "{column.name}" of "{_display(delta.table)}" is of enum '
                    f'"{enum.schema}.{enum.old_name}", which another change of this plan replaces',
                    "make two plans of it, one after the other",
                )


def _as_printed(enum: NewEnum) -> Iterable[str]:
    """The names under which PostgreSQL may print the old enum: it quotes where it must."""
    schemas, types = ((name, text(Identifier(name))) for name in (enum.schema, enum.old_name))
    return (f"{schema}.{type_}" for schema in schemas for type_ in types)


def _relations(delta: Delta) -> set[str]:
    """Names in the table's schema that what expand and constrain make takes: tables, views, indexes, sequences."""
    made = {index.name for index in delta.indexes} | {rename.to for rename in delta.rename_tables}
    made |= {column.sequence.name for column in delta.add if column.sequence is not None}
    made |= {delta.sync.counter} if delta.sync else set()
    for new in delta.create:
        made |= {delta.table.name, *(key.name for key in new.keys), *(name for name, _ in new.indexes)}
        made |= {each.name for each in new.partitions}
    return made


def _alike(changes: Sequence[Change], catalog: Catalog, key: ForeignKey) -> bool:
    """Whether the columns at both ends of a foreign key get successors that hold the same, so that it ties them too."""
    ways = {
        (catalog.table(change.table).table, column): way
        for change in changes
        for column, way in change.alike(catalog).items()
    }
    touched = {(catalog.table(change.table).table, column) for change in changes for column in change.touches}
    for column, referenced in zip(key.columns, key.referenced_columns, strict=True):
        ends = ((key.table, column), (key.references, referenced))
        if touched.isdisjoint(ends):
            continue
        if any(end not in ways for end in ends) or ways[ends[0]] != ways[ends[1]]:
            return False
    return True


def _display(table: Table) -> str:
    return f"{table.schema}.{table.name}"


def _object_conflicts(changes: Sequence[Change], catalog: Catalog) -> Iterable[Refusal]:
    """Indexes and constraints that several changes are about, or that stand on a column which does not stay."""
    dealt_with = Counter((catalog.table(c.table).display, name) for c in changes for name in c.objects)
    for (table, name), count in dealt_with.items():
        if count > 1:
            yield f'{count} changes are about "{name}" on "{table}"', "keep one of them, or make two plans of it"
    for change in changes:
        retired = {
            (catalog.table(other.table).display, column)
            for other in changes
            if other is not change
            for column in other.retires
        }
        for table, column in sorted(change.stands_on(catalog) & retired):
            yield (
                f'{change.kind} stands on column "{column}" of "{table}", which another change of this plan takes away '
                "or replaces",
                "make two plans of it, one after the other; or name the column that takes its place, where it has a "
                "name of its own",
            )


def _order(changes: Sequence[Change], catalog: Catalog) -> Iterable[Refusal]:
    """The trigger goes through the changes in the order of the plan: a value is computed from what is up to date."""
    for position, change in enumerate(changes):
        table, reads = catalog.table(change.table).display, change.reads(catalog)
        for other_position, other in enumerate(changes):
            if other is change or catalog.table(other.table).display != table:
                continue
            for column in sorted(reads & other.makes):
                yield (
                    f'"{column}" is read by an expression of this plan that makes it',
                    "compute from the columns that are there before the plan",
                )
            for column in sorted(reads & other.fills):
                yield (
                    f'{change.kind} reads "{column}", which the {other.kind} of this plan fills',
                    "make two plans of it, one after the other",
                )
            for column in sorted(reads & (other.keeps - other.fills)) if other_position > position else ():
                yield (
                    f'{change.kind} reads "{column}" before {other.kind} has brought it up to date',
                    f'put the {other.kind} of "{column}" first in the plan',
                )


def _torn(changes: Sequence[Change], catalog: Catalog) -> Iterable[Refusal]:
    """What hangs on a column that goes and on one that gets a successor can neither go nor stay."""
    for name in dict.fromkeys(change.table for change in changes):
        facts = catalog.table(name)
        there = [change for change in changes if catalog.table(change.table).display == facts.display]
        gone = {column for change in there for column in change.drops}
        renamed = {old for old, _ in facts.renames}
        objects = (
            *((f'index "{each.name}"', each.reads) for each in facts.indexes if each.constraint is None),
            *((f'constraint "{each.name}"', each.reads) for each in facts.constraints),
            *((f'statistics "{each.name}"', each.reads) for each in facts.statistics),
            *((f'foreign key "{each.name}"', each.columns) for each in facts.foreign_keys if each.table == facts.table),
        )
        for described, reads in objects:
            if not gone.isdisjoint(reads) and not renamed.isdisjoint(reads):
                yield (
                    f"{described} covers {listed(sorted(gone & set(reads)))}, which goes, and "
                    f"{listed(sorted(renamed & set(reads)))}, which gets another name",
                    "drop it before, or make two plans of it, one after the other",
                )
