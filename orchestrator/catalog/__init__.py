"""The database as it is now: frozen values, read from pg_catalog by `orchestrator.catalog.reader`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from orchestrator.catalog.wanted import (
    AddedColumn,
    Answer,
    Cast,
    CheckDefinition,
    ColumnType,
    Computed,
    DefaultOf,
    DefaultValue,
    Drafted,
    Expression,
    ForeignKeyDefinition,
    IndexDefinition,
    NewCheck,
    NewForeignKey,
    NewIndex,
    NotNullProof,
    PartitionedBy,
    Partitions,
    Proofs,
    Question,
    Rejected,
    Relabel,
)
from orchestrator.errors import ColumnNotFound, NoLongerPossible, TableNotFound
from phases.delta import Comparison, Grant, KeyColumn, NotNull, Setting, Table, TableOption

Given = TypeVar("Given", bound=Answer)

SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""Names that every table has for itself."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column and everything that is attached to it alone."""

    name: str
    number: int
    type: str
    not_null: bool
    collation: tuple[str, str] | None
    storage: str | None
    compression: str | None
    statistics: int | None
    options: tuple[str, ...]
    comment: str | None
    grants: tuple[Grant, ...]
    default: str | None
    generated: bool
    identity: Literal["", "a", "d"]
    security_label: bool
    constrained_domain: bool
    """Whether its type is a domain with a check, NOT NULL or default, its own or of a domain below."""
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """A sequence that belongs to a column, by OWNED BY or as its identity."""

    schema: str
    name: str
    column: str
    identity: bool
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    grants: tuple[Grant, ...]
    users: tuple[str, ...] = ()
    """What else takes numbers from it, as PostgreSQL describes it."""

    def options(self, type_: str | None = None) -> str:
        """As CREATE SEQUENCE takes them; those of another type where its bounds are those of its type."""
        lowest, highest = _BOUNDS[self.type]
        new_lowest, new_highest = _BOUNDS[type_ or self.type]
        minimum = new_lowest if self.minimum == lowest else self.minimum
        maximum = new_highest if self.maximum == highest else self.maximum
        return (
            f"START WITH {self.start} INCREMENT BY {self.increment} MINVALUE {minimum} MAXVALUE {maximum} "
            f"CACHE {self.cache} {'CYCLE' if self.cycle else 'NO CYCLE'}"
        )


_BOUNDS = {name: (-(2**bits), 2**bits - 1) for name, bits in (("smallint", 15), ("integer", 31), ("bigint", 63))}

INTEGERS = frozenset(_BOUNDS)
"""Types that a sequence can have."""


def holds_all(type_: str, of: str) -> bool:
    """Whether a type has every value of another, as far as that is known."""
    if of not in INTEGERS:
        return False
    return type_ == "numeric" or (type_ in INTEGERS and _BOUNDS[type_][1] >= _BOUNDS[of][1])


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index, and how it reads once the columns that the plan renames have their new names."""

    name: str
    keys: tuple[str, ...]
    """Its key columns, in order; an expression is an empty one."""
    partial: bool
    reads: tuple[str, ...]
    """Columns that it has as keys, or reads in an expression or its predicate."""
    unique: bool
    nulls_not_distinct: bool
    include: tuple[str, ...]
    options: str
    """Storage parameters, as WITH takes them."""
    valid: bool
    current: str
    """As it is."""
    definition: str | None
    """All after `ON table`, as it is; of an index that has a successor, or comes along to another table."""
    successor: str | None
    tablespace: str | None
    comment: str | None
    statistics: tuple[tuple[int, int], ...]
    constraint: str | None
    clustered: bool
    replica_identity: bool
    relied_on: tuple[tuple[str, str], ...]
    """Foreign keys that stand on it, or on its part of a partition to which they refer by itself: name and table."""


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A constraint of the table; foreign keys stand apart."""

    name: str
    kind: Literal["check", "not_null", "exclude", "unique", "primary_key"]
    columns: tuple[str, ...]
    reads: tuple[str, ...]
    index: str | None
    definition: str
    """What follows ADD CONSTRAINT name, without NOT VALID."""
    successor: str | None
    violated_by: str | None
    validated: bool
    enforced: bool
    deferral: str
    comment: str | None
    temporal: bool = False
    """A key WITHOUT OVERLAPS."""
    broken_by: str | None = None
    """Condition on a row that breaks it as it is now; of a check."""

    @property
    def excludes(self) -> bool:
        """Whether its index is one that can only be built whole, while the table is locked."""
        return self.kind == "exclude" or self.temporal


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A foreign key out of or into the table."""

    name: str
    table: Table
    columns: tuple[str, ...]
    references: Table
    referenced_columns: tuple[str, ...]
    actions: str
    set_columns: tuple[str, ...]
    """Columns of ON DELETE SET NULL/DEFAULT (columns), PostgreSQL 15+."""
    deferral: str
    validated: bool
    enforced: bool
    comment: str | None
    temporal: bool
    partitioned: bool
    """Whether the table at its other end is, or is a partition."""
    owned: bool
    """Whether our role may alter both of its tables."""
    unfit: str | None = None
    """Why it cannot be had under the types that the plan gives to columns, in the server's words."""
    partitions: int = 0
    """How many the table that refers has, on all levels."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Extended statistics of the table."""

    schema: str
    name: str
    reads: tuple[str, ...]
    kinds: tuple[str, ...]
    columns: str
    """What they are over, as it is."""
    successor: str | None
    target: int | None
    comment: str | None
    owner: str | None
    """None: our role cannot make another one of that role's."""


@dataclass(frozen=True, kw_only=True)
class Dependent:
    """Something that names a column and is neither index, constraint, sequence nor default."""

    kind: str
    name: str
    column: str
    trigger: str | None = None
    """Its name, where it is a trigger."""


@dataclass(frozen=True, kw_only=True)
class TriggerFacts:
    """A user trigger of the table."""

    name: str
    before_row: bool
    fires_on_update: bool
    enabled: str
    function: str
    function_schema: str
    function_name: str
    function_cost: float
    function_owned: bool
    function_owner: str
    foreign_functions: tuple[str, ...]
    """It, or what its WHEN calls, where somebody can replace it whom neither our role nor the table's owner stands for,
    and no superuser: what that does, it does with the rights of whoever writes."""
    function_has_path: bool
    """It has a search_path of its own, whoever calls it."""
    language: str
    mentions: tuple[str, ...]
    """Columns that occur as words in the body of its function."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A partition of the table, of whichever level."""

    table: Table
    leaf: bool
    plain: bool
    """No foreign table."""
    creators: tuple[str, ...] = ()
    """Roles, besides the owner, that may create triggers on it; empty: PUBLIC."""


@dataclass(frozen=True, kw_only=True)
class Own:
    """What a partition has on a column and did not get from its parent."""

    partition: str
    kind: Literal[
        "name of not null",
        "index",
        "replica identity",
        "constraint",
        "foreign key",
        "foreign key to it",
        "not null",
        "kept not null",
        "statistics",
        "default",
        "attribute",
        "attribute of not null",
    ]
    """`kept not null`: its parent's, which it would keep by itself; `attribute`: a privilege, comment, option,
    statistics target or the like; of a NOT NULL: a comment, or that it is validated."""
    name: str
    """Of an index that the parent has as well: that of the parent's."""
    column: str


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a table is besides its columns, indexes and constraints."""

    access_method: str
    tablespace: str | None
    persistence: str
    replica_identity: str
    typed: bool
    rules: bool
    policies: bool
    subscribed: bool
    """Whether a subscription writes to it."""
    security_label: bool
    keys_with_options: tuple[str, ...]
    """Indexes of keys that have storage parameters."""
    options: tuple[TableOption, ...]
    key: tuple[KeyColumn, ...]
    """The primary key, if a btree stands behind it."""


@dataclass(frozen=True, kw_only=True)
class EnumColumn:
    """A column of a table whose type is an enum, or an array of it."""

    table: Table
    column: str
    array: bool


@dataclass(frozen=True, kw_only=True)
class Enum:
    """An enum, and what uses it."""

    schema: str
    name: str
    values: tuple[str, ...]
    owner: str
    owned: bool
    may_create: bool
    """Whether our role may make a type beside it."""
    comment: str | None
    grants: tuple[Grant, ...] | None
    """None: as every type has them."""
    extension: str | None
    """That it belongs to."""
    columns: tuple[EnumColumn, ...]
    users: tuple[str, ...]
    """What else depends on it, and on none of these columns."""
    mentioned_in: tuple[str, ...]
    """Functions whose body has its name as a word."""
    compiled_in: tuple[str, ...]
    """Routines in PL/pgSQL, not ours, that may have a variable of its type: by its name, or by that of a column."""
    publications: tuple[str, ...]
    """Of tables that have such a column."""

    @property
    def display(self) -> str:
        """`schema.name`, as users write it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Denied:
    """A privilege that expressions of the plan take, and that some who may write rows do not have."""

    privilege: str
    """As GRANT takes it: `EXECUTE ON FUNCTION shop.tidy(text)`."""
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Roles, superusers apart, by what they may do with the rows of a table."""

    writing: frozenset[str]
    """Those that may write them, through a view too."""
    complete: frozenset[str]
    """Those that may SELECT, INSERT, UPDATE and DELETE."""


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """A table with all that it has, and PostgreSQL's answers to what the changes of a plan ask about it."""

    table: Table
    oid: int
    owned: bool
    may_create: bool
    partitioned: bool
    inherits: bool
    """In the old style: not as a partitioned table or a partition."""
    partition: bool = False
    tree: tuple[Partition, ...] = ()
    """Its partitions of all levels, in the order in which they are locked."""
    partition_key: tuple[str, ...] = ()
    """Columns by which rows find their partition, on whichever level."""
    expression_in_key: bool = False
    """Whether a partition key has an expression."""
    own: tuple[Own, ...] = ()
    owner: str = ""
    owner_may_create: bool = True
    """Whether our role may give the owner what it makes in the schema."""
    unlogged: bool = False
    """Whether a crash of the server empties it."""
    row_security: bool = False
    """Whether policies apply to anybody."""
    grants: tuple[Grant, ...] = ()
    """Privileges on the table as a whole; the owner's own are left out."""
    users: tuple[Dependent, ...] = ()
    """What would stop DROP TABLE, foreign keys apart; where a change asks for it."""
    mentioned_in: tuple[str, ...] = ()
    """Functions whose body has the table's name as a word; where a change asks for it."""
    shape: Shape | None = None
    """Where a change asks for it."""
    rights: Rights | None = None
    """Where a change asks for them."""
    exists: bool = True
    """False: a change of the plan is to make it, and `drafted` is all there is to know."""
    drafted: Drafted | None = None
    row_security_applies: bool
    rows: float
    """Estimate of the planner; -1 where the table was never analysed."""
    bytes: int
    index_bytes: int
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    renames: tuple[tuple[str, str], ...]
    """Old and new names under which successors were rendered, of all changes of the plan."""
    answers: Mapping[Question, Answer] = field(default_factory=dict)
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The types that columns are to have, with the collations that they keep."""
    in_place: Mapping[str, bool] = field(default_factory=dict)
    """Those that get it where they stand, and whether the way back would read or rewrite the table."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """The defaults of the others, as they read under the new type."""
    unfit: tuple[tuple[str, str, str], ...] = ()
    """What cannot be had under the new types: what it is, its name, and the server's words."""
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    triggers: tuple[TriggerFacts, ...] = ()
    foreign_code: tuple[tuple[str, str], ...] = ()
    """What computes something when a row is written, and a function of somebody else's that it calls."""
    comment: str | None = None
    publications: tuple[str, ...] = ()
    publications_of_all: tuple[str, ...] = ()
    """Those of them that take in every table by themselves."""
    publications_of_schema: tuple[str, ...] = ()
    """Those of them that take in every table of its schema."""
    unidentified: tuple[tuple[str, str], ...] = ()
    """The table, or partitions of it, without replica identity, each with a publication of its updates, which fail."""
    writers: tuple[str | None, ...] = ()
    """Roles that may insert or update, besides the owner; None is PUBLIC."""
    denied: tuple[Denied, ...] = ()
    taken_names: frozenset[str] = frozenset()
    """Names of relations, constraints and functions in the table's schema."""

    @property
    def display(self) -> str:
        """`schema.table`, as users write it."""
        return f"{self.table.schema}.{self.table.name}"

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            ColumnNotFound: naming the columns there are.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ColumnNotFound(self.display, name, (column.name for column in self.columns))

    def has_column(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return any(column.name == name for column in self.columns)

    def rejections(self, questions: Iterable[Question]) -> Iterator[tuple[Question, str]]:
        """What PostgreSQL does not accept, with its own words; expressions only once all types are accepted."""
        found = [(each, answer.message) for each in questions if isinstance(answer := self.answers.get(each), Rejected)]
        types = [(each, message) for each, message in found if isinstance(each, AddedColumn)]
        yield from types or found

    def column_type(self, question: AddedColumn) -> ColumnType:
        """The type of a column that is added."""
        return self._answer(question, ColumnType)

    def expression(self, question: Computed | Cast | Relabel) -> Expression:
        """An expression of the plan."""
        return self._answer(question, Expression)

    def new_index(self, question: NewIndex) -> IndexDefinition:
        """An index that the plan adds."""
        return self._answer(question, IndexDefinition)

    def new_check(self, question: NewCheck) -> CheckDefinition:
        """A check that the plan adds."""
        return self._answer(question, CheckDefinition)

    def new_foreign_key(self, question: NewForeignKey) -> ForeignKeyDefinition:
        """A foreign key that the plan adds."""
        return self._answer(question, ForeignKeyDefinition)

    def partitions(self, question: PartitionedBy) -> Partitions:
        """How the table is to be partitioned."""
        return self._answer(question, Partitions)

    def _answer(self, question: Question, kind: type[Given]) -> Given:
        """What PostgreSQL made of a question.

        Raises:
            NoLongerPossible: it rejects it. Of a plan that is refused nobody asks; the table of a run may have changed.
        """
        answer = self.answers.get(question)
        if isinstance(answer, Rejected):
            raise NoLongerPossible(self.display, answer.message)
        assert isinstance(answer, kind)
        return answer

    def default(self, question: DefaultOf) -> DefaultValue:
        """The answer to a question that was not rejected."""
        answer = self.answers[question]
        assert isinstance(answer, DefaultValue)
        return answer

    def proof(self, column: str) -> str | None:
        """A valid check of the table's own that the column is not null; asked by `NotNullProof`."""
        answer = self.answers.get(NotNullProof(column=column))
        there = {constraint.name for constraint in self.constraints}
        found = answer.constraints if isinstance(answer, Proofs) else ()
        return next((name for name in found if name in there), None)

    @property
    def unproven(self) -> tuple[Constraint, ...]:
        """What is asked of each row that is written, and NOT VALID: rows that were there before it may break it."""
        return tuple(
            each
            for each in self.constraints
            if each.kind in ("check", "not_null") and each.enforced and not each.validated
        )

    def unproven_not_null(self, column: str) -> str | None:
        """A NOT NULL of the column that is NOT VALID (18): rows may have nulls."""
        found = (each for each in self.unproven if each.kind == "not_null")
        return next((each.name for each in found if column in each.columns), None)

    def never_null(self, column: str) -> bool:
        """Whether no row has a null there, by its NOT NULL."""
        return self.column(column).not_null and self.unproven_not_null(column) is None

    def with_not_null(self, lost: Collection[NotNull]) -> TableFacts:
        """The table as it was before these were taken away."""
        columns = {each.column for each in lost}
        there = {constraint.name for constraint in self.constraints}
        restored = (
            Constraint(
                name=each.constraint,
                kind="not_null",
                columns=(each.column,),
                reads=(each.column,),
                index=None,
                definition=each.definition,
                successor=None,
                violated_by=None,
                validated=each.validated,
                enforced=True,
                deferral="",
                comment=each.comment,
            )
            for each in lost
            if each.constraint is not None and each.constraint not in there
        )
        return replace(
            self,
            columns=tuple(replace(each, not_null=each.not_null or each.name in columns) for each in self.columns),
            constraints=(*self.constraints, *restored),
        )

    def with_settings(self, settings: Collection[Setting]) -> TableFacts:
        """The table as it was before these were made; what somebody else has set since stays."""
        defaults = {each.column: each for each in settings if each.what == "default"}
        comments = {each.column: each for each in settings if each.what == "comment"}

        def before(setting: Setting | None, now: str | None) -> str | None:
            return setting.before if setting is not None and now == setting.value else now

        return replace(
            self,
            comment=before(comments.get(None), self.comment),
            columns=tuple(
                replace(
                    column,
                    default=before(defaults.get(column.name), column.default),
                    comment=before(comments.get(column.name), column.comment),
                )
                for column in self.columns
            ),
        )

    def with_nulls(self, columns: Collection[str]) -> TableFacts:
        """The table as it would be if these columns were not NOT NULL."""
        return replace(
            self,
            columns=tuple(
                replace(column, not_null=column.not_null and column.name not in columns) for column in self.columns
            ),
            constraints=tuple(
                constraint
                for constraint in self.constraints
                if constraint.kind != "not_null" or set(columns).isdisjoint(constraint.columns)
            ),
        )

    def without(self, *, columns: Iterable[str], triggers: Iterable[str], names: Iterable[str]) -> TableFacts:
        """The table as it would be without objects of ours, to be compared with what a plan was compiled from."""
        columns, triggers, names = set(columns), set(triggers), set(names)
        ours = any(constraint.kind == "primary_key" and constraint.name in names for constraint in self.constraints)
        return replace(
            self,
            primary_key=() if ours else self.primary_key,
            columns=tuple(column for column in self.columns if column.name not in columns),
            triggers=tuple(trigger for trigger in self.triggers if trigger.name not in triggers),
            dependents=tuple(each for each in self.dependents if each.trigger not in triggers),
            indexes=tuple(index for index in self.indexes if index.name not in names),
            constraints=tuple(constraint for constraint in self.constraints if constraint.name not in names),
            statistics=tuple(each for each in self.statistics if each.name not in names),
            foreign_keys=tuple(key for key in self.foreign_keys if key.name not in names),
            taken_names=self.taken_names - names,
            unfit=tuple(each for each in self.unfit if each[1] not in names),
        )


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What the compiler needs to know: the server, the role, and the tables a plan names."""

    server_version: int
    may_replicate: bool
    """Whether the role may set session_replication_role, so that user triggers stay silent in a backfill."""
    lock_slots: int
    """How many locks the server has for all sessions together."""
    tables: Mapping[str, TableFacts]
    """By the name the plan uses."""
    known_tables: tuple[str, ...] = field(default=())
    enums: Mapping[str, Enum] = field(default_factory=dict)
    """By the name the plan uses."""

    @property
    def keys_by_leaf(self) -> bool:
        """Whether a foreign key out of a partitioned table cannot be NOT VALID: before PostgreSQL 18."""
        return self.server_version < 180000

    def table(self, name: str) -> TableFacts:
        """The table under the name the plan uses.

        Raises:
            TableNotFound: naming tables that are there.
        """
        try:
            return self.tables[name]
        except KeyError:
            raise TableNotFound(name, self.known_tables) from None
