"""From the entries of a plan to changes of tables: what is about an enum concerns every column that uses it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.catalog import Enum
from orchestrator.changes import Change, EnumEntry
from orchestrator.errors import EnumUnused, PlanRefused
from orchestrator.plan import Plan
from phases.delta import Delta


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


def stored_first(enum: Enum, stored: Sequence[Delta]) -> Enum:
    """The enum with its columns in an order that begins with tables of a run that has started.

    First of all with the one that stands for the enum: the run may have given a column of it to another table.
    """
    there = {delta.table for delta in stored}
    standing = {
        delta.table for delta in stored for each in delta.enum_values if f"{each.schema}.{each.type}" == enum.display
    }
    order = sorted(enum.columns, key=lambda each: (each.table not in standing, each.table not in there))
    return replace(enum, columns=tuple(order))
