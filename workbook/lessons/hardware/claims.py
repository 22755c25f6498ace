"""The numbers that lesson 4 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from workbook.accelerator.datapath import Datapath, cycles
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.depth_first import DepthFirst, depth_first, schedule_stacks, stacks
from workbook.accelerator.five_lines import Lines, break_even, five_lines
from workbook.accelerator.layer_cost import cost
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.presets import EFLX_BITS, PRESETS
from workbook.accelerator.published_results import DPU_FPS, EYERISS_VGG16, WINOGRAD_GAINS, X1_YOLOV3_FPS
from workbook.accelerator.schedule import switch_seconds
from workbook.accelerator.validation import eyeriss_ms, without_sums, x1_fps
from workbook.accelerator.workload import WORKLOADS, Layer
from workbook.lessonkit.claim import Claim, cited, computed, measured
from workbook.lessons.hardware import one_core
from workbook.lessons.hardware.exercises import AREA_MM2, LEAST_FPS, WATTS
from workbook.lessons.hardware.model import MEMORIES, X1, setting

_ENDLESS, _RESIDENT, _FUSED, _BY_LAYER, _NO_LIMIT = MEMORIES
_NAMES = {
    "resnet50": "ResNet-50",
    "vgg16": "VGG-16",
    "mobilenet_v2": "MobileNetV2",
    "yolov3_416": "YOLOv3",
}

_DENSE = Layer("dense", 16, 2, 2, 16, 2, 2)
_DEPTHWISE = Layer("depthwise", 16, 4, 4, 16, 4, 4, 3, 3, groups=16)
_HAND = {"array": Datapath(C=4, K=4), "pixels": Datapath(pixel=16)}


@cache
def _lines(
    network: str, memory: str = _ENDLESS, batch: int = 1, overhead: float = 0, contexts: int = 1, winograd: bool = True
) -> Lines:
    workload, machine = setting(network, memory, batch)
    machine = machine.but(reconfiguration__contexts=contexts)
    return five_lines(workload, machine, overhead=overhead, winograd=winograd)


def _gain(network: str, memory: str = _ENDLESS, batch: int = 1, overhead: float = 0, contexts: int = 1) -> float:
    return _lines(network, memory, batch, overhead, contexts).gain()


def _over_textbook(network: str) -> float:
    return _lines(network).gain("textbook")


def _over_channels(network: str) -> float:
    """Over 64 x 64 multipliers whose rows take channels only."""
    workload, machine = setting(network)
    seconds = sum(cost(found, machine.array, machine).seconds for found in workload.layers)
    return seconds / _lines(network).reconfigured.seconds


def _bound(network: str, memory: str = _ENDLESS) -> float:
    return _lines(network, memory).bound()


def _every_layer(network: str) -> float:
    """Each layer on its own best datapath, every switch paid, over the best fixed datapath."""
    lines = _lines(network)
    return lines.fixed.seconds / (lines.oracle.seconds + lines.oracle.switches * switch_seconds(X1))


def _bound_with_ports(network: str, ports: int) -> float:
    workload, machine = setting(network)
    return five_lines(workload, machine.but(on_chip=OnChip(ports, ports, ports))).bound()


def _eyeriss_error(network: str, waits: bool) -> float:
    """Per cent by which a layer's time by the model lies below the published one; sums may wait for their port."""
    (layer,) = (found for found in WORKLOADS[network]().with_batch(3).layers if found.name == "conv2_2")
    units, ms = EYERISS_VGG16[layer.name]
    machine = PRESETS["eyeriss"] if waits else without_sums(PRESETS["eyeriss"])
    return 100 * (1 - eyeriss_ms(replace(layer, type="int16"), units, machine) / ms)


@cache
def _break_even_us(network: str, batch: int = 1) -> float:
    return 1e6 * break_even(*setting(network, batch=batch), []).seconds


def _winograd(network: str) -> float:
    return _lines(network, winograd=False).fixed.seconds / _lines(network).fixed.seconds


def _dpu_share(network: str) -> float:
    """Per cent of the peak that the vendor's frames a second amount to."""
    dpu = PRESETS["dpu_kv260"]
    return 100 * DPU_FPS[network] * WORKLOADS[network]().macs / (dpu.macs * dpu.clock_hz)


def _spread(network: str) -> float:
    """Of the layers that are convolutions."""
    counts = [found.macs_a_byte for found in setting(network)[0].layers if found.H > 1]
    return max(counts) / min(counts)


def _macs_a_byte(network: str, stage: str) -> float:
    """Multiply-adds over bytes of all layers of a stage together, each tensor moved once."""
    layers = [found for found in setting(network)[0].layers if found.name.startswith(stage)]
    return sum(found.macs for found in layers) / sum(found.macs / found.macs_a_byte for found in layers)


def _energy(network: str, memory: str = _ENDLESS) -> float:
    return _lines(network, memory).energy()


def _mj(network: str, memory: str, end: int) -> float:
    return _lines(network, memory).reconfigured.mj_band[end]


@cache
def _depth_first(network: str) -> DepthFirst:
    workload, machine = setting(network, _FUSED)
    found = stacks(workload, machine.sram_kb)
    return schedule_stacks(evaluate(depth_first(workload, found), machine), found)


def _fused_bytes(network: str) -> float:
    return sum(cost.dram_bytes for cost in _lines(network, _FUSED).fixed.costs)


def _x1_fps(stacked: bool) -> float:
    return x1_fps(stacked=stacked)


def _about(network: str, what: str, sentence: str, compute: Callable[[str], float], unit: str = "×") -> Claim:
    return computed(f"hardware.{network}.{what}", f"{_NAMES[network]} {sentence}", partial(compute, network), unit)


CLAIMS = (
    *(
        computed(
            f"hardware.hand.{way}.{work.name}",
            f"The {work.name} layer takes {{}} cycles on {path}.",
            partial(cycles, work, path),
            "",
        )
        for way, path in _HAND.items()
        for work in (_DENSE, _DEPTHWISE)
    ),
    *(
        _about(network, "spread", "has convolutions that differ by {} in multiply-adds a byte.", _spread)
        for network in ("resnet50", "mobilenet_v2")
    ),
    *(
        _about(
            "resnet50",
            f"bytes_{stage}",
            f"does {{}} multiply-adds for each byte in {stage}.",
            partial(_macs_a_byte, stage=stage),
            "",
        )
        for stage in ("conv1", "conv2", "conv4", "conv5")
    ),
    *(
        _about(
            network,
            f"energy{place}",
            f"takes {{}} the energy reconfigured, {memory}.",
            partial(_energy, memory=memory),
        )
        for network in ("resnet50", "mobilenet_v2")
        for memory, place in ((_ENDLESS, ""), (_RESIDENT, "_resident"))
    ),
    *(
        _about(
            "mobilenet_v2",
            f"mj_{name}",
            f"takes {{}} an image with the {name} energy that is published, {_RESIDENT}.",
            partial(_mj, memory=_RESIDENT, end=end),
            "mJ",
        )
        for end, name in enumerate(("least", "most"))
    ),
    computed(
        "hardware.yolov3_hd.depth_first",
        "YOLOv3 at 1920x1080 moves {} fewer bytes through DRAM in stacks than layer by layer, tensors that fit kept.",
        lambda: _fused_bytes("yolov3_1920x1080") / _depth_first("yolov3_1920x1080").dram_bytes,
        "×",
    ),
    *(
        computed(
            f"hardware.x1.{way}",
            f"The X1 does {{}} images of YOLOv3 at 1920x1080 a second, {way}.",
            partial(_x1_fps, stacked=stacked),
            "",
        )
        for way, stacked in (("by_layer", False), ("depth_first", True))
    ),
    cited(
        "hardware.x1.yolov3",
        "Flex Logix announced {} images of YOLOv3 at 1920x1080 a second.",
        X1_YOLOV3_FPS,
        "",
        "Flex Logix, InferX X1, 2019",
    ),
    *(
        _about(
            network,
            "textbook",
            "keeps {} of 64 x 64 multipliers busy, without a DRAM limit.",
            lambda name: 100 * _lines(name).textbook.utilisation,
            "%",
        )
        for network in ("resnet50", "mobilenet_v2")
    ),
    *(
        _about(network, "dpu", "uses {} of the DPU's multiply-adds, by its vendor's frames a second.", _dpu_share, "%")
        for network in ("vgg16", "mobilenet_v2")
    ),
    *(
        _about(network, what, sentence, compute)
        for network in ("resnet50", "mobilenet_v2")
        for what, sentence, compute in (
            ("oracle", "is {} as fast with free switches as on the best fixed datapath, without a DRAM limit.", _bound),
            ("gain", "is {} as fast with the best schedule, a switch of 4 us paid, without a DRAM limit.", _gain),
            ("over_textbook", "is {} as fast, reconfigured, as on 64 x 64 multipliers.", _over_textbook),
        )
    ),
    _about("mobilenet_v2", "over_channels", "is {} as fast as if rows took channels only.", _over_channels),
    _about("resnet50", "every_layer", "is {} as fast if each layer gets its own best datapath at 4 us.", _every_layer),
    _about(
        "resnet50",
        "oracle_by_layer",
        f"is {{}} as fast with free switches, {_BY_LAYER}.",
        partial(_bound, memory=_BY_LAYER),
    ),
    *(
        _about(
            "mobilenet_v2", f"{what}_{place}", f"is {{}} as fast {words}, {memory}.", partial(compute, memory=memory)
        )
        for memory, place in ((_BY_LAYER, "by_layer"),)
        for what, words, compute in (("oracle", "with free switches", _bound), ("gain", "at 4 us a switch", _gain))
    ),
    _about(
        "mobilenet_v2",
        "oracle_no_limit",
        "is {} as fast with free switches, if no memory is ever in the way.",
        partial(_bound, memory=_NO_LIMIT),
    ),
    *(
        _about(
            "mobilenet_v2",
            f"oracle_ports_{ports}",
            f"is {{}} as fast with free switches, if the ports on the chip move {ports} bytes a cycle.",
            partial(_bound_with_ports, ports=ports),
        )
        for ports in (64,)
    ),
    *(
        _about(
            "vgg16",
            f"eyeriss_{way}",
            f"conv2_2 is {{}} off Eyeriss's time {words}.",
            partial(_eyeriss_error, waits=waits),
            "%",
        )
        for way, words, waits in (("before", "if sums never wait", False), ("after", "with sums on their way", True))
    ),
    computed("hardware.x1.ports", "The X1's ports are taken to move {} a cycle.", lambda: X1.on_chip.input_bytes, ""),
    *(
        _about(network, "break_even", "gains from switches of up to {}.", _break_even_us, "µs")
        for network in ("resnet50", "mobilenet_v2")
    ),
    _about("mobilenet_v2", "shadow", "is {} as fast with a shadow context.", partial(_gain, contexts=2)),
    *(
        _about(network, "overhead", "is {} as fast if flexibility costs a tenth of it.", partial(_gain, overhead=0.1))
        for network in ("resnet50", "mobilenet_v2")
    ),
    _about("mobilenet_v2", "break_even_32", "at batch 32 gains from {}.", partial(_break_even_us, batch=32), "µs"),
    _about("mobilenet_v2", "gain_32", "at batch 32 is {} as fast at 4 us a switch.", partial(_gain, batch=32)),
    *(
        _about(network, "winograd", "is {} as fast with F(2x2,3x3) on the best fixed datapath.", _winograd)
        for network in WINOGRAD_GAINS
    ),
    *(
        cited(
            f"hardware.{network}.winograd_vendor",
            f"Flex Logix gives {{}} for {_NAMES[network]} with its Winograd mode.",
            gain,
            "×",
            "Flex Logix, InferX X1: gains of the Winograd mode, product brief, 2020",
        )
        for network, gain in WINOGRAD_GAINS.items()
    ),
    computed("hardware.switch.x1", "The X1 is taken to switch in {}.", lambda: 1e6 * switch_seconds(X1), "µs"),
    computed(
        "hardware.switch.port",
        "So fast a switch needs a port of {}.",
        lambda: EFLX_BITS / 8 / switch_seconds(X1) / 1e9,
        "GB/s",
    ),
    computed(
        "hardware.switch.partial",
        "A partial region of 2 MB is loaded in {}.",
        lambda: 1e3 * switch_seconds(PRESETS["dpu_kv260"]),
        "ms",
    ),
    computed("hardware.core.spread_model", "The model predicts a spread of {}.", one_core.predicted_spread, "×"),
    *(
        computed(
            f"hardware.{one_core.result_id(kind)}_model",
            f"The model predicts {{}} for the layer {kind!r}.",
            partial(one_core.predicted_rate, kind),
            "GMAC/s",
        )
        for kind in ("3x3 wide", "depthwise small")
    ),
    *(
        measured(f"hardware.{one_core.result_id(kind)}", f"The layer {kind!r} runs at {{}}.", "GMAC/s")
        for kind in ("3x3 wide", "depthwise small")
    ),
    measured("hardware.core.spread", "The fastest layer does {} the multiply-adds a second of the slowest.", "×"),
    measured("hardware.core.gain", "Another program is up to {} as fast.", "×"),
    computed("hardware.budget.area", "Exercise 4.3 allows {}.", lambda: AREA_MM2, "mm²"),
    computed("hardware.budget.least", "Exercise 4.3 asks for {} images a second.", lambda: LEAST_FPS, ""),
    computed("hardware.budget.power", "Exercise 4.3 allows {}.", lambda: WATTS, "W"),
)
