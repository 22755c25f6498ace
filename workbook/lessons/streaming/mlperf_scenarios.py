"""MLPerf's four scenarios on the lesson's denoiser, by MLPerf's own LoadGen: four numbers of one program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbook.camera.latencies import percentile
from workbook.camera.loadgen import SCENARIOS, LoadGenRun, mlperf
from workbook.lessons.streaming.denoising import denoiser, scene
from workbook.lessons.streaming.waits import PROGRAM, SIZE
from workbook.measuring import timing
from workbook.measuring.others import Others, Usage
from workbook.plain_text import Text

IMAGES = 8  # that LoadGen draws from
BUSY = 0.5  # load of Server: its rate over that of SingleStream
_NANO = 1e9
_NAMES = {"SingleStream": ("p90", 0.9), "MultiStream": ("p99 of eight", 0.99), "Server": ("p99", 0.99)}


@dataclass(frozen=True, eq=False)
class Scenarios(Text):
    """What each scenario says of one program on one core.

    Attributes
    ----------
    runs : dict of str to LoadGenRun
        By SCENARIOS; empty without LoadGen.
    rate : float
        Images a second that Server sent.
    others : Others
        What other programs took meanwhile.
    """

    runs: dict[str, LoadGenRun]
    rate: float
    others: Others

    def __str__(self) -> str:
        head = f"denoiser, {SIZE[1]}x{SIZE[0]}, {PROGRAM}, one core, by MLPerf's LoadGen"
        if not self.runs:
            missing = "[machine] LoadGen is not installed: pip install 'edge-ai-workbook[mlperf]'"
            return f"{head}\n{missing}"
        lines = [f"[machine] {name:<14}{_says(name, run)}" for name, run in self.runs.items()]
        sent = f"[machine] Server sent {self.rate:.0f} images a second at random: busy about {BUSY:.0%} of the time"
        return "\n".join([head, *lines, sent, str(self.others)])

    __repr__ = __str__


def run() -> Scenarios:
    """Run the four scenarios, each at least 2 s, or 0.1 s when WORKBOOK_QUICK is set; the rules ask for 600."""
    least = 0.1 if timing.quick() else 2.0
    network, pan = denoiser(PROGRAM, 1), scene(SIZE)
    images = np.stack([pan(number)[0] for number in range(IMAGES)])
    runs: dict[str, LoadGenRun] = {}
    rate, before = 0.0, Usage.now()
    for name in SCENARIOS:
        try:
            runs[name] = mlperf(name, network, images, seconds=least, rate=rate or 1.0, queries=24)
        except ImportError:
            break
        if name == "SingleStream":
            rate = BUSY * _NANO / float(np.median(runs[name].samples))
    return Scenarios(runs, rate, Others.since(before))


def _says(name: str, run: LoadGenRun) -> str:
    """Return the scenario's own number."""
    if name == "Offline":
        return f"{len(run.samples) / (run.samples.max() / _NANO):.0f} images a second, all there from the start"
    which, p = _NAMES[name]
    return f"{which} {percentile(run.latencies, p) / 1e6:.2f} ms, of {len(run.latencies)} queries"
