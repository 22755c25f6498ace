"""How much of the machine other programs took, by the system's count."""

import os
import subprocess
import sys
import time

import pytest

from workbook.measuring import others, this_machine
from workbook.measuring.others import Others, Usage

_SPIN = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


def stat(tmp_path, monkeypatch, *lines):
    (tmp_path / "stat").write_text("\n".join(("cpu  9 9 9 9 9 9 9 9 9 9", *lines, "intr 1 2 3", "")))
    monkeypatch.setattr(others, "_STAT", tmp_path / "stat")


def test_counts_the_cores_of_this_process_without_rest_and_guests(tmp_path, monkeypatch):
    monkeypatch.setattr(this_machine, "cores", lambda: {1, 3})
    stat(
        tmp_path, monkeypatch, "cpu0 1 1 1 1 1 1 1 1 1 1", "cpu1 200 0 0 50 50 0 0 0 70 0", "cpu3 0 0 50 0 0 0 0 50 0 0"
    )
    assert others._busy(0.0) == 300 / os.sysconf("SC_CLK_TCK")


def test_what_this_process_took_is_not_counted(monkeypatch):
    monkeypatch.setattr(this_machine, "cores", lambda: {0, 1})
    monkeypatch.setattr(Usage, "now", classmethod(lambda _: Usage(wall=12.0, busy=9.0, own=5.0)))
    found = Others.since(Usage(wall=10.0, busy=6.0, own=3.0))
    assert found == Others(0.5, 2)
    assert str(found) == "[machine] other programs kept 0.50 of 2 cores busy; close them and measure again"
    assert str(Others(0.04, 2)) == "[machine] other programs kept 0.04 of 2 cores busy"


def test_where_the_system_does_not_count_nobody_else_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(others, "_STAT", tmp_path / "none")
    before = Usage.now()
    sum(range(1_000_000))
    assert Others.since(before).cores == 0


@pytest.mark.skipif(not others._STAT.exists(), reason="the system does not count")
def test_another_program_is_seen():
    with subprocess.Popen([sys.executable, "-c", _SPIN]) as other:
        try:
            before = Usage.now()
            time.sleep(1)
            assert Others.since(before).cores > 0.2  # on a busy machine it has part of a core
        finally:
            other.kill()


@pytest.mark.parametrize("user", ["ada", None])
def test_the_machine_line_says_where_jupyterhub_shares_the_machine(user, monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    if user:
        monkeypatch.setenv("JUPYTERHUB_USER", user)
    assert ("; shared with others" in str(this_machine.machine())) == bool(user)
