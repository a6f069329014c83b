"""Settings and knobs: where each value comes from, and what is said about a wrong one."""

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.knobs import Knobs
from orchestrator.settings import Settings, load


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORCHESTRATOR_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load({}, tmp_path) == Settings()


def test_orchestrator_toml_wins_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text("lock_timeout_ms = 500")
    assert load({}, tmp_path).lock_timeout_ms == 500


def test_pyproject_wins_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.orchestrator]\nplans = "migrations/plans"')
    assert load({}, tmp_path).plans == Path("migrations/plans")


def test_orchestrator_toml_is_read_instead_of_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.orchestrator]\nlock_timeout_ms = 1\nlock_hold_ms = 300")
    (tmp_path / "orchestrator.toml").write_text("lock_timeout_ms = 500")
    assert (load({}, tmp_path).lock_timeout_ms, load({}, tmp_path).lock_hold_ms) == (500, Settings().lock_hold_ms)


def test_a_flag_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text("lock_timeout_ms = 500")
    assert load({"lock_timeout_ms": 700, "lock_hold_ms": None}, tmp_path).lock_timeout_ms == 700


def test_a_setting_that_does_not_exist_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text("lock_timeout = 500")
    with pytest.raises(UsageError) as caught:
        load({}, tmp_path)
    assert caught.value.message == f'{tmp_path / "orchestrator.toml"}: there is no setting "lock_timeout"'
    assert caught.value.hint is not None
    assert caught.value.hint.startswith('did you mean "lock_timeout_ms"? the settings are: database_url, ')


def test_a_value_out_of_bounds_is_refused_and_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load({"lock_timeout_ms": 1}, tmp_path)
    assert caught.value.message == "lock_timeout_ms must be at least 10"
    assert caught.value.hint is not None
    assert "how long one attempt may queue for a lock" in caught.value.hint


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.toml").write_text("lock_timeout_ms = ")
    with pytest.raises(UsageError, match=r"orchestrator\.toml is not TOML: Invalid value"):
        load({}, tmp_path)


def test_a_password_is_not_in_the_representation() -> None:
    assert "secret" not in repr(Settings(database_url="postgresql://u:secret@h/d", direct_url="password=secret"))


def test_a_knob_is_changed_and_the_others_stay() -> None:
    assert Knobs(pause_between_batches_ms=7).changed("target_batch_ms", "100") == Knobs(
        target_batch_ms=100, pause_between_batches_ms=7
    )


@pytest.mark.parametrize("value", ["9", "701", "-1", "fast", "", "1.5"])
def test_a_knob_keeps_to_its_bounds(value: str) -> None:
    with pytest.raises(UsageError, match=f"target_batch_ms={value}: must be ") as caught:
        Knobs().changed("target_batch_ms", value)
    assert caught.value.hint is not None
    assert "deadlock_timeout" in caught.value.hint


@pytest.mark.parametrize("value", [10, 700])
def test_the_bounds_of_a_knob_belong_to_it(value: int) -> None:
    assert Knobs().changed("target_batch_ms", str(value)).target_batch_ms == value


def test_a_knob_that_does_not_exist_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UsageError, match='there is no knob "target_batch"') as caught:
        Knobs().changed("target_batch", "100")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith('did you mean "target_batch_ms"? the knobs are: target_batch_ms, stripes, ')


LIMITS = [name for name in Knobs.model_fields if name.startswith(("max_", "ignore_", "throttle_"))]
LIMITS.remove("throttle_release")


@pytest.mark.parametrize("word", ["off", "none"])
@pytest.mark.parametrize("limit", LIMITS)
def test_every_limit_can_be_cleared(limit: str, word: str) -> None:
    assert getattr(Knobs(max_replica_lag_s=3).changed(limit, word), limit) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_replica_lag_s", "off"),
        ("max_replica_lag_s", "5"),
        ("max_replica_lag_s", "0.5"),
        ("max_rows_per_s", "1000000"),
        ("wraparound_vacuum", "auto"),
        ("wraparound_vacuum", "on"),
        ("wraparound_vacuum", "off"),
        ("throttle_sql", "SELECT 1"),
    ],
)
def test_a_value_is_shown_as_it_would_be_set(key: str, value: str) -> None:
    assert Knobs().changed(key, value).shown(key) == value


def test_what_yaml_makes_of_a_bare_off_is_no_limit_and_not_a_limit_of_0() -> None:
    assert Knobs.model_validate({"max_replica_lag_s": False}).max_replica_lag_s is None


@pytest.mark.parametrize(
    ("limit", "value", "complaint"),
    [
        ("max_replica_lag_s", "-1", "must be at least 0"),
        ("max_replica_lag_s", "nan", "must be a number"),
        ("max_replica_lag_s", "soon", "must be a number"),
        ("max_active_sessions", "1.5", "must be a whole number"),
        ("max_rows_per_s", "0", "must be at least 1"),
        ("throttle_sql", "", "must not be empty"),
        ("throttle_http", "file:///etc/passwd", "must be an http or https address, without a password"),
        ("throttle_http", "http://user:secret@host/", "must be an http or https address, without a password"),
        ("wraparound_vacuum", "perhaps", "must be on, off or auto"),
        ("throttle_release", "1.1", "must be at most 1"),
    ],
)
def test_a_limit_that_would_never_hold_is_refused(limit: str, value: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Knobs().changed(limit, value)
    assert caught.value.message == f"{limit}={value}: {complaint}"
