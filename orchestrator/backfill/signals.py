"""What tells how the server is doing: each signal a cheap query, a file or a web address. Read only."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from orchestrator.backfill.health import Measured, Outcome, Said, Unseen
from orchestrator.database import fetch
from orchestrator.knobs import Knobs

HTTP_TIMEOUT_S = 2.0
SEE_ALL = "this role may not see other sessions: GRANT pg_read_all_stats to it"

# physical standbys only: a subscriber confirms when it likes, and pg_receivewal or pg_basebackup replay nothing.
# Who may not see a standby's state gets only the name of its session
REPLICAS = """
SELECT COALESCE(NULLIF(r.application_name, ''), 'pid ' || r.pid) AS name, r.state IS NULL AS hidden,
       COALESCE(extract(epoch FROM r.replay_lag), 0)::float8 AS lag_s,
       (pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn) / 1048576)::float8 AS lag_mb
FROM pg_catalog.pg_stat_replication r
WHERE (r.state IS NULL OR r.replay_lsn IS NOT NULL)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
"""
# without the privilege other users' sessions have no state and this text for a query; autovacuum has no user
HIDDEN = """
count(*) FILTER (WHERE a.query = '<insufficient privilege>' AND a.datid IS NOT NULL AND a.usesysid IS NOT NULL)
"""
ACTIVE = f"""
SELECT {HIDDEN} AS hidden,
       count(*) FILTER (WHERE a.state = 'active' AND a.backend_type = 'client backend'
                          AND a.application_name <> current_setting('application_name')) AS number
FROM pg_catalog.pg_stat_activity a
"""
# all sessions of a run, on whatever host, have the same application_name
WAITING = f"""
WITH waiting AS MATERIALIZED (
  SELECT a.pid, a.application_name AS name FROM pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock'
), blocked AS MATERIALIZED (
  -- pg_blocking_pids() stops the lock manager for a moment: asked only about sessions that do wait
  SELECT w.pid, pg_catalog.pg_blocking_pids(w.pid) AS blockers
  FROM waiting w WHERE w.name <> current_setting('application_name')
)
SELECT {HIDDEN} AS hidden,
       (SELECT count(*) FROM blocked b WHERE EXISTS (
          SELECT FROM pg_catalog.pg_stat_activity o
          WHERE o.pid = ANY (b.blockers) AND o.application_name = current_setting('application_name'))) AS number
FROM pg_catalog.pg_stat_activity a
"""
SLOTS = """
SELECT slot_name AS name,
       (pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn) / 1048576)::float8 AS mb
FROM pg_catalog.pg_replication_slots WHERE restart_lsn IS NOT NULL ORDER BY 2 DESC LIMIT 1
"""
# WAL files between the last one archived and the one being written; needs no privilege and reads no directory.
# When none was ever archived, the one that fails is the oldest
ARCHIVE = """
WITH size AS (
  SELECT setting::bigint AS segment FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size'
), known AS (
  SELECT COALESCE(CASE WHEN last_archived_wal ~ '^[0-9A-F]{24}' THEN last_archived_wal END, last_failed_wal) AS wal,
         (last_archived_wal ~ '^[0-9A-F]{24}') IS NOT TRUE AS failed
  FROM pg_catalog.pg_stat_archiver
)
SELECT CASE WHEN pg_catalog.current_setting('archive_mode') <> 'off' AND known.wal ~ '^[0-9A-F]{24}' THEN
         div(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0'), size.segment)
         - ('x' || substr(known.wal, 9, 8))::bit(32)::bigint * (4294967296 / size.segment)
         - ('x' || substr(known.wal, 17, 8))::bit(32)::bigint
         - CASE WHEN known.failed THEN 0 ELSE 1 END
       END::float8 AS files
FROM known, size
"""
WRAPAROUND = """
SELECT p.relid IS NULL AS hidden, p.pid, p.phase
FROM pg_catalog.pg_stat_progress_vacuum p
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
WHERE p.datname = current_database() AND (
  p.relid IS NULL
  OR a.query LIKE '%%to prevent wraparound%%' AND p.relid IN (
    SELECT unnest(ARRAY[c.oid, c.reltoastrelid]) FROM pg_catalog.pg_class c
    WHERE c.oid = %(table)s::regclass
       OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%(table)s::regclass))))
ORDER BY p.relid IS NULL
"""


@dataclass(frozen=True)
class Place:
    """Where signals are read, and what the operator has said of them."""

    connect: Callable[[], Connection]
    table: str
    knobs: Knobs

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[RowMapping]:
        """The rows of a query on the sampler's own connection."""
        return list(fetch(self.connect(), sql, parameters))


def _replica_lag(place: Place, measure: str) -> Outcome:
    ignored = {name.strip() for name in (place.knobs.ignore_replicas or "").split(",")}
    replicas = [row for row in place.rows(REPLICAS) if row["name"] not in ignored]
    if any(row["hidden"] for row in replicas):
        return Unseen(SEE_ALL)
    worst = max(replicas, key=lambda row: row[measure], default=None)
    return Measured(worst[measure], worst["name"]) if worst else Measured(None)


def _sessions(place: Place, sql: str) -> Outcome:
    row = place.rows(sql)[0]
    return Unseen(SEE_ALL) if row["hidden"] else Measured(row["number"])


def _slots(place: Place) -> Outcome:
    worst = next(iter(place.rows(SLOTS)), None)
    return Measured(worst["mb"], worst["name"]) if worst else Measured(None)


def _archive(place: Place) -> Outcome:
    return Measured(place.rows(ARCHIVE)[0]["files"])


def _wraparound(place: Place) -> Outcome:
    for row in place.rows(WRAPAROUND, {"table": place.table}):
        if row["hidden"]:
            return Unseen(SEE_ALL)
        return Said(f"a vacuum of the table to prevent wraparound is at work (pid {row['pid']}, {row['phase']})")
    return Said(None)


def _sql(place: Place) -> Outcome:
    assert place.knobs.throttle_sql is not None
    rows = place.rows(place.knobs.throttle_sql)
    if rows and not rows[0]:
        raise ValueError("its row has no column")
    found = next(iter(rows[0].values())) if rows else None
    return Said(None if found is None else f"throttle_sql: {found}")


def _file(place: Place) -> Outcome:
    assert place.knobs.throttle_file is not None
    path = Path(place.knobs.throttle_file)
    return Said(f"file {path} is there" if path.exists() else None)


def _http(place: Place) -> Outcome:
    assert place.knobs.throttle_http is not None
    try:
        # the knob admits nothing but http and https
        with urllib.request.urlopen(place.knobs.throttle_http, timeout=HTTP_TIMEOUT_S):
            return Said(None)
    except urllib.error.HTTPError as answer:
        with answer:
            return Said(f"throttle_http answers {answer.code} {answer.reason}".rstrip())


READERS: Mapping[str, Callable[[Place], Outcome]] = {
    "max_replica_lag_s": lambda place: _replica_lag(place, "lag_s"),
    "max_replica_lag_mb": lambda place: _replica_lag(place, "lag_mb"),
    "max_active_sessions": lambda place: _sessions(place, ACTIVE),
    "max_waiting_sessions": lambda place: _sessions(place, WAITING),
    "max_slot_wal_mb": _slots,
    "max_archive_backlog": _archive,
    "wraparound_vacuum": _wraparound,
    "throttle_sql": _sql,
    "throttle_file": _file,
    "throttle_http": _http,
}
