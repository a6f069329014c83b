"""What cannot be carried over is refused before anything changes: by name, with what to do about it."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from orchestrator import succession
from orchestrator.errors import StepFailed
from phases import names
from phases.step import Phase
from tests.fixtures.database import CreateRole, Database
from tests.fixtures.runs import Migration
from tests.integration.command_line import CommandLine, hint_of

ALWAYS = 140000
"""From this version of PostgreSQL on: every one that we support."""


def refused(cli: CommandLine, name: str = "rename-email") -> str:
    """What `plan` has against a plan; `advance` says the same and starts nothing."""
    said = cli("plan", name)
    assert (said.exit_code, said.stdout) == (2, ""), said
    assert said.stderr.startswith(f'error: plan "{name}" cannot be carried out:\n  1. '), said
    assert cli("advance", name) == said
    assert cli.database.fetch("SELECT name FROM orchestrator.run") == []
    return said.stderr


DEPENDENTS: list[tuple[int, LiteralString, str, str]] = [
    (ALWAYS, "CREATE VIEW mails AS SELECT email FROM users", 'view "public.mails"', "drop the view before"),
    (
        ALWAYS,
        "CREATE MATERIALIZED VIEW mails AS SELECT lower(email) FROM users",
        'materialized view "public.mails"',
        "drop it before",
    ),
    (
        ALWAYS,
        "CREATE VIEW everybody AS SELECT id FROM users WHERE email IS NOT NULL",
        'view "public.everybody"',
        "drop the view before",
    ),
    (
        ALWAYS,
        "CREATE POLICY own_rows ON users USING (email = current_user)",
        "policy own_rows on table public.users",
        "drop the policy",
    ),
    (
        ALWAYS,
        "ALTER TABLE users ADD lowered text GENERATED ALWAYS AS (lower(email)) STORED",
        'generated column "lowered"',
        "drop the generated column",
    ),
    (
        180000,
        "ALTER TABLE users ADD lowered text GENERATED ALWAYS AS (lower(email)) VIRTUAL",
        'VIRTUAL generated column "lowered"',
        "drop the generated column first: it has no values",
    ),
    (
        ALWAYS,
        "CREATE RULE no_null AS ON UPDATE TO users WHERE NEW.email IS NULL DO INSTEAD NOTHING",
        "rule no_null on table public.users",
        "drop the rule",
    ),
    (
        ALWAYS,
        "CREATE TRIGGER on_email BEFORE UPDATE OF email ON users"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger on_email on table public.users",
        "create the trigger without the column",
    ),
    (
        ALWAYS,
        "CREATE TRIGGER when_email BEFORE UPDATE ON users FOR EACH ROW WHEN (NEW.email <> '')"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger when_email on table public.users",
        "create the trigger without the column",
    ),
    (
        ALWAYS,
        "CREATE FUNCTION emails() RETURNS SETOF text BEGIN ATOMIC SELECT email FROM public.users; END",
        "function public.emails()",
        "create the function with a body in quotes",
    ),
    (
        150000,
        "CREATE PUBLICATION news FOR TABLE users (id, email)",
        "publication of table public.users in publication news",
        "take the column out",
    ),
    (
        150000,
        "CREATE PUBLICATION news FOR TABLE users WHERE (email <> '')",
        "publication of table public.users in publication news",
        "take the column out",
    ),
]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("version", "sql", "who", "advice"), DEPENDENTS, ids=[case[1].split(" ")[1] for case in DEPENDENTS]
)
def test_what_names_the_column_is_refused(
    version: int, sql: LiteralString, who: str, advice: str, cli: CommandLine
) -> None:
    if cli.database.server_version < version:
        pytest.skip(f"PostgreSQL {version // 10000} brought it")
    cli.database.execute(sql)
    said = refused(cli)
    assert f'{who} names column "email" of "public.users"\n    → {advice}' in said
    assert len(said.splitlines()) == 3, "each reason once"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW ids AS SELECT id, city FROM users",
        "CREATE POLICY all_rows ON users USING (id > 0)",
        "ALTER TABLE users ADD lowered text GENERATED ALWAYS AS (lower(city)) STORED",
        "CREATE TABLE other (email text); CREATE VIEW others AS SELECT email FROM other",
        "CREATE FUNCTION emails() RETURNS SETOF text LANGUAGE sql AS 'SELECT email FROM public.users'",
    ],
)
def test_what_names_other_columns_is_let_be(sql: LiteralString, cli: CommandLine) -> None:
    cli.database.execute(sql)
    cli.succeed("plan", "rename-email")


TABLES: list[tuple[LiteralString, str, str]] = [
    (
        "CREATE TABLE logs (id int, email text) PARTITION BY RANGE (id);"
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (9)",
        "logs_1",
        "is a partition of another\n    → write the plan for the table at the top",
    ),
    (
        "CREATE TABLE base (email text); CREATE TABLE child (id int) INHERITS (base)",
        "base",
        "takes part in inheritance (INHERITS)\n    → not supported: ",
    ),
    (
        "CREATE TABLE base (email text); CREATE TABLE child (id int) INHERITS (base)",
        "child",
        "takes part in inheritance (INHERITS)\n    → not supported: ",
    ),
]


@pytest.mark.matrix
@pytest.mark.parametrize(("sql", "table", "reason"), TABLES, ids=["partition", "parent", "child"])
def test_a_partition_by_itself_and_inheritance_are_refused(
    sql: LiteralString, table: str, reason: str, cli: CommandLine
) -> None:
    cli.database.execute(sql)
    cli.plan(table=table)
    assert f'1. table "public.{table}" {reason}' in refused(cli)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("city", 'table "public.users" already has a column "city"'),
        ("email", 'column "email" is renamed to itself'),
        ("ctid", '"ctid" is the name of a system column'),
        ("tableoid", '"tableoid" is the name of a system column'),
        ("é" * 32, f'"{"é" * 32}" is longer than 63 bytes'),
    ],
)
def test_a_name_that_the_column_cannot_take_is_refused(new: str, reason: str, cli: CommandLine) -> None:
    cli.plan(new=new)
    assert f"  1. {reason}\n    → " in refused(cli)


def test_a_name_that_is_taken_is_refused_though_an_index_reads_both_columns(cli: CommandLine) -> None:
    cli.database.execute("CREATE INDEX two ON users (email, city); ALTER TABLE users ADD CHECK (email <> city)")
    cli.plan(new="city")
    assert '1. table "public.users" already has a column "city"' in refused(cli)


def test_a_name_of_63_bytes_is_taken(cli: CommandLine) -> None:
    cli.plan(new="é" * 31 + "x")
    cli.succeed("plan", "rename-email")


def test_a_generated_column_is_refused_with_a_better_way(cli: CommandLine) -> None:
    cli.database.execute("ALTER TABLE users ADD lowered text GENERATED ALWAYS AS (lower(email)) STORED")
    cli.plan(old="lowered", new="small")
    assert (
        'column "lowered" of "public.users" is generated\n    → add a generated column under the new name'
    ) in refused(cli)


def test_an_invalid_index_is_refused(cli: CommandLine) -> None:
    cli.database.execute("INSERT INTO users (email) VALUES ('twice'), ('twice')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        cli.database.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON users (email)")
    assert (
        'index "broken" is not valid: a build in progress, or one that failed\n    → let the build finish'
    ) in refused(cli)


def test_a_big_exclusion_constraint_is_refused(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.database.execute("ALTER TABLE users ADD CONSTRAINT apart EXCLUDE USING hash (email WITH =)")
    cli.succeed("plan", "rename-email")
    monkeypatch.setattr(succession, "EXCLUSION_LIMIT_BYTES", 8192)
    assert 'exclusion constraint "apart" can only be built while the table is locked' in refused(cli)


def test_what_an_earlier_run_left_behind_is_refused(cli: CommandLine) -> None:
    function = names.function_of("rename-email", "public.users")
    cli.database.execute(SQL("CREATE SEQUENCE {}").format(Identifier(function)))
    assert f'"{function}" exists already, left by an earlier run or by hand\n    → look at it and drop it' in refused(
        cli
    )


def test_all_reasons_are_told_at_once(cli: CommandLine) -> None:
    cli.database.execute("CREATE VIEW mails AS SELECT email FROM users")
    cli.plan(new="city")
    said = refused(cli)
    assert '\n  2. view "public.mails"' in said


# roles


@pytest.fixture
def app(cli: CommandLine, application_role: CreateRole) -> str:
    """The DSN of a role that owns nothing yet."""
    role = application_role()
    cli.database.execute(
        SQL("""
        GRANT USAGE ON SCHEMA orchestrator TO {role};
        GRANT ALL ON ALL TABLES IN SCHEMA orchestrator TO {role};
        GRANT CREATE, USAGE ON SCHEMA public TO {role}
        """).format(role=Identifier(role.name))
    )
    return role.dsn(cli.database)


def owner_of(cli: CommandLine, table: LiteralString, dsn: str) -> None:
    """Gives a table to the role of the DSN."""
    with psycopg.connect(dsn) as connection:
        role = connection.info.user
    cli.database.execute(SQL("ALTER TABLE {} OWNER TO {}").format(Identifier(table), Identifier(role)))


@pytest.mark.matrix
def test_a_table_of_somebody_else_is_refused(cli: CommandLine, app: str) -> None:
    said = cli("plan", "rename-email", dsn=app)
    assert said.exit_code == 2
    assert 'our role does not own table "public.users"\n    → connect as its owner' in said.stderr


def test_a_schema_in_which_we_may_not_create_is_refused(cli: CommandLine, app: str) -> None:
    owner_of(cli, "users", app)
    with psycopg.connect(app) as connection:
        role = connection.info.user
    cli.database.execute(SQL("REVOKE CREATE ON SCHEMA public FROM {}, PUBLIC").format(Identifier(role)))
    said = cli("plan", "rename-email", dsn=app)
    assert 'our role may not create in schema "public"\n    → GRANT CREATE ON SCHEMA "public" to it' in said.stderr


def test_rows_that_a_policy_hides_from_us_are_refused(cli: CommandLine, app: str) -> None:
    owner_of(cli, "users", app)
    cli.database.execute(
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY; ALTER TABLE users FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY few ON users USING (id < 10)"
    )
    said = cli("plan", "rename-email", dsn=app)
    assert 'row security hides rows of "public.users" from our role\n    → ' in said.stderr


def test_a_foreign_key_into_a_table_of_somebody_else_is_refused(cli: CommandLine, app: str) -> None:
    cli.database.execute(
        "CREATE TABLE cities (name text PRIMARY KEY);"
        "CREATE TABLE people (city text CONSTRAINT lives_in REFERENCES cities)"
    )
    owner_of(cli, "people", app)
    cli.plan(table="people", old="city", new="town")
    said = cli("plan", "rename-email", dsn=app)
    assert (
        'foreign key "lives_in" of "public.people" ties in a table that our role does not own\n'
        '    → connect as a role that owns "public.cities" too'
    ) in said.stderr


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("CREATE PUBLICATION news FOR TABLE users", "users"),
        ("ALTER TABLE users ADD PRIMARY KEY (id) DEFERRABLE; CREATE PUBLICATION news FOR ALL TABLES", "users"),
        (
            "ALTER TABLE users ADD PRIMARY KEY (id), REPLICA IDENTITY NOTHING;"
            "CREATE PUBLICATION news FOR TABLE users WITH (publish = 'update')",
            "users",
        ),
        (
            "ALTER TABLE users RENAME TO users_1; CREATE TABLE users (LIKE users_1) PARTITION BY RANGE (id);"
            "ALTER TABLE users ATTACH PARTITION users_1 DEFAULT; ALTER TABLE users REPLICA IDENTITY FULL;"
            "CREATE PUBLICATION news FOR TABLE users WITH (publish_via_partition_root)",
            "users_1",
        ),
        ("ALTER TABLE users REPLICA IDENTITY FULL; CREATE PUBLICATION news FOR TABLE users", None),
        (
            "CREATE UNIQUE INDEX once ON users (id); ALTER TABLE users REPLICA IDENTITY USING INDEX once;"
            "CREATE PUBLICATION news FOR TABLE users",
            None,
        ),
        ("CREATE PUBLICATION news FOR TABLE users WITH (publish = 'insert, delete')", None),
        ("ALTER TABLE users SET UNLOGGED; CREATE PUBLICATION news FOR ALL TABLES", None),
    ],
)
def test_batches_are_refused_where_a_publication_lets_nobody_update(
    sql: LiteralString, table: str | None, cli: CommandLine
) -> None:
    cli.database.execute("ALTER TABLE users ALTER id DROP IDENTITY, DROP CONSTRAINT users_pkey;" + sql)
    if table is None:
        cli.database.execute("UPDATE users SET city = city")
        cli.succeed("plan", "rename-email")
    else:
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            cli.database.execute("UPDATE users SET city = city")
        assert f'"public.{table}" has no replica identity, and "news" publishes updates' in refused(cli)


# several plans, several changes


def test_a_second_plan_on_the_same_table_waits_for_the_first(cli: CommandLine) -> None:
    cli.advance("expand")
    cli.plan("rename-city", old="city", new="town")
    shown = cli.succeed("plan", "rename-city").stdout
    assert 'warning: run "rename-email" works on table "public.users": until it is finished or undone' in shown
    result = cli("advance", "rename-city")
    assert result.exit_code == 3
    assert 'run "rename-email" already works on table "public.users"' in result.stderr
    assert hint_of(result) == (
        "finish it (orchestrator advance rename-email) or undo it (orchestrator abort rename-email) first"
    )
    cli.succeed("abort", "rename-email")
    cli.advance("expand", "rename-city")


def test_a_second_plan_is_not_told_to_drop_what_the_first_run_has_made(cli: CommandLine) -> None:
    cli.advance("dual_write")
    extract = (
        "name: extract\nchanges:\n  - {kind: extract_table, table: users, columns: [city], to: visits, key: {id: id}}\n"
    )
    (cli.folder / "plans/extract.yaml").write_text(extract)
    # its trigger would be said to fire where newer code writes "visits"
    assert "zzzz_orchestrator_rename_email" not in cli.succeed("plan", "extract").stdout
    cli.plan("rename-again", old="email", new="mail")
    for command, name in (("plan", "rename-again"), ("advance", "rename-again"), ("advance", "extract")):
        result = cli(command, name)
        assert result.exit_code == 3
        first, hint = result.stderr.splitlines()
        assert first == 'error: run "rename-email" already works on table "public.users"'
        assert hint.startswith("hint: finish it")
    cli.succeed("abort", "rename-email")
    cli.advance("dual_write", "rename-again")


def test_a_second_plan_on_a_table_at_the_other_end_of_a_foreign_key_waits_too(cli: CommandLine) -> None:
    cli.database.execute(
        "CREATE TABLE cities (name text PRIMARY KEY, size int);"
        "INSERT INTO cities VALUES ('city'); ALTER TABLE users ADD FOREIGN KEY (city) REFERENCES cities"
    )
    cli.plan(old="city", new="town")
    cli.advance("expand")
    cli.plan("rename-size", table="cities", old="size", new="people")
    result = cli("advance", "rename-size")
    assert result.exit_code == 3
    assert 'run "rename-email" already works on table "public.cities"' in result.stderr


def test_two_plans_on_tables_apart_run_side_by_side(cli: CommandLine) -> None:
    cli.database.execute("CREATE TABLE other (id int PRIMARY KEY, email text)")
    cli.plan("rename-other", table="other")
    for phase in ("expand", "constrain", "contract"):
        cli.advance(phase)
        cli.advance(phase, "rename-other")
    assert {run["status"] for run in cli.json("status")} == {"complete"}


def change(old: str, new: str, table: str = "users") -> str:
    return f"  - {{kind: rename_column, table: {table}, from: {old}, to: {new}}}\n"


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (change("email", "mail"), 'column "email" of "public.users" is changed 2 times'),
        (change("city", "email_address"), '2 changes make a column "email_address" of "public.users"'),
        (change("city", "email"), 'column "email" of "public.users" is both an old and a new name in this plan'),
        (change("email", "email_address", "public.users"), 'column "email" of "public.users" is changed 2 times'),
    ],
)
def test_changes_that_stand_in_each_others_way_are_refused(second: str, reason: str, cli: CommandLine) -> None:
    cli.plan(rest=second)
    assert reason in refused(cli)


def test_changes_that_hand_a_name_on_are_refused_in_either_order(cli: CommandLine) -> None:
    cli.database.execute("CREATE INDEX two ON users (email, city)")
    cli.plan(old="city", new="email", rest=change("email", "mail"))
    assert 'column "email" of "public.users" is both an old and a new name in this plan' in refused(cli)


@pytest.mark.parametrize("other", ["users", "public.users"])
def test_two_changes_of_one_table_go_together(other: str, cli: CommandLine) -> None:
    cli.plan(rest=change("city", "town", other))
    cli.advance("contract")
    assert cli.database.fetch("SELECT count(*) FROM users WHERE town = 'city' AND email_address LIKE 'user%'") == [
        (500,)
    ]


# warnings

FUNCTION: LiteralString = """
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.city := lower(NEW.city); RETURN NEW; END $$;
CREATE FUNCTION trim_email() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.email := trim(NEW.email); RETURN NEW; END $$;
"""


@pytest.mark.parametrize(
    ("sql", "warning"),
    [
        (
            "CREATE TRIGGER zzzzz_last BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch()",
            'trigger "zzzzz_last" fires after ours (byte order of names): if it changes "email", old and new will',
        ),
        (
            "CREATE TRIGGER trims BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION trim_email()",
            'function public.trim_email() of trigger "trims" mentions "email": after contract that column is gone',
        ),
        (
            "CREATE TRIGGER copies AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();"
            "ALTER TABLE users ENABLE ALWAYS TRIGGER copies",
            'trigger "copies" will fire for every row of the backfill: it is enabled for replicas',
        ),
        (
            "CREATE PUBLICATION news FOR TABLE users",
            'the table is published by "news": add "email_address" at the subscribers before expand',
        ),
        (
            "ALTER TABLE users ADD CONSTRAINT later UNIQUE (email) DEFERRABLE INITIALLY DEFERRED",
            'constraint "later" is deferrable: while its new index is built',
        ),
        (
            "CREATE UNIQUE INDEX once ON users (lower(email))",
            'until contract unique index "once" has a successor that is unique too, and ON CONFLICT watches one of the',
        ),
        ("ALTER TABLE users ALTER email SET DEFAULT ''", 'column "email" has a default and takes nulls'),
    ],
)
def test_what_an_operator_should_know_is_told_by_plan_and_at_the_start(
    sql: LiteralString, warning: str, cli: CommandLine
) -> None:
    cli.database.execute(FUNCTION)
    cli.database.execute(sql)
    assert f"  warning: {warning}" in cli.succeed("plan", "rename-email").stdout
    assert any(warning in told for told in cli.json("plan", "rename-email")["warnings"])
    assert f"warning: {warning}" in cli.succeed("advance", "rename-email").stderr


def test_a_trigger_that_our_role_cannot_silence_is_named(cli: CommandLine, app: str) -> None:
    owner_of(cli, "users", app)
    cli.database.execute(FUNCTION)
    cli.database.execute("CREATE TRIGGER lowers BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()")
    cli.database.execute("GRANT TRIGGER ON users TO PUBLIC")
    told = [
        'trigger "lowers" will fire for every row of the backfill: our role may not silence it '
        '(function public.touch() of "postgres", on "public.users")',
        'PUBLIC may create triggers on "public.users", and these would run with the rights of our role, should one come'
        ' while the backfill runs: REVOKE TRIGGER ON "public"."users" FROM PUBLIC',
    ]
    shown = cli.succeed("plan", "rename-email", dsn=app).stdout
    assert all(each in shown for each in told), shown
    assert cli.json("plan", "rename-email")["warnings"] == []


@pytest.mark.matrix
@pytest.mark.parametrize(
    "trigger",
    [
        "EXECUTE FUNCTION theirs()",
        "WHEN (they_say(NEW.city)) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ],
)
def test_code_of_others_does_not_run_with_the_rights_of_our_role(
    trigger: LiteralString, cli: CommandLine, app: str, application_role: CreateRole
) -> None:
    owner_of(cli, "users", app)
    other = application_role().name
    cli.database.execute("""
        CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE FUNCTION they_say(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'
    """)
    cli.database.execute(SQL("CREATE TRIGGER hung BEFORE UPDATE ON users FOR EACH ROW {}").format(SQL(trigger)))
    give = SQL("ALTER FUNCTION theirs() {0}; ALTER FUNCTION they_say(text) {0}")
    cli.database.execute(give.format(SQL("OWNER TO {}").format(Identifier(other))))
    said = cli("plan", "rename-email", dsn=app)
    assert said.exit_code == 2
    assert 'trigger "hung" of "public.users" would fire for every row of the backfill, and run' in said.stderr
    assert f"of role {other} with the rights of our role" in said.stderr
    cli.succeed("plan", "rename-email")
    cli.database.execute(give.format(SQL("SECURITY DEFINER")))
    cli.succeed("plan", "rename-email", dsn=app)


@pytest.mark.matrix
def test_what_others_compute_in_every_row_does_not_run_with_the_rights_of_our_role(
    cli: CommandLine, app: str, application_role: CreateRole
) -> None:
    owner_of(cli, "users", app)
    other = Identifier(application_role().name)
    cli.database.execute("""
        CREATE FUNCTION they_say(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
        CREATE OPERATOR !! (PROCEDURE = they_say, RIGHTARG = text);
        CREATE DOMAIN nickname AS text CONSTRAINT within CHECK (they_say(VALUE));
        ALTER TABLE users ADD names nickname[], ADD CONSTRAINT own CHECK (!! city),
          ADD made boolean GENERATED ALWAYS AS (they_say(city)) STORED;
        CREATE INDEX by_them ON users (id) WHERE they_say(city)
    """)
    cli.database.execute(SQL("ALTER FUNCTION they_say(text) OWNER TO {}").format(other))
    said = cli("plan", "rename-email", dsn=app)
    assert said.exit_code == 2
    for what in ('constraint "within"', 'constraint "own"', 'generated column "made"', 'index "by_them"'):
        assert f'{what} of "public.users" would call function public.they_say(text) of role' in said.stderr
    cli.succeed("plan", "rename-email")


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "step", "on", "done"),
    [
        ("rename_column, from: email, to: mail", "fill", "UPDATE ON users", "SELECT count(mail) FROM users"),
        (
            "extract_table, columns: [email], to: mails, key: {id: user_id}",
            "copy",
            "INSERT ON mails",
            "SELECT count(*) FROM mails",
        ),
    ],
)
def test_a_trigger_of_others_that_comes_while_a_backfill_runs_stops_it_and_has_done_nothing(
    change: str,
    step: str,
    on: LiteralString,
    done: LiteralString,
    cli: CommandLine,
    app: str,
    application_role: CreateRole,
) -> None:
    owner_of(cli, "users", app)
    other = application_role().name
    cli.database.execute("""
        CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN CREATE TABLE IF NOT EXISTS loot (); RETURN NEW; END'
    """)
    cli.database.execute(SQL("ALTER FUNCTION theirs() OWNER TO {}").format(Identifier(other)))
    hang = SQL("CREATE TRIGGER hung BEFORE {} FOR EACH ROW EXECUTE FUNCTION theirs()").format(SQL(on))
    plan = f"name: theirs\nchanges:\n  - {{table: users, kind: {change}}}\n"
    run = Migration.of(plan, Database(app, cli.database.name, cli.database.server), cli.folder / "plans")
    with pytest.raises(StepFailed, match=f'trigger "hung" of .* ran function .*theirs.. of role {other} with'):
        run.meddling(step, lambda: cli.database.execute(hang)).advance(Phase.BACKFILL)
    assert cli.database.fetch(done + " WHERE to_regclass('loot') IS NULL") == [(0,)]
    cli.database.execute("DROP FUNCTION theirs() CASCADE")
    run.advance(Phase.BACKFILL)
    assert cli.database.fetch(done + " WHERE to_regclass('loot') IS NULL") == [(500,)]


def test_an_ordinary_table_gets_no_warning(cli: CommandLine) -> None:
    cli.database.execute(FUNCTION)
    cli.database.execute("CREATE TRIGGER a_first BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch()")
    assert cli.json("plan", "rename-email")["warnings"] == []


def test_a_role_that_may_not_make_temporary_tables_is_told_what_to_grant(cli: CommandLine, app: str) -> None:
    owner_of(cli, "users", app)
    cli.database.execute(SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(Identifier(cli.database.name)))
    said = cli("plan", "rename-email", dsn=app)
    assert said.exit_code == 1
    assert hint_of(said) == "the role needs TEMPORARY on the database: see docs/permissions.md"


def test_only_tables_can_be_changed(cli: CommandLine) -> None:
    cli.database.execute("CREATE VIEW mails AS SELECT id, email FROM users")
    cli.plan(table="mails")
    assert 'there is no table "mails"' in cli("plan", "rename-email").stderr
