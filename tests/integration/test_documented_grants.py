"""The GRANT statements of docs/permissions.md, run as they are written there: each role gets what the page promises."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from tests.fixtures.database import CreateDatabase, CreateRole, Database, Role
from tests.integration.command_line import USERS, CommandLine, OpenCommandLine

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
FOR_RUNS, MORE_FOR_RUNS, FOR_WATCHING, FOR_OPERATING = re.findall(r"^```sql\n(.*?)^```$", PAGE.read_text(), re.M | re.S)

USE_SCHEMA = SQL("GRANT CREATE, USAGE ON SCHEMA public TO {role}")
REVOKE = SQL("REVOKE SET ON PARAMETER session_replication_role FROM {role}")


@pytest.fixture
def grant(
    create_database: CreateDatabase, application_role: CreateRole, open_command_line: OpenCommandLine
) -> Callable[..., CommandLine]:
    """Runs a block of the page under the names of this test, and returns the command line of a role."""
    database = create_database()
    roles: dict[str, Role] = {name: application_role() for name in ("migrator", "shop_owner", "watcher", "operator")}
    names = {"DATABASE shop": f"DATABASE {database.name}", **{name: role.name for name, role in roles.items()}}

    def as_role(name: str) -> Database:
        return Database(roles[name].dsn(database), database.name, database.server)

    def run(block: str, role: str) -> CommandLine:
        sql = re.sub(
            r"DATABASE shop\b|\b(?:migrator|shop_owner|watcher|operator)\b", lambda word: names[word[0]], block
        )
        # the first block comes from whoever owns the database, the others from the role that owns the state schema
        (database if block == FOR_RUNS else as_role("migrator")).execute(sql)
        return open_command_line(as_role(role))

    database.execute(USE_SCHEMA.format(role=Identifier(roles["shop_owner"].name)))
    as_role("shop_owner").execute(USERS)
    return run


@pytest.mark.matrix
def test_the_grants_of_the_page_are_enough(grant: Callable[..., CommandLine]) -> None:
    migrator = grant(FOR_RUNS, "migrator")
    migrator.plan()
    migrator.succeed("init")
    migrator.advance("backfill")
    watcher = grant(FOR_WATCHING, "watcher")
    for command in (["status"], ["history", "rename-email"], ["check", "--deploy", "2.3"]):
        watcher.succeed(*command)
    operator = grant(FOR_OPERATING, "operator")
    for command in (
        ["pause", "rename-email"],
        ["set", "rename-email", "target_batch_ms=100"],
        ["resume", "rename-email"],
        ["pause", "--all"],
        ["resume", "--all"],
    ):
        operator.succeed(*command)
    assert operator("abort", "rename-email").exit_code == 1
    migrator.advance("contract")


def test_an_init_with_nothing_to_do_needs_no_grant_on_the_database(grant: Callable[..., CommandLine]) -> None:
    migrator = grant(FOR_RUNS, "migrator")
    migrator.succeed("init")
    watcher = grant(FOR_WATCHING, "watcher")
    assert "as before" in watcher.succeed("init").stdout


def test_the_further_grants_need_a_superuser_and_are_taken(database: Database, application_role: CreateRole) -> None:
    if database.server_version < 150000:
        pytest.skip("parameters can be granted from PostgreSQL 15 on")
    role = application_role()
    database.execute(MORE_FOR_RUNS.replace("migrator", role.name))
    try:
        silence = "SELECT has_parameter_privilege(%s, 'session_replication_role', 'SET')"
        assert database.fetch(silence, [role.name]) == [(True,)]
    finally:
        # of the whole server: a role that has it cannot be dropped
        database.execute(REVOKE.format(role=Identifier(role.name)))
