"""Statements about several tables that have to happen at once, though each table has its own steps."""

from __future__ import annotations

from collections.abc import Sequence

from phases.step import Statement, Step


def joined(steps: Sequence[Step]) -> list[Step]:
    """The steps of a phase, with those that belong together as one, where the last of them stood.

    What is about no table comes last among them: by then all tables are locked, and have changed.
    """
    shared = dict.fromkeys(step.together for step in steps if isinstance(step, Statement) and step.together)
    found = list(steps)
    for name in shared:
        members = [step for step in found if isinstance(step, Statement) and step.together == name]
        place = max(number for number, step in enumerate(found) if step in members)
        rest = [step for step in found[: place + 1] if step not in members]
        found = [*rest, _one(list(dict.fromkeys(members))), *found[place + 1 :]]
    return found


def _one(members: list[Statement]) -> Statement:
    members.sort(key=lambda step: not step.locks)
    # partitioned tables are locked with all of their partitions before anything happens
    trees = [sql for step in members for sql in step.sql[: _trees(step)]]
    return Statement(
        title="; ".join(step.title for step in members),
        sql=(*trees, *(sql for step in members for sql in step.sql[_trees(step) :])),
        locks=tuple(dict.fromkeys(lock for step in members for lock in step.locks)),
        leaf_indexes=tuple(each for step in members for each in step.leaf_indexes),
        guards=tuple(dict.fromkeys(guard for step in members for guard in step.guards)),
        together=members[0].together,
    )


def _trees(step: Statement) -> int:
    return sum(lock.reach == "tree" for lock in step.locks)
