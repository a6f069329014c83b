"""SQL as PostgreSQL's own parser sees it. The only module that knows which library that is.

docs/decisions/sql-parser.md says why it is postgast, the parser of PostgreSQL 18 under a BSD licence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import postgast
from postgast import nodes
from postgast import pg_query_pb2 as pb
from postgast.nodes import AstNode
from psycopg.sql import Identifier

from orchestrator.lint.source import Problem, Source, Unreadable
from phases.delta import Table

_BUILTIN = frozenset(
    (
        *("text", "json", "jsonb", "uuid", "date", "bytea", "xml", "inet", "cidr", "macaddr", "macaddr8", "money"),
        *("tsvector", "tsquery", "name", "oid", "int2", "int4", "int8", "float4", "float8", "bool", "timestamptz"),
        *("serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", "point", "box", "circle", "polygon"),
        *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    )
)
"""Types that the grammar has no word for, so that they stand without `pg_catalog` before them."""
_IGNORE = re.compile(r"(?:squawk|orchestrator)-ignore(-file)?(?:[ \t:]+([\w ,-]+))?")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a source; `ignored` are the rules that comments before it silence, "*" all of them."""

    start: int
    """Bytes, as `end`."""
    end: int
    line: int
    text: str
    node: AstNode
    raw: Any
    """The protobuf message, to make other SQL of it."""
    ignored: frozenset[str] = frozenset()


def statements(source: Source) -> list[Statement]:
    """The statements of a source.

    Raises:
        Unreadable: it is not SQL that PostgreSQL would read.
    """
    try:
        tree = postgast.parse(source.sql)
        comments = list(_comments(source))
    except postgast.PgQueryError as error:
        raise Unreadable(_problem(source, error)) from error
    data, found, before = source.data, [], 0
    for each in tree.stmts:
        start = each.stmt_location
        # the last statement of a file has no length if no semicolon ends it
        end = start + each.stmt_len if each.stmt_len else len(data.rstrip())
        above = (names for at, names, whole in comments if whole or before <= at < end)
        found.append(
            Statement(
                start=start,
                end=end,
                line=source.line(start),
                text=data[start:end].decode(),
                node=nodes.wrap(each.stmt),
                raw=each.stmt,
                ignored=frozenset().union(*above),
            )
        )
        before = end
    return found


def _comments(source: Source) -> Iterator[tuple[int, frozenset[str], bool]]:
    """Where a comment silences rules, which, and whether it does so for the whole file."""
    if "-ignore" not in source.sql:
        return
    data = source.data
    for token in postgast.scan(source.sql).tokens:
        if token.token in (pb.SQL_COMMENT, pb.C_COMMENT):
            match = _IGNORE.search(data[token.start : token.end].decode())
            if match:
                names = frozenset(re.findall(r"[\w-]+", match[2] or "")) or frozenset("*")
                yield token.start, names, bool(match[1])


def _problem(source: Source, error: postgast.PgQueryError) -> Problem:
    position = max(error.cursorpos - 1, 0)
    at = source.sql[position : position + 1]
    line = source.line(len(source.sql[:position].encode()))
    message, hint = error.message, ""
    word = re.match(r"\\(\w*|.)", source.sql[position:])
    if word:
        message = f"psql command {word[0]}: lint reads SQL, not scripts for psql"
        hint = "take psql's commands out, or lint the SQL that they include"
    elif at == ":" or "COPY" in source.sql[:position].upper().rsplit(";", 2)[-1]:
        hint = "psql's :variables and the data of COPY … FROM stdin are not SQL: leave them out"
    return Problem(source.file, line, message, hint)


def block(statement: Statement, source: Source) -> tuple[list[Statement], bool] | None:
    """The statements that a DO block of PL/pgSQL runs, and whether it also runs some that it puts together.

    None where the block cannot be looked into.
    """
    if _language(statement.node) != "plpgsql":
        return None
    try:
        functions = postgast.parse_plpgsql(statement.text)
    except postgast.PgQueryError:  # PL/pgSQL that only a server with its types can read
        return None
    found, dynamic = [], False
    for kind, part in _plpgsql(functions):
        if kind != "PLpgSQL_stmt_execsql":
            dynamic = dynamic or kind in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors")
            continue
        query = part["sqlstmt"]["PLpgSQL_expr"]["query"]
        try:
            tree = postgast.parse(query)
        except postgast.PgQueryError:  # INTO, which PL/pgSQL takes out before it asks the SQL parser
            continue
        # counted from the line on which the body begins
        body = statement.line + statement.text[: _body(statement.text)].count("\n")
        line = statement.line if source.marks else body + part.get("lineno", 1) - 1
        found += [
            Statement(
                start=statement.start,
                end=statement.end,
                line=line,
                text=query,
                node=nodes.wrap(each.stmt),
                raw=each.stmt,
                ignored=statement.ignored,
            )
            for each in tree.stmts
        ]
    return found, dynamic


def _language(node: AstNode) -> str:
    given = node.args if isinstance(node, nodes.DoStmt) else []
    words = [names(each.arg)[0] for each in given if isinstance(each, nodes.DefElem) and each.defname == "language"]
    return words[0] if words else "plpgsql"


def _body(text: str) -> int:
    match = re.search(r"\$\w*\$|'", text)
    return match.end() if match else 0


def _plpgsql(part: Any) -> Iterator[tuple[str, Any]]:
    """Every statement of a parsed block, in order."""
    if isinstance(part, list):
        for each in part:
            yield from _plpgsql(each)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key.startswith("PLpgSQL_stmt"):
                yield key, value
            yield from _plpgsql(value)


# pieces of the tree


def changes(node: AstNode | None) -> Iterator[nodes.UpdateStmt | nodes.DeleteStmt | nodes.MergeStmt]:
    """What in a statement changes rows that are there, its WITH included."""
    match node:
        case nodes.CopyStmt(query=query):
            yield from changes(query)
        case nodes.SelectStmt() | nodes.InsertStmt() | nodes.UpdateStmt() | nodes.DeleteStmt() | nodes.MergeStmt():
            for each in node.with_clause.ctes if node.with_clause else ():
                assert isinstance(each, nodes.CommonTableExpr)
                yield from changes(each.ctequery)
            if isinstance(node, nodes.UpdateStmt | nodes.DeleteStmt | nodes.MergeStmt):
                yield node


def chooses_rows(condition: AstNode | None) -> bool:
    """Whether a condition looks at the row at all: of `WHERE true` or none, every row is meant."""
    reads = (pb.ColumnRef, pb.SubLink, pb.CurrentOfExpr)
    return condition is not None and any(True for kind in reads for _ in postgast.find_nodes(_message(condition), kind))


def table(relation: nodes.RangeVar | None) -> Table:
    """The table that a statement names, without a schema where it gives none."""
    assert relation is not None
    return Table(relation.schemaname, relation.relname)


def names(node: AstNode | None) -> tuple[str, ...]:
    """The parts of a dotted name."""
    match node:
        case nodes.String(sval=text):
            return (text,)
        case nodes.List(items=items):
            return tuple(part for item in items for part in names(item))
        case nodes.TypeName(names=items):
            return tuple(part for item in items for part in names(item))
        case nodes.ObjectWithArgs(objname=items):
            return tuple(part for item in items for part in names(item))
        case nodes.RangeVar():
            return tuple(filter(None, (node.schemaname, node.relname)))
    return ()


def named(node: AstNode | None) -> Table:
    """A dotted name as a table, an index or a type."""
    parts = names(node)
    return Table(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def strings(items: list[AstNode]) -> list[str]:
    """A list of names."""
    return [part for item in items for part in names(item)]


def enabled(options: list[AstNode], word: str) -> bool:
    """Whether an option in parentheses, such as `(CONCURRENTLY)`, is on."""
    for option in options:
        if isinstance(option, nodes.DefElem) and option.defname.lower() == word:
            match option.arg:
                case nodes.String(sval=text):
                    return text.lower() not in ("false", "off", "0", "no")
                case nodes.Integer(ival=number):
                    return bool(number)
                case nodes.Boolean(boolval=value):
                    return bool(value)
            return True
    return False


def functions(node: AstNode | None) -> set[str]:
    """The functions that an expression calls, without schema."""
    if node is None:
        return set()
    return {str(call.funcname[-1].string.sval) for call in postgast.find_nodes(_message(node), pb.FuncCall)}


def not_null_columns(expression: AstNode | None) -> frozenset[str]:
    """The columns whose NOT NULL a valid check with this expression proves to PostgreSQL."""
    match expression:
        case nodes.NullTest(nulltesttype=pb.IS_NOT_NULL, arg=nodes.ColumnRef(fields=fields)):
            return frozenset(strings(fields)[-1:])
        case nodes.BoolExpr(boolop=pb.AND_EXPR, args=parts):
            return frozenset().union(*map(not_null_columns, parts))
    return frozenset()


def check_of(definition: str) -> AstNode | None:
    """The expression of a check, from PostgreSQL's own rendering of it."""
    try:
        tree = postgast.parse(f"ALTER TABLE t ADD {definition}")
    except postgast.PgQueryError:  # a newer server's syntax
        return None
    command = tree.stmts[0].stmt.alter_table_stmt.cmds[0].alter_table_cmd
    return nodes.wrap(getattr(command, "def").constraint.raw_expr)


# back to SQL


def expression(node: AstNode | None) -> str:
    """An expression as SQL."""
    if node is None:
        return ""
    tree = postgast.parse("SELECT NULL")
    _put(tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val, node)
    return postgast.deparse(tree).removeprefix("SELECT ")


def type_name(node: nodes.TypeName | None) -> str:
    """A type as SQL."""
    assert node is not None
    tree = postgast.parse("SELECT NULL::int")
    tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.type_cast.type_name.CopyFrom(_message(node))
    return postgast.deparse(tree).removeprefix("SELECT NULL::")


def is_builtin(node: nodes.TypeName | None) -> bool:
    """Whether a type is PostgreSQL's own; of another one, only the server knows whether it is a domain."""
    parts = names(node)
    return parts[0] == "pg_catalog" or (len(parts) == 1 and parts[0] in _BUILTIN)


def index_element(node: nodes.IndexElem) -> str | dict[str, str]:
    """A column or expression of an index, as a plan has it: a plain column is its bare name."""
    order = {pb.SORTBY_ASC: "asc", pb.SORTBY_DESC: "desc"}.get(node.ordering)
    nulls = {pb.SORTBY_NULLS_FIRST: "first", pb.SORTBY_NULLS_LAST: "last"}.get(node.nulls_ordering)
    parts = {
        "column": node.name,
        "expression": expression(node.expr) if node.expr else None,
        "collation": _quoted(node.collation),
        "opclass": _quoted(node.opclass),
        "order": order,
        "nulls": nulls,
    }
    given = {key: value for key, value in parts.items() if value}
    return node.name if list(given) == ["column"] and node.name else given


def _quoted(parts: list[AstNode]) -> str:
    """A name as SQL, its parts in quotes."""
    found = strings(parts)
    return Identifier(*found).as_string(None) if found else ""


def on_clone(statement: Statement, position: int, clone: str) -> str:
    """One command of an ALTER TABLE, for an empty temporary copy of its table.

    Constraints of a new column are left out: they do not decide whether the table is rewritten.
    """
    tree = postgast.parse("SELECT 1")
    tree.stmts[0].stmt.CopyFrom(statement.raw)
    alter = tree.stmts[0].stmt.alter_table_stmt
    command = alter.cmds[position]
    kept = [command]
    del alter.cmds[:]
    alter.cmds.extend(kept)
    alter.relation.schemaname, alter.relation.relname = "pg_temp", clone
    definition = getattr(alter.cmds[0].alter_table_cmd, "def").column_def
    harmless = [
        each
        for each in definition.constraints
        if each.constraint.contype in (pb.CONSTR_DEFAULT, pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED)
    ]
    del definition.constraints[:]
    definition.constraints.extend(harmless)
    return postgast.deparse(tree)


def _message(node: AstNode) -> Any:
    # the wrappers are for reading only, and have no public way back
    return node._pb


def _put(target: Any, node: AstNode) -> None:
    """Puts a message into the node that can hold one of each kind."""
    message = _message(node)
    for field in target.DESCRIPTOR.fields:
        if field.message_type is message.DESCRIPTOR:
            getattr(target, field.name).CopyFrom(message)
            return
    raise AssertionError(f"{message.DESCRIPTOR.name} is no node")
