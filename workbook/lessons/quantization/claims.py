"""The numbers that lesson 3 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from workbook import models
from workbook.lessonkit.claim import Claim, cited, computed, measured
from workbook.lessons.quantization.charts import denoised
from workbook.lessons.quantization.collapse import changed
from workbook.lessons.quantization.exercises import BUDGET_STEP
from workbook.lessons.quantization.how_many import NAME, dimmed, enough
from workbook.lessons.quantization.model import weight_of
from workbook.lessons.quantization.trained import IMAGES, RESCALED
from workbook.lessons.quantization.type_trials import CASES, PEAK
from workbook.lessons.quantization.without_vnni import saturated
from workbook.models import digits

_ORIN = "the0807, YOLOv8-ONNX-TensorRT (GitHub), README, table of TensorRT on a Jetson Orin Nano, 2024: 7.3 and 5.8 ms"
_YOLOX = (
    "Idein, aicast_jetson_benchmark (GitHub), README, YOLOX-S-Leaky on a Jetson Orin Nano with TensorRT 8.5.2, 2023"
)
_NEURAL = "Intel Neural Compressor 2.0, Validated Models, table of ONNX QDQ INT8 models on multiple hardware, 2022"


def _accuracy(name: str, scheme: str) -> float:
    """Accuracy in percent of a network of digits by a scheme of `collapse`."""
    trained = models.card(name.removesuffix(RESCALED.removeprefix("digits_depthwise"))).result.value
    return 100 * (trained + changed(name, scheme).value)


def _spread_of_ranges() -> float:
    """Range of the widest filter of conv5_depthwise, over that of the narrowest."""
    ranges = np.abs(weight_of("digits_depthwise", "conv5_depthwise")).max(axis=(1, 2, 3))
    return float(ranges.max() / ranges.min())


def _worst_sqnr(count: int) -> float:
    return min(enough().sqnrs[count])


def _photo(kind: str) -> float:
    return denoised()[kind][1]


def _saturated_photo(case: str) -> float:
    return saturated().db[case]


def _percent(id: str, sentence: str, compute: Callable[[], float]) -> Claim:
    return computed(f"quantization.{id}", sentence, compute, "%")


_LAYER, _FILTER, _EQUALISED = "a scale for the layer", "a scale for each filter", "the same, equalised"

CLAIMS = (
    computed(
        "quantization.int8.lanes",
        "A register, or a byte of memory traffic, holds {} as many numbers of 8 bits as of 16.",
        lambda: 16 / 8,
        "×",
    ),
    computed(
        "quantization.int8.lanes_of_32",
        "A register, or a byte of memory traffic, holds {} as many numbers of 8 bits as of 32.",
        lambda: 32 / 8,
        "×",
    ),
    *(
        computed(
            f"quantization.predicted.{case.id}",
            f"If multiply-adds were all the work, {case.layer.name} would be {{}} as fast on bytes as by "
            f"{case.program}, on the reference machine.",
            partial(getattr, case, "predicted"),
            "×",
        )
        for case in CASES
        if case.id in ("direct", "winograd")
    ),
    measured(f"quantization.{PEAK}", "At its peak a core multiplies and adds {} as many bytes as float32.", "×"),
    *(
        measured(f"quantization.{what}", f"{name} is {{}} as fast on bytes as in float32.", "×")
        for what, name in (
            ("layer.direct", "A 3x3 layer of 64 channels, by the same algorithm,"),
            ("layer.winograd", "A 3x3 layer of 64 channels, against Winograd's algorithm,"),
            ("layer.depthwise", "A depthwise layer"),
            ("layer.small", "A layer of 16 channels on 7x7"),
            ("network.denoiser", "The denoiser, on 256x256 pixels,"),
            ("network.digits_cnn", "The network of digits"),
        )
    ),
    computed(
        "quantization.ranges",
        "The widest filter of a depthwise layer has {} the range of its narrowest.",
        _spread_of_ranges,
        "×",
    ),
    _percent(
        "cnn.trained", "The plain network reads {} of the test digits.", lambda: 100 * models.card(NAME).result.value
    ),
    _percent("cnn.int8", "In INT8 the plain network reads {}.", partial(_accuracy, NAME, _FILTER)),
    _percent(
        "calibration.share",
        "The images of the calibration are {} of those of the training.",
        lambda: 100 * IMAGES / len(digits.digits("train")),
    ),
    _percent(
        "calibration.one", "Calibrated with one image it reads {} at least.", lambda: 100 * min(enough().accuracies[1])
    ),
    cited(
        "quantization.calibration.imagenet",
        "MLPerf calibrates ImageNet's networks with {} of the training images.",
        0.04,
        "%",
        "MLCommons, MLPerf Inference, calibration/ImageNet: lists of 500 of the 1,281,167 training images, 2019",
    ),
    *(
        computed(
            f"quantization.calibration.sqnr{count}",
            f"Calibrated with {count} images, the scores have an SQNR of {{}} at least.",
            partial(_worst_sqnr, count),
            "dB",
        )
        for count in (1, 64)
    ),
    *(
        computed(
            f"quantization.photo.{kind}",
            f"The denoised photo has a PSNR of {{}} in {kind}.",
            partial(_photo, kind),
            "dB",
        )
        for kind in ("float32", "float16", "int8")
    ),
    cited(
        "quantization.orin.gain",
        "On a Jetson Orin Nano, YOLOv8n takes {} less time in INT8 than in FP16.",
        7.3 / 5.8,
        "×",
        _ORIN,
    ),
    cited("quantization.orin.yolox.half", "A detector takes {} from camera to answer in FP16.", 36.9, "ms", _YOLOX),
    cited("quantization.orin.yolox.int8", "A detector takes {} from camera to answer in INT8.", 36.5, "ms", _YOLOX),
    _percent(
        "depthwise.trained",
        "The depthwise network reads {} of the test digits.",
        lambda: 100 * models.card("digits_depthwise").result.value,
    ),
    _percent(
        "depthwise.layer", "With a scale for each layer it reads {}.", partial(_accuracy, "digits_depthwise", _LAYER)
    ),
    _percent(
        "rescaled.layer", "Rescaled, with a scale for each layer, it reads {}.", partial(_accuracy, RESCALED, _LAYER)
    ),
    _percent(
        "rescaled.filter", "Rescaled, with a scale for each filter, it reads {}.", partial(_accuracy, RESCALED, _FILTER)
    ),
    _percent("rescaled.equalised", "Rescaled and equalised, it reads {}.", partial(_accuracy, RESCALED, _EQUALISED)),
    _percent(
        "saturation.pairs",
        "In the denoiser's first layer {} of the sums of two products leave 16 bits.",
        lambda: 100 * saturated().pairs,
    ),
    *(
        computed(
            f"quantization.saturation.{id}",
            f"The denoised photo has a PSNR of {{}} with {case}.",
            partial(_saturated_photo, case),
            "dB",
        )
        for id, case in (("photo", "no VNNI"), ("seven", "no VNNI, weights of 7 bits"))
    ),
    *(
        cited(
            f"quantization.saturation.resnet.{cpu}",
            f"ResNet-50 in INT8 has a top-1 accuracy of {{}} {where}.",
            top1,
            "%",
            _NEURAL,
        )
        for cpu, where, top1 in (("vnni", "on a CPU with VNNI", 74.76), ("avx2", "on one with AVX2 alone", 68.95))
    ),
    _percent("dark", "Calibrated on images of a quarter of the brightness, it reads {}.", lambda: 100 * dimmed(0.25)),
    computed("quantization.budget.step", "Exercise 3.2 allows a step of {}.", lambda: BUDGET_STEP, ""),
)
