"""Dual write: one trigger keeps the old and the new shape in step, whichever of them a version writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from phases import loss
from phases.delta import Delta, Fill, Link, Sync, Table, Value
from phases.expand import DROP_COLUMN
from phases.sql import catalog_sql, lock, qualified, text
from phases.step import LockMode, Statement, Step
from phases.sync import DIFFERENT, GIVEN, MISSING, SAME, all_of, called, differ, missing, of_row, undone

CREATE_COUNTER = SQL("CREATE SEQUENCE {counter}")
# the trigger runs as the application, which must be able to count
GRANT_COUNTER = SQL("GRANT USAGE ON SEQUENCE {counter} TO PUBLIC")
CREATE_FUNCTION = SQL(
    "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS {body}"
)
REPLACE_FUNCTION = SQL(
    "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
    " SET search_path = pg_catalog, pg_temp AS {body}"
)
# the WHEN clause keeps PL/pgSQL out of writes that leave the row in step: the cost of those is about 1 %
CREATE_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table}"
    " FOR EACH ROW WHEN ({called}) EXECUTE FUNCTION {function}()"
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
{parts}
  RETURN NEW;
END
"""
)
LINK = SQL(
    """  IF {called} THEN
    IF TG_OP = 'INSERT' THEN
      IF {new_missing} THEN
{up}
{else_down_insert}      END IF;
    ELSIF {new_unchanged} THEN
{up_or_leave}
{else_down}    END IF;
  END IF;"""
)
# nobody but the trigger writes the new columns
FOLLOW = SQL(
    """  IF {called} THEN
{up}
  END IF;"""
)
# what is given on both sides and agrees is kept, and so is what the backfill has just computed
OTHERWISE = SQL("ELSE")
IF_THEY_DISAGREE = SQL("ELSIF {differ} THEN")
ELSE_DOWN_INSERT = SQL(
    """      {otherwise}
{count}{down}
"""
)
ELSE_DOWN = SQL(
    """    {otherwise}
      IF {old_changed} THEN
{count}
      END IF;
{down}
{else_up}"""
)
# empty, a row looks as if nobody had computed it yet: it gets what the backfill would give it
ELSE_UP = SQL(
    """      IF {new_missing} THEN
{up}
      END IF;
"""
)
# a value that does not survive the way there and back stays what it was, as long as nobody writes it
UP_IF_CHANGED = SQL(
    """      IF {old_changed} OR {undone} THEN
{up}
      END IF;"""
)
FILL = SQL(
    """  IF {missing}{on_insert} THEN
    NEW.{column} := {expression};
  END IF;"""
)
ASSIGN = SQL("        NEW.{column} := {expression};")
# Counting must never fail the application's own statement.
COUNT = SQL(
    """        BEGIN
          PERFORM pg_catalog.nextval({counter});
        EXCEPTION WHEN insufficient_privilege OR undefined_table OR invalid_schema_name THEN
          NULL;
        END;"""
)
COUNT_INSERT = SQL(
    """        IF {given} THEN
{count}
        END IF;
"""
)


def steps(delta: Delta) -> Iterator[Step]:
    """CREATE TRIGGER takes SHARE ROW EXCLUSIVE: it waits until no transaction has written to the table.

    So whoever wrote before has committed before the trigger is there, and whoever writes after has its row
    synchronised: no write falls between the trigger and the backfill.
    """
    if delta.sync is None:
        return
    locks = (lock(LockMode.SHARE_ROW_EXCLUSIVE, delta.table),)
    drop_locks = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    yield Statement(
        title=f"create trigger {delta.sync.trigger}",
        sql=tuple(map(text, _create(delta.table, delta.sync))),
        locks=locks,
        undo=(
            Statement(
                title=f"drop trigger {', '.join((delta.sync.trigger, *(column.name for column in delta.add)))}",
                # together with the columns: written without the trigger, they would hold values that nobody else has
                sql=tuple(map(text, (*drop(delta.table, delta.sync), *_drop_columns(delta)))),
                losses=tuple(loss.of_columns(delta, delta.add)),
                locks=drop_locks,
            ),
        ),
    )


def _drop_columns(delta: Delta) -> Iterator[Composed]:
    for column in delta.add:
        yield DROP_COLUMN.format(table=qualified(delta.table), column=Identifier(column.name))


def drop(table: Table, sync: Sync) -> Iterator[Composed]:
    """The statements that remove the trigger and what belongs to it."""
    yield DROP_TRIGGER.format(trigger=Identifier(sync.trigger), table=qualified(table))
    yield DROP_FUNCTION.format(function=Identifier(table.schema, sync.function))
    yield DROP_COUNTER.format(counter=Identifier(table.schema, sync.counter))


def _create(table: Table, sync: Sync) -> Iterator[Composed]:
    counter = Identifier(table.schema, sync.counter)
    yield CREATE_COUNTER.format(counter=counter)
    yield GRANT_COUNTER.format(counter=counter)
    yield function(table, sync)
    yield from trigger(table, sync)


def function(table: Table, sync: Sync, *, create: SQL = CREATE_FUNCTION) -> Composed:
    """The statement that makes the trigger's function."""
    body = Literal(text(_body(table, sync)))
    return create.format(function=Identifier(table.schema, sync.function), body=body)


def trigger(table: Table, sync: Sync) -> Iterator[Composed]:
    """The statements that make the trigger, once its function is there."""
    yield CREATE_TRIGGER.format(
        trigger=Identifier(sync.trigger),
        table=qualified(table),
        called=called(sync),
        function=Identifier(table.schema, sync.function),
    )
    yield ENABLE_ALWAYS.format(table=qualified(table), trigger=Identifier(sync.trigger))


def _body(table: Table, sync: Sync) -> Composable:
    count = COUNT.format(counter=Literal(text(Identifier(table.schema, sync.counter))))
    parts = [*(_link(link, count) for link in sync.links), *map(_fill, sync.fills)]
    return BODY.format(parts=SQL("\n").join(parts))


def _link(link: Link, count: Composable) -> Composable:
    up = _assigned(link.up)
    if link.exact and not link.down:
        return FOLLOW.format(called=differ(link.up), up=up)
    changed = compared(DIFFERENT, link.old)
    if_changed = UP_IF_CHANGED.format(old_changed=changed, undone=undone(link), up=up)
    empty = all_of(MISSING, of_row(link.new))
    unchanged = compared(SAME, link.new)
    return LINK.format(
        called=called(Sync(links=(link,), trigger="", function="", counter="")),
        new_missing=empty,
        new_unchanged=unchanged if link.down else SQL("{} OR ({})").format(unchanged, empty),
        up=up,
        up_or_leave=up if link.exact else if_changed,
        **_ways_down(link, changed, count, SQL("") if link.exact else ELSE_UP.format(new_missing=empty, up=up)),
    )


def _ways_down(link: Link, old_changed: Composable, count: Composable, else_up: Composable) -> dict[str, Composable]:
    if not link.down:
        return {"else_down_insert": SQL(""), "else_down": SQL("")}
    parts = {
        "otherwise": OTHERWISE if link.exact else IF_THEY_DISAGREE.format(differ=differ(link.up)),
        "down": _assigned(link.down),
    }
    return {
        "else_down_insert": ELSE_DOWN_INSERT.format(count=_count_insert(link, count), **parts),
        "else_down": ELSE_DOWN.format(count=count, old_changed=old_changed, else_up=else_up, **parts),
    }


def _count_insert(link: Link, count: Composable) -> Composable:
    # with a default the old column is always given, so that giving both says nothing
    if link.always_given:
        return SQL("")
    given = SQL(" OR ").join(GIVEN.format(column) for column in of_row(value.column for value in link.down))
    return COUNT_INSERT.format(given=given, count=count)


def compared(template: SQL, columns: Sequence[str]) -> Composable:
    """The columns of the row as it is written against those of the row before."""
    return template.format(a=SQL(", ").join(of_row(columns)), b=SQL(", ").join(of_row(columns, "old")))


def _assigned(values: Iterable[Value]) -> Composable:
    return SQL("\n").join(
        ASSIGN.format(column=Identifier(value.column), expression=catalog_sql(value.expression)) for value in values
    )


def _fill(fill: Fill) -> Composable:
    return FILL.format(
        missing=missing(fill),
        on_insert=SQL("") if fill.existing else SQL(" AND TG_OP = 'INSERT'"),
        column=Identifier(fill.value.column),
        expression=catalog_sql(fill.value.expression),
    )
