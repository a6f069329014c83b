"""The five phases, pure: a `Delta` goes in, steps with their SQL come out. Nothing here connects to anything."""

from collections.abc import Callable, Iterator
from itertools import chain

from phases import backfill, constrain, contract, dual_write, enums, expand, raw, retype, swap
from phases.delta import Delta
from phases.step import Phase, Step


def _constrain(delta: Delta) -> Iterator[Step]:
    """What takes over last is taken over when all else stands."""
    yield from chain(constrain.steps(delta), retype.steps(delta), swap.steps(delta), enums.values(delta))


_OURS: dict[Phase, Callable[[Delta], Iterator[Step]]] = {
    Phase.EXPAND: expand.steps,
    Phase.DUAL_WRITE: dual_write.steps,
    Phase.BACKFILL: backfill.steps,
    Phase.CONSTRAIN: _constrain,
    Phase.CONTRACT: contract.steps,
}


def _with_raw(phase: Phase) -> Callable[[Delta], Iterator[Step]]:
    return lambda delta: chain(_OURS[phase](delta), raw.steps(delta, phase))


STEPS = {phase: _with_raw(phase) for phase in Phase}
