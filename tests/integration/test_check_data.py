"""`plan --check-data` asks every row what a run would ask, names those that stand against it, and changes nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, LiteralString

import pytest
import yaml
from psycopg.sql import SQL

from orchestrator.context import Context
from orchestrator.dry_run import check_data
from orchestrator.errors import LockNotObtained
from orchestrator.plan import parse
from orchestrator.planning import load_plan, make_program
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import holding
from tests.fixtures.processes import StartProcess
from tests.fixtures.runs import context_of
from tests.fixtures.waiting import wait_until
from tests.integration.command_line import CommandLine, OpenCommandLine, initialised
from tests.scenarios.folders import FOLDERS

TABLES: LiteralString = """
CREATE TABLE groups (id int PRIMARY KEY);
INSERT INTO groups VALUES (1), (2);
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age int, "group" int, code varchar(40));
INSERT INTO people VALUES (1, 'Ann Lee', 30, 1, 'a'), (2, 'Bo', 0, 2, 'b'), (3, 'Cy  Dee', NULL, 3, 'b'),
                          (4, 'Di Ek', -1, NULL, 'c');
"""
SHARE = {"kind": "add_column", "column": "share", "type": "int", "up": "100 / age"}
SPLIT = {
    "kind": "split_column",
    "from": "name",
    "to": {
        "first": {"type": "text", "up": "split_part(name, ' ', 1)"},
        "last": {"type": "text", "up": "trim(substr(name, strpos(name || ' ', ' ')))"},
    },
    "down": "first || ' ' || last",
}


@pytest.fixture
def people(create_database: CreateDatabase, open_command_line: OpenCommandLine) -> CommandLine:
    return open_command_line(create_database(stocked))


def stocked(database: Database) -> None:
    initialised(database)
    database.execute(TABLES)


def written(cli: CommandLine, *changes: Mapping[str, Any], table: str = "people") -> None:
    plan = {"name": "checked", "changes": [{"table": table, **change} for change in changes]}
    folder = cli.folder / "plans"
    folder.mkdir(exist_ok=True)
    (folder / "checked.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")


def told(cli: CommandLine, *changes: Mapping[str, Any]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and by title what has something to say."""
    written(cli, *changes)
    result = cli("plan", "checked", "--check-data", "--json")
    findings = json.loads(result.stdout)["findings"]
    return result.exit_code, {
        each["title"]: each for each in findings if each["rows"] or each["failures"] or each["unforeseen"]
    }


@pytest.mark.matrix
def test_a_row_on_which_up_fails_is_named_with_what_the_server_says(people: CommandLine) -> None:
    before = people.database.dump()
    code, found = told(people, SHARE)
    assert code == 3
    assert found["compute share for every row"]["failures"] == [
        {"key": "id=2", "sqlstate": "22012", "message": "division by zero"}
    ]
    assert people.database.dump() == before


def test_the_rows_are_told_to_people(people: CommandLine) -> None:
    written(people, SHARE)
    result = people("plan", "checked", "--check-data")
    assert result.exit_code == 3
    assert result.stdout == (
        "stops the run: compute share for every row on public.people\n  row id=2: division by zero (22012)\n"
    )
    assert "orchestrator plan checked --check-data" in result.stderr


def test_few_bad_rows_of_many_blocks_are_found_and_many_are_not_all_told(people: CommandLine) -> None:
    people.database.execute(
        "CREATE TABLE wide (id int, filler char(2000)); ALTER TABLE wide ALTER filler SET STORAGE PLAIN;"
        "INSERT INTO wide SELECT n, 'x' FROM generate_series(1, 800) n"
    )
    few = {"kind": "add_column", "table": "wide", "column": "share", "type": "int", "up": "1 / mod(id, 300)"}
    _, found = told(people, few)
    (share,) = found.values()
    assert [each["key"] for each in share["failures"]] == ["ctid='(74,4)'", "ctid='(149,4)'"]
    _, found = told(people, few | {"up": "1 / mod(id, 2)"})
    (share,) = found.values()
    assert len(share["failures"]) == 10


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (
            {"kind": "add_unique", "name": "one_code", "columns": ["code"]},
            ["id=2, duplicate='b'", "id=3, duplicate='b'"],
        ),
        ({"kind": "add_check", "name": "of_age", "check": "age > 0"}, ["id=2", "id=4"]),
        ({"kind": "set_not_null", "column": "age"}, ["id=3"]),
        ({"kind": "add_column", "column": "next", "type": "int", "up": "age + 1", "not_null": True}, ["id=3"]),
    ],
    ids=["duplicates", "a check", "nulls", "nulls that up gives"],
)
def test_what_would_stop_constrain_is_known_before(
    people: CommandLine, change: dict[str, Any], keys: list[str]
) -> None:
    code, found = told(people, change)
    assert code == 3
    assert [each["keys"] for each in found.values()] == [keys]


def test_rows_that_refer_to_nothing_are_found(people: CommandLine) -> None:
    key = {"kind": "add_foreign_key", "name": "in_group", "columns": ["group"], "references": {"table": "groups"}}
    code, found = told(people, key)
    assert (code, [each["keys"] for each in found.values()]) == (3, [["id=3"]])


def test_a_check_on_a_column_that_the_plan_makes_is_asked_of_what_up_gives(people: CommandLine) -> None:
    added = {"kind": "add_column", "column": "twice", "type": "int", "up": "age * 2"}
    check = {"kind": "add_check", "name": "small", "check": "twice < 50"}
    code, found = told(people, added, check)
    assert code == 3
    assert found["look for rows that break small"]["keys"] == ["id=1"]


@pytest.mark.matrix
def test_a_value_that_does_not_survive_the_way_there_and_back_is_a_warning(people: CommandLine) -> None:
    code, found = told(people, SPLIT)
    assert code == 0
    (lost,) = found.values()
    assert (lost["rows"], lost["keys"], lost["stops"]) == (2, ["id=2", "id=3"], False)


def test_a_column_that_keeps_its_name_is_computed_there_and_back(people: CommandLine) -> None:
    change = {"kind": "change_type", "column": "code", "type": "varchar(40)", "up": "upper(code)", "down": "code"}
    code, found = told(people, change | {"type": "text"})
    assert code == 0
    (lost,) = found.values()
    assert (lost["rows"], lost["keys"]) == (4, ["id=1", "id=2", "id=3", "id=4"])


@pytest.mark.matrix
def test_a_row_whose_new_value_cannot_be_taken_back_stops_the_run(people: CommandLine) -> None:
    change = {"kind": "change_type", "column": "age", "type": "text", "up": "NULLIF(age, 0) || 'y'", "down": "age::int"}
    code, found = told(people, change)
    assert code == 3
    failed = next(each for each in found.values() if each["stops"])
    assert [each["key"] for each in failed["failures"]] == ["id=1", "id=4"]
    result = people("advance", "checked")
    assert result.exit_code == 1
    assert 'row id=1: invalid input syntax for type integer: "30y" (22P02)' in result.stderr


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("column", "up"), [("code", "upper(code)"), ("name", "NULLIF(name, 'Bo')")], ids=["a check", "NOT NULL"]
)
def test_what_up_gives_and_breaks_a_constraint_is_found_before_that_is_added(
    people: CommandLine, column: str, up: str
) -> None:
    people.database.execute("ALTER TABLE people ADD CHECK (code <> 'B')")
    code, found = told(
        people, {"kind": "change_type", "column": column, "type": "varchar(99)", "up": up, "down": column}
    )
    assert (code, [each["keys"][0] for each in found.values() if each["stops"]]) == (3, ["id=2"])
    result = people("advance", "checked", "--to", "constrain")
    assert result.exit_code == 1
    assert "id=2" in result.stderr
    # what is added, valid or not, would refuse it
    people.database.execute("UPDATE people SET age = age + 1")


def test_a_value_that_fills_nulls_is_computed_for_nulls_alone(people: CommandLine) -> None:
    code, found = told(people, {"kind": "set_not_null", "column": "age", "up": "1 / (id - 3)"})
    assert code == 3
    assert [each["key"] for each in found["compute age for every row without"]["failures"]] == ["id=3"]


@pytest.mark.matrix
def test_a_row_that_a_check_lets_nobody_update_is_found_where_the_backfill_has_to(people: CommandLine) -> None:
    people.database.execute("ALTER TABLE people ADD CONSTRAINT of_age CHECK (age > 0 OR code = 'c') NOT VALID")
    rename = {"kind": "rename_column", "from": "group", "to": "team"}
    code, found = told(people, rename)
    assert (code, [each["keys"] for each in found.values()]) == (3, [["id=2"]])
    assert 'warning: check "of_age" of "public.people" is NOT VALID' in people("plan", "checked").stdout
    assert (
        'row id=2: new row for relation "people" violates check'
        in people("advance", "checked", "--to", "backfill").stderr
    )
    # no batch touches a row whose new column is null as the old one is
    people.succeed("abort", "checked")
    people.database.execute(
        'ALTER TABLE people DROP CONSTRAINT of_age; UPDATE people SET "group" = NULL WHERE id = 2;'
        "ALTER TABLE people ADD CONSTRAINT of_age CHECK (age > 0 OR code = 'c') NOT VALID"
    )
    assert told(people, rename) == (0, {})


def test_a_check_that_a_filled_null_no_longer_breaks_stops_nothing(people: CommandLine) -> None:
    people.database.execute("ALTER TABLE people ADD CHECK (age IS NOT NULL) NOT VALID")
    assert told(people, {"kind": "set_not_null", "column": "age", "up": "1"}) == (0, {})
    people.advance("constrain", "checked")


def test_a_plan_against_which_no_row_stands_is_fine(people: CommandLine) -> None:
    assert told(people, {"kind": "rename_column", "from": "name", "to": "called"}) == (0, {})


def test_a_table_that_is_locked_is_not_waited_for(people: CommandLine) -> None:
    written(people, SHARE)
    settings = Settings(database_url=people.database.dsn, plans=people.folder / "plans", lock_timeout_ms=50)
    context = Context(settings, Reporter())
    program, catalog = make_program(context, load_plan(context, "checked"))
    with holding(people.database, "LOCK TABLE people"), pytest.raises(LockNotObtained):
        check_data(context, program, catalog)


def test_a_look_for_duplicates_that_takes_too_long_is_cut_short_and_stops_nothing(people: CommandLine) -> None:
    people.database.execute(
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(60); RETURN $1; END'"
    )
    index = {"kind": "create_index", "name": "one_age", "unique": True, "columns": [{"expression": "slow(age)"}]}
    written(people, index, SHARE)
    settings = Settings(database_url=people.database.dsn, plans=people.folder / "plans", duplicates_s=0.1)
    context = Context(settings, Reporter())
    program, catalog = make_program(context, load_plan(context, "checked"))
    found = {each.title: each for each in check_data(context, program, catalog)}
    cut = found["look for duplicates that one_age forbids"]
    assert (cut.stops, (cut.unforeseen or "").partition(";")[0]) == (False, "cut short after 0.1 s")
    assert found["compute share for every row"].stops


def test_ctrl_c_ends_it_and_what_the_server_computes(people: CommandLine, start_orchestrator: StartProcess) -> None:
    people.database.execute(
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(60); RETURN $1; END'"
    )
    written(people, SHARE | {"up": "slow(age)"})
    process = start_orchestrator("plan", "checked", "--check-data", database=people.database, cwd=people.folder)
    sleeping = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    wait_until(lambda: bool(people.database.fetch(sleeping)), what="it computes")
    process.interrupt()
    result = process.wait()
    assert (result.exit_code, result.stderr) == (6, "error: interrupted; nothing was changed\n")
    assert people.database.fetch(sleeping) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_row_of_an_example_stands_against_it(folder: Path, database: Database) -> None:
    database.execute(SQL((folder / "schema.sql").read_text(encoding="utf-8")))
    plan = parse((folder / "plan.yaml").read_text(encoding="utf-8"), "plan")
    program, catalog = make_program(context_of(database), plan)
    assert [each for each in check_data(context_of(database), program, catalog) if each.stops] == []
