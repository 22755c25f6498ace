"""Times the kernels layer by layer beside the libraries that are installed, all in the same interleaved rounds.

Batch 1, NCHW in and out, weights packed beforehand for everyone. What the cores do at most is measured in the same
rounds, so that a share of it means the same in a quiet moment and in a busy one.
"""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.metadata import version

from kernels import probe
from workbook import peers
from workbook.measuring import this_machine, timing
from workbook.measuring.topologies import ConvLayer
from workbook.side_by_side.layer_cases import CASES
from workbook.side_by_side.layer_report import Report, Row
from workbook.side_by_side.layer_sets import choose, layer_sets

__all__ = ["DTYPES", "Report", "Row", "choose", "layer_sets", "run"]

DTYPES = tuple(CASES)

_SECONDS, _SECONDS_OF_MANY = 0.6, 3.0  # a layer, all contenders together


def run(
    layers: Iterable[ConvLayer],
    *,
    dtype: str = "float32",
    threads: int = 1,
    with_peers: bool = True,
    seconds: float | None = None,
    on_layer: Callable[[], None] | None = None,
) -> Report:
    """Time every layer.

    Parameters
    ----------
    layers : iterable of ConvLayer
    dtype : str
        "float32", or "int8": activations are uint8, weights int8 with a scale for each output channel.
    threads : int
        For ours and for the peers.
    with_peers : bool
        Whether the installed peers run too.
    seconds : float, optional
        For each layer, all contenders together; 0.6 s on one thread. With more it is 3 s, because each turn waits
        until the threads of the turn before sleep.
    on_layer : function, optional
        Called after each layer, for a progress bar.
    """
    beside = peers.installed(dtype) if with_peers else {}
    budget = seconds if seconds is not None else _SECONDS if threads == 1 else _SECONDS_OF_MANY
    rows = []
    for layer in layers:
        rows.append(_row(layer, dtype, threads, beside, budget))
        if on_layer:
            on_layer()
    return Report(
        machine=this_machine.machine(),
        date=f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}",
        dtype=dtype,
        threads=threads,
        micro_kernel=_micro_kernel_share(),
        versions={
            "python": platform.python_version(),
            **{package: version(package) for package in ("edge-ai-workbook", "numpy")},
        },
        peers=beside,
        rows=rows,
    )


def _row(layer: ConvLayer, dtype: str, threads: int, names: Iterable[str], seconds: float) -> Row:
    case = CASES[dtype](layer, threads)
    theirs: dict[str, peers.Prepared] = {}
    failures = {}
    for name in names:
        try:
            peer = case.peer(name)
            if not case.agrees(peer()):
                raise ArithmeticError("its output differs")
            theirs[name] = peer
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    groups: dict[str, Mapping[str, Callable[[], object]]]
    groups = {"ours": case.ours, "beside": case.beside, "peers": theirs, "peak": case.peak}
    contenders = {f"{group} {name}": run for group, runs in groups.items() for name, run in runs.items()}
    times = timing.interleaved(contenders, seconds=seconds, alone=threads > 1)
    return Row(
        layer=layer,
        auto=case.auto,
        predicted=case.predicted,
        ours={name: times[f"ours {name}"] for name in case.ours},
        beside={name: times[f"beside {name}"] for name in case.beside},
        peers={name: times[f"peers {name}"] for name in theirs},
        algorithms={name: peer.algorithm for name, peer in theirs.items()},
        failures=failures,
        peaks={name: work() / times[f"peak {name}"].median / 1e9 for name, work in case.peak.items()},
        packed_bytes=case.packed_bytes,
    )


def _micro_kernel_share() -> float:
    """The micro-kernel's rate over the peak of the same rounds, both for some milliseconds at a time."""
    probes = {"peak": partial(probe.fma, 1_200_000), "tile": partial(probe.micro_kernel, 512, 2_000)}
    macs = {name: run() for name, run in probes.items()}
    times = timing.interleaved(probes)
    rate = {name: macs[name] / times[name].median for name in macs}
    return rate["tile"] / rate["peak"]
