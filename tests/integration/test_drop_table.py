"""A table that goes: nothing of it before contract, nobody else locked for long, nothing taken by CASCADE."""

from typing import LiteralString

import pytest

from tests.fixtures.database import CreateDatabase
from tests.fixtures.locks import holding
from tests.integration.command_line import CommandLine, OpenCommandLine, shop

PLAN = "{name: drop, changes: [{kind: drop_table, table: visits}]}"


@pytest.fixture
def cli(create_database: CreateDatabase, open_command_line: OpenCommandLine) -> CommandLine:
    command_line = open_command_line(create_database(shop))
    command_line.database.execute(
        "CREATE TABLE visits (id serial PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE);"
        "INSERT INTO visits (user_id) SELECT id FROM users; ANALYZE visits"
    )
    plans = command_line.folder / "plans"
    plans.mkdir()
    (plans / "drop.yaml").write_text(PLAN)
    return command_line


USERS: list[tuple[LiteralString, str]] = [
    ("CREATE VIEW seen AS SELECT user_id FROM visits", 'view "public.seen"'),
    ("CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM visits", 'materialized view "public.seen"'),
    ("CREATE VIEW ids AS SELECT id, user_id FROM visits GROUP BY id", 'view "public.ids"'),
    (
        "CREATE POLICY visitors ON users USING (EXISTS (SELECT FROM visits WHERE user_id = users.id))",
        "policy visitors on table public.users",
    ),
    (
        "CREATE FUNCTION n() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM public.visits; END",
        "function public.n()",
    ),
    ("CREATE FUNCTION f(v visits) RETURNS int LANGUAGE sql AS 'SELECT 1'", "function public.f(public.visits)"),
    ("CREATE TABLE diary (first visits)", "column first of table public.diary"),
    ("CREATE TABLE diary (all_of_them visits[])", "column all_of_them of table public.diary"),
    (
        "CREATE TABLE other (id int DEFAULT nextval('visits_id_seq'))",
        "default value for column id of table public.other",
    ),
    ("CREATE RULE log AS ON DELETE TO users DO ALSO DELETE FROM visits", "rule log on table public.users"),
]


@pytest.mark.matrix
@pytest.mark.parametrize(("sql", "who"), USERS, ids=[who for _, who in USERS])
def test_what_uses_the_table_is_refused_by_name(sql: LiteralString, who: str, cli: CommandLine) -> None:
    cli.database.execute(sql)
    said = cli("plan", "drop")
    assert said.exit_code == 2
    assert f'  1. {who} uses "public.visits"\n    → drop it before, or let it do without' in said.stderr
    assert len(said.stderr.splitlines()) == 3, said


def test_what_belongs_to_the_table_goes_with_it(cli: CommandLine) -> None:
    cli.database.execute(
        "CREATE INDEX ON visits (user_id); CREATE STATISTICS s ON id, user_id FROM visits;"
        "ALTER TABLE visits ADD CHECK (id > 0), ADD parent int REFERENCES visits, ADD twice int GENERATED ALWAYS"
        " AS (id * 2) STORED; CREATE POLICY p ON visits USING (id > 0); CREATE PUBLICATION news FOR TABLE visits;"
        "CREATE TRIGGER t BEFORE UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    cli.advance("contract", "drop")
    assert cli.database.fetch("SELECT FROM pg_class WHERE relname LIKE 'visits%'") == []


def test_a_view_made_since_stops_contract_before_a_foreign_key_is_gone(cli: CommandLine) -> None:
    cli.advance("constrain", "drop")
    cli.database.execute("CREATE VIEW seen AS SELECT user_id FROM visits")
    before = cli.database.dump()
    said = cli("advance", "drop", "--confirm-contract")
    assert (said.exit_code, 'view "public.seen" uses "public.visits"' in said.stderr) == (3, True)
    assert cli.database.dump() == before


def test_a_foreign_key_made_since_is_drift(cli: CommandLine) -> None:
    cli.advance("constrain", "drop")
    cli.database.execute("CREATE TABLE late (visit int CONSTRAINT late_key REFERENCES visits)")
    said = cli("advance", "drop", "--confirm-contract")
    assert (said.exit_code, 'foreign key "late_key" is new on public.visits' in said.stderr) == (3, True)


def test_contract_says_how_many_rows_go_before_and_after_it_is_confirmed(cli: CommandLine) -> None:
    cli.advance("constrain", "drop")
    asked = cli("advance", "drop")
    assert asked.exit_code == 3
    assert "contract drops public.visits for good\n  drop table visits: about 500 rows, " in asked.stderr
    cli.advance("contract", "drop")
    assert "drop table visits: about 500 rows, " in cli.succeed("history", "drop").stdout


def test_a_reader_of_the_other_table_waits_no_longer_than_a_lock_is_tried(cli: CommandLine) -> None:
    """The foreign key goes by itself; the table is dropped when no other table is locked for it."""
    steps = [step for phase in cli.json("plan", "drop")["phases"] for step in phase["steps"]]
    locked = [[lock["relation"] for lock in step["locks"]] for step in steps]
    assert locked == [["public.visits", "public.users"], ["public.visits"]]
    cli.advance("constrain", "drop")
    with holding(cli.database, "SELECT FROM users"):
        said = cli("--lock-timeout-ms", "50", "--lock-budget-s", "0.1", "advance", "drop", "--confirm-contract")
        assert said.exit_code == 5
        assert cli.database.fetch("SELECT count(*) FROM visits") == [(500,)]
    cli.advance("contract", "drop")


def test_a_table_that_the_plan_changes_otherwise_is_not_tied_to_it(cli: CommandLine) -> None:
    rename = "{kind: rename_column, table: users, from: city, to: town}"
    (cli.folder / "plans" / "drop.yaml").write_text(PLAN.replace("visits}", f"visits}}, {rename}"))
    said = cli("plan", "drop")
    assert 'foreign key "visits_user_id_fkey" ties "public.visits" to another table of this plan' in said.stderr


def test_foreign_keys_that_would_stop_newer_code_are_warned_of(cli: CommandLine) -> None:
    cli.database.execute(
        "ALTER TABLE visits ADD city int CONSTRAINT strict REFERENCES users;"
        "CREATE TABLE late (v int CONSTRAINT late REFERENCES visits);"
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM visits'"
    )
    warnings = cli.json("plan", "drop")["warnings"]
    assert [warning.split(" keeps")[0].split(" goes")[0].split(" mentions")[0] for warning in warnings] == [
        'until contract, foreign key "strict"',
        'foreign key "late" of "public.late"',
        "function public.f()",
    ]


def test_no_table_goes_before_every_foreign_key_is_gone_and_each_goes_once(cli: CommandLine) -> None:
    cli.database.execute(
        "CREATE TABLE pages (visit int CONSTRAINT of_visit REFERENCES visits,"
        " user_id int CONSTRAINT by REFERENCES users)"
    )
    (cli.folder / "plans" / "drop.yaml").write_text(
        PLAN.replace("visits}", "visits}, {kind: drop_table, table: pages}")
    )
    steps = [step["title"] for phase in cli.json("plan", "drop")["phases"] for step in phase["steps"]]
    assert steps == [
        "drop constraint visits_user_id_fkey",
        "drop constraint of_visit",
        "drop constraint by",
        "drop table visits",
        "drop table pages",
    ]
