"""While it backfills a run is measured: what `status` and `history` tell of it, and the plot of it."""

import sys
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Identifier

from orchestrator import view
from orchestrator.context import journal, require_run
from orchestrator.errors import NothingMeasured, OrchestratorError, PlotUnavailable
from orchestrator.journal.measurements import Course
from orchestrator.plot import plot
from orchestrator.render import status_one
from orchestrator.view import View
from tests.fixtures.database import CreateRole
from tests.fixtures.locks import holding, wait_until
from tests.fixtures.processes import Process
from tests.fixtures.runs import context_of
from tests.fixtures.shops import NAME, WIDE, WIDE_ROWS, OpenShop, Shop

SERIES: LiteralString = """
SELECT m.rows, m.batches, m.throttled, m.table_bytes, m.wal_position
FROM orchestrator.measurement m JOIN orchestrator.step s USING (run_id, position)
WHERE s.op = 'batches' ORDER BY m.at
"""
NUMBER: LiteralString = "SELECT count(*) FROM orchestrator.measurement"
SIZE: LiteralString = "SELECT pg_total_relation_size('users')"
LONG_AGO: LiteralString = "UPDATE orchestrator.progress SET started_at = started_at - interval '1 day'"
NOTHING = Course(ran_s=0, server_wal_bytes=0, table_bytes=None, growth_bytes=None)


@pytest.mark.matrix
def test_a_backfill_is_measured_from_its_start_to_its_end(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    size, wal = shop.scalar(SIZE), shop.scalar("SELECT pg_current_wal_insert_lsn() - '0/0'")
    shop.finish("backfill")
    first, *_, last = shop.database.fetch(SERIES)
    assert (first[:4], first[4] >= wal) == ((0, 0, None, size), True)
    assert last[:3] == (WIDE_ROWS, shop.progress()["batches"], None)
    assert last[3] == shop.scalar(SIZE) > size
    step, *_ = (step for step in shop.history()["steps"] if step["phase"] == "backfill")
    assert step["course"]["server_wal_bytes"] == last[4] - first[4] > 0
    assert step["course"]["growth_bytes"] == last[3] - size
    assert 0 < step["course"]["ran_s"] < 60


def under_way(shop: Shop) -> Process:
    """A runner that has done some batches and rests for long."""
    shop.set_knobs(pause_between_batches_ms=60_000, stripes=1)
    runner = shop.start_advance("backfill")
    shop.await_batches(1)
    wait_until(lambda: shop.database.fetch(SERIES)[-1][0] > 0, what="that is measured")
    return runner


def look(shop: Shop) -> View:
    """What `status` shows, without a process of its own."""
    with journal(context_of(shop.database)) as connection:
        return view.look(connection, require_run(connection, NAME), stale_after_s=15)


def test_the_time_in_which_nobody_worked_does_not_count(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    runner = under_way(shop)
    wait_until(lambda: (look(shop).course or NOTHING).ran_s > 1, what="it has run for a second")
    shop.execute(LONG_AGO)
    progress = shop.status()["progress"]
    assert (progress["course"]["server_wal_bytes"] > 0, progress["course"]["table_bytes"]) == (True, shop.scalar(SIZE))
    assert 0 < progress["eta_s"] < 600
    assert progress["eta_unthrottled_s"] == progress["eta_s"]
    shown = status_one(look(shop))
    assert (" to go" in shown, " of WAL by the whole server, table with indexes grew by " in shown) == (True, True)
    runner.kill_hard()
    wait_until(lambda: look(shop).runner == "none", what="its lock is gone")
    # whoever does not work has no time to go
    shown = status_one(look(shop))
    assert (" to go" in shown, "rows/s" in shown, "so far  " in shown) == (False, False, True)


def test_what_made_batches_wait_is_measured(open_shop: OpenShop, tmp_path: Path) -> None:
    shop, flag = open_shop(WIDE, at="dual_write"), tmp_path / "stop"
    flag.touch()
    assert shop.run("set", f"throttle_file={flag}").exit_code == 0
    runner = shop.start_advance("backfill")
    reason = f"file {flag} is there"
    wait_until(lambda: any(row[2] == reason for row in shop.database.fetch(SERIES)), what="it is measured")
    flag.unlink()
    assert runner.wait().exit_code == 0


def test_a_table_that_somebody_holds_is_measured_all_the_same(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    runner = under_way(shop)
    with holding(shop.database, "LOCK TABLE users"):
        # one may have been under way
        number = shop.scalar(NUMBER) + 2
        wait_until(lambda: shop.scalar(NUMBER) >= number, what="it is measured")
        assert shop.database.fetch(SERIES)[-1][3] > 0
    runner.kill_hard()


def test_a_runner_that_was_overtaken_measures_nothing_when_it_wakes_up(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    runner = under_way(shop)
    runner.freeze()
    # what a runner that takes over does first
    shop.execute("UPDATE orchestrator.run SET epoch = epoch + 1")
    shop.set_knobs(pause_between_batches_ms=0)
    before = shop.scalar(NUMBER)
    runner.thaw()
    assert runner.wait().exit_code == 4
    assert shop.scalar(NUMBER) == before


# the plot


def test_the_plot_is_drawn_by_a_role_that_may_only_look(
    open_shop: OpenShop, application_role: CreateRole, tmp_path: Path
) -> None:
    shop, role = open_shop(WIDE, at="backfill"), application_role()
    for grant in ("USAGE ON SCHEMA", "SELECT ON ALL TABLES IN SCHEMA"):
        shop.execute(SQL("GRANT {} orchestrator TO {}").format(SQL(grant), Identifier(role.name)))
    drawn = shop.start_process("history", NAME, "--plot", "plot.png", database=role.dsn(shop.database)).wait()
    assert (drawn.exit_code, drawn.stdout, drawn.stderr) == (0, "plot.png\n", "")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    plot(context_of(shop.database), NAME, tmp_path / "plot.SVG")
    assert "</svg>" in (tmp_path / "plot.SVG").read_text()


def test_what_cannot_be_drawn_is_said(open_shop: OpenShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = open_shop(at="dual_write")
    context = context_of(shop.database)
    with pytest.raises(NothingMeasured, match=f'nothing was measured in run "{NAME}" yet'):
        plot(context, NAME, tmp_path / "plot.png")
    gif = shop.run("history", "--plot", "plot.gif")
    assert (gif.exit_code, "a file that ends in .png or .svg" in gif.stderr) == (2, True)
    shop.finish("backfill")
    with pytest.raises(OrchestratorError, match=r'cannot write ".*/nowhere/plot\.png": No such file or directory'):
        plot(context, NAME, tmp_path / "nowhere" / "plot.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotUnavailable) as missing:
        plot(context, NAME, tmp_path / "plot.png")
    assert "pip install 'pg-expand-contract[plot]'" in (missing.value.hint or "")
    assert not (tmp_path / "plot.png").exists()
