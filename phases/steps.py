"""Which parts make the steps of each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from phases import (
    backfill,
    constrain,
    contract,
    dual_write,
    enums,
    expand,
    moving,
    partitioning,
    partitions,
    raw,
    retype,
    swap,
)
from phases.delta import Delta
from phases.step import Phase, Step

_PARTS: dict[Phase, Sequence[Callable[[Delta], Iterator[Step]]]] = {
    Phase.EXPAND: (expand.steps, moving.expand, partitioning.expand),
    Phase.DUAL_WRITE: (dual_write.steps, moving.dual_write, partitioning.dual_write),
    Phase.BACKFILL: (backfill.steps, moving.backfill, partitioning.backfill),
    # what takes over last is taken over when all else stands
    Phase.CONSTRAIN: (
        constrain.steps,
        moving.constrain,
        retype.steps,
        swap.steps,
        enums.values,
        partitioning.constrain,
    ),
    # what looks comes before what destroys
    Phase.CONTRACT: (moving.validation, contract.steps, moving.contract, partitioning.contract),
}


def _with_raw(phase: Phase) -> Callable[[Delta], Iterator[Step]]:
    def steps(delta: Delta) -> Iterator[Step]:
        ours = chain.from_iterable(part(delta) for part in _PARTS[phase])
        return chain(partitions.reaching(delta, ours), raw.steps(delta, phase))

    return steps


STEPS = {phase: _with_raw(phase) for phase in Phase}
