"""NOT NULL comes and goes: without a scan that stops anybody, with the keys of the rows that stand against it."""

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from orchestrator import runner
from orchestrator.errors import NotVerified, PlanRefused, StepFailed
from phases.delta import Delta, NotNull, Proof, Table
from phases.step import Phase, Statement
from phases.steps import STEPS
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.runs import Migration, init

REQUIRE = """\
name: require
changes:
  - kind: set_not_null
    table: users
    column: city
"""
FILLED = REQUIRE + "    up: {up}\n"
USERS = """
CREATE TABLE users (id int PRIMARY KEY, handle text, city text);
INSERT INTO users SELECT n, 'u' || n, CASE WHEN n NOT IN (3, 7) THEN 'Paris' END FROM generate_series(1, 20) n
"""
NULLS = "SELECT id FROM users WHERE city IS NULL ORDER BY id"
IS_NOT_NULL = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'city'"


@pytest.fixture
def users(create_database: CreateDatabase) -> Database:
    database = create_database(init)
    database.execute(USERS)
    return database


def test_nulls_are_reported_with_their_keys_before_anything_is_added(users: Database, tmp_path: Path) -> None:
    require, before = Migration.of(REQUIRE, users, tmp_path), users.dump()
    with pytest.raises(StepFailed) as stopped:
        require.advance(Phase.CONSTRAIN)
    assert stopped.value.message == 'look for nulls in city: column "city" has nulls\n  row id=3\n  row id=7'
    assert users.dump() == before
    users.execute("UPDATE users SET city = 'Lyon' WHERE city IS NULL")
    require.advance(Phase.CONTRACT)
    assert users.fetch(IS_NOT_NULL) == [(True,)]


def test_values_that_were_filled_stay_after_an_abort(users: Database, tmp_path: Path) -> None:
    require, before = Migration.of(FILLED.format(up="handle"), users, tmp_path), users.dump()
    require.advance(Phase.CONSTRAIN)
    require.abort()
    assert users.dump() == before
    assert users.fetch("SELECT city FROM users WHERE id IN (3, 7) ORDER BY id") == [("u3",), ("u7",)]


def test_a_value_that_is_filled_in_is_checked_by_its_foreign_key(users: Database, tmp_path: Path) -> None:
    users.execute(
        "CREATE TABLE cities (name text PRIMARY KEY); INSERT INTO cities VALUES ('Paris');"
        "ALTER TABLE users ADD FOREIGN KEY (city) REFERENCES cities"
    )
    require = Migration.of(FILLED.format(up="'''Atlantis'''"), users, tmp_path)
    with pytest.raises(StepFailed, match="users_city_fkey"):
        require.advance(Phase.BACKFILL)
    assert users.fetch(NULLS) == [(3,), (7,)]
    users.execute("INSERT INTO cities VALUES ('Atlantis')")
    require.advance(Phase.CONTRACT)


def test_an_expression_that_gives_null_stops_before_constrain(users: Database, tmp_path: Path) -> None:
    require = Migration.of(FILLED.format(up="NULLIF(handle, 'u7')"), users, tmp_path)
    with pytest.raises(NotVerified, match="1 rows differ\n  id=7"):
        require.advance(Phase.CONSTRAIN)


def test_the_run_can_be_refreshed_after_not_null_is_there(users: Database, tmp_path: Path) -> None:
    require = Migration.of(FILLED.format(up="handle"), users, tmp_path)
    require.advance(Phase.CONSTRAIN)
    runner.refresh(require.context, require.name)
    require.advance(Phase.CONTRACT)


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (REQUIRE.replace("city", "id"), "is NOT NULL already"),
        (FILLED.format(up="city || 'x'"), 'reads "city"'),
        (FILLED.format(up="NULL::text"), '"NULL::text" gives null, whatever the row: it fills nothing in "city"'),
        (FILLED.format(up="cty"), 'column "cty" does not exist'),
        (FILLED.format(up="(SELECT 'x')"), "cannot use subquery"),
    ],
)
def test_what_cannot_be_filled_is_refused(plan: str, reason: str, users: Database, tmp_path: Path) -> None:
    with pytest.raises(PlanRefused) as refused:
        Migration.of(plan, users, tmp_path).advance(Phase.EXPAND)
    assert reason in refused.value.message


PLACES = """
CREATE TYPE place AS (street text, town text);
CREATE TABLE homes (id int, home place, town text CONSTRAINT known CHECK (town IS NOT NULL));
INSERT INTO homes VALUES (1, ROW(NULL, NULL), 'Paris')
"""


@pytest.mark.matrix
@pytest.mark.parametrize("column", ["home", "town"])
def test_the_server_takes_the_check_as_proof_and_does_not_scan(column: str, database: Database) -> None:
    database.execute(PLACES)
    proofs = (Proof(column="town", constraint="known"),) if column == "town" else ()
    delta = Delta(table=Table("public", "homes"), key=(), not_null=(column,), proofs=proofs)
    said: list[str] = []
    with database.connect() as connection:
        connection.add_notice_handler(lambda diagnostic: said.append(diagnostic.message_primary or ""))
        connection.execute("SET client_min_messages = debug1")
        for step in STEPS[Phase.CONSTRAIN](delta):
            assert isinstance(step, Statement)
            for sql in step.sql:
                with psycopg.ClientCursor(connection) as cursor:
                    cursor.execute(sql.encode())
    (proven,) = [message for message in said if "sufficient to prove" in message]
    assert f'"homes.{column}"' in proven


OPTIONAL = """\
name: optional
changes:
  - kind: drop_not_null
    table: users
    column: {column}
"""
STRICT = "UPDATE users SET city = 'Rome' WHERE city IS NULL; ALTER TABLE users ALTER city SET NOT NULL"
NAMED = (
    "ALTER TABLE users ALTER city DROP NOT NULL; ALTER TABLE users ADD CONSTRAINT has_city NOT NULL city;"
    "COMMENT ON CONSTRAINT has_city ON users IS 'always'"
)


# expand undoes what comes last first: the column, and then NOT NULL
BESIDE = "  - {kind: add_column, table: users, column: age, type: int}\n"


@pytest.mark.matrix
@pytest.mark.parametrize("rest", ["", BESIDE, BESIDE.replace("int}", "int, default: '1', up: length(handle)}")])
def test_an_abort_names_the_nulls_of_newer_code_and_goes_on_when_they_are_right(
    rest: str, users: Database, tmp_path: Path
) -> None:
    users.execute(STRICT)
    if users.server_version >= 180000:
        users.execute(NAMED)
    optional, before = Migration.of(OPTIONAL.format(column="city") + rest, users, tmp_path), users.dump()
    optional.advance(Phase.CONSTRAIN)
    users.execute("UPDATE users SET city = NULL WHERE id IN (5, 9)")
    loose = users.dump()
    with pytest.raises(StepFailed) as stopped:
        optional.abort()
    assert stopped.value.message == "look for nulls in city: there are some\n  row id=5\n  row id=9"
    assert stopped.value.hint == "nothing was changed; put these rows right, then: orchestrator abort optional"
    assert users.dump() == loose
    users.execute("UPDATE users SET city = 'Oslo' WHERE city IS NULL")
    optional.abort()
    assert users.dump() == before


@pytest.mark.matrix
def test_not_null_may_be_restored_twice(users: Database) -> None:
    users.execute(STRICT)
    table = Table("public", "users")
    before, named = users.dump(), users.server_version >= 180000
    lost = (
        NotNull(column="city", constraint="users_city_not_null", definition="NOT NULL city")
        if named
        else NotNull(column="city")
    )
    (step,) = STEPS[Phase.EXPAND](Delta(table=table, key=("id",), loosen=(lost,)))
    assert isinstance(step, Statement)
    for statement in (step, *step.undo, *step.undo):
        assert isinstance(statement, Statement)
        with users.connect() as connection, psycopg.ClientCursor(connection) as cursor:
            cursor.execute("; ".join(statement.sql).encode())
    assert users.dump() == before


def test_the_run_can_be_refreshed_after_not_null_is_gone(users: Database, tmp_path: Path) -> None:
    users.execute(STRICT)
    optional = Migration.of(OPTIONAL.format(column="city"), users, tmp_path)
    optional.advance(Phase.EXPAND)
    runner.refresh(optional.context, optional.name)
    optional.advance(Phase.CONTRACT)
    assert users.fetch(IS_NOT_NULL) == [(False,)]


@pytest.mark.parametrize(
    ("before", "column", "reason"),
    [
        ("SELECT", "city", "takes nulls already"),
        ("SELECT", "id", "is part of the primary key"),
        ("ALTER TABLE users ADD n int GENERATED ALWAYS AS IDENTITY", "n", "is an identity column"),
        (
            STRICT
            + "; CREATE UNIQUE INDEX own ON users (city, id); ALTER TABLE users REPLICA IDENTITY USING INDEX own",
            "city",
            'index "own" is the replica identity',
        ),
    ],
)
def test_what_needs_its_not_null_is_refused(
    before: LiteralString, column: str, reason: str, users: Database, tmp_path: Path
) -> None:
    users.execute(before)
    with pytest.raises(PlanRefused) as refused:
        Migration.of(OPTIONAL.format(column=column), users, tmp_path).advance(Phase.EXPAND)
    assert reason in refused.value.message
