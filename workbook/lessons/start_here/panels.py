"""The panels of lesson 0: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.lessonkit.controls import Choice, Slider
from workbook.lessonkit.panel import Panel
from workbook.lessons.start_here import figures, model
from workbook.measuring.topologies import NETWORKS


def roof() -> Panel[model.NetworkOnRoof]:
    """Choose a network, how many images go through it at once, and whether its weights come from memory."""
    return Panel(
        name="start_here.roof",
        title="Multiply-adds a second that one core can do at most, for each layer of a network",
        controls=(
            Choice("network", "network", tuple(NETWORKS), "MobileNetV2"),
            Slider("batch", "images at once", 1, 64, 1),
            Choice("weights", "weights", model.WEIGHTS, model.WEIGHTS[0]),
        ),
        model=model.on_roof,
        figure=figures.roof_figure,
        readout=figures.roof_readout,
        height=346,
        on_reference=model.on_reference_roof,
    )
