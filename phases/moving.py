"""Columns that move to another table: triggers on both keep them equal, whichever of the two a version writes.

A row there stands for the row here with the same key; where there is none, its columns are as good as null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.constrain import analyze
from phases.delta import Delta, Move, Table
from phases.expand import create_table
from phases.moving_triggers import back_counter, create_back, create_forth, drop, forth_counter, keys_equal, listed
from phases.names import ahead, truncating
from phases.sql import lock, names, qualified, text
from phases.step import AwaitSnapshots, Batches, Insertion, Inspect, Lock, LockMode, Rows, Statement, Step, Verify
from phases.sync import MISSING, SAME, all_of, of_row
from phases.take_over import LOCK_TABLE, REQUIRE, require_trigger

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
            sql=tuple(map(text, create_back(delta.table, move))),
            locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, move.table),),
            undo=(_undo(delta.table, move),),
        )
        yield Statement(
            title=f"create trigger {move.trigger}",
            sql=tuple(map(text, create_forth(delta.table, move))),
            locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, delta.table),),
            # all at once: what is written there without the triggers, nobody else would have
            undo=(
                _begin_count(delta.table, move, back_counter(move), move.back_trigger),
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
        yield _begin_count(delta.table, move, forth_counter(delta.table, move), move.trigger)
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
    agree = SAME.format(a=listed(move.there, "other"), b=listed(move.here, "new"))
    equal = keys_equal((move.key_there, "other"), (move.key_here, "new"))
    return AGREES.format(agree=agree, other=qualified(move.table), equal=equal)


def _homeless(move: Move) -> Composable:
    """Condition on a row of the source: it has values, and none there to take them."""
    equal = keys_equal((move.key_there, "other"), (move.key_here, "new"))
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
    keys, homeless = listed(delta.key or ("ctid",), "new"), _homeless(move)
    return Inspect(
        title=f"look for values that have no row in {move.table.name}",
        sql=text(HOMELESS_ROWS.format(keys=keys, table=qualified(delta.table), homeless=homeless)),
        rows=Rows(table=text(qualified(delta.table)), keys=text(keys), condition=text(homeless)),
        locks=_both(LockMode.ACCESS_SHARE, delta.table, move.table),
    )


def _alone(source: Table, move: Move) -> Composable:
    """Condition on a row there: the source has none."""
    return ALONE.format(source=qualified(source), equal=keys_equal((move.key_here, "other"), (move.key_there, "new")))


def _look_for_lost(source: Table, move: Move) -> Inspect:
    """An abort takes the table away: what nobody else has would be lost."""
    agree = SAME.format(a=listed(move.here, "other"), b=listed(move.there, "new"))
    equal = keys_equal((move.key_here, "other"), (move.key_there, "new"))
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
        _require_count(source, move, back_counter(move), move.table),
    )
    return Statement(
        title=f"drop {what}, the triggers",
        sql=tuple(map(text, (*(look if looked else ()), *drop(source, move), *gone))),
        locks=_both(LockMode.ACCESS_EXCLUSIVE, source, move.table),
    )


def _part(source: Table, move: Move) -> Iterator[Composable]:
    for table, trigger in ((source, move.trigger), (move.table, move.back_trigger)):
        yield LOCK_TABLE.format(table=qualified(table))
        yield require_trigger(table, trigger)
    yield _require_count(source, move, forth_counter(source, move), source)
    yield from drop(source, move)
    for column in move.here:
        yield DROP_COLUMN.format(table=qualified(source), column=Identifier(column))


def _both(mode: LockMode, *tables: Table) -> tuple[Lock, ...]:
    return tuple(lock(mode, table) for table in tables)
