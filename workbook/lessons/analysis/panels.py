"""The panels of lesson 6: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.advisor.input_shapes import SIDE
from workbook.lessonkit.controls import Choice, Steps, powers_of_two
from workbook.lessonkit.panel import Panel
from workbook.lessons.analysis import figures, model


def tools() -> Panel[model.Tooled]:
    """Choose a network, or a file of the working folder, and a machine; see what each tool leaves of its time."""
    return Panel(
        name="analysis.tools",
        title="Time of a network on an accelerator, tool by tool, and what several images at once do",
        controls=(
            Steps("images", "images at once", powers_of_two(0, model.MOST_IMAGES), 1),
            Choice("network", "network", model.networks(), "resnet50"),
            Choice("machine", "machine", model.MACHINES, "x1"),
        ),
        advanced=(Steps("side", "side of the image, where the network leaves it open", model.SIDES, SIDE),),
        model=model.tooled,
        figure=figures.tooled_figure,
        readout=figures.tooled_readout,
        height=317,
    )


def scenario() -> Panel[model.Judged]:
    """Choose a design for somebody's camera; see which limits it keeps."""

    def judged(images: int, scenario: str, type: str, datapath: str) -> model.Judged:
        return model.judged(scenario, type, datapath, images)

    return Panel(
        name="analysis.scenario",
        title="Rate, latency, loss of accuracy and power of a design, each as a share of its limit",
        controls=(
            Steps("images", "images at once", powers_of_two(0, 4), 1),
            Choice("scenario", "scenario", tuple(model.SCENARIOS), "factory inspection"),
            Choice("type", "type", model.TYPES, "int8"),
        ),
        advanced=(Choice("datapath", "datapath", model.DATAPATHS, "own array"),),
        model=judged,
        figure=figures.judged_figure,
        readout=figures.judged_readout,
        height=259,
    )
