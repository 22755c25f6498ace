"""The table of a class as a page that needs no network: exercises, guesses, machines, what looks copied."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from workbook import page
from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.claim import three_digits
from workbook.lessonkit.scoreboard import ROWS
from workbook.tools.grade import GUESSED, Row, guess_and_measured, outcome

_MARKS = {"correct": "✓", "not yet": "✗", "error": "error"}
_MOST_SAID = 3  # messages of an exercise, the most frequent ones
_WIDE = (
    "body { max-width: 100rem; } caption { text-align: left; font-weight: 600; } td:last-child { min-width: 16rem; }"
)


def document(rows: Sequence[Row], made: str) -> str:
    """Return the page."""
    parts = [f"<h1>What was handed in</h1>\n<p>{html.escape(made)}</p>", *_sections(rows)]
    return page.document("What was handed in", "\n".join(parts), _WIDE)


def _sections(rows: Sequence[Row]) -> Iterable[str]:
    read = [row for row in rows if row.work]
    exercises = [pair for lesson in LESSONS for pair in zip(lesson.exercise_ids, lesson.exercises, strict=True)]
    machines = {name: [row for row in read if row.machine == name] for name in sorted({row.machine for row in read})}
    yield _table(
        "Exercises: ✓ correct, ✗ not yet, – not attempted",
        ("file", "student", "correct", *(id for id, _ in exercises), "message"),
        (_handed_in(row, [id for id, _ in exercises]) for row in rows),
    )
    yield _table(
        "What checks answered most often",
        ("exercise", "correct", "not yet", "error", "not attempted", "most frequent messages"),
        (_exercise(id, title, read) for id, title in exercises),
    )
    yield _table(
        "Guesses / measurements",
        ("student", *(f"{lesson.number} · {lesson.guess.about}" for lesson in GUESSED if lesson.guess)),
        (_guesses(row) for row in read),
    )
    yield _table(
        "Machines side by side: the median of their measurements",
        ("what is said", *(f"{name} ({len(of)})" for name, of in machines.items())),
        ((row.sentence, *(_median(row.measured, of) for of in machines.values())) for row in ROWS if row.measured),
    )
    copied = [(row.file, row.student, "; ".join(row.copied)) for row in rows if row.copied]
    if copied:
        caption = "What looks copied: two runs do not measure the same to the last digit"
        yield _table(caption, ("file", "student", "what"), copied)


def _handed_in(row: Row, ids: Sequence[str]) -> tuple[str, ...]:
    if not row.work:
        return row.file or row.status, row.student, "", *("" for _ in ids), row.message
    marks = (_MARKS.get(outcome(row, id), "–") for id in ids)
    is_plain = row.typed.casefold() in ("", row.student.casefold())
    student = row.student if is_plain else f"{row.student}, typed {row.typed!r}"
    return row.file, student, f"{row.correct} of {len(ids)}", *marks, row.message


def _guesses(row: Row) -> tuple[str, ...]:
    pairs = (guess_and_measured(row, lesson.package) for lesson in GUESSED)
    return row.student or row.file, *(" / ".join(cell or "–" for cell in pair) for pair in pairs)


def _exercise(id: str, title: str, read: Sequence[Row]) -> tuple[str, ...]:
    count = Counter(outcome(row, id) for row in read)
    said = Counter(row.outcomes[id].message for row in read if outcome(row, id) in ("not yet", "error"))
    frequent = "; ".join(f"{number}× “{text}”" for text, number in said.most_common(_MOST_SAID))
    return f"{id} {title}", *(str(count[kind]) for kind in ("correct", "not yet", "error", "not attempted")), frequent


def _median(name: str, rows: Sequence[Row]) -> str:
    found = [row.work.kept.values[name] for row in rows if row.work and name in row.work.kept.values]
    return f"{three_digits(median(found))} ×" if found else "–"


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"<table>\n<caption>{html.escape(caption)}</caption>"]
    lines.append("<tr>" + "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns) + "</tr>")
    for first, *others in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return "\n".join([*lines, "</table>"])
