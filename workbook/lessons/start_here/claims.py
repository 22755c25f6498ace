"""The numbers that lesson 0 states in prose."""

from __future__ import annotations

from workbook.lessonkit.claim import computed
from workbook.lessons.start_here.exercises import ROOF
from workbook.measuring.roofline import intensity
from workbook.measuring.this_machine import MEMORY
from workbook.measuring.topologies import ConvLayer

CLAIMS = (
    computed(
        "start_here.layer.intensity",
        "ResNet-50's 3x3 layer of 64 -> 64 channels at 56x56 does {}, in float32.",
        lambda: intensity(ConvLayer("conv2_1.3x3", 64, 56, 56, 64, 3, 3, padding=1)),
        "MAC/byte",
    ),
    computed("start_here.chip.peak", "The chip of exercise 0.1 does {} at most.", lambda: ROOF.peak_gmacs, "GMAC/s"),
    computed("start_here.chip.memory", "Its memory delivers {}.", lambda: ROOF.gbs[MEMORY], "GB/s"),
)
