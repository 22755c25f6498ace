"""From a network in float32 to one on bytes.

The graph is walked once. An array is in float32, in bytes, or in both forms; each layer asks for the form that it
reads, and a QuantizeLinear or DequantizeLinear is put in where that form is not there yet. Convolutions, matrix
products, sums, means and maxima read and write bytes, so between them nothing is converted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from workbook.graphs.graph import Array, FloatArray, Graph, Node
from workbook.graphs.operators import form_on_bytes
from workbook.graphs.operators.entry import ByteInputs, OnBytes, Parts
from workbook.graphs.passes import residual_parts
from workbook.graphs.storage import Storage
from workbook.quantize.affine import Affine
from workbook.quantize.bias_correction import corrected
from workbook.quantize.calibration import Images, OnBatch, Recipe, calibrate, prepared
from workbook.quantize.equalisation import is_cap
from workbook.quantize.network_protocol import AnyNetwork
from workbook.quantize.scheme import Scheme

_LARGEST_BIAS = 2.0**30  # leaves as much room in 32 bits for the sum itself


def quantize(
    network: AnyNetwork,
    calibration: Images | Recipe,
    scheme: Scheme | None = None,
    *,
    algorithm: str = "auto",
    threads: int | None = None,
    on_batch: OnBatch | None = None,
) -> AnyNetwork:
    """Return a network of the same inputs and outputs that computes with bytes.

    Parameters
    ----------
    network : workbook.network.Network
    calibration : array (N, ...), mapping of str to array, an iterable of them, or Recipe
        Images as the network will see them, 64 or more; or what `calibrate` found on them. A network of several inputs
        takes each by its name.
    scheme : Scheme, optional
        The choices; `Scheme()` if None. A recipe has its own.
    algorithm : str
        Of `kernels.QLinearConv`: "saturating" computes as a CPU without VNNI does.
    threads : int, optional
        At most this many work on a convolution.
    on_batch : function, optional
        Called with the number of images after each few of them, for a progress bar.

    Raises
    ------
    ValueError
        If there is no image, an array is not finite on one of them, the scheme names a layer that is not there, or the
        recipe is another network's.
    """
    if isinstance(calibration, Recipe):
        if scheme is not None:
            raise ValueError("a recipe has a scheme of its own; calibrate again for another one")
        recipe = calibration
    else:
        _check_names(network.graph, scheme or Scheme())
        recipe = calibrate(network, calibration, scheme, on_batch)
    _check_names(network.graph, recipe.scheme)
    graph = prepared(network.graph, recipe.scheme)
    return network.of_graph(quantized(graph, recipe), integer_algorithm=algorithm, threads=threads)


def quantized(graph: Graph, recipe: Recipe) -> Graph:
    """Rewrite a graph; `quantize` does it for a network."""
    work = _Work(graph, recipe, Storage.of(graph.constants), floats={port.name for port in graph.inputs})
    for node in graph.nodes:
        work.take(node)
    for name in graph.outputs:
        if name not in work.constants:
            work.in_float(name)
    read = {name for node in work.nodes for name in node.reads} | set(graph.outputs)
    known = [(name, _bytes(name)) for name in work.bytes]
    shapes = {new: graph.shapes[name] for name, new in known if name in graph.shapes}
    types = {new: work.bytes[name].dtype for name, new in known}
    return replace(
        graph,
        nodes=tuple(work.nodes),
        constants=work.constants.only(read),
        shapes={**graph.shapes, **shapes},
        types={**graph.types, **types} if graph.types else {},
    )


@dataclass
class _Work:
    """The graph as far as it is rewritten."""

    graph: Graph
    recipe: Recipe
    constants: Storage
    nodes: list[Node] = field(default_factory=list)
    floats: set[str] = field(default_factory=set)  # arrays that are there in float32
    bytes: dict[str, Affine] = field(default_factory=dict)  # arrays that are there in bytes

    def take(self, node: Node) -> None:
        """Rewrite one node."""
        form = form_on_bytes(node.op)
        kinds = {"weighted": self.weighted, "layer": self.layer, "bounded": self.bounded, "passing": self.passed_on}
        if node.name in self.recipe.scheme.exclude or not (form and kinds[form.kind](node, form)):
            self.keep(node)

    def keep(self, node: Node) -> None:
        """Leave a node in float32."""
        for name in node.reads:
            if name not in self.constants:
                self.in_float(name)
        self.nodes.append(node)
        self.floats.update(node.outputs)

    def weighted(self, node: Node, form: OnBytes) -> bool:
        """A layer with stored weights, and maybe alpha and beta, which are a Gemm's; a residual is added behind it."""
        name = node.inputs[1]
        outline = self.constants.outline(name) if name in self.constants else None
        turned = None if outline is None else form.turned(node, outline)
        if outline is None or turned is None or self.graph.type_of(node.inputs[0]) not in (None, np.float32):
            return False
        if node.attributes.get("residual"):
            return self.residual(node, form)
        K = outline.shape[-1 if turned else 0]
        bias = self.constants[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else np.zeros(K, np.float32)
        if bias.shape != (K,):
            return False
        weight = np.float32(node.attributes.get("alpha", 1)) * self.constants[name]
        weight = np.ascontiguousarray(weight.T) if turned else weight
        given, affine = self.rounded(node, weight, np.float32(node.attributes.get("beta", 1)) * bias)
        self.add(node, form.op, form.inputs(given), affine, form.attributes(node))
        return True

    def residual(self, node: Node, form: OnBytes) -> bool:
        """A layer and a sum, which is in float32 where it leaves the network."""
        (conv, total, *rest), constants = residual_parts(node)
        self.weighted(conv, form)
        of_sum = form_on_bytes(total.op)
        attributes = {"activation": node.attributes["activation"]} if rest else {}
        fused = replace(total, outputs=node.outputs, attributes=attributes)
        if of_sum and self.layer(fused, of_sum):
            return True
        self.constants |= constants
        for part in (total, *rest):
            self.keep(part)
        return True

    def layer(self, node: Node, form: OnBytes) -> bool:
        """A layer without weights, unless it reads what is stored, or no numbers that were seen in float32."""
        if any(name in self.constants or name not in self.recipe.ranges for name in node.inputs):
            return False
        if node.outputs[0] in self.graph.outputs and not form.ends:
            return False
        if node.op == "Concat" and not any(name in self.bytes for name in node.inputs):
            return False  # joined in float32: boxes and scores keep their own sizes
        affine = self.affine(node)
        x = tuple(self.in_bytes(name) for name in node.inputs)
        given = ByteInputs(x, self.store(node.outputs[0], affine))
        self.add(node, form.op, form.inputs(given), affine, form.attributes(node))
        return True

    def bounded(self, node: Node, form: OnBytes) -> bool:
        """Min or Max of bytes that are there, and of a bound in their scale; that of a Relu is 0."""
        array = node.inputs[0]
        if array not in self.bytes or not (node.op == "Relu" or is_cap(node, self.graph)):
            return False
        affine = self.bytes[array]
        if node.op == "Relu":
            name = self.constant(f"{array} zero in bytes", affine.zero_point)
        else:
            name = self.constant(f"{node.inputs[1]} in bytes", affine.quantize(self.constants[node.inputs[1]]))
        self.add(node, form.op, (_bytes(array), name), affine, {})
        return True

    def passed_on(self, node: Node, form: OnBytes) -> bool:
        """What moves numbers, or takes the largest, does so with bytes, if they are there."""
        if node.inputs[0] not in self.bytes:
            return False
        reads = _bytes(node.inputs[0]), *node.inputs[1:]
        self.add(node, node.op, reads, self.bytes[node.inputs[0]], form.attributes(node))
        return True

    def rounded(self, node: Node, weight: FloatArray, bias: FloatArray) -> tuple[ByteInputs, Affine]:
        """Quantize weights and bias; return the inputs of the layer on bytes, and what its output stands for."""
        scheme, groups = self.scheme(node), node.attributes.get("group", 1)
        x = self.in_bytes(node.inputs[0])
        of_x, of_y = self.bytes[node.inputs[0]], self.affine(node)
        of_w = _wide_enough(scheme.of_weights(weight), bias, of_x)
        w = of_w.quantize(weight)
        if scheme.bias_correction:
            means = np.array(self.recipe.means[node.inputs[0]])
            four = (*weight.shape, 1, 1)[:4]
            bias = corrected(bias, weight.reshape(four), of_w.dequantize(w).reshape(four), means, groups)
        unit = of_x.scale.astype(np.float64) * of_w.scale
        steps = np.clip(np.rint(bias / unit), -(2**31), 2**31 - 1).astype(np.int32)
        weights = (self.constant(f"{node.name} weight", w), *self.store(f"{node.name} weight", of_w))
        y = self.store(node.outputs[0], of_y)
        return ByteInputs((x,), y, weights, self.constant(f"{node.name} bias", steps)), of_y

    def scheme(self, node: Node) -> Scheme:
        return self.recipe.scheme.of_layer(node.name)

    def affine(self, node: Node) -> Affine:
        """Return scale and zero point of a node's output; what a Min or Relu behind it cuts off needs no bytes."""
        reader = self.graph.reader(node.outputs[0])
        cut = reader is not None and (is_cap(reader, self.graph) or reader.op == "Relu")
        name = reader.outputs[0] if reader is not None and cut else node.outputs[0]
        return self.scheme(node).rule(*self.range(self.joined_range(name)))

    def joined_range(self, name: str) -> str:
        """Return the array whose range an array takes: that of a Concat, if nobody else reads it.

        Then the parts are rounded once, to the bytes of the whole, and are joined as they are.
        """
        reader = self.graph.reader(name)
        if reader is None or reader.op != "Concat" or reader.name in self.recipe.scheme.exclude:
            return name
        (joined,) = reader.outputs
        return joined if joined in self.recipe.ranges and joined not in self.graph.outputs else name

    def range(self, name: str) -> tuple[float, float]:
        if name not in self.recipe.ranges:
            raise ValueError(f"the recipe has no range of the array {name!r}: it is another network's")
        return self.recipe.ranges[name]

    def add(self, node: Node, op: str, reads: tuple[str, ...], affine: Affine, attributes: Mapping[str, Any]) -> None:
        """Put in a node that writes its output in bytes."""
        self.nodes.append(Node(node.name, op, reads, (_bytes(node.outputs[0]),), attributes))
        self.bytes[node.outputs[0]] = affine

    def in_bytes(self, name: str) -> Parts:
        """Return the names of an array in bytes, of its scale, and of its zero point."""
        if name not in self.bytes:
            self.bytes[name] = affine = self.recipe.scheme.rule(*self.range(name))
            node = Node(f"quantize {name}", "QuantizeLinear", (name, *self.store(name, affine)), (_bytes(name),))
            self.nodes.append(node)
        return (_bytes(name), *self.store(name, self.bytes[name]))

    def in_float(self, name: str) -> None:
        """Make sure that an array is there in float32."""
        if name not in self.floats:
            parts = (_bytes(name), *self.store(name, self.bytes[name]))
            self.nodes.append(Node(f"dequantize {name}", "DequantizeLinear", parts, (name,)))
            self.floats.add(name)

    def store(self, name: str, affine: Affine) -> tuple[str, str]:
        """Keep scale and zero point as constants; return their names."""
        return (
            self.constant(f"{name} scale", affine.scale),
            self.constant(f"{name} zero point", affine.zero_point),
        )

    def constant(self, name: str, array: Array) -> str:
        self.constants |= {name: array}
        return name


def _bytes(name: str) -> str:
    return f"{name} in bytes"


def _wide_enough(of_w: Affine, bias: FloatArray, of_x: Affine) -> Affine:
    """Enlarge the scales of weights where the bias, in units of x_scale * w_scale, would not fit 32 bits."""
    needed = np.abs(bias.astype(np.float64)) / (_LARGEST_BIAS * of_x.scale)
    needed = needed if of_w.scale.ndim else needed.max()
    return replace(of_w, scale=np.maximum(of_w.scale, needed).astype(np.float32))


def _check_names(graph: Graph, scheme: Scheme) -> None:
    """Refuse names of layers that are not there."""
    names = [node.name for node in graph.nodes]
    for name in (*scheme.exclude, *scheme.override):
        if name not in names:
            raise ValueError(f"the network has no layer {name!r}; it has {', '.join(names)}")
