"""`lint` without a database: which statement is which operation, what a plan takes over, and how it is shown."""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from orchestrator.changes import kinds
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.lint import entries, lint, show
from orchestrator.lint.judge import Finding, Known, judge
from orchestrator.lint.operations import operations
from orchestrator.lint.rules import BY_NAME, Level
from orchestrator.lint.source import Source
from orchestrator.lint.squawk import LintUnavailable
from orchestrator.lint.syntax import statements
from orchestrator.plan import parse
from tests.fixtures.lint import HABITS, LintSql, found, write, write_revision

OPERATIONS = {
    "ALTER TABLE t ADD COLUMN c int": "",
    "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0": "",
    "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT now()": "",
    "ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()": "add_column_volatile_default",
    "ALTER TABLE t ADD COLUMN c int DEFAULT app.f()": "add_column_volatile_default",
    "ALTER TABLE t ADD COLUMN c bigserial": "add_column_volatile_default",
    "ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS IDENTITY": "add_column_volatile_default",
    "ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS (b + 1) STORED": "add_column_stored_generated",
    "ALTER TABLE t ADD COLUMN c bigint GENERATED ALWAYS AS (b + 1) VIRTUAL": "",
    "ALTER TABLE t ADD COLUMN c bigint NOT NULL": "add_column_required",
    "ALTER TABLE t ADD COLUMN c json": "add_column_json",
    "ALTER TABLE t ADD COLUMN c bigint UNIQUE": "add_unique",
    "ALTER TABLE t ADD COLUMN c bigint CHECK (c > 0)": "add_check",
    "ALTER TABLE t ADD COLUMN c bigint REFERENCES u": "",
    "ALTER TABLE t DROP COLUMN c": "drop_column",
    "ALTER TABLE t RENAME COLUMN c TO d": "rename_column",
    "ALTER TABLE t ALTER c TYPE bigint": "change_type",
    "ALTER TABLE t ALTER c SET NOT NULL": "set_not_null",
    "ALTER TABLE t ALTER c DROP NOT NULL": "drop_not_null",
    "ALTER TABLE t ALTER c SET DEFAULT 1": "",
    "ALTER TABLE t ALTER c DROP DEFAULT": "drop_default",
    "ALTER TABLE t ADD CHECK (c > 0)": "add_check",
    "ALTER TABLE t ADD CHECK (c > 0) NOT VALID": "",
    "ALTER TABLE t ADD UNIQUE (c)": "add_unique",
    "ALTER TABLE t ADD UNIQUE USING INDEX i": "",
    "ALTER TABLE t ADD PRIMARY KEY (c)": "add_primary_key",
    "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u": "add_foreign_key",
    "ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u NOT VALID": "",
    "ALTER TABLE t ADD EXCLUDE USING gist (c WITH &&)": "add_exclusion",
    "ALTER TABLE t ADD UNIQUE (a, c WITHOUT OVERLAPS)": "add_exclusion",
    "ALTER TABLE t ADD PRIMARY KEY (a, c WITHOUT OVERLAPS)": "add_exclusion",
    "ALTER TABLE t ADD CONSTRAINT n NOT NULL c NOT VALID": "",
    "ALTER TABLE t VALIDATE CONSTRAINT x": "",
    "ALTER TABLE t DROP CONSTRAINT x": "drop_constraint",
    "ALTER TABLE t RENAME CONSTRAINT x TO y": "rename_constraint",
    "ALTER TABLE t RENAME TO u": "rename_table",
    "ALTER TABLE t SET SCHEMA app": "set_schema",
    "ALTER TABLE t SET UNLOGGED": "rewrite_table",
    "ALTER TABLE t DETACH PARTITION p": "detach_partition",
    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY": "",
    "ALTER TABLE t ATTACH PARTITION p DEFAULT": "attach_partition",
    "CREATE TABLE p PARTITION OF t DEFAULT": "create_partition",
    "ALTER TABLE t SET (fillfactor = 70)": "",
    "CREATE INDEX ON t (c)": "create_index",
    "CREATE INDEX CONCURRENTLY i ON t (c)": "",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (c)": "concurrently_if_not_exists",
    "CREATE INDEX CONCURRENTLY i ON t (a, b, c, d)": "index_columns",
    "DROP INDEX i": "drop_index",
    "DROP INDEX CONCURRENTLY i": "",
    "REINDEX TABLE t": "reindex",
    "REINDEX TABLE CONCURRENTLY t": "",
    "VACUUM FULL t": "vacuum_full",
    "VACUUM t": "",
    "DROP TABLE t": "drop_table",
    "DROP VIEW v": "drop_object",
    "DROP TYPE e": "drop_type",
    "TRUNCATE t": "truncate",
    "LOCK TABLE t": "lock_table",
    "REFRESH MATERIALIZED VIEW m": "refresh_materialized_view",
    "ALTER TYPE e ADD VALUE 'x' AFTER 'y'": "",
    "ALTER TYPE e RENAME VALUE 'x' TO 'y'": "rename_enum_value",
    "UPDATE t SET c = 1": "backfill",
    "UPDATE t SET c = 1 WHERE id = 1": "",
    "DELETE FROM t WHERE 1 = 1": "backfill",
    "WITH x AS (UPDATE t SET c = 1 RETURNING c) SELECT c FROM x": "backfill",
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET c = 1": "backfill",
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND t.c IS NULL THEN UPDATE SET c = 1": "",
    "MERGE INTO t USING (VALUES (1)) AS u (id) ON t.id = u.id WHEN MATCHED THEN DELETE": "",
    "MERGE INTO t USING (VALUES (1)) AS u (id) ON t.id = u.id WHEN NOT MATCHED BY SOURCE THEN DELETE": "backfill",
    "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b": "rewrite_table",
    "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()": "create_trigger",
    "CREATE POLICY p ON t USING (true)": "row_security",
    "DROP OWNED BY bob": "drop_object",
    "ALTER SEQUENCE s RESTART": "alter_sequence",
    "ALTER SEQUENCE s OWNED BY t.c": "",
    "REVOKE SELECT ON t FROM bob": "revoke",
    "REVOKE sellers FROM bob": "revoke",
    "CREATE OR REPLACE VIEW v AS SELECT 1": "replace_code",
    "CREATE OR REPLACE FUNCTION f() RETURNS int RETURN 1": "replace_code",
    "ALTER FUNCTION f STABLE": "replace_code",
    "ALTER VIEW v SET (security_barrier)": "replace_code",
    "ALTER ROLE bob SET work_mem = 1": "alter_settings",
    "ALTER EXTENSION citext UPDATE": "alter_settings",
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$": "",
    "SELECT 1": "",
}


@pytest.mark.parametrize(("sql", "rule"), OPERATIONS.items(), ids=list(OPERATIONS))
def test_each_statement_is_the_operation_that_it_is(sql: str, rule: str, lint_sql: LintSql) -> None:
    assert [each for _, each in found(lint_sql(sql))] == [rule] * bool(rule)


OTHERS = {
    "short_key": "CREATE TABLE n (id int PRIMARY KEY)",
    "type_choice": "CREATE TABLE n (at timestamp)",
    "replace_index": "DROP INDEX CONCURRENTLY i; CREATE INDEX CONCURRENTLY i ON t (c)",
    "validate_in_transaction": "BEGIN; ALTER TABLE t DROP COLUMN d; ALTER TABLE t VALIDATE CONSTRAINT x; COMMIT",
    "concurrently_in_transaction": "BEGIN; VACUUM t; COMMIT",
    "opaque": "DO LANGUAGE plpython3u 'pass'",
    "timeouts": "ALTER TABLE t DROP COLUMN c",
    "robust": "ALTER TABLE t DROP COLUMN c",
    "alter_identity": "ALTER TABLE t ALTER c DROP IDENTITY",
    "alter_generated_expression": "ALTER TABLE t ALTER c SET EXPRESSION AS (1)",
    "drop_generated_expression": "ALTER TABLE t ALTER c DROP EXPRESSION",
    "alter_constraint": "ALTER TABLE t ALTER CONSTRAINT x DEFERRABLE",
    "trigger": "ALTER TABLE t DISABLE TRIGGER ALL",
    "replica_identity": "ALTER TABLE t REPLICA IDENTITY FULL",
    "composite_type": "ALTER TYPE t ADD ATTRIBUTE c int",
    "domain_constraint": "ALTER DOMAIN d ADD CHECK (value > 0)",
    "rename_object": "ALTER VIEW v RENAME TO w",
    "drop_database": "DROP DATABASE d",
    "names": f"SELECT 1 AS {'a' * 64}",
    "duplicate_assignment": "UPDATE t SET c = 1, c = 2 WHERE id = 1",
    "add_column_domain": "ALTER TABLE t ADD COLUMN c app.d",
    "unused_ignore": "SELECT 1; -- squawk-ignore no-such-rule\nSELECT 2",
    "transactions": "BEGIN",
}


def test_lint_finds_every_operation_of_the_table(lint_sql: LintSql) -> None:
    # the first takes a database, the other a squawk that is not here
    unseen = {"foreign_key_type", "other"}
    sql = ";\n".join(statement for statement in [*OPERATIONS, *OTHERS.values()] if statement)
    report = lint_sql(sql, exclude=())
    seen = {each.rule for each in report.findings} | {each.rule for each in report.dismissed}
    assert set(BY_NAME) - seen == unseen


# what stands before in the file


HARMLESS = {
    "a table of this file": "CREATE TABLE t (c int); CREATE INDEX ON t (c); ALTER TABLE t ALTER c SET NOT NULL;",
    "a proof of this file": """
        ALTER TABLE t ADD CONSTRAINT n CHECK (c IS NOT NULL AND d > 0) NOT VALID;
        ALTER TABLE t VALIDATE CONSTRAINT n;
        ALTER TABLE t ALTER c SET NOT NULL;
        ALTER TABLE t DROP CONSTRAINT n;
    """,
    "a validation after work on a table of this file": (
        "BEGIN; CREATE TABLE t (c int); ALTER TABLE t ADD COLUMN d int; ALTER TABLE u VALIDATE CONSTRAINT x; COMMIT;"
    ),
    "some rows of two tables": "BEGIN; UPDATE t SET c = 1 WHERE id = 1; UPDATE u SET c = 2 WHERE id = 2; COMMIT;",
    "CONCURRENTLY after COMMIT": "BEGIN; SELECT 1; COMMIT; CREATE INDEX CONCURRENTLY i ON t (c);",
    "privileges on what this file creates": (
        "CREATE FUNCTION f() RETURNS int RETURN 1; REVOKE ALL ON FUNCTION f FROM public;"
        "CREATE SEQUENCE s; REVOKE ALL ON s FROM public; ALTER SEQUENCE s RESTART 5;"
        "CREATE TABLE t (c int); REVOKE ALL ON t FROM public;"
    ),
    "a type of this file": "CREATE TYPE e AS ENUM ('a'); ALTER TYPE e RENAME VALUE 'a' TO 'b';",
}


@pytest.mark.parametrize("sql", HARMLESS.values(), ids=list(HARMLESS))
def test_what_the_file_itself_makes_harmless_is_no_finding(sql: str, lint_sql: LintSql) -> None:
    assert found(lint_sql(sql)) == []


HARMFUL = {
    "a table that may have been there": (
        "CREATE TABLE IF NOT EXISTS t (c int); CREATE INDEX ON t (c);",
        "create_index",
    ),
    "a check that proves nothing": (
        "ALTER TABLE t ADD CONSTRAINT n CHECK (c > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT n;"
        "ALTER TABLE t ALTER c SET NOT NULL;",
        "set_not_null",
    ),
    "a check that nobody validated": (
        "ALTER TABLE t ADD CONSTRAINT n CHECK (c IS NOT NULL) NOT VALID; ALTER TABLE t ALTER c SET NOT NULL;",
        "set_not_null",
    ),
    "CONCURRENTLY in a transaction": (
        "BEGIN; CREATE INDEX CONCURRENTLY i ON t (c); COMMIT;",
        "concurrently_in_transaction",
    ),
    "validation under a strong lock": (
        "BEGIN; ALTER TABLE t ADD CHECK (c > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT t_c_check; COMMIT;",
        "validate_in_transaction",
    ),
    "rows changed under a strong lock": (
        "BEGIN; ALTER TABLE t ADD COLUMN c bigint; UPDATE t SET c = 1 WHERE id > 1; COMMIT;",
        "backfill",
    ),
    "CONCURRENTLY in a block": (
        "DO $$ BEGIN CREATE INDEX CONCURRENTLY i ON t (c); END $$;",
        "concurrently_in_transaction",
    ),
    "rows of two tables, the first all of them": (
        "BEGIN; UPDATE t SET c = 1; UPDATE u SET c = 2 WHERE id = 2; COMMIT;",
        "backfill",
    ),
    "an index gone before its successor": (
        "DROP INDEX CONCURRENTLY i; CREATE INDEX CONCURRENTLY i ON t (c);",
        "replace_index",
    ),
}


@pytest.mark.parametrize(("sql", "rule"), HARMFUL.values(), ids=list(HARMFUL))
def test_what_stands_before_makes_a_statement_dangerous(sql: str, rule: str, lint_sql: LintSql) -> None:
    assert [each for _, each in found(lint_sql(sql))] == [rule]


def test_a_tool_that_wraps_files_makes_concurrently_fail(lint_sql: LintSql) -> None:
    report = lint_sql("DROP INDEX CONCURRENTLY i;", in_transaction=True)
    assert [rule for _, rule in found(report)] == ["concurrently_in_transaction"]


def test_lint_looks_into_a_do_block_and_says_where_it_cannot(lint_sql: LintSql) -> None:
    sql = """SELECT 1;
DO $x$
DECLARE n int;
BEGIN
  IF true THEN
    ALTER TABLE t DROP COLUMN c;
  END IF;
  EXECUTE 'DROP TABLE ' || 'u';
END $x$;
"""
    assert found(lint_sql(sql)) == [(2, "opaque"), (6, "drop_column")]
    assert found(lint_sql("DO LANGUAGE plpython3u 'import os';")) == [(1, "opaque")]


def test_lines_are_right_behind_letters_of_several_bytes(lint_sql: LintSql) -> None:
    sql = "-- ééé\nSELECT 'é';\nSELECT 'éé'; ALTER TABLE é\n  DROP COLUMN c;"
    report = lint_sql(sql)
    assert found(report) == [(3, "drop_column")]
    assert report.findings[0].squawk == ("ban-drop-column",)


def test_how_a_statement_is_best_written_is_moot_where_it_should_not_be(lint_sql: LintSql) -> None:
    sql = "CREATE TABLE u (c bigint); ALTER TABLE t DROP COLUMN c;"
    rules = [finding.rule for finding in lint_sql(sql, exclude=["timeouts"]).findings]
    assert sorted(rules) == ["drop_column", "robust"]


def test_if_not_exists_is_never_advised_for_an_index_built_concurrently(lint_sql: LintSql) -> None:
    assert found(lint_sql("CREATE INDEX CONCURRENTLY i ON t (c)", exclude=["timeouts"])) == []


# plans


ENTRIES = {
    'ALTER TABLE "a.b"."we""ird%1" RENAME COLUMN "order" TO "or.der"': {
        "kind": "rename_column",
        "table": '"a.b".we"ird%1',
        "from": "order",
        "to": "or.der",
    },
    "ALTER TABLE t ALTER c TYPE numeric(10,2) USING c::numeric / 100": {
        "kind": "change_type",
        "table": "t",
        "column": "c",
        "type": "numeric(10, 2)",
        "up": "c::numeric / 100",
    },
    "ALTER TABLE t ADD c uuid NOT NULL DEFAULT gen_random_uuid()": {
        "kind": "add_column",
        "table": "t",
        "column": "c",
        "type": "uuid",
        "not_null": True,
        "default": "gen_random_uuid()",
    },
    "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a, b) REFERENCES s.u (x, y) ON DELETE CASCADE": {
        "kind": "add_foreign_key",
        "table": "t",
        "name": "f",
        "columns": ["a", "b"],
        "references": {"table": "s.u", "columns": ["x", "y"]},
        "on_delete": "cascade",
    },
    "ALTER TABLE t ADD CONSTRAINT k CHECK (lower(a) = 'x' OR b IS NULL)": {
        "kind": "add_check",
        "table": "t",
        "name": "k",
        "check": "lower(a) = 'x' OR b IS NULL",
    },
    "ALTER TABLE t ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b) DEFERRABLE": {
        "kind": "add_unique",
        "table": "t",
        "name": "k",
        "columns": ["a"],
        "include": ["b"],
        "nulls_not_distinct": True,
        "deferrable": True,
    },
    'CREATE UNIQUE INDEX i ON s.t USING gin ("Ab", lower(b) DESC) INCLUDE (d) WHERE e > 0': {
        "kind": "create_index",
        "table": "s.t",
        "name": "i",
        "columns": ["Ab", {"expression": "lower(b)", "order": "desc"}],
        "unique": True,
        "method": "gin",
        "include": ["d"],
        "where": "e > 0",
    },
    "ALTER TYPE s.e ADD VALUE 'x' BEFORE 'y'": {"kind": "add_enum_value", "type": "s.e", "value": "x", "before": "y"},
    "DROP INDEX i": None,
    "TRUNCATE t": None,
}


@pytest.mark.parametrize(("sql", "entry"), ENTRIES.items(), ids=list(ENTRIES))
def test_a_plan_takes_over_what_the_statement_says(sql: str, entry: dict[str, object] | None) -> None:
    source = Source(file="x.sql", sql=sql)
    (operation,) = operations(source, statements(source))
    assert entries.entry(operation) == entry


def test_a_plan_that_is_printed_is_one_that_plan_accepts(lint_sql: LintSql) -> None:
    (finding,) = lint_sql('ALTER TABLE "we""ird%1" RENAME COLUMN "order" TO "Ördnung"').findings
    assert finding.plan is not None
    plan = parse(finding.plan, "lint")
    assert plan.canonical()["changes"] == [
        {"kind": "rename_column", "table": 'we"ird%1', "from": "order", "to": "Ördnung"}
    ]


def test_no_plan_is_printed_for_a_kind_that_is_not_installed(
    lint_sql: LintSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.plan.kinds", lambda: {"rename_column": kinds()["rename_column"]})
    (finding,) = lint_sql("ALTER TABLE t ADD EXCLUDE USING gist (c WITH &&)").findings
    assert (finding.plan, finding.kinds) == (None, ())
    (finding,) = lint_sql("ALTER TABLE t ALTER c TYPE bigint").findings
    assert (finding.plan, finding.kinds) == (None, ("change_type",))
    (finding,) = lint_sql("ALTER TABLE t ADD FOREIGN KEY (a, PERIOD c) REFERENCES u (a, PERIOD c)").findings
    assert (finding.plan, finding.kinds) == (None, ("sql",))


def test_names_of_plans_are_names_that_plans_may_have() -> None:
    source = Source(file="x.sql", sql=f'ALTER TABLE "{"Ü" * 31}" RENAME COLUMN "{"x" * 63}" TO y')
    (operation,) = operations(source, statements(source))
    made = entries.entry(operation)
    assert made
    parse(yaml.safe_dump({"name": entries.plan_name(operation, made), "changes": [made]}), "lint")


# what is left out


def test_comments_silence_a_rule_by_our_name_and_by_squawks(lint_sql: LintSql) -> None:
    sql = "{} \nALTER TABLE t DROP COLUMN c;\nALTER TABLE t ALTER d TYPE bigint;"
    both = [(2, "drop_column"), (3, "change_type")]
    assert found(lint_sql(sql.format("-- nothing"))) == both
    for comment in ("-- squawk-ignore ban-drop-column", "-- orchestrator-ignore drop_column: nobody reads it"):
        assert found(lint_sql(sql.format(comment))) == both[1:]
    assert found(lint_sql(sql.format("-- orchestrator-ignore-file"))) == []
    assert found(lint_sql(sql.format("") + "\n-- squawk-ignore ban-drop-column")) == both


def test_a_rule_is_left_out_by_our_name_or_squawks(lint_sql: LintSql) -> None:
    sql = "ALTER TABLE t DROP COLUMN c;"
    assert lint_sql(sql, exclude=[*HABITS, "drop_column"]).findings == ()
    assert lint_sql(sql, exclude=[*HABITS, "ban-drop-column"]).findings == ()
    with pytest.raises(UsageError, match='no rule "ban-drop-colum"') as error:
        lint_sql(sql, exclude=["ban-drop-colum"])
    assert 'did you mean "ban-drop-column"' in (error.value.hint or "")


def test_level_error_leaves_habits_out(lint_sql: LintSql) -> None:
    sql = "ALTER TABLE t ADD COLUMN c int; ALTER TABLE t DROP COLUMN d;"
    rules = [finding.rule for finding in lint_sql(sql, exclude=()).findings]
    assert {"short_key", "timeouts", "drop_column"} <= set(rules)
    assert [finding.rule for finding in lint_sql(sql, exclude=(), level=Level.ERROR).findings] == ["drop_column"]


# files that cannot be read


UNREADABLE = {
    "SELECT 1;\nALTER TABEL t DROP c;": (2, "syntax error"),
    "SELECT 1;\n\\connect shop\n": (2, "psql command \\connect"),
    "SELECT 1;\nSELECT :name;": (2, "syntax error"),
    "SELECT 'open": (1, "unterminated quoted string"),
}


@pytest.mark.parametrize(("sql", "expected"), UNREADABLE.items(), ids=list(UNREADABLE))
def test_what_is_no_sql_is_named_with_its_line(sql: str, expected: tuple[int, str], lint_sql: LintSql) -> None:
    (problem,) = lint_sql(sql).problems
    assert problem.line == expected[0]
    assert expected[1] in problem.message


def test_one_unreadable_file_does_not_hide_the_findings_of_another(tmp_path: Path) -> None:
    broken = tmp_path / "0001.sql"
    broken.write_text("SELEC 1")
    report = lint([broken, write(tmp_path, "DROP TABLE t;")], None, exclude=HABITS)
    assert ([problem.file for problem in report.problems], found(report)) == ([str(broken)], [(1, "drop_table")])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.touch()
    for path in (other, tmp_path / "gone.sql"):
        with pytest.raises(UsageError):
            lint([path], None)


# Alembic


def test_a_revision_is_read_as_its_offline_sql_with_the_lines_of_the_file(tmp_path: Path) -> None:
    path = write_revision(
        tmp_path,
        'op.create_table("fresh", sa.Column("id", sa.BigInteger))',
        'op.create_index("fresh_id", "fresh", ["id"])',
        'op.alter_column("users", "email", nullable=False)',
        "with op.get_context().autocommit_block():",
        '    op.create_index("a", "users", ["a"], postgresql_concurrently=True)',
        'op.create_index("b", "users", ["b"], postgresql_concurrently=True)',
    )
    report = lint([path], None, exclude=HABITS)
    assert found(report) == [(12, "set_not_null"), (15, "concurrently_in_transaction")]


def test_a_revision_may_ask_whether_it_is_offline_and_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = "from alembic import context; print('asked')"
    drop = 'context.is_offline_mode() and op.drop_column("users", "email")'
    assert found(lint([write_revision(tmp_path, ask, drop)], None, exclude=HABITS)) == [(11, "drop_column")]
    assert capsys.readouterr().out == ""


UNREADABLE_REVISIONS = {
    'op.get_bind().execute(sa.text("SELECT 1")).scalar()': (10, "upgrade() failed: AttributeError"),
    "raise RuntimeError('no')": (10, "upgrade() failed: RuntimeError: no"),
    "raise SystemExit": (10, "upgrade() failed: SystemExit"),
    "if True": (10, "cannot be imported: SyntaxError"),
    'op.execute("SELEC 1")': (10, "syntax error"),
}


@pytest.mark.parametrize(("line", "expected"), UNREADABLE_REVISIONS.items(), ids=list(UNREADABLE_REVISIONS))
def test_a_revision_that_has_no_offline_sql_is_named_with_its_line(
    line: str, expected: tuple[int, str], tmp_path: Path
) -> None:
    (problem,) = lint([write_revision(tmp_path, line)], None).problems
    assert problem.line == expected[0]
    assert problem.message.startswith(expected[1])


def test_a_module_that_is_no_revision_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "models.py"
    path.write_text("x = 1")
    (problem,) = lint([path], None).problems
    assert "is no Alembic revision" in problem.message


# how it is shown


def test_the_text_says_what_happens_what_is_not_known_and_what_to_do(lint_sql: LintSql) -> None:
    shown = show.text(lint_sql("ALTER TABLE users ALTER email SET NOT NULL"))
    assert "0042.sql:1: error set_not_null: SET NOT NULL on users.email\n" in shown
    assert "takes ACCESS EXCLUSIVE on users and reads every row; nobody reads or writes it until it ends" in shown
    assert "unknown: how large users is" in shown
    assert "instead: set_not_null: " in shown


def test_json_has_findings_what_was_dismissed_and_problems(lint_sql: LintSql) -> None:
    shown = json.loads(show.as_json(lint_sql("CREATE TABLE t (c int); DROP TABLE t; DROP TABLE u")))
    assert [finding["rule"] for finding in shown["findings"]] == ["drop_table"]
    assert shown["dismissed"][0]["reason"] == "t is created in this file"
    assert (shown["problems"], shown["server_version"]) == ([], None)


def test_annotations_are_escaped_as_github_reads_them(tmp_path: Path) -> None:
    folder = tmp_path / "a,b:c%"
    folder.mkdir()
    report = lint([write(folder, 'ALTER TABLE "x%\n" DROP COLUMN c;')], None, exclude=HABITS)
    (line,) = show.github(report).splitlines()
    place, _, message = line.removeprefix("::error ").partition("::")
    assert place.endswith("a%2Cb%3Ac%25/0042.sql,line=1,title=lint%3A drop_column")
    assert message.startswith('DROP COLUMN "x%25%0A".c%0Atakes ACCESS EXCLUSIVE')


# squawk


@pytest.fixture
def squawk_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A squawk that prints what it is told to."""

    def says(text: str) -> None:
        program = tmp_path / "squawk"
        program.write_text(f"#!/bin/sh\ncat >/dev/null\ncat <<'END'\n{text}\nEND\n")
        program.chmod(0o755)
        monkeypatch.setattr("orchestrator.lint.squawk.program", lambda: program)

    return says


def remark(rule: str) -> dict[str, object]:
    return {"rule_name": rule, "line": 0, "column": 0, "message": "said so", "help": None}


def test_a_rule_of_a_newer_squawk_is_shown_in_its_own_words(
    lint_sql: LintSql, squawk_says: Callable[[str], None]
) -> None:
    squawk_says(json.dumps([remark("ban-novelty")]))
    (finding,) = lint_sql("SELECT 1").findings
    assert (finding.rule, finding.operation, finding.squawk) == ("other", "said so", ("ban-novelty",))


def test_what_postgresql_reads_is_sql_whatever_squawk_makes_of_it(
    lint_sql: LintSql, squawk_says: Callable[[str], None]
) -> None:
    squawk_says(json.dumps([remark("syntax-error")]))
    assert lint_sql("SELECT 1").findings == ()


def test_a_squawk_that_fails_is_an_error(lint_sql: LintSql, squawk_says: Callable[[str], None]) -> None:
    squawk_says("Configuration error")
    with pytest.raises(OrchestratorError, match="squawk failed on"):
        lint_sql("SELECT 1")


@pytest.mark.parametrize(("version", "is_finding"), [(140003, True), (140004, False), (180001, False), (0, False)])
def test_only_the_versions_that_had_the_bug_are_warned_of_it(version: int, is_finding: bool) -> None:
    source = Source(file="x.sql", sql="CREATE INDEX CONCURRENTLY i ON t (c)")
    operation = next(each for each in operations(source, statements(source)) if each.rule == "index_corruption")
    assert isinstance(judge("x.sql", operation, Known(server=version), []), Finding) == is_finding


# the extra


def test_a_missing_squawk_is_an_error_that_says_what_to_install(
    lint_sql: LintSql, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(LintUnavailable, match="squawk-cli") as error:
        lint_sql("SELECT 1")
    assert "pg-expand-contract[lint]" in (error.value.hint or "")


def test_a_missing_parser_is_one_as_well(lint_sql: LintSql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "postgast", None)
    with pytest.raises(LintUnavailable, match="postgast"):
        lint_sql("SELECT 1")


def test_the_command_says_so_where_nothing_of_it_is_loaded_yet(tmp_path: Path) -> None:
    (tmp_path / "x.sql").write_text("SELECT 1")
    command = "import sys; sys.modules['postgast'] = None; from orchestrator.cli import main; main()"
    arguments = [sys.executable, "-c", command, "lint", "--offline", str(tmp_path / "x.sql")]
    said = subprocess.run(arguments, capture_output=True, text=True)
    assert (said.returncode, said.stderr.splitlines()[0]) == (1, "error: lint needs postgast, which is not installed")
