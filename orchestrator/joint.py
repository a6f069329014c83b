"""Foreign keys both of whose ends get successors in one plan: the successors are tied to each other, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.catalog import Catalog, ForeignKey, TableFacts
from phases.delta import Delta


def other_end(catalog: Catalog, facts: TableFacts, key: ForeignKey) -> TableFacts | None:
    """The other table of a foreign key, where columns at both of its ends get successors."""
    here, there = (key.columns, key.referenced_columns), key.references
    if key.table != facts.table:
        here, there = (key.referenced_columns, key.columns), key.table
    other = next((each for each in catalog.tables.values() if each.table == there), None)
    if other is None or there == facts.table:
        return None
    both = (dict(facts.renames), here[0]), (dict(other.renames), here[1])
    return other if all(not renames.keys().isdisjoint(columns) for renames, columns in both) else None


def referring_first(deltas: Sequence[Delta]) -> list[Delta]:
    """Each table after those that refer to its new columns, else in the order of the plan.

    A column that refers is exchanged first: from then on its trigger works both ways, and what ON DELETE and ON UPDATE
    do to its successor reaches the column that the application uses.
    """
    return _ordered(deltas, _refers)


def referred_first(deltas: Sequence[Delta]) -> list[Delta]:
    """The other way round, for contract: a foreign key goes with the table that it refers to, before its columns."""
    return _ordered(deltas, lambda one, other: _refers(other, one))


def _ordered(deltas: Sequence[Delta], before: Callable[[Delta, Delta], bool]) -> list[Delta]:
    left, ordered = list(deltas), list[Delta]()
    while left:
        free = next((each for each in left if not any(before(other, each) for other in left)), left[0])
        left.remove(free)
        ordered.append(free)
    return ordered


def in_a_circle(deltas: Sequence[Delta]) -> bool:
    """Whether there is no such order."""
    ordered = referring_first(deltas)
    return any(_refers(later, each) for place, each in enumerate(ordered) for later in ordered[place:])


def _refers(one: Delta, other: Delta) -> bool:
    """Whether a new column of one table gets a foreign key to a new column of the other."""
    return one.table != other.table and any(
        key.table == one.table and not _changed(one).isdisjoint(key.columns) for key in other.successive_keys
    )


def _changed(delta: Delta) -> set[str]:
    """New columns, under the names that they have when all of the table stands."""
    return {column.name for column in delta.add} | {swap.column for swap in delta.swaps}
