"""The statement that copies rows into another table: right whatever happens to the row at that moment."""

from threading import Thread
from typing import LiteralString

import pytest
from psycopg.sql import SQL

from phases.step import Batches, Insertion
from phases.writes import write
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import blocked_by, holding, wait_until

TABLES: LiteralString = """
CREATE TABLE source (id int PRIMARY KEY, v text);
CREATE TABLE target (id int PRIMARY KEY, v text);
INSERT INTO source VALUES (1, 'one'), (2, 'two');
"""
LACKS = "(SELECT other.v IS NOT DISTINCT FROM new.v FROM target AS other WHERE other.id = new.id) IS NOT TRUE"


def copy(*, replaces: bool = False, holds: bool = False, unlocked: bool = False) -> SQL:
    step = Batches(
        title="copy",
        table="source",
        insertion=Insertion(
            table="target", columns=("id", "v"), values=("new.id", "new.v"), key=("id",), replaces=replaces, holds=holds
        ),
        differs=LACKS,
        guard="",
        locks=(),
    )
    return SQL(write(step, table=SQL("source"), rows=SQL(LACKS), unlocked=unlocked).as_string(None))


@pytest.fixture
def two_tables(create_database: CreateDatabase) -> Database:
    database = create_database()
    database.execute(SQL(TABLES))
    return database


def target(database: Database) -> list[tuple[object, ...]]:
    return [tuple(row) for row in database.fetch("SELECT id, v FROM target ORDER BY id")]


def copied_behind(database: Database, statements: LiteralString, **options: bool) -> list[tuple[object, ...]]:
    """The target, after a copy that had to wait for somebody's transaction."""
    with holding(database, statements) as writer:
        thread = Thread(target=database.execute, args=(copy(**options),))
        thread.start()
        wait_until(lambda: blocked_by(database, writer.pid), what="the copy waits")
        writer.commit()
        thread.join()
    return target(database)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("writes", "options", "expected"),
    [
        ("DELETE FROM source WHERE id = 1", {}, [(2, "two")]),
        # the trigger of whoever updates was quicker
        (
            "UPDATE source SET v = 'new' WHERE id = 1; INSERT INTO target VALUES (1, 'new')",
            {},
            [(1, "new"), (2, "two")],
        ),
        ("UPDATE source SET id = 3 WHERE id = 1", {}, [(2, "two"), (3, "one")]),
        # a repair waits for every update, whose value it would undo
        (
            "INSERT INTO target VALUES (1, 'x'); UPDATE source SET v = 'new' WHERE id = 1; UPDATE target SET v = 'new'",
            {"replaces": True},
            [(1, "new"), (2, "two")],
        ),
    ],
)
def test_a_copy_gives_way_to_who_writes_the_row(
    two_tables: Database, writes: LiteralString, options: dict[str, bool], expected: list[tuple[object, ...]]
) -> None:
    assert copied_behind(two_tables, writes, **options) == expected


@pytest.mark.parametrize(
    ("statement", "holds", "expected"),
    [
        ("DELETE FROM source WHERE id = 1; DELETE FROM target WHERE id = 1", False, [(2, "two")]),
        (
            "UPDATE source SET v = 'x' WHERE id = 1; UPDATE target SET v = 'x' WHERE id = 1",
            True,
            [(1, "x"), (2, "two")],
        ),
    ],
)
def test_who_deletes_the_row_or_if_need_be_updates_it_waits_for_the_copy_and_finds_it(
    two_tables: Database, statement: LiteralString, holds: bool, expected: list[tuple[object, ...]]
) -> None:
    with holding(two_tables, copy(holds=holds)) as copier:
        thread = Thread(target=two_tables.execute, args=(statement,))
        thread.start()
        wait_until(lambda: blocked_by(two_tables, copier.pid), what="the statement waits")
        copier.commit()
        thread.join()
    assert target(two_tables) == expected


@pytest.mark.parametrize(("replaces", "locked"), [(False, "DELETE FROM source"), (True, "UPDATE source SET v = 'x'")])
def test_locked_rows_can_be_passed_over(two_tables: Database, replaces: bool, locked: LiteralString) -> None:
    with holding(two_tables, SQL("{} WHERE id = 1").format(SQL(locked))):
        two_tables.execute(copy(replaces=replaces, unlocked=True))
    assert target(two_tables) == [(2, "two")]


def test_a_repair_sets_right_what_differs_and_touches_nothing_else(two_tables: Database) -> None:
    two_tables.execute("INSERT INTO target VALUES (1, 'wrong'), (2, 'two')")
    [(before,)] = two_tables.fetch("SELECT ctid FROM target WHERE id = 2")
    two_tables.execute(copy(replaces=True))
    assert target(two_tables) == [(1, "one"), (2, "two")]
    assert two_tables.fetch("SELECT ctid FROM target WHERE id = 2") == [(before,)]


def test_each_row_is_looked_up_by_its_key(two_tables: Database) -> None:
    """A join would read all of the target for every batch."""
    two_tables.execute("INSERT INTO source SELECT n, n FROM generate_series(3, 5000) n; ANALYZE source")
    for _ in range(2):
        plan = "\n".join(row[0] for row in two_tables.fetch(SQL("EXPLAIN {}").format(copy())))
        assert "target_pkey on target other" in plan
        two_tables.execute(copy())
