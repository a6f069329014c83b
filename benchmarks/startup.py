"""How long `orchestrator status` takes, against importing the libraries it cannot do without.

    python -m tests.with_server python -m benchmarks.startup

Pairs in turn; what counts is the ratio within a pair, and of these the median. The target is 1.6.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

STATUS = (sys.executable, "-P", "-m", "orchestrator", "status")
IMPORTS = (sys.executable, "-P", "-c", "import sqlalchemy, psycopg, typer")
PAIRS = 15


def seconds(command: tuple[str, ...]) -> float:
    """Wall time of a whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Prints the ratios; the database is named by ORCHESTRATOR_DATABASE_URL."""
    subprocess.run((sys.executable, "-P", "-m", "orchestrator", "init"), check=True, stdout=subprocess.DEVNULL)
    ratios = [seconds(STATUS) / seconds(IMPORTS) for _ in range(PAIRS + 1)][1:]
    print(f"status / imports: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {PAIRS} pairs")


if __name__ == "__main__":
    main()
