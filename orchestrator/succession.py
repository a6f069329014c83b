"""What it takes for one column to take over from another: everything the old one has, as a `Delta`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from orchestrator import catalog as facts_of
from orchestrator import joint
from orchestrator.catalog import INTEGERS, SYSTEM_COLUMNS, Catalog, TableFacts
from orchestrator.catalog.wanted import AddedColumn, ColumnType
from orchestrator.dropping import key_after
from phases import names
from phases.delta import (
    Default,
    Delta,
    Fill,
    ForeignKey,
    Identity,
    Index,
    KeyTree,
    Link,
    NewColumn,
    OwnedSequence,
    Renamed,
    ReplicaIdentity,
    Statistics,
    Swap,
    Sync,
    Table,
    TableConstraint,
    TakeOver,
    TriggerFunction,
    UniqueKey,
)
from phases.index_tree import constraint as constraint_of
from phases.sql import names as names_of
from phases.sql import text

Refusal = tuple[str, str]
"""Why not, and what to do about it."""

EXCLUSION_LIMIT_BYTES = 8 * 1024 * 1024
"""An exclusion constraint can only be built whole, under ACCESS EXCLUSIVE: allowed where that is a matter of
milliseconds. A GiST index over 8 MB of rows took well under the default bound of a short lock where we measured."""

LOCKS_OF_PARTITION, LOCKS_OF_FOREIGN_KEY, LOCKS_OF_REFERRING = 11, 5, 6
"""How many locks the exchange of a primary key takes for each partition, how many more for a foreign key on it, and how
many for that on each partition of the table that refers."""

_MOST_ROLES = 5

_OURS = {"orchestrator", "information_schema"}

_ADVICE = {
    "view": "drop the view before, or let it read the new column, and create it again after contract",
    "materialized view": "drop it before, or let it read the new column, and create it again after contract",
    "rule": "drop the rule, or write it over another column",
    "policy": "drop the policy and create it on the new column after contract, or write it over another column",
    "trigger": "create the trigger without the column in its list or WHEN clause",
    "publication": "take the column out of the publication's column list or row filter for the time of the run",
    "function": "create the function with a body in quotes (AS $$…$$), or over the new column after contract",
    "VIRTUAL generated column": "drop the generated column first: it has no values of its own that would be lost",
    "generated column": "drop the generated column, or its expression (ALTER COLUMN … DROP EXPRESSION), first",
    "object": "drop it, or write it over another column",
}


class Succession:
    """Columns of one table and those that take over from them: refusals, warnings and the delta."""

    def __init__(
        self,
        catalog: Catalog,
        facts: TableFacts,
        plan: str,
        renames: Mapping[str, str],
        *,
        links: tuple[Link, ...] | None = None,
        back: Link | None = None,
        back_reads: tuple[str, ...] = (),
        keeps_keys: bool = False,
        final_names: bool = False,
    ) -> None:
        """`links`: how the columns follow each other, where they are no copies. `back`: it is one column, whose

        successor takes over its name at the end of constrain; this is how it follows from then on, and which other
        columns are read for that. `keeps_keys`: values that were equal are so afterwards, whatever they become.
        `final_names`: successors take over the names at contract.
        """
        self.catalog = catalog
        self.facts = facts
        self.renames = dict(renames)
        # what hangs on columns of several changes is made once, and named once
        self._all = dict(facts.renames)
        self._back, self._back_reads = back, back_reads
        self._final_names = final_names
        self._copies = links is None
        self._keeps_keys = self._copies or keeps_keys
        self._seed = (plan, facts.display)
        self.sync = sync_of(
            facts,
            plan,
            links=links
            if links is not None
            else tuple(
                Link.copy(
                    old,
                    new,
                    always_given=facts.column(old).default is not None or facts.column(old).identity != "",
                    comparison=facts.column(old).comparison,
                )
                for old, new in self.renames.items()
            ),
        )
        self._indexes = tuple(each for each in facts.indexes if self._reads(each))
        self._foreign_keys = tuple(
            key
            for key in facts.foreign_keys
            if (key.table == facts.table and not self.renames.keys().isdisjoint(key.columns))
            or (key.references == facts.table and not self.renames.keys().isdisjoint(key.referenced_columns))
        )
        # where columns at both ends get successors, the table that is referred to ties them
        self._partners = {key: joint.other_end(catalog, facts, key) for key in self._foreign_keys}
        self._own_keys = tuple(
            key for key in self._foreign_keys if key.references == facts.table or self._partners[key] is None
        )
        # of a partitioned table: before it has the new primary key there is nothing that one could refer to
        self._key_exchanges = tuple(key for key in self._own_keys if facts.partitioned and self._stands_on_primary(key))
        self._sequences = tuple(each for each in facts.sequences if each.column in self.renames)

    def _reads(self, item: facts_of.Index | facts_of.Constraint | facts_of.Statistics) -> bool:
        return not self.renames.keys().isdisjoint(item.reads)

    def delta(self) -> Delta:
        """Everything the phases have to do for these columns."""
        columns = [self.facts.column(old) for old in self.renames]
        delta = Delta(
            table=self.facts.table,
            sync=self.sync,
            removes=tuple(f"{self.facts.display}.{old}" for old in self.renames),
            adds=tuple(f"{self.facts.display}.{new}" for new in self.renames.values()),
            add=tuple(self._new_column(column) for column in columns),
            drop=tuple(self.renames),
            tied=tuple(old for old in self.renames if self._is_tied(old)),
            key=self.facts.primary_key,
            not_null=tuple(self.renames[column.name] for column in columns if self._needs_not_null(column)),
            indexes=tuple(each for index in self._indexes for each in self._successors(index)),
            unique_keys=tuple(
                self._unique_key(constraint) for constraint in self._constraints("primary_key", "unique")
            ),
            constraints=tuple(
                self._constraint(constraint) for constraint in self._constraints("not_null", "check", "exclude")
            ),
            foreign_keys=tuple(self._foreign_key(key) for key in self._own_keys if key not in self._key_exchanges),
            key_exchanges=tuple(
                replace(self._foreign_key(key), name=key.name, rename_to=None) for key in self._key_exchanges
            ),
            statistics=tuple(self._statistics(each) for each in self.facts.statistics if self._reads(each)),
        )
        if self._back is not None:
            return self._swapping(delta, self._back)
        if self._final_names:
            delta = self._renamed_at_last(delta)
        moves = self._moves(self.renames)
        return replace(delta, defaults=moves.defaults, identities=moves.identities, sequences=moves.sequences)

    @property
    def _keeps_names(self) -> bool:
        return self._back is not None or self._final_names

    def _renamed_at_last(self, delta: Delta) -> Delta:
        """Until the very moment newer code uses the old column: what stands on it goes with it, and not before."""
        return replace(
            delta,
            removes=(),
            adds=(),
            indexes=tuple(replace(index, owned_by_constraint=True) for index in delta.indexes),
            final_names=tuple(Renamed(old_name=new, name=old) for old, new in self.renames.items()),
            trigger_functions=trigger_functions(self.facts),
        )

    def _moves(self, renames: Mapping[str, str], *, back: bool = False) -> TakeOver:
        """Defaults and sequences, for the columns under their new names; `back`: as they were."""
        columns = [self.facts.column(old) for old in renames]
        types = {} if back else {old: self.facts.types[old].type for old in renames if old in self.facts.types}
        return TakeOver(
            defaults=tuple(
                Default(
                    column=renames[column.name],
                    expression=column.default if back else self.facts.defaults.get(column.name, column.default),
                )
                for column in columns
                if column.default is not None
            ),
            identities=tuple(self._identity(s, renames, types.get(s.column)) for s in self._sequences if s.identity),
            sequences=tuple(
                OwnedSequence(
                    schema=s.schema, name=s.name, column=renames[s.column], type=self._sequence_type(s, types)
                )
                for s in self._sequences
                if not s.identity
            ),
        )

    def _sequence_type(self, sequence: facts_of.Sequence, types: Mapping[str, str]) -> str | None:
        """`serial` has the type of its column; a sequence that has another was given that on purpose."""
        column = self.facts.column(sequence.column)
        goes_along = column.name in self.facts.types and sequence.type == column.type
        wanted = types.get(column.name, column.type)
        return wanted if goes_along and wanted in INTEGERS else None

    def _swapping(self, delta: Delta, back: Link) -> Delta:
        """The delta of a column whose successor takes over its name: what moves with the name does so in the swap."""
        facts = self.facts
        ((column, shadow),) = self.renames.items()
        keys = tuple(key for key in delta.unique_keys if key.primary)
        ways_back = {key.name: self._way_back(key) for key in keys}
        moved = facts.column(column)
        names_after = {index.name: self._index(index).name for index in self._indexes}
        names_before = {
            index.name: ways_back[index.constraint].name if index.constraint in ways_back else index.name
            for index in self._indexes
        }

        def moves(*, undo: bool) -> TakeOver:
            index_names, former = (names_before, names_after) if undo else (names_after, names_before)
            return replace(
                self._moves({column: column}, back=undo),
                primary_keys=tuple(replace(key, index=ways_back[key.name].name) if undo else key for key in keys),
                replica_identity=tuple(
                    ReplicaIdentity(
                        index=index_names[each.name], instead_of=former[each.name] if facts.partitioned else None
                    )
                    for each in self._indexes
                    if self._index(each).replica_identity
                ),
                clustered=tuple(index_names[each.name] for each in self._indexes if each.clustered),
                left_defaults=(shadow,) if moved.default is not None else (),
                left_identities=(shadow,) if moved.identity else (),
                foreign_keys=tuple(map(self._key_then if undo else self._key_at_last, self._key_exchanges)),
            )

        early = [key for key in self._own_keys if self._stands_on_primary(key) and key not in self._key_exchanges]
        early_names = [key.name for key in early]
        return replace(
            delta,
            removes=(),
            adds=(f"{facts.display}.{column} as {facts.types[column].type}",),
            drop=(shadow,),
            indexes=(
                *(replace(index, clustered=False, replica_identity=False) for index in delta.indexes),
                *ways_back.values(),
            ),
            unique_keys=tuple(key for key in delta.unique_keys if not key.primary),
            foreign_keys=tuple(
                replace(key, old_name=None) if key.old_name in early_names else key for key in delta.foreign_keys
            ),
            key_exchanges=(),
            swaps=(
                Swap(
                    column=column,
                    shadow=shadow,
                    back=back,
                    reads=self._back_reads,
                    forth=moves(undo=False),
                    undo=moves(undo=True),
                    foreign_keys=tuple(map(self._key_then, early)),
                ),
            ),
            trigger_functions=trigger_functions(facts),
        )

    def _way_back(self, key: UniqueKey) -> Index:
        """The old primary key goes with its index: another one keeps the old column ready to be the key again."""
        index = next(index for index in self._indexes if index.constraint == key.name)
        assert index.definition is not None
        return Index(
            name=names.derived(f"{key.name}_back", *self._seed),
            unique=True,
            definition=index.definition,
            tablespace=index.tablespace,
            comment=index.comment,
            statistics=index.statistics,
            owned_by_constraint=True,
            loose=self.facts.partitioned,
            exchanged=index.successor if self.facts.partitioned and index.successor else "",
        )

    def _key_then(self, key: facts_of.ForeignKey) -> ForeignKey:
        """A foreign key as it reads just before this table's columns are exchanged."""
        partner, found = self._partners[key], self._key_at_last(key)
        if partner is None:
            return found
        renames = dict(partner.renames)
        return replace(
            found,
            columns=tuple(renames.get(column, column) for column in found.columns),
            set_columns=tuple(renames.get(column, column) for column in found.set_columns),
        )

    def _key_at_last(self, key: facts_of.ForeignKey) -> ForeignKey:
        """The same when all columns have their names again."""
        return replace(key_after(key), trees=self._trees(key))

    def _trees(self, key: facts_of.ForeignKey) -> tuple[Table, ...]:
        """Those of its tables that are partitioned."""
        ends = dict.fromkeys((key.table, key.references))
        return tuple(end for end in ends if (self.facts.partitioned if end == self.facts.table else key.partitioned))

    def _is_tied(self, column: str) -> bool:
        type_ = self.facts.types.get(column)
        if type_ is None or facts_of.holds_all(type_.type, of=self.facts.column(column).type):
            return False
        return any(
            column in (key.columns if key.table == self.facts.table else key.referenced_columns)
            for key, partner in self._partners.items()
            if partner is not None
        )

    def _stands_on_primary(self, key: facts_of.ForeignKey) -> bool:
        """Whether it refers to the primary key, and that to new columns; one of the table to itself may stay there."""
        replaced = not self._all.keys().isdisjoint(key.referenced_columns)
        return (
            key.references == self.facts.table
            and set(key.referenced_columns) == set(self.facts.primary_key)
            and replaced
        )

    def refusals(self) -> Iterator[Refusal]:
        """What stands against it."""
        facts, table = self.facts, self.facts.display
        yield from table_refusals(facts)
        yield from sync_refusals(facts, self.sync)
        yield from batch_refusals(self.catalog, facts)
        for old, new in self.renames.items():
            yield from self._column_refusals(old, new)
        yield from dependent_refusals(facts, self.renames)
        yield from self._type_refusals()
        if facts.partitioned:
            yield from self._partitioned_refusals()
        for index in self._indexes:
            if not index.valid:
                yield (
                    f'index "{index.name}" is not valid: a build in progress, or one that failed',
                    "let the build finish, or DROP INDEX CONCURRENTLY it, then try again",
                )
        for key in self._foreign_keys:
            yield from self._foreign_key_refusals(key)
        for constraint in self._constraints("primary_key"):
            if constraint.temporal:
                yield (
                    f'primary key "{constraint.name}" of "{table}" is WITHOUT OVERLAPS',
                    "leave the column as it is: PostgreSQL can only build such a key while the table is locked",
                )
        if facts.bytes > EXCLUSION_LIMIT_BYTES:
            for constraint in self._constraints("exclude"):
                yield (
                    f'exclusion constraint "{constraint.name}" can only be built while the table is locked, '
                    f'and "{table}" has more than {EXCLUSION_LIMIT_BYTES // 1024 // 1024} MB',
                    "drop the constraint for the time of the run, or leave the column as it is",
                )

    def _partitioned_refusals(self) -> Iterator[Refusal]:
        """What a successor cannot have on a partitioned table, or not without stopping writers."""
        for constraint in self._constraints("exclude"):
            yield (
                f'exclusion constraint "{constraint.name}" of partitioned table "{self.facts.display}" has '
                f"{listed(name for name in constraint.reads if name in self.renames)}",
                "PostgreSQL can only build one while all partitions are locked: drop_constraint it first, in a plan of "
                "its own",
            )
        if any(self._constraints("primary_key")):
            taken = len(self.facts.tree) * (LOCKS_OF_PARTITION + LOCKS_OF_FOREIGN_KEY * len(self._key_exchanges))
            taken += LOCKS_OF_REFERRING * sum(key.partitions for key in self._key_exchanges)
            if taken * 2 > self.catalog.lock_slots:
                yield (
                    f'to exchange the primary key of "{self.facts.display}" takes about {taken} locks at once, and the '
                    f'server has {self.catalog.lock_slots} for all sessions together: others might fail with "out of '
                    'shared memory" (53200)',
                    f"raise max_locks_per_transaction: its product with max_connections has to be {taken * 2} at least",
                )
        for key in self._key_exchanges if not self._keeps_keys else ():
            yield (
                f'foreign key "{key.name}" of "{key.table.schema}.{key.table.name}" stands on the primary key of '
                f'partitioned table "{self.facts.display}", and keys that are equal now may not be so afterwards',
                "until the primary key is exchanged nothing could tell: drop_constraint this one first, and "
                "add_foreign_key it again once the run is complete",
            )

    def warnings(self) -> Iterator[str]:
        """What the operator should know."""
        facts = self.facts
        yield from sync_warnings(self.catalog, facts, self.sync, () if self._keeps_names else self.renames)
        for publication in facts.publications:
            yield (
                f'the table is published by "{publication}": add {listed(self.renames.values())} at the subscribers '
                "before expand, or their apply workers stop"
            )
        for constraint in self._constraints("primary_key", "unique"):
            if constraint.deferral:
                yield (
                    f'constraint "{constraint.name}" is deferrable: while its new index is built, and until the '
                    "constraint stands, uniqueness of the new column is checked at once"
                )
        for index in self._indexes:
            if index.unique:
                yield (
                    f'until contract unique index "{index.name}" has a successor that is unique too, and ON CONFLICT '
                    "watches one of the two: sessions that insert the same new key at the same moment may get "
                    "unique_violation (23505) in spite of it, and should try again"
                )
        for old in self.renames:
            column = facts.column(old)
            if not self._keeps_names and column.default is not None and not column.not_null:
                yield (
                    f'column "{old}" has a default and takes nulls: until contract, an INSERT that gives '
                    f'"{self.renames[old]}" as NULL stores the default, as if it had left the column out'
                )

    def _constraints(self, *kinds: str) -> Iterator[facts_of.Constraint]:
        return (each for each in self.facts.constraints if each.kind in kinds and self._reads(each))

    def _needs_not_null(self, column: facts_of.Column) -> bool:
        named = any(column.name in constraint.columns for constraint in self._constraints("not_null"))
        return column.not_null and not named

    def _new_column(self, column: facts_of.Column) -> NewColumn:
        type_ = self.facts.types.get(column.name)
        # as ALTER TABLE … TYPE does: what the new type cannot have is left behind
        keeps = type_ is None or type_.toastable
        return NewColumn(
            name=self.renames[column.name],
            type=type_.type if type_ else column.type,
            collation=type_.collation if type_ else column.collation,
            storage=column.storage if keeps else None,
            compression=column.compression if keeps else None,
            statistics=column.statistics,
            options=column.options,
            comment=column.comment,
            grants=column.grants,
        )

    def _named(self, old: str) -> tuple[str, str | None]:
        """The name under which an object is built, and the one it takes at contract if that is another."""
        # a successor that takes over the column's name takes over all other names as well
        wanted = old if self._keeps_names else names.successor(old, self._all)
        if wanted != old and wanted not in self.facts.taken_names:
            return wanted, None
        return names.derived(f"{old}_next", *self._seed), old

    def _index(self, index: facts_of.Index) -> Index:
        name, rename_to = self._named(index.constraint or index.name)
        primary = any(c.name == index.constraint for c in self._constraints("primary_key"))
        if primary:
            # a table has one primary key: until contract its successor is an index with an interim name
            name = names.derived(f"{index.name}_next", *self._seed)
        assert index.successor is not None
        return Index(
            name=name,
            old_name=index.name,
            unique=index.unique,
            definition=index.successor,
            tablespace=index.tablespace,
            comment=index.comment,
            statistics=index.statistics,
            rename_to=None if index.constraint else rename_to,
            owned_by_constraint=index.constraint is not None,
            clustered=index.clustered,
            # the parts of a primary key take it along when they are exchanged
            replica_identity=self._identifies(index) and not (primary and self.facts.partitioned),
            keys=self._renamed(index.keys) if index.constraint else (),
            include=self._renamed(index.include) if index.constraint else (),
            nulls_not_distinct=index.constraint is not None and index.nulls_not_distinct,
            options=index.options if index.constraint else "",
            loose=primary and self.facts.partitioned,
        )

    def _identifies(self, index: facts_of.Index) -> bool:
        """Whether subscribers find a row by it, or by its part of a partition."""
        parts = (own for own in self.facts.own if own.kind == "replica identity")
        return index.replica_identity or any(own.name == index.name for own in parts)

    def _renamed(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._all.get(column, column) for column in columns)

    def _successors(self, index: facts_of.Index) -> Iterator[Index]:
        """Besides its successor what newer code's ON CONFLICT finds until that stands at contract."""
        successor = self._index(index)
        yield successor
        if successor.loose and not self._keeps_names:
            yield replace(
                successor,
                name=names.derived(f"{index.name}_until", *self._seed),
                old_name=None,
                comment=None,
                owned_by_constraint=False,
                keys=(),
                include=(),
                nulls_not_distinct=False,
                options="",
                loose=False,
                interim=True,
            )

    def _key_tree(self, index: facts_of.Index, key: UniqueKey) -> KeyTree | None:
        successor = self._index(index)
        if not successor.loose:
            return None
        if self._back is not None:
            # the columns have exchanged their names by then
            successor = replace(successor, keys=index.keys, include=index.include)
        return KeyTree(definition=constraint_of(successor, key), comment=index.comment)

    def _unique_key(self, constraint: facts_of.Constraint) -> UniqueKey:
        index = next(index for index in self._indexes if index.constraint == constraint.name)
        name, rename_to = self._named(constraint.name)
        primary = constraint.kind == "primary_key"
        key = UniqueKey(
            # the old primary key goes in the statement that adds the new one, so that its name is free
            name=constraint.name if primary and rename_to else name,
            old_name=constraint.name,
            index=self._index(index).name,
            primary=primary,
            deferral=constraint.deferral,
            comment=constraint.comment,
            rename_to=None if primary else rename_to,
        )
        return replace(key, tree=self._key_tree(index, key))

    def _constraint(self, constraint: facts_of.Constraint) -> TableConstraint:
        name, rename_to = self._named(constraint.name)
        assert constraint.successor is not None
        assert constraint.kind in ("check", "not_null", "exclude")
        return TableConstraint(
            name=name,
            kind=constraint.kind,
            definition=constraint.successor,
            validated=constraint.validated,
            enforced=constraint.enforced,
            violated_by=constraint.violated_by,
            # a value that is computed may break what the old one does not
            inspected=not self._copies and constraint.validated and constraint.enforced,
            comment=constraint.comment,
            rename_to=rename_to,
        )

    def _foreign_key(self, key: facts_of.ForeignKey) -> ForeignKey:
        here, partner = self.facts.table, self._partners[key]
        # a column that refers has been exchanged by then, and has its name
        others = dict(partner.renames) if partner is not None and self._back is None else {}

        def renamed(table: object, columns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple((self._all if table == here else others).get(column, column) for column in columns)

        if key.table == here:
            name, rename_to = self._named(key.name)
        else:
            name, rename_to = names.derived(f"{key.name}_next", *self._seed), key.name
        return ForeignKey(
            table=key.table,
            name=name,
            old_name=key.name,
            columns=renamed(key.table, key.columns),
            references=key.references,
            referenced_columns=renamed(key.references, key.referenced_columns),
            actions=key.actions,
            set_columns=renamed(key.table, key.set_columns),
            deferral=key.deferral,
            validated=key.validated,
            enforced=key.enforced,
            by_leaf=self.facts.partitioned and key.table == here and self.catalog.keys_by_leaf,
            trees=self._trees(key),
            comment=key.comment,
            rename_to=rename_to,
        )

    def _statistics(self, statistics: facts_of.Statistics) -> Statistics:
        name, rename_to = self._named(statistics.name)
        assert statistics.successor is not None
        return Statistics(
            schema=statistics.schema,
            name=name,
            kinds=statistics.kinds,
            columns=statistics.successor,
            target=statistics.target,
            comment=statistics.comment,
            owner=statistics.owner,
            old_name=statistics.name,
            rename_to=rename_to,
        )

    def _identity(self, sequence: facts_of.Sequence, renames: Mapping[str, str], type_: str | None) -> Identity:
        return Identity(
            column=renames[sequence.column],
            always=self.facts.column(sequence.column).identity == "a",
            schema=sequence.schema,
            sequence=sequence.name,
            interim=names.derived(f"{sequence.name}_old", *self._seed),
            options=sequence.options(type_),
            grants=sequence.grants,
        )

    def _column_refusals(self, old: str, new: str) -> Iterator[Refusal]:
        column, table = self.facts.column(old), self.facts.display
        if old == new:
            yield f'column "{old}" is renamed to itself', 'give another name in "to"'
        else:
            yield from name_refusals(self.facts, new)
        if column.generated:
            yield (
                f'column "{old}" of "{table}" is generated',
                "add a generated column under the new name, deploy, and drop the old one: nothing has to be copied",
            )
        wanted = self.facts.types.get(old)
        if wanted is not None and wanted.constrained_domain:
            yield (
                f'column "{old}" of "{table}" cannot become one of domain {wanted.type}, which has constraints or a '
                "default",
                "adding a column of it would rewrite the whole table under ACCESS EXCLUSIVE: take the domain's base "
                "type, with a check",
            )
        elif wanted is None and column.constrained_domain:
            yield (
                f'the type of column "{old}" of "{table}" is domain {column.type}, which has constraints or a default',
                "adding a column of it would rewrite the whole table under ACCESS EXCLUSIVE: change the column to the "
                "domain's base type with a check of its own first",
            )
        if column.security_label:
            yield f'column "{old}" of "{table}" has a security label', "take it off for the time of the run"

    def _type_refusals(self) -> Iterator[Refusal]:
        """What the columns have and cannot keep under their new types."""
        for what, name, message in self.facts.unfit:
            yield (
                f'{what} "{name}" of "{self.facts.display}" does not go with the new type: {message}',
                "drop it first, and give the column one that does once the run is complete",
            )
        for old in self.renames:
            type_ = self.facts.types.get(old)
            if type_ and self.facts.column(old).identity and type_.type not in INTEGERS:
                yield (
                    f'identity column "{old}" of "{self.facts.display}" cannot be of type {type_.type}',
                    f"take one of {', '.join(sorted(INTEGERS))}, or drop the identity first",
                )

    def _foreign_key_refusals(self, key: facts_of.ForeignKey) -> Iterator[Refusal]:
        other = key.references if key.table == self.facts.table else key.table
        where = f'"{key.table.schema}.{key.table.name}"'
        # one that is out of this table, and to another that has no partitions, is validated leaf by leaf
        both = key.partitioned or key.table == key.references
        if self.catalog.keys_by_leaf and both and key.table in self._trees(key):
            yield (
                f'foreign key "{key.name}" of {where} is that of a partitioned table',
                "it can be NOT VALID from PostgreSQL 18 on; before, all rows would be read while both of its tables "
                "are locked: wait for that version, or drop it for the time of the run",
            )
        referring = key.table == self.facts.table and not self.renames.keys().isdisjoint(key.columns)
        if referring and "SET DEFAULT" in key.actions:
            # the foreign key of the other column would store a null, or fail, and the trigger would make it count
            yield (
                f'foreign key "{key.name}" of {where} sets a default, which only one of two columns can have',
                "drop it for the time of the run, or let it set null",
            )
        if key.unfit is not None:
            yield (
                f'foreign key "{key.name}" of {where} does not go with the new type: {key.unfit}',
                "drop it for the time of the run: drop_constraint in a plan before, add_foreign_key in one after",
            )
        if key.temporal:
            yield f'foreign key "{key.name}" of {where} is temporal (PERIOD)', "drop it for the time of the run"
        if not key.owned:
            yield (
                f'foreign key "{key.name}" of {where} ties in a table that our role does not own',
                f'connect as a role that owns "{other.schema}.{other.name}" too',
            )


def creator_refusals(facts: TableFacts) -> Iterator[Refusal]:
    """Who may create a trigger on a table that our trigger writes could run a function with the rights of our role."""
    for grant in facts.grants:
        if grant.privilege == "TRIGGER":
            grantee = "PUBLIC" if grant.grantee is None else f'"{grant.grantee}"'
            yield (
                f'{grantee} may create triggers on "{facts.display}", and these would run with the rights of our role',
                f'REVOKE TRIGGER ON "{facts.table.schema}"."{facts.table.name}" FROM {grantee}',
            )
    for partition in facts.tree:
        for role in partition.creators:
            grantee, name = f'"{role}"' if role else "PUBLIC", f'"{partition.table.schema}"."{partition.table.name}"'
            yield (
                f"{grantee} may create triggers on partition {name}, and these would run with the rights of our role",
                f"REVOKE TRIGGER ON {name} FROM {grantee}",
            )


def trigger_functions(facts: TableFacts) -> tuple[TriggerFunction, ...]:
    """Functions of the table's own triggers that sessions have to compile anew when a type changes under a name."""
    found = (
        TriggerFunction(schema=each.function_schema, name=each.function_name, cost=each.function_cost)
        for each in facts.triggers
        if each.language == "plpgsql" and each.function_owned
    )
    return tuple(dict.fromkeys(found))


def sync_of(facts: TableFacts, plan: str, *, links: tuple[Link, ...] = (), fills: tuple[Fill, ...] = ()) -> Sync:
    """The one trigger of a plan on a table; changes of the same table share it."""
    return Sync(
        links=links,
        fills=fills,
        trigger=names.trigger_of(plan, facts.display),
        function=names.function_of(plan, facts.display),
        counter=names.counter_of(plan, facts.display),
    )


def sync_refusals(facts: TableFacts, sync: Sync) -> Iterator[Refusal]:
    """What stands against a trigger of ours on a table."""
    if not facts.may_create:
        yield (
            f'our role may not create in schema "{facts.table.schema}"',
            f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to it: the trigger\'s function lives beside the table',
        )
    for name in (sync.trigger, sync.function, sync.counter):
        if name in facts.taken_names or any(trigger.name == name for trigger in facts.triggers):
            yield f'"{name}" exists already, left by an earlier run or by hand', "look at it and drop it"


def sync_warnings(catalog: Catalog, facts: TableFacts, sync: Sync, gone: Collection[str]) -> Iterator[str]:
    """What the application's own triggers have to do with ours; `gone`: columns that contract drops."""
    written = sorted({column for link in sync.links for column in link.old} | set(gone), key=str)
    for trigger in facts.triggers:
        if trigger.before_row and trigger.name.encode() > sync.trigger.encode():
            yield (
                f'trigger "{trigger.name}" fires after ours (byte order of names): if it changes '
                f'{listed(written)}, old and new will differ; rename it to sort before "{sync.trigger}"'
            )
    for trigger in facts.triggers:
        mentions = [column for column in trigger.mentions if column in gone]
        if mentions:
            yield (
                f'function {trigger.function} of trigger "{trigger.name}" mentions {listed(mentions)}: '
                "after contract that column is gone"
            )
    if sync.links or any(fill.existing for fill in sync.fills):
        yield from _batch_warnings(catalog, facts)


def _batch_warnings(catalog: Catalog, facts: TableFacts) -> Iterator[str]:
    """Code of the application that our batches run, or may come to run."""
    for trigger in _fired(catalog, facts):
        why = "it is enabled for replicas" if catalog.may_replicate else "our role may not silence it"
        yield (
            f'trigger "{trigger.name}" will fire for every row of the backfill: {why} (function {trigger.function} of '
            f'"{trigger.function_owner}", on "{facts.display}")'
        )
    yield from unproven_warnings(facts)
    # a trigger that our role may silence only its table's owner could enable for replicas
    if not catalog.may_replicate:
        for reason, advice in creator_refusals(facts):
            yield f"{reason}, should one come while the backfill runs: {advice}"


def unproven_warnings(facts: TableFacts) -> Iterator[str]:
    """Constraints that stop the update of a row, whatever it is about."""
    for each in facts.unproven:
        what = "NOT NULL" if each.kind == "not_null" else each.kind
        yield (
            f'{what} "{each.name}" of "{facts.display}" is NOT VALID: PostgreSQL refuses any update of a row that '
            "breaks it, those of the run too; VALIDATE it first, or put such rows right"
        )


def batch_refusals(catalog: Catalog, facts: TableFacts, *, fires: bool = False) -> Iterator[Refusal]:
    """Code of others that our batches would run with the rights of our role; `fires`: no trigger stays silent."""
    silence = "" if fires else "; or GRANT SET ON PARAMETER session_replication_role to our role (PostgreSQL 15)"
    for trigger in _fired(catalog, facts, fires=fires):
        for function in trigger.foreign_functions:
            yield (
                f'trigger "{trigger.name}" of "{facts.display}" would fire for every row of the backfill, and run '
                f"function {function} with the rights of our role",
                f'read it, and ALTER FUNCTION … OWNER TO "{facts.owner}"; or drop the trigger{silence}',
            )
    for what, function in facts.foreign_code:
        yield (
            f'{what} of "{facts.display}" would call function {function} with the rights of our role, in the backfill',
            f'read it, and ALTER FUNCTION … OWNER TO "{facts.owner}"; or drop what calls it',
        )
    yield from identity_refusals(facts)


def identity_refusals(facts: TableFacts) -> Iterator[Refusal]:
    """What PostgreSQL has against any UPDATE of a row."""
    for table, publication in facts.unidentified:
        yield (
            f'"{table}" has no replica identity, and "{publication}" publishes updates: PostgreSQL refuses any UPDATE '
            "of its rows, those of the run too",
            "add_primary_key first, in a plan of its own; or ALTER TABLE … REPLICA IDENTITY FULL for the time of the "
            "run; or let the publication leave updates out",
        )


def _fired(catalog: Catalog, facts: TableFacts, *, fires: bool = False) -> Iterator[facts_of.TriggerFacts]:
    """Triggers that fire in our batches."""
    enabled = "AR" if catalog.may_replicate and not fires else "AO"
    return (each for each in facts.triggers if each.fires_on_update and each.enabled in enabled)


def name_refusals(facts: TableFacts, name: str) -> Iterator[Refusal]:
    """What stands against a column of that name."""
    if facts.has_column(name):
        yield (
            f'table "{facts.display}" already has a column "{name}"',
            "give another name, or drop that column first",
        )
    if name in SYSTEM_COLUMNS:
        yield f'"{name}" is the name of a system column', "give another name"
    if len(name.encode()) > names.MAX_BYTES:
        yield f'"{name}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"


def new_column_refusals(facts: TableFacts, question: AddedColumn) -> Iterator[Refusal]:
    """What stands against a column that a plan adds."""
    yield from name_refusals(facts, question.name)
    answer = facts.answers.get(question)
    if isinstance(answer, ColumnType) and answer.constrained_domain:
        yield (
            f'the type of column "{question.name}" is domain {answer.type}, which has constraints or a default',
            "adding it would rewrite the whole table under ACCESS EXCLUSIVE: take the domain's base type, with a check",
        )


def table_refusals(facts: TableFacts) -> Iterator[Refusal]:
    """What must be true of the whole table, when a plan is compiled and still before each phase."""
    if facts.partition:
        yield (
            f'table "{facts.display}" is a partition of another',
            "write the plan for the table at the top: its partitions follow it",
        )
    if facts.inherits:
        yield (
            f'table "{facts.display}" takes part in inheritance (INHERITS)',
            "not supported: children keep columns, defaults and constraints of their own; make it a partitioned table, "
            "or take the child out (ALTER TABLE … NO INHERIT) for the time of the run",
        )
    yield from schema_refusals(facts)
    if not facts.owned:
        yield f'our role does not own table "{facts.display}"', "connect as its owner, or as a member of that role"
    if facts.row_security_applies:
        yield (
            f'row security hides rows of "{facts.display}" from our role',
            "connect as the owner without FORCE ROW LEVEL SECURITY, or as a role with BYPASSRLS",
        )
    for denied in facts.denied:
        roles = denied.roles[:_MOST_ROLES]
        others = f" and {len(denied.roles) - len(roles)} more" if len(denied.roles) > len(roles) else ""
        yield (
            f"what the plan computes takes {denied.privilege}, and {listed(roles)}{others}, who may write to "
            f'"{facts.display}", lack it: their writes would fail',
            f"GRANT {denied.privilege} TO {text(names_of(roles))}",
        )


def schema_refusals(facts: TableFacts) -> Iterator[Refusal]:
    """Where no plan has a say."""
    if facts.table.schema in _OURS or facts.table.schema.startswith("pg_"):
        yield f'"{facts.display}" is a table of the system or of this program', "plans are for the application's tables"


def dependent_refusals(facts: TableFacts, gone: Collection[str]) -> Iterator[Refusal]:
    """What names a column that is to go, and would stop contract when it is too late to turn back."""
    for dependent in facts.dependents:
        if dependent.column not in gone:
            continue
        yield f'{_described(dependent)} names column "{dependent.column}" of "{facts.display}"', _ADVICE[dependent.kind]


def _described(dependent: facts_of.Dependent) -> str:
    return (
        dependent.name
        if dependent.kind in ("object", "publication", "policy", "trigger", "function", "rule")
        else (f'{dependent.kind} "{dependent.name}"')
    )


def listed(columns: Iterable[str]) -> str:
    """Names in quotes, with commas."""
    return ", ".join(f'"{column}"' for column in columns)
