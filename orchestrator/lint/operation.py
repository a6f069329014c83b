"""One thing that a statement does to something in use: the value between reading a statement and judging it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.lint.rules import BY_NAME
from orchestrator.lint.syntax import Statement
from phases.delta import Table

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that a statement does, under the name that `rules` has for it."""

    rule: str
    statement: Statement
    does: str
    """In a few words, with names."""
    table: Table | None = None
    others: tuple[Table, ...] = ()
    """Further tables that it locks."""
    column: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    """What a plan entry takes over from the statement."""
    lock: str | None = None
    """Where it differs from the rule's."""
    fresh: bool = False
    """Its table is created by the same source."""
    harmless: str = ""
    """Why the file alone shows that it does no harm."""
    presumed: str = ""
    """Why it does no harm as far as the file shows; a trial on the server may say otherwise."""
    unsure: str = ""
    """What only a server can tell; without one it counts as harmful."""
    kinds: tuple[str, ...] = ()
    """Where only some of the rule's fit."""
    command: int | None = None
    """Its position in ALTER TABLE, for a trial on an empty copy."""

    @property
    def taken(self) -> str:
        """The lock that it takes on its tables."""
        return BY_NAME[self.rule].lock if self.lock is None else self.lock


def show(table: Table) -> str:
    """A table as SQL names it."""
    return f"{quoted(table.schema)}.{quoted(table.name)}" if table.schema else quoted(table.name)


def quoted(text: str) -> str:
    """A name as SQL has it: in quotes where it takes some."""
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', '""') + '"'
