"""Rows that stand against what a plan adds: found, and named by their keys, before anything is added.

A NOT VALID check already rejects every update of a row that breaks it, and a unique index that is still being built
every second row of a kind: so it is not enough that adding them fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import sync
from phases.delta import Delta, Duplicates, Equality, ForeignKey, Link, Table, TableConstraint, Value
from phases.sql import catalog_sql, lock, qualified, text
from phases.step import Inspect, LockMode, Rows
from phases.sync import GIVEN, MISSING, all_of, computed, differ, of_row

BROKEN = SQL("SELECT {keys} FROM {table} AS new WHERE {condition} LIMIT 10")
# two rows of each kind: whoever reads it wants the rows, and min() and max() need no memory however many there are
DUPLICATES = SQL(
    "SELECT {keys}, pg_catalog.concat_ws(', ', {expressions}) AS duplicate FROM {table} WHERE ctid IN"
    " (SELECT pg_catalog.unnest(ARRAY[pg_catalog.min(ctid), pg_catalog.max(ctid)]) FROM {table}{condition}"
    " GROUP BY {expressions} HAVING pg_catalog.count(*) > 1 LIMIT 5) ORDER BY {position}, ctid"
)
# two such rows are in the same partition: a unique index has all of the partition key
DUPLICATES_OF_PARTITIONS = SQL(
    "SELECT {keys}, pg_catalog.concat_ws(', ', {expressions}) AS duplicate FROM {table} WHERE (tableoid, ctid) IN"
    " (SELECT tableoid, pg_catalog.unnest(ARRAY[pg_catalog.min(ctid), pg_catalog.max(ctid)]) FROM {table}{condition}"
    " GROUP BY tableoid, {expressions} HAVING pg_catalog.count(*) > 1 LIMIT 5) ORDER BY {position}, tableoid, ctid"
)
COMPUTED = SQL("pg_catalog.num_nulls({values}) < 0")
# a cast cuts a text without a word, where an assignment refuses it
CUT = SQL("{value} IS DISTINCT FROM CAST({whole} AS text)")
# by the equality that keys have, whatever the search_path: 1.0 and 1.00 are one key, and to null is null
DIFFERENT_KEY = SQL("pg_catalog.record_ne(ROW({}), ROW({}))")
# the row under the names of the trigger's expressions, which no other relation of the query has
WRITTEN = SQL("(SELECT {condition} FROM (SELECT {columns}) AS new)")
RELATION = SQL("(SELECT new.ctid, {columns} FROM {table} AS new) AS new")
AS = SQL("{} AS {}")
CAST = SQL("CAST({} AS {})")
WHERE_MISSING = SQL("CASE WHEN {missing} THEN {condition} END")
NOT_EXISTS = SQL("NOT EXISTS (SELECT FROM {references} AS other WHERE {equal})")
EQUAL = SQL("{referenced} {operator} {column}{collation}")


def steps(delta: Delta) -> Iterator[Inspect]:
    """Each reads its table once, as VALIDATE does, under a lock that every SELECT takes."""
    yield from _tied(delta)
    yield from _looks(delta, None)


def foreseen(delta: Delta) -> Iterator[Inspect]:
    """What constrain will look for, asked before the run of the rows as they will be then."""
    written = _as_written(delta)
    yield from _looks(delta, written)
    for column in delta.not_null:
        proven = column in delta.no_nulls or any(proof.column == column for proof in delta.proofs)
        if not proven and not sync.filled(delta, column):
            yield _look_for_nulls(delta, column, written)


def _looks(delta: Delta, written: Composable | None) -> Iterator[Inspect]:
    for column in delta.no_nulls:
        yield _look_for_nulls(delta, column, written)
    for index in delta.indexes:
        if index.inspected is not None:
            sql = _duplicates(delta, index.inspected, written)
            yield _inspect(delta, f"look for duplicates that {index.name} forbids", sql)
    for constraint in delta.constraints:
        if constraint.inspected:
            yield from look(delta, constraint, written)
    for key in delta.foreign_keys:
        if key.inspected:
            yield _each(delta, f"look for rows that break {key.name}", _row(_orphaned(key), written), key.references)


def trial(delta: Delta) -> Iterator[Inspect]:
    """Computes what the trigger will compute, for every row there is: one that fails would fail the application.

    From dual_write on an update of such a row, whatever it is about, would raise what the expression raises.
    """
    for link in delta.sync.links if delta.sync else ():
        values = [value for value in link.up if value.type is not None]
        if values:
            back, written = _back(delta, link)
            conditions = [_fails(values), *([_row(_fails(back), written)] if back else [])]
            title = f"compute {_called(delta, values)}{', and back,' if back else ''} for every row"
            yield _each(delta, title, SQL(" OR ").join(conditions))
    for fill in delta.sync.fills if delta.sync else ():
        if fill.immutable and all(column.name != fill.value.column for column in delta.add):
            condition = WHERE_MISSING.format(missing=sync.missing(fill), condition=_fails([fill.value]))
            yield _each(delta, f"compute {fill.value.column} for every row without", condition)
    yield from _tied(delta)


def _tied(delta: Delta) -> Iterator[Inspect]:
    """For keys that do not survive the way there and back: newer code could not refer to them."""
    for link in delta.sync.links if delta.sync else ():
        back, written = _back(delta, link)
        if back and not set(link.old).isdisjoint(delta.tied):
            changed = SQL(" OR ").join(
                DIFFERENT_KEY.format(Identifier("new", value.column), computed(value)) for value in back
            )
            yield _each(delta, f"look for keys that {_called(delta, link.up)} cannot hold", _row(changed, written))


def unproven(delta: Delta, name: str, *, reads: Collection[str], broken_by: str | None) -> Iterator[Inspect]:
    """For rows that the backfill has to update and cannot: what is NOT VALID is asked of whatever is updated.

    `broken_by`: condition on a row; None of a NOT NULL. Where a null is filled that it reads, it may hold afterwards.
    """
    condition = sync.out_of_step(delta.sync) if delta.sync else None
    if delta.sync is None or condition is None:
        return
    # as it is when the batches begin
    added = [AS.format(CAST.format(SQL("NULL"), catalog_sql(each.type)), Identifier(each.name)) for each in delta.add]
    updated = _row(condition, _selected((SQL("new.*"), *added)) if added else None)
    broken = all_of(MISSING, of_row(reads)) if broken_by is None else catalog_sql(broken_by)
    stays = (
        GIVEN.format(Identifier("new", fill.value.column)) for fill in delta.sync.fills if fill.value.column in reads
    )
    yield _each(
        delta,
        f"look for rows to update that break {name}",
        _all([*stays, SQL("({})").format(broken), SQL("({})").format(updated)]),
    )


def round_trips(delta: Delta) -> Iterator[Inspect]:
    """For rows whose old columns would not be what they are if they were computed from the new ones."""
    for link in delta.sync.links if delta.sync else ():
        back, written = _back(delta, link)
        if back:
            yield _each(delta, f"compute {_called(delta, back)} there and back", _row(differ(back), written))


def _called(delta: Delta, values: Iterable[Value]) -> str:
    """Columns as people know them: one that is to exchange its name has one that nobody has chosen."""
    chosen = {swap.shadow: swap.column for swap in delta.swaps}
    return ", ".join(chosen.get(value.column, value.column) for value in values)


def _back(delta: Delta, link: Link) -> tuple[tuple[Value, ...], Composable]:
    """How old columns are computed from new ones, over the columns of a row that it finds; nothing of copies."""
    swap = next((swap for swap in delta.swaps if link.new == (swap.shadow,)), None)
    if swap is None:
        written = _selected((SQL("new.*"), *map(_as_column, link.up)))
        return tuple(value for value in link.down if value.type is not None), written
    (value,) = link.up
    others = [Identifier("new", name) for name in swap.reads]
    new = AS.format(computed(value), Identifier(swap.column))
    old = AS.format(Identifier("new", swap.column), Identifier(swap.shadow))
    return swap.back.up, _selected((*others, new, old))


def _as_written(delta: Delta) -> Composable | None:
    """A row as it is once it has been filled; None where the plan adds nothing to it.

    What counts is left out: nobody knows it before.
    """
    values = {value.column: _as_column(value) for link in (delta.sync.links if delta.sync else ()) for value in link.up}
    values |= {
        fill.value.column: _as_column(fill.value)
        for fill in (delta.sync.fills if delta.sync else ())
        if fill.existing and any(column.name == fill.value.column and column.sequence is None for column in delta.add)
    }
    for column in delta.add:
        if column.name not in values and column.sequence is None:
            default = column.generated or (None if column.default_apart else column.default)
            value = CAST.format(catalog_sql(default or "NULL"), catalog_sql(column.type))
            values[column.name] = AS.format(value, Identifier(column.name))
    return _selected((SQL("new.*"), *values.values())) if values else None


def _as_column(value: Value) -> Composable:
    return AS.format(computed(value), Identifier(value.column))


def _selected(columns: Iterable[Composable]) -> Composable:
    return SQL(", ").join(columns)


def _row(condition: Composable, written: Composable | None) -> Composable:
    """The condition on a row as it is, or as it will be written."""
    return condition if written is None else WRITTEN.format(condition=condition, columns=written)


def _fails(values: Sequence[Value]) -> Composable:
    """True of no row but those that would be cut, and known only once all values are computed."""
    never = COMPUTED.format(values=SQL(", ").join(map(computed, values)))
    return SQL(" OR ").join((never, *map(_cut, filter(_has_length, values))))


def out_of_step(delta: Delta) -> Iterator[Inspect]:
    """For rows that hold what the trigger would not have written."""
    condition = sync.out_of_step(delta.sync) if delta.sync else None
    if condition is not None:
        yield _each(delta, f"look for rows of {delta.table.name} that differ", condition)


def _has_length(value: Value) -> bool:
    return value.comparison == "text" and value.type != "text"


def _cut(value: Value) -> Composable:
    return CUT.format(value=computed(value), whole=catalog_sql(value.expression))


def look(delta: Delta, constraint: TableConstraint, written: Composable | None = None) -> Iterator[Inspect]:
    """For rows that break a check."""
    if constraint.violated_by is not None:
        condition = _row(catalog_sql(constraint.violated_by), written)
        yield _each(delta, f"look for rows that break {constraint.name}", condition)


def _look_for_nulls(delta: Delta, column: str, written: Composable | None) -> Inspect:
    nothing = _row(MISSING.format(Identifier("new", column)), written)
    name = next((swap.column for swap in delta.swaps if swap.shadow == column), column)
    return _each(delta, f"look for rows without {name}", nothing)


def _each(delta: Delta, title: str, condition: Composable, *others: Table) -> Inspect:
    """Looks at each row for itself."""
    rows = Rows(table=text(qualified(delta.table)), keys=text(_keys(delta, "new")), condition=text(condition))
    sql = BROKEN.format(keys=_keys(delta, "new"), table=qualified(delta.table), condition=condition)
    return replace(_inspect(delta, title, sql, *others), rows=rows)


def _inspect(delta: Delta, title: str, sql: Composable, *others: Table) -> Inspect:
    tables = dict.fromkeys((delta.table, *others))
    return Inspect(title=title, sql=text(sql), locks=tuple(lock(LockMode.ACCESS_SHARE, table) for table in tables))


def _duplicates(delta: Delta, found: Duplicates, written: Composable | None) -> Composable:
    table: Composable = qualified(delta.table)
    if written is not None:
        table = RELATION.format(columns=written, table=table)
    conditions = [SQL("({})").format(catalog_sql(found.predicate))] if found.predicate is not None else []
    if not found.nulls_equal:
        conditions += [GIVEN.format(SQL("({})").format(catalog_sql(each))) for each in found.expressions]
    template = DUPLICATES_OF_PARTITIONS if delta.partitioned else DUPLICATES
    return template.format(
        keys=_keys(delta),
        expressions=SQL(", ").join(map(catalog_sql, found.expressions)),
        table=table,
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
