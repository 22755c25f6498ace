"""What the hardware has to do: the layers of a network with their sizes, types, and what is fused into them.

A layer makes N x K x P x Q outputs, each a sum over C/groups x R x S products. A fully connected layer is a 1x1
convolution of one pixel. An activation function costs nothing; pooling and the addition of a residual are fused into
the layer before them: pooling makes its output smaller, an addition reads one more tensor of the output's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from workbook.measuring import topologies
from workbook.measuring.topologies import ConvLayer

TYPES = {"int4": 4, "int8": 8, "int16": 16, "bf16": 16, "fp16": 16, "fp32": 32}
"""The number types, with the bits of one number."""


@dataclass(frozen=True)
class Layer:
    """One layer, convolution or fully connected, with its batch.

    Attributes
    ----------
    name : str
    C, H, W : int
        Input channels and size.
    K, P, Q : int
        Output channels and size, before pooling.
    R, S : int
        Filter size.
    stride : tuple of int
        Down, across.
    groups : int
    N : int
        Images at once.
    type : str
        A key of `TYPES`, for weights and activations.
    pooled : tuple of int or None
        The output's size after pooling that is fused.
    added : bool
        Whether a residual of the output's size is read and added.
    input_on_chip, output_on_chip : bool
        Whether the tensor stays in the chip's memory and does not go through DRAM.
    weights_on_chip : bool
        Whether the filters stay there from frame to frame.
    """

    name: str
    C: int
    H: int
    W: int
    K: int
    P: int
    Q: int
    R: int = 1
    S: int = 1
    stride: tuple[int, int] = (1, 1)
    groups: int = 1
    N: int = 1
    type: str = "int8"
    pooled: tuple[int, int] | None = None
    added: bool = False
    input_on_chip: bool = False
    output_on_chip: bool = False
    weights_on_chip: bool = False

    def __post_init__(self) -> None:
        for name in ("C", "H", "W", "K", "P", "Q", "R", "S", "groups", "N"):
            if getattr(self, name) < 1:
                raise ValueError(f"layer {self.name!r}: {name} must be at least 1, not {getattr(self, name)}")
        if self.C % self.groups or self.K % self.groups:
            raise ValueError(f"layer {self.name!r}: groups={self.groups} does not divide C={self.C} and K={self.K}")
        if self.type not in TYPES:
            raise ValueError(f"layer {self.name!r}: type {self.type!r} is none of {', '.join(TYPES)}")

    @classmethod
    def of(cls, conv: ConvLayer) -> Layer:
        """Take the sizes of a convolution from `workbook.measuring.topologies`."""
        window = (conv.R, conv.S, (conv.stride, conv.stride), conv.groups)
        return cls(conv.name, conv.C, conv.H, conv.W, conv.K, conv.P, conv.Q, *window)

    @classmethod
    def fully_connected(cls, name: str, C: int, K: int) -> Layer:
        """Return a layer of C inputs and K outputs."""
        return cls(name, C, 1, 1, K, 1, 1)

    @property
    def bits(self) -> int:
        """Bits of a number."""
        return TYPES[self.type]

    @property
    def macs(self) -> int:
        """Multiply-adds of the definition: N * K * P * Q * C / groups * R * S."""
        return self.N * self.K * self.P * self.Q * (self.C // self.groups) * self.R * self.S

    @property
    def input_bytes(self) -> float:
        """Bytes of the input."""
        return self.N * self.C * self.H * self.W * self.bits / 8

    @property
    def weight_bytes(self) -> float:
        """Bytes of the filters."""
        return self.K * (self.C // self.groups) * self.R * self.S * self.bits / 8

    @property
    def output_bytes(self) -> float:
        """Bytes of the output, after pooling."""
        return self.N * self.K * math.prod(self.pooled or (self.P, self.Q)) * self.bits / 8

    @property
    def macs_a_byte(self) -> float:
        """Multiply-adds a byte, if each input and weight is read once and each output written once."""
        return self.macs / (self.input_bytes + self.weight_bytes + self.output_bytes)

    @property
    def shape(self) -> str:
        """The layer in one short word, such as 64->128 @56 3x3 /2."""
        stride = "" if self.stride == (1, 1) else f" /{self.stride[0]}"
        groups = f" g{self.groups}" if self.groups > 1 else ""
        return f"{self.C}->{self.K} @{self.H} {self.R}x{self.S}{stride}{groups}"


@dataclass(frozen=True)
class Workload:
    """The layers of a network, in the order in which they run.

    Attributes
    ----------
    name : str
    layers : tuple of Layer
    left_out : tuple of str
        Operators of an ONNX file that multiply and are not in the model.
    """

    name: str
    layers: tuple[Layer, ...]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError(f"workload {self.name!r} has no layer")

    @property
    def macs(self) -> int:
        """Multiply-adds of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def batch(self) -> int:
        """Images at once."""
        return self.layers[0].N

    @cached_property
    def distinct(self) -> tuple[tuple[Layer, ...], tuple[int, ...]]:
        """The layers without repetitions, and for each layer of the network its place among them."""
        first: dict[Layer, int] = {}
        places = tuple(first.setdefault(replace(layer, name=""), len(first)) for layer in self.layers)
        return tuple(first), places

    def with_batch(self, N: int) -> Workload:
        """Return the same network for N images at once."""
        return self._each(lambda layer: replace(layer, N=N))

    def with_type(self, type: str) -> Workload:
        """Return the same network with all numbers of another type."""
        return self._each(lambda layer: replace(layer, type=type))

    def fused(self, sram_kb: float) -> Workload:
        """Return the same network with what fits kept in a memory of `sram_kb` KB, and not sent through DRAM.

        The output of a layer stays for the next one if that reads all of it, and if both layers fit, each with its
        whole input and output and with half of its weights at a time (one half is used, the other loaded). If it is
        added again at the end of a block, it is written to DRAM as well, and read from there.
        """
        layers = list(self.layers)
        for i in range(len(layers) - 1):
            before, after = layers[i], layers[i + 1]
            whole = before.output_bytes == after.input_bytes
            if whole and max(held(before), held(after)) <= 1024 * sram_kb:
                addition = next((layer for layer in layers[i + 1 :] if layer.added), None)
                again = addition is not None and addition.output_bytes == before.output_bytes
                layers[i] = replace(before, output_on_chip=not again)
                layers[i + 1] = replace(after, input_on_chip=True)
        return replace(self, layers=tuple(layers))

    def resident(self, sram_kb: float) -> Workload:
        """Return the network fused, and with as many filters as fit beside that kept from frame to frame.

        Those with the fewest multiply-adds a byte come first: they wait for DRAM the longest. The largest layer keeps
        the room that it needs; if it does not fit at once, its tiles take all of the memory.
        """
        kept = self.fused(sram_kb)
        room = 1024 * sram_kb - max(map(held, kept.layers))
        layers = list(kept.layers)
        for i in sorted(range(len(layers)), key=lambda i: layers[i].macs / layers[i].weight_bytes):
            if layers[i].weight_bytes <= room:
                room -= layers[i].weight_bytes
                layers[i] = replace(layers[i], weights_on_chip=True)
        return replace(kept, layers=tuple(layers))

    def _each(self, change: Callable[[Layer], Layer]) -> Workload:
        return replace(self, layers=tuple(map(change, self.layers)))


def held(layer: Layer) -> float:
    """Bytes that a layer needs on the chip if its input and output stay there."""
    return layer.input_bytes + layer.output_bytes * (2 if layer.added else 1) + layer.weight_bytes / 2


def resnet50(version: str = "1") -> Workload:
    """ResNet-50, as He et al. published it (version "1"), or with the strides of the frameworks ("1.5")."""
    return Workload(
        "resnet50",
        (
            *_fuse(
                topologies.resnet50(version),
                pooled={"conv1": 56, "conv5_3.expand": 1},
                added=lambda name: name.endswith(".expand"),
            ),
            Layer.fully_connected("fc1000", 2048, 1000),
        ),
    )


def vgg16() -> Workload:
    """VGG-16 with its three fully connected layers."""
    pooled = {f"conv{stage}_{2 if stage < 3 else 3}": 224 >> stage for stage in range(1, 6)}
    head = [Layer.fully_connected(*sizes) for sizes in (("fc6", 25088, 4096), ("fc7", 4096, 4096), ("fc8", 4096, 1000))]
    return Workload("vgg16", (*_fuse(topologies.vgg16(), pooled), *head))


def mobilenet_v2() -> Workload:
    """MobileNetV2, width 1.0: every second 3x3 layer is depthwise."""
    layers = topologies.mobilenet_v2()
    added = {name for name in (layer.name for layer in layers) if name.endswith(".project") and "_1." not in name}
    return Workload(
        "mobilenet_v2",
        (*_fuse(layers, {"conv_last": 1}, added.__contains__), Layer.fully_connected("fc", 1280, 1000)),
    )


def yolov3(height: int = 416, width: int = 416) -> Workload:
    """YOLOv3, 80 classes; the image's sides are rounded up to multiples of 32."""
    layers = topologies.yolov3(height, width)
    backbone = range(2, 52)  # of these, each 3x3 layer of stride 1 ends a block with an addition
    added = {layers[i].name for i in backbone if layers[i].R == 3 and layers[i].stride == 1}
    size = f"{height}" if height == width else f"{width}x{height}"
    return Workload(f"yolov3_{size}", tuple(_fuse(layers, added=added.__contains__)))


def alexnet() -> Workload:
    """The convolutions of AlexNet."""
    return Workload("alexnet", tuple(_fuse(topologies.alexnet(), {"conv1": 27, "conv2": 13, "conv5": 6})))


def _fuse(
    convs: Iterable[ConvLayer],
    pooled: dict[str, int] | None = None,
    added: Callable[[str], bool] = lambda name: False,
) -> list[Layer]:
    """Turn convolutions into layers; `pooled` gives the side after pooling, `added` says who adds a residual."""
    sides = pooled or {}
    return [
        replace(
            Layer.of(conv),
            pooled=(sides[conv.name],) * 2 if conv.name in sides else None,
            added=added(conv.name),
        )
        for conv in convs
    ]


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "resnet50": resnet50,
    "vgg16": vgg16,
    "mobilenet_v2": mobilenet_v2,
    "yolov3_416": yolov3,
    "yolov3_608": lambda: yolov3(608, 608),
    "yolov3_1920x1080": lambda: yolov3(1080, 1920),
}
"""The built-in networks, by the names that the command line takes."""
