"""The panels of lesson 4: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.accelerator.area import KINDS
from workbook.lessonkit.panel import Choice, Panel, Slider
from workbook.lessons.hardware import figures, model


def layer() -> Panel[model.Laid]:
    """Lay 4096 lanes for a layer by hand; see how many of them work, and what the best datapath does."""
    most = model.LARGEST_POWER
    return Panel(
        name="hardware.layer",
        title="Lanes that work over the lanes along input and output channels, and the time of a layer",
        controls=(
            Slider("C", "C: 2^n", 0, most, 4),
            Slider("K", "K: 2^n", 0, most, 4),
            Choice("kind", "layer", tuple(model.LAYERS), "1x1 wide"),
        ),
        model=model.laid,
        figure=figures.laid_figure,
        readout=figures.laid_readout,
        height=336,
        advanced=(Slider("group", "groups: 2^n", 0, most, 0),),
    )


def switch() -> Panel[model.Switched]:
    """Choose what a switch costs; see when it pays, and the five lines."""
    return Panel(
        name="hardware.switch",
        title="Frames a second over those of the best fixed datapath, over the time of a switch; the five lines",
        controls=(
            Slider("step", "switch, step", 0, len(model.SWITCH_SECONDS) - 1, model.STEP),
            Choice("network", "network", model.NETWORKS, "mobilenet_v2"),
            Choice("memory", "memory", model.MEMORIES, model.MEMORIES[0]),
        ),
        model=model.switched,
        figure=figures.switched_figure,
        readout=figures.switched_readout,
        height=336,
    )


def design() -> Panel[model.Designed]:
    """Choose lanes, memory and a kind of datapath; see images a second, area and power."""
    return Panel(
        name="hardware.design",
        title="Images a second over area and over power, for three kinds of datapath",
        controls=(
            Slider("lanes", "lanes: 2^n", model.SMALLEST_LANES, model.LARGEST_LANES, 10),
            Slider("memory", "KB: 2^n", model.SMALLEST_KB, model.LARGEST_KB, 10),
            Choice("kind", "datapath", KINDS, "laid anew"),
        ),
        model=model.designed,
        figure=figures.designed_figure,
        readout=figures.designed_readout,
        height=336,
        advanced=(
            Choice("network", "network", model.NETWORKS, "mobilenet_v2"),
            Slider("overhead", "overhead, %", 0, 30, 20),
            Slider("dram", "DRAM, GB/s", 4, 64, 17),
        ),
    )
