"""How a plan names a table."""

from __future__ import annotations

import re

from orchestrator.errors import PlanError
from phases.delta import Table


def split_table(name: str) -> Table:
    """`table`, `schema.table`, either part in double quotes if it holds a dot; taken exactly, never folded."""
    part = r'("(?:[^"]|"")+"|[^.]+)'
    match = re.fullmatch(rf"(?:{part}\.)?{part}", name)
    if match is None:
        raise PlanError(f'"{name}" is not a table name', "write table or schema.table; quote a part that holds a dot")

    def exact(text: str | None) -> str:
        if text is None:
            return ""
        return text[1:-1].replace('""', '"') if len(text) > 2 and text[0] == text[-1] == '"' else text

    return Table(exact(match[1]), exact(match[2]))


def plan_table(table: Table) -> str:
    """The same the other way: as a plan file names it."""

    def part(name: str) -> str:
        return '"' + name.replace('"', '""') + '"' if "." in name or name.startswith('"') else name

    return f"{part(table.schema)}.{part(table.name)}" if table.schema else part(table.name)
