"""The model beside published numbers: what it reproduces, where it fails, and what nobody outside can check.

Every number of ours comes from a function that is given parameters and not the published result. A row says whether it
runs the model, `cost`, as the lesson and the sweeps do, or checks a formula beside it; and what was fitted to the rows
of its check, if anything was. The tests assert these rows; the README and the notebook print the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from workbook.accelerator import published_results
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.depth_first import depth_first, schedule_stacks, stacks
from workbook.accelerator.layer_cost import LayerCost, cost
from workbook.accelerator.machine import Machine, Reconfiguration
from workbook.accelerator.nvdla import network_cycles, sheet_resnet50
from workbook.accelerator.presets import EFLX_BITS, NVDLA_TABLE, PRESETS
from workbook.accelerator.schedule import fixed, reconfigured, switch_seconds
from workbook.accelerator.systolic import output_stationary_cycles, weight_stationary_cycles
from workbook.accelerator.workload import WORKLOADS, Layer, Workload, alexnet, resnet50, vgg16, yolov3

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Row:
    """One published number beside ours.

    Attributes
    ----------
    check : str
        The group that it belongs to.
    case : str
    published, ours : float
    unit : str
    bound : float
        The relative error that is allowed, upwards and downwards.
    source : str
    note : str
        What the difference means.
    model : bool
        Whether ours is `cost`'s, and not that of a formula of its own.
    fitted : str
        What was chosen so that rows of this check agree; empty if nothing was.
    least : float or None
        Where ours is an interval, its other end, because how the chip does it is not published. The bound is that of
        the nearer end.
    """

    check: str
    case: str
    published: float
    ours: float
    unit: str
    bound: float
    source: str
    note: str = ""
    model: bool = False
    fitted: str = ""
    least: float | None = None

    @property
    def error(self) -> float:
        """Ours over the published number, less 1; 0 if that lies in our interval."""
        if self.least is not None and self.least <= self.published:
            return min(0.0, self.ours / self.published - 1)
        return (self.ours if self.least is None else self.least) / self.published - 1

    @property
    def holds(self) -> bool:
        """Whether the error is within the bound."""
        return abs(self.error) <= self.bound + _ROUNDING

    @property
    def expected(self) -> str:
        """The bound in words."""
        if self.least is not None:
            return "in the interval"
        return "exact" if self.bound == 0 else f"within {self.bound:.1%}"


@cache
def validation() -> tuple[Row, ...]:
    """Compute all rows."""
    checks = (
        _eyeriss_alexnet, _eyeriss_vgg16, _dpu, _nvdla_by_cost, _winograd, _x1, _zigzag, _nvdla, _systolic,
        _systolic_outputs, _configuration,
    )  # fmt: skip
    return tuple(row for check in checks for row in check())


def unchecked() -> tuple[str, ...]:
    """Say in plain words what nothing public can check."""
    x1 = PRESETS["x1"]
    seconds, rate = switch_seconds(x1), EFLX_BITS / 8 / switch_seconds(x1) / 1e9
    return (
        f"A switch of {seconds * 1e6:.0f} us. The vendor says microseconds and shows no measurement. {EFLX_BITS:,} "
        f"bits in that time need a port of {rate:.0f} GB/s.",
        "What a change of layout costs on the X1: its memories are not described.",
        "Energy of one layer on any of these chips: only totals are published, so the energies compare datapaths.",
        "Which datapaths the X1's compiler chooses: the schedule is the best there is, not the one it runs.",
        "The DPU on networks whose layers are not listed.",
    )


def _nvdla() -> Iterator[Row]:
    sheet, primer = "NVDLA performance sheet, ResNet-50", "NVDLA primer, table of configurations"
    cycles = network_cycles(sheet_resnet50(), macs=2048, sram_kb=512, dram_gbs=10)
    note = "the sheet gives Res2a_branch2a 256 input channels, and so do we here"
    yield Row("NVDLA, sheet", "ResNet-50, all layers", published_results.NVDLA_CYCLES, cycles, "cycles", 0, sheet, note)
    cycles = network_cycles(resnet50("1"), macs=2048, sram_kb=512, dram_gbs=10)
    note = "the same with the network's own 64 channels there"
    yield Row(
        "NVDLA, network", "ResNet-50, 64 channels", published_results.NVDLA_CYCLES, cycles, "cycles", 0.01, sheet, note
    )
    for (macs, kb, gbs, _), fps in zip(NVDLA_TABLE, published_results.NVDLA_FPS, strict=True):
        ours = 1e9 / network_cycles(sheet_resnet50(), macs, kb, gbs)
        yield Row("NVDLA, sheet's table", f"{macs} MACs, {kb} KB, {gbs} GB/s", fps, ours, "images/s", 0.015, primer)


def _systolic() -> Iterator[Row]:
    for R, C, T, depth, columns, cycles in published_results.SCALE_SIM:
        ours = weight_stationary_cycles(R, C, T, depth, columns)
        case = f"{R}x{C}, T = {T}, {depth}x{columns}"
        yield Row("SCALE-Sim, weights stay", case, cycles, ours, "cycles", 0, "scalesim 3.0, its report")


def _systolic_outputs() -> Iterator[Row]:
    for T, depth, columns, cycles in published_results.SCALE_SIM_OUTPUTS:
        ours = output_stationary_cycles(64, 64, T, depth, columns)
        where = "scalesim 3.0, docs/other_models.md"
        yield Row("SCALE-Sim, outputs stay", f"64x64, T = {T}, {depth}x{columns}", cycles, ours, "cycles", 0, where)


def _configuration() -> Iterator[Row]:
    for name, bits, mhz, mbs in published_results.PORTS:
        port = Reconfiguration(bits=0, port_bits=bits, port_mhz=mhz)
        yield Row("configuration ports", f"{name}, {bits} bits, {mhz} MHz", mbs, port.port_mbs, "MB/s", 0, "AMD UG909")
    rows, frames, luts, bits, bits_of_lut = published_results.FABULOUS
    where = "FABulous documentation"
    yield Row("configuration bits", f"FABulous tile, {rows} x {frames}", bits, rows * frames, "bits", 0, where)
    yield Row("configuration bits", f"for each of {luts} LUT4", bits_of_lut, rows * frames / luts, "bits", 0, where)


def winograd_gain(workload: Workload, machine: Machine) -> float:
    """How many times as fast a network is with Winograd's mode, each time on its best fixed datapath, without DRAM."""
    endless = machine.but(dram_gbs=math.inf)
    plain, mode = (fixed(evaluate(workload, endless, winograd=with_it)).seconds for with_it in (False, True))
    return plain / mode


def _winograd() -> Iterator[Row]:
    for name, gain in published_results.WINOGRAD_GAINS.items():
        ours = winograd_gain(WORKLOADS[name](), PRESETS["x1"])
        note = "the published gains have one decimal"
        yield Row("Winograd's gain", name, gain, ours, "x", 0.04, "Flex Logix, InferX X1", note, model=True)


def x1_fps(*, stacked: bool) -> float:
    """Images a second of YOLOv3 at 1920x1080 on the X1, with all overlap: layer by layer, or depth-first in stacks."""
    x1 = PRESETS["x1"]
    network = yolov3(1080, 1920).fused(x1.sram_kb)
    if not stacked:
        return reconfigured(evaluate(network, x1)).fps
    found = stacks(network, x1.sram_kb)
    return 1 / schedule_stacks(evaluate(depth_first(network, found), x1), found).reconfigured_seconds


def _x1() -> Iterator[Row]:
    least = x1_fps(stacked=False)
    note = "from each layer through DRAM to bands of rows through many layers: how the chip does it is not published"
    case, where = "YOLOv3 1920x1080", "Flex Logix, 2019"
    ours, published = x1_fps(stacked=True), published_results.X1_YOLOV3_FPS
    yield Row("InferX X1", case, published, ours, "images/s", 0.0, where, note, model=True, least=least)


def zigzag_case(name: str) -> tuple[LayerCost, Machine]:
    """Return what ZigZag was given: a layer of ResNet-50 alone on the X1's array, in the direct mode."""
    machine = PRESETS["x1"].but(winograd=None)
    (layer,) = (layer for layer in resnet50().layers if layer.name == name)
    return cost(replace(layer, pooled=None, added=False), machine.array, machine), machine


def _zigzag() -> Iterator[Row]:
    note = "the same machine, mapping and loops; ours from perfect overlap of computing and DRAM to none"
    for name, cycles in published_results.ZIGZAG_CYCLES.items():
        chosen, machine = zigzag_case(name)
        least, most = (seconds * machine.clock_hz for seconds in chosen.band)
        where = "zigzag-dse 3.9.1, docs/other_models.md"
        yield Row("ZigZag, same loops", name, cycles, most, "cycles", 0.0, where, note, model=True, least=least)


_SETS = {11: 7, 5: 27}  # lines that a set of units computes side by side, for large filters (JSSC 2017, section V)
STRIP = "a strip of 4 KB"
OVERLAP = "no overlap of computing and DRAM"


def row_stationary(layer: Layer, units: int) -> Datapath:
    """Return Eyeriss's mapping: rows of the filter x lines of the output, in as many sets as make the active units.

    163 units, a mean, are taken as the 168 that the other layers of the size have.
    """
    lines = _SETS.get(layer.R) or (13 if units % 13 == 0 else 14)
    sets = round(units / (layer.R * lines))
    return Datapath(K=sets, pixel=lines, tap=layer.R)


def eyeriss_ms(layer: Layer, units: int, machine: Machine | None = None) -> float:
    """Milliseconds of processing by `cost`, DRAM left out as in the paper's tables.

    Parameters
    ----------
    layer : Layer
        Of 16 bits.
    units : int
        That were active.
    machine : Machine, optional
        Eyeriss, or what is to be compared with it.
    """
    endless = (machine or PRESETS["eyeriss"]).but(dram_gbs=math.inf)
    return 1e3 * cost(layer, row_stationary(layer, units), endless).compute_seconds


def without_sums(machine: Machine) -> Machine:
    """Return a machine whose sums never wait for a port: what the model was before it knew of them."""
    return machine.but(on_chip__sum_bytes=math.inf)


def _eyeriss(
    check: str, network: Workload, table: dict[str, tuple[int, float]], source: str, fitted: str = ""
) -> Iterator[Row]:
    layers = {layer.name: layer for layer in network.with_type("int16").layers}
    for name, (units, ms) in table.items():
        ours = eyeriss_ms(layers[name], units)
        plain = eyeriss_ms(layers[name], units, without_sums(PRESETS["eyeriss"]))
        note = f"{plain / ms - 1:+.1%} if sums never wait" if plain < ours else ""
        yield Row(check, f"{name}, {units} units", ms, ours, "ms", 0.20, source, note, model=True, fitted=fitted)


def _eyeriss_alexnet() -> Iterator[Row]:
    where = "JSSC 52(1) 2017, table V"
    rows = list(_eyeriss("Eyeriss, AlexNet", alexnet().with_batch(4), published_results.EYERISS_ALEXNET, where))
    yield from rows
    measured, ours = sum(row.published for row in rows), sum(row.ours for row in rows)
    yield Row("Eyeriss, AlexNet", "all convolutions", measured, ours, "ms", 0.20, where, model=True)


def _eyeriss_vgg16() -> Iterator[Row]:
    where = "JSSC 52(1) 2017, table VI"
    yield from _eyeriss("Eyeriss, VGG-16", vgg16().with_batch(3), published_results.EYERISS_VGG16, where, STRIP)


def dpu_fps(workload: Workload, machine: Machine, depthwise: Datapath, *, overlap: bool) -> float:
    """Images a second on the DPU: its array, and for depthwise layers its second engine (PG338, DepthwiseConv)."""
    engines = ((layer, depthwise if layer.groups > 1 else machine.array) for layer in workload.layers)
    return 1 / sum(cost(layer, engine, machine, overlap=overlap).seconds for layer, engine in engines)


def vgg19() -> Workload:
    """VGG-19: VGG-16 with one more layer in each of the last three stages."""
    layers = []
    for layer in vgg16().layers:
        layers.append(layer)
        if layer.name in ("conv3_2", "conv4_2", "conv5_2"):
            layers.append(replace(layer, name=f"{layer.name}b"))
    return Workload("vgg19", tuple(layers))


def _dpu() -> Iterator[Row]:
    machine, engine = PRESETS["dpu_kv260"], Datapath(pixel=4, group=16)
    networks = {**{name: WORKLOADS[name] for name in published_results.DPU_FPS if name in WORKLOADS}, "vgg19": vgg19}
    for name, fps in published_results.DPU_FPS.items():
        network = networks[name]()
        ours = dpu_fps(network, machine, engine, overlap=False)
        real = network.macs * fps / (machine.macs * machine.clock_hz)
        all_overlap = dpu_fps(network, machine, engine, overlap=True) / fps - 1
        note = f"{real:.0%} of the multipliers' peak; {all_overlap:+.1%} with all overlap"
        where = "Vitis AI 2.5 model zoo"
        yield Row("DPU on a KV260", name, fps, ours, "images/s", 0.15, where, note, model=True, fitted=OVERLAP)


_NVDLA_NOTE = (
    "NVIDIA's figures are its sheet's: a stride is folded into channels, so a 1x1 layer of stride 2 has four times the "
    "weights, and small memories read them again"
)


def _nvdla_by_cost() -> Iterator[Row]:
    network, where = resnet50("1"), "NVDLA primer, table of configurations"
    for (macs, kb, gbs, array), fps in zip(NVDLA_TABLE, published_results.NVDLA_FPS, strict=True):
        machine = PRESETS[f"nvdla_{macs}"]
        ours = 1 / sum(cost(layer, array, machine).seconds for layer in network.layers)
        case = f"{macs} MACs, {kb} KB, {gbs} GB/s"
        yield Row("NVDLA, by cost()", case, fps, ours, "images/s", 0.15, where, _NVDLA_NOTE, model=True)
