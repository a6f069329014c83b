"""Values of an enum come, go and change their names; sessions that are open throughout notice nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString

import pytest
import yaml
from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from orchestrator.catalog.reader import read_enums
from orchestrator.compiler import compile_plan
from orchestrator.context import Context, connected
from orchestrator.errors import CatalogDrifted, PlanRefused, StepFailed
from orchestrator.planning import preview
from orchestrator.report import Reporter
from phases.delta import Table
from phases.step import Phase, Statement
from tests.fixtures.database import CreateDatabase, CreateRole, Database
from tests.fixtures.processes import Orchestrator, Result
from tests.fixtures.runs import Migration, context_of, init

SCHEMA: LiteralString = """
CREATE TYPE mood AS ENUM ('sad', 'meh', 'glad');
CREATE TABLE t (id int PRIMARY KEY, a mood NOT NULL DEFAULT 'glad');
CREATE TABLE u (id int PRIMARY KEY, a mood, all_of mood[]);
INSERT INTO t SELECT n, 'meh' FROM generate_series(1, 9) n; INSERT INTO u SELECT id, a, ARRAY[a, NULL] FROM t
"""
Change = Mapping[str, object]
VALUES: LiteralString = "SELECT enum_range(NULL::mood)::text"
ADD: dict[str, object] = {"kind": "add_enum_value", "type": "mood", "value": "new", "after": "sad"}
REMOVE: dict[str, object] = {"kind": "remove_enum_value", "type": "mood", "value": "meh", "replace": "sad"}
STRICT: dict[str, object] = {"kind": "remove_enum_value", "type": "mood", "value": "meh"}
RENAME: dict[str, object] = {
    "kind": "rename_enum_value",
    "type": "mood",
    "from": "meh",
    "to": "so-so",
    "new_type": "feeling",
    "columns": {"t.a": "b", "public.u.a": "b", "u.all_of": "every"},
}
NO_MOOD: dict[str, object] = {"kind": "add_check", "table": "t", "name": "no_mood", "check": "a <> 'meh'"}


def migrated(database: Database, folder: Path, *changes: Change) -> Migration:
    """A plan of these changes, not yet begun."""
    plan = {"name": "moods", "changes": [dict(change) for change in changes]}
    return Migration.of(yaml.safe_dump(plan, allow_unicode=True), database, folder)


def one(database: Database, sql: LiteralString | SQL) -> object:
    """The only value that a query gives."""
    [(found,)] = database.fetch(sql)
    return found


@pytest.fixture
def database(create_database: CreateDatabase) -> Database:
    made = create_database(init)
    made.execute(SQL(SCHEMA))
    return made


# one more


def test_a_value_comes_when_all_that_may_fail_has_gone_well(database: Database, tmp_path: Path) -> None:
    before = database.dump()
    migration = migrated(database, tmp_path, ADD, NO_MOOD)
    with pytest.raises(StepFailed, match="look for rows that break no_mood"):
        migration.advance(to=Phase.CONSTRAIN)
    migration.abort()
    assert database.dump() == before
    database.execute("UPDATE t SET a = 'sad'")
    migration.advance(to=Phase.CONTRACT)
    assert one(database, VALUES) == "{sad,new,meh,glad}"


def test_a_value_is_the_last_thing_of_constrain_whichever_table_it_is_filed_under(
    database: Database, tmp_path: Path
) -> None:
    index = {"kind": "create_index", "table": "u", "name": "by_id", "columns": ["id"]}
    migration = migrated(database, tmp_path, ADD, index)
    _, program, _ = preview(migration.context, migration.name)
    assert [placed.step.title for placed in program.of(Phase.CONSTRAIN)][-1] == "add value new to mood"


@pytest.mark.matrix
def test_what_an_abort_cannot_take_back_is_said_and_the_same_plan_starts_again(
    database: Database, tmp_path: Path, orchestrator_here: Orchestrator
) -> None:
    migration = migrated(database, tmp_path, ADD)
    migration.advance(to=Phase.CONSTRAIN)
    said = orchestrator_here("abort", "moods", database=database)
    assert "value 'new' of public.mood stays: PostgreSQL cannot take it back" in said.stderr
    assert one(database, VALUES) == "{sad,new,meh,glad}"
    assert one(database, "SELECT count(*) FROM orchestrator.event WHERE kind = 'left'") == 1
    migration.advance(to=Phase.CONTRACT)
    assert one(database, VALUES) == "{sad,new,meh,glad}"


def test_values_may_stand_beside_those_of_the_same_plan(database: Database, tmp_path: Path) -> None:
    values = ('we"ird%1', "it's", "ä" * 31)
    places: tuple[dict[str, str], ...] = ({"before": "sad"}, {"after": 'we"ird%1'}, {})
    changes = [
        {"kind": "add_enum_value", "type": "mood", "value": value, **place}
        for value, place in zip(values, places, strict=True)
    ]
    migrated(database, tmp_path, *changes).advance(to=Phase.CONTRACT)
    found = database.fetch("SELECT enumlabel FROM pg_enum WHERE enumtypid = 'mood'::regtype ORDER BY enumsortorder")
    assert [value for (value,) in found] == ['we"ird%1', "it's", "sad", "meh", "glad", "ä" * 31]


def test_a_run_goes_on_with_the_enum_it_was_started_with(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('x'); CREATE TABLE s.t (a s.mood)")
    migration = migrated(database, tmp_path, ADD, {"kind": "drop_not_null", "table": "public.t", "column": "a"})
    migration.advance(to=Phase.EXPAND)
    database.execute(SQL("ALTER DATABASE {} SET search_path = s, public").format(Identifier(database.name)))
    migration.advance(to=Phase.CONTRACT)
    assert one(database, "SELECT enum_range(NULL::public.mood)::text") == "{sad,new,meh,glad}"


# one less


class Session:
    """A client that is connected all the time, and does not prepare what it sends."""

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self.connection = connection
        self.number = 100

    def uses(self, value: str) -> list[TupleRow]:
        """Writes and compares a value, with casts and without, over both tables."""
        self.number += 1
        row = {"id": self.number, "value": value, "values": [value]}
        for statement in (
            "INSERT INTO t VALUES (%(id)s, %(value)s)",
            "INSERT INTO u SELECT id, a, ARRAY[a] FROM t WHERE id = %(id)s AND a = %(value)s",
            "UPDATE u SET a = %(value)s::mood, all_of = %(values)s::mood[] WHERE a = %(value)s::mood AND id = %(id)s",
            "UPDATE t SET a = u.a FROM u WHERE u.id = t.id AND u.a = t.a AND t.a = ANY (u.all_of) AND t.a > 'sad'",
        ):
            self.connection.execute(SQL(statement), row, prepare=False)
        found = "SELECT t.a, u.a, u.all_of FROM t JOIN u USING (id, a) WHERE id = %s"
        return self.connection.execute(SQL(found), [self.number], prepare=False).fetchall()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.connect() as connection:
        yield Session(connection)


@pytest.mark.matrix
def test_sessions_go_on_until_contract_with_the_value_and_after_it_without(
    database: Database, session: Session, tmp_path: Path
) -> None:
    database.execute(
        """
        CREATE TABLE seen (a mood);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
        $$DECLARE now mood := NEW.a; BEGIN INSERT INTO seen VALUES (now); RETURN NULL; END$$;
        CREATE TRIGGER see AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION see()
        """
    )
    before = database.dump()
    migration = migrated(database, tmp_path, REMOVE)
    for phase in (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.CONSTRAIN):
        migration.advance(to=phase)
        assert session.uses("meh") == [("meh", "meh", "{meh}")], phase
    migration.abort()
    assert session.uses("meh") == [("meh", "meh", "{meh}")]
    assert database.dump() == before
    assert one(database, "SELECT count(*) FROM t WHERE a = 'meh'") == 14
    migration.advance(to=Phase.CONTRACT)
    assert session.uses("glad") == [("glad", "glad", "{glad}")]
    assert database.fetch("SELECT a, all_of::text FROM u WHERE id <= 2") == [("sad", "{sad,NULL}")] * 2
    assert database.dump() == before.replace("    'meh',\n", "")


def test_all_tables_change_in_one_transaction(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, REMOVE)
    _, program, _ = preview(migration.context, migration.name)
    (switch,) = [each.step for each in program.of(Phase.CONTRACT) if isinstance(each.step, Statement)]
    assert {lock.relation for lock in switch.locks} == {"public.t", "public.u"}
    assert len(switch.guards) == 2
    assert [sql.split(" ")[0:2] for sql in switch.sql[-2:]] == [["DROP", "TYPE"], ["ALTER", "TYPE"]]


@pytest.mark.matrix
def test_without_a_replacement_no_row_may_have_the_value(database: Database, tmp_path: Path) -> None:
    database.execute("DELETE FROM t WHERE id > 1; DELETE FROM u WHERE id > 2; UPDATE u SET a = NULL")
    migration = migrated(database, tmp_path, STRICT)
    with pytest.raises(StepFailed) as caught:
        migration.advance(to=Phase.CONSTRAIN)
    assert "there are some\n  row id=1" in caught.value.message
    database.execute("UPDATE t SET a = 'sad'; UPDATE u SET all_of = NULL")
    migration.advance(to=Phase.CONSTRAIN)
    for write in ("INSERT INTO t VALUES (5, 'meh')", "UPDATE u SET all_of = '{sad,meh}'"):
        with pytest.raises(Exception, match="violates check constraint"):
            database.execute(SQL(write))
    migration.advance(to=Phase.CONTRACT)
    assert one(database, VALUES) == "{sad,glad}"
    assert database.fetch("SELECT conname FROM pg_constraint WHERE conname LIKE '%without%'") == []


def test_no_write_of_the_value_comes_between_while_indexes_are_built(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE INDEX ON t (a)")
    migration = migrated(database, tmp_path, STRICT)
    _, program, _ = preview(migration.context, migration.name)
    titles = [placed.step.title.split(" t_")[0].split(" a_")[0] for placed in program.of(Phase.CONSTRAIN)]
    ours = [title for title in titles if title in ("add check constraint", "validate", "create index")]
    assert ours[0] == "add check constraint"
    assert ours.index("validate") < ours.index("create index")


@pytest.mark.parametrize("ours", [True, False])
def test_trigger_functions_that_cannot_be_compiled_anew_are_named(
    ours: bool, database: Database, tmp_path: Path
) -> None:
    database.execute(
        """
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER mine AFTER INSERT ON t EXECUTE FUNCTION f()
        """
    )
    migration = migrated(database, tmp_path, REMOVE)
    plan, _, catalog = preview(migration.context, migration.name)
    tables = {
        name: replace(facts, triggers=tuple(replace(each, function_owned=ours) for each in facts.triggers))
        for name, facts in catalog.tables.items()
    }
    warnings = compile_plan(plan, replace(catalog, tables=tables)).warnings
    assert any('of trigger "mine" is not ours' in each for each in warnings) is not ours


@pytest.mark.matrix
def test_sessions_go_on_with_routines_that_have_a_variable_of_the_enum(database: Database, tmp_path: Path) -> None:
    with database.connect() as session:
        session.execute(
            """
            CREATE FUNCTION by_name(text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '1MB' AS
            $$DECLARE v Mood; BEGIN v := $1; RETURN v; END$$;
            CREATE FUNCTION by_column() RETURNS text LANGUAGE plpgsql AS
            $$DECLARE v "u".a % TYPE; BEGIN SELECT a INTO v FROM u LIMIT 1; RETURN v; END$$;
            CREATE PROCEDURE by_column(INOUT value text) LANGUAGE plpgsql AS
            $$DECLARE v t.a%type; BEGIN SELECT a INTO v FROM t LIMIT 1; value := v; END$$
            """
        )
        calls: tuple[LiteralString, ...] = ("SELECT by_name('glad')", "SELECT by_column()", "CALL by_column(NULL)")
        session.commit()
        before = database.dump()
        assert [session.execute(call).fetchone() for call in calls] == [("glad",), ("meh",), ("meh",)]
        session.commit()
        migrated(database, tmp_path, REMOVE).advance(to=Phase.CONTRACT)
        assert [session.execute(call).fetchone() for call in calls] == [("glad",), ("sad",), ("sad",)]
    assert database.dump() == before.replace("    'meh',\n", "")


def test_routines_of_others_that_may_have_a_variable_of_the_enum_are_named(
    database: Database, application_role: CreateRole, tmp_path: Path
) -> None:
    role = application_role()
    database.execute(
        """
        CREATE FUNCTION mine() RETURNS int LANGUAGE plpgsql AS $$DECLARE v u.a%TYPE; BEGIN RETURN 1; END$$;
        CREATE FUNCTION no_word() RETURNS int LANGUAGE plpgsql AS $$DECLARE moody text; BEGIN RETURN 1; END$$;
        CREATE FUNCTION other_type() RETURNS int LANGUAGE plpgsql AS $$DECLARE v t; BEGIN RETURN 1; END$$
        """
    )
    with connected(context_of(Database(role.dsn(database), database.name, database.server)).engine()) as connection:
        enum = read_enums(connection, {"mood": Table("", "mood")})["mood"]
    assert enum.compiled_in == ("mine()",)
    plan, _, catalog = preview(migrated(database, tmp_path, REMOVE).context, "moods")
    assert not any("is not ours" in each for each in compile_plan(plan, catalog).warnings)
    warnings = compile_plan(
        plan, replace(catalog, enums={"mood": replace(catalog.enums["mood"], compiled_in=enum.compiled_in)})
    ).warnings
    assert any("routine mine() is not ours" in each for each in warnings)


def test_contract_wants_the_check_that_no_row_has_the_value(database: Database, tmp_path: Path) -> None:
    database.execute("UPDATE t SET a = 'sad'; UPDATE u SET a = 'sad', all_of = NULL")
    migration = migrated(database, tmp_path, STRICT)
    migration.advance(to=Phase.CONSTRAIN)
    name = str(one(database, "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 't'::regclass"))
    database.execute(SQL("ALTER TABLE t DROP CONSTRAINT {}").format(Identifier(name)))
    database.execute("INSERT INTO t VALUES (77, 'meh')")
    with pytest.raises(StepFailed, match=f"check {name} is gone"):
        migration.advance(to=Phase.CONTRACT)
    assert one(database, "SELECT a FROM t WHERE id = 77") == "meh"
    migration.abort()


@pytest.mark.matrix
def test_contract_waits_for_snapshots_that_see_the_new_column_empty_and_can_be_undone(
    database: Database, tmp_path: Path, orchestrator_here: Orchestrator
) -> None:
    before = database.dump()
    migration = migrated(database, tmp_path, REMOVE)
    migration.advance(to=Phase.EXPAND)

    def contract() -> Result:
        to_contract = ("--to", "contract", "--confirm-contract")
        return orchestrator_here(
            "--plans", str(tmp_path), "--lock-budget-s", "0.1", "advance", "moods", *to_contract, database=database
        )

    with database.connect() as old:
        old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT")
        assert contract().exit_code == 5
        assert old.execute("SELECT a FROM t WHERE id = 7").fetchall() == [("meh",)]
        old.rollback()
    migration.abort()
    assert database.dump() == before
    assert contract().exit_code == 0


def test_a_column_that_comes_to_use_the_enum_is_told_before_the_next_phase(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, REMOVE)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute("CREATE TABLE later (a mood)")
    with pytest.raises(CatalogDrifted, match=r'"public\.later" has come to use an enum of the plan'):
        migration.advance(to=Phase.CONTRACT)


def test_a_column_of_the_enum_and_a_value_for_it_come_in_one_plan(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE a_first (id int PRIMARY KEY)")
    column = {"kind": "add_column", "table": "a_first", "column": "a", "type": "mood"}
    migrated(database, tmp_path, column, ADD).advance(to=Phase.CONTRACT)
    assert one(database, VALUES) == "{sad,new,meh,glad}"


def test_another_value_of_the_new_enum_is_told_before_the_next_phase(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, RENAME)
    migration.advance(to=Phase.DUAL_WRITE)
    database.execute("ALTER TYPE feeling RENAME VALUE 'glad' TO 'happy'")
    with pytest.raises(CatalogDrifted, match=r'enum "public\.feeling", .* has other values now'):
        migration.advance(to=Phase.BACKFILL)
    database.execute("ALTER TYPE feeling RENAME VALUE 'happy' TO 'glad'")
    migration.advance(to=Phase.CONTRACT)


def test_a_value_that_is_added_meanwhile_is_told_before_the_next_phase(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, REMOVE)
    migration.advance(to=Phase.DUAL_WRITE)
    database.execute("ALTER TYPE mood ADD VALUE 'late'")
    with pytest.raises(CatalogDrifted, match='enum "mood" is different'):
        migration.advance(to=Phase.CONTRACT)


@dataclass
class AtTheSwitch(Reporter):
    """Changes the database when contract has looked for drift and is about to exchange the columns."""

    database: Database
    sql: LiteralString

    def step_started(self, title: str) -> None:
        if "drop type" in title:
            self.database.execute(SQL(self.sql))


@pytest.mark.matrix
@pytest.mark.parametrize("change", [REMOVE, RENAME], ids=lambda each: str(each["kind"]))
@pytest.mark.parametrize("late", ["ADD VALUE 'late'", "RENAME VALUE 'glad' TO 'happy'"])
def test_contract_never_drops_an_enum_whose_values_have_changed(
    late: LiteralString, change: Change, database: Database, tmp_path: Path
) -> None:
    migration = migrated(database, tmp_path, change)
    migration.advance(to=Phase.CONSTRAIN)
    reporter = AtTheSwitch(database, "ALTER TYPE mood " + late)
    context = Context(migration.context.settings, reporter)
    with pytest.raises(StepFailed, match=r"values of enum public\.mood have changed since this run was started: abort"):
        replace(migration, context=context).advance(to=Phase.CONTRACT)
    migration.abort()
    assert ("late" in str(one(database, VALUES))) != ("happy" in str(one(database, VALUES)))


def test_who_adds_a_value_while_the_enum_is_dropped_is_told_that_it_is_gone(database: Database, tmp_path: Path) -> None:
    migration = migrated(database, tmp_path, RENAME)
    _, program, _ = preview(migration.context, migration.name)
    (drop,) = [each.step for each in program.of(Phase.CONTRACT) if "drop type" in each.step.title]
    assert isinstance(drop, Statement)
    with database.connect() as contract, database.connect() as other:
        contract.execute("BEGIN")
        for sql in drop.sql[drop.sql.index('COMMENT ON TYPE "public"."mood" IS NULL') :][:2]:
            contract.execute(SQL(sql))
        other.execute("SET lock_timeout = 1")
        with pytest.raises(LockNotAvailable):
            other.execute("ALTER TYPE mood ADD VALUE 'late'")


def test_names_that_want_quoting_go_all_the_way(create_database: CreateDatabase, tmp_path: Path) -> None:
    database = create_database(init)
    value = 'it\'s %s "so"'
    database.execute(
        """
        CREATE SCHEMA "s%"; CREATE TYPE "s%"."mo""od%1" AS ENUM ('100%', 'it''s %s "so"', 'b\\d');
        CREATE TABLE "s.t" (id int, "order" "s%"."mo""od%1" DEFAULT '100%' NOT NULL, UNIQUE ("order", id),
                            CHECK ("order" <> 'b\\d'));
        INSERT INTO "s.t" SELECT n, 'it''s %s "so"' FROM generate_series(1, 9) n
        """
    )
    before = database.dump()
    change = {"kind": "remove_enum_value", "type": 's%.mo"od%1', "value": value, "replace": "100%"}
    migration = migrated(database, tmp_path, change)
    migration.advance(to=Phase.CONSTRAIN)
    migration.abort()
    assert database.dump() == before
    migration.advance(to=Phase.CONTRACT)
    assert database.fetch('SELECT DISTINCT "order" FROM "s.t"') == [("100%",)]
    assert database.dump() == before.replace("    'it''s %s \"so\"',\n", "")


# another name


@pytest.mark.matrix
def test_each_version_finds_the_value_under_the_name_it_knows(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE INDEX ON t (id) WHERE a = 'meh'; ALTER TABLE t ALTER a SET DEFAULT 'meh'")
    before = database.dump()
    migration = migrated(database, tmp_path, RENAME)
    migration.advance(to=Phase.CONSTRAIN)
    database.execute(
        "INSERT INTO t VALUES (10, 'meh'); INSERT INTO t (id, b) VALUES (11, 'so-so'); INSERT INTO t VALUES (12)"
    )
    database.execute("UPDATE u SET every = ARRAY['so-so', 'glad']::feeling[] WHERE id = 1")
    assert database.fetch("SELECT DISTINCT a::text, b::text FROM t") == [("meh", "so-so")]
    assert database.fetch("SELECT all_of::text FROM u WHERE id = 1") == [("{meh,glad}",)]
    migration.abort()
    assert database.dump() == before
    migration.advance(to=Phase.CONTRACT)
    assert database.fetch("SELECT DISTINCT b::text FROM t") == [("so-so",)]
    assert one(database, "SELECT enum_range(NULL::feeling)::text") == "{sad,so-so,glad}"
    assert "'so-so'::public.feeling" in database.dump()
    assert "meh" not in database.dump()


# what is refused

REFUSED: list[tuple[LiteralString, Change, str, str]] = [
    ("", ADD | {"after": "bad"}, 'enum "public.mood" has no value "bad"', '"sad", "meh", "glad"'),
    ("", ADD | {"before": "glad"}, 'cannot be placed by "before" and "after" at once', "give one of the two"),
    (
        "",
        ADD | {"value": "sad", "after": "meh"},
        'has the value "sad" already, in another place',
        "leave its place out",
    ),
    ("", ADD | {"value": "x" * 64}, "is longer than 63 bytes", "a shorter one"),
    ("CREATE DOMAIN d AS mood", REMOVE, 'type d uses enum "public.mood"', "let it do without"),
    ("CREATE TYPE pair AS (one mood)", REMOVE, "column one of composite type pair uses enum", "drop it"),
    ("CREATE FUNCTION f(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'", REMOVE, "function f(mood) uses enum", "drop it"),
    ("CREATE VIEW v AS SELECT 'sad'::mood AS x", REMOVE, "uses enum", "let it do without"),
    ("CREATE VIEW v AS SELECT a FROM t", REMOVE, 'view "public.v" names column "a" of "public.t"', "drop the view"),
    (
        "CREATE INDEX i ON t (id) WHERE a = 'meh'",
        REMOVE,
        'index "i" of "public.t" does not go with the new type',
        "drop",
    ),
    ("ALTER TABLE t ALTER a SET DEFAULT 'meh'", REMOVE, 'default of "a" of "public.t" does not go', "drop it first"),
    ("", REMOVE | {"value": "bad"}, 'enum "public.mood" has no value "bad"', "its values are"),
    ("", REMOVE | {"replace": "meh"}, 'has no value "meh" after that', '"sad", "glad"'),
    (
        "",
        RENAME | {"columns": {"t.a": "b"}},
        '"columns" has no new name for public.u.a',
        "remove_enum_value with replace",
    ),
    ("CREATE TYPE feeling AS ENUM ('sad', 'so-so', 'glad')", RENAME, 'a type "public.feeling" already', "rename it"),
    ("CREATE TYPE feeling AS ENUM ('other')", RENAME, 'a type "public.feeling" already', "rename it"),
    ("CREATE TABLE feeling ()", RENAME, 'a type "public.feeling" already', "rename it"),
    ("", RENAME | {"to": "glad"}, 'has a value "glad" already', "give another name"),
    ("", RENAME | {"columns": {"t.a": "b", "x.a": "b"}}, '"x.a" is no column of enum "public.mood"', '"public.t.a"'),
]


@pytest.mark.parametrize("change", [REMOVE, RENAME], ids=["remove", "rename"])
@pytest.mark.parametrize(
    "new",
    [
        {"kind": "add_column", "table": "o", "column": "c", "type": '"S"."order"'},
        {
            "kind": "create_table",
            "table": "n",
            "columns": {"c": {"type": '"S"."order"[]'}},
            "primary_key": ["c"],
        },
        {"kind": "change_type", "table": "o", "column": "t", "type": '"S"."order"', "to": "c"},
    ],
    ids=lambda each: str(each)[:30],
)
def test_a_new_column_of_an_enum_that_goes_is_refused(
    database: Database, tmp_path: Path, change: Change, new: dict[str, object]
) -> None:
    database.execute(
        'CREATE SCHEMA "S"; ALTER TYPE mood SET SCHEMA "S"; ALTER TYPE "S".mood RENAME TO "order";'
        "CREATE TABLE o (t text)"
    )
    migration = migrated(database, tmp_path, dict(change) | {"type": "S.order"}, new)
    with pytest.raises(PlanRefused, match=r'new column "c" of "public\.[on]" is of enum "S\.order"'):
        preview(migration.context, migration.name)


@pytest.mark.parametrize(("schema", "change", "reason", "advice"), REFUSED, ids=lambda each: str(each)[:40])
def test_what_cannot_be_done_is_refused_with_advice(
    schema: LiteralString, change: Change, reason: str, advice: str, database: Database, tmp_path: Path
) -> None:
    if schema:
        database.execute(SQL(schema))
    with pytest.raises(PlanRefused) as caught:
        preview(migrated(database, tmp_path, change).context, "moods")
    told = [(why, what) for why, what in caught.value.refusals if reason in why]
    assert told, caught.value
    assert advice in told[0][1]


def test_a_foreign_key_between_columns_of_the_enum_is_refused_by_its_name(database: Database, tmp_path: Path) -> None:
    database.execute(
        "ALTER TABLE t ADD UNIQUE (a, id); ALTER TABLE u ADD CONSTRAINT k FOREIGN KEY (a, id) REFERENCES t (a, id)"
    )
    with pytest.raises(PlanRefused) as caught:
        preview(migrated(database, tmp_path, REMOVE).context, "moods")
    assert caught.value.refusals == (
        (
            'foreign key "k" of "public.u" does not go with the new type: '
            'foreign key constraint "k" cannot be implemented',
            "drop it for the time of the run: drop_constraint in a plan before, add_foreign_key in one after",
        ),
    )


@pytest.mark.parametrize("other", [ADD, REMOVE | {"type": "public.mood", "value": "sad", "replace": "glad"}])
def test_an_enum_that_becomes_another_is_the_matter_of_one_change(
    other: Change, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(PlanRefused, match=r'enum "public\.mood" is the matter of a remove_enum_value and of another'):
        preview(migrated(database, tmp_path, REMOVE, other).context, "moods")
