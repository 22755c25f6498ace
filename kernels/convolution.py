"""The public face of the convolution kernels: checks the arrays, picks an algorithm, packs weights, runs it."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from kernels import cost, integers
from kernels.arrays import Arenas, check_array, check_dtype, check_out, finite_copy, readable, thread_count
from kernels.explain import Explanation, Option
from kernels.geometry import Activation, Geometry, Padding, Pair, Window, activation_code, filter_sizes, geometry_of
from kernels.registry import ALGORITHMS, automatic, counts, described, floats, obstacle, of_dtype

FloatArray = npt.NDArray[np.float32]


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
        Images. N may be 0. On a CPU with AVX512-FP16 ("v4_fp16" of `isas()`) all arrays may be float16 instead.
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
        check_array(weight, "weight", floats())
        self._dtype = weight.dtype.name
        self._algorithms = of_dtype(weight.dtype)
        self.weight_shape = filter_sizes(weight.shape)
        self._weight = finite_copy(weight, "weight", (self._dtype,))
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
        self._packed: dict[str, FloatArray] = {}
        self._arenas = Arenas(np.float32)
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
        check_array(x, "x", (self._dtype,))
        shape = geometry_of(x.shape, self.weight_shape, self._window)
        if residual is not None:
            check_array(residual, "residual", (self._dtype,))
            if residual.shape != shape.y_shape:
                raise ValueError(f"residual must have the output's shape {shape.y_shape}, not {residual.shape}")
        if out is None:
            out = np.empty(shape.y_shape, self._dtype)
        else:
            check_out(out, shape.y_shape, {"x": x, "residual": residual}, self._dtype)
        x = readable(x)
        residual = None if residual is None else readable(residual)
        if shape.N:
            name = self._choice(shape)
            layer, numbers = described(shape, self._activation, name, self.threads, self._dtype)
            arena = self._arenas.take(numbers)
            try:
                algorithm = self._algorithms[name]
                algorithm.run(layer, x, self._pack(name), self._bias, residual, out, arena, self.threads)
            finally:
                self._arenas.give(arena)
        return out

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed weights, of every algorithm that has been used so far."""
        return sum(packed.nbytes for packed in self._packed.values())

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
        options = tuple(self._option(name, shape) for name in self._algorithms)
        numbers = sum(map(math.prod, (shape.x_shape, shape.weight_shape, shape.y_shape)))
        return Explanation(self._choice(shape), shape.macs, self._weight.itemsize * numbers, options)

    def _option(self, name: str, shape: Geometry) -> Option:
        why_not = obstacle(name, shape.weight_shape, shape.window)
        if why_not:
            return Option(name, math.nan, math.nan, why_not)
        threads = 1 if name == "naive" else self.threads
        _, C, R, S = shape.weight_shape
        seconds = cost.seconds(counts(name, shape, self._dtype), threads)
        return Option(name, seconds, cost.relative_error(name, C, R * S, self._dtype), "")

    def _check_runs(self, name: str) -> None:
        why_not = obstacle(name, self.weight_shape, self._window)
        if why_not:
            others = ", ".join(
                other for other in self._algorithms if not obstacle(other, self.weight_shape, self._window)
            )
            raise ValueError(f"algorithm {name!r} cannot run this layer: {why_not}. Those that can: {others}")

    def _choice(self, shape: Geometry) -> str:
        if self.algorithm != "auto":
            return self.algorithm
        return automatic(shape) if self._algorithms is ALGORITHMS else next(iter(self._algorithms))

    def _pack(self, name: str) -> FloatArray:
        packed = self._packed.get(name)
        if packed is None:
            packed = self._packed[name] = self._algorithms[name].pack(self._weight, self._window.groups)
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
    if np.dtype(dtype).name in integers.BYTES:
        return integers.ALGORITHMS
    check_dtype(np.dtype(dtype), "x", floats())
    return tuple(name for name in of_dtype(dtype) if not obstacle(name, filter_sizes(weight_shape), window))


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
