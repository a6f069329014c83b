"""What a command loads: `status` answers at once because it leaves out what it does not need."""

import sys

import pytest

from tests.fixtures.processes import StartProcess
from tests.fixtures.shops import OpenShop

RUN = """
import sys
from orchestrator import cli
sys.argv[1:] = {words!r}
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(*sorted(sys.modules), sep=chr(10))
"""
# pydantic is not among them: typer itself loads it, to read the arguments
HEAVY = {"alembic", "mako", "yaml", "rich.console", "rich.progress", "tenacity", "matplotlib", "orchestrator.runner"}


@pytest.mark.parametrize("words", [["status"], ["status", "rename-email", "--json"], ["--help"]], ids=" ".join)
def test_a_command_that_only_looks_loads_nothing_heavy(
    words: list[str], open_shop: OpenShop, start_process: StartProcess
) -> None:
    database = open_shop(at="expand").database
    done = start_process(sys.executable, "-c", RUN.format(words=words), database=database).wait()
    assert done.exit_code == 0, done.stderr
    assert set(done.stdout.split()) & HEAVY == set()
