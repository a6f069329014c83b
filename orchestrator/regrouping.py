"""Some columns of a table become others, computed from each other: what splitting and merging have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field

from orchestrator import departure
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import AddedColumn, Computed, OfNulls, Wanted
from orchestrator.expressions import also_read, circular, rejected, remade, unstable, value
from orchestrator.succession import (
    Refusal,
    batch_refusals,
    listed,
    new_column_refusals,
    sync_of,
    sync_refusals,
    sync_warnings,
    table_refusals,
)
from phases.delta import Delta, Link, NewColumn, Sync


class ColumnSpec(BaseModel):
    """A new column, as a plan has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    type: str = Field(min_length=1, description="its type, as in CREATE TABLE")
    up: str = Field(min_length=1, description="SQL expression over the old columns that gives its value")
    collation: str | None = Field(default=None, description="as COLLATE takes it")
    not_null: bool = Field(default=False, description="whether it becomes NOT NULL in constrain")
    comment: str | None = None


@dataclass(frozen=True)
class Regrouping:
    """`old` columns with the expressions that keep them until contract, `new` columns with theirs."""

    old: Mapping[str, str]
    new: Mapping[str, ColumnSpec]

    @property
    def wanted(self) -> Wanted:
        """The new columns, and all expressions."""
        return Wanted(questions=(*self._added, *self._up, *self._down, self._of_nulls))

    def delta(self, facts: TableFacts, plan: str) -> Delta:
        """One link between all of them; the old columns go at contract."""
        return replace(
            departure.departure(facts, self.old),
            sync=self._sync(facts, plan),
            add=tuple(
                NewColumn(
                    name=question.name,
                    type=facts.column_type(question).type,
                    collation=facts.column_type(question).collation,
                    comment=self.new[question.name].comment,
                )
                for question in self._added
            ),
            not_null=tuple(name for name, spec in self.new.items() if spec.not_null),
            adds=tuple(f"{facts.display}.{name}" for name in self.new),
        )

    def refusals(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[Refusal]:
        """What stands against it."""
        yield from table_refusals(facts)
        yield from sync_refusals(facts, sync_of(facts, plan))
        yield from batch_refusals(catalog, facts)
        for name in self.old:
            facts.column(name)
        for question in self._added:
            yield from new_column_refusals(facts, question)
        yield from rejected(facts, (*self._added, *self._up, *self._down))
        yield from unstable(facts, (*self._up, *self._down))
        yield from circular(facts, self._up, list(self.new), "up")
        yield from circular(facts, self._down, list(self.old), "down")
        yield from departure.refusals(facts, self.old)

    def warnings(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[str]:
        """What the operator should know."""
        yield from sync_warnings(catalog, facts, self._sync(facts, plan), self.old)
        yield from departure.warnings(facts, self.old)
        yield from also_read(facts, self._up, self.old)
        yield from remade(facts, self._of_nulls)
        for name in self.old:
            column = facts.column(name)
            bounds = [*(["NOT NULL"] if column.not_null else []), *([column.type] if "(" in column.type else [])]
            if bounds:
                yield (
                    f'until contract a write of newer code fails for which "down" gives what "{name}" does not take: '
                    f"it is {' and '.join(bounds)}"
                )
        for name, spec in self.new.items():
            if spec.not_null:
                yield (
                    f'"{name}" becomes NOT NULL in constrain: from then on a write of {listed(self.old)} fails '
                    f'for which "up" gives null'
                )

    def _sync(self, facts: TableFacts, plan: str) -> Sync:
        link = Link(
            old=tuple(self.old),
            up=tuple(value(facts, question) for question in self._up),
            down=tuple(value(facts, question) for question in self._down),
            always_given=any(facts.column(name).default is not None for name in self.old),
        )
        return sync_of(facts, plan, links=(link,))

    @property
    def _of_nulls(self) -> OfNulls:
        return OfNulls(up=self._up, down=self._down)

    @property
    def _added(self) -> tuple[AddedColumn, ...]:
        return tuple(
            AddedColumn(name=name, type=spec.type, collation=spec.collation) for name, spec in self.new.items()
        )

    @property
    def _up(self) -> tuple[Computed, ...]:
        return tuple(Computed(expression=spec.up, column=name) for name, spec in self.new.items())

    @property
    def _down(self) -> tuple[Computed, ...]:
        return tuple(Computed(expression=down, column=name) for name, down in self.old.items())
