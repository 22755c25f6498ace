"""The package as it is installed, not as a clone runs it: what a learner's kernel needs is there, and found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / f"cp{sys.version_info.major}{sys.version_info.minor}"  # of the editable installation

COMPILES = """
import sys
sys.path[:0] = sys.argv[1:]
import kernels
from workbook.lessonkit import kernel_build
from workbook.lessons import convolution, winograd
from workbook.lessons.convolution.exercises import EXERCISES as first
from workbook.lessons.winograd.exercises import EXERCISES as second
print(kernels.__file__)
for exercise in (first[3], first[4], second[4]):
    kernel_build.build(exercise.head, exercise.solution)
for lesson, name in ((convolution, "one_chain"), (convolution, "direct"), (winograd, "input_2")):
    print(lesson.source(name).path)
"""


@pytest.mark.skipif(not BUILD.exists() or not shutil.which("meson"), reason="there is no editable installation here")
def test_an_installed_package_compiles_what_a_learner_writes(tmp_path: Path) -> None:
    install = ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", tmp_path / "root"]
    subprocess.run(install, check=True, capture_output=True)
    (header,) = (tmp_path / "root").glob("**/kernels/simd.h")
    site = header.parent.parent
    # -S leaves out the editable installation; what the package depends on is named instead.
    run = [sys.executable, "-S", "-P", "-c", COMPILES, site, sysconfig.get_path("purelib")]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "cache").glob("**/*.so"))) == 3
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 4
    assert all(path.is_relative_to(site) for path in paths), paths
