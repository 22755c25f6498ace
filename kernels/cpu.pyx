"""Asks the CPU, and the operating system behind it, which instruction sets it runs. Compiled for any CPU."""

cdef extern from *:
    """
    #if defined(__x86_64__)
    #include <cpuid.h>
    /* Bits of CPUID, by leaf and register, as the manuals of Intel and AMD number them. */
    enum { EAX, EBX, ECX, EDX };
    static int has(unsigned leaf, unsigned subleaf, int in, unsigned bits)
    {
        unsigned r[4] = {0};
        return __get_cpuid_count(leaf, subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) && (r[in] & bits) == bits;
    }
    #define BIT(n) (1u << (n))
    static int saves(unsigned state)    /* whether the operating system keeps these registers when it switches */
    {
        unsigned low, high;
        if (!has(1, 0, ECX, BIT(27))) return 0;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        return (low & state) == state;
    }
    /* Every feature of a level, since the compiler may use all that -march allows. */
    static int runs_v3(void)
    {
        return saves(0x6)                                                           /* XMM, YMM */
               && has(1, 0, ECX, BIT(12) | BIT(22) | BIT(28) | BIT(29))             /* FMA, MOVBE, AVX, F16C */
               && has(1, 0, ECX, BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23))   /* SSE3 to 4.2, POPCNT */
               && has(7, 0, EBX, BIT(3) | BIT(5) | BIT(8))                          /* BMI1, AVX2, BMI2 */
               && has(0x80000001, 0, ECX, BIT(0) | BIT(5));                         /* LAHF, LZCNT */
    }
    static int runs_v4(void)
    {
        return runs_v3() && saves(0xe6)                                             /* masks, ZMM */
               && has(7, 0, EBX, BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31));  /* AVX512 F, DQ, CD, BW, VL */
    }
    static int runs_avx_vnni(void) { return has(7, 1, EAX, BIT(4)); }
    static int runs_avx512_vnni(void) { return has(7, 0, ECX, BIT(11)); }
    static int runs_avx512_bf16(void) { return has(7, 1, EAX, BIT(5)); }
    static int runs_avx512_fp16(void) { return has(7, 0, EDX, BIT(23)); }
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
    #elif defined(__APPLE__) && defined(__aarch64__)
    #include <sys/sysctl.h>
    static int has(const char *feature)
    {
        int value = 0;
        size_t size = sizeof value;
        return sysctlbyname(feature, &value, &size, NULL, 0) == 0 && value != 0;
    }
    static int runs_dotprod(void) { return has("hw.optional.arm.FEAT_DotProd"); }
    static int runs_fp16(void) { return has("hw.optional.arm.FEAT_FP16"); }
    static int runs_i8mm(void) { return has("hw.optional.arm.FEAT_I8MM"); }
    #else
    static int runs_dotprod(void) { return 0; }
    static int runs_fp16(void) { return 0; }
    static int runs_i8mm(void) { return 0; }
    #endif
    static int runs_v3(void) { return 0; }
    static int runs_v4(void) { return 0; }
    static int runs_avx_vnni(void) { return 0; }
    static int runs_avx512_vnni(void) { return 0; }
    static int runs_avx512_bf16(void) { return 0; }
    static int runs_avx512_fp16(void) { return 0; }
    #endif
    """
    bint runs_v3()
    bint runs_v4()
    bint runs_avx_vnni()
    bint runs_avx512_vnni()
    bint runs_avx512_bf16()
    bint runs_avx512_fp16()
    bint runs_dotprod()
    bint runs_fp16()
    bint runs_i8mm()


def runnable() -> tuple[str, ...]:
    """Return the names of the instruction sets that this CPU runs, the best last.

    "baseline" runs on every CPU of its kind. On x86-64, "v3" is x86-64-v3 (AVX2 and FMA) and "v4" x86-64-v4 (AVX-512),
    the levels of the psABI; with "_vnni" they multiply bytes; "v4_bf16" is "v4_vnni" that multiplies bfloat16 too, and
    "v4_fp16" has arithmetic in half precision.
    On aarch64, "dotprod" multiplies bytes, "fp16" has arithmetic in half precision too, and "i8mm" multiplies unsigned
    bytes by signed ones as well.
    """
    dotprod = runs_dotprod()
    fp16 = dotprod and runs_fp16()
    return (("baseline",) + ("dotprod",) * dotprod + ("fp16",) * fp16 + ("i8mm",) * (fp16 and runs_i8mm())
            + ("v3",) * runs_v3() + ("v3_vnni",) * (runs_v3() and runs_avx_vnni())
            + ("v4",) * runs_v4() + ("v4_vnni",) * (runs_v4() and runs_avx512_vnni())
            + ("v4_bf16",) * (runs_v4() and runs_avx512_vnni() and runs_avx512_bf16())
            + ("v4_fp16",) * (runs_v4() and runs_avx512_vnni() and runs_avx512_fp16()))
