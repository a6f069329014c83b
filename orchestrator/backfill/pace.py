"""How many blocks the next batch takes: steered by the time batches took, never by their row count."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_BLOCKS = 64
"""Half a megabyte: some thousand narrow rows, some milliseconds."""
MOST_BLOCKS = 65_536
GROWTH = 1.5
GENTLE = 0.2
"""What is added at most, where somebody has waited behind a batch not long ago; this much more each time."""
EASING = 1.1
SAMPLES = 5
PANIC = 5
"""A batch this many times over target cuts the size to a tenth at once."""


@dataclass
class Pace:
    """Aims at `target_ms` a batch. Grows slowly, shrinks fast; ignores what an older size had to say.

    The rules are those of spirit's chunker (time-based, growth bounded, a tenth at five times the target), with
    fewer samples and the slowest of them in the place of a percentile.
    """

    target_ms: float
    blocks: int = FIRST_BLOCKS
    most: int = MOST_BLOCKS
    _samples: list[float] = field(default_factory=list)
    _more: float = GROWTH - 1

    def took(self, milliseconds: float, blocks: int) -> None:
        """A batch of `blocks` blocks was committed in so many milliseconds."""
        if blocks != self.blocks:
            return
        if milliseconds > PANIC * self.target_ms:
            self._resize(self.blocks // 10)
            return
        self._samples.append(milliseconds)
        if max(self._samples) > self.target_ms or len(self._samples) >= SAMPLES:
            factor = min(1 + self._more, self.target_ms / max(*self._samples, 0.1))
            self._more = min(GROWTH - 1, self._more * EASING)
            # at one block, half as much again would still be one
            self._resize(max(int(self.blocks * factor), self.blocks + 1 if factor > 1 else 1))

    def limit(self, most: int) -> None:
        """No batch may be larger."""
        self.most = max(1, min(MOST_BLOCKS, most))
        if self.blocks > self.most:
            self._resize(self.most)

    def timed_out(self) -> None:
        """The server cut a batch short for us: half of it."""
        self._resize(self.blocks // 2)

    def blocked(self) -> None:
        """A row of the batch is locked by the application: come back with less, so as to wait for less."""
        self._resize(self.blocks // 4)

    def awaited(self) -> None:
        """Somebody waited behind a batch: the next one is smaller, and keeps nobody waiting for as long.

        A batch of half the size meets a quarter of the waiters, each for half as long. So it grows with care from
        there, and stays where one batch in twenty meets one.
        """
        self._resize(self.blocks // 2)
        self._more = GENTLE

    def _resize(self, blocks: int) -> None:
        self.blocks = max(1, min(self.most, blocks))
        self._samples.clear()
