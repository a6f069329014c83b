"""Columns move from partitioned tables, to them, and both, while rows move from partition to partition."""

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from orchestrator.dry_run import check_data
from orchestrator.errors import NotVerified, PlanRefused, StepFailed
from orchestrator.plan import parse
from orchestrator.planning import make_program
from phases.step import Phase, Statement
from tests.fixtures.database import CreateDatabase, CreateRole, Database
from tests.fixtures.locks import at_work, holding, waiting_for_locks
from tests.fixtures.runs import Migration, context_of, init
from tests.fixtures.waiting import wait_until

SOURCE_IN_PARTS: LiteralString = """
CREATE TABLE users (region text, id int, city text, bio text, face text, PRIMARY KEY (region, id))
  PARTITION BY LIST (region);
CREATE TABLE users_eu PARTITION OF users FOR VALUES IN ('eu');
CREATE TABLE users_far PARTITION OF users FOR VALUES IN ('us', 'asia') PARTITION BY HASH (id);
CREATE TABLE users_far_0 PARTITION OF users_far FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE users_far_1 PARTITION OF users_far FOR VALUES WITH (MODULUS 2, REMAINDER 1);
"""
SOURCE: LiteralString = """
CREATE TABLE users (region text, id int, city text, bio text, face text, PRIMARY KEY (region, id));
"""
ROWS: LiteralString = """
INSERT INTO users VALUES ('eu', 1, 'Ulm', 'one', 'f1'), ('us', 2, 'Ulm', NULL, NULL), ('us', 3, 'Ulm', 'three', NULL);
"""
TARGET: LiteralString = """
CREATE TABLE profiles (user_id int, region text, theme text, PRIMARY KEY (user_id, region));
"""
TARGET_IN_PARTS: LiteralString = """
CREATE TABLE profiles (user_id int, region text, theme text, PRIMARY KEY (user_id, region)) PARTITION BY LIST (region);
CREATE TABLE profiles_eu PARTITION OF profiles FOR VALUES IN ('eu');
CREATE TABLE profiles_rest PARTITION OF profiles DEFAULT;
"""
AUDITED: LiteralString = """
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER audit AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION audit();
"""
ROWS_THERE: LiteralString = "INSERT INTO profiles SELECT id, region, 'dark' FROM users;"
KINDS: dict[str, LiteralString] = {
    "extract": SOURCE_IN_PARTS + ROWS,
    "from": SOURCE_IN_PARTS + TARGET + ROWS + ROWS_THERE,
    "to": SOURCE + TARGET_IN_PARTS + ROWS + ROWS_THERE,
    "between": SOURCE_IN_PARTS + TARGET_IN_PARTS + ROWS + ROWS_THERE,
}
Rows = list[tuple[object, ...]]
ONE, TWO, THREE = ("eu", 1, "one", "f1"), ("us", 2, None, None), ("us", 3, "three", None)
FIVE = ("asia", 5, "five", None)


def plan(way: str, more: str = "") -> str:
    kind = "extract_table" if way == "extract" else "move_column"
    key = "{region: region, id: user_id}"
    change = f"kind: {kind}, table: users, columns: [bio, face], to: profiles, key: {key}{more}"
    return f"name: move\nchanges:\n  - {{{change}}}\n"


@pytest.fixture(params=KINDS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def moved(create_database: CreateDatabase, folder: Path, way: str, to: Phase) -> tuple[Database, Migration]:
    database = create_database(init)
    database.execute(SQL(KINDS[way]))
    migration = Migration.of(plan(way), database, folder / "plans")
    migration.advance(to)
    return database, migration


def both(database: Database | psycopg.Connection[tuple[object, ...]]) -> tuple[Rows, Rows]:
    """Rows with values, by either table."""
    found = []
    for key, table in (("id", "users"), ("user_id", "profiles")):
        query = SQL("SELECT region, {}, bio, face FROM {} WHERE num_nonnulls(bio, face) > 0 ORDER BY 2")
        sql = query.format(Identifier(key), Identifier(table))
        rows = database.fetch(sql) if isinstance(database, Database) else database.execute(sql).fetchall()
        found.append([tuple(row) for row in rows])
    return found[0], found[1]


# what becomes of the one in Europe and of the one in the States that has a value
LIVES: dict[LiteralString, Rows] = {
    "UPDATE users SET bio = 'new' WHERE id = 1": [("eu", 1, "new", "f1"), THREE],
    "UPDATE profiles SET bio = 'new' WHERE user_id = 1": [("eu", 1, "new", "f1"), THREE],
    "UPDATE users SET bio = NULL, face = NULL WHERE id = 1": [THREE],
    "UPDATE profiles SET bio = NULL WHERE user_id = 3": [ONE],
    # to another partition, whichever table first
    "UPDATE users SET region = 'asia', bio = 'new' WHERE id = 1;"
    "UPDATE profiles SET region = 'asia' WHERE user_id = 1": [("asia", 1, "new", "f1"), THREE],
    "UPDATE users SET region = 'asia', bio = NULL WHERE id = 1;UPDATE profiles SET region = 'asia' WHERE user_id = 1": [
        ("asia", 1, None, "f1"),
        THREE,
    ],
    "UPDATE users SET region = 'asia' WHERE id = 1;UPDATE profiles SET region = 'asia', bio = NULL WHERE user_id = 1": [
        ("asia", 1, None, "f1"),
        THREE,
    ],
    "UPDATE users SET region = 'asia' WHERE id = 1;"
    "UPDATE profiles SET region = 'asia', bio = NULL, face = NULL WHERE user_id = 1": [THREE],
    "UPDATE profiles SET region = 'asia' WHERE user_id = 1;UPDATE users SET region = 'asia', face = 'x' WHERE id = 1": [
        ("asia", 1, "one", "x"),
        THREE,
    ],
    "UPDATE users SET region = 'asia', bio = bio || '!'; UPDATE profiles SET region = 'asia'": [
        ("asia", 1, "one!", "f1"),
        ("asia", 3, "three!", None),
    ],
    # older code, then newer code, in either order
    "INSERT INTO users VALUES ('asia', 5, 'Ulm', 'five');"
    "INSERT INTO profiles (user_id, region) VALUES (5, 'asia') ON CONFLICT DO NOTHING": [ONE, THREE, FIVE],
    "INSERT INTO users VALUES ('asia', 5);INSERT INTO profiles (user_id, region, bio) VALUES (5, 'asia', 'five')": [
        ONE,
        THREE,
        FIVE,
    ],
    "INSERT INTO profiles (user_id, region, bio) VALUES (5, 'asia', 'five');INSERT INTO users VALUES ('asia', 5)": [
        ONE,
        THREE,
        FIVE,
    ],
}


# nobody can say which value is the later one: what each table has then
APART: list[tuple[LiteralString, str, str]] = [
    (
        "UPDATE profiles SET region = 'asia', bio = 'new' WHERE user_id = 1;"
        "UPDATE users SET region = 'asia' WHERE id = 1",
        "one",
        "new",
    ),
    (
        "UPDATE profiles SET region = 'asia' WHERE user_id = 1; UPDATE users SET bio = 'late' WHERE id = 1;"
        "UPDATE users SET region = 'asia' WHERE id = 1",
        "late",
        "one",
    ),
]


@pytest.mark.matrix
def test_each_table_follows_the_other_wherever_its_rows_go(
    create_database: CreateDatabase, tmp_path: Path, way: str
) -> None:
    database, _ = moved(create_database, tmp_path, way, Phase.CONSTRAIN)
    with database.connect(autocommit=False) as connection:
        for statement, expected in LIVES.items():
            connection.execute(statement)
            assert both(connection) == (expected, expected), statement
            connection.rollback()
        for statement, here, there in APART:
            connection.execute(statement)
            alike = way == "extract" and there == "new"
            assert both(connection)[0] == [("asia", 1, "new" if alike else here, "f1"), THREE], statement
            assert both(connection)[1] == [("asia", 1, there, "f1"), THREE], statement
            connection.rollback()
        if way == "extract":
            connection.execute("DELETE FROM users WHERE id = 1; UPDATE users SET region = 'eu', id = 1 WHERE id = 3")
            assert both(connection) == ([("eu", 1, "three", None)], [("eu", 1, "three", None)])
            connection.rollback()
        if way != "to":
            connection.execute("UPDATE users_eu SET bio = 'by its name'; INSERT INTO users_eu VALUES ('eu', 5, 'Ulm')")
            assert both(connection)[1] == [("eu", 1, "by its name", "f1"), THREE]


def test_what_newer_code_writes_while_its_row_moves_away_moves_along(
    create_database: CreateDatabase, tmp_path: Path, way: str
) -> None:
    database, _ = moved(create_database, tmp_path, way, Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    stays = SQL("UPDATE {} SET bio = 'stays' WHERE id = 1").format(Identifier("users" if way == "to" else "users_eu"))
    moves: LiteralString = """
        BEGIN; UPDATE users SET region = 'us', face = 'moves' WHERE id = 1;
        UPDATE profiles SET region = 'us' WHERE user_id = 1; COMMIT
    """
    for older, expected in ((stays, ("eu", 1, "stays", "f1")), (moves, ("us", 1, "newer", "moves"))):
        database.execute("UPDATE users SET bio = 'once' WHERE id = 1")
        # newer code is first in the queue for the row there; by the time it has that, older code has the row here
        with (
            holding(database, "SELECT FROM profiles WHERE user_id = 1 FOR UPDATE") as gate,
            at_work(database, "UPDATE profiles SET bio = 'newer' WHERE user_id = 1", failures),
        ):
            wait_until(lambda: waiting_for_locks(database) == 1, what="newer code waits")
            with at_work(database, older, failures):
                wait_until(lambda: waiting_for_locks(database) == 2, what="older code waits as well")
                gate.rollback()
        assert failures == []
        assert both(database) == ([expected, THREE], [expected, THREE])


def test_newer_code_does_not_fail_for_a_row_that_has_just_moved_away(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, _ = moved(create_database, tmp_path, "extract", Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    newer: LiteralString = "INSERT INTO profiles (user_id, region, bio) VALUES (2, 'us', 'two')"
    with holding(database, "UPDATE users SET region = 'eu' WHERE id = 2") as older, at_work(database, newer, failures):
        wait_until(lambda: waiting_for_locks(database) == 1, what="newer code waits")
        older.commit()
    assert failures == []
    assert both(database) == ([ONE, THREE], [ONE, ("us", 2, "two", None), THREE])


@pytest.mark.parametrize("way", ["to", "between"])
def test_older_code_does_not_fail_for_a_row_that_newer_code_has_just_moved(
    create_database: CreateDatabase, tmp_path: Path, way: str
) -> None:
    database, _ = moved(create_database, tmp_path, way, Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    moves: LiteralString = "UPDATE profiles SET region = 'us', bio = 'newer' WHERE user_id = 1"
    follows: LiteralString = "UPDATE users SET face = 'older' WHERE id = 1; UPDATE users SET region = 'us' WHERE id = 1"
    with holding(database, moves) as newer, at_work(database, follows, failures):
        wait_until(lambda: waiting_for_locks(database) == 1, what="older code waits")
        newer.commit()
    assert failures == []
    assert both(database) == ([("us", 1, "one", "older"), THREE], [("us", 1, "newer", "f1"), THREE])


def test_triggers_of_ours_are_not_taken_for_the_applications_own(
    create_database: CreateDatabase, tmp_path: Path, application_role: CreateRole
) -> None:
    """They have no search_path where the application's had none, and would count as the reason of their own."""
    database = create_database(init)
    database.execute(SQL(KINDS["between"] + AUDITED))
    migration = Migration.of(plan("between"), database, tmp_path / "plans")
    migration.advance(Phase.DUAL_WRITE)
    reader = Identifier(application_role().name)
    database.execute(SQL("DROP TRIGGER audit ON users; GRANT UPDATE ON users, profiles TO {}").format(reader))
    migration.advance(Phase.BACKFILL)


LATE: LiteralString = """
CREATE TABLE users_late (id int NOT NULL, face text, bio text, city text, region text NOT NULL);
INSERT INTO users_late VALUES (7, 'f7', 'seven', 'Ulm', 'late');
"""
ATTACH: LiteralString = "ALTER TABLE users ATTACH PARTITION users_late FOR VALUES IN ('late')"
SEVEN = ("late", 7, "seven", "f7")


@pytest.mark.parametrize("way", ["extract", "between"])
@pytest.mark.parametrize("phase", [Phase.BACKFILL, Phase.CONTRACT])
def test_rows_that_an_attached_partition_brings_along_are_carried_over(
    create_database: CreateDatabase, tmp_path: Path, way: str, phase: Phase
) -> None:
    before = Phase.CONSTRAIN if phase is Phase.CONTRACT else phase
    database, migration = moved(create_database, tmp_path, way, before)
    if way == "between":
        database.execute("INSERT INTO profiles (user_id, region) VALUES (7, 'late')")
    database.execute(LATE)
    if phase is Phase.CONTRACT:
        with pytest.raises(NotVerified, match="1 rows differ\n  region='late', id=7"):
            migration.meddling("drop bio", lambda: database.execute(ATTACH)).advance(Phase.CONTRACT)
    else:
        database.execute(ATTACH)
    migration.advance(Phase.CONTRACT)
    rows = database.fetch("SELECT region, user_id, bio, face FROM profiles WHERE user_id = 7")
    assert [tuple(row) for row in rows] == [SEVEN]


@pytest.mark.parametrize("way", ["extract", "from", "between"])
def test_what_newer_code_has_written_there_is_not_replaced_by_what_a_partition_brings_along(
    create_database: CreateDatabase, tmp_path: Path, way: str
) -> None:
    database, migration = moved(create_database, tmp_path, way, Phase.CONSTRAIN)
    database.execute("INSERT INTO profiles (user_id, region, bio) VALUES (7, 'late', 'newer')")
    database.execute(LATE)
    database.execute(ATTACH)
    with pytest.raises(NotVerified, match="1 rows differ\n  region='late', id=7"):
        migration.advance(Phase.CONTRACT)
    assert database.fetch("SELECT bio FROM profiles WHERE user_id = 7") == [("newer",)]


def test_contract_names_values_that_a_partition_does_not_bring_along_to_the_table_they_move_to(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, "to", Phase.CONSTRAIN)
    database.execute("ALTER TABLE profiles DETACH PARTITION profiles_eu")
    database.execute("UPDATE profiles_eu SET bio = NULL, face = NULL")
    database.execute("ALTER TABLE profiles ATTACH PARTITION profiles_eu FOR VALUES IN ('eu')")
    with pytest.raises(NotVerified, match="1 rows differ\n  region='eu', id=1"):
        migration.advance(Phase.CONTRACT)
    database.execute("UPDATE users SET bio = bio")
    migration.advance(Phase.CONTRACT)
    rows = database.fetch("SELECT region, user_id, bio, face FROM profiles WHERE user_id = 1")
    assert [tuple(row) for row in rows] == [ONE]


COME: LiteralString = """
CREATE TABLE users_x PARTITION OF users FOR VALUES IN ('x');
UPDATE users SET region = 'eu' WHERE id = 3; UPDATE users SET bio = 'new' WHERE id = 1
"""
OFF: LiteralString = """
ALTER TABLE users_eu DISABLE TRIGGER USER; UPDATE users SET bio = 'behind' WHERE id = 1;
ALTER TABLE users_eu ENABLE TRIGGER USER
"""


@pytest.mark.matrix
def test_between_look_and_drop_partitions_may_come_and_rows_move_but_no_trigger_of_theirs_may_be_off(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, "extract", Phase.CONSTRAIN)
    with pytest.raises(StepFailed, match="something was written since the tables were compared that only users has"):
        migration.meddling("drop bio", lambda: database.execute(OFF)).advance(Phase.CONTRACT)
    database.execute("UPDATE users SET bio = 'right' WHERE id = 1")
    migration.meddling("drop bio", lambda: database.execute(COME)).advance(Phase.CONTRACT)
    rows = database.fetch("SELECT region, user_id, bio FROM profiles ORDER BY 2")
    assert [tuple(row) for row in rows] == [("eu", 1, "new"), ("eu", 3, "three")]


def test_who_writes_a_partition_by_its_name_needs_no_right_on_the_other_table_even_while_it_is_detached(
    create_database: CreateDatabase, tmp_path: Path, application_role: CreateRole
) -> None:
    web = application_role()
    database, _ = moved(create_database, tmp_path, "extract", Phase.CONSTRAIN)
    database.execute(SQL("GRANT SELECT, INSERT ON users_eu TO {}").format(Identifier(web.name)))
    by_name: LiteralString = "INSERT INTO users_eu VALUES ('eu', {0}, 'Ulm', 'by its name')"
    with psycopg.connect(web.dsn(database)) as connection:
        connection.execute(SQL(by_name).format(8))
    assert both(database)[1] == [ONE, THREE, ("eu", 8, "by its name", None)]
    failures: list[psycopg.Error] = []
    detach: LiteralString = "ALTER TABLE users DETACH PARTITION users_eu CONCURRENTLY"
    pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
    with holding(database, "SELECT FROM users") as reader, at_work(database, detach, failures):
        wait_until(lambda: database.fetch(pending) == [(1,)], what="it is being detached")
        with psycopg.connect(web.dsn(database)) as connection:
            connection.execute(SQL(by_name).format(9))
        reader.rollback()
    assert failures == []


@pytest.mark.matrix
def test_a_foreign_key_to_a_partitioned_table_lets_its_rows_move(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database = create_database(init)
    database.execute(SQL(KINDS["extract"]))
    before = database.dump()
    migration = Migration.of(plan("extract", ", foreign_key: {on_delete: cascade}"), database, tmp_path / "plans")
    migration.advance(Phase.CONSTRAIN)
    database.execute("UPDATE users SET region = 'us' WHERE id = 1; DELETE FROM users WHERE id = 3")
    assert both(database) == ([("us", 1, "one", "f1")], [("us", 1, "one", "f1")])
    migration.abort()
    assert database.dump() == before


@pytest.mark.parametrize(
    ("way", "statement", "message"),
    [
        (
            "to",
            "ALTER TABLE users ADD UNIQUE (bio)",
            'unique constraint "users_bio_key" of "public.users" would have to come along to "public.profiles", which',
        ),
        (
            "between",
            "GRANT TRIGGER, INSERT ON users_eu TO {}",
            'may create triggers on partition "public"."users_eu"',
        ),
        ("between", "GRANT TRIGGER, INSERT ON users_eu TO {}", "may write one of the tables, and not all"),
        (
            "extract",
            "CREATE TABLE own (LIKE users, CHECK (bio <> '')); "
            "ALTER TABLE users ATTACH PARTITION own FOR VALUES IN ('own')",
            'partition "public.own" has constraint "own_bio_check" of its own',
        ),
    ],
)
def test_what_partitions_stand_against_is_refused(
    create_database: CreateDatabase, application_role: CreateRole, way: str, statement: LiteralString, message: str
) -> None:
    database = create_database()
    database.execute(SQL(KINDS[way]))
    database.execute(SQL(statement).format(Identifier(application_role().name)))
    with pytest.raises(PlanRefused, match=message):
        make_program(context_of(database), parse(plan(way), "plan"))


def test_all_partitions_of_either_table_are_locked(create_database: CreateDatabase) -> None:
    database = create_database()
    database.execute(SQL(KINDS["between"]))
    program, catalog = make_program(context_of(database), parse(plan("between"), "plan"))
    assert [each for each in check_data(context_of(database), program, catalog) if not each.silent] == []
    steps = [each for placed in program.steps for each in (placed.step, *placed.step.undo)]
    assert {lock.reach for step in steps for lock in step.locks} == {"tree"}
    [drop] = [step for step in steps if isinstance(step, Statement) and step.title.startswith("drop bio, face, the tr")]
    assert [sql.startswith("DO") for sql in drop.sql[:2]] == [True, True]


def test_a_key_without_the_partition_key_is_refused(create_database: CreateDatabase) -> None:
    database = create_database()
    database.execute(SQL(KINDS["extract"]))
    text = plan("extract").replace("region: region, ", "")
    with pytest.raises(PlanRefused, match=r'"id" is no key of "public.users" without "region", by which it is part'):
        make_program(context_of(database), parse(text, "plan"))
