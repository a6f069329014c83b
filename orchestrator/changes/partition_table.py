"""partition_table: a table becomes partitioned under the name it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import PartitionedBy, Rejected, Wanted
from orchestrator.changes import Change
from orchestrator.likeness import likeness, likeness_refusals
from orchestrator.partition_key import PartitionKeySpec
from orchestrator.succession import Refusal, listed, table_refusals
from phases import names
from phases.delta import Delta


class PartitionTable(PartitionKeySpec, Change):
    """A table becomes partitioned: its rows move to a partitioned one, which takes its name."""

    whole: ClassVar[bool] = True
    exchanges_foreign_keys: ClassVar[bool] = True

    kind: Literal["partition_table"]

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
        if self.by != "hash" and not self.partitions:
            raise ValueError(f'a {self.by} takes "partitions", and no "modulus"')
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
        elif not self.takes_every_row:
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
    def _question(self) -> PartitionedBy:
        return self.partitioned_by(self.table)
