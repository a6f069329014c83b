"""A renamed table under its new name: what works through the view, for whom, and how the two change places."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from tests.fixtures.database import CreateDatabase, CreateRole, Database
from tests.integration.command_line import CommandLine, OpenCommandLine, initialised

PLAN = "{name: rename, changes: [{kind: rename_table, table: customers, to: clients}]}"
CUSTOMERS = """
CREATE TABLE customers (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, handle text NOT NULL UNIQUE, city text DEFAULT 'Paris',
    loud text GENERATED ALWAYS AS (upper(handle)) STORED
);
CREATE TABLE words (customer int, word text);
INSERT INTO customers (handle) VALUES ('ann'), ('bob')
"""


def customers(database: Database) -> None:
    initialised(database)
    database.execute(CUSTOMERS)


@pytest.fixture
def cli(create_database: CreateDatabase, open_command_line: OpenCommandLine) -> CommandLine:
    command_line = open_command_line(create_database(customers))
    plans = command_line.folder / "plans"
    plans.mkdir()
    (plans / "rename.yaml").write_text(PLAN)
    return command_line


ALWAYS, NEVER = 140000, 10**9
# from which version of PostgreSQL on each works through the view
STATEMENTS: list[tuple[LiteralString, int]] = [
    ("INSERT INTO clients (handle) VALUES ('eve') RETURNING id, city, loud", ALWAYS),
    ("INSERT INTO clients VALUES (DEFAULT, 'eve', 'Rome', DEFAULT)", ALWAYS),
    ("INSERT INTO clients (id, handle) OVERRIDING SYSTEM VALUE VALUES (9, 'eve')", ALWAYS),
    ("UPDATE clients SET city = w.word FROM words w WHERE w.customer = clients.id RETURNING clients.*", ALWAYS),
    ("DELETE FROM clients WHERE handle = 'ann' RETURNING *", ALWAYS),
    ("SELECT * FROM clients WHERE handle = 'ann' FOR UPDATE SKIP LOCKED", ALWAYS),
    ("INSERT INTO clients (handle) VALUES ('ann') ON CONFLICT DO NOTHING", ALWAYS),
    ("INSERT INTO clients (handle) VALUES ('ann') ON CONFLICT (handle) DO UPDATE SET city = excluded.city", ALWAYS),
    ("INSERT INTO clients (handle) VALUES ('ann') ON CONFLICT ON CONSTRAINT customers_handle_key DO NOTHING", NEVER),
    ("MERGE INTO clients c USING words ON customer = id WHEN MATCHED THEN UPDATE SET city = word", 170000),
    ("LOCK TABLE clients IN SHARE MODE", ALWAYS),
    ("TRUNCATE clients", NEVER),
    ("COPY (SELECT * FROM clients) TO STDOUT", ALWAYS),
    ("COPY clients TO STDOUT", NEVER),
    ("COPY clients (handle) FROM STDIN", NEVER),
    ("SELECT id, city, count(*) FROM clients GROUP BY id", NEVER),
    ("SELECT ctid FROM clients", NEVER),
    ("SELECT * FROM clients TABLESAMPLE SYSTEM (10)", NEVER),
    ("CREATE TABLE orders (client int REFERENCES clients)", NEVER),
    ("CREATE INDEX ON clients (city)", NEVER),
    ("SELECT 1 / count(*) FROM (SELECT pg_get_serial_sequence('clients', 'id') s) t WHERE s IS NOT NULL", NEVER),
    ("SELECT 1 / count(*) FROM pg_index WHERE indrelid = 'clients'::regclass AND indisprimary", NEVER),
]


def attempt(database: Database, sql: LiteralString) -> str | None:
    """What the server has against a statement; it leaves no trace."""
    with database.connect(autocommit=False) as connection, connection.cursor() as cursor:
        try:
            if sql.startswith("COPY"):
                with cursor.copy(sql) as copy:
                    if "TO STDOUT" in sql:
                        list(copy)
            else:
                cursor.execute(sql)
        except psycopg.Error as error:
            return str(error)
        finally:
            connection.rollback()
    return None


@pytest.mark.matrix
def test_what_works_under_the_new_name_is_what_the_page_says(cli: CommandLine) -> None:
    cli.advance("constrain", "rename")
    version = cli.database.server_version
    known = [(sql, since) for sql, since in STATEMENTS if version >= 150000 or not sql.startswith("MERGE")]
    works = {sql: attempt(cli.database, sql) for sql, _ in known}
    assert {sql for sql, error in works.items() if error is None} == {sql for sql, since in known if version >= since}
    cli.advance("contract", "rename")
    assert {sql: attempt(cli.database, sql) for sql, _ in known} == dict.fromkeys(works)


@pytest.mark.matrix
def test_nobody_may_do_more_or_less_through_the_view(cli: CommandLine, application_role: CreateRole) -> None:
    reader, editor, stranger = (application_role() for _ in range(3))
    cli.database.execute(
        SQL(
            "GRANT SELECT ON customers TO {0}; GRANT SELECT (handle), UPDATE (city) ON customers TO {1};"
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {2}"
        ).format(*(Identifier(role.name) for role in (reader, editor, stranger)))
    )
    cli.advance("expand", "rename")

    def allowed(table: str) -> list[list[bool]]:
        statements = (
            f"SELECT * FROM {table}",
            f"UPDATE {table} SET city = 'Rome' WHERE handle = 'ann'",
            f"DELETE FROM {table} WHERE handle = 'ann'",
        )
        roles = (reader, editor, stranger)
        return [[_may(role.dsn(cli.database), each) for each in statements] for role in roles]

    assert allowed("customers") == allowed("clients") == [[True, False, False], [False, True, False], [False] * 3]


def _may(dsn: str, sql: str) -> bool:
    with psycopg.connect(dsn) as connection:
        try:
            connection.execute(sql.encode())
        except psycopg.errors.InsufficientPrivilege:
            return False
        finally:
            connection.rollback()
    return True


@pytest.mark.matrix
def test_row_security_holds_under_both_names(cli: CommandLine, application_role: CreateRole) -> None:
    role = application_role()
    cli.database.execute(
        SQL(
            "GRANT SELECT ON customers TO {0}; ALTER TABLE customers ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY own ON customers TO {0} USING (handle = 'ann')"
        ).format(Identifier(role.name))
    )
    if cli.database.server_version < 150000:
        assert "has row security, and before PostgreSQL 15 a view would pass it by" in cli("plan", "rename").stderr
        return
    cli.advance("expand", "rename")
    with psycopg.connect(role.dsn(cli.database)) as connection:
        for table in ("customers", "clients"):
            query = SQL("SELECT handle FROM {}").format(Identifier(table))
            assert connection.execute(query).fetchall() == [("ann",)]


@pytest.mark.matrix
def test_row_security_and_column_grants_are_too_much_for_a_view(cli: CommandLine) -> None:
    cli.database.execute("ALTER TABLE customers ENABLE ROW LEVEL SECURITY; GRANT SELECT (city) ON customers TO PUBLIC")
    assert "has row security and privileges on single columns" in cli("plan", "rename").stderr


def test_a_prepared_statement_outlives_the_exchange(cli: CommandLine) -> None:
    cli.advance("constrain", "rename")
    with cli.database.connect() as connection:
        query = "SELECT * FROM clients WHERE handle = %s"
        before = connection.execute(query, ["ann"], prepare=True).fetchall()
        cli.advance("contract", "rename")
        assert connection.execute(query, ["ann"], prepare=True).fetchall() == before


REFUSED: list[tuple[LiteralString, str, str]] = [
    ("SELECT", "customers", 'table "public.customers" is renamed to itself'),
    ("CREATE VIEW taken AS SELECT 1", "taken", 'there is already a relation "public.taken"'),
    ("CREATE INDEX taken ON customers (city)", "taken", 'there is already a relation "public.taken"'),
    ("SELECT", "x" * 64, f'"{"x" * 64}" is longer than 63 bytes'),
]


@pytest.mark.parametrize(("sql", "to", "reason"), REFUSED)
def test_a_name_that_the_table_cannot_take_is_refused(
    sql: LiteralString, to: str, reason: str, cli: CommandLine
) -> None:
    cli.database.execute(sql)
    (cli.folder / "plans" / "rename.yaml").write_text(PLAN.replace("clients", to))
    said = cli("plan", "rename")
    assert (said.exit_code, reason in said.stderr) == (2, True), said


@pytest.mark.matrix
def test_names_that_want_quoting_are_taken_as_they_are(cli: CommandLine) -> None:
    cli.database.execute('ALTER TABLE customers RENAME TO "or""der%s"; ALTER TABLE "or""der%s" RENAME city TO "c%""i"')
    plan = PLAN.replace("customers", "'or\"der%s'").replace("clients", "'é\"%1'")
    (cli.folder / "plans" / "rename.yaml").write_text(plan)
    before = cli.database.dump()
    cli.advance("constrain", "rename")
    cli.database.execute('INSERT INTO "é""%1" (handle, "c%""i") VALUES (\'eve\', \'Rome\')')
    cli.succeed("abort", "rename")
    assert cli.database.dump() == before
    cli.advance("contract", "rename")
    assert cli.database.fetch('SELECT count(*) FROM "é""%1"') == [(3,)]


def test_a_column_added_since_is_drift_for_the_view_has_it_not(cli: CommandLine) -> None:
    cli.advance("expand", "rename")
    cli.database.execute("ALTER TABLE customers ADD late int; GRANT DELETE ON customers TO PUBLIC")
    said = cli("advance", "rename", "--to", "constrain")
    assert said.exit_code == 3
    assert 'what hangs on the view "clients" is different on public.customers: columns was (' in said.stderr
    assert "'late'), grants was none and is (DELETE of PUBLIC)\n" in said.stderr


def test_no_other_plan_makes_a_table_of_the_new_name_meanwhile(cli: CommandLine) -> None:
    (cli.folder / "plans" / "other.yaml").write_text(
        "{name: other, changes: [{kind: create_table, table: clients, columns: {id: {type: int}}}]}"
    )
    cli.succeed("plan", "other")
    tables = "SELECT table_name FROM orchestrator.run_table ORDER BY 1"
    cli.advance("expand", "rename")
    assert cli.database.fetch(tables) == [("public.clients",), ("public.customers",)]
    assert cli("advance", "other").exit_code == 2


def test_what_mentions_the_old_name_is_warned_of(cli: CommandLine) -> None:
    cli.database.execute("CREATE FUNCTION n() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM customers'")
    assert 'function public.n() mentions "customers", a name that is gone after contract' in str(
        cli.json("plan", "rename")["warnings"]
    )


@pytest.mark.matrix
def test_what_is_granted_and_said_under_the_new_name_the_table_has_at_contract(
    cli: CommandLine, application_role: CreateRole
) -> None:
    role = Identifier(application_role('we"ird%1').name)
    cli.database.execute("COMMENT ON COLUMN customers.city IS 'old'; GRANT INSERT ON customers TO PUBLIC")
    cli.succeed("advance", "rename", "--to", "constrain")
    cli.database.execute(
        SQL(
            "GRANT SELECT ON clients TO {0} WITH GRANT OPTION; GRANT UPDATE (city, handle) ON clients TO {0};"
            "GRANT DELETE ON clients TO PUBLIC; GRANT INSERT ON clients TO PUBLIC;"
            "COMMENT ON VIEW clients IS 'it''s'; COMMENT ON COLUMN clients.city IS 'c'"
        ).format(role)
    )
    cli.succeed("advance", "rename", "--to", "contract", "--confirm-contract")
    found = cli.database.fetch(
        SQL(
            "SELECT has_table_privilege({0}, 'clients', 'SELECT WITH GRANT OPTION'),"
            " has_column_privilege({0}, 'clients', 'city', 'UPDATE'),"
            " has_column_privilege({0}, 'clients', 'id', 'UPDATE'), has_table_privilege('public', 'clients', 'DELETE'),"
            " obj_description('clients'::regclass), col_description('clients'::regclass, 3)"
        ).format(Literal(role.as_string(None).strip('"').replace('""', '"')))
    )
    assert found == [(True, True, False, True, "it's", "c")]


def test_what_was_revoked_under_the_new_name_does_not_come_back(cli: CommandLine) -> None:
    cli.database.execute("GRANT SELECT, UPDATE (city) ON customers TO PUBLIC")
    cli.succeed("advance", "rename", "--to", "constrain")
    for privilege in (SQL("SELECT"), SQL("UPDATE (city)")):
        cli.database.execute(SQL("REVOKE {} ON clients FROM PUBLIC").format(privilege))
        refused = cli("advance", "rename", "--to", "contract", "--confirm-contract")
        assert f"{privilege.as_string(None)} on view public.clients was revoked from PUBLIC" in refused.stderr
        cli.database.execute(SQL("GRANT {} ON clients TO PUBLIC").format(privilege))
    cli.succeed("advance", "rename", "--to", "contract", "--confirm-contract")
