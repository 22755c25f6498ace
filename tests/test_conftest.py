"""A test that forks and lets its child go does not double the tests that follow."""

import os
import subprocess
import sys
from pathlib import Path

_FORKS = """
import os

def test_forks():
    os.fork()

def test_that_follows():
    print(f"one of {os.getppid()}")
"""


def test_a_child_that_leaves_its_test_ends_there(tmp_path):
    (tmp_path / "test_forks.py").write_text(_FORKS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-W", "ignore::DeprecationWarning", "-s", "test_forks.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("one of") == 1
    assert "test_forks.py::test_forks: a forked child has left the test; it ends here" in run.stderr
