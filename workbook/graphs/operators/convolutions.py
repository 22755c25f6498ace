"""Convolutions with stored filters, in float32 and on bytes, on the kernels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import kernels
from kernels import Stored
from kernels.arrays import check_finite
from kernels.bound import Bound
from kernels.explain import Explanation
from kernels.geometry import Activation
from workbook.graphs.graph import Array, ModelError, Node, Shape
from workbook.graphs.operators.entry import BYTES, FLOAT32_TAG, WINDOW, Entries, Entry, NcnnLayer, OnBytes
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Settings,
    activated,
    plain,
    stored,
    stored_name,
)
from workbook.graphs.storage import Storage
from workbook.graphs.windows import depends_on_image, of_images, window

LARGE = 2 << 20  # numbers of a filter, 8 MiB: by F(4x4, 3x3) they become 32 MiB, more than caches hold


def compact(weight: Array | Stored) -> bool:
    """Whether Winograd keeps this filter as it is, and transforms it in each call."""
    return math.prod(weight.shape) > LARGE


def _image(array: Array) -> Array:
    """Return a view with four axes: an array of one row (N, C, W) as (N, C, 1, W)."""
    return array[:, :, None] if array.ndim == 3 else array


def _size(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the view."""
    return (*shape[:2], 1, *shape[2:]) if len(shape) == 3 else shape


def _filters(node: Node, weight: Stored) -> Stored:
    """Return filters (K, C / groups, R, S); those of one axis (K, C / groups, S) have one row."""
    if weight.ndim not in (3, 4):
        raise NotNativeError(
            f"{node}: its weight has {weight.ndim} axes; convolutions of one or two dimensions run here"
        )
    return Stored(_size(weight.shape), weight.dtype, lambda: _image(weight.read()))


class Convolution(Operator):
    """A convolution of one array, by a layer of the kernels; its padding may depend on the size of the image.

    Parameters
    ----------
    node : Node
    reads : sequence of str
    layer : kernels.Conv2d or kernels.QLinearConv
    axes : int
        Of x: 4, or 3 for an array of one row.
    """

    def __init__(
        self, node: Node, reads: Sequence[str], layer: kernels.Conv2d | kernels.QLinearConv, axes: int = 4
    ) -> None:
        super().__init__(node, reads)
        self._layer, self._axes, self._moves = layer, axes, of_images(node, axes)

    def _padded(self, x_shape: tuple[int, ...]) -> Any:
        """Return the layer for an image of this shape."""
        if len(x_shape) != self._axes:
            raise ValueError(f"x must have {self._axes} axes, but its shape is {x_shape}")
        image = _size(x_shape)[2:]
        return self._layer.padded(window(self._moves, self._layer.weight_shape[2:], image).padding)

    def _row(self, y: Array) -> Array:
        """Return y with the axes of x."""
        return y[:, :, 0] if self._axes == 3 else y

    def compute(self, x: Array) -> Array:
        """Return the convolution of x."""
        return self._row(self._padded(x.shape)(_image(x)))

    def _plan(self, layer: Any, x: Outline, alike: tuple[int, ...] = ()) -> Plan:
        y_shape = layer.y_shape(_size(x.shape))
        y = Outline(y_shape if self._axes == 4 else (*y_shape[:2], y_shape[3]), layer.y_dtype)
        packs = math.prod(layer.weight_shape)

        def bind(read: Sequence[Array], out: Array) -> Bound:
            if self._axes == 4:
                return layer.bind(read[0], out, *read[1:])  # type: ignore[no-any-return]
            return layer.bind(_image(read[0]), _image(out), *map(_image, read[1:]))  # type: ignore[no-any-return]

        return Plan(y, bind, layer.takes if self._axes == 4 else plain, alike, packs=packs)

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer."""
        (x,) = read
        return UNKNOWN if x is None else self._plan(self._padded(x.shape), x)

    @property
    def packed_bytes(self) -> int:
        """Of all algorithms that have been used."""
        return self._layer.packed_bytes


class FloatConvolution(Convolution):
    """A Conv, and what the passes fused into it."""

    _layer: kernels.Conv2d
    packs = True

    def compute(self, x: Array, residual: Array | None = None) -> Array:
        """Return activation(conv(x) + residual)."""
        layer = self._padded(x.shape)
        if residual is None:
            return self._row(layer(_image(x)))
        y_shape = layer.y_shape(_size(x.shape))
        if _size(residual.shape) == y_shape and residual.ndim == x.ndim:
            return self._row(layer(_image(x), residual=_image(residual)))
        # The kernel adds array to array; an Add may also repeat the smaller one, such as one number a channel.
        total = self._row(layer.without_activation()(_image(x))) + residual
        return activated(total, self.node.attributes.get("activation"))

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer, unless the residual repeats the output, or is repeated."""
        x, *others = read
        if len(others) == 0 or x is None:
            return super().plan(x)
        (residual,) = others
        if residual is None:
            return UNKNOWN
        own = self._plan(self._padded(x.shape), x, (1,))
        assert own.y
        if residual != own.y:
            return Plan(Outline(np.broadcast_shapes(own.y.shape, residual.shape), own.y.dtype))
        return own

    def explain(self, x_shape: tuple[int, ...]) -> Explanation:
        """As `kernels.Conv2d` does."""
        return self._padded(x_shape).explain(_size(x_shape))  # type: ignore[no-any-return]


class IntegerConvolution(Operator):
    """A ConvInteger: of bytes with a zero point that may be computed, into sums of 32 bits."""

    def __init__(self, node: Node, layer: kernels.ConvInteger, axes: int) -> None:
        super().__init__(node, (*node.inputs[:1], *node.inputs[2:3]))
        self._layer, self._moves = layer, of_images(node, axes)

    def compute(self, x: Array, zero: Array | None = None) -> Array:
        """Return the sums."""
        moves = window(self._moves, self._layer.weight_shape[2:], _size(x.shape)[2:])
        y: Array = self._layer.padded(moves.padding)(_image(x), 0 if zero is None else zero)
        return y[:, :, 0] if x.ndim == 3 else y

    @property
    def packed_bytes(self) -> int:
        """Of the filters."""
        return self._layer.packed_bytes


def _conv(node: Node, constants: Constants, settings: Settings) -> Operator:
    name = stored_name(node, 1, "weight", constants)
    storage = Storage.of(constants)
    weight = storage.outline(name)
    bias = stored(node, 2, "bias", constants) if len(node.inputs) > 2 and node.inputs[2] else None
    taps = weight.shape[2:]
    stated = tuple(node.attributes.get("kernel_shape", taps))
    if stated != taps:
        raise ModelError(f"{node}: kernel_shape is {stated}, but its weight {name!r} is {weight.shape}")
    if weight.ndim not in (3, 4) or weight.dtype != np.float32:
        raise NotNativeError(f"{node}: its weight is of {weight.dtype} and {weight.ndim} axes; float32 and 3 or 4 run")
    if isinstance(weight, np.ndarray):
        check_finite(weight, "weight")  # those in a file are checked when they are read, to be packed
    filters = _filters(node, storage.stored(name))
    moves = window(of_images(node, weight.ndim), filters.shape[2:])
    layer = kernels.Conv2d(
        filters,
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
    return FloatConvolution(node, (node.inputs[0], residual) if residual else node.inputs[:1], layer, weight.ndim)


def _conv_integer(node: Node, constants: Constants, settings: Settings) -> Operator:
    w = Storage.of(constants).stored(stored_name(node, 1, "weight", constants))
    filters = _filters(node, w)
    moves = window(of_images(node, w.ndim), filters.shape[2:])
    layer = kernels.ConvInteger(
        filters,
        stored(node, 3, "zero point of the weight", constants) if len(node.inputs) > 3 and node.inputs[3] else 0,
        stride=moves.stride,
        padding=moves.padding,
        dilation=moves.dilation,
        groups=moves.groups,
        algorithm=settings.integer_algorithm,
        threads=settings.threads,
    )
    return IntegerConvolution(node, layer, w.ndim)


QLINEAR_CONV = OnBytes(
    "weighted",
    "QLinearConv",
    ("x", "w", "y", "bias"),
    activated=True,
    turned=lambda node, weight: False if weight.ndim in (3, 4) else None,
    attributes=lambda node: {key: value for key, value in node.attributes.items() if key != "kernel_shape"},
)


def _qlinear_conv(node: Node, constants: Constants, settings: Settings) -> Operator:
    w = Storage.of(constants).stored(stored_name(node, 3, "weight", constants))
    x_scale, x_zero, w_scale, w_zero, y_scale, y_zero = (
        stored(node, i, f"input {i}", constants) for i in (1, 2, 4, 5, 6, 7)
    )
    filters = _filters(node, w)
    moves = window(of_images(node, w.ndim), filters.shape[2:])
    layer = kernels.QLinearConv(
        filters,
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
        compact=True,
    )
    return Convolution(node, node.inputs[:1], layer, w.ndim)


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    weight, *bias = (constants[name] for name in node.inputs[1:] if name)
    if weight.ndim != 4 or depends_on_image(node):
        return None
    (K, _, R, S), moves = weight.shape, window(node, weight.shape[2:])
    (down, across), (top, left, bottom, right) = moves.stride, moves.padding
    parameters: dict[int, object] = {0: K, 1: S, 11: R, 2: moves.dilation[1], 12: moves.dilation[0]}
    parameters |= {3: across, 13: down, 4: left, 14: top, 15: right, 16: bottom}
    parameters |= {5: len(bias), 6: weight.size, 7: moves.groups}
    parameters |= _activation_in_ncnn(node.attributes.get("activation"))
    kind = "Convolution" if moves.groups == 1 else "ConvolutionDepthWise"
    layer = NcnnLayer(kind, parameters, (FLOAT32_TAG, weight, *bias))
    return layer, *_behind_in_ncnn(node.attributes.get("activation"))


def _activation_in_ncnn(activation: Activation) -> dict[int, object]:
    """Return what a convolution applies: its number, and an array of -23300 - 10 that begins with its own length."""
    if isinstance(activation, tuple):
        return {9: 2, -23310: f"1,{activation[1]}"} if activation[0] == "leaky_relu" else {}
    if activation == "relu6":
        return {9: 3, -23310: "2,0,6"}
    if activation == "hard_swish":
        return {9: 6, -23310: f"2,{1 / 6},0.5"}
    kind = {"relu": 1, "sigmoid": 4}.get(activation or "")
    return {9: kind} if kind else {}


def _behind_in_ncnn(activation: Activation) -> tuple[NcnnLayer, ...]:
    """Return an activation that ncnn's convolutions lack as a layer of its own."""
    if isinstance(activation, tuple) and activation[0] == "hard_sigmoid":
        return (NcnnLayer("HardSigmoid", {0: activation[1], 1: 0.5}),)
    return (NcnnLayer("Swish", {}),) if activation == "silu" else ()


CONVOLUTIONS: Entries = {
    "Conv": Entry(_conv, QLINEAR_CONV, _in_ncnn, attributes=WINDOW),
    "ConvInteger": Entry(_conv_integer, attributes=WINDOW, types=BYTES),
    "QLinearConv": Entry(_qlinear_conv, attributes=WINDOW, types=BYTES),
}
