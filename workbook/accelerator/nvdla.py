"""NVDLA's public performance model, as its spreadsheet computes it: cycles and DRAM traffic of each layer of ResNet-50.

    MAC cycles  = ceil16(C sx sy) ceil(H/sy) ceil(W/sx) ceil128(K B) R S / (sx sy) / MACs / B / w
    DRAM cycles = KB / GB/s x MHz, rounded up
    layer       = the longer of the two

ceil_n rounds up to a multiple of n. A stride is folded into the channels: sx sy pixels become channels of one. w is
2.25 for a 3x3 layer of stride 1 (Winograd, whose weights are 16/9 as many), B a batch that only the fully connected
layer has. The inputs come again, or the weights, as in `workbook.accelerator.dram_traffic`; the sheet takes the
weights again if they are more than the inputs.

Source: NVIDIA, NVDLA performance sheet and primer (nvdla.org), for Caffe's ResNet-50, which is version 1.
"""

from __future__ import annotations

import math
from dataclasses import replace

from workbook.accelerator.dram_traffic import FILTERS_IN_USE, inputs_again, weights_again
from workbook.accelerator.workload import Layer, Workload, resnet50

FULLY_CONNECTED_BATCH = 16
KB = 1024


def _to(multiple: int, amount: int) -> int:
    """Round up to a multiple."""
    return -(-amount // multiple) * multiple


def _winograd(layer: Layer) -> bool:
    return (layer.R, layer.S) == (3, 3) and layer.stride == (1, 1)


def mac_cycles(layer: Layer, macs: int) -> float:
    """Cycles of the multiply-adds. Layers are padded: every input pixel is the middle of a window."""
    sy, sx = layer.stride
    batch = FULLY_CONNECTED_BATCH if layer.H == layer.W == 1 else 1
    pixels = math.ceil(layer.H / sy) * math.ceil(layer.W / sx)
    taps = layer.R * layer.S / (sx * sy)
    gain = 2.25 if _winograd(layer) else 1
    return _to(16, layer.C * sx * sy) * pixels * _to(128, layer.K * batch) * taps / macs / batch / gain


def dram_kb(layer: Layer, sram_kb: float) -> float:
    """KB through DRAM: inputs, weights and outputs, what is read again, and the residual."""
    sy, sx = layer.stride
    channels = _to(16, layer.C * sx * sy)
    taps = math.ceil(layer.R / sy) * math.ceil(layer.S / sx)
    width = math.ceil(layer.W / sx)
    P, Q = layer.pooled or (layer.P, layer.Q)
    inputs = channels * math.ceil(layer.H / sy) * width / KB
    outputs = P * Q * _to(16, layer.K) / KB
    weights = channels * taps * layer.K / KB * (16 / 9 if _winograd(layer) else 1)
    least_inputs = channels * math.ceil(layer.R / sy) * width / KB
    least_weights = min(channels * taps * FILTERS_IN_USE / KB, sram_kb / 2)
    if inputs < weights:
        read = weights_again(inputs, weights, least_weights, sram_kb)
    else:
        read = inputs_again(inputs, weights, least_inputs, sram_kb)
    return read + outputs * (2 if layer.added else 1)


def layer_cycles(layer: Layer, macs: int, sram_kb: float, dram_gbs: float, clock_mhz: float = 1000) -> float:
    """Cycles of a layer: the longer of computing and DRAM; the sheet counts a KB as 1000 bytes here."""
    return max(mac_cycles(layer, macs), math.ceil(dram_kb(layer, sram_kb) / dram_gbs * clock_mhz))


def sheet_resnet50() -> Workload:
    """ResNet-50 as the sheet has it: its Res2a_branch2a reads 256 channels, where the network has 64."""
    network = resnet50("1")
    return replace(
        network,
        layers=tuple(replace(layer, C=256) if layer.name == "conv2_1.1x1" else layer for layer in network.layers),
    )


def network_cycles(workload: Workload, macs: int, sram_kb: float, dram_gbs: float, clock_mhz: float = 1000) -> float:
    """Cycles of all layers of a network."""
    return math.fsum(layer_cycles(layer, macs, sram_kb, dram_gbs, clock_mhz) for layer in workload.layers)
