"""Checks the description of a convolution layer and derives its output size; every error names the offending value."""

from __future__ import annotations

import math
import operator
import sys
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Literal

Pair = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[int, int, int, int]
Activation = (
    Literal["relu", "relu6", "hard_swish", "sigmoid", "silu"]
    | tuple[Literal["leaky_relu", "hard_sigmoid"], float]
    | None
)

_STEEPEST = (2 - 2**-23) * 2.0**127  # the largest float32
_LARGEST = sys.maxsize // 8  # numbers in an array: its size in bytes must fit the machine's word


def _integer(value: object, name: str) -> int:
    try:
        if not isinstance(value, bool):
            return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        pass
    raise TypeError(f"{name} must be an integer, not {value!r}")


def _integers(value: object, name: str, counts: tuple[int, ...], least: int) -> tuple[int, ...]:
    """Return `value` as a tuple of integers; a single one is repeated to the first of the allowed lengths."""
    if isinstance(value, (tuple, list)):
        if len(value) not in counts:
            allowed = " or ".join(str(c) for c in counts)
            raise ValueError(f"{name} takes one integer or {allowed} of them, not {len(value)}: {value!r}")
        numbers = tuple(_integer(v, name) for v in value)
    else:
        numbers = (_integer(value, name),) * counts[0]
    for number in numbers:
        if number < least:
            raise ValueError(f"{name} must be at least {least}, not {value!r}")
        if number > _LARGEST:
            raise ValueError(f"{name} must be at most {_LARGEST}, not {value!r}")
    return numbers


@dataclass(frozen=True)
class Window:
    """How the filter moves over the image.

    Attributes
    ----------
    stride, dilation : (int, int)
        Down and right, in pixels.
    padding : (int, int, int, int)
        Rows and columns of zeros at the top, left, bottom and right.
    groups : int
        Parts that the channels are cut into; each output channel reads the input channels of its own part.
    """

    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    @classmethod
    def of(cls, stride: Pair, padding: Padding, dilation: Pair, groups: int) -> Window:
        """Check and complete the arguments: a single number stands for both directions, or for all four sides."""
        sides = _integers(padding, "padding", (2, 4), least=0)
        top, left, bottom, right = sides if len(sides) == 4 else sides * 2
        groups = _integer(groups, "groups")
        if groups < 1:
            raise ValueError(f"groups must be at least 1, not {groups}")
        down, across = _integers(stride, "stride", (2,), least=1)
        dilation_h, dilation_w = _integers(dilation, "dilation", (2,), least=1)
        return cls((down, across), (top, left, bottom, right), (dilation_h, dilation_w), groups)


@dataclass(frozen=True)
class Geometry:
    """The sizes of one convolution layer; the letters are those of the compiled algorithms."""

    N: int
    C: int
    H: int
    W: int
    K: int
    P: int
    Q: int
    R: int
    S: int
    window: Window

    @classmethod
    def of(cls, x_shape: tuple[int, ...], weight_shape: tuple[int, ...], window: Window) -> Geometry:
        """Derive the output size.

        Raises
        ------
        ValueError
            For a wrong rank, a size below 1 (an empty batch is fine), channels that do not match or that the groups do
            not divide, a filter larger than the padded input, and sizes whose product no array can hold.
        """
        x_shape, (K, C, R, S) = _shape(x_shape, "x", "(N, C, H, W)", empty_first=True), filter_sizes(weight_shape)
        N, channels, H, W = x_shape
        groups = window.groups
        if channels != C * groups:
            raise ValueError(
                f"x has {channels} channels, but weight of shape {tuple(weight_shape)} with groups={groups} "
                f"reads {C} * {groups} = {C * groups}"
            )
        if K % groups:
            raise ValueError(f"groups={groups} does not divide the {K} output channels of weight")
        top, left, bottom, right = window.padding
        P = _outputs(H, top + bottom, R, window.dilation[0], window.stride[0], "height")
        Q = _outputs(W, left + right, S, window.dilation[1], window.stride[1], "width")
        for what, sizes in (
            ("x", (N, channels, H, W)),
            ("the padded x", (N, channels, H + top + bottom, W + left + right)),
            ("the output", (N, K, P, Q)),
            ("the multiply-adds", (max(N, 1), K, P, Q, C, R, S)),
        ):
            if math.prod(sizes) > _LARGEST:
                raise ValueError(f"{what} would count {' * '.join(map(str, sizes))} numbers, more than {_LARGEST}")
        return cls(N, channels, H, W, K, P, Q, R, S, window)

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return self.N, self.C, self.H, self.W

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(K, C / groups, R, S)."""
        return self.K, self.C // self.window.groups, self.R, self.S

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """(N, K, P, Q)."""
        return self.N, self.K, self.P, self.Q

    @property
    def macs(self) -> int:
        """Multiply-adds of the definition: one for each output number and filter element."""
        return math.prod(self.y_shape) * math.prod(self.weight_shape[1:])

    def compiled(
        self,
        activation: tuple[int, float] = (0, 0.0),
        x_lanes: bool = False,
        y_lanes: bool = False,
        compact: bool = False,
    ) -> dict[str, float]:
        """Return the layer as the compiled algorithms take it: the fields of Layer in layer.pxd.

        An image of one column, as those of one dimension often are, lies in memory as one row does, and so does its
        filter: it is taken as that, for the algorithms work along rows.
        """
        window = self.window
        turned = self.H > self.W == self.Q == self.S == 1 and not window.padding[1]
        layer: dict[str, float] = {"N": self.N, "C": self.C, "K": self.K, "groups": window.groups, "turned": turned}
        for names, down, across in (
            ("HW", self.H, self.W),
            ("PQ", self.P, self.Q),
            ("RS", self.R, self.S),
            (("stride_h", "stride_w"), *window.stride),
            (("dilation_h", "dilation_w"), *window.dilation),
            (("pad_top", "pad_left"), *window.padding[:2]),
        ):
            layer[names[0]], layer[names[1]] = (across, down) if turned else (down, across)
        layer["x_lanes"], layer["y_lanes"], layer["compact"] = x_lanes, y_lanes, compact
        layer["activation"], layer["slope"] = activation
        return layer


@lru_cache(maxsize=1024)
def geometry_of(x_shape: tuple[int, ...], weight_shape: tuple[int, ...], window: Window) -> Geometry:
    """Return `Geometry.of`, which takes as long as a small layer, from memory where it has been asked for before."""
    return Geometry.of(x_shape, weight_shape, window)


def _shape(shape: tuple[int, ...], name: str, letters: str, empty_first: bool) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise ValueError(f"{name} must have four dimensions {letters}, not shape {tuple(shape)}")
    first, *others = (_integer(size, f"a size in the shape of {name}") for size in shape)
    if min(others) < 1 or first < (0 if empty_first else 1):
        raise ValueError(f"{name} must not have a size below 1: its shape is {tuple(shape)}")
    return (first, *others)  # type: ignore[return-value]


def filter_sizes(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Check the shape of a weight array and return it as (K, C / groups, R, S)."""
    return _shape(shape, "weight", "(K, C / groups, R, S)", empty_first=False)


def _outputs(size: int, padding: int, taps: int, dilation: int, stride: int, what: str) -> int:
    reach = (taps - 1) * dilation + 1
    if reach > size + padding:
        dilated = f" ({taps} taps with dilation {dilation})" if dilation > 1 else ""
        raise ValueError(f"the filter's {what} {reach}{dilated} exceeds the padded input's {what} {size + padding}")
    return (size + padding - reach) // stride + 1


_CODES = {None: 0, "relu": 1, "relu6": 2, "hard_swish": 5, "sigmoid": 6, "silu": 7}  # simd.h has the same numbers
_SLOPED = {"leaky_relu": 3, "hard_sigmoid": 4}


def activation_code(activation: Activation) -> tuple[int, float]:
    """Return (number, slope) as the compiled algorithms know the activation."""
    if isinstance(activation, (tuple, list)) and len(activation) == 2 and str(activation[0]) in _SLOPED:
        name, slope = activation
        if isinstance(slope, bool) or not isinstance(slope, Real):
            raise TypeError(f"the slope of {name} must be a number, not {slope!r}")
        if not abs(slope) <= _STEEPEST:
            raise ValueError(f"the slope of {name} must be finite in float32, not {slope}")
        return _SLOPED[name], float(slope)
    if activation is None or (isinstance(activation, str) and activation in _CODES):
        return _CODES[activation], 0.0
    names = ", ".join(repr(name) for name in _CODES)
    raise ValueError(
        f"activation must be one of {names}, ('leaky_relu', slope) or ('hard_sigmoid', slope), not {activation!r}"
    )


def is_for_bytes(activation: Activation) -> bool:
    """Whether a layer on bytes applies an activation: one that cuts off, or commutes with the scale."""
    return activation_code(activation)[0] <= _SLOPED["leaky_relu"]


def byte_activation_code(activation: Activation) -> tuple[int, float]:
    """Return the same as `activation_code`, of one that is for bytes.

    Raises
    ------
    ValueError
        For the others.
    """
    if not is_for_bytes(activation):
        raise ValueError(f"a layer on bytes has no activation {activation!r}; it knows relu, relu6 and leaky_relu")
    return activation_code(activation)
