"""drop_constraint: a constraint goes, when no release relies on it, or before newer code breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator import dropping
from orchestrator.catalog import Catalog, Constraint, ForeignKey, TableFacts
from orchestrator.changes import Change
from orchestrator.objects import (
    constraint_label,
    constraint_names,
    constraint_of,
    foreign_key_of,
    missing,
    read_by_constraint,
    reliance_refusals,
)
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, Dropped


class DropConstraint(Change):
    """A check, unique, foreign key, exclusion or NOT NULL constraint goes, by its name."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["drop_constraint"]
    name: str = Field(min_length=1, description="the constraint's name")
    when: Literal["contract", "expand"] = Field(
        default="contract",
        description="expand: newer code may break a check or a foreign key before contract; an abort adds it again",
    )

    example: ClassVar[str] = """\
  - kind: drop_constraint
    table: users               # or schema.table
    name: users_age_check
    # when: expand             # newer code breaks it; by default it goes at contract
"""

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        return read_by_constraint(catalog.table(self.table), self.name)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        constraint, key = constraint_of(facts, self.name), foreign_key_of(facts, self.name)
        delta = Delta(table=facts.table, key=facts.primary_key)
        if self.when == "expand":
            return replace(
                delta,
                adds=(f"freedom from {constraint_label(facts, self.name)}",),
                lift=(dropping.after(constraint),) if constraint else (),
                lift_foreign_keys=(
                    (replace(dropping.key_after(key), trees=(key.references,) if key.partitioned else ()),)
                    if key
                    else ()
                ),
            )
        return replace(
            delta,
            removes=(constraint_label(facts, self.name),),
            drop_constraints=((Dropped(name=constraint.name, definition=constraint.definition),) if constraint else ()),
            drop_foreign_keys=(dropping.dropped(key),) if key else (),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        found = list(table_refusals(facts))
        constraint, key = constraint_of(facts, self.name), foreign_key_of(facts, self.name)
        if constraint is not None:
            found += self._constraint_refusals(facts, constraint)
        elif key is not None:
            found += self._key_refusals(catalog, facts, key)
        else:
            found.append(missing(facts, "constraint", self.name, constraint_names(facts)))
        return found

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        facts = catalog.table(self.table)
        constraint, key = constraint_of(facts, self.name), foreign_key_of(facts, self.name)
        found = []
        if self.when == "expand":
            found.append(
                f'once newer code has broken "{self.name}", an abort stops at the rows that do, and names them: '
                "put them right, and abort again"
            )
        if constraint is not None and constraint.kind in ("unique", "exclude"):
            found.append(f'ON CONFLICT that infers or names "{self.name}" fails from contract on')
        if key is not None and _acts(key):
            found.append(f'from contract on nobody does what "{self.name}" did:{key.actions}')
        return found

    def _constraint_refusals(self, facts: TableFacts, constraint: Constraint) -> list[Refusal]:
        name, found = self.name, []
        if constraint.kind == "primary_key":
            found.append(
                (
                    f'"{name}" is the primary key of "{facts.display}"',
                    "rows need a name: replication and this program's reports go by it; rename_column lets a column "
                    "take over from one of it",
                )
            )
        if self.when == "expand" and constraint.kind != "check":
            advice = {
                "not_null": "drop_not_null takes it away in expand, and brings it back with an abort",
                "unique": "leave it until contract: ON CONFLICT of older code needs it",
                "exclude": "leave it until contract: an abort could only add it again under an exclusive lock",
                "primary_key": "leave it",
            }
            found.append((f'"{name}" is no check and no foreign key', advice[constraint.kind]))
        for index in facts.indexes:
            if index.constraint == name and index.replica_identity:
                advice_ = "ALTER TABLE … REPLICA IDENTITY to another index first"
                found.append((f'the index of "{name}" is the replica identity of "{facts.display}"', advice_))
            if index.constraint == name:
                found += reliance_refusals(index, f'"{name}"')
        if constraint.kind == "not_null" and facts.partitioned:
            found.append((f'"{facts.display}" is partitioned', "drop_not_null takes it away from all partitions"))
        if constraint.kind == "not_null":
            found += self._not_null_refusals(facts, constraint.columns)
        return found

    def _not_null_refusals(self, facts: TableFacts, columns: tuple[str, ...]) -> list[Refusal]:
        bound = {column.name for column in facts.columns if column.identity} | set(facts.primary_key)
        return [
            (
                f'column "{column}" is an identity or part of the primary key, and takes no null',
                "leave its constraint as it is",
            )
            for column in columns
            if column in bound
        ]

    def _key_refusals(self, catalog: Catalog, facts: TableFacts, key: ForeignKey) -> list[Refusal]:
        found = []
        if self.when == "expand" and facts.partitioned and catalog.keys_by_leaf:
            found.append(
                (
                    f'foreign key "{self.name}" is that of a partitioned table: before PostgreSQL 18 an abort could '
                    "only add it again under a lock that stops writers",
                    "leave it until contract",
                )
            )
        if not key.owned:
            found.append(
                (
                    f'foreign key "{self.name}" ties in a table that our role does not own',
                    "connect as a role that owns both of its tables",
                )
            )
        if self.when == "expand" and _acts(key):
            found.append(
                (
                    f'foreign key "{self.name}" changes rows:{key.actions}',
                    "leave it until contract: older code relies on that",
                )
            )
        return found


def _acts(key: ForeignKey) -> bool:
    """Whether it does more than refuse."""
    return any(word in key.actions for word in ("CASCADE", "SET NULL", "SET DEFAULT"))
