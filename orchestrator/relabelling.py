"""Columns of an enum become columns of another: what changes of an enum come to for each column that uses it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from orchestrator.catalog import Catalog, Enum, TableFacts
from orchestrator.catalog.wanted import AddedColumn, MadeEnum, Relabel, Retyping, Wanted
from orchestrator.changes import Change
from orchestrator.enum_values import enum_refusals
from orchestrator.expressions import value
from orchestrator.succession import Refusal, Succession, listed
from phases import enums, names
from phases.delta import Delta, Link, NewEnum, Proven
from phases.sql import qualified, text

_LOOK = "look at what has the name of the new enum, and drop or rename it"


class Relabelled(Change):
    """A column whose enum another one replaces: a second column of that follows it."""

    not_on_partitions: ClassVar[str | None] = None
    keeps_replica_identity: ClassVar[bool] = True

    enum: Enum
    column: str
    array: bool
    value: str

    @property
    def wanted(self) -> Wanted:
        # the new enum is made for a look: not where that is refused
        if list(self._enum_refusals()):
            return Wanted()
        return Wanted(
            renames={self.column: self._target},
            questions=(self._added, *self._relabels),
            retypes={self.column: Retyping(added=self._added, relabelled=True)},
            enums=(MadeEnum(enum=self._new, renamed=self._renamed),),
        )

    @property
    def touches(self) -> frozenset[str]:
        return frozenset({self.column})

    @property
    def makes(self) -> frozenset[str]:
        return frozenset({self._target})

    def alike(self, catalog: Catalog) -> Mapping[str, Hashable]:
        return {self.column: ("relabelled", self._new)}

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        return replace(self._succession(catalog, plan, complete=True).delta(), enums=(self._new,))

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        return list(self._enum_refusals()) or [
            *self._succession(catalog, plan, complete=False).refusals(),
            *(
                (f'"{self.column}" of "{facts.display}" cannot get the new enum: {why}', _LOOK)
                for _, why in facts.rejections((self._added, *self._relabels))
            ),
        ]

    def _enum_refusals(self) -> Iterator[Refusal]:
        """What stands against the new enum, whatever the column has."""
        enum = self.enum
        yield from enum_refusals(enum)
        if not enum.may_create:
            yield (
                f'our role may not create in schema "{enum.schema}"',
                f'GRANT CREATE ON SCHEMA "{enum.schema}" to it: the new enum is made beside the old one',
            )
        if self.value not in enum.values:
            yield f'enum "{enum.display}" has no value "{self.value}"', f"its values are: {listed(enum.values)}"
        for user in enum.users:
            yield (
                f'{user} uses enum "{enum.display}", and no column that becomes one of the new enum',
                "drop it for the time of the run, or let it do without",
            )

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return [
            *self._succession(catalog, plan, complete=True).warnings(),
            *self._warnings(catalog.table(self.table)),
            f'do not add or rename values of enum "{self.enum.display}" while the run is under way: '
            "writes of rows that have them would fail",
        ]

    @abstractmethod
    def _warnings(self, facts: TableFacts) -> Iterator[str]:
        """What the operator should know of this way to another enum."""

    @abstractmethod
    def _succession(self, catalog: Catalog, plan: str, *, complete: bool) -> Succession:
        """`complete`: its expressions have been accepted."""

    @property
    @abstractmethod
    def _target(self) -> str:
        """The new column."""

    @property
    @abstractmethod
    def _new(self) -> NewEnum:
        """The new enum."""

    @property
    @abstractmethod
    def _relabels(self) -> tuple[Relabel, ...]:
        """How the columns are computed from each other."""

    @property
    def _renamed(self) -> tuple[tuple[str, str], ...]:
        """Values that have other names in it, the old and the new one."""
        return ()

    @property
    def _added(self) -> AddedColumn:
        type_ = text(qualified(self._new.as_table))
        return AddedColumn(name=self._target, type=f"{type_}[]" if self.array else type_)

    def _up(self, *changes: tuple[str, str]) -> Relabel:
        return Relabel(source=self.column, column=self._target, array=self.array, changes=changes)


class WithoutValue(Relabelled):
    """A column whose enum loses a value: the new column takes its name at contract, until when all use the old one."""

    replacement: str | None

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        delta = replace(super().delta(catalog, plan), removes=(f"value '{self.value}' of {self.enum.display}",))
        if self.replacement is not None:
            return delta
        table = catalog.table(self.table).display
        name = names.derived(f"{self.column}_without_{self.value}", table, self.column)
        check = enums.without(self.value, column=self.column, array=self.array, name=name)
        return replace(
            delta, constraints=(check, *delta.constraints), proven=(Proven(column=self.column, constraint=name),)
        )

    def _enum_refusals(self) -> Iterator[Refusal]:
        yield from super()._enum_refusals()
        display, rest = self.enum.display, [each for each in self.enum.values if each != self.value]
        if self.replacement is not None and self.replacement not in rest:
            yield (
                f'enum "{display}" has no value "{self.replacement}" after that',
                f'"replace" is one of {listed(rest)}',
            )
        elif not rest:
            yield f'"{self.value}" is the only value of enum "{display}"', "change_type of its columns to another type"

    def _warnings(self, facts: TableFacts) -> Iterator[str]:
        where = f"{facts.display}.{self.column}"
        if self.replacement is None:
            yield (
                f'without "replace", no row may have "{self.value}" from constrain on: a write that gives it to '
                f"{where} fails, of older code too"
            )
        else:
            yield (
                f'until contract {where} may hold "{self.value}", and newer code may read it; '
                f'then "{self.replacement}" stands in its place'
            )
            yield from self._collisions(facts, self.replacement)
        yield (
            f"at contract the type of {where} becomes another one under the same name: statements that sessions have "
            'prepared on it may fail with "cached plan must not change result type" (0A000) or for the type of a '
            "parameter until they are prepared anew; and it is the last column of its table then"
        )
        for trigger in facts.triggers:
            if trigger.language == "plpgsql" and not trigger.function_owned:
                yield (
                    f'function {trigger.function} of trigger "{trigger.name}" is not ours: sessions that have called '
                    f'it may fail after contract if it uses "{self.column}", until they are new ones'
                )
        for routine in self.enum.compiled_in:
            yield (
                f'routine {routine} is not ours, and may have a variable of enum "{self.enum.display}": sessions that '
                'have called it fail after contract ("cache lookup failed for type"), until it is altered or they are '
                "new ones"
            )

    def _collisions(self, facts: TableFacts, replacement: str) -> Iterator[str]:
        unique = [index.name for index in facts.indexes if index.unique and self.column in index.reads]
        checks = [each.name for each in facts.constraints if each.kind == "check" and self.column in each.reads]
        for name in (*unique, *checks):
            yield (
                f'from constrain on "{name}" also holds for each row as it reads with "{replacement}" in the place of '
                f'"{self.value}": constrain stops at rows that break it, and a write of such a row fails'
            )

    def _succession(self, catalog: Catalog, plan: str, *, complete: bool) -> Succession:
        facts = catalog.table(self.table)
        (up,) = self._relabels
        links = (Link(old=(self.column,), up=(value(facts, up),), exact=True),) if complete else ()
        return Succession(catalog, facts, plan, {self.column: self._target}, links=links, final_names=True)

    @property
    def _target(self) -> str:
        return names.derived(f"{self.column}_relabelled", self.table, self.column)

    @property
    def _new(self) -> NewEnum:
        enum = self.enum
        return NewEnum(
            schema=enum.schema,
            name=names.derived(f"{enum.name}_without_{self.value}", enum.display, self.value),
            old_name=enum.name,
            old_values=enum.values,
            values=tuple(each for each in enum.values if each != self.value),
            owner=enum.owner,
            comment=enum.comment,
            grants=enum.grants,
            takes_name=True,
        )

    @property
    def _relabels(self) -> tuple[Relabel, ...]:
        # without a replacement no row may have the value in the end: until then anything may stand for it
        instead = self._new.values[0] if self.replacement is None else self.replacement
        return (self._up((self.value, instead)),)


class WithRenamedValue(Relabelled):
    """A column whose enum has a value under another name: older code goes on with the old column until contract."""

    renamed: str
    to: str | None
    """The new column."""
    new_type: str
    unknown: tuple[str, ...]
    """Names of columns in the plan that are none of the enum's."""

    def _enum_refusals(self) -> Iterator[Refusal]:
        yield from super()._enum_refusals()
        enum, where = self.enum, f"{self.table}.{self.column}"
        if self.renamed in enum.values:
            yield f'enum "{enum.display}" has a value "{self.renamed}" already', 'give another name in "to"'
        for name in self.unknown:
            columns = (f"{each.table.schema}.{each.table.name}.{each.column}" for each in enum.columns)
            yield f'"{name}" is no column of enum "{enum.display}", or one of several', f"these are: {listed(columns)}"
        if self.to is None:
            yield (
                f'both versions need a column of their own, and "columns" has no new name for {where}',
                "a column cannot show one value under two names: give it one; or, under the names there are, in two "
                "plans: add_enum_value, a release that reads both values, then remove_enum_value with replace",
            )

    def _warnings(self, facts: TableFacts) -> Iterator[str]:
        yield f"newer code uses enum {self._new.schema}.{self._new.name}, in casts too"
        for function in self.enum.mentioned_in:
            yield f'function {function} mentions "{self.enum.name}", a type that is gone after contract'

    def _succession(self, catalog: Catalog, plan: str, *, complete: bool) -> Succession:
        facts = catalog.table(self.table)
        links: tuple[Link, ...] = ()
        if complete:
            up, down = self._relabels
            given = facts.column(self.column).default is not None
            link = Link(old=(self.column,), up=(value(facts, up),), down=(value(facts, down),), exact=True)
            links = (replace(link, always_given=given),)
        return Succession(catalog, facts, plan, {self.column: self._target}, links=links)

    @property
    def _target(self) -> str:
        return self.to or names.derived(f"{self.column}_relabelled", self.table, self.column)

    @property
    def _new(self) -> NewEnum:
        enum = self.enum
        return NewEnum(
            schema=enum.schema,
            name=self.new_type,
            old_name=enum.name,
            old_values=enum.values,
            values=tuple(self.renamed if each == self.value else each for each in enum.values),
            owner=enum.owner,
            comment=enum.comment,
            grants=enum.grants,
        )

    @property
    def _renamed(self) -> tuple[tuple[str, str], ...]:
        return ((self.value, self.renamed),)

    @property
    def _relabels(self) -> tuple[Relabel, ...]:
        up = self._up((self.value, self.renamed))
        return up, replace(up, source=up.column, column=up.source, changes=((self.renamed, self.value),))
