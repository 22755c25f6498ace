"""What quantization does to each layer: its error, what a CPU without VNNI would spoil, its time, and why.

    SQNR = 10 log10(sum of y^2 / sum of (y_int8 - y)^2)    in dB; 6 dB are one bit

"alone" gives the layer exact input, rounded to bytes; "so far" gives it what the int8 layers before it made. A layer
with a low SQNR alone is the one to exclude or to override.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

import kernels
from kernels.geometry import Geometry, Window
from workbook.graphs.graph import Array, Graph, Node
from workbook.graphs.operators import prepare
from workbook.graphs.operators.convolutions import QLINEAR_CONV
from workbook.graphs.operators.operator import Settings
from workbook.graphs.operators.products import QGEMM
from workbook.graphs.quantize_linear import dequantize_linear, quantize_linear
from workbook.graphs.windows import window
from workbook.measuring import timing  # TODO
from workbook.measuring.timing import measured
from workbook.plain_text import Text
from workbook.quantize.byte_speed import Speed, race
from workbook.quantize.calibration import Recipe, prepared, without_sums
from workbook.quantize.equalisation import is_cap
from workbook.quantize.network_protocol import Runs
from workbook.quantize.to_bytes import quantize


@dataclass(frozen=True)
class Row:
    """One layer on bytes.

    Attributes
    ----------
    name : str
    alone, so_far : float
        SQNR of its output in dB; inf if there is no error.
    spoiled : float
        The part of its sums that `vpmaddubsw` gets wrong, from 0 to 1.
    without_vnni : float
        SQNR so far if this layer, and none before it, ran on a CPU without VNNI.
    speed : Speed
    """

    name: str
    alone: float
    so_far: float
    spoiled: float
    without_vnni: float
    speed: Speed


@dataclass(frozen=True)
class Report(Text):
    """All layers on bytes, in the order in which they run.

    Attributes
    ----------
    rows : tuple of Row
    output : float
        SQNR in dB of the network's output.
    output_without_vnni : float
        The same if every layer ran on a CPU without VNNI.
    """

    rows: tuple[Row, ...]
    output: float
    output_without_vnni: float

    def __str__(self) -> str:
        lines = [f"{'':<18}{'SQNR, dB':>18}{'without VNNI':>24}"]
        lines.append(f"{'layer':<18}{'alone':>9}{'so far':>9}{'sums spoiled':>14}{'SQNR, dB':>10}")
        for row in self.rows:
            numbers = f"{row.alone:>9.1f}{row.so_far:>9.1f}{row.spoiled:>13.2%} {row.without_vnni:>10.1f}"
            lines.append(f"{row.name:<18}{numbers}")
        lines.append(f"{'output':<18}{'':>9}{self.output:>9.1f}{'':>14}{self.output_without_vnni:>10.1f}")
        lines += [
            "",
            "alone: on exact input; so far: on what the layers before it made",
            "times and their reasons: .times",
        ]
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def times(self) -> Times:
        """The time of each layer in float32 and on bytes, and why."""
        return Times(self.rows)


@dataclass(frozen=True)
class Times(Text):
    """Layers in float32 and on bytes, a line each; below them why, each reason once."""

    rows: tuple[Row, ...]

    def __str__(self) -> str:
        lines = [f"{'layer':<18}{'float32':>10}{'int8':>24}{'gain':>21}"]
        for row in self.rows:
            speed = row.speed
            before, after = (measured(1e3 * timing.median, "ms", 7) for timing in (speed.in_float, speed.in_bytes))
            lines.append(f"{row.name:<18}{before}{after}{measured(speed.ratio, 'x', 7)}")
        why: dict[str, list[str]] = {}
        for row in self.rows:
            why.setdefault(row.speed.why, []).append(row.name)
        return "\n".join([*lines, "", *(f"[machine] {', '.join(names)}: {reason}" for reason, names in why.items())])

    __repr__ = __str__


def report(network: Runs, recipe: Recipe, images: Array, seconds: float | None = None) -> Report:
    """Look at each layer of the network that `quantize(network, recipe)` returns.

    Parameters
    ----------
    network : workbook.network.Network
        In float32.
    recipe : Recipe
    images : (N, C, H, W) float32
        A few; every array of the network is kept for them, and the layers are timed on them.
    seconds : float, optional
        To spend on timing each layer, on one thread; 0.1 s, or 0.02 s when WORKBOOK_QUICK is set.

    Raises
    ------
    ValueError
        If the recipe is another network's, or there is no image.
    """
    if not len(images):
        raise ValueError("the report needs at least one image")
    seconds = seconds if seconds is not None else 0.02 if timing.quick() else 0.1
    graph = without_sums(prepared(network.graph, recipe.scheme))
    exact = _arrays(network.of_graph(graph, threads=1), images)
    int8 = quantize(network, recipe, threads=1)
    spoiled = quantize(network, recipe, algorithm="saturating", threads=1)
    found = _arrays(int8, images)
    floats = {node.name: node for node in graph.nodes}
    rows = [
        _row(node, floats[node.name], graph, int8.graph.constants, exact, found, seconds)
        for node in int8.graph.nodes
        if node.op in ("QLinearConv", "com.microsoft.QGemm")
    ]
    y = network.run(images)[0]
    return Report(tuple(rows), sqnr(int8.run(images)[0], y), sqnr(spoiled.run(images)[0], y))


def sqnr(found: Array, exact: Array) -> float:
    """Signal to quantization noise in dB; inf without noise, -inf if there is noise and no signal."""
    signal = float(np.square(exact.astype(np.float64)).sum())
    noise = float(np.square(found.astype(np.float64) - exact).sum())
    if not noise:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _row(
    node: Node,
    of_float: Node,
    graph: Graph,
    constants: Mapping[str, Array],
    exact: Mapping[str, Array],
    found: Mapping[str, Array],
    seconds: float,
) -> Row:
    """Look at one layer: `node` on bytes, `of_float` in float32."""
    layer = _Layer.of(node, constants)
    x, x_exact = found[node.inputs[0]], exact[of_float.inputs[0]]
    cap = graph.reader(of_float.outputs[0])
    bound = graph.constants[cap.inputs[1]] if cap is not None and is_cap(cap, graph) else np.float32(np.inf)
    y_exact = np.minimum(exact[of_float.outputs[0]], bound)
    ours, theirs = (
        prepare(node, constants, Settings(threads=1, integer_algorithm=name)) for name in ("auto", "saturating")
    )

    def error(q: Array) -> float:
        return sqnr(np.minimum(dequantize_linear(q, layer.y_scale, layer.y_zero), bound), y_exact)

    in_float = prepare(of_float, graph.constants, Settings(threads=1))
    others = [graph.constants[name] if name else None for name in in_float.reads[1:]]
    explained = in_float.explain(x_exact.shape)
    return Row(
        node.name,
        alone=error(ours.compute(quantize_linear(x_exact, layer.x_scale, layer.x_zero))),
        so_far=error(ours.compute(x)),
        spoiled=layer.spoiled(x),
        without_vnni=error(theirs.compute(x)),
        speed=race(
            partial(in_float.compute, x_exact, *others),
            partial(ours.compute, x),
            explained.algorithm if explained else "NumPy",
            Geometry.of(layer.image(x).shape, layer.w.shape, layer.window),
            seconds,
        ),
    )


@dataclass(frozen=True)
class _Layer:
    """The stored inputs of a QLinearConv, or of a QGemm as the 1x1 convolution that it is."""

    x_scale: Array
    x_zero: Array
    w: Array
    w_zero: Array
    y_scale: Array
    y_zero: Array
    window: Window

    @classmethod
    def of(cls, node: Node, constants: Mapping[str, Array]) -> _Layer:
        product = node.op != "QLinearConv"
        given = (QGEMM if product else QLINEAR_CONV).read(node)
        assert given.w
        (_, *of_x), (w_name, _, w_zero_name) = given.x[0], given.w
        names = (*of_x, w_name, w_zero_name, *given.y)
        x_scale, x_zero, w, w_zero, y_scale, y_zero = (constants[name] for name in names)
        w = w[:, :, None, None] if product else w
        moves = Window.of(1, 0, 1, 1) if product else window(node, w.shape[2:])
        return cls(x_scale, x_zero, w, w_zero, y_scale, y_zero, moves)

    def image(self, x: Array) -> Array:
        """Return x as QGemm's kernel sees it: its rows are the pixels of one image."""
        return x if x.ndim == 4 else np.ascontiguousarray(x.T)[None, :, None]

    def spoiled(self, x: Array) -> float:
        """Return the part of the sums that the saturating instruction gets wrong."""
        moves = self.window
        right, wrong = (
            kernels.conv_integer(
                self.image(x),
                self.w,
                self.x_zero,
                self.w_zero,
                stride=moves.stride,
                padding=moves.padding,
                dilation=moves.dilation,
                groups=moves.groups,
                algorithm=algorithm,
            )
            for algorithm in ("direct", "saturating")
        )
        return float(np.mean(right != wrong))


def _arrays(network: Runs, images: Array) -> dict[str, Array]:
    """Return every array of a run, by name."""
    arrays = {network.inputs[0].name: images}
    arrays.update((node.outputs[0], y) for node, y in network.trace(images))
    return arrays
