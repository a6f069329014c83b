"""Unique constraints and primary keys as plans describe them: an index built beside the traffic becomes one."""

from __future__ import annotations

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import IndexKey, NewIndex, Wanted
from orchestrator.changes import Change
from orchestrator.objects import constraint_label, read_by
from phases.delta import Delta, Index, UniqueKey


class KeyChange(Change):
    """A constraint over a unique index."""

    name: str = Field(min_length=1, description="the name of the constraint, and of its index")
    columns: tuple[str, ...] = Field(min_length=1)
    include: tuple[str, ...] = Field(
        default=(), description="columns that its index carries without having them as keys"
    )
    deferrable: bool = False
    initially_deferred: bool = Field(default=False, description="checked at COMMIT; says deferrable too")
    tablespace: str | None = Field(default=None, min_length=1, description="of its index")
    comment: str | None = None

    @property
    def question(self) -> NewIndex:
        """What the catalog is asked of its index."""
        keys = tuple(IndexKey(column=column) for column in self.columns)
        return NewIndex(keys=keys, unique=True, include=self.include, tablespace=self.tablespace)

    @property
    def deferral(self) -> str:
        """As ADD CONSTRAINT takes it."""
        if self.initially_deferred:
            return " DEFERRABLE INITIALLY DEFERRED"
        return " DEFERRABLE" if self.deferrable else ""

    @property
    def wanted(self) -> Wanted:
        return Wanted(questions=(self.question,))

    @property
    def objects(self) -> frozenset[str]:
        return frozenset({self.name})

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        return read_by(catalog.table(self.table), self.question)

    def key_delta(self, facts: TableFacts, *, primary: bool) -> Delta:
        """The index, and the constraint over it."""
        answer = facts.new_index(self.question)
        index = Index(
            name=self.name,
            unique=True,
            definition=answer.sql,
            tablespace=self.tablespace,
            owned_by_constraint=True,
            inspected=answer.duplicates,
            keys=self.columns,
            include=self.include,
            nulls_not_distinct=self.question.nulls_not_distinct,
        )
        key = UniqueKey(name=self.name, index=self.name, primary=primary, deferral=self.deferral, comment=self.comment)
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            indexes=(index,),
            unique_keys=(key,),
            adds=(constraint_label(facts, self.name),),
        )
