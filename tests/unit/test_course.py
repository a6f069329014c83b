"""From counters at moments: rates, what made batches wait, and how often to look."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from matplotlib.figure import Figure

from orchestrator.backfill.meter import interval_s
from orchestrator.journal.measurements import Interval, Measurement, intervals
from orchestrator.journal.store import Progress
from orchestrator.knobs import Knobs
from orchestrator.plot.drawing import draw
from orchestrator.plot.story import Note, Story, stretches, throttled_for, throttled_spans
from orchestrator.render import progress_line
from tests.unit.runs import THEN

LAG = "replica lag {} s, above 10 s (replica1)"


def at(seconds: float, **values: Any) -> Measurement:
    first = Measurement(
        position=3,
        at=THEN + timedelta(seconds=seconds),
        epoch=1,
        rows=0,
        blocks=0,
        batches=0,
        busy_ms=0,
        throttled=None,
        throttled_ms=0,
        replica_lag_s=None,
        wal_position=1000,
        table_bytes=8192,
    )
    return replace(first, **values)


def only(*series: Measurement) -> Interval:
    [interval] = intervals(series)
    return interval


def test_rates_are_means_between_two_measurements() -> None:
    before = at(0, rows=100, blocks=10, batches=2, busy_ms=300)
    after = at(5, rows=600, blocks=20, batches=4, busy_ms=700, wal_position=5000, table_bytes=16384)
    found = only(before, after)
    assert (found.rows_per_s, found.blocks_per_s, found.batch_ms) == (100, 2, 200)
    assert (found.wal_bytes, found.growth_bytes) == (4000, 8192)


def test_where_no_batch_ended_there_is_no_batch_time() -> None:
    assert only(at(0), at(5)).batch_ms is None


@pytest.mark.parametrize(
    "after",
    [at(5, epoch=2), at(5, position=4), at(5, batches=1)],
    ids=["another runner", "another step", "begun anew"],
)
def test_what_does_not_belong_together_is_not_compared(after: Measurement) -> None:
    assert list(intervals([at(0, batches=3), after])) == []


def test_a_table_that_is_visited_again_from_its_start_gives_no_negative_rate() -> None:
    assert only(at(0, blocks=100, batches=1), at(5, blocks=7, batches=2)).blocks_per_s == 0


@pytest.mark.parametrize(("days", "most"), [(1 / 24, 1100), (1, 2100), (30, 3100)])
def test_the_series_of_a_long_run_stays_small(days: float, most: int) -> None:
    ran_s, number = 0.0, 0
    while ran_s < days * 86_400:
        ran_s += interval_s(ran_s)
        number += 1
    assert most - 100 < number < most


def throttled(seconds: float, total_s: float, reason: str | None) -> Measurement:
    return at(seconds, throttled=reason, throttled_ms=1000 * total_s)


def seconds_of(series: list[Measurement]) -> list[tuple[float, float]]:
    spans = throttled_spans(list(intervals(series)))
    return [((start - THEN).total_seconds(), (end - THEN).total_seconds()) for start, end in spans]


def test_throttled_time_is_one_span_from_its_beginning_to_its_end() -> None:
    series = [at(0), throttled(10, 4, "x"), throttled(20, 14, "x"), throttled(30, 17, None), throttled(40, 17, None)]
    assert seconds_of(series) == [(6, 23)]


def test_more_throttled_time_than_time_is_no_more_than_all_of_it() -> None:
    assert seconds_of([at(0), throttled(10, 25, "x")]) == [(0, 10)]


def test_reasons_that_differ_in_their_numbers_are_one() -> None:
    series = [at(0), throttled(10, 4, LAG.format(12.5)), throttled(20, 14, LAG.format(31)), throttled(30, 20, None)]
    later = [throttled(40, 20, None), throttled(50, 21, "file stop is there"), throttled(60, 21.5, None)]
    assert throttled_for(list(intervals(series + later))) == [(LAG.format(12.5), 20), ("file stop is there", 1.5)]


def test_what_is_nearly_all_is_not_called_all() -> None:
    assert progress_line(mark(3, 4999)) == "99%, 4,999 of about 5,000 rows"
    assert progress_line(mark(3, 6000)) == "99%, 6,000 rows"


# the picture


def mark(position: int, rows: int) -> Progress:
    values: dict[str, Any] = {
        **dict.fromkeys(Progress.__dataclass_fields__, 0),
        **dict.fromkeys(("rows_per_s", "throttle_reason", "throttled_since", "finished_at")),
        **dict.fromkeys(("started_at", "updated_at"), THEN),
    }
    return Progress(**{**values, "position": position, "rows": rows, "total_blocks": 100, "estimated_rows": 5000})


def series_of_a_run() -> Iterator[Measurement]:
    """Ten seconds, throttled for three of them; a break; ten more by another runner; then the comparison."""
    for second in range(11):
        waited = min(3, max(0, second - 4))
        values = {"rows": 100 * second, "batches": second, "busy_ms": 150.0 * second, "throttled_ms": 1000.0 * waited}
        yield at(second, throttled="file stop is there" if 4 < second < 8 else None, replica_lag_s=0.5, **values)
    for second in range(60, 71):
        yield at(second, epoch=2, rows=1000 + 100 * (second - 60), batches=second, throttled_ms=3000)
    for second in range(71, 74):
        yield at(second, epoch=2, position=4, blocks=50 * (second - 71), batches=second - 71)


@pytest.mark.parametrize("lag", [0.5, None])
def test_the_picture_has_everything_on_one_time_axis(lag: float | None) -> None:
    series = [replace(each, replica_lag_s=lag) for each in series_of_a_run()]
    story = Story(
        name="a $name$",
        stretches=tuple(stretches(list(intervals(series)), {3: False, 4: True})),
        marks={3: mark(3, 2000), 4: mark(4, 0)},
        notes=(Note(THEN + timedelta(seconds=65), "ann: target_batch_ms: 200 → 50"),),
        knobs=Knobs(),
    )
    assert [stretch.verify for stretch in story.stretches] == [False, False, True]
    figure = Figure(layout="constrained")
    draw(figure, story)
    figure.canvas.draw()
    assert figure.get_suptitle() == "a $name$: backfill of 2,000 rows, 22 s at work, 0 bytes of WAL by the whole server"
    assert figure.get_supxlabel().splitlines() == [
        "throttled for 3 s: file stop is there",
        "1  2024-11-01 00:01:05  ann: target_batch_ms: 200 → 50",
    ]
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["rows a second", "batch time, ms", *(["replica lag, s"] if lag else []), "MB"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
