"""The stair: one layer by kernels of a few lines, each of which breaks the ceiling that held the one before.

A ceiling is what the core's units can do at most in the way in which a rung uses them. Two are measured: one chain of
additions, each waiting for the one before it, and the peak. The others follow:

    four chains = 4 * chain        a vector's chain = lanes * chain        single numbers = peak / lanes

and so does how many vectors of sums must be in flight to reach the peak: latency times throughput.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np

import kernels
from kernels import probe, stair
from workbook.lessons.convolution import stair_task
from workbook.lessons.convolution.ladder_traffic import ladder_bytes
from workbook.measuring import roofline, this_machine, timing
from workbook.measuring.roofline import FLOAT_BYTES, Roofline
from workbook.measuring.topologies import ConvLayer
from workbook.plain_text import Text

LAYER = ConvLayer("stair", stair_task.CHANNELS, stair_task.SIDE + 2, stair_task.SIDE + 2, stair_task.CHANNELS, 3, 3)
CEILINGS = {
    "one_chain": "one chain",
    "four_chains": "four chains",
    "turned": "the nearest cache",
    "vector": "one chain of vectors",
    "tile": "the multiply-add units",
    "blocked": "the multiply-add units",
    "direct": "the multiply-add units",
}

_CHAIN, _STEPS = "chain", 50_000


@dataclass(frozen=True)
class Stair(Text):
    """How fast each rung was, and the ceilings of this core.

    Attributes
    ----------
    times : dict of str to Timing
        Of one run of the layer, by the rung's name; the last is the project's own kernel.
    chain_gmacs : float
        Multiply-adds of one chain of single numbers, in GMAC/s.
    roof : Roofline
        The peak, and the bytes from each cache and from memory.
    lanes : int
        Numbers in a vector.
    """

    times: dict[str, timing.Timing]
    chain_gmacs: float
    roof: Roofline
    lanes: int

    def rate(self, rung: str) -> float:
        """GMAC/s of a rung."""
        return LAYER.macs / self.times[rung].median / 1e9

    @property
    def sums(self) -> float:
        """Vectors of sums that must be in flight to reach the peak: latency times throughput."""
        return self.roof.peak_gmacs / (self.lanes * self.chain_gmacs)

    @property
    def ceilings(self) -> dict[str, float]:
        """What the units do at most, in GMAC/s, the lowest first."""
        levels = {
            "one chain": self.chain_gmacs,
            "one chain of vectors": self.lanes * self.chain_gmacs,
            "single numbers": self.roof.peak_gmacs / self.lanes,
            "the multiply-add units": self.roof.peak_gmacs,
        }
        return dict(sorted(levels.items(), key=lambda level: level[1]))

    def at_most(self, rung: str) -> float:
        """GMAC/s at most of a rung, by the ceiling that it stands under."""
        nearest = next(iter(self.roof.gbs))
        bound = {
            **self.ceilings,
            "four chains": 4 * self.chain_gmacs,
            "the nearest cache": self.roof.bound(1 / bytes_a_mac(rung, self.lanes), nearest),
        }
        return bound[CEILINGS[rung]]

    def __str__(self) -> str:
        lines = [f"{'rung':<12}{'under the ceiling of':<25}at most                  reached"]
        for rung, ceiling in CEILINGS.items():
            lines.append(
                f"{rung:<12}{ceiling:<23}{timing.measured(self.at_most(rung), 'GMAC/s', 8)}"
                f"{timing.measured(self.rate(rung), 'GMAC/s', 9)}"
            )
        mine, ours = self.rate("blocked"), self.rate("direct")
        return "\n".join(
            [
                *lines,
                "",
                f"[machine] a chain does {self.chain_gmacs:.2f} GMAC/s, a vector has {self.lanes} lanes, the peak is "
                f"{self.roof.peak_gmacs:.0f} GMAC/s: {self.sums:.1f} vectors of sums must be in flight",
                f"[machine] a tile has {' x '.join(map(str, tile_shape(self.lanes)))} vectors of sums",
                f"[machine] the last but one does {mine / ours:.0%} of direct, the kernel of this project",
                *timing.trust(self.times.values()),
            ]
        )

    __repr__ = __str__


def tile_shape(lanes: int) -> tuple[int, int]:
    """Return how many filters, and how many vectors of pixels, a tile of the stair has."""
    rows, columns = stair.least_sizes()
    return rows, columns // lanes


def bytes_a_mac(rung: str, lanes: int) -> float:
    """Return the bytes that the innermost statement of a rung reads and writes for a multiply-add.

    one_chain reads a pixel and a weight; four_chains reads the pixel once for four weights; turned reads a pixel and a
    sum, and writes the sum; vector reads a vector of pixels and a weight; a tile reads its vectors of pixels and a
    weight for each filter. `direct` is counted with all its copies.
    """
    if rung == "direct":
        return ladder_bytes("direct", LAYER) / LAYER.macs
    rows, vecs = tile_shape(lanes)
    in_tile = (vecs * lanes + rows) / (rows * vecs * lanes)
    numbers = {
        "one_chain": 2,
        "four_chains": (1 + 4) / 4,
        "turned": 3,
        "vector": (lanes + 1) / lanes,
        "tile": in_tile,
        "blocked": in_tile,
    }
    return FLOAT_BYTES * numbers[rung]


def race(seconds: float | None = None) -> Stair:
    """Time the rungs in turns, on one thread.

    Parameters
    ----------
    seconds : float, optional
        To spend; a few rounds when WORKBOOK_QUICK is set.
    """
    problem = stair_task.timed(1)
    x, weight = (np.asarray(problem.inputs[name], np.float32) for name in ("x", "weight"))
    y = np.empty_like(problem.expected)
    plan = kernels.Conv2d(weight, algorithm="direct", threads=1)
    runs = {rung: partial(stair.run, rung, x, weight, y) for rung in stair.RUNGS}
    chain = {_CHAIN: partial(probe.chain, _STEPS)}
    probes = roofline.probes()
    times = timing.interleaved(
        {**runs, "direct": partial(plan, x[None]), **chain, **probes}, seconds=seconds, clock=time.thread_time
    )
    peak = roofline.in_rounds(probes, times).peak_gmacs
    gbs = {level: this_machine.bandwidth_gbs(level) for level in this_machine.working_sets()}
    return Stair(
        {rung: times[rung] for rung in CEILINGS},
        _STEPS / times[_CHAIN].median / 1e9,
        Roofline(peak, gbs),
        probe.lanes(),
    )
