"""What goes wrong is reported, nothing hangs, and every frame is counted, in simulated and in real time."""

import math
import os
import signal
import threading
import time

import numpy as np
import pytest

from workbook.camera.frames import Format
from workbook.camera.run_stream import stream
from workbook.lessons.streaming import (
    Frame,
    Hiccups,
    Interrupted,
    Modelled,
    OnImages,
    Outcome,
    Policy,
    RealTime,
    Simulated,
    camera,
    closed_loop,
    one_each,
    poisson,
)

BOTH = pytest.mark.parametrize("clock", [Simulated, RealTime])
FAST = 2_000  # frames a second
HANG = 300  # s in which a test of real time must end, on any machine
PATIENCE = 2  # s: a worker that computes is not kept from its core for so long


@pytest.fixture(autouse=True)
def _nothing_hangs():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < HANG


class Broken:
    """A service that fails for some frames."""

    def __init__(self, which):
        self.which = which

    def __call__(self, batch):
        self.seconds(batch)

    def seconds(self, batch):
        if any(frame.index in self.which for frame in batch):
            raise RuntimeError("the device is gone")
        return 1e-4


class Stuck:
    """A service that does not return from the batch with this frame, until it is let go."""

    def __init__(self, index):
        self.index = index
        self.let_go = threading.Event()

    def __call__(self, batch):
        if any(frame.index >= self.index for frame in batch):
            self.let_go.wait(HANG)

    def seconds(self, batch):
        return math.inf if any(frame.index >= self.index for frame in batch) else 1e-4


class Pictures:
    """A camera whose images may be of the wrong kind."""

    count = 6
    format = Format((1, 4, 4), np.dtype(np.float32))

    def __init__(self, **wrong):
        self.wrong = {int(name[1:]): payload for name, payload in wrong.items()}

    def __iter__(self):
        for index in range(self.count):
            yield Frame(index, index / FAST, self.wrong.get(index, np.zeros((1, 4, 4), np.float32)))


def counted(run, frames):
    """Every frame has one row."""
    assert run.records["index"].tolist() == list(range(frames))
    summary = run.summary
    assert summary.done + summary.late + summary.dropped + summary.failed == frames


class TestService:
    @BOTH
    def test_an_error_fails_its_batch_only(self, clock):
        run = stream(camera(12, FAST), Broken({5}), Policy.fixed(3), clock=clock())
        counted(run, 12)
        assert np.flatnonzero(run.records["outcome"] == Outcome.FAILED).tolist() == [3, 4, 5]
        assert run.reason(5) == "RuntimeError: the device is gone"
        assert run.reason(6) == ""
        assert run.complaints == ()

    @BOTH
    def test_a_slow_frame_is_late_and_what_waits_behind_it(self, clock):
        service = Hiccups(Modelled(0, 0), {3: 0.5})
        run = stream(camera(12, FAST), service, clock=clock(), deadline=0.2)
        counted(run, 12)
        assert (run.records["outcome"][3:] == Outcome.LATE).all()
        assert run.records["finished"][3] - run.records["started"][3] >= 0.5 - 1e-9

    @BOTH
    def test_the_last_worker_stalls(self, clock):
        service = Stuck(4)
        run = stream(camera(40, FAST), service, clock=clock(), patience=PATIENCE)
        service.let_go.set()
        offered = len(run.records)
        counted(run, offered)
        assert offered >= 5
        assert run.complaints == ("worker 0 was given up: no result after 2 s",)
        assert run.reason(4) == "stalled"
        assert {run.reason(row) for row in range(5, offered)} <= {"no worker left"}
        assert run.summary.done == 4

    @BOTH
    def test_another_worker_goes_on(self, clock):
        stuck = Stuck(0)
        run = stream(camera(200, FAST), [stuck, Modelled(0, 1e-4)], clock=clock(), patience=PATIENCE)
        stuck.let_go.set()
        counted(run, 200)
        assert run.summary.failed <= 1
        assert run.summary.done >= 199

    def test_a_result_that_comes_after_all_changes_nothing(self):
        stuck = Stuck(3)
        run = stream(camera(4, FAST), stuck, clock=RealTime(), patience=PATIENCE)
        before = run.records.tobytes()
        stuck.let_go.set()
        time.sleep(0.05)
        assert run.records.tobytes() == before
        assert run.reason(3) == "stalled"

    def test_a_result_of_the_wrong_length(self):
        service = OnImages(lambda images: images[:0], then=lambda frame, result: None)
        run = stream(Pictures(), service, clock=RealTime())
        assert run.summary.failed == 6
        assert run.reason(0).startswith("ValueError")


class TestSource:
    class Ending:
        count = 20

        def __init__(self, error=None):
            self.error = error

        def __iter__(self):
            yield from (Frame(index, index / FAST) for index in range(7))
            if self.error:
                raise self.error

    @BOTH
    def test_it_ends_early(self, clock):
        run = stream(self.Ending(), Modelled(0, 0), clock=clock())
        counted(run, 7)
        assert run.expected == 20
        assert run.complaints == ("the source ended after 7 of 20 frames",)
        assert "ended after 7 of 20" in str(run)

    @BOTH
    def test_it_fails(self, clock):
        run = stream(self.Ending(OSError("unplugged")), Modelled(0, 0), Policy.fixed(4), clock=clock())
        counted(run, 7)
        assert run.complaints[0] == "the source failed: OSError: unplugged"
        assert run.summary.done == 7

    @BOTH
    @pytest.mark.parametrize("second", [Frame(0, 1.0), Frame(1, -1.0)])
    def test_frames_out_of_order(self, clock, second):
        run = stream([Frame(0, 0.0), second], Modelled(0, 0), clock=clock())
        counted(run, 1)
        assert "out of order" in run.complaints[0]

    @BOTH
    def test_no_frames(self, clock):
        run = stream([], Modelled(0, 0), clock=clock())
        assert run.summary.frames == 0

    @BOTH
    def test_something_else_than_frames(self, clock):
        run = stream(["frame"], Modelled(0, 0), clock=clock())
        assert run.complaints[0] == "the source failed: TypeError: 'frame' is not a Frame"

    @pytest.mark.parametrize("way", [stream, closed_loop])
    def test_it_hangs(self, way):
        let_go = threading.Event()

        def hanging():
            yield Frame(0, 0.0)
            let_go.wait(HANG)

        run = way(hanging(), Modelled(0, 0), clock=RealTime(), patience=PATIENCE)
        let_go.set()
        counted(run, 1)
        assert run.complaints[0] == "the source was given up: no frame after 2 s"

    @BOTH
    @pytest.mark.parametrize(
        ("payload", "reason"),
        [
            (np.zeros((1, 4, 5), np.float32), "wrong size: (1, 4, 5), not (1, 4, 4)"),
            (np.zeros((1, 4, 4)), "wrong type: float64, not float32"),
            (b"jpeg", "wrong type: bytes, not an array"),
            (None, "wrong type: NoneType, not an array"),
        ],
    )
    def test_wrong_frames_fail_and_the_others_are_computed(self, clock, payload, reason):
        seen = []
        service = OnImages(lambda images: seen.append(len(images))) if clock is RealTime else Modelled(0, 0)
        run = stream(Pictures(f2=payload), service, Policy.fixed(2), clock=clock())
        counted(run, 6)
        assert run.reason(2) == reason
        assert run.summary.done == 5
        assert sum(seen) in (0, 5)


class TestInterrupt:
    class Interrupting:
        """A service during which Ctrl-C is pressed."""

        def __init__(self, index):
            self.index = index

        def __call__(self, batch):
            if batch[0].index == self.index:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)

        def seconds(self, batch):
            self(batch)
            return 0.05

    @BOTH
    def test_what_was_done_is_kept_and_what_waits_is_dropped(self, clock):
        with pytest.raises(Interrupted, match="interrupted; ") as caught:
            stream(camera(500, 100), self.Interrupting(5), clock=clock())
        run = caught.value.run
        counted(run, len(run.records))
        assert 5 <= run.summary.done < 500
        assert run.summary.frames < 500
        assert {"interrupted"} <= set(run.reasons)

    def test_a_closed_loop(self):
        with pytest.raises(Interrupted) as caught:
            closed_loop(camera(500), self.Interrupting(5), clock=RealTime())
        counted(caught.value.run, 6)

    def test_threads_end(self):
        before = threading.active_count()
        with pytest.raises(Interrupted):
            stream(camera(500, FAST), one_each(lambda threads: self.Interrupting(5), 2), clock=RealTime())
        deadline = time.monotonic() + HANG
        while threading.active_count() > before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before


class Storm:
    """10,000 frames, some of them wrong, in random order of faults; the source breaks off at the end."""

    count = 10_001
    format = Format((1, 4, 4), np.dtype(np.float32))

    def __init__(self, rate):
        self.times = poisson(10_000, rate, seed=9).times
        kinds = np.random.default_rng(9).choice(4, 10_000, p=[0.95, 0.02, 0.02, 0.01])
        good = np.zeros((1, 4, 4), np.float32)
        self.payloads = [(good, good[:, :2], good.astype(np.int8), None)[kind] for kind in kinds]
        self.wrong = int((kinds > 0).sum())

    def __iter__(self):
        for index, scheduled in enumerate(self.times.tolist()):
            yield Frame(index, scheduled, self.payloads[index])
        raise OSError("unplugged")


TROUBLE = 89  # the service fails for every frame of so many


class Rough:
    """A service that fails, hesitates, and hangs once if it is told to."""

    def __init__(self, stuck):
        self.stuck = Stuck(5_000) if stuck else None

    def __call__(self, batch):
        if self.stuck:
            self.stuck(batch)
        time.sleep(self._trouble(batch))

    def seconds(self, batch):
        return (self.stuck.seconds(batch) if self.stuck else 0) + 1e-4 + self._trouble(batch)

    def _trouble(self, batch):
        if any(frame.index % TROUBLE == 0 for frame in batch):
            raise RuntimeError("trouble")
        return 0.005 if any(frame.index % 101 == 0 for frame in batch) else 0.0


@BOTH
@pytest.mark.parametrize(
    "policy",
    [Policy(), Policy(4, max_delay=0.002), Policy.newest(), Policy(8, max_delay=0.001, room=8), Policy.take_all(16)],
    ids=str,
)
def test_storm(clock, policy):
    source = Storm(rate=20_000)
    services = [Rough(stuck=False), Rough(stuck=True), Rough(stuck=True)]
    run = stream(source, services, policy, clock=clock(), deadline=0.05, patience=PATIENCE)
    for service in services[1:]:
        service.stuck.let_go.set()
    counted(run, 10_000)
    reasons = [run.reason(row) for row in range(10_000)]
    wrong = sum(reason.startswith("wrong") for reason in reasons)
    assert wrong == source.wrong
    troubled = run.records["outcome"][run.records["index"] % TROUBLE == 0]
    assert not np.isin(troubled, (Outcome.DONE, Outcome.LATE)).any()
    if clock is Simulated or policy.room is None:  # else a slow machine may drop all of them
        assert reasons.count("RuntimeError: trouble") > 0
    assert sum(reason == "stalled" for reason in reasons) <= 2 * policy.batch
    assert "the source failed: OSError: unplugged" in run.complaints
    dropped = run.records["outcome"] == Outcome.DROPPED
    assert dropped.any() == (policy.room is not None)
    computed = np.isfinite(run.records["finished"])
    assert (run.records["started"][computed] >= run.records["taken"][computed]).all()
    assert (run.records["taken"][computed] >= run.records["scheduled"][computed]).all()


def test_every_frame_may_fail_for_a_reason_of_its_own():
    class Talkative(Broken):
        def seconds(self, batch):
            raise RuntimeError(f"no {batch[0].index}")

    run = stream(camera(40_000), Talkative(()))
    assert len(run.reasons) == 40_001
    assert run.reason(39_999) == "RuntimeError: no 39999"


def test_simulated_time_has_no_patience_of_its_own():
    assert stream(camera(2), Modelled(1e6, 0)).summary.done == 2


def test_garbage_is_collected_again():
    import gc

    assert gc.isenabled()
    stream(camera(3, FAST), Modelled(0, 0), clock=RealTime())
    assert gc.isenabled()
