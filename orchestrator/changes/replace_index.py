"""replace_index: another index takes over the name of one that there is."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change
from orchestrator.indexing import IndexSpec, definition_refusals, departure_refusals, unique_warnings
from orchestrator.objects import builder_refusals, index_label, index_of, read_by
from orchestrator.succession import Refusal
from phases import names
from phases.delta import Delta, Index


class ReplaceIndex(Change, IndexSpec):
    """The new index is built beside the old one; at contract the old one goes, and the new one takes its name."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["replace_index"]
    name: str = Field(min_length=1, description="the index's name, before and after")

    example: ClassVar[str] = """\
  - kind: replace_index
    table: users               # or schema.table
    name: users_by_city        # the index as it is now; the new one takes its name at contract
    columns:                   # and all else that create_index takes
      - city
      - {{column: email, order: desc}}
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(self.question,))

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        facts = catalog.table(self.table)
        index = index_of(facts, self.name)
        old = frozenset((facts.display, column) for column in index.reads) if index else frozenset()
        return old | read_by(facts, self.question)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        answer, old = facts.new_index(self.question), index_of(facts, self.name)
        index = Index(
            name=names.derived(f"{self.name}_next", plan, facts.display),
            old_name=self.name,
            old_definition=old.current if old else None,
            unique=self.unique,
            definition=answer.sql,
            tablespace=self.tablespace,
            comment=self.comment if self.comment is not None or old is None else old.comment,
            rename_to=self.name,
            clustered=old is not None and old.clustered and self._clusters,
            inspected=answer.duplicates,
        )
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            indexes=(index,) if old else (),
            removes=(f"{index_label(facts, self.name)} as it was",),
            adds=(f"{index_label(facts, self.name)} as it will be",),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        return [
            *builder_refusals(facts),
            *departure_refusals(facts, self.name),
            *definition_refusals(catalog, facts, self.question, self.name),
        ]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        facts = catalog.table(self.table)
        index = index_of(facts, self.name)
        found = list(unique_warnings(facts, self.question, self.name))
        if index is not None and index.unique:
            found.append(f'until contract the uniqueness of index "{self.name}" as it is now is kept up as well')
        if index is not None and index.clustered and not self._clusters:
            found.append(f'the table was clustered on index "{self.name}": CLUSTER will have to name another')
        return found

    @property
    def _clusters(self) -> bool:
        """Whether CLUSTER could go by it."""
        return self.where is None and self.method in ("btree", "gist")
