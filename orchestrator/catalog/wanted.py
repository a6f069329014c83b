"""What a change asks of the catalog: definitions under other names, and how PostgreSQL reads what its author wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from phases.delta import (
    Comparison,
    Duplicates,
    Equality,
    ForeignKey,
    Grant,
    NewEnum,
    PartitionBound,
    Table,
    TableColumn,
    TableKey,
)


@dataclass(frozen=True, kw_only=True)
class AddedColumn:
    """A column that the plan adds; expressions may name it. Answered by a `ColumnType`."""

    name: str
    type: str
    collation: str | None = None
    """As COLLATE takes it: the author's text."""
    generated: str | None = None
    """The author's expression of a VIRTUAL column."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """An author's expression over the columns of a row, for the value of `column`. Answered by an `Expression`."""

    expression: str
    column: str
    names: tuple[tuple[str, str], ...] = ()
    """What the author calls a column that has another name: (author's name, column)."""
    exchanged: tuple[str, str] | None = None
    """Two columns that have exchanged their names by the time it is used; the names above are those before."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """A column as the type of another, but without its modifier: assignment tells what does not fit, a cast cuts it.

    Answered by an `Expression`.
    """

    source: str
    column: str
    exchanged: tuple[str, str] | None = None
    """As for `Computed`."""


@dataclass(frozen=True, kw_only=True)
class Relabel:
    """A column of an enum, or an array of it, as one of another enum, value by value. Answered by an `Expression`."""

    source: str
    column: str
    array: bool
    changes: tuple[tuple[str, str], ...]
    """Values that become others."""


@dataclass(frozen=True, kw_only=True)
class DefaultOf:
    """An author's default for a column that is there or that the plan adds. Answered by a `DefaultValue`."""

    column: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class NotNullProof:
    """Which valid checks of the table prove that a column has no nulls. Answered by `Proofs`."""

    column: str


@dataclass(frozen=True, kw_only=True)
class IndexKey:
    """A column or an expression of an index; `collation` and `opclass` are the author's text."""

    column: str | None = None
    expression: str | None = None
    collation: str | None = None
    opclass: str | None = None
    order: Literal["asc", "desc"] | None = None
    nulls: Literal["first", "last"] | None = None


@dataclass(frozen=True, kw_only=True)
class NewIndex:
    """An index that the plan adds, on the table as it is after the plan. Answered by an `IndexDefinition`."""

    keys: tuple[IndexKey, ...]
    unique: bool = False
    method: str = "btree"
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    parameters: tuple[tuple[str, str], ...] = ()
    tablespace: str | None = None
    where: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewCheck:
    """A check that the plan adds, on the table as it is after the plan. Answered by a `CheckDefinition`."""

    expression: str
    no_inherit: bool = False
    enforced: bool = True


@dataclass(frozen=True, kw_only=True)
class NewForeignKey:
    """A foreign key that the plan adds, to a table as it is now. Answered by a `ForeignKeyDefinition`."""

    name: str
    columns: tuple[str, ...]
    references: str
    """As the plan names the table."""
    referenced_columns: tuple[str, ...] = ()
    """Empty: the primary key's."""
    actions: str = ""
    """MATCH, ON UPDATE and ON DELETE, as one clause."""
    set_columns: tuple[str, ...] = ()
    deferral: str = ""


@dataclass(frozen=True, kw_only=True)
class DraftPartition:
    """A partition that a plan describes. Values are literals, read as the type of their column."""

    name: str
    default: bool = False
    lower: tuple[str, ...] = ()
    """Of a range, included; empty: MINVALUE."""
    upper: tuple[str, ...] = ()
    """Of a range, not included; empty: MAXVALUE."""
    values: tuple[str | None, ...] = ()
    """Of a list."""
    remainder: int = 0
    """Of a hash, with as many partitions as there are."""


@dataclass(frozen=True, kw_only=True)
class PartitionedBy:
    """How a table would be partitioned. Answered by `Partitions`."""

    method: Literal["range", "list", "hash"]
    columns: tuple[str, ...]
    partitions: tuple[DraftPartition, ...]


@dataclass(frozen=True, kw_only=True)
class OfNulls:
    """What new columns are computed to be, by way of the old ones, where newer code has left all of them null.

    Answered by `Remade`, once the expressions themselves are.
    """

    up: tuple[Computed, ...]
    down: tuple[Computed, ...]


RowQuestion = AddedColumn | Computed | Cast | Relabel | DefaultOf | NotNullProof | OfNulls
Definition = NewIndex | NewCheck | NewForeignKey | PartitionedBy
Question = RowQuestion | Definition


@dataclass(frozen=True, kw_only=True)
class DraftColumn:
    """A column of a table that is to be made; type, collation and default are its author's text."""

    name: str
    type: str
    collation: str | None = None
    default: str | None = None
    identity: Literal["", "ALWAYS", "BY DEFAULT"] = ""
    not_null: bool = False


@dataclass(frozen=True, kw_only=True)
class DraftForeignKey:
    """A foreign key out of it."""

    name: str
    columns: tuple[str, ...]
    references: Table
    """As the plan names it."""
    referenced_columns: tuple[str, ...] = ()
    """None: the other table's primary key."""
    actions: str = ""
    deferral: str = ""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A table that is not there yet. Answered by a `Drafted`."""

    columns: tuple[DraftColumn, ...]
    keys: tuple[TableKey, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    """Name and condition."""
    indexes: tuple[tuple[str, str], ...] = ()
    """Name, and what follows the table's name in CREATE INDEX."""
    foreign_keys: tuple[DraftForeignKey, ...] = ()
    grants: tuple[Grant, ...] = ()
    partitioned_by: PartitionedBy | None = None


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """A draft as PostgreSQL understood it; where it did not, `rejections` says what and why."""

    rejections: tuple[tuple[str, str], ...] = ()
    columns: tuple[TableColumn, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    indexes: tuple[tuple[str, str], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    partitions: Partitions | None = None
    not_to_be_locked: tuple[Table, ...] = ()
    """Tables that they refer to, where our role may not lock one, or a partition of it."""


@dataclass(frozen=True, kw_only=True)
class ColumnType:
    """A type as PostgreSQL prints it."""

    type: str
    collation: tuple[str, str] | None
    """Where it is not the type's own."""
    constrained_domain: bool
    collatable: bool
    toastable: bool
    """Whether its values may be stored out of line or compressed."""
    generated: str | None = None


@dataclass(frozen=True, kw_only=True)
class Uses:
    """What whoever writes a row must be allowed to use, by oid."""

    routines: tuple[int, ...] = ()
    """Functions that are called, those of operators among them."""
    schemas: tuple[int, ...] = ()
    """Schemas in which names are looked up when the row is written."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """An expression as PostgreSQL understood it."""

    sql: str
    """Every name qualified, every column of the row as `new.column`."""
    type: str
    """The type of the column that takes its value."""
    comparison: Comparison
    reads: tuple[str, ...]
    """Columns of the row that it reads."""
    immutable: bool
    """Whether it gives the same value whenever, and whoever computes it."""
    null: bool
    """Whether it is null, whatever the row."""
    uses: Uses = Uses()


@dataclass(frozen=True, kw_only=True)
class DefaultValue:
    """A default as PostgreSQL prints it."""

    sql: str
    rewrites: bool
    """Whether a column that is added with it makes the server write every row."""
    uses: Uses = Uses()


@dataclass(frozen=True, kw_only=True)
class IndexDefinition:
    """An index as PostgreSQL understood it."""

    sql: str
    """All after `ON table` in CREATE INDEX."""
    keys: tuple[str, ...]
    """Its key columns, in order; an expression is an empty one."""
    reads: tuple[str, ...]
    partial: bool
    duplicates: Duplicates | None
    """How rows that it would refuse are found, if it is unique; None, too, where its operators are not the type's."""
    uses: Uses = Uses()


@dataclass(frozen=True, kw_only=True)
class CheckDefinition:
    """A check as PostgreSQL understood it."""

    sql: str
    violated_by: str
    reads: tuple[str, ...]
    immutable: bool
    uses: Uses = Uses()


@dataclass(frozen=True, kw_only=True)
class ForeignKeyDefinition:
    """A foreign key as PostgreSQL understood it."""

    references: Table
    referenced_columns: tuple[str, ...]
    types: tuple[tuple[str, str], ...]
    """Of each column, and of that which it refers to."""
    equalities: tuple[Equality, ...]
    partitioned: bool
    """Whether the table referred to is."""
    inherits: bool
    """Whether it is a partition, or takes part in inheritance."""
    may_refer: bool
    """Whether our role may read it and refer to it."""
    may_lock: bool
    """Whether it may lock it, and its partitions."""
    unlogged: bool
    """Whether a crash of the server empties it."""


@dataclass(frozen=True, kw_only=True)
class Partitions:
    """Key and bounds as PostgreSQL understood them."""

    by: str
    """`RANGE (created_at)`."""
    bounds: tuple[PartitionBound, ...]


@dataclass(frozen=True)
class Proofs:
    """Checks by name."""

    constraints: tuple[str, ...]


@dataclass(frozen=True)
class Remade:
    """New columns that get a value all the same."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Rejected:
    """PostgreSQL does not accept it."""

    message: str
    but_for: tuple[str, ...] = ()
    """Columns that it reads, and that are other ones after the plan; with them as they are now it would be accepted."""


Answer = (
    ColumnType
    | Expression
    | DefaultValue
    | Proofs
    | Remade
    | IndexDefinition
    | CheckDefinition
    | ForeignKeyDefinition
    | Partitions
    | Rejected
)


@dataclass(frozen=True, kw_only=True)
class Retyping:
    """A type that a column is to have."""

    added: AddedColumn
    """The column that takes over, if it cannot be changed where it stands; the answer to it is the type."""
    relabelled: bool = False
    """It is one of `Wanted.enums`: what names the old one stands for it."""
    cast: Cast | None = None
    """What makes the new value; None: the author's own expression, for which every row has to be computed."""


@dataclass(frozen=True, kw_only=True)
class MadeEnum:
    """An enum that the plan makes: what names the old one, and a value of it, reads as if it named this one."""

    enum: NewEnum
    renamed: tuple[tuple[str, str], ...] = ()
    """Values that have other names, the old and the new one."""


@dataclass(frozen=True)
class Wanted:
    """What a change needs to know of one table."""

    renames: Mapping[str, str] = field(default_factory=dict)
    """Old column names, and those under which their indexes and constraints are to be rendered."""
    questions: tuple[Question, ...] = ()
    draft: Draft | None = None
    """The table itself, where the change makes it."""
    uses: bool = False
    """Who uses the table as a whole."""
    shape: bool = False
    """What it takes to make another table that is like it."""
    retypes: Mapping[str, Retyping] = field(default_factory=dict)
    """Columns whose indexes and constraints are to be rendered as they read under another type."""
    enums: tuple[MadeEnum, ...] = ()
    carries: frozenset[str] = frozenset()
    """Columns whose indexes are wanted as they are, to be made on another table."""
    rights: bool = False
    """Which roles may do what with its rows."""

    @property
    def expressions(self) -> tuple[RowQuestion, ...]:
        """What is asked of the table as it is now, with the columns that are added."""
        return tuple(each for each in self.questions if not isinstance(each, Definition))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """What is asked of the table as it is after the plan."""
        return tuple(each for each in self.questions if isinstance(each, Definition))

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(
            {**self.renames, **other.renames},
            tuple(dict.fromkeys((*self.questions, *other.questions))),
            self.draft or other.draft,
            self.uses or other.uses,
            self.shape or other.shape,
            {**self.retypes, **other.retypes},
            tuple(dict.fromkeys((*self.enums, *other.enums))),
            self.carries | other.carries,
            self.rights or other.rights,
        )


@dataclass(frozen=True)
class Request:
    """A table as a plan names it, and what is wanted of it."""

    table: Table
    """With an empty schema: looked up with the search_path."""
    wanted: Wanted
