"""`workbook bench streaming`: every figure is there, and says what it depends on."""

import json

import numpy as np
from click.testing import CliRunner

import kernels
from workbook.cli import main
from workbook.streaming import Policy, bench
from workbook.streaming.overhead import overhead


def test_command_writes_and_prints_every_figure(tmp_path):
    path = tmp_path / "bench.json"
    arguments = ["bench", "streaming", "--seconds", "0.2", "--size", "40", "32", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "denoiser's layers at 40x32, 30 frames/s, deadline 33 ms" in " ".join(result.output.split())
    assert "the worker waits" in result.output
    report = json.loads(path.read_text())
    assert report["machine"]["cpu"]
    assert report["size"] == [32, 40]
    assert len(report["rows"]) == len(bench.PLANS)
    for row in report["rows"]:
        assert row["frames"] == 6
        assert row["done"] + row["late"] + row["dropped"] == 6  # none failed
        assert 0 < row["p50"] <= row["p99"]
    costs = report["overhead"]
    assert costs["kept"] is (max(costs["idle"]["p99"], costs["busy"]["p99"]) <= costs["limit"])


def test_a_photo_has_its_size():
    result = CliRunner().invoke(main, ["bench", "streaming", "--size", "1352", "288"])
    assert result.exit_code == 2
    assert "8<=x<=512" in result.output


def test_the_layers_are_the_same_for_every_algorithm_and_batch():
    images = np.random.default_rng(0).standard_normal((2, 3, 16, 24), np.float32)
    direct = bench.denoiser("direct", (16, 24), 1)
    expected = direct(images).copy()
    np.testing.assert_array_equal(direct(images[:1])[0], expected[0])
    winograd = bench.denoiser("winograd_f4", (16, 24), 2)
    np.testing.assert_allclose(winograd(images), expected, atol=1e-3 * np.abs(expected).max())


def test_overhead_counts_every_frame_but_the_first():
    costs = overhead(0.1)
    assert len(costs.idle) == len(costs.busy) == len(costs.bare) - 1 == 24
    assert (costs.bare >= 0).all()


def test_plans_are_of_algorithms_that_run():
    for plan in bench.PLANS:
        assert plan.algorithm in kernels.algorithms((1, 3, 288, 352), (32, 3, 3, 3), padding=1)
        assert len(plan.services((16, 24), 2)) == (1 if plan.cores == "split" else 2)


def test_policies_in_words():
    assert bench.waiting(Policy.fixed(4)) == "batch 4, keep all"
    assert bench.waiting(Policy.newest()) == "batch 1, newest 1"
    assert bench.waiting(Policy(2, room=3)) == "batch 2, room 3"
