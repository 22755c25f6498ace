"""Other cost models of one layer, if they are installed: SCALE-Sim and ZigZag, each in a process of its own.

SCALE-Sim 3.0 ships no configuration file, so one is written here; it does not run with numpy 2.4 or newer. ZigZag gets
the memories of its own example "tpu_like", and looks for the best order of the loops.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbook.accelerator import zigzag_files
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.layer_cost import LayerCost
from workbook.accelerator.machine import Machine
from workbook.accelerator.workload import Layer

_PACKAGES = {"scalesim": "scalesim", "zigzag": "zigzag-dse"}
_TIMEOUT = 600  # seconds

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
Dataflow = {dataflow}
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
# JSON is YAML too.
RUN_ZIGZAG = """\
import json, pathlib, sys, yaml, zigzag
from zigzag.api import get_hardware_performance_zigzag
hardware = yaml.safe_load((pathlib.Path(zigzag.__file__).parent / "inputs/hardware/tpu_like.yaml").read_text())
hardware["operational_array"]["sizes"] = json.loads(sys.argv[1])
pathlib.Path("hardware.yaml").write_text(json.dumps(hardware))
_, cycles, _ = get_hardware_performance_zigzag(
    "workload.yaml", "hardware.yaml", "mapping.yaml", dump_folder="out", loma_show_progress_bar=False)
pathlib.Path("cycles").write_text(str(cycles))
"""


_RUN_CHOICE = """\
import pathlib
from zigzag.api import get_hardware_performance_zigzag
_, cycles, _ = get_hardware_performance_zigzag(
    "workload.yaml", "hardware.yaml", "mapping.yaml", dump_folder="out", loma_show_progress_bar=False)
pathlib.Path("cycles").write_text(str(cycles))
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


def scale_sim(
    R: int, C: int, T: int, depth: int, columns: int, python: str = sys.executable, dataflow: str = "ws"
) -> Answer:
    """Let SCALE-Sim count the cycles of a matrix product on a systolic array of R x C.

    Parameters
    ----------
    R, C, T, depth, columns : int
        As for `workbook.accelerator.systolic.weight_stationary_cycles`.
    python : str
        The interpreter that has the package.
    dataflow : str
        "ws" or "os": whether weights or outputs stay.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run.cfg").write_text(_SCALE_SIM.format(R=R, C=C, dataflow=dataflow), encoding="ascii")
        (folder / "run.csv").write_text(f"Layer, M, N, K,\nproduct, {T}, {columns}, {depth},\n", encoding="ascii")
        (folder / "layout.csv").write_text(f"Layer,\nproduct,{'1,' * 30}\n", encoding="ascii")
        problem = _run([python, "-c", _RUN_SCALE_SIM], folder)
        reports = list(folder.rglob("COMPUTE_REPORT.csv"))
        if problem or not reports:
            return Answer(None, problem or "no report")
        with reports[0].open(encoding="ascii", newline="") as file:
            (row,) = csv.DictReader(file, skipinitialspace=True)
    return Answer(float(row.get("Total Cycles") or row["Total Cycles (incl. prefetch)"]))


def zigzag(layer: Layer, rows: int, columns: int, python: str = sys.executable) -> Answer:
    """Let ZigZag count the cycles of a layer on an array, input channels along its rows, output channels along columns.

    Parameters
    ----------
    layer : Layer
    rows, columns : int
    python : str
        The interpreter that has the package.
    """
    mapping = {
        "name": "default",
        "spatial_mapping": {"D1": [f"K, {columns}"], "D2": [f"C, {rows}"]},
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("workload.yaml", zigzag_files.workload(layer)), ("mapping.yaml", mapping)):
            (folder / file).write_text(json.dumps([content]), encoding="ascii")
        problem = _run([python, "-c", RUN_ZIGZAG, json.dumps([columns, rows])], folder)
        return Answer(None, problem) if problem else Answer(float((folder / "cycles").read_text(encoding="ascii")))


def zigzag_choice(chosen: LayerCost, machine: Machine, python: str = sys.executable) -> Answer:
    """Let ZigZag count the cycles of a choice of our model: the same machine, mapping and loops, none of its own.

    Parameters
    ----------
    chosen : LayerCost
    machine : Machine
    python : str
        The interpreter that has the package.

    Raises
    ------
    ValueError
        If ZigZag cannot be told of it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        zigzag_files.write(chosen, machine, folder)
        problem = _run([python, "-c", _RUN_CHOICE], folder)
        return Answer(None, problem) if problem else Answer(float((folder / "cycles").read_text(encoding="ascii")))


def _run(command: list[str], folder: Path) -> str:
    """Run a program in a folder, and return what went wrong in a line, or nothing."""
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {_TIMEOUT} s"
    if run.returncode == 0:
        return ""
    return (run.stderr.strip() or run.stdout.strip() or f"exit code {run.returncode}").splitlines()[-1]


def _scale_sim_layer(layer: Layer, array: Datapath, python: str) -> Answer:
    return scale_sim(array.C, array.K, layer.N * layer.P * layer.Q, layer.C * layer.R * layer.S, layer.K, python)


def _zigzag_layer(layer: Layer, array: Datapath, python: str) -> Answer:
    return zigzag(layer, array.C, array.K, python)


MODELS: dict[str, Callable[[Layer, Datapath, str], Answer]] = {"scalesim": _scale_sim_layer, "zigzag": _zigzag_layer}
"""Each takes a layer without groups, an array of C x K multipliers, and the interpreter that has the package."""
