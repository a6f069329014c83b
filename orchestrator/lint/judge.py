"""Whether an operation is a finding here, and what to say of it. Pure: the facts come from `live`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.lint import entries, rules
from orchestrator.lint.facts import Facts, Trial
from orchestrator.lint.operation import Operation, show
from orchestrator.lint.rules import AX, BY_NAME, Level, Rule, Work
from orchestrator.lint.squawk import Remark
from phases.delta import Table

SMALL_BYTES = 8 * 1024 * 1024
"""A table up to this size, with its indexes, is read, rewritten or indexed within the time a short lock may be held."""
SCAN_BYTES_PER_S = 200_000_000
WRITE_BYTES_PER_S = 50_000_000
"""Guesses for the order of magnitude: what one backend does on ordinary disks."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the tables of one operation; `facts` None: nothing. `server` 0: there is no database."""

    server: int = 0
    facts: Facts | None = None
    others: tuple[Facts | None, ...] = ()
    trial: Trial | None = None
    index_not_null: bool | None = None
    """Of an index that becomes a primary key: whether all its columns are NOT NULL."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to do otherwise."""

    file: str
    line: int
    rule: str
    level: Level
    statement: str
    operation: str
    effect: str
    """What PostgreSQL would do."""
    unknown: tuple[str, ...] = ()
    """What lint could not know, and why it matters."""
    kinds: tuple[str, ...] = ()
    advice: str = ""
    plan: str | None = None
    """A plan that `orchestrator plan` would accept."""
    squawk: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dismissed:
    """What looks dangerous and is not, here."""

    file: str
    line: int
    rule: str
    operation: str
    reason: str


def judge(file: str, operation: Operation, known: Known, remarks: Sequence[Remark]) -> Finding | Dismissed:
    """A finding, or why it is none; `remarks` is what squawk says of the same."""
    rule, excuse = BY_NAME[operation.rule], operation.harmless
    work = rule.work
    if not excuse:
        answer = _LIVE[rule.name](operation, known) if rule.name in _LIVE else None
        if isinstance(answer, Work):
            work = answer
        else:
            excuse = answer or operation.presumed or _size(rule, operation, known)
    if excuse:
        return Dismissed(
            file=file, line=operation.statement.line, rule=rule.name, operation=operation.does, reason=excuse
        )
    made = entries.entry(operation)
    text = entries.plan_yaml(operation, made) if made else None
    return Finding(
        file=file,
        line=operation.statement.line,
        rule=rule.name,
        level=rule.level,
        statement=operation.statement.text,
        operation=operation.does,
        effect=_effect(rule, work, operation, known),
        unknown=tuple(_unknown(rule, work, operation, known)),
        kinds=operation.kinds or rule.kinds,
        advice=rule.advice,
        plan=text if text and entries.ready(text) else None,
        squawk=tuple(dict.fromkeys(remark.rule for remark in remarks)),
    )


def of_squawk(file: str, line: int, statement: str, remarks: Sequence[Remark]) -> Finding:
    """What only squawk has noticed, in remarks on one place that come to the same."""
    rule = rules.by_squawk(remarks[0].rule)[0]
    return Finding(
        file=file,
        line=line,
        rule=rule.name,
        level=rule.level,
        statement=statement,
        operation=remarks[0].message,
        effect=rule.breaks or remarks[0].help,
        kinds=rule.kinds,
        advice=rule.advice,
        squawk=tuple(dict.fromkeys(remark.rule for remark in remarks)),
    )


def mismatched_types(file: str, operation: Operation, known: Known) -> Finding | None:
    """A foreign key between columns of two types."""
    other = known.others[0] if known.others else None
    if operation.rule != "add_foreign_key" or known.facts is None or other is None:
        return None
    columns, references = operation.details["columns"], operation.details["references"]
    assert isinstance(columns, list) and isinstance(references, Mapping)
    referenced = references["columns"] or other.primary_key
    if len(columns) != 1 or len(referenced) != 1:
        return None
    ours, theirs = known.facts.types.get(columns[0]), other.types.get(referenced[0])
    if ours is None or theirs is None or ours == theirs:
        return None
    rule = BY_NAME["foreign_key_type"]
    return Finding(
        file=file,
        line=operation.statement.line,
        rule=rule.name,
        level=rule.level,
        statement=operation.statement.text,
        operation=f"{columns[0]} is {ours}, {referenced[0]} of {_display(other.table)} is {theirs}",
        effect=rule.operation,
        kinds=rule.kinds,
        advice=rule.advice,
    )


# what the catalog says


def _not_null(operation: Operation, known: Known) -> str | None:
    if known.facts is None:
        return None
    if operation.column in known.facts.not_null:
        return f"{operation.column} is NOT NULL already"
    if operation.column in known.facts.proven:
        return f'valid check "{known.facts.proven[operation.column]}" proves it: no row is read'
    return None


def _type(operation: Operation, known: Known) -> str | Work | None:
    if known.trial is None:
        return None
    if known.trial.rewrites or _is_small(operation, known):
        return None
    if known.trial.builds:
        return Work.BUILD
    if known.facts is not None and operation.column in known.facts.checked:
        return Work.SCAN
    return "it is stored in the same way: a change of the catalog only, tried on an empty copy"


def _added(operation: Operation, known: Known) -> str | Work | None:
    if known.trial is None:
        return None
    if known.trial.rewrites:
        return None if _is_small(operation, known) else Work.REWRITE
    return "nothing is rewritten, tried on an empty copy"


def _validated(operation: Operation, known: Known) -> str | None:
    if known.facts is not None and operation.details.get("name") in known.facts.validated:
        return "the constraint is valid already"
    return None


def _primary_key(operation: Operation, known: Known) -> str | Work | None:
    if known.index_not_null is None or _is_small(operation, known):
        return None
    return "the index is there already, and its columns are NOT NULL" if known.index_not_null else Work.SCAN


def _corruption(operation: Operation, known: Known) -> str | None:
    return None if 140000 <= known.server <= 140003 else "only PostgreSQL 14.0 to 14.3 have that bug"


_LIVE: Mapping[str, Callable[[Operation, Known], str | Work | None]] = {
    "set_not_null": _not_null,
    "change_type": _type,
    "add_column_volatile_default": _added,
    "add_column_domain": _added,
    "validate_in_transaction": _validated,
    "add_primary_key": _primary_key,
    "index_corruption": _corruption,
}


def _is_small(operation: Operation, known: Known) -> bool:
    # a partition is read when it is attached, and so is the default partition; a referenced table never is
    read = (known.facts, *known.others) if operation.rule == "attach_partition" else (known.facts,)
    sizes = [facts.bytes if facts else None for facts in read]
    return all(size is not None and size <= SMALL_BYTES for size in sizes)


def _size(rule: Rule, operation: Operation, known: Known) -> str:
    if not (rule.only_slow and _is_small(operation, known)):
        return ""
    assert known.facts is not None
    return f"{_display(known.facts.table)} is small: {_amount(known.facts.bytes)} with its indexes"


# what is said


def _effect(rule: Rule, work: Work, operation: Operation, known: Known) -> str:
    parts = []
    lock = operation.taken
    if lock and operation.table:
        relations = " and ".join(show(each) for each in (operation.table, *operation.others))
        parts.append(f"takes {lock} on {relations}" + _meanwhile(lock, work, known))
    if rule.breaks:
        parts.append(rule.breaks)
    return "; ".join(parts)


def _meanwhile(lock: str, work: Work, known: Known) -> str:
    if work in (Work.CATALOG, Work.NONE):
        return " for a moment; behind a long transaction it waits, and everybody else behind it"
    blocked = "nobody reads or writes it" if lock == AX else "nobody writes it"
    if lock == rules.RX:
        blocked = "the rows it has changed stay locked"
    return f" and {work.value}{_how_long(work, known)}; {blocked} until it ends"


def _how_long(work: Work, known: Known) -> str:
    if known.facts is None:
        return ""
    facts = known.facts
    rows = "never analysed" if facts.rows is None else f"about {facts.rows:,} rows"
    rate = SCAN_BYTES_PER_S if work is Work.SCAN else WRITE_BYTES_PER_S
    return f" ({rows}, {_amount(facts.bytes)}: in the order of {_duration(facts.bytes / rate)})"


def _duration(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60), ("seconds", 1)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:,.0f} {unit}"
    return "a second"


def _amount(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def _unknown(rule: Rule, work: Work, operation: Operation, known: Known) -> list[str]:
    found = []
    if operation.unsure and known.trial is None and known.index_not_null is None:
        found.append(operation.unsure)
    slow = work in (Work.SCAN, Work.REWRITE, Work.BUILD, Work.DATA)
    if operation.table and slow and known.facts is None:
        found.append(f"how large {show(operation.table)} is")
    if rule.name == "set_not_null" and known.facts is None:
        found.append(f"whether {operation.column} is NOT NULL already, or a valid check proves it")
    if not found:
        return []
    why = "no database is configured"
    if known.server:
        why = f"the database does not show {show(operation.table)}" if operation.table else "it could not be tried"
    return [*found, f"({why})"]


def _display(table: Table) -> str:
    return f"{table.schema}.{table.name}"
