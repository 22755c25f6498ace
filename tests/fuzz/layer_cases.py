"""Random layers of every type and algorithm, against the definition in float64, integer arithmetic and ONNX Runtime.

A case is JSON: the name of a check, and what it takes. Each layer computes in every form of image that it knows,
between pages that nobody may touch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import half_layer
import numpy as np
import pytest
from bytes_layer import RUNTIME_IS_EXACT, Case
from child import guarded
from contract import arguments, forms
from definitions import added, pooled, pooled_bytes, steps_of, to_bytes
from hunt import Kind
from hypothesis import strategies as st
from layers import ROUNDING, Layer, within
from random_layers import ACTIVATIONS, counts, layers
from test_bytes_conv import onnxruntime_result

import kernels
from kernels import bytes_choice, from_lanes, registry, to_lanes

Array = np.ndarray[Any, Any]
TYPES = ("uint8", "int8")

seeds = st.integers(0, 2**32 - 1)
threads = counts(4)
ends = st.sampled_from(["start", "end"])
types = st.sampled_from(TYPES)
scales = st.integers(-30, 30)  # powers of two


def computed(operator: Any, y: Array, at: str, *read: Array) -> Array:
    """Compute an operator between pages that nobody may touch; its scratch and `y` hold what nobody may read."""
    out = guarded(y, at)
    out.view(np.uint8)[...] = 0xCB
    bound = operator.bind(*arguments(operator, [guarded(array, at) for array in read], out))
    bound(guarded(np.full(bound.scratch, np.nan, np.float32), at))
    return out


def in_every_form(plan: Any, shape: tuple[int, ...], dtype: Any, at: str, *read: Array) -> list[Array]:
    """Return the different results of a layer in all forms of image that it takes; an algorithm has one."""
    results = {}
    x, *residual = read
    for x_lanes, y_lanes in forms(plan, x.shape, shape):
        y = np.zeros(shape, dtype)
        turned = [to_lanes(x) if x_lanes else x, *(to_lanes(array) if y_lanes else array for array in residual)]
        y = computed(plan, to_lanes(y) if y_lanes else y, at, *turned)
        y = from_lanes(y) if y_lanes else y
        results[y.tobytes()] = y
    return list(results.values())


def float32(layer: Layer, algorithm: str, threads: int, compact: bool, integers: bool, at: str) -> None:
    """Check an algorithm: within its bound, exact on integers, the same bits for each form and number of threads."""
    x, weight, bias, residual = arrays = layer.arrays(integers)
    names = kernels.algorithms(layer.x_shape, layer.weight_shape, **layer.window)
    assert names == layer.algorithms
    options = {"activation": layer.activation, "algorithm": algorithm, "compact": compact, **layer.window}
    plan = kernels.Conv2d(weight, bias, threads=threads, **options)
    alone = kernels.Conv2d(weight, bias, threads=1, **options)(x, residual=residual)
    read = [x] if residual is None else [x, residual]
    results = [alone, *in_every_form(plan, alone.shape, np.float32, at, *read)]
    exact, bound = layer.reference(*arrays), layer.bound(algorithm, *arrays)
    for y in results:
        within(y, exact, 0 if integers and algorithm not in (*ROUNDING, "auto") else bound)
        assert algorithm == "auto" or y.tobytes() == alone.tobytes(), "other bits in lanes, or on several threads"


def sixteen_bits(layer: Layer, threads: int, at: str, dtype: str) -> None:
    """Check floats of 16 bits, emulated on a CPU without their instructions."""
    before = registry.SHORT
    registry.SHORT = half_layer.emulation()
    try:
        x, weight, bias, residual = arrays = half_layer.halves(layer, dtype)
        plan = kernels.Conv2d(weight, bias, activation=layer.activation, threads=threads, **layer.window)
        read = [x] if residual is None else [x, residual]
        (y,) = in_every_form(plan, plan.y_shape(x.shape), x.dtype, at, *read)
    finally:
        registry.SHORT = before
    exact = layer.reference(*half_layer.wide(arrays))
    assert (np.abs(y.astype(float) - exact) <= half_layer.bound(layer, *arrays)).all()


def bytes_(
    layer: Layer,
    mix: list[str],
    zeros: str,
    powers: list[int] | None,
    threads: int,
    at: str,
    beside: bool,
    algorithm: str = "auto",
) -> None:
    """Check QLinearConv and ConvInteger, to the bit; `beside` ONNX Runtime too, for the types that it takes.

    Filters beyond the bound of the algorithm that is asked for are refused, with their channel.
    """
    x_type, w_type, y_type = (np.dtype(name).type for name in mix)
    case = Case.of(layer, (x_type, w_type, y_type), layer.seed, zeros)
    if powers is not None:
        x_scale, w_scale, y_scale = (np.float32(2.0**power) for power in powers)
        case = replace(case, x_scale=x_scale, w_scale=case.w_scale * w_scale, y_scale=y_scale)
    plan = case.plan(layer.activation, algorithm, threads)
    if layer.N and algorithm != "auto" and beyond_bound(case, bytes_choice.WINOGRAD[algorithm]):
        with pytest.raises(ValueError, match=rf"{algorithm} cannot compute this layer exactly: .*output channel \d"):
            plan(case.x)
        return
    (y,) = in_every_form(plan, plan.y_shape(case.x.shape), y_type, at, case.x)
    np.testing.assert_array_equal(y, case.activated(layer.activation))
    np.testing.assert_array_equal(case.integers(algorithm, threads), case.sums.astype(np.int32))
    known = (mix[1:] == ["int8", "int8"] and not case.w_zero_point.any()) or (
        mix[2] == "uint8" and mix[0] == "uint8" and (mix[1] == "uint8" or not case.w_zero_point.any())
    )
    if (
        beside
        and known
        and mix[0] == mix[2]
        and not case.w_zero_point.shape
        and (RUNTIME_IS_EXACT or mix[1] == "uint8")
    ):
        np.testing.assert_array_equal(case.plan()(case.x), onnxruntime_result(case))


def beyond_bound(case: Case, m: int) -> bool:
    """Whether (5) of bytes_winograd.pyx does not hold."""
    size = np.abs(case.w.astype(np.int64) - case.w_zero_point.astype(np.int64).reshape(-1, 1, 1, 1))
    return bool(size.max() > 227 or 255 * size.sum((1, 2, 3)).max() >= 2 ** {2: 30, 4: 26}[m])


def pool(
    shape: list[int], kind: str, options: dict[str, Any], types: list[str] | None, seed: int, threads: int, at: str
) -> None:
    """Check Pool2d, or QLinearPool between two types of bytes."""
    random = np.random.default_rng(seed)
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    taps = options["taps"]
    moves = {name: value for name, value in options.items() if name != "taps"}
    if types is None:
        x = random.standard_normal(shape, np.float32)
        plan = kernels.Pool2d(kind, taps, threads=threads, **moves)
        exact = pooled(kind, x, **options)
        count = np.prod(taps if taps else shape[2:])
        slack = 0 if kind == "maximum" else (count + 2) * 2.0**-24 * pooled(kind, np.abs(x), **options) + 2.0**-140
        (y,) = in_every_form(plan, exact.shape, np.float32, at, x)
        with np.errstate(invalid="ignore"):  # the largest, or the mean, of none
            assert ((np.abs(y - exact) <= slack) | (y == exact) | np.isnan(exact)).all()
    else:
        x_type, y_type = map(np.dtype, types)
        x = random.integers(0, 256, shape, np.uint8).view(x_type)
        steps = [part for dtype in (x_type, y_type) for part in drawn_steps(random, dtype)]
        steps[2:] = steps[:2] if kind == "maximum" else steps[2:]
        plan = kernels.QLinearPool(kind, taps, *steps, threads=threads, **moves)
        exact = pooled_bytes(kind, x, *steps, **options)
        (y,) = in_every_form(plan, exact.shape, exact.dtype, at, x)
        np.testing.assert_array_equal(y, exact)


def drawn_steps(random: np.random.Generator, dtype: Any) -> tuple[np.float32, Any]:
    """Return a scale, one in two a power of two, and a zero point, one in four an end of its type."""
    limits = np.iinfo(dtype)
    zero = [limits.min, limits.max, *random.integers(limits.min, limits.max, 6, endpoint=True)][random.integers(8)]
    return np.float32(2.0 ** random.integers(-20, 20) * random.choice([1, random.uniform(1, 2)])), dtype.type(zero)


def number_by_number(size: int, types: list[str], activation: str | None, seed: int, threads: int, at: str) -> None:
    """Check QLinearAdd, QuantizeLinear, DequantizeLinear and LookUp, to the bit."""
    random = np.random.default_rng(seed)
    a_type, b_type, y_type = map(np.dtype, types)
    a, b = (random.integers(0, 256, size, np.uint8).view(dtype) for dtype in (a_type, b_type))
    steps = [part for dtype in (a_type, b_type, y_type) for part in drawn_steps(random, dtype)]
    if random.integers(2):  # the sums fill the range of y
        steps[0], steps[2], steps[4] = (np.float32(number) for number in random.uniform(0.01, 0.1, 3))
    total = kernels.QLinearAdd(*steps, activation=activation, threads=threads)
    np.testing.assert_array_equal(
        computed(total, np.zeros(size, y_type), at, a, b), added(a, b, *steps, activation=activation)
    )
    scale, zero = steps[4:]
    x = (random.standard_normal(size) * random.choice([1, 100, 1e30]) * scale).astype(np.float32)
    x[: size // 3] = np.rint(x[: size // 3] / scale) * scale / 2  # halves, nearly
    x[: size // 7] = random.choice([np.inf, -np.inf, np.float32(3e38), 0])
    q = computed(kernels.QuantizeLinear(scale, zero, threads=threads), np.zeros(size, y_type), at, x)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(q, to_bytes(x / scale, zero))
    y = computed(kernels.DequantizeLinear(scale, zero, threads=threads), np.zeros(size, np.float32), at, q)
    np.testing.assert_array_equal(y, scale * steps_of(q, zero))
    table = random.integers(0, 256, 256, np.uint8).view(b_type)
    found = computed(kernels.LookUp(table), np.zeros(size, b_type), at, a)
    np.testing.assert_array_equal(found, table[a.view(np.uint8)])


CHECKS: dict[str, Callable[..., None]] = {
    "float32": float32,
    "float16": partial(sixteen_bits, dtype="float16"),
    "bfloat16": partial(sixteen_bits, dtype="bfloat16"),
    "bytes": bytes_,
    "pool": pool,
    "number by number": number_by_number,
}


@st.composite
def pools(draw: st.DrawFn) -> dict[str, Any]:
    R, S = taps = draw(counts(5)), draw(counts(5))
    options = {
        "taps": draw(st.sampled_from([taps, taps, taps, None])),
        "stride": (draw(counts(4)), draw(counts(4))),
        "padding": tuple(draw(st.integers(0, most)) for most in (R, S, R, S)),
        "dilation": (draw(counts(3)), draw(counts(3))),
        "count_padding": draw(st.booleans()),
    }
    shape = [draw(st.integers(0, 2)), draw(st.one_of(counts(20), st.sampled_from([16, 32]))), 0, 0]
    for axis in (0, 1):
        reach = (taps[axis] - 1) * options["dilation"][axis] + 1 if options["taps"] else 1
        least = reach - options["padding"][axis] - options["padding"][axis + 2]
        shape[axis + 2] = max(1, least) + draw(st.integers(0, 12))
    if options["taps"] is None:
        options |= {"dilation": (1, 1)}
    kind, types_ = draw(st.sampled_from(["maximum", "mean"])), draw(st.one_of(st.none(), st.tuples(types, types)))
    if kind == "maximum":
        options["count_padding"] = False
    return {"shape": shape, "kind": kind, "options": options, "types": types_, "seed": draw(seeds)}


@st.composite
def drawn(draw: st.DrawFn) -> bytes:
    """Draw a check and what it takes."""
    name = draw(
        st.sampled_from(["float32", "float32", "bytes", "bytes", *half_layer.AVAILABLE, "pool", "number by number"])
    )
    case: dict[str, Any] = {"check": name, "threads": draw(threads), "at": draw(ends)}
    if name == "pool":
        case |= draw(pools())
    elif name == "number by number":
        activation = draw(st.sampled_from(ACTIVATIONS[:3]))
        mix = draw(st.tuples(types, types, types))
        case |= {"size": draw(st.integers(0, 300)), "types": mix, "activation": activation, "seed": draw(seeds)}
    else:
        layer = replace(draw(layers(fewest_images=0)), seed=draw(seeds))
        if name == "float32":
            layer = replace(layer, spread=draw(st.sampled_from([0, 0, 0, 8, 20])))
            case["algorithm"] = draw(st.sampled_from((*layer.algorithms, "auto")))
            case |= {"compact": draw(st.booleans()), "integers": draw(st.booleans())}
        if name == "bytes":
            layer = replace(layer, residual=False)
            powers = draw(st.one_of(st.none(), st.tuples(scales, scales, scales)))
            zeros = draw(st.sampled_from(["any", "symmetric", "one"]))
            case |= {"mix": draw(st.tuples(types, types, types)), "zeros": zeros, "powers": powers}
            case |= {"beside": draw(st.integers(0, 7)) == 7}
            able = [name for name in bytes_choice.WINOGRAD if name in layer.algorithms and layer.groups == 1]
            case["algorithm"] = draw(st.sampled_from(["auto", *able]))
        case["layer"] = {key: value for key, value in asdict(layer).items() if value != getattr(Layer, key)}
    return json.dumps(case).encode()


def check(content: bytes) -> None:
    """Run the check of a case."""
    case = json.loads(content)
    if "layer" in case:
        options = {key: tuple(value) if isinstance(value, list) else value for key, value in case["layer"].items()}
        case["layer"] = Layer(**options)
    CHECKS[case.pop("check")](**case)


def cases() -> st.SearchStrategy[bytes]:
    """Return the strategy."""
    return drawn()


LAYERS = Kind("layer", ".json", cases, check)
