"""The server, and the table: a fresh copy of it for every measurement, all copies alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.sql import Literal as Value

from benchmarks.ours import Orchestrator
from tests.fixtures.local_server import LocalServer

# what production has: nothing that makes writing look cheap
SERVER = {
    "fsync": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "autovacuum": "off",
}
TABLE = SQL("""
CREATE TABLE users (id {key} PRIMARY KEY, email text NOT NULL, note text, a int, b int, c int, d int, e int, f int)
""")
FILL = SQL("""
INSERT INTO users (id, email, note, a, b, c, d, e, f)
SELECT {key}, 'user' || g || '@example.com', repeat('x', 70), g, g, g, g, g, g FROM generate_series(1, {rows}) g
""")
INDEX = SQL("CREATE INDEX ON users ({})")
MOST_INDEXES = 6
ADD_COLUMN = "ALTER TABLE users ADD COLUMN email_address text"
# every copy starts with its pages in the server's memory
PREWARM = """
SELECT sum(pg_prewarm(c.oid)) FROM pg_class c
WHERE c.oid = 'users'::regclass OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'users'::regclass)
"""
CREATE = SQL("CREATE DATABASE {}")
COPY = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
DROP = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
DIFFERENT = "SELECT count(*) FROM users WHERE email_address IS DISTINCT FROM email"

State = Literal["bare", "guarded", "filled"]
"""bare: the new column and no trigger; guarded: as `advance --to dual_write` leaves it; filled: after the backfill."""


@dataclass(frozen=True)
class Shape:
    """What the table looks like."""

    rows: int = 1_000_000
    indexes: int = 2
    """Besides the primary key."""
    uuid: bool = False
    """A random UUID for a key, or the numbers from 1."""


@dataclass
class Bench:
    """Makes each table once, and copies of it as often as asked."""

    server: LocalServer
    orchestrator: Orchestrator
    _templates: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def bin_dir(self) -> Path:
        """Programs of the server: pgbench among them."""
        return self.server.bin_dir

    @contextmanager
    def copy(self, shape: Shape, state: State) -> Iterator[str]:
        """A database of its own, as it was when it was made; yields its DSN."""
        name = f"copy_{next(self._numbers)}"
        template = self._template(shape, state)
        self._admin(COPY.format(Identifier(name), Identifier(template)))
        try:
            with connect(self.server.dsn(name)) as connection:
                connection.execute(PREWARM)
                connection.execute("CHECKPOINT")
            yield self.server.dsn(name)
        finally:
            self._admin(DROP.format(Identifier(name)))

    def forget(self, shape: Shape) -> None:
        """Gives the room of a table back."""
        for name in [each for each in self._templates if each.startswith(f"{_name(shape)}_")]:
            self._admin(DROP.format(Identifier(name)))
            self._templates.remove(name)

    def _template(self, shape: Shape, state: State) -> str:
        name = f"{_name(shape)}_{state}"
        if name not in self._templates:
            say(f"making a table of {shape.rows:,} rows, {state}")
            self._admin(DROP.format(Identifier(name)))
            self._admin(CREATE.format(Identifier(name)))
            dsn = self.server.dsn(name)
            _fill(dsn, shape)
            self._bring_to(dsn, state)
            self._templates.add(name)
        return name

    def _bring_to(self, dsn: str, state: State) -> None:
        if state == "bare":
            with connect(dsn) as connection:
                connection.execute(ADD_COLUMN)
            return
        self.orchestrator.run(dsn, "init")
        self.orchestrator.run(dsn, "advance", "rename-email", "--to", "dual_write")
        if state == "filled":
            self.orchestrator.run(dsn, "advance", "rename-email", "--to", "backfill")
            with connect(dsn) as connection:
                connection.execute("VACUUM (FULL, FREEZE, ANALYZE) users")

    def _admin(self, statement: psycopg.sql.Composed) -> None:
        with connect(self.server.dsn()) as connection:
            connection.execute(statement)


def connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection of an ordinary tool: each statement a transaction."""
    return psycopg.connect(dsn, autocommit=True)


def say(what: str) -> None:
    """Progress goes to stderr."""
    print(what, file=sys.stderr, flush=True)


def all_done(dsn: str) -> bool:
    """Whether every row has its copy."""
    with connect(dsn) as connection:
        return connection.execute(DIFFERENT).fetchone() == (0,)


def _name(shape: Shape) -> str:
    return f"users_{shape.rows}_{shape.indexes}_{'uuid' if shape.uuid else 'bigint'}"


def _fill(dsn: str, shape: Shape) -> None:
    key = SQL("gen_random_uuid()") if shape.uuid else SQL("g")
    with connect(dsn) as connection:
        connection.execute("CREATE EXTENSION pg_prewarm")
        connection.execute(TABLE.format(key=SQL("uuid" if shape.uuid else "bigint")))
        connection.execute(FILL.format(key=key, rows=Value(shape.rows)))
        for column in "abcdef"[: shape.indexes]:
            connection.execute(INDEX.format(Identifier(column)))
        connection.execute("VACUUM (FREEZE, ANALYZE) users")
