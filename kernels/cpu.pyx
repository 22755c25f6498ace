"""Asks the CPU, and the operating system behind it, which instruction sets it runs. Compiled for any CPU."""

cdef extern from *:
    """
    #if defined(__x86_64__)
    /* The level by its name, not by a few of its features: the compiler may use all that -march allows. */
    static int runs_v3(void) { __builtin_cpu_init(); return __builtin_cpu_supports("x86-64-v3") != 0; }
    static int runs_v4(void) { __builtin_cpu_init(); return __builtin_cpu_supports("x86-64-v4") != 0; }
    #else
    static int runs_v3(void) { return 0; }
    static int runs_v4(void) { return 0; }
    #endif
    """
    bint runs_v3()
    bint runs_v4()


def runnable() -> tuple[str, ...]:
    """Return the names of the instruction sets that this CPU runs, the best last.

    "baseline" runs on every CPU of its kind; "v3" is x86-64-v3 (AVX2 and FMA), "v4" is x86-64-v4 (AVX-512), the levels
    of the x86-64 psABI.
    """
    return ("baseline",) + ("v3",) * runs_v3() + ("v4",) * runs_v4()
