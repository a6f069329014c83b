"""Rows that stand against what a plan adds: found, and named by their keys, before anything is added.

A NOT VALID check already rejects every update of a row that breaks it, and a unique index that is still being built
every second row of a kind: so it is not enough that adding them fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import sync
from phases.delta import Delta, Duplicates, Equality, ForeignKey, Table, TableConstraint, Value
from phases.sql import catalog_sql, lock, qualified, text
from phases.step import Inspect, LockMode
from phases.sync import GIVEN, MISSING, all_of, computed

BROKEN = SQL("SELECT {keys} FROM {table} AS new WHERE {condition} LIMIT 10")
# two rows of each kind: whoever reads it wants the rows, and min() and max() need no memory however many there are
DUPLICATES = SQL(
    "SELECT {keys}, pg_catalog.concat_ws(', ', {expressions}) AS duplicate FROM {table} WHERE ctid IN"
    " (SELECT pg_catalog.unnest(ARRAY[pg_catalog.min(ctid), pg_catalog.max(ctid)]) FROM {table}{condition}"
    " GROUP BY {expressions} HAVING pg_catalog.count(*) > 1 LIMIT 5) ORDER BY {position}, ctid"
)
COMPUTED = SQL("pg_catalog.num_nulls({values}) < 0")
# a cast cuts a text without a word, where an assignment refuses it
CUT = SQL("{value} IS DISTINCT FROM CAST({whole} AS text)")
NOT_EXISTS = SQL("NOT EXISTS (SELECT FROM {references} AS other WHERE {equal})")
EQUAL = SQL("{referenced} {operator} {column}{collation}")


def steps(delta: Delta) -> Iterator[Inspect]:
    """Each reads its table once, as VALIDATE does, under a lock that every SELECT takes."""
    for column in delta.no_nulls:
        nothing = MISSING.format(Identifier("new", column))
        yield _inspect(delta, f"look for rows without {column}", _broken(delta, nothing))
    for index in delta.indexes:
        if index.inspected is not None:
            yield _inspect(delta, f"look for duplicates that {index.name} forbids", _duplicates(delta, index.inspected))
    for constraint in delta.constraints:
        if constraint.inspected:
            yield from look(delta, constraint)
    for key in delta.foreign_keys:
        if key.inspected:
            sql = _broken(delta, _orphaned(key))
            yield _inspect(delta, f"look for rows that break {key.name}", sql, key.references)


def trial(delta: Delta) -> Iterator[Inspect]:
    """Computes what the trigger will compute, for every row there is: one that fails would fail the application.

    From dual_write on an update of such a row, whatever it is about, would raise what the expression raises.
    """
    for link in delta.sync.links if delta.sync else ():
        values = [value for value in link.up if value.type is not None]
        if values:
            # true of no row, and known only once all are computed
            never = COMPUTED.format(values=SQL(", ").join(map(computed, values)))
            condition = SQL(" OR ").join((never, *map(_cut, filter(_has_length, values))))
            title = f"compute {', '.join(value.column for value in values)} for every row"
            yield _inspect(delta, title, _broken(delta, condition))


def out_of_step(delta: Delta) -> Iterator[Inspect]:
    """For rows that hold what the trigger would not have written."""
    condition = sync.out_of_step(delta.sync) if delta.sync else None
    if condition is not None:
        yield _inspect(delta, f"look for rows of {delta.table.name} that differ", _broken(delta, condition))


def _has_length(value: Value) -> bool:
    return value.comparison == "text" and value.type != "text"


def _cut(value: Value) -> Composable:
    return CUT.format(value=computed(value), whole=catalog_sql(value.expression))


def look(delta: Delta, constraint: TableConstraint) -> Iterator[Inspect]:
    """For rows that break a check."""
    if constraint.violated_by is not None:
        condition = catalog_sql(constraint.violated_by)
        yield _inspect(delta, f"look for rows that break {constraint.name}", _broken(delta, condition))


def _inspect(delta: Delta, title: str, sql: Composable, *others: Table) -> Inspect:
    tables = dict.fromkeys((delta.table, *others))
    return Inspect(title=title, sql=text(sql), locks=tuple(lock(LockMode.ACCESS_SHARE, table) for table in tables))


def _broken(delta: Delta, condition: Composable) -> Composable:
    return BROKEN.format(keys=_keys(delta, "new"), table=qualified(delta.table), condition=condition)


def _duplicates(delta: Delta, found: Duplicates) -> Composable:
    conditions = [SQL("({})").format(catalog_sql(found.predicate))] if found.predicate is not None else []
    if not found.nulls_equal:
        conditions += [GIVEN.format(SQL("({})").format(catalog_sql(each))) for each in found.expressions]
    return DUPLICATES.format(
        keys=_keys(delta),
        expressions=SQL(", ").join(map(catalog_sql, found.expressions)),
        table=qualified(delta.table),
        condition=SQL(" WHERE {}").format(_all(conditions)) if conditions else SQL(""),
        position=Literal(max(len(delta.key), 1) + 1),
    )


def _orphaned(key: ForeignKey) -> Composable:
    """Condition: the row refers to one that is not there. With MATCH FULL, all of its columns are null or none is."""
    columns = [Identifier("new", column) for column in key.columns]
    equal = (
        EQUAL.format(
            referenced=Identifier("other", referenced),
            operator=catalog_sql(equality.operator),
            column=column,
            collation=_collation(equality),
        )
        for referenced, equality, column in zip(key.referenced_columns, key.inspected, columns, strict=True)
    )
    missing = NOT_EXISTS.format(references=qualified(key.references), equal=_all(equal))
    given = SQL("({})").format(all_of(GIVEN, columns))
    orphan = SQL("({} AND {})").format(given, missing)
    if "MATCH FULL" not in key.actions or len(columns) == 1:
        return orphan
    some = SQL("(NOT {} AND NOT ({}))").format(given, all_of(MISSING, columns))
    return SQL("({} OR {})").format(orphan, some)


def _collation(equality: Equality) -> Composable:
    return SQL(" COLLATE {}").format(Identifier(*equality.collation)) if equality.collation else SQL("")


def _keys(delta: Delta, row: str | None = None) -> Composable:
    """By what a row is named: its primary key, or its place."""
    prefix = (row,) if row else ()
    return SQL(", ").join(Identifier(*prefix, name) for name in delta.key or ("ctid",))


def _all(conditions: Iterable[Composable]) -> Composable:
    return SQL(" AND ").join(conditions)
