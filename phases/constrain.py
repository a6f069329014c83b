"""Constrain: enforce on the new shape what held for the old one, validating without blocking writers."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import index_tree, inspection, key_tree, partitions
from phases.delta import Delta, ForeignKey, Index, NotNull, Statistics, Table, TableConstraint, UniqueKey
from phases.names import derived, leftovers
from phases.sql import catalog_sql, comment, lock, names, qualified, text
from phases.step import BuildIndex, DropIndex, LockMode, Reindex, Statement, Step
from phases.sync import filled

CREATE_INDEX = SQL("CREATE {unique}INDEX CONCURRENTLY {name} ON {table} {definition}")
REINDEX = SQL("REINDEX INDEX CONCURRENTLY {name}")
DROP_INDEX = SQL("DROP INDEX CONCURRENTLY IF EXISTS {name}")
ADD_UNIQUE = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {index}{deferral}")
ADD_PRIMARY_KEY = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {index}{deferral}")
ADD_CONSTRAINT = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
ADD_NOT_VALID = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID")
VALIDATE = SQL("ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
SET_NOT_NULL = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL")
DROP_NOT_NULL = SQL("ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
# not IS NOT NULL: of a composite type that says more, and would not be taken as a proof
IS_NOT_NULL = SQL("CHECK ({column} IS DISTINCT FROM NULL)")
IS_NULL = SQL("{column} IS NOT DISTINCT FROM NULL")
# raises as the constraint itself would, without being there: nobody's write is refused while rows are put right
NO_NULLS = SQL("DO {body}")
NO_NULLS_BODY = SQL(
    """
BEGIN
  IF EXISTS (SELECT FROM {table} WHERE {condition}) THEN
    RAISE not_null_violation USING MESSAGE = {message};
  END IF;
END
"""
)
DROP_CONSTRAINT = SQL("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
FOREIGN_KEY = SQL(
    "FOREIGN KEY ({columns}) REFERENCES {references} ({referenced}){actions}{set_columns}{deferral}{enforcement}"
)
CREATE_STATISTICS = SQL("CREATE STATISTICS {name}{kinds} ON {columns} FROM {table}")
DROP_STATISTICS = SQL("DROP STATISTICS IF EXISTS {name}")
ANALYZE = SQL("ANALYZE {table}")
VIOLATIONS = SQL("SELECT {keys} FROM {table} WHERE {condition} LIMIT 10")


def steps(delta: Delta) -> Iterator[Step]:
    """What may stand against it first, before anything is made; then indexes (keys and foreign keys stand on them).

    ANALYZE comes last: it reads what the planner will use.
    """
    yield from inspection.steps(delta)
    # what is proven by them may be written again while indexes are built
    proven = {each.constraint for each in delta.proven}
    for constraint in delta.constraints:
        if constraint.name in proven:
            yield from add_constraint(delta, constraint)
    for name in delta.reindex:
        yield reindex(delta.table, name)
    yield from _indexes(delta)
    for key in delta.unique_keys:
        if not key.primary and not delta.partitioned:
            yield _attach(delta.table, key)
    for statistics in delta.statistics:
        yield _create_statistics(delta.table, statistics)
    for column in delta.not_null:
        yield from _set_not_null(delta, column)
    for constraint in delta.constraints:
        if constraint.name not in proven:
            yield from add_constraint(delta, constraint)
    for key in delta.unique_keys:
        if key.primary and key.old_name is None:
            # its columns are NOT NULL by now: else it would scan the table for nulls under ACCESS EXCLUSIVE
            yield from _index_trees(delta, key) if delta.partitioned else [_attach(delta.table, key)]
    for each in delta.foreign_keys:
        yield from foreign_key(each)
    # what is only told to be not null reads as before
    if delta.add or delta.indexes or delta.statistics or _fills(delta):
        yield analyze(delta.table)


def _indexes(delta: Delta) -> Iterator[Step]:
    """Those of a partitioned table come with their constraints, and a primary key when its columns are NOT NULL."""
    if delta.partitioned:
        keys = {key.index: key for key in delta.unique_keys}
        for index in delta.indexes:
            key = keys.get(index.name)
            if index.loose:
                yield index_tree.leaves(delta, index)
            elif key is None or not key.primary:
                yield index_tree.build(delta, index, key)
    else:
        for index in delta.indexes:
            yield _build(delta.table, index)


def _index_trees(delta: Delta, key: UniqueKey) -> Iterator[Step]:
    return (index_tree.build(delta, index, key) for index in delta.indexes if index.name == key.index)


def _fills(delta: Delta) -> bool:
    return delta.sync is not None and any(fill.existing for fill in delta.sync.fills)


def analyze(table: Table) -> Statement:
    """What the planner knows of it."""
    return Statement(
        title=f"analyze {table.name}",
        sql=(text(ANALYZE.format(table=qualified(table))),),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),),
    )


def drop_index(table: Table, name: str) -> DropIndex:
    """SHARE UPDATE EXCLUSIVE: waits for old transactions, blocks nobody."""
    return DropIndex(
        title=f"drop index {name}",
        sql=text(DROP_INDEX.format(name=Identifier(table.schema, name))),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),),
    )


def remove_index(delta: Delta, name: str) -> DropIndex | Statement:
    """Of a table concurrently. That of a partitioned one PostgreSQL only drops under ACCESS EXCLUSIVE, catalog only."""
    if not delta.partitioned:
        return drop_index(delta.table, name)
    return Statement(
        title=f"drop index {name}",
        sql=(text(index_tree.DROP_INDEX.format(name=Identifier(delta.table.schema, name))),),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table),),
    )


def reindex(table: Table, name: str) -> Reindex:
    """SHARE UPDATE EXCLUSIVE: a new index beside the old one, which then takes over its name and all that hangs on it.

    Not built beside it under another name by ourselves: the index of a primary key, or one that a foreign key refers
    to, could only be exchanged with its constraint.
    """
    left = leftovers(name)
    return Reindex(
        title=f"reindex {name}",
        schema=table.schema,
        name=name,
        sql=text(REINDEX.format(name=Identifier(table.schema, name))),
        leftovers=left,
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),),
        undo=tuple(drop_index(table, each) for each in left),
    )


def drop_constraint(table: Table, name: str, *others: Table) -> Statement:
    """ACCESS EXCLUSIVE, for a foreign key on both of its tables; catalog only."""
    return Statement(
        title=f"drop constraint {name}",
        sql=(text(DROP_CONSTRAINT.format(table=qualified(table), name=Identifier(name))),),
        locks=tuple(lock(LockMode.ACCESS_EXCLUSIVE, each) for each in dict.fromkeys((table, *others))),
    )


def _build(table: Table, index: Index) -> BuildIndex:
    drop = drop_index(table, index.name)
    name = Identifier(table.schema, index.name)
    return BuildIndex(
        title=f"create {'unique ' if index.unique else ''}index {index.name}",
        schema=table.schema,
        name=index.name,
        sql=text(
            CREATE_INDEX.format(
                unique=SQL("UNIQUE ") if index.unique else SQL(""),
                name=Identifier(index.name),
                table=qualified(table),
                definition=catalog_sql(index.definition),
            )
        ),
        drop_sql=drop.sql,
        tablespace=index.tablespace or "",
        after=tuple(map(text, finish(name, index))),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),),
        undo=(drop,),
    )


def finish(name: Identifier, index: Index) -> Iterator[Composable]:
    """What an index has besides its definition."""
    yield from comment("INDEX", name, index.comment)
    for number, target in index.statistics:
        yield SQL("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS {}").format(name, Literal(number), Literal(target))


def _attach(table: Table, key: UniqueKey) -> Statement:
    """ACCESS EXCLUSIVE, catalog only: the index is there and valid."""
    add = (ADD_PRIMARY_KEY if key.primary else ADD_UNIQUE).format(
        table=qualified(table),
        name=Identifier(key.name),
        index=Identifier(key.index),
        deferral=catalog_sql(key.deferral),
    )
    return Statement(
        title=f"add {'primary key' if key.primary else 'unique constraint'} {key.name}",
        sql=(text(add), *map(text, comment("CONSTRAINT", Identifier(key.name), key.comment, table))),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, table),),
        undo=(drop_constraint(table, key.name),),
    )


def _create_statistics(table: Table, statistics: Statistics) -> Statement:
    name = Identifier(statistics.schema, statistics.name)
    sql = tuple(map(text, statistics_of(table, statistics)))
    locks = (lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),)
    drop = Statement(
        title=f"drop statistics {statistics.name}", sql=(text(DROP_STATISTICS.format(name=name)),), locks=locks
    )
    return Statement(title=f"create statistics {statistics.name}", sql=sql, locks=locks, undo=(drop,))


def statistics_of(table: Table, statistics: Statistics) -> Iterator[Composable]:
    """The statements that make a statistics object."""
    name = Identifier(statistics.schema, statistics.name)
    kinds = SQL(" ({})").format(catalog_sql(", ".join(statistics.kinds))) if statistics.kinds else SQL("")
    yield CREATE_STATISTICS.format(
        name=name, kinds=kinds, columns=catalog_sql(statistics.columns), table=qualified(table)
    )
    yield from comment("STATISTICS", name, statistics.comment)
    if statistics.target is not None:
        yield SQL("ALTER STATISTICS {} SET STATISTICS {}").format(name, Literal(statistics.target))
    if statistics.owner is not None:
        # last: what our role may do by being a member of the owner does not depend on it
        yield SQL("ALTER STATISTICS {} OWNER TO {}").format(name, Identifier(statistics.owner))


def _set_not_null(delta: Delta, column: str) -> Iterator[Step]:
    """SET NOT NULL scans the table under ACCESS EXCLUSIVE unless a valid check proves it: so a check comes first."""
    theirs = any(proof.column == column for proof in delta.proofs)
    if not theirs:
        if column not in delta.no_nulls and not filled(delta, column):
            yield look_for_nulls(delta, column)
        yield from add_constraint(delta, _not_null_check(delta.table, column))
    table, name = qualified(delta.table), Identifier(column)
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    drop = DROP_NOT_NULL.format(table=table, column=name)
    drop_check = DROP_CONSTRAINT.format(table=table, name=Identifier(proof_of(delta.table, column)))
    yield Statement(
        title=f"set {column} not null",
        sql=tuple(map(text, (SET_NOT_NULL.format(table=table, column=name), *([] if theirs else [drop_check])))),
        locks=locks,
        # an abort drops the trigger before the column: between them a writer of the old column leaves this one null
        undo=(Statement(title=f"drop not null of {column}", sql=(text(drop),), locks=locks),),
    )


def proof_of(table: Table, column: str) -> str:
    """Name of the check that proves to PostgreSQL, for a while, that a column is not null."""
    return derived(f"{column}_not_null", table.schema, table.name)


def restore_not_null(delta: Delta, not_null: NotNull) -> Iterator[Statement]:
    """The way back of an abort: as SET NOT NULL comes, and under the name that it had. May be run again from the start.

    Rows that newer code has left null are reported before anything is added.
    """
    table, column = qualified(delta.table), Identifier(not_null.column)
    exclusive = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    check = _not_null_check(delta.table, not_null.column)
    if not_null.constraint is None:
        name, clear = Identifier(check.name), DROP_CONSTRAINT.format(table=table, name=Identifier(check.name))
        definition, remark = check.definition, None
    else:
        name, clear = Identifier(not_null.constraint), DROP_NOT_NULL.format(table=table, column=column)
        definition, remark = not_null.definition, not_null.comment
    if not_null.validated:
        yield look_for_nulls(delta, not_null.column)
    yield Statement(
        title=f"add a {'check' if not_null.constraint is None else 'not null constraint'} on {not_null.column}",
        sql=tuple(
            map(
                text,
                (
                    clear,
                    ADD_NOT_VALID.format(table=table, name=name, definition=catalog_sql(definition)),
                    *comment("CONSTRAINT", name, remark, delta.table),
                ),
            )
        ),
        locks=exclusive,
    )
    if not_null.validated:
        yield Statement(
            title=f"validate that {not_null.column} has no nulls",
            sql=(text(VALIDATE.format(table=table, name=name)),),
            locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, delta.table),),
            violations=_violations(delta, check),
        )
    if not_null.constraint is None:
        yield Statement(
            title=f"set {not_null.column} not null",
            sql=(text(SET_NOT_NULL.format(table=table, column=column)), text(clear)),
            locks=exclusive,
        )


def _not_null_check(table: Table, column: str) -> TableConstraint:
    return TableConstraint(
        name=proof_of(table, column),
        kind="check",
        definition=text(IS_NOT_NULL.format(column=Identifier(column))),
        violated_by=text(IS_NULL.format(column=Identifier(column))),
    )


def look_for_nulls(delta: Delta, column: str) -> Statement:
    """A scan before anything is added: a check refuses any UPDATE of a row that breaks it, valid or not."""
    body = NO_NULLS_BODY.format(
        table=qualified(delta.table),
        condition=IS_NULL.format(column=Identifier(column)),
        message=Literal(f'column "{column}" has nulls'),
    )
    return Statement(
        title=f"look for nulls in {column}",
        sql=(text(NO_NULLS.format(body=Literal(text(body)))),),
        locks=(lock(LockMode.ACCESS_SHARE, delta.table),),
        violations=_violations(delta, _not_null_check(delta.table, column)),
    )


def add_constraint(delta: Delta, constraint: TableConstraint) -> Iterator[Statement]:
    """NOT VALID under a short ACCESS EXCLUSIVE, then a scan under SHARE UPDATE EXCLUSIVE.

    After the backfill, never before: a NOT VALID check already rejects any UPDATE of a row that breaks it.
    """
    table, name = qualified(delta.table), Identifier(constraint.name)
    # an exclusion constraint is only ever built whole; the plan allows it where that is quick
    at_once = constraint.kind == "exclude" or not constraint.enforced
    add = ADD_CONSTRAINT if at_once else ADD_NOT_VALID
    yield Statement(
        title=f"add {constraint.kind.replace('_', ' ')} constraint {constraint.name}",
        sql=(
            text(add.format(table=table, name=name, definition=catalog_sql(constraint.definition))),
            *map(text, comment("CONSTRAINT", name, constraint.comment, delta.table)),
        ),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, delta.table),),
        undo=(drop_constraint(delta.table, constraint.name),),
    )
    if constraint.validated and not at_once:
        yield Statement(
            title=f"validate {constraint.name}",
            sql=(text(VALIDATE.format(table=table, name=name)),),
            locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, delta.table),),
            violations=_violations(delta, constraint),
        )


def _violations(delta: Delta, constraint: TableConstraint) -> str | None:
    if constraint.violated_by is None:
        return None
    return text(
        VIOLATIONS.format(
            keys=names(delta.key) if delta.key else SQL("ctid"),
            table=qualified(delta.table),
            condition=catalog_sql(constraint.violated_by),
        )
    )


def foreign_key(key: ForeignKey) -> Iterator[Step]:
    """As `add_foreign_key`, and for partitioned tables at either of its ends."""
    if key.by_leaf:
        yield partitions.with_trees(key_tree.build(key, definition_of(key)), key.trees)
    else:
        yield from (partitions.with_trees(step, key.trees) for step in add_foreign_key(key))


def add_foreign_key(key: ForeignKey) -> Iterator[Statement]:
    """SHARE ROW EXCLUSIVE on both tables for a moment, then a scan that stops nobody."""
    yield Statement(
        title=f"add foreign key {key.name} on {key.table.name}",
        sql=tuple(map(text, not_valid(key))),
        locks=tuple(lock(LockMode.SHARE_ROW_EXCLUSIVE, each) for each in dict.fromkeys((key.table, key.references))),
        undo=(drop_constraint(key.table, key.name, key.references),),
    )
    yield from validate_foreign_key(key)


def not_valid(key: ForeignKey) -> Iterator[Composable]:
    """The statements that add a foreign key. It holds for what is written from then on, and no row is read."""
    name = Identifier(key.name)
    add = ADD_NOT_VALID if key.enforced else ADD_CONSTRAINT
    yield add.format(table=qualified(key.table), name=name, definition=definition_of(key))
    yield from comment("CONSTRAINT", name, key.comment, key.table)


def validate_foreign_key(key: ForeignKey) -> Iterator[Statement]:
    """The scan, where it had been validated."""
    if key.validated and key.enforced:
        yield Statement(
            title=f"validate {key.name}",
            sql=(text(VALIDATE.format(table=qualified(key.table), name=Identifier(key.name))),),
            locks=(
                lock(LockMode.SHARE_UPDATE_EXCLUSIVE, key.table),
                lock(LockMode.ROW_SHARE, key.references),
            ),
        )


def definition_of(key: ForeignKey) -> Composable:
    """What follows ADD CONSTRAINT name."""
    return FOREIGN_KEY.format(
        columns=_end(key.columns, temporal=key.temporal),
        references=qualified(key.references),
        referenced=_end(key.referenced_columns, temporal=key.temporal),
        actions=catalog_sql(key.actions),
        set_columns=SQL(" ({})").format(names(key.set_columns)) if key.set_columns else SQL(""),
        deferral=catalog_sql(key.deferral),
        enforcement=SQL("") if key.enforced else SQL(" NOT ENFORCED"),
    )


def _end(columns: tuple[str, ...], *, temporal: bool) -> Composable:
    *others, last = map(Identifier, columns)
    return SQL(", ").join((*others, SQL("PERIOD {}").format(last) if temporal else last))
