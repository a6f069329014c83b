"""reindex: an index is built anew, and stays what it is."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.changes import Change
from orchestrator.objects import builder_refusals, index_of, missing
from orchestrator.succession import Refusal
from phases import names
from phases.delta import Delta


class Reindex(Change):
    """An index that is bloated, or invalid, is built anew beside the traffic. Nothing that can be seen changes."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["reindex"]
    name: str = Field(min_length=1, description="the index's name")

    example: ClassVar[str] = """\
  - kind: reindex
    table: users               # or schema.table: the table of the index
    name: users_by_city        # of a primary key or unique constraint too
"""

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        facts = catalog.table(self.table)
        index = index_of(facts, self.name)
        return frozenset((facts.display, column) for column in index.reads) if index else frozenset()

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        there = (self.name,) if index_of(facts, self.name) else ()
        return Delta(table=facts.table, key=facts.primary_key, reindex=there)

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        found = list(builder_refusals(facts))
        if index_of(facts, self.name) is None:
            if any(each.name == self.name and each.excludes for each in facts.constraints):
                reason = f'"{self.name}" is the index of an exclusion constraint, and cannot be rebuilt CONCURRENTLY'
                found.append((reason, "REINDEX INDEX it by hand, while nobody writes to the table"))
            else:
                found.append(missing(facts, "index", self.name, (each.name for each in facts.indexes)))
        found += [
            (
                f'"{left}" is left of an interrupted REINDEX of "{self.name}"',
                f'DROP INDEX CONCURRENTLY "{left}" if nobody is rebuilding it at this moment',
            )
            for left in names.leftovers(self.name)
            if left in facts.taken_names
        ]
        return found

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return []
