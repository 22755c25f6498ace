"""The convolution layers of well-known networks, as tables: sizes only, no weights.

Sources
-------
* ResNet-50: He et al., arXiv:1512.03385, table 1. Version 1.5 moves the stride of a block from its first 1x1 layer to
  its 3x3 layer, as the frameworks ship it.
* VGG-16: Simonyan and Zisserman, arXiv:1409.1556, table 1, column D.
* MobileNetV2: Sandler et al., arXiv:1801.04381, tables 1 and 2.
* YOLOv3 and YOLOv3-tiny: J. Redmon's darknet, cfg/yolov3.cfg and yolov3-tiny.cfg; the design is arXiv:1804.02767.
* AlexNet: Krizhevsky et al., NIPS 2012, section 3.5, with the image of 227x227 that its sizes need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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


def vgg16() -> list[ConvLayer]:
    """The 13 convolutions of VGG-16 for an image of 224x224."""
    layers = []
    channels, size = 3, 224
    for stage, (width, repeats) in enumerate([(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], start=1):
        for i in range(repeats):
            layers.append(ConvLayer(f"conv{stage}_{i + 1}", channels, size, size, width, 3, 3, padding=1))
            channels = width
        size //= 2  # max pooling
    return layers


def mobilenet_v2() -> list[ConvLayer]:
    """The 52 convolutions of MobileNetV2, width 1.0, for an image of 224x224."""
    return list(_mobilenet_v2())


def _mobilenet_v2() -> Iterator[ConvLayer]:
    yield ConvLayer("conv1", 3, 224, 224, 32, 3, 3, stride=2, padding=1)
    channels, size = 32, 112
    # t, c, n, s of table 2: expansion, output channels, blocks, stride of the first block
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for stage, (expansion, width, blocks, first_stride) in enumerate(stages, start=1):
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            inner = expansion * channels
            name = f"block{stage}_{block + 1}"
            if expansion > 1:
                yield ConvLayer(f"{name}.expand", channels, size, size, inner)
            yield ConvLayer(f"{name}.depthwise", inner, size, size, inner, 3, 3, stride, padding=1, groups=inner)
            size //= stride
            yield ConvLayer(f"{name}.project", inner, size, size, width)
            channels = width
    yield ConvLayer("conv_last", channels, size, size, 1280)


def yolov3_tiny() -> list[ConvLayer]:
    """The 13 convolutions of YOLOv3-tiny, 80 classes, for an image of 416x416; named by their place in the file."""
    backbone = [
        ConvLayer(f"{2 * i}", 3 if i == 0 else 8 << i, 416 >> i, 416 >> i, 16 << i, 3, 3, padding=1) for i in range(6)
    ]
    return [
        *backbone,  # max pooling after each; the last one keeps 13x13
        ConvLayer("12", 512, 13, 13, 1024, 3, 3, padding=1),
        ConvLayer("13", 1024, 13, 13, 256),
        ConvLayer("14", 256, 13, 13, 512, 3, 3, padding=1),
        ConvLayer("15", 512, 13, 13, 255),
        ConvLayer("18", 256, 13, 13, 128),  # reads 13; its output, made twice as wide, joins that of 8
        ConvLayer("21", 128 + 256, 26, 26, 256, 3, 3, padding=1),
        ConvLayer("22", 256, 26, 26, 255),
    ]


def yolov3(height: int = 416, width: int = 416) -> list[ConvLayer]:
    """The 75 convolutions of YOLOv3, 80 classes, named by their place in the file.

    Parameters
    ----------
    height, width : int
        Of the image, which is padded to multiples of 32: 1080 rows become 1088.
    """
    return list(_yolov3(-(-height // 32) * 32, -(-width // 32) * 32))


def _yolov3(H: int, W: int) -> Iterator[ConvLayer]:
    place = 0
    yield ConvLayer("0", 3, H, W, 32, 3, 3, padding=1)
    for stage, blocks in enumerate((1, 2, 8, 8, 4)):
        channels = 32 << stage
        place += 1
        yield ConvLayer(f"{place}", channels, H, W, 2 * channels, 3, 3, stride=2, padding=1)
        H, W = H // 2, W // 2
        for _ in range(blocks):
            yield ConvLayer(f"{place + 1}", 2 * channels, H, W, channels)
            yield ConvLayer(f"{place + 2}", channels, H, W, 2 * channels, 3, 3, padding=1)
            place += 3  # the third adds the block's input
    channels = 1024
    for width, upsampled in ((512, 256), (256, 128), (128, 0)):
        for repeat in range(3):
            yield ConvLayer(f"{place + 2 * repeat + 1}", channels, H, W, width)
            yield ConvLayer(f"{place + 2 * repeat + 2}", width, H, W, 2 * width, 3, 3, padding=1)
            channels = 2 * width
        yield ConvLayer(f"{place + 7}", channels, H, W, 255)
        if upsampled:
            yield ConvLayer(f"{place + 10}", width, H, W, upsampled)  # reads the third 1x1
        place += 12
        H, W, channels = 2 * H, 2 * W, upsampled + width  # made twice as wide, it joins the backbone's output


def alexnet() -> list[ConvLayer]:
    """The 5 convolutions of AlexNet for an image of 227x227; the second, fourth and fifth have two groups."""
    return [
        ConvLayer("conv1", 3, 227, 227, 96, 11, 11, stride=4),
        ConvLayer("conv2", 96, 27, 27, 256, 5, 5, padding=2, groups=2),
        ConvLayer("conv3", 256, 13, 13, 384, 3, 3, padding=1),
        ConvLayer("conv4", 384, 13, 13, 384, 3, 3, padding=1, groups=2),
        ConvLayer("conv5", 384, 13, 13, 256, 3, 3, padding=1, groups=2),
    ]


NETWORKS: dict[str, Callable[[], list[ConvLayer]]] = {
    "ResNet-50": resnet50,
    "VGG-16": vgg16,
    "MobileNetV2": mobilenet_v2,
    "YOLOv3-tiny": yolov3_tiny,
}
