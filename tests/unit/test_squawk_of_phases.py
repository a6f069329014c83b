"""All SQL that the phases emit passes squawk, but for what is listed here with its reason."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.lint import squawk
from orchestrator.lint.source import Source, read
from orchestrator.lint.squawk import Remark
from orchestrator.lint.syntax import Statement, statements

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.sql"))


@dataclass(frozen=True)
class Allowed:
    """What squawk may say of a statement in a file, and why it is right all the same."""

    rule: str
    why: str
    statement: str = ""
    files: str = ""

    def covers(self, file: str, statement: str, rule: str) -> bool:
        return (
            rule == self.rule
            and re.search(self.files, file) is not None
            and re.search(self.statement, statement) is not None
        )


CONTRACT = "_contract$"
UNDO = "_undo$"
ALLOWED = (
    Allowed("require-lock-timeout", "the executor sets lock_timeout for each step, by its lock class"),
    Allowed("require-statement-timeout", "the executor bounds how long a short step holds its lock"),
    Allowed(
        "prefer-robust-stmts",
        "a step in a transaction commits together with its journal row, so it is never run twice; for one outside, "
        "IF NOT EXISTS would take an INVALID index for the real one: the catalog is read instead",
    ),
    Allowed(
        "constraint-missing-not-valid",
        "NOT ENFORCED: PostgreSQL reads no row; squawk does not tell it from an enforced one",
        statement="NOT ENFORCED$",
    ),
    Allowed(
        "adding-foreign-key-constraint",
        "NOT ENFORCED: PostgreSQL reads no row; squawk does not tell it from an enforced one",
        statement="NOT ENFORCED$",
    ),
    Allowed(
        "constraint-missing-not-valid",
        "an exclusion constraint cannot be NOT VALID; the kind refuses tables above 8 MB",
        statement=r"EXCLUDE USING",
    ),
    Allowed(
        "ban-drop-constraint",
        "the check is our own: it proved NOT NULL, so that SET NOT NULL did not scan",
        statement=r'DROP CONSTRAINT IF EXISTS "[^;]*_not_null_[0-9a-f]{8}"$',
        files="_constrain$",
    ),
    Allowed(
        "prefer-text-field",
        "the type is the predecessor's: what a column had, its successor has",
        statement="ADD COLUMN",
        files="_expand$",
    ),
    *(
        Allowed(
            rule,
            "contract removes the old shape; no older release is running, and the operator has said so",
            files=CONTRACT,
        )
        for rule in (
            *("ban-drop-column", "ban-drop-table", "ban-drop-type", "ban-drop-view"),
            *("ban-drop-constraint", "ban-alter-identity"),
        )
    ),
    Allowed(
        "renaming-object",
        "the successor takes the name that its predecessor had, once that is gone",
        statement=r"RENAME (CONSTRAINT|TO)",
        files=CONTRACT,
    ),
    Allowed(
        "require-concurrent-index-creation",
        "its table is made in the same transaction: it is empty, and nobody sees it yet",
        files="(whole|partitioned)_expand$",
    ),
    Allowed(
        "require-concurrent-index-creation",
        "that of a partitioned table itself holds no row; those of its partitions are built concurrently",
        statement="ON ONLY",
        files="^with_partitions_constrain$",
    ),
    *(
        Allowed(
            rule,
            "that of a partitioned table itself reads no row; partitions get theirs over indexes built concurrently",
            statement="^ALTER TABLE ONLY",
            files="^with_partitions_constrain$",
        )
        for rule in ("constraint-missing-not-valid", "disallowed-unique-constraint")
    ),
    *(
        Allowed(
            rule,
            "each partition has it by then, validated beside the traffic: the table takes those over without a scan",
            statement="ADD CONSTRAINT [^;]* FOREIGN KEY",
            files="^with_partitions_constrain$",
        )
        for rule in ("constraint-missing-not-valid", "adding-foreign-key-constraint")
    ),
    Allowed(
        "require-concurrent-index-deletion",
        "PostgreSQL cannot drop the index of a partitioned table concurrently; all locks are had before it begins",
        statement="^DROP INDEX IF EXISTS",
        files="^with_partitions_",
    ),
    Allowed(
        "ban-drop-not-null",
        "what the plan asks for: newer code leaves the column out, and constrain or abort has its own way back",
        files="_expand$",
    ),
    Allowed(
        "ban-drop-constraint",
        "what the plan asks for: newer code breaks it, and an abort adds it again",
        files="hostile_expand$",
    ),
    Allowed(
        "renaming-column",
        "the successor takes the name that its predecessor had, in the transaction in which that goes",
        files="relabelled_contract$",
    ),
    Allowed(
        "require-enum-value-ordering",
        "what the plan asks for: without a place the value sorts last",
        statement="ADD VALUE",
        files="_constrain$",
    ),
    Allowed(
        "adding-field-with-default",
        "a VIRTUAL column is not stored, so nothing is written",
        statement="VIRTUAL$",
        files="_expand$",
    ),
    Allowed(
        "ban-drop-default",
        "what the plan asks for, when no older code relies on it; or an identity counts from the same transaction on",
        statement="DROP DEFAULT$",
        files=CONTRACT,
    ),
    Allowed(
        "ban-drop-default",
        "an abort restores what was: there was none",
        statement="DROP DEFAULT$",
        files="_expand_undo$",
    ),
    Allowed(
        "ban-drop-sequence",
        "it was the run's own, and its position is the identity's",
        statement="^DROP SEQUENCE (?!IF EXISTS)",
        files=CONTRACT,
    ),
    Allowed(
        "renaming-table",
        "the new name was served by a view all the time, which goes in the same transaction",
        statement="RENAME TO",
        files=CONTRACT,
    ),
    Allowed(
        "changing-column-type",
        "plan has tried it on an empty copy: no row is read, no file is written; the way back is bounded like any step",
        files="^retyped_constrain",
    ),
    Allowed(
        "prefer-text-field",
        "the type that the column had",
        statement="TYPE",
        files="^retyped_constrain_undo$",
    ),
    Allowed(
        "renaming-column",
        "two columns exchange their names in one transaction: both versions find the name that they know",
        files="^retyped_constrain",
    ),
    *(
        Allowed(
            rule,
            "it moves to the column that takes over the name, in the same transaction",
            files="^retyped_constrain",
        )
        for rule in ("ban-drop-default", "ban-alter-identity", "ban-drop-constraint", "renaming-object")
    ),
    *(
        Allowed(
            rule,
            "two tables exchange their names in one transaction, with what only one of them can have: both versions "
            "find what they know",
            files="^partitioned_constrain",
        )
        for rule in ("renaming-table", "renaming-object", "ban-alter-identity")
    ),
    *(
        Allowed(rule, "its table is still empty: there is nothing to scan", files="^partitioned_expand$")
        for rule in ("constraint-missing-not-valid", "adding-foreign-key-constraint")
    ),
    *(
        Allowed(rule, "abort takes away what the run itself has made, step by step", files=UNDO)
        for rule in ("ban-drop-column", "ban-drop-constraint", "ban-drop-not-null", "ban-drop-type", "ban-drop-view")
    ),
    Allowed(
        "ban-drop-table",
        "the run has made the table, and under the same lock it is looked whether it holds rows: then it stays",
        statement="DROP TABLE IF EXISTS",
        files=UNDO,
    ),
    *(
        Allowed(
            rule,
            "it belongs to our trigger, which goes with it",
            statement=f"DROP {word} IF EXISTS",
            files="_(contract|dual_write_undo)$",
        )
        for rule, word in (("ban-drop-function", "FUNCTION"), ("ban-drop-sequence", "SEQUENCE"))
    ),
)


def sources() -> Iterator[Source]:
    """What goes forward, and what undoes it: in the files it stands as comments."""
    for file in GOLDEN:
        forward = read(file)
        undo = re.findall(r"^--   (.*)$", forward.sql, re.MULTILINE)
        yield replace(forward, file=file.stem)
        yield replace(forward, file=f"{file.stem}_undo", sql="\n".join(undo))


SOURCES = list(sources())


def remarks_on(source: Source) -> list[tuple[Statement, Remark]]:
    found = statements(source)
    return [([each for each in found if each.start <= remark.offset][-1], remark) for remark in squawk.remarks(source)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.file)
def test_squawk_says_nothing_of_our_sql_that_is_not_listed(source: Source) -> None:
    unlisted = [
        f"{remark.rule}: {statement.text}"
        for statement, remark in remarks_on(source)
        if not any(allowed.covers(source.file, statement.text, remark.rule) for allowed in ALLOWED)
    ]
    assert unlisted == []


def test_nothing_is_listed_that_squawk_does_not_say() -> None:
    said = [
        (source.file, statement.text, remark.rule) for source in SOURCES for statement, remark in remarks_on(source)
    ]
    assert [each for each in ALLOWED if not any(each.covers(*one) for one in said)] == []
