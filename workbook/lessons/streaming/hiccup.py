"""The same service with one hiccup, measured by a simple benchmark and by a camera: coordinated omission.

The name is Gil Tene's ("How not to measure latency", 2013): a loop that waits for each answer before it asks again does
not ask while the service hangs, and so leaves out the frames that would have waited.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbook.camera.clock import Clock, RealTime, Simulated
from workbook.camera.run_records import Run
from workbook.camera.run_stream import closed_loop, stream
from workbook.camera.services import Hiccups, Modelled
from workbook.camera.sources import camera
from workbook.measuring import timing
from workbook.measuring.others import Others, Usage
from workbook.plain_text import Text

RATE = 100.0  # frames a second
FRAMES, HERE = 1000, 100  # simulated; in real time
SERVICE, HICCUP = 0.001, 0.2  # s


@dataclass(frozen=True, eq=False)
class Loops(Text):
    """One service, asked in two ways.

    Attributes
    ----------
    closed, camera : Run
        Simulated: the next frame comes with the last result; or with the camera's clock.
    closed_here, camera_here : Run
        The same in real time, for fewer frames.
    others : Others
        What other programs took meanwhile.
    """

    closed: Run
    camera: Run
    closed_here: Run
    camera_here: Run
    others: Others

    def __str__(self) -> str:
        lines = [
            f"service of {SERVICE * 1e3:g} ms, one hiccup of {HICCUP * 1e3:g} ms; {RATE:g} frames a second",
            f"{'':<26}{'median':>12}{'p99':>12}{'slower than 10 ms':>20}",
        ]
        for name, run in (("closed loop, simulated", self.closed), ("camera, simulated", self.camera)):
            found = run.summary
            slow = f"{_slow(run)} of {found.frames}"
            lines.append(f"{name:<26}{found.p50 * 1e3:>9.1f} ms{found.p99 * 1e3:>9.1f} ms{slow:>20}")
        lines += ["", f"{'in real time':<26}{'median':>22}{'p90':>22}"]
        for name, run in (("closed loop, here", self.closed_here), ("camera, here", self.camera_here)):
            found = run.summary
            times = "".join(timing.measured(1e3 * time, "ms", 9) for time in (found.p50, found.p90))
            lines.append(f"{name:<26}{times}")
        return "\n".join([*lines, f"[machine] here: {len(self.camera_here.records)} frames", str(self.others)])

    __repr__ = __str__


def loops() -> Loops:
    """Ask the service in both ways, simulated and in real time."""
    before = Usage.now()
    here = _both(HERE if not timing.quick() else HERE // 2, RealTime)
    return Loops(*simulated(), *here, Others.since(before))


def simulated() -> tuple[Run, Run]:
    """Return the closed loop and the camera, simulated."""
    return _both(FRAMES, Simulated)


def _both(frames: int, clock: type[Clock]) -> tuple[Run, Run]:
    service = Hiccups(Modelled(0.0, SERVICE), {frames // 2: HICCUP})
    source = camera(frames, RATE)
    return closed_loop(source, service, clock=clock()), stream(source, service, clock=clock())


def _slow(run: Run) -> int:
    rows = run.records
    return int((rows["finished"] - rows["scheduled"] > 0.01).sum())
