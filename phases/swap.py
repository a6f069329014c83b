"""Swap: at the end of constrain a column and its successor of another type exchange their names.

Both versions go on with the same name. The trigger runs the other way from then on, so that the old column is kept up
until contract, and an abort exchanges the names once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import backfill, dual_write, index_tree, inspection, loss
from phases.constrain import add_foreign_key, drop_constraint
from phases.delta import Delta, ForeignKey, Link, Swap, Sync, Table, TakeOver, TriggerFunction
from phases.names import derived
from phases.partitions import with_trees
from phases.sql import lock, qualified, text
from phases.step import AwaitSnapshots, LockMode, Statement, Step
from phases.take_over import LOCK_TABLE, leaf_indexes, locking, require_trigger, take_over, validations

RENAME_COLUMN = SQL("ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
# changes nothing, but sessions that have compiled the function do so anew, instead of failing with "type of parameter
# … does not match that when preparing the plan"; RESET ALL would do as well, and take the function's settings away
COMPILE_ANEW = SQL("ALTER FUNCTION {function}() COST {cost}")


def steps(delta: Delta) -> Iterator[Step]:
    """Foreign keys on the old primary key one by one, then the exchange: one short ACCESS EXCLUSIVE, catalog only.

    Before them every row is compared once more, for the trigger then runs the other way and would hold for right what
    was missed; and snapshots from before that end, because they see rows whose successor is empty, and would see it
    under the name of the old column.
    """
    if not delta.swaps:
        return
    assert delta.sync is not None
    exchanged = ", ".join(swap.column for swap in delta.swaps)
    forth, undo = _merged(swap.forth for swap in delta.swaps), _merged(swap.undo for swap in delta.swaps)
    yield from backfill.verification(delta, repair=backfill.batches(delta))
    yield AwaitSnapshots(
        title=f"wait for snapshots from before {', '.join(swap.shadow for swap in delta.swaps)} was filled",
        guard=delta.sync.trigger,
        # when the names are as they were
        undo=tuple(validations(undo)),
    )
    for key in dict.fromkeys(key for swap in delta.swaps for key in swap.foreign_keys):
        yield _drop_foreign_key(key)
    after = swapped_sync(delta.sync, delta.swaps)
    back = Statement(
        title=f"swap {exchanged} back",
        leaf_indexes=leaf_indexes(delta.table, undo),
        losses=tuple(loss.of_swaps(delta)),
        sql=tuple(map(text, _exchange(delta, after, delta.sync, undo))),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table),),
    )
    swap_them = Statement(
        title=f"swap {exchanged} and {', '.join(swap.shadow for swap in delta.swaps)}",
        sql=tuple(map(text, _exchange(delta, delta.sync, after, forth))),
        leaf_indexes=leaf_indexes(delta.table, forth),
        guards=(delta.sync.trigger,),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table),),
        undo=(
            # the trigger will run the other way again, and would hold for right what was written behind its back
            *inspection.out_of_step(replace(delta, sync=after)),
            *_foreign_keys_back(delta),
            *(index_tree.exchanged_leaves(delta, index) for index in delta.indexes if index.exchanged),
            locking(back, undo),
        ),
    )
    yield locking(swap_them, forth)
    yield from validations(forth)


def swapped(delta: Delta) -> Delta:
    """The delta as it reads once the names are exchanged."""
    return replace(delta, sync=swapped_sync(delta.sync, delta.swaps)) if delta.sync else delta


def swapped_sync(sync: Sync, swaps: Iterable[Swap]) -> Sync:
    """What the trigger does once the names are exchanged."""
    back: dict[tuple[str, ...], Link] = {(swap.shadow,): swap.back for swap in swaps}
    return replace(sync, links=tuple(back.get(link.new, link) for link in sync.links))


def compile_anew(functions: Iterable[TriggerFunction]) -> Iterator[Composable]:
    """For open sessions that have called the application's own trigger functions."""
    for function in functions:
        yield COMPILE_ANEW.format(function=Identifier(function.schema, function.name), cost=Literal(function.cost))


def _exchange(delta: Delta, before: Sync, after: Sync, moves: TakeOver) -> Iterator[Composable]:
    """In one transaction: nobody sees a table without the name, or a row that the trigger has not seen."""
    table = qualified(delta.table)
    yield LOCK_TABLE.format(table=table)
    yield require_trigger(delta.table, before.trigger)
    yield dual_write.DROP_TRIGGER.format(trigger=Identifier(before.trigger), table=table)
    for swap in delta.swaps:
        interim = derived(f"{swap.column}_swapped", swap.column, swap.shadow)
        for old, new in ((swap.column, interim), (swap.shadow, swap.column), (interim, swap.shadow)):
            yield RENAME_COLUMN.format(table=table, old=Identifier(old), new=Identifier(new))
    yield from take_over(delta.table, moves)
    yield dual_write.function(delta.table, after, create=dual_write.REPLACE_FUNCTION)
    yield from dual_write.trigger(delta.table, after)
    yield from compile_anew(delta.trigger_functions)


def _drop_foreign_key(key: ForeignKey) -> Statement:
    """Its successor stands: no row loses its protection."""
    add, *validate = add_foreign_key(key)
    return replace(_dropped(key), undo=(_again(key, add), *validate))


def _foreign_keys_back(delta: Delta) -> Iterator[Statement]:
    """The foreign keys on the new primary key give way to the old ones, which are validated when all is as it was."""
    names = {swap.column: swap.shadow for swap in delta.swaps}

    def exchanged(table: Table, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(column, column) for column in columns) if table == delta.table else columns

    for key in dict.fromkeys(key for swap in delta.swaps for key in swap.foreign_keys):
        as_called_now = replace(
            key,
            columns=exchanged(key.table, key.columns),
            referenced_columns=exchanged(key.references, key.referenced_columns),
            set_columns=exchanged(key.table, key.set_columns),
        )
        yield _again(key, next(add_foreign_key(as_called_now)))
        successor = next(each for each in delta.foreign_keys if (each.table, each.rename_to) == (key.table, key.name))
        yield _dropped(successor)


def _dropped(key: ForeignKey) -> Statement:
    return with_trees(drop_constraint(key.table, key.name, key.references), key.trees)


def _again(key: ForeignKey, add: Statement) -> Statement:
    """The statement that adds a foreign key, so that it may be run twice."""
    dropped = _dropped(key)
    return replace(add, sql=(*dropped.sql, *add.sql), locks=dropped.locks, undo=())


def _merged(moves: Iterable[TakeOver]) -> TakeOver:
    each = list(moves)
    return TakeOver(
        **{
            field.name: tuple(dict.fromkeys(value for one in each for value in getattr(one, field.name)))
            for field in fields(TakeOver)
        }
    )
