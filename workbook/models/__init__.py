"""The networks that the lessons run, trained by train.py: small ONNX files, each with a card that says how good it is.

digits_cnn         reads a digit with 3x3 convolutions
digits_depthwise   reads a digit with depthwise 3x3 and 1x1 convolutions; its channels differ widely in range
denoiser           takes noise from a grey photo with eight 3x3 convolutions
digits_detector    finds the digits on a page with seven convolutions; boxes in pixels and scores in one array
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import onnx

from workbook import network
from workbook.measuring import intervals
from workbook.measuring.intervals import Interval
from workbook.models import digits, pages, photos
from workbook.network import Network

NAMES = ("digits_cnn", "digits_depthwise", "denoiser", "digits_detector")


@dataclass(frozen=True)
class Card:
    """What a model is and how good it is; train.py measured it and wrote it beside the weights.

    Attributes
    ----------
    name : str
    parameters : int
    seed, steps : int
        Of the training.
    cpu_seconds : float
        That the training took, of all threads together.
    framework : str
        And its version.
    measure : str
        What `result` is: "accuracy", "dB gained", or "mAP".
    result : Interval
        On held-out images, with its 95 % interval.
    details : mapping of str to float
        Digits: how many were right, of how many. Photos: dB gained, by photo. Pages: average precision, by digit.
    """

    name: str
    parameters: int
    seed: int
    steps: int
    cpu_seconds: float
    framework: str
    measure: str
    result: Interval
    details: Mapping[str, float]

    def as_json(self) -> bytes:
        """Return the card's file."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    def __str__(self) -> str:
        what = f"{self.name}, {self.parameters:,} parameters: {self.measure} {self.result}"
        return f"{what}; seed {self.seed}, {self.steps:,} steps, {self.cpu_seconds:.0f} s of CPU, {self.framework}"


def proto(name: str) -> onnx.ModelProto:
    """Return a model as it was exported, its BatchNormalization nodes included.

    Raises
    ------
    ValueError
        For a name that is not there.
    """
    return onnx.load_model_from_string(_file(name, "onnx"))


def load(name: str, *, algorithm: str = "auto", threads: int | None = None) -> Network:
    """Return a model ready to run; the parameters are those of `network.load`.

    Raises
    ------
    ValueError
        For a name that is not there.
    """
    return network.load(proto(name), algorithm=algorithm, threads=threads)


def card(name: str) -> Card:
    """Return a model's card.

    Raises
    ------
    ValueError
        For a name that is not there.
    """
    content = json.loads(_file(name, "json"))
    return Card(**{**content, "result": Interval(**content["result"])})


def evaluate(name: str, run: Callable[[Any], Any]) -> dict[str, Any]:
    """Measure on held-out images what a card says of them: its `measure`, `result` and `details`.

    Parameters
    ----------
    name : str
        Of the model.
    run : function
        The model, or what is to be compared with it: images in, scores or images out.
    """
    if name == "denoiser":
        gains = photos.gains(run)
        details = {gain.name: gain.db for gain in gains}
        return {"measure": "dB gained", "result": intervals.of_mean([*details.values()]), "details": details}
    if name == "digits_detector":
        precisions = pages.precisions(pages.detect(run), pages.pages("test"))
        details = {str(digit): precision for digit, precision in enumerate(precisions)}
        return {"measure": "mAP", "result": intervals.of_mean(precisions), "details": details}
    right = digits.right(run)
    share = intervals.of_share(int(right.sum()), len(right))
    return {"measure": "accuracy", "result": share, "details": {"right": int(right.sum()), "of": len(right)}}


def _file(name: str, kind: str) -> bytes:
    if name not in NAMES:
        raise ValueError(f"there is no model {name!r}; there are {', '.join(NAMES)}")
    return (files("workbook.models") / f"{name}.{kind}").read_bytes()
