"""drop_column: newer code leaves a column out while older code still has it; at contract it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator import departure, loosening
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import Computed, NotNullProof, Wanted
from orchestrator.changes import Change, reads_of
from orchestrator.expressions import circular, rejected, value
from orchestrator.succession import Refusal, sync_of, sync_refusals, sync_warnings, table_refusals
from phases.delta import Delta, Fill, Sync


class DropColumn(Change):
    """A column goes. `down` gives it a value in the rows of newer code, until older code is gone."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["drop_column"]
    column: str = Field(min_length=1, description="the column that goes at contract")
    down: str | None = Field(
        default=None,
        min_length=1,
        description="SQL expression over the row: its value in rows that newer code inserts, for older code to read",
    )

    example: ClassVar[str] = """\
  - kind: drop_column
    table: users               # or schema.table
    column: fax
    down: "'none'"             # for releases before {release}, in rows that newer ones insert; leave it out
                               # if they read nulls, or the column's default, as well
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(*self._down, NotNullProof(column=self.column)))

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.column})

    @property
    def keeps(self) -> frozenset[str]:
        return self.touches if self.down is not None else frozenset()

    @property
    def drops(self) -> frozenset[str]:
        return self.touches

    @property
    def fills(self) -> frozenset[str]:
        return frozenset({self.column} if self.down is not None else ())

    def reads(self, catalog: Catalog) -> frozenset[str]:
        return reads_of(catalog.table(self.table), self._down)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        return replace(
            departure.departure(facts, (self.column,)),
            sync=self._sync(facts, plan) if self.down is not None else None,
            loosen=(loosening.loosened(facts, self.column),) if self._left_out(facts) else (),
        )

    def _null(self, facts: TableFacts) -> bool:
        """Whether the column is null where newer code leaves it out."""
        column = facts.column(self.column)
        return self.down is None and column.default is None and not column.identity and not column.generated

    def _left_out(self, facts: TableFacts) -> bool:
        return self._null(facts) and facts.column(self.column).not_null

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog.table(self.table), plan))

    def _refusals(self, facts: TableFacts, plan: str) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        column = facts.column(self.column)
        yield from departure.refusals(facts, (self.column,))
        if len(facts.columns) == 1:
            yield f'"{self.column}" is the only column of "{facts.display}"', "drop the table instead"
        if self.down is not None:
            yield from sync_refusals(facts, sync_of(facts, plan))
            yield from rejected(facts, self._down)
            yield from circular(facts, self._down, [self.column], "down")
            if column.generated or column.identity:
                yield f'"{self.column}" gets its value by itself', 'leave out "down"'
            return
        advice = 'give "down", the value in such rows, or drop it before'
        yield from departure.omission_refusals(facts, self.column, advice, null=self._null(facts))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog, catalog.table(self.table), plan))

    def _warnings(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[str]:
        yield from departure.warnings(facts, (self.column,))
        yield from sync_warnings(catalog, facts, sync_of(facts, plan), (self.column,))
        default = facts.column(self.column).default
        if default is not None and self.down is None:
            for index in facts.indexes:
                if index.unique and self.column in index.reads:
                    yield (
                        f'rows of newer code get the default {default} in "{self.column}": '
                        f'unique index "{index.name}" refuses it if it is the same twice'
                    )
        if self._left_out(facts):
            yield (
                f'older code will read nulls in "{self.column}" once newer code inserts rows; '
                'an abort afterwards names these rows, and goes on when they are put right: "down" fills them'
            )

    def _sync(self, facts: TableFacts, plan: str) -> Sync:
        fills = tuple(Fill(value=value(facts, each), existing=False) for each in self._down)
        return sync_of(facts, plan, fills=fills)

    @property
    def _down(self) -> tuple[Computed, ...]:
        return () if self.down is None else (Computed(expression=self.down, column=self.column),)
