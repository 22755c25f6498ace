"""The figures of lesson 3 that do not move: gains in time, the calibration, and a denoised photo."""

from __future__ import annotations

from functools import cache

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from workbook.drawing import COLORS, INK
from workbook.graphs.graph import FloatArray
from workbook.lessons.quantization.float16_network import in_half
from workbook.lessons.quantization.how_many import Enough
from workbook.lessons.quantization.trained import camera, network, recipe
from workbook.lessons.quantization.type_race import Race
from workbook.lessons.quantization.type_trials import CASES, NETWORKS
from workbook.models import photos
from workbook.quantize.to_bytes import quantize

_CROP = slice(90, 250), slice(180, 340)  # rows and columns: head and camera


def race_figure(race: Race) -> Figure:
    """Draw a bar for each layer and network, how many times as fast bytes are, and a line for what is predicted."""
    figure = Figure(figsize=(7.6, 3.5))
    axes = figure.add_axes((0.07, 0.2, 0.92, 0.74))
    gains = race.gains
    heights = [*(gains[f"layer.{case.id}"] for case in CASES), *(gains[f"network.{name}"] for name in NETWORKS)]
    bars = axes.bar(range(len(heights)), heights, 0.7, color=COLORS[0])
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.bar_label(bars, [f"{height:.2f}" for height in heights], label_type="center", bbox=box)
    places = range(len(CASES))
    predicted = [case.predicted for case in CASES]
    axes.hlines(
        predicted, [x - 0.4 for x in places], [x + 0.4 for x in places], color=INK, linewidth=2.5, label="predicted"
    )
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    names = [f"{case.layer.name}\n{case.program}".replace(" ", "\n", 1) for case in CASES]
    axes.set_xticks(range(len(heights)), [*names, *(f"{name}\n(network)" for name in NETWORKS)])
    axes.set(ylim=(0, 4.4), ylabel="× as fast as float32", yticks=range(5))
    axes.tick_params(axis="x", length=0)
    axes.legend(loc="upper right", frameon=False, borderaxespad=0)
    return figure


def enough_figure(enough: Enough) -> Figure:
    """Draw the worst and the best SQNR of the scores, and the worst accuracy, over the images of the calibration."""
    figure = Figure(figsize=(7.6, 2.9))
    left, right = figure.add_axes((0.07, 0.19, 0.4, 0.68)), figure.add_axes((0.57, 0.19, 0.41, 0.68))
    counts = list(enough.sqnrs)
    left.fill_between(
        counts,
        [min(v) for v in enough.sqnrs.values()],
        [max(v) for v in enough.sqnrs.values()],
        color=COLORS[0],
        alpha=0.35,
    )
    left.plot(counts, [sorted(v)[len(v) // 2] for v in enough.sqnrs.values()], "o-", color=COLORS[0], linewidth=2)
    left.set(ylim=(0, 48), title="SQNR of the scores, dB")
    right.plot(counts, [100 * min(v) for v in enough.accuracies.values()], "s-", color=COLORS[1], linewidth=2)
    right.set(ylim=(0, 105), title="worst accuracy, %")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="images of the calibration")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    return figure


@cache
def denoised() -> dict[str, tuple[FloatArray, float]]:
    """Return a photo with noise, and denoised in float32, float16 and int8, with the PSNR of each in dB."""
    clean, dirty = camera()
    net = network("denoiser")
    found = {
        "noisy": dirty,
        "float32": net(dirty),
        "float16": in_half(net, dirty),
        "int8": quantize(net, recipe("denoiser"))(dirty),
    }
    return {name: (image[0, 0], photos.psnr(image, clean)) for name, image in found.items()}


def denoised_figure(found: dict[str, tuple[FloatArray, float]]) -> Figure:
    """Draw a piece of each photo, and its PSNR."""
    figure = Figure(figsize=(7.6, 2.25))
    for i, (name, (image, db)) in enumerate(found.items()):
        axes = figure.add_axes((0.005 + 0.25 * i, 0.0, 0.24, 0.87))
        axes.imshow(image[_CROP], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(f"{name}: {db:.2f} dB")
        axes.set_axis_off()
    return figure
