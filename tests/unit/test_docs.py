"""The documentation is true: links, commands, options, tables and SQL are compared with the code.

`ORCHESTRATOR_WRITE_GOLDEN=1 pytest -n0 tests/unit/test_docs.py` writes the SQL of the examples anew.
"""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.changes import kinds
from orchestrator.cli import app
from orchestrator.compiler import compile_plan
from orchestrator.errors import ExitCode
from orchestrator.knobs import Knobs
from orchestrator.plan import parse
from orchestrator.planning import read_catalog
from orchestrator.settings import Settings
from phases.step import Phase
from tests.fixtures.database import Database
from tests.fixtures.runs import context_of
from tests.unit.test_golden_sql import shown

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
README = CHECKOUT / "README.md"
IDS = [str(page.relative_to(CHECKOUT)) for page in PAGES]
each_page = pytest.mark.parametrize("page", PAGES, ids=IDS)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# of pytest, pg_dump and ruff
FOREIGN_OPTIONS = {"--pg-bin", "--seed", "--schema-only", "--check"}


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def links(page: Path) -> list[str]:
    targets: list[str] = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text()).replace("[]", "[x]"))
    return [target for target in targets if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The headings as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def code(page: Path) -> Iterator[str]:
    """Lines of code blocks that are no SQL, and what stands between backticks in the text."""
    text = page.read_text()
    yield from chain.from_iterable(body.splitlines() for language, body in FENCE.findall(text) if language != "sql")
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each use of the command: the line, and the words after `orchestrator`."""
    for line in code(page):
        for part in re.split(r"&&|\|\||;|`|,? or ", line):
            found = re.search(r"(?:^|[\s/':])orchestrator ((?:-|[a-z]).*)$", part)
            # "orchestrator NAME" in prose, "orchestrator run=…" in a comment of a statement
            if found and "=" not in found[1].split()[0]:
                yield line, words(found[1])


def words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # an apostrophe in what follows the command
        return text.split()


def table(page: Path, first_column: str) -> list[list[str]]:
    """The rows of the table whose head begins with this word; cells without backticks."""
    found = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    assert found, f"{page.name} has no table of {first_column}"
    return [[cell.strip().replace("`", "") for cell in row.split("|")[1:-1]] for row in found[1].splitlines()]


# links and paths


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_reached_from_the_index() -> None:
    index = CHECKOUT / "docs" / "index.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    assert {page for page in PAGES if page.is_relative_to(index.parent)} - linked == {index}


def test_pages_that_messages_name_are_there() -> None:
    sources = [path for folder in ("orchestrator", "phases") for path in (CHECKOUT / folder).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text())}
    assert [name for name in sorted(named) if not (CHECKOUT / name).exists()] == []


def test_tests_that_the_pages_name_are_there() -> None:
    sources = "".join(path.read_text() for path in (CHECKOUT / "tests").rglob("test_*.py"))
    named = {name for page in PAGES for name in re.findall(r"\btest_\w+\b(?!\.py|/)", page.read_text())}
    assert [name for name in sorted(named) if f"def {name}(" not in sources] == []


@each_page
def test_no_page_names_a_path_of_somebodys_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|work|Users|var)/\S*", page.read_text()) == []


# the command line


CLI: Any = typer.main.get_command(app)
GLOBAL_OPTIONS = {option: parameter for parameter in CLI.params for option in parameter.opts}


def options_of(name: str) -> set[str]:
    return {option for parameter in CLI.commands[name].params for option in parameter.opts} | {"-h", "--help"}


def strip_global(given: list[str]) -> list[str]:
    """What is left after the options that stand before a command."""
    while given and given[0].startswith("-"):
        parameter = GLOBAL_OPTIONS.get(given[0])
        assert parameter or given[0] in ("-h", "--help"), f"there is no option {given[0]} before a command"
        given = given[1 if parameter is None or parameter.is_flag else 2 :]
    return given


@each_page
def test_every_command_and_option_that_is_named_is_there(page: Path) -> None:
    for line, given in commands(page):
        rest = strip_global(given)
        if not rest or rest[0] in ("COMMAND", "NAME"):
            continue
        name = rest[0].rstrip(",.:")
        assert name in CLI.commands, line
        options = {option[1] for word in rest[1:] if (option := re.match(r"\[?(--[a-z-]+)", word))}
        assert options <= options_of(name), line


@each_page
def test_every_option_that_is_named_anywhere_is_there(page: Path) -> None:
    known = set(GLOBAL_OPTIONS) | FOREIGN_OPTIONS | set(chain.from_iterable(map(options_of, CLI.commands)))
    named = {option for line in code(page) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}
    assert named <= known


def test_the_readme_lists_every_command() -> None:
    listed = {
        re.split(r"[ ,]", part)[0] for row in table(README, "command") for part in row[0].split("orchestrator ")[1:]
    }
    assert listed == set(CLI.commands)


def test_the_readme_lists_every_exit_code() -> None:
    assert [row[0] for row in table(README, "code")] == [str(int(code)) for code in ExitCode]


def test_the_readme_lists_every_setting() -> None:
    rows = [[each.name, str(each.default), each.metadata["about"]] for each in fields(Settings)]
    assert table(README, "setting") == rows


def default_of(knob: dict[str, Any]) -> str:
    if knob["default"] is None:
        return "auto" if "auto" in str(knob) else "off"
    return str(knob["default"])


def bound(knob: dict[str, Any], key: str) -> str:
    """A limit may be off as well: its schema has several branches."""
    found = [branch[key] for branch in (knob, *knob.get("anyOf", [])) if key in branch]
    return str(found[0]) if found else ""


def test_every_knob_is_listed_with_its_bounds() -> None:
    knobs = Knobs.model_json_schema()["properties"]
    rows = [
        [name, default_of(knob), bound(knob, "minimum"), bound(knob, "maximum"), knob["description"]]
        for name, knob in knobs.items()
    ]
    assert table(CHECKOUT / "docs" / "plan-file.md", "knob") == rows


# kinds


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_a_page_and_a_row_in_the_matrix(kind: str) -> None:
    assert f"docs/{kind}.md" in links(README)
    assert (CHECKOUT / "docs" / f"{kind}.md").is_file()
    head = "kind \\| " + " \\| ".join(Phase)
    rows = {re.sub(r"\[(.*)\]\(.*\)", r"\1", row[0]): row[1:] for row in table(README, head)}
    assert all(rows[kind])


@pytest.mark.parametrize("kind", kinds())
def test_the_page_of_a_kind_shows_the_sql_that_runs(kind: str, database: Database) -> None:
    if database.server_version < 180000:
        pytest.skip("the page shows what PostgreSQL 18 gets")
    page, example = CHECKOUT / "docs" / f"{kind}.md", CHECKOUT / "examples" / kind
    database.execute((example / "schema.sql").read_text())
    plan = parse((example / "plan.yaml").read_text(), "plan.yaml")
    program = compile_plan(plan, read_catalog(context_of(database), plan))
    written = page.read_text()
    for phase in Phase:
        sql = "\n".join(line for placed in program.of(phase) for line in shown(placed.step)).rstrip() + "\n"
        block = re.compile(rf"(?<=^### {phase}\n\n```sql\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
        found = block.search(written)
        if found is None and not sql.strip():
            continue  # a phase without steps needs no block
        assert found, f"{page.name} has no SQL of {phase}"
        if os.environ.get("ORCHESTRATOR_WRITE_GOLDEN"):
            written = written[: found.start()] + sql + written[found.end() :]
            page.write_text(written)
        else:
            assert found[0] == sql
