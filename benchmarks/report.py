"""What was measured, as a page: targets, a section for each part, a plot. A part measured alone replaces its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from pydantic import TypeAdapter

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[1] / "docs"
MEASURED = re.compile(r"(?<=<!-- measured -->\n).*?(?=<!-- end of measured -->)", re.DOTALL)


@dataclass(frozen=True)
class Target:
    """One of the project's aims, and what came out. `name` begins with its number."""

    name: str
    limit: float
    measured: float
    unit: str = "times"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Exactly at the limit is met."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def row(self) -> str:
        """A line of the table of targets."""
        sign = "≥" if self.at_least else "≤"
        by = f"{abs(self.measured / self.limit - 1):.0%}" if self.limit else f"{self.measured:g}"
        verdict = "met" if self.met else f"**missed** by {by}"
        digits = 0 if self.measured >= 50 or self.measured == int(self.measured) else 2
        return (
            f"| {self.name} | {sign} {self.limit:g} {self.unit} | {self.measured:.{digits}f} {self.unit} | {verdict} |"
        )


@dataclass(frozen=True)
class Bars:
    """A panel of the plot."""

    title: str
    bars: tuple[tuple[str, float], ...]
    line: float | None = None
    """Where the target or the base lies."""


@dataclass(frozen=True)
class Section:
    """What one part has to say."""

    part: str
    title: str
    text: str
    targets: tuple[Target, ...] = ()
    panels: tuple[Bars, ...] = ()
    where: str = ""
    """Day, server and machine."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines).replace(" --- ", "---")


def save(section: Section, folder: Path = RESULTS) -> None:
    """Keeps it for a page that is written later."""
    folder.mkdir(exist_ok=True)
    (folder / f"{section.part}.json").write_text(json.dumps(asdict(section), indent=1, ensure_ascii=False) + "\n")


def saved(parts: Iterable[str], folder: Path = RESULTS) -> list[Section]:
    """Those that were measured, in this order."""
    found = [folder / f"{part}.json" for part in parts]
    return [_section(json.loads(file.read_text())) for file in found if file.exists()]


def _section(data: dict[str, object]) -> Section:
    return TypeAdapter(Section).validate_python(data)


def markdown(sections: Sequence[Section]) -> str:
    """Targets, then the sections."""
    rows = [target.row() for section in sections for target in section.targets]
    head = table(("target", "wanted", "measured", ""), ())
    parts = [f"## {section.title}\n\n{section.text}\n\n{section.where}.\n" for section in sections]
    return "\n".join(["", "## Targets", "", head, *rows, "", "![Time, WAL and latency](benchmarks.svg)", "", *parts])


def write_page(sections: Sequence[Section], folder: Path = DOCS) -> None:
    """The measured part of the page, and the plot beside it."""
    page = folder / "benchmarks.md"
    page.write_text(MEASURED.sub(lambda _: markdown(sections) + "\n", page.read_text()))
    (folder / "benchmarks.svg").write_text(svg([panel for section in sections for panel in section.panels]))


WIDTH, LABEL, BAR, ROW, HEAD = 860, 250, 520, 22, 34


def svg(panels: Sequence[Bars]) -> str:
    """Horizontal bars, panel below panel; drawn by hand, so that no library is needed to read or to write it."""
    lines, y = [], 10
    for panel in panels:
        lines.append(f'<text x="10" y="{y + 20}" font-weight="bold">{escape(panel.title)}</text>')
        y += HEAD
        top = max([value for _, value in panel.bars] + [panel.line or 0]) or 1
        for label, value in panel.bars:
            length = BAR * value / top
            colour = "#2b7a78" if label.startswith("orchestrator") else "#b9c4c9"
            lines.append(f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
            lines.append(f'<rect x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{ROW - 5}" fill="{colour}"/>')
            lines.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 15}">{value:.3g}</text>')
            y += ROW
        if panel.line:
            x = LABEL + BAR * panel.line / top
            bottom, height = y, ROW * len(panel.bars)
            lines.append(
                f'<line x1="{x:.1f}" y1="{bottom - height}" x2="{x:.1f}" y2="{bottom}" stroke="#c0392b"'
                ' stroke-dasharray="4 3"/>'
            )
        y += 12
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"'
    style = ' font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head + style, *lines, "</svg>"]) + "\n"
