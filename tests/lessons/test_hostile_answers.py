"""Answers that are garbage, raise, leave, print or never end: a check says so in a sentence, and goes on."""

import sys
import threading
import time

import numpy as np
import pytest
from every_exercise import by_id, exercise_of
from second_solutions import SECOND

from workbook.lessonkit import exercise as checking
from workbook.lessonkit.exercise import Exercise, WrongKindError, describe, whole_number


def until(happened):
    while not happened():
        time.sleep(0.01)


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
        while 10 * (fixed + per_frame * batch) > 9 * batch * period:
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
