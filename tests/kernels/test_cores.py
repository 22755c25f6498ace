"""Threads by default: as many as can run at once, in a container with a limit too."""

import numpy as np
import pytest

from kernels import Conv2d, arrays, cores

LIMITS = {
    "none": ({}, None),
    "second version, none": ({"cpu.max": "max 100000\n"}, None),
    "second version": ({"cpu.max": "150000 100000\n"}, 1.5),
    "first version, none": ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
    "first version": ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1.5),
}


@pytest.mark.parametrize("files", LIMITS)
def test_limit_as_control_groups_write_it(files, tmp_path):
    written, limit = LIMITS[files]
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores.time_limit(tmp_path) == limit


@pytest.mark.parametrize(("limit", "threads"), [(None, 4), (0.5, 1), (1.5, 1), (2.0, 2), (9.0, 4)])
def test_a_plan_takes_no_more_threads_than_can_run_at_once(limit, threads, monkeypatch):
    monkeypatch.setattr(cores, "visible_cores", lambda: 4)
    monkeypatch.setattr(cores, "time_limit", lambda: limit)
    assert Conv2d(np.ones((1, 1, 1, 1), np.float32)).threads == threads
    assert arrays.thread_count(3) == 3  # what is asked for is taken
