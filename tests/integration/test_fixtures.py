"""The fixtures keep their promises, or other tests prove nothing."""

import sys
from random import Random

import psycopg
import pytest

from tests.fixtures.database import Administrator, CreateDatabase, CreateRole, Database
from tests.fixtures.local_server import database_url
from tests.fixtures.locks import blocked_by, holding, wait_until, waiting_for_lock
from tests.fixtures.processes import Process, StartProcess
from tests.fixtures.server import StartServer

COUNTING = "import itertools\nfor number in itertools.count(): print(number, flush=True)"
READING = "import os, psycopg\npsycopg.connect(os.environ['ORCHESTRATOR_DATABASE_URL']).execute('TABLE counters')"


def counters(database: Database) -> None:
    database.execute("CREATE TABLE counters (name text PRIMARY KEY, value int); INSERT INTO counters VALUES ('a', 0)")


def lines(process: Process) -> int:
    return process.stdout.count("\n")


@pytest.mark.matrix
def test_a_dump_tells_what_changed_and_nothing_else(database: Database) -> None:
    empty = database.dump()
    database.execute("CREATE TABLE users (email text); CREATE SCHEMA orchestrator; CREATE TABLE orchestrator.runs ()")
    first, second = database.dump(), database.dump()
    database.execute("DROP TABLE users")
    assert first == second
    assert "CREATE TABLE public.users" in first
    assert "orchestrator" not in first
    assert database.dump() == empty


def test_a_database_can_be_reached_by_tcp(database: Database) -> None:
    with psycopg.connect(database.tcp_dsn) as connection:
        assert connection.info.dbname == database.name


def test_a_connection_left_open_is_a_leak(administrator: Administrator, database: Database) -> None:
    with database.connect(application_name="leaky"):
        assert [leak[1] for leak in administrator.leaks(database.name, patience_s=0)] == ["leaky"]
    assert administrator.leaks(database.name) == []


def test_copies_of_a_template_are_independent(create_database: CreateDatabase) -> None:
    first, second = create_database(counters), create_database(counters)
    first.execute("UPDATE counters SET value = 1")
    assert second.fetch("SELECT value FROM counters") == [(0,)]


def test_an_application_role_has_no_privileges_of_its_own(
    create_database: CreateDatabase, application_role: CreateRole
) -> None:
    database, role = create_database(counters), application_role()
    with psycopg.connect(role.dsn(database), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM counters")
        database.execute(f"GRANT SELECT ON counters TO {role.name}")
        connection.execute("SELECT FROM counters")


def test_a_waiting_session_is_seen_until_the_holder_ends(
    create_database: CreateDatabase, start_process: StartProcess
) -> None:
    database = create_database(counters)
    with holding(database, "LOCK TABLE counters") as holder:
        reader = start_process(sys.executable, "-c", READING, database=database)
        [pid] = wait_until(lambda: blocked_by(database, holder.pid), what="the reader waits")
        assert waiting_for_lock(database, pid)
        holder.rollback()
        assert reader.wait().exit_code == 0


def test_a_frozen_process_does_nothing_until_it_is_thawed(start_process: StartProcess) -> None:
    process = start_process(sys.executable, "-c", COUNTING)
    wait_until(lambda: lines(process), what="it counts")
    process.freeze()
    stood_at = lines(process)
    assert lines(process) == stood_at
    process.thaw()
    wait_until(lambda: lines(process) > stood_at, what="it counts on")
    assert process.kill_hard().exit_code == -9


def test_a_server_survives_a_crash(start_server: StartServer) -> None:
    server = start_server(work_mem="5MB")
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE survivors ()")
    server.restart("crash")
    with psycopg.connect(server.tcp_dsn()) as connection:
        assert connection.execute("SELECT count(*), current_setting('work_mem') FROM survivors").fetchall() == [
            (0, "5MB")
        ]


def test_random_choices_can_be_repeated(rng: Random, request: pytest.FixtureRequest) -> None:
    assert rng.random() == Random(f"{request.config.option.seed} {request.node.nodeid}").random()


def test_a_dsn_keeps_every_parameter() -> None:
    assert database_url({"user": "a@b", "password": "p/w", "dbname": "d?b", "host": "/tmp/x", "port": 1}) == (
        "postgresql://a%40b:p%2Fw@/d%3Fb?host=/tmp/x&port=1"
    )
