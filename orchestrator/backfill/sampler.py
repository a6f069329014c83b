"""Reads the signals again and again, in a thread and on a connection of its own: never in the way of a batch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from orchestrator.backfill.health import Failed, Outcome, Reading, enabled
from orchestrator.backfill.signals import READERS, Place
from orchestrator.database import apart, driver, primary_message
from orchestrator.knobs import Knobs

logger = logging.getLogger(__name__)

EVERY_S = 1.0
STATEMENT_TIMEOUT_MS = 3000
FIRST_SAMPLE_S = 5.0
# the query of throttle_sql is somebody else's: it may read and nothing more, and not wait for a lock
SESSION = f"""
SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET lock_timeout = 1000; SET default_transaction_read_only = on
"""


@dataclass(frozen=True)
class Sample:
    """One round: all signals that had a say by `knobs`."""

    knobs: Knobs
    readings: Mapping[str, Reading] = field(default_factory=dict)


class Sampler:
    """A thread that keeps `latest` fresh. It decides nothing; when it dies, its readings grow stale."""

    def __init__(self, engine: Engine, table: str, knobs: Knobs) -> None:
        self._engine = engine
        self._table = table
        self._knobs = knobs
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._sampled = threading.Event()
        self.latest = Sample(knobs)

    def start(self, stopping: threading.Event) -> None:
        """Returns with the first sample, or after a while without it: then nothing has been read yet."""
        self._thread.start()
        patience = time.monotonic() + FIRST_SAMPLE_S
        while not (self._sampled.wait(0.05) or stopping.is_set() or time.monotonic() > patience):
            pass

    def use(self, knobs: Knobs) -> None:
        """From now on these; what is new in them is read at once."""
        if knobs != self._knobs:
            self._knobs = knobs
            self._wake.set()

    def stop(self) -> None:
        """Ends the thread and its connection."""
        self._ended.set()
        self._wake.set()
        self._thread.join(timeout=0.2)
        connection = self._connection
        if self._thread.is_alive() and connection is not None:
            try:
                driver(connection).cancel_safe(timeout=1)
            except Exception as error:
                # it may just have been closed; if not, its statement_timeout ends the query
                logger.info("could not cancel the sampler's query: %s", error)
        self._thread.join(timeout=10)

    def _work(self) -> None:
        try:
            while not self._ended.is_set():
                self.latest = self._round(self._knobs)
                self._sampled.set()
                self._wake.wait(EVERY_S)
                self._wake.clear()
        finally:
            self._disconnect()

    def _round(self, knobs: Knobs) -> Sample:
        place = Place(self._connected, self._table, knobs)
        readings = {}
        for name in enabled(knobs):
            # the time before: a reading is never younger than what it says
            at = time.monotonic()
            readings[name] = Reading(self._read(name, place), at)
        return Sample(knobs, readings)

    def _read(self, name: str, place: Place) -> Outcome:
        try:
            return READERS[name](place)
        except Exception as error:
            # whatever it is, the signal is not to be had, and `judge` lets batches wait for it
            logger.info("cannot read signal %s: %s", name, error)
            if self._connection is not None and self._connection.invalidated:
                self._disconnect()
            return Failed(_message(error))

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = apart(self._engine, SESSION)
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _message(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return primary_message(error)
    return str(error) or type(error).__name__
