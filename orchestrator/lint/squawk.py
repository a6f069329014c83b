"""squawk's word on a file: the binary of `squawk-cli`, asked through its JSON reporter."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.lint.source import Source

MISSING_HINT = "install the extra: pip install 'pg-expand-contract[lint]'"


class LintUnavailable(OrchestratorError):
    """The extra `lint` is not installed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"lint needs {what}, which is not installed", MISSING_HINT)


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One finding of squawk; `offset` counts bytes of the source's SQL."""

    rule: str
    offset: int
    message: str
    help: str


def program() -> Path:
    """squawk beside our Python, else on the path.

    Raises:
        LintUnavailable: neither has it.
    """
    beside = Path(sysconfig.get_path("scripts")) / "squawk"
    found = str(beside) if beside.is_file() else shutil.which("squawk")
    if found is None:
        raise LintUnavailable("squawk-cli")
    return Path(found)


def remarks(source: Source, *, server_version: int | None = None) -> list[Remark]:
    """What squawk says of a source. Its own `.squawk.toml`, if there is one, counts."""
    command = [str(program()), "--reporter", "json", "--stdin-filepath", source.file]
    if server_version:
        command += ["--pg-version", f"{server_version // 10000}.{server_version % 10000}"]
    if source.in_transaction:
        command.append("--assume-in-transaction")
    done = subprocess.run(command, input=source.data, capture_output=True)
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        said = done.stderr.decode(errors="replace").strip()
        raise OrchestratorError(f"squawk failed on {source.file}: {said}", "see its .squawk.toml") from error
    starts = _line_starts(source.data)
    return [
        Remark(
            rule=each["rule_name"],
            offset=starts[min(each["line"], len(starts) - 1)] + each["column"],
            message=each["message"],
            help=each["help"] or "",
        )
        for each in found
        # what PostgreSQL's own parser has read is SQL, whatever squawk's parser makes of it
        if each["rule_name"] != "syntax-error"
    ]


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
