"""How SQL is put together: names and values through psycopg.sql, the rest PostgreSQL's own rendering."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal as OneOf

from psycopg.sql import SQL, Composable, Identifier, Literal
from psycopg.sql import Composed as Composed

from phases.delta import Grant, Table
from phases.step import Lock, LockMode

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def qualified(table: Table) -> Identifier:
    """The table's name with its schema, quoted where need be."""
    return Identifier(table.schema, table.name)


def text(composed: Composable) -> str:
    """The SQL as it will be sent: no parameters are left in it."""
    return composed.as_string(None)


def catalog_sql(rendered: str) -> Composable:
    """SQL that PostgreSQL itself rendered from its catalog: the only text that goes in unquoted."""
    return SQL(rendered)


def names(columns: Iterable[str]) -> Composable:
    """A comma-separated list of quoted names."""
    return SQL(", ").join(map(Identifier, columns))


def comment(what: str, name: Composable, value: str | None, on: Table | None = None) -> Iterable[Composable]:
    """COMMENT ON, where there is a comment to carry over."""
    if value is None:
        return
    target = SQL("{} ON {}").format(name, qualified(on)) if on else name
    yield SQL("COMMENT ON {} {} IS {}").format(SQL(what), target, Literal(value))


def grants(items: Iterable[Grant], on: Composable, column: str | None = None) -> Iterable[Composable]:
    """GRANT statements, one a privilege and grantee."""
    for grant in items:
        columns = SQL(" ({})").format(Identifier(column)) if column else SQL("")
        yield SQL("GRANT {}{} ON {} TO {}{}").format(
            catalog_sql(grant.privilege),
            columns,
            on,
            Identifier(grant.grantee) if grant.grantee is not None else SQL("PUBLIC"),
            SQL(" WITH GRANT OPTION") if grant.grantable else SQL(""),
        )


def lock(mode: LockMode, table: Table, *, reach: OneOf["table", "only"] = "table") -> Lock:
    """A lock as a report names it; `only`: a statement that leaves partitions alone."""
    return Lock(mode, shown(table), reach)


def shown(table: Table) -> str:
    """`schema.table` for a reader, quoted only where PostgreSQL would."""
    return ".".join(name if _PLAIN.fullmatch(name) else text(Identifier(name)) for name in (table.schema, table.name))
