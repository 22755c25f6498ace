"""The probes do the work that they count."""

import time

import numpy as np
import pytest

from kernels import probe


@pytest.mark.parametrize("numbers", [0, 1, 31, 32, 1000, 4096])
def test_read_counts_whole_blocks(numbers):
    count = probe.read(np.ones(numbers, np.float32), 3)
    lanes = probe.tile_shape()[1] // 2
    assert count == 3 * 4 * (numbers // (8 * lanes)) * 8 * lanes


def test_read_reads_every_number_of_its_blocks():
    """A NaN anywhere in them reaches the total, which is then no number, and nothing is counted."""
    for where in range(256):  # two blocks of the widest vectors
        x = np.ones(256, np.float32)
        x[where] = np.nan
        lane = where % (probe.tile_shape()[1] // 2)
        assert (probe.read(x, 1) == 0) == (lane == 0)


@pytest.mark.parametrize("numbers", [0, 1, 15, 16, 100, 4096])
def test_triad_computes_whole_vectors(numbers):
    a, b = np.random.default_rng(3).integers(-50, 50, (2, numbers)).astype(np.float32)
    y = np.full(numbers, 7, np.float32)
    whole = numbers - numbers % (probe.tile_shape()[1] // 2)
    assert probe.triad(y, a, b, 2) == 2 * 3 * 4 * whole
    np.testing.assert_array_equal(y[:whole], a[:whole] + 0.5 * b[:whole])
    assert (y[whole:] == 7).all()


X = np.ones(1 << 16, np.float32)


@pytest.mark.parametrize("work", [lambda n: probe.fma(20_000 * n), lambda n: probe.read(X, 40 * n)])
def test_twice_the_work_takes_longer(work):
    """A loop that the compiler removed would take no time at all."""

    def best(n):
        times = []
        for _ in range(9):
            start = time.thread_time()
            work(n)
            times.append(time.thread_time() - start)
        return min(times)

    assert best(8) > 3 * best(1)
