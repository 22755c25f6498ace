"""The exercises of a lesson as its notebook calls them: check, hint, solution, reset; in a class, by its edition."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from workbook.lessonkit import edition, results, variants
from workbook.lessonkit.answer import Answer
from workbook.lessonkit.exercise import Asked, Outcome, describe
from workbook.lessonkit.next_cell import fill_cell
from workbook.plain_text import COLUMNS


class Sheet:
    """The exercises of a lesson, as its notebook uses them."""

    def __init__(self, exercises: Iterable[Asked]) -> None:
        self._exercises = {exercise.id: exercise for exercise in exercises}
        self._hints_given = dict.fromkeys(self._exercises, 0)

    def check(self, exercise: object, answer: object) -> Outcome:
        """Judge an answer, and keep it if it is the best so far."""
        asked = self._find(exercise)
        if variant := edition.here().variant:
            asked = variants.exercise(asked.id, variant)
        outcome = asked.check(answer)
        if outcome.kind != "not attempted":
            results.keep_answer(asked.id, Answer.given(answer, outcome.kind, outcome.message))
        return outcome

    def hint(self, exercise: object) -> None:
        """Print the next hint; after the last one, print it again."""
        asked, of = self._find(exercise), edition.here()
        hints = variants.exercise(asked.id, of.variant).hints[: of.hints]
        if not hints:
            print(f"{asked.id}: the hints of this class come from your teacher")
            return
        place = min(self._hints_given[asked.id], len(hints) - 1)
        self._hints_given[asked.id] = place + 1
        print(fill(f"{asked.id} hint {place + 1} of {len(hints)}: {hints[place]}", COLUMNS))

    def solution(self, exercise: object) -> None:
        """Show a cell that solves the exercise."""
        asked = self._find(exercise)
        if edition.here().solutions:
            fill_cell(asked.solved_cell)
        else:
            print(f"{asked.id}: the solutions of this class come from your teacher")

    def reset(self, exercise: object) -> None:
        """Show the cell as it was, and begin with the first hint again."""
        asked = self._find(exercise)
        self._hints_given[asked.id] = 0
        fill_cell(asked.cell)

    def _find(self, exercise: object) -> Asked:
        """Return an exercise by its id, "1.1" or 1.1."""
        id = str(exercise) if isinstance(exercise, float) else exercise
        if not isinstance(id, str) or id not in self._exercises:
            raise ValueError(f"no exercise {describe(exercise)}; there are {', '.join(self._exercises)}")
        return self._exercises[id]
