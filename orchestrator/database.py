"""Connections: one way to make an engine, one way to send SQL, one way to set timeouts for a transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy import Connection, Engine, NullPool, QueuePool
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.errors import DatabaseUnreachable, DirectConnectionNeeded

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10
_RAW = {"no_parameters": True}
"""Without it psycopg would read a `%` in a name as a placeholder."""


def engine(dsn: str, *, application_name: str = "orchestrator", keep: bool = False) -> Engine:
    """An engine over libpq's own reading of `dsn` (a URL, `key=value` pairs, or empty for the PG* variables).

    With `keep` connections are used again until `dispose()`: for who makes thousands of transactions.

    READ COMMITTED whatever the role's default: a batch that waits for a row must then see its newest version.
    No prepared statements: a pooler in transaction mode would lose them.
    """
    conninfo = dsn.replace("postgresql+psycopg://", "postgresql://", 1)

    def connect() -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(
                conninfo,
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

    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=QueuePool if keep else NullPool,
        isolation_level="READ COMMITTED",
        use_native_hstore=False,  # saves a query at each connection
    )


def unreachable(error: DBAPIError) -> DatabaseUnreachable:
    """The error of a connection that could not be made, without the DSN."""
    # indented lines are libpq's guesses at why; a list of servers has a line each
    lines = (line for line in str(error.orig).strip().splitlines() if not line.startswith("\t"))
    reason = "; ".join(line.strip() for line in lines)
    return DatabaseUnreachable(
        f"cannot connect to the database: {reason}",
        "give it with --database-url, ORCHESTRATOR_DATABASE_URL, DATABASE_URL or libpq's PG* variables",
    )


def run(connection: Connection, sql: str) -> int:
    """Sends SQL as it is, and returns the number of rows it touched."""
    return connection.exec_driver_sql(sql, execution_options=_RAW).rowcount


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


def backend_pid(connection: Connection) -> int:
    """The server process behind this connection."""
    return int(scalar(connection, "SELECT pg_catalog.pg_backend_pid()"))


def require_direct(connection: Connection) -> None:
    """Refuses a pooler: it hands out a cancellation key of its own, so libpq's pid is not the server's.

    Raises:
        DirectConnectionNeeded: the advisory lock of a runner would be left on somebody else's connection.
    """
    told = driver(connection).info.backend_pid
    if told != backend_pid(connection):
        raise DirectConnectionNeeded(
            "there is a connection pooler between this program and PostgreSQL",
            "give a direct connection for this command with --direct-url or ORCHESTRATOR_DIRECT_URL; "
            "status, check, history, pause, resume and set work through the pooler",
        )


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below; `driver_connection` would be None once a connection is detached from its pool."""
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error, wherever it is wrapped."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return original.sqlstate if isinstance(original, psycopg.Error) else None
