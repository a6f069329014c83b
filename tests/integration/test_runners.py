"""One runner a run: the second is turned away, a stale one is overtaken, and one that was overtaken writes nothing."""

import os

import pytest

from tests.fixtures.locks import blocked_by, holding, wait_until
from tests.fixtures.processes import Process
from tests.fixtures.shops import HALT, WIDE, WIDE_ROWS, OpenHaltingShop, OpenShop, Shop

READ_USERS = "LOCK TABLE users IN ACCESS SHARE MODE"
SOON_STALE = {"ORCHESTRATOR_STALE_AFTER_S": "1", "ORCHESTRATOR_HEARTBEAT_S": "0.1"}
JOURNAL = """
SELECT (SELECT to_jsonb(r) FROM orchestrator.run r),
       (SELECT jsonb_agg(p ORDER BY position) FROM orchestrator.progress p),
       (SELECT jsonb_agg(w ORDER BY id) FROM orchestrator.heap_window w),
       (SELECT jsonb_agg(to_jsonb(k) - 'beat_at' ORDER BY id) FROM orchestrator.worker k),
       (SELECT jsonb_agg(s ORDER BY position) FROM orchestrator.step s), (SELECT max(id) FROM orchestrator.event),
       (SELECT to_jsonb(h) - 'beat_at' FROM orchestrator.heartbeat h)
"""
BEGUN = "SELECT count(*) FROM orchestrator.event WHERE message IN ('begins', 'goes on') AND to_state = 'expand/running'"


def await_stale(shop: Shop) -> None:
    """The age that `--take-over` asks for, by the server's clock."""
    old = "SELECT clock_timestamp() - beat_at > '1.1 s' FROM orchestrator.heartbeat"
    wait_until(lambda: shop.scalar(old), what="the heartbeat is old")


def await_waiting(shop: Shop, holder_pid: int) -> int:
    return wait_until(lambda: blocked_by(shop.database, holder_pid), what="the runner waits for the lock")[0]


def test_a_second_runner_is_turned_away_by_the_name_of_the_first(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, READ_USERS) as reader:
        first = shop.start_advance("expand", env={"ORCHESTRATOR_ACTOR": "alice"})
        await_waiting(shop, reader.pid)
        second = shop.advance("expand")
        reader.rollback()
        assert first.wait().exit_code == 0
    assert second.exit_code == 4
    assert f"is held by alice on {os.uname().nodename} (process {first.pid})" in second.stderr


def test_of_ten_runners_at_the_start_one_works(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, READ_USERS) as reader:
        runners = [shop.start_advance("expand") for _ in range(10)]
        await_waiting(shop, reader.pid)
        wait_until(lambda: sum(runner.running for runner in runners) == 1, timeout=60, what="nine have given up")
        reader.rollback()
        results = [runner.wait() for runner in runners]
    assert sorted(result.exit_code for result in results) == [0] + [4] * 9
    assert shop.scalar(BEGUN) == 1


def test_a_runner_that_is_alive_is_not_overtaken(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, READ_USERS) as reader:
        first = shop.start_advance("expand")
        await_waiting(shop, reader.pid)
        thief = shop.advance("expand", "--take-over")
        reader.rollback()
        assert first.wait().exit_code == 0
    assert thief.exit_code == 4
    assert "it is alive" in thief.stderr


def test_a_stale_runner_is_overtaken_only_when_told_to(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, READ_USERS) as reader:
        first = shop.start_advance("expand", env=SOON_STALE)
        await_waiting(shop, reader.pid)
        first.freeze()
        await_stale(shop)
        polite = shop.advance("expand", env=SOON_STALE)
    assert polite.exit_code == 4
    assert "--take-over" in polite.stderr
    assert shop.advance("expand", "--take-over", env=SOON_STALE).exit_code == 0


def freeze_between_batches(shop: Shop) -> Process:
    shop.set_knobs(pause_between_batches_ms=60_000)
    runner = shop.start_advance("constrain", env=SOON_STALE)
    shop.await_batches(1)
    runner.freeze()
    shop.set_knobs(pause_between_batches_ms=0)
    await_stale(shop)
    return runner


@pytest.mark.parametrize(
    ("reached", "rest_ms"),
    # it rests on until it notices that its connection is gone, or goes on with the next batch at once
    [("backfill", 60_000), ("contract", 0)],
)
def test_an_overtaken_runner_writes_nothing_when_it_wakes_up(open_shop: OpenShop, reached: str, rest_ms: int) -> None:
    shop = open_shop(WIDE, at="dual_write")
    zombie = freeze_between_batches(shop)
    assert shop.advance(reached, "--take-over", "--confirm-contract", env=SOON_STALE).exit_code == 0
    shop.set_knobs(pause_between_batches_ms=rest_ms)
    rows, journal = shop.progress()["rows"], shop.database.fetch(JOURNAL)
    zombie.thaw()
    result = zombie.wait()
    assert result.exit_code == 4, result.stderr
    assert shop.database.fetch(JOURNAL) == journal
    assert rows == WIDE_ROWS


def test_a_runner_frozen_in_a_batch_is_overtaken_and_no_row_is_counted_twice(
    open_halting_shop: OpenHaltingShop,
) -> None:
    shop = open_halting_shop()
    with holding(shop.database, HALT) as halt:
        zombie = shop.start_advance("backfill", env=SOON_STALE)
        await_waiting(shop, halt.pid)
        zombie.freeze()
        await_stale(shop)
        halt.rollback()
    thief = shop.advance("backfill", "--take-over", env=SOON_STALE)
    assert thief.exit_code == 0, thief.stderr
    zombie.thaw()
    assert zombie.wait().exit_code == 4
    assert (shop.progress()["rows"], shop.differences()) == (WIDE_ROWS, 0)


def test_a_runner_frozen_in_a_short_step_loses_its_lock(open_shop: OpenShop) -> None:
    shop = open_shop()
    hold_ms = 300
    env = {"ORCHESTRATOR_LOCK_HOLD_MS": str(hold_ms), "ORCHESTRATOR_LOCK_TIMEOUT_MS": "20000"}
    with holding(shop.database, READ_USERS) as reader:
        runner = shop.start_advance("expand", env=env)
        await_waiting(shop, reader.pid)
        runner.freeze()
    with shop.database.connect() as probe:
        probe.execute(f"SET lock_timeout = {hold_ms + 100}")
        probe.execute("SELECT FROM users")
    assert shop.scalar("SELECT count(*) FROM pg_attribute WHERE attname = 'email_address'") == 0
    runner.thaw()
    assert runner.wait().exit_code == 0
    assert shop.scalar("SELECT count(*) FROM pg_attribute WHERE attname = 'email_address'") == 1


def test_one_run_does_not_stand_in_the_way_of_another(open_shop: OpenShop) -> None:
    shop = open_shop()
    shop.execute("CREATE TABLE cities (id int, name text)")
    plan = "name: rename-city\nchanges: [{kind: rename_column, table: cities, from: name, to: title}]\n"
    (shop.folder / "plans/rename-city.yaml").write_text(plan)
    with holding(shop.database, READ_USERS) as reader:
        first = shop.start_advance("expand")
        await_waiting(shop, reader.pid)
        other = shop.start_process("advance", "rename-city", database=shop.database, cwd=shop.folder).wait()
        reader.rollback()
        assert first.wait().exit_code == 0
    assert other.exit_code == 0


def test_a_second_plan_on_the_same_table_is_refused_by_the_name_of_the_first(open_shop: OpenShop) -> None:
    shop = open_shop(at="expand")
    plan = "name: rename-city\nchanges: [{kind: rename_column, table: users, from: city, to: town}]\n"
    (shop.folder / "plans/rename-city.yaml").write_text(plan)
    other = shop.start_process("advance", "rename-city", database=shop.database, cwd=shop.folder).wait()
    assert other.exit_code == 3
    assert 'run "rename-email" already works on table "public.users"' in other.stderr
