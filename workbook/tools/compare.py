"""Two machines' scoreboards side by side: what each measured of the same sentences.

A machine is a learner's file of results, or one that came with the workbook (`workbook/machines`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbook.errors import CommandError
from workbook.lessonkit import results
from workbook.lessonkit.claim import three_digits
from workbook.lessonkit.reference import measured_machine, measured_machines
from workbook.lessonkit.scoreboard import ROWS
from workbook.tools.start import DEFAULT


@dataclass(frozen=True)
class Pair:
    """One sentence of the scoreboard, and what the two machines measured of it; None if one did not."""

    tool: str
    sentence: str
    first: float | None
    second: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of a row: both numbers, and how many times the first the second is."""
        ratio = self.second / self.first if self.first and self.second is not None else None
        return self.sentence, *map(_number, (self.first, self.second, ratio))


@dataclass(frozen=True)
class Comparison:
    """Two machines, in words, and the sentences that either of them has measured."""

    first: str
    second: str
    pairs: tuple[Pair, ...]


def compare(first: Path, second: Path | None = None) -> Comparison:
    """Read two machines' results.

    Parameters
    ----------
    first : Path
        A file of results, or the folder of notebooks in which it lies; or the name of a machine that was measured.
    second : Path, optional
        Likewise; your own if None.

    Raises
    ------
    CommandError
        If one cannot be read, or holds no results, or both have measured nothing.
    """
    (one, here), (other, there) = _read(first), _read(second or _own())
    pairs = tuple(
        Pair(row.tool, row.sentence, here.get(row.measured), there.get(row.measured))
        for row in ROWS
        if row.measured and (row.measured in here or row.measured in there)
    )
    if not pairs:
        raise CommandError("neither has measured a sentence of the scoreboard: run the lessons first")
    return Comparison(one, other, pairs)


def _own() -> Path:
    """Where this machine's results lie: in the learner's copy, or in this folder."""
    copy = DEFAULT / results.FILE
    return copy if copy.exists() else results.file()


def _read(path: Path) -> tuple[str, dict[str, float]]:
    if str(path) in measured_machines() and not path.exists():
        shipped = measured_machine(str(path))
        return f"{shipped.name}, {shipped.isa}", dict(shipped.values)
    file = path / results.FILE if path.is_dir() else path
    try:
        kept = results.stored(file)
        return f"{kept.cpu}, {kept.isa}", dict(kept.values)
    except FileNotFoundError:
        known = ", ".join(measured_machines())
        raise CommandError(
            f"{file} is not there: run a lesson's measurement first, or name another file; "
            f"machines that came with the workbook are {known}"
        ) from None
    except ValueError as error:
        raise CommandError(str(error)) from None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{three_digits(value)} ×"
