"""The numbers that lesson 2 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from functools import partial

from workbook.lessonkit.claim import computed, measured
from workbook.lessonkit.reference import reference
from workbook.lessons.winograd.construction import KERNELS, TAPS, cook_toom
from workbook.lessons.winograd.exercises import BUDGETS
from workbook.lessons.winograd.model import LAVIN, points_of
from workbook.lessons.winograd.precision import error
from workbook.lessons.winograd.stride_exercise import saving
from workbook.lessons.winograd.tile_race import LAYERS
from workbook.lessons.winograd.work import Work, layer_of

_BAD_POINTS = (0, 1, -1, 2, -2, 3, -3)


def _saving(m: int) -> float:
    return cook_toom(m).saving


def _work(channels: int, side: int, m: int) -> Work:
    return Work(layer_of(channels, side), m)


def _predicted(channels: int, side: int, m: int) -> float:
    return _work(channels, side, m).gain(reference().roofline)


def _strided(m: int) -> float:
    """Multiplications of a layer of stride 2, over those of F(m x m, 3 x 3) that keeps one output in four."""
    return cook_toom(m).saving / 4


def _percent(error: float) -> float:
    return 100 * error


CLAIMS = (
    computed(
        "winograd.line.definition",
        "Two outputs of a filter of three taps take {} by the definition.",
        lambda: 2 * TAPS,
        "multiplications",
    ),
    computed("winograd.line.f2", "F(2,3) takes {} for two outputs.", lambda: cook_toom(2).n, "multiplications"),
    computed(
        "winograd.tile.definition",
        "Four outputs of a 3x3 filter take {} by the definition.",
        lambda: (2 * TAPS) ** 2,
        "multiplications",
    ),
    computed(
        "winograd.tile.f2", "F(2x2,3x3) takes {} for four outputs.", lambda: cook_toom(2).n ** 2, "multiplications"
    ),
    *(
        computed(
            f"winograd.f{m}.saving",
            f"A tile of {m}x{m} outputs of a 3x3 filter takes {{}} fewer multiplications with F({m}x{m},3x3).",
            partial(_saving, m),
            "×",
        )
        for m in KERNELS
    ),
    computed(
        "winograd.f2.input_additions",
        "F(2x2,3x3) takes {} to transform a tile of inputs.",
        lambda: cook_toom(2).input_operations,
        "additions",
    ),
    computed(
        "winograd.f2.output_additions",
        "F(2x2,3x3) takes {} to transform a tile of products.",
        lambda: cook_toom(2).output_operations,
        "additions",
    ),
    computed(
        "winograd.f4.weights",
        "The filters of F(4x4,3x3) take {} as many bytes as those of the definition.",
        lambda: cook_toom(4).n ** 2 / TAPS**2,
        "×",
    ),
    *(
        computed(
            f"winograd.f{m}.at{side}_model",
            f"By this lesson's model the reference machine computes {channels} channels of {side}x{side} {{}} as fast "
            f"with F({m},3) as by the definition.",
            partial(_predicted, channels, side, m),
            "×",
        )
        for m, channels, side in ((2, 64, 56), (4, 64, 56), (2, 512, 7))
    ),
    *(
        measured(
            f"winograd.f{m}.at{side}",
            f"The layer of {channels} channels of {side}x{side} is {{}} as fast with F({m},3) as by the definition.",
            "×",
        )
        for m, channels, side in ((2, 64, 56), (4, 64, 56), (2, 512, 7), (4, 512, 7), (6, 512, 7))
    ),
    computed(
        "winograd.layers.macs",
        "Each of ResNet-50's 3x3 layers of stride 1 takes {} by the definition.",
        lambda: layer_of(*LAYERS[0]).macs,
        "multiply-adds",
    ),
    computed(
        "winograd.f2.small",
        "On a map of 7x7, F(2,3) takes {} fewer multiplications.",
        lambda: _work(512, 7, 2).saving,
        "×",
    ),
    computed(
        "winograd.small.saving",
        "On a map of 7x7, F(4,3) takes {} fewer multiplications.",
        lambda: _work(512, 7, 4).saving,
        "×",
    ),
    computed(
        "winograd.small.weights",
        "The filters of 512 x 512 channels take {} by the definition.",
        lambda: _work(512, 7, 1).weight_bytes / 1e6,
        "MB",
    ),
    computed(
        "winograd.small.transformed",
        "The filters of 512 x 512 channels take {} with F(4,3).",
        lambda: _work(512, 7, 4).weight_bytes / 1e6,
        "MB",
    ),
    computed(
        "winograd.strided.f2",
        "With stride 2 and one output in four kept, F(2,3) takes {} fewer multiplications than the definition.",
        lambda: _strided(2),
        "×",
    ),
    computed(
        "winograd.strided.f4",
        "With stride 2 and one output in four kept, F(4,3) takes {} fewer multiplications than the definition.",
        lambda: _strided(4),
        "×",
    ),
    computed(
        "winograd.error.f4",
        "In bf16, F(4,3) at the kernel's points has an error of {}.",
        lambda: 100 * error("bf16", 4),
        "%",
    ),
    computed(
        "winograd.error.lavin",
        "In bf16, F(4,3) at the points of Lavin and Gray has an error of {}.",
        lambda: 100 * error("bf16", 4, points_of(*LAVIN)),
        "%",
    ),
    computed(
        "winograd.error.bad",
        "In bf16, F(6,3) at the points 0, 1, -1, 2, -2, 3, -3 has an error of {}.",
        lambda: 100 * error("bf16", 6, _BAD_POINTS),
        "%",
    ),
    *(
        computed(
            f"winograd.budget.{budget.type}",
            f"Exercise 2.3 allows the chip in {budget.type} an error of {{}}.",
            partial(_percent, budget.error),
            "%",
        )
        for budget in BUDGETS
    ),
    *(
        computed(
            f"winograd.parity.f{m}",
            f"A layer of stride 2, as four layers of stride 1 by tiles of {m}x{m} outputs, takes {{}} fewer "
            "multiplications.",
            partial(saving, m),
            "×",
        )
        for m in (2, 4)
    ),
)
