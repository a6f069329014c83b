"""sql: statements of the plan's author, phase by phase, where no kind does what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator import raw_sql
from orchestrator.catalog import Catalog
from orchestrator.changes import Change, kinds
from orchestrator.succession import Refusal, table_refusals
from phases.delta import Delta, RawStep
from phases.step import Phase

_ONE_OR_MORE = "one statement, or a list of them"


class FinalStep(BaseModel):
    """Statements of contract, which has no way back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str = Field(min_length=1, description="what it does, for plan and history")
    run: str | tuple[str, ...] = Field(min_length=1, description=_ONE_OR_MORE)
    lock: Literal["short exclusive", "long, harmless", "concurrently"] = Field(
        description="short exclusive: it stops writers, waits and holds briefly, and is tried again; long, harmless: "
        "it stops nobody and takes its time; concurrently: that, and outside a transaction"
    )


class UndoableStep(FinalStep):
    """Statements of any other phase, with their way back."""

    undo: str | tuple[str, ...] = Field(
        description=f"what takes it back, {_ONE_OR_MORE}; may run twice. An empty list: there is nothing to take back"
    )


class Sql(Change):
    """Statements as they are, each with its lock and its undo. Refused where a kind does the same safely."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["sql"]
    unsafe: str | None = Field(
        default=None, min_length=1, description="why they run although a kind does the same; kept in the history"
    )
    expand: tuple[UndoableStep, ...] = ()
    dual_write: tuple[UndoableStep, ...] = ()
    backfill: tuple[UndoableStep, ...] = ()
    constrain: tuple[UndoableStep, ...] = ()
    contract: tuple[FinalStep, ...] = ()
    adds: tuple[str, ...] = Field(default=(), description="what newer code needs and has after constrain, for check")
    removes: tuple[str, ...] = Field(default=(), description="what older code misses after contract, for check")

    example: ClassVar[str] = """\
  - kind: sql
    table: users               # the table it is about: no other run works on it meanwhile
    expand:                    # or any other phase
      - title: create view parisians
        run: CREATE VIEW public.parisians AS SELECT id FROM public.users WHERE city = 'Paris'
        undo: DROP VIEW IF EXISTS public.parisians
        lock: short exclusive  # or: long, harmless; or: concurrently
    adds: [public.parisians]
"""

    @property
    def overrides(self) -> str | None:
        return self.unsafe

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        return Delta(
            table=catalog.table(self.table).table,
            key=(),
            adds=self.adds,
            removes=self.removes,
            raw=tuple(
                RawStep(
                    phase=phase,
                    title=step.title,
                    run=_statements(step.run),
                    undo=_statements(step.undo) if isinstance(step, UndoableStep) else (),
                    lock=step.lock,
                )
                for phase, step in self._steps()
            ),
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        return list(self._refusals(catalog))

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return [
            *([f"statements that nobody but their author has checked: {self.unsafe}"] if self.unsafe else []),
            *(
                f'{phase}, "{step.title}": the rows that it changes stay locked, and their writers wait, until it ends'
                for phase, step in self._steps()
                if step.lock != "short exclusive" and any(map(raw_sql.locks_rows, _statements(step.run)))
            ),
        ]

    def _steps(self) -> Iterator[tuple[Phase, FinalStep]]:
        for phase in Phase:
            for step in getattr(self, phase):
                yield phase, step

    def _refusals(self, catalog: Catalog) -> Iterator[Refusal]:
        yield from table_refusals(catalog.table(self.table))
        if not list(self._steps()):
            yield "there is no statement in it", "give at least one, under the phase that runs it"
        for phase, step in self._steps():
            where = f'{phase}, "{step.title}"'
            run, undo = _statements(step.run), _statements(step.undo) if isinstance(step, UndoableStep) else ()
            if step.lock == "concurrently" and (len(run) > 1 or len(undo) > 1):
                yield f"{where}: outside a transaction a step is one statement", "make a step of each"
            for statement in run:
                yield from raw_sql.refusals(where, statement, step.lock, () if self.unsafe else kinds())
            for statement in undo:
                yield from raw_sql.refusals(f"{where}, undo", statement, step.lock, ())


def _statements(written: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each.strip().rstrip(";") for each in ([written] if isinstance(written, str) else written))
