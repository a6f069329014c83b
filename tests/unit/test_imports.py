"""What computes does not connect; what is not needed is not loaded."""

import subprocess
import sys

import pytest

LOADED = "import sys; {what}; print(*sorted(sys.modules), sep='\\n')"


def loaded_by(what: str) -> set[str]:
    """The modules that a fresh interpreter has loaded afterwards."""
    done = subprocess.run([sys.executable, "-c", LOADED.format(what=what)], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def packages(modules: set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


def test_phases_load_nothing_that_connects_or_validates() -> None:
    loaded = loaded_by("import phases")
    assert packages(loaded).isdisjoint({"sqlalchemy", "pydantic", "alembic", "typer", "tenacity", "orchestrator"})


@pytest.mark.parametrize("heavy", ["alembic", "yaml", "mako", "pydantic", "sqlalchemy", "tenacity", "rich.console"])
def test_the_command_line_loads_nothing_heavy_before_a_command_runs(heavy: str) -> None:
    assert heavy not in loaded_by("import orchestrator.cli")


@pytest.mark.parametrize("heavy", ["alembic", "yaml", "mako", "pydantic", "tenacity", "rich.console"])
def test_what_a_look_at_the_journal_takes_loads_nothing_heavy(heavy: str) -> None:
    needed = "orchestrator.context, orchestrator.gate, orchestrator.render, orchestrator.settings, orchestrator.view"
    assert heavy not in loaded_by(f"import {needed}")
