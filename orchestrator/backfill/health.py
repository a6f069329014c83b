"""May the next batch begin? Decided from what the signals said last: no connection, no clock, no memory in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from orchestrator.knobs import Knobs

STALE_S = 10.0
"""A reading that is older says nothing about the server any more."""


@dataclass(frozen=True)
class Measured:
    """A number to hold against a limit, and what it was measured on; None: there is nothing to measure."""

    value: float | None
    subject: str = ""


@dataclass(frozen=True)
class Said:
    """A verdict of its own: the reason to wait, or None."""

    reason: str | None


@dataclass(frozen=True)
class Failed:
    """It could not be read."""

    error: str


@dataclass(frozen=True)
class Unseen:
    """This role may not see it; `advice` says what would help."""

    advice: str


Outcome = Measured | Said | Failed | Unseen


@dataclass(frozen=True)
class Reading:
    """What a signal said, and when: in seconds of the clock that `judge` is given."""

    outcome: Outcome
    at: float


@dataclass(frozen=True)
class Cause:
    """One signal that makes batches wait."""

    signal: str
    kind: Literal["over", "said", "unavailable"]
    text: str
    over: bool = False
    """It was over its limit when it was read last, and has to come down to the limit for release."""


@dataclass(frozen=True)
class Verdict:
    """Everything that makes batches wait: any one cause does, and nothing overrides it."""

    causes: tuple[Cause, ...] = ()

    @property
    def reason(self) -> str:
        """All of it in one line."""
        return "; ".join(cause.text for cause in self.causes)

    @property
    def essence(self) -> frozenset[tuple[str, str]]:
        """What stays the same while only the numbers change."""
        return frozenset((cause.signal, cause.kind) for cause in self.causes)


@dataclass(frozen=True)
class Gauge:
    """How a signal that is held against a limit is spoken of."""

    title: str
    unit: str


GAUGES: Mapping[str, Gauge] = {
    "max_replica_lag_s": Gauge("replica lag", " s"),
    "max_replica_lag_mb": Gauge("replica lag", " MB"),
    "max_active_sessions": Gauge("active sessions", ""),
    "max_waiting_sessions": Gauge("sessions waiting for our locks", ""),
    "max_slot_wal_mb": Gauge("WAL kept by a replication slot", " MB"),
    "max_archive_backlog": Gauge("WAL files to be archived", ""),
}
SIGNALS = (*GAUGES, "wraparound_vacuum", "throttle_sql", "throttle_file", "throttle_http")
"""Each is named after its knob."""


def enabled(knobs: Knobs) -> Iterator[str]:
    """The signals that have a say."""
    for name in SIGNALS:
        value = getattr(knobs, name)
        # a vacuum against wraparound is looked for unless the operator has said no
        if value is not False if name == "wraparound_vacuum" else value is not None:
            yield name


def judge(knobs: Knobs, readings: Mapping[str, Reading], before: Verdict, now: float) -> Verdict:
    """Whether batches have to wait, and why. A signal that fails, or was not read for a while, counts as a reason."""
    were_over = {cause.signal for cause in before.causes if cause.over}
    causes = (_cause(knobs, name, readings.get(name), name in were_over, now) for name in enabled(knobs))
    return Verdict(tuple(cause for cause in causes if cause is not None))


def _cause(knobs: Knobs, name: str, reading: Reading | None, was_over: bool, now: float) -> Cause | None:
    if reading is None:
        return _unavailable(name, "not read yet", was_over)
    if now - reading.at > STALE_S:
        return _unavailable(name, f"not read for {now - reading.at:.0f} s", was_over)
    match reading.outcome:
        case Measured(value, subject):
            return _over(knobs, name, value, subject, was_over)
        case Said(reason):
            return None if reason is None else Cause(name, "said", reason)
        case Failed(error):
            return _unavailable(name, error, was_over)
        case Unseen(advice):
            # a default is no wish: without the privilege to look, the run goes on as if there were no such signal
            return _unavailable(name, advice, was_over) if _asked_for(knobs, name) else None


def _over(knobs: Knobs, name: str, value: float | None, subject: str, was_over: bool) -> Cause | None:
    limit: float = getattr(knobs, name)
    release = limit * knobs.throttle_release
    if value is None or value <= (release if was_over else limit):
        return None
    gauge = GAUGES[name]
    bound = f"above {_figure(limit)}" if value > limit else f"not yet down to {_figure(release)}"
    where = f" ({subject})" if subject else ""
    return Cause(name, "over", f"{gauge.title} {_figure(value)}{gauge.unit}, {bound}{gauge.unit}{where}", over=True)


def _figure(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _unavailable(name: str, why: str, was_over: bool) -> Cause:
    return Cause(name, "unavailable", f"signal unavailable: {name}: {why}", over=was_over)


def _asked_for(knobs: Knobs, name: str) -> bool:
    return bool(getattr(knobs, name) != Knobs.model_fields[name].default)
