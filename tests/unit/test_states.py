"""The one table of legal transitions, as the design tells it."""

from itertools import product

from orchestrator.journal.states import FINAL, TRANSITIONS, State, Status
from phases.step import Phase

START: State = (Phase.EXPAND, Status.PLANNED)


def after(state: State) -> set[State]:
    return {to for origin, to in TRANSITIONS if origin == state}


def reachable(start: State) -> set[State]:
    seen, queue = {start}, [start]
    while queue:
        queue += (new := after(queue.pop()) - seen)
        seen |= new
    return seen


def test_an_ended_run_never_moves_again() -> None:
    assert not {origin for origin, _ in TRANSITIONS if origin[1] in FINAL}


def test_a_run_ends_complete_in_contract_or_aborted_anywhere() -> None:
    ends = {state for state in reachable(START) if not after(state)}
    assert ends == {(Phase.CONTRACT, Status.COMPLETE), *((phase, Status.ABORTED) for phase in Phase)}


def test_from_every_state_a_run_can_end() -> None:
    assert all(any(status in FINAL for _, status in reachable(state)) for state in reachable(START))


def test_no_phase_is_skipped_and_none_is_gone_back_to() -> None:
    moves = {(a, b) for (a, _), (b, _) in TRANSITIONS if a is not b}
    assert moves == {(phase, phase.next) for phase in Phase if phase.next}


def test_a_phase_begins_only_when_the_one_before_is_done() -> None:
    assert {status for (a, status), (b, _) in TRANSITIONS if a is not b} == {Status.WAITING}


def test_an_abort_is_finished_or_nothing() -> None:
    assert all(after((phase, Status.ABORTING)) == {(phase, Status.ABORTED)} for phase in Phase)


def test_every_state_before_contract_can_be_aborted() -> None:
    for phase, status in product(Phase, Status):
        live = (phase, status) in reachable(START) and status not in (*FINAL, Status.ABORTING)
        if live:
            assert (phase, Status.ABORTING) in after((phase, status)), (phase, status)


def test_contract_does_not_wait_for_a_phase_after_it() -> None:
    assert (Phase.CONTRACT, Status.WAITING) not in reachable(START)
