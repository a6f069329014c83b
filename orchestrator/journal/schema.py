"""The state schema's versions: created and upgraded by Alembic, checked with one SELECT."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

import orchestrator
from orchestrator.database import fetch, sqlstate
from orchestrator.errors import OrchestratorError, StateSchemaMismatch, StateSchemaMissing
from orchestrator.journal.tables import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

VERSION = "SELECT version_num FROM orchestrator.alembic_version"
_MISSING = {"3F000", "42P01"}  # no such schema, no such table


def require(connection: Connection) -> None:
    """Makes sure that the state schema is the one this program knows.

    Raises:
        StateSchemaMissing: `init` has not been run.
        StateSchemaMismatch: the schema is older or newer, with what to do.
    """
    found = current(connection)
    if found is None:
        raise StateSchemaMissing
    _compare(found)


def current(connection: Connection) -> str | None:
    """The revision of the state schema, or None where there is none."""
    try:
        with connection.begin_nested():
            rows = fetch(connection, VERSION)
    except DBAPIError as error:
        if sqlstate(error) in _MISSING:
            return None
        if sqlstate(error) == "42501":
            raise OrchestratorError(
                "this role may not read the state schema",
                "GRANT USAGE ON SCHEMA orchestrator, and SELECT ON ALL TABLES IN SCHEMA orchestrator, to it",
            ) from error
        raise
    return str(rows[0]["version_num"]) if rows else None


def _compare(found: str) -> None:
    if found == HEAD:
        return
    if found in _known():
        raise StateSchemaMismatch(
            f"the state schema is at revision {found}, this version {orchestrator.__version__} needs {HEAD}",
            "upgrade it with: orchestrator init",
        )
    raise StateSchemaMismatch(
        f"the state schema is at revision {found}, which this version {orchestrator.__version__} does not know",
        "a newer version has upgraded it: install that version here too",
    )


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Creates or upgrades the state schema; several at once wait for each other. Returns old and new revision."""
    from alembic import command

    found = current(connection)
    if found is not None and found not in _known():
        _compare(found)
    connection.rollback()
    if found == HEAD:
        # so that a pipeline may run `init` each time, under a role that may not create schemas
        return found, HEAD
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return found, HEAD


def script() -> str:
    """The SQL of `upgrade`, for those who run it themselves."""
    from alembic import command

    output = io.StringIO()
    config = _config(output)
    command.upgrade(config, "head", sql=True)
    return output.getvalue()


def folder() -> Path:
    """Where the revisions are: in the package once installed, beside it in a checkout."""
    package = Path(orchestrator.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _known() -> set[str]:
    return {path.name.split("_")[0] for path in (folder() / "versions").glob("[0-9]*.py")}


def _config(output: io.StringIO | None = None) -> Config:
    from alembic.config import Config

    config = Config(output_buffer=output) if output else Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    return config
