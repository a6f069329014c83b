"""Raw SQL: read before it runs, refused where a kind does the same, and run under the guards of every other step."""

import json
from typing import Any

import pytest

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
    ("TRUNCATE users", LONG, "TRUNCATE users takes ACCESS EXCLUSIVE, and would wait for it without a bound"),
    ("DROP VIEW seen", OUTSIDE, "DROP seen takes ACCESS EXCLUSIVE, and would wait for it without a bound"),
]


@pytest.mark.parametrize(("statement", "lock", "reason"), REFUSED, ids=[case[0][:20] for case in REFUSED])
def test_what_must_not_be_in_a_step_is_refused(statement: str, lock: str, reason: str, cli: CommandLine) -> None:
    write(cli, expand=[step(statement or ";", lock=lock)])
    said = cli("plan", "raw")
    assert said.exit_code == 2
    assert f'  1. expand, "ours": {reason}' in said.stderr


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


HIDDEN = "DO $$BEGIN EXECUTE 'ALTER TABLE users ENABLE ROW LEVEL SECURITY'; END$$"


@pytest.mark.parametrize(
    ("statement", "lock"), [("ALTER TABLE users ENABLE ROW LEVEL SECURITY", SHORT), (HIDDEN, LONG)]
)
def test_a_step_gives_way_as_ours_do_whatever_it_declares(statement: str, lock: str, cli: CommandLine) -> None:
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
