"""Bytes through DRAM: what a layer reads and writes, and what it must read again because the chip cannot hold it.

If the inputs do not fit beside the few filters that are in use, they come in parts, and every part needs all weights
again. Or the weights come in parts, and every part needs all inputs again:

    weights again:  ceil(inputs / (buffer - least weights)) x weights + inputs + outputs
    inputs again:   ceil(weights / (buffer - least inputs)) x inputs + weights + outputs

The better one counts. The rule is NVDLA's performance sheet's, which takes the first if there are fewer inputs than
weights. A residual is one more read of the output's size.
"""

from __future__ import annotations

import math

from workbook.accelerator.workload import Layer

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


def dram_bytes(layer: Layer, buffer: float, weight_growth: float = 1) -> float:
    """Bytes that a layer moves through DRAM.

    Parameters
    ----------
    layer : Layer
        Its tensors that stay on the chip are not moved. An input there is whole, so nothing is read again.
    buffer : float
        Bytes of on-chip memory.
    weight_growth : float
        Weights in memory over those of the definition: above 1 for weights that are transformed beforehand.
    """
    weights = layer.weight_bytes * weight_growth
    written = 0.0 if layer.output_on_chip else layer.output_bytes
    residual = layer.output_bytes if layer.added else 0.0
    if layer.input_on_chip:
        return weights + written + residual
    half = buffer / 2  # the least of one tensor never takes more: an image is then cut into columns too
    least_weights = min(FILTERS_IN_USE * layer.weight_bytes / layer.K, half)
    least_inputs = min(layer.N * layer.C * layer.R * layer.W * layer.bits / 8, half)
    read = min(
        weights_again(layer.input_bytes, weights, least_weights, buffer),
        inputs_again(layer.input_bytes, weights, least_inputs, buffer),
    )
    return read + written + residual
