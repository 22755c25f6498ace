"""MLPerf's scenarios by the real LoadGen: the percentiles that we compute from its records are those in its summary."""

import os
import platform
import signal
import sys
import threading
import time

import numpy as np
import pytest

import kernels
from workbook.camera.loadgen import SCENARIOS, mlperf
from workbook.lessons.streaming import early_stopping, least_samples, percentile

WHEELS = sys.version_info < (3, 14) and platform.machine() == "x86_64"  # as the extra `test` in pyproject.toml says

if not WHEELS:
    pytest.importorskip("mlperf_loadgen")

IMAGES = np.random.default_rng(0).standard_normal((16, 3, 24, 24), np.float32)


@pytest.fixture(scope="module")
def plan():
    weight = np.random.default_rng(1).standard_normal((8, 3, 3, 3), np.float32)
    return kernels.Conv2d(weight, padding=1, threads=1)


@pytest.fixture(scope="module", params=SCENARIOS)
def run(request, plan):
    return mlperf(request.param, plan, IMAGES, seconds=0.2, queries=700, rate=2_000, bound=1.0)


def test_percentiles_equal_loadgens(run):
    assert set(run.percentiles) == {0.5, 0.9, 0.95, 0.97, 0.99, 0.999}
    for p, value in run.percentiles.items():
        assert percentile(run.latencies, p) == value


def test_early_stopping_equals_loadgens(run):
    expected = {"SingleStream": {0.9, 0.99}, "MultiStream": {0.99}, "Server": set(), "Offline": set()}
    assert set(run.estimates) == expected[run.scenario]
    for p, value in run.estimates.items():
        assert early_stopping(run.latencies, p) == value


def test_queries_have_the_scenarios_samples(run):
    sizes = np.bincount(run.queries)
    if run.scenario == "Offline":
        assert len(sizes) == 1
        assert sizes[0] >= 700
    else:
        assert set(sizes) == {8 if run.scenario == "MultiStream" else 1}
        assert len(sizes) >= 700
    assert (run.samples > 0).all()


def test_least_numbers_are_those_that_loadgen_asks_for(plan):
    short = mlperf("SingleStream", plan, IMAGES, seconds=0, queries=10)
    if len(short.samples) < least_samples(0.9):  # it ends by time and number, so a few more may have been sent
        assert f"at least {least_samples(0.9)} queries for early stopping" in short.summary
        assert not short.valid
    assert f"at\n least {least_samples(0.99)} total queries" in short.summary or not short.estimates


def test_server_counts_from_the_schedule():
    """Ten times more queries than the service can answer: they wait, and LoadGen counts the waiting."""

    def slow(images):
        time.sleep(0.005)
        return images

    run = mlperf("Server", slow, IMAGES, seconds=0.2, queries=100, rate=2_000, bound=0.01, batch=1)
    assert percentile(run.latencies, 0.5) > 20 * 5e6
    assert not run.valid


def test_the_function_gets_no_more_than_its_batch():
    seen = set()
    mlperf("Offline", lambda images: seen.add(len(images)) or images, IMAGES, seconds=0.01, queries=37, batch=5)
    assert max(seen) == 5


def test_what_the_function_returns_is_of_the_images_that_were_asked_for():
    numbered = np.arange(16, dtype=np.float32).reshape(16, 1, 1, 1)
    seen = []
    mlperf("Offline", lambda images: seen.extend(images.ravel()) or images, numbered, seconds=0.01, queries=64)
    assert set(seen) == set(range(16))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_error_is_raised_after_the_run(scenario):
    calls = []

    def failing(images):
        calls.append(len(images))
        if len(calls) > 4:
            raise RuntimeError("the device is gone")
        return images

    with pytest.raises(RuntimeError, match="the device is gone"):
        mlperf(scenario, failing, IMAGES, seconds=0.05, queries=100, rate=2_000)
    assert len(calls) == 5
    assert mlperf(scenario, lambda images: images, IMAGES, seconds=0.01, queries=70, rate=2_000).samples.size


@pytest.mark.parametrize("scenario", ["SingleStream", "Server"])
def test_interrupt(scenario):
    def pressed(images):
        calls.append(len(images))
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        return images

    calls, threads = [], threading.active_count()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            mlperf(scenario, pressed, IMAGES, seconds=0.3, queries=100, rate=500, batch=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(calls) < 20
    assert threading.active_count() == threads


def test_unknown_scenario(plan):
    with pytest.raises(ValueError, match="no scenario 'Camera'; there are SingleStream, MultiStream, Server, Offline"):
        mlperf("Camera", plan, IMAGES)


def test_without_the_extra(plan, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(ImportError, match=r"pip install 'edge-ai-workbook\[mlperf\]'"):
        mlperf("Offline", plan, IMAGES)
