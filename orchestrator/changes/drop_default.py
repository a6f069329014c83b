"""drop_default: a column has a default until older code, which may rely on it, is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.changes import Change
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, Setting


class DropDefault(Change):
    """INSERTs that leave the column out get null, or fail, from contract on."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["drop_default"]
    column: str = Field(min_length=1, description="the column")

    example: ClassVar[str] = """\
  - kind: drop_default
    table: users               # or schema.table
    column: status             # from release {release} on, every INSERT gives it
"""

    @property
    def adjusts(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.column, "default")})

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        before = facts.column(self.column).default
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            settings=(Setting(what="default", column=self.column, value=None, before=before, at_contract=True),),
            removes=(f"default of {facts.display}.{self.column}",),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog.table(self.table)))

    def _refusals(self, facts: TableFacts) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        if facts.column(self.column).default is None:
            yield f'column "{self.column}" of "{facts.display}" has no default', "leave the change out of the plan"

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        if not catalog.table(self.table).column(self.column).not_null:
            return []
        return [f'"{self.column}" is NOT NULL: after contract an INSERT that leaves it out fails']
