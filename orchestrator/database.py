"""Connections: one way to make an engine, one way to send SQL, one way to set timeouts for a transaction."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy import Connection, Engine, NullPool, Pool, QueuePool
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.errors import DatabaseUnreachable, DirectConnectionNeeded

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10
SHORT_MS = 20_000
"""Bound of statements that take milliseconds, so that none of them waits for ever."""
# The role's own defaults, made for an application, would cut a long step short or let a short one wait.
SESSION = """
SET statement_timeout = '30s'; SET lock_timeout = '20s';
SET idle_in_transaction_session_timeout = '30s'; SET idle_session_timeout = 0
"""
READ_ONLY = "25006"
"""read_only_sql_transaction."""
_RAW = {"no_parameters": True}
"""Without it psycopg would read a `%` in a name as a placeholder."""


@lru_cache(maxsize=8)
def engine(dsn: str, *, application_name: str = "orchestrator") -> Engine:
    """An engine for a few transactions, through a pooler or not. See `_connect` for what `dsn` may be.

    It keeps no connection, and is kept itself: SQLAlchemy asks the server some questions for each new one.
    READ COMMITTED whatever the role's default: a batch that waits for a row must then see its newest version.
    """
    return _engine(lambda: _connect(dsn, application_name), NullPool)


def working_engine(dsn: str, *, application_name: str) -> Engine:
    """The engine of a runner: connections that are surely its own, kept until `dispose()`, without the role's timeouts.

    Raises, when it connects:
        DirectConnectionNeeded: there is a pooler in between.
    """

    def connect() -> psycopg.Connection[Any]:
        connection = _connect(dsn, application_name)
        try:
            _require_direct(connection)
            connection.execute(SESSION)
            if connection.info.server_version >= 170000:
                connection.execute("SET transaction_timeout = 0")
            connection.commit()
        except BaseException:
            connection.close()
            raise
        return connection

    # as many as there are workers, and each keeps its own
    return _engine(connect, QueuePool, pool_size=0)


def _engine(connect: Callable[[], psycopg.Connection[Any]], pool: type[Pool], **sizes: int) -> Engine:
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=pool,
        **sizes,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,  # saves a query at each connection
    )


def _connect(dsn: str, application_name: str) -> psycopg.Connection[Any]:
    """A connection by libpq's own reading of `dsn`: a URL, `key=value` pairs, or empty for the PG* variables.

    No prepared statements: a pooler in transaction mode would lose them.
    """
    # libpq sends it as it connects, which a pooler understands too; psycopg reads no other style of timestamps
    os.environ["PGDATESTYLE"] = "ISO"
    try:
        return psycopg.connect(
            dsn.replace("postgresql+psycopg://", "postgresql://", 1),
            application_name=application_name,
            connect_timeout=CONNECT_TIMEOUT_S,
            prepare_threshold=None,
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except psycopg.ProgrammingError as error:  # libpq could not read the DSN; its message may quote a password
        raise DatabaseUnreachable(
            "the database URL cannot be read",
            "expected: postgresql://user:password@host:port/dbname, or key=value pairs as psql takes them",
        ) from error


def _require_direct(connection: psycopg.Connection[Any]) -> None:
    """Refuses a pooler: it hands out a cancellation key of its own, so libpq's pid is not the server's."""
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    if row != (connection.info.backend_pid,):
        raise DirectConnectionNeeded(
            "there is a connection pooler between this program and PostgreSQL",
            "give a direct connection for this command with --direct-url or ORCHESTRATOR_DIRECT_URL; "
            "status, check, history, pause, resume and set work through the pooler",
        )


def unreachable(error: DBAPIError) -> DatabaseUnreachable:
    """The error of a connection that could not be made, without the DSN."""
    # indented lines are libpq's guesses at why; a list of servers has a line each
    lines = (line for line in str(error.orig).strip().splitlines() if not line.startswith("\t"))
    reason = "; ".join(line.strip() for line in lines)
    if sqlstate(error) == READ_ONLY:
        return DatabaseUnreachable(
            f"the database takes no writes: {reason}",
            "it is a standby, or was made read only: once it takes writes again, do the same again",
        )
    return DatabaseUnreachable(
        f"cannot connect to the database: {reason}",
        "give it with --database-url, ORCHESTRATOR_DATABASE_URL, DATABASE_URL or libpq's PG* variables",
    )


def apart(engine: Engine, settings: str) -> Connection:
    """A connection with settings of its own, in autocommit, which does not go back among the others when closed."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    try:
        run(connection, settings)
    except BaseException:
        connection.close()
        raise
    return connection


def run(connection: Connection, sql: str) -> int:
    """Sends SQL as it is, and returns the number of rows it touched."""
    return connection.exec_driver_sql(sql, execution_options=_RAW).rowcount


def run_one(connection: Connection, sql: str) -> None:
    """Sends one statement with somebody else's words in it, such that it cannot be two."""
    try:
        # in binary format: psycopg takes the simple protocol otherwise, which runs all that a semicolon parts
        driver(connection).cursor(binary=True).execute(sql.encode())
    except psycopg.Error as error:
        raise DBAPIError(sql, None, error) from error


def fetch(connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
    """The rows of a query; `%(name)s` stands for a parameter where parameters are given."""
    if parameters is None:
        return connection.exec_driver_sql(sql, execution_options=_RAW).mappings().all()
    return connection.exec_driver_sql(sql, dict(parameters)).mappings().all()


def scalar(connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
    """The first column of the first row, or None."""
    rows = fetch(connection, sql, parameters)
    return next(iter(rows[0].values())) if rows else None


SET_LOCAL = """
SELECT pg_catalog.set_config(name, value, true)
FROM unnest(%(names)s::text[], %(values)s::text[]) AS setting(name, value)
"""


def set_local(connection: Connection, **settings: str | int) -> None:
    """Settings for this transaction alone; session state would leak through a pooler to somebody else."""
    names, values = list(settings), [str(value) for value in settings.values()]
    connection.exec_driver_sql(SET_LOCAL, {"names": names, "values": values})


def set_short(connection: Connection) -> None:
    """Bounds for a transaction of short statements, whatever the role's defaults are."""
    settings = {"statement_timeout": SHORT_MS, "lock_timeout": SHORT_MS}
    if driver(connection).info.server_version >= 170000:
        # a longer one would not set back the clock that already runs; none stops it
        settings["transaction_timeout"] = 0
    set_local(connection, **settings)


def backend_pid(connection: Connection) -> int:
    """The server process behind this connection."""
    return int(scalar(connection, "SELECT pg_catalog.pg_backend_pid()"))


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below; `driver_connection` would be None once a connection is detached from its pool."""
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error, wherever it is wrapped."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return original.sqlstate if isinstance(original, psycopg.Error) else None


def hint(error: DBAPIError) -> str | None:
    """What the server advises."""
    return error.orig.diag.message_hint if isinstance(error.orig, psycopg.Error) else None


def primary_message(error: DBAPIError) -> str:
    """What the server said, without the statement."""
    if isinstance(error.orig, psycopg.Error) and error.orig.diag.message_primary:
        return error.orig.diag.message_primary
    return str(error.orig).strip()


def message_and_detail(error: DBAPIError) -> str:
    """The same, and its detail: of types that do not fit, only that says which."""
    detail = error.orig.diag.message_detail if isinstance(error.orig, psycopg.Error) else None
    return f"{primary_message(error)}: {detail}" if detail else primary_message(error)
