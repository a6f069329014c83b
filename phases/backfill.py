"""Backfill: bring the rows older than the trigger up to date, then compare every row."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Identifier

from phases.delta import Delta
from phases.sql import differ, lock, names, qualified, text
from phases.step import Batches, LockMode, Step, Verify


def steps(delta: Delta) -> Iterator[Step]:
    """Batches and their verification take ROW EXCLUSIVE and ACCESS SHARE: what any application statement takes."""
    batches = Batches(
        title=f"copy {', '.join(f'{pair.old} to {pair.new}' for pair in delta.sync.pairs)}",
        table=text(qualified(delta.table)),
        assignments=text(
            SQL(", ").join(
                SQL("{} = {}").format(Identifier(pair.new), Identifier(pair.old)) for pair in delta.sync.pairs
            )
        ),
        differs=text(differ(delta.sync.pairs)),
        guard=delta.sync.trigger,
        locks=(lock(LockMode.ROW_EXCLUSIVE, delta.table),),
    )
    yield batches
    yield verification(delta, repair=batches)


def verification(delta: Delta, *, repair: Batches | None) -> Verify:
    """The comparison of every row; the same before constrain (with repair) and before contract (without)."""
    return Verify(
        title=f"verify that {', '.join(f'{pair.new} equals {pair.old}' for pair in delta.sync.pairs)} in every row",
        table=text(qualified(delta.table)),
        differs=text(differ(delta.sync.pairs)),
        keys=text(names(delta.key)) if delta.key else "ctid",
        key_names=delta.key or ("ctid",),
        repair=repair,
        guard=delta.sync.trigger,
        locks=(lock(LockMode.ACCESS_SHARE, delta.table),),
    )
