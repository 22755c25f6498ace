"""What a network would take on other machines, roughly: by published rates, or by lesson 4's model and its errors.

Published: ncnn's `benchmark/README.md` has a Raspberry Pi 5, one thread, with 16-bit floats and in INT8: ResNet-50 89.4
and 80.2 ms, VGG-16 189.6 and 273.1 ms. Both are dense networks of 224 x 224; depthwise layers multiply more slowly.
"""

from __future__ import annotations

from functools import cache

from workbook.accelerator.validation import validation
from workbook.accelerator.workload import WORKLOADS
from workbook.advisor.analysis_result import Analysis

_PI_5 = {"16-bit floats": {"resnet50": 89.4, "vgg16": 189.6}, "INT8": {"resnet50": 80.2, "vgg16": 273.1}}  # ms
_CHECKED = {"x1": "InferX X1", "dpu_kv260": "DPU"}  # how the rows of the validation begin


def on_raspberry_pi(found: Analysis) -> str:
    """Return what a core of a Raspberry Pi 5 would take if it multiplied as fast as on two published networks."""
    if not found.rows:
        return "A core of a Raspberry Pi 5: not estimated, since its published times are those of convolutions."
    said = []
    for form, published in _PI_5.items():
        ends = sorted(found.macs / _macs(name) * ms for name, ms in published.items())
        said.append(f"{_between(ends[0], ends[1], digits=1)} ms in {form}")
    grouped = sum(row.work.layer.groups > 1 for row in found.rows)
    slower = f"; its {grouped} grouped layers are slower than that" if grouped else ""
    return (
        f"A core of a Raspberry Pi 5, from its multiply-adds and ncnn's published times of ResNet-50 and VGG-16: "
        f"{' and '.join(said)}{slower}. Not measured: try it there."
    )


def on_accelerator(found: Analysis) -> str:
    """Return what the accelerator would take by the model, and how far the model is from published rates there."""
    if not found.steps:
        return f"{found.machine}: the model is one of convolutions, and there is none."
    last = found.steps[-1]
    errors = _errors(found.machine)
    if not errors:
        return f"{found.machine}: {last.ms:.2f} ms by the model; no published time of a whole network bears it out."
    low, high = min(errors), max(errors)
    times, rates = _between(last.ms * low, last.ms * high), _between(low, high)
    return (
        f"{found.machine}: {times} ms. The model says {last.ms:.2f} ms, and for the networks whose rate is published "
        f"it promises {rates} times that rate."
    )


def _between(low: float, high: float, *, digits: int = 2) -> str:
    """Write a range; one number, if both ends read alike."""
    return " to ".join(dict.fromkeys(f"{end:.{digits}f}" for end in (low, high)))


@cache
def _macs(name: str) -> int:
    return WORKLOADS[name]().macs


@cache
def _errors(machine: str) -> tuple[float, ...]:
    """Return the model's images a second over the published ones."""
    check = _CHECKED.get(machine)
    rows = validation() if check else ()
    return tuple(
        row.ours / row.published for row in rows if row.check.startswith(str(check)) and row.unit == "images/s"
    )
