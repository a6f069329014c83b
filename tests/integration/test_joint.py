"""A key and the columns that refer to it change together, and at every moment a foreign key ties them."""

from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import yaml

from orchestrator.compiler import compile_plan
from orchestrator.errors import PlanRefused, StepFailed
from orchestrator.plan import parse
from orchestrator.planning import read_catalog
from orchestrator.program import Program
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.facts import facts, rows
from tests.fixtures.runs import Migration, context_of, init

SHOP: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY, number int NOT NULL CONSTRAINT numbered UNIQUE, main_order int);
CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL CONSTRAINT ordered_by REFERENCES users ON UPDATE CASCADE,
                     number int CONSTRAINT by_number REFERENCES users (number) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO users SELECT n, -n FROM generate_series(1, 60) n;
INSERT INTO orders SELECT n, n, -n FROM generate_series(1, 40) n;
"""
CIRCLE: LiteralString = "ALTER TABLE users ADD CONSTRAINT main FOREIGN KEY (main_order) REFERENCES orders;"
WRITES: LiteralString = """
UPDATE users SET id = 100 WHERE id = 1; UPDATE users SET number = -100 WHERE number = -2;
INSERT INTO users (id, number) VALUES (200, -200); INSERT INTO orders (id, user_id, number) VALUES (41, 200, -200);
UPDATE orders SET user_id = 200, number = NULL WHERE id = 3;
DELETE FROM users WHERE id = 50;
"""


def retyped(table: str, column: str, **also: Any) -> dict[str, Any]:
    return {"kind": "change_type", "table": table, "column": column, "type": "bigint", **also}


def renamed(table: str, column: str, to: str) -> dict[str, Any]:
    return {"kind": "rename_column", "table": table, "from": column, "to": to}


def written(*changes: dict[str, Any]) -> str:
    return yaml.safe_dump({"name": "joint", "changes": list(changes)})


BIGINT = (retyped("users", "id"), retyped("orders", "user_id"), retyped("users", "number"), retyped("orders", "number"))
NAMES = (
    renamed("users", "id", "uid"),
    renamed("orders", "user_id", "customer"),
    renamed("users", "number", "no"),
    renamed("orders", "number", "user_no"),
)
TO_BIGINT: LiteralString = """
ALTER TABLE users ALTER id TYPE bigint, ALTER number TYPE bigint;
ALTER TABLE orders ALTER user_id TYPE bigint, ALTER number TYPE bigint;
"""
TO_NAMES: LiteralString = """
ALTER TABLE users RENAME id TO uid; ALTER TABLE users RENAME number TO no;
ALTER TABLE orders RENAME user_id TO customer; ALTER TABLE orders RENAME number TO user_no;
"""


def shop(database: Database) -> None:
    init(database)
    database.execute(SHOP)


@pytest.mark.parametrize(
    ("plan", "phase"),
    [(BIGINT, Phase.BACKFILL), (BIGINT[::-1], Phase.CONSTRAIN), (NAMES, Phase.CONSTRAIN)],
    ids=["types, before the exchange", "types, in another order, after it", "names"],
)
def test_what_refers_and_what_is_referred_to_change_together(
    plan: tuple[dict[str, Any], ...], phase: Phase, create_database: CreateDatabase, tmp_path: Path
) -> None:
    database, twin = create_database(shop), create_database(shop)
    before = database.dump()
    migration = Migration.of(written(*plan), database, tmp_path)
    migration.advance(to=phase)
    for each in (database, twin):
        each.execute(WRITES)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("INSERT INTO orders (id, user_id) VALUES (99, 99)")
    migration.abort()
    assert (database.dump(), rows(database)) == (before, rows(twin))

    migration.advance(to=Phase.CONTRACT)
    twin.execute(TO_NAMES if plan is NAMES else TO_BIGINT)
    assert rows(database) == rows(twin)
    keys = {name: fact for (kind, name), fact in facts(database).items() if kind == "constraint"}
    expected = {name: fact for (kind, name), fact in facts(twin).items() if kind == "constraint"}
    assert {
        name.rpartition(".")[2]: each["definition"] for name, each in keys.items() if "REFERENCES" in str(each)
    } == {name.rpartition(".")[2]: each["definition"] for name, each in expected.items() if "REFERENCES" in str(each)}


def compiled(database: Database, *changes: dict[str, Any]) -> Program:
    plan = parse(written(*changes), "plan")
    return compile_plan(plan, read_catalog(context_of(database), plan))


@pytest.mark.parametrize("table", ["users", "orders"])
def test_keys_that_the_new_type_cannot_hold_stop_the_run_before_anything_is_made(
    create_database: CreateDatabase, tmp_path: Path, table: str
) -> None:
    """Once one end is exchanged, a write of the rounded key would find no such row behind the old foreign key."""
    database = create_database(init)
    database.execute(
        """
        CREATE TABLE users (id numeric PRIMARY KEY); INSERT INTO users VALUES (1.000), (2.4);
        CREATE TABLE orders (id int PRIMARY KEY, user_id numeric CONSTRAINT ordered_by REFERENCES users);
        INSERT INTO orders VALUES (1, 1.0), (2, NULL), (3, 2.4)
        """
    )
    before = database.dump()
    changes = tuple(retyped(*each, type="numeric(9)") for each in (("users", "id"), ("orders", "user_id")))
    first = changes if table == "users" else changes[::-1]
    migration = Migration.of(written(*first), database, tmp_path)
    with pytest.raises(StepFailed, match=r"look for keys that (user_)?id cannot hold: there are some\n  row id="):
        migration.advance(to=Phase.EXPAND)
    assert database.dump() == before
    database.execute("DELETE FROM orders WHERE id = 3; DELETE FROM users WHERE id = 2.4")
    migration.advance(to=Phase.BACKFILL)
    database.execute("INSERT INTO users VALUES (3.5)")
    with pytest.raises(StepFailed, match="look for keys that id cannot hold"):
        migration.advance(to=Phase.CONSTRAIN)
    database.execute("DELETE FROM users WHERE id = 3.5")
    migration.advance(to=Phase.CONTRACT)
    assert database.fetch("SELECT user_id FROM orders ORDER BY id") == [(1,), (None,)]


def test_foreign_keys_go_by_themselves_before_their_columns(database: Database) -> None:
    """With a column its foreign key would go under locks that nobody expects."""
    shop(database)
    titles = [placed.step.title for placed in compiled(database, *NAMES).of(Phase.CONTRACT)]
    keys = [titles.index(f"drop constraint {name}") for name in ("ordered_by", "by_number")]
    assert max(keys) < titles.index("drop user_id, number, the trigger")


@pytest.mark.parametrize(
    "changes",
    [
        (retyped("users", "id"), retyped("orders", "user_id", up="user_id + 0", down="user_id::int")),
        (retyped("users", "id"), retyped("orders", "user_id", to="customer"), renamed("orders", "id", "key")),
        (retyped("users", "id"), renamed("orders", "user_id", "customer")),
        (retyped("users", "id", type="numeric"), retyped("orders", "user_id")),
    ],
)
def test_ends_that_do_not_change_in_the_same_way_want_two_plans(database: Database, changes: Any) -> None:
    shop(database)
    with pytest.raises(PlanRefused, match="one after the other: first of"):
        compiled(database, *changes)


def test_the_two_plans_work_one_after_the_other(create_database: CreateDatabase, tmp_path: Path) -> None:
    database = create_database(shop)
    for name, change in (("first", BIGINT[1]), ("second", BIGINT[0])):
        plan = yaml.safe_dump({"name": name, "changes": [change]})
        Migration.of(plan, database, tmp_path).advance(to=Phase.CONTRACT)
        database.execute("UPDATE users SET id = id + 1000 WHERE id < 1000 AND id % 2 = 0")
    assert database.fetch("SELECT count(*) FROM orders JOIN users ON users.id = user_id") == [(40,)]


def test_keys_that_tie_tables_in_a_circle_want_two_plans(database: Database) -> None:
    shop(database)
    database.execute(CIRCLE)
    with pytest.raises(PlanRefused, match="in a circle"):
        compiled(database, *BIGINT[:2], retyped("orders", "id"), retyped("users", "main_order"))
