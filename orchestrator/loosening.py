"""What it takes for a NOT NULL to go while both versions write, and to come back if the run is aborted."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.catalog import TableFacts
from orchestrator.succession import Refusal
from phases.delta import NotNull


def loosened(facts: TableFacts, column: str) -> NotNull:
    """The NOT NULL of a column, as an abort has to restore it."""
    named = (each for each in facts.constraints if each.kind == "not_null" and column in each.columns)
    constraint = next(named, None)
    if constraint is None:
        return NotNull(column=column)
    return NotNull(
        column=column,
        constraint=constraint.name,
        definition=constraint.definition,
        validated=constraint.validated,
        comment=constraint.comment,
    )


def refusals(facts: TableFacts, column: str) -> Iterator[Refusal]:
    """What needs the NOT NULL."""
    if column in facts.primary_key:
        yield (
            f'"{column}" is part of the primary key of "{facts.display}"',
            "a primary key takes no nulls: give the table another one first, in a plan of its own",
        )
    if facts.column(column).identity:
        yield f'"{column}" is an identity column, which takes no nulls', "ALTER COLUMN … DROP IDENTITY first"
    for index in facts.indexes:
        if index.replica_identity and column in index.reads:
            yield (
                f'index "{index.name}" is the replica identity of "{facts.display}", and takes no nulls',
                "ALTER TABLE … REPLICA IDENTITY to another index first",
            )
