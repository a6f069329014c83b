"""The deploy gate from the outside: `check` in every state of a run, and the gates before contract."""

import re

import pytest
from psycopg.sql import SQL

from tests.fixtures.shops import BEHIND_THE_TRIGGER
from tests.integration.command_line import PHASES, CommandLine, hint_of

LEFT = "SELECT extract(epoch FROM finished_at + %s::interval - now()) FROM orchestrator.phase WHERE phase = 'constrain'"


def answers(cli: CommandLine) -> tuple[bool, bool]:
    """Whether the old release and the new one may meet the database now."""
    codes = [cli("check", "--deploy", release).exit_code for release in ("2.3", "2.4")]
    assert set(codes) <= {0, 3}
    by_code = [cli("check", "rename-email", "--code", code).exit_code for code in ("old", "new")]
    assert by_code == codes or cli.json("status") == []
    return codes[0] == 0, codes[1] == 0


@pytest.mark.matrix
def test_old_code_may_run_until_contract_and_new_code_from_constrain_on(cli: CommandLine) -> None:
    found = {"not started": answers(cli)}
    for phase in PHASES:
        cli.advance(phase)
        found[phase] = answers(cli)
    old_only, both, new_only = (True, False), (True, True), (False, True)
    assert found == {
        "not started": old_only,
        "expand": old_only,
        "dual_write": old_only,
        "backfill": old_only,
        "constrain": both,
        "contract": new_only,
    }


def test_after_an_abort_new_code_waits_until_the_plan_is_withdrawn(cli: CommandLine) -> None:
    cli.advance("constrain")
    cli.succeed("abort", "rename-email")
    no = cli("check", "--deploy", "2.4")
    assert no.exit_code == 3
    assert "orchestrator abort rename-email --withdraw" in no.stdout
    assert cli("check", "--deploy", "2.3").exit_code == 0
    cli.succeed("abort", "rename-email", "--withdraw")
    assert cli("check", "--deploy", "2.4").exit_code == 0


def test_only_what_was_undone_can_be_withdrawn(cli: CommandLine) -> None:
    cli.advance("expand")
    result = cli("abort", "rename-email", "--withdraw")
    assert result.exit_code == 3
    assert result.stderr == ('error: run "rename-email" is not aborted\nhint: first: orchestrator abort rename-email\n')


def test_a_run_that_failed_keeps_new_code_back(cli: CommandLine) -> None:
    cli.database.execute("ALTER TABLE users ADD UNIQUE (email)")
    cli.advance("backfill")
    cli.database.execute(
        BEHIND_THE_TRIGGER.format(sql=SQL("UPDATE users SET email_address = 'user1@example.com' WHERE id = 2"))
    )
    assert cli("advance", "rename-email").exit_code == 1
    no = cli("check", "--deploy", "2.4")
    assert no.exit_code == 3
    assert 'run "rename-email" is in constrain/failed' in no.stdout


def test_a_no_names_the_plan_the_column_the_phase_and_the_command(cli: CommandLine) -> None:
    no = cli("check", "--deploy", "2.4")
    assert (no.exit_code, no.stderr) == (3, "")
    assert no.stdout == (
        'no: plan "rename-email" has not been started, and release 2.4 needs what it makes\n'
        "    start it with: orchestrator advance rename-email --to constrain\n"
    )
    cli.advance("dual_write")
    assert cli("check", "--deploy", "2.4").stdout == (
        'no: run "rename-email" is in dual_write/waiting: public.users.email_address not complete yet\n'
        "    go on with: orchestrator advance rename-email --to constrain\n"
    )
    cli.advance("contract")
    assert cli("check", "--deploy", "2.3").stdout == (
        'no: run "rename-email" is in contract/complete: older code misses public.users.email\n'
        "    an older release cannot come back: deploy 2.4 or later\n"
    )


def test_a_yes_says_why(cli: CommandLine) -> None:
    assert cli.succeed("check", "--deploy", "2.3").stdout == "yes: no run has a say in this\n"
    cli.advance("constrain")
    assert cli.succeed("check", "--deploy", "2.4").stdout == (
        'yes: run "rename-email" is in constrain/waiting: public.users.email_address complete\n'
    )


@pytest.mark.parametrize(("release", "code"), [("2.10", 3), ("2.4", 3), ("2.4rc1", 0), ("2.4.dev1", 0), ("2.3.9", 0)])
def test_releases_are_compared_as_versions(release: str, code: int, cli: CommandLine) -> None:
    assert cli("check", "--deploy", release).exit_code == code


def test_several_runs_must_all_agree(cli: CommandLine) -> None:
    cli.database.execute("CREATE TABLE other (id int PRIMARY KEY, email text)")
    cli.plan("rename-other", table="other", release="2.5")
    cli.advance("constrain")
    cli.advance("expand", "rename-other")
    assert cli("check", "--deploy", "2.4").exit_code == 0
    no = cli("check", "--deploy", "2.5")
    assert no.exit_code == 3
    assert no.stdout.splitlines()[0].startswith('yes: run "rename-email"')
    assert no.stdout.splitlines()[1].startswith('no: run "rename-other"')
    assert cli("check", "rename-email", "--deploy", "2.5").exit_code == 0


def test_a_plan_without_a_release_is_asked_by_the_code_it_serves(cli: CommandLine) -> None:
    cli.plan(release=None)
    cli.advance("expand")
    assert cli("check", "--deploy", "99").stdout == "yes: no run has a say in this\n"
    assert cli("check", "rename-email", "--code", "new").exit_code == 3


@pytest.mark.parametrize("done", PHASES)
def test_at_least_asks_for_a_phase(done: str, cli: CommandLine) -> None:
    cli.advance(done)
    codes = [cli("check", "rename-email", "--at-least", phase).exit_code for phase in PHASES]
    assert codes == [0 if PHASES.index(phase) <= PHASES.index(done) else 3 for phase in PHASES]


def test_a_no_without_its_word_keeps_contract_closed(cli: CommandLine) -> None:
    cli.advance("constrain")
    before = cli.database.dump()
    for words in ([], ["--to", "contract"]):
        no = cli("advance", "rename-email", *words)
        assert (no.exit_code, no.stdout) == (3, "")
        assert "error: contract drops public.users.email for good\n" in no.stderr
        assert hint_of(no) == (
            "once no release older than 2.4 is running: "
            "orchestrator advance rename-email --to contract --confirm-contract"
        )
    assert cli.database.dump() == before
    assert cli.json("status", "rename-email")["status"] == "waiting"


def test_contract_is_not_reached_by_going_on_from_the_start(cli: CommandLine) -> None:
    no = cli("advance", "rename-email", "--to", "contract")
    assert no.exit_code == 3
    assert cli.json("status", "rename-email")["phase"] == "expand"


def test_contract_waits_for_constrain_to_soak(cli: CommandLine) -> None:
    cli.plan(rest="gates:\n  contract: {soak: 2h}\n")
    cli.advance("constrain")
    no = cli("advance", "rename-email", "--confirm-contract")
    assert no.exit_code == 3
    assert 'contract of "rename-email" has to wait ' in no.stderr
    assert "its plan lets constrain soak for 2.0 h" in no.stderr
    age(cli, "1 hour 59 minutes 30 seconds")
    most = left(cli, "2 hours")
    waits = re.search(r"has to wait (\d+) s more", cli("advance", "rename-email", "--confirm-contract").stderr)
    assert waits is not None
    assert left(cli, "2 hours") - 1 < int(waits[1]) < most + 1
    age(cli, "1 minute")
    cli.succeed("advance", "rename-email", "--confirm-contract")


def left(cli: CommandLine, soak: str) -> float:
    """Seconds until constrain has been done for so long."""
    [(seconds,)] = cli.database.fetch(LEFT, [soak])
    return float(seconds)


def age(cli: CommandLine, interval: str) -> None:
    """As if constrain had finished so much earlier."""
    cli.database.execute(
        "UPDATE orchestrator.phase SET finished_at = finished_at - %s::interval WHERE phase = 'constrain'", [interval]
    )


def test_a_soak_begins_when_constrain_is_done(cli: CommandLine) -> None:
    cli.plan(rest="gates:\n  contract: {soak: 1h}\n")
    no = cli("advance", "rename-email", "--to", "contract", "--confirm-contract")
    assert no.exit_code == 3
    assert "contract" not in {phase["to_state"] for phase in cli.json("history", "rename-email")["events"]}
