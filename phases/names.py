"""Names of what we make: at most 63 bytes, readable, and different where what they stand for is different."""

from __future__ import annotations

import hashlib
import re

MAX_BYTES = 63
"""NAMEDATALEN - 1: PostgreSQL cuts longer identifiers without an error, so none may reach it."""

_DIGEST = 8


def fit(name: str, *parts: str) -> str:
    """`name` if it fits into an identifier, else its beginning and a digest of it and of `parts`."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    return _cut(name, _digest(name, *parts))


def derived(stem: str, *parts: str) -> str:
    """A name for an object of ours: `stem`, cut where it must be, and a digest of all that tells it apart."""
    return _cut(stem, _digest(stem, *parts))


def successor(name: str, renamed: dict[str, str]) -> str:
    """The name an index or constraint takes when columns are renamed: `users_email_key` to `users_address_key`.

    A column's name counts only as a whole word between underscores, hyphens or the ends. A name without it stays.
    """
    # the longest first, and all in one go: a new name is not searched for old ones
    alternatives = "|".join(map(re.escape, sorted(renamed, key=len, reverse=True)))
    word = re.compile(rf"(?<![^_-])(?:{alternatives})(?![^_-])")
    result = word.sub(lambda found: renamed.get(found[0], found[0]), name)
    return result if result == name else fit(result, name)


def index_of_partition(index: str, partition: str) -> str:
    """The index of a partition that is attached to this index of the partitioned table."""
    return fit(f"{partition}_{index}", partition, index)


def index_of_leaf(index: str, oid: int) -> str:
    """The index of a leaf that is attached to none: its statement can tell it without knowing the leaf's name."""
    return f"{leaf_stem(index)}_{oid}"


def leaf_stem(index: str) -> str:
    """What `index_of_leaf` begins with; the number of a table has ten digits at most."""
    return index if len(index.encode()) <= MAX_BYTES - 11 else _cut(index, _digest(index), MAX_BYTES - 11)


def trigger_of(plan: str, table: str) -> str:
    """The dual-write trigger. BEFORE triggers fire in byte order of their names: ours must come last.

    Source: https://www.postgresql.org/docs/current/trigger-definition.html
    """
    return derived(f"zzzz_orchestrator_{_word(plan)}", plan, table)


def function_of(plan: str, table: str) -> str:
    """The function of the dual-write trigger, in the table's own schema."""
    return derived(f"orchestrator_sync_{_word(plan)}", plan, table)


def counter_of(plan: str, table: str) -> str:
    """The sequence that counts writes in which old and new disagreed."""
    return derived(f"orchestrator_conflicts_{_word(plan)}", plan, table)


def mover_of(plan: str, table: str, target: str) -> str:
    """The trigger by which a table follows another. AFTER triggers fire in byte order of their names.

    Those by which PostgreSQL checks foreign keys are called RI_ConstraintTrigger_…: ours comes before them, so that a
    row goes before it would be in the way of the one that it refers to.
    """
    return derived(f"Orchestrator_{_word(plan)}", plan, table, target)


def move_function_of(plan: str, table: str, target: str) -> str:
    """The function of that trigger, in the table's own schema."""
    return derived(f"orchestrator_move_{_word(plan)}", plan, table, target)


def truncating(trigger: str) -> str:
    """The trigger beside it that fires where a table is emptied."""
    return derived(trigger, trigger, "truncate")


def ahead(trigger: str) -> str:
    """The trigger beside it that fires before a row may move to another partition; it comes last, as `trigger_of`."""
    return derived(f"zzzz_{trigger}", trigger, "ahead")


def leftovers(index: str) -> tuple[str, ...]:
    """What an interrupted REINDEX CONCURRENTLY of this index leaves behind: the new index, or the old one.

    As makeObjectName() of PostgreSQL has it, where no other index has that name already.
    """
    return tuple(
        f"{index.encode()[: MAX_BYTES - len(label)].decode(errors='ignore')}{label}" for label in ("_ccnew", "_ccold")
    )


def _word(text: str) -> str:
    return re.sub(r"\W", "_", text)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGEST]


def _cut(stem: str, digest: str, most: int = MAX_BYTES) -> str:
    room = most - _DIGEST - 1
    return f"{stem.encode()[:room].decode(errors='ignore')}_{digest}"
