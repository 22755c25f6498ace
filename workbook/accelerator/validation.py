"""The model beside published numbers: what it reproduces, where it fails, and what nobody outside can check.

Every number of ours comes from a function that is given parameters and not the published result. The tests assert these
rows; the README and the notebook print the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from workbook.accelerator import published_results
from workbook.accelerator.datapath import Datapath, suits_winograd
from workbook.accelerator.five_lines import five_lines
from workbook.accelerator.layer_cost import cost
from workbook.accelerator.machine import Machine, Reconfiguration, Winograd
from workbook.accelerator.nvdla import network_cycles, sheet_resnet50
from workbook.accelerator.presets import EFLX_BITS, NVDLA_TABLE, PRESETS
from workbook.accelerator.schedule import switch_seconds
from workbook.accelerator.systolic import weight_stationary_cycles
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
    bound : float or None
        The relative error that is allowed; none where ours is a bound of its own, which nothing real may pass.
    source : str
    note : str
        What the difference means.
    """

    check: str
    case: str
    published: float
    ours: float
    unit: str
    bound: float | None
    source: str
    note: str = ""

    @property
    def error(self) -> float:
        """Ours over the published number, less 1."""
        return self.ours / self.published - 1

    @property
    def holds(self) -> bool:
        """Whether the error is within the bound; for a limit, whether the published number does not pass it."""
        return self.error >= 0 if self.bound is None else abs(self.error) <= self.bound + _ROUNDING

    @property
    def expected(self) -> str:
        """The bound in words."""
        if self.bound is None:
            return "published <= ours"
        return "exact" if self.bound == 0 else f"within {self.bound:.1%}"


@cache
def validation() -> tuple[Row, ...]:
    """Compute all rows."""
    checks = (_nvdla, _systolic, _configuration, _winograd, _x1, _eyeriss_alexnet, _eyeriss_vgg16, _dpu)
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
        "The DPU on networks whose layers are not listed; its ResNet-50 is another version than the paper's.",
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
        yield Row("NVDLA, configurations", f"{macs} MACs, {kb} KB, {gbs} GB/s", fps, ours, "images/s", 0.015, primer)


def _systolic() -> Iterator[Row]:
    for R, C, T, depth, columns, cycles in published_results.SCALE_SIM:
        ours = weight_stationary_cycles(R, C, T, depth, columns)
        case = f"{R}x{C}, T = {T}, {depth}x{columns}"
        yield Row("SCALE-Sim, weights stay", case, cycles, ours, "cycles", 0, "scalesim 3.0, its report")


def _configuration() -> Iterator[Row]:
    for name, bits, mhz, mbs in published_results.PORTS:
        port = Reconfiguration(bits=0, port_bits=bits, port_mhz=mhz)
        yield Row("configuration ports", f"{name}, {bits} bits, {mhz} MHz", mbs, port.port_mbs, "MB/s", 0, "AMD UG909")
    rows, frames, luts, bits, bits_of_lut = published_results.FABULOUS
    where = "FABulous documentation"
    yield Row("configuration bits", f"FABulous tile, {rows} x {frames}", bits, rows * frames, "bits", 0, where)
    yield Row("configuration bits", f"for each of {luts} LUT4", bits_of_lut, rows * frames / luts, "bits", 0, where)


def winograd_gain(workload: Workload, winograd: Winograd) -> float:
    """Amdahl's law on the multiply-adds that Winograd saves: 1 / (1 - share (1 - 1/gain))."""
    share = sum(layer.macs for layer in workload.layers if suits_winograd(layer)) / workload.macs
    return 1 / (1 - share * (1 - 1 / winograd.gain))


def _winograd() -> Iterator[Row]:
    for name, gain in published_results.WINOGRAD_GAINS.items():
        ours = winograd_gain(WORKLOADS[name](), Winograd(tile=2))
        yield Row("Winograd's gain", f"InferX X1, {name}", gain, ours, "x", 0.04, "Flex Logix, InferX X1")


def _x1() -> Iterator[Row]:
    x1, network, fps = PRESETS["x1"], yolov3(1080, 1920), published_results.X1_YOLOV3_FPS
    computing = five_lines(network, x1.but(dram_gbs=float("inf")), [network]).reconfigured
    where = "Flex Logix, 2019"
    case = "YOLOv3 1920x1080, without DRAM"
    note = f"implies {fps / computing.fps:.0%} of what the multipliers can do"
    yield Row("InferX X1, multipliers", case, fps, computing.fps, "images/s", None, where, note)
    with_dram = five_lines(network.fused(x1.sram_kb), x1, [network]).reconfigured
    note = "layer by layer there is too little DRAM bandwidth: the chip must pass tiles through several layers at once"
    yield Row(
        "InferX X1, DRAM", "YOLOv3 1920x1080, with DRAM", fps, with_dram.fps, "images/s", None, where, note
    )  # fmt: skip


def active_units_ms(layer: Layer, units: int, machine: Machine) -> float:
    """Milliseconds of a layer on so many units that never wait."""
    return layer.macs / (units * machine.clock_hz) * 1e3


def _eyeriss(check: str, network: Workload, table: dict[str, tuple[int, float]], source: str) -> Iterator[Row]:
    layers = {layer.name: layer for layer in network.layers}
    for name, (units, ms) in table.items():
        ours = active_units_ms(layers[name], units, PRESETS["eyeriss"])
        wide = "a wide image is folded onto the array, which the formula leaves out" if layers[name].W > 28 else ""
        yield Row(check, f"{name}, {units} units", ms, ours, "ms", 0.20, source, wide if "VGG" in check else "")


def _eyeriss_alexnet() -> Iterator[Row]:
    where = "JSSC 52(1) 2017, table V"
    rows = list(_eyeriss("Eyeriss, AlexNet", alexnet().with_batch(4), published_results.EYERISS_ALEXNET, where))
    yield from rows
    measured, ours = sum(row.published for row in rows), sum(row.ours for row in rows)
    yield Row("Eyeriss, AlexNet", "all convolutions", measured, ours, "ms", 0.20, where)


def _eyeriss_vgg16() -> Iterator[Row]:
    where = "JSSC 52(1) 2017, table VI"
    yield from _eyeriss("Eyeriss, VGG-16", vgg16().with_batch(3), published_results.EYERISS_VGG16, where)


def dpu_fps(workload: Workload, machine: Machine, depthwise: Datapath) -> float:
    """Images a second on the DPU: its array, and for depthwise layers its second engine (PG338, DepthwiseConv)."""
    engines = ((layer, depthwise if layer.groups > 1 else machine.array) for layer in workload.layers)
    return 1 / sum(cost(layer, engine, machine).seconds for layer, engine in engines)


def _dpu() -> Iterator[Row]:
    machine = PRESETS["dpu_kv260"]
    for name, fps in published_results.DPU_FPS.items():
        network = WORKLOADS[name]()
        ours = dpu_fps(network, machine, depthwise=Datapath(pixel=4, group=16))
        real, model = (network.macs * rate / (machine.macs * machine.clock_hz) for rate in (fps, ours))
        note = f"{real:.0%} of the multipliers' peak, {model:.0%} by the model"
        yield Row("DPU on a KV260", name, fps, ours, "images/s", None, "Vitis AI 2.5 model zoo", note)
