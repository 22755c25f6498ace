"""MLPerf's four scenarios, run by MLPerf's own LoadGen. Needs the extra `mlperf`.

    SingleStream    the next image comes when the last result is there         90th percentile
    MultiStream     the same with eight images at once                         99th percentile of the eight
    Server          images come at random moments (Poisson)                    the rate, if 99 % keep the bound
    Offline         all images are there from the start                        images a second

The camera, images at fixed moments whether or not the last one is done, is none of them: that is `sources.camera`. It
was MultiStream until version 1.1. What the rules ask of a submission (600 s, and 24,576 samples Offline) takes long; a
run here is as long as you say, and LoadGen calls it valid by the length that it was asked for.
"""

from __future__ import annotations

import itertools
import json
import queue
import re
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbook.camera.services import Images

Scenario = Literal["SingleStream", "MultiStream", "Server", "Offline"]
SCENARIOS: tuple[Scenario, ...] = ("SingleStream", "MultiStream", "Server", "Offline")

_NANO = 1_000_000_000
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
    Exception
        What the function raises, after LoadGen has ended its run.
    """
    if scenario not in SCENARIOS:
        raise ValueError(f"no scenario {scenario!r}; there are {', '.join(SCENARIOS)}")
    try:
        import mlperf_loadgen as loadgen
    except ImportError:
        raise ImportError("LoadGen is not installed: pip install 'edge-ai-workbook[mlperf]'") from None
    system = _System(loadgen, function, images, batch)
    issue = system.issue_later if scenario == "Server" else system.issue
    try:
        expected = system.warm_up(8 if scenario == "MultiStream" else 1) / _FASTER
        settings = loadgen.TestSettings()
        settings.scenario = getattr(loadgen.TestScenario, scenario)
        settings.mode = loadgen.TestMode.PerformanceOnly
        settings.min_duration_ms = round(seconds * 1e3)
        settings.min_query_count = queries
        settings.single_stream_expected_latency_ns = settings.multi_stream_expected_latency_ns = round(expected * _NANO)
        settings.offline_expected_qps = 1 / expected
        settings.server_target_qps = rate
        settings.server_target_latency_ns = round(bound * _NANO)
        # On a thread of its own: Ctrl-C comes to this one, and no exception runs through LoadGen's C++.
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
            run = thread.submit(_start, loadgen, issue, len(images), settings, Path(folder))
            try:
                trace, summary = run.result()
            except KeyboardInterrupt as interrupt:
                system.error = interrupt
    finally:
        system.end()
    if system.error:
        raise system.error
    samples, numbers = _samples(trace)
    return LoadGenRun(scenario, samples, numbers, summary)


class _System:
    """The system under test: calls the function, and tells LoadGen what is done.

    After an error, or Ctrl-C, it answers every further query at once with nothing: LoadGen waits for all of them.
    """

    def __init__(self, loadgen: Any, function: Callable[[Images], Any], images: Images, batch: int) -> None:
        self.loadgen, self.function, self.images, self.batch = loadgen, function, images, batch
        self.error: BaseException | None = None
        self.waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.worker = threading.Thread(target=self._work, daemon=True)
        self.worker.start()

    def warm_up(self, images: int) -> float:
        """Return the seconds of the second call."""
        for _ in range(2):
            start = time.perf_counter()
            for first in range(0, images, self.batch):
                self.function(self.images[np.arange(first, min(images, first + self.batch)) % len(self.images)])
        return time.perf_counter() - start

    def issue(self, query: list[Any]) -> None:
        """Compute the samples of a query on LoadGen's thread."""
        for first in range(0, len(query), self.batch):
            self._compute(query[first : first + self.batch])

    def issue_later(self, query: list[Any]) -> None:
        """Leave a query to the worker: LoadGen's thread goes on to its next moment."""
        for sample in query:
            self.waiting.put(sample)

    def end(self) -> None:
        """End the worker."""
        self.waiting.put(None)
        self.worker.join()

    def _work(self) -> None:
        while (sample := self.waiting.get()) is not None:
            taken = [sample]
            while len(taken) < self.batch and not self.waiting.empty():
                taken.append(self.waiting.get())
            self._compute(taken)

    def _compute(self, samples: list[Any]) -> None:
        results = np.empty((len(samples), 0), np.uint8)
        if not self.error:
            try:
                computed = self.function(self.images[[sample.index for sample in samples]])
                results = np.ascontiguousarray(computed).reshape(len(samples), -1)
            except Exception as error:
                self.error = error
        size = results[0].nbytes
        address = results.ctypes.data  # the array lives until LoadGen has been told
        self.loadgen.QuerySamplesComplete(
            [
                self.loadgen.QuerySampleResponse(sample.id, address + number * size, size)
                for number, sample in enumerate(samples)
            ]
        )


def _start(
    loadgen: Any, issue: Callable[[list[Any]], None], samples: int, settings: Any, folder: Path
) -> tuple[str, str]:
    """Run LoadGen, its files in this folder; return its trace and its summary."""
    output = loadgen.LogOutputSettings()
    output.outdir = str(folder)
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = True
    system = loadgen.ConstructSUT(issue, _nothing)
    library = loadgen.ConstructQSL(samples, samples, _nothing, _nothing)
    try:
        loadgen.StartTestWithLogSettings(system, library, settings, log, str(folder / "audit.config"))
    finally:
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(system)
    trace, summary = (folder / f"mlperf_log_{name}" for name in ("trace.json", "summary.txt"))
    return trace.read_text(encoding="utf-8"), summary.read_text(encoding="utf-8")


def _nothing(*_: object) -> None:
    """Do nothing: all images are in memory, and no query is held back."""


def _samples(trace: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return latency and query of each sample. The trace as a whole is not valid JSON, its lines on samples are."""
    lines = (line.rstrip(",") for line in trace.splitlines() if '"Sample"' in line and '"complete_ns"' in line)
    rows = sorted(
        (sample["sample_seq"], sample["complete_ns"], sample["query_seq"])
        for sample in (json.loads(line)["args"] for line in lines)
    )
    numbers = np.fromiter(itertools.chain.from_iterable(rows), np.int64).reshape(-1, 3)
    return numbers[:, 1], numbers[:, 2]
