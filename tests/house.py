"""The rules of the house, over the syntax trees: who may import whom, and what a name may be.

Each rule takes a `House` and yields a sentence for each place that breaks it; `tests/test_house.py` holds the house to
them, and breaks each of them on a copy.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# From the ground up: a package imports those of the lines above its own, and itself. What stands in one line may be
# imported from left to right.
ORDER = (
    ("kernels",),
    (
        "workbook.drawing",
        "workbook.errors",
        "workbook.files",
        "workbook.interrupts",
        "workbook.page",
        "workbook.plain_text",
        "workbook.processes",
        "workbook.bootstrap",
        "workbook.old_names",
        "workbook.zig_cc",
    ),
    ("workbook.measuring",),
    ("workbook.graphs",),
    ("workbook.quantize",),
    ("workbook.network",),
    ("workbook.models", "workbook.peers", "workbook.side_by_side"),
    ("workbook.camera", "workbook.accelerator", "workbook.rows"),
    ("workbook.advisor",),
    ("workbook.lessonkit",),
    ("workbook.lessons",),
    ("workbook.tools", "workbook.benchmarks"),
    ("workbook.commands", "workbook.cli", "workbook.__main__"),
)
PLACES = {package: place for place, package in enumerate(package for line in ORDER for package in line)}
LIBRARIES = (
    *("measuring", "graphs", "quantize", "network", "models", "peers", "camera", "accelerator", "rows", "advisor"),
    *("side_by_side", "benchmarks"),
)
COMMANDS = ("workbook.commands", "workbook.cli", "workbook.__main__")  # import late, so that `workbook --help` is quick
LESSONS = "workbook.lessons"
ROOMS = ("model", "figures", "charts", "panels", "exercises", "claims")  # of every lesson
PICTURES = ("matplotlib", "ipywidgets", "workbook.drawing")


@dataclass(frozen=True)
class Import:
    """One import of a module: who, of whom, in which line, and whether inside a function."""

    module: str
    of: str
    line: int
    inside: bool

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}: imports {self.of}"


@dataclass(frozen=True)
class House:
    """The packages `kernels` and `workbook` below a folder."""

    root: Path

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax tree of each module, by its dotted name; a package's is its `__init__`."""
        found = {}
        for folder in ("kernels", "workbook"):
            for file in sorted((self.root / folder).rglob("*.py")):
                parts = file.relative_to(self.root).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                found[name] = ast.parse(file.read_text(encoding="utf-8"))
        return found

    @cached_property
    def modules(self) -> set[str]:
        """The names of all modules, the compiled ones included."""
        return {*self.trees, *(f"kernels.{source.stem}" for source in (self.root / "kernels").glob("*.pyx"))}

    @cached_property
    def packages(self) -> set[str]:
        """The names of the modules that are an `__init__`."""
        return {name for name in self.trees if self.root.joinpath(*name.split("."), "__init__.py").exists()}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every import; of `from a import b`, a.b if that is a module of the house, else a."""
        found = []
        for module, tree in self.trees.items():
            inside = {
                id(node)
                for function in ast.walk(tree)
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                for node in ast.walk(function)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    for name in node.names:
                        full = f"{node.module}.{name.name}"
                        of = full if full in self.modules else node.module
                        found.append(Import(module, of, node.lineno, id(node) in inside))
                elif isinstance(node, ast.Import):
                    found += [Import(module, name.name, node.lineno, id(node) in inside) for name in node.names]
        return tuple(found)

    def file(self, module: str) -> str:
        """The last part of a module's name."""
        return module.rpartition(".")[2]


def package_of(module: str) -> str | None:
    """Return the entry of `ORDER` that a module belongs to; None for one from outside."""
    parts = module.split(".")
    return next((name for size in (2, 1) if (name := ".".join(parts[:size])) in PLACES), None)


def within(module: str, packages: str | tuple[str, ...]) -> bool:
    """Whether a module is one of these, or lies in one."""
    packages = (packages,) if isinstance(packages, str) else packages
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imports_go_down(house: House) -> Iterator[str]:
    """A module imports what stands before its own package in `ORDER`, and its own package."""
    for module in house.trees:
        if module != "workbook" and package_of(module) is None:
            yield f"{module} has no place in ORDER"
    for found in house.imports:
        here, there = package_of(found.module), package_of(found.of)
        if here and there and PLACES[there] > PLACES[here]:
            yield f"{found}, which stands above it"


def lessons_are_apart(house: House) -> Iterator[str]:
    """A lesson's folder is imported by itself, by tools that find it in the catalog, and by notebooks."""
    for found in house.imports:
        if within(found.of, LESSONS) and not within(found.module, LESSONS):
            yield f"{found}, a lesson"


def imports_stand_at_the_top(house: House) -> Iterator[str]:
    """No package of the house is imported inside a function; commands may."""
    for found in house.imports:
        if found.inside and package_of(found.of) and not within(found.module, COMMANDS):
            yield f"{found} inside a function"


def no_circles(house: House) -> Iterator[str]:
    """Following imports never leads back."""
    follows = defaultdict(set)
    for found in house.imports:
        if found.of in house.trees and found.of != found.module:
            follows[found.module].add(found.of)
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> Iterator[str]:
        if module in path:
            yield f"a circle: {' -> '.join((*path[path.index(module) :], module))}"
        elif module not in done:
            for of in sorted(follows[module]):
                yield from walk(of, (*path, module))
            done.add(module)

    for module in house.trees:
        yield from walk(module, ())


def faces_hide_no_module(house: House) -> Iterator[str]:
    """An `__init__` gives the name of one of its own modules to nothing else."""
    for package in sorted(house.packages):
        own = {house.file(name) for name in house.modules if name.rpartition(".")[0] == package}
        for node in house.trees[package].body:
            names: list[str] = []
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.ImportFrom):
                names = [
                    name.asname or name.name
                    for name in node.names
                    if f"{node.module}.{name.name}" != f"{package}.{name.asname or name.name}"
                ]
            for name in own.intersection(names):
                yield f"{package}, line {node.lineno}: {name} is a module of its own, and here something else"


def libraries_draw_apart(house: House) -> Iterator[str]:
    """Of a library, what draws is a `*_figure.py`, and a `*_report.py` shows it; commands and lessons use both."""
    faces = tuple(f"workbook.{name}" for name in LIBRARIES)
    for found in house.imports:
        if not within(found.module, faces):
            continue
        kind = house.file(found.module).rpartition("_")[2]
        if within(found.of, PICTURES) and kind not in ("figure", "report"):
            yield f"{found}; a library draws in *_figure.py"
        if house.file(found.of).endswith("_figure") and kind not in ("figure", "report"):
            yield f"{found}; only reports, lessons and commands show pictures"


def names_occur_once(house: House) -> Iterator[str]:
    """No two files have the same name; but folders of lessons have their subjects', and every lesson the same rooms."""
    places = defaultdict(set)
    for module in house.modules:
        if not (within(module, LESSONS) and (house.file(module) in ROOMS or module in house.packages)):
            places[house.file(module)].add(module)
    for name, modules in sorted(places.items()):
        if len(modules) > 1 and modules != {f"workbook.{name}", f"workbook.{name}.{name}"}:  # a folder's main file
            yield f"{name}: {', '.join(sorted(modules))}"


RULES = (
    imports_go_down,
    lessons_are_apart,
    imports_stand_at_the_top,
    no_circles,
    faces_hide_no_module,
    libraries_draw_apart,
    names_occur_once,
)
