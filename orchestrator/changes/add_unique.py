"""add_unique: no two rows may have the same."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import NewIndex
from orchestrator.indexing import definition_refusals, unique_warnings
from orchestrator.keys import KeyChange
from orchestrator.objects import builder_refusals, new_name_refusals
from orchestrator.succession import Refusal
from phases.delta import Delta


class AddUnique(KeyChange):
    """A unique index is built beside the traffic, and becomes the constraint."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["add_unique"]
    nulls_not_distinct: bool = Field(default=False, description="PostgreSQL 15 and newer")

    example: ClassVar[str] = """\
  - kind: add_unique
    table: users               # or schema.table
    name: users_email_key
    columns: [email]
    # include: [city]
    # nulls_not_distinct: true # PostgreSQL 15 and newer
    # initially_deferred: true # or deferrable: true
"""

    @property
    def question(self) -> NewIndex:
        return replace(super().question, nulls_not_distinct=self.nulls_not_distinct)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        return self.key_delta(catalog.table(self.table), primary=False)

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        return [
            *builder_refusals(facts),
            *new_name_refusals(facts, self.name),
            *definition_refusals(catalog, facts, self.question, self.name),
        ]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        found = list(unique_warnings(catalog.table(self.table), self.question, self.name))
        if self.deferral:
            found.append(
                f'constraint "{self.name}" is deferrable: until it stands, its index checks at once; and ON CONFLICT '
                "cannot use it"
            )
        return found
