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
    static int runs_fp16(void) { return 0; }
    static int runs_i8mm(void) { return 0; }
    #else
    #if defined(__linux__) && defined(__aarch64__)
    #include <sys/auxv.h>
    #include <asm/hwcap.h>
    #ifndef HWCAP2_I8MM             /* older headers do not know it */
    #define HWCAP2_I8MM (1 << 13)
    #endif
    static int runs_dotprod(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
    static int runs_fp16(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDHP) != 0; }
    static int runs_i8mm(void) { return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0; }
    #else
    static int runs_dotprod(void) { return 0; }
    static int runs_fp16(void) { return 0; }
    static int runs_i8mm(void) { return 0; }
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
    bint runs_fp16()
    bint runs_i8mm()


def runnable() -> tuple[str, ...]:
    """Return the names of the instruction sets that this CPU runs, the best last.

    "baseline" runs on every CPU of its kind. On x86-64, "v3" is x86-64-v3 (AVX2 and FMA) and "v4" x86-64-v4 (AVX-512),
    the levels of the psABI; with "_vnni" they multiply bytes; "v4_fp16" is "v4_vnni" with arithmetic in half precision.
    On aarch64, "dotprod" multiplies bytes, "fp16" has arithmetic in half precision too, and "i8mm" multiplies unsigned
    bytes by signed ones as well.
    """
    dotprod = runs_dotprod()
    fp16 = dotprod and runs_fp16()
    return (("baseline",) + ("dotprod",) * dotprod + ("fp16",) * fp16 + ("i8mm",) * (fp16 and runs_i8mm())
            + ("v3",) * runs_v3() + ("v3_vnni",) * (runs_v3() and runs_avx_vnni())
            + ("v4",) * runs_v4() + ("v4_vnni",) * (runs_v4() and runs_avx512_vnni())
            + ("v4_fp16",) * (runs_v4() and runs_avx512_vnni() and runs_avx512_fp16()))
