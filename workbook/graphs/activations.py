"""Activations: the nodes of ONNX that are one, and the nodes that one is written as."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from kernels.geometry import Activation
from workbook.graphs.graph import Array, Node

_NAMED: Mapping[str, Activation] = {
    "Relu": "relu",
    "HardSwish": "hard_swish",
    "Sigmoid": "sigmoid",
}


def activation_of(node: Node, constants: Mapping[str, Array]) -> Activation:
    """Return a node as `kernels.Conv2d` names it; None if it is no activation, or not one that the kernels have."""
    given = node.attributes
    if node.op in _NAMED:
        return _NAMED[node.op]
    if node.op == "LeakyRelu":
        return ("leaky_relu", float(given.get("alpha", 0.01)))
    if node.op == "HardSigmoid" and given.get("beta", 0.5) == 0.5:
        return ("hard_sigmoid", float(given.get("alpha", 0.2)))
    if node.op == "Swish" and given.get("alpha", 1) == 1:
        return "silu"
    if node.op == "Clip":
        bounds = clip_bounds(node, constants)
        if bounds is not None and bounds[0] == 0:
            return {6.0: "relu6", np.inf: "relu"}.get(bounds[1])  # type: ignore[return-value]
    return None


def times_x(activation: Activation) -> Activation:
    """Return what x times an activation of x is; None if the kernels do not have it."""
    if activation == "sigmoid":
        return "silu"
    if not isinstance(activation, tuple):
        return None
    name, slope = activation
    return "hard_swish" if name == "hard_sigmoid" and math.isclose(slope, 1 / 6, rel_tol=1e-6) else None


def clip_bounds(node: Node, constants: Mapping[str, Array]) -> tuple[float, float] | None:
    """Return the bounds of a Clip: attributes up to opset 10, inputs since; None if they are not stored numbers."""
    low, high = node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)
    names = (*node.inputs[1:], "", "")[:2]
    if any(name and (name not in constants or constants[name].size != 1) for name in names):
        return None
    if names[0]:
        low = constants[names[0]].item()
    if names[1]:
        high = constants[names[1]].item()
    return float(low), float(high)


def written(activation: Activation, name: str, x: str, y: str) -> tuple[tuple[Node, ...], dict[str, Array]]:
    """Return the nodes that compute an activation of x, and what these read beside; the last has the name."""
    if isinstance(activation, tuple):
        op, attributes = {
            "leaky_relu": ("LeakyRelu", {"alpha": activation[1]}),
            "hard_sigmoid": ("HardSigmoid", {"alpha": activation[1], "beta": 0.5}),
        }[activation[0]]
        return (Node(name, op, (x,), (y,), attributes),), {}
    if activation == "silu":
        gate = f"{y} gate"
        return (Node(f"{name} gate", "Sigmoid", (x,), (gate,)), Node(name, "Mul", (x, gate), (y,))), {}
    if activation == "relu6":
        bounds: dict[str, Array] = {f"{y} {side}": np.full((), b, np.float32) for side, b in (("low", 0), ("high", 6))}
        return (Node(name, "Clip", (x, *bounds), (y,)),), bounds
    (op,) = (op for op, named in _NAMED.items() if named == activation)
    return (Node(name, op, (x,), (y,)),), {}
