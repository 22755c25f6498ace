"""Matrix products. That of one row with stored weights runs on the kernels, as a convolution of 1x1 on one pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

import kernels
from kernels import Stored
from kernels.bound import Bound
from workbook.graphs.graph import Array, FloatArray, Node, Shape
from workbook.graphs.operators.entry import BYTES, FLOAT32_TAG, Entries, Entry, NcnnLayer, OnBytes, computed
from workbook.graphs.operators.operator import (
    UNKNOWN,
    Constants,
    NotNativeError,
    Operator,
    Outline,
    Plan,
    Settings,
    stored,
    stored_name,
)
from workbook.graphs.storage import Storage

_SMALL = 1 << 16  # weights, which take a few microseconds, as long as a part of ONNX Runtime's that begins there


def _one_row(layer: Callable[[], kernels.Conv2d | kernels.QLinearConv], a: Outline, y: Outline) -> Plan:
    """Bind the layer to one row, of which it reads each weight once; more are for a library of matrix products."""
    if a.shape[0] != 1:
        return Plan(y)

    def bind(read: Sequence[Array], out: Array) -> Bound:
        return layer().bind(read[0].reshape(*a.shape, 1, 1), out.reshape(*y.shape, 1, 1))

    return Plan(y, bind, packs=a.shape[1] * y.shape[1])


class Gemm(Operator):
    """alpha * a @ b + beta * c, of stored b and c; b maybe turned."""

    packs = True

    def __init__(self, node: Node, constants: Constants, settings: Settings) -> None:
        for i, name in enumerate(node.inputs[1:], start=1):
            if name:
                stored_name(node, i, "factor" if i == 1 else "summand", constants)
        self._storage, self._settings = Storage.of(constants), settings
        if node.attributes.get("transA") or self._storage.outline(node.inputs[1]).ndim != 2:
            raise NotNativeError(f"{node}: the first factor is turned, or the second no matrix")
        super().__init__(node, node.inputs)
        self._alpha, self._beta = (np.float32(node.attributes.get(name, 1)) for name in ("alpha", "beta"))
        self._turn_b = bool(node.attributes.get("transB"))

    def compute(self, a: FloatArray, b: FloatArray, c: FloatArray | None = None) -> Array:
        """Return alpha a b + beta c."""
        product = self._alpha * (a @ (b.T if self._turn_b else b))
        return product if c is None else product + self._beta * c

    @cached_property
    def _layer(self) -> kernels.Conv2d:
        """The product as a layer, for stored b and c."""
        b, *c = (name for name in self.node.inputs[1:] if name)
        K, C = self._sizes(b)

        def filters() -> FloatArray:
            weight = self._storage[b] if self._turn_b else self._storage[b].T
            scaled: FloatArray = weight if self._alpha == 1 else weight * self._alpha
            return scaled[:, :, None, None]

        bias = np.zeros(K, np.float32)
        for name in c:
            bias += self._storage[name].reshape(-1) * self._beta
        weight = Stored((K, C, 1, 1), np.dtype(np.float32), filters)
        return kernels.Conv2d(weight, bias, algorithm="direct", threads=self._settings.threads)

    def _sizes(self, b: str) -> tuple[int, ...]:
        shape = self._storage.outline(b).shape
        return shape if self._turn_b else shape[::-1]

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer to one row."""
        a, *_ = read
        if a is None:
            return UNKNOWN
        return _one_row(lambda: self._layer, a, Outline((a.shape[0], self._sizes(self.node.inputs[1])[0]), a.dtype))

    @property
    def packed_bytes(self) -> int:
        """Of the layer, if it has been used."""
        return self._layer.packed_bytes if "_layer" in self.__dict__ else 0


class ByteProduct(Operator):
    """A QGemm of weights (K, C), or (C, K) turned: the images are the pixels of one row."""

    def __init__(self, node: Node, layer: kernels.QLinearConv) -> None:
        super().__init__(node, node.inputs[:1])
        self._layer = layer

    def compute(self, a: Array) -> Array:
        """Return (N, K) bytes."""
        return self._layer(np.ascontiguousarray(a.T)[None, :, None])[0, :, 0].T

    def plan(self, *read: Outline | None) -> Plan:
        """Bind the layer to one row."""
        (a,) = read
        if a is None:
            return UNKNOWN
        y = Outline((a.shape[0], self._layer.weight_shape[0]), self._layer.y_dtype)
        return _one_row(lambda: self._layer, a, y)

    @property
    def packed_bytes(self) -> int:
        """Of the layer."""
        return self._layer.packed_bytes


QGEMM = OnBytes(
    "weighted",
    "com.microsoft.QGemm",
    ("x", "w", "bias", "y"),
    turned=lambda node, weight: None if node.attributes.get("transA") else not node.attributes.get("transB"),
    attributes=lambda node: {"transB": 1},
)


def _qgemm(node: Node, constants: Constants, settings: Settings) -> Operator:
    plain = not node.attributes.get("transA") and node.attributes.get("alpha", 1) == 1
    if not plain or len(node.inputs) < 9 or not node.inputs[8]:
        raise NotNativeError(f"{node}: a turned first factor, alpha, or sums that stay numbers do not run here")
    b = Storage.of(constants).stored(stored_name(node, 3, "weight", constants))
    turned = not node.attributes.get("transB")
    a_scale, a_zero, b_scale, b_zero, y_scale, y_zero = (
        stored(node, i, f"input {i}", constants) for i in (1, 2, 4, 5, 7, 8)
    )

    def filters() -> Array:
        weight = b.read()
        return np.ascontiguousarray(weight.T if turned else weight)[:, :, None, None]

    layer = kernels.QLinearConv(
        Stored((*(b.shape[::-1] if turned else b.shape), 1, 1), b.dtype, filters),
        b_scale,
        b_zero,
        stored(node, 6, "bias", constants) if node.inputs[6] else None,
        x_scale=a_scale,
        x_zero_point=a_zero,
        y_scale=y_scale,
        y_zero_point=y_zero,
        algorithm=settings.integer_algorithm,
        threads=settings.threads,
    )
    return ByteProduct(node, layer)


def _in_ncnn(node: Node, constants: Constants, _: Mapping[str, Shape]) -> tuple[NcnnLayer, ...] | None:
    plain = all(node.attributes.get(factor, 1) == 1 for factor in ("alpha", "beta"))
    if not plain or node.attributes.get("transA") or computed(node, constants) != node.inputs[:1]:
        return None
    weight, *bias = (constants[name] for name in node.inputs[1:] if name)
    weight = weight if node.attributes.get("transB") else weight.T
    return (NcnnLayer("InnerProduct", {0: len(weight), 1: len(bias), 2: weight.size}, (FLOAT32_TAG, weight, *bias)),)


PRODUCTS: Entries = {
    "Gemm": Entry(Gemm, QGEMM, _in_ncnn, attributes=("alpha", "beta", "transA", "transB"), joins_below=_SMALL),
    "MatMul": Entry(Gemm, axes=(2,), joins_below=_SMALL),
    "com.microsoft.QGemm": Entry(_qgemm, attributes=("alpha", "transA", "transB"), types=BYTES),
}
