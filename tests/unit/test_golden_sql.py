"""The SQL of every phase, word for word: what a reviewer reads in golden/ is what runs.

`ORCHESTRATOR_WRITE_GOLDEN=1 pytest -n0 tests/unit/test_golden_sql.py` writes the files anew; read every line of the
difference before it is committed.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from phases import index_tree, key_tree
from phases.delta import Delta, Table
from phases.sql import catalog_sql, text
from phases.step import (
    AddForeignKeyTree,
    AwaitSnapshots,
    Batches,
    BuildIndex,
    BuildIndexTree,
    BuildLeafIndexes,
    DropIndex,
    DropIndexTree,
    DropLeafIndexes,
    Inspect,
    LockMode,
    Outside,
    Phase,
    Reindex,
    Statement,
    Step,
    Undo,
    Verify,
)
from phases.steps import STEPS
from phases.writes import write
from tests.unit.deltas import hostile, partitioned, plain, relabelled, retyped, whole, with_partitions

GOLDEN = Path(__file__).parent / "golden"
DELTAS = {
    "plain": plain,
    "hostile": hostile,
    "whole": whole,
    "retyped": retyped,
    "relabelled": relabelled,
    "partitioned": partitioned,
    "with_partitions": with_partitions,
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("case", DELTAS)
def test_each_phase_renders_the_reviewed_sql(case: str, phase: Phase) -> None:
    path = GOLDEN / f"{case}_{phase}.sql"
    rendered = "\n".join(line for step in STEPS[phase](DELTAS[case]()) for line in shown(step))
    if os.environ.get("ORCHESTRATOR_WRITE_GOLDEN"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")


def shown(step: Step | Undo) -> Iterator[str]:
    """A step as the golden files have it: title, lock class, locks, statements, then its undo."""
    yield f"-- {step.title}"
    locks = ", ".join(map(str, step.locks))
    yield f"-- {step.lock_class}: {locks or 'no lock'}"
    match step:
        case Statement():
            yield from (f"{statement};" for statement in step.sql)
            if step.violations:
                yield f"-- broken by: {step.violations};"
            if step.leaves:
                yield f"-- no undo: {step.leaves}"
        case BuildIndex():
            yield f"{step.sql};"
            yield from (f"{statement};" for statement in step.after)
            yield f"-- if it breaks off: {step.drop_sql};"
            if step.tablespace:
                yield f"-- in tablespace {step.tablespace}"
        case BuildIndexTree():
            leaf, root = Table("other", "leaf"), Table(step.schema, step.name)
            yield from (f"{statement};" for statement in index_tree.on_table(step).sql)
            for each in (
                index_tree.on_partitioned(step, Table("other", "part"), root),
                index_tree.attach_leaf(step, leaf, root),
            ):
                yield from (f"-- {each.title}: {statement};" for statement in each.sql)
            yield from (f"--   {line}" for line in shown(index_tree.on_leaf(step, leaf)))
            yield from (f"{statement};" for statement in step.after)
        case AddForeignKeyTree():
            yield from (f"{line}" for line in key_tree.script(step))
        case BuildLeafIndexes():
            yield from shown(index_tree.of_leaf(step, Table("other", "leaf"), 17))
        case DropLeafIndexes():
            yield f"{index_tree.drop_leaf(step, Table('other', 'index')).sql};"
        case DropIndexTree():
            yield f"{index_tree.drop_root(step, '-- all locks').sql[1]};"
        case DropIndex() | Outside() | Reindex():
            yield f"{step.sql};"
        case Inspect():
            yield f"{step.sql}; -- must find no row"
        case AwaitSnapshots():
            yield f"-- guarded by {step.guard}"
        case Batches():
            statement = write(step, table=catalog_sql(step.table), rows=catalog_sql(step.differs))
            yield f"{text(statement)}; -- guarded by {step.guard}"
        case Verify():
            yield f"SELECT {step.keys} FROM {step.table} AS new WHERE {step.differs}; -- guarded by {step.guard}"
            yield f"-- rows named by {', '.join(step.key_names)}; {'repaired' if step.repair else 'not repaired'}"
    for undo in step.undo:
        yield "-- undo:"
        yield from (f"--   {line}" for line in "\n".join(shown(undo)).splitlines() if line)
    yield ""


def all_steps(delta: Delta) -> list[Step]:
    return [step for phase in Phase for step in STEPS[phase](delta)]


def hostile_steps() -> list[Step]:
    return [*all_steps(hostile()), *all_steps(whole())]


@pytest.mark.parametrize("case", DELTAS)
def test_a_step_that_stops_writers_is_short_and_all_others_are_long(case: str) -> None:
    for step in all_steps(DELTAS[case]()):
        modes = {LockMode.ACCESS_EXCLUSIVE, LockMode.SHARE_ROW_EXCLUSIVE, LockMode.SHARE}
        stops = {lock.mode for lock in step.locks} & modes
        assert step.lock_class == ("short exclusive" if stops else "long, harmless"), step.title


def test_a_scan_never_shares_a_step_with_a_lock_that_stops_writers() -> None:
    for step in hostile_steps():
        # the indexes of a table that nobody sees yet
        new = isinstance(step, Statement) and step.sql[0].startswith("CREATE TABLE")
        if step.lock_class == "short exclusive" and isinstance(step, Statement) and not new:
            assert not any("VALIDATE" in sql or "CREATE INDEX" in sql or "ANALYZE" in sql for sql in step.sql)


def test_all_that_is_made_before_contract_can_be_undone() -> None:
    deltas = (hostile(), whole())
    before = [phase for phase in Phase if phase is not Phase.CONTRACT]
    makes = [step for delta in deltas for phase in before for step in STEPS[phase](delta) if creates(step)]
    assert makes
    assert [step.title for step in makes if not step.undo and not leaves(step)] == []


def leaves(step: Step) -> bool:
    return isinstance(step, Statement) and step.leaves != ""


def creates(step: Step) -> bool:
    return isinstance(step, BuildIndex) or (
        isinstance(step, Statement)
        and any(word in sql for sql in step.sql for word in ("CREATE ", " ADD ", " SET NOT NULL"))
    )


def test_every_undo_may_run_twice() -> None:
    for step in hostile_steps():
        for undo in step.undo:
            if isinstance(undo, Inspect | DropIndexTree | BuildLeafIndexes | DropLeafIndexes):
                continue  # it only looks; or looks before each statement
            statements = undo.sql if isinstance(undo, Statement) else (undo.sql,)
            # DROP NOT NULL, VALIDATE and SET NOT NULL do not mind that it is so already
            repeatable = ("IF EXISTS", "DROP NOT NULL", "SET NOT NULL", "VALIDATE CONSTRAINT", " DEFAULT", "COMMENT ON")
            harmless = ("LOCK TABLE", "SELECT pg_catalog.setval")
            if undo is step.undo[-1]:
                # it only looks, where what is looked at is there: that is noted in the transaction in which it goes
                statements = tuple(each for each in statements if not each.startswith("DO "))
            # what is added was taken away just before
            added = [each for each in statements if " ADD CONSTRAINT " in each]
            left = [each for each in statements if each not in added and not each.startswith(harmless)]
            assert all(any(word in each for word in repeatable) for each in left), undo.title
            assert not added or statements.index(added[0]) == 1, undo.title


def test_of_a_swap_only_the_exchange_itself_may_not_be_undone_twice() -> None:
    """It is noted in its own transaction."""
    for step in all_steps(retyped()):
        for undo in step.undo:
            assert not isinstance(undo, DropIndexTree | BuildLeafIndexes | DropLeafIndexes)
            statements = undo.sql if isinstance(undo, Statement) else (undo.sql,)
            assert undo is step.undo[-1] or "RENAME" not in "".join(statements), undo.title


def test_contract_validates_before_it_destroys() -> None:
    steps = list(STEPS[Phase.CONTRACT](hostile()))
    looks = [isinstance(step, Verify) or (isinstance(step, Statement) and step.marks != "") for step in steps]
    assert looks == sorted(looks, reverse=True)
    # of the trigger on the table itself, and of those between two tables, whose work is counted from then on
    assert sum(looks) == 3


def test_nothing_is_dropped_with_cascade() -> None:
    assert not any(line for step in hostile_steps() for line in shown(step) if "CASCADE" in line and "DROP" in line)
