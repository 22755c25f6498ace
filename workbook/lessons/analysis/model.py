"""What the two panels of lesson 6 show: a network on an accelerator tool by tool, and a design against four limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

from workbook import models, network
from workbook.accelerator.area import todays_kind
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.presets import PRESETS
from workbook.accelerator.schedule import Schedule, fixed, reconfigured
from workbook.accelerator.workload import WORKLOADS, Workload
from workbook.accelerator.workload_from_onnx import from_onnx
from workbook.advisor.accelerator_steps import Step, ladder
from workbook.advisor.input_shapes import SIDE, main_input

DENOISER = "denoiser"
BUILT_IN = (DENOISER, "resnet50", "vgg16", "mobilenet_v2", "yolov3_416")
MACHINES = ("x1", "dpu_kv260", "nvdla_2048", "efpga_40")

SIDES = (64, 128, SIDE, 320, 416, 512, 640)  # of an image whose size a network leaves open
MOST_IMAGES = 5  # a power of two
CAMERA_FPS = 30

TYPES = ("int8", "bf16", "int16")
DATAPATHS = ("own array", "best fixed", "reconfigured")
_X1 = PRESETS["x1"]


def networks() -> tuple[str, ...]:
    """Return the names of the built-in networks, and of the ONNX files in the working folder."""
    return (*BUILT_IN, *(path.name for path in sorted(Path().glob("*.onnx"))))


def workload(name: str, side: int = SIDE) -> Workload:
    """Return the layers of a built-in network, or of an ONNX file.

    Parameters
    ----------
    name : str
        One of BUILT_IN, or a file's name.
    side : int
        Of the image, where the network leaves it open.

    Raises
    ------
    CommandError
        If the file cannot be read.
    """
    if name == DENOISER:
        return _denoiser(side)
    return WORKLOADS[name]() if name in WORKLOADS else from_onnx(name, size=(side, side))


def size_of(file: Path, side: int) -> tuple[int, int] | None:
    """Return the height and width to run an ONNX file on; None if it has its own.

    Raises
    ------
    ModelError, CommandError
        If the file cannot be read, or has no input of numbers.
    """
    shape = main_input(network.load(file).inputs).shape
    return (side, side) if shape is not None and len(shape) == 4 and None in shape[1:] else None


@cache
def _denoiser(side: int) -> Workload:
    with as_file(files(models) / "denoiser.onnx") as path:
        return from_onnx(path, size=(side, side))


@dataclass(frozen=True)
class Tooled:
    """A network on a machine, each tool on top of the ones before it, and several images at once.

    Attributes
    ----------
    network, machine : str
    images : int
        At once.
    size : (int, int)
        Height and width of the image that the first layer reads.
    side : int
        That was asked for, where the network leaves it open.
    steps : tuple of Step
    waits : mapping of int to (float, float)
        By images at once: milliseconds that the last image of a batch, and the first, take until the answer, if a
        camera of 30 frames a second brings them.
    """

    network: str
    machine: str
    images: int
    size: tuple[int, int]
    side: int
    steps: tuple[Step, ...]
    waits: Mapping[int, tuple[float, float]]


def tooled(images: int, network: str, machine: str, side: int = SIDE) -> Tooled:
    """Return a network on a machine, several images at once; `side` as in `workload`."""
    layers, chosen = workload(network, side), PRESETS[machine]
    waits = {}
    for n in (1 << p for p in range(MOST_IMAGES + 1)):
        ms = _last(layers, machine, n).ms
        waits[n] = (ms, ms + 1e3 * (n - 1) / CAMERA_FPS)
    first = layers.layers[0]
    return Tooled(network, machine, images, (first.H, first.W), side, ladder(layers, chosen, images), waits)


@cache
def _last(layers: Workload, machine: str, images: int) -> Step:
    return ladder(layers, PRESETS[machine], images)[-1]


@dataclass(frozen=True)
class Scenario:
    """What somebody needs.

    Attributes
    ----------
    network : str
    side : int
        Of the image.
    fps : float
        Images a second that come in.
    most_ms : float
        From the moment at which an image is there to its answer.
    most_loss : float
        Of accuracy, in `unit`.
    unit : str
    most_watts : float
        By the model's energies, for 45 nm.
    int8_loss : float
        What bytes cost; 16 bits are taken to cost nothing.
    """

    network: str
    side: int
    fps: float
    most_ms: float
    most_loss: float
    unit: str
    most_watts: float
    int8_loss: float


# Rates are of cameras that are sold; latencies, a frame or so, and powers are ours. Losses: at most 1 %
# of the float32 accuracy, as MLPerf Inference's rules ask of ResNet-50, and a tenth of a dB; in INT8 of our denoiser,
# lesson 3's test photo, see the claims; of the others, Krishnamoorthi, arXiv:1806.08342, table 3, a scale for each
# filter: 75.2 to 75.1 % and 71.9 to 69.8 %.
SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "medical imaging": Scenario(DENOISER, 512, 60, 33, 0.1, "dB", 2.5, 0.01),
        "factory inspection": Scenario("resnet50", 224, 480, 20, 0.75, "points", 4, 0.1),
        "driver assistance": Scenario("mobilenet_v2", 224, 60, 16, 0.72, "points", 0.2, 2.1),
    }
)


@dataclass(frozen=True)
class Judged:
    """A design on the X1 against a scenario's limits.

    Attributes
    ----------
    name : str
        Of the scenario.
    scenario : Scenario
    type, datapath : str
    images : int
        At once.
    batch_ms : float
        That a batch takes.
    ms : float
        That the first image of a batch takes: it waits for the others.
    loss : float
    watts : float
        Of all images that come in.
    """

    name: str
    scenario: Scenario
    type: str
    datapath: str
    images: int
    batch_ms: float
    ms: float
    loss: float
    watts: float

    @property
    def shares(self) -> Mapping[str, float]:
        """Each amount over its limit; the design keeps a limit up to 1."""
        limits = self.scenario
        return {
            "rate": self.batch_ms / (1e3 * self.images / limits.fps),
            "latency": self.ms / limits.most_ms,
            "loss": self.loss / limits.most_loss,
            "power": self.watts / limits.most_watts,
        }

    @property
    def tightest(self) -> str:
        """The limit that the design comes nearest to, or breaks most."""
        return max(self.shares, key=self.shares.__getitem__)

    @property
    def broken(self) -> tuple[str, ...]:
        """The limits that it breaks."""
        return tuple(name for name, share in self.shares.items() if share > 1)

    def __str__(self) -> str:
        limits = self.scenario
        verdict = f"breaks {', '.join(self.broken)}" if self.broken else "keeps every limit"
        return (
            f"{self.type}, {self.datapath}, {self.images} at once: {self.batch_ms:.2f} ms a batch, rate "
            f"{self.shares['rate']:.0%}, latency {self.ms:.2f} of {limits.most_ms:g} ms, loss {self.loss:g} of "
            f"{limits.most_loss:g} {limits.unit}, {self.watts:.2f} of {limits.most_watts:g} W: {verdict}"
        )


def judged(scenario: str, type: str = "int8", datapath: str = "own array", images: int = 1) -> Judged:
    """Compute a design on the X1, with Winograd's mode wherever it has it.

    Parameters
    ----------
    scenario : str
        A key of SCENARIOS.
    type, datapath : str
        One of TYPES, one of DATAPATHS.
    images : int
        At once.

    Raises
    ------
    ValueError
        For other words, or no image.
    """
    datapath = todays_kind(datapath)
    for what, value, known in (
        ("scenario", scenario, tuple(SCENARIOS)),
        ("type", type, TYPES),
        ("datapath", datapath, DATAPATHS),
    ):
        if value not in known:
            raise ValueError(f"{what} must be one of {', '.join(known)}, not {value!r}")
    if images < 1:
        raise ValueError(f"images must be at least 1, not {images}")
    limits = SCENARIOS[scenario]
    schedule = _schedule(limits.network, limits.side, type, datapath, images)
    batch_ms = 1e3 * schedule.seconds
    return Judged(
        scenario,
        limits,
        type,
        datapath,
        images,
        batch_ms,
        batch_ms + 1e3 * (images - 1) / limits.fps,
        limits.int8_loss if type == "int8" else 0.0,
        schedule.joules / images * limits.fps,
    )


@cache
def _schedule(network: str, side: int, type: str, datapath: str, images: int) -> Schedule:
    layers = workload(network, side).with_batch(images).with_type(type).fused(_X1.sram_kb)
    table = evaluate(layers, _X1)
    if datapath == "own array":
        return fixed(table, table.datapaths.index(_X1.array), datapath)
    return fixed(table, name=datapath) if datapath == "best fixed" else reconfigured(table)
