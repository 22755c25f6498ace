"""The convolution layers of well-known networks, as tables: sizes only, no weights.

Sources: ResNet-50, He et al., arXiv 1512.03385, table 1 (version 1.5 moves the stride of a block from its first 1x1
layer to its 3x3 layer, as the frameworks ship it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ConvLayer:
    """One convolution layer of a network, for one image.

    Attributes
    ----------
    name : str
        Where it stands in its network.
    C, H, W : int
        Input channels and size.
    K : int
        Output channels.
    R, S : int
        Filter size.
    stride, padding : int
        The same in both directions.
    groups : int
        1, or C for a depthwise layer.
    """

    name: str
    C: int
    H: int
    W: int
    K: int
    R: int = 1
    S: int = 1
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @property
    def P(self) -> int:
        """Output height."""
        return (self.H + 2 * self.padding - self.R) // self.stride + 1

    @property
    def Q(self) -> int:
        """Output width."""
        return (self.W + 2 * self.padding - self.S) // self.stride + 1

    @property
    def macs(self) -> int:
        """Multiply-adds: K * P * Q * C / groups * R * S."""
        return self.K * self.P * self.Q * self.C // self.groups * self.R * self.S

    @property
    def input_numbers(self) -> int:
        """Numbers read: C * H * W."""
        return self.C * self.H * self.W

    @property
    def weight_numbers(self) -> int:
        """Numbers in the filters: K * C / groups * R * S."""
        return self.K * self.C // self.groups * self.R * self.S

    @property
    def output_numbers(self) -> int:
        """Numbers written: K * P * Q."""
        return self.K * self.P * self.Q

    @property
    def shape(self) -> str:
        """The layer in one short word, such as 64->128 @56 3x3 /2."""
        stride = f" /{self.stride}" if self.stride > 1 else ""
        groups = f" g{self.groups}" if self.groups > 1 else ""
        return f"{self.C}->{self.K} @{self.H} {self.R}x{self.S}{stride}{groups}"


def distinct(layers: Iterable[ConvLayer]) -> list[ConvLayer]:
    """Return the layers without repetitions of the same sizes; the first of each keeps its name."""
    first: dict[ConvLayer, ConvLayer] = {}
    for layer in layers:
        first.setdefault(replace(layer, name=""), layer)
    return list(first.values())


def resnet50(version: str = "1.5") -> list[ConvLayer]:
    """The 53 convolutions of ResNet-50 for an image of 224x224; version "1" or "1.5" says where the strides are."""
    if version not in ("1", "1.5"):
        raise ValueError(f"version must be '1' or '1.5', not {version!r}")
    return list(_resnet50(version))


def _resnet50(version: str) -> Iterator[ConvLayer]:
    yield ConvLayer("conv1", 3, 224, 224, 64, 7, 7, stride=2, padding=3)
    channels, size = 64, 56
    for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=2):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 2 else 1
            first, middle = (stride, 1) if version == "1" else (1, stride)
            name = f"conv{stage}_{block + 1}"
            yield ConvLayer(f"{name}.1x1", channels, size, size, width, stride=first)
            inner = size // first
            yield ConvLayer(f"{name}.3x3", width, inner, inner, width, 3, 3, stride=middle, padding=1)
            yield ConvLayer(f"{name}.expand", width, size // stride, size // stride, 4 * width)
            if block == 0:
                yield ConvLayer(f"{name}.shortcut", channels, size, size, 4 * width, stride=stride)
            channels, size = 4 * width, size // stride
