"""Indexes, checks and foreign keys as authors write them, made on the clone and printed by PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.catalog import queries
from orchestrator.catalog.bounds import partitioned
from orchestrator.catalog.clone import CLONE, NAME, ONE_EXPRESSION, index_tail, is_immutable, send, send_one, uses
from orchestrator.catalog.wanted import (
    Answer,
    CheckDefinition,
    Definition,
    ForeignKeyDefinition,
    IndexDefinition,
    IndexKey,
    NewCheck,
    NewForeignKey,
    NewIndex,
    PartitionedBy,
    Question,
    Rejected,
    Uses,
)
from orchestrator.database import fetch, message_and_detail, set_local
from orchestrator.table_names import split_table
from phases.delta import Duplicates, Equality, Table
from phases.sql import catalog_sql, names, text

MADE = "orchestrator_definition"

CREATE_INDEX = SQL(
    "CREATE {unique}INDEX {name} ON {clone} USING {method} ({keys}){include}{nulls}{parameters}{tablespace}{where}"
)
# the line break ends a comment of the author's
ADD_CHECK = SQL("ALTER TABLE {clone} ADD CONSTRAINT {name} CHECK ({expression}\n){no_inherit}{enforcement}")
# with the keys that a foreign key can refer to
CLONE_REFERENCED = SQL("CREATE TEMPORARY TABLE {clone} (LIKE {table} INCLUDING INDEXES) ON COMMIT DROP")
ADD_FOREIGN_KEY = SQL(
    "ALTER TABLE {clone} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {referenced}"
    "{referenced_columns}{actions}{set_columns}{deferral}"
)


def answers(connection: Connection, questions: Sequence[Definition], *, search_path: str) -> dict[Question, Answer]:
    """What PostgreSQL makes of them. Names are looked up with `search_path`, and printed qualified."""
    found: dict[Question, Answer] = {}
    for question in questions:
        nested = connection.begin_nested()
        try:
            set_local(connection, search_path=search_path)
            match question:
                case NewIndex():
                    found[question] = _index(connection, question)
                case NewCheck():
                    found[question] = _check(connection, question)
                case NewForeignKey():
                    found[question] = _foreign_key(connection, question)
                case PartitionedBy():
                    found[question] = partitioned(connection, question, like=CLONE)
        except DBAPIError as error:
            found[question] = Rejected(message_and_detail(error))
        finally:
            nested.rollback()
    return found


def but_for(
    renames: Mapping[str, str], now: Mapping[Question, Answer], after: Mapping[Question, Answer]
) -> dict[Question, Answer]:
    """What is rejected of the table as it will be, and would not be of that as it is, tells for which columns."""
    found = dict(after)
    for question, answer in after.items():
        match answer, now.get(question):
            case Rejected(message=message), IndexDefinition(reads=reads) | CheckDefinition(reads=reads):
                found[question] = Rejected(message, tuple(name for name in reads if name in renames))
            case Rejected(message=message), ForeignKeyDefinition() if isinstance(question, NewForeignKey):
                found[question] = Rejected(message, tuple(name for name in question.columns if name in renames))
    return found


def _index(connection: Connection, question: NewIndex) -> IndexDefinition:
    send_one(connection, _create_index(question))
    set_local(connection, search_path="")
    row = fetch(connection, queries.CLONE_INDEX, {"name": MADE})[0]
    duplicates = Duplicates(
        expressions=tuple(row["expressions"]), predicate=row["predicate"], nulls_equal=question.nulls_not_distinct
    )
    return IndexDefinition(
        sql=index_tail(connection, MADE),
        keys=tuple(row["keys"]),
        reads=tuple(row["reads"]),
        partial=row["predicate"] is not None,
        duplicates=duplicates if question.unique and row["usual"] else None,
        uses=_without_names(connection),
    )


def _create_index(question: NewIndex) -> Composable:
    parameters = (SQL("{} = {}").format(Identifier(key), Literal(value)) for key, value in question.parameters)
    return CREATE_INDEX.format(
        unique=SQL("UNIQUE " if question.unique else ""),
        name=Identifier(MADE),
        clone=CLONE,
        method=Identifier(question.method),
        keys=SQL(", ").join(SQL(" ").join(_key(each)) for each in question.keys),
        include=SQL(" INCLUDE ({})").format(names(question.include)) if question.include else SQL(""),
        nulls=SQL(" NULLS NOT DISTINCT" if question.nulls_not_distinct else ""),
        parameters=SQL(" WITH ({})").format(SQL(", ").join(parameters)) if question.parameters else SQL(""),
        tablespace=SQL(" TABLESPACE {}").format(Identifier(question.tablespace)) if question.tablespace else SQL(""),
        where=SQL(" WHERE ({}\n)").format(catalog_sql(question.where)) if question.where is not None else SQL(""),
    )


def _key(key: IndexKey) -> Iterator[Composable]:
    if key.column is not None:
        yield Identifier(key.column)
    else:
        assert key.expression is not None
        yield SQL("({}\n)").format(catalog_sql(key.expression))
    if key.collation is not None:
        yield SQL("COLLATE {}").format(catalog_sql(key.collation))
    if key.opclass is not None:
        yield catalog_sql(key.opclass)
    if key.order is not None:
        yield SQL("DESC" if key.order == "desc" else "ASC")
    if key.nulls is not None:
        yield SQL("NULLS FIRST" if key.nulls == "first" else "NULLS LAST")


def _check(connection: Connection, question: NewCheck) -> CheckDefinition:
    words = catalog_sql(question.expression)
    # what closes the parenthesis of a CHECK could go on with another constraint, and would be lost
    send_one(connection, ONE_EXPRESSION.format(expression=words, clone=CLONE))
    check = ADD_CHECK.format(
        clone=CLONE,
        name=Identifier(MADE),
        expression=words,
        no_inherit=SQL(" NO INHERIT" if question.no_inherit else ""),
        enforcement=SQL("" if question.enforced else " NOT ENFORCED"),
    )
    send_one(connection, check)
    immutable = is_immutable(connection, words)
    set_local(connection, search_path="")
    row = fetch(connection, queries.CLONE_CHECK, {"clone": NAME, "name": MADE})[0]
    return CheckDefinition(
        sql=row["definition"],
        violated_by=f"NOT ({row['expression']})",
        reads=tuple(row["reads"]),
        immutable=immutable,
        uses=_without_names(connection),
    )


def _without_names(connection: Connection) -> Uses:
    """What it uses; its names are looked up once, by us."""
    return replace(uses(connection, MADE), schemas=())


def _foreign_key(connection: Connection, question: NewForeignKey) -> ForeignKeyDefinition | Rejected:
    named = split_table(question.references)
    quoted = Identifier(named.schema, named.name) if named.schema else Identifier(named.name)
    tables = fetch(connection, queries.REFERENCED, {"name": text(quoted)})
    if not tables:
        return Rejected(f'there is no table "{question.references}"')
    references = Table(tables[0]["schema"], tables[0]["name"])
    set_local(connection, search_path="")
    rows: Sequence[RowMapping] = ()
    if tables[0]["may_refer"] and not tables[0]["inherits"]:
        table = Identifier(references.schema, references.name)
        # under its name, which is what an author is told of
        referenced = Identifier("pg_temp", references.name)
        send(connection, CLONE_REFERENCED.format(clone=referenced, table=table))
        send(connection, _add_foreign_key(question, referenced))
        rows = fetch(connection, queries.CLONE_FOREIGN_KEY, {"clone": NAME, "name": question.name})
    return ForeignKeyDefinition(
        references=references,
        referenced_columns=tuple(row["referenced"] for row in rows),
        types=tuple((row["type"], row["referenced_type"]) for row in rows),
        equalities=tuple(
            Equality(operator=row["operator"], collation=tuple(row["collation"]) if row["collation"] else None)
            for row in rows
        ),
        partitioned=tables[0]["partitioned"],
        inherits=tables[0]["inherits"],
        may_refer=tables[0]["may_refer"],
        may_lock=tables[0]["may_lock"],
        unlogged=tables[0]["unlogged"],
    )


def _add_foreign_key(question: NewForeignKey, referenced: Identifier) -> Composable:
    columns = question.referenced_columns
    return ADD_FOREIGN_KEY.format(
        clone=CLONE,
        name=Identifier(question.name),
        columns=names(question.columns),
        referenced=referenced,
        referenced_columns=SQL(" ({})").format(names(columns)) if columns else SQL(""),
        actions=catalog_sql(question.actions),
        set_columns=SQL(" ({})").format(names(question.set_columns)) if question.set_columns else SQL(""),
        deferral=catalog_sql(question.deferral),
    )
