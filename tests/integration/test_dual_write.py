"""Dual write: whichever column a statement writes, both hold the same value, and real disagreements are counted."""

from typing import LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.fixtures.database import CreateRole
from tests.fixtures.shops import NAME, USERS, OpenShop, Shop

# row 1 is older than the trigger, row 2 is synchronised
TWO: LiteralString = """
CREATE TABLE users (id int PRIMARY KEY, email text, city text);
INSERT INTO users VALUES (1, 'u');
"""
SYNCHRONISED: LiteralString = "INSERT INTO users (id, email) VALUES (2, 's')"
CONFLICTS = "SELECT coalesce(last_value, 0) FROM pg_sequences WHERE sequencename LIKE 'orchestrator_conflicts%'"
CONFLICT: LiteralString = "UPDATE users SET email = 'x', email_address = 'y' WHERE id = 2"

Row = tuple[str | None, str | None]


def row(shop: Shop, key: int) -> Row:
    [found] = shop.database.fetch("SELECT email, email_address FROM users WHERE id = %s", [key])
    return found[0], found[1]


def outcome(shop: Shop, statement: LiteralString, key: int) -> tuple[Row, int]:
    """The row afterwards, and the disagreements counted."""
    shop.execute(SYNCHRONISED)
    shop.execute(statement)
    return row(shop, key), shop.scalar(CONFLICTS)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("statement", "pair", "conflicts"),
    [
        ("INSERT INTO users (id, email) VALUES (3, 'a')", ("a", "a"), 0),
        ("INSERT INTO users (id, email_address) VALUES (3, 'b')", ("b", "b"), 0),
        ("INSERT INTO users (id, email, email_address) VALUES (3, 'c', 'c')", ("c", "c"), 0),
        ("INSERT INTO users (id, email, email_address) VALUES (3, 'a', 'b')", ("b", "b"), 1),
        ("INSERT INTO users (id) VALUES (3)", (None, None), 0),
        ("INSERT INTO users (id, email) VALUES (3, '')", ("", ""), 0),
        ("INSERT INTO users SELECT 3, 'a', 'city'", ("a", "a"), 0),
        (
            "INSERT INTO users (id, email) VALUES (3, 'a') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email",
            ("a", "a"),
            0,
        ),
    ],
)
def test_an_insert_fills_the_other_column(
    open_shop: OpenShop, statement: LiteralString, pair: Row, conflicts: int
) -> None:
    assert outcome(open_shop(TWO, at="dual_write"), statement, 3) == (pair, conflicts)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("assignments", "pair", "conflicts"),
    [
        ("email = 'x'", ("x", "x"), 0),
        ("email_address = 'y'", ("y", "y"), 0),
        ("email = NULL", (None, None), 0),
        ("email_address = NULL", (None, None), 0),
        ("email = 'z', email_address = 'z'", ("z", "z"), 0),
        ("email = 'x', email_address = 'y'", ("y", "y"), 1),
        ("email = NULL, email_address = 'y'", ("y", "y"), 1),
        ("email = 'x', email_address = NULL", (None, None), 1),
        ("email = 's', email_address = 'y'", ("y", "y"), 0),
        ("city = 'c'", ("s", "s"), 0),
    ],
)
def test_an_update_of_a_synchronised_row_follows_what_changed(
    open_shop: OpenShop, assignments: LiteralString, pair: Row, conflicts: int
) -> None:
    shop = open_shop(TWO, at="dual_write")
    assert outcome(shop, f"UPDATE users SET {assignments} WHERE id = 2", 2) == (pair, conflicts)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("assignments", "pair", "conflicts"),
    [
        ("city = 'c'", ("u", "u"), 0),
        ("email = 'x'", ("x", "x"), 0),
        ("email = NULL", (None, None), 0),
        ("email_address = 'y'", ("y", "y"), 0),
        ("email = 'x', email_address = 'y'", ("y", "y"), 1),
    ],
)
def test_an_update_of_a_row_older_than_the_trigger_synchronises_it(
    open_shop: OpenShop, assignments: LiteralString, pair: Row, conflicts: int
) -> None:
    shop = open_shop(TWO, at="dual_write")
    assert outcome(shop, f"UPDATE users SET {assignments} WHERE id = 1", 1) == (pair, conflicts)


@pytest.mark.parametrize("column", ["email", "email_address"])
def test_copy_fills_the_other_column(open_shop: OpenShop, column: str) -> None:
    shop = open_shop(TWO, at="dual_write")
    statement = SQL("COPY users (id, {}) FROM STDIN").format(Identifier(column))
    with shop.database.connect() as connection, connection.cursor().copy(statement) as copy:
        copy.write("3\ta\n4\t\\N\n")
    assert (row(shop, 3), row(shop, 4)) == (("a", "a"), (None, None))


@pytest.mark.matrix
@pytest.mark.parametrize("column", ["email", "email_address"])
def test_an_upsert_that_meets_a_row_updates_both_columns(open_shop: OpenShop, column: str) -> None:
    shop = open_shop(TWO, at="dual_write")
    upsert = SQL("INSERT INTO users (id, {0}) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET {0} = EXCLUDED.{0}")
    shop.execute(upsert.format(Identifier(column)))
    assert row(shop, 1) == ("a", "a")
    assert shop.scalar(CONFLICTS) == 0


@pytest.mark.matrix
@pytest.mark.parametrize("column", ["email", "email_address"])
def test_a_merge_updates_and_inserts_both_columns(open_shop: OpenShop, column: str) -> None:
    shop = open_shop(TWO, at="dual_write")
    if shop.database.server_version < 150000:
        pytest.skip("MERGE came with PostgreSQL 15")
    merge = SQL(
        "MERGE INTO users USING (VALUES (1, 'a'), (3, 'b')) AS given (id, value) ON users.id = given.id"
        " WHEN MATCHED THEN UPDATE SET {0} = value WHEN NOT MATCHED THEN INSERT (id, {0}) VALUES (given.id, value)"
    )
    shop.execute(merge.format(Identifier(column)))
    assert (row(shop, 1), row(shop, 3)) == (("a", "a"), ("b", "b"))


@pytest.mark.parametrize(
    ("statement", "pair"),
    [
        ("INSERT INTO users (id, email_address) VALUES (3, 'b')", ("b", "b")),
        ("INSERT INTO users (id) VALUES (3)", ("none", "none")),
        ("INSERT INTO users (id, email, email_address) VALUES (3, 'a', 'b')", ("b", "b")),
    ],
)
def test_a_default_of_the_old_column_is_no_disagreement(
    open_shop: OpenShop, statement: LiteralString, pair: Row
) -> None:
    shop = open_shop(TWO + "ALTER TABLE users ALTER email SET DEFAULT 'none'", at="dual_write")
    assert outcome(shop, statement, 3) == (pair, 0)


def test_values_that_are_equal_but_not_the_same_are_copied(open_shop: OpenShop) -> None:
    shop = open_shop("CREATE TABLE users (id int, email numeric); INSERT INTO users VALUES (1, 1.0)", at="dual_write")
    shop.execute("UPDATE users SET email = 1.00")
    assert shop.scalar("SELECT email_address::text FROM users") == "1.00"


def test_a_type_without_an_equality_is_synchronised(open_shop: OpenShop) -> None:
    shop = open_shop(
        """CREATE TABLE users (id int, email json); INSERT INTO users VALUES (1, '{"a": 1}')""", at="expand"
    )
    shop.finish("backfill")
    shop.execute("""UPDATE users SET email_address = '{"b":2}'""")
    assert shop.scalar("SELECT email::text FROM users") == '{"b":2}'


def test_an_unrelated_update_calls_no_function(open_shop: OpenShop) -> None:
    shop = open_shop(TWO, at="backfill")
    with shop.database.connect() as connection:
        connection.execute(
            "SET track_functions = 'all'; UPDATE users SET city = 'c'; SELECT pg_stat_force_next_flush()"
        )
        calls = connection.execute("SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions").fetchone()
    assert calls == (0,)


@pytest.mark.parametrize("may_count", [True, False])
def test_an_application_needs_no_privilege_but_on_its_table(
    open_shop: OpenShop, application_role: CreateRole, may_count: bool
) -> None:
    shop, role = open_shop(TWO, at="dual_write"), application_role()
    shop.execute(SYNCHRONISED)
    shop.execute(SQL("GRANT SELECT, UPDATE ON users TO {}").format(Identifier(role.name)))
    if not may_count:
        shop.execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC")
    with psycopg.connect(role.dsn(shop.database)) as connection:
        connection.execute(CONFLICT)
    assert row(shop, 2) == ("y", "y")
    assert shop.scalar(CONFLICTS) == int(may_count)


def test_a_privilege_on_the_old_column_alone_is_enough(open_shop: OpenShop, application_role: CreateRole) -> None:
    shop, role = open_shop(TWO, at="dual_write"), application_role()
    shop.execute(SQL("GRANT SELECT, UPDATE (email) ON users TO {}").format(Identifier(role.name)))
    with psycopg.connect(role.dsn(shop.database)) as connection:
        connection.execute("UPDATE users SET email = 'x' WHERE id = 1")
    assert row(shop, 1) == ("x", "x")


HOSTILE_PATH: LiteralString = """
CREATE FUNCTION public.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
CREATE FUNCTION public.same(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same);
CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = public.same);
CREATE FUNCTION public.record_image_eq(record, record) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
CREATE FUNCTION public.record_image_ne(record, record) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''hijacked''; END';
SET search_path = public, pg_catalog;
"""


@pytest.mark.matrix
def test_a_hostile_search_path_changes_nothing(open_shop: OpenShop) -> None:
    shop = open_shop(TWO, at="dual_write")
    assert outcome(shop, HOSTILE_PATH + CONFLICT, 2) == (("y", "y"), 1)


def test_an_empty_search_path_changes_nothing(open_shop: OpenShop) -> None:
    shop = open_shop(TWO, at="dual_write")
    statement: LiteralString = (
        "SET search_path = ''; UPDATE public.users SET email = 'x', email_address = 'y' WHERE id = 2"
    )
    assert outcome(shop, statement, 2) == (("y", "y"), 1)


NORMALISING: LiteralString = """
CREATE FUNCTION normalise() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := lower(NEW.email); RETURN NEW; END';
CREATE TRIGGER normalise BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION normalise();
"""


def test_what_a_trigger_of_the_application_makes_of_a_value_is_copied(open_shop: OpenShop) -> None:
    shop = open_shop(TWO + NORMALISING, at="dual_write")
    shop.execute("INSERT INTO users (id, email) VALUES (3, 'A@B'); UPDATE users SET email = 'C@D' WHERE id = 1")
    assert (row(shop, 3), row(shop, 1)) == (("a@b", "a@b"), ("c@d", "c@d"))


LONG = "ü" * 31 + "n"
HOSTILE_PLAN = f"""\
name: {NAME}
changes:
  - {{kind: rename_column, table: 'we"ird%1', from: order, to: {LONG}}}
  - {{kind: rename_column, table: 'we"ird%1', from: 'a"b%s', to: "it's"}}
"""
HOSTILE: LiteralString = """
CREATE TABLE "we""ird%1" ("%(id)s" int PRIMARY KEY, "order" text NOT NULL UNIQUE, "a""b%s" text DEFAULT '%s');
INSERT INTO "we""ird%1" VALUES (1, 'one'), (2, 'two');
"""


@pytest.mark.matrix
def test_hostile_names_go_all_the_way(open_shop: OpenShop) -> None:
    shop = open_shop(HOSTILE, at="dual_write", plan=HOSTILE_PLAN)
    new = Identifier(LONG)
    shop.execute(SQL("""INSERT INTO "we""ird%1" ("%(id)s", {}, "it's") VALUES (3, 'three', 'x')""").format(new))
    shop.finish("contract")
    assert shop.database.fetch(SQL("""SELECT {}, "it's" FROM "we""ird%1" ORDER BY 1""").format(new)) == [
        ("one", "%s"),
        ("three", "x"),
        ("two", "%s"),
    ]


def test_old_code_goes_on_after_an_abort(open_shop: OpenShop) -> None:
    shop = open_shop(USERS, at="dual_write")
    assert shop.run("abort").exit_code == 0
    shop.execute("INSERT INTO users VALUES (11, 'a'); UPDATE users SET email = 'b'")


def test_a_writer_that_silences_triggers_is_synchronised_all_the_same(open_shop: OpenShop) -> None:
    shop = open_shop(TWO, at="dual_write")
    shop.execute(SYNCHRONISED)
    # as the apply worker of a subscription does
    shop.execute("SET session_replication_role = replica; UPDATE users SET email = 'replicated'")
    assert row(shop, 1) == row(shop, 2) == ("replicated", "replicated")
