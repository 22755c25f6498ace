"""The numbers that lesson 1 states in prose."""

from __future__ import annotations

from workbook.claims import computed, measured
from workbook.convolution import exercises, model, rungs
from workbook.convolution.twice import predicted
from workbook.reference import reference

_SIZES = (rungs.CHANNELS, rungs.CHANNELS, rungs.TAPS, rungs.TAPS)


def _layer_macs(side: int = rungs.SIDE, filters: int = rungs.CHANNELS) -> int:
    return model.macs(filters, *_SIZES[1:], side, side)


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
)
