"""The lock guard: nobody queues behind us for long, whoever blocks us is named, and giving up leaves nothing behind."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Literal

from orchestrator.journal.store import Progress
from orchestrator.report import Reporter
from tests.fixtures.locks import Holder, blocked_by, holding, wait_until
from tests.fixtures.shops import HALT, NAME, WIDE, WIDE_ROWS, OpenHaltingShop, OpenShop, Shop

READ_USERS: LiteralString = "LOCK TABLE users IN ACCESS SHARE MODE"
LOCK_TIMEOUT_MS = 200
IMPATIENT = {"ORCHESTRATOR_LOCK_TIMEOUT_MS": str(LOCK_TIMEOUT_MS), "ORCHESTRATOR_LOCK_BUDGET_S": "1.5"}
IN_ONE_GO = {"ORCHESTRATOR_LOCK_TIMEOUT_MS": "30000"}
LOCK_WAITS = "SELECT DISTINCT b->>'pid' FROM orchestrator.event, jsonb_array_elements(detail->'blockers') b"


def await_blocked(shop: Shop, holder: Holder) -> None:
    wait_until(lambda: blocked_by(shop.database, holder.pid), timeout=30, what="the runner waits for the holder")


@pytest.mark.matrix
def test_a_reader_never_waits_longer_than_the_lock_timeout_behind_us(open_shop: OpenShop) -> None:
    shop, probes = open_shop(), 0
    with holding(shop.database, READ_USERS), shop.database.connect() as probe:
        # the server's own clock, so that a busy machine does not count
        probe.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS + 100}")
        runner = shop.start_advance("expand", env=IMPATIENT)
        while runner.running:
            probe.execute("SELECT FROM users WHERE id = 1")
            probes += 1
    assert runner.wait().exit_code == 5
    assert probes > 3


@pytest.mark.matrix
def test_a_spent_budget_names_the_blocker_and_leaves_nothing_behind(open_shop: OpenShop) -> None:
    shop = open_shop()
    before = shop.database.dump()
    with holding(shop.database, READ_USERS, application_name="nightly report") as reader:
        pid = reader.pid
        result = shop.advance("expand", env=IMPATIENT)
    assert result.exit_code == 5
    assert "no lock within 1.5 s" in result.stderr
    assert f"pid {pid} (nightly report as postgres, idle in transaction, " in result.stderr
    assert READ_USERS in result.stderr
    assert shop.database.dump() == before
    assert shop.database.fetch(LOCK_WAITS) == [(str(pid),)]
    shop.finish("expand")


def test_status_and_history_name_the_blocker(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, READ_USERS, application_name="nightly report") as reader:
        runner = shop.start_advance("expand", env=IN_ONE_GO)
        wait_until(lambda: "blocked by" in runner.stderr, what="the blocker is reported")
        status, pid = shop.status(), reader.pid
        reader.rollback()
        assert runner.wait().exit_code == 0
    [blocker] = status["blockers"]
    assert status["waits_for"] == f"lock held by pid {pid}"
    assert (blocker["pid"], blocker["application"], blocker["query"]) == (pid, "nightly report", READ_USERS)
    assert status["step"] == "add column email_address"
    [waited] = [event for event in shop.history()["events"] if event["kind"] == "lock_wait"]
    assert [each["pid"] for each in waited["detail"]["blockers"]] == [pid]


def test_waiting_for_a_lock_does_not_stop_status_check_or_set(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, READ_USERS) as reader:
        runner = shop.start_advance("expand", env=IN_ONE_GO)
        await_blocked(shop, reader)
        assert shop.status()["runner"] == "alive"
        assert shop.run("check", "--at-least", "expand").exit_code == 3
        assert shop.run("set", "target_batch_ms=100").exit_code == 0
        reader.rollback()
        assert runner.wait().exit_code == 0


@pytest.mark.matrix
def test_a_transaction_that_wrote_before_the_trigger_is_waited_for(open_shop: OpenShop) -> None:
    shop = open_shop(at="expand")
    write = "INSERT INTO users VALUES (11, 'late'); UPDATE users SET email = 'changed' WHERE id = 1"
    with holding(shop.database, write) as application:
        runner = shop.start_advance("backfill", env=IN_ONE_GO)
        await_blocked(shop, application)
        application.commit()
        assert runner.wait().exit_code == 0
    assert shop.database.fetch("SELECT email_address FROM users WHERE id IN (1, 11) ORDER BY id") == [
        ("changed",),
        ("late",),
    ]
    assert shop.differences() == 0


@pytest.mark.matrix
def test_a_snapshot_older_than_the_trigger_loses_no_row(open_shop: OpenShop) -> None:
    shop = open_shop(at="expand")
    with holding(shop.database, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ") as application:
        application.execute("SELECT FROM users")
        shop.finish("dual_write")
        application.execute("INSERT INTO users VALUES (11, 'late'); UPDATE users SET email = 'changed' WHERE id = 1")
        runner = shop.start_advance("backfill")
        # all but the row that the application holds is done by then, and it waits for that one
        wait_until(lambda: shop.progress("verify"), what="the verification has begun")
        await_blocked(shop, application)
        application.commit()
        assert runner.wait().exit_code == 0
    assert shop.database.fetch("SELECT email_address FROM users WHERE id IN (1, 11) ORDER BY id") == [
        ("changed",),
        ("late",),
    ]
    assert shop.differences() == 0


@pytest.mark.matrix
def test_a_row_locked_all_the_time_is_skipped_and_repaired_once_it_is_free(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    with holding(shop.database, "SELECT FROM users WHERE id = 300 FOR UPDATE") as application:
        runner = shop.start_advance("backfill")
        wait_until(lambda: shop.progress("verify"), timeout=30, what="the backfill is past the row")
        await_blocked(shop, application)
        assert (shop.progress()["rows"], shop.progress()["skipped"]) == (WIDE_ROWS - 1, 1)
        application.rollback()
        assert runner.wait().exit_code == 0
    assert shop.progress("verify")["differences"] == 1
    assert shop.differences() == 0


def test_a_batch_gives_way_to_the_application_that_comes_from_the_other_end(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(stripes=1)
    with shop.database.connect(autocommit=False) as application:
        holder = Holder(application)
        # an application that waits longer than this would soon be a deadlock's victim
        application.execute("SET statement_timeout = 500")
        application.commit()
        holder.execute("UPDATE users SET filler = 'y' WHERE id = 120")
        runner = shop.start_advance("backfill")
        await_blocked(shop, holder)
        for row in (119, 60, 1):
            application.execute("UPDATE users SET filler = 'y' WHERE id = %s", [row])
        application.commit()
    assert runner.wait().exit_code == 0
    assert shop.differences() == 0


def test_a_lock_on_the_whole_table_is_waited_for_by_the_backfill(open_shop: OpenShop) -> None:
    shop = open_shop(at="dual_write")
    with holding(shop.database, "LOCK TABLE users IN SHARE MODE") as holder:
        given_up = shop.advance("backfill", env=IMPATIENT)
        assert given_up.exit_code == 5
        assert f"pid {holder.pid} " in given_up.stderr
    shop.finish("backfill")
    assert shop.differences() == 0


def test_a_lock_on_the_whole_table_is_waited_for_by_the_verification(open_shop: OpenShop) -> None:
    shop = open_shop(at="dual_write")
    shop.set_knobs(pause_between_batches_ms=60_000)
    runner = shop.start_advance("backfill", env=IMPATIENT)
    shop.await_batches(1)
    with holding(shop.database, "LOCK TABLE users IN ACCESS EXCLUSIVE MODE") as holder:
        shop.set_knobs(pause_between_batches_ms=0)
        given_up = runner.wait()
        assert given_up.exit_code == 5
        assert f"pid {holder.pid} " in given_up.stderr
    shop.finish("backfill")


def test_a_prepared_transaction_that_blocks_is_named(open_shop: OpenShop) -> None:
    shop = open_shop()
    with shop.database.connect(autocommit=False) as application:
        application.execute("UPDATE users SET city = 'x' WHERE id = 1")
        application.execute("PREPARE TRANSACTION 'forgotten'")
    result = shop.advance("expand", env=IMPATIENT)
    shop.execute("ROLLBACK PREPARED 'forgotten'")
    assert result.exit_code == 5
    assert "PREPARE TRANSACTION 'forgotten'" in result.stderr


def test_plan_does_not_wait_for_a_locked_table(open_shop: OpenShop) -> None:
    shop = open_shop()
    with holding(shop.database, "LOCK TABLE users IN ACCESS EXCLUSIVE MODE"):
        result = shop.run("plan", env=IMPATIENT)
    assert result.exit_code == 1
    assert "locked by somebody" in result.stderr


def test_a_reader_of_the_journal_needs_no_lock(open_shop: OpenShop) -> None:
    shop = open_shop(at="expand")
    with holding(shop.database, "LOCK TABLE users IN ACCESS EXCLUSIVE MODE"):
        assert shop.status()["phase"] == "expand"
        assert shop.run("check", "--deploy", "2.3").exit_code == 0


TWO_TABLES: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, user_id int);
"""
WITH_PARTITIONS: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, user_id int) PARTITION BY HASH (id);
CREATE TABLE orders_all PARTITION OF orders FOR VALUES WITH (MODULUS 1, REMAINDER 0);
"""
REFERRING = f"""\
name: {NAME}
changes:
  - {{kind: add_foreign_key, table: orders, name: of_user, columns: [user_id], references: {{table: users}}}}
"""


def work_crosswise(shop: Shop, ended: Event) -> None:
    """Transactions that hold the table that a step takes second, and ask for the first once somebody waits."""
    with shop.database.connect(autocommit=False) as application, shop.database.connect() as observer:
        pid = application.info.backend_pid
        while not ended.is_set():
            application.execute("LOCK TABLE users IN ROW EXCLUSIVE MODE")
            wait_until(lambda: ended.is_set() or blocked_by(observer, pid), timeout=30, what="a step waits")
            application.execute("LOCK TABLE orders IN ROW EXCLUSIVE MODE")
            application.rollback()


@pytest.mark.parametrize("tables", [TWO_TABLES, WITH_PARTITIONS], ids=["two tables", "one of them partitioned"])
def test_an_application_that_always_comes_crosswise_is_met_in_its_own_order(
    open_shop: OpenShop, tables: LiteralString
) -> None:
    shop, ended = open_shop(tables, at="backfill", plan=REFERRING), Event()
    with ThreadPoolExecutor(1) as threads:
        application = threads.submit(work_crosswise, shop, ended)
        try:
            result = shop.advance("constrain", env=IMPATIENT | {"ORCHESTRATOR_LOCK_BUDGET_S": "5"})
        finally:
            ended.set()
        application.result()
    assert result.exit_code == 0, result.stderr


class Sizes(Reporter):
    """The size of each batch, as it was when it was committed."""

    def __init__(self) -> None:
        self.blocks: list[int] = []

    def progress(self, title: str, progress: Progress) -> None:
        if title.startswith("fill"):
            self.blocks.append(progress.batch_blocks)


# one that the batch of row 450 has updated before it came to that
LOCKED_ROW: LiteralString = """
SELECT u.id FROM users u
JOIN users h ON h.id = 450 AND get_byte(tidsend(u.ctid), 5) = get_byte(tidsend(h.ctid), 5)
WHERE u.email_address IS NULL AND u.id < 450 LIMIT 1
"""


def test_a_batch_that_somebody_waits_behind_makes_the_next_one_smaller(open_halting_shop: OpenHaltingShop) -> None:
    shop, sizes = open_halting_shop(), Sizes()
    shop.set_knobs(stripes=8)
    with holding(shop.database, HALT) as halt, ThreadPoolExecutor(2) as threads:
        running = threads.submit(shop.finish, "backfill", sizes)
        [pid] = wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        update = SQL("UPDATE users SET filler = 'y' WHERE id = {}").format(Literal(shop.scalar(LOCKED_ROW)))
        application = threads.submit(shop.execute, update)
        wait_until(lambda: blocked_by(shop.database, pid), what="the application waits for the batch")
        halt.rollback()
        running.result()
        application.result()
    assert sizes.blocks[0] == 64
    assert sizes.blocks[-1] <= 32
