"""The numbers that lesson 4 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from workbook.accelerator.datapath import Datapath, cycles
from workbook.accelerator.five_lines import Lines, break_even, five_lines
from workbook.accelerator.presets import EFLX_BITS, PRESETS
from workbook.accelerator.published_results import DPU_FPS, WINOGRAD_GAINS
from workbook.accelerator.schedule import switch_seconds
from workbook.accelerator.workload import WORKLOADS, Layer
from workbook.lessonkit.claim import Claim, cited, computed, measured
from workbook.lessons.hardware import one_core
from workbook.lessons.hardware.exercises import AREA_MM2, WATTS
from workbook.lessons.hardware.model import MEMORIES, X1, setting

_ENDLESS, _FUSED, _BY_LAYER = MEMORIES
_NAMES = {"resnet50": "ResNet-50", "vgg16": "VGG-16", "mobilenet_v2": "MobileNetV2", "yolov3_416": "YOLOv3"}

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


def _bound(network: str, memory: str = _ENDLESS) -> float:
    return _lines(network, memory).bound()


def _every_layer(network: str) -> float:
    """Each layer on its own best datapath, every switch paid, over the best fixed datapath."""
    lines = _lines(network)
    return lines.fixed.seconds / (lines.oracle.seconds + lines.oracle.switches * switch_seconds(X1))


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
    counts = [found.macs_a_byte for found in setting(network)[0].layers]
    return max(counts) / min(counts)


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
        _about(network, "spread", "has layers that differ by {} in multiply-adds a byte.", _spread)
        for network in ("resnet50", "mobilenet_v2")
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
        for memory, place in ((_BY_LAYER, "by_layer"), (_FUSED, "fused"))
        for what, words, compute in (("oracle", "with free switches", _bound), ("gain", "at 4 us a switch", _gain))
    ),
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
    computed("hardware.budget.power", "Exercise 4.3 allows {}.", lambda: WATTS, "W"),
)
