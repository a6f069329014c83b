"""What roles need: an owner without further powers runs everything, a monitor reads what there is to see."""

import re
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from tests.fixtures.database import CreateDatabase, CreateRole, Database, Role
from tests.fixtures.locks import holding
from tests.integration.command_line import PHASES, USERS, CommandLine, OpenCommandLine, hint_of

OWNER = SQL("ALTER DATABASE {database} OWNER TO {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}")
MEMBER = SQL("""
ALTER TABLE users OWNER TO {owner}; GRANT {owner} TO {role};
REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE, USAGE ON SCHEMA public TO {role};
""")
MONITOR = SQL("""
GRANT USAGE ON SCHEMA orchestrator TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA orchestrator TO {role}
""")


@pytest.fixture
def owned(
    create_database: CreateDatabase, application_role: CreateRole, open_command_line: OpenCommandLine
) -> CommandLine:
    """The command line as a role that owns its database and nothing else: no superuser, no membership."""
    database, role = create_database(), application_role()
    database.execute(OWNER.format(database=Identifier(database.name), role=Identifier(role.name)))
    cli = open_command_line(Database(role.dsn(database), database.name, database.server))
    cli.succeed("init")
    cli.database.execute(USERS)
    cli.database.execute("ALTER TABLE users ADD UNIQUE (email); CREATE INDEX ON users (lower(email))")
    cli.plan()
    return cli


@pytest.fixture
def monitor(cli: CommandLine, application_role: CreateRole) -> str:
    """The DSN of a role that may read the journal, and nothing of the application's."""
    role = application_role()
    cli.database.execute(MONITOR.format(role=Identifier(role.name)))
    return role.dsn(cli.database)


def reads(cli: CommandLine, dsn: str) -> None:
    """Everything that only looks."""
    for command in (
        ["status"],
        ["status", "rename-email"],
        ["status", "--json"],
        ["check", "--deploy", "2.3"],
        ["check", "rename-email", "--code", "old"],
        ["history", "rename-email"],
    ):
        cli.succeed(*command, dsn=dsn)


@pytest.mark.matrix
def test_an_owner_without_further_powers_runs_the_whole_life(owned: CommandLine) -> None:
    before = owned.database.dump()
    owned.advance("constrain")
    owned.succeed("pause", "rename-email")
    owned.succeed("resume", "rename-email")
    owned.succeed("set", "rename-email", "target_batch_ms=100")
    owned.succeed("verify", "rename-email")
    owned.succeed("abort", "rename-email", "--quiet")
    assert owned.database.dump() == before
    for phase in PHASES:
        owned.advance(phase)
        assert owned("check", "--deploy", "2.4").exit_code == (0 if phase in PHASES[3:] else 3)
    assert owned.database.fetch("SELECT count(email_address) FROM users") == [(500,)]
    assert "email_address" in owned.database.dump()


@pytest.mark.matrix
@pytest.mark.parametrize("type_", ["bigserial", "bigint, identity: always"])
def test_a_column_that_counts_has_a_sequence_of_its_tables_owner(
    type_: str, cli: CommandLine, application_role: CreateRole
) -> None:
    owner, member = application_role(), application_role()
    roles = {"owner": Identifier(owner.name), "role": Identifier(member.name)}
    cli.database.execute(MEMBER.format(**roles) + MONITOR.format(**roles))
    change = f"{{kind: add_column, table: users, column: number, type: {type_}}}"
    (cli.folder / "plans" / "number.yaml").write_text(f"name: number\nchanges:\n  - {change}\n", encoding="utf-8")
    refused = cli("plan", "number", dsn=member.dsn(cli.database))
    assert f'belongs to "{owner.name}", who may not create in its schema' in refused.stderr
    cli.advance("contract", "number")
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname IN ('users', 'users_number_seq')"
    assert cli.database.fetch(owners) == [(owner.name,)]


def test_statistics_stay_whose_they_were(cli: CommandLine, application_role: CreateRole) -> None:
    owner = application_role()
    made = SQL("CREATE STATISTICS together ON email, city FROM users; ALTER STATISTICS together OWNER TO {}")
    cli.database.execute(made.format(Identifier(owner.name)))
    cli.advance("contract")
    assert cli.database.fetch("SELECT stxowner::regrole::text FROM pg_statistic_ext") == [(owner.name,)]


@pytest.mark.matrix
def test_a_monitor_reads_while_everything_is_locked(cli: CommandLine, monitor: str) -> None:
    cli.advance("backfill")
    with (
        holding(cli.database, "ALTER TABLE users ALTER city TYPE varchar(100)"),
        holding(cli.database, "SELECT FROM orchestrator.run FOR UPDATE"),
        holding(cli.database, "SELECT FROM orchestrator.control FOR UPDATE"),
    ):
        reads(cli, monitor)


@pytest.mark.parametrize(
    "command",
    [
        ("advance", "rename-email"),
        ("abort", "rename-email"),
        ("pause", "rename-email"),
        ("resume", "rename-email"),
        ("set", "rename-email", "target_batch_ms=100"),
        ("verify", "rename-email"),
    ],
    ids=lambda command: command[0],
)
def test_a_monitor_changes_nothing_and_is_told_so(command: tuple[str, ...], cli: CommandLine, monitor: str) -> None:
    cli.advance("backfill")
    before = cli.json("status", "rename-email")
    result = cli(*command, dsn=monitor)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert "permission denied for " in result.stderr
    assert "docs/permissions.md" in hint_of(result)
    after = cli.json("status", "rename-email")
    assert {key: after[key] for key in ("phase", "status", "epoch", "knobs", "pause_wanted")} == {
        key: before[key] for key in ("phase", "status", "epoch", "knobs", "pause_wanted")
    }


def test_a_role_that_may_not_read_the_journal_is_told_what_to_grant(
    cli: CommandLine, application_role: CreateRole
) -> None:
    stranger: Role = application_role()
    result = cli("status", dsn=stranger.dsn(cli.database))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: this role may not read the state schema\n")
    for statement in hint_of(result).removesuffix(", to it").split(", and "):
        assert "ORCHESTRATOR" in statement.upper()


def test_a_role_that_may_not_create_a_schema_is_told_so_by_init(
    database: Database, application_role: CreateRole, open_command_line: OpenCommandLine
) -> None:
    result = open_command_line(database)("init", dsn=application_role().dsn(database))
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"permission denied for database {database.name}" in result.stderr
    assert "docs/permissions.md" in hint_of(result)


CALLED: LiteralString = """
CREATE SCHEMA tools;
CREATE FUNCTION tools.tidy(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT trim($1)';
CREATE FUNCTION tools.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR tools.~~~ (FUNCTION = tools.same, LEFTARG = text, RIGHTARG = text);
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tools FROM PUBLIC;
CREATE TABLE people (id int, name text);
CREATE VIEW everybody AS SELECT * FROM people;
"""
BY_EXPRESSION = """\
name: tidy
changes:
  - kind: add_column
    table: people
    column: tidied
    type: text
    up: CASE WHEN name OPERATOR(tools.~~~) '' THEN '' ELSE tools.tidy(name) END
"""


@pytest.mark.matrix
def test_who_may_write_and_not_call_what_up_calls_is_named_with_the_grant(
    cli: CommandLine, application_role: CreateRole
) -> None:
    writer, through_view, reader = application_role().name, application_role().name, application_role().name
    cli.database.execute(CALLED)
    cli.database.execute(
        SQL(
            "GRANT UPDATE (name) ON people TO {}; GRANT INSERT ON everybody TO {}; GRANT SELECT ON people TO {}"
        ).format(*map(Identifier, (writer, through_view, reader)))
    )
    (cli.folder / "plans" / "tidy.yaml").write_text(BY_EXPRESSION)
    said = cli("plan", "tidy")
    assert said.exit_code == 2
    grants = re.findall(r"→ (GRANT .*)", said.stderr)
    both = ", ".join(f'"{name}"' for name in sorted((writer, through_view)))
    assert grants == [
        f"GRANT EXECUTE ON FUNCTION tools.same(text,text) TO {both}",
        f"GRANT EXECUTE ON FUNCTION tools.tidy(text) TO {both}",
        f"GRANT USAGE ON SCHEMA tools TO {both}",
    ]
    assert reader not in said.stderr
    with cli.database.connect() as connection:
        for grant in grants:
            connection.execute(grant.encode())
    cli.succeed("plan", "tidy")


OTHERS_PARTITIONED = SQL("""
CREATE TABLE days (day date PRIMARY KEY) PARTITION BY RANGE (day);
CREATE TABLE all_days PARTITION OF days DEFAULT;
CREATE TABLE weeks (day date PRIMARY KEY) PARTITION BY RANGE (day);
CREATE TABLE visits (day date);
ALTER TABLE visits OWNER TO {role};
GRANT CREATE ON SCHEMA public TO {role};
GRANT SELECT, REFERENCES ON days, weeks TO {role};
GRANT UPDATE ON days TO {role}
""")
TO_OTHERS = """\
name: days
changes:
  - {kind: create_table, table: new, columns: {day: {type: date}}, foreign_keys: [{columns: [day], references: days}]}
  - {kind: add_foreign_key, table: visits, name: visits_day, columns: [day], references: {table: weeks}}
"""


def test_partitioned_tables_of_others_can_be_referred_to_where_our_role_may_lock_them_all(
    cli: CommandLine, application_role: CreateRole
) -> None:
    role = application_role()
    cli.database.execute(MONITOR.format(role=Identifier(role.name)))
    cli.database.execute(OTHERS_PARTITIONED.format(role=Identifier(role.name)))
    (cli.folder / "plans" / "days.yaml").write_text(TO_OTHERS)
    said = cli("plan", "days", dsn=role.dsn(cli.database))
    assert re.findall(r'our role may not lock table "(.*)"', said.stderr) == ["public.days", "public.weeks"]
    cli.database.execute(SQL("GRANT UPDATE ON all_days, weeks TO {}").format(Identifier(role.name)))
    cli.succeed("plan", "days", dsn=role.dsn(cli.database))
