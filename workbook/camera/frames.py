"""A frame on its way in, and the row that is kept of it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Frame:
    """One image of a camera.

    Attributes
    ----------
    index : int
        Its number; every frame of a source has a larger one than the frame before it.
    scheduled : float
        When the camera's schedule has it, in seconds since the start. All latencies count from here.
    payload : array, optional
        The image, (C, H, W). A simulation needs none.
    truth : array, optional
        The image without noise, where the source knows it.
    camera : int
        Which camera it is from.
    """

    index: int
    scheduled: float
    payload: Any = None
    truth: Any = None
    camera: int = 0


@dataclass(frozen=True)
class Format:
    """Shape and dtype that every image of a source has."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def complaint(self, payload: object) -> str:
        """Say what is wrong with an image; empty if nothing is."""
        if not isinstance(payload, np.ndarray):
            return f"wrong type: {type(payload).__name__}, not an array"
        if payload.dtype != self.dtype:
            return f"wrong type: {payload.dtype}, not {self.dtype}"
        if payload.shape != self.shape:
            return f"wrong size: {payload.shape}, not {self.shape}"
        return ""


class Outcome(IntEnum):
    """What became of a frame."""

    DONE = 0
    LATE = 1  # computed, but after its deadline
    DROPPED = 2  # by the policy, or because the run ended
    FAILED = 3  # the record's reason says why


RECORD = np.dtype(
    [
        ("index", np.int64),
        ("camera", np.int32),
        ("scheduled", np.float64),  # s since the start, as all times
        ("taken", np.float64),  # out of the queue; NaN if it never was
        ("started", np.float64),  # the service began with its batch
        ("finished", np.float64),  # the service returned its batch
        ("batch", np.int32),  # frames in its batch; 0 if it was in none
        ("worker", np.int32),  # who computed it; -1 for nobody
        ("outcome", np.int8),
        ("reason", np.int32),  # index in `Run.reasons`
    ]
)


class Ledger:
    """The books of a run: each frame that arrives is opened once and settled once.

    Parameters
    ----------
    deadline : float
        Seconds after its scheduled time at which a frame is late.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._open: dict[int, Frame] = {}
        self._rows: list[tuple[float, ...]] = []
        self._reasons: dict[str, int] = {"": 0}

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons that occurred; the first is empty."""
        return tuple(self._reasons)

    def open(self, frame: Frame) -> None:
        """Note that a frame has arrived."""
        self._open[frame.index] = frame

    def compute(
        self, batch: Sequence[Frame], taken: float, started: float, finished: float, worker: int, reason: str = ""
    ) -> None:
        """Settle a batch that a worker has had; with a reason it failed. A frame that is settled already stays so."""
        for frame in batch:
            if reason:
                outcome = Outcome.FAILED
            elif finished - frame.scheduled > self.deadline:
                outcome = Outcome.LATE
            else:
                outcome = Outcome.DONE
            self._settle(frame, (taken, started, finished, len(batch), worker), outcome, reason)

    def refuse(self, frame: Frame, outcome: Outcome, reason: str) -> None:
        """Settle a frame that no worker computes."""
        self._settle(frame, (np.nan, np.nan, np.nan, 0, -1), outcome, reason)

    def close(self, reason: str) -> None:
        """Settle as failed what is still open."""
        for frame in tuple(self._open.values()):
            self.refuse(frame, Outcome.FAILED, reason)

    def records(self) -> Records:
        """Return a row a frame, in the order of their indices."""
        rows = np.array(self._rows, RECORD)
        return rows[np.argsort(rows["index"], kind="stable")]

    def _settle(self, frame: Frame, times: tuple[float, ...], outcome: Outcome, reason: str) -> None:
        if self._open.pop(frame.index, None) is not None:  # one step, so that only one thread gets it
            number = self._reasons.setdefault(reason, len(self._reasons))
            self._rows.append((frame.index, frame.camera, frame.scheduled, *times, outcome, number))
