"""The throttle's truth table: every signal, in every condition it can be in, and what is said of it."""

import pytest

from orchestrator.backfill.health import (
    GAUGES,
    SIGNALS,
    STALE_S,
    Failed,
    Measured,
    Outcome,
    Reading,
    Said,
    Unseen,
    Verdict,
    enabled,
    judge,
)
from orchestrator.knobs import Knobs

NOW = 1000.0
VERBAL = tuple(name for name in SIGNALS if name not in GAUGES)
CALM = Verdict()
QUIET = Knobs(max_replica_lag_s=None, wraparound_vacuum=False)
"""No signal has a say."""
WANTED = {
    "wraparound_vacuum": True,
    "throttle_sql": "SELECT NULL",
    "throttle_file": "/stop",
    "throttle_http": "http://127.0.0.1/",
}


def only(name: str, limit: float = 20) -> Knobs:
    """Knobs by which this signal has a say, and no other."""
    return QUIET.model_copy(update={name: WANTED.get(name, limit)})


def said(knobs: Knobs, outcome: Outcome, *, before: Verdict = CALM, age: float = 0.0) -> Verdict:
    readings = {name: Reading(outcome, NOW - age) for name in enabled(knobs)}
    return judge(knobs, readings, before, NOW)


@pytest.mark.parametrize("name", SIGNALS)
def test_each_signal_has_a_say_when_its_knob_is_set_and_only_then(name: str) -> None:
    assert list(enabled(QUIET)) == []
    assert list(enabled(only(name))) == [name]


def test_without_being_told_a_run_heeds_replicas_and_vacuums_against_wraparound() -> None:
    assert list(enabled(Knobs())) == ["max_replica_lag_s", "wraparound_vacuum"]


@pytest.mark.parametrize("name", GAUGES)
@pytest.mark.parametrize(
    ("outcome", "throttled"),
    [
        (Measured(None), False),
        (Measured(0), False),
        (Measured(20), False),
        (Measured(20.01), True),
        (Failed("connection refused"), True),
        (Unseen("GRANT it"), True),
    ],
)
def test_a_gauge_throttles_above_its_limit_and_when_it_cannot_be_read(
    name: str, outcome: Outcome, throttled: bool
) -> None:
    assert bool(said(only(name), outcome).causes) is throttled


@pytest.mark.parametrize("name", VERBAL)
@pytest.mark.parametrize(
    ("outcome", "throttled"),
    [(Said(None), False), (Said("no"), True), (Said(""), True), (Failed("no route"), True), (Unseen("GRANT it"), True)],
)
def test_a_verdict_throttles_when_it_is_a_reason_and_when_it_cannot_be_had(
    name: str, outcome: Outcome, throttled: bool
) -> None:
    assert bool(said(only(name), outcome).causes) is throttled


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_that_was_never_read_throttles(name: str) -> None:
    assert judge(only(name), {}, Verdict(), NOW).reason == f"signal unavailable: {name}: not read yet"


@pytest.mark.parametrize("name", SIGNALS)
def test_a_good_reading_is_good_for_some_seconds(name: str) -> None:
    good = Measured(0) if name in GAUGES else Said(None)
    assert not said(only(name), good, age=STALE_S).causes
    assert said(only(name), good, age=STALE_S + 2).reason == f"signal unavailable: {name}: not read for 12 s"


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("bad", [Failed("x"), Unseen("x")])
def test_a_signal_that_is_back_and_good_lets_go(name: str, bad: Outcome) -> None:
    good = Measured(19) if name in GAUGES else Said(None)
    assert not said(only(name), good, before=said(only(name), bad)).causes


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("max_replica_lag_s", Measured(31.26, "replica1"), "replica lag 31.26 s, above 20 s (replica1)"),
        ("max_replica_lag_mb", Measured(21), "replica lag 21 MB, above 20 MB"),
        ("max_active_sessions", Measured(21), "active sessions 21, above 20"),
        ("max_waiting_sessions", Measured(21), "sessions waiting for our locks 21, above 20"),
        ("max_slot_wal_mb", Measured(1e4, "cdc"), "WAL kept by a replication slot 10000 MB, above 20 MB (cdc)"),
        ("max_archive_backlog", Measured(123456), "WAL files to be archived 123456, above 20"),
        ("throttle_sql", Said("throttle_sql: it is noon"), "throttle_sql: it is noon"),
        ("throttle_http", Failed("timed out"), "signal unavailable: throttle_http: timed out"),
    ],
)
def test_the_reason_names_what_how_much_and_where(name: str, outcome: Outcome, reason: str) -> None:
    assert said(only(name), outcome).reason == reason


def test_a_gauge_that_was_over_has_to_come_down_to_the_limit_for_release() -> None:
    knobs = only("max_replica_lag_s", 10)
    over = said(knobs, Measured(12))
    between = said(knobs, Measured(9), before=over)
    assert between.reason == "replica lag 9 s, not yet down to 8 s"
    assert said(knobs, Measured(8.1), before=between).causes
    assert not said(knobs, Measured(8), before=between).causes
    assert not said(knobs, Measured(9)).causes


def test_the_limit_for_release_is_a_share_that_can_be_chosen() -> None:
    knobs = only("max_replica_lag_s", 10).model_copy(update={"throttle_release": 0.5})
    over = said(knobs, Measured(12))
    assert said(knobs, Measured(6), before=over).causes
    assert not said(knobs, Measured(5), before=over).causes


def test_a_gauge_that_was_over_and_then_failed_still_has_to_come_down() -> None:
    knobs = only("max_replica_lag_s", 10)
    failed = said(knobs, Failed("x"), before=said(knobs, Measured(12)))
    assert said(knobs, Measured(9), before=failed).causes
    assert not said(knobs, Measured(8), before=failed).causes


@pytest.mark.parametrize("gauge", GAUGES)
def test_a_limit_of_0_means_that_anything_is_too_much(gauge: str) -> None:
    over = said(only(gauge, 0), Measured(1))
    assert over.causes
    assert not said(only(gauge, 0), Measured(0), before=over).causes


def test_any_signal_throttles_and_none_overrides_it() -> None:
    knobs = Knobs(max_replica_lag_s=1, max_active_sessions=1, throttle_sql="SELECT 1", wraparound_vacuum=False)
    readings = {name: Reading(Measured(0), NOW) for name in enabled(knobs)} | {
        "throttle_sql": Reading(Said("no"), NOW),
        "max_active_sessions": Reading(Measured(2), NOW),
    }
    assert judge(knobs, readings, Verdict(), NOW).reason == "active sessions 2, above 1; no"


@pytest.mark.parametrize("name", ["max_replica_lag_s", "wraparound_vacuum"])
def test_what_the_role_may_not_see_throttles_only_when_it_was_asked_for(name: str) -> None:
    silent = QUIET.model_copy(update={name: Knobs.model_fields[name].default})
    assert not said(silent, Unseen("GRANT it")).causes
    assert said(silent, Failed("x")).causes
    asked = QUIET.model_copy(update={name: WANTED.get(name, 3)})
    assert said(asked, Unseen("GRANT it")).reason == f"signal unavailable: {name}: GRANT it"


def test_other_numbers_are_the_same_reason_and_another_signal_is_not() -> None:
    knobs = only("max_replica_lag_s", 10)
    twelve = said(knobs, Measured(12))
    assert said(knobs, Measured(13), before=twelve).essence == twelve.essence
    assert said(knobs, Measured(9), before=twelve).essence == twelve.essence
    assert said(knobs, Failed("x"), before=twelve).essence != twelve.essence
