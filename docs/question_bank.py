"""The question bank of TEACHING.md, with the numbers computed: `python docs/teaching.py` writes docs/questions.md."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from workbook.lessonkit.catalog import LESSONS
from workbook.lessonkit.claim import three_digits
from workbook.measuring.roofline import FLOAT_BYTES, Roofline, intensity
from workbook.measuring.topologies import ConvLayer
from workbook.quantize.affine import Affine


@dataclass(frozen=True)
class Question:
    """One question; each wrong answer comes with what it reveals."""

    asks: str
    right: str
    wrong: tuple[tuple[str, str], ...]


def _n(value: float) -> str:
    return three_digits(value)


def _start_here() -> tuple[Question, ...]:
    roof, deep = Roofline(100, {"memory": 10}), ConvLayer("3x3", 64, 56, 56, 64, 3, 3, padding=1)
    ridge, rate = 100 / 10, roof.bound(2)
    return (
        Question(
            "A core does 100 GMAC/s and reads 10 GB/s. A layer does 2 multiply-adds a byte. What can it reach at most?",
            f"{_n(rate)} GMAC/s: memory bounds it",
            (
                (f"{_n(100)} GMAC/s", "takes the peak without asking whether memory can feed it"),
                (f"{_n(10 / 2)} GMAC/s", "divides where it must multiply"),
                (f"{_n(100 + rate)} GMAC/s", "adds two limits; the lower one holds"),
            ),
        ),
        Question(
            "On the same core, from how many multiply-adds a byte on does memory no longer matter?",
            f"{_n(ridge)}: peak over bandwidth",
            ((_n(10 / 100), "upside down"), (_n(ridge * FLOAT_BYTES), "counts numbers of float32 instead of bytes")),
        ),
        Question(
            "A dense 3x3 layer has 64 channels in and out on a map of 56 x 56. How many multiply-adds a byte, if each "
            "array moves once?",
            _n(intensity(deep)),
            (
                (_n(FLOAT_BYTES * intensity(deep)), "takes a number for a byte"),
                (_n(2 * intensity(deep)), "counts a multiply-add as two operations"),
            ),
        ),
        Question(
            "Which of these numbers is the same on every machine: a layer's multiply-adds, its time, its rate?",
            "its multiply-adds: they follow from its sizes",
            (
                ("its rate", "takes a rate for a property of the layer; it is one of layer, program and machine"),
                ("its time", "has not looked at the [machine] line"),
            ),
        ),
        Question(
            "A layer stands far below its roof. What follows?",
            "nothing yet: the program may be poor, or something that the roof leaves out may bound it",
            (
                ("the memory is too slow", "reads the roof as a cause; it is a bound"),
                ("the measurement is wrong", "expects that a bound is reached"),
            ),
        ),
    )


def _convolution() -> tuple[Question, ...]:
    layer = ConvLayer("3x3", 16, 32, 32, 24, 3, 3, padding=1)
    P = (31 - 3) // 2 + 1
    return (
        Question(
            "A 3x3 layer of stride 2 without padding reads a map of 31 x 31. How many rows has its output?",
            str(P),
            (
                (str(31 // 2 + 1), "forgets that the window must fit"),
                (str(31 - 2), "ignores the stride"),
                (str(P - 1), "forgets the first window"),
            ),
        ),
        Question(
            "How many multiply-adds does a 3x3 layer take, 16 channels to 24, on an output of 32 x 32?",
            f"{layer.macs:,}",
            (
                (f"{layer.macs // 9:,}", "counts one tap of nine"),
                (f"{layer.macs // 16:,}", "lets a filter read one channel; it reads all"),
                (f"{2 * layer.macs:,}", "counts multiplications and additions apart"),
            ),
        ),
        Question(
            "Height and width of the input double. By what do the multiply-adds grow, and by what the weights?",
            "by 4, and not at all",
            (
                ("by 2 and by 2", "thinks of one direction, and of a layer whose weights belong to places"),
                ("by 4 and by 4", "takes the weights for a part of the image"),
            ),
        ),
        Question(
            "A layer of 64 channels becomes depthwise: each filter reads one channel. The count falls by 64. The time?",
            "by much less: there is less work for each number that is moved",
            (
                ("by 64", "predicts time from the count alone"),
                ("not at all", "overlooks that work is saved"),
            ),
        ),
        Question(
            "Four sums instead of one make a kernel faster although it does the same multiply-adds. Why?",
            "each addition waits for the one before in its own sum; four sums do not wait for each other",
            (
                ("it does less work", "confuses the count with the rate"),
                ("it uses four cores", "confuses the units of one core with cores"),
            ),
        ),
    )


def _winograd() -> tuple[Question, ...]:
    def saved(m: int, side: int) -> float:
        return (3 * side) ** 2 / (ceil(side / m) * (m + 2)) ** 2

    return (
        Question(
            "F(2,3) makes two outputs of a filter of three taps. How many multiplications does it take?",
            f"{2 + 3 - 1}, for {2 * 3} by the definition",
            (
                (str(2 * 3), "is the definition's count"),
                (str(3), "counts the taps"),
                (str((2 + 3 - 1) ** 2), "counts the tile of two dimensions"),
            ),
        ),
        Question(
            "How many times fewer multiplications does F(4,3) take in two dimensions, where tiles fit?",
            _n(saved(4, 8)),
            (
                (_n(saved(4, 8) ** 0.5), "counts one direction"),
                (_n(saved(2, 8)), "is F(2,3)"),
                (_n(4 * 3), "divides the output's numbers by nothing"),
            ),
        ),
        Question(
            "And on a map of 7 x 7?",
            f"{_n(saved(4, 7))}: the last tiles stick out",
            (
                (_n(saved(4, 8)), "forgets that 7 is no multiple of 4"),
                (_n((21 / 6) ** 2), "leaves the last outputs without a tile"),
            ),
        ),
        Question(
            "Which transform is paid once for a whole network, not for each image?",
            "that of the filters",
            (
                ("that of the tiles", "does not see that tiles come with the image"),
                ("that of the outputs", "does not see that outputs come with the image"),
            ),
        ),
        Question(
            "Why not take the largest tile, in 16 bits?",
            "its matrices hold large and small numbers, so that rounding errors grow with the tile",
            (
                ("it takes more multiplications", "does not separate saving from error"),
                ("16 bits have no Winograd", "takes an error bound for a rule"),
            ),
        ),
    )


def _quantization() -> tuple[Question, ...]:
    affine = Affine.of_range(-1.0, 3.0)
    scale, zero = float(affine.scale), int(affine.zero_point)
    return (
        Question(
            "The range from -1 to 3 becomes unsigned bytes. What is the scale?",
            _n(4 / 255),
            (
                (_n(4 / 256), "counts bytes instead of the steps between them"),
                (_n(3 / 127), "is symmetric: a quarter of the bytes is never used"),
                (_n(255 / 4), "upside down"),
            ),
        ),
        Question(
            "Which byte stands for 0 there?",
            str(zero),
            (
                ("0", "thinks that 0 is always byte 0"),
                (str(-zero), "has the sign of the zero point wrong"),
                (str(128), "takes the range for a symmetric one"),
            ),
        ),
        Question(
            "By how much can a number inside the range differ from its byte's number?",
            f"{_n(scale / 2)}, half a step",
            ((_n(scale), "a whole step: it cuts off instead of rounding"), ("not at all", "takes bytes for exact")),
        ),
        Question(
            "One filter of a layer has weights 100 times as large as the others. One scale for all: what happens?",
            "the other filters have a few bytes left, so they are rounded to almost nothing",
            (
                ("the large filter is cut off", "mixes a scale that is too small with one that is too large"),
                ("nothing, training repairs it", "forgets that nothing is trained any more"),
            ),
        ),
        Question(
            "Bytes are a quarter of float32. When is a layer not four times as fast?",
            "when converting takes its time too, or the CPU's units do not gain four times",
            (
                ("never", "takes the size of a number for the speed of a layer"),
                ("always, integers are slow", "has not looked at what a core does with bytes"),
            ),
        ),
    )


def _hardware() -> tuple[Question, ...]:
    used = 24 / (16 * ceil(24 / 16))
    a, b = (30, 20, 70, 40), (50, 60, 20, 10)
    fixed, once = min(sum(a), sum(b)), min(sum(a[:i]) + sum(b[i:]) for i in range(5))
    return (
        Question(
            "16 multipliers work along output channels, and a layer has 24 of them. What share works?",
            _n(used),
            (
                ("1", "forgets that the second round is half empty"),
                (_n(24 / 16), "more than all: it leaves out the number of rounds"),
                (_n(16 / 24), "compares multipliers with channels, and counts no rounds"),
            ),
        ),
        Question(
            f"Four layers take {a} us on datapath A and {b} us on B. What does one switch in a frame save at most?",
            f"{_n(fixed - once)} us, against the better of A and B",
            (
                (f"{_n(sum(a) - once)} us", "compares with A though B is the stronger opponent"),
                (f"{_n(fixed - sum(map(min, a, b)))} us", "switches at every layer"),
            ),
        ),
        Question(
            "How long may that switch take if the next frame begins on A again?",
            f"{_n((fixed - once) / 2)} us: there are two switches a frame",
            ((f"{_n(fixed - once)} us", "forgets the way back"), (f"{_n(once)} us", "takes a frame for what is saved")),
        ),
        Question(
            "The same with four images that go through a layer together?",
            f"{_n(4 * (fixed - once) / 2)} us: two switches are paid once for four images",
            (
                (f"{_n((fixed - once) / 2 / 4)} us", "divides where it must multiply"),
                (f"{_n((fixed - once) / 2)} us", "overlooks that a batch shares the switches"),
            ),
        ),
        Question(
            "A layer waits for DRAM. What does another datapath gain?",
            "nothing: the same bytes come at the same rate",
            (
                ("what the model says without DRAM", "leaves a limit out of the sum"),
                ("the share of idle multipliers", "takes use of the units for speed"),
            ),
        ),
    )


def _streaming() -> tuple[Question, ...]:
    period, fixed, each, batch = 33, 20, 4, 4
    service, wait = fixed + batch * each, (batch - 1) * period
    return (
        Question(
            f"A frame every {period} ms, batches of {batch}, {fixed} ms and {each} ms a frame more. How old is the "
            "first frame at its result?",
            f"{wait + service} ms",
            (
                (f"{service} ms", "forgets that it waits for the others"),
                (f"{wait} ms", "forgets that the batch is computed then"),
                (f"{batch * period + service} ms", "counts a period too many: between four frames lie three"),
            ),
        ),
        Question(
            "What part of the time is that service busy?",
            f"{service / (batch * period):.0%}",
            (
                (f"{service / period:.0%}", "compares a batch with one period"),
                (f"{(fixed + each) / period:.0%}", "is batch 1"),
            ),
        ),
        Question(
            "What does a batch share, so that it is cheaper by the frame?",
            "the weights: they are read once for all of its frames",
            (
                ("the multiply-adds", "thinks that work is saved; it is the same"),
                ("the frames' memory", "mixes what is shared with what each has"),
            ),
        ),
        Question(
            "A benchmark sends a frame when the last answer is there, and reports p99. What does it miss?",
            "the wait of frames that come while the service is busy",
            (
                ("nothing, p99 is p99", "does not ask who waits for whom"),
                ("the time of computing", "has it upside down: that is all that it measures"),
            ),
        ),
        Question(
            f"A service takes {period + 2} ms a frame, a frame comes every {period} ms, and none is dropped. The age?",
            f"it grows by {2} ms with each frame, without end",
            (
                (f"{period + 2} ms", "looks at one frame alone"),
                (f"{2 * (period + 2)} ms", "thinks that a queue finds its balance even when overloaded"),
            ),
        ),
    )


def _analysis() -> tuple[Question, ...]:
    suited, winograd, on_bytes = 60, 3, 2
    best = suited / winograd + (100 - suited) / on_bytes
    return (
        Question(
            f"{suited} of 100 ms are layers that Winograd speeds up by {winograd}. What is the gain of the network?",
            f"{_n(100 / (100 - suited + suited / winograd))}: the other layers stay",
            (
                (_n(winograd), "takes the gain of some layers for that of all"),
                (_n(winograd * suited / 100), "weighs the gain by the share; times add up, gains do not"),
            ),
        ),
        Question(
            "INT8 makes every layer twice as fast, and bytes do not run Winograd. With the best tool for each layer?",
            f"{_n(100 / best)}",
            (
                (_n(winograd * on_bytes), "multiplies gains of which no layer has both"),
                (_n(100 / (suited / winograd / on_bytes + (100 - suited) / on_bytes)), "gives some layers both"),
            ),
        ),
        Question(
            "A layer is 1 ms faster on bytes, and both neighbours run in float32. Each conversion takes 0.7 ms. Bytes?",
            f"no: it would lose {_n(2 * 0.7 - 1)} ms",
            (
                ("yes", "does not count the conversions"),
                (f"yes, it wins {_n(1 - 0.7)} ms", "counts one of two conversions"),
            ),
        ),
        Question(
            "Over what should a gain of INT8 be stated?",
            "over the fastest exact program of the same machine",
            (
                ("over the plain loop", "picks a weak opponent"),
                ("over float32 of the library at hand", "does not ask whether that one is any good"),
            ),
        ),
        Question(
            "The loss was measured on the images that calibrated the network. What is wrong with it?",
            "the ranges were fitted to them: it says little about others",
            (
                ("nothing, more images only cost time", "takes calibration for a test"),
                ("it is too large", "has the direction wrong: it is rather too small"),
            ),
        ),
    )


QUESTIONS = {
    "start_here": _start_here,
    "convolution": _convolution,
    "winograd": _winograd,
    "quantization": _quantization,
    "hardware": _hardware,
    "streaming": _streaming,
    "analysis": _analysis,
}


def page() -> str:
    """Return docs/questions.md."""
    lines = [
        "# Questions for a class",
        "",
        "Five a lesson: the right answer, wrong ones, and what each reveals. They are for paper, or for hands",
        "in the air: none needs a machine. `docs/teaching.py` writes this page; its numbers are computed in",
        "`docs/question_bank.py`.",
    ]
    for lesson in LESSONS:
        lines += ["", f"## {lesson.number} · {lesson.title}"]
        for number, question in enumerate(QUESTIONS[lesson.package](), start=1):
            lines += ["", f"**{lesson.number}.{chr(96 + number)}** {question.asks}", "", f"* Right: {question.right}."]
            lines += [f"* {wrong}: {reveals}." for wrong, reveals in question.wrong]
    return "\n".join([*lines, ""])
