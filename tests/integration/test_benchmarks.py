"""The benchmarks do what they say; how long anything takes is no matter of a test."""

from pathlib import Path

from benchmarks.bench import SERVER, Bench, Shape
from benchmarks.figures import interleaved
from benchmarks.ours import Orchestrator
from benchmarks.ways import ours, pgroll, rivals
from tests.fixtures.server import StartServer

ROWS = 2_500  # two batches of 1,000, and a rest


def test_every_way_updates_every_row_once(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(**{**SERVER, "shared_buffers": "64MB", "fsync": "off"})
    bench = Bench(server, Orchestrator(tmp_path))
    ways = (*rivals(bare=True), *rivals(bare=False), pgroll(), ours(bench.orchestrator))
    results = interleaved(bench, Shape(ROWS, uuid=True), ways, rounds=1)
    assert {name: figures[0].updates for name, figures in results.items()} == dict.fromkeys(results, ROWS)
