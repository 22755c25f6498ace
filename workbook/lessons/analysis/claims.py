"""The numbers that lesson 6 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from functools import partial

from workbook.accelerator.datapath import products, suits_winograd
from workbook.lessonkit.claim import Claim, computed, measured
from workbook.lessonkit.reference import reference
from workbook.lessons.analysis.model import SCENARIOS, judged, tooled, workload
from workbook.lessons.analysis.tool_race import IMAGES, SIDE

SUITED, OTHERS = 60, 40  # ms of a frame: 3x3 layers of stride 1, and the others
WINOGRAD = 9 * 2**2 / (2 + 2) ** 2  # of F(2x2, 3x3)
HALF_THE_BITS, QUARTER = 16 / 8, 32 / 8
_TILE = 4  # of F(4x4, 3x3), which float32 runs here

_NAMES = {"denoiser": "The denoiser", "resnet50": "ResNet-50"}


def by_arithmetic(network: str) -> float:
    """Return the gain if each layer had the better tool, and multiply-adds were all the work.

    On bytes a core of the reference machine multiplies `quantization.peak.bytes` times as many numbers.
    """
    on_bytes = reference().value("quantization.peak.bytes")
    layers = workload(network, SIDE).layers
    left = sum(
        min(layer.macs / on_bytes, products(layer, _TILE) if suits_winograd(layer) else layer.macs) for layer in layers
    )
    return sum(layer.macs for layer in layers) / left


def _by_hand(suited: float, others: float) -> float:
    return (SUITED + OTHERS) / (SUITED / suited + OTHERS / others)


def _x1(what: str) -> float:
    found = tooled(1 if what == "alone" else 4, "resnet50", "x1")
    if what == "all":
        alone = tooled(1, "resnet50", "x1").steps
        return alone[0].ms / alone[-1].ms
    return found.waits[found.images][1]


def _lost(scenario: str) -> float:
    return SCENARIOS[scenario].int8_loss


CLAIMS: tuple[Claim, ...] = (
    computed(
        "analysis.product",
        "If the gains of F(2x2,3x3) and of INT8 over FP32 multiplied, both would give {}.",
        lambda: WINOGRAD * QUARTER,
        "×",
    ),
    computed(
        "analysis.hand.product", "If 2.25 and 2 multiplied, they would give {}.", lambda: WINOGRAD * HALF_THE_BITS, "×"
    ),
    computed(
        "analysis.hand.winograd",
        "With 2.25 on 60 ms of 100, a frame is {} as fast.",
        lambda: _by_hand(WINOGRAD, 1),
        "×",
    ),
    computed(
        "analysis.hand.both",
        "If each layer takes its better tool, a frame is {} as fast.",
        lambda: _by_hand(max(WINOGRAD, HALF_THE_BITS), HALF_THE_BITS),
        "×",
    ),
    computed(
        "analysis.hand.stacked",
        "Where hardware has both tools in one layer, a frame is {} as fast.",
        lambda: _by_hand(WINOGRAD * HALF_THE_BITS, HALF_THE_BITS),
        "×",
    ),
    *(
        computed(
            f"analysis.{network}.model",
            f"{name} would be {{}} as fast if multiply-adds were all the work and each layer had its better tool.",
            partial(by_arithmetic, network),
            "×",
        )
        for network, name in _NAMES.items()
    ),
    *(
        measured(f"analysis.{network}.{rung}", f"{name} is {{}} as fast {words}.", "×")
        for network, name in _NAMES.items()
        for rung, words in (
            ("winograd", "with Winograd's algorithm where it is faster, over a matrix product for every layer"),
            ("int8", "on bytes, over a matrix product in float32"),
            ("mix", "as the best mix of both, layer by layer"),
        )
    ),
    measured("analysis.denoiser.naive", "The matrix product is {} as fast as the definition's loops.", "×"),
    measured("analysis.denoiser.images", f"The denoiser gives {{}} the frames a second with {IMAGES} at once.", "×"),
    computed(
        "analysis.x1.all", "ResNet-50 on the X1 is {} as fast with all tools, by the model.", partial(_x1, "all"), "×"
    ),
    computed(
        "analysis.x1.alone", "One image of ResNet-50 is answered after {} on the X1.", partial(_x1, "alone"), "ms"
    ),
    computed(
        "analysis.x1.four",
        "Of 4 images at 30 frames a second the first is answered after {}.",
        partial(_x1, "four"),
        "ms",
    ),
    computed(
        "analysis.factory.rate",
        "One image at a time on its own array, the factory's cameras would need {} of the X1's time.",
        lambda: 100 * judged("factory inspection", "int8", "own array", 1).shares["rate"],
        "%",
    ),
)
