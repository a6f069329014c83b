"""Whole tables, however shaped: each row that differs is counted once, and none differs in the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import pytest
from psycopg.sql import SQL, Literal

from tests.fixtures.database import Database
from tests.fixtures.locks import wait_until
from tests.fixtures.server import StartServer
from tests.fixtures.shops import PLAN, WIDE, WIDE_ROWS, OpenShop, Shop, ShopOn, stocked

# two rows a block, so that few rows take several batches
FILLER: LiteralString = "filler char(3000) DEFAULT 'x'"
PLAIN: LiteralString = "ALTER TABLE users ALTER filler SET STORAGE PLAIN;"
MAIL: LiteralString = "'user' || n || '@example.org'"

SHAPES: dict[str, tuple[LiteralString, int]] = {
    "no key, and each row twice": (
        f"""CREATE TABLE users (id int, email text, {FILLER}); {PLAIN}
            INSERT INTO users SELECT n % 100, 'user' || n % 100 FROM generate_series(1, 200) n""",
        200,
    ),
    "composite key": (
        f"""CREATE TABLE users (region text, number int, email text, {FILLER}, PRIMARY KEY (region, number)); {PLAIN}
            INSERT INTO users SELECT 'region ' || n % 7, n, {MAIL} FROM generate_series(1, 200) n""",
        200,
    ),
    "random UUID key": (
        f"""CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text, {FILLER}); {PLAIN}
            INSERT INTO users (email) SELECT {MAIL} FROM generate_series(1, 200) n""",
        200,
    ),
    "wide rows with TOAST": (
        """CREATE TABLE users (id int PRIMARY KEY, email text, document text);
           ALTER TABLE users ALTER email SET STORAGE EXTERNAL, ALTER document SET STORAGE EXTERNAL;
           INSERT INTO users SELECT n, repeat('user' || n, 2000), repeat('x', 20000) FROM generate_series(1, 200) n""",
        200,
    ),
    "fillfactor 70": (
        f"""CREATE TABLE users (id int PRIMARY KEY, email text) WITH (fillfactor = 70);
            INSERT INTO users SELECT n, {MAIL} FROM generate_series(1, 3000) n""",
        3000,
    ),
    "bloated: dead rows, and empty pages": (
        f"""CREATE TABLE users (id int PRIMARY KEY, email text, {FILLER}) WITH (autovacuum_enabled = off); {PLAIN}
            INSERT INTO users SELECT n, {MAIL} FROM generate_series(1, 1000) n;
            DELETE FROM users WHERE id BETWEEN 101 AND 950;
            UPDATE users SET filler = 'y' WHERE id <= 100""",
        150,
    ),
    "nothing but dead rows": (
        f"""CREATE TABLE users (id int PRIMARY KEY, email text, {FILLER}) WITH (autovacuum_enabled = off); {PLAIN}
            INSERT INTO users SELECT n, {MAIL} FROM generate_series(1, 200) n; DELETE FROM users""",
        0,
    ),
    "no block at all": ("CREATE TABLE users (id int PRIMARY KEY, email text)", 0),
    "one row": ("CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'ann')", 1),
    "rows with nothing to copy": (
        f"""CREATE TABLE users (id int PRIMARY KEY, email text, {FILLER}); {PLAIN}
            INSERT INTO users SELECT n, CASE n % 3 WHEN 0 THEN {MAIL} END FROM generate_series(1, 300) n""",
        100,
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_row_that_differs_is_counted_once(open_shop: OpenShop, name: str) -> None:
    tables, rows = SHAPES[name]
    shop = open_shop(tables, at="dual_write")
    shop.execute("ANALYZE users")
    shop.finish("backfill")
    assert (shop.progress()["rows"], shop.differences()) == (rows, 0)
    assert shop.progress("verify")["differences"] == 0


def done(shop: Shop) -> int:
    """Rows that the backfill says it has updated."""
    return int(shop.progress()["rows"])


@contextmanager
def halfway(shop: Shop) -> Iterator[None]:
    """A backfill that rests after its first batch; afterwards it has come to its end, and its counter is exact."""
    shop.set_knobs(pause_between_batches_ms=60_000, stripes=1)
    runner = shop.start_advance("backfill")
    shop.await_batches(1)
    assert 0 < done(shop) < WIDE_ROWS
    yield
    expected = done(shop) + shop.differences()
    shop.set_knobs(pause_between_batches_ms=0)
    result = runner.wait()
    assert result.exit_code == 0, result.stderr
    assert (done(shop), shop.differences()) == (expected, 0)
    assert shop.progress("verify")["differences"] == 0


BLOCKS: LiteralString = "SELECT pg_relation_size('users') / 8192"
REVERSED: LiteralString = "CREATE INDEX users_reversed ON users (id DESC);"
NEW: LiteralString = "INSERT INTO users SELECT n, 'new' || n FROM generate_series(601, 1200) n"


@pytest.mark.matrix
@pytest.mark.parametrize(
    "interference",
    [
        # each a transaction of its own, because VACUUM and CLUSTER want that
        [NEW],
        [NEW, "UPDATE users SET email = 'again' WHERE id % 3 = 0", "DELETE FROM users WHERE id % 5 = 0"],
        ["DELETE FROM users", "VACUUM users", NEW],
        ["DELETE FROM users WHERE id % 2 = 0", "VACUUM FULL users", NEW],
        ["CLUSTER users USING users_reversed"],
        ["TRUNCATE users", NEW],
    ],
    ids=["growing", "busy", "emptied", "rewritten and growing", "turned upside down", "truncated"],
)
def test_a_table_that_changes_its_shape_meanwhile_is_counted_exactly(
    open_shop: OpenShop, interference: list[LiteralString]
) -> None:
    shop = open_shop(WIDE + REVERSED, at="dual_write")
    shop.set_knobs(stripes=1)
    with halfway(shop):
        for statement in interference:
            shop.execute(statement)


def test_a_table_that_has_become_shorter_ends_earlier(open_shop: OpenShop) -> None:
    shop = open_shop(WIDE, at="dual_write")
    shop.set_knobs(stripes=1)

    def vacuumed() -> int:
        shop.execute("VACUUM users")
        return int(shop.scalar(BLOCKS))

    with halfway(shop):
        before = shop.scalar(BLOCKS)
        # those that the first batch has updated lie at the end now
        shop.execute("DELETE FROM users WHERE id > 300 OR email_address IS NOT NULL")
        wait_until(lambda: vacuumed() < before / 2, what="VACUUM has given the empty end back")
    assert shop.scalar("SELECT count(*) FROM users") > 0


SLOT: LiteralString = "SELECT pg_create_logical_replication_slot('shop', 'pgoutput')"
SUBSCRIBE = SQL(
    "CREATE SUBSCRIPTION shop CONNECTION {source} PUBLICATION shop"
    " WITH (create_slot = false, slot_name = 'shop', copy_data = false)"
)
CAUGHT_UP = """
SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = 'shop' AND active
"""


@pytest.mark.matrix
def test_the_writes_of_a_publisher_reach_both_columns_of_its_subscriber(
    start_server: StartServer, shop_on: ShopOn
) -> None:
    server = start_server()
    publisher = Database(server.dsn(), "postgres", server)
    publisher.execute("CREATE DATABASE subscriber")
    subscriber = Database(server.dsn("subscriber"), "subscriber", server)
    publisher.execute(WIDE)
    publisher.execute("CREATE PUBLICATION shop FOR TABLE users")
    # in the same server it has to be there before: CREATE SUBSCRIPTION would wait for itself
    publisher.execute(SLOT)
    stocked(WIDE, "dual_write", PLAN)(subscriber)
    subscriber.execute(SUBSCRIBE.format(source=Literal(f"host={server.folder} port={server.port} user=postgres")))
    shop = shop_on(subscriber)

    def publish(sql: LiteralString) -> None:
        publisher.execute(sql)
        [(end,)] = publisher.fetch("SELECT pg_current_wal_insert_lsn()")
        wait_until(lambda: publisher.fetch(CAUGHT_UP, [end]) == [(True,)], what="the subscriber has applied it")

    with halfway(shop):
        publish(NEW)
        publish("UPDATE users SET email = 'again' WHERE id % 3 = 0")
        publish("DELETE FROM users WHERE id % 5 = 0")
        assert shop.scalar("SELECT count(*) FROM users WHERE email_address = 'again'") == 320
    publish("UPDATE users SET email = 'once more' WHERE id % 3 = 0")
    assert shop.scalar("SELECT count(*) FROM users WHERE email_address = 'once more'") == 320
    assert shop.differences() == 0
