"""A process that forks after its threads have worked: the child has none of them, and starts its own."""

import multiprocessing
import threading
import warnings

import pytest
from child import in_child
from contract import KINDS, on_every_kind
from layers import Layer

from kernels import thread_pool

pytestmark = pytest.mark.usefixtures("half_precision")

LAYER = Layer(C=8, K=70, H=24, W=24, padding=1)


def plan_and_image(kind):
    subject = KINDS[kind](LAYER)
    (x,) = subject.read()
    return subject.build(2), x


def compute(kind):
    plan, x = plan_and_image(kind)
    return plan(x).tobytes()


def call_in_child(plan, x, expected):
    assert thread_pool.helpers() == 0
    assert plan(x).tobytes() == expected
    assert thread_pool.helpers() == (plan.algorithm != "naive")


@on_every_kind
def test_child_computes_with_threads(kind):
    compute("direct")
    assert thread_pool.helpers() > 0
    plan, x = plan_and_image(kind)
    expected = plan(x).tobytes()
    in_child(call_in_child, plan, x, expected)
    assert plan(x).tobytes() == expected


@on_every_kind
def test_child_of_a_process_that_is_computing(kind):
    """The plan is made before: NumPy's matrix product, which packs Winograd's filters, does not allow this."""
    plan, x = plan_and_image(kind)
    expected, stop = plan(x).tobytes(), threading.Event()

    def keep_computing():
        while not stop.is_set():
            plan(x)

    busy = threading.Thread(target=keep_computing)
    busy.start()
    try:
        for _ in range(20):
            in_child(call_in_child, plan, x, expected)
    finally:
        stop.set()
        busy.join()


@on_every_kind
def test_multiprocessing_fork(kind):
    expected = compute(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking while threads are alive
        workers = multiprocessing.get_context("fork").Pool(2)
    with workers:
        results = workers.map_async(compute, [kind] * 8).get(timeout=600)
    workers.join()
    assert results == [expected] * 8
