"""Indexes and constraints as plans name them: which one is meant, and what stands against a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orchestrator.catalog import Constraint, ForeignKey, Index, TableFacts
from orchestrator.catalog.wanted import CheckDefinition, IndexDefinition, NewForeignKey, Question, Rejected
from orchestrator.errors import suggestion
from orchestrator.succession import Refusal, listed, table_refusals
from phases import names


def index_of(facts: TableFacts, name: str) -> Index | None:
    """The table's index of that name."""
    return next((index for index in facts.indexes if index.name == name), None)


def constraint_of(facts: TableFacts, name: str) -> Constraint | None:
    """The table's constraint of that name, foreign keys apart."""
    return next((constraint for constraint in facts.constraints if constraint.name == name), None)


def foreign_key_of(facts: TableFacts, name: str) -> ForeignKey | None:
    """The table's own foreign key of that name."""
    return next((key for key in facts.foreign_keys if key.name == name and key.table == facts.table), None)


def read_by_constraint(facts: TableFacts, name: str) -> frozenset[tuple[str, str]]:
    """Columns that a constraint is about, each with its `schema.table`: of a foreign key, those of both tables."""
    constraint, key = constraint_of(facts, name), foreign_key_of(facts, name)
    found = {(facts.display, column) for column in (constraint.reads if constraint else key.columns if key else ())}
    if key is not None:
        found |= {(f"{key.references.schema}.{key.references.name}", column) for column in key.referenced_columns}
    return frozenset(found)


def missing(facts: TableFacts, what: str, name: str, known: Iterable[str]) -> Refusal:
    """There is nothing of that name."""
    known = sorted(known)
    meant = suggestion(name, known)
    advice = f'did you mean "{meant}"?' if meant else f"there are: {listed(known)}" if known else "there is none"
    return f'table "{facts.display}" has no {what} "{name}"', advice


def constraint_names(facts: TableFacts) -> set[str]:
    """Of all constraints of the table."""
    keys = {key.name for key in facts.foreign_keys if key.table == facts.table}
    return keys | {constraint.name for constraint in facts.constraints}


def new_name_refusals(facts: TableFacts, name: str) -> Iterator[Refusal]:
    """What stands against an index or a constraint of that name."""
    if name in facts.taken_names:
        yield f'"{name}" exists already beside or on table "{facts.display}"', "give another name, or drop it first"
    for partition in facts.tree:
        index = names.index_of_partition(name, partition.table.name)
        if index in facts.taken_names:
            yield f'"{index}" exists already: an index of a partition will be called so', "give another name"
    if len(name.encode()) > names.MAX_BYTES:
        yield f'"{name}" is longer than {names.MAX_BYTES} bytes', "PostgreSQL would cut it; give a shorter name"


def reliance_refusals(index: Index, what: str) -> Iterator[Refusal]:
    """Foreign keys that stand against an index being dropped."""
    for name, table in index.relied_on:
        yield f'foreign key "{name}" of "{table}" relies on {what}', "drop_constraint it first, in a plan of its own"


def builder_refusals(facts: TableFacts) -> Iterator[Refusal]:
    """What stands against any index of ours on the table."""
    yield from table_refusals(facts)
    if not facts.may_create:
        yield (
            f'our role may not create in schema "{facts.table.schema}"',
            f'GRANT CREATE ON SCHEMA "{facts.table.schema}" to it: an index lives beside its table',
        )


def between_partitioned(name: str) -> Refusal:
    """What stands against a foreign key out of a partitioned table to one, or to itself, before PostgreSQL 18."""
    return (
        f'both ends of foreign key "{name}" are partitioned',
        "such a one can be NOT VALID from PostgreSQL 18 on; before, all rows would be read while its tables are "
        "locked: wait for that version",
    )


def not_to_be_locked(other: str) -> Refusal:
    """What stands against a foreign key of partitioned tables where our own statements lock what it refers to."""
    return (
        f'our role may not lock table "{other}", or a partition of it',
        "so that nobody waits long, a foreign key of partitioned tables begins with the locks of all of them: GRANT "
        "UPDATE on them to it",
    )


def rejection(facts: TableFacts, question: Question, what: str) -> Iterator[Refusal]:
    """What PostgreSQL has against a definition, in its own words; what another change has, is found where they meet."""
    answer = facts.answers.get(question)
    if isinstance(answer, Rejected) and not answer.but_for:
        advice = f'write it for "{facts.display}" as it is after the plan'
        if isinstance(question, NewForeignKey):
            advice += f', and for "{question.references}" as it is now: what it lacks, make in a plan before this one'
        yield f"{what} cannot be made: {answer.message}", advice


def read_by(facts: TableFacts, question: Question) -> frozenset[tuple[str, str]]:
    """The columns that a new index or check reads, each with its table."""
    answer = facts.answers.get(question)
    reads: Sequence[str] = ()
    match answer:
        case IndexDefinition(reads=reads) | CheckDefinition(reads=reads) | Rejected(but_for=reads):
            pass
    return frozenset((facts.display, column) for column in reads)


def index_label(facts: TableFacts, name: str) -> str:
    """An index as an operator would call it."""
    return f"index {facts.table.schema}.{name}"


def constraint_label(facts: TableFacts, name: str) -> str:
    """A constraint as an operator would call it."""
    return f"constraint {name} of {facts.display}"
