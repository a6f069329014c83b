"""Reads the catalog, in one transaction that is rolled back: nothing of it remains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from orchestrator.catalog import (
    SYSTEM_COLUMNS,
    Catalog,
    Column,
    Constraint,
    Denied,
    Dependent,
    Enum,
    EnumColumn,
    ForeignKey,
    Index,
    Own,
    Partition,
    Rights,
    Shape,
    Statistics,
    TableFacts,
    TriggerFacts,
    definitions,
    draft,
    queries,
    retyping,
)
from orchestrator.catalog import Sequence as OwnedSequence
from orchestrator.catalog.clone import Successors, answers, cloned, drop_columns, make_enums, render, tail
from orchestrator.catalog.wanted import (
    AddedColumn,
    Answer,
    CheckDefinition,
    ColumnType,
    DefaultValue,
    Expression,
    IndexDefinition,
    Question,
    Request,
    Wanted,
)
from orchestrator.database import fetch, run, scalar
from orchestrator.errors import EnumNotFound, SchemaNotFound
from phases import enums
from phases.delta import Grant, KeyColumn, Table, TableOption
from phases.sql import text

_SEQUENCE = ("identity", "type", "start", "increment", "minimum", "maximum", "cache", "cycle")
_KINDS = {"c": "check", "n": "not_null", "x": "exclude", "u": "unique", "p": "primary_key"}
_MATCH = {"f": " MATCH FULL", "p": " MATCH PARTIAL", "s": ""}
_ACTION = {"a": None, "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def read(connection: Connection, requests: Mapping[str, Request]) -> Catalog:
    """What the catalog says about the tables of a plan, under the names that the plan uses.

    Tables that are not there are left out; `Catalog.table` reports them. The caller rolls back.
    """
    resolved = {name: resolve(connection, request.table) for name, request in requests.items()}
    known = tuple(row["name"] for row in fetch(connection, queries.KNOWN_TABLES))
    search_path = str(scalar(connection, "SELECT pg_catalog.current_setting('search_path')"))
    new = {name: _new_table(connection, each.table) for name, each in requests.items() if each.wanted.draft}
    lock_slots = int(scalar(connection, queries.LOCK_SLOTS))
    drafted = draft.ask(
        connection,
        {facts.table: each.draft for name, facts in new.items() if (each := requests[name].wanted).draft},
        search_path=search_path,
        lock_slots=lock_slots,
    )
    run(connection, "SET LOCAL search_path = ''")
    # a plan may call one table by two names: what is asked of it is asked under both
    wanted: dict[int, Wanted] = {}
    for name, found in resolved.items():
        if found is not None:
            wanted[found[0]] = wanted.get(found[0], Wanted()) | requests[name].wanted
    return Catalog(
        server_version=int(scalar(connection, queries.SERVER_VERSION)),
        may_replicate=may_replicate(connection),
        lock_slots=lock_slots,
        known_tables=known,
        tables={
            name: _table(connection, *found, wanted=wanted[found[0]], search_path=search_path)
            for name, found in resolved.items()
            if found is not None
        }
        | {name: replace(facts, drafted=drafted[facts.table]) for name, facts in new.items()},
    )


def read_enums(connection: Connection, named: Mapping[str, Table]) -> dict[str, Enum]:
    """The enums that a plan names, under those names.

    Raises:
        EnumNotFound: there is none of that name.
    """
    oids = {}
    for name, type_ in named.items():
        quoted = text(Identifier(type_.schema, type_.name) if type_.schema else Identifier(type_.name))
        rows = fetch(connection, queries.RESOLVE_ENUM, {"name": quoted})
        if not rows:
            raise EnumNotFound(name, (row["name"] for row in fetch(connection, queries.KNOWN_ENUMS)))
        oids[name] = rows[0]["oid"]
    return {name: _enum(connection, oid) for name, oid in oids.items()}


def _enum(connection: Connection, oid: int) -> Enum:
    row = fetch(connection, queries.ENUM, {"oid": oid})[0]
    bodies = fetch(connection, queries.BODIES, {"table": row["name"]})
    columns = tuple(
        EnumColumn(table=Table(each["schema"], each["table"]), column=each["column"], array=each["array"])
        for each in fetch(connection, queries.ENUM_COLUMNS, {"oid": oid})
    )
    mentions = [enums.mentions(row["name"], each.table.name) for each in columns]
    others = SQL(queries.OTHERS_ROUTINES).format(mentions=SQL(" OR ").join(mentions) if mentions else SQL("false"))
    return Enum(
        schema=row["schema"],
        name=row["name"],
        values=tuple(row["values"]),
        grants=tuple(map(_grant, fetch(connection, queries.ENUM_GRANTS, {"oid": oid}))) if row["granted"] else None,
        **{key: row[key] for key in ("owner", "owned", "may_create", "comment", "extension")},
        users=tuple(each["name"] for each in fetch(connection, queries.ENUM_USERS, {"oid": oid})),
        mentioned_in=tuple(each["name"] for each in bodies if _is_word(row["name"], each["body"])),
        compiled_in=tuple(each["name"] for each in fetch(connection, text(others))),
        columns=columns,
        publications=tuple(each["pubname"] for each in fetch(connection, queries.ENUM_PUBLICATIONS, {"oid": oid})),
    )


def may_replicate(connection: Connection) -> bool:
    """Whether our role may set session_replication_role: a superuser, or (15+) whom it was granted."""
    if scalar(connection, queries.SERVER_VERSION) < 150000:
        return bool(scalar(connection, queries.SUPERUSER))
    return bool(scalar(connection, queries.MAY_SET_REPLICATION_ROLE))


def may_compress(connection: Connection) -> bool:
    """Whether our role may have full-page images compressed by lz4, and the server can, and does not yet (15+)."""
    if scalar(connection, queries.SERVER_VERSION) < 150000:
        return False
    return bool(scalar(connection, queries.MAY_COMPRESS_WAL))


def resolve(connection: Connection, table: Table) -> tuple[int, Table] | None:
    """The table that is meant, with its oid, if it is there."""
    quoted = text(Identifier(table.schema, table.name) if table.schema else Identifier(table.name))
    rows = fetch(connection, queries.RESOLVE, {"name": quoted})
    return (rows[0]["oid"], Table(rows[0]["nspname"], rows[0]["relname"])) if rows else None


def _new_table(connection: Connection, named: Table) -> TableFacts:
    """A table that a plan makes: whether it can be, and whether it is there already."""
    schemas = fetch(connection, queries.SCHEMA_OF_NEW, {"schema": named.schema})
    if not schemas:
        raise SchemaNotFound(named.schema, named.name)
    table = Table(schemas[0]["name"], named.name)
    parameters = {"schema": text(Identifier(table.schema)), "oid": 0, "tree": []}
    taken = scalar_set(connection, queries.TAKEN_NAMES, parameters) | scalar_set(
        connection, queries.TAKEN_TYPES, parameters
    )
    return TableFacts(
        table=table,
        oid=0,
        owned=True,
        may_create=schemas[0]["may_create"],
        partitioned=False,
        inherits=False,
        row_security_applies=False,
        rows=0,
        bytes=0,
        index_bytes=0,
        columns=(),
        primary_key=(),
        renames=(),
        taken_names=frozenset(taken),
        exists=table.name in taken,
    )


def _table(connection: Connection, oid: int, table: Table, *, wanted: Wanted, search_path: str) -> TableFacts:
    columns = _columns(connection, oid)
    renames = wanted.renames
    partitions = fetch(connection, queries.TREE, {"oid": oid})
    oids = [row["oid"] for row in partitions]
    parameters: dict[str, Any] = {"oid": oid, "table": table.name, "partitions": oids, "tree": [oid, *oids]}
    rows = {
        "indexes": fetch(connection, queries.INDEXES, parameters),
        "constraints": fetch(connection, queries.CONSTRAINTS, parameters),
        "statistics": fetch(connection, queries.STATISTICS, parameters),
    }
    facts = fetch(connection, queries.TABLE, parameters)[0]
    publications = fetch(connection, queries.PUBLICATIONS, parameters)
    taken = scalar_set(connection, queries.TAKEN_NAMES, {**parameters, "schema": text(Identifier(table.schema))})
    there = [column.name for column in columns]
    successors = Successors()
    answered: dict[Question, Answer] = {}
    now: dict[Question, Answer] = {}
    types: dict[str, ColumnType] = {}
    in_place: dict[str, bool] = {}
    keys = fetch(connection, queries.FOREIGN_KEYS, parameters)
    unfit_keys: dict[str, str] = {}
    # of what is refused anyway no clone is made
    if facts["owned"] and (renames or wanted.questions):
        with cloned(connection, table):
            make_enums(connection, wanted.enums)
            made = [name for name in there if name in _made(wanted) and name not in renames]
            drop_columns(connection, made)
            answered = answers(
                connection, wanted.expressions, search_path=search_path, checks=_valid_checks(rows["constraints"])
            )
            # a successor's column was added to have its expressions read: what is rendered gets its name
            added = [each.added for each in wanted.retypes.values()]
            drop_columns(connection, [each.name for each in added if isinstance(answered.get(each), ColumnType)])
            types = retyping.types(columns, wanted, answered)
            if set(renames) <= set(there) and _possible(renames) and set(types) == set(wanted.retypes):
                tied = {name for row in keys for name in retyping.ends(row, table)}
                in_place = retyping.in_place(connection, columns, types, wanted, answered, tied=tied, rows=rows)
                renames = {old: new for old, new in renames.items() if old not in in_place}
                retyped = {name: type_ for name, type_ in types.items() if name not in in_place}
                unfit_keys = retyping.unfit_keys(connection, table, keys, retyped)
                relabelled = {name: retyped[name] for name, each in wanted.retypes.items() if each.relabelled}
                others = {name: type_ for name, type_ in retyped.items() if name not in relabelled}
                defaults = retyping.defaults(connection, columns, others) | retyping.defaults(
                    connection, columns, relabelled, enums=wanted.enums
                )
                touched = {
                    what: [
                        row
                        for row in each
                        if not renames.keys().isdisjoint(row["reads"]) and set(made).isdisjoint(row["reads"])
                    ]
                    for what, each in rows.items()
                }
                if renames:
                    now = definitions.answers(connection, wanted.definitions, search_path=search_path)
                successors = render(connection, renames, others, relabelled=relabelled, enums=wanted.enums, **touched)
                successors = retyping.with_defaults(successors, defaults)
            # after the columns have their new names: they are for the table as it will be
            after = definitions.answers(connection, wanted.definitions, search_path=search_path)
            answered |= definitions.but_for(renames, now, after)
    return TableFacts(
        table=table,
        oid=oid,
        columns=columns,
        primary_key=tuple(row["attname"] for row in fetch(connection, queries.PRIMARY_KEY, parameters)),
        renames=tuple(renames.items()),
        answers=answered,
        types=types,
        in_place=in_place,
        defaults=successors.defaults,
        unfit=successors.unfit,
        indexes=tuple(
            _index(row, successors, wanted.carries, whole=wanted.shape and not facts["partitioned"])
            for row in rows["indexes"]
            if not row["exclusion"]
        ),
        constraints=tuple(_constraint(row, successors) for row in rows["constraints"]),
        foreign_keys=tuple(_foreign_key(row, unfit_keys.get(row["name"])) for row in keys),
        sequences=tuple(_sequence(connection, row) for row in fetch(connection, queries.SEQUENCES, parameters)),
        statistics=tuple(_statistics(row, successors) for row in rows["statistics"]),
        dependents=tuple(Dependent(**row) for row in fetch(connection, queries.DEPENDENTS, parameters)),
        triggers=tuple(_trigger(row, there) for row in fetch(connection, queries.TRIGGERS, parameters)),
        foreign_code=tuple(
            (row["what"], row["function"]) for row in fetch(connection, queries.FOREIGN_CODE, parameters)
        ),
        writers=tuple(row["rolname"] for row in fetch(connection, queries.WRITERS, parameters)),
        denied=_denied(connection, oid, answered),
        publications=tuple(row["pubname"] for row in publications),
        publications_of_all=tuple(row["pubname"] for row in publications if row["every"]),
        publications_of_schema=tuple(row["pubname"] for row in publications if row["by_schema"]),
        unidentified=tuple(
            (row["name"], row["publication"]) for row in fetch(connection, queries.UNIDENTIFIED, parameters)
        ),
        taken_names=frozenset(taken),
        grants=tuple(map(_grant, fetch(connection, queries.TABLE_GRANTS, parameters))),
        tree=tuple(_partition(row) for row in partitions),
        **(_tree(connection, parameters) if facts["partitioned"] else {}),
        **facts,
        **(_uses(connection, table, parameters) if wanted.uses else {}),
        shape=_shape(connection, parameters) if wanted.shape else None,
        rights=_rights(connection, parameters) if wanted.rights else None,
    )


def _rights(connection: Connection, parameters: Mapping[str, Any]) -> Rights:
    rows = fetch(connection, queries.RIGHTS, parameters)
    return Rights(
        writing=frozenset(row["role"] for row in rows if row["writes"]),
        complete=frozenset(row["role"] for row in rows if row["complete"]),
    )


def _partition(row: RowMapping) -> Partition:
    return Partition(
        table=Table(row["schema"], row["name"]),
        leaf=row["leaf"],
        plain=row["kind"] in ("r", "p"),
        creators=tuple(row["creators"]),
    )


def _tree(connection: Connection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "partition_key": tuple(row["attname"] for row in fetch(connection, queries.TREE_KEY, parameters)),
        "expression_in_key": bool(scalar(connection, queries.EXPRESSION_IN_KEY, parameters)),
        "own": tuple(Own(**row) for row in fetch(connection, queries.OWN, parameters)),
    }


def _denied(connection: Connection, oid: int, answered: Mapping[Question, Answer]) -> tuple[Denied, ...]:
    """Privileges that who writes to the table lacks for what the plan computes."""
    used = [
        each.uses
        for each in answered.values()
        if isinstance(each, Expression | DefaultValue | CheckDefinition | IndexDefinition)
    ]
    routines = sorted({routine for uses in used for routine in uses.routines})
    schemas = sorted({schema for uses in used for schema in uses.schemas})
    if not routines and not schemas:
        return ()
    rows = fetch(connection, queries.DENIED, {"table": oid, "routines": routines, "schemas": schemas})
    return tuple(Denied(privilege=row["privilege"], roles=tuple(row["roles"])) for row in rows)


def _valid_checks(rows: Iterable[RowMapping]) -> dict[str, str]:
    return {row["name"]: row["definition"] for row in rows if row["type"] == "c" and row["validated"]}


def _uses(connection: Connection, table: Table, parameters: Mapping[str, Any]) -> dict[str, Any]:
    bodies = fetch(connection, queries.BODIES, parameters)
    return {
        "users": tuple(Dependent(**row) for row in fetch(connection, queries.TABLE_USERS, parameters)),
        "mentioned_in": tuple(row["name"] for row in bodies if _is_word(table.name, row["body"])),
    }


def _shape(connection: Connection, parameters: Mapping[str, Any]) -> Shape:
    row = dict(fetch(connection, queries.SHAPE, parameters)[0])
    return Shape(
        keys_with_options=tuple(row.pop("keys_with_options")),
        **row,
        options=tuple(TableOption(**each) for each in fetch(connection, queries.TABLE_OPTIONS, parameters)),
        key=tuple(KeyColumn(**each) for each in fetch(connection, queries.KEY_COLUMNS, parameters)),
    )


def _made(wanted: Wanted) -> set[str]:
    """The columns that the plan makes: once expand has run, the clone has them as well."""
    added = {question.name for question in wanted.questions if isinstance(question, AddedColumn)}
    return added | set(wanted.renames.values())


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


def _index(row: RowMapping, successors: Successors, carried: frozenset[str], *, whole: bool) -> Index:
    rendered = whole or row["name"] in successors.indexes or not carried.isdisjoint(row["reads"])
    return Index(
        name=row["name"],
        keys=tuple(row["keys"]),
        partial=row["partial"],
        reads=tuple(row["reads"]),
        unique=row["unique"],
        nulls_not_distinct=row["nulls_not_distinct"],
        include=tuple(row["include"]),
        options=row["options"],
        valid=row["valid"],
        current=row["definition"],
        definition=tail(row) if rendered else None,
        successor=successors.indexes.get(row["name"]),
        tablespace=row["tablespace"],
        comment=row["comment"],
        statistics=tuple((number, target) for number, target in row["statistics"]),
        constraint=row["constraint"],
        clustered=row["clustered"],
        replica_identity=row["replica_identity"],
        relied_on=tuple((name, table) for name, table in row["relied_on"]),
    )


def _constraint(row: RowMapping, successors: Successors) -> Constraint:
    definition, condition = successors.constraints.get(row["name"], (None, None))
    return Constraint(
        name=row["name"],
        kind=_KINDS[row["type"]],  # type: ignore[arg-type]  # the query selects just these
        columns=tuple(row["columns"]),
        reads=tuple(row["reads"]),
        index=row["index"],
        definition=str(row["definition"]).removesuffix(" NOT VALID"),
        successor=definition,
        violated_by=condition,
        validated=row["validated"],
        enforced=row["enforced"],
        deferral=_deferral(row),
        comment=row["comment"],
        temporal=row["temporal"],
        broken_by=row["broken_by"],
    )


def _foreign_key(row: RowMapping, unfit: str | None) -> ForeignKey:
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
        unfit=unfit,
        actions=actions,
        set_columns=tuple(row["set_columns"]),
        deferral=_deferral(row),
        validated=row["validated"],
        enforced=row["enforced"],
        comment=row["comment"],
        temporal=row["temporal"],
        partitioned=row["partitioned"],
        owned=row["owned"],
        partitions=row["partitions"],
    )


def _sequence(connection: Connection, row: RowMapping) -> OwnedSequence:
    grants = fetch(connection, queries.SEQUENCE_GRANTS, {"oid": row["oid"]})
    return OwnedSequence(
        schema=row["schema"],
        name=row["name"],
        column=row["column"],
        grants=tuple(map(_grant, grants)),
        users=tuple(row["users"]),
        **{key: row[key] for key in _SEQUENCE},
    )


def _statistics(row: RowMapping, successors: Successors) -> Statistics:
    return Statistics(
        schema=row["schema"],
        name=row["name"],
        reads=tuple(row["reads"]),
        # statistics over a single expression have no kinds, and CREATE STATISTICS refuses any
        columns=row["columns"],
        kinds=() if row["one_expression"] and len(row["kinds"]) == 0 else tuple(row["kinds"]),
        successor=successors.statistics.get(row["name"]),
        target=row["target"],
        comment=row["comment"],
        owner=row["owner"],
    )


def _trigger(row: RowMapping, columns: Iterable[str]) -> TriggerFacts:
    # a trigger's body is opaque to PostgreSQL: a word in it is a hint, not a proof
    mentions = tuple(name for name in columns if _is_word(name, row["body"]))
    given = {key: value for key, value in row.items() if key not in ("body", "foreign_functions")}
    return TriggerFacts(**given, foreign_functions=tuple(row["foreign_functions"]), mentions=mentions)


def _is_word(name: str, body: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", body) is not None
