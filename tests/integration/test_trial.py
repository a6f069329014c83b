"""What the trigger would compute is computed for every row first: a row that fails there would fail the application."""

from pathlib import Path
from typing import Any, LiteralString

import pytest
import yaml

from orchestrator.errors import StepFailed
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.runs import Migration, init

SHARE = {"kind": "add_column", "table": "t", "column": "share", "type": "int", "up": "100 / parts"}
NARROWER = {"kind": "change_type", "table": "t", "column": "code", "type": "varchar(5)"}
HALVED = {"kind": "change_type", "table": "t", "column": "code", "type": "varchar(5)", "up": "substr(code, 1, 5)"}
BY_PATH = {"kind": "add_column", "table": "t", "column": "named", "type": "text", "up": "public.named(parts)"}

MADE: LiteralString = """
CREATE TABLE names (number int, name text); INSERT INTO names VALUES (0, 'none');
CREATE FUNCTION named(int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
'BEGIN RETURN (SELECT name FROM names WHERE number = $1); END';
CREATE TABLE t (id int PRIMARY KEY, parts int, code varchar(40));
INSERT INTO t VALUES (1, 4, 'short'), (2, 0, 'too long'), (3, NULL, NULL);
"""


@pytest.fixture
def database(create_database: CreateDatabase) -> Database:
    made = create_database(init)
    made.execute(MADE)
    return made


def migrated(database: Database, folder: Path, change: dict[str, Any]) -> Migration:
    plan = {"name": "tried", "changes": [change]}
    return Migration.of(yaml.safe_dump(plan), database, folder)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (SHARE, "division by zero"),
        (NARROWER, "row id=2"),
        (BY_PATH, 'relation "names" does not exist'),
    ],
    ids=["an expression that fails", "a value that is too long", "a function that needs the caller's path"],
)
def test_a_row_on_which_the_trigger_would_fail_stops_the_run_before_anything_is_made(
    database: Database, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    before = database.dump()
    migration = migrated(database, tmp_path, change)
    with pytest.raises(StepFailed, match=said):
        migration.advance(to=Phase.EXPAND)
    assert database.dump() == before


def test_a_run_goes_on_when_its_rows_are_right(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, SHARE)
    with pytest.raises(StepFailed):
        migration.advance(to=Phase.EXPAND)
    database.execute("UPDATE t SET parts = 5 WHERE id = 2")
    migration.advance(to=Phase.CONSTRAIN)
    assert database.fetch("SELECT share FROM t ORDER BY id") == [(25,), (20,), (None,)]


def test_what_an_author_cuts_on_purpose_is_cut(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, HALVED)
    migration.advance(to=Phase.CONSTRAIN)
    assert database.fetch("SELECT code FROM t ORDER BY id") == [("short",), ("too l",), (None,)]
