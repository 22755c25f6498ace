"""What lesson 6 measures: the tools one after the other on two networks, on one thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbook import models
from workbook.accelerator.presets import PRESETS
from workbook.advisor.analysis import analyze
from workbook.advisor.analysis_result import MIX, TOOLS, Analysis, Rung
from workbook.advisor.input_images import JUDGES, Images, noise
from workbook.advisor.layer_times import NAIVE
from workbook.advisor.programs import BASE, BEST_FLOAT, BYTES
from workbook.lessonkit import results
from workbook.lessonkit.guess import said
from workbook.lessonkit.reference import reference
from workbook.lessons.analysis.seeded_resnet50 import resnet50
from workbook.measuring import timing
from workbook.measuring.others import Others
from workbook.models import photos
from workbook.network import Network
from workbook.plain_text import Text

DENOISER, RESNET = "denoiser", "resnet50"
NETWORKS = (DENOISER, RESNET)

SIDE = 128  # of the denoiser's images
IMAGES = 4  # at once, for the fourth tool

_SQUARES = 2 * JUDGES  # noisy pieces of photos: half of them calibrate the denoiser, the others judge
_PICTURES = 2  # of noise, for ResNet-50
_RESNET_SIDE, _QUICK_SIDE = 224, 112
_RUNGS = ("winograd", BYTES, MIX)


@dataclass(frozen=True)
class Compared(Text):
    """Both networks.

    Attributes
    ----------
    analyses : mapping of str to Analysis
        By NETWORKS.
    guess : object
        The learner's: how many times as fast the denoiser is with all tools, over the matrix product.
    """

    analyses: Mapping[str, Analysis]
    guess: object = ...

    @property
    def denoiser(self) -> Analysis:
        """The analysis of the denoiser."""
        return self.analyses[DENOISER]

    @property
    def resnet50(self) -> Analysis:
        """The analysis of ResNet-50."""
        return self.analyses[RESNET]

    @property
    def numbers(self) -> dict[str, float]:
        """The gains, by the names of the results."""
        found = {f"{name}.{rung.name}": a.gain(rung) for name, a in self.analyses.items() for rung in _tools(a)}
        found |= {f"{name}.best": a.gain(a.fastest) for name, a in self.analyses.items()}
        found |= {f"{name}.naive": next(r.seconds for r in a.rungs if r.name == NAIVE) / a.base.seconds
                  for name, a in self.analyses.items()}  # fmt: skip
        one, many = (self.denoiser.batched[n].whole.median for n in (1, IMAGES))
        return {**found, "denoiser.images": IMAGES * one / many}

    @property
    def others(self) -> Others:
        """What other programs took, while the network that met most of them was analyzed."""
        return max((found.others for found in self.analyses.values()), key=lambda others: others.cores)

    def __str__(self) -> str:
        known, here = reference(), self.numbers
        lines = [f"{'':<10}{'':<10}{'reference':>12}   gain here"]
        for name, found in self.analyses.items():
            lines.append(f"{name:<10}{'naive':<10}{1 / known.value(f'analysis.{name}.naive'):>10.3f} x"
                         f"{timing.measured(1 / here[f'{name}.naive'], 'x', 9)}")  # fmt: skip
            lines.append(f"{name:<10}{BASE:<10}{1:>10.2f} x")
            for rung in _tools(found):
                id = f"{name}.{rung.name}"
                there = known.value(f"analysis.{id}")
                lines.append(f"{name:<10}{rung.name:<10}{there:>10.2f} x{timing.measured(here[id], 'x', 9)}")
        return "\n".join([*lines, "", *self._beside()])

    __repr__ = __str__

    def _beside(self) -> list[str]:
        """What stands below the table."""
        known = reference()
        all_tools = self.denoiser.gain(self.denoiser.fastest)
        return [
            "gain: over im2col; one thread, one image; naive was timed on pieces of the layers",
            *(f"{rung}: {what}" for rung, what in TOOLS.items() if rung in _RUNGS),
            f"reference: {known.name}, {known.isa}, {known.date}",
            *(f"[machine] {name}, {_side(a)}: {', '.join(_ms(rung) for rung in a.rungs)}"
              for name, a in self.analyses.items()),
            *(f"[machine] {name}, mix: {_on_bytes(a)} of {len(a.rows)} layers on bytes"
              for name, a in self.analyses.items()),
            *(f"[machine] {name}: {_against(a)}" for name, a in self.analyses.items()),
            f"[machine] denoiser, {IMAGES} images at once: {self.numbers['denoiser.images']:.2f} x the frames a second",
            f"[machine] the denoiser with all tools: {all_tools:.2f} x over im2col; {said(self.guess)}",
            str(self.others),
        ]  # fmt: skip


def compare(guess: object = ..., seconds: float | None = None) -> Compared:
    """Analyze both networks.

    Parameters
    ----------
    guess : number, optional
        How many times as fast the denoiser is with all tools.
    seconds : float, optional
        To spend on each comparison.
    """
    return Compared({DENOISER: _denoiser(seconds), RESNET: _resnet50(seconds)}, guess)


def record(found: Compared) -> None:
    """Put the gains on the scoreboard."""
    results.record({f"analysis.{id}": number for id, number in found.numbers.items()}, found.others.share)


def _denoiser(seconds: float | None) -> Analysis:
    squares = Images(photos.noisy_squares(_SQUARES, SIDE), f"{_SQUARES} noisy squares of photos", is_noise=False)
    net = models.load(DENOISER, threads=1)
    return analyze(net, squares, PRESETS["x1"], name=DENOISER, threads=1, seconds=seconds, batch=IMAGES)


def _resnet50(seconds: float | None) -> Analysis:
    side = _QUICK_SIDE if timing.quick() else _RESNET_SIDE
    net = Network(resnet50(), threads=1)
    pictures = noise((3, side, side), _PICTURES)
    return analyze(net, pictures, PRESETS["x1"], name=RESNET, threads=1, seconds=seconds, batch=1)


def _tools(found: Analysis) -> list[Rung]:
    return [rung for rung in found.rungs if rung.name in _RUNGS]


def _side(found: Analysis) -> str:
    return "x".join(map(str, found.shape[2:]))


def _ms(rung: Rung) -> str:
    return f"{rung.name} {1e3 * rung.seconds:,.1f} ms"


def _on_bytes(found: Analysis) -> int:
    mix = found.rung(MIX)
    return sum(program == BYTES for program in mix.programs.values()) if mix else 0


def _against(found: Analysis) -> str:
    """Say what bytes gain over the best opponents in float32."""
    small, floats = found.rung(BYTES), found.rung(BEST_FLOAT)
    if not small or not floats:
        return "not on bytes here"
    return (
        f"int8 {floats.seconds / small.seconds:.2f} x over float32, {found.exact.seconds / small.seconds:.2f} x over "
        f"{found.exact.name}, the fastest exact program"
    )
