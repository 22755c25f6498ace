"""The figures of lesson 3 that do not move: a layer on bytes, gains in time, the calibration, and a denoised photo."""

from __future__ import annotations

from functools import cache

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import NullFormatter

from workbook.drawing import COLORS, INK
from workbook.graphs.graph import FloatArray
from workbook.lessons.quantization.how_many import Enough
from workbook.lessons.quantization.sensitivity import Sensitivity
from workbook.lessons.quantization.sixteen_bits import rounded
from workbook.lessons.quantization.trained import camera, network, recipe
from workbook.lessons.quantization.type_race import Race
from workbook.lessons.quantization.type_trials import CASES, NETWORKS, Case
from workbook.models import photos
from workbook.quantize.to_bytes import quantize

_CROP = slice(90, 250), slice(180, 340)  # rows and columns: head and camera

_BOXES = (  # of the picture of a layer: where, how wide, first line, second line
    (0.00, 0.165, "bytes of x", "and of w"),
    (0.205, 0.165, "sum of q_x q_w", "in 32 bits"),
    (0.41, 0.165, "+ offset", "in 32 bits"),
    (0.615, 0.165, "· multiplier", "shift, round"),
    (0.82, 0.175, "+ z_y, clip", "bytes of y"),
)
_BELOW = (
    (0.2875, "vpdpbusd, sdot"),
    (0.4925, "bias / (s_x s_w)\n− z_x · sum of q_w"),
    (0.6975, "s_x s_w / s_y\nof the filter"),
    (0.9075, "ReLU: clip at z_y\nin place of 0"),
)


def layer_figure() -> Figure:
    """Draw how a layer on bytes goes from q_x to q_y, and what is known before an image comes."""
    figure = Figure(figsize=(7.6, 2.1))
    axes = figure.add_axes((0.005, 0.0, 0.99, 1.0))
    axes.set(xlim=(-0.003, 1), ylim=(0, 1))
    axes.set_axis_off()
    for i, (left, width, first, second) in enumerate(_BOXES):
        known = i in (2, 3)
        axes.add_patch(
            FancyBboxPatch(
                (left + 0.008, 0.56),
                width - 0.016,
                0.36,
                boxstyle="round,pad=0.008",
                facecolor="white",
                linewidth=3 if known else 1,
                edgecolor=INK,
                mutation_aspect=3,
            )
        )
        axes.text(left + width / 2, 0.82, first, ha="center", va="center")
        axes.text(left + width / 2, 0.66, second, ha="center", va="center")
        if i:
            axes.annotate("", (left, 0.74), (left - 0.04, 0.74), arrowprops={"arrowstyle": "->", "color": INK})
    for middle, text in _BELOW:
        axes.text(middle, 0.44, text, ha="center", va="top", linespacing=1.3)
    axes.text(
        0.5,
        0.03,
        "s: scale, z: zero point; in a bold frame: known before an image comes",
        ha="center",
        va="bottom",
        style="italic",
    )
    return figure


def race_figure(race: Race) -> Figure:
    """Draw a bar for each layer and network, how many times faster bytes are, and a line for what is predicted."""
    figure = Figure(figsize=(7.6, 3.7))
    axes = figure.add_axes((0.07, 0.26, 0.92, 0.7))
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
    names = [f"{case.layer.name}\n{_programs(case)}".replace(" ", "\n", 1) for case in CASES]
    axes.set_xticks(
        range(len(heights)), [*names, *("\n" * (2 * i) + f"{name}\n(network)" for i, name in enumerate(NETWORKS))]
    )
    axes.set(ylim=(0, 4.4), ylabel="× faster than float32", yticks=range(5))
    axes.tick_params(axis="x", length=0)
    axes.legend(loc="upper right", frameon=False, borderaxespad=0)
    return figure


def _programs(case: Case) -> str:
    """Name what computes a case: one program, or that of float32 and that of bytes."""
    short = [program.replace("winograd_f4", "F(4,3)") for program in (case.program, case.on_bytes)]
    return short[0] if short[0] == short[1] else f"{short[0]},\n{short[1]}"


def enough_figure(enough: Enough) -> Figure:
    """Draw the SQNR of the scores in each draw, and the worst accuracy, over the images of the calibration."""
    figure = Figure(figsize=(7.6, 2.9))
    left, right = figure.add_axes((0.07, 0.19, 0.4, 0.68)), figure.add_axes((0.57, 0.19, 0.41, 0.68))
    counts = list(enough.sqnrs)
    draws = zip(*enough.sqnrs.values(), strict=True)
    for draw, (marker, style, found) in enumerate(zip("osD", ("-", "--", ":"), draws, strict=True), 1):
        left.plot(counts, found, marker, linestyle=style, color=COLORS[0], linewidth=1.5, label=f"draw {draw}")
    left.set(ylim=(0, 48), title="SQNR of the scores, dB")
    left.legend(loc="lower right", frameon=False)
    right.plot(counts, [100 * min(v) for v in enough.accuracies.values()], "s-", color=COLORS[1], linewidth=2)
    right.set(ylim=(98, 100.05), title="worst accuracy, %, from 98 on", yticks=(98, 98.5, 99, 99.5, 100))
    for axes in (left, right):
        axes.set(xscale="log", xlabel="images of the calibration")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    return figure


def sensitivity_figure(found: Sensitivity) -> Figure:
    """Draw the accuracy over the time of an image, from all layers on bytes to all in float32."""
    figure = Figure(figsize=(7.6, 2.9))
    axes = figure.add_axes((0.08, 0.19, 0.87, 0.72))
    times = [1e3 * step.time.median for step in found.steps]
    shares = [100 * step.accuracy for step in found.steps]
    axes.axhline(100 * found.in_float, color=INK, linewidth=1, linestyle=":")
    axes.plot(times, shares, "o-", color=COLORS[0], linewidth=1.5)
    room = 0.02 * (max(times) - min(times))
    for step, x, y in zip(found.steps[:3], times, shares, strict=False):
        axes.text(x + room, y - 0.9, "all on bytes" if step.name == "none" else f"+ {step.name}")
    axes.text(min(times), 100 * found.in_float + 0.4, "float32")
    axes.set(
        ylim=(min(shares) - 2, 101),
        xlabel="ms of an image; layers that are back in float32 add up",
        title="accuracy, %",
    )
    axes.set_xlim(min(times) - room, max(times) + 14 * room)
    return figure


@cache
def denoised() -> dict[str, tuple[FloatArray, float]]:
    """Return a photo with noise, and denoised in each type of numbers, with the PSNR of each in dB."""
    clean, dirty = camera()
    net = network("denoiser")
    found = {
        "noisy": dirty,
        "float32": net(dirty),
        "float16": rounded(net, dirty),
        "bfloat16": rounded(net, dirty, "bfloat16"),
        "int8": quantize(net, recipe("denoiser"))(dirty),
    }
    return {name: (image[0, 0], photos.psnr(image, clean)) for name, image in found.items()}


def denoised_figure(found: dict[str, tuple[FloatArray, float]]) -> Figure:
    """Draw a piece of each photo, and its PSNR."""
    figure = Figure(figsize=(7.6, 1.95))
    share = 1 / len(found)
    for i, (name, (image, db)) in enumerate(found.items()):
        axes = figure.add_axes((share * (i + 0.02), 0.0, share * 0.96, 0.75))
        axes.imshow(image[_CROP], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(f"{name}\n{db:.2f} dB")
        axes.set_axis_off()
    return figure
