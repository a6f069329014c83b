"""A runner that dies, in every kind and at any instant: the next one goes on, or takes it all back (invariants 3, 4).

Each session draws some folders, and the places to die. ORCHESTRATOR_TEST_SWEEP=all, with --timeout=0, takes every
folder and every boundary, which takes long: -k of a folder's name is a part of it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from random import Random

import pytest

from orchestrator.changes import Change
from orchestrator.errors import IllegalTransition, RunNotFound
from orchestrator.journal.states import Status
from orchestrator.plan import Plan
from orchestrator.table_names import split_table
from phases.step import Phase
from tests.fixtures.database import Administrator, CreateDatabase, Database
from tests.fixtures.facts import Rows, rows
from tests.fixtures.faults import lives, mortal
from tests.fixtures.ledger import Row
from tests.fixtures.runs import Migration, context_of, init
from tests.fixtures.writers import Workload
from tests.scenarios.folders import FOLDERS, filed, sql

ALL = os.environ.get("ORCHESTRATOR_TEST_SWEEP") == "all"
DRAWN = 1
ANYWHERE = 150
"""Most plans have fewer boundaries before contract; whoever does not die before the end has got there."""
WITH_PARTITIONS = """
SELECT c.relname FROM pg_class c JOIN pg_class root ON root.oid = COALESCE(pg_partition_root(c.oid), c.oid)
WHERE root.relname = ANY (%s)
"""
BACKFILL = {"target_batch_ms": 10}
exhaustive = pytest.mark.skipif(not ALL, reason="takes minutes a folder: ORCHESTRATOR_TEST_SWEEP=all")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    rng = Random(f"{metafunc.config.option.seed} {metafunc.function.__name__}")
    folders = FOLDERS if ALL else sorted(rng.sample(FOLDERS, DRAWN))
    metafunc.parametrize("folder", folders, ids=lambda folder: folder.name)


@dataclass(frozen=True)
class Rehearsal:
    """A folder's plan, on as many databases as it takes."""

    folder: Path
    plans: Path
    create_database: CreateDatabase
    administrator: Administrator

    @cached_property
    def start(self) -> Database:
        """Before the plan. Nobody changes it."""
        database = self.create_database(init)
        database.execute(sql(self.folder / "schema.sql"))
        return database

    @cached_property
    def constrained(self) -> Database:
        """With nothing left to be done but contract. Nobody changes it."""
        database = self.copy(self.start)
        self.on(database).advance(to=Phase.CONSTRAIN)
        return database

    @cached_property
    def plan(self) -> Plan:
        return filed(self.folder, self.plans, BACKFILL)

    @cached_property
    def workload(self) -> Workload:
        return Workload.load(self.folder / "workload.yaml")

    @cached_property
    def schemas_before(self) -> list[str]:
        """With what PostgreSQL cannot take back, and without it: there may have been nothing yet to be taken back."""
        aborted = self.folder / "aborted.sql"
        return [self.start.dump(), *([self._dump(aborted)] if aborted.exists() else [])]

    @cached_property
    def schema_after(self) -> str:
        return self._dump(self.folder / "expected.sql")

    def _dump(self, path: Path) -> str:
        database = self.create_database()
        database.execute(sql(path))
        return database.dump()

    @cached_property
    def rows_before(self) -> Rows:
        return rows(self.start)

    @cached_property
    def read_before(self) -> dict[str, Row]:
        return self.workload.old.read(self.start)

    def copy(self, database: Database) -> Database:
        return self.create_database(like=database)

    def throw_away(self, *databases: Database) -> None:
        """Before the test is over: there may be hundreds."""
        for database in databases:
            self.administrator.drop(database.name)

    def on(self, database: Database) -> Migration:
        return Migration(context_of(database, self.plans), self.plan.name)

    def require_done(self, database: Database, where: object) -> None:
        """As after a run that nobody disturbed."""
        assert database.dump() == self.schema_after, where
        assert self.workload.new.read(database) == self.read_before, where
        before, after = self.rows_before, rows(database)
        for table in before.keys() & after.keys():
            assert len(before[table]) == len(after[table]), f"{table}, {where}"

    def require_undone(self, database: Database, where: object) -> None:
        """As if there had been no run."""
        assert database.dump() in self.schemas_before, where
        assert self.workload.old.read(database) == self.read_before, where
        # a null that was filled stays filled
        fills = [each for each in self.plan.changes if isinstance(each, Change) and each.kind == "set_not_null"]
        named = [split_table(each.table).name for each in fills]
        filled = {table for (table,) in database.fetch(WITH_PARTITIONS, [named])}
        before, after = self.rows_before, rows(database)
        assert before.keys() == after.keys(), where
        for schema, table in before:
            if table not in filled:
                assert after[schema, table] == before[schema, table], f"{table}, {where}"


@pytest.fixture
def rehearsal(folder: Path, create_database: CreateDatabase, administrator: Administrator, tmp_path: Path) -> Rehearsal:
    return Rehearsal(folder, tmp_path / "plans", create_database, administrator)


def abort(migration: Migration) -> None:
    with suppress(RunNotFound):  # nothing had been written before the crash
        migration.abort(confirm_loss=True)


def test_a_run_whose_runners_die_one_after_another_ends_as_one_that_was_left_alone(
    rehearsal: Rehearsal, rng: Random
) -> None:
    database = rehearsal.copy(rehearsal.start)
    migration = rehearsal.on(database)
    deaths = lives(database, rng, partial(migration.advance, to=Phase.CONTRACT))
    rehearsal.require_done(database, deaths)


def test_a_run_whose_runner_has_died_can_be_undone_by_runners_that_die_too(rehearsal: Rehearsal, rng: Random) -> None:
    database = rehearsal.copy(rehearsal.start)
    migration = rehearsal.on(database)
    with mortal(database, rng.randint(1, ANYWHERE)) as life:
        migration.advance(to=Phase.CONSTRAIN)
    deaths = lives(database, rng, partial(abort, migration))
    rehearsal.require_undone(database, (life.boundaries.at, deaths))


@exhaustive
def test_from_every_instant_before_contract_there_is_a_way_on_and_a_way_back(rehearsal: Rehearsal) -> None:
    for where, database in crashes(rehearsal, rehearsal.start, partial(Migration.advance, to=Phase.CONSTRAIN)):
        other = rehearsal.copy(database)
        rehearsal.on(database).advance(to=Phase.CONTRACT)
        rehearsal.require_done(database, where)
        abort(rehearsal.on(other))
        rehearsal.require_undone(other, where)
        rehearsal.throw_away(database, other)


@exhaustive
def test_from_every_instant_of_contract_there_is_a_way_on_and_where_nothing_is_gone_a_way_back(
    rehearsal: Rehearsal,
) -> None:
    for where, database in crashes(rehearsal, rehearsal.constrained, partial(Migration.advance, to=Phase.CONTRACT)):
        other = rehearsal.copy(database)
        rehearsal.on(database).advance(to=Phase.CONTRACT)
        rehearsal.require_done(database, where)
        # once something is gone for good: that it can be finished has just been seen
        with suppress(IllegalTransition):
            assert rehearsal.on(other).abort(confirm_loss=True).status is Status.ABORTED
            rehearsal.require_undone(other, where)
        rehearsal.throw_away(database, other)


@exhaustive
def test_from_every_instant_of_an_abort_there_is_a_way_back(rehearsal: Rehearsal) -> None:
    for where, database in crashes(rehearsal, rehearsal.constrained, abort):
        abort(rehearsal.on(database))
        rehearsal.require_undone(database, where)
        rehearsal.throw_away(database)


def crashes(
    rehearsal: Rehearsal, start: Database, work: Callable[[Migration], object]
) -> Iterator[tuple[str, Database]]:
    """A database for each boundary of the work at which a runner can die, and where that is."""
    for at in count(1):
        database = rehearsal.copy(start)
        with mortal(database, at) as life:
            work(rehearsal.on(database))
        if not life.ended:
            print(f"{at - 1} boundaries")
            return
        yield f"crash at {at}", database
