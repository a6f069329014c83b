"""What only the server can tell: sizes, what is there already, and what PostgreSQL would rewrite. Changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator import database
from orchestrator.context import Context, connected
from orchestrator.lint import syntax
from orchestrator.lint.facts import Facts, Trial
from phases.delta import Table

logger = logging.getLogger(__name__)

CLONE = "orchestrator_lint_clone"

FACTS = """
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       sizes.rows AS rows, sizes.bytes AS bytes,
       coalesce(columns.found, '[]') AS columns, coalesce(constraints.found, '[]') AS constraints
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
LATERAL (
  SELECT sum(pg_catalog.pg_table_size(leaf.oid) + pg_catalog.pg_indexes_size(leaf.oid))::bigint AS bytes,
         CASE WHEN bool_and(leaf.reltuples >= 0) THEN sum(leaf.reltuples)::bigint END AS rows
  FROM (SELECT c.oid, c.reltuples WHERE c.relkind <> 'p'
        UNION ALL
        SELECT l.oid, l.reltuples FROM pg_catalog.pg_partition_tree(c.oid) t
        JOIN pg_catalog.pg_class l ON l.oid = t.relid WHERE c.relkind = 'p' AND t.isleaf) AS leaf
) AS sizes,
LATERAL (
  SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'not_null', a.attnotnull,
                                      'type', pg_catalog.format_type(a.atttypid, a.atttypmod))) AS found
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) AS columns,
LATERAL (
  SELECT jsonb_agg(jsonb_build_object(
           'name', o.conname, 'kind', o.contype, 'valid', o.convalidated,
           'columns', (SELECT coalesce(jsonb_agg(a.attname), '[]') FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum = ANY (o.conkey)),
           'definition', pg_catalog.pg_get_constraintdef(o.oid))) AS found
  FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid
) AS constraints
WHERE c.oid = pg_catalog.to_regclass(%(name)s) AND c.relkind IN ('r', 'p', 'm', 'f')
"""
INDEX = """
SELECT n.nspname AS schema, t.relname AS name,
       (SELECT coalesce(jsonb_agg(a.attnotnull), '[]') FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.oid AND a.attnum = ANY (i.indkey)) AS not_null
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE i.indexrelid = pg_catalog.to_regclass(%(name)s)
"""
MAKE_CLONE = SQL("CREATE TEMPORARY TABLE {clone} (LIKE {table} INCLUDING ALL EXCLUDING STATISTICS EXCLUDING COMMENTS)")
FILES = """
SELECT (SELECT relfilenode::bigint FROM pg_catalog.pg_class WHERE oid = c.oid) AS table_file,
       (SELECT coalesce(jsonb_agg(x.relfilenode::bigint ORDER BY x.relfilenode), '[]') FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid) AS index_files
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(name)s)
"""


class Server:
    """One read-only look at a database: every fact is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.version = database.driver(connection).info.server_version
        self._facts: dict[Table, Facts | None] = {}

    def facts(self, table: Table) -> Facts | None:
        """The table, or None where the database has none of that name, or somebody holds it locked."""
        if table not in self._facts:
            self._facts[table] = self._read(table)
        return self._facts[table]

    def index_table(self, index: Table) -> tuple[Table, bool] | None:
        """The table of an index, and whether all of its columns are NOT NULL."""
        with self._safely():
            rows = database.fetch(self._connection, INDEX, {"name": self._quoted(index)})
            if rows:
                return Table(rows[0]["schema"], rows[0]["name"]), all(rows[0]["not_null"])
        return None

    def try_on_clone(self, table: Table, command: str) -> Trial | None:
        """What a command of ALTER TABLE would rewrite, tried on an empty copy; None where it cannot be tried."""
        clone = {"name": f"pg_temp.{CLONE}"}
        with self._safely():
            clone_it = MAKE_CLONE.format(clone=Identifier(CLONE), table=_identifier(table))
            database.run(self._connection, clone_it.as_string(database.driver(self._connection)))
            before = database.fetch(self._connection, FILES, clone)[0]
            database.run(self._connection, command)
            after = database.fetch(self._connection, FILES, clone)[0]
            return Trial(
                rewrites=before["table_file"] != after["table_file"],
                builds=before["index_files"] != after["index_files"],
            )
        return None

    def _read(self, table: Table) -> Facts | None:
        rows: Any = ()
        with self._safely():
            rows = database.fetch(self._connection, FACTS, {"name": self._quoted(table)})
        if not rows:
            return None
        row = rows[0]
        constraints = row["constraints"]
        unsure = {name for each in constraints if each["kind"] == "n" and not each["valid"] for name in each["columns"]}
        checks = [each for each in constraints if each["kind"] == "c"]
        return Facts(
            table=Table(row["schema"], row["name"]),
            rows=row["rows"],
            bytes=row["bytes"] or 0,
            types={each["name"]: each["type"] for each in row["columns"]},
            not_null=frozenset(each["name"] for each in row["columns"] if each["not_null"]) - unsure,
            proven={
                column: each["name"]
                for each in checks
                if each["valid"]
                for column in syntax.not_null_columns(syntax.check_of(each["definition"]))
            },
            checked=frozenset(column for each in checks for column in each["columns"]),
            validated=frozenset(each["name"] for each in constraints if each["valid"]),
            primary_key=tuple(name for each in constraints if each["kind"] == "p" for name in each["columns"]),
        )

    def _quoted(self, table: Table) -> str:
        return _identifier(table).as_string(database.driver(self._connection))

    @contextmanager
    def _safely(self) -> Iterator[None]:
        """Undoes what is done here. An error means "not known": a lock is held, TEMPORARY is missing, a standby."""
        savepoint = self._connection.begin_nested()
        try:
            yield
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            logger.info("a look at the catalog failed: %s", database.primary_message(error))
        finally:
            savepoint.rollback()


@contextmanager
def look(context: Context) -> Iterator[Server]:
    """A look at the configured database, in a transaction that is rolled back."""
    with connected(context.engine()) as connection:
        database.set_short(connection)
        database.set_local(connection, lock_timeout=context.settings.lock_timeout_ms)
        try:
            yield Server(connection)
        finally:
            connection.rollback()


def _identifier(table: Table) -> Identifier:
    return Identifier(table.schema, table.name) if table.schema else Identifier(table.name)
