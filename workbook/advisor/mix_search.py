"""The best mix of float32 and bytes whose loss stays within a budget.

The minimum cut finds the fastest mix. If that loses too much, each layer on bytes is charged for the noise that it
brings, more and more, and the cut is made again, until what is left is within the budget: the noises of layers add up
about as their squares do, so a price for each is a price for all. Noise is measured of neighbouring layers together,
since a network of its own for each layer would take minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workbook.advisor import evidence
from workbook.advisor.evidence import Outputs
from workbook.advisor.layer_times import array_bytes, conversion_rates, fastest, parts_of
from workbook.advisor.mix import best_mix
from workbook.advisor.network_race import Raced
from workbook.advisor.programs import BASE, BYTES, FLOAT, network, on_bytes
from workbook.graphs.graph import Array
from workbook.network import Network
from workbook.quantize.calibration import Recipe, prepared
from workbook.quantize.scheme import Scheme
from workbook.quantize.to_bytes import quantized

_WEIGHTS = (1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100)  # of a layer's noise beside its time
_GROUPS = 12  # of neighbouring layers whose noise is measured
_MOST = 1e9  # of a noise over the budget: a price stays finite


@dataclass(frozen=True)
class Mixing:
    """What a mix is made of.

    Attributes
    ----------
    base : Network
        In float32.
    small : Network
        On bytes.
    recipe : Recipe
    times : mapping of str to mapping of str to float
        Seconds of each layer by each program.
    raced : mapping of str to Raced
        Of BASE and BYTES.
    threads : int or None
    """

    base: Network
    small: Network
    recipe: Recipe
    times: Mapping[str, Mapping[str, float]]
    raced: Mapping[str, Raced]
    threads: int | None

    def plan(self, mixed: frozenset[str]) -> dict[str, str]:
        """Return the program of each layer, if these are on bytes."""
        return {name: BYTES if name in mixed else fastest(seconds, FLOAT) for name, seconds in self.times.items()}

    def network(self, mixed: frozenset[str]) -> Network:
        """Return the network with these layers on bytes."""
        if not mixed:
            return network(self.base.graph, self.plan(mixed), self.threads, [self.base])
        left = tuple(sorted(on_bytes(self.small.graph) - mixed))
        scheme = Scheme(exclude=left)
        graph = quantized(prepared(self.base.graph, scheme), replace(self.recipe, scheme=scheme))
        return network(graph, self.plan(mixed), self.threads)

    def prices(self, feed: Mapping[str, Array]) -> tuple[Mapping[str, float], ...]:
        """Return what `best_mix` takes: seconds of each node in both forms, and of converting each array."""
        floats = {node.name: self.raced[BASE].nodes.get(node.name, 0.0) for node in self.base.graph.nodes}
        floats |= {name: seconds[fastest(seconds, FLOAT)] for name, seconds in self.times.items()}
        parts, able = parts_of(self.small, self.raced[BYTES]), on_bytes(self.small.graph)
        numbers = {name: bytes / 4 for name, bytes in array_bytes(self.base, feed).items()}
        to_bytes, to_floats = ({name: count * rate for name, count in numbers.items()} for rate in conversion_rates())
        return floats, {name: parts[name] for name in able & parts.keys()}, to_bytes, to_floats


def search(
    mixing: Mixing, feeds: Sequence[Mapping[str, Array]], exact: Sequence[Outputs], max_loss: float
) -> tuple[frozenset[str], Network]:
    """Return the layers on bytes, maybe none, and the network.

    Parameters
    ----------
    mixing : Mixing
    feeds : sequence of mapping of str to array
        To find losses on: none of those that judge the result.
    exact : sequence of outputs
        For these.
    max_loss : float
    """

    def loss_of(net: Network) -> float:
        return max(evidence.losses([net.run(feed) for feed in feeds], exact))

    floats, as_bytes, to_bytes, to_floats = mixing.prices(feeds[0])
    mixed = best_mix(mixing.base.graph, floats, as_bytes, to_bytes, to_floats)
    net = mixing.network(mixed)
    if not mixed or loss_of(net) <= max_loss:
        return mixed, net
    noise = _noises(mixing, mixed, feeds[0], exact[0])
    whole, tried = sum(floats.values()), mixed
    for weight in _WEIGHTS:
        prices = {name: weight * whole * min(noise[name] / max_loss**2, _MOST) for name in mixed} if max_loss else {}
        dear = {name: as_bytes[name] + price for name, price in prices.items()}
        fewer = best_mix(mixing.base.graph, floats, dear, to_bytes, to_floats)
        if not fewer:
            break
        if fewer != tried:
            tried, net = fewer, mixing.network(fewer)
            if loss_of(net) <= max_loss:
                return fewer, net
    return frozenset(), mixing.network(frozenset())


def _noises(mixing: Mixing, mixed: frozenset[str], feed: Mapping[str, Array], exact: Outputs) -> dict[str, float]:
    """Return the square of the loss that each layer brings, about: an equal part of its group's."""
    names = [name for name in mixing.times if name in mixed]
    names += sorted(mixed - set(names))  # what is on bytes and no layer, such as a pool
    size, noises = -(-len(names) // _GROUPS), dict[str, float]()
    for start in range(0, len(names), size):
        group = names[start : start + size]
        (loss,) = evidence.losses([mixing.network(frozenset(group)).run(feed)], [exact])
        noises |= dict.fromkeys(group, loss**2 / len(group))
    return noises
