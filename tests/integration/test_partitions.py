"""The engine takes the leaves of a partitioned table as it takes a table: each its windows, whatever comes and goes."""

from collections.abc import Callable
from typing import LiteralString

import pytest

from orchestrator.errors import OrchestratorError, StepFailed
from orchestrator.journal.store import Progress
from orchestrator.report import Reporter
from tests.fixtures.shops import PLAN, OpenShop, Shop

PARTITIONED: LiteralString = """
CREATE TABLE parts (id int, email text, filler char(3000) DEFAULT 'x') PARTITION BY RANGE (id);
ALTER TABLE parts ALTER filler SET STORAGE PLAIN;
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE "we""ird%1" PARTITION OF parts FOR VALUES FROM (100) TO (200) PARTITION BY LIST (id);
CREATE TABLE "order" PARTITION OF "we""ird%1" DEFAULT;
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (200) TO (300);
INSERT INTO parts (id, email) SELECT n, 'user' || n FROM generate_series(0, 299) n;
"""
DIFFERENT = "SELECT count(*) FROM parts WHERE email IS DISTINCT FROM email_address"
ROWS = "SELECT sum(rows)::bigint FROM orchestrator.heap_window"


@pytest.fixture
def parts(open_shop: OpenShop) -> Shop:
    shop = open_shop(PARTITIONED, at="dual_write", plan=PLAN.replace("users", "parts"))
    shop.set_knobs(stripes=1)
    return shop


class Meddler(Reporter):
    """Does something once, after the first batch of a step."""

    def __init__(self, meddle: Callable[[], object], *, step: str = "fill") -> None:
        self._meddle, self._step, self._done = meddle, step, False
        self.notes: list[str] = []

    def progress(self, title: str, progress: Progress) -> None:
        if title.startswith(self._step) and not self._done:
            self._done = True
            self._meddle()

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.matrix
@pytest.mark.parametrize("workers", [1, 3])
def test_every_leaf_is_visited(parts: Shop, workers: int) -> None:
    parts.set_knobs(workers=workers)
    parts.finish("backfill")
    assert parts.scalar(DIFFERENT) == 0
    assert parts.scalar(ROWS) == 300
    assert parts.progress()["total_blocks"] == 150


@pytest.mark.matrix
def test_a_leaf_that_is_attached_meanwhile_brings_old_rows_that_are_found(parts: Shop) -> None:
    parts.execute("CREATE TABLE late (LIKE parts)")
    parts.execute("INSERT INTO late (id, email) SELECT n, 'late' FROM generate_series(300, 309) n")
    attach = "ALTER TABLE parts ATTACH PARTITION late FOR VALUES FROM (300) TO (400)"
    parts.finish("backfill", Meddler(lambda: parts.execute(attach)))
    assert parts.scalar(DIFFERENT) == 0
    assert parts.scalar(ROWS) == 310


def test_a_leaf_that_is_attached_during_the_verification_is_compared_too(parts: Shop) -> None:
    parts.execute("CREATE TABLE late (LIKE parts)")
    parts.execute("INSERT INTO late (id, email) SELECT n, 'late' FROM generate_series(300, 309) n")
    attach = "ALTER TABLE parts ATTACH PARTITION late FOR VALUES FROM (300) TO (400)"
    parts.finish("backfill", Meddler(lambda: parts.execute(attach), step="verify"))
    assert parts.scalar(DIFFERENT) == 0
    assert parts.progress("verify")["differences"] == 10


@pytest.mark.matrix
@pytest.mark.parametrize("what", ["ALTER TABLE parts DETACH PARTITION parts_3", "DROP TABLE parts_3"])
@pytest.mark.parametrize("step", ["fill", "verify"])
def test_a_leaf_that_goes_meanwhile_is_left_alone(parts: Shop, what: LiteralString, step: str) -> None:
    parts.finish("backfill", Meddler(lambda: parts.execute(what), step=step))
    assert parts.scalar(DIFFERENT) == 0
    gone = "SELECT count(*) FROM orchestrator.event WHERE message LIKE '%is no longer part of%'"
    assert parts.scalar(gone) >= 1


def test_a_leaf_that_is_renamed_meanwhile_is_visited_all_the_same(parts: Shop) -> None:
    parts.finish("backfill", Meddler(lambda: parts.execute('ALTER TABLE parts_3 RENAME TO "Parts 3"')))
    assert (parts.scalar(DIFFERENT), parts.scalar(ROWS)) == (0, 300)


def test_a_leaf_that_is_rewritten_is_started_over_and_no_other(parts: Shop) -> None:
    reporter = Meddler(lambda: parts.execute("VACUUM FULL parts_1"))
    parts.finish("backfill", reporter)
    assert reporter.notes in (
        [],
        ["public.parts_1 was rewritten by somebody: starting over, rows done stay done"],
    )
    assert (parts.scalar(DIFFERENT), parts.scalar(ROWS)) == (0, 300)


def test_a_leaf_that_is_renamed_in_the_middle_of_its_window_is_done_by_the_same_worker(parts: Shop) -> None:
    parts.set_knobs(max_rows_per_s=60)  # so that a window takes several batches

    def rename() -> None:
        parts.execute('ALTER TABLE parts_1 RENAME TO "Parts 1"')
        parts.set_knobs(max_rows_per_s=1_000_000)

    parts.finish("backfill", Meddler(rename))
    assert (parts.scalar(DIFFERENT), parts.scalar(ROWS)) == (0, 300)


def test_a_bad_row_of_a_leaf_that_is_renamed_is_still_bad(parts: Shop) -> None:
    parts.execute("ALTER TABLE parts_1 ADD CONSTRAINT tidy CHECK (id <> 7) NOT VALID")
    with pytest.raises(StepFailed, match="1 rows cannot be updated"):
        parts.finish("backfill")
    parts.execute('ALTER TABLE parts_1 RENAME TO "Parts 1"')
    with pytest.raises(StepFailed, match=r'1 rows cannot be updated:\n  public."Parts 1" row'):
        parts.finish("backfill")
    parts.execute('ALTER TABLE "Parts 1" DROP CONSTRAINT tidy')
    parts.finish("backfill")
    assert parts.scalar(DIFFERENT) == 0


INTERRUPTED: LiteralString = """
CREATE FUNCTION interrupt() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not now''; END';
CREATE TRIGGER interrupt BEFORE UPDATE ON orchestrator.step FOR EACH ROW
WHEN (NEW.op = 'verify' AND NEW.phase = 'backfill' AND NEW.status = 'done') EXECUTE FUNCTION interrupt()
"""


def test_a_leaf_that_is_attached_after_the_last_comparison_and_before_the_step_is_noted_is_compared(
    parts: Shop,
) -> None:
    parts.execute("CREATE TABLE late (LIKE parts)")
    parts.execute("INSERT INTO late (id, email) SELECT n, 'late' FROM generate_series(300, 309) n")
    parts.execute(INTERRUPTED)
    with pytest.raises(OrchestratorError, match="not now"):
        parts.finish("backfill")
    parts.execute("DROP TRIGGER interrupt ON orchestrator.step")
    parts.execute("ALTER TABLE parts ATTACH PARTITION late FOR VALUES FROM (300) TO (400)")
    parts.finish("backfill")
    assert parts.scalar(DIFFERENT) == 0
