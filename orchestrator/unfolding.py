"""From the entries of a plan to changes of tables: what is about an enum concerns every column that uses it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from orchestrator.catalog import Enum
from orchestrator.changes import Change, EnumEntry
from orchestrator.errors import EnumUnused, PlanRefused
from orchestrator.plan import Plan
from phases.delta import Table


def enums_of(plan: Plan) -> list[str]:
    """The enums that a plan names."""
    return list(dict.fromkeys(entry.type for entry in plan.changes if isinstance(entry, EnumEntry)))


def unfolded(plan: Plan, enums: Mapping[str, Enum]) -> tuple[Change, ...]:
    """The changes of a plan in a database with these enums.

    Raises:
        EnumUnused: a run has to be about a table at least.
        PlanRefused: entries of it stand in each other's way.
    """
    refusals = list(dict.fromkeys(_conflicts(plan, enums)))
    if refusals:
        raise PlanRefused(plan.name, refusals)
    found: list[Change] = []
    known = dict(enums)
    for entry in plan.changes:
        if isinstance(entry, EnumEntry) and not known[entry.type].columns:
            raise EnumUnused(entry.type)
        found += entry.unfolded(known)
        if isinstance(entry, EnumEntry):
            after = entry.applied(known[entry.type])
            # a plan may call it by two names
            known = {name: after if each.display == after.display else each for name, each in known.items()}
    return tuple(found)


def _conflicts(plan: Plan, enums: Mapping[str, Enum]) -> Iterator[tuple[str, str]]:
    about = [entry for entry in plan.changes if isinstance(entry, EnumEntry)]
    number = Counter(enums[entry.type].display for entry in about)
    for entry in about:
        display = enums[entry.type].display
        if entry.whole and number[display] > 1:
            yield (
                f'enum "{display}" is the matter of a {entry.kind} and of another change of this plan',
                "make two plans of it, one after the other",
            )


def stored_first(enum: Enum, tables: Iterable[Table]) -> Enum:
    """The enum with its columns in an order that begins with tables of a run that has started."""
    there = set(tables)
    return replace(enum, columns=tuple(sorted(enum.columns, key=lambda each: each.table not in there)))
