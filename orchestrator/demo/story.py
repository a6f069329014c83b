"""The story of the demo: from a populated table under traffic to contract, with a runner killed in the middle."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.sql import SQL

from orchestrator import database
from orchestrator.demo import users
from orchestrator.demo.application import Orders
from orchestrator.demo.commands import POLL_S, Command, Operator
from orchestrator.demo.interrupt import Interrupt
from orchestrator.demo.report import Backfill, Latency, Report, Traffic
from orchestrator.demo.screen import Figures, Glance, Screen
from orchestrator.demo.server import DemoFailed, Stage
from orchestrator.demo.traffic import EXAMPLES, Release
from orchestrator.errors import ExitCode
from orchestrator.journal import store
from orchestrator.journal.states import Status
from orchestrator.journal.store import Progress, Run
from orchestrator.settings import Settings

NAME = "rename-email"
PLAN = """\
name: rename-email
release: "2.4"                # the first release that uses the new column
changes:
  - kind: rename_column
    table: users
    from: email
    to: email_address
"""
CONNECTIONS = 4
REQUESTS_PER_S = 50.0
"""A connection: both releases together keep a core about a quarter busy, so that what they wait for is no queue."""
WATCH_S = 4.0
"""How long traffic is watched where nothing else happens: some hundred requests, enough for a p99."""
LOOK_S = 0.1
KILL_AT = 0.3
FEW_ROWS = 100_000
"""A backfill of fewer rows would be over before it can be killed in its middle: its pace is slowed down."""
SLOW_MS = 300
OLDER = SQL("SELECT count(*) FROM users WHERE email_address IS NULL")
RUNNERS = """
SELECT count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND application_name = %(name)s
"""


class Story:
    """Told once; leaves no process behind."""

    def __init__(self, stage: Stage, screen: Screen, interrupt: Interrupt, *, rows: int) -> None:
        self._stage = stage
        self._screen = screen
        self._interrupt = interrupt
        self._rows = rows
        self._operator = Operator(stage, screen, interrupt)
        engine = database.engine(stage.dsn, application_name="orchestrator demo")
        # no transaction of ours stays open beside the phases
        self._journal = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._looked = 0.0
        self._releases: list[Release] = []
        self._ledger: dict[int, str | None] = {}
        self._task = ""
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        self._screen.watch(self._glance)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for release in self._releases:
            release.kill()
        self._journal.close()

    def tell(self) -> Report:
        """From the empty database to the report."""
        began = time.monotonic()
        self._make_table()
        old = self._deploy("2.3", "email")
        self._watch("Everyday traffic for a moment, to know what is normal.")
        expanding = time.monotonic()
        self._plan()
        self._open()
        backfill = self._backfill()
        verified, differing = self._verify()
        self._constrain()
        new = self._deploy("2.4", "email_address")
        self._watch("Both releases are live, and each sees what the other writes.")
        self._contract(old)
        contracted = time.monotonic()
        self._watch("Release 2.4 goes on, with the new column alone.")
        self._stop(new)
        comparison = self._compare()
        samples = [sample for release in self._releases for sample in release.samples]
        return Report(
            rows=self._rows,
            server_version=self._stage.version,
            releases=tuple(_traffic(release) for release in self._releases),
            before=Latency.of([took for due, took in samples if due < expanding]),
            during=Latency.of([took for due, took in samples if expanding <= due < contracted]),
            after=Latency.of([took for due, took in samples if due >= contracted]),
            backfill=backfill,
            rows_verified=verified,
            rows_differing=differing,
            longest_lock_wait_ms=self._longest_lock_wait_ms(),
            lock_timeout_ms=Settings().lock_timeout_ms,
            values_compared=comparison.values,
            values_written=len(self._ledger),
            values_lost=comparison.lost,
            seconds=round(time.monotonic() - began, 1),
        )

    # the chapters

    def _make_table(self) -> None:
        self._screen.step(f'A table "users" of {self._rows:,} rows: unique email, an index, a check.')
        self._task = "filling the table"
        users.make(self._stage.dsn, rows=self._rows, check=self._interrupt.check)
        self._task = ""

    def _deploy(self, release: str, column: str) -> Release:
        self._screen.step(f'Release {release} goes live: {CONNECTIONS} connections read and write "{column}".')
        orders = Orders(
            dsn=self._stage.dsn,
            release=release,
            column=column,
            rows=self._rows,
            connections=CONNECTIONS,
            first_client=CONNECTIONS * len(self._releases),
            clients=CONNECTIONS * 2,
            requests_per_s=REQUESTS_PER_S,
        )
        started = Release(orders, self._stage.folder)
        self._releases.append(started)
        while started.running and not (started.samples or started.errors):
            self._interrupt.pause(POLL_S)
        if not started.running:
            started.stop()  # says why
        return started

    def _plan(self) -> None:
        self._screen.step("The orchestrator keeps its state in a schema of its own, beside the tables.")
        self._operator.run("init")
        self._screen.step(f"Release 2.4 will call the column email_address: plans/{NAME}.yaml")
        plans = self._stage.folder / "plans"
        plans.mkdir()
        (plans / f"{NAME}.yaml").write_text(PLAN, encoding="utf-8")
        for line in PLAN.splitlines():
            self._screen.output(line)
        self._screen.step("May release 2.4 go out now?")
        self._operator.run("check", "--deploy", "2.4", expect=ExitCode.GATE)

    def _open(self) -> None:
        self._screen.step("Phase 1, expand: the new column, empty.")
        self._advance()
        self._screen.step("Phase 2, dual_write: from here on a trigger keeps both columns equal.")
        self._advance()

    def _backfill(self) -> Backfill:
        [[older]] = self._fetch(OLDER)
        if self._rows < FEW_ROWS:
            self._screen.step("So few rows would be done in no time: slower, please.")
            self._operator.run("set", NAME, f"pause_between_batches_ms={SLOW_MS}")
        self._screen.step("Phase 3, backfill: the older rows, in batches. It is killed in the middle.")
        with self._operator.start("advance", NAME) as command:
            self._kill_in_the_middle(command)
            killed = self._settled()
        share = killed.rows / self._rows
        self._screen.output(
            f"{killed.rows:,} rows are committed, {share:.0%}; it worked from block {killed.next_block:,}"
        )
        self._screen.step("Nothing is lost, nothing stays locked.")
        self._operator.run("status", NAME)
        if self._rows < FEW_ROWS:
            self._operator.run("set", NAME, "pause_between_batches_ms=0")
        self._screen.step("The same command again goes on where the last committed batch ended.")
        resumed = time.monotonic()
        first_batch: list[float] = []

        def look() -> None:
            now = self._progress
            if not first_batch and now and now.position == killed.position and now.batches > killed.batches:
                first_batch.append(time.monotonic() - resumed)

        self._advance(look=look)
        done = self._batches()
        assert done is not None
        return Backfill(
            rows=done.rows,
            batches=done.batches,
            rows_per_s=round(done.rows / max(done.busy_ms / 1000, 0.001)),
            rows_older=older,
            killed_at=round(share, 4),
            killed_at_rows=killed.rows,
            # the cursor that the journal held when nobody was at work any more
            resumed_at_block=killed.next_block,
            first_batch_after_s=round(first_batch[0], 2) if first_batch else None,
        )

    def _kill_in_the_middle(self, command: Command) -> None:
        self._task = "backfill"
        while not (self._progress and self._progress.rows >= KILL_AT * self._rows):
            if not command.running:
                raise DemoFailed(f"the backfill ended before it could be killed:\n{command.text}")
            self._interrupt.pause(POLL_S)
            self._progress = self._batches()
        self._screen.command(f"kill -9 {command.process.pid}")
        command.kill()

    def _settled(self) -> Progress:
        """Where the killed runner came to, once the server has noticed that it is gone."""
        while database.scalar(self._journal, RUNNERS, {"name": f"orchestrator {NAME}"}):
            self._interrupt.pause(POLL_S)
        self._task = "killed"
        self._progress = self._batches()
        if self._progress is None or self._progress.finished_at is not None:
            raise DemoFailed("the backfill was over before it could be killed in its middle")
        return self._progress

    def _verify(self) -> tuple[int, int]:
        self._screen.step("Every row has been compared. Who wants to be sure asks once more.")
        [found] = json.loads(self._operator.run("verify", NAME, "--json"))
        self._screen.output(f"{found['rows']:,} rows compared, {found['differences']:,} differ")
        return found["rows"], found["differences"]

    def _constrain(self) -> None:
        self._screen.step("Phase 4, constrain: indexes, unique, check, NOT NULL; nobody is blocked.")
        self._advance()
        self._screen.step("And now?")
        self._operator.run("check", "--deploy", "2.4")

    def _contract(self, old: Release) -> None:
        self._stop(old)
        self._screen.step("Phase 5, contract: nobody uses the old column any more. It goes.")
        self._advance(confirm=True)
        self._screen.step("Release 2.3 cannot come back.")
        self._operator.run("check", "--deploy", "2.3", expect=ExitCode.GATE)

    def _stop(self, release: Release) -> None:
        self._screen.step(f"The last instance of release {release.name} is stopped.")
        self._ledger.update(release.stop())

    def _compare(self) -> users.Comparison:
        self._screen.step("Every value that the application committed is compared with the table.")
        self._task = "comparing"
        found = users.compare(
            self._stage.dsn,
            column="email_address",
            rows=self._rows,
            written=self._ledger,
            check=self._interrupt.check,
        )
        self._task = ""
        self._screen.output(f"{found.values:,} values, {found.lost:,} lost")
        return found

    # what the chapters share

    def _advance(self, *, confirm: bool = False, look: Callable[[], None] = lambda: None) -> None:
        since = time.monotonic()

        def look_at_all() -> None:
            self._look()
            look()

        with self._operator.start("advance", NAME, *(["--confirm-contract"] if confirm else [])) as command:
            self._operator.await_end(command, look=look_at_all)
        self._task, self._progress = "", None
        self._meanwhile(since)

    def _watch(self, sentence: str) -> None:
        """For as long as it takes to see something; less where the demo is a small one."""
        self._screen.step(sentence)
        since = time.monotonic()
        self._interrupt.pause(min(WATCH_S, 1 + self._rows / 50_000))
        self._meanwhile(since)

    def _meanwhile(self, since: float) -> None:
        for release in self._releases:
            if took := [took for due, took in list(release.samples) if due >= since]:
                errors = f"{len(release.errors):,} errors so far" if release.errors else "no error"
                self._screen.meanwhile(
                    f"meanwhile {release.name}: {len(took):,} statements, {errors}, slowest {max(took):.0f} ms"
                )

    def _glance(self) -> Glance:
        progress, fraction = self._progress, None
        if progress:
            fraction = min(1.0, progress.rows / self._rows) if progress.rows else progress.fraction
        return Glance(
            task=self._task,
            fraction=fraction,
            about=f"{progress.rows:,} rows" if progress and progress.rows else "",
            releases=[_figures(release) for release in self._releases],
        )

    # the journal

    def _look(self) -> None:
        """At what runs just now; seldom enough to be no load itself."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        run = store.find(self._journal, NAME)
        if run is None or run.status is not Status.RUNNING:
            self._task, self._progress = "", None
            return
        marks = store.progresses(self._journal, run.id)
        self._task = str(run.phase)
        self._progress = next((mark for mark in reversed(marks) if mark.finished_at is None), None)

    def _batches(self) -> Progress | None:
        run = self._run()
        [position] = [row.position for row in store.steps(self._journal, run.id) if row.op == "batches"]
        return store.progress(self._journal, run.id, position)

    def _fetch(self, sql: SQL) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._stage.dsn) as connection:
            return connection.execute(sql).fetchall()

    def _longest_lock_wait_ms(self) -> float:
        return max(row.lock_wait_ms for row in store.steps(self._journal, self._run().id))

    def _run(self) -> Run:
        run = store.find(self._journal, NAME)
        assert run is not None
        return run


def _traffic(release: Release) -> Traffic:
    return Traffic(
        release=release.name,
        column=release.column,
        statements=len(release.samples),
        errors=len(release.errors),
        examples=tuple(release.errors[:EXAMPLES]),
    )


def _figures(release: Release) -> Figures:
    latency = Latency.of(list(release.recent))
    return Figures(
        release=release.name,
        running=release.running,
        statements=len(release.samples),
        errors=len(release.errors),
        p99_ms=latency.p99_ms,
        max_ms=latency.max_ms,
    )
