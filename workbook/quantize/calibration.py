"""Calibration: what a network's arrays hold when it sees some images, and the recipe that follows from it.

Images go through in small batches, and of each array only a histogram and the mean of each channel are kept. So memory
depends on the network and the size of an image, not on how many there are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.geometry import is_for_bytes
from workbook.files import write_whole
from workbook.graphs.graph import Array, Feed, Graph, Port
from workbook.graphs.passes import split
from workbook.quantize.equalisation import equalise
from workbook.quantize.histogram import Histogram
from workbook.quantize.network_protocol import Runs
from workbook.quantize.scheme import Scheme

BATCH = 8  # images that go through the network together

Images = Feed | Iterable[Feed]
OnBatch = Callable[[int], object]


@dataclass
class Seen:
    """What was seen of one array: its numbers, and the sum of each channel."""

    histogram: Histogram = field(default_factory=Histogram)
    sums: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    count: int = 0  # numbers in each channel

    def observe(self, y: Array) -> None:
        """Count an array (N, C, ...); one of fewer axes is a single channel."""
        y = y if y.ndim > 1 else y.reshape(1, 1, -1)
        self.histogram.observe(y)
        sums = y.sum(axis=(0, *range(2, y.ndim)), dtype=np.float64)
        self.sums = self.sums + sums if self.count else sums
        self.count += y.size // max(1, y.shape[1])

    def merge(self, other: Seen) -> None:
        """Count what another has seen."""
        self.histogram.merge(other.histogram)
        if other.count:
            self.sums = self.sums + other.sums if self.count else other.sums
            self.count += other.count

    @property
    def means(self) -> npt.NDArray[np.float64]:
        """Of each channel."""
        return self.sums / max(1, self.count)


@dataclass
class Observations:
    """What a network's arrays held, by name.

    Attributes
    ----------
    arrays : dict of str to Seen
    images : int
    """

    arrays: dict[str, Seen] = field(default_factory=dict)
    images: int = 0

    def merge(self, other: Observations) -> None:
        """Count what was seen elsewhere, of the same network: ranges are those of one calibration on all images."""
        for name, seen in other.arrays.items():
            self.arrays.setdefault(name, Seen()).merge(seen)
        self.images += other.images

    def recipe(self, scheme: Scheme) -> Recipe:
        """Choose the ranges.

        Raises
        ------
        ValueError
            If no image was seen.
        """
        if not self.images:
            raise ValueError("the calibration holds no image; pass at least one, better 64 or more")
        chosen = {}
        for name, seen in self.arrays.items():
            low, high = scheme.calibrate(seen.histogram, scheme.rule)
            chosen[name] = (float(low), float(high))
        means = {name: tuple(seen.means.tolist()) for name, seen in self.arrays.items()}
        return Recipe(scheme, chosen, means, self.images)


@dataclass(frozen=True)
class Recipe:
    """All that `quantize` needs beside the network: choices, and what the calibration found.

    Attributes
    ----------
    scheme : Scheme
    ranges : mapping of str to (float, float)
        By the name of the array.
    means : mapping of str to tuple of float
        Of each channel.
    images : int
        That were seen.
    """

    scheme: Scheme
    ranges: dict[str, tuple[float, float]]
    means: dict[str, tuple[float, ...]]
    images: int

    def save(self, path: Path) -> None:
        """Write a file of JSON, whole or not at all.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        content = {
            "scheme": self.scheme.as_dict(),
            "images": self.images,
            "ranges": self.ranges,
            "means": self.means,
        }
        write_whole(path, json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read what `save` wrote.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it holds no recipe.
        """
        try:
            content: dict[str, Any] = json.loads(path.read_bytes())
            ranges = {name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()}
            means = {name: tuple(map(float, numbers)) for name, numbers in content["means"].items()}
            return cls(Scheme.from_dict(content["scheme"]), ranges, means, int(content["images"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{path} holds no recipe of a quantization: {error}") from error


def prepared(graph: Graph, scheme: Scheme) -> Graph:
    """Return the graph that is observed and quantized: without activations that bytes lack, and maybe equalised."""
    graph = split(graph, lambda node: not is_for_bytes(node.fused.get("activation")))
    return equalise(graph) if scheme.equalise else graph


def without_sums(graph: Graph) -> Graph:
    """Return the graph that is observed: what is before a fused Add has a range of its own."""
    return split(graph, lambda node: "residual" in node.fused)


def observe(network: Runs, images: Images, on_batch: OnBatch | None = None) -> Observations:
    """Run a network on images and keep what its arrays held.

    Parameters
    ----------
    network : workbook.network.Network
    images : array (N, ...) or mapping of str to array, or an iterable of them
        Read once, so it may be a generator. Sizes may differ from one to the next. They go through a few at a time; a
        network that takes a fixed number of images gets that many, the last ones filled up by others that do not count.
        Of several inputs, each is given by its name; if they are not as many of each, they go through as they are.
    on_batch : function, optional
        Called with the number of images after each few of them, for a progress bar.

    Raises
    ------
    ValueError
        If an array holds a number that is not finite, or an image does not fit the network.
    """
    observations = Observations()
    alone = network.of_graph(without_sums(network.graph))
    for batch in _batches(images, alone.inputs):
        for name, array in batch.arrays.items():
            _see(observations, name, batch.counted(array), batch.images)
        for node, y in alone.trace(batch.arrays):
            _see(observations, node.outputs[0], batch.counted(y), batch.images)
        observations.images += batch.images
        if on_batch:
            on_batch(batch.images)
    return observations


def calibrate(network: Runs, images: Images, scheme: Scheme | None = None, on_batch: OnBatch | None = None) -> Recipe:
    """Return the recipe of a quantization: `quantize(network, recipe)` follows it, `recipe.save(path)` keeps it.

    The parameters are those of `quantize`.
    """
    scheme = scheme or Scheme()
    return observe(network.of_graph(prepared(network.graph, scheme)), images, on_batch).recipe(scheme)


@dataclass(frozen=True)
class _Batch:
    """What goes through the network together.

    Attributes
    ----------
    arrays : mapping of str to array
        By the name of the input.
    images : int
        That count; others may follow, to fill the number up that the network takes.
    """

    arrays: Mapping[str, Array]
    images: int

    def counted(self, y: Array) -> Array:
        """Return the part of an array that is of images that count."""
        filled = {len(x) for x in self.arrays.values() if x.ndim}
        return y[: self.images] if y.ndim and filled == {len(y)} else y


def _batches(images: Images, ports: Sequence[Port]) -> Iterator[_Batch]:
    """Yield the images in pieces of as many as the network takes, or of `BATCH`."""
    stated = {port.shape[0] for port in ports if port.shape} - {None}
    for given in [images] if isinstance(images, (np.ndarray, Mapping)) else images:
        arrays = _by_name(given, ports)
        counts = {len(array) for array in arrays.values() if array.ndim}
        if len(counts) != 1 or len(stated) > 1:
            yield _Batch(arrays, 1)
            continue
        (count,), size = counts, next(iter(stated), None)
        for start in range(0, count, size or BATCH):
            part = {name: x[start : start + (size or BATCH)] if x.ndim else x for name, x in arrays.items()}
            if size:
                part = {name: np.resize(x, (size, *x.shape[1:])) if x.ndim else x for name, x in part.items()}
            yield _Batch(part, min(size or BATCH, count - start))


def _by_name(given: Any, ports: Sequence[Port]) -> dict[str, Array]:
    """Return arrays by the names of the inputs; how many axes they have is checked here, before they are cut."""
    if not isinstance(given, Mapping):
        if len(ports) > 1:
            raise ValueError(f"the network has the inputs {', '.join(p.name for p in ports)}; pass each by its name")
        given = {ports[0].name: given}
    arrays: dict[str, Array] = dict(given)
    for port in ports:
        array, shape = arrays.get(port.name), port.shape
        if not isinstance(array, np.ndarray) or (shape is not None and array.ndim != len(shape)):
            wanted = "arrays" if shape is None else f"arrays of {len(shape)} axes"
            found = f"an array of shape {array.shape}" if isinstance(array, np.ndarray) else repr(array)
            raise ValueError(f"calibration takes {wanted} for the input {port.name!r}, not {found}")
    return arrays


def _see(observations: Observations, name: str, y: Array, images: int) -> None:
    if y.dtype != np.float32:
        return
    try:
        observations.arrays.setdefault(name, Seen()).observe(y)
    except ValueError as error:
        first, last = observations.images, observations.images + images - 1
        raise ValueError(f"the array {name!r} cannot be calibrated on images {first} to {last}: {error}") from None
