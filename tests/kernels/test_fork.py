"""A process that forks after its threads have worked: the child has none of them, and starts its own."""

import multiprocessing
import threading
import warnings

import pytest
from child import in_child
from layers import ALGORITHMS, Layer

from kernels import Conv2d, pool

LAYER = Layer(C=8, K=70, H=24, W=24, padding=1)


def compute(algorithm):
    x, weight, bias, _ = LAYER.arrays()
    return Conv2d(weight, bias, padding=1, algorithm=algorithm, threads=2)(x).tobytes()


def compute_and_compare(algorithm, expected):
    assert pool.helpers() == 0
    assert compute(algorithm) == expected
    assert pool.helpers() == (algorithm != "naive")


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "winograd_f4"])
def test_child_computes_with_threads(algorithm):
    compute("direct")
    assert pool.helpers() > 0
    expected = compute(algorithm)
    in_child(compute_and_compare, algorithm, expected)
    assert compute(algorithm) == expected


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "winograd_f4"])
def test_child_of_a_process_that_is_computing(algorithm):
    expected, stop = compute(algorithm), threading.Event()

    def keep_computing():
        while not stop.is_set():
            compute(algorithm)

    busy = threading.Thread(target=keep_computing)
    busy.start()
    try:
        for _ in range(20):
            in_child(compute_and_compare, algorithm, expected)
    finally:
        stop.set()
        busy.join()


def test_child_that_uses_a_plan_of_its_parent():
    x, weight, bias, _ = LAYER.arrays()
    plan = Conv2d(weight, bias, padding=1, threads=2)
    expected = plan(x).tobytes()

    def call():
        assert plan(x).tobytes() == expected

    in_child(call)
    call()


@pytest.mark.parametrize("algorithm", [*ALGORITHMS, "winograd_f4"])
def test_multiprocessing_fork(algorithm):
    expected = compute(algorithm)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking while threads are alive
        workers = multiprocessing.get_context("fork").Pool(2)
    with workers:
        results = workers.map_async(compute, [algorithm] * 8).get(timeout=60)
    workers.join()
    assert results == [expected] * 8
