"""Computes the stops of panels ahead in processes of their own, and keeps them for the next time.

What is kept is used again if the sources that it was computed by, and the versions of the libraries, are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import kernels
import workbook
from workbook.errors import CommandError
from workbook.files import write_whole
from workbook.lessonkit.panel import Panel
from workbook.processes import in_processes
from workbook.tools.panel_stops import MOST_STOPS, Recorded, grid, make, recorded, settings

_CHUNK = 6  # stops a task: about a second
_LIBRARIES = ("matplotlib", "numpy", "scikit-image")
_SOURCES = (".py", ".pyx", ".pxd", ".pxi", ".h", ".json", ".onnx")
_ABOVE = ("tools", "benchmarks", "commands", "cli.py")  # what panels do not import

Shown = tuple[str, str]  # a figure and its line


def computed(
    wanted: Sequence[str],
    most: int = MOST_STOPS,
    on_stops: Callable[[int, int], None] = lambda done, of: None,
    jobs: int | None = None,
) -> dict[str, Recorded]:
    """Return panels, computed ahead.

    Parameters
    ----------
    wanted : sequence of str
        Names of panels.
    most : int
        Stops of a control.
    on_stops : function
        Called with the number of stops that are there, and of all.
    jobs : int, optional
        Processes; as many as this one may use cores.

    Raises
    ------
    CommandError
        If a panel ends in an error at a stop, or a process dies.
    """
    panels = {name: make(name) for name in wanted}
    todo = {name: settings(grid(panel, most)) for name, panel in panels.items()}
    shown = {name: kept for name, stops in todo.items() if (kept := _kept(name, stops))}
    done, of = sum(map(len, shown.values())), sum(map(len, todo.values()))
    on_stops(done, of)
    tasks = [
        (name, at, stops[at : at + _CHUNK])
        for name, stops in todo.items()
        if name not in shown
        for at in range(0, len(stops), _CHUNK)
    ]
    found: dict[str, dict[int, list[Shown]]] = {}
    try:
        for place, chunk in in_processes(_show, tasks, jobs):
            name, at, _ = tasks[place]
            found.setdefault(name, {})[at] = chunk
            on_stops(done := done + len(chunk), of)
    except BrokenProcessPool:
        raise CommandError("A process that computes panels died, perhaps for lack of memory") from None
    for name, chunks in found.items():
        shown[name] = [pair for at in sorted(chunks) for pair in chunks[at]]
        _keep(name, todo[name], shown[name])
    return {name: recorded(panel, grid(panel, most), shown[name]) for name, panel in panels.items()}


@cache
def _made(name: str) -> Panel[Any]:
    """Return a panel that this process keeps for its next stops."""
    return make(name)


def _show(task: tuple[str, int, list[dict[str, Any]]]) -> list[Shown]:
    """Return what a panel shows at each of some settings."""
    name, _, stops = task
    panel, shown = _made(name), []
    for values in stops:
        panel.set(**values)
        if panel.error:
            at = ", ".join(f"{name}={value}" for name, value in values.items())
            raise CommandError(f"{name} has no figure at {at}: {panel.error}")
        shown.append((panel.view, panel.readout))
    return shown


def _kept(name: str, stops: list[dict[str, Any]]) -> list[Shown] | None:
    """Return what a panel showed at these stops, if it was computed before and nothing has changed since."""
    try:
        content = json.loads(zlib.decompress(_file(name, stops).read_bytes()))
    except (OSError, zlib.error, ValueError):
        return None
    return [(figure, line) for figure, line in content]


def _keep(name: str, stops: list[dict[str, Any]], shown: list[Shown]) -> None:
    """Keep it in place of what the panel showed before. The next build is slow where that cannot be written."""
    file = _file(name, stops)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        for old in file.parent.glob(f"{name}-*"):
            old.unlink()
        write_whole(file, zlib.compress(json.dumps(shown).encode()))


def _file(name: str, stops: list[dict[str, Any]]) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    by = hashlib.sha256(json.dumps([_sources(), stops]).encode()).hexdigest()
    return base / "edge-ai-workbook" / "panels" / f"{name}-{by[:32]}"


@cache
def _sources() -> str:
    """Return a digest of all that a figure depends on."""
    digest = hashlib.sha256(" ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES).encode())
    for package in (kernels, workbook):
        folder = Path(str(package.__file__)).parent
        for file in sorted(folder.rglob("*")):
            if file.suffix in _SOURCES and file.relative_to(folder).parts[0] not in _ABOVE:
                digest.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
