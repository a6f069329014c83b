"""rename_constraint: a constraint gets another name."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.changes import Change
from orchestrator.objects import (
    constraint_label,
    constraint_names,
    missing,
    new_name_refusals,
    read_by_constraint,
)
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, Renamed


class RenameConstraint(Change):
    """The name is changed at contract: until then older code may go by it."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["rename_constraint"]
    name: str = Field(alias="from", min_length=1, description="the constraint's name now")
    to: str = Field(min_length=1, description="its name afterwards; an index of it is renamed along")

    example: ClassVar[str] = """\
  - kind: rename_constraint
    table: users               # or schema.table
    from: users_check
    to: users_age_possible
"""

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name, self.to})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        return read_by_constraint(catalog.table(self.table), self.name)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        there = self.name in constraint_names(facts)
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            rename_constraints=(Renamed(old_name=self.name, name=self.to),) if there else (),
            removes=(constraint_label(facts, self.name),),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        found = list(table_refusals(facts))
        if self.name not in constraint_names(facts):
            found.append(missing(facts, "constraint", self.name, constraint_names(facts)))
        if self.name == self.to:
            return [*found, (f'constraint "{self.name}" is renamed to itself', 'give another name in "to"')]
        return [*found, *new_name_refusals(facts, self.to)]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return [
            f'only one of the names is there at a time: "{self.to}" from contract on. Until no release that names '
            f'"{self.name}" is left, newer code must go without either: ON CONFLICT (columns) instead of ON CONFLICT '
            "ON CONSTRAINT, and both names where it reads that of a violated constraint"
        ]
