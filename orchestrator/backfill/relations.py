"""The relations behind a table: the table itself, or the leaves of a partitioned one; their files, sizes and guards."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from sqlalchemy import Connection

from orchestrator.database import fetch
from orchestrator.errors import StepFailed
from phases.step import Batches, Verify

MOST_WINDOW_BLOCKS = {"batches": 4096, "verify": 16_384}
LEAST_WINDOW_BLOCKS = {"batches": 256, "verify": 1024}
"""Less would be too little for the stripes of a batch, or for a scan."""
WINDOWS_A_WORKER = 8
"""So that several workers end about together."""

# sizes take ACCESS SHARE on each relation
RELATIONS = """
SELECT c.oid::bigint AS oid, pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name, c.relkind::text AS kind,
       pg_catalog.pg_relation_filenode(c.oid)::bigint AS filenode, greatest(c.reltuples, 0)::bigint AS rows,
       pg_catalog.pg_relation_size(c.oid, 'main') / current_setting('block_size')::bigint AS blocks,
       (SELECT t.tgenabled::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = %(guard)s) AS guard
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind <> 'p' AND (
  c.oid = %(table)s::regclass
  OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%(table)s::regclass) WHERE isleaf))
ORDER BY c.oid
"""
LOOK = """
SELECT c.oid::bigint AS oid, pg_catalog.pg_relation_filenode(c.oid)::bigint AS filenode,
       pg_catalog.pg_stat_get_xact_tuples_hot_updated(c.oid) AS hot,
       (SELECT t.tgenabled::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = %(guard)s) AS guard
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(name)s)
"""

# no row is older than the trigger in a partition that was empty when it was looked at, or is it now
UNVISITED = """
SELECT DISTINCT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name
FROM orchestrator.step s
CROSS JOIN LATERAL pg_catalog.pg_partition_tree((s.payload ->> 'table')::regclass) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE s.run_id = %(run)s AND s.phase = %(phase)s AND s.op = ANY (%(ops)s) AND s.payload ->> 'guard' = %(guard)s
  AND t.isleaf AND pg_catalog.pg_relation_size(t.relid) > 0
  AND NOT EXISTS (SELECT FROM orchestrator.heap_window w JOIN orchestrator.progress p USING (run_id, position, pass)
                  WHERE w.run_id = s.run_id AND w.position = s.position AND w.relation = t.relid::oid::bigint)
ORDER BY 1
"""


class Changed(Exception):
    """A relation is not what its window was cut from: block numbers mean other rows now, or nobody guards them."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A heap, as it is now."""

    oid: int
    name: str
    """Qualified and quoted."""
    filenode: int
    rows: int
    """An estimate."""
    blocks: int


def relations(connection: Connection, table: str, guard: str | None, *, run: str) -> list[Relation]:
    """All heaps of a table, each with the trigger on guard, if there is to be one.

    Raises:
        StepFailed: somebody has dropped or disabled it, or a leaf is no heap.
    """
    found = []
    for row in fetch(connection, RELATIONS, {"table": table, "guard": guard}):
        if row["kind"] != "r":
            raise StepFailed(f"{row['name']} is not a plain table", "detach it, or wait for a version that can do more")
        if guard is not None and row["guard"] not in ("O", "A"):
            raise _off_guard(row["name"], guard, there=row["guard"] is not None, run=run)
        found.append(Relation(**{name: row[name] for name in Relation.__dataclass_fields__}))
    return found


def guard_of(step: Batches | Verify) -> str | None:
    """The trigger that is to be on guard on each relation of the step."""
    return None if isinstance(step, Verify) and step.guarded_elsewhere else step.guard


def _off_guard(name: str, guard: str, *, there: bool, run: str) -> StepFailed:
    what = "is disabled" if there else "is gone"
    return StepFailed(
        f'trigger "{guard}" on {name} {what}: rows written meanwhile may differ',
        f"enable it (ALTER TABLE {name} ENABLE ALWAYS TRIGGER …) and advance: such rows are then found"
        if there
        else f"undo the run with: orchestrator abort {run}",
    )


def unvisited(connection: Connection, run_id: int, phase: str, guard: str, *, ops: list[str]) -> list[str]:
    """Leaves that the batched steps of a phase, under the guard of this trigger, have not seen: they came later."""
    parameters = {"run": run_id, "phase": phase, "guard": guard, "ops": ops}
    return [row["name"] for row in fetch(connection, UNVISITED, parameters)]


def expect(connection: Connection, *, name: str, oid: int, filenode: int, guard: str | None) -> int:
    """Makes sure, under the lock of a statement, that it has met the relation and the file that it was meant for.

    Returns the HOT updates of this session that are not reported to the statistics yet.

    Raises:
        Changed: it has not.
    """
    rows = fetch(connection, LOOK, {"name": name, "guard": guard})
    if not rows or (rows[0]["oid"], rows[0]["filenode"]) != (oid, filenode):
        raise Changed
    if guard is not None and rows[0]["guard"] not in ("O", "A"):
        raise Changed
    return int(rows[0]["hot"])


def window_blocks(blocks: int, workers: int, op: str) -> int:
    """The size of the windows of a relation: all about the same, and small enough to be shared."""
    shared = ceil(blocks / (workers * WINDOWS_A_WORKER)) if workers > 1 else blocks
    most = min(MOST_WINDOW_BLOCKS[op], max(LEAST_WINDOW_BLOCKS[op], shared))
    return max(1, ceil(blocks / ceil(blocks / most))) if blocks else 1
