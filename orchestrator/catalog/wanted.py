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


Question = AddedColumn | Computed | Cast


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
class Rejected:
    """PostgreSQL does not accept it."""

    message: str


Answer = ColumnType | Expression | Rejected


@dataclass(frozen=True, kw_only=True)
class Retyping:
    """A type that a column is to have."""

    added: AddedColumn
    """The column that takes over, if it cannot be changed where it stands; the answer to it is the type."""
    cast: Cast | None = None
    """What makes the new value; None: the author's own expression, for which every row has to be computed."""


@dataclass(frozen=True)
class Wanted:
    """What a change needs to know of one table."""

    renames: Mapping[str, str] = field(default_factory=dict)
    """Old column names, and those under which their indexes and constraints are to be rendered."""
    questions: tuple[Question, ...] = ()
    retypes: Mapping[str, Retyping] = field(default_factory=dict)
    """Columns whose indexes and constraints are to be rendered as they read under another type."""

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(
            {**self.renames, **other.renames},
            tuple(dict.fromkeys((*self.questions, *other.questions))),
            {**self.retypes, **other.retypes},
        )


@dataclass(frozen=True)
class Request:
    """A table as a plan names it, and what is wanted of it."""

    table: Table
    """With an empty schema: looked up with the search_path."""
    wanted: Wanted
