"""The programs of other libraries in the race: ONNX Runtime, and OpenVINO and ncnn if they are installed."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

import kernels
from workbook.graphs.graph import Array, Graph
from workbook.graphs.ncnn_writer import write_ncnn
from workbook.peers.whole_networks import PEERS, onnxruntime_session

RUNTIME = "onnxruntime"
RUNTIME_INT8 = "onnxruntime int8"
EXACT = (RUNTIME, "openvino", "ncnn")

Bound = Callable[[], Sequence[Array]]
"""A program with its inputs: each call runs it and returns all outputs."""

_BY_CHANNEL = 13  # the operator set from which DequantizeLinear has a scale for each channel
_HALVES = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


def installed() -> tuple[str, ...]:
    """Return the libraries that are here."""
    return tuple(name for name in PEERS if _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def opened(name: str, file: Path, graph: Graph, threads: int, folder: Path) -> Callable[[Mapping[str, Array]], Bound]:
    """Open a model by a library, in the type that its file has; what is returned binds it to inputs.

    Parameters
    ----------
    name : str
        One of EXACT, or RUNTIME_INT8, whose file `quantize_by_runtime` writes.
    file : Path
    graph : Graph
        The same network, for ncnn.
    threads : int
    folder : Path
        For ncnn's own files.

    Raises
    ------
    Exception
        Whatever the library raises if it cannot run the model, here or when it is bound or called. The libraries but
        ONNX Runtime take one input.
    """
    if name in (RUNTIME, RUNTIME_INT8):
        session = onnxruntime_session(file, threads)
        return lambda feed: lambda: session.run(None, dict(feed))
    if name == "ncnn":
        file = folder / "ncnn.onnx"
        write_ncnn(graph, file.with_suffix(".param"), file.with_suffix(".bin"))

    def bound(feed: Mapping[str, Array]) -> Bound:
        if len(feed) != 1:
            raise ValueError(f"it is timed on networks of one input, and this one has {len(feed)}")
        (x,) = feed.values()
        run = PEERS[name](file, x, threads)
        return lambda: [run()]

    return bound


def holds_halves(file: Path) -> bool:
    """Whether a model stores numbers of 16 bits, so that other programs round otherwise than float32 does."""
    graph = onnx.load(file, load_external_data=False).graph
    ports = [port.type.tensor_type.elem_type for port in (*graph.input, *graph.output)]
    return any(kind in _HALVES for kind in (*ports, *(stored.data_type for stored in graph.initializer)))


def quantize_by_runtime(source: Path, target: Path, feeds: Iterable[Mapping[str, Array]]) -> None:
    """Quantize a model by ONNX Runtime's own tool as its manual advises: folded, QDQ, by channel where that can be.

    Without VNNI its kernels add two products of bytes in 16 bits; weights are then of 7 bits.

    Raises
    ------
    Exception
        Whatever the tool raises.
    """
    tools: Any = importlib.import_module("onnxruntime.quantization")
    shapes: Any = importlib.import_module("onnxruntime.quantization.shape_inference")
    left = iter(feeds)

    class Reader(tools.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Array] | None:
            return dict(found) if (found := next(left, None)) else None

    folded = target.with_suffix(".folded.onnx")
    shapes.quant_pre_process(source, folded, skip_symbolic_shape=True)
    tools.quantize_static(
        folded, target, Reader(), quant_format=tools.QuantFormat.QDQ, per_channel=_opset(folded) >= _BY_CHANNEL,
        reduce_range=kernels.isa() in ("baseline", "v3", "v4"),
        activation_type=tools.QuantType.QUInt8, weight_type=tools.QuantType.QInt8,
    )  # fmt: skip


def _opset(file: Path) -> int:
    model = onnx.load(file, load_external_data=False)
    return max(int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
