"""What a change asks of the catalog: definitions under other names, and how PostgreSQL reads what its author wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from phases.delta import Comparison, ForeignKey, Grant, Table, TableColumn, TableKey


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


@dataclass(frozen=True, kw_only=True)
class DefaultOf:
    """An author's default for a column that is there or that the plan adds. Answered by a `DefaultValue`."""

    column: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class NotNullProof:
    """Which valid checks of the table prove that a column has no nulls. Answered by `Proofs`."""

    column: str


Question = AddedColumn | Computed | DefaultOf | NotNullProof


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


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """A draft as PostgreSQL understood it; where it did not, `rejections` says what and why."""

    rejections: tuple[tuple[str, str], ...] = ()
    columns: tuple[TableColumn, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    indexes: tuple[tuple[str, str], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnType:
    """A type as PostgreSQL prints it."""

    type: str
    collation: tuple[str, str] | None
    """Where it is not the type's own."""
    constrained_domain: bool
    generated: str | None = None


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


@dataclass(frozen=True, kw_only=True)
class DefaultValue:
    """A default as PostgreSQL prints it."""

    sql: str
    rewrites: bool
    """Whether a column that is added with it makes the server write every row."""


@dataclass(frozen=True)
class Proofs:
    """Checks by name."""

    constraints: tuple[str, ...]


@dataclass(frozen=True)
class Rejected:
    """PostgreSQL does not accept it."""

    message: str


Answer = ColumnType | Expression | DefaultValue | Proofs | Rejected


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

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(
            {**self.renames, **other.renames},
            tuple(dict.fromkeys((*self.questions, *other.questions))),
            self.draft or other.draft,
            self.uses or other.uses,
        )


@dataclass(frozen=True)
class Request:
    """A table as a plan names it, and what is wanted of it."""

    table: Table
    """With an empty schema: looked up with the search_path."""
    wanted: Wanted
