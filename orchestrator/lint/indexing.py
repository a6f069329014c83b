"""Indexes, DROP, and what rebuilds whole tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from postgast import nodes
from postgast import pg_query_pb2 as pb

from orchestrator.lint import syntax
from orchestrator.lint.memory import Memory
from orchestrator.lint.operation import Operation, quoted, show
from orchestrator.lint.syntax import Statement
from phases.delta import Table


def outside_only(
    memory: Memory,
    statement: Statement,
    what: str,
    *,
    table: Table | None = None,
    kind: str = "",
    details: Mapping[str, object] | None = None,
) -> Iterator[Operation]:
    """A statement that PostgreSQL refuses within a transaction."""
    if memory.in_transaction:
        yield Operation(
            rule="concurrently_in_transaction",
            statement=statement,
            does=f"{what} within a transaction",
            table=table,
            details=details or {},
            kinds=(kind,) if kind else (),
            lock="",
        )


def create_index(memory: Memory, statement: Statement, node: nodes.IndexStmt) -> Iterator[Operation]:
    table, name = syntax.table(node.relation), node.idxname
    make = partial(Operation, statement=statement, table=table)
    details = {
        "name": name,
        "columns": [syntax.index_element(each) for each in node.index_params if isinstance(each, nodes.IndexElem)],
        "unique": node.unique,
        "nulls_not_distinct": node.nulls_not_distinct,
        "method": "" if node.access_method == "btree" else node.access_method,
        "include": [each.name for each in node.index_including_params if isinstance(each, nodes.IndexElem)],
        "where": syntax.expression(node.where_clause),
        "tablespace": node.table_space,
    }
    where = f"{quoted(name)} on {show(table)}" if name else f"on {show(table)}"
    if name in memory.dropped_indexes:
        yield make(rule="replace_index", does=f"DROP INDEX {quoted(name)} before CREATE INDEX {where}", details=details)
    if node.concurrent:
        yield from outside_only(
            memory, statement, "CREATE INDEX CONCURRENTLY", table=table, kind="create_index", details=details
        )
        yield make(
            rule="index_corruption",
            does=f"CREATE INDEX CONCURRENTLY {where}",
            unsure="whether the server is 14.0 to 14.3",
        )
        if node.if_not_exists:
            yield make(
                rule="concurrently_if_not_exists",
                does=f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {where}",
                details=details,
            )
        else:
            yield make(
                rule="robust",
                does=f"CREATE INDEX CONCURRENTLY {where}",
                harmless="IF NOT EXISTS would take an INVALID index, left by a broken-off build, for the real one",
            )
    else:
        yield make(rule="create_index", does=f"CREATE INDEX {where}", details=details)
    if not node.unique and len(node.index_params) > 3:
        yield make(rule="index_columns", does=f"{len(node.index_params)} columns in index {where}", lock="")


def drop(memory: Memory, statement: Statement, node: nodes.DropStmt) -> Iterator[Operation]:
    make = partial(Operation, statement=statement)
    for each in node.objects:
        what = syntax.named(each)
        match node.remove_type:
            case pb.OBJECT_INDEX if node.concurrent:
                memory.dropped_indexes.add(what.name)
                yield from outside_only(
                    memory,
                    statement,
                    "DROP INDEX CONCURRENTLY",
                    kind="drop_index",
                    details={"name": what.name, "index": what},
                )
            case pb.OBJECT_INDEX:
                memory.dropped_indexes.add(what.name)
                yield make(
                    rule="drop_index",
                    does=f"DROP INDEX {show(what)}",
                    details={"name": what.name, "index": what},
                )
            case pb.OBJECT_TABLE:
                yield make(rule="drop_table", does=f"DROP TABLE {show(what)}", table=what)
            case pb.OBJECT_TYPE | pb.OBJECT_DOMAIN:
                yield make(rule="drop_type", does=f"DROP TYPE {show(what)}")
            case pb.OBJECT_TRIGGER:
                on = Table(*(("", *syntax.names(each))[-3:-1])) if len(syntax.names(each)) > 1 else None
                yield make(rule="trigger", does=f"DROP TRIGGER {what.name}", table=on)
            case pb.OBJECT_POLICY:
                yield make(rule="row_security", does=f"DROP POLICY {what.name}")
            case (
                pb.OBJECT_VIEW
                | pb.OBJECT_MATVIEW
                | pb.OBJECT_FUNCTION
                | pb.OBJECT_PROCEDURE
                | pb.OBJECT_SEQUENCE
                | pb.OBJECT_SCHEMA
                | pb.OBJECT_EXTENSION
                | pb.OBJECT_RULE
            ):
                yield make(rule="drop_object", does=f"DROP {show(what)}")


def reindex(memory: Memory, statement: Statement, node: nodes.ReindexStmt) -> Iterator[Operation]:
    what = syntax.table(node.relation) if node.relation else Table("", node.name)
    is_table = node.kind == pb.REINDEX_OBJECT_TABLE
    details = {"name": what.name, "index": what} if node.kind == pb.REINDEX_OBJECT_INDEX else {}
    if syntax.enabled(node.params, "concurrently"):
        yield from outside_only(
            memory, statement, "REINDEX CONCURRENTLY", kind="reindex", table=what if is_table else None, details=details
        )
        return
    yield Operation(
        rule="reindex",
        statement=statement,
        does=f"REINDEX {show(what)}",
        table=what if is_table else None,
        details=details,
    )


def vacuum(memory: Memory, statement: Statement, node: nodes.VacuumStmt | nodes.ClusterStmt) -> Iterator[Operation]:
    tables: list[Table | None]
    if isinstance(node, nodes.ClusterStmt):
        tables = [syntax.table(node.relation)] if node.relation else []
    else:
        relations = [each.relation for each in node.rels if isinstance(each, nodes.VacuumRelation)]
        tables = [syntax.table(each) for each in relations if each]
        if node.is_vacuumcmd:
            yield from outside_only(memory, statement, "VACUUM")
        if not (node.is_vacuumcmd and syntax.enabled(node.options, "full")):
            return
    for table in tables or [None]:
        does = "VACUUM FULL or CLUSTER of " + (show(table) if table else "every table")
        yield Operation(rule="vacuum_full", statement=statement, does=does, table=table)
