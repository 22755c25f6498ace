"""Ctrl-C as the system may deliver it: to a thread that is not the main one. And processes that get it."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PATIENCE = 60  # seconds for something to happen on a busy machine; a test that passes does not wait for them


@contextmanager
def interrupt_another_thread_while_in(*functions: str) -> Iterator[None]:
    """Send SIGINT once, to a thread that is not the main one, when the main one has been in this function for a while.

    Python notes the signal, but the main thread, which alone may raise, is not woken in what it waits for.
    """

    def interrupt() -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not over.is_set():
            time.sleep(0.05)
            frame = sys._current_frames()[main]
            while frame and frame.f_code.co_name not in functions:
                frame = frame.f_back
            if frame:
                time.sleep(0.3)  # it is in its wait by now; if not, only less is tested
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
                return

    main, over = threading.main_thread().ident, threading.Event()
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def interrupt_another_thread(process: subprocess.Popen[str]) -> None:
    """Send SIGINT to a thread that is not the main one and takes it; the system may choose any such."""
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        blocked = int(status["SigBlk"], 16) >> (signal.SIGINT - 1) & 1
        if int(task.name) != process.pid and not blocked:
            assert ctypes.CDLL(None).tgkill(process.pid, int(task.name), signal.SIGINT) == 0
            return
    raise AssertionError("no other thread takes the signal")


def until(there: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for a sign that the process is where it is to be interrupted."""
    end = time.monotonic() + PATIENCE
    while not there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def started(*command: object, cwd: Path | None = None, ignored: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a command, with a signal ignored as by nohup or a shell's `&`; kill it at the end."""
    with subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: signal.signal(ignored, signal.SIG_IGN)) if ignored else None,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], children: list[psutil.Process]) -> tuple[int, str, str]:
    """Return the exit code and what was said, once the process and its children have ended."""
    out, err = process.communicate(timeout=PATIENCE)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert not alive
    return process.returncode, out, err.strip()


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)
