"""Alembic environment of the state schema: one upgrader at a time, none that waits long for a lock."""

from __future__ import annotations

import os
from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from orchestrator import database
from orchestrator.journal.tables import SCHEMA, metadata

LOCK_KEY = 0x6F726368  # "orch": any constant that other users of advisory locks are unlikely to have
PREPARE = (
    # others' upgrades are waited for, however long; PostgreSQL frees the lock if their connection dies
    f"SELECT pg_advisory_xact_lock({LOCK_KEY})",
    "SET LOCAL lock_timeout = '2s'",
    "SET LOCAL statement_timeout = '60s'",
    "CREATE SCHEMA IF NOT EXISTS orchestrator",
)


def _include_name(name: str | None, kind: str, parents: object) -> bool:
    return name == SCHEMA if kind == "schema" else True


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "version_table_schema": SCHEMA,
    "include_schemas": True,
    "include_name": _include_name,
}


def _offline() -> None:
    # a driver's own style would double every % of the script
    style = {"paramstyle": "named"}
    context.configure(dialect_name="postgresql", dialect_opts=style, literal_binds=True, **OPTIONS)
    with context.begin_transaction():
        for statement in PREPARE:
            context.execute(statement)
        context.run_migrations()


def _upgrade(connection: Connection) -> None:
    context.configure(connection=connection, **OPTIONS)
    with connection.begin():
        for statement in PREPARE:
            connection.execute(text(statement))
        context.run_migrations()


def _online() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        _upgrade(given)
        return
    # `alembic check` in a checkout
    with database.engine(os.environ.get("ORCHESTRATOR_DATABASE_URL", "")).connect() as connection:
        _upgrade(connection)


if context.is_offline_mode():
    _offline()
else:
    _online()
