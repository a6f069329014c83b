"""From an operation to the entry of a plan that does the same safely. The keys of the kinds stand here only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from orchestrator.lint.operation import Operation
from orchestrator.table_names import plan_table
from phases.delta import Table

Entry = dict[str, Any]


def _on_column(operation: Operation, **more: object) -> Entry:
    return _on_table(operation, column=operation.column, **more)


def _on_table(operation: Operation, **more: object) -> Entry:
    assert operation.table is not None
    return {"table": plan_table(operation.table), **{key: value for key, value in more.items() if value}}


def _picked(operation: Operation, *keys: str) -> Mapping[str, object]:
    return {key: operation.details.get(key) for key in keys}


def _index(operation: Operation) -> Entry:
    keys = ("name", "columns", "unique", "nulls_not_distinct", "method", "include", "where", "tablespace")
    return _on_table(operation, **_picked(operation, *keys))


ENTRIES: Mapping[str, tuple[str, Callable[[Operation], Entry]]] = {
    # rule: the kind, and its keys beside `kind`; what is empty is left out
    "add_column": ("add_column", lambda o: _on_column(o, **_picked(o, "type", "not_null", "default"))),
    "add_column_volatile_default": (
        "add_column",
        lambda o: _on_column(o, **_picked(o, "type", "not_null", "default", "identity")),
    ),
    "add_column_stored_generated": ("add_column", lambda o: _on_column(o, **_picked(o, "type", "not_null", "up"))),
    "add_column_json": ("add_column", lambda o: _on_column(o, **_picked(o, "type", "not_null", "default"))),
    "drop_column": ("drop_column", _on_column),
    "rename_column": ("rename_column", lambda o: _on_table(o, **{"from": o.column}, to=o.details["to"])),
    "change_type": ("change_type", lambda o: _on_column(o, **_picked(o, "type", "collation", "up"))),
    "set_not_null": ("set_not_null", _on_column),
    "drop_not_null": ("drop_not_null", _on_column),
    "set_default": ("set_default", lambda o: _on_column(o, **_picked(o, "default"))),
    "drop_default": ("drop_default", _on_column),
    "add_check": ("add_check", lambda o: _on_table(o, **_picked(o, "name", "check", "no_inherit"))),
    "add_unique": (
        "add_unique",
        lambda o: _on_table(
            o, **_picked(o, "name", "columns", "include", "nulls_not_distinct", "deferrable", "initially_deferred")
        ),
    ),
    "add_primary_key": ("add_primary_key", lambda o: _on_table(o, **_picked(o, "name", "columns", "include"))),
    "add_foreign_key": (
        "add_foreign_key",
        lambda o: _on_table(
            o,
            **_picked(o, "name", "columns"),
            references={key: value for key, value in _references(o).items() if value},
            **_picked(o, "on_delete", "on_update", "deferrable", "initially_deferred"),
        ),
    ),
    "drop_constraint": ("drop_constraint", lambda o: _on_table(o, **_picked(o, "name"))),
    "rename_constraint": (
        "rename_constraint",
        lambda o: _on_table(o, **{"from": o.details["name"]}, to=o.details["to"]),
    ),
    "create_index": ("create_index", _index),
    "concurrently_if_not_exists": ("create_index", _index),
    "replace_index": ("replace_index", _index),
    "drop_index": ("drop_index", lambda o: _on_table(o, **_picked(o, "name"))),
    "reindex": ("reindex", lambda o: _on_table(o, **_picked(o, "name"))),
    "drop_table": ("drop_table", _on_table),
    "rename_table": ("rename_table", lambda o: _on_table(o, to=o.details["to"])),
    "add_enum_value": ("add_enum_value", lambda o: dict(_picked(o, "type", "value", "before", "after"))),
}


def _references(operation: Operation) -> Mapping[str, object]:
    found = operation.details["references"]
    assert isinstance(found, Mapping)
    return found


def entry(operation: Operation) -> Entry | None:
    """The entry of a plan, or None where the statement does not hold all that one takes."""
    # in a transaction by mistake: the kind is what the statement itself asks for
    found = ENTRIES.get(operation.kinds[0] if operation.kinds else operation.rule)
    if found is None:
        return None
    kind, make = found
    try:
        made = make(operation)
    except AssertionError:  # an index whose table only a database could name
        return None
    return {"kind": kind, **{key: value for key, value in made.items() if value not in (None, "", [], {})}}


def plan_yaml(operation: Operation, made: Entry) -> str:
    """A plan file with that one change."""
    plan = {"name": plan_name(operation, made), "changes": [made]}
    return yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=110)


def plan_name(operation: Operation, made: Entry) -> str:
    """A name for the plan: its kind and what it changes, in the letters that a plan's name may have."""
    table = operation.table or Table("", str(operation.details.get("type", "")))
    words = "-".join(filter(None, (made["kind"].replace("_", "-"), table.name, operation.column)))
    plain = re.sub(r"[^a-z0-9_-]+", "-", words.lower()).strip("-_")
    if plain == words and len(plain) <= 40:
        return plain
    return f"{plain[:33].rstrip('-_')}-{hashlib.sha256(words.encode()).hexdigest()[:6]}"


def ready(text: str) -> bool:
    """Whether `orchestrator plan` here would accept it: the kind is installed, and every key is one of its own."""
    from orchestrator.errors import PlanError
    from orchestrator.plan import parse

    try:
        parse(text, "lint")
    except PlanError:  # the kind is not installed, or wants more than the statement says
        return False
    return True
