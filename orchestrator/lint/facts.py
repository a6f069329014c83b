"""What is known of a table that exists: frozen values, read by `live`."""

from __future__ import annotations

from dataclasses import dataclass

from phases.delta import Table


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A table as it is now."""

    table: Table
    rows: int | None
    """Estimate; None where it was never analysed."""
    bytes: int
    """With indexes and TOAST, over all partitions."""
    types: dict[str, str]
    not_null: frozenset[str]
    """Columns that surely hold no NULL: NOT NULL, and validated."""
    proven: dict[str, str]
    """Columns that a valid check proves to hold no NULL, and its name."""
    checked: frozenset[str]
    """Columns that a check reads."""
    validated: frozenset[str]
    """Constraints that are valid."""
    primary_key: tuple[str, ...]
    """Its columns, in the table's order."""


@dataclass(frozen=True)
class Trial:
    """What a command did to an empty copy of the table."""

    rewrites: bool
    builds: bool
