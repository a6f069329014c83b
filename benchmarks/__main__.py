"""The backfill against everybody else, and against its targets.

    python -m benchmarks                    all parts, about 40 minutes on two cores
    python -m benchmarks load workers       some of them; the rest of the page stays as it was
    python -m benchmarks --rounds 9 idle

Writes docs/benchmarks.md and docs/benchmarks.svg. Rounds are interleaved: every way once, then again. What counts is
the ratio within a round, and of these the median.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import psutil

from benchmarks import idle, large, load, resume, workers, writes
from benchmarks.bench import SERVER, Bench, say
from benchmarks.ours import Orchestrator
from benchmarks.report import Section, markdown, save, saved, write_page
from tests.fixtures.local_server import DISK, Nursery
from tests.fixtures.server import embedded_bin_dir

Part = Callable[[Bench], Section]


def parts(*, rows: int, large_rows: int, rounds: int, large_rounds: int) -> Mapping[str, Part]:
    """Each by its name, in the order of the page."""
    return {
        **{variant.part: partial(idle.run, variant=variant, rows=rows, rounds=rounds) for variant in idle.VARIANTS},
        "load": partial(load.run, rows=rows, rounds=rounds),
        "large": partial(large.run, rows=rows, large=large_rows, rounds=large_rounds),
        "workers": partial(workers.run, rows=rows, rounds=rounds),
        "resume": partial(resume.run, rows=rows, rounds=rounds),
        "writes": partial(writes.run, rows=rows, rounds=rounds),
    }


@contextmanager
def bench(bin_dir: Path) -> Iterator[Bench]:
    """A server of our own, thrown away afterwards."""
    with closing(Nursery(DISK)) as nursery, tempfile.TemporaryDirectory() as folder:
        server = nursery.server(bin_dir, **SERVER)
        server.start()
        yield Bench(server, Orchestrator(Path(folder)))
        server.delete()


def where(bin_dir: Path) -> str:
    """What it was measured on."""
    printed = subprocess.run([bin_dir / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    memory = psutil.virtual_memory().total / 2**30
    settings = ", ".join(f"{name} {value}" for name, value in SERVER.items())
    version = printed.strip().replace("postgres (PostgreSQL)", "PostgreSQL")
    return f"{date.today()}, {version}, {psutil.cpu_count()} cores, {memory:.0f} GB; {settings}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints, and writes the page."""
    names = parts(rows=0, large_rows=0, rounds=0, large_rounds=0)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all of them by default")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large-rows", type=int, default=10_000_000)
    parser.add_argument("--large-rounds", type=int, default=1)
    parser.add_argument("--pg-bin", type=Path, help="folder of another server's programs, version 15 or newer")
    parser.add_argument("--dry-run", action="store_true", help="print only: leave the page as it is")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(names):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    chosen = parts(
        rows=options.rows, large_rows=options.large_rows, rounds=options.rounds, large_rounds=options.large_rounds
    )
    measured = []
    with bench(options.pg_bin or embedded_bin_dir()) as on:
        for name in options.parts or names:
            say(f"{name}:")
            started = time.monotonic()
            section = replace(chosen[name](on), where=where(on.bin_dir))
            say(f"{name}: {time.monotonic() - started:.0f} s")
            measured.append(section)
            if not options.dry_run:
                save(section)
    print(markdown(measured))
    if not options.dry_run:
        write_page(saved(names))


if __name__ == "__main__":
    main()
