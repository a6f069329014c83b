"""set_not_null: a column takes no more nulls, and those that are there are filled if the plan says with what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import Computed, NotNullProof, Wanted
from orchestrator.changes import Change, reads_of
from orchestrator.expressions import circular, empty, once, rejected, value
from orchestrator.succession import (
    Refusal,
    batch_refusals,
    listed,
    sync_of,
    sync_refusals,
    sync_warnings,
    table_refusals,
)
from phases.delta import Delta, Fill, Proof, Sync


class SetNotNull(Change):
    """A column becomes NOT NULL. With `up`, nulls are filled: those that are there, and those that old code writes."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["set_not_null"]
    column: str = Field(min_length=1, description="the column that becomes NOT NULL")
    up: str | None = Field(
        default=None,
        min_length=1,
        description="SQL expression over the row that takes the place of a null; without it no null may be there",
    )

    example: ClassVar[str] = """\
  - kind: set_not_null
    table: users               # or schema.table
    column: city
    up: "'unknown'"            # for nulls that are there, and that releases before {release} write; leave it out
                               # if there are none
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(*self._fills, NotNullProof(column=self.column)))

    @property
    def adjusts(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.column, "NOT NULL")})

    def reads(self, catalog: Catalog) -> frozenset[str]:
        return reads_of(catalog.table(self.table), self._fills)

    @property
    def fills(self) -> frozenset[str]:
        return frozenset({self.column} if self.up is not None else ())

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        proof = facts.proof(self.column)
        name = f"{facts.display}.{self.column}"
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            sync=self._sync(facts, plan) if self.up is not None else None,
            not_null=(self.column,),
            proofs=(Proof(column=self.column, constraint=proof),) if proof is not None else (),
            adds=(f"NOT NULL of {name}",),
            removes=(f"the trigger that fills {name}",) if self.up is not None else (),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog, catalog.table(self.table), plan))

    def _refusals(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        column = facts.column(self.column)
        unproven = facts.unproven_not_null(self.column)
        if unproven is not None:
            yield (
                f'NOT NULL "{unproven}" of "{facts.display}" is NOT VALID: rows from before it may have nulls',
                "put those right and VALIDATE it, which blocks nobody (sql); or drop_not_null first, in a plan of its "
                "own, and this plan fills them",
            )
        elif column.not_null:
            yield f'column "{self.column}" of "{facts.display}" is NOT NULL already', "leave the change out of the plan"
        if self.up is None:
            return
        yield from sync_refusals(facts, sync_of(facts, plan))
        yield from batch_refusals(catalog, facts, fires=self._referring(facts))
        yield from rejected(facts, self._fills)
        yield from empty(facts, self._fills)
        yield from circular(facts, self._fills, [self.column], "up")
        if column.generated:
            yield (
                f'column "{self.column}" of "{facts.display}" is generated: nobody can fill it',
                'leave out "up", and see to it that its expression gives no null',
            )

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog, catalog.table(self.table), plan))

    def _warnings(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[str]:
        if self.up is None:
            yield (
                f'no "up" for "{self.column}": from constrain on a statement that writes a null fails, '
                "whichever release it is of"
            )
            return
        yield from sync_warnings(catalog, facts, self._sync(facts, plan), ())
        yield from once(facts, self._fills)
        if self._referring(facts):
            yield (
                f'"{self.column}" is part of a foreign key: so that it checks what is filled in, '
                f"all triggers fire in the backfill: {listed(each.name for each in facts.triggers) or 'here none'}"
            )

    def _sync(self, facts: TableFacts, plan: str) -> Sync:
        fills = tuple(
            Fill(value=value(facts, each), fires=self._referring(facts), immutable=facts.expression(each).immutable)
            for each in self._fills
        )
        return sync_of(facts, plan, fills=fills)

    def _referring(self, facts: TableFacts) -> bool:
        return any(key.table == facts.table and self.column in key.columns for key in facts.foreign_keys)

    @property
    def _fills(self) -> tuple[Computed, ...]:
        return (Computed(expression=self.up, column=self.column),) if self.up is not None else ()
