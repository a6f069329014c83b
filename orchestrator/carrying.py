"""What columns take along into another table, where they keep their names: what is about them alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orchestrator.catalog import Constraint, TableFacts
from orchestrator.catalog import ForeignKey as ForeignKeyFacts
from orchestrator.catalog import Index as IndexFacts
from phases import names
from phases.delta import ForeignKey, Index, Table, TableConstraint, TableKey, UniqueKey


def checks(facts: TableFacts, columns: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Checks, under the names they have: they belong to their table."""
    return tuple((each.name, each.definition) for each in facts.constraints if _goes_along(each, columns))


def unique_keys(facts: TableFacts, columns: Collection[str], to: Table, taken: Collection[str]) -> tuple[TableKey, ...]:
    """Unique constraints."""
    found = []
    for constraint in facts.constraints:
        if _is_unique(constraint, columns):
            [index] = [each for each in facts.indexes if each.constraint == constraint.name]
            found.append(
                TableKey(
                    name=_named(constraint.name, facts.table, to, taken),
                    columns=constraint.columns,
                    nulls_distinct=not index.nulls_not_distinct,
                )
            )
    return tuple(found)


def indexes(
    facts: TableFacts, columns: Collection[str], to: Table, taken: Collection[str]
) -> tuple[tuple[str, str], ...]:
    """Indexes that are not unique; made while the table is empty, so that no build has to be waited for."""
    return tuple(
        (_named(each.name, facts.table, to, taken), each.definition)
        for each in facts.indexes
        if _is_plain(each, columns) and each.definition is not None
    )


def foreign_keys(
    facts: TableFacts, columns: Collection[str], to: Table, *, by_leaf: bool = False
) -> tuple[ForeignKey, ...]:
    """Foreign keys to other tables. `by_leaf`: one partition at a time."""
    return tuple(
        ForeignKey(
            table=to,
            name=_named(key.name, facts.table, to, ()),
            columns=key.columns,
            references=key.references,
            referenced_columns=key.referenced_columns,
            actions=key.actions,
            set_columns=key.set_columns,
            deferral=key.deferral,
            validated=key.validated,
            enforced=key.enforced,
            by_leaf=by_leaf,
            comment=key.comment,
        )
        for key in facts.foreign_keys
        if _refers(key, facts, columns)
    )


def built_indexes(facts: TableFacts, columns: Collection[str], target: TableFacts) -> tuple[Index, ...]:
    """Indexes, those of unique constraints among them, on a table that has rows."""
    return tuple(
        Index(
            name=_named(each.constraint or each.name, facts.table, target.table, target.taken_names),
            unique=each.unique,
            definition=each.definition,
            tablespace=each.tablespace,
            comment=each.comment,
            statistics=each.statistics,
        )
        for each in facts.indexes
        if each.definition is not None and (_is_plain(each, columns) or each in _of_unique(facts, columns))
    )


def built_keys(facts: TableFacts, columns: Collection[str], target: TableFacts) -> tuple[UniqueKey, ...]:
    """Unique constraints, on the indexes that are built for them."""
    found = []
    for constraint in facts.constraints:
        if _is_unique(constraint, columns):
            name = _named(constraint.name, facts.table, target.table, target.taken_names)
            found.append(UniqueKey(name=name, index=name, primary=False, comment=constraint.comment))
    return tuple(found)


def built_checks(facts: TableFacts, columns: Collection[str], target: TableFacts) -> tuple[TableConstraint, ...]:
    """Checks, on a table that has rows."""
    theirs = {each.name for each in target.constraints}
    return tuple(
        TableConstraint(
            name=name if name not in theirs else _named(name, facts.table, target.table, theirs),
            kind="check",
            definition=definition,
        )
        for name, definition in checks(facts, columns)
    )


def uniques(facts: TableFacts, columns: Collection[str]) -> list[str]:
    """Names of the unique constraints that come along."""
    return [each.name for each in facts.constraints if _is_unique(each, columns)]


def _of_unique(facts: TableFacts, columns: Collection[str]) -> list[IndexFacts]:
    return [each for each in facts.indexes if each.constraint in uniques(facts, columns)]


def twice_unique(facts: TableFacts, columns: Collection[str], target: TableFacts) -> Iterator[str]:
    """What it means for writers that a value is unique in both tables."""
    for name in uniques(facts, columns):
        yield (
            f'until contract "{target.display}" has a constraint like "{name}", and ON CONFLICT watches '
            "that of one table: where a row of the other, of another key, has the same value, or gets it at that "
            "moment, the statement fails with unique_violation (23505) or deadlock_detected (40P01) in spite of it"
        )


def left_behind(facts: TableFacts, columns: Collection[str], target: TableFacts) -> Iterator[str]:
    """What goes at contract without coming along."""
    gone = set(columns)
    after = f'"{target.display}" gets none, add it there once the run is complete'
    for index in facts.indexes:
        if index.constraint is None and gone.intersection(index.reads) and not _is_plain(index, columns):
            yield f'index "{index.name}" does not come along: {after}'
    for constraint in facts.constraints:
        if constraint.kind == "not_null" or not gone.intersection(constraint.reads):
            continue
        if not _goes_along(constraint, columns) and not _is_unique(constraint, columns):
            yield f'constraint "{constraint.name}" does not come along: {after}'
    for key in facts.foreign_keys:
        if key.table == facts.table and gone.intersection(key.columns) and not _refers(key, facts, columns):
            yield f'foreign key "{key.name}" does not come along: {after}'
    for statistics in facts.statistics:
        if gone.intersection(statistics.reads):
            yield f'statistics "{statistics.name}" do not come along: {after}'
    for name in columns:
        column = facts.column(name)
        # to a table that is there they do: it gets the column by itself
        if target.exists:
            continue
        if column.grants:
            yield f'privileges on column "{name}" alone do not come along: GRANT them on "{target.display}"'
        if column.storage or column.compression or column.statistics is not None or column.options:
            yield f'settings of column "{name}" (storage, statistics, options) do not come along: {after}'


def _goes_along(constraint: Constraint, columns: Collection[str]) -> bool:
    """Whether a check is about these columns alone, and all rows keep it."""
    alone = bool(constraint.reads) and set(constraint.reads) <= set(columns)
    return constraint.kind == "check" and constraint.validated and constraint.enforced and alone


def _is_unique(constraint: Constraint, columns: Collection[str]) -> bool:
    return constraint.kind == "unique" and not constraint.deferral and set(constraint.reads) <= set(columns)


def _is_plain(index: IndexFacts, columns: Collection[str]) -> bool:
    return index.constraint is None and not index.unique and index.valid and set(index.reads) <= set(columns)


def _refers(key: ForeignKeyFacts, facts: TableFacts, columns: Collection[str]) -> bool:
    plain = not key.temporal and not key.partitioned
    return key.table == facts.table and plain and set(key.columns) <= set(columns)


def _named(name: str, here: Table, there: Table, taken: Collection[str]) -> str:
    """The name with the new table's in it. Names of relations belong to their schema: two cannot share one."""
    wanted = names.successor(name, {here.name: there.name})
    if wanted != name and wanted not in taken:
        return wanted
    return names.derived(f"{there.name}_{name}", here.schema, here.name)
