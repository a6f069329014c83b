"""Names of what we make fit into 63 bytes, tell things apart, and come out as a reader expects."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phases.delta import Table
from phases.names import MAX_BYTES, counter_of, derived, fit, function_of, successor, trigger_of
from phases.sql import shown


def test_a_name_that_fits_is_kept() -> None:
    assert fit("é" * 31 + "x", "anything") == "é" * 31 + "x"


def test_a_name_that_is_too_long_is_cut_between_characters() -> None:
    cut = fit("x" + "é" * 32)
    assert len(cut.encode()) <= MAX_BYTES
    assert cut.startswith("x" + "é" * 26 + "_")


def test_two_long_names_with_the_same_beginning_stay_apart() -> None:
    assert fit("x" * 64) != fit("x" * 65)


@given(st.text(min_size=1), st.text(), st.text())
def test_no_derived_name_is_longer_than_postgresql_keeps(stem: str, plan: str, table: str) -> None:
    for name in (fit(stem, plan), derived(stem, plan), trigger_of(plan, table), function_of(plan, table)):
        assert 0 < len(name.encode()) <= MAX_BYTES
        assert "\ufffd" not in name or "\ufffd" in stem + plan + table


def test_the_parts_of_a_derived_name_do_not_run_together() -> None:
    assert derived("x", "ab", "c") != derived("x", "a", "bc")


def test_each_table_of_a_plan_has_its_own_trigger_function_and_counter() -> None:
    names = {of("rename-email", table) for of in (trigger_of, function_of, counter_of) for table in ("a.t", "b.t")}
    assert len(names) == 6


def test_names_do_not_change_from_one_release_to_the_next() -> None:
    assert trigger_of("rename-email", "public.users") == "zzzz_orchestrator_rename_email_5e2bf254"


@pytest.mark.parametrize(
    ("name", "renamed", "expected"),
    [
        ("users_email_key", {"email": "address"}, "users_address_key"),
        ("email", {"email": "address"}, "address"),
        ("email_idx", {"email": "address"}, "address_idx"),
        ("idx-email", {"email": "address"}, "idx-address"),
        ("emails_idx", {"email": "address"}, "emails_idx"),
        ("users_pkey", {"email": "address"}, "users_pkey"),
        ("Email_idx", {"email": "address"}, "Email_idx"),
        ("email_email_idx", {"email": "address"}, "address_address_idx"),
        ("t_first_name_idx", {"first_name": "given_name"}, "t_given_name_idx"),
        ("t_a.b_idx", {"a.b": "c"}, "t_c_idx"),
        ("t_aXb_idx", {"a.b": "c"}, "t_aXb_idx"),
        ("t_a_idx", {"a": "b_c", "c": "d"}, "t_b_c_idx"),
        ("t_first_name_idx", {"first": "x", "first_name": "y"}, "t_y_idx"),
        ("t_email_idx", {"email": r"\1%s"}, r"t_\1%s_idx"),
    ],
)
def test_a_successor_is_named_after_the_new_column(name: str, renamed: dict[str, str], expected: str) -> None:
    assert successor(name, renamed) == expected


def test_a_successor_that_would_be_too_long_is_cut() -> None:
    long = successor("users_email_key", {"email": "é" * 31})
    assert len(long.encode()) <= MAX_BYTES
    assert long.startswith("users_éé")


def test_two_columns_that_swap_their_names_swap_them_in_names_too() -> None:
    assert successor("t_a_b_idx", {"a": "b", "b": "a"}) == "t_b_a_idx"


def test_the_trigger_sorts_after_what_applications_call_theirs(rng: Random) -> None:
    ours = trigger_of("rename-email", "public.users").encode()
    theirs = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCXYZ_0189", k=12)) for _ in range(200)]
    assert all(name.encode() < ours for name in theirs if not name.startswith("zzzz"))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (Table("public", "users"), "public.users"),
        (Table("public", "Users"), 'public."Users"'),
        (Table('a"b', "c d"), '"a""b"."c d"'),
        (Table("public", "we%ird"), 'public."we%ird"'),
    ],
)
def test_a_report_quotes_a_table_where_it_must(table: Table, expected: str) -> None:
    assert shown(table) == expected
