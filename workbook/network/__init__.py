"""Runs convolutional networks from ONNX files on this workbook's kernels.

    net = load("model.onnx")
    y = net(x)

A file is read into a `Graph` and rewritten, and each of its nodes is made an operator (all in `workbook.graphs`).
network.py calls the operators in order; run_plan.py places their arrays, and binds them, when an image comes.
"""

from __future__ import annotations

import os

import numpy as np
import onnx

from workbook.graphs.graph import Graph, ModelError, Node
from workbook.graphs.hard_gates import name_hard_gates
from workbook.graphs.in_float32 import in_float32
from workbook.graphs.onnx_reader import read
from workbook.graphs.passes import PASSES, fold_batch_norm, fuse_activation, fuse_gate, fuse_residual
from workbook.graphs.qdq import fuse_quantized
from workbook.graphs.shapes import infer_shapes
from workbook.graphs.simplify import drop_passing, fold_constants, sum_is_add
from workbook.network.network import Network

__all__ = [
    "PASSES",
    "Graph",
    "ModelError",
    "Network",
    "Node",
    "fold_batch_norm",
    "fuse_activation",
    "fuse_gate",
    "fuse_residual",
    "load",
    "read",
]


def load(
    model: str | os.PathLike[str] | onnx.ModelProto, *, algorithm: str = "auto", threads: int | None = None
) -> Network:
    """Load an ONNX model, fold and fuse what can be, and pack its weights.

    Parameters
    ----------
    model : path or onnx.ModelProto
    algorithm : str
        Of every convolution: "auto", or one of `kernels.algorithms(...)` that can run all of them.
    threads : int, optional
        At most this many work on a convolution; all cores that the process may use if None.

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError
        If `model` is neither a path nor a ModelProto.
    ModelError
        If the model is damaged, or one of its nodes is not supported; the message names the node.
    """
    graph = infer_shapes(read(model))
    with np.errstate(all="ignore"):  # weights that become infinite are refused by the node that holds them
        for rewrite in (fuse_quantized, in_float32, fold_constants, drop_passing, sum_is_add, name_hard_gates, *PASSES):
            graph = rewrite(graph)
        return Network(graph, algorithm=algorithm, threads=threads)
