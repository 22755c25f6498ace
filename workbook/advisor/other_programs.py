"""Other libraries' programs of a network: they read its file, ONNX Runtime also one that its own tool quantized."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kernels.cores import cores
from workbook.advisor import peer_programs
from workbook.advisor.entries import Entries, Entry
from workbook.advisor.peer_programs import RUNTIME, RUNTIME_INT8, Bound
from workbook.graphs.graph import Array
from workbook.measuring.timing import Timing
from workbook.network import Network


@dataclass
class OtherPrograms:
    """The files that other libraries read, and what they make of them.

    Attributes
    ----------
    net : Network
    entries : Entries
        Takes what runs.
    folder : Path
        For files of our own.
    files : dict of str to Path
        By the name of the program.
    """

    net: Network
    entries: Entries
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)

    def take_runtime(self, file: Path | None) -> None:
        """Take ONNX Runtime's program of the file; it is written if there is none."""

        def saved() -> Path:
            self.net.save(self.folder / "network.onnx")
            return self.folder / "network.onnx"

        self._take(RUNTIME, file or self.entries.attempt(RUNTIME, saved))

    def take_others(self, feeds: Sequence[Mapping[str, Array]]) -> None:
        """Take the other libraries that are installed, and ONNX Runtime on bytes, calibrated on these inputs."""
        source = self.files.get(RUNTIME)
        if not source:
            return
        target = self.folder / "int8.onnx"

        def quantized() -> Path:
            peer_programs.quantize_by_runtime(source, target, feeds)
            return target

        small = self.entries.attempt(RUNTIME_INT8, quantized)  # first: it takes several times the model's memory
        for name in peer_programs.installed():
            if name != RUNTIME:
                self._take(name, source)
        self._take(RUNTIME_INT8, small)

    def holds_halves(self) -> bool:
        """Whether the file stores numbers of 16 bits."""
        file = self.files.get(RUNTIME)
        return file is not None and bool(self.entries.attempt(RUNTIME, lambda: peer_programs.holds_halves(file)))

    def elsewhere(self, seconds: float | None) -> dict[str, Timing]:
        """Time ONNX Runtime on all cores beside one thread, or on one thread beside all cores."""
        there, here = cores(), self._threads
        other = there if here != there else 1
        bound: dict[str, Bound] = {}
        for name in (RUNTIME, RUNTIME_INT8):
            if name in self.entries.programs and other != here:
                title = f"{name}, {other} thread{'s' if other > 1 else ''}"
                run = self.entries.attempt(title, lambda name=name: self._opened(name, other)(self.entries.feed))  # type: ignore[misc]
                if run:
                    bound[title] = run
        return self.entries.timed((), seconds=seconds, others=bound, threads=other)

    @property
    def _threads(self) -> int:
        return self.entries.threads or cores()

    def _take(self, name: str, file: Path | None) -> None:
        if file:
            self.files[name] = file
            self.entries.take(name, lambda: Entry(self._opened(name, self._threads), {}))

    def _opened(self, name: str, threads: int) -> Callable[[Mapping[str, Array]], Bound]:
        return peer_programs.opened(name, self.files[name], self.net.graph, threads, self.folder)
