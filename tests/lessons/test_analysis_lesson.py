"""Lesson 6: what its notebook calls, and the rows of the scoreboard that it fills."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbook.advisor.analysis_result import Analysis
from workbook.lessonkit import results
from workbook.lessonkit.claim import registry
from workbook.lessonkit.reference import reference
from workbook.lessonkit.scoreboard import ROWS
from workbook.lessons import analysis as lesson
from workbook.lessons.analysis import claims, exercises, layer_text, model
from workbook.lessons.analysis.seeded_resnet50 import resnet50
from workbook.lessons.analysis.tool_race import DENOISER, NETWORKS, Compared, record
from workbook.measuring import topologies
from workbook.models import proto
from workbook.network import Network


@pytest.fixture(scope="module")
def compared() -> Compared:
    return lesson.compare(guess=9)


class TestCompare:
    def test_it_fills_its_rows(self, compared: Compared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(tmp_path / "board.json"))
        record(compared)
        rows = [row for row in ROWS if row.lesson == 6]
        assert len(rows) == 2
        assert {row.measured for row in rows} <= set(results.load()) == {f"analysis.{id}" for id in compared.numbers}
        assert all(
            row.verdict(results.load(), {}) in ("holds", "a smaller gain", "about the same", "a loss") for row in rows
        )

    def test_the_reference_has_the_same_numbers(self, compared: Compared) -> None:
        known = {id for id in reference().values if id.startswith("analysis.")}
        assert known == {f"analysis.{id}" for id in compared.numbers}

    def test_text_masks_what_is_measured(self, compared: Compared) -> None:
        said = str(compared)
        assert "you guessed 9 x" in said
        for line in said.splitlines():
            if line.startswith(NETWORKS) and "im2col" not in line:
                assert line.endswith(" x [measured]")

    def test_layers_are_a_table_or_a_picture(self, compared: Compared) -> None:
        table = lesson.layers(compared.denoiser)
        assert isinstance(table, layer_text.LayerTable)
        assert str(table).count("[measured]") == 3 * 8
        assert "54 layers" in lesson.layers(compared.resnet50).text  # type: ignore[union-attr]
        rungs = "naive, im2col, winograd, float32, auto, int8 direct, int8, mix"
        assert lesson.chart(compared.resnet50).text.endswith(rungs)


class TestYours:
    def test_a_network_without_layers_says_so(self, denoiser: Analysis) -> None:
        whole = tuple(rung for rung in denoiser.rungs if rung.name in ("auto", "onnxruntime"))
        said = str(lesson.layers(replace(denoiser, rows=(), steps=(), rungs=whole)))
        assert said.startswith("No layer is a two-dimensional convolution")

    def test_a_file_of_the_folder_is_in_the_drop_down(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.onnx").write_bytes(proto("digits_cnn").SerializeToString())
        panel = lesson.explore()
        panel.set(network="mine.onnx")
        assert panel.error is None
        assert panel.readout.startswith("mine.onnx, 28x28, on x1, 1 at once: bf16 ")
        found = lesson.yours(panel)
        assert isinstance(found, Analysis)
        assert found.name == "mine"

    def test_an_open_size_is_the_one_that_is_chosen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.onnx").write_bytes(proto("denoiser").SerializeToString())
        panel = lesson.explore()
        panel.set(network="mine.onnx", side=64)
        assert panel.readout.startswith("mine.onnx, 64x64, on x1")
        found = lesson.yours(panel)
        assert isinstance(found, Analysis)
        assert found.shape == (1, 1, 64, 64)
        panel.set(network="resnet50")
        assert panel.readout.startswith("resnet50, 224x224 (its own, not 64), on x1")

    def test_a_built_in_network_asks_for_a_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert lesson.yours(lesson.explore()) is None
        assert "choose a file" in capsys.readouterr().out

    def test_a_damaged_file_shows_in_the_panel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "bad.onnx").write_bytes(b"no model")
        panel = lesson.explore()
        panel.set(network="bad.onnx")
        assert "bad.onnx" in str(panel.error)

    def test_export(self, denoiser: Analysis, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        lesson.export(denoiser, str(tmp_path / "a.html"))
        lesson.export(denoiser)
        lesson.export(None, "b.html")
        assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
        assert capsys.readouterr().out.count("not exported") == 2

    @pytest.mark.parametrize("name", ["mix", "images"])
    def test_source(self, name: str) -> None:
        assert "def " in lesson.source(name).text

    def test_unknown_names(self) -> None:
        with pytest.raises(ValueError, match="no panel 'x'; there are tools, scenario"):
            lesson.explore("x")
        with pytest.raises(ValueError, match="no source 'x'"):
            lesson.source("x")


class TestModel:
    @pytest.mark.parametrize("machine", model.MACHINES)
    @pytest.mark.parametrize("network", [DENOISER, "mobilenet_v2"])
    def test_no_tool_makes_a_network_slower(self, network: str, machine: str) -> None:
        for images in (1, 4):
            times = [step.ms for step in lesson.steps(network, images, machine)]
            assert times == sorted(times, reverse=True)

    def test_loss_of_the_denoiser_is_lesson_3s(self) -> None:
        photo = {kind: registry()[f"quantization.photo.{kind}"].value for kind in ("float32", "int8")}
        assert model.SCENARIOS["medical imaging"].int8_loss == pytest.approx(
            photo["float32"] - photo["int8"], abs=0.006
        )

    def test_every_scenario_has_a_design_and_they_differ(self) -> None:
        designs = exercises.choose_designs()
        assert len(set(designs.values())) == len(designs) == 3

    @pytest.mark.parametrize("name", model.SCENARIOS)
    def test_every_scenario_has_several_right_designs_and_many_wrong_ones(self, name: str) -> None:
        tried = [
            model.judged(name, kind, path, images)
            for kind in model.TYPES
            for path in model.DATAPATHS
            for images in exercises.IMAGES
        ]
        right = [found for found in tried if not found.broken]
        assert 2 <= len(right) < len(tried) / 2
        assert all(found.shares[found.tightest] == max(found.shares.values()) for found in tried)

    def test_a_camera_faster_than_a_batch_breaks_the_rate(self) -> None:
        found = model.judged("factory inspection", "int8", "own array", 1)
        assert "rate" in found.broken
        assert found.batch_ms > 1e3 / found.scenario.fps
        assert "breaks rate" in str(found)

    def test_the_word_of_version_0_1_is_taken(self) -> None:
        designs = exercises.choose_designs()
        then = {"reconfigured": "laid anew"}
        of_then = {name: (kind, then.get(path, path), *rest) for name, (kind, path, *rest) in designs.items()}
        assert exercises.DECIDE.check(of_then) == exercises.DECIDE.check(designs)
        assert of_then != designs

    def test_words_that_are_none(self) -> None:
        for words in (("surgery",), ("medical imaging", "int2"), ("medical imaging", "int8", "no array")):
            with pytest.raises(ValueError, match="must be one of"):
                model.judged(*words)
        with pytest.raises(ValueError, match="at least 1"):
            model.judged("medical imaging", images=0)

    def test_gain_by_arithmetic_is_bounded_by_the_better_tool(self) -> None:
        most = max(reference().value("quantization.peak.bytes"), 4)
        assert 1 < claims.by_arithmetic("resnet50") <= claims.by_arithmetic(DENOISER) <= most


def test_seeded_network_keeps_its_sizes() -> None:
    net = Network(resnet50(), threads=1)
    y = net(np.random.default_rng(0).random((1, 3, 64, 64), np.float32))
    assert y.shape == (1, 1000)
    assert np.isfinite(y).all()
    assert len([node for node in net.graph.nodes if node.op == "Conv"]) == len(topologies.resnet50())
