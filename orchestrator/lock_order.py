"""The locks of a step that takes several: in which order, and how long it waits for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Connection

from orchestrator.database import fetch
from phases.step import LockMode, Statement

T = TypeVar("T")

LOCK_STATES = {"55P03", "40P01", "40001"}
"""lock_not_available, deadlock_detected, serialization_failure: rolled back whole, worth another try."""

# LOCK TABLE is for owners; what refers to somebody else's table locks that by itself
OURS = """
SELECT each.relation
FROM pg_catalog.unnest(%(relations)s::text[]) AS each (relation)
JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(each.relation)
WHERE c.relkind IN ('r', 'p') AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
"""
_STRENGTH = list(LockMode)


def lock_statements(connection: Connection, step: Statement) -> list[str]:
    """Statements that take the locks of a step before it does anything; none, where it takes but one.

    Besides those of whole trees of partitions, which its own first statements take, from the top down.
    """
    modes: dict[str, LockMode] = {}
    trees = {lock.relation for lock in step.locks if lock.reach == "tree"}
    for lock in step.locks:
        if lock.relation not in trees:
            modes[lock.relation] = max(modes.get(lock.relation, lock.mode), lock.mode, key=_STRENGTH.index)
    if len(modes) + len(trees) < 2:
        return []
    ours = {row["relation"] for row in fetch(connection, OURS, {"relations": list(modes)})}
    return [f"LOCK TABLE ONLY {relation} IN {mode} MODE" for relation, mode in modes.items() if relation in ours]


def rotated(statements: Sequence[T], turn: int) -> list[T]:
    """Another one comes first each time.

    A transaction of the application that holds one table and asks for another is met crosswise by whoever takes them in
    the other order, and we are the one that gives way. Where most of them are like that, no number of tries would help.
    """
    first = turn % max(1, len(statements))
    return [*statements[first:], *statements[:first]]


def patience_ms(locks: int, *, lock_timeout_ms: int, deadlock_timeout_ms: int) -> int:
    """How long a step waits for each of its locks: for several all in all less than deadlock_timeout.

    A session that waits for our first lock while we wait for one of its own began to wait after us; it looks for a
    deadlock only after deadlock_timeout, and by then we are gone: it is always us who gives way.
    """
    if locks == 1:
        return lock_timeout_ms
    # 0 would be no bound at all
    return max(1, min(lock_timeout_ms, deadlock_timeout_ms // max(locks, 2)))
