"""The figures of the panels of lesson 4: from a model's dataclass to a Figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from workbook.accelerator.area import KINDS, Design
from workbook.accelerator.five_lines import Lines
from workbook.accelerator.layer_cost import LayerCost
from workbook.drawing import COLORS, INK, name_marks
from workbook.lessons.hardware.model import (
    LARGEST_POWER,
    NO_LIMIT,
    PAY_PORTS,
    PAY_SECONDS,
    SWITCH_SECONDS,
    X1,
    Designed,
    Laid,
    Paying,
    Switched,
)

_MULTIPLIERS, _DRAM = COLORS[0], COLORS[1]
_GREY = "#777777"
_MARKS = dict(zip(KINDS, "s^o", strict=True))


def laid_readout(laid: Laid) -> str:
    """Say how many multipliers work, and what the layer takes on the chosen datapath and on the best."""
    yours, best = laid.yours, laid.best
    layer = yours.layer
    return (
        f"{layer.name}, {layer.shape}, {layer.macs / 1e6:.1f} million multiply-adds, {layer.macs_a_byte:.2f} a byte. "
        f"{yours.datapath}, {yours.mode}, {yours.traffic.stay} stay: {yours.cycles:,.0f} cycles, "
        f"{yours.utilisation:.1%} of {X1.macs} multipliers work, {_waits(yours)}; multipliers "
        f"{yours.compute_seconds * 1e6:.2f} µs, DRAM {yours.dram_seconds * 1e6:.2f} µs. Best: {best.datapath}, "
        f"{best.mode}: {best.cycles:,.0f} cycles, {best.utilisation:.1%}{_short_of_groups(laid)}"
    )


def _waits(cost: LayerCost) -> str:
    """Say how long the multipliers wait for the memory on the chip."""
    return f"{cost.idle_cycles:,.0f} cycles wait for a port" if cost.idle_cycles else "no port in the way"


def _short_of_groups(laid: Laid) -> str:
    """Say why there are fewer groups than were asked for, if there are."""
    used = laid.yours.datapath.group
    return f". C x K leave room for {used} along groups, not {laid.groups}" if used < laid.groups else ""


def laid_figure(laid: Laid) -> Figure:
    """Draw the utilisation over the multipliers along C and K, and beside it the time on three datapaths."""
    figure = Figure(figsize=(7.6, 3.5))
    _landscape(figure.add_axes((0.07, 0.14, 0.34, 0.74)), figure.add_axes((0.425, 0.14, 0.012, 0.74)), laid)
    page = figure.add_axes((0.5, 0.02, 0.5, 0.94), xlim=(0, 1), ylim=(6.4, 0))
    page.set_axis_off()
    rows = (("yours", laid.yours), ("textbook", laid.textbook), ("best for this layer", laid.best))
    longest = max(max(cost.compute_seconds, cost.dram_seconds) for _, cost in rows)
    for i, (name, cost) in enumerate(rows):
        _times(page, 2 * i, name, cost, longest)
    page.add_patch(Rectangle((0, 6.08), 0.03, 0.22, color=_MULTIPLIERS))
    page.text(0.05, 6.19, "multipliers, µs", va="center")
    page.add_patch(Rectangle((0.4, 6.08), 0.03, 0.22, color=_DRAM))
    page.text(0.45, 6.19, "DRAM, µs", va="center")
    return figure


def _map(axes: Axes, scale: Axes, numbers: npt.NDArray[np.float64], least: int, most: int) -> None:
    """Draw numbers as colours, and the scale of the colours."""
    look: dict[str, Any] = {"cmap": "viridis", "vmin": least, "vmax": most, "interpolation": "none", "aspect": "auto"}
    axes.imshow(numbers, origin="lower", **look)
    scale.imshow(np.linspace(most, least, 64)[:, None], extent=(0, 1, least, most), **look)
    scale.set(xticks=(), yticks=(least, most))
    scale.yaxis.tick_right()


def _landscape(axes: Axes, scale: Axes, laid: Laid) -> None:
    _map(axes, scale, laid.landscape, 0, 1)
    axes.plot(*laid.powers, "o", color="none", markeredgecolor="white", markersize=16, markeredgewidth=4)
    axes.plot(*laid.powers, "o", color="none", markeredgecolor=INK, markersize=16, markeredgewidth=2)
    names = [str(1 << power) for power in range(LARGEST_POWER + 1)]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("multipliers along C", labelpad=1)
    axes.set_ylabel("multipliers along K", labelpad=1)
    axes.set_title("share of multipliers at work")


def _times(axes: Axes, top: float, name: str, cost: LayerCost, longest: float) -> None:
    """Write a datapath's name and draw what multipliers and DRAM take below it."""
    axes.text(0, top + 0.3, f"{name}: {cost.datapath}", va="center")
    for i, (seconds, color) in enumerate(((cost.compute_seconds, _MULTIPLIERS), (cost.dram_seconds, _DRAM))):
        y = top + 0.6 + 0.52 * i
        width = 0.52 * seconds / longest
        axes.add_patch(Rectangle((0, y), width, 0.42, color=color))
        share = f", {cost.utilisation:.1%} at work" if i == 0 else ""
        axes.text(width + 0.02, y + 0.21, f"{_short(seconds * 1e6)}{share}", va="center")


def switched_readout(switched: Switched) -> str:
    """Say the five lines, and from which time on a switch never pays."""
    lines, curve = switched.lines, switched.curve
    times = ", ".join(f"{line.name} {line.seconds * 1e3:.3f} ms" for line in lines)
    return (
        f"{switched.network}, {switched.memory}{_ports(switched)}, a switch takes "
        f"{short_time(SWITCH_SECONDS[switched.step])}: {times}. "
        f"{lines.reconfigured.switches} switches, {lines.gain():.3f}× as fast as the best fixed datapath, at most "
        f"{lines.bound():.3f}×. {_pays_until(curve.seconds)}{_first_frame(lines)}"
    )


def _ports(switched: Switched) -> str:
    """Say how wide the ports of the memory on the chip are."""
    return "" if switched.memory == NO_LIMIT else f", ports of {switched.ports} bytes a cycle"


def _pays_until(seconds: float) -> str:
    return f"Pays up to {short_time(seconds)}" if seconds else "Never pays"


def _first_frame(lines: Lines) -> str:
    """Say what the first frame takes, which need not wait for the way back."""
    best = lines.reconfigured
    return f". The first frame takes {best.frame_seconds * 1e3:.3f} ms, without the way back" if best.switches else ""


def switched_figure(switched: Switched) -> Figure:
    """Draw the gain over the time of a switch, and beside it the five lines."""
    figure = Figure(figsize=(7.6, 3.5))
    _gains(figure.add_axes((0.065, 0.15, 0.5, 0.74)), switched)
    _bars(figure.add_axes((0.63, 0.02, 0.37, 0.94)), switched.lines)
    return figure


def _gains(axes: Axes, switched: Switched) -> None:
    fixed, curve = switched.curve.fixed_seconds, switched.curve
    gains = [fixed / seconds for seconds in curve.reconfigured_seconds]
    every = [fixed / seconds for seconds in switched.every_layer]
    top = 1.5 * fixed / curve.oracle_seconds
    here = SWITCH_SECONDS[switched.step]
    axes.hlines(1, SWITCH_SECONDS[0], SWITCH_SECONDS[-1], color=_GREY, linewidth=1)
    axes.hlines(fixed / curve.oracle_seconds, SWITCH_SECONDS[0], SWITCH_SECONDS[-1], color=INK, linewidth=1.2)
    axes.plot(SWITCH_SECONDS, gains, color=COLORS[0], linewidth=2.4, label="the best schedule")
    axes.plot(SWITCH_SECONDS, every, color=COLORS[1], linewidth=1.8, linestyle="--", label="always each layer's best")
    axes.vlines(here, 0, top, color=_GREY, linewidth=1, linestyle=":")
    axes.plot([here], [gains[switched.step]], "o", color=COLORS[0], markersize=10, markeredgecolor="white")
    axes.set(xscale="log", xlim=(SWITCH_SECONDS[0], SWITCH_SECONDS[-1]), ylim=(0, top))
    axes.set_xticks((1e-8, 1e-6, 1e-4, 1e-2), ("10 ns", "1 µs", "100 µs", "10 ms"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("time of a switch", labelpad=1)
    axes.set_title("× as fast as the best fixed datapath")
    axes.text(1.2e-8, fixed / curve.oracle_seconds + 0.015 * top, "free switches")
    axes.legend(loc="upper right", frameon=False, borderaxespad=0)


def _bars(axes: Axes, lines: Lines) -> None:
    axes.set(xlim=(0, 1), ylim=(5.3, -0.3))
    axes.set_axis_off()
    fixed = lines.fixed.seconds
    axes.text(0, -0.12, "ms a frame", va="center")
    for i, line in enumerate(lines):
        share = line.seconds / (2 * fixed)
        axes.text(0, i + 0.3, line.name, va="center")
        axes.add_patch(Rectangle((0, i + 0.48), 0.68 * min(share, 1), 0.34, color=COLORS[0], fill=i != 3))
        cut = " (cut)" if share > 1 else ""
        axes.text(0.68 * min(share, 1) + 0.02, i + 0.65, f"{_short(line.seconds * 1e3)}{cut}", va="center")


def paying_readout(paying: Paying) -> str:
    """Say the gain at the chosen place, its energy, and where it is largest."""
    lines, (i, j) = paying.lines, paying.at
    best = lines.reconfigured
    least, most = best.mj_band
    return (
        f"{paying.network}, {paying.memory}, a switch takes {short_time(PAY_SECONDS[i])}, ports of {PAY_PORTS[j]} "
        f"bytes a cycle: {best.switches} switches, {paying.gains[j, i]:.3f}× as fast as the best fixed datapath "
        f"({lines.fixed.datapaths[0]}), with {lines.energy():.3f}× its energy: {best.mj_per_image:.2f} mJ an image "
        f"({least:.2f} to {most:.2f} by published memories). Largest here: {paying.gains.max():.3f}×"
    )


def paying_figure(paying: Paying) -> Figure:
    """Draw the gain as a map over the time of a switch and the ports, and beside it the five lines."""
    figure = Figure(figsize=(7.6, 3.5))
    axes = figure.add_axes((0.095, 0.15, 0.45, 0.74))
    _map(axes, figure.add_axes((0.555, 0.15, 0.012, 0.74)), paying.gains, 1, 2)
    for j, row in enumerate(paying.gains):
        for i, gain in enumerate(row):
            axes.text(i, j, f"{gain:.2f}", ha="center", va="center", color=INK if gain > 1.6 else "white", fontsize=11)
    for color, width in (("white", 4), (INK, 2)):
        axes.plot(*paying.at, "s", color="none", markeredgecolor=color, markersize=29, markeredgewidth=width)
    axes.set_xticks(range(len(PAY_SECONDS)), [short_time(seconds).replace(" ", "\n") for seconds in PAY_SECONDS])
    axes.set_yticks(range(len(PAY_PORTS)), [str(ports) for ports in PAY_PORTS])
    axes.set_ylabel("ports, bytes a cycle", labelpad=1)
    axes.set_title("× as fast as the best fixed datapath")
    _bars(figure.add_axes((0.63, 0.02, 0.37, 0.94)), paying.lines)
    return figure


def designed_readout(designed: Designed) -> str:
    """Say what the machine takes and gives."""
    chosen, machine = designed.chosen, designed.chosen.machine
    return (
        f"{designed.network} on {machine.macs} multipliers, {machine.sram_kb:,.0f} KB, {machine.dram_gbs:g} GB/s, "
        f"{chosen.kind}: {chosen.area_mm2:.2f} mm² (45 nm), {chosen.watts:.2f} W, {chosen.fps:,.0f} images/s, "
        f"{chosen.schedule.mj_per_image:.3f} mJ an image, {chosen.schedule.switches} switches, "
        f"{chosen.schedule.dram_bound:.0%} of the time waits for DRAM"
    )


def _numbers(found: Design) -> str:
    macs = found.machine.macs
    return f"{macs:,} multipliers: {found.fps:,.0f} images/s, {found.area_mm2:.2f} mm², {found.watts:.2f} W"


def designed_figure(designed: Designed) -> Figure:
    """Draw images a second over area and over power, for every number of multipliers and three kinds of datapath."""
    figure = Figure(figsize=(7.6, 3.5))
    left = figure.add_axes((0.1, 0.15, 0.4, 0.74))
    right = figure.add_axes((0.57, 0.15, 0.4, 0.74))
    chosen = designed.chosen
    for kind, color in zip(KINDS, COLORS, strict=False):
        designs = designed.others(kind)
        fps = [found.fps for found in designs]
        for axes, amounts in ((left, [d.area_mm2 for d in designs]), (right, [d.watts for d in designs])):
            (marks,) = axes.plot(
                amounts, fps, color=color, marker=_MARKS[kind], markersize=6, linewidth=1.4, label=kind
            )
            name_marks(marks, [f"{kind}, {_numbers(found)}" for found in designs])
    for axes, amount in ((left, chosen.area_mm2), (right, chosen.watts)):
        axes.plot([amount], [chosen.fps], "o", color="none", markeredgecolor=INK, markersize=15, markeredgewidth=2)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
    left.set_xlabel("mm² of 45 nm: multipliers and memory", labelpad=1)
    left.set_title("images a second")
    right.set_xlabel("W, DRAM included", labelpad=1)
    right.set(ylim=left.get_ylim(), yticks=())  # as on the left; ticks take longest to draw
    left.legend(loc="upper left", frameon=False, borderaxespad=0)
    return figure


def _short(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def short_time(seconds: float) -> str:
    """Write a time with a unit that suits it."""
    for unit, size in (("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= size * (1 - 1e-9):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:g} s"
