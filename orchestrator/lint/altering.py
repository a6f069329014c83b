"""ALTER TABLE, command by command."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from postgast import nodes
from postgast import pg_query_pb2 as pb
from postgast.nodes import AstNode

from orchestrator.lint import syntax
from orchestrator.lint.indexing import outside_only
from orchestrator.lint.memory import Memory
from orchestrator.lint.operation import Operation, quoted, show
from orchestrator.lint.syntax import Statement
from orchestrator.table_names import plan_table
from phases.delta import Table

VOLATILE = frozenset(
    (
        *("random", "random_normal", "gen_random_uuid", "uuidv4", "uuidv7", "uuid_generate_v1", "uuid_generate_v4"),
        *("nextval", "clock_timestamp", "timeofday", "setval"),
    )
)
STABLE = frozenset(
    (
        *("now", "transaction_timestamp", "statement_timestamp", "current_setting", "date_trunc", "make_interval"),
        *("to_timestamp", "to_char", "lower", "upper", "concat", "length", "md5", "array_fill"),
        *("jsonb_build_object", "jsonb_build_array", "json_build_object", "json_build_array"),
    )
)
"""Functions of PostgreSQL that need no rewrite as a default; of all others only the server knows."""
SERIAL = frozenset(("serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"))


_ACTIONS = {"c": "cascade", "n": "set null", "d": "set default", "r": "restrict"}


def alter_table(memory: Memory, statement: Statement, node: nodes.AlterTableStmt) -> Iterator[Operation]:
    """What each command of an ALTER TABLE does."""
    table = syntax.table(node.relation)
    for position, command in enumerate(node.cmds):
        assert isinstance(command, nodes.AlterTableCmd)
        yield from _command(memory, statement, table, command, position)


def restricts(constraint: AstNode) -> bool:
    """Whether a constraint of a column or domain may be broken by rows; NOT NULL of a new column stands with it."""
    return isinstance(constraint, nodes.Constraint) and constraint.contype in (
        pb.CONSTR_CHECK,
        pb.CONSTR_UNIQUE,
        pb.CONSTR_PRIMARY,
        pb.CONSTR_FOREIGN,
        pb.CONSTR_EXCLUSION,
    )


def _command(
    memory: Memory, statement: Statement, table: Table, command: nodes.AlterTableCmd, position: int
) -> Iterator[Operation]:
    name, where, detail = command.name, f"{show(table)}.{quoted(command.name)}", command.def_
    make = partial(Operation, statement=statement, table=table, command=position)
    match command.subtype, detail:
        case pb.AT_AddColumn, nodes.ColumnDef() as column:
            yield from _add_column(memory, make, table, column)
        case pb.AT_DropColumn, _:
            yield make(rule="drop_column", does=f"DROP COLUMN {where}", column=name)
        case pb.AT_AlterColumnType, nodes.ColumnDef() as column:
            collation = syntax.strings(column.coll_clause.collname) if column.coll_clause else []
            wanted = syntax.type_name(column.type_name)
            yield make(
                rule="change_type",
                does=f"ALTER COLUMN {where} TYPE {wanted}"
                + (f" COLLATE {'.'.join(map(quoted, collation))}" if collation else ""),
                column=name,
                details={
                    "type": wanted,
                    "collation": ".".join(collation),
                    "up": syntax.expression(column.raw_default),
                },
                unsure=f"whether {wanted} is stored like the type before",
            )
        case pb.AT_SetNotNull, _:
            proof = memory.proven.get((table, name), "")
            yield make(rule="set_not_null", does=f"SET NOT NULL on {where}", column=name, harmless=proof)
        case pb.AT_DropNotNull, _:
            yield make(rule="drop_not_null", does=f"DROP NOT NULL on {where}", column=name)
        case pb.AT_ColumnDefault, None:
            yield make(rule="drop_default", does=f"DROP DEFAULT of {where}", column=name)
        case pb.AT_ColumnDefault, value:
            default = syntax.expression(value)
            harmless = "it changes the catalog only, for new rows"
            yield make(
                rule="set_default",
                does=f"SET DEFAULT of {where}",
                column=name,
                details={"default": default},
                harmless=harmless,
            )
        case pb.AT_AddConstraint, nodes.Constraint() as constraint:
            yield from _add_constraint(memory, make, table, constraint)
        case pb.AT_ValidateConstraint, _:
            memory.validated(table, name)
            if memory.strong:
                does = (
                    f"VALIDATE CONSTRAINT {quoted(name)} of {show(table)} while the transaction holds {memory.strong}"
                )
                yield make(rule="validate_in_transaction", does=does, details={"name": name})
        case pb.AT_DropConstraint, _:
            does = f"DROP CONSTRAINT {quoted(name)} of {show(table)}"
            ours = (table, name) in memory.checks
            harmless = "the constraint is added in this file" if ours else ""
            yield make(rule="drop_constraint", does=does, details={"name": name}, harmless=harmless)
        case pb.AT_AlterConstraint, _:
            yield make(rule="alter_constraint", does=f"ALTER CONSTRAINT of {show(table)}")
        case ((pb.AT_AddIdentity | pb.AT_SetIdentity | pb.AT_DropIdentity), _):
            yield make(rule="alter_identity", does=f"change the identity of {where}", column=name)
        case pb.AT_SetExpression, _:
            yield make(rule="alter_generated_expression", does=f"SET EXPRESSION of {where}", column=name)
        case pb.AT_DropExpression, _:
            yield make(rule="drop_generated_expression", does=f"DROP EXPRESSION of {where}", column=name)
        case ((pb.AT_SetLogged | pb.AT_SetUnLogged | pb.AT_SetTableSpace | pb.AT_SetAccessMethod), _):
            yield make(rule="rewrite_table", does=f"rewrite {show(table)}")
        case pb.AT_AttachPartition, nodes.PartitionCmd(name=part):
            child = syntax.table(part)
            fresh = f"{show(child)} is created in this file" if child in memory.created else ""
            yield make(
                rule="attach_partition",
                does=f"ATTACH PARTITION {show(child)} to {show(table)}",
                others=(child,),
                harmless=fresh,
            )
        case pb.AT_DetachPartition, nodes.PartitionCmd(name=part, concurrent=concurrent):
            does = f"DETACH PARTITION {show(syntax.table(part))} of {show(table)}"
            if concurrent:
                yield from outside_only(memory, statement, "DETACH PARTITION CONCURRENTLY", table=table)
            else:
                yield make(rule="detach_partition", does=does, others=(syntax.table(part),))
        case pb.AT_DropInherit, _:
            yield make(rule="detach_partition", does=f"NO INHERIT of {show(table)}")
        case ((pb.AT_DisableTrig | pb.AT_DisableTrigAll | pb.AT_DisableTrigUser), _):
            yield make(rule="trigger", does=f"DISABLE TRIGGER {quoted(name) if name else 'ALL'} on {show(table)}")
        case (
            pb.AT_EnableRowSecurity | pb.AT_DisableRowSecurity | pb.AT_ForceRowSecurity | pb.AT_NoForceRowSecurity,
            _,
        ):
            yield make(rule="row_security", does=f"row security of {show(table)}")
        case pb.AT_ReplicaIdentity, _:
            yield make(rule="replica_identity", does=f"REPLICA IDENTITY of {show(table)}")


def _add_column(memory: Memory, make: partial[Operation], table: Table, column: nodes.ColumnDef) -> Iterator[Operation]:
    where, wanted = f"{show(table)}.{quoted(column.colname)}", syntax.type_name(column.type_name)
    constraints = [each for each in column.constraints if isinstance(each, nodes.Constraint)]
    by_type = {each.contype: each for each in constraints}
    default = by_type[pb.CONSTR_DEFAULT].raw_expr if pb.CONSTR_DEFAULT in by_type else None
    called = syntax.functions(default)
    generated = by_type.get(pb.CONSTR_GENERATED)
    required = pb.CONSTR_NOTNULL in by_type or pb.CONSTR_PRIMARY in by_type
    serial = wanted.rpartition(".")[2] in SERIAL
    details: dict[str, object] = {
        "type": wanted,
        "not_null": required,
        "default": syntax.expression(default),
        "up": syntax.expression(generated.raw_expr) if generated else "",
        "identity": pb.CONSTR_IDENTITY in by_type,
    }
    add = partial(make, column=column.colname, does=f"ADD COLUMN {where} {wanted}", details=details)
    if generated:
        virtual = "it is VIRTUAL: computed when it is read" if generated.generated_kind == "v" else ""
        yield add(rule="add_column_stored_generated", harmless=virtual)
    elif serial or pb.CONSTR_IDENTITY in by_type:
        yield add(rule="add_column_volatile_default")
    elif called - STABLE:
        known = called & VOLATILE
        unsure = "" if known else f"whether {', '.join(sorted(called - STABLE))}() is volatile"
        yield add(rule="add_column_volatile_default", unsure=unsure)
    elif required and default is None:
        yield add(rule="add_column_required")
    elif not syntax.is_builtin(column.type_name):
        presumed = f"one catalog step, unless {wanted} is a domain with a constraint"
        yield add(rule="add_column_domain", presumed=presumed)
    elif wanted in ("json", "pg_catalog.json"):
        yield add(rule="add_column_json", details={**details, "type": "jsonb"})
    else:
        yield add(rule="add_column", harmless="one catalog step")
    for each in constraints:
        if restricts(each):
            yield from _add_constraint(memory, partial(make, column=column.colname), table, each)


def _add_constraint(
    memory: Memory, make: partial[Operation], table: Table, constraint: nodes.Constraint
) -> Iterator[Operation]:
    inline = make.keywords.get("column", "")
    columns = syntax.strings(constraint.keys) or ([inline] if inline else [])
    name, using = constraint.conname, constraint.indexname
    where = f"{quoted(name)} on {show(table)}" if name else f"on {show(table)}"
    details: dict[str, object] = {
        "name": name,
        "using": using,
        "columns": columns,
        "include": syntax.strings(constraint.including),
        "nulls_not_distinct": constraint.nulls_not_distinct,
        "deferrable": constraint.deferrable,
        "initially_deferred": constraint.initdeferred,
    }
    catalog_only = "it is NOT VALID: no row is read" if constraint.skip_validation else ""
    if not constraint.is_enforced and constraint.contype in (pb.CONSTR_CHECK, pb.CONSTR_FOREIGN):
        catalog_only = "it is NOT ENFORCED: no row is read"
    taken = f"index {using} is there already" if using else ""
    match constraint.contype:
        case pb.CONSTR_CHECK:
            expression = syntax.expression(constraint.raw_expr)
            memory.constrained(table, name, syntax.not_null_columns(constraint.raw_expr), valid=not catalog_only)
            yield make(
                rule="add_check",
                does=f"ADD CHECK {where}",
                details=details | {"check": expression, "no_inherit": constraint.is_no_inherit},
                harmless=catalog_only,
            )
        case pb.CONSTR_NOTNULL:
            memory.constrained(table, name, frozenset(columns), valid=not catalog_only)
            yield make(
                rule="set_not_null",
                does=f"ADD NOT NULL {where}",
                column=columns[0] if columns else "",
                harmless=catalog_only,
            )
        case pb.CONSTR_UNIQUE | pb.CONSTR_PRIMARY if constraint.without_overlaps:
            word = "UNIQUE" if constraint.contype == pb.CONSTR_UNIQUE else "PRIMARY KEY"
            yield make(rule="add_exclusion", does=f"ADD {word} WITHOUT OVERLAPS {where}")
        case pb.CONSTR_UNIQUE:
            yield make(rule="add_unique", does=f"ADD UNIQUE {where}", details=details, harmless=taken)
        case pb.CONSTR_PRIMARY:
            unsure = f"whether the columns of {using} are NOT NULL already" if using else ""
            yield make(rule="add_primary_key", does=f"ADD PRIMARY KEY {where}", details=details, unsure=unsure)
        case pb.CONSTR_FOREIGN:
            other = syntax.table(constraint.pktable)
            columns = syntax.strings(constraint.fk_attrs) or columns
            if inline and not catalog_only:
                catalog_only = "the new column is empty: no row is looked up"
            yield make(
                rule="add_foreign_key",
                does=f"ADD FOREIGN KEY {where} to {show(other)}",
                others=(other,),
                # the kind knows no PERIOD
                kinds=("sql",) if constraint.fk_with_period else (),
                details=details
                | {
                    "columns": columns,
                    "references": {"table": plan_table(other), "columns": syntax.strings(constraint.pk_attrs)},
                    "on_delete": _ACTIONS.get(constraint.fk_del_action, ""),
                    "on_update": _ACTIONS.get(constraint.fk_upd_action, ""),
                },
                harmless=catalog_only,
            )
        case pb.CONSTR_EXCLUSION:
            yield make(rule="add_exclusion", does=f"ADD EXCLUDE {where}")
