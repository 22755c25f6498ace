"""TEACHING.md says what is there: lessons, mistakes, an example as the program prints it, a script that runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import COMMAND

from workbook.cli import main
from workbook.lessonkit.catalog import LESSONS, Lesson

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "docs"))

import teaching  # noqa: E402  it lies beside the page that it writes

PAGE = teaching.PAGE.read_text(encoding="utf-8")


def test_written_parts_are_up_to_date() -> None:
    assert teaching.written(PAGE) == PAGE, "run: python docs/teaching.py"


def test_every_lesson_has_its_heading_and_questions() -> None:
    names = re.findall("<!-- written: (.*) -->", PAGE)
    assert names == ["timing", "rule", *(lesson.package for lesson in LESSONS), "grades"]
    for lesson in LESSONS:
        text = PAGE.partition(f"\n### {lesson.number} · {lesson.title}\n")[2].partition("\n##")[0]
        assert text.count("\nAsk:\n") == 1
        assert len(re.findall(r"^\* .*\?", text.partition("\nAsk:\n")[2], re.MULTILINE)) >= 3
        for exercise in teaching.exercises_of(lesson):
            assert all(f"| {mistake.name} |" in text for mistake in exercise.mistakes)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_minutes_are_those_of_the_rule(lesson: Lesson) -> None:
    by_rule = teaching.minutes(lesson)
    assert lesson.minutes % teaching.STEP == 0
    assert abs(lesson.minutes - by_rule) <= teaching.STEP, f"by the rule it takes {by_rule:.0f} minutes"


def test_a_kernel_takes_longer_than_another_exercise(monkeypatch: pytest.MonkeyPatch) -> None:
    before = teaching.minutes(LESSONS[1])
    monkeypatch.setattr(teaching, "KERNEL", teaching.KERNEL + 1)
    assert teaching.minutes(LESSONS[1]) == pytest.approx(before + 2)


def test_question_bank_is_up_to_date_and_whole() -> None:
    assert teaching.QUESTIONS.read_text(encoding="utf-8") == teaching.question_bank.page(), (
        "run: python docs/teaching.py"
    )
    for lesson in LESSONS:
        questions = teaching.question_bank.QUESTIONS[lesson.package]()
        assert len(questions) >= 5
        for question in questions:
            answers = [question.right.partition(":")[0], *(wrong for wrong, _ in question.wrong)]
            assert len(answers) >= 3
            assert len(set(answers)) == len(answers), question.asks


def test_page_would_notice_a_new_mistake() -> None:
    assert teaching.written(PAGE.replace("| filter turned round |", "| other words |")) == PAGE


def test_script_for_grading_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(COMMAND.parent), prepend=os.pathsep)
    (script,) = re.findall("```python\n(.*?)```", PAGE, re.DOTALL)
    teaching.handed_in(tmp_path / teaching.FOLDER)
    printed = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    points = [("1" if lesson is LESSONS[1] else "0", len(lesson.exercises)) for lesson in LESSONS]
    assert [line.split()[1:4] for line in printed.stdout.splitlines()] == [[had, "of", f"{all}"] for had, all in points]


def test_commands_exist() -> None:
    commands = re.findall(
        r"\bworkbook ((?:check|doctor|report|start|lab|list|class-edition|hand-in|grade|slides) ?[^\n`]*)[\n`]", PAGE
    )
    assert len(commands) >= 4
    for command in commands:
        name, *options = shlex.split(command)
        main.commands[name].make_context(name, options)


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)
    assert targets
    assert all((ROOT / target).exists() for target in targets)
    assert "!" not in re.sub("<!--.*?-->", "", PAGE)


@pytest.mark.parametrize("page", ["README.md", "TEACHING.md"])
def test_both_licences_are_named(page: str) -> None:
    text = (ROOT / page).read_text()
    assert "(LICENSE)" in text
    assert "(LICENSE-PROSE)" in text


def test_licence_of_the_prose_is_whole() -> None:
    text = (ROOT / "LICENSE-PROSE").read_text()
    assert "https://creativecommons.org/licenses/by/4.0/" in text
    assert "Creative Commons Attribution 4.0 International Public License" in text
    for number in range(1, 9):
        assert f"\nSection {number} -- " in text
    assert text.endswith("Creative Commons may be contacted at creativecommons.org.\n")
