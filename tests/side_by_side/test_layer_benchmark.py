"""The benchmark: which layers, what is timed beside what, what a row tells, the table and the figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import legible
import numpy as np
import pytest
from rich.console import Console

import kernels
from kernels import probe, registry
from workbook import peers
from workbook.drawing import look
from workbook.measuring import this_machine
from workbook.measuring.timing import Timing
from workbook.measuring.topologies import ConvLayer
from workbook.peers import float32, int8, one_layer_models
from workbook.peers.operands import Floats, Integers, window
from workbook.side_by_side import layer_benchmark, layer_cases, layer_figure, layer_sets
from workbook.side_by_side.layer_report import BEST_OF_WIDELY_USED, FASTEST, Report, Row
from workbook.side_by_side.layer_table import table

SMALL = ConvLayer("small", 8, 6, 6, 8, 3, 3, padding=1)
LAYERS = [
    SMALL,
    ConvLayer("strided", 8, 7, 7, 16, stride=2),
    ConvLayer("first", 3, 17, 17, 5, 7, 7, stride=2, padding=3),
    ConvLayer("depthwise", 16, 9, 9, 16, 3, 3, padding=1, groups=16),
]
HERE = [(dtype, peer) for dtype, all_of_it in (("float32", float32), ("int8", int8)) for peer in all_of_it.PEERS]


def shapes(of: list[ConvLayer]) -> list[str]:
    return [layer.shape for layer in of]


class TestLayers:
    def test_nine_of_winograd(self) -> None:
        winograd = layer_sets.layer_sets()["winograd"]
        assert len(winograd) == 9
        assert {(layer.R, layer.S, layer.stride, layer.padding, layer.P == layer.H) for layer in winograd} == {
            (3, 3, 1, 1, True)
        }

    def test_int8_is_these_and_resnets_others(self) -> None:
        sets = layer_sets.layer_sets()
        resnet = set(shapes(sets["resnet50"]))
        others = resnet - {shape for shape in resnet if " 3x3" in shape and "/2" not in shape}
        assert set(shapes(sets["int8"])) == set(shapes(sets["winograd"])) | others

    def test_a_text_is_looked_for_in_every_set(self) -> None:
        assert shapes(layer_sets.choose("g960")) == ["960->960 @7 3x3 g960"]
        assert len(layer_sets.choose("64->64 @56 3x3")) == 1
        assert layer_sets.choose("13x13") == []


class TestPeers:
    @pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
    @pytest.mark.parametrize(("dtype", "peer"), HERE)
    def test_computes_the_layer(self, dtype: str, peer: str, layer: ConvLayer) -> None:
        if not find_spec(peer):
            pytest.skip(f"{peer} is not installed")
        case = layer_cases.CASES[dtype](layer, 1)
        if (dtype, peer, layer.name) == ("int8", "openvino", "strided"):
            with pytest.raises(RuntimeError, match="f32, not in int8"):  # it pools first, and then leaves int8
                case.peer(peer)
            return
        prepared = case.peer(peer)
        assert case.agrees(prepared())
        assert bool(prepared.algorithm) == (peer in ("onnxruntime", "openvino"))

    @pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
    def test_onnx_models_are_the_layer(self, layer: ConvLayer) -> None:
        """By ONNX's own reference implementation, which needs no peer."""
        onnx = pytest.importorskip("onnx")
        evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
        floats = Floats.random(layer)
        integers = Integers.of(floats)
        y = kernels.conv2d(floats.x, floats.weight, floats.bias, **window(layer))
        for model, x in (
            (one_layer_models.convolution(floats), floats.x),
            (one_layer_models.quantize_dequantize(integers), integers.x),
        ):
            onnx.checker.check_model(model, full_check=True)
            (found,) = evaluator(onnx.load_from_string(model)).run(None, {"x": x})
            if x.dtype == np.uint8:
                found = integers.y_scale * (found.astype(np.float32) - integers.y_zero)
            assert np.sqrt(np.mean((found - y) ** 2)) < 0.02 * np.sqrt(np.mean(y**2))
        onnx.checker.check_model(one_layer_models.qlinear_convolution(integers), full_check=True)

    def test_only_those_that_compute_in_the_dtype(self) -> None:
        assert set(peers.installed("int8")) == set(peers.installed()) & {"onnxruntime", "openvino"}


class TestCases:
    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("dtype", layer_benchmark.DTYPES)
    @pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
    def test_everything_runs(self, layer: ConvLayer, dtype: str, threads: int) -> None:
        case = layer_cases.CASES[dtype](layer, threads)
        results = [run() for run in case.ours.values()]
        assert case.auto in case.ours
        assert not {"naive", "saturating"} & set(case.ours)
        assert all(map(case.agrees, results))
        assert {run().shape for run in case.beside.values()} <= {results[0].shape}
        assert (layer_cases.ONE_THREAD in case.beside) == (layer_cases.ONE_THREAD in case.peak) == (threads > 1)
        short = set(registry.SHORT) if dtype == "int8" else set()
        assert set(case.peak) - {layer_cases.ONE_THREAD} == {dtype, "float32", *short}
        assert all(work() > 0 for work in case.peak.values())

    def test_a_wrong_output_does_not_agree(self) -> None:
        for make in layer_cases.CASES.values():
            case = make(SMALL, 1)
            y = case.ours[case.auto]().copy()
            y[0, 0, 0, 0] += 2
            assert not case.agrees(y)

    def test_bytes_pack_into_a_quarter(self) -> None:
        (ours, floats) = layer_cases.int8(layer_sets.choose("256->256 @14 3x3")[0], 1).packed_bytes.values()
        assert 0.2 * floats < ours <= (0.3 if probe.operands()[0] == 4 else 0.6) * floats


def timing(median: float) -> Timing:
    return Timing(median, 0.9 * median, 1.1 * median, 9, 0.0)


def row(layer: ConvLayer = SMALL, **changes: Any) -> Row:
    made = Row(
        layer=layer,
        auto="direct",
        predicted={"direct": 1e-3, "im2col": 3e-3},
        ours={"direct": timing(2e-3), "im2col": timing(1e-3)},
        beside={},
        peers={"onnxruntime": timing(4e-3), "ncnn": timing(1e-3)},
        algorithms={"onnxruntime": "nchwc.Conv", "ncnn": ""},
        failures={},
        peaks={"float32": 50.0},
        packed_bytes={},
    )
    return replace(made, **changes)


def report(*rows: Row, **changes: Any) -> Report:
    machine = this_machine.Machine("A processor", 2, "v3", 50.0, 10.0)
    versions = {"onnxruntime": "1.2", "openvino": "2.3", "ncnn": "4"}
    made = Report(machine, "2026-01-31", "float32", 1, 0.9, {"python": "3.11"}, versions, list(rows))
    return replace(made, **changes)


class TestReport:
    def test_what_auto_takes_is_compared_not_the_best_afterwards(self) -> None:
        assert row().best == "im2col"
        assert row().timing.median == 2e-3
        assert row().speedup("onnxruntime") == 2
        assert row().gmacs == pytest.approx(SMALL.macs / 2e-3 / 1e9)
        assert row().share_of_peak == pytest.approx(row().gmacs / 50)

    def test_means_over_the_layers_that_a_peer_ran(self) -> None:
        alone = row(peers={"onnxruntime": timing(1e-3)}, failures={"ncnn": "RuntimeError: no"})
        speedups = report(row(), alone).speedups()
        assert speedups["onnxruntime"] == pytest.approx(1)  # of 2 and 1/2
        assert speedups["ncnn"] == pytest.approx(0.5)
        assert speedups[FASTEST] == pytest.approx(0.5)  # ncnn, then ONNX Runtime
        assert speedups[BEST_OF_WIDELY_USED] == pytest.approx(1)
        assert "openvino" not in speedups

    def test_lowest_layer(self) -> None:
        slow = row(LAYERS[1], peers={"ncnn": timing(0.5e-3)})
        assert report(row(), slow).lowest() == {
            "layer": LAYERS[1].shape,
            "peer": "ncnn",
            "speedup": 0.25,
            "share_of_peak": slow.share_of_peak,
        }
        assert report(row(peers={})).lowest() is None

    def test_gain_of_threads(self) -> None:
        two = row(beside={layer_cases.ONE_THREAD: timing(3e-3)}, peaks={"float32": 80.0, layer_cases.ONE_THREAD: 50.0})
        assert two.times(layer_cases.ONE_THREAD) == 1.5
        assert two.peak_gain == 1.6
        assert report(two, threads=2).summary()["times"] == {layer_cases.ONE_THREAD: pytest.approx(1.5)}

    def test_packed_bytes_are_summed_before_they_are_divided(self) -> None:
        rows = [row(packed_bytes={"direct": ours, layer_cases.IM2COL: 100}) for ours in (20, 40)]
        assert report(*rows).summary()["packed_share"] == 0.3
        assert report(row()).summary()["packed_share"] is None

    def test_disturbance_is_told_by_one_thread(self) -> None:
        busy = replace(timing(1e-3), waited=0.2)
        assert report(row(ours={"direct": busy})).disturbed() == 0.2
        waiting = row(ours={"direct": busy}, beside={layer_cases.ONE_THREAD: timing(1e-3)}, peaks={"float32": 1.0})
        assert report(waiting).disturbed() == 0

    def test_json_has_every_number(self) -> None:
        found = json.loads(json.dumps(report(row()).as_dict(), allow_nan=False))
        assert found["machine"]["isa"] == "v3"
        assert (found["threads"], found["dtype"], found["date"]) == (1, "float32", "2026-01-31")
        assert found["peers"]["ncnn"] == "4"
        assert found["summary"]["speedups"]["onnxruntime"] == 2
        (first,) = found["rows"]
        assert first["predicted"]["direct"] == 1e-3
        assert first["ours"]["direct"] == {
            "median": 2e-3, "first_quartile": 1.8e-3, "third_quartile": 2.2e-3, "rounds": 9, "waited": 0.0,
        }  # fmt: skip
        assert first["algorithms"]["onnxruntime"] == "nchwc.Conv"
        assert first["macs"] == SMALL.macs


def text_of(made: Report) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table(made))
    return capture.get()


class TestTable:
    def test_a_peer_that_fails_says_so(self) -> None:
        text = text_of(report(row(failures={"openvino": "RuntimeError: computes by hand"})))
        assert "failed" in text
        assert "openvino failed on 1 of 1 layers: RuntimeError: computes by hand" in text

    def test_ratios_versions_and_algorithms(self) -> None:
        text = text_of(report(row(failures={"openvino": "no"})))
        assert "2.00x a" in text
        assert "0.50x" in text
        assert "a nchwc.Conv" in text
        assert "direct*" in text  # im2col was faster
        assert all(word in text for word in ("onnxruntime", "1.2", "2.3", "A processor", "2026-01-31"))

    def test_disturbance_is_told(self) -> None:
        busy = replace(timing(1e-3), waited=0.2)
        assert "Other programs had the core for 20%" in text_of(report(row(ours={"direct": busy}), peers={}))
        assert "Other programs" not in text_of(report(row(peers={}), peers={}))

    @pytest.mark.parametrize("name", layer_sets.layer_sets())
    def test_no_set_is_wider_than_a_terminal(self, name: str) -> None:
        """With the longest names, versions and numbers that were seen."""
        names = {"onnxruntime": "1.32.0", "openvino": "2026.4.1", "ncnn": "1.0.20261020", "torch": "2.13.0+cpu"}
        rows = []
        for layer in layer_sets.layer_sets()[name]:
            auto = next(reversed(layer_cases.float32(layer, 1).ours)) if name == "winograd" else "im2col"
            rows.append(
                row(
                    layer,
                    auto=auto,
                    ours={auto: timing(0.123456), "direct": timing(0.1)},
                    peers=dict.fromkeys(names, timing(1.23456)),
                    algorithms=dict.fromkeys(names, "brgconv_avx512_1x1_f32"),
                    beside={layer_cases.ONE_THREAD: timing(0.2)},
                    peaks={"float32": 50.0, layer_cases.ONE_THREAD: 25.0},
                )
            )
        made = table(report(*rows, peers=names, threads=2))
        assert Console(width=1000).measure(replace_caption(made)).maximum <= 120


def replace_caption(made: Any) -> Any:
    """Take away what is broken into lines anyway."""
    made.caption = made.title = None
    return made


class TestFigure:
    def test_is_legible_and_names_everything(self) -> None:
        longest = max(layer_sets.layer_sets()["rest"], key=lambda layer: len(layer.shape))
        with look():
            drawn = layer_figure.figure(report(row(), row(longest, peers={"ncnn": timing(1e-3)})))
            assert legible.confusions(drawn) == []
            axes = drawn.axes[0]
            texts = [*drawn.texts, *drawn.legends[0].get_texts(), *axes.get_yticklabels(), axes.xaxis.label]
            assert legible.off_the_page(drawn) == []
        words = {text.get_text() for text in texts}
        assert {SMALL.shape, longest.shape, "ours", "onnxruntime 1.2", "ncnn 4", "peak"} <= words
        assert "multiply-adds of the definition, GMAC/s" in words

    @pytest.mark.parametrize(("name", "start"), [("a.svg", b"<svg "), ("a.png", b"\x89PNG")])
    def test_both_formats(self, name: str, start: bytes) -> None:
        content = layer_figure.write(report(row()), Path(name))
        assert content.startswith(start)


class TestRun:
    @pytest.mark.parametrize(("dtype", "threads"), [("float32", 1), ("float32", 2), ("int8", 1), ("int8", 2)])
    def test_small_layers_alone(self, dtype: str, threads: int) -> None:
        done = []
        made = layer_benchmark.run(
            LAYERS, dtype=dtype, threads=threads, with_peers=False, seconds=0.01, on_layer=lambda: done.append(1)
        )
        assert len(done) == len(made.rows) == len(LAYERS)
        assert (made.dtype, made.threads, made.peers) == (dtype, threads, {})
        assert all(timing.median > 0 for row in made.rows for timing in (*row.ours.values(), *row.beside.values()))
        assert made.summary()["speedups"] == {}
        assert json.dumps(made.as_dict(), allow_nan=False)
        assert all(layer.shape in text_of(made) for layer in LAYERS)
        assert layer_figure.write(made, Path("a.svg"))

    @pytest.mark.skipif(
        not find_spec("kernels.half_v3") or "v3" not in kernels.isas(), reason="nothing computes halves"
    )
    def test_float16_stands_beside_int8(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the CPU has its arithmetic; here it is emulated."""
        monkeypatch.setattr(registry, "SHORT", {"float16": {"direct": import_module("kernels.half_v3")}})
        made = layer_benchmark.run([SMALL], dtype="int8", with_peers=False, seconds=0.01)
        assert {"float32", "float16", "int8"} == set(made.summary()["peaks"])
        assert made.rows[0].times("float16") > 0
        assert "fp16" in text_of(made)

    def test_peers_that_fail_or_lie_become_a_row(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(floats: Floats, threads: int) -> peers.Prepared:
            raise ValueError("not this one\nwith more lines")

        def lie(floats: Floats, threads: int) -> peers.Prepared:
            return peers.Prepared(lambda: np.zeros((1, 8, 6, 6), np.float32))

        contenders: dict[str, Callable[..., peers.Prepared]] = {"refuses": refuse, "lies": lie}
        monkeypatch.setattr(peers, "installed", lambda dtype: dict.fromkeys(contenders, "1"))
        monkeypatch.setattr(float32, "PEERS", contenders)
        (found,) = layer_benchmark.run([SMALL], seconds=0.01).rows
        assert found.peers == {}
        assert found.failures == {"refuses": "ValueError: not this one", "lies": "ArithmeticError: its output differs"}
