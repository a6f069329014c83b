"""The whole life of a change, from files alone: examples/<kind>/ and tests/scenarios/cases/<case>/.

Forward to constrain, back, forward again to the end, under the traffic of two application versions. A folder holds
schema.sql, plan.yaml, expected.sql and workload.yaml; a new kind of change adds its folder, and no code here.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest
from psycopg.sql import SQL, Identifier

from orchestrator.changes import Change
from orchestrator.plan import Plan, split_table
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.ledger import Ledger
from tests.fixtures.locks import Holder, blocked_by, holding, may_block_others
from tests.fixtures.processes import Orchestrator
from tests.fixtures.runs import init
from tests.fixtures.waiting import wait_until
from tests.fixtures.writers import Traffic, Workload
from tests.scenarios.folders import FOLDERS, filed, sql

# small steps: traffic shall meet them
UNHURRIED = {"target_batch_ms": 10, "pause_between_batches_ms": 20}
LOCK_TIMEOUT_MS, LOCK_HOLD_MS = 200, 2000
BOUND_S = (LOCK_TIMEOUT_MS + LOCK_HOLD_MS) / 1000
YES, NO = 0, 3
# what a transaction of the application must hold to be in the way of a phase's first lock
LOCKS = {
    Phase.EXPAND: SQL("LOCK TABLE {} IN ACCESS SHARE MODE"),
    Phase.DUAL_WRITE: SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE"),
    Phase.BACKFILL: SQL("SELECT 1"),
    Phase.CONSTRAIN: SQL("LOCK TABLE {} IN ACCESS SHARE MODE"),
    Phase.CONTRACT: SQL("LOCK TABLE {} IN ACCESS SHARE MODE"),
}


@dataclass(frozen=True)
class Scenario:
    """A plan on its database, moved by the command line."""

    plan: Plan
    workload: Workload
    database: Database
    orchestrator: Orchestrator

    def run(self, *args: str) -> None:
        assert self.exit_code(*args) == YES

    def exit_code(self, *args: str) -> int:
        bounds = ("--lock-timeout-ms", str(LOCK_TIMEOUT_MS), "--lock-hold-ms", str(LOCK_HOLD_MS))
        result = self.orchestrator(*bounds, *args, database=self.database)
        assert result.exit_code in (YES, NO), result
        return result.exit_code

    def may_go_out(self) -> bool:
        """What the deploy pipeline of the new version asks."""
        return self.exit_code("check", "--deploy", str(self.plan.release)) == YES

    def may_come_back(self) -> bool:
        return self.exit_code("check", self.plan.name, "--code", "old") == YES

    def removes(self) -> bool:
        """Whether contract takes anything away from the old version."""
        result = self.orchestrator("status", self.plan.name, "--json", database=self.database)
        return bool(json.loads(result.stdout)["removes"])

    @contextmanager
    def obstructed(self, phase: Phase) -> Iterator[None]:
        """An open transaction stands in the way of the phase, until a step has given way to it once."""
        first = self.plan.changes[0]
        table = split_table(self.workload.in_the_way or (first.table if isinstance(first, Change) else ""))
        name = Identifier(table.schema, table.name) if table.schema else Identifier(table.name)
        ended = Event()
        with holding(self.database, LOCKS[phase].format(name), application_name="report") as holder:
            thread = Thread(target=_step_aside, args=(self.database, holder, ended))
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join()


def _step_aside(database: Database, holder: Holder, ended: Event) -> None:
    with database.connect() as observer:
        wait_until(lambda: ended.is_set() or blocked_by(observer, holder.pid), timeout=60, what="a step waits")
        with suppress(AssertionError):  # a step that does not lets the application wait, which the writers notice
            wait_until(lambda: not may_block_others(observer, holder.pid), timeout=BOUND_S + 1, what="it gives way")
    holder.rollback()


@pytest.mark.matrix
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_statement_fails_and_no_value_is_lost_from_plan_to_contract(
    folder: Path, create_database: CreateDatabase, orchestrator_here: Orchestrator, tmp_path: Path, rng: Random
) -> None:
    database, expected = create_database(init), create_database()
    database.execute(sql(folder / "schema.sql"))
    expected.execute(sql(folder / "expected.sql"))
    before = _left_by_an_abort(folder, create_database) or database.dump()
    workload = Workload.load(folder / "workload.yaml")
    ledger = Ledger(workload.old.read(database))
    scenario = Scenario(filed(folder, tmp_path / "plans", UNHURRIED), workload, database, orchestrator_here)
    name = scenario.plan.name

    with Traffic(database, workload, ledger, rng) as traffic:
        traffic.start("old")
        traffic.flow()
        for phase in (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.CONSTRAIN):
            assert not scenario.may_go_out()
            with scenario.obstructed(phase):
                scenario.run("advance", name, "--to", phase)
        assert scenario.may_go_out()
        traffic.start("new")
        traffic.flow()
        traffic.stop("new")
        traffic.stop("old")
        assert workload.new.read(database) == workload.old.read(database) == ledger.rows
        traffic.start("old")
        with scenario.obstructed(Phase.CONTRACT):
            scenario.run("abort", name, "--confirm-loss")
        traffic.flow()
        assert database.dump() == before

        scenario.run("advance", name, "--to", "constrain")
        traffic.start("new")
        traffic.flow()
        assert scenario.may_come_back()
        traffic.stop("old")
        with scenario.obstructed(Phase.CONTRACT):
            scenario.run("advance", name, "--confirm-contract")
        traffic.flow()
        traffic.stop("new")
        assert scenario.may_come_back() == (not scenario.removes())
        assert database.dump() == expected.dump()
        assert workload.new.read(database) == ledger.rows
        assert traffic.slowest_s <= BOUND_S, f"{traffic.slowest} took {traffic.slowest_s:.1f} s"


def _left_by_an_abort(folder: Path, create_database: CreateDatabase) -> str | None:
    """What PostgreSQL cannot take back stands in a file of its own, for everybody to read."""
    path = folder / "aborted.sql"
    if not path.exists():
        return None
    database = create_database()
    database.execute(sql(path))
    return database.dump()
