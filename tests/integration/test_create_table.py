"""A new table: asked of the server first, complete before anybody sees it, and taken back only while it is empty."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL

from phases import names
from tests.fixtures.locks import holding
from tests.integration.command_line import CommandLine, hint_of

ORDERS: dict[str, Any] = {
    "kind": "create_table",
    "table": "orders",
    "columns": {"id": {"type": "bigint", "identity": "always"}, "user_id": {"type": "integer"}},
    "primary_key": ["id"],
    "foreign_keys": [{"columns": ["user_id"], "references": "users"}],
}
LATER = "é" * 31 + "x"
LOGS: dict[str, Any] = {
    "kind": "create_table",
    "table": 'lo"g%1',
    "columns": {
        "id": {"type": "int", "identity": "by default"},
        "da'y": {"type": "date", "not_null": True},
        "user_id": {"type": "int"},
    },
    "primary_key": ["id", "da'y"],
    "indexes": {'i"x': "(user_id)"},
    "foreign_keys": [{"columns": ["user_id"], "references": "users", "on_delete": "cascade"}],
    "partition_by": {
        "by": "range",
        "columns": ["da'y"],
        "partitions": {'ol"d%s': {"to": "2026-01-01"}, LATER: {"default": True}},
    },
}


def write(cli: CommandLine, *changes: dict[str, Any], name: str = "orders") -> None:
    """A plan file; JSON is YAML."""
    path = cli.folder / "plans" / f"{name}.yaml"
    path.write_text(json.dumps({"name": name, "changes": changes}), encoding="utf-8")


def reasons(cli: CommandLine, *changes: dict[str, Any]) -> Sequence[str]:
    """Why `plan` refuses, each with its advice."""
    write(cli, *changes)
    said = cli("plan", "orders")
    assert (said.exit_code, said.stdout) == (2, ""), said
    return [line.strip() for line in said.stderr.splitlines()[1:]]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"columns": {"id": {"type": "bigserial"}}}, 'column "id" of "public.orders": type "bigserial" does not exist'),
    ({"columns": {"id": {"type": "int UNIQUE"}}}, 'column "id" of "public.orders": syntax error at or near "UNIQUE"'),
    (
        {"columns": {"id": {"type": "int", "default": "'x'"}}},
        'column "id" of "public.orders": invalid input syntax for type integer: "x"',
    ),
    (
        {"columns": {"id": {"type": "int", "default": "1; DROP TABLE users"}}},
        'column "id" of "public.orders": syntax error at or near ";"',
    ),
    ({"primary_key": ["nr"]}, 'key "orders_pkey" of "public.orders": column "nr" of relation "orders" does not exist'),
    ({"checks": {"some": "nr > 0"}}, 'check "some" of "public.orders": column "nr" does not exist'),
    ({"indexes": {"i": "(nr)"}}, 'index "i" of "public.orders": column "nr" does not exist'),
    ({"grants": [{"to": "nobody at all", "privileges": ["ALL"]}]}, 'grants of "public.orders": role "nobody at all"'),
    ({"table": "users"}, 'there is already a relation or a type "public.users"'),
    ({"table": "orchestrator.orders"}, '"orchestrator.orders" is a table of the system or of this program'),
    (
        {"unique": [{"columns": ["user_id"], "name": "users_pkey"}]},
        'there is already a relation "public.users_pkey"',
    ),
    (
        {"partition_by": {"by": "hash", "columns": ["nr"], "modulus": 2}},
        'partition_by of "public.orders": column "nr" named in partition key does not exist',
    ),
    (
        {"partition_by": {"by": "hash", "columns": ["user_id"], "modulus": 2}, "primary_key": ["id"]},
        'key "orders_pkey" of "public.orders": unique constraint on partitioned table must include all partitioning',
    ),
    (
        {"partition_by": {"by": "list", "columns": ["id"], "partitions": {"a": {"values": [1]}, "b": {"values": [1]}}}},
        'partitions of "public.orders": partition "b" would overlap partition "a"',
    ),
    (
        {"partition_by": {"by": "list", "columns": ["id"], "partitions": {"users": {"default": True}}}},
        'there is already a relation "public.users"',
    ),
    (
        {
            "partition_by": {"by": "hash", "columns": ["id"], "modulus": 1000},
            "indexes": {f"i{n}": "(id)" for n in range(9)},
        },
        'locks of "public.orders": to make its partitions takes about 14000 at once',
    ),
]


@pytest.mark.parametrize(("change", "reason"), REFUSED, ids=[next(iter(change)) for change, _ in REFUSED])
def test_what_the_server_would_not_make_is_refused(change: dict[str, Any], reason: str, cli: CommandLine) -> None:
    first = reasons(cli, {**ORDERS, "primary_key": [], "foreign_keys": [], **change})[0]
    assert first.startswith(f"1. {reason}")


FOREIGN_KEYS: list[tuple[dict[str, Any], str]] = [
    ({"references": "nowhere"}, 'there is no table "nowhere"'),
    ({"references": "users", "to": ["city"]}, "there is no unique constraint matching given keys for referenced table"),
    ({"references": "logs_all"}, "public.logs_all is a partition"),
]


@pytest.mark.parametrize(("key", "reason"), FOREIGN_KEYS)
def test_what_a_foreign_key_cannot_refer_to_is_refused(key: dict[str, Any], reason: str, cli: CommandLine) -> None:
    cli.database.execute("CREATE TABLE logs (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    cli.database.execute("CREATE TABLE logs_all PARTITION OF logs DEFAULT")
    found = reasons(cli, {**ORDERS, "foreign_keys": [{"columns": ["user_id"], **key}]})
    assert found[0].startswith(f'1. foreign key "orders_user_id_fkey" of "public.orders": {reason}')


def test_a_table_that_the_plan_also_changes_cannot_be_referred_to(cli: CommandLine) -> None:
    rename = {"kind": "rename_column", "table": "users", "from": "city", "to": "town"}
    assert 'foreign key "orders_user_id_fkey" refers to "public.users", which this plan changes' in str(
        reasons(cli, ORDERS, rename)
    )


def test_nothing_else_in_a_plan_is_about_a_table_that_it_makes(cli: CommandLine) -> None:
    found = reasons(cli, ORDERS, {**ORDERS, "comment": "again"})
    assert found[0] == '1. "public.orders" is the matter of a create_table and of another change of this plan'


def test_two_tables_of_a_plan_cannot_have_partitions_of_one_name(cli: CommandLine) -> None:
    found = reasons(cli, {**LOGS, "foreign_keys": []}, {**LOGS, "table": "other", "foreign_keys": [], "indexes": {}})
    assert f'changes of 2 tables make "{LATER}" in schema "public"' in str(found)


def test_to_plan_a_foreign_key_waits_for_no_writer(cli: CommandLine) -> None:
    """The server is asked about an empty copy: SHARE ROW EXCLUSIVE on users would wait for this one."""
    write(cli, ORDERS)
    with holding(cli.database, "LOCK TABLE users IN ROW EXCLUSIVE MODE"):
        cli.succeed("--lock-timeout-ms", "100", "plan", "orders")


@pytest.mark.matrix
def test_names_that_want_quoting_are_taken_as_they_are(cli: CommandLine) -> None:
    long = "é" * 31 + "x"
    hostile = {
        "kind": "create_table",
        "table": 'public.we"ird%1',
        "columns": {"order": {"type": "text", "default": "'100%'"}, long: {"type": "int"}, "pg_class": {"type": "int"}},
        "primary_key": ["order"],
        "unique": [{"columns": [long]}],
        "checks": {"che'ck%s": "\"order\" LIKE '1%'"},
        "indexes": {'i"x': '(lower("order")) WHERE "order" <> \'%\''},
        "foreign_keys": [{"columns": ["pg_class"], "references": "users", "name": "f%k"}],
    }
    catalog = {"kind": "create_table", "table": "pg_class", "columns": {"relname": {"type": "text"}}}
    write(cli, hostile, catalog)
    before = cli.database.dump()
    cli.advance("constrain", "orders")
    cli.database.execute('INSERT INTO public."we""ird%1" (pg_class) VALUES (1)')
    named = cli.database.fetch("SELECT conname FROM pg_constraint WHERE contype = 'u' AND conname LIKE 'we%'")
    assert named == [(names.fit(f'we"ird%1_{long}_key'),)]
    assert 'table public."we""ird%1" has rows' in cli("abort", "orders").stderr
    cli.database.execute('DELETE FROM public."we""ird%1"')
    cli.succeed("abort", "orders")
    assert cli.database.dump() == before


def test_an_abort_does_not_drop_rows_of_the_application(cli: CommandLine) -> None:
    write(cli, {**ORDERS, "foreign_keys": []}, {**ORDERS, "table": "carts"})
    before = cli.database.dump()
    cli.advance("constrain", "orders")
    whole = cli.database.dump()
    cli.database.execute("INSERT INTO orders DEFAULT VALUES")
    said = cli("abort", "orders")
    assert (said.exit_code, hint_of(said)) == (3, "copy them elsewhere if they are needed, and delete them")
    assert "error: nothing was undone: table public.orders has rows, which would be lost" in said.stderr
    assert cli.database.dump() == whole
    cli.database.execute("DELETE FROM orders")
    cli.succeed("abort", "orders")
    assert cli.database.dump() == before


def test_rows_written_after_an_abort_has_begun_are_not_dropped_either(cli: CommandLine) -> None:
    """Between the first look and the drop: the second look is taken with the lock held."""
    write(cli, {**ORDERS, "foreign_keys": []})
    cli.advance("constrain", "orders")
    undo = cli.database.fetch("SELECT payload #>> '{undo,0,sql,0}' FROM orchestrator.step WHERE position = 1")[0][0]
    cli.database.execute("INSERT INTO orders DEFAULT VALUES")
    cli.database.execute("UPDATE orchestrator.step SET payload = jsonb_set(payload, '{undo,0,require}', '\"\"')")
    said = cli("abort", "orders")
    assert said.exit_code == 1
    assert "LOCK TABLE" in undo
    assert cli.database.fetch("SELECT count(*) FROM orders") == [(1,)]


@pytest.mark.matrix
def test_a_run_goes_on_after_its_table_is_there(cli: CommandLine) -> None:
    """What expand has made is neither drift nor in the way of a refresh."""
    write(cli, ORDERS)
    cli.advance("expand", "orders")
    cli.succeed("plan", "orders", "--refresh")
    cli.advance("contract", "orders")
    assert cli.succeed("check", "orders", "--code", "old").exit_code == 0
    valid = "SELECT convalidated FROM pg_constraint WHERE conname = 'orders_user_id_fkey'"
    assert cli.database.fetch(valid) == [(True,)]


@pytest.mark.matrix
def test_a_partitioned_table_is_made_whole_and_goes_while_it_is_empty(cli: CommandLine) -> None:
    """With foreign keys to it, and out of it, and what somebody has attached: that is not ours to drop."""
    notes = {
        **ORDERS,
        "columns": {"id": {"type": "int"}, "day": {"type": "date"}},
        "foreign_keys": [{"columns": ["id", "day"], "references": 'lo"g%1'}],
    }
    write(cli, LOGS, notes)
    before = cli.database.dump()
    cli.advance("expand", "orders")
    cli.succeed("plan", "orders", "--refresh")
    cli.advance("constrain", "orders")
    cli.database.execute("""
        CREATE TABLE theirs (id int NOT NULL, "da'y" date NOT NULL, user_id int);
        ALTER TABLE "lo""g%1" ATTACH PARTITION theirs FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
        INSERT INTO "lo""g%1" ("da'y", user_id) VALUES ('2025-01-01', 1), ('2026-01-01', 1), ('2027-01-01', 1);
        INSERT INTO orders VALUES (1, '2025-01-01')
    """)
    by_partition = 'SELECT tableoid::regclass::text FROM "lo""g%1" ORDER BY id'
    assert cli.database.fetch(by_partition) == [('"ol""d%s"',), (f'"{LATER}"',), ("theirs",)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        cli.database.execute('DELETE FROM "lo""g%1" WHERE id = 1')
    cli.database.execute("DELETE FROM orders")
    said = cli("abort", "orders")
    assert "has partitions that this run has not made, which would go with it: theirs" in said.stderr
    assert hint_of(said) == "drop them, or take them out with ALTER TABLE … DETACH PARTITION"
    cli.database.execute('ALTER TABLE "lo""g%1" DETACH PARTITION theirs; DROP TABLE theirs')
    assert 'table public."lo""g%1" has rows, which would be lost' in cli("abort", "orders").stderr
    cli.database.execute("DELETE FROM users WHERE id = 1")
    cli.succeed("abort", "orders")
    assert cli.database.dump() == before


def test_a_partition_attached_after_an_abort_has_begun_is_not_dropped_either(cli: CommandLine) -> None:
    write(cli, {**LOGS, "foreign_keys": []})
    cli.advance("expand", "orders")
    undo = cli.database.fetch("SELECT payload #>> '{undo,0,sql,0}' FROM orchestrator.step WHERE position = 1")[0][0]
    cli.database.execute(
        """CREATE TABLE theirs PARTITION OF "lo""g%1" FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"""
    )
    cli.database.execute("UPDATE orchestrator.step SET payload = jsonb_set(payload, '{undo,0,require}', '\"\"')")
    assert "this run has not made" in cli("abort", "orders").stderr
    assert undo.index("LOCK TABLE ONLY %s") < undo.index("pg_partition_tree") < undo.index("EXISTS")


@pytest.mark.matrix
def test_a_table_that_has_no_partitions_yet_is_made_with_a_warning(cli: CommandLine) -> None:
    write(cli, {**LOGS, "partition_by": {"by": "range", "columns": ["da'y"]}})
    warned = cli.succeed("plan", "orders")
    assert 'table "public.lo"g%1" has no partitions: until it has one, to write a row fails' in warned.stdout
    assert ("do not have the identity of" in warned.stdout) == (cli.database.server_version < 170000)
    cli.advance("contract", "orders")
    cli.database.execute('CREATE TABLE one PARTITION OF "lo""g%1" DEFAULT')
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        cli.database.execute("""INSERT INTO "lo""g%1" VALUES (1, '2026-01-01', -1)""")


@pytest.mark.matrix
def test_partitioned_tables_refer_to_each_other_from_18_on(cli: CommandLine) -> None:
    cli.database.execute("CREATE TABLE days (day date PRIMARY KEY) PARTITION BY RANGE (day)")
    cli.database.execute("CREATE TABLE all_days PARTITION OF days DEFAULT; INSERT INTO days VALUES ('2025-01-01')")
    itself = {"columns": ["user_id", "da'y"], "references": 'lo"g%1', "name": "same_day"}
    change = {**LOGS, "foreign_keys": [{"columns": ["da'y"], "references": "days"}, itself]}
    if cli.database.server_version < 180000:
        found = reasons(cli, change)
        for name in ("lo\"g%1_da'y_fkey", "same_day"):
            assert f'both ends of foreign key "{name}" are partitioned' in "\n".join(found)
        return
    write(cli, change)
    before = cli.database.dump()
    cli.advance("constrain", "orders")
    cli.database.execute("""INSERT INTO "lo""g%1" VALUES (1, '2025-01-01', 1)""")
    for broken in ("(2, '2025-01-02', NULL)", "(2, '2025-01-01', 3)"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            cli.database.execute(SQL('INSERT INTO "lo""g%1" VALUES ' + broken))
    cli.database.execute('DELETE FROM "lo""g%1"')
    cli.succeed("abort", "orders")
    assert cli.database.dump() == before


def test_no_other_run_may_take_either_end_of_the_foreign_key(cli: CommandLine) -> None:
    write(cli, ORDERS)
    cli.advance("expand", "orders")
    said = cli("advance", "rename-email")
    assert said.exit_code == 3
    assert 'run "orders"' in said.stderr
