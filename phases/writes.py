"""What a batch does with its rows: updates them, copies them into another table, or deletes them."""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Identifier

from phases.sql import catalog_sql, names
from phases.step import Batches, Insertion
from phases.sync import MISSING, all_of, of_row

UPDATE = SQL("UPDATE {table} AS new SET {assignments} WHERE {rows}")
UPDATE_UNLOCKED = SQL(
    "UPDATE {table} AS new SET {assignments} WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM {table} AS new WHERE {rows} FOR NO KEY UPDATE SKIP LOCKED)) AND ({differs})"
)
DELETE = SQL("DELETE FROM {table} AS new WHERE {rows}")
DELETE_UNLOCKED = SQL(
    "DELETE FROM {table} AS new WHERE ctid = ANY (ARRAY("
    "SELECT ctid FROM {table} AS new WHERE {rows} FOR UPDATE SKIP LOCKED)) AND ({differs})"
)
# the source's row is locked, so whoever deletes it waits until ours is there, and its trigger deletes both; whoever
# updates it finds ours, waits and brings it up to date, or was quicker: then ours does nothing. Not FOR SHARE, so that
# nobody waits who updates a row without touching its key. OVERRIDING: an identity has the value that it had
COPY = SQL(
    "INSERT INTO {target} AS other ({columns}) OVERRIDING SYSTEM VALUE"
    " SELECT {values} FROM {table} AS new WHERE {rows}"
    " FOR {strength} OF new{skip} ON CONFLICT ({key}) DO {conflict}"
)
# here FOR SHARE: a row that is there must not be set to what its source was a moment ago
REPLACE = SQL("UPDATE SET {assignments} WHERE pg_catalog.record_image_ne(ROW({stored}), ROW({wanted}))")
# where no row is to be made. The rows of the source are read, and locked, before any there is compared
BRING = SQL(
    "WITH source ({columns}) AS MATERIALIZED (SELECT {values} FROM {table} AS new WHERE {rows} FOR SHARE OF new{skip})"
    " UPDATE {target} AS other SET {assignments} FROM source"
    " WHERE {same_key} AND pg_catalog.record_image_ne(ROW({stored}), ROW({wanted})){unwritten}"
)


def write(step: Batches, *, table: Composable, rows: Composable, unlocked: bool = False) -> Composable:
    """The statement on the rows of `table` for which `rows` holds; `unlocked`: of those that nobody has."""
    differs = catalog_sql(step.differs)
    if step.insertion is not None:
        return _copy(step.insertion, table=table, rows=rows, unlocked=unlocked)
    if step.deletes:
        return (DELETE_UNLOCKED if unlocked else DELETE).format(table=table, rows=rows, differs=differs)
    return (UPDATE_UNLOCKED if unlocked else UPDATE).format(
        table=table, assignments=catalog_sql(step.assignments), rows=rows, differs=differs
    )


def _copy(insertion: Insertion, *, table: Composable, rows: Composable, unlocked: bool) -> Composable:
    others = [column for column in insertion.columns if column not in insertion.key]
    if not insertion.creates:
        return _bring(insertion, others, table=table, rows=rows, unlocked=unlocked)
    replaces = insertion.replaces and bool(others)
    return COPY.format(
        target=catalog_sql(insertion.table),
        columns=names(insertion.columns),
        values=SQL(", ").join(map(catalog_sql, insertion.values)),
        table=table,
        rows=rows,
        strength=SQL("SHARE") if replaces or insertion.holds else SQL("KEY SHARE"),
        skip=SQL(" SKIP LOCKED") if unlocked else SQL(""),
        key=names(insertion.key),
        conflict=REPLACE.format(**_replaced(others, "excluded")) if replaces else SQL("NOTHING"),
    )


def _bring(
    insertion: Insertion, others: list[str], *, table: Composable, rows: Composable, unlocked: bool
) -> Composable:
    return BRING.format(
        columns=names(insertion.columns),
        values=SQL(", ").join(map(catalog_sql, insertion.values)),
        table=table,
        rows=rows,
        skip=SQL(" SKIP LOCKED") if unlocked else SQL(""),
        target=catalog_sql(insertion.table),
        same_key=SQL(" AND ").join(
            SQL("{} OPERATOR(pg_catalog.=) {}").format(Identifier("other", name), Identifier("source", name))
            for name in insertion.key
        ),
        unwritten=SQL(" AND {}").format(all_of(MISSING, of_row(others, "other"))) if insertion.late else SQL(""),
        **_replaced(others, "source"),
    )


def _replaced(columns: list[str], row: str) -> dict[str, Composable]:
    stored, wanted = ([Identifier(each, name) for name in columns] for each in ("other", row))
    pairs = zip(columns, wanted, strict=True)
    return {
        "assignments": SQL(", ").join(SQL("{} = {}").format(Identifier(name), value) for name, value in pairs),
        "stored": SQL(", ").join(stored),
        "wanted": SQL(", ").join(wanted),
    }
