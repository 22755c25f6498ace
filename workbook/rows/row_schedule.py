"""When each layer of a network can compute which rows, if the frame comes from the top in bands of rows.

A layer of R rows of filters needs `above` rows over an output row and `below` rows under it. From the top `available`
rows of its input it can compute

    ready = available - below, in whole tiles: a multiple of `grain`;   the whole height H when its input is complete

rows. So a layer lags behind its input by `below` rows, and by what is missing of a tile. What is kept of an array are
the rows that a reader has still to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RowLayer:
    """A layer as its rows see it; a number-by-number operator has no rows above and below, and a grain of 1.

    Attributes
    ----------
    reads : tuple of int
        Numbers of the arrays that it reads: 0 is the frame, i + 1 the output of layer i. The first is seen through the
        filter; others are added row by row.
    above, below : int
    grain : int
        Rows of the algorithm's tiles, which begin at the top of the frame.
    """

    reads: tuple[int, ...]
    above: int = 0
    below: int = 0
    grain: int = 1


@dataclass(frozen=True)
class Task:
    """A layer computes its output rows from `first` up to, not with, `end`."""

    layer: int
    first: int
    end: int


@dataclass(frozen=True)
class RowSchedule:
    """All that is done for a frame, band after band.

    Attributes
    ----------
    layers : tuple of RowLayer
        In an order in which they can run; the last one's output is the network's.
    height : int
        Rows of the frame, and of every array.
    band : int
        Rows that come at a time; the last band may have fewer.

    Raises
    ------
    ValueError
        If the frame or the band has no rows.
    """

    layers: tuple[RowLayer, ...]
    height: int
    band: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.band < 1:
            raise ValueError(f"a frame of {self.height} rows in bands of {self.band}: both need a row at least")

    @property
    def bands(self) -> int:
        """How many bands a frame has."""
        return -(-self.height // self.band)

    def steps(self) -> Iterator[tuple[tuple[Task, ...], ...]]:
        """Yield for each band the rounds that it makes possible.

        In a round every layer computes at most the rows of a band, in whole tiles, one layer after the other. The last
        band has several rounds: then all that the layers lag behind is computed.
        """
        ends = [0] * (len(self.layers) + 1)  # rows that there have been of each array
        for number in range(1, self.bands + 1):
            ends[0] = min(self.height, number * self.band)
            rounds = [self._round(ends)]
            while ends[0] == self.height and ends[-1] < self.height:
                rounds.append(self._round(ends))
            yield tuple(rounds)

    def last_readers(self) -> tuple[int, ...]:
        """Return for each array but the result the last layer that reads it, or that could if none does."""
        last = len(self.layers) - 1
        readers = ((i for i, layer in enumerate(self.layers) if array in layer.reads) for array in range(last + 1))
        return tuple(max(layers, default=last) for layers in readers)

    def kept_from(self, array: int, ends: Sequence[int]) -> int:
        """Return the first row of an array that a reader has still to see, when there have been so many of each."""
        firsts = (
            ends[i + 1] - (layer.above if layer.reads[0] == array else 0)
            for i, layer in enumerate(self.layers)
            if array in layer.reads
        )
        return max(0, min(firsts, default=ends[array]))

    def rooms(self) -> tuple[int, ...]:
        """Return for each array but the result how many rows are kept from round to round, at most."""
        ends, rooms = [0] * (len(self.layers) + 1), [0] * len(self.layers)
        for number, rounds in enumerate(self.steps(), start=1):
            ends[0] = min(self.height, number * self.band)
            for tasks in rounds:
                for task in tasks:
                    ends[task.layer + 1] = task.end
                rooms = [max(room, ends[i] - self.kept_from(i, ends)) for i, room in enumerate(rooms)]
        return tuple(rooms)

    @property
    def rows_out(self) -> tuple[int, ...]:
        """Rows of the result that there are after each band."""
        out, end = [], 0
        for rounds in self.steps():
            end = max([end, *(task.end for tasks in rounds for task in tasks if task.layer == len(self.layers) - 1)])
            out.append(end)
        return tuple(out)

    def _round(self, ends: list[int]) -> tuple[Task, ...]:
        """Let every layer compute what it can; `ends` takes note."""
        tasks = []
        for i, layer in enumerate(self.layers):
            seen, *added = (ends[array] for array in layer.reads)
            ready = self.height if seen == self.height else max(0, seen - layer.below)
            ready = min([ready, *added, ends[i + 1] + self.most(layer)])
            if ready < self.height:
                ready -= ready % layer.grain
            if ready > ends[i + 1]:
                tasks.append(Task(i, ends[i + 1], ready))
                ends[i + 1] = ready
        return tuple(tasks)

    def most(self, layer: RowLayer) -> int:
        """Return how many rows a layer computes at a time, at most: those of a band, in whole tiles."""
        return -(-self.band // layer.grain) * layer.grain
