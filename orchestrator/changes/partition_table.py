"""partition_table: a table becomes partitioned under the name it has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import DraftPartition, PartitionedBy, Rejected, Wanted
from orchestrator.changes import Change
from orchestrator.likeness import likeness, likeness_refusals
from orchestrator.succession import Refusal, listed, table_refusals
from orchestrator.table_names import split_table
from phases import names
from phases.delta import Delta


def _written(value: Any) -> Any:
    """A scalar as its author wrote it: YAML makes numbers and dates of some."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else value


Scalar = Annotated[str, BeforeValidator(_written), WithJsonSchema({"type": ["string", "number", "boolean"]})]


def _row(value: Any) -> Any:
    return value if isinstance(value, tuple) or value is None else (value,)


Row = Annotated[tuple[Scalar, ...], BeforeValidator(_row)]


class PartitionSpec(BaseModel):
    """The rows of one partition. Values are literals, read as the type of their column."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    lower: Row = Field(
        default=(), alias="from", description="of a range, included: a value a column; without it: everything below"
    )
    upper: Row = Field(default=(), alias="to", description="of a range, not included; without it: everything above")
    values: tuple[Scalar | None, ...] = Field(default=(), description="of a list")
    default: bool = Field(default=False, description="the rows that no other partition takes")

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        given = [bool(self.lower or self.upper), bool(self.values), self.default]
        if sum(given) != 1:
            raise ValueError('give "from" and "to" (one of them is enough), or "values", or "default: true"')
        return self


class PartitionTable(Change):
    """A table becomes partitioned: its rows move to a partitioned one, which takes its name."""

    whole: ClassVar[bool] = True
    exchanges_foreign_keys: ClassVar[bool] = True

    kind: Literal["partition_table"]
    by: Literal["range", "list", "hash"] = Field(description="how rows find their partition")
    columns: tuple[str, ...] = Field(min_length=1, description="the columns that decide")
    partitions: dict[str, PartitionSpec] = Field(default={}, description="of a range or list: partitions by name")
    modulus: int = Field(default=0, ge=0, le=1000, description="of a hash: how many partitions")

    example: ClassVar[str] = """\
  - kind: partition_table
    table: orders              # or schema.table; its primary key must contain the columns below
    by: range                  # range, list or hash
    columns: [ordered_on]
    partitions:
      orders_2025: {{to: 2026-01-01}}
      orders_2026: {{from: 2026-01-01, to: 2027-01-01}}
      orders_later: {{default: true}}
    # of a list:  orders_eu: {{values: [de, fr]}}
    # of a hash, in place of partitions:  modulus: 8
"""

    @model_validator(mode="after")
    def _has_partitions(self) -> Self:
        if self.by == "hash" and (self.partitions or self.modulus < 1):
            raise ValueError('a hash takes "modulus", the number of partitions, and no "partitions"')
        if self.by != "hash" and (self.modulus or not self.partitions):
            raise ValueError(f'a {self.by} takes "partitions", and no "modulus"')
        wrong = [
            name
            for name, each in self.partitions.items()
            if not each.default and bool(each.values) != (self.by == "list")
        ]
        if wrong:
            what = '"values"' if self.by == "list" else '"from" and "to"'
            raise ValueError(f"partition {wrong[0]} of a {self.by} takes {what}")
        return self

    @property
    def wanted(self) -> Wanted:
        return Wanted(uses=True, shape=True, questions=(self._question,))

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        made = facts.partitions(self._question)
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            adds=(f"{facts.display} partitioned by {made.by}",),
            partitionings=(likeness(facts, plan, made),),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog, catalog.table(self.table), plan))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog.table(self.table)))

    def _refusals(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[Refusal]:
        for name in self.columns:
            facts.column(name)
        yield from table_refusals(facts)
        yield from likeness_refusals(facts, plan, catalog.server_version)
        yield from self._key_refusals(facts)
        for name in self._names:
            if name in facts.taken_names:
                yield f'there is already a relation "{facts.table.schema}.{name}"', "give the partition another name"
            if len(name.encode()) > names.MAX_BYTES:
                yield f'"{name}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"
        answer = facts.answers.get(self._question)
        if isinstance(answer, Rejected):
            yield f'"{facts.display}" cannot be partitioned so: {answer.message}', "correct the partitions of the plan"
        elif not self._takes_every_row:
            yield (
                f'a row of "{facts.display}" may fit none of the partitions, and to write it would fail',
                "add a partition with default: true"
                if self.by == "list"
                else 'add a partition with default: true; or leave out the first "from" and the last "to", and let '
                'each "to" be written as the next "from"',
            )

    def _key_refusals(self, facts: TableFacts) -> Iterator[Refusal]:
        """A partitioned table has no index over all of its rows: what is unique must tell the partition."""
        unique = [(index.name, index.keys) for index in facts.indexes if index.unique]
        for name, keys in unique:
            missing = [column for column in self.columns if column not in keys]
            if missing:
                yield (
                    f'unique index "{name}" of "{facts.display}" does not contain {listed(missing)}, and only within '
                    "a partition can PostgreSQL tell what is unique",
                    "partition by columns of it; or replace it first by one that contains them "
                    "(add_unique or add_primary_key, and drop_constraint)",
                )

    def _warnings(self, facts: TableFacts) -> Iterator[str]:
        yield (
            f'from the end of constrain on "{facts.display}" is partitioned for both versions: COPY … TO takes a '
            "query, CREATE INDEX CONCURRENTLY one partition at a time, and of two updates of a row at the same time, "
            "one of which moves it to another partition, the other fails with 40001"
        )
        yield (
            f'until contract each row of "{facts.display}" is written and stored twice, and so are its index entries'
        )
        yield (
            "between constrain and contract, do not drop, detach or truncate a partition: contract compares the old "
            "table with the new one, and stops at rows that only the old one has"
        )
        for key in facts.foreign_keys:
            yield (
                f'until contract two tables refer to "{key.references.schema}.{key.references.name}": TRUNCATE of it '
                "wants CASCADE"
            )

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self._question.partitions)

    @property
    def _takes_every_row(self) -> bool:
        """PostgreSQL has found that ranges do not overlap: so a chain from end to end leaves no gap."""
        if self.by == "hash" or any(each.default for each in self.partitions.values()):
            return True
        lower = [each.lower for each in self.partitions.values()]
        upper = [each.upper for each in self.partitions.values()]
        return self.by == "range" and () in lower and sorted(lower) == sorted(upper)

    @property
    def _question(self) -> PartitionedBy:
        if self.by == "hash":
            table = split_table(self.table).name
            partitions = tuple(
                DraftPartition(name=names.fit(f"{table}_{number}"), remainder=number) for number in range(self.modulus)
            )
        else:
            partitions = tuple(
                DraftPartition(name=name, default=each.default, lower=each.lower, upper=each.upper, values=each.values)
                for name, each in self.partitions.items()
            )
        return PartitionedBy(method=self.by, columns=self.columns, partitions=partitions)
