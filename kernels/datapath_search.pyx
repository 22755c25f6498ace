"""Finds the cheapest sequence of datapaths for a network's layers, one each, when changing the datapath costs time.

    T(0, u) = t(0, u)
    T(i, u) = t(i, u) + min { T(i-1, u)                                                stay
                              min over v of u's layout: T(i-1, v) + leave(i-1, v)      switch
                              min over all v: T(i-1, v) + leave(i-1, v) + relayout(i-1)  switch, and write it anew }

What a switch costs depends on the datapath that is left and on whether the two share a layout, not on the pair, so a
step is a few passes over the datapaths and not over their pairs. The whole takes O(layers x datapaths).
"""

import numpy as np


def undominated(const double[:, ::1] costs, const long long[::1] layouts):
    """Return the datapaths that may be worth having: no other of the same layout is as good in every row of costs.

    Parameters
    ----------
    costs : (rows, datapaths) float64
        What is to be small: the seconds of each layer, and whatever else a schedule adds up.
    layouts : (datapaths,) int64
        Datapaths of the same number share a layout.

    Returns
    -------
    (kept,) int64, ascending. Of equal datapaths the first is kept.
    """
    cdef Py_ssize_t rows = costs.shape[0], U = costs.shape[1]
    if layouts.shape[0] != U:
        raise ValueError("costs must be (rows, datapaths), layouts (datapaths,)")
    columns_array = np.ascontiguousarray(np.asarray(costs).T)
    cdef const double[:, ::1] columns = columns_array
    # Within a layout by rising total: only what comes earlier can dominate.
    cdef const Py_ssize_t[::1] order = np.lexsort((np.arange(U), columns_array.sum(axis=1), layouts)).astype(np.intp)
    kept_array = np.empty(U, np.intp)
    cdef Py_ssize_t[::1] kept = kept_array
    cdef Py_ssize_t n = 0, first = 0, i, j, u, v, row
    with nogil:
        for i in range(U):
            u = order[i]
            if i and layouts[u] != layouts[order[i - 1]]:
                first = n
            for j in range(first, n):
                v = kept[j]
                for row in range(rows):
                    if columns[v, row] > columns[u, row]:
                        break
                else:
                    break                   # v is as good everywhere
            else:
                kept[n] = u
                n += 1
    return np.sort(kept_array[:n]).astype(np.int64)


def cheapest(const double[:, ::1] seconds, const double[:, ::1] leave, const double[::1] relayout,
             const long long[::1] layouts, const long long[::1] places):
    """Return the cheapest sequence of datapaths, (layers,) int64; between equal ones it stays where it is.

    Parameters
    ----------
    seconds : (distinct layers, datapaths) float64
        t: how long a layer runs on a datapath.
    leave : (distinct layers, datapaths) float64
        What a switch after this layer adds to the time, when it ran on this datapath; infinite where there is none.
    relayout : (distinct layers,) float64
        What a switch to another layout adds to that.
    layouts : (datapaths,) int64
        From 0 upwards; datapaths of the same number share a layout.
    places : (layers,) int64
        Of each layer of the network among the distinct ones.
    """
    cdef Py_ssize_t L = places.shape[0], D = seconds.shape[0], U = seconds.shape[1], i, u, best, stay
    if leave.shape[0] != D or leave.shape[1] != U or relayout.shape[0] != D or layouts.shape[0] != U or not U:
        raise ValueError("seconds and leave must be (distinct, datapaths), relayout (distinct,), layouts (datapaths,)")
    if not L or np.min(places) < 0 or np.max(places) >= D or np.min(layouts) < 0:
        raise ValueError("places must name distinct layers, one for each layer; layouts count from 0")
    total_array, came_array = np.empty(U), np.empty((L, U), np.intp)
    best_array = np.empty(np.max(layouts) + 1, np.intp)
    chosen_array = np.empty(L, np.int64)
    cdef double[::1] total = total_array, left = np.empty(U)
    cdef Py_ssize_t[:, ::1] came = came_array
    cdef Py_ssize_t[::1] best_of = best_array
    cdef long long[::1] chosen = chosen_array
    cdef double least
    cdef Py_ssize_t here, before
    with nogil:
        for u in range(U):
            total[u] = seconds[places[0], u]
        for i in range(1, L):
            here, before = places[i], places[i - 1]
            best = 0
            best_of[:] = -1
            for u in range(U):
                left[u] = total[u] + leave[before, u]
                if left[u] < left[best]:
                    best = u
                if best_of[layouts[u]] < 0 or left[u] < left[best_of[layouts[u]]]:
                    best_of[layouts[u]] = u
            for u in range(U):
                least, came[i, u] = total[u], u
                stay = best_of[layouts[u]]
                if left[stay] < least:
                    least, came[i, u] = left[stay], stay
                if left[best] + relayout[before] < least:
                    least, came[i, u] = left[best] + relayout[before], best
                total[u] = least + seconds[here, u]
        best = 0
        for u in range(U):
            if total[u] < total[best]:
                best = u
        for i in range(L - 1, 0, -1):
            chosen[i] = best
            best = came[i, best]
        chosen[0] = best
    return chosen_array
