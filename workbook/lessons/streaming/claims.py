"""The numbers that lesson 5 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workbook.camera.latencies import shown_ages
from workbook.camera.policy import Policy
from workbook.camera.run_stream import stream
from workbook.camera.services import Modelled
from workbook.camera.sources import FPS, camera
from workbook.lessonkit.claim import Claim, cited, computed, measured
from workbook.lessons.streaming import core_split, denoising, exercises, hiccup, model, throughput, waits
from workbook.lessons.streaming.published_batches import T4_MS, T4_SOURCE
from workbook.lessons.streaming.queueing import CameraRule

SLOW = 15.0  # frames a second, of the camera whose queue nobody empties
HAND = CameraRule(1 / FPS, 0.010, 0.005)  # the service of section "The idea"


def _ms(id: str, sentence: str, compute: Callable[[], float]) -> Claim:
    return computed(f"streaming.{id}", sentence, lambda: 1e3 * compute(), "ms")


def _p99(loop: int) -> float:
    return hiccup.simulated()[loop].summary.p99


def _stale(policy: Policy) -> float:
    """Seconds that the newest result is behind, at most: 15 frames a second for 9 s, a service of 100 ms."""
    return float(shown_ages(stream(camera(135, SLOW), Modelled(0.1, 0.0), policy).records).max())


def _photo(program: str) -> float:
    return denoising.pictures()[program][1]


CLAIMS = (
    _ms("camera.period", f"A camera of {FPS:g} frames a second has a frame every {{}}.", lambda: 1 / FPS),
    _ms("hand.fixed", "The service by hand takes {} for a batch.", lambda: HAND.fixed),
    _ms("hand.frame", "It takes {} more for each frame.", lambda: HAND.per_frame),
    _ms("break.fixed", "The service that is slower than the camera takes {} for a batch.", lambda: 0.060),
    _ms("explore.deadline", "The panel's deadline is {}.", lambda: model.DEADLINE),
    _ms("camera.wait8", "The oldest of eight frames waits {} for the newest.", lambda: HAND.wait(8)),
    *(
        _ms(
            f"camera.age{batch}",
            f"The oldest frame of a batch of {batch} is {{}} old at its result.",
            partial(HAND.age, batch),
        )
        for batch in (1, 8)
    ),
    computed(
        "streaming.weights.deep",
        "A layer of 512 channels has {} of weights.",
        lambda: throughput.weight_bytes("batch.deep") / 1e6,
        "MB",
    ),
    computed(
        "streaming.weights.connected",
        "A fully connected layer has {} of weights.",
        lambda: throughput.weight_bytes("batch.connected") / 1e6,
        "MB",
    ),
    computed(
        "streaming.weights.share",
        f"In a batch of {throughput.LARGEST} an image has {{}} fewer bytes of weights to wait for.",
        lambda: throughput.LARGEST,
        "×",
    ),
    *(
        measured(f"streaming.{id}", f"Of {case}, the best batch has {{}} the throughput of one image.", "×")
        for id, case in throughput.CASES.items()
    ),
    _ms("closed.p99", "A closed loop says that the service's p99 is {}.", lambda: _p99(0)),
    _ms("open.p99", "A camera says that the same service's p99 is {}.", lambda: _p99(1)),
    _ms("hiccup", "The service hangs once, for {}.", lambda: hiccup.HICCUP),
    computed(
        "streaming.wait.batch8_model",
        "By the rule, the oldest of eight frames is {} as old as a frame alone, on the reference machine.",
        lambda: waits.at_reference(8) / waits.at_reference(1),
        "×",
    ),
    computed(
        "streaming.wait.batch2_model",
        "By the rule, the older of two frames is {} as old as a frame alone, on the reference machine.",
        lambda: waits.at_reference(2) / waits.at_reference(1),
        "×",
    ),
    measured("streaming.wait.batch8", "The oldest of eight frames was {} as old as a frame alone.", "×"),
    measured("streaming.wait.batch2", "The older of two frames was {} as old as a frame alone.", "×"),
    computed("streaming.cores.two", "Two cores on one frame, at best: {} as soon.", lambda: denoising.CORES, "×"),
    measured(
        f"streaming.{core_split.SPLIT_ID}",
        "A frame is done {} as soon on both cores as on one, if the other works too.",
        "×",
    ),
    measured(f"streaming.{core_split.RATE_ID}", "A frame on each core gives {} the results of one core.", "×"),
    *(
        computed(f"streaming.photo.{name}", f"The picture has a PSNR of {{}}: {name}.", partial(_photo, name), "dB")
        for name in ("camera", "direct", "int8")
    ),
    *(
        measured(f"streaming.live.{program}", f"By {program} {{}} of the frames miss the deadline.", "%")
        for program in denoising.PROGRAMS
    ),
    cited("streaming.t4.one", "ResNet-50 takes {} on a T4 at batch 1.", T4_MS[1], "ms", T4_SOURCE),
    cited("streaming.t4.eight", "A batch of eight takes {} there.", T4_MS[8], "ms", T4_SOURCE),
    cited(
        "streaming.t4.gain",
        "Eight images at once take {} less time there than one by one.",
        8 * T4_MS[1] / T4_MS[8],
        "×",
        T4_SOURCE,
    ),
    computed(
        "streaming.stale.rate", "The camera whose queue nobody empties sends {}.", lambda: SLOW, "frames a second"
    ),
    computed(
        "streaming.stale.all",
        "A camera of 15 frames a second and a loop of 10: after 9 s the picture is {} old.",
        lambda: _stale(Policy()),
        "s",
    ),
    computed(
        "streaming.stale.newest", "With a queue of one, overwritten, it is {}.", lambda: _stale(Policy.newest()), "s"
    ),
    *exercises.CLAIMS,
)
