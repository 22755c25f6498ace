"""Evaluates every layer of a network on every datapath and tile: the loop behind the cost model of flexible hardware.

    rounds  = R(C) R(K) R(group) R(pixels) R(taps)      R: over all tiles, ceil(of the tile / multipliers along it)
    port    = the least, over what stays in registers, of  max(inputs/b, weights/b, sums written/b)
    cycles  = max(rounds / rate, port) + fill(u)
    seconds = max(cycles/f, DRAM) if computing and DRAM overlap, cycles/f + DRAM if not

Of a layer's tiles, in the direct and in Winograd's mode, the fastest counts; between equals the first. The same sums in
Python, for one layer, are in workbook/accelerator/layer_cost.py. Each number of multipliers that occurs along a
dimension is divided by once for a tile, so the inner loop only multiplies. Compiled for any CPU.
"""

import numpy as np

ctypedef long long count

cdef enum:
    C, K, PIXEL, GROUP, TAP                 # the axes of a datapath
    AXES


cdef struct Pieces:
    count full, size, others, rest


cdef inline count ceil_divide(count amount, count units) noexcept nogil:
    return (amount + units - 1) // units


cdef inline count number(const Pieces *of) noexcept nogil:
    return of.full + of.others


cdef inline count rounds(const Pieces *of, count units) noexcept nogil:
    return of.full * ceil_divide(of.size, units) + of.others * ceil_divide(of.rest, units)


cdef inline count of_lines(count lines, count image, count width, count units, bint rows) noexcept nogil:
    """Rounds for so many lines of a width: pixel after pixel, or a line of an image for each multiplier."""
    if not rows:
        return ceil_divide(lines * width, units)
    return (lines // image * ceil_divide(image, units) + ceil_divide(lines % image, units)) * width


cdef inline count of_columns(const Pieces *lines, count columns, const count *shape, count units,
                             bint rows) noexcept nogil:
    """Rounds of all tiles of so many columns."""
    cdef count width = columns * shape[1]
    return (lines.full * of_lines(lines.size, shape[0], width, units, rows)
            + lines.others * of_lines(lines.rest, shape[0], width, units, rows))


cdef inline double together(double computing, double memory, bint overlap) noexcept nogil:
    if overlap:
        return computing if computing > memory else memory
    return computing + memory


cdef inline double slowest(double a, double b, double c) noexcept nogil:
    return max(max(a, b), c)


cdef count strip_channels(const count *shape, count channels, count pixels, double row_bytes, double strip,
                          bint rows) noexcept nogil:
    """Input channels whose rows fit into the strip memory: those of a round, doubled while there is room."""
    cdef double channel = min(shape[3], (min(pixels if rows else 1, shape[0]) - 1) * shape[4] + shape[5]) * row_bytes
    while channels < shape[7] and 2 * channels * channel <= strip:
        channels *= 2
    return channels


def evaluate(const count[::1] begins, const count[:, ::1] pieces, const count[:, ::1] shapes,
             const double[:, ::1] amounts, const count[:, ::1] values, const count[:, ::1] units,
             const double[::1] ports, double clock_hz, bint rows, bint overlap):
    """Return cycles, seconds and the chosen candidate, each (layers, datapaths).

    Parameters
    ----------
    begins : (layers + 1,) int64
        The first candidate of each layer, and one past the last. A candidate is a tile in a mode.
    pieces : (candidates, 20) int64
        Of C, K, groups, lines and columns: full pieces, their size, others, their size.
    shapes : (candidates, 8) int64
        Lines of an image, positions of a pixel or of a tile of Winograd, taps; input rows, rows from line to line, rows
        of a line; 1 for Winograd; input channels of a group.
    amounts : (candidates, 8) float64
        Multiply-adds of a multiplier in a cycle; seconds of DRAM; bytes of inputs, of weights in a round and of all
        weights, of sums in parts and of complete ones; bytes of a tile's input row.
    values : (5, any) int64
        Numbers of multipliers that occur along C, K, pixel, group, tap.
    units : (datapaths, 6) int64
        Of each datapath: places in values; and the cycles of fill.
    ports : (4,) float64
        Bytes a cycle of inputs, weights, sums; bytes of the strip memory.
    clock_hz : float
    rows : bool
        Whether multipliers along pixels take a line each.
    overlap : bool

    Returns
    -------
    cycles, seconds : float64
    candidate : int64
    """
    cdef Py_ssize_t L = begins.shape[0] - 1, M = pieces.shape[0], U = units.shape[0], V = values.shape[1]
    cdef Py_ssize_t i, m, u, v
    if (L < 1 or pieces.shape[1] != 20 or shapes.shape[0] != M or shapes.shape[1] != 8 or amounts.shape[0] != M
            or amounts.shape[1] != 8 or values.shape[0] != AXES or units.shape[1] != AXES + 1 or ports.shape[0] != 4):
        raise ValueError("pieces must be (candidates, 20), shapes and amounts (candidates, 8), values (5, any), "
                         "units (datapaths, 6), ports (4,)")
    if begins[0] != 0 or begins[L] != M or (U and np.max(units[:, :AXES]) >= V) or np.min(values) < 1:
        raise ValueError("begins must count the candidates, units name places in values, values be from 1 on")
    cycles_array, seconds_array = np.empty((L, U)), np.full((L, U), np.inf)
    chosen_array = np.empty((L, U), np.int64)
    cdef double[:, ::1] cycles = cycles_array, seconds = seconds_array
    cdef count[:, ::1] chosen = chosen_array
    cdef count[:, ::1] table = np.empty((AXES, V), np.int64)
    cdef const Pieces *cut
    cdef const count *shape
    cdef const double *of
    cdef count deep, wide, images, all_rounds, tiles_k, tiles_pixels, strips
    cdef double inputs, partial, port, needed, time
    with nogil:
        for i in range(L):
            for m in range(begins[i], begins[i + 1]):
                cut, shape, of = <const Pieces *> &pieces[m, 0], &shapes[m, 0], &amounts[m, 0]
                for v in range(V):
                    table[C, v] = rounds(&cut[0], values[C, v])
                    table[K, v] = rounds(&cut[1], values[K, v])
                    table[GROUP, v] = rounds(&cut[2], values[GROUP, v])
                    table[PIXEL, v] = (
                        cut[4].full * of_columns(&cut[3], cut[4].size, shape, values[PIXEL, v], rows)
                        + cut[4].others * of_columns(&cut[3], cut[4].rest, shape, values[PIXEL, v], rows))
                    table[TAP, v] = 1 if shape[6] else ceil_divide(shape[2], values[TAP, v])
                tiles_k, tiles_pixels = number(&cut[1]), number(&cut[3]) * number(&cut[4])
                for u in range(U):
                    if of[1] >= seconds[i, u]:
                        continue            # DRAM alone takes longer than the best so far
                    deep = table[C, units[u, C]] * table[TAP, units[u, TAP]]
                    wide = table[K, units[u, K]]
                    images = table[PIXEL, units[u, PIXEL]]
                    all_rounds = deep * wide * images * table[GROUP, units[u, GROUP]]
                    inputs = of[2] * wide / ports[0]
                    partial = (of[5] * (deep - 1) + of[6]) / ports[2]
                    strips = strip_channels(shape, values[C, units[u, C]], values[PIXEL, units[u, PIXEL]], of[7],
                                            ports[3], rows)
                    strips = rounds(&cut[0], strips)
                    port = slowest(inputs, of[3] * images / ports[1], (of[5] * (strips - 1) + of[6]) / ports[2])
                    port = min(port, slowest(inputs, of[4] * tiles_pixels / ports[1], partial))
                    port = min(port, slowest(of[2] * tiles_k / ports[0], of[3] * images / ports[1], partial))
                    needed = max(all_rounds / of[0], port) + units[u, AXES]
                    time = together(needed / clock_hz, of[1], overlap)
                    if time < seconds[i, u]:
                        cycles[i, u], seconds[i, u], chosen[i, u] = needed, time, m
    return cycles_array, seconds_array, chosen_array
