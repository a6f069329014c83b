"""A database that changed since the program was compiled: noticed before a phase begins, by name, with the way on."""

from tests.integration.command_line import CommandLine, hint_of

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
