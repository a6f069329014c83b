"""What it means that a row is in step: the conditions that trigger, backfill and verification share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg.sql import SQL, Composable, Identifier

from phases.delta import Delta, Fill, Link, Sync, Value
from phases.sql import catalog_sql

SAME = SQL("pg_catalog.record_image_eq(ROW({a}), ROW({b}))")
DIFFERENT = SQL("pg_catalog.record_image_ne(ROW({a}), ROW({b}))")
PLAINLY_DIFFERENT = SQL("{} IS DISTINCT FROM {}")
# not `IS NULL`: a composite value whose fields are all null is a value
MISSING = SQL("{} IS NOT DISTINCT FROM NULL")
GIVEN = SQL("{} IS DISTINCT FROM NULL")


def computed(value: Value) -> Composable:
    """The value as it will be stored, to be compared with what is: the type's own scale and padding count."""
    expression = catalog_sql(value.expression)
    return expression if value.type is None else SQL("CAST({} AS {})").format(expression, catalog_sql(value.type))


def of_row(names: Iterable[str], row: str = "new") -> list[Composable]:
    """Columns of a row: of the one that is written or updated, `new`, or of the one before, `old`."""
    return [Identifier(row, name) for name in names]


def differ(values: tuple[Value, ...]) -> Composable:
    """Condition: what is stored is not what would be computed.

    Equal means the same bytes: `=` would call 'A' and 'a' equal in a citext column, 1.0 and 1.00 in a numeric one,
    and does not exist for json, so a value could be lost at contract. record_image_* knows every type and NULL; where
    `=` compares bytes as well it is what costs least, most of all to the writes of the application.
    """
    return SQL(" OR ").join(map(_differs, values))


def _differs(value: Value) -> Composable:
    stored, wanted = Identifier("new", value.column), computed(value)
    match value.comparison:
        case "plain":
            return PLAINLY_DIFFERENT.format(stored, wanted)
        case "text":
            # the C collation, because a column's own may call different texts equal
            return PLAINLY_DIFFERENT.format(stored, SQL('({}) COLLATE pg_catalog."C"').format(wanted))
        case "image":
            return DIFFERENT.format(a=stored, b=wanted)


def all_of(template: SQL, columns: Iterable[Composable]) -> Composable:
    """Condition: so it is with each of the columns."""
    return SQL(" AND ").join(template.format(column) for column in columns)


def called(sync: Sync) -> Composable:
    """Condition on a row that is written: the trigger may have something to do. Cheap, and rather once too often."""
    return SQL(" OR ").join((*map(_link_called, sync.links), *map(missing, sync.fills)))


def _link_called(link: Link) -> Composable:
    up = differ(link.up)
    return up if link.exact or not link.down else SQL("{} OR {}").format(up, differ(link.down))


def missing(fill: Fill) -> Composable:
    """Condition: the column has no value."""
    return MISSING.format(Identifier("new", fill.value.column))


def unwritten(link: Link) -> Composable:
    """Condition on a row: its new columns are all null, and not what `up` gives.

    Newer code has never written it, or says nothing with it that could be lost.
    """
    return SQL("({} AND ({}))").format(all_of(MISSING, of_row(link.new)), differ(link.up))


def told_by_new(link: Link) -> Composable:
    """Condition on a row: nobody but newer code has written it; `down` can tell the old columns of an exact link."""
    return SQL("({} AND NOT ({}))").format(all_of(MISSING, of_row(link.old)), all_of(MISSING, of_row(link.new)))


def undone(link: Link) -> Composable:
    """Condition on a row: neither are the new columns what `up` gives, nor the old ones what `down` gives.

    Either is enough where a value does not survive the way there and back: it depends on who wrote last.
    """
    up = differ(link.up)
    if link.exact:
        return up
    if not link.down:
        return unwritten(link)
    return SQL("(({}) AND ({} OR {}))").format(up, all_of(MISSING, of_row(link.new)), differ(link.down))


def out_of_step(sync: Sync, *, late: bool = False) -> Composable | None:
    """Condition on a row that the backfill has to update; None where there is no such row.

    `late`: newer code may have written it, and the new columns stay as they are unless they are all null.
    """
    links = [unwritten(link) if late else undone(link) for link in sync.links]
    links += [told_by_new(link) for link in sync.links if late and link.exact and link.down]
    conditions = [*links, *(missing(fill) for fill in sync.fills if fill.existing)]
    return SQL(" OR ").join(conditions) if conditions else None


def filled(delta: Delta, column: str) -> bool:
    """Whether a verification shows that a column has no nulls, or what it copies has none."""
    if delta.sync is None:
        return False
    fills = {fill.value.column for fill in delta.sync.fills if fill.existing}
    copies = {value.column for link in delta.sync.links for value in link.up if value.type is None}
    return column in fills | copies


def assignments(sync: Sync, *, late: bool = False) -> Iterator[Composable]:
    """The SET list that brings a row into step, and leaves alone what is; `late` as in `out_of_step`."""
    fills = [fill for fill in sync.fills if fill.existing]
    alone = len(sync.links) + len(fills) == 1
    for link in sync.links:
        for value in link.up:
            if late:
                yield _assignment(value, unwritten(link))
            else:
                yield _assignment(value, None if alone or link.exact else undone(link))
        for value in link.down if late and link.exact else ():
            yield _assignment(value, told_by_new(link))
    for fill in fills:
        yield _assignment(fill.value, None if alone else missing(fill))


def _assignment(value: Value, condition: Composable | None) -> Composable:
    column, expression = Identifier(value.column), catalog_sql(value.expression)
    if condition is None:
        # assigned, not cast: a text that is too long is an error, and not cut without a word
        return SQL("{} = {}").format(column, expression)
    stored = Identifier("new", value.column)
    return SQL("{} = CASE WHEN {} THEN {} ELSE {} END").format(column, condition, expression, stored)
