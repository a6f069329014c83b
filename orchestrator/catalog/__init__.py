"""The database as it is now: frozen values, read from pg_catalog by `orchestrator.catalog.reader`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestrator.errors import ColumnNotFound, TableNotFound
from phases.delta import Grant, Table

SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""Names that every table has for itself."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column and everything that is attached to it alone."""

    name: str
    number: int
    type: str
    not_null: bool
    collation: tuple[str, str] | None
    storage: str | None
    compression: str | None
    statistics: int | None
    options: tuple[str, ...]
    comment: str | None
    grants: tuple[Grant, ...]
    default: str | None
    generated: bool
    identity: Literal["", "a", "d"]
    security_label: bool
    constrained_domain: bool
    """Whether its type is a domain with a check, NOT NULL or default, its own or of a domain below."""


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """A sequence that belongs to a column, by OWNED BY or as its identity."""

    schema: str
    name: str
    column: str
    identity: bool
    options: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index that reads a changed column, and how it reads once the column has its new name."""

    name: str
    unique: bool
    valid: bool
    successor: str | None
    tablespace: str | None
    comment: str | None
    statistics: tuple[tuple[int, int], ...]
    constraint: str | None
    clustered: bool
    replica_identity: bool


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A constraint of the table that names a changed column; foreign keys stand apart."""

    name: str
    kind: Literal["check", "not_null", "exclude", "unique", "primary_key"]
    columns: tuple[str, ...]
    index: str | None
    successor: str | None
    violated_by: str | None
    validated: bool
    enforced: bool
    deferral: str
    comment: str | None


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key out of or into a changed column."""

    name: str
    table: Table
    columns: tuple[str, ...]
    references: Table
    referenced_columns: tuple[str, ...]
    actions: str
    set_columns: tuple[str, ...]
    """Columns of ON DELETE SET NULL/DEFAULT (columns), PostgreSQL 15+."""
    deferral: str
    validated: bool
    enforced: bool
    comment: str | None
    temporal: bool
    partitioned: bool
    owned: bool
    """Whether our role may alter both of its tables."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Extended statistics over a changed column."""

    schema: str
    name: str
    kinds: tuple[str, ...]
    successor: str | None
    target: int | None
    comment: str | None


@dataclass(frozen=True, kw_only=True)
class Dependent:
    """Something that names a changed column and cannot be carried over."""

    kind: str
    name: str
    column: str
    trigger: str | None = None
    """Its name, where it is a trigger."""


@dataclass(frozen=True, kw_only=True)
class TriggerFacts:
    """A user trigger of the table."""

    name: str
    before_row: bool
    fires_on_update: bool
    enabled: str
    function: str
    mentions: tuple[str, ...]
    """Changed columns that occur as words in the body of its function."""


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """A table as far as its changed columns are concerned."""

    table: Table
    oid: int
    owned: bool
    may_create: bool
    partitioned: bool
    inherits: bool
    row_security_applies: bool
    rows: float
    """Estimate of the planner; -1 where the table was never analysed."""
    bytes: int
    index_bytes: int
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]
    """Old and new names under which the successors were rendered."""
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    triggers: tuple[TriggerFacts, ...] = ()
    publications: tuple[str, ...] = ()
    taken_names: frozenset[str] = frozenset()
    """Names of relations, constraints and functions in the table's schema."""

    @property
    def display(self) -> str:
        """`schema.table`, as users write it."""
        return f"{self.table.schema}.{self.table.name}"

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            ColumnNotFound: naming the columns there are.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ColumnNotFound(self.display, name, (column.name for column in self.columns))

    def has_column(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return any(column.name == name for column in self.columns)

    def without(self, *, columns: Iterable[str], triggers: Iterable[str], names: Iterable[str]) -> TableFacts:
        """The table as it would be without objects of ours, to be compared with what a plan was compiled from."""
        columns, triggers, names = set(columns), set(triggers), set(names)
        return replace(
            self,
            columns=tuple(column for column in self.columns if column.name not in columns),
            triggers=tuple(trigger for trigger in self.triggers if trigger.name not in triggers),
            dependents=tuple(each for each in self.dependents if each.trigger not in triggers),
            foreign_keys=tuple(key for key in self.foreign_keys if key.name not in names),
            taken_names=self.taken_names - names,
        )


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What the compiler needs to know: the server, the role, and the tables a plan names."""

    server_version: int
    may_replicate: bool
    """Whether the role may set session_replication_role, so that user triggers stay silent in a backfill."""
    tables: Mapping[str, TableFacts]
    """By the name the plan uses."""
    known_tables: tuple[str, ...] = field(default=())

    def table(self, name: str) -> TableFacts:
        """The table under the name the plan uses.

        Raises:
            TableNotFound: naming tables that are there.
        """
        try:
            return self.tables[name]
        except KeyError:
            raise TableNotFound(name, self.known_tables) from None
