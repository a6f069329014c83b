"""A column's type changes under open sessions, both ways; and what cannot be done is refused by name."""

from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import yaml
from psycopg.sql import SQL

from orchestrator.comparison import verify
from orchestrator.errors import CatalogDrifted, GateClosed, PlanRefused, StepFailed
from orchestrator.planning import preview
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.processes import Orchestrator, Result
from tests.fixtures.runs import Migration, init

INTS: LiteralString = (
    "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT n, n FROM generate_series(1, 9) n"
)
FILES: LiteralString = """
SELECT pg_relation_filenode(oid) FROM pg_class WHERE relname IN ('n', 'n_pkey', 'n_a_key', 'n_a_idx') ORDER BY 1
"""
TO_BIGINT = {"kind": "change_type", "table": "t", "column": "a", "type": "bigint"}
MISSED: LiteralString = (
    "ALTER TABLE t DISABLE TRIGGER USER; UPDATE t SET a = 77 WHERE id = 7; ALTER TABLE t ENABLE TRIGGER USER"
)
TRIGGER: LiteralString = """
CREATE TABLE seen (a text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql COST 7 SET work_mem = '5MB' AS
$$BEGIN IF NEW.a > 0 THEN INSERT INTO seen VALUES (NEW.a); END IF; RETURN NULL; END$$;
CREATE TRIGGER see AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION see()
"""


def migrated(database: Database, folder: Path, *changes: dict[str, str]) -> Migration:
    """A plan of these changes, not yet begun; without any, `a` of `t` becomes bigint."""
    plan = {"name": "retype", "changes": list(changes) or [TO_BIGINT]}
    return Migration.of(yaml.safe_dump(plan, allow_unicode=True), database, folder)


@pytest.fixture
def database(create_database: CreateDatabase) -> Database:
    made = create_database(init)
    made.execute(SQL(INTS))
    return made


@pytest.mark.matrix
def test_open_sessions_go_on_through_the_swap_and_back(database: Database, tmp_path: Path) -> None:
    database.execute(SQL(TRIGGER))
    before = database.dump()
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.BACKFILL)
    with database.connect() as session:

        def write(value: int) -> list[tuple[object, ...]]:
            session.execute("UPDATE t SET a = %s WHERE id = 1", [value], prepare=False)
            session.execute("INSERT INTO t VALUES (%s, %s)", [value, value], prepare=False)
            return session.execute("SELECT count(*) FROM seen", prepare=False).fetchall()

        assert write(101) == [(2,)]
        migration.advance(to=Phase.CONSTRAIN)
        assert write(102) == [(4,)]
        migration.abort()
        assert write(103) == [(6,)]
    assert database.dump() == before
    assert database.fetch("SELECT id, a FROM t WHERE id = 1 OR a > 100 ORDER BY 2") == [
        (101, 101),
        (102, 102),
        (1, 103),
        (103, 103),
    ]


def test_a_value_that_the_old_type_cannot_hold_waits_for_contract(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.CONSTRAIN)
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        database.execute("UPDATE t SET a = 3000000000 WHERE id = 1")
    migration.advance(to=Phase.CONTRACT)
    database.execute("UPDATE t SET a = 3000000000 WHERE id = 1")


def test_an_old_value_that_does_not_survive_is_what_it_was_after_an_abort(database: Database, tmp_path: Path) -> None:
    lossy = {"up": "a / 2", "down": "(a * 2)::int"}
    migration = migrated(database, tmp_path, TO_BIGINT | lossy)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute("UPDATE t SET id = 100 WHERE id = 3; UPDATE t SET a = 50 WHERE id = 4")
    assert [found.differences for found in verify(migration.context, "retype")] == [0]
    migration.abort()
    assert database.fetch("SELECT id, a FROM t WHERE id IN (5, 100, 4) ORDER BY 1") == [(4, 100), (5, 5), (100, 3)]


def test_contract_does_not_begin_while_a_row_differs_after_the_swap(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute(SQL(MISSED))
    with pytest.raises(StepFailed, match="differ"):
        migration.advance(to=Phase.CONTRACT)


def test_what_a_disabled_trigger_missed_after_the_backfill_is_in_both_columns_at_the_swap(
    database: Database, tmp_path: Path
) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.BACKFILL)
    database.execute(SQL(MISSED))
    migration.advance(to=Phase.CONSTRAIN)
    assert database.fetch("SELECT a FROM t WHERE id = 7") == [(77,)]
    migration.abort()
    assert database.fetch("SELECT a FROM t WHERE id = 7") == [(77,)]


def old_snapshot(session: psycopg.Connection[Any]) -> int:
    """Takes a snapshot that stays until the session commits, and returns its pid. No table of ours is touched."""
    session.autocommit = False
    session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    session.execute("SELECT")
    return session.info.backend_pid


@pytest.mark.matrix
def test_names_are_not_exchanged_while_a_snapshot_sees_the_new_column_empty(
    database: Database, tmp_path: Path, orchestrator: Orchestrator
) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.DUAL_WRITE)

    def constrain() -> Result:
        return orchestrator(
            "--plans",
            str(tmp_path),
            "--lock-budget-s",
            "0.1",
            "advance",
            "retype",
            "--to",
            "constrain",
            database=database,
        )

    with database.connect() as session:
        pid = old_snapshot(session)
        said = constrain()
        assert (said.exit_code, f"pid {pid} (" in said.stderr) == (5, True), said.stderr
        assert session.execute("SELECT a FROM t WHERE id = 7").fetchall() == [(7,)]
        session.commit()
        # what was written between two tries is compared once more
        database.execute(SQL(MISSED))
        assert constrain().exit_code == 0
        assert session.execute("SELECT a FROM t WHERE id = 7").fetchall() == [(77,)]


def test_an_abort_after_the_swap_wants_the_trigger_to_be_there(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute("ALTER TABLE t DISABLE TRIGGER USER")
    with pytest.raises(StepFailed, match="is gone or disabled"):
        migration.abort()


def test_an_abort_after_the_swap_gives_nobody_a_row_that_the_trigger_missed(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute(SQL(MISSED))
    with pytest.raises(StepFailed, match="rows of t that differ: there are some\n  row id=7"):
        migration.abort(confirm_loss=True)
    # any write of the row brings its columns together
    database.execute("UPDATE t SET id = id WHERE id = 7")
    migration.abort()
    assert database.fetch("SELECT a FROM t WHERE id = 7") == [(77,)]


@pytest.mark.matrix
def test_an_abort_asks_before_it_cuts_what_newer_code_wrote(create_database: CreateDatabase, tmp_path: Path) -> None:
    database = create_database(init)
    database.execute("CREATE TABLE t (id int PRIMARY KEY, a numeric(10, 2)); INSERT INTO t VALUES (1, 1.25), (2, 2)")
    migration = migrated(database, tmp_path, TO_BIGINT | {"type": "numeric(12, 4)"})
    migration.advance(to=Phase.CONSTRAIN)
    database.execute("UPDATE t SET a = 3.5 WHERE id = 1; UPDATE t SET a = 1.2345 WHERE id = 2")
    with pytest.raises(GateClosed, match=r"swap a back: 1 values of public\.t\.a"):
        migration.abort()
    assert database.fetch("SELECT a FROM t WHERE id = 2") == [(Decimal("1.2345"),)]
    migration.abort(confirm_loss=True)
    assert database.fetch("SELECT a FROM t ORDER BY id") == [(Decimal("3.50"),), (Decimal("1.23"),)]


@pytest.mark.parametrize("action", ["ON DELETE SET DEFAULT", "ON UPDATE SET DEFAULT"])
def test_a_foreign_key_that_sets_a_default_is_refused(
    create_database: CreateDatabase, tmp_path: Path, action: LiteralString
) -> None:
    database = create_database(init)
    database.execute(f"CREATE TABLE o (id int PRIMARY KEY); CREATE TABLE t (a int DEFAULT 1 REFERENCES o {action})")
    for change in (TO_BIGINT, {"kind": "rename_column", "table": "t", "from": "a", "to": "b"}):
        with pytest.raises(PlanRefused, match=r'"t_a_fkey" of "public\.t" sets a default'):
            preview(migrated(database, tmp_path, change).context, "retype")


def test_what_is_made_on_the_column_after_the_swap_stays(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute("CREATE INDEX later ON t (a)")
    migration.advance(to=Phase.CONTRACT)
    assert database.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1") == [
        ("later",),
        ("t_pkey",),
    ]


def test_a_view_on_the_old_column_stops_contract_before_it_drops_anything(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path)
    migration.advance(to=Phase.BACKFILL)
    database.execute("CREATE VIEW v AS SELECT a FROM t")
    with pytest.raises(CatalogDrifted, match=r'view "public\.v" names column "a"'):
        migration.advance(to=Phase.CONSTRAIN)
    database.execute("DROP VIEW v")
    migration.advance(to=Phase.CONSTRAIN)
    shadow = next(
        name
        for (name,) in database.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass")
        if name.startswith("a_retyped")
    )
    database.execute(SQL("CREATE VIEW v AS SELECT {} FROM t").format(psycopg.sql.Identifier(shadow)))
    with pytest.raises(CatalogDrifted, match=rf'view "public\.v" names column "{shadow}"'):
        migration.advance(to=Phase.CONTRACT)


@pytest.mark.matrix
def test_a_type_that_can_be_changed_where_it_stands_is(database: Database, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE n (id int PRIMARY KEY, a varchar(9) NOT NULL UNIQUE); CREATE INDEX ON n (a text_pattern_ops);"
        "INSERT INTO n SELECT n, n FROM generate_series(1, 99) n"
    )
    before, dump = database.fetch(SQL(FILES)), database.dump()
    change = {"kind": "change_type", "table": "n", "column": "a", "type": "varchar(40)"}
    migration = migrated(database, tmp_path, change)
    migration.advance(to=Phase.CONSTRAIN)
    assert database.fetch(SQL(FILES)) == before
    assert database.fetch("SELECT count(*) FROM pg_stats WHERE tablename = 'n' AND attname = 'a'") == [(1,)]
    assert migration.advance(to=Phase.CONTRACT).status == "complete"
    assert dump.replace("(9)", "(40)") == database.dump()


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE n (a varchar(9) CHECK (a <> ''))",
        "CREATE TABLE n (a varchar(9)); CREATE INDEX ON n (lower(a))",
        "CREATE TABLE m (a varchar(9) PRIMARY KEY); CREATE TABLE n (a varchar(9) REFERENCES m)",
    ],
    ids=["a valid check is tested again", "an index on an expression is built again", "a foreign key is not tried"],
)
def test_what_would_read_the_table_under_lock_is_done_beside_it(
    schema: LiteralString, database: Database, tmp_path: Path
) -> None:
    database.execute(SQL(schema))
    change = {"kind": "change_type", "table": "n", "column": "a", "type": "varchar(40)"}
    _, program, _ = preview(migrated(database, tmp_path, change).context, "retype")
    assert any("swap a and" in placed.step.title for placed in program.of(Phase.CONSTRAIN))


REFUSED: list[tuple[LiteralString, dict[str, str], str, str]] = [
    ("", {"type": "integer"}, 'column "a" of "public.t" has type integer already', "leave the change out"),
    ("", {"type": "bigimt"}, 'column "a" cannot be of type bigimt: type "bigimt" does not exist', "a type that"),
    (
        "CREATE DOMAIN d AS bigint NOT NULL",
        {"type": "d"},
        'column "a" of "public.t" cannot become one of domain public.d, which has constraints',
        "take the domain's base type, with a check",
    ),
    ("", {"type": "date"}, '"a" cannot be cast from and to date: cannot cast type integer to date', 'give "up"'),
    (
        "ALTER TABLE t ADD b timestamp",
        {"column": "b", "type": "timestamptz"},
        'a cast of "b" from and to timestamptz is not immutable',
        "AT TIME ZONE 'UTC'",
    ),
    (
        "CREATE TYPE e AS ENUM ('x'); ALTER TABLE t ADD b text",
        {"column": "b", "type": "e[]"},
        'a cast of "b" from and to e[] is not immutable',
        "functions of yours that do the cast and are IMMUTABLE",
    ),
    (
        "ALTER TABLE t ADD b text CHECK (b IN ('x', 'y')); CREATE TYPE e AS ENUM ('x', 'y')",
        {"column": "b", "type": "e"},
        'constraint "t_b_check" of "public.t" does not go with the new type: operator does not exist',
        "drop it first",
    ),
    (
        "CREATE INDEX by_a ON t ((a % 3))",
        {"type": "text", "up": "a::text", "down": "a::int"},
        'index "by_a" of "public.t" does not go with the new type: operator does not exist',
        "drop it first",
    ),
    (
        "ALTER TABLE t ADD UNIQUE (a); CREATE TABLE u (a int REFERENCES t (a))",
        {"type": "text"},
        'foreign key "u_a_fkey" of "public.u" does not go with the new type: foreign key constraint',
        "drop_constraint in a plan before",
    ),
    (
        "ALTER TABLE t ALTER a SET NOT NULL, ALTER a ADD GENERATED ALWAYS AS IDENTITY",
        {"type": "numeric"},
        'identity column "a" of "public.t" cannot be of type numeric',
        "drop the identity first",
    ),
    (
        "ALTER TABLE t ALTER a SET DEFAULT 7",
        {"type": "point", "up": "point(a, a)", "down": "a[0]::int"},
        'default of "a" of "public.t" does not go with the new type: cannot cast type integer to point',
        "drop it first",
    ),
    ("CREATE VIEW v AS SELECT a FROM t", {}, 'view "public.v" names column "a" of "public.t"', "drop the view"),
    ("", {"up": "a + random()::int"}, '"a + random()::int" is not immutable', "name what it depends on"),
    ("", {"up": "b"}, '"b" cannot be "up" of "a": column "b" does not exist', "an expression over one row"),
    ("", {"down": "1; DROP TABLE t"}, '"1; DROP TABLE t" cannot be "down" of "a": syntax error', "over one row"),
]


@pytest.mark.parametrize(("schema", "change", "reason", "advice"), REFUSED, ids=lambda each: str(each)[:40])
def test_what_cannot_be_done_is_refused_with_advice(
    schema: LiteralString, change: dict[str, str], reason: str, advice: str, database: Database, tmp_path: Path
) -> None:
    if schema:
        database.execute(SQL(schema))
    with pytest.raises(PlanRefused) as caught:
        preview(migrated(database, tmp_path, TO_BIGINT | change).context, "retype")
    told = [(why, what) for why, what in caught.value.refusals if reason in why]
    assert told, caught.value
    assert advice in told[0][1]


def test_a_plan_that_renames_beside_a_swap_is_refused(database: Database, tmp_path: Path) -> None:
    rename = {"kind": "rename_column", "table": "t", "from": "id", "to": "key"}
    with pytest.raises(PlanRefused, match=r'"a" keeps its name and "id" of "public\.t" does not'):
        preview(migrated(database, tmp_path, TO_BIGINT, rename).context, "retype")


@pytest.mark.matrix
def test_another_name_leaves_both_columns_until_contract(database: Database, tmp_path: Path) -> None:
    database.execute("ALTER TABLE t ALTER a SET DEFAULT 5; CREATE INDEX t_a_idx ON t (a)")
    before = database.dump()
    migration = migrated(database, tmp_path, TO_BIGINT | {"to": 'we"ird%1', "up": "a * 10", "down": '"we""ird%1" / 10'})
    migration.advance(to=Phase.CONSTRAIN)
    database.execute('INSERT INTO t (id, a) VALUES (20, 7); INSERT INTO t (id, "we""ird%1") VALUES (21, 85)')
    found = database.fetch('SELECT id, a, "we""ird%1" FROM t WHERE id >= 9 ORDER BY id')
    assert found == [(9, 9, 90), (20, 7, 70), (21, 8, 85)]
    with pytest.raises(GateClosed, match=r"1 values of public\.t"):
        migration.abort()
    migration.abort(confirm_loss=True)
    assert database.dump() == before
    migration.advance(to=Phase.CONTRACT)
    assert database.fetch('SELECT "we""ird%1" FROM t WHERE id IN (9, 21) ORDER BY id') == [(90,), (80,)]
    assert '"t_we""ird%1_idx" ON public.t USING btree ("we""ird%1")' in database.dump()


@pytest.mark.matrix
def test_several_columns_under_names_that_want_quoting_are_swapped_at_once(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database = create_database(init)
    long = "é" * 31 + "x"
    database.execute(
        SQL(
            'CREATE SCHEMA "sche""ma"; CREATE TABLE "sche""ma"."we""ird%1" ("order" serial, {long} int DEFAULT 4,'
            ' PRIMARY KEY ("order", {long}), CHECK ({long} < "order" + 100));'
            'INSERT INTO "sche""ma"."we""ird%1" SELECT FROM generate_series(1, 9)'
        ).format(long=psycopg.sql.Identifier(long))
    )
    before = database.dump()
    changes = [
        {"kind": "change_type", "table": '"sche""ma"."we""ird%1"', "column": name, "type": "bigint"}
        for name in ("order", long)
    ]
    migration = migrated(database, tmp_path, *changes)
    migration.advance(to=Phase.CONSTRAIN)
    migration.abort()
    assert database.dump() == before
    migration.advance(to=Phase.CONTRACT)
    database.execute('INSERT INTO "sche""ma"."we""ird%1" DEFAULT VALUES')
    assert database.fetch('SELECT max("order") FROM "sche""ma"."we""ird%1"') == [(10,)]
    assert database.dump().count("bigint") == 2
