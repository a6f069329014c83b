"""The state schema: created once however many create it, upgraded by nobody but `init`, and its own guard."""

import os
import subprocess
import sys
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from orchestrator import database as connections
from orchestrator.journal import schema
from orchestrator.journal.states import TRANSITIONS, State
from orchestrator.journal.tables import HEAD
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import holding, wait_until, waiting_for_lock
from tests.fixtures.processes import Orchestrator, StartProcess
from tests.integration.command_line import CommandLine, OpenCommandLine, hint_of, initialised
from tests.unit.runs import STATES

CHECKOUT = Path(__file__).parents[2]
COMMANDS = (
    ("advance", "rename-email"),
    ("status",),
    ("status", "rename-email"),
    ("check", "--deploy", "2.4"),
    ("pause", "rename-email"),
    ("resume", "rename-email"),
    ("set", "rename-email", "target_batch_ms=100"),
    ("verify", "rename-email"),
    ("abort", "rename-email"),
    ("history", "rename-email"),
    ("plan", "rename-email", "--refresh"),
)
CATALOG = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, identity_generation
FROM information_schema.columns WHERE table_schema = 'orchestrator'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', '' FROM pg_indexes WHERE schemaname = 'orchestrator'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
FROM pg_constraint WHERE connamespace = 'orchestrator'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '', ''
FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'orchestrator.%' AND NOT tgisinternal
UNION ALL SELECT 'function', proname, '', prosrc, '', '', ''
FROM pg_proc WHERE pronamespace = 'orchestrator'::regnamespace
ORDER BY 1, 2, 3, 4
"""
RUN = """
INSERT INTO orchestrator.run (name, phase, status, plan, deltas, removes, adds, warnings, tool_version)
VALUES ('x', 'expand', %(status)s, '{}', '[]', '[]', '[]', '[]', '1')
"""
PLANNED = {"status": "planned"}
# puts a run into any state, past the guard
PLACE = SQL("""
SET LOCAL session_replication_role = replica;
UPDATE orchestrator.run SET phase = {phase}, status = {status};
SET LOCAL session_replication_role = origin
""")
MOVE = "UPDATE orchestrator.run SET phase = %s, status = %s"


@pytest.fixture
def state(create_database: CreateDatabase) -> Database:
    return create_database(initialised)


@pytest.mark.matrix
def test_init_creates_the_state_schema_and_says_which(database: Database, orchestrator: Orchestrator) -> None:
    init = orchestrator("init", database=database)
    assert (init.exit_code, init.stdout, init.stderr) == (0, f"state schema at revision {HEAD}\n", "")
    assert orchestrator("status", database=database).stdout.startswith("no runs yet: ")


def test_init_on_an_initialised_database_changes_nothing(state: Database, open_command_line: OpenCommandLine) -> None:
    before = state.fetch(CATALOG)
    init = open_command_line(state).succeed("init")
    assert init.stdout == f"state schema at revision {HEAD}, as before\n"
    assert state.fetch(CATALOG) == before


def test_inits_at_the_same_time_wait_for_each_other(
    database: Database, state: Database, start_orchestrator: StartProcess
) -> None:
    with holding(database, "SELECT pg_advisory_xact_lock(1869767528)") as holder:
        inits = [start_orchestrator("init", database=database) for _ in range(8)]
        wait_until(lambda: len(waiting(database)) == 8, timeout=60, what="all of them wait")
        assert not waiting_for_lock(database, holder.pid)
        holder.rollback()
        results = [init.wait() for init in inits]
    assert [result.exit_code for result in results] == [0] * 8, results
    assert database.fetch(CATALOG) == state.fetch(CATALOG)
    assert database.fetch("SELECT count(*) FROM orchestrator.alembic_version") == [(1,)]


def waiting(database: Database) -> list[tuple[int]]:
    return database.fetch("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@pytest.mark.matrix
def test_the_sql_of_init_makes_the_same_schema(database: Database, state: Database, orchestrator: Orchestrator) -> None:
    script = orchestrator("init", "--sql").stdout
    with database.connect() as connection:
        connection.execute(script.encode())
    assert database.fetch(CATALOG) == state.fetch(CATALOG)
    assert database.fetch("TABLE orchestrator.alembic_version") == [(HEAD,)]
    assert database.fetch("SELECT count(*) FROM orchestrator.transition") == [(len(TRANSITIONS),)]


def test_an_init_that_fails_leaves_nothing_behind(database: Database, open_command_line: OpenCommandLine) -> None:
    database.execute("CREATE SCHEMA orchestrator CREATE TABLE event (id int)")
    before = database.fetch(CATALOG)
    init = open_command_line(database)("init")
    assert init.exit_code == 1
    assert 'relation "event" already exists' in init.stderr
    assert database.fetch(CATALOG) == before


def test_without_a_state_schema_a_command_says_how_to_get_one(
    database: Database, open_command_line: OpenCommandLine
) -> None:
    cli = open_command_line(database)
    cli.plan()
    database.execute("CREATE TABLE users (id int PRIMARY KEY, email text)")
    for command in COMMANDS:
        result = cli(*command)
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert 'error: the database has no schema "orchestrator" yet' in result.stderr, command
        assert hint_of(result) == "create it with: orchestrator init", command


def test_a_newer_state_schema_is_refused_politely_by_every_command(cli: CommandLine) -> None:
    cli.database.execute("UPDATE orchestrator.alembic_version SET version_num = '0999'")
    for command in (*COMMANDS, ("init",)):
        result = cli(*command)
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert "error: the state schema is at revision 0999, which this version" in result.stderr, command
        assert hint_of(result) == "a newer version has upgraded it: install that version here too", command


def test_alembic_sees_no_difference_between_tables_and_revisions(state: Database) -> None:
    program = Path(sys.executable).with_name("alembic")
    env = {**os.environ, "ORCHESTRATOR_DATABASE_URL": state.dsn}
    done = subprocess.run([program, "check"], cwd=CHECKOUT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No new upgrade operations detected" in done.stdout


def test_the_database_holds_the_transitions_of_the_code(state: Database) -> None:
    rows = state.fetch("SELECT from_phase, from_status, to_phase, to_status FROM orchestrator.transition")
    assert set(rows) == {(*origin, *to) for origin, to in TRANSITIONS}


@pytest.mark.matrix
def test_the_database_allows_just_the_legal_transitions(state: Database) -> None:
    wrong = []
    with state.connect(autocommit=False) as connection:
        connection.execute(RUN, PLANNED)
        for origin in STATES:
            for to in STATES:
                allowed = moves(connection, origin, to)
                if allowed != (origin == to or (origin, to) in TRANSITIONS):
                    wrong.append((origin, to, allowed))
        connection.rollback()
    assert wrong == []


def moves(connection: psycopg.Connection[tuple[object, ...]], origin: State, to: State) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(PLACE.format(phase=Literal(origin[0].value), status=Literal(origin[1].value)))
            connection.execute(MOVE, [to[0].value, to[1].value])
    except psycopg.errors.CheckViolation as error:
        assert "may not go from" in str(error)
        return False
    return True


@pytest.mark.parametrize("status", ["running", "waiting", "complete"])
def test_a_run_begins_as_planned(status: str, state: Database) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="a run begins as expand/planned"):
        state.execute(RUN, {"status": status})


def test_an_epoch_does_not_go_back(state: Database) -> None:
    state.execute(RUN, PLANNED)
    state.execute("UPDATE orchestrator.run SET epoch = 7")
    with pytest.raises(psycopg.errors.CheckViolation, match="epoch of run x may not go back"):
        state.execute("UPDATE orchestrator.run SET epoch = 6")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orchestrator.event SET message = 'it never happened'",
        "DELETE FROM orchestrator.event",
        "TRUNCATE orchestrator.event",
        "TRUNCATE orchestrator.run CASCADE",
    ],
)
def test_history_is_never_rewritten(change: LiteralString, state: Database) -> None:
    state.execute(RUN, PLANNED)
    state.execute(
        "INSERT INTO orchestrator.event (run_id, actor, host, kind, message)"
        " SELECT id, 'a', 'h', 'created', 'm' FROM orchestrator.run"
    )
    with pytest.raises(psycopg.errors.RestrictViolation, match=r"orchestrator\.event is append-only"):
        state.execute(change)
    assert state.fetch("SELECT message FROM orchestrator.event") == [("m",)]


def test_two_live_runs_of_one_name_cannot_be(state: Database) -> None:
    state.execute(RUN, PLANNED)
    with pytest.raises(psycopg.errors.UniqueViolation, match="run_live_name_key"):
        state.execute(RUN, PLANNED)


def test_a_state_that_nobody_knows_cannot_be(state: Database) -> None:
    state.execute(RUN, PLANNED)
    with pytest.raises(psycopg.errors.CheckViolation):
        state.execute("UPDATE orchestrator.run SET status = 'resting'")


def test_reading_the_revision_leaves_the_transaction_usable(database: Database) -> None:
    with connections.engine(database.dsn).connect() as connection:
        assert schema.current(connection) is None
        assert connections.scalar(connection, "SELECT 1") == 1
