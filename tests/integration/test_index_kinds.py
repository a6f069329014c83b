"""Indexes by plan: what is refused, what stops a run before anything is built, and what an interrupted one leaves."""

from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from orchestrator.errors import CatalogDrifted, PlanRefused, StepFailed
from phases.names import leftovers
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import blocked_by, holding
from tests.fixtures.processes import StartProcess
from tests.fixtures.runs import Migration, init
from tests.fixtures.waiting import wait_until

TABLE: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY, email text, city text, active bool DEFAULT true);
INSERT INTO users SELECT n, 'user' || n, 'city' FROM generate_series(1, 10) n;
CREATE INDEX users_by_city ON users (city);
"""
INDEXES = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'users'::regclass ORDER BY 1"

Plan = Callable[[str], Migration]


def prepared(database: Database) -> None:
    init(database)
    database.execute(TABLE)


@pytest.fixture
def users(create_database: CreateDatabase) -> Database:
    return create_database(prepared)


@pytest.fixture
def plan(users: Database, tmp_path: Path) -> Plan:
    """A run of one change of "users", as a YAML mapping."""

    def of(change: str, name: str = "indexes") -> Migration:
        return Migration.of(f"name: {name}\nchanges:\n  - {{table: users, {change}}}\n", users, tmp_path / "plans")

    return of


def refused(migration: Migration) -> str:
    with pytest.raises(PlanRefused) as refusal:
        migration.advance(Phase.EXPAND)
    return refusal.value.message


BUILD = "kind: create_index, name: new"
REFUSED = [
    (f"{BUILD}, columns: [emial]", 'index "new" cannot be made: column "emial" does not exist'),
    (f"{BUILD}, columns: [city], method: btee", 'access method "btee" does not exist'),
    (f"{BUILD}, columns: [{{column: city, opclass: int4_ops}}]", 'operator class "int4_ops" does not accept'),
    (f'{BUILD}, columns: [{{expression: "now()"}}]', "functions in index expression must be marked IMMUTABLE"),
    (f"{BUILD}, columns: [city], where: city", "argument of WHERE must be type boolean, not type text"),
    (f'{BUILD}, columns: [city], where: "true); DROP TABLE users; SELECT (1"', "cannot insert multiple commands"),
    (f"{BUILD}, columns: [city], with: {{fillfactor: 5}}", 'value 5 out of bounds for option "fillfactor"'),
    (f"{BUILD}, columns: [city], tablespace: moon", 'tablespace "moon" does not exist'),
    (f"{BUILD}, columns: [city], unique: true, method: hash", 'access method "hash" does not support unique'),
    ("kind: create_index, name: users_by_city, columns: [email]", '"users_by_city" exists already'),
    (f"kind: create_index, name: {'é' * 32}, columns: [email]", "is longer than 63 bytes"),
    ("kind: drop_index, name: users_by_cty", 'has no index "users_by_cty"\n    → did you mean "users_by_city"?'),
    ("kind: drop_index, name: users_pkey", 'index "users_pkey" belongs to constraint "users_pkey"'),
    ("kind: replace_index, name: users_pkey, columns: [id]", 'index "users_pkey" belongs to constraint "users_pkey"'),
    ("kind: reindex, name: nowhere", 'table "public.users" has no index "nowhere"'),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED)
def test_an_index_that_cannot_be_is_refused_by_plan(change: str, reason: str, plan: Plan) -> None:
    assert reason in refused(plan(change))


def test_an_index_that_something_stands_on_is_not_dropped(plan: Plan, users: Database) -> None:
    users.execute("CREATE UNIQUE INDEX by_email ON users (email); CREATE TABLE t (e text REFERENCES users (email))")
    drop = plan("kind: drop_index, name: by_email")
    assert 'foreign key "t_e_fkey" of "public.t" relies on index "by_email"' in refused(drop)
    users.execute("DROP TABLE t; ALTER TABLE users ALTER email SET NOT NULL, REPLICA IDENTITY USING INDEX by_email")
    assert 'index "by_email" is the replica identity of "public.users"' in refused(drop)


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        ("kind: drop_index, name: users_by_city", "city"),
        ("kind: reindex, name: users_by_city", "city"),
        ("kind: replace_index, name: users_by_city, columns: [email]", "city"),
    ],
)
def test_an_index_on_a_column_that_the_plan_takes_away_is_refused(
    change: str, reads: str, users: Database, tmp_path: Path
) -> None:
    rename = "{table: users, kind: rename_column, from: city, to: town}"
    text = f"name: two\nchanges:\n  - {{table: users, {change}}}\n  - {rename}"
    assert f'stands on column "{reads}" of "public.users"' in refused(Migration.of(text, users, tmp_path / "plans"))


def test_two_changes_of_one_index_are_refused(users: Database, tmp_path: Path) -> None:
    changes = "".join(
        f"  - {{table: users, kind: {kind}, name: users_by_city}}\n" for kind in ("reindex", "drop_index")
    )
    migration = Migration.of(f"name: two\nchanges:\n{changes}", users, tmp_path / "plans")
    assert '2 changes are about "users_by_city" on "public.users"' in refused(migration)


@pytest.mark.matrix
def test_duplicates_are_shown_before_anything_is_built(plan: Plan, users: Database) -> None:
    users.execute("UPDATE users SET email = 'Twice' WHERE id = 3; UPDATE users SET email = 'twice' WHERE id = 7")
    build = plan('kind: create_index, name: new, unique: true, columns: [{expression: "lower(email)"}], where: active')
    before = users.dump()
    with pytest.raises(StepFailed) as failure:
        build.advance(Phase.CONSTRAIN)
    assert failure.value.message == (
        "look for duplicates that new forbids: there are some\n"
        "  row id=3, duplicate='twice'\n"
        "  row id=7, duplicate='twice'"
    )
    assert users.dump() == before
    users.execute("UPDATE users SET active = false WHERE id = 7")
    build.advance(Phase.CONTRACT)
    assert ("new", True) in users.fetch(INDEXES)


@pytest.mark.matrix
@pytest.mark.parametrize(("equal", "stopped"), [("false", False), ("true", True)])
def test_nulls_are_duplicates_where_the_plan_says_so(equal: str, stopped: bool, plan: Plan, users: Database) -> None:
    if users.server_version < 150000 and stopped:
        pytest.skip("NULLS NOT DISTINCT is of PostgreSQL 15")
    users.execute("UPDATE users SET email = NULL WHERE id IN (3, 7)")
    build = plan(f"kind: create_index, name: new, unique: true, columns: [email], nulls_not_distinct: {equal}")
    if stopped:
        with pytest.raises(StepFailed, match=r"row id=3, .*\n  row id=7"):
            build.advance(Phase.CONSTRAIN)
    else:
        build.advance(Phase.CONSTRAIN)


def test_an_index_is_built_on_a_column_that_the_same_plan_makes(users: Database, tmp_path: Path) -> None:
    text = (
        "name: both\nchanges:\n  - {table: users, kind: rename_column, from: email, to: address}\n"
        '  - {table: users, kind: create_index, name: new, columns: [{expression: "lower(address)"}]}'
    )
    migration = Migration.of(text, users, tmp_path / "plans")
    before = users.dump()
    migration.advance(Phase.CONSTRAIN)
    migration.abort()
    assert users.dump() == before
    migration.advance(Phase.CONTRACT)
    assert ("new", True) in users.fetch(INDEXES)


@pytest.mark.parametrize("change", ["kind: drop_index", "kind: replace_index, columns: [city, email]"])
def test_another_index_that_has_its_name_by_then_is_not_dropped(plan: Plan, users: Database, change: str) -> None:
    run = plan(f"{change}, name: users_by_city")
    run.advance(Phase.CONSTRAIN)
    users.execute("DROP INDEX users_by_city; CREATE INDEX users_by_city ON users (city DESC)")
    with pytest.raises(CatalogDrifted, match='index "users_by_city" is different'):
        run.advance(Phase.CONTRACT)


def test_an_index_that_is_gone_before_contract_is_reported(plan: Plan, users: Database) -> None:
    drop = plan("kind: drop_index, name: users_by_city")
    drop.advance(Phase.CONSTRAIN)
    users.execute("DROP INDEX users_by_city")
    with pytest.raises(Exception, match='index "users_by_city" is gone'):
        drop.advance(Phase.CONTRACT)


# reindex

LONG = 'we"ird%1 ' + "é" * 27
WRITE: LiteralString = "UPDATE users SET city = 'x' WHERE id = 1"


def start_reindex(plan: Plan, users: Database, start: StartProcess, folder: Path, *, end: str) -> Migration:
    """A REINDEX that is interrupted while it waits for a writer."""
    users.execute(SQL("ALTER INDEX users_by_city RENAME TO {}").format(Identifier(LONG)))
    migration = plan(f"kind: reindex, name: '{LONG}'")
    with holding(users, WRITE) as writer:
        runner = start("advance", "indexes", "--to", "constrain", database=users, cwd=folder)
        (pid,) = wait_until(lambda: blocked_by(users, writer.pid), timeout=30, what="the rebuild waits")
        if end == "kill":
            runner.kill_hard()
        users.execute("SELECT pg_terminate_backend(%s)" if end == "kill" else "SELECT pg_cancel_backend(%s)", [pid])
        wait_until(lambda: not blocked_by(users, writer.pid), what="the rebuild is dead")
        if end != "kill":
            assert runner.wait().exit_code == 6
    assert (leftovers(LONG)[0], False) in [
        (name.strip('"').replace('""', '"'), valid) for name, valid in users.fetch(INDEXES)
    ]
    return migration


@pytest.mark.matrix
@pytest.mark.parametrize("end", ["kill", "cancel"])
def test_an_interrupted_reindex_is_done_again_and_leaves_nothing(
    end: str, plan: Plan, users: Database, start_orchestrator: StartProcess, tmp_path: Path
) -> None:
    migration = start_reindex(plan, users, start_orchestrator, tmp_path, end=end)
    migration.advance(Phase.CONSTRAIN)
    assert [valid for _, valid in users.fetch(INDEXES)] == [True, True]


def test_what_an_interrupted_reindex_leaves_goes_with_an_abort(
    plan: Plan, users: Database, start_orchestrator: StartProcess, tmp_path: Path
) -> None:
    migration = start_reindex(plan, users, start_orchestrator, tmp_path, end="kill")
    migration.abort()
    assert [valid for _, valid in users.fetch(INDEXES)] == [True, True]


def test_a_valid_index_that_took_the_leftover_s_name_stays(
    plan: Plan, users: Database, start_orchestrator: StartProcess, tmp_path: Path
) -> None:
    migration = start_reindex(plan, users, start_orchestrator, tmp_path, end="kill")
    name = Identifier(leftovers(LONG)[0])
    users.execute(SQL("DROP INDEX {}; CREATE INDEX {} ON users (email)").format(name, name))
    before = users.dump()
    migration.advance(Phase.CONSTRAIN)
    assert users.dump() == before


def test_a_leftover_of_somebody_else_is_refused_and_left_alone(
    plan: Plan, users: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reindex = plan("kind: reindex, name: users_by_city")
    reindex.advance(Phase.BACKFILL)
    # it comes between the comparison of the catalog and the step
    monkeypatch.setattr("orchestrator.runner.check_drift", lambda *_: None)
    users.execute("CREATE INDEX users_by_city_ccnew ON users (city)")
    before = users.dump()
    with pytest.raises(StepFailed, match=r'already a relation "public[.]users_by_city_ccnew", and it is not ours'):
        reindex.advance(Phase.CONSTRAIN)
    assert users.dump() == before
    reindex.abort()
    assert users.dump() == before
    assert '"users_by_city_ccnew" is left of an interrupted REINDEX' in refused(reindex)


def test_an_invalid_index_is_mended_by_a_reindex(plan: Plan, users: Database) -> None:
    users.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_by_city'::regclass")
    plan("kind: reindex, name: users_by_city").advance(Phase.CONSTRAIN)
    assert ("users_by_city", True) in users.fetch(INDEXES)
