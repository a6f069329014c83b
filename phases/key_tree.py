"""A foreign key out of a partitioned table before PostgreSQL 18, which cannot add one NOT VALID there.

Each leaf gets it by itself, NOT VALID and then validated. Added to the table then, it takes those over without a scan.
"""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.delta import ForeignKey, Table
from phases.sql import catalog_sql, comment, lock, qualified, text
from phases.step import AddForeignKeyTree, Lock, LockMode, Statement

ADD = SQL("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}{not_valid}")
VALIDATE = SQL("ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
DROP_CONSTRAINT = SQL("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
LOCK_TABLE = SQL("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
DO = SQL("DO {body}")
# under the lock: a leaf that came just now would be read whole
REQUIRE_LEAVES = SQL(
    """
BEGIN
  IF EXISTS (SELECT relid FROM pg_catalog.pg_partition_tree({table}) WHERE isleaf
             EXCEPT SELECT conrelid FROM pg_catalog.pg_constraint
             WHERE conname = {name} AND contype = 'f' AND convalidated) THEN
    RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
"""
)
DROP_FROM_LEAVES = SQL(
    """
DECLARE
  leaf regclass;
BEGIN
  FOR leaf IN SELECT relid FROM pg_catalog.pg_partition_tree({table}) WHERE isleaf LOOP
    EXECUTE pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', leaf, {name});
  END LOOP;
END
"""
)

# PostgreSQL renames that of the table alone; who has another one of that name keeps what it has
RENAME = SQL(
    """
DECLARE
  one regclass;
BEGIN
  FOR one IN SELECT c.conrelid FROM pg_catalog.pg_constraint c
             JOIN pg_catalog.pg_partition_tree({table}) t ON t.relid = c.conrelid
             WHERE c.conname = {old} AND c.contype = 'f' AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.conrelid AND o.conname = {new})
             ORDER BY t.level, c.conrelid LOOP
    EXECUTE pg_catalog.format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', one, {old}, {new});
  END LOOP;
END
"""
)


def rename(table: Table, old: str, new: str) -> Composable:
    """The statement by which a foreign key takes its name, with those of all partitions: catalog only."""
    body = RENAME.format(table=Literal(text(qualified(table))), old=Literal(old), new=Literal(new))
    return DO.format(body=Literal(text(body)))


def build(key: ForeignKey, definition: Composable) -> AddForeignKeyTree:
    """The step; its undo takes away what leaves have, too, if the table has not taken it over yet."""
    table, name = qualified(key.table), Identifier(key.name)
    ends = (key.table, key.references)
    drop_rest = DROP_FROM_LEAVES.format(table=Literal(text(table)), name=Literal(key.name))
    return AddForeignKeyTree(
        title=f"add foreign key {key.name} on {key.table.name} and its partitions",
        table=text(table),
        name=key.name,
        definition=text(definition),
        references=lock(LockMode.ACCESS_EXCLUSIVE, key.references).relation,
        referred=text(qualified(key.references)),
        after=tuple(map(text, comment("CONSTRAINT", name, key.comment, key.table))),
        locks=(
            lock(LockMode.SHARE_ROW_EXCLUSIVE, key.table),
            lock(LockMode.ACCESS_EXCLUSIVE, key.references),
        ),
        undo=(
            Statement(
                title=f"drop constraint {key.name}",
                sql=(
                    text(DROP_CONSTRAINT.format(table=table, name=name)),
                    text(DO.format(body=Literal(text(drop_rest)))),
                ),
                locks=tuple(lock(LockMode.ACCESS_EXCLUSIVE, end) for end in ends),
            ),
        ),
    )


# what the executor runs


def on_leaf(step: AddForeignKeyTree, leaf: Table) -> Statement:
    """SHARE ROW EXCLUSIVE on the leaf and the table it refers to, for a moment."""
    return Statement(
        title=f"add foreign key {step.name} on {leaf.name}",
        sql=(text(_add(step, qualified(leaf), SQL(" NOT VALID"))),),
        locks=(lock(LockMode.SHARE_ROW_EXCLUSIVE, leaf), Lock(LockMode.SHARE_ROW_EXCLUSIVE, step.references)),
    )


def validate_leaf(step: AddForeignKeyTree, leaf: Table) -> Statement:
    """A scan that stops nobody."""
    return Statement(
        title=f"validate {step.name} on {leaf.name}",
        sql=(text(VALIDATE.format(table=qualified(leaf), name=Identifier(step.name))),),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, leaf), Lock(LockMode.ROW_SHARE, step.references)),
    )


def on_table(step: AddForeignKeyTree, lock_first: str) -> Statement:
    """Takes over what the leaves have: no scan.

    ACCESS EXCLUSIVE on the table referred to, for the triggers there that are one too many then.
    """
    referred = Lock(LockMode.ACCESS_EXCLUSIVE, step.references)
    message = f"a partition that came just now has no {step.name} yet".replace("%", "%%")
    require = REQUIRE_LEAVES.format(table=Literal(step.table), name=Literal(step.name), message=Literal(message))
    return Statement(
        title=step.title,
        sql=(
            lock_first,
            text(LOCK_TABLE.format(table=catalog_sql(step.referred))),
            text(DO.format(body=Literal(text(require)))),
            text(_add(step, catalog_sql(step.table), SQL(""))),
            *step.after,
        ),
        locks=(step.locks[0], referred),
    )


def _add(step: AddForeignKeyTree, table: Composable, not_valid: SQL) -> Composable:
    return ADD.format(
        table=table, name=Identifier(step.name), definition=catalog_sql(step.definition), not_valid=not_valid
    )


def script(step: AddForeignKeyTree) -> list[str]:
    """The same for psql, as far as it can be said without knowing the partitions."""
    leaf = Table("schema", "partition")
    return [
        "-- for each partition that has none itself:",
        *(f"-- {statement};" for each in (on_leaf(step, leaf), validate_leaf(step, leaf)) for statement in each.sql),
        "-- and then:",
        "BEGIN;",
        *(f"{statement};" for statement in on_table(step, "-- lock them all").sql),
        "COMMIT;",
    ]
