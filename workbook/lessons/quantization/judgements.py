"""The three statements about INT8 with which the lesson opens, each judged by what the lesson computed and measured."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.lessons.quantization.charts import denoised
from workbook.lessons.quantization.collapse import changed
from workbook.lessons.quantization.published_gains import PAIRS, TWICE
from workbook.lessons.quantization.trained import IMAGES
from workbook.lessons.quantization.type_race import Race
from workbook.models import digits
from workbook.plain_text import Text

POINTS, DECIBELS = 1.0, 0.1  # more than that is a loss: of accuracy or mAP, of PSNR
_LAYER, _FILTER = "a scale for the layer", "a scale for each filter"


@dataclass(frozen=True)
class Judged(Text):
    """The verdicts.

    Attributes
    ----------
    share : float
        Images of the calibration over those of the training.
    losses : dict of str to dict of str to float
        Points of accuracy that INT8 costs, by how scales are shared, then by network of digits.
    photo : float
        What INT8 costs the denoised photo, in dB.
    race : Race
    """

    share: float
    losses: dict[str, dict[str, float]]
    photo: float
    race: Race

    @property
    def kept(self) -> int:
        """Networks that keep their quality: two of digits, with a scale for each filter, and the denoiser."""
        return sum(lost <= POINTS for lost in self.losses[_FILTER].values()) + (self.photo <= DECIBELS)

    def __str__(self) -> str:
        detectors = [row.lost for row in PAIRS if row.lost is not None]
        good, twice = sum(lost <= POINTS for lost in detectors), sum(row.gain >= TWICE for row in PAIRS)
        few = "holds" if max(self.losses[_FILTER].values()) <= POINTS else "fails"
        lines = [
            f"1 little data, a few lines: {few}, with {_FILTER}",
            f"    {self.share:.1%} of the images; points, {_FILTER}: {_points(self.losses[_FILTER])}",
            f"    points, {_LAYER}: {_points(self.losses[_LAYER])}",
            f"2 the precision was not needed: by {self.kept} of 3 networks here,",
            f"    by {good} of {len(detectors)} published detectors",
            f"    photo {-self.photo:+.2f} dB; mAP {-min(detectors):+.1f} to {-max(detectors):+.1f} points",
            f"3 at once twice as fast as FP16: by {twice} of {len(PAIRS)} published networks",
            f"[machine] the peak here: {self.race.over_halves}",
        ]
        return "\n".join(lines)

    __repr__ = __str__


def _points(losses: dict[str, float]) -> str:
    return ", ".join(f"{-points:+.1f}" for points in losses.values())


def judged(race: Race) -> Judged:
    """Judge the statements; `race` is what `compare` returned."""
    names = ("digits_cnn", "digits_depthwise")
    losses = {scales: {name: -100 * changed(name, scales).value for name in names} for scales in (_LAYER, _FILTER)}
    photo = denoised()["float32"][1] - denoised()["int8"][1]
    return Judged(IMAGES / len(digits.digits("train")), losses, photo, race)
