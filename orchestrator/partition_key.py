"""How a plan says by what a table is partitioned, and into which partitions."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from orchestrator.catalog.wanted import DraftPartition, PartitionedBy
from orchestrator.table_names import split_table
from phases import names


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


class PartitionKeySpec(BaseModel):
    """The columns that decide, and the partitions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by: Literal["range", "list", "hash"] = Field(description="how rows find their partition")
    columns: tuple[str, ...] = Field(min_length=1, description="the columns that decide")
    partitions: dict[str, PartitionSpec] = Field(default={}, description="of a range or list: partitions by name")
    modulus: int = Field(default=0, ge=0, le=1000, description="of a hash: how many partitions")

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> Self:
        if self.by == "hash" and (self.partitions or self.modulus < 1):
            raise ValueError('a hash takes "modulus", the number of partitions, and no "partitions"')
        if self.by != "hash" and self.modulus:
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
    def takes_every_row(self) -> bool:
        """PostgreSQL has found that ranges do not overlap: so a chain from end to end leaves no gap."""
        if self.by == "hash" or any(each.default for each in self.partitions.values()):
            return True
        lower = [each.lower for each in self.partitions.values()]
        upper = [each.upper for each in self.partitions.values()]
        return self.by == "range" and () in lower and sorted(lower) == sorted(upper)

    def partitioned_by(self, table: str) -> PartitionedBy:
        """The same for a table as the plan names it: after it the partitions of a hash are called."""
        if self.by == "hash":
            stem = split_table(table).name
            partitions = tuple(
                DraftPartition(name=names.fit(f"{stem}_{number}"), remainder=number) for number in range(self.modulus)
            )
        else:
            partitions = tuple(
                DraftPartition(name=name, default=each.default, lower=each.lower, upper=each.upper, values=each.values)
                for name, each in self.partitions.items()
            )
        return PartitionedBy(method=self.by, columns=self.columns, partitions=partitions)
