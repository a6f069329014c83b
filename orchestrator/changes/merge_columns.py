"""merge_columns: several columns become one, computed from them, and they from it until contract."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change, reads_of
from orchestrator.regrouping import ColumnSpec, Regrouping
from orchestrator.succession import Refusal
from phases.delta import Delta


class MergeColumns(Change):
    """Columns give way to one, or to a smaller number. `up` computes the new ones, `down` the old ones."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["merge_columns"]
    columns: dict[str, str] = Field(
        alias="from",
        min_length=2,
        description="the columns that go at contract, each with the SQL expression over the new ones that gives it",
    )
    to: dict[str, ColumnSpec] = Field(min_length=1, description="the column that they become, or columns, by name")

    example: ClassVar[str] = """\
  - kind: merge_columns
    table: users               # or schema.table
    from:                      # the columns that go at contract, from the new one, for releases before {release}
      first_name: split_part(name, ' ', 1)
      last_name: substr(name, strpos(name || ' ', ' ') + 1)
    to:
      name:                    # the column that takes their place
        type: text
        up: first_name || ' ' || last_name    # for rows that older code writes
"""

    @property
    def wanted(self) -> Wanted:
        return self._regrouping.wanted

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.columns)

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
        return Regrouping(old=self.columns, new=self.to)
