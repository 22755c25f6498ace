"""The cost model: the error that it expects is what happens, its counts follow the sizes, and auto does as it says."""

import numpy as np
import pytest
from layers import ALGORITHMS, LAYERS, WINOGRAD, Layer, convolve

import kernels

RANDOM = np.random.default_rng(4)


def random_layer(index):
    random = np.random.default_rng(index)
    R = int(random.choice([1, 3, 3, 3, 5]))
    C, K = (int(n) for n in random.integers(4, 200, 2))
    return Layer(C=C, K=K, H=int(random.integers(8, 30)), W=int(random.integers(8, 30)), R=R, S=R, padding=R // 2)


@pytest.mark.parametrize("layer", [random_layer(i) for i in range(50)], ids=str)
def test_error_is_within_twice_of_what_is_expected(layer):
    """Inputs after a ReLU and He weights, as in a network; the layers stand in no table."""
    x = np.maximum(RANDOM.standard_normal(layer.x_shape), 0).astype(np.float32)
    weight = RANDOM.standard_normal(layer.weight_shape) * np.sqrt(2 / np.prod(layer.weight_shape[1:]))
    weight = weight.astype(np.float32)
    exact = convolve(x, weight, **layer.window)
    for option in kernels.Conv2d(weight, **layer.window).explain(layer.x_shape).options:
        if not option.obstacle and option.algorithm != "naive":
            y = kernels.conv2d(x, weight, **layer.window, algorithm=option.algorithm)
            error = np.sqrt(((y - exact) ** 2).mean() / (exact**2).mean())
            assert 0.5 < error / option.error < 2, option


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_auto_takes_the_fastest_by_its_own_prediction(layer):
    _, weight, _, _ = layer.arrays()
    explanation = kernels.Conv2d(weight, **layer.window).explain(layer.x_shape)
    able = {option.algorithm: option.seconds for option in explanation.options if not option.obstacle}
    assert tuple(able) == kernels.algorithms(layer.x_shape, layer.weight_shape, **layer.window)
    sensible = able.keys() - {"naive", "winograd_f6"}  # to be read; four times the error of F(4,3)
    assert explanation.algorithm == min(sensible, key=able.get)


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_twice_the_images_take_twice_the_time(algorithm):
    plan = kernels.Conv2d(np.ones((40, 30, 3, 3), np.float32), padding=1, threads=1)
    one, two = (
        next(option.seconds for option in plan.explain((n, 30, 28, 28)).options if option.algorithm == algorithm)
        for n in (8, 16)
    )
    assert two == pytest.approx(2 * one, rel=0.02)  # winograd reads its weights once more, or not at all


def test_threads_share_the_work_but_not_the_memory():
    """512 channels: F(4,3) reads 38 MB of packed weights, the definition 9 MB, which a cache keeps."""
    weight = np.ones((512, 512, 3, 3), np.float32)
    f4, direct = (
        [
            next(option.seconds for option in explanation.options if option.algorithm == algorithm)
            for explanation in (kernels.Conv2d(weight, padding=1, threads=n).explain((1, 512, 7, 7)) for n in (8, 16))
        ]
        for algorithm in ("winograd_f4", "direct")
    )
    assert f4[0] == f4[1]
    assert direct[0] == pytest.approx(2 * direct[1], rel=0.1)  # but for the call itself
    assert kernels.Conv2d(weight, padding=1, threads=16).explain((1, 512, 7, 7)).algorithm != "winograd_f4"


def test_explanation_is_a_table():
    plan = kernels.Conv2d(np.ones((64, 64, 3, 3), np.float32), stride=2, padding=1)
    explanation = plan.explain((1, 64, 56, 56))
    lines = str(explanation).splitlines()
    assert explanation.macs == 64 * 28 * 28 * 64 * 9
    assert explanation.bytes == 4 * (64 * 56 * 56 + 64 * 64 * 9 + 64 * 28 * 28)
    assert lines[0].startswith(f"{explanation.algorithm}: 28.9 million multiply-adds")
    assert [line.split()[0] for line in lines[2:]] == [*ALGORITHMS, *WINOGRAD]
    assert sum(line.endswith("chosen") for line in lines) == 1
    assert sum("cannot run: its stride is (2, 2), not 1" in line for line in lines) == len(WINOGRAD)


def test_explain_refuses_what_a_call_would_refuse():
    plan = kernels.Conv2d(np.ones((4, 3, 3, 3), np.float32))
    with pytest.raises(ValueError, match="x has 5 channels"):
        plan.explain((1, 5, 8, 8))
    with pytest.raises(ValueError, match=r"empty batch.*\(0, 3, 8, 8\)"):
        plan.explain((0, 3, 8, 8))


def test_forced_algorithm_is_the_one_explained():
    plan = kernels.Conv2d(np.ones((4, 3, 3, 3), np.float32), algorithm="im2col")
    assert plan.explain((1, 3, 8, 8)).algorithm == "im2col"
