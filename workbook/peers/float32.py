"""The peers in float32."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workbook.measuring import timing
from workbook.peers import one_layer_models, one_layer_runtimes
from workbook.peers.operands import FloatArray, Floats
from workbook.peers.prepared import Prepared


def _onnxruntime(floats: Floats, threads: int) -> Prepared:
    layer = floats.layer
    return one_layer_runtimes.onnxruntime(
        one_layer_models.convolution(floats), floats.x, (1, layer.K, layer.P, layer.Q), threads
    )


def _openvino(floats: Floats, threads: int) -> Prepared:
    return one_layer_runtimes.openvino(one_layer_models.convolution(floats), floats.x, threads)


def _ncnn(floats: Floats, threads: int) -> Prepared:
    """It does not say whether it takes Winograd."""
    ncnn: Any = importlib.import_module("ncnn")
    layer = floats.layer
    kind, groups = ("Convolution", "") if layer.groups == 1 else ("ConvolutionDepthWise", f" 7={layer.groups}")
    size = f"0={layer.K} 1={layer.S} 11={layer.R} 3={layer.stride} 4={layer.padding} 5=1 6={floats.weight.size}"
    param = f"7767517\n2 2\nInput in 0 1 x\n{kind} conv 1 1 x y {size}{groups}\n"
    with TemporaryDirectory() as folder:
        graph, weights = Path(folder, "layer.param"), Path(folder, "layer.bin")
        graph.write_text(param, encoding="utf-8")
        tag = np.uint32(0).tobytes()  # 0: stored as float32
        weights.write_bytes(tag + floats.weight.tobytes() + floats.bias.tobytes())
        net = one_layer_runtimes.ncnn(graph, weights, threads)
    image = ncnn.Mat(floats.x[0])

    def run() -> FloatArray:
        extractor = net.create_extractor()
        extractor.input("x", image)
        return np.asarray(extractor.extract("y")[1])[None]

    return Prepared(run)


def _torch(floats: Floats, threads: int) -> Prepared:
    """Take the faster of `torch.conv2d` and oneDNN's convolution with packed weights, which answers channels last."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    layer = floats.layer
    image, filters, shifts = map(torch.from_numpy, (floats.x, floats.weight, floats.bias))
    padding, stride, dilation = [layer.padding] * 2, [layer.stride] * 2, [1, 1]
    onednn, sizes = torch.ops.mkldnn, list(floats.x.shape)
    packed = onednn._reorder_convolution_weight(filters, padding, stride, dilation, layer.groups, sizes)

    def plain() -> FloatArray:
        with torch.inference_mode():
            y = torch.conv2d(image, filters, shifts, layer.stride, layer.padding, groups=layer.groups)
            return y.numpy()  # type: ignore[no-any-return]

    def prepacked() -> FloatArray:
        with torch.inference_mode():
            window = (padding, stride, dilation, layer.groups)
            y = onednn._convolution_pointwise(image, packed, shifts, *window, "none", [], "")
            return y.contiguous().numpy()  # type: ignore[no-any-return]

    times = timing.interleaved({"plain": plain, "prepacked": prepacked}, seconds=0.05)
    return Prepared(plain if times["plain"].median < times["prepacked"].median else prepacked)


PEERS: dict[str, Callable[[Floats, int], Prepared]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "ncnn": _ncnn,
    "torch": _torch,
}
