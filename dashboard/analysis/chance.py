"""Repeatable randomness in a few lines: the same trace gives the same prediction.

Not for secrets. A 64-bit linear congruential generator (Knuth's MMIX), top bits only.
"""

from typing import Final

_MASK: Final = (1 << 64) - 1


class Chance:
    """A stream of numbers, fixed by its seed."""

    def __init__(self, seed: int) -> None:
        """Any integer."""
        self._state = (seed * 0x9E3779B97F4A7C15 + 0x1405_7B7E) & _MASK
        self.below(2)

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound` - 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & _MASK
        return (self._state >> 32) * bound >> 32
