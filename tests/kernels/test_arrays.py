"""Arrays as NumPy makes them: views, read-only, unaligned, of odd strides; and what happens to them afterwards."""

import tracemalloc

import numpy as np
import pytest
from layers import ALGORITHMS, WINOGRAD, Layer

import kernels

LAYER = Layer(N=2, C=4, K=6, H=9, W=8, groups=2, padding=1, residual=True)


def readonly(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array):
    memory = bytearray(array.nbytes + 1)
    copy = np.frombuffer(memory, np.float32, array.size, offset=1).reshape(array.shape)
    copy[...] = array
    assert not copy.flags.aligned
    return copy


def every_second(array):
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, np.float32)
    wide[..., ::2] = array
    return wide[..., ::2]


VIEWS = {
    "channels last in memory": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "Fortran order": np.asfortranarray,
    "every second number": every_second,
    "mirrored twice": lambda a: a[..., ::-1].copy()[..., ::-1],
    "upside down twice": lambda a: a[:, :, ::-1].copy()[:, :, ::-1],
    "read-only": readonly,
    "unaligned": unaligned,
    "subclass": lambda a: a.view(np.recarray),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_views(view, algorithm):
    x, weight, bias, residual = LAYER.arrays()
    expected = LAYER.run(algorithm, x, weight, bias, residual)
    views = view(x), view(weight), bias, view(residual)
    for made, array in zip(views, (x, weight, bias, residual), strict=True):
        np.testing.assert_array_equal(made, array)
    y = LAYER.run(algorithm, *views)
    assert type(y) is np.ndarray
    assert y.tobytes() == expected.tobytes()


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_bias_view(algorithm):
    x, weight, bias, residual = LAYER.arrays()
    expected = LAYER.run(algorithm, x, weight, bias, residual)
    for view in (every_second, readonly, unaligned, lambda a: a[::-1].copy()[::-1]):
        assert LAYER.run(algorithm, x, weight, view(bias), residual).tobytes() == expected.tobytes()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 4, 1, 1), (1, 1, 1, 4), (1, 1, 4, 1), (3, 1, 1, 1), (3, 2, 1, 4)])
def test_strides_of_sizes_of_one(shape, algorithm):
    """NumPy allows any stride where the size is one: it is never used."""
    numbers = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
    strides = tuple(1234 if size == 1 else stride for size, stride in zip(shape, numbers.strides, strict=True))
    odd = np.lib.stride_tricks.as_strided(numbers, shape, strides)
    assert odd.flags.c_contiguous
    plan = kernels.Conv2d(np.ones((shape[1], 1, 1, 1), np.float32), groups=shape[1], algorithm=algorithm)
    np.testing.assert_array_equal(plan(odd), numbers)
    out = np.lib.stride_tricks.as_strided(np.zeros(shape, np.float32), shape, strides)
    assert plan(odd, out=out, residual=odd) is out
    np.testing.assert_array_equal(out, 2 * numbers)


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WINOGRAD, "auto"])
def test_plan_keeps_its_own_weights(algorithm):
    x, weight, bias, residual = LAYER.arrays()
    expected = LAYER.run(algorithm, x, weight, bias, residual)
    plan = kernels.Conv2d(weight, bias, **LAYER.window, algorithm=algorithm)
    weight[:], bias[:] = np.nan, np.nan
    assert plan(x, residual=residual).tobytes() == expected.tobytes()


def test_weights_that_nobody_writes_to_are_not_copied():
    weight = np.ones((64, 64, 8, 8), np.float32)
    from_file = np.frombuffer(weight.tobytes(), np.float32).reshape(weight.shape)
    marked, view = weight.copy(), weight.view()
    marked.setflags(write=False)
    view.setflags(write=False)  # whoever has `weight` can still write
    copied = []
    for given in (from_file, marked, view, weight):
        tracemalloc.start()
        plan = kernels.Conv2d(given)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        copied.append(held >= weight.nbytes)
        assert plan.packed_bytes == 0
    assert copied == [False, False, True, True]


def reading(weight):
    """The weight as something to be read, and a list that grows with each reading."""
    asked = []
    return kernels.Stored(weight.shape, weight.dtype, lambda: asked.append(1) or weight), asked


def test_stored_weights_are_read_once_an_algorithm():
    x, weight, bias, _ = Layer(C=16, K=16, H=40, W=40).arrays()
    stored, asked = reading(weight)
    plan = kernels.Conv2d(stored, bias, padding=1)
    used = {plan.explain(image.shape).algorithm for image in (x, x[:, :, :1, :1])}
    assert not asked
    for image in (x, x[:, :, :1, :1], x, x[:, :, :1, :1]):
        expected = kernels.conv2d(image, weight, bias, padding=1)
        assert plan(image).tobytes() == expected.tobytes()
    assert len(asked) == len(used) == 2


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_stored_bytes_are_read_once(dtype):
    w, asked = reading(np.arange(8 * 4 * 3 * 3).reshape(8, 4, 3, 3).astype(dtype))
    steps = {"x_scale": 1.0, "x_zero_point": 7, "y_scale": 90.0, "y_zero_point": np.uint8(100)}
    plan = kernels.QLinearConv(w, 1.0, 0, **steps)
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 9, 9), np.uint8)
    assert not asked
    y = plan(x)
    for _ in range(2):
        np.testing.assert_array_equal(plan(x), y)
    assert len(asked) == 1
    np.testing.assert_array_equal(y, kernels.QLinearConv(w.read(), 1.0, 0, **steps)(x))


def test_another_padding_and_no_activation_pack_nothing_more():
    x, weight, bias, _ = LAYER.arrays()
    stored, asked = reading(weight)
    plan = kernels.Conv2d(stored, bias, **LAYER.window, activation="relu", algorithm="direct")
    other = plan.padded((0, 1, 2, 3)).without_activation()
    window = {**LAYER.window, "padding": (0, 1, 2, 3)}
    assert other(x).tobytes() == kernels.conv2d(x, weight, bias, **window, algorithm="direct").tobytes()
    expected = kernels.conv2d(x, weight, bias, **LAYER.window, activation="relu", algorithm="direct")
    assert plan(x).tobytes() == expected.tobytes()
    assert len(asked) == 1


def test_stored_weights_must_be_finite_when_they_are_read():
    weight = np.ones((2, 1, 3, 3), np.float32)
    weight[1, 0, 2, 0] = np.nan
    plan = kernels.Conv2d(kernels.Stored(weight.shape, weight.dtype, lambda: weight))
    with pytest.raises(ValueError, match=r"weight must be finite, but weight\[1, 0, 2, 0\] is nan"):
        plan(np.ones((1, 1, 5, 5), np.float32))
    with pytest.raises(TypeError, match="weight has dtype float64"):
        kernels.Conv2d(kernels.Stored(weight.shape, np.dtype(np.float64), lambda: weight))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_out_may_lie_on_the_caller_s_weight_and_bias(algorithm):
    numbers = np.arange(1, 9, dtype=np.float32)
    for weight, bias in ((numbers.copy(), np.ones(8, np.float32)), (np.ones(8, np.float32), numbers.copy())):
        plan = kernels.Conv2d(weight.reshape(8, 1, 1, 1), bias, algorithm=algorithm)
        for out in (weight, bias):
            plan(np.ones((1, 1, 1, 1), np.float32), out=out.reshape(1, 8, 1, 1))
            np.testing.assert_array_equal(out, numbers + 1)


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WINOGRAD, "auto"])
def test_one_plan_on_images_of_many_sizes(algorithm):
    """Scratch of one size must not serve, too small, another."""
    weight = LAYER.arrays()[1]
    plan = kernels.Conv2d(weight, **LAYER.window, algorithm=algorithm, threads=2)
    for N, H, W in [(1, 3, 3), (2, 40, 50), (1, 1, 1), (0, 7, 7), (3, 40, 50), (1, 50, 40), (1, 3, 3)]:
        sized = Layer(N=N, C=4, K=6, H=H, W=W, groups=2, padding=1, bias=False)
        arrays = sized.arrays()[0], weight, None, None
        if N:
            sized.check(algorithm, plan(arrays[0]), *arrays)
        else:
            assert plan(arrays[0]).shape == (0, 6, H, W)
