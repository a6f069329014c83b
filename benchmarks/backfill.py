"""The backfill against its rivals: time, WAL and table size, each round on a fresh copy of the same table.

    python -m benchmarks.backfill --rows 1000000 --rounds 5 --indexes 2

Rivals, each as its makers do it: one UPDATE; keyset batches of 1,000 and of 10,000 by primary key (online_migrations,
GitLab). Ours is the real `advance`, in a process of its own, with journal, claim and trigger. Rounds are interleaved
(every way once, then again), so that a machine whose speed drifts drifts for all; what counts is the ratio within a
round, and of these the median.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.fixtures.local_server import LocalServer, Nursery
from tests.fixtures.server import embedded_bin_dir

PLAN = """
name: rename-email
changes:
  - {kind: rename_column, table: users, from: email, to: email_address}
"""
TABLE = """
CREATE TABLE users (id {key} PRIMARY KEY, email text NOT NULL, note text, a int, b int, c int, d int, e int)
"""
FILL = """
INSERT INTO users (id, email, note, a, b, c, d, e)
SELECT {key}, 'user' || g || '@example.com', repeat('x', 70), g, g, g, g, g FROM generate_series(1, {rows}) g
"""
ONE_UPDATE = "UPDATE users SET email_address = email"
KEYSET_END = "SELECT max(id) FROM (SELECT id FROM users WHERE id > %(last)s ORDER BY id LIMIT %(size)s) batch"
KEYSET_END_FIRST = "SELECT max(id) FROM (SELECT id FROM users ORDER BY id LIMIT %(size)s) batch"
KEYSET_UPDATE = "UPDATE users SET email_address = email WHERE id > %(last)s AND id <= %(end)s"
KEYSET_UPDATE_FIRST = "UPDATE users SET email_address = email WHERE id <= %(end)s"
# what production has: nothing that makes writing look cheap
SERVER = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "2GB", "max_wal_size": "8GB", "autovacuum": "off"}


@dataclass(frozen=True)
class Figures:
    """What one way cost: seconds, and bytes of WAL and of the table afterwards."""

    seconds: float
    wal: int
    table: int


@dataclass(frozen=True)
class Bench:
    """A server, and what the table looks like."""

    server: LocalServer
    rows: int
    indexes: int
    uuid: bool

    def fresh(self, name: str) -> str:
        """A database with the table, filled, indexed, vacuumed; returns its DSN."""
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        key = SQL("gen_random_uuid()") if self.uuid else SQL("g")
        with psycopg.connect(self.server.dsn(name), autocommit=True) as connection:
            connection.execute(SQL(TABLE).format(key=SQL("uuid" if self.uuid else "bigint")))
            connection.execute(SQL(FILL).format(key=key, rows=Literal(self.rows)))
            for column in "abcdef"[: self.indexes]:
                connection.execute(SQL("CREATE INDEX ON users ({})").format(Identifier(column)))
            connection.execute("VACUUM (FREEZE, ANALYZE) users")
        return self.server.dsn(name)

    def measure(self, name: str, prepare: Callable[[str], None], work: Callable[[str], None]) -> Figures:
        """Runs one way on a fresh table."""
        dsn = self.fresh(name)
        prepare(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
            before = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
            started = time.perf_counter()
            work(dsn)
            seconds = time.perf_counter() - started
            row = connection.execute(
                "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::bigint, pg_relation_size('users')", before
            ).fetchone()
            left = connection.execute(
                "SELECT count(*) FROM users WHERE email_address IS DISTINCT FROM email"
            ).fetchone()
        assert row is not None and left == (0,), f"{name} left {left} rows undone"
        return Figures(seconds, row[0], row[1])


def add_column(dsn: str) -> None:
    """Where the rivals begin."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN email_address text")


def one_update(dsn: str) -> None:
    """The whole table in one statement: every row locked until the end."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(ONE_UPDATE)


def keyset(size: int) -> Callable[[str], None]:
    """Batches by primary key, each in a transaction."""

    def work(dsn: str) -> None:
        last: object = None
        with psycopg.connect(dsn, autocommit=True) as connection:
            while True:
                where = {"last": last, "size": size}
                found = connection.execute(KEYSET_END if last is not None else KEYSET_END_FIRST, where).fetchone()
                if found is None or found[0] is None:
                    return
                update = KEYSET_UPDATE if last is not None else KEYSET_UPDATE_FIRST
                connection.execute(update, {"last": last, "end": found[0]})
                last = found[0]

    return work


class Ours:
    """`advance`, as an operator runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "plans").mkdir()
        (folder / "plans" / "rename-email.yaml").write_text(PLAN)

    def prepare(self, dsn: str) -> None:
        """Expand and dual write: where the rivals' new column stands too."""
        self._run(dsn, "init")
        self._run(dsn, "advance", "rename-email", "--to", "dual_write")

    def work(self, dsn: str) -> None:
        """The backfill phase whole: start of the program, batches, and the comparison of every row."""
        self._run(dsn, "advance", "rename-email", "--to", "backfill")

    def _run(self, dsn: str, *arguments: str) -> None:
        command = [sys.executable, "-P", "-m", "orchestrator", *arguments]
        environment = {**os.environ, "ORCHESTRATOR_DATABASE_URL": dsn, "ORCHESTRATOR_QUIET": "1"}
        subprocess.run(command, check=True, cwd=self.folder, env=environment, capture_output=True)


def rounds(bench: Bench, count: int, folder: Path) -> dict[str, list[Figures]]:
    """Every way once a round."""
    ours = Ours(folder)
    ways: dict[str, tuple[Callable[[str], None], Callable[[str], None]]] = {
        "one UPDATE": (add_column, one_update),
        "keyset 1,000": (add_column, keyset(1_000)),
        "keyset 10,000": (add_column, keyset(10_000)),
        "orchestrator advance": (ours.prepare, ours.work),
    }
    results: dict[str, list[Figures]] = {name: [] for name in ways}
    for number in range(count):
        for name, (prepare, work) in ways.items():
            figures = bench.measure("bench", prepare, work)
            results[name].append(figures)
            print(f"round {number + 1}: {name}: {figures.seconds:.1f} s", file=sys.stderr, flush=True)
    return results


def table(results: dict[str, list[Figures]]) -> str:
    """Markdown: medians of the ratios to one UPDATE within each round; WAL and size as they are."""
    base = results["one UPDATE"]
    lines = ["| way | time, one UPDATE = 1.00 (min to max) | WAL | table after |", "|---|---|---|---|"]
    for name, figures in results.items():
        ratios = [ours.seconds / other.seconds for ours, other in zip(figures, base, strict=True)]
        wal = statistics.median(each.wal for each in figures) / 1e6
        size = statistics.median(each.table for each in figures) / 1e6
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {name} | {spread} | {wal:.0f} MB | {size:.0f} MB |")
    return "\n".join(lines)


def main() -> None:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--indexes", type=int, default=2, choices=range(6), help="besides the primary key")
    parser.add_argument("--uuid", action="store_true", help="random UUID keys")
    options = parser.parse_args()
    with closing(Nursery()) as nursery, tempfile.TemporaryDirectory() as folder:
        server = nursery.server(embedded_bin_dir(), **SERVER)
        server.start()
        bench = Bench(server, options.rows, options.indexes, options.uuid)
        results = rounds(bench, options.rounds, Path(folder))
        version = subprocess.run(
            [Path(server.bin_dir) / "postgres", "--version"], check=True, capture_output=True, text=True
        ).stdout.strip()
        server.delete()
    print(f"{version}; {options.rows:,} rows, primary key and {options.indexes} indexes, {options.rounds} rounds\n")
    print(table(results))


if __name__ == "__main__":
    main()
