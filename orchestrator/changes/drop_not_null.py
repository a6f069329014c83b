"""drop_not_null: a column takes nulls from expand on; an abort brings NOT NULL back, and stops nobody for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator import loosening
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.changes import Change
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta


class DropNotNull(Change):
    """A column may be null."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["drop_not_null"]
    column: str = Field(min_length=1, description="the column that may be null afterwards")

    example: ClassVar[str] = """\
  - kind: drop_not_null
    table: users               # or schema.table
    column: city               # may be null from release {release} on
"""

    @property
    def adjusts(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.column, "NOT NULL")})

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            loosen=(loosening.loosened(facts, self.column),),
            adds=(f"nulls in {facts.display}.{self.column}",),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog.table(self.table)))

    def _refusals(self, facts: TableFacts) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        if not facts.column(self.column).not_null:
            yield f'column "{self.column}" of "{facts.display}" takes nulls already', "leave the change out of the plan"
        yield from loosening.refusals(facts, self.column)

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return [
            f'older code will read nulls in "{self.column}" once newer code writes them; '
            "an abort afterwards names these rows, and goes on when they are put right"
        ]
