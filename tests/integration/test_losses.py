"""What newer code writes while an abort is under way is not lost, unless somebody has said that it may be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import LiteralString

import pytest
import yaml
from psycopg.sql import SQL, Identifier

from orchestrator.errors import GateClosed, StepFailed
from orchestrator.report import Reporter
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, CreateRole, Database
from tests.fixtures.faults import lives
from tests.fixtures.runs import Migration, init

SCHEMA: LiteralString = """
CREATE TABLE "o%r""d" (id int PRIMARY KEY, a text, n numeric(10, 2));
INSERT INTO "o%r""d" VALUES (1, 'x', 1), (2, 'y', 2)
"""
EMPTY = {"kind": "add_column", "column": "extra", "type": "json"}
COMPUTED = {"kind": "add_column", "column": "extra", "type": "text", "up": "upper(a)"}
WIDER = {"kind": "change_type", "column": "n", "type": "numeric(12, 4)"}
OBJECTS: LiteralString = """
SELECT name FROM (
  SELECT relname AS name FROM pg_class UNION SELECT proname FROM pg_proc UNION SELECT tgname FROM pg_trigger
) AS made WHERE name LIKE 'orchestrator_lost%'
"""


class Writing(Reporter):
    """Newer code that writes at the very moment in which something is about to happen; once."""

    def __init__(self, before: str, write: Callable[[], object]) -> None:
        self.before, self.write = before, write

    def step_started(self, title: str) -> None:
        if title.startswith(self.before):
            self.before = "never again"
            self.write()


@pytest.fixture
def database(create_database: CreateDatabase) -> Database:
    made = create_database(init)
    made.execute(SQL(SCHEMA))
    return made


def ready(database: Database, folder: Path, change: dict[str, str], reporter: Reporter) -> Migration:
    """A run that is ready for newer code."""
    plan = yaml.safe_dump({"name": "lossy", "changes": [change | {"table": 'o%r"d'}]})
    migration = Migration.of(plan, database, folder)
    migration.advance(Phase.CONSTRAIN)
    return replace(migration, context=replace(migration.context, reporter=reporter))


BEHIND: LiteralString = """
ALTER TABLE "o%r""d" DISABLE TRIGGER USER; UPDATE "o%r""d" SET extra = 'mine' WHERE id = 2;
ALTER TABLE "o%r""d" ENABLE TRIGGER USER
"""


def test_what_newer_code_has_written_under_the_new_name_alone_is_not_lost(database: Database, tmp_path: Path) -> None:
    migration = ready(database, tmp_path, {"kind": "rename_column", "from": "a", "to": "extra"}, Reporter())
    database.execute(SQL(BEHIND))
    with pytest.raises(GateClosed, match=r"1 values of .*\.extra"):
        migration.abort()
    migration.abort(confirm_loss=True)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "before", "write"),
    [
        (EMPTY, "watch", """UPDATE "o%r""d" SET extra = '{}' WHERE id = 1"""),
        (EMPTY, "drop column", """INSERT INTO "o%r""d" (id, extra) VALUES (3, '{}')"""),
        (COMPUTED, "drop trigger", """UPDATE "o%r""d" SET extra = 'mine' WHERE id = 2"""),
        (WIDER, "swap n back", """UPDATE "o%r""d" SET n = 1.2345 WHERE id = 2"""),
    ],
    ids=["between the first count and the watch", "an empty column", "a computed one", "a value too long to go back"],
)
def test_what_is_written_once_the_abort_has_begun_stops_it(
    database: Database, tmp_path: Path, change: dict[str, str], before: str, write: LiteralString
) -> None:
    reporter = Writing(before, lambda: database.execute(SQL(write)))
    migration = ready(database, tmp_path, change, reporter)
    column = change["column"]
    for _ in range(2):
        with pytest.raises(GateClosed, match=rf"the abort goes no further: .*\n.*: 1 values of .*\.{column}$"):
            migration.abort()
    kept = SQL('SELECT FROM "o%r""d" WHERE {} IS NOT NULL').format(Identifier(column))
    assert database.fetch(kept)
    migration.abort(confirm_loss=True)
    assert database.fetch(OBJECTS) == []
    assert database.fetch("SELECT count(*) FROM orchestrator.event WHERE kind = 'loss'") == [(1,)]


@pytest.mark.matrix
def test_what_is_written_to_a_partition_is_noticed_as_well(create_database: CreateDatabase, tmp_path: Path) -> None:
    database = create_database(init)
    database.execute(
        """
        CREATE TABLE "o%r""d" (id int, a text) PARTITION BY RANGE (id);
        CREATE TABLE p PARTITION OF "o%r""d" DEFAULT; INSERT INTO p VALUES (1, 'x')
        """
    )
    before = database.dump()
    reporter = Writing("drop column", lambda: database.execute("UPDATE p SET extra = '{}'"))
    migration = ready(database, tmp_path, EMPTY, reporter)
    with pytest.raises(GateClosed, match="1 values"):
        migration.abort()
    migration.abort(confirm_loss=True)
    assert (database.dump(), database.fetch(OBJECTS)) == (before, [])


@pytest.mark.parametrize(
    "write",
    [
        'UPDATE "o%r""d" SET extra = \'mine\' WHERE id = 1; UPDATE "o%r""d" SET extra = \'X\' WHERE id = 1',
        'UPDATE "o%r""d" SET a = \'old\' WHERE id = 1; INSERT INTO "o%r""d" (id, a) VALUES (9, \'old\')',
        'ALTER TABLE "o%r""d" DISABLE TRIGGER ALL; UPDATE "o%r""d" SET id = 3 WHERE id = 2;'
        ' ALTER TABLE "o%r""d" ENABLE TRIGGER ALL',
    ],
    ids=["a value that is gone again", "older code", "a trigger that was off for a while"],
)
def test_what_loses_nothing_stops_no_abort(database: Database, tmp_path: Path, write: LiteralString) -> None:
    before = database.dump()
    reporter = Writing("drop trigger", lambda: database.execute(SQL(write)))
    ready(database, tmp_path, COMPUTED, reporter).abort()
    assert (database.dump(), database.fetch(OBJECTS)) == (before, [])


def test_what_is_written_while_nobody_could_notice_is_counted(database: Database, tmp_path: Path) -> None:
    off = 'ALTER TABLE "o%r""d" DISABLE TRIGGER ALL; UPDATE "o%r""d" SET extra = \'mine\' WHERE id = 2'
    reporter = Writing("drop trigger", lambda: database.execute(off))
    with pytest.raises(GateClosed, match="1 values"):
        ready(database, tmp_path, COMPUTED, reporter).abort()


def test_an_abort_whose_runners_die_one_after_another_leaves_nothing(
    database: Database, tmp_path: Path, rng: Random
) -> None:
    before = database.dump()
    migration = ready(database, tmp_path, COMPUTED, Reporter())
    deaths = lives(database, rng, migration.abort)
    assert (database.dump(), database.fetch(OBJECTS)) == (before, []), deaths


def test_rows_that_a_policy_hides_are_not_taken_for_none(
    create_database: CreateDatabase, application_role: CreateRole, tmp_path: Path
) -> None:
    made, role = create_database(), application_role()
    made.execute(
        SQL("GRANT CREATE ON DATABASE {} TO {role}; GRANT CREATE ON SCHEMA public TO {role}").format(
            Identifier(made.name), role=Identifier(role.name)
        )
    )
    database = Database(role.dsn(made), made.name, made.server)
    init(database)
    database.execute(SQL(SCHEMA))
    migration = ready(database, tmp_path, EMPTY, Reporter())
    database.execute('ALTER TABLE "o%r""d" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
    with pytest.raises(StepFailed, match="cannot be counted") as caught:
        migration.abort()
    assert "NO FORCE ROW LEVEL SECURITY" in (caught.value.hint or "")
