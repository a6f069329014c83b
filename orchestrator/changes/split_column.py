"""split_column: one column becomes several, each computed from it, and it from them until contract."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change, reads_of
from orchestrator.regrouping import ColumnSpec, Regrouping
from orchestrator.succession import Refusal
from phases.delta import Delta


class SplitColumn(Change):
    """A column gives way to several. `up` computes each of them from it, `down` computes it from them."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["split_column"]
    column: str = Field(alias="from", min_length=1, description="the column that goes at contract")
    to: dict[str, ColumnSpec] = Field(min_length=2, description="the columns that it becomes, by name")
    down: str = Field(min_length=1, description="SQL expression over the new columns that gives the old one")

    example: ClassVar[str] = """\
  - kind: split_column
    table: users               # or schema.table
    from: name                 # the column that goes at contract
    to:                        # the columns that take its place
      first_name:
        type: text
        up: split_part(name, ' ', 1)               # from the old column, for rows that older code writes
      last_name:
        type: text
        up: substr(name, strpos(name || ' ', ' ') + 1)
    down: first_name || ' ' || last_name    # from the new ones, for releases before {release}
"""

    @property
    def wanted(self) -> Wanted:
        return self._regrouping.wanted

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.column})

    @property
    def drops(self) -> frozenset[str]:
        return self.touches

    def reads(self, catalog: Catalog) -> frozenset[str]:
        return reads_of(catalog.table(self.table), self.wanted.questions)

    @property
    def makes(self) -> frozenset[str]:
        return frozenset(self.to)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        return self._regrouping.delta(catalog.table(self.table), plan)

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._regrouping.refusals(catalog, catalog.table(self.table), plan))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._regrouping.warnings(catalog, catalog.table(self.table), plan))

    @property
    def _regrouping(self) -> Regrouping:
        return Regrouping(old={self.column: self.down}, new=self.to)
