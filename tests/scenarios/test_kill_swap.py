"""kill -9 around the swap of two columns, and around the swap back: each happens once, or not at all."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.processes import StartProcess
from tests.fixtures.runs import Migration, init
from tests.scenarios.test_kill_sweep import ABORT, Sweep, outcome

SCHEMA = """
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);
CREATE TABLE invitations (by_id int CONSTRAINT invited_by REFERENCES users);
INSERT INTO users (email) SELECT 'user' || n FROM generate_series(1, 300) n;
INSERT INTO invitations SELECT id FROM users LIMIT 100
"""
PLAN = "{name: sweep, changes: [{kind: change_type, table: users, column: id, type: bigint}]}"
ADVANCE = ("advance", "sweep", "--to", "constrain", "--quiet")
SAMPLES = 2
LAST = 6
"""Boundaries at the end of constrain among which the swap is."""
BACK = range(14, 19)
"""Those of an abort around the swap back: all of them are tried."""


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(PLAN)
    return tmp_path


def migrated(database: Database, plans: Path, to: Phase | None) -> None:
    init(database)
    database.execute(SCHEMA)
    if to:
        Migration.of(PLAN, database, plans).advance(to=to)


def to_constrain(migration: Migration) -> object:
    return migration.advance(to=Phase.CONSTRAIN)


def drawn(rng: Random, boundaries: Sequence[int]) -> list[int]:
    return rng.sample(boundaries, SAMPLES)


def test_a_swap_that_was_killed_happens_once(
    create_database: CreateDatabase, start_process: StartProcess, plans: Path, rng: Random
) -> None:
    def prepared(database: Database) -> None:
        migrated(database, plans, Phase.BACKFILL)

    sweep = Sweep(ADVANCE, prepared, to_constrain, create_database, start_process, plans)
    undisturbed, total = sweep.undisturbed()
    for at in drawn(rng, range(total - LAST + 1, total + 1)):
        assert outcome(sweep.killed(at)) == outcome(undisturbed), f"killed at boundary {at} of {total}"


def test_a_swap_back_that_was_killed_happens_once(
    create_database: CreateDatabase, start_process: StartProcess, plans: Path
) -> None:
    def prepared(database: Database) -> None:
        migrated(database, plans, Phase.CONSTRAIN)

    before = create_database(lambda database: migrated(database, plans, None))
    sweep = Sweep(ABORT, prepared, Migration.abort, create_database, start_process, plans)
    for at in BACK:
        assert outcome(sweep.killed(at)) == outcome(before), f"killed at boundary {at}"
