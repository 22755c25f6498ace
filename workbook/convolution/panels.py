"""The panels of lesson 1: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.convolution import figures, model
from workbook.panel import Choice, Panel, Slider


def window() -> Panel[model.Window]:
    """Slide a filter over a photo and see the products at one position."""
    P, Q = model.output_shape()
    return Panel(
        name="convolution.window",
        title="A window of a photo, its products with a filter, and the output",
        controls=(
            Slider("row", "row", 0, P - 1, 20),
            Slider("column", "column", 0, Q - 1, 44),
            Choice("filter", "filter", tuple(model.FILTERS), "vertical edges"),
        ),
        model=model.window,
        figure=figures.window_figure,
        readout=figures.window_readout,
        height=270,
    )
