"""Every exercise of every lesson: stub, solutions, mistakes, garbage."""

import importlib
import itertools
import re
import subprocess
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from workbook.lessonkit import catalog
from workbook.lessonkit import exercise as checking
from workbook.lessonkit.exercise import Exercise, WrongKindError, describe, whole_number
from workbook.lessonkit.kernel_exercise import MAGIC

EXERCISES = [
    exercise
    for lesson in catalog.LESSONS
    for exercise in importlib.import_module(f"workbook.lessons.{lesson.package}.exercises").EXERCISES
]


def exercise_of(id):
    return next(exercise for exercise in EXERCISES if exercise.id == id)


def until(happened):
    while not happened():
        time.sleep(0.01)


by_id = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


def run(cell, lesson):
    """Run a cell as a notebook does; return the value of its last line."""
    if cell.startswith(MAGIC):
        return exercise_of(cell.split()[1]).check(cell.partition("\n")[2])
    names = {"np": np, "lesson": importlib.import_module(f"workbook.lessons.{lesson.package}")}
    *body, last = cell.rstrip().splitlines()
    exec("\n".join(body), names)
    return eval(last, names)


def lesson_of(exercise):
    return next(lesson for lesson in catalog.LESSONS if exercise.id in lesson.exercise_ids)


def strided_by_slicing(x, weight, stride):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("cpqrs,kcrs->kpq", windows, weight)


def filters_by_trying():
    filters = 0
    while (filters + 8) * 112 * 112 * 32 * 9 * 60 <= 20e9:
        filters += 8
    return filters


def winograd_by_matrices(d, g):
    BT = np.array([[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]])
    G = np.array([[-2, 0], [1, 1], [1, -1], [0, 2]])
    AT = np.array([[1, 1, 1, 0], [0, 1, -1, 0], [0, 1, 1, 1]])
    return AT @ ((G @ g) * (BT @ d)) / 2


def bytes_by_affine(x, low, high):
    from workbook.quantize.affine import Affine

    affine = Affine.of_range(low, high)
    return affine.quantize(x), affine.scale, affine.zero_point


def finest_but_one():
    from workbook.lessons import quantization

    return sorted(quantization.CALIBRATORS, key=lambda name: quantization.cut(quantization.tail(), name).step)[1]


def layer_by_trying():
    from workbook.lessons import quantization

    nodes = quantization.network("digits_depthwise").graph.nodes
    names = [node.name for node in nodes if node.op == "Conv"]
    return max(names, key=lambda name: quantization.accuracy_with((name,)))


def break_even_by_steps(on_a, on_b, batch):
    frame = total = sum(on_b)
    for a, b in zip(on_a, on_b, strict=True):
        frame += a - b
        total = min(total, frame)
    return batch * min(sum(on_b) - total, sum(on_a) - total)


def batch_by_trying(period, fixed, per_frame):
    return next((float(batch) for batch in range(1, 1000) if fixed + per_frame * batch <= batch * period), None)


def least_by_trying(floats, on_bytes, to_bytes, to_floats):
    def time(forms):
        layers = sum(b if form else f for f, b, form in zip(floats, on_bytes, forms, strict=True))
        ends = (1, *forms, 0)
        return layers + sum(to_bytes * (a < b) + to_floats * (a > b) for a, b in pairwise(ends))

    return min(time(forms) for forms in np.ndindex((2,) * len(floats)))


SIGNATURE = "(Sizes n, const float* x, const float* weight, float* y) noexcept nogil:"
FOUR_ROWS = f"""\
cdef void four_chains{SIGNATURE}
    cdef Py_ssize_t k, p, q, t
    cdef float a, b, c, d, pixel
    cdef const float* w
    for p in range(n.P):
        for q in range(n.Q):
            for k in range(ceil_div(n.K, 4)):
                w = weight + min(4 * k, n.K - 4) * n.taps
                a = b = c = d = 0
                for t in range(n.taps):
                    pixel = x[p * n.W + q + n.tap[t]]
                    a += pixel * w[t]
                    b += pixel * w[n.taps + t]
                    c += pixel * w[2 * n.taps + t]
                    d += pixel * w[3 * n.taps + t]
                t = (min(4 * k, n.K - 4) * n.P + p) * n.Q + q
                y[t], y[t + n.P * n.Q], y[t + 2 * n.P * n.Q], y[t + 3 * n.P * n.Q] = a, b, c, d
"""
WIDE_TILE = f"""\
cdef enum:
    ROWS = 8
    VECS = 1

cdef void in_registers{SIGNATURE}
    cdef Py_ssize_t t, i
    cdef vf total[ROWS]
    cdef vf pixels
    for i in range(ROWS):
        total[i] = broadcast(0)
    for t in range(n.taps):
        pixels = load(x + n.tap[t])
        for i in range(ROWS):
            total[i] += pixels * weight[i * n.taps + t]
    for i in range(ROWS):
        store(y + i * n.P * n.Q, total[i])
"""


# A second solution for each exercise, written differently from the one that a learner is shown.
SECOND = {
    "1.1": lambda: int(np.vdot(lesson_photo()[60:63, 24:27], [[-1, -2, -1], [0, 0, 0], [1, 2, 1]])),
    "1.2": lambda: strided_by_slicing,
    "1.3": filters_by_trying,
    "1.4": lambda: FOUR_ROWS,
    "1.5": lambda: WIDE_TILE,
    "2.1": lambda: 39 * 39 / sum(6 * 6 for _ in np.ndindex(13 // 4 + 1, 13 // 4 + 1)),
    "2.2": lambda: winograd_by_matrices,
    "2.3": lambda: "winograd_f" + str(36 // 9),
    "3.1": lambda: bytes_by_affine,
    "3.2": finest_but_one,
    "3.3": layer_by_trying,
    "4.1": lambda: np.prod([n / (u * np.ceil(n / u)) for n, u in ((144, 32), (24, 16), (56 * 56, 8))]),
    "4.2": lambda: break_even_by_steps,
    "4.3": lambda: [1024.0, np.int64(2048), "reconfigured"],
    "5.1": lambda: 6 * 40 + 18 + 6 * 4 - 2 * 40.0,
    "5.2": lambda: batch_by_trying,
    "5.3": lambda: ["win" + "ograd", "split", np.int64(1)],
    "6.1": lambda: np.float32(100) - 60 * (1 - 1 / 2.5) - 40 / 2,
    "6.2": lambda: least_by_trying,
    "6.3": lambda: {
        "medical imaging": ["int8", "own array", np.int64(1)],
        "factory inspection": ["int8", "reconfigured", 4.0],
        "driver assistance": ("int16", "reconfigured", 1),
    },
}


def lesson_photo():
    from workbook.lessons.convolution import photo

    return photo()


def test_the_catalog_names_the_exercises():
    assert [exercise.id for exercise in EXERCISES] == [i for lesson in catalog.LESSONS for i in lesson.exercise_ids]


@by_id
def test_the_stub_is_not_attempted(exercise):
    outcome = run(exercise.cell, lesson_of(exercise))
    assert str(outcome) == f"{exercise.id} not attempted: replace the ... and run the cell again"


@by_id
def test_two_solutions_are_correct(exercise):
    assert run(exercise.solved_cell, lesson_of(exercise)).kind == "correct"
    assert exercise.check(SECOND[exercise.id]()).kind == "correct"


@by_id
def test_each_mistake_gets_its_own_message(exercise):
    messages = [exercise.check(mistake.answer) for mistake in exercise.mistakes]
    assert len(exercise.mistakes) >= 3
    for mistake, outcome in zip(exercise.mistakes, messages, strict=True):
        assert outcome.kind == "not yet", mistake.name
        said_by = [
            other.name for other, said in zip(exercise.mistakes, messages, strict=True) if mistake.says in said.message
        ]
        assert said_by == [mistake.name]


class Hostile:
    shape = property(lambda self: 1 / 0)

    def __repr__(self):
        raise RuntimeError("no name")

    __eq__ = __float__ = __int__ = __array__ = __call__ = __repr__


def raising(*_):
    raise RecursionError("too deep")


class NamelessError(Exception):
    def __str__(self):
        raise RuntimeError("no name")


def leaving(*_):
    sys.exit(3)


def nameless(*_):
    raise NamelessError


HUGE = np.broadcast_to(np.float32(1), (3, 10**7, 10**7))

GARBAGE = [
    HUGE,
    [[77] * 1000] * 1000,
    "7" * 10**6,
    leaving,
    nameless,
    lambda *_: HUGE,
    None,
    True,
    "",
    "77",
    b"77",
    float("nan"),
    float("inf"),
    -float("inf"),
    10**400,
    1.5,
    1j,
    [],
    [77],
    {},
    {"a": 1},
    object(),
    Hostile(),
    np.nan,
    np.array([]),
    np.array([77, 77]),
    np.full((3, 4, 6), np.nan),
    np.array("x", object),
    Exercise,
    print,
    raising,
    lambda: 3,
    lambda *_: None,
    lambda *_: "text",
    lambda *_: [[1, 2], [3]],
    lambda *_: np.full((3, 4, 6), np.nan),
    lambda *_: np.zeros((0,)),
    lambda *_: np.zeros((3, 4, 6), object),
    lambda *_: np.zeros((3, 4, 6), complex),
    lambda *_: Hostile(),
]


@by_id
@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_neither_raises_nor_gives_the_answer_away(exercise, garbage):
    outcome = exercise.check(garbage)
    assert outcome.kind in ("not yet", "error")
    if not callable(SECOND[exercise.id]()):
        assert str(SECOND[exercise.id]()) not in str(outcome)


def test_errors_are_one_line():
    function = exercise_of("1.2")
    assert str(function.check(leaving)) == "1.2 error: your answer raised SystemExit: 3"
    assert str(function.check(nameless)) == "1.2 error: your answer raised NamelessError"
    assert (
        str(function.check(lambda *_: exec("raise ValueError('a\\nb')")))
        == "1.2 error: your answer raised ValueError: a"
    )


def endless(*_):
    while True:
        pass


def endless_and_stubborn(*_):
    for _ in range(2):
        try:
            endless()
        except BaseException:
            continue


def asleep(*_):
    time.sleep(2)


@pytest.mark.parametrize("answer", [endless, endless_and_stubborn, asleep])
@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_answer_that_never_ends_is_stopped_in_whatever_thread(answer, where, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 0.2)
    function = exercise_of("1.2")
    told = []
    thread = threading.Thread(target=lambda: told.append(function.check(answer)))
    if where == "main thread":
        thread.run()
    else:
        thread.start()
        thread.join()
    assert str(told[0]) == "1.2 error: your answer ran longer than 0.2 s: does a loop in it never end?"
    until(lambda: not any(thread.name == "answer" for thread in threading.enumerate()))


def test_natural_answer_to_5_2_ends(monkeypatch):
    """On the overload no batch keeps up."""

    def best_batch(period, fixed, per_frame):
        batch = 1
        while fixed + per_frame * batch > batch * period:
            batch += 1
        return batch

    monkeypatch.setattr(checking, "LIMIT", 0.5)
    assert "ran longer than 0.5 s" in str(exercise_of("5.2").check(best_batch))


def test_answer_says_what_it_prints_and_keeps_its_context(capsys):
    def printing(*_):
        print("from within")
        return ...

    with np.errstate(divide="raise"):
        assert exercise_of("1.2").check(printing).kind == "not attempted"
        assert "FloatingPointError" in str(exercise_of("1.2").check(lambda *_: np.float64(1) / np.float64(0)))
    assert capsys.readouterr().out == "from within\n"


@by_id
def test_no_answer_is_its_own_correction(exercise):
    """A function that is wrong in one case alone: what it gave there stands in no message as what is right."""
    if not callable(SECOND[exercise.id]()):
        return
    for wrong_at in range(8):
        calls = itertools.count()

        def nearly(*args, wrong_at=wrong_at, calls=calls):
            right = exercise.solution(*args)
            return right + 1 if next(calls) == wrong_at and isinstance(right, (int, float)) else right

        said = exercise.check(nearly).message
        for is_right, yours in re.findall(r"is ([\d.e+-]+),.* yours is ([\d.e+-]+)", said):
            assert is_right != yours, said


def test_6_2_names_the_chain_that_it_got_wrong():
    from workbook.lessons.analysis.exercises import _CASES, least

    def wrong_on_the_last(floats, *args):
        return least(floats, *args) + (list(floats) == _CASES[-1][0])

    said = exercise_of("6.2").check(wrong_on_the_last).message
    assert said.startswith(f"least({_CASES[-1][0]}")
    assert "minimum cut; yours is" in said


@pytest.mark.parametrize("answer", ["F(4,3)", "f(4, 3)", "F(4x4, 3x3)", "winograd_f4", " Winograd_F4 ", "F4"])
def test_2_3_takes_a_kernel_as_its_tables_write_it(answer):
    assert exercise_of("2.3").check(answer).kind == "correct"


@pytest.mark.parametrize("answer", ["F(5,3)", "F(4,5)", "F(4x2,3x3)", "winograd", "4"])
def test_2_3_refuses_what_names_no_kernel(answer):
    assert exercise_of("2.3").check(answer).kind == "error"


@by_id
def test_there_are_up_to_three_hints_and_none_is_the_answer(exercise):
    assert 1 <= len(exercise.hints) <= 3
    answer = SECOND[exercise.id]()
    if not callable(answer):
        assert all(str(answer) not in hint.split() for hint in exercise.hints)


def test_hint_solution_and_reset_print(capsys):
    from workbook.lessons import convolution as lesson

    for number in (1, 2, 3, 3):
        lesson.hint("1.1")
        assert capsys.readouterr().out.startswith(f"1.1 hint {number} of 3: ")
    lesson.reset("1.1")
    assert capsys.readouterr().out == 'answer = ...\nlesson.check("1.1", answer)\n'
    lesson.hint("1.1")
    assert capsys.readouterr().out.startswith("1.1 hint 1 of 3: ")
    lesson.solution("1.2")
    assert "def strided_convolution" in capsys.readouterr().out
    for other in ("9.9", 9.9, 1, None, [1.1]):
        with pytest.raises(ValueError, match=r"1\.1, 1\.2, 1\.3"):
            lesson.hint(other)


def test_an_exercise_is_named_by_text_or_number(capsys):
    from workbook.lessons import convolution as lesson

    for id in ("1.3", 1.3, np.float64(1.3)):
        assert str(lesson.check(id, ...)).startswith("1.3 not attempted")
        lesson.reset(id)
        lesson.hint(id)
        assert "1.3 hint 1 of 3" in capsys.readouterr().out


class Page:
    """Jupyter's shell in a kernel, as far as cells are filled."""

    kernel = None

    def __init__(self, cell):
        self.cell, self.filled = cell, []

    def get_parent(self):
        return {"content": {"code": self.cell}} if self.cell is not None else {}

    def set_next_input(self, text, replace=False):
        self.filled.append((text, replace))


@pytest.mark.parametrize(
    ("cell", "replaced"),
    [
        ('lesson.reset("1.1")', True),
        ("\nlesson.solution(1.1)  \n", True),
        ("answer = 3\nlesson.reset('1.1')", False),
        ("# mine\nlesson.reset('1.1')", False),
        ("%time lesson.reset('1.1')", False),
        (None, False),
    ],
)
def test_reset_fills_a_cell_of_a_page_and_loses_nothing(cell, replaced, monkeypatch, capsys):
    from workbook.lessons import convolution as lesson

    page = Page(cell)
    monkeypatch.setattr("IPython.get_ipython", lambda: page)
    lesson.reset("1.1")
    assert page.filled == []  # what runs a file alone, such as nbval, has no page
    printed = capsys.readouterr().out
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    lesson.reset("1.1")
    assert page.filled == [(printed.strip(), replaced)]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("answer", [3, 3.0, np.int8(3), np.float32(3), np.uint64(3)])
def test_whole_number_takes_every_kind_of_three(answer):
    assert whole_number(answer) == 3


@pytest.mark.parametrize("answer", [True, np.True_, 3.5, "3", None, [3], np.array([3])])
def test_whole_number_refuses_others_and_names_them(answer):
    with pytest.raises(WrongKindError, match="a whole number is asked for, you gave"):
        whole_number(answer)


def test_describe_is_short():
    assert describe(None) == "None (NoneType)"
    assert describe("x" * 100) == "a value of type str"
    assert describe(np.zeros((2, 3))) == "an array of shape (2, 3)"
    assert describe(lambda: 0) == "a value of type function"
    assert describe(Hostile()) == "a value of type Hostile"


def test_solutions_need_only_what_the_notebook_has():
    code = "from workbook.lessons import convolution as lesson; import numpy as np; lesson.solution('1.3')"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "BUDGET" not in shown
