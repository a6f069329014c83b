"""The five phases, pure: a `Delta` goes in, steps with their SQL come out. Nothing here connects to anything."""

from phases import backfill, constrain, contract, dual_write, expand
from phases.step import Phase

STEPS = {
    Phase.EXPAND: expand.steps,
    Phase.DUAL_WRITE: dual_write.steps,
    Phase.BACKFILL: backfill.steps,
    Phase.CONSTRAIN: constrain.steps,
    Phase.CONTRACT: contract.steps,
}
