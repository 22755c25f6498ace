"""Finds the cheapest sequence of datapaths for a network's layers, one each, when changing the datapath costs time.

    T(0, u) = t(0, u)
    T(i, u) = t(i, u) + min { T(i-1, u)                                                stay
                              min over v of u's layout: T(i-1, v) + leave(i-1, v)      switch
                              min over all v: T(i-1, v) + leave(i-1, v) + relayout(i-1)  in a new layout }

What a switch costs depends on the datapath that is left and on whether the two share a layout, not on the pair, so a
step is a few passes over the datapaths and not over their pairs. The whole takes O(layers x datapaths).

Frames that follow each other close the sequence to a ring: the last layer's datapath is left for the first one's,
unless they are the same. Of the rings that switch there, the best is found at once. For the others the first
datapath is fixed to one after the other, in the order of a bound that no such ring passes: the best sequence that
only begins with that datapath, or only ends with it. Where the bound is no better than a ring already found, the
rest need not be tried.
"""

import numpy as np

from libc.math cimport INFINITY


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


cdef struct Problem:
    # What `cheapest` and `ring` are given, as pointers: (distinct layers, U), (distinct layers, U), (distinct layers,).
    Py_ssize_t L, U
    const double *seconds
    const double *leave
    const double *relayout
    const long long *layouts
    const long long *places


cdef struct Scratch:
    double *total                           # (U,) the best time up to a layer that runs on each datapath
    double *left                            # (U,) the same, and that datapath left again
    Py_ssize_t *best_of                     # (layouts,) the cheapest of each layout to come from, or -1
    Py_ssize_t *came                        # (L, U) the datapath of the layer before
    Py_ssize_t layouts


cdef Py_ssize_t nearest(const Problem *of, Scratch *at) noexcept nogil:
    """Fill `best_of` from `left`; return the cheapest of all."""
    cdef Py_ssize_t best = 0, u, layout
    for u in range(at.layouts):
        at.best_of[u] = -1
    for u in range(of.U):
        layout = of.layouts[u]
        if at.left[u] < at.left[best]:
            best = u
        if at.best_of[layout] < 0 or at.left[u] < at.left[at.best_of[layout]]:
            at.best_of[layout] = u
    return best


cdef void forward(const Problem *of, Scratch *at) noexcept nogil:
    """Carry `total` from the first layer, where the caller has set it, to the last; note in `came` how."""
    cdef Py_ssize_t i, u, best, stay
    cdef const double *here
    cdef const double *gone
    cdef double least, anew
    for i in range(1, of.L):
        here, gone = of.seconds + of.places[i] * of.U, of.leave + of.places[i - 1] * of.U
        for u in range(of.U):
            at.left[u] = at.total[u] + gone[u]
        best = nearest(of, at)
        anew = at.left[best] + of.relayout[of.places[i - 1]]
        for u in range(of.U):
            least, at.came[i * of.U + u] = at.total[u], u
            stay = at.best_of[of.layouts[u]]
            if at.left[stay] < least:
                least, at.came[i * of.U + u] = at.left[stay], stay
            if anew < least:
                least, at.came[i * of.U + u] = anew, best
            at.total[u] = least + here[u]


cdef void backward(const Problem *of, Scratch *at) noexcept nogil:
    """Carry `total` from the last layer, where the caller has set it, to the first."""
    cdef Py_ssize_t i, u, best
    cdef const double *here
    cdef const double *gone
    cdef double least, anew
    for i in range(of.L - 2, -1, -1):
        here, gone = of.seconds + of.places[i] * of.U, of.leave + of.places[i] * of.U
        for u in range(of.U):
            at.left[u] = at.total[u]
        best = nearest(of, at)
        anew = at.left[best] + of.relayout[of.places[i]]
        for u in range(of.U):
            least = at.left[at.best_of[of.layouts[u]]]
            if anew < least:
                least = anew
            least += gone[u]
            if at.total[u] < least:
                least = at.total[u]
            at.total[u] = least + here[u]


cdef void trace(const Problem *of, const Scratch *at, Py_ssize_t last, long long[::1] chosen) noexcept nogil:
    """Write the sequence that ends on datapath `last`."""
    cdef Py_ssize_t i
    for i in range(of.L - 1, 0, -1):
        chosen[i] = last
        last = at.came[i * of.U + last]
    chosen[0] = last


def _checked(seconds, leave, relayout, layouts, places):
    if (leave.shape != seconds.shape or relayout.shape[0] != seconds.shape[0]
            or layouts.shape[0] != seconds.shape[1] or not layouts.shape[0]):
        raise ValueError("seconds and leave must be (distinct, datapaths), relayout (distinct,), layouts (datapaths,)")
    if not places.shape[0] or np.min(places) < 0 or np.max(places) >= seconds.shape[0] or np.min(layouts) < 0:
        raise ValueError("places must name distinct layers, one for each layer; layouts count from 0")


cdef class _Search:
    """A problem with its scratch memory."""
    cdef Problem of
    cdef Scratch at
    cdef object arrays

    def __cinit__(self, const double[:, ::1] seconds, const double[:, ::1] leave, const double[::1] relayout,
                  const long long[::1] layouts, const long long[::1] places):
        _checked(np.asarray(seconds), np.asarray(leave), np.asarray(relayout), np.asarray(layouts), np.asarray(places))
        cdef Py_ssize_t L = places.shape[0], U = seconds.shape[1], kinds = np.max(layouts) + 1
        cdef double[::1] total = np.empty(U), left = np.empty(U)
        cdef Py_ssize_t[::1] best_of = np.empty(kinds, np.intp), came = np.empty(L * U, np.intp)
        self.of = Problem(L, U, &seconds[0, 0], &leave[0, 0], &relayout[0], &layouts[0], &places[0])
        self.at = Scratch(&total[0], &left[0], &best_of[0], &came[0], kinds)
        self.arrays = seconds, leave, relayout, layouts, places, total, left, best_of, came  # kept alive


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
    cdef _Search search = _Search(seconds, leave, relayout, layouts, places)
    chosen_array = np.empty(search.of.L, np.int64)
    cdef long long[::1] chosen = chosen_array
    cdef Py_ssize_t u, best = 0
    with nogil:
        for u in range(search.of.U):
            search.at.total[u] = seconds[places[0], u]
        forward(&search.of, &search.at)
        for u in range(search.of.U):
            if search.at.total[u] < search.at.total[best]:
                best = u
        trace(&search.of, &search.at, best, chosen)
    return chosen_array


def ring(const double[:, ::1] seconds, const double[:, ::1] leave, const double[::1] relayout,
         const long long[::1] layouts, const long long[::1] places):
    """Return the cheapest sequence that ends where the next frame begins, or pays the switch back.

    The parameters are those of `cheapest`. The next frame's input comes from outside, in any layout: the switch back
    pays `leave` alone.
    """
    cdef _Search search = _Search(seconds, leave, relayout, layouts, places)
    cdef Py_ssize_t L = search.of.L, U = search.of.U, first, last, u, i
    cdef long long begin = places[0], end = places[L - 1]
    # To stay on one datapath is a ring too.
    alone = np.bincount(places, minlength=seconds.shape[0]) @ np.asarray(seconds)
    cdef double least = np.min(alone), now
    chosen_array, bound_array = np.full(L, np.argmin(alone), np.int64), np.empty(U)
    cdef long long[::1] chosen = chosen_array
    cdef double[::1] bound = bound_array
    cdef Py_ssize_t[::1] order
    with nogil:
        for u in range(U):
            search.at.total[u] = seconds[end, u] + leave[end, u]
        backward(&search.of, &search.at)
        first = 0
        for u in range(U):
            if search.at.total[u] < search.at.total[first]:
                first = u                   # begins the best ring that pays a switch back
        for u in range(U):
            search.at.total[u] = seconds[end, u]
        backward(&search.of, &search.at)
        for u in range(U):
            bound[u] = search.at.total[u]
            search.at.total[u] = seconds[begin, u]
        forward(&search.of, &search.at)
        for u in range(U):
            bound[u] = max(bound[u], search.at.total[u])
        bound[first] = -1                   # tried before all others
    order = np.argsort(bound_array, kind="stable").astype(np.intp)
    with nogil:
        for i in range(U):
            first = order[i]
            if bound[first] >= least:
                break
            for u in range(U):
                search.at.total[u] = INFINITY
            search.at.total[first] = seconds[begin, first]
            forward(&search.of, &search.at)
            last = -1
            for u in range(U):
                now = search.at.total[u] + (0 if u == first else leave[end, u])
                if now < least:
                    least, last = now, u
            if last >= 0:
                trace(&search.of, &search.at, last, chosen)
    return chosen_array
