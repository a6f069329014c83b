"""kill -9 at any instant, then the same command again: as if nothing had happened (invariant 3).

Every boundary between a statement, its COMMIT and the journal is a place to die. test_crash_sweep.py tries all kinds,
with deaths that are had cheaply; here processes are killed in earnest. Each session draws a few boundaries;
ORCHESTRATOR_TEST_SWEEP=all, with --timeout=0, tries every one, which takes four minutes.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from orchestrator.journal.store import Run
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.facts import Facts, Rows, facts, rows
from tests.fixtures.processes import Result, StartProcess
from tests.fixtures.runs import Migration, context_of, init
from tests.fixtures.waiting import wait_until

SCHEMA = """
CREATE TABLE users (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL DEFAULT 'nobody' UNIQUE, city text,
    CONSTRAINT plausible CHECK (email <> '')
) WITH (fillfactor = 40);
CREATE INDEX by_address ON users (lower(email)) WHERE city IS NOT NULL;
CREATE STATISTICS users_email_stat ON email, city FROM users;
CREATE TABLE invitations (sent_by text CONSTRAINT invited_by REFERENCES users (email) ON UPDATE CASCADE);
COMMENT ON INDEX by_address IS 'any case';
INSERT INTO users (email, city) SELECT 'user' || n || '@example.com', repeat('x', 300) FROM generate_series(1, 2000) n;
INSERT INTO invitations SELECT email FROM users LIMIT 100
"""
PLAN = "{name: sweep, changes: [{kind: rename_column, table: users, from: email, to: email_address}]}"
ADVANCE = ("advance", "sweep", "--to", "contract", "--confirm-contract", "--quiet")
ABORT = ("abort", "sweep", "--quiet")
PARTS = 2
"""Tests that share the boundaries of a command: they can run at the same time."""
ADVANCE_SAMPLES, ABORT_SAMPLES = 2, 1
CHECKOUT = Path(__file__).parents[2]
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
COUNTED = """
SELECT sum(w.rows)::bigint FROM orchestrator.heap_window w JOIN orchestrator.step s USING (run_id, position)
WHERE s.op = 'batches'
"""


def populated(database: Database) -> None:
    init(database)
    database.execute(SCHEMA)


def constrained(database: Database) -> None:
    populated(database)
    with TemporaryDirectory() as plans:
        Migration.of(PLAN, database, Path(plans)).advance(to=Phase.CONSTRAIN)


def to_the_end(migration: Migration) -> Run:
    return migration.advance(to=Phase.CONTRACT)


def outcome(database: Database) -> tuple[str, Facts, Rows]:
    return database.dump(), facts(database), rows(database)


def boundaries(rng: Random, total: int, part: int, samples: int) -> Sequence[int]:
    """A part of all boundaries, or of some that are drawn from all over the run."""
    if os.environ.get("ORCHESTRATOR_TEST_SWEEP") == "all":
        return range(part + 1, total + 1, PARTS)
    edges = [total * number // samples for number in range(samples + 1)]
    return [rng.randrange(edges[number], edges[number + 1]) + 1 for number in range(part, samples, PARTS)]


@dataclass(frozen=True)
class Sweep:
    """A command that can be killed at any of its boundaries, each time on a database of its own."""

    command: Sequence[str]
    prepare: Callable[[Database], None]
    again: Callable[[Migration], object]
    create_database: CreateDatabase
    start_process: StartProcess
    plans: Path

    def database(self) -> Database:
        return self.create_database(self.prepare)

    def run(self, database: Database, at: int | None = None) -> Result:
        """The command, killed at a boundary if one is given; returns once the server has noticed its end."""
        where = ("--at", str(at)) if at is not None else ()
        driver = (sys.executable, "-m", "tests.fixtures.faults", *where, "--", *self.command)
        env = {"ORCHESTRATOR_PLANS": str(self.plans)}
        result = self.start_process(*driver, database=database, env=env, cwd=CHECKOUT).wait()
        wait_until(lambda: database.fetch(OTHERS) == [(0,)], what="the server has noticed the end of the process")
        return result

    def undisturbed(self) -> tuple[Database, int]:
        """The database after a run that nobody killed, and the number of its boundaries."""
        database = self.database()
        result = self.run(database)
        assert result.exit_code == 0, result
        return database, int(result.stderr.split()[-1])

    def killed(self, at: int) -> Database:
        """The database after a run that was killed, and then run once more: in this process, which is quicker."""
        database = self.database()
        assert self.run(database, at).exit_code == -signal.SIGKILL
        self.again(Migration(context_of(database, self.plans), "sweep"))
        return database


@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    part: int, create_database: CreateDatabase, start_process: StartProcess, tmp_path: Path, rng: Random
) -> None:
    (tmp_path / "sweep.yaml").write_text(PLAN)
    sweep = Sweep(ADVANCE, populated, to_the_end, create_database, start_process, tmp_path)
    undisturbed, total = sweep.undisturbed()
    expected = outcome(undisturbed)
    for at in boundaries(rng, total, part, ADVANCE_SAMPLES):
        database = sweep.killed(at)
        assert outcome(database) == expected, f"killed at boundary {at} of {total}"
        assert database.fetch(COUNTED) == database.fetch("SELECT count(*) FROM users"), f"counted twice: {at}"


@pytest.mark.parametrize("part", range(PARTS))
def test_an_abort_that_was_killed_leaves_nothing_behind(
    part: int, create_database: CreateDatabase, start_process: StartProcess, tmp_path: Path, rng: Random
) -> None:
    before = create_database(populated)
    sweep = Sweep(ABORT, constrained, Migration.abort, create_database, start_process, tmp_path)
    undisturbed, total = sweep.undisturbed()
    assert outcome(undisturbed) == outcome(before)
    for at in boundaries(rng, total, part, ABORT_SAMPLES):
        assert outcome(sweep.killed(at)) == outcome(before), f"killed at boundary {at} of {total}"
