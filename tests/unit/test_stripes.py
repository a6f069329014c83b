"""How many passes a window takes: learned from the share of HOT updates."""

from orchestrator.backfill.stripes import MOST, PROBE_EVERY, WORTH_IT_BLOCKS, Pass, Striping


def passes(first: int, later: int, *, count: int = MOST) -> list[Pass]:
    """A window of `count` passes over 1,000 rows each, with so many HOT updates in the first and in each later one."""
    return [Pass(1000, first), *(Pass(1000, later) for _ in range(count - 1))]


def test_full_pages_are_striped_as_long_as_pruning_makes_room() -> None:
    striping = Striping(10_000)
    for _ in range(10):
        striping.window_done(passes(0, 800))
    assert striping.stripes == MOST
    assert striping.pruning_works


def test_stripes_are_given_up_when_no_later_pass_is_hot() -> None:
    striping = Striping(10_000)
    striping.window_done(passes(0, 10))
    assert striping.stripes == 1
    assert not striping.pruning_works


def test_stripes_that_were_given_up_are_tried_again_after_a_while() -> None:
    striping = Striping(10_000)
    striping.window_done(passes(0, 0))
    for _ in range(PROBE_EVERY - 1):
        striping.window_done([Pass(1000, 0)])
        assert striping.stripes == 1
    striping.window_done([Pass(1000, 0)])
    assert striping.stripes == MOST
    striping.window_done(passes(0, 900))
    assert striping.pruning_works
    assert striping.stripes == MOST


def test_pages_with_room_are_visited_once() -> None:
    striping = Striping(10_000)
    striping.window_done(passes(990, 990))
    assert striping.stripes == 1
    assert striping.pruning_works


def test_a_window_whose_rows_are_done_already_teaches_nothing() -> None:
    striping = Striping(10_000)
    striping.window_done([Pass(0, 0)] * MOST)
    assert striping.stripes == MOST


def test_a_small_table_is_visited_once() -> None:
    assert Striping(WORTH_IT_BLOCKS - 1).stripes == 1


def test_the_operators_choice_stands_whatever_is_learned() -> None:
    striping = Striping(10_000, fixed=4)
    striping.window_done(passes(0, 0, count=4))
    assert striping.stripes == 4


def test_no_pass_is_made_for_which_a_page_has_no_row() -> None:
    assert [Striping(1000, rows).stripes for rows in (500, 2000, 4500, 90_000)] == [2, 2, 5, MOST]


def test_the_first_pass_that_found_rows_is_the_first() -> None:
    striping = Striping(1000)
    striping.window_done([Pass(0, 0), Pass(1000, 0), Pass(1000, 900)])
    assert (striping.stripes, striping.pruning_works) == (MOST, True)
