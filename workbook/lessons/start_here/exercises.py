"""The exercises of lesson 0: none, its learner finds the way about."""

from __future__ import annotations

from workbook.lessonkit.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
