"""Through PgBouncer in transaction mode: what works does so, and what needs a direct connection says so."""

from dataclasses import replace

import pytest

from tests.fixtures.database import Database
from tests.fixtures.pooler import StartPooler, start_pooler
from tests.fixtures.shops import OpenShop, Shop

__all__ = ["start_pooler"]


@pytest.fixture
def pooled(open_shop: OpenShop, start_pooler: StartPooler) -> tuple[Shop, Database]:
    """A shop whose commands go through a pooler, and its database without one."""
    shop = open_shop(at="dual_write")
    behind = replace(shop.database, dsn=start_pooler(shop.database))
    return replace(shop, database=behind), shop.database


def test_what_reads_and_tunes_the_journal_works_through_a_pooler(pooled: tuple[Shop, Database]) -> None:
    shop, _ = pooled
    assert shop.status()["phase"] == "dual_write"
    assert shop.run("check", "--deploy", "2.4").exit_code == 3
    assert shop.run("set", "target_batch_ms=100").exit_code == 0
    assert shop.run("pause").exit_code == 0
    assert shop.run("resume").exit_code == 0
    assert "target_batch_ms: 200 → 100" in shop.run("history").stdout
    assert shop.status()["knobs"]["target_batch_ms"] == 100


def test_a_runner_says_that_it_needs_a_direct_connection(pooled: tuple[Shop, Database]) -> None:
    shop, _ = pooled
    refused = shop.advance("backfill")
    assert refused.exit_code == 1
    assert "there is a connection pooler between this program and PostgreSQL" in refused.stderr
    assert "--direct-url" in refused.stderr
    assert shop.status()["status"] == "waiting"


def test_a_runner_with_a_direct_connection_works_beside_a_pooler(pooled: tuple[Shop, Database]) -> None:
    shop, database = pooled
    env = {"ORCHESTRATOR_DIRECT_URL": database.dsn}
    assert shop.advance("contract", "--confirm-contract", env=env).exit_code == 0
    assert shop.status()["status"] == "complete"


def test_a_run_is_not_created_where_it_could_not_go_on(open_shop: OpenShop, start_pooler: StartPooler) -> None:
    shop = open_shop()
    behind = replace(shop, database=replace(shop.database, dsn=start_pooler(shop.database)))
    assert behind.run("advance").exit_code == 1
    assert shop.scalar("SELECT count(*) FROM orchestrator.run") == 0
