"""The public face of the convolution kernels: checks the arrays, picks an algorithm, packs weights, runs it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kernels import cost, depthwise, direct, im2col, naive, winograd
from kernels.explain import Explanation, Option
from kernels.geometry import Activation, Geometry, Padding, Pair, Window, activation_code, filter_sizes

FloatArray = npt.NDArray[np.float32]


class Algorithm(Protocol):
    """What each algorithm offers; its .pyi says it in full."""

    @property
    def pack(self) -> Callable[..., FloatArray]:
        """Weights (K, C / groups, R, S) in the algorithm's own order."""

    @property
    def scratch_size(self) -> Callable[..., int]:
        """Floats of scratch that `run` needs."""

    @property
    def run(self) -> Callable[..., None]:
        """Compute a layer."""

    @property
    def cost(self) -> Callable[..., tuple[float, float, float, float]]:
        """Vectors of arithmetic, copies, outputs and weights that a layer takes."""


class _Direct:
    """direct.pyx, or depthwise.pyx for a layer in which each channel is a group of its own."""

    def pack(self, weight: FloatArray, groups: int) -> FloatArray:
        module: Algorithm = depthwise if weight.shape[:2] == (groups, 1) else direct
        return module.pack(weight, groups)

    def scratch_size(self, layer: dict[str, float], threads: int) -> int:
        return _direct_for(layer).scratch_size(layer, threads)

    def cost(self, layer: dict[str, float]) -> tuple[float, float, float, float]:
        return _direct_for(layer).cost(layer)

    def run(self, layer: dict[str, float], *arguments: Any) -> None:
        _direct_for(layer).run(layer, *arguments)


def _direct_for(layer: dict[str, float]) -> Algorithm:
    return depthwise if layer["C"] == layer["K"] == layer["groups"] else direct


class _Winograd:
    """winograd.pyx with one tile size, looking like the other algorithms' modules."""

    def __init__(self, m: int) -> None:
        self.pack = partial(winograd.pack, m=m)
        self.scratch_size = partial(winograd.scratch_size, m=m)
        self.run = partial(winograd.run, m=m)
        self.cost = partial(winograd.cost, m=m)


_ALGORITHMS: dict[str, Algorithm] = {
    "naive": naive,
    "direct": _Direct(),
    "im2col": im2col,
    "winograd_f2": _Winograd(2),
    "winograd_f4": _Winograd(4),
    "winograd_f6": _Winograd(6),
}


def conv2d(
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    activation: Activation = None,
    algorithm: str = "auto",
    threads: int | None = None,
) -> FloatArray:
    """Convolve images with filters, as ONNX's Conv does (a cross-correlation: filters are not flipped).

    Parameters
    ----------
    x : (N, C, H, W) float32
        Images. N may be 0.
    weight : (K, C / groups, R, S) float32
        Filters; every number must be finite.
    bias : (K,) float32, optional
        Added to each output channel.
    stride, dilation : int or (int, int)
        Down and right, in pixels.
    padding : int, (int, int) or (int, int, int, int)
        Zeros around the image: everywhere; top and bottom, left and right; or top, left, bottom, right.
    groups : int
        Parts that the channels are cut into, up to C (depthwise).
    activation : None, "relu", "relu6" or ("leaky_relu", slope)
        Applied to each output number.
    algorithm : str
        "auto", or one of `algorithms(...)`.
    threads : int, optional
        At most this many; all cores that the process may use if None. The result does not depend on it.

    Returns
    -------
    (N, K, P, Q) float32

    Raises
    ------
    TypeError, ValueError
        For arguments of a wrong type or value; the message names the value.

    See Also
    --------
    Conv2d : the same for many calls, with the weights packed once.
    """
    plan = Conv2d(
        weight,
        bias,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        activation=activation,
        algorithm=algorithm,
        threads=threads,
    )
    return plan(x)


class Conv2d:
    """A convolution layer with its weights packed, to be called on many inputs.

    The parameters are those of `conv2d`. The plan may be called from several threads at once.

    Attributes
    ----------
    weight_shape : (int, int, int, int)
        (K, C / groups, R, S).
    algorithm : str
        As asked for.
    threads : int
        At most this many work on one call.
    """

    def __init__(
        self,
        weight: FloatArray,
        bias: FloatArray | None = None,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        activation: Activation = None,
        algorithm: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._window = Window.of(stride, padding, dilation, groups)
        self._activation = activation_code(activation)
        _check_array(weight, "weight")
        self.weight_shape = filter_sizes(weight.shape)
        self._weight = _finite_copy(weight, "weight")
        K = self.weight_shape[0]
        if K % self._window.groups:
            raise ValueError(f"groups={self._window.groups} does not divide the {K} output channels of weight")
        self._bias = np.zeros(K, np.float32) if bias is None else _finite_copy(bias, "bias")
        if self._bias.shape != (K,):
            raise ValueError(f"bias must have shape ({K},), one number an output channel, not {self._bias.shape}")
        if not isinstance(algorithm, str) or (algorithm != "auto" and algorithm not in _ALGORITHMS):
            raise ValueError(f"algorithm {algorithm!r} is unknown; choose auto, {', '.join(_ALGORITHMS)}")
        self.algorithm = algorithm
        self.threads = _thread_count(threads)
        self._packed: dict[str, FloatArray] = {}
        self._arenas: list[FloatArray] = []  # scratch that no call is using
        if algorithm != "auto":
            self._check_runs(algorithm)
            self._pack(algorithm)

    def __call__(self, x: FloatArray, out: FloatArray | None = None, residual: FloatArray | None = None) -> FloatArray:
        """Compute the layer.

        Parameters
        ----------
        x : (N, C, H, W) float32
        out : (N, K, P, Q) float32, optional
            Where to write; contiguous, writeable, sharing no memory with the other arrays.
        residual : (N, K, P, Q) float32, optional
            Added before the activation.

        Returns
        -------
        (N, K, P, Q) float32
            `out` if it was given.
        """
        _check_array(x, "x")
        shape = Geometry.of(x.shape, self.weight_shape, self._window)
        if residual is not None:
            _check_array(residual, "residual")
            if residual.shape != shape.y_shape:
                raise ValueError(f"residual must have the output's shape {shape.y_shape}, not {residual.shape}")
        if out is None:
            out = np.empty(shape.y_shape, np.float32)
        else:
            _check_out(out, shape.y_shape, {"x": x, "residual": residual})
        x = np.require(x, requirements=("C", "A"))  # contiguous, and each number at a multiple of four bytes
        residual = None if residual is None else np.require(residual, requirements=("C", "A"))
        if shape.N:
            name = self._choice(shape)
            layer, numbers = _layer(shape, self._activation, name, self.threads)
            arena = self._take_arena(numbers)
            try:
                algorithm = _ALGORITHMS[name]
                algorithm.run(layer, x, self._pack(name), self._bias, residual, out, arena, self.threads)
            finally:
                self._arenas.append(arena)
        return out

    def explain(self, x_shape: tuple[int, int, int, int]) -> Explanation:
        """Tell which algorithm an input of this shape gets, what is predicted of it, and why not the others.

        Parameters
        ----------
        x_shape : (int, int, int, int)
            (N, C, H, W); N must be at least 1.

        Returns
        -------
        Explanation
            Its text is a table. Seconds are predicted for this machine and the plan's threads; the first call measures
            for a few milliseconds what a core does at most.
        """
        shape = Geometry.of(x_shape, self.weight_shape, self._window)
        if not shape.N:
            raise ValueError(f"an empty batch takes no time: the shape is {tuple(x_shape)}")
        options = tuple(self._option(name, shape) for name in _ALGORITHMS)
        numbers = sum(map(math.prod, (shape.x_shape, shape.weight_shape, shape.y_shape)))
        return Explanation(self._choice(shape), shape.macs, 4 * numbers, options)

    def _option(self, name: str, shape: Geometry) -> Option:
        obstacle = _obstacle(name, shape.weight_shape, shape.window)
        if obstacle:
            return Option(name, math.nan, math.nan, obstacle)
        threads = 1 if name == "naive" else self.threads
        _, C, R, S = shape.weight_shape
        return Option(name, cost.seconds(_counts(name, shape), threads), cost.relative_error(name, C, R * S), "")

    def _check_runs(self, name: str) -> None:
        obstacle = _obstacle(name, self.weight_shape, self._window)
        if obstacle:
            others = ", ".join(other for other in _ALGORITHMS if not _obstacle(other, self.weight_shape, self._window))
            raise ValueError(f"algorithm {name!r} cannot run this layer: {obstacle}. Those that can: {others}")

    def _choice(self, shape: Geometry) -> str:
        return _automatic(shape) if self.algorithm == "auto" else self.algorithm

    def _pack(self, name: str) -> FloatArray:
        packed = self._packed.get(name)
        if packed is None:
            packed = self._packed[name] = _ALGORITHMS[name].pack(self._weight, self._window.groups)
        return packed

    def _take_arena(self, numbers: int) -> FloatArray:
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = _aligned(numbers)
        return arena if arena.size == numbers else _aligned(numbers)


def algorithms(
    x_shape: tuple[int, int, int, int],
    weight_shape: tuple[int, int, int, int],
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    dtype: npt.DTypeLike = "float32",
) -> tuple[str, ...]:
    """Return the names of the algorithms that can run a layer.

    Raises
    ------
    ValueError
        If no algorithm could: the sizes do not fit each other.
    TypeError
        For a dtype that the kernels do not compute in.
    """
    window = Window.of(stride, padding, dilation, groups)
    Geometry.of(x_shape, weight_shape, window)
    _check_dtype(np.dtype(dtype), "x")
    return tuple(name for name in _ALGORITHMS if not _obstacle(name, filter_sizes(weight_shape), window))


def source(name: str) -> str:
    """Return the text of a compiled file, such as "im2col": what you read is what was compiled.

    Raises
    ------
    ValueError
        If there is no file of that name; the message lists those there are.
    """
    folder = files("kernels")
    names = [file.name for file in folder.iterdir() if file.name.endswith((".pyx", ".pxd", ".h"))]
    for file in (name, f"{name}.pyx", f"{name}.h"):
        if file in names:
            return (folder / file).read_text(encoding="utf-8")
    raise ValueError(f"kernels has no source {name!r}; it has {', '.join(sorted(names))}")


def _obstacle(name: str, weight_shape: tuple[int, int, int, int], window: Window) -> str:
    """Why an algorithm cannot run a layer; empty if it can."""
    if not name.startswith("winograd"):
        return ""
    R, S = weight_shape[2:]
    if (R, S) != (3, 3):
        return f"its filter is {R}x{S}, not 3x3"
    if window.stride != (1, 1):
        return f"its stride is {window.stride}, not 1"
    if window.dilation != (1, 1):
        return f"its dilation is {window.dilation}, not 1"
    return ""


@lru_cache(maxsize=1024)
def _counts(name: str, shape: Geometry) -> tuple[float, float, float, float]:
    """How many vectors of each kind an algorithm takes for a layer."""
    return _ALGORITHMS[name].cost(_described(shape, (0, 0.0)))


@lru_cache(maxsize=1024)
def _automatic(shape: Geometry) -> str:
    """Choose what the cost model finds the fastest.

    Not naive, which is there to be read, and not F(6,3): a little faster than F(4,3), with four times its error.
    """
    sensible = (name for name in _ALGORITHMS if name not in ("naive", "winograd_f6"))
    able = (name for name in sensible if not _obstacle(name, shape.weight_shape, shape.window))
    return min(able, key=lambda name: cost.vector_multiply_adds(_counts(name, shape)))


def _described(shape: Geometry, activation: tuple[int, float]) -> dict[str, float]:
    """Return the layer as the compiled algorithms take it."""
    window = shape.window
    layer: dict[str, float] = {letter: getattr(shape, letter) for letter in "NCHWKPQRS"}
    layer["groups"] = window.groups
    layer["stride_h"], layer["stride_w"] = window.stride
    layer["dilation_h"], layer["dilation_w"] = window.dilation
    layer["pad_top"], layer["pad_left"] = window.padding[:2]
    layer["activation"], layer["slope"] = activation
    return layer


@lru_cache(maxsize=1024)
def _layer(
    shape: Geometry, activation: tuple[int, float], algorithm: str, threads: int
) -> tuple[dict[str, float], int]:
    """Return the layer as the compiled algorithms take it, and how many numbers of scratch it needs."""
    layer = _described(shape, activation)
    return layer, max(1, _ALGORITHMS[algorithm].scratch_size(layer, threads))


def _aligned(numbers: int) -> FloatArray:
    """Return memory that begins on a cache line."""
    memory = np.empty(numbers + 16, np.float32)
    return memory[-memory.ctypes.data % 64 // 4 :][:numbers]


def _thread_count(threads: int | None) -> int:
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)):
        raise TypeError(f"threads must be an integer, not {threads!r}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    return min(int(threads), 1024)


def _check_dtype(dtype: np.dtype[np.generic], name: str) -> None:
    if dtype != np.float32:
        hint = (
            f": the kernels compute in float32; pass {name}.astype(numpy.float32)"
            if dtype.kind == "f"
            else ": the floating-point kernels take float32 arrays"
        )
        raise TypeError(f"{name} has dtype {dtype}{hint}")


def _check_array(array: FloatArray, name: str) -> None:
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, not {type(array).__name__}")
    _check_dtype(array.dtype, name)


def _finite_copy(array: FloatArray, name: str) -> FloatArray:
    """Return a contiguous copy: what the caller does to the array later does not reach the plan."""
    _check_array(array, name)
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, but {name}{list(where)} is {array[where]}")
    return np.array(array, order="C")


def _check_out(out: FloatArray, shape: tuple[int, ...], others: dict[str, FloatArray | None]) -> None:
    _check_array(out, "out")
    if out.shape != shape:
        raise ValueError(f"out must have the output's shape {shape}, not {out.shape}")
    if not out.flags.c_contiguous:
        raise ValueError(f"out must be contiguous (C order), but its strides are {out.strides}")
    if not out.flags.aligned:
        raise ValueError(f"out is not aligned: its address {out.ctypes.data} is no multiple of {out.itemsize}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")
    for name, other in others.items():
        if other is not None and np.may_share_memory(out, other):
            raise ValueError(f"out shares memory with {name}; give it memory of its own")
