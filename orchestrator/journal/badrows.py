"""Rows that no batch can update: an expression or a constraint fails on them. Kept until they are put right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.database import fetch, scalar

# found once more, it is the same row
RECORD = """
INSERT INTO orchestrator.bad_row
  (run_id, position, table_name, relation, relation_name, filenode, tid, key, sqlstate, message)
VALUES (%(run)s, %(position)s, %(table)s, %(relation)s, %(name)s, %(filenode)s, %(tid)s, %(key)s, %(sqlstate)s,
        %(message)s)
ON CONFLICT (run_id, relation, tid) WHERE resolved_at IS NULL
DO UPDATE SET relation_name = EXCLUDED.relation_name, filenode = EXCLUDED.filenode, key = EXCLUDED.key,
              sqlstate = EXCLUDED.sqlstate, message = EXCLUDED.message, tried_at = EXCLUDED.tried_at
RETURNING xmax = 0 AS new
"""
OPEN = """
SELECT id, table_name, relation, relation_name, filenode, tid, key, sqlstate, message, found_at, tried_at
FROM orchestrator.bad_row
WHERE run_id = %(run)s AND resolved_at IS NULL ORDER BY id
"""
RESOLVE = "UPDATE orchestrator.bad_row SET resolved_at = clock_timestamp() WHERE id = ANY (%(ids)s)"


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row by its key as people know it, and why it cannot be updated."""

    id: int
    table_name: str
    relation: int
    relation_name: str
    filenode: int
    """The file in which the tid means this row."""
    tid: str
    key: str
    sqlstate: str
    message: str
    found_at: datetime
    tried_at: datetime
    """When it was last found to be bad."""

    def __str__(self) -> str:
        return f"{self.relation_name} row {self.key}: {self.message} ({self.sqlstate})"


def record(
    connection: Connection,
    run_id: int,
    position: int,
    *,
    table: str,
    relation: int,
    name: str,
    filenode: int,
    tid: str,
    key: str,
    sqlstate: str,
    message: str,
) -> bool:
    """Writes a row down; returns whether it is a new one."""
    values = {"table": table, "relation": relation, "name": name, "filenode": filenode, "tid": tid, "key": key}
    error = {"sqlstate": sqlstate, "message": message}
    return bool(scalar(connection, RECORD, {"run": run_id, "position": position, **values, **error}))


def open_rows(connection: Connection, run_id: int) -> list[BadRow]:
    """Those that are not put right yet, in the order in which they were found."""
    return [BadRow(**row) for row in fetch(connection, OPEN, {"run": run_id})]


def resolve(connection: Connection, ids: Sequence[int]) -> None:
    """Notes that rows are right now."""
    connection.exec_driver_sql(RESOLVE, {"ids": list(ids)})
