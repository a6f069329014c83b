"""Constraints that expand drops: what an abort needs to add them again, and back to what the catalog said of them."""

from __future__ import annotations

from orchestrator import catalog as facts_of
from phases.delta import DroppedForeignKey, ForeignKey, TableConstraint


def after(constraint: facts_of.Constraint) -> TableConstraint:
    """A check, as the phases take it."""
    assert constraint.kind == "check"
    return TableConstraint(
        name=constraint.name,
        kind="check",
        definition=constraint.definition,
        validated=constraint.validated,
        enforced=constraint.enforced,
        violated_by=constraint.broken_by,
        comment=constraint.comment,
    )


def before(constraint: TableConstraint) -> facts_of.Constraint:
    """The other way round, for a run that has dropped it already."""
    return facts_of.Constraint(
        name=constraint.name,
        kind=constraint.kind,
        columns=(),
        reads=(),
        index=None,
        successor=None,
        violated_by=None,
        validated=constraint.validated,
        enforced=constraint.enforced,
        deferral="",
        comment=constraint.comment,
        definition=constraint.definition,
        broken_by=constraint.violated_by,
    )


def key_after(key: facts_of.ForeignKey) -> ForeignKey:
    """A foreign key, as the phases take it."""
    return ForeignKey(
        table=key.table,
        name=key.name,
        columns=key.columns,
        references=key.references,
        referenced_columns=key.referenced_columns,
        actions=key.actions,
        set_columns=key.set_columns,
        deferral=key.deferral,
        temporal=key.temporal,
        validated=key.validated,
        enforced=key.enforced,
        comment=key.comment,
    )


def key_before(key: ForeignKey) -> facts_of.ForeignKey:
    """The other way round, for a run that has dropped it already."""
    return facts_of.ForeignKey(
        name=key.name,
        table=key.table,
        columns=key.columns,
        references=key.references,
        referenced_columns=key.referenced_columns,
        actions=key.actions,
        set_columns=key.set_columns,
        deferral=key.deferral,
        validated=key.validated,
        enforced=key.enforced,
        comment=key.comment,
        temporal=key.temporal,
        partitioned=key.references in key.trees,
        owned=True,
    )


def dropped(key: facts_of.ForeignKey) -> DroppedForeignKey:
    """A foreign key that goes."""
    return DroppedForeignKey(
        table=key.table,
        name=key.name,
        references=key.references,
        partitioned=key.partitioned,
        columns=key.columns,
        referenced_columns=key.referenced_columns,
        actions=key.actions,
    )
