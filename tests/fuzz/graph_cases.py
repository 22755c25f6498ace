"""Random networks against ONNX Runtime: in float32 and float16, quantized here, in the QDQ form, and by its own tool.

A case is an ONNX model; its metadata say what is checked. Networks on bytes are compared layer by layer: a byte that is
rounded the other way would change all that follow. For that, ONNX Runtime gets our bytes wherever the file turns bytes
into numbers. What its own tool quantizes is compared as a whole: most numbers are near.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from graphs import random
from hunt import Kind
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

from workbook import network
from workbook.network import Network
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

Array = np.ndarray[Any, Any]
OPSET = 17
NEAR = 1e-4  # of the largest number: sums of all layers are rounded on the way
MOST = 20000  # numbers in an array

sizes = st.integers(1, 12)
channels = st.one_of(st.integers(1, 20), st.sampled_from([8, 16, 32]))


class Builder:
    """A model that grows by one node at a time; nodes that do not fit are left out."""

    def __init__(self, draw: st.DrawFn, *, on_bytes: bool) -> None:
        self.draw, self.on_bytes = draw, on_bytes
        self.nodes: list[onnx.NodeProto] = []
        self.stored: dict[str, Array] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.bytes: dict[str, str] = {}  # the scale of arrays that were bytes

    def any(self, *choices: Any) -> Any:
        """Draw one of some choices; the first is the simplest."""
        return self.draw(st.sampled_from(choices))

    def numbers(self, *shape: int, scale: float = 1.0, offset: float = 0.0) -> str:
        """Store an array of random numbers, others each time."""
        name = f"c{len(self.stored)}"
        self.stored[name] = (random(*shape, seed=len(self.stored)) * scale + offset).astype(np.float32)
        return name

    def store(self, array: Any) -> str:
        """Store an array."""
        name = f"c{len(self.stored)}"
        self.stored[name] = np.asarray(array)
        return name

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs; none if it does not fit what it reads."""
        names = [f"v{len(self.nodes)}{'abc'[i] if outputs > 1 else ''}" for i in range(outputs)]
        node = helper.make_node(op, inputs, names, names[0], **attributes)
        types = {
            name: helper.make_tensor_type_proto(TensorProto.FLOAT, self.shapes[name])
            for name in inputs
            if name in self.shapes
        }
        data = {name: numpy_helper.from_array(self.stored[name], name) for name in inputs if name in self.stored}
        types |= {name: helper.make_tensor_type_proto(tensor.data_type, tensor.dims) for name, tensor in data.items()}
        try:
            found = onnx.shape_inference.infer_node_outputs(onnx.defs.get_schema(op, OPSET), node, types, data)
        except onnx.shape_inference.InferenceError:
            return []
        shapes = {name: tuple(size.dim_value for size in found[name].tensor_type.shape.dim) for name in names}
        if not all(0 < np.prod(shape) <= MOST and min(shape, default=1) > 0 for shape in shapes.values()):
            return []
        self.shapes |= shapes
        self.nodes.append(node)
        return names

    def rounded(self, name: str) -> str:
        """Turn an array into bytes and back."""
        scale = self.store(np.float32(self.any(0.03, 0.0625, 0.01, 0.2)))
        zero = self.store(self.any(np.uint8(128), np.uint8(0), np.int8(0), np.int8(-7), np.uint8(255)))
        q, y = f"q{len(self.nodes)}", f"v{len(self.nodes) + 1}"
        self.nodes.append(helper.make_node("QuantizeLinear", [name, scale, zero], [q], q))
        self.nodes.append(helper.make_node("DequantizeLinear", [q, scale, zero], [y], y))
        self.shapes[y] = self.shapes[name]
        self.bytes[y] = scale
        return y

    def weights(self, shape: tuple[int, ...], x: str) -> tuple[str, str]:
        """Return the names of weights, and of a bias or nothing; in bytes where x was."""
        fan_in = np.prod(shape[1:])
        weight = self.numbers(*shape, scale=1 / np.sqrt(fan_in))
        bias = self.any("", "bias") and self.numbers(shape[0])
        if x not in self.bytes:
            return weight, bias
        whole = self.stored.pop(weight)
        each = self.any(False, True)  # a scale for each filter
        scale = np.abs(whole).max(axis=tuple(range(1, len(shape))) if each else None) / np.float32(127) + np.float32(
            1e-6
        )
        along = scale.reshape(-1, *(1,) * (len(shape) - 1))
        self.stored[weight] = np.rint(whole / along).astype(np.int8)
        names = self.store(scale), self.store(np.zeros(scale.shape, np.int8))
        y = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node("DequantizeLinear", [weight, *names], [y], y, axis=0))
        if bias and self.any(True, False):
            unit = (self.stored[self.bytes[x]] * scale).astype(np.float32)
            self.stored[bias] = np.rint(self.stored[bias] / unit).astype(np.int32)
            parts = self.store(unit), self.store(np.zeros(unit.shape, np.int32))
            z = f"v{len(self.nodes)}"
            self.nodes.append(helper.make_node("DequantizeLinear", [bias, *parts], [z], z, axis=0))
            self.shapes[z], bias = (shape[0],), z
        self.shapes[y] = shape
        return y, bias

    def layer(self, x: str, others: list[str]) -> list[str]:
        """Add a layer of images."""
        N, C, H, W = self.shapes[x]
        kind = self.any(*STEPS)
        if kind == "conv":
            return self.conv(x, C)
        if kind == "pool":
            return self.pool(x)
        if kind == "norm":
            parts = [self.numbers(C), self.numbers(C), self.numbers(C)]
            parts.append(self.store(np.exp(random(C, seed=len(self.stored)))))
            return self.add("BatchNormalization", x, *parts, epsilon=self.any(1e-5, 0.1))
        if kind == "activation":
            return self.activation(x, C)
        if kind == "arithmetic":
            shape = self.any((C, 1, 1), (1, C, 1, 1), (1,), (), (H, 1), (1, C, H, W))
            constant = self.numbers(*shape, offset=3) if shape else self.store(np.float32(1.5))
            inputs = self.any((x, constant), (constant, x))
            return self.add(
                self.any("Mul", "Add", "Sub", "Div") if inputs[0] == x else self.any("Mul", "Add", "Sub"), *inputs
            )
        if kind == "sum":
            alike = [y for y in others if self.shapes[y] in ((N, C, H, W), (N, C, 1, 1))]
            y = self.any(*alike) if alike else x
            return self.add(self.any("Add", "Add", "Sum", "Sub", "Mul", "Max"), *self.any((x, y), (y, x)))
        if kind == "branch":
            y = self.any(*others)
            K = self.shapes[y][1]
            weight, bias = self.weights((C, K, 1, 1), y)
            side = self.add("Conv", y, weight, *filter(None, [bias]))
            return self.add("Add", *self.any((x, *side), (*side, x))) if side else []
        if kind == "concat":
            alike = [y for y in others if self.shapes[y][2:] == (H, W)]
            return self.add("Concat", x, *(self.any(*alike) for _ in range(self.any(1, 2))), axis=self.any(1, -3))
        if kind == "mean":
            return self.add("GlobalAveragePool", x)
        return self.arranged(x, C)

    def conv(self, x: str, C: int) -> list[str]:
        K = self.draw(channels)
        groups = self.any(1, 1, *(g for g in (2, 3, C) if C % g == 0))
        K = -(-K // groups) * groups
        R, S = self.any((3, 3), (1, 1), (5, 5), (1, 3), (2, 2), (4, 1))
        moves = self.moves(R, S)
        if not self.fits(x, R, S, moves):
            return []
        weight, bias = self.weights((K, C // groups, R, S), x)
        return self.add("Conv", x, weight, *filter(None, [bias]), group=groups, **moves)

    def moves(self, R: int, S: int) -> dict[str, Any]:
        """Draw strides, dilations and padding."""
        moves = {"strides": self.any([1, 1], [2, 2], [1, 3]), "dilations": self.any([1, 1], [1, 1], [2, 1])}
        if self.any(False, False, False, True):
            return {"strides": moves["strides"], "auto_pad": self.any("SAME_UPPER", "SAME_LOWER", "VALID")}
        pads = [[R // 2, S // 2] * 2, [0] * 4, [0, 0, R // 2, S // 2], [R - 1, S - 1, 0, 0]]
        return {**moves, "pads": self.any(*pads)}

    def fits(self, x: str, R: int, S: int, moves: dict[str, Any]) -> bool:
        """Whether a window is no larger than the padded image; of a larger one ONNX Runtime computes a part."""
        (_, _, H, W), (top, left, bottom, right) = self.shapes[x], moves.get("pads", [0] * 4)
        down, across = moves.get("dilations", [1, 1])
        whole = H + top + bottom > (R - 1) * down and W + left + right > (S - 1) * across
        return whole or moves.get("auto_pad", "VALID") != "VALID"

    def pool(self, x: str) -> list[str]:
        R, S = taps = self.any((2, 2), (3, 3), (3, 2), (1, 1))
        moves = {**self.moves(R, S), "kernel_shape": taps}
        if "auto_pad" not in moves:
            moves["ceil_mode"] = self.any(0, 1)
            if moves["dilations"] != [1, 1]:
                moves["pads"] = [0] * 4  # no window may lie between the pixels
        if not self.fits(x, R, S, moves):
            return []
        if self.any(True, False):
            made = self.add("MaxPool", x, **moves)
        else:
            moves.pop("dilations", None)  # of operator set 19
            made = self.add("AveragePool", x, **moves, count_include_pad=self.any(0, 1))
        if moves.get("ceil_mode") and made:  # onnx counts windows that begin behind the image, too
            N, C, *image = self.shapes[x]
            P, Q = (
                min(size, (image[i] + moves["pads"][i] - 1) // moves["strides"][i] + 1)
                for i, size in enumerate(self.shapes[made[0]][2:])
            )
            self.shapes[made[0]] = N, C, P, Q
        return made

    def activation(self, x: str, C: int) -> list[str]:
        op = self.any(
            *("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Elu", "PRelu", "Softplus"),
            *("Erf", "Sin", "Softsign", "Selu", "Abs", "Floor"),
        )
        if op == "Clip":
            low, high = self.any((0, 6), (0, None), (None, 6), (-1, 1))
            bounds = ["" if bound is None else self.store(np.float32(bound)) for bound in (low, high)]
            return self.add(op, x, *bounds)
        if op == "LeakyRelu":
            return self.add(op, x, alpha=self.any(0.01, 0.3, -0.5, 2.0))
        return self.add(op, x, *([self.numbers(C, 1, 1)] if op == "PRelu" else []))

    def arranged(self, x: str, C: int) -> list[str]:
        """Add what moves numbers."""
        N, C, H, W = self.shapes[x]
        ints = lambda *numbers: self.store(np.array(numbers, np.int64))  # noqa: E731
        choices = {
            "Identity": lambda: self.add("Identity", x),
            "Dropout": lambda: self.add("Dropout", x),
            "Transpose": lambda: self.add("Transpose", x, perm=self.any([0, 1, 3, 2], [0, 2, 3, 1], [1, 0, 2, 3])),
            "Reshape": lambda: self.add("Reshape", x, ints(*self.any((0, 0, -1, 1), (0, -1, H, W), (N, 1, C, H * W)))),
            "Pad": lambda: self.add("Pad", x, ints(0, 0, 1, 0, 0, 0, 2, 1), mode=self.any("constant", "edge")),
            "Slice": lambda: self.add("Slice", x, ints(0), ints(max(1, H // 2)), ints(2)),
            "Split": lambda: self.add("Split", x, ints(C // 2, C - C // 2), outputs=2, axis=1),
            "Resize": lambda: self.add(
                "Resize", x, "", self.store(np.float32([1, 1, 2, 2])), mode=self.any("nearest", "linear")
            ),
            "DepthToSpace": lambda: self.add("DepthToSpace", x, blocksize=2) if C % 4 == 0 else [],
            "ConvTranspose": lambda: self.add("ConvTranspose", x, self.numbers(C, 4, 2, 2, scale=0.3), strides=[2, 2]),
            "ReduceMean": lambda: self.add("ReduceMean", x, axes=[2, 3], keepdims=1),
            "ReduceL2": lambda: self.add("ReduceL2", x, axes=[1], keepdims=1),
            "Gather": lambda: self.add("Gather", x, ints(0, W - 1, 0), axis=3),
            "Tile": lambda: self.add("Tile", x, ints(1, 1, 2, 1)),
            "Expand": lambda: self.add("Expand", x, ints(2, 1, 1, 1)),
            "CumSum": lambda: self.add("CumSum", x, self.store(np.array(2))),
            "TopK": lambda: self.add("TopK", x, ints(max(1, C // 2)), outputs=2, axis=1)[:1],
            "InstanceNormalization": lambda: self.add("InstanceNormalization", x, self.numbers(C), self.numbers(C)),
            "LayerNormalization": lambda: self.add("LayerNormalization", x, self.numbers(W), self.numbers(W)),
            "Softmax": lambda: self.add("Softmax", x, axis=self.any(1, -1)),
            "GlobalMaxPool": lambda: self.add("GlobalMaxPool", x),
            "LpPool": lambda: self.add("LpPool", x, kernel_shape=[2, 1]),
            "Einsum": lambda: self.add("Einsum", x, x, equation="nchw,nkhw->nckh"),
            "GridSample": lambda: self.add(
                "GridSample", x, self.store(np.tanh(random(N, 3, 4, 2))), mode=self.any("bilinear", "nearest")
            ),
        }
        return choices[self.any(*choices)]()

    def head(self, x: str) -> list[str]:
        """Add a head of classes."""
        N, *rest = self.shapes[x]
        size, classes = int(np.prod(rest)), self.any(10, 3, 16)
        if self.any("Flatten", "Reshape") == "Flatten":
            (flat,) = self.add("Flatten", x)
        else:
            (flat,) = self.add("Reshape", x, self.store(np.array([N, -1])))
        if x in self.bytes:
            flat = self.rounded(flat) if self.any(False, True) else flat
        turned = self.any(1, 0)
        if turned:
            weight, bias = self.weights((classes, size), flat)
        else:
            weight, bias = self.numbers(size, classes, scale=1 / np.sqrt(size)), self.numbers(classes)
        y = self.add(
            "Gemm",
            flat,
            weight,
            *filter(None, [bias]),
            transB=turned,
            alpha=self.any(1.0, 0.5),
            beta=self.any(1.0, 2.0),
        )
        return self.add("Softmax", *y, axis=1) if y and self.any(False, True) else y


STEPS = (  # the frequent ones several times
    *("conv", "conv", "conv", "activation", "activation", "norm", "arithmetic", "sum", "sum", "branch", "concat"),
    *("pool", "mean", "arranged"),
)


@st.composite
def drawn(draw: st.DrawFn) -> bytes:
    """Draw a model and what is checked of it."""
    check = draw(st.sampled_from(list(CHECKS)))
    build = Builder(draw, on_bytes=check == "qdq")
    shape = draw(st.integers(1, 2)), draw(channels), draw(sizes), draw(sizes)
    build.shapes["x"] = shape
    x = build.rounded("x") if build.on_bytes else "x"
    images, outputs = [x], []
    for _ in range(draw(st.integers(1, 8))):
        made = build.layer(x, images)
        made = [build.rounded(y) if build.on_bytes and draw(st.integers(0, 3)) else y for y in made]
        images += [y for y in made if len(build.shapes[y]) == 4]
        x = draw(st.sampled_from(images[-3:][::-1]))
        if draw(st.integers(0, 7)) == 7:
            outputs.append(x)
    last = build.head(x) if draw(st.booleans()) else [x]
    outputs = list(dict.fromkeys([*last, *outputs]))
    outputs = [name for name in outputs if name != "x"] or build.add("Relu", "x")
    stated = draw(st.booleans())
    port = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape if stated else ("N", shape[1], "H", "W"))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    arrays = [numpy_helper.from_array(array, name) for name, array in build.stored.items()]
    graph = helper.make_graph(build.nodes, "random", [port], ends, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    settings = {"check": check, "shape": shape, "threads": draw(st.integers(1, 4))}
    if check == "tool":
        settings |= {"form": draw(st.sampled_from(["QOperator", "QDQ", "dynamic"])), "each": draw(st.booleans())}
    if check == "quantize":
        settings["scheme"] = draw(schemes())
    helper.set_model_props(model, {"case": json.dumps(settings)})
    return model.SerializeToString(deterministic=True)


def schemes() -> st.SearchStrategy[dict[str, Any]]:
    """Return all choices of a quantization."""
    return st.fixed_dictionaries(
        {},
        optional={
            "activations": st.just("int8"),
            "weights": st.just("uint8"),
            "symmetric_activations": st.just(True),
            "symmetric_weights": st.just(False),
            "per_channel": st.just(False),
            "reduce_range": st.just(True),
            "calibrator": st.sampled_from(["percentile", "mse"]),
            "bias_correction": st.just(True),
            "equalise": st.just(True),
        },
    )


class RefusedError(Exception):
    """ONNX Runtime does not run a model, so nothing can be compared."""


def runtime(model: onnx.ModelProto | Path, **given: Array) -> dict[str, Array]:
    """Return what ONNX Runtime makes of a model, without rewrites of its own."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    quiet = onnxruntime.RunOptions()
    quiet.log_severity_level = 4
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else model
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, given, quiet), strict=True))
    except Exception as why:  # its exceptions have no class of their own in common
        raise RefusedError(str(why)) from why


def assert_near(ours: list[Array], theirs: dict[str, Array], what: str) -> None:
    """Compare outputs in float32."""
    for y, (name, expected) in zip(ours, theirs.items(), strict=True):
        assert y.shape == expected.shape, f"{what}, {name}: shape {y.shape}, not {expected.shape}"
        assert y.dtype == expected.dtype
        error = np.abs(y - expected).max(initial=0) / max(np.abs(expected).max(initial=0), 1e-30)
        assert error <= NEAR, f"{what}, {name}: error {error} of the largest number"


def as_float(model: onnx.ModelProto, x: Array, threads: int) -> None:
    """Check a network, with and without the passes, run again, saved and loaded."""
    expected = runtime(model, x=x)
    net = network.load(model, threads=threads)
    first = net.run(x)
    assert_near(first, expected, "as loaded")
    assert_near(Network(network.read(model)).run(x), expected, "without passes")
    net.run(-x)
    again = net.run(x)
    assert all(map(np.array_equal, first, again)), "the second run differs"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        net.save(path)
        back = network.load(path, threads=threads).run(x)
        assert all(map(np.array_equal, first, back)), "saved and loaded, it differs"
        assert_near(list(runtime(path, x=x).values()), expected, "saved, in ONNX Runtime")


def as_quantized(model: onnx.ModelProto, x: Array, threads: int, scheme: dict[str, Any]) -> None:
    """Check a network on bytes, saved and loaded, layer by layer."""
    net = quantize(network.load(model), x, Scheme(**scheme), threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        net.save(path)
        back = network.load(path, threads=threads)
        assert all(map(np.array_equal, net.run(x), back.run(x))), "saved and loaded, it differs"
        layer_by_layer(back, onnx.load(path), x)


def as_qdq(model: onnx.ModelProto, x: Array, threads: int) -> None:
    """Check a QDQ model, layer by layer."""
    net = network.load(model, threads=threads)
    layer_by_layer(net, model, x)


def as_float16(model: onnx.ModelProto, x: Array, threads: int) -> None:
    """Check a network whose numbers are float16: as near to float32 as ONNX Runtime is, in the same types."""
    exact, half = runtime(model, x=x), onnx.ModelProto()
    half.CopyFrom(model)
    of_sizes = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}  # which stay float32
    for tensor in half.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in of_sizes:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    half.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    for end in half.graph.output:
        end.ClearField("type")
    given = x.astype(np.float16)
    theirs = runtime(half, x=given)
    ours = network.load(half, threads=threads).run(given)
    for y, (name, expected) in zip(ours, theirs.items(), strict=True):
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype), f"{name}: {y.dtype} {y.shape}"
        whole = exact[name].astype(np.float64)
        with np.errstate(all="ignore"):
            far, allowed = np.abs(y - whole).max(initial=0), np.abs(expected - whole).max(initial=0)
        if np.isfinite(allowed) and not _jumps(model):
            assert far <= 4 * allowed + 0.02 * np.abs(whole).max(initial=0), f"{name}: {far}, ONNX Runtime {allowed}"


def _jumps(model: onnx.ModelProto) -> bool:
    """Whether an operator makes a large difference of a small one."""
    return any(node.op_type in ("Floor", "Div", "GridSample", "TopK") for node in model.graph.node)


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, x: Array) -> None:
        self._images = iter([{"x": x}])

    def get_next(self) -> dict[str, Array] | None:
        return next(self._images, None)


def as_the_tool_does(model: onnx.ModelProto, x: Array, threads: int, form: str, *, each: bool) -> None:
    """Check what ONNX Runtime's tool makes of a network, loaded, saved and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        source, path, saved = (Path(folder, name) for name in ("float.onnx", "int8.onnx", "saved.onnx"))
        onnx.save(model, source)
        try:
            if form == "dynamic":
                quantize_dynamic(source, path, per_channel=each, reduce_range=True)
            else:
                kind = QuantFormat[form]
                quantize_static(source, path, _Images(x), quant_format=kind, per_channel=each, reduce_range=True)
        except Exception as why:  # of several kinds; what it cannot quantize is no case
            raise RefusedError(str(why)) from why
        theirs = runtime(path, x=x)
        net = network.load(path, threads=threads)
        ours = net.run(x)
        for y, (name, expected) in zip(ours, theirs.items(), strict=True):
            assert (y.shape, y.dtype) == (expected.shape, expected.dtype), f"{name}: {y.dtype} {y.shape}"
            if np.isfinite(expected).all() and not _jumps(model):
                error = np.abs(y - expected).mean() / max(np.abs(expected).max(initial=0), 1e-30)
                assert error <= 0.05, f"{name}: error {error} of the largest number"
        net.save(saved)
        for y, again in zip(ours, network.load(saved, threads=threads).run(x), strict=True):
            np.testing.assert_allclose(again, y, rtol=1e-4, atol=1e-4 * np.abs(y).max(initial=0))


def layer_by_layer(net: Network, model: onnx.ModelProto, x: Array) -> None:
    """Compare the bytes of each layer, and the outputs, with what ONNX Runtime makes of our bytes before it."""
    ours = {node.outputs[0]: y for node, y in net.trace(x)}
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    graph = cut.graph
    kept = [output.name for output in graph.output]
    rounded = [node.output[0] for node in graph.node if node.op_type == "QuantizeLinear" and node.output[0] in ours]
    given = {f"{name} given": ours[name] for name in rounded}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded:
            node.input[0] = f"{node.input[0]} given"
    for name, array in given.items():
        graph.input.append(
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        )
    for name in rounded:
        if name not in kept:
            kind = helper.np_dtype_to_tensor_dtype(ours[name].dtype)
            graph.output.append(helper.make_tensor_value_info(name, kind, None))
    del graph.value_info[:]
    theirs = runtime(cut, x=x, **given)
    for name in rounded:
        difference = np.abs(ours[name].astype(int) - theirs[name]).max(initial=0)
        assert ours[name].shape == theirs[name].shape
        assert difference <= 1, f"{name}: {difference} steps from ONNX Runtime's"
    assert_near(net.run(x), {name: theirs[name] for name in kept}, "outputs")


CHECKS = {
    "float32": as_float,
    "quantize": as_quantized,
    "qdq": as_qdq,
    "float16": as_float16,
    "tool": as_the_tool_does,
}


def check(content: bytes) -> None:
    """Run the check of a case."""
    model = onnx.load_model_from_string(content)
    case = json.loads(model.metadata_props[0].value)
    x = random(*case.pop("shape"), seed=1)
    with contextlib.suppress(RefusedError):
        CHECKS[case.pop("check")](model, x, **case)


def cases() -> st.SearchStrategy[bytes]:
    """Return the strategy."""
    return drawn()


GRAPHS = Kind("graph", ".onnx", cases, check)
