"""INT8 against FP16 as others published it, on processors of the edge that have both: claims under test.

Each row names machine, program and network; nothing here was measured by this workbook. A loss of accuracy stands in
the row of the gain that it came with, where the source tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbook.plain_text import Text

NCNN = "Tencent, ncnn (GitHub), benchmark/README.md at commit f4e9a78, 2026-03: benchncnn, mean of ten runs"
YOLOV8 = (
    "the0807, YOLOv8-ONNX-TensorRT (GitHub), README at commit 8f7f931, 2024-05: TensorRT on a Jetson Orin Nano, "
    "COCO val2017"
)
YOLOX = (
    "Idein, aicast_jetson_benchmark (GitHub), README, 2024: YOLOX-S-Leaky on a Jetson Orin Nano, TensorRT 8.5.2, "
    "COCO val2017"
)


@dataclass(frozen=True)
class Pair:
    """One network in both types on one machine.

    Attributes
    ----------
    machine, program, network : str
    half, int8 : float
        Milliseconds of an image in FP16 and in INT8.
    source : str
    before, after : float, optional
        The accuracy of FP16 and of INT8, mAP in percent.
    """

    machine: str
    program: str
    network: str
    half: float
    int8: float
    source: str
    before: float | None = None
    after: float | None = None

    @property
    def gain(self) -> float:
        """How many times faster INT8 is."""
        return self.half / self.int8

    @property
    def lost(self) -> float | None:
        """Points of mAP that INT8 costs."""
        return None if self.before is None or self.after is None else self.before - self.after


PAIRS = (
    Pair("Raspberry Pi 5", "ncnn", "ResNet-50", 89.43, 80.16, NCNN),
    Pair("Raspberry Pi 5", "ncnn", "VGG-16", 189.63, 273.10, NCNN),
    Pair("Azure Cobalt 100", "ncnn", "ResNet-50", 54.74, 30.65, NCNN),
    Pair("Azure Cobalt 100", "ncnn", "VGG-16", 100.58, 103.66, NCNN),
    Pair("MacBook Air M3", "ncnn", "ResNet-50", 34.81, 20.58, NCNN),
    Pair("MacBook Air M3", "ncnn", "VGG-16", 58.40, 78.83, NCNN),
    Pair("Orin Nano, 6 cores", "ncnn", "ResNet-50", 39.26, 29.93, NCNN),
    Pair("Orin Nano, 6 cores", "ncnn", "VGG-16", 65.11, 108.00, NCNN),
    Pair("Orin Nano, GPU", "TensorRT", "YOLOv8n", 7.3, 5.8, YOLOV8, 37.1, 33.0),
    Pair("Orin Nano, GPU", "TensorRT", "YOLOv8s", 11.4, 8.2, YOLOV8, 44.7, 41.2),
    Pair("Orin Nano, GPU", "TensorRT", "YOLOv8m", 23.6, 17.1, YOLOV8, 50.0, 46.2),
    Pair("Orin Nano, GPU", "TensorRT", "YOLOv8l", 35.5, 22.4, YOLOV8, 52.8, 50.1),
    Pair("Orin Nano, GPU", "TensorRT", "YOLOv8x", 56.6, 33.9, YOLOV8, 53.9, 51.1),
    Pair("Orin Nano, GPU", "TensorRT", "YOLOX-S", 10.7, 8.6, YOLOX, 35.2, 31.0),
)
WHOLE = 36.9, 36.5  # ms of YOLOX-S with the Python around it, one picture from a file: FP16, INT8
TWICE = 2.0


@dataclass(frozen=True)
class Published(Text):
    """The table of PAIRS, and how many of them keep what is said of INT8."""

    pairs: tuple[Pair, ...]

    def __str__(self) -> str:
        lines = [f"{'machine':<20}{'program':<10}{'network':<10}{'FP16 ms':>8}{'INT8 ms':>9}{'gain':>8}{'mAP':>6}"]
        for pair in self.pairs:
            lost = "" if pair.lost is None else f"{-pair.lost:.1f}"
            named = f"{pair.machine:<20}{pair.program:<10}{pair.network:<10}"
            lines.append(f"{named}{pair.half:>8.1f}{pair.int8:>9.1f}{pair.gain:>6.2f} x{lost:>6}")
        twice, slower = sum(row.gain >= TWICE for row in self.pairs), sum(row.gain < 1 for row in self.pairs)
        return "\n".join(
            [
                *lines,
                f"twice as fast or faster: {twice} of {len(self.pairs)}; slower: {slower}",
                "ncnn: one core, if no number is given; mAP: change in points",
            ]
        )

    __repr__ = __str__


def published() -> Published:
    """Return what others measured of INT8 and FP16."""
    return Published(PAIRS)


def pair(machine: str, network: str) -> Pair:
    """Return a row.

    Raises
    ------
    StopIteration
        If there is none.
    """
    return next(row for row in PAIRS if (row.machine, row.network) == (machine, network))
