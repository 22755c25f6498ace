"""The libraries that the kernels stand beside, each behind one function: a layer in, a function to time out.

A peer gets the same float32 weights, packed by it beforehand, plain NCHW input and output, and a number of threads.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbook import measure
from workbook.topologies import ConvLayer

FloatArray = npt.NDArray[np.float32]
Run = Callable[[], FloatArray]


def installed() -> dict[str, str]:
    """Return the peers that are installed here, with their versions."""
    versions = {}
    for name in _PEERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def prepare(peer: str, layer: ConvLayer, x: FloatArray, weight: FloatArray, bias: FloatArray, threads: int) -> Run:
    """Return a function that computes the layer with a peer and returns y.

    Raises
    ------
    Exception
        Whatever the peer raises if it cannot run the layer; the benchmark makes a row of it.
    """
    return _PEERS[peer](layer, x, weight, bias, threads)


def _onnx_model(layer: ConvLayer, weight: FloatArray, bias: FloatArray) -> bytes:
    onnx: Any = importlib.import_module("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node(
        "Conv",
        ["x", "weight", "bias"],
        ["y"],
        kernel_shape=[layer.R, layer.S],
        strides=[layer.stride] * 2,
        pads=[layer.padding] * 4,
        group=layer.groups,
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", floats, [1, layer.C, layer.H, layer.W])],
        [helper.make_tensor_value_info("y", floats, [1, layer.K, layer.P, layer.Q])],
        [onnx.numpy_helper.from_array(weight, "weight"), onnx.numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def _onnxruntime(layer: ConvLayer, x: FloatArray, weight: FloatArray, bias: FloatArray, threads: int) -> Run:
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(_onnx_model(layer, weight, bias), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})[0]


def _openvino(layer: ConvLayer, x: FloatArray, weight: FloatArray, bias: FloatArray, threads: int) -> Run:
    openvino: Any = importlib.import_module("openvino")
    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(_onnx_model(layer, weight, bias)), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))

    def run() -> FloatArray:
        request.infer()
        return request.get_output_tensor().data  # type: ignore[no-any-return]

    return run


def _ncnn(layer: ConvLayer, x: FloatArray, weight: FloatArray, bias: FloatArray, threads: int) -> Run:
    ncnn: Any = importlib.import_module("ncnn")
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    kind, groups = ("Convolution", "") if layer.groups == 1 else ("ConvolutionDepthWise", f" 7={layer.groups}")
    numbers = f"0={layer.K} 1={layer.S} 11={layer.R} 3={layer.stride} 4={layer.padding} 5=1 6={weight.size}{groups}"
    param = f"7767517\n2 2\nInput in 0 1 x\n{kind} conv 1 1 x y {numbers}\n"
    with tempfile.TemporaryDirectory() as folder:
        graph, weights = Path(folder, "layer.param"), Path(folder, "layer.bin")
        graph.write_text(param, encoding="utf-8")
        weights.write_bytes(np.uint32(0).tobytes() + weight.tobytes() + bias.tobytes())  # 0: stored as float32
        if net.load_param(str(graph)) or net.load_model(str(weights)):
            raise RuntimeError(f"ncnn does not load {layer.shape}")
    image = ncnn.Mat(x[0])

    def run() -> FloatArray:
        extractor = net.create_extractor()
        extractor.input("x", image)
        return np.asarray(extractor.extract("y")[1])[None]

    return run


def _torch(layer: ConvLayer, x: FloatArray, weight: FloatArray, bias: FloatArray, threads: int) -> Run:
    """Take the faster of `torch.conv2d` and oneDNN's convolution with packed weights, which answers channels last."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    image, filters, shifts = map(torch.from_numpy, (x, weight, bias))
    padding, stride, dilation = [layer.padding] * 2, [layer.stride] * 2, [1, 1]
    onednn, sizes = torch.ops.mkldnn, list(x.shape)
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

    times = measure.interleaved({"plain": plain, "prepacked": prepacked}, seconds=0.05)
    return plain if times["plain"].median < times["prepacked"].median else prepacked


_PEERS: dict[str, Callable[[ConvLayer, FloatArray, FloatArray, FloatArray, int], Run]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "ncnn": _ncnn,
    "torch": _torch,
}
