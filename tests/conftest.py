"""What every test may count on: the same random examples, no limit of time, Ctrl-C, and one pytest that runs them."""

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """End a forked child that comes back out of its test: it would run the tests that follow a second time."""
    process = os.getpid()
    try:
        return (yield)
    finally:
        if os.getpid() != process:
            os.write(2, f"\n{item.nodeid}: a forked child has left the test; it ends here\n".encode())
            os._exit(1)


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
