"""The numbers that lesson 1 states in prose."""

from __future__ import annotations

from functools import partial

from workbook.lessonkit.claim import cited, computed, measured
from workbook.lessonkit.reference import reference
from workbook.lessons.convolution import exercises, model, rungs
from workbook.lessons.convolution.column_matrix import layer_of, matrix_bytes
from workbook.lessons.convolution.doubling import predicted
from workbook.lessons.convolution.ladder_traffic import ladder_bytes
from workbook.lessons.convolution.network_survey import Profile, survey
from workbook.measuring.roofline import FLOAT_BYTES, intensity

# Ours, not a lesson's: no learner has both compilers.
_COMPILERS = "Measured here on an AMD EPYC, v4_bf16, one thread that nothing interrupted, 2026-11-30"
_SIZES = (rungs.CHANNELS, rungs.CHANNELS, rungs.TAPS, rungs.TAPS)


def _layer_macs(side: int = rungs.SIDE, filters: int = rungs.CHANNELS) -> int:
    return model.macs(filters, *_SIZES[1:], side, side)


def _network(name: str) -> Profile:
    return next(profile for profile in survey().profiles if profile.name == name)


def _spread(network: str) -> float:
    return _network(network).most_over_fewest(intensity)


def _bytes_a_mac(rung: str) -> float:
    return ladder_bytes(rung, rungs.LAYER) / rungs.LAYER.macs


CLAIMS = (
    computed(
        "convolution.pixel.macs",
        "An output pixel of a 3x3 filter on one channel takes {}.",
        lambda: model.macs(1, 1, 3, 3, 1, 1),
        "multiply-adds",
    ),
    computed(
        "convolution.layer.macs",
        "The ladder's layer takes {} for one image.",
        _layer_macs,
        "multiply-adds",
    ),
    computed(
        "convolution.layer.twice_side",
        "An image twice as high and twice as wide makes the operations of a layer {} as many.",
        lambda: _layer_macs(side=2 * rungs.SIDE) / _layer_macs(),
        "×",
    ),
    computed(
        "convolution.layer.twice_filters",
        "Twice as many filters make the operations of a layer {} as many.",
        lambda: _layer_macs(filters=2 * rungs.CHANNELS) / _layer_macs(),
        "×",
    ),
    computed(
        "convolution.layer.twice_channels",
        "Twice as many filters in every layer make the operations of a layer {} as many: it reads twice the channels.",
        lambda: model.macs(2 * rungs.CHANNELS, 2 * rungs.CHANNELS, *_SIZES[2:], rungs.SIDE, rungs.SIDE) / _layer_macs(),
        "×",
    ),
    computed(
        "convolution.resnet.early",
        "A layer of the first third of ResNet-50 passes on {}, on average.",
        lambda: _network("ResNet-50").thirds[0].passed_on / 1e3,
        "KB",
    ),
    computed(
        "convolution.resnet.middle",
        "A layer of the second third of ResNet-50 passes on {}, on average.",
        lambda: _network("ResNet-50").thirds[1].passed_on / 1e3,
        "KB",
    ),
    *(
        computed(
            f"convolution.{id}.spread",
            f"The layer of {name} with the most MAC/byte has {{}} as many as the one with the fewest.",
            partial(_spread, name),
            "×",
        )
        for id, name in (("resnet", "ResNet-50"), ("mobilenet", "MobileNetV2"))
    ),
    *(
        computed(
            f"convolution.traffic.{rung}",
            f"In the ladder, the program {rung} moves {{}} for a multiply-add.",
            partial(_bytes_a_mac, rung),
            "bytes",
        )
        for rung in ("python", "numpy", "naive")
    ),
    computed(
        "convolution.columns.image",
        "An image of 64 channels of 224x224 takes {}.",
        lambda: FLOAT_BYTES * layer_of(3, 1).input_numbers / 1e6,
        "MB",
    ),
    computed(
        "convolution.columns.matrix",
        "Its matrix of columns for filters of 3x3 takes {}.",
        lambda: matrix_bytes(layer_of(3, 1)) / 1e6,
        "MB",
    ),
    computed(
        "convolution.growth.side_model",
        "By its roofline, the reference machine takes {} as long for an image twice as high and twice as wide.",
        lambda: predicted("side", reference().roofline),
        "×",
    ),
    computed(
        "convolution.growth.filters_model",
        "By its roofline, the reference machine takes {} as long for twice as many filters.",
        lambda: predicted("filters", reference().roofline),
        "×",
    ),
    computed(
        "convolution.budget.rate",
        "The core of exercise 1.3 does {} a second.",
        lambda: exercises.BUDGET_RATE,
        "multiply-adds",
    ),
    computed(
        "convolution.budget.fps",
        "The camera of exercise 1.3 gives {}.",
        lambda: exercises.BUDGET_FPS,
        "frames a second",
    ),
    measured(
        "convolution.ladder.gain",
        "The fastest program for the ladder's layer is {} as fast as the loop in Python.",
        "×",
    ),
    measured(
        "convolution.groups.slowdown",
        "The ladder's layer in 64 groups takes {} as long as its multiply-adds say.",
        "×",
    ),
    cited(
        "convolution.clang.mean",
        "Compiled by clang 14.0.6, eighteen layers take {} as long as by GCC 12.2, the geometric mean.",
        1.03,
        "×",
        _COMPILERS,
    ),
    cited(
        "convolution.clang.strided",
        "Compiled by clang 14.0.6, a 3x3 layer of stride 2, 128 channels at 56x56, takes {} as long as by GCC 12.2.",
        1.13,
        "×",
        _COMPILERS,
    ),
    cited(
        "convolution.clang.depthwise",
        "Compiled by clang 14.0.6, a depthwise 5x5 layer, 576 channels at 14x14, takes {} as long as by GCC 12.2.",
        1.18,
        "×",
        _COMPILERS,
    ),
)
