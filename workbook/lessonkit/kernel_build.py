"""Compiles a learner's Cython as the kernels of this project were compiled: with the same options, for this CPU.

What was compiled once lies in a cache, by its text and by all that compiled it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import kernels
from kernels.instruction_set import level_of
from kernels.levels import C_OPTIONS, CYTHON_OPTIONS
from workbook.bootstrap import SetupError, find_compiler
from workbook.files import write_whole

MODULE = "learner_kernel"
_CYTHON = (sys.executable, "-P", "-m", "cython", *CYTHON_OPTIONS)
LIMIT = 60  # seconds that a compiler may take
_KEPT = 100  # compiled kernels, those last made

_INSTALL = "pip install 'edge-ai-workbook[compiler]'"
_FOLDER = kernels.source_file("simd.h").parent  # of the headers; the package's own, in a clone or installed
_SAID = re.compile(rf"^(?:.*/)?{MODULE}\.pyx:(\d+):\d+: (?:(?:fatal )?error: )?(.+)$", re.MULTILINE)
_REMARK = re.compile(r"^(?:warning|note): ")


class NoCompilerError(Exception):
    """Something is missing that compiling needs; the text says how to get it."""


class RefusedError(Exception):
    """The compiler refuses the text; what it says, at the learner's line."""


def build(head: str, text: str) -> Path:
    """Return the compiled module of a learner's text.

    Parameters
    ----------
    head : str
        What the exercise puts before it; lines are counted without it.
    text : str

    Raises
    ------
    NoCompilerError
        If there is no Cython, no C compiler, or no header of Python.
    RefusedError
        If the text does not compile.
    """
    compiler = _compiler()
    level = level_of("stair") or "baseline"
    source = head.rstrip("\n") + "\n" + text
    depends = "\0".join((source, *compiler, level, *_compiled_with(tuple(compiler))))
    digest = hashlib.sha256(depends.encode()).hexdigest()
    compiled = _cache() / f"{digest[:32]}{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not compiled.exists():
        with tempfile.TemporaryDirectory() as folder:
            pyx, c, made = (Path(folder, f"{MODULE}.{kind}") for kind in ("pyx", "c", "so"))
            pyx.write_text(source, encoding="utf-8")
            includes = ["-I", str(_FOLDER), "-I", sysconfig.get_path("include")]
            to_c = [*_CYTHON, "--line-directives", "-I", str(_FOLDER.parent), "--module-name", MODULE]
            _run([*to_c, str(pyx), "-o", str(c)], head, text)
            _run([*compiler, *C_OPTIONS[level], "-fPIC", "-shared", *includes, str(c), "-o", str(made)], head, text)
            write_whole(compiled, made.read_bytes())
        _forget_old(compiled.parent)
    return compiled


def _run(command: list[str], head: str, text: str) -> None:
    """Run a compiler; raise what it refuses."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise RefusedError(f"the compiler took longer than {LIMIT} s") from None
    if done.returncode:
        raise RefusedError(_at_learners_line(done.stderr, head, text))


def _at_learners_line(said: str, head: str, text: str) -> str:
    """Return the first errors that a compiler names, each with the line of the learner's that it is about."""
    before, lines = len(head.rstrip("\n").splitlines()), text.splitlines()
    messages = []
    for number, message in dict.fromkeys(_SAID.findall(said)):
        place = int(number) - before
        if _REMARK.match(message):
            continue
        if 1 <= place <= len(lines):
            messages.append(f"line {place}: {message}\n    {lines[place - 1].strip()}")
        else:
            messages.append(f"where the exercise calls it: {message}")
    return "\n".join(messages[:3]) or said.strip()[-500:]


def _compiler() -> list[str]:
    """Return the C compiler's command.

    Raises
    ------
    NoCompilerError
    """
    if find_spec("Cython") is None:
        raise NoCompilerError(f"there is no Cython to compile it; get it with: {_INSTALL}")
    try:
        found = find_compiler()
    except SetupError as error:
        raise NoCompilerError(re.sub("^T", "t", str(error))) from None
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise NoCompilerError("Python's headers are missing; get them, for example with: apt install python3-dev")
    return found


@cache
def _compiled_with(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """Return what else the result depends on: versions, options, and the files that a kernel includes."""
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, timeout=LIMIT).stdout
    files = sorted(file for file in _FOLDER.iterdir() if file.suffix in (".h", ".pxd", ".pxi"))
    options = (*CYTHON_OPTIONS, *(option for level in C_OPTIONS.values() for option in level))
    return (version, metadata.version("Cython"), sys.version, *options, *(file.read_text("utf-8") for file in files))


def _cache() -> Path:
    """Return the folder of compiled kernels: the user's, or a temporary one where that cannot be written.

    What lies there is run, so nobody else may own it.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    temporary = Path(tempfile.gettempdir(), f"edge-ai-workbook-{os.getuid()}")
    for folder in (base / "edge-ai-workbook" / "kernels", temporary):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK) and folder.stat().st_uid == os.getuid():
            return folder
    raise NoCompilerError(f"neither {base} nor {tempfile.gettempdir()} can be written, so nothing can be compiled")


def _forget_old(folder: Path) -> None:
    """Remove all but the compiled kernels that were made last."""
    with suppress(FileNotFoundError):  # another notebook may be at it
        made = sorted(folder.glob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"), key=lambda path: path.stat().st_mtime)
        for old in made[:-_KEPT]:
            old.unlink()
