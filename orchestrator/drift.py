"""Whether the database is still what a program was compiled for: weeks may lie between two phases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from orchestrator import departure, partitions
from orchestrator.catalog import Catalog, TableFacts
from orchestrator.changes import Change
from orchestrator.compiler import deltas_of, refusals_of
from orchestrator.context import Context
from orchestrator.dropping import before, key_before
from orchestrator.errors import CatalogDrifted, NotInDatabase
from orchestrator.journal.store import Run
from orchestrator.plan import restore
from orchestrator.planning import read_catalog
from orchestrator.program import load_deltas
from orchestrator.succession import dependent_refusals, table_refusals
from orchestrator.unfolding import unfolded
from phases.constrain import proof_of
from phases.delta import Delta, ForeignKey, Grant, Index, NewColumn, Statistics, Table, UniqueKey
from phases.names import ahead, truncating
from phases.step import Phase


def check_drift(context: Context, run: Run, phase: Phase) -> None:
    """Compares the database with what the program was compiled from, before a phase begins.

    Raises:
        CatalogDrifted: naming what is different.
    """
    plan = restore(run.plan)
    stored = load_deltas(run.deltas)
    # of a table that was exchanged, or whose columns were, nothing else is compared: what is made since is made on the
    # new one
    swapped = {delta.table for delta in stored if (delta.swaps or delta.partitionings) and phase is Phase.CONTRACT}
    compared = [delta for delta in stored if delta.table not in swapped]
    try:
        catalog = without_ours(read_catalog(context, plan, stored), stored, swapped)
        all_changes = unfolded(plan, catalog.enums)
        changes_compared = [each for each in all_changes if catalog.table(each.table).table not in swapped]
        current = deltas_of(changes_compared, plan.name, catalog)
        refused = [
            each
            for change in all_changes
            if phase is not Phase.CONTRACT or _can_be_asked(change, catalog, stored)
            for each in refusals_of(change, catalog, plan.name)
        ]
    except NotInDatabase as error:
        raise CatalogDrifted(
            f'before {phase}: {error.message}: it was there when "{run.name}" was compiled',
            f"{error.hint}; if it was renamed, give it its name back; if it is gone for good: "
            f"orchestrator abort {run.name}",
        ) from error
    changes = list(_compared(compared, current, phase))
    # a view made since would let contract drop foreign keys and indexes, and then stop it at the column
    for delta in stored:
        changes += _missing_columns(catalog, delta) if delta.table in swapped else []
        if delta.partitionings and delta.table in swapped:
            continue
        facts = next(each for each in catalog.tables.values() if each.table == delta.table)
        refusals = (
            *table_refusals(facts),
            *dependent_refusals(facts, _touched(delta, phase)),
            *(departure.table_users(facts) if delta.drop_tables else ()),
        )
        changes += [f"{reason}\n    → {advice}" for reason, advice in refusals]
    changes += [f"{reason}\n    → {advice}" for reason, advice in refused]
    if changes:
        listing = "\n".join(f"  {change}" for change in dict.fromkeys(changes))
        raise CatalogDrifted(
            f'the database is no longer what "{run.name}" was compiled for:\n{listing}',
            f"if that is right: orchestrator plan {run.name} --refresh compiles the phases that have not begun; "
            f"or undo the run with: orchestrator abort {run.name}",
        )


def _compared(stored: Sequence[Delta], current: Sequence[Delta], phase: Phase) -> Iterator[str]:
    """What is different, table by table."""
    before, now = ({delta.table: delta for delta in each} for each in (stored, current))
    for table in dict.fromkeys((*before, *now)):
        if table not in now:
            yield f'"{table.schema}.{table.name}" no longer uses an enum of the plan'
        elif table not in before:
            yield f'"{table.schema}.{table.name}" has come to use an enum of the plan'
        else:
            yield from _differences(before[table], now[table], phase)


def _can_be_asked(change: Change, catalog: Catalog, deltas: Sequence[Delta]) -> bool:
    """Whether a change can be refused again after constrain: not on columns that have their new types by then."""
    there = [delta for delta in deltas if delta.table == catalog.table(change.table).table]
    if any(delta.partitionings for delta in there):
        return False
    retyped = {swap.column for delta in there for swap in delta.swaps}
    retyped |= {retype.column for delta in there for retype in delta.retypes}
    if not retyped.isdisjoint(change.touches):
        return False
    # where columns were exchanged what was added is in use, and expressions read other types
    return not any(delta.swaps for delta in there) or not (change.makes or change.reads(catalog))


def _touched(delta: Delta, phase: Phase) -> tuple[str, ...]:
    """Columns on which nothing may stand that we do not know of."""
    moved = [column for move in delta.moves for column in move.here]
    if phase is Phase.CONTRACT:
        return (*delta.drop, *moved)
    return (*delta.drop, *moved, *(swap.column for swap in delta.swaps), *(retype.column for retype in delta.retypes))


def _missing_columns(catalog: Catalog, delta: Delta) -> list[str]:
    facts = next(each for each in catalog.tables.values() if each.table == delta.table)
    names = [name for swap in delta.swaps for name in (swap.column, swap.shadow)]
    return [f'column "{name}" is gone from "{facts.display}"' for name in names if not facts.has_column(name)]


def without_ours(catalog: Catalog, deltas: Sequence[Delta], swapped: Collection[Table] = ()) -> Catalog:
    """The catalog without what the run itself has made; where columns were `swapped`, what it added is in use."""
    ours = {f"{delta.table.schema}.{delta.table.name}": delta for delta in deltas}
    moves = [move for delta in deltas for move in delta.moves]
    moved_to = {move.table for move in moves}
    made = {
        (key.table, key.name) for delta in deltas for key in delta.foreign_keys if delta.create or key.table in moved_to
    }
    created = {move.table for move in moves if move.create is not None}
    triggers = [name for move in moves for name in (move.trigger, move.back_trigger)]
    # in the schema of the one table for the other
    names = {name for delta in deltas if delta.moves for name in _made_by(delta)}
    tables = {}
    for name, facts in catalog.tables.items():
        delta = ours.get(facts.display)
        if delta is not None:
            facts = facts.without(
                columns=[] if delta.table in swapped else [column.name for column in delta.add],
                triggers=[
                    *([delta.sync.trigger] if delta.sync else []),
                    *(name for each in triggers for name in (each, truncating(each), ahead(each))),
                    *(name for each in delta.partitionings for name in (each.trigger, each.truncate_trigger)),
                ],
                names=_made_by(delta) | partitions.made_by(delta, facts),
            )
            facts = facts.with_nulls(delta.not_null).with_not_null(delta.loosen)
            foreign_keys = tuple(key for key in facts.foreign_keys if (key.table, key.name) not in made)
            facts = replace(facts, foreign_keys=foreign_keys, exists=facts.exists and not delta.create)
            facts = _with_lifted(facts, delta).with_settings(delta.settings)
        if facts.table in created:
            facts = replace(facts, exists=False, taken_names=facts.taken_names - {facts.table.name})
        facts = replace(facts, taken_names=facts.taken_names - names)
        tables[name] = facts
    return replace(catalog, tables=tables)


def _with_lifted(facts: TableFacts, delta: Delta) -> TableFacts:
    """The table with the constraints that expand has dropped."""
    there = {each.name for each in facts.constraints} | {each.name for each in facts.foreign_keys}
    return replace(
        facts,
        constraints=(*facts.constraints, *(before(each) for each in delta.lift if each.name not in there)),
        foreign_keys=(
            *facts.foreign_keys,
            *(key_before(each) for each in delta.lift_foreign_keys if each.name not in there),
        ),
    )


def _made_by(delta: Delta) -> set[str]:
    """Names of what the run makes beside the old shape; a name that it will take over is still the old object's."""
    successors: tuple[Index | UniqueKey | ForeignKey | Statistics, ...] = (
        *delta.indexes,
        *delta.unique_keys,
        *delta.foreign_keys,
        *delta.statistics,
    )
    made = {each.name for each in successors} | {each.name for each in delta.constraints}
    made -= {each.old_name for each in successors if each.old_name is not None}
    made |= {column.sequence.name for column in delta.add if column.sequence is not None}
    made |= {proof_of(delta.table, column) for column in delta.not_null}
    made |= {rename.to for rename in delta.rename_tables}
    for move in delta.moves:
        made |= {move.function, move.back_function}
    for new in (*delta.create, *(move.create for move in delta.moves if move.create is not None)):
        made |= {each.name for each in new.keys} | {name for name, _ in new.indexes}
        made |= {each.name for each in new.partitions}
    for partitioning in delta.partitionings:
        made |= {partitioning.copy, partitioning.function} | {each.name for each in partitioning.partitions}
        made |= {each.copy for each in partitioning.names}
    return made | ({delta.sync.function, delta.sync.counter} if delta.sync else set())


_PARTS = {
    "swaps": "what moves with column",
    "retypes": "type of",
    "create": "definition of",
    "rename_tables": "what hangs on the view",
    "moves": "what moves to table",
    "drop_foreign_keys": "foreign key",
    "add": "column",
    "indexes": "index",
    "unique_keys": "key",
    "constraints": "constraint",
    "foreign_keys": "foreign key",
    "key_exchanges": "foreign key",
    "statistics": "statistics",
    "defaults": "default of",
    "identities": "identity of",
    "sequences": "sequence",
    "not_null": "NOT NULL of",
    "drop_indexes": "index",
    "drop_constraints": "constraint",
    "rename_constraints": "constraint",
    "lift": "constraint",
    "lift_foreign_keys": "foreign key",
    "reindex": "index",
    "loosen": "NOT NULL of",
    "settings": "default or comment of",
    "proofs": "check of not null of",
    "enum_values": "value of enum",
    "enums": "enum",
    "key": "primary key column",
}


# of a table that a partitioned one shall be like
_LIKENESS = {
    "owner": "owner",
    "by": "partition key",
    "partitions": "partition",
    "columns": "column",
    "keys": "key",
    "checks": "constraint",
    "indexes": "index",
    "statistics": "statistics",
    "names": "name",
    "foreign_keys": "foreign key",
    "referring": "foreign key",
    "options": "storage parameter",
    "comment": "comment",
    "grants": "privilege",
    "identities": "identity of",
    "sequences": "sequence",
}


def _differences(before: Delta, now: Delta, phase: Phase) -> Iterator[str]:
    # who has come to write since needs USAGE on it as on any sequence; expand is done
    before, now = (replace(each, add=tuple(_without_grants(column) for column in each.add)) for each in (before, now))
    links = before.sync.links if before.sync else ()
    names = {link.new[0]: link.old[0] for link in links if len(link.new) == len(link.old) == 1}
    if before.sync != now.sync:
        yield f"what is computed from what on {before.table.schema}.{before.table.name} is different"
    now = _as_lenient(before, now)
    for part, word in _PARTS.items():
        if part == "retypes" and phase is Phase.CONTRACT:
            # done, and no longer to be seen
            continue
        yield from _compared_items(word, getattr(before, part), getattr(now, part), names, before.table)
    for old, new in zip(before.partitionings, now.partitionings, strict=True):
        for part, word in _LIKENESS.items():
            was, is_ = (
                value if isinstance(value, tuple) else () if value is None else (value,)
                for value in (getattr(old, part), getattr(new, part))
            )
            yield from _compared_items(word, was, is_, {}, before.table)


def _without_grants(column: NewColumn) -> NewColumn:
    """A new column, whoever may use its sequence."""
    return column if column.sequence is None else replace(column, sequence=replace(column.sequence, grants=()))


def _as_lenient(before: Delta, now: Delta) -> Delta:
    """Triggers that act with the rights of whoever writes go on doing so where nothing asks for it any more."""
    lent = {move.name for move in before.moves if not move.definer}
    moves = tuple(replace(move, definer=move.definer and move.name not in lent) for move in now.moves)
    return replace(now, moves=moves)


def _compared_items(
    word: str, before: Iterable[object], now: Iterable[object], names: Mapping[str, str], table: Table
) -> Iterator[str]:
    old = {_label(item, names): item for item in before}
    new = {_label(item, names): item for item in now}
    for label in sorted(old.keys() | new.keys()):
        if old.get(label) != new.get(label):
            change = "is new" if label not in old else "is gone" if label not in new else "is different"
            details = _details(old.get(label), new.get(label))
            yield f'{word} "{label}" {change} on {table.schema}.{table.name}{details}'


def _details(old: object, new: object) -> str:
    """What is different, attribute by attribute."""
    if not (is_dataclass(old) and is_dataclass(new)):
        return ""
    pairs = ((each.name, getattr(old, each.name), getattr(new, each.name)) for each in fields(old))
    return ": " + ", ".join(f"{name} was {_shown(was)} and is {_shown(now)}" for name, was, now in pairs if was != now)


def _shown(value: object) -> str:
    """A value as an operator reads it."""
    match value:
        case None | ():
            return "none"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return f"({', '.join(map(_shown, value))})"
        case Table(schema=schema, name=name):
            return f'"{schema}.{name}"'
        case Grant():
            grantee = "PUBLIC" if value.grantee is None else value.grantee
            return f"{value.privilege} of {grantee}{' WITH GRANT OPTION' if value.grantable else ''}"
        case _ if is_dataclass(value):
            return f"({', '.join(f'{each.name} {_shown(getattr(value, each.name))}' for each in fields(value))})"
    return repr(value)


def _label(item: object, names: Mapping[str, str]) -> str:
    """The name by which the operator knows it; `names` are the old columns' by the new ones."""
    if isinstance(item, str):
        return names.get(item, item)
    for attribute in ("old_name", "rename_to", "name", "column", "to", "value"):
        value = getattr(item, attribute, None)
        if value is not None:
            return names.get(value, str(value))
    return _shown(item)
