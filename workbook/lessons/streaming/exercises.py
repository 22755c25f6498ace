"""The exercises of lesson 5: the age of a frame, the best batch for a camera, tools that meet a deadline."""

from __future__ import annotations

from itertools import product
from typing import Any

from workbook.lessonkit.claim import Claim, computed
from workbook.lessonkit.exercise import (
    NOT_ATTEMPTED,
    Exercise,
    Mistake,
    Outcome,
    WrongKindError,
    correct,
    describe,
    not_yet,
    whole_number,
)
from workbook.lessons.streaming import device as lesson  # the name that a learner's cell knows it by
from workbook.lessons.streaming.device import BATCHES, LIMIT, SHARES, SPLIT, TOOLS, serve
from workbook.lessons.streaming.queueing import CameraRule

# 5.1 The age of a frame

_MS = 1e3
PERIOD, FIXED, PER_FRAME, BATCH = 40, 18, 4, 6  # ms, ms, ms, frames


def age_of_the_second() -> int:
    """Return the age of the second frame of a batch in ms: it waits for four more, then six are computed."""
    wait = (6 - 2) * 40
    service = 18 + 4 * 6
    return wait + service


_WAIT = (BATCH - 2) * PERIOD
_SERVICE = FIXED + PER_FRAME * BATCH
_OLDEST = (BATCH - 1) * PERIOD + _SERVICE


def verify_age(answer: object) -> Outcome:
    """Compare a number of ms with the age of the second frame."""
    given = whole_number(answer)
    messages = {
        _OLDEST: "is the age of the first frame; the second came a period later",
        _WAIT: "is how long it waits; it is computed after that",
        _SERVICE: "is how long the batch is computed; before that the frame waits for the last one",
        _WAIT + FIXED + PER_FRAME: "has the time of one frame in it; all six are computed together, and end together",
        _WAIT + PER_FRAME * BATCH: "leaves out the fixed cost of the batch",
        _WAIT
        - PERIOD
        + _SERVICE: "is the age of the third frame; count the periods from the second frame to the sixth",
    }
    if given == _WAIT + _SERVICE:
        return correct(f"it waits {_WAIT} ms for the sixth frame, and the batch takes {_SERVICE} ms")
    return not_yet(f"{given} ms {messages.get(given, 'is not wait + time of the batch')}")


AGE = Exercise(
    id="5.1",
    variable="age",
    stub="age = ...",
    solution=age_of_the_second,
    verify=verify_age,
    hints=(
        "draw the arrivals of six frames on a line, and mark when the last of them is there",
        "the batch starts when the sixth frame arrives; from the second to the sixth there are four periods",
        "add the time of a batch of six: the fixed cost once, the cost of a frame six times",
    ),
    mistakes=(
        Mistake("the first frame", _OLDEST, "age of the first"),
        Mistake("only the wait", _WAIT, "how long it waits"),
        Mistake("only the computing", _SERVICE, "how long the batch is computed"),
        Mistake("one frame computed", _WAIT + FIXED + PER_FRAME, "the time of one frame"),
        Mistake("no fixed cost", _WAIT + PER_FRAME * BATCH, "leaves out the fixed"),
        Mistake("a period too few", _WAIT - PERIOD + _SERVICE, "age of the third"),
    ),
)


# 5.2 The best batch for a camera


def best_batch(period: int, fixed: int, per_frame: int) -> int | None:
    """Return the smallest batch that the service keeps up with, or None; whole numbers of ms."""
    if fixed + per_frame <= period:
        return 1
    if per_frame >= period:
        return None
    return -(-fixed // (period - per_frame))


# (period, fixed, per_frame): 1 with room; 1 exactly; a division that leaves a rest; one that leaves none; none at all;
# none, because a frame takes as long as the period
_CAMERAS = ((40, 10, 5), (33, 23, 10), (33, 60, 10), (33, 46, 10), (20, 0, 21), (20, 3, 20))


def verify_best(answer: object) -> Outcome:
    """Compare what the function returns for six cameras with the rule."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for period, fixed, per_frame in _CAMERAS:
        given: Any = answer(period, fixed, per_frame)
        if given is ...:
            return NOT_ATTEMPTED
        best = CameraRule(period / _MS, fixed / _MS, per_frame / _MS).best_batch
        where = f"a frame every {period} ms, {fixed} ms a batch and {per_frame} ms a frame"
        if given is None and best is None:
            continue
        if given is None:
            return not_yet(f"{where}: you say that no batch keeps up; some batch does")
        batch = whole_number(given)
        if batch != best:
            return not_yet(f"{where}: {_about_batch(batch, best, period, fixed, per_frame)}")
    return correct("it is the smallest batch that keeps up, and the rule and the simulator agree")


def _about_batch(batch: int, best: int | None, period: int, fixed: int, per_frame: int) -> str:
    """Say what is wrong with a batch."""
    if best is None:
        return f"you say {batch}; the queue grows with every batch: return None, and drop frames"
    if batch < 1:
        return f"you say {batch}; a batch has a frame at least"
    if batch < best:
        takes = fixed + per_frame * batch
        return f"you say {batch}; that batch takes {takes} ms, and in {batch * period} ms the next one is full"
    if best == 1:
        return f"you say {batch}; a frame alone is done before the next, so why wait"
    return f"you say {batch}; it keeps up, but a smaller one does too, and waits less"


def _always_one(period: int, fixed: int, per_frame: int) -> int | None:
    return 1 if per_frame < period else None


def _rounded_down(period: int, fixed: int, per_frame: int) -> int | None:
    return max(1, fixed // (period - per_frame)) if per_frame < period else None


def _one_more(period: int, fixed: int, per_frame: int) -> int | None:
    if fixed + per_frame <= period:
        return 1
    return fixed // (period - per_frame) + 1 if per_frame < period else None


def _never_one(period: int, fixed: int, per_frame: int) -> int | None:
    return max(2, -(-fixed // (period - per_frame))) if per_frame < period else None


def _never_none(period: int, fixed: int, per_frame: int) -> int:
    return best_batch(period, fixed, per_frame) or 1


def _none_too_often(period: int, fixed: int, per_frame: int) -> int | None:
    return 1 if fixed + per_frame <= period else None


BEST = Exercise(
    id="5.2",
    variable="best_batch",
    stub="""\
def best_batch(period, fixed, per_frame):
    # whole numbers of ms; None if no batch keeps up
    return ...""",
    solution=best_batch,
    verify=verify_best,
    hints=(
        "a batch keeps up if fixed + per_frame * batch <= batch * period; the smallest that does waits least",
        "solve for the batch: fixed <= batch * (period - per_frame); what if the bracket is 0 or less?",
        "a division that is rounded up, in whole numbers: -(-fixed // (period - per_frame)); at least 1",
    ),
    mistakes=(
        Mistake("batch 1, always", _always_one, "that batch takes 70 ms"),
        Mistake("rounded down", _rounded_down, "that batch takes 80 ms"),
        Mistake("one too many", _one_more, "a smaller one does too"),
        Mistake("a batch, always", _never_one, "so why wait"),
        Mistake("an overload", _never_none, "return None"),
        Mistake("given up too early", _none_too_often, "some batch does"),
    ),
)


# 5.3 Meet a deadline

Plan = tuple[str, str, int]


def cheapest_plan() -> tuple[str, str, int]:
    """Return the plan that misses no frame, and of those the one that keeps the cores least busy."""
    plans = [(t, c, b) for t in lesson.TOOLS for c in ("split", "each") for b in (1, 2, 4)]
    fits = [plan for plan in plans if lesson.serve(*plan).summary.misses == 0]
    return min(fits, key=lambda plan: lesson.serve(*plan).busy)


def _best() -> Plan:
    plans = list(product(TOOLS, SHARES, BATCHES))
    return min((p for p in plans if not serve(*p).summary.misses), key=lambda p: serve(*p).busy)


def verify_plan(answer: object) -> Outcome:
    """Compare the answer with the least busy plan that misses nothing."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        raise WrongKindError(f"three things are asked for, a tool, the cores, a batch; you gave {describe(answer)}")
    tool, cores, batch = answer
    if tool not in TOOLS or cores not in SHARES or batch not in BATCHES:
        raise WrongKindError(
            f"such as ({next(iter(TOOLS))!r}, {SHARES[1]!r}, {BATCHES[1]}) is asked for, you gave {describe(answer)}"
        )
    plan = (tool, cores, int(batch))
    served = serve(*plan)
    if plan == _best():
        return correct(str(served))
    if not served.summary.misses:
        return not_yet(f"{served}: it meets the deadline, but another plan does with less work")
    if batch > 1:
        return not_yet(f"{served}: the first frame of a batch waits a period for the next, and the deadline is gone")
    if cores == "each":
        return not_yet(f"{served}: two frames at once help the throughput; each takes as long as on one core")
    return not_yet(f"{served}: both cores work on one frame, and still too long")


MEET = Exercise(
    id="5.3",
    variable="plan",
    stub="plan = ...",
    solution=cheapest_plan,
    verify=verify_plan,
    hints=(
        'print(lesson.serve("direct", "each", 2)) says what becomes of a plan',
        "a frame that waits for another has used up its deadline, so only one batch is left",
        "of the tools, who is below the deadline on two cores? the one of them with less work",
    ),
    mistakes=(
        Mistake("the plain layer", ("direct", "split", 1), "still too long"),
        Mistake("a frame on each core", ("winograd", "each", 1), "help the throughput"),
        Mistake("a batch", ("winograd", "split", 2), "the deadline is gone"),
        Mistake("more work", ("int8", "split", 1), "with less work"),
    ),
)

EXERCISES = (AGE, BEST, MEET)


def _claim(name: str, number: float, unit: str, sentence: str) -> Claim:
    return computed(f"streaming.exercise.{name}", sentence, lambda: number, unit)


CLAIMS = (
    _claim("period", PERIOD, "ms", "The camera of exercise 5.1 has a frame every {}."),
    _claim("fixed", FIXED, "ms", "Its service takes {} for a batch."),
    _claim("frame", PER_FRAME, "ms", "It takes {} more for each frame."),
    _claim("deadline", LIMIT, "ms", "The deadline of exercise 5.3 is {}."),
    *(_claim(name, ms, "ms", f"By {name} a frame takes {{}} on one core.") for name, ms in TOOLS.items()),
    _claim("split", SPLIT, "×", "Two cores on one frame take {} the time."),
)
