"""create_index: an index is built beside the traffic."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change
from orchestrator.indexing import IndexSpec, definition_refusals, unique_warnings
from orchestrator.objects import builder_refusals, index_label, new_name_refusals, read_by
from orchestrator.succession import Refusal
from phases.delta import Delta, Index


class CreateIndex(Change, IndexSpec):
    """A new index, with every property that an index can have."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["create_index"]
    name: str = Field(min_length=1, description="the index's name")

    example: ClassVar[str] = """\
  - kind: create_index
    table: users               # or schema.table
    name: users_by_city
    columns:                   # names; or column or expression with collation, opclass, order (asc, desc), nulls
      - city
      - {{expression: lower(email), opclass: text_pattern_ops, order: desc, nulls: last}}
    # unique: true             # duplicates are looked for, and shown, before it is built
    # nulls_not_distinct: true # PostgreSQL 15 and newer
    # method: gin              # btree by default
    # include: [email]
    # where: active            # a partial index
    # with: {{fillfactor: 90}}
    # tablespace: fast
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(self.question,))

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        return read_by(catalog.table(self.table), self.question)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        answer = facts.new_index(self.question)
        index = Index(
            name=self.name,
            unique=self.unique,
            definition=answer.sql,
            tablespace=self.tablespace,
            comment=self.comment,
            inspected=answer.duplicates,
        )
        return Delta(table=facts.table, key=facts.primary_key, indexes=(index,), adds=(index_label(facts, self.name),))

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        return [
            *builder_refusals(facts),
            *new_name_refusals(facts, self.name),
            *definition_refusals(catalog, facts, self.question, self.name),
        ]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(unique_warnings(catalog.table(self.table), self.question, self.name))
