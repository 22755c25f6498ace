"""Slides for a class from the notebooks: questions, objectives, figures with their captions, what to keep.

Sphinx makes them, with reveal.js in the folder: they need no network.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from workbook.errors import CommandError
from workbook.lessonkit.catalog import LESSONS, Lesson
from workbook.tools.start import shipped

_CONFIG = """\
project = "Edge AI Workbook"
extensions = ["sphinx_revealjs"]
revealjs_style_theme = "white"
html_copy_source = False
"""


def write(folder: Path) -> int:
    """Write the slides of all lessons, `index.html` first, and return how many figures they have.

    Raises
    ------
    CommandError
        If sphinx-revealjs is not installed, the folder holds something, or Sphinx fails.
    """
    if not find_spec("sphinx_revealjs"):
        raise CommandError("sphinx-revealjs is not installed: pip install 'edge-ai-workbook[class]'")
    if folder.exists() and any(folder.iterdir()):
        raise CommandError(f"{folder} is not empty: name a new folder, so that nothing in it is overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name:
        source, made = Path(name, "source"), Path(name, "made")
        source.mkdir()
        (source / "conf.py").write_text(_CONFIG)
        lessons = [f"* :doc:`{lesson.number} · {lesson.title} <{lesson.name}>`" for lesson in LESSONS]
        (source / "index.rst").write_text("\n".join([*_title("Edge AI Workbook", "="), *lessons, ""]))
        figures = sum(_lesson(lesson, source) for lesson in LESSONS)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "revealjs", str(source), str(made)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CommandError(f"Sphinx made no slides: {done.stderr.strip().splitlines()[-1]}")
        shutil.rmtree(made / ".doctrees")
        made.replace(folder)
    return figures


def _lesson(lesson: Lesson, folder: Path) -> int:
    """Write the source of a lesson's slides and its pictures; return how many."""
    content = next(source.read_bytes() for name, source in shipped() if name == f"{lesson.name}.ipynb")
    notebook = nbformat.reads(content.decode(), as_version=4)
    lines = ["..", "", *_title(f"{lesson.number} · {lesson.title}", "="), *_title("The question", "-"), lesson.question]
    if lesson.guess:
        lines += [*_title("Guess first", "-"), f"How many times: {lesson.guess.about}?"]
    lines += [*_title("At the end you can", "-"), *(f"* {objective}" for objective in lesson.objectives)]
    number = 0
    for heading, picture, caption in _pictures(notebook):
        number += 1
        name = f"{lesson.name}-{number}.png"
        (folder / name).write_bytes(picture)
        lines += [*_title(heading, "-"), f".. figure:: {name}", f"   :alt: {caption}", "   :height: 420", ""]
        lines += [f"   {caption}"]
    if kept := list(_kept(notebook)):
        lines += [*_title("Keep", "-"), *kept]
    (folder / f"{lesson.name}.rst").write_text("\n".join([":orphan:", "", *lines[2:], ""]))
    return number


def _pictures(notebook: Any) -> Iterator[tuple[str, bytes, str]]:
    """Yield each picture of a notebook: the heading above it, the PNG, its caption."""
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = next(iter(re.findall(r"^## (.+)$", cell.source, re.MULTILINE)), heading)
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                text = " ".join(data.get("text/plain", "").split()).partition(": ")[2]
                yield heading, base64.b64decode(data["image/png"]), _plain(text.replace("[measured]", ""))


def _kept(notebook: Any) -> Iterator[str]:
    """Yield the points of the section `Keep`."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## Keep"):
            for point in re.findall(r"^\* (?:.+)(?:\n  .+)*", cell.source, re.MULTILINE):
                yield f"* {_plain(' '.join(point[2:].split()))}"


def _plain(text: str) -> str:
    """Return Markdown as reStructuredText that shows its words alone."""
    text = re.sub(r"<!--.*?-->|`", "", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    return re.sub(r"([\\*_|@])", r"\\\1", text)


def _title(text: str, mark: str) -> list[str]:
    return ["", text, mark * 2 * len(text), ""]
