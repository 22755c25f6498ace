"""Counts what the denoiser moves through DRAM, whole and in bands of rows, and writes docs/depth_first.md.

python docs/depth_first.py     needs valgrind; it takes minutes

Valgrind's cachegrind simulates a last cache of a given size while the program runs. A process computes one frame or
three; the difference of their misses belongs to two frames, and start, loading and packing are in neither. A miss moves
a line of 64 bytes. Frames come from memory and results go there, each to an address of its own, as from a camera.
Beside it stands the model: `tiles` for a layer at a time, `depth_first` for bands, whose filters stay on the chip.

Valgrind computes fused multiply-adds in software, so the level is the one without them; the bytes are the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from workbook import models
from workbook.accelerator.depth_first import line_buffers, stacks
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.tiles import tiles
from workbook.accelerator.workload import Layer, Workload
from workbook.files import write_whole
from workbook.rows.bands import Bands

PAGE = Path(__file__).with_name("depth_first.md")
SIZE = (512, 128)
BAND = 4
CACHE_KB = 4096
LINE = 64  # bytes
CACHE = OnChip(double=False)  # a cache is not cut in halves
ISA = "baseline"
REUSED = {f"MALLOC_{name}_": str(1 << 30) for name in ("MMAP_THRESHOLD", "TRIM_THRESHOLD")}
"""What is freed is used again, as without valgrind, whose heap does not grow in place."""

ROOM = (
    "The cache is larger than the model asks for, since the program keeps more than line buffers: scratch, where a "
    "layer lays the rows that it reads and which all layers share, copies of rows from layer to layer, and Python's "
    "own data in the same cache; what of it is read anew is counted with the frame."
)


def denoiser() -> Workload:
    """Return the denoiser's layers: eight of 3x3, 32 channels between them."""
    channels = (1, 32, 32, 32, 32, 32, 32, 32, 1)
    layers = (Layer(f"conv{i}", C, *SIZE, K, *SIZE, 3, 3, type="fp32") for i, (C, K) in enumerate(pairwise(channels)))
    return Workload("denoiser", tuple(layers))


def run(frames: int, band: int) -> None:
    """Compute some frames of three, whole if the band has no rows; the cache holds none of them before."""
    net = models.load("denoiser", algorithm="direct", threads=1)
    stream = np.random.default_rng(0).random((3, 1, 1, *SIZE), np.float32)
    results = np.zeros_like(stream)
    bands = Bands(net, SIZE, band, algorithm="direct", threads=1) if band else None
    np.ones(2 * CACHE_KB * 1024 // 8).sum()  # whatever the cache held is gone
    for frame, result in zip(stream[:frames], results, strict=False):
        if not bands:
            result[:] = net(frame)
            continue
        done = 0
        for top in range(0, SIZE[0], band):
            rows = bands.feed(frame[:, :, top : top + band])
            result[:, :, done : done + rows.shape[2]] = rows
            done += rows.shape[2]


def misses(frames: int, band: int, folder: Path) -> int:
    """Return the misses of the last cache, reads and writes, of a process that computes some frames."""
    counts = folder / f"{frames}-{band}"
    command = [
        "valgrind", "--tool=cachegrind", "--cache-sim=yes", "--D1=32768,8,64", f"--LL={CACHE_KB * 1024},16,{LINE}",
        f"--cachegrind-out-file={counts}", sys.executable, __file__, str(frames), str(band),
    ]  # fmt: skip
    environment = {**os.environ, "KERNELS_ISA": ISA, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", **REUSED}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    lines = counts.read_text(encoding="utf-8").splitlines()
    (events,) = (line.split()[1:] for line in lines if line.startswith("events:"))
    (total,) = (line.split()[1:] for line in lines if line.startswith("summary:"))
    found = dict(zip(events, map(int, total), strict=True))
    return found["DLmr"] + found["DLmw"]


def counted(band: int, folder: Path) -> float:
    """Return the bytes that a frame moves, counted."""
    one, three = (misses(frames, band, folder) for frames in (1, 3))
    return (three - one) / 2 * LINE


def modelled(band: int) -> float:
    """Return the bytes that a frame moves by the model."""
    layers = denoiser().layers
    if band:
        kept = Workload("denoiser", tuple(replace(layer, weights_on_chip=True) for layer in layers))
        return sum(stack.dram_bytes for stack in stacks(kept, CACHE_KB, CACHE))
    return sum(tiles(layer, 1, 1.0, CACHE_KB, CACHE)[0].dram_bytes for layer in layers)


def page(rows: Sequence[tuple[int, float, float]]) -> str:
    """Return the page: bytes by the model and counted, whole and in bands."""
    layers = denoiser().layers
    buffers, weights = line_buffers(layers, BAND), sum(layer.weight_bytes for layer in layers)
    lines = [
        "# Depth-first, counted",
        "",
        f"Written by `python docs/depth_first.py`: the denoiser, {SIZE[0]} x {SIZE[1]}, float32, `direct`, one thread; "
        "a frame's bytes between the last cache and DRAM, counted by valgrind's cachegrind and by lesson 4's model. "
        f"The cache has {CACHE_KB:,} KB; line buffers and filters of all eight layers take "
        f"{(buffers + weights) / 1024:,.0f} KB by the model.",
        "",
        "| schedule | model, MB | counted, MB | model over counted |",
        "| --- | --- | --- | --- |",
    ]
    for band, ours, theirs in rows:
        how = f"bands of {band} rows through all layers" if band else "layer by layer"
        lines.append(f"| {how} | {ours / 1e6:.2f} | {theirs / 1e6:.2f} | {ours / theirs - 1:+.1%} |")
    return "\n".join([*lines, "", ROOM, ""])


def main() -> None:
    """Count, and write the page."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for band in (0, BAND):
            rows.append((band, modelled(band), counted(band, Path(name))))
    write_whole(PAGE, page(rows).encode())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(*map(int, sys.argv[1:]))
    else:
        main()
