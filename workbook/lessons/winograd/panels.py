"""The panels of lesson 2: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.lessonkit.controls import Choice, Slider
from workbook.lessonkit.panel import Panel
from workbook.lessons.winograd import figures, model
from workbook.lessons.winograd.tile_trials import CHANNELS


def layer() -> Panel[model.Tiled]:
    """Choose a map, channels and a tile; see what is saved, what is moved, and what becomes of the time."""
    return Panel(
        name="winograd.layer",
        title="Multiplications saved, time predicted and measured, over the side of the map; bytes and time of a layer",
        controls=(
            Slider("side", "side", model.SMALLEST_SIDE, model.LARGEST_SIDE, 56),
            Choice("channels", "channels", CHANNELS, 64),
            Choice("tile", "tile", tuple(model.TILES), "F(4,3)"),
        ),
        model=model.tiled,
        figure=figures.tiled_figure,
        readout=figures.tiled_readout,
        height=336,
        work="timing tiles on this machine",
        on_reference=model.tiled_on_reference,
    )


def points() -> Panel[model.Pointed]:
    """Choose the points of F(4,3); see the error in three types of number."""
    return Panel(
        name="winograd.points",
        title="The error of F(4,3) over its points, and the errors of other algorithms in three types of number",
        controls=(
            Slider("a", "a", model.UNIT, model.LARGEST * model.UNIT, 1.0, model.UNIT),
            Slider("b", "b", model.UNIT, model.LARGEST * model.UNIT, 2.0, model.UNIT),
        ),
        model=model.pointed,
        figure=figures.pointed_figure,
        readout=figures.pointed_readout,
        height=336,
        work="computing the error at every pair of points",
    )
