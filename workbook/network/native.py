"""Operators that run between arrays whose place is planned: each is bound to them once, and allocates nothing.

An image lies plain or in lanes (see `kernels.to_lanes`). Convolutions and pools read and write any of the two, and so
turn one into the other; what works number by number wants all its arrays alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np

import kernels
from kernels.bound import Bound
from workbook.network.elementwise import ELEMENTWISE
from workbook.network.graph import Array
from workbook.network.normalising import Normalisation
from workbook.network.operators import Convolution
from workbook.network.pooling import Pool
from workbook.network.quantized import ByteConcat, ByteConvolution, ByteProduct, ByteSum, byte_pool
from workbook.network.step import Constants, Step
from workbook.network.storage import Storage

_NOTHING = np.empty(0, np.float32)  # the scratch of what needs none
_BLOCK = 2**14  # numbers; a few arrays of 64 KiB fit an L2 cache
_VIEWS = ("Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")

_WRITING: dict[tuple[str, int], Callable[..., object]] = {  # by operator and how many arrays it reads
    ("Add", 2): np.add,
    ("Div", 2): np.divide,
    ("Mul", 2): np.multiply,
    ("Relu", 1): partial(np.maximum, np.float32(0)),
    ("Sub", 2): np.subtract,
    ("Sum", 2): np.add,
}

Shapes = Sequence[tuple[int, ...]]


class Native(Protocol):
    """An operator that can be bound to arrays."""

    @property
    def alike(self) -> tuple[int, ...]:
        """Of the arrays that it reads, those that must lie as the one that it writes."""

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Whether the first array that it reads, and the one that it writes, may lie so."""

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return what computes y, again and again."""


@dataclass(frozen=True)
class Planned:
    """A convolution, a pool, or a normalisation."""

    plan: kernels.Conv2d | kernels.Pool2d | kernels.QLinearConv | kernels.QLinearPool
    alike: tuple[int, ...] = (1,)  # a residual

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """As the plan says."""
        return self.plan.takes(x_lanes, y_lanes)

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return the kernel with its arrays."""
        x, *residual = read
        return self.plan.bind(x, y, *residual)


@dataclass(frozen=True)
class Product:
    """A matrix product with stored weights: a 1x1 convolution of images of one pixel."""

    plan: kernels.Conv2d | kernels.QLinearConv
    alike: tuple[int, ...] = ()

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Matrices have no lanes."""
        return not x_lanes and not y_lanes

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return the kernel with its arrays as images."""
        return self.plan.bind(read[0].reshape(*read[0].shape, 1, 1), y.reshape(*y.shape, 1, 1))


@dataclass(frozen=True)
class ByNumber:
    """A function of NumPy, number by number; its intermediate results stay in the cache."""

    function: Callable[..., object]  # writes to `out`
    alike: tuple[int, ...]

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """In any form, if all have it."""
        return x_lanes == y_lanes

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return the function with its arrays, block by block."""
        flat = [array.reshape(-1) for array in (y, *read)]
        blocks = [[array[at : at + _BLOCK] for array in flat] for at in range(0, y.size, _BLOCK)]

        def compute(*_: object) -> None:
            with np.errstate(all="ignore"):
                for out, *numbers in blocks:
                    self.function(*numbers, out=out)

        return Bound("NumPy", 0, 1, compute)


@dataclass(frozen=True)
class Bytewise:
    """A kernel that works number by number."""

    plan: Any  # such as kernels.QLinearAdd
    alike: tuple[int, ...]

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """In any form, if all have it."""
        return x_lanes == y_lanes

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return the kernel with its arrays."""
        bound: Bound = self.plan.bind(*read, y)
        return bound


@dataclass(frozen=True)
class Translated:
    """A Concat along the channels whose parts are bytes of other scales: each goes through a table of its own."""

    tables: tuple[kernels.LookUp | None, ...]
    alike: tuple[int, ...]

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """In any form, if all have it."""
        return x_lanes == y_lanes

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return what translates or copies the parts, image by image: the channels of one then lie side by side."""
        ends = np.cumsum([x.shape[1] for x in read])
        work = list[Callable[[], object]]()
        for table, x, end in zip(self.tables, read, ends, strict=True):
            for image, part in zip(x, y[:, end - x.shape[1] : end], strict=True):
                work.append(partial(table.bind(image, part), _NOTHING) if table else partial(np.copyto, part, image))

        def translate(*_: object) -> None:
            for one in work:
                one()

        return Bound("table", 0, 1, translate)


@dataclass(frozen=True)
class Joined:
    """A Concat along the channels; what was written where it belongs is not copied."""

    alike: tuple[int, ...]

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """In any form, if all have it."""
        return x_lanes == y_lanes

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return what copies the arrays that lie elsewhere."""
        ends = np.cumsum([x.shape[1] for x in read])
        parts = [(y[:, end - x.shape[1] : end], x) for end, x in zip(ends, read, strict=True)]
        elsewhere = [(part, x) for part, x in parts if part.ctypes.data != x.ctypes.data]

        def copy(*_: object) -> None:
            for part, x in elsewhere:
                np.copyto(part, x)

        return Bound("NumPy", 0, 1, copy)


@dataclass(frozen=True)
class View:
    """An operator that names the same numbers anew, maybe with another shape; nothing is computed."""

    alike: tuple[int, ...]  # none for another shape, which keeps the order of plain numbers

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Whether the numbers stay in order."""
        return x_lanes == y_lanes and (not x_lanes or bool(self.alike))

    def bind(self, read: Sequence[Array], y: Array) -> Bound:
        """Return what does nothing."""
        return Bound("view", 0, 1, None)


class Natives:
    """What turns steps into operators; a matrix product packs its weights once, however many runs are planned.

    Parameters
    ----------
    constants : mapping of str to array
    threads : int, optional
        At most this many work on one step; all cores that the process may use if None.
    """

    def __init__(self, constants: Constants, threads: int | None) -> None:
        self._constants, self._threads = constants, threads
        self._products: dict[str, Product] = {}

    def of(self, step: Step, read: Shapes, y: tuple[int, ...], dtype: np.dtype[Any]) -> Native | None:
        """Return a step as an operator that can be bound to arrays of these shapes; None if it cannot.

        They are of float32 or bytes, the last one of `dtype`. `read` holds the shapes of what is not constant.
        """
        node, compute = step.node, step.compute
        if node.op == "Gemm":
            return self._product(step, read)
        if node.op in _VIEWS and len(read) == 1:
            return View((0,) if read[0] == y else ())
        if node.op in ELEMENTWISE:
            return self._by_number(step, read, y) if dtype == np.float32 else None
        if not step.native or len(read) != len(step.reads):
            return None
        on_bytes = _on_bytes(compute, read, y)
        if on_bytes:
            return on_bytes
        pool = getattr(compute, "__self__", None)
        if isinstance(compute, Convolution):
            whole = compute.plan.y_shape(read[0])  # a residual may repeat it, or be repeated
            return Planned(compute.plan) if all(shape == whole for shape in (y, *read[1:])) else None
        if isinstance(compute, Normalisation) and len(y) == 4:
            return _normalisation(compute, self._threads)
        if node.op in ("MaxPool", "AveragePool") and isinstance(pool, Pool) and len(y) == 4:
            if pool.round_up and pool.count_padding:
                return None  # it counts a part of what it adds
            if dtype != np.float32:
                largest = byte_pool(pool, pool.padding(read[0]), "maximum", _same_steps(dtype), self._threads)
                return _on_bytes(largest, read, y)
            return Planned(_pool(pool, read[0], "maximum" if node.op == "MaxPool" else "mean", self._threads), ())
        if node.op == "GlobalAveragePool" and len(y) == 4:
            return Planned(kernels.Pool2d("mean", threads=self._threads), ())
        if node.op == "Concat" and len(y) == 4 and node.attributes.get("axis") in (1, -3):
            return Joined(tuple(range(len(read))))
        return None

    def _by_number(self, step: Step, read: Shapes, y: tuple[int, ...]) -> Native | None:
        """Return an operator of arrays that have the output's shape, and of stored numbers."""
        storage = Storage.of(self._constants)
        stored = [(i, name) for i, name in enumerate(step.reads) if name in storage]
        one = {i: storage[name].reshape(()) for i, name in stored if storage.outline(name).size == 1}
        if not step.native or not read or len(one) + len(read) != len(step.reads) or any(shape != y for shape in read):
            return None
        function = _WRITING.get((step.node.op, len(step.reads)), _written(step.compute))

        def with_stored(*numbers: Array, out: Array) -> object:
            given = iter(numbers)
            return function(*(one[i] if i in one else next(given) for i in range(len(step.reads))), out=out)

        return ByNumber(with_stored, tuple(range(len(read))))

    def _product(self, step: Step, read: Shapes) -> Native | None:
        """Return a Gemm of one row, which reads each weight once: more rows are for a library of matrix products."""
        name, attributes = step.node.outputs[0], step.node.attributes
        storage = Storage.of(self._constants)
        stored = [name for name in step.reads[1:] if name in storage]
        if len(stored) != len(step.reads) - 1 or len(read) != 1 or len(read[0]) != 2 or read[0][0] != 1:
            return None
        if attributes.get("transA") or any(storage.outline(name).dtype != np.float32 for name in stored):
            return None
        if name not in self._products:
            of_file, *shift = stored
            outline, alpha = storage.outline(of_file), np.float32(attributes.get("alpha", 1))

            def weight() -> Array:
                array = storage[of_file] if attributes.get("transB") else storage[of_file].T
                return (array if alpha == 1 else array * alpha)[:, :, None, None]

            shape = outline.shape if attributes.get("transB") else outline.shape[::-1]
            bias = np.zeros(shape[0], np.float32)
            if shift:
                bias += storage[shift[0]].reshape(-1) * np.float32(attributes.get("beta", 1))
            filters = kernels.Stored((*shape, 1, 1), outline.dtype, weight)
            plan = kernels.Conv2d(filters, bias, algorithm="direct", threads=self._threads)
            self._products[name] = Product(plan)
        return self._products[name]


def _on_bytes(compute: object, read: Shapes, y: tuple[int, ...]) -> Native | None:
    """Return an operator that reads or writes bytes."""
    if isinstance(compute, ByteConvolution):
        return Planned(compute.plan, ())
    if isinstance(compute, ByteProduct) and y[0] == 1:
        return Product(compute.plan)
    if isinstance(compute, ByteSum) and all(shape == y for shape in read):
        return Bytewise(compute.plan, (0, 1))
    if isinstance(compute, kernels.QuantizeLinear | kernels.DequantizeLinear):
        return Bytewise(compute, (0,))
    if isinstance(compute, kernels.QLinearPool) and len(y) == 4:
        return Planned(compute, (0,) if y[2] * y[3] > 1 else ())  # one pixel lies in both forms
    if isinstance(compute, ByteConcat) and len(y) == 4 and compute.axis in (1, -3):
        parts = tuple(range(len(read)))
        return Translated(compute.tables, parts) if any(compute.tables) else Joined(parts)
    return None


def _same_steps(dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """Return scale and zero point of x and of y, for what compares bytes."""
    return (np.array(1, np.float32), np.array(0, dtype)) * 2


def _written(compute: Callable[..., Array]) -> Callable[..., object]:
    """Return a function that writes to `out` what `compute` returns."""

    def function(*arrays: Array, out: Array) -> None:
        out[...] = compute(*arrays)

    return function


def _normalisation(compute: Normalisation, threads: int | None) -> Native | None:
    """Return it as a convolution whose filters are one number each, which the kernels need finite."""
    factor, offset = compute.factor, compute.offset
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        return None
    filters, C = factor.reshape(-1, 1, 1, 1), len(factor)
    return Planned(kernels.Conv2d(filters, offset, groups=C, activation=compute.activation, threads=threads), ())


def _pool(
    pool: Pool, x_shape: tuple[int, ...], kind: Literal["maximum", "mean"], threads: int | None
) -> kernels.Pool2d:
    window = pool.window
    return kernels.Pool2d(
        kind,
        pool.taps,
        stride=window.stride,
        padding=pool.padding(x_shape),
        dilation=window.dilation,
        count_padding=pool.count_padding,
        threads=threads,
    )
