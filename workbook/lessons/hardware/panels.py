"""The panels of lesson 4: which controls move which model, and how it is shown."""

from __future__ import annotations

from workbook.accelerator.area import KINDS
from workbook.lessonkit.controls import Choice, Slider, Steps, powers_of_two
from workbook.lessonkit.panel import Panel
from workbook.lessons.hardware import figures, model


def layer() -> Panel[model.Laid]:
    """Place 4096 multipliers for a layer by hand; see how many of them work, and what the best datapath does."""
    along = powers_of_two(0, model.LARGEST_POWER)

    def laid(C: int, K: int, kind: str, group: int) -> model.Laid:
        return model.laid(_power(C), _power(K), kind, _power(group))

    return Panel(
        name="hardware.layer",
        title="Multipliers that work, over how many lie along input and output channels; the time of a layer",
        controls=(
            Steps("C", "along C", along, 16),
            Steps("K", "along K", along, 16),
            Choice("kind", "layer", tuple(model.LAYERS), "1x1 wide"),
        ),
        model=laid,
        figure=figures.laid_figure,
        readout=figures.laid_readout,
        height=336,
        advanced=(Steps("group", "along groups", along, 1),),
    )


def switch() -> Panel[model.Switched]:
    """Choose what a switch costs; see when it pays, and the five lines."""
    times = model.SWITCH_SECONDS

    def switched(seconds: float, network: str, memory: str, ports: int) -> model.Switched:
        return model.switched(times.index(seconds), network, memory, ports)

    return Panel(
        name="hardware.switch",
        title="Frames a second over those of the best fixed datapath, over the time of a switch; the five lines",
        controls=(
            Steps("seconds", "a switch takes", times, times[model.STEP], figures.short_time),
            Choice("network", "network", model.NETWORKS, "mobilenet_v2"),
            Choice("memory", "memory", model.MEMORIES, model.MEMORIES[0]),
        ),
        model=switched,
        figure=figures.switched_figure,
        readout=figures.switched_readout,
        height=336,
        advanced=(Steps("ports", "ports, bytes a cycle", model.PORTS, 256),),
    )


def pays() -> Panel[model.Paying]:
    """Choose what a switch takes and what a cycle may read; see when flexible hardware pays."""
    times, ports = model.PAY_SECONDS, model.PAY_PORTS
    return Panel(
        name="hardware.pays",
        title="Gain over the best fixed datapath, over the time of a switch and the ports of the memory on the chip",
        controls=(
            Steps("seconds", "a switch takes", times, 4e-6, figures.short_time),
            Steps("ports", "ports, bytes a cycle", ports, 256),
            Choice("network", "network", model.NETWORKS, "mobilenet_v2"),
        ),
        model=model.paying,
        figure=figures.paying_figure,
        readout=figures.paying_readout,
        height=336,
        advanced=(Choice("memory", "memory", model.MEMORIES[:-1], model.ENDLESS),),
    )


def design() -> Panel[model.Designed]:
    """Choose multipliers, memory and a kind of datapath; see images a second, area and power."""
    counts = powers_of_two(model.SMALLEST_MULTIPLIERS, model.LARGEST_MULTIPLIERS)

    def designed(multipliers: int, memory: int, kind: str, network: str, overhead: int, dram: int) -> model.Designed:
        return model.designed(_power(multipliers), _power(memory), kind, network, overhead, dram)

    return Panel(
        name="hardware.design",
        title="Images a second over area and over power, for three kinds of datapath",
        controls=(
            Steps("multipliers", "multipliers", counts, 1024),
            Steps("memory", "memory, KB", powers_of_two(model.SMALLEST_KB, model.LARGEST_KB), 1024),
            Choice("kind", "datapath", KINDS, "reconfigured"),
        ),
        model=designed,
        figure=figures.designed_figure,
        readout=figures.designed_readout,
        height=336,
        advanced=(
            Choice("network", "network", model.NETWORKS, "mobilenet_v2"),
            Slider("overhead", "overhead, %", 0, 30, 20),
            Slider("dram", "DRAM, GB/s", 4, 64, 17),
        ),
    )


def _power(value: int) -> int:
    """Return the exponent of a power of two."""
    return value.bit_length() - 1
