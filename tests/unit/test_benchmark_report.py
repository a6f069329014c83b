"""The page of the benchmarks: verdicts, percentiles, and the results that it shows."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import parts
from benchmarks.pgbench import Transaction, percentiles
from benchmarks.report import DOCS, Bars, Section, Target, markdown, save, saved, svg, write_page

PARTS = tuple(parts(rows=1, large_rows=1, rounds=1, large_rounds=1))


@pytest.mark.parametrize(
    ("limit", "measured", "at_least", "verdict"),
    [
        (0.75, 0.75, False, "met"),
        (0.75, 0.9, False, "**missed** by 20%"),
        (1.4, 1.4, True, "met"),
        (1.4, 1.05, True, "**missed** by 25%"),
        (0, 0, False, "met"),
        (0, 3, False, "**missed** by 3"),
    ],
)
def test_a_target_says_whether_it_is_met(limit: float, measured: float, at_least: bool, verdict: str) -> None:
    assert Target("1.", limit, measured, at_least=at_least).row().endswith(f"| {verdict} |")


def test_percentiles_count_only_what_ended_in_the_time() -> None:
    transactions = [Transaction(ended=second, took=second / 1000) for second in range(1, 301)]
    assert percentiles(transactions, since=101, until=201) == (151, 196, 200, 201)


def test_a_part_that_is_measured_alone_leaves_the_others_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.md").write_text("# Head\n<!-- measured -->\nold\n<!-- end of measured -->\nfoot\n")
    for section in (Section("load", "first", "text"), Section("idle", "idle", "text"), Section("load", "second", "")):
        save(section, tmp_path)
        write_page(saved(PARTS, tmp_path), tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    headings = [line for line in page.splitlines() if line.startswith("#") or line == "foot"]
    assert headings == ["# Head", "## Targets", "## idle", "## second", "foot"]


def test_the_plot_is_drawn_of_any_names() -> None:
    drawn = ElementTree.fromstring(svg([Bars('a "<b>" & c', (("<ours>", 1.0), ("none", 0.0)), line=0.5)]))
    assert [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")][:2] == ['a "<b>" & c', "<ours>"]


def test_the_page_shows_the_results_that_are_kept() -> None:
    assert markdown(saved(PARTS)) in (DOCS / "benchmarks.md").read_text()
