"""The robot of exercise 5.3: from light to the arm, with a device of two cores; what becomes of frames by a plan."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.camera.latencies import Summary
from workbook.camera.policy import Policy
from workbook.camera.run_stream import stream
from workbook.camera.services import Modelled, one_each, split_one
from workbook.camera.sources import camera
from workbook.plain_text import Text

_MS = 1e3
TOOLS = {"direct": 84, "winograd": 36, "int8": 20}  # ms a frame on one core, of a device of ours
SPLIT = 0.55  # of that time, if two cores compute one frame
FRAME = 33  # ms from frame to frame
LIMIT = 50  # ms from the first light to the arm's command
BUSIEST = 0.65  # of the two cores; the rest is the arm's controller's
READOUT, TRANSFER, DECIDE = 12, 4, 5  # ms
SHARES = ("split", "each")
BATCHES = (1, 2)
EXPOSURES = {4: 2.5, 8: 1.0, 16: 0.0}  # ms of light: points of accuracy that its noise costs
BEST = 92.0  # % right with long exposures, in float32
LOSSES = {"direct": 0.0, "winograd": 0.0, "int8": 1.5}  # points of accuracy


@dataclass(frozen=True)
class Served(Text):
    """What becomes of 300 frames.

    Attributes
    ----------
    summary : Summary
        From the frame in memory to its result.
    stages : dict of str to float
        Milliseconds of the oldest frame in each stage, from light to command.
    busy : float
        Share of the cores' time, from 0 to 1.
    accuracy : float
        Percent.
    """

    summary: Summary
    stages: dict[str, float]
    busy: float
    accuracy: float

    @property
    def total(self) -> float:
        """Milliseconds from the first light of the oldest frame to the command."""
        return sum(self.stages.values())

    @property
    def fits(self) -> bool:
        """Whether it is in time for every frame and leaves the controller its share."""
        return self.total <= LIMIT and self.busy <= BUSIEST

    def __str__(self) -> str:
        stages = " + ".join(f"{name} {round(ms, 1):g}" for name, ms in self.stages.items())
        return (
            f"{stages} = {self.total:.1f} ms of {LIMIT}\n"
            f"cores busy {self.busy:.0%} of at most {BUSIEST:.0%}; {self.accuracy:.1f} % right"
        )

    __repr__ = __str__


def serve(exposure: int, tool: str, cores: str, batch: int) -> Served:
    """Simulate a plan for the robot of exercise 5.3.

    Parameters
    ----------
    exposure : int
        Milliseconds, of EXPOSURES.
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
    choices = ((exposure, EXPOSURES), (tool, TOOLS), (cores, SHARES), (batch, BATCHES))
    for given, known in choices:
        if given not in known:
            raise ValueError(f"{given!r}: choose one of {', '.join(map(repr, known))}")
    share = split_one if cores == "split" else one_each
    services = share(lambda threads: Modelled(0.0, TOOLS[tool] / _MS * (SPLIT if threads > 1 else 1)), 2)
    run = stream(camera(300, _MS / FRAME), services, Policy.fixed(batch))
    took = run.records["finished"] - run.records["started"]
    work = float((took / run.records["batch"]).sum()) * (2 if cores == "split" else 1)
    stages = {
        "exposure": exposure,
        "readout": READOUT,
        "transfer": TRANSFER,
        "inference": _MS * run.summary.worst,
        "decision": DECIDE,
    }
    accuracy = BEST - EXPOSURES[exposure] - LOSSES[tool]
    return Served(run.summary, stages, work / 2 / run.summary.duration, accuracy)
