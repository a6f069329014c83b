"""create_table: a table is made in expand, complete but for its foreign keys, which come in constrain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import Draft, DraftColumn, DraftForeignKey, PartitionedBy, Wanted
from orchestrator.changes import Change
from orchestrator.objects import between_partitioned, not_to_be_locked
from orchestrator.partition_key import PartitionKeySpec
from orchestrator.succession import Refusal, listed, schema_refusals
from orchestrator.table_names import split_table
from phases import names
from phases.delta import Delta, Grant, NewTable, TableKey

Action = Literal["no action", "restrict", "cascade", "set null", "set default"]
Privilege = Literal["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "ALL"]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TableColumnSpec(_Spec):
    """A column of the new table."""

    type: str = Field(min_length=1, description="its type, as in CREATE TABLE")
    default: str | None = Field(default=None, min_length=1, description="SQL expression")
    identity: Literal["always", "by default"] | None = Field(
        default=None, description="GENERATED … AS IDENTITY; in place of serial"
    )
    not_null: bool = False
    collation: str | None = Field(default=None, description="as COLLATE takes it")
    comment: str | None = None


class UniqueSpec(_Spec):
    """A unique constraint of the new table."""

    columns: tuple[str, ...] = Field(min_length=1)
    name: str | None = None
    nulls_distinct: bool = Field(default=True, description="false: NULLS NOT DISTINCT, PostgreSQL 15 and newer")


class ForeignKeySpec(_Spec):
    """A foreign key of the new table."""

    columns: tuple[str, ...] = Field(min_length=1)
    references: str = Field(min_length=1, description="table or schema.table; one that this plan makes will do")
    to: tuple[str, ...] = Field(default=(), description="columns there; without it, its primary key")
    name: str | None = None
    on_delete: Action = "no action"
    on_update: Action = "no action"
    deferrable: Literal["no", "initially immediate", "initially deferred"] = "no"


class GrantSpec(_Spec):
    """Privileges on the new table."""

    to: str = Field(min_length=1, description="a role, or public")
    privileges: tuple[Privilege, ...] = Field(min_length=1)


class CreateTable(Change):
    """A new table. Nobody sees it before it is complete; abort takes it away while it is empty."""

    whole: ClassVar[bool] = True

    kind: Literal["create_table"]
    columns: dict[str, TableColumnSpec] = Field(min_length=1, description="its columns by name, in order")
    primary_key: tuple[str, ...] = Field(default=(), description="columns of the primary key")
    unique: tuple[UniqueSpec, ...] = ()
    checks: dict[str, str] = Field(default={}, description="SQL conditions by the constraint's name")
    indexes: dict[str, str] = Field(
        default={}, description="by name, what follows the table's name in CREATE INDEX: (user_id, created_at DESC)"
    )
    foreign_keys: tuple[ForeignKeySpec, ...] = ()
    partition_by: PartitionKeySpec | None = Field(default=None, description="its partitions, where it has any")
    grants: tuple[GrantSpec, ...] = ()
    comment: str | None = None

    example: ClassVar[str] = """\
  - kind: create_table
    table: orders              # or schema.table
    columns:
      id: {{type: bigint, identity: always}}
      user_id: {{type: bigint, not_null: true}}
      state: {{type: text, default: "'new'", not_null: true}}
    primary_key: [id]
    checks:
      orders_state_known: state IN ('new', 'paid')
    indexes:
      orders_user_id_idx: (user_id)
    foreign_keys:
      - columns: [user_id]
        references: users
        on_delete: cascade
    # partition_by:            # the primary key has to contain the columns
    #   by: range              # range, list or hash, as in partition_table
    #   columns: [placed_on]
    #   partitions:
    #     orders_2025: {{to: 2026-01-01}}
    #     orders_later: {{default: true}}
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(draft=self._draft)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        drafted = facts.drafted
        assert drafted is not None
        return Delta(
            table=facts.table,
            key=self.primary_key,
            adds=(facts.display,),
            create=(
                NewTable(
                    name=facts.table.name,
                    columns=tuple(
                        replace(column, comment=self.columns[column.name].comment) for column in drafted.columns
                    ),
                    keys=self._keys,
                    checks=drafted.checks,
                    indexes=drafted.indexes,
                    comment=self.comment,
                    grants=self._grants,
                    by=drafted.partitions.by if drafted.partitions else None,
                    partitions=drafted.partitions.bounds if drafted.partitions else (),
                ),
            ),
            foreign_keys=tuple(
                replace(key, by_leaf=facts.table in key.trees and catalog.keys_by_leaf) for key in drafted.foreign_keys
            ),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog, catalog.table(self.table)))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog, catalog.table(self.table)))

    def _warnings(self, catalog: Catalog, facts: TableFacts) -> Iterator[str]:
        if not self.primary_key:
            yield f'table "{facts.display}" has no primary key: no row of it can be told from another'
        if self.partition_by and not self._partitions:
            yield f'table "{facts.display}" has no partitions: until it has one, to write a row fails'
        elif self.partition_by and not self.partition_by.takes_every_row:
            yield f'a row of "{facts.display}" may fit none of its partitions: to write it fails'
        identities = [name for name, spec in self.columns.items() if spec.identity]
        if self.partition_by and identities and catalog.server_version < 170000:
            yield (
                f'before PostgreSQL 17 partitions of "{facts.display}" do not have the identity of '
                f"{listed(identities)}: write to the table, and not to a partition by its name"
            )

    def _refusals(self, catalog: Catalog, facts: TableFacts) -> Iterator[Refusal]:
        yield from schema_refusals(facts)
        if not facts.may_create:
            yield (
                f'our role may not create in schema "{facts.table.schema}"',
                f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to it',
            )
        if facts.exists:
            yield (
                f'there is already a relation or a type "{facts.display}"',
                "give another name; a table that was made by hand needs no plan",
            )
        relations = (*(key.name for key in self._keys), *self.indexes, *self._partitions)
        for name in relations:
            if name in facts.taken_names:
                yield f'there is already a relation "{facts.table.schema}.{name}"', "give another name"
        made = (facts.table.name, *self.columns, *self.checks, *relations)
        for name in (*made, *(key.name for key in self._draft.foreign_keys)):
            if len(name.encode()) > names.MAX_BYTES:
                yield f'"{name}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"
        assert facts.drafted is not None
        for what, message in facts.drafted.rejections:
            yield f'{what} of "{facts.display}": {message}', self._advice(what)
        changed = {each.table for each in catalog.tables.values() if each.exists}
        for key in facts.drafted.foreign_keys:
            if key.references in changed:
                yield (
                    f'foreign key "{key.name}" refers to "{key.references.schema}.{key.references.name}", '
                    "which this plan changes",
                    "make two plans of it, one after the other",
                )
            by_leaf = facts.table in key.trees and catalog.keys_by_leaf
            if by_leaf and key.references in key.trees:
                yield between_partitioned(key.name)
            if key.references in facts.drafted.not_to_be_locked and (by_leaf or key.references in key.trees):
                yield not_to_be_locked(f"{key.references.schema}.{key.references.name}")

    def _advice(self, what: str) -> str:
        """Against what PostgreSQL rejects, as the draft calls it."""
        decide = self.partition_by.columns if self.partition_by else ()
        if what in {f'key "{key.name}"' for key in self._keys if not set(decide) <= set(key.columns)}:
            return f"let it contain {listed(decide)}: only within a partition can PostgreSQL tell what is unique"
        return _ADVICE.get(what.split(" ")[0], "correct the plan")

    @property
    def _partitioned_by(self) -> PartitionedBy | None:
        return self.partition_by.partitioned_by(self.table) if self.partition_by else None

    @property
    def _partitions(self) -> tuple[str, ...]:
        return tuple(each.name for each in self._partitioned_by.partitions) if self._partitioned_by else ()

    @property
    def _draft(self) -> Draft:
        return Draft(
            columns=tuple(
                DraftColumn(
                    name=name,
                    type=spec.type,
                    collation=spec.collation,
                    default=spec.default,
                    identity=_IDENTITY[spec.identity],
                    not_null=spec.not_null,
                )
                for name, spec in self.columns.items()
            ),
            keys=self._keys,
            checks=tuple(self.checks.items()),
            indexes=tuple(self.indexes.items()),
            foreign_keys=tuple(map(self._foreign_key, self.foreign_keys)),
            grants=self._grants,
            partitioned_by=self._partitioned_by,
        )

    @property
    def _keys(self) -> tuple[TableKey, ...]:
        unique = (
            TableKey(
                name=spec.name or self._named(*spec.columns, "key"),
                columns=spec.columns,
                nulls_distinct=spec.nulls_distinct,
            )
            for spec in self.unique
        )
        primary = TableKey(name=self._named("pkey"), columns=self.primary_key, primary=True)
        return (*([primary] if self.primary_key else []), *unique)

    def _foreign_key(self, spec: ForeignKeySpec) -> DraftForeignKey:
        actions = (("ON UPDATE", spec.on_update), ("ON DELETE", spec.on_delete))
        return DraftForeignKey(
            name=spec.name or self._named(*spec.columns, "fkey"),
            columns=spec.columns,
            references=split_table(spec.references),
            referenced_columns=spec.to,
            actions="".join(f" {when} {action.upper()}" for when, action in actions if action != "no action"),
            deferral="" if spec.deferrable == "no" else f" DEFERRABLE {spec.deferrable.upper()}",
        )

    @property
    def _grants(self) -> tuple[Grant, ...]:
        return tuple(
            Grant(privilege=privilege, grantee=None if spec.to == "public" else spec.to, grantable=False)
            for spec in self.grants
            for privilege in spec.privileges
        )

    def _named(self, *parts: str) -> str:
        """As PostgreSQL itself would name it."""
        return names.fit("_".join((split_table(self.table).name, *parts)))


_IDENTITY: dict[str | None, Literal["", "ALWAYS", "BY DEFAULT"]] = {
    None: "",
    "always": "ALWAYS",
    "by default": "BY DEFAULT",
}
_ADVICE = {
    "column": "write type and default as in CREATE TABLE; instead of serial: identity",
    "key": "see which columns the table has",
    "check": "write a condition over the columns of one row",
    "index": "write what follows the table's name in CREATE INDEX",
    "foreign": "it has to refer to a primary key or a unique constraint of a table that is there",
    "grants": "give a role and privileges that the server knows",
    "partition_by": "name columns of the table, of types that can be compared",
    "partitions": "correct the partitions of the plan",
    "locks": "make fewer, and the others afterwards; or raise max_locks_per_transaction, and restart the server",
}
