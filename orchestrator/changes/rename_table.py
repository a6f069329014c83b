"""rename_table: a view serves the table under its other name from expand on; at contract the table takes that name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import Wanted
from orchestrator.changes import Change
from orchestrator.succession import Refusal, table_refusals
from phases import names
from phases.delta import Delta, TableRename

INVOKER_VERSION = 150000
"""From here on a view can act with the rights of whoever uses it."""


class RenameTable(Change):
    """A table gets another name. Nothing of it is copied; what works through the view is in docs/rename_table.md."""

    whole: ClassVar[bool] = True

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["rename_table"]
    to: str = Field(min_length=1, description="its name afterwards, in the same schema, without quotes")

    example: ClassVar[str] = """\
  - kind: rename_table
    table: customers           # or schema.table: the table as it is now
    to: clients                # its name from release {release} on, in the same schema
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(uses=True)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            removes=(facts.display,),
            adds=(f"{facts.table.schema}.{self.to}",),
            rename_tables=(
                TableRename(
                    to=self.to,
                    columns=tuple(column.name for column in facts.columns),
                    owner=facts.owner,
                    grants=facts.grants,
                    column_grants=tuple((column.name, grant) for column in facts.columns for grant in column.grants),
                    invoker=facts.row_security,
                ),
            ),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog, catalog.table(self.table)))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        facts = catalog.table(self.table)
        return [
            f'until contract "{self.to}" is a view: COPY, TRUNCATE, ON CONFLICT ON CONSTRAINT and look-ups of its keys '
            "in the catalog do not work under that name (docs/rename_table.md has the list)",
            *(
                f'function {function} mentions "{facts.table.name}", a name that is gone after contract'
                for function in facts.mentioned_in
            ),
            *(
                f'the table is published by "{publication}": rename it at the subscribers at contract, or their apply '
                "workers stop"
                for publication in facts.publications
            ),
        ]

    def _refusals(self, catalog: Catalog, facts: TableFacts) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        if not facts.may_create:
            yield (
                f'our role may not create in schema "{facts.table.schema}"',
                f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to it: the view lives beside the table',
            )
        if self.to == facts.table.name:
            yield f'table "{facts.display}" is renamed to itself', 'give another name in "to"'
        elif self.to in facts.taken_names:
            yield f'there is already a relation "{facts.table.schema}.{self.to}"', "give another name"
        if len(self.to.encode()) > names.MAX_BYTES:
            yield f'"{self.to}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"
        if not facts.columns:
            yield f'table "{facts.display}" has no columns', "a view without columns cannot be written to"
        if facts.row_security and any(column.grants for column in facts.columns):
            yield (
                f'table "{facts.display}" has row security and privileges on single columns: a view that obeys its '
                "policies wants privileges on all of them",
                "grant on the whole table for the time of the run, or rename it while the application stands still",
            )
        if facts.row_security and catalog.server_version < INVOKER_VERSION:
            yield (
                f'table "{facts.display}" has row security, and before PostgreSQL 15 a view would pass it by',
                "upgrade the server first, or rename the table while the application stands still",
            )
