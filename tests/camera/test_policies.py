"""Policies in simulated time, where every moment can be worked out by hand."""

import math

import numpy as np
import pytest

from workbook.camera.run_stream import stream
from workbook.lessons.streaming import (
    Hiccups,
    Modelled,
    Outcome,
    Policy,
    RealTime,
    camera,
    closed_loop,
    latencies,
    one_each,
    percentile,
    shown_ages,
    split_one,
)

FPS = 8  # frames at 0, 0.125, 0.25, ...: exact in float64


def outcomes(run):
    return [Outcome(outcome).name for outcome in run.records["outcome"]]


class TestBatches:
    def test_a_batch_waits_until_it_is_full(self):
        records = stream(camera(8, FPS), Modelled(0.0625, 0), Policy.fixed(4)).records
        assert records["taken"].tolist() == [0.375] * 4 + [0.875] * 4
        assert records["finished"].tolist() == [0.4375] * 4 + [0.9375] * 4
        assert set(records["batch"]) == {4}

    def test_the_last_batch_is_what_is_left(self):
        records = stream(camera(6, FPS), Modelled(0, 0), Policy.fixed(4)).records
        assert records["batch"].tolist() == [4] * 4 + [2] * 2
        assert records["taken"][-1] == records["scheduled"][-1]

    def test_no_longer_than_the_delay(self):
        records = stream(camera(8, FPS), Modelled(0, 0), Policy(8, max_delay=0.25)).records
        assert records["batch"].tolist() == [3, 3, 3, 3, 3, 3, 2, 2]
        assert (records["taken"] - records["scheduled"]).max() == 0.25

    def test_take_all_takes_what_came_meanwhile(self):
        records = stream(camera(7, FPS), Modelled(0.375, 0), Policy.take_all()).records
        assert records["batch"].tolist() == [1, 3, 3, 3, 3, 3, 3]
        records = stream(camera(7, FPS), Modelled(0.375, 0), Policy.take_all(2)).records
        assert records["batch"].tolist() == [1, 2, 2, 2, 2, 2, 2]


class TestQueues:
    # A frame takes three periods, so two of three are not computed.
    SERVICE = Modelled(0.375, 0)

    def test_one_overwritten(self):
        run = stream(camera(9, FPS), self.SERVICE, Policy.newest())
        done = run.records[run.records["outcome"] == Outcome.DONE]
        assert done["index"].tolist() == [0, 3, 6, 8]
        assert latencies(run.records).max() == 0.375 + 0.125  # the last frame waits for one that came before it
        assert run.summary.dropped == 5
        assert run.reason(1) == "no room"

    def test_dropping_keeps_the_oldest(self):
        run = stream(camera(9, FPS), self.SERVICE, Policy(room=1))
        done = run.records[run.records["outcome"] == Outcome.DONE]
        assert done["index"].tolist() == [0, 1, 4, 7]  # 3 arrives in the moment that 1 is taken, and finds no room
        # Frame 1 was there first, so what is shown is older than with the newest.
        assert latencies(run.records).max() == 0.375 + 0.25

    def test_unbounded_falls_behind(self):
        ages = latencies(stream(camera(9, FPS), self.SERVICE).records)
        np.testing.assert_array_equal(np.diff(ages), 0.25)

    def test_stale_frames(self):
        """A camera of 15 frames a second and a loop of 10: three seconds behind after nine, unless overwritten."""
        kept = stream(camera(135, 15), Modelled(0.1, 0))
        newest = stream(camera(135, 15), Modelled(0.1, 0), Policy.newest())
        assert 4.4 < latencies(kept.records)[-1] < 4.7
        assert kept.records["finished"][90] - kept.records["scheduled"][90] == pytest.approx(3.1, abs=0.01)
        assert newest.summary.worst < 0.1 + 1 / 15

    def test_what_dropping_costs_is_seen_on_the_screen(self):
        run = stream(camera(90, FPS), self.SERVICE, Policy.newest())
        # A result is 0.375 old when it comes, and 0.75 when the next takes its place.
        assert percentile(shown_ages(run.records), 0.5) == 0.75
        assert run.summary.p50 == 0.375


class TestCores:
    @staticmethod
    def make(threads):
        return Modelled(1 / 64, 4 / 64 / threads)  # a part is not divided

    def test_split_is_sooner_and_each_does_more(self):
        burst = camera(64, 1e9)
        split = stream(camera(64, 1), split_one(self.make, 2)).summary
        each = stream(camera(64, 1), one_each(self.make, 2)).summary
        assert (split.p50, each.p50) == (3 / 64, 5 / 64)
        split_rate = stream(burst, split_one(self.make, 2)).summary.throughput
        each_rate = stream(burst, one_each(self.make, 2)).summary.throughput
        assert split_rate == pytest.approx(64 / 3, rel=1e-6)
        assert each_rate == pytest.approx(2 * 64 / 5, rel=1e-6)

    def test_both_workers_have_their_share(self):
        records = stream(camera(100, 1e9), one_each(self.make, 2)).records
        assert np.bincount(records["worker"]).tolist() == [50, 50]


class TestDeadlines:
    def test_late_is_not_done(self):
        run = stream(camera(4, FPS), Hiccups(Modelled(0.0625, 0), {2: 0.0625}), deadline=0.0625)
        assert outcomes(run) == ["DONE", "DONE", "LATE", "DONE"]
        assert run.summary.misses == 1
        assert run.deadline == 0.0625

    def test_a_jittering_camera_misses_where_a_steady_one_does_not(self):
        service = Modelled(0.031, 0)
        steady = stream(camera(600, 30), service, deadline=0.033).summary
        jittering = stream(camera(600, 30, jitter=0.005, seed=1), service, deadline=0.033).summary
        assert steady.misses == 0
        assert jittering.misses > 100


class TestCoordinatedOmission:
    """One pause of half a second in a service of a millisecond."""

    SERVICE = Hiccups(Modelled(0.001, 0), {5_000: 0.5})

    def test_closed_loop_hides_what_open_loop_shows(self):
        closed = closed_loop(camera(10_000), self.SERVICE).summary
        opened = stream(camera(10_000, fps=500), self.SERVICE).summary
        assert closed.p99 == pytest.approx(0.001)
        assert opened.p99 > 0.3
        assert closed.worst == pytest.approx(opened.worst) == pytest.approx(0.501)

    def test_the_next_frame_comes_with_the_result(self):
        records = closed_loop(camera(5), Modelled(0.25, 0)).records
        assert records["scheduled"].tolist() == [0, 0.25, 0.5, 0.75, 1.0]

    def test_in_real_time(self):
        records = closed_loop(camera(5), Modelled(0.001, 0), clock=RealTime()).records
        assert records["scheduled"][0] >= 0
        assert (records["scheduled"][1:] >= records["finished"][:-1]).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch=0: a worker takes a whole number of frames, at least one"),
        ({"max_delay": -1.0}, "max_delay=-1.0"),
        ({"max_delay": math.nan}, "max_delay=nan"),
        ({"batch": 8, "room": 4}, "room=4 never holds a batch of 8"),
        ({"when_full": "burn"}, "choose drop or overwrite"),
    ],
)
def test_bad_policies(wrong, message):
    with pytest.raises(ValueError, match=message):
        Policy(**wrong)


def test_a_function_cannot_be_simulated():
    run = stream(camera(2), lambda images: images)
    assert outcomes(run) == ["FAILED", "FAILED"]
    assert "clock=RealTime()" in run.reason(0)


def test_a_run_needs_a_worker():
    with pytest.raises(ValueError, match="services is empty"):
        stream(camera(2), [])
