"""The panels of lesson 1: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.lessonkit.controls import Choice, Slider
from workbook.lessonkit.panel import Panel
from workbook.lessons.convolution import figures, model


def window() -> Panel[model.Window]:
    """Slide a filter over a photo and see the products at one position."""
    P, Q = model.output_shape()
    return Panel(
        name="convolution.window",
        title="A window of a photo, its products with a filter, and the output",
        controls=(
            Slider("row", "row", 0, P - 1, 25),
            Slider("column", "column", 0, Q - 1, 24),
            Choice("filter", "filter", tuple(model.FILTERS), "vertical edges"),
        ),
        model=model.window,
        figure=figures.window_figure,
        readout=figures.window_readout,
        height=293,
    )


def filters() -> Panel[model.Channels]:
    """Add filters one by one, and see how the three input channels make one output pixel."""
    P, Q = model.output_shape()
    return Panel(
        name="convolution.filters",
        title="A window of a photo in colour, three tables of products, and an output channel for each filter",
        controls=(
            Slider("filters", "filters", 1, len(model.BANK), 3),
            Slider("row", "row", 0, P - 1, 80),
            Slider("column", "column", 0, Q - 1, 6),
        ),
        model=model.channels,
        figure=figures.filters_figure,
        readout=figures.filters_readout,
        height=398,
    )
