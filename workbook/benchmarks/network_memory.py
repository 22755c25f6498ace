"""How much memory a network takes: what a fresh process holds more when it has loaded and run it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from workbook.peers.whole_networks import ENGINES, OURS


def resident(engine: str, file: Path, x_shape: tuple[int, ...], threads: int) -> int:
    """Return the bytes of resident memory that loading and running a model took, in a child process.

    Parameters
    ----------
    engine : str
        A key of `workbook.peers.whole_networks.ENGINES`.
    file : Path
        The model.
    x_shape : tuple of int
    threads : int

    Raises
    ------
    subprocess.CalledProcessError
        If the child fails.
    """
    shape = ",".join(map(str, x_shape))
    command = [sys.executable, "-m", "workbook.benchmarks.network_memory", engine, str(file), shape, str(threads)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _now() -> int:
    """Return the bytes that this process holds in memory; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def main(engine: str, file: str, shape: str, threads: str) -> None:
    """Load and run the model; print what it took."""
    x = np.zeros([int(size) for size in shape.split(",")], np.float32)
    if engine != OURS:
        __import__(engine)
    before = _now()
    run = ENGINES[engine](Path(file), x, int(threads))
    for _ in range(2):
        run()
    print(_now() - before)


if __name__ == "__main__":
    main(*sys.argv[1:])
