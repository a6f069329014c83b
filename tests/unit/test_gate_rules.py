"""The deploy gate's rule: which code may meet which state of a run."""

import pytest

from orchestrator import gate
from orchestrator.errors import UsageError
from orchestrator.gate import Unstarted, for_code, for_phase, for_release
from orchestrator.journal.states import State, Status
from phases.step import Phase
from tests.unit.runs import STATES, run_in

READY = {
    (Phase.CONSTRAIN, Status.WAITING),
    (Phase.CONTRACT, Status.RUNNING),
    (Phase.CONTRACT, Status.PAUSED),
    (Phase.CONTRACT, Status.FAILED),
    (Phase.CONTRACT, Status.COMPLETE),
}
"""Where the new shape is complete."""
GONE = READY - {(Phase.CONSTRAIN, Status.WAITING)}
"""Where the old shape is gone, or may be at any moment."""


@pytest.mark.parametrize("state", STATES)
def test_new_code_may_go_out_once_constrain_is_done(state: State) -> None:
    assert for_code(run_in(state), "new").allowed == (state in READY)


@pytest.mark.parametrize("state", STATES)
def test_old_code_may_come_back_until_contract_begins(state: State) -> None:
    assert for_code(run_in(state), "old").allowed == (state not in GONE)


@pytest.mark.parametrize("state", STATES)
def test_some_code_may_always_run(state: State) -> None:
    assert any(for_code(run_in(state), code).allowed for code in ("old", "new"))


@pytest.mark.parametrize(
    ("release", "code"),
    [
        ("2.3", "old"),
        ("2.4", "new"),
        ("2.4.0", "new"),
        ("2.10", "new"),
        ("2.4rc1", "old"),
        ("2.4.dev3", "old"),
        ("2.4.post1", "new"),
        ("2.4+build7", "new"),
        ("v2.4", "new"),
        ("1!0.1", "new"),
    ],
)
def test_a_release_is_new_from_the_plans_release_on(release: str, code: str) -> None:
    before, after = run_in((Phase.BACKFILL, Status.WAITING)), run_in((Phase.CONTRACT, Status.COMPLETE))
    assert [verdict.allowed for verdict in for_release(release, [before, after])] == [code == "old", code == "new"]


def test_ten_comes_after_nine() -> None:
    [verdict] = for_release("2.10", [run_in((Phase.EXPAND, Status.WAITING), release="2.9")])
    assert not verdict.allowed


@pytest.mark.parametrize("release", ["", "next", "2.4-", "2024/11"])
def test_what_is_no_release_is_refused(release: str) -> None:
    with pytest.raises(UsageError, match="is not a release that can be compared"):
        for_release(release, [])


def test_a_run_without_a_release_has_no_say() -> None:
    assert for_release("2.4", [run_in((Phase.EXPAND, Status.RUNNING), release=None)]) == []


def test_a_plan_that_was_not_started_keeps_new_code_back() -> None:
    plan = Unstarted("rename-email", "2.4")
    [no] = for_release("2.4", [], [plan])
    assert not no.allowed
    assert no.reason == 'plan "rename-email" has not been started, and release 2.4 needs what it makes'
    assert no.hint == "start it with: orchestrator advance rename-email --to constrain"
    assert for_release("2.3", [], [plan]) == []
    assert for_release("2.4", [], [Unstarted("someday", None)]) == []


def test_a_withdrawn_run_keeps_nobody_back() -> None:
    aborted = (Phase.BACKFILL, Status.ABORTED)
    assert not for_code(run_in(aborted), "new").allowed
    assert for_code(run_in(aborted, withdrawn=True), "new").allowed


def test_a_no_to_new_code_names_run_phase_column_and_command() -> None:
    verdict = for_code(run_in((Phase.BACKFILL, Status.RUNNING)), "new")
    assert verdict.reason == 'run "rename-email" is in backfill/running: public.users.email_address not complete yet'
    assert verdict.hint == "go on with: orchestrator advance rename-email --to constrain"


def test_a_no_to_new_code_after_an_abort_offers_to_withdraw() -> None:
    verdict = for_code(run_in((Phase.BACKFILL, Status.ABORTED)), "new")
    assert verdict.hint == (
        "start again with: orchestrator advance rename-email --to constrain; "
        "or, if no release needs it any more: orchestrator abort rename-email --withdraw"
    )


def test_a_no_to_new_code_during_an_abort_says_to_finish_that_first() -> None:
    verdict = for_code(run_in((Phase.BACKFILL, Status.ABORTING)), "new")
    assert verdict.hint == "finish the abort first: orchestrator abort rename-email"


def test_a_no_to_old_code_names_what_it_would_miss() -> None:
    verdict = for_code(run_in((Phase.CONTRACT, Status.COMPLETE)), "old")
    assert verdict.reason == 'run "rename-email" is in contract/complete: older code misses public.users.email'
    assert verdict.hint == "an older release cannot come back: deploy 2.4 or later"


def test_a_no_to_old_code_of_a_plan_without_release_says_what_to_deploy() -> None:
    verdict = for_code(run_in((Phase.CONTRACT, Status.COMPLETE), release=None), "old")
    assert verdict.hint == "an older release cannot come back: deploy one that uses the new shape"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("phase", Phase)
def test_a_phase_is_done_where_the_run_is_past_it_and_not_undone(state: State, phase: Phase) -> None:
    here, status = state
    past = phase.begins_before(here) or (phase is here and status in (Status.WAITING, Status.COMPLETE))
    undone = status in (Status.ABORTING, Status.ABORTED)
    assert for_phase(run_in(state), phase).allowed == (past and not undone)


def test_a_no_to_a_phase_names_the_command() -> None:
    verdict = for_phase(run_in((Phase.BACKFILL, Status.FAILED)), Phase.CONSTRAIN)
    assert verdict.reason == 'run "rename-email" is in backfill/failed: constrain is not done'
    assert verdict.hint == "go on with: orchestrator advance rename-email --to constrain"


def test_a_no_to_contract_names_the_word_it_wants() -> None:
    verdict = for_phase(run_in((Phase.CONSTRAIN, Status.WAITING)), Phase.CONTRACT)
    assert verdict.hint == "go on with: orchestrator advance rename-email --to contract --confirm-contract"


def test_those_that_say_no_are_picked() -> None:
    yes, no = for_release("2.4", [run_in((Phase.CONSTRAIN, Status.WAITING)), run_in((Phase.EXPAND, Status.WAITING))])
    assert gate.refused([yes, no]) == [no]
