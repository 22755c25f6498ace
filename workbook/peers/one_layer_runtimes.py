"""The libraries: from a model's file to what runs it, and which algorithm it took where that can be asked."""

from __future__ import annotations

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from workbook.peers.prepared import Prepared

_ERRORS_ONLY = 3  # it warns that a model optimized for this CPU is for no other


def onnxruntime(model: bytes, x: npt.NDArray[Any], y_shape: tuple[int, ...], threads: int) -> Prepared:
    """Prepare ONNX Runtime; it reads x and writes y where they lie.

    Its algorithm is the operator that its optimizer left of the convolution, such as `nchwc.Conv`.
    """
    ort: Any = importlib.import_module("onnxruntime")
    onnx: Any = importlib.import_module("onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    with TemporaryDirectory() as folder:
        file = Path(folder, "optimized.onnx")
        options.optimized_model_filepath = str(file)
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        nodes = [node for node in onnx.load(file).graph.node if "Conv" in node.op_type]
    y = np.empty(y_shape, x.dtype)
    binding = session.io_binding()
    binding.bind_input("x", "cpu", 0, x.dtype, x.shape, x.ctypes.data)
    binding.bind_output("y", "cpu", 0, y.dtype, y.shape, y.ctypes.data)

    def run() -> npt.NDArray[Any]:
        session.run_with_iobinding(binding)
        return y

    names = [
        ".".join(filter(None, (node.domain.removeprefix("com.microsoft").strip("."), node.op_type))) for node in nodes
    ]
    return Prepared(run, "+".join(names))


def openvino(model: bytes, x: npt.NDArray[Any], threads: int) -> Prepared:
    """Prepare OpenVINO; its algorithm is the primitive that its compiled model names, such as `brgconv_avx512_f32`."""
    ov: Any = importlib.import_module("openvino")
    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(x, shared_memory=True))

    def run() -> npt.NDArray[Any]:
        request.infer()
        return request.get_output_tensor().data  # type: ignore[no-any-return]

    facts = [operator.get_rt_info() for operator in compiled.get_runtime_model().get_ops()]
    names = [fact["primitiveType"].astype(str) for fact in facts if "Convolution" in fact["layerType"].astype(str)]
    return Prepared(run, "+".join(names))


def ncnn(param: Path, weights: Path, threads: int) -> Any:
    """Return an ncnn.Net that computes in float32, with weights packed for the algorithms that it takes.

    Raises
    ------
    RuntimeError
        If ncnn does not load the files.
    """
    library: Any = importlib.import_module("ncnn")
    net = library.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_packed = net.opt.use_bf16_storage = False
    if net.load_param(str(param)) or net.load_model(str(weights)):
        raise RuntimeError(f"ncnn does not load {param.name}")
    return net
