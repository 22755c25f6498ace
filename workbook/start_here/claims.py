"""The numbers that lesson 0 states in prose, and those of the scoreboard whose lessons are not written yet."""

from __future__ import annotations

from workbook.claims import computed
from workbook.roofline import intensity
from workbook.topologies import ConvLayer


def winograd_saving(m: int = 2, r: int = 3) -> float:
    """Multiplications of m x m outputs of an r x r filter: by definition, over those of Winograd's F(m x m, r x r)."""
    return (m * r) ** 2 / (m + r - 1) ** 2


CLAIMS = (
    computed(
        "start_here.layer.intensity",
        "ResNet-50's 3x3 layer of 64 -> 64 channels at 56x56 does {}, in float32.",
        lambda: intensity(ConvLayer("conv2_1.3x3", 64, 56, 56, 64, 3, 3, padding=1)),
        "MAC/byte",
    ),
    computed(
        "winograd.f2.saving",
        "Four outputs of a 3x3 filter take {} fewer multiplications with Winograd's algorithm than by the definition.",
        winograd_saving,
        "×",
    ),
    computed(
        "quantization.int8.lanes",
        "A register, or a byte of memory traffic, holds {} as many numbers of 8 bits as of 16.",
        lambda: 16 / 8,
        "×",
    ),
)
