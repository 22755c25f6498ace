"""Lesson 5: the laboratory beside the rule, what is measured beside what it is made of, every text marked."""

from __future__ import annotations

import importlib.util
import inspect
import math
import re
from dataclasses import replace
from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest

from workbook.advisor.energy import WATTS
from workbook.camera import sources
from workbook.camera.frames import Outcome
from workbook.drawing import look
from workbook.lessonkit import results
from workbook.lessonkit.scoreboard import COLUMNS, ROWS
from workbook.lessons import streaming as lesson
from workbook.lessons.streaming import (
    charts,
    core_split,
    denoising,
    device,
    figures,
    hiccup,
    model,
    random_load,
    throughput,
    waits,
)

SMALL = (32, 40)  # pixels of a frame, for tests


@pytest.fixture
def scoreboard(tmp_path, monkeypatch):
    path = tmp_path / ".scoreboard.json"
    monkeypatch.setenv("WORKBOOK_SCOREBOARD", str(path))
    monkeypatch.setenv("WORKBOOK_QUICK", "1")
    return path


class TestExplorer:
    @pytest.mark.parametrize("fixed", [0, 10, 28, 29, 60, 80])
    @pytest.mark.parametrize("frame", [1, 5, 32, 33])
    def test_full_batches_follow_the_rule(self, fixed, frame):
        shown = model.explored(1, fixed, frame, 33, model.FULL)
        for batch, worst in shown.worst.items():
            if shown.rule.stable(batch):
                assert worst == pytest.approx(shown.rule.age(batch), abs=1e-9)
            else:
                assert worst > shown.rule.wait(batch) + shown.rule.service(batch)

    def test_no_fixed_batch_is_better_than_the_rules(self):
        shown = model.explored(1, 60, 5, 33, model.FULL)
        assert min(shown.worst, key=shown.worst.get) == shown.rule.best_batch == 3

    def test_newest_drops_and_stays_young(self):
        full, newest = (model.explored(1, 60, 5, 33, name) for name in (model.FULL, "newest, drop the rest"))
        assert newest.run.summary.dropped > 0 == full.run.summary.dropped
        assert newest.worst[1] < full.worst[1] / 10

    @pytest.mark.parametrize("policy", model.POLICIES)
    def test_a_policy_takes_no_larger_batch(self, policy):
        for batch in (1, 3, model.MOST):
            run = model.explored(batch, 80, 5, 5, policy).run
            assert run.records["batch"].max() == batch
            assert run.summary.frames == model.FRAMES


class TestPanel:
    def test_it_says_rule_and_simulator(self):
        panel = lesson.explore()
        assert "oldest frame 281 ms (the rule: 281 ms)" in panel.readout
        panel.set(batch=2, fixed_ms=60)
        assert "(the rule: grows without end)" in panel.readout
        assert panel.readout.endswith("Best fixed batch: 3")
        panel.set(policy="take what waits")
        assert "rule" not in panel.readout
        panel.set(frame_ms=33)
        assert panel.readout.endswith("Best fixed batch: none")

    def test_the_best_batch_is_marked(self):
        with look():
            for fixed, label in ((10, "best: 1"), (60, "best: 3")):
                ages, _ = figures.explored_figure(model.explored(8, fixed, 5, 33, model.FULL)).axes
                assert [text.get_text() for text in ages.texts] == [label]
            ages, _ = figures.explored_figure(model.explored(8, 10, 33, 33, model.FULL)).axes
            assert not ages.texts


class TestTimeline:
    def test_every_frame_has_its_bars(self):
        run = model.explored(4, 10, 5, 33, model.FULL).run
        with look():
            axes = charts.timeline_figure({"four": run}, 8).axes[0]
        waiting, in_time, late = (bars.get_segments() for bars in axes.collections)
        rows = run.records[:8]
        np.testing.assert_allclose([bar[:, 0] for bar in waiting], np.c_[rows["scheduled"], rows["started"]] * 1e3)
        assert len(in_time) == (rows["outcome"] == Outcome.DONE).sum() > 0
        assert len(late) == (rows["outcome"] == Outcome.LATE).sum() > 0

    def test_it_needs_a_run(self):
        with pytest.raises(ValueError, match="at least one run"):
            lesson.timeline({})

    def test_its_text_is_the_oldest_frames(self):
        run = model.explored(4, 10, 5, 33, model.FULL).run
        assert lesson.timeline({"four": run}).text == "streaming.timeline: oldest frame, four 129.0 ms"


class TestHiccup:
    def test_the_closed_loop_sees_one_slow_frame(self):
        closed, camera = hiccup.simulated()
        assert closed.summary.p99 == pytest.approx(hiccup.SERVICE)
        for run in (closed, camera):
            assert run.summary.worst == pytest.approx(hiccup.SERVICE + hiccup.HICCUP)
        held_up = math.ceil(hiccup.HICCUP / (1 / hiccup.RATE - hiccup.SERVICE))
        slow = (camera.records["finished"] - camera.records["scheduled"] > 1.01 * hiccup.SERVICE).sum()
        assert slow == held_up
        assert camera.summary.p99 > 100 * closed.summary.p99

    def test_real_time_does_the_same(self, scoreboard):
        found = lesson.loops()
        assert found.closed_here.summary.p90 < hiccup.HICCUP / 2 < found.camera_here.summary.p90
        text = str(found).splitlines()
        assert [line.count("[measured]") for line in text] == [0, 0, 0, 0, 0, 0, 2, 2, 0, 0]
        assert text[-1].startswith("[machine] other programs kept ")
        assert "22 of 1000" in text[3]
        assert lesson.chart(found).text == "streaming.hiccup: p99, closed 1.0 ms, camera 120.0 ms"


class TestWaits:
    def test_the_oldest_frame_waits_for_the_batch(self, scoreboard):
        found = lesson.compare(guess=30)
        for batch, age in found.ages.items():
            assert age >= (batch - 1) / sources.FPS
            assert age >= found.services[batch]
        assert set(results.load()) == {f"streaming.{id}" for id in found.gains}
        text = str(found)
        assert text.count("[measured]") == 2 * len(waits.BATCHES)
        assert "you guessed 30 x" in text
        assert "you did not guess" in str(waits.Waits(found.runs, found.others))

    def test_the_prediction_is_the_rule(self):
        assert waits.at_reference(8) - waits.at_reference(1) > 7 / 30


class TestTwoCores:
    def test_gains_are_ratios_of_the_table(self, scoreboard):
        found = lesson.two_cores()
        assert set(found.runs) == {core_split.ALONE, core_split.SPLIT, core_split.EACH}
        assert all(run.summary.done == run.summary.frames == 12 for run in found.runs.values())
        assert found.gains[core_split.SPLIT_ID] == found.frame[core_split.EACH] / found.frame[core_split.SPLIT]
        assert set(found.runs[core_split.EACH].records["worker"]) == set(range(denoising.cores()))
        assert set(results.load()) == {f"streaming.{id}" for id in found.gains}
        assert str(found).count("[measured]") == 6


class TestThroughput:
    def test_gains_are_the_sweeps(self, scoreboard):
        found = lesson.sweep()
        assert set(found.gains) == set(throughput.CASES)
        assert all(gain >= 1 for gain in found.gains.values())
        assert set(results.load()) == {f"streaming.{id}" for id in found.gains}
        lines = str(found).splitlines()
        assert sum(line.count("[measured]") for line in lines) == 3 * len(throughput.CASES)
        assert sum(line.startswith("[machine] ") for line in lines) == len(throughput.CASES)
        assert lesson.chart(found).image.startswith(b"\x89PNG")

    def test_weights_are_counted(self):
        assert throughput.weight_bytes("batch.deep") == 512 * 512 * 9 * 4
        assert throughput.weight_bytes("batch.connected") == 4 * throughput.weight_bytes("batch.connected_int8")


class TestLive:
    def test_every_program_gets_every_frame(self):
        found = denoising.live(SMALL, frames=4)
        assert set(found.runs) == set(denoising.PROGRAMS)
        for program, run in found.runs.items():
            assert run.summary.frames == 4
            assert not run.complaints
            assert found.misses[program] == 25 * run.summary.misses
        text = str(found)
        assert text.count("[measured]") == 2 * len(denoising.PROGRAMS)
        assert text.count("\n[machine] ") == len(denoising.PROGRAMS) + 2
        assert str(found.others) in text

    def test_energy_says_where_it_is_from(self):
        found = replace(denoising.live(SMALL, frames=4), counted={})
        for program, run in found.runs.items():
            computed = run.records[run.records["worker"] >= 0]
            took = (computed["finished"] - computed["started"]).mean()
            assert found.joules[program] == pytest.approx(WATTS * took)
        assert "by a model, 15 W while it computes" in str(found)
        counted = replace(found, counted=dict.fromkeys(denoising.PROGRAMS, 12.0))
        for program, run in found.runs.items():
            assert counted.joules[program] == 12 / (2 + run.summary.frames - run.summary.dropped)
        assert "counted by the processor (RAPL)" in str(counted)

    def test_programs_agree_on_the_picture(self):
        found = denoising.pictures(SMALL)
        (noisy, before), (direct, _), (winograd, _), (int8, _) = found.values()
        assert np.abs(direct - winograd).max() < 1e-4
        assert 0 < np.abs(direct - int8).max() < 0.2
        assert all(db > before + 3 for name, (_, db) in found.items() if name != "camera")
        assert noisy.shape == SMALL

    def test_an_unknown_program_is_named(self):
        with pytest.raises(ValueError, match="fastest"):
            denoising.denoiser("fastest", 1)


class TestServe:
    def test_one_plan_is_the_answer(self):
        plans = list(product(device.EXPOSURES, device.TOOLS, device.SHARES, device.BATCHES))
        fits = {plan: served.accuracy for plan in plans if (served := lesson.serve(*plan)).fits}
        best = max(fits.values())
        assert [plan for plan, accuracy in fits.items() if accuracy == best] == [(8, "winograd", "split", 1)]
        assert {tool for _, tool, _, _ in fits} == {"winograd", "int8"}

    def test_stages_are_summed(self):
        served = lesson.serve(16, "int8", "split", 1)
        assert served.total == pytest.approx(16 + 12 + 4 + 0.55 * 20 + 5)
        assert str(served).startswith(
            "exposure 16 + readout 12 + transfer 4 + inference 11 + decision 5 = 48.0 ms of 50"
        )

    def test_cores_are_busy_for_the_work_there_is(self):
        served = lesson.serve(4, "int8", "each", 1)
        assert served.busy == pytest.approx(300 * 0.020 / 2 / served.summary.duration)

    @pytest.mark.parametrize(
        ("plan", "says"),
        [
            ((4, "fastest", "split", 1), "'fastest': choose one of 'direct', 'winograd', 'int8'"),
            ((4, "int8", "both", 1), "'both': choose one of 'split', 'each'"),
            ((4, "int8", "each", 3), "3: choose one of 1, 2"),
            ((5, "int8", "each", 1), "5: choose one of 4, 8, 16"),
        ],
    )
    def test_other_plans_are_refused(self, plan, says):
        with pytest.raises(ValueError, match=re.escape(says)):
            lesson.serve(*plan)


class TestLoad:
    @pytest.mark.parametrize("stream", random_load.STREAMS)
    def test_it_is_what_the_simulator_does(self, stream):
        chosen, load = random_load.STREAMS[stream], 0.9
        source, computing = chosen.source(500), chosen.computing(500, load)
        service = lesson.Hiccups(lesson.Modelled(0.0, 0.0), dict(enumerate(computing)))
        run = lesson.stream(source, service)
        waited = run.records["started"] - run.records["scheduled"]
        np.testing.assert_allclose(random_load.waits(source.times, computing), waited, rtol=0, atol=1e-9)

    def test_a_camera_does_not_wait_until_it_is_busy_all_the_time(self):
        for load in (0.1, 0.99, 1.0):
            ages = random_load.ages("a camera", load)
            assert ages.mean == ages.p99 == pytest.approx(1, abs=1e-6)

    @pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
    def test_at_random_the_mean_is_the_formula(self, load):
        ages = random_load.ages(random_load.RANDOM, load, 200_000)
        assert ages.mean == pytest.approx(lesson.random_arrivals(load, 1.0), rel=0.05)

    @pytest.mark.parametrize("load", [0, -0.1, 1.01, math.nan])
    def test_other_loads_are_refused(self, load):
        with pytest.raises(ValueError, match="above 0 and at most 1"):
            random_load.ages("a camera", load)

    def test_the_panel_says_queue_and_formula(self):
        panel = lesson.explore_load()
        assert "(by the formula 43.3 ms)" in panel.readout
        panel.set(stream="a camera", load=99)
        assert "formula" not in panel.readout
        assert panel.readout.endswith("p99 20.0 ms")


class TestScenarios:
    @pytest.mark.skipif(not find_spec("mlperf_loadgen"), reason="LoadGen is not installed")
    def test_every_scenario_has_its_number(self, scoreboard):
        found = lesson.scenarios()
        assert tuple(found.runs) == lesson.SCENARIOS
        lines = str(found).splitlines()[1:]
        assert all(line.startswith("[machine] ") for line in lines)
        assert [line.split()[1] for line in lines[:5]] == [*lesson.SCENARIOS, "Server"]

    def test_without_loadgen_it_says_how_to_get_it(self, scoreboard, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert "pip install 'edge-ai-workbook[mlperf]'" in str(lesson.scenarios())


class TestPublished:
    def test_the_line_goes_through_both_ends(self):
        fixed, frame = lesson.line(lesson.TENSORRT_MS, 8)
        for batch in (1, 8):
            assert fixed + batch * frame == pytest.approx(lesson.TENSORRT_MS[batch] / 1e3)
        for batch in (2, 4):
            assert fixed + batch * frame == pytest.approx(lesson.TENSORRT_MS[batch] / 1e3, rel=0.04)

    def test_a_flat_line_costs_nothing_a_frame(self):
        assert lesson.line(lesson.T4_MS, 8) == (lesson.T4_MS[1] / 1e3, 0.0)

    @pytest.mark.parametrize("most", [1, 3])
    def test_other_batches_are_refused(self, most):
        with pytest.raises(ValueError, match=f"most={most}: choose one of 2, 4, 8"):
            lesson.line(lesson.TENSORRT_MS, most)


def test_the_lesson_fills_its_rows(scoreboard):
    lesson.sweep(), lesson.compare(), lesson.two_cores()
    rows = [row for row in ROWS if row.measured and row.measured.startswith("streaming.")]
    assert len(rows) == 6
    assert all(row.cells(results.load(), {})[COLUMNS.index("this machine")] != "–" for row in rows)


def test_sources_are_the_text_that_runs():
    for name, thing in (("rule", lesson.CameraRule), ("policy", lesson.Policy), ("service", lesson.Modelled)):
        assert lesson.source(name).text == inspect.getsource(thing)
    with pytest.raises(ValueError, match="rule, policy, queue, service"):
        lesson.source("fastest")
