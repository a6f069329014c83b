"""What a change asks of the catalog: definitions under other names, and how PostgreSQL reads what its author wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from phases.delta import Comparison, Table


@dataclass(frozen=True, kw_only=True)
class AddedColumn:
    """A column that the plan adds; expressions may name it. Answered by a `ColumnType`."""

    name: str
    type: str
    collation: str | None = None
    """As COLLATE takes it: the author's text."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """An author's expression over the columns of a row, for the value of `column`. Answered by an `Expression`."""

    expression: str
    column: str
    names: tuple[tuple[str, str], ...] = ()
    """What the author calls a column that has another name: (author's name, column)."""


@dataclass(frozen=True, kw_only=True)
class NotNullProof:
    """Which valid checks of the table prove that a column has no nulls. Answered by `Proofs`."""

    column: str


Question = AddedColumn | Computed | NotNullProof


@dataclass(frozen=True, kw_only=True)
class ColumnType:
    """A type as PostgreSQL prints it."""

    type: str
    collation: tuple[str, str] | None
    """Where it is not the type's own."""
    constrained_domain: bool


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


@dataclass(frozen=True)
class Proofs:
    """Checks by name."""

    constraints: tuple[str, ...]


@dataclass(frozen=True)
class Rejected:
    """PostgreSQL does not accept it."""

    message: str


Answer = ColumnType | Expression | Proofs | Rejected


@dataclass(frozen=True)
class Wanted:
    """What a change needs to know of one table."""

    renames: Mapping[str, str] = field(default_factory=dict)
    """Old column names, and those under which their indexes and constraints are to be rendered."""
    questions: tuple[Question, ...] = ()

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted({**self.renames, **other.renames}, tuple(dict.fromkeys((*self.questions, *other.questions))))


@dataclass(frozen=True)
class Request:
    """A table as a plan names it, and what is wanted of it."""

    table: Table
    """With an empty schema: looked up with the search_path."""
    wanted: Wanted
