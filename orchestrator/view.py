"""What `status` shows: gathered from the journal alone, with SELECT alone, without a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from orchestrator.claim import LOCK_CLASS
from orchestrator.database import scalar
from orchestrator.journal import badrows, measurements, store, windows
from orchestrator.journal.badrows import BadRow
from orchestrator.journal.measurements import Course
from orchestrator.journal.states import Status
from orchestrator.journal.store import Control, Heartbeat, Progress, Run
from orchestrator.journal.windows import Worker
from phases.step import Phase

# reads pg_locks, which takes no lock and needs no privilege; a standby knows nothing of the primary's advisory locks
HELD = """
SELECT pg_catalog.pg_is_in_recovery() OR EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND classid = %(space)s AND objid = %(run)s AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
"""


@dataclass(frozen=True, kw_only=True)
class View:
    """A run as an operator wants to see it."""

    run: Run
    step: str | None
    """The step under way, or the next one of a phase that has begun."""
    steps_done: int
    steps_total: int
    progress: Progress | None
    course: Course | None
    """What the step under way has taken so far, once it was measured."""
    heartbeat: Heartbeat | None
    held: bool
    """Whether a runner's lock is there: with its process, however that ended, it goes at once."""
    control: Control
    workers: list[Worker]
    """Who works on batches, on whatever machine."""
    bad_rows: list[BadRow]
    """Rows that cannot be updated, until somebody puts them right."""
    stale_after_s: float

    @property
    def pause_wanted(self) -> bool:
        """Whether the operator wants the run to stand still."""
        return self.control.pause

    @property
    def runner(self) -> str:
        """`alive`, `stale` (it claims the run but gives no sign of life) or `none`."""
        beat = self.heartbeat
        if beat is None or beat.released_at is not None or not self.held or not self.run.live:
            return "none"
        return "stale" if beat.age_s > self.stale_after_s else "alive"

    @property
    def blockers(self) -> list[dict[str, Any]]:
        """Who stands in the way of the step under way."""
        activity = self.heartbeat.activity if self.heartbeat and self.runner == "alive" else None
        return list(activity["blockers"]) if activity else []

    @property
    def throttled(self) -> Worker | None:
        """The worker that waits longest for the server's health; one that died waits no longer."""
        waiting = [each for each in self.workers if each.alive and each.throttled_since]
        return min(waiting, key=lambda each: each.throttled_since or each.joined_at, default=None)

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at the rate so far; the time in which no runner was at it says nothing about that."""
        if self.progress is None or not self._ran_s:
            return self.progress.eta_s if self.progress else None
        return self.progress.to_go(self._ran_s)

    @property
    def eta_unthrottled_s(self) -> float | None:
        """The same, should nothing throttle any more."""
        if self.progress is None or not self._ran_s:
            return self.progress.eta_unthrottled_s if self.progress else None
        return self.progress.to_go(self._ran_s * (1 - self.progress.throttled_share))

    @property
    def _ran_s(self) -> float:
        return self.course.ran_s if self.course else 0.0

    @property
    def waits_for(self) -> str:
        """One sentence: what happens next, or what it needs."""
        run, name = self.run, self.run.name
        if run.status is Status.COMPLETE:
            return "nothing: the run is complete"
        if run.status is Status.ABORTED:
            return "nothing: everything was undone"
        if self.runner == "alive":
            if self.pause_wanted:
                return "the batch under way, then it pauses"
            if self.throttled:
                return f"the server's health: {self.throttled.throttle_reason}"
            return f"lock held by pid {self.blockers[0]['pid']}" if self.blockers else "its runner, which is at work"
        if self.runner == "stale":
            verb = "abort" if run.status is Status.ABORTING else "advance"
            return f"a runner that gives no sign of life; if it is gone: orchestrator {verb} {name} --take-over"
        if self.pause_wanted:
            return self.control.resume_command(name)
        match run.status:
            case Status.ABORTING:
                return f"orchestrator abort {name}"
            case Status.WAITING if run.phase is Phase.CONSTRAIN:
                release = f"release {run.release} everywhere, and none older" if run.release else "no old code running"
                return f"{release}; then: orchestrator advance {name} --confirm-contract"
            case Status.WAITING | Status.PLANNED:
                return f"orchestrator advance {name}"
            case _:
                confirm = " --confirm-contract" if run.phase is Phase.CONTRACT else ""
                return f"orchestrator advance {name}{confirm}, which goes on where it stopped"

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        run = self.run
        beat = asdict(self.heartbeat) if self.heartbeat else None
        progress = asdict(self.progress) if self.progress else None
        if self.progress is not None and progress is not None:
            progress |= {
                "fraction": self.progress.fraction,
                "eta_s": self.eta_s,
                "eta_unthrottled_s": self.eta_unthrottled_s,
            }
            progress |= {"course": self.course.as_json() if self.course else None}
            progress["pass"] = progress.pop("pass_")
        return {
            "name": run.name,
            "id": run.id,
            "phase": run.phase,
            "status": run.status,
            "runner": self.runner,
            "epoch": run.epoch,
            "release": run.release,
            "removes": list(run.removes),
            "adds": list(run.adds),
            "warnings": list(run.warnings),
            "step": self.step,
            "steps_done": self.steps_done,
            "steps_total": self.steps_total,
            "progress": _plain(progress),
            "workers": [_plain(asdict(worker)) for worker in self.workers],
            "bad_rows": [_plain(asdict(row)) for row in self.bad_rows],
            "blockers": self.blockers,
            "heartbeat": _plain(beat),
            "pause_wanted": self.pause_wanted,
            "pause_all": self.control.pause_all,
            "throttled": self.throttled is not None,
            "knobs": dict(self.control.values),
            "error": run.error,
            "hint": run.hint,
            "waits_for": self.waits_for,
            "created_at": run.created_at.isoformat(),
            "updated_at": run.updated_at.isoformat(),
        }


def look(connection: Connection, run: Run, *, stale_after_s: float) -> View:
    """Reads what there is to see of a run."""
    steps = store.steps(connection, run.id)
    here = [row for row in steps if row.phase == run.phase]
    undone = next((row for row in here if row.status != "done"), None) if run.status in _AT_WORK else None
    # the verification's marks take over from the batches' once it has begun
    marks = store.progresses(connection, run.id)
    current = next((mark for mark in marks if undone is not None and mark.position == undone.position), None)
    return View(
        run=run,
        step=undone.title if undone else None,
        steps_done=sum(row.status == "done" for row in steps),
        steps_total=len(steps),
        progress=current,
        course=measurements.courses(connection, run.id).get(current.position) if current else None,
        heartbeat=store.heartbeat(connection, run.id),
        held=bool(scalar(connection, HELD, {"space": LOCK_CLASS, "run": run.id})),
        control=store.control(connection, run.id),
        workers=windows.workers(connection, run.id) if run.live else [],
        bad_rows=badrows.open_rows(connection, run.id),
        stale_after_s=stale_after_s,
    )


_AT_WORK = {Status.RUNNING, Status.PAUSED, Status.FAILED}


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}
