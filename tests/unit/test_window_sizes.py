"""Windows are large enough for stripes and scans, and small enough that several workers end about together."""

from itertools import product

import pytest

from orchestrator.backfill.relations import LEAST_WINDOW_BLOCKS, MOST_WINDOW_BLOCKS, window_blocks

SIZES = (1, 7, 255, 256, 257, 4096, 4097, 100_000, 134_000_000)


@pytest.mark.parametrize("op", ["batches", "verify"])
@pytest.mark.parametrize(("blocks", "workers"), list(product(SIZES, (1, 2, 8, 64))))
def test_windows_are_about_equal_and_never_too_large(op: str, blocks: int, workers: int) -> None:
    size = window_blocks(blocks, workers, op)
    number = -(-blocks // size)
    last = blocks - (number - 1) * size
    assert 1 <= size <= MOST_WINDOW_BLOCKS[op]
    assert size - last < number


def test_a_small_table_is_one_window() -> None:
    assert window_blocks(200, 8, "batches") == 200
    assert window_blocks(4000, 1, "batches") == 4000


def test_a_table_is_shared_so_that_nobody_waits_long_for_the_last_one() -> None:
    size = window_blocks(20_000, 4, "batches")
    assert LEAST_WINDOW_BLOCKS["batches"] <= size <= 20_000 / 4 / 7


def test_an_empty_table_has_a_size_too() -> None:
    assert window_blocks(0, 4, "verify") == 1
