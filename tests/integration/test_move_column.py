"""Columns follow each other between two tables of the application's own, of which neither gets or loses a row."""

from pathlib import Path
from typing import LiteralString

import pytest
from psycopg.sql import SQL

from orchestrator.dry_run import check_data
from orchestrator.errors import NotVerified, PlanRefused, StepFailed
from orchestrator.plan import parse
from orchestrator.planning import make_program
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import holding
from tests.fixtures.runs import Migration, context_of, init
from tests.fixtures.shops import NAME, WIDE, WIDE_ROWS, OpenShop

PLAN = """
name: move
changes:
  - kind: move_column
    table: users
    columns: [bio, face]
    to: profiles
    key: {id: user_id}
"""
TABLES: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY, city text, bio text, face text);
CREATE TABLE profiles (user_id int PRIMARY KEY, theme text);
INSERT INTO users VALUES (1, 'Ulm', 'one', 'f1'), (2, 'Ulm', NULL, NULL), (3, 'Ulm', 'three', NULL);
INSERT INTO profiles VALUES (1, 'dark'), (2, 'dark'), (3, 'dark');
"""
SHOP_PLAN = f"""
name: {NAME}
changes:
  - kind: move_column
    table: users
    columns: [email]
    to: mails
    key: {{id: user_id}}
"""
MAILS: LiteralString = "CREATE TABLE mails (user_id int PRIMARY KEY); INSERT INTO mails SELECT id FROM users;"
Rows = list[tuple[object, ...]]
ONE, TWO, THREE = (1, "one", "f1"), (2, None, None), (3, "three", None)


def moved(
    create_database: CreateDatabase, folder: Path, to: Phase, tables: LiteralString = TABLES
) -> tuple[Database, Migration]:
    database = create_database(init)
    database.execute(SQL(tables))
    migration = Migration.of(PLAN, database, folder / "plans")
    migration.advance(to)
    return database, migration


def users(database: Database) -> Rows:
    return [tuple(row) for row in database.fetch("SELECT id, bio, face FROM users ORDER BY id")]


def profiles(database: Database) -> Rows:
    return [tuple(row) for row in database.fetch("SELECT user_id, bio, face FROM profiles ORDER BY user_id")]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("statement", "expected_users", "expected_profiles"),
    [
        (
            "UPDATE users SET bio = 'new' WHERE id = 1",
            [(1, "new", "f1"), TWO, THREE],
            [(1, "new", "f1"), TWO, THREE],
        ),
        (
            "UPDATE profiles SET bio = 'new' WHERE user_id = 1",
            [(1, "new", "f1"), TWO, THREE],
            [(1, "new", "f1"), TWO, THREE],
        ),
        ("UPDATE profiles SET theme = 'light'", [ONE, TWO, THREE], [ONE, TWO, THREE]),
        ("UPDATE users SET bio = NULL WHERE id = 3", [ONE, TWO, (3, None, None)], [ONE, TWO, (3, None, None)]),
        ("UPDATE profiles SET bio = NULL WHERE user_id = 3", [ONE, TWO, (3, None, None)], [ONE, TWO, (3, None, None)]),
        # newer code, in either order
        (
            "INSERT INTO users VALUES (4); INSERT INTO profiles VALUES (4, 'dark', 'x')",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, TWO, THREE, (4, "x", None)],
        ),
        (
            "INSERT INTO profiles VALUES (4, 'dark', 'x'); INSERT INTO users VALUES (4)",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, TWO, THREE, (4, "x", None)],
        ),
        # older code, in either order
        (
            "INSERT INTO users VALUES (4, 'Ulm', 'x'); INSERT INTO profiles (user_id) VALUES (4)",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, TWO, THREE, (4, "x", None)],
        ),
        (
            "INSERT INTO profiles (user_id) VALUES (4); INSERT INTO users VALUES (4, 'Ulm', 'x')",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, TWO, THREE, (4, "x", None)],
        ),
        ("DELETE FROM profiles WHERE user_id = 1", [ONE, TWO, THREE], [TWO, THREE]),
        ("DELETE FROM users WHERE id = 1", [TWO, THREE], [ONE, TWO, THREE]),
    ],
)
def test_each_table_follows_the_other(
    create_database: CreateDatabase,
    tmp_path: Path,
    statement: LiteralString,
    expected_users: Rows,
    expected_profiles: Rows,
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute(statement)
    assert (users(database), profiles(database)) == (expected_users, expected_profiles)


def test_what_the_other_table_was_not_told_is_never_taken_for_null(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    """Two of older code, neither of whom sees the row of the other."""
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    with holding(database, "INSERT INTO users VALUES (7, 'Ulm', 'seven', 'f7')") as user:
        database.execute("INSERT INTO profiles (user_id) VALUES (7)")
        user.commit()
    database.execute("UPDATE profiles SET bio = 'new' WHERE user_id = 7")
    assert users(database)[-1] == profiles(database)[-1] == (7, "new", "f7")


def test_a_column_may_be_called_as_a_trigger_function_calls_its_operation(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    tables: LiteralString = TABLES.replace("city text", "tg_op text").replace("'Ulm'", "'INSERT'")
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN, tables)
    database.execute("UPDATE profiles SET face = NULL WHERE user_id = 1")
    assert users(database) == profiles(database) == [(1, "one", None), TWO, THREE]


@pytest.mark.parametrize("bio", ["new", None])
def test_a_value_that_changes_with_the_key_arrives_where_a_foreign_key_takes_the_row(
    create_database: CreateDatabase, tmp_path: Path, bio: str | None
) -> None:
    tables = TABLES + "ALTER TABLE profiles ADD FOREIGN KEY (user_id) REFERENCES users ON UPDATE CASCADE"
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN, tables)
    database.execute(SQL("UPDATE users SET id = 9, bio = {} WHERE id = 1").format(bio))
    assert users(database)[-1] == profiles(database)[-1] == (9, bio, "f1")


@pytest.mark.parametrize("bio", ["new", "one"])
def test_a_row_that_comes_with_one_value_takes_the_other(
    create_database: CreateDatabase, tmp_path: Path, bio: str
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute("DELETE FROM profiles WHERE user_id = 1")
    database.execute("INSERT INTO profiles VALUES (1, 'dark', %s)", [bio])
    assert users(database)[0] == profiles(database)[0] == (1, bio, "f1")


@pytest.mark.parametrize(
    "statement", ["UPDATE profiles SET theme = 'light'", "UPDATE users SET city = 'Bonn'", "UPDATE users SET bio = 'x'"]
)
def test_nothing_is_lost_of_what_is_not_copied_yet(
    create_database: CreateDatabase, tmp_path: Path, statement: LiteralString
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.DUAL_WRITE)
    database.execute(statement)
    expected = users(database)
    assert [face for _, _, face in expected] == ["f1", None, None]
    if "users" in statement:
        assert profiles(database) == expected, "the row may have moved behind the batches"
    migration.advance(Phase.BACKFILL)
    assert users(database) == profiles(database) == expected


def test_a_value_without_a_row_there_stops_the_run_and_contract(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed, match="values that have no row in profiles: there are some\n  row id=3"):
        moved(create_database, tmp_path, Phase.EXPAND, TABLES + "DELETE FROM profiles WHERE user_id > 1")
    (tmp_path / "again").mkdir()
    database, migration = moved(create_database, tmp_path / "again", Phase.CONSTRAIN)
    database.execute("DELETE FROM profiles WHERE user_id = 3")
    with pytest.raises(NotVerified, match="1 rows differ\n  id=3"):
        migration.advance(Phase.CONTRACT)


def test_contract_drops_no_value_that_came_before_the_drop_and_has_no_row_there(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)

    def come() -> None:
        database.execute("INSERT INTO users VALUES (7, 'Ulm', 'seven')")

    with pytest.raises(NotVerified, match="1 rows differ\n  id=7"):
        migration.meddling("begin to count", come).advance(Phase.CONTRACT)
    database.execute("DELETE FROM users WHERE id = 7")
    with pytest.raises(StepFailed, match="something was written since the tables were compared that only users has"):
        migration.meddling("drop bio", come).advance(Phase.CONTRACT)
    database.execute("INSERT INTO profiles VALUES (7, 'dark')")
    migration.advance(Phase.CONTRACT)
    assert profiles(database)[-1] == (7, "seven", None)


def test_a_value_without_a_row_there_is_foreseen(create_database: CreateDatabase) -> None:
    database = create_database()
    database.execute(SQL(TABLES + "DELETE FROM profiles WHERE user_id > 1"))
    program, catalog = make_program(context_of(database), parse(PLAN, "plan"))
    [finding] = [each for each in check_data(context_of(database), program, catalog) if not each.silent]
    assert (finding.stops, finding.title, finding.keys) == (
        True,
        "look for values that have no row in profiles",
        ("id=3",),
    )


def test_an_abort_refuses_to_take_away_what_only_the_other_table_has(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute("INSERT INTO profiles VALUES (7, 'dark', 'nobody')")
    with pytest.raises(StepFailed, match="rows of profiles that users does not have: there are some\n  row user_id=7"):
        migration.abort()
    database.execute("DELETE FROM profiles WHERE user_id = 7")
    migration.abort()
    assert users(database) == [ONE, TWO, THREE]


def test_rows_that_were_written_behind_the_triggers_are_set_right(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.DUAL_WRITE)
    database.execute(
        "ALTER TABLE profiles DISABLE TRIGGER USER; UPDATE profiles SET bio = 'wrong'; "
        "ALTER TABLE profiles ENABLE TRIGGER USER"
    )
    migration.advance(Phase.BACKFILL)
    assert users(database) == profiles(database) == [ONE, TWO, THREE]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ALTER TABLE profiles ADD bio text", 'already has a column "bio"'),
        ("ALTER TABLE profiles DROP CONSTRAINT profiles_pkey", '"user_id" is no key of "public.profiles"'),
        ("ALTER TABLE profiles ALTER user_id TYPE bigint", '"id" of "public.users" is integer, and "user_id" of'),
    ],
)
def test_what_could_not_be_kept_up_is_refused(
    create_database: CreateDatabase, statement: LiteralString, message: str
) -> None:
    database = create_database()
    database.execute(SQL(TABLES + statement))
    with pytest.raises(PlanRefused, match=message):
        make_program(context_of(database), parse(PLAN, "plan"))


@pytest.mark.matrix
def test_a_backfill_that_was_killed_goes_on_where_it_was(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE + MAILS, at="dual_write", plan=SHOP_PLAN)
    shop.set_knobs(pause_between_batches_ms=60_000)
    victim = shop.start_advance("backfill")
    shop.await_batches(1)
    victim.kill_hard()
    shop.set_knobs(pause_between_batches_ms=0)
    before = shop.progress()["rows"]
    shop.finish("backfill")
    assert 0 < before < shop.progress()["rows"] == WIDE_ROWS
    agree = "SELECT count(*) FROM users JOIN mails ON user_id = id WHERE mails.email = users.email"
    assert shop.scalar(agree) == WIDE_ROWS
