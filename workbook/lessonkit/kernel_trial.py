"""Lets a learner's kernel run in a process of its own, and says in words what came of it, whatever it does."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from workbook.lessonkit.guarded_memory import Extent

LIMIT = 10.0  # seconds of a core that one call may take: a busy machine makes none longer
SILENCE = 60.0  # seconds between two signs of life: a call that sleeps takes no core

_ENDS = {
    signal.SIGFPE: "it divides by zero",
    signal.SIGILL: "it runs an instruction that this CPU does not have",
    signal.SIGSEGV: "it used up its stack: is a local array large, or does a function call itself without an end?",
}


@dataclass(frozen=True)
class Trial:
    """What came of a kernel.

    Attributes
    ----------
    failure : str
        What it does wrong; empty if it is right.
    problems : int
        Small problems that it solved.
    same_bits : bool
        Whether all their outputs have the definition's bits.
    rates : dict of str to float
        GMAC/s of "yours", of the rung before, and of ours.
    peak : float
        GMAC/s.
    trust : list of str
        Lines that say what the numbers are worth.
    """

    failure: str = ""
    problems: int = 0
    same_bits: bool = False
    rates: dict[str, float] = field(default_factory=dict)
    peak: float = 0.0
    trust: list[str] = field(default_factory=list)


def try_kernel(compiled: Path, task: Path, before: str) -> Trial:
    """Check a compiled kernel, and time it; Ctrl-C ends its process too.

    Parameters
    ----------
    compiled : Path
        As `kernel_build.build` returns it.
    task : Path
        A file with what `kernel_problem.KernelTask` asks for.
    before : str
        The rung before it.
    """
    hears, says = os.pipe()
    child = [sys.executable, "-P", "-m", "workbook.lessonkit.kernel_child"]  # -P: not the modules of this folder
    command = [*child, str(says), str(compiled), str(task), before, str(LIMIT)]
    try:
        process = subprocess.Popen(
            command,
            pass_fds=(says,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # an interrupt comes to the notebook's process alone, which ends this one
        )
    finally:
        os.close(says)
    try:
        heard, too_long = _listen(hears)
        if not too_long:
            process.wait(SILENCE)
    finally:
        process.kill()
        _, said = process.communicate()
        os.close(hears)
    return _judge(heard, too_long, process.returncode, said.decode(errors="replace"))


def _listen(hears: int) -> tuple[list[str], bool]:
    """Return the lines that the process wrote until it ended, and whether it fell silent."""
    heard = b""
    while select.select([hears], [], [], SILENCE)[0]:
        part = os.read(hears, 1 << 16)
        if not part:
            return heard.decode().splitlines(), False
        heard += part
    return heard.decode().splitlines(), True


def _judge(heard: list[str], too_long: bool, code: int, said: str) -> Trial:
    """Turn what a process said, and how it ended, into words."""
    known: dict[str, object] = {}
    fault = ""
    for line in heard:
        if line.startswith("fault "):
            fault = line
        else:
            known |= json.loads(line)
    call = str(known.get("calls", "the start"))
    if fault:
        return Trial(_of_fault(fault, call, known.get("arrays")))
    if too_long:
        return Trial(f"{call}: it was silent for {SILENCE:.0f} s, and was ended; does it wait for something?")
    if "wrong" in known:
        return Trial(str(known["wrong"]))
    if -code == signal.SIGPROF:
        return Trial(f"{call}: it still ran after {LIMIT:g} s; does a loop in it never end?")
    if code < 0:
        return Trial(f"{call}: {_ENDS.get(signal.Signals(-code), f'it crashed ({signal.Signals(-code).name})')}")
    if "rates" not in known:
        return Trial(f"{call}: it ended before its time (exit {code}) {said.strip().rpartition(chr(10))[2]}".strip())
    return Trial("", *(known[name] for name in ("right", "same_bits", "rates", "peak", "trust")))  # type: ignore[arg-type]


def _of_fault(line: str, call: str, arrays: object) -> str:
    """Say what was touched: a number beside an array, or what belongs to none."""
    _, address, kind = line.split()
    at = int(address, 16)
    known = arrays if isinstance(arrays, list) else []
    extents = [Extent(**{**array, "shape": tuple(array["shape"])}) for array in known]
    near = [extent for extent in extents if extent.index_of(at) is not None]
    if not near:
        return f"{call}: it {kind} memory that belongs to no array, at address 0x{address}"
    extent = min(near, key=lambda extent: extent.distance(at))
    return f"{call}: it {kind} {extent.place_of(at)}"
