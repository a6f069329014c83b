"""drop_index: an index goes when no release relies on it any more."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.changes import Change
from orchestrator.indexing import departure_refusals
from orchestrator.objects import index_label, index_of
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, Dropped


class DropIndex(Change):
    """An index goes at contract, concurrently; until then nothing happens to it."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["drop_index"]
    name: str = Field(min_length=1, description="the index's name")

    example: ClassVar[str] = """\
  - kind: drop_index
    table: users               # or schema.table: the table of the index
    name: users_by_city
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
        index = index_of(facts, self.name)
        there = (Dropped(name=index.name, definition=index.current),) if index else ()
        return Delta(
            table=facts.table, key=facts.primary_key, drop_indexes=there, removes=(index_label(facts, self.name),)
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        return [*table_refusals(facts), *departure_refusals(facts, self.name)]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        index = index_of(catalog.table(self.table), self.name)
        if index is None:
            return []
        found = []
        if index.unique:
            found.append(
                f'index "{self.name}" is unique: from contract on nothing keeps duplicates out, and '
                f"ON CONFLICT {_target(index.keys)} fails"
            )
        if index.clustered:
            found.append(f'the table was clustered on index "{self.name}": CLUSTER will have to name another')
        return found


def _target(keys: tuple[str, ...]) -> str:
    return f"({', '.join(keys)})" if all(keys) else "that infers it"
