"""Writes down how a batched step is doing, in a thread and on a connection of its own: never in the way of a batch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill.health import Measured
from orchestrator.backfill.signals import READERS, Place
from orchestrator.database import apart, scalar
from orchestrator.journal import store
from orchestrator.journal.measurements import courses, measure

if TYPE_CHECKING:
    from orchestrator.executor import Executor

logger = logging.getLogger(__name__)

EVERY_S = 1.0
FINENESS = 300
"""A step that has run for so long is measured once in this part of that time: some 2,000 rows after a day and 3,000
after a month, and in a plot never further apart than a few dots."""
LOOK_S = 5.0
"""How often the lag is looked at meanwhile, so that its worst is not missed."""
FIRST_S = 1.0
# to see a table's size takes ACCESS SHARE: given up at once where somebody holds the table
SESSION = """
SET statement_timeout = 2000; SET lock_timeout = 100; SET synchronous_commit = off
"""
SIZE = """
SELECT sum(pg_catalog.pg_total_relation_size(c.oid))::bigint FROM pg_catalog.pg_class c
WHERE c.oid = %(table)s::regclass OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%(table)s::regclass))
"""


def interval_s(ran_s: float) -> float:
    """Time from one measurement to the next."""
    return max(EVERY_S, ran_s / FINENESS)


class Meter(AbstractContextManager["Meter"]):
    """Measures one batched step of one run while it is entered: at once, again and again, and at the end."""

    def __init__(self, executor: Executor, position: int, table: str) -> None:
        self._engine = executor.engine
        self._run_id, self._epoch = executor.claim.run_id, executor.claim.epoch
        self._position = position
        self._table = table
        self._connection: Connection | None = None
        self._ran_before_s = 0.0
        self._started = time.monotonic()
        self._worst_lag_s: float | None = None
        self._table_bytes: int | None = None
        self._thread = threading.Thread(target=self._work, name="meter", daemon=True)
        self._measured = threading.Event()
        self._ended = threading.Event()

    def __enter__(self) -> Meter:
        """Returns with the first measurement, so that nothing is missing in the sums; or after a moment without."""
        self._thread.start()
        self._measured.wait(FIRST_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        # it ends within its statement_timeout; and if the server is gone, it is in nobody's way
        self._thread.join(timeout=5)

    def _work(self) -> None:
        try:
            self._attempt(self._recall)
            ended = False
            while not ended:
                # looked at before, so that the last measurement has what was done until the end
                ended = self._ended.is_set()
                self._attempt(self._look)
                self._attempt(self._measure)
                self._measured.set()
                self._wait()
        finally:
            self._measured.set()
            self._disconnect()

    def _wait(self) -> None:
        due = time.monotonic() + interval_s(self._ran_before_s + time.monotonic() - self._started)
        while (left_s := due - time.monotonic()) > 0 and not self._ended.wait(min(left_s, LOOK_S)):
            self._attempt(self._look)

    def _attempt(self, what: Callable[[Connection], None]) -> None:
        try:
            what(self._connected())
        except Exception as error:
            # whatever it is, a gap in the series is no reason to stop a backfill; the next measurement closes it
            logger.info("could not measure step %s: %s", self._position, error)
            if self._connection is not None and self._connection.invalidated:
                self._disconnect()

    def _recall(self, connection: Connection) -> None:
        """How long runners before us were at this step."""
        before = courses(connection, self._run_id).get(self._position)
        self._ran_before_s = before.ran_s if before else 0.0

    def _look(self, connection: Connection) -> None:
        knobs = store.control(connection, self._run_id).knobs
        found = READERS["max_replica_lag_s"](Place(lambda: connection, self._table, knobs))
        if isinstance(found, Measured) and found.value is not None:
            self._worst_lag_s = max(found.value, self._worst_lag_s or 0.0)

    def _measure(self, connection: Connection) -> None:
        mine = measure(
            connection,
            self._run_id,
            self._position,
            epoch=self._epoch,
            replica_lag_s=self._worst_lag_s,
            table_bytes=self._size(connection),
        )
        self._worst_lag_s = None
        if not mine:
            # overtaken: the runner finds out by itself
            self._ended.set()

    def _size(self, connection: Connection) -> int | None:
        try:
            self._table_bytes = int(scalar(connection, SIZE, {"table": self._table}))
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            # as it was: the next measurement catches up
            logger.info("could not see the size of %s: %s", self._table, error)
        return self._table_bytes

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = apart(self._engine, SESSION)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
