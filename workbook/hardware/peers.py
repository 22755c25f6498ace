"""Other cost models of one layer, if they are installed: SCALE-Sim and ZigZag, each in a process of its own.

SCALE-Sim 3.0 ships no configuration file, so one is written here; it does not run with numpy 2.4 or newer.
"""

from __future__ import annotations

import csv
import importlib.metadata
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = {"scalesim": "scalesim", "zigzag": "zigzag-dse"}
_TIMEOUT = 120  # seconds

_SCALE_SIM = """\
[general]
run_name = run
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
[architecture_presets]
ArrayHeight = {R}
ArrayWidth = {C}
IfmapSramSzkB = 1024
FilterSramSzkB = 1024
OfmapSramSzkB = 1024
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 10
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
"""
_RUN_SCALE_SIM = """\
from scalesim.scale_sim import scalesim
sim = scalesim(save_disk_space=True, verbose=False, config="run.cfg", topology="run.csv", layout="layout.csv",
               input_type_gemm=True)
sim.run_scale(top_path="out")
"""


@dataclass(frozen=True)
class Answer:
    """What another model says of a matrix product, or why it says nothing.

    Attributes
    ----------
    cycles : float or None
    problem : str
        One line.
    """

    cycles: float | None
    problem: str = ""


def version(name: str) -> str | None:
    """Return the version of "scalesim" or "zigzag", or None if it is not installed."""
    try:
        return importlib.metadata.version(_PACKAGES[name])
    except importlib.metadata.PackageNotFoundError:
        return None


def scale_sim(R: int, C: int, T: int, depth: int, columns: int, python: str = sys.executable) -> Answer:
    """Let SCALE-Sim count the cycles of a matrix product on a weight-stationary array of R x C.

    Parameters
    ----------
    R, C, T, depth, columns : int
        As for `workbook.hardware.systolic.weight_stationary_cycles`.
    python : str
        The interpreter that has the package.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run.cfg").write_text(_SCALE_SIM.format(R=R, C=C), encoding="ascii")
        (folder / "run.csv").write_text(f"Layer, M, N, K,\nproduct, {T}, {columns}, {depth},\n", encoding="ascii")
        (folder / "layout.csv").write_text(f"Layer,\nproduct,{'1,' * 30}\n", encoding="ascii")
        command = [python, "-c", _RUN_SCALE_SIM]
        try:
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return Answer(None, f"no answer within {_TIMEOUT} s")
        reports = list(folder.rglob("COMPUTE_REPORT.csv"))
        if run.returncode or not reports:
            return Answer(None, (run.stderr.strip() or run.stdout.strip() or "no report").splitlines()[-1])
        with reports[0].open(encoding="ascii", newline="") as file:
            (row,) = csv.DictReader(file, skipinitialspace=True)
    return Answer(float(row.get("Total Cycles") or row["Total Cycles (incl. prefetch)"]))
