"""What runs a whole network from a file: the kernels and the libraries, each behind one function of the same form.

ncnn reads no ONNX: its files, in its own form (graphs/ncnn_writer.py), lie beside the model's.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workbook.graphs.graph import FloatArray
from workbook.network import load
from workbook.peers import one_layer_runtimes

OURS = "ours"

_ERRORS_ONLY = 3  # ONNX Runtime warns of stored arrays that nobody reads

Engine = Callable[[Path, FloatArray, int], Callable[[], FloatArray]]  # a model, its input, threads


def onnxruntime(file: Path, x: FloatArray, threads: int) -> Callable[[], FloatArray]:
    """Return a function that runs a model by ONNX Runtime."""
    session = onnxruntime_session(file, threads)
    feed = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feed)[0]


def onnxruntime_session(file: Path, threads: int) -> Any:
    """Return ONNX Runtime's session of a model, with all of its rewriting, on so many threads."""
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def openvino(file: Path, x: FloatArray, threads: int) -> Callable[[], FloatArray]:
    """Return a function that runs a model by OpenVINO, which reads x where it lies."""
    ov: Any = importlib.import_module("openvino")
    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(file), "CPU", settings).create_infer_request()
    request.set_input_tensor(ov.Tensor(x, shared_memory=True))

    def infer() -> FloatArray:
        request.infer()
        return request.get_output_tensor().data  # type: ignore[no-any-return]

    return infer


def ncnn(file: Path, x: FloatArray, threads: int) -> Callable[[], FloatArray]:
    """Return a function that runs a model by ncnn, from files in its own form beside the model's."""
    library: Any = importlib.import_module("ncnn")
    net = one_layer_runtimes.ncnn(file.with_suffix(".param"), file.with_suffix(".bin"), threads)
    (first,), (last,) = net.input_names(), net.output_names()
    image = library.Mat(x[0]).clone()  # a first layer that works in place would crash on memory that is not ncnn's

    def extract() -> FloatArray:
        extractor = net.create_extractor()
        extractor.input(first, image)
        return np.asarray(extractor.extract(last)[1])[None]

    return extract


def ours(file: Path, x: FloatArray, threads: int) -> Callable[[], FloatArray]:
    """Return a function that runs a model by the kernels."""
    net = load(file, threads=threads)
    return lambda: net(x)


PEERS: dict[str, Engine] = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "ncnn": ncnn,
}
ENGINES: dict[str, Engine] = {OURS: ours, **PEERS}
