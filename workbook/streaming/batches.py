"""What a batch shares: time an image, throughput, latency and bytes of weights an image, over the batch size.

A weight that has been read meets every output pixel of its batch. With the rates of this core, for B images:

    arithmetic(B) = multiply-adds of the kernel's tiles / peak
    reading(B)    = bytes of weights / bandwidth of memory + bytes read again / bandwidth of the cache that holds them
    time(B)      >= max(arithmetic(B), reading(B))

Weights come from memory once a batch: between two calls other layers run, and no cache holds a whole network. A kernel
whose outer loop runs over images reads them again for each of them, from the nearest cache that has room for all, or
from memory if none has. Weights are the bound up to the batch whose arithmetic takes as long as its reading. Layers
differ in how many multiply-adds an image has for each weight: thousands (early), dozens (deep), one (fully connected).
A batch also gains where weights are no bound: a tile that one image does not fill takes as long as a full one, and what
a call begins with (its scratch out of the cache, checks) it does once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import kernels
from kernels import probe
from kernels.geometry import Geometry, Window
from kernels.registry import counts
from workbook import measure
from workbook.measure import Timing, measured
from workbook.topologies import ConvLayer

BATCHES = (1, 2, 4, 8, 16, 32)
INT8 = "int8"

Images = npt.NDArray[Any]
Plan = kernels.Conv2d | kernels.QLinearConv


@dataclass(frozen=True)
class Case:
    """A layer and the kernel that computes it, on one thread.

    Attributes
    ----------
    name : str
    layer : ConvLayer
        Of stride 1 and one group. A filter of 1x1 on images of 1x1 is a fully connected layer: its images become the
        pixels of one row.
    algorithm : str
        Of `kernels.Conv2d`, or "int8" for `kernels.QLinearConv`.
    shared : bool
        Whether the kernel reads the weights once a batch, not once an image.
    """

    name: str
    layer: ConvLayer
    algorithm: str
    shared: bool

    @property
    def connected(self) -> bool:
        """Whether the layer is fully connected."""
        return self.layer.H * self.layer.W == 1

    def __str__(self) -> str:
        layer = self.layer
        filters = "" if self.connected else f", {layer.R}x{layer.S} @{layer.H}"
        return f"{self.name}: {layer.C} -> {layer.K}{filters}, {self.algorithm}"

    def plan(self) -> Plan:
        """Return the layer with seeded weights; bytes of y are far from their limits."""
        layer, random = self.layer, np.random.default_rng(0)
        shape = (layer.K, layer.C, layer.R, layer.S)
        if self.algorithm == INT8:
            weight = random.integers(-127, 128, shape, np.int8)
            scale = 100.0 * np.sqrt(layer.C * layer.R * layer.S)
            return kernels.QLinearConv(
                weight,
                1.0,
                0,
                x_scale=1.0,
                x_zero_point=128,
                y_scale=scale,
                y_zero_point=np.uint8(128),
                padding=layer.padding,
                threads=1,
            )
        return kernels.Conv2d(
            random.standard_normal(shape, np.float32), padding=layer.padding, algorithm=self.algorithm, threads=1
        )

    def images(self, count: int) -> Images:
        """Return seeded images (B, C, H, W)."""
        shape, random = (count, self.layer.C, self.layer.H, self.layer.W), np.random.default_rng(1)
        if self.algorithm == INT8:
            return random.integers(0, 256, shape, np.uint8)
        return random.standard_normal(shape, np.float32)

    def compute(self, plan: Plan, x: Images, out: Images | None = None) -> Images:
        """Return the layer's output (B, K, P, Q), in `out` if it is given."""
        if not self.connected:
            return plan(x, out=out)
        row = np.ascontiguousarray(x[:, :, 0, 0].T)[None, :, None]  # (1, C, 1, B)
        y = plan(row)[0, :, 0].T[:, :, None, None]
        if out is None:
            return y
        out[...] = y
        return out

    def tile_macs(self, batch: int) -> float:
        """Multiply-adds of the kernel's tiles, what lies beside the image included."""
        layer = self.layer
        if self.algorithm == INT8:  # vectors of pixels, which run on from row to row through the padding
            pixels = batch if self.connected else (layer.P - 1) * (layer.Q + layer.S - 1) + layer.Q
            vectors = -(-pixels // probe.lanes()) * (1 if self.connected else batch)
            return float(vectors * probe.lanes() * layer.weight_numbers)
        shape = (1, layer.C, 1, batch) if self.connected else (batch, layer.C, layer.H, layer.W)
        window = Window.of(1, layer.padding, 1, 1)
        geometry = Geometry.of(shape, (layer.K, layer.C, layer.R, layer.S), window)
        return counts(self.algorithm, geometry)[0] * probe.lanes()


# ResNet-50's second and last 3x3 layers, and VGG's last layer.
EARLY = ConvLayer("conv2", 64, 56, 56, 64, 3, 3, padding=1)
DEEP = ConvLayer("conv5", 512, 7, 7, 512, 3, 3, padding=1)
CONNECTED = ConvLayer("fc8", 4096, 1, 1, 1000)

CASES = (
    Case("early", EARLY, "direct", shared=False),
    Case("early", EARLY, INT8, shared=False),
    Case("deep", DEEP, "direct", shared=False),
    Case("deep", DEEP, "winograd_f4", shared=True),
    Case("deep", DEEP, INT8, shared=False),
    Case("fully connected", CONNECTED, "direct", shared=True),
    Case("fully connected", CONNECTED, INT8, shared=True),
)


@dataclass(frozen=True)
class Point:
    """One batch size.

    Attributes
    ----------
    batch : int
    timing : Timing
        Seconds of a batch.
    memory_bytes, cache_bytes : float
        Bytes of weights that are read an image, by the order of the kernel's loops: from memory, and again from a cache
        behind L2.
    arithmetic, reading : float
        Seconds of a batch that the model predicts of each.
    """

    batch: int
    timing: Timing
    memory_bytes: float
    cache_bytes: float
    arithmetic: float
    reading: float

    @property
    def predicted(self) -> float:
        """Seconds of a batch by the model, at least."""
        return max(self.arithmetic, self.reading)

    @property
    def latency(self) -> float:
        """Seconds from the start of a batch to its results."""
        return self.timing.median

    @property
    def per_image(self) -> float:
        """Seconds of a batch, divided by its images."""
        return self.timing.median / self.batch

    @property
    def throughput(self) -> float:
        """Images a second."""
        return self.batch / self.timing.median


@dataclass(frozen=True)
class Sweep:
    """A layer over the batch size.

    Attributes
    ----------
    case : Case
    packed_bytes : int
        Of its weights as the kernel keeps them.
    points : tuple of Point
    """

    case: Case
    packed_bytes: int
    points: tuple[Point, ...]

    @property
    def gain(self) -> float:
        """How many times the throughput of the first batch size the best one has."""
        return max(point.throughput for point in self.points) / self.points[0].throughput

    @property
    def bound_up_to(self) -> int:
        """The largest batch size, of those measured, whose weights take longer than its arithmetic by the model."""
        return max((point.batch for point in self.points if point.reading > point.arithmetic), default=0)

    def __str__(self) -> str:
        lines = [
            f"{self.case}",
            f"{'batch':>5}{'predicted an image':>25}{'measured':>22}{'batch':>21}{'throughput':>22}",
        ]
        for point in self.points:
            lines.append(
                f"{point.batch:>5}{measured(1e3 * point.predicted / point.batch, 'ms', 11)}"
                f"{measured(1e3 * point.per_image, 'ms', 9)}{measured(1e3 * point.latency, 'ms', 9)}"
                f"{measured(point.throughput / self.points[0].throughput, 'x', 9)}"
            )
        bound = f"up to batch {self.bound_up_to}" if self.bound_up_to else "at no batch size"
        lines.append(f"[machine] {self.packed_bytes / 1e6:.3g} MB of weights are the bound {bound}")
        first = ", ".join(f"{point.memory_bytes / 1e6:.3g}" for point in self.points)
        again = ", ".join(f"{point.cache_bytes / 1e6:.3g}" for point in self.points)
        lines.append(f"[machine] MB of them read an image from memory: {first}")
        lines.append(f"[machine] and again from a cache behind L2: {again}")
        return "\n".join(lines)

    __repr__ = __str__


def sweep(
    cases: Sequence[Case] = CASES,
    batches: Sequence[int] = BATCHES,
    *,
    seconds: float | None = None,
    on_round: Callable[[], None] | None = None,
) -> tuple[Sweep, ...]:
    """Measure layers over the batch size, all in turns; a thread's own time counts.

    Before each call the caches are filled with other numbers, and then with the images, as the layer before leaves
    them.

    Parameters
    ----------
    cases : sequence of Case
    batches : sequence of int
        Images computed together, each at least 1.
    seconds : float, optional
        To spend on all; 1 s, or 0.2 s when WORKBOOK_QUICK is set. At least three rounds are made.
    on_round : function, optional
        Called after each round, for a progress bar.

    Raises
    ------
    ValueError
        If there is no case or no batch size, or one is below 1.
    """
    if not cases or not batches or min(batches) < 1:
        raise ValueError(f"at least one case, and batch sizes of 1 or more are needed, not {tuple(batches)}")
    others = np.ones(measure.working_sets()[measure.MEMORY] // 4, np.float32)
    plans: list[Plan] = []
    functions: dict[str, Callable[[], object]] = {}
    for number, case in enumerate(cases):
        plan, images = case.plan(), case.images(max(batches))
        y = np.empty((max(batches), *case.compute(plan, images[:1]).shape[1:]), images.dtype)
        plans.append(plan)
        for batch in batches:
            functions[f"before {number} {batch}"] = partial(_before, others, images[:batch], y[:batch])
            functions[f"{number} {batch}"] = partial(case.compute, plan, images[:batch], y[:batch])
    times = measure.interleaved(functions, seconds=seconds, clock=time.thread_time, on_round=on_round)
    return tuple(
        Sweep(
            case,
            plan.packed_bytes,
            tuple(_point(case, plan.packed_bytes, batch, times[f"{number} {batch}"]) for batch in batches),
        )
        for number, (case, plan) in enumerate(zip(cases, plans, strict=True))
    )


def _before(others: Images, x: Images, y: Images) -> None:
    """Leave in the caches what the layer before leaves there."""
    probe.read(others, 1)
    y.fill(0)
    x.max()


def _point(case: Case, packed_bytes: int, batch: int, timing: Timing) -> Point:
    """Predict a batch, beside what was measured of it."""
    peak = measure.peak_byte_gmacs() if case.algorithm == INT8 else measure.peak_gmacs()
    level = _level(packed_bytes)
    again = 0 if case.shared else (batch - 1) * packed_bytes
    first = packed_bytes + again * (level == measure.MEMORY)
    again *= level not in ("L1", "L2", measure.MEMORY)
    reading = first / measure.bandwidth_gbs(measure.MEMORY) + again / measure.bandwidth_gbs(level)
    return Point(batch, timing, first / batch, again / batch, case.tile_macs(batch) / peak / 1e9, reading / 1e9)


def _level(size: int) -> str:
    """Return the nearest cache that holds so many bytes."""
    return next((level for level, room in measure.caches().items() if size <= room), measure.MEMORY)
