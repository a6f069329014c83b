"""The kinds of change, one module each. A kind is found by being here: it holds no SQL, only what it asks."""

from __future__ import annotations

import importlib
import pkgutil
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.catalog import Catalog, Enum, TableFacts
from orchestrator.catalog.wanted import Expression, Question, Wanted
from phases.delta import Delta


class Entry(BaseModel):
    """One entry of a plan's `changes`: a change of one table, or what becomes such changes in a given database."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)
    example: ClassVar[str]
    """As `orchestrator new` writes it, commented."""

    kind: str

    @property
    def overrides(self) -> str | None:
        """Why what would be refused is done all the same, in the author's words."""
        return None

    @abstractmethod
    def unfolded(self, enums: Mapping[str, Enum]) -> tuple[Change, ...]:
        """The changes that it comes to; `enums` are those that the plan names."""


class Change(Entry):
    """One change of one table."""

    whole: ClassVar[bool] = False
    """It is about the table itself: no other change of the same plan may be about that table."""
    exchanges_foreign_keys: ClassVar[bool] = False
    """Those that refer to its table are made anew: no other change of the same plan may be about the table at the other
    end of one."""
    not_on_partitions: ClassVar[str | None] = "not supported yet: it would have to be done partition by partition"
    """What to do instead where the table is partitioned; None: the change works there as well."""
    keeps_replica_identity: ClassVar[bool] = False
    """An index that takes over from the replica identity becomes that, for each partition that has its part as such."""

    table: str = Field(
        min_length=1, description="table or schema.table; looked up with the search_path when the run starts"
    )

    def unfolded(self, enums: Mapping[str, Enum]) -> tuple[Change, ...]:
        return (self,)

    @property
    def wanted(self) -> Wanted:
        """What has to be known of its table, besides what the table has."""
        return Wanted()

    @property
    def others(self) -> Mapping[str, Wanted]:
        """Other tables that it makes or changes, and what has to be known of each."""
        return {}

    @property
    def touches(self) -> frozenset[str]:
        """Columns that are written by the trigger, or go: no other change of the same plan may touch them."""
        return frozenset()

    @property
    def makes(self) -> frozenset[str]:
        """Columns that are added."""
        return frozenset()

    @property
    def retires(self) -> frozenset[str]:
        """Columns that are gone afterwards, or are other ones: nothing else of the plan may stand on them."""
        return self.touches

    @property
    def objects(self) -> frozenset[str]:
        """Names of indexes and constraints that it makes, changes or drops."""
        return frozenset()

    def stands_on(self, catalog: Catalog) -> frozenset[tuple[str, str]]:
        """Columns that what it makes or changes reads, each with its `schema.table`."""
        return frozenset()

    @property
    def keeps(self) -> frozenset[str]:
        """Columns that older code uses, and the trigger writes."""
        return self.touches

    @property
    def fills(self) -> frozenset[str]:
        """Columns of older code that get a value where it leaves them null: the last thing that the trigger does."""
        return frozenset()

    @property
    def adjusts(self) -> frozenset[tuple[str, str]]:
        """Columns that stay, and what of them is changed: ("email", "default"). Two changes may share a column."""
        return frozenset()

    def alike(self, catalog: Catalog) -> Mapping[str, Hashable]:
        """Columns that get successors, and how: where it is in the same way, equal values have equal successors."""
        return {}

    @property
    def drops(self) -> frozenset[str]:
        """Columns that go at contract, and with them what hangs on them."""
        return frozenset()

    def reads(self, catalog: Catalog) -> frozenset[str]:
        """Columns that its expressions read."""
        return frozenset()

    @abstractmethod
    def delta(self, catalog: Catalog, plan: str) -> Delta:
        """What this change asks of the phases, on this database; `plan` names what is made for it."""

    def deltas(self, catalog: Catalog, plan: str) -> Iterator[Delta]:
        """What it asks of them on each of its tables."""
        yield self.delta(catalog, plan)

    @abstractmethod
    def refusals(self, catalog: Catalog, plan: str) -> list[tuple[str, str]]:
        """Why it cannot be done safely here, each with what to do about it."""

    @abstractmethod
    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        """What the operator should know before starting."""


def reads_of(facts: TableFacts, questions: Iterable[Question]) -> frozenset[str]:
    """Columns that expressions read."""
    answers = (facts.answers.get(question) for question in questions)
    return frozenset(name for answer in answers if isinstance(answer, Expression) for name in answer.reads)


class EnumEntry(Entry):
    """What is about an enum: it has no table of its own."""

    whole: ClassVar[bool] = False
    """It makes another enum of it: nothing else of the same plan may be about that."""

    type: str = Field(
        min_length=1, description="the enum, or schema.enum; looked up with the search_path when the run starts"
    )

    def applied(self, enum: Enum) -> Enum:
        """The enum as the entries after this one find it."""
        return enum


@cache
def kinds() -> dict[str, type[Entry]]:
    """All kinds, by the word that a plan uses for them."""
    found: dict[str, type[Entry]] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Entry) and value.__module__ == loaded.__name__:
                found[module.name] = value
    return found
