"""What authors write as `up` and `down`: asked of PostgreSQL, refused where it would not hold, and made into links."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from orchestrator.catalog import TableFacts
from orchestrator.catalog.wanted import (
    AddedColumn,
    Cast,
    Computed,
    DefaultOf,
    Expression,
    OfNulls,
    Question,
    Relabel,
    Remade,
)
from orchestrator.succession import Refusal, listed
from phases.delta import Value


def rejected(facts: TableFacts, questions: Iterable[Question]) -> Iterator[Refusal]:
    """What PostgreSQL itself does not accept of it."""
    for question, message in facts.rejections(questions):
        match question:
            case AddedColumn(name=name, generated=str(generated)):
                yield f'column "{name}" cannot be generated as {generated}: {message}', "give what the server takes"
            case AddedColumn(name=name, type=type_):
                yield f'column "{name}" cannot be of type {type_}: {message}', "give a type that the server knows"
            case DefaultOf(column=column, expression=expression):
                yield (
                    f'"{expression}" cannot be the default of "{column}": {message}',
                    "a default is an expression without columns and without a subquery",
                )
            case Computed(column=column, expression=expression):
                yield (
                    f'"{expression}" cannot be the value of "{column}": {message}',
                    f'write an expression over one row of "{facts.display}": no subquery, no aggregate',
                )


def unstable(facts: TableFacts, questions: Iterable[Computed]) -> Iterator[Refusal]:
    """Expressions that give one value to the application and another to us would differ for ever."""
    for question in questions:
        answer = facts.answers.get(question)
        if isinstance(answer, Expression) and not answer.immutable:
            yield (
                f'"{question.expression}" is not immutable: it may give another value at another time, in another '
                "session or under other settings, and could not be verified",
                "name what it depends on (AT TIME ZONE 'UTC', an explicit format), or wrap it in a function of yours "
                "that is IMMUTABLE by rights",
            )


def remade(facts: TableFacts, question: OfNulls) -> Iterator[str]:
    """Warnings: null in all new columns is how the trigger tells that nobody has written them."""
    answer = facts.answers.get(question)
    if isinstance(answer, Remade) and answer.columns:
        yield (
            f'where newer code leaves {listed(each.column for each in question.up)} null, "up" of what "down" gives '
            f"for that is not null: until contract {listed(answer.columns)} will get that value"
        )


def once(facts: TableFacts, questions: Iterable[Computed]) -> Iterator[str]:
    """Warnings: a value that is given once, and kept, may be another each time; nobody computes it again."""
    for question in questions:
        answer = facts.answers.get(question)
        if isinstance(answer, Expression) and not answer.immutable:
            yield (
                f'"{question.expression}" is not immutable: each row keeps what it gives at the moment when it is '
                "filled, with the rights and settings of whoever fills it, and no dry run computes it"
            )


def empty(facts: TableFacts, questions: Iterable[Computed]) -> Iterator[Refusal]:
    """A null fills nothing: each row would be found to lack its value for ever."""
    for question in questions:
        answer = facts.answers.get(question)
        if isinstance(answer, Expression) and answer.null:
            yield (
                f'"{question.expression}" gives null, whatever the row: it fills nothing in "{question.column}"',
                "write an expression that gives a value, or leave it out of the plan",
            )


def circular(
    facts: TableFacts, questions: Iterable[Computed], forbidden: Sequence[str], what: str
) -> Iterator[Refusal]:
    """`up` reads the old shape only, `down` the new one: each must be computable from what the other side wrote."""
    for question in questions:
        answer = facts.answers.get(question)
        wrong = [name for name in forbidden if isinstance(answer, Expression) and name in answer.reads]
        if wrong:
            yield f'"{question.expression}" reads {listed(wrong)}', f"{what}: compute it from the other side's columns"


def also_read(facts: TableFacts, questions: Iterable[Computed], columns: Collection[str]) -> Iterator[str]:
    """Warnings: after a change of another column nobody could say whether new code has written the new ones since."""
    for question in questions:
        answer = facts.answers.get(question)
        others = [name for name in answer.reads if name not in columns] if isinstance(answer, Expression) else []
        if others:
            yield (
                f'"{question.expression}" also reads {listed(others)}: an UPDATE of {listed(others)} alone does not '
                f'compute "{question.column}" anew'
            )


def value(facts: TableFacts, question: Computed | Cast | Relabel) -> Value:
    """The value of a column, as the phases write it."""
    answer = facts.expression(question)
    # a value of an enum is one when it is computed: it need not be cast once more, and every one has its place
    type_ = None if isinstance(question, Relabel) else answer.type
    return Value(column=question.column, expression=answer.sql, type=type_, comparison=answer.comparison)
