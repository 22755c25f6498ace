/* Half precision, for half.pyx: 16-bit multiply-adds where the CPU has them (AVX512-FP16, ARMv8.2's FP16). Elsewhere they
 * are emulated, element by element, with the same roundings: slow, and only there to be tested. */
#ifndef KERNELS_HALF_H
#define KERNELS_HALF_H

#include "simd.h"

#define HALF_LANES (2 * VLEN)
#define HALF_COLS (TILE_VECS * HALF_LANES)
enum { SPILL = 32 };            /* steps that are summed in 16 bits before they join the sum in 32 */

typedef _Float16 half;
typedef half vhalf __attribute__((vector_size(4 * VLEN)));
typedef vhalf unaligned_vhalf __attribute__((aligned(2), may_alias));

#if defined(__AVX512FP16__) || defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
INLINE vhalf multiply_add(vhalf sum, vhalf x, half w) { return sum + x * w; }
#else
static __attribute__((noinline)) vhalf multiply_add(vhalf sum, vhalf x, half w)
{
    half s[HALF_LANES], f[HALF_LANES];
    memcpy(s, &sum, sizeof s);
    memcpy(f, &x, sizeof f);
    for (int l = 0; l < HALF_LANES; l++) s[l] = (half)((float)f[l] * (float)w + (float)s[l]);
    memcpy(&sum, s, sizeof s);
    return sum;
}
#endif

/* The first n <= VLEN numbers as floats, 0 behind them; and back. */
INLINE vf load_halves(const half *p, ptrdiff_t n)
{
    half h[VLEN] = {0};
    vf v;
    memcpy(h, p, (size_t)n * sizeof(half));
    for (int l = 0; l < VLEN; l++) v[l] = (float)h[l];
    return v;
}

INLINE void store_halves(half *p, vf v, ptrdiff_t n)
{
    half h[VLEN];
    for (int l = 0; l < VLEN; l++) h[l] = (half)v[l];
    memcpy(p, h, (size_t)n * sizeof(half));
}

/* out[0 .. HALF_LANES) += sum;  sum = 0 */
INLINE void spill(vhalf *sum, float *out)
{
    half h[HALF_LANES];
    memcpy(h, sum, sizeof h);
    for (int l = 0; l < HALF_LANES; l++) out[l] += (float)h[l];
    *sum = (vhalf){0};
}

#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
/* sum + x * rows[n];  GCC makes a vector of rows[n] first, for the intrinsic too. */
#define HALF_ROW(n) case n: __asm__("fmla %0.8h, %1.8h, %2.h[" #n "]" : "+w"(sum) : "w"(x), "x"(rows)); return sum;
INLINE vhalf multiply_add_row(vhalf sum, vhalf x, vhalf rows, const int n)
{
    switch (n) { HALF_ROW(0) HALF_ROW(1) HALF_ROW(2) HALF_ROW(3) HALF_ROW(4) HALF_ROW(5) HALF_ROW(6) HALF_ROW(7) default: return sum; }
}
#endif

/* sum[i][j] += w[i] * x[j*HALF_LANES ...];  NEON multiplies by one number of a vector, as in add_products of simd.h. */
INLINE void add_half_products(vhalf (*sum)[TILE_VECS], const int rows, const int vecs, const half *w, const half *x)
{
#if defined(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC)
    if (rows >= HALF_LANES) {
        const vhalf first = *(const unaligned_vhalf *)w, last = *(const unaligned_vhalf *)(w + rows - HALF_LANES);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (int j = 0; j < vecs; j++)
                sum[i][j] = multiply_add_row(sum[i][j], *(const unaligned_vhalf *)(x + j * HALF_LANES),
                                             i < HALF_LANES ? first : last, i - vector_of(i, HALF_LANES, rows));
        return;
    }
#endif
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vecs; j++)
            sum[i][j] = multiply_add(sum[i][j], *(const unaligned_vhalf *)(x + j * HALF_LANES), w[i]);
}

/*   out[i][j] = sum over t < taps, k < depth of  x[tap[t] + k*x_step + j] * w[(t*depth + k)*rows + i]
 *   i < rows,  j < vecs*HALF_LANES;  out[i] begins at out + i*out_step */
INLINE void half_tile_of(const int rows, const int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
                         const half *w, const half *x, ptrdiff_t x_step, float *out, ptrdiff_t out_step)
{
    vhalf sum[TILE_ROWS][TILE_VECS] = {0};
    ptrdiff_t left = SPILL;
    for (int i = 0; i < rows; i++) memset(out + i * out_step, 0, (size_t)vecs * HALF_LANES * sizeof *out);
    for (ptrdiff_t t = 0; t < taps; t++) {
        const half *at = x + tap[t];
        for (ptrdiff_t k = 0; k < depth;) {
            const ptrdiff_t steps = left < depth - k ? left : depth - k;
#pragma GCC unroll UNROLLED
            for (ptrdiff_t step = 0; step < steps; step++, at += x_step, w += rows)
                add_half_products(sum, rows, vecs, w, at);
            left -= steps;
            k += steps;
            if (left == 0 || (t == taps - 1 && k == depth)) {
                left = SPILL;
#pragma GCC unroll 16
                for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
                    for (int j = 0; j < vecs; j++)
                        spill(&sum[i][j], out + i * out_step + j * HALF_LANES);
            }
        }
    }
}

static __attribute__((noinline))
void half_tile(int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth, const half *w, const half *x,
               ptrdiff_t x_step, float *out, ptrdiff_t out_step)
{
#define CALL(r, v) half_tile_of(r, v, taps, tap, depth, w, x, x_step, out, out_step)
    FOR_EACH_TILE(rows, vecs, CALL)
#undef CALL
}

/* As fma_chains in simd.h: what the core can do at most. */
INLINE float half_chains(ptrdiff_t steps)
{
    vhalf sum[12] = {0}, factor;
    for (int l = 0; l < HALF_LANES; l++) factor[l] = (half)0.5f;
    for (ptrdiff_t s = 0; s < steps; s++)
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++)
            sum[i] = multiply_add(factor, sum[i], (half)0.5f);
    float total = 0;
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) total += (float)sum[i][0];
    return total;
}

#endif
