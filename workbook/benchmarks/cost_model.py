"""What `workbook bench hardware` shows: how fast the cost model is, and what other models take for one of its layers.

Ours runs on one thread and is timed by that thread's own clock, which leaves out what other programs took of the core.
The others are timed once, each as a process of its own, by the wall clock.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from workbook.accelerator import other_cost_models
from workbook.accelerator.datapath import mappings
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.five_lines import break_even, five_lines
from workbook.accelerator.layer_cost import cost
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import reconfigured
from workbook.accelerator.workload import resnet50
from workbook.measuring import this_machine, timing
from workbook.measuring.timing import Timing

MACHINE = PRESETS["x1"]  # 4096 multipliers
EVALUATIONS = 5e6  # (layer, datapath) a second, at least
SCHEDULE = 0.1  # s for a network with its schedule, at most

_ALONE = MACHINE.but(winograd=None)  # the other models know no Winograd mode
LAYER = next(layer for layer in resnet50().layers if layer.name == "conv2_1.3x3")


def cases() -> dict[str, Callable[[], object]]:
    """What is timed, by what it is called.

    The network is built anew each time; only a machine's datapaths, and which of them a vendor ships, are kept.
    """
    macs = itertools.count(MACHINE.macs)
    return {
        "every layer on every datapath": lambda: evaluate(resnet50(), MACHINE),
        "the same, and the best schedule": lambda: reconfigured(evaluate(resnet50(), MACHINE)),
        "the same, multipliers not seen before": lambda: reconfigured(
            evaluate(resnet50(), MACHINE.but(macs=next(macs)))
        ),
        "the five lines": lambda: five_lines(resnet50(), MACHINE),
        "the break-even curve": lambda: break_even(resnet50(), MACHINE),
        "one layer on one array": lambda: cost(LAYER, MACHINE.array, _ALONE),
    }


EVALUATED, SCHEDULED, *_, ONE_LAYER = cases()


@dataclass(frozen=True)
class Peer:
    """Another model of one layer.

    Attributes
    ----------
    name : str
    version : str or None
        None: it is not installed.
    seconds : float or None
        Of one run, with the start of its process.
    cycles : float or None
        Its answer.
    problem : str
        Why there is no time.
    """

    name: str
    version: str | None
    seconds: float | None = None
    cycles: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """All figures of one run, with what they depend on.

    Attributes
    ----------
    machine : this_machine.Machine
        On which the model ran.
    evaluations : int
        Distinct layers of ResNet-50, times datapaths and what their rows may take.
    times : dict of case to Timing
    peers : list of Peer
    """

    machine: this_machine.Machine
    evaluations: int
    times: dict[str, Timing]
    peers: list[Peer]

    @property
    def rate(self) -> float:
        """(layer, datapath) a second."""
        return self.evaluations / self.times[EVALUATED].median

    @property
    def kept(self) -> dict[str, bool]:
        """Whether the model is as fast as it shall be."""
        return {EVALUATED: self.rate >= EVALUATIONS, SCHEDULED: self.times[SCHEDULED].median <= SCHEDULE}

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON; times are in seconds."""
        limits = {"evaluations_a_second": EVALUATIONS, "schedule": SCHEDULE}
        return {**asdict(self), "evaluations_a_second": self.rate, "limits": limits, "kept": self.kept}

    def tables(self) -> tuple[Table, Table]:
        """Ours, a row a case; and one layer, ours beside the others."""
        ours = Table(
            title=f"{str(self.machine).removeprefix('[machine] ')}; one thread\n"
            f"ResNet-50 on {MACHINE.name}, {MACHINE.macs} multipliers",
            caption=f"{self.evaluations:,} (layer, datapath): {self.rate / 1e6:.1f} million a second",
        )
        ours.add_column("", no_wrap=True)
        for name in ("ms", "IQR", "rounds", "limit, ms", ""):
            ours.add_column(name, justify="right")
        limits = {EVALUATED: self.evaluations / EVALUATIONS, SCHEDULED: SCHEDULE}
        for name, taken in self.times.items():
            limit = (f"{limits[name] * 1e3:.1f}", "kept" if self.kept[name] else "missed") if name in limits else ()
            ours.add_row(name, *_cells(taken), f"{taken.rounds}", *limit)
        one = Table(
            title=f"one layer on one array: {LAYER.shape} on {MACHINE.array}",
            caption="theirs: one run, with the start of the program; x: its time over ours",
        )
        for name in ("", "cycles", "ms", "x"):
            one.add_column(name, justify="right" if name else "left")
        own = self.times[ONE_LAYER].median
        one.add_row("this workbook", f"{cost(LAYER, MACHINE.array, _ALONE).cycles:,.0f}", f"{own * 1e3:.3f}", "1")
        for peer in self.peers:
            called = f"{peer.name} {peer.version or ''}".strip()
            if peer.seconds is None or peer.cycles is None:
                one.add_row(called, peer.problem, "-", "-")
            else:
                one.add_row(called, f"{peer.cycles:,.0f}", f"{peer.seconds * 1e3:,.0f}", f"{peer.seconds / own:,.0f}")
        return ours, one


def _cells(taken: Timing) -> tuple[str, str]:
    return f"{taken.median * 1e3:.3f}", f"{taken.spread / taken.median:.0%}"


def run(*, with_peers: bool = True, seconds: float = 3.0, on_step: Callable[[], None] = lambda: None) -> Report:
    """Time the cost model, and other models of one layer.

    Parameters
    ----------
    with_peers : bool
        Whether those that are installed run; they take up to minutes.
    seconds : float
        For all cases of ours together.
    on_step : function
        Called after ours and after each peer, for a progress bar.
    """
    times = timing.interleaved(cases(), seconds=seconds, clock=time.thread_time)
    on_step()
    beside = []
    for name in other_cost_models.MODELS if with_peers else ():
        beside.append(compare(name))
        on_step()
    table = evaluate(resnet50(), MACHINE)
    tried = len(table.seconds) * sum(len(mappings(datapath)) for datapath in table.datapaths)
    return Report(this_machine.machine(), tried, times, beside)


def steps(with_peers: bool) -> int:
    """How often `run` calls back."""
    return 1 + (len(other_cost_models.MODELS) if with_peers else 0)


def compare(name: str) -> Peer:
    """Return what another model, of `other_cost_models.MODELS`, takes for LAYER on the array of MACHINE."""
    version = other_cost_models.version(name)
    if version is None:
        return Peer(name, None, problem="not installed")
    start = time.perf_counter()
    answer = other_cost_models.MODELS[name](LAYER, MACHINE.array, sys.executable)
    taken = time.perf_counter() - start
    if answer.cycles is None:
        return Peer(name, version, problem=answer.problem)
    return Peer(name, version, taken, answer.cycles)
