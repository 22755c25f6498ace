"""What frames cost in energy on this machine: its power times the time that was measured."""

from __future__ import annotations

from dataclasses import dataclass

FRAMES = 1_000_000
WATTS = 15.0  # of a small computer with two busy cores: to be replaced by the reader's own
PRICE = 0.30  # of a kilowatt hour

_JOULES_A_KWH = 3.6e6


@dataclass(frozen=True)
class Bill:
    """What a million frames take.

    Attributes
    ----------
    watts : float
        Of the machine while it computes.
    price : float
        Of a kilowatt hour.
    """

    watts: float = WATTS
    price: float = PRICE

    def joules(self, seconds: float) -> float:
        """Joules of a frame that takes so many seconds."""
        return self.watts * seconds

    def kwh(self, seconds: float) -> float:
        """Kilowatt hours, if a frame takes so many seconds."""
        return FRAMES * self.joules(seconds) / _JOULES_A_KWH

    def cost(self, seconds: float) -> float:
        """What they cost."""
        return self.kwh(seconds) * self.price
