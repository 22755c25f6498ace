"""An analysis: its rungs compute the same network, its numbers fit each other, its parts say what they leave out."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbook import models
from workbook.accelerator.presets import PRESETS
from workbook.advisor import advice, analysis_report, analysis_table, programs
from workbook.advisor.analysis import analyze
from workbook.advisor.analysis_result import EXACT, MIX, Analysis
from workbook.advisor.input_images import JUDGES, Images, noise
from workbook.advisor.layer_times import NAIVE
from workbook.advisor.layer_work import layers
from workbook.advisor.naive_estimate import naive_seconds
from workbook.advisor.network_race import clock, race
from workbook.graphs.graph import Port
from workbook.lessons.analysis import seeded_resnet50
from workbook.measuring.made import Made
from workbook.measuring.topologies import resnet50
from workbook.network import Graph, Network, Node
from workbook.peers.whole_networks import PEERS


class TestLayers:
    def test_multiply_adds_are_those_of_the_profile(self) -> None:
        net = models.load("digits_depthwise", threads=1)
        x = np.zeros((1, 1, 28, 28), np.float32)
        assert sum(work.layer.macs for work in layers(net, x)) == net.profile(x, seconds=0).macs

    def test_only_three_by_three_layers_of_stride_1_are_eligible(self) -> None:
        net = Network(seeded_resnet50.resnet50(), threads=1)
        works = layers(net, np.zeros((1, 3, 64, 64), np.float32))
        able = {work.name for work in works if "winograd_f4" in work.eligible}
        assert able == {layer.name for layer in resnet50() if (layer.R, layer.stride) == (3, 1)}
        assert works[-1].eligible == ("product",)

    def test_seeded_resnet50_has_the_published_multiply_adds(self) -> None:
        net = Network(seeded_resnet50.resnet50(), threads=1)
        works = layers(net, np.zeros((1, 3, 224, 224), np.float32))
        convolutions = sum(work.layer.macs for work in works if work.explanation)
        assert convolutions == sum(layer.macs for layer in resnet50())


class TestPrograms:
    def test_each_convolution_runs_by_its_own(self, random: np.random.Generator) -> None:
        net = models.load("denoiser", threads=1)
        x = random.random((1, 1, 32, 32), np.float32)
        mixed = programs.network(net.graph, {"conv2": "winograd_f4", "conv3": "naive"}, 1)
        assert [n.attributes["algorithm"] for n in mixed.graph.nodes if n.op == "Conv"][:4] == [
            "im2col",
            "winograd_f4",
            "naive",
            "im2col",
        ]
        np.testing.assert_allclose(mixed(x), net(x), atol=1e-5)

    def test_an_algorithm_that_cannot_run_is_refused(self) -> None:
        net = models.load("digits_depthwise", threads=1)
        with pytest.raises(ValueError, match="winograd_f4"):
            programs.network(net.graph, dict.fromkeys((n.name for n in net.graph.nodes), "winograd_f4"), 1)

    def test_conversions_turn_numbers_to_bytes_and_back(self, random: np.random.Generator) -> None:
        x = random.uniform(-1, 1, (1, 1, 4, 4)).astype(np.float32)
        np.testing.assert_allclose(programs.conversions()(x), x, atol=1 / 128 + 1e-6)


class TestRace:
    def test_every_node_has_its_time(self) -> None:
        net = models.load("denoiser", threads=1)
        x = np.zeros((1, 1, 32, 32), np.float32)
        found = race({"a": net, "b": net}, x, seconds=0, clock=clock(1))
        for raced in found.values():
            assert set(raced.nodes) == {node.name for node in net.graph.nodes}
            assert 0 < raced.whole.median <= raced.upper
            assert sum(raced.nodes.values()) <= 3 * raced.upper

    def test_the_definition_is_stretched_to_the_whole(self) -> None:
        net = models.load("denoiser", threads=1)
        x = np.zeros((1, 1, 48, 48), np.float32)
        works = layers(net, x)
        stretched = sum(naive_seconds(works, net.graph.constants, clock(1)).values())
        whole = race(
            {"": programs.network(net.graph, dict.fromkeys((w.name for w in works), "naive"), 1)},
            x,
            seconds=0,
            clock=clock(1),
        )
        assert stretched == pytest.approx(whole[""].whole.median, rel=0.6)


class TestAnalysis:
    def test_rungs_in_order(self, denoiser: Analysis) -> None:
        own = [NAIVE, "im2col", "winograd", "float32", "auto", "int8 direct", "int8", MIX]
        assert [rung.name for rung in denoiser.rungs if rung.programs] == own
        assert denoiser.reference == "onnxruntime"
        assert {"onnxruntime", "onnxruntime int8"} <= {rung.name for rung in denoiser.rungs}
        assert not denoiser.failed
        assert denoiser.gain(denoiser.base) == 1
        assert denoiser.rungs[0].is_stretched
        assert denoiser.rungs[0].seconds > denoiser.base.seconds

    def test_rungs_compute_the_same_network(self, denoiser: Analysis) -> None:
        noise_of = {rung.name: rung.sqnr for rung in denoiser.rungs}
        assert noise_of["winograd"] > 100
        assert 25 < noise_of["int8"] == noise_of["int8 direct"] < 80
        assert noise_of[MIX] >= noise_of["int8"] - 1

    def test_a_program_is_named_for_each_layer_and_can_run_it(self, denoiser: Analysis, depthwise: Analysis) -> None:
        for found in (denoiser, depthwise):
            for rung in found.rungs:
                if not rung.programs or rung.is_stretched:
                    continue
                assert set(rung.programs) == {row.work.name for row in found.rows}
                for row in found.rows:
                    assert rung.programs[row.work.name] in row.seconds
            for row in found.rows:
                assert row.chosen in row.seconds
                assert row.reason

    def test_energy_agrees_with_itself(self, denoiser: Analysis) -> None:
        bill = denoiser.bill
        for rung in denoiser.rungs:
            assert bill.kwh(rung.seconds) * 3.6e6 == pytest.approx(1e6 * bill.joules(rung.seconds))

    def test_bytes_are_judged_on_images_that_did_not_calibrate(self, denoiser: Analysis, depthwise: Analysis) -> None:
        for name in ("int8", "onnxruntime int8"):
            small = denoiser.rung(name)
            assert small
            assert small.evidence
            loss = small.evidence.loss
            assert loss.low <= loss.value <= loss.high <= small.evidence.worst
            assert small.evidence.images == denoiser.judges == JUDGES
        assert all(rung.evidence is None for rung in denoiser.rungs if rung.name in EXACT)
        assert all(rung.evidence is None for rung in depthwise.rungs)
        assert depthwise.best.name in EXACT

    def test_a_wrong_result_of_ours_is_not_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The reference is ONNX Runtime: kernels that are wrong alike do not confirm each other."""
        run = Network.run
        monkeypatch.setattr(Network, "run", lambda net, x: [y * np.float32(1.01) for y in run(net, x)])
        net = models.load("digits_cnn", threads=1)
        found = analyze(net, noise((1, 28, 28)), PRESETS["x1"], threads=1, batch=1)
        assert found.best.name == found.exact.name in PEERS
        assert {rung.name for rung in found.wrong} == {"im2col", "winograd", "float32", "auto"}
        assert "Not exact, and not recommended: " in " ".join(advice.questions(found))

    def test_a_file_that_onnx_runtime_refuses_is_compared_with_im2col(self, tmp_path: Path) -> None:
        (tmp_path / "a.onnx").write_bytes(b"no model")
        net = models.load("digits_cnn", threads=1)
        found = analyze(net, noise((1, 28, 28)), PRESETS["x1"], file=tmp_path / "a.onnx", threads=1, batch=1)
        assert found.reference == "im2col"
        assert "onnxruntime" in {one.name for one in found.failed}
        assert "as ONNX Runtime failed" in " ".join(advice.summary(found))

    def test_where_the_time_on_bytes_goes(self, denoiser: Analysis, depthwise: Analysis) -> None:
        for found in (denoiser, depthwise):
            assert found.spent
            assert found.spent.layers == sum("int8" in row.seconds for row in found.rows)
            assert found.spent.on_bytes == pytest.approx(
                sum(row.seconds["int8"] for row in found.rows if "int8" in row.seconds)
            )

    def test_fusing_moves_fewer_bytes(self, denoiser: Analysis) -> None:
        """Seven activations of 32 channels and a sum of one: each reads and writes its array once more."""
        fusion = denoiser.fusion
        assert fusion
        plane = 64 * 64 * 4
        assert fusion.unfused_bytes - fusion.fused_bytes == (7 * 2 * 32 + 2) * plane

    def test_what_is_outside_the_layers_has_its_time(self, depthwise: Analysis) -> None:
        seconds = [node.seconds for node in depthwise.outside]
        assert seconds == sorted(seconds, reverse=True)
        assert not {node.name for node in depthwise.outside} & {row.work.name for row in depthwise.rows}

    def test_batches_are_timed(self, denoiser: Analysis, depthwise: Analysis) -> None:
        assert list(denoiser.batched) == [1, 4]
        assert list(depthwise.batched) == [1, 2]
        assert denoiser.batched[4].whole.median > denoiser.batched[1].whole.median

    def test_json_and_page_hold_all_of_it(self, denoiser: Analysis, depthwise: Analysis) -> None:
        for found in (denoiser, depthwise):
            content = json.loads(json.dumps(analysis_table.as_dict(found), allow_nan=False))
            assert [layer["name"] for layer in content["layers"]] == [row.work.name for row in found.rows]
            assert content["macs"] == sum(layer["macs"] for layer in content["layers"])
            page = analysis_report.document(found, Made.now("workbook analyze a.onnx"))
            assert page.count("data:image/png;base64,") == 3
            assert "http" not in page.replace("http-equiv", "")
            assert all(f'<td class="layer">{row.work.name}</td>' in page for row in found.rows)

    def test_words_fit_the_numbers(self, denoiser: Analysis) -> None:
        said = advice.verdicts(denoiser)
        assert said[0].startswith("1 fast algorithms: ")
        assert "8 of 8 layers can run" in said[0]
        assert advice.summary(denoiser)[0].startswith(f"Take {denoiser.best.name}: ")
        assert len(advice.summary(denoiser)) == 5

    def test_an_output_without_any_difference_has_no_decibels(self, denoiser: Analysis) -> None:
        same = replace(denoiser, rungs=tuple(replace(rung, sqnr=math.inf) for rung in denoiser.rungs))
        assert "the output the same." in advice.verdicts(same)[1]
        assert "dB" not in " ".join(advice.verdicts(same))

    def test_deadline(self, denoiser: Analysis) -> None:
        for rung in denoiser.rungs:
            assert rung.fps * rung.upper <= 1
            assert denoiser.meets(rung) == (rung.upper <= 1 / 30)

    def test_accelerator_without_a_wide_type_begins_with_bytes(self, depthwise: Analysis) -> None:
        assert [step.name for step in depthwise.steps] == ["int8", "best fixed", "reconfigured"]
        times = [step.ms for step in depthwise.steps]
        assert times == sorted(times, reverse=True)


class TestWhatCannotBeDone:
    def test_network_of_one_activation(self) -> None:
        node = Node("r", "Relu", ("x",), ("y",))
        net = Network(Graph((node,), {}, (Port("x", None),), ("y",)))
        found = analyze(net, noise((1, 8, 8)), PRESETS["x1"], threads=1, batch=2)
        assert found.base.name == "auto"
        assert not found.rows
        assert list(found.batched) == [1, 2]
        said = (*advice.verdicts(found), *advice.questions(found), *advice.summary(found))
        assert "the four tools have nothing to act on; the longest is r (Relu), with 100% of the time" in " ".join(said)

    def test_network_that_cannot_be_quantized_says_why(self) -> None:
        """A NaN has no byte."""
        images = noise((1, 32, 32), 2)
        arrays = images.arrays.copy()
        arrays[1, 0, 0, 0] = math.nan
        net = models.load("denoiser", threads=1)
        found = analyze(net, Images(arrays, "a NaN", False), PRESETS["x1"], threads=1, batch=1)
        assert [rung.name for rung in found.rungs if rung.programs] == [NAIVE, "im2col", "winograd", "float32", "auto"]
        assert "not quantized" in " ".join(found.notes)
        assert "cannot be quantized" in " ".join(advice.verdicts(found))
        json.dumps(analysis_table.as_dict(found), allow_nan=False)
