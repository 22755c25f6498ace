"""Computes the accuracies of the first panel of lesson 3: every network, kind of scale and number of bits.

    python -m workbook.lessons.quantization.grid_accuracies

writes them beside this file. They change when a network is trained anew.
"""

from __future__ import annotations

import json

from workbook.files import write_whole
from workbook.lessons.quantization.model import ACCURACIES, FEWEST, MOST, NETWORKS, SCALES, accuracy_at
from workbook.lessons.quantization.trained import accuracy, network


def computed(name: str) -> dict[str, dict[str, float]]:
    """Return the accuracies of a network by SCALES and by bits, and in float32."""
    found = {
        scales: {str(bits): accuracy_at(name, bits, scales) for bits in range(FEWEST, MOST + 1)} for scales in SCALES
    }
    return {**found, "float32": {"32": accuracy(network(name))}}


if __name__ == "__main__":
    table = {name: computed(name) for name in NETWORKS}
    write_whole(ACCURACIES, (json.dumps(table, indent=1) + "\n").encode())
