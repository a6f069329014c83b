"""The command line in the test's own process: its entry point, its arguments, what it printed and its exit code.

A process of its own costs most of a second; tests that are about the process use the `orchestrator` fixture instead.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cli
from orchestrator import database as connections
from orchestrator.journal import schema
from tests.fixtures.database import Database
from tests.fixtures.processes import Result

USERS = """
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, city text);
INSERT INTO users (email, city) SELECT 'user' || n || '@example.com', 'city' FROM generate_series(1, 500) n;
ANALYZE users
"""
PLAN = """\
name: {name}
{release}changes:
  - kind: rename_column
    table: {table}
    from: {old}
    to: {new}
{rest}"""

PHASES = ("expand", "dual_write", "backfill", "constrain", "contract")


def initialised(database: Database) -> None:
    """The state schema and nothing else."""
    with connections.engine(database.dsn).connect() as connection:
        schema.upgrade(connection)


def shop(database: Database) -> None:
    """The state schema, and users."""
    initialised(database)
    database.execute(USERS)


@dataclass(frozen=True)
class CommandLine:
    """The command line on one database, in one folder."""

    database: Database
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *args: str, dsn: str | None = None) -> Result:
        """Runs a command to its end."""
        with self.monkeypatch.context() as patch:
            patch.setenv("ORCHESTRATOR_DATABASE_URL", dsn or self.database.dsn)
            patch.setenv("COLUMNS", "200")
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["orchestrator", *args])
            self.capsys.readouterr()
            try:
                cli.main()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            printed = self.capsys.readouterr()
        return Result(code, printed.out, printed.err)

    def succeed(self, *args: str, dsn: str | None = None) -> Result:
        """Runs a command that must not fail."""
        result = self(*args, dsn=dsn)
        assert result.exit_code == 0, result
        return result

    def json(self, *args: str) -> Any:
        """What a command says to programs."""
        return json.loads(self(*args, "--json").stdout)

    def plan(
        self,
        name: str = "rename-email",
        *,
        table: str = "users",
        old: str = "email",
        new: str = "email_address",
        release: str | None = "2.4",
        rest: str = "",
    ) -> Path:
        """Writes a plan file."""
        path = self.folder / "plans" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        line = f'release: "{release}"\n' if release else ""
        words = {"table": json.dumps(table), "old": json.dumps(old), "new": json.dumps(new)}
        path.write_text(PLAN.format(name=name, release=line, rest=rest, **words), encoding="utf-8")
        return path

    def advance(self, to: str, name: str = "rename-email") -> Result:
        """Takes a run to the end of a phase."""
        confirm = ["--confirm-contract"] if to == "contract" else []
        return self.succeed("advance", name, "--to", to, "--quiet", *confirm)


OpenCommandLine = Callable[[Database], CommandLine]


def hint_of(result: Result) -> str:
    """What follows "hint: " on stderr."""
    return result.stderr.partition("hint: ")[2].strip()
