"""How many cores this process may use: those that it may run on, or fewer, if a container limits its processor time."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

# Where control groups, in their second and in their first version, say the microseconds of a period that may be used,
# and the period.
_LIMITS = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))


def cores() -> int:
    """Return how many threads can run at once, all the time."""
    limit = time_limit()
    return visible_cores() if limit is None else max(1, min(visible_cores(), int(limit)))


def visible_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def time_limit(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return a container's limit on processor time, in cores, or None; it is read once."""
    for names in _LIMITS:
        try:
            quota, period = " ".join((root / name).read_text(encoding="ascii") for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else None
        except (OSError, ValueError, ZeroDivisionError):  # there is none, or it says "max"
            continue
    return None
