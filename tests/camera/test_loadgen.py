"""MLPerf's scenarios by the real LoadGen: the percentiles that we compute from its records are those in its summary."""

import os
import platform
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import nbformat
import numpy as np
import psutil
import pytest
from interrupting import PATIENCE, interrupt_another_thread_while_in

import kernels
from workbook.camera.latencies import early_stopping, least_samples, percentile
from workbook.camera.loadgen import SCENARIOS, mlperf
from workbook.tools.render import execute

WHEELS = sys.version_info < (3, 14) and platform.machine() == "x86_64"  # as the extra `test` in pyproject.toml says

if not WHEELS:
    pytest.importorskip("mlperf_loadgen")

pytestmark = pytest.mark.usefixtures("nothing_left")

IMAGES = np.random.default_rng(0).standard_normal((16, 3, 24, 24), np.float32)


def loadgens():
    """LoadGen's process, once there is one: the warm-up is over. Tests before may have left other children."""
    commands = ((child, child.as_dict(["cmdline"])["cmdline"]) for child in psutil.Process().children())
    return [child for child, command in commands if "loadgen_process" in " ".join(command or ())]


def paused_child():
    """Fork a child that waits for its end, whatever wakes it before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    while not child:
        signal.pause()
    return child


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


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_results_that_are_not_of_the_images_are_an_error(scenario):
    with pytest.raises(ValueError, match=r"the function returned \(2, 3\) for 1 images"):
        mlperf(scenario, lambda images: np.zeros((2, 3)), IMAGES, seconds=0.01, queries=10, batch=1)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupt(scenario):
    def pressed(images):
        if loadgens():
            calls.append(len(images))
            os.kill(os.getpid(), signal.SIGINT)
        return images

    calls = []
    with pytest.raises(KeyboardInterrupt):
        mlperf(scenario, pressed, IMAGES, seconds=0.01, queries=100, rate=500, batch=1)
    assert calls == [1]


def test_interrupt_while_no_query_comes():
    """The first query comes after an hour, on the average."""
    with interrupt_another_thread_while_in("_serve"), pytest.raises(KeyboardInterrupt):
        mlperf("Server", lambda images: images, IMAGES, seconds=0.01, queries=2, rate=1 / 3600)


class TestLoadGensProcess:
    """LoadGen runs in a process of its own, and what becomes of that is said."""

    @pytest.mark.parametrize("scenario", SCENARIOS)
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
    def test_its_death_is_an_exception(self, scenario, number):
        def killing(images):
            for process in loadgens():
                process.send_signal(number)
            return images

        what = rf"LoadGen's process was ended by signal {number:d} \({signal.strsignal(number)}\).*: run it again"
        with pytest.raises(RuntimeError, match=what):
            mlperf(scenario, killing, IMAGES, seconds=0.01, queries=100, rate=500, batch=1)
        assert mlperf(scenario, lambda images: images, IMAGES, seconds=0.01, queries=70, rate=2_000).samples.size

    def test_its_death_while_no_query_comes(self):
        def kill():
            while not (processes := loadgens()):
                time.sleep(0.01)
            processes[0].kill()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(kill)
            with pytest.raises(RuntimeError, match=r"was ended by signal 9 \(Killed\)"):
                mlperf("Server", lambda images: images, IMAGES, seconds=0.01, queries=2, rate=1 / 3600)

    def test_its_death_while_a_fork_holds_its_pipes(self):
        """A worker that the learner's function forks keeps copies of the pipes, so that their ends are not seen."""

        def forking(images):
            processes = loadgens()
            if processes and not pids:  # once, although more queries may come before the death is seen
                pids.append(paused_child())
                processes[0].kill()
            return images

        pids = []
        with pytest.raises(RuntimeError, match="was ended by signal 9"):
            mlperf("SingleStream", forking, IMAGES, seconds=0.01, queries=100)
        os.kill(pids[0], signal.SIGKILL)
        os.waitpid(pids[0], 0)

    def test_what_it_says_is_in_the_exception(self, monkeypatch, tmp_path):
        """Another LoadGen than the one that is installed, which does not import."""
        (tmp_path / "mlperf_loadgen.py").write_text("raise ImportError('libstdc++.so.6 is too old')")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(
            RuntimeError, match=r"(?s)ended with exit code 1.*ImportError: libstdc\+\+\.so\.6 is too old$"
        ):
            mlperf("Offline", lambda images: images, IMAGES)

    def test_ends_with_its_parent(self):
        code = """
import os, signal
import numpy as np, psutil
from workbook.camera.loadgen import mlperf
def killing(images):
    for process in psutil.Process().children():
        print(process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return images
mlperf("Server", killing, np.zeros((4, 1, 2, 2), np.float32), seconds=0.01, queries=100, rate=500)
"""
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(ended.stdout)).wait(PATIENCE)

    def test_from_a_thread(self, plan):
        with ThreadPoolExecutor(2) as threads:
            runs = [
                threads.submit(mlperf, "Server", plan, IMAGES, seconds=0.05, queries=70, rate=2_000) for _ in range(2)
            ]
        assert all(len(run.result().samples) >= 70 for run in runs)

    def test_before_and_after_a_fork(self):
        code = f"{_RUN}import os\nchild = os.fork()\n{_RUN}assert not child or os.waitpid(child, 0)[1] == 0"
        subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", code], check=True)

    def test_in_a_notebook(self, tmp_path):
        folder = tmp_path / "my folder"
        folder.mkdir()
        cell = nbformat.v4.new_code_cell(f"{_RUN}len(run.samples) >= 70")
        (output,) = execute(nbformat.v4.new_notebook(cells=[cell]), folder).cells[0].outputs
        assert output.data["text/plain"] == "True"


_RUN = """\
import numpy as np
from workbook.camera.loadgen import mlperf
run = mlperf("Offline", lambda images: images, np.zeros((4, 1, 2, 2), np.float32), seconds=0.01, queries=70)
"""


def test_unknown_scenario(plan):
    with pytest.raises(ValueError, match="no scenario 'Camera'; there are SingleStream, MultiStream, Server, Offline"):
        mlperf("Camera", plan, IMAGES)


def test_without_the_extra(plan, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(ImportError, match=r"pip install 'edge-ai-workbook\[mlperf\]'"):
        mlperf("Offline", plan, IMAGES)
