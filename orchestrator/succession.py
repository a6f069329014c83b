"""What it takes for one column to take over from another: everything the old one has, as a `Delta`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator import catalog as facts_of
from orchestrator.catalog import SYSTEM_COLUMNS, Catalog, TableFacts
from phases import names
from phases.delta import (
    Default,
    Delta,
    ForeignKey,
    Identity,
    Index,
    NewColumn,
    OwnedSequence,
    Pair,
    Statistics,
    Sync,
    TableConstraint,
    UniqueKey,
)

Refusal = tuple[str, str]
"""Why not, and what to do about it."""

EXCLUSION_LIMIT_BYTES = 8 * 1024 * 1024
"""An exclusion constraint can only be built whole, under ACCESS EXCLUSIVE: allowed where that is a matter of
milliseconds. A GiST index over 8 MB of rows took well under the default bound of a short lock where we measured."""

_OURS = {"orchestrator", "information_schema"}

_ADVICE = {
    "view": "drop the view before, or let it read the new column, and create it again after contract",
    "materialized view": "drop it before, or let it read the new column, and create it again after contract",
    "rule": "drop the rule, or write it over another column",
    "policy": "drop the policy and create it on the new column after contract, or write it over another column",
    "trigger": "create the trigger without the column in its list or WHEN clause",
    "publication": "take the column out of the publication's column list or row filter for the time of the run",
    "function": "create the function with a body in quotes (AS $$…$$), or over the new column after contract",
    "generated column": "drop the generated column, or its expression (ALTER COLUMN … DROP EXPRESSION), first",
    "object": "drop it, or write it over another column",
}


class Succession:
    """The renamed columns of one table: refusals, warnings and the delta, from what the catalog said."""

    def __init__(self, catalog: Catalog, facts: TableFacts, plan: str) -> None:
        self.catalog = catalog
        self.facts = facts
        self.renames = dict(facts.renames)
        identity = f"{facts.table.schema}.{facts.table.name}"
        self._seed = (plan, identity)
        self.sync = Sync(
            pairs=tuple(
                Pair(
                    old=old,
                    new=new,
                    old_has_default=facts.column(old).default is not None or facts.column(old).identity != "",
                )
                for old, new in self.renames.items()
            ),
            trigger=names.trigger_of(plan, identity),
            function=names.function_of(plan, identity),
            counter=names.counter_of(plan, identity),
        )

    def delta(self) -> Delta:
        """Everything the phases have to do for these columns."""
        columns = [self.facts.column(old) for old in self.renames]
        indexes = tuple(self._index(index) for index in self.facts.indexes)
        return Delta(
            table=self.facts.table,
            sync=self.sync,
            add=tuple(self._new_column(column) for column in columns),
            drop=tuple(self.renames),
            key=self.facts.primary_key,
            not_null=tuple(self.renames[column.name] for column in columns if self._needs_not_null(column)),
            indexes=indexes,
            unique_keys=tuple(
                self._unique_key(constraint) for constraint in self._constraints("primary_key", "unique")
            ),
            constraints=tuple(
                self._constraint(constraint) for constraint in self._constraints("not_null", "check", "exclude")
            ),
            foreign_keys=tuple(map(self._foreign_key, self.facts.foreign_keys)),
            statistics=tuple(map(self._statistics, self.facts.statistics)),
            defaults=tuple(
                Default(column=self.renames[column.name], expression=column.default)
                for column in columns
                if column.default is not None
            ),
            identities=tuple(self._identity(s) for s in self.facts.sequences if s.identity),
            sequences=tuple(
                OwnedSequence(schema=s.schema, name=s.name, column=self.renames[s.column])
                for s in self.facts.sequences
                if not s.identity
            ),
        )

    def refusals(self) -> Iterator[Refusal]:
        """What stands against it."""
        facts, table = self.facts, self.facts.display
        if facts.partitioned or facts.inherits:
            yield (
                f'table "{table}" is partitioned, a partition, or takes part in inheritance',
                "not supported yet: each partition would need its own ranges and indexes",
            )
        if facts.table.schema in _OURS or facts.table.schema.startswith("pg_"):
            yield f'"{table}" is a table of the system or of this program', "plans are for the application's tables"
        if not facts.owned:
            yield f'our role does not own table "{table}"', "connect as its owner, or as a member of the owning role"
        if not facts.may_create:
            yield (
                f'our role may not create in schema "{facts.table.schema}"',
                f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to it: the trigger\'s function lives beside the table',
            )
        if facts.row_security_applies:
            yield (
                f'row security hides rows of "{table}" from our role',
                "connect as the owner without FORCE ROW LEVEL SECURITY, or as a role with BYPASSRLS",
            )
        for old, new in self.renames.items():
            yield from self._column_refusals(old, new)
        yield from dependent_refusals(facts)
        for index in facts.indexes:
            if not index.valid:
                yield (
                    f'index "{index.name}" is not valid: a build in progress, or one that failed',
                    "let the build finish, or DROP INDEX CONCURRENTLY it, then try again",
                )
        for key in facts.foreign_keys:
            yield from self._foreign_key_refusals(key)
        if facts.bytes > EXCLUSION_LIMIT_BYTES:
            for constraint in self._constraints("exclude"):
                yield (
                    f'exclusion constraint "{constraint.name}" can only be built while the table is locked, '
                    f'and "{table}" has more than {EXCLUSION_LIMIT_BYTES // 1024 // 1024} MB',
                    "drop the constraint for the time of the run, or leave the column as it is",
                )
        for name in (self.sync.trigger, self.sync.function, self.sync.counter):
            if name in facts.taken_names or any(trigger.name == name for trigger in facts.triggers):
                yield f'"{name}" exists already, left by an earlier run or by hand', "look at it and drop it"

    def warnings(self) -> Iterator[str]:
        """What the operator should know."""
        facts = self.facts
        later = [t for t in facts.triggers if t.before_row and t.name.encode() > self.sync.trigger.encode()]
        for trigger in later:
            yield (
                f'trigger "{trigger.name}" fires after ours (byte order of names): if it changes '
                f'{_listed(self.renames)}, old and new will differ; rename it to sort before "{self.sync.trigger}"'
            )
        for trigger in facts.triggers:
            if trigger.mentions:
                yield (
                    f'function {trigger.function} of trigger "{trigger.name}" mentions {_listed(trigger.mentions)}: '
                    "after contract that column is gone"
                )
            silent = self.catalog.may_replicate and trigger.enabled == "O"
            if trigger.fires_on_update and trigger.enabled != "D" and not silent:
                why = "it is enabled for replicas" if self.catalog.may_replicate else "our role may not silence it"
                yield f'trigger "{trigger.name}" will fire for every row of the backfill: {why}'
        for publication in facts.publications:
            yield (
                f'the table is published by "{publication}": add {_listed(self.renames.values())} at the subscribers '
                "before expand, or their apply workers stop"
            )
        for constraint in self._constraints("primary_key", "unique"):
            if constraint.deferral:
                yield (
                    f'constraint "{constraint.name}" is deferrable: while its new index is built, and until the '
                    "constraint stands, uniqueness of the new column is checked at once"
                )
        for index in facts.indexes:
            if index.unique:
                yield (
                    f'until contract unique index "{index.name}" has a successor that is unique too, and ON CONFLICT '
                    "watches one of the two: sessions that insert the same new key at the same moment may get "
                    "unique_violation (23505) in spite of it, and should try again"
                )
        for old in self.renames:
            column = facts.column(old)
            if column.default is not None and not column.not_null:
                yield (
                    f'column "{old}" has a default and takes nulls: until contract, an INSERT that gives '
                    f'"{self.renames[old]}" as NULL stores the default, as if it had left the column out'
                )

    def _constraints(self, *kinds: str) -> Iterator[facts_of.Constraint]:
        return (constraint for constraint in self.facts.constraints if constraint.kind in kinds)

    def _needs_not_null(self, column: facts_of.Column) -> bool:
        named = any(column.name in constraint.columns for constraint in self._constraints("not_null"))
        return column.not_null and not named

    def _new_column(self, column: facts_of.Column) -> NewColumn:
        return NewColumn(
            name=self.renames[column.name],
            type=column.type,
            collation=column.collation,
            storage=column.storage,
            compression=column.compression,
            statistics=column.statistics,
            options=column.options,
            comment=column.comment,
            grants=column.grants,
        )

    def _named(self, old: str) -> tuple[str, str | None]:
        """The name under which an object is built, and the one it takes at contract if that is another."""
        wanted = names.successor(old, self.renames)
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
            replica_identity=index.replica_identity,
        )

    def _unique_key(self, constraint: facts_of.Constraint) -> UniqueKey:
        index = next(index for index in self.facts.indexes if index.constraint == constraint.name)
        name, rename_to = self._named(constraint.name)
        primary = constraint.kind == "primary_key"
        return UniqueKey(
            # the old primary key goes in the statement that adds the new one, so that its name is free
            name=constraint.name if primary and rename_to else name,
            old_name=constraint.name,
            index=self._index(index).name,
            primary=primary,
            deferral=constraint.deferral,
            comment=constraint.comment,
            rename_to=None if primary else rename_to,
        )

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
            comment=constraint.comment,
            rename_to=rename_to,
        )

    def _foreign_key(self, key: facts_of.ForeignKey) -> ForeignKey:
        here = self.facts.table

        def renamed(table: object, columns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(self.renames.get(c, c) for c in columns) if table == here else columns

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
            old_name=statistics.name,
            rename_to=rename_to,
        )

    def _identity(self, sequence: facts_of.Sequence) -> Identity:
        return Identity(
            column=self.renames[sequence.column],
            always=self.facts.column(sequence.column).identity == "a",
            schema=sequence.schema,
            sequence=sequence.name,
            interim=names.derived(f"{sequence.name}_old", *self._seed),
            options=sequence.options,
            grants=sequence.grants,
        )

    def _column_refusals(self, old: str, new: str) -> Iterator[Refusal]:
        column, table = self.facts.column(old), self.facts.display
        if old == new:
            yield f'column "{old}" is renamed to itself', 'give another name in "to"'
        elif self.facts.has_column(new):
            yield (
                f'table "{table}" already has a column "{new}"',
                'give another name in "to", or drop that column first',
            )
        if new in SYSTEM_COLUMNS:
            yield f'"{new}" is the name of a system column', 'give another name in "to"'
        if len(new.encode()) > names.MAX_BYTES:
            yield f'"{new}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"
        if column.generated:
            yield (
                f'column "{old}" of "{table}" is generated',
                "add a generated column under the new name, deploy, and drop the old one: nothing has to be copied",
            )
        if column.constrained_domain:
            yield (
                f'the type of column "{old}" of "{table}" is domain {column.type}, which has constraints or a default',
                "adding a column of it would rewrite the whole table under ACCESS EXCLUSIVE: change the column to the "
                "domain's base type with a check of its own first",
            )
        if column.security_label:
            yield f'column "{old}" of "{table}" has a security label', "take it off for the time of the run"

    def _foreign_key_refusals(self, key: facts_of.ForeignKey) -> Iterator[Refusal]:
        other = key.references if key.table == self.facts.table else key.table
        where = f'"{key.table.schema}.{key.table.name}"'
        if key.partitioned:
            yield (
                f'foreign key "{key.name}" of {where} has a partitioned table at one of its ends',
                "not supported yet: such a key cannot be added NOT VALID on every version",
            )
        if key.temporal:
            yield f'foreign key "{key.name}" of {where} is temporal (PERIOD)', "drop it for the time of the run"
        if not key.owned:
            yield (
                f'foreign key "{key.name}" of {where} ties in a table that our role does not own',
                f'connect as a role that owns "{other.schema}.{other.name}" too',
            )


def dependent_refusals(facts: TableFacts) -> Iterator[Refusal]:
    """What names a column that is to go, and would stop contract when it is too late to turn back."""
    for dependent in facts.dependents:
        yield f'{_described(dependent)} names column "{dependent.column}" of "{facts.display}"', _ADVICE[dependent.kind]


def _described(dependent: facts_of.Dependent) -> str:
    return (
        dependent.name
        if dependent.kind in ("object", "publication", "policy", "trigger", "function", "rule")
        else (f'{dependent.kind} "{dependent.name}"')
    )


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
