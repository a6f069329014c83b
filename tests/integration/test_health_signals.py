"""Each signal says what it measures: read from a real server in the condition that it is about."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.pq import ExecStatus, PGconn
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from orchestrator import database as connections
from orchestrator.backfill.health import Measured, Outcome, Said, Unseen
from orchestrator.backfill.sampler import SESSION
from orchestrator.backfill.signals import READERS, SEE_ALL, Place
from orchestrator.knobs import Knobs
from tests.fixtures.database import CreateRole, Database
from tests.fixtures.local_server import LocalServer
from tests.fixtures.locks import blocked_by, holding, wait_until
from tests.fixtures.server import StartReplica, StartServer

RUN = "orchestrator some-run"


def read(dsn: str, name: str, *, table: str = "pg_class", **knobs: object) -> Outcome:
    """A signal, as a runner of "some-run" reads it."""
    engine = connections.working_engine(dsn, application_name=RUN)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connections.run(connection, SESSION)

            def connect() -> Connection:
                return connection

            return READERS[name](Place(connect, table, Knobs.model_validate(knobs)))
    finally:
        engine.dispose()


def measured(dsn: str, name: str) -> float:
    outcome = read(dsn, name)
    assert isinstance(outcome, Measured), outcome
    return outcome.value or 0.0


def database_of(server: LocalServer) -> Database:
    return Database(server.dsn(), "postgres", server)


@contextmanager
def busy(dsn: str, statement: str, application_name: str = "application", **parameters: str) -> Iterator[None]:
    """A session that is in the middle of a statement; libpq's own interface does not wait for its end."""
    session = PGconn.connect(make_conninfo(dsn, application_name=application_name, **parameters).encode())
    session.send_query(statement.encode())
    yield
    session.get_cancel().cancel()
    session.finish()


# replicas


@pytest.mark.parametrize("signal", ["max_replica_lag_s", "max_replica_lag_mb"])
def test_without_replicas_there_is_no_lag(database: Database, signal: str) -> None:
    assert read(database.dsn, signal) == Measured(None)


@pytest.mark.matrix
def test_the_lag_of_a_replica_grows_while_its_replay_is_paused(
    start_server: StartServer, start_replica: StartReplica
) -> None:
    primary = start_server()
    replica = start_replica(primary)
    dsn, behind = primary.dsn(), database_of(replica)
    primary_database = database_of(primary)
    wait_until(lambda: isinstance(read(dsn, "max_replica_lag_mb"), Measured), what="the replica is seen")
    primary_database.execute("CREATE TABLE t (n int)")
    wait_until(lambda: measured(dsn, "max_replica_lag_mb") == 0, what="the replica has replayed everything")

    behind.execute("SELECT pg_wal_replay_pause()")
    primary_database.execute("INSERT INTO t SELECT generate_series(1, 50000)")
    wait_until(lambda: measured(dsn, "max_replica_lag_s") > 1, what="it is a second behind")
    seconds, megabytes = read(dsn, "max_replica_lag_s"), read(dsn, "max_replica_lag_mb")
    assert isinstance(seconds, Measured)
    assert isinstance(megabytes, Measured)
    assert (seconds.subject, megabytes.subject) == ("replica1", "replica1")
    assert megabytes.value is not None
    assert 2 < megabytes.value < 50
    assert read(dsn, "max_replica_lag_s", ignore_replicas="other, replica1") == Measured(None)

    primary_database.execute("CREATE ROLE stranger LOGIN")
    stranger = dsn.replace("postgres@", "stranger@")
    assert read(stranger, "max_replica_lag_s") == Unseen(SEE_ALL)
    primary_database.execute("GRANT pg_read_all_stats TO stranger")
    assert measured(stranger, "max_replica_lag_s") > 1

    behind.execute("SELECT pg_wal_replay_resume()")
    wait_until(lambda: measured(dsn, "max_replica_lag_mb") == 0, what="the replica has caught up")


@pytest.mark.matrix
def test_a_logical_subscriber_is_no_replica(start_server: StartServer) -> None:
    server = start_server()
    database = database_of(server)
    database.execute("CREATE PUBLICATION p FOR ALL TABLES")
    database.execute("SELECT pg_create_logical_replication_slot('subscriber', 'pgoutput')")
    subscribe = "START_REPLICATION SLOT subscriber LOGICAL 0/0 (proto_version '1', publication_names 'p')"
    subscriber = PGconn.connect(make_conninfo(server.dsn(), replication="database").encode())
    assert subscriber.exec_(subscribe.encode()).status == ExecStatus.COPY_BOTH
    written = flushed = applied = 1
    subscriber.put_copy_data(pack("!cqqqqb", b"r", written, flushed, applied, 0, 0))
    subscriber.flush()
    seen = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL"
    wait_until(lambda: database.fetch(seen) == [(1,)], what="the subscriber is there, far behind")
    assert read(server.dsn(), "max_replica_lag_mb") == Measured(None)
    subscriber.finish()


# sessions


@pytest.mark.matrix
def test_active_sessions_are_those_of_others(database: Database) -> None:
    before = measured(database.dsn, "max_active_sessions")
    sleep = "SELECT pg_sleep(60)"
    with busy(database.dsn, sleep), busy(database.dsn, sleep), busy(database.dsn, sleep, application_name=RUN):
        wait_until(
            lambda: measured(database.dsn, "max_active_sessions") == before + 2, what="two are active, ours left out"
        )


@pytest.mark.parametrize("signal", ["max_active_sessions", "max_waiting_sessions"])
def test_a_role_that_may_not_see_the_sessions_of_others_says_so(
    database: Database, application_role: CreateRole, signal: str
) -> None:
    role = application_role()
    with database.connect():
        assert read(role.dsn(database), signal) == Unseen(SEE_ALL)
        database.execute(SQL("GRANT pg_read_all_stats TO {role}").format(role=Identifier(role.name)))
        assert isinstance(read(role.dsn(database), signal), Measured)


@pytest.mark.matrix
@pytest.mark.parametrize(("holder", "waiting"), [(RUN, 1), ("application", 0)])
def test_waiting_sessions_are_those_that_wait_for_the_run(database: Database, holder: str, waiting: int) -> None:
    database.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
    with (
        holding(database, "UPDATE t SET n = 2", application_name=holder) as batch,
        busy(database.dsn, "UPDATE t SET n = 3"),
    ):
        wait_until(lambda: blocked_by(database, batch.pid), what="the application waits")
        assert measured(database.dsn, "max_waiting_sessions") == waiting


# WAL


@pytest.mark.matrix
def test_the_slot_that_keeps_most_wal_is_named(start_server: StartServer) -> None:
    database = database_of(start_server())
    assert read(database.dsn, "max_slot_wal_mb") == Measured(None)
    database.execute("SELECT pg_create_physical_replication_slot('idle', true)")
    database.execute("SELECT pg_logical_emit_message(true, 'x', repeat('x', 3 * 1024 * 1024))")
    database.execute("SELECT pg_create_physical_replication_slot('young', true)")
    outcome = read(database.dsn, "max_slot_wal_mb")
    assert isinstance(outcome, Measured)
    assert outcome.subject == "idle"
    assert outcome.value is not None
    assert 3 <= outcome.value < 30


@pytest.mark.matrix
def test_wal_files_that_the_archiver_does_not_get_rid_of_are_counted(start_server: StartServer) -> None:
    database = database_of(start_server(archive_mode="on"))
    switch = "SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()"

    def archive_with(command: str) -> None:
        with database.connect() as connection:
            connection.execute(SQL("ALTER SYSTEM SET archive_command = {}").format(command))
            connection.execute("SELECT pg_reload_conf()")

    archive_with("false")
    for _ in range(3):
        database.execute(switch)
    wait_until(lambda: measured(database.dsn, "max_archive_backlog") == 3, what="nothing was ever archived")
    archive_with("true")
    database.execute(switch)
    wait_until(lambda: measured(database.dsn, "max_archive_backlog") == 0, timeout=70, what="all are archived")
    archive_with("false")
    for _ in range(2):
        database.execute(switch)
    wait_until(lambda: measured(database.dsn, "max_archive_backlog") == 2, what="two are left")


def test_a_server_that_does_not_archive_has_no_backlog(database: Database) -> None:
    assert read(database.dsn, "max_archive_backlog") == Measured(None)


# vacuum


@pytest.mark.matrix
def test_a_vacuum_that_prevents_wraparound_is_a_reason_for_its_table_alone(start_server: StartServer) -> None:
    server = start_server(autovacuum_naptime="1s")
    database = database_of(server)
    slow = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
    database.execute(
        SQL("CREATE TABLE old (n int, filler char(500)) WITH (autovacuum_enabled = off, {})").format(SQL(slow))
    )
    database.execute("INSERT INTO old SELECT n, 'x' FROM generate_series(1, 20000) n")
    database.execute("CREATE TABLE young (n int)")
    assert read(database.dsn, "wraparound_vacuum", table="old") == Said(None)
    with database.connect() as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("DO $$ BEGIN FOR i IN 1..100010 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
    database.execute("ALTER TABLE old SET (autovacuum_freeze_max_age = 100000)")

    def reason() -> str | None:
        outcome = read(database.dsn, "wraparound_vacuum", table="old")
        assert isinstance(outcome, Said)
        return outcome.reason

    assert "prevent wraparound" in (wait_until(reason, timeout=30, what="the vacuum is at work") or "")
    assert read(database.dsn, "wraparound_vacuum", table="young") == Said(None)
    database.execute("CREATE ROLE stranger LOGIN")
    assert read(server.dsn().replace("postgres@", "stranger@"), "wraparound_vacuum", table="old") == Unseen(SEE_ALL)


# somebody else's word


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 'too hot'", "throttle_sql: too hot"),
        ("SELECT NULL::text", None),
        ("SELECT 'x' WHERE false", None),
        ("SELECT 'full to 90 %', 2", "throttle_sql: full to 90 %"),
    ],
)
def test_a_query_throttles_while_it_has_something_to_say(database: Database, sql: str, reason: str | None) -> None:
    assert read(database.dsn, "throttle_sql", throttle_sql=sql) == Said(reason)


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("SELECT", "its row has no column"),
        ("SELECT 1/0", "division by zero"),
        ("SET work_mem = 1000", "does not return rows"),
        ("CREATE TABLE t ()", "in a read-only transaction"),
        ("SELECT pg_sleep(60)", "due to statement timeout"),
        ("SELECT * FROM locked", "due to lock timeout"),
    ],
)
def test_a_query_that_fails_writes_or_waits_is_no_yes(database: Database, sql: str, complaint: str) -> None:
    database.execute("CREATE TABLE locked (n int)")
    with holding(database, "LOCK TABLE locked"), pytest.raises((DBAPIError, InvalidRequestError, ValueError)) as caught:
        read(database.dsn, "throttle_sql", throttle_sql=sql)
    assert complaint in str(caught.value)


def test_a_flag_file_throttles_while_it_is_there(database: Database, tmp_path: Path) -> None:
    flag = tmp_path / "stop"
    assert read(database.dsn, "throttle_file", throttle_file=str(flag)) == Said(None)
    flag.touch()
    assert read(database.dsn, "throttle_file", throttle_file=str(flag)) == Said(f"file {flag} is there")


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The URL of a web server that gives one answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, None),
        (204, None),
        (404, "throttle_http answers 404 Not Found"),
        (503, "throttle_http answers 503 Service Unavailable"),
    ],
)
def test_a_web_address_throttles_unless_it_answers_well(database: Database, status: int, reason: str | None) -> None:
    with answering(status) as url:
        assert read(database.dsn, "throttle_http", throttle_http=url) == Said(reason)
