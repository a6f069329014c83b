"""add_column: a new column, filled for the rows that are there and for old code, without a rewrite of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from orchestrator.catalog import Catalog, TableFacts
from orchestrator.catalog.wanted import AddedColumn, Computed, DefaultOf, DefaultValue, Expression, OfNulls, Wanted
from orchestrator.changes import Change, reads_of
from orchestrator.expressions import circular, empty, once, rejected, remade, unstable, value
from orchestrator.succession import (
    Refusal,
    batch_refusals,
    listed,
    new_column_refusals,
    sync_of,
    sync_refusals,
    sync_warnings,
    table_refusals,
)
from phases import names
from phases.delta import Delta, Fill, Grant, Identity, Link, NewColumn, NewSequence, Sync, Value

_SERIAL = {
    "smallserial": "smallint",
    "serial2": "smallint",
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
}
_COUNTING = ("smallint", "integer", "bigint")


class AddColumn(Change):
    """A column is added: empty, with a default, computed from others, counting, or generated."""

    not_on_partitions: ClassVar[str | None] = None

    kind: Literal["add_column"]
    column: str = Field(min_length=1, description="the name of the new column")
    type: str = Field(min_length=1, description="its type, as in CREATE TABLE; serial types count")
    collation: str | None = Field(default=None, description="as COLLATE takes it")
    default: str | None = Field(default=None, min_length=1, description="SQL expression, as in DEFAULT")
    not_null: bool = Field(default=False, description="whether it is NOT NULL; wants a default or up")
    up: str | None = Field(
        default=None,
        min_length=1,
        description="SQL expression over the row for rows that are there, and for those that older code writes",
    )
    down: dict[str, str] = Field(
        default={},
        description="columns that older code reads, each with the SQL expression that keeps it until contract",
    )
    identity: Literal["always", "by default"] | None = Field(
        default=None, description="counts, as GENERATED … AS IDENTITY"
    )
    generated: str | None = Field(
        default=None, min_length=1, description="SQL expression of a VIRTUAL generated column (PostgreSQL 18)"
    )
    stored: bool = Field(default=False, description="of a generated column: refused, with what to do instead")
    comment: str | None = None

    example: ClassVar[str] = """\
  - kind: add_column
    table: users               # or schema.table
    column: full_name
    type: text
    up: first_name || ' ' || last_name    # for rows that are there, and that releases before {release} write
    # not_null: true           # with up or a default
    # default: "'nobody'"      # what an INSERT gets that leaves it out
"""

    @property
    def wanted(self) -> Wanted:
        defaults = () if self._default is None else (self._default,)
        of_nulls = (self._of_nulls,) if self.down else ()
        return Wanted(questions=(self._added, *defaults, *self._up, *self._down, *of_nulls))

    @property
    def touches(self) -> frozenset[str]:
        return frozenset(self.down)

    @property
    def makes(self) -> frozenset[str]:
        return frozenset({self.column})

    def reads(self, catalog: Catalog) -> frozenset[str]:
        return reads_of(catalog.table(self.table), (*self._up, *self._down)) - self.makes

    def delta(self, catalog: Catalog, plan: str) -> Delta:
        facts = catalog.table(self.table)
        type_, sequence = facts.column_type(self._added), self._sequence(facts, plan)
        default = None if self._default is None else facts.default(self._default)
        later = self.up is not None or (default is not None and default.rewrites)
        in_one = self.not_null and default is not None and not later
        name = f"{facts.display}.{self.column}"
        new = NewColumn(
            name=self.column,
            type=type_.type,
            collation=type_.collation,
            comment=self.comment,
            default=sequence.next_value if sequence else default.sql if default else None,
            default_apart=later or sequence is not None,
            not_null=in_one,
            generated=type_.generated if self.generated is not None else None,
            sequence=sequence,
        )
        return Delta(
            table=facts.table,
            key=facts.primary_key,
            sync=self._sync(facts, plan),
            add=(new,),
            not_null=(self.column,) if (self.not_null and not in_one) or sequence else (),
            identities=(self._identity(sequence, plan, facts),) if sequence and self.identity else (),
            adds=(name,),
            removes=(f"the trigger that keeps {name}",) if self._lost(facts) else (),
        )

    def _lost(self, facts: TableFacts) -> bool:
        """Whether older code needs the trigger: what it writes would be without a value."""
        return self.up is not None and (self.default is None or bool(self._read(facts)))

    def _sync(self, facts: TableFacts, plan: str) -> Sync | None:
        links, fills = self._links(facts), self._fills(facts, plan)
        return sync_of(facts, plan, links=links, fills=fills) if links or fills else None

    def _links(self, facts: TableFacts) -> tuple[Link, ...]:
        if not self._read(facts):
            return ()
        return (
            Link(
                old=self._read(facts),
                up=tuple(value(facts, each) for each in self._up),
                down=tuple(value(facts, each) for each in self._down),
                always_given=any(facts.column(name).default is not None for name in self.down),
            ),
        )

    def _fills(self, facts: TableFacts, plan: str) -> tuple[Fill, ...]:
        sequence = self._sequence(facts, plan)
        if sequence is not None:
            return (Fill(value=Value(column=self.column, expression=sequence.next_value)),)
        if self.up is not None and not self._read(facts):
            return tuple(
                Fill(value=value(facts, each), immutable=facts.expression(each).immutable) for each in self._up
            )
        default = None if self._default is None else facts.default(self._default)
        if self.up is None and default is not None and default.rewrites:
            return (Fill(value=Value(column=self.column, expression=default.sql)),)
        return ()

    def _read(self, facts: TableFacts) -> tuple[str, ...]:
        return tuple(name for each in self._up for name in facts.expression(each).reads)

    def _sequence(self, facts: TableFacts, plan: str) -> NewSequence | None:
        if not self._counts:
            return None
        wanted = names.fit(f"{facts.table.name}_{self.column}_seq")
        free = wanted not in facts.taken_names
        return NewSequence(
            schema=facts.table.schema,
            name=wanted if free else names.derived(wanted, plan, facts.display),
            type=facts.column_type(self._added).type,
            owner=facts.owner,
            # a default counts with the rights of whoever writes. The sequence of an identity goes at contract, and
            # others may come until then; one that stays is for those who may now
            grants=tuple(
                Grant(privilege="USAGE", grantee=role, grantable=False)
                for role in ((None,) if self.identity is not None else facts.writers)
            ),
        )

    def _identity(self, sequence: NewSequence, plan: str, facts: TableFacts) -> Identity:
        return Identity(
            column=self.column,
            always=self.identity == "always",
            schema=sequence.schema,
            sequence=sequence.name,
            interim=names.derived(f"{sequence.name}_old", plan, facts.display),
            options="",
            from_default=True,
        )

    def refusals(self, catalog: Catalog, plan: str) -> list[Refusal]:
        facts = catalog.table(self.table)
        return [*self._contradictions(catalog), *self._refusals(catalog, facts, plan)]

    def _contradictions(self, catalog: Catalog) -> Iterator[Refusal]:
        given = {
            "default": self.default is not None,
            "up": self.up is not None,
            "down": bool(self.down),
            "identity": self.identity is not None,
            f"type {self.type}": self._serial is not None,
            "generated": self.generated is not None,
        }
        alone = {"identity", f"type {self.type}", "generated"}
        present = [word for word, is_given in given.items() if is_given]
        if alone.intersection(present) and len(present) > 1:
            yield f'"{self.column}" has {" and ".join(present)}, which exclude each other', "keep one of them"
        if self.down and self.up is None:
            yield (
                f'"{self.column}" has down without up',
                'give "up" too: what is the new column of a row that old code writes?',
            )
        if self.down and self.default is not None:
            yield (
                f'"{self.column}" has down and a default: nobody could tell whether an INSERT gave the column',
                "leave out the default, and set it in a plan of its own after contract",
            )
        if self.not_null and self.generated is not None:
            yield (
                f'"{self.column}" is generated and NOT NULL: the server would compute every row under the lock',
                'leave out "not_null", and add a check in a plan of its own',
            )
        elif self.not_null and not (self.up or self.default or self._counts):
            yield (
                f'"{self.column}" is NOT NULL, and nothing says what it is for rows that are there and for old code',
                'give "up", or a default',
            )
        if self.stored:
            yield (
                f'"{self.column}" is generated and stored: to add it rewrites the whole table under ACCESS EXCLUSIVE',
                'give "up" in its place: a trigger keeps the column until contract, then newer code writes it; '
                "or let it be VIRTUAL on PostgreSQL 18",
            )
        elif self.generated is not None and catalog.server_version < 180000:
            yield (
                f'"{self.column}" is generated: before PostgreSQL 18 that means stored, and a rewrite under the lock',
                'give "up" in its place: a trigger keeps the column until contract, then newer code writes it',
            )
        facts = catalog.table(self.table)
        if self.identity is not None and facts.partitioned and catalog.server_version < 170000:
            yield (
                f'"{self.column}" is an identity, and "{facts.display}" is partitioned: before PostgreSQL 17 its '
                "partitions would not have it",
                "take a serial type: it counts in all of them",
            )

    def _refusals(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[Refusal]:
        yield from table_refusals(facts)
        default = facts.answers.get(self._default) if self._default else None
        if self.up is not None or self._counts or (isinstance(default, DefaultValue) and default.rewrites):
            yield from sync_refusals(facts, sync_of(facts, plan))
            yield from batch_refusals(catalog, facts)
        if self._counts and not facts.owner_may_create:
            yield (
                f'"{facts.display}" belongs to "{facts.owner}", who may not create in its schema',
                f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to that role: the sequence will be its own',
            )
        yield from new_column_refusals(facts, self._added)
        yield from rejected(facts, self.wanted.questions)
        for name in self.down:
            facts.column(name)
        yield from empty(facts, self._up)
        yield from circular(facts, self._up, [self.column], "up")
        yield from circular(facts, self._down, list(self.down), "down")
        answers = [facts.answers.get(each) for each in self._up]
        # computed from the row: it must give the same again; else it is computed once for each row
        if any(isinstance(answer, Expression) and answer.reads for answer in answers):
            yield from unstable(facts, (*self._up, *self._down))
        elif self.down:
            yield f'"up" of "{self.column}" reads no column', '"down" wants an "up" that computes it from the old shape'
        if self._counts and self._added in facts.answers:
            type_ = getattr(facts.answers[self._added], "type", None)
            if type_ is not None and type_ not in _COUNTING:
                yield f'"{self.column}" counts and is of type {type_}', f"the types that count: {', '.join(_COUNTING)}"

    def warnings(self, catalog: Catalog, plan: str) -> list[str]:
        return list(self._warnings(catalog, catalog.table(self.table), plan))

    def _warnings(self, catalog: Catalog, facts: TableFacts, plan: str) -> Iterator[str]:
        sync = self._sync(facts, plan)
        if sync is not None:
            yield from sync_warnings(catalog, facts, sync, ())
            if not sync.links:
                yield from once(facts, self._up)
            yield from remade(facts, self._of_nulls)
        if facts.column_type(self._added).type == "json":
            yield f'"{self.column}" is json: it has no equality, so DISTINCT and UNION fail on it; jsonb has'
        if sync is not None and not (self.not_null or self._counts):
            yield f'until contract a null that anybody writes to "{self.column}" is filled as well'
        if self.not_null and self._links(facts):
            yield (
                f'"{self.column}" becomes NOT NULL in constrain: from then on a write of '
                f'{listed(self._read(facts))} fails for which "up" gives null'
            )
        for publication in facts.publications:
            yield (
                f'the table is published by "{publication}": add "{self.column}" at the subscribers '
                "before expand, or their apply workers stop"
            )

    @property
    def _serial(self) -> str | None:
        return _SERIAL.get(self.type.strip().lower())

    @property
    def _of_nulls(self) -> OfNulls:
        return OfNulls(up=self._up, down=self._down)

    @property
    def _counts(self) -> bool:
        return self.identity is not None or self._serial is not None

    @property
    def _added(self) -> AddedColumn:
        return AddedColumn(
            name=self.column, type=self._serial or self.type, collation=self.collation, generated=self.generated
        )

    @property
    def _default(self) -> DefaultOf | None:
        return None if self.default is None else DefaultOf(column=self.column, expression=self.default)

    @property
    def _up(self) -> tuple[Computed, ...]:
        return () if self.up is None else (Computed(expression=self.up, column=self.column),)

    @property
    def _down(self) -> tuple[Computed, ...]:
        return tuple(Computed(expression=down, column=name) for name, down in self.down.items())
