"""While a signal says so no batch begins: what is seen of it, what lifts it, and what stops it all the same."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, LiteralString

import pytest

from orchestrator import intent, runner
from orchestrator.context import Context
from orchestrator.journal.store import Progress
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from phases.step import Phase
from tests.fixtures.database import Database
from tests.fixtures.locks import wait_until
from tests.fixtures.processes import Process
from tests.fixtures.runs import context_of
from tests.fixtures.server import StartReplica, StartServer
from tests.fixtures.shops import NAME, PLAN, WIDE, WIDE_ROWS, OpenShop, Shop, stocked, write_plan

DONE = "SELECT count(*) FROM users WHERE email_address IS NOT NULL"
EVENTS = "SELECT message FROM orchestrator.event WHERE kind = 'throttle' ORDER BY id"
INTENTS = "SELECT run_id, message FROM orchestrator.event WHERE kind = 'intent' ORDER BY id"
AGE = "SELECT EXTRACT(epoch FROM beat_at - claimed_at)::float8 FROM orchestrator.heartbeat"
STUCK = "SELECT 'the kettle is on' WHERE to_regclass('public.kettle') IS NOT NULL"


def tune(shop: Shop, key: str, value: object) -> None:
    """What `orchestrator set` does, without a process of its own."""
    intent.set_knob(context_of(shop.database), NAME, key, str(value))


def reason(shop: Shop, op: str = "batches") -> str | None:
    """Why batches wait, if they do."""
    found: str | None = shop.progress(op).get("throttle_reason")
    return found


def await_throttled(shop: Shop, text: str, op: str = "batches") -> None:
    wait_until(lambda: text in (reason(shop, op) or ""), what=f'batches wait because of "{text}"')


def stands_still(shop: Shop, seconds: float = 1.5) -> bool:
    """Whether no row is written while the runner lives on; a batch of these tables takes some milliseconds."""
    before, age = shop.scalar(DONE), shop.scalar(AGE)
    wait_until(lambda: shop.scalar(AGE) > age + seconds, what="the runner has lived on for a while")
    return bool(shop.scalar(DONE) == before)


def events(shop: Shop) -> list[str]:
    return [message for (message,) in shop.database.fetch(EVENTS)]


def finish(process: Process) -> None:
    result = process.wait()
    assert result.exit_code == 0, result.stderr


@pytest.mark.matrix
def test_no_batch_begins_before_the_first_sample_allows_it(open_shop: OpenShop, tmp_path: Path) -> None:
    shop, flag = open_shop(WIDE, at="dual_write"), tmp_path / "stop"
    flag.touch()
    tune(shop, "throttle_file", flag)
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, f"file {flag} is there")
    assert stands_still(shop)
    assert shop.scalar(DONE) == 0
    status = shop.status()
    assert status["throttled"] is True
    assert status["waits_for"] == f"the server's health: file {flag} is there"
    text = shop.run("status").stdout
    assert "(throttled)" in text
    assert f": file {flag} is there" in text.partition("  throttled  since ")[2]
    flag.unlink()
    finish(runner_)
    begins, ends = events(shop)
    assert begins == f"begins: file {flag} is there"
    assert ends.startswith("ends after ")
    assert ends.endswith(f" s: file {flag} is there")
    assert shop.progress()["throttled_ms"] > 1500
    assert (shop.progress()["throttled_since"], reason(shop)) == (None, None)
    assert f"throttled: file {flag} is there" in runner_.stderr
    assert f"throttle: begins: file {flag} is there" in shop.run("history").stdout


def test_waiting_for_the_first_sample_is_not_being_throttled(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    tune(shop, "throttle_sql", "SELECT NULL FROM pg_sleep(1)")
    shop.finish("backfill")
    assert (events(shop), shop.scalar(DONE)) == ([], WIDE_ROWS)


def test_a_run_under_way_is_held_between_two_batches(open_shop: OpenShop, tmp_path: Path) -> None:
    shop, flag = open_shop(WIDE, at="dual_write"), tmp_path / "stop"
    tune(shop, "throttle_file", flag)
    tune(shop, "stripes", 1)
    tune(shop, "pause_between_batches_ms", 300)
    runner_ = shop.start_advance("backfill")
    shop.await_batches(1)
    flag.touch()
    await_throttled(shop, "is there")
    assert stands_still(shop)
    assert 0 < shop.scalar(DONE) < WIDE_ROWS
    tune(shop, "pause_between_batches_ms", 0)
    flag.unlink()
    finish(runner_)
    assert shop.differences() == 0


def test_the_comparison_is_held_too(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    tune(
        shop,
        "throttle_sql",
        "SELECT 'no comparing now' FROM orchestrator.step WHERE op = 'verify' AND phase = 'backfill' "
        "AND status = 'started'",
    )
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, "throttle_sql: no comparing now", op="verify")
    assert shop.progress("verify")["batches"] == 0
    tune(shop, "throttle_sql", "off")
    finish(runner_)


def test_a_query_that_fails_throttles_until_it_is_put_right_or_taken_away(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    tune(shop, "throttle_sql", "SELECT nonsense")
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, 'signal unavailable: throttle_sql: column "nonsense" does not exist')
    shop.execute("CREATE TABLE kettle ()")
    tune(shop, "throttle_sql", STUCK)
    await_throttled(shop, "throttle_sql: the kettle is on")
    begun = time.monotonic()
    tune(shop, "throttle_sql", "none")
    finish(runner_)
    assert time.monotonic() - begun < 5
    begins, changes, ends = events(shop)
    assert begins == 'begins: signal unavailable: throttle_sql: column "nonsense" does not exist'
    assert changes == "changes: throttle_sql: the kettle is on"
    assert ends.endswith(": throttle_sql: the kettle is on")


def test_other_numbers_are_no_news(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.execute("CREATE TABLE kettle ()")
    tune(shop, "throttle_sql", "SELECT clock_timestamp()::text WHERE to_regclass('public.kettle') IS NOT NULL")
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, "throttle_sql: ")
    first = reason(shop)
    wait_until(lambda: reason(shop) != first, what="the reason is brought up to date")
    shop.execute("DROP TABLE kettle")
    finish(runner_)
    assert len(events(shop)) == 2


def test_a_web_address_that_nobody_answers_at_throttles(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    tune(shop, "throttle_http", "http://127.0.0.1:9/")
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, "signal unavailable: throttle_http: ")
    tune(shop, "throttle_http", "off")
    finish(runner_)


def test_workers_of_one_process_say_once_that_they_wait(open_shop: OpenShop, tmp_path: Path) -> None:
    shop, flag = open_shop(WIDE, at="dual_write"), tmp_path / "stop"
    flag.touch()
    tune(shop, "throttle_file", flag)
    runner_ = shop.start_advance("backfill", "--workers", "2")
    waiting = "SELECT count(*) FROM orchestrator.worker WHERE throttled_since IS NOT NULL"
    wait_until(lambda: shop.scalar(waiting) == 2, what="both wait")
    workers = shop.status()["workers"]
    assert [worker["throttle_reason"] for worker in workers] == [f"file {flag} is there"] * 2
    assert shop.scalar(DONE) == 0
    flag.unlink()
    finish(runner_)
    begins, ends = events(shop)
    assert (begins, ends.startswith("ends after ")) == (f"begins: file {flag} is there", True)


@pytest.mark.parametrize("stop", ["SIGTERM", "pause"])
def test_a_throttled_run_stops_at_once_and_goes_on_later(open_shop: OpenShop, tmp_path: Path, stop: str) -> None:
    shop, flag = open_shop(WIDE, at="dual_write"), tmp_path / "stop"
    flag.touch()
    tune(shop, "throttle_file", flag)
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, "is there")
    if stop == "pause":
        intent.set_pause(context_of(shop.database), NAME, pause=True)
    else:
        runner_.terminate()
    asked = time.monotonic()
    assert runner_.wait().exit_code == 6
    assert time.monotonic() - asked < 3
    assert reason(shop) is None
    assert shop.scalar(DONE) == 0
    flag.unlink()
    intent.set_pause(context_of(shop.database), NAME, pause=False)
    assert shop.advance("backfill").exit_code == 0


def test_what_a_killed_runner_left_behind_is_not_shown_and_is_cleared(open_shop: OpenShop, tmp_path: Path) -> None:
    shop, flag = open_shop(WIDE, at="dual_write"), tmp_path / "stop"
    flag.touch()
    tune(shop, "throttle_file", flag)
    runner_ = shop.start_advance("backfill")
    await_throttled(shop, "is there")
    runner_.kill_hard()
    wait_until(lambda: shop.status()["runner"] == "none", what="its lock is gone")
    assert shop.status()["throttled"] is False
    flag.unlink()
    assert shop.advance("backfill").exit_code == 0
    assert (shop.progress()["throttled_since"], reason(shop)) == (None, None)


@pytest.mark.matrix
def test_a_replica_that_falls_behind_holds_the_backfill(
    start_server: StartServer, start_replica: StartReplica, tmp_path: Path
) -> None:
    primary = start_server()
    database = Database(primary.dsn(), "postgres", primary)
    stocked(WIDE, "dual_write", PLAN)(database)
    write_plan(tmp_path / "plans", PLAN)
    replica = start_replica(primary)
    standby = Database(replica.dsn(), "postgres", replica)
    connected = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
    wait_until(lambda: database.fetch(connected) == [(1,)], what="the replica has caught up")
    context = context_of(database, tmp_path / "plans")
    intent.set_knob(context, NAME, "max_replica_lag_s", "1")
    standby.execute("SELECT pg_wal_replay_pause()")
    database.execute("INSERT INTO users (id) VALUES (0); DELETE FROM users WHERE id = 0")
    lag = "SELECT replay_lag > '1.5 s' FROM pg_stat_replication"
    wait_until(lambda: database.fetch(lag) == [(True,)], what="the replica is more than a second behind")

    thread = threading.Thread(target=runner.advance, args=(context, NAME), kwargs={"to": Phase.BACKFILL})
    thread.start()
    why = "SELECT throttle_reason FROM orchestrator.worker WHERE throttle_reason IS NOT NULL"
    ((text,),) = wait_until(lambda: database.fetch(why), what="the backfill is held")
    assert text.startswith("replica lag ")
    assert text.endswith(" s, above 1 s (replica1)")
    assert database.fetch(DONE) == [(0,)]
    standby.execute("SELECT pg_wal_replay_resume()")
    thread.join(30)
    assert database.fetch(DONE) == [(WIDE_ROWS,)]
    assert [message.partition(":")[0].partition(" after")[0] for (message,) in database.fetch(EVENTS)] == [
        "begins",
        "ends",
    ]


# pace


class Marks(Reporter):
    """When each batch of the backfill was committed, and how many rows were done by then."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, int, float]] = []

    def progress(self, title: str, progress: Progress) -> None:
        if progress.rows:
            self.marks.append((time.monotonic(), progress.rows, progress.busy_ms / 1000))


def marks_of(shop: Shop) -> tuple[float, int, float]:
    """Seconds, rows and seconds of work between the first and the last batch of a backfill."""
    reporter = Marks()
    settings = Settings(database_url=shop.database.dsn, plans=shop.folder / "plans")
    runner.advance(Context(settings, reporter), NAME, to=Phase.BACKFILL)
    first, last = reporter.marks[0], max(reporter.marks, key=lambda mark: (mark[1], -mark[0]))
    return last[0] - first[0], last[1] - first[1], last[2] - first[2]


@pytest.mark.parametrize(("limit", "workers"), [(150, 1), (400, 1), (400, 2)])
def test_the_rows_a_second_keep_to_their_limit(open_shop: OpenShop, limit: int, workers: int) -> None:
    shop = open_shop(WIDE, at="dual_write")
    tune(shop, "workers", workers)
    tune(shop, "max_rows_per_s", limit)
    seconds, rows, _ = marks_of(shop)
    # never above it; how much below depends on how soon a busy machine wakes a worker up
    assert 0.5 * limit <= rows / seconds <= 1.15 * limit


def test_a_nice_run_rests_for_a_multiple_of_its_work(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    tune(shop, "nice", 4)
    tune(shop, "stripes", 1)
    tune(shop, "target_batch_ms", 10)
    seconds, _, busy = marks_of(shop)
    assert seconds >= 0.95 * 5 * busy


# the switch for everything

CITY_PLAN = "name: rename-city\nchanges: [{kind: rename_column, table: cities, from: name, to: title}]\n"
CITIES: LiteralString = """
CREATE TABLE cities (LIKE users INCLUDING STORAGE INCLUDING INDEXES);
INSERT INTO cities SELECT * FROM users;
ALTER TABLE cities RENAME email TO name;
ALTER TABLE cities DROP email_address
"""


@pytest.fixture
def two_runs(open_shop: OpenShop) -> Iterator[tuple[Shop, Callable[..., Process]]]:
    """A shop with two runs before their backfills, and the command line for any of them."""
    shop = open_shop(WIDE, at="dual_write")
    shop.execute(CITIES)
    (shop.folder / "plans/rename-city.yaml").write_text(CITY_PLAN)

    def start(*args: str) -> Process:
        return shop.start_process(*args, database=shop.database, cwd=shop.folder)

    finish(start("advance", "rename-city", "--to", "dual_write"))
    yield shop, start


def statuses(start: Callable[..., Process]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(start("status", "--json").wait().stdout)
    return found


def test_one_switch_stops_every_run_and_lets_none_begin(two_runs: tuple[Shop, Callable[..., Process]]) -> None:
    shop, start = two_runs
    for name in (NAME, "rename-city"):
        intent.set_knob(context_of(shop.database), name, "pause_between_batches_ms", "400")
    runners = [start("advance", name, "--to", "backfill") for name in (NAME, "rename-city")]
    working = "SELECT count(DISTINCT run_id) FROM orchestrator.heap_window WHERE batches > 0"
    wait_until(lambda: shop.scalar(working) == 2, what="both are at work")

    stopped = start("pause", "--all").wait()
    assert stopped.exit_code == 0
    assert "(rename-email, rename-city)" in stopped.stdout
    for result in [each.wait(10) for each in runners]:
        assert result.exit_code == 6
        assert "all runs are paused by the operator" in result.stderr
        assert "orchestrator resume --all && orchestrator advance" in result.stderr
    assert shop.scalar(DONE) < WIDE_ROWS

    refused = start("advance", NAME).wait()
    assert (refused.exit_code, "orchestrator resume --all" in refused.stderr) == (6, True)
    (shop.folder / "plans/new.yaml").write_text(PLAN.replace(NAME, "new").replace("users", "others"))
    assert start("advance", "new").wait().exit_code == 6
    assert {view["waits_for"] for view in statuses(start)} == {"orchestrator resume --all"}

    lifted = start("resume", "--all").wait()
    assert (lifted.exit_code, "orchestrator advance rename-city" in lifted.stdout) == (0, True)
    for name in (NAME, "rename-city"):
        intent.set_knob(context_of(shop.database), name, "pause_between_batches_ms", "0")
        finish(start("advance", name, "--to", "backfill"))
    audited = [(run, message) for run, message in shop.database.fetch(INTENTS) if "--all" in message]
    assert audited == [(1, "pause --all"), (2, "pause --all"), (1, "resume --all"), (2, "resume --all")]


def test_a_run_paused_by_its_name_stays_so_when_the_switch_is_lifted(open_shop: OpenShop) -> None:
    shop = open_shop(at="expand")
    context = context_of(shop.database)
    intent.set_pause(context, NAME, pause=True)
    intent.set_pause_all(context, pause=True)
    assert shop.status()["waits_for"] == f"orchestrator resume --all && orchestrator resume {NAME}"
    intent.set_pause_all(context, pause=False)
    assert shop.status()["waits_for"] == f"orchestrator resume {NAME}"
    assert shop.advance("dual_write").exit_code == 6


@pytest.mark.parametrize("args", [["pause"], ["resume"], ["pause", NAME, "--all"]])
def test_either_one_run_or_all_of_them(open_shop: OpenShop, args: list[str]) -> None:
    shop = open_shop()
    result = shop.start_process(*args, database=shop.database).wait()
    assert (result.exit_code, "give either the NAME of a run or --all" in result.stderr) == (2, True)
