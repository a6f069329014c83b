"""The command line, on a database of the test's own."""

from pathlib import Path

import pytest

from tests.fixtures.database import CreateDatabase, Database
from tests.integration.command_line import CommandLine, OpenCommandLine, shop


@pytest.fixture
def open_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> OpenCommandLine:
    def open_on(database: Database) -> CommandLine:
        return CommandLine(database, tmp_path, monkeypatch, capsys)

    return open_on


@pytest.fixture
def cli(create_database: CreateDatabase, open_command_line: OpenCommandLine) -> CommandLine:
    """The command line in a folder with the plan "rename-email", on an initialised database with 500 users."""
    command_line = open_command_line(create_database(shop))
    command_line.plan()
    return command_line
