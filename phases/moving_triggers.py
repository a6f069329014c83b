"""The triggers that keep both tables equal while columns move, one on each.

Both look before they write, so that each ends what the other has begun, however deep in triggers of the application
that happens.

Older code has its row here locked when its trigger wants the one there, newer code the one there when its trigger
wants the row here. Where both want the same row at once, newer code's trigger gives way, and not with an error: whoever
waits for it gets the row there next, and has the last word on both. Who waits for each other over several rows is in
a deadlock, which PostgreSQL ends.

Of a partitioned table the key has the partition key. An UPDATE that moves a row to another partition gives it another
key, then, and is a DELETE and an INSERT for AFTER triggers, of which neither knows what the statement has written. So
there is a trigger BEFORE the update of a key as well: it takes along what newer code has written last, and sees to what
only an UPDATE can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from phases.delta import Move, Table
from phases.dual_write import (
    CREATE_COUNTER,
    DROP_COUNTER,
    DROP_FUNCTION,
    DROP_TRIGGER,
    ENABLE_ALWAYS,
    GRANT_COUNTER,
    compared,
)
from phases.names import ahead, truncating
from phases.sql import names, qualified, text
from phases.sync import DIFFERENT, GIVEN, MISSING, SAME, all_of, of_row

CREATE_FUNCTION = SQL("CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql{rights} AS {body}")
# who may write one of the tables need not have the right to write the other
DEFINER = SQL(" SECURITY DEFINER SET search_path = pg_catalog, pg_temp")
# so that triggers of the application's own on the other table fire as if he had written that: no right is lent to them
INVOKER = SQL("")
# or anybody could make a trigger of it, on a table of their own, and write here with our rights; it fires for all
REVOKE = SQL("REVOKE ALL ON FUNCTION {function}() FROM PUBLIC")
# default privileges may give it to somebody all the same
OURS = SQL(
    """  IF TG_RELID <> {table}::pg_catalog.regclass THEN
    RAISE insufficient_privilege USING MESSAGE = 'this function is for triggers of one table';
  END IF;"""
)
# a partition that is being detached has still its triggers, and no root any more
OURS_BY_TREE = SQL(
    """  IF pg_catalog.pg_partition_root(TG_RELID) IS DISTINCT FROM {table}::pg_catalog.regclass AND NOT EXISTS (
    WITH RECURSIVE above AS (
      SELECT TG_RELID AS relid UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = relid
    )
    SELECT FROM above WHERE relid = {table}::pg_catalog.regclass
  ) THEN
    RAISE insufficient_privilege USING MESSAGE = 'this function is for triggers of one table';
  END IF;"""
)
CREATE_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE{delete} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
)
# of a partitioned table: the last that knows of what row an INSERT elsewhere comes
CREATE_KEY_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({key_changed}) EXECUTE FUNCTION {function}()"
)
CREATE_TRUNCATE_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
)
# how often a trigger has left something to one table alone. A sequence: nobody waits for it, and what was rolled back
# counts as well. Where it begins says when the triggers were last touched
COUNT = SQL("PERFORM pg_catalog.nextval({counter});")
# NEW is what the statement wrote: a trigger of the application may have written the row once more since, and ours have
# heard of that first
AS_IT_IS = SQL(
    """  SELECT {now} INTO {new} FROM {table} AS self WHERE {is_self};
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;"""
)
# what is as it was before the statement came back from the row there, which had not heard of the statement yet
NOW = SQL("CASE WHEN {op} = 'UPDATE' AND {same} THEN {new} ELSE {now} END")
# names the row of whose going the other trigger must not hear: the same statement may have given its key to another
MARK = "orchestrator.moving"
WENT = SQL("{what} || ROW({key})::text")
# whoever waits for a row that moves to another partition fails with that. FOUND says whether it is still there
LOCK_THERE = SQL("    PERFORM FROM {target} AS there WHERE {row} FOR NO KEY UPDATE;")
LOCK_THERE_IN_TREE = SQL(
    """    PERFORM FROM {target} AS there WHERE {row} FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
      BEGIN
        PERFORM FROM {target} AS there WHERE {row} FOR NO KEY UPDATE;
      EXCEPTION WHEN serialization_failure THEN
        IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
          RAISE;
        END IF;
      END;
    END IF;"""
)
# what newer code has written last goes along; whoever just writes it is waited for
AHEAD = SQL(
    """  IF TG_WHEN = 'BEFORE' THEN
{lock_left}
    IF FOUND THEN
      SELECT {latest} INTO {new} FROM {target} AS there WHERE {was_there};{keep_up}
    END IF;
    PERFORM FROM {target} AS there WHERE {is_there} FOR NO KEY UPDATE;
    IF FOUND THEN
      SELECT {completed} INTO {new} FROM {target} AS there WHERE {is_there};
      IF EXISTS (SELECT FROM {target} AS there WHERE {is_there} AND ({at_odds})) THEN
        PERFORM pg_catalog.set_config(
          {apart}, COALESCE(pg_catalog.current_setting({apart}, true), '') || {apart_here}, true
        );
      END IF;
    END IF;
    RETURN NEW;
  ELSIF TG_OP = 'INSERT'
        AND pg_catalog.strpos(COALESCE(pg_catalog.current_setting({apart}, true), ''), {apart_here}) > 0 THEN
    {count}
    RETURN NULL;
  END IF;
"""
)
# the row there has gone ahead, and since then either has got another value: nobody can say which is the later one, and
# both stay. Contract names them
AT_ODDS = SQL("{unchanged} AND {has_value} AND {differ}")
APART = "orchestrator.apart"
# the row there is the application's, and may follow. Its trigger must not hear of it: it would write the row under the
# UPDATE
KEEP_UP = SQL(
    """
      PERFORM pg_catalog.set_config({mark}, {leaving_here}, true);
      UPDATE {target} AS there SET {written} WHERE {was_there} AND {differ};
      PERFORM pg_catalog.set_config({mark}, '', true);"""
)
# here to there. Only what the statement has changed: the rest may be newer there
FORTH = SQL(
    """
#variable_conflict use_column
BEGIN
{ours}
{ahead}  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM {target};
    RETURN NULL;
  ELSIF TG_OP = 'DELETE' THEN
    PERFORM pg_catalog.set_config({mark}, {went_here}, true);
    DELETE FROM {target} AS there WHERE {was_there};
    PERFORM pg_catalog.set_config({mark}, '', true);
    RETURN NULL;
  ELSIF TG_OP = 'UPDATE' THEN
    IF pg_catalog.current_setting({mark}, true) = {emptied_here} THEN
      RETURN NULL;
    END IF;
    IF {key_changed} THEN
      PERFORM pg_catalog.set_config({mark}, {went_here}, true);
      -- newer code may have made the row there before: neither is taken away
      BEGIN
        UPDATE {target} AS there SET {new_key}
        WHERE {was_there} AND NOT EXISTS (SELECT FROM {target} AS there WHERE {is_there});
      EXCEPTION WHEN unique_violation THEN
        -- or is just making it, or has since our snapshot
        NULL;
      END;
      PERFORM pg_catalog.set_config({mark}, '', true);
    END IF;
  END IF;
{as_it_is}
  IF TG_OP = 'UPDATE' THEN
    IF {unchanged} THEN
      -- the backfill may have found this row neither where it was nor where it is now
      IF NOT ({empty}) AND NOT EXISTS (SELECT FROM {target} AS there WHERE {is_there}) THEN
        INSERT INTO {target} ({columns}) VALUES ({values}) ON CONFLICT ({key}) DO NOTHING;
      END IF;
      IF {key_changed} AND {left_here} THEN
        {count}
      END IF;
      RETURN NULL;
    END IF;
  ELSIF {empty} THEN
    -- the row there may have come first
    UPDATE {source} AS here SET {taken} FROM {target} AS there WHERE {is_here} AND {is_there} AND NOT ({nothing_there});
    RETURN NULL;
  END IF;
  IF {empty} THEN
    UPDATE {target} AS there SET {given} WHERE {is_there} AND {differ};
  ELSIF NOT EXISTS (SELECT FROM {target} AS there WHERE {is_there} AND {agree}) THEN
    INSERT INTO {target} AS there ({columns}) VALUES ({values})
    ON CONFLICT ({key}) DO UPDATE SET {given} WHERE {differ};
  END IF;
  IF {left_here} THEN
    {count}
  END IF;
  RETURN NULL;
END
"""
)
# here to a table of the application's own. A column that has no value there has not been copied yet, or it is as good
FORTH_BESIDE = SQL(
    """
#variable_conflict use_column
BEGIN
{ours}
{ahead}{as_it_is}
  IF TG_OP = 'INSERT' AND {empty} THEN
    -- the row there may have come first
    UPDATE {source} AS here SET {taken} FROM {target} AS there WHERE {is_here} AND {is_there} AND NOT ({nothing_there});
  ELSE
{lock_kept}    IF TG_OP = 'UPDATE' AND {key_changed} THEN
      -- a foreign key may be about to take the row there along
      UPDATE {target} AS there SET {filled} WHERE {was_there} AND {differ_filled};
    END IF;
    UPDATE {target} AS there SET {filled} WHERE {is_there} AND {differ_filled};
    IF NOT (TG_OP = 'UPDATE' AND {unchanged} AND NOT {key_changed}) AND {left_here} THEN
      {count}
    END IF;
  END IF;
  RETURN NULL;
END
"""
)
# there to here: all columns, for what is there is never the older. The look that locks nothing keeps nobody waiting
# where there is nothing to do, as in every row that the backfill or the other trigger has written
BACK = SQL(
    """
#variable_conflict use_column
DECLARE
  patience text := pg_catalog.current_setting('lock_timeout');
  since timestamptz := pg_catalog.clock_timestamp();
  held boolean;
  apart boolean;
BEGIN
{ours}
  IF TG_OP = 'TRUNCATE' THEN
    UPDATE {source} AS here SET {nulls} WHERE NOT ({nothing_here});
    RETURN NULL;
  END IF;
  IF (TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND {key_changed})
     AND pg_catalog.current_setting({mark}, true) IS DISTINCT FROM {went_there} THEN
    IF EXISTS (SELECT FROM {source} AS here WHERE {was_here} AND NOT ({nothing_here})) THEN
{lock_old}
      IF held THEN
        PERFORM pg_catalog.set_config({mark}, {emptied_there}, true);
        UPDATE {source} AS here SET {nulls} WHERE {was_here} AND NOT ({nothing_here});
        PERFORM pg_catalog.set_config({mark}, '', true);
      END IF;
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    SELECT {differ} INTO apart FROM {source} AS here WHERE {is_here};
    IF apart THEN
{lock_new}
      IF held THEN
{as_it_is}
        UPDATE {source} AS here SET {given} WHERE {is_here} AND {differ};
      END IF;
    END IF;
    IF apart IS DISTINCT FROM false AND {left_there} THEN
      {count}
    END IF;
  END IF;
  RETURN NULL;
END
"""
)
HEED = SQL(
    """  IF pg_catalog.current_setting({mark}, true) = {leaving_there} THEN
    RETURN NULL;
  END IF;
"""
)
# a null that the statement writes: of an INSERT it would say nothing
BACK_BESIDE_AHEAD = SQL(
    """  IF TG_WHEN = 'BEFORE' THEN
    IF NOT ({empty_there} AND {unchanged}) THEN
      SELECT {differ} INTO apart FROM {source} AS here WHERE {is_here};
      IF apart THEN
{lock_new}
        IF held THEN
          UPDATE {source} AS here SET {given} WHERE {is_here} AND {differ};
        END IF;
      END IF;
    END IF;
    RETURN NEW;
  END IF;
"""
)
# from a table of the application's own: what the statement has not written says nothing, as it may not be copied yet.
# A row that comes without a value takes the one that the source has, and waits for who is just writing it
BACK_BESIDE = SQL(
    """
#variable_conflict use_column
DECLARE
  patience text := pg_catalog.current_setting('lock_timeout');
  since timestamptz := pg_catalog.clock_timestamp();
  held boolean;
  apart boolean;
BEGIN
{ours}
{heed}{ahead}  IF TG_OP = 'UPDATE' AND {unchanged} AND NOT {key_changed} THEN
    RETURN NULL;
  END IF;
  IF {empty_there} AND (TG_OP = 'INSERT' OR {unchanged}) THEN
{lock_new}
    UPDATE {target} AS there SET {taken} FROM {source} AS here
    WHERE {is_here} AND {is_there} AND NOT ({nothing_here});
  ELSE
    IF TG_OP = 'INSERT' AND {some_missing} THEN
{lock_new}
      UPDATE {target} AS there SET {completed} FROM {source} AS here
      WHERE {is_here} AND {is_there} AND {differ_completed};
    END IF;
    SELECT {differ} INTO apart FROM {source} AS here WHERE {is_here};
    IF apart THEN
{lock_new}
      IF held THEN
{as_it_is}
        UPDATE {source} AS here SET {given} WHERE {is_here} AND {differ};
      END IF;
    END IF;
    IF apart IS DISTINCT FROM false AND {left_there} THEN
      {count}
    END IF;
  END IF;
  RETURN NULL;
END
"""
)
# a moment at a time, and for as long as the application's own lock_timeout allows. Between two moments it looks whether
# somebody who queues for a row there has his hands on the source, or who waits for him: one of us would else be the
# victim of a deadlock. There is no queue for a row that is just being made, or whose versions somebody is following:
# then whoever writes there and queues for no row at all counts. The moments grow, or PostgreSQL, which looks after
# deadlock_timeout, would never end a cycle that goes another way
LOCK = SQL(
    """      held := true;
      PERFORM FROM {source} AS here WHERE {row} FOR NO KEY UPDATE SKIP LOCKED;
      IF NOT FOUND THEN
        LOOP
          BEGIN
            PERFORM pg_catalog.set_config(
              'lock_timeout',
              (100 + (extract(epoch FROM pg_catalog.clock_timestamp() - since) * 500)::pg_catalog.int4)::text,
              true
            );
            PERFORM FROM {source} AS here WHERE {row} FOR NO KEY UPDATE;
            PERFORM pg_catalog.set_config('lock_timeout', patience, true);
            EXIT;
          EXCEPTION WHEN lock_not_available THEN
            IF patience::interval > '0' AND pg_catalog.clock_timestamp() - since > patience::interval THEN
              RAISE;
            END IF;{moved}
          END;
          IF {awaited} THEN
            held := false;
            EXIT;
          END IF;
        END LOOP;
      END IF;"""
)
# to another partition: there is no such row here any more
MOVED = SQL(
    """
          WHEN serialization_failure THEN
            IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
              RAISE;
            END IF;
            EXIT;"""
)
AWAITED = SQL(
    """EXISTS (
            WITH RECURSIVE locks AS MATERIALIZED (SELECT * FROM pg_catalog.pg_locks), behind AS (
              SELECT pg_catalog.pg_backend_pid() AS pid
              UNION
              SELECT waits.pid FROM behind JOIN locks AS has ON has.pid = behind.pid AND has.granted
              JOIN locks AS waits ON NOT waits.granted AND waits.pid <> has.pid AND waits.locktype = has.locktype
              WHERE (behind.pid <> pg_catalog.pg_backend_pid()
                     OR EXISTS (SELECT FROM locks AS theirs WHERE theirs.pid = waits.pid
                                AND {theirs} = {target}::pg_catalog.regclass
                                AND (theirs.locktype = 'tuple' OR theirs.mode = 'RowExclusiveLock' AND NOT EXISTS (
                                  SELECT FROM locks AS queues WHERE queues.pid = waits.pid AND queues.locktype = 'tuple'
                                ))))
                AND (has.locktype = 'transactionid' AND waits.transactionid = has.transactionid
                     OR has.locktype = 'tuple' AND (waits.database, waits.relation, waits.page, waits.tuple)
                                                 = (has.database, has.relation, has.page, has.tuple))
            )
            SELECT FROM behind JOIN locks AS hands ON hands.pid = behind.pid AND hands.granted
            WHERE behind.pid <> pg_catalog.pg_backend_pid() AND hands.locktype = 'relation'
              AND {hands} = {source}::pg_catalog.regclass AND hands.mode IN ('RowShareLock', 'RowExclusiveLock')
          )"""
)
# of a lock; rows are locked where they are, and their table may have been named as the whole or as the part
LOCKED = SQL("{lock}.relation")
LOCKED_IN_TREE = SQL("pg_catalog.pg_partition_root({lock}.relation)")
# what one table has and the other has not, once all is done
LEFT = SQL(
    "EXISTS (SELECT FROM {one} WHERE {is_one} AND NOT ({nothing})"
    " AND NOT EXISTS (SELECT FROM {other} WHERE {is_other} AND {same}))"
)
EQUAL = SQL("{} OPERATOR(pg_catalog.=) {}")
ASSIGN = SQL("{} = {}")
KEPT = SQL(
    "CASE WHEN {op} = 'UPDATE' AND NOT {key_changed} AND {unchanged} OR {op} = 'INSERT' AND {missing}"
    " THEN {stored} ELSE {given} END"
)
COMPLETED = SQL("CASE WHEN {missing} THEN {here} ELSE {there} END")
CHANGED = SQL("CASE WHEN {op} = 'UPDATE' AND {unchanged} THEN {stored} ELSE {given} END")
FILLED = SQL("CASE WHEN {op} = 'UPDATE' AND {unchanged} AND {has_value} THEN {stored} ELSE {given} END")


def forth_counter(source: Table, move: Move) -> Identifier:
    """Of what the trigger leaves to the source. It is called like the function, beside it."""
    return Identifier(source.schema, move.function)


def back_counter(move: Move) -> Identifier:
    """Of what the trigger there leaves to the other table."""
    return Identifier(move.table.schema, move.back_function)


def drop(source: Table, move: Move) -> Iterator[Composed]:
    """Both, with what they need: either alone would fail newer code, or undo what it does."""
    for table, trigger, function, partitioned in (
        (source, move.trigger, move.function, move.here_partitioned),
        (move.table, move.back_trigger, move.back_function, move.there_partitioned),
    ):
        for name in (trigger, truncating(trigger), *([ahead(trigger)] if partitioned else ())):
            yield DROP_TRIGGER.format(trigger=Identifier(name), table=qualified(table))
        called = Identifier(table.schema, function)
        yield DROP_FUNCTION.format(function=called)
        yield DROP_COUNTER.format(counter=called)


def create_forth(source: Table, move: Move) -> Iterator[Composed]:
    """What brings a write here to the other table."""
    parts = _forth(source, move)
    body = (FORTH if move.create else FORTH_BESIDE).format(
        ahead=AHEAD.format(**parts) if move.here_partitioned else SQL(""), **parts
    )
    yield from _create(source, move, (move.trigger, move.function), body)
    if move.here_partitioned:
        yield from _create_ahead(source, move.trigger, move.function, move.key_here)


def create_back(source: Table, move: Move) -> Iterator[Composed]:
    """What brings a write there back here."""
    parts = _back(source, move)
    body = (BACK if move.create else BACK_BESIDE).format(
        ahead=BACK_BESIDE_AHEAD.format(**parts) if move.there_partitioned else SQL(""),
        heed=HEED.format(**parts) if move.here_partitioned else SQL(""),
        **parts,
    )
    yield from _create(move.table, move, (move.back_trigger, move.back_function), body)
    if move.there_partitioned:
        yield from _create_ahead(move.table, move.back_trigger, move.back_function, move.key_there)


def _create(table: Table, move: Move, named: tuple[str, str], body: Composable) -> Iterator[Composed]:
    trigger, function = named
    called = Identifier(table.schema, function)
    # rows that go count as well, not only values
    whole = move.create is not None
    yield CREATE_COUNTER.format(counter=called)
    if not move.definer:
        yield GRANT_COUNTER.format(counter=called)
    rights = DEFINER if move.definer else INVOKER
    yield CREATE_FUNCTION.format(function=called, rights=rights, body=Literal(text(body)))
    yield REVOKE.format(function=called)
    delete = SQL(" OR DELETE") if whole else SQL("")
    yield CREATE_TRIGGER.format(trigger=Identifier(trigger), table=qualified(table), function=called, delete=delete)
    yield ENABLE_ALWAYS.format(table=qualified(table), trigger=Identifier(trigger))
    if whole:
        name = Identifier(truncating(trigger))
        yield CREATE_TRUNCATE_TRIGGER.format(trigger=name, table=qualified(table), function=called)
        yield ENABLE_ALWAYS.format(table=qualified(table), trigger=name)


def _create_ahead(table: Table, trigger: str, function: str, key: Sequence[str]) -> Iterator[Composed]:
    """Before a row of a partitioned table goes to another partition."""
    name = Identifier(ahead(trigger))
    yield CREATE_KEY_TRIGGER.format(
        trigger=name,
        table=qualified(table),
        key_changed=compared(DIFFERENT, key),
        function=Identifier(table.schema, function),
    )
    yield ENABLE_ALWAYS.format(table=qualified(table), trigger=name)


def _forth(source: Table, move: Move) -> dict[str, Composable]:
    stored, given = listed(move.there, "there"), listed(move.here, "new")
    op = _operation(move.function)
    same = SAME.format(a=stored, b=listed(move.here, "here"))
    filled, changed = ([value(op, pair) for pair in move.columns] for value in (_filled, _changed))
    now = [_now(op, name) for name in move.here] if move.create else of_row(move.here, "self")
    leaving = {
        "mark": Literal(MARK),
        "leaving_here": _marked(move, "leaving", move.key_here, "old"),
        "target": qualified(move.table),
        "written": _assigned(move.there, of_row(move.here)),
        "was_there": keys_equal((move.key_there, "there"), (move.key_here, "old")),
        "differ": DIFFERENT.format(a=stored, b=given),
    }
    is_there = keys_equal((move.key_there, "there"), (move.key_here, "new"))
    differ_filled = DIFFERENT.format(a=stored, b=SQL(", ").join(filled))
    lock_there = partial(
        (LOCK_THERE_IN_TREE if move.there_partitioned else LOCK_THERE).format, target=qualified(move.table)
    )
    kept = SQL("{} AND {}").format(is_there, differ_filled)
    return {
        **leaving,
        "apart": Literal(APART),
        "apart_here": SQL("({} || ';')").format(_marked(move, "apart", move.key_here, "new")),
        "at_odds": SQL(" OR ").join(map(_at_odds, move.columns)),
        "completed": SQL(", ").join(
            COMPLETED.format(
                missing=MISSING.format(Identifier("new", here)),
                here=Identifier("there", there),
                there=Identifier("new", here),
            )
            for here, there in move.columns
        ),
        "lock_left": lock_there(row=leaving["was_there"]),
        "lock_kept": SQL("{}\n").format(lock_there(row=kept)) if move.there_partitioned else SQL(""),
        "latest": SQL(", ").join(changed if move.create else filled),
        "keep_up": SQL("") if move.create else KEEP_UP.format(**leaving),
        "source": qualified(source),
        "ours": _ours(source, partitioned=move.here_partitioned),
        "new": listed(move.here, "new"),
        "as_it_is": _as_it_is(source, move.key_here, move.here, now),
        "went_here": _marked(move, "gone", move.key_here, "old"),
        "emptied_here": _marked(move, "empty", move.key_here, "new"),
        "is_here": keys_equal((move.key_here, "here"), (move.key_here, "new")),
        "is_there": is_there,
        "key_changed": compared(DIFFERENT, move.key_here),
        "new_key": _assigned(move.key_there, of_row(move.key_here)),
        "unchanged": compared(SAME, move.here),
        "empty": all_of(MISSING, of_row(move.here)),
        "nothing_there": all_of(MISSING, of_row(move.there, "there")),
        "columns": names((*move.key_there, *move.there)),
        "values": listed((*move.key_here, *move.here), "new"),
        "key": names(move.key_there),
        "taken": _assigned(move.here, of_row(move.there, "there")),
        "given": _assigned(move.there, changed),
        "agree": SAME.format(a=stored, b=given),
        "filled": _assigned(move.there, filled),
        "differ_filled": differ_filled,
        "left_here": LEFT.format(
            one=SQL("{} AS here").format(qualified(source)),
            is_one=keys_equal((move.key_here, "here"), (move.key_here, "new")),
            nothing=all_of(MISSING, of_row(move.here, "here")),
            other=SQL("{} AS there").format(qualified(move.table)),
            is_other=keys_equal((move.key_there, "there"), (move.key_here, "new")),
            same=same,
        ),
        "count": COUNT.format(counter=Literal(text(forth_counter(source, move)))),
    }


def _ours(table: Table, *, partitioned: bool) -> Composable:
    return (OURS_BY_TREE if partitioned else OURS).format(table=Literal(text(qualified(table))))


def _operation(function: str) -> Composable:
    """TG_OP, in a query over tables: one of them may have a column that is called so."""
    return Identifier(function, "tg_op")


def _now(op: Composable, column: str) -> Composable:
    now, old, new = (Identifier(row, column) for row in ("self", "old", "new"))
    return NOW.format(op=op, now=now, same=SAME.format(a=now, b=old), new=new)


def _as_it_is(table: Table, key: Sequence[str], columns: Sequence[str], now: Sequence[Composable]) -> Composable:
    return AS_IT_IS.format(
        now=SQL(", ").join(now),
        new=listed(columns, "new"),
        table=qualified(table),
        is_self=keys_equal((key, "self"), (key, "new")),
    )


def _marked(move: Move, what: str, key: Iterable[str], row: str) -> Composable:
    return WENT.format(what=Literal(f"{move.function} {what} "), key=listed(key, row))


def _filled(op: Composable, pair: tuple[str, str]) -> Composable:
    here, there = pair
    return FILLED.format(
        op=op,
        unchanged=compared(SAME, [here]),
        has_value=GIVEN.format(Identifier("there", there)),
        stored=Identifier("there", there),
        given=Identifier("new", here),
    )


def _at_odds(pair: tuple[str, str]) -> Composable:
    here, there = pair
    stored = Identifier("there", there)
    return AT_ODDS.format(
        unchanged=compared(SAME, [here]),
        has_value=GIVEN.format(stored),
        differ=DIFFERENT.format(a=stored, b=Identifier("new", here)),
    )


def _changed(op: Composable, pair: tuple[str, str]) -> Composable:
    here, there = pair
    return CHANGED.format(
        op=op,
        unchanged=compared(SAME, [here]),
        stored=Identifier("there", there),
        given=Identifier("new", here),
    )


def _back(source: Table, move: Move) -> dict[str, Composable]:
    is_here = keys_equal((move.key_here, "here"), (move.key_there, "new"))
    was_here = keys_equal((move.key_here, "here"), (move.key_there, "old"))
    given = of_row(move.there) if move.create else [_kept(move, pair) for pair in move.columns]
    stored = zip(of_row(move.here, "here"), of_row(move.there, "there"), strict=True)
    completed = [COMPLETED.format(missing=MISSING.format(there), here=here, there=there) for here, there in stored]
    awaited = AWAITED.format(
        source=Literal(text(qualified(source))),
        target=Literal(text(qualified(move.table))),
        hands=_locked("hands", partitioned=move.here_partitioned),
        theirs=_locked("theirs", partitioned=move.there_partitioned),
    )
    lock_row = partial(
        LOCK.format, source=qualified(source), awaited=awaited, moved=MOVED if move.here_partitioned else SQL("")
    )
    return {
        "source": qualified(source),
        "target": qualified(move.table),
        "ours": _ours(move.table, partitioned=move.there_partitioned),
        "as_it_is": _as_it_is(move.table, move.key_there, move.there, of_row(move.there, "self")),
        "mark": Literal(MARK),
        "went_there": _marked(move, "gone", move.key_there, "old"),
        "leaving_there": _marked(move, "leaving", move.key_there, "new"),
        "emptied_there": _marked(move, "empty", move.key_there, "old"),
        "is_here": is_here,
        "was_here": was_here,
        "is_there": keys_equal((move.key_there, "there"), (move.key_there, "new")),
        "key_changed": compared(DIFFERENT, move.key_there),
        "unchanged": compared(SAME, move.there),
        "empty_there": all_of(MISSING, of_row(move.there)),
        "nulls": _assigned(move.here, [SQL("NULL")] * len(move.here)),
        "nothing_here": all_of(MISSING, of_row(move.here, "here")),
        "taken": _assigned(move.there, of_row(move.here, "here")),
        "some_missing": SQL("({})").format(SQL(" OR ").join(map(MISSING.format, of_row(move.there)))),
        "completed": _assigned(move.there, completed),
        "differ_completed": DIFFERENT.format(a=listed(move.there, "there"), b=SQL(", ").join(completed)),
        "given": _assigned(move.here, given),
        "differ": DIFFERENT.format(a=listed(move.here, "here"), b=SQL(", ").join(given)),
        "left_there": LEFT.format(
            one=SQL("{} AS there").format(qualified(move.table)),
            is_one=keys_equal((move.key_there, "there"), (move.key_there, "new")),
            nothing=all_of(MISSING, of_row(move.there, "there")),
            other=SQL("{} AS here").format(qualified(source)),
            is_other=is_here,
            same=SAME.format(a=listed(move.here, "here"), b=listed(move.there, "there")),
        ),
        "count": COUNT.format(counter=Literal(text(back_counter(move)))),
        "lock_old": lock_row(row=was_here),
        "lock_new": lock_row(row=is_here),
    }


def _locked(name: str, *, partitioned: bool) -> Composable:
    return (LOCKED_IN_TREE if partitioned else LOCKED).format(lock=SQL(name))


def _kept(move: Move, pair: tuple[str, str]) -> Composable:
    here, there = pair
    return KEPT.format(
        op=_operation(move.back_function),
        key_changed=compared(DIFFERENT, move.key_there),
        unchanged=compared(SAME, [there]),
        missing=MISSING.format(Identifier("new", there)),
        stored=Identifier("here", here),
        given=Identifier("new", there),
    )


def _assigned(columns: Iterable[str], values: Iterable[Composable]) -> Composable:
    return SQL(", ").join(ASSIGN.format(Identifier(name), value) for name, value in zip(columns, values, strict=True))


def keys_equal(one: tuple[Iterable[str], str], other: tuple[Iterable[str], str]) -> Composable:
    """Condition: columns of one row are those of the other."""
    return SQL(" AND ").join(EQUAL.format(a, b) for a, b in zip(of_row(*one), of_row(*other), strict=True))


def listed(columns: Iterable[str], row: str) -> Composable:
    """Columns of a row, with commas."""
    return SQL(", ").join(of_row(columns, row))
