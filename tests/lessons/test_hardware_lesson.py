"""Lesson 4: its panels and pictures, its area, its core as a datapath, and what its exercises know."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import kernels
from kernels import probe
from workbook.accelerator import area, datapath
from workbook.accelerator.area import KINDS, area_mm2, design, square
from workbook.accelerator.datapath import Datapath
from workbook.accelerator.datapath_table import evaluate
from workbook.accelerator.layer_cost import cost
from workbook.accelerator.on_chip import OnChip
from workbook.accelerator.on_chip_traffic import traffic
from workbook.accelerator.tiles import Shape, Tile, tiles
from workbook.accelerator.timeline import timeline, totals
from workbook.accelerator.validation import validation
from workbook.drawing import look
from workbook.lessonkit.reference import reference
from workbook.lessons import hardware as lesson
from workbook.lessons.hardware import charts, claims, exercises, figures, model, one_core, panels
from workbook.measuring.roofline import Roofline
from workbook.measuring.this_machine import MEMORY
from workbook.measuring.topologies import ConvLayer

X1 = model.X1


class TestArea:
    def test_one_lane_and_one_kilobyte_by_hand(self) -> None:
        """A multiplier of 282 + 137 square micrometres and 48 flip-flops; 8192 bits of 0.346, half of it cells."""
        one, unit = X1.but(macs=1, array=Datapath(), sram_kb=1), 419 + 48 * 4.522
        assert area_mm2(one) == pytest.approx((unit + 8192 * 0.692) * 1e-6)
        assert area_mm2(one, 0.5) - area_mm2(one) == pytest.approx(unit * 1e-6 / 2)

    @pytest.mark.parametrize("overhead", [-0.1, math.nan])
    def test_bad_overhead_is_named(self, overhead: float) -> None:
        with pytest.raises(ValueError, match=f"overhead must be 0 or more, not {overhead}"):
            area_mm2(X1, overhead)

    def test_only_a_flexible_datapath_pays(self) -> None:
        fixed, flexible = (design(512, 512, kind) for kind in ("best fixed", "reconfigured"))
        assert flexible.area_mm2 - fixed.area_mm2 == pytest.approx(512 * (419 + 48 * 4.522) * 1e-6 * 0.2)
        assert flexible.fps >= fixed.fps

    def test_kinds_are_in_order(self) -> None:
        for multipliers in (64, 1024):
            fps = [design(multipliers, 1024, kind).fps for kind in KINDS]
            assert fps == sorted(fps)

    def test_power_is_energy_over_time(self) -> None:
        found = design(256, 512)
        assert found.watts == pytest.approx(found.schedule.mj_per_image * 1e-3 * found.fps)

    def test_it_says_what_it_is(self) -> None:
        found = design(1024, 2048, "reconfigured")
        assert str(found).startswith("1024 multipliers, 2048 KB, reconfigured: ")
        assert f"{found.fps:,.0f} images/s" in str(found)

    def test_the_word_of_version_0_1_is_taken(self) -> None:
        assert design(1024, 2048, "laid anew") == design(1024, 2048, "reconfigured")
        assert exercises.DECIDE.check((4096, 2048, "laid anew")) == exercises.DECIDE.check((4096, 2048, "reconfigured"))

    @pytest.mark.parametrize("multipliers", [1, 2, 64, 128, 4096, 100])
    def test_square(self, multipliers: int) -> None:
        path = square(multipliers)
        assert path.multipliers == 1 << (multipliers.bit_length() - 1)
        assert path.K in (path.C, 2 * path.C)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ((0, 512), "multipliers must be a whole number from 1 on, not 0"),
            ((2.5, 512), r"not 2\.5"),
            ((True, 512), "not True"),
            ((64, 0), "sram_kb must be above 0"),
            ((64, 512, "best"), "kind must be one of square array, best fixed, reconfigured, not 'best'"),
        ],
    )
    def test_bad_designs_are_named(self, arguments: tuple[object, ...], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            design(*arguments)

    def test_bad_network_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"network must be one of resnet50, .*, not 'lenet'"):
            design(64, 512, network="lenet")


class TestModel:
    def test_step_of_the_x1_is_among_the_times(self) -> None:
        assert model.SWITCH_SECONDS[model.STEP] == pytest.approx(lesson.switch_seconds(X1))
        assert list(model.SWITCH_SECONDS) == sorted(set(model.SWITCH_SECONDS))
        assert (model.SWITCH_SECONDS[0], model.SWITCH_SECONDS[-1]) == (pytest.approx(1e-8), 1e-2)

    @pytest.mark.parametrize("C", [0, 3, 6])
    @pytest.mark.parametrize("K", [0, 6])
    @pytest.mark.parametrize("group", [0, 6])
    def test_every_choice_uses_all_multipliers(self, C: int, K: int, group: int) -> None:
        path = model.powers(C, K, group)
        assert (path.multipliers, path.C, path.K) == (4096, 1 << C, 1 << K)

    @pytest.mark.parametrize("kind", model.LAYERS)
    def test_best_datapath_is_as_good_as_every_choice(self, kind: str) -> None:
        laid = model.laid(4, 4, kind)
        assert laid.landscape[4, 4] == laid.yours.utilisation
        assert laid.landscape[6, 6] == laid.textbook.utilisation
        assert laid.best.cycles <= min(laid.yours.cycles, laid.textbook.cycles)
        for C in range(7):
            assert laid.best.cycles <= cost(laid.yours.layer, model.powers(C, 6 - C, 3), X1).cycles

    @pytest.mark.parametrize("network", ["resnet50", "mobilenet_v2"])
    def test_curve_and_lines_agree(self, network: str) -> None:
        for step in (0, model.STEP, len(model.SWITCH_SECONDS) - 1):
            shown = model.switched(step, network, "no DRAM limit")
            assert shown.lines.reconfigured.seconds == pytest.approx(shown.curve.reconfigured_seconds[step])
            assert shown.every_layer[step] >= shown.curve.reconfigured_seconds[step] * (1 - 1e-12)
            assert shown.lines.oracle.seconds <= shown.lines.reconfigured.seconds <= shown.lines.fixed.seconds
        assert shown.lines.reconfigured.switches == 0, "10 ms a switch"

    def test_x1_is_the_default_of_the_lines(self) -> None:
        shown = model.switched(model.STEP, "mobilenet_v2", "DRAM, fused")
        direct = lesson.five_lines(*lesson.setting("mobilenet_v2", "DRAM, fused"))
        assert [line.seconds for line in shown.lines] == pytest.approx([line.seconds for line in direct])

    def test_settings(self) -> None:
        (plain, endless), (stay, _), (fused, x1), (by_layer, _), (_, unbound) = (
            lesson.setting("vgg16", memory, 2) for memory in lesson.MEMORIES
        )
        assert stay.batch == 2
        assert all(layer.weights_on_chip for layer in lesson.setting("mobilenet_v2", lesson.MEMORIES[1])[0].layers)
        assert not any(layer.weights_on_chip for layer in fused.layers)
        assert endless.dram_gbs == unbound.dram_gbs == math.inf
        assert (endless.on_chip, unbound.on_chip) == (X1.on_chip, OnChip())
        assert x1 == X1
        assert plain == by_layer
        assert any(layer.input_on_chip for layer in fused.layers)
        assert plain.batch == fused.batch == 2

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [(("lenet",), "network must be one of resnet50"), (("vgg16", "SRAM"), "memory must be one of 'no DRAM limit'")],
    )
    def test_bad_settings_are_named(self, arguments: tuple[str, ...], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            lesson.setting(*arguments)

    def test_layers_that_are_not_there_are_named(self) -> None:
        with pytest.raises(ValueError, match="resnet50 has no layer 'conv9'; it has conv1, "):
            lesson.layer("resnet50", "conv9")


class TestPanels:
    def test_layer_says_what_the_cost_is(self) -> None:
        panel = panels.layer()
        panel.set(C=64, K=64, kind="3x3 deep")
        found = cost(lesson.layer("resnet50", "conv5_2.3x3"), Datapath(64, 64), X1)
        said = f"64 C x 64 K, {found.mode}, {found.traffic.stay} stay: {found.cycles:,.0f} cycles, "
        said += f"{found.utilisation:.1%} of 4096"
        assert said in panel.readout
        assert "along groups" not in panel.readout
        panel.set(group=8)
        assert panel.readout.endswith("C x K leave room for 1 along groups, not 8")

    def test_switch_says_from_when_on_it_never_pays(self) -> None:
        panel = panels.switch()
        panel.set(network="resnet50", memory="DRAM, layer by layer")
        assert panel.readout.endswith("Never pays")
        panel.set(network="mobilenet_v2", memory="no DRAM limit", seconds=1e-8)
        lines = lesson.five_lines(*lesson.setting("mobilenet_v2"))
        assert f"fixed {lines.fixed.seconds * 1e3:.3f} ms" in panel.readout
        assert "a switch takes 10 ns" in panel.readout
        assert ", ports of 256 bytes a cycle, " in panel.readout
        assert "Pays up to 12 µs. The first frame takes " in panel.readout
        assert panel.readout.endswith(" ms, without the way back")
        panel.set(memory="no limit")
        assert "Pays up to 17.9 µs. The first frame takes " in panel.readout
        assert "ports" not in panel.readout

    def test_wider_ports_gain_more(self) -> None:
        """The answer to when flexible hardware pays, in one panel: no gain on narrow ports, however short a switch."""
        at = {ports: model.switched(0, "mobilenet_v2", "no DRAM limit", ports).lines for ports in (16, 256, 4096)}
        gains = [lines.gain() for lines in at.values()]
        assert gains == sorted(gains)
        assert gains[0] == pytest.approx(1, abs=0.01)
        assert gains[-1] > 1.9

    def test_design_is_the_lesson_s(self) -> None:
        panel = panels.design()
        panel.set(multipliers=2048, memory=2048, kind="best fixed")
        found = lesson.design(2048, 2048, "best fixed")
        assert f"{found.area_mm2:.2f} mm²" in panel.readout
        assert f"{found.watts:.2f} W, {found.fps:,.0f} images/s" in panel.readout

    @pytest.mark.parametrize("name", ["", "window", None])
    def test_explore_says_which_panels_there_are(self, name: str) -> None:
        with pytest.raises(ValueError, match="layer, switch, pays, design"):
            lesson.explore(name)


class TestPays:
    def test_the_map_is_what_the_lines_say(self) -> None:
        shown = model.paying(4e-6, 256, "mobilenet_v2")
        i, j = shown.at
        assert shown.gains.shape == (len(model.PAY_PORTS), len(model.PAY_SECONDS))
        assert shown.gains[j, i] == pytest.approx(shown.lines.gain())
        assert f"{shown.lines.gain():.3f}×" in figures.paying_readout(shown)
        direct = lesson.five_lines(*lesson.setting("mobilenet_v2"))
        assert shown.lines.gain() == pytest.approx(direct.gain())

    @pytest.mark.parametrize("network", ["resnet50", "mobilenet_v2"])
    def test_a_faster_switch_never_gains_less(self, network: str) -> None:
        gains = model.paying(1e-8, 32, network).gains
        assert (np.diff(gains, axis=1) <= 1e-12).all()
        assert gains.min() >= 1 - 1e-12

    def test_tiles_are_found_once_for_all_ports(self) -> None:
        """They depend on no port, so the map of a new network takes the time of one row, not of seven."""
        workload, machine = model.setting("yolov3_416", model.ENDLESS)
        evaluate(workload, machine.but(on_chip=OnChip(32, 32, 32)))
        before = tiles.cache_info().misses
        evaluate(workload, machine.but(on_chip=OnChip(48, 96, 192)))
        assert tiles.cache_info().misses == before


class TestPictures:
    def test_roofline_says_how_busy_the_lanes_are(self) -> None:
        picture = lesson.roofline(("resnet50",))
        lines = lesson.five_lines(*lesson.setting("resnet50"))
        assert picture.text.startswith("hardware.roofline: 64 C x 64 K; ")
        assert picture.text.endswith(f"resnet50 {lines.textbook.utilisation:.1%}")

    def test_roofline_shows_every_layer(self) -> None:
        network, machine = lesson.setting("mobilenet_v2")
        with look():
            figure = charts.roofline_figure([lesson.five_lines(network, machine).fixed], X1)
        (dots,) = (line for line in figure.axes[0].lines if line.get_label() == "mobilenet_v2")
        assert len(dots.get_xdata()) == len(network.layers)
        roof = np.minimum(np.asarray(dots.get_xdata()) / X1.ridge, X1.winograd.gain)
        assert (np.asarray(dots.get_ydata()) <= roof * (1 + 1e-12)).all(), "a mark above the roof"

    def test_gantt_adds_up(self) -> None:
        lines = lesson.five_lines(*lesson.setting("mobilenet_v2", "DRAM, fused"))
        spent = totals(timeline(lines.reconfigured))
        assert spent["compute"] + spent["stall"] + spent["configuration"] == pytest.approx(lines.reconfigured.seconds)
        assert f"configuration {spent['configuration'] * 1e6:.1f} us" in lesson.gantt(lines.reconfigured).text

    def test_gantt_needs_a_schedule(self) -> None:
        with pytest.raises(ValueError, match="at least one schedule"):
            lesson.gantt()


@pytest.fixture(scope="module")
def reach() -> one_core.Reach:
    return one_core.reach(guess=7, seconds=0.02)


class TestCore:
    def test_layers_have_the_sizes_of_the_model_s(self) -> None:
        for kind, (network, name) in model.LAYERS.items():
            here, there = one_core.conv_layer(kind), lesson.layer(network, name)
            assert (here.C, here.K, here.P, here.Q, here.R, here.groups) == (
                there.C, there.K, there.P, there.Q, there.R, there.groups
            )  # fmt: skip
            assert here.macs == there.macs

    def test_fully_connected_is_no_convolution_of_the_tables(self) -> None:
        assert one_core.conv_layer("fully connected") == ConvLayer("fc1000", 2048, 1, 1, 1000)

    def test_tile_is_the_micro_kernel_s(self) -> None:
        if not kernels.isa().startswith("v4"):
            pytest.skip(f"{kernels.isa()} is not the reference machine's instruction set")
        assert (one_core.TILE.K, one_core.TILE.pixel) == (probe.tile_shape()[0], probe.lanes())

    def test_core_reaches_its_peak_on_a_layer_that_fits(self) -> None:
        machine = one_core.core(Roofline(50, {MEMORY: 20}))
        assert machine.macs * machine.clock_hz == pytest.approx(50e9)
        assert machine.dram_gbs == 20

    def test_model_orders_dense_and_idle_layers_as_the_reference_machine_does(self) -> None:
        rates = {kind: reference().value(f"hardware.{one_core.result_id(kind)}") for kind in model.LAYERS}
        idle = {"depthwise wide", "depthwise small", "fully connected"}
        assert max(rates[kind] for kind in idle) < min(rates[kind] for kind in rates if kind not in idle)
        predicted = {kind: one_core.predicted_rate(kind) for kind in rates}
        assert max(predicted[kind] for kind in idle) < min(predicted[kind] for kind in rates if kind not in idle)
        for kind, rate in rates.items():
            assert rate <= 1.1 * predicted[kind], f"{kind} is faster than the model allows"

    def test_table_marks_every_measured_number(self, reach: one_core.Reach) -> None:
        rates, moved, beside = (part.splitlines() for part in str(reach).split("\n\n"))
        assert len(rates) == len(moved) == 1 + len(model.LAYERS)
        assert all(line.count("[measured]") == 1 for line in rates[1:])
        assert all(line.count("[measured]") == 2 for line in moved[1:])
        starts = ("one core", "another program: ", "predicted: ", "reference: ", "[machine]")
        assert all(line.startswith(starts) for line in beside)
        assert "you guessed 7 x" in str(reach)
        assert "you did not guess" in str(one_core.Reach(reach.times))

    def test_numbers_are_those_of_the_times(self, reach: one_core.Reach) -> None:
        kept = one_core.numbers(reach)
        for kind, times in reach.times.items():
            assert kept[one_core.result_id(kind)] == one_core.conv_layer(kind).macs / times[one_core.FIXED].median / 1e9
        assert kept["core.spread"] == max(reach.rates.values()) / min(reach.rates.values())
        assert kept["core.gain"] == max(reach.gains.values()) >= 1

    def test_measurements_are_on_the_reference_machine(self, reach: one_core.Reach) -> None:
        assert {f"hardware.{id}" for id in one_core.numbers(reach)} <= set(reference().values)


def test_sources_are_the_text_that_runs() -> None:
    assert lesson.source("cycles").text == inspect.getsource(datapath.cycles)
    for name in ("datapath_costs", "datapath_search"):
        assert lesson.source(name).text == kernels.source(name)
    with pytest.raises(ValueError, match="datapath_costs"):
        lesson.source("fastest")


def test_validation_shows_every_row_and_what_nobody_can_check() -> None:
    report = lesson.validation()
    (shown,) = (text for form, text in report._repr_mimebundle_().items() if form == "text/markdown")
    assert all(row.check in shown for row in validation())
    _, _, table = shown.split("Nothing public can check:")[0].partition("These fail:")
    table, _, _ = table.strip().partition("\n\n")
    listed = [line.strip("| ").split(" | ")[:2] for line in table.splitlines()[2:]]
    assert listed == [[row.check, row.case] for row in validation() if not row.holds]
    assert str(report).startswith(f"{len(validation())} rows, {sum(row.holds for row in validation())} hold\n")
    for text in (shown, str(report)):
        assert "Nothing public can check" in text or "nothing public checks" in text
        assert "A switch of 4 us" in text


class TestExercises:
    def test_bytes_of_the_first_are_the_model_s(self) -> None:
        """Both dataflows, as `traffic` counts them for one tile."""
        ways = traffic(Shape(exercises.LAYER, 1), Tile("weights", 1, 64, 256, 14, 14, 0), exercises.PATH, OnChip())
        counted = {way.stay: way.bytes for way in ways}
        way, size = exercises.what_stays()
        assert counted[way] == size
        (other,) = (mistake for mistake in exercises.READ.mistakes if mistake.name == "the other dataflow")
        assert other.answer == ("outputs", counted["outputs"])
        assert counted["outputs"] > size

    def test_break_even_is_the_model_s_for_two_datapaths(self) -> None:
        """At the time that the exercise computes a stream gains nothing; a hair below it switches once, and back."""
        random = np.random.default_rng(4)
        for _ in range(20):
            on_a, on_b = random.integers(1, 99, (2, 6)).tolist()
            longest = exercises.break_even(on_a, on_b, 3)
            fixed = 3 * min(sum(on_a), sum(on_b))
            turns = min(3 * (sum(on_a[:i]) + sum(on_b[i:])) for i in range(1, 6))
            assert turns + 2 * longest >= fixed
            assert longest == 0 or turns + 2 * 0.99 * longest < fixed

    def test_several_designs_are_right_and_flexible_and_fixed_are_among_them(self) -> None:
        found = exercises.pareto_set()
        assert len(found) >= 3
        assert {one.kind for one in found} == set(exercises.CHOICES)
        for one in found:
            answer = one.machine.macs, int(one.machine.sram_kb), one.kind
            assert "no other betters it" in exercises.DECIDE.check(answer).message
            assert not any(other.fps > one.fps and other.area_mm2 < one.area_mm2 for other in found)

    @pytest.mark.parametrize("answer", [(300, 512, "best fixed"), (256, 100, "best fixed"), (256, 512, "square array")])
    def test_other_designs_are_refused_with_those_there_are(self, answer: tuple[object, ...]) -> None:
        outcome = exercises.DECIDE.check(answer)
        assert outcome.kind == "error"
        assert "256, 512, 1024, 2048, 4096 multipliers" in outcome.message


def test_hand_counts_of_the_idea() -> None:
    """4 x 4 rounds for 4 pixels, and 2 cycles of fill; 16 x 16 rounds of 16 multipliers; and so on."""
    values = {claim.id: claim.value for claim in claims.CLAIMS if ".hand." in claim.id}
    assert values == {
        "hardware.hand.array.dense": 4 * 4 * 4 + 2,
        "hardware.hand.array.depthwise": 16 * 16 * 9 + 2,
        "hardware.hand.pixels.dense": 16 * 16,
        "hardware.hand.pixels.depthwise": 16 * 9,
    }


def test_kinds_are_those_of_the_panel() -> None:
    assert panels.design().declared["kind"].values == area.KINDS
