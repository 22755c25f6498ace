"""Convolutions with stored filters, in float32 and on bytes, on the kernels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

import kernels
from kernels import Stored
from kernels.arrays import check_finite
from kernels.explain import Explanation
from kernels.geometry import Activation
from workbook.graphs.graph import Array, ModelError, Node, Shape
from workbook.graphs.operators.entry import FLOAT32_TAG, Entries, Entry, NcnnLayer, OnBytes
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Settings,
    activated,
    stored,
    stored_name,
)
from workbook.graphs.storage import Storage
from workbook.graphs.windows import depends_on_image, window

LARGE = 2 << 20  # numbers of a filter, 8 MiB: by F(4x4, 3x3) they become 32 MiB, more than caches hold


def compact(weight: Array | Stored) -> bool:
    """Whether Winograd keeps this filter as it is, and transforms it in each call."""
    return math.prod(weight.shape) > LARGE


class Convolution(Operator):
    """A convolution of one array, by a layer of the kernels; its padding may depend on the size of the image."""

    def __init__(self, node: Node, reads: Sequence[str], layer: kernels.Conv2d | kernels.QLinearConv) -> None:
        super().__init__(node, reads, self._convolve)
        self._layer = layer

    def _padding(self, x_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        return window(self.node, self._layer.weight_shape[2:], x_shape[2:]).padding

    def _convolve(self, x: Array) -> Array:
        return self._layer.padded(self._padding(x.shape))(x)

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer."""
        (x,) = read
        if x is None:
            return UNKNOWN
        layer = self._layer.padded(self._padding(x.shape))
        y = Outline(layer.y_shape(x.shape), layer.y_dtype)
        packs = math.prod(layer.weight_shape)
        return Plan(y, lambda arrays, out: layer.bind(arrays[0], out), layer.takes, packs=packs)

    @property
    def packed_bytes(self) -> int:
        """Of all algorithms that have been used."""
        return self._layer.packed_bytes


class FloatConvolution(Convolution):
    """A Conv, and what the passes fused into it."""

    _layer: kernels.Conv2d

    def _convolve(self, x: Array, residual: Array | None = None) -> Array:
        """Return activation(conv(x) + residual)."""
        layer = self._layer.padded(self._padding(x.shape))
        if residual is None or residual.shape == layer.y_shape(x.shape):
            return layer(x, residual=residual)
        # The kernel adds array to array; an Add may also repeat the smaller one, such as one number a channel.
        return activated(layer.without_activation()(x) + residual, self.node.attributes.get("activation"))

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer, unless the residual repeats the output, or is repeated."""
        x, *others = read
        if len(others) == 0 or x is None:
            return super().plan(x)
        layer = self._layer.padded(self._padding(x.shape))
        (residual,) = others
        if residual is None:
            return UNKNOWN
        own = Outline(layer.y_shape(x.shape), layer.y_dtype)
        if residual != own:
            return Plan(Outline(np.broadcast_shapes(own.shape, residual.shape), own.dtype))
        packs = math.prod(layer.weight_shape)
        return Plan(own, lambda arrays, out: layer.bind(arrays[0], out, arrays[1]), layer.takes, (1,), packs=packs)

    def explain(self, x_shape: tuple[int, ...]) -> Explanation:
        """As `kernels.Conv2d` does."""
        return self._layer.padded(self._padding(x_shape)).explain(x_shape)


def _conv(node: Node, constants: Constants, settings: Settings) -> Operator:
    name = stored_name(node, 1, "weight", constants)
    storage = Storage.of(constants)
    weight = storage.outline(name)
    bias = stored(node, 2, "bias", constants) if len(node.inputs) > 2 and node.inputs[2] else None
    taps = weight.shape[2:]
    stated = tuple(node.attributes.get("kernel_shape", taps))
    if stated != taps:
        raise ModelError(f"{node}: kernel_shape is {stated}, but its weight {name!r} is {weight.shape}")
    if weight.ndim in (3, 5) or weight.dtype in (np.float16, np.float64):
        raise NotNativeError(
            f"{node}: its weight is of {weight.dtype} and {weight.ndim} dimensions; float32 and 4 run here"
        )
    if isinstance(weight, np.ndarray):
        check_finite(weight, "weight")  # those in a file are checked when they are read, to be packed
    moves = window(node, taps)
    layer = kernels.Conv2d(
        storage.stored(name),
        bias,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        activation=node.attributes.get("activation"),
        algorithm=node.attributes.get("algorithm", settings.algorithm),
        threads=settings.threads,
        compact=compact(weight),
    )
    residual = node.attributes.get("residual")
    return FloatConvolution(node, (node.inputs[0], residual) if residual else node.inputs[:1], layer)


QLINEAR_CONV = OnBytes(
    "weighted",
    "QLinearConv",
    ("x", "w", "y", "bias"),
    activated=True,
    turned=lambda node, weight: False if weight.ndim == 4 else None,
    attributes=lambda node: {key: value for key, value in node.attributes.items() if key != "kernel_shape"},
)


def _qlinear_conv(node: Node, constants: Constants, settings: Settings) -> Operator:
    w = Storage.of(constants).stored(stored_name(node, 3, "weight", constants))
    x_scale, x_zero, w_scale, w_zero, y_scale, y_zero = (
        stored(node, i, f"input {i}", constants) for i in (1, 2, 4, 5, 6, 7)
    )
    moves = window(node, w.shape[2:])
    layer = kernels.QLinearConv(
        w,
        w_scale,
        w_zero,
        stored(node, 8, "bias", constants) if len(node.inputs) > 8 and node.inputs[8] else None,
        x_scale=x_scale,
        x_zero_point=x_zero,
        y_scale=y_scale,
        y_zero_point=y_zero,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        activation=node.attributes.get("activation"),
        algorithm=settings.integer_algorithm,
        threads=settings.threads,
    )
    return Convolution(node, node.inputs[:1], layer)


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    weight, *bias = (constants[name] for name in node.inputs[1:] if name)
    (K, _, R, S), moves = weight.shape, window(node, weight.shape[2:])
    if depends_on_image(node):
        return None
    (down, across), (top, left, bottom, right) = moves.stride, moves.padding
    parameters: dict[int, object] = {0: K, 1: S, 11: R, 2: moves.dilation[1], 12: moves.dilation[0]}
    parameters |= {3: across, 13: down, 4: left, 14: top, 15: right, 16: bottom}
    parameters |= {5: len(bias), 6: weight.size, 7: moves.groups}
    parameters |= _activation_in_ncnn(node.attributes.get("activation"))
    kind = "Convolution" if moves.groups == 1 else "ConvolutionDepthWise"
    return (NcnnLayer(kind, parameters, (FLOAT32_TAG, weight, *bias)),)


def _activation_in_ncnn(activation: Activation) -> dict[int, object]:
    """Return what a convolution applies: its number, and an array of -23300 - 10 that begins with its own length."""
    if isinstance(activation, tuple):
        return {9: 2, -23310: f"1,{activation[1]}"}
    if activation == "relu6":
        return {9: 3, -23310: "2,0,6"}
    return {9: 1} if activation == "relu" else {}


CONVOLUTIONS: Entries = {
    "Conv": Entry(_conv, QLINEAR_CONV, _in_ncnn),
    "QLinearConv": Entry(_qlinear_conv),
}
