"""A column of every sort is added: never a rewrite, and nothing that a writer of either version would notice."""

from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from orchestrator import runner
from orchestrator.compiler import compile_plan
from orchestrator.errors import GateClosed, LockNotObtained, PlanRefused
from orchestrator.plan import parse
from orchestrator.planning import read_catalog
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, CreateRole, Database
from tests.fixtures.locks import holding
from tests.fixtures.runs import Migration, context_of, init

PLAN = """\
name: add
changes:
  - kind: add_column
    table: '{table}'
    column: '{column}'
    {rest}
"""
USERS = """
CREATE TABLE users (id int PRIMARY KEY, first text, last text);
INSERT INTO users SELECT n, 'F' || n, 'L' || n FROM generate_series(1, 300) n
"""
FILE = "SELECT pg_relation_filenode('users')"
ROLE_MAY = "GRANT SELECT, INSERT, UPDATE ON users TO {}; GRANT USAGE ON SCHEMA public TO {}"


@pytest.fixture
def users(create_database: CreateDatabase) -> Database:
    database = create_database(init)
    database.execute(USERS)
    return database


def add(database: Database, folder: Path, rest: str, *, column: str = "extra", table: str = "users") -> Migration:
    return Migration.of(PLAN.format(table=table, column=column, rest=rest), database, folder)


SORTS = {
    "empty": ["type: text"],
    "constant": ["type: text", """default: "'x'" """, "not_null: true"],
    "stable": ["type: timestamptz", "default: now()", "not_null: true"],
    "volatile": ["type: uuid", "default: gen_random_uuid()", "not_null: true"],
    "computed": ["type: text", "up: first || last", "not_null: true"],
    "serial": ["type: serial"],
    "identity": ["type: bigint", "identity: by default"],
}


@pytest.mark.matrix
@pytest.mark.parametrize("sort", SORTS)
def test_no_sort_of_column_rewrites_the_table(sort: str, users: Database, tmp_path: Path) -> None:
    run, file = add(users, tmp_path, "\n    ".join(SORTS[sort])), users.fetch(FILE)
    run.advance(Phase.CONSTRAIN)
    users.execute("INSERT INTO users VALUES (301, 'A', 'B')")
    run.advance(Phase.CONTRACT)
    assert users.fetch(FILE) == file
    nulls = users.fetch("SELECT count(*) FROM users WHERE extra IS NULL")
    assert nulls == [(301 if sort == "empty" else 0,)]


def test_a_serial_column_is_what_serial_makes(users: Database, create_database: CreateDatabase, tmp_path: Path) -> None:
    plain = create_database()
    plain.execute(USERS + "; ALTER TABLE users ADD number bigserial")
    run = add(users, tmp_path, "type: bigserial", column="number")
    run.advance(Phase.CONTRACT)
    assert users.dump() == plain.dump()
    users.execute("INSERT INTO users (id) VALUES (301)")
    assert users.fetch("SELECT count(DISTINCT number), max(number) FROM users") == [(301, 301)]


def test_numbers_go_on_where_they_were_under_hostile_names(create_database: CreateDatabase, tmp_path: Path) -> None:
    database = create_database(init)
    database.execute('CREATE TABLE "we""ird%1" (id int); INSERT INTO "we""ird%1" SELECT generate_series(1, 50)')
    column = "o''rder%" + "é" * 27
    run = add(database, tmp_path, "type: int\n    identity: always", column=column, table='we"ird%1')
    run.advance(Phase.CONSTRAIN)
    database.execute('INSERT INTO "we""ird%1" VALUES (51)')
    run.advance(Phase.CONTRACT)
    database.execute('INSERT INTO "we""ird%1" VALUES (52)')
    name = column.replace("''", "'")
    numbers = database.fetch(SQL('SELECT {} FROM "we""ird%1"').format(Identifier(name)))
    assert sorted(number for (number,) in numbers) == list(range(1, 53))
    with pytest.raises(psycopg.errors.GeneratedAlways):
        database.execute(SQL('UPDATE "we""ird%1" SET {} = 7').format(Identifier(name)))


@pytest.mark.matrix
@pytest.mark.parametrize("rest", ["type: int\n    identity: always", "type: serial"])
def test_an_application_without_rights_on_sequences_writes_throughout(
    rest: str, users: Database, application_role: CreateRole, tmp_path: Path
) -> None:
    role = application_role()
    name = Identifier(role.name)
    users.execute(SQL(ROLE_MAY).format(name, name))
    run = add(users, tmp_path, rest)
    with psycopg.connect(role.dsn(users), autocommit=True) as application:
        for number, phase in enumerate(Phase):
            run.advance(phase)
            application.execute("INSERT INTO users (id) VALUES (%s)", [1000 + number])
            application.execute("UPDATE users SET last = 'x' WHERE id = %s", [number + 1])
    users.execute(SQL("DROP OWNED BY {}").format(name))


@pytest.mark.parametrize("rest", ["type: int\n    identity: always", "type: serial"])
def test_who_may_write_since_expand_writes_and_is_no_drift(
    rest: str, users: Database, application_role: CreateRole, tmp_path: Path
) -> None:
    role = application_role()
    name = Identifier(role.name)
    run = add(users, tmp_path, rest)
    run.advance(Phase.EXPAND)
    users.execute(SQL(ROLE_MAY).format(name, name))
    if "serial" in rest:  # as of any such column
        users.execute(SQL("GRANT USAGE ON SEQUENCE users_extra_seq TO {}").format(name))
    with psycopg.connect(role.dsn(users), autocommit=True) as application:
        for number, phase in enumerate(Phase):
            run.advance(phase)
            application.execute("INSERT INTO users (id) VALUES (%s)", [1000 + number])
    users.execute(SQL("DROP OWNED BY {}").format(name))


def test_a_default_is_for_inserts_and_up_for_what_is_there(users: Database, tmp_path: Path) -> None:
    run = add(users, tmp_path, "type: text\n    up: \"'legacy'\"\n    default: \"'fresh'\"\n    not_null: true")
    run.advance(Phase.CONSTRAIN)
    users.execute("INSERT INTO users VALUES (301)")
    run.advance(Phase.CONTRACT)
    users.execute("INSERT INTO users VALUES (302)")
    assert users.fetch("SELECT extra, count(*) FROM users GROUP BY 1 ORDER BY 1") == [("fresh", 2), ("legacy", 300)]


def test_older_code_reads_what_newer_code_writes_if_the_plan_has_down(users: Database, tmp_path: Path) -> None:
    run = add(users, tmp_path, "type: text\n    up: upper(first)\n    down: {first: lower(extra)}")
    run.advance(Phase.CONSTRAIN)
    users.execute("UPDATE users SET extra = 'NEW' WHERE id = 1; UPDATE users SET first = 'old' WHERE id = 2")
    assert users.fetch("SELECT first, extra FROM users WHERE id IN (1, 2) ORDER BY id") == [
        ("new", "NEW"),
        ("old", "OLD"),
    ]
    run.advance(Phase.CONTRACT)
    assert users.fetch("SELECT first, extra FROM users WHERE id = 1") == [("new", "NEW")]


@pytest.mark.matrix
def test_a_generated_column_is_virtual_or_refused(users: Database, tmp_path: Path) -> None:
    run, file = add(users, tmp_path, "type: text\n    generated: first || last"), users.fetch(FILE)
    if users.server_version < 180000:
        with pytest.raises(PlanRefused, match="before PostgreSQL 18 that means stored"):
            run.advance(Phase.EXPAND)
        return
    before = users.dump()
    run.advance(Phase.CONSTRAIN)
    assert users.fetch("SELECT extra FROM users WHERE id = 7") == [("F7L7",)]
    assert users.fetch(FILE) == file
    run.abort()
    assert users.dump() == before


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("type: text\n    not_null: true", "nothing says what it is for rows that are there"),
        ("type: text\n    generated: first\n    stored: true", "rewrites the whole table"),
        (
            "type: text\n    generated: first\n    default: \"'x'\"",
            "has default and generated, which exclude each other",
        ),
        ("type: serial\n    up: id", "has up and type serial, which exclude each other"),
        ("type: text\n    identity: always", "counts and is of type text"),
        ("type: text\n    up: first\n    down: {first: extra}\n    default: \"'x'\"", "has down and a default"),
        ("type: text\n    down: {first: extra}", "has down without up"),
        ("type: text\n    up: \"'x'\"\n    down: {first: extra}", "reads no column"),
        ("type: text\n    up: first || now()", "is not immutable"),
        ("type: int\n    up: nullif(length('x'), 1)", "gives null, whatever the row: it fills nothing in"),
        ("type: int\n    default: first", "cannot use column reference in DEFAULT expression"),
        ("type: int\n    default: \"'many'\"", 'invalid input syntax for type integer: "many"'),
        ("type: int\n    default: (SELECT 1)", "cannot use subquery in DEFAULT expression"),
        ("type: text\n    default: \"'x'), ADD PRIMARY KEY (id\"", "syntax error"),
        ("type: text\n    generated: first) VIRTUAL, ADD CHECK (true", "syntax error"),
        ("type: strange", 'type "strange" does not exist'),
    ],
)
def test_a_column_that_cannot_be_added_safely_is_refused(
    rest: str, reason: str, users: Database, tmp_path: Path
) -> None:
    with pytest.raises(PlanRefused) as refused:
        add(users, tmp_path, rest).advance(Phase.EXPAND)
    assert reason in refused.value.message


def test_jsonb_is_advised_for_json(users: Database) -> None:
    plan = parse(PLAN.format(table="users", column="extra", rest="type: json"), "plan")
    (warning,) = compile_plan(plan, read_catalog(context_of(users), plan)).warnings
    assert "jsonb" in warning


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("rest", "write", "lost"),
    [
        ("type: text", "UPDATE users SET extra = 'x' WHERE id < 4", 3),
        ("type: text\n    default: \"'none'\"", "UPDATE users SET extra = 'x' WHERE id < 4", 3),
        ("type: text\n    up: upper(first)", "UPDATE users SET extra = 'x' WHERE id < 4", 3),
        ("type: text\n    up: \"'none'\"", "UPDATE users SET extra = 'x' WHERE id < 4", 3),
        ("type: uuid\n    default: gen_random_uuid()", "SELECT 1", 300),
    ],
    ids=["empty", "a default", "computed", "filled", "nobody can tell"],
)
def test_an_abort_asks_before_it_drops_what_newer_code_has_written(
    users: Database, tmp_path: Path, rest: str, write: LiteralString, lost: int
) -> None:
    before, run = users.dump(), add(users, tmp_path, rest)
    run.advance(Phase.CONSTRAIN)
    users.execute(write)
    with pytest.raises(GateClosed, match=f"drop column extra: {lost} values of public.users.extra"):
        run.abort()
    assert users.fetch("SELECT count(*) FROM users WHERE extra IS NOT NULL")[0][0] >= lost
    run.abort(confirm_loss=True)
    assert users.dump() == before
    told = "SELECT message FROM orchestrator.event WHERE kind = 'loss'"
    assert users.fetch(told) == [(f"drop column extra: {lost} values of public.users.extra",)]


@pytest.mark.parametrize(
    "rest",
    [
        "type: text",
        "type: text\n    default: \"'none'\"",
        "type: text\n    up: upper(first)",
        "type: text\n    up: \"'none'\"",
        "type: text\n    up: upper(first)\n    down: {first: lower(extra)}",
    ],
)
def test_an_abort_asks_nothing_where_the_trigger_alone_has_written(users: Database, tmp_path: Path, rest: str) -> None:
    run = add(users, tmp_path, rest)
    run.advance(Phase.CONSTRAIN)
    users.execute(
        "INSERT INTO users (id, first, last) VALUES (999, 'a', 'b'); UPDATE users SET first = 'c' WHERE id = 1"
    )
    run.abort()


def test_an_abort_before_newer_code_may_be_out_asks_for_nothing_that_it_cannot_tell(
    users: Database, tmp_path: Path
) -> None:
    run = add(users, tmp_path, "type: uuid\n    default: gen_random_uuid()")
    run.advance(Phase.BACKFILL)
    run.abort()


def test_an_abort_that_was_confirmed_and_cut_short_goes_on(users: Database, tmp_path: Path) -> None:
    run = add(users, tmp_path, "type: text")
    run.advance(Phase.CONSTRAIN)
    users.execute("UPDATE users SET extra = 'x'")
    with holding(users, "SELECT FROM users"), pytest.raises(LockNotObtained):
        hurried = replace(run.context.settings, lock_timeout_ms=50, lock_budget_s=0)
        runner.abort(replace(run.context, settings=hurried), run.name, confirm_loss=True)
    run.abort()
