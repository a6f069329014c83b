"""add_enum_value: an enum gets one more value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Enum
from orchestrator.changes import Change, EnumEntry
from orchestrator.enum_values import NewValue, placed
from orchestrator.table_names import plan_table


class AddEnumValue(EnumEntry):
    """An enum gets a value, for good: as the last thing of constrain, so that an abort before has nothing to undo."""

    kind: Literal["add_enum_value"]
    value: str = Field(description="the value")
    before: str | None = Field(default=None, description="the value before which it sorts")
    after: str | None = Field(default=None, description="the value after which it sorts; without both it sorts last")

    example: ClassVar[str] = """\
  - kind: add_enum_value
    type: order_state          # or schema.type
    value: shipped
    after: paid                # or before: done; without either it sorts last
"""

    def unfolded(self, enums: Mapping[str, Enum]) -> tuple[Change, ...]:
        enum = enums[self.type]
        # nothing happens to the table: it says which runs must not meet
        return (
            NewValue(
                kind=self.kind,
                table=plan_table(enum.columns[0].table),
                enum=enum,
                value=self.value,
                before=self.before,
                after=self.after,
            ),
        )

    def applied(self, enum: Enum) -> Enum:
        return replace(enum, values=placed(enum.values, self.value, before=self.before, after=self.after))
