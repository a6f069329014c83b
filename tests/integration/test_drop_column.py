"""A column goes: newer code leaves it out before, older code reads it until the end, and an abort loses nothing."""

from pathlib import Path
from typing import LiteralString

import pytest

from orchestrator.errors import CatalogDrifted, PlanRefused, StepFailed
from orchestrator.planning import preview
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.runs import Migration, init

PLAN = """\
name: drop
changes:
  - kind: drop_column
    table: users
    column: '{column}'
"""
USERS = """
CREATE TABLE users (id int PRIMARY KEY, fax text NOT NULL, city text DEFAULT 'Paris');
INSERT INTO users SELECT n, 'fax' || n FROM generate_series(1, 20) n
"""


@pytest.fixture
def users(create_database: CreateDatabase) -> Database:
    database = create_database(init)
    database.execute(USERS)
    return database


def drop(database: Database, folder: Path, column: str = "fax", down: str = "") -> Migration:
    return Migration.of(PLAN.format(column=column) + (f'    down: "{down}"\n' if down else ""), database, folder)


def test_newer_code_leaves_out_a_column_that_was_not_null(users: Database, tmp_path: Path) -> None:
    run, before = drop(users, tmp_path), users.dump()
    run.advance(Phase.CONSTRAIN)
    users.execute("INSERT INTO users (id) VALUES (21)")
    with pytest.raises(StepFailed, match=r"look for nulls in fax: .*\n  row id=21"):
        run.abort()
    users.execute("UPDATE users SET fax = 'none' WHERE fax IS NULL")
    run.abort()
    assert users.dump() == before


def test_down_fills_what_newer_code_inserts_and_nothing_else(users: Database, tmp_path: Path) -> None:
    users.execute("ALTER TABLE users ALTER fax DROP NOT NULL; UPDATE users SET fax = NULL WHERE id = 1")
    run = drop(users, tmp_path, down="upper(city) || id")
    run.advance(Phase.CONSTRAIN)
    users.execute("INSERT INTO users (id) VALUES (21); UPDATE users SET city = 'Oslo' WHERE id IN (1, 2)")
    faxes = users.fetch("SELECT id, fax FROM users WHERE id IN (1, 2, 21) ORDER BY id")
    assert faxes == [(1, None), (2, "fax2"), (21, "PARIS21")]
    run.advance(Phase.CONTRACT)


def test_a_column_goes_with_hostile_names_around_it(users: Database, tmp_path: Path) -> None:
    users.execute(
        'ALTER TABLE users RENAME fax TO "o\'rder%"; CREATE UNIQUE INDEX "in""dex%" ON users ("o\'rder%", city);'
        "ALTER TABLE users ADD CONSTRAINT \"ch'eck%\" CHECK (\"o'rder%\" <> '');"
        'ALTER TABLE users ADD CONSTRAINT "k%" UNIQUE ("o\'rder%")'
    )
    drop(users, tmp_path, "o''rder%", down="'x%' || id").advance(Phase.CONTRACT)
    assert users.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0") == [
        ("id",),
        ("........pg.dropped.2........",),
        ("city",),
    ]


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("ALTER TABLE users ADD CHECK (fax IS NOT NULL)", 'check "users_fax_check" refuses the rows of newer code'),
        (
            "CREATE DOMAIN d AS text NOT NULL; ALTER TABLE users ALTER fax TYPE d",
            "the domain public.d may refuse that newer code leaves",
        ),
        ("CREATE VIEW faxes AS SELECT fax FROM users", 'view "public.faxes" names column "fax"'),
        (
            "CREATE SEQUENCE numbers OWNED BY users.fax; CREATE TABLE calls (n int DEFAULT nextval('numbers'))",
            'uses sequence "public.numbers", which goes with column "fax"',
        ),
        (
            "CREATE TABLE f (a text, b text, UNIQUE (a, b)); ALTER TABLE users DROP COLUMN city, ADD city text,"
            "ADD CONSTRAINT full_key FOREIGN KEY (fax, city) REFERENCES f (a, b) MATCH FULL NOT VALID",
            'foreign key "full_key" (MATCH FULL) refuses',
        ),
    ],
)
def test_what_would_refuse_the_rows_of_newer_code_is_refused(
    before: LiteralString, reason: str, users: Database, tmp_path: Path
) -> None:
    users.execute(before)
    with pytest.raises(PlanRefused) as refused:
        drop(users, tmp_path).advance(Phase.EXPAND)
    assert reason in refused.value.message


def test_nulls_that_must_not_be_equal_are_refused(users: Database, tmp_path: Path) -> None:
    if users.server_version < 150000:
        pytest.skip("NULLS NOT DISTINCT came with PostgreSQL 15")
    users.execute("CREATE UNIQUE INDEX one ON users (fax) NULLS NOT DISTINCT")
    with pytest.raises(PlanRefused, match='unique index "one" refuses that "fax" is null in two rows'):
        drop(users, tmp_path).advance(Phase.EXPAND)
    drop(users, tmp_path, down="'x' || id").advance(Phase.CONTRACT)


def test_an_index_or_a_check_of_the_same_name_that_was_made_meanwhile_is_not_dropped(
    users: Database, tmp_path: Path
) -> None:
    users.execute("CREATE INDEX by_fax ON users (fax); ALTER TABLE users ADD CONSTRAINT given CHECK (fax <> '')")
    run = drop(users, tmp_path)
    run.advance(Phase.CONSTRAIN)
    users.execute("DROP INDEX by_fax; CREATE INDEX by_fax ON users (city, fax)")
    with pytest.raises(CatalogDrifted, match='index "by_fax" is different'):
        run.advance(Phase.CONTRACT)
    users.execute("DROP INDEX by_fax; CREATE INDEX by_fax ON users (fax)")
    users.execute("ALTER TABLE users DROP CONSTRAINT given, ADD CONSTRAINT given CHECK (fax <> '-' OR city = '')")
    with pytest.raises(CatalogDrifted, match='constraint "given" is different'):
        run.advance(Phase.CONTRACT)


def test_statistics_that_go_with_a_column_are_listed(users: Database, tmp_path: Path) -> None:
    users.execute("CREATE STATISTICS together ON fax, city FROM users")
    run = drop(users, tmp_path)
    _, program, _ = preview(run.context, run.name)
    assert 'statistics "together" go with "fax", though they also cover "city"' in program.warnings
