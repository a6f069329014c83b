"""`orchestrator demo`: a column renamed under traffic of two application releases, on a PostgreSQL of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.demo.report import Report


def run_demo(*, rows: int, database_url: str | None = None, quiet: bool = False) -> Report:
    """Tells the whole story on stderr; whatever was started or created for it is gone afterwards, also on errors.

    Raises:
        DemoFailed: a command did not answer as it should, or there is no server to be had.
        StoppedOnRequest: Ctrl-C, SIGTERM or SIGHUP.
    """
    # here, not above: the keeper and the application are processes of this package, and start without all of it
    from orchestrator.demo import screen, server
    from orchestrator.demo.interrupt import Interrupt
    from orchestrator.demo.story import Story

    with ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt())
        shown = stack.enter_context(screen.screen(quiet=quiet))
        shown.title("users.email becomes users.email_address, under traffic of two releases")
        if database_url is None:
            shown.step("A PostgreSQL is started for the demo, and goes with it.")
            stage = stack.enter_context(server.embedded())
        else:
            shown.step("On the server you gave, a database is created for the demo, and dropped at its end.")
            stage = stack.enter_context(server.given(database_url))
        shown.output(f"PostgreSQL {stage.version}, {stage.place}")
        story = stack.enter_context(Story(stage, shown, interrupt, rows=rows))
        report = story.tell()
        shown.end()
        return report
