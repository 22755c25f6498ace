"""What a benchmark found: a row a layer, and the means over all of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from workbook.measuring import this_machine
from workbook.measuring.timing import Timing
from workbook.measuring.topologies import ConvLayer
from workbook.side_by_side.layer_cases import ONE_THREAD

FASTEST = "fastest peer"
WIDELY_USED = ("onnxruntime", "openvino", "torch")
BEST_OF_WIDELY_USED = f"best of {', '.join(WIDELY_USED)}"
_DIGITS = 4


@dataclass(frozen=True)
class Row:
    """One layer: what each contender needed, or why it did not run.

    Attributes
    ----------
    layer : ConvLayer
    auto : str
        The algorithm that `algorithm="auto"` takes. It is what the peers' times are compared with.
    predicted : dict of algorithm to float
        Seconds, by the kernels' cost model.
    ours, peers : dict of algorithm or peer to Timing
    beside : dict of str to Timing
        The kernels in another dtype, or on one thread.
    algorithms : dict of peer to str
        What it calls its algorithm; empty if it does not say.
    failures : dict of peer to str
    peaks : dict of str to float
        GMAC/s of multiply-adds in registers in the same rounds, by dtype, the benchmark's first, all threads together;
        on one thread under `ONE_THREAD`.
    packed_bytes : dict of str to int
        Of the weights, by what packs them.
    """

    layer: ConvLayer
    auto: str
    predicted: dict[str, float]
    ours: dict[str, Timing]
    beside: dict[str, Timing]
    peers: dict[str, Timing]
    algorithms: dict[str, str]
    failures: dict[str, str]
    peaks: dict[str, float]
    packed_bytes: dict[str, int]

    @property
    def timing(self) -> Timing:
        """Ours, by the algorithm that a caller gets without asking for one."""
        return self.ours[self.auto]

    @property
    def best(self) -> str:
        """The fastest of our algorithms in these rounds."""
        return min(self.ours, key=lambda name: self.ours[name].median)

    @property
    def gmacs(self) -> float:
        """Multiply-adds of the definition that ours does in a second, in GMAC/s; Winograd needs fewer."""
        return self.rate(self.timing)

    @property
    def share_of_peak(self) -> float:
        """`gmacs` over the peak; above 1 only by an algorithm that needs fewer."""
        return self.gmacs / next(iter(self.peaks.values()))

    def rate(self, timing: Timing) -> float:
        """Multiply-adds of the definition in a second, in GMAC/s, of a contender that took this time."""
        return self.layer.macs / timing.median / 1e9

    def fastest(self, names: Iterable[str]) -> str | None:
        """The fastest of those of these peers that ran the layer."""
        ran = [name for name in names if name in self.peers]
        return min(ran, key=lambda name: self.peers[name].median, default=None)

    def speedup(self, peer: str) -> float:
        """The peer's time over ours: above 1 ours is faster."""
        return self.peers[peer].median / self.timing.median

    def times(self, beside: str) -> float:
        """The time of the kernels in another dtype, or on one thread, over ours."""
        return self.beside[beside].median / self.timing.median

    @property
    def peak_gain(self) -> float:
        """What all threads together do at most, over what one does; two virtual cores may be one real core."""
        peak, *_ = self.peaks.values()
        return peak / self.peaks[ONE_THREAD]

    def as_dict(self) -> dict[str, Any]:
        """The row as plain numbers and words."""
        derived = {"macs": self.layer.macs, "best": self.best, "gmacs": self.gmacs, "share_of_peak": self.share_of_peak}
        return asdict(self) | derived


@dataclass(frozen=True)
class Report:
    """All rows of one run, with what they depend on.

    Attributes
    ----------
    machine : Machine
    date : str
        The day, as in 2026-01-31.
    dtype : str
        "float32" or "int8".
    threads : int
        Of ours and of each peer.
    micro_kernel : float
        GMAC/s of the float32 micro-kernel, on operands in the caches, over the peak of the same rounds.
    versions : dict of str to str
        Of Python and of the packages that the numbers depend on.
    peers : dict of str to str
        With their versions.
    rows : list of Row
    """

    machine: this_machine.Machine
    date: str
    dtype: str
    threads: int
    micro_kernel: float
    versions: dict[str, str]
    peers: dict[str, str]
    rows: list[Row]

    @property
    def conditions(self) -> str:
        """What the times hold for, beside the machine."""
        return f"{self.dtype}, {self.threads} thread{'s' if self.threads > 1 else ''}, batch 1; {self.date}"

    def geometric_mean(self, of: Callable[[Row], float | None]) -> float | None:
        """Return the geometric mean of a number over the rows that have it; None if none has."""
        numbers = [number for row in self.rows if (number := of(row)) is not None]
        return statistics.geometric_mean(numbers) if numbers else None

    def speedup_over(self, *peers: str) -> float | None:
        """Return the geometric mean of the speed-ups over a peer, or over the fastest of several on each layer."""
        return self.geometric_mean(lambda row: row.speedup(name) if (name := row.fastest(peers)) else None)

    def speedups(self) -> dict[str, float]:
        """Return the geometric means of the speed-ups over each peer and over the fastest ones."""
        groups = {
            **{peer: (peer,) for peer in self.peers},
            FASTEST: tuple(self.peers),
            BEST_OF_WIDELY_USED: WIDELY_USED,
        }
        means = {name: self.speedup_over(*group) for name, group in groups.items()}
        return {name: mean for name, mean in means.items() if mean is not None}

    def lowest(self) -> dict[str, Any] | None:
        """Return the layer on which ours is the furthest behind the fastest peer, or the least ahead."""
        rows = [(row.speedup(peer), peer, row) for row in self.rows if (peer := row.fastest(self.peers))]
        if not rows:
            return None
        speedup, peer, row = min(rows, key=lambda found: found[0])
        return {"layer": row.layer.shape, "peer": peer, "speedup": speedup, "share_of_peak": row.share_of_peak}

    def worst_prediction(self) -> float:
        """Return how far the cost model's time is off at most, as a factor, of the algorithm that was taken."""
        ratios = [row.predicted[row.auto] / row.timing.median for row in self.rows if row.auto in row.predicted]
        return max((max(ratio, 1 / ratio) for ratio in ratios), default=math.nan)

    def packed_share(self) -> float | None:
        """Bytes of our packed weights over those of the float32 kernel that packs them alike; None in float32."""
        pairs = [tuple(row.packed_bytes.values()) for row in self.rows if row.packed_bytes]
        ours, floats = (sum(bytes) for bytes in zip(*pairs, strict=True)) if pairs else (0, 0)
        return ours / floats if floats else None

    def disturbed(self) -> float:
        """The part of the time in which other programs had the core, from 0 to 1; calls on one thread can tell."""
        alone = [row.beside.get(ONE_THREAD, row.timing) for row in self.rows]
        return statistics.fmean(timing.waited for timing in alone)

    def summary(self) -> dict[str, Any]:
        """Return the geometric means over the layers, and the lowest layer."""
        first = self.rows[0]
        return {
            "speedups": self.speedups(),
            "lowest": self.lowest(),
            "share_of_peak": self.geometric_mean(lambda row: row.share_of_peak),
            "peaks": {name: statistics.geometric_mean(row.peaks[name] for row in self.rows) for name in first.peaks},
            "times": {name: self.geometric_mean(partial(Row.times, beside=name)) for name in first.beside},
            "auto_over_best": self.geometric_mean(lambda row: row.timing.median / row.ours[row.best].median),
            "worst_prediction": self.worst_prediction(),
            "packed_share": self.packed_share(),
            "disturbed": self.disturbed(),
        }

    def as_dict(self) -> dict[str, Any]:
        """The report as plain numbers and words, for JSON, to four digits; times are in seconds, rates in GMAC/s."""
        plain = asdict(self) | {"summary": self.summary(), "rows": [row.as_dict() for row in self.rows]}
        rounded: dict[str, Any] = _rounded(plain)
        return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
