"""The kernels' programs of a network: each layer by each of them, the best ones as whole networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbook.advisor import layer_times, mix_search
from workbook.advisor.analysis_result import MIX, Fusion
from workbook.advisor.entries import Entries, Entry
from workbook.advisor.evidence import Outputs
from workbook.advisor.layer_work import Work, layers
from workbook.advisor.mix_search import Mixing
from workbook.advisor.naive_estimate import naive_seconds
from workbook.advisor.network_race import Raced, clock, race
from workbook.advisor.programs import AUTO, BASE, BEST_FLOAT, BYTES, BYTES_DIRECT, FLOAT, WINOGRAD, network, on_bytes
from workbook.graphs.graph import Array
from workbook.graphs.passes import split
from workbook.network import Graph, Network
from workbook.quantize.calibration import Recipe, calibrate, prepared
from workbook.quantize.to_bytes import quantized

_QUANTIZE = ("QuantizeLinear", "DynamicQuantizeLinear")


@dataclass
class OwnPrograms:
    """The networks of the kernels, and what their layers take.

    Attributes
    ----------
    graph : Graph
    entries : Entries
        Takes what runs.
    seconds : float or None
        To spend on a comparison.
    works : tuple of Work
        The layers; none, if none of them is a convolution of two dimensions.
    first : str
        The program that is there from the beginning, whose network is `base`: BASE, or AUTO if there are no layers.
    raced : dict of str to Raced
        The networks whose layers run all by one program.
    slow : dict of str to float
        Seconds of the layers by the definition.
    small : Network or None
        On bytes.
    recipe : Recipe or None
        By which it was made.
    """

    graph: Graph
    entries: Entries
    seconds: float | None
    works: tuple[Work, ...] = ()
    raced: dict[str, Raced] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    small: Network | None = None
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        self.threads, self.feed = self.entries.threads, self.entries.feed
        self.tick = clock(self.threads)
        self._made = list[Network]()
        self.base = self._network({})
        native = {layer.name for layer in self.base.layers.rows if layer.native}
        works = tuple(work for work in layers(self.base, self.feed, self.threads) if work.name in native)
        self.works = works if any(work.explanation for work in works) else ()
        self.first = BASE if self.works else AUTO
        if not self.works:
            self.base = Network(self.graph, threads=self.threads)
        self.entries.take(self.first, lambda: Entry.ours(self.base, {work.name: BASE for work in self.works}))

    def times(self) -> dict[str, dict[str, float]]:
        """Return the seconds of each layer by each program that can run it."""
        return {work.name: layer_times.times(work, self.raced, self.slow, self.small) for work in self.works}

    def race_layers(self) -> None:
        """Time each layer by each program in float32; a network without layers as it is."""
        plans = {
            program: {work.name: program for work in self.works if program in work.eligible or program == AUTO}
            for program in (*FLOAT[1:], AUTO)
        }
        made = {self.first: self.base}
        for program, plan in plans.items() if self.works else ():
            net = self.entries.attempt(program, lambda plan=plan: self._network(plan))  # type: ignore[misc]
            if net:
                made[program] = net
        self.raced = self._race(made)
        self.auto = made[AUTO] if AUTO in self.raced else None

    def estimate_naive(self) -> None:
        """Time pieces of the layers by the definition."""
        estimate = lambda: naive_seconds(self.works, self.graph.constants, self.tick)  # noqa: E731
        self.slow = self.entries.attempt(layer_times.NAIVE, estimate) or {}

    def calibrate(self, feeds: Sequence[Mapping[str, Array]]) -> tuple[str, ...]:
        """Quantize the network and time each layer on bytes; return why that cannot be, or need not, if so."""
        if not self.works and any(node.op in _QUANTIZE for node in self.graph.nodes):
            return ("it is quantized already: give the float32 model, whose layers are compared",)
        try:
            recipe = calibrate(self.base, feeds)
        except (ValueError, ArithmeticError, LookupError, TypeError, MemoryError) as error:
            return (f"it is not quantized: {error}",)
        made = lambda: Network(quantized(prepared(self.graph, recipe.scheme), recipe), threads=self.threads)  # noqa: E731
        small = self.entries.attempt(BYTES, made)
        if small and not on_bytes(small.graph):
            return ("it is not quantized: it has no operator that computes on bytes here",)
        raced = self._race({self.first: self.base, BYTES: small}) if small else {}
        if BYTES in raced:
            self.small, self.recipe, self.raced[BYTES] = small, recipe, raced[BYTES]
        return ()

    def take_floats(self) -> None:
        """Take the rungs in float32."""
        if not self.works:
            return
        times = self.times()
        for name, able in (("winograd", (BASE, *WINOGRAD)), (BEST_FLOAT, FLOAT)):
            plan = {layer: layer_times.fastest(seconds, able) for layer, seconds in times.items()}
            made = lambda plan=plan: Entry.ours(self._network(plan), plan)  # noqa: E731
            self.entries.take(name, made)
        self._made = [self.base]  # what no other network took from the others goes
        if self.auto:
            auto = self.auto
            self.entries.take(AUTO, lambda: Entry.ours(auto, dict.fromkeys(times, AUTO)))

    def take_bytes(
        self, feeds: Sequence[Mapping[str, Array]], exact: Sequence[Outputs], max_loss: float
    ) -> layer_times.Spent | None:
        """Take the network on bytes and the mix; return where the first one's time goes, None without it or layers.

        Parameters
        ----------
        feeds : sequence of mapping of str to array
            On which the mix is tried.
        exact : sequence of outputs
            For these.
        max_loss : float
            Of the mix.
        """
        if not self.small or not self.recipe:
            return None
        small, times = self.small, self.times()
        mixing = Mixing(self.base, small, self.recipe, times, self.raced, self.threads)
        plan = {layer: BYTES if BYTES in seconds else BASE for layer, seconds in times.items()}

        def direct() -> Entry:
            return Entry.ours(Network(small.graph, threads=self.threads, integer_algorithm="direct"), plan)

        if any(program in WINOGRAD for work in self.works for program in work.eligible):
            self.entries.take(BYTES_DIRECT, direct)
        self.entries.take(BYTES, lambda: Entry.ours(small, plan))
        if not self.works:
            return None

        def mix() -> Entry:
            mixed, net = mix_search.search(mixing, feeds, exact, max_loss)
            return Entry.ours(net, mixing.plan(mixed))

        self.entries.take(MIX, mix)
        return layer_times.spent(self.works, times, small, self.raced[BYTES])

    def fusion(self) -> Fusion | None:
        """Measure the matrix products beside the same with activations and sums as nodes of their own."""

        def measured() -> Fusion:
            apart = Network(split(self.base.graph, lambda node: bool(node.fused)), threads=self.threads)
            both = {"fused": self.base, "apart": apart}
            raced = race(both, self.feed, seconds=self.seconds, clock=self.tick)
            fused, unfused = (
                layer_times.traffic(net.graph, layer_times.array_bytes(net, self.feed)) for net in both.values()
            )
            return Fusion(raced["fused"].whole.median, raced["apart"].whole.median, fused, unfused)

        if not self.works or not any(node.fused for node in self.base.graph.nodes):
            return None
        return self.entries.attempt("im2col, nothing fused", measured)

    def _network(self, plan: Mapping[str, str]) -> Network:
        """Return a network whose layers run by these programs; those that another one has are packed once for both."""
        made = network(self.graph, plan, self.threads, self._made)
        self._made.append(made)
        return made

    def _race(self, networks: Mapping[str, Network]) -> dict[str, Raced]:
        def failed(name: str, error: Exception) -> None:
            if name == self.first:
                raise error
            self.entries.drop(name, error)

        return race(networks, self.feed, seconds=self.seconds, clock=self.tick, on_failure=failed)
