"""rename_column: old and new name take reads and writes side by side until contract."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change
from orchestrator.succession import Refusal, Succession
from phases.delta import Delta


class RenameColumn(Change):
    """A column gets another name; values, type and all that hangs on it stay as they are."""

    not_on_partitions: ClassVar[str | None] = None
    keeps_replica_identity: ClassVar[bool] = True

    kind: Literal["rename_column"]
    column: str = Field(alias="from", min_length=1, description="the column's name now")
    to: str = Field(min_length=1, description="its name afterwards")

    example: ClassVar[str] = """\
  - kind: rename_column
    table: users               # or schema.table
    from: email                # the column as it is now
    to: email_address          # its name from release {release} on
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(renames={self.column: self.to})

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.column})

    @property
    def makes(self) -> frozenset[str]:
        return frozenset({self.to})

    def alike(self, catalog: Catalog) -> Mapping[str, Hashable]:
        return {self.column: "copied"}

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        return self._succession(catalog, plan).delta()

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._succession(catalog, plan).refusals())

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._succession(catalog, plan).warnings())

    def _succession(self, catalog: Catalog, plan: str) -> Succession:
        facts = catalog.table(self.table)
        facts.column(self.column)
        return Succession(catalog, facts, plan, {self.column: self.to})
