"""Tables and lines within the terminal, 80 columns wide or more, and what a report says of itself."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path

import pytest
from command_line import run
from rich.table import Table

from workbook import models
from workbook.commands import terminal
from workbook.tools.notebook_versions import installed

WORDS = "a sentence that may be broken between its words, and that is longer than what is left of the line"
COMMANDS = {
    "bench": ("bench", "--layers", "g960", "--threads", 2),
    "bench int8": ("bench", "--layers", "g960", "--dtype", "int8", "--no-peers"),
    "bench streaming": ("bench", "streaming", "--seconds", 0.2, "--size", 40, 32),
    "bench networks": ("bench", "networks", "--network", "squeezenet"),
    "bench hardware": ("bench", "hardware", "--no-peers"),
    "sweep": ("sweep", "efpga_40", "x1", "--network", "resnet50", "--vary", "dram_gbs=8,16", "--jobs", 1),
    "list": ("list",),
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBOOK_QUICK", "1")
    monkeypatch.setenv("COLUMNS", "80")


def table(columns: int) -> Table:
    made = Table(title="the title", caption="the caption", box=None, pad_edge=False)
    made.add_column("name", no_wrap=True)
    for i in range(columns):
        made.add_column(f"column {i}", justify="right")
    made.add_column("why")
    for row in ("first", "second"):
        made.add_row(row, *(f"{row} {i}" for i in range(columns)), WORDS)
    return made


@pytest.mark.parametrize("width", [40, 80, 120, 250])
@pytest.mark.parametrize("columns", [1, 5, 12])
def test_no_table_is_wider_than_the_terminal_and_every_cell_is_there(
    width: int, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.show_table(table(columns))
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width
    for i in range(columns):
        assert len(re.findall(rf"\bcolumn {i}\b", shown)) == 1
        assert len(re.findall(rf"\b(?:first|second) {i}\b", shown)) == 2
    assert [shown.count("the title"), shown.count("the caption")] == [1, 1]
    words = re.sub(r"\b(name|why|first|second|the title|the caption|column \d+|\d+)\b", " ", shown).split()
    assert words == [*WORDS.split(), *WORDS.split()]


def test_a_wide_terminal_is_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    heads = []
    for width in (80, 120, 250):
        monkeypatch.setenv("COLUMNS", str(width))
        terminal.show_table(table(12))
        heads.append(capsys.readouterr().out.count("name"))
    assert heads[0] > heads[1] > heads[2] == 1


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_a_command_prints_fits_80_columns(command: tuple[object, ...]) -> None:
    result = run(*command)
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "a.onnx"
    models.load("denoiser", threads=1).save(file)
    return file


def test_analyze_fits_and_says_when_where_and_how(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["workbook", "analyze", "a file.onnx"])
    options = ("--size", 64, 64, "--seconds", 0.05, "--json", "a.json", "--html", "a.html")
    result = run("analyze", model, *options)
    assert result.exit_code == 0
    assert max(len(line) for line in result.output.splitlines() if not line.startswith("written")) <= 80
    made = json.loads(Path("a.json").read_text())["made"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", made["date"])
    assert made["version"] == installed()
    assert "GMAC/s" in made["machine"]
    assert made["command"] == "workbook analyze 'a file.onnx'"
    for text in (" ".join(result.output.split()), html.unescape(Path("a.html").read_text())):
        assert f"{made['date']}, edge-ai-workbook {made['version']}, on " in text
        assert "workbook analyze 'a file.onnx'" in text


def test_bench_says_it_in_its_file_too() -> None:
    assert run("bench", "--layers", "g960", "--no-peers", "--json", "a.json").exit_code == 0
    assert set(json.loads(Path("a.json").read_text())["made"]) == {"date", "version", "machine", "command"}
