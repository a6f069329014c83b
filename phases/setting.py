"""Settings: what a default or a comment is, one statement each way; no row is read or written."""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.delta import Setting, Table
from phases.sql import catalog_sql, lock, qualified, text
from phases.step import LockMode, Statement

SET_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {value}")
DROP_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")
COMMENT = SQL("COMMENT ON {what} {name} IS {value}")


def change(table: Table, setting: Setting) -> Statement:
    """ACCESS EXCLUSIVE for a default, SHARE UPDATE EXCLUSIVE for a comment; both for a moment."""
    where = f"{setting.what} of {setting.column or table.name}"
    if setting.what == "default":
        locks = (lock(LockMode.ACCESS_EXCLUSIVE, table),)
    else:
        locks = (lock(LockMode.SHARE_UPDATE_EXCLUSIVE, table, reach="only"),)
    undo = Statement(title=f"restore {where}", sql=(text(_sql(table, setting, setting.before)),), locks=locks)
    return Statement(
        title=f"{'drop' if setting.value is None else 'set'} {where}",
        sql=(text(_sql(table, setting, setting.value)),),
        locks=locks,
        undo=() if setting.at_contract else (undo,),
    )


def _sql(table: Table, setting: Setting, value: str | None) -> Composable:
    if setting.what == "comment":
        return COMMENT.format(
            what=SQL("TABLE") if setting.column is None else SQL("COLUMN"),
            name=qualified(table) if setting.column is None else Identifier(table.schema, table.name, setting.column),
            value=Literal(value),
        )
    assert setting.column is not None
    column = Identifier(setting.column)
    if value is None:
        return DROP_DEFAULT.format(table=qualified(table), column=column)
    return SET_DEFAULT.format(table=qualified(table), column=column, value=catalog_sql(value))
