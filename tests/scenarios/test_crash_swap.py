"""A runner dies around the swap of two columns, or around the swap back: each happens once, or not at all."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.facts import Facts, Rows, facts, rows
from tests.fixtures.faults import mortal
from tests.fixtures.runs import Migration, context_of, init

SCHEMA = """
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);
CREATE TABLE invitations (by_id int CONSTRAINT invited_by REFERENCES users);
INSERT INTO users (email) SELECT 'user' || n FROM generate_series(1, 300) n;
INSERT INTO invitations SELECT id FROM users LIMIT 100
"""
PLAN = "{name: sweep, changes: [{kind: change_type, table: users, column: id, type: bigint}]}"
SAMPLES = 3


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(PLAN)
    return tmp_path


def migrated(database: Database, plans: Path, to: Phase | None) -> None:
    init(database)
    database.execute(SCHEMA)
    if to:
        Migration.of(PLAN, database, plans).advance(to=to)


def outcome(database: Database) -> tuple[str, Facts, Rows]:
    return database.dump(), facts(database), rows(database)


def around_the_swap(database: Database, work: Callable[[], object]) -> list[int]:
    """The boundaries before, at and after it."""
    with mortal(database) as life:
        work()
    renames = [number for number, sql in enumerate(life.boundaries.statements, 1) if "RENAME COLUMN" in sql]
    assert renames
    return [renames[0] - 1, *renames, renames[-1] + 1]


def after_a_crash(database: Database, at: int, work: Callable[[], object]) -> tuple[str, Facts, Rows]:
    """What there is when a runner has died at a boundary, and the next one has done the rest."""
    with mortal(database, at) as life:
        work()
    assert life.ended
    work()
    return outcome(database)


def test_a_swap_in_which_a_runner_dies_happens_once(create_database: CreateDatabase, plans: Path, rng: Random) -> None:
    prepared = partial(migrated, plans=plans, to=Phase.BACKFILL)

    def to_constrain(database: Database) -> Callable[[], object]:
        return partial(Migration(context_of(database, plans), "sweep").advance, to=Phase.CONSTRAIN)

    undisturbed = create_database(prepared)
    boundaries = around_the_swap(undisturbed, to_constrain(undisturbed))
    for at in rng.sample(boundaries, SAMPLES):
        database = create_database(prepared)
        assert after_a_crash(database, at, to_constrain(database)) == outcome(undisturbed), f"at {at}"


def test_a_swap_back_in_which_a_runner_dies_happens_once(
    create_database: CreateDatabase, plans: Path, rng: Random
) -> None:
    before = create_database(partial(migrated, plans=plans, to=None))
    prepared = partial(migrated, plans=plans, to=Phase.CONSTRAIN)

    def abort(database: Database) -> Callable[[], object]:
        return Migration(context_of(database, plans), "sweep").abort

    undisturbed = create_database(prepared)
    for at in rng.sample(around_the_swap(undisturbed, abort(undisturbed)), SAMPLES):
        database = create_database(prepared)
        assert after_a_crash(database, at, abort(database)) == outcome(before), f"at {at}"
