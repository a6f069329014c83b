"""add_check: a condition that every row must keep."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog
from orchestrator.catalog.wanted import CheckDefinition, NewCheck, Wanted
from orchestrator.changes import Change
from orchestrator.objects import constraint_label, new_name_refusals, read_by, rejection
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, TableConstraint


class AddCheck(Change):
    """A check, added NOT VALID once every row keeps it, and validated while the application writes."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["add_check"]
    name: str = Field(min_length=1, description="the constraint's name")
    check: str = Field(min_length=1, description="SQL condition over the columns of a row")
    no_inherit: bool = False
    enforced: bool = Field(default=True, description="false: NOT ENFORCED, PostgreSQL 18 and newer")
    comment: str | None = None

    example: ClassVar[str] = """\
  - kind: add_check
    table: users               # or schema.table
    name: users_age_possible
    check: age BETWEEN 0 AND 150
"""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(self._question,))

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        return read_by(catalog.table(self.table), self._question)

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        answer = facts.new_check(self._question)
        check = TableConstraint(
            name=self.name,
            kind="check",
            definition=answer.sql,
            enforced=self.enforced,
            violated_by=answer.violated_by,
            inspected=self.enforced,
            comment=self.comment,
        )
        return Delta(
            table=facts.table, key=facts.primary_key, constraints=(check,), adds=(constraint_label(facts, self.name),)
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        found = [*table_refusals(facts), *new_name_refusals(facts, self.name)]
        if self.no_inherit and facts.partitioned:
            found.append((f'"{facts.display}" is partitioned: its rows are in its partitions', "leave no_inherit out"))
        if not self.enforced and catalog.server_version < 180000:
            return [*found, ("NOT ENFORCED needs PostgreSQL 18", "leave it out")]
        return [*found, *rejection(facts, self._question, f'check "{self.name}"')]

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        if not self.enforced:
            return []
        found = [f'from constrain on a write that breaks "{self.name}" fails, of older code too']
        answer = catalog.table(self.table).answers.get(self._question)
        if isinstance(answer, CheckDefinition) and not answer.immutable:
            found.append(
                f'check "{self.name}" is not immutable: a row that keeps it today may break it tomorrow, and a dump of '
                "it could not be restored"
            )
        return found

    @property
    def _question(self) -> NewCheck:
        return NewCheck(expression=self.check, no_inherit=self.no_inherit, enforced=self.enforced)
