"""A network that collapses in INT8, and what rescues it: one scale for a layer, or one for each filter.

The depthwise network loses a good part of its accuracy as it was trained. RESCALED is the same network with channels
divided by powers of 2 and the next layer's weights multiplied by them: in float32 it gives the same answers, bit for
bit. Networks with depthwise layers often look like that when their training ends (Nagel et al., arXiv:1906.04721).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from workbook.lessons.quantization.trained import DIGITS, accuracy, change, images, network, recipe, right_in_float
from workbook.measuring.intervals import Interval
from workbook.plain_text import Text
from workbook.quantize.layer_errors import Report, report
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantize

SCHEMES = {
    "a scale for the layer": Scheme(per_channel=False),
    "the same, bias corrected": Scheme(per_channel=False, bias_correction=True),
    "the same, equalised": Scheme(per_channel=False, equalise=True),
    "a scale for each filter": Scheme(),
}
WOUNDED = "digits_depthwise"  # whose layers return to float32, one by one
_REPORTED = 16  # digits that the report looks at


@dataclass(frozen=True)
class Rescue(Text):
    """The accuracy of each network by each scheme.

    Attributes
    ----------
    in_float : dict of str to float
        By network.
    changes : dict of str to dict of str to Interval
        By scheme, then by network: the change of the accuracy.
    """

    in_float: dict[str, float]
    changes: dict[str, dict[str, Interval]]

    def __str__(self) -> str:
        names = {name: name.split(", ")[-1] for name in self.in_float}

        def line(head: str, shares: Mapping[str, float]) -> str:
            return f"{head:<25}" + "".join(f"{shares[name]:>{len(short) + 2}.1%}" for name, short in names.items())

        lines = [f"{'accuracy':<25}" + "".join(f"  {short}" for short in names.values())]
        lines.append(line("float32", self.in_float))
        for scheme, changes in self.changes.items():
            lines.append(line(scheme, {name: self.in_float[name] + found.value for name, found in changes.items()}))
        widest = max((c for changes in self.changes.values() for c in changes.values()), key=lambda c: c.high - c.low)
        half = 50 * (widest.high - widest.low)
        lines.append(f"the 95 % interval of each change reaches {half:.0f} points to either side at most")
        return "\n".join(lines)

    __repr__ = __str__


def rescue() -> Rescue:
    """Quantize each network of digits by each scheme; some seconds the first time."""
    return Rescue(
        {name: float(right_in_float(name).mean()) for name in DIGITS},
        {scheme: {name: changed(name, scheme) for name in DIGITS} for scheme in SCHEMES},
    )


@cache
def changed(name: str, scheme: str) -> Interval:
    """Return what a scheme of SCHEMES changes in the accuracy of a network of digits."""
    return change(name, quantize(network(name), recipe(name, SCHEMES[scheme])))


def accuracy_with(exclude: tuple[str, ...] = ()) -> float:
    """Return the accuracy of WOUNDED, one scale for a layer, with some layers left in float32.

    Raises
    ------
    ValueError
        For a layer that is not there; the message lists those that are.
    """
    return _accuracy_with(tuple(exclude))


@cache
def _accuracy_with(exclude: tuple[str, ...]) -> float:
    scheme = Scheme(per_channel=False, exclude=exclude)
    return accuracy(quantize(network(WOUNDED), recipe(WOUNDED, scheme)))


def layer_report() -> Report:
    """Look at each layer of WOUNDED, one scale for a layer."""
    shared = recipe(WOUNDED, Scheme(per_channel=False))
    return report(network(WOUNDED), shared, images(WOUNDED, _REPORTED))
