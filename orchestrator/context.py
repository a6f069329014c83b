"""What every command starts from: settings, a reporter, and the way to the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from orchestrator import database
from orchestrator.errors import RunNotFound
from orchestrator.journal import schema, store
from orchestrator.journal.store import Run
from orchestrator.report import Reporter
from orchestrator.settings import Settings


@dataclass(frozen=True)
class Context:
    """What every command needs."""

    settings: Settings
    reporter: Reporter

    def engine(self, *, direct: bool = False) -> Engine:
        """An engine for a few transactions; `direct` where a pooler would not do."""
        return database.engine(self.settings.direct if direct else self.settings.database_url)

    @contextmanager
    def working_engine(self, name: str) -> Iterator[Engine]:
        """The engine of a runner: direct, named after its run, its connections kept until the end."""
        engine = database.working_engine(self.settings.direct, application_name=f"orchestrator {name}")
        try:
            yield engine
        finally:
            engine.dispose()


def require_direct(context: Context, name: str) -> None:
    """Makes sure, before anything is written, that a runner could work here.

    Raises:
        DirectConnectionNeeded: there is a pooler in between.
    """
    with context.working_engine(name) as engine, connected(engine):
        pass


@contextmanager
def journal(context: Context) -> Iterator[Connection]:
    """A connection to the journal, whose version has been checked; commits at the end.

    Raises:
        DatabaseUnreachable, StateSchemaMissing, StateSchemaMismatch: as they say.
    """
    with connected(context.engine()) as connection:
        database.set_short(connection)
        schema.require(connection)
        yield connection
        connection.commit()


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """A connection; failure to make one is an error for the user, without the DSN."""
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise database.unreachable(error) from error
    with connection:
        yield connection


def require_run(connection: Connection, name: str) -> Run:
    """The latest run of that name.

    Raises:
        RunNotFound: naming those there are.
    """
    found = store.find(connection, name)
    if found is None:
        raise RunNotFound(name, store.names(connection))
    return found
