"""What a phase gives to the executor: steps, each one thing that runs, with its locks and its undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Phase(StrEnum):
    """The five phases, in the order in which a run goes through them."""

    EXPAND = "expand"
    DUAL_WRITE = "dual_write"
    BACKFILL = "backfill"
    CONSTRAIN = "constrain"
    CONTRACT = "contract"

    @property
    def next(self) -> Phase | None:
        """The phase after this one, or None after contract."""
        order = list(Phase)
        position = order.index(self) + 1
        return order[position] if position < len(order) else None

    def begins_before(self, other: Phase) -> bool:
        """Whether this phase comes earlier in a run than `other`."""
        order = list(Phase)
        return order.index(self) < order.index(other)


class LockMode(StrEnum):
    """PostgreSQL's table lock modes that our statements take (https://www.postgresql.org/docs/current/explicit-locking.html)."""

    ACCESS_SHARE = "ACCESS SHARE"
    ROW_SHARE = "ROW SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"


class LockClass(StrEnum):
    """How the executor treats a step: by what its locks do to the application, not by its kind."""

    SHORT = "short exclusive"
    """Blocks writers, perhaps readers: bounded wait, bounded hold, retried."""
    LONG = "long, harmless"
    """Blocks neither readers nor writers: may take hours, must not be cut short by a timeout."""


_BLOCKS_WRITERS = {LockMode.SHARE, LockMode.SHARE_ROW_EXCLUSIVE, LockMode.ACCESS_EXCLUSIVE}


@dataclass(frozen=True)
class Lock:
    """One table lock that a step takes; `relation` is qualified and quoted as PostgreSQL would."""

    mode: LockMode
    relation: str
    reach: Literal["table", "only", "tree"] = "table"
    """Of a partitioned table: itself only, or the tree of its partitions as well."""

    def __str__(self) -> str:
        return f"{self.mode} on {self.relation}{' and its partitions' if self.reach == 'tree' else ''}"


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Values of a column that are nowhere else, and that go when it is taken away or computed back."""

    table: str
    """Qualified and quoted."""
    column: str
    """`schema.table.column`, for people."""
    condition: str
    """On a row, `new`: it has such a value."""
    unsure: bool = False
    """Nobody can tell whether newer code has written that: it has not before constrain was done."""


@dataclass(frozen=True)
class LeafIndexes:
    """The indexes that a `BuildLeafIndexes` builds."""

    table: str
    """Qualified and quoted."""
    name: str


@dataclass(frozen=True, kw_only=True)
class Statement:
    """SQL that runs in one transaction, together with its journal row."""

    title: str
    sql: tuple[str, ...]
    locks: tuple[Lock, ...]
    violations: str | None = None
    """A query for the keys of rows that make this statement fail, to be shown when it does."""
    leaf_indexes: tuple[LeafIndexes, ...] = ()
    """What each leaf must have."""
    guards: tuple[str, ...] = ()
    """The triggers on whose work this statement relies: what was compared for them must be fresh."""
    marks: str = ""
    """The trigger whose work is compared next: what it leaves undone is counted from here on, for each look anew."""
    together: str = ""
    """What it shares with statements about other tables: those of one phase run in one transaction."""
    require: str = ""
    """Of an undo: raises while it may not run. Asked before an abort begins, and part of `sql` as well."""
    loss: str = ""
    """Of contract: a query that says how much is lost with it. Such steps come last, and tell before they begin."""
    losses: tuple[Loss, ...] = ()
    """Of an undo: what newer code may have written that goes with it. It is counted before the abort begins, and
    noticed from then on."""
    declared: bool = False
    """Its locks are what an author says, and nobody can know."""
    leaves: str = ""
    """What of it no abort can take back, and stays, in words. Such steps come last in constrain."""
    undo: tuple[Undo, ...] = ()
    op: Literal["statement"] = "statement"

    @property
    def lock_class(self) -> LockClass:
        """Short exclusive as soon as one lock stops a writer."""
        return LockClass.SHORT if any(lock.mode in _BLOCKS_WRITERS for lock in self.locks) else LockClass.LONG


@dataclass(frozen=True, kw_only=True)
class BuildIndex:
    """CREATE INDEX CONCURRENTLY: outside a transaction, so its truth is read from the catalog (`indisvalid`)."""

    title: str
    schema: str
    name: str
    sql: str
    drop_sql: str
    tablespace: str
    """Tablespace of the index; empty: the database's default."""
    after: tuple[str, ...]
    """Statements that finish the index once it is valid: comment, statistics targets. Harmless to repeat."""
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["build_index"] = "build_index"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class DropIndex:
    """DROP INDEX CONCURRENTLY IF EXISTS: outside a transaction; one that was cut short is simply run again."""

    title: str
    sql: str
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["drop_index"] = "drop_index"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class DropIndexTree:
    """Drops an index of a partitioned table with those of its partitions, and what was not attached to it yet."""

    title: str
    schema: str
    name: str
    stem: str
    """As of `BuildIndexTree`."""
    table: str
    """Qualified and quoted."""
    constraint: bool
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["drop_index_tree"] = "drop_index_tree"
    lock_class: LockClass = field(default=LockClass.SHORT, init=False)


@dataclass(frozen=True, kw_only=True)
class BuildIndexTree:
    """An index of a partitioned table: its own, which holds no row, then one of each partition, attached to it.

    Partitions are looked for as it goes on: one that comes meanwhile gets its index from PostgreSQL, or here.
    """

    title: str
    schema: str
    name: str
    stem: str
    """What the indexes of partitions are called after."""
    table: str
    """Qualified and quoted."""
    unique: bool
    definition: str
    """All after `ON table` in CREATE INDEX."""
    tablespace: str
    constraint: str = ""
    """`UNIQUE (…)` or `PRIMARY KEY (…)` where the index belongs to one; as ADD CONSTRAINT takes it."""
    using_index: str = ""
    """The same over an index that is there: `UNIQUE USING INDEX`, and what comes after the index."""
    deferral: str = ""
    after: tuple[str, ...]
    """Statements that finish the index once it is valid."""
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["build_index_tree"] = "build_index_tree"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class BuildLeafIndexes:
    """A unique index on each leaf of a partitioned table, attached to none."""

    title: str
    name: str
    """What they are called after."""
    table: str
    """Qualified and quoted."""
    definition: str
    tablespace: str
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["build_leaf_indexes"] = "build_leaf_indexes"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class DropLeafIndexes:
    """Drops them, where they have become nothing else."""

    title: str
    name: str
    table: str
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["drop_leaf_indexes"] = "drop_leaf_indexes"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class AddForeignKeyTree:
    """A foreign key out of a partitioned table: on each leaf by itself, then on the table, which adopts them."""

    title: str
    table: str
    """Qualified and quoted."""
    name: str
    definition: str
    """What follows ADD CONSTRAINT name."""
    references: str
    """The table that it refers to, as `Lock.relation`."""
    referred: str
    """The same, qualified and quoted."""
    after: tuple[str, ...]
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["add_foreign_key_tree"] = "add_foreign_key_tree"
    lock_class: LockClass = field(default=LockClass.SHORT, init=False)


@dataclass(frozen=True, kw_only=True)
class Reindex:
    """REINDEX INDEX CONCURRENTLY: outside a transaction; what an interrupted one leaves has a name that we know."""

    title: str
    schema: str
    name: str
    sql: str
    leftovers: tuple[str, ...]
    """Names under which it leaves an invalid index behind; nobody else's had them when the run was planned."""
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["reindex"] = "reindex"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of a table, each for itself: a part of the table may be asked for its own."""

    table: str
    """Qualified and quoted."""
    keys: str
    """Select list that tells a reader which row it is."""
    condition: str
    """On a row, `new`."""


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Looks for rows against which a later step would fail, before anything is made of it: reads only."""

    title: str
    sql: str
    """A query for the keys of the first of them; finding none is what lets the run go on."""
    locks: tuple[Lock, ...]
    rows: Rows | None = None
    """What the query looks for, where one row says it: those on which the query itself fails can then be named."""
    undo: tuple[Undo, ...] = ()
    op: Literal["inspect"] = "inspect"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class Insertion:
    """Where rows are copied to. A row is known there by its key, over which there is a unique index."""

    table: str
    """Qualified and quoted."""
    columns: tuple[str, ...]
    values: tuple[str, ...]
    """What each of the columns gets: SQL over the row `new`."""
    key: tuple[str, ...]
    """Those of the columns by which a row is known."""
    replaces: bool = False
    """A row that is there already is set right, where it differs: of a repair. Else it is left to the trigger."""
    holds: bool = False
    """Nobody may update the source's rows until theirs are there: another trigger would take them for news."""
    creates: bool = True
    """False: none is made there; those that are there are set right."""
    late: bool = False
    """What newer code may have written there stays: a row is set right only where its other columns are all null."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """A write to a whole table in ranges of heap blocks, each with its cursor in a transaction of its own.

    An UPDATE of its rows by `assignments`; or their `insertion` into another table; or it `deletes` them.
    """

    title: str
    table: str
    """Qualified and quoted."""
    assignments: str = ""
    """The SET list of the UPDATE."""
    insertion: Insertion | None = None
    deletes: bool = False
    differs: str
    """Condition on a row that still has to be dealt with. It may look into another table, by a key that is indexed
    there, and as a subquery in parentheses that gives a value: EXISTS could become a join, which reads all of it."""
    guard: str
    """Name of the trigger that must be enabled: without it, rows written behind the cursor would be lost."""
    locks: tuple[Lock, ...]
    """The first is that on the table."""
    fires: bool = False
    """Triggers must fire, those of foreign keys among them; else they stay silent where our role may have it so."""
    undo: tuple[Undo, ...] = ()
    op: Literal["batches"] = "batches"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)

    @property
    def verb(self) -> str:
        """What happens to a row."""
        return "copied" if self.insertion else "deleted" if self.deletes else "updated"


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Compares every row; where `repair` is given, differing rows are set right, until a pass finds none."""

    title: str
    table: str
    differs: str
    keys: str
    """Select list that tells a reader which row it is."""
    key_names: tuple[str, ...]
    repair: Batches | None
    guard: str
    guarded_elsewhere: bool = False
    """The guard is a trigger of another table, which alone writes this one."""
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["verify"] = "verify"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)

    @property
    def verb(self) -> str:
        """What happens to a row that differs."""
        return self.repair.verb if self.repair else "updated"


@dataclass(frozen=True, kw_only=True)
class AwaitSnapshots:
    """Waits until no transaction is left that sees rows as they were before the last verification."""

    title: str
    guard: str
    locks: tuple[Lock, ...] = ()
    undo: tuple[Undo, ...] = ()
    op: Literal["await_snapshots"] = "await_snapshots"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


@dataclass(frozen=True, kw_only=True)
class Outside:
    """One statement that runs outside a transaction, and once more if nobody noted that it had: it must not mind."""

    title: str
    sql: str
    locks: tuple[Lock, ...]
    undo: tuple[Undo, ...] = ()
    op: Literal["outside"] = "outside"
    lock_class: LockClass = field(default=LockClass.LONG, init=False)


Undo = Statement | BuildLeafIndexes | DropIndex | DropIndexTree | DropLeafIndexes | Outside | Inspect
Step = (
    Statement
    | BuildIndex
    | BuildIndexTree
    | BuildLeafIndexes
    | AddForeignKeyTree
    | DropIndex
    | Outside
    | Reindex
    | Inspect
    | Batches
    | Verify
    | AwaitSnapshots
)
