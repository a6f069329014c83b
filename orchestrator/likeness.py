"""What it takes for a partitioned table to take over from a plain one: all that the old one has, or why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from orchestrator import catalog as facts_of
from orchestrator.catalog import TableFacts
from orchestrator.catalog.wanted import Partitions
from orchestrator.dropping import key_after
from orchestrator.succession import Refusal, creator_refusals
from phases import names
from phases.delta import (
    CopiedKey,
    Identity,
    Index,
    NewColumn,
    OwnedSequence,
    Partitioning,
    SharedName,
    Statistics,
    TableConstraint,
)

CASCADES_ACROSS = 150000
"""From here on a row that moves to another partition is one that was updated, for foreign keys that refer to it."""
_ACTS = re.compile(r"CASCADE|SET NULL|SET DEFAULT")


def likeness(facts: TableFacts, plan: str, made: Partitions) -> Partitioning:
    """The partitioned table; of a table that is not refused."""
    shape, seed = facts.shape, (plan, facts.display)
    assert shape is not None
    shared = tuple(_shared(facts, plan))
    copies = {(each.what, each.schema, each.name): each.copy for each in shared}
    schema = facts.table.schema
    named_not_null = {name for each in facts.constraints if each.kind == "not_null" for name in each.columns}
    return Partitioning(
        copy=names.derived(f"{facts.table.name}_partitioned", *seed),
        retired=names.derived(f"{facts.table.name}_unpartitioned", *seed),
        owner=facts.owner,
        by=made.by,
        partitions=made.bounds,
        columns=tuple(_column(each, not_null=each.name not in named_not_null) for each in facts.columns),
        key=shape.key,
        keys=tuple(
            CopiedKey(name=copies["constraint", schema, each.name], definition=each.definition, comment=each.comment)
            for each in facts.constraints
            if each.kind in ("primary_key", "unique")
        ),
        checks=tuple(map(_check, (each for each in facts.constraints if each.kind in ("check", "not_null")))),
        indexes=tuple(_index(each, copies["index", schema, each.name]) for each in _indexes(facts)),
        statistics=tuple(
            Statistics(
                schema=each.schema,
                name=copies["statistics", each.schema, each.name],
                kinds=each.kinds,
                columns=each.columns,
                target=each.target,
                comment=each.comment,
                owner=each.owner,
            )
            for each in facts.statistics
        ),
        names=shared,
        foreign_keys=tuple(key_after(key) for key in facts.foreign_keys if key.table == facts.table),
        referring=tuple(key_after(key) for key in facts.foreign_keys if key.table != facts.table),
        options=shape.options,
        comment=facts.comment,
        grants=facts.grants,
        identities=tuple(_identity(facts, each, seed) for each in facts.sequences if each.identity),
        sequences=tuple(
            OwnedSequence(schema=each.schema, name=each.name, column=each.column)
            for each in facts.sequences
            if not each.identity
        ),
        trigger=names.trigger_of(plan, facts.display),
        truncate_trigger=names.truncating(names.trigger_of(plan, facts.display)),
        function=names.function_of(plan, facts.display),
    )


def likeness_refusals(facts: TableFacts, plan: str, server_version: int) -> Iterator[Refusal]:
    """What another table cannot have as this one has it."""
    table = facts.display
    if not facts.may_create:
        yield (
            f'our role may not create in schema "{facts.table.schema}"',
            f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to it: the partitions live beside the table',
        )
    if not facts.primary_key:
        yield f'table "{table}" has no primary key', "add_primary_key first: rows are followed by it"
    yield from creator_refusals(facts)
    yield from _shape_refusals(facts)
    yield from _column_refusals(facts)
    yield from _index_refusals(facts)
    yield from _constraint_refusals(facts)
    yield from _foreign_key_refusals(facts, server_version)
    for trigger in facts.triggers:
        yield (
            f'table "{table}" has a trigger "{trigger.name}"',
            "not supported yet: on the partitioned table it would fire with the names of partitions; drop it for the "
            "time of the run, or let the application do what it does",
        )
    for publication in facts.publications:
        yield (
            f'"{table}" is published by "{publication}": its subscribers do not know the partitioned table',
            "take it out of the publication, and add the partitioned table after contract",
        )
    for each in facts.users:
        yield (
            f'{each.kind} "{each.name}" uses "{table}", and would stay with the old table',
            "drop it for the time of the run, and create it again after contract",
        )
    for shared in _shared(facts, plan):
        for name in (shared.copy, shared.retired):
            if name in facts.taken_names:
                yield f'"{name}" exists already, left by an earlier run or by hand', "look at it and drop it"


def _shape_refusals(facts: TableFacts) -> Iterator[Refusal]:
    shape, table = facts.shape, facts.display
    assert shape is not None
    found = (
        (shape.access_method != "heap", f"is stored by {shape.access_method}", "only heaps are copied"),
        (shape.persistence != "p", "is unlogged or temporary", "ALTER TABLE … SET LOGGED first"),
        (shape.tablespace is not None, "has a tablespace of its own", "move it to the database's tablespace first"),
        (
            shape.replica_identity != "d",
            "has a replica identity that is not its primary key",
            "ALTER TABLE … REPLICA IDENTITY DEFAULT first",
        ),
        (shape.typed, "is a table of a type (OF)", "ALTER TABLE … NOT OF first"),
        (shape.rules, "has rules", "drop them first; a view can have them in its place"),
        (shape.policies or facts.row_security, "has row security", "not supported yet: policies would stay with it"),
        (shape.subscribed, "is written by a subscription", "take it out of the publication on the other side first"),
        (shape.security_label, "has a security label", "take it off for the time of the run"),
        (
            not facts.owner_may_create,
            f'belongs to "{facts.owner}", who may not create in its schema',
            f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to that role: the partitions will be its own',
        ),
        (
            bool(facts.primary_key) and len(shape.key) != len(facts.primary_key),
            "has a primary key without a btree",
            "not supported yet: rows are followed by it",
        ),
    )
    for so, what, advice in found:
        if so:
            yield f'table "{table}" {what}', advice


def _column_refusals(facts: TableFacts) -> Iterator[Refusal]:
    for column in facts.columns:
        if column.generated:
            yield (
                f'column "{column.name}" of "{facts.display}" is generated',
                "not supported yet: drop its expression (ALTER COLUMN … DROP EXPRESSION) for the time of the run; a "
                "VIRTUAL one has to be dropped",
            )
        if column.security_label:
            yield f'column "{column.name}" of "{facts.display}" has a security label', "take it off first"


def _index_refusals(facts: TableFacts) -> Iterator[Refusal]:
    assert facts.shape is not None
    for index in facts.indexes:
        where = f'index "{index.name}" of "{facts.display}"'
        if not index.valid:
            yield (
                f"{where} is not valid: a build in progress, or one that failed",
                "let the build finish, or DROP INDEX CONCURRENTLY it, then try again",
            )
        if index.tablespace is not None:
            yield f"{where} has a tablespace of its own", "ALTER INDEX … SET TABLESPACE to the database's first"
        if index.clustered:
            yield (
                f"CLUSTER orders the table by {where}",
                "ALTER TABLE … SET WITHOUT CLUSTER: partitions cannot have that",
            )
        if index.name in facts.shape.keys_with_options:
            yield f"{where} is a key's and has storage parameters", "ALTER INDEX … RESET them first"


def _constraint_refusals(facts: TableFacts) -> Iterator[Refusal]:
    for each in facts.constraints:
        where = f'constraint "{each.name}" of "{facts.display}"'
        if each.kind == "exclude":
            yield f"{where} excludes rows, which is known only within a partition", "drop_constraint it first"
        elif each.deferral:
            yield f"{where} is deferrable: rows are followed one by one", "replace it by one that is not"
        elif not each.validated or not each.enforced:
            yield f"{where} is not valid: its rows could not be copied", "validate it, or drop_constraint it first"
        elif each.definition.endswith(" NO INHERIT"):
            yield f"{where} is NO INHERIT, which a partitioned table cannot have", "replace it by one that is not"


def _foreign_key_refusals(facts: TableFacts, server_version: int) -> Iterator[Refusal]:
    for key in facts.foreign_keys:
        where = f'foreign key "{key.name}" of "{key.table.schema}.{key.table.name}"'
        other = key.references if key.table == facts.table else key.table
        if other == facts.table or key.temporal or key.partitioned:
            yield (
                f"{where} is temporal, or ties the table to itself or to a partitioned one",
                "not supported yet: drop_constraint it first, and add it again when the run is complete",
            )
        elif key.table == facts.table and not (key.validated and key.enforced):
            yield f"{where} is not valid: its rows could not be copied", "validate it, or drop_constraint it first"
        elif not key.owned:
            yield (
                f"{where} ties in a table that our role does not own",
                f'connect as a role that owns "{other.schema}.{other.name}" too',
            )
        elif other == key.table and server_version < CASCADES_ACROSS and _ACTS.search(key.actions):
            yield (
                f"{where} says what becomes of its rows, and before PostgreSQL 15 an UPDATE that moves a row of the "
                "partitioned table to another partition would count as its deletion",
                "drop_constraint it first, and add it again, without ON UPDATE and ON DELETE, when the run is complete",
            )


def _shared(facts: TableFacts, plan: str) -> Iterator[SharedName]:
    named: list[tuple[Literal["constraint", "index", "statistics"], str, str]] = [
        *(("constraint", facts.table.schema, each.name) for each in facts.constraints if each.kind in _KEYS),
        *(("index", facts.table.schema, each.name) for each in _indexes(facts)),
        *(("statistics", each.schema, each.name) for each in facts.statistics),
    ]
    for what, schema, name in named:
        yield SharedName(
            what=what,
            schema=schema,
            name=name,
            copy=names.derived(f"{name}_partitioned", plan, facts.display),
            retired=names.derived(f"{name}_unpartitioned", plan, facts.display),
        )


_KEYS = ("primary_key", "unique")


def _indexes(facts: TableFacts) -> Iterator[facts_of.Index]:
    return (each for each in facts.indexes if each.constraint is None)


def _column(column: facts_of.Column, *, not_null: bool) -> NewColumn:
    return NewColumn(
        name=column.name,
        type=column.type,
        collation=column.collation,
        storage=column.storage,
        compression=column.compression,
        statistics=column.statistics,
        options=column.options,
        comment=column.comment,
        grants=column.grants,
        default=column.default,
        not_null=column.not_null and not_null,
    )


def _check(constraint: facts_of.Constraint) -> TableConstraint:
    assert constraint.kind in ("check", "not_null")
    return TableConstraint(
        name=constraint.name,
        kind=constraint.kind,
        definition=constraint.definition,
        comment=constraint.comment,
    )


def _index(index: facts_of.Index, name: str) -> Index:
    assert index.definition is not None
    return Index(
        name=name,
        unique=index.unique,
        definition=index.definition,
        comment=index.comment,
        statistics=index.statistics,
    )


def _identity(facts: TableFacts, sequence: facts_of.Sequence, seed: tuple[str, str]) -> Identity:
    return Identity(
        column=sequence.column,
        always=facts.column(sequence.column).identity == "a",
        schema=sequence.schema,
        sequence=sequence.name,
        interim=names.derived(f"{sequence.name}_old", *seed),
        options=sequence.options(),
        grants=sequence.grants,
    )
