"""Times the kernels layer by layer beside the libraries that are installed, all in the same interleaved rounds.

Batch 1, NCHW in and out, weights packed beforehand for everyone. The core's peak is measured in the same rounds, so
that a share of it means the same in a quiet moment and in a busy one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from rich.table import Table

import kernels
from kernels import probe
from workbook import measure, peers
from workbook.measure import Timing
from workbook.topologies import ConvLayer, distinct, mobilenet_v2, resnet50

# The 3x3 layers with stride 1 of VGG-16 and ResNet: channels and size.
_WINOGRAD = (
    *((64, 224), (128, 112), (256, 56), (512, 28), (512, 14)),
    *((64, 56), (128, 28), (256, 14), (512, 7)),
)
_PEAK_STEPS = 2_000  # rounds of `probe.fma` beside each layer, some tens of microseconds


def layer_sets() -> dict[str, list[ConvLayer]]:
    """The layers that can be asked for by a name."""
    resnet, mobile = distinct(resnet50()), distinct(mobilenet_v2())
    return {
        "resnet50": resnet,
        "winograd": [ConvLayer(f"{C}@{size}", C, size, size, C, 3, 3, padding=1) for C, size in _WINOGRAD],
        "rest": [
            *(layer for layer in resnet if layer.R != 3 or layer.stride > 1),
            *(layer for layer in mobile if layer.R == 3),
        ],
    }


def choose(text: str) -> list[ConvLayer]:
    """The layers of the set of this name, or those of any set whose sizes contain the text."""
    sets = layer_sets()
    if text in sets:
        return sets[text]
    return [layer for layer in distinct(chain.from_iterable(sets.values())) if text in layer.shape]


@dataclass(frozen=True)
class Row:
    """One layer: what each contender needed, or why it did not run.

    Attributes
    ----------
    layer : ConvLayer
    auto : str
        The algorithm that `algorithm="auto"` takes.
    predicted : dict of algorithm to float
        Seconds, by the kernels' cost model.
    ours, peers : dict of algorithm or peer to Timing
    failures : dict of peer to str
    peak : float
        GMAC/s of one core in the same rounds.
    """

    layer: ConvLayer
    auto: str
    predicted: dict[str, float]
    ours: dict[str, Timing]
    peers: dict[str, Timing]
    failures: dict[str, str]
    peak: float

    @property
    def best(self) -> str:
        """The fastest of our algorithms."""
        return min(self.ours, key=lambda name: self.ours[name].median)

    @property
    def gmacs(self) -> float:
        """Multiply-adds of the definition that our best does in a second, in GMAC/s; Winograd needs fewer."""
        return self.layer.macs / self.ours[self.best].median / 1e9

    def speedup(self, peer: str) -> float:
        """The peer's time over our best: above 1 ours is faster."""
        return self.peers[peer].median / self.ours[self.best].median


@dataclass(frozen=True)
class Report:
    """All rows of one run, with what they depend on."""

    machine: measure.Machine
    micro_kernel: float  # GMAC/s of the micro-kernel in the L1 cache, over the peak of the same rounds
    threads: int
    versions: dict[str, str]
    rows: list[Row]

    def geometric_mean(self, peer: str) -> float:
        """Of the speed-ups over a peer, over the layers that it ran; NaN if there are none."""
        logs = [math.log(row.speedup(peer)) for row in self.rows if peer in row.peers]
        return math.exp(sum(logs) / len(logs)) if logs else math.nan

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON; times are in seconds, rates in GMAC/s."""
        return {
            "machine": asdict(self.machine),
            "micro_kernel_share_of_peak": self.micro_kernel,
            "threads": self.threads,
            "versions": self.versions,
            "geometric_mean_speedup": {peer: self.geometric_mean(peer) for peer in self.versions},
            "rows": [
                {**asdict(row), "macs": row.layer.macs, "best": row.best, "gmacs": row.gmacs} for row in self.rows
            ],
        }

    def table(self) -> Table:
        """The report as a table: a row a layer, our best, its share of the peak, then each peer."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        machine = str(self.machine).removeprefix("[machine] ")
        table = Table(
            title=f"{machine}; {threads}; batch 1",
            caption=f"micro-kernel: {self.micro_kernel:.0%} of the peak"
            + ("; x: the library's time over ours" if self.versions else ""),
        )
        for name in ("layer", "ours by"):
            table.add_column(name, no_wrap=True)
        for name in ("MMAC", "ms", "IQR", "predicted", "GMAC/s", "of peak"):
            table.add_column(name, justify="right")
        for peer, version in self.versions.items():
            table.add_column(f"{peer}\n{version}, ms", justify="right")
            table.add_column("x", justify="right")
        for row in self.rows:
            table.add_row(*self._cells(row))
        if self.versions:
            table.add_section()
            means = [cell for peer in self.versions for cell in ("", f"{self.geometric_mean(peer):.2f}")]
            table.add_row("geometric mean", *[""] * 7, *means)
        return table

    def _cells(self, row: Row) -> list[str]:
        best = row.ours[row.best]
        cells = [
            row.layer.shape,
            row.best if row.best == row.auto else f"{row.best} (auto: {row.auto})",
            f"{row.layer.macs / 1e6:.1f}",
            f"{best.median * 1e3:.3f}",
            f"{(best.third_quartile - best.first_quartile) / best.median:.0%}",
            f"{row.predicted[row.best] * 1e3:.3f}",
            f"{row.gmacs:.1f}",
            f"{row.gmacs / row.peak / self.threads:.0%}",
        ]
        for peer in self.versions:
            if peer in row.peers:
                cells += [f"{row.peers[peer].median * 1e3:.3f}", f"{row.speedup(peer):.2f}"]
            else:
                cells += [row.failures[peer], "-"]
        return cells


def run(
    layers: Iterable[ConvLayer],
    *,
    threads: int = 1,
    with_peers: bool = True,
    seconds: float = 0.6,
    on_layer: Callable[[], None] | None = None,
) -> Report:
    """Time every layer.

    Parameters
    ----------
    layers : iterable of ConvLayer
    threads : int
        For ours and for the peers.
    with_peers : bool
        Whether the installed peers run too.
    seconds : float
        For each layer, all contenders together.
    on_layer : function, optional
        Called after each layer, for a progress bar.
    """
    versions = peers.installed() if with_peers else {}
    rows = []
    for layer in layers:
        rows.append(_row(layer, threads, versions, seconds))
        if on_layer:
            on_layer()
    return Report(measure.machine(), _micro_kernel_share(), threads, versions, rows)


def _row(layer: ConvLayer, threads: int, versions: Iterable[str], seconds: float) -> Row:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, layer.C, layer.H, layer.W), dtype=np.float32)
    weight_shape = (layer.K, layer.C // layer.groups, layer.R, layer.S)
    weight = rng.standard_normal(weight_shape, dtype=np.float32)
    weight *= np.float32(math.sqrt(2 / math.prod(weight_shape[1:])))  # He: outputs as large as inputs
    bias = rng.standard_normal(layer.K, dtype=np.float32)
    out = np.empty((1, layer.K, layer.P, layer.Q), np.float32)
    window: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
    ours = [name for name in kernels.algorithms(x.shape, weight_shape, **window) if name != "naive"]
    contenders: dict[str, Callable[[], object]] = {}
    for name in ours:
        plan = kernels.Conv2d(weight, bias, algorithm=name, threads=threads, **window)
        contenders[name] = partial(plan, x, out=out)
    expected = kernels.conv2d(x, weight, bias, algorithm="direct", **window)
    failures = {}
    for name in versions:
        try:
            contender = peers.prepare(name, layer, x, weight, bias, threads)
            if not np.allclose(contender(), expected, rtol=1e-3, atol=1e-2):
                raise ArithmeticError("its output differs")
            contenders[name] = contender
        except Exception as error:
            failures[name] = f"{type(error).__name__}: {error}"[:60]
    contenders["peak"] = partial(probe.fma, _PEAK_STEPS)
    explained = kernels.Conv2d(weight, bias, threads=threads, **window).explain(x.shape)
    predicted = {option.algorithm: option.seconds for option in explained.options if option.algorithm in ours}
    times = measure.interleaved(contenders, seconds=seconds)
    peak = probe.fma(_PEAK_STEPS) / times.pop("peak").median / 1e9
    return Row(layer, explained.algorithm, predicted, {name: times.pop(name) for name in ours}, times, failures, peak)


def _micro_kernel_share() -> float:
    """The micro-kernel's rate over the peak of the same rounds."""
    macs = {"peak": probe.fma(20_000), "tile": probe.micro_kernel(256, 1_000)}
    times = measure.interleaved({"peak": lambda: probe.fma(20_000), "tile": lambda: probe.micro_kernel(256, 1_000)})
    rate = {name: macs[name] / times[name].median for name in macs}
    return rate["tile"] / rate["peak"]
