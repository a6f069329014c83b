"""An index of a partitioned table: the statements for the table itself, and for each of its partitions."""

from __future__ import annotations

from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.delta import Delta, Index, Table, UniqueKey
from phases.names import index_of_leaf, index_of_partition
from phases.sql import catalog_sql, comment, lock, names, qualified, text
from phases.step import (
    BuildIndex,
    BuildIndexTree,
    BuildLeafIndexes,
    DropIndex,
    DropIndexTree,
    DropLeafIndexes,
    Lock,
    LockMode,
    Statement,
)

CREATE_ONLY = SQL("CREATE {unique}INDEX {name} ON ONLY {table} {definition}")
CREATE_INDEX = SQL("CREATE {unique}INDEX CONCURRENTLY {name} ON {table} {definition}")
ADD_ONLY = SQL("ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {constraint}")
ADD_USING_INDEX = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}{deferral}")
SPACE = SQL(" USING INDEX TABLESPACE {}")
# for the partitions that come later
SET_TABLESPACE = SQL("SET LOCAL default_tablespace = {}")
ATTACH = SQL("ALTER INDEX {index} ATTACH PARTITION {child}")
DROP_INDEX = SQL("DROP INDEX IF EXISTS {name}")
DROP_INDEX_CONCURRENTLY = SQL("DROP INDEX CONCURRENTLY IF EXISTS {name}")
DROP_CONSTRAINT = SQL("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
KEY = SQL("{kind}{nulls} ({columns}){include}{options}{tablespace}{deferral}")


def build(delta: Delta, index: Index, key: UniqueKey | None = None) -> BuildIndexTree:
    """The step; with the constraint that the index belongs to, if it belongs to one."""
    table, name = delta.table, Identifier(delta.table.schema, index.name)
    after = list(map(text, comment("INDEX", name, index.comment)))
    if key is not None:
        after += map(text, comment("CONSTRAINT", Identifier(key.name), key.comment, table))
    return BuildIndexTree(
        title=f"create {'unique ' if index.unique else ''}index {index.name} on {table.name} and its partitions",
        schema=table.schema,
        name=index.name,
        stem=index.stem or index.name,
        table=text(qualified(table)),
        unique=index.unique,
        definition=index.definition,
        tablespace=index.tablespace or "",
        constraint=constraint(index, key) if key is not None else "",
        using_index=("PRIMARY KEY" if key.primary else "UNIQUE") if key is not None else "",
        deferral=key.deferral if key is not None else "",
        after=tuple(after),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table),),
        undo=(_drop(table, index, constraint=key is not None),),
    )


def leaves(delta: Delta, index: Index) -> BuildLeafIndexes:
    """Those that become the primary key; until then they only take every write."""
    drop = DropLeafIndexes(
        title=f"drop index {index.name} of each partition",
        name=index.name,
        table=text(qualified(delta.table)),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, delta.table),),
    )
    return BuildLeafIndexes(
        title=f"create unique index {index.name} on each partition of {delta.table.name}",
        name=index.name,
        table=drop.table,
        definition=index.definition,
        tablespace=index.tablespace or "",
        locks=drop.locks,
        undo=(drop,),
    )


def exchanged_leaves(delta: Delta, index: Index) -> BuildLeafIndexes:
    """The same when columns have exchanged their names, for leaves that have come since."""
    return replace(leaves(delta, index), definition=index.exchanged, undo=())


def _drop(table: Table, index: Index, *, constraint: bool) -> DropIndexTree:
    """Of no use to anybody while it is built, and by then to newer code only: ACCESS EXCLUSIVE, catalog only."""
    return DropIndexTree(
        title=f"drop index {index.name}",
        schema=table.schema,
        name=index.name,
        stem=index.stem or index.name,
        table=text(qualified(table)),
        constraint=constraint,
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, table),),
    )


def constraint(index: Index, key: UniqueKey) -> str:
    """What follows ADD CONSTRAINT name."""
    assert index.keys
    definition = KEY.format(
        kind=SQL("PRIMARY KEY") if key.primary else SQL("UNIQUE"),
        nulls=SQL(" NULLS NOT DISTINCT") if index.nulls_not_distinct else SQL(""),
        columns=names(index.keys),
        include=SQL(" INCLUDE ({})").format(names(index.include)) if index.include else SQL(""),
        options=SQL(" WITH ({})").format(catalog_sql(index.options)) if index.options else SQL(""),
        tablespace=SPACE.format(Identifier(index.tablespace)) if index.tablespace else SQL(""),
        deferral=catalog_sql(key.deferral),
    )
    return text(definition)


# what the executor runs


def on_table(step: BuildIndexTree) -> Statement:
    """The index of the table itself. It holds no row and is not valid before all partitions have theirs.

    From then on PostgreSQL makes one for each partition that comes.
    """
    by_itself = step.tablespace and not step.constraint
    space = [text(SET_TABLESPACE.format(Literal(step.tablespace)))] if by_itself else []
    mode = LockMode.ACCESS_EXCLUSIVE if step.constraint else LockMode.SHARE
    return Statement(
        title=step.title,
        sql=(*space, text(_only(step, catalog_sql(step.table), step.name))),
        locks=(Lock(mode, step.locks[0].relation, "only"),),
    )


def on_partitioned(step: BuildIndexTree, partition: Table, parent: Table) -> Statement:
    """The same for a partition that is partitioned itself; `parent`: the index that it is attached to."""
    child = of(step, partition)
    mode = LockMode.ACCESS_EXCLUSIVE if step.constraint else LockMode.SHARE
    return Statement(
        title=f"create index {child.name}",
        sql=(text(_only(step, qualified(partition), child.name)), *_attach(parent, child)),
        locks=(lock(mode, partition, reach="only"), lock(LockMode.ACCESS_EXCLUSIVE, child)),
    )


def on_leaf(step: BuildIndexTree, partition: Table) -> BuildIndex:
    """The index of a partition that has rows. Built beside the traffic."""
    child = of(step, partition)
    name = qualified(child)
    return BuildIndex(
        title=f"create {'unique ' if step.unique else ''}index {child.name}",
        schema=child.schema,
        name=child.name,
        sql=text(
            CREATE_INDEX.format(
                unique=_unique(step),
                name=Identifier(child.name),
                table=qualified(partition),
                definition=catalog_sql(step.definition),
            )
        ),
        drop_sql=text(DROP_INDEX_CONCURRENTLY.format(name=name)),
        tablespace=step.tablespace,
        after=(),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, partition),),
    )


def of_leaf(step: BuildLeafIndexes, leaf: Table, oid: int) -> BuildIndex:
    """That of one leaf. Built beside the traffic."""
    name = index_of_leaf(step.name, oid)
    return BuildIndex(
        title=f"create unique index {name} on {leaf.name}",
        schema=leaf.schema,
        name=name,
        sql=text(
            CREATE_INDEX.format(
                unique=SQL("UNIQUE "),
                name=Identifier(name),
                table=qualified(leaf),
                definition=catalog_sql(step.definition),
            )
        ),
        drop_sql=text(DROP_INDEX_CONCURRENTLY.format(name=Identifier(leaf.schema, name))),
        tablespace=step.tablespace,
        after=(),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, leaf),),
    )


def attach_leaf(step: BuildIndexTree, partition: Table, parent: Table) -> Statement:
    """ACCESS EXCLUSIVE on the index of the partition, which whoever plans a query on it waits for; catalog only."""
    child = of(step, partition)
    add: list[str] = []
    # two of them: so it is us who gives way to somebody who wants to lock the partition, and has used the index before
    locks: tuple[Lock, ...] = (lock(LockMode.ACCESS_EXCLUSIVE, child), lock(LockMode.ACCESS_SHARE, partition))
    if step.constraint:
        using_index = ADD_USING_INDEX.format(
            table=qualified(partition),
            name=Identifier(child.name),
            kind=catalog_sql(step.using_index),
            deferral=catalog_sql(step.deferral),
        )
        add = [text(using_index)]
        locks = (lock(LockMode.ACCESS_EXCLUSIVE, partition), lock(LockMode.ACCESS_EXCLUSIVE, child))
    if parent != Table(step.schema, step.name):
        # the last one makes its parent's valid, and PostgreSQL then locks those above that. Whoever plans a query has
        # them before the partition's, and no try would come to an end under traffic: so the table is locked first
        locks = (replace(step.locks[0], mode=LockMode.ACCESS_EXCLUSIVE, reach="only"), *locks)
    return Statement(title=f"attach index {child.name}", sql=(*add, *_attach(parent, child)), locks=locks)


def drop_root(step: DropIndexTree, lock_first: str) -> Statement:
    """With all that is attached to it."""
    sql = (
        DROP_CONSTRAINT.format(table=catalog_sql(step.table), name=Identifier(step.name))
        if step.constraint
        else DROP_INDEX.format(name=Identifier(step.schema, step.name))
    )
    return Statement(title=step.title, sql=(lock_first, text(sql)), locks=step.locks)


def drop_leaf(step: DropIndexTree | DropLeafIndexes, index: Table) -> DropIndex:
    """What was built and is not attached."""
    return DropIndex(
        title=f"drop index {index.name}",
        sql=text(DROP_INDEX_CONCURRENTLY.format(name=qualified(index))),
        locks=step.locks[:0],
    )


def of(step: BuildIndexTree | DropIndexTree, partition: Table) -> Table:
    """The index that we make for a partition: it lives in the schema of its table."""
    return Table(partition.schema, index_of_partition(step.stem, partition.name))


def _only(step: BuildIndexTree, table: Composable, name: str) -> Composable:
    if step.constraint:
        return ADD_ONLY.format(table=table, name=Identifier(name), constraint=catalog_sql(step.constraint))
    return CREATE_ONLY.format(
        unique=_unique(step), name=Identifier(name), table=table, definition=catalog_sql(step.definition)
    )


def _attach(parent: Table, child: Table) -> tuple[str, ...]:
    return (text(ATTACH.format(index=qualified(parent), child=qualified(child))),)


def _unique(step: BuildIndexTree) -> Composable:
    return SQL("UNIQUE ") if step.unique else SQL("")


def script_of_leaves(step: BuildLeafIndexes) -> list[str]:
    """The same for psql; `0` stands for the number of the partition's table."""
    return ["-- for each partition that has none itself:", f"-- {of_leaf(step, Table('schema', 'partition'), 0).sql};"]


def script(step: BuildIndexTree) -> list[str]:
    """The same for psql, as far as it can be said without knowing the partitions."""
    leaf = on_leaf(step, Table("schema", "partition"))
    attach = attach_leaf(step, Table("schema", "partition"), Table(step.schema, step.name))
    return [
        *(f"{statement};" for statement in on_table(step).sql),
        "-- then for each partition, from the top down (of one that has partitions itself: ON ONLY, as above):",
        f"-- {leaf.sql};",
        *(f"-- {statement};" for statement in attach.sql),
        *(f"{statement};" for statement in step.after),
    ]
