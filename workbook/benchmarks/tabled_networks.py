"""Networks of today's kinds with random weights, built from tables as their frameworks export them.

They have what older networks lack: HardSwish and squeeze-and-excite, SiLU as Sigmoid and Mul, Split and Resize,
ConvTranspose. Batch normalisation is taken to be folded in; an image is (1, 3, 224, 224).

Sources
-------
* MobileNetV2: Sandler et al., arXiv:1801.04381; its layers are listed in workbook/measuring/topologies.py.
* MobileNetV3-Large: Howard et al., arXiv:1905.02244, table 1.
* EfficientNet-B0: Tan and Le, arXiv:1905.11946, table 1; squeeze-and-excite takes a quarter of a block's input.
* YOLOv8n: Ultralytics, cfg/models/v8/yolov8.yaml at scale n, up to the three maps of boxes and classes.
* U-Net: Ronneberger et al., arXiv:1505.04597, figure 1, with a quarter of its channels, and padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from workbook.graphs.graph import Array
from workbook.measuring import topologies

_OPSET = 17
_IR_VERSION = 8
_CLASSES = 1000


class _Builder:
    """A model that grows node by node; an array is named by the node that writes it."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes = list[onnx.NodeProto]()
        self.stored: dict[str, Array] = {}
        self.channels = {"image": 3}

    def add(self, op: str, *inputs: str, channels: int, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; of several outputs, the names end in 0, 1, ..."""
        name = f"{op.lower()}{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name, **attributes))
        self.channels.update((output, channels) for output in names)
        return name

    def store(self, array: Array) -> str:
        """Store an array."""
        name = f"stored{len(self.stored)}"
        self.stored[name] = array
        return name

    def weights(self, *shape: int, fan_in: int) -> str:
        """Store random weights of the variance of He et al., arXiv:1502.01852, equation 10."""
        return self.store(self.random.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / fan_in)))

    def conv(self, x: str, K: int, size: int = 1, stride: int = 1, groups: int = 1, activation: str = "") -> str:
        """Add a convolution with a bias that keeps the image's size, but for the stride."""
        C = self.channels[x] // groups
        weight, bias = self.weights(K, C, size, size, fan_in=C * size * size), self.store(np.zeros(K, np.float32))
        moves = {"strides": [stride] * 2, "pads": [size // 2] * 4, "kernel_shape": [size] * 2, "group": groups}
        return self.activated(self.add("Conv", x, weight, bias, channels=K, outputs=1, **moves), activation)

    def activated(self, x: str, activation: str) -> str:
        """Add an activation; "Silu" is the two nodes that exporters write, "Relu6" a Clip."""
        C = self.channels[x]
        if activation == "Relu6":
            return self.add("Clip", x, *(self.store(np.array(end, np.float32)) for end in (0, 6)), channels=C)
        if activation == "Silu":
            return self.add("Mul", x, self.add("Sigmoid", x, channels=C), channels=C)
        slope = {"alpha": 1 / 6} if activation == "HardSigmoid" else {}
        return self.add(activation, x, channels=C, outputs=1, **slope) if activation else x

    def excited(self, x: str, width: int, inner: str, gate: str) -> str:
        """Add squeeze-and-excite: each channel times a number that the means of all decide."""
        C = self.channels[x]
        means = self.add("GlobalAveragePool", x, channels=C)
        squeezed = self.conv(means, width, activation=inner)
        return self.add("Mul", x, self.conv(squeezed, C, activation=gate), channels=C)

    def inverted(
        self, x: str, K: int, inner: int, size: int, stride: int, activation: str, squeezed: int, gates: tuple[str, str]
    ) -> str:
        """Add an inverted residual block of `inner` channels, with squeeze-and-excite if `squeezed` is not 0."""
        C = self.channels[x]
        y = self.conv(x, inner, activation=activation) if inner != C else x
        y = self.conv(y, inner, size, stride, groups=inner, activation=activation)
        y = self.conv(self.excited(y, squeezed, *gates) if squeezed else y, K)
        return self.add("Add", y, x, channels=K) if stride == 1 and K == C else y

    def classified(self, x: str, *wide: int, activation: str) -> str:
        """Add the mean of the image and products up to the classes."""
        y = self.add("Flatten", self.add("GlobalAveragePool", x, channels=self.channels[x]), channels=self.channels[x])
        for i, K in enumerate([*wide, _CLASSES]):
            weight = self.weights(K, self.channels[y], fan_in=self.channels[y])
            y = self.add("Gemm", y, weight, self.store(np.zeros(K, np.float32)), channels=K, transB=1)
            y = self.activated(y, activation if i < len(wide) else "")
        return y

    def joined(self, *parts: str) -> str:
        """Add a Concat along the channels."""
        return self.add("Concat", *parts, channels=sum(self.channels[part] for part in parts), axis=1)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Return what was built."""
        ports = [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 224, 224))]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        arrays = [numpy_helper.from_array(array, name) for name, array in self.stored.items()]
        graph = helper.make_graph(self.nodes, "tabled", ports, ends, arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def mobilenet_v2(seed: int = 0) -> onnx.ModelProto:
    """Return MobileNetV2."""
    build, x = _Builder(seed), "image"
    for _, layers in groupby(topologies.mobilenet_v2(), lambda layer: layer.name.partition(".")[0]):
        block, y = list(layers), x
        for layer in block:
            activation = "" if layer.name.endswith("project") else "Relu6"
            y = build.conv(y, layer.K, layer.R, layer.stride, layer.groups, activation)
        adds = (block[0].C, block[0].H) == (block[-1].K, block[-1].P)
        x = build.add("Add", y, x, channels=block[-1].K) if adds else y
    return build.model(build.classified(x, activation=""))


# Filter size, inner channels, output channels, whether squeeze-and-excite, activation, stride.
_MOBILENET_V3 = (
    *((3, 16, 16, 0, "Relu", 1), (3, 64, 24, 0, "Relu", 2), (3, 72, 24, 0, "Relu", 1)),
    *((5, 72, 40, 1, "Relu", 2), (5, 120, 40, 1, "Relu", 1), (5, 120, 40, 1, "Relu", 1)),
    *((3, 240, 80, 0, "HardSwish", 2), (3, 200, 80, 0, "HardSwish", 1), (3, 184, 80, 0, "HardSwish", 1)),
    *((3, 184, 80, 0, "HardSwish", 1), (3, 480, 112, 1, "HardSwish", 1), (3, 672, 112, 1, "HardSwish", 1)),
    *((5, 672, 160, 1, "HardSwish", 2), (5, 960, 160, 1, "HardSwish", 1), (5, 960, 160, 1, "HardSwish", 1)),
)


def mobilenet_v3(seed: int = 0) -> onnx.ModelProto:
    """Return MobileNetV3-Large."""
    build = _Builder(seed)
    x = build.conv("image", 16, 3, 2, activation="HardSwish")
    for size, inner, K, squeezes, activation, stride in _MOBILENET_V3:
        width = -(-inner // 32) * 8 * squeezes  # a quarter, in eights
        x = build.inverted(x, K, inner, size, stride, activation, width, ("Relu", "HardSigmoid"))
    return build.model(build.classified(build.conv(x, 960, activation="HardSwish"), 1280, activation="HardSwish"))


# Expansion, filter size, stride, output channels, blocks.
_EFFICIENTNET_B0 = (
    *((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)),
    *((6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
)


def efficientnet_b0(seed: int = 0) -> onnx.ModelProto:
    """Return EfficientNet-B0."""
    build = _Builder(seed)
    x = build.conv("image", 32, 3, 2, activation="Silu")
    for expansion, size, stride, K, blocks in _EFFICIENTNET_B0:
        for block in range(blocks):
            C = build.channels[x]
            x = build.inverted(
                x, K, expansion * C, size, stride if block == 0 else 1, "Silu", max(1, C // 4), ("Silu", "Sigmoid")
            )
    return build.model(build.classified(build.conv(x, 1280, activation="Silu"), activation=""))


def yolo_v8(seed: int = 0) -> onnx.ModelProto:
    """Return YOLOv8n, with its three maps of boxes and classes joined to rows."""
    build, silu = _Builder(seed), "Silu"

    def stage(x: str, K: int, repeats: int, *, shortcut: bool) -> str:
        """A C2f: halves of channels, of which one goes through all blocks, and all results are joined."""
        half = K // 2
        both = build.conv(x, K, activation=silu)
        sizes = build.store(np.array([half, half], np.int64))
        name = build.add("Split", both, sizes, channels=half, outputs=2, axis=1)
        parts = [f"{name}.0", f"{name}.1"]
        for _ in range(repeats):
            y = build.conv(build.conv(parts[-1], half, 3, activation=silu), half, 3, activation=silu)
            parts.append(build.add("Add", parts[-1], y, channels=half) if shortcut else y)
        return build.conv(build.joined(*parts), K, activation=silu)

    def pooled(x: str) -> str:
        """An SPPF: maxima of 5 x 5, three times."""
        half = build.channels[x] // 2
        parts = [build.conv(x, half, activation=silu)]
        for _ in range(3):
            window = {"kernel_shape": [5, 5], "pads": [2] * 4, "strides": [1, 1]}
            parts.append(build.add("MaxPool", parts[-1], channels=half, outputs=1, **window))
        return build.conv(build.joined(*parts), 2 * half, activation=silu)

    def doubled(x: str) -> str:
        scales = build.store(np.array([1, 1, 2, 2], np.float32))
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return build.add("Resize", x, "", scales, channels=build.channels[x], outputs=1, **how)

    def rows(x: str) -> str:
        """The boxes and classes of one map."""
        boxes = build.conv(build.conv(build.conv(x, 64, 3, activation=silu), 64, 3, activation=silu), 64)
        classes = build.conv(build.conv(build.conv(x, 80, 3, activation=silu), 80, 3, activation=silu), 80)
        shape = build.store(np.array([1, 144, -1], np.int64))
        return build.add("Reshape", build.joined(boxes, classes), shape, channels=144)

    x = build.conv(build.conv("image", 16, 3, 2, activation=silu), 32, 3, 2, activation=silu)
    x = build.conv(stage(x, 32, 1, shortcut=True), 64, 3, 2, activation=silu)
    eighth = stage(x, 64, 2, shortcut=True)
    sixteenth = stage(build.conv(eighth, 128, 3, 2, activation=silu), 128, 2, shortcut=True)
    last = pooled(stage(build.conv(sixteenth, 256, 3, 2, activation=silu), 256, 1, shortcut=True))
    middle = stage(build.joined(doubled(last), sixteenth), 128, 1, shortcut=False)
    large = stage(build.joined(doubled(middle), eighth), 64, 1, shortcut=False)
    medium = stage(build.joined(build.conv(large, 64, 3, 2, activation=silu), middle), 128, 1, shortcut=False)
    small = stage(build.joined(build.conv(medium, 128, 3, 2, activation=silu), last), 256, 1, shortcut=False)
    return build.model(build.add("Concat", *map(rows, (large, medium, small)), channels=144, axis=2))


def unet(seed: int = 0) -> onnx.ModelProto:
    """Return a U-Net of 16 to 256 channels."""
    build = _Builder(seed)

    def two(x: str, K: int) -> str:
        return build.conv(build.conv(x, K, 3, activation="Relu"), K, 3, activation="Relu")

    x, kept = two("image", 16), list[str]()
    for K in (32, 64, 128, 256):
        kept.append(x)
        x = two(build.add("MaxPool", x, channels=build.channels[x], kernel_shape=[2, 2], strides=[2, 2]), K)
    for K in (128, 64, 32, 16):
        C = build.channels[x]
        weight, bias = build.weights(C, K, 2, 2, fan_in=C), build.store(np.zeros(K, np.float32))
        larger = build.add("ConvTranspose", x, weight, bias, channels=K, kernel_shape=[2, 2], strides=[2, 2])
        x = two(build.joined(kept.pop(), larger), K)
    return build.model(build.conv(x, 2))


TABLED: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "efficientnet_b0": efficientnet_b0,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3": mobilenet_v3,
    "unet": unet,
    "yolo_v8": yolo_v8,
}
