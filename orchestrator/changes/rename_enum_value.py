"""rename_enum_value: a value of an enum gets another name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Enum, EnumColumn
from orchestrator.changes import Change, EnumEntry
from orchestrator.relabelling import WithRenamedValue
from orchestrator.table_names import plan_table


class RenameEnumValue(EnumEntry):
    """Columns of a new enum, with the new name, beside those of the old one: each version finds the value it knows."""

    whole: ClassVar[bool] = True

    kind: Literal["rename_enum_value"]
    value: str = Field(alias="from", description="the value as it is called now")
    to: str = Field(description="its name afterwards")
    new_type: str = Field(min_length=1, description="name of the new enum, in the schema of the old one")
    columns: dict[str, str] = Field(
        min_length=1, description="new names for all columns that use it: orders.state, or sales.orders.state"
    )

    example: ClassVar[str] = """\
  - kind: rename_enum_value
    type: order_state          # or schema.type
    from: shiped
    to: shipped
    new_type: order_status     # of newer code
    columns:                   # all that use the enum, in all tables, and what newer code calls them
      orders.state: status
"""

    def unfolded(self, enums: Mapping[str, Enum]) -> tuple[Change, ...]:
        enum = enums[self.type]
        return tuple(
            WithRenamedValue(
                kind=self.kind,
                table=plan_table(each.table),
                column=each.column,
                array=each.array,
                enum=enum,
                value=self.value,
                renamed=self.to,
                to=next(self._names(each), None),
                new_type=self.new_type,
                unknown=self._unknown(enum),
            )
            for each in enum.columns
        )

    def _names(self, column: EnumColumn) -> Iterator[str]:
        return (self.columns[name] for name in _called(column) if name in self.columns)

    def _unknown(self, enum: Enum) -> tuple[str, ...]:
        """Keys of `columns` that are no columns of the enum, or of several tables."""
        known = [name for column in enum.columns for name in _called(column)]
        return tuple(name for name in self.columns if known.count(name) != 1)


def _called(column: EnumColumn) -> tuple[str, str]:
    """How a plan may call a column: with its schema, or without."""
    return f"{plan_table(column.table)}.{column.column}", f"{column.table.name}.{column.column}"
