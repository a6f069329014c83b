"""The real `orchestrator`, in a process of its own, as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import sleep

NAME = "rename-email"
PLAN = f"""
name: {NAME}
changes:
  - {{kind: rename_column, table: users, from: email, to: email_address}}
"""
BACKFILL = ("advance", NAME, "--to", "backfill")


@dataclass(frozen=True)
class Orchestrator:
    """Runs commands in a folder that has the plan."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "plans").mkdir(exist_ok=True)
        (self.folder / "plans" / f"{NAME}.yaml").write_text(PLAN)

    def run(self, dsn: str, *words: str) -> str:
        """A command to its end; returns what it printed."""
        process = self.start(dsn, *words)
        out, error = process.communicate()
        if process.returncode:
            raise RuntimeError(f"orchestrator {' '.join(words)} failed: {error}")
        return out

    def start(self, dsn: str, *words: str) -> subprocess.Popen[str]:
        """A command that is left to itself."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "orchestrator", *words],
            cwd=self.folder,
            env={**os.environ, "ORCHESTRATOR_DATABASE_URL": dsn, "ORCHESTRATOR_QUIET": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @cached_property
    def has_workers(self) -> bool:
        """Whether `advance` knows several workers."""
        return "--workers" in self.run("", "advance", "--help")

    def backfill(self, dsn: str, *, workers: int = 1) -> None:
        """The backfill phase whole: start of the program, batches, and the comparison of every row."""
        self.run(dsn, *BACKFILL, *(("--workers", str(workers)) if workers > 1 else ()))


def peak_memory(process: subprocess.Popen[str]) -> int:
    """Waits for the process to end; returns the most memory it ever had, in bytes (VmHWM)."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        peak = max([peak, *(int(line.split()[1]) * 1024 for line in lines)])
        sleep(0.05)
    return peak
