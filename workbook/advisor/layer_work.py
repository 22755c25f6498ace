"""The layers of a network that multiply: their sizes as they ran, and what the kernels know of them beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import kernels
from kernels.explain import Explanation
from workbook.accelerator.workload import Layer, Workload
from workbook.graphs.graph import Array, Feed
from workbook.graphs.operators.convolutions import compact
from workbook.graphs.storage import Storage
from workbook.graphs.windows import window
from workbook.network import Network, Node

PRODUCTS = ("Gemm", "MatMul")
_PLANE = 4  # axes


@dataclass(frozen=True)
class Work:
    """A convolution or a matrix product with stored weights, as it ran.

    Attributes
    ----------
    node : Node
    layer : Layer
        Its sizes, in float32.
    explanation : Explanation or None
        The kernels' own: algorithms, predicted seconds and errors; None for a matrix product.
    """

    node: Node
    layer: Layer
    explanation: Explanation | None

    @property
    def name(self) -> str:
        """Of the node."""
        return self.node.name

    @property
    def bytes(self) -> float:
        """Of input, weights and output in float32, each moved once."""
        return self.layer.input_bytes + self.layer.weight_bytes + self.layer.output_bytes

    @property
    def eligible(self) -> tuple[str, ...]:
        """The algorithms of float32 that can run it."""
        if self.explanation is None:
            return ("product",)
        return tuple(option.algorithm for option in self.explanation.options if not option.obstacle)

    def error(self, algorithm: str) -> float:
        """Expected root mean square error over the root mean square output; NaN if the kernels do not say."""
        options = self.explanation.options if self.explanation else ()
        return next((option.error for option in options if option.algorithm == algorithm), math.nan)


def layers(network: Network, x: Feed, threads: int | None = None) -> tuple[Work, ...]:
    """Run a network once and return its layers; a convolution of one or three dimensions is none.

    Parameters
    ----------
    network : Network
        In float32.
    x : array, or mapping of str to array
    threads : int, optional
        For which the kernels predict seconds.
    """
    arrays, found = dict(x) if isinstance(x, Mapping) else {network.inputs[0].name: x}, []
    constants = Storage.of(network.graph.constants)
    for node, y in network.trace(x):
        arrays[node.outputs[0]] = y
        if node.op == "Conv" and node.inputs[1] in constants and y.ndim == _PLANE:
            found.append(_convolution(node, arrays[node.inputs[0]], constants.stored(node.inputs[1]), y, threads))
        elif node.op in PRODUCTS and node.inputs[1] in constants and y.ndim == 2:
            found.append(_product(node, arrays[node.inputs[0]], y))
    return tuple(found)


def workload(name: str, works: tuple[Work, ...]) -> Workload:
    """Return the layers as lesson 4's model takes them."""
    return Workload(name, tuple(work.layer for work in works))


def _convolution(node: Node, x: Array, weight: kernels.Stored, y: Array, threads: int | None) -> Work:
    moves = window(node, weight.shape[2:])
    (N, C, H, W), (K, _, R, S), (P, Q) = x.shape, weight.shape, y.shape[2:]
    added = bool(node.attributes.get("residual"))
    sizes = (C, H, W, K, P, Q, R, S, moves.stride, moves.groups)
    layer = Layer(node.name, *sizes, N=N, type="fp32", added=added)
    plan = kernels.Conv2d(
        weight,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        threads=threads,
        compact=compact(weight),
    )
    return Work(node, layer, plan.explain(x.shape))


def _product(node: Node, x: Array, y: Array) -> Work:
    return Work(node, Layer(node.name, x.size // len(y), 1, 1, y.shape[1], 1, 1, N=len(y), type="fp32"), None)
