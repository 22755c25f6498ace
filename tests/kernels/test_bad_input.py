"""Whatever is wrong with a call, it is an exception of the right type that names the offending value."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import ALGORITHMS, WINOGRAD, Layer

import kernels
from kernels import registry

LAYER = Layer(C=4, K=6, H=8, W=7)
X, WEIGHT, BIAS, _ = LAYER.arrays()
GOOD = {"x": X, "weight": WEIGHT, "bias": BIAS}


def numbers(*shape):
    return np.zeros(shape, np.float32)


def giant(*shape):
    """Return an array of any size in four bytes."""
    return np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), shape, (0,) * len(shape))


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


class Index:
    """An integer of a type that Python has never seen."""

    def __index__(self):
        return 2

    def __repr__(self):
        return "Index"


# Arguments, exception, what the message says.
CALLS = [
    # rank and size
    ({"x": numbers()}, ValueError, "x must have four dimensions (N, C, H, W), not shape ()"),
    ({"x": numbers(4, 8, 8)}, ValueError, "x must have four dimensions (N, C, H, W), not shape (4, 8, 8)"),
    ({"x": numbers(1, 1, 4, 8, 7)}, ValueError, "not shape (1, 1, 4, 8, 7)"),
    ({"x": numbers(1, 4, 0, 8)}, ValueError, "x must not have a size below 1: its shape is (1, 4, 0, 8)"),
    ({"x": numbers(1, 4, 8, 0)}, ValueError, "(1, 4, 8, 0)"),
    ({"x": numbers(1, 0, 8, 8)}, ValueError, "(1, 0, 8, 8)"),
    ({"x": numbers(0, 0, 0, 0)}, ValueError, "(0, 0, 0, 0)"),
    (
        {"weight": numbers(6, 4, 3)},
        ValueError,
        "weight must have four dimensions (K, C / groups, R, S), not shape (6, 4, 3)",
    ),
    ({"weight": numbers(0, 4, 3, 3)}, ValueError, "weight must not have a size below 1: its shape is (0, 4, 3, 3)"),
    ({"weight": numbers(6, 0, 3, 3)}, ValueError, "(6, 0, 3, 3)"),
    ({"weight": numbers(6, 4, 0, 3)}, ValueError, "(6, 4, 0, 3)"),
    ({"weight": numbers(6, 4, 3, 0)}, ValueError, "(6, 4, 3, 0)"),
    ({"bias": numbers()}, ValueError, "bias must have shape (6,), one number an output channel, not ()"),
    ({"bias": numbers(5)}, ValueError, "not (5,)"),
    ({"bias": numbers(6, 1)}, ValueError, "not (6, 1)"),
    ({"bias": numbers(0)}, ValueError, "not (0,)"),
    # channels and groups
    (
        {"x": numbers(1, 5, 8, 8)},
        ValueError,
        "x has 5 channels, but weight of shape (6, 4, 3, 3) with groups=1 reads 4 * 1 = 4",
    ),
    ({"x": numbers(0, 5, 8, 8)}, ValueError, "x has 5 channels"),
    ({"groups": 2}, ValueError, "x has 4 channels, but weight of shape (6, 4, 3, 3) with groups=2 reads 4 * 2 = 8"),
    ({"groups": 4}, ValueError, "groups=4 does not divide the 6 output channels"),
    ({"groups": 2**70}, ValueError, f"groups={2**70} does not divide"),
    ({"groups": 0}, ValueError, "groups must be at least 1, not 0"),
    ({"groups": -1}, ValueError, "groups must be at least 1, not -1"),
    ({"groups": (1, 1)}, TypeError, "groups must be an integer, not (1, 1)"),
    ({"groups": True}, TypeError, "groups must be an integer, not True"),
    ({"groups": None}, TypeError, "groups must be an integer, not None"),
    # the window
    *(
        ({name: value}, error, message.format(name=name))
        for name in ("stride", "dilation")
        for value, error, message in [
            (0, ValueError, "{name} must be at least 1, not 0"),
            (-2, ValueError, "{name} must be at least 1, not -2"),
            ((1, 0), ValueError, "{name} must be at least 1, not (1, 0)"),
            (2**60, ValueError, f"{{name}} must be at most {2**60 - 1}, not {2**60}"),
            (2**63 - 1, ValueError, str(2**63 - 1)),
            ((1, 2**70), ValueError, f"(1, {2**70})"),
            ((), ValueError, "{name} takes one integer or 2 of them, not 0: ()"),
            ((1, 2, 3), ValueError, "{name} takes one integer or 2 of them, not 3: (1, 2, 3)"),
        ]
    ),
    *(
        ({name: value}, TypeError, f"{name} must be an integer, not {value!r}")
        for name in ("stride", "dilation", "padding")
        for value in (1.5, 2.0, "2", None, True, np.float32(2), np.bool_(True), np.array([1, 1]), {1, 2}, 1j, b"1")
    ),
    ({"stride": (1, 1.0)}, TypeError, "stride must be an integer, not 1.0"),
    ({"dilation": [1, "1"]}, TypeError, "dilation must be an integer, not '1'"),
    ({"padding": ((1, 1), (1, 1))}, TypeError, "padding must be an integer, not (1, 1)"),
    ({"padding": -1}, ValueError, "padding must be at least 0, not -1"),
    ({"padding": (0, 0, 0, -1)}, ValueError, "padding must be at least 0, not (0, 0, 0, -1)"),
    ({"padding": (1, 2, 3)}, ValueError, "padding takes one integer or 2 or 4 of them, not 3: (1, 2, 3)"),
    ({"padding": (1,)}, ValueError, "not 1: (1,)"),
    ({"padding": "same"}, TypeError, "padding must be an integer, not 'same'"),
    ({"padding": 2**40}, ValueError, f"the padded x would count 1 * 4 * {2**41 + 8} * {2**41 + 7} numbers"),
    ({"padding": 2**70}, ValueError, f"padding must be at most {2**60 - 1}, not {2**70}"),
    ({"padding": (0, 0, 2**59, 0), "stride": 2**59}, ValueError, f"the padded x would count 1 * 4 * {2**59 + 8} * 7"),
    ({"x": numbers(1, 4, 2, 8)}, ValueError, "the filter's height 3 exceeds the padded input's height 2"),
    (
        {"x": numbers(1, 4, 8, 1), "padding": (0, 1, 0, 0)},
        ValueError,
        "the filter's width 3 exceeds the padded input's width 2",
    ),
    (
        {"dilation": (4, 1)},
        ValueError,
        "the filter's height 9 (3 taps with dilation 4) exceeds the padded input's height 8",
    ),
    ({"x": numbers(0, 4, 2, 8)}, ValueError, "the filter's height 3"),
    # types of the arrays
    *(
        ({name: GOOD[name].astype(dtype)}, TypeError, f"{name} has dtype {dtype}: {hint}")
        for name in GOOD
        for dtype, hint in [
            ("float64", f"the kernels compute in float32; pass {name}.astype(numpy.float32)"),
            ("float16", f"the kernels compute in float32; pass {name}.astype(numpy.float32)"),
            (">f4", f"the kernels compute in float32; pass {name}.astype(numpy.float32)"),
            ("int8", "the floating-point kernels take float32 arrays"),
            ("int32", "the floating-point kernels take float32 arrays"),
            ("complex64", "the floating-point kernels take float32 arrays"),
            ("bool", "the floating-point kernels take float32 arrays"),
            ("object", "the floating-point kernels take float32 arrays"),
            ("<U32", "the floating-point kernels take float32 arrays"),
        ]
        if name != "weight" or dtype not in registry.SHORT  # then it is the others that have another type
    ),
    *(
        ({name: value}, TypeError, f"{name} must be a NumPy array, not {type(value).__name__}")
        for name in GOOD
        for value in ([[[[1.0]]]], (1.0,), 1.0, "weight", memoryview(b"1234"), np.float32(1), [[1], [1, 2]], Index())
    ),
    ({"x": None}, TypeError, "x must be a NumPy array, not NoneType"),
    ({"weight": None}, TypeError, "weight must be a NumPy array, not NoneType"),
    # numbers that are not finite
    (
        {"weight": changed(WEIGHT, (5, 0, 2, 1), np.nan)},
        ValueError,
        "weight must be finite, but weight[5, 0, 2, 1] is nan",
    ),
    ({"weight": changed(WEIGHT, (0, 3, 0, 0), -np.inf)}, ValueError, "weight[0, 3, 0, 0] is -inf"),
    ({"bias": changed(BIAS, 4, np.inf)}, ValueError, "bias must be finite, but bias[4] is inf"),
    # sizes that no memory holds
    ({"x": giant(1, 4, 2**29, 2**29)}, ValueError, f"x would count 1 * 4 * {2**29} * {2**29} numbers"),
    ({"x": giant(1, 4, 2**25, 2**26)}, MemoryError, f"(1, 6, {2**25 - 2}, {2**26 - 2})"),
    ({"weight": giant(2**28, 2**28, 1, 1)}, MemoryError, f"({2**28}, {2**28}, 1, 1)"),
    ({"weight": giant(1, 4, 2**26, 2**30), "bias": None}, MemoryError, f"(1, 4, {2**26}, {2**30})"),
    # the other arguments
    ({"activation": "gelu"}, ValueError, "or ('hard_sigmoid', slope), not 'gelu'"),
    ({"activation": "leaky_relu"}, ValueError, "not 'leaky_relu'"),
    ({"activation": ("relu", 1)}, ValueError, "not ('relu', 1)"),
    ({"activation": ("leaky_relu", 1, 2)}, ValueError, "not ('leaky_relu', 1, 2)"),
    ({"activation": 1}, ValueError, "not 1"),
    ({"activation": False}, ValueError, "not False"),
    ({"activation": np.maximum}, ValueError, "not <ufunc 'maximum'>"),
    ({"activation": (numbers(2), 1)}, ValueError, "not (array([0., 0.], dtype=float32), 1)"),
    ({"activation": ("leaky_relu", np.nan)}, ValueError, "the slope of leaky_relu must be finite in float32, not nan"),
    ({"activation": ("leaky_relu", -np.inf)}, ValueError, "not -inf"),
    ({"activation": ("leaky_relu", 1e39)}, ValueError, "not 1e+39"),
    ({"activation": ("leaky_relu", 10**400)}, ValueError, "not 1000000"),
    ({"activation": ("leaky_relu", "0.1")}, TypeError, "the slope of leaky_relu must be a number, not '0.1'"),
    ({"activation": ("leaky_relu", None)}, TypeError, "not None"),
    ({"activation": ("leaky_relu", True)}, TypeError, "not True"),
    ({"activation": ("leaky_relu", 1j)}, TypeError, "not 1j"),
    ({"algorithm": "fft"}, ValueError, "algorithm 'fft' is unknown; choose auto"),
    ({"algorithm": "Direct"}, ValueError, "'Direct'"),
    ({"algorithm": ""}, ValueError, "''"),
    ({"algorithm": None}, ValueError, "None"),
    ({"algorithm": ["direct"]}, ValueError, "['direct']"),
    ({"algorithm": np.array(["auto", "direct"])}, ValueError, "array(['auto', 'direct']"),
    *(
        ({"algorithm": "winograd_f4", **option}, ValueError, f"{why}. Those that can: naive, direct, im2col")
        for option, why in [
            ({"stride": 2}, "algorithm 'winograd_f4' cannot run this layer: its stride is (2, 2), not 1"),
            ({"dilation": (1, 2)}, "its dilation is (1, 2), not 1"),
            ({"weight": WEIGHT[..., :2]}, "its filter is 3x2, not 3x3"),
        ]
    ),
    ({"threads": 0}, ValueError, "threads must be at least 1, not 0"),
    ({"threads": -3}, ValueError, "threads must be at least 1, not -3"),
    *(
        ({"threads": value}, TypeError, f"threads must be an integer, not {value!r}")
        for value in (True, 1.0, "2", (1,), np.bool_(True))
    ),
]


def test_the_good_call_is_good():
    """Each of the bad calls differs from this one in what is wrong, and in nothing else."""
    LAYER.check("auto", kernels.conv2d(**GOOD), X, WEIGHT, BIAS, None)


@pytest.mark.parametrize(("wrong", "error", "message"), CALLS, ids=[f"{number}" for number in range(len(CALLS))])
def test_conv2d(wrong, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        kernels.conv2d(**{**GOOD, **wrong})
    assert caught.type in (TypeError, ValueError) or issubclass(caught.type, MemoryError)


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_wrong_weights_are_an_error_before_the_first_call(algorithm):
    for wrong in (changed(WEIGHT, (0, 0, 0, 0), np.nan), WEIGHT.astype(np.float64), WEIGHT[0]):
        with pytest.raises((TypeError, ValueError)):
            kernels.Conv2d(wrong, algorithm=algorithm)


def overlapping(shape, offset):
    """Return x and an array of the given shape within one piece of memory, `offset` numbers apart."""
    memory = numbers(1000)
    x = memory[400 : 400 + X.size].reshape(X.shape)
    return x, memory[400 + offset : 400 + offset + np.prod(shape)].reshape(shape)


Y_SHAPE = (1, 6, 6, 5)
ARRAYS = [
    ({"out": numbers(1, 6, 6, 6)}, ValueError, "out must have the output's shape (1, 6, 6, 5), not (1, 6, 6, 6)"),
    ({"out": numbers(6, 6, 5)}, ValueError, "not (6, 6, 5)"),
    ({"out": numbers()}, ValueError, "not ()"),
    ({"out": numbers(1, 6, 6, 10)[..., ::2]}, ValueError, "out must be contiguous (C order), but its strides are"),
    ({"out": np.asfortranarray(numbers(*Y_SHAPE))}, ValueError, "out must be contiguous (C order)"),
    ({"out": numbers(*Y_SHAPE)[:, :, ::-1]}, ValueError, "out must be contiguous (C order)"),
    ({"out": giant(*Y_SHAPE)}, ValueError, "out must be contiguous (C order), but its strides are (0, 0, 0, 0)"),
    ({"out": np.broadcast_to(numbers(1), Y_SHAPE)}, ValueError, "strides are (0, 0, 0, 0)"),
    ({"out": np.frombuffer(bytes(4 * 180), np.float32).reshape(Y_SHAPE)}, ValueError, "out is read-only"),
    ({"out": np.frombuffer(bytearray(721), np.float32, 180, 1).reshape(Y_SHAPE)}, ValueError, "out is not aligned"),
    ({"out": np.zeros(Y_SHAPE)}, TypeError, "out has dtype float64"),
    ({"out": np.zeros(Y_SHAPE, ">f4")}, TypeError, "out has dtype >f4"),
    ({"out": np.zeros(Y_SHAPE, np.int32)}, TypeError, "out has dtype int32"),
    ({"out": numbers(*Y_SHAPE).tolist()}, TypeError, "out must be a NumPy array, not list"),
    ({"out": memoryview(bytearray(720))}, TypeError, "out must be a NumPy array, not memoryview"),
    (
        {"residual": numbers(1, 1, 1, 1)},
        ValueError,
        "residual must have the output's shape (1, 6, 6, 5), not (1, 1, 1, 1)",
    ),
    ({"residual": numbers(6, 6, 5)}, ValueError, "not (6, 6, 5)"),
    ({"residual": numbers()}, ValueError, "not ()"),
    ({"residual": np.zeros(Y_SHAPE)}, TypeError, "residual has dtype float64"),
    ({"residual": np.zeros(Y_SHAPE, ">f4")}, TypeError, "residual has dtype >f4"),
    ({"residual": 0.0}, TypeError, "residual must be a NumPy array, not float"),
    *(
        (dict(zip(("x", "out"), overlapping(Y_SHAPE, offset), strict=True)), ValueError, "out shares memory with x")
        for offset in (0, 1, X.size - 1, -1, -179)
    ),
    *(
        ({"out": shared, "residual": shared[..., ::step]}, ValueError, "out shares memory with residual")
        for shared, step in ((numbers(*Y_SHAPE), 1), (numbers(*Y_SHAPE), -1))
    ),
]


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WINOGRAD, "auto"])
@pytest.mark.parametrize(("wrong", "error", "message"), ARRAYS, ids=[f"{number}" for number in range(len(ARRAYS))])
def test_call_of_a_plan(wrong, error, message, algorithm):
    plan = kernels.Conv2d(WEIGHT, algorithm=algorithm)
    with pytest.raises(error, match=re.escape(message)):
        plan(**{"x": X, **wrong})


def test_out_overlaps_an_image_that_is_not_contiguous():
    memory = numbers(1, 4, 8, 14)
    with pytest.raises(ValueError, match="out shares memory with x"):
        kernels.Conv2d(WEIGHT)(memory[..., ::2], out=memory.reshape(-1)[:180].reshape(Y_SHAPE))


@pytest.mark.parametrize("offset", [-180, X.size])
def test_neighbours_in_memory_do_not_overlap(offset):
    x, out = overlapping(Y_SHAPE, offset)
    assert kernels.Conv2d(WEIGHT)(x, out=out) is out


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (((1, 4, 8), (6, 4, 3, 3)), {}, ValueError, "not shape (1, 4, 8)"),
        (((1, 4, 8, "8"), (6, 4, 3, 3)), {}, TypeError, "a size in the shape of x must be an integer, not '8'"),
        (((1, 4, 8, 8.0), (6, 4, 3, 3)), {}, TypeError, "not 8.0"),
        (((1, 4, 8, -8), (6, 4, 3, 3)), {}, ValueError, "(1, 4, 8, -8)"),
        (((1, 4, 8, 8), (6, 3, 3, 3)), {}, ValueError, "x has 4 channels"),
        (((1, 4, 8, 8), (6, 4, 9, 3)), {}, ValueError, "the filter's height 9 exceeds"),
        (((1, 4, 8, 8), (6, 4, 3, 3)), {"stride": 0}, ValueError, "stride must be at least 1, not 0"),
        (((2**40, 4, 2**40, 8), (6, 4, 3, 3)), {}, ValueError, f"x would count {2**40} * 4 * {2**40} * 8 numbers"),
        (((2**20, 2**10, 2**10, 2**10), (2**20, 2**10, 1, 1)), {}, ValueError, "the output would count"),
        (((1, 2**30, 1, 1), (2**31, 2**30, 1, 1)), {}, ValueError, "the multiply-adds would count"),
        (
            ((1, 4, 8, 8), (6, 4, 3, 3)),
            {"dtype": "float64"},
            TypeError,
            "has dtype float64: the kernels compute in float32",
        ),
        (((1, 4, 8, 8), (6, 4, 3, 3)), {"dtype": "int16"}, TypeError, "has dtype int16"),
        (((1, 4, 8, 8), (6, 4, 3, 3)), {"dtype": "float33"}, TypeError, "float33"),
    ],
)
def test_algorithms(arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        kernels.algorithms(*arguments, **options)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "x": st.sampled_from([X, X[:0], X[:, :2], X[0], X.astype(float), X[..., ::-1], giant(1, 4, 9, 9), None]),
            "weight": st.sampled_from([WEIGHT, WEIGHT[:, :2], WEIGHT[:3], WEIGHT[..., :1], WEIGHT[0], WEIGHT * 1j]),
            "bias": st.sampled_from([None, BIAS, BIAS[:3], BIAS[::-1], np.array(1.0, np.float32)]),
            "stride": st.sampled_from([1, 3, (2, 1), 0, -1, 2**59, 2**63, 1.5, "1"]),
            "padding": st.sampled_from([0, 2, (1, 0), (3, 2, 1, 0), (1, 2, 3), -1, 2**60, None]),
            "dilation": st.sampled_from([1, 2, (1, 3), 9, 2**62, (1, 1, 1), (), 1e3]),
            "groups": st.sampled_from([1, 2, 3, 6, 0, -2, 2**64, 2.0]),
            "threads": st.sampled_from([None, 1, 2, 10**9, 0, True]),
            "activation": st.sampled_from([None, "relu", "relu6", ("leaky_relu", -2), ("leaky_relu",), "tanh", 3]),
            "algorithm": st.sampled_from(["auto", *ALGORITHMS, "winograd_f4", "winograd", 1]),
        },
    )
)
def test_any_combination_is_an_error_or_right(arguments):
    arguments = {**GOOD, **arguments}
    try:
        y = kernels.conv2d(**arguments)
    except (TypeError, ValueError):
        return
    x, weight, bias = (arguments.pop(name) for name in ("x", "weight", "bias"))
    options = {name: value for name, value in arguments.items() if name not in ("threads", "algorithm")}
    (N, C, H, W), (K, _, R, S) = x.shape, weight.shape
    layer = Layer(C, H, W, K, R, S, N, **options)
    if N:
        layer.check(arguments.get("algorithm", "auto"), y, x, weight, bias, None)
    assert y.shape[:2] == (N, K)


@pytest.mark.parametrize("two", [2, (2, 2), [2, 2], np.int8(2), np.uint64(2), np.array(2), Index()], ids=repr)
def test_integers_of_every_kind_are_taken(two):
    layer = Layer(C=4, K=6, H=8, W=7, stride=2, padding=2, dilation=2)
    y = kernels.conv2d(**GOOD, stride=two, padding=two, dilation=two)
    layer.check("auto", y, X, WEIGHT, BIAS, None)
