"""The exercises of all lessons, for tests that hold for each."""

import importlib

import pytest

from workbook.lessonkit import catalog

EXERCISES = [
    exercise
    for lesson in catalog.LESSONS
    for exercise in importlib.import_module(f"workbook.lessons.{lesson.package}.exercises").EXERCISES
]

by_id = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


def exercise_of(id):
    return next(exercise for exercise in EXERCISES if exercise.id == id)
