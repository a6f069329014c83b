"""Who still sees the database as it was: what CREATE INDEX CONCURRENTLY waits for, seen from outside."""

from __future__ import annotations

from sqlalchemy import Connection

from orchestrator.database import fetch, scalar
from orchestrator.report import Blocker

# every snapshot that was taken before this one has an xmin that is no newer
HORIZON = "SELECT (pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::xid)::text"
# xmin and virtual transactions are shown to every role. A standby with hot_standby_feedback holds its xmin through its
# walsender, or through its slot if it has one; a prepared transaction holds no snapshot
HOLDERS = """
SELECT CASE a.backend_type WHEN 'walsender' THEN 'standby ' || a.application_name
       ELSE a.pid || ' ' || COALESCE(l.virtualtransaction, '') END AS holder,
       a.pid, COALESCE(a.application_name, '') AS application,
       COALESCE(a.usename, '') AS user, COALESCE(a.state, a.backend_type, '') AS state,
       COALESCE(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS age_s,
       left(regexp_replace(COALESCE(a.query, ''), '\\s+', ' ', 'g'), 120) AS query
FROM pg_catalog.pg_stat_activity a
LEFT JOIN pg_catalog.pg_locks l
       ON l.pid = a.pid AND l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction
WHERE pg_catalog.age(a.backend_xmin) >= pg_catalog.age(%(horizon)s::xid)
  AND (a.datname = current_database() OR a.backend_type = 'walsender')
  AND a.application_name IS DISTINCT FROM current_setting('application_name')
  AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid)
UNION ALL
SELECT 'slot ' || s.slot_name, COALESCE(s.active_pid, 0), s.slot_name, '', 'replication slot', 0, ''
FROM pg_catalog.pg_replication_slots s
WHERE pg_catalog.age(s.xmin) >= pg_catalog.age(%(horizon)s::xid)
ORDER BY age_s DESC
"""


def horizon(connection: Connection) -> str:
    """A transaction id that no snapshot taken before this moment is newer than."""
    return str(scalar(connection, HORIZON))


def holders(connection: Connection, since: str) -> dict[str, Blocker]:
    """Who may hold a snapshot from before the horizon, by transaction, standby or slot.

    A transaction that begins later may be among them too, while one with an old id is open: its key is a new one.
    """
    return {
        row["holder"]: Blocker(**{key: value for key, value in row.items() if key != "holder"})
        for row in fetch(connection, HOLDERS, {"horizon": since})
    }
