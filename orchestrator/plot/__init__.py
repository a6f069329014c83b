"""How a backfill went, as a picture for the post-mortem."""

from __future__ import annotations

from pathlib import Path

from orchestrator.context import Context, journal, require_run
from orchestrator.errors import NothingMeasured, OrchestratorError, PlotUnavailable, UsageError
from orchestrator.journal import store
from orchestrator.journal.measurements import intervals, measurements
from orchestrator.plot.story import Story, notes, stretches
from phases.step import Phase

SUFFIXES = (".png", ".svg")


def plot(context: Context, name: str, file: Path) -> None:
    """Draws what was measured in a run's backfill to a .png or .svg file.

    Raises:
        UsageError: another kind of file.
        PlotUnavailable: matplotlib is not installed.
        NothingMeasured: the backfill has not begun.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f'cannot draw to "{file}"', f"give a file that ends in {' or '.join(SUFFIXES)}")
    try:
        # it takes as long to load as all the rest, and is an extra
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotUnavailable from error
    from orchestrator.plot.drawing import draw

    story = _read(context, name)
    figure = Figure(figsize=(12, 9), layout="constrained")
    draw(figure, story)
    try:
        figure.savefig(file, dpi=110)
    except OSError as error:
        raise OrchestratorError(f'cannot write "{file}": {error.strerror}') from error


def _read(context: Context, name: str) -> Story:
    with journal(context) as connection:
        run = require_run(connection, name)
        # contract compares once more, maybe weeks later: in one picture with that nothing could be seen
        verifies = {
            step.position: step.op == "verify"
            for step in store.steps(connection, run.id)
            if step.phase is Phase.BACKFILL
        }
        series = [each for each in measurements(connection, run.id) if each.position in verifies]
        marks = {mark.position: mark for mark in store.progresses(connection, run.id)}
        events = store.events(connection, run.id)
        knobs = store.control(connection, run.id).knobs
    found = tuple(stretches(list(intervals(series)), verifies))
    if not found:
        raise NothingMeasured(name)
    happened = notes(events, found[0].start, found[-1].end)
    return Story(name=name, stretches=found, marks=marks, notes=tuple(happened), knobs=knobs)
