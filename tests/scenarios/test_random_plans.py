"""Plans that nobody has thought of, on schemas likewise: refused by name, or carried out as PostgreSQL itself would.

Each session draws a few by its seed. ORCHESTRATOR_TEST_PLANS=200, with --timeout=0, draws so many, and simplifies what
fails; what is printed then is schema.sql and plan.yaml of a case.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from psycopg.rows import TupleRow, class_row
from psycopg.sql import SQL, Composed, Identifier, Literal

from orchestrator.errors import NotInDatabase, PlanRefused, StepFailed
from phases import names
from phases.step import Phase
from tests.fixtures.database import Administrator, Database, Sql
from tests.fixtures.facts import facts
from tests.fixtures.faults import lives
from tests.fixtures.runs import Migration, init
from tests.scenarios.inventions import LITERALS, Invention, inventions

PLANS = int(os.environ.get("ORCHESTRATOR_TEST_PLANS", "0"))
FEW = 3
PARTS = 2
"""Tests that can run at the same time."""
STATEMENTS = 3
"""Of a version of the application, each time that it has its turn."""
BEFORE_CONTRACT = (Phase.EXPAND, Phase.DUAL_WRITE, Phase.BACKFILL, Phase.CONSTRAIN)
STAGES = (Stage.explicit, Stage.generate, *((Stage.shrink,) if PLANS else ()))

COLUMNS = """
SELECT n.nspname AS schema, c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS not_null, d.oid IS NOT NULL AS has_default,
       a.attidentity <> '' OR COALESCE(pg_get_expr(d.adbin, d.adrelid) ~ '^nextval', false) AS counts,
       COALESCE(
         (SELECT format('SELECT %I::text FROM %s', r.attname, k.confrelid::regclass)
          FROM pg_constraint k JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[1]
          WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum] LIMIT 1),
         CASE WHEN t.typtype = 'e' THEN format('SELECT unnest(enum_range(NULL::%s))::text', t.oid::regtype)
              WHEN e.typtype = 'e' THEN format('SELECT array[unnest(enum_range(NULL::%s))]::text', e.oid::regtype)
         END) AS found_in
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = t.typelem
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'orchestrator')
ORDER BY n.nspname, c.relname, a.attnum
"""
# what has a column's name in its own
HANGING = """
SELECT 'constraint', k.conname
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = %(column)s
WHERE k.conrelid = %(table)s::regclass AND a.attnum = ANY (k.conkey)
UNION ALL
SELECT 'index', c.relname
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = %(column)s
WHERE i.indrelid = %(table)s::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                        AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)
"""
RENAME = {
    "constraint": SQL("ALTER TABLE {table} RENAME CONSTRAINT {name} TO {to}"),
    "index": SQL("ALTER INDEX {index} RENAME TO {to}"),
}
ON = re.compile(r" ON (?P<table>.+?) USING .*")
"""What follows the name of an index in its definition."""
TAKEN = ("42P07", "42710")
"""duplicate_table, duplicate_object."""

Mask = frozenset[tuple[str, str]]
"""Columns, with their tables, of which nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column as an application knows it."""

    schema: str
    table: str
    name: str
    type: str
    not_null: bool
    has_default: bool
    counts: bool
    found_in: str | None
    """A query for the values that it may have, where it refers to another or is of an enum."""

    @property
    def masked(self) -> tuple[str, str]:
        return f"{self.schema}.{self.table}", self.name


class Application:
    """Code that was written for a database as it is, and knows its rows."""

    def __init__(
        self,
        database: Database,
        rng: Random,
        numbers: Iterator[int],
        unknown: Mask,
        given: Mask = frozenset(),
        fixed: Mask = frozenset(),
    ) -> None:
        self._database = database
        self._rng = rng
        self._numbers = numbers
        self._unknown = unknown
        self._given = given
        self._fixed = fixed
        with database.connect() as connection, connection.cursor(row_factory=class_row(Column)) as cursor:
            columns = cursor.execute(COLUMNS).fetchall()
        self.tables: Mapping[tuple[str, str], Sequence[Column]] = {
            (each.schema, each.table): [other for other in columns if other.masked[0] == each.masked[0]]
            for each in columns
        }

    def statement(self, *, may_delete: bool) -> Composed:
        table, columns = self._rng.choice(list(self.tables.items()))
        name = Identifier(*table)
        settable = [column for column in columns if not column.counts]
        row = self._row(name, columns)
        verb = self._rng.choice(("insert", "update", "update", "delete" if may_delete else "insert"))
        changeable = [column for column in settable if column.masked not in self._fixed]
        if verb == "insert" or row is None or not changeable:
            given = [column for column in settable if not (column.has_default and self._rng.random() < 0.5)]
            if not given:
                return SQL("INSERT INTO {} DEFAULT VALUES").format(name)
            values = SQL(", ").join(map(self._value, given))
            return SQL("INSERT INTO {} ({}) VALUES ({})").format(
                name, SQL(", ").join(Identifier(column.name) for column in given), values
            )
        if verb == "delete":
            return SQL("DELETE FROM {} WHERE {}").format(name, row)
        column = self._rng.choice(changeable)
        return SQL("UPDATE {} SET {} = {} WHERE {}").format(name, Identifier(column.name), self._value(column), row)

    def _row(self, table: Identifier, columns: Sequence[Column]) -> Composed | None:
        """Condition for a row that is there, or several that share a value."""
        told = [column for column in columns if column.masked not in self._unknown]
        if not told:
            return None
        column = self._rng.choice((told[0], told[0], self._rng.choice(told)))
        found = self._texts(SQL("SELECT {}::text FROM {}").format(Identifier(column.name), table))
        if not found:
            return None
        text = self._rng.choice(found)
        return SQL("{}::text = {}").format(Identifier(column.name), Literal(text))

    def _value(self, column: Column) -> Composed:
        may_be_null = not (column.not_null or column.has_default or column.masked in self._given)
        if may_be_null and self._rng.random() < 0.25:
            return Composed([SQL("NULL")])
        found = self._texts(SQL(column.found_in)) if column.found_in is not None else []
        text: str = self._rng.choice(found) if found else LITERALS[column.type](next(self._numbers))
        return SQL("CAST({} AS {})").format(Literal(text), SQL(column.type))

    def _texts(self, query: Sql) -> list[str]:
        return sorted({text for (text,) in self._database.fetch(query) if text is not None})


@dataclass(frozen=True)
class Trial:
    """One invention on two databases: on one by the orchestrator, on the other by PostgreSQL in one go."""

    invention: Invention
    database: Database
    twin: Database
    migration: Migration
    rng: Random
    numbers: Iterator[int]
    restless: bool
    """Runners die all the time."""

    @cached_property
    def altered(self) -> Mask:
        return frozenset().union(*(each.altered for each in self.invention.changes))

    @cached_property
    def arbitrary(self) -> Mask:
        return frozenset().union(*(each.arbitrary for each in self.invention.changes))

    @cached_property
    def late(self) -> Mask:
        return frozenset().union(*(each.late for each in self.invention.changes))

    @cached_property
    def sources(self) -> Mask:
        return frozenset().union(*(each.sources for each in self.invention.changes))

    @cached_property
    def given(self) -> Mask:
        return frozenset().union(*(each.given for each in self.invention.changes))

    def run(self, abort_after: Phase | None) -> str:
        """Returns what came of it."""
        old = Application(self.twin, self.rng, self.numbers, self.altered)
        try:
            self._do(partial(self.migration.advance, to=Phase.EXPAND))
        except (PlanRefused, NotInDatabase) as refusal:
            self._require_named(refusal)
            return "refused"
        if abort_after is not None:
            outcome = self._advance(old, to=abort_after)
            if outcome == "done" and abort_after is Phase.CONSTRAIN:
                self._keep()
            self._abort()
            if outcome == "failed":
                return outcome
        outcome = self._advance(old, to=Phase.CONSTRAIN)
        naive = self._naively()
        if outcome == "failed":
            assert naive is not None, "PostgreSQL itself takes the change"
            self._abort()
            return outcome
        assert naive is None, naive
        unknown = self.altered | self.arbitrary | self.late
        new = Application(self.twin, self.rng, self.numbers, unknown, self.given, self.sources)
        for statement in (each for change in self.invention.changes for each in change.begins):
            self._execute(SQL(statement), Phase.CONTRACT)
        self._work(new, Phase.CONTRACT)
        self._do(partial(self.migration.advance, to=Phase.CONTRACT))
        self._require_same()
        self._work(new, None)
        self._require_same()
        return "done"

    def _advance(self, old: Application, *, to: Phase) -> str:
        for phase in BEFORE_CONTRACT:
            try:
                self._do(partial(self.migration.advance, to=phase))
            except StepFailed as failure:
                note(f"failed in {phase}: {failure}")
                return "failed"
            self._work(old, phase)
            self._require_same_rows(self.altered)
            if phase is to:
                break
        return "done"

    def _abort(self) -> None:
        # of values that nobody can foretell nobody can say whose they are; of all others it is known
        self._do(partial(self.migration.abort, confirm_loss=bool(self.arbitrary)))
        assert self.database.dump() == self.twin.dump()
        self._require_same_rows(self.altered)

    def _keep(self) -> None:
        with self.twin.connect() as connection:
            for statement in (each for change in self.invention.changes for each in change.stays):
                connection.execute(SQL(statement))

    def _do(self, work: Callable[[], object]) -> None:
        if self.restless:
            deaths = lives(self.database, self.rng, work)
            note(f"runners died after {deaths}")
        else:
            work()

    # the application

    def _work(self, code: Application, phase: Phase | None) -> None:
        """A few statements, on both; contract: of newer code before it, None: of newer code after it."""
        may_delete = not any(each.unties for each in self.invention.changes)
        for _ in range(STATEMENTS if code.tables else 0):
            self._execute(code.statement(may_delete=may_delete), phase)

    def _execute(self, statement: SQL | Composed, phase: Phase | None) -> None:
        text = statement.as_string(None)
        with self.database.connect(autocommit=False) as ours, self.twin.connect(autocommit=False) as theirs:
            got, expected = _outcome(ours, statement), _outcome(theirs, statement)
            note(f"{phase or 'after contract'}: {text}: {got or 'done'}")
            if (got is None) != (expected is None):
                ours.rollback()
                theirs.rollback()
                assert self._is_meant(got, expected, phase), f"{text}: {got}, and by PostgreSQL alone {expected}"

    def _is_meant(self, got: psycopg.Error | None, expected: psycopg.Error | None, phase: Phase | None) -> bool:
        """Whether a change of the plan makes the difference, in this phase."""
        if phase is None:
            return False
        states = {error.sqlstate[:2] for error in (got, expected) if error is not None and error.sqlstate is not None}
        loosened = any(each.loosens for each in self.invention.changes)
        tightened = any(
            each.tightens and not phase.begins_before(each.tightens)
            for each in self.invention.changes
            if phase is not Phase.CONTRACT
        )
        return states <= {"22", "23"} and (loosened or (got is not None and tightened))

    # comparisons

    def _naively(self) -> psycopg.Error | None:
        """The change on the twin; the error, if PostgreSQL does not take it."""
        with self.twin.connect(autocommit=False) as connection:
            try:
                for statement in self.invention.naive:
                    connection.execute(SQL(statement))
            except psycopg.Error as error:
                connection.rollback()
                return error
            self._follow(connection)
        return None

    def _follow(self, connection: psycopg.Connection[TupleRow]) -> None:
        """Names that hold a column's follow it: docs/rename_column.md. PostgreSQL renames the column alone."""
        renames = [rename for each in self.invention.changes for rename in each.renames]
        for display, _, new in renames:
            table = Identifier(*display.split(".", 1))
            by_old = {old: name for where, old, name in renames if where == display}
            parameters = {"table": table.as_string(None), "column": new}
            for kind, name in connection.execute(HANGING, parameters).fetchall():
                to = names.successor(name, by_old)
                index = Identifier(display.split(".", 1)[0], name)
                rename = RENAME[kind].format(table=table, index=index, name=Identifier(name), to=Identifier(to))
                if to != name:
                    try:
                        with connection.transaction():
                            connection.execute(rename)
                    except psycopg.Error as error:
                        if error.sqlstate not in TAKEN:
                            raise

    def _require_named(self, refusal: PlanRefused | NotInDatabase) -> None:
        reasons = [reason for reason, _ in refusal.refusals] if isinstance(refusal, PlanRefused) else [str(refusal)]
        for reason in reasons:
            note(f"refused: {reason}")
            assert any(f'{name}"' in reason for name in self.invention.names), reason

    def _require_same(self) -> None:
        ours, theirs = self._facts(self.database), self._facts(self.twin)
        for key in ours.keys() | theirs.keys():
            assert ours.get(key) == theirs.get(key), key
        self._require_same_rows(self.arbitrary)

    def _facts(self, database: Database) -> Mapping[tuple[str, str], Any]:
        defaults = {
            Identifier(*table.split(".", 1), column).as_string(None).replace('"', "")
            for each in self.invention.changes
            for table, column in each.defaults
        }
        partitions = {name.replace('"', "") for each in self.invention.changes for name in each.partitions}
        found = {}
        for (kind, name), fact in facts(database).items():
            on = ON.search(fact["definition"]) if kind == "index" else None
            if kind == "sequence":
                # a name that was cut is cut otherwise; and of numbers there are gaps
                found[kind, fact["owner"]] = {**fact, "last": None}
            elif kind == "column" and name.replace('"', "") in defaults:
                found[kind, name] = {**fact, "default": fact["default"] is not None}
            elif on is not None and on["table"].replace('"', "") in partitions:
                found[kind, on[0]] = {**fact, "definition": None}
            elif kind != "relation" or fact["kind"] != "S":
                found[kind, name] = fact
        return found

    def _require_same_rows(self, mask: Mask) -> None:
        """In all columns that the twin has."""
        tables = Application(self.twin, self.rng, self.numbers, frozenset()).tables
        for table, columns in tables.items():
            told = [column for column in columns if column.masked not in mask]
            texts = SQL(", ").join(SQL("{}::text").format(Identifier(column.name)) for column in told)
            query = SQL("SELECT {} FROM {}").format(texts, Identifier(*table))
            ours, theirs = Counter(self.database.fetch(query)), Counter(self.twin.fetch(query))
            assert ours == theirs, (table, [column.name for column in told], ours - theirs, theirs - ours)


def _outcome(connection: psycopg.Connection[TupleRow], statement: SQL | Composed) -> psycopg.Error | None:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        return error
    return None


@contextmanager
def trial(administrator: Administrator, invention: Invention, rng: Random, *, restless: bool) -> Iterator[Trial]:
    database = administrator.create(init)
    with TemporaryDirectory() as plans:
        try:
            database.execute(SQL(invention.schema))
            twin = administrator.create(like=database)
            try:
                migration = Migration.of(invention.plan, database, Path(plans))
                yield Trial(invention, database, twin, migration, rng, count(1000), restless)
            finally:
                administrator.drop(twin.name)
        finally:
            administrator.drop(database.name)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_plan_is_refused_by_name_or_does_what_postgresql_alone_would_do(
    part: int, administrator: Administrator, rng: Random
) -> None:
    outcomes = Counter[str]()

    @seed(rng.randrange(2**32))
    @settings(
        max_examples=(PLANS or 2 * FEW) // PARTS,
        phases=STAGES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(inventions(), st.sampled_from((None, *BEFORE_CONTRACT)), st.integers(min_value=0), st.booleans())
    def carry_out(invention: Invention, abort_after: Phase | None, number: int, restless: bool) -> None:
        note(str(invention))
        with trial(administrator, invention, Random(number), restless=restless) as each:
            outcomes[each.run(abort_after)] += 1

    carry_out()
    print(dict(outcomes))
