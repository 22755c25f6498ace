"""Threads: the same bits for every number of them, many callers of one plan, and an interrupt."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from child import in_child
from layers import ALGORITHMS, LAYERS, WINOGRAD, Layer, on_every

import kernels

FEW_BLOCKS = [
    Layer(C=512, K=1, H=1, W=1, R=1, S=1),
    Layer(C=2, K=600, H=1, W=1, R=1, S=1),
    Layer(C=5, K=33, H=3, W=3),
    Layer(N=3, C=4, K=4, groups=2, H=2, W=2, padding=1),
    Layer(C=4, K=200, H=3, W=3, padding=1),
]


@on_every([*FEW_BLOCKS, *LAYERS])
def test_same_bits_for_every_number_of_threads(layer, algorithm):
    arrays = layer.arrays()
    alone = layer.run(algorithm, *arrays, threads=1)
    for threads in (2, 3, 4, 7, 16, None):
        assert layer.run(algorithm, *arrays, threads=threads).tobytes() == alone.tobytes(), threads


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, *WINOGRAD, "auto"])
def test_many_callers_of_one_plan(algorithm):
    layer = Layer(N=30, C=8, K=40, H=12, W=30, padding=1)
    images, weight, bias, _ = layer.arrays()
    images = [images[n : n + 1, :, : 12 - n % 3] for n in range(30)]  # three sizes of scratch
    plan = kernels.Conv2d(weight, bias, padding=1, algorithm=algorithm, threads=3)
    expected = [plan(image).tobytes() for image in images]
    with ThreadPoolExecutor(8) as callers:
        results = [y.tobytes() for y in callers.map(plan, images * 8)]
    assert results == expected * 8


@pytest.mark.parametrize("algorithm", ALGORITHMS + WINOGRAD)
def test_callers_of_their_own_plans(algorithm):
    """One caller has the pool, the others work alone: all get their own results."""
    layers = [Layer(C=4, K=K, H=20, W=20, padding=1) for K in (1, 15, 33, 64)]

    def call(layer):
        arrays = layer.arrays()
        for _ in range(20):
            layer.check(algorithm, layer.run(algorithm, *arrays, threads=4), *arrays)
        return True

    with ThreadPoolExecutor(len(layers)) as pool:
        assert all(pool.map(call, layers))


def call_until_interrupted(algorithm):
    layer = Layer(C=8, K=64, H=30, W=30, padding=1)
    x, weight, bias, _ = layer.arrays()
    plan = kernels.Conv2d(weight, bias, padding=1, algorithm=algorithm, threads=3)
    expected = plan(x).tobytes()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for _ in range(10):
        under_way = threading.Event()

        def interrupt(under_way=under_way):
            under_way.wait()
            os.kill(os.getpid(), signal.SIGINT)

        sender = threading.Thread(target=interrupt)
        sender.start()
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the interrupt may come anywhere in the loop
            while True:
                plan(x)
                under_way.set()
        sender.join()
        assert plan(x).tobytes() == expected


@pytest.mark.parametrize("algorithm", ["naive", "direct", "winograd_f4"])
def test_interrupt_between_calls(algorithm):
    """Ctrl-C in a long loop of calls ends the loop, and the plan and the pool work as before."""
    in_child(call_until_interrupted, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_more_threads_than_the_kernels_take(algorithm):
    layer = Layer(N=40, C=2, K=3, H=4, W=4)
    arrays = layer.arrays()
    layer.check(algorithm, layer.run(algorithm, *arrays, threads=10**30), *arrays)
    layer.check(algorithm, layer.run(algorithm, *arrays, threads=np.int64(2)), *arrays)
