"""Refuse or do: every operation that strong_migrations, online_migrations or squawk flag, and what we do about it.

docs/refuse-or-do.md is this table as a page; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Level(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    """Stops or fails the application."""
    WARNING = "warning"
    """A habit that leads to trouble later."""


class Work(StrEnum):
    """What PostgreSQL does under the lock."""

    CATALOG = "changes the catalog only"
    SCAN = "reads every row"
    REWRITE = "rewrites the table and every index"
    BUILD = "builds an index over every row"
    DATA = "changes rows"
    NONE = "does nothing to tables"


AX = "ACCESS EXCLUSIVE"
SRX = "SHARE ROW EXCLUSIVE"
SHARE = "SHARE"
RX = "ROW EXCLUSIVE"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One operation: what PostgreSQL does, what others call it, and what to do instead.

    `kinds` do it safely; without one it is refused, and `advice` says what to do.
    """

    name: str
    operation: str
    advice: str
    kinds: tuple[str, ...] = ()
    level: Level = Level.ERROR
    lock: str = ""
    work: Work = Work.NONE
    breaks: str = ""
    """What of the running application fails, beyond the wait."""
    squawk: tuple[str, ...] = ()
    strong_migrations: tuple[str, ...] = ()
    online_migrations: tuple[str, ...] = ()

    @property
    def only_slow(self) -> bool:
        """Whether a small table makes it harmless."""
        return not self.breaks and self.work in (Work.SCAN, Work.REWRITE, Work.BUILD, Work.DATA)


RULES: tuple[Rule, ...] = (
    # columns
    Rule(
        name="add_column",
        operation="add a column that is nullable, or has a constant or stable default",
        advice="one catalog step; `advance` bounds how long it queues for the lock",
        kinds=("add_column",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        squawk=("ban-add-column",),
        strong_migrations=("add_column_default_null",),
        online_migrations=("add_column_with_default_null", "add_inheritance_column"),
    ),
    Rule(
        name="add_column_volatile_default",
        operation="add a column with a volatile default, serial or identity",
        advice="the column is added empty, its default set for new rows, old rows are filled in batches",
        kinds=("add_column",),
        lock=AX,
        work=Work.REWRITE,
        squawk=("adding-field-with-default",),
        strong_migrations=("add_column_default", "add_column_default_callable"),
        online_migrations=("add_column_with_default", "add_timestamps_with_default"),
    ),
    Rule(
        name="add_column_domain",
        operation="add a column whose type is a domain with a constraint",
        advice="the base type with a check: add_column, then add_check",
        kinds=("add_column", "add_check"),
        lock=AX,
        work=Work.REWRITE,
    ),
    Rule(
        name="add_column_stored_generated",
        operation="add a STORED generated column",
        advice="a plain column that a trigger keeps, with `up:` as its expression; or VIRTUAL from PostgreSQL 18 on",
        kinds=("add_column",),
        lock=AX,
        work=Work.REWRITE,
        squawk=("adding-field-with-default",),
        strong_migrations=("add_column_generated_stored",),
        online_migrations=("add_column_generated_stored",),
    ),
    Rule(
        name="add_column_required",
        operation="add a NOT NULL column without a default",
        advice="give `up:`, the value of rows that old code writes; NOT NULL comes once every row has one",
        kinds=("add_column",),
        lock=AX,
        work=Work.CATALOG,
        breaks="it fails if there are rows, and the INSERTs of older code fail",
        squawk=("adding-required-field", "adding-not-nullable-field"),
    ),
    Rule(
        name="add_column_json",
        operation="add a json column",
        advice="jsonb: json has no equality, so SELECT DISTINCT, GROUP BY and UNION over it fail",
        kinds=("add_column",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        strong_migrations=("add_column_json",),
        online_migrations=("add_column_json",),
    ),
    Rule(
        name="drop_column",
        operation="drop a column",
        advice="older code goes on until contract: its column is kept filled by `down:`",
        kinds=("drop_column",),
        lock=AX,
        work=Work.CATALOG,
        breaks="code that names the column fails",
        squawk=("ban-drop-column",),
        strong_migrations=("remove_column",),
        online_migrations=("remove_column",),
    ),
    Rule(
        name="rename_column",
        operation="rename a column",
        advice="both names take reads and writes until contract",
        kinds=("rename_column",),
        lock=AX,
        work=Work.CATALOG,
        breaks="code that uses the old name fails",
        squawk=("renaming-column",),
        strong_migrations=("rename_column",),
        online_migrations=("rename_column",),
    ),
    Rule(
        name="change_type",
        operation="change the type of a column",
        advice="a column of the new type is kept equal by `up:` and `down:`, then the two swap names",
        kinds=("change_type",),
        lock=AX,
        work=Work.REWRITE,
        squawk=("changing-column-type",),
        strong_migrations=("change_column", "change_column_with_not_null"),
        online_migrations=("change_column", "change_column_with_not_null"),
    ),
    Rule(
        name="set_not_null",
        operation="set a column NOT NULL",
        advice="NULLs are filled with `up:`, a check proves that none is left, and SET NOT NULL no longer scans",
        kinds=("set_not_null",),
        lock=AX,
        work=Work.SCAN,
        squawk=("adding-not-nullable-field",),
        strong_migrations=("change_column_null", "change_column_null_postgresql", "change_column_null_mysql"),
        online_migrations=("change_column_null", "add_not_null_constraint"),
    ),
    Rule(
        name="drop_not_null",
        operation="drop NOT NULL",
        advice="from expand on new code may write NULL, which older code must bear to read; abort has a way back",
        kinds=("drop_not_null",),
        lock=AX,
        work=Work.CATALOG,
        breaks="older code may read NULLs that it does not expect",
        squawk=("ban-drop-not-null",),
    ),
    Rule(
        name="set_default",
        operation="set the default of a column",
        advice="catalog only; old and new code both get the new default",
        kinds=("set_default",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        squawk=("ban-set-default",),
        strong_migrations=("change_column_default",),
        online_migrations=("change_column_default",),
    ),
    Rule(
        name="drop_default",
        operation="drop the default of a column",
        advice="at contract, when no code relies on the default",
        kinds=("drop_default",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        breaks="an INSERT that leaves the column out writes NULL, or fails",
        squawk=("ban-drop-default",),
    ),
    Rule(
        name="alter_identity",
        operation="add, change or drop an identity",
        advice="catalog only, but the sequence must stand above the highest key first; `sql` with its undo",
        kinds=("sql",),
        lock=AX,
        work=Work.CATALOG,
        breaks="INSERTs that give or leave out the key change their meaning",
        squawk=("ban-alter-identity",),
    ),
    Rule(
        name="alter_generated_expression",
        operation="change the expression of a generated column",
        advice="add a column with the new expression as `up:`, let new code read that, then drop the old one",
        kinds=("add_column", "drop_column"),
        lock=AX,
        work=Work.REWRITE,
        squawk=("ban-alter-generated-expression",),
    ),
    Rule(
        name="drop_generated_expression",
        operation="make a generated column a plain one",
        advice="older code does not write it: add a plain column with the expression as `up:` instead",
        kinds=("add_column",),
        lock=AX,
        work=Work.CATALOG,
        breaks="rows that older code writes have no value there any more",
        squawk=("ban-drop-generated-expression",),
    ),
    Rule(
        name="short_key",
        operation="use integer or smallint for a key, or a new column",
        advice="bigint from the start; for a column that is there: change_type to bigint, with every foreign key to it",
        kinds=("change_type",),
        level=Level.WARNING,
        squawk=("prefer-bigint-over-int", "prefer-bigint-over-smallint"),
        online_migrations=("short_primary_key_type",),
    ),
    Rule(
        name="type_choice",
        operation="use char(n), varchar(n), timestamp or serial",
        advice="text with a check, timestamptz, GENERATED … AS IDENTITY; for a column that is there: change_type",
        kinds=("change_type",),
        level=Level.WARNING,
        squawk=("prefer-text-field", "ban-char-field", "prefer-timestamp-tz", "prefer-identity"),
    ),
    # constraints
    Rule(
        name="add_check",
        operation="add a check",
        advice="added NOT VALID once every row keeps it, validated in a transaction of its own",
        kinds=("add_check",),
        lock=AX,
        work=Work.SCAN,
        squawk=("constraint-missing-not-valid", "ban-new-write-restriction"),
        strong_migrations=("add_check_constraint", "add_check_constraint_mysql"),
        online_migrations=("add_check_constraint", "add_text_limit_constraint"),
    ),
    Rule(
        name="add_unique",
        operation="add a unique constraint",
        advice="a unique index built concurrently becomes the constraint",
        kinds=("add_unique",),
        lock=AX,
        work=Work.BUILD,
        squawk=("disallowed-unique-constraint", "constraint-missing-not-valid"),
        online_migrations=("add_unique_key",),
    ),
    Rule(
        name="add_primary_key",
        operation="add a primary key",
        advice="a unique index built concurrently becomes the key, on columns proven NOT NULL",
        kinds=("add_primary_key",),
        lock=AX,
        work=Work.BUILD,
        squawk=("adding-serial-primary-key-field", "constraint-missing-not-valid"),
    ),
    Rule(
        name="add_foreign_key",
        operation="add a foreign key or reference",
        advice="added NOT VALID, validated in a transaction of its own; one table pair at a time",
        kinds=("add_foreign_key",),
        lock=SRX,
        work=Work.SCAN,
        squawk=("adding-foreign-key-constraint", "constraint-missing-not-valid"),
        strong_migrations=("add_foreign_key", "add_reference"),
        online_migrations=("add_foreign_key", "add_reference", "multiple_foreign_keys"),
    ),
    Rule(
        name="foreign_key_type",
        operation="a foreign key whose column has another type than what it references",
        advice="the referencing column first: values that fit one side only fail later",
        kinds=("change_type",),
        level=Level.WARNING,
        online_migrations=("mismatched_foreign_key_type",),
    ),
    Rule(
        name="add_exclusion",
        operation="add an exclusion constraint, or a key WITHOUT OVERLAPS",
        advice="there is no way to build one beside a running application: create a table that has it from the start, "
        "and let the application move to that; or a trigger that checks",
        lock=AX,
        work=Work.BUILD,
        squawk=("constraint-missing-not-valid", "disallowed-unique-constraint", "adding-serial-primary-key-field"),
        strong_migrations=("add_exclusion_constraint",),
        online_migrations=("add_exclusion_constraint",),
    ),
    Rule(
        name="validate_in_transaction",
        operation="validate a constraint in a transaction that already holds a strong lock",
        advice="validate in a transaction of its own, as constrain does",
        kinds=("add_check", "add_foreign_key"),
        lock=AX,
        work=Work.SCAN,
        squawk=("constraint-missing-not-valid",),
        strong_migrations=("validate_foreign_key", "validate_check_constraint"),
        online_migrations=("validate_foreign_key", "validate_constraint"),
    ),
    Rule(
        name="drop_constraint",
        operation="drop a constraint",
        advice="at contract, when all code keeps its own word; a foreign key locks both tables, one at a time",
        kinds=("drop_constraint",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        breaks="older code may rely on what it guarantees",
        squawk=("ban-drop-constraint",),
    ),
    Rule(
        name="rename_constraint",
        operation="rename a constraint",
        advice="catalog only; code that reads constraint names in errors must know both",
        kinds=("rename_constraint",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        squawk=("renaming-object",),
    ),
    Rule(
        name="alter_constraint",
        operation="change whether a constraint is enforced or deferrable",
        advice="catalog only, unless it becomes enforced, which scans: drop it and add it anew",
        kinds=("drop_constraint", "add_foreign_key"),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        breaks="when a violation is reported changes",
        squawk=("ban-new-write-restriction",),
    ),
    # indexes
    Rule(
        name="create_index",
        operation="create an index without CONCURRENTLY",
        advice="built concurrently, checked for validity, rebuilt if it was cut short",
        kinds=("create_index",),
        lock=SHARE,
        work=Work.BUILD,
        squawk=("require-concurrent-index-creation",),
        strong_migrations=("add_index",),
        online_migrations=("add_index", "add_hash_index"),
    ),
    Rule(
        name="drop_index",
        operation="drop an index without CONCURRENTLY",
        advice="dropped concurrently at contract",
        kinds=("drop_index",),
        lock=AX,
        work=Work.CATALOG,
        breaks="queries that it served get slow",
        squawk=("require-concurrent-index-deletion", "ban-drop-index"),
        strong_migrations=("remove_index",),
        online_migrations=("remove_index",),
    ),
    Rule(
        name="replace_index",
        operation="drop an index before its replacement is there",
        advice="the new one is built first, then the old one goes",
        kinds=("replace_index",),
        breaks="queries have neither index meanwhile",
        online_migrations=("replace_index",),
    ),
    Rule(
        name="reindex",
        operation="REINDEX without CONCURRENTLY",
        advice="rebuilt concurrently",
        kinds=("reindex",),
        lock=SHARE,
        work=Work.BUILD,
        breaks="even queries that only plan with the index wait",
        squawk=("require-concurrent-reindex",),
    ),
    Rule(
        name="concurrently_in_transaction",
        operation="CONCURRENTLY, VACUUM or another statement that cannot run in a transaction, in one",
        advice="PostgreSQL refuses it there: a statement of its own, as `advance` sends it (Alembic: autocommit_block)",
        kinds=("create_index", "drop_index", "reindex"),
        breaks="the migration fails",
        squawk=("ban-concurrent-index-creation-in-transaction",),
    ),
    Rule(
        name="concurrently_if_not_exists",
        operation="CREATE INDEX CONCURRENTLY IF NOT EXISTS",
        advice="looks whether the index is valid, and rebuilds what a broken-off build of its own left behind",
        kinds=("create_index",),
        level=Level.WARNING,
        breaks="an index that a broken-off build left INVALID counts as existing, and stays so",
    ),
    Rule(
        name="index_columns",
        operation="a non-unique index over more than three columns",
        advice="begin with the columns that narrow the result most, and leave out the rest",
        kinds=("create_index",),
        level=Level.WARNING,
        strong_migrations=("add_index_columns",),
    ),
    Rule(
        name="index_corruption",
        operation="CREATE INDEX or REINDEX CONCURRENTLY on PostgreSQL 14.0 to 14.3",
        advice="upgrade to 14.4 or later first: before it, an index built concurrently may miss rows",
        breaks="queries that use the index may miss rows",
        strong_migrations=("add_index_corruption",),
        online_migrations=("add_index_corruption",),
    ),
    # tables
    Rule(
        name="drop_table",
        operation="drop a table, also to create it anew",
        advice="nothing happens to it until contract, then its foreign keys go first, one at a time",
        kinds=("drop_table",),
        lock=AX,
        work=Work.CATALOG,
        breaks="code that uses the table fails, and its rows are gone",
        squawk=("ban-drop-table",),
        strong_migrations=("create_table",),
        online_migrations=("create_table", "drop_table_multiple_foreign_keys"),
    ),
    Rule(
        name="rename_table",
        operation="rename a table",
        advice="an updatable view answers to the other name until contract",
        kinds=("rename_table",),
        lock=AX,
        work=Work.CATALOG,
        breaks="code that uses the old name fails",
        squawk=("renaming-table",),
        strong_migrations=("rename_table",),
        online_migrations=("rename_table",),
    ),
    Rule(
        name="set_schema",
        operation="move an object to another schema",
        advice="let search_path name both schemas everywhere first, or leave a view behind; no kind does it",
        lock=AX,
        work=Work.CATALOG,
        breaks="code that names the schema, or does not have the new one in its search_path, fails",
        squawk=("ban-set-schema",),
    ),
    Rule(
        name="truncate",
        operation="TRUNCATE",
        advice="delete in batches by key; or drop_table and create_table, if nobody needs the rows",
        lock=AX,
        work=Work.DATA,
        breaks="rows are gone, with CASCADE also those of tables that reference it",
        squawk=("ban-truncate-cascade",),
    ),
    Rule(
        name="rewrite_table",
        operation="SET LOGGED, UNLOGGED, TABLESPACE or ACCESS METHOD",
        advice="pg_repack moves a table between tablespaces online; the others need a new table and a move of the rows",
        lock=AX,
        work=Work.REWRITE,
    ),
    Rule(
        name="vacuum_full",
        operation="VACUUM FULL or CLUSTER",
        advice="pg_repack or pg_squeeze does the same without holding the lock; plain VACUUM stops further growth",
        lock=AX,
        work=Work.REWRITE,
        squawk=("prefer-repack",),
    ),
    Rule(
        name="create_partition",
        operation="CREATE TABLE … PARTITION OF",
        advice="create it as a table of its own with a check that implies its bound, then ATTACH PARTITION",
        lock=AX,
        work=Work.CATALOG,
        level=Level.WARNING,
    ),
    Rule(
        name="attach_partition",
        operation="ATTACH PARTITION",
        advice="a valid check that implies the bound, on the partition and against it on the default partition, "
        "saves the scans",
        kinds=("partition_table",),
        lock=AX,
        work=Work.SCAN,
    ),
    Rule(
        name="detach_partition",
        operation="DETACH PARTITION without CONCURRENTLY, or NO INHERIT",
        advice="DETACH PARTITION … CONCURRENTLY, outside a transaction",
        lock=AX,
        work=Work.CATALOG,
        breaks="queries over the parent no longer see its rows",
        squawk=("require-concurrent-partition-detach", "ban-detach-inheritance"),
    ),
    Rule(
        name="trigger",
        operation="disable or drop a trigger",
        advice="let code stop relying on it first; `sql` with its undo keeps it in the history",
        kinds=("sql",),
        lock=SRX,
        work=Work.CATALOG,
        breaks="what the trigger did is no longer done; a replica role or foreign keys may rely on it",
        squawk=("ban-disable-trigger", "ban-drop-trigger"),
    ),
    Rule(
        name="create_trigger",
        operation="create a trigger",
        advice="test it with the statements of the running release; `sql` with its undo keeps it in the history",
        kinds=("sql",),
        level=Level.WARNING,
        lock=SRX,
        work=Work.CATALOG,
        breaks="what it does or refuses, it does to statements of code that runs as well",
    ),
    Rule(
        name="row_security",
        operation="change row security or a policy",
        advice="test it with the role of the running release; `sql` with its undo keeps it in the history",
        kinds=("sql",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        breaks="rows appear or disappear for code that runs",
        squawk=(
            "ban-alter-row-level-security",
            "ban-create-policy",
            "ban-drop-policy",
            "ban-alter-policy-condition",
            "ban-alter-policy-roles",
        ),
    ),
    Rule(
        name="replica_identity",
        operation="change REPLICA IDENTITY",
        advice="make sure first that every subscriber can find its rows; `sql` with its undo",
        kinds=("sql",),
        level=Level.WARNING,
        lock=AX,
        work=Work.CATALOG,
        breaks="UPDATE and DELETE of published tables fail without an identity",
        squawk=("ban-replica-identity",),
    ),
    # types and other objects
    Rule(
        name="add_enum_value",
        operation="add a value to an enum",
        advice="code that does not know the value must be able to read it; BEFORE or AFTER says where it sorts",
        kinds=("add_enum_value",),
        level=Level.WARNING,
        work=Work.NONE,
        squawk=("ban-add-enum-value", "require-enum-value-ordering"),
    ),
    Rule(
        name="rename_enum_value",
        operation="rename a value of an enum",
        advice="each version has columns of its own enum until contract; or, under the names there are: "
        "add_enum_value, code that reads both values, then remove_enum_value with `replace:`",
        kinds=("rename_enum_value", "add_enum_value", "remove_enum_value"),
        breaks="code that writes or compares the old value fails",
        squawk=("renaming-object",),
    ),
    Rule(
        name="composite_type",
        operation="change the attributes of a composite type",
        advice="make a new type, and change_type the columns that use the old one",
        kinds=("change_type",),
        lock=AX,
        work=Work.REWRITE,
        breaks="code that reads or writes whole values of the type fails",
        squawk=("ban-add-composite-attribute",),
    ),
    Rule(
        name="domain_constraint",
        operation="constrain a domain",
        advice="a check on each column instead: add_check validates without stopping writes",
        kinds=("add_check",),
        lock=SHARE,
        work=Work.SCAN,
        squawk=("ban-create-domain-with-constraint", "ban-alter-domain-with-add-constraint"),
    ),
    Rule(
        name="drop_type",
        operation="drop a type or a domain",
        advice="change_type of every column that uses it first; one value of an enum goes with remove_enum_value",
        kinds=("change_type", "remove_enum_value"),
        breaks="code that casts to it fails",
        squawk=("ban-drop-type", "ban-drop-domain"),
    ),
    Rule(
        name="drop_object",
        operation="drop a view, function, sequence, schema, rule or extension, or all that a role owns",
        advice="when no release uses it: rename it first and wait, or `sql` at contract with its undo",
        kinds=("sql",),
        lock=AX,
        work=Work.CATALOG,
        breaks="code that uses it fails",
        squawk=("ban-drop-view", "ban-drop-function", "ban-drop-sequence", "ban-drop-schema", "ban-drop-extension"),
    ),
    Rule(
        name="replace_code",
        operation="replace or alter a view or a function",
        advice="keep names, types and meaning for code that runs, or give the new one another name",
        level=Level.WARNING,
        breaks="code that runs gets the new meaning at once",
        squawk=("ban-replace-view-function", "ban-alter-view-options", "ban-alter-function-options"),
    ),
    Rule(
        name="rename_object",
        operation="rename a view, function, sequence, type or schema",
        advice="make a second one under the new name, and drop the old one when no release uses it",
        lock=AX,
        work=Work.CATALOG,
        breaks="code that uses the old name fails",
        squawk=("renaming-object",),
    ),
    Rule(
        name="alter_sequence",
        operation="change the values of a sequence",
        advice="setval to a higher value is safe; going back, or a smaller range, makes keys collide or run out",
        level=Level.WARNING,
        breaks="INSERTs may fail with duplicate keys",
        squawk=("ban-alter-sequence-values",),
    ),
    Rule(
        name="alter_settings",
        operation="change options of a role, a database, the system or an extension",
        advice="it is no migration of a schema: do it by hand, and watch",
        level=Level.WARNING,
        breaks="it reaches sessions of every application",
        squawk=(
            "ban-alter-role-options",
            "ban-alter-database-options",
            "ban-alter-system-options",
            "ban-alter-extension",
        ),
    ),
    Rule(
        name="revoke",
        operation="REVOKE",
        advice="when no release needs the privilege; `sql` at contract with its undo",
        kinds=("sql",),
        level=Level.WARNING,
        breaks="code that needs the privilege fails",
        squawk=("ban-revoke",),
    ),
    Rule(
        name="drop_database",
        operation="drop a database",
        advice="it is no migration of a schema: do it by hand, after a backup",
        breaks="everything is gone",
        squawk=("ban-drop-database",),
    ),
    Rule(
        name="refresh_materialized_view",
        operation="REFRESH MATERIALIZED VIEW without CONCURRENTLY",
        advice="CONCURRENTLY, which takes a unique index on the view",
        lock=AX,
        work=Work.REWRITE,
    ),
    Rule(
        name="lock_table",
        operation="LOCK TABLE",
        advice="none of our kinds needs it from you; with lock_timeout, and nothing slow after it in the transaction",
        lock=AX,
        breaks="everybody waits until the transaction ends",
    ),
    # data, and how a migration is written
    Rule(
        name="backfill",
        operation="UPDATE, DELETE or MERGE of a whole table, also in WITH, or after DDL in one transaction",
        advice="a kind with `up:` fills rows in throttled batches that can be resumed",
        kinds=("add_column", "set_not_null"),
        lock=RX,
        work=Work.DATA,
        strong_migrations=("change_column_null",),
        online_migrations=("change_column_null",),
    ),
    Rule(
        name="opaque",
        operation="SQL that is put together as it runs (EXECUTE), or a block in another language",
        advice="nobody can see what it does: write it out, or as kind `sql` with its undo and lock class",
        kinds=("sql",),
        level=Level.WARNING,
        strong_migrations=("execute", "change_table"),
        online_migrations=("execute", "change_table"),
    ),
    Rule(
        name="timeouts",
        operation="a statement that takes a strong lock, without lock_timeout",
        advice="SET lock_timeout before it; `advance` sets and retries it by itself",
        level=Level.WARNING,
        breaks="behind a long transaction it waits, and everybody else behind it",
        squawk=("require-lock-timeout", "require-statement-timeout", "require-timeout-settings"),
    ),
    Rule(
        name="transactions",
        operation="BEGIN without COMMIT, or within a transaction",
        advice="say where the transaction ends; `advance` has one for each step",
        breaks="what was done is rolled back, or commits earlier than it seems",
        squawk=("ban-uncommitted-transaction", "transaction-nesting"),
    ),
    Rule(
        name="robust",
        operation="a statement that cannot be run again after the file broke off",
        advice="one transaction, or IF [NOT] EXISTS; `advance` goes on where it stopped",
        level=Level.WARNING,
        squawk=("prefer-robust-stmts",),
    ),
    Rule(
        name="names",
        operation="a name over 63 bytes, or a table without its schema",
        advice="PostgreSQL cuts a long name without an error; search_path decides which table is meant",
        level=Level.WARNING,
        squawk=("identifier-too-long", "require-table-schema"),
    ),
    Rule(
        name="duplicate_assignment",
        operation="a column assigned twice in one UPDATE or INSERT",
        advice="PostgreSQL refuses it: keep one",
        breaks="the migration fails",
        squawk=("ban-duplicate-column-assignments",),
    ),
    Rule(
        name="unused_ignore",
        operation="a squawk-ignore comment that ignores nothing",
        advice="take it out",
        level=Level.WARNING,
        squawk=("unused-ignore",),
    ),
    Rule(
        name="other",
        operation="what only a newer squawk knows",
        advice="see https://squawkhq.com/docs/rules",
        level=Level.WARNING,
    ),
)

BY_NAME = {rule.name: rule for rule in RULES}


@cache
def by_squawk(name: str) -> tuple[Rule, ...]:
    """Our rules for a rule of squawk; the first is the usual one."""
    return tuple(rule for rule in RULES if name in rule.squawk) or (BY_NAME["other"],)


def page() -> str:
    """The table of docs/refuse-or-do.md."""
    head = (
        "| rule | operation | what PostgreSQL does | strong_migrations | online_migrations | squawk | what we do |",
        "|---|---|---|---|---|---|---|",
    )
    return "\n".join((*head, *map(_row, RULES))) + "\n"


def _row(rule: Rule) -> str:
    work = "" if rule.work is Work.NONE else rule.work.value
    does = ", ".join(part for part in (rule.lock, work, rule.breaks) if part)
    answer = " or ".join(f"`{kind}`" for kind in rule.kinds)
    ours = f"{answer}: {rule.advice}" if answer else f"no kind: {rule.advice}"
    cells = (
        f"`{rule.name}`",
        rule.operation,
        does or "no lock",
        _names(rule.strong_migrations),
        _names(rule.online_migrations),
        _names(rule.squawk),
        ours,
    )
    return "| " + " | ".join(cells) + " |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
