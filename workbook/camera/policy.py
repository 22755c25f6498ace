"""What waits and what is computed together: a policy, and the queue that follows it.

The queue knows no clock. It is told the time, so that it does the same in simulated and in real time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

from workbook.camera.frames import Frame

WhenFull = Literal["drop", "overwrite"]
_QUEUES = ("drop", "overwrite")


@dataclass(frozen=True)
class Policy:
    """How frames wait for a worker.

    Attributes
    ----------
    batch : int
        A worker takes this many frames at once, or fewer when `max_delay` has passed or the source has ended.
    max_delay : float
        Seconds after its scheduled time at which the oldest frame waits no longer for the batch to fill.
    room : int, optional
        How many frames can wait; no limit by default.
    when_full : str
        "drop": a frame that finds no room is dropped. "overwrite": it takes the place of the oldest.

    Raises
    ------
    ValueError
        If a batch cannot fill, or a number has no meaning.
    """

    batch: int = 1
    max_delay: float = math.inf
    room: int | None = None
    when_full: WhenFull = "drop"

    def __post_init__(self) -> None:
        if isinstance(self.batch, bool) or not isinstance(self.batch, Integral) or self.batch < 1:
            raise ValueError(f"batch={self.batch!r}: a worker takes a whole number of frames, at least one")
        if not self.max_delay >= 0:
            raise ValueError(f"max_delay={self.max_delay}: seconds, 0 or more")
        if self.when_full not in _QUEUES:
            raise ValueError(f"when_full={self.when_full!r}: choose {' or '.join(_QUEUES)}")
        if self.room is not None and self.room < self.batch:
            raise ValueError(f"room={self.room} never holds a batch of {self.batch}: make room at least {self.batch}")

    @classmethod
    def fixed(cls, batch: int) -> Policy:
        """Wait until a batch is full; nothing is dropped."""
        return cls(batch)

    @classmethod
    def take_all(cls, most: int = 1 << 30) -> Policy:
        """Whoever is free takes all that waits, at most this many; nothing is dropped."""
        return cls(most, max_delay=0.0)

    @classmethod
    def newest(cls) -> Policy:
        """A queue of one, overwritten: whoever is free takes the newest frame."""
        return cls(room=1, when_full="overwrite")


class Queue:
    """The frames that wait.

    Parameters
    ----------
    policy : Policy
    arrived : function
        Called with a frame at its arrival; if it returns False, the frame does not enter.
    dropped : function
        Called with a frame that the policy drops.
    """

    def __init__(self, policy: Policy, arrived: Callable[[Frame], bool], dropped: Callable[[Frame], None]) -> None:
        self.policy = policy
        self._arrived = arrived
        self._dropped = dropped
        self._coming: deque[Frame] = deque()  # announced; each arrives at its scheduled time
        self._waiting: deque[Frame] = deque()
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether no frame waits and none will come."""
        return self._closed and not self._coming and not self._waiting

    def announce(self, frame: Frame) -> None:
        """Take note of a frame that arrives at its scheduled time, or at once if that has passed.

        A camera announces its frames ahead. So their arrival does not depend on when a thread wakes up.
        """
        self._coming.append(frame)

    def close(self) -> None:
        """Take note that no further frame will be announced."""
        self._closed = True

    def take(self, now: float) -> list[Frame]:
        """Take a batch, if the policy has one by now; otherwise an empty list."""
        self.admit(now)
        waiting, batch = self._waiting, self.policy.batch
        if not waiting:
            return []
        ending = self._closed and not self._coming
        if len(waiting) >= batch or ending or now >= waiting[0].scheduled + self.policy.max_delay:
            return [waiting.popleft() for _ in range(min(batch, len(waiting)))]
        return []

    def wake_at(self) -> float:
        """When there may be a batch if none could be taken; infinity if that depends on frames not yet announced."""
        next_arrival = self._coming[0].scheduled if self._coming else math.inf
        patience_ends = self._waiting[0].scheduled + self.policy.max_delay if self._waiting else math.inf
        return min(next_arrival, patience_ends)

    def leave(self, now: float) -> list[Frame]:
        """Empty the queue: return those that wait at this time."""
        self.admit(now)
        left = list(self._waiting)
        self._waiting.clear()
        self._coming.clear()
        self._closed = True
        return left

    def admit(self, now: float) -> None:
        """Let the frames in that have arrived by this time, in their order."""
        while self._coming and self._coming[0].scheduled <= now:
            frame = self._coming.popleft()
            if not self._arrived(frame):
                continue
            if len(self._waiting) == self.policy.room:
                if self.policy.when_full == "drop":
                    self._dropped(frame)
                    continue
                self._dropped(self._waiting.popleft())
            self._waiting.append(frame)
