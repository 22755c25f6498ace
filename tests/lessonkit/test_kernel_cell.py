"""A learner's kernel, whatever it does: each gets its answer in words, and the notebook lives on."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from IPython.testing.globalipapp import start_ipython

import kernels
from workbook import bootstrap
from workbook.lessonkit import kernel_build, kernel_trial
from workbook.lessonkit.kernel_cell import offer
from workbook.lessonkit.sheet import Sheet
from workbook.lessons.convolution.kernel_exercises import CHAINS, TILE

SIGNATURE = "cdef void four_chains(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:\n"
HOSTILE = {
    "never ends": (
        "while True: y[0] = y[0] + 1",
        ["4 filters, 1 x 1 pixels, 1 channel: it still ran after 0.5 s; does a loop in it never end?"],
    ),
    "divides by zero": ("y[0] = n.P // (n.K - 4)", ["4 filters", "it divides by zero"]),
    "aborts": ("abort()", ["it crashed (SIGABRT)"]),
    "leaves": ("exit(3)", ["it ended before its time (exit 3)"]),
    "calls itself": ("four_chains(n, x, weight, y); y[0] = y[0] + 1", ["it used up its stack"]),
    # Not NULL, of which clang knows that nobody reads it.
    "follows no pointer": ("y[0] = (<float*>8)[0]", ["memory that belongs to no array, at address 0x8"]),
    "reads behind": ("y[0] = weight[n.K * n.taps]", ["it reads weight[36]; weight has the numbers 0 to 35"]),
    "reads before": ("y[0] = x[-1]", ["it reads x[-1]; x has the numbers 0 to 8"]),
    "writes behind": ("y[n.K * n.P * n.Q] = 1", ["it writes y[4]; y has the numbers 0 to 3"]),
    "writes before": ("y[-2] = 1", ["it writes y[-2]; y has the numbers 0 to 3"]),
    "writes to its input": ("(<float*>x)[3] = 1", ["it writes x[3], an input: x may only be read"]),
    "computes nothing": ("pass", ["y[0, 0, 0] was never written", "4 of 4 outputs are wrong"]),
    "computes something else": (
        "memset(y, 0, n.K * n.P * n.Q * sizeof(float))",
        ["y[0, 0, 0] is 0, the definition gives", "apart"],
    ),
    # It computes the small layers, and the timed one once; later it gives that output again.
    "remembers its answer": (
        "remember(n, x, weight, y)",
        ["while the clock ran, 64 filters"],
    ),
}
# One text for all, so that it is compiled once; which of them it is, says the environment.
TEXT = f"""\
from libc.stdlib cimport abort, exit, getenv
from libc.string cimport memcpy, memset, strcmp

cdef float remembered[64 * 56 * 56]
cdef bint has = False

{CHAINS.solution.replace("four_chains", "right")}

cdef void remember(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:
    global has
    if n.K == 64 and has:
        memcpy(y, remembered, sizeof(remembered))
        return
    right(n, x, weight, y)
    if n.K == 64:
        memcpy(remembered, y, sizeof(remembered))
        has = True

{SIGNATURE}"""
for number, (statement, _) in enumerate(HOSTILE.values()):
    TEXT += f"    if strcmp(getenv('KIND'), '{number}') == 0:\n        {statement}\n"


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setenv("WORKBOOK_QUICK", "1")


def kernel(body):
    return f"from libc.stdlib cimport abort, exit\nfrom libc.string cimport memcpy\n\n{SIGNATURE}{body}"


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_kernel_that(kind, monkeypatch):
    monkeypatch.setenv("KIND", str(list(HOSTILE).index(kind)))
    if kind == "never ends":
        monkeypatch.setattr(kernel_trial, "LIMIT", 0.5)
    outcome = CHAINS.check(TEXT)
    assert outcome.kind == "not yet"
    for part in HOSTILE[kind][1]:
        assert part in outcome.message


def test_a_kernel_that_adds_in_another_order_is_right_within_the_bound():
    backwards = CHAINS.solution.replace("n.tap[t]", "n.tap[n.taps - 1 - t]")
    outcome = CHAINS.check(backwards.replace("taps + t]", "taps + n.taps - 1 - t]"))
    assert outcome.kind == "correct"
    assert "within the bound of what rounding may do" in outcome.message


def test_a_kernel_that_is_silent_is_ended(monkeypatch):
    monkeypatch.setattr(kernel_trial, "SILENCE", 0.1)
    hears, says = os.pipe()
    os.write(says, b'{"calls": "the layer"}\n')
    trial = kernel_trial._judge(*kernel_trial._listen(hears), -signal.SIGKILL, "")
    assert trial.failure == "the layer: it was silent for 0 s, and was ended; does it wait for something?"
    os.close(says)
    os.close(hears)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (kernel("    total = 0\n    y[0] = undeclared\n"), ["line 6: ", "undeclared", "\n    y[0] = undeclared"]),
        (kernel("    for\n"), ["line 5: "]),
        (kernel("    cdef vf total = 0\n    store(y, total)\n"), ["line 5: ", "\n    cdef vf total = 0"]),
        ("cdef int something = 1\n", ["where the exercise calls it: ", "four_chains"]),
    ],
)
def test_the_compilers_words_stand_at_the_learners_line(text, says):
    outcome = CHAINS.check(text)
    assert outcome.kind == "error"
    assert outcome.message.startswith("it does not compile\n")
    for part in says:
        assert part in outcome.message


def test_the_same_text_is_compiled_once(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = kernel_build.build(CHAINS.head, CHAINS.solution)
    assert first.is_relative_to(tmp_path)
    before = first.stat().st_mtime_ns
    start = time.perf_counter()
    assert kernel_build.build(CHAINS.head, CHAINS.solution) == first
    assert time.perf_counter() - start < 0.5
    assert first.stat().st_mtime_ns == before
    assert kernel_build.build(CHAINS.head, CHAINS.solution + "\n# another\n") != first


@pytest.mark.parametrize(
    ("environment", "finds", "says"),
    [
        (
            {"CC": "no-such-compiler"},
            True,
            "there is no C compiler no-such-compiler; on Debian and Ubuntu: apt install gcc libc6-dev; "
            "or name another one in CC",
        ),
        (
            {"CC": "", "PATH": "/nowhere"},
            True,
            "there is no C compiler; on Debian and Ubuntu: apt install gcc libc6-dev; or, on any system: pip install "
            "'edge-ai-workbook[compiler]'",
        ),
        ({}, False, "there is no Cython to compile it; get it with: pip install 'edge-ai-workbook[compiler]'"),
    ],
)
def test_without_a_compiler_it_counts_as_not_attempted(environment, finds, says, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kernel_build, "find_spec", lambda name: find_spec(name) if finds else None)
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None)
    outcome = CHAINS.check(CHAINS.solution)
    assert str(outcome) == f"1.4 not attempted: {says}. Reading on needs no compiler."


def test_ziglang_compiles_where_there_is_no_other_compiler(monkeypatch, tmp_path):
    pytest.importorskip("ziglang", reason="the extra [compiler] is not installed")
    monkeypatch.setenv("CC", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    outcome = CHAINS.check(CHAINS.solution)
    assert outcome.kind == "correct", outcome
    assert len(list(tmp_path.rglob("*.so"))) == 1


def test_without_pythons_headers_it_counts_as_not_attempted(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_build.sysconfig, "get_path", lambda name: str(tmp_path))
    outcome = CHAINS.check(CHAINS.solution)
    assert outcome.kind == "not attempted"
    assert outcome.message.startswith("Python's headers are missing; get them")


def test_it_is_compiled_wherever_the_package_lies_and_nothing_is_written_there(monkeypatch, tmp_path):
    package, cache, temporary = (tmp_path / name / "with spaces" for name in ("site-packages", "cache", "tmp"))
    shutil.copytree(kernels.source_file("simd.h").parent, package / "kernels", ignore=shutil.ignore_patterns("*.so"))
    temporary.mkdir(parents=True)
    monkeypatch.setattr(kernel_build, "_FOLDER", package / "kernels")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    before = sorted(package.rglob("*"))
    assert kernel_build.build(CHAINS.head, CHAINS.solution).is_relative_to(cache)
    assert sorted(package.rglob("*")) == before
    assert not list(temporary.iterdir())
    with pytest.raises(kernel_build.RefusedError, match=r"^line 2: "):
        kernel_build.build(CHAINS.head, "\ncdef int one = undeclared")


def test_only_what_was_compiled_last_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_build, "_KEPT", 2)
    suffix = kernel_build.sysconfig.get_config_var("EXT_SUFFIX")
    for age in range(4):
        path = tmp_path / f"{age}{suffix}"
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    kernel_build._forget_old(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"0{suffix}", f"1{suffix}"]


def test_a_cache_that_another_user_owns_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(kernel_build.os, "getuid", lambda: Path(tmp_path).stat().st_uid + 1)
    with pytest.raises(kernel_build.NoCompilerError, match="nothing can be compiled"):
        kernel_build.build(CHAINS.head, CHAINS.solution)


def test_three_dots_in_a_comment_are_no_open_place(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "there is no C compiler" in CHAINS.check(f"# and so on ...\n{CHAINS.solution}").message
    assert CHAINS.check(CHAINS.stub).message.startswith("replace the ...")


def test_an_interrupt_ends_a_kernel(monkeypatch):
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setenv("KIND", "0")
    kernel_build.build(CHAINS.head, TEXT)
    monkeypatch.setattr(kernel_trial.subprocess, "Popen", Popen)
    outcome = CHAINS.check(TEXT)
    assert str(outcome) == "1.4 error: you interrupted it, and it was ended"
    (process,) = started
    assert process.returncode == -signal.SIGKILL


def test_the_magic_answers_for_the_exercise_that_its_line_names():
    shell = start_ipython()
    offer(Sheet([CHAINS]))
    outcome = shell.run_cell_magic("kernel", " 1.4 ", CHAINS.stub)
    assert str(outcome) == "1.4 not attempted: replace the ... and run the cell again"
    with pytest.raises(ValueError, match=r"no exercise '9.9' \(str\); there are 1.4"):
        shell.run_cell_magic("kernel", "9.9", "pass")
    with pytest.raises(ValueError, match=r"write the exercise's number behind it, as in %%kernel 1.4"):
        shell.run_cell_magic("kernel", " ", "pass")


@pytest.mark.parametrize(
    ("rows", "vecs", "says"),
    [
        (0, 1, "a tile has at least one filter and one vector of pixels"),
        (65, 1, "a tile of 65 filters and"),
        (1, 57, "does not fit: the layer that is timed has 64 filters, and rows of 56 pixels"),
    ],
)
def test_a_tile_that_no_layer_suits_is_told_so(rows, vecs, says):
    outcome = TILE.check(TILE.solution.replace("ROWS = 6", f"ROWS = {rows}").replace("VECS = 2", f"VECS = {vecs}"))
    assert outcome.kind == "not yet"
    assert says in outcome.message
