"""What the statements of a file do to tables that are in use, one after the other. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from postgast import nodes
from postgast import pg_query_pb2 as pb
from postgast.nodes import AstNode

from orchestrator.lint import altering, indexing, syntax
from orchestrator.lint.memory import Memory
from orchestrator.lint.operation import Operation, quoted, show
from orchestrator.lint.source import Source
from orchestrator.lint.syntax import Statement
from orchestrator.table_names import plan_table
from phases.delta import Table

_SHARE_UPDATE_EXCLUSIVE = 4


def operations(source: Source, found: list[Statement]) -> list[Operation]:
    """Every operation of a file that a rule has a name for."""
    memory = Memory(in_transaction=source.in_transaction)
    return [operation for statement in found for operation in _step(memory, source, statement)]


def _step(memory: Memory, source: Source, statement: Statement) -> Iterator[Operation]:
    for operation in _operations(memory, source, statement):
        if operation.table in memory.created and operation.table:
            why = operation.harmless or f"{show(operation.table)} is created in this file"
            operation = replace(operation, harmless=why, fresh=True)
        yield operation
        memory.locked(operation)


def _operations(memory: Memory, source: Source, statement: Statement) -> Iterator[Operation]:
    make = partial(Operation, statement=statement)
    node = statement.node
    match node:
        case nodes.TransactionStmt():
            memory.transaction(node)
        case nodes.AlterTableStmt(objtype=pb.OBJECT_TABLE):
            yield from altering.alter_table(memory, statement, node)
        case nodes.AlterTableStmt(objtype=pb.OBJECT_TYPE):
            yield make(rule="composite_type", does=f"ALTER TYPE {show(syntax.table(node.relation))}")
        case nodes.AlterTableMoveAllStmt():
            yield make(rule="rewrite_table", does=f"rewrite all in tablespace {node.orig_tablespacename}")
        case nodes.CreateStmt():
            yield from _create_table(memory, statement, node)
        case nodes.CreateTableAsStmt(into=nodes.IntoClause(rel=relation)):
            memory.create(syntax.table(relation), surely=not node.if_not_exists)
        case nodes.SelectStmt(into_clause=nodes.IntoClause(rel=relation)):
            memory.create(syntax.table(relation), surely=True)
        case nodes.RenameStmt():
            yield from _rename(memory, statement, node)
        case nodes.AlterObjectSchemaStmt():
            what = syntax.table(node.relation) if node.relation else syntax.named(node.object)
            is_table = node.object_type == pb.OBJECT_TABLE
            yield make(
                rule="set_schema",
                does=f"SET SCHEMA {node.newschema} of {show(what)}",
                table=what if is_table else None,
            )
        case nodes.IndexStmt():
            yield from indexing.create_index(memory, statement, node)
        case nodes.DropStmt():
            yield from indexing.drop(memory, statement, node)
        case nodes.ReindexStmt():
            yield from indexing.reindex(memory, statement, node)
        case nodes.AlterEnumStmt():
            yield from _enum(memory, statement, node)
        case nodes.CreateEnumStmt() | nodes.CompositeTypeStmt():
            name = node.type_name if isinstance(node, nodes.CreateEnumStmt) else [node.typevar]
            memory.types.add(syntax.strings([part for part in name if part])[-1])
        case nodes.CreateDomainStmt(constraints=constraints) if any(map(altering.restricts, constraints)):
            yield make(rule="domain_constraint", does="CREATE DOMAIN with a constraint")
        case nodes.AlterDomainStmt(subtype="C" | "O" | "V"):
            yield make(rule="domain_constraint", does=f"constrain domain {show(_of(node.type_name))}")
        case nodes.TruncateStmt(relations=relations):
            for table in _tables(relations):
                yield make(rule="truncate", does=f"TRUNCATE {show(table)}", table=table)
        case nodes.LockStmt(relations=relations, mode=mode) if mode >= _SHARE_UPDATE_EXCLUSIVE:
            for table in _tables(relations):
                yield make(rule="lock_table", does=f"LOCK TABLE {show(table)}", table=table)
        case nodes.RefreshMatViewStmt(concurrent=False):
            table = syntax.table(node.relation)
            yield make(rule="refresh_materialized_view", does=f"REFRESH MATERIALIZED VIEW {show(table)}", table=table)
        case nodes.VacuumStmt() | nodes.ClusterStmt():
            yield from indexing.vacuum(memory, statement, node)
        case nodes.SelectStmt() | nodes.InsertStmt() | nodes.CopyStmt():
            yield from _backfill(memory, statement)
        case nodes.UpdateStmt() | nodes.DeleteStmt() | nodes.MergeStmt():
            yield from _backfill(memory, statement)
        case nodes.CreateTrigStmt():
            table = syntax.table(node.relation)
            yield make(rule="create_trigger", does=f"CREATE TRIGGER {quoted(node.trigname)}", table=table)
        case nodes.CreatePolicyStmt() | nodes.AlterPolicyStmt():
            word = "CREATE" if isinstance(node, nodes.CreatePolicyStmt) else "ALTER"
            table = syntax.table(node.table)
            yield make(rule="row_security", does=f"{word} POLICY {quoted(node.policy_name)}", table=table)
        case nodes.DropOwnedStmt():
            yield make(rule="drop_object", does="DROP OWNED")
        case nodes.DoStmt():
            yield from _block(memory, source, statement)
        case nodes.DropdbStmt():
            yield make(rule="drop_database", does=f"DROP DATABASE {node.dbname}")
        case _:
            yield from _code_and_rights(memory, statement)


def _code_and_rights(memory: Memory, statement: Statement) -> Iterator[Operation]:
    """Views, functions and sequences, privileges and settings: they lock no table, and reach code that runs."""
    make = partial(Operation, statement=statement)
    node = statement.node
    match node:
        case nodes.CreateFunctionStmt(replace=False, funcname=name):
            memory.made.add(_of(name).name)
        case nodes.ViewStmt(replace=False, view=nodes.RangeVar(relname=name)):
            memory.made.add(name)
        case nodes.CreateSeqStmt(sequence=nodes.RangeVar(relname=name), if_not_exists=False):
            memory.made.add(name)
        case nodes.CreateSchemaStmt(schemaname=name, if_not_exists=False):
            memory.made.add(name)
        case nodes.CreateFunctionStmt(funcname=name):
            yield make(rule="replace_code", does=f"CREATE OR REPLACE FUNCTION {show(_of(name))}")
        case nodes.ViewStmt(view=view):
            yield make(rule="replace_code", does=f"CREATE OR REPLACE VIEW {show(syntax.table(view))}")
        case nodes.AlterFunctionStmt(func=function):
            yield make(rule="replace_code", does=f"ALTER FUNCTION {show(syntax.named(function))}")
        case nodes.AlterTableStmt(objtype=pb.OBJECT_VIEW, relation=view):
            yield make(rule="replace_code", does=f"ALTER VIEW {show(syntax.table(view))}")
        case nodes.AlterSeqStmt(options=options) if any(map(_moves_sequence, options)):
            what = syntax.table(node.sequence)
            fresh = "the sequence is created in this file" if what.name in memory.made else ""
            yield make(rule="alter_sequence", does=f"ALTER SEQUENCE {show(what)}", harmless=fresh)
        case nodes.GrantStmt(is_grant=False, objects=objects):
            ours = memory.made | {table.name for table in memory.created}
            new = bool(objects) and all(syntax.named(each).name in ours for each in objects)
            yield make(rule="revoke", does="REVOKE", harmless="what it is about is created in this file" if new else "")
        case nodes.GrantRoleStmt(is_grant=False):
            yield make(rule="revoke", does="REVOKE of a role")
        case nodes.AlterRoleStmt() | nodes.AlterRoleSetStmt():
            yield make(rule="alter_settings", does="ALTER ROLE")
        case nodes.AlterDatabaseStmt() | nodes.AlterDatabaseSetStmt():
            yield make(rule="alter_settings", does=f"ALTER DATABASE {quoted(node.dbname)}")
        case nodes.AlterSystemStmt():
            yield make(rule="alter_settings", does="ALTER SYSTEM")
        case nodes.AlterExtensionStmt():
            yield make(rule="alter_settings", does=f"ALTER EXTENSION {quoted(node.extname)}")


def _moves_sequence(option: AstNode) -> bool:
    words = ("restart", "start", "increment", "minvalue", "maxvalue", "cycle")
    return isinstance(option, nodes.DefElem) and option.defname in words


def _create_table(memory: Memory, statement: Statement, node: nodes.CreateStmt) -> Iterator[Operation]:
    table = syntax.table(node.relation)
    memory.create(table, surely=not node.if_not_exists)
    make = partial(Operation, statement=statement)
    if node.partbound:
        parent = _tables(node.inh_relations)[0]
        yield make(
            rule="create_partition", does=f"CREATE TABLE {show(table)} PARTITION OF {show(parent)}", table=parent
        )
    keys = [each for each in node.table_elts if isinstance(each, nodes.Constraint)]
    for column in node.table_elts:
        if isinstance(column, nodes.ColumnDef):
            keys += [each for each in column.constraints if isinstance(each, nodes.Constraint)]
    for key in keys:
        referenced = syntax.table(key.pktable) if key.pktable else table
        if key.contype == pb.CONSTR_FOREIGN and referenced not in memory.created:
            # an empty table is not scanned; writers of the other one wait for the moment it takes
            memory.strong = memory.strong or f"a foreign key to {show(referenced)}"


def _rename(memory: Memory, statement: Statement, node: nodes.RenameStmt) -> Iterator[Operation]:
    make = partial(Operation, statement=statement)
    kind, old, new = node.rename_type, node.subname, node.newname
    if kind == pb.OBJECT_COLUMN and node.relation_type == pb.OBJECT_TABLE:
        table = syntax.table(node.relation)
        does = f"RENAME COLUMN {show(table)}.{quoted(old)} TO {quoted(new)}"
        yield make(rule="rename_column", does=does, table=table, column=old, details={"to": new})
    elif kind == pb.OBJECT_TABLE:
        table = syntax.table(node.relation)
        if table in memory.created:
            memory.created.add(Table(table.schema, new))
        yield make(
            rule="rename_table", does=f"RENAME TABLE {show(table)} TO {quoted(new)}", table=table, details={"to": new}
        )
    elif kind == pb.OBJECT_TABCONSTRAINT:
        table = syntax.table(node.relation)
        does = f"RENAME CONSTRAINT {quoted(old)} of {show(table)} TO {quoted(new)}"
        yield make(rule="rename_constraint", does=does, table=table, details={"name": old, "to": new})
    elif kind == pb.OBJECT_ATTRIBUTE:
        yield make(rule="composite_type", does=f"RENAME ATTRIBUTE {old}")
    elif kind in (pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_COLUMN, pb.OBJECT_SEQUENCE) and node.relation:
        yield make(rule="rename_object", does=f"RENAME {show(syntax.table(node.relation))} {old} TO {new}")
    elif kind in (pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_TYPE, pb.OBJECT_DOMAIN, pb.OBJECT_SCHEMA):
        yield make(rule="rename_object", does=f"RENAME {old or show(syntax.named(node.object))} TO {new}")


def _enum(memory: Memory, statement: Statement, node: nodes.AlterEnumStmt) -> Iterator[Operation]:
    what = _of(node.type_name)
    make = partial(Operation, statement=statement)
    fresh = f"type {what.name} is created in this file" if what.name in memory.types else ""
    details: dict[str, object] = {"type": plan_table(what), "value": node.old_val or node.new_val}
    if node.old_val:
        does = f"RENAME VALUE '{node.old_val}' of {show(what)}"
        yield make(rule="rename_enum_value", does=does, details=details | {"to": node.new_val}, harmless=fresh)
        return
    if node.new_val_neighbor:
        details["after" if node.new_val_is_after else "before"] = node.new_val_neighbor
    does = f"ADD VALUE '{node.new_val}' to {show(what)}"
    yield make(
        rule="add_enum_value",
        does=does,
        details=details,
        harmless=fresh or "one catalog step, without a table lock",
    )


def _backfill(memory: Memory, statement: Statement) -> Iterator[Operation]:
    for node in syntax.changes(statement.node):
        table = syntax.table(node.relation)
        word = type(node).__name__.removesuffix("Stmt").upper()
        if _of_every_row(node):
            does = f"{word} of every row of {show(table)}"
            yield Operation(rule="backfill", statement=statement, does=does, table=table)
        elif memory.strong:
            does = f"{word} of {show(table)} while the transaction holds {memory.strong}"
            yield Operation(rule="backfill", statement=statement, does=does, table=table)


def _of_every_row(node: nodes.UpdateStmt | nodes.DeleteStmt | nodes.MergeStmt) -> bool:
    """Of MERGE: of every row that has a match in a whole table, or of every row that has none."""
    if not isinstance(node, nodes.MergeStmt):
        return not syntax.chooses_rows(node.where_clause)
    parts = node.with_clause.ctes if node.with_clause else []
    ours = {each.ctename for each in parts if isinstance(each, nodes.CommonTableExpr)}
    source = node.source_relation
    whole = isinstance(source, nodes.RangeVar) and source.relname not in ours
    return any(
        each.command_type in (pb.CMD_UPDATE, pb.CMD_DELETE)
        and not syntax.chooses_rows(each.condition)
        and (whole or each.match_kind == pb.MERGE_WHEN_NOT_MATCHED_BY_SOURCE)
        for each in node.merge_when_clauses
        if isinstance(each, nodes.MergeWhenClause)
    )


def _block(memory: Memory, source: Source, statement: Statement) -> Iterator[Operation]:
    """A DO block: what PL/pgSQL runs as it stands is looked at like any other statement."""
    inner = syntax.block(statement, source)
    before, memory.in_transaction = memory.in_transaction, True
    for each in inner[0] if inner else ():
        yield from _step(memory, source, each)
    memory.in_transaction = before
    memory.strong = memory.strong if before else ""
    if inner is None or inner[1]:
        yield Operation(
            rule="opaque",
            statement=statement,
            does="a DO block that runs SQL which it puts together" if inner else "a DO block nobody can look into",
        )


def _tables(relations: list[AstNode]) -> list[Table]:
    return [syntax.table(each) for each in relations if isinstance(each, nodes.RangeVar)]


def _of(parts: list[AstNode]) -> Table:
    names = syntax.strings(parts)
    return Table(names[-2] if len(names) > 1 else "", names[-1])
