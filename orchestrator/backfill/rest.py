"""How long to rest between two batches, so that the server has time for others."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.backfill.pace import MOST_BLOCKS
from orchestrator.journal.store import Progress
from orchestrator.knobs import Knobs

RATION_S = 0.2
"""Under `max_rows_per_s` a batch is no larger than what is allowed in this time: no burst, and no long silence."""


@dataclass(frozen=True)
class Batch:
    """A batch that was committed; its times in seconds of one clock."""

    started: float
    ended: float
    rows: int


def rest_until(knobs: Knobs, batch: Batch) -> float:
    """When the next batch may begin. From the start of this one counts what it was allowed, from its end the rest."""
    paused = batch.ended + knobs.pause_between_batches_ms / 1000
    nice = batch.ended + knobs.nice * (batch.ended - batch.started)
    rationed = batch.started + batch.rows / knobs.max_rows_per_s if knobs.max_rows_per_s else batch.ended
    return max(paused, nice, rationed)


def most_blocks(knobs: Knobs, progress: Progress) -> int:
    """How many blocks a batch may have, so that it stays within what is allowed in a short time."""
    if knobs.max_rows_per_s is None:
        return MOST_BLOCKS
    done = progress.rows / progress.next_block if progress.next_block else 0.0
    estimate = progress.estimated_rows / progress.total_blocks if progress.total_blocks else 0.0
    rows_a_block = max(done, estimate)
    # a table that was never analysed: one block tells
    return max(1, int(knobs.max_rows_per_s * RATION_S / rows_a_block)) if rows_a_block else 1
