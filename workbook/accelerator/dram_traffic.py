"""Bytes through DRAM by NVDLA's rule: what is read again because the chip cannot hold it. Our own model is in `tiles`.

If the inputs do not fit beside the few filters that are in use, they come in parts, and every part needs all weights
again. Or the weights come in parts, and every part needs all inputs again:

    weights again:  ceil(inputs / (buffer - least weights)) x weights + inputs + outputs
    inputs again:   ceil(weights / (buffer - least inputs)) x inputs + weights + outputs

NVDLA's performance sheet takes the first if there are fewer inputs than weights.
"""

from __future__ import annotations

import math

FILTERS_IN_USE = 32
"""Filters that must be on the chip at once, as in NVDLA's sheet."""


def parts(amount: float, room: float) -> int:
    """How many parts `amount` comes in, if `room` of it fits at once."""
    return max(1, math.ceil(amount / room))


def weights_again(inputs: float, weights: float, least_weights: float, buffer: float) -> float:
    """What is read of inputs and weights if the inputs come in parts, and all weights with each."""
    return parts(inputs, buffer - least_weights) * weights + inputs


def inputs_again(inputs: float, weights: float, least_inputs: float, buffer: float) -> float:
    """What is read of inputs and weights if the weights come in parts, and all inputs with each."""
    return parts(weights, buffer - least_inputs) * inputs + weights
