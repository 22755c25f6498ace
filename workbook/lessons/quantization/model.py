"""The models of lesson 3's panels: weights on grids of 2 to 8 bits, and how much of an array's range the bytes cover.

The kernels multiply bytes and nothing smaller. So that bits can be a control, weights are rounded to the grid, with one
scale for a layer or one for each filter, and the network then runs in float32: it shows what the grid of the weights
does to the answers, and nothing of activations.

Of an array, what lies outside the range is cut off, what lies inside is rounded. A smaller range cuts off more and
rounds more finely; each calibrator is an answer to where the two should meet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbook.graphs.graph import FloatArray
from workbook.lessons.quantization.trained import accuracy, network, observations
from workbook.network import Network
from workbook.quantize.affine import Affine
from workbook.quantize.calibrators import Calibrator, minmax, mse, percentile
from workbook.quantize.histogram import Histogram
from workbook.quantize.layer_errors import sqnr

NETWORKS = {"digits_cnn": "conv2", "digits_depthwise": "conv5_depthwise"}  # and the layer that is drawn
SCALES = {"one for each filter": True, "one for the layer": False}
FEWEST, MOST = 2, 8
ACCURACIES = Path(__file__).with_name("grid_accuracies.json")


@dataclass(frozen=True)
class Gridded:
    """A layer's weights on a grid, and what becomes of the network's accuracy.

    Attributes
    ----------
    network, layer : str
    scales : str
        One of SCALES.
    bits : int
    weight, rounded : (K, C, R, S) float32
    steps : (K,) float32
        Of each filter's grid.
    accuracies : mapping of str to mapping of int to float
        By SCALES, then by bits: all weights on grids.
    in_float : float
        The accuracy in float32.
    """

    network: str
    layer: str
    scales: str
    bits: int
    weight: FloatArray
    rounded: FloatArray
    steps: FloatArray
    accuracies: Mapping[str, Mapping[int, float]]
    in_float: float

    @property
    def narrowest(self) -> int:
        """The filter with the smallest range."""
        return int(np.abs(self.weight).max(axis=(1, 2, 3)).argmin())

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise of the layer's weights, in dB."""
        return sqnr(self.rounded, self.weight)


def grid_of(weight: FloatArray, bits: int, per_filter: bool) -> Affine:
    """Return the symmetric grid that holds all weights: one for the layer, or one for each filter."""
    axes = tuple(range(1, weight.ndim)) if per_filter else None
    return Affine.of_range(weight.min(axis=axes), weight.max(axis=axes), "int8", symmetric=True, bits=bits)


def gridded(network: str, scales: str, bits: int) -> Gridded:
    """Put the weights of a network of NETWORKS on grids."""
    layer = NETWORKS[network]
    weight = weight_of(network, layer)
    grid = grid_of(weight, bits, SCALES[scales])
    steps = np.broadcast_to(grid.scale, len(weight))
    found = {name: {int(b): share for b, share in known(network)[name].items()} for name in SCALES}
    in_float = known(network)["float32"]["32"]
    return Gridded(network, layer, scales, bits, weight, grid.rounded(weight), steps, found, in_float)


def weight_of(name: str, layer: str) -> FloatArray:
    """Return a layer's weights (K, C, R, S)."""
    graph = network(name).graph
    return graph.constants[next(node.inputs[1] for node in graph.nodes if node.name == layer)]


@cache
def known(name: str) -> Mapping[str, Mapping[str, float]]:
    """Return what `accuracy_at` gives for a network, by SCALES and by bits, and the accuracy in float32.

    All of it takes seconds, and depends on nothing but the weights and the images, so `grid_accuracies.py` has computed
    it ahead; the tests compute it again.
    """
    everything: dict[str, dict[str, dict[str, float]]] = json.loads(ACCURACIES.read_text(encoding="utf-8"))
    return everything[name]


def accuracy_at(name: str, bits: int, scales: str) -> float:
    """Return the accuracy of a network with all its weights on grids; some tenths of a second."""
    graph = network(name).graph
    constants = dict(graph.constants)
    for node in graph.nodes:
        if node.op in ("Conv", "Gemm"):
            weight = constants[node.inputs[1]]
            constants[node.inputs[1]] = grid_of(weight, bits, SCALES[scales]).rounded(weight)
    return accuracy(Network(replace(graph, constants=constants)))


CALIBRATORS: dict[str, Calibrator] = {
    "minmax": minmax,
    "percentile 99.99": percentile(99.99),
    "percentile 99.9": percentile(99.9),
    "percentile 99": percentile(99),
    "mse": mse,
}
TAIL = "a long tail"
ARRAYS = {
    "digits_cnn, conv2": ("digits_cnn", "conv2"),
    "digits_cnn, conv7": ("digits_cnn", "conv7"),
    "denoiser, conv4": ("denoiser", "conv4"),
    TAIL: None,
}
PERCENTS = range(1, 101)

_TAIL_NUMBERS, _TAIL_FREEDOM = 100_000, 3


@dataclass(frozen=True)
class Cut:
    """Numbers in bytes that cover low .. high.

    Attributes
    ----------
    low, high : float
    step : float
        Between neighbouring bytes.
    share : float
        Of the numbers, cut off.
    rounding, cutting : float
        Mean squared error of the numbers inside, and of those outside, each over all numbers.
    """

    low: float
    high: float
    step: float
    share: float
    rounding: float
    cutting: float

    @property
    def error(self) -> float:
        """Root of the mean squared error of all numbers."""
        return float(np.sqrt(self.rounding + self.cutting))

    def __str__(self) -> str:
        return (
            f"{self.low:.2f} to {self.high:.2f}: step {self.step:.4f}, {self.share:.3%} cut off, error {self.error:.4f}"
        )


@dataclass(frozen=True)
class Ranged:
    """An array, and every range that could be covered.

    Attributes
    ----------
    array : str
        One of ARRAYS.
    seen : Histogram
    percent : int
        Of the range from the smallest to the largest number, that is covered.
    cuts : mapping of int to Cut
        By percent.
    chosen : mapping of str to float
        By CALIBRATORS, the percent of the range that it covers.
    """

    array: str
    seen: Histogram
    percent: int
    cuts: Mapping[int, Cut]
    chosen: Mapping[str, float]

    @property
    def cut(self) -> Cut:
        """At the chosen percent."""
        return self.cuts[self.percent]

    @property
    def signal(self) -> float:
        """Root of the mean square of the numbers."""
        return float(np.sqrt(self.seen.counts @ np.square(self.seen.centres) / self.seen.size))


def ranged(array: str, percent: int) -> Ranged:
    """Cover a part of an array's range."""
    return Ranged(array, _seen(array), percent, _cuts(array), _chosen(array))


def cut(x: FloatArray, calibrator: str) -> Cut:
    """Return the range that a calibrator chooses for unsigned bytes, and what it does to the numbers.

    Raises
    ------
    ValueError
        For a calibrator that is not in CALIBRATORS, or numbers that are not finite.
    """
    if calibrator not in CALIBRATORS:
        raise ValueError(f"no calibrator {calibrator!r}; there are {', '.join(CALIBRATORS)}")
    seen = Histogram()
    seen.observe(np.asarray(x, np.float32))
    return _cut(seen, *CALIBRATORS[calibrator](seen, Affine.of_range))


@cache
def tail() -> FloatArray:
    """Return numbers with a long tail on both sides, as Student's t of 3 degrees has them."""
    x = np.random.default_rng(3).standard_t(_TAIL_FREEDOM, _TAIL_NUMBERS).astype(np.float32)
    x.flags.writeable = False
    return x


def _cut(seen: Histogram, low: float, high: float) -> Cut:
    """Cut off a histogram's numbers, each taken for the centre of its bin."""
    x = np.clip(seen.centres, seen.low, seen.high)
    rule = Affine.of_range(low, high)
    step = float(rule.scale)
    ends = rule.dequantize(np.array([0, 255], np.uint8))
    outside = (x < ends[0] - step / 2) | (x > ends[1] + step / 2)
    squares = seen.counts * np.square(rule.rounded(x.astype(np.float32)) - x) / seen.size
    lost = float(seen.counts[(x < low) | (x > high)].sum() / seen.size)
    return Cut(low, high, step, lost, float(squares[~outside].sum()), float(squares[outside].sum()))


@cache
def _seen(array: str) -> Histogram:
    source = ARRAYS[array]
    if source is None:
        seen = Histogram()
        seen.observe(tail())
        return seen
    name, layer = source
    output = next(node.outputs[0] for node in network(name).graph.nodes if node.name == layer)
    return observations(name).arrays[output].histogram


@cache
def _cuts(array: str) -> dict[int, Cut]:
    seen = _seen(array)
    return {p: _cut(seen, p / 100 * seen.low, p / 100 * seen.high) for p in PERCENTS}


@cache
def _chosen(array: str) -> dict[str, float]:
    seen = _seen(array)
    whole = _width(seen.low, seen.high)
    return {name: 100 * _width(*choose(seen, Affine.of_range)) / whole for name, choose in CALIBRATORS.items()}


def _width(low: float, high: float) -> float:
    """Of a range, widened to hold 0."""
    return max(high, 0) - min(low, 0)


def counts_by_size(seen: Histogram, bars: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return a histogram of fewer bars over what was seen: counts, and the edges."""
    edges = np.linspace(min(seen.low, 0), seen.high, bars + 1)
    counts, _ = np.histogram(np.clip(seen.centres, edges[0], edges[-1]), edges, weights=seen.counts)
    return counts.astype(np.float64), edges
