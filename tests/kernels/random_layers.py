"""Layers drawn by Hypothesis: every geometry, with the sizes around those of tiles and vectors."""

from __future__ import annotations

from hypothesis import strategies as st
from layers import Layer

WIDE = (8, 16, 32, 48)  # channels that an image in lanes may have
ACTIVATIONS = (None, "relu", "relu6", ("leaky_relu", 0.25), ("leaky_relu", -2.0))


def counts(most):
    return st.integers(1, most)


@st.composite
def layers(draw, fewest_images=1):
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5]))
    plain = draw(st.booleans())  # Winograd's layers
    if draw(st.integers(0, 3)) == 3:
        C, K = groups * draw(st.sampled_from(WIDE)), groups * draw(st.sampled_from(WIDE))
    else:
        C, K = groups * draw(counts(20)), groups * draw(counts(40))
    if draw(st.integers(0, 7)) == 7:  # depthwise, with up to three filters for each channel
        groups, K = C, C * draw(st.sampled_from([1, 1, 2, 3]))
    R, S = (3, 3) if plain else (draw(counts(7)), draw(counts(7)))
    dilation = 1 if plain else (draw(counts(4)), draw(counts(4)))
    padding = tuple(draw(st.integers(0, 5)) for _ in range(4))
    down, across = (dilation, dilation) if plain else dilation
    reach_h, reach_w = (R - 1) * down + 1, (S - 1) * across + 1
    most = 20 if 300 * groups > C * K else 5  # rows more than the filter needs, that a layer be quick
    return Layer(
        N=draw(st.integers(fewest_images, 3)),
        C=C,
        K=K,
        H=max(1, reach_h - padding[0] - padding[2]) + draw(st.integers(0, most)),
        W=max(1, reach_w - padding[1] - padding[3]) + draw(st.integers(0, 2 * most)),
        R=R,
        S=S,
        stride=1 if plain else (draw(counts(6)), draw(counts(6))),
        padding=padding,
        dilation=dilation,
        groups=groups,
        activation=draw(st.sampled_from(ACTIVATIONS)),
        bias=draw(st.booleans()),
        residual=draw(st.booleans()),
    )
