"""The same layers by the libraries that are installed, in turns with our fastest kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbook import peers
from workbook.lessonkit.arguments import at_least
from workbook.lessons.winograd.construction import TAPS
from workbook.lessons.winograd.tile_race import LAYERS
from workbook.lessons.winograd.tile_trials import WINOGRAD, Times, runs
from workbook.lessons.winograd.work import layer_of
from workbook.measuring import timing
from workbook.plain_text import Text


@dataclass(frozen=True)
class Beside(Text):
    """Times by our Winograd kernels and by each peer, a layer of LAYERS after the other.

    Attributes
    ----------
    versions : dict of peer to str
    times : tuple of Times
    """

    versions: dict[str, str]
    times: tuple[Times, ...]

    def __str__(self) -> str:
        """What a machine has installed stands behind the mark: a line for the peers, and one for each layer."""
        names = ", ".join(f"{peer} {version}" for peer, version in self.versions.items())
        lines = [
            "one thread, one image, NCHW in and out; x: the library's time over ours",
            f"[machine] libraries: {names}",
        ]
        for (channels, side), times in zip(LAYERS, self.times, strict=True):
            ours = min(WINOGRAD.values(), key=lambda name: times[name].median)
            cells = [f"{ours} {times[ours].median * 1e3:.2f} ms"]
            for peer in self.versions:
                taken = times[peer].median
                cells.append(f"{peer} {taken * 1e3:.2f} ms ({taken / times[ours].median:.1f} x)")
            lines.append(f"[machine] {layer_of(channels, side).name}: {', '.join(cells)}")
        # A library may work in threads of its own, while the one that calls it waits: that is not another program.
        kernels = [taken for times in self.times for name, taken in times.items() if name not in self.versions]
        return "\n".join([*lines, *timing.trust(kernels)])

    __repr__ = __str__


def beside_peers(seconds: float = 0.3) -> Beside:
    """Time our Winograd kernels and the peers by the wall's clock: a library may work on a thread of its own.

    Parameters
    ----------
    seconds : float
        To spend on a layer.

    Raises
    ------
    ValueError
        For a time below 0.
    """
    at_least(0, seconds=seconds)
    versions = peers.installed()
    return Beside(versions, tuple(_timed(*layer, tuple(versions), seconds) for layer in LAYERS))


def _timed(channels: int, side: int, names: tuple[str, ...], seconds: float) -> Times:
    layer, random = layer_of(channels, side), np.random.default_rng(0)
    x = random.standard_normal((1, channels, side, side), np.float32)
    weight = random.standard_normal((channels, channels, TAPS, TAPS), np.float32)
    bias = np.zeros(channels, np.float32)
    ours = {name: run for name, run in runs(channels, side).items() if name in WINOGRAD.values()}
    theirs = {peer: peers.prepare(peer, layer, x, weight, bias, 1) for peer in names}
    return timing.interleaved({**ours, **theirs}, seconds=seconds)
