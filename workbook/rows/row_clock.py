"""What row streaming is worth: when rows are out, by the row clock of the camera, and in how many bytes.

A camera reads a frame out row by row, in `readout` seconds from its first row to its last. Band k of `band` rows is
there at  a(k) = readout * min(k * band, H) / H.  One band after the other, in c(k) seconds:

    out(k) = max(a(k), out(k - 1)) + c(k)               whole frame:  out = readout + c

So where computing keeps up with the camera, the last rows of the result are out c(last) after the last row of the
frame, not c(whole frame) after it.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbook.camera.sources import FPS
from workbook.graphs.graph import Array
from workbook.measuring.timing import Timing, measured
from workbook.network.network import Network
from workbook.rows.bands import Bands

_ROUNDS = 5


@dataclass(frozen=True)
class RowRun:
    """A frame in bands, beside the whole frame at once.

    Attributes
    ----------
    height, band : int
        Rows of the frame, and of a band.
    readout : float
        Seconds in which the camera reads the frame out.
    whole : Timing
        Seconds of the whole frame at once.
    bands : tuple of float
        Seconds of each band, medians.
    rows_out : tuple of int
        Rows of the result that there are after each band.
    whole_bytes, band_bytes : int
        Of arrays at most, while a frame is computed: counted for the whole frame, measured for bands. Weights, the
        frame itself and scratch of the kernels are not in it.
    equal : bool
        Whether the two results are the same, bit for bit.
    """

    height: int
    band: int
    readout: float
    whole: Timing
    bands: tuple[float, ...]
    rows_out: tuple[int, ...]
    whole_bytes: int
    band_bytes: int
    equal: bool

    @property
    def computed(self) -> float:
        """Seconds of all bands together."""
        return sum(self.bands)

    @property
    def out(self) -> tuple[float, ...]:
        """When each band is done, in seconds from the first row of the frame."""
        times, last = [], 0.0
        for number, seconds in enumerate(self.bands, start=1):
            arrival = self.readout * min(self.height, number * self.band) / self.height
            last = max(arrival, last) + seconds
            times.append(last)
        return tuple(times)

    @property
    def first_rows(self) -> float:
        """When the first rows of the result are out, in seconds from the first row of the frame."""
        return next(out for out, rows in zip(self.out, self.rows_out, strict=True) if rows)

    @property
    def last_rows(self) -> float:
        """When all rows are out."""
        return self.out[-1]

    @property
    def whole_out(self) -> float:
        """When all rows are out if the whole frame is computed at once, after its last row."""
        return self.readout + self.whole.median

    def __str__(self) -> str:
        rows = (
            (f"bands of {self.band} rows", self.first_rows, self.last_rows, self.computed, self.band_bytes),
            ("whole frame", self.whole_out, self.whole_out, self.whole.median, self.whole_bytes),
        )
        lines = [f"{'':<18}{'first rows out':>22}{'last rows out':>22}{'computing':>22}{'at most':>10}"]
        for name, *times, size in rows:
            cells = "".join(measured(1e3 * seconds, "ms", 8) for seconds in times)
            lines.append(f"{name:<18}{cells}{size / 1e6:>7.1f} MB")
        lines.append(f"the same numbers, bit for bit: {self.equal}")
        return "\n".join(lines)

    __repr__ = __str__


def row_run(
    network: Network,
    frame: Array,
    band: int = 16,
    *,
    algorithm: str = "auto",
    threads: int = 1,
    readout: float = 1 / FPS,
    rounds: int = _ROUNDS,
    on_round: Callable[[], None] | None = None,
) -> RowRun:
    """Measure a frame in bands and at once, in turns.

    Parameters
    ----------
    network : Network
        That `Bands` can stream; loaded with the same algorithm and threads.
    frame : (1, C, H, W) float32
    band : int
        Rows of a band.
    algorithm, threads
        As `Bands` takes them. On one thread its own time counts, so that other programs do not.
    readout : float
        Seconds in which the camera reads a frame out: all of its period, unless it is faster.
    rounds : int
        Frames to measure.
    on_round : function, optional
        Called after each, for a progress bar.

    Raises
    ------
    ModelError
        If the network cannot be streamed.
    """
    height = frame.shape[2]
    bands = Bands(network, (height, frame.shape[3]), band, algorithm=algorithm, threads=threads)
    pieces = [frame[:, :, top : top + band] for top in range(0, height, band)]
    clock = time.thread_time if threads == 1 else time.perf_counter
    equal = bool(np.array_equal(bands(frame), network(frame)))  # memory is touched, weights are packed
    band_bytes = bands.bytes + _peak(lambda: [bands.feed(piece).shape for piece in pieces])
    whole, times = [], []
    for _ in range(rounds):
        start = clock()
        network(frame)
        whole.append(clock() - start)
        marks = [clock()]
        for piece in pieces:
            bands.feed(piece)
            marks.append(clock())
        times.append(np.diff(marks))
        if on_round:
            on_round()
    medians = tuple(np.median(times, axis=0).tolist())
    rows_out = bands.schedule.rows_out
    return RowRun(height, band, readout, Timing.of(whole), medians, rows_out, bands.frame_bytes, band_bytes, equal)


def _peak(run: Callable[[], object]) -> int:
    """Return the most bytes that a run has allocated at a time."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    run()
    _, peak = tracemalloc.get_traced_memory()
    if not tracing:
        tracemalloc.stop()
    return peak - before
