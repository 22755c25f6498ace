"""A Dask cluster of separate processes on this machine, for the tests of a sweep on one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PATIENCE = 60  # seconds for a process to be there, on a busy machine
_LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, dict[str, subprocess.Popen[bytes]]]]:
    """Yield the address of a scheduler, and its workers by name; all of them are killed at the end.

    Parameters
    ----------
    folder : Path
        For their files and logs.
    workers : int
    """
    with ExitStack() as stack:

        def started(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            command = [sys.executable, "-m", "dask", *arguments, *_LOCAL]
            process = stack.enter_context(subprocess.Popen(command, cwd=folder, stdout=log, stderr=log))
            stack.callback(process.kill)
            return process

        file = folder / "scheduler.json"
        scheduler = started("scheduler", "scheduler", "--port", "0", "--scheduler-file", str(file))
        end = time.monotonic() + PATIENCE
        while not file.exists():
            assert scheduler.poll() is None, (folder / "scheduler.log").read_text()
            assert time.monotonic() < end, "the scheduler does not start"
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        # --no-nanny: nobody starts a killed worker anew.
        alone = ("--no-nanny", "--nthreads", "1", "--local-directory", str(folder))
        names = [f"worker-{i}" for i in range(workers)]
        yield address, {name: started(name, "worker", address, "--name", name, *alone) for name in names}
