"""Kinds on partitioned tables of two levels: partitions follow, whenever they come, and what is their own is kept."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from threading import Thread
from time import monotonic
from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from orchestrator import succession
from orchestrator.context import Context
from orchestrator.errors import GateClosed, LockNotObtained, NotVerified, PlanRefused, StepFailed
from orchestrator.planning import preview
from orchestrator.report import Reporter
from orchestrator.settings import Settings
from phases.delta import Table
from phases.partitions import lock_tree
from phases.step import LockMode, Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.locks import holding, wait_until, waiting_for_locks
from tests.fixtures.runs import Migration, init

LOGS: LiteralString = """
CREATE TABLE logs (id int, day int, email text NOT NULL, n int DEFAULT 7 NOT NULL, seen int, note varchar(9),
  PRIMARY KEY (id, day))
  PARTITION BY RANGE (day);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10);
CREATE TABLE "we""ird%1" PARTITION OF logs FOR VALUES FROM (10) TO (20) PARTITION BY LIST (day);
CREATE TABLE "order" PARTITION OF "we""ird%1" DEFAULT;
CREATE TABLE logs_3 (note varchar(9), seen int, n int DEFAULT 7 NOT NULL,
  email text CONSTRAINT logs_email_not_null NOT NULL, day int NOT NULL, id int NOT NULL);
ALTER TABLE logs ATTACH PARTITION logs_3 FOR VALUES FROM (20) TO (30);
CREATE INDEX logs_email ON logs (email) WHERE email <> '%';
ALTER TABLE logs ADD CONSTRAINT "has @" CHECK (email LIKE '%@%');
INSERT INTO logs SELECT g, g % 30, 'u' || g || '@x', g, g FROM generate_series(1, 300) g;
"""
EMAIL_SUCCEEDED: LiteralString = """
ALTER TABLE logs ADD address text;
UPDATE logs SET address = email;
ALTER TABLE logs ALTER address SET NOT NULL, ADD CONSTRAINT "has @2" CHECK (address LIKE '%@%');
ALTER TABLE logs DROP email;
ALTER TABLE logs RENAME CONSTRAINT "has @2" TO "has @";
"""


def tree(name: LiteralString, on: LiteralString, unique: LiteralString = "") -> LiteralString:
    """An index under the names that its parts get here."""
    parts = (("logs_1", "logs"), ('"we""ird%1"', "logs"), ('"order"', '"we""ird%1"'), ("logs_3", "logs"))
    sql: LiteralString = f"CREATE {unique} INDEX {name} ON ONLY logs {on};"
    for part, parent in parts:
        own, parents = part.strip('"'), parent.strip('"')
        index = f'"{own}_{name}"'
        above = name if parent == "logs" else f'"{parents}_{name}"'
        sql += f"CREATE {unique} INDEX {index} ON ONLY {part} {on}; ALTER INDEX {above} ATTACH PARTITION {index};"
    return sql


# what a plan asks of logs, and how its outcome would come about on a table that nobody uses
KINDS: dict[str, tuple[str, LiteralString]] = {
    "add_column": (
        "{kind: add_column, column: 'a b', type: int, default: '1', not_null: true}",
        'ALTER TABLE logs ADD "a b" int DEFAULT 1 NOT NULL',
    ),
    "add_serial": ("{kind: add_column, column: c, type: serial}", "ALTER TABLE logs ADD c serial"),
    "add_identity": (
        "{kind: add_column, column: c, type: int, identity: always}",
        "ALTER TABLE logs ADD c int GENERATED ALWAYS AS IDENTITY",
    ),
    "set_default": ("{kind: set_default, column: n, default: '8'}", "ALTER TABLE logs ALTER n SET DEFAULT 8"),
    "drop_default": ("{kind: drop_default, column: n}", "ALTER TABLE logs ALTER n DROP DEFAULT"),
    "set_comment": ("{kind: set_comment, column: n, comment: x}", "COMMENT ON COLUMN logs.n IS 'x'"),
    "set_not_null": ("{kind: set_not_null, column: seen}", "ALTER TABLE logs ALTER seen SET NOT NULL"),
    "drop_not_null": ("{kind: drop_not_null, column: email}", "ALTER TABLE logs ALTER email DROP NOT NULL"),
    "drop_column": ("{kind: drop_column, column: email, down: \"'@'\"}", "ALTER TABLE logs DROP email"),
    "rename_column": (
        "{kind: rename_column, from: email, to: address}",
        EMAIL_SUCCEEDED + tree("logs_address", "(address) WHERE address <> '%'"),
    ),
    "split_column": (
        "{kind: split_column, from: seen, to: {a: {type: int, up: seen}, b: {type: int, up: seen}}, down: a}",
        "ALTER TABLE logs ADD a int, ADD b int; ALTER TABLE logs DROP seen",
    ),
    "change_type": (
        "{kind: change_type, column: n, type: bigint}",
        "ALTER TABLE logs DROP n; ALTER TABLE logs ADD n bigint DEFAULT 7 NOT NULL",
    ),
    "change_type in place": (
        "{kind: change_type, column: note, type: text}",
        "ALTER TABLE logs ALTER note TYPE text",
    ),
    "create_index": ("{kind: create_index, name: by_n, columns: [n]}", tree("by_n", "(n)")),
    "create_unique_index": (
        "{kind: create_index, name: by_n, columns: [n, day], unique: true}",
        tree("by_n", "(n, day)", "UNIQUE"),
    ),
    "drop_index": ("{kind: drop_index, name: logs_email}", "DROP INDEX logs_email"),
    "reindex": ("{kind: reindex, name: logs_email}", "SELECT"),
    "add_check": (
        "{kind: add_check, name: 'is ok', check: n > 0}",
        'ALTER TABLE logs ADD CONSTRAINT "is ok" CHECK (n > 0)',
    ),
    "drop_constraint": ("{kind: drop_constraint, name: has @}", 'ALTER TABLE logs DROP CONSTRAINT "has @"'),
    "lift a constraint": (
        "{kind: drop_constraint, name: has @, when: expand}",
        'ALTER TABLE logs DROP CONSTRAINT "has @"',
    ),
    "rename_constraint": (
        "{kind: rename_constraint, from: has @, to: '@'}",
        'ALTER TABLE logs RENAME CONSTRAINT "has @" TO "@"',
    ),
    "drop_table": ("{kind: drop_table}", "DROP TABLE logs"),
    "rename_table": ("{kind: rename_table, to: log}", "ALTER TABLE logs RENAME TO log"),
}


@pytest.fixture
def logs(create_database: CreateDatabase) -> Database:
    database = create_database(init)
    database.execute(LOGS)
    return database


def migration(
    change: str, database: Database, folder: Path, reporter: Reporter | None = None, *, name: str = "change"
) -> Migration:
    where = "" if "table: visits" in change else "table: logs, "
    Migration.of(f"name: {name}\nchanges:\n  - {{{where}{change[1:]}\n", database, folder)
    settings = Settings(database_url=database.dsn, plans=folder, lock_timeout_ms=300, lock_budget_s=1)
    return Migration(Context(settings, reporter or Reporter()), name)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
def test_an_abort_brings_back_what_was_and_contract_what_was_asked_for(
    kind: str, logs: Database, create_database: CreateDatabase, tmp_path: Path
) -> None:
    change, sql = KINDS[kind]
    if kind == "add_identity" and logs.server_version < 170000:
        with pytest.raises(PlanRefused, match="before PostgreSQL 17 its partitions would not have it"):
            migration(change, logs, tmp_path).advance(Phase.EXPAND)
        return
    expected = create_database()
    expected.execute(LOGS)
    expected.execute(SQL(sql))
    before, run = logs.dump(), migration(change, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    run.abort(confirm_loss=True)
    assert logs.dump() == before
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert logs.fetch(invalid) == []


# keys of their own: they have nothing like them in one statement
def test_a_unique_constraint_and_a_primary_key_are_built_leaf_by_leaf_and_hold_for_later_partitions(
    logs: Database, tmp_path: Path
) -> None:
    unique = migration("{kind: add_unique, name: one, columns: [n, day]}", logs, tmp_path)
    before = logs.dump()
    unique.advance(Phase.CONSTRAIN)
    unique.abort()
    assert logs.dump() == before
    unique.advance(Phase.CONTRACT)
    logs.execute("ALTER TABLE logs DROP CONSTRAINT logs_pkey")
    primary = migration("{kind: add_primary_key, name: key, columns: [id, day]}", logs, tmp_path, name="second")
    primary.advance(Phase.CONSTRAIN)
    logs.execute("CREATE TABLE logs_4 PARTITION OF logs FOR VALUES FROM (30) TO (40)")
    keys = "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = '{}' AND connamespace = 2200"
    parts = [('"order"',), ('"we""ird%1"',), ("logs",), ("logs_1",), ("logs_3",), ("logs_4",)]
    for kind in ("u", "p"):
        assert sorted(logs.fetch(SQL(keys).format(SQL(kind)))) == parts


# what hangs on a column besides its indexes
KEYED: LiteralString = """
CREATE TABLE cities (n int PRIMARY KEY);
INSERT INTO cities SELECT generate_series(1, 400);
ALTER TABLE logs ADD CONSTRAINT "one%" UNIQUE (seen, day) INCLUDE (n) WITH (fillfactor = 70),
  ADD CONSTRAINT "lives in" FOREIGN KEY (seen) REFERENCES cities ON DELETE CASCADE, ALTER seen SET NOT NULL;
ALTER TABLE logs_1 REPLICA IDENTITY USING INDEX logs_1_seen_day_n_key;
COMMENT ON CONSTRAINT "one%" ON logs IS 'x';
CREATE TABLE visits (log int, day int, CONSTRAINT of FOREIGN KEY (log, day) REFERENCES logs (seen, day));
INSERT INTO visits VALUES (5, 5), (12, 12);
"""
KEYS: LiteralString = """
UPDATE logs SET {0} = id;
ALTER TABLE logs ALTER {0} SET NOT NULL;
CREATE TABLE cities (n int PRIMARY KEY);
INSERT INTO cities SELECT generate_series(1, 400);
ALTER TABLE ONLY logs ADD CONSTRAINT "one%" UNIQUE ({0}, day) INCLUDE (n) WITH (fillfactor = 70);
ALTER TABLE logs_1 ADD CONSTRAINT "logs_1_one%" UNIQUE ({0}, day) INCLUDE (n) WITH (fillfactor = 70);
ALTER TABLE ONLY "we""ird%1"
  ADD CONSTRAINT "we""ird%1_one%" UNIQUE ({0}, day) INCLUDE (n) WITH (fillfactor = 70);
ALTER TABLE "order" ADD CONSTRAINT "order_one%" UNIQUE ({0}, day) INCLUDE (n) WITH (fillfactor = 70);
ALTER TABLE logs_3 ADD CONSTRAINT "logs_3_one%" UNIQUE ({0}, day) INCLUDE (n) WITH (fillfactor = 70);
ALTER INDEX "one%" ATTACH PARTITION "logs_1_one%";
ALTER INDEX "one%" ATTACH PARTITION "we""ird%1_one%";
ALTER INDEX "we""ird%1_one%" ATTACH PARTITION "order_one%";
ALTER INDEX "one%" ATTACH PARTITION "logs_3_one%";
ALTER TABLE logs_1 REPLICA IDENTITY USING INDEX "logs_1_one%";
ALTER TABLE logs ADD CONSTRAINT "lives in" FOREIGN KEY ({0}) REFERENCES cities ON DELETE CASCADE;
COMMENT ON CONSTRAINT "one%" ON logs IS 'x';
CREATE TABLE visits (log int, day int, CONSTRAINT of FOREIGN KEY (log, day) REFERENCES logs ({0}, day));
INSERT INTO visits VALUES (5, 5), (12, 12);
"""


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "column", "type_"),
    [
        ("{kind: rename_column, from: seen, to: viewed}", "viewed", "int"),
        ("{kind: change_type, column: seen, type: bigint}", "seen", "bigint"),
    ],
)
def test_a_column_of_unique_constraints_and_foreign_keys_has_a_successor_in_all_of_them(
    change: str, column: str, type_: str, logs: Database, create_database: CreateDatabase, tmp_path: Path
) -> None:
    logs.execute(KEYED)
    expected = create_database()
    expected.execute(LOGS)
    expected.execute(
        SQL("ALTER TABLE logs DROP seen; ALTER TABLE logs ADD {} {}").format(Identifier(column), SQL(type_))
    )
    expected.execute(SQL(KEYS).format(Identifier(column)))
    before, run = logs.dump(), migration(change, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    run.abort(confirm_loss=True)
    assert logs.dump() == before
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert logs.fetch(invalid) == []
    names = "SELECT DISTINCT conname FROM pg_constraint WHERE conrelid = 'logs_1'::regclass AND contype = 'f'"
    assert logs.fetch(names) == [("lives in",)]


KEY_OF_LOGS: LiteralString = "PRIMARY KEY ({}, day) INCLUDE (n) WITH (fillfactor = 80)"
# two partitioned tables can be tied together beside the traffic from PostgreSQL 18 on
REFERRING: dict[bool, LiteralString] = {
    False: "CREATE TABLE visits (log int, on_day int);",
    True: """
CREATE TABLE visits (log int, on_day int) PARTITION BY LIST (on_day);
CREATE TABLE visits_5 PARTITION OF visits FOR VALUES IN (5);
CREATE TABLE visits_other PARTITION OF visits DEFAULT;
""",
}
ON_KEY: LiteralString = """
COMMENT ON CONSTRAINT logs_pkey ON logs IS 'x'; COMMENT ON INDEX logs_pkey IS 'y';
COMMENT ON CONSTRAINT order_pkey ON "order" IS 'z %s';
ALTER TABLE "order" REPLICA IDENTITY USING INDEX order_pkey;
ALTER TABLE ONLY logs REPLICA IDENTITY USING INDEX logs_pkey;
INSERT INTO visits VALUES (5, 5), (12, 12);
ALTER TABLE visits ADD CONSTRAINT "of%" FOREIGN KEY (log, on_day) REFERENCES logs ON UPDATE CASCADE;
COMMENT ON CONSTRAINT "of%" ON visits IS 'z';
"""


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "column", "type_"),
    [
        ("{kind: rename_column, from: id, to: k%}", "k%", "int"),
        ("{kind: change_type, column: id, type: bigint}", "id", "bigint"),
        ("{kind: change_type, column: id, type: bigint, to: k%}", "k%", "bigint"),
    ],
)
def test_the_primary_key_is_made_of_the_indexes_of_the_leaves_with_all_that_hangs_on_it(
    change: str, column: str, type_: str, create_database: CreateDatabase, tmp_path: Path
) -> None:
    logs, expected = create_database(init), create_database()
    referring = REFERRING[logs.server_version >= 180000]
    logs.execute(LOGS.replace("PRIMARY KEY (id, day)", KEY_OF_LOGS.replace("{}", "id")))
    logs.execute("ALTER TABLE logs ALTER id ADD GENERATED ALWAYS AS IDENTITY (START 1000)")
    logs.execute(SQL(referring + ON_KEY))
    expected.execute(LOGS)
    successor = SQL(
        "ALTER TABLE logs RENAME id TO old; ALTER TABLE logs ADD {column} {type}; UPDATE logs SET {column} = old; "
        "ALTER TABLE logs DROP old"
    )
    expected.execute(successor.format(column=Identifier(column), type=SQL(type_)))
    expected.execute(SQL("ALTER TABLE logs ADD " + KEY_OF_LOGS).format(Identifier(column)))
    identity = SQL("ALTER TABLE logs ALTER {} ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME logs_id_seq START 1000)")
    expected.execute(identity.format(Identifier(column)))
    expected.execute(SQL(referring + ON_KEY))
    before, run = logs.dump(), migration(change, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    conflict = SQL(
        "INSERT INTO logs ({column}, day, email) OVERRIDING SYSTEM VALUE VALUES (5, 5, '@') "
        "ON CONFLICT ({column}, day) DO NOTHING"
    )
    logs.execute(conflict.format(column=Identifier(column)))
    run.abort(confirm_loss=True)
    assert logs.dump() == before
    assert logs.fetch(UNPROVEN) == [(0,)]
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()
    assert logs.fetch(UNPROVEN) == [(0,)]
    identifying = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisreplident ORDER BY 1"
    assert logs.fetch(identifying) == [("logs_pkey",), ("order_pkey",)]
    # another run cannot be about the table that refers
    assert ("public.visits",) in logs.fetch("SELECT table_name FROM orchestrator.run_table")


def test_an_exchange_that_takes_most_of_the_servers_locks_is_refused(
    logs: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(succession, "LOCKS_OF_PARTITION", 2000)
    logs.execute(SQL(VISITS + VISIT_OF))
    # four partitions with a foreign key on them, and two that refer
    taken = 4 * (2000 + 5) + 2 * 6
    with pytest.raises(PlanRefused, match=f"takes about {taken} locks at once, and the server has 13440 for all"):
        migration("{kind: rename_column, from: id, to: k}", logs, tmp_path).advance(Phase.EXPAND)


UNPROVEN = """
SELECT count(*) FROM pg_constraint
WHERE NOT convalidated AND connamespace = 'public'::regnamespace AND conparentid = 0
"""


TIED: LiteralString = """
CREATE TABLE cities (n int PRIMARY KEY, name text);
INSERT INTO cities SELECT generate_series(1, 400);
ALTER TABLE logs ADD CONSTRAINT "one%" UNIQUE (seen, day), ADD CONSTRAINT lives FOREIGN KEY (seen) REFERENCES cities;
CREATE TABLE visits (log int, on_day int) PARTITION BY LIST (on_day);
CREATE TABLE visits_5 PARTITION OF visits FOR VALUES IN (5);
CREATE TABLE visits_other PARTITION OF visits DEFAULT;
CREATE TABLE looks (log int, on_day int, CONSTRAINT at FOREIGN KEY (log, on_day) REFERENCES logs (seen, day));
ALTER TABLE visits ADD CONSTRAINT "of%" FOREIGN KEY (log, on_day) REFERENCES logs (seen, day) ON DELETE CASCADE;
INSERT INTO visits VALUES (5, 5), (12, 12);
INSERT INTO looks VALUES (5, 5), (12, 12);
"""
TIES = """
SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND connamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("table", "column", "ties"),
    [
        ("looks", "log", "at"),
        ("cities", "n", "lives"),
        ("visits", "log", "of%"),
        ("logs", "seen", "at, lives, of%"),
    ],
)
def test_a_foreign_key_is_tied_to_a_successor_whichever_of_its_tables_are_partitioned(
    table: str, column: str, ties: str, logs: Database, tmp_path: Path
) -> None:
    logs.execute(TIED)
    before, definitions = logs.dump(), logs.fetch(TIES)
    plan = f"name: tied\nchanges:\n  - {{kind: rename_column, table: {table}, from: {column}, to: successor}}\n"
    run = Migration.of(plan, logs, tmp_path)
    if logs.server_version < 180000 and table != "looks":
        with pytest.raises(PlanRefused, match="it can be NOT VALID from PostgreSQL 18 on"):
            run.advance(Phase.EXPAND)
        return
    run.advance(Phase.CONSTRAIN)
    assert len(logs.fetch(TIES)) == len(definitions) + len(ties.split(", "))
    run.abort(confirm_loss=True)
    assert logs.dump() == before
    run.advance(Phase.CONTRACT)
    tied = [
        (name, re.sub(rf"\b{column}\b", "successor", definition) if name in ties.split(", ") else definition, True)
        for name, definition, _ in definitions
    ]
    assert logs.fetch(TIES) == tied


def test_duplicates_are_found_and_named_before_anything_is_built(logs: Database, tmp_path: Path) -> None:
    logs.execute("UPDATE logs SET n = 1 WHERE id IN (5, 35)")
    before = logs.dump()
    with pytest.raises(StepFailed) as stopped:
        migration("{kind: add_unique, name: one, columns: [n, day]}", logs, tmp_path).advance(Phase.CONSTRAIN)
    rows = "row id=5, day=5, duplicate='1, 5'\n  row id=35, day=5, duplicate='1, 5'"
    assert stopped.value.message == f"look for duplicates that one forbids: there are some\n  {rows}"
    assert logs.dump() == before


CITIES: LiteralString = "CREATE TABLE cities (n int PRIMARY KEY); INSERT INTO cities SELECT generate_series(1, 400);"
LIVES_IN = "{kind: add_foreign_key, name: 'lives in', columns: [seen], references: {table: cities}}"
VALIDATED = "SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = 'lives in' AND convalidated ORDER BY 1"


@pytest.mark.matrix
def test_a_foreign_key_out_of_a_partitioned_table_is_validated_beside_the_traffic(
    logs: Database, create_database: CreateDatabase, tmp_path: Path
) -> None:
    logs.execute(CITIES)
    expected = create_database()
    expected.execute(SQL(LOGS + CITIES))
    expected.execute('ALTER TABLE logs ADD CONSTRAINT "lives in" FOREIGN KEY (seen) REFERENCES cities')
    before, run = logs.dump(), migration(LIVES_IN, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    assert logs.fetch(VALIDATED) == [('"order"',), ('"we""ird%1"',), ("logs",), ("logs_1",), ("logs_3",)]
    run.abort()
    assert logs.dump() == before
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()
    logs.execute("ALTER TABLE logs DETACH PARTITION logs_3")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        logs.execute("UPDATE logs SET seen = 0 WHERE id = 5")


@pytest.mark.matrix
def test_rows_of_any_partition_that_break_a_foreign_key_are_named(logs: Database, tmp_path: Path) -> None:
    logs.execute(CITIES)
    logs.execute("UPDATE logs SET seen = 0 WHERE id IN (5, 25)")
    before = logs.dump()
    with pytest.raises(StepFailed, match="row id=25, day=25"):
        migration(LIVES_IN, logs, tmp_path).advance(Phase.CONSTRAIN)
    assert logs.dump() == before


def test_a_foreign_key_into_a_partitioned_table(
    logs: Database, create_database: CreateDatabase, tmp_path: Path
) -> None:
    visits: LiteralString = "CREATE TABLE visits (log int, day int); INSERT INTO visits VALUES (5, 5), (12, 12);"
    logs.execute(visits)
    expected = create_database()
    expected.execute(SQL(LOGS + visits))
    expected.execute("ALTER TABLE visits ADD CONSTRAINT of FOREIGN KEY (log, day) REFERENCES logs")
    change = "{table: visits, kind: add_foreign_key, name: of, columns: [log, day], references: {table: logs}}"
    before, run = logs.dump(), migration(change, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    run.abort()
    assert logs.dump() == before
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()
    gone = migration("{table: visits, kind: drop_constraint, name: of}", logs, tmp_path, name="second")
    gone.advance(Phase.CONTRACT)
    assert logs.dump() == before


VISITS: LiteralString = """
CREATE TABLE visits (log int, on_day int) PARTITION BY LIST (on_day);
CREATE TABLE visits_5 PARTITION OF visits FOR VALUES IN (5);
CREATE TABLE visits_other PARTITION OF visits DEFAULT;
INSERT INTO visits VALUES (5, 5), (12, 12);
"""
VISIT_OF: LiteralString = "ALTER TABLE visits ADD CONSTRAINT of FOREIGN KEY (log, on_day) REFERENCES logs"
AMONG_LOGS: LiteralString = "ALTER TABLE logs ADD CONSTRAINT among FOREIGN KEY (seen, day) REFERENCES logs"


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "sql"),
    [
        (
            "{table: visits, kind: add_foreign_key, name: of, columns: [log, on_day], references: {table: logs}}",
            VISIT_OF,
        ),
        ("{kind: add_foreign_key, name: among, columns: [seen, day], references: {table: logs}}", AMONG_LOGS),
    ],
)
def test_a_foreign_key_between_two_partitioned_tables_or_of_one_to_itself_comes_with_postgresql_18(
    change: str, sql: LiteralString, logs: Database, create_database: CreateDatabase, tmp_path: Path
) -> None:
    logs.execute(VISITS)
    before = logs.dump()
    run = migration(change, logs, tmp_path)
    if logs.server_version < 180000:
        with pytest.raises(PlanRefused, match="both ends of foreign key"):
            run.advance(Phase.EXPAND)
        return
    expected = create_database()
    expected.execute(SQL(LOGS + VISITS + sql))
    run.advance(Phase.CONSTRAIN)
    run.abort()
    assert logs.dump() == before
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()
    assert logs.fetch("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated") == [(0,)]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("change", "sql"),
    [
        ("{table: visits, kind: drop_constraint, name: of, when: expand}", "ALTER TABLE visits DROP CONSTRAINT of"),
        ("{table: visits, kind: drop_column, column: log}", "ALTER TABLE visits DROP log"),
        ("{table: visits, kind: drop_table}\n  - {table: logs, kind: drop_table}", "DROP TABLE visits, logs"),
    ],
)
def test_a_foreign_key_between_two_partitioned_tables_goes_by_itself_when_all_partitions_are_locked(
    change: str, sql: LiteralString, logs: Database, create_database: CreateDatabase, tmp_path: Path
) -> None:
    logs.execute(SQL(f"{VISITS}{VISIT_OF};{AMONG_LOGS}"))
    before, run = logs.dump(), migration(change, logs, tmp_path)
    if "expand" in change and logs.server_version < 180000:
        with pytest.raises(PlanRefused, match="before PostgreSQL 18 an abort could"):
            run.advance(Phase.EXPAND)
        return
    [step] = [each.step for each in preview(run.context, run.name)[1].steps if each.step.title == "drop constraint of"]
    assert [str(lock) for lock in step.locks] == [
        "ACCESS EXCLUSIVE on public.visits and its partitions",
        "ACCESS EXCLUSIVE on public.logs and its partitions",
    ]
    run.advance(Phase.CONSTRAIN)
    run.abort(confirm_loss=True)
    assert logs.dump() == before
    expected = create_database()
    expected.execute(SQL(f"{LOGS}{VISITS}{VISIT_OF};{AMONG_LOGS}"))
    expected.execute(sql)
    run.advance(Phase.CONTRACT)
    assert logs.dump() == expected.dump()


class Meddler(Reporter):
    """Does something once, when so many steps whose titles begin so are done."""

    def __init__(self, step: str, meddle: Callable[[], object], *, number: int = 1) -> None:
        self._step, self._meddle, self._left = step, meddle, number

    def step_done(self, title: str, seconds: float, waited_ms: float) -> None:
        if title.startswith(self._step):
            self._left -= 1
            if self._left == 0:
                self._meddle()


LATE: LiteralString = """
CREATE TABLE late (LIKE logs INCLUDING ALL);
INSERT INTO late (id, day, email) SELECT g, 40, 'late@x' FROM generate_series(400, 409) g;
"""


class Crash(Exception):
    """As if the process had died."""


class Crashing(Reporter):
    """Dies when so many statements are done."""

    def __init__(self, after: int) -> None:
        self._left = after

    def step_done(self, title: str, seconds: float, lock_wait_ms: float) -> None:
        self._left -= 1
        if self._left == 0:
            raise Crash


@pytest.mark.matrix
@pytest.mark.parametrize(
    "change",
    [
        "{kind: create_index, name: by_n, columns: [n]}",
        "{kind: add_unique, name: one, columns: [n, day]}",
        "{kind: rename_column, from: id, to: k}",
        LIVES_IN,
    ],
)
def test_what_is_done_partition_by_partition_goes_on_after_a_crash_and_can_be_undone_after_one(
    change: str, logs: Database, tmp_path: Path, rng: Random
) -> None:
    logs.execute(CITIES)
    before, run = logs.dump(), migration(change, logs, tmp_path)

    def crashes(after: int) -> bool:
        try:
            Migration(Context(run.context.settings, Crashing(after)), run.name).advance(Phase.CONSTRAIN)
        except Crash:
            return True
        return False

    assert crashes(after=rng.randint(1, 3))
    run.abort()
    assert logs.dump() == before
    crashed = 0
    while crashes(after=1 + crashed % 2):
        crashed += 1
    assert crashed >= 2
    assert logs.fetch("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert logs.fetch("SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND connamespace = 2200") == [(0,)]
    run.abort()
    assert logs.dump() == before


@pytest.mark.parametrize("phase", [Phase.CONSTRAIN, Phase.CONTRACT])
def test_a_partition_that_comes_just_before_the_primary_key_is_exchanged_has_its_part_of_it(
    phase: Phase, logs: Database, tmp_path: Path
) -> None:
    change = "change_type, column: id, type: bigint" + (", to: k" if phase is Phase.CONTRACT else "")
    run = migration(f"{{kind: {change}}}", logs, tmp_path)
    before = logs.dump()
    come: LiteralString = "CREATE TABLE late{} PARTITION OF logs FOR VALUES FROM ({}) TO (10 + {})"
    meddler = Meddler("verify" if phase is Phase.CONTRACT else "wait", lambda: logs.execute(come.format(1, 40, 40)))
    if phase is Phase.CONTRACT:
        run.advance(Phase.CONSTRAIN)
    Migration(Context(run.context.settings, meddler), run.name).advance(phase)
    keys = "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p' AND connamespace = 2200 ORDER BY 1"
    assert logs.fetch(keys) == [('"order"',), ('"we""ird%1"',), ("late1",), ("logs",), ("logs_1",), ("logs_3",)]
    assert logs.fetch("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    if phase is Phase.CONSTRAIN:
        logs.execute(come.format(2, 50, 50))
        run.abort()
        assert logs.fetch(keys)[2:4] == [("late1",), ("late2",)]
        logs.execute("DROP TABLE late1, late2")
        assert logs.dump() == before


ATTACH = "ALTER TABLE logs ATTACH PARTITION late FOR VALUES FROM (40) TO (50)"
ADDED = "{kind: add_column, column: address, type: text, up: upper(email), not_null: true}"
WRONG = "SELECT count(*) FROM logs WHERE address IS DISTINCT FROM upper(email)"
NULLABLE = ADDED.replace(", not_null: true", "")


@pytest.mark.matrix
@pytest.mark.parametrize("phase", [Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.CONSTRAIN])
def test_old_rows_of_a_partition_that_is_attached_after_any_phase_are_brought_into_step(
    phase: Phase, logs: Database, tmp_path: Path
) -> None:
    run = migration(NULLABLE, logs, tmp_path)
    run.advance(phase)
    logs.execute(LATE)
    logs.execute(ATTACH)
    run.advance(Phase.CONTRACT)
    assert logs.fetch(WRONG) == [(0,)]


RENAMED = "{kind: rename_column, from: note, to: remark}"
SPLIT = """{kind: split_column, from: note, down: "remark || rest", to: {
  remark: {type: text, up: "left(note, 1)"}, rest: {type: text, up: "substr(note, 2)"}}}"""
NEWER: LiteralString = """
CREATE TABLE late (LIKE logs INCLUDING ALL);
INSERT INTO late (id, day, email, remark) VALUES (900, 45, '@', 'newer');
INSERT INTO late (id, day, email, note, remark) VALUES (901, 46, '@', 'older', 'newer')
"""


@pytest.mark.parametrize("change", [RENAMED, SPLIT], ids=["rename", "split"])
def test_values_that_newer_code_has_given_to_a_partition_before_it_is_attached_are_not_lost(
    change: str, logs: Database, tmp_path: Path
) -> None:
    run = migration(change, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    logs.execute(NEWER)
    logs.execute(ATTACH)
    with pytest.raises(GateClosed, match=r"2 values of public\.logs\.remark"):
        run.abort()
    with pytest.raises(NotVerified, match="1 rows differ\n  id=901"):
        run.advance(Phase.CONTRACT)
    assert logs.fetch("SELECT id, remark FROM logs WHERE id >= 900 ORDER BY id") == [(900, "newer"), (901, "newer")]


def test_rows_that_a_partition_brings_along_are_kept_where_columns_have_exchanged_their_names(
    logs: Database, tmp_path: Path
) -> None:
    change = '{kind: change_type, column: seen, type: bigint, up: "seen::bigint * 10", down: "(seen / 10)::int"}'
    run = migration(change, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    logs.execute("CREATE TABLE late (LIKE logs INCLUDING ALL)")
    logs.execute("INSERT INTO late (id, day, email, seen) VALUES (900, 45, '@', 7000000)")
    logs.execute(ATTACH)
    run.advance(Phase.CONTRACT)
    assert logs.fetch("SELECT seen FROM logs WHERE id = 900") == [(7000000,)]


def test_a_table_that_contract_is_done_with_is_left_alone_when_it_goes_on_after_a_crash(
    logs: Database, tmp_path: Path
) -> None:
    logs.execute("CREATE TABLE others (id int PRIMARY KEY, a text); INSERT INTO others VALUES (1, 'x')")
    second = "{kind: rename_column, table: others, from: a, to: b}"
    Migration.of(f"name: two\nchanges:\n  - {{table: logs, {RENAMED[1:]}\n  - {second}\n", logs, tmp_path)

    def attach_and_die() -> None:
        logs.execute(LATE)
        logs.execute(ATTACH)
        raise Crash

    settings = Settings(database_url=logs.dsn, plans=tmp_path)
    with pytest.raises(Crash):
        Migration(Context(settings, Meddler("drop note", attach_and_die)), "two").advance(Phase.CONTRACT)
    Migration(Context(settings, Reporter()), "two").advance(Phase.CONTRACT)
    assert logs.fetch("SELECT b FROM others") == [("x",)]


def test_what_a_partition_brings_after_the_last_comparison_stops_contract_before_anything_is_lost(
    logs: Database, tmp_path: Path
) -> None:
    run = migration("{kind: rename_column, from: email, to: address}", logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    logs.execute("ALTER TABLE logs ALTER address DROP NOT NULL")
    logs.execute(LATE)
    meddler = Meddler("verify", lambda: logs.execute(ATTACH))
    meddled = Migration(Context(run.context.settings, meddler), run.name)
    with pytest.raises(NotVerified, match="10 rows differ"):
        meddled.advance(Phase.CONTRACT)
    assert logs.fetch("SELECT count(email) FROM logs") == [(310,)]
    run.advance(Phase.CONTRACT)
    assert logs.fetch("SELECT count(address) FROM logs") == [(310,)]


def test_partitions_that_come_while_indexes_are_built_get_theirs_and_those_that_go_do_not_stop_it(
    logs: Database, tmp_path: Path
) -> None:
    def meddle() -> None:
        logs.execute("ALTER TABLE logs DETACH PARTITION logs_3")
        logs.execute("CREATE TABLE logs_4 PARTITION OF logs FOR VALUES FROM (30) TO (40)")

    change = "{kind: create_index, name: by_n, columns: [n]}"
    run = migration(change, logs, tmp_path, Meddler("create index", meddle))
    run.advance(Phase.CONSTRAIN)
    valid = (
        "SELECT bool_and(indisvalid), count(*) FROM pg_index"
        " WHERE indexrelid IN (SELECT relid FROM pg_partition_tree('by_n'))"
    )
    assert logs.fetch(valid) == [(True, 5)]


def test_a_detached_partition_loses_our_trigger(logs: Database, tmp_path: Path) -> None:
    run = migration(ADDED, logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    logs.execute("ALTER TABLE logs DETACH PARTITION logs_3")
    assert logs.fetch("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'logs_3'::regclass") == [(0,)]
    run.advance(Phase.CONTRACT)


def test_a_trigger_that_is_off_on_one_partition_stops_contract(logs: Database, tmp_path: Path) -> None:
    run = migration("{kind: rename_column, from: email, to: address}", logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    off = Meddler("verify", lambda: logs.execute('ALTER TABLE "order" DISABLE TRIGGER USER'))
    with pytest.raises(StepFailed, match="is gone or disabled"):
        Migration(Context(run.context.settings, off), run.name).advance(Phase.CONTRACT)
    assert logs.fetch("SELECT count(email) FROM logs") == [(300,)]


def test_a_lock_on_one_partition_is_given_up_for_and_leaves_nothing_behind(logs: Database, tmp_path: Path) -> None:
    before = logs.dump()
    with holding(logs, SQL('LOCK TABLE "order" IN ACCESS SHARE MODE')), pytest.raises(LockNotObtained):
        migration(ADDED, logs, tmp_path).advance(Phase.EXPAND)
    assert logs.dump() == before


@pytest.mark.matrix
def test_who_reads_one_partition_after_the_other_is_not_kept_waiting_by_the_last_index(
    logs: Database, tmp_path: Path
) -> None:
    failures: list[psycopg.Error] = []
    with logs.connect(autocommit=False) as session:

        def read_on() -> None:
            wait_until(lambda: waiting_for_locks(logs) == 1, what="the index waits to be attached")
            try:
                session.execute("SET LOCAL lock_timeout = '20ms'; SELECT FROM logs WHERE day = 12")
            except psycopg.Error as error:
                failures.append(error)
            session.rollback()

        reader = Thread(target=read_on)

        def read() -> None:
            session.execute("SELECT FROM logs WHERE day = 3")
            reader.start()

        run = migration("{kind: create_index, name: i, columns: [seen]}", logs, tmp_path)
        run.meddling("attach index order_i", read).advance(Phase.CONSTRAIN)
        reader.join()
    assert failures == []
    assert logs.fetch("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


HELD = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'logs_1'::regclass AND mode = 'RowExclusiveLock')"


MOODS: LiteralString = """
CREATE TYPE mood AS ENUM ('good', 'bad', 'worse');
CREATE TABLE answers (id int, mood mood);
INSERT INTO answers VALUES (1, 'bad'), (2, 'good');
ALTER TABLE logs ADD mood mood DEFAULT 'good', ADD UNIQUE (mood, day, id);
CREATE INDEX ON logs (mood);
UPDATE logs SET mood = 'bad' WHERE id % 2 = 0;
"""
MOOD_IN_KEY: LiteralString = """
ALTER TABLE logs DROP CONSTRAINT logs_pkey, ADD PRIMARY KEY (id, day, mood);
ALTER TABLE ONLY logs REPLICA IDENTITY FULL; ALTER TABLE logs_3 REPLICA IDENTITY NOTHING;
ALTER TABLE logs_1 REPLICA IDENTITY USING INDEX logs_1_mood_day_id_key;
ALTER TABLE "order" REPLICA IDENTITY USING INDEX order_pkey;
"""
IDENTITIES = """
SELECT c.relname, c.relreplident::text, i.indisprimary
FROM pg_partition_tree('logs') t JOIN pg_class c ON c.oid = t.relid
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident WHERE c.relname <> 'late' ORDER BY 1
"""


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("more", "change", "column", "value"),
    [
        ("SELECT", "{kind: remove_enum_value, type: mood, value: bad, replace: worse}", "mood", "worse"),
        (MOOD_IN_KEY, "{kind: remove_enum_value, type: mood, value: bad, replace: worse}", "mood", "worse"),
        (
            MOOD_IN_KEY,
            "{kind: rename_enum_value, type: mood, from: bad, to: worst, new_type: temper,"
            " columns: {logs.mood: temper, answers.mood: temper}}",
            "temper",
            "worst",
        ),
    ],
)
def test_an_enum_of_partitioned_tables_and_others_is_replaced_everywhere_at_once(
    more: LiteralString, change: str, column: str, value: str, logs: Database, tmp_path: Path
) -> None:
    logs.execute(MOODS)
    logs.execute(more)
    before, identities = logs.dump(), logs.fetch(IDENTITIES)
    run = Migration.of(f"name: moods\nchanges:\n  - {change}\n", logs, tmp_path)
    run.advance(Phase.CONSTRAIN)
    run.abort(confirm_loss=True)
    assert logs.dump() == before

    def meddle() -> None:
        if more == "SELECT":
            logs.execute("CREATE TABLE late (LIKE logs INCLUDING ALL)")
            logs.execute("INSERT INTO late (id, day, email, mood) VALUES (400, 40, '@', 'bad')")
            logs.execute(ATTACH)
        else:
            logs.execute("CREATE TABLE late PARTITION OF logs FOR VALUES FROM (40) TO (50)")
            logs.execute("INSERT INTO logs (id, day, email, mood) VALUES (400, 40, '@', 'bad')")

    run.advance(Phase.CONSTRAIN)
    # after every row of both tables was compared
    meddled = Migration(Context(run.context.settings, Meddler("verify", meddle, number=2)), run.name)
    if more == "SELECT":
        with pytest.raises(NotVerified, match="id=400, day=40"):
            meddled.advance(Phase.CONTRACT)
        run.advance(Phase.CONTRACT)
    else:
        meddled.advance(Phase.CONTRACT)
    counted = SQL("SELECT {}::text, count(*) FROM logs GROUP BY 1 ORDER BY 1").format(Identifier(column))
    assert logs.fetch(counted) == [("good", 150), (value, 151)]
    assert logs.fetch(SQL("SELECT {}::text FROM answers ORDER BY id").format(Identifier(column))) == [
        (value,),
        ("good",),
    ]
    assert logs.fetch("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert logs.fetch(IDENTITIES) == identities
    types = "SELECT typname::text FROM pg_type WHERE typtype = 'e' AND typnamespace = 2200"
    assert logs.fetch(types) == [("temper" if column == "temper" else "mood",)]


LOCK_LOGS = SQL(lock_tree(Table("public", "logs"), LockMode.ACCESS_EXCLUSIVE))


def test_all_partitions_are_locked_and_together_waited_for_no_longer_than_one(logs: Database) -> None:
    def hold_for_a_while() -> None:
        with logs.connect(autocommit=False) as connection:
            connection.execute("LOCK TABLE logs_1 IN ROW EXCLUSIVE MODE")
            connection.execute("SELECT pg_sleep(1.6)")

    with holding(logs, SQL('LOCK TABLE "order" IN ROW EXCLUSIVE MODE')), logs.connect(autocommit=False) as connection:
        connection.execute("SET LOCAL lock_timeout = '2s'")
        holder = Thread(target=hold_for_a_while)
        holder.start()
        wait_until(lambda: logs.fetch(HELD) == [(True,)], what="logs_1 is held")
        started = monotonic()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(LOCK_LOGS)
        assert monotonic() - started < 3
        holder.join()
    with logs.connect(autocommit=False) as connection:
        connection.execute("SET LOCAL lock_timeout = '2s'")
        connection.execute(LOCK_LOGS)
        locked = connection.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid()"
            " AND mode = 'AccessExclusiveLock' AND relation IS NOT NULL ORDER BY 1"
        ).fetchall()
        assert connection.execute("SHOW lock_timeout").fetchall() == [("2s",)]
    assert locked == [('"order"',), ('"we""ird%1"',), ("logs",), ("logs_1",), ("logs_3",)]


REFERRING_TO_ONE: LiteralString = """
ALTER TABLE logs ADD CONSTRAINT one UNIQUE (seen, day);
CREATE TABLE x (log int, day int, CONSTRAINT of FOREIGN KEY (log, day) REFERENCES logs_1 (seen, day));
"""


@pytest.mark.parametrize(
    ("sql", "change", "reason"),
    [
        ("SELECT", "{kind: rename_column, from: day, to: d}", '"day" is part of the partition key of "public.logs"'),
        (
            "CREATE TABLE x (id int, day int, CONSTRAINT of FOREIGN KEY (id, day) REFERENCES logs)",
            "{kind: change_type, column: id, type: bigint, up: -id, down: -id}",
            "and keys that are equal now may not be so afterwards",
        ),
        (
            REFERRING_TO_ONE,
            "{kind: rename_column, from: seen, to: viewed}",
            'partition "public.logs_1" has foreign key "of" of another table, which refers to its "seen"',
        ),
        (REFERRING_TO_ONE, "{kind: drop_constraint, name: one}", 'foreign key "of" of "public.x" relies on "one"'),
        (
            "SELECT",
            "{kind: create_index, name: i, columns: [n], unique: true}",
            'index "i" cannot be unique without "day"',
        ),
        (
            "ALTER TABLE logs_1 ALTER n SET DEFAULT 3",
            "{kind: set_default, column: n, default: '8'}",
            'partition "public.logs_1" has another default of "n"',
        ),
        (
            'CREATE INDEX own ON "order" (email)',
            "{kind: drop_column, column: email}",
            'partition "public."order"" has index "own" of its own',
        ),
        (
            "COMMENT ON COLUMN logs_3.email IS 'x'",
            "{kind: rename_column, from: email, to: address}",
            "privileges, a comment or settings of its own",
        ),
        (
            "COMMENT ON CONSTRAINT \"has @\" ON logs_3 IS 'x'",
            "{kind: rename_column, from: email, to: address}",
            "privileges, a comment or settings of its own",
        ),
        (
            "COMMENT ON CONSTRAINT logs_n_not_null ON \"order\" IS 'x'",
            "{kind: drop_not_null, column: n}",
            'partition "public."order"" has a comment on its NOT NULL "logs_n_not_null"',
        ),
        (
            "ALTER TABLE logs ADD NOT NULL seen NOT VALID; ALTER TABLE logs_1 VALIDATE CONSTRAINT logs_seen_not_null",
            "{kind: drop_not_null, column: seen}",
            'partition "public.logs_1" has a comment on its NOT NULL "logs_seen_not_null", or validated it before',
        ),
        (
            "CREATE VIEW v AS SELECT email FROM logs_1",
            "{kind: drop_column, column: email}",
            'view "public.v" names column "email"',
        ),
        (
            "CREATE TABLE x (LIKE logs); CREATE INDEX ON logs (seen)",
            "{kind: add_check, name: c, check: 'true', no_inherit: true}",
            "is partitioned: its rows are in its partitions",
        ),
    ],
)
def test_what_partitions_stand_against_is_refused(
    sql: LiteralString, change: str, reason: str, logs: Database, tmp_path: Path
) -> None:
    logs.execute(sql)
    with pytest.raises(PlanRefused) as refused:
        migration(change, logs, tmp_path).advance(Phase.EXPAND)
    assert reason in refused.value.message
