"""The numbers that lesson 0 states in prose."""

from __future__ import annotations

from workbook.lessonkit.claim import computed
from workbook.measuring.roofline import intensity
from workbook.measuring.topologies import ConvLayer

CLAIMS = (
    computed(
        "start_here.layer.intensity",
        "ResNet-50's 3x3 layer of 64 -> 64 channels at 56x56 does {}, in float32.",
        lambda: intensity(ConvLayer("conv2_1.3x3", 64, 56, 56, 64, 3, 3, padding=1)),
        "MAC/byte",
    ),
)
