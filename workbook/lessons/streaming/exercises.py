"""The exercises of lesson 5: the age of a frame, the best batch for a camera, tools that meet a deadline."""

from __future__ import annotations

from itertools import product, starmap
from random import Random
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
from workbook.lessonkit.number_exercise import Wrong, number_exercise
from workbook.lessonkit.variants import Varied
from workbook.lessons.streaming import device as lesson  # the name that a learner's cell knows it by
from workbook.lessons.streaming.device import (
    BATCHES,
    BEST,
    BUSIEST,
    DECIDE,
    EXPOSURES,
    FRAME,
    LIMIT,
    LOSSES,
    READOUT,
    SHARES,
    SPLIT,
    TOOLS,
    TRANSFER,
    serve,
)

# 5.1 The age of a frame

PERIOD, FIXED, PER_FRAME, BATCH = 40, 18, 4, 6  # ms, ms, ms, frames


def age_of_the_second() -> int:
    """Return the age of the second frame of a batch in ms: it waits for four more, then six are computed."""
    wait = (6 - 2) * 40
    service = 18 + 4 * 6
    return wait + service


_WORDS = {5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth"}
_COUNTED = {5: "five", 6: "six", 7: "seven", 8: "eight"}
_BETWEEN = {5: "three", 6: "four", 7: "five", 8: "six"}


def age_of(period: int, fixed: int, per_frame: int, batch: int) -> Exercise:
    """Return the exercise for a camera and a service, in ms, and a batch of 5 to 8 frames."""
    wait, service = (batch - 2) * period, fixed + per_frame * batch
    last, all_of_them = _WORDS[batch], _COUNTED[batch]
    return number_exercise(
        id="5.1",
        variable="age",
        solution=age_of_the_second,
        hints=(
            f"draw the arrivals of {all_of_them} frames on a line, and mark when the last of them is there",
            f"the batch starts when the {last} frame arrives; "
            f"from the second to the {last} there are {_BETWEEN[batch]} periods",
            f"add the time of a batch of {all_of_them}: the fixed cost once, the cost of a frame {all_of_them} times",
        ),
        right=wait + service,
        because=f"it waits {wait} ms for the {last} frame, and the batch takes {service} ms",
        wrong=(
            Wrong(
                "the first frame",
                wait + period + service,
                "is the age of the first frame; the second came a period later",
            ),
            Wrong("only the wait", wait, "is how long it waits; it is computed after that"),
            Wrong(
                "only the computing",
                service,
                "is how long the batch is computed; before that the frame waits for the last one",
            ),
            Wrong(
                "one frame computed",
                wait + fixed + per_frame,
                f"has the time of one frame in it; all {all_of_them} are computed together, and end together",
            ),
            Wrong("no fixed cost", wait + per_frame * batch, "leaves out the fixed cost of the batch"),
            Wrong(
                "a period too few",
                wait - period + service,
                f"is the age of the third frame; count the periods from the second frame to the {last}",
            ),
        ),
        otherwise="is not wait + time of the batch",
        unit="ms",
    )


AGE = age_of(PERIOD, FIXED, PER_FRAME, BATCH)


def _vary_age(random: Random) -> Varied:
    period, fixed, per_frame = random.choice((40, 45, 50)), random.randrange(14, 22), random.choice((3, 4, 5))
    batch = random.choice((5, 6, 7, 8))
    text = {
        "40 ms<!--claim: streaming.exercise.period-->": f"{period} ms",
        "18 ms<!--claim: streaming.exercise.fixed-->": f"{fixed} ms",
        "4 ms<!--claim: streaming.exercise.frame-->": f"{per_frame} ms",
        "In a batch of six,": f"In a batch of {_COUNTED[batch]},",
    }
    right = (batch - 2) * period + fixed + per_frame * batch
    return Varied(age_of(period, fixed, per_frame, batch), text, right)


VARIED = {"5.1": _vary_age}


# 5.2 The best batch for a camera, with a margin

BUSY = 90  # % of the time, at most


def best_batch(period: int, fixed: int, per_frame: int) -> int | None:
    """Return the smallest batch that keeps the service busy at most 90 % of the time, or None; whole numbers of ms."""
    if 10 * (fixed + per_frame) <= 9 * period:
        return 1
    spare = 9 * period - 10 * per_frame
    return -(-10 * fixed // spare) if spare > 0 else None


# (period, fixed, per_frame): 1 with room; 1 with exactly the margin; a division that leaves a rest; 1 would keep up,
# without a margin; a division that leaves none; none at all; none, because a frame alone takes all but the margin, or
# more; but 1, because nothing is fixed; one larger than who tries a few would find; a division that leaves none, and
# does in floats
_CAMERAS = (
    (40, 10, 5),
    (40, 20, 16),
    (30, 70, 7),
    (33, 23, 10),
    (30, 60, 7),
    (20, 0, 21),
    (20, 3, 18),
    (20, 3, 19),
    (20, 0, 18),
    (20, 17, 17),
    (7, 3, 6),
)
_LARGEST = 1000  # of the batches that are tried


def _smallest(period: int, fixed: int, per_frame: int) -> int | None:
    """Return what is asked for, by trying."""
    batches = range(1, _LARGEST)
    return next((b for b in batches if 100 * (fixed + per_frame * b) <= BUSY * b * period), None)


def verify_best(answer: object) -> Outcome:
    """Compare what the function returns for some cameras with what trying every batch finds."""
    if not callable(answer):
        raise WrongKindError(f"a function is asked for, you gave {describe(answer)}")
    for period, fixed, per_frame in _CAMERAS:
        given: Any = answer(period, fixed, per_frame)
        if given is ...:
            return NOT_ATTEMPTED
        best = _smallest(period, fixed, per_frame)
        where = f"a frame every {period} ms, {fixed} ms a batch and {per_frame} ms a frame"
        if given is None and best is None:
            continue
        if given is None:
            exactly = f", busy exactly {BUSY} %" if fixed + per_frame == BUSY * period / 100 else ""
            return not_yet(f"{where}: you say that no batch keeps up; some batch does{exactly}")
        batch = whole_number(given)
        if batch != best:
            return not_yet(f"{where}: {_about_batch(batch, best, period, fixed, per_frame)}")
    return correct(f"it is the smallest batch that is busy at most {BUSY} % of the time")


def _about_batch(batch: int, best: int | None, period: int, fixed: int, per_frame: int) -> str:
    """Say what is wrong with a batch."""
    if batch < 1:
        return f"you say {batch}; a batch has a frame at least"
    takes = fixed + per_frame * batch
    busy = f"that batch takes {takes} of {batch * period} ms, busy {100 * takes / (batch * period):.0f} %"
    if best is None:
        return f"you say {batch}; {busy}, and so is every batch, or more: return None, and drop frames"
    if batch < best:
        return f"you say {batch}; {busy}, and {BUSY} % is the limit"
    if best == 1:
        return f"you say {batch}; a frame alone is done with time to spare, so why wait"
    return f"you say {batch}; {busy}, but a smaller one is within {BUSY} % too, and waits less"


def _always_one(period: int, fixed: int, per_frame: int) -> int | None:
    return 1 if 10 * per_frame < 9 * period else None


def _no_margin(period: int, fixed: int, per_frame: int) -> int | None:
    if fixed + per_frame <= period:
        return 1
    return -(-fixed // (period - per_frame)) if per_frame < period else None


def _rounded_down(period: int, fixed: int, per_frame: int) -> int | None:
    spare = 9 * period - 10 * per_frame
    return max(1, 10 * fixed // spare) if spare > 0 else best_batch(period, fixed, per_frame)


def _one_more(period: int, fixed: int, per_frame: int) -> int | None:
    best = best_batch(period, fixed, per_frame)
    return best if best in (None, 1) else 10 * fixed // (9 * period - 10 * per_frame) + 1


def _never_one(period: int, fixed: int, per_frame: int) -> int | None:
    best = best_batch(period, fixed, per_frame)
    return best and max(2, best)


def _never_none(period: int, fixed: int, per_frame: int) -> int:
    return best_batch(period, fixed, per_frame) or 1


def _none_too_often(period: int, fixed: int, per_frame: int) -> int | None:
    return 1 if 10 * (fixed + per_frame) <= 9 * period else None


def _none_at_the_margin(period: int, fixed: int, per_frame: int) -> int | None:
    return None if 10 * per_frame >= 9 * period else best_batch(period, fixed, per_frame)


BEST_BATCH = Exercise(
    id="5.2",
    variable="best_batch",
    stub="""\
def best_batch(period, fixed, per_frame):
    # whole numbers of ms; None if no batch is busy at most 90 % of the time
    return ...""",
    solution=best_batch,
    verify=verify_best,
    hints=(
        "a batch takes fixed + per_frame * batch, and batch * period ms pass until the next is full: 90 % of those",
        "solve for the batch: 10 * fixed <= batch * (9 * period - 10 * per_frame); what if the bracket is 0 or less?",
        "a division that is rounded up, in whole numbers: -(-10 * fixed // bracket); at least 1",
    ),
    mistakes=(
        Mistake("batch 1, always", _always_one, "takes 77 of 30 ms"),
        Mistake("no margin", _no_margin, "busy 100 %, and 90 % is the limit"),
        Mistake("rounded down", _rounded_down, "takes 91 of 90 ms"),
        Mistake("one too many", _one_more, "a smaller one is within 90 % too"),
        Mistake("a batch, always", _never_one, "so why wait"),
        Mistake("an overload", _never_none, "return None"),
        Mistake("given up too early", _none_too_often, "7 ms a frame: you say that no batch keeps up"),
        Mistake("exactly the margin", _none_at_the_margin, "busy exactly 90 %"),
    ),
)


# 5.3 From light to the arm

_EXAMPLE = f"{min(EXPOSURES)}, {next(iter(TOOLS))!r}, {SHARES[1]!r}, {BATCHES[1]}"


def best_plan() -> tuple[int, str, str, int]:
    """Return the plan with the most right answers of those in time that leave the controller its share."""
    choices = [(e, t, c, b) for e in (4, 8, 16) for t in lesson.TOOLS for c in ("split", "each") for b in (1, 2)]
    served = {plan: lesson.serve(*plan) for plan in choices}
    fits = [plan for plan in choices if served[plan].total <= 50 and served[plan].busy <= 0.65]
    return max(fits, key=lambda plan: served[plan].accuracy)


def _best_accuracy() -> float:
    plans = starmap(serve, product(EXPOSURES, TOOLS, SHARES, BATCHES))
    return max(served.accuracy for served in plans if served.fits)


def verify_plan(answer: object) -> Outcome:
    """Compare the answer with the plan of the best accuracy that fits."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 4:
        raise WrongKindError(f"an exposure, a tool, the cores and a batch are asked for, you gave {describe(answer)}")
    try:
        served = serve(*answer)
    except (TypeError, ValueError) as error:
        raise WrongKindError(f"such as ({_EXAMPLE}) is asked for; {error}") from error
    _, _, cores, batch = answer
    says = str(served).replace("\n", "; ")
    if served.fits:
        return correct(says) if served.accuracy == _best_accuracy() else not_yet(f"{says}: it fits, another is better")
    if batch > 1:
        return not_yet(f"{says}: the first frame of a batch waits a period for the next")
    if served.busy > BUSIEST:
        return not_yet(f"{says}: the controller of the arm has no time left")
    if cores == "each":
        return not_yet(f"{says}: two frames at once help the throughput; each takes as long as on one core")
    return not_yet(f"{says}: a little less light, or a faster program")


MEET = Exercise(
    id="5.3",
    variable="plan",
    stub="plan = ...",
    solution=best_plan,
    verify=verify_plan,
    hints=(
        'print(lesson.serve(4, "direct", "each", 2)) says what becomes of a plan',
        "write down what exposure, readout, transfer and decision leave of the limit; which tools are that fast?",
        "INT8 buys time for light, light costs less accuracy than it: compare 16 ms in INT8 with 8 ms in float32",
    ),
    mistakes=(
        Mistake("the plain layer", (4, "direct", "split", 1), "no time left"),
        Mistake("a frame on each core", (8, "winograd", "each", 1), "help the throughput"),
        Mistake("a batch", (8, "winograd", "split", 2), "waits a period"),
        Mistake("too much light", (16, "winograd", "split", 1), "a little less light"),
        Mistake("the fastest tool", (16, "int8", "split", 1), "another is better"),
    ),
)

EXERCISES = (AGE, BEST_BATCH, MEET)


def _claim(name: str, number: float, unit: str, sentence: str) -> Claim:
    return computed(f"streaming.exercise.{name}", sentence, lambda: number, unit)


CLAIMS = (
    _claim("period", PERIOD, "ms", "The camera of exercise 5.1 has a frame every {}."),
    _claim("fixed", FIXED, "ms", "Its service takes {} for a batch."),
    _claim("frame", PER_FRAME, "ms", "It takes {} more for each frame."),
    computed(
        "streaming.exercise.busy", "The service of exercise 5.2 is busy at most {} of the time.", lambda: BUSY, "%"
    ),
    _claim("period_of_the_robot", FRAME, "ms", "The robot's camera has a frame every {}."),
    _claim("deadline", LIMIT, "ms", "From light to the arm the robot has {}."),
    _claim("readout", READOUT, "ms", "Its sensor is read out in {}."),
    _claim("transfer", TRANSFER, "ms", "A frame reaches memory in {}."),
    _claim("decide", DECIDE, "ms", "It decides in {}."),
    _claim("busiest", 100 * BUSIEST, "%", "The network may have {} of the cores' time."),
    _claim("right", BEST, "%", "With much light and in float32 it is right in {} of cases."),
    _claim("int8_loses", LOSSES["int8"], "%", "In INT8 it loses {} of cases."),
    *(_claim(f"light{ms}", ms, "ms", "An exposure of {}.") for ms in EXPOSURES),
    *(
        _claim(f"noise{ms}", points, "%", f"With {ms} ms of light it loses {{}} of cases.")
        for ms, points in EXPOSURES.items()
        if points
    ),
    *(_claim(name, ms, "ms", f"By {name} a frame takes {{}} on one core.") for name, ms in TOOLS.items()),
    _claim("split", SPLIT, "×", "Two cores on one frame take {} the time."),
)
