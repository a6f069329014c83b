"""Workers of one process and of others share a table: each row is done once, whoever dies, freezes, joins or leaves."""

from typing import Any, LiteralString

import pytest
from psycopg.sql import SQL

from orchestrator.context import Context
from orchestrator.errors import ClaimLost
from orchestrator.journal import windows
from orchestrator.report import Reporter
from orchestrator.runner import advance
from orchestrator.settings import Settings
from phases.step import Phase
from tests.fixtures.locks import blocked_by, holding, wait_until
from tests.fixtures.processes import Process
from tests.fixtures.shops import HALT, NAME, WIDE, Interference, OpenHaltingShop, OpenShop, Shop

ROWS = 2000
# a thousand blocks, four windows for two workers
TALL: LiteralString = WIDE + "INSERT INTO users SELECT n, 'user' || n FROM generate_series(601, 2000) n;"
WINDOWS = """
SELECT w.* FROM orchestrator.heap_window w JOIN orchestrator.step s USING (run_id, position)
WHERE s.op = 'batches' ORDER BY first_block
"""
JOURNAL = "SELECT jsonb_agg(w ORDER BY id) FROM orchestrator.heap_window w"
AT_WORK = """
SELECT count(DISTINCT k.process) FROM orchestrator.heap_window w JOIN orchestrator.worker k ON k.id = w.worker_id
WHERE w.batches > 0 AND w.done_at IS NULL
"""
EVENTS = "SELECT message FROM orchestrator.event WHERE kind = 'worker'"
LIVE_WORKERS = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {windows.WORKER_LOCK_CLASS}"
REST_MS = 60_000


def done(shop: Shop) -> tuple[int, int]:
    """Rows that were counted, and those that differ all the same."""
    return shop.progress()["rows"], shop.differences()


def windows_of(shop: Shop) -> list[tuple[Any, ...]]:
    query = WINDOWS.replace("w.*", "w.first_block, w.next_block, w.end_block, w.rows, w.worker_id")
    return shop.database.fetch(query)


def start_work(shop: Shop, *args: str) -> Process:
    return shop.start("work", *args)


def await_at_work(shop: Shop, processes: int) -> None:
    wait_until(lambda: shop.scalar(AT_WORK) == processes, timeout=30, what=f"{processes} processes have begun a window")


def resting(shop: Shop) -> tuple[Process, Process]:
    """A runner with two workers and a helper, each in the rest after its first batch."""
    shop.set_knobs(pause_between_batches_ms=REST_MS, stripes=1)
    # so that nobody is missed for want of a sign of life alone
    runner = shop.start_advance("backfill", "--workers", "2", env={"ORCHESTRATOR_STALE_AFTER_S": "600"})
    await_at_work(shop, 1)
    helper = start_work(shop)
    await_at_work(shop, 2)
    return runner, helper


def wake(shop: Shop) -> None:
    shop.set_knobs(pause_between_batches_ms=0)


def finish(process: Process) -> str:
    result = process.wait()
    assert result.exit_code == 0, result.stderr
    return result.stderr


@pytest.mark.matrix
def test_workers_of_one_process_share_the_windows_and_count_exactly(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=50, stripes=1)
    advance(context_of(shop), NAME, to=Phase.BACKFILL, workers=2)
    assert done(shop) == (ROWS, 0)
    found = windows_of(shop)
    assert sum(rows for *_, rows, _ in found) == ROWS
    assert len({worker for *_, worker in found}) == 2
    # one after the other, without a gap and without a block in common
    assert [first for first, *_ in found] == [0, *(end for _, _, end, *_ in found[:-1])]
    assert shop.scalar("SELECT count(*) FROM orchestrator.worker WHERE left_at IS NULL") == 0


def context_of(shop: Shop, reporter: Reporter | None = None) -> Context:
    settings = Settings(database_url=shop.database.dsn, plans=shop.folder / "plans")
    return Context(settings, reporter or Reporter())


def test_one_worker_finds_the_same_rows_as_many(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    advance(context_of(shop), NAME, to=Phase.BACKFILL, workers=5)
    assert done(shop) == (ROWS, 0)


@pytest.mark.matrix
def test_helpers_in_other_processes_join_at_any_time_and_end_with_the_backfill(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="expand")
    early = start_work(shop)
    wait_until(lambda: "waiting for its backfill" in early.stderr, what="the helper waits")
    shop.set_knobs(pause_between_batches_ms=300, stripes=1)
    runner = shop.start_advance("backfill", "--workers", "2")
    late = start_work(shop)
    await_at_work(shop, 3)
    status = shop.status()
    assert len(status["workers"]) == 4
    assert all(worker["alive"] for worker in status["workers"])
    wake(shop)
    for process in (runner, early, late):
        finish(process)
    assert done(shop) == (ROWS, 0)
    assert early.stdout == f"{NAME}: every row is done\n"


def test_more_workers_are_wanted_while_it_runs(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=200, stripes=1, workers=2)
    runner = shop.start_advance("backfill")
    living = "SELECT count(*) FROM orchestrator.worker WHERE left_at IS NULL"
    wait_until(lambda: shop.scalar(living) == 2, what="two are at work")
    shop.set_knobs(workers=3)
    wait_until(lambda: shop.scalar(living) == 3, what="three are at work")
    wake(shop)
    finish(runner)
    assert done(shop) == (ROWS, 0)


# who dies, freezes or is robbed


def test_the_window_of_a_killed_helper_is_taken_over_at_once(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    helper.kill_hard()
    wake(shop)
    finish(runner)
    assert done(shop) == (ROWS, 0)
    [message] = [message for (message,) in shop.database.fetch(EVENTS)]
    assert f"(process {helper.pid}) is gone" in message


def test_helpers_go_on_without_the_runner_and_whoever_advances_sums_up(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    runner.kill_hard()
    wake(shop)
    undone = "SELECT count(*) FROM orchestrator.heap_window WHERE done_at IS NULL"
    wait_until(lambda: shop.scalar(undone) == 0, timeout=30, what="the helper has done every window")
    assert helper.running
    assert shop.status()["status"] == "running"
    assert shop.advance("backfill").exit_code == 0
    finish(helper)
    assert done(shop) == (ROWS, 0)


def test_a_frozen_helper_whose_connection_is_ended_writes_nothing_when_it_wakes_up(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    helper.freeze()
    shop.database.execute(
        "SELECT pg_terminate_backend(backend_pid) FROM orchestrator.worker WHERE process = %s", [helper.pid]
    )
    wake(shop)
    finish(runner)
    before = shop.scalar(JOURNAL)
    helper.thaw()
    said = finish(helper)
    # by what it finds out first: its connection, or its window
    assert "nothing was written since" in said or "are no longer this worker's: nothing was written" in said
    assert shop.scalar(JOURNAL) == before
    assert done(shop) == (ROWS, 0)


def test_a_helper_that_gives_no_sign_of_life_loses_its_window(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=REST_MS, stripes=1)
    runner = shop.start_advance("backfill", "--workers", "2", env={"ORCHESTRATOR_STALE_AFTER_S": "2"})
    await_at_work(shop, 1)
    helper = start_work(shop)
    await_at_work(shop, 2)
    helper.freeze()
    wake(shop)
    finish(runner)
    before = shop.scalar(JOURNAL)
    helper.thaw()
    assert "was taken for dead" in finish(helper)
    assert shop.scalar(JOURNAL) == before
    assert done(shop) == (ROWS, 0)


ROB = "UPDATE orchestrator.heap_window SET worker_id = 0 WHERE done_at IS NULL AND worker_id IS NOT NULL"


@pytest.mark.parametrize("op", ["batches", "verify"])
def test_a_worker_that_was_robbed_writes_nothing_and_says_so(open_shop: OpenShop, op: str) -> None:
    shop = open_shop(TALL, at="dual_write")
    shop.set_knobs(stripes=1)

    def rob() -> None:
        if not robbed and shop.progress(op):
            shop.execute(ROB)
            robbed.append(shop.database.fetch(JOURNAL))

    robbed: list[Any] = []
    reporter = Always(rob)
    advance(context_of(shop, reporter), NAME, to=Phase.BACKFILL)
    assert robbed
    assert len([note for note in reporter.notes if "no longer this worker's: nothing was written" in note]) == 1
    assert done(shop) == (ROWS, 0)


def test_a_runner_whose_epoch_is_over_writes_nothing_to_a_window_that_is_still_its_own(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    reporter = Interference(lambda: shop.execute("UPDATE orchestrator.run SET epoch = epoch + 1"))
    with pytest.raises(ClaimLost):
        advance(context_of(shop, reporter), NAME, to=Phase.BACKFILL)
    assert shop.progress()["batches"] == 1


class Always(Interference):
    """After every batch."""

    def progress(self, title: str, progress: object) -> None:
        self._interfere()


def test_a_window_that_somebody_writes_for_is_not_free_even_if_that_worker_is_gone(
    open_halting_shop: OpenHaltingShop,
) -> None:
    shop = open_halting_shop()
    with holding(shop.database, HALT) as halt:
        victim = shop.start_advance("backfill")
        [pid] = wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        victim.kill_hard()
        wait_until(lambda: shop.scalar(LIVE_WORKERS) == 0, what="its lock is gone")
        assert blocked_by(shop.database, halt.pid) == [pid], "the server goes on with the batch"
        with context_of(shop).working_engine(NAME) as engine, engine.begin() as connection:
            assert windows.claim(connection, 1, 3, 999, stale_after_s=15) == (None, True)
    shop.finish("backfill")
    assert shop.differences() == 0


# who stops them


@pytest.mark.parametrize("everything", [False, True])
def test_a_pause_stops_all_of_them(open_shop: OpenShop, everything: bool) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    pause = shop.start_process("pause", "--all" if everything else NAME, database=shop.database).wait()
    assert pause.exit_code == 0
    for process in (runner, helper):
        assert process.wait(10).exit_code == 6
    assert "orchestrator resume" in helper.stderr
    assert start_work(shop).wait().exit_code == 6
    free = "SELECT count(*) FROM orchestrator.heap_window WHERE worker_id IS NOT NULL AND done_at IS NULL"
    assert shop.scalar(free) == 0


def test_a_pause_stops_a_helper_that_waits_too(open_shop: OpenShop) -> None:
    shop = open_shop(at="expand")
    helper = start_work(shop)
    wait_until(lambda: "waiting for its backfill" in helper.stderr, what="the helper waits")
    assert shop.run("pause").exit_code == 0
    assert helper.wait(10).exit_code == 6


def test_a_helper_that_is_asked_to_stop_gives_its_window_back(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    helper.terminate()
    stopped = helper.wait()
    assert stopped.exit_code == 6
    assert f"go on with: orchestrator work {NAME}" in stopped.stderr
    wake(shop)
    finish(runner)
    assert done(shop) == (ROWS, 0)
    assert shop.database.fetch(EVENTS) == []


def test_a_runner_that_stops_waits_for_a_batch_of_a_helper_and_takes_all_windows_away(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    # as a batch of the helper's would
    hold = SQL("SELECT FROM orchestrator.worker k JOIN orchestrator.heap_window w ON w.worker_id = k.id {}")
    with holding(shop.database, hold.format(SQL("WHERE process = {} FOR UPDATE OF w").format(helper.pid))) as batch:
        runner.terminate()
        wait_until(lambda: blocked_by(shop.database, batch.pid), what="the runner waits for the batch")
        assert shop.status()["status"] == "paused"
    assert runner.wait().exit_code == 6
    assert shop.scalar("SELECT count(*) FROM orchestrator.heap_window WHERE worker_id > 0 AND done_at IS NULL") == 0


def test_an_abort_stops_helpers_before_it_undoes_anything(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    runner.kill_hard()
    assert shop.run("abort").exit_code == 0
    wake(shop)
    finish(helper)
    assert "email_address" not in shop.database.dump()


def test_an_error_of_one_worker_stops_all_and_is_told_once(open_shop: OpenShop) -> None:
    refuse: LiteralString = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN IF NEW.id = 1999 THEN RAISE ''no update of this row''; END IF; RETURN NEW; END';
    CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse();
    ALTER TABLE users ENABLE ALWAYS TRIGGER refuse;
    """
    shop = open_shop(TALL + refuse, at="dual_write")
    failed = shop.advance("backfill", "--workers", "4")
    assert failed.exit_code == 1
    assert failed.stderr.count("no update of this row") == 1
    shop.execute("DROP TRIGGER refuse ON users")
    shop.finish("backfill")
    assert done(shop) == (ROWS, 0)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_comparison_is_shared_and_names_the_first_rows_of_all(open_shop: OpenShop, workers: int) -> None:
    shop = open_shop(TALL, at="constrain")
    shop.plant("UPDATE users SET email_address = 'planted' WHERE id IN (1990, 7, 1000)")
    refused = shop.advance("contract", "--confirm-contract", "--workers", str(workers))
    assert refused.exit_code == 1
    assert "3 rows differ\n  id=7\n  id=1000\n  id=1990" in refused.stderr


def test_no_worker_holds_a_transaction_open_between_its_batches(open_shop: OpenShop) -> None:
    shop = open_shop(TALL, at="dual_write")
    runner, helper = resting(shop)
    horizon = """
    SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'orchestrator %' AND datname = current_database()
      AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL) AND state <> 'active'
    """
    wait_until(lambda: shop.scalar(horizon) == 0, what="nobody is in a transaction")
    wake(shop)
    finish(runner)
    finish(helper)
