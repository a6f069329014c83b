"""A program: all steps of all phases, compiled once and stored. What was reviewed is what runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from phases.delta import Delta
from phases.step import Phase, Step


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A step at its place in the program."""

    position: int
    phase: Phase
    step: Step


@dataclass(frozen=True, kw_only=True)
class Program:
    """Everything a run will do, and what it was compiled from."""

    plan: str
    steps: tuple[Placed, ...]
    deltas: tuple[Delta, ...]
    tables: tuple[str, ...]
    """`schema.table` of every table that a step alters: no two runs may share one."""
    removes: tuple[str, ...]
    """What contract takes away from older releases, such as `schema.table.column`."""
    adds: tuple[str, ...]
    """What newer releases need."""
    warnings: tuple[str, ...]

    def of(self, phase: Phase) -> Iterator[Placed]:
        """The steps of one phase, in order."""
        return (placed for placed in self.steps if placed.phase == phase)


@cache
def _steps() -> TypeAdapter[Step]:
    return TypeAdapter(Annotated[Step, Field(discriminator="op")])


@cache
def _deltas() -> TypeAdapter[tuple[Delta, ...]]:
    return TypeAdapter(tuple[Delta, ...])


def dump_step(step: Step) -> dict[str, Any]:
    """A step as JSON, for the journal."""
    dumped: dict[str, Any] = _steps().dump_python(step, mode="json")
    return dumped


def load_step(data: Any) -> Step:
    """A step out of the journal."""
    return _steps().validate_python(data)


def dump_deltas(deltas: tuple[Delta, ...]) -> Any:
    """The deltas as JSON, for the journal."""
    return _deltas().dump_python(deltas, mode="json")


def load_deltas(data: Any) -> tuple[Delta, ...]:
    """The deltas out of the journal."""
    return _deltas().validate_python(data)
