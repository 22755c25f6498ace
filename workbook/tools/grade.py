"""Reads what a class has handed in as one table; nothing in a file is run.

An exercise whose answer is a value is checked again, from the value, with the numbers that the learner had. Of a
function or a kernel the outcome is what the learner's own check said; its text is in the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from workbook.errors import CommandError
from workbook.lessonkit import edition, hand_in, variants
from workbook.lessonkit.answer import Answer
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.claim import three_digits
from workbook.lessonkit.guess import written
from workbook.lessonkit.hand_in import HandIn
from workbook.lessonkit.scoreboard import ROWS

Status = Literal["read", "damaged", "foreign", "missing"]

GUESSED = tuple(lesson for lesson in LESSONS if lesson.guess)
MEASURED = tuple(row.measured for row in ROWS if row.measured)
_EXERCISES = tuple(id for lesson in LESSONS for id in lesson.exercise_ids)
_TELLING = 8  # significant digits from which on the same number twice is no chance
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute instead of showing it


@dataclass(frozen=True)
class Row:
    """One file, or a student of the key from whom there is none.

    Attributes
    ----------
    file : str
        Its path below the folder; empty if it is missing.
    status : "read", "damaged", "foreign" or "missing"
    message : str
        Why it was not read; of a file that was read, where its outcomes are not those of the checks.
    student : str
        Who has this variant, by the teacher's key; else what the learner typed.
    work : HandIn, optional
    outcomes : mapping of exercise id to Answer
        As the checks judge it now; exercises that were not attempted are left out.
    copied : tuple of str
        What looks copied, and from which files.
    """

    file: str
    status: Status
    message: str = ""
    student: str = ""
    work: HandIn | None = None
    outcomes: Mapping[str, Answer] = field(default_factory=dict)
    copied: tuple[str, ...] = ()

    @property
    def correct(self) -> int:
        """How many exercises are correct."""
        return sum(answer.outcome == "correct" for answer in self.outcomes.values())

    @property
    def typed(self) -> str:
        """The name that the learner typed."""
        return self.work.learner if self.work else ""

    @property
    def machine(self) -> str:
        """The machine, in words."""
        if not self.work:
            return ""
        kept = self.work.kept
        return f"{kept.cpu}, {kept.cores or '?'} cores, {kept.isa}"


def grade(folder: Path, key: Path | None = None, output: Path | None = None) -> list[Row]:
    """Return a row for each file below a folder, in the order of the names, and for each student who has none.

    Notebooks in a folder of their own beside a hand-in came with it, and have no row.

    Parameters
    ----------
    folder : Path
    key : Path, optional
        The teacher's `key.json` of a class edition.
    output : Path, optional
        A table that is written there, and the page beside it: both are left out.

    Raises
    ------
    CommandError
        If there is no file, or the key is none.
    """
    students = variants.read_key(key) if key else {}
    ours = {output, output.with_suffix(".html")} if output else set()
    files = [path for path in _files(folder) if path not in ours and path != key]
    if not files:
        raise CommandError(f"{folder}: no file was handed in")
    rows = [_row(path, str(path.relative_to(folder)), students) for path in files]
    folders = {Path(row.file).parent for row in rows if row.work} - {Path()}
    rows = [row for row in rows if not (_belongs_to_notebooks(row.file) and Path(row.file).parent in folders)]
    found = {row.student for row in rows}
    missing = [student for student in students.values() if student and student not in found]
    return [
        *(replace(row, copied=tuple(_copied(row, rows))) for row in rows),
        *(Row("", "missing", "no file has the numbers of this student", student) for student in missing),
    ]


def as_csv(rows: Sequence[Row]) -> str:
    """Return a line for each file: who, exercises, guesses beside measurements, all measurements."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    guesses = [f"{what} {lesson.number}" for lesson in GUESSED for what in ("guess", "measured")]
    head = [
        "file",
        "status",
        "student",
        "name typed",
        "version",
        "machine",
        "correct",
        "of",
        *_EXERCISES,
        *guesses,
        *MEASURED,
    ]
    table.writerow([*head, "copied", "message"])
    for row in rows:
        values = row.work.kept.values if row.work else {}
        guessed = [cell for lesson in GUESSED for cell in guess_and_measured(row, lesson.package)]
        cells = [row.file, row.status, row.student, row.typed, row.work.version if row.work else "", row.machine]
        cells += [str(row.correct), str(len(_EXERCISES))] if row.work else ["", ""]
        cells += [outcome(row, id) if row.work else "" for id in _EXERCISES]
        cells += [*guessed, *(f"{values[name]:.6g}" if name in values else "" for name in MEASURED)]
        table.writerow(map(_harmless, [*cells, "; ".join(row.copied), row.message]))
    return out.getvalue()


def outcome(row: Row, id: str) -> str:
    """Return how an exercise of a file that was read stands."""
    return row.outcomes[id].outcome if id in row.outcomes else "not attempted"


def guess_and_measured(row: Row, package: str) -> tuple[str, str]:
    """Return what was guessed in a lesson, and measured then; empty where there is nothing."""
    asked = next(lesson.guess for lesson in GUESSED if lesson.package == package)
    if not row.work or not asked:
        return "", ""
    guess, here = row.work.kept.guesses.get(package), row.work.kept.values.get(asked.result)
    return "" if guess is None else written(guess), "" if here is None else three_digits(here)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _belongs_to_notebooks(file: str) -> bool:
    return file.endswith(".ipynb") or Path(file).name == edition.FILE


def _row(path: Path, name: str, students: Mapping[str, str]) -> Row:
    """Read one file; whatever is in it, there is a row."""
    try:
        work = hand_in.read(path)
    except hand_in.ForeignError as error:
        return Row(name, "foreign", str(error))
    except hand_in.DamagedError as error:
        return Row(name, "damaged", str(error))
    except OSError as error:
        return Row(name, "damaged", f"cannot be read: {error.strerror}")
    message = []
    if students and work.variant not in students:
        message.append("its exercises have numbers that the key does not know")
    outcomes = {}
    for id in _EXERCISES:
        if id in work.kept.answers:
            answer = work.kept.answers[id]
            outcomes[id] = _judged(id, answer, work.variant)
            if outcomes[id].outcome != answer.outcome:
                message.append(f"{id}: the file says {answer.outcome}, the check says {outcomes[id].outcome}")
    student = students.get(work.variant, "") or work.learner
    return Row(name, "read", "; ".join(message), student, work, outcomes)


def _judged(id: str, answer: Answer, variant: str) -> Answer:
    """Return a value with what the check says of it now, and code as it is."""
    if answer.data is None or answer.code:
        return answer
    said = variants.exercise(id, variant).check(answer.data)
    return Answer.given(answer.data, said.kind, said.message)


def _copied(row: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Yield how many measured numbers, to the last digit, a file has from which others; not from its learner's own."""
    found: dict[int, list[str]] = {}
    for other in rows:
        is_own = bool(row.student) and (other.student, other.typed) == (row.student, row.typed)
        if row.work and other.work and other is not row and not is_own:
            same = _telling(row).items() & _telling(other).items()
            found.setdefault(len(same), []).append(other.file)
    for number in sorted(found.keys() - {0}, reverse=True):
        yield f"{number} of {len(_telling(row))} measurements as in {', '.join(found[number])}"


def _telling(row: Row) -> dict[str, float]:
    """Return the measured numbers that have so many digits that two machines do not measure the same."""
    assert row.work
    return {name: value for name, value in row.work.kept.values.items() if float(f"{value:.{_TELLING}g}") != value}


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
