"""The size of a batch follows the time batches take, whatever curve a server's latency draws."""

from collections.abc import Callable
from itertools import pairwise
from random import Random
from statistics import median

import pytest

from orchestrator.backfill.pace import FIRST_BLOCKS, MOST_BLOCKS, Pace

TARGET_MS = 200.0
Curve = Callable[[int], float]
"""Milliseconds that a batch of so many blocks takes."""


def run(pace: Pace, curve: Curve, batches: int) -> list[float]:
    """What each batch took."""
    took = []
    for _ in range(batches):
        blocks = pace.blocks
        took.append(curve(blocks))
        pace.took(took[-1], blocks)
        assert 1 <= pace.blocks <= MOST_BLOCKS
    return took


@pytest.mark.parametrize("per_block_ms", [0.01, 0.1, 1.0, 20.0])
def test_it_settles_near_the_target_on_a_steady_server(per_block_ms: float) -> None:
    pace = Pace(TARGET_MS)
    run(pace, lambda blocks: 2 + blocks * per_block_ms, 150)
    settled = run(pace, lambda blocks: 2 + blocks * per_block_ms, 20)
    assert all(0.8 * TARGET_MS <= took <= 1.2 * TARGET_MS for took in settled)


def test_it_settles_near_the_target_on_a_noisy_server(rng: Random) -> None:
    pace = Pace(TARGET_MS)

    def noisy(blocks: int) -> float:
        return blocks * rng.uniform(0.85, 1.15)

    run(pace, noisy, 60)
    settled = run(pace, noisy, 100)
    assert 0.7 * TARGET_MS <= sum(settled) / len(settled) <= 1.05 * TARGET_MS
    assert max(settled) <= 1.4 * TARGET_MS


def test_a_server_that_becomes_slower_is_given_less_within_two_batches() -> None:
    pace = Pace(TARGET_MS)
    run(pace, lambda blocks: blocks * 0.5, 60)
    slower = run(pace, lambda blocks: blocks * 2.0, 30)
    assert all(took <= 1.2 * TARGET_MS for took in slower[2:])
    assert slower[-1] >= 0.8 * TARGET_MS


def test_an_index_that_grows_never_lets_a_batch_run_far_over_the_target() -> None:
    pace, cost = Pace(TARGET_MS), [0.5]

    def growing(blocks: int) -> float:
        cost[0] *= 1.01
        return blocks * cost[0]

    took = run(pace, growing, 300)
    assert max(took[60:]) <= 1.2 * TARGET_MS
    assert min(took[60:]) >= 0.6 * TARGET_MS


def test_it_grows_by_half_at_most() -> None:
    pace, sizes = Pace(TARGET_MS), [FIRST_BLOCKS]
    for _ in range(60):
        pace.took(0.0, pace.blocks)
        sizes.append(pace.blocks)
    assert all(after <= 1.5 * before for before, after in pairwise(sizes))


def test_it_never_grows_beyond_the_most() -> None:
    pace = Pace(TARGET_MS)
    run(pace, lambda blocks: 0.0, 200)
    assert pace.blocks == MOST_BLOCKS


def test_a_batch_of_five_times_the_target_cuts_the_size_to_a_tenth_at_once() -> None:
    pace = Pace(TARGET_MS, blocks=1000)
    pace.took(5 * TARGET_MS + 1, 1000)
    assert pace.blocks == 100


def test_a_batch_over_the_target_shrinks_the_next_one_at_once() -> None:
    pace = Pace(TARGET_MS, blocks=1000)
    pace.took(2 * TARGET_MS, 1000)
    assert pace.blocks == 500


def test_what_an_older_size_took_says_nothing_about_this_one() -> None:
    pace = Pace(TARGET_MS, blocks=1000)
    pace.took(100 * TARGET_MS, 999)
    assert pace.blocks == 1000


def test_a_batch_is_never_smaller_than_a_block() -> None:
    pace = Pace(TARGET_MS, blocks=3)
    for _ in range(5):
        pace.took(100 * TARGET_MS, pace.blocks)
        pace.timed_out()
        pace.blocked()
    assert pace.blocks == 1


def test_it_grows_again_from_a_single_block() -> None:
    pace = Pace(TARGET_MS, blocks=1)
    run(pace, lambda blocks: float(blocks), 100)
    assert 0.8 * TARGET_MS <= pace.blocks <= 1.2 * TARGET_MS


def test_a_batch_that_the_server_cut_short_is_halved() -> None:
    pace = Pace(TARGET_MS, blocks=64)
    pace.timed_out()
    assert pace.blocks == 32


def test_a_batch_that_met_a_locked_row_is_quartered() -> None:
    pace = Pace(TARGET_MS, blocks=64)
    pace.blocked()
    assert pace.blocks == 16


def test_a_batch_that_somebody_waited_behind_makes_the_next_one_smaller() -> None:
    pace = Pace(TARGET_MS, blocks=64)
    pace.awaited()
    assert pace.blocks == 32


def test_where_many_would_wait_it_settles_at_a_size_that_hardly_anybody_meets(rng: Random) -> None:
    """Twice the size lasts twice as long with twice the rows locked: four times as many meet it."""
    pace = Pace(TARGET_MS)
    sizes, waits = [], 0
    for batch in range(4000):
        sizes.append(pace.blocks)
        met = rng.random() < (pace.blocks / 64) ** 2
        pace.took(pace.blocks * 0.3, pace.blocks)
        if met:
            pace.awaited()
            waits += batch >= 1000
    assert waits / 3000 < 0.06
    assert 6 <= median(sizes[1000:]) <= 20


def test_it_grows_as_before_when_nobody_has_waited_for_long() -> None:
    pace = Pace(TARGET_MS, blocks=64)
    pace.awaited()
    took = run(pace, lambda blocks: blocks * 0.01, 300)
    assert took[5] / took[0] < 1.3
    assert took[-1] >= 0.6 * TARGET_MS


def test_a_gap_in_which_the_server_stands_still_is_forgotten_soon() -> None:
    pace = Pace(TARGET_MS)
    run(pace, lambda blocks: blocks * 0.5, 60)
    stalled = run(pace, lambda blocks: 20 * TARGET_MS, 1)
    assert pace.blocks <= 0.13 * TARGET_MS / 0.5
    settled = run(pace, lambda blocks: blocks * 0.5, 60)[-20:]
    assert stalled and all(0.8 * TARGET_MS <= took <= 1.2 * TARGET_MS for took in settled)


def test_it_never_asks_for_more_than_it_may(rng: Random) -> None:
    pace = Pace(TARGET_MS)
    for _ in range(300):
        most = rng.randrange(1, 2000)
        pace.limit(most)
        pace.took(rng.uniform(0, 3 * TARGET_MS), pace.blocks)
        assert 1 <= pace.blocks <= most


def test_a_new_target_is_followed() -> None:
    pace = Pace(TARGET_MS)
    run(pace, lambda blocks: blocks * 0.5, 60)
    pace.target_ms = 50
    settled = run(pace, lambda blocks: blocks * 0.5, 60)[-20:]
    assert all(40 <= took <= 60 for took in settled)
