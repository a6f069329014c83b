"""The table of operations is whole, and the page says what the code says."""

import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path

from orchestrator.changes import kinds
from orchestrator.lint import rules, squawk
from orchestrator.lint.rules import RULES


def words(text: str) -> set[str]:
    return set(text.split())


PAGE = Path(__file__).parents[2] / "docs" / "refuse-or-do.md"
# the first words of squawk's rules; one that begins otherwise would be found in its release notes only
FIRST_WORDS = (
    b"ban|require|prefer|adding|renaming|changing|constraint|disallowed|transaction|identifier|unused|avoid|missing"
)
# as strong_migrations 2 and online_migrations 0.2x name the messages of their checks (lib/*/error_messages.rb)
STRONG_MIGRATIONS = words("""
add_column_default add_column_default_null add_column_default_callable add_column_json add_column_generated_stored
change_column change_column_with_not_null remove_column rename_column rename_table add_reference add_index remove_index
add_index_columns add_index_corruption change_table create_table execute change_column_default change_column_null
change_column_null_postgresql change_column_null_mysql add_foreign_key validate_foreign_key add_check_constraint
add_check_constraint_mysql validate_check_constraint add_exclusion_constraint
""")
ONLINE_MIGRATIONS = words("""
short_primary_key_type create_table change_table rename_table add_column_with_default add_column_with_default_null
add_column_generated_stored add_column_json add_inheritance_column rename_column change_column_with_not_null
change_column change_column_default change_column_null remove_column add_timestamps_with_default add_reference
add_hash_index add_index add_index_corruption remove_index replace_index add_foreign_key validate_foreign_key
add_exclusion_constraint add_check_constraint add_unique_key validate_constraint add_not_null_constraint
add_text_limit_constraint execute multiple_foreign_keys drop_table_multiple_foreign_keys mismatched_foreign_key_type
""")
KINDS = words("""
add_column drop_column rename_column change_type set_not_null drop_not_null set_default drop_default set_comment
split_column merge_columns move_column extract_table add_check add_unique add_primary_key add_foreign_key
drop_constraint rename_constraint create_index drop_index replace_index reindex create_table drop_table rename_table
add_enum_value rename_enum_value remove_enum_value partition_table sql
""")


def squawk_knows(rule: str) -> bool:
    done = subprocess.run([squawk.program(), "--exclude", rule, os.devnull], capture_output=True, text=True)
    return "invalid rule name" not in done.stderr


def rules_of_the_binary() -> set[str]:
    """squawk lists its rules nowhere: their names stand in its data in a row, and it says which are real."""
    data = squawk.program().read_bytes()
    candidates = set()
    for run in re.findall(rb"[a-z0-9-]{8,}", data):
        starts = [found.start() for found in re.finditer(rb"(?:" + FIRST_WORDS + rb")-", run)]
        for start, end in pairwise([*starts, len(run)]):
            candidates |= {run[start:end].decode(), run[start : start + 16].decode()}
    return {name for name in candidates if 8 <= len(name) <= 60 and squawk_knows(name)}


def test_every_rule_of_squawk_is_in_the_table() -> None:
    known = {name for rule in RULES for name in rule.squawk}
    found = rules_of_the_binary()
    assert len(found) > 70
    assert found - known == set()


def test_the_table_names_no_rule_that_squawk_has_not() -> None:
    named = {name for rule in RULES for name in rule.squawk}
    # reported by squawk, but not for the user to switch
    assert {name for name in named if not squawk_knows(name)} == {"unused-ignore"}


def test_every_check_of_strong_migrations_is_in_the_table() -> None:
    assert {name for rule in RULES for name in rule.strong_migrations} == STRONG_MIGRATIONS


def test_every_check_of_online_migrations_is_in_the_table() -> None:
    assert {name for rule in RULES for name in rule.online_migrations} == ONLINE_MIGRATIONS


def test_only_kinds_of_the_catalogue_are_named() -> None:
    assert set(kinds()) <= KINDS
    assert {kind for rule in RULES for kind in rule.kinds} <= KINDS


def test_every_rule_has_a_kind_or_advice_and_a_name_of_its_own() -> None:
    assert all(rule.advice for rule in RULES)
    assert len(rules.BY_NAME) == len(RULES)


def test_the_page_is_the_table() -> None:
    text = PAGE.read_text()
    before, table = text[: text.index("| rule |")], text[text.index("| rule |") :]
    if os.environ.get("ORCHESTRATOR_WRITE_GOLDEN"):
        PAGE.write_text(before + rules.page())
    else:
        assert table == rules.page()
