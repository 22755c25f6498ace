"""What every operator promises, whatever its type: subjects to hold it against, each with the arrays that it reads.

test_memory.py, test_threads.py and test_fork.py are the contract. A new operator joins it with a line in SUBJECTS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import half_layer
import numpy as np
import pytest
from bytes_layer import CASES, MIXES, Case, moderate
from definitions import POOLS, steps_of_pool
from layers import ALGORITHMS, IN_LANES, LAYERS, WINOGRAD, Layer

import kernels
from kernels import LANES, bytes_choice, to_lanes

SIZES = (1, 3, 4, 7, 8, 15, 16, 17, 63, 1000, 100_003)  # of arrays: tails of vectors; more than one task


@dataclass(frozen=True)
class Subject:
    """An operator and the arrays that it reads.

    Attributes
    ----------
    name : str
        Of the test.
    build : function
        Returns the operator for a number of threads.
    read : function
        Returns the arrays, plain: x, and maybe a residual; or the two of a sum.
    """

    name: str
    build: Callable[[Any], Any]
    read: Callable[[], list[np.ndarray]]

    def __str__(self) -> str:
        return self.name


def arguments(operator: Any, read: list[np.ndarray], out: np.ndarray | None) -> list[Any]:
    """Return the arrays in the order in which the operator takes them; a residual comes after `out`."""
    return [*read, out] if isinstance(operator, kernels.QLinearAdd) else [read[0], out, *read[1:]]


def in_every_form(operator: Any, read: list[np.ndarray]) -> Iterator[tuple[list[np.ndarray], np.ndarray]]:
    """Yield what it reads and what it gives, plain and in the lanes that it takes: the same numbers each time."""
    y = operator(*arguments(operator, read, None))
    for x_lanes, y_lanes in forms(operator, read[0].shape, y.shape):
        x, *others = read
        turned = to_lanes if y_lanes else np.asarray
        yield [to_lanes(x) if x_lanes else x, *map(turned, others)], turned(y)


def forms(operator: Any, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Iterator[tuple[bool, bool]]:
    """Yield whether x and y are in lanes, for all forms that the operator takes of these shapes; plain first."""
    yield False, False
    for x_lanes, y_lanes in ((False, True), (True, False), (True, True)):
        if not hasattr(operator, "takes") or not operator.takes(x_lanes, y_lanes):
            continue
        if (x_lanes and x_shape[1] % LANES) or (y_lanes and y_shape[1] % LANES):
            continue
        if isinstance(operator, kernels.QLinearPool) and x_lanes != y_lanes and np.prod(y_shape[2:]) > 1:
            continue  # its `takes` is told no sizes: only a y of one pixel may lie otherwise than x
        yield x_lanes, y_lanes


def floats(layer: Layer, algorithm: str, compact: bool = False) -> Subject:
    """Return a layer in float32 by an algorithm."""

    def build(threads: Any) -> kernels.Conv2d:
        _, weight, bias, _ = replace(layer, residual=False).arrays()
        options = {"activation": layer.activation, "algorithm": algorithm, "threads": threads, "compact": compact}
        return kernels.Conv2d(weight, bias, **layer.window, **options)

    return Subject(f"{layer}-{algorithm}{'-compact' * compact}", build, partial(_read, layer))


@lru_cache(maxsize=2)  # several algorithms in turn read the same; a residual is as long in the making as the layer
def _read(layer: Layer) -> list[np.ndarray]:
    x, _, _, residual = layer.arrays()
    return [x] if residual is None else [x, residual]


def on_bytes(case: Case, algorithm: str = "auto") -> Subject:
    """Return a quantized layer by an algorithm."""
    name = f"{case.layer}-bytes-{algorithm}"
    return Subject(name, lambda threads: case.plan(algorithm=algorithm, threads=threads), lambda: [case.x])


def winograd_on_bytes(layers: list[Layer]) -> list[Subject]:
    """Return the layers that Winograd can run on bytes, by each size of its tiles."""
    able = [replace(layer, activation=None) for layer in layers if "winograd_f2" in layer.algorithms]
    cases = [moderate(Case.of(layer, MIXES[i % 8], i)) for i, layer in enumerate(able) if layer.groups == 1]
    return [on_bytes(case, name) for case in cases for name in bytes_choice.WINOGRAD]


def in_halves(layer: Layer, dtype: str) -> Subject:
    """Return a layer in floats of 16 bits."""

    def build(threads: Any) -> kernels.Conv2d:
        _, weight, bias, _ = half_layer.halves(replace(layer, residual=False), dtype)
        return kernels.Conv2d(weight, bias, **layer.window, activation=layer.activation, threads=threads)

    def read() -> list[np.ndarray]:
        x, _, _, residual = half_layer.halves(layer, dtype)
        return [x] if residual is None else [x, residual]

    return Subject(f"{layer}-{dtype}", build, read)


def _pools() -> Iterator[Subject]:
    for kind, (shape, options) in itertools.product(("maximum", "mean"), POOLS):
        name = f"{kind}-{'x'.join(map(str, shape))}"
        x = np.random.default_rng(7).standard_normal(shape).astype(np.float32)
        yield Subject(name, partial(_pool, kind, options), lambda x=x: [x])
        for dtype in (np.uint8, np.int8):
            q = np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8).view(dtype)
            yield Subject(f"{name}-{q.dtype}", partial(_byte_pool, kind, options, dtype), lambda q=q: [q])


def _pool(kind: str, options: dict[str, Any], threads: Any) -> kernels.Pool2d:
    return kernels.Pool2d(kind, **options, threads=threads)


def _byte_pool(kind: str, options: dict[str, Any], dtype: Any, threads: Any) -> kernels.QLinearPool:
    return kernels.QLinearPool(kind, **options, **steps_of_pool(kind, dtype), threads=threads)


def _elementwise(size: int) -> Iterator[Subject]:
    steps = np.float32(0.5), np.uint8(7)
    q = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    x = np.arange(size, dtype=np.float32)
    for name, build, read in (
        ("add", lambda threads: kernels.QLinearAdd(*steps, *steps, *steps, threads=threads), [q, q]),
        ("quantize", lambda threads: kernels.QuantizeLinear(*steps, threads=threads), [x]),
        ("dequantize", lambda threads: kernels.DequantizeLinear(*steps, threads=threads), [q]),
        ("activation", lambda threads: kernels.Activate("silu", threads=threads), [x]),
        ("softmax", lambda threads: kernels.Softmax(threads=threads), [x]),
        ("look_up", lambda threads: kernels.LookUp(np.arange(256, dtype=np.uint8), threads=threads), [q]),
    ):
        yield Subject(f"{name}-{size}", build, lambda read=read: read)


def _bytes_of(layers: list[Layer], zeros: str) -> list[Subject]:
    signed = [mix for mix in MIXES if mix[1] == np.int8]
    return [on_bytes(Case.of(layer, signed[i % 4], i, zeros)) for i, layer in enumerate(layers)]


DEEP = Layer(C=1100, K=70, H=9, W=10, padding=1, groups=2)  # compact filters in several parts, on every instruction set
BROAD = Layer(C=160, K=96, H=13, W=12, padding=1, N=2, bias=False)
# Fewer blocks than threads.
FEW_BLOCKS = [
    Layer(C=512, K=1, H=1, W=1, R=1, S=1),
    Layer(C=2, K=600, H=1, W=1, R=1, S=1),
    Layer(C=5, K=33, H=3, W=3),
    Layer(N=3, C=4, K=4, groups=2, H=2, W=2, padding=1),
    Layer(C=4, K=200, H=3, W=3, padding=1),
]

_RESIDUAL = [replace(layer, residual=True) for layer in (*LAYERS, *FEW_BLOCKS, *IN_LANES)]
SUBJECTS = [
    *(floats(layer, name) for layer in _RESIDUAL for name in layer.algorithms),
    *(
        floats(layer, name, compact=True)
        for layer in (*_RESIDUAL, replace(DEEP, residual=True), BROAD)
        for name in WINOGRAD
        if name in layer.algorithms
    ),
    *map(on_bytes, CASES),
    *_bytes_of([*FEW_BLOCKS, *IN_LANES], "symmetric"),
    *winograd_on_bytes([*LAYERS, *FEW_BLOCKS, *IN_LANES, BROAD]),
    *(
        in_halves(replace(layer, residual=True), dtype)
        for dtype in half_layer.AVAILABLE
        for layer in half_layer.SMALL[::3]
    ),
    *_pools(),
    *itertools.chain.from_iterable(map(_elementwise, SIZES)),
]
on_every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=str)

KINDS: dict[str, Callable[[Layer], Subject]] = {
    **{name: partial(floats, algorithm=name) for name in (*ALGORITHMS, *WINOGRAD, "auto")},
    "bytes": lambda layer: on_bytes(Case.of(layer, MIXES[1], 0)),
    **{dtype: partial(in_halves, dtype=dtype) for dtype in half_layer.AVAILABLE},
}
"""One subject of each type and algorithm for a layer."""
on_every_kind = pytest.mark.parametrize("kind", KINDS)
