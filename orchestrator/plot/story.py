"""What there is to draw, from what the journal has. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from orchestrator.journal.measurements import Interval
from orchestrator.journal.store import Progress
from orchestrator.knobs import Knobs

if TYPE_CHECKING:
    from sqlalchemy import Row

HALTS = ("failed", "paused")
LATE = timedelta(seconds=1)
"""A run is stopped just after its last measurement."""


@dataclass(frozen=True)
class Stretch:
    """A time without a break in which one runner was at one step."""

    verify: bool
    intervals: tuple[Interval, ...]

    @property
    def start(self) -> datetime:
        """When it began."""
        return self.intervals[0].start

    @property
    def end(self) -> datetime:
        """When it ended."""
        return self.intervals[-1].end


@dataclass(frozen=True)
class Note:
    """Something that happened, with a number in the picture and a line below it."""

    at: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that is drawn."""

    name: str
    stretches: tuple[Stretch, ...]
    marks: Mapping[int, Progress]
    notes: tuple[Note, ...]
    knobs: Knobs

    @property
    def start(self) -> datetime:
        """Of the first measurement."""
        return self.stretches[0].start

    @property
    def end(self) -> datetime:
        """Of the last one."""
        return max(stretch.end for stretch in self.stretches)

    @property
    def intervals(self) -> Iterator[Interval]:
        """All of them."""
        return (interval for stretch in self.stretches for interval in stretch.intervals)


def stretches(found: Sequence[Interval], verifies: Mapping[int, bool]) -> Iterator[Stretch]:
    """Intervals that follow each other without a break, together; `verifies` tells of each step what it does."""
    breaks = {after.start for before, after in pairwise(found) if before.end != after.start}
    number = 0

    def stretch(interval: Interval) -> tuple[int, int]:
        nonlocal number
        number += interval.start in breaks
        return number, interval.position

    for (_, position), group in groupby(found, stretch):
        yield Stretch(verifies[position], tuple(group))


def notes(events: Sequence[Row[Any]], start: datetime, end: datetime) -> Iterator[Note]:
    """What somebody did in that time, and what stopped the run."""
    for event in events:
        intent = event.kind == "intent"
        halted = event.kind == "state" and event.to_state.rpartition("/")[2] in HALTS
        if (intent or halted) and start <= event.at <= end + LATE:
            text = event.message.partition("\n")[0]
            yield Note(event.at.astimezone(UTC), f"{event.actor}: {text}" if intent else text)


def throttled_spans(found: Sequence[Interval]) -> list[tuple[datetime, datetime]]:
    """When batches waited: in a part of an interval, from its start where they did so then, else until its end."""
    spans: list[tuple[datetime, datetime]] = []
    for interval in found:
        if not interval.throttled:
            continue
        took = interval.throttled * (interval.end - interval.start)
        start = interval.start if interval.throttled_at_start else interval.end - took
        end = start + took
        if spans and start - spans[-1][1] <= (interval.end - interval.start) / 10:
            start = spans.pop()[0]
        spans.append((start, end))
    return spans


def throttled_for(found: Sequence[Interval]) -> list[tuple[str, float]]:
    """Seconds by reason, the most first; reasons that differ in their numbers alone are one, shown by its first."""
    seconds: dict[str, float] = {}
    shown: dict[str, str] = {}
    for interval in found:
        if interval.throttled:
            reason = interval.reason or "between two measurements"
            essence = re.sub(r"\d[\d.,]*", "#", reason)
            shown.setdefault(essence, reason)
            took = interval.throttled * (interval.end - interval.start).total_seconds()
            seconds[essence] = seconds.get(essence, 0.0) + took
    return sorted(((shown[essence], took) for essence, took in seconds.items()), key=lambda each: -each[1])
