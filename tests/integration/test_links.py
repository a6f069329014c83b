"""Columns that are computed from each other: who wrote last is followed, and what nobody wrote stays what it was."""

from pathlib import Path
from typing import LiteralString

import pytest
import yaml
from psycopg.sql import SQL

from orchestrator import comparison
from orchestrator.errors import PlanRefused
from orchestrator.plan import parse
from orchestrator.planning import make_program
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.runs import Migration, context_of, init

# the way there and back loses: a case, and what stands behind the first word
PLAN = """
name: split
changes:
  - kind: split_column
    table: people
    from: name
    to:
      first: {type: text, up: "lower(split_part(name, ' ', 1))"}
      rest: {type: text, up: "split_part(name, ' ', 2)"}
    down: first || ' ' || rest
"""
PEOPLE: LiteralString = """
CREATE TABLE people (id int PRIMARY KEY, name text, city text);
INSERT INTO people VALUES (1, 'Ann Lee van Dyke'), (2, NULL);
"""
WITHOUT_TRIGGER: LiteralString = """
ALTER TABLE people DISABLE TRIGGER USER;
UPDATE people SET name = 'Zoe Q' WHERE id = 1;
ALTER TABLE people ENABLE TRIGGER USER
"""
OLD: LiteralString = "INSERT INTO people (id, name) VALUES (3, 'Bob May the Third')"
NEW: LiteralString = "INSERT INTO people (id, first, rest) VALUES (4, 'CY', 'Ng of X')"


def people(create_database: CreateDatabase, folder: Path, to: Phase, plan: str = PLAN) -> tuple[Database, Migration]:
    database = create_database(init)
    database.execute(SQL(PEOPLE))
    migration = Migration.of(plan, database, folder / "plans")
    migration.advance(to)
    return database, migration


def row(database: Database, key: int) -> tuple[object, ...]:
    [found] = database.fetch("SELECT name, first, rest FROM people WHERE id = %s", [key])
    return tuple(found)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("statement", "key", "expected"),
    [
        (OLD, 3, ("Bob May the Third", "bob", "May")),
        (NEW, 4, ("CY Ng of X", "CY", "Ng of X")),
        ("UPDATE people SET name = 'Di Fu' WHERE id = 3", 3, ("Di Fu", "di", "Fu")),
        ("UPDATE people SET name = NULL WHERE id = 3", 3, (None, None, None)),
        ("UPDATE people SET first = 'Bo' WHERE id = 3", 3, ("Bo May", "Bo", "May")),
        # neither side survives the way there and back, and neither was written
        ("UPDATE people SET city = 'Paris' WHERE id = 3", 3, ("Bob May the Third", "bob", "May")),
        ("UPDATE people SET city = 'Paris' WHERE id = 4", 4, ("CY Ng of X", "CY", "Ng of X")),
        # an old writer comes back to what the new columns would give: they follow all the same
        ("UPDATE people SET name = 'bob May' WHERE id = 3", 3, ("bob May", "bob", "May")),
        # both given, and they agree: neither is computed anew
        (
            "UPDATE people SET name = 'Ed Ox of Y', first = 'ed', rest = 'Ox' WHERE id = 3",
            3,
            ("Ed Ox of Y", "ed", "Ox"),
        ),
        ("UPDATE people SET name = 'Ed Ox Y', first = 'Al', rest = 'B' WHERE id = 3", 3, ("Al B", "Al", "B")),
        # a row older than the trigger is brought into step by any write
        ("UPDATE people SET city = 'Paris' WHERE id = 1", 1, ("Ann Lee van Dyke", "ann", "Lee")),
    ],
)
def test_the_side_that_was_written_is_followed_and_nothing_else_changes(
    create_database: CreateDatabase, tmp_path: Path, statement: LiteralString, key: int, expected: tuple[object, ...]
) -> None:
    database, _ = people(create_database, tmp_path, Phase.DUAL_WRITE)
    for each in dict.fromkeys((OLD, NEW, statement)):
        database.execute(each)
    assert row(database, key) == expected


@pytest.mark.matrix
def test_the_backfill_leaves_alone_what_new_code_wrote_though_up_would_say_something_else(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = people(create_database, tmp_path, Phase.DUAL_WRITE)
    database.execute(NEW)
    migration.advance(Phase.CONSTRAIN)
    assert row(database, 4) == ("CY Ng of X", "CY", "Ng of X")
    assert row(database, 1) == ("Ann Lee van Dyke", "ann", "Lee")


def test_the_verification_finds_a_row_that_is_in_step_neither_way(
    create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = people(create_database, tmp_path, Phase.BACKFILL)
    database.execute(WITHOUT_TRIGGER)
    [found] = comparison.verify(migration.context, migration.name)
    assert (found.differences, found.keys) == (1, ("id=1",))


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("first || ' ' || rest || nonsense", 'column "nonsense" does not exist'),
        ("concat_ws(' ', first, rest)", "is not immutable"),
        ("name || first", 'reads "name"'),
        ("(SELECT max(c.relname) FROM pg_class c)::text", "cannot use subquery in trigger WHEN condition"),
        ("max(first)", "aggregate functions are not allowed"),
        ("first); DROP TABLE people; --", "syntax error at or near"),
    ],
)
def test_what_cannot_be_kept_in_step_is_refused_in_the_words_of_the_server(
    database: Database, change: str, reason: str
) -> None:
    database.execute(SQL(PEOPLE))
    plan = parse(PLAN.replace("first || ' ' || rest", change), "plan")
    with pytest.raises(PlanRefused) as caught:
        make_program(context_of(database), plan)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("{kind: add_column, table: people, column: n, type: int NOT NULL DEFAULT 5}", 'syntax error at or near "NOT"'),
        ("{kind: add_column, table: people, column: n, type: int CHECK (n > 0)}", 'syntax error at or near "CHECK"'),
        ("{kind: add_column, table: people, column: n, type: int, default: 'NULL'}", "NULL is no default"),
        (
            "{kind: add_check, table: people, name: k, check: 'id > 0), CHECK (id < 9'}",
            'syntax error at or near "CHECK"',
        ),
    ],
)
def test_words_that_would_be_lost_are_refused(database: Database, change: str, reason: str) -> None:
    database.execute(SQL(PEOPLE))
    with pytest.raises(PlanRefused) as caught:
        make_program(context_of(database), parse(f"name: x\nchanges: [{change}]", "plan"))
    assert reason in str(caught.value)


def test_what_hangs_on_columns_of_two_changes_survives_two_names_of_the_table(database: Database) -> None:
    database.execute(SQL(PEOPLE))
    database.execute("CREATE UNIQUE INDEX people_both ON people (name, city)")
    changes = (
        "{kind: rename_column, table: people, from: name, to: label}, "
        "{kind: rename_column, table: public.people, from: city, to: town}"
    )
    plan = parse(f"name: x\nchanges: [{changes}]", "plan")
    [delta] = make_program(context_of(database), plan)[0].deltas
    assert [index.definition for index in delta.indexes] == ["USING btree (label, town)"]


def test_an_expression_may_be_a_case(database: Database) -> None:
    database.execute(SQL(PEOPLE))
    case = PLAN.replace("split_part(name, ' ', 2)", "CASE WHEN name = 'x' THEN 'y' END")
    sync = make_program(context_of(database), parse(case, "plan"))[0].deltas[0].sync
    assert sync is not None
    [link] = sync.links
    assert link.up[1].expression.startswith("CASE")


def test_an_operator_of_somebody_else_over_a_type_is_no_reason_to_trust_it(database: Database) -> None:
    database.execute(SQL(PEOPLE))
    plan = parse("name: x\nchanges: [{kind: rename_column, table: people, from: name, to: label}]", "plan")
    before = make_program(context_of(database), plan)[0].deltas[0].sync
    database.execute(
        "CREATE FUNCTION never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';"
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = never)"
    )
    after = make_program(context_of(database), plan)[0].deltas[0].sync
    assert before is not None and after is not None
    assert (before.links[0].up[0].comparison, after.links[0].up[0].comparison) == ("text", "image")


def test_a_column_that_up_reads_besides_is_warned_of(database: Database) -> None:
    database.execute(SQL(PEOPLE))
    plan = parse(PLAN.replace("split_part(name, ' ', 2)", "split_part(name, ' ', 2) || city"), "plan")
    [warning] = make_program(context_of(database), plan)[0].warnings
    assert warning.endswith('also reads "city": an UPDATE of "city" alone does not compute "rest" anew')


TYPED: LiteralString = "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE people (id int PRIMARY KEY, name text);"


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("type_", "up", "value"),
    [
        ("mood", "'glad'", "'glad'::public.mood"),
        ("date", "'2024-02-29' -- a leap day", "'2024-02-29'::date"),
        ("int", "'7'", "7"),
        ("varchar(3)", "'long'", None),
        ("mood", "'angry'", None),
    ],
)
def test_a_literal_is_read_as_the_type_of_its_column(
    database: Database, type_: str, up: str, value: str | None
) -> None:
    database.execute(TYPED)
    change = {"kind": "add_column", "table": "people", "column": "extra", "type": type_, "up": up}
    plan = parse(yaml.safe_dump({"name": "typed", "changes": [change]}), "plan")
    if value is None:
        with pytest.raises(PlanRefused):
            make_program(context_of(database), plan)
        return
    program, _ = make_program(context_of(database), plan)
    assert program.deltas[0].sync is not None
    assert [fill.value.expression for fill in program.deltas[0].sync.fills] == [value]


@pytest.mark.parametrize(
    ("down", "warned"), [("COALESCE(first, '?') || COALESCE(rest, '')", True), ("first || rest", False)]
)
def test_nulls_of_newer_code_that_come_back_as_values_are_told(database: Database, down: str, warned: bool) -> None:
    database.execute(SQL(PEOPLE))
    plan = parse(PLAN.replace("first || ' ' || rest", down), "plan")
    program, _ = make_program(context_of(database), plan)
    said = 'where newer code leaves "first", "rest" null, "up" of what "down" gives for that is not null'
    assert any(warning.startswith(said) for warning in program.warnings) == warned


COMPUTED = """
name: split
changes:
  - {kind: add_column, table: people, column: shout, type: text, up: upper(name)}
"""
MERGED = """
name: split
changes:
  - kind: merge_columns
    table: people
    from: {name: "split_part(shout, '|', 1)", city: "split_part(shout, '|', 2)"}
    to: {shout: {type: text, up: "COALESCE(name, '') || '|' || COALESCE(city, '')"}}
"""


@pytest.mark.parametrize(("plan", "expected"), [(COMPUTED, "ANN LEE VAN DYKE"), (MERGED, "|")])
def test_a_null_that_the_old_shape_has_no_word_for_is_computed_and_does_not_stop_contract(
    plan: str, expected: str, create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, migration = people(create_database, tmp_path, Phase.CONSTRAIN, plan)
    database.execute("UPDATE people SET shout = NULL WHERE id = 1")
    migration.advance(Phase.CONTRACT)
    assert database.fetch("SELECT shout FROM people WHERE id = 1") == [(expected,)]


@pytest.mark.parametrize(("up", "warned"), [("upper(name) || random()", True), ("upper(name)", False)])
def test_a_value_that_is_given_once_may_be_volatile_and_is_told(database: Database, up: str, warned: bool) -> None:
    database.execute(SQL(PEOPLE))
    change = {"kind": "set_not_null", "table": "people", "column": "city", "up": up}
    plan = parse(yaml.safe_dump({"name": "once", "changes": [change]}), "plan")
    program, _ = make_program(context_of(database), plan)
    assert any("is not immutable: each row keeps what it gives" in each for each in program.warnings) == warned


def test_a_plan_warns_where_the_old_column_takes_less_than_down_may_give(database: Database, tmp_path: Path) -> None:
    init(database)
    database.execute("CREATE TABLE people (id int PRIMARY KEY, name varchar(20) NOT NULL, city text)")
    program, _ = make_program(context_of(database, tmp_path), parse(PLAN, "plan"))
    [warning] = [each for each in program.warnings if '"down" gives' in each]
    assert warning.endswith('"name" does not take: it is NOT NULL and character varying(20)')
