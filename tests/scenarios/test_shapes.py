"""What a column had, its successor has: every shape, compared with a twin in which PostgreSQL renamed the column."""

from pathlib import Path

import pytest
from psycopg.sql import SQL, Identifier

from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.facts import facts, rows
from tests.fixtures.runs import Migration, init
from tests.scenarios.shapes import SHAPES, Rename, Shape

RENAME_COLUMN = SQL("ALTER TABLE {table} RENAME COLUMN {column} TO {to}")
RENAME_CONSTRAINT = SQL("ALTER TABLE {table} RENAME CONSTRAINT {name} TO {new}")
NOT_NULL = "SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'n' AND conname = %s"


def make_twin(database: Database, shape: Shape) -> None:
    database.execute(SQL(shape.schema))
    for rename in shape.renames:
        table = Identifier(rename.schema, rename.table)
        database.execute(RENAME_COLUMN.format(table=table, column=Identifier(rename.column), to=Identifier(rename.to)))
        _rename_not_null(database, rename)
    database.execute(SQL(shape.twin))
    for write in (*shape.writes, *shape.after):
        database.execute(shape.new(write))


def _rename_not_null(database: Database, rename: Rename) -> None:
    """From 18 on NOT NULL is a constraint, and its name holds the column's."""
    table = Identifier(rename.schema, rename.table)
    old, new = (f"{rename.table}_{column}_not_null" for column in (rename.column, rename.to))
    if database.fetch(NOT_NULL, [table.as_string(), old]):
        database.execute(RENAME_CONSTRAINT.format(table=table, name=Identifier(old), new=Identifier(new)))


@pytest.mark.matrix
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_successor_has_what_the_column_had(shape: Shape, create_database: CreateDatabase, tmp_path: Path) -> None:
    database, twin = create_database(init), create_database()
    if database.server_version < shape.since * 10_000:
        pytest.skip(f"PostgreSQL {shape.since} brought it")
    make_twin(twin, shape)
    database.execute(SQL(shape.schema))
    migration = Migration.of(shape.plan, database, tmp_path)
    schema, data = database.dump(), rows(database)

    migration.advance(to=Phase.CONSTRAIN)
    migration.abort()
    assert database.dump() == schema
    assert rows(database) == data

    migration.advance(to=Phase.CONSTRAIN)
    for statement in shape.by_turns():
        database.execute(statement)
    migration.advance(to=Phase.CONTRACT)
    for write in shape.after:
        database.execute(shape.new(write))
    assert facts(database) == facts(twin)
    assert rows(database) == rows(twin)
