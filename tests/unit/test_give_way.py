"""Of two who wait for each other it is never the application that PostgreSQL ends."""

import pytest

from orchestrator.lock_order import patience_ms


@pytest.mark.parametrize("locks", range(2, 12))
def test_a_step_gives_up_its_locks_before_anybody_looks_for_a_deadlock(locks: int) -> None:
    patience = patience_ms(locks, lock_timeout_ms=1000, deadlock_timeout_ms=1000)
    # it holds the first while it waits for the others
    assert 0 < patience * (locks - 1) < 1000


def test_a_step_with_more_locks_than_there_are_milliseconds_still_gives_way() -> None:
    # 0 is no bound at all for PostgreSQL
    assert patience_ms(1001, lock_timeout_ms=1000, deadlock_timeout_ms=1000) == 1


def test_a_step_with_one_lock_waits_as_long_as_it_may() -> None:
    assert patience_ms(1, lock_timeout_ms=5000, deadlock_timeout_ms=1000) == 5000
