"""An index as a plan describes it: what building and replacing have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import IndexDefinition, IndexKey, NewIndex
from orchestrator.objects import index_of, missing, rejection, reliance_refusals
from orchestrator.succession import Refusal, listed


class KeySpec(BaseModel):
    """A column or an expression of an index, with how it is ordered and compared."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: str | None = Field(default=None, min_length=1)
    expression: str | None = Field(default=None, min_length=1, description="SQL expression over the row")
    collation: str | None = Field(default=None, description="as COLLATE takes it")
    opclass: str | None = Field(default=None, description="an operator class, with its parameters if it has any")
    order: Literal["asc", "desc"] | None = None
    nulls: Literal["first", "last"] | None = None

    @model_validator(mode="after")
    def _column_or_expression(self) -> KeySpec:
        if (self.column is None) == (self.expression is None):
            raise ValueError("give either a column or an expression")
        return self

    def key(self) -> IndexKey:
        """As the catalog is asked."""
        return IndexKey(**self.model_dump())


class IndexSpec(BaseModel):
    """Everything that an index can be."""

    columns: tuple[str | KeySpec, ...] = Field(min_length=1, description="columns and expressions, in order")
    unique: bool = False
    method: str = Field(default="btree", min_length=1)
    include: tuple[str, ...] = ()
    where: str | None = Field(default=None, min_length=1, description="SQL condition: a partial index")
    parameters: dict[str, str | int | float | bool] = Field(default={}, alias="with")
    tablespace: str | None = Field(default=None, min_length=1)
    nulls_not_distinct: bool = Field(default=False, description="PostgreSQL 15 and newer")
    comment: str | None = None

    @property
    def question(self) -> NewIndex:
        """What the catalog is asked."""
        return NewIndex(
            keys=tuple(IndexKey(column=each) if isinstance(each, str) else each.key() for each in self.columns),
            unique=self.unique,
            method=self.method,
            include=self.include,
            nulls_not_distinct=self.nulls_not_distinct,
            parameters=tuple((key, str(value).lower()) for key, value in self.parameters.items()),
            tablespace=self.tablespace,
            where=self.where,
        )


def definition_refusals(catalog: Catalog, facts: TableFacts, question: NewIndex, name: str) -> Iterator[Refusal]:
    """What stands against an index like that."""
    if question.nulls_not_distinct and catalog.server_version < 150000:
        yield "NULLS NOT DISTINCT needs PostgreSQL 15", "leave it out, or index an expression that is never null"
        return
    yield from rejection(facts, question, f'index "{name}"')
    answer = facts.answers.get(question)
    if question.unique and isinstance(answer, IndexDefinition):
        yield from unique_refusals(facts, answer.keys, name)


def unique_refusals(facts: TableFacts, keys: Collection[str], name: str) -> Iterator[Refusal]:
    """PostgreSQL keeps each partition's rows apart from each other, and those of two partitions by their key alone."""
    if facts.expression_in_key:
        yield (
            f'index "{name}" cannot be unique: the partition key of "{facts.display}" has an expression',
            "leave unique out; or make it unique on each partition by itself, with a plan of kind sql",
        )
        return
    lacking = [column for column in facts.partition_key if column not in keys]
    if lacking:
        yield (
            f'index "{name}" cannot be unique without {listed(lacking)}, by which "{facts.display}" is partitioned',
            "take the whole partition key into its columns, or leave unique out",
        )


def unique_warnings(facts: TableFacts, question: NewIndex, name: str) -> Iterator[str]:
    """What uniqueness means for who writes."""
    if not question.unique:
        return
    yield (
        f'"{name}" is unique from the moment its build begins in constrain: from then on a write that makes a '
        "duplicate fails, of older code too"
    )
    answer = facts.answers.get(question)
    if isinstance(answer, IndexDefinition) and answer.duplicates is None:
        yield (
            f'duplicates that "{name}" forbids are not looked for before it is built: its operator class may have '
            "an equality of its own"
        )


def departure_refusals(facts: TableFacts, name: str) -> list[Refusal]:
    """What stands against an index being dropped."""
    index = index_of(facts, name)
    if index is None:
        exclusion = any(each.name == name and each.excludes for each in facts.constraints)
        if exclusion:
            return [(f'"{name}" is the index of an exclusion constraint', "drop_constraint drops both")]
        return [missing(facts, "index", name, (each.name for each in facts.indexes))]
    found = []
    if index.constraint is not None:
        found.append(
            (
                f'index "{name}" belongs to constraint "{index.constraint}"',
                "drop_constraint drops both; add_unique and add_primary_key make another",
            )
        )
    if index.replica_identity:
        found.append(
            (
                f'index "{name}" is the replica identity of "{facts.display}"',
                "ALTER TABLE … REPLICA IDENTITY to another index first",
            )
        )
    if index.constraint is None:
        found += reliance_refusals(index, f'index "{name}"')
    return found
