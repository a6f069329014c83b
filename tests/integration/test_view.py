"""What `status` tells of a runner."""

from tests.fixtures.locks import wait_until
from tests.fixtures.shops import WIDE, OpenShop


def test_status_knows_at_once_that_a_runner_was_killed(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(pause_between_batches_ms=60_000)
    runner = shop.start_advance("backfill")
    shop.await_batches(1)
    assert shop.status()["runner"] == "alive"
    runner.kill_hard()
    told = wait_until(lambda: (status := shop.status())["runner"] != "alive" and status, what="the lock is gone")
    assert told["runner"] == "none"
    assert told["waits_for"] == "orchestrator advance rename-email, which goes on where it stopped"
