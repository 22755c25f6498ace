"""The catalog, and that what it names is there and is installed."""

import re
from pathlib import Path

import pytest

from workbook.lessonkit import catalog

ROOT = Path(__file__).parents[2]


def test_numbers_and_packages_are_unique_and_in_order():
    numbers = [lesson.number for lesson in catalog.LESSONS]
    assert numbers == sorted(set(numbers))
    assert len({lesson.package for lesson in catalog.LESSONS}) == len(numbers)


def test_a_lesson_is_found_by_notebook_and_by_package():
    assert catalog.lesson("01_convolution") is catalog.lesson("convolution")
    with pytest.raises(ValueError, match="no lesson 'strassen'; there are 00_start_here, 01_convolution"):
        catalog.lesson("strassen")


@pytest.mark.parametrize("lesson", catalog.LESSONS, ids=lambda lesson: lesson.name)
def test_every_lesson_has_its_rooms(lesson):
    assert (ROOT / "notebooks" / f"{lesson.name}.ipynb").exists()
    for room in ("__init__", "model", "figures", "panels", "exercises", "claims"):
        assert (ROOT / "workbook" / "lessons" / lesson.package / f"{room}.py").exists()


@pytest.mark.parametrize("lesson", catalog.LESSONS, ids=lambda lesson: lesson.name)
def test_models_neither_draw_nor_show(lesson):
    text = (ROOT / "workbook" / "lessons" / lesson.package / "model.py").read_text()
    assert not re.search("matplotlib|ipywidgets", text)


def test_every_folder_of_the_package_is_named_in_the_build():
    """The build installs folders whole, without the caches of those that it names."""
    text = (ROOT / "meson.build").read_text().partition("foreach folder : [")[2].partition("]")[0]
    package = ROOT / "workbook"
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("__init__.py")}
    assert set(re.findall(r"'([\w/]+)'", text)) == folders - {"."}
