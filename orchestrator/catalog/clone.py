"""An empty copy of a table, in a transaction that is rolled back, on which PostgreSQL renders and checks for us.

Definitions are printed under other names after the copy's columns were renamed, and an author's expressions after
PostgreSQL has parsed them: nobody edits SQL as text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.catalog import queries
from orchestrator.catalog.wanted import (
    AddedColumn,
    Answer,
    Cast,
    ColumnType,
    Computed,
    DefaultOf,
    DefaultValue,
    Expression,
    MadeEnum,
    NotNullProof,
    OfNulls,
    Proofs,
    Question,
    Rejected,
    Relabel,
    Remade,
    RowQuestion,
    Uses,
)
from orchestrator.database import fetch, primary_message, run, run_one, scalar, set_local, sqlstate
from orchestrator.errors import ColumnNotFound, OrchestratorError
from phases.delta import NewEnum, Table
from phases.sql import catalog_sql, text

NAME = "orchestrator_clone"
CLONE = Identifier("pg_temp", NAME)

# parsed when it is made, and printed from what was parsed; two relations in FROM, so that columns are printed with
# their relation's name. Not a view: before PostgreSQL 16 a view has a relation `new` of its own
PARSE = SQL(
    "CREATE FUNCTION pg_temp.{name}() RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC"
    " SELECT ({expression}\n) AS {name} FROM {clone} AS new, (VALUES (1)) AS one; END"
)
# assignment, as in the UPDATE and the trigger that will use it: an explicit cast would cut a text without a word
ASSIGN = SQL("EXPLAIN INSERT INTO {clone} ({column}) SELECT {expression} FROM {clone} AS new")
# what a trigger's WHEN takes: one row, no subquery, no aggregate, no generated column
USE = SQL(
    "CREATE TRIGGER orchestrator_use BEFORE INSERT OR UPDATE ON {clone} FOR EACH ROW"
    " WHEN (({expression}) IS NULL) EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
)
# of no row: a domain that takes no null is a type as well
TYPE = SQL("SELECT CAST(NULL AS {}\n) WHERE false")
# the server's own test of immutability
INDEX = SQL("CREATE INDEX ON {clone} (({expression}\n))")
# one expression, and no more: in ALTER TABLE a comma would begin another action
ONE_EXPRESSION = SQL("EXPLAIN SELECT ({expression}\n) FROM {clone} AS new")
UNTYPED = SQL("EXPLAIN SELECT ({expression}\n) FROM {clone} AS new UNION ALL SELECT CAST(NULL AS pg_catalog.{type})")
LITERAL = SQL("CAST(({}\n) AS {})")
IS_NULL = SQL("SELECT ({}) IS NOT DISTINCT FROM NULL")
NOT_IMMUTABLE = "42P17"
PARSED = "orchestrator_expression"
CAST = SQL("CAST({} AS {})")
CASE = SQL("CASE {}{} ELSE {} END")
WHEN = SQL(" WHEN {} THEN {}")
REPLACED = SQL("pg_catalog.array_replace({}, {}, {})")
STRING, ENUM = "S", "E"
TEXTS = {False: SQL("pg_catalog.text"), True: SQL("pg_catalog.text[]")}
ALTER_TYPE = SQL("ALTER COLUMN {} TYPE {}{}")
# nothing has to be computed: the clone is empty
ANY_VALUE = SQL(" USING NULL")
PROOF = "orchestrator_proof"
PROBE = "orchestrator_probe"
ASIDE = "orchestrator_aside"


@dataclass(frozen=True)
class Successors:
    """Definitions under the new names, by the old object's name."""

    indexes: Mapping[str, str] = field(default_factory=dict)
    constraints: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    statistics: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    """By column, where its type changes."""
    unfit: tuple[tuple[str, str, str], ...] = ()
    """What cannot be had under the new types: what it is, its name, and the server's words."""


@contextmanager
def cloned(connection: Connection, table: Table) -> Iterator[None]:
    """While inside there is a clone; nothing of what is done to it remains."""
    nested = connection.begin_nested()
    try:
        send(connection, SQL(queries.CLONE).format(clone=CLONE, table=Identifier(table.schema, table.name)))
        yield
    finally:
        nested.rollback()


def drop_columns(connection: Connection, columns: Iterable[str]) -> None:
    """Takes columns away that a run of the same plan has added: what is asked is asked of the table before."""
    for column in columns:
        send(connection, SQL("ALTER TABLE {} DROP COLUMN {} CASCADE").format(CLONE, Identifier(column)))


# an author's words


def answers(
    connection: Connection, questions: Sequence[RowQuestion], *, search_path: str, checks: Mapping[str, str]
) -> dict[Question, Answer]:
    """What PostgreSQL makes of the questions. Names in them are looked up with `search_path`, and printed qualified.

    `checks`: definitions of the table's valid checks, by name.
    """
    found: dict[Question, Answer] = {}
    # expressions may name the columns that are added
    for question in sorted(questions, key=lambda each: (not isinstance(each, AddedColumn), isinstance(each, OfNulls))):
        nested = connection.begin_nested()
        try:
            match question:
                case AddedColumn():
                    found[question] = _add_column(connection, question, search_path)
                    nested.commit()
                case Computed() | Cast() | Relabel():
                    found[question] = _expression(connection, question, search_path)
                case DefaultOf():
                    found[question] = _default(connection, question, search_path)
                case NotNullProof():
                    found[question] = _proofs(connection, question, checks)
                case OfNulls():
                    found[question] = _of_nulls(connection, question, found)
        except DBAPIError as error:
            found[question] = Rejected(primary_message(error))
        except ColumnNotFound as error:
            # its type was not accepted
            found[question] = Rejected(error.message)
        finally:
            if nested.is_active:
                nested.rollback()
    return found


def _add_column(connection: Connection, question: AddedColumn, search_path: str) -> ColumnType:
    set_local(connection, search_path=search_path)
    collation = SQL(" COLLATE {}").format(catalog_sql(question.collation)) if question.collation else SQL("")
    generated = (
        SQL(" GENERATED ALWAYS AS ({}\n) VIRTUAL").format(catalog_sql(question.generated))
        if question.generated
        else SQL("")
    )
    column = SQL("ALTER TABLE {} ADD COLUMN {} {}{}{}").format(
        CLONE, Identifier(question.name), catalog_sql(question.type), collation, generated
    )
    # what follows a type could be more than a type, and would be lost
    send_one(connection, TYPE.format(catalog_sql(question.type)))
    send_one(connection, column)
    if question.generated:
        send_one(connection, ONE_EXPRESSION.format(expression=catalog_sql(question.generated), clone=CLONE))
    set_local(connection, search_path="")
    row = _clone_column(connection, question.name)
    return ColumnType(
        type=row["type"],
        collation=tuple(row["collation"]) if row["collation"] else None,
        constrained_domain=row["constrained_domain"],
        collatable=row["collatable"],
        toastable=row["toastable"],
        generated=row["default"],
    )


def _expression(connection: Connection, question: Computed | Cast | Relabel, search_path: str) -> Expression:
    column = question.column
    words: Composable
    names: Sequence[tuple[str, str]]
    exchanged = None if isinstance(question, Relabel) else question.exchanged
    if isinstance(question, Relabel):
        words = _relabelled(question, catalog_sql(_clone_column(connection, column)["bare"]))
        # by label, as below
        by_label, names = True, ()
    elif isinstance(question, Cast):
        source, target = _clone_column(connection, question.source), _clone_column(connection, column)
        words, by_label = _converted(question.source, source, target), _by_label(source, target)
        names = ()
    else:
        words, by_label, names = catalog_sql(question.expression), False, question.names
        bare = catalog_sql(_clone_column(connection, column)["bare"])
    with _called(connection, names):
        set_local(connection, search_path=search_path)
        if isinstance(question, Computed) and _is_literal(connection, words):
            # read as the column's type, as in an INSERT; without its modifier, for a cast would cut
            words = LITERAL.format(words, bare)
        send_one(connection, PARSE.format(name=Identifier(PARSED), expression=words, clone=CLONE))
        immutable = by_label or is_immutable(connection, words)
        set_local(connection, search_path="")
    if exchanged:
        one, other = exchanged
        for old, new in ((one, PARSED), (other, one), (PARSED, other)):
            rename_column(connection, old, new)
        column = {one: other, other: one}.get(column, column)
    body = str(scalar(connection, queries.CLONE_FUNCTION, {"name": PARSED}))
    # a line break follows SELECT where it is a CASE
    sql = body.partition(" SELECT")[2].lstrip().rpartition(f" AS {PARSED}\n")[0]
    assigned = _clone_column(connection, column)
    send(connection, ASSIGN.format(clone=CLONE, column=Identifier(column), expression=catalog_sql(sql)))
    send(connection, USE.format(clone=CLONE, expression=catalog_sql(sql)))
    reads = fetch(connection, queries.CLONE_FUNCTION_READS, {"clone": NAME, "name": PARSED})
    found = uses(connection, PARSED)
    return Expression(
        sql=sql,
        type=assigned["type"],
        comparison=assigned["comparison"],
        reads=tuple(row["name"] for row in reads),
        immutable=immutable,
        null=immutable and not reads and _is_null(connection, sql),
        uses=replace(found, schemas=tuple(dict.fromkeys((*found.schemas, *assigned["schemas"])))),
    )


def _is_null(connection: Connection, sql: str) -> bool:
    nested = connection.begin_nested()
    try:
        return bool(scalar(connection, text(IS_NULL.format(catalog_sql(sql)))))
    except DBAPIError:
        # whoever looks at the rows is told that it fails on each of them
        return False
    finally:
        nested.rollback()


def _converted(column: str, source: RowMapping, target: RowMapping) -> Composable:
    """As the target's type: between enums by way of text, for there is no cast from one to another."""
    words: Composable = Identifier(column)
    if _by_label(source, target) and source["category"] == target["category"]:
        words = CAST.format(words, TEXTS[target["array"]])
    return CAST.format(words, catalog_sql(target["bare"]))


def _by_label(source: RowMapping, target: RowMapping) -> bool:
    """Of an array each element's: a cast of labels gives another value only to who renames one meanwhile."""
    kinds = {source["category"], target["category"]}
    return source["array"] == target["array"] and ENUM in kinds and kinds <= {STRING, ENUM}


def _relabelled(question: Relabel, type_: Composable) -> Composable:
    """Value by value, by way of text."""
    label: Composable = CAST.format(Identifier(question.source), TEXTS[question.array])
    if question.array:
        words = label
        for old, new in question.changes:
            words = REPLACED.format(words, Literal(old), Literal(new))
    else:
        whens = SQL("").join(WHEN.format(Literal(old), Literal(new)) for old, new in question.changes)
        words = CASE.format(label, whens, label)
    return CAST.format(words, type_)


def _is_literal(connection: Connection, words: Composable) -> bool:
    """Whether it is a constant of no type yet: only such a one is taken for bytea and for text."""
    nested = connection.begin_nested()
    try:
        for type_ in (SQL("bytea"), SQL("text")):
            send_one(connection, UNTYPED.format(expression=words, clone=CLONE, type=type_))
    except DBAPIError:
        # whatever else is wrong with it is found when it is parsed
        return False
    finally:
        nested.rollback()
    return True


def uses(connection: Connection, name: str) -> Uses:
    """What an object of the clone uses: a function, a constraint, an index, or the default of a column."""
    row = fetch(connection, queries.CLONE_USES, {"clone": NAME, "name": name})[0]
    return Uses(routines=tuple(row["routines"]), schemas=tuple(row["schemas"]))


def _clone_column(connection: Connection, name: str) -> RowMapping:
    rows = fetch(connection, queries.CLONE_COLUMN, {"clone": NAME, "column": name})
    if not rows:
        raise ColumnNotFound(NAME, name, ())
    return rows[0]


@contextmanager
def _called(connection: Connection, names: Sequence[tuple[str, str]]) -> Iterator[None]:
    """While inside, columns have the names that the author uses; what is made of them follows when they change back."""
    changes = [(column, name) for name, column in names if name != column]
    aside = {name: f"orchestrator_a{number}" for number, (_, name) in enumerate(changes)}
    there = {row["name"] for row in fetch(connection, queries.CLONE_COLUMNS, {"clone": NAME})}
    moved = [(name, other) for name, other in aside.items() if name in there and name not in dict(changes)]
    for name, other in moved:
        rename_column(connection, name, other)
    for column, name in changes:
        rename_column(connection, column, f"{aside[name]}_")
    for _, name in changes:
        rename_column(connection, f"{aside[name]}_", name)
    yield
    for _, name in changes:
        rename_column(connection, name, f"{aside[name]}_")
    for column, name in changes:
        rename_column(connection, f"{aside[name]}_", column)
    for name, other in moved:
        rename_column(connection, other, name)


def is_immutable(connection: Connection, words: Composable) -> bool:
    """By the server's own test: whether an index could have it."""
    nested = connection.begin_nested()
    try:
        send_one(connection, INDEX.format(clone=CLONE, expression=words))
    except DBAPIError as error:
        # whether the type can be indexed at all is looked at later, and no matter here
        return sqlstate(error) != NOT_IMMUTABLE
    finally:
        nested.rollback()
    return True


def _default(connection: Connection, question: DefaultOf, search_path: str) -> DefaultValue | Rejected:
    """The server says itself whether it would write every row: a table that is rewritten gets another file."""
    column = Identifier(question.column)
    set_local(connection, search_path=search_path)
    set_default = SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT ({}\n)")
    send_one(connection, set_default.format(CLONE, column, catalog_sql(question.expression)))
    send_one(connection, ONE_EXPRESSION.format(expression=catalog_sql(question.expression), clone=CLONE))
    set_local(connection, search_path="")
    row = fetch(connection, queries.CLONE_COLUMN, {"clone": NAME, "column": question.column})[0]
    if row["default"] is None:
        return Rejected("NULL is no default: a column without one gets it anyhow")
    before = scalar(connection, queries.CLONE_FILE, {"clone": NAME})
    add = SQL("ALTER TABLE {} ADD COLUMN {} {}{} DEFAULT {}").format(
        CLONE,
        Identifier(PROBE),
        catalog_sql(row["type"]),
        SQL(" COLLATE {}").format(Identifier(*row["collation"])) if row["collation"] else SQL(""),
        catalog_sql(row["default"]),
    )
    send(connection, add)
    return DefaultValue(
        sql=row["default"],
        rewrites=scalar(connection, queries.CLONE_FILE, {"clone": NAME}) != before,
        # as text in the trigger, where it fills rows
        uses=uses(connection, question.column),
    )


def _proofs(connection: Connection, question: NotNullProof, checks: Mapping[str, str]) -> Proofs:
    """Checks that read just as the one that we would add: what else may prove it, only the server's scan would tell."""
    add = SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} IS DISTINCT FROM NULL)")
    send(connection, add.format(CLONE, Identifier(PROOF), Identifier(question.column)))
    row = fetch(connection, queries.CLONE_CONSTRAINT, {"clone": NAME, "name": PROOF})[0]
    definition = next(iter(row.values()))
    return Proofs(tuple(name for name, each in checks.items() if each == definition))


def _of_nulls(connection: Connection, question: OfNulls, found: Mapping[Question, Answer]) -> Remade:
    """Computed, where it depends on nothing else; whoever refuses the expressions has no need of an answer."""
    up = {each.column: answer for each in question.up if isinstance(answer := found.get(each), Expression)}
    down = {each.column: answer for each in question.down if isinstance(answer := found.get(each), Expression)}
    known = len(up) == len(question.up) and len(down) == len(question.down)
    apart = all(set(each.reads) <= down.keys() for each in up.values()) and all(
        set(each.reads) <= up.keys() for each in down.values()
    )
    if not (known and apart and all(each.immutable for each in (*up.values(), *down.values()))):
        return Remade(())
    row = fetch(connection, text(_remade(up, down)))[0]
    return Remade(tuple(name for name, given in row.items() if given))


def _remade(up: Mapping[str, Expression], down: Mapping[str, Expression]) -> Composable:
    nothing = [SQL("CAST(NULL AS {}) AS {}").format(catalog_sql(up[name].type), Identifier(name)) for name in up]
    old = [
        SQL("CAST({} AS {}) AS {}").format(catalog_sql(each.sql), catalog_sql(each.type), Identifier(name))
        for name, each in down.items()
    ]
    again = [
        SQL("{} IS DISTINCT FROM NULL AS {}").format(catalog_sql(f"({each.sql})"), Identifier(name))
        for name, each in up.items()
    ]
    return SQL("SELECT {} FROM (SELECT {} FROM (SELECT {}) AS new) AS new").format(
        *(SQL(", ").join(columns) for columns in (again, old, nothing))
    )


# enums that the plan makes


def make_enums(connection: Connection, enums: Iterable[MadeEnum]) -> None:
    """As expand will have made them; of a run that has begun they are there already."""
    for made in enums:
        name = Identifier(made.enum.schema, made.enum.name)
        if not scalar(connection, queries.TYPE_EXISTS, {"name": text(name)}):
            values = SQL(", ").join(map(Literal, made.enum.values))
            send(connection, SQL("CREATE TYPE {} AS ENUM ({})").format(name, values))


@contextmanager
def enums_exchanged(connection: Connection, enums: Sequence[MadeEnum]) -> Iterator[None]:
    """While inside, the new enums have the names of the old ones, and so have their values.

    A definition that names an old one gets the new one, and is printed with its name afterwards.
    """
    for made in enums:
        for old, new in made.renamed:
            _rename_value(connection, made.enum, new, old)
        _exchange(connection, made.enum.schema, made.enum.old_name, made.enum.name)
    yield
    for made in enums:
        _exchange(connection, made.enum.schema, made.enum.old_name, made.enum.name)
        for old, new in made.renamed:
            _rename_value(connection, made.enum, old, new)


def _exchange(connection: Connection, schema: str, one: str, other: str) -> None:
    rename = SQL("ALTER TYPE {} RENAME TO {}")
    for old, new in ((one, ASIDE), (other, one), (ASIDE, other)):
        send(connection, rename.format(Identifier(schema, old), Identifier(new)))


def _rename_value(connection: Connection, enum: NewEnum, old: str, new: str) -> None:
    rename = SQL("ALTER TYPE {} RENAME VALUE {} TO {}")
    send(connection, rename.format(Identifier(enum.schema, enum.name), Literal(old), Literal(new)))


# definitions under other names


def render(
    connection: Connection,
    renames: Mapping[str, str],
    types: Mapping[str, ColumnType],
    *,
    relabelled: Mapping[str, ColumnType],
    enums: Sequence[MadeEnum],
    indexes: Sequence[RowMapping],
    constraints: Sequence[RowMapping],
    statistics: Sequence[RowMapping],
) -> Successors:
    """Builds the old objects, changes the types and names of columns, and lets PostgreSQL print the result.

    What our role may not build, or a clone cannot have (foreign keys), is not rendered here. Columns of `types` are
    changed with what stands on them; those of `relabelled` before: a definition in which the old enum is written out
    can only be made anew, with that name for the new one.
    """
    change_types(connection, relabelled)
    built = {row["name"]: f"orchestrator_i{n}" for n, row in enumerate(indexes) if not row["exclusion"]}
    added = {row["name"]: f"orchestrator_c{n}" for n, row in enumerate(alone(constraints))}
    counted = {row["name"]: f"orchestrator_s{n}" for n, row in enumerate(statistics)}
    unfit = []
    with enums_exchanged(connection, enums):
        for what, rows, made, build in (
            ("index", indexes, built, build_index),
            ("constraint", alone(constraints), added, build_constraint),
            ("statistics object", statistics, counted, _build_statistics),
        ):
            for row in [row for row in rows if row["name"] in made]:
                message = _misfit(connection, partial(build, connection, made[row["name"]], row), types, relabelled)
                if message is not None:
                    unfit.append((what, row["name"], message))
                    del made[row["name"]]
                else:
                    build(connection, made[row["name"]], row)
    change_types(connection, types)
    for old, new in renames.items():
        rename_column(connection, old, new)
    return Successors(
        indexes={name: index_tail(connection, made) for name, made in built.items()},
        constraints={
            row["name"]: _constraint_definition(connection, added[row["name"]], row, renames)
            for row in constraints
            if row["name"] in added
        },
        unfit=tuple(unfit),
        statistics={
            name: str(scalar(connection, queries.CLONE_STATISTICS, {"clone": NAME, "name": made}))
            for name, made in counted.items()
        },
    )


def _misfit(
    connection: Connection,
    build: Callable[[], None],
    types: Mapping[str, ColumnType],
    relabelled: Mapping[str, ColumnType],
) -> str | None:
    """What the server has against it under the new types."""
    if not types and not relabelled:
        return None
    nested = connection.begin_nested()
    try:
        build()
        change_types(connection, types)
    except DBAPIError as error:
        return primary_message(error)
    finally:
        nested.rollback()
    return None


def change_types(connection: Connection, types: Mapping[str, ColumnType]) -> None:
    if types:
        clauses = [type_clause(name, each.type, each.collation) + ANY_VALUE for name, each in types.items()]
        send(connection, SQL("ALTER TABLE {} {}").format(CLONE, SQL(", ").join(clauses)))


def type_clause(column: str, type_: str, collation: tuple[str, str] | None) -> Composed:
    collate = SQL(" COLLATE {}").format(Identifier(*collation)) if collation else SQL("")
    return ALTER_TYPE.format(Identifier(column), catalog_sql(type_), collate)


def rename_column(connection: Connection, old: str, new: str) -> None:
    """Of the clone."""
    send(connection, SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(CLONE, Identifier(old), Identifier(new)))


def send(connection: Connection, statement: Composable) -> None:
    """What we have put together ourselves."""
    run(connection, text(statement))


def send_one(connection: Connection, statement: Composable) -> None:
    """With an author's words in it."""
    run_one(connection, text(statement))


def build_index(connection: Connection, name: str, row: RowMapping) -> None:
    unique = SQL("UNIQUE " if row["unique"] else "")
    send(connection, SQL("CREATE {}INDEX {} ON {} {}").format(unique, Identifier(name), CLONE, catalog_sql(tail(row))))


def alone(constraints: Iterable[RowMapping]) -> list[RowMapping]:
    """Those that are not made over an index; a primary key WITHOUT OVERLAPS when its columns are NOT NULL for good."""
    return sorted((row for row in constraints if not row["over_index"]), key=lambda row: bool(row["type"] == "p"))


def build_constraint(connection: Connection, name: str, row: RowMapping) -> None:
    if row["type"] == "n":
        # LIKE has copied it under the old name; a table has only one a column
        column = Identifier(row["columns"][0])
        send(connection, SQL("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL").format(CLONE, column))
    definition = catalog_sql(row["definition"])
    send(connection, SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(CLONE, Identifier(name), definition))


def _build_statistics(connection: Connection, name: str, row: RowMapping) -> None:
    columns = catalog_sql(row["columns"])
    send(connection, SQL("CREATE STATISTICS {} ON {} FROM {}").format(Identifier("pg_temp", name), columns, CLONE))


def index_tail(connection: Connection, name: str) -> str:
    """What follows the table's name in the definition of an index of a temporary table."""
    return tail(fetch(connection, queries.CLONE_INDEX_TAIL, {"name": name})[0])


def tail(row: RowMapping) -> str:
    """What follows the table's name in an index definition; the head is composed as PostgreSQL composes it."""
    definition, head = str(row["definition"]), str(row["head"])
    if not definition.startswith(head):
        raise OrchestratorError(f"PostgreSQL renders an index in a way we do not know: {definition}")
    return definition[len(head) :]


def _constraint_definition(
    connection: Connection, name: str, old: RowMapping, renames: Mapping[str, str]
) -> tuple[str, str | None]:
    """The definition, and the condition on rows that break it where there is one."""
    row = fetch(connection, queries.CLONE_CONSTRAINT, {"clone": NAME, "name": name})[0]
    definition, expression = row.values()
    definition = str(definition).removesuffix(" NOT VALID")
    if old["type"] == "n":
        (column,) = old["columns"]
        return definition, text(SQL("{} IS NULL").format(Identifier(renames.get(column, column))))
    return definition, f"NOT ({expression})" if expression else None
