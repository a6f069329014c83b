"""What an operator wants of a run, written down from any machine; a runner obeys within one batch."""

from __future__ import annotations

from orchestrator.context import Context, journal, require_run
from orchestrator.errors import IllegalTransition
from orchestrator.journal import store
from orchestrator.journal.store import Run


def set_pause(context: Context, name: str, *, pause: bool) -> Run:
    """Writes down that a run shall stop, or may go on; a runner anywhere obeys within one batch."""
    with journal(context) as connection:
        run = require_run(connection, name)
        if not run.live:
            raise IllegalTransition(f'run "{name}" is {run.status}', "there is nothing to stop")
        store.set_control(connection, run.id, pause=pause)
        store.add_event(connection, run.id, "intent", "pause" if pause else "resume")
        return run


def set_pause_all(context: Context, *, pause: bool) -> list[Run]:
    """The switch for everything: no run on any machine goes on while it is set. Returns the live runs."""
    with journal(context) as connection:
        store.set_switch(connection, pause=pause)
        return [run for run in store.latest_runs(connection) if run.live]


def set_knob(context: Context, name: str, key: str, value: str) -> tuple[str, object]:
    """Tunes a knob of a run, while it works or before; returns what it was and is, for people, and what it is."""
    with journal(context) as connection:
        run = require_run(connection, name)
        before = store.control(connection, run.id).knobs
        after = before.changed(key, value)
        store.set_control(connection, run.id, knobs=after)
        change = f"{key}: {before.shown(key)} → {after.shown(key)}"
        store.add_event(connection, run.id, "intent", change)
        return change, getattr(after, key)
