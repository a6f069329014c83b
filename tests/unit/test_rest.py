"""Between two batches there is as much rest as the operator wants, and never less than the longest wish."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.backfill.pace import MOST_BLOCKS, Pace
from orchestrator.backfill.rest import RATION_S, Batch, most_blocks, rest_until
from orchestrator.journal.store import Progress
from orchestrator.knobs import Knobs

BATCH = Batch(started=100.0, ended=100.2, rows=1000)
THEN = datetime(2024, 11, 1, tzinfo=UTC)
PROGRESS = Progress(
    position=1,
    pass_=1,
    next_block=0,
    total_blocks=1000,
    estimated_rows=50_000,
    rows=0,
    pass_differences=0,
    differences=0,
    skipped=0,
    batches=0,
    batch_blocks=0,
    stripes=1,
    hot_rows=0,
    remark=None,
    busy_ms=0,
    workers=1,
    worker_s=0,
    rows_per_s=None,
    throttle_reason=None,
    throttled_since=None,
    throttled_ms=0,
    bad_rows=0,
    started_at=THEN,
    updated_at=THEN,
    finished_at=None,
)


@pytest.mark.parametrize(
    ("knobs", "until"),
    [
        ({}, 100.2),
        ({"pause_between_batches_ms": 500}, 100.7),
        ({"nice": 1}, 100.4),
        ({"nice": 0.5}, 100.3),
        ({"max_rows_per_s": 1000}, 101.0),
        ({"max_rows_per_s": 100_000}, 100.2),
        ({"max_rows_per_s": 1000, "nice": 10, "pause_between_batches_ms": 100}, 102.2),
    ],
)
def test_the_longest_wish_decides(knobs: dict[str, Any], until: float) -> None:
    assert rest_until(Knobs(**knobs), BATCH) == pytest.approx(until)


def test_without_a_limit_a_batch_is_as_large_as_the_pace_makes_it() -> None:
    assert most_blocks(Knobs(), PROGRESS) == MOST_BLOCKS


def test_under_a_limit_a_batch_has_no_more_rows_than_are_allowed_in_a_short_time() -> None:
    assert most_blocks(Knobs(max_rows_per_s=5000), PROGRESS) == int(5000 * RATION_S / 50)


def test_rows_that_were_counted_say_more_than_an_estimate() -> None:
    counted = replace(PROGRESS, estimated_rows=0, rows=10_000, next_block=100)
    assert most_blocks(Knobs(max_rows_per_s=5000), counted) == int(5000 * RATION_S / 100)


def test_a_table_that_was_never_analysed_begins_with_one_block() -> None:
    assert most_blocks(Knobs(max_rows_per_s=5000), replace(PROGRESS, estimated_rows=0)) == 1


def test_a_batch_shrinks_to_a_new_limit_at_once_and_grows_again_when_it_is_lifted() -> None:
    pace = Pace(200.0, blocks=1000)
    pace.limit(10)
    assert pace.blocks == 10
    for _ in range(20):
        pace.took(1.0, pace.blocks)
    assert pace.blocks == 10
    pace.limit(MOST_BLOCKS)
    for _ in range(20):
        pace.took(1.0, pace.blocks)
    assert pace.blocks > 10
