"""The roofline: what a core can do at most on a layer, from its multiply-adds and the bytes that it must move.

    GMAC/s <= min(peak, GB/s * MAC/byte)

A layer with few multiply-adds a byte waits for memory, one with many for the multiply-add units; where the two bounds
meet is the ridge. After S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model
for multicore architectures", Communications of the ACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbook.measuring import this_machine
from workbook.measuring.timing import Timing
from workbook.measuring.topologies import ConvLayer

FLOAT_BYTES = 4

_PEAK = "peak"


def layer_bytes(layer: ConvLayer, *, batch: int = 1, weights: bool = True) -> int:
    """Bytes that a layer moves if it reads each input and each weight once and writes each output once.

    Parameters
    ----------
    layer : ConvLayer
    batch : int
        Images at once; they share the weights.
    weights : bool
        Whether the weights are moved too, or lie in a cache already.
    """
    activations = batch * (layer.input_numbers + layer.output_numbers)
    return FLOAT_BYTES * (activations + (layer.weight_numbers if weights else 0))


def intensity(layer: ConvLayer, *, batch: int = 1, weights: bool = True) -> float:
    """Multiply-adds a byte of `layer_bytes`; the parameters are the same."""
    return batch * layer.macs / layer_bytes(layer, batch=batch, weights=weights)


@dataclass(frozen=True)
class Roofline:
    """What one core does at most.

    Attributes
    ----------
    peak_gmacs : float
        Multiply-adds, in GMAC/s.
    gbs : dict of str to float
        Bytes read from each cache and from memory, in GB/s; the nearest first, "memory" last.
    """

    peak_gmacs: float
    gbs: dict[str, float]

    def ridge(self, level: str = this_machine.MEMORY) -> float:
        """MAC/byte from which on the multiply-add units are the bound, not the bytes of this level."""
        return self.peak_gmacs / self.gbs[level]

    def bound(self, intensity: float, level: str = this_machine.MEMORY) -> float:
        """GMAC/s at most of a layer that does `intensity` MAC/byte on bytes of this level."""
        return min(self.peak_gmacs, self.gbs[level] * intensity)


def probes(*levels: str) -> dict[str, Callable[[], int]]:
    """Return what to time in the rounds of a measurement, so that `in_rounds` can tell the roofline of that moment.

    Parameters
    ----------
    levels : str
        Keys of `this_machine.working_sets()`.
    """
    return {_PEAK: this_machine.multiplying(), **{level: this_machine.reading(level) for level in levels}}


def in_rounds(probes: Mapping[str, Callable[[], int]], times: Mapping[str, Timing]) -> Roofline:
    """Return the roofline of the rounds in which `probes` were timed."""
    rates = {name: probe() / times[name].median / 1e9 for name, probe in probes.items()}
    return Roofline(rates.pop(_PEAK), rates)


def measured() -> Roofline:
    """Measure this machine's roofline; a second the first time."""
    return Roofline(
        this_machine.peak_gmacs(), {level: this_machine.bandwidth_gbs(level) for level in this_machine.working_sets()}
    )
