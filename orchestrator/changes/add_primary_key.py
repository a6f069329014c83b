"""add_primary_key: a table that has none gets one."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.indexing import definition_refusals, unique_warnings
from orchestrator.keys import KeyChange
from orchestrator.objects import builder_refusals, new_name_refusals
from orchestrator.succession import Refusal, listed
from phases.delta import Delta


class AddPrimaryKey(KeyChange):
    """Its columns become NOT NULL by proof, a unique index is built beside the traffic and becomes the key."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["add_primary_key"]

    example: ClassVar[str] = """\
  - kind: add_primary_key
    table: visits              # or schema.table
    name: visits_pkey
    columns: [user_id, day]
"""

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        nullable = self._nullable(facts)
        return replace(self.key_delta(facts, primary=True), not_null=nullable, no_nulls=nullable)

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        found = [*builder_refusals(facts), *new_name_refusals(facts, self.name)]
        if facts.primary_key:
            there = next(each.name for each in facts.constraints if each.kind == "primary_key")
            found.append(
                (
                    f'table "{facts.display}" has a primary key already: "{there}" on {listed(facts.primary_key)}',
                    "add_unique makes another key; rename_column lets another column take over from one of it",
                )
            )
        found += self._unproven(facts)
        return [*found, *definition_refusals(catalog, facts, self.question, self.name)]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        facts = catalog.table(self.table)
        found = list(unique_warnings(facts, self.question, self.name))
        nullable = self._nullable(facts)
        if nullable:
            found.append(f"from constrain on a write that leaves {listed(nullable)} null fails, of older code too")
        return found

    def _unproven(self, facts: TableFacts) -> list[Refusal]:
        """A NOT NULL that is NOT VALID (18), which the column's successor gets as it is: no key is made over it."""
        former = {new: old for old, new in facts.renames}
        found = (facts.unproven_not_null(former.get(column, column)) for column in self.columns)
        return [
            (
                f'NOT NULL "{name}" of "{facts.display}" is NOT VALID, and a primary key takes no other',
                "put the rows right that have nulls, and VALIDATE it, which blocks nobody (sql); or drop_not_null "
                "first, in a plan of its own",
            )
            for name in found
            if name is not None
        ]

    def _nullable(self, facts: TableFacts) -> tuple[str, ...]:
        """Those of its columns that may be null; a column that the plan adds may be."""
        settled = {column.name for column in facts.columns if column.not_null}
        settled |= {new for old, new in facts.renames if old in settled}
        return tuple(column for column in self.columns if column not in settled)
