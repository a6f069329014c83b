"""What is read: SQL files and Alembic revisions, each as SQL whose every byte knows its line in the file."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import UsageError


@dataclass(frozen=True)
class Problem:
    """A file that cannot be linted, and why."""

    file: str
    line: int
    message: str
    hint: str = ""


class Unreadable(Exception):
    """Raised with the problem that makes a file unreadable."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class Source:
    """The SQL of one file.

    `marks`: byte offsets and the lines of the file from which the SQL from there on comes (a revision), or empty.
    """

    file: str
    sql: str
    in_transaction: bool = False
    marks: tuple[tuple[int, int], ...] = ()

    @property
    def data(self) -> bytes:
        """The SQL as the parsers count it."""
        return self.sql.encode()

    def line(self, offset: int) -> int:
        """The line of the file, from 1, to which a byte of the SQL belongs."""
        if not self.marks:
            return self.data.count(b"\n", 0, offset) + 1
        position = bisect_right(self.marks, offset, key=lambda mark: mark[0])
        return self.marks[max(position - 1, 0)][1]


def read(path: Path, *, in_transaction: bool = False) -> Source:
    """Reads a file.

    Raises:
        UsageError: it is not there, or neither SQL nor a revision.
        Unreadable: its SQL cannot be had.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "give SQL files and Alembic revisions (.py)")
    if path.suffix == ".py":
        from orchestrator.lint.revision import offline_sql

        return offline_sql(path)
    if path.suffix != ".sql":
        raise UsageError(f"{path} is neither .sql nor .py", "give SQL files and Alembic revisions (.py)")
    try:
        sql = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(Problem(str(path), 1, f"cannot be read: {error}")) from error
    return Source(file=str(path), sql=sql, in_transaction=in_transaction)
