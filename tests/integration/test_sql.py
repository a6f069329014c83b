"""Raw SQL: read before it runs, refused where a kind does the same, and run under the guards of every other step."""

import json
from typing import Any

import pytest

from orchestrator.raw_sql import refusals
from tests.fixtures.locks import holding
from tests.integration.command_line import CommandLine

SHORT, LONG, OUTSIDE = "short exclusive", "long, harmless", "concurrently"


def write(cli: CommandLine, *, unsafe: str | None = None, **phases: list[dict[str, Any]]) -> None:
    """A plan of raw SQL about users; JSON is YAML."""
    change = {"kind": "sql", "table": "users", **phases} | ({"unsafe": unsafe} if unsafe else {})
    text = json.dumps({"name": "raw", "changes": [change]})
    (cli.folder / "plans" / "raw.yaml").write_text(text, encoding="utf-8")


def step(run: str | list[str], undo: str | list[str] = "SELECT 1", lock: str = SHORT) -> dict[str, Any]:
    return {"title": "ours", "run": run, "undo": undo, "lock": lock}


REFUSED = [
    ("COMMIT", SHORT, "a statement about transactions"),
    ("SET lock_timeout = 0", SHORT, "a setting"),
    ("SET LOCAL search_path = x", SHORT, "a setting"),
    ("COPY users FROM STDIN", SHORT, "COPY from or to the client"),
    ("SELECT 1; SELECT 2", SHORT, "2 statements in one text"),
    ("", SHORT, "0 statements in one text"),
    ("SELEC 1", SHORT, 'syntax error at or near "SELEC"'),
    ("ALTER TABLE users RENAME TO clients", SHORT, "RENAME TABLE users TO clients is done safely by rename_table"),
    ("DROP TABLE users", SHORT, "DROP TABLE users is done safely by drop_table"),
    (
        "DO $$BEGIN ALTER TABLE users RENAME email TO mail; END$$",
        SHORT,
        "RENAME COLUMN users.email TO mail is done safely by rename_column",
    ),
    ("TRUNCATE users", LONG, "TRUNCATE users takes ACCESS EXCLUSIVE, and would hold it without a bound"),
    ("DROP VIEW seen", OUTSIDE, "DROP seen takes ACCESS EXCLUSIVE, and would hold it without a bound"),
    ("ALTER TABLE users ADD COLUMN a int", SHORT, "ADD COLUMN users.a int is done safely by add_column"),
    ("UPDATE users SET city = '' WHERE true", LONG, "UPDATE of every row of users is done safely by"),
    ("VACUUM users", LONG, "VACUUM within a transaction fails"),
    ("CREATE DATABASE d", SHORT, "it cannot run in a transaction"),
    ("UPDATE users SET city = '' WHERE id = 1", OUTSIDE, "outside a transaction it may change rows twice"),
]


@pytest.mark.parametrize(("statement", "lock", "reason"), REFUSED, ids=[case[0][:20] for case in REFUSED])
def test_what_must_not_be_in_a_step_is_refused(statement: str, lock: str, reason: str, cli: CommandLine) -> None:
    write(cli, expand=[step(statement or ";", lock=lock)])
    said = cli("plan", "raw")
    assert said.exit_code == 2
    assert f'  1. expand, "ours": {reason}' in said.stderr


SLOW = """
ALTER TABLE users ALTER city SET (n_distinct = 2), VALIDATE CONSTRAINT k
ALTER TABLE users ALTER city SET STATISTICS 5
ALTER TABLE users SET (fillfactor = 50, toast.autovacuum_enabled = off)
ANALYZE users
COMMENT ON TABLE users IS 'x'
GRANT SELECT ON users TO public
REVOKE ALL ON users FROM public
CREATE STATISTICS s2 ON city, id FROM users
DROP STATISTICS IF EXISTS s
CREATE PUBLICATION p2 FOR TABLE users
ALTER PUBLICATION p ADD TABLE users
DROP PUBLICATION IF EXISTS p
CREATE TABLE log (LIKE users INCLUDING ALL)
CREATE TABLE log AS TABLE users
REFRESH MATERIALIZED VIEW CONCURRENTLY m
INSERT INTO tags SELECT FROM users
DO $$BEGIN DELETE FROM users WHERE id = 1; END$$
""".strip().splitlines()
QUICK = """
ALTER TABLE users ADD COLUMN a int
ALTER TABLE users VALIDATE CONSTRAINT k, ALTER city SET DEFAULT 'x'
ALTER TABLE users ALTER city SET STORAGE EXTERNAL
ALTER TABLE users SET (fillfactor = 50, user_catalog_table = true)
ALTER TABLE users ADD CHECK (id > 0) NOT VALID
ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES users NOT VALID
ALTER TABLE users OWNER TO CURRENT_USER
ALTER TABLE users ENABLE ALWAYS TRIGGER t
ALTER TRIGGER t ON users RENAME TO t2
CREATE TRIGGER t2 AFTER INSERT ON users EXECUTE FUNCTION f()
CREATE RULE r AS ON DELETE TO users DO INSTEAD NOTHING
CREATE POLICY o ON users
CREATE TABLE log (id bigint REFERENCES users)
CREATE TABLE log (id bigint, FOREIGN KEY (id) REFERENCES users)
CREATE OR REPLACE VIEW v AS SELECT 2 AS one
DO $$BEGIN LOCK TABLE users; END$$
DO $$BEGIN EXECUTE 'LOCK TABLE users'; END$$
""".strip().splitlines()


@pytest.mark.matrix
def test_what_may_take_its_time_stops_neither_readers_nor_writers(cli: CommandLine) -> None:
    """Asked of the server: whoever holds one of these locks on what others use would stop them."""
    cli.database.execute("""
        CREATE TABLE tags (); CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE UNIQUE INDEX ON m (a);
        CREATE VIEW v AS SELECT 1 AS one; CREATE STATISTICS s ON city, id FROM users; CREATE PUBLICATION p;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION f();
        ALTER TABLE users ADD CONSTRAINT k CHECK (id > 0) NOT VALID;
    """)
    stopping = """
        SELECT count(*) > 0 FROM pg_locks JOIN pg_class AS c ON c.oid = relation
        WHERE pid = pg_backend_pid() AND relnamespace = 'public'::regnamespace
            AND relkind <> 'm' AND relname NOT LIKE 'log%'
            AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    """
    for statement in (*SLOW, *QUICK):
        refused = any("would hold it without a bound" in said for said, _ in refusals("", statement, LONG, ()))
        with cli.database.connect() as connection, connection.transaction(force_rollback=True):
            connection.execute(statement)
            row = connection.execute(stopping).fetchone()
        assert row == (refused,) == (statement in QUICK,), statement


def test_a_step_that_keeps_rows_locked_for_as_long_as_it_takes_is_warned_of(cli: CommandLine) -> None:
    write(cli, expand=[step("DELETE FROM users WHERE id < 10", [], LONG), step("SELECT FROM users", [], LONG)])
    (said,) = cli.json("plan", "raw")["warnings"]
    assert said == 'expand, "ours": the rows that it changes stay locked, and their writers wait, until it ends'


def test_a_reason_lets_through_what_a_kind_would_do_and_stays_in_the_history(cli: CommandLine) -> None:
    run, undo = "ALTER TABLE users RENAME city TO town", "ALTER TABLE users RENAME town TO city"
    write(cli, unsafe="nobody reads city yet", expand=[step(run, undo)])
    assert "nobody reads city yet" in cli.json("plan", "raw")["warnings"][0]
    cli.advance("constrain", "raw")
    assert "nobody reads city yet" in cli.succeed("history", "raw").stdout
    assert cli.database.fetch("SELECT town FROM users LIMIT 1") == [("city",)]


def test_a_reason_does_not_let_through_what_would_break_the_run(cli: CommandLine) -> None:
    write(cli, unsafe="because", expand=[step("COMMIT")])
    assert cli("plan", "raw").exit_code == 2


def test_an_undo_is_demanded_before_contract_and_has_no_place_in_it(cli: CommandLine) -> None:
    bare = {"title": "ours", "run": "SELECT 1", "lock": LONG}
    write(cli, expand=[bare])
    assert '"undo" is missing' in cli("plan", "raw").stderr
    write(cli, contract=[bare | {"undo": "SELECT 1"}])
    assert 'there is no key "undo" here' in cli("plan", "raw").stderr


def test_an_undo_that_would_not_run_twice_is_refused(cli: CommandLine) -> None:
    write(cli, expand=[step("CREATE VIEW v AS SELECT 1", "DROP VIEW v")])
    assert 'expand, "ours", undo: it fails when it runs a second time' in cli("plan", "raw").stderr


@pytest.mark.matrix
def test_steps_of_every_phase_run_and_abort_takes_them_back(cli: CommandLine) -> None:
    before = cli.database.dump()
    write(
        cli,
        expand=[step(["CREATE TABLE log (at text)", "COMMENT ON TABLE log IS '100%'"], "DROP TABLE IF EXISTS log")],
        dual_write=[step("CREATE VIEW logged AS SELECT * FROM log", "DROP VIEW IF EXISTS logged")],
        backfill=[step("INSERT INTO log VALUES ('50%')", [], LONG)],
        constrain=[
            step("CREATE UNIQUE INDEX CONCURRENTLY i ON log (at)", "DROP INDEX CONCURRENTLY IF EXISTS i", OUTSIDE)
        ],
        contract=[{"title": "ours", "run": "COMMENT ON TABLE log IS NULL", "lock": SHORT}],
        unsafe="an index of a table that nobody uses",
    )
    cli.advance("constrain", "raw")
    assert cli.database.fetch("SELECT at FROM logged") == [("50%",)]
    cli.succeed("abort", "raw")
    assert cli.database.dump() == before
    cli.advance("contract", "raw")
    assert cli.database.fetch("SELECT obj_description('log'::regclass)") == [(None,)]


SECURE = "ALTER TABLE users ENABLE ROW LEVEL SECURITY"
HIDDEN = f"CREATE FUNCTION hidden() RETURNS void LANGUAGE sql AS '{SECURE}'"


@pytest.mark.parametrize(("statement", "lock"), [(SECURE, SHORT), ("SELECT hidden()", LONG)])
def test_a_step_gives_way_as_ours_do_whatever_it_declares(statement: str, lock: str, cli: CommandLine) -> None:
    cli.database.execute(HIDDEN)
    write(cli, expand=[step(statement, lock=lock)])
    with holding(cli.database, "SELECT FROM users"):
        said = cli("--lock-timeout-ms", "50", "--lock-budget-s", "0.1", "advance", "raw", "--to", "expand")
    assert said.exit_code == 5
    assert cli.database.fetch("SELECT relrowsecurity FROM pg_class WHERE relname = 'users'") == [(False,)]


def test_a_comment_at_the_end_of_a_statement_ends_with_it(cli: CommandLine) -> None:
    undo = ["DROP TABLE IF EXISTS log -- ours", "DROP TABLE IF EXISTS log2"]
    write(cli, expand=[step(["CREATE TABLE log () -- ours", "CREATE TABLE log2 ()"], undo)])
    cli.advance("expand", "raw")
    assert cli("abort", "raw").exit_code == 0


def test_contract_is_asked_for_although_nothing_has_a_name_that_goes(cli: CommandLine) -> None:
    write(cli, contract=[{"title": "ours", "run": "COMMENT ON TABLE users IS 'x'", "lock": SHORT}])
    cli.advance("constrain", "raw")
    said = cli("advance", "raw")
    assert (said.exit_code, said.stderr.splitlines()[0]) == (3, "error: contract has no way back")
