"""Writes this package as a wheel without the solutions of the exercises.

The modules of exercises are in it as bytecode: the checks work, and no solution can be read in it. The bytecode is
that of this Python, so the wheel is for no other, though the kernels would run on newer ones.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import importlib.util
import marshal
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_DISTRIBUTION = "edge-ai-workbook"
_OF_THE_INSTALLATION = ("WHEEL", "RECORD", "direct_url.json", "INSTALLER", "REQUESTED")
_NO_SOURCE = bytes(12)  # of a pyc: no check against a source, which is not there


def build(folder: Path) -> str:
    """Write the wheel into a folder, and return its name; it is for this Python and this kind of machine."""
    version, tag = distribution(_DISTRIBUTION).version, _tag()
    stem = f"{_DISTRIBUTION.replace('-', '_')}-{version}"
    name, info = f"{stem}-{tag}.whl", f"{stem}.dist-info"
    record = []
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in (*_modules(), *_metadata(info, tag)):
            wheel.writestr(path, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return name


def _tag() -> str:
    """Return such as "cp311-cp311-linux_x86_64"; pip on another Python says that the wheel is not for it."""
    lines = str(distribution(_DISTRIBUTION).read_text("WHEEL")).splitlines()
    platform = next(line.rpartition("-")[2] for line in lines if line.startswith("Tag: "))
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{python}-{python}-{platform}"


def _metadata(info: str, tag: str) -> Iterator[tuple[str, bytes]]:
    installed = distribution(_DISTRIBUTION)
    for file in installed.files or ():
        place = Path(str(file))
        if place.parts[0].endswith(".dist-info") and place.name not in _OF_THE_INSTALLATION:
            yield str(Path(info, *place.parts[1:])), Path(str(installed.locate_file(file))).read_bytes()
    yield f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()


def _modules() -> Iterator[tuple[str, bytes]]:
    """Yield the files of both packages, and of the module of the command."""
    for package in ("kernels", "workbook"):
        yield from _walk(files(package), package)
    command = importlib.util.find_spec("workbook_command")
    assert command
    assert command.origin
    yield "workbook_command.py", Path(command.origin).read_bytes()


def _walk(folder: Traversable, place: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{place}/{entry.name}"
        if entry.name == "__pycache__" or entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, path)
        elif path.startswith("workbook/lessons/") and path.endswith(".py"):
            yield _without_solutions(path, entry.read_bytes())
        else:
            yield path, entry.read_bytes()


def _without_solutions(path: str, source: bytes) -> tuple[str, bytes]:
    """Return a module of exercises as bytecode without the text of a solution; another as it is."""
    tree = ast.parse(source)
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    exercises = [call for call in made if ast.unparse(call.func) in ("Exercise", "KernelExercise", "number_exercise")]
    if not exercises:
        return path, source
    for call in exercises:
        if ast.unparse(call.func) == "KernelExercise":  # its solution is a text, and so are its mistakes
            for word in call.keywords:
                empty = {"solution": ast.Constant(""), "mistakes": ast.Tuple([], ast.Load())}.get(word.arg or "")
                word.value = empty or word.value
    while idle := [node for node in tree.body if _is_idle(node, tree)]:
        tree.body = [node for node in tree.body if node not in idle]
    code = compile(ast.fix_missing_locations(tree), path, "exec", optimize=2, dont_inherit=True)
    return f"{path}c", importlib.util.MAGIC_NUMBER + _NO_SOURCE + marshal.dumps(code)


def _is_idle(node: ast.stmt, tree: ast.Module) -> bool:
    """Whether a statement names a private value that nothing reads any more."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
        return False
    name = node.targets[0].id
    read = (found.id for found in ast.walk(tree) if isinstance(found, ast.Name) and isinstance(found.ctx, ast.Load))
    return name.startswith("_") and name not in read
