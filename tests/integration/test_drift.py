"""A database that changed since the program was compiled: noticed before a phase begins, by name, with the way on."""

from typing import LiteralString

import pytest

from tests.fixtures.shops import USERS, OpenShop
from tests.integration.command_line import CommandLine, OpenCommandLine, hint_of

NEW_INDEX = "CREATE INDEX users_email_hash ON users USING hash (email)"
NEW_VIEW = "CREATE VIEW mails AS SELECT email FROM users"


def test_an_index_added_to_the_old_column_is_carried_over_after_a_refresh(cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.database.execute(NEW_INDEX)
    refused = cli("advance", "rename-email")
    assert refused.exit_code == 3
    assert 'index "users_email_hash" is new on public.users' in refused.stderr
    assert "orchestrator plan rename-email --refresh" in hint_of(refused)
    cli.succeed("plan", "rename-email", "--refresh")
    cli.advance("contract")
    indexes = cli.database.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'users' ORDER BY 1")
    assert indexes == [("users_email_address_hash",), ("users_pkey",)]


def test_a_view_made_meanwhile_stops_contract_before_it_drops_anything(cli: CommandLine) -> None:
    cli.database.execute("CREATE INDEX users_email_idx ON users (email)")
    cli.advance("constrain")
    cli.database.execute(NEW_VIEW)
    before = cli.database.dump()
    refused = cli("advance", "rename-email", "--confirm-contract")
    assert refused.exit_code == 3
    assert 'view "public.mails" names column "email" of "public.users"' in refused.stderr
    assert cli.database.dump() == before
    cli.database.execute("DROP VIEW mails")
    cli.advance("contract")


def test_the_keys_of_nulls_that_stop_constrain_are_shown(cli: CommandLine) -> None:
    cli.database.execute("ALTER TABLE users ALTER email SET NOT NULL")
    cli.advance("backfill")
    cli.database.execute(
        "ALTER TABLE users DISABLE TRIGGER USER; UPDATE users SET email_address = NULL WHERE id IN (3, 4);"
        "ALTER TABLE users ENABLE TRIGGER USER"
    )
    stopped = cli("advance", "rename-email")
    assert stopped.exit_code == 1
    assert "row id=3" in stopped.stderr
    assert "row id=4" in stopped.stderr
    cli.database.execute("UPDATE users SET email_address = email WHERE id IN (3, 4)")
    cli.advance("constrain")


def test_a_changed_plan_file_is_refused_with_nothing_but_the_change(cli: CommandLine) -> None:
    cli.advance("expand")
    cli.plan(release="2.5")
    refused = cli("advance", "rename-email")
    assert refused.exit_code == 2
    changed = [line for line in refused.stderr.splitlines() if line.startswith(("-", "+")) and line[1] != line[0]]
    assert changed == ["-release: '2.4'", "+release: '2.5'"]


RICH: LiteralString = """
CREATE TABLE cities (name text PRIMARY KEY);
INSERT INTO cities SELECT email FROM users;
ALTER TABLE users ADD CONSTRAINT lives_in FOREIGN KEY (email) REFERENCES cities;
ALTER TABLE users ADD CONSTRAINT filled CHECK (email <> '');
CREATE INDEX quick ON users (email);
CREATE STATISTICS together ON email, city FROM users;
ALTER TABLE users ALTER email SET DEFAULT 'user1@example.org';
"""


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("DROP INDEX quick", 'index "quick" is gone'),
        ("DROP INDEX quick; CREATE INDEX quick ON users (email DESC)", 'index "quick" is different'),
        ("ALTER INDEX quick RENAME TO quicker", 'index "quicker" is new'),
        ("ALTER TABLE users ADD CONSTRAINT only_one UNIQUE (email)", 'key "only_one" is new'),
        ("ALTER TABLE users DROP CONSTRAINT filled", 'constraint "filled" is gone'),
        ("ALTER TABLE users ADD CONSTRAINT short CHECK (length(email) < 99)", 'constraint "short" is new'),
        ("ALTER TABLE users DROP CONSTRAINT lives_in", 'foreign key "lives_in" is gone'),
        (
            "CREATE TABLE orders (email text); ALTER TABLE users ADD UNIQUE (email);"
            "ALTER TABLE orders ADD CONSTRAINT by_user FOREIGN KEY (email) REFERENCES users (email)",
            'foreign key "by_user" is new',
        ),
        ("DROP STATISTICS together", 'statistics "together" is gone'),
        ("ALTER TABLE users ALTER email SET DEFAULT 'user2@example.org'", 'default of "email" is different'),
        ("ALTER TABLE users ALTER email DROP DEFAULT", 'default of "email" is gone'),
        ("COMMENT ON COLUMN users.email IS 'by hand'", 'column "email" is different'),
        ("ALTER TABLE users ALTER email DROP NOT NULL", "not_null"),
        ("ALTER TABLE users DROP email CASCADE", 'table "public.users" has no column "email"'),
        ("ALTER TABLE users DROP CONSTRAINT users_pkey", 'primary key column "id" is gone'),
        ("ALTER TABLE users RENAME TO people", 'there is no table "users"'),
        ("CREATE POLICY few ON users USING (email <> '')", "policy few on table public.users names column"),
    ],
)
def test_what_changed_on_the_old_column_stops_the_next_phase_by_name(
    sql: LiteralString, named: str, open_shop: OpenShop, open_command_line: OpenCommandLine
) -> None:
    cli = open_command_line(open_shop(USERS + RICH, at="backfill").database)
    cli.database.execute(sql)
    refused = cli("advance", "rename-email")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert named in refused.stderr.replace("NOT NULL of", "not_null")
    assert "rename-email" in refused.stderr
    assert hint_of(refused)
    assert cli.json("status", "rename-email")["status"] == "waiting"


ELSEWHERE: list[LiteralString] = [
    "CREATE INDEX other ON users (city)",
    "ALTER TABLE users ADD more int",
    "ALTER TABLE users DROP COLUMN city CASCADE; ALTER TABLE users ADD city text",
    "ALTER TABLE users ADD CHECK (city <> '')",
    "CREATE TRIGGER other BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE INDEX on_new ON users (email_address)",
]


def test_a_type_changed_between_expand_and_dual_write_is_told_with_both_types(cli: CommandLine) -> None:
    cli.advance("expand")
    cli.database.execute("ALTER TABLE users ALTER email TYPE varchar(200)")
    refused = cli("advance", "rename-email")
    assert refused.exit_code == 3
    assert (
        "column \"email\" is different on public.users: type was 'text' and is 'character varying(200)'"
    ) in refused.stderr


@pytest.mark.parametrize("sql", ELSEWHERE)
def test_what_changed_elsewhere_stops_nothing(sql: LiteralString, cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.database.execute(sql)
    cli.advance("contract")


def test_a_change_undone_by_hand_is_no_change(cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.database.execute(NEW_INDEX)
    assert cli("advance", "rename-email").exit_code == 3
    cli.database.execute("DROP INDEX users_email_hash")
    cli.advance("constrain")


def test_a_refresh_cannot_change_what_was_done(cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.database.execute("COMMENT ON COLUMN users.email IS 'by hand'")
    refused = cli("plan", "rename-email", "--refresh")
    assert refused.exit_code == 3
    assert 'concerns expand, which "rename-email" has already begun' in refused.stderr
    assert hint_of(refused) == "undo the run with orchestrator abort rename-email and start again"


def test_a_refresh_of_what_did_not_change_changes_nothing(cli: CommandLine) -> None:
    cli.advance("backfill")
    before = cli.json("history", "rename-email")["steps"]
    told = cli.succeed("plan", "rename-email", "--refresh").stdout
    assert told == 'the phases of run "rename-email" that have not begun were compiled again\n'
    assert cli.json("history", "rename-email")["steps"] == before
    cli.advance("contract")


def test_a_refresh_wants_a_run_that_is_alive(cli: CommandLine) -> None:
    assert cli("plan", "rename-email", "--refresh").exit_code == 2
    cli.advance("contract")
    assert cli("plan", "rename-email", "--refresh").exit_code == 3


@pytest.mark.parametrize("change", [{"new": "mail"}, {"old": "city"}, {"table": "public.users"}])
def test_a_plan_file_that_asks_for_something_else_is_refused_with_the_difference(
    change: dict[str, str], cli: CommandLine
) -> None:
    cli.advance("expand")
    cli.plan(**change)
    refused = cli("advance", "rename-email")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert 'the plan file of "rename-email" is no longer what the run was started with:\n--- the run' in refused.stderr
    [(key, word)] = change.items()
    assert f"+  {dict(new='to', old='from', table='table')[key]}: {word}" in refused.stderr
    assert "orchestrator abort rename-email" in hint_of(refused)
    assert cli.json("status", "rename-email")["phase"] == "expand"


def test_a_knob_or_a_comment_in_the_plan_file_is_no_change(cli: CommandLine) -> None:
    cli.advance("expand")
    path = cli.plan(rest="backfill: {target_batch_ms: 50}  # easy\ndescription: said better\n")
    cli.advance("backfill")
    assert cli.json("status", "rename-email")["knobs"]["target_batch_ms"] == 200
    path.write_text("# said first\n" + path.read_text())
    cli.advance("constrain")


def test_the_plan_file_is_not_needed_once_the_run_has_begun(cli: CommandLine) -> None:
    path = cli.plan()
    cli.advance("expand")
    path.unlink()
    for command in (["status", "rename-email"], ["verify", "rename-email"], ["check", "--deploy", "2.3"]):
        assert cli(*command).exit_code in (0, 1)
    cli.advance("constrain")
    path.parent.rmdir()
    cli.advance("contract")


def test_a_plan_file_that_broke_stops_the_run_with_its_place(cli: CommandLine) -> None:
    cli.advance("expand")
    cli.plan(rest="  to: twice\n")
    refused = cli("advance", "rename-email")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: plans/rename-email.yaml:8:")


def test_a_refresh_takes_the_tables_that_it_found(cli: CommandLine) -> None:
    cli.advance("backfill")
    cli.database.execute("ALTER TABLE users ADD UNIQUE (email)")
    cli.database.execute("CREATE TABLE orders (id int PRIMARY KEY, email text REFERENCES users (email))")
    assert cli("plan", "rename-email", "--refresh").exit_code == 0
    taken = cli.database.fetch("SELECT table_name FROM orchestrator.run_table WHERE active ORDER BY 1")
    assert taken == [("public.orders",), ("public.users",)]


DROPS = """\
name: drops
changes:
  - {kind: drop_index, table: users, name: by_number}
  - {kind: drop_constraint, table: users, name: told}
"""
RETYPE = "  - {kind: change_type, table: users, column: number, type: bigint}\n"
DROPPED: LiteralString = """
ALTER TABLE users ADD code int NOT NULL DEFAULT 0, ADD number int;
UPDATE users SET code = id, city = id;
ALTER TABLE users ADD CONSTRAINT told UNIQUE (city);
CREATE UNIQUE INDEX by_number ON users (code)
"""


@pytest.mark.parametrize("rest", ["", RETYPE], ids=["alone", "beside a swap"])
@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("ALTER TABLE users REPLICA IDENTITY USING INDEX by_number", 'index "by_number" is the replica identity'),
        (
            "CREATE TABLE mails (code int CONSTRAINT of_code REFERENCES users (code))",
            'foreign key "of_code" of "public.mails" relies on index "by_number"',
        ),
        (
            "CREATE TABLE mails (city text CONSTRAINT of_city REFERENCES users (city))",
            'foreign key "of_city" of "public.mails" relies on "told"',
        ),
    ],
)
def test_what_has_come_to_rely_on_a_thing_that_goes_stops_contract_before_it_drops_any(
    sql: LiteralString, named: str, rest: str, cli: CommandLine
) -> None:
    cli.database.execute(DROPPED)
    (cli.folder / "plans" / "drops.yaml").write_text(DROPS + rest)
    cli.advance("constrain", "drops")
    cli.database.execute(sql)
    before = cli.database.dump()
    refused = cli("advance", "drops", "--confirm-contract")
    assert refused.exit_code == 3
    assert named in refused.stderr
    assert cli.database.dump() == before


BILLS: LiteralString = "CREATE SCHEMA late; CREATE TABLE late.bills (id int PRIMARY KEY, payer text, paid int)"


def test_an_abort_ends_where_a_table_was_dropped_meanwhile(cli: CommandLine) -> None:
    cli.database.execute(BILLS)
    before = cli.database.dump()
    renamed = "  - {kind: rename_column, table: late.bills, from: payer, to: payer_name}\n"
    cli.plan(rest=renamed + "  - {kind: set_not_null, table: late.bills, column: paid}\n")
    cli.advance("constrain")
    cli.database.execute("DROP SCHEMA late CASCADE")
    assert "orchestrator abort rename-email" in hint_of(cli("advance", "rename-email", "--confirm-contract"))
    assert "late.bills is gone" in cli.succeed("abort", "rename-email").stderr
    cli.database.execute(BILLS)
    assert cli.database.dump() == before
    cli.advance("expand")


def test_what_was_copied_out_of_a_table_that_is_gone_is_not_taken_away_unasked(cli: CommandLine) -> None:
    path = cli.folder / "plans" / "bios.yaml"
    move = "{kind: extract_table, table: users, columns: [city], to: homes, key: {id: user_id}}"
    path.write_text(f"name: bios\nchanges:\n  - {move}\n", encoding="utf-8")
    cli.advance("backfill", "bios")
    cli.database.execute("DROP TABLE users")
    refused = cli("abort", "bios")
    assert (refused.exit_code, cli.database.fetch("SELECT count(*) FROM homes")) == (3, [(500,)])
    assert "city of public.homes: what was copied there from public.users, which is gone" in refused.stderr
    cli.succeed("abort", "bios", "--confirm-loss")
    assert cli.database.fetch("SELECT to_regclass('homes')") == [(None,)]


@pytest.mark.parametrize(
    ("away", "name", "back"),
    [
        ("ALTER TABLE users RENAME TO people", "public.people", "ALTER TABLE people RENAME TO users"),
        ("CREATE SCHEMA hr; ALTER TABLE users SET SCHEMA hr", "hr.users", "ALTER TABLE hr.users SET SCHEMA public"),
    ],
)
def test_an_abort_does_not_take_a_table_for_gone_that_has_another_name(
    away: LiteralString, name: str, back: LiteralString, cli: CommandLine
) -> None:
    """Also where it has no trigger of ours yet."""
    cli.advance("expand")
    cli.database.execute(away)
    refused = cli("abort", "rename-email")
    assert (refused.exit_code, cli.json("status", "rename-email")["status"]) == (3, "waiting")
    assert f"table public.users has been renamed by somebody: it is {name} now" in refused.stderr
    cli.database.execute(back)
    cli.succeed("abort", "rename-email")
    assert cli.database.fetch("SELECT count(*) FROM information_schema.columns WHERE table_name = 'users'") == [(3,)]
