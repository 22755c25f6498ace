"""What every test may count on: Ctrl-C raises KeyboardInterrupt, however the run was started."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest


def pytest_configure() -> None:
    """Undo what a shell does to a job in the background, and the job's children inherit: it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


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
