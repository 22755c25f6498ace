"""How multiply-adds and activations vary through real networks, and what "early" and "middle" layers have of them.

It is said that an early layer computes much for the memory it needs, and that a middle layer works on very large
activations but does only a fraction of the computations. To judge that, every word gets one meaning:

early, middle, late
    The first, second and last third of the convolutions in the order in which they run; layer i of n is in third
    3 * i // n.
computations
    Multiply-adds, the mean of the third's layers.
activations
    Bytes that a layer passes on, its output in float32, the mean of the third's layers.
computations for the memory
    Multiply-adds of the third a byte of it; a layer reads its input and its weights once and writes its output once.
    And, because a chip may keep the activations and load only the weights, multiply-adds a byte of weights.

The sentence says "may". So it is also asked which pairs of an early and a middle layer are as it describes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from workbook.measuring.roofline import FLOAT_BYTES, intensity, layer_bytes
from workbook.measuring.topologies import NETWORKS, ConvLayer
from workbook.plain_text import Text

THIRDS = ("early", "middle", "late")
_LABEL, _COLUMN = 23, 12  # characters: four networks fit on a small screen


def passed_on(layer: ConvLayer) -> int:
    """Bytes of a layer's output: the activations that it passes to the next."""
    return FLOAT_BYTES * layer.output_numbers


@dataclass(frozen=True)
class Third:
    """A third of a network's convolutions."""

    layers: tuple[ConvLayer, ...]

    @property
    def macs(self) -> float:
        """Multiply-adds of a layer, on average."""
        return self._sum(lambda layer: layer.macs) / len(self.layers)

    @property
    def passed_on(self) -> float:
        """Bytes that a layer passes on, on average."""
        return self._sum(passed_on) / len(self.layers)

    @property
    def macs_a_byte(self) -> float:
        """Multiply-adds for each byte of input, weights and output."""
        return self._sum(lambda layer: layer.macs) / self._sum(layer_bytes)

    @property
    def macs_a_weight_byte(self) -> float:
        """Multiply-adds for each byte of weights."""
        return self._sum(lambda layer: layer.macs) / self._sum(lambda layer: FLOAT_BYTES * layer.weight_numbers)

    def _sum(self, count: Callable[[ConvLayer], int]) -> int:
        return sum(map(count, self.layers))


@dataclass(frozen=True)
class Profile:
    """A network's convolutions, cut into thirds.

    Attributes
    ----------
    name : str
    layers : tuple of ConvLayer
        In the order in which they run.
    """

    name: str
    layers: tuple[ConvLayer, ...]

    @property
    def thirds(self) -> tuple[Third, Third, Third]:
        """Early, middle, late."""
        n = len(self.layers)
        early, middle, late = (
            Third(tuple(layer for i, layer in enumerate(self.layers) if 3 * i // n == third)) for third in range(3)
        )
        return early, middle, late

    @property
    def early_computes_more(self) -> bool:
        """Whether an early layer does more multiply-adds than a middle one, on average."""
        early, middle, _ = self.thirds
        return early.macs > middle.macs

    @property
    def middle_carries_more(self) -> bool:
        """Whether a middle layer passes on more bytes than an early one, on average."""
        early, middle, _ = self.thirds
        return middle.passed_on > early.passed_on

    @property
    def early_computes_more_a_byte(self) -> bool:
        """Whether the early layers do more multiply-adds a byte than the middle ones."""
        early, middle, _ = self.thirds
        return early.macs_a_byte > middle.macs_a_byte

    @property
    def early_computes_more_a_weight_byte(self) -> bool:
        """Whether the early layers do more multiply-adds a byte of weights than the middle ones."""
        early, middle, _ = self.thirds
        return early.macs_a_weight_byte > middle.macs_a_weight_byte

    @property
    def pairs(self) -> tuple[int, int]:
        """Pairs of an early and a middle layer that are as the article claims, and all pairs.

        The middle layer of such a pair passes on more, does fewer multiply-adds, and fewer a byte.
        """
        early, middle, _ = self.thirds
        pairs = [
            passed_on(b) > passed_on(a) and b.macs < a.macs and intensity(b) < intensity(a)
            for a, b in product(early.layers, middle.layers)
        ]
        return sum(pairs), len(pairs)

    def most_over_fewest(self, count: Callable[[ConvLayer], float]) -> float:
        """How many times as much the layer with the most has as the one with the least."""
        counts = [count(layer) for layer in self.layers]
        return max(counts) / min(counts)


def _holds(verdict: bool) -> str:
    return "holds" if verdict else "fails"


Cell = Callable[[Profile], str]

_NUMBERS: tuple[tuple[str, Callable[[Third], float]], ...] = (
    ("MMAC", lambda third: third.macs / 1e6),
    ("KB passed on", lambda third: third.passed_on / 1e3),
    ("MAC/byte", lambda third: third.macs_a_byte),
    ("MAC/weight byte", lambda third: third.macs_a_weight_byte),
)
_SPREADS: tuple[tuple[str, Callable[[ConvLayer], float]], ...] = (
    ("MMAC, most/least", lambda layer: layer.macs),
    ("KB, most/least", passed_on),
    ("MAC/byte, most/least", intensity),
)
_VERDICTS: tuple[tuple[str, Cell], ...] = (
    ("early computes more", lambda profile: _holds(profile.early_computes_more)),
    ("middle passes on more", lambda profile: _holds(profile.middle_carries_more)),
    ("early: more MAC/byte", lambda profile: _holds(profile.early_computes_more_a_byte)),
    ("same, weights alone", lambda profile: _holds(profile.early_computes_more_a_weight_byte)),
    ("pairs as claimed", lambda profile: "{} of {}".format(*profile.pairs)),
)


@dataclass(frozen=True)
class Survey(Text):
    """Networks side by side: their numbers, and what becomes of the sentence."""

    profiles: tuple[Profile, ...]

    def __str__(self) -> str:
        lines = [self._line("", lambda profile: profile.name)]
        lines.append(self._line("layers", lambda profile: str(len(profile.layers))))
        for label, number in _NUMBERS:
            for third, name in enumerate(THIRDS):
                lines.append(self._line(f"{label}, {name}", _cell_of_third(number, third)))
        for label, count in _SPREADS:
            lines.append(self._line(label, _cell_of_spread(count)))
        return "\n".join([*lines, "", *(self._line(label, cell) for label, cell in _VERDICTS)])

    def _line(self, label: str, cell: Cell) -> str:
        return f"{label:<{_LABEL}}" + "".join(f"{cell(profile):>{_COLUMN}}" for profile in self.profiles)

    __repr__ = __str__


def _cell_of_third(number: Callable[[Third], float], third: int) -> Cell:
    return lambda profile: f"{number(profile.thirds[third]):,.1f}"


def _cell_of_spread(count: Callable[[ConvLayer], float]) -> Cell:
    return lambda profile: f"{profile.most_over_fewest(count):,.1f} x"


def survey() -> Survey:
    """Return every network of `topologies.NETWORKS`."""
    return Survey(tuple(Profile(name, tuple(layers())) for name, layers in NETWORKS.items()))
