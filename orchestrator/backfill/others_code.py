"""Code of others in triggers that fire for our batches: it is noticed in the transaction in which it ran.

A trigger may come at any time, from whoever has the privilege. The statement holds the table: no other trigger has come
or gone when it is looked for, and one that is deferred to COMMIT has not fired yet. All of it is rolled back.
"""

from __future__ import annotations

from sqlalchemy import Connection

from orchestrator.catalog import queries
from orchestrator.database import fetch
from orchestrator.errors import StepFailed
from phases.step import Batches

INSERT, DELETE, UPDATE = 4, 8, 16
"""Of tgtype (src/include/catalog/pg_trigger.h)."""

# a trigger of a partitioned table stands on each of its partitions
FIRED = f"""
SELECT t.tgname AS trigger, c.oid::pg_catalog.regclass::text AS table, f.functions[1] AS function
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid,
LATERAL (SELECT {queries.FOREIGN_FUNCTIONS} AS functions) AS f
WHERE (c.oid = %(relation)s
       OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(%(relation)s::oid::pg_catalog.regclass) AS p))
  AND t.tgenabled IN ('O', 'A') AND t.tgtype & %(events)s <> 0 AND f.functions <> '{{}}'
ORDER BY t.tgname, c.oid LIMIT 1
"""
OID = "SELECT pg_catalog.to_regclass(%(name)s)::oid::bigint AS oid"


def require_none(connection: Connection, step: Batches, *, relation: int, again: str) -> None:
    """After rows of a step were written, in a relation or where they are copied to.

    Raises:
        StepFailed: somebody's code has run with the rights of our role.
    """
    events = UPDATE
    if step.insertion is not None:
        relation = fetch(connection, OID, {"name": step.insertion.table})[0]["oid"]
        events = UPDATE | INSERT if step.insertion.creates else UPDATE
    elif step.deletes:
        events = DELETE
    for row in fetch(connection, FIRED, {"relation": relation, "events": events}):
        raise StepFailed(
            f'{step.title}: trigger "{row["trigger"]}" of {row["table"]} ran function {row["function"]} with the '
            "rights of our role, in a batch that was rolled back",
            f"look at that function, and drop the trigger; then: {again}",
        )
