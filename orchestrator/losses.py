"""What newer code has written that goes with an abort: counted before it begins, and noticed from then on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL, Composable, Identifier, Literal
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator import database, inspecting
from orchestrator.context import Context, connected
from orchestrator.errors import GateClosed, LockNotObtained, LossNoticed, StepFailed
from orchestrator.journal.states import Status
from orchestrator.journal.store import Run, StepRow
from orchestrator.journal.tables import SCHEMA
from orchestrator.program import load_step
from orchestrator.settings import Settings
from phases.names import derived
from phases.partitions import lock_tree_of
from phases.sql import catalog_sql, text
from phases.step import Lock, LockMode, Loss, Statement

if TYPE_CHECKING:
    from orchestrator.executor import Executor

COUNT = SQL("SELECT pg_catalog.count(*) FROM {table} AS new WHERE {condition}")

# whoever writes to the table draws a number, which no rollback gives back; it may never fail the statement. In the
# state schema: nothing more is asked of the application's
CREATE_FUNCTION = SQL(
    "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
    " SET search_path = pg_catalog, pg_temp AS {body}"
)
BODY = SQL(
    """
BEGIN
  BEGIN
    PERFORM pg_catalog.nextval({counter});
  EXCEPTION WHEN undefined_table THEN
    NULL;
  END;
  RETURN NULL;
END
"""
)
# others could have it called from tables of their own
REVOKE = SQL("REVOKE ALL ON FUNCTION {name}() FROM PUBLIC")
CREATE_COUNTER = SQL("CREATE SEQUENCE IF NOT EXISTS {name}")
# AFTER: the row as it is in the end, whatever other triggers make of it
CREATE_TRIGGER = SQL(
    "CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE ON {table}"
    " FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()"
)
ENABLE_ALWAYS = SQL("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
# under the trigger's lock, so that whoever has drawn a number before has ended, and is counted
RESET = SQL("SELECT pg_catalog.setval({counter}, 1, false)")

LOCK_TABLE = SQL("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
# nothing is told of what is not watched; a trigger that somebody has switched off could not tell
NOTICED = """
SELECT pg_catalog.pg_sequence_last_value(c.oid) IS NOT NULL OR EXISTS (
  SELECT %(table)s::regclass::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(%(table)s::regclass)
  EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = %(name)s AND tgenabled = 'A')
FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(counter)s)
"""
DROP_TRIGGER = SQL("DROP TRIGGER IF EXISTS {trigger} ON {table}")
DROP_FUNCTION = SQL("DROP FUNCTION IF EXISTS {name}()")
DROP_COUNTER = SQL("DROP SEQUENCE IF EXISTS {name}")

_GONE = {"42703", "42P01", "3F000"}
"""undefined_column, undefined_table, invalid_schema_name: it is dropped already, and there is nothing left to lose."""


@dataclass(frozen=True, kw_only=True)
class AtRisk:
    """A column that goes with an abort."""

    title: str
    """Of what takes it away."""
    position: int
    lock: Lock
    """That takes it away, on the table or on the tree of its partitions."""
    loss: Loss

    def told(self, number: int) -> str:
        """How much of it, in words."""
        return f"{self.title}: {number} values of {self.loss.column}"


def at_risk(rows: Iterable[StepRow], *, used: bool) -> list[AtRisk]:
    """What there is to lose. `used`: newer code may be out, and what nobody can tell counts as written by it.

    Two undos may take the same away: the later one finds nothing left.
    """
    found: dict[Loss, AtRisk] = {}
    for row in rows:
        # a statement and the note that it is done are one transaction: what was only begun has written nothing
        for undo in load_step(row.payload).undo if row.status == "done" else ():
            for loss in undo.losses if isinstance(undo, Statement) else ():
                if used or not loss.unsure:
                    found.setdefault(
                        loss, AtRisk(title=undo.title, position=row.position, lock=undo.locks[0], loss=loss)
                    )
    return list(found.values())


def counted(context: Context, risks: Iterable[AtRisk]) -> list[str]:
    """What would be lost as of now: one read of the table for each column that may hold such values."""
    with connected(context.engine()) as connection:
        return [each.told(found) for each in risks if (found := _count(connection, each.loss, context.settings))]


def watch(executor: Executor, run: Run, risks: Iterable[AtRisk]) -> None:
    """Has the database notice what is written from now on, and counts what was written until now.

    Raises:
        GateClosed: there is something.
    """
    lost = [
        each.told(found)
        for each in risks
        if _noticed(executor, each) and (found := _count_watched(executor, each.loss))
    ]
    if lost:
        raise not_confirmed(run, lost)


def disregard(executor: Executor, risks: Iterable[AtRisk]) -> None:
    """Nobody minds any more: what was noticed stops no undo."""
    for each in risks:
        with executor.engine.begin() as connection:
            executor.claim.fence(connection)
            database.run(connection, text(DROP_COUNTER.format(name=_object(each.loss))))


def require_unnoticed(connection: Connection, losses: Iterable[Loss]) -> None:
    """Locks the tables, so that no write comes between, and ends the watch in the transaction of the undo.

    Raises:
        LossNoticed: something was written that would be lost, or may have been; it has to be counted again.
    """
    for loss in losses:
        name = _object(loss)
        database.run(connection, text(LOCK_TABLE.format(table=catalog_sql(loss.table))))
        parameters = {"table": loss.table, "name": _name(loss), "counter": text(name)}
        if database.scalar(connection, NOTICED, parameters):
            raise LossNoticed(loss.column)
        for template in (DROP_TRIGGER, DROP_FUNCTION, DROP_COUNTER):
            database.run(connection, text(_filled(template, loss)))


def forget(loss: Loss) -> Iterator[str]:
    """The statements that end the watch of a table that is gone, and its trigger with it."""
    for template in (DROP_FUNCTION, DROP_COUNTER):
        yield text(_filled(template, loss))


def not_confirmed(run: Run, lost: Iterable[str]) -> GateClosed:
    """The error of an abort that nobody has allowed to lose this."""
    begun = run.status is Status.ABORTING
    listing = "".join(f"\n  {each}" for each in lost)
    return GateClosed(
        f"{'the abort goes no further' if begun else 'nothing was undone'}: what newer code has written would be lost"
        f"{listing}",
        f"copy it elsewhere if it is needed, and see to it that no newer release is running; then: "
        f"orchestrator abort {run.name} --confirm-loss",
    )


def _noticed(executor: Executor, risk: AtRisk) -> bool:
    """Makes the trigger; False: the column is not there to be watched."""
    loss, lock = risk.loss, replace(risk.lock, mode=LockMode.SHARE_ROW_EXCLUSIVE)
    # those of all partitions within the time that one lock may take
    first = [lock_tree_of(loss.table, lock.mode)] if lock.reach == "tree" else []
    sql = (CREATE_FUNCTION, REVOKE, CREATE_COUNTER, CREATE_TRIGGER, ENABLE_ALWAYS, RESET)
    step = Statement(
        title=f"watch {loss.column}",
        sql=(*first, *(text(_filled(template, loss)) for template in sql)),
        locks=(lock,),
    )
    try:
        with executor.told(step):
            executor.statement(risk.position, step, executor.claim.fence)
    except StepFailed as error:
        if isinstance(error.__cause__, DBAPIError) and database.sqlstate(error.__cause__) in _GONE:
            return False
        raise
    return True


def _count_watched(executor: Executor, loss: Loss) -> int:
    title = f"count what was written to {loss.column}"
    with executor.engine.connect() as connection, executor.claim.watching(connection, title, stoppable=True):
        return _count(connection, loss, executor.settings)


def _count(connection: Connection, loss: Loss, settings: Settings) -> int:
    query = COUNT.format(table=catalog_sql(loss.table), condition=catalog_sql(loss.condition))
    try:
        with connection.begin():
            database.set_short(connection)
            inspecting.read_only(connection, settings, lock_timeout_ms=settings.lock_timeout_ms)
            return int(database.scalar(connection, text(query)))
    except DBAPIError as error:
        state = database.sqlstate(error)
        if state in _GONE:
            return 0
        if state == "55P03":
            raise LockNotObtained(f"table {loss.table} is locked by somebody", "try again") from error
        if state == "42501":
            raise StepFailed(
                f"what was written to {loss.column} cannot be counted: {database.primary_message(error)}",
                f"where row security is forced on the owner: ALTER TABLE {loss.table} NO FORCE ROW LEVEL SECURITY for "
                "the time of the abort, or connect as a role with BYPASSRLS; then abort again",
            ) from error
        raise


def _name(loss: Loss) -> str:
    return derived("orchestrator_lost", loss.table, loss.column)


def _object(loss: Loss) -> Identifier:
    return Identifier(SCHEMA, _name(loss))


def _filled(template: SQL, loss: Loss) -> Composable:
    name = _object(loss)
    counter = Literal(text(name))
    parts: dict[str, Any] = {
        "name": name,
        "counter": counter,
        "body": Literal(text(BODY.format(counter=counter))),
        "trigger": Identifier(_name(loss)),
        "table": catalog_sql(loss.table),
        "condition": catalog_sql(loss.condition),
    }
    return template.format(**parts)
