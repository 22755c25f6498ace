"""The process in which a learner's kernel runs: checked between guard pages, then timed. `kernel_trial` listens to it.

It says what it does as lines on the file that its first argument names: JSON, or the line of a fault. A kernel that
never ends, or that ends the process, is for the listener to tell.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from itertools import count, cycle
from types import ModuleType
from typing import Any

import numpy as np

from kernels import faults
from workbook.lessonkit.guarded_memory import Extent, Guarded
from workbook.lessonkit.kernel_build import MODULE
from workbook.lessonkit.kernel_problem import KernelTask, Problem
from workbook.measuring import roofline, timing

_MOST_SECONDS = 120  # of a core; a process whose listener died ends by itself
_SETS = 3  # problems that take turns while the clock runs, so that no answer can be remembered


def main(fd: int, compiled: str, task_file: str, before: str, limit: float) -> None:
    """Check a kernel and time it; a call that takes the core for `limit` seconds ends the process by a signal."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    task: Any = _load(SourceFileLoader("kernel_task", task_file))

    def say(**what: object) -> None:
        os.write(fd, (json.dumps(what) + "\n").encode())

    faults.report_to(fd)
    say(calls="the first line", arrays=[])
    kernel = _Limited(compiled, limit)
    if refused := task.refuses(kernel.least):
        say(wrong=refused)
    elif _is_right(kernel, task, say):
        _time(kernel, task, before, say)


class _Limited:
    """A compiled kernel; loading it, and each call, may take the core for so many seconds."""

    def __init__(self, compiled: str, limit: float) -> None:
        self._limit = limit
        signal.setitimer(signal.ITIMER_PROF, limit)
        self._module: Any = _load(ExtensionFileLoader(MODULE, compiled))
        signal.setitimer(signal.ITIMER_PROF, 0)

    @property
    def least(self) -> tuple[int, ...]:
        """The smallest sizes that it can work on."""
        sizes: tuple[int, ...] = self._module.least()
        return sizes

    def run(self, *args: int) -> None:
        """Call it with addresses and sizes."""
        signal.setitimer(signal.ITIMER_PROF, self._limit)
        self._module.run(*args)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _load(loader: SourceFileLoader | ExtensionFileLoader) -> ModuleType:
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def _is_right(kernel: _Limited, task: KernelTask, say: Callable[..., None]) -> bool:
    """Run the small problems, each with its arrays at the end and at the begin of what may be touched."""
    checked, same_bits = 0, True
    for problem in task.problems(kernel.least):
        outputs = []
        for at_end in (True, False):
            nothing = np.full_like(problem.expected, np.nan)
            inputs = [Guarded.of(n, a, at_end=at_end, writable=False) for n, a in problem.inputs.items()]
            y = Guarded.of("y", nothing, at_end=at_end, writable=True)
            say(calls=problem.name, arrays=[vars(Extent.of(guarded)) for guarded in (*inputs, y)])
            kernel.run(*(guarded.address for guarded in (*inputs, y)), *problem.sizes)
            outputs.append(np.array(y.array, np.float32))
        for output in outputs:  # judged when both have run: what reads beside an array is told that, not its wrong sum
            if wrong := problem.wrong(output):
                say(wrong=wrong)
                return False
            same_bits &= np.array_equal(output, problem.expected)
        checked += 1
    say(right=checked, same_bits=same_bits)
    return True


class _Turns:
    """Calls of the kernel on problems that change from call to call, and the outputs that they left."""

    def __init__(self, kernel: _Limited, problems: list[Problem]) -> None:
        self._kernel = kernel
        self._problems = problems
        self._slots = [
            ({name: array.copy() for name, array in problem.inputs.items()}, np.empty_like(problem.expected))
            for problem in problems
        ]
        self._next, self._shift = cycle(range(len(problems))), count(1)
        self.wrong = ""
        self._lay(0)

    def _lay(self, shift: int) -> None:
        """Lay another problem into each place of memory, and no output."""
        self._laid = [self._problems[(i + shift) % len(self._problems)] for i in range(len(self._problems))]
        for problem, (inputs, y) in zip(self._laid, self._slots, strict=True):
            for name, array in problem.inputs.items():
                inputs[name][...] = array
            y.fill(np.nan)
        self._called: set[int] = set()

    def call(self) -> None:
        """Call the kernel on the next problem."""
        place = next(self._next)
        inputs, y = self._slots[place]
        addresses = (*(array.ctypes.data for array in inputs.values()), y.ctypes.data)
        self._called.add(place)
        self._kernel.run(*addresses, *self._problems[0].sizes)

    def judge(self) -> None:
        """Judge what the calls since the last time left."""
        for place in self._called:
            self.wrong = self.wrong or self._laid[place].wrong(self._slots[place][1])
        self._lay(next(self._shift))


def _time(kernel: _Limited, task: KernelTask, before: str, say: Callable[..., None]) -> None:
    """Time the kernel beside the rung before it, ours and the peak, and judge what it computes meanwhile."""
    say(calls="the layer that is timed", arrays=[])
    problems = [task.timed(seed) for seed in range(_SETS)]
    turns, probes = _Turns(kernel, problems), roofline.probes()
    cases = {"yours": turns.call, **task.rivals(problems[0], before), **probes}
    times = timing.interleaved(cases, clock=time.thread_time, on_round=turns.judge)
    if turns.wrong:
        say(wrong=f"while the clock ran, {turns.wrong}")
        return
    roof, macs = roofline.in_rounds(probes, times), task.macs(problems[0])
    rates = {name: macs / times[name].median / 1e9 for name in cases if name not in probes}
    say(rates=rates, peak=roof.peak_gmacs, trust=timing.trust(times.values()))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5]))
