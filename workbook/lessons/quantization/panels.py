"""The panels of lesson 3: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.lessonkit.controls import Choice, Slider
from workbook.lessonkit.panel import Panel
from workbook.lessons.quantization import figures, model, winograd_ranges


def grid() -> Panel[model.Gridded]:
    """Choose a network, bits, and what shares a scale; see the weights on their grid, and the accuracy."""
    return Panel(
        name="quantization.grid",
        title="Weights and their grid, one filter before and after rounding, and the accuracy over the bits",
        controls=(
            Slider("bits", "bits", model.FEWEST, model.MOST, 7),
            Choice("scales", "a scale", tuple(model.SCALES), "one for the layer"),
            Choice("network", "network", tuple(model.NETWORKS), "digits_depthwise"),
        ),
        model=model.gridded,
        figure=figures.gridded_figure,
        readout=figures.gridded_readout,
        height=346,
    )


def winograd() -> Panel[winograd_ranges.Ranged16]:
    """Choose points, channels and weights; see the bits that Winograd's algorithm on bytes needs, and has."""
    few, many, step = (
        winograd_ranges.FEWEST_CHANNELS,
        winograd_ranges.MOST_CHANNELS,
        winograd_ranges.CHANNELS_STEP,
    )
    return Panel(
        name="quantization.winograd",
        title="Bits of transformed inputs and filters and of the sums, beside the bits that hold them",
        controls=(
            Choice("points", "points", tuple(winograd_ranges.POINTS), "F(4,3): 0, ±1, ±2"),
            Slider("channels", "channels", few, many, 256, step=step),
            Slider("weight", "mean |w|", 1, winograd_ranges.LARGEST_WEIGHT, 50),
        ),
        model=winograd_ranges.ranges,
        figure=figures.bits_figure,
        readout=figures.bits_readout,
        height=240,
    )


def activations() -> Panel[model.Ranged]:
    """Choose an array and the part of its range to cover; see what is rounded and what is cut off."""
    return Panel(
        name="quantization.activations",
        title="The numbers of an array and the range that bytes cover, and the errors over that range",
        controls=(
            Slider("percent", "% covered", 1, 100, 80),
            Choice("array", "array", tuple(model.ARRAYS), "digits_cnn, conv2"),
        ),
        model=model.ranged,
        figure=figures.ranged_figure,
        readout=figures.ranged_readout,
        height=346,
    )
