"""Row streaming: a frame goes through all layers of a network in bands of rows, as streaming hardware does it.

    bands = Bands(network, (288, 352))
    for rows in camera:
        result = bands.feed(rows)           the rows of the result that are complete by now

Between two layers only those rows are kept that the next layer has still to see, so the memory is that of bands, not of
frames, and the first rows are out before the last ones have come in. A band ends where a tile of the layer's algorithm
ends, and rows beyond the frame are padding, so each number is computed as in a run of the whole frame, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kernels.arrays import Arenas
from workbook.graphs.graph import Array
from workbook.network.network import Network
from workbook.rows.row_layers import Streamed, streamed
from workbook.rows.row_schedule import RowLayer, RowSchedule, Task


class Bands:
    """A network that takes a frame in bands of rows, one frame after the other.

    Parameters
    ----------
    network : Network
        Of one input and one output; its convolutions keep the height of the frame, all else is done row by row.
    size : (int, int)
        Height and width of the frames.
    rows : int
        Of a band. Whole tiles are computed at once: at least 4 rows for F(4x4, 3x3).
    algorithm : str
        As `kernels.Conv2d` takes it. "auto" takes for each layer what a run of the whole frame takes.
    threads : int, optional
        At most this many work on a convolution; all cores that the process may use if None.

    Attributes
    ----------
    schedule : RowSchedule

    Raises
    ------
    ModelError
        If a node cannot be computed row by row, such as a pool; the message names it and says why.
    ValueError
        If the frame or a band has no rows.
    """

    def __init__(
        self,
        network: Network,
        size: tuple[int, int],
        rows: int = 16,
        *,
        algorithm: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._layers, arrays = streamed(network, size, algorithm, threads)
        self.schedule = RowSchedule(tuple(layer.rows for layer in self._layers), size[0], rows)
        self._kept = [_Kept(array, room) for array, room in zip(arrays[:-1], self.schedule.rooms(), strict=True)]
        self._last_readers = self.schedule.last_readers()
        self._nothing = arrays[-1][:, :, :0]
        self._row_bytes = [array[:, :, :1].nbytes for array in arrays]
        self._arenas = Arenas(np.float32)
        self._window = np.empty(max(map(self._window_bytes, self.schedule.layers)), np.uint8)
        self.restart()

    def restart(self) -> None:
        """Forget the frame that is under way; the next band is the first of a frame."""
        self._steps = self.schedule.steps()
        self._ends = [0] * (len(self._layers) + 1)  # rows that there have been of each array
        for kept in self._kept:
            kept.restart()

    @property
    def bytes(self) -> int:
        """Bytes kept from band to band, and of the rows that a filter sees; beside them there is a layer's output."""
        return sum(kept.old.nbytes for kept in self._kept) + self._window.nbytes

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch so far: layers take turns, so all share what the one that needs most has."""
        return self._arenas.bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of whole arrays at most, if the frame is computed at once and each is given up after its last reader.

        The frame itself and scratch of the kernels are not counted.
        """
        most = 0
        for i in range(len(self._layers)):
            alive = [array for array in range(1, i + 1) if self._last_readers[array] >= i]
            most = max(most, sum(self._row_bytes[array] for array in (*alive, i + 1)))
        return most * self.schedule.height

    def feed(self, rows: Array) -> Array:
        """Take the next rows of the frame; return the rows of the result that they complete.

        Parameters
        ----------
        rows : (1, C, n, W) array
            n is the rows of a band, in the last band of a frame what is left.

        Returns
        -------
        (1, K, n, W) array
            n may be 0. After the last band of a frame all rows are out, and the next band begins a new frame.

        Raises
        ------
        ValueError
            For rows of another shape or dtype.
        ModelError
            If a node cannot compute what it is given; the message names it. Then the frame is given up.
        """
        height, frame = self.schedule.height, self._kept[0].old
        if self._ends[0] == height:
            self.restart()
        end = min(height, self._ends[0] + self.schedule.band)
        expected = (1, frame.shape[1], end - self._ends[0], frame.shape[3])
        if not isinstance(rows, np.ndarray) or rows.shape != expected or rows.dtype != frame.dtype:
            given = f"{rows.dtype} {rows.shape}" if isinstance(rows, np.ndarray) else type(rows).__name__
            raise ValueError(f"the next rows must be {frame.dtype} {expected}, not {given}")
        try:
            self._ends[0] = end
            self._kept[0].new = rows
            finished = [y for tasks in next(self._steps) for y in self._round(tasks)]
        except BaseException:  # Ctrl-C too: no half of this frame meets the next one
            self.restart()
            raise
        return np.concatenate([self._nothing, *finished], axis=2)

    def __call__(self, x: Array) -> Array:
        """Return the result (1, K, H, W) for a whole frame (1, C, H, W), computed band after band.

        Raises
        ------
        ValueError
            For a frame of another shape or dtype.
        """
        if x.shape[2:3] != (self.schedule.height,):
            raise ValueError(f"a frame must have {self.schedule.height} rows, but its shape is {x.shape}")
        self.restart()
        tops = range(0, self.schedule.height, self.schedule.band)
        return np.concatenate([self.feed(x[:, :, top : top + self.schedule.band]) for top in tops], axis=2)

    def _round(self, tasks: tuple[Task, ...]) -> Iterator[Array]:
        """Compute the tasks of a round; yield rows of the result."""
        of_layer = {task.layer: task for task in tasks}
        for i in range(len(self._layers)):
            if i in of_layer:
                y = self._compute(of_layer[i])
                self._ends[i + 1] = of_layer[i].end
                if i + 1 < len(self._kept):
                    self._kept[i + 1].new = y
                else:
                    yield y
            for array, kept in enumerate(self._kept):
                if self._last_readers[array] == i:
                    kept.forget(self.schedule.kept_from(array, self._ends), self._ends[array])

    def _compute(self, task: Task) -> Array:
        """Return the output rows of a task."""
        layer = self._layers[task.layer]
        seen, *added = (self._kept[array] for array in layer.rows.reads)
        read = [self._seen(task, layer, seen), *(kept.rows(task.first, task.end) for kept in added)]
        return layer.compute(read, self._arenas)

    def _seen(self, task: Task, layer: Streamed, kept: _Kept) -> Array:
        """Return the rows that a filter sees: those of the task, those above and below; padding beyond the frame."""
        first, end = task.first - layer.rows.above, task.end + layer.rows.below
        if layer.rows.above == layer.rows.below == 0:
            return kept.rows(first, end)
        shape = (1, kept.old.shape[1], end - first, kept.old.shape[3])
        window = self._window[: math.prod(shape) * kept.old.itemsize].view(kept.old.dtype).reshape(shape)
        top, bottom = max(0, first), min(self.schedule.height, end)
        window[:, :, : top - first] = layer.padding
        kept.copy(top, bottom, window[:, :, top - first : bottom - first])
        window[:, :, bottom - first :] = layer.padding
        return window

    def _window_bytes(self, layer: RowLayer) -> int:
        """Bytes of the rows that a filter sees at a time, at most."""
        return (self.schedule.most(layer) + layer.above + layer.below) * self._row_bytes[layer.reads[0]]


class _Kept:
    """The rows of an array that a layer has still to see: old ones, kept from the round before, and new ones."""

    def __init__(self, array: Array, room: int) -> None:
        self.old = np.empty((1, array.shape[1], room, array.shape[3]), array.dtype)
        self.restart()

    def restart(self) -> None:
        """Hold nothing."""
        self.first = self.count = 0  # the frame's row that is the first of the old ones, and how many there are
        self.new: Array = self.old[:, :, :0]

    def copy(self, first: int, end: int, out: Array) -> None:
        """Copy rows of the frame."""
        middle = self.first + self.count  # where the new rows begin
        if first < middle:
            part = self.old[:, :, first - self.first : min(end, middle) - self.first]
            out[:, :, : part.shape[2]] = part
        if end > middle:
            part = self.new[:, :, max(first, middle) - middle : end - middle]
            out[:, :, out.shape[2] - part.shape[2] :] = part

    def rows(self, first: int, end: int) -> Array:
        """Return a copy of rows of the frame."""
        out = np.empty((1, self.old.shape[1], end - first, self.old.shape[3]), self.old.dtype)
        self.copy(first, end, out)
        return out

    def forget(self, kept: int, end: int) -> None:
        """Keep the rows from `kept` on, of those up to `end`; the new ones become old."""
        self.copy(kept, end, self.old[:, :, : end - kept])
        self.first, self.count, self.new = kept, end - kept, self.old[:, :, :0]
