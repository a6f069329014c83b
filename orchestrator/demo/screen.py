"""What the demo shows while it runs, on stderr: a story line by line, and on a terminal live figures below it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

REFRESHES_PER_S = 4


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One release at this moment."""

    release: str
    running: bool
    statements: int
    errors: int
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, kw_only=True)
class Glance:
    """Everything that moves."""

    task: str = ""
    fraction: float | None = None
    about: str = ""
    releases: Sequence[Figures] = ()


class Screen:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def title(self, text: str) -> None:
        """What the story is about."""

    def step(self, sentence: str) -> None:
        """What happens next, in one sentence."""

    def command(self, text: str) -> None:
        """What an operator would type."""

    def output(self, line: str) -> None:
        """What a command answered."""

    def meanwhile(self, line: str) -> None:
        """How the application fared."""

    def end(self) -> None:
        """The story is told; the report comes next."""

    def watch(self, look: Callable[[], Glance]) -> None:
        """Where the live figures come from, from now on."""


class Lines(Screen):
    """Plain lines: for logs, pipes and tests."""

    def line(self, text: str, style: str = "") -> None:
        """One line."""
        print(text, file=sys.stderr, flush=True)

    def title(self, text: str) -> None:
        self.line(text, "bold")

    def step(self, sentence: str) -> None:
        self.line("")
        self.line(sentence, "bold cyan")

    def command(self, text: str) -> None:
        self.line(f"  $ {text}", "green")

    def output(self, line: str) -> None:
        self.line(f"    {line}")

    def meanwhile(self, line: str) -> None:
        self.line(f"    {line}", "magenta")

    def end(self) -> None:
        self.line("")


class Terminal(Lines):
    """The same, with the live figures at the bottom until the demo ends."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False)
        self._look: Callable[[], Glance] = Glance
        self._live: Live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def line(self, text: str, style: str = "") -> None:
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        for part in textwrap.wrap(text, self._console.width, subsequent_indent=indent) or [""]:
            self._console.print(part, style=style, markup=False, soft_wrap=True)

    def output(self, line: str) -> None:
        # the bar says it already
        if "% of" not in line:
            super().output(line)

    def watch(self, look: Callable[[], Glance]) -> None:
        self._look = look

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.rule import Rule
        from rich.table import Table
        from rich.text import Text

        glance = self._look()
        parts: list[RenderableType] = [Rule(style="dim")]
        if glance.task:
            bar = Table.grid(padding=(0, 2))
            share = "" if glance.fraction is None else f"{glance.fraction:4.0%}"
            bar.add_row(
                glance.task,
                ProgressBar(total=1.0, completed=glance.fraction or 0.0, width=24, pulse=glance.fraction is None),
                f"{share} {glance.about}",
            )
            parts.append(bar)
        figures = Table.grid(padding=(0, 2))
        for each in glance.releases:
            figures.add_row(
                f"release {each.release}" if each.running else Text(f"release {each.release}", style="dim"),
                f"{each.statements:,} statements",
                Text(f"{each.errors:,} errors", style="red" if each.errors else "green"),
                f"p99 {each.p99_ms:.1f} ms" if each.running else "stopped",
                f"max {each.max_ms:.1f} ms" if each.running else "",
            )
        return Group(*parts, figures)


def screen(*, quiet: bool) -> Screen:
    """The one that fits where stderr goes."""
    if quiet:
        return Screen()
    return Terminal() if sys.stderr.isatty() else Lines()
