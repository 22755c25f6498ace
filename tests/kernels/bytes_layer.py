"""Quantized layers to test on, and what they must give: integer arithmetic, and ONNX Runtime's way back to bytes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from layers import LAYERS, Layer, convolve

import kernels

TYPES = (np.uint8, np.int8)
MIXES = tuple(itertools.product(TYPES, TYPES, TYPES))  # of x, w and y

# Where the CPU has VNNI; elsewhere ONNX Runtime's sums of two products saturate.
RUNTIME_IS_EXACT = any(isa.endswith("vnni") for isa in kernels.isas())


def anything(random, dtype, shape=()):
    """Draw from the whole range of a dtype; half of the arrays only its ends, where sums are largest."""
    limits = np.iinfo(dtype)
    if random.integers(2):
        return random.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return random.choice([limits.min, limits.max], shape).astype(dtype)


@dataclass(frozen=True)
class Case:
    """A quantized layer with all of its numbers."""

    layer: Layer
    x: np.ndarray
    x_zero_point: np.integer
    x_scale: np.float32
    w: np.ndarray
    w_zero_point: np.ndarray  # of shape () or (K,), of w's dtype
    w_scale: np.ndarray  # likewise, float32
    y_zero_point: np.integer
    y_scale: np.float32
    bias: np.ndarray | None

    @classmethod
    def of(cls, layer, mix, seed, zeros="any"):
        """Draw the numbers; zeros="symmetric" leaves w without a zero point, "one" has one for all filters."""
        random = np.random.default_rng(seed)
        x_type, w_type, y_type = mix
        per_filter = layer.K if random.integers(2) else ()
        w_zero_point = anything(random, w_type, per_filter if zeros == "any" else ())
        ties = random.integers(2)  # powers of two: many results end in a half
        return cls(
            layer,
            anything(random, x_type, layer.x_shape),
            x_type(anything(random, x_type)),
            np.float32(0.5 if ties else random.uniform(0.001, 0.1)),
            anything(random, w_type, layer.weight_shape),
            np.zeros((), w_type) if zeros == "symmetric" else w_zero_point,
            np.full(per_filter, 0.25, np.float32) if ties else np.float32(random.uniform(0.001, 0.1, per_filter)),
            y_type(anything(random, y_type)),
            np.float32(2.0 ** random.integers(-2, 14) if ties else random.uniform(0.1, 100)),
            random.integers(-(2**16), 2**16, layer.K).astype(np.int32) if layer.bias else None,
        )

    @property
    def sums(self):
        """The sums of products without the bias, in int64."""
        w = self.w.astype(np.int64) - self.w_zero_point.astype(np.int64).reshape(-1, 1, 1, 1)
        exact = convolve(self.x.astype(np.int64) - int(self.x_zero_point), w, **self.layer.window)
        assert np.abs(exact).max(initial=0) < 2**53  # so float64 held them
        return np.rint(exact).astype(np.int64)

    @property
    def expected(self):
        """y as ONNX Runtime makes it: scale in float32, cut off, round halves to even, add the zero point."""
        return self.activated(None)

    def activated(self, activation):
        """y with an activation: cut off at 0 and 6, or a leaky_relu in float32, before rounding."""
        sums = self.sums if self.bias is None else self.sums + self.bias[:, None, None]
        scale = (self.x_scale * self.w_scale / self.y_scale).astype(np.float32).reshape(-1, 1, 1)
        limits, zero = np.iinfo(self.y_zero_point.dtype), int(self.y_zero_point)
        low, high = np.float32(limits.min - zero), np.float32(limits.max - zero)
        y = sums.astype(np.int32).astype(np.float32) * scale
        if isinstance(activation, tuple):
            y = np.where(y < 0, np.float32(activation[1]) * y, y)
        elif activation:
            low, high = np.float32(0), min(high, np.float32(6) / self.y_scale) if activation == "relu6" else high
        return (np.rint(np.clip(y, low, high)) + zero).astype(self.y_zero_point.dtype)

    def plan(self, activation=None, algorithm="auto", threads=1):
        return kernels.QLinearConv(
            self.w,
            self.w_scale,
            self.w_zero_point,
            self.bias,
            x_scale=self.x_scale,
            x_zero_point=self.x_zero_point,
            y_scale=self.y_scale,
            y_zero_point=self.y_zero_point,
            **self.layer.window,
            activation=activation,
            algorithm=algorithm,
            threads=threads,
        )

    def integers(self, algorithm="auto", threads=1):
        return kernels.conv_integer(
            self.x,
            self.w,
            self.x_zero_point,
            self.w_zero_point,
            **self.layer.window,
            algorithm=algorithm,
            threads=threads,
        )

    def check(self, threads=1):
        """Assert that y and the sums are exact, both wrapping at 32 bits."""
        np.testing.assert_array_equal(self.plan(threads=threads)(self.x), self.expected, err_msg=str(self.layer))
        np.testing.assert_array_equal(self.integers(threads=threads), self.sums.astype(np.int32), str(self.layer))


def moderate(case):
    """The case with filters within Winograd's bound, whatever its zero points are."""
    random, middle = np.random.default_rng(7), case.w_zero_point.astype(int).reshape(-1, 1, 1, 1)
    limits = np.iinfo(case.w.dtype)
    most = min(60, 2**26 // 255 // (9 * case.layer.C))
    w = np.clip(middle + random.integers(-most, most + 1, case.w.shape), limits.min, limits.max)
    return replace(case, w=w.astype(case.w.dtype))


# Each geometry of layers.py, with a mix of types that changes from one to the next.
CASES = [
    Case.of(replace(layer, activation=None), MIXES[i % 8], i, ("any", "symmetric", "one")[i % 3])
    for i, layer in enumerate(LAYERS)
]
