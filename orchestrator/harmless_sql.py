"""Statements that stop nobody however long they take: the only ones that may keep their locks without a bound.

Each takes SHARE UPDATE EXCLUSIVE or less on what others use; REFRESH MATERIALIZED VIEW CONCURRENTLY takes EXCLUSIVE on
the view, which stops none of its readers. Of whatever is not listed here nobody knows that.
"""

from __future__ import annotations

from postgast import nodes
from postgast import pg_query_pb2 as pb
from postgast.nodes import AstNode

from orchestrator.lint import syntax
from orchestrator.lint.source import Source
from orchestrator.lint.syntax import Statement

ROWS = (nodes.InsertStmt, nodes.UpdateStmt, nodes.DeleteStmt, nodes.MergeStmt, nodes.CopyStmt)
TRANSACTIONLESS = (
    *(nodes.CreatedbStmt, nodes.DropdbStmt, nodes.CreateTableSpaceStmt, nodes.DropTableSpaceStmt),
    *(nodes.AlterSystemStmt, nodes.CreateSubscriptionStmt, nodes.AlterSubscriptionStmt, nodes.DropSubscriptionStmt),
)
"""Besides those that `lint` finds in a transaction."""
_OTHERS = (
    *(nodes.SelectStmt, nodes.CallStmt, nodes.CreateTableAsStmt),
    *(nodes.CommentStmt, nodes.CreateStatsStmt, nodes.AlterStatsStmt),
    *(nodes.GrantStmt, nodes.GrantRoleStmt, nodes.AlterDefaultPrivilegesStmt),
    *(nodes.CreatePublicationStmt, nodes.AlterPublicationStmt),
)
_COMMANDS = frozenset((pb.AT_ValidateConstraint, pb.AT_SetStatistics, pb.AT_SetOptions, pb.AT_ResetOptions))
_PARAMETERS = ("fillfactor", "parallel_workers", "toast_tuple_target", "autovacuum_", "log_autovacuum_", "vacuum_")
"""Others, such as user_catalog_table, take ACCESS EXCLUSIVE."""


def stops_nobody(statement: Statement, source: Source) -> bool:
    """Whether readers and writers of every table go on beside it. What functions do is not seen."""
    match statement.node:
        case nodes.AlterTableStmt(objtype=pb.OBJECT_TABLE, cmds=commands):
            return all(map(_command, commands))
        case nodes.CreateStmt(inh_relations=[], table_elts=elements):
            return not any(map(_references, elements))
        case nodes.DropStmt(remove_type=pb.OBJECT_INDEX, concurrent=concurrent):
            return concurrent
        # its own lock is on the object, which no query locks
        case nodes.DropStmt(remove_type=pb.OBJECT_STATISTIC_EXT | pb.OBJECT_PUBLICATION):
            return True
        case nodes.IndexStmt(concurrent=concurrent) | nodes.RefreshMatViewStmt(concurrent=concurrent):
            return concurrent
        case nodes.ReindexStmt(params=options):
            return syntax.enabled(options, "concurrently")
        case nodes.VacuumStmt(options=options):
            return not syntax.enabled(options, "full")
        case nodes.DoStmt():
            inner = syntax.block(statement, source)
            return inner is not None and not inner[1] and all(stops_nobody(each, source) for each in inner[0])
    return isinstance(statement.node, (*_OTHERS, *ROWS, *TRANSACTIONLESS))


def locks_rows(statement: Statement, source: Source) -> bool:
    """Whether rows that others may want to change stay locked until it ends."""
    match statement.node:
        case nodes.SelectStmt(locking_clause=[_, *_]) | nodes.InsertStmt(on_conflict_clause=nodes.OnConflictClause()):
            return True
        case nodes.DoStmt():
            inner = syntax.block(statement, source)
            return inner is not None and any(locks_rows(each, source) for each in inner[0])
    return any(syntax.changes(statement.node))


def _command(command: AstNode) -> bool:
    match command:
        case nodes.AlterTableCmd(subtype=pb.AT_SetRelOptions | pb.AT_ResetRelOptions, def_=nodes.List(items=options)):
            return all(isinstance(each, nodes.DefElem) and each.defname.startswith(_PARAMETERS) for each in options)
        case nodes.AlterTableCmd(subtype=pb.AT_DetachPartition, def_=nodes.PartitionCmd(concurrent=concurrent)):
            return bool(concurrent)
        case nodes.AlterTableCmd(subtype=subtype):
            return bool(subtype in _COMMANDS)
    return False


def _references(element: AstNode) -> bool:
    """A foreign key stops writers of the other table."""
    match element:
        case nodes.Constraint(contype=contype):
            return bool(contype == pb.CONSTR_FOREIGN)
        case nodes.ColumnDef(constraints=constraints):
            return any(map(_references, constraints))
    return False
