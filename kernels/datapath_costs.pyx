"""Evaluates every layer of a network on every datapath: the loop behind the cost model of flexible hardware.

    rounds  = ceil(C/uC) ceil(K/uK) ceil(G/uGroup) ceil(pixels/uPixel) ceil(taps/uTap)             direct
              ceil(C/uC) ceil(K/uK) ceil(G/uGroup) ceil(positions/(uPixel uTap))                   Winograd
    cycles  = rounds / rate + fill(u)
    seconds = max(cycles/f, DRAM) if computing and DRAM overlap, cycles/f + DRAM if not; the better mode counts

The same sums in Python, for one layer, are `cycles` in workbook/accelerator/datapath.py. Compiled for any CPU: it
spends its time in whole divisions, which no vector unit does."""

import numpy as np

ctypedef long long count


cdef inline count ceil_divide(count amount, count units) noexcept nogil:
    return (amount + units - 1) // units


cdef inline double together(double computing, double memory, bint overlap) noexcept nogil:
    if overlap:
        return computing if computing > memory else memory
    return computing + memory


def evaluate(const count[:, ::1] sizes, const double[:, ::1] costs, const count[:, ::1] units, double clock_hz,
             bint overlap):
    """Return cycles, seconds and whether Winograd is the better mode, each (layers, datapaths).

    Parameters
    ----------
    sizes : (layers, 6) int64
        Of a group: C, K; then groups, pixels, taps, and the positions of Winograd's tiles, 0 if it cannot be used.
    costs : (layers, 3) float64
        Multiply-adds that a multiplier does in a cycle; seconds of DRAM traffic in the direct and in the Winograd mode.
    units : (datapaths, 6) int64
        Multipliers along each dimension, uC, uK, uPixel, uGroup, uTap; and the cycles of fill.
    clock_hz : float
    overlap : bool

    Returns
    -------
    cycles, seconds : float64
    winograd : uint8
    """
    cdef Py_ssize_t L = sizes.shape[0], U = units.shape[0], i, u
    if sizes.shape[1] != 6 or units.shape[1] != 6 or costs.shape[0] != L or costs.shape[1] != 3:
        raise ValueError("sizes must be (layers, 6), costs (layers, 3), units (datapaths, 6)")
    cycles_array, seconds_array = np.empty((L, U)), np.empty((L, U))
    winograd_array = np.zeros((L, U), np.uint8)
    cdef double[:, ::1] cycles = cycles_array, seconds = seconds_array
    cdef unsigned char[:, ::1] winograd = winograd_array
    cdef count C, K, G, pixels, taps, positions, shared
    cdef double rate, needed, time
    with nogil:
        for i in range(L):
            C, K, G = sizes[i, 0], sizes[i, 1], sizes[i, 2]
            pixels, taps, positions = sizes[i, 3], sizes[i, 4], sizes[i, 5]
            rate = costs[i, 0]
            for u in range(U):
                shared = ceil_divide(C, units[u, 0]) * ceil_divide(K, units[u, 1]) * ceil_divide(G, units[u, 3])
                needed = shared * ceil_divide(pixels, units[u, 2]) * ceil_divide(taps, units[u, 4]) / rate + units[u, 5]
                cycles[i, u] = needed
                seconds[i, u] = together(needed / clock_hz, costs[i, 1], overlap)
                if positions:
                    needed = shared * ceil_divide(positions, units[u, 2] * units[u, 4]) / rate + units[u, 5]
                    time = together(needed / clock_hz, costs[i, 2], overlap)
                    if time < seconds[i, u]:
                        cycles[i, u], seconds[i, u], winograd[i, u] = needed, time, 1
    return cycles_array, seconds_array, winograd_array
