"""The README and CONTRIBUTING name what is there: lessons, commands, targets, files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbook.cli import main
from workbook.lessonkit.catalog import LESSONS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md")}


def test_lessons_are_the_catalogs() -> None:
    rows = re.findall(r"^\| (\d+) \| \[(.+)\]\(notebooks/(.+)\.ipynb\) \| (\d+) \| (.+) \|$", README, re.MULTILINE)
    assert rows == [(str(x.number), x.title, x.name, str(x.minutes), x.question) for x in LESSONS]


def test_commands_are_those_of_the_command_line() -> None:
    assert set(re.findall(r"^\| `workbook ([\w-]+)", README, re.MULTILINE)) == set(main.commands)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGES[page])
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_folders_and_files_exist(page: str) -> None:
    named = re.findall(r"`((?:kernels|workbook|notebooks|tests|docs)/[\w./]*)`", PAGES[page])
    assert named
    assert [name for name in named if not (ROOT / name).exists() and "fast" not in name] == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make (\w+)", PAGES[page], re.MULTILINE)) <= targets


def test_validation_command_is_the_makefiles() -> None:
    command = re.search(r"^pytest --nbval .*$", README, re.MULTILINE)
    assert command
    assert f"\t{command.group()} $(on_all_cores)\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_plain_words(page: str) -> None:
    assert "!" not in re.sub(r"!\[|<!--", "", PAGES[page])
