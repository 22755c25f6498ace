"""Small ONNX models built by hand, with random weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Stored = Mapping[str, npt.NDArray[Any]]


def random(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)


def norm(prefix: str, channels: int) -> dict[str, npt.NDArray[np.float32]]:
    """The four arrays of a BatchNormalization; its variances are positive and differ widely."""
    values = {part: random(channels, seed=i) for i, part in enumerate(("scale", "shift", "mean"))}
    variance = np.exp(2 * random(channels, seed=3))
    return {f"{prefix}.{part}": value for part, value in {**values, "variance": variance}.items()}


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """A node named like its output; `inputs` are separated by blanks, "-" is one that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, [output], name=output, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    stored: Stored,
    x_shape: Sequence[int | str] = ("N", 8, "H", "W"),
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    x_dtype: npt.DTypeLike = np.float32,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model of one input; the types of its outputs are left to inference if x is no float32."""
    plain = np.dtype(x_dtype) == np.float32
    ports = [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(x_dtype)), x_shape)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) if plain else onnx.ValueInfoProto(name=name)
        for name in outputs
    ]
    arrays = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    graph = helper.make_graph(list(nodes), "test", ports, ends, arrays)
    domains = {proto.domain for proto in nodes} - {""}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
    return helper.make_model(graph, opset_imports=imports, ir_version=8 if opset < 19 else 10, functions=functions)


W33, W11, DEPTHWISE = random(8, 8, 3, 3), random(8, 8, 1, 1), random(8, 1, 3, 3)
SAME = {"pads": [1, 1, 1, 1]}
BN1, BN2 = norm("bn1", 8), norm("bn2", 8)
READS_BN1, READS_BN2 = " ".join(BN1), " ".join(BN2)
LIMITS = {"zero": np.float32(0), "six": np.float32(6)}


def _conv(output: str = "c", inputs: str = "x w", **attributes: Any) -> onnx.NodeProto:
    return node("Conv", inputs, output, **(SAME | attributes))


# name: the model, and the operators that are left of it when all passes have run
CASES: dict[str, tuple[onnx.ModelProto, list[str]]] = {
    "conv": (model([_conv("y", "x w b")], {"w": W33, "b": random(8)}), ["Conv"]),
    "depthwise, stride 2": (model([_conv("y", group=8, strides=[2, 2])], {"w": DEPTHWISE}), ["Conv"]),
    "odd padding": (model([_conv("y", pads=[0, 1, 2, 0], dilations=[2, 1])], {"w": W33}), ["Conv"]),
    "auto_pad": (model([node("Conv", "x w", "y", auto_pad="SAME_LOWER")], {"w": random(8, 8, 2, 4)}), ["Conv"]),
    "valid": (model([node("Conv", "x w", "y", auto_pad="VALID")], {"w": W33}), ["Conv"]),
    "conv, norm, relu": (
        model([_conv(), node("BatchNormalization", f"c {READS_BN1}", "n"), node("Relu", "n", "y")], {"w": W33, **BN1}),
        ["Conv"],
    ),
    "conv with bias, norm with epsilon, clip": (
        model(
            [
                _conv(inputs="x w b", group=8),
                node("BatchNormalization", f"c {READS_BN1}", "n", epsilon=0.5),
                node("Clip", "n zero six", "y"),
            ],
            {"w": DEPTHWISE, "b": random(8), **BN1, **LIMITS},
        ),
        ["Conv"],
    ),
    "conv and hard swish": (model([_conv(), node("HardSwish", "c", "y")], {"w": W33}), ["Conv"]),
    "conv and hard swish of two nodes": (
        model([_conv(), node("HardSigmoid", "c", "g", alpha=1 / 6), node("Mul", "g c", "y")], {"w": W33}),
        ["Conv"],
    ),
    "conv and hard swish of an old exporter": (
        model(
            [
                _conv(),
                node("Add", "c three", "a"),
                node("Clip", "a zero six", "r"),
                node("Mul", "c r", "m"),
                node("Div", "m six", "y"),
            ],
            {"w": W33, "three": np.float32(3), **LIMITS},
        ),
        ["Conv"],
    ),
    "conv and hard swish that is divided first": (
        model(
            [
                _conv(),
                node("Add", "three c", "a"),
                node("Clip", "a zero six", "r"),
                node("Mul", "sixth r", "m"),
                node("Mul", "m c", "y"),
            ],
            {"w": W33, "three": np.float32(3), "sixth": np.float32(1 / 6), **LIMITS},
        ),
        ["Conv"],
    ),
    "conv and hard sigmoid of an old exporter": (
        model(
            [_conv(), node("Add", "c three", "a"), node("Clip", "a zero six", "r"), node("Div", "r six", "y")],
            {"w": W33, "three": np.float32(3), **LIMITS},
        ),
        ["Conv"],
    ),
    "what is like a hard swish, and divides by another number": (
        model(
            [
                _conv(),
                node("Add", "c three", "a"),
                node("Clip", "a zero six", "r"),
                node("Mul", "c r", "m"),
                node("Div", "m five", "y"),
            ],
            {"w": W33, "three": np.float32(3), "five": np.float32(5), **LIMITS},
        ),
        ["Conv", "Add", "Clip", "Mul", "Div"],
    ),
    "conv, norm and silu": (
        model(
            [
                _conv(),
                node("BatchNormalization", f"c {READS_BN1}", "n"),
                node("Sigmoid", "n", "g"),
                node("Mul", "n g", "y"),
            ],
            {"w": W33, **BN1},
        ),
        ["Conv"],
    ),
    "conv with a residual and silu": (
        model([_conv(), node("Add", "c x", "s"), node("Sigmoid", "s", "g"), node("Mul", "s g", "y")], {"w": W33}),
        ["Conv"],
    ),
    "squeeze and excite": (
        model(
            [
                _conv(),
                node("GlobalAveragePool", "c", "m"),
                node("Conv", "m one", "d"),
                node("HardSigmoid", "d", "g"),
                node("Mul", "c g", "y"),
            ],
            {"w": W33, "one": W11},
        ),
        ["Conv", "GlobalAveragePool", "Conv", "Mul"],
    ),
    "conv and split": (
        model([_conv(), helper.make_node("Split", ["c"], ["a", "b"], axis=1), node("Mul", "a b", "y")], {"w": W33}),
        ["Conv", "Conv", "Mul"],
    ),
    "pixels repeated": (
        model(
            [_conv(), node("Resize", "c - scales", "y", mode="nearest")], {"w": W33, "scales": np.float32([1, 1, 2, 3])}
        ),
        ["Conv", "Resize"],
    ),
    "two norms": (
        model(
            [
                _conv(),
                node("BatchNormalization", f"c {READS_BN1}", "n"),
                node("BatchNormalization", f"n {READS_BN2}", "y"),
            ],
            {"w": W33, **BN1, **BN2},
        ),
        ["Conv"],
    ),
    "norm alone": (
        model([node("Relu", "x", "r"), node("BatchNormalization", f"r {READS_BN1}", "y")], BN1),
        ["Relu", "BatchNormalization"],
    ),
    "norm that shares its input": (
        model(
            [_conv(), node("BatchNormalization", f"c {READS_BN1}", "n"), node("Sub", "c n", "y")],
            {"w": W33, **BN1},
        ),
        ["Conv", "BatchNormalization", "Sub"],
    ),
    "convolutions that share their weights": (
        model(
            [
                _conv("c"),
                node("BatchNormalization", f"c {READS_BN1}", "n"),
                _conv("y", "n w"),
            ],
            {"w": W33, **BN1},
        ),
        ["Conv", "Conv"],
    ),
    "a clip that no kernel has": (
        model([_conv(), node("Clip", "c - six", "y")], {"w": W33, **LIMITS}),
        ["Conv", "Clip"],
    ),
    "a clip that is a relu": (model([_conv(), node("Clip", "c zero", "y")], {"w": W33, **LIMITS}), ["Conv"]),
    "a clip of opset 6": (model([_conv(), node("Clip", "c", "y", min=0.0, max=6.0)], {"w": W33}, opset=9), ["Conv"]),
    "leaky relu": (model([_conv(), node("LeakyRelu", "c", "y", alpha=0.2)], {"w": W33}), ["Conv"]),
    "leaky relu alone": (model([node("LeakyRelu", "x", "y")], {}), ["LeakyRelu"]),
    "relu after relu": (
        model([_conv(), node("Relu", "c", "r"), node("LeakyRelu", "r", "y")], {"w": W33}),
        ["Conv", "LeakyRelu"],
    ),
    "residual of the input": (model([_conv(), node("Add", "c x", "y")], {"w": W33}), ["Conv"]),
    "residual, then relu": (
        model([_conv(), node("Add", "x c", "a"), node("Relu", "a", "y")], {"w": W33}),
        ["Conv"],
    ),
    "residual after relu": (
        model([_conv(), node("Relu", "c", "r"), node("Add", "r x", "y")], {"w": W33}),
        ["Conv", "Add"],
    ),
    "residual, then norm": (
        model(
            [_conv(), node("Add", "x c", "a"), node("BatchNormalization", f"a {READS_BN1}", "y")],
            {"w": W33, **BN1},
        ),
        ["Conv", "BatchNormalization"],
    ),
    "two convolutions added": (
        model(
            [_conv("a"), node("Conv", "x v", "b"), node("Add", "a b", "s"), node("Relu", "s", "y")],
            {"w": W33, "v": W11},
        ),
        ["Conv", "Conv"],
    ),
    "a convolution twice": (model([_conv(), node("Add", "c c", "y")], {"w": W33}), ["Conv", "Add"]),
    "a sum with a third": (
        model([_conv(), node("Add", "c x", "s"), node("Add", "s x", "y")], {"w": W33}),
        ["Conv", "Add"],
    ),
    "a residual that repeats": (
        model(
            [node("GlobalAveragePool", "x", "m"), _conv(), node("Add", "c m", "s"), node("Relu", "s", "y")],
            {"w": W33},
        ),
        ["GlobalAveragePool", "Conv"],
    ),
    "a residual that enlarges": (
        model(
            [
                node("GlobalAveragePool", "x", "m"),
                node("Conv", "m v", "c"),
                node("Add", "x c", "s"),
                node("LeakyRelu", "s", "y"),
            ],
            {"v": W11},
        ),
        ["GlobalAveragePool", "Conv"],
    ),
    "a constant added": (model([_conv(), node("Add", "c k", "y")], {"w": W33, "k": random(8, 1, 1)}), ["Conv"]),
    "an output in the middle": (
        model([_conv(), node("Relu", "c", "y")], {"w": W33}, outputs=("c", "y")),
        ["Conv", "Relu"],
    ),
    "subtraction of noise": (model([_conv(), node("Sub", "x c", "y")], {"w": W33}), ["Conv", "Sub"]),
    "max pool": (
        model([node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])], {}),
        ["MaxPool"],
    ),
    "max pool, dilated": (model([node("MaxPool", "x", "y", kernel_shape=[2, 2], dilations=[3, 2])], {}), ["MaxPool"]),
    "average pool": (
        model([node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], **SAME)], {}),
        ["AveragePool"],
    ),
    "average pool that counts the padding": (
        model([node("AveragePool", "x", "y", kernel_shape=[3, 3], count_include_pad=1, **SAME)], {}),
        ["AveragePool"],
    ),
    "head": (
        model(
            [
                node("GlobalAveragePool", "x", "m"),
                node("Flatten", "m", "f"),
                node("Identity", "f", "i"),
                node("Gemm", "i g b", "y", transB=1, alpha=0.5, beta=2.0),
            ],
            {"g": random(10, 8), "b": random(10)},
        ),
        ["GlobalAveragePool", "Flatten", "Gemm"],
    ),
    "head with a reshape": (
        model(
            [
                node("GlobalAveragePool", "x", "m"),
                node("Constant", "", "s", value=numpy_helper.from_array(np.array([0, -1]))),
                node("Reshape", "m s", "f"),
                node("MatMul", "f g", "y"),
            ],
            {"g": random(8, 10)},
        ),
        ["GlobalAveragePool", "Reshape", "MatMul"],
    ),
    "gemm without bias": (
        model([node("Flatten", "x", "f", axis=2), node("Gemm", "f f", "y", transA=1)], {}),
        ["Flatten", "Gemm"],
    ),
    "scale and shift, one number a channel": (
        model(
            [_conv(), node("Mul", "k c", "m"), node("Add", "m a", "s"), node("Relu", "s", "y")],
            {"w": W33, "k": random(8, 1, 1), "a": random(1, 8, 1, 1)},
        ),
        ["Conv"],
    ),
    "norm with scale and shift": (
        model(
            [
                node("BatchNormalization", f"x {READS_BN1}", "n"),
                node("Div", "n k", "m"),
                node("Sub", "m one", "s"),
                node("Relu", "s", "y"),
            ],
            {**BN1, "k": random(8, 1, 1) + 3, "one": np.ones(1, np.float32)},
        ),
        ["BatchNormalization"],
    ),
    "a scale of each row": (model([_conv(), node("Mul", "c k", "y")], {"w": W33, "k": random(9, 1)}), ["Conv", "Mul"]),
    "shapes that are computed": (
        model(
            [
                node("Shape", "x", "s"),
                node("Gather", "s first", "n"),
                node("Concat", "n rest", "t", axis=0),
                node("Reshape", "x t", "y"),
            ],
            {"first": np.array([0]), "rest": np.array([-1, 3])},
        ),
        ["Shape", "Gather", "Concat", "Reshape"],
    ),
    "padding that depends on the image": (
        model([node("Conv", "x w b", "y", auto_pad="SAME_UPPER", strides=[2, 2])], {"w": W33, "b": random(8)}),
        ["Conv"],
    ),
    "padding that depends on the image, of pools": (
        model(
            [
                node("MaxPool", "x", "m", auto_pad="SAME_LOWER", kernel_shape=[2, 3], strides=[2, 2]),
                node("AveragePool", "m", "y", auto_pad="SAME_UPPER", kernel_shape=[3, 3], strides=[2, 2]),
            ],
            {},
        ),
        ["MaxPool", "AveragePool"],
    ),
    "pools that round up": (
        model(
            [
                node("MaxPool", "x", "m", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
                node("AveragePool", "m", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, **SAME),
            ],
            {},
        ),
        ["MaxPool", "AveragePool"],
    ),
    "parts": (
        model(
            [
                helper.make_node("Split", ["x"], ["a", "b", "c"], "split", axis=1, num_outputs=3),
                helper.make_node("Split", ["x", "sizes"], ["d", "e", "f"], "other", axis=1),
                node("Dropout", "d", "g"),
                node("Concat", "c g a", "y", axis=1),
            ],
            {"sizes": np.array([2, 1, 5])},
            opset=18,
        ),
        ["Split", "Split", "Concat"],
    ),
    "weights that are computed": (
        model([node("GlobalAveragePool", "x", "v"), node("Conv", "x v", "y")], {}),
        ["GlobalAveragePool", "Conv"],
    ),
    "one dimension": (
        model(
            [
                node("ReduceMean", "x", "s", axes=[2], keepdims=0),
                node("Conv", "s w", "y"),
                node("MaxPool", "y", "z", kernel_shape=[2]),
            ],
            {"w": W33[..., 0]},
            outputs=("y", "z"),
        ),
        ["ReduceMean", "Conv", "MaxPool"],
    ),
}
