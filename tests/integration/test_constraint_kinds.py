"""Constraints by plan: what is refused, the rows that stop a run before anything is added, and the way back."""

from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import pytest

from orchestrator.errors import CatalogDrifted, PlanRefused, StepFailed
from orchestrator.planning import preview
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.runs import Migration, init

TABLES: LiteralString = """
CREATE TABLE cities (country text COLLATE "C", name text COLLATE "C", tax int UNIQUE, PRIMARY KEY (country, name));
INSERT INTO cities VALUES ('BR', 'Rio', 1), ('FR', 'Paris', 2);
CREATE TABLE users (
    "or%der" int, email text, age int, country text, city text COLLATE "POSIX", tax bigint,
    CONSTRAINT users_age_check CHECK (age > 0), CONSTRAINT users_email_key UNIQUE (email));
COMMENT ON CONSTRAINT users_age_check ON users IS '100% sure';
INSERT INTO users SELECT n, 'user' || n, 30, 'BR', 'Rio', 1 FROM generate_series(1, 10) n;
CREATE TABLE keyed (id int PRIMARY KEY, other int NOT NULL);
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY, note text);
"""

Plan = Callable[..., Migration]


def prepared(database: Database) -> None:
    init(database)
    database.execute(TABLES)


@pytest.fixture
def database(create_database: CreateDatabase) -> Database:
    return create_database(prepared)


@pytest.fixture
def plan(database: Database, tmp_path: Path) -> Plan:
    """A run of changes of "users", each a YAML mapping."""

    def of(*changes: str, table: str = "users") -> Migration:
        entries = "".join(f"  - {{table: {table}, {change}}}\n" for change in changes)
        return Migration.of(f"name: constraints\nchanges:\n{entries}", database, tmp_path / "plans")

    return of


def refused(migration: Migration) -> str:
    with pytest.raises(PlanRefused) as refusal:
        migration.advance(Phase.EXPAND)
    return refusal.value.message


CHECK = "kind: add_check, name: new"
KEY = "kind: add_foreign_key, name: new"
CITY = f"{KEY}, columns: [country, city], references: {{table: cities}}"
NEW_TABLE = "kind: create_table, columns: {id: {type: int}}, foreign_keys: [{columns: [id], references: fleeting}]"
EXTRACT = "kind: extract_table, columns: [note], to: notes, key: {id: id}"
DROP = "kind: drop_constraint"
REFUSED = [
    ("users", f"{CHECK}, check: aeg > 0", 'check "new" cannot be made: column "aeg" does not exist'),
    ("users", f"{CHECK}, check: age", "argument of CHECK must be type boolean, not type integer"),
    ("users", f'{CHECK}, check: "age > 0); DROP TABLE users; SELECT (1"', "cannot insert multiple commands"),
    ("users", f'{CHECK}, check: "age IN (SELECT 1)"', "cannot use subquery in check constraint"),
    ("users", "kind: add_check, name: users_age_check, check: age > 1", '"users_age_check" exists already'),
    ("users", "kind: add_unique, name: new, columns: [nowhere]", 'column "nowhere" does not exist'),
    ("keyed", "kind: add_primary_key, name: new, columns: [other]", 'has a primary key already: "keyed_pkey" on "id"'),
    ("users", f"{KEY}, columns: [tax], references: {{table: nowhere}}", 'there is no table "nowhere"'),
    ("users", f"{KEY}, columns: [tax], references: {{table: cities}}", "number of referencing and referenced columns"),
    (
        "users",
        f"{KEY}, columns: [city], references: {{table: cities, columns: [name]}}",
        "no unique constraint matching",
    ),
    ("users", f"{KEY}, columns: [email], references: {{table: cities, columns: [tax]}}", "incompatible types"),
    ("keyed", f"{KEY}, columns: [other], references: {{table: fleeting}}", 'table "public.fleeting" is unlogged'),
    ("notes", NEW_TABLE, "public.fleeting is unlogged, and the new table is not"),
    ("fleeting", f"{EXTRACT}, foreign_key: {{}}", "is unlogged: no foreign key of"),
    ("users", f"{DROP}, name: users_agecheck", 'did you mean "users_age_check"?'),
    ("keyed", f"{DROP}, name: keyed_pkey", '"keyed_pkey" is the primary key of "public.keyed"'),
    ("users", f"{DROP}, name: users_email_key, when: expand", "ON CONFLICT of older code needs it"),
    (
        "users",
        "kind: rename_constraint, from: users_age_check, to: users_email_key",
        '"users_email_key" exists already',
    ),
    ("users", "kind: rename_constraint, from: nowhere, to: new", 'has no constraint "nowhere"'),
]


@pytest.mark.parametrize(("table", "change", "reason"), REFUSED)
def test_a_constraint_that_cannot_be_is_refused_by_plan(table: str, change: str, reason: str, plan: Plan) -> None:
    assert reason in refused(plan(change, table=table))


def test_not_null_that_is_not_valid_is_not_taken_for_a_proof(plan: Plan, database: Database) -> None:
    if database.server_version < 180000:
        pytest.skip("NOT NULL NOT VALID came with 18")
    database.execute(
        "ALTER TABLE users ADD CONSTRAINT told NOT NULL age NOT VALID, ADD COLUMN bio text;"
        'UPDATE users SET age = "or%der"; CREATE UNIQUE INDEX ON users (age)'
    )
    unproven = 'NOT NULL "told" of "public.users" is NOT VALID'
    assert unproven in refused(plan("kind: set_not_null, column: age, up: '1'"))
    assert unproven in refused(plan("kind: add_primary_key, name: new, columns: [age]"))
    renamed = plan("kind: rename_column, from: age, to: years", "kind: add_primary_key, name: new, columns: [years]")
    assert unproven in refused(renamed)
    assert '"age" is no key of "public.users"' in refused(
        plan("kind: extract_table, columns: [bio], to: bios, key: {age: age}")
    )
    database.execute("ALTER TABLE users VALIDATE CONSTRAINT told")
    plan("kind: add_primary_key, name: new, columns: [age]").advance(Phase.CONSTRAIN)


def test_what_others_stand_on_is_not_dropped(plan: Plan, database: Database) -> None:
    database.execute("CREATE TABLE mails (to_ text REFERENCES users (email) ON DELETE CASCADE)")
    assert 'foreign key "mails_to__fkey" of "public.mails" relies on "users_email_key"' in refused(
        plan(f"{DROP}, name: users_email_key")
    )
    told = refused(plan(f"{DROP}, name: mails_to__fkey, when: expand", table="mails"))
    assert 'foreign key "mails_to__fkey" changes rows: ON DELETE CASCADE\n    → leave it until contract' in told


ROOMS: LiteralString = """
CREATE TABLE rooms (id int4range, valid daterange, span daterange,
  CONSTRAINT key PRIMARY KEY (id, valid WITHOUT OVERLAPS), CONSTRAINT once UNIQUE (id, span WITHOUT OVERLAPS));
CREATE TABLE stays (room int4range, valid daterange,
  CONSTRAINT "in" FOREIGN KEY (room, PERIOD valid) REFERENCES rooms (id, PERIOD valid));
CREATE EXTENSION btree_gist;
CREATE TABLE beds (id varchar(9), valid daterange, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
COMMENT ON CONSTRAINT "in" ON stays IS 'a room';
COMMENT ON CONSTRAINT once ON rooms IS 'once';
INSERT INTO rooms VALUES ('[1,2)', '[2020-01-01,)', '[2020-01-01,)');
INSERT INTO stays VALUES ('[1,2)', '[2021-01-01,2022-01-01)');
"""
NO_OTHER_KEY = 'primary key "key" of "public.rooms" is WITHOUT OVERLAPS'
OVERLAPS = [
    ("rooms", "kind: rename_column, from: valid, to: during", NO_OTHER_KEY),
    ("rooms", "kind: change_type, column: id, type: int8range, up: 'null', down: 'null'", NO_OTHER_KEY),
    ("beds", "kind: change_type, column: id, type: text, collation: '\"C\"'", "is WITHOUT OVERLAPS"),
    ("rooms", "kind: reindex, name: key", "and cannot be rebuilt CONCURRENTLY"),
    ("rooms", "kind: drop_index, name: once", "is the index of an exclusion constraint"),
    (
        "stays",
        "kind: rename_column, from: valid, to: during",
        'foreign key "in" of "public.stays" is temporal (PERIOD)',
    ),
    (
        "stays",
        "kind: add_foreign_key, name: new, columns: [room, valid], references: {table: rooms}",
        "foreign key uses PERIOD on the referenced table but not the referencing table",
    ),
]


def test_keys_of_periods_are_carried_where_they_can_be_and_refused_by_name_where_not(
    plan: Plan, database: Database, create_database: CreateDatabase
) -> None:
    if database.server_version < 180000:
        pytest.skip("WITHOUT OVERLAPS came with PostgreSQL 18")
    database.execute(ROOMS)
    for table, change, reason in OVERLAPS:
        assert reason in refused(plan(change, table=table)), change
    run = plan("kind: change_type, column: id, type: text", table="beds")
    assert preview(run.context, run.name)[1].steps[0].step.title == "change the type of id to text"
    before = database.dump()
    for table, change in (
        ("stays", f"{DROP}, name: in, when: expand"),
        ("rooms", "kind: rename_column, from: span, to: lent"),
    ):
        run = plan(change, table=table)
        run.advance(Phase.CONSTRAIN)
        run.abort(confirm_loss=True)
        assert database.dump() == before
    run.advance(Phase.CONTRACT)
    renamed = create_database(prepared)
    renamed.execute(ROOMS)
    renamed.execute("ALTER TABLE rooms RENAME span TO lent")
    assert database.dump() == renamed.dump()


def test_a_constraint_on_a_column_that_the_plan_takes_away_is_refused(plan: Plan) -> None:
    rename = "kind: rename_column, from: age, to: years"
    retype = "kind: change_type, column: age, type: bigint"
    for change, other in (
        (rename, f"{CHECK}, check: age > 1"),
        (rename, f"{DROP}, name: users_age_check"),
        (retype, f"{CHECK}, check: age > 1"),
        (retype, "kind: add_unique, name: new, columns: [age]"),
        (retype, f"{KEY}, columns: [age], references: {{table: cities, columns: [tax]}}"),
    ):
        told = refused(plan(change, other))
        assert 'stands on column "age" of "public.users"' in told
        assert "make two plans of it" in told
        assert "cannot be made" not in told


def test_a_foreign_key_to_what_the_same_plan_makes_is_refused(plan: Plan) -> None:
    told = refused(
        plan(
            "kind: add_unique, name: once, columns: [tax]",
            f"{KEY}, columns: [age], references: {{table: users, columns: [tax]}}",
        )
    )
    assert 'matching given keys for referenced table "users"' in told
    assert 'for "users" as it is now: what it lacks, make in a plan before this one' in told


REFERRED_TO = """
name: constraints
changes:
  - {{table: mails, {change}}}
  - {{table: users, kind: rename_column, from: email, to: address}}
"""


@pytest.mark.parametrize("change", ["kind: drop_constraint, name: sent", "kind: rename_constraint, from: sent, to: x"])
def test_a_foreign_key_is_let_be_while_what_it_refers_to_is_taken_away(
    change: str, database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE mails (to_ text CONSTRAINT sent REFERENCES users (email))")
    migration = Migration.of(REFERRED_TO.format(change=change), database, tmp_path / "plans")
    assert '_constraint stands on column "email" of "public.users"' in refused(migration)


ROWS: list[tuple[LiteralString, str, str]] = [
    ("UPDATE users SET age = 200 WHERE email IN ('user3', 'user4')", f"{CHECK}, check: age < 150", ""),
    (
        "ALTER TABLE users DROP CONSTRAINT users_email_key; UPDATE users SET email = 'x' WHERE \"or%der\" < 3",
        "kind: add_unique, name: new, columns: [email]",
        "duplicate='x'",
    ),
    (
        "UPDATE users SET \"or%der\" = NULL WHERE email = 'user3'",
        "kind: add_primary_key, name: new, columns: [or%der]",
        "",
    ),
    ("UPDATE users SET city = 'Nice' WHERE email = 'user3'", CITY, ""),
    ("UPDATE users SET city = NULL WHERE email = 'user3'", f"{CITY}, match: full", ""),
    (
        "UPDATE users SET tax = 7 WHERE email = 'user3'",
        f"{KEY}, columns: [tax], references: {{table: cities, columns: [tax]}}",
        "",
    ),
]


@pytest.mark.matrix
@pytest.mark.parametrize(("spoil", "change", "shown"), ROWS)
def test_rows_that_break_it_are_shown_before_anything_is_added(
    spoil: LiteralString, change: str, shown: str, plan: Plan, database: Database
) -> None:
    database.execute(spoil)
    before, migration = database.dump(), plan(change)
    with pytest.raises(StepFailed, match=r"^look for .*: there are some\n  row ctid='\(0,\d+\)'") as failure:
        migration.advance(Phase.CONSTRAIN)
    assert shown in failure.value.message
    assert database.dump() == before
    database.execute(
        "UPDATE users SET email = 'user' || right(ctid::text, 3), age = 30, city = 'Rio', tax = 1;"
        'UPDATE users SET "or%der" = 3 WHERE "or%der" IS NULL'
    )
    migration.advance(Phase.CONTRACT)
    assert database.fetch("SELECT convalidated FROM pg_constraint WHERE conname = 'new'") == [(True,)]


def test_all_tables_are_looked_at_before_anything_is_added_to_one(database: Database, tmp_path: Path) -> None:
    database.execute("INSERT INTO keyed VALUES (1, -1)")
    text = (
        "name: two\nchanges:\n  - {kind: add_check, table: users, name: new, check: age < 150}\n"
        "  - {kind: add_check, table: keyed, name: new, check: other > 0}"
    )
    before, migration = database.dump(), Migration.of(text, database, tmp_path / "plans")
    with pytest.raises(StepFailed, match=r"there are some\n  row id=1$"):
        migration.advance(Phase.CONSTRAIN)
    assert database.dump() == before


@pytest.mark.matrix
def test_rows_that_keep_it_are_let_be(plan: Plan, database: Database) -> None:
    database.execute("UPDATE users SET age = NULL, city = NULL, country = 'XX', tax = NULL WHERE email = 'user3'")
    before = database.dump()
    migration = plan(f"{CHECK}, check: age < 150", CITY.replace("new", "other"))
    migration.advance(Phase.CONSTRAIN)
    migration.abort()
    assert database.dump() == before


def test_a_key_that_a_column_of_the_same_plan_gets_is_built_without_a_scan_under_lock(
    plan: Plan, database: Database
) -> None:
    before = database.dump()
    migration = plan(
        "kind: rename_column, from: or%der, to: 'i\"d'", "kind: add_primary_key, name: users_pkey, columns: ['i\"d']"
    )
    migration.advance(Phase.CONSTRAIN)
    migration.abort()
    assert database.dump() == before
    migration.advance(Phase.CONTRACT)
    assert database.fetch("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'users_pkey'") == [
        ('PRIMARY KEY ("i""d")',)
    ]


@pytest.mark.matrix
def test_what_expand_drops_comes_back_once_rows_keep_it(plan: Plan, database: Database) -> None:
    database.execute("ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY (country, city) REFERENCES cities")
    before = database.dump()
    migration = plan(f"{DROP}, name: users_age_check, when: expand", f"{DROP}, name: fk, when: expand")
    migration.advance(Phase.CONSTRAIN)
    database.execute("UPDATE users SET age = -1 WHERE email = 'user3'")
    with pytest.raises(StepFailed, match=r"look for rows that break users_age_check: there are some\n  row ctid="):
        migration.abort()
    assert "users_age_check" not in database.dump()
    database.execute("UPDATE users SET age = 1 WHERE age < 0")
    migration.abort()
    assert database.dump() == before


def test_a_check_that_is_gone_or_different_before_contract_is_reported(plan: Plan, database: Database) -> None:
    migration = plan(f"{DROP}, name: users_age_check")
    migration.advance(Phase.CONSTRAIN)
    database.execute("ALTER TABLE users DROP CONSTRAINT users_age_check")
    with pytest.raises(CatalogDrifted, match='constraint "users_age_check" is gone'):
        migration.advance(Phase.CONTRACT)


def test_a_foreign_key_without_an_index_is_warned_of(plan: Plan, database: Database) -> None:
    def warned(*changes: str) -> bool:
        _, program, _ = preview(plan(*changes).context, "constraints")
        return any("no index of" in warning for warning in program.warnings)

    assert warned(CITY)
    assert not warned(CITY, "kind: create_index, name: i, columns: [city, country, age]")
    assert warned(CITY, "kind: create_index, name: i, columns: [city, country], where: age > 1")
    database.execute("CREATE INDEX ON users (country, city)")
    assert not warned(CITY)


def test_columns_that_move_from_an_unlogged_table_to_one_that_is_not_are_warned_of(plan: Plan) -> None:
    _, program, _ = preview(plan(EXTRACT, table="fleeting").context, "constraints")
    assert any(
        warning.startswith('"public.fleeting" is unlogged, and "public.notes" is not') for warning in program.warnings
    )


def test_a_run_takes_the_table_that_a_new_key_refers_to(plan: Plan) -> None:
    _, program, _ = preview(plan(CITY).context, "constraints")
    assert program.tables == ("public.cities", "public.users")


@pytest.mark.matrix
def test_every_option_of_a_foreign_key_is_taken_over(plan: Plan, database: Database) -> None:
    columns = ", set_columns: [city]" if database.server_version >= 150000 else ""
    plan(f"{CITY}{columns}, on_delete: set null, on_update: cascade, initially_deferred: true").advance(Phase.CONSTRAIN)
    (definition,) = database.fetch("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'new'")[0]
    listed = " (city)" if columns else ""
    assert definition == (
        "FOREIGN KEY (country, city) REFERENCES cities(country, name) ON UPDATE CASCADE"
        f" ON DELETE SET NULL{listed} DEFERRABLE INITIALLY DEFERRED"
    )


def test_checks_that_nobody_enforces_are_of_postgresql_18(plan: Plan, database: Database) -> None:
    promise = plan(f"{CHECK}, check: age > 100, enforced: false")
    if database.server_version < 180000:
        assert "NOT ENFORCED needs PostgreSQL 18" in refused(promise)
        return
    promise.advance(Phase.CONSTRAIN)
    assert database.fetch("SELECT conenforced FROM pg_constraint WHERE conname = 'new'") == [(False,)]
