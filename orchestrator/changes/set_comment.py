"""set_comment: what is said about a column or a table."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.changes import Change
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, Setting


class SetComment(Change):
    """A comment becomes another, or goes."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["set_comment"]
    column: str | None = Field(default=None, min_length=1, description="the column; without it, the table")
    comment: str | None = Field(description="the text; null takes the comment away")

    example: ClassVar[str] = """\
  - kind: set_comment
    table: users               # or schema.table
    column: city               # leave it out for the table's own comment
    comment: where the user lives
"""

    @property
    def adjusts(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.column or "", "comment")})

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        before = facts.comment if self.column is None else facts.column(self.column).comment
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            settings=(Setting(what="comment", column=self.column, value=self.comment or None, before=before),),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        if self.column is not None:
            facts.column(self.column)
        return list(table_refusals(facts))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return []
