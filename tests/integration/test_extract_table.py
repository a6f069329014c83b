"""Two tables follow each other row by row, whoever writes which of them, and nobody's statement fails for it."""

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from orchestrator import runner
from orchestrator.errors import CatalogDrifted, NotVerified, PlanRefused, StepFailed
from orchestrator.plan import parse
from orchestrator.planning import make_program
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, CreateRole, Database
from tests.fixtures.locks import at_work, blocked_by, holding, wait_until, waiting_for_locks
from tests.fixtures.runs import Migration, context_of, init
from tests.fixtures.shops import NAME, WIDE, WIDE_ROWS, OpenShop

PLAN = """
name: extract
changes:
  - kind: extract_table
    table: users
    columns: [bio, face]
    to: profiles
    key: {id: user_id}
"""
KEYED = PLAN + "    foreign_key: {on_delete: no action}\n"
USERS: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY, city text, bio text, face text);
INSERT INTO users VALUES (1, 'Ulm', 'one', 'f1'), (2, 'Ulm', NULL, NULL), (3, 'Ulm', 'three', NULL);
"""
SHOP_PLAN = f"""
name: {NAME}
changes:
  - kind: extract_table
    table: users
    columns: [email]
    to: mails
    key: {{id: user_id}}
"""
Rows = list[tuple[object, ...]]


def moved(
    create_database: CreateDatabase, folder: Path, to: Phase, plan: str = PLAN, tables: LiteralString = USERS
) -> tuple[Database, Migration]:
    database = create_database(init)
    database.execute(SQL(tables))
    migration = Migration.of(plan, database, folder / "plans")
    migration.advance(to)
    return database, migration


def users(database: Database) -> Rows:
    return [tuple(row) for row in database.fetch("SELECT id, bio, face FROM users ORDER BY id")]


def profiles(database: Database) -> Rows:
    return [tuple(row) for row in database.fetch("SELECT user_id, bio, face FROM profiles ORDER BY user_id")]


ONE, TWO, THREE = (1, "one", "f1"), (2, None, None), (3, "three", None)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("statement", "expected_users", "expected_profiles"),
    [
        ("UPDATE users SET bio = 'new' WHERE id = 1", [(1, "new", "f1"), TWO, THREE], [(1, "new", "f1"), THREE]),
        ("UPDATE users SET bio = 'new' WHERE id = 2", [ONE, (2, "new", None), THREE], [ONE, (2, "new", None), THREE]),
        ("UPDATE users SET bio = NULL WHERE id = 3", [ONE, TWO, (3, None, None)], [ONE, (3, None, None)]),
        ("UPDATE users SET city = 'Bonn'", [ONE, TWO, THREE], [ONE, THREE]),
        ("UPDATE users SET id = 9 WHERE id = 1", [TWO, THREE, (9, "one", "f1")], [THREE, (9, "one", "f1")]),
        ("DELETE FROM users WHERE id = 1", [TWO, THREE], [THREE]),
        (
            "INSERT INTO users (id, bio) VALUES (4, 'x')",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, THREE, (4, "x", None)],
        ),
        (
            "UPDATE profiles SET bio = 'new' WHERE user_id = 1",
            [(1, "new", "f1"), TWO, THREE],
            [(1, "new", "f1"), THREE],
        ),
        ("INSERT INTO profiles VALUES (2, 'x', 'y')", [ONE, (2, "x", "y"), THREE], [ONE, (2, "x", "y"), THREE]),
        ("DELETE FROM profiles WHERE user_id = 1", [(1, None, None), TWO, THREE], [THREE]),
        (
            "UPDATE profiles SET user_id = 2 WHERE user_id = 1",
            [(1, None, None), (2, "one", "f1"), THREE],
            [(2, "one", "f1"), THREE],
        ),
        (
            "INSERT INTO users VALUES (4); INSERT INTO profiles VALUES (4, 'x')",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, THREE, (4, "x", None)],
        ),
        (
            "INSERT INTO profiles VALUES (4, 'x'); INSERT INTO users VALUES (4)",
            [ONE, TWO, THREE, (4, "x", None)],
            [ONE, THREE, (4, "x", None)],
        ),
        # keys that pass from one row to the next in one statement
        (
            "INSERT INTO users (id, bio) VALUES (11, 'a'), (12, 'b'); UPDATE users SET id = id - 1 WHERE id > 10",
            [ONE, TWO, THREE, (10, "a", None), (11, "b", None)],
            [ONE, THREE, (10, "a", None), (11, "b", None)],
        ),
        (
            "INSERT INTO users (id, bio) VALUES (11, 'a'), (12, 'b'); "
            "UPDATE profiles SET user_id = user_id - 1 WHERE user_id > 10",
            [ONE, TWO, THREE, (11, "b", None), (12, None, None)],
            [ONE, THREE, (10, "a", None), (11, "b", None)],
        ),
        (
            "WITH gone AS (DELETE FROM users WHERE id = 1 RETURNING id) "
            "INSERT INTO users SELECT id, 'Ulm', 'again' FROM gone",
            [(1, "again", None), TWO, THREE],
            [(1, "again", None), THREE],
        ),
        ("TRUNCATE users", [], []),
        ("TRUNCATE profiles", [(1, None, None), TWO, (3, None, None)], []),
        ("SET session_replication_role = replica; DELETE FROM users WHERE id = 1", [TWO, THREE], [THREE]),
    ],
)
def test_each_table_follows_the_other(
    create_database: CreateDatabase,
    tmp_path: Path,
    statement: LiteralString,
    expected_users: Rows,
    expected_profiles: Rows,
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.BACKFILL)
    database.execute(statement)
    assert (users(database), profiles(database)) == (expected_users, expected_profiles)


def test_a_row_that_moves_behind_the_batches_is_copied_by_the_trigger(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.DUAL_WRITE)
    assert profiles(database) == []
    database.execute("UPDATE users SET city = 'Bonn' WHERE id < 3")
    assert profiles(database) == [ONE]


def test_older_code_deletes_and_renumbers_rows_that_the_new_foreign_key_refers_to(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN, KEYED)
    database.execute("DELETE FROM users WHERE id = 1; UPDATE users SET id = 9 WHERE id = 3")
    assert profiles(database) == [(9, "three", None)]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("UPDATE profiles SET bio = 'newer' WHERE user_id = 1", "UPDATE users SET bio = 'older' WHERE id = 1"),
        # newer code that writes both tables, in the other order
        (
            "UPDATE profiles SET bio = 'newer' WHERE user_id = 1",
            "BEGIN; UPDATE users SET city = 'Bonn' WHERE id = 1; "
            "UPDATE profiles SET bio = 'older' WHERE user_id = 1; COMMIT",
        ),
        ("DELETE FROM profiles WHERE user_id = 1", "UPDATE users SET bio = 'older' WHERE id = 1"),
    ],
)
def test_two_who_write_the_same_row_in_both_tables_do_not_deadlock(
    create_database: CreateDatabase, tmp_path: Path, newer: LiteralString, older: LiteralString
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    # newer code is first in the queue for the row there; by the time it has that, older code has the row here
    with (
        holding(database, "SELECT FROM profiles WHERE user_id = 1 FOR UPDATE") as gate,
        at_work(database, newer, failures),
    ):
        wait_until(lambda: waiting_for_locks(database) == 1, what="newer code waits")
        with at_work(database, older, failures):
            wait_until(lambda: waiting_for_locks(database) == 2, what="older code waits as well")
            gate.rollback()
    assert failures == []
    (_, bio, _), *_ = users(database)
    assert bio == "older"
    assert users(database)[0] == profiles(database)[0]


@pytest.mark.matrix
def test_who_writes_a_user_whose_new_row_is_just_being_made_does_not_deadlock(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    newer: LiteralString = "INSERT INTO profiles (user_id, bio) VALUES (2, 'newer')"
    with holding(database, "UPDATE users SET city = 'Bonn' WHERE id = 2") as older, at_work(database, newer, failures):
        wait_until(lambda: waiting_for_locks(database) == 1, what="newer code waits")
        older.execute("UPDATE users SET bio = 'older' WHERE id = 2")
        older.commit()
    assert failures == []
    assert users(database)[1] == profiles(database)[1] == (2, "older", None)


def test_newer_code_does_not_give_way_to_who_waits_for_something_else(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    with (
        holding(database, "UPDATE profiles SET bio = 'newer' WHERE user_id = 1") as newer,
        holding(database, "UPDATE users SET city = 'Bonn' WHERE id = 3"),
        at_work(database, "UPDATE users SET city = 'Bonn' WHERE id = 1", failures),
    ):
        wait_until(lambda: len(blocked_by(database, newer.pid)) == 1, what="older code waits for newer code")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            newer.execute("SET LOCAL lock_timeout = '300ms'; UPDATE profiles SET bio = 'newer' WHERE user_id = 3")
        newer.rollback()
    assert failures == []


def test_a_deadlock_over_something_else_ends(create_database: CreateDatabase, tmp_path: Path) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    failures: list[psycopg.Error] = []
    older: LiteralString = """
        SET deadlock_timeout = '1h'; BEGIN; UPDATE users SET city = 'Bonn' WHERE id = 1;
        SELECT pg_advisory_xact_lock(1); COMMIT
    """
    with (
        holding(database, "SELECT pg_advisory_xact_lock(1)") as newer,
        at_work(database, older, failures),
    ):
        wait_until(lambda: len(blocked_by(database, newer.pid)) == 1, what="older code waits for newer code")
        newer.execute("SET LOCAL statement_timeout = '30s'; SET LOCAL deadlock_timeout = '300ms'")
        try:
            with pytest.raises(psycopg.errors.DeadlockDetected):
                newer.execute("UPDATE profiles SET bio = 'newer' WHERE user_id = 1")
        finally:
            newer.rollback()
    assert failures == []


def test_the_applications_own_lock_timeout_counts(create_database: CreateDatabase, tmp_path: Path) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    with (
        holding(database, "SELECT FROM users WHERE id = 1 FOR UPDATE"),
        pytest.raises(psycopg.errors.LockNotAvailable),
    ):
        database.execute("SET lock_timeout = '300ms'; UPDATE profiles SET bio = 'x' WHERE user_id = 1")
    with database.connect() as connection:
        connection.execute("SET lock_timeout = '3s'; UPDATE profiles SET bio = 'x' WHERE user_id = 1")
        assert connection.execute("SHOW lock_timeout").fetchone() == ("3s",)


def test_whoever_may_write_one_table_needs_no_right_on_the_other_and_nobody_borrows_ours(
    create_database: CreateDatabase, tmp_path: Path, application_role: CreateRole
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    old, new = application_role(), application_role()
    for role, table in ((old, "users"), (new, "profiles")):
        grant = SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}")
        database.execute(grant.format(Identifier(table), Identifier(role.name)))
    with psycopg.connect(old.dsn(database)) as connection:
        connection.execute("UPDATE users SET bio = 'old' WHERE id = 1")
    with psycopg.connect(new.dsn(database)) as connection:
        connection.execute("UPDATE profiles SET face = 'new' WHERE user_id = 1")
    assert users(database)[0] == profiles(database)[0] == (1, "old", "new")
    functions = "SELECT proname FROM pg_proc WHERE prosecdef AND has_function_privilege(%s, oid, 'EXECUTE')"
    assert database.fetch(functions, [old.name]) == []


AUDITED: LiteralString = (
    USERS
    + """
CREATE TABLE audit (who text DEFAULT current_user, id int);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO audit (id) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION audit();
"""
)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", ["extract_table", "move_column"])
def test_triggers_of_the_application_run_as_whoever_writes_where_they_look_up_names_themselves(
    create_database: CreateDatabase, tmp_path: Path, application_role: CreateRole, kind: str
) -> None:
    web = application_role()
    database = create_database(init)
    database.execute(SQL(AUDITED))
    if kind == "move_column":
        database.execute("CREATE TABLE profiles (user_id int PRIMARY KEY); INSERT INTO profiles VALUES (1), (3)")
        database.execute(SQL("GRANT ALL ON profiles TO {}").format(Identifier(web.name)))
    database.execute(SQL("GRANT ALL ON users, audit TO {}").format(Identifier(web.name)))
    migration = Migration.of(PLAN.replace("extract_table", kind), database, tmp_path)
    migration.advance(Phase.CONSTRAIN)
    database.execute("DELETE FROM audit")
    with psycopg.connect(web.dsn(database)) as session:
        session.execute("UPDATE profiles SET bio = 'newer' WHERE user_id = 1")
        session.execute("UPDATE users SET bio = 'older' WHERE id = 3")
        session.execute("INSERT INTO users (id, bio) VALUES (4, 'four')")
    assert [tuple(row) for row in database.fetch("SELECT who, id FROM audit ORDER BY id")] == [
        (web.name, 1),
        (web.name, 3),
    ]
    assert profiles(database)[:2] == [(1, "newer", "f1"), (3, "older", None)]
    assert users(database)[0] == (1, "newer", "f1")
    database.execute("DELETE FROM users WHERE id = 4")
    migration.advance(Phase.CONTRACT)


def test_triggers_do_not_act_as_somebody_who_may_write_one_table_and_not_the_other(
    create_database: CreateDatabase, application_role: CreateRole
) -> None:
    web = application_role()
    database = create_database()
    database.execute(SQL(AUDITED + "GRANT SELECT, UPDATE ON users TO {}").format(Identifier(web.name)))
    with pytest.raises(PlanRefused, match=f'"{web.name}" may write one of the tables, and not all that belongs to it'):
        make_program(context_of(database), parse(PLAN, "plan"))


def test_nobody_makes_a_trigger_of_ours_on_a_table_of_his_own(create_database: CreateDatabase, tmp_path: Path) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    functions = [name for (name,) in database.fetch("SELECT proname FROM pg_proc WHERE prosecdef")]
    assert len(functions) == 2
    for number, function in enumerate(functions):
        table = Identifier(f"mine{number}")
        database.execute(SQL("CREATE TABLE {} (id int, user_id int, bio text, face text)").format(table))
        trigger = SQL("CREATE TRIGGER mine AFTER INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}()")
        database.execute(trigger.format(table, Identifier(function)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute(SQL("INSERT INTO {} VALUES (1, 1, 'mine')").format(table))
    assert (users(database)[0], profiles(database)[0]) == (ONE, ONE)


@pytest.mark.parametrize(("table", "key"), [("users", "id"), ("profiles", "user_id")])
@pytest.mark.parametrize(
    ("assignment", "expected"), [("bio = upper(bio)", (1, "NEW", "f1")), ("face = 'set'", (1, "new", "set"))]
)
def test_what_a_trigger_of_the_application_writes_besides_counts(
    create_database: CreateDatabase,
    tmp_path: Path,
    table: str,
    key: str,
    assignment: LiteralString,
    expected: tuple[object, ...],
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN)
    # its name comes before ours
    trigger = SQL("""
        CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE {table} SET {assignment} WHERE {key} = NEW.{key}; RETURN NULL; END $$;
        CREATE TRIGGER "Again" AFTER UPDATE ON {table} FOR EACH ROW WHEN (pg_trigger_depth() = 0)
        EXECUTE FUNCTION again();
        UPDATE {table} SET bio = 'new' WHERE {key} = 1
    """)
    database.execute(trigger.format(table=Identifier(table), key=Identifier(key), assignment=SQL(assignment)))
    assert users(database)[0] == profiles(database)[0] == expected


def test_a_key_that_the_new_table_has_already_does_not_fail_older_code(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute("INSERT INTO profiles VALUES (9, 'early'); UPDATE users SET id = 9 WHERE id = 1")
    assert profiles(database) == [ONE, THREE, (9, "early", None)]
    with pytest.raises(NotVerified, match="1 rows differ\n  id=9"):
        migration.advance(Phase.CONTRACT)


@pytest.mark.parametrize(
    ("newer", "older", "expected"),
    [
        # ON CONFLICT is about the key: the other unique index must not be met first
        (
            "INSERT INTO profiles VALUES (2, 'x')",
            "UPDATE users SET bio = 'x' WHERE id = 2",
            [ONE, (2, "x", None), THREE],
        ),
        ("INSERT INTO profiles VALUES (9, 'x')", "UPDATE users SET id = 9 WHERE id = 1", [ONE, THREE, (9, "x", None)]),
    ],
)
def test_older_code_does_not_fail_for_a_row_that_newer_code_is_just_making(
    create_database: CreateDatabase, tmp_path: Path, newer: LiteralString, older: LiteralString, expected: Rows
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN, tables=USERS + "ALTER TABLE users ADD UNIQUE (bio)")
    failures: list[psycopg.Error] = []
    with holding(database, newer) as first, at_work(database, older, failures):
        wait_until(lambda: len(blocked_by(database, first.pid)) == 1, what="older code waits for newer code")
        first.commit()
    assert failures == []
    assert profiles(database) == expected


@pytest.mark.parametrize("older", ["UPDATE users SET bio = 'y' WHERE id = 2", "UPDATE users SET id = 9 WHERE id = 1"])
def test_a_row_that_newer_code_has_made_since_a_snapshot_fails_older_code_as_any_row_would(
    create_database: CreateDatabase, tmp_path: Path, older: LiteralString
) -> None:
    database, _ = moved(create_database, tmp_path, Phase.CONSTRAIN, tables=USERS + "ALTER TABLE users ADD UNIQUE (bio)")
    with holding(database, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM users") as session:
        database.execute("INSERT INTO profiles VALUES (2, NULL), (9, 'x')")
        with pytest.raises(psycopg.errors.SerializationFailure):
            session.execute(older)
        session.rollback()


def test_a_value_that_only_the_new_table_has_comes_over_with_the_next_write_of_its_row(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    """Two of newer code, neither of whom sees the row of the other."""
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    with holding(database, "INSERT INTO users VALUES (7)") as user:
        database.execute("INSERT INTO profiles VALUES (7, 'seven')")
        user.commit()
    with pytest.raises(NotVerified, match="1 rows differ\n  id=7"):
        migration.advance(Phase.CONTRACT)
    database.execute("UPDATE profiles SET bio = bio WHERE user_id = 7")
    assert users(database)[-1] == (7, "seven", None)
    migration.advance(Phase.CONTRACT)


def test_rows_that_were_written_behind_the_triggers_are_set_right(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.DUAL_WRITE)
    database.execute(
        "SET session_replication_role = replica; ALTER TABLE profiles DISABLE TRIGGER USER;"
        "INSERT INTO profiles VALUES (1, 'wrong'), (2, 'x'), (7, 'nobody'); ALTER TABLE profiles ENABLE TRIGGER USER"
    )
    migration.advance(Phase.BACKFILL)
    assert profiles(database) == [ONE, TWO, THREE]
    assert users(database) == [ONE, TWO, THREE]


def test_contract_does_not_begin_while_a_value_would_be_lost(create_database: CreateDatabase, tmp_path: Path) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute(
        "ALTER TABLE profiles DISABLE TRIGGER USER; DELETE FROM profiles; ALTER TABLE profiles ENABLE TRIGGER USER"
    )
    with pytest.raises(NotVerified, match="2 rows differ\n  id=1\n  id=3"):
        migration.advance(Phase.CONTRACT)


def test_an_abort_refuses_to_take_away_what_only_the_new_table_has(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute("INSERT INTO profiles VALUES (7, 'nobody')")
    with pytest.raises(StepFailed, match="rows of profiles that users does not have: there are some\n  row user_id=7"):
        migration.abort()
    database.execute("DELETE FROM profiles WHERE user_id = 7")
    migration.abort()
    assert users(database) == [ONE, TWO, THREE]


LATE_KEY: LiteralString = "UPDATE users SET id = 9 WHERE id = 1"
BEHIND: LiteralString = """
ALTER TABLE users DISABLE TRIGGER USER; UPDATE users SET bio = 'late' WHERE id = 1;
ALTER TABLE users ENABLE TRIGGER USER
"""


@pytest.mark.parametrize(("late", "left"), [(LATE_KEY, "id=9"), (BEHIND, "id=1")])
def test_contract_drops_nothing_that_came_between_look_and_drop(
    create_database: CreateDatabase, tmp_path: Path, late: LiteralString, left: str
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute("INSERT INTO profiles VALUES (9, 'early')")
    with pytest.raises(StepFailed, match="something was written since the tables were compared that only users has"):
        migration.meddling("drop bio", lambda: database.execute(late)).advance(Phase.CONTRACT)
    with pytest.raises(NotVerified, match=f"1 rows differ\n  {left}"):
        migration.advance(Phase.CONTRACT)
    database.execute("UPDATE users SET bio = 'right' WHERE id IN (1, 9)")
    migration.advance(Phase.CONTRACT)
    assert "right" in [bio for _, bio, _ in profiles(database)]


def test_an_abort_drops_nothing_that_came_between_look_and_drop(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    late = migration.meddling("drop table", lambda: database.execute("INSERT INTO profiles VALUES (7, 'nobody')"))
    with pytest.raises(StepFailed, match="something was written since the tables were compared that only profiles has"):
        late.abort()
    with pytest.raises(StepFailed, match="rows of profiles that users does not have: there are some\n  row user_id=7"):
        migration.abort()
    database.execute("DELETE FROM profiles WHERE user_id = 7")
    migration.abort()
    assert users(database) == [ONE, TWO, THREE]


def test_what_the_triggers_carry_stands_in_the_way_of_neither_drop(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    writes: LiteralString = """
        INSERT INTO users VALUES (4, 'Ulm', 'four'), (5, 'Ulm', NULL); INSERT INTO profiles VALUES (5, 'five');
        UPDATE users SET bio = 'new' WHERE id = 1; DELETE FROM profiles WHERE user_id = 3;
        UPDATE users SET city = 'Bonn'; UPDATE profiles SET face = 'new'
    """
    expected: Rows = [(1, "new", "new"), (4, "four", "new"), (5, "five", "new")]
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    migration.meddling("drop bio", lambda: database.execute(writes)).advance(Phase.CONTRACT)
    assert profiles(database) == expected
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    migration.meddling("drop table", lambda: database.execute(writes)).abort()
    assert users(database) == sorted([*expected, TWO, (3, None, None)], key=str)


def test_what_is_about_the_columns_alone_comes_along(create_database: CreateDatabase, tmp_path: Path) -> None:
    tables: LiteralString = """
        CREATE TABLE faces (name text PRIMARY KEY);
        CREATE TABLE users (id int PRIMARY KEY, city text, bio text NOT NULL, face text REFERENCES faces,
            CONSTRAINT said CHECK (bio <> ''), UNIQUE (bio, face), CHECK (bio <> city));
        CREATE INDEX ON users (lower(bio)); CREATE INDEX ON users (city, bio);
        COMMENT ON COLUMN users.bio IS 'in full'; INSERT INTO users VALUES (1, 'Ulm', 'one');
    """
    before = create_database()
    before.execute(tables)
    program, _ = make_program(context_of(before), parse(PLAN, "plan"))
    warning = 'has a constraint like "users_bio_face_key", and ON CONFLICT watches that of one table'
    assert any(warning in each for each in program.warnings)
    before.execute("CREATE PUBLICATION one FOR TABLE users; CREATE PUBLICATION every FOR ALL TABLES")
    warnings = make_program(context_of(before), parse(PLAN, "plan"))[0].warnings
    assert '"public.profiles" is not published by "one": add it there after expand' in warnings
    assert any('"public.profiles" will be published by "every"' in each for each in warnings)
    database, _ = moved(create_database, tmp_path, Phase.CONTRACT, tables=tables)
    twin = create_database(init)
    twin.execute("""
        CREATE TABLE faces (name text PRIMARY KEY); CREATE TABLE users (id int PRIMARY KEY, city text);
        CREATE TABLE profiles (user_id int PRIMARY KEY, bio text, face text REFERENCES faces,
            CONSTRAINT said CHECK (bio <> ''), UNIQUE (bio, face));
        CREATE INDEX ON profiles (lower(bio)); COMMENT ON COLUMN profiles.bio IS 'in full'
    """)
    assert database.dump() == twin.dump()


@pytest.mark.parametrize(
    ("tables", "changes", "message"),
    [
        ("id int, bio text, face text", "", '"id" is no key of "public.users"'),
        ("id int UNIQUE, bio text, face text", "", '"id" is no key of "public.users"'),
        ("id int PRIMARY KEY DEFERRABLE, bio text, face text", "", '"id" is no key of "public.users"'),
        ("id numeric PRIMARY KEY, bio text, face text", "", '"id" cannot be the key: values of type numeric may be'),
        ("id int PRIMARY KEY, bio text DEFAULT 'x', face text", "", 'column "bio" has a default'),
        (
            "id int PRIMARY KEY, bio text, face text); CREATE TRIGGER same BEFORE UPDATE ON users"
            " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();"
            " ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE TABLE other (a int",
            "",
            'trigger "same" of "public.users" would fire',
        ),
        (
            "id int PRIMARY KEY, bio text, face text); GRANT TRIGGER ON users TO PUBLIC;"
            " ALTER TABLE users ENABLE ROW LEVEL SECURITY; CREATE TABLE other (a int",
            "",
            'PUBLIC may create triggers on "public.users"',
        ),
        (
            "id int PRIMARY KEY, bio text, face text); ALTER TABLE users REPLICA IDENTITY NOTHING;"
            " CREATE PUBLICATION news FOR TABLE users; CREATE TABLE other (a int",
            "",
            '"public.users" has no replica identity, and "news" publishes updates',
        ),
        ("id int PRIMARY KEY, bio text CHECK (bio IS DISTINCT FROM NULL), face text", "", "refuses the rows of newer"),
        ("id int PRIMARY KEY, bio text, face text); CREATE TABLE profiles (a int", "", "already a relation or a type"),
        (
            "id int PRIMARY KEY, bio text, face text",
            "\n  - {kind: create_table, table: profiles, columns: {a: {type: int}}}",
            '"public.profiles" is the other table of extract_table, and the matter of another change of this plan',
        ),
        (
            "id int PRIMARY KEY, bio text, face text",
            "\n  - {kind: rename_column, table: users, from: id, to: number}",
            'extract_table stands on column "id" of "public.users", which another change of this plan takes away',
        ),
    ],
)
def test_what_could_not_be_kept_up_is_refused(
    create_database: CreateDatabase, tables: LiteralString, changes: str, message: str
) -> None:
    database = create_database()
    database.execute(SQL("CREATE TABLE users ({})").format(SQL(tables)))
    with pytest.raises(PlanRefused, match=message):
        make_program(context_of(database), parse(PLAN.rstrip() + changes, "plan"))


def test_a_view_made_since_stops_contract_before_it_begins(create_database: CreateDatabase, tmp_path: Path) -> None:
    database, migration = moved(create_database, tmp_path, Phase.CONSTRAIN)
    database.execute("CREATE VIEW bios AS SELECT bio FROM users")
    with pytest.raises(CatalogDrifted, match=r'view "public\.bios" names column "bio"'):
        migration.advance(Phase.CONTRACT)
    database.execute("DROP VIEW bios")
    runner.refresh(migration.context, migration.name)
    migration.advance(Phase.CONTRACT)


def test_hostile_names(create_database: CreateDatabase, tmp_path: Path) -> None:
    plan = """
name: extract
changes:
  - kind: extract_table
    table: order
    columns: ['we"ird%1', new, tg_op]
    to: 'ta"ble%s'
    key: {'k''ey': old}
    foreign_key: {on_delete: cascade}
"""
    database, _ = moved(
        create_database,
        tmp_path,
        Phase.CONSTRAIN,
        plan,
        """CREATE TABLE "order" ("k'ey" int PRIMARY KEY, "we""ird%1" text, new text, tg_op text);
           INSERT INTO "order" VALUES (1, 'a', 'b', 'UPDATE')""",
    )
    database.execute("""UPDATE "order" SET new = 'c'; UPDATE "ta""ble%s" SET "we""ird%1" = 'd'""")
    database.execute("""INSERT INTO "order" VALUES (2, 'e', 'f', 'INSERT')""")
    rows = [(1, "d", "c", "UPDATE"), (2, "e", "f", "INSERT")]
    assert database.fetch('SELECT * FROM "order"') == database.fetch('SELECT * FROM "ta""ble%s" ORDER BY old') == rows


@pytest.mark.matrix
def test_copies_that_were_killed_go_on_where_they_were(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write", plan=SHOP_PLAN)
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


def test_a_row_that_the_new_table_refuses_is_named_and_the_rest_is_copied(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write", plan=SHOP_PLAN)
    shop.execute("ALTER TABLE mails ADD CHECK (email NOT LIKE 'user7@%')")
    with pytest.raises(StepFailed, match=r"1 rows cannot be copied:\n  public\.users row id=7: new row for relation"):
        shop.finish("backfill")
    assert shop.scalar("SELECT count(*) FROM mails") == WIDE_ROWS - 1
