"""What the demo found out: as text for the eye, as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long requests took, from when they were due."""

    requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Self:
        """Of these."""
        ranked = sorted(milliseconds) or [0.0]

        def rank(share: float) -> float:
            return round(ranked[max(0, math.ceil(share * len(ranked)) - 1)], 2)

        return cls(requests=len(milliseconds), p50_ms=rank(0.5), p99_ms=rank(0.99), max_ms=rank(1.0))


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What one release did; `examples` are the first of its errors."""

    release: str
    column: str
    statements: int
    errors: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """The backfill, killed in the middle."""

    rows: int
    """Updated by it, before and after the kill."""
    rows_older: int
    """That were there before the trigger: it may update each of them once, and no other."""
    batches: int
    rows_per_s: float
    killed_at: float
    """The share of the rows that was done and committed."""
    killed_at_rows: int
    resumed_at_block: int
    first_batch_after_s: float | None
    """From the second `advance` until it had committed a batch, the start of the program included; None where it was
    too quick to be seen."""

    @property
    def rows_done_twice(self) -> int:
        """At least so many."""
        return max(0, self.rows - self.rows_older)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole demo."""

    rows: int
    server_version: str
    releases: tuple[Traffic, ...]
    before: Latency
    during: Latency
    after: Latency
    backfill: Backfill
    rows_verified: int
    rows_differing: int
    longest_lock_wait_ms: float
    lock_timeout_ms: int
    values_compared: int
    values_written: int
    values_lost: int
    seconds: float

    @property
    def errors(self) -> int:
        """Of both releases."""
        return sum(release.errors for release in self.releases)

    @property
    def passed(self) -> bool:
        """Nobody was hurt."""
        return not (self.errors or self.values_lost or self.rows_differing or self.backfill.rows_done_twice)

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        found = asdict(self)
        found["backfill"]["rows_done_twice"] = self.backfill.rows_done_twice
        return {"passed": self.passed, "errors": self.errors, **found}

    def text(self) -> str:
        """At most 80 columns."""
        return "\n".join([*self._traffic(), "", *self._latencies(), "", *self._backfill(), "", *self._verdict()])

    def _traffic(self) -> list[str]:
        lines = [f"{'application':<32}{'statements':>12}{'errors':>12}"]
        for each in self.releases:
            lines.append(f"  {f'{each.release}, {each.column}':<30}{each.statements:>12,}{each.errors:>12,}")
            lines += [f"  {example}" for example in each.examples]
        return lines

    def _latencies(self) -> list[str]:
        lines = [f"{'latency':<20}{'requests':>12}{'p50':>12}{'p99':>12}{'max':>12}"]
        for name, each in (("before", self.before), ("during", self.during), ("after", self.after)):
            times = (f"{value:.1f} ms" for value in (each.p50_ms, each.p99_ms, each.max_ms))
            lines.append(f"  {name:<18}{each.requests:>12,}" + "".join(f"{time:>12}" for time in times))
        return lines

    def _backfill(self) -> list[str]:
        done = self.backfill
        soon = "" if done.first_batch_after_s is None else f", first batch after {done.first_batch_after_s:.1f} s"
        waited = f"{self.longest_lock_wait_ms:,.0f} ms" if self.longest_lock_wait_ms else "none"
        return [
            _line("backfill", f"{done.rows_per_s:,.0f} rows/s: {done.rows:,} rows in {done.batches:,} batches"),
            _line("killed", f"kill -9 at {done.killed_at:.0%}, when {done.killed_at_rows:,} rows were committed"),
            _line("resumed", f"at block {done.resumed_at_block:,}{soon}; {done.rows_done_twice:,} rows done twice"),
            _line("rows verified", f"{self.rows_verified:,}, {self.rows_differing:,} differ"),
            _line("longest lock wait", f"{waited}, of {self.lock_timeout_ms:,} ms allowed a try"),
        ]

    def _verdict(self) -> list[str]:
        written = f"{self.values_written:,} of them written by the releases"
        return [
            _line("values compared", f"{self.values_compared:,}, {written}"),
            _line("values lost", f"{self.values_lost:,}"),
            _line("time", f"{self.seconds:.0f} s"),
            "",
            "Nothing was lost, and no statement failed."
            if self.passed
            else "FAILED: see the errors, lost values or differing rows above.",
        ]


def _line(name: str, text: str) -> str:
    return f"{name:<20}{text}"
