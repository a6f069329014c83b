"""move_column: columns move to another table that is there, to the row with the same key; both are kept up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from orchestrator import carrying
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import Wanted
from orchestrator.relocation import Relocation, key_refusals
from orchestrator.succession import Refusal, batch_refusals, listed, name_refusals, table_refusals
from phases.delta import Delta, NewColumn


class MoveColumn(Relocation):
    """Columns move to a table whose rows are the application's: none is made there, and none goes."""

    kind: Literal["move_column"]

    example: ClassVar[str] = """\
  - kind: move_column
    table: users               # or schema.table
    columns: [bio, avatar]     # they go at contract
    to: profiles               # a table that is there, with a row for each of users that has one of these values
    key: {{id: user_id}}         # users.id is profiles.user_id; each is unique
"""

    @property
    def others(self) -> Mapping[str, Wanted]:
        return {self.to: Wanted(rights=True)}

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts, target = catalog.table(self.table), catalog.table(self.to)
        adds = tuple(f"{target.display}.{column}" for column in self.columns)
        return self.leaving(facts, self.move(facts, target, plan), adds)

    def deltas(self, catalog: Catalog, plan: str) -> Iterator[Delta]:
        yield self.delta(catalog, plan)
        facts, target = catalog.table(self.table), catalog.table(self.to)
        yield Delta(
            table=target.table,
            key=target.primary_key,
            add=tuple(self._new_column(facts, column) for column in self.columns),
            indexes=carrying.built_indexes(facts, self.columns, target),
            unique_keys=carrying.built_keys(facts, self.columns, target),
            constraints=carrying.built_checks(facts, self.columns, target),
            foreign_keys=carrying.foreign_keys(
                facts, self.columns, target.table, by_leaf=target.partitioned and catalog.keys_by_leaf
            ),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog, catalog.table(self.table), catalog.table(self.to), plan))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog, catalog.table(self.table), catalog.table(self.to)))

    def _new_column(self, facts: TableFacts, name: str) -> NewColumn:
        column = facts.column(name)
        return NewColumn(
            name=name,
            type=column.type,
            collation=column.collation,
            storage=column.storage,
            compression=column.compression,
            statistics=column.statistics,
            options=column.options,
            comment=column.comment,
            grants=column.grants,
            moved=True,
        )

    def _refusals(self, catalog: Catalog, facts: TableFacts, target: TableFacts, plan: str) -> Iterator[Refusal]:
        if facts.table == target.table:
            yield f'the columns are in "{target.display}" already', "rename_column gives a column another name"
            return
        yield from self.leaving_refusals(facts, target, plan)
        yield from table_refusals(target)
        yield from batch_refusals(catalog, target)
        yield from key_refusals(target, tuple(self.key.values()), nulls=True)
        for here, there in self.key.items():
            one, other = facts.column(here), target.column(there)
            if (one.type, one.collation) != (other.type, other.collation):
                yield (
                    f'"{here}" of "{facts.display}" is {one.type}, and "{there}" of "{target.display}" is {other.type}',
                    "give both the same type and collation first (change_type)",
                )
        for name in self.columns:
            yield from name_refusals(target, name)
        for name in carrying.uniques(facts, self.columns) if target.partitioned else ():
            yield (
                f'unique constraint "{name}" of "{facts.display}" would have to come along to "{target.display}", '
                "which is partitioned and can have none without its partition key",
                "drop_constraint it first, and add_unique one with the partition key once the run is complete; or "
                "leave the column where it is",
            )

    def _warnings(self, catalog: Catalog, facts: TableFacts, target: TableFacts) -> Iterator[str]:
        yield from self.leaving_warnings(facts, target)
        yield from carrying.left_behind(facts, self.columns, target)
        if target.partitioned:
            yield (
                f'a partition that is attached to "{target.display}" during the run has to bring '
                f"{listed(self.columns)} along with its rows: contract does not begin while it has not"
            )
        for trigger in target.triggers:
            silent = catalog.may_replicate and trigger.enabled == "O"
            if trigger.fires_on_update and trigger.enabled != "D":
                more = "" if silent else ", and for every row of the backfill"
                yield f'trigger "{trigger.name}" fires until contract where older code writes "{facts.display}"{more}'
        yield (
            f'a row of "{facts.display}" and that of "{target.display}" are written together until contract: code that '
            f"locks or writes the latter before the former, while older code changes {', '.join(self.columns)} "
            "of that row, can be the victim of a deadlock, or make it one; so can older code that writes several rows "
            "of both tables, each in another order"
        )
        yield (
            f'a row of "{target.display}" that is deleted leaves the values in "{facts.display}": contract does not '
            "begin while a value has no row there"
        )
        for publication in target.publications:
            yield (
                f'"{target.display}" is published by "{publication}": add {", ".join(self.columns)} at the subscribers '
                "before expand, or their apply workers stop"
            )
