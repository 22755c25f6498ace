"""The networks in PyTorch: only the training script needs this file.

A normalised convolution has no bias; its BatchNorm has one. The exporter gives each operator the name it has here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from workbook.models.digits import CLASSES
from workbook.models.pages import LARGEST, STRIDE

DENOISER_LAYERS = 8
DENOISER_CHANNELS = 32


def digits_cnn() -> Any:
    """All 3x3, two layers at each of 28x28 and 14x14, one at 7x7, max pools between; VGG's way."""
    widths = [(1, 16), (16, 16), None, (16, 32), (32, 32), None, (32, 64)]
    layers: list[tuple[str, Any]] = []
    for i, width in enumerate(widths, start=1):
        if width is None:
            layers.append((f"pool{i}", nn.MaxPool2d(2)))
        else:
            layers += _normalised(f"{i}", nn.Conv2d(*width, 3, padding=1, bias=False), nn.ReLU())
    return _network([*layers, *_head(64)])


def digits_depthwise() -> Any:
    """MobileNet's way: a 3x3 layer, then pairs of a depthwise 3x3 and a 1x1 layer, strides in place of pools.

    Its normalisations do not begin with a scale of 1 for each channel but with log-normal ones, most of them from 1/7
    to 7. So the ranges of its channels end far apart, as those of MobileNetV2 do without help (Nagel et al.,
    arXiv:1906.04721, figure 2); on digits, a minute of training alone does not drive them there.
    """
    layers = list(_normalised("1", nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.ReLU6()))
    for i, (C, K, stride) in enumerate([(16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)], start=2):
        depthwise = nn.Conv2d(C, C, 3, stride, padding=1, groups=C, bias=False)
        layers += _normalised(f"{i}_depthwise", depthwise, nn.ReLU6())
        layers += _normalised(f"{i}_pointwise", nn.Conv2d(C, K, 1, bias=False), nn.ReLU6())
    for _, layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.log_normal_(0, 1)
    return _network([*layers, *_head(64)])


def denoiser() -> Any:
    """The negative of the noise in a grey image: eight layers, all 3x3; added to the image it leaves the photo.

    Zhang et al., "Beyond a Gaussian denoiser", arXiv:1608.03981, has 17 layers of 64 channels and normalises them.
    """
    layers: list[tuple[str, Any]] = []
    for i in range(1, DENOISER_LAYERS):
        C = 1 if i == 1 else DENOISER_CHANNELS
        layers += [(f"conv{i}", nn.Conv2d(C, DENOISER_CHANNELS, 3, padding=1)), (f"relu{i}", nn.ReLU())]
    last = nn.Conv2d(DENOISER_CHANNELS, 1, 3, padding=1)
    return _network([*layers, (f"conv{DENOISER_LAYERS}", last)])


def digits_detector() -> Any:
    """Where the digits of a page are, and which: three layers of stride 2, three more on the cells that are left.

    The last layer says for each cell where the box is within it and how likely each digit is, both as logits.
    """
    widths = [(1, 16, 2), (16, 32, 2), (32, 48, 2), (48, 48, 1), (48, 48, 1), (48, 48, 1)]
    layers: list[tuple[str, Any]] = []
    for i, (C, K, stride) in enumerate(widths, start=1):
        layers += _normalised(f"{i}", nn.Conv2d(C, K, 3, stride, padding=1, bias=False), nn.ReLU())
    head = nn.Conv2d(48, 4 + CLASSES, 1)
    nn.init.constant_(head.bias[4:], -4.0)  # hardly any cell holds a digit
    return _network([*layers, ("head", head)])


class Times(nn.Module):  # type: ignore[misc]
    """Its input times an array."""

    def __init__(self, factor: torch.Tensor) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the product."""
        return x * self.factor


class Plus(nn.Module):  # type: ignore[misc]
    """Its input and an array."""

    def __init__(self, term: torch.Tensor) -> None:
        super().__init__()
        self.term = term

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum."""
        return x + self.term


def boxes_in_pixels(side: int) -> list[tuple[str, Any]]:
    """What turns the detector's logits into boxes in pixels and scores, in one array, as detectors are exported.

    A centre lies up to half a cell outside of its own, and a box has LARGEST pixels at most.
    """
    cells = side // STRIDE
    factor = torch.ones(1, 4 + CLASSES, 1, 1)
    across, down = torch.zeros(1, 4 + CLASSES, 1, cells), torch.zeros(1, 4 + CLASSES, cells, 1)
    factor[0, :2], factor[0, 2:4] = 2 * STRIDE, LARGEST
    across[0, 0, 0] = down[0, 1, :, 0] = STRIDE * torch.arange(cells) - STRIDE / 2
    return [("sigmoid", nn.Sigmoid()), ("scale", Times(factor)), ("across", Plus(across)), ("down", Plus(down))]


def _normalised(name: str, conv: Any, activation: Any) -> Iterator[tuple[str, Any]]:
    yield f"conv{name}", conv
    yield f"norm{name}", nn.BatchNorm2d(conv.out_channels)
    yield f"relu{name}", activation


def _head(channels: int) -> list[tuple[str, Any]]:
    """One score a digit, from the mean of each channel."""
    return [("mean", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("scores", nn.Linear(channels, CLASSES))]


def _network(layers: list[tuple[str, Any]]) -> Any:
    network = nn.Sequential()
    for name, layer in layers:
        network.add_module(name, layer)
    return network
