"""The numbers that lesson 5 states in prose, and those of its rows of the scoreboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workbook.camera.latencies import shown_ages
from workbook.camera.policy import Policy
from workbook.camera.run_records import Run
from workbook.camera.run_stream import stream
from workbook.camera.services import Modelled
from workbook.camera.sources import FPS, camera
from workbook.lessonkit.claim import Claim, cited, computed, measured
from workbook.lessons.streaming import core_split, denoising, exercises, hiccup, model, random_load, throughput, waits
from workbook.lessons.streaming.published_batches import (
    HAILO_FPS,
    HAILO_SOURCE,
    T4_MS,
    T4_SOURCE,
    TENSORRT_MS,
    TENSORRT_SOURCE,
    V100_MS,
)
from workbook.lessons.streaming.queueing import CameraRule

SLOW = 15.0  # frames a second, of the camera whose queue nobody empties
HAND = CameraRule(1 / FPS, 0.010, 0.005)  # the service of section "The idea"


def _ms(id: str, sentence: str, compute: Callable[[], float]) -> Claim:
    return computed(f"streaming.{id}", sentence, lambda: 1e3 * compute(), "ms")


def _p99(loop: int) -> float:
    return hiccup.simulated()[loop].summary.p99


def _stale(policy: Policy) -> Run:
    """Return the run of 15 frames a second for 9 s with a service of 100 ms."""
    return stream(camera(135, SLOW), Modelled(0.1, 0.0), policy)


def _shown_at_the_end() -> float:
    """Seconds that the picture on the screen is old when the camera stops, if every frame is kept."""
    rows = _stale(Policy()).records
    end = float(rows["scheduled"][-1]) + 1 / SLOW
    return end - float(rows["scheduled"][rows["finished"] <= end].max())


def _photo(program: str) -> float:
    return denoising.pictures()[program][1]


def _one_and_eight(name: str, program: str, times: dict[int, float], source: str) -> tuple[Claim, ...]:
    """Return what is published of ResNet-50 on a T4 at batch 1 and 8, and the gain of the batch."""
    one, eight = times[1], times[8]
    return (
        cited(f"streaming.{name}.one", f"ResNet-50 {program} takes {{}} on a T4 at batch 1.", one, "ms", source),
        cited(f"streaming.{name}.eight", f"A batch of eight {program} takes {{}} there.", eight, "ms", source),
        cited(
            f"streaming.{name}.gain",
            f"Eight images at once {program} take {{}} less time there than one by one.",
            8 * one / eight,
            "×",
            source,
        ),
    )


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
    *_one_and_eight("t4", "by PyTorch", T4_MS, T4_SOURCE),
    *_one_and_eight("tensorrt", "compiled by TensorRT", TENSORRT_MS, TENSORRT_SOURCE),
    cited("streaming.v100.one", "On a V100 batch 1 takes {} by the same program.", V100_MS[1], "ms", T4_SOURCE),
    computed(
        "streaming.stale.rate", "The camera whose queue nobody empties sends {}.", lambda: SLOW, "frames a second"
    ),
    computed("streaming.stale.end", "When the camera stops, the picture shown is {} old.", _shown_at_the_end, "s"),
    computed(
        "streaming.stale.all",
        "The last frame of that camera is {} old at its result.",
        lambda: _stale(Policy()).summary.worst,
        "s",
    ),
    computed(
        "streaming.stale.newest",
        "With a queue of one, overwritten, what is shown is never older than {}.",
        lambda: float(shown_ages(_stale(Policy.newest()).records).max()),
        "s",
    ),
    _ms(
        "wait.alone", "Alone, a frame has its result after {} on the reference machine.", lambda: waits.at_reference(1)
    ),
    computed(
        "streaming.load.random",
        "At random and busy 90 % of the time, p99 is {} the time of computing.",
        lambda: random_load.ages(random_load.RANDOM, 0.9).p99,
        "×",
    ),
    computed(
        "streaming.load.varies90",
        "From a camera, with computing that varies by a fifth, busy 90 %: p99 is {} the time of computing.",
        lambda: random_load.ages("a camera, computing varies", 0.9).p99,
        "×",
    ),
    computed(
        "streaming.load.varies100",
        "The same, busy all of the time: p99 is {} the time of computing after 20,000 frames, and grows.",
        lambda: random_load.ages("a camera, computing varies", 1.0).p99,
        "×",
    ),
    computed("streaming.server.rate", "The server gets {}.", lambda: 400, "frames a second"),
    *(
        cited(
            f"streaming.hailo.{name}",
            f"On a Hailo-8, {network} at batch 8 has {{}} the frames a second of batch 1.",
            HAILO_FPS[network][1] / HAILO_FPS[network][0],
            "×",
            HAILO_SOURCE,
        )
        for name, network in (("resnet50", "ResNet-50"), ("vit", "ViT-Base"))
    ),
    *(
        cited(
            f"streaming.bands.{name}",
            f"The denoiser, 512 x 128, moves {{}} a frame between a cache of 4,096 KB and DRAM, {how}.",
            megabytes,
            "MB",
            "docs/depth_first.md, counted by valgrind's cachegrind, 2026",
        )
        for name, how, megabytes in (("whole", "layer by layer", 122.35), ("rows", "in bands of four rows", 0.52))
    ),
    *exercises.CLAIMS,
)
