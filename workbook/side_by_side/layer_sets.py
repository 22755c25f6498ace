"""The layers that the benchmark can be asked for: some of well-known networks, under a name."""

from __future__ import annotations

from itertools import chain

import numpy as np

from workbook.measuring.topologies import ConvLayer, distinct, mobilenet_v2, resnet50

# The 3x3 layers with stride 1 of VGG-16 and ResNet: channels and size.
_WINOGRAD = (
    *((64, 224), (128, 112), (256, 56), (512, 28), (512, 14)),
    *((64, 56), (128, 28), (256, 14), (512, 7)),
)


def layer_sets() -> dict[str, list[ConvLayer]]:
    """Return every set by its name."""
    resnet, mobile = distinct(resnet50()), distinct(mobilenet_v2())
    winograd = [ConvLayer(f"{C}@{size}", C, size, size, C, 3, 3, padding=1) for C, size in _WINOGRAD]
    other = [layer for layer in resnet if layer.R != 3 or layer.stride > 1]  # 1x1, the first 7x7, with a stride
    return {
        "resnet50": resnet,
        "winograd": winograd,
        "rest": [*other, *(layer for layer in mobile if layer.R == 3)],
        "int8": [*winograd, *other],
        "random": [_random(seed) for seed in range(50)],
    }


def _random(seed: int) -> ConvLayer:
    """Return a layer that stands in no network: what was predicted of it was not fitted to it."""
    random = np.random.default_rng(seed)
    C, K = (int(n) for n in random.integers(8, 400, 2))
    size, R = int(random.integers(7, 80)), int(random.choice([1, 3, 3, 5]))
    depthwise = bool(random.random() < 0.2)
    stride, groups = int(random.choice([1, 1, 2])), C if depthwise else 1
    return ConvLayer(f"random {seed}", C, size, size, C if depthwise else K, R, R, stride, R // 2, groups)


def choose(text: str) -> list[ConvLayer]:
    """Return the layers of the set of this name, or those of any set whose sizes contain the text."""
    sets = layer_sets()
    if text in sets:
        return sets[text]
    return [layer for layer in distinct(chain.from_iterable(sets.values())) if text in layer.shape]
