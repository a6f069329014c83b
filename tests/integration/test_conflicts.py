"""Several changes of one plan on one table: their order matters, and nothing may hang between two of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.compiler import compile_plan
from orchestrator.errors import PlanRefused
from orchestrator.plan import parse
from orchestrator.planning import read_catalog
from phases.step import Batches, Phase, Verify
from tests.fixtures.database import Database
from tests.fixtures.runs import context_of

CASE = Path(__file__).parents[1] / "scenarios" / "cases" / "many_changes"
USERS = "CREATE TABLE users (id int PRIMARY KEY, mail text, city text); CREATE INDEX pair ON users (mail, city)"
RENAME = "  - {kind: rename_column, table: users, from: mail, to: email}\n"
ADD = "  - {kind: add_column, table: users, column: domain, type: text, up: upper(mail)}\n"
READ = "  - {kind: add_column, table: users, column: place, type: text, up: city || ' x', not_null: true}\n"
FILL = "  - {kind: set_not_null, table: users, column: city, up: \"'unknown'\"}\n"
KEEP = "  - {kind: drop_column, table: users, column: city, down: \"'unknown'\"}\n"
DROP = "  - {kind: drop_column, table: users, column: city}\n"
REQUIRE = "  - {kind: set_not_null, table: users, column: mail}\n"


def test_one_trigger_and_one_scan_serve_all_changes_of_a_table(database: Database) -> None:
    database.execute((CASE / "schema.sql").read_text())
    plan = parse((CASE / "plan.yaml").read_text(), "plan")
    program = compile_plan(plan, read_catalog(context_of(database), plan))
    assert len(list(program.of(Phase.DUAL_WRITE))) == 1
    assert [type(placed.step) for placed in program.of(Phase.BACKFILL)] == [Batches, Verify]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (ADD + RENAME, 'add_column reads "mail" before rename_column has brought it up to date'),
        (RENAME + DROP, 'index "pair" covers "city", which goes, and "mail", which gets another name'),
        (RENAME + REQUIRE, 'column "mail" of "public.users" gets another NOT NULL in this plan'),
        (ADD + ADD.replace("domain", "other").replace("mail", "domain"), '"domain" is read by an expression'),
        (FILL + READ, 'add_column reads "city", which the set_not_null of this plan fills'),
        (READ + FILL, 'add_column reads "city", which the set_not_null of this plan fills'),
        (KEEP + READ, 'add_column reads "city", which the drop_column of this plan fills'),
        (REQUIRE * 2, '2 changes are about NOT NULL of column "mail"'),
    ],
)
def test_changes_that_stand_in_each_others_way_are_refused(changes: str, reason: str, database: Database) -> None:
    database.execute(USERS)
    plan = parse(f"name: several\nchanges:\n{changes}", "plan")
    catalog = read_catalog(context_of(database), plan)
    with pytest.raises(PlanRefused) as refused:
        compile_plan(plan, catalog)
    assert reason in refused.value.message


@pytest.mark.parametrize(("version", "warned"), [(140003, True), (140004, False), (150000, False)])
def test_a_server_whose_concurrent_builds_miss_rows_is_warned_of(
    database: Database, version: int, warned: bool
) -> None:
    database.execute(USERS)
    plan = parse(f"name: several\nchanges:\n{RENAME}", "plan")
    catalog = replace(read_catalog(context_of(database), plan), server_version=version)
    warnings = compile_plan(plan, catalog).warnings
    assert any(each.startswith("before 14.4 an index") for each in warnings) == warned


def test_a_column_is_computed_from_one_that_was_renamed_before(database: Database) -> None:
    database.execute(USERS)
    plan = parse(f"name: several\nchanges:\n{RENAME}{ADD}", "plan")
    assert compile_plan(plan, read_catalog(context_of(database), plan)).steps


OTHERS = "CREATE TABLE cities (id int PRIMARY KEY, name text)"
INDEX = "  - {{kind: create_index, table: {}, name: by_name, columns: [{}]}}\n"
REFER = "  - {kind: add_foreign_key, table: users, name: lives_in, columns: [id], references: {table: cities}}\n"
GONE = "  - {kind: drop_table, table: cities}\n"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            INDEX.format("users", "mail") + INDEX.format("cities", "name"),
            'changes of 2 tables make "by_name" in schema',
        ),
        (REFER + GONE, 'foreign key "lives_in" refers to "public.cities", which another change of this plan drops'),
    ],
)
def test_changes_of_several_tables_that_stand_in_each_others_way_are_refused(
    changes: str, reason: str, database: Database
) -> None:
    database.execute(USERS)
    database.execute(OTHERS)
    plan = parse(f"name: several\nchanges:\n{changes}", "plan")
    catalog = read_catalog(context_of(database), plan)
    with pytest.raises(PlanRefused) as refused:
        compile_plan(plan, catalog)
    assert reason in refused.value.message
