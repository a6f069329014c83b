"""extract_table: columns move into a table of their own, a row for a row; both are kept up until contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator import carrying
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import Draft, Wanted
from orchestrator.changes.create_table import GrantSpec
from orchestrator.relocation import Relocation
from orchestrator.succession import Refusal, schema_refusals
from phases import names
from phases.delta import Delta, ForeignKey, Grant, NewTable, TableColumn, TableKey


class KeySpec(BaseModel):
    """The foreign key by which a row of the new table refers to the one that it belongs to."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    on_delete: Literal["no action", "restrict", "cascade"] = "no action"
    on_update: Literal["no action", "restrict", "cascade"] = "no action"


class ExtractTable(Relocation):
    """Columns move into a new table, which has a row for each row where one of them has a value."""

    kind: Literal["extract_table"]
    foreign_key: KeySpec | None = Field(default=None, description="a foreign key on the new table's key")
    grants: tuple[GrantSpec, ...] | None = Field(
        default=None, description="privileges on the new table; without it, those that the table has"
    )
    comment: str | None = None

    example: ClassVar[str] = """\
  - kind: extract_table
    table: users               # or schema.table
    columns: [bio, avatar]     # they go at contract
    to: profiles               # the table that is made for them
    key: {{id: user_id}}         # users.id is profiles.user_id, its primary key
    foreign_key: {{on_delete: cascade}}
"""

    @property
    def others(self) -> Mapping[str, Wanted]:
        return {self.to: Wanted(draft=Draft(columns=()))}

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts, target = catalog.table(self.table), catalog.table(self.to)
        return replace(
            self.leaving(facts, self.move(facts, target, plan, self._new_table(facts, target)), (target.display,)),
            foreign_keys=(*self._foreign_key(facts, target), *carrying.foreign_keys(facts, self.columns, target.table)),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog.table(self.table), catalog.table(self.to), plan))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog.table(self.table), catalog.table(self.to)))

    def _new_table(self, facts: TableFacts, target: TableFacts) -> NewTable:
        table, taken = target.table, target.taken_names
        keyed = (self._column(facts, here, there, not_null=True) for here, there in self.key.items())
        primary = TableKey(name=names.fit(f"{table.name}_pkey"), columns=tuple(self.key.values()), primary=True)
        return NewTable(
            name=table.name,
            columns=(*keyed, *(self._column(facts, column, column) for column in self.columns)),
            keys=(primary, *carrying.unique_keys(facts, self.columns, table, taken)),
            checks=carrying.checks(facts, self.columns),
            indexes=carrying.indexes(facts, self.columns, table, taken),
            comment=self.comment,
            grants=self._grants(facts),
        )

    def _column(self, facts: TableFacts, here: str, there: str, *, not_null: bool = False) -> TableColumn:
        column = facts.column(here)
        return TableColumn(
            name=there,
            type=column.type,
            collation=column.collation,
            not_null=not_null,
            comment=None if not_null else column.comment,
        )

    def _grants(self, facts: TableFacts) -> tuple[Grant, ...]:
        if self.grants is None:
            # who runs the plan may be another member of the owner's role
            return (Grant(privilege="ALL", grantee=facts.owner, grantable=False), *facts.grants)
        return tuple(
            Grant(privilege=privilege, grantee=None if spec.to == "public" else spec.to, grantable=False)
            for spec in self.grants
            for privilege in spec.privileges
        )

    def complete(self, facts: TableFacts, target: TableFacts) -> frozenset[str]:
        """As on the table itself; or who is given as much by the plan."""
        assert facts.rights is not None
        if self.grants is None:
            return facts.rights.complete
        given: dict[str, set[str]] = {}
        for grant in self._grants(facts):
            if grant.grantee is not None:
                given.setdefault(grant.grantee, set()).add(grant.privilege)
        enough = {"SELECT", "INSERT", "UPDATE", "DELETE"}
        return facts.rights.complete & {role for role, privileges in given.items() if enough <= privileges}

    def _foreign_key(self, facts: TableFacts, target: TableFacts) -> Iterator[ForeignKey]:
        if self.foreign_key is None:
            return
        actions = (("ON UPDATE", self.foreign_key.on_update), ("ON DELETE", self.foreign_key.on_delete))
        yield ForeignKey(
            table=target.table,
            name=names.fit("_".join((target.table.name, *self.key.values(), "fkey"))),
            columns=tuple(self.key.values()),
            references=facts.table,
            referenced_columns=tuple(self.key),
            trees=(facts.table,) if facts.partitioned else (),
            actions="".join(f" {when} {action.upper()}" for when, action in actions if action != "no action"),
        )

    def _refusals(self, facts: TableFacts, target: TableFacts, plan: str) -> Iterator[Refusal]:
        yield from self.leaving_refusals(facts, target, plan)
        yield from schema_refusals(target)
        if target.exists:
            yield (
                f'there is already a relation or a type "{target.display}"',
                "give another name; to a table that is there, columns move with move_column",
            )
        if facts.unlogged and self.foreign_key is not None:
            yield (
                f'"{facts.display}" is unlogged: no foreign key of "{target.display}", which is not, can refer to it',
                "leave foreign_key out; or ALTER TABLE … SET LOGGED first, which rewrites it under an exclusive lock",
            )
        for spec in self.grants or ():
            for privilege in {"TRIGGER", "ALL"}.intersection(spec.privileges):
                yield (
                    f'{privilege} on "{target.display}" lets "{spec.to}" create triggers, which would run with the '
                    "rights of our role",
                    "name the privileges that the application needs; grant TRIGGER after contract",
                )
        new = self._new_table(facts, target)
        for name in (*(key.name for key in new.keys), *(name for name, _ in new.indexes)):
            if name in target.taken_names:
                yield f'there is already a relation "{target.table.schema}.{name}"', "rename or drop it"
        for name in (target.table.name, *self.key.values()):
            if len(name.encode()) > names.MAX_BYTES:
                yield f'"{name}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"

    def _warnings(self, facts: TableFacts, target: TableFacts) -> Iterator[str]:
        yield from self.leaving_warnings(facts, target)
        if facts.partitioned:
            yield (
                f'rows of a partition of "{facts.display}" that is detached, dropped or truncated by its name stay in '
                f'"{target.display}": delete them there'
            )
        if self.foreign_key is not None:
            yield (
                f'TRUNCATE of "{facts.display}" fails from constrain on, unless it says CASCADE or names '
                f'"{target.display}" as well: a foreign key refers to it'
            )
        yield from carrying.left_behind(facts, self.columns, target)
        yield (
            f'where newer code locks a row of "{target.display}" without writing it, and then the one of '
            f'"{facts.display}", while older code writes that, one of the two may be the victim of a deadlock'
        )
        beside = facts.publications_of_schema if target.table.schema == facts.table.schema else ()
        for publication in facts.publications:
            if publication in (*facts.publications_of_all, *beside):
                yield (
                    f'"{target.display}" will be published by "{publication}": make it at the subscribers before '
                    "expand, or their apply workers stop"
                )
            else:
                yield f'"{target.display}" is not published by "{publication}": add it there after expand'
