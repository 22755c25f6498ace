"""What `explain` of a plan returns: every algorithm with its predicted time and error, and the one that is used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One algorithm on one layer.

    Attributes
    ----------
    algorithm : str
    seconds : float
        Predicted for this machine; NaN if it cannot run.
    error : float
        Expected root mean square error over the root mean square output; 0 if it is exact, NaN if it cannot run.
    obstacle : str
        Why it cannot run the layer; empty if it can.
    """

    algorithm: str
    seconds: float
    error: float
    obstacle: str


@dataclass(frozen=True)
class Explanation:
    """The choice for a layer, and the numbers behind it. Printed, it is a table.

    Attributes
    ----------
    algorithm : str
        That a call with this input would use.
    macs : int
        Multiply-adds of the definition.
    bytes : int
        Of input, weights and output, each moved once: no algorithm moves less.
    options : tuple of Option
        Every algorithm, those that cannot run included.
    """

    algorithm: str
    macs: int
    bytes: int
    options: tuple[Option, ...]

    @property
    def chosen(self) -> Option:
        """The option of the algorithm that is used."""
        return next(option for option in self.options if option.algorithm == self.algorithm)

    def __str__(self) -> str:
        lines = [
            f"{self.algorithm}: {self.macs / 1e6:,.1f} million multiply-adds, {self.bytes / 1e6:,.1f} MB at least",
            f"{'algorithm':<12} {'predicted':>12} {'error':>9}",
        ]
        for option in self.options:
            if option.obstacle:
                lines.append(f"{option.algorithm:<12} cannot run: {option.obstacle}")
                continue
            times = option.seconds / self.chosen.seconds
            why = "chosen" if option is self.chosen else f"{times:.2f} x the time of {self.algorithm}"
            error = f"{option.error:.1e}" if option.error else "exact"
            lines.append(f"{option.algorithm:<12} {option.seconds * 1e3:>9.3f} ms {error:>9}  {why}")
        return "\n".join(lines)
