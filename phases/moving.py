"""Columns that move to another table: triggers on both keep them equal, whichever of the two a version writes.

A row there stands for the row here with the same key; where there is none, its columns are as good as null. Both
triggers look before they write, so that each ends what the other has begun, however deep in triggers of the
application that happens.

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
from dataclasses import replace
from functools import partial

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from phases.constrain import analyze
from phases.delta import Delta, Move, Table
from phases.dual_write import ENABLE_ALWAYS, compared
from phases.expand import create_table
from phases.names import ahead, truncating
from phases.sql import lock, names, qualified, text
from phases.step import AwaitSnapshots, Batches, Insertion, Inspect, Lock, LockMode, Rows, Statement, Step, Verify
from phases.sync import DIFFERENT, GIVEN, MISSING, SAME, all_of, of_row
from phases.take_over import LOCK_TABLE, REQUIRE, require_trigger

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
DROP_TRIGGER = SQL("DROP TRIGGER IF EXISTS {trigger} ON {table}")
DROP_FUNCTION = SQL("DROP FUNCTION IF EXISTS {function}()")
# counts how often a trigger has left something to one table alone. A sequence: nobody waits for it, and what was rolled
# back counts as well. Where it begins says when the triggers were last touched
CREATE_COUNTER = SQL("CREATE SEQUENCE {counter}")
DROP_COUNTER = SQL("DROP SEQUENCE IF EXISTS {counter}")
COUNT = SQL("PERFORM pg_catalog.nextval({counter});")
# whoever writes draws from it himself
GRANT_COUNTER = SQL("GRANT USAGE ON SEQUENCE {counter} TO PUBLIC")
# with it, who has written before has committed, and who writes after is counted
LOCK_WRITERS = SQL("LOCK TABLE {tables} IN SHARE MODE")
BEGIN_COUNT = SQL("SELECT pg_catalog.setval({counter}, {touched}, false)")
# disabled and enabled again, replaced or made anew: its row is another transaction's
TOUCHED = SQL(
    "(SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint"
    " FROM pg_catalog.pg_trigger AS t"
    " JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN ({triggers})"
    " AND t.tgrelid IN ({source}::pg_catalog.regclass, {target}::pg_catalog.regclass))"
)
# and so of a partition's, which are as they came with it: with those of the table above it, or when it was attached
TOUCHED_IN_TREE = SQL(
    "(SELECT 1 + COALESCE(pg_catalog.sum(t.xmin::text::bigint + p.xmin::text::bigint), 0)::bigint"
    " FROM pg_catalog.pg_trigger AS t"
    " JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE t.tgname IN ({triggers})"
    " AND (t.tgrelid IN ({source}::pg_catalog.regclass, {target}::pg_catalog.regclass) OR t.tgparentid <> 0"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS above"
    " WHERE above.oid = t.tgparentid AND above.xmin = t.xmin)"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = t.tgrelid AND i.xmin = t.xmin)))"
)
REQUIRE_COUNT_BODY = SQL(
    """
BEGIN
  IF (SELECT is_called OR last_value IS DISTINCT FROM {touched} FROM {counter}) THEN
    RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
"""
)
DROP_TABLE = SQL("DROP TABLE IF EXISTS {table}")
DROP_COLUMN = SQL("ALTER TABLE {table} DROP COLUMN {column}")
DROP_OURS = SQL("ALTER TABLE {table} DROP COLUMN IF EXISTS {column}")

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
# victim of a deadlock. The moments grow, or PostgreSQL, which looks after deadlock_timeout, would never end a cycle
# that goes another way
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
                     OR EXISTS (SELECT FROM locks AS theirs WHERE theirs.pid = waits.pid AND theirs.locktype = 'tuple'
                                AND {theirs} = {target}::pg_catalog.regclass))
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
# a subquery that gives a value: EXISTS could become a join, which would read all of the other table for every batch
AGREES = SQL("(SELECT {agree} FROM {other} AS other WHERE {equal})")
LACKS = SQL("CASE WHEN {empty} THEN {agrees} IS FALSE ELSE {agrees} IS NOT TRUE END")
DIFFERS = SQL("{agrees} IS FALSE")
HOMELESS = SQL("NOT ({empty}) AND (SELECT true FROM {other} AS other WHERE {equal}) IS NULL")
HOMELESS_ROWS = SQL("SELECT {keys} FROM {table} AS new WHERE {homeless} LIMIT 10")
ALONE = SQL("(SELECT true FROM {source} AS other WHERE {equal}) IS NULL")
LOST = SQL("SELECT {keys} FROM {target} AS new WHERE {agrees} IS NOT TRUE AND NOT ({empty}) LIMIT 10")


def expand(delta: Delta) -> Iterator[Step]:
    """The table they move to. By the time of its undo the triggers are gone, and it with them.

    Where it is there, a value that has no row in it could not be kept up.
    """
    for move in delta.moves:
        if move.create is None:
            yield _look_for_homeless(delta, move)
            continue
        yield create_table(move.table, move.create, demanding=False)


def dual_write(delta: Delta) -> Iterator[Step]:
    """The way back first, which nobody goes yet; then the way forth, as CREATE TRIGGER waits for all who have written.

    Each takes SHARE ROW EXCLUSIVE on its own table alone.
    """
    for move in delta.moves:
        yield Statement(
            title=f"create trigger {move.back_trigger}",
            sql=tuple(map(text, _create_back(delta.table, move))),
            locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, move.table),),
            undo=(_undo(delta.table, move),),
        )
        yield Statement(
            title=f"create trigger {move.trigger}",
            sql=tuple(map(text, _create_forth(delta.table, move))),
            locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, delta.table),),
            # all at once: what is written there without the triggers, nobody else would have
            undo=(
                _begin_count(delta.table, move, _back_counter(move), move.back_trigger),
                _look_for_lost(delta.table, move),
                _undo(delta.table, move, looked=True),
            ),
        )


def backfill(delta: Delta) -> Iterator[Step]:
    """Copies; then looks in both tables for what only one of them has.

    Snapshots from before the copies end first: under REPEATABLE READ, a trigger would not see the copy of a row that
    its own statement deletes. Copies that have lost their row go before the comparison: the row may just have come
    back, and would have lost its copy.
    """
    for move in delta.moves:
        copies = batches(delta.table, move)
        assert copies.insertion is not None
        yield copies
        if move.create is None:
            # what its trigger writes it sees, whatever its snapshot, or it fails: nobody has deleted a row for us
            yield replace(verification(delta, move, repair=copies), differs=text(_differs(move)))
            yield _verify_homes(delta, move)
            continue
        yield AwaitSnapshots(title=f"wait for snapshots from before {move.table.name} was filled", guard=move.trigger)
        yield _verify_sources(delta.table, move)
        yield verification(delta, move, repair=replace(copies, insertion=replace(copies.insertion, replaces=True)))


def constrain(delta: Delta) -> Iterator[Step]:
    """What the planner has to know of the table before newer code reads it."""
    for move in delta.moves:
        yield analyze(move.table)


def validation(delta: Delta) -> Iterator[Step]:
    """Before contract drops anything: what only the source has would be lost. What only the other has stays there.

    What the triggers leave to the source while it looks, and from then on, is counted.
    """
    for move in delta.moves:
        yield _begin_count(delta.table, move, _counter(delta.table, move), move.trigger)
        yield verification(delta, move, repair=None)


def contract(delta: Delta) -> Iterator[Step]:
    """Both triggers in one transaction with the columns: either alone would fail newer code, or undo what it does."""
    for move in delta.moves:
        yield Statement(
            title=f"drop {', '.join(move.here)}, the triggers to {move.table.name}",
            sql=tuple(map(text, _part(delta.table, move))),
            guards=(move.trigger,),
            locks=_both(LockMode.ACCESS_EXCLUSIVE, delta.table, move.table),
        )


def batches(source: Table, move: Move) -> Batches:
    """What copies the rows that the trigger has not seen."""
    return Batches(
        title=f"copy {', '.join(move.here)} to {move.table.name}",
        table=text(qualified(source)),
        insertion=Insertion(
            table=text(qualified(move.table)),
            columns=(*move.key_there, *move.there),
            values=tuple(map(text, of_row((*move.key_here, *move.here)))),
            key=move.key_there,
            # the trigger there would bring back a value that was just changed here
            holds=True,
            creates=move.create is not None,
        ),
        differs=text(_lacks(move) if move.create else _differs(move)),
        guard=move.trigger,
        locks=(lock(LockMode.ROW_SHARE, source), lock(LockMode.ROW_EXCLUSIVE, move.table)),
    )


def verification(delta: Delta, move: Move, *, repair: Batches | None) -> Verify:
    """The comparison of every row with the one there."""
    return Verify(
        title=f"verify {', '.join(move.there)} of {move.table.name} in every row of {delta.table.name}",
        table=text(qualified(delta.table)),
        differs=text(_lacks(move)),
        keys=text(names(delta.key)) if delta.key else "ctid",
        key_names=delta.key or ("ctid",),
        repair=repair,
        guard=move.trigger,
        locks=_both(LockMode.ACCESS_SHARE, delta.table, move.table),
    )


def _verify_sources(source: Table, move: Move) -> Verify:
    """Copies whose row is gone. Nobody but us has written there so far: newer code is not let out yet."""
    table, differs = text(qualified(move.table)), text(_alone(source, move))
    return Verify(
        title=f"verify that every row of {move.table.name} has one in {source.name}",
        table=table,
        differs=differs,
        keys=text(names(move.key_there)),
        key_names=move.key_there,
        repair=Batches(
            title=f"delete rows of {move.table.name} that have none in {source.name}",
            table=table,
            deletes=True,
            differs=differs,
            guard=move.back_trigger,
            locks=(lock(LockMode.ROW_EXCLUSIVE, move.table),),
        ),
        guard=move.back_trigger,
        locks=_both(LockMode.ACCESS_SHARE, move.table, source),
    )


def _lacks(move: Move) -> Composable:
    """Condition on a row of the source: the one there is missing, or has other values."""
    return LACKS.format(empty=all_of(MISSING, of_row(move.here)), agrees=_agrees(move))


def _differs(move: Move) -> Composable:
    """Condition on a row of the source: the one there has other values."""
    return DIFFERS.format(agrees=_agrees(move))


def _agrees(move: Move) -> Composable:
    agree = SAME.format(a=_list(move.there, "other"), b=_list(move.here, "new"))
    equal = _equal((move.key_there, "other"), (move.key_here, "new"))
    return AGREES.format(agree=agree, other=qualified(move.table), equal=equal)


def _homeless(move: Move) -> Composable:
    """Condition on a row of the source: it has values, and none there to take them."""
    equal = _equal((move.key_there, "other"), (move.key_here, "new"))
    return HOMELESS.format(empty=all_of(MISSING, of_row(move.here)), other=qualified(move.table), equal=equal)


def _verify_homes(delta: Delta, move: Move) -> Verify:
    """Rows there are the application's: only that can make one for a value that has none."""
    found = verification(delta, move, repair=None)
    title = f"verify that every value has a row in {move.table.name}"
    return replace(found, title=title, differs=text(_homeless(move)))


def foreseen(delta: Delta) -> Iterator[Inspect]:
    """What expand will look for, asked before the run."""
    for move in delta.moves:
        if move.create is None:
            yield _look_for_homeless(delta, move)


def _look_for_homeless(delta: Delta, move: Move) -> Inspect:
    keys, homeless = _list(delta.key or ("ctid",), "new"), _homeless(move)
    return Inspect(
        title=f"look for values that have no row in {move.table.name}",
        sql=text(HOMELESS_ROWS.format(keys=keys, table=qualified(delta.table), homeless=homeless)),
        rows=Rows(table=text(qualified(delta.table)), keys=text(keys), condition=text(homeless)),
        locks=_both(LockMode.ACCESS_SHARE, delta.table, move.table),
    )


def _alone(source: Table, move: Move) -> Composable:
    """Condition on a row there: the source has none."""
    return ALONE.format(source=qualified(source), equal=_equal((move.key_here, "other"), (move.key_there, "new")))


def _look_for_lost(source: Table, move: Move) -> Inspect:
    """An abort takes the table away: what nobody else has would be lost."""
    agree = SAME.format(a=_list(move.here, "other"), b=_list(move.there, "new"))
    equal = _equal((move.key_here, "other"), (move.key_there, "new"))
    lost = LOST.format(
        keys=names(move.key_there),
        target=qualified(move.table),
        agrees=AGREES.format(agree=agree, other=qualified(source), equal=equal),
        empty=all_of(MISSING, of_row(move.there)),
    )
    return Inspect(
        title=f"look for rows of {move.table.name} that {source.name} does not have",
        sql=text(lost),
        locks=_both(LockMode.ACCESS_SHARE, move.table, source),
    )


def _begin_count(source: Table, move: Move, counter: Identifier, trigger: str) -> Statement:
    """Blocks writers of both tables for a moment; the look that comes next sees all that they had written."""
    both = (source, move.table)
    sql = (
        LOCK_WRITERS.format(tables=SQL(", ").join(map(qualified, both))),
        BEGIN_COUNT.format(counter=Literal(text(counter)), touched=_touched(source, move)),
    )
    return Statement(
        title=f"begin to count what {trigger} leaves undone",
        sql=tuple(map(text, sql)),
        marks=trigger,
        locks=_both(LockMode.SHARE, *both),
    )


def _require_count(source: Table, move: Move, counter: Identifier, owner: Table) -> Composable:
    """Raises where a trigger has left something since the count began, or was not at work all the while."""
    message = f"something was written since the tables were compared that only {owner.name} has"
    body = REQUIRE_COUNT_BODY.format(
        counter=counter, touched=_touched(source, move), message=Literal(message.replace("%", "%%"))
    )
    return REQUIRE.format(body=Literal(text(body)))


def _touched(source: Table, move: Move) -> Composable:
    triggers = [name for each in (move.trigger, move.back_trigger) for name in (each, truncating(each))]
    in_tree = move.here_partitioned or move.there_partitioned
    if in_tree:
        triggers += [ahead(each) for each in (move.trigger, move.back_trigger)]
    return (TOUCHED_IN_TREE if in_tree else TOUCHED).format(
        triggers=SQL(", ").join(map(Literal, triggers)),
        source=Literal(text(qualified(source))),
        target=Literal(text(qualified(move.table))),
    )


def _counter(source: Table, move: Move) -> Identifier:
    """Of what the trigger leaves to the source. It is called like the function, beside it."""
    return Identifier(source.schema, move.function)


def _back_counter(move: Move) -> Identifier:
    """Of what the trigger there leaves to the other table."""
    return Identifier(move.table.schema, move.back_function)


def _undo(source: Table, move: Move, *, looked: bool = False) -> Statement:
    """Of either trigger: all or nothing. `looked`: for what only the other table has; nothing may have come since."""
    table = qualified(move.table)
    what = f"table {move.table.name}" if move.create else f"{', '.join(move.there)} of {move.table.name}"
    gone = (
        [DROP_TABLE.format(table=table)]
        if move.create
        else [DROP_OURS.format(table=table, column=Identifier(name)) for name in move.there]
    )
    look = (
        LOCK_TABLE.format(table=qualified(source)),
        LOCK_TABLE.format(table=table),
        _require_count(source, move, _back_counter(move), move.table),
    )
    return Statement(
        title=f"drop {what}, the triggers",
        sql=tuple(map(text, (*(look if looked else ()), *_drop(source, move), *gone))),
        locks=_both(LockMode.ACCESS_EXCLUSIVE, source, move.table),
    )


def _part(source: Table, move: Move) -> Iterator[Composable]:
    for table, trigger in ((source, move.trigger), (move.table, move.back_trigger)):
        yield LOCK_TABLE.format(table=qualified(table))
        yield require_trigger(table, trigger)
    yield _require_count(source, move, _counter(source, move), source)
    yield from _drop(source, move)
    for column in move.here:
        yield DROP_COLUMN.format(table=qualified(source), column=Identifier(column))


def _drop(source: Table, move: Move) -> Iterator[Composed]:
    for table, trigger, function, partitioned in (
        (source, move.trigger, move.function, move.here_partitioned),
        (move.table, move.back_trigger, move.back_function, move.there_partitioned),
    ):
        for name in (trigger, truncating(trigger), *([ahead(trigger)] if partitioned else ())):
            yield DROP_TRIGGER.format(trigger=Identifier(name), table=qualified(table))
        called = Identifier(table.schema, function)
        yield DROP_FUNCTION.format(function=called)
        yield DROP_COUNTER.format(counter=called)


def _create_forth(source: Table, move: Move) -> Iterator[Composed]:
    parts = _forth(source, move)
    body = (FORTH if move.create else FORTH_BESIDE).format(
        ahead=AHEAD.format(**parts) if move.here_partitioned else SQL(""), **parts
    )
    yield from _create(source, move, (move.trigger, move.function), body)
    if move.here_partitioned:
        yield from _create_ahead(source, move.trigger, move.function, move.key_here)


def _create_back(source: Table, move: Move) -> Iterator[Composed]:
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
    name = Identifier(ahead(trigger))
    yield CREATE_KEY_TRIGGER.format(
        trigger=name,
        table=qualified(table),
        key_changed=compared(DIFFERENT, key),
        function=Identifier(table.schema, function),
    )
    yield ENABLE_ALWAYS.format(table=qualified(table), trigger=name)


def _forth(source: Table, move: Move) -> dict[str, Composable]:
    stored, given = _list(move.there, "there"), _list(move.here, "new")
    op = _operation(move.function)
    same = SAME.format(a=stored, b=_list(move.here, "here"))
    filled, changed = ([value(op, pair) for pair in move.columns] for value in (_filled, _changed))
    now = [_now(op, name) for name in move.here] if move.create else of_row(move.here, "self")
    leaving = {
        "mark": Literal(MARK),
        "leaving_here": _marked(move, "leaving", move.key_here, "old"),
        "target": qualified(move.table),
        "written": _assigned(move.there, of_row(move.here)),
        "was_there": _equal((move.key_there, "there"), (move.key_here, "old")),
        "differ": DIFFERENT.format(a=stored, b=given),
    }
    is_there = _equal((move.key_there, "there"), (move.key_here, "new"))
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
        "new": _list(move.here, "new"),
        "as_it_is": _as_it_is(source, move.key_here, move.here, now),
        "went_here": _marked(move, "gone", move.key_here, "old"),
        "emptied_here": _marked(move, "empty", move.key_here, "new"),
        "is_here": _equal((move.key_here, "here"), (move.key_here, "new")),
        "is_there": is_there,
        "key_changed": compared(DIFFERENT, move.key_here),
        "new_key": _assigned(move.key_there, of_row(move.key_here)),
        "unchanged": compared(SAME, move.here),
        "empty": all_of(MISSING, of_row(move.here)),
        "nothing_there": all_of(MISSING, of_row(move.there, "there")),
        "columns": names((*move.key_there, *move.there)),
        "values": _list((*move.key_here, *move.here), "new"),
        "key": names(move.key_there),
        "taken": _assigned(move.here, of_row(move.there, "there")),
        "given": _assigned(move.there, changed),
        "agree": SAME.format(a=stored, b=given),
        "filled": _assigned(move.there, filled),
        "differ_filled": differ_filled,
        "left_here": LEFT.format(
            one=SQL("{} AS here").format(qualified(source)),
            is_one=_equal((move.key_here, "here"), (move.key_here, "new")),
            nothing=all_of(MISSING, of_row(move.here, "here")),
            other=SQL("{} AS there").format(qualified(move.table)),
            is_other=_equal((move.key_there, "there"), (move.key_here, "new")),
            same=same,
        ),
        "count": COUNT.format(counter=Literal(text(_counter(source, move)))),
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
        new=_list(columns, "new"),
        table=qualified(table),
        is_self=_equal((key, "self"), (key, "new")),
    )


def _marked(move: Move, what: str, key: Iterable[str], row: str) -> Composable:
    return WENT.format(what=Literal(f"{move.function} {what} "), key=_list(key, row))


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
    is_here = _equal((move.key_here, "here"), (move.key_there, "new"))
    was_here = _equal((move.key_here, "here"), (move.key_there, "old"))
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
        "is_there": _equal((move.key_there, "there"), (move.key_there, "new")),
        "key_changed": compared(DIFFERENT, move.key_there),
        "unchanged": compared(SAME, move.there),
        "empty_there": all_of(MISSING, of_row(move.there)),
        "nulls": _assigned(move.here, [SQL("NULL")] * len(move.here)),
        "nothing_here": all_of(MISSING, of_row(move.here, "here")),
        "taken": _assigned(move.there, of_row(move.here, "here")),
        "some_missing": SQL("({})").format(SQL(" OR ").join(map(MISSING.format, of_row(move.there)))),
        "completed": _assigned(move.there, completed),
        "differ_completed": DIFFERENT.format(a=_list(move.there, "there"), b=SQL(", ").join(completed)),
        "given": _assigned(move.here, given),
        "differ": DIFFERENT.format(a=_list(move.here, "here"), b=SQL(", ").join(given)),
        "left_there": LEFT.format(
            one=SQL("{} AS there").format(qualified(move.table)),
            is_one=_equal((move.key_there, "there"), (move.key_there, "new")),
            nothing=all_of(MISSING, of_row(move.there, "there")),
            other=SQL("{} AS here").format(qualified(source)),
            is_other=is_here,
            same=SAME.format(a=_list(move.here, "here"), b=_list(move.there, "there")),
        ),
        "count": COUNT.format(counter=Literal(text(_back_counter(move)))),
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


def _equal(one: tuple[Iterable[str], str], other: tuple[Iterable[str], str]) -> Composable:
    """Condition: columns of one row are those of the other."""
    return SQL(" AND ").join(EQUAL.format(a, b) for a, b in zip(of_row(*one), of_row(*other), strict=True))


def _assigned(columns: Iterable[str], values: Iterable[Composable]) -> Composable:
    return SQL(", ").join(ASSIGN.format(Identifier(name), value) for name, value in zip(columns, values, strict=True))


def _list(columns: Iterable[str], row: str) -> Composable:
    return SQL(", ").join(of_row(columns, row))


def _both(mode: LockMode, *tables: Table) -> tuple[Lock, ...]:
    return tuple(lock(mode, table) for table in tables)
