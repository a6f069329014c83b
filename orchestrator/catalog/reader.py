"""Reads the catalog, in one transaction that is rolled back: nothing of it remains."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from orchestrator.catalog import (
    SYSTEM_COLUMNS,
    Catalog,
    Column,
    Constraint,
    Dependent,
    ForeignKey,
    Index,
    Statistics,
    TableFacts,
    TriggerFacts,
    queries,
)
from orchestrator.catalog import Sequence as OwnedSequence
from orchestrator.database import fetch, run, scalar
from orchestrator.errors import OrchestratorError
from phases.delta import Grant, Table
from phases.sql import catalog_sql, text

_KINDS = {"c": "check", "n": "not_null", "x": "exclude", "u": "unique", "p": "primary_key"}
_MATCH = {"f": " MATCH FULL", "p": " MATCH PARTIAL", "s": ""}
_ACTION = {"a": None, "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_CLONE = "orchestrator_clone"


@dataclass(frozen=True)
class Request:
    """A table as a plan names it, and the columns that shall have other names."""

    table: Table
    """With an empty schema: looked up with the search_path."""
    renames: Mapping[str, str]


def read(connection: Connection, requests: Mapping[str, Request]) -> Catalog:
    """What the catalog says about the tables of a plan, under the names that the plan uses.

    Tables that are not there are left out; `Catalog.table` reports them. The caller rolls back.
    """
    resolved = {name: _resolve(connection, request.table) for name, request in requests.items()}
    known = tuple(row["name"] for row in fetch(connection, queries.KNOWN_TABLES))
    run(connection, "SET LOCAL search_path = ''")
    return Catalog(
        server_version=int(scalar(connection, queries.SERVER_VERSION)),
        may_replicate=may_replicate(connection),
        known_tables=known,
        tables={
            name: _table(connection, *found, renames=requests[name].renames)
            for name, found in resolved.items()
            if found is not None
        },
    )


def may_replicate(connection: Connection) -> bool:
    """Whether our role may set session_replication_role: a superuser, or (15+) whom it was granted."""
    if scalar(connection, queries.SERVER_VERSION) < 150000:
        return bool(scalar(connection, queries.SUPERUSER))
    return bool(scalar(connection, queries.MAY_SET_REPLICATION_ROLE))


def _resolve(connection: Connection, table: Table) -> tuple[int, Table] | None:
    quoted = text(Identifier(table.schema, table.name) if table.schema else Identifier(table.name))
    rows = fetch(connection, queries.RESOLVE, {"name": quoted})
    return (rows[0]["oid"], Table(rows[0]["nspname"], rows[0]["relname"])) if rows else None


def _table(connection: Connection, oid: int, table: Table, *, renames: Mapping[str, str]) -> TableFacts:
    columns = _columns(connection, oid)
    numbers = [column.number for column in columns if column.name in renames]
    parameters: dict[str, Any] = {"oid": oid, "numbers": numbers, "schema": table.schema, "table": table.name}
    rows = {
        "indexes": fetch(connection, queries.INDEXES, parameters),
        "constraints": fetch(connection, queries.CONSTRAINTS, parameters),
        "statistics": fetch(connection, queries.STATISTICS, parameters),
    }
    facts = fetch(connection, queries.TABLE, parameters)[0]
    taken = scalar_set(connection, queries.TAKEN_NAMES, {"oid": oid, "schema": text(Identifier(table.schema))})
    there = {column.name for column in columns}
    # of what is refused anyway no clone is made
    renderable = facts["owned"] and not facts["partitioned"] and set(renames) <= there and _possible(renames)
    successors = _render(connection, table, renames, there, **rows) if renderable else _Successors({}, {}, {})
    return TableFacts(
        table=table,
        oid=oid,
        columns=columns,
        primary_key=tuple(row["attname"] for row in fetch(connection, queries.PRIMARY_KEY, parameters)),
        renames=tuple(renames.items()),
        indexes=tuple(_index(row, successors) for row in rows["indexes"] if not row["exclusion"]),
        constraints=tuple(_constraint(row, successors) for row in rows["constraints"]),
        foreign_keys=tuple(map(_foreign_key, fetch(connection, queries.FOREIGN_KEYS, parameters))),
        sequences=tuple(_sequence(connection, row) for row in fetch(connection, queries.SEQUENCES, parameters)),
        statistics=tuple(_statistics(row, successors) for row in rows["statistics"]),
        dependents=tuple(Dependent(**row) for row in fetch(connection, queries.DEPENDENTS, parameters)),
        triggers=tuple(_trigger(row, renames) for row in fetch(connection, queries.TRIGGERS, parameters)),
        publications=tuple(row["pubname"] for row in fetch(connection, queries.PUBLICATIONS, parameters)),
        taken_names=frozenset(taken),
        **facts,
    )


def _possible(renames: Mapping[str, str]) -> bool:
    """Whether these renames could be done at all, in whichever order."""
    old, new = set(renames), set(renames.values())
    return len(new) == len(old) and old.isdisjoint(new) and new.isdisjoint(SYSTEM_COLUMNS)


def scalar_set(connection: Connection, sql: str, parameters: Mapping[str, Any]) -> set[str]:
    """The first column of all rows."""
    return {str(next(iter(row.values()))) for row in fetch(connection, sql, parameters)}


def _columns(connection: Connection, oid: int) -> tuple[Column, ...]:
    grants: dict[str, list[Grant]] = {}
    for row in fetch(connection, queries.COLUMN_GRANTS, {"oid": oid}):
        grants.setdefault(row["attname"], []).append(_grant(row))
    return tuple(
        Column(
            **{key: value for key, value in row.items() if key not in ("acl", "collation", "options")},
            collation=tuple(row["collation"]) if row["collation"] else None,
            options=tuple(row["options"]),
            grants=tuple(grants.get(row["name"], ())),
        )
        for row in fetch(connection, queries.COLUMNS, {"oid": oid})
    )


def _grant(row: RowMapping) -> Grant:
    return Grant(privilege=row["privilege_type"], grantee=row["rolname"], grantable=row["is_grantable"])


def _deferral(row: RowMapping) -> str:
    if not row["deferrable"]:
        return ""
    return " DEFERRABLE INITIALLY DEFERRED" if row["deferred"] else " DEFERRABLE"


def _index(row: RowMapping, successors: _Successors) -> Index:
    return Index(
        name=row["name"],
        unique=row["unique"],
        valid=row["valid"],
        successor=successors.indexes.get(row["name"]),
        tablespace=row["tablespace"],
        comment=row["comment"],
        statistics=tuple((number, target) for number, target in row["statistics"]),
        constraint=row["constraint"],
        clustered=row["clustered"],
        replica_identity=row["replica_identity"],
    )


def _constraint(row: RowMapping, successors: _Successors) -> Constraint:
    definition, condition = successors.constraints.get(row["name"], (None, None))
    return Constraint(
        name=row["name"],
        kind=_KINDS[row["type"]],  # type: ignore[arg-type]  # the query selects just these
        columns=tuple(row["columns"]),
        index=row["index"],
        successor=definition,
        violated_by=condition,
        validated=row["validated"],
        enforced=row["enforced"],
        deferral=_deferral(row),
        comment=row["comment"],
    )


def _foreign_key(row: RowMapping) -> ForeignKey:
    on_update, on_delete = _ACTION[row["on_update"]], _ACTION[row["on_delete"]]
    actions = _MATCH[row["match"]]
    if on_update:
        actions += f" ON UPDATE {on_update}"
    if on_delete:
        actions += f" ON DELETE {on_delete}"
    return ForeignKey(
        name=row["name"],
        table=Table(row["schema"], row["relation"]),
        columns=tuple(row["columns"]),
        references=Table(row["f_schema"], row["f_relation"]),
        referenced_columns=tuple(row["f_columns"]),
        actions=actions,
        set_columns=tuple(row["set_columns"]),
        deferral=_deferral(row),
        validated=row["validated"],
        enforced=row["enforced"],
        comment=row["comment"],
        temporal=row["temporal"],
        partitioned=row["partitioned"],
        owned=row["owned"],
    )


def _sequence(connection: Connection, row: RowMapping) -> OwnedSequence:
    grants = fetch(connection, queries.SEQUENCE_GRANTS, {"oid": row["oid"]})
    return OwnedSequence(
        schema=row["schema"],
        name=row["name"],
        column=row["column"],
        identity=row["identity"],
        options=row["options"],
        grants=tuple(map(_grant, grants)),
    )


def _statistics(row: RowMapping, successors: _Successors) -> Statistics:
    return Statistics(
        schema=row["schema"],
        name=row["name"],
        # statistics over a single expression have no kinds, and CREATE STATISTICS refuses any
        kinds=() if row["one_expression"] and len(row["kinds"]) == 0 else tuple(row["kinds"]),
        successor=successors.statistics.get(row["name"]),
        target=row["target"],
        comment=row["comment"],
    )


def _trigger(row: RowMapping, renames: Mapping[str, str]) -> TriggerFacts:
    # a trigger's body is opaque to PostgreSQL: a word in it is a hint, not a proof
    mentions = tuple(name for name in renames if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", row["body"]))
    return TriggerFacts(**{key: value for key, value in row.items() if key != "body"}, mentions=mentions)


@dataclass(frozen=True)
class _Successors:
    """Definitions under the new names, by the old object's name."""

    indexes: Mapping[str, str]
    constraints: Mapping[str, tuple[str, str | None]]
    statistics: Mapping[str, str]


def _render(
    connection: Connection,
    table: Table,
    renames: Mapping[str, str],
    there: Collection[str],
    *,
    indexes: Sequence[RowMapping],
    constraints: Sequence[RowMapping],
    statistics: Sequence[RowMapping],
) -> _Successors:
    """Builds the old objects on an empty clone, renames its columns, and lets PostgreSQL print the result.

    So no expression is ever edited as text. What our role may not build, or a clone cannot have (foreign keys), is
    not rendered here.
    """
    clone = Identifier("pg_temp", _CLONE)
    nested = connection.begin_nested()
    try:
        run(connection, text(SQL(queries.CLONE).format(clone=clone, table=Identifier(table.schema, table.name))))
        built = {row["name"]: f"orchestrator_i{n}" for n, row in enumerate(indexes) if not row["exclusion"]}
        for row in indexes:
            if row["name"] in built:
                _build_index(connection, clone, built[row["name"]], row)
        added = {
            row["name"]: f"orchestrator_c{n}" for n, row in enumerate(constraints) if row["type"] not in ("p", "u")
        }
        for row in constraints:
            if row["name"] in added:
                _build_constraint(connection, clone, added[row["name"]], row)
        counted = {row["name"]: f"orchestrator_s{n}" for n, row in enumerate(statistics)}
        for row in statistics:
            _build_statistics(connection, clone, counted[row["name"]], row)
        for number, (old, new) in enumerate(renames.items()):
            if new in there:
                # after expand the new column is in the clone as well
                _rename_column(connection, clone, new, f"orchestrator_n{number}")
            _rename_column(connection, clone, old, new)
        return _Successors(
            indexes={name: _index_tail(connection, made) for name, made in built.items()},
            constraints={
                row["name"]: _constraint_definition(connection, added[row["name"]], row, renames)
                for row in constraints
                if row["name"] in added
            },
            statistics={
                name: str(scalar(connection, queries.CLONE_STATISTICS, {"clone": _CLONE, "name": made}))
                for name, made in counted.items()
            },
        )
    finally:
        nested.rollback()


def _rename_column(connection: Connection, clone: Identifier, old: str, new: str) -> None:
    rename = SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(clone, Identifier(old), Identifier(new))
    run(connection, text(rename))


def _build_index(connection: Connection, clone: Identifier, name: str, row: RowMapping) -> None:
    tail = _tail(row)
    unique = SQL("UNIQUE " if row["unique"] else "")
    statement = SQL("CREATE {}INDEX {} ON {} {}").format(unique, Identifier(name), clone, catalog_sql(tail))
    run(connection, text(statement))


def _build_constraint(connection: Connection, clone: Identifier, name: str, row: RowMapping) -> None:
    if row["type"] == "n":
        # LIKE has copied it under the old name; a table has only one a column
        column = Identifier(row["columns"][0])
        run(connection, text(SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL").format(clone, column)))
    definition = catalog_sql(row["definition"])
    run(connection, text(SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(clone, Identifier(name), definition)))


def _build_statistics(connection: Connection, clone: Identifier, name: str, row: RowMapping) -> None:
    run(
        connection,
        text(
            SQL("CREATE STATISTICS {} ON {} FROM {}").format(
                Identifier("pg_temp", name), catalog_sql(row["columns"]), clone
            )
        ),
    )


def _index_tail(connection: Connection, name: str) -> str:
    return _tail(fetch(connection, queries.CLONE_INDEX_TAIL, {"name": name})[0])


def _tail(row: RowMapping) -> str:
    """What follows the table's name in an index definition; the head is composed as PostgreSQL composes it."""
    definition, head = str(row["definition"]), str(row["head"])
    if not definition.startswith(head):
        raise OrchestratorError(f"PostgreSQL renders an index in a way we do not know: {definition}")
    return definition[len(head) :]


def _constraint_definition(
    connection: Connection, name: str, old: RowMapping, renames: Mapping[str, str]
) -> tuple[str, str | None]:
    """The definition, and the condition on rows that break it where there is one."""
    row = fetch(connection, queries.CLONE_CONSTRAINT, {"clone": _CLONE, "name": name})[0]
    definition, expression = row.values()
    definition = str(definition).removesuffix(" NOT VALID")
    if old["type"] == "n":
        (column,) = old["columns"]
        return definition, text(SQL("{} IS NULL").format(Identifier(renames.get(column, column))))
    return definition, f"NOT ({expression})" if expression else None
