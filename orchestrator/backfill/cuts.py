"""Cuts the relations of a step into windows: when a pass begins, and when a relation is not what it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from orchestrator.backfill.relations import Relation, guard_of, relations, window_blocks
from orchestrator.database import set_local
from orchestrator.journal import store, windows
from orchestrator.journal.windows import Window
from phases.step import Batches, Verify

if TYPE_CHECKING:
    from orchestrator.executor import Executor

Result = TypeVar("Result")


class Cuts:
    """The windows of one batched step."""

    def __init__(self, executor: Executor, position: int, step: Batches | Verify, workers: int) -> None:
        self._executor = executor
        self._claim = executor.claim
        self._position = position
        self._step = step
        self._workers = workers

    def begin(self) -> None:
        """The windows of the first pass, unless they are there already."""

        def cut(connection: Connection) -> None:
            if store.progress(connection, self._claim.run_id, self._position) is not None:
                return
            found = self._relations(connection)
            rows = sum(each.rows for each in found)
            store.start_progress(connection, self._claim.run_id, self._position, estimated_rows=rows)
            self._cut(connection, 1, found)

        self._marked(cut)

    def next_pass(self, message: str, *, keys: Sequence[str], anew: bool = False) -> None:
        """Windows over everything once more; `anew`: as a first pass, after a comparison that failed."""

        def cut(connection: Connection) -> None:
            number = windows.lock_progress(connection, self._claim.run_id, self._position) + 1
            values = {"pass": number, **({"first_pass": number} if anew else {})}
            store.update_progress(connection, self._claim.run_id, self._position, **values)
            self._event(connection, message, keys)
            self._cut(connection, number, self._relations(connection))

        self._marked(cut)

    def add_missing(self) -> bool:
        """Windows over relations that have come since the pass began: a partition that was attached brings old rows."""

        def cut(connection: Connection) -> bool:
            number = windows.lock_progress(connection, self._claim.run_id, self._position)
            known = {oid for oid, _ in windows.visited(connection, self._claim.run_id, self._position, number)}
            new = [each for each in self._relations(connection) if each.blocks and each.oid not in known]
            for each in new:
                self._event(connection, f"visiting {each.name} too, which was empty or not there before")
            self._cut(connection, number, new)
            return bool(new)

        return self._marked(cut)

    def reconcile(self, window: Window) -> bool:
        """Cuts a relation anew whose file is another one, or leaves it alone where it is no longer part of the table.

        Returns whether anything had changed, be it that another worker was quicker to notice.

        Raises:
            StepFailed: the trigger is not on guard.
        """

        def look(connection: Connection) -> str | bool:
            number = windows.lock_progress(connection, self._claim.run_id, self._position)
            now = next((each for each in self._relations(connection) if each.oid == window.relation), None)
            if now is not None and now.filenode == window.filenode:
                return now.name != window.name
            known = windows.visited(connection, self._claim.run_id, self._position, number)
            windows.close(
                connection,
                self._claim.run_id,
                self._position,
                pass_=number,
                relation=window.relation,
                filenode=now.filenode if now else None,
            )
            if now is None:
                message = f"{window.name or 'a partition'} is no longer part of {self._step.locks[0].relation}"
                self._event(connection, f"{message}: left alone")
                return f"{message}: leaving it alone"
            if (now.oid, now.filenode) in known:
                return True
            self._event(connection, "the table was rewritten: started over")
            self._cut(connection, number, [now])
            return f"{now.name} was rewritten by somebody: starting over, rows done stay done"

        told = self._marked(look)
        if isinstance(told, str):
            self._executor.reporter.note(told)
        return bool(told)

    def _relations(self, connection: Connection) -> list[Relation]:
        return relations(connection, self._step.table, guard_of(self._step), run=self._executor.name)

    def _cut(self, connection: Connection, pass_: int, found: Sequence[Relation]) -> None:
        if found:
            # also where a runner before us died between the end of the work and that of the step
            store.update_progress(connection, self._claim.run_id, self._position, finished_at=None)
        for each in found:
            windows.cut(
                connection,
                self._claim.run_id,
                self._position,
                pass_=pass_,
                relation=each.oid,
                filenode=each.filenode,
                blocks=each.blocks,
                size=window_blocks(each.blocks, self._workers, self._step.op),
            )

    def _event(self, connection: Connection, message: str, keys: Sequence[str] = ()) -> None:
        detail = {"keys": list(keys)} if keys else None
        store.add_event(connection, self._claim.run_id, "progress", message, detail=detail)

    def _marked(self, write: Callable[[Connection], Result]) -> Result:
        """In one transaction. To see a table's size takes ACCESS SHARE, which we may wait for."""

        def attempt() -> Result:
            with self._executor.engine.begin() as connection:
                set_local(connection, lock_timeout=self._executor.settings.lock_timeout_ms)
                self._claim.fence(connection)
                with self._claim.watching(connection, self._step.title, stoppable=True):
                    return write(connection)

        return self._executor.guarded(self._step.title, self._position, attempt)
