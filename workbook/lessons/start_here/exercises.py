"""The exercise of lesson 0: bound a layer by a roofline."""

from __future__ import annotations

from random import Random

from workbook.lessonkit.exercise import Exercise
from workbook.lessonkit.number_exercise import Wrong, number_exercise
from workbook.lessonkit.variants import Varied
from workbook.measuring.roofline import FLOAT_BYTES, Roofline, intensity
from workbook.measuring.this_machine import MEMORY
from workbook.measuring.topologies import ConvLayer

# A chip whose peak is far up, so that no mistake is hidden below it.
ROOF = Roofline(500, {MEMORY: 20})
LAYER = ConvLayer("1x1", 16, 112, 112, 96)


def bound_layer() -> float:
    """Return the GMAC/s that the chip can do at most on the layer: 96 filters of 1x1 on 16 channels of 112 x 112."""
    macs = 112 * 112 * 96 * 16
    numbers = 16 * 112 * 112 + 96 * 16 + 96 * 112 * 112  # input, weights, output
    return min(500, 20 * macs / (4 * numbers))


def bound(roof: Roofline, layer: ConvLayer) -> Exercise:
    """Return the exercise for a chip and a layer."""
    memory = roof.gbs[MEMORY]
    right = roof.bound(intensity(layer))
    without_output = memory * layer.macs / (FLOAT_BYTES * (layer.input_numbers + layer.weight_numbers))
    return number_exercise(
        id="0.1",
        variable="gmacs",
        solution=bound_layer,
        hints=(
            "count as the cell after the speeds does: a 1x1 filter has one weight for each input channel",
            "MAC/byte is the multiply-adds over four times the numbers: input, weights, output",
            "the bound is the smaller of the peak and GB/s times MAC/byte",
        ),
        right=right,
        because=f"memory bounds it: {memory} GB/s times {intensity(layer):.2f} MAC/byte",
        wrong=(
            Wrong("the peak", roof.peak_gmacs, "is the peak: can memory deliver the bytes for that?"),
            Wrong(
                "numbers for bytes",
                min(roof.peak_gmacs, FLOAT_BYTES * right),
                "takes a number for a byte; in float32 it has four",
            ),
            Wrong("no output", without_output, "leaves out the output, which must be written"),
            Wrong(
                "divided",
                memory / intensity(layer),
                "divides where it must multiply: bytes a second times MACs a byte are MACs a second",
            ),
            Wrong(
                "two operations",
                2 * right,
                "counts a multiply-add as two operations, as data sheets do; here it is one",
            ),
        ),
        otherwise="is not it; count the MACs, the bytes, and divide",
        tolerance=0.02,  # two digits are enough
    )


BOUND = bound(ROOF, LAYER)


def _vary_bound(random: Random) -> Varied:
    peak, gbs = random.choice((700, 800, 900, 1000)), random.choice((16, 18, 22, 24))
    layer = ConvLayer("1x1", random.choice((12, 16, 20, 24)), 56, 56, random.choice((80, 96, 112, 128)))
    roof = Roofline(peak, {MEMORY: gbs})
    text = {
        "500 GMAC/s<!--claim: start_here.chip.peak-->": f"{peak} GMAC/s",
        "20 GB/s<!--claim: start_here.chip.memory-->": f"{gbs} GB/s",
        "96 filters on 16 channels of 112 x 112": f"{layer.K} filters on {layer.C} channels of 56 x 56",
    }
    return Varied(bound(roof, layer), text, roof.bound(intensity(layer)))


VARIED = {"0.1": _vary_bound}
EXERCISES = (BOUND,)
