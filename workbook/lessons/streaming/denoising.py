"""The trained denoiser behind a camera, in real time: each frame late or in time, and the picture.

Everything is done before a run that a camera's program does before its first frame: weights are packed, memory is
touched, and the network is in int8 already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from workbook import models
from workbook.advisor.energy import WATTS, Bill
from workbook.camera.clock import RealTime
from workbook.camera.frames import Frame
from workbook.camera.latencies import Summary
from workbook.camera.policy import Policy
from workbook.camera.run_records import Run
from workbook.camera.run_stream import stream
from workbook.camera.scenes import Pan, psnr
from workbook.camera.services import OnImages, Service
from workbook.camera.sources import FPS, camera
from workbook.graphs.graph import FloatArray, Graph
from workbook.lessons.quantization.trained import images
from workbook.measuring import this_machine, timing
from workbook.measuring.others import Others, Usage
from workbook.measuring.rapl import Counters
from workbook.network import Network
from workbook.plain_text import Text
from workbook.quantize.to_bytes import quantize

DEADLINE = 1 / FPS  # s: the next frame is there
SIZE = (208, 256)
CORES = 2
PICTURED = 60  # the number of the frame that is shown
PROGRAMS = ("direct", "winograd_f4", "int8")
_WARM = 2  # batches before the first frame


def denoiser(program: str, threads: int) -> Network:
    """Return the denoiser by one program, weights packed.

    Parameters
    ----------
    program : str
        "int8", or an algorithm of `kernels.Conv2d` in float32.
    threads : int
    """
    if program == "int8":
        return Network(_graph_on_bytes(), threads=threads)
    return models.load("denoiser", algorithm=program, threads=threads)


@cache
def _graph_on_bytes() -> Graph:
    return quantize(models.load("denoiser", threads=1), images("denoiser"), threads=1).graph


def cores() -> int:
    """Return how many cores the lesson uses: CORES, or one if the machine has no more."""
    return min(CORES, this_machine.machine().cores)


def scene(size: tuple[int, int] = SIZE) -> Pan:
    """Return what the camera sees: a pan over a photo that the denoiser was not trained on, in grey."""
    return Pan(size, "camera", grey=True)


def watched(services: Service | Sequence[Service], policy: Policy, frames: int, size: tuple[int, int] = SIZE) -> Run:
    """Let the camera run through services in real time; each has had some batches before that.

    Parameters
    ----------
    services : Service, or a sequence of them
    policy : Policy
    frames : int
    size : (int, int)
        Height and width of a frame.
    """
    workers, pan = services if isinstance(services, Sequence) else (services,), scene(size)
    for worker in workers:
        for _ in range(_WARM):
            worker([Frame(0, 0.0, pan(0)[0])] * policy.batch)
    return stream(camera(frames, FPS, scene=pan), workers, policy, clock=RealTime(), deadline=DEADLINE)


@cache
def pictures(size: tuple[int, int] = SIZE) -> dict[str, tuple[FloatArray, float]]:
    """Return one frame as the camera has it and by each program, with the PSNR of each in dB."""
    dirty, clean = scene(size)(PICTURED)
    made = {"camera": dirty} | {program: denoiser(program, 1)(dirty[None])[0] for program in PROGRAMS}
    return {name: (picture[0], psnr(picture, clean)) for name, picture in made.items()}


@dataclass(frozen=True, eq=False)
class Live(Text):
    """A camera at batch 1, by each program.

    Attributes
    ----------
    runs : dict of str to Run
    size : (int, int)
        Height and width of a frame.
    others : Others
        What other programs took meanwhile.
    counted : dict of str to float
        Joules of each run by the processor's own counters, rest and other programs included; empty where they cannot
        be read.
    """

    runs: dict[str, Run]
    size: tuple[int, int]
    others: Others
    counted: dict[str, float]

    @property
    def summaries(self) -> dict[str, Summary]:
        """Each run in numbers."""
        return {program: run.summary for program, run in self.runs.items()}

    @property
    def misses(self) -> dict[str, float]:
        """Frames without a result in time, of a hundred."""
        return {program: 100 * found.misses / found.frames for program, found in self.summaries.items()}

    @property
    def joules(self) -> dict[str, float]:
        """Of a frame that was computed: counted, or else the model's power times the time that it took."""
        energies = {}
        for program, run in self.runs.items():
            took = run.records["finished"] - run.records["started"]
            seconds = took[np.isfinite(took)]
            if self.counted:
                energies[program] = self.counted[program] / (_WARM + len(seconds))
            else:
                energies[program] = Bill().joules(float(seconds.mean()))
        return energies

    def __str__(self) -> str:
        height, width = self.size
        found = pictures(self.size)
        lines = [
            f"denoiser, {width}x{height}, {FPS:g} frames a second, batch 1, newest frame first, {CORES} cores at most",
            f"{'program':<13}{'PSNR':>9}   from camera to result: median, then p99",
        ]
        for program, run in self.summaries.items():
            times = "".join(timing.measured(1e3 * time, "ms", 11) for time in (run.p50, run.p99))
            lines.append(f"{program:<13}{found[program][1]:>6.2f} dB{times}")
        for program, run in self.summaries.items():
            counts = f"{run.late} late and {run.dropped} dropped of {run.frames}"
            lines.append(f"[machine] {program:<12}{self.misses[program]:>6.1f} of 100 miss {self._deadline}: {counts}")
        energies = ", ".join(f"{program} {joules:.2f} J" for program, joules in self.joules.items())
        source = (
            "counted by the processor (RAPL), rest and other programs included"
            if self.counted
            else f"by a model, {WATTS:g} W while it computes; RAPL cannot be read here"
        )
        return "\n".join([*lines, f"[machine] energy of a frame: {energies}, {source}", str(self.others)])

    __repr__ = __str__

    @property
    def _deadline(self) -> str:
        return f"{1e3 * DEADLINE:.0f} ms"


def live(size: tuple[int, int] = SIZE, frames: int | None = None, on_program: Callable[[], None] | None = None) -> Live:
    """Let the camera run through the denoiser at batch 1, all cores on one frame, by each program.

    Parameters
    ----------
    size : (int, int)
        Height and width of a frame.
    frames : int, optional
        Of each program; 90 by default, 8 when WORKBOOK_QUICK is set.
    on_program : function, optional
        Called after each program, for a progress bar.
    """
    count = frames or (8 if timing.quick() else 90)
    runs, before = {}, Usage.now()
    counted: dict[str, float] = {}
    for program in PROGRAMS:
        service, start = OnImages(denoiser(program, cores())), Counters.now()
        runs[program] = watched(service, Policy.newest(), count, size)
        end = Counters.now()
        if start and end:
            counted[program] = start.joules(end)
        if on_program:
            on_program()
    return Live(runs, size, Others.since(before), counted)
