"""What authors write as `up` and `down`: asked of PostgreSQL, refused where it would not hold, and made into links."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from orchestrator.catalog import TableFacts
from orchestrator.catalog.wanted import AddedColumn, Cast, Computed, DefaultOf, Expression, Question
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


def value(facts: TableFacts, question: Computed | Cast) -> Value:
    """The value of a column, as the phases write it."""
    answer = facts.expression(question)
    return Value(column=question.column, expression=answer.sql, type=answer.type, comparison=answer.comparison)
