"""What every test may count on: Ctrl-C raises KeyboardInterrupt, however the run was started."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

PATIENCE = 60  # seconds for something to happen on a busy machine; a test that passes does not wait for them


def pytest_configure() -> None:
    """Undo what a shell does to a job in the background, and the job's children inherit: it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _interrupt_while_main_thread_is_in(*functions: str) -> Iterator[None]:
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


@pytest.fixture
def interrupted_elsewhere() -> Callable[..., object]:
    return _interrupt_while_main_thread_is_in


def _held() -> dict[str, set[object]]:
    """What this process holds: its threads, the files that it has open, and its children."""
    return {
        "threads": set(threading.enumerate()),
        "files": set(os.listdir("/proc/self/fd")),  # the list's own number is the same each time, or free
        "children": {child.pid for child in psutil.Process().children(recursive=True)},
    }


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fail if the test leaves a thread, an open file or a child, be it a zombie."""
    before = _held()
    yield
    left = {kind: held - before[kind] for kind, held in _held().items()}
    assert not any(left.values()), left
