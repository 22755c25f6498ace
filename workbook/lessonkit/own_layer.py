"""The learner's own layer, by every program that can compute it: `lesson.measure(channels=48, side=96)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from workbook.drawing import COLORS, INK, Picture
from workbook.lessonkit.arguments import at_least
from workbook.measuring import timing
from workbook.measuring.roofline import Roofline, intensity
from workbook.measuring.this_machine import MEMORY, bandwidth_gbs
from workbook.measuring.timing import Timing
from workbook.measuring.topologies import ConvLayer
from workbook.plain_text import Text
from workbook.side_by_side import layer_benchmark
from workbook.side_by_side.layer_report import Report, Row

_MOST_MACS = 20_000_000_000  # some seconds a call by the slowest program
_MOST_NUMBERS = 200_000_000  # each program keeps some gigabytes of them
_LINE, _HEAD, _FOOT = 0.32, 0.75, 0.7  # inches


@dataclass(frozen=True)
class OwnLayer(Text):
    """A layer on one core of this machine, one image: each kernel, each library that is installed, and the roofline.

    Attributes
    ----------
    report : Report
        Of one row.
    memory_gbs : float
        Bytes that one core reads from memory at most, in GB/s.
    """

    report: Report
    memory_gbs: float

    @property
    def row(self) -> Row:
        """What was measured."""
        return self.report.rows[0]

    @property
    def roof(self) -> Roofline:
        """What one core does at most, its multiply-adds measured in the same rounds."""
        return Roofline(next(iter(self.row.peaks.values())), {MEMORY: self.memory_gbs})

    def programs(self) -> Iterator[tuple[str, Timing]]:
        """Yield each program with its time: ours from the slowest to the fastest, then the libraries."""
        ours = sorted(self.row.ours.items(), key=lambda item: -item[1].median)
        yield from ours
        yield from ((f"{peer} {self.report.peers[peer]}", taken) for peer, taken in self.row.peers.items())

    def __str__(self) -> str:
        layer, roof = self.row.layer, self.roof
        slowest = next(taken for _, taken in self.programs())
        lines = [
            f"{layer.shape}: {layer.macs / 1e6:,.1f} MMAC, {intensity(layer):.1f} MAC/byte; one core, one image, "
            f"{self.report.dtype}",
            f"{'program':<20}{'time':>20}{'rate':>24}{'of peak':>8}{'faster':>8}",
        ]
        for name, taken in self.programs():
            rate = self.row.rate(taken)
            lines.append(
                f"{name + ' *' * (name == self.row.auto):<20}{timing.measured(1e3 * taken.median, 'ms', 8)}"
                f"{timing.measured(rate, 'GMAC/s', 9)}{rate / roof.peak_gmacs:>6.0%}"
                f"{slowest.median / taken.median:>7.2f} x"
            )
        lines += [f"{peer} cannot run it: {why}" for peer, why in self.row.failures.items()]
        return "\n".join(
            [
                *lines,
                "",
                "* what algorithm='auto' takes; rate: multiply-adds of the definition; faster: than the first",
                f"[machine] at most {roof.peak_gmacs:.0f} GMAC/s by the multiply-add units, and "
                f"{roof.gbs[MEMORY] * intensity(layer):.0f} if all bytes came from memory",
                *timing.trust(self.row.ours.values()),
            ]
        )

    __repr__ = __str__

    def picture(self) -> Picture:
        """Return it as a picture: a bar a program, and the two bounds of the roofline."""
        return Picture.of(self._figure, f"own layer: {self.row.layer.shape}, GMAC/s of each program, and the roofline")

    def _figure(self) -> Figure:
        programs, layer = list(self.programs()), self.row.layer
        height = _HEAD + _LINE * len(programs) + _FOOT
        figure = Figure(figsize=(7.6, height))
        axes = figure.add_axes((0.22, _FOOT / height, 0.74, _LINE * len(programs) / height))
        rates = [self.row.rate(taken) for _, taken in programs]
        colors = [COLORS[0] if name in self.row.ours else COLORS[1] for name, _ in programs]
        axes.barh(range(len(programs)), rates, color=colors, height=0.7)
        memory = self.roof.gbs[MEMORY] * intensity(layer)
        right = max(*rates, self.roof.peak_gmacs) * 1.12
        for place, rate in enumerate(rates):
            axes.text(rate + right / 100, place, f"{rate:.3g}", va="center")
        for bound, words in ((self.roof.peak_gmacs, "multiply-add units"), (memory, "bytes from memory")):
            if bound <= right:
                axes.axvline(bound, color=INK, linestyle="--", linewidth=1)
                axes.text(bound, -0.6, f"{words} ", ha="right", va="bottom")
        axes.set_yticks(range(len(programs)), [name for name, _ in programs])
        axes.set(xlim=(0, right), ylim=(len(programs) - 0.4, -0.6), xlabel="multiply-adds of the definition, GMAC/s")
        axes.tick_params(axis="y", length=0)
        figure.text(0.02, 1 - 0.28 / height, f"{layer.shape}, one core; blue: our kernels")
        return figure


def measure(
    channels: int,
    side: int,
    filters: int | None = None,
    *,
    size: int = 3,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    dtype: str = "float32",
    seconds: float = 1.0,
) -> OwnLayer:
    """Time a layer of your own by every kernel that can compute it, beside the libraries that are installed.

    Parameters
    ----------
    channels, side : int
        Of the image: `channels` maps of `side` x `side` numbers.
    filters : int, optional
        Output channels; as many as there are channels if None.
    size : int
        Of a filter: `size` x `size`.
    stride, padding : int
        Pixels; half a filter's size, rounded down, is the padding if None.
    groups : int
        Into so many the channels are cut; `channels` makes a depthwise layer.
    dtype : "float32" or "int8"
    seconds : float
        To spend, all programs together.

    Raises
    ------
    ValueError
        For sizes that make no layer, or one that would take minutes.
    """
    filters = channels if filters is None else filters
    padding = size // 2 if padding is None else padding
    at_least(1, channels=channels, side=side, filters=filters, size=size, stride=stride, groups=groups)
    at_least(0, padding=padding, seconds=seconds)
    if channels % groups or filters % groups:
        raise ValueError(f"groups must divide channels and filters; {groups} does not divide {channels} and {filters}")
    if side + 2 * padding < size:
        raise ValueError(f"a filter of {size} is larger than an image of {side} with {padding} pixels of padding")
    if dtype not in layer_benchmark.DTYPES:
        raise ValueError(f"dtype is one of {', '.join(layer_benchmark.DTYPES)}, not {dtype!r}")
    layer = ConvLayer("own layer", channels, side, side, filters, size, size, stride, padding, groups)
    numbers = layer.input_numbers + layer.output_numbers + layer.weight_numbers
    if numbers > _MOST_NUMBERS:
        raise ValueError(
            f"{layer.shape} has {numbers / 1e9:.1f} billion numbers; take at most {_MOST_NUMBERS / 1e9:g} billion"
        )
    if layer.macs > _MOST_MACS:
        raise ValueError(
            f"{layer.shape} has {layer.macs / 1e9:.0f} billion multiply-adds and would take minutes; "
            f"take at most {_MOST_MACS / 1e9:.0f} billion"
        )
    return OwnLayer(layer_benchmark.run([layer], dtype=dtype, seconds=seconds), bandwidth_gbs(MEMORY))
