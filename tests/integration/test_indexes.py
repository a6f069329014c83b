"""Constrain: CREATE INDEX CONCURRENTLY waits, dies and goes on; rows that break a constraint stop it, by their keys."""

from typing import LiteralString

import pytest
from psycopg.sql import SQL

from orchestrator.errors import StepFailed
from tests.fixtures.locks import Holder, blocked_by, holding, wait_until
from tests.fixtures.shops import USERS, OpenShop, Shop

INDEXED: LiteralString = USERS + "CREATE INDEX users_email_idx ON users (email);"
INDEX = "users_email_address_idx"
WRITE: LiteralString = "UPDATE users SET city = 'x' WHERE id = 1"
STATE = SQL("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass({})")
MEND: LiteralString = "UPDATE users SET email_address = email WHERE email_address IS DISTINCT FROM email"


def state(shop: Shop, index: str = INDEX) -> bool | None:
    """Whether the index is valid; None where there is none."""
    rows = shop.database.fetch(STATE.format(index))
    return bool(rows[0][0]) if rows else None


def await_build(shop: Shop, writer: Holder) -> int:
    """The process that builds the index and waits for the writer."""
    return wait_until(lambda: blocked_by(shop.database, writer.pid), timeout=30, what="the build waits")[0]


@pytest.mark.matrix
def test_a_build_waits_for_a_long_writer_and_names_it(open_shop: OpenShop) -> None:
    shop = open_shop(INDEXED, at="backfill")
    with holding(shop.database, WRITE, application_name="importer") as writer:
        # neither our lock_timeout nor the budget cut it short
        env = {"ORCHESTRATOR_LOCK_TIMEOUT_MS": "10", "ORCHESTRATOR_LOCK_BUDGET_S": "0"}
        runner = shop.start_advance("constrain", env=env)
        wait_until(lambda: "(importer as postgres" in runner.stderr, timeout=30, what="the writer is named")
        await_build(shop, writer)
        writer.commit()
        assert runner.wait().exit_code == 0
    assert state(shop) is True


@pytest.mark.matrix
def test_a_build_that_outlives_its_runner_is_waited_for_and_kept(open_shop: OpenShop) -> None:
    shop = open_shop(INDEXED, at="backfill")
    with holding(shop.database, WRITE) as writer:
        first = shop.start_advance("constrain")
        await_build(shop, writer)
        oid = shop.database.fetch("SELECT to_regclass(%s)::oid", [INDEX])
        first.kill_hard()
        second = shop.start_advance("constrain")
        wait_until(lambda: "still under way" in second.stderr, timeout=30, what="the build is seen")
        writer.commit()
        assert second.wait().exit_code == 0
    assert state(shop) is True
    assert shop.database.fetch("SELECT to_regclass(%s)::oid", [INDEX]) == oid


def test_a_build_that_was_killed_in_the_server_is_begun_again(open_shop: OpenShop) -> None:
    shop = open_shop(INDEXED, at="backfill")
    with holding(shop.database, WRITE) as writer:
        runner = shop.start_advance("constrain")
        shop.database.execute("SELECT pg_terminate_backend(%s)", [await_build(shop, writer)])
        wait_until(lambda: "removing what is left" in runner.stderr, timeout=30, what="the invalid index is seen")
        writer.commit()
        assert runner.wait().exit_code == 0
    assert state(shop) is True


def test_an_index_left_invalid_by_a_killed_build_is_rebuilt(open_shop: OpenShop) -> None:
    shop = open_shop(INDEXED, at="backfill")
    with holding(shop.database, WRITE) as writer:
        runner = shop.start_advance("constrain")
        pid = await_build(shop, writer)
        runner.kill_hard()
        shop.database.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_until(lambda: not blocked_by(shop.database, writer.pid), what="the build is dead")
    assert state(shop) is False
    shop.finish("constrain")
    assert state(shop) is True


@pytest.mark.parametrize(
    "foreign",
    [
        f"CREATE INDEX {INDEX} ON users (city)",
        f"CREATE TABLE {INDEX} ()",
        f"CREATE UNIQUE INDEX {INDEX} ON users (id) WHERE id < 3",
    ],
)
def test_a_relation_of_somebody_else_with_our_name_is_left_alone(open_shop: OpenShop, foreign: LiteralString) -> None:
    shop = open_shop(INDEXED, at="backfill")
    with shop.database.connect() as connection:
        connection.execute(foreign)
    before = shop.database.dump()
    with pytest.raises(StepFailed, match=f'there is already a relation "public.{INDEX}", and it is not ours'):
        shop.finish("constrain")
    assert shop.database.dump() == before


CONSTRAINED: LiteralString = """
CREATE TABLE addresses (email text PRIMARY KEY);
INSERT INTO addresses SELECT 'user' || n || '@example.org' FROM generate_series(1, 10) n;
CREATE TABLE users (id int PRIMARY KEY, email text, city text);
INSERT INTO users SELECT n, 'user' || n || '@example.org' FROM generate_series(1, 10) n;
"""
UNIQUE: LiteralString = "ALTER TABLE users ADD UNIQUE (email)"
NOT_NULL: LiteralString = "ALTER TABLE users ALTER email SET NOT NULL"
CHECK: LiteralString = "ALTER TABLE users ADD CHECK (email LIKE '%@%')"
FOREIGN_KEY: LiteralString = "ALTER TABLE users ADD FOREIGN KEY (email) REFERENCES addresses"


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("constraint", "planted", "shown"),
    [
        (UNIQUE, "UPDATE users SET email_address = 'twice' WHERE id IN (3, 4)", "Key (email_address)=(twice)"),
        (NOT_NULL, "UPDATE users SET email_address = NULL WHERE id IN (3, 4)", "row id=3\n  row id=4"),
        (CHECK, "UPDATE users SET email_address = 'nowhere' WHERE id = 4", "row id=4"),
        (FOREIGN_KEY, "UPDATE users SET email_address = 'nobody@' WHERE id = 4", "Key (email_address)=(nobody@)"),
    ],
    ids=["unique", "not null", "check", "foreign key"],
)
def test_rows_that_break_a_constraint_are_named_and_can_be_mended(
    open_shop: OpenShop, constraint: LiteralString, planted: LiteralString, shown: str
) -> None:
    shop = open_shop(CONSTRAINED + constraint, at="backfill")
    shop.plant(planted)
    with pytest.raises(StepFailed) as failure:
        shop.finish("constrain")
    assert shown in failure.value.message
    assert failure.value.hint == "put these rows right, then: orchestrator advance rename-email"
    # an invalid unique index would refuse the application's writes
    assert shop.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    shop.execute(MEND)
    shop.finish("contract")
    assert shop.scalar("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == 0


def test_a_run_that_failed_in_constrain_can_be_undone(open_shop: OpenShop) -> None:
    shop = open_shop(CONSTRAINED + UNIQUE, at="backfill")
    shop.plant("UPDATE users SET email_address = 'twice' WHERE id IN (3, 4)")
    with pytest.raises(StepFailed):
        shop.finish("constrain")
    assert shop.run("abort").exit_code == 0
    assert "email_address" not in shop.database.dump()
