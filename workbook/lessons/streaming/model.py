"""What the panel shows: a camera, a service, a policy; the rule of the fixed batch beside the simulator.

Every number but the rule's comes from runs of the simulator, made anew with each move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workbook.camera.policy import Policy
from workbook.camera.run_records import Run
from workbook.camera.run_stream import stream
from workbook.camera.services import Modelled
from workbook.camera.sources import camera
from workbook.lessons.streaming.queueing import CameraRule

FRAMES = 120
MOST = 16  # frames in a batch
DEADLINE = 0.1  # s

POLICIES: dict[str, Callable[[int], Policy]] = {
    "wait for a full batch": Policy.fixed,
    "take what waits": Policy.take_all,
    "newest, drop the rest": lambda batch: Policy(batch, 0.0, room=batch, when_full="overwrite"),
}
FULL = next(iter(POLICIES))


@dataclass(frozen=True, eq=False)
class Explored:
    """A camera and a service under one policy.

    Attributes
    ----------
    rule : CameraRule
    policy : str
        Of POLICIES.
    batch : int
        The largest that the policy takes.
    run : Run
        Of FRAMES frames with this batch.
    worst : dict of int to float
        The largest age of a frame, in seconds, in a run of FRAMES frames with each batch.
    """

    rule: CameraRule
    policy: str
    batch: int
    run: Run
    worst: dict[int, float]


def explored(batch: int, fixed_ms: int, frame_ms: int, period_ms: int, policy: str) -> Explored:
    """Run the camera through the service, with this batch and with every other.

    Parameters
    ----------
    batch : int
        From 1 to MOST.
    fixed_ms, frame_ms : int
        Milliseconds of the service for a batch, and for each of its frames.
    period_ms : int
        Milliseconds from frame to frame.
    policy : str
        Of POLICIES.
    """
    rule = CameraRule(period_ms / 1e3, fixed_ms / 1e3, frame_ms / 1e3)
    runs = {size: simulated(rule, POLICIES[policy](size)) for size in range(1, MOST + 1)}
    worst = {size: run.summary.worst for size, run in runs.items()}
    return Explored(rule, policy, batch, runs[batch], worst)


def simulated(rule: CameraRule, policy: Policy, frames: int = FRAMES, deadline: float = DEADLINE) -> Run:
    """Return a run of the simulator with the camera and the service of a rule."""
    service = Modelled(rule.fixed, rule.per_frame)
    return stream(camera(frames, 1 / rule.period), service, policy, deadline=deadline)
