"""What `workbook bench networks` shows: whole networks at batch 1, beside ONNX Runtime, OpenVINO and ncnn.

Times are those of whole runs, in turns; where ours goes is told by a profile, and the memory by child processes that
load and run the network and nothing else. ncnn reads no ONNX: it gets our graph in its own form (ncnn_writer.py).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from rich import box
from rich.table import Table

from workbook.benchmarks import random_networks
from workbook.benchmarks.network_memory import resident
from workbook.benchmarks.tabled_networks import TABLED
from workbook.graphs.graph import FloatArray, ModelError
from workbook.graphs.ncnn_writer import write_ncnn
from workbook.measuring import this_machine, timing
from workbook.measuring.others import Others, Usage
from workbook.measuring.timing import Timing
from workbook.network import load
from workbook.peers.whole_networks import OURS, PEERS

NETWORKS = ("resnet50", "vgg19", "squeezenet", *TABLED)
KNOWN = (*random_networks.NETWORKS, *TABLED)
_KINDS = {"Conv": "conv", "MaxPool": "pool", "AveragePool": "pool", "GlobalAveragePool": "pool", "Gemm": "gemm"}
SECONDS = 4.0  # for a network, unless the caller says
DTYPES = ("float32", "int8")
_AGREES = {"float32": 1e-3, "int8": 0.2}  # of the largest output: Winograd and bytes round otherwise, layer by layer


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes
    ----------
    network : str
    macs : int
    times : dict of str to Timing
        Seconds of a run: ours, and each peer's.
    shares : dict of str to float
        Of our time, by kind of layer: conv, pool, gemm, rest.
    memory : dict of str to int
        Bytes of resident memory that loading and running took.
    arena : int
        Bytes of ours that hold the arrays between layers, and scratch.
    failures : dict of str to str
        Why a peer has no time.
    """

    network: str
    macs: int
    times: dict[str, Timing]
    shares: dict[str, float]
    memory: dict[str, int]
    arena: int
    failures: dict[str, str] = field(default_factory=dict)

    def speedup(self, peer: str) -> float:
        """The peer's time over ours."""
        return self.times[peer].median / self.times[OURS].median

    def beside(self, peer: str) -> tuple[str, str]:
        """The peer's time over ours, and its memory, for a table; dashes if it cannot run the network."""
        if peer not in self.times:
            return "-", "-"
        return f"{self.speedup(peer):.2f}x", f"{self.memory[peer] / 1e6:.0f}"

    @property
    def speedup_over_fastest(self) -> float:
        """The fastest peer's time over ours."""
        return min((self.speedup(peer) for peer in self.times if peer != OURS), default=math.nan)


@dataclass(frozen=True)
class Report:
    """All of one benchmark, with what it depends on."""

    machine: this_machine.Machine
    threads: int
    peers: dict[str, str]
    rows: tuple[Row, ...]
    others: Others
    dtype: str = "float32"

    @property
    def speedup(self) -> float:
        """Geometric mean of the fastest peer's time over ours, of the networks that a peer runs; NaN if none does."""
        compared = [row.speedup_over_fastest for row in self.rows if len(row.times) > 1]
        return statistics.geometric_mean(compared) if compared else math.nan

    @property
    def disturbed(self) -> float:
        """Part of the time in which other programs had our one thread's core; of all cores, for several threads."""
        if self.threads == 1:
            return statistics.fmean(row.times[OURS].waited for row in self.rows)
        return self.others.cores / self.others.of

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON; times are in seconds, memory in bytes."""
        return {
            "machine": asdict(self.machine),
            "threads": self.threads,
            "dtype": self.dtype,
            "peers": self.peers,
            "speedup": None if math.isnan(self.speedup) else self.speedup,
            "disturbed": self.disturbed,
            "rows": [asdict(row) for row in self.rows],
        }

    def table(self) -> Table:
        """A row a network: our time, where it goes, each peer's time and memory over ours."""
        machine = str(self.machine).removeprefix("[machine] ")
        versions = ", ".join(f"{peer} {version}" for peer, version in self.peers.items()) or "without other libraries"
        count = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        notes = ["A library's column: its time over ours, above 1 ours is faster; MB: resident memory that it took."]
        if self.peers:
            notes.append(f"Over the fastest library on each network, geometric mean: {self.speedup:.2f}x.")
        notes += [f"{row.network}: {peer}'s {why}." for row in self.rows for peer, why in row.failures.items()]
        if self.disturbed > timing.BUSY:
            notes.append(
                f"Other programs had the core for {self.disturbed:.0%} of the time: run it again when they rest."
            )
        table = Table(
            title=f"{machine}\nwhole networks, batch 1, {self.dtype}, {count}; {versions}",
            caption="\n".join(notes),
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        table.add_column("network", no_wrap=True)
        headings = ["ms", "IQR", "GMAC/s", "conv", "pool", "gemm", "rest", "MB", "arena\nMB"]
        for heading in headings + [heading for peer in self.peers for heading in (peer, "MB")]:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            ours = row.times[OURS]
            table.add_row(
                row.network,
                f"{ours.median * 1e3:.1f}",
                f"{ours.spread / ours.median:.0%}",
                f"{row.macs / ours.median / 1e9:.0f}",
                *(f"{row.shares.get(kind, 0):.0%}" for kind in ("conv", "pool", "gemm", "rest")),
                f"{row.memory[OURS] / 1e6:.0f}",
                f"{row.arena / 1e6:.0f}",
                *(cell for peer in self.peers for cell in row.beside(peer)),
            )
        return table


def installed() -> dict[str, str]:
    """Return the peers that are installed here and run ONNX files, with their versions."""
    versions = {}
    for name in PEERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def run(
    networks: Iterable[str] = NETWORKS,
    *,
    dtype: str = "float32",
    threads: int = 1,
    with_peers: bool = True,
    seconds: float | None = None,
    on_network: Callable[[], None] | None = None,
) -> Report:
    """Time each network.

    Parameters
    ----------
    networks : iterable of str
        Of `KNOWN`.
    dtype : str
        One of `DTYPES`. "int8": all run the same file, in the QDQ form, which `net.quantize` made.
    threads : int
        For ours and for the peers.
    with_peers : bool
        Whether the installed peers run too.
    seconds : float, optional
        For each network, all contenders together; 4 s.
    on_network : function, optional
        Called after each network, for a progress bar.

    Raises
    ------
    ArithmeticError
        If a peer's output differs from ours in float32. Bytes differ where a library lets sums of them saturate, as on
        x86 without VNNI: it then has no time, and the row says why.
    """
    peers = installed() if with_peers else {}
    if dtype == "int8":
        peers.pop("ncnn", None)  # its form of a network on bytes is not QDQ's
    rows, before = [], Usage.now()
    for name in networks:
        rows.append(_row(name, dtype, threads, tuple(peers), seconds or SECONDS))
        if on_network:
            on_network()
    return Report(this_machine.machine(), threads, peers, tuple(rows), Others.since(before), dtype)


def _row(name: str, dtype: str, threads: int, peers: tuple[str, ...], seconds: float) -> Row:
    model = TABLED[name]() if name in TABLED else random_networks.light(name)
    x = np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        if dtype == "int8":
            load(model, threads=threads).quantize(x).save(file)
        else:
            onnx.save(model, file)
        del model
        if "ncnn" in peers and not _in_form_of_ncnn(file):
            peers = tuple(peer for peer in peers if peer != "ncnn")
        memory = {engine: resident(engine, file, x.shape, threads) for engine in (OURS, *peers)}
        net = load(file, threads=threads)
        cases: dict[str, Callable[[], FloatArray]] = {OURS: lambda: net(x)}
        cases |= {peer: PEERS[peer](file, x, threads) for peer in peers}
    expected, failures = net(x), {}
    for peer in peers:
        difference = np.abs(cases[peer]().reshape(expected.shape) - expected).max() / np.abs(expected).max()
        if difference <= _AGREES[dtype]:
            continue
        failures[peer] = f"output differs from ours by {difference:.1e} of the largest number"
        if dtype == "float32":
            raise ArithmeticError(f"{name}: {peer}'s {failures[peer]}")
        del cases[peer], memory[peer]
    times = timing.interleaved(cases, seconds=seconds, alone=threads > 1)
    profile = net.profile(x, seconds=seconds / 4)
    spent: dict[str, float] = {}
    for layer, taken in zip(profile.layers.rows, profile.times, strict=True):
        kind = _KINDS.get(layer.op.removeprefix("com.microsoft.").removeprefix("QLinear").removeprefix("Q"), "rest")
        spent[kind] = spent.get(kind, 0.0) + taken.median
    shares = {kind: time / sum(spent.values()) for kind, time in spent.items()}
    return Row(name, profile.macs, times, shares, memory, net.arena_bytes, failures)


def _in_form_of_ncnn(file: Path) -> bool:
    """Write a model for ncnn beside its file; tell whether all of its layers have a form there."""
    try:
        write_ncnn(load(file).graph, file.with_suffix(".param"), file.with_suffix(".bin"))
    except ModelError:
        return False
    return True
