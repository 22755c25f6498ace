"""The libraries that the kernels stand beside, each behind one function: a layer in, a function to time out.

A peer gets the same numbers as the kernels, weights that it packs beforehand, plain NCHW input and output, and a number
of threads. Where it can be asked which algorithm it took, its answer is kept.
"""

from __future__ import annotations

import importlib.metadata

from workbook.measuring.topologies import ConvLayer
from workbook.peers import float32, int8
from workbook.peers.operands import FloatArray, Floats, Integers
from workbook.peers.prepared import Prepared

__all__ = ["Floats", "Integers", "Prepared", "installed", "prepare", "prepare_int8"]

_PEERS = {"float32": tuple(float32.PEERS), "int8": tuple(int8.PEERS)}


def installed(dtype: str = "float32") -> dict[str, str]:
    """Return the peers that are installed here and compute in a dtype, "float32" or "int8", with their versions."""
    versions = {}
    for name in _PEERS[dtype]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def prepare(peer: str, layer: ConvLayer, x: FloatArray, weight: FloatArray, bias: FloatArray, threads: int) -> Prepared:
    """Return a function that computes the layer with a peer and returns y.

    Raises
    ------
    Exception
        Whatever the peer raises if it cannot run the layer; the benchmark makes a row of it.
    """
    return float32.PEERS[peer](Floats(layer, x, weight, bias), threads)


def prepare_int8(peer: str, integers: Integers, threads: int) -> Prepared:
    """Return a function that computes the quantized layer with a peer; as `prepare`."""
    return int8.PEERS[peer](integers, threads)
