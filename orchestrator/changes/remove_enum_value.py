"""remove_enum_value: an enum loses a value, on every column that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Enum
from orchestrator.changes import Change, EnumEntry
from orchestrator.relabelling import WithoutValue
from orchestrator.table_names import plan_table


class RemoveEnumValue(EnumEntry):
    """Every column of the enum becomes one of a new enum without the value, which takes its name at contract."""

    whole: ClassVar[bool] = True

    kind: Literal["remove_enum_value"]
    value: str = Field(description="the value")
    replace: str | None = Field(
        default=None, description="the value that rows get which have it; without it no row may have it at constrain"
    )

    example: ClassVar[str] = """\
  - kind: remove_enum_value
    type: order_state          # or schema.type; all columns that use it, in all tables
    value: cancelled
    replace: done              # what stands in its place from contract on; without it no row may have it
"""

    def unfolded(self, enums: Mapping[str, Enum]) -> tuple[Change, ...]:
        enum = enums[self.type]
        return tuple(
            WithoutValue(
                kind=self.kind,
                table=plan_table(each.table),
                column=each.column,
                array=each.array,
                enum=enum,
                value=self.value,
                replacement=self.replace,
            )
            for each in enum.columns
        )
