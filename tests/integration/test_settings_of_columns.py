"""Defaults and comments change in one moment, and an abort restores what was there to the letter."""

from pathlib import Path
from typing import LiteralString

import pytest

from orchestrator import runner
from orchestrator.errors import CatalogDrifted, PlanRefused
from phases.step import Phase
from tests.fixtures.database import CreateDatabase, Database
from tests.fixtures.runs import Migration, init

SHOP = """
CREATE TYPE mood AS ENUM ('so', 'la');
CREATE TABLE "we""ird%1" (id int PRIMARY KEY, "o'rder%" mood DEFAULT 'so', bare text);
COMMENT ON TABLE "we""ird%1" IS 'it''s "100%"'; COMMENT ON COLUMN "we""ird%1"."o'rder%" IS 'it''s %s'
"""
PLAN = """\
name: settings
changes:
"""
SET = "  - {{kind: set_default, table: 'we\"ird%1', column: {column}, default: {default}}}\n"
COLUMN = '"o\'rder%"'
ALL = (
    PLAN
    + SET.format(column=COLUMN, default="\"'la'\"")
    + SET.format(column="bare", default="\"'100%' || current_user\"")
    + "  - {kind: set_comment, table: 'we\"ird%1', comment: \"what's 50%?\"}\n"
    + f"  - {{kind: set_comment, table: 'we\"ird%1', column: {COLUMN}, comment: null}}\n"
    + f"  - {{kind: set_not_null, table: 'we\"ird%1', column: {COLUMN}, up: \"'so'::mood\"}}\n"
)


@pytest.fixture
def shop(create_database: CreateDatabase) -> Database:
    database = create_database(init)
    database.execute(SHOP)
    return database


@pytest.mark.matrix
def test_an_abort_restores_defaults_and_comments_to_the_letter(shop: Database, tmp_path: Path) -> None:
    run, before = Migration.of(ALL, shop, tmp_path), shop.dump()
    run.advance(Phase.EXPAND)
    after = shop.dump()
    assert all(text in after for text in ("DEFAULT 'la'::public.mood", "'what''s 50%?'", "'100%'::text || "))
    assert "'it''s %s'" not in after
    runner.refresh(run.context, run.name)
    run.advance(Phase.CONSTRAIN)
    run.abort()
    assert shop.dump() == before


def test_a_default_that_somebody_else_sets_meanwhile_is_noticed(shop: Database, tmp_path: Path) -> None:
    run = Migration.of(ALL, shop, tmp_path)
    run.advance(Phase.EXPAND)
    shop.execute('ALTER TABLE "we""ird%1" ALTER bare SET DEFAULT \'other\'')
    with pytest.raises(CatalogDrifted, match='default or comment of "bare" is different'):
        run.advance(Phase.DUAL_WRITE)


def test_a_default_goes_at_contract_and_not_before(shop: Database, tmp_path: Path) -> None:
    text = PLAN + f"  - {{kind: drop_default, table: 'we\"ird%1', column: {COLUMN}}}\n"
    run, before = Migration.of(text, shop, tmp_path), shop.dump()
    run.advance(Phase.CONSTRAIN)
    assert shop.dump() == before
    run.advance(Phase.CONTRACT)
    assert "DEFAULT" not in shop.dump()


@pytest.mark.parametrize(
    ("before", "change", "reason"),
    [
        ("SELECT", SET.format(column=COLUMN, default="\"'do'\""), 'invalid input value for enum mood: "do"'),
        ("SELECT", SET.format(column=COLUMN, default="\"'so'\""), "already"),
        ("SELECT", SET.format(column="bare", default="id"), "cannot use column reference"),
        ("SELECT", "  - {kind: drop_default, table: 'we\"ird%1', column: bare}\n", "has no default"),
        (
            'ALTER TABLE "we""ird%1" ADD n int GENERATED ALWAYS AS IDENTITY',
            SET.format(column="n", default="'7'"),
            "gets its value by itself",
        ),
        ("SELECT", SET.format(column="bare", default="a") * 2, "2 changes are about default"),
    ],
)
def test_what_no_default_can_be_is_refused(
    before: LiteralString, change: str, reason: str, shop: Database, tmp_path: Path
) -> None:
    shop.execute(before)
    with pytest.raises(PlanRefused) as refused:
        Migration.of(PLAN + change, shop, tmp_path).advance(Phase.EXPAND)
    assert reason in refused.value.message
