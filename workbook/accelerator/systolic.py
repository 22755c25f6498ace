"""A systolic array, as SCALE-Sim counts its cycles.

A matrix product of T rows by a matrix of depth x columns, on an array of R x C units: the depth lies along the R rows,
the columns along the C columns, in folds. A fold loads its weights (R cycles), streams T rows through, skewed by
R + C - 2, and the report counts from 0:

    cycles = ceil(depth / R) ceil(columns / C) (2 R + C + T - 2) - 1

That is weight-stationary. Output-stationary, T lies along the rows, the depth streams through, and nothing is loaded:

    cycles = ceil(T / R) ceil(columns / C) (R + C + depth - 2) - 1

Source: A. Samajdar et al., "SCALE-Sim: systolic CNN accelerator simulator", arXiv:1811.02883, and PyPI's scalesim 3.0.
"""

from __future__ import annotations


def fold_cycles(R: int, C: int, T: int) -> int:
    """Cycles of one fold: weights in, T rows through, the last sum out."""
    return 2 * R + C + T - 2


def weight_stationary_cycles(R: int, C: int, T: int, depth: int, columns: int) -> int:
    """Total cycles that SCALE-Sim reports for a matrix product.

    Parameters
    ----------
    R, C : int
        Rows and columns of the array.
    T : int
        Rows of the first matrix: output pixels.
    depth : int
        Length of the sums: C R S of a layer.
    columns : int
        Columns of the second matrix: output channels.
    """
    folds = -(-depth // R) * -(-columns // C)
    return folds * fold_cycles(R, C, T) - 1


def output_stationary_cycles(R: int, C: int, T: int, depth: int, columns: int) -> int:
    """Total cycles that SCALE-Sim reports if outputs stay; the parameters are those of `weight_stationary_cycles`."""
    return -(-T // R) * -(-columns // C) * (R + C + depth - 2) - 1
