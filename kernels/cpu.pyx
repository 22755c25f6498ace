"""Asks the CPU, and the operating system behind it, which instruction sets it runs. Compiled for any CPU."""

cdef extern from *:
    """
    #if defined(__x86_64__)
    #include <cpuid.h>
    /* The level by its name, not by a few of its features: the compiler may use all that -march allows. */
    #define RUNS(feature) (__builtin_cpu_init(), __builtin_cpu_supports(feature) != 0)
    static int runs_v3(void) { return RUNS("x86-64-v3"); }
    static int runs_v4(void) { return RUNS("x86-64-v4"); }
    static int runs_avx_vnni(void) { return RUNS("avxvnni"); }
    static int runs_avx512_vnni(void) { return RUNS("avx512vnni"); }
    static int runs_avx512_fp16(void)   /* older compilers do not know its name: CPUID leaf 7, EDX bit 23 */
    {
        unsigned a = 0, b = 0, c = 0, d = 0;
        return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 23 & 1);
    }
    static int runs_dotprod(void) { return 0; }
    #else
    #if defined(__linux__) && defined(__aarch64__)
    #include <sys/auxv.h>
    #include <asm/hwcap.h>
    static int runs_dotprod(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
    #else
    static int runs_dotprod(void) { return 0; }
    #endif
    static int runs_v3(void) { return 0; }
    static int runs_v4(void) { return 0; }
    static int runs_avx_vnni(void) { return 0; }
    static int runs_avx512_vnni(void) { return 0; }
    static int runs_avx512_fp16(void) { return 0; }
    #endif
    """
    bint runs_v3()
    bint runs_v4()
    bint runs_avx_vnni()
    bint runs_avx512_vnni()
    bint runs_avx512_fp16()
    bint runs_dotprod()


def runnable() -> tuple[str, ...]:
    """Return the names of the instruction sets that this CPU runs, the best last.

    "baseline" runs on every CPU of its kind; "v3" is x86-64-v3 (AVX2 and FMA), "v4" is x86-64-v4 (AVX-512), the levels
    of the x86-64 psABI; with "_vnni" they multiply bytes, as "dotprod" does on aarch64; "v4_fp16" is "v4_vnni" with
    arithmetic in half precision.
    """
    return (("baseline",) + ("dotprod",) * runs_dotprod()
            + ("v3",) * runs_v3() + ("v3_vnni",) * (runs_v3() and runs_avx_vnni())
            + ("v4",) * runs_v4() + ("v4_vnni",) * (runs_v4() and runs_avx512_vnni())
            + ("v4_fp16",) * (runs_v4() and runs_avx512_vnni() and runs_avx512_fp16()))
