"""The peers in int8: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Callable

from workbook.peers import one_layer_models, one_layer_runtimes
from workbook.peers.operands import Integers
from workbook.peers.prepared import Prepared


def _onnxruntime(integers: Integers, threads: int) -> Prepared:
    layer = integers.layer
    return one_layer_runtimes.onnxruntime(
        one_layer_models.qlinear_convolution(integers), integers.x, (1, layer.K, layer.P, layer.Q), threads
    )


def _openvino(integers: Integers, threads: int) -> Prepared:
    """It decides itself whether to compute in int8; its compiled model says so."""
    prepared = one_layer_runtimes.openvino(one_layer_models.quantize_dequantize(integers), integers.x, threads)
    if not prepared.algorithm.endswith(("_i8", "_I8", "_u8", "_U8")):
        raise RuntimeError(f"computes by {prepared.algorithm}, not in int8")
    return prepared


PEERS: dict[str, Callable[[Integers, int], Prepared]] = {"onnxruntime": _onnxruntime, "openvino": _openvino}
