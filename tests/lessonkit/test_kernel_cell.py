"""A learner's kernel, whatever it does: each gets its answer in words, and the notebook lives on."""

import os
import signal
import threading
import time
from importlib.util import find_spec

import pytest
from IPython.testing.globalipapp import start_ipython

from workbook.lessonkit import kernel_build, kernel_trial
from workbook.lessonkit.exercise import Sheet
from workbook.lessonkit.kernel_cell import offer
from workbook.lessons.convolution.kernel_exercises import CHAINS

SIGNATURE = "cdef void four_chains(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:\n"
HOSTILE = {
    "never ends": (
        "    while True:\n        y[0] = y[0] + 1\n",
        ["4 filters, 1 x 1 pixels, 1 channels: it still ran after 2 s; does a loop in it never end?"],
    ),
    "divides by zero": ("    y[0] = n.P // (n.K - 4)\n", ["4 filters", "it divides by zero"]),
    "aborts": ("    abort()\n", ["it crashed (SIGABRT)"]),
    "leaves": ("    exit(3)\n", ["it ended before its time (exit 3)"]),
    "follows no pointer": ("    y[0] = (<float*>NULL)[0]\n", ["memory that belongs to no array, at address 0x0"]),
    "reads behind": ("    y[0] = weight[n.K * n.taps]\n", ["it reads weight[36]; weight has the numbers 0 to 35"]),
    "reads before": ("    y[0] = x[-1]\n", ["it reads x[-1]; x has the numbers 0 to 8"]),
    "writes behind": ("    y[n.K * n.P * n.Q] = 1\n", ["it writes y[4]; y has the numbers 0 to 3"]),
    "writes before": ("    y[-2] = 1\n", ["it writes y[-2]; y has the numbers 0 to 3"]),
    "writes to its input": ("    (<float*>x)[3] = 1\n", ["it writes x[3]; x has the numbers 0 to 8"]),
    "computes nothing": ("    pass\n", ["y[0, 0, 0] was never written", "4 of 4 outputs are wrong"]),
    "computes something else": (
        "    cdef Py_ssize_t i\n    for i in range(n.K * n.P * n.Q):\n        y[i] = 0\n",
        ["y[0, 0, 0] is 0, the definition gives", "apart"],
    ),
}
MEMORY = """\
cdef float remembered[64 * 56 * 56]
cdef bint has = False

"""
REMEMBERS = """\
    global has
    if n.K < 64:
        right(n, x, weight, y)
    elif has:
        memcpy(y, remembered, sizeof(remembered))
    else:
        right(n, x, weight, y)
        memcpy(remembered, y, sizeof(remembered))
        has = True
"""


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(kernel_trial, "LIMIT", 2.0)
    monkeypatch.setenv("WORKBOOK_QUICK", "1")


def kernel(body):
    return f"from libc.stdlib cimport abort, exit\nfrom libc.string cimport memcpy\n\n{SIGNATURE}{body}"


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_kernel_that(kind):
    body, says = HOSTILE[kind]
    outcome = CHAINS.check(kernel(body))
    assert outcome.kind == "not yet"
    for part in says:
        assert part in outcome.message


def test_a_kernel_that_remembers_its_answer_is_found_out_while_the_clock_runs(monkeypatch):
    monkeypatch.setattr(kernel_trial, "LIMIT", 10.0)
    right = CHAINS.solution.replace("four_chains", "right")
    outcome = CHAINS.check(f"{MEMORY}{right}\n\n{kernel(REMEMBERS)}")
    assert outcome.kind == "not yet"
    assert outcome.message.startswith("while the clock ran, 64 filters")


def test_a_kernel_that_adds_in_another_order_is_right_within_the_bound(monkeypatch):
    monkeypatch.setattr(kernel_trial, "LIMIT", 10.0)
    backwards = CHAINS.solution.replace("n.tap[t]", "n.tap[n.taps - 1 - t]")
    outcome = CHAINS.check(backwards.replace("taps + t]", "taps + n.taps - 1 - t]"))
    assert outcome.kind == "correct"
    assert "but for the order of its sums" in outcome.message


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
        ({"CC": "no-such-compiler"}, True, "there is no C compiler; install GCC, for example with: apt install gcc"),
        ({}, False, "there is no Cython to compile it; get it with: pip install 'edge-ai-workbook[compiler]'"),
    ],
)
def test_without_a_compiler_it_counts_as_not_attempted(environment, finds, says, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kernel_build, "find_spec", lambda name: find_spec(name) if finds else None)
    outcome = CHAINS.check(CHAINS.solution)
    assert str(outcome) == f"1.4 not attempted: {says}. Reading on needs no compiler."


def test_an_interrupt_ends_a_kernel(monkeypatch):
    monkeypatch.setattr(kernel_trial, "LIMIT", 30.0)
    text = kernel(HOSTILE["never ends"][0])
    kernel_build.build(CHAINS.head, text)
    threading.Timer(2.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    outcome = CHAINS.check(text)
    assert str(outcome) == "1.4 error: you interrupted it, and it was ended"


def test_the_magic_answers_for_the_exercise_that_its_line_names():
    shell = start_ipython()
    offer(Sheet([CHAINS]))
    outcome = shell.run_cell_magic("kernel", " 1.4 ", CHAINS.stub)
    assert str(outcome) == "1.4 not attempted: replace the ... and run the cell again"
    with pytest.raises(ValueError, match=r"no exercise '9.9' \(str\); there are 1.4"):
        shell.run_cell_magic("kernel", "9.9", "pass")
