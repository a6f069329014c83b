"""set_default: a column's default becomes another, in one moment; no row changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import DefaultOf, DefaultValue, Wanted
from orchestrator.changes import Change
from orchestrator.expressions import rejected
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, Setting


class SetDefault(Change):
    """INSERTs that leave the column out get another value from expand on."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["set_default"]
    column: str = Field(min_length=1, description="the column")
    default: str = Field(min_length=1, description="SQL expression, as in DEFAULT")

    example: ClassVar[str] = """\
  - kind: set_default
    table: users               # or schema.table
    column: status
    default: "'new'"           # an SQL expression: a text has quotes of its own
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(self._default,))

    @property
    def adjusts(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.column, "default")})

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        before, value = facts.column(self.column).default, facts.default(self._default).sql
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            settings=(Setting(what="default", column=self.column, value=value, before=before),),
            adds=(f"default of {facts.display}.{self.column}",),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog.table(self.table)))

    def _refusals(self, facts: TableFacts) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        column = facts.column(self.column)
        yield from rejected(facts, (self._default,))
        if column.identity or column.generated:
            yield f'"{self.column}" gets its value by itself, and takes no default', "leave the change out of the plan"
        answer = facts.answers.get(self._default)
        if isinstance(answer, DefaultValue) and answer.sql == column.default:
            yield f'{answer.sql} is the default of "{self.column}" already', "leave the change out of the plan"

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return [f'from expand on older code gets the new default too, where it leaves "{self.column}" out']

    @property
    def _default(self) -> DefaultOf:
        return DefaultOf(column=self.column, expression=self.default)
