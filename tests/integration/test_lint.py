"""`lint` asks a live catalog: what is large, what is proven, what would be rewritten. It changes nothing."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from orchestrator.lint import Report, lint, show
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.lint import HABITS, found, write, write_revision
from tests.fixtures.processes import Orchestrator
from tests.fixtures.runs import context_of

DOCS = Path(__file__).parents[2] / "docs" / "lint.md"
SHOP = """
CREATE EXTENSION IF NOT EXISTS plpgsql;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE colour AS ENUM ('red');
CREATE FUNCTION volatile() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION stable() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE TABLE cities (id bigint PRIMARY KEY, name text);
CREATE TABLE users (
  id int PRIMARY KEY, email text CONSTRAINT email_there CHECK (email IS NOT NULL), city int, age int CHECK (age > 0),
  name varchar(10), padding text, zip text,
  code varchar(5) CHECK (code <> '')
);
CREATE INDEX users_name ON users (name);
CREATE UNIQUE INDEX users_id ON users (id);
CREATE UNIQUE INDEX users_city ON users (city);
ALTER TABLE users ADD CONSTRAINT zip_there CHECK (zip IS NOT NULL) NOT VALID;
INSERT INTO users SELECT n, n, n, 1, 'x', repeat('x', 1000), 'z', 'c' FROM generate_series(1, 10000) n;
CREATE TABLE "we""ird%1" ("or.der" int NOT NULL);
CREATE TABLE cities_of_users (id bigint PRIMARY KEY, padding text);
INSERT INTO cities_of_users SELECT n, repeat('x', 1000) FROM generate_series(1, 10000) n;
CREATE TABLE events (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO events SELECT n, '2024-05-05' FROM generate_series(1, 300000) n;
ANALYZE;
"""


def shop(database: Database) -> None:
    database.execute(SHOP)


@pytest.fixture
def users(create_database: CreateDatabase) -> Database:
    """A table of 12 MB among small ones."""
    return create_database(shop)


def lint_in(database: Database, folder: Path, sql: str, exclude: Sequence[str] = HABITS) -> Report:
    return lint([write(folder, sql)], context_of(database), exclude=exclude)


HARMLESS = {
    "ALTER TABLE users ALTER id SET NOT NULL": "id is NOT NULL already",
    "ALTER TABLE users ALTER email SET NOT NULL": 'valid check "email_there" proves it',
    "ALTER TABLE users ALTER name TYPE varchar(20)": "stored in the same way",
    "ALTER TABLE users ALTER name TYPE text": "stored in the same way",
    "ALTER TABLE users ALTER name TYPE text USING name::text": "stored in the same way",
    "ALTER TABLE users ADD COLUMN c int DEFAULT stable()": "nothing is rewritten",
    "ALTER TABLE users ADD COLUMN c colour": "nothing is rewritten",
    "ALTER TABLE users VALIDATE CONSTRAINT email_there": "",
    "ALTER TABLE users DROP CONSTRAINT users_pkey, ADD PRIMARY KEY USING INDEX users_id": "columns are NOT NULL",
    "ALTER TABLE cities ADD CHECK (id > 0)": "public.cities is small",
    "CREATE INDEX ON cities (name)": "public.cities is small",
    "ALTER TABLE cities ALTER id TYPE numeric": "public.cities is small",
    'ALTER TABLE "we""ird%1" ALTER "or.der" SET NOT NULL': "or.der is NOT NULL already",
    'ALTER TABLE "we""ird%1" ALTER "or.der" TYPE bigint': 'public.we"ird%1 is small',
    "ALTER TABLE cities ADD FOREIGN KEY (id) REFERENCES cities_of_users (id)": "public.cities is small",
    "CREATE INDEX CONCURRENTLY i ON users (age)": "only PostgreSQL 14.0 to 14.3",
}


@pytest.mark.matrix
@pytest.mark.parametrize(("sql", "reason"), HARMLESS.items(), ids=list(HARMLESS))
def test_what_the_catalog_shows_to_be_harmless_is_dismissed_with_the_reason(
    sql: str, reason: str, users: Database, tmp_path: Path
) -> None:
    report = lint_in(users, tmp_path, sql, exclude=[*HABITS, "drop_constraint"])
    assert found(report) == []
    assert not reason or any(reason in each.reason for each in report.dismissed)


HARMFUL = {
    "ALTER TABLE users ALTER city SET NOT NULL": "reads every row (about 10,000 rows, ",
    "ALTER TABLE users ALTER zip SET NOT NULL": "reads every row",
    "ALTER TABLE users ALTER id TYPE bigint": "rewrites the table",
    "ALTER TABLE users ALTER name TYPE varchar(5)": "rewrites the table",
    'ALTER TABLE users ALTER name TYPE text COLLATE "C"': "builds an index",
    "ALTER TABLE users ALTER code TYPE varchar(9)": "reads every row",
    "ALTER TABLE users ALTER age TYPE positive USING age": "rewrites the table",
    "ALTER TABLE users ALTER name TYPE text USING lower(name)": "rewrites the table",
    "ALTER TABLE users ADD COLUMN c int DEFAULT volatile()": "rewrites the table",
    "ALTER TABLE users ADD COLUMN c positive": "rewrites the table",
    "ALTER TABLE users ADD PRIMARY KEY USING INDEX users_city": "reads every row",
    "ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES events (id)": "reads every row",
    "CREATE INDEX ON events (id)": "builds an index over every row (about 300,000 rows, ",
    "DROP INDEX users_name": "takes ACCESS EXCLUSIVE on public.users",
    "ALTER TABLE cities DROP COLUMN name": "code that names the column fails",
}


@pytest.mark.matrix
@pytest.mark.parametrize(("sql", "effect"), HARMFUL.items(), ids=list(HARMFUL))
def test_what_postgresql_would_do_is_said_with_the_size_of_the_table(
    sql: str, effect: str, users: Database, tmp_path: Path
) -> None:
    (finding,) = lint_in(users, tmp_path, sql).findings
    assert effect in finding.effect
    assert finding.unknown == ()


def test_a_foreign_key_between_two_types_is_noticed(users: Database, tmp_path: Path) -> None:
    report = lint_in(users, tmp_path, "ALTER TABLE users ADD FOREIGN KEY (city) REFERENCES cities NOT VALID")
    (finding,) = report.findings
    assert (finding.rule, finding.operation) == (
        "foreign_key_type",
        "city is integer, id of public.cities is bigint",
    )


def test_a_not_null_that_nobody_validated_proves_nothing(users: Database, tmp_path: Path) -> None:
    if users.server_version < 180000:
        pytest.skip("NOT NULL NOT VALID came with 18")
    users.execute("ALTER TABLE users ADD CONSTRAINT town NOT NULL city NOT VALID")
    assert found(lint_in(users, tmp_path, "ALTER TABLE users ALTER city SET NOT NULL")) == [(1, "set_not_null")]


def test_each_trial_begins_anew_also_after_one_that_failed(users: Database, tmp_path: Path) -> None:
    sql = """
        ALTER TABLE users ALTER name TYPE nonsense;
        ALTER TABLE users ALTER id TYPE bigint;
        ALTER TABLE users ALTER name TYPE text;
    """
    report = lint_in(users, tmp_path, sql)
    assert found(report) == [(2, "change_type"), (3, "change_type")]
    assert "whether nonsense is stored like the type before" in report.findings[0].unknown


def test_a_table_that_is_not_there_counts_as_large(users: Database, tmp_path: Path) -> None:
    (finding,) = lint_in(users, tmp_path, "ALTER TABLE nowhere ALTER c TYPE bigint").findings
    assert "how large nowhere is" in finding.unknown
    assert "(the database does not show nowhere)" in finding.unknown


def test_a_table_that_somebody_holds_locked_is_not_waited_for(users: Database, tmp_path: Path) -> None:
    with users.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        (finding,) = lint_in(users, tmp_path, "ALTER TABLE users ALTER city SET NOT NULL").findings
        assert "(the database does not show users)" in finding.unknown


@pytest.mark.matrix
def test_lint_leaves_the_database_as_it_was(users: Database, tmp_path: Path) -> None:
    before = users.dump()
    lint_in(users, tmp_path, ";".join([*HARMLESS, *HARMFUL]))
    assert users.dump() == before


# the command


def test_the_exit_code_says_whether_there_are_findings(
    users: Database, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    path = write(tmp_path, "SET lock_timeout = '1s'; SET statement_timeout = '1s'; ALTER TABLE users DROP COLUMN zip;")
    assert orchestrator("lint", str(path), database=users).exit_code == 3
    assert orchestrator("lint", str(path), "--exclude", "drop_column", database=users).exit_code == 0
    path.write_text("ALTER TABEL users")
    broken = orchestrator("lint", str(path), database=users)
    assert broken.exit_code == 2
    assert f"error: {path}:1: syntax error" in broken.stderr
    assert orchestrator("lint", "gone.sql", database=users).exit_code == 2
    assert orchestrator("lint").exit_code == 2


def test_without_a_database_lint_works_and_says_what_it_could_not_know(
    users: Database, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    path = write(tmp_path, "ALTER TABLE users ALTER id SET NOT NULL;")
    for done in (orchestrator("lint", str(path)), orchestrator("lint", str(path), "--offline", database=users)):
        assert done.exit_code == 3
        assert "no database was asked" in done.stderr
        assert "whether id is NOT NULL already" in done.stdout


def test_a_database_that_does_not_answer_is_an_error_not_a_silent_guess(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    path = write(tmp_path, "SELECT 1;")
    done = orchestrator("lint", str(path), database=f"postgresql:///x?host={tmp_path}")
    assert done.exit_code == 1
    assert "cannot connect to the database" in done.stderr


def test_a_revision_gets_annotations_on_its_own_lines(
    users: Database, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    path = write_revision(tmp_path, 'op.alter_column("users", "zip", new_column_name="postcode")')
    done = orchestrator("lint", str(path), "--format", "github", "--exclude", "timeouts", database=users)
    assert done.exit_code == 3
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"::error file={path},line=10,title=lint%3A rename_column::")


@pytest.mark.parametrize(
    "sql", ["ALTER TABLE users RENAME COLUMN city TO town", "ALTER TABLE users ALTER city SET NOT NULL"]
)
def test_a_plan_that_lint_prints_is_one_that_plan_shows(
    sql: str, users: Database, orchestrator: Orchestrator, tmp_path: Path
) -> None:
    (finding,) = lint_in(users, tmp_path, sql).findings
    assert finding.plan
    name = yaml.safe_load(finding.plan)["name"]
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / f"{name}.yaml").write_text(finding.plan)
    done = orchestrator("plan", name, database=users)
    assert done.exit_code == 0, done.stderr


def test_the_example_of_the_documentation_is_what_lint_prints(database: Database, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE users (id bigint PRIMARY KEY, email text, city text, name varchar(10), padding text)"
    )
    database.execute("INSERT INTO users SELECT n, 'e', 'c', 'n', repeat('x', 1000) FROM generate_series(1, 9000) n")
    database.execute("ANALYZE")
    page = DOCS.read_text()
    sql = page.partition("```sql\n")[2].partition("```")[0]
    shown = page.partition("--exclude robust\n")[2].partition("```")[0]
    report = lint_in(database, tmp_path, sql, exclude=["timeouts", "robust"])
    printed = show.text(report) + "\n" + show.summary(report) + "\n"
    assert without_sizes(printed).replace(str(tmp_path / "0042.sql"), "db/0042_names.sql") == without_sizes(shown)


def without_sizes(text: str) -> str:
    return re.sub(r"\(about [^)]*\)", "(…)", text)
