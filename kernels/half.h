/* 16-bit floats, for half.pyx, which is compiled for two kinds of them:
 *   float16     11 bits of precision. A multiply-add rounds to 16 bits (AVX512-FP16, ARMv8.2's FP16).
 *   bfloat16    the upper half of a float32, 8 bits of precision. A multiply-add takes two numbers of x and two of w, and
 *               rounds to 32 bits (AVX512-BF16). Defined by -DBFLOAT16.
 * Elsewhere both are emulated, element by element, with the same roundings: slow, and only there to be tested.
 *
 *   WORD        numbers of x that a multiply-add takes for one sum: of neighbouring channels, side by side in a word
 *   HALF_LANES  sums of a vector: output pixels */
#ifndef KERNELS_HALF_H
#define KERNELS_HALF_H

#include "simd.h"

#if defined(BFLOAT16)
enum { WORD = 2, HALF_LANES = VLEN, SPILL = 1 << 30 };      /* it is summed in 32 bits anyway */
typedef uint16_t half;
typedef uint32_t word;
typedef vf vsum;
typedef vi vword;
#else
#define HALF_LANES (2 * VLEN)
enum { WORD = 1, SPILL = 32 };          /* steps that are summed in 16 bits before they join the sum in 32 */
typedef _Float16 half;
typedef half word;
typedef half vsum __attribute__((vector_size(4 * VLEN)));
typedef vsum vword;
typedef half vhalves __attribute__((vector_size(2 * VLEN)));            /* as many as a vector has floats */
#endif
typedef vword unaligned_vword __attribute__((aligned(2), may_alias));
#define HALF_COLS (TILE_VECS * HALF_LANES)

/* sum + x*w  in every lane. For bfloat16: sum + x1*w1 + x0*w0, the upper numbers first; either step rounds once, to the
 * nearest, ties to even, and takes what is subnormal, before or after, as 0. So Intel describes vdpbf16ps. */
#if defined(__AVX512BF16__) && defined(BFLOAT16)
INLINE vsum multiply_add(vsum sum, vword x, word w)
{
    return (vsum)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)_mm512_set1_epi32((int32_t)w));
}
#elif defined(BFLOAT16)
INLINE float of_bits(uint32_t bits) { float v; memcpy(&v, &bits, sizeof v); return v; }
INLINE float normal(float v) { return __builtin_fabsf(v) < 0x1p-126f ? __builtin_copysignf(0, v) : v; }
INLINE float fused(float sum, uint32_t x, uint32_t w)
{
    return normal(__builtin_fmaf(normal(of_bits(x)), normal(of_bits(w)), normal(sum)));
}
static __attribute__((noinline)) vsum multiply_add(vsum sum, vword x, word w)
{
    for (int l = 0; l < HALF_LANES; l++) {
        const uint32_t v = (uint32_t)x[l];
        sum[l] = fused(fused(sum[l], v & 0xffff0000u, w & 0xffff0000u), v << 16, w << 16);
    }
    return sum;
}
#elif defined(__AVX512FP16__) || defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
INLINE vsum multiply_add(vsum sum, vword x, word w) { return sum + x * w; }
#else
static __attribute__((noinline)) vsum multiply_add(vsum sum, vword x, word w)
{
    half s[HALF_LANES], f[HALF_LANES];
    memcpy(s, &sum, sizeof s);
    memcpy(f, &x, sizeof f);
    for (int l = 0; l < HALF_LANES; l++) s[l] = (half)((float)f[l] * (float)w + (float)s[l]);
    memcpy(&sum, s, sizeof s);
    return sum;
}
#endif

#if !defined(BFLOAT16)
/* The compiler's own conversion, where GCC 12 makes vectors of it. */
INLINE vf as_floats(vhalves h)
{
#if defined(__AVX512F__)
    return (vf)_mm512_cvtph_ps((__m256i)h);
#elif defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
    return (vf)vcvt_f32_f16((float16x4_t)h);
#else
    return __builtin_convertvector(h, vf);
#endif
}

INLINE vhalves as_halves(vf v)
{
#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
    return (vhalves)vcvt_f16_f32((float32x4_t)v);
#else
    return __builtin_convertvector(v, vhalves);
#endif
}
#endif

/* The first n <= VLEN numbers as floats, 0 behind them; and back, rounded to the nearest, ties to even. */
INLINE vf load_halves(const half *p, ptrdiff_t n)
{
#if defined(BFLOAT16)
    half h[VLEN] = {0};
    memcpy(h, p, (size_t)n * sizeof(half));
    vi v;
    for (int l = 0; l < VLEN; l++) v[l] = (int32_t)((uint32_t)h[l] << 16);
    return (vf)v;
#else
    vhalves h = {0};
    memcpy(&h, p, (size_t)n * sizeof(half));
    return as_floats(h);
#endif
}

INLINE void store_halves(half *p, vf v, ptrdiff_t n)
{
#if defined(BFLOAT16)
    half h[VLEN];
    const vi bits = (vi)v, rounded = bits + 0x7fff + ((bits >> 16) & 1), nan = v != v;
    const vi kept = (rounded & ~nan) | ((bits | 1 << 22) & nan);
    for (int l = 0; l < VLEN; l++) h[l] = (half)((uint32_t)kept[l] >> 16);
#else
    const vhalves h = as_halves(v);
#endif
    memcpy(p, &h, (size_t)n * sizeof(half));
}

/* out[i] = x[i*stride], and beside it that of the next channel, `beside` numbers further on; 0 if that is 0. */
INLINE void copy_words(const half *x, ptrdiff_t stride, ptrdiff_t beside, ptrdiff_t count, word *out)
{
#if defined(BFLOAT16)
    if (beside && stride == 1)
        for (ptrdiff_t i = 0; i < count; i++) out[i] = x[i] | (word)x[beside + i] << 16;
    else
        for (ptrdiff_t i = 0; i < count; i++) out[i] = x[i * stride] | (beside ? (word)x[beside + i * stride] << 16 : 0);
#else
    (void)beside;
    if (stride == 1)
        memcpy(out, x, (size_t)count * sizeof *out);
    else
        for (ptrdiff_t i = 0; i < count; i++) out[i] = x[i * stride];
#endif
}

/* out[0 .. HALF_LANES) += sum;  sum = 0 */
INLINE void spill(vsum *sum, float *out)
{
#if defined(BFLOAT16)
    store(out, load(out) + *sum);
#else
    const half *h = (const half *)sum;
    for (int part = 0; part < HALF_LANES; part += VLEN) store(out + part, load(out + part) + load_halves(h + part, VLEN));
#endif
    *sum = (vsum){0};
}

#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC) && !defined(BFLOAT16)
/* sum + x * rows[n];  GCC makes a vector of rows[n] first, for the intrinsic too. */
#define HALF_ROW(n) case n: __asm__("fmla %0.8h, %1.8h, %2.h[" #n "]" : "+w"(sum) : "w"(x), "x"(rows)); return sum;
INLINE vsum multiply_add_row(vsum sum, vword x, vword rows, const int n)
{
    switch (n) { HALF_ROW(0) HALF_ROW(1) HALF_ROW(2) HALF_ROW(3) HALF_ROW(4) HALF_ROW(5) HALF_ROW(6) HALF_ROW(7) default: return sum; }
}
#endif

/* sum[i][j] += w[i] * x[j*HALF_LANES ...];  NEON multiplies by one number of a vector, as in add_products of simd.h. */
INLINE void add_half_products(vsum (*sum)[TILE_VECS], const int rows, const int vecs, const word *w, const word *x)
{
#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC) && !defined(BFLOAT16)
    if (rows >= HALF_LANES) {
        const vword first = *(const unaligned_vword *)w, last = *(const unaligned_vword *)(w + rows - HALF_LANES);
        UNROLL(16)
        for (int i = 0; i < rows; i++)
            UNROLL(4)
            for (int j = 0; j < vecs; j++)
                sum[i][j] = multiply_add_row(sum[i][j], *(const unaligned_vword *)(x + j * HALF_LANES),
                                             i < HALF_LANES ? first : last, i - vector_of(i, HALF_LANES, rows));
        return;
    }
#endif
    UNROLL(16)
    for (int i = 0; i < rows; i++)
        UNROLL(4)
        for (int j = 0; j < vecs; j++)
            sum[i][j] = multiply_add(sum[i][j], *(const unaligned_vword *)(x + j * HALF_LANES), w[i]);
}

/*   out[i][j] = sum over t < taps, k < depth of  x[tap[t] + k*x_step + j] * w[(t*depth + k)*rows + i],  in words
 *   i < rows,  j < vecs*HALF_LANES;  out[i] begins at out + i*out_step */
INLINE void half_tile_of(const int rows, const int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
                         const word *w, const word *x, ptrdiff_t x_step, float *out, ptrdiff_t out_step)
{
    vsum sum[TILE_ROWS][TILE_VECS] = {0};
    ptrdiff_t left = SPILL;
    for (int i = 0; i < rows; i++) memset(out + i * out_step, 0, (size_t)vecs * HALF_LANES * sizeof *out);
    for (ptrdiff_t t = 0; t < taps; t++) {
        const word *at = x + tap[t];
        for (ptrdiff_t k = 0; k < depth;) {
            const ptrdiff_t steps = left < depth - k ? left : depth - k;
#pragma GCC unroll UNROLLED
            for (ptrdiff_t step = 0; step < steps; step++, at += x_step, w += rows)
                add_half_products(sum, rows, vecs, w, at);
            left -= steps;
            k += steps;
            if (left == 0 || (t == taps - 1 && k == depth)) {
                left = SPILL;
                UNROLL(16)
                for (int i = 0; i < rows; i++)
                    UNROLL(4)
                    for (int j = 0; j < vecs; j++)
                        spill(&sum[i][j], out + i * out_step + j * HALF_LANES);
            }
        }
    }
}

static __attribute__((noinline))
void half_tile(int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth, const word *w, const word *x,
               ptrdiff_t x_step, float *out, ptrdiff_t out_step)
{
#define CALL(r, v) half_tile_of(r, v, taps, tap, depth, w, x, x_step, out, out_step)
    FOR_EACH_TILE(rows, vecs, CALL)
#undef CALL
}

/* As fma_chains in simd.h: what the core can do at most. */
INLINE float half_chains(ptrdiff_t steps)
{
    vsum sum[12];               /* they differ and change, or the compiler would keep fewer of them */
    UNROLL(12)
    for (int i = 0; i < 12; i++)
        for (int l = 0; l < HALF_LANES; l++) sum[i][l] = i + 2;
#if defined(BFLOAT16)
    const word factor = 0x3f003f00;                                 /* 0.5, twice */
    const vword x = (vword){0} + (int32_t)factor;
#else
    const half factor = (half)0.5f;
    vword x;
    for (int l = 0; l < HALF_LANES; l++) x[l] = factor;
#endif
    for (ptrdiff_t s = 0; s < steps; s++)
        UNROLL(12)
        for (int i = 0; i < 12; i++)
#if defined(BFLOAT16)
            sum[i] = multiply_add(sum[i], x, factor);
#else
            sum[i] = multiply_add(x, sum[i], factor);
#endif
    float total = 0;
    UNROLL(12)
    for (int i = 0; i < 12; i++) total += (float)sum[i][0];
    return total;
}

#endif
