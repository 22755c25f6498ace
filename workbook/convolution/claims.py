"""The numbers that lesson 1 states in prose."""

from __future__ import annotations

from workbook.claims import computed, measured
from workbook.convolution import exercises, model, rungs

_SIZES = (rungs.CHANNELS, rungs.CHANNELS, rungs.TAPS, rungs.TAPS)


def _layer_macs(side: int = rungs.SIDE, filters: int = rungs.CHANNELS) -> int:
    return model.macs(filters, *_SIZES[1:], side, side)


CLAIMS = (
    computed("convolution.pixel.macs", lambda: model.macs(1, 1, 3, 3, 1, 1), "multiply-adds"),
    computed("convolution.layer.macs", _layer_macs, "multiply-adds"),
    computed("convolution.layer.twice_side", lambda: _layer_macs(side=2 * rungs.SIDE) / _layer_macs(), "×"),
    computed("convolution.layer.twice_filters", lambda: _layer_macs(filters=2 * rungs.CHANNELS) / _layer_macs(), "×"),
    computed("convolution.budget.rate", lambda: exercises.BUDGET_RATE, "multiply-adds"),
    computed("convolution.budget.fps", lambda: exercises.BUDGET_FPS, "frames a second"),
    measured("convolution.ladder.gain", "×"),
    measured("convolution.groups.slowdown", "×"),
)
