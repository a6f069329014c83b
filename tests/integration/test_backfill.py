"""The backfill counts exactly, and survives kills, restarts, lost connections and a table that changes under it."""

from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from orchestrator import claimed
from orchestrator.context import Context, journal
from orchestrator.errors import NotVerified, OrchestratorError, StepFailed
from orchestrator.journal import store
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from tests.fixtures.database import CreateRole, Database
from tests.fixtures.local_server import LocalServer
from tests.fixtures.locks import blocked_by, holding, wait_until
from tests.fixtures.server import StartServer
from tests.fixtures.shops import (
    HALT,
    NAME,
    PLAN,
    USERS,
    WIDE,
    WIDE_ROWS,
    Interference,
    OpenHaltingShop,
    OpenShop,
    Shop,
    ShopOn,
    stocked,
)

TERMINATE_CLAIM: LiteralString = "SELECT pg_terminate_backend(backend_pid) FROM orchestrator.heartbeat"
TERMINATE_WORKERS: LiteralString = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'orchestrator %'
  AND pid NOT IN (SELECT backend_pid FROM orchestrator.heartbeat)
"""


def counted(shop: Shop) -> tuple[int, int]:
    """Rows that the backfill counted, and those that differ all the same."""
    return shop.progress()["rows"], shop.differences()


@pytest.mark.matrix
def test_every_row_is_counted_once(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="backfill")
    assert counted(shop) == (WIDE_ROWS, 0)
    assert shop.progress()["batches"] > 1
    assert shop.progress("verify")["differences"] == 0


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("DELETE FROM users", 0),
        ("DELETE FROM users WHERE id > 1", 1),
        ("UPDATE users SET email = NULL", 0),
    ],
)
def test_a_table_of_few_rows_is_no_special_case(open_shop: OpenShop, rows: LiteralString, expected: int) -> None:
    shop = open_shop(USERS.replace(" NOT NULL", "") + rows, at="backfill")
    assert counted(shop) == (expected, 0)


def test_a_killed_runner_redoes_nothing_that_was_committed(open_halting_shop: OpenHaltingShop) -> None:
    shop = open_halting_shop()
    shop.set_knobs(stripes=1)
    with holding(shop.database, HALT) as halt:
        victim = shop.start_advance("backfill")
        wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        victim.kill_hard()
        before = shop.progress()
    # whoever visited these blocks once more would count this row twice
    shop.plant("UPDATE users SET email_address = 'planted' WHERE id = 1")
    shop.finish("backfill")
    assert 0 < before["rows"] < WIDE_ROWS
    assert before["next_block"] > 0
    assert counted(shop) == (WIDE_ROWS, 0)
    assert shop.progress("verify")["differences"] == 1


def test_a_window_that_was_cut_short_between_its_passes_counts_no_row_twice(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(stripes=8, pause_between_batches_ms=60_000)
    victim = shop.start_advance("backfill")
    shop.await_batches(1)
    victim.kill_hard()
    shop.set_knobs(pause_between_batches_ms=0)
    shop.finish("backfill")
    assert counted(shop) == (WIDE_ROWS, 0)


def test_pause_is_obeyed_after_the_batch_and_does_not_wait_for_it(open_halting_shop: OpenHaltingShop) -> None:
    shop = open_halting_shop()
    with holding(shop.database, HALT) as halt:
        working = shop.start_advance("backfill")
        wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        assert shop.run("pause").exit_code == 0
        assert blocked_by(shop.database, halt.pid), "pause waited for the batch"
        batches = shop.progress()["batches"]
    stopped = working.wait()
    assert stopped.exit_code == 6
    assert "orchestrator resume rename-email" in stopped.stderr
    assert shop.progress()["batches"] <= batches + 2
    assert shop.status()["status"] == "paused"
    assert shop.advance("backfill").exit_code == 6
    assert shop.run("resume").exit_code == 0
    shop.finish("backfill")
    assert counted(shop) == (WIDE_ROWS, 0)


def test_a_knob_is_obeyed_while_the_backfill_rests(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=60_000)
    working = shop.start_advance("backfill")
    shop.await_batches(1)
    assert shop.run("set", "pause_between_batches_ms=0").exit_code == 0
    assert working.wait(timeout=30).exit_code == 0


@pytest.mark.matrix
@pytest.mark.parametrize(
    "interference",
    ["VACUUM FULL users", "CLUSTER users USING users_pkey", "ALTER TABLE users ALTER id TYPE bigint"],
)
def test_a_table_that_is_rewritten_is_started_over(open_shop: OpenShop, interference: LiteralString) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(stripes=1)
    reporter = Interference(lambda: shop.execute(interference))
    shop.finish("backfill", reporter)
    assert reporter.notes == ["public.users was rewritten by somebody: starting over, rows done stay done"]
    assert counted(shop) == (WIDE_ROWS, 0)


@pytest.mark.parametrize(
    "interference",
    [
        "TRUNCATE users",
        "DELETE FROM users; VACUUM users",
        "DELETE FROM users WHERE id > 2",
        "INSERT INTO users SELECT n, 'new' FROM generate_series(1001, 1100) n",
        "UPDATE users SET email = 'x', filler = 'y'",
        "UPDATE users SET id = id + 5000",
    ],
)
def test_a_table_that_changes_under_the_backfill_ends_up_equal(
    open_shop: OpenShop, interference: LiteralString
) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(stripes=1)

    def interfere() -> None:
        with shop.database.connect() as connection:
            for statement in interference.split(";"):
                connection.execute(statement)

    shop.finish("backfill", Interference(interfere))
    assert shop.differences() == 0


@pytest.mark.parametrize(
    ("interference", "message"),
    [
        ("DISABLE TRIGGER {}", "is disabled"),
        ("DISABLE TRIGGER ALL", "is disabled"),
        ("ENABLE REPLICA TRIGGER {}", "is disabled"),
    ],
)
def test_a_trigger_that_is_switched_off_stops_the_backfill(
    open_shop: OpenShop, interference: LiteralString, message: str
) -> None:
    shop = open_shop(WIDE, at="dual_write")
    trigger = str(shop.scalar("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zzzz%'"))
    switch = SQL("ALTER TABLE users ") + SQL(interference).format(Identifier(trigger))
    with pytest.raises(StepFailed, match=f'trigger "{trigger}" on public.users {message}'):
        shop.finish("backfill", Interference(lambda: shop.execute(switch)))
    assert shop.progress()["batches"] == 1
    shop.execute("UPDATE users SET email = 'missed' WHERE id = 1")
    shop.execute(SQL("ALTER TABLE users ENABLE TRIGGER {}").format(Identifier(trigger)))
    shop.finish("backfill")
    assert shop.differences() == 0


def test_a_trigger_that_is_gone_stops_the_backfill_and_the_run_can_be_undone(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    trigger = Identifier(str(shop.scalar("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zzzz%'")))
    with pytest.raises(StepFailed, match="is gone"):
        shop.finish("backfill", Interference(lambda: shop.execute(SQL("DROP TRIGGER {} ON users").format(trigger))))
    assert shop.run("abort").exit_code == 0
    assert "email_address" not in shop.database.dump()


@pytest.mark.parametrize("lost", [TERMINATE_CLAIM, TERMINATE_WORKERS], ids=["the claim's", "the worker's"])
def test_a_lost_connection_is_made_again(open_shop: OpenShop, lost: LiteralString) -> None:
    shop = open_shop(WIDE, at="dual_write")
    # a rest in which the loss of the claim is noticed
    shop.set_knobs(pause_between_batches_ms=100)
    reporter = Interference(lambda: shop.execute(lost), after=3)
    shop.finish("backfill", reporter)
    assert "lost the connection to the server: trying again" in reporter.notes
    assert counted(shop) == (WIDE_ROWS, 0)


def test_a_batch_whose_connection_is_killed_is_done_again(open_halting_shop: OpenHaltingShop) -> None:
    shop = open_halting_shop()
    with holding(shop.database, HALT) as halt:
        working = shop.start_advance("backfill")
        [pid] = wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        shop.database.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_until(lambda: "lost the connection" in working.stderr, what="the loss is noticed")
        halt.rollback()
        assert working.wait().exit_code == 0
    assert counted(shop) == (WIDE_ROWS, 0)


def test_patience_is_counted_from_the_loss_and_not_from_the_start(
    open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=100)
    monkeypatch.setattr(claimed, "RECONNECT_S", 0.3)
    monkeypatch.setattr(claimed, "STEADY_S", 0.2)
    shop.finish("backfill", Interference(lambda: shop.execute(TERMINATE_WORKERS), after=5))
    assert counted(shop) == (WIDE_ROWS, 0)


class Outage(Interference):
    """Crashes the server after two batches, and starts it when the runner has tried in vain to connect again."""

    def __init__(self, server: LocalServer) -> None:
        super().__init__(lambda: server.stop("immediate"), after=2)
        self._server = server

    def note(self, message: str) -> None:
        super().note(message)
        if len(self.notes) == 2:
            self._server.start()


def test_a_server_that_restarts_is_waited_for(start_server: StartServer, shop_on: ShopOn) -> None:
    server = start_server()
    shop = shop_on(Database(server.dsn(), "postgres", server))
    stocked(WIDE, "dual_write", PLAN)(shop.database)
    shop.set_knobs(stripes=1)
    reporter = Outage(server)
    shop.finish("backfill", reporter)
    assert reporter.notes == ["lost the connection to the server: trying again"] * 2
    assert counted(shop) == (WIDE_ROWS, 0)


HOSTILE_SETTINGS = {
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "search_path": "nowhere",
    "row_security": "off",
    "lock_timeout": "1ms",
    "statement_timeout": "300ms",
    "idle_in_transaction_session_timeout": "500ms",
    "session_replication_role": "origin",
    "synchronous_commit": "off",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-3",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "enable_tidscan": "off",
    "default_tablespace": "",
}


@pytest.mark.matrix
def test_settings_of_the_role_and_the_database_change_nothing(open_shop: OpenShop) -> None:
    shop = open_shop(
        WIDE.replace("email text", "email text UNIQUE CHECK (pg_sleep(0.001)::text = '')"), at="dual_write"
    )
    for name, value in HOSTILE_SETTINGS.items():
        where = Identifier(shop.database.name)
        shop.execute(SQL("ALTER DATABASE {} SET {} = {}").format(where, SQL(name), value))
    shop.finish("contract")
    assert shop.scalar("SELECT count(*) FROM public.users WHERE email_address LIKE 'user%'") == WIDE_ROWS


TOUCHING: LiteralString = """
ALTER TABLE users ADD updated_at timestamptz;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
"""


@pytest.mark.matrix
def test_triggers_of_the_application_do_not_fire_for_the_backfill(open_shop: OpenShop) -> None:
    shop = open_shop(USERS + TOUCHING, at="backfill")
    assert shop.scalar("SELECT count(updated_at) FROM users") == 0
    shop.execute("UPDATE users SET city = 'x'")
    assert shop.scalar("SELECT count(updated_at) FROM users") == 10


def test_a_role_that_may_not_silence_triggers_is_told_which_will_fire(
    open_shop: OpenShop, application_role: CreateRole
) -> None:
    shop, role = open_shop(USERS + TOUCHING), application_role()
    owner = Identifier(role.name)
    shop.execute(SQL("ALTER TABLE users OWNER TO {0}; GRANT CREATE ON SCHEMA public TO {0}").format(owner))
    shop.execute(SQL("GRANT USAGE ON SCHEMA orchestrator TO {0}").format(owner))
    shop.execute(SQL("GRANT SELECT ON ALL TABLES IN SCHEMA orchestrator TO {0}").format(owner))
    planned = shop.start_process("plan", NAME, database=role.dsn(shop.database), cwd=shop.folder).wait()
    assert planned.exit_code == 0, planned.stderr
    assert 'trigger "touch" will fire for every row of the backfill: our role may not silence it' in planned.stdout


def plant(shop: Shop) -> None:
    shop.plant("UPDATE users SET email_address = 'planted' WHERE id = 7")


def test_verify_shows_the_key_of_a_row_that_differs(open_shop: OpenShop) -> None:
    shop = open_shop(at="backfill")
    assert shop.run("verify").exit_code == 0
    plant(shop)
    found = shop.run("verify")
    assert found.exit_code == 1
    assert found.stdout == "public.users: 10 rows compared, 1 differ; the first:\n  id=7\n"


@pytest.mark.matrix
def test_a_row_that_differs_stops_contract_before_anything_is_dropped(open_shop: OpenShop) -> None:
    shop = open_shop(at="constrain")
    plant(shop)
    before = shop.database.dump()
    with pytest.raises(NotVerified, match="1 rows differ\n  id=7"):
        shop.finish("contract")
    assert shop.database.dump() == before
    # only the new column has it
    assert shop.run("abort").exit_code == 3
    assert shop.database.dump() == before
    assert shop.run("abort", "--confirm-loss").exit_code == 0
    assert "email_address" not in shop.database.dump()


def test_a_row_that_cannot_be_repaired_stops_the_backfill(open_shop: OpenShop) -> None:
    shop = open_shop(
        USERS
        + """
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN IF NEW.id = 7 THEN NEW.email_address := ''wrong''; END IF; RETURN NEW; END';
        CREATE TRIGGER zzzzz BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION undo();
        ALTER TABLE users ENABLE ALWAYS TRIGGER zzzzz;
        """,
        at="dual_write",
    )
    with pytest.raises(NotVerified, match="1 rows differ\n  id=7"):
        shop.finish("backfill")


def test_the_journal_survives_a_batch_that_fails(open_shop: OpenShop) -> None:
    shop = open_shop(
        USERS
        + """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN IF NEW.id = 7 THEN RAISE ''no update of row 7''; END IF; RETURN NEW; END';
        CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse();
        ALTER TABLE users ENABLE ALWAYS TRIGGER refuse;
        """,
        at="dual_write",
    )
    with pytest.raises(OrchestratorError, match="no update of row 7"):
        shop.finish("backfill")
    settings = Settings(database_url=shop.database.dsn)
    with journal(Context(settings, Reporter())) as connection:
        run = store.find(connection, NAME)
        assert run is not None
        assert (run.status, run.error) == ("failed", 'run "rename-email": no update of row 7')
    shop.execute("DROP TRIGGER refuse ON users")
    shop.finish("backfill")
    assert counted(shop) == (10, 0)


def test_an_operator_that_cancels_a_batch_stops_the_run(open_halting_shop: OpenHaltingShop) -> None:
    shop = open_halting_shop()
    with holding(shop.database, HALT) as halt:
        working = shop.start_advance("backfill")
        [pid] = wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        shop.database.execute("SELECT pg_cancel_backend(%s)", [pid])
        stopped = working.wait()
    assert stopped.exit_code == 6
    assert "pg_cancel_backend" in stopped.stderr


# fires in the backfill too, and takes its time with each row
SLOW: LiteralString = """
CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({}); RETURN NEW; END $$;
CREATE TRIGGER doze BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION doze();
ALTER TABLE users ENABLE ALWAYS TRIGGER doze;
"""
FORTY: LiteralString = "INSERT INTO users SELECT n, 'user' || n || '@example.org' FROM generate_series(11, 40) n;"


def test_a_block_that_takes_too_long_is_updated_in_parts(open_shop: OpenShop) -> None:
    shop = open_shop(USERS + FORTY + SLOW.replace("{}", "0.01"), at="dual_write")
    shop.set_knobs(target_batch_ms=20)
    shop.finish("backfill")
    assert counted(shop) == (40, 0)


def test_a_row_may_take_longer_than_a_batch_should(open_shop: OpenShop) -> None:
    shop = open_shop(USERS + SLOW.replace("{}", "0.1"), at="dual_write")
    shop.set_knobs(target_batch_ms=10)
    shop.finish("backfill")
    assert counted(shop) == (10, 0)


def test_a_row_that_takes_too_long_stops_the_backfill_by_name(open_shop: OpenShop) -> None:
    shop = open_shop(USERS + SLOW.replace("{}", "1"), at="dual_write")
    shop.set_knobs(target_batch_ms=10)
    with pytest.raises(StepFailed, match="rows of block 0") as failure:
        shop.finish("backfill")
    assert "of public.users cannot be updated within 800 ms" in failure.value.message
    assert failure.value.hint is not None
    assert "with a larger deadlock_timeout" in failure.value.hint
    shop.execute("DROP TRIGGER doze ON users")
    shop.finish("backfill")
    assert counted(shop) == (10, 0)


def test_an_interrupted_contract_compares_once_more(open_shop: OpenShop) -> None:
    shop = open_shop(at="constrain")
    with holding(shop.database, "SELECT FROM users"):
        # every row is equal, but the drop does not get its lock
        halted = shop.advance("contract", "--confirm-contract", env={"ORCHESTRATOR_LOCK_BUDGET_S": "0"})
        assert halted.exit_code == 5
        assert "orchestrator advance rename-email --confirm-contract" in halted.stderr
    shop.execute("ALTER TABLE users DISABLE TRIGGER USER")
    shop.execute("UPDATE users SET email = 'only here' WHERE id = 7")
    shop.execute("ALTER TABLE users ENABLE TRIGGER USER")
    again = shop.advance("contract", "--confirm-contract")
    assert again.exit_code == 1
    assert "id=7" in again.stderr
    assert shop.scalar("SELECT email FROM users WHERE id = 7") == "only here"


def test_contract_compares_every_table_before_it_drops_anything_of_one(open_shop: OpenShop) -> None:
    plan = PLAN + "  - {kind: rename_column, table: shops, from: name, to: title}\n"
    second: LiteralString = "CREATE TABLE shops (id int PRIMARY KEY, name text); INSERT INTO shops VALUES (1, 'a');"
    shop = open_shop(USERS + second, at="constrain", plan=plan)
    steps = shop.database.fetch("SELECT op FROM orchestrator.step WHERE phase = 'contract' ORDER BY position")
    assert [op for (op,) in steps[:2]] == ["verify", "verify"]
    shop.execute("ALTER TABLE shops DISABLE TRIGGER USER")
    shop.execute("UPDATE shops SET title = 'planted'")
    shop.execute("ALTER TABLE shops ENABLE TRIGGER USER")
    assert shop.advance("contract", "--confirm-contract").exit_code == 1
    assert shop.differences() == 0
    assert "1 values of public.shops.title" in shop.run("abort").stderr
    assert shop.run("abort", "--confirm-loss").exit_code == 0


SWITCH: LiteralString = """
SELECT payload -> 'sql' FROM orchestrator.step
WHERE op = 'statement' AND json_array_length((payload -> 'guards')::json) > 0
"""


def test_contract_drops_nothing_without_the_trigger(open_shop: OpenShop) -> None:
    shop = open_shop(at="constrain")
    trigger = str(shop.scalar("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zzzz%'"))
    switch = shop.scalar(SWITCH)
    shop.execute("ALTER TABLE users DISABLE TRIGGER USER")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match=trigger):
        shop.database.execute(SQL(";\n".join(switch)))
    assert shop.differences() == 0


def test_an_abort_takes_trigger_and_column_away_together(open_shop: OpenShop) -> None:
    shop = open_shop(at="backfill")
    shop.execute("CREATE VIEW addresses AS SELECT email_address FROM users")
    refused = shop.run("abort")
    assert refused.exit_code == 1
    assert "view addresses depends on column email_address" in refused.stderr
    assert "CASCADE" not in refused.stderr
    shop.execute("UPDATE users SET email_address = 'late' WHERE id = 7")
    assert shop.scalar("SELECT email FROM users WHERE id = 7") == "late"
    assert "view addresses" in shop.status()["error"]
    shop.execute("DROP VIEW addresses")
    assert shop.run("abort").exit_code == 0


@pytest.mark.matrix
def test_batches_compress_their_full_page_images_where_the_server_can(open_shop: OpenShop) -> None:
    shop = open_shop(USERS, at="dual_write")
    shop.execute(
        "CREATE TABLE seen (setting text);"
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO seen VALUES (current_setting('wal_compression')); RETURN NULL; END $$;"
        "CREATE TRIGGER see AFTER UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION see();"
        "ALTER TABLE users ENABLE ALWAYS TRIGGER see"
    )
    able = shop.scalar("SELECT coalesce('lz4' = ANY (enumvals), false) FROM pg_settings WHERE name = 'wal_compression'")
    shop.finish("backfill")
    assert shop.scalar("SELECT array_agg(DISTINCT setting) FROM seen") == (["lz4"] if able else ["off"])


SHORT = SQL("ALTER DATABASE {database} SET deadlock_timeout = '200ms'")


class Once(Reporter):
    """Does something as the verification begins."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def step_started(self, title: str) -> None:
        if title.startswith("verify"):
            self._act()


def slowly_repaired(open_shop: OpenShop, tables: LiteralString, seconds: LiteralString) -> Shop:
    """Many rows differ when the verification begins, and to update one takes its time."""
    shop = open_shop(tables, at="dual_write")
    shop.execute(SHORT.format(database=Identifier(shop.database.name)))

    def plant() -> None:
        shop.plant("UPDATE users SET email = 'planted' || id WHERE id % 10 = 1 OR id <= 40")
        shop.execute(SLOW.replace("{}", seconds))

    shop.finish("backfill", Once(plant))
    return shop


@pytest.mark.parametrize("tables", [WIDE, USERS + FORTY], ids=["blocks", "rows of a block"])
def test_more_rows_than_can_be_repaired_in_time_are_repaired_in_parts(
    open_shop: OpenShop, tables: LiteralString
) -> None:
    shop = slowly_repaired(open_shop, tables, "0.01")
    assert shop.differences() == 0
    assert shop.progress("verify")["differences"] == (96 if tables == WIDE else 40)


def test_a_row_that_cannot_be_repaired_in_time_stops_the_backfill(open_shop: OpenShop) -> None:
    with pytest.raises(StepFailed, match=r"a row of block 0 of public\.users cannot be updated within 160 ms"):
        slowly_repaired(open_shop, USERS, "1")
