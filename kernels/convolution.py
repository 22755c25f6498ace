"""The public face of the convolution kernels: checks the arrays, picks an algorithm, packs weights, runs it."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kernels import bytes_choice, bytes_conv, bytes_filters, cost
from kernels.algorithm_choice import automatic, counts
from kernels.arrays import (
    Arenas,
    Place,
    Stored,
    check_array,
    check_dtype,
    check_out,
    finite_copy,
    readable,
    stored_weight,
    thread_count,
)
from kernels.bound import Bound
from kernels.explain import Explanation, Option
from kernels.geometry import Activation, Geometry, Padding, Pair, Window, activation_code, filter_sizes, geometry_of
from kernels.layout import in_lanes, lanes_shape, plain_shape
from kernels.registry import ALGORITHMS, COMPACT, described, floats, obstacle, of_dtype

FloatArray = npt.NDArray[np.float32]

_FOLDER = Path(__file__).parent


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
        Images. N may be 0. All arrays may be float16 instead on a CPU that has its arithmetic ("v4_fp16" or "fp16" in
        `isas()`), and ml_dtypes' bfloat16 on one that multiplies it ("v4_bf16").
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
    activation : None, "relu", "relu6", ("leaky_relu", slope), "hard_swish", "sigmoid", "silu", ("hard_sigmoid", slope)
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

    The parameters are those of `conv2d`, and `compact`. The plan may be called from several threads at once.

    Parameters
    ----------
    weight : (K, C / groups, R, S) float32, or Stored
        What is stored is read, and must be finite, when an algorithm packs it: once for each that is used. Of an array
        the plan keeps a copy, for algorithms to come.
    compact : bool
        Whether Winograd keeps the filters as they are and transforms them in each call: 9/16 (`winograd_f2`) to 9/64
        (`winograd_f6`) of the memory. It takes some percent longer on large filters and images, and much longer on
        small ones, whose transformed filters a cache would keep.

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
        weight: FloatArray | Stored,
        bias: FloatArray | None = None,
        *,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        activation: Activation = None,
        algorithm: str = "auto",
        threads: int | None = None,
        compact: bool = False,
    ) -> None:
        self._window = Window.of(stride, padding, dilation, groups)
        self._activation = activation_code(activation)
        self._weight = stored_weight(weight, "weight", floats())
        self._dtype = self._weight.dtype.name
        self._algorithms = of_dtype(self._dtype)
        self.weight_shape = filter_sizes(self._weight.shape)
        K = self.weight_shape[0]
        if K % self._window.groups:
            raise ValueError(f"groups={self._window.groups} does not divide the {K} output channels of weight")
        self._bias = np.zeros(K, np.float32)
        if bias is not None:
            self._bias = finite_copy(bias, "bias", (self._dtype,)).astype(np.float32)
        if self._bias.shape != (K,):
            raise ValueError(f"bias must have shape ({K},), one number an output channel, not {self._bias.shape}")
        if not isinstance(algorithm, str) or algorithm not in ("auto", *self._algorithms):
            known = ", ".join(self._algorithms)
            raise ValueError(f"algorithm {algorithm!r} is unknown; choose auto, {known}")
        self.algorithm = algorithm
        self.threads = thread_count(threads)
        self._compact = compact
        self._packed: dict[str, FloatArray] = {}
        self._arenas = Arenas(np.float32)
        if algorithm != "auto":
            self._check_runs(algorithm)
            self._pack(algorithm)
            self._weight = replace(self._weight, read=lambda: np.empty(0))  # no other algorithm will pack it

    def __call__(
        self,
        x: FloatArray,
        out: FloatArray | None = None,
        residual: FloatArray | None = None,
        *,
        lanes: bool = False,
    ) -> FloatArray:
        """Compute the layer.

        Parameters
        ----------
        x : (N, C, H, W) float32, or (N, C / LANES, H, W, LANES)
            Plain, or in lanes (see `kernels.to_lanes`).
        out : (N, K, P, Q) float32, or the same in lanes, optional
            Where to write; contiguous, writeable, sharing no memory with the other arrays.
        residual : float32 array of the output's shape, optional
            Added before the activation.
        lanes : bool
            Whether the output is in lanes, if there is no `out`.

        Returns
        -------
        (N, K, P, Q) float32, or the same in lanes
            `out` if it was given.
        """
        check_array(x, "x", (self._dtype,))
        if out is None:
            shape = self.y_shape(x.shape)
            out = np.empty(lanes_shape(shape) if lanes else shape, self._weight.dtype)
        bound = self._bound(x, out, residual)
        self._arenas.run(bound)
        return out

    def bind(self, x: FloatArray, out: FloatArray, residual: FloatArray | None = None) -> Bound:
        """Check the arrays once, for many calls on what they hold then; the parameters are those of a call.

        Raises
        ------
        TypeError, ValueError
            As a call does; also for an `x` or a `residual` that is not contiguous or not aligned.
        """
        for name, array in (("x", x), ("residual", residual)):
            if isinstance(array, np.ndarray) and readable(array) is not array:
                raise ValueError(
                    f"{name} must be contiguous (C order) and aligned to be bound; its copy would grow old"
                )
        return self._bound(x, out, residual)

    def _bound(self, x: FloatArray, out: FloatArray, residual: FloatArray | None) -> Bound:
        """Check the arrays; what is not contiguous is copied."""
        check_array(x, "x", (self._dtype,))
        shape = geometry_of(plain_shape(x.shape), self.weight_shape, self._window)
        forms = in_lanes(x.shape), isinstance(out, np.ndarray) and in_lanes(out.shape)
        if any(forms) and self._dtype != "float32":
            raise TypeError(f"lanes are of float32, not {self._dtype}")
        y_shape = lanes_shape(shape.y_shape) if forms[1] else shape.y_shape
        if residual is not None:
            check_array(residual, "residual", (self._dtype,))
            if residual.shape != y_shape:
                raise ValueError(f"residual must have the output's shape {y_shape}, not {residual.shape}")
        check_out(out, y_shape, {"x": x, "residual": residual}, self._dtype)
        name = self._choice(shape, *forms)
        layer, numbers = described(shape, self._activation, name, self.threads, self._dtype, *forms, self._compact)
        if not shape.N:
            return Bound(name, numbers, self.threads, None)
        call = self._algorithms[name].bind(
            layer,
            readable(x).reshape(shape.x_shape),
            self._pack(name),
            self._bias,
            None if residual is None else readable(residual).reshape(shape.y_shape),
            out.reshape(shape.y_shape),
            self.threads,
        )
        return Bound(name, numbers, self.threads, call)

    def padded(self, padding: Padding) -> Conv2d:
        """Return the layer with another padding; both share what is packed of the weights."""
        other = copy(self)
        other._window = replace(self._window, padding=Window.of(1, padding, 1, 1).padding)
        return other

    def without_activation(self) -> Conv2d:
        """Return the layer without its activation; both share what is packed of the weights."""
        other = copy(self)
        other._activation = activation_code(None)
        return other

    def relocated(self, place: Place) -> Conv2d:
        """Return the layer with its bias, and the weights packed so far, where `place` lays a copy of an array.

        A call reads nothing else than these, its arguments and its scratch. So memory can be chosen: locked, or on the
        node of a core; or between pages that nobody may touch, as in the tests.
        """
        other = copy(self)
        other._packed = {name: place(np.asarray(packed)) for name, packed in self._packed.items()}
        other._bias = place(self._bias)
        return other

    @property
    def y_dtype(self) -> np.dtype[np.floating]:
        """The output's type, which is that of all arrays."""
        return self._weight.dtype

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed weights, of every algorithm that has been used so far."""
        return sum(packed.nbytes for packed in self._packed.values())

    def explain(self, x_shape: tuple[int, ...], *, lanes: bool = False) -> Explanation:
        """Tell which algorithm an input of this shape gets, what is predicted of it, and why not the others.

        Parameters
        ----------
        x_shape : (int, int, int, int)
            (N, C, H, W); N must be at least 1. Five sizes stand for an input in lanes.
        lanes : bool
            Whether the output is in lanes.

        Returns
        -------
        Explanation
            Its text is a table. Seconds are predicted for this machine and the plan's threads; the first call measures
            for a few milliseconds what a core does at most.
        """
        shape = Geometry.of(plain_shape(x_shape), self.weight_shape, self._window)
        if not shape.N:
            raise ValueError(f"an empty batch takes no time: the shape is {tuple(x_shape)}")
        forms = in_lanes(x_shape), lanes
        options = tuple(self._option(name, shape, *forms) for name in self._algorithms)
        numbers = sum(map(math.prod, (shape.x_shape, shape.weight_shape, shape.y_shape)))
        return Explanation(self._choice(shape, *forms), shape.macs, self._weight.dtype.itemsize * numbers, options)

    def y_shape(self, x_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return (N, K, P, Q) for an input of this shape, plain or in lanes."""
        return geometry_of(plain_shape(x_shape), self.weight_shape, self._window).y_shape

    def takes(self, x_lanes: bool, y_lanes: bool) -> bool:
        """Whether the layer can be computed with x and y in these forms, by the algorithm that was asked for."""
        asked = self._algorithms if self.algorithm == "auto" else (self.algorithm,)
        if (x_lanes or y_lanes) and self._dtype != "float32":
            return False
        return not all(obstacle(name, self.weight_shape, self._window, x_lanes, y_lanes) for name in asked)

    def _option(self, name: str, shape: Geometry, x_lanes: bool, y_lanes: bool) -> Option:
        why_not = obstacle(name, shape.weight_shape, shape.window, x_lanes, y_lanes)
        if why_not:
            return Option(name, math.nan, math.nan, why_not)
        threads = 1 if name == "naive" else self.threads
        _, C, R, S = shape.weight_shape
        work = counts(name, shape, self._dtype, x_lanes, y_lanes, self._compact)
        seconds = cost.seconds(name, work, math.prod(shape.weight_shape), threads, self._compact)
        return Option(name, seconds, cost.relative_error(name, C, R * S, self._dtype), "")

    def _check_runs(self, name: str, x_lanes: bool = False, y_lanes: bool = False) -> None:
        why_not = {
            other: obstacle(other, self.weight_shape, self._window, x_lanes, y_lanes) for other in self._algorithms
        }
        if why_not[name]:
            others = ", ".join(other for other in why_not if not why_not[other])
            raise ValueError(
                f"algorithm {name!r} cannot run this layer: {why_not[name]}. Those that can: {others or 'none'}"
            )

    def _choice(self, shape: Geometry, x_lanes: bool, y_lanes: bool) -> str:
        if self.algorithm != "auto":
            name = self.algorithm
        elif self._algorithms is ALGORITHMS and (not (x_lanes or y_lanes) or self.takes(x_lanes, y_lanes)):
            return automatic(shape, x_lanes, y_lanes, self.threads, self._compact)
        else:
            name = "direct"
        if x_lanes or y_lanes:
            self._check_runs(name, x_lanes, y_lanes)
        return name

    def _pack(self, name: str) -> FloatArray:
        packed = self._packed.get(name)
        if packed is None:
            pack = self._algorithms[name].pack
            if self._compact:
                pack = COMPACT.get(name, pack)
            packed = self._packed[name] = pack(self._weight.read(), self._window.groups)
        return packed


def algorithms(
    x_shape: tuple[int, int, int, int],
    weight_shape: tuple[int, int, int, int],
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    dtype: npt.DTypeLike = "float32",
    weight: bytes_filters.ByteArray | None = None,
    w_zero_point: bytes_filters.Integer = 0,
) -> tuple[str, ...]:
    """Return the names of the algorithms that can run a layer.

    Parameters
    ----------
    x_shape, weight_shape : (int, int, int, int)
        (N, C, H, W), and (K, C / groups, R, S).
    stride, padding, dilation, groups
        As in `conv2d`.
    dtype : dtype
        Of x: float32, float16, bfloat16, uint8 or int8.
    weight : (K, C / groups, R, S) uint8 or int8, optional
        Filters of a layer on bytes: what is not exact for them is left out, which without them nobody knows.
    w_zero_point : int or (K,) array
        That of these filters.

    Raises
    ------
    ValueError
        If no algorithm could: the sizes do not fit each other.
    TypeError
        For a dtype that the kernels do not compute in.
    """
    window = Window.of(stride, padding, dilation, groups)
    Geometry.of(x_shape, weight_shape, window)
    if np.dtype(dtype).name in bytes_conv.BYTES:
        shape = filter_sizes(weight_shape)
        able = tuple(name for name in bytes_choice.ALGORITHMS if not bytes_choice.obstacle(name, shape, window))
        if weight is None:
            return able
        if np.shape(weight) != shape:
            raise ValueError(f"weight must have the shape that is asked about, {shape}, not {np.shape(weight)}")
        filters = bytes_filters.Filters(weight, w_zero_point, None, window, "auto", 1)
        return tuple(name for name in able if not filters.why_not(name))
    if weight is not None:
        raise TypeError(f"weight tells something about layers on bytes only, not of {np.dtype(dtype).name}")
    check_dtype(np.dtype(dtype), "x", floats())
    return tuple(
        name for name in of_dtype(np.dtype(dtype).name) if not obstacle(name, filter_sizes(weight_shape), window)
    )


def source(name: str) -> str:
    """Return the text of a compiled file, such as "im2col": what you read is what was compiled.

    Raises
    ------
    ValueError
        If there is no file of that name; the message lists those there are.
    """
    return source_file(name).read_text(encoding="utf-8")


def source_file(name: str) -> Path:
    """Return where a compiled file lies; in a clone, that is where to change it. As `source`."""
    names = [file.name for file in _FOLDER.iterdir() if file.suffix in (".pyx", ".pxd", ".pxi", ".h")]
    for file in (name, f"{name}.pyx", f"{name}.pxi", f"{name}.h"):
        if file in names:
            return _FOLDER / file
    raise ValueError(f"kernels has no source {name!r}; it has {', '.join(sorted(names))}")
