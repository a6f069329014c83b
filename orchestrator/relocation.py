"""Columns that move to another table, to the row with the same key: what the kinds that do so have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from orchestrator import carrying, departure, loosening
from orchestrator.catalog import Catalog, Column, Rights, TableFacts
from orchestrator.catalog.wanted import NotNullProof, Wanted
from orchestrator.changes import Change
from orchestrator.succession import (
    Refusal,
    creator_refusals,
    identity_refusals,
    listed,
    table_refusals,
    unproven_warnings,
)
from phases import names
from phases.delta import Delta, Move, NewTable


class Relocation(Change):
    """A change about two tables."""

    not_on_partitions: ClassVar[str | None] = None

    columns: tuple[str, ...] = Field(min_length=1, description="the columns that move; they keep their names")
    to: str = Field(min_length=1, description="table or schema.table that they move to")
    key: dict[str, str] = Field(
        min_length=1, description="what tells a row: a primary or unique key, and what its columns are called there"
    )

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            questions=tuple(NotNullProof(column=column) for column in self.columns),
            carries=frozenset(self.columns),
            rights=True,
        )

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.columns)

    @property
    def drops(self) -> frozenset[str]:
        return self.touches

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        return frozenset((catalog.table(self.table).display, column) for column in self.key)

    def leaving(self, facts: TableFacts, move: Move, adds: tuple[str, ...]) -> Delta:
        """What happens to the table that they leave."""
        departed = departure.departure(facts, self.columns)
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            drop_indexes=departed.drop_indexes,
            drop_foreign_keys=departed.drop_foreign_keys,
            drop_constraints=departed.drop_constraints,
            removes=departed.removes,
            adds=adds,
            loosen=tuple(loosening.loosened(facts, name) for name in self.columns if facts.column(name).not_null),
            # the columns themselves go with the triggers, and no earlier
            moves=(move,),
        )

    def move(self, facts: TableFacts, target: TableFacts, plan: str, create: NewTable | None = None) -> Move:
        """How the two tables follow each other; `create`: the other one, where the plan makes it."""
        here, there = facts.display, target.display
        return Move(
            table=target.table,
            create=create,
            key=tuple(self.key.items()),
            columns=tuple((column, column) for column in self.columns),
            trigger=names.mover_of(plan, here, there),
            function=names.move_function_of(plan, here, there),
            back_trigger=names.mover_of(plan, there, here),
            back_function=names.move_function_of(plan, there, here),
            definer=not any(_others_code(facts, target)),
            here_partitioned=facts.partitioned,
            there_partitioned=target.partitioned,
        )

    def complete(self, facts: TableFacts, target: TableFacts) -> frozenset[str]:
        """Roles that may do with the rows of both tables whatever the triggers do."""
        return _rights(facts).complete & _rights(target).complete

    def leaving_refusals(self, facts: TableFacts, target: TableFacts, plan: str) -> Iterator[Refusal]:
        """What stands against leaving."""
        yield from table_refusals(facts)
        yield from departure.refusals(facts, self.columns)
        yield from key_refusals(facts, tuple(self.key))
        # newer code that writes the other table has its rows updated here
        yield from identity_refusals(facts)
        yield from self._rights_refusals(facts, target)
        for column in sorted(self.touches & {*self.key, *self.key.values()}):
            yield f'"{column}" is both in the key and among the columns that move', "a key stays in both tables"
        if len(set(self.key.values())) < len(self.key) or len(self.touches) < len(self.columns):
            yield "a column is named twice", "name each once"
        for name in self.columns:
            yield from self._column_refusals(facts, facts.column(name))
        for each in {each.table.schema: each for each in (facts, target)}.values():
            if not each.may_create:
                yield (
                    f'our role may not create in schema "{each.table.schema}"',
                    f'GRANT CREATE ON SCHEMA "{each.table.schema}" to it: the triggers\' functions live beside the '
                    "tables",
                )
        move = self.move(facts, target, plan)
        for name, where in ((move.function, facts), (move.back_function, target)):
            if name in where.taken_names:
                yield f'"{name}" exists already, left by an earlier run or by hand', "look at it and drop it"

    def _rights_refusals(self, facts: TableFacts, target: TableFacts) -> Iterator[Refusal]:
        """Others' code may not run with our rights: then the triggers act with the writer's, if that goes well."""
        obstacles = list(self._invoker_refusals(facts, target))
        if obstacles:
            found = list(_others_code(facts, target))
            yield from (*found, *(obstacles if found else ()))

    def _invoker_refusals(self, facts: TableFacts, target: TableFacts) -> Iterator[Refusal]:
        """What stands against triggers that act with the rights of whoever writes."""
        instead = "our triggers cannot act with the rights of whoever writes instead: "
        for each in (facts, target):
            if each.row_security:
                yield (
                    f'{instead}policies of "{each.display}" could hide rows from them',
                    "see to the triggers or privileges above, or do without row security meanwhile",
                )
        if not target.exists and target.table.schema != facts.table.schema:
            yield (
                f'{instead}who writes "{facts.display}" may have no right to use schema "{target.table.schema}"',
                f'see to the triggers or privileges above, or make the table in schema "{facts.table.schema}"',
            )
        # nobody may write a table that is not there
        writing = _rights(facts).writing | (target.rights.writing if target.rights else frozenset())
        if lacking := sorted(writing - self.complete(facts, target)):
            yield (
                f"{instead}{listed(lacking)} may write one of the tables, and not all that belongs to it",
                "GRANT SELECT, INSERT, UPDATE, DELETE on both tables, and USAGE on their schemas, to each; or see to "
                "the triggers or privileges above",
            )

    def _column_refusals(self, facts: TableFacts, column: Column) -> Iterator[Refusal]:
        name = column.name
        if column.generated or column.identity:
            yield f'"{name}" gets its value by itself', "leave it where it is, or drop the expression or identity first"
        elif column.default is not None:
            yield (
                f'column "{name}" has a default: where newer code leaves it out in "{facts.display}", it would '
                "count as a value that somebody wrote",
                "let the application give the value, and drop the default first, in a plan of its own (drop_default)",
            )
        if column.security_label:
            yield f'column "{name}" has a security label', "take it off for the time of the run"
        if column.not_null:
            yield from loosening.refusals(facts, name)
        advice = "drop it first, and add it to the other table once the run is complete"
        yield from departure.omission_refusals(facts, name, advice)

    def leaving_warnings(self, facts: TableFacts, target: TableFacts) -> Iterator[str]:
        """What the operator should know of it."""
        yield from departure.warnings(facts, self.columns)
        if facts.unlogged != target.unlogged:
            kept, lost = (target, facts) if facts.unlogged else (facts, target)
            yield (
                f'"{lost.display}" is unlogged, and "{kept.display}" is not: a crash of the server empties '
                "the one, and leaves the other as it is"
            )
        for each in (facts, target):
            yield from unproven_warnings(each)
        yield (
            f'until contract both tables have {listed(self.columns)}: a query that joins "{facts.display}" and '
            f'"{target.display}" has to say of which it means the column, in every release that runs meanwhile; '
            "else PostgreSQL finds it ambiguous"
        )
        yield from carrying.twice_unique(facts, self.columns, target)
        for column in self.columns:
            if facts.column(column).not_null:
                yield (
                    f'"{column}" is NOT NULL, and takes nulls until contract, and in "{target.display}" until '
                    "set_not_null once the run is complete: newer code writes the two rows one after the other"
                )
        for trigger in facts.triggers:
            if mentions := [column for column in trigger.mentions if column in self.touches]:
                yield (
                    f'function {trigger.function} of trigger "{trigger.name}" mentions {listed(mentions)}: '
                    "after contract that column is gone"
                )
            if trigger.fires_on_update and trigger.enabled != "D":
                rights = "whoever writes" if any(_others_code(facts, target)) else "our role"
                yield (
                    f'trigger "{trigger.name}" fires until contract where newer code writes "{target.display}", '
                    f"with the rights of {rights}"
                )
        if any(_others_code(facts, target)):
            yield (
                "our triggers act with the rights of whoever writes: who is given a privilege on one of the tables "
                "before contract needs SELECT, INSERT, UPDATE and DELETE on both, or his writes fail"
            )
        for each in (facts, target):
            if each.partitioned:
                yield from self._warnings_of_partitions(each)
        if facts.row_security:
            yield f'the policies of "{facts.display}" do not come along to "{target.display}"'

    def _warnings_of_partitions(self, facts: TableFacts) -> Iterator[str]:
        """Of either table."""
        yield (
            f'where a row of "{facts.display}" moves to another partition while somebody else writes it, or the row of '
            "the other table that belongs to it, that may fail with 40001: PostgreSQL cannot follow it there"
        )


def _rights(facts: TableFacts) -> Rights:
    assert facts.rights is not None
    return facts.rights


def _others_code(*tables: TableFacts) -> Iterator[Refusal]:
    """What stands against writing a table in the function of another table's trigger, with the rights of our role."""
    for facts in tables:
        if facts.exists:
            yield from _triggers_of_others(facts)


def _triggers_of_others(facts: TableFacts) -> Iterator[Refusal]:
    for trigger in facts.triggers:
        if trigger.enabled != "D" and not trigger.function_has_path:
            yield (
                f'trigger "{trigger.name}" of "{facts.display}" would fire where the other table is written, and its '
                "function would look up names with the search_path of ours",
                f"ALTER FUNCTION {trigger.function} SET search_path to what it needs, or drop the trigger",
            )
    yield from creator_refusals(facts)


def key_refusals(facts: TableFacts, key: tuple[str, ...], *, nulls: bool = False) -> Iterator[Refusal]:
    """What stands against telling the rows of a table by these columns."""
    columns = [facts.column(name) for name in key]
    if lacking := [name for name in facts.partition_key if name not in key]:
        yield (
            f'{listed(key)} is no key of "{facts.display}" without {listed(lacking)}, by which it is partitioned',
            "two partitions could have the same: give a key with the whole partition key, and give the other table "
            "such columns first",
        )
        return
    deferrable = {each.index for each in facts.constraints if each.deferral}
    unique = any(
        index.unique and index.valid and not index.partial and set(index.keys) == set(key)
        for index in facts.indexes
        if index.name not in deferrable
    )
    if not unique or not (nulls or all(map(facts.never_null, key))):
        yield (
            f'{listed(key)} is no key of "{facts.display}": two rows could have the same, or none',
            "give the columns of its primary key, or of a unique constraint whose columns are not null; a deferrable "
            "one will not do",
        )
    for column in columns:
        if facts.partitioned and column.generated:
            yield (
                f'"{column.name}" is generated: before a row moves to another partition nobody knows its value there',
                "take a key without it",
            )
        if column.comparison == "image":
            yield (
                f'"{column.name}" cannot be the key: values of type {column.type} may be equal and yet different',
                "take a key of numbers without a scale, uuids, dates or texts",
            )
