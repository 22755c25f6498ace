"""The numbers that lesson 3 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from onnx import numpy_helper

from workbook import models
from workbook.lessonkit.claim import Claim, cited, computed, measured
from workbook.lessons.quantization.charts import denoised
from workbook.lessons.quantization.collapse import changed
from workbook.lessons.quantization.how_many import NAME, dimmed, enough
from workbook.lessons.quantization.judgements import DECIBELS
from workbook.lessons.quantization.model import weight_of
from workbook.lessons.quantization.other_tools import CHANNELS, DEFAULTS, FOLDED, by_onnxruntime
from workbook.lessons.quantization.published_gains import WHOLE, YOLOX, pair
from workbook.lessons.quantization.trained import IMAGES, RESCALED
from workbook.lessons.quantization.type_trials import CASES, PEAK
from workbook.lessons.quantization.winograd_ranges import POINTS, rounded_winograd
from workbook.lessons.quantization.without_vnni import saturated
from workbook.models import digits

_NEURAL = "Intel Neural Compressor 2.0, Validated Models, table of ONNX QDQ INT8 models on multiple hardware, 2022"


_ORIN = "Orin Nano, GPU"


def _accuracy(name: str, scheme: str) -> float:
    """Accuracy in percent of a network of digits by a scheme of `collapse`."""
    trained = models.card(name.removesuffix(RESCALED.removeprefix("digits_depthwise"))).result.value
    return 100 * (trained + changed(name, scheme).value)


def _spread_of_ranges() -> float:
    """Range of the widest filter of conv5_depthwise, over that of the narrowest."""
    ranges = np.abs(weight_of("digits_depthwise", "conv5_depthwise")).max(axis=(1, 2, 3))
    return float(ranges.max() / ranges.min())


def _trained_spread() -> float:
    """The same of the weights as the training left them, before BatchNormalization was folded into them."""
    stored = {tensor.name: tensor for tensor in models.proto("digits_depthwise").graph.initializer}
    ranges = np.abs(numpy_helper.to_array(stored["conv5_depthwise.weight"])).max(axis=(1, 2, 3))
    return float(ranges.max() / ranges.min())


def _worst_sqnr(count: int) -> float:
    return min(enough().sqnrs[count])


def _photo(kind: str) -> float:
    return denoised()[kind][1]


def _saturated_photo(case: str) -> float:
    return saturated().db[case]


def _published(id: str, machine: str, network: str) -> Claim:
    row = pair(machine, network)
    sentence = f"On {machine}, {network} by {row.program} is {{}} faster in INT8 than in FP16."
    return cited(f"quantization.published.{id}", sentence, row.gain, "×", row.source)


def _lost(id: str, network: str) -> Claim:
    row = pair(_ORIN, network)
    sentence = f"INT8 costs {network} {{}} points of mAP."
    return cited(f"quantization.published.{id}.lost", sentence, row.lost or 0.0, "", row.source)


def _rounded_winograd(points: str) -> float:
    return rounded_winograd((8,)).db[points][8]


def _by_tool(name: str) -> float:
    return 100 * by_onnxruntime().ours[name]


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
            f"If multiply-adds were all the work, {case.layer.name} would be {{}} faster on bytes by {case.on_bytes} "
            f"than in float32 by {case.program}, on the reference machine.",
            partial(getattr, case, "predicted"),
            "×",
        )
        for case in CASES
        if case.id in ("direct", "both")
    ),
    measured(
        f"quantization.{PEAK}", "At its peak a core multiplies and adds {} as many bytes as float32 numbers.", "×"
    ),
    *(
        measured(f"quantization.{what}", f"{name} is {{}} faster on bytes than in float32.", "×")
        for what, name in (
            ("layer.direct", "A 3x3 layer of 64 channels, by the same algorithm,"),
            ("layer.winograd", "A 3x3 layer of 64 channels, directly, against Winograd's algorithm in float32,"),
            ("layer.both", "A 3x3 layer of 64 channels, both by Winograd's algorithm,"),
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
    computed(
        "quantization.ranges.trained",
        "Before BatchNormalization is folded into the weights, the widest filter has {} the range of the narrowest.",
        _trained_spread,
        "×",
    ),
    computed("quantization.bit", "A bit more makes the SQNR {} larger.", lambda: 20 * math.log10(2), "dB"),
    _percent(
        "cnn.trained", "The plain network reads {} of the test digits.", lambda: 100 * models.card(NAME).result.value
    ),
    _percent("cnn.int8", "In INT8 the plain network reads {}.", partial(_accuracy, NAME, _FILTER)),
    _percent(
        "calibration.share",
        "The images of the calibration are {} as many as those of the training.",
        lambda: 100 * IMAGES / len(digits.digits("train")),
    ),
    _percent(
        "calibration.one", "Calibrated with one image it reads {} at least.", lambda: 100 * min(enough().accuracies[1])
    ),
    cited(
        "quantization.calibration.imagenet",
        "MLPerf's calibration images for ImageNet are {} as many as the training images.",
        0.04,
        "%",
        "MLCommons, MLPerf Inference, calibration/ImageNet, 2019: 500 validation images; 1,281,167 are for training",
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
        for kind in ("float32", "float16", "bfloat16", "int8")
    ),
    _published("pi5.resnet50", "Raspberry Pi 5", "ResNet-50"),
    _published("pi5.vgg16", "Raspberry Pi 5", "VGG-16"),
    _published("cobalt.resnet50", "Azure Cobalt 100", "ResNet-50"),
    _published("yolov8n", _ORIN, "YOLOv8n"),
    _published("yolov8x", _ORIN, "YOLOv8x"),
    _published("yolox", _ORIN, "YOLOX-S"),
    _lost("yolov8l", "YOLOv8l"),
    _lost("yolox", "YOLOX-S"),
    *(
        cited(
            f"quantization.published.yolox.{kind}", f"With its Python, YOLOX-S takes {{}} in {name}.", ms, "ms", YOLOX
        )
        for kind, name, ms in zip(("half", "int8"), ("FP16", "INT8"), WHOLE, strict=True)
    ),
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
    measured("quantization.peak.halves", "At its peak a core multiplies and adds {} as many bytes as bfloat16s.", "×"),
    computed("quantization.judged.decibels", "A photo keeps its quality within {}.", lambda: DECIBELS, "dB"),
    *(
        _percent(f"tools.{id}", f"Quantized by ONNX Runtime, {name}, the network reads {{}}.", partial(_by_tool, name))
        for id, name in (("exported", DEFAULTS), ("folded", FOLDED), ("channels", CHANNELS))
    ),
    *(
        computed(
            f"quantization.winograd.bytes.{id}",
            f"A layer of the denoiser, transformed numbers of {name} rounded to bytes, has an SQNR of {{}}.",
            partial(_rounded_winograd, name),
            "dB",
        )
        for id, name in zip(("f2", "f4"), POINTS, strict=False)
    ),
)
