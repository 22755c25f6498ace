"""Run a source through a service: as a camera does, or as a simple benchmark does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from workbook.camera.clock import Clock, Simulated
from workbook.camera.frames import Frame
from workbook.camera.policy import Policy
from workbook.camera.run_records import Run
from workbook.camera.services import Images, Service, as_service
from workbook.camera.stage import ClosedStage, Stage


def stream(
    source: Iterable[Frame],
    services: Service | Callable[[Images], Any] | Sequence[Service | Callable[[Images], Any]],
    policy: Policy | None = None,
    *,
    clock: Clock | None = None,
    deadline: float = math.inf,
    patience: float | None = None,
) -> Run:
    """Run a source through a service.

    Parameters
    ----------
    source : iterable of Frame
        In the order of their scheduled times. Its attributes `count` (frames to expect) and `format` are used if it
        has them.
    services : Service, function of images (B, C, H, W), or a sequence of services
        A worker each.
    policy : Policy, optional
        One frame at a time and none dropped, if not given.
    clock : Clock, optional
        `Simulated()`, if not given, or `RealTime()`.
    deadline : float
        Seconds from the scheduled time after which a result is late.
    patience : float, optional
        Seconds after which a worker or a source that does not return is given up; the clock's, if not given: 10 s in
        real time, no limit in simulated time. Without a worker left the run ends.

    Returns
    -------
    Run

    Raises
    ------
    Interrupted
        At Ctrl-C, with the run up to there.
    """
    each = services if isinstance(services, Sequence) else (services,)
    if not each:
        raise ValueError("services is empty: a run needs a worker")
    workers = [as_service(service) for service in each]
    return Stage(source, workers, policy or Policy(), clock or Simulated(), deadline, patience).run()


def closed_loop(
    source: Iterable[Frame],
    service: Service | Callable[[Images], Any],
    *,
    clock: Clock | None = None,
    deadline: float = math.inf,
    patience: float | None = None,
) -> Run:
    """Run a source through a service as a simple benchmark does: the next frame comes when the last result is there.

    The scheduled times of the source are not used. A frame that a slow one holds up does not come late here, it comes
    later: the record of a hiccup is one slow frame, where a camera would have made many (coordinated omission).
    The parameters are those of `stream`.
    """
    return ClosedStage(source, [as_service(service)], Policy(), clock or Simulated(), deadline, patience).run()
