"""In how many passes a window is visited: found out from how many of its updates were HOT.

An update of a whole full page puts every new version on another page and into every index. Visited in K passes, each
a transaction of its own, the first pass leaves dead versions behind, the next scan prunes them, and later rows fit
into the room: HOT, no index is touched, the table grows less. That needs pruning, which an old snapshot stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

MOST = 6
"""With more, the first pass writes too little to split the pages of the indexes, and each later one finds them full and
searches them for dead entries: docs/benchmarks.md."""
WORTH_IT_BLOCKS = 32
"""A table smaller than this is done in one pass before there is anything to win."""
PROBE_EVERY = 32
"""Windows after which one that had been given up is tried again with stripes: the old snapshot may be gone."""
HOPELESS = 0.05
"""Share of HOT updates in the later passes below which pruning plainly does not work."""
ROOMY = 0.9
"""Share of HOT updates in the first pass above which pages have room enough without stripes."""


@dataclass(frozen=True)
class Pass:
    """One pass over a window: rows updated, and how many of them were HOT."""

    rows: int
    hot: int

    @property
    def share(self) -> float:
        """Share of HOT updates."""
        return self.hot / self.rows if self.rows else 0.0


@dataclass
class Striping:
    """Chooses the passes of the next window from what the last one showed. `fixed` > 0: the operator's choice."""

    blocks: int
    rows: int = 0
    """As the planner estimates; 0 where the table was never analysed."""
    fixed: int = 0
    pruning_works: bool = True
    _stripes: int = field(init=False)
    _since: int = 0

    def __post_init__(self) -> None:
        self._stripes = self._most if self.blocks >= WORTH_IT_BLOCKS else 1

    @property
    def _most(self) -> int:
        # a pass takes one row of a page at least: more passes than rows would find nothing
        return min(MOST, max(2, ceil(self.rows / self.blocks))) if self.rows else MOST

    @property
    def stripes(self) -> int:
        """Passes of the next window."""
        return self.fixed or self._stripes

    def window_done(self, passes: Sequence[Pass]) -> None:
        """Learns from a window. Passes over few rows teach nothing."""
        if self.blocks < WORTH_IT_BLOCKS or sum(each.rows for each in passes) < 100:
            return
        if len(passes) == 1:
            self._since += 1
            if self._since >= PROBE_EVERY:
                self._stripes, self._since = self._most, 0
            return
        first, *later = [each for each in passes if each.rows]
        if not later:
            return
        share = sum(each.hot for each in later) / sum(each.rows for each in later)
        self.pruning_works = share >= HOPELESS
        if not self.pruning_works or first.share > ROOMY:
            self._stripes, self._since = 1, 0
