"""SIGTERM and SIGINT stop a runner in any kind of step, with exit code 6, and `advance` goes on from there."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import LiteralString

import pytest
from psycopg.sql import Identifier

from tests.fixtures.locks import Holder, blocked_by, holding, wait_until
from tests.fixtures.processes import Process
from tests.fixtures.shops import HALT, HALTING, PATIENT, USERS, WIDE, OpenShop, Shop

PATIENT_CHECK: LiteralString = """
CREATE FUNCTION patient(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END';
ALTER TABLE users ADD CHECK (patient(email));
"""


@dataclass(frozen=True)
class Moment:
    """A runner in the middle of a step: the tables, the phase before, and the lock that it waits for there."""

    tables: LiteralString
    at: str | None
    to: str
    lock: LiteralString


MOMENTS = {
    "waiting for a short lock": Moment(USERS, None, "expand", "LOCK TABLE users IN ACCESS SHARE MODE"),
    "building an index": Moment(
        USERS + "CREATE INDEX ON users (email);", "backfill", "constrain", "UPDATE users SET city = 'x' WHERE id = 1"
    ),
    "validating": Moment(USERS + PATIENT_CHECK, "backfill", "constrain", "SELECT pg_advisory_xact_lock(1)"),
    "waiting for the whole table": Moment(USERS, "dual_write", "backfill", "LOCK TABLE users IN SHARE MODE"),
    "repairing a row": Moment(USERS, "dual_write", "backfill", "SELECT FROM users WHERE id = 1 FOR UPDATE"),
}


BEAT: LiteralString = "SELECT beat_at FROM orchestrator.heartbeat"


def _beaten(shop: Shop, last: datetime) -> bool:
    return bool(shop.scalar(BEAT) != last)


def await_beats(shop: Shop, number: int) -> None:
    """The runner's watching thread has come round as often as that."""
    for _ in range(number):
        wait_until(partial(_beaten, shop, shop.scalar(BEAT)), what="the runner gives a sign of life")


@contextmanager
def caught(shop: Shop, moment: Moment) -> Iterator[tuple[Process, Holder]]:
    with holding(shop.database, moment.lock) as holder:
        working = shop.start_advance(moment.to, env={"ORCHESTRATOR_LOCK_TIMEOUT_MS": "20000"})
        if moment.to == "backfill":
            wait_until(lambda: "blocked by" in working.stderr, timeout=30, what="it waits under the guard")
        wait_until(lambda: blocked_by(shop.database, holder.pid), timeout=30, what="the runner waits")
        yield working, holder


@pytest.mark.parametrize("name", MOMENTS)
def test_a_runner_that_waits_stops_when_it_is_asked_to(open_shop: OpenShop, name: str) -> None:
    moment = MOMENTS[name]
    shop = open_shop(moment.tables, at=moment.at)
    with caught(shop, moment) as (working, _):
        working.terminate()
        stopped = working.wait(timeout=20)
    assert stopped.exit_code == 6, stopped.stderr
    assert "SIGTERM" in stopped.stderr
    assert shop.scalar("SELECT status FROM orchestrator.run") == "paused"
    assert shop.scalar("SELECT released_at IS NOT NULL FROM orchestrator.heartbeat")
    shop.finish(moment.to)


def test_a_verification_that_waits_stops_when_it_is_asked_to(open_shop: OpenShop) -> None:
    shop = open_shop(at="dual_write")
    shop.set_knobs(pause_between_batches_ms=60_000)
    working = shop.start_advance("backfill", env={"ORCHESTRATOR_LOCK_TIMEOUT_MS": "20000"})
    shop.await_batches(1)
    with holding(shop.database, "LOCK TABLE users IN ACCESS EXCLUSIVE MODE") as holder:
        shop.set_knobs(pause_between_batches_ms=0)
        wait_until(lambda: blocked_by(shop.database, holder.pid), what="the verification waits")
        working.terminate()
        stopped = working.wait(timeout=20)
    assert stopped.exit_code == 6, stopped.stderr
    shop.finish("backfill")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_batch_is_finished_before_the_runner_stops(open_shop: OpenShop, number: signal.Signals) -> None:
    shop = open_shop(WIDE + HALTING, at="dual_write")
    shop.execute(PATIENT.format(database=Identifier(shop.database.name)))
    shop.set_knobs(target_batch_ms=700)
    with holding(shop.database, HALT) as halt:
        working = shop.start_advance("backfill", env={"ORCHESTRATOR_HEARTBEAT_S": "0.1"})
        [batch] = wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        before = shop.progress()["rows"]
        working.interrupt() if number is signal.SIGINT else working.terminate()
        wait_until(lambda: "stopping at the next safe point" in working.stderr, what="the signal is heeded")
        await_beats(shop, 2)
        assert blocked_by(shop.database, halt.pid) == [batch]
        halt.rollback()
        stopped = working.wait(timeout=20)
    assert stopped.exit_code == 6, stopped.stderr
    assert shop.progress()["rows"] > before
    shop.finish("backfill")
    assert shop.progress()["rows"] == 600


def test_a_second_signal_ends_the_process_at_once(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE + HALTING, at="dual_write")
    shop.execute(PATIENT.format(database=Identifier(shop.database.name)))
    shop.set_knobs(target_batch_ms=700)
    with holding(shop.database, HALT) as halt:
        working = shop.start_advance("backfill")
        wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        working.terminate()
        wait_until(lambda: "stopping at the next safe point: SIGTERM" in working.stderr, what="the first is heeded")
        working.terminate()
        assert working.wait(timeout=2).exit_code == -signal.SIGTERM
    shop.finish("backfill")
    assert shop.differences() == 0


def test_a_signal_between_two_batches_does_not_wait_for_the_rest(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=60_000)
    working = shop.start_advance("backfill")
    shop.await_batches(1)
    working.terminate()
    assert working.wait(timeout=20).exit_code == 6


def test_an_abort_that_is_interrupted_goes_on(open_shop: OpenShop) -> None:
    shop = open_shop(at="dual_write")
    with holding(shop.database, "LOCK TABLE users IN ACCESS SHARE MODE") as reader:
        aborting = shop.start("abort", env={"ORCHESTRATOR_LOCK_TIMEOUT_MS": "20000"})
        wait_until(lambda: blocked_by(shop.database, reader.pid), timeout=30, what="the undo waits")
        aborting.terminate()
        assert aborting.wait(timeout=20).exit_code == 6
    refused = shop.advance("backfill")
    assert refused.exit_code == 3
    assert "orchestrator abort rename-email" in refused.stderr
    assert shop.run("abort").exit_code == 0
    assert "email_address" not in shop.database.dump()
