"""What every test may count on: the same random examples, no limit of time, and a Ctrl-C that is not ignored."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import hypothesis
import pytest

# The same examples on every run. One that has failed is kept as an @example: there is no database. A busy machine is
# no bug: no deadline, and no complaint that examples take long.
hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")


def pytest_configure() -> None:
    """Undo what a shell does to a job in the background, and the job's children inherit: it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _held() -> dict[str, set[object]]:
    """What this process holds: its threads, the files that it has open, and its children."""
    import psutil  # not needed by the tests of the kernels

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
