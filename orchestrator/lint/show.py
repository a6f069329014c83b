"""A report for people, for programs, and for GitHub."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from orchestrator.lint import Report
from orchestrator.lint.judge import Finding


def text(report: Report) -> str:
    """Each finding with what PostgreSQL would do and what to do instead."""
    return "\n".join(line for finding in report.findings for line in (*_lines(finding), "")).rstrip()


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.file}:{finding.line}: {finding.level} {finding.rule}: {finding.operation}"
    if finding.effect:
        yield f"  effect:  {finding.effect}"
    if finding.unknown:
        yield f"  unknown: {_listing(finding.unknown)}"
    yield f"  instead: {_instead(finding)}"
    if finding.squawk:
        yield f"  squawk:  {', '.join(finding.squawk)}"
    if finding.plan:
        yield "  plan:"
        yield from textwrap.indent(finding.plan.rstrip(), "    ").splitlines()


def _instead(finding: Finding) -> str:
    return f"{' or '.join(finding.kinds)}: {finding.advice}" if finding.kinds else finding.advice


def _listing(parts: tuple[str, ...]) -> str:
    *known, why = parts
    return f"{'; '.join(known)} {why}"


def as_json(report: Report) -> str:
    """Everything, also what was dismissed and why."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False)


def github(report: Report) -> str:
    """Workflow commands that GitHub shows as annotations of the lines."""
    lines = [
        _annotation(finding.level, finding.file, finding.line, finding.rule, _message(finding))
        for finding in report.findings
    ]
    lines += [
        _annotation("error", problem.file, problem.line, "unreadable", problem.message) for problem in report.problems
    ]
    return "\n".join(lines)


def _message(finding: Finding) -> str:
    unknown = f"unknown: {_listing(finding.unknown)}" if finding.unknown else ""
    parts = [part for part in (finding.operation, finding.effect, unknown, f"instead: {_instead(finding)}") if part]
    if finding.plan:
        parts.append(finding.plan.rstrip())
    return "\n".join(parts)


def _annotation(level: str, file: str, line: int, rule: str, message: str) -> str:
    return f"::{level} file={_property(file)},line={line},title={_property('lint: ' + rule)}::{_data(message)}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def summary(report: Report) -> str:
    """One line for stderr."""
    where = {finding.file for finding in report.findings}
    parts = [f"{len(report.findings)} findings in {len(where)} of {report.files} files"]
    if report.dismissed:
        parts.append(f"{len(report.dismissed)} looked at and harmless here (--json says why)")
    if report.server_version is None:
        parts.append("no database was asked: sizes and existing constraints are not known")
    return "; ".join(parts)
