"""What only one of two columns can have moves from one to the other, in a transaction that locks the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.constrain import not_valid, validate_foreign_key
from phases.delta import Identity, KeyTree, OwnedSequence, ReplicaIdentity, Table, TakeOver, UniqueKey
from phases.names import leaf_stem
from phases.partitions import with_trees
from phases.sql import catalog_sql, comment, grants, lock, qualified, text
from phases.step import LeafIndexes, Lock, LockMode, Statement

LOCK_TABLE = SQL("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
# with the lock held: nobody can switch it off between this look and what relies on it; each partition has its own
REQUIRE = SQL("DO {body}")
REQUIRE_TRIGGER_BODY = SQL(
    """
BEGIN
  IF EXISTS (SELECT {table}::regclass AS relid UNION SELECT relid FROM pg_catalog.pg_partition_tree({table}::regclass)
             EXCEPT SELECT tgrelid FROM pg_catalog.pg_trigger WHERE tgname = {trigger} AND tgenabled IN ('O', 'A')) THEN
    RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
"""
)
REQUIRE_CHECK_BODY = SQL(
    """
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = {table}::regclass AND conname = {name}
                 AND convalidated) THEN
    RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
"""
)
SWAP_PRIMARY_KEY = SQL(
    "ALTER TABLE {table} DROP CONSTRAINT {old}, ADD CONSTRAINT {new} PRIMARY KEY USING INDEX {index}{deferral}"
)
# keys of partitions keep their names; whoever lacks its index was noticed when the locks were had
SWAP_KEY_TREE = SQL("DO {body}")
SWAP_KEY_TREE_BODY = SQL(
    """
DECLARE
  parts oid[];
  names text[];
  comments text[];
  identifying boolean[];
BEGIN
  SELECT pg_catalog.array_agg(t.relid::oid ORDER BY t.level, t.relid),
         pg_catalog.array_agg(c.conname::text ORDER BY t.level, t.relid),
         pg_catalog.array_agg(pg_catalog.obj_description(c.oid, 'pg_constraint') ORDER BY t.level, t.relid),
         pg_catalog.array_agg(x.indisreplident ORDER BY t.level, t.relid)
  INTO parts, names, comments, identifying
  FROM pg_catalog.pg_partition_tree({table}) t
  JOIN pg_catalog.pg_constraint c ON c.conrelid = t.relid AND c.contype = 'p'
  JOIN pg_catalog.pg_index x ON x.indexrelid = c.conindid;
  EXECUTE pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', parts[1]::regclass, {old});
  names[1] := {new};
  FOR i IN 1 .. pg_catalog.cardinality(parts) LOOP
    IF (SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = parts[i]) THEN
      EXECUTE pg_catalog.format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', parts[i]::regclass, names[i], {definition});
    ELSE
      EXECUTE pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY USING INDEX %I%s',
                                parts[i]::regclass, names[i], {index} || '_' || parts[i], {deferral});
    END IF;
    IF i > 1 THEN
      EXECUTE (SELECT pg_catalog.format('ALTER INDEX %s ATTACH PARTITION %s', above.indexrelid::regclass,
                                        own.indexrelid::regclass)
               FROM pg_catalog.pg_index own JOIN pg_catalog.pg_inherits h ON h.inhrelid = own.indrelid
               JOIN pg_catalog.pg_index above ON above.indrelid = h.inhparent AND above.indisprimary
               WHERE own.indrelid = parts[i] AND own.indisprimary);
      IF comments[i] IS NOT NULL THEN
        EXECUTE pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', names[i], parts[i]::regclass, comments[i]);
      END IF;
    END IF;
  END LOOP;
  FOR i IN 1 .. pg_catalog.cardinality(parts) LOOP
    IF identifying[i] THEN
      EXECUTE pg_catalog.format('ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I', parts[i]::regclass, names[i]);
    END IF;
  END LOOP;
END
"""
)
# without IF EXISTS: one that is gone is not to come back
DROP_FOREIGN_KEY = SQL("ALTER TABLE {table} DROP CONSTRAINT {name}")
SET_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {expression}")
DROP_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")
DROP_SEQUENCE = SQL("DROP SEQUENCE {sequence}")
OWN_SEQUENCE = SQL("ALTER SEQUENCE {sequence} OWNED BY {column}")
SEQUENCE_TYPE = SQL("ALTER SEQUENCE {sequence} AS {type}")
RENAME_SEQUENCE = SQL("ALTER SEQUENCE {sequence} RENAME TO {name}")
ADD_IDENTITY = SQL(
    "ALTER TABLE {table} ALTER COLUMN {column} ADD GENERATED {when} AS IDENTITY (SEQUENCE NAME {sequence} {options})"
)
DROP_IDENTITY = SQL("ALTER TABLE {table} ALTER COLUMN {column} DROP IDENTITY")
COPY_POSITION = SQL("SELECT pg_catalog.setval({sequence}, last_value, is_called) FROM {interim}")
CLUSTER_ON = SQL("ALTER TABLE {table} CLUSTER ON {index}")
REPLICA_IDENTITY = SQL("ALTER TABLE {table} REPLICA IDENTITY USING INDEX {index}")
# each partition has its own, or none
REPLICA_IDENTITY_TREE = SQL("DO {body}")
REPLICA_IDENTITY_TREE_BODY = SQL(
    """
DECLARE
  part record;
BEGIN
  FOR part IN
    SELECT own.indrelid::regclass AS name, c.relname AS index
    FROM pg_catalog.pg_partition_tree({old}) o JOIN pg_catalog.pg_index own ON own.indexrelid = o.relid
    JOIN pg_catalog.pg_index i ON i.indrelid = own.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_partition_tree({new}) n ON n.relid = c.oid
    WHERE own.indisreplident
  LOOP
    EXECUTE pg_catalog.format('ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I', part.name, part.index);
  END LOOP;
END
"""
)


def take_over(table: Table, moves: TakeOver) -> Iterator[Composable]:
    """Catalog only, but for the sequences: these are small."""
    name = qualified(table)
    for sequence in moves.sequences:
        yield from _move_sequence(table, sequence)
    for default in moves.defaults:
        yield SET_DEFAULT.format(
            table=name, column=Identifier(default.column), expression=catalog_sql(default.expression)
        )
    for identity in moves.identities:
        yield from _move_identity(name, identity)
    for column in moves.left_defaults:
        yield DROP_DEFAULT.format(table=name, column=Identifier(column))
    for column in moves.left_identities:
        yield DROP_IDENTITY.format(table=name, column=Identifier(column))
    # before the old column goes: a table must not be without its replica identity, or its updates fail
    for identity_by in moves.replica_identity:
        yield _identify_by(table, identity_by)
    for index in moves.clustered:
        yield CLUSTER_ON.format(table=name, index=Identifier(index))
    # with both of their tables locked: nobody writes a row that none of them has seen
    for foreign_key in moves.foreign_keys:
        yield DROP_FOREIGN_KEY.format(table=qualified(foreign_key.table), name=Identifier(foreign_key.name))
    for key in moves.primary_keys:
        yield from _swap_primary_key(table, key)
    for foreign_key in moves.foreign_keys:
        yield from not_valid(foreign_key)


def locking(statement: Statement, moves: TakeOver) -> Statement:
    """A statement that does so, with the locks that it takes besides that on the table."""
    referring = (lock(LockMode.ACCESS_EXCLUSIVE, key.table) for key in moves.foreign_keys)
    locks = tuple(dict.fromkeys((*statement.locks, *sequence_locks(moves), *referring)))
    return with_trees(replace(statement, locks=locks), _trees(moves))


def validations(moves: TakeOver) -> Iterator[Statement]:
    """What is left to be done about foreign keys, when the locks are gone."""
    for key in moves.foreign_keys:
        yield from (with_trees(step, key.trees) for step in validate_foreign_key(key))


def _trees(moves: TakeOver) -> Iterator[Table]:
    return (table for key in moves.foreign_keys for table in key.trees)


def sequence_locks(moves: TakeOver) -> Iterator[Lock]:
    """An application that drew a number holds its sequence until it commits: the executor gives way early."""
    for owned in moves.sequences:
        yield lock(LockMode.SHARE_ROW_EXCLUSIVE, Table(owned.schema, owned.name))
    for identity in moves.identities:
        yield lock(LockMode.ACCESS_EXCLUSIVE, Table(identity.schema, identity.sequence))


def require_trigger(table: Table, trigger: str) -> Composable:
    """Raises unless the trigger is there and enabled."""
    body = REQUIRE_TRIGGER_BODY.format(
        table=Literal(text(qualified(table))),
        trigger=Literal(trigger),
        message=Literal(f"trigger {trigger} is gone or disabled: what was written since may differ".replace("%", "%%")),
    )
    return REQUIRE.format(body=Literal(text(body)))


def require_check(table: Table, name: str) -> Composable:
    """Raises unless the check is there and valid."""
    body = REQUIRE_CHECK_BODY.format(
        table=Literal(text(qualified(table))),
        name=Literal(name),
        message=Literal(f"check {name} is gone: rows written since may break it".replace("%", "%%")),
    )
    return REQUIRE.format(body=Literal(text(body)))


def _identify_by(table: Table, identity: ReplicaIdentity) -> Composable:
    if identity.instead_of is None:
        return REPLICA_IDENTITY.format(table=qualified(table), index=Identifier(identity.index))
    old, new = (Literal(text(Identifier(table.schema, index))) for index in (identity.instead_of, identity.index))
    return REPLICA_IDENTITY_TREE.format(body=Literal(text(REPLICA_IDENTITY_TREE_BODY.format(old=old, new=new))))


def _move_sequence(table: Table, sequence: OwnedSequence) -> Iterator[Composable]:
    name = Identifier(sequence.schema, sequence.name)
    if sequence.type is not None:
        yield SEQUENCE_TYPE.format(sequence=name, type=catalog_sql(sequence.type))
    yield OWN_SEQUENCE.format(sequence=name, column=Identifier(table.schema, table.name, sequence.column))


def _swap_primary_key(table: Table, key: UniqueKey) -> Iterator[Composable]:
    assert key.old_name is not None
    if key.tree is not None:
        yield from _swap_key_tree(table, key.old_name, key, key.tree)
    else:
        yield SWAP_PRIMARY_KEY.format(
            table=qualified(table),
            old=Identifier(key.old_name),
            new=Identifier(key.name),
            index=Identifier(key.index),
            deferral=catalog_sql(key.deferral),
        )
    yield from comment("CONSTRAINT", Identifier(key.name), key.comment, table)


def _swap_key_tree(table: Table, old_name: str, key: UniqueKey, tree: KeyTree) -> Iterator[Composable]:
    """Catalog only, some statements for each partition: all of them have been locked before."""
    body = SWAP_KEY_TREE_BODY.format(
        table=Literal(text(qualified(table))),
        old=Literal(old_name),
        new=Literal(key.name),
        definition=Literal(tree.definition),
        index=Literal(leaf_stem(key.index)),
        deferral=Literal(key.deferral),
    )
    yield SWAP_KEY_TREE.format(body=Literal(text(body)))
    yield from comment("INDEX", Identifier(table.schema, key.name), tree.comment)


def leaf_indexes(table: Table, moves: TakeOver) -> tuple[LeafIndexes, ...]:
    """What each leaf must have for that."""
    name = text(qualified(table))
    return tuple(LeafIndexes(name, key.index) for key in moves.primary_keys if key.tree is not None)


def _move_identity(table: Composable, identity: Identity) -> Iterator[Composable]:
    """The old sequence is renamed first: ACCESS EXCLUSIVE on it, so that no number is drawn between read and drop."""
    old = Identifier(identity.schema, identity.sequence)
    interim = Identifier(identity.schema, identity.interim)
    yield RENAME_SEQUENCE.format(sequence=old, name=Identifier(identity.interim))
    if identity.from_default:
        yield DROP_DEFAULT.format(table=table, column=Identifier(identity.column))
    yield ADD_IDENTITY.format(
        table=table,
        column=Identifier(identity.column),
        when=SQL("ALWAYS") if identity.always else SQL("BY DEFAULT"),
        sequence=old,
        options=catalog_sql(identity.options),
    )
    yield COPY_POSITION.format(sequence=Literal(text(old)), interim=interim)
    yield from grants(identity.grants, SQL("SEQUENCE {}").format(old))
    if identity.from_default:
        yield DROP_SEQUENCE.format(sequence=interim)
