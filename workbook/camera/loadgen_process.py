"""The process that LoadGen runs in, started by `loadgen.mlperf`. It loads nothing else of ours.

LoadGen's logger reads what each thread has logged, and may still do so after the thread has ended and its memory is
gone (`TlsLogger::SwapBuffers` in loadgen/logging.cc): now and then that is a crash. Here no thread that logs ends while
the logger reads: one run is one process; its reader waits for answers to the end; and `os._exit` ends all at once.

    stdin     of each sample that is done its id; at its end this process ends too
    stdout    of each sample that is asked for its id and its index

All are unsigned integers of 64 bits. LoadGen leaves its trace and its summary in the folder that it is told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from array import array
from typing import Any

import mlperf_loadgen as loadgen

_READ = 1 << 16  # bytes at once, at most
_NUMBER = 8  # bytes


def main(scenario: str, settings: dict[str, int | float], samples: int, folder: str) -> None:
    """Run one scenario; `settings` are fields of LoadGen's TestSettings, `samples` is how many there are."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever asked is gone: end without a word
    asked = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed is no question
    threading.Thread(target=_complete, args=(0,), daemon=True).start()

    def issue(query: list[Any]) -> None:
        numbers = array("Q", [number for sample in query for number in (sample.id, sample.index)])
        asked.write(numbers.tobytes())
        asked.flush()

    test = loadgen.TestSettings()
    test.scenario = getattr(loadgen.TestScenario, scenario)
    test.mode = loadgen.TestMode.PerformanceOnly
    for name, value in settings.items():
        setattr(test, name, value)
    output = loadgen.LogOutputSettings()
    output.outdir = folder
    output.copy_summary_to_stdout = False
    log = loadgen.LogSettings()
    log.log_output = output
    log.enable_trace = True
    system = loadgen.ConstructSUT(issue, _nothing)
    library = loadgen.ConstructQSL(samples, samples, _nothing, _nothing)
    loadgen.StartTestWithLogSettings(system, library, test, log, os.path.join(folder, "audit.config"))


def _complete(done: int) -> None:
    """Tell LoadGen of each sample that is done."""
    rest = b""
    while read := os.read(done, _READ):
        rest += read
        whole = len(rest) // _NUMBER * _NUMBER
        ids, rest = array("Q", rest[:whole]), rest[whole:]
        loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(id, 0, 0) for id in ids])
    os._exit(1)  # whoever asked is gone


def _nothing(*_: object) -> None:
    """Do nothing: all images are in memory, and no query is held back."""


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
    os._exit(0)
