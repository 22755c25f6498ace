"""Looks for the usual reasons why a workbook does not work, or measures what it should not.

Each check is a function that returns one finding: what is so, and, unless that is well, why it matters and what to do.
A foreign `kernels` package, or an instruction set that this CPU lacks, stops the command before it gets here, with the
same words.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

import kernels
import workbook
from kernels.cores import cores, time_limit, visible_cores
from workbook.bootstrap import SetupError, find_compiler
from workbook.tools.host import host_of
from workbook.tools.notebook_versions import installed
from workbook.tools.start import older, update_command

Status = Literal["ok", "warn", "fail"]

LEAST_FREE = 200 << 20  # bytes: notebooks with outputs, a report, Jupyter's own files
_LAB, _LAB_WIDGETS = 4, {8: 3, 7: 1}  # majors: JupyterLab's; its half of the widgets, by that of ipywidgets
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SHADOWS = ("kernels", "workbook", "numpy", "matplotlib", "ipywidgets")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    name : str
    status : "ok", "warn" or "fail"
        With a warning the workbook works, but something differs from what it says.
    what : str
        What is so.
    why, todo : str
        Why it matters, and what to do; empty if all is well.
    """

    name: str
    status: Status
    what: str
    why: str = ""
    todo: str = ""


def diagnose(folder: Path, checks: Iterable[Check] | None = None) -> list[Finding]:
    """Run every check, or some of them.

    Parameters
    ----------
    folder : Path
        Where the learner's notebooks are, or will be.
    checks : iterable of functions, optional
        Such as OF_PANELS.
    """
    return [check(folder) for check in checks or CHECKS]


def host(_: Path) -> Finding:
    """What shows the notebooks."""
    here = host_of(os.environ)
    return Finding("host", "warn" if here.lacks else "ok", here.name, here.lacks, here.todo)


def widgets(_: Path) -> Finding:
    """The packages that show a panel, and their majors."""
    here = host_of(os.environ)
    major = next((major for major in here.widgets if _version("ipywidgets").startswith(f"{major}.")), here.widgets[0])
    wanted = {"ipywidgets": major}
    if here.is_lab:
        wanted |= {"jupyterlab": _LAB, "jupyterlab_widgets": _LAB_WIDGETS[major]}
    found = {name: _version(name) for name in wanted}
    wrong = [
        f"{name} {found[name] or 'is missing'}"
        for name, major in wanted.items()
        if found[name].partition(".")[0] != str(major)
    ]
    if wrong:
        todo = "install them into this environment: " + " ".join(
            [sys.executable, "-m pip install", *(f"'{name}=={major}.*'" for name, major in wanted.items())]
        )
        return Finding("widgets", "fail", ", ".join(wrong), f"panels would not appear in {here.page}", todo)
    return Finding("widgets", "ok", ", ".join(f"{name} {number}" for name, number in found.items()))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def widget_extension(_: Path) -> Finding:
    """JupyterLab's half of the widgets, as a folder in this environment."""
    if not host_of(os.environ).is_lab:
        return Finding("widget extension", "ok", "this host brings its own")
    place = Path("share", "jupyter", "labextensions", "@jupyter-widgets", "jupyterlab-manager", "package.json")
    if (Path(sys.prefix) / place).exists():
        return Finding("widget extension", "ok", "in this environment")
    return Finding(
        "widget extension",
        "fail",
        f"{place.parent.name} is not in {sys.prefix}",
        "JupyterLab would show text in the place of panels",
        f"{sys.executable} -m pip install --force-reinstall jupyterlab_widgets",
    )


def server(_: Path) -> Finding:
    """The `jupyter` that a learner would start by hand."""
    command = shutil.which("jupyter")
    if command is None or Path(command).absolute().parent == Path(sys.executable).absolute().parent:
        return Finding("server", "ok", "jupyter is this environment's" if command else "start it with workbook lab")
    return Finding(
        "server",
        "warn",
        f"jupyter on the PATH is {command}, of another environment",
        "it has neither this workbook nor its widgets",
        "start JupyterLab with workbook lab, which takes the right one",
    )


def kernel(_: Path) -> Finding:
    """The Python behind the kernel named python3, which the notebooks ask for."""
    try:
        python = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        python = "missing"
    of_server = Path(python).name == python and python.startswith("python")  # then the server puts its own Python there
    if of_server or Path(python).absolute().parent == Path(sys.executable).absolute().parent:
        return Finding("kernel", "ok", "python3 is this environment's Python")
    return Finding(
        "kernel",
        "fail",
        f"the kernel python3 is {python}, this environment has {sys.executable}",
        "notebooks would not find the workbook, or another one",
        f"{sys.executable} -m ipykernel install --sys-prefix",
    )


def shadows(folder: Path) -> Finding:
    """Files beside the notebooks that hide a package of the same name, and another package of the kernels' name."""
    found = [
        str(path)
        for name in _SHADOWS
        for path in (folder / f"{name}.py", folder / name / "__init__.py")
        if path.exists()
    ]
    if found:
        why = "a notebook imports a file beside it before the package of that name"
        return Finding("packages", "fail", f"{', '.join(found)} hides a package", why, "rename or move it")
    if other := workbook.other_kernels():
        return Finding("packages", "warn", f"{other.stem} is installed too", workbook.SHARED, workbook.APART)
    return Finding("packages", "ok", f"kernels and workbook are in {Path(kernels.__file__).parent.parent}")


def compiler(_: Path) -> Finding:
    """The C compiler, which only changing a kernel needs."""
    try:
        found = find_compiler()
    except SetupError as error:
        return Finding("compiler", "ok", f"{error}. The kernels are compiled already; only changing one needs it")
    return Finding("compiler", "ok", f"{' '.join(found)}, to change a kernel")


def threads(_: Path) -> Finding:
    """Variables that make other libraries start more threads than there are cores."""
    most = visible_cores()
    set_to = {name: os.environ[name] for name in _THREAD_VARIABLES if os.environ.get(name)}
    wrong = [f"{name}={value}" for name, value in set_to.items() if not value.isdigit() or not 1 <= int(value) <= most]
    if wrong:
        return Finding(
            "threads",
            "warn",
            f"{', '.join(wrong)}, and this process may use {_cores(most)}",
            "threads that share a core wait for each other, and NumPy looks slower than it is",
            f"unset {' '.join(name.partition('=')[0] for name in wrong)}",
        )
    return Finding("threads", "ok", f"{_cores(most)} for this process")


def _cores(number: float) -> str:
    return f"{number:g} core{'s' if number != 1 else ''}"


def cpu_limit(_: Path) -> Finding:
    """A container's limit on processor time, which is not a limit on the cores that it sees."""
    visible, limit = visible_cores(), time_limit()
    if limit is None or limit >= visible:
        return Finding("processor time", "ok", "not limited below the cores")
    return Finding(
        "processor time",
        "warn",
        f"limited to that of {_cores(limit)}, though {visible} can be used; the kernels take {_cores(cores())}",
        "other libraries take a thread for each, all of them are stopped many times a second, and times jump",
        f"set {' '.join(f'{name}={cores()}' for name in _THREAD_VARIABLES)}, or raise the container's limit",
    )


def instruction_set(_: Path) -> Finding:
    """The kernels' instruction set, beside the best that this CPU runs."""
    used, best = kernels.isa(), kernels.isas()[-1]
    if used == best:
        return Finding("instruction set", "ok", f"{used}, the best that this CPU runs")
    return Finding(
        "instruction set",
        "warn",
        f"KERNELS_ISA={used}, and this CPU runs {best}",
        "the kernels are slower than they need to be",
        "unset KERNELS_ISA, unless you compare instruction sets",
    )


def numpy_core(_: Path) -> Finding:
    """The variable that makes NumPy's matrix product take code for another processor."""
    core = os.environ.get("OPENBLAS_CORETYPE")
    if not core:
        return Finding("NumPy", "ok", "its matrix product takes the code for this processor")
    return Finding(
        "NumPy",
        "warn",
        f"OPENBLAS_CORETYPE={core}",
        "NumPy's matrix product takes the code for that processor, and comparisons with it are not fair",
        "unset OPENBLAS_CORETYPE",
    )


def writable(folder: Path) -> Finding:
    """The folder of the notebooks, or the nearest one above it that exists."""
    there = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(1 << 16))
            file.flush()
    except OSError as error:
        why = "notebooks could be neither laid nor saved"
        return Finding(
            "folder", "fail", f"{there}: {error.strerror}", why, "name another folder: workbook start FOLDER"
        )
    return Finding("folder", "ok", f"{there} can be written")


def notebooks(folder: Path) -> Finding:
    """The versions of the notebooks."""
    try:
        names = older(folder)
    except OSError as error:
        why = "JupyterLab cannot open it either"
        what = f"{error.filename}: {error.strerror}"
        return Finding("notebooks", "fail", what, why, "move it away, then: workbook start")
    if not names:
        return Finding("notebooks", "ok", f"none is older than this workbook, {installed()}")
    why = "they run, but what is new is not in them"
    what = f"{', '.join(names)}: version {installed()} is newer"
    return Finding("notebooks", "warn", what, why, update_command(folder))


def disk(folder: Path) -> Finding:
    """The space that is left where the notebooks are."""
    free = shutil.disk_usage(_existing(folder)).free
    if free >= LEAST_FREE:
        return Finding("disk", "ok", f"{free >> 20:,} MB free")
    why = "a notebook that cannot be saved keeps its last version"
    return Finding("disk", "warn", f"{free >> 20:,} MB free", why, f"make room: {LEAST_FREE >> 20} MB will do")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


Check = Callable[[Path], Finding]
OF_PANELS: tuple[Check, ...] = (widgets, widget_extension, kernel, shadows)  # without these, none shows
CHECKS: tuple[Check, ...] = (
    host,
    widgets,
    widget_extension,
    server,
    kernel,
    shadows,
    compiler,
    threads,
    cpu_limit,
    instruction_set,
    numpy_core,
    writable,
    notebooks,
    disk,
)
