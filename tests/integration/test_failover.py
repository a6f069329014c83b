"""A server that crashes, turns read only or is replaced by its standby: `advance` waits for it and goes on."""

import pytest
from psycopg.sql import SQL

from orchestrator import claimed
from orchestrator.errors import DatabaseUnreachable
from tests.fixtures.database import Database
from tests.fixtures.local_server import LocalServer, database_url
from tests.fixtures.locks import wait_until
from tests.fixtures.processes import Process
from tests.fixtures.server import StartReplica, StartServer
from tests.fixtures.shops import PLAN, WIDE, WIDE_ROWS, Interference, Shop, ShopOn, stocked

LOST = "lost the connection to the server: trying again"
REPLAYED = "SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"


def before_backfill(server: LocalServer) -> Database:
    """Tables and a run, on a server of their own."""
    database = Database(server.dsn(), "postgres", server)
    stocked(WIDE, "dual_write", PLAN)(database)
    return database


def rest(shop: Shop) -> Process:
    """A runner that has done a batch and is about to rest for long."""
    shop.set_knobs(pause_between_batches_ms=60_000, stripes=1)
    runner = shop.start_advance("backfill")
    shop.await_batches(1)
    return runner


def finish(shop: Shop, runner: Process) -> None:
    shop.set_knobs(pause_between_batches_ms=0)
    result = runner.wait()
    assert result.exit_code == 0, result.stderr
    assert (shop.progress()["rows"], shop.differences()) == (WIDE_ROWS, 0)
    assert shop.progress("verify")["differences"] == 0


def await_losses(runner: Process, number: int) -> None:
    wait_until(lambda: runner.stderr.count(LOST) >= number, timeout=60, what=f"it has tried {number} times")


@pytest.mark.matrix
def test_a_crash_of_the_server_is_survived(start_server: StartServer, shop_on: ShopOn) -> None:
    server = start_server()
    shop = shop_on(before_backfill(server))
    runner = rest(shop)
    server.stop("immediate")
    await_losses(runner, 2)
    server.start()
    finish(shop, runner)


def read_only(server: LocalServer, value: str) -> None:
    """For every session, from its next transaction on."""
    with Database(server.dsn(), "postgres", server).connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(SQL("ALTER SYSTEM SET default_transaction_read_only = {}").format(value))
        connection.execute("SELECT pg_reload_conf()")


def test_a_server_that_is_read_only_for_a_while_is_survived(start_server: StartServer, shop_on: ShopOn) -> None:
    server = start_server()
    shop = shop_on(before_backfill(server))
    runner = rest(shop)
    read_only(server, "on")
    await_losses(runner, 3)
    rows = shop.progress()["rows"]
    read_only(server, "off")
    assert 0 < rows < WIDE_ROWS
    finish(shop, runner)


def test_a_server_that_stays_read_only_is_not_waited_for_for_ever(
    start_server: StartServer, shop_on: ShopOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server()
    shop = shop_on(before_backfill(server))
    monkeypatch.setattr(claimed, "RECONNECT_S", 1)
    shop.set_knobs(pause_between_batches_ms=100, stripes=1)
    with pytest.raises(DatabaseUnreachable, match="the database takes no writes: cannot execute "):
        shop.finish("backfill", Interference(lambda: read_only(server, "on")))
    read_only(server, "off")
    shop.finish("backfill")
    assert (shop.progress()["rows"], shop.differences()) == (WIDE_ROWS, 0)


@pytest.mark.matrix
def test_a_standby_that_is_promoted_is_gone_on_with(
    start_server: StartServer, start_replica: StartReplica, shop_on: ShopOn
) -> None:
    primary = start_server()
    shop = shop_on(before_backfill(primary))
    replica = start_replica(primary)
    # as an application would name them: whichever of the two answers
    both = database_url(
        {
            "user": "postgres",
            "dbname": "postgres",
            "host": f"{primary.folder},{replica.folder}",
            "port": f"{primary.port},{replica.port}",
        }
    )
    shop = shop_on(Database(both, "postgres", primary))
    wait_until(lambda: shop.database.fetch(REPLAYED) == [(True,)], what="the standby has everything")
    runner = rest(shop)
    wait_until(lambda: shop.database.fetch(REPLAYED) == [(True,)], what="the standby has the first batch")
    primary.stop("crash")
    # the standby answers, and is read only
    await_losses(runner, 3)
    assert runner.running
    shop.execute("SELECT pg_promote()")
    finish(shop, runner)
