"""The thread pool, seen from outside: how many helpers it starts, and what it does when the system refuses."""

import os
import resource
from dataclasses import replace

import numpy as np
import pytest
from child import in_child
from layers import Layer

import kernels
from kernels import thread_pool

MANY_BLOCKS = Layer(N=40, C=4, K=64, H=6, W=6)
ONE_BLOCK = Layer(C=4, K=3, H=5, W=5)


def run(layer, threads, algorithm="direct"):
    arrays = layer.arrays()
    layer.check(algorithm, layer.run(algorithm, *arrays, threads=threads), *arrays)
    return thread_pool.helpers()


def count_helpers(algorithm):
    assert run(MANY_BLOCKS, 1, algorithm) == 0  # the caller works alone
    assert run(ONE_BLOCK, 8, algorithm) == 0  # nothing to share
    assert run(MANY_BLOCKS, 3, algorithm) == 2  # the caller is the third
    assert run(MANY_BLOCKS, 2, algorithm) == 2  # none ends, none is added
    assert run(MANY_BLOCKS, 5, algorithm) == 4


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "winograd_f2"])
def test_helpers_are_started_when_needed_and_kept(algorithm):
    in_child(count_helpers, algorithm)


def helpers_cores():
    cores = os.sched_getaffinity(0)
    run(MANY_BLOCKS, 3)
    helpers = [int(thread) for thread in os.listdir("/proc/self/task") if int(thread) != os.getpid()]
    allowed = {frozenset(os.sched_getaffinity(helper)) for helper in helpers}
    assert len(allowed) == 1
    (theirs,) = allowed
    assert theirs < cores
    assert len(theirs) == len(cores) - 1


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="one core has no other")
def test_helpers_keep_off_the_callers_core():
    in_child(helpers_cores)


def start_without_memory():
    layer, threads = replace(MANY_BLOCKS, N=200), 200  # more than the stacks that the parent's threads may have left
    arrays = layer.arrays()
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 20 * 2**20, -1))  # a helper's stack takes 8 MiB of addresses
    y = layer.run("direct", *arrays, threads=threads)
    started = thread_pool.helpers()
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    assert started < threads - 1
    layer.check("direct", y, *arrays)
    assert run(layer, threads) == threads - 1


def test_refused_threads_leave_their_work_to_the_others():
    in_child(start_without_memory)


def fail_to_allocate():
    layer = Layer(C=64, K=64, H=32, W=32)
    x, weight, bias, _ = layer.arrays()
    plan = kernels.Conv2d(weight, bias, algorithm="im2col", threads=1)
    expected = plan(x)
    out = np.empty_like(expected)
    wide = np.zeros((1, 64, 3, 10_000_000), np.float32)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 8 * 2**20, -1))
    with pytest.raises(MemoryError, match="9999998"):
        plan(wide)
    assert plan(x, out=out).tobytes() == expected.tobytes()


def test_plan_works_on_after_a_memory_error():
    in_child(fail_to_allocate)
