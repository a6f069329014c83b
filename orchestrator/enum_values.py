"""A value that an enum gets: what an `add_enum_value` comes to in a given database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from orchestrator.catalog import Catalog, Enum
from orchestrator.changes import Change
from orchestrator.succession import Refusal, listed
from phases import names
from phases.delta import Delta, EnumValue


class NewValue(Change):
    """An enum gets a value; `table` is one of those that use it, to which nothing happens."""

    not_on_partitions: ClassVar[str | None] = None

    enum: Enum
    value: str
    before: str | None
    after: str | None

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        value = EnumValue(
            schema=self.enum.schema, type=self.enum.name, value=self.value, before=self.before, after=self.after
        )
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            enum_values=(value,),
            adds=(f"value '{self.value}' of {self.enum.display}",),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return [*enum_refusals(self.enum), *value_refusals(self.value), *self._place_refusals()]

    def _place_refusals(self) -> Iterator[Refusal]:
        enum, values = self.enum, self.enum.values
        if self.before is not None and self.after is not None:
            yield f'"{self.value}" cannot be placed by "before" and "after" at once', "give one of the two"
            return
        neighbour = self.after if self.before is None else self.before
        if neighbour is None:
            return
        if neighbour not in values:
            yield f'enum "{enum.display}" has no value "{neighbour}"', f"its values are: {listed(values)}"
        elif self.value in values:
            sorts_after = values.index(self.value) > values.index(neighbour)
            if self.value == neighbour or sorts_after != (self.after is not None):
                yield (
                    f'enum "{enum.display}" has the value "{self.value}" already, in another place',
                    "PostgreSQL cannot move a value: leave its place out of the plan",
                )

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        enum = self.enum
        if self.value in enum.values:
            return [
                f'enum "{enum.display}" has the value "{self.value}" already, left by an aborted run or added by hand: '
                "nothing is added"
            ]
        return [
            f'once newer code writes "{self.value}", older code reads it too: it must be able to stand it',
            f'"{self.value}" is added at the very end of constrain, and PostgreSQL cannot take it back: an abort after '
            "that leaves it in the enum, where nobody uses it",
            *(
                f'publication "{name}" has a table that uses the enum: add "{self.value}" at the subscribers before '
                "newer code writes it, or their apply workers stop"
                for name in enum.publications
            ),
        ]


def enum_refusals(enum: Enum) -> Iterator[Refusal]:
    """What stands against any change of an enum."""
    if not enum.owned:
        yield f'our role does not own enum "{enum.display}"', "connect as its owner, or as a member of that role"
    if enum.extension is not None:
        yield f'enum "{enum.display}" belongs to extension "{enum.extension}"', "let the extension change it"


def value_refusals(value: str) -> Iterator[Refusal]:
    """What stands against a value of that name."""
    if len(value.encode()) > names.MAX_BYTES:
        yield (
            f'"{value}" is longer than {names.MAX_BYTES} bytes',
            "PostgreSQL takes no longer value; give a shorter one",
        )


def placed(values: tuple[str, ...], value: str, *, before: str | None, after: str | None) -> tuple[str, ...]:
    """The values with one more; last, too, where its neighbour is not among them, which is refused elsewhere."""
    if value in values:
        return values
    place = len(values)
    if before in values:
        place = values.index(before)
    elif after in values:
        place = values.index(after) + 1
    return (*values[:place], value, *values[place:])
