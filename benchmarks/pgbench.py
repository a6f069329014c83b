"""An application: clients that read and write by key, and how long each of their transactions took."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import spread

CLIENTS = 4
READ_AND_WRITE = r"""
\set id random(1, :rows)
SELECT email FROM users WHERE id = :id;
\set id random(1, :rows)
UPDATE users SET f = f + 1 WHERE id = :id;
"""


@dataclass(frozen=True)
class Transaction:
    """When it ended, and how long it took since it was due, in seconds."""

    ended: float
    took: float


class Clients:
    """pgbench under way; `stop` returns its transactions."""

    def __init__(self, bench: Bench, dsn: str, *, rows: int, rate: float) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._prefix = Path(self._folder.name) / "log"
        script = Path(self._folder.name) / "script"
        script.write_text(READ_AND_WRITE)
        options = ["-T", "3600", "-R", str(rate), "--log", f"--log-prefix={self._prefix}"]
        self._process = subprocess.Popen(
            _command(bench, dsn, script, rows=rows, clients=CLIENTS, options=options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> list[Transaction]:
        """Ends it as its own clock would."""
        self._process.send_signal(signal.SIGALRM)
        _, error = self._process.communicate(timeout=60)
        if self._process.returncode:
            raise RuntimeError(f"pgbench failed: {error}")
        lines = [line for log in self._prefix.parent.glob("log.*") for line in log.read_text().splitlines()]
        self._folder.cleanup()
        return [_transaction(line.split()) for line in lines]


def throughput(
    bench: Bench, dsn: str, *, rows: int, duration_s: float, script: str = READ_AND_WRITE, clients: int = CLIENTS
) -> float:
    """Transactions a second, as many as go."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script"
        file.write_text(script)
        options = ["-T", str(max(1, round(duration_s)))]
        command = _command(bench, dsn, file, rows=rows, clients=clients, options=options)
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"^tps = ([\d.]+)", printed, re.MULTILINE)
    assert found, printed
    return float(found[1])


def percentiles(transactions: Sequence[Transaction], *, since: float, until: float) -> tuple[float, ...]:
    """p50, p95, p99 and the longest, in ms, of those that ended in this time."""
    took = sorted(each.took * 1000 for each in transactions if since <= each.ended <= until)
    assert took, "no transaction ended in this time"
    return (*(took[int(share * (len(took) - 1))] for share in (0.5, 0.95, 0.99)), took[-1])


def medians(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Column by column."""
    return tuple(spread(column).median for column in zip(*rows, strict=True))


def now() -> float:
    """The clock of pgbench's log."""
    return time.time()


def _command(
    bench: Bench, dsn: str, script: Path, *, rows: int, clients: int, options: Sequence[str]
) -> list[str | Path]:
    threads = str(min(2, clients))
    fixed: list[str | Path] = [
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        threads,
        "-D",
        f"rows={rows}",
        "-f",
        script,
    ]
    return [bench.bin_dir / "pgbench", *fixed, *options, dsn]


def _transaction(fields: Sequence[str]) -> Transaction:
    # client, number, microseconds since it was due, script, then the time at which it ended
    return Transaction(int(fields[4]) + int(fields[5]) / 1e6, int(fields[2]) / 1e6)
