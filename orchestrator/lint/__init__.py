"""`orchestrator lint`: what a migration written by hand would do to a running application, and the plan that avoids it.

`operations` says what each statement does, squawk says what it sees, `live` asks the server, and `judge` decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError, suggestion
from orchestrator.lint import rules, squawk
from orchestrator.lint.rules import BY_NAME, Level, by_squawk
from orchestrator.lint.source import Problem, Source, Unreadable, read
from phases.delta import Table

if TYPE_CHECKING:
    from orchestrator.context import Context
    from orchestrator.lint.judge import Dismissed, Finding, Known
    from orchestrator.lint.live import Server
    from orchestrator.lint.operation import Operation
    from orchestrator.lint.squawk import Remark
    from orchestrator.lint.syntax import Statement


_TRIED = ("change_type", "add_column_volatile_default", "add_column_domain")
"""What a trial on an empty copy of the table decides."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of it."""

    files: int
    findings: tuple[Finding, ...]
    dismissed: tuple[Dismissed, ...]
    problems: tuple[Problem, ...]
    server_version: int | None
    """None: there was no database to ask."""


def lint(
    files: Sequence[Path],
    context: Context | None,
    *,
    in_transaction: bool = False,
    exclude: Collection[str] = (),
    level: Level = Level.WARNING,
) -> Report:
    """Reads files, and asks the database of `context` where there is one. Changes nothing.

    Raises:
        UsageError: a file or a rule that does not exist.
        LintUnavailable: the extra is not installed.
    """
    _check(exclude)
    _require()
    from orchestrator.lint.judge import Dismissed, Finding

    sources, problems = _read(files, in_transaction=in_transaction)
    found: list[Finding | Dismissed] = []
    with ExitStack() as stack:
        server: Server | None = None
        if context is not None:
            from orchestrator.lint.live import look

            server = stack.enter_context(look(context))
        for source, statements in sources:
            found += _lint_one(source, statements, server)
        version = server.version if server else None
    findings = [each for each in found if isinstance(each, Finding) and not _excluded(each, exclude)]
    if level is Level.ERROR:
        findings = [each for each in findings if each.level is Level.ERROR]
    return Report(
        files=len(files),
        findings=tuple(sorted(findings, key=lambda each: (each.file, each.line))),
        dismissed=tuple(each for each in found if isinstance(each, Dismissed)),
        problems=tuple(problems),
        server_version=version,
    )


def _check(exclude: Collection[str]) -> None:
    known = {*BY_NAME, *(name for rule in rules.RULES for name in rule.squawk)}
    for name in exclude:
        if name not in known:
            meant = suggestion(name, known)
            hint = f'did you mean "{meant}"? ' if meant else ""
            raise UsageError(f'there is no rule "{name}"', hint + "docs/refuse-or-do.md lists the rules")


def _require() -> None:
    squawk.program()
    if find_spec("postgast") is None:
        raise squawk.LintUnavailable("postgast")


def _read(files: Sequence[Path], *, in_transaction: bool) -> tuple[list[tuple[Source, list[Statement]]], list[Problem]]:
    """What could be read, and what could not: one broken file does not hide the findings of the others."""
    from orchestrator.lint.syntax import statements

    sources, problems = [], []
    for path in files:
        try:
            source = read(path, in_transaction=in_transaction)
            sources.append((source, statements(source)))
        except Unreadable as error:
            problems.append(error.problem)
    return sources, problems


def _excluded(finding: Finding, exclude: Collection[str]) -> bool:
    return finding.rule in exclude or bool(finding.squawk and set(finding.squawk) <= set(exclude))


def _lint_one(source: Source, statements: list[Statement], server: Server | None) -> Iterator[Finding | Dismissed]:
    from orchestrator.lint.judge import Dismissed, Finding, judge, mismatched_types, of_squawk
    from orchestrator.lint.operations import operations

    remarks = squawk.remarks(source, server_version=server.version if server else None)
    placed = [(_at(statements, remark.offset), remark) for remark in remarks]
    explained: set[int] = set()
    replaced: set[int] = set()
    for operation in operations(source, statements):
        names = BY_NAME[operation.rule].squawk
        same = [
            (number, remark)
            for number, (statement, remark) in enumerate(placed)
            if statement and statement.start == operation.statement.start and remark.rule in names
        ]
        explained |= {number for number, _ in same}
        if _silenced(operation.statement, operation.rule):
            reason = "a comment says so"
            yield Dismissed(
                file=source.file,
                line=operation.statement.line,
                rule=operation.rule,
                operation=operation.does,
                reason=reason,
            )
            continue
        operation, known = _look_up(operation, server)
        verdict = judge(source.file, operation, known, [remark for _, remark in same])
        if isinstance(verdict, Finding):
            replaced.add(operation.statement.start)
        yield verdict
        mismatch = mismatched_types(source.file, operation, known)
        if mismatch:
            yield mismatch
    alone = [each for number, each in enumerate(placed) if number not in explained and not _moot(each, replaced)]
    for (offset, rule), group in groupby(alone, key=lambda each: (each[1].offset, by_squawk(each[1].rule)[0].name)):
        members = list(group)
        statement = members[0][0]
        if statement is None or not _silenced(statement, rule):
            text = statement.text if statement else ""
            yield of_squawk(source.file, source.line(offset), text, [remark for _, remark in members])


def _at(statements: list[Statement], offset: int) -> Statement | None:
    """The statement to which a place belongs; a remark on a missing end stands behind the last."""
    before = [each for each in statements if each.start <= offset]
    return before[-1] if before else None


def _moot(placed: tuple[Statement | None, Remark], replaced: set[int]) -> bool:
    """How a statement is best written does not matter where it should not be there."""
    statement, remark = placed
    return statement is not None and statement.start in replaced and by_squawk(remark.rule)[0].name == "robust"


def _silenced(statement: Statement, rule: str) -> bool:
    return bool(statement.ignored & {"*", rule, *BY_NAME[rule].squawk})


def _look_up(operation: Operation, server: Server | None) -> tuple[Operation, Known]:
    """What the server knows of an operation's tables. A table that the file itself creates is not there to be asked."""
    from orchestrator.lint.judge import Known

    # the types of a foreign key's columns matter, even where adding it does no harm
    if server is None or (operation.harmless and operation.rule != "add_foreign_key"):
        return operation, Known()
    index = operation.details.get("index")
    if operation.table is None and index is not None:
        assert isinstance(index, Table)
        home = server.index_table(index)
        if home:
            operation = replace(operation, table=home[0])
    facts = server.facts(operation.table) if operation.table else None
    trial = None
    if facts and operation.command is not None and operation.rule in _TRIED:
        from orchestrator.lint.live import CLONE
        from orchestrator.lint.syntax import on_clone

        trial = server.try_on_clone(facts.table, on_clone(operation.statement, operation.command, CLONE))
    using = str(operation.details.get("using") or "")
    owner = None
    if operation.rule == "add_primary_key" and using and facts:
        owner = server.index_table(Table(facts.table.schema, using))
    return operation, Known(
        server=server.version,
        facts=facts,
        others=tuple(server.facts(other) for other in operation.others),
        trial=trial,
        index_not_null=owner[1] if owner else None,
    )
