"""A row that cannot be updated is found, named and kept; the others are done, and the run goes on once it is right."""

from typing import LiteralString

import pytest

from orchestrator.errors import StepFailed
from orchestrator.journal.store import Progress
from tests.fixtures.shops import USERS, WIDE, WIDE_ROWS, Interference, OpenShop, Shop

# as legacy rows do that were there before the check
CHECKED: LiteralString = """
UPDATE users SET filler = 'bad' WHERE id IN ({});
ALTER TABLE users ADD CONSTRAINT tidy CHECK (filler <> 'bad') NOT VALID;
"""
BAD = "SELECT key, sqlstate, resolved_at IS NOT NULL FROM orchestrator.bad_row ORDER BY id"
DONE = "SELECT count(*) FROM users WHERE email_address IS NOT DISTINCT FROM email"


def legacy(open_shop: OpenShop, ids: LiteralString) -> Shop:
    return open_shop(WIDE + CHECKED.replace("{}", ids), at="dual_write")


@pytest.mark.matrix
@pytest.mark.parametrize("workers", [1, 2])
def test_bad_rows_are_named_and_the_rest_is_done(open_shop: OpenShop, workers: int) -> None:
    shop = legacy(open_shop, "7, 8, 450")
    failed = shop.advance("backfill", "--workers", str(workers))
    assert failed.exit_code == 1
    assert "3 rows cannot be updated" in failed.stderr
    why = 'new row for relation "users" violates check constraint "tidy" (23514)'
    assert all(f"row id={number}: {why}" in failed.stderr for number in (7, 8, 450))
    assert shop.scalar(DONE) == WIDE_ROWS - 3
    assert shop.progress()["rows"] == WIDE_ROWS - 3
    assert sorted(shop.database.fetch(BAD)) == [(f"id={number}", "23514", False) for number in (450, 7, 8)]


def test_bad_rows_are_shown_until_they_are_right_and_then_the_run_goes_on(open_shop: OpenShop) -> None:
    shop = legacy(open_shop, "7, 450")
    with pytest.raises(StepFailed, match="2 rows cannot be updated"):
        shop.finish("constrain")
    assert [row["key"] for row in shop.status()["bad_rows"]] == ["id=7", "id=450"]
    assert "bad row    public.users row id=7: new row" in shop.run("status").stdout
    assert (
        'bad_row: public.users row id=450 cannot be updated: new row for relation "users"' in shop.run("history").stdout
    )
    shop.execute("UPDATE users SET filler = 'fine' WHERE id = 7")
    again = shop.advance("constrain")
    assert again.exit_code == 1
    assert "1 rows cannot be updated" in again.stderr
    assert shop.database.fetch(BAD) == [("id=7", "23514", True), ("id=450", "23514", False)]
    shop.execute("ALTER TABLE users DROP CONSTRAINT tidy")
    shop.finish("backfill")
    assert shop.differences() == 0
    assert shop.status()["bad_rows"] == []


@pytest.mark.parametrize("limit", [0, 3])
def test_too_many_bad_rows_stop_the_run_at_once(open_shop: OpenShop, limit: int) -> None:
    check: LiteralString = "ALTER TABLE users ADD CONSTRAINT tidy CHECK (id NOT BETWEEN 11 AND 20) NOT VALID"
    shop = open_shop(WIDE + check, at="dual_write")
    shop.set_knobs(max_bad_rows=limit, stripes=1)
    with pytest.raises(StepFailed, match="more than max_bad_rows allows") as failure:
        shop.finish("backfill")
    assert f"{limit + 1} rows cannot be updated" in failure.value.message
    assert "id=11: " in failure.value.message
    assert shop.scalar(DONE) < 20
    shop.execute("ALTER TABLE users DROP CONSTRAINT tidy")
    shop.finish("backfill")
    assert shop.differences() == 0


def test_a_bad_row_that_was_found_twice_is_one(open_shop: OpenShop) -> None:
    shop = legacy(open_shop, "7")
    for _ in range(3):
        with pytest.raises(StepFailed, match="1 rows cannot be updated"):
            shop.finish("backfill")
    assert shop.database.fetch(BAD) == [("id=7", "23514", False)]


EVERY_ROW: LiteralString = """
UPDATE orchestrator.step SET payload = jsonb_set(payload, '{differs}', to_jsonb(
  'new.email_address IS DISTINCT FROM new.email AND 100 / (new.id - 7) IS NOT NULL'::text));
UPDATE orchestrator.step SET payload = jsonb_set(payload, '{repair,differs}', payload -> 'differs') WHERE op = 'verify'
"""


def test_a_comparison_that_fails_on_a_row_finds_it_as_well(open_shop: OpenShop) -> None:
    shop = open_shop(USERS, at="dual_write")
    shop.execute(EVERY_ROW)
    with pytest.raises(StepFailed, match=r"row id=7: division by zero \(22012\)"):
        shop.finish("backfill")
    assert shop.differences() == 1
    shop.execute("DELETE FROM users WHERE id = 7")
    shop.finish("backfill")
    assert shop.differences() == 0


DEFERRED: LiteralString = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.id = 7 THEN RAISE 'not this one' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION refuse();
ALTER TABLE users ENABLE ALWAYS TRIGGER late;
"""


def test_a_row_that_is_refused_at_commit_is_found_as_well(open_shop: OpenShop) -> None:
    shop = open_shop(USERS + DEFERRED, at="dual_write")
    with pytest.raises(StepFailed, match=r"row id=7: not this one \(23514\)"):
        shop.finish("backfill")
    assert shop.progress()["rows"] == 9
    shop.execute("DROP TRIGGER late ON users")
    shop.finish("backfill")
    assert shop.differences() == 0


FULL: LiteralString = """
CREATE SEQUENCE tries;
CREATE FUNCTION extend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM nextval('tries'); RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER extend BEFORE UPDATE ON users FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION extend();
ALTER TABLE users ENABLE ALWAYS TRIGGER extend;
"""


def test_a_full_disk_stops_the_run_at_once_and_no_row_is_blamed(open_shop: OpenShop) -> None:
    shop = open_shop(USERS + FULL, at="dual_write")
    stopped = shop.advance("backfill")
    assert stopped.exit_code == 1
    assert "could not extend file" in stopped.stderr
    assert "free space on the server first" in stopped.stderr
    assert shop.scalar("SELECT last_value FROM tries") == 1
    assert shop.database.fetch(BAD) == []


class AtTheEnd(Interference):
    """Interferes when the verification has visited the last block, and the bad rows are about to be looked at again."""

    def progress(self, title: str, progress: Progress) -> None:
        if title.startswith("verify") and progress.next_block == progress.total_blocks:
            super().progress(title, progress)


@pytest.mark.matrix
def test_a_bad_row_is_not_lost_when_the_table_is_rewritten_after_its_last_block(open_shop: OpenShop) -> None:
    shop = legacy(open_shop, "450")
    with pytest.raises(StepFailed, match="1 rows cannot be updated"):
        shop.finish("backfill", AtTheEnd(lambda: shop.execute("VACUUM FULL users")))
    # it has another tid by now: the next pass finds it anew, and the old entry is done with
    with pytest.raises(StepFailed, match=r"1 rows cannot be updated:\n  public.users row id=450"):
        shop.finish("backfill")
    shop.execute("ALTER TABLE users DROP CONSTRAINT tidy")
    shop.finish("backfill")
    assert shop.differences() == 0
    assert {(key, resolved) for key, _, resolved in shop.database.fetch(BAD)} == {("id=450", True)}


def test_a_bad_row_of_a_table_that_was_emptied_is_done_with(open_shop: OpenShop) -> None:
    shop = legacy(open_shop, "450")
    with pytest.raises(StepFailed, match="1 rows cannot be updated"):
        shop.finish("backfill")
    shop.execute("TRUNCATE users")
    shop.finish("backfill")
    assert shop.database.fetch(BAD) == [("id=450", "23514", True)]


def test_a_pass_with_a_bad_row_is_not_clean_even_if_the_row_is_right_at_its_end(open_shop: OpenShop) -> None:
    shop = legacy(open_shop, "450")
    shop.finish("backfill", AtTheEnd(lambda: shop.execute("UPDATE users SET filler = 'fine' WHERE id = 450")))
    progress = shop.progress("verify")
    assert (progress["pass_"], progress["differences"], shop.differences()) == (2, 1, 0)
