"""The formulas of the model, and the simulator against them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from workbook.camera.run_stream import stream
from workbook.lessons.streaming import (
    CameraRule,
    Modelled,
    Policy,
    batch_bound,
    camera,
    cameras,
    latencies,
    poisson,
    random_arrivals,
)

T, FIXED, PER_FRAME = 1 / 32, 1 / 64, 1 / 128  # sums of these are exact in float64


class TestCameraRule:
    @pytest.mark.parametrize("batch", [1, 2, 3, 8, 16])
    def test_simulator_is_exact(self, batch):
        rule = CameraRule(T, FIXED, PER_FRAME)
        run = stream(camera(12 * batch, 1 / T), Modelled(FIXED, PER_FRAME), Policy.fixed(batch))
        assert set(latencies(run.records)[::batch]) == {rule.age(batch)}

    @pytest.mark.parametrize("fps", [24, 25, 30, 60])
    def test_simulator_is_exact_at_usual_rates(self, fps):
        rule = CameraRule(1 / fps, 0.004, 0.002)
        for batch in range(1, 9):
            run = stream(camera(40 * batch, fps), Modelled(0.004, 0.002), Policy.fixed(batch))
            np.testing.assert_allclose(latencies(run.records)[::batch], rule.age(batch), rtol=0, atol=1e-13)

    def test_at_the_edge_of_stability_the_age_stays(self):
        batch = 4
        fixed = batch * (T - PER_FRAME)
        assert CameraRule(T, fixed, PER_FRAME).stable(batch)
        ages = latencies(stream(camera(400, 1 / T), Modelled(fixed, PER_FRAME), Policy.fixed(batch)).records)
        assert ages[0] == ages[-batch]

    def test_beyond_it_the_queue_grows(self):
        rule = CameraRule(T, 4 * T, PER_FRAME)
        assert rule.age(4) == math.inf
        ages = latencies(stream(camera(400, 1 / T), Modelled(4 * T, PER_FRAME), Policy.fixed(4)).records)
        # Each batch is tau(B) - B*T later than the one before it.
        assert ages[4] - ages[0] == rule.service(4) - 4 * T
        assert ages[-4] - ages[0] == 99 * (rule.service(4) - 4 * T)

    def test_best_batch_is_the_best_of_those_simulated(self):
        random = np.random.default_rng(5)
        for _ in range(40):
            fixed, per_frame = random.uniform(0, 4 * T), random.uniform(0, 0.9 * T)
            rule = CameraRule(T, fixed, per_frame)
            best = rule.best_batch
            assert best is not None
            simulated = {}
            for batch in range(max(1, best - 3), best + 4):
                run = stream(camera(60 * batch, 1 / T), Modelled(fixed, per_frame), Policy.fixed(batch))
                ages = latencies(run.records)[::batch]
                grows = ages[-1] > ages[0] + 1e-9
                simulated[batch] = math.inf if grows else ages[0]
            assert min(simulated, key=simulated.__getitem__) == best

    def test_best_batch_by_fractions(self):
        for period, fixed, per_frame in [(0.1, 0.3, 0.0), (0.3, 0.6, 0.1), (0.7, 4.2, 0.1), (1 / 30, 0.1, 1 / 60)]:
            best = CameraRule(period, fixed, per_frame).best_batch
            exact = Fraction(fixed) / (Fraction(period) - Fraction(per_frame))
            assert abs(best - exact) < 1

    def test_load_is_one_at_the_edge(self):
        rule = CameraRule(T, 4 * (T - PER_FRAME), PER_FRAME)
        assert rule.load(4) == 1
        assert rule.load(8) < 1 < rule.load(2)

    def test_none_is_stable(self):
        assert CameraRule(T, FIXED, T).best_batch is None
        assert CameraRule(T, 0.0, T).best_batch == 1

    def test_waiting_for_eight(self):
        assert CameraRule(1 / 30, 0, 0).wait(8) == pytest.approx(0.2333, abs=1e-4)

    def test_cameras_in_phase_fill_a_batch_without_waiting(self):
        service = Modelled(FIXED, PER_FRAME)
        together = latencies(stream(cameras(8, 20, 2.0), service, Policy.fixed(8)).records)
        spread = latencies(stream(cameras(8, 20, 2.0, in_phase=False), service, Policy.fixed(8)).records)
        assert set(together) == {FIXED + 8 * PER_FRAME}
        assert spread[0] == together[0] + 7 * 0.5 / 8

    @pytest.mark.parametrize("numbers", [(0, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, math.nan)])
    def test_bad_numbers(self, numbers):
        with pytest.raises(ValueError, match="a period above 0 and costs of 0 or more"):
            CameraRule(*numbers)


class TestRandomArrivals:
    @pytest.mark.parametrize(("rho", "frames", "seed"), [(0.2, 40_000, 0), (0.5, 60_000, 0), (0.8, 150_000, 0)])
    def test_simulator_is_within_two_percent(self, rho, frames, seed):
        service = 0.01
        run = stream(poisson(frames, rho / service, seed=seed), Modelled(0, service))
        assert latencies(run.records).mean() == pytest.approx(random_arrivals(rho / service, service), rel=0.02)

    def test_simulator_is_lindleys_recursion(self):
        source, service = poisson(5_000, 90.0, seed=3), 0.01
        free, expected = 0.0, []
        for scheduled in source.times:
            free = max(free, scheduled) + service
            expected.append(free - scheduled)
        np.testing.assert_array_equal(latencies(stream(source, Modelled(service, 0)).records), expected)

    def test_overload(self):
        assert random_arrivals(100, 0.01) == math.inf


class TestBatchBound:
    A = 0.001  # s a frame

    def ratio(self, rho, fixed):
        """Return the simulated mean over the bound; `fixed` in units of A."""
        run = stream(poisson(60_000, rho / self.A, seed=1), Modelled(fixed * self.A, self.A), Policy.take_all())
        return latencies(run.records).mean() / batch_bound(rho / self.A, fixed * self.A, self.A)

    @pytest.mark.parametrize("rho", [0.1, 0.3, 0.6])
    @pytest.mark.parametrize("fixed", [0.5, 1.0, 2.0])
    def test_simulation_is_within_six_percent_below(self, rho, fixed):
        noise = 0.005  # of the mean of so many arrivals
        assert 1 - 0.06 <= self.ratio(rho, fixed) <= 1 + noise

    def test_far_outside_of_that_range_it_is_looser(self):
        assert self.ratio(0.05, 20.0) == pytest.approx(1 - 0.089, abs=0.01)

    def test_without_a_fixed_cost_it_is_above_one_at_a_time(self):
        assert batch_bound(0.5, 0.0, 1.0) > random_arrivals(0.5, 1.0)

    def test_overload(self):
        assert batch_bound(1.0, 1.0, 1.0) == math.inf
