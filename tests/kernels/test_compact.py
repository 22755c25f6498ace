"""Filters that Winograd keeps as they are and transforms in each call, in parts of the input channels."""

from dataclasses import replace

import numpy as np
import pytest
from contract import DEEP
from layers import LAYERS, WINOGRAD, Layer

import kernels

FIT = [layer for layer in (*LAYERS, replace(DEEP, residual=True)) if set(WINOGRAD) <= set(layer.algorithms)]


@pytest.mark.parametrize("algorithm", WINOGRAD)
@pytest.mark.parametrize("layer", FIT, ids=str)
def test_within_the_error_bound(layer, algorithm):
    arrays = layer.arrays()
    layer.check(algorithm, layer.run(algorithm, *arrays, compact=True, threads=2), *arrays)


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_every_depth(algorithm):
    for C in range(1, 140):
        Layer(C=C, K=4, H=4, W=5).check_integers(algorithm, compact=True)


@pytest.mark.parametrize("algorithm", WINOGRAD)
def test_memory_of_the_filters_alone(algorithm):
    weight = np.ones((64, 48, 3, 3), np.float32)  # of whole vectors on every instruction set
    compact, whole = (
        kernels.Conv2d(weight, algorithm=algorithm, compact=compact).packed_bytes for compact in (True, False)
    )
    n = int(algorithm[-1]) + 2
    assert compact == weight.nbytes
    assert whole == weight.nbytes * n * n // 9
