"""Well-known networks with random weights: the topologies that the onnx package brings along, without their gigabytes.

In those files each weight is a ConstantOfShape. Here it becomes a stored array of random numbers, drawn so that numbers
keep their size from layer to layer, as in a trained network: He et al., arXiv:1502.01852, equation 10. Of what a Sum
adds, the normalised branches are halved, or each residual block would double the variance.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from workbook.graphs.graph import FloatArray

NETWORKS = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)


def light(name: str, seed: int = 0) -> onnx.ModelProto:
    """Return a network of the onnx package with random weights.

    Parameters
    ----------
    name : str
        One of `NETWORKS`; an image is (1, 3, 224, 224).
    seed : int
        The same seed gives the same weights.

    Raises
    ------
    ValueError
        If there is no network of that name; the message lists those there are.
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no light network {name!r}; there are {', '.join(NETWORKS)}")
    model = onnx.load(Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx")
    graph = model.graph
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made = {node.output[0]: tuple(map(int, shapes[node.input[0]])) for node in graph.node if _is_weight(node)}
    roles = _roles(graph)
    nodes = [node for node in graph.node if not _is_weight(node)]
    gone = {node.input[0] for node in graph.node if _is_weight(node)}
    stored = [tensor for tensor in graph.initializer if tensor.name not in gone]
    for array, shape in made.items():
        rng = np.random.default_rng([seed, zlib.crc32(array.encode())])
        stored.append(numpy_helper.from_array(_drawn(roles.get(array, "shift"), shape, rng), array))
    known = gone.union(tensor.name for tensor in stored)  # up to IR 3, what is stored had to be an input, too
    inputs = [port for port in graph.input if port.name not in known]
    for field, content in ((graph.node, nodes), (graph.initializer, stored), (graph.input, inputs)):
        del field[:]
        field.extend(content)
    model.ir_version = max(4, model.ir_version)
    return model


def _is_weight(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "ConstantOfShape")


def _roles(graph: onnx.GraphProto) -> dict[str, str]:
    """Return what each weight is to the node that reads it."""
    roles: dict[str, str] = {}
    summed = {name for node in graph.node if node.op_type == "Sum" for name in node.input}
    for node in graph.node:
        scale = "half" if node.output[0] in summed else "scale"
        names = {
            "Conv": ("", "filters", "shift"),
            "Gemm": ("", "filters", "shift"),
            "BatchNormalization": ("", scale, "shift", "shift", "scale"),
            "Mul": ("", "scale"),
        }.get(node.op_type, ())
        roles.update(zip(node.input, names, strict=False))
    for node in graph.node:
        if node.op_type == "Unsqueeze":  # a number a channel, on its way to a Mul or an Add
            roles[node.input[0]] = roles.get(node.output[0], "shift")
    return roles


def _drawn(role: str, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Draw a weight."""
    if role == "filters":
        deviation = math.sqrt(2 / math.prod(shape[1:]))
        return rng.standard_normal(shape, np.float32) * np.float32(deviation)
    if role == "shift":
        return rng.standard_normal(shape, np.float32) * np.float32(0.1)
    middle = 0.5 if role == "half" else 1.0
    return rng.uniform(0.8 * middle, 1.2 * middle, shape).astype(np.float32)
