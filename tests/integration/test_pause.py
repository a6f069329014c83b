"""A pause is heeded after the batch under way: no other begins, and nothing is written once the run is paused."""

import pytest

from orchestrator import intent
from tests.fixtures.locks import blocked_by, holding, wait_until
from tests.fixtures.runs import context_of
from tests.fixtures.shops import HALT, NAME, WIDE_ROWS, OpenHaltingShop, Shop

DONE = "SELECT count(*) FROM users WHERE email_address IS NOT NULL"


def counters(shop: Shop) -> tuple[int, int, int]:
    progress = shop.progress()
    return progress["batches"], progress["rows"], shop.scalar(DONE)


@pytest.mark.matrix
def test_the_batch_under_way_is_the_last(open_halting_shop: OpenHaltingShop) -> None:
    shop = open_halting_shop()
    shop.set_knobs(stripes=1)
    with holding(shop.database, HALT) as halt:
        # it does not hear of the pause by its heartbeat
        runner = shop.start_advance("backfill", env={"ORCHESTRATOR_HEARTBEAT_S": "60"})
        wait_until(lambda: blocked_by(shop.database, halt.pid), what="a batch is under way")
        before = counters(shop)
        # as `orchestrator pause` does, in less time than the batch may take
        intent.set_pause(context_of(shop.database), NAME, pause=True)
    assert runner.wait().exit_code == 6
    paused = counters(shop)
    assert paused[0] <= before[0] + 1
    assert before[1] <= paused[1] == paused[2] < WIDE_ROWS
    intent.set_pause(context_of(shop.database), NAME, pause=False)
    shop.finish("backfill")
    assert (shop.progress()["rows"], shop.differences()) == (WIDE_ROWS, 0)
