"""The five phases, pure: a `Delta` goes in, steps with their SQL come out. Nothing here connects to anything."""

from collections.abc import Iterator

from phases import backfill, constrain, contract, dual_write, expand, retype, swap
from phases.delta import Delta
from phases.step import Phase, Step


def _constrain(delta: Delta) -> Iterator[Step]:
    """What takes over last is taken over when all else stands."""
    yield from constrain.steps(delta)
    yield from retype.steps(delta)
    yield from swap.steps(delta)


STEPS = {
    Phase.EXPAND: expand.steps,
    Phase.DUAL_WRITE: dual_write.steps,
    Phase.BACKFILL: backfill.steps,
    Phase.CONSTRAIN: _constrain,
    Phase.CONTRACT: contract.steps,
}
