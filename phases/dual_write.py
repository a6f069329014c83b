"""Dual write: one trigger keeps the old and the new column equal, whichever of them a version writes."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from phases.delta import Delta, Pair, Sync, Table
from phases.sql import DIFFERENT, SAME, differ, lock, qualified, text
from phases.step import LockMode, Statement, Step

CREATE_COUNTER = SQL("CREATE SEQUENCE {counter}")
# the trigger runs as the application, which must be able to count
GRANT_COUNTER = SQL("GRANT USAGE ON SEQUENCE {counter} TO PUBLIC")
CREATE_FUNCTION = SQL(
    "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS {body}"
)
# the WHEN clause keeps PL/pgSQL out of writes that leave both columns equal: the cost of those is about 1 %
CREATE_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table}"
    " FOR EACH ROW WHEN ({differ}) EXECUTE FUNCTION {function}()"
)
# also for writers with session_replication_role = replica, such as the apply worker of a subscription: a row that
# they changed behind the backfill would differ for good
ENABLE_ALWAYS = SQL("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
DROP_TRIGGER = SQL("DROP TRIGGER IF EXISTS {trigger} ON {table}")
DROP_FUNCTION = SQL("DROP FUNCTION IF EXISTS {function}()")
DROP_COUNTER = SQL("DROP SEQUENCE IF EXISTS {counter}")

BODY = SQL(
    """
BEGIN
{pairs}
  RETURN NEW;
END
"""
)
# `IS DISTINCT FROM NULL` and not `IS NULL`: a composite value whose fields are all null is a value.
PAIR = SQL(
    """  IF {differ} THEN
    IF TG_OP = 'INSERT' THEN
      IF NEW.{new} IS NOT DISTINCT FROM NULL THEN
        NEW.{new} := NEW.{old};
      ELSE
{count_insert}        NEW.{old} := NEW.{new};
      END IF;
    ELSIF {new_unchanged} THEN
      NEW.{new} := NEW.{old};
    ELSE
      IF {old_changed} THEN
{count}
      END IF;
      NEW.{old} := NEW.{new};
    END IF;
  END IF;"""
)
# Counting must never fail the application's own statement.
COUNT = SQL(
    """        BEGIN
          PERFORM pg_catalog.nextval({counter});
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;"""
)
COUNT_INSERT = SQL(
    """        IF NEW.{old} IS DISTINCT FROM NULL THEN
{count}
        END IF;
"""
)


def steps(delta: Delta) -> Iterator[Step]:
    """CREATE TRIGGER takes SHARE ROW EXCLUSIVE: it waits until no transaction has written to the table.

    So whoever wrote before has committed before the trigger is there, and whoever writes after has its row
    synchronised: no write falls between the trigger and the backfill.
    """
    locks = (lock(LockMode.SHARE_ROW_EXCLUSIVE, delta.table),)
    drop_locks = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    yield Statement(
        title=f"create trigger {delta.sync.trigger}",
        sql=tuple(map(text, _create(delta.table, delta.sync))),
        locks=locks,
        undo=(
            Statement(
                title=f"drop trigger {delta.sync.trigger}",
                sql=tuple(map(text, drop(delta.table, delta.sync))),
                locks=drop_locks,
            ),
        ),
    )


def drop(table: Table, sync: Sync) -> Iterator[Composed]:
    """The statements that remove the trigger and what belongs to it."""
    yield DROP_TRIGGER.format(trigger=Identifier(sync.trigger), table=qualified(table))
    yield DROP_FUNCTION.format(function=Identifier(table.schema, sync.function))
    yield DROP_COUNTER.format(counter=Identifier(table.schema, sync.counter))


def _create(table: Table, sync: Sync) -> Iterator[Composed]:
    counter = Identifier(table.schema, sync.counter)
    function = Identifier(table.schema, sync.function)
    yield CREATE_COUNTER.format(counter=counter)
    yield GRANT_COUNTER.format(counter=counter)
    yield CREATE_FUNCTION.format(function=function, body=Literal(text(_body(table, sync))))
    yield CREATE_TRIGGER.format(
        trigger=Identifier(sync.trigger),
        table=qualified(table),
        differ=differ(sync.pairs, row="new"),
        function=function,
    )
    yield ENABLE_ALWAYS.format(table=qualified(table), trigger=Identifier(sync.trigger))


def _body(table: Table, sync: Sync) -> Composable:
    count = COUNT.format(counter=Literal(text(Identifier(table.schema, sync.counter))))
    return BODY.format(pairs=SQL("\n").join(_pair(pair, count) for pair in sync.pairs))


def _pair(pair: Pair, count: Composable) -> Composable:
    old, new = Identifier(pair.old), Identifier(pair.new)

    def changed(condition: SQL, column: str) -> Composable:
        return condition.format(a=Identifier("new", column), b=Identifier("old", column))

    return PAIR.format(
        old=old,
        new=new,
        differ=differ((pair,), row="new"),
        new_unchanged=changed(SAME, pair.new),
        old_changed=changed(DIFFERENT, pair.old),
        count=count,
        # with a default the old column is always given, so that giving both says nothing
        count_insert=SQL("") if pair.old_has_default else COUNT_INSERT.format(old=old, count=count),
    )
