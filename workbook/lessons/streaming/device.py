"""The device of exercise 5.3: two cores, three programs, and what becomes of a camera's frames by a plan."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.camera.latencies import Summary
from workbook.camera.policy import Policy
from workbook.camera.run_stream import stream
from workbook.camera.services import Modelled, one_each, split_one
from workbook.camera.sources import camera
from workbook.plain_text import Text

_MS = 1e3
TOOLS = {"direct": 84, "winograd": 36, "int8": 42}  # ms a frame on one core, of a device of ours
SPLIT = 0.55  # of that time, if two cores compute one frame
FRAME, LIMIT = 33, 33  # ms: from frame to frame; the deadline
SHARES = ("split", "each")
BATCHES = (1, 2, 4)


@dataclass(frozen=True)
class Served(Text):
    """What becomes of 300 frames, and how busy the cores are, from 0 to 1."""

    summary: Summary
    busy: float

    def __str__(self) -> str:
        found = self.summary
        return (
            f"{found.misses} of {found.frames} frames miss {LIMIT} ms; oldest {found.worst * _MS:.1f} ms; "
            f"cores busy {self.busy:.0%}"
        )

    __repr__ = __str__


def serve(tool: str, cores: str, batch: int) -> Served:
    """Simulate a plan for the device of exercise 5.3.

    Parameters
    ----------
    tool : str
        Of TOOLS.
    cores : str
        "split": both cores on one frame. "each": every core has frames of its own.
    batch : int
        Frames that are computed together.

    Raises
    ------
    ValueError
        For a plan that is none.
    """
    if tool not in TOOLS or cores not in SHARES or batch not in BATCHES:
        raise ValueError(
            f"({tool!r}, {cores!r}, {batch!r}): choose one of {', '.join(TOOLS)}, one of {', '.join(SHARES)}, "
            f"and a batch of {', '.join(map(str, BATCHES))}"
        )
    share = split_one if cores == "split" else one_each
    services = share(lambda threads: Modelled(0.0, TOOLS[tool] / _MS * (SPLIT if threads > 1 else 1)), 2)
    run = stream(camera(300, _MS / FRAME), services, Policy.fixed(batch), deadline=LIMIT / _MS)
    took = run.records["finished"] - run.records["started"]
    work = float((took / run.records["batch"]).sum()) * (2 if cores == "split" else 1)
    return Served(run.summary, work / 2 / run.summary.duration)
