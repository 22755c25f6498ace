"""Executes a notebook and writes it in its normal form: outputs in, everything that would differ tomorrow out.

The normal form keeps pictures and text and drops the live view of widgets and their state, so that GitHub, nbconvert
and an unrun JupyterLab show a picture; it has no timestamps, one kernelspec, and execution counts 1, 2, 3, ... Two
renders of a notebook differ only in lines with `[measured]` or `[machine]`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVarTuple

import nbformat
import zmq
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError

from workbook.errors import CommandError
from workbook.files import write_whole

CELL_TIMEOUT = 120  # seconds
_KEPT_MIMES = ("image/png", "text/html", "text/markdown", "text/plain")
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_Arguments = TypeVarTuple("_Arguments")

Progress = Callable[[int, int], None]


def render(path: Path, progress: Progress | None = None) -> None:
    """Run every cell of a notebook with this Python and replace the file by the result's normal form.

    Parameters
    ----------
    path : Path
    progress : function, optional
        Called with the number of cells that have run, and of all.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises; the file is then as it was.
    CommandError
        If the file is no notebook.
    """
    with tempfile.TemporaryDirectory() as folder:
        afresh = {"WORKBOOK_SCOREBOARD": str(Path(folder, "scoreboard.json"))}  # not what was measured here before
        notebook = execute(read(path), path.parent, progress, environment=afresh)
    write_whole(path, normal_text(notebook).encode())


def read(path: Path) -> Any:
    """Return the notebook in a file.

    Raises
    ------
    CommandError
        If there is none in it, in one line, whatever is wrong with it.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    except Exception:  # a damaged file makes nbformat raise almost anything
        raise CommandError(f"{path} is no notebook, or a damaged one") from None
    return notebook


def execute(
    notebook: Any,
    folder: Path,
    progress: Progress | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    past_errors: bool = False,
) -> Any:
    """Run every cell of a notebook in `folder` with this Python; return the notebook with its outputs.

    Parameters
    ----------
    notebook : NotebookNode
    folder : Path
    progress : function, optional
        Called with the number of cells that have run, and of all.
    environment : mapping, optional
        Variables for the kernel, beside those of this process.
    past_errors : bool
        Go on after a cell that raises, or that takes too long.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    RuntimeError
        If the kernel dies, or does not start; the outputs up to then are in the notebook.
    """
    cells = len(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None  # or those of cells that are not reached would stay

    def on_cell_complete(cell: Any, cell_index: int) -> None:
        if progress:
            progress(cell_index + 1, cells)

    client = NotebookClient(
        notebook,
        kernel_manager_class=_Kernel,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        startup_timeout=CELL_TIMEOUT,
        iopub_timeout=CELL_TIMEOUT,  # an output may come after the reply; nbclient drops what is seconds late
        allow_errors=past_errors,
        interrupt_on_timeout=past_errors,
        shutdown_kernel="immediate",  # it has nothing left to do, and a busy one would not listen
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        on_cell_complete=on_cell_complete,
    )
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(_run(client, {**os.environ, **(environment or {})}))


async def _run(client: NotebookClient, environment: Mapping[str, str]) -> Any:
    """Run the client; Ctrl-C cancels this task, which nbclient takes for a kernel that died."""
    try:
        return await client.async_execute(env=environment)
    except DeadKernelError:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise asyncio.CancelledError from None
        raise


class _Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to the runner, which raises KeyboardInterrupt once the kernel has ended; nbclient hides it."""

    def add_signal_handler(self, sig: int, callback: Callable[[*_Arguments], object], *args: *_Arguments) -> None:
        raise RuntimeError("this loop handles no signals")


def is_normal(path: Path) -> bool:
    """Whether a notebook file is, byte for byte, in its normal form."""
    text = path.read_text(encoding="utf-8")
    return text == normal_text(nbformat.reads(text, as_version=4))


def normal_text(notebook: Any) -> str:
    """Return the normal form of a notebook as the text of its file; the notebook itself is changed."""
    normal_form(notebook)
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def normal_form(notebook: Any) -> None:
    """Bring a notebook into its normal form."""
    notebook.metadata = nbformat.from_dict(_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            run = cell.execution_count is not None
            count += run
            cell.execution_count = count if run else None
            cell.outputs = _normal_outputs(cell.outputs, cell.execution_count)
    nbformat.validate(notebook)


def _normal_outputs(outputs: list[Any], execution_count: int | None) -> list[Any]:
    """Keep text, pictures and their width, and join the pieces in which a stream came."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
        elif output.output_type in ("display_data", "execute_result"):
            output.data = {mime: output.data[mime] for mime in _KEPT_MIMES if mime in output.data}
            output.metadata = {
                mime: {"width": shown["width"]} for mime, shown in output.metadata.items() if "width" in shown
            }
            if "execution_count" in output:
                output.execution_count = execution_count
        kept.append(nbformat.from_dict(output))
    return kept


class _ThisPython(KernelSpecManager):
    """Knows one kernel: the interpreter that runs this program, whatever else a user has installed as python3."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class _Kernel(AsyncKernelManager):
    """A kernel of this Python."""

    def __init__(self, **options: Any) -> None:
        super().__init__(kernel_spec_manager=_ThisPython(), **options)
        if zmq.has("curve"):
            self.transport_encryption = "auto"  # or the kernel warns of a network that it never uses
