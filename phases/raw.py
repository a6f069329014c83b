"""Statements that a plan brings along: run as they are, under the guards that all steps run under."""

from __future__ import annotations

from collections.abc import Iterator

from phases.delta import Delta, RawStep, Table
from phases.sql import lock
from phases.step import LockMode, Outside, Phase, Statement

_MODES = {"short exclusive": LockMode.ACCESS_EXCLUSIVE, "long, harmless": LockMode.SHARE_UPDATE_EXCLUSIVE}


def steps(delta: Delta, phase: Phase) -> Iterator[Statement | Outside]:
    """Those of a phase, in the order of the plan; their lock is what the plan declares."""
    return (_step(delta.table, raw) for raw in delta.raw if raw.phase == phase)


def _step(table: Table, raw: RawStep) -> Statement | Outside:
    if raw.lock == "concurrently":
        locks = (lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),)
        undo = tuple(Outside(title=f"undo: {raw.title}", sql=each, locks=locks) for each in raw.undo)
        return Outside(title=raw.title, sql=raw.run[0], locks=locks, undo=undo)
    locks = (lock(_MODES[raw.lock], table),)
    back = Statement(title=f"undo: {raw.title}", sql=raw.undo, locks=locks, declared=True)
    return Statement(title=raw.title, sql=raw.run, locks=locks, declared=True, undo=(back,) if raw.undo else ())
