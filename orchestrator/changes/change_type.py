"""change_type: a column gets another type under the name it has, or under another."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts, holds_all
from orchestrator.catalog.wanted import AddedColumn, Cast, Computed, Expression, Rejected, Retyping, Wanted
from orchestrator.changes import Change
from orchestrator.expressions import circular, unstable, value
from orchestrator.succession import Refusal, Succession, dependent_refusals, listed, table_refusals, trigger_functions
from phases import names
from phases.delta import Delta, Link, Retype

Conversion = Computed | Cast


class ChangeType(Change):
    """A column gets another type. `up` computes its values, `down` the old ones; without them they are cast."""

    not_on_partitions: ClassVar[str | None] = None
    keeps_replica_identity: ClassVar[bool] = True

    kind: Literal["change_type"]
    column: str = Field(min_length=1, description="the column")
    type: str = Field(min_length=1, description="the type it gets, as in CREATE TABLE")
    collation: str | None = Field(default=None, description="as COLLATE takes it; without it the collation stays")
    up: str | None = Field(
        default=None, min_length=1, description="SQL expression over the column as it is that gives its new value"
    )
    down: str | None = Field(
        default=None, min_length=1, description="SQL expression over the column as it will be that gives its old value"
    )
    to: str | None = Field(
        default=None, min_length=1, description="another name for it: both columns are there until contract"
    )

    example: ClassVar[str] = """\
  - kind: change_type
    table: orders              # or schema.table
    column: id
    type: bigint               # what both versions find under the name once constrain is done
    # up: id::bigint           # the new value, from the column as it is; without it the value is cast
    # down: id::integer        # the old one, from the column as it will be, until contract
"""

    @property
    def wanted(self) -> Wanted:
        cast = self._up if isinstance(self._up, Cast) and self._swaps else None
        return Wanted(
            renames={self.column: self._target},
            questions=tuple(dict.fromkeys((self._added, self._up, self._down, self._up_again))),
            retypes={self.column: Retyping(added=self._added, cast=cast)},
        )

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.column})

    @property
    def makes(self) -> frozenset[str]:
        return frozenset({self._target})

    def alike(self, catalog: Catalog) -> Mapping[str, Hashable]:
        type_ = catalog.table(self.table).types.get(self.column)
        if type_ is None or self.up is not None or self.down is not None:
            return {}
        return {self.column: ("cast", type_.type, type_.collation, self._swaps)}

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        if self.column in facts.in_place:
            return self._in_place(facts)
        return self._succession(catalog, plan, complete=True).delta()

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog, plan))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog, plan))

    def _refusals(self, catalog: Catalog, plan: str) -> Iterator[Refusal]:
        facts = catalog.table(self.table)
        column = facts.column(self.column)
        type_ = facts.types.get(self.column)
        if type_ and (type_.type, type_.collation) == (column.type, column.collation):
            yield f'column "{self.column}" of "{facts.display}" has type {column.type} already', "leave the change out"
        elif self.column in facts.in_place:
            yield from table_refusals(facts)
            yield from dependent_refusals(facts, (self.column,))
        else:
            yield from self._succession(catalog, plan, complete=False).refusals()
            yield from self._conversion_refusals(facts)
            if self._swaps:
                yield from self._company_refusals(facts)

    def _conversion_refusals(self, facts: TableFacts) -> Iterator[Refusal]:
        """What stands against the type and the expressions."""
        added = facts.answers.get(self._added)
        if isinstance(added, Rejected):
            yield (
                f'column "{self.column}" cannot be of type {self.type}: {added.message}',
                "give a type that the server knows",
            )
            return
        for word, question, author in (("up", self._up, self.up), ("down", self._down, self.down)):
            match facts.answers.get(question):
                case Rejected(message=message) if author is None:
                    yield (
                        f'"{self.column}" cannot be cast from and to {self.type}: {message}',
                        f'give "{word}", the expression for it',
                    )
                case Rejected(message=message):
                    yield (
                        f'"{author}" cannot be "{word}" of "{self.column}": {message}',
                        f'write an expression over one row of "{facts.display}": no subquery, no aggregate',
                    )
                case Expression(immutable=False) if author is None:
                    yield (
                        f'a cast of "{self.column}" from and to {self.type} is not immutable: what it gives may depend '
                        "on settings of the session, such as its time zone",
                        'give "up" and "down" that depend on none: name the time zone (AT TIME ZONE \'UTC\'), or call '
                        "functions of yours that do the cast and are IMMUTABLE by rights",
                    )
        yield from unstable(facts, (each for each in (self._up, self._down) if isinstance(each, Computed)))
        if self.to and isinstance(self._up, Computed):
            yield from circular(facts, [self._up], [self.to], "up")
        if self.to and isinstance(self._down, Computed):
            yield from circular(facts, [self._down], [self.column], "down")

    def _company_refusals(self, facts: TableFacts) -> Iterator[Refusal]:
        """Other changes of the plan that would not know under which name they find a column."""
        others = [old for old, new in facts.renames if new != self._interim(old)]
        if others:
            yield (
                f'"{self.column}" keeps its name and {listed(others)} of "{facts.display}" does not',
                "make two plans of it, one after the other",
            )
        own = {self._up, self._down, self._up_again}
        for question, answer in facts.answers.items():
            if question in own or not isinstance(answer, Expression) or not isinstance(question, Computed):
                continue
            if self.column in answer.reads:
                yield (
                    f'"{question.expression}" reads "{self.column}", whose type another change of the plan alters',
                    "make two plans of it, one after the other",
                )

    def _warnings(self, catalog: Catalog, plan: str) -> Iterator[str]:
        facts = catalog.table(self.table)
        if self.column not in facts.in_place:
            yield from self._succession(catalog, plan, complete=True).warnings()
            yield (
                f'until contract a value fails that cannot be converted: from dual_write on what "up" does not take, '
                f'{"from the end of constrain on" if self._swaps else "and"} what "down" does not take'
            )
        elif facts.in_place[self.column]:
            yield (
                f'an abort after constrain gives "{self.column}" its old type back by rewriting the table under '
                "ACCESS EXCLUSIVE, if that is done within lock_hold_ms: PostgreSQL knows no other way"
            )
        if self.to is None:
            yield (
                f'at the end of constrain "{self.column}" has another type under the same name: statements that '
                'sessions have prepared on it may fail with "cached plan must not change result type" (0A000) or '
                "for the type of a parameter until they are prepared anew"
            )
            for trigger in facts.triggers:
                if trigger.language == "plpgsql" and not trigger.function_owned:
                    yield (
                        f'function {trigger.function} of trigger "{trigger.name}" is not ours: sessions that have '
                        f'called it may fail with "type of parameter … does not match" if it uses "{self.column}"'
                    )

    def _in_place(self, facts: TableFacts) -> Delta:
        column, type_ = facts.column(self.column), facts.types[self.column]
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            adds=(f"{facts.display}.{self.column} as {type_.type}",),
            retypes=(
                Retype(
                    column=self.column,
                    type=type_.type,
                    collation=type_.collation,
                    old_type=column.type,
                    old_collation=column.collation,
                    default=column.default,
                    rewrites_back=facts.in_place[self.column],
                ),
            ),
            trigger_functions=trigger_functions(facts),
        )

    def _succession(self, catalog: Catalog, plan: str, *, complete: bool) -> Succession:
        """`complete`: its expressions have been accepted."""
        facts = catalog.table(self.table)
        links, back = self._links(facts) if complete else ((), None)
        if not complete and self._swaps:
            back = Link(old=(), up=())
        reads = facts.expression(self._down).reads if complete else ()
        type_ = facts.types.get(self.column)
        holds = type_ is not None and holds_all(type_.type, of=facts.column(self.column).type)
        return Succession(
            catalog,
            facts,
            plan,
            {self.column: self._target},
            links=links,
            back=back,
            back_reads=tuple(name for name in reads if name not in (self.column, self._target)),
            keeps_keys=holds and self.up is None and self.down is None,
        )

    def _links(self, facts: TableFacts) -> tuple[tuple[Link, ...], Link | None]:
        """How the columns follow each other, and how once they have exchanged their names."""
        up, down = value(facts, self._up), value(facts, self._down)
        if not self._swaps:
            column = facts.column(self.column)
            given = column.default is not None or column.identity != ""
            return (Link(old=(self.column,), up=(up,), down=(down,), always_given=given),), None
        forth = Link(old=(self.column,), up=(up,), exact=True)
        again = value(facts, self._up_again)
        back = Link(
            old=(self.column,),
            up=(replace(down, column=self._target),),
            down=(replace(again, column=self.column),),
        )
        return (forth,), back

    @property
    def _swaps(self) -> bool:
        return self.to is None

    @property
    def _target(self) -> str:
        return self.to or self._interim(self.column)

    def _interim(self, column: str) -> str:
        return names.derived(f"{column}_retyped", self.table, column)

    @property
    def _exchanged(self) -> tuple[str, str] | None:
        return (self.column, self._target) if self._swaps else None

    @property
    def _added(self) -> AddedColumn:
        return AddedColumn(name=self._target, type=self.type, collation=self.collation)

    @property
    def _up(self) -> Conversion:
        if self.up is None:
            return Cast(source=self.column, column=self._target)
        return Computed(expression=self.up, column=self._target)

    @property
    def _up_again(self) -> Conversion:
        """`up` as it reads after the swap, by which a row is known to be in step."""
        return replace(self._up, exchanged=self._exchanged)

    @property
    def _down(self) -> Conversion:
        if self.down is None:
            return Cast(source=self._target, column=self.column, exchanged=self._exchanged)
        names_used = ((self.column, self._target),) if self._swaps else ()
        return Computed(expression=self.down, column=self.column, names=names_used, exchanged=self._exchanged)
