"""What it takes for a column to go: what hangs on it goes before it, one thing at a time, and none of it by CASCADE."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orchestrator.catalog import ForeignKey, Index, TableFacts
from orchestrator.dropping import dropped
from orchestrator.succession import Refusal, dependent_refusals, listed, table_refusals
from phases.delta import Delta, Dropped, Table


def departure(facts: TableFacts, gone: Collection[str]) -> Delta:
    """The part of a delta by which contract drops columns without successors."""
    return Delta(
        table=facts.table,
        key=facts.primary_key,
        drop=tuple(gone),
        drop_indexes=tuple(
            Dropped(name=index.name, definition=index.current)
            for index in _indexes(facts, gone)
            if index.constraint is None
        ),
        drop_foreign_keys=tuple(map(dropped, _foreign_keys(facts, gone))),
        drop_constraints=tuple(
            Dropped(name=each.name, definition=each.definition)
            for each in facts.constraints
            if not set(gone).isdisjoint(each.reads) and each.kind in ("check", "unique", "exclude")
        ),
        drop_sequences=tuple(Table(each.schema, each.name) for each in facts.sequences if each.column in gone),
        removes=tuple(f"{facts.display}.{column}" for column in gone),
    )


def table_departure(facts: TableFacts) -> Delta:
    """A delta by which contract drops a table, each of its foreign keys before it."""
    return Delta(
        table=facts.table,
        key=facts.primary_key,
        drop_foreign_keys=tuple(map(dropped, facts.foreign_keys)),
        drop_tables=(facts.table,),
        removes=(facts.display,),
    )


def table_users(facts: TableFacts) -> Iterator[Refusal]:
    """What depends on a table, and would stop DROP TABLE when its foreign keys are gone already."""
    for each in facts.users:
        if each.kind == "extension":
            yield f'"{facts.display}" belongs to extension "{each.name}"', "let the extension drop it"
        else:
            name = f'{each.kind} "{each.name}"' if "view" in each.kind else each.name
            yield f'{name} uses "{facts.display}"', "drop it before, or let it do without"


def table_refusals_of(facts: TableFacts) -> Iterator[Refusal]:
    """What stands against dropping a table."""
    yield from table_refusals(facts)
    yield from table_users(facts)
    for own in facts.own:
        if own.kind == "foreign key":
            yield (
                f'partition "{own.partition}" has foreign key "{own.name}", which its parent has not',
                "ALTER TABLE … DROP CONSTRAINT on the partition first",
            )
        if own.kind == "foreign key to it":
            yield (
                f'foreign key "{own.name}" of another table refers to partition "{own.partition}" by itself',
                "drop_constraint it first, in a plan of its own",
            )
    for key in facts.foreign_keys:
        if key.table != facts.table and not key.owned:
            yield (
                f'foreign key "{key.name}" of "{key.table.schema}.{key.table.name}" refers to "{facts.display}", and '
                "our role does not own that table",
                "connect as a role that owns both of its tables, or let its owner drop it",
            )


def table_warnings(facts: TableFacts) -> Iterator[str]:
    """What goes along with a table, or goes on until it does."""
    for key in facts.foreign_keys:
        if key.table != facts.table:
            yield f'foreign key "{key.name}" of "{key.table.schema}.{key.table.name}" goes with "{facts.display}"'
        elif "ON DELETE" not in key.actions or "RESTRICT" in key.actions:
            yield (
                f'until contract, foreign key "{key.name}" keeps code that no longer knows "{facts.display}" from '
                f'deleting rows of "{key.references.schema}.{key.references.name}" that it refers to'
            )
    for function in facts.mentioned_in:
        yield f'function {function} mentions "{facts.table.name}", which is gone after contract'
    for publication in facts.publications:
        yield f'the table is published by "{publication}": subscribers keep their copy'


def refusals(facts: TableFacts, gone: Collection[str]) -> Iterator[Refusal]:
    """What stands against it."""
    yield from dependent_refusals(facts, gone)
    for sequence in facts.sequences:
        for user in sequence.users if sequence.column in gone else ():
            yield (
                f'{user} uses sequence "{sequence.schema}.{sequence.name}", which goes with column "{sequence.column}"',
                "ALTER SEQUENCE … OWNED BY NONE, or by a column that uses it, first",
            )
    keyed = [column for column in facts.primary_key if column in gone]
    if keyed:
        yield (
            f'{listed(keyed)} is part of the primary key of "{facts.display}"',
            "give the table another primary key first, in a plan of its own",
        )
    for index in _indexes(facts, gone):
        if index.replica_identity:
            yield (
                f'index "{index.name}" is the replica identity of "{facts.display}"',
                "ALTER TABLE … REPLICA IDENTITY to another index first",
            )
    for key in _foreign_keys(facts, gone):
        if key.references == facts.table and not set(gone).isdisjoint(key.referenced_columns):
            yield (
                f'foreign key "{key.name}" of "{key.table.schema}.{key.table.name}" refers to {listed(gone)}',
                "drop it first, or let it refer to another column",
            )
        if not key.owned:
            yield (
                f'foreign key "{key.name}" ties in a table that our role does not own',
                "connect as a role that owns both of its tables",
            )


def omission_refusals(facts: TableFacts, name: str, advice: str, *, null: bool = True) -> Iterator[Refusal]:
    """What would fail the INSERTs of newer code, which leave a column out; `null`: it is null in their rows."""
    column, proof = facts.column(name), facts.proof(name)
    if null and proof is not None:
        yield f'check "{proof}" refuses the rows of newer code, in which "{name}" is null', advice
    if null and column.constrained_domain:
        yield f'the domain {column.type} may refuse that newer code leaves "{name}" out', advice
    for index in facts.indexes:
        if null and index.nulls_not_distinct and name in index.reads:
            yield f'unique index "{index.name}" refuses that "{name}" is null in two rows of newer code', advice
    for key in facts.foreign_keys:
        if key.table == facts.table and name in key.columns and len(key.columns) > 1 and "MATCH FULL" in key.actions:
            yield f'foreign key "{key.name}" (MATCH FULL) refuses that "{name}" alone is null', advice


def warnings(facts: TableFacts, gone: Collection[str]) -> Iterator[str]:
    """What goes along, and is used for more than the column."""
    for index in _indexes(facts, gone):
        others = [column for column in index.reads if column not in gone]
        if others:
            yield f'index "{index.name}" goes with {listed(gone)}, though it also has {listed(others)}'
    for constraint in facts.constraints:
        others = [column for column in constraint.reads if column not in gone]
        if others and not set(gone).isdisjoint(constraint.reads) and constraint.kind != "primary_key":
            yield f'constraint "{constraint.name}" goes with {listed(gone)}, though it also reads {listed(others)}'

    for each in facts.statistics:
        if not set(gone).isdisjoint(each.reads):
            others = [column for column in each.reads if column not in gone]
            also = f", though they also cover {listed(others)}" if others else ""
            yield f'statistics "{each.name}" go with {listed(gone)}{also}'


def _indexes(facts: TableFacts, gone: Collection[str]) -> list[Index]:
    return [index for index in facts.indexes if not set(gone).isdisjoint(index.reads)]


def _foreign_keys(facts: TableFacts, gone: Collection[str]) -> list[ForeignKey]:
    return [
        key
        for key in facts.foreign_keys
        if (key.table == facts.table and not set(gone).isdisjoint(key.columns))
        or (key.references == facts.table and not set(gone).isdisjoint(key.referenced_columns))
    ]
