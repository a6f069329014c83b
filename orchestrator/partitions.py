"""What a partitioned table asks of a change: its partitions follow it, and nothing of their own stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from orchestrator.catalog import Own, TableFacts
from orchestrator.changes import Change
from orchestrator.succession import Refusal, listed
from phases.delta import Delta
from phases.names import index_of_partition


def refusals(change: Change, facts: TableFacts) -> Iterator[Refusal]:
    """What stands against a change of a partitioned table, besides what stands against it on any table."""
    if not facts.partitioned:
        return
    if change.not_on_partitions is not None:
        yield (
            f'{change.kind} does not work on partitioned tables yet: "{facts.display}" is one',
            change.not_on_partitions,
        )
        return
    for partition in facts.tree:
        if not partition.plain:
            yield (
                f'partition "{partition.table.schema}.{partition.table.name}" is a foreign table',
                "detach it for the time of the run: nobody could guard or fill its rows",
            )
    keyed = sorted((change.touches | change.fills) & set(facts.partition_key))
    if keyed:
        yield (
            f'{listed(keyed)} is part of the partition key of "{facts.display}"',
            "PostgreSQL cannot change or drop such a column, and a trigger that writes it could not move the row: "
            "make another partitioned table, and move the rows to it",
        )
    for own in facts.own:
        if _stands_in_the_way(change, own):
            yield f'partition "{own.partition}" has {_described(own)}', _ADVICE[own.kind]


def warnings(change: Change, facts: TableFacts) -> Iterator[str]:
    """What the operator should know of the partitions."""
    if facts.partitioned and (change.makes | change.fills or change.others):
        yield (
            f'rows that a partition of "{facts.display}" brings along, when it is attached during the run, are brought '
            "into step by the next advance: until then newer code finds them without their new values"
        )
    renamed = [own for own in facts.own if _renamed_by(change, own)]
    if renamed:
        yield (
            f'the NOT NULL of "{renamed[0].column}" is called "{renamed[0].name}" on partition '
            f'"{renamed[0].partition}" ({len(renamed)} in all): an abort or a successor gives it its parent\'s name'
        )


def of_tree(delta: Delta, facts: TableFacts | None) -> Delta:
    """The delta of a partitioned table: what changes for it besides its locks. Of no table that is there: None."""
    if facts is None or not facts.partitioned:
        return delta
    # the name that a constraint takes is its index's
    keys = {key.index: key.rename_to for key in delta.unique_keys}
    indexes = tuple(replace(index, stem=_stem(keys.get(index.name, index.rename_to), facts)) for index in delta.indexes)
    return replace(delta, partitioned=True, indexes=indexes)


def made_by(delta: Delta, facts: TableFacts) -> set[str]:
    """Names of indexes that the run makes on partitions."""
    if not delta.partitioned:
        return set()
    return {name for index in delta.indexes for name in _indexes(index.stem or index.name, facts)}


def _stem(name: str | None, facts: TableFacts) -> str | None:
    """The name that the index will have: nobody renames those of its partitions."""
    return name if name is not None and facts.taken_names.isdisjoint(_indexes(name, facts)) else None


def _indexes(stem: str, facts: TableFacts) -> set[str]:
    return {index_of_partition(stem, partition.table.name) for partition in facts.tree}


def _renamed_by(change: Change, own: Own) -> bool:
    """Whether the NOT NULL of a partition may come back, or have a successor, under the name of its parent's."""
    touched = own.column in change.touches or (own.column, "NOT NULL") in change.adjusts
    return own.kind == "name of not null" and touched


def _stands_in_the_way(change: Change, own: Own) -> bool:
    """Whether the change would lose it, or could not bring it back."""
    if own.kind == "name of not null":
        return False
    if own.kind == "replica identity" and (own.name in change.objects or change.keeps_replica_identity):
        return own.name in change.objects
    if own.kind == "kept not null":
        # PostgreSQL makes that of it where a primary key is made of the partition's index
        return own.column in change.drops or (own.column, "NOT NULL") in change.adjusts
    if own.kind == "attribute of not null":
        return own.column in change.touches or (own.column, "NOT NULL") in change.adjusts
    if own.column in change.touches:
        # with a column that goes, its privileges and comments go as well
        return not (own.kind in ("attribute", "default") and own.column in change.drops)
    return (own.column, {"default": "default", "not null": "NOT NULL"}.get(own.kind, "")) in change.adjusts


_ADVICE = {
    "index": "drop it, or make it part of an index of the parent (ALTER INDEX … ATTACH PARTITION), first",
    "replica identity": "ALTER TABLE … REPLICA IDENTITY to another index first",
    "constraint": "drop it, or add it to the parent, first",
    "foreign key": "ALTER TABLE … DROP CONSTRAINT on the partition first: add_foreign_key gives one to its parent",
    "foreign key to it": "drop_constraint it first, in a plan of its own: add_foreign_key makes one to the parent",
    "not null": "drop it on the partition first: what it has from the parent stays",
    "kept not null": "detach the partition and attach it again: from then on it is its parent's alone",
    "statistics": "drop it for the time of the run",
    "default": "give all of them the same first (ALTER TABLE … ALTER COLUMN … SET DEFAULT on the parent)",
    "attribute": "take it away for the time of the run",
    "attribute of not null": "COMMENT ON CONSTRAINT … IS NULL there, and VALIDATE CONSTRAINT on the parent, first",
}


def _described(own: Own) -> str:
    match own.kind:
        case "default":
            return f'another default of "{own.column}" than its parent'
        case "attribute":
            return f'privileges, a comment or settings of its own on "{own.column}"'
        case "replica identity":
            return f'its part of index "{own.name}" as its replica identity'
        case "not null" | "kept not null":
            return f'a NOT NULL of its own on "{own.column}"'
        case "foreign key to it":
            return f'foreign key "{own.name}" of another table, which refers to its "{own.column}"'
        case "attribute of not null":
            return f'a comment on its NOT NULL "{own.name}", or validated it before its parent'
        case kind:
            return f'{kind} "{own.name}" of its own, which has "{own.column}"'
