"""Backfill: bring the rows older than the trigger up to date, then compare every row."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL

from phases.delta import Delta, Sync
from phases.sql import lock, names, qualified, text
from phases.step import Batches, LockMode, Step, Verify
from phases.sync import assignments, out_of_step


def steps(delta: Delta) -> Iterator[Step]:
    """Batches and their verification take ROW EXCLUSIVE and ACCESS SHARE: what any application statement takes."""
    found = batches(delta)
    if found is not None:
        yield found
        yield from verification(delta, repair=found)


def batches(delta: Delta, *, late: bool = False) -> Batches | None:
    """What fills the rows, and sets right those that a verification finds to differ.

    `late`: newer code may have written them already, and what it has written stays.
    """
    condition = out_of_step(delta.sync, late=late) if delta.sync else None
    if delta.sync is None or condition is None:
        return None
    return Batches(
        title=f"fill {_listed(delta.sync)}",
        table=text(qualified(delta.table)),
        assignments=text(SQL(", ").join(assignments(delta.sync, late=late))),
        differs=text(condition),
        guard=delta.sync.trigger,
        fires=any(fill.fires for fill in delta.sync.fills if fill.existing),
        locks=(lock(LockMode.ROW_EXCLUSIVE, delta.table),),
    )


def verification(delta: Delta, *, repair: Batches | None) -> Iterator[Verify]:
    """The comparison of every row; the same before constrain and a swap (with repair) and before contract (without)."""
    condition = out_of_step(delta.sync) if delta.sync else None
    if delta.sync is None or condition is None:
        return
    yield Verify(
        title=f"verify {_listed(delta.sync)} in every row",
        table=text(qualified(delta.table)),
        differs=text(condition),
        keys=text(names(delta.key)) if delta.key else "ctid",
        key_names=delta.key or ("ctid",),
        repair=repair,
        guard=delta.sync.trigger,
        locks=(lock(LockMode.ACCESS_SHARE, delta.table),),
    )


def _listed(sync: Sync) -> str:
    links = (f"{', '.join(link.new)} from {', '.join(link.old)}" for link in sync.links)
    return "; ".join((*links, *(fill.value.column for fill in sync.fills if fill.existing)))
