"""What a run leaves: its records, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass

from workbook.camera.frames import Records
from workbook.camera.latencies import Summary


@dataclass(frozen=True, eq=False)
class Run:
    """What came of a run.

    Attributes
    ----------
    records : structured array
        A row for each frame that arrived; the fields are those of `frames.RECORD`.
    reasons : tuple of str
        What `records["reason"]` counts; the first is empty.
    complaints : tuple of str
        What went wrong with the run itself: a source that ended early, a worker that was given up.
    expected : int or None
        Frames that the source said it would have.
    deadline : float
        Seconds; infinity if there was none.
    """

    records: Records
    reasons: tuple[str, ...]
    complaints: tuple[str, ...]
    expected: int | None
    deadline: float

    @property
    def summary(self) -> Summary:
        """The run in numbers."""
        return Summary.of(self.records)

    def reason(self, row: int) -> str:
        """Return why the frame of this row was dropped or failed; empty if it was neither."""
        return self.reasons[int(self.records["reason"][row])]

    def __str__(self) -> str:
        return "\n".join([str(self.summary), *self.complaints])

    __repr__ = __str__


class Interrupted(KeyboardInterrupt):
    """A run was interrupted. What it has recorded by then is in `run`; frames that waited are dropped."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"interrupted; {run}")
        self.run = run
