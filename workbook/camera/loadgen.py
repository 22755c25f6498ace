"""MLPerf's four scenarios, run by MLPerf's own LoadGen. Needs the extra `mlperf`.

    SingleStream    the next image comes when the last result is there         90th percentile
    MultiStream     the same with eight images at once                         99th percentile of the eight
    Server          images come at random moments (Poisson)                    the rate, if 99 % keep the bound
    Offline         all images are there from the start                        images a second

The camera, images at fixed moments whether or not the last one is done, is none of them: that is `sources.camera`. It
was MultiStream until version 1.1. What the rules ask of a submission (600 s, and 24,576 samples Offline) takes long; a
run here is as long as you say, and LoadGen calls it valid by the length that it was asked for.

LoadGen runs in a process of its own (`loadgen_process.py` says why) and measures there; the function stays here. A
query and its answer go through pipes, which a latency includes: 30 us where the last query was just done, and up to
200 us where the cores were idle before (AMD EPYC, 2 cores).
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbook.camera.services import Images

Scenario = Literal["SingleStream", "MultiStream", "Server", "Offline"]
SCENARIOS: tuple[Scenario, ...] = ("SingleStream", "MultiStream", "Server", "Offline")

_NANO = 1_000_000_000
_SAMPLE = struct.Struct("=QQ")  # its id and its index, as LoadGen's process writes them
_READ = 1 << 16  # bytes at once, at most
_WATCH = 200  # ms between two looks at Ctrl-C and at LoadGen's process while no query comes
_WORDS = "words.txt"  # what LoadGen's process prints
_FASTER = 2  # LoadGen makes its queries before the run; so many times more than the first call's time suggests


@dataclass(frozen=True, eq=False)
class LoadGenRun:
    """What LoadGen measured, and what it says of it.

    Attributes
    ----------
    scenario : str
    samples : (n,) int64
        Nanoseconds from the scheduled time of each image to its result, from LoadGen's trace.
    queries : (n,) int64
        The query that each image belongs to.
    summary : str
        LoadGen's own text.
    """

    scenario: Scenario
    samples: npt.NDArray[np.int64]
    queries: npt.NDArray[np.int64]
    summary: str

    @property
    def latencies(self) -> npt.NDArray[np.int64]:
        """Nanoseconds of what the scenario counts: in MultiStream of each query's last image, else of each image."""
        if self.scenario != "MultiStream":
            return self.samples
        worst = np.zeros(self.queries.max() + 1, np.int64)
        np.maximum.at(worst, self.queries, self.samples)
        return worst

    @property
    def valid(self) -> bool:
        """Whether LoadGen calls the run valid."""
        return "Result is : VALID" in self.summary

    @property
    def percentiles(self) -> dict[float, int]:
        """The percentiles in the summary, such as {0.5: ..., 0.99: ...}, in nanoseconds."""
        found = re.findall(r"^([\d.]+) percentile latency \(ns\) *: (\d+)", self.summary, re.MULTILINE)
        return {round(float(percent) / 100, 6): int(value) for percent, value in found}

    @property
    def estimates(self) -> dict[float, int]:
        """The early-stopping estimates in the summary, in nanoseconds; empty where it has none."""
        found = re.findall(r"Early stopping ([\d.]+)th percentile estimate: (\d+)", self.summary)
        return {round(float(percent) / 100, 6): int(value) for percent, value in found}


def mlperf(
    scenario: Scenario,
    function: Callable[[Images], Any],
    images: Images,
    *,
    seconds: float = 1.0,
    queries: int = 64,
    batch: int = 8,
    rate: float = 10.0,
    bound: float = 0.1,
) -> LoadGenRun:
    """Run one scenario on a function.

    Parameters
    ----------
    scenario : str
        One of `SCENARIOS`.
    function : function
        Of images (B, C, H, W), such as a network; returns an array with B results.
    images : (n, C, H, W) array
        What LoadGen draws its samples from.
    seconds : float
        The least duration.
    queries : int
        The least number of queries; of images in Offline, which has one query.
    batch : int
        Images that the function gets at once, at most.
    rate : float
        Queries a second in Server.
    bound : float
        Seconds that 99 % of the queries must keep in Server.

    Raises
    ------
    ImportError
        If LoadGen is not installed.
    ValueError
        For another scenario.
    RuntimeError
        If LoadGen's process dies.
    Exception
        What the function raises, at once; LoadGen is ended.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    if not importlib.util.find_spec("mlperf_loadgen"):
        raise ImportError("LoadGen is not installed: pip install 'edge-ai-workbook[mlperf]'")
    expected = _warm_up(function, images, 8 if scenario == "MultiStream" else 1, batch) / _FASTER
    settings = {
        "min_duration_ms": round(seconds * 1e3),
        "min_query_count": queries,
        "single_stream_expected_latency_ns": round(expected * _NANO),
        "multi_stream_expected_latency_ns": round(expected * _NANO),
        "offline_expected_qps": 1 / expected,
        "server_target_qps": rate,
        "server_target_latency_ns": round(bound * _NANO),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _loadgen(scenario=scenario, settings=settings, samples=len(images), folder=folder) as process:
            _serve(process, function, images, batch)
            code = process.wait()
        if code:
            raise RuntimeError(_death(code, folder / _WORDS))
        trace, summary = (
            (folder / f"mlperf_log_{name}").read_text(encoding="utf-8") for name in ("trace.json", "summary.txt")
        )
    samples, numbers = _samples(trace)
    return LoadGenRun(scenario, samples, numbers, summary)


def _warm_up(function: Callable[[Images], Any], images: Images, count: int, batch: int) -> float:
    """Return the seconds that the function takes for so many images, the second time."""
    for _ in range(2):
        start = time.perf_counter()
        for first in range(0, count, batch):
            function(images[np.arange(first, min(count, first + batch)) % len(images)])
    return time.perf_counter() - start


@contextmanager
def _loadgen(*, folder: Path, **task: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start LoadGen's process, and end it however the block ends."""
    program = Path(__file__).with_name("loadgen_process.py")
    command = [sys.executable, "-P", str(program), json.dumps({**task, "folder": str(folder)})]
    with (folder / _WORDS).open("wb") as words:
        # A group of its own: Ctrl-C reaches this process alone, which then ends the other.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, process_group=0
        )
    try:
        yield process
    finally:
        process.kill()  # does nothing to one that has ended
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):  # of an answer that nobody has read
                pipe.close()  # type: ignore[union-attr]


def _serve(process: subprocess.Popen[bytes], function: Callable[[Images], Any], images: Images, batch: int) -> None:
    """Compute the samples that LoadGen asks for, those that wait together, until its process ends."""
    assert process.stdin
    assert process.stdout
    asked, done = process.stdout.fileno(), process.stdin
    query = select.poll()
    query.register(asked, select.POLLIN)
    waiting: deque[tuple[int, int]] = deque()
    rest = b""
    while True:
        while query.poll(0 if waiting else _WATCH):
            read = os.read(asked, _READ)
            if not read:
                return
            rest += read
            whole = len(rest) // _SAMPLE.size * _SAMPLE.size
            waiting.extend(_SAMPLE.iter_unpack(rest[:whole]))
            rest = rest[whole:]
        if waiting:
            taken = [waiting.popleft() for _ in range(min(batch, len(waiting)))]
            computed = function(images[[index for _, index in taken]])
            if np.shape(computed)[:1] != (len(taken),):
                raise ValueError(f"the function returned {np.shape(computed)} for {len(taken)} images")
            try:
                done.write(struct.pack(f"={len(taken)}Q", *(id for id, _ in taken)))
                done.flush()
            except BrokenPipeError:
                return
        elif process.poll() is not None:
            return


def _death(code: int, words: Path) -> str:
    """Return what to say of a LoadGen that has ended with this code."""
    how = f"was ended by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with exit code {code}"
    last = words.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
    return "\n".join(
        [
            f"LoadGen's process {how}, and what it measured is lost: run it again. If that happens each time, install "
            "LoadGen anew: pip install --force-reinstall mlcommons-loadgen",
            *last,
        ]
    )


def _samples(trace: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return latency and query of each sample. The trace as a whole is not valid JSON, its lines on samples are."""
    lines = (line.rstrip(",") for line in trace.splitlines() if '"Sample"' in line and '"complete_ns"' in line)
    rows = sorted(
        (sample["sample_seq"], sample["complete_ns"], sample["query_seq"])
        for sample in (json.loads(line)["args"] for line in lines)
    )
    numbers = np.fromiter(itertools.chain.from_iterable(rows), np.int64).reshape(-1, 3)
    return numbers[:, 1], numbers[:, 2]
