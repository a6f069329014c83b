"""A plan file: every mistake is answered with its place, what is wrong there and what to write instead."""

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
import yaml

from orchestrator import plan as plans
from orchestrator.changes import Change, kinds
from orchestrator.errors import PlanError, PlanNotFound
from orchestrator.plan import Plan, difference, duration, json_schema, load, parse, restore, split_table, template
from phases.delta import Table

GOOD = """\
name: rename-email
description: users.email becomes users.email_address
release: "2.4"
changes:
  - kind: rename_column
    table: users
    from: email
    to: email_address
backfill: {target_batch_ms: 100}
gates:
  contract: {soak: 24h}
"""


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def refusal(text: str) -> PlanError:
    with pytest.raises(PlanError) as caught:
        parse(text, "plans/rename-email.yaml")
    return caught.value


def test_a_good_plan_is_read() -> None:
    plan = parse(GOOD, "plan")
    assert (plan.name, plan.release, plan.soak) == ("rename-email", "2.4", timedelta(hours=24))
    assert plan.backfill.target_batch_ms == 100
    (change,) = plan.changes
    assert isinstance(change, Change)
    assert change.wanted.renames == {"email": "email_address"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            replaced("    from: email\n", "    form: email\n"),
            ':7: there is no key "form" here',
            'did you mean "from"? the keys are: kind, table, from, to',
        ),
        (
            replaced("description:", "descripton:"),
            ':2: there is no key "descripton" here',
            'did you mean "description"? the keys are: name, description, release, changes, backfill, gates',
        ),
        (
            replaced("target_batch_ms", "target_ms"),
            ':9: there is no key "target_ms" here',
            'did you mean "target_batch_ms"? the keys are: target_batch_ms, stripes, pause_between_batches_ms',
        ),
        (
            replaced("{soak: 24h}", "{sook: 24h}"),
            ':11: there is no key "sook" here',
            'did you mean "soak"? the keys are: soak',
        ),
        (
            replaced("  contract:", "  backfill:"),
            ':11: there is no key "backfill" here',
            "the keys are: contract",
        ),
        (
            replaced("rename_column", "rename_colum"),
            ':5: there is no kind "rename_colum"',
            'did you mean "rename_column"? the kinds are: ' + ", ".join(kinds()),
        ),
        (
            replaced("  - kind: rename_column\n    table", "  - table"),
            ":5: a change needs a kind",
            "the kinds are: " + ", ".join(kinds()),
        ),
        (replaced("    to: email_address\n", ""), ':5: "to" is missing', None),
        (replaced("name: rename-email\n", ""), ':1: "name" is missing', None),
        (replaced('"2.4"', "2.4"), ':3: "release" must be text', 'put it in quotes: release: "2.4"'),
        (replaced("table: users", "table: 2024"), ':6: "table" must be text', 'table: "2024"'),
        (replaced("from: email\n", "from: no\n"), ':7: "from" must be text', 'from: "no"'),
        (
            replaced('"2.4"', '"next"'),
            ':3: "release" must be a version that can be compared, such as "2.4" or "2024.11.1", not "next"',
            None,
        ),
        (replaced("24h", "a day"), ':11: "soak" must be a duration such as 90s, 30m, 24h or 7d, not "a day"', None),
        (replaced("ms: 100", "ms: 5"), ':9: "target_batch_ms" must be at least 10', None),
        (replaced("ms: 100", "ms: 900"), ':9: "target_batch_ms" must be at most 700', None),
        (replaced("ms: 100", "ms: fast"), ':9: "target_batch_ms" must be a whole number', None),
        (replaced("ms: 100", "ms: 99.5"), ':9: "target_batch_ms" must be a whole number', None),
        (replaced("{target_batch_ms: 100}", "fast"), ':9: "backfill" must be a mapping', None),
        (replaced("table: users", "table: [users]"), ':6: "table" must be text', None),
        (replaced("name: rename-email", "name: Rename Email"), ':1: "name" must be up to 40 lower-case letters', None),
        (replaced("    to: email_address\n", '    to: ""\n'), ':8: "to" must not be empty', None),
        (replaced("release:", "name:"), ':3:1: key "name" is given twice', None),
        (replaced("    to:", "    from:"), ':8:5: key "from" is given twice', None),
        (replaced("{soak: 24h}", "{soak: 24h"), ":12:1: ", None),
        (replaced("  - kind", "\t- kind"), ":5:1: ", None),
        ("", ": a plan is a mapping with at least name and changes", "write one with: orchestrator new"),
        ("- kind: rename_column", ": a plan is a mapping with at least name and changes", None),
        ("name: x\nchanges: []", ':2: "changes" must not be empty', None),
        ("name: x\nchanges: rename_column", ':2: "changes" must be a list', None),
        ("name: x\nchanges:\n  - rename_column", ":3: a change needs a kind", None),
        ("name: x\nchanges:\n  - kind: [rename_column]", ":3: there is no kind", None),
        ("name: x\n? [a, b]\n: c\nchanges: []", ":2:3: a key must be a word", None),
    ],
)
def test_a_mistake_is_answered_with_its_place_and_what_to_write(text: str, message: str, hint: str | None) -> None:
    error = refusal(text)
    assert "plans/rename-email.yaml" + message in error.message
    assert hint is None or hint in (error.hint or "")
    assert error.hint
    assert error.exit_code == 2


def test_all_mistakes_are_told_at_once() -> None:
    error = refusal(replaced("    from: email\n", "    form: email\n").replace('"2.4"', "2.4"))
    assert error.message.splitlines() == [
        'plans/rename-email.yaml:3: "release" must be text',
        'plans/rename-email.yaml:5: "from" is missing',
        'plans/rename-email.yaml:7: there is no key "form" here',
    ]


def test_a_key_may_be_called_like_a_kind() -> None:
    """The way to an error leaves out the word by which pydantic tells kinds apart, and nothing else."""
    error = refusal(replaced("    to:", "    rename_column:"))
    assert ':8: there is no key "rename_column" here' in error.message


def test_a_file_is_named_after_its_plan(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(GOOD)
    with pytest.raises(PlanError, match=r'other\.yaml: the plan calls itself "rename-email"') as caught:
        load(path)
    assert caught.value.hint == "a plan's file is named after it: rename-email.yaml"


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rename-email.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(PlanError, match=r"cannot read .*rename-email\.yaml"):
        load(path)


def test_a_plan_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "rename-email.yaml").write_text(GOOD)
    (tmp_path / "split-name.yml").write_text(GOOD)
    with pytest.raises(PlanNotFound) as caught:
        plans.find("rename-emial", tmp_path)
    assert caught.value.hint == 'did you mean "rename-email"? the plans there are: rename-email, split-name'


def test_a_plan_in_an_empty_folder_is_answered_with_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(PlanNotFound) as caught:
        plans.find("rename-email", tmp_path / "plans")
    assert caught.value.hint == "write one with: orchestrator new rename_column rename-email"


def test_a_plan_may_be_given_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "rename-email.yml"
    path.write_text(GOOD)
    assert plans.find(str(path), tmp_path / "elsewhere") == path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        (" 7 d ", timedelta(days=7)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_read(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h", "1h30m", "24H", "a day", "٣h", "9999999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        duration(text)


@pytest.mark.parametrize("kind", kinds())
def test_a_new_plan_loads_and_is_the_plan_it_shows(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "first-try.yaml"
    path.write_text(template(kind, "first-try"))
    plan = load(path)
    assert plan.changes[0].kind == kind
    assert difference(plan.canonical(), plan) is None


@pytest.mark.parametrize("kind", kinds())
def test_a_new_plan_loads_with_its_comments_taken_off(kind: str) -> None:
    """What is commented out is an example too."""
    lines = template(kind, "first-try").splitlines()
    start = next(number for number, line in enumerate(lines) if line == "# backfill:")
    text = "\n".join([*lines[:start], *(line.removeprefix("# ") for line in lines[start:])])
    assert parse(text, "plan").soak == timedelta(hours=24)


def test_a_template_names_its_release_wherever_it_speaks_of_one() -> None:
    assert "2024.11" not in template("rename_column", "x")
    assert template("rename_column", "x", release="2024.11").count("2024.11") == 2


@pytest.mark.parametrize("name", ["", "Rename", "a b", "../x", "x" * 41, "-x", "é"])
def test_a_name_that_cannot_be_a_plan_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="is not a plan name"):
        template("rename_column", name)


def test_an_unknown_kind_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(PlanError, match='there is no kind "rename-column"') as caught:
        template("rename-column", "x")
    assert caught.value.hint == 'did you mean "rename_column"? the kinds are: ' + ", ".join(kinds())


def test_a_stored_plan_is_the_plan() -> None:
    plan = parse(GOOD, "plan")
    assert restore(plan.canonical()) == plan


def changed(old: str, new: str) -> str | None:
    return difference(parse(GOOD, "plan").canonical(), parse(replaced(old, new), "plan"))


def test_a_changed_plan_is_told_as_a_diff() -> None:
    assert changed("to: email_address", "to: mail") == dedent("""\
        --- the run
        +++ the file
        @@ -5,5 +5,5 @@
           table: users
           from: email
        -  to: email_address
        +  to: mail
         gates:
           contract:""")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("target_batch_ms: 100", "target_batch_ms: 50"),
        ("becomes", "turns into"),
        ("backfill: {target_batch_ms: 100}\n", ""),
        ("name: rename-email\n", "name: rename-email  # said again\n"),
    ],
)
def test_a_word_of_explanation_or_a_knob_is_no_change(old: str, new: str) -> None:
    assert changed(old, new) is None


@pytest.mark.parametrize(("old", "new"), [("24h", "1h"), ('"2.4"', '"2.5"'), ("table: users", "table: people")])
def test_a_gate_a_release_or_a_table_is_a_change(old: str, new: str) -> None:
    assert changed(old, new) is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("users", Table("", "users")),
        ("app.users", Table("app", "users")),
        ("App.Users", Table("App", "Users")),
        ('"a.b".users', Table("a.b", "users")),
        ('"we""ird%1"', Table("", 'we"ird%1')),
        ('app."us.ers"', Table("app", "us.ers")),
        ('we"ird%1', Table("", 'we"ird%1')),
        ("order", Table("", "order")),
    ],
)
def test_a_table_is_taken_exactly_as_it_is_written(name: str, expected: Table) -> None:
    assert split_table(name) == expected


@pytest.mark.parametrize("name", ["", ".", "a.", ".b", "a.b.c"])
def test_what_is_no_table_is_refused(name: str) -> None:
    with pytest.raises(PlanError, match="is not a table name"):
        split_table(name)


def valid(text: str) -> bool:
    validator = jsonschema.Draft202012Validator(json_schema())
    return not list(validator.iter_errors(yaml.safe_load(text)))


def test_the_json_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "text",
    [GOOD, template("rename_column", "x"), "name: x\nchanges: [{kind: rename_column, table: t, from: a, to: b}]"],
)
def test_the_json_schema_takes_what_the_program_takes(text: str) -> None:
    assert valid(text)
    assert isinstance(parse(text, "plan"), Plan)


@pytest.mark.parametrize(
    "text",
    [
        replaced("    from: email\n", "    form: email\n"),
        replaced("rename_column", "rename_colum"),
        replaced("description:", "descripton:"),
        replaced('"2.4"', "2.4"),
        replaced("    to: email_address\n", ""),
        replaced("ms: 100", "ms: 5"),
        replaced("name: rename-email\n", ""),
        replaced("name: rename-email\n", "name: Rename Email\n"),
        replaced("24h", "a day"),
        "name: x\nchanges: []",
        "[]",
    ],
)
def test_the_json_schema_refuses_what_the_program_refuses(text: str) -> None:
    assert not valid(text)
    refusal(text)
