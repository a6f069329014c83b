"""drop_table: nothing happens to a table until contract: its foreign keys go then, one at a time, and then itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from orchestrator import departure
from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change
from orchestrator.succession import Refusal
from phases.delta import Delta


class DropTable(Change):
    """A table goes, once no release needs it."""

    whole: ClassVar[bool] = True

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["drop_table"]

    example: ClassVar[str] = """\
  - kind: drop_table
    table: visits              # or schema.table; it stays as it is until contract
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(uses=True)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        return departure.table_departure(catalog.table(self.table))

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(departure.table_refusals_of(catalog.table(self.table)))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(departure.table_warnings(catalog.table(self.table)))
