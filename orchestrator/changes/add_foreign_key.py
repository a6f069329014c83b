"""add_foreign_key: what a row refers to must be there."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import ForeignKeyDefinition, IndexDefinition, NewForeignKey, Wanted
from orchestrator.changes import Change
from orchestrator.objects import (
    between_partitioned,
    constraint_label,
    new_name_refusals,
    not_to_be_locked,
    rejection,
)
from orchestrator.succession import Refusal, listed, table_refusals
from phases.delta import Delta, ForeignKey

Action = Literal["no action", "restrict", "cascade", "set null", "set default"]


class Reference(BaseModel):
    """What a foreign key refers to."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    table: str = Field(min_length=1, description="table or schema.table")
    columns: tuple[str, ...] = Field(default=(), description="columns there; without them, its primary key")


class AddForeignKey(Change):
    """A foreign key, added NOT VALID once every row keeps it, and validated while the application writes."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["add_foreign_key"]
    name: str = Field(min_length=1, description="the constraint's name")
    columns: tuple[str, ...] = Field(min_length=1)
    references: Reference
    on_delete: Action = "no action"
    set_columns: tuple[str, ...] = Field(
        default=(), description="the columns that on_delete sets, where not all: PostgreSQL 15 and newer"
    )
    on_update: Action = "no action"
    match: Literal["simple", "full"] = "simple"
    deferrable: bool = False
    initially_deferred: bool = Field(default=False, description="checked at COMMIT; says deferrable too")
    comment: str | None = None

    example: ClassVar[str] = """\
  - kind: add_foreign_key
    table: orders              # or schema.table
    name: orders_user_id_fkey
    columns: [user_id]
    references: {{table: users}} # its primary key; or columns: […]
    # on_delete: cascade       # restrict, set null, set default; on_update likewise
    # match: full
    # initially_deferred: true # or deferrable: true
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(self._question,))

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        facts = catalog.table(self.table)
        answer = facts.answers.get(self._question)
        found = frozenset((facts.display, column) for column in self.columns)
        if isinstance(answer, ForeignKeyDefinition):
            other = f"{answer.references.schema}.{answer.references.name}"
            found |= frozenset((other, column) for column in answer.referenced_columns)
        return found

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        answer = facts.new_foreign_key(self._question)
        key = ForeignKey(
            table=facts.table,
            name=self.name,
            columns=self.columns,
            references=answer.references,
            referenced_columns=answer.referenced_columns,
            actions=self._question.actions,
            set_columns=self.set_columns,
            deferral=self._question.deferral,
            inspected=answer.equalities,
            by_leaf=facts.partitioned and catalog.keys_by_leaf,
            trees=tuple(
                table
                for table, partitioned in ((facts.table, facts.partitioned), (answer.references, answer.partitioned))
                if partitioned
            ),
            comment=self.comment,
        )
        return Delta(
            table=facts.table, key=facts.primary_key, foreign_keys=(key,), adds=(constraint_label(facts, self.name),)
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        found = [*table_refusals(facts), *new_name_refusals(facts, self.name)]
        if self.set_columns and catalog.server_version < 150000:
            return [*found, ("ON DELETE SET NULL (columns) needs PostgreSQL 15", "leave set_columns out")]
        found += rejection(facts, self._question, f'foreign key "{self.name}"')
        answer = facts.answers.get(self._question)
        if isinstance(answer, ForeignKeyDefinition):
            other = f"{answer.references.schema}.{answer.references.name}"
            if answer.inherits:
                found.append(
                    (
                        f'table "{other}" is a partition, or takes part in inheritance',
                        "let the key refer to the table at the top: rows of a child are not rows of its parent's key",
                    )
                )
            if answer.unlogged and not facts.unlogged:
                found.append(
                    (
                        f'table "{other}" is unlogged, and "{facts.display}" is not: a crash would leave its rows '
                        "referring to none",
                        f"ALTER TABLE {other} SET LOGGED first, which rewrites it under an exclusive lock",
                    )
                )
            if answer.partitioned and facts.partitioned and catalog.keys_by_leaf:
                found.append(between_partitioned(self.name))
            if not answer.may_refer:
                found.append(
                    (
                        f'our role may not refer to table "{other}" and read it',
                        f"GRANT SELECT, REFERENCES ON {other} to it",
                    )
                )
            elif not answer.may_lock and (answer.partitioned or (facts.partitioned and catalog.keys_by_leaf)):
                found.append(not_to_be_locked(other))
        return found

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        facts = catalog.table(self.table)
        answer = facts.answers.get(self._question)
        if not isinstance(answer, ForeignKeyDefinition):
            return []
        other = f"{answer.references.schema}.{answer.references.name}"
        found = [
            f'from constrain on a write that breaks "{self.name}" fails, of older code too: of a row that refers to '
            f'none of "{other}", and of one of "{other}" that is referred to'
        ]
        if not self._indexed(facts):
            found.append(
                f'no index of "{facts.display}" begins with {listed(self.columns)}: each DELETE in "{other}", and each '
                "UPDATE of what is referred to, will read the whole table; create_index first"
            )
        found += [
            f'column "{column}" is {ours}, and what it refers to is {theirs}: what fits one side only fails late'
            for column, (ours, theirs) in zip(self.columns, answer.types, strict=False)
            if ours != theirs
        ]
        return found

    def _indexed(self, facts: TableFacts) -> bool:
        """Whether a deletion over there finds the rows here by an index, of this plan or of before."""
        there = [(each.keys, each.partial) for each in facts.indexes]
        there += [(each.keys, each.partial) for each in facts.answers.values() if isinstance(each, IndexDefinition)]
        wanted = {new: old for old, new in facts.renames}
        columns = {wanted.get(column, column) for column in self.columns} | set(self.columns)
        return any(not partial and set(keys[: len(self.columns)]) <= columns and keys for keys, partial in there)

    @property
    def _question(self) -> NewForeignKey:
        actions = " MATCH FULL" if self.match == "full" else ""
        if self.on_update != "no action":
            actions += f" ON UPDATE {self.on_update.upper()}"
        if self.on_delete != "no action":
            actions += f" ON DELETE {self.on_delete.upper()}"
        deferral = " DEFERRABLE" if self.deferrable else ""
        return NewForeignKey(
            name=self.name,
            columns=self.columns,
            references=self.references.table,
            referenced_columns=self.references.columns,
            actions=actions,
            set_columns=self.set_columns,
            deferral=" DEFERRABLE INITIALLY DEFERRED" if self.initially_deferred else deferral,
        )
