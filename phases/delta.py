"""What a change asks of the phases, as data. A field is here because a phase reads it; SQL is made by the phases.

Definitions of existing objects (an index's columns, a check's expression, a default) are PostgreSQL's own rendering
of them, with the new column names already in place: nobody edits SQL as text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from psycopg.sql import SQL, Identifier
from psycopg.sql import Literal as Constant

Comparison = Literal["image", "text", "plain"]
"""How two values are told apart: by their bytes; as texts in the C collation; or with `=`, which compares bytes too."""

NameKept = str | None
"""The name an object takes at contract, or None where it already has it."""


@dataclass(frozen=True)
class Table:
    """A table by its schema and name, unquoted."""

    schema: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One privilege; `grantee` None is PUBLIC."""

    privilege: str
    grantee: str | None
    grantable: bool


@dataclass(frozen=True, kw_only=True)
class NewSequence:
    """A sequence for a column that counts, which owns it."""

    schema: str
    name: str
    type: str
    owner: str = field(compare=False)
    """The table's: no column can own a sequence of another role."""
    grants: tuple[Grant, ...] = ()

    @property
    def next_value(self) -> str:
        """As an expression of a `Value`."""
        name = Identifier(self.schema, self.name).as_string(None)
        return SQL("pg_catalog.nextval({})").format(Constant(name)).as_string(None)


@dataclass(frozen=True, kw_only=True)
class NewColumn:
    """A column that expand adds; where it has a predecessor: nullable, without default, else as that is."""

    name: str
    type: str
    """As format_type() renders it."""
    collation: tuple[str, str] | None = None
    storage: str | None = None
    compression: str | None = None
    statistics: int | None = None
    options: tuple[str, ...] = ()
    comment: str | None = None
    grants: tuple[Grant, ...] = ()
    default: str | None = None
    default_apart: bool = False
    """Set when the column is there already: rows that are older stay null, and none is touched."""
    not_null: bool = False
    """From the start: with a default that the server need not write into every row."""
    generated: str | None = None
    """Expression of a VIRTUAL generated column (PostgreSQL 18+)."""
    sequence: NewSequence | None = None
    """What its default counts with."""
    moved: bool = False
    """A column of another table moves here: what it holds, that one has, too."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """What a column gets: an expression over the row, as PostgreSQL prints it, with each column as `new.column`."""

    column: str
    expression: str
    type: str | None = None
    """The column's type as format_type() renders it; None where the expression has that very type."""
    comparison: Comparison = "image"


@dataclass(frozen=True, kw_only=True)
class Link:
    """Old and new columns that follow each other until contract, whichever of them a version writes."""

    old: tuple[str, ...]
    """Columns whose change makes the new ones follow."""
    up: tuple[Value, ...]
    """The new columns, from the old ones."""
    down: tuple[Value, ...] = ()
    """The old columns, from the new ones; without it a value that new code writes stays where it was written."""
    exact: bool = False
    """The new columns can always be told from the old ones: `up` and `down` are copies, or nobody else writes."""
    always_given: bool = False
    """An INSERT gives the old columns in any case, by a default: giving both is no disagreement."""

    @property
    def new(self) -> tuple[str, ...]:
        """The columns that `up` computes."""
        return tuple(value.column for value in self.up)

    @staticmethod
    def copy(old: str, new: str, *, always_given: bool = False, comparison: Comparison = "image") -> Link:
        """Two columns of one type that hold the same value."""
        up = Value(column=new, expression=_column(old), comparison=comparison)
        down = Value(column=old, expression=_column(new), comparison=comparison)
        return Link(old=(old,), up=(up,), down=(down,), exact=True, always_given=always_given)


def _column(name: str) -> str:
    """A column of the row, as in `Value.expression`."""
    return Identifier("new", name).as_string(None)


@dataclass(frozen=True, kw_only=True)
class Fill:
    """A column that gets a value wherever a version leaves it null."""

    value: Value
    existing: bool = True
    """Rows that are there already, and updates, too; else only an INSERT that leaves it out."""
    fires: bool = False
    """A foreign key checks the column, by triggers of its own: the backfill must not silence them."""
    immutable: bool = False
    """It is the same value whenever it is computed, and to compute it has no effect."""


@dataclass(frozen=True, kw_only=True)
class Sync:
    """What the dual-write trigger keeps up, and how it and its function are called."""

    links: tuple[Link, ...] = ()
    fills: tuple[Fill, ...] = ()
    trigger: str
    function: str
    counter: str


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """How rows that a unique index would refuse are found before it is built."""

    expressions: tuple[str, ...]
    """The keys of the index over the row, as PostgreSQL prints them."""
    predicate: str | None = None
    nulls_equal: bool = False
    """NULLS NOT DISTINCT (15+)."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index to be built; in the likeness of an old one where it takes over from that."""

    name: str
    old_name: str | None = None
    """The index that goes at contract."""
    old_definition: str | None = None
    """Its definition, where it is not the model of this one."""
    unique: bool
    definition: str
    """All after `ON table` in CREATE INDEX."""
    tablespace: str | None = None
    comment: str | None = None
    statistics: tuple[tuple[int, int], ...] = ()
    """Statistics targets by column number, for expression columns."""
    rename_to: NameKept = None
    owned_by_constraint: bool = False
    """Its predecessor goes with its constraint or with the old column, not by itself."""
    clustered: bool = False
    replica_identity: bool = False
    inspected: Duplicates | None = None
    """Rows may stand against it: they are looked for before anything is built."""
    stem: str | None = None
    """On a partitioned table: what the indexes of partitions are called after, where not after its name."""
    keys: tuple[str, ...] = ()
    """Its key columns where it belongs to a constraint: on a partitioned table that is made with its index."""
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    options: str = ""
    """Its storage parameters, as WITH takes them."""
    loose: bool = False
    """On a partitioned table: one on each leaf, attached to none, until all of them become its primary key at once."""
    exchanged: str = ""
    """Its definition once columns have exchanged their names."""
    interim: bool = False
    """It goes at contract."""


@dataclass(frozen=True, kw_only=True)
class KeyTree:
    """A primary key of a partitioned table, which PostgreSQL makes over no index: those of its leaves make it up."""

    definition: str
    """What follows ADD CONSTRAINT name."""
    comment: str | None = None
    """Of its index."""


@dataclass(frozen=True, kw_only=True)
class UniqueKey:
    """A UNIQUE or PRIMARY KEY constraint over an index of `Delta.indexes`."""

    name: str
    old_name: str | None = None
    """The constraint that it takes over from."""
    index: str
    primary: bool
    deferral: str = ""
    """`DEFERRABLE INITIALLY …` or nothing."""
    comment: str | None = None
    rename_to: NameKept = None
    tree: KeyTree | None = None
    """On a partitioned table, of a primary key that takes over: `index` is loose."""


@dataclass(frozen=True, kw_only=True)
class TableConstraint:
    """A CHECK, a named NOT NULL (PostgreSQL 18) or an EXCLUDE constraint."""

    name: str
    kind: Literal["check", "not_null", "exclude"]
    definition: str
    """What follows ADD CONSTRAINT name, without NOT VALID."""
    validated: bool = True
    enforced: bool = True
    violated_by: str | None = None
    """Condition on a row that breaks it, for the report."""
    inspected: bool = False
    """Rows may break it: they are looked for before it is added."""
    comment: str | None = None
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class Equality:
    """How a foreign key compares two columns."""

    operator: str
    """As PostgreSQL prints it: `OPERATOR(schema.=)`."""
    collation: tuple[str, str] | None = None
    """Where the two columns have different ones: that of the column referred to."""


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key out of or into the table."""

    table: Table
    name: str
    old_name: str | None = None
    """The foreign key that it takes over from."""
    columns: tuple[str, ...]
    references: Table
    referenced_columns: tuple[str, ...]
    actions: str
    """MATCH, ON UPDATE and ON DELETE, as one clause."""
    set_columns: tuple[str, ...] = ()
    """Columns of ON DELETE SET NULL or SET DEFAULT (columns), where not all of them."""
    deferral: str = ""
    temporal: bool = False
    """Its last column is a PERIOD."""
    validated: bool = True
    enforced: bool = True
    inspected: tuple[Equality, ...] = ()
    """How each column is compared with the one it refers to. Where that is given, rows may break the key: they are
    looked for before it is added."""
    by_leaf: bool = False
    """Out of a partitioned table, where it cannot be NOT VALID (before PostgreSQL 18)."""
    trees: tuple[Table, ...] = ()
    """Those of its tables that are partitioned."""
    comment: str | None = None
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """An extended statistics object over the new column."""

    schema: str
    name: str
    old_name: str | None = None
    kinds: tuple[str, ...]
    columns: str
    target: int | None = None
    comment: str | None = None
    owner: str | None = field(default=None, compare=False)
    """None: our role cannot give it to whom the old one belongs."""
    rename_to: NameKept = None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A valid check of the application's own that a column is not null: it serves as ours would, and stays."""

    column: str
    constraint: str


@dataclass(frozen=True, kw_only=True)
class NotNull:
    """A NOT NULL that expand takes away, so that newer code may leave the column out; an abort brings it back."""

    column: str
    constraint: str | None = None
    """The name of its constraint (PostgreSQL 18+)."""
    definition: str = ""
    """What follows ADD CONSTRAINT name, without NOT VALID."""
    validated: bool = True
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A default or a comment that becomes another, in expand or at contract."""

    what: Literal["default", "comment"]
    column: str | None
    """None: the table's own."""
    value: str | None
    """None: there is none afterwards."""
    before: str | None
    at_contract: bool = False


@dataclass(frozen=True, kw_only=True)
class Default:
    """A default that moves to the new column at contract."""

    column: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An identity that moves at contract: a new sequence with the old one's name, options, grants and position."""

    column: str
    always: bool
    schema: str
    sequence: str
    interim: str
    """Name of the old sequence for the moment in which both exist."""
    options: str
    grants: tuple[Grant, ...] = ()
    from_default: bool = False
    """The column is new: until now its default has counted, with a sequence that goes."""


@dataclass(frozen=True, kw_only=True)
class OwnedSequence:
    """A sequence that shall belong to the new column (`serial`)."""

    schema: str
    name: str
    column: str
    type: str | None = None
    """The integer type that it takes along with its column's; None: it stays as it is."""


@dataclass(frozen=True, kw_only=True)
class ReplicaIdentity:
    """An index by which subscribers find a row."""

    index: str
    instead_of: str | None = None
    """On a partitioned table: the index by whose part a partition, or the table itself, has done so until then."""


@dataclass(frozen=True, kw_only=True)
class TakeOver:
    """What only one of two columns can have, under the names that they have once it moves."""

    defaults: tuple[Default, ...] = ()
    identities: tuple[Identity, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
    primary_keys: tuple[UniqueKey, ...] = ()
    replica_identity: tuple[ReplicaIdentity, ...] = ()
    """A primary key of a partitioned table takes it along by itself."""
    clustered: tuple[str, ...] = ()
    """Index by which CLUSTER orders the table."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    """Those on the primary key of a partitioned table, as they read then: they go and come with it."""
    left_defaults: tuple[str, ...] = ()
    """Columns that stay until contract without their default, lest an INSERT that leaves them out be given one."""
    left_identities: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Swap:
    """Two columns of different types that exchange their names at the end of constrain, and again if that is undone.

    Both versions use the same name. Until then nobody but the trigger writes the new column, afterwards nobody but
    the trigger writes the old one.
    """

    column: str
    """The name that both versions use."""
    shadow: str
    """The name of the new column before, of the old one after."""
    back: Link
    """The link between the two once they are exchanged: what the old column gets from the new one."""
    reads: tuple[str, ...] = ()
    """Other columns that are read for it."""
    forth: TakeOver
    undo: TakeOver
    foreign_keys: tuple[ForeignKey, ...] = ()
    """Foreign keys that stand on the old primary key: their successors are there, and they go just before. Those of a
    partitioned table are in `forth` and `undo`."""


@dataclass(frozen=True, kw_only=True)
class Retype:
    """A column whose type changes where it stands: PostgreSQL reads no row, rewrites no file and builds no index."""

    column: str
    type: str
    collation: tuple[str, str] | None
    old_type: str
    old_collation: tuple[str, str] | None
    default: str | None
    """As it was, for the way back."""
    rewrites_back: bool
    """Whether the way back reads or rewrites the table."""


@dataclass(frozen=True, kw_only=True)
class TriggerFunction:
    """A function of the application's own triggers: sessions that have called it know the row as it was."""

    schema: str
    name: str
    cost: float


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """A constraint or a column that gets another name at contract."""

    old_name: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """An index or a constraint that goes at contract: this one, and no other that has its name by then."""

    name: str
    definition: str


@dataclass(frozen=True, kw_only=True)
class DroppedForeignKey:
    """A foreign key that goes at contract, before its columns: to drop it locks both of its tables."""

    table: Table
    name: str
    references: Table
    partitioned: bool = False
    """The one of them that the plan is not about is."""
    columns: tuple[str, ...] = ()
    referenced_columns: tuple[str, ...] = ()
    actions: str = ""


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column of a table that expand makes."""

    name: str
    type: str
    """As format_type() renders it."""
    collation: tuple[str, str] | None = None
    not_null: bool = False
    default: str | None = None
    identity: Literal["", "ALWAYS", "BY DEFAULT"] = ""
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableKey:
    """The primary key or a unique constraint of a table that expand makes."""

    name: str
    columns: tuple[str, ...]
    primary: bool = False
    nulls_distinct: bool = True


@dataclass(frozen=True, kw_only=True)
class NewTable:
    """A table that expand makes; its foreign keys come in constrain, as those of any table."""

    name: str
    columns: tuple[TableColumn, ...]
    keys: tuple[TableKey, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    """Name, and `CHECK (…)`."""
    indexes: tuple[tuple[str, str], ...] = ()
    """Name, and all after `ON table` in CREATE INDEX."""
    comment: str | None = None
    grants: tuple[Grant, ...] = ()
    by: str | None = None
    """`RANGE (created_at)`, as PostgreSQL prints it; None: it is not partitioned."""
    partitions: tuple[PartitionBound, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Move:
    """Columns that move to another table, to the row with the same key; both follow each other until contract."""

    table: Table
    create: NewTable | None
    """That table, where expand makes it: no older code knows it, and its rows are made as need be. None: it is there,
    with the columns, and its rows are the application's: none is made, and none deleted."""
    key: tuple[tuple[str, str], ...]
    """Columns here and there, of which each table has a unique index; `=` compares them byte by byte."""
    columns: tuple[tuple[str, str], ...]
    """Columns here, which go at contract, and there."""
    trigger: str
    function: str
    back_trigger: str
    """On the other table."""
    back_function: str
    definer: bool = True
    """Whether the triggers act with our rights; else with those of whoever writes, and under his search_path."""
    here_partitioned: bool = False
    there_partitioned: bool = False

    @property
    def name(self) -> str:
        """By which an operator knows it."""
        return self.table.name

    @property
    def here(self) -> tuple[str, ...]:
        """The columns by their names here."""
        return tuple(here for here, _ in self.columns)

    @property
    def there(self) -> tuple[str, ...]:
        """The columns by their names there."""
        return tuple(there for _, there in self.columns)

    @property
    def key_here(self) -> tuple[str, ...]:
        """The key's columns here."""
        return tuple(here for here, _ in self.key)

    @property
    def key_there(self) -> tuple[str, ...]:
        """The key's columns there."""
        return tuple(there for _, there in self.key)


@dataclass(frozen=True, kw_only=True)
class TableRename:
    """A table that takes another name at contract, and that a view serves under that name until then."""

    to: str
    columns: tuple[str, ...]
    owner: str
    grants: tuple[Grant, ...] = ()
    column_grants: tuple[tuple[str, Grant], ...] = ()
    invoker: bool = False
    """The view obeys row security: it acts with the rights of whoever uses it, who then needs them on all columns."""


@dataclass(frozen=True, kw_only=True)
class PartitionBound:
    """A partition, and the rows that are its own."""

    name: str
    bound: str
    """`FOR VALUES …` or `DEFAULT`, as PostgreSQL prints it."""


@dataclass(frozen=True, kw_only=True)
class KeyColumn:
    """A column of the primary key, and how its index tells values apart."""

    name: str
    operator: str
    """As PostgreSQL prints it: `OPERATOR(schema.=)`."""


@dataclass(frozen=True, kw_only=True)
class TableOption:
    """A storage parameter of a table; `toast` ones are its TOAST table's."""

    name: str
    value: str
    toast: bool = False


@dataclass(frozen=True, kw_only=True)
class CopiedKey:
    """A primary key or unique constraint that a partitioned table has as the old one has it."""

    name: str
    definition: str
    """What follows ADD CONSTRAINT name."""
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class SharedName:
    """A name that no two objects of a schema can have, and that goes with the name of the table."""

    what: Literal["constraint", "index", "statistics"]
    schema: str
    name: str
    copy: str
    """What the partitioned table's is called until it has the name."""
    retired: str
    """What the old table's is called from then on."""


@dataclass(frozen=True, kw_only=True)
class Partitioning:
    """A table that a partitioned one takes over from: its rows are copied, then the two exchange their names.

    Both versions use the same name. Until then nobody but the trigger and the backfill writes the partitioned table,
    afterwards nobody but the trigger writes the old one.
    """

    copy: str
    """The name of the partitioned table until then."""
    retired: str
    """The name of the old table from then on."""
    owner: str
    by: str
    """`RANGE (created_at)`, as PostgreSQL prints it."""
    partitions: tuple[PartitionBound, ...]
    columns: tuple[NewColumn, ...]
    """With their defaults, which they get when the names are exchanged."""
    key: tuple[KeyColumn, ...]
    keys: tuple[CopiedKey, ...]
    checks: tuple[TableConstraint, ...] = ()
    """Checks and named NOT NULL constraints (18+)."""
    indexes: tuple[Index, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    names: tuple[SharedName, ...] = ()
    """Keys, indexes and statistics are made under the first of their two other names."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    """Those of the old table, under the same names; the partitioned one gets its own while it is empty."""
    referring: tuple[ForeignKey, ...] = ()
    """Those of other tables that refer to it: whoever has the name has them."""
    options: tuple[TableOption, ...] = ()
    """Storage parameters, which partitions have and a partitioned table cannot."""
    comment: str | None = None
    grants: tuple[Grant, ...] = ()
    identities: tuple[Identity, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
    trigger: str
    truncate_trigger: str
    function: str


@dataclass(frozen=True, kw_only=True)
class RawStep:
    """Statements of the plan's author, with what takes them back and the lock that they are declared to take."""

    phase: str
    title: str
    run: tuple[str, ...]
    undo: tuple[str, ...] = ()
    lock: Literal["short exclusive", "long, harmless", "concurrently"]


@dataclass(frozen=True, kw_only=True)
class EnumValue:
    """A value that an enum gets as the last thing of constrain: PostgreSQL can never take one back."""

    schema: str
    type: str
    value: str
    before: str | None = None
    after: str | None = None
    """The value beside which it sorts; without either it sorts last."""


@dataclass(frozen=True, kw_only=True)
class NewEnum:
    """An enum that expand makes, in the likeness of an old one, which goes at contract."""

    schema: str
    name: str
    old_name: str
    old_values: tuple[str, ...]
    values: tuple[str, ...]
    owner: str
    comment: str | None = None
    grants: tuple[Grant, ...] | None = None
    """None: as every type has them."""
    takes_name: bool = False
    """It has the old one's name from contract on."""

    @property
    def as_table(self) -> Table:
        """Its name, to be quoted."""
        return Table(self.schema, self.name)


@dataclass(frozen=True, kw_only=True)
class Proven:
    """A check that must be there and valid at contract, when the column goes of which it speaks."""

    column: str
    constraint: str


@dataclass(frozen=True, kw_only=True)
class Delta:
    """Everything one plan asks of one table."""

    table: Table
    partitioned: bool = False
    """It has partitions, of one level or several, which follow it."""
    key: tuple[str, ...]
    """Columns by which a row is named in reports; empty: by ctid."""
    sync: Sync | None = None
    """None: there is nothing to be kept up while two versions write."""
    removes: tuple[str, ...] = ()
    """What older releases lose at contract, as an operator would call it: `public.users.email`."""
    adds: tuple[str, ...] = ()
    """What newer releases need and have from the end of constrain on."""
    add: tuple[NewColumn, ...] = ()
    drop: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    """Old columns that a foreign key ties to others which get a new type as well, and one that may not hold all of
    their values: what refers to a key that does not come back as it was would find none behind the old foreign key."""
    loosen: tuple[NotNull, ...] = ()
    not_null: tuple[str, ...] = ()
    """Columns that become NOT NULL by way of a check; a NOT NULL constraint with a name (18+) is in `constraints`."""
    proofs: tuple[Proof, ...] = ()
    settings: tuple[Setting, ...] = ()
    indexes: tuple[Index, ...] = ()
    unique_keys: tuple[UniqueKey, ...] = ()
    constraints: tuple[TableConstraint, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    key_exchanges: tuple[ForeignKey, ...] = ()
    """Foreign keys on the primary key of a partitioned table, which go and come with it at contract: before that there
    is nothing else on which one could stand. Where columns exchange their names, see `TakeOver.foreign_keys`."""
    statistics: tuple[Statistics, ...] = ()
    defaults: tuple[Default, ...] = ()
    identities: tuple[Identity, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
    swaps: tuple[Swap, ...] = ()
    """Columns that exchange their names at the end of constrain; what they need for that is not in the fields above."""
    retypes: tuple[Retype, ...] = ()
    trigger_functions: tuple[TriggerFunction, ...] = ()
    """Functions that open sessions have to compile anew when the type of a column changes under its name."""
    drop_foreign_keys: tuple[DroppedForeignKey, ...] = ()
    drop_indexes: tuple[Dropped, ...] = ()
    """Indexes that go at contract without a successor, concurrently."""
    reindex: tuple[str, ...] = ()
    """Indexes that are built anew, under their own names."""
    no_nulls: tuple[str, ...] = ()
    """Columns of `not_null` that may hold nulls: these are looked for before anything is added."""
    lift: tuple[TableConstraint, ...] = ()
    """Constraints that expand drops, so that newer code may break them; an abort adds them again."""
    lift_foreign_keys: tuple[ForeignKey, ...] = ()
    drop_constraints: tuple[Dropped, ...] = ()
    """Constraints that go at contract without a successor; foreign keys are in `drop_foreign_keys`."""
    rename_constraints: tuple[Renamed, ...] = ()
    drop_sequences: tuple[Table, ...] = ()
    """Sequences that go with the column they belong to."""
    create: tuple[NewTable, ...] = ()
    """The table itself, where it is not there yet."""
    drop_tables: tuple[Table, ...] = ()
    """The table itself, where it goes at contract, after its foreign keys."""
    rename_tables: tuple[TableRename, ...] = ()
    """The table itself, where it takes another name at contract."""
    moves: tuple[Move, ...] = ()
    """Columns that go to another table. Their columns are not in `drop`: they go with the triggers of the move."""
    enum_values: tuple[EnumValue, ...] = ()
    enums: tuple[NewEnum, ...] = ()
    """Enums that columns of this and other tables are to have: all of them change at once, at contract."""
    final_names: tuple[Renamed, ...] = ()
    """New columns that take the names of the old ones as these go."""
    proven: tuple[Proven, ...] = ()
    partitionings: tuple[Partitioning, ...] = ()
    """The table itself, where a partitioned one takes over from it."""
    raw: tuple[RawStep, ...] = ()
    """Statements that the plan brings along, after those of each phase."""

    @property
    def successive_keys(self) -> tuple[ForeignKey, ...]:
        """All foreign keys that are made or made again, whenever that is."""
        swapped = (key for swap in self.swaps for key in swap.forth.foreign_keys)
        return (*self.foreign_keys, *self.key_exchanges, *swapped)
