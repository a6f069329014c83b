"""Partitioning: a partitioned table takes over from a plain one, under the same name.

It is made beside it with all that the old one has, kept up by a trigger, filled, and compared. At the end of constrain
the two exchange their names in one short transaction. From then on the trigger runs the other way, so that the old
table has every row until contract, and an abort exchanges the names once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import contract as contract_phase
from phases.constrain import (
    ADD_CONSTRAINT,
    analyze,
    definition_of,
    drop_constraint,
    finish,
    statistics_of,
)
from phases.contract import LOSS, RENAME_CONSTRAINT, RENAME_INDEX, RENAME_STATISTICS, RENAME_TABLE
from phases.delta import (
    CopiedKey,
    Default,
    Delta,
    ForeignKey,
    NewColumn,
    PartitionBound,
    Partitioning,
    Table,
    TableConstraint,
    TakeOver,
)
from phases.dual_write import DROP_FUNCTION, DROP_TRIGGER, ENABLE_ALWAYS
from phases.expand import (
    COLUMN,
    CREATE_PARTITION,
    CREATE_TABLE,
    DROP_TABLE,
    PARTITION_BY,
    SET_COLUMN,
    revoke_defaults,
    settings,
)
from phases.partitions import with_tree
from phases.sql import catalog_sql, comment, grants, lock, names, qualified, text
from phases.step import AwaitSnapshots, Batches, Insertion, Inspect, LockMode, Statement, Step, Verify
from phases.take_over import DROP_IDENTITY, LOCK_TABLE, locking, require_trigger, take_over, validations

CONSTRAINT = SQL("CONSTRAINT {name} {definition}")
CREATE_INDEX = SQL("CREATE {unique}INDEX {name} ON {table} {definition}")
ALTER_CONSTRAINT = SQL("ALTER TABLE {table} ALTER CONSTRAINT {name}{deferral}")
DEFERRED = " DEFERRABLE INITIALLY DEFERRED"
OWNER = SQL("ALTER TABLE {table} OWNER TO {owner}")
# whoever writes to the one table need not be allowed to write to the other
CREATE_FUNCTION = SQL(
    "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
    " SET search_path = pg_catalog, pg_temp AS {body}"
)
REPLACE_FUNCTION = SQL(
    "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
    " SET search_path = pg_catalog, pg_temp AS {body}"
)
# it acts with our rights: nobody shall have it called by a table of his own
REVOKE_FUNCTION = SQL("REVOKE ALL ON FUNCTION {function}() FROM PUBLIC")
CREATE_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
)
CREATE_TRUNCATE_TRIGGER = SQL(
    "CREATE TRIGGER {trigger} AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
)
# What is copied is the row as it is now, and not what the event says: a cascade may have changed it since. Whoever has
# changed a row holds it locked, so that nobody changes it between these statements.
BODY = SQL(
    """
#variable_conflict use_column
BEGIN
  IF TG_RELID <> {source_name}::pg_catalog.regclass
     AND pg_catalog.pg_partition_root(TG_RELID) IS DISTINCT FROM {source_name}::pg_catalog.regclass THEN
    -- default privileges may have given the function to somebody
    RAISE insufficient_privilege USING MESSAGE = 'this function is for triggers of one table';
  END IF;
  IF TG_OP = 'TRUNCATE' THEN
    BEGIN
      TRUNCATE {target};
    EXCEPTION WHEN object_in_use THEN
      -- by the same statement, or by a check that this transaction has put off
      DELETE FROM {target};
    END;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    IF TG_OP = 'DELETE' OR pg_catalog.record_image_ne(ROW({old}), ROW({new})) THEN
      {delete};
      IF NOT FOUND AND pg_catalog.current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        {insert_unseen};
        {delete};
      END IF;
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    {upsert};
  END IF;
  RETURN NULL;
END
"""
)
# a version that this transaction has made. Under REPEATABLE READ it also sees one that somebody has deleted since its
# snapshot, whose key it may have taken itself
MINE = SQL(
    "pg_catalog.age(here.xmin) OPERATOR(pg_catalog.<=) pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid)"
)
DELETE = SQL(
    "DELETE FROM {target} AS there WHERE {there} AND NOT EXISTS (SELECT FROM {source} AS here WHERE {here} AND {mine})"
)
# a row that was copied since the transaction's snapshot was taken cannot be seen by it, and would stay: to insert it
# once more fails with serialization_failure (40001), as meeting any other concurrent write does
INSERT_UNSEEN = SQL(
    "INSERT INTO {target} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values}"
    " WHERE NOT EXISTS (SELECT FROM {source} AS here WHERE {here} AND {mine}) ON CONFLICT ({key}) DO NOTHING"
)
UPSERT = SQL(
    "INSERT INTO {target} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {source} AS here"
    " WHERE {here} AND {mine} ON CONFLICT ({key}) DO UPDATE SET {assignments}"
)
# a subquery that gives a value, not EXISTS: that could become a join, which reads all of the other table
DIFFERS = SQL(
    "(SELECT pg_catalog.record_image_eq(ROW({there}), ROW({new})) FROM {other} AS there WHERE {key}) IS NOT TRUE"
)
# one snapshot sees both tables as they are after the same transactions
STRAYS = SQL("SELECT {keys} FROM {copy} AS new WHERE NOT EXISTS (SELECT FROM {table} AS there WHERE {key}) LIMIT 10")
DIFFERENT = SQL("SELECT {keys} FROM {table} AS new WHERE {differs} LIMIT 10")


def expand(delta: Delta) -> Iterator[Step]:
    """The partitioned table, empty and under a name that nobody uses; its foreign keys, while that needs no scan."""
    for made in delta.partitionings:
        copy = _table(delta, made.copy)
        yield _create(copy, made)
        for partition in made.partitions:
            yield _create_partition(copy, made, partition)
        for key in made.foreign_keys:
            yield _add_foreign_key(copy, key)


def dual_write(delta: Delta) -> Iterator[Step]:
    """CREATE TRIGGER takes SHARE ROW EXCLUSIVE: who wrote before has committed, who writes after is followed."""
    for made in delta.partitionings:
        copy = _table(delta, made.copy)
        function = Identifier(delta.table.schema, made.function)
        yield Statement(
            title=f"create trigger {made.trigger}",
            sql=tuple(
                map(
                    text,
                    (
                        CREATE_FUNCTION.format(function=function, body=_body(made, delta.table, copy)),
                        REVOKE_FUNCTION.format(function=function),
                        *_create_triggers(made, delta.table),
                    ),
                )
            ),
            locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, delta.table),),
            undo=(
                Statement(
                    title=f"drop trigger {made.trigger}",
                    sql=tuple(map(text, (*_drop_triggers(made, delta.table), DROP_FUNCTION.format(function=function)))),
                    locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table),),
                ),
            ),
        )


def backfill(delta: Delta) -> Iterator[Step]:
    """A copied row is locked FOR SHARE until the copy is committed: nobody writes it meanwhile, here or there.

    FOR KEY SHARE would let an update go on, whose trigger then inserts the same row at the same moment: ON CONFLICT
    settles that for the primary key, and any other unique index fails the update.
    """
    for made in delta.partitionings:
        yield _batches(delta, made)
        yield _verify(delta, made)


def constrain(delta: Delta) -> Iterator[Step]:
    """Compares both ways once more and waits for old snapshots, which would see an empty table; then the exchange.

    The exchange is one short ACCESS EXCLUSIVE on both tables, catalog only. Nobody sees a table without the name, or a
    row that the trigger has not seen: whoever waits for the lock looks the name up anew once it is released.
    """
    for made in delta.partitionings:
        copy = _table(delta, made.copy)
        yield Inspect(
            title=f"look for rows of {made.copy} that are not in {delta.table.name}",
            sql=text(
                STRAYS.format(keys=_keys(made), copy=qualified(copy), table=qualified(delta.table), key=_same(made))
            ),
            locks=(lock(LockMode.ACCESS_SHARE, copy), lock(LockMode.ACCESS_SHARE, delta.table)),
        )
        yield analyze(copy)
        yield _verify(delta, made)
        forth, back = _moves(made), _moves_back(made)
        yield AwaitSnapshots(
            title=f"wait for snapshots from before {made.copy} was filled",
            guard=made.trigger,
            # when the names are as they were
            undo=tuple(validations(back)),
        )
        yield _swap(delta, made, forth, back)
        yield from (with_tree(step, delta.table) for step in validations(forth))


def contract(delta: Delta) -> Iterator[Step]:
    """Compares once more, then the trigger goes, and the old table: its foreign keys first, one at a time."""
    for made in delta.partitionings:
        retired = _table(delta, made.retired)
        yield _verify_retired(delta, made)
        function = Identifier(delta.table.schema, made.function)
        dropped = Statement(
            title=f"drop trigger {made.trigger}",
            sql=tuple(map(text, (*_drop_triggers(made, delta.table), DROP_FUNCTION.format(function=function)))),
            guards=(made.trigger,),
            locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table),),
        )
        # by itself DROP TRIGGER locks the partitions before their table: crosswise to all who write
        yield with_tree(dropped, delta.table)
        for key in made.foreign_keys:
            yield drop_constraint(retired, key.name, key.references)
        yield Statement(
            title=f"drop table {made.retired}, whose rows are all in {delta.table.name}",
            sql=(text(contract_phase.DROP_TABLE.format(table=qualified(retired))),),
            locks=(lock(LockMode.ACCESS_EXCLUSIVE, retired),),
            loss=text(LOSS.format(name=Literal(text(qualified(retired))))),
        )


# expand


def _create(copy: Table, made: Partitioning) -> Statement:
    """Nobody sees it before it is complete."""
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, copy),)
    drop = DROP_TABLE.format(table=qualified(copy))
    return Statement(
        title=f"create partitioned table {copy.name}",
        sql=tuple(map(text, _creation(copy, made))),
        locks=locks,
        undo=(Statement(title=f"drop table {copy.name}", sql=(text(drop),), locks=locks),),
    )


def _creation(copy: Table, made: Partitioning) -> Iterator[Composable]:
    table = qualified(copy)
    named: tuple[CopiedKey | TableConstraint, ...] = (*made.keys, *made.checks)
    constraints = (
        CONSTRAINT.format(name=Identifier(each.name), definition=catalog_sql(each.definition)) for each in named
    )
    parts = SQL(", ").join((*map(_column, made.columns), *constraints))
    yield CREATE_TABLE.format(table=table, parts=parts, partitioned=PARTITION_BY.format(catalog_sql(made.by)))
    yield OWNER.format(table=table, owner=Identifier(made.owner))
    for column in made.columns:
        yield from _column_settings(table, column)
    for index in made.indexes:
        yield CREATE_INDEX.format(
            unique=SQL("UNIQUE ") if index.unique else SQL(""),
            name=Identifier(index.name),
            table=table,
            definition=catalog_sql(index.definition),
        )
        yield from finish(Identifier(copy.schema, index.name), index)
    for statistics in made.statistics:
        yield from statistics_of(copy, statistics)
    for each in named:
        yield from comment("CONSTRAINT", Identifier(each.name), each.comment, copy)
    yield from comment("TABLE", table, made.comment)
    yield revoke_defaults(copy)
    yield from grants(made.grants, table)
    for column in made.columns:
        yield from comment("COLUMN", Identifier(copy.schema, copy.name, column.name), column.comment)
        yield from grants(column.grants, table, column.name)


def _column(column: NewColumn) -> Composable:
    """Without its default and identity, which only one of the two tables can have: nobody leaves the column out."""
    return COLUMN.format(
        name=Identifier(column.name),
        type=catalog_sql(column.type),
        collation=SQL(" COLLATE {}").format(Identifier(*column.collation)) if column.collation else SQL(""),
        default=SQL(""),
        identity=SQL(""),
        not_null=SQL(" NOT NULL") if column.not_null else SQL(""),
    )


def _column_settings(table: Composable, column: NewColumn) -> Iterator[Composable]:
    for setting in settings(column):
        yield SET_COLUMN.format(table=table, column=Identifier(column.name), setting=setting)


def _create_partition(copy: Table, made: Partitioning, partition: PartitionBound) -> Statement:
    """It gets keys, indexes and checks from the table; storage parameters and statistics targets are its own."""
    table = Table(copy.schema, partition.name)
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, copy),)
    options = SQL(", ").join(
        SQL("{} = {}").format(
            SQL("toast.{}").format(Identifier(option.name)) if option.toast else Identifier(option.name),
            Literal(option.value),
        )
        for option in made.options
    )
    create = CREATE_PARTITION.format(
        partition=qualified(table),
        table=qualified(copy),
        bound=catalog_sql(partition.bound),
        options=SQL(" WITH ({})").format(options) if made.options else SQL(""),
    )
    finished = (each for column in made.columns for each in _column_settings(qualified(table), _own(column)))
    drop = DROP_TABLE.format(table=qualified(table))
    return Statement(
        title=f"create partition {partition.name}",
        sql=tuple(
            map(
                text,
                (
                    create,
                    OWNER.format(table=qualified(table), owner=Identifier(made.owner)),
                    revoke_defaults(table),
                    *finished,
                ),
            )
        ),
        locks=locks,
        undo=(Statement(title=f"drop partition {partition.name}", sql=(text(drop),), locks=locks),),
    )


def _own(column: NewColumn) -> NewColumn:
    """What a partition does not get from its table."""
    return NewColumn(name=column.name, type=column.type, statistics=column.statistics, options=column.options)


def _add_foreign_key(copy: Table, key: ForeignKey) -> Statement:
    """SHARE ROW EXCLUSIVE on both tables for a moment: there is no row to look at.

    It is checked at the end of a transaction: a statement that deletes both a row and what that refers to may come to
    the check before the trigger has followed. The application's own key has refused by then what is to be refused.
    """
    definition = definition_of(replace(key, deferral=DEFERRED))
    add = ADD_CONSTRAINT.format(table=qualified(copy), name=Identifier(key.name), definition=definition)
    return Statement(
        title=f"add foreign key {key.name} on {copy.name}",
        sql=(text(add), *map(text, comment("CONSTRAINT", Identifier(key.name), key.comment, copy))),
        locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, copy), lock(LockMode.SHARE_ROW_EXCLUSIVE, key.references)),
        undo=(drop_constraint(copy, key.name, key.references),),
    )


# the trigger


def _create_triggers(made: Partitioning, table: Table) -> Iterator[Composable]:
    function = Identifier(table.schema, made.function)
    creations = ((made.trigger, CREATE_TRIGGER), (made.truncate_trigger, CREATE_TRUNCATE_TRIGGER))
    for trigger, create in creations:
        yield create.format(trigger=Identifier(trigger), table=qualified(table), function=function)
        yield ENABLE_ALWAYS.format(table=qualified(table), trigger=Identifier(trigger))


def _drop_triggers(made: Partitioning, table: Table) -> Iterator[Composable]:
    for trigger in (made.trigger, made.truncate_trigger):
        yield DROP_TRIGGER.format(trigger=Identifier(trigger), table=qualified(table))


def _body(made: Partitioning, source: Table, target: Table) -> Composable:
    tables = {"source": qualified(source), "target": qualified(target), "mine": MINE}
    columns = [column.name for column in made.columns]
    key = [column.name for column in made.key]
    delete = DELETE.format(there=_equal(made, "there", "old"), here=_equal(made, "here", "old"), **tables)
    insert_unseen = INSERT_UNSEEN.format(
        columns=names(columns),
        values=_of("old", columns),
        here=_equal(made, "here", "old"),
        key=names(key),
        **tables,
    )
    upsert = UPSERT.format(
        columns=names(columns),
        values=_of("here", columns),
        here=_equal(made, "here", "new"),
        key=names(key),
        assignments=SQL(", ").join(
            SQL("{} = {}").format(Identifier(name), Identifier("excluded", name)) for name in columns
        ),
        **tables,
    )
    body = BODY.format(
        old=_of("old", key),
        new=_of("new", key),
        delete=delete,
        insert_unseen=insert_unseen,
        upsert=upsert,
        source_name=Literal(text(qualified(source))),
        **tables,
    )
    return Literal(text(body))


# rows


def _batches(delta: Delta, made: Partitioning) -> Batches:
    copy = _table(delta, made.copy)
    columns = tuple(column.name for column in made.columns)
    return Batches(
        title=f"copy the rows of {delta.table.name} to {made.copy}",
        table=text(qualified(delta.table)),
        insertion=Insertion(
            table=text(qualified(copy)),
            columns=columns,
            values=tuple(text(Identifier("new", name)) for name in columns),
            key=tuple(column.name for column in made.key),
            replaces=True,
            holds=True,
        ),
        differs=text(_differs(made, copy)),
        guard=made.trigger,
        locks=(lock(LockMode.ROW_SHARE, delta.table), lock(LockMode.ROW_EXCLUSIVE, copy)),
    )


def _verify(delta: Delta, made: Partitioning) -> Verify:
    copy = _table(delta, made.copy)
    return Verify(
        title=f"verify that every row of {delta.table.name} is in {made.copy}",
        table=text(qualified(delta.table)),
        differs=text(_differs(made, copy)),
        keys=text(names(column.name for column in made.key)),
        key_names=tuple(column.name for column in made.key),
        repair=_batches(delta, made),
        guard=made.trigger,
        locks=(lock(LockMode.ACCESS_SHARE, delta.table), lock(LockMode.ACCESS_SHARE, copy)),
    )


def _verify_retired(delta: Delta, made: Partitioning) -> Verify:
    """Nobody but the trigger has written to the old table since the exchange."""
    retired = _table(delta, made.retired)
    return Verify(
        title=f"verify that every row of {made.retired} is in {delta.table.name}",
        table=text(qualified(retired)),
        differs=text(_differs(made, delta.table)),
        keys=text(names(column.name for column in made.key)),
        key_names=tuple(column.name for column in made.key),
        repair=None,
        guard=made.trigger,
        guarded_elsewhere=True,
        locks=(lock(LockMode.ACCESS_SHARE, retired), lock(LockMode.ACCESS_SHARE, delta.table)),
    )


def _differs(made: Partitioning, other: Table) -> Composable:
    columns = [column.name for column in made.columns]
    return DIFFERS.format(there=_of("there", columns), new=_of("new", columns), other=qualified(other), key=_same(made))


def _same(made: Partitioning) -> Composable:
    return _equal(made, "there", "new")


def _equal(made: Partitioning, left: str, right: str) -> Composable:
    """Two rows have the same key: as its index has it, which serves the look-up."""
    return SQL(" AND ").join(
        SQL("{} {} {}").format(
            Identifier(left, column.name), catalog_sql(column.operator), Identifier(right, column.name)
        )
        for column in made.key
    )


def _of(row: str, columns: Iterable[str]) -> Composable:
    return SQL(", ").join(Identifier(row, name) for name in columns)


def _keys(made: Partitioning) -> Composable:
    return _of("new", (column.name for column in made.key))


# the exchange


def _moves(made: Partitioning) -> TakeOver:
    """What only the table with the name can have."""
    return TakeOver(
        defaults=tuple(
            Default(column=column.name, expression=column.default)
            for column in made.columns
            if column.default is not None
        ),
        identities=made.identities,
        sequences=made.sequences,
        foreign_keys=made.referring,
    )


def _moves_back(made: Partitioning) -> TakeOver:
    """The same for the old table, whose defaults have stayed."""
    return replace(_moves(made), defaults=())


def _swap(delta: Delta, made: Partitioning, forth: TakeOver, back: TakeOver) -> Statement:
    copy, retired = _table(delta, made.copy), _table(delta, made.retired)
    differs = DIFFERENT.format(keys=_keys(made), table=qualified(delta.table), differs=_differs(made, retired))
    swap_back = Statement(
        title=f"swap {delta.table.name} and {made.copy} back",
        sql=tuple(map(text, _exchange(delta.table, made, came=copy, goes=retired, moves=back))),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table), lock(LockMode.ACCESS_EXCLUSIVE, retired)),
    )
    swap_them = Statement(
        title=f"swap {delta.table.name} and {made.copy}",
        sql=tuple(map(text, _exchange(delta.table, made, came=retired, goes=copy, moves=forth))),
        guards=(made.trigger,),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table), lock(LockMode.ACCESS_EXCLUSIVE, copy)),
        undo=(
            # newer code has written to the partitioned table: all of it must be in the old one as well
            Inspect(
                title=f"look for rows of {delta.table.name} that are not in {made.retired}",
                sql=text(differs),
                locks=(lock(LockMode.ACCESS_SHARE, delta.table), lock(LockMode.ACCESS_SHARE, retired)),
            ),
            with_tree(locking(swap_back, back), delta.table),
        ),
    )
    return locking(swap_them, forth)


def _exchange(table: Table, made: Partitioning, *, came: Table, goes: Table, moves: TakeOver) -> Iterator[Composable]:
    """The table that has the name becomes `came`; `goes` takes the name, and all that only one of them can have."""
    yield LOCK_TABLE.format(table=qualified(table))
    yield LOCK_TABLE.format(table=qualified(goes))
    yield require_trigger(table, made.trigger)
    yield from _drop_triggers(made, table)
    yield RENAME_TABLE.format(table=qualified(table), name=Identifier(came.name))
    yield RENAME_TABLE.format(table=qualified(goes), name=Identifier(table.name))
    yield from _rename(made, goes=table, came=came)
    yield from take_over(table, moves)
    for identity in moves.identities:
        yield DROP_IDENTITY.format(table=qualified(came), column=Identifier(identity.column))
    for key in made.foreign_keys:
        for each, deferral in ((table, key.deferral or " NOT DEFERRABLE"), (came, DEFERRED)):
            yield ALTER_CONSTRAINT.format(
                table=qualified(each), name=Identifier(key.name), deferral=catalog_sql(deferral)
            )
    function = Identifier(table.schema, made.function)
    yield REPLACE_FUNCTION.format(function=function, body=_body(made, table, came))
    yield from _create_triggers(made, table)


def _rename(made: Partitioning, *, goes: Table, came: Table) -> Iterator[Composable]:
    """Indexes and what stands on them have names of their own in the schema: those go with the table's name."""
    for shared in made.names:
        interim = {made.copy: shared.copy, made.retired: shared.retired}
        left = interim.pop(came.name)
        (taken,) = interim.values()
        for table, old, new in ((came, shared.name, left), (goes, taken, shared.name)):
            match shared.what:
                case "constraint":
                    yield RENAME_CONSTRAINT.format(table=qualified(table), old=Identifier(old), new=Identifier(new))
                case "index":
                    yield RENAME_INDEX.format(old=Identifier(table.schema, old), new=Identifier(new))
                case "statistics":
                    yield RENAME_STATISTICS.format(old=Identifier(shared.schema, old), new=Identifier(new))


def _table(delta: Delta, name: str) -> Table:
    return Table(delta.table.schema, name)
