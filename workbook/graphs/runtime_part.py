"""A part of a graph that ONNX Runtime computes: neighbouring nodes that have no kernel here, as one model.

The part's session has the threads of the network. Its rewrites are left on, except where it quantizes: fused layers
on bytes would round other numbers than those that the file names. Arrays go in and come out without a copy.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from kernels.arrays import thread_count
from workbook.graphs.graph import Array, Graph, ModelError, Node
from workbook.graphs.protos import IR_VERSION, initializers, node_proto, opset_imports, port_proto, small_model
from workbook.graphs.storage import Storage

_FATAL_ONLY = 4  # its errors are raised, too
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")


class RuntimePart:
    """Nodes that ONNX Runtime computes together.

    Parameters
    ----------
    nodes : sequence of Node
        In an order in which they can run; none of them has anything fused into it.
    graph : Graph
        That they are a part of.
    writes : sequence of str
        Those of their arrays that are read elsewhere.
    threads : int, optional

    Attributes
    ----------
    nodes : tuple of Node
    reads, writes : tuple of str

    Raises
    ------
    ModelError
        If ONNX Runtime does not have an operator, or not in that form; the message names the node.
    """

    packed_bytes = 0

    def __init__(self, nodes: Sequence[Node], graph: Graph, writes: Sequence[str], threads: int | None) -> None:
        self.nodes, self.writes, self._threads = tuple(nodes), tuple(writes), threads
        written = {name for node in nodes for name in node.writes}
        read = dict.fromkeys(name for node in nodes for name in node.reads if name not in written)
        self.reads = tuple(name for name in read if name not in graph.constants)
        self._graph = replace(graph, nodes=self.nodes, constants=Storage.of(graph.constants).only(read))
        self._session = self._open(self.writes)

    def run(self, *read: Array | None) -> list[Array]:
        """Return the arrays of `writes`.

        Raises
        ------
        ModelError
            If ONNX Runtime cannot compute them; the message names the node.
        """
        return self._run(self._session, self.writes, read)

    def bind(self, read: Sequence[Array], written: Sequence[Array]) -> Callable[[], None]:
        """Return what computes the part from arrays into others that stay, without a copy.

        What it returns raises an error of ONNX Runtime's if that cannot be, or if an output has another shape now.
        """
        binding = self._session.io_binding()
        for bound, names, arrays in (
            (binding.bind_input, self.reads, read),
            (binding.bind_output, self.writes, written),
        ):
            for name, array in zip(names, arrays, strict=True):
                bound(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        return partial(self._session.run_with_iobinding, binding)

    def trace(self, *read: Array | None) -> list[tuple[Node, str, Array]]:
        """Return every array that the nodes compute, with the node and the array's name."""
        names = tuple(name for node in self.nodes for name in node.writes if name in self._graph.types)
        writers = {name: node for node in self.nodes for name in node.writes}
        arrays = self._run(self._whole, names, read)
        return [(writers[name], name, array) for name, array in zip(names, arrays, strict=True)]

    @cached_property
    def _whole(self) -> Any:
        """A session that returns every array."""
        return self._open(tuple(name for node in self.nodes for name in node.writes if name in self._graph.types))

    def _run(self, session: Any, names: Sequence[str], read: Sequence[Array | None]) -> list[Array]:
        given = {name: _entering(array) for name, array in zip(self.reads, read, strict=True)}
        try:
            arrays = session.run(None, given)
        except Exception as error:  # its classes have no common one but this
            raise _refusal(self.nodes, error) from None
        return [self._leaving(name, array) for name, array in zip(names, arrays, strict=True)]

    def _leaving(self, name: str, array: Any) -> Any:
        dtype = self._graph.types.get(name)
        return array.astype(dtype) if dtype is not None and _foreign(dtype) else array

    def _open(self, writes: Sequence[str]) -> Any:
        graph, nodes = self._graph, list(map(node_proto, self.nodes))
        ports, first, last, ends = [], [], [], []
        for name in self.reads:
            dtype = graph.types.get(name)
            if dtype is None:
                reader = next(node for node in self.nodes if name in node.reads)
                raise ModelError(f"{reader} reads {name!r}, which is no array of a known type")
            if _foreign(dtype):
                ports.append(port_proto(f"{name} entering", graph.shapes.get(name)))
                first.append(_cast(f"{name} entering", name, helper.np_dtype_to_tensor_dtype(dtype)))
            else:
                ports.append(port_proto(name, graph.shapes.get(name), helper.np_dtype_to_tensor_dtype(dtype)))
        for name in writes:
            foreign = name in graph.types and _foreign(graph.types[name])
            ends.append(onnx.ValueInfoProto(name=f"{name} leaving" if foreign else name))
            last += [_cast(name, f"{name} leaving", TensorProto.FLOAT)] if foreign else []
        proto = helper.make_graph([*first, *nodes, *last], "part", ports, ends, initializers(graph.constants))
        model = helper.make_model(proto, opset_imports=_imports(self.nodes), ir_version=IR_VERSION)
        try:
            return _session(model, self._threads, rewritten=not any(node.op in _CONVERSIONS for node in self.nodes))
        except Exception as error:
            raise _refusal(self.nodes, error) from None


def ports_by_runtime(graph: Graph) -> list[onnx.ValueInfoProto]:
    """Return what ONNX Runtime knows of the arrays that the nodes compute: their types and shapes.

    Raises
    ------
    ModelError
        If it does not know an operator; the message names the node.
    """
    names = [name for node in graph.nodes for name in node.writes]
    model = small_model(graph)
    del model.graph.output[:]
    del model.graph.value_info[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    try:
        ends = _session(model, 1, rewritten=False).get_outputs()
    except Exception as error:
        raise _refusal(graph.nodes, error) from None
    kinds = ((end, re.fullmatch(r"tensor\((\w+)\)", end.type)) for end in ends)
    return [port_proto(end.name, end.shape or None, _kind(kind[1])) for end, kind in kinds if kind]


def _session(model: onnx.ModelProto, threads: int | None, *, rewritten: bool) -> Any:
    runtime: Any = importlib.import_module("onnxruntime")  # 0.1 s, and networks of kernels alone do not need it
    options, levels = runtime.SessionOptions(), runtime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED if rewritten else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.inter_op_num_threads = thread_count(threads), 1
    options.log_severity_level = _FATAL_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are the kernels', too
    return runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _imports(nodes: Iterable[Node]) -> list[onnx.OperatorSetIdProto]:
    """Return the operator sets of the nodes; casts at the ports need one of ONNX's own."""
    imports = opset_imports(nodes)
    return imports if any(not opset.domain for opset in imports) else [*imports, helper.make_opsetid("", 21)]


def _cast(x: str, y: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [x], [y], f"cast {x}", to=kind)


def _foreign(dtype: np.dtype[Any]) -> bool:
    """Whether NumPy has a type from a package only, which ONNX Runtime takes for none; float32 holds its numbers."""
    return dtype.isbuiltin != 1


def _entering(array: Any) -> Any:
    if isinstance(array, list):  # a sequence
        return array
    return np.asarray(array, np.float32 if _foreign(array.dtype) else None, order="C")


def _kind(name: str) -> int:
    """Return onnx's number of a type that ONNX Runtime names."""
    kind: int = TensorProto.DataType.Value({"float": "FLOAT", "double": "DOUBLE"}.get(name, name.upper()))
    return kind


def _refusal(nodes: Sequence[Node], error: Exception) -> ModelError:
    """Return ONNX Runtime's error with the node that it is about: the one that it names, or the first."""
    text = str(error)
    named = [node for node in nodes if re.search(rf"[\"'(]{re.escape(node.name)}[\"')]", text)]
    meant = [node for node in nodes if re.search(rf"\b{node.op.removeprefix(f'{node.domain}.')}\(", text)]
    node = (*named, *meant, *nodes)[0]
    said = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text.strip().splitlines()[0] if text.strip() else text)
    return ModelError(f"{node}: ONNX Runtime cannot compute it: {said}")
