"""Convolution kernels that can be read in one sitting, and run as fast as the production libraries'.

The algorithms are the `.pyx` files of this folder; `source(name)` returns one. Everything public is here.
"""

from kernels.instruction_set import isa, isas  # first: it puts the algorithms of the chosen instruction set in place

# isort: split
from kernels.arrays import Stored
from kernels.bytes_conv import ConvInteger, QLinearConv, conv_integer, qlinear_conv
from kernels.bytes_layers import DequantizeLinear, LookUp, QLinearAdd, QLinearPool, QuantizeLinear
from kernels.convolution import Conv2d, algorithms, conv2d, source, source_file
from kernels.elementwise_layers import Activate, ScaleChannels, Softmax
from kernels.layout import LANES, from_lanes, to_lanes
from kernels.pooling_layers import Pool2d

__all__ = [
    "LANES",
    "Activate",
    "Conv2d",
    "ConvInteger",
    "DequantizeLinear",
    "LookUp",
    "Pool2d",
    "QLinearAdd",
    "QLinearConv",
    "QLinearPool",
    "QuantizeLinear",
    "ScaleChannels",
    "Softmax",
    "Stored",
    "algorithms",
    "conv2d",
    "conv_integer",
    "from_lanes",
    "isa",
    "isas",
    "qlinear_conv",
    "source",
    "source_file",
    "to_lanes",
]
