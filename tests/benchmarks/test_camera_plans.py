"""`workbook bench streaming`: every figure is there, and says what it depends on."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from workbook import models
from workbook.benchmarks import camera_plans
from workbook.benchmarks.camera_overhead import overhead
from workbook.cli import main
from workbook.lessons.streaming import Pan, Policy, psnr


def test_command_writes_and_prints_every_figure(tmp_path):
    path = tmp_path / "bench.json"
    arguments = ["bench", "streaming", "--seconds", "0.2", "--size", "40", "32", "--json", str(path)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "the denoiser at 40x32, 30 frames/s, deadline 33 ms" in " ".join(result.output.split())
    assert "the worker waits" in result.output
    report = json.loads(path.read_text())
    assert report["machine"]["cpu"]
    assert report["size"] == [32, 40]
    assert len(report["rows"]) == len(camera_plans.PLANS)
    for row in report["rows"]:
        assert row["frames"] == 6
        assert row["done"] + row["late"] + row["dropped"] == 6  # none failed
        assert 0 < row["p50"] <= row["p99"]
        assert row["decibels"] > 26  # with the noise 20.2
    assert set(report["bands"]) == set(camera_plans.IN_BANDS)
    for run in report["bands"].values():
        assert run["equal"] is True
        assert 0 < run["first_rows"] <= run["last_rows"]
    costs = report["overhead"]
    assert costs["kept"] is (max(costs["idle"]["p99"], costs["busy"]["p99"]) <= costs["limit"])


def test_a_photo_has_its_size():
    result = CliRunner().invoke(main, ["bench", "streaming", "--size", "1352", "288"])
    assert result.exit_code == 2
    assert "8<=x<=512" in result.output


def test_every_program_takes_the_noise_away():
    noisy, truth = Pan((48, 64), "camera", grey=True)(0)
    images = np.stack([noisy, noisy])
    expected = models.load("denoiser", algorithm="direct", threads=1)(images)
    for program in sorted({plan.program for plan in camera_plans.PLANS}):
        results = camera_plans.denoiser(program, 2)(images)
        np.testing.assert_array_equal(results[0], results[1])
        assert psnr(results[0], truth) == pytest.approx(psnr(expected[0], truth), abs=1.0)


def test_overhead_counts_every_frame_but_the_first():
    costs = overhead(0.1)
    assert len(costs.idle) == len(costs.busy) == len(costs.bare) - 1 == 24
    assert (costs.bare >= 0).all()


def test_a_plan_shares_the_cores():
    for plan in camera_plans.PLANS[-2:]:
        assert len(plan.services(2)) == 1  # two threads on one image
    each = next(plan for plan in camera_plans.PLANS if plan.cores == "each")
    assert len(each.services(2)) == 2


def test_policies_in_words():
    assert camera_plans.waiting(Policy.fixed(4)) == "batch 4, keep all"
    assert camera_plans.waiting(Policy.newest()) == "batch 1, newest 1"
    assert camera_plans.waiting(Policy(2, room=3)) == "batch 2, room 3"
