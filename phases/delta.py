"""What a change asks of the phases, as data. A field is here because a phase reads it; SQL is made by the phases.

Definitions of existing objects (an index's columns, a check's expression, a default) are PostgreSQL's own rendering
of them, with the new column names already in place: nobody edits SQL as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NameKept = str | None
"""The name an object takes at contract, or None where it already has it."""


@dataclass(frozen=True)
class Table:
    """A table by its schema and name, unquoted."""

    schema: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One privilege; `grantee` None is PUBLIC."""

    privilege: str
    grantee: str | None
    grantable: bool


@dataclass(frozen=True, kw_only=True)
class NewColumn:
    """A column that expand adds: nullable, without default, else as its predecessor is."""

    name: str
    type: str
    """As format_type() renders it."""
    collation: tuple[str, str] | None = None
    storage: str | None = None
    compression: str | None = None
    statistics: int | None = None
    options: tuple[str, ...] = ()
    comment: str | None = None
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An old and a new column that hold the same value until contract."""

    old: str
    new: str
    old_has_default: bool
    """A default fills the old column when a new-version INSERT leaves it out: not a disagreement."""


@dataclass(frozen=True, kw_only=True)
class Sync:
    """What the dual-write trigger keeps equal, and how it and its function are called."""

    pairs: tuple[Pair, ...]
    trigger: str
    function: str
    counter: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index to be built on the new column in the likeness of an old one."""

    name: str
    old_name: str
    unique: bool
    definition: str
    """All after `ON table` in CREATE INDEX."""
    tablespace: str | None = None
    comment: str | None = None
    statistics: tuple[tuple[int, int], ...] = ()
    """Statistics targets by column number, for expression columns."""
    rename_to: NameKept = None
    owned_by_constraint: bool = False
    """Its predecessor goes with its constraint or with the old column, not by itself."""
    clustered: bool = False
    replica_identity: bool = False


@dataclass(frozen=True, kw_only=True)
class UniqueKey:
    """A UNIQUE or PRIMARY KEY constraint over an index of `Delta.indexes`."""

    name: str
    old_name: str
    index: str
    primary: bool
    deferral: str = ""
    """`DEFERRABLE INITIALLY …` or nothing."""
    comment: str | None = None
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class TableConstraint:
    """A CHECK, a named NOT NULL (PostgreSQL 18) or an EXCLUDE constraint."""

    name: str
    kind: Literal["check", "not_null", "exclude"]
    definition: str
    """What follows ADD CONSTRAINT name, without NOT VALID."""
    validated: bool = True
    enforced: bool = True
    violated_by: str | None = None
    """Condition on a row that breaks it, for the report."""
    comment: str | None = None
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key out of or into the table, to be built again over the new column."""

    table: Table
    name: str
    old_name: str
    columns: tuple[str, ...]
    references: Table
    referenced_columns: tuple[str, ...]
    actions: str
    """MATCH, ON UPDATE and ON DELETE, as one clause."""
    set_columns: tuple[str, ...] = ()
    """Columns of ON DELETE SET NULL or SET DEFAULT (columns), where not all of them."""
    deferral: str = ""
    validated: bool = True
    enforced: bool = True
    comment: str | None = None
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """An extended statistics object over the new column."""

    schema: str
    name: str
    old_name: str
    kinds: tuple[str, ...]
    columns: str
    target: int | None = None
    comment: str | None = None
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class Default:
    """A default that moves to the new column at contract."""

    column: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An identity that moves at contract: a new sequence with the old one's name, options, grants and position."""

    column: str
    always: bool
    schema: str
    sequence: str
    interim: str
    """Name of the old sequence for the moment in which both exist."""
    options: str
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OwnedSequence:
    """A sequence that shall belong to the new column (`serial`)."""

    schema: str
    name: str
    column: str


@dataclass(frozen=True, kw_only=True)
class Delta:
    """Everything one plan asks of one table."""

    table: Table
    sync: Sync
    add: tuple[NewColumn, ...]
    drop: tuple[str, ...]
    key: tuple[str, ...]
    """Columns by which a row is named in reports; empty: by ctid."""
    not_null: tuple[str, ...] = ()
    """Columns that become NOT NULL where the server does not name such constraints (before 18)."""
    indexes: tuple[Index, ...] = ()
    unique_keys: tuple[UniqueKey, ...] = ()
    constraints: tuple[TableConstraint, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    defaults: tuple[Default, ...] = ()
    identities: tuple[Identity, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
