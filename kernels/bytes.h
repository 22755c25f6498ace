/* 8-bit integers, for the algorithms of bytes: their dot products, and the micro-kernel of those.
 *
 * A word of 32 bits holds PER_WORD numbers that a dot product takes at once: four bytes where the instruction set multiplies
 * bytes exactly (VNNI, NEON's dotprod and i8mm), elsewhere two bytes widened to 16 bits. w is signed, and x unsigned, or
 * EXACT_LESS less: NEON's sdot takes two signed operands, and x - x_zero is the same for both. SATURATING is for the
 * lesson: vpmaddubsw, older than VNNI, adds two products in 16 bits and cuts off the rest. */
#ifndef KERNELS_BYTES_H
#define KERNELS_BYTES_H

#include "simd.h"

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__ARM_FEATURE_DOTPROD)
#define EXACT_PER_WORD 4
#else
#define EXACT_PER_WORD 2
#endif
#if defined(__ARM_FEATURE_DOTPROD) && !defined(__ARM_FEATURE_MATMUL_INT8)
#define EXACT_LESS 128
#else
#define EXACT_LESS 0
#endif
/* An intrinsic that AVX2 and AVX-512 both have, of whole registers. */
#if defined(__AVX512F__)
#define MM(name) _mm512_##name
#define MM_INT __m512i
#define MM_FLOAT __m512
#elif defined(__AVX2__)
#define MM(name) _mm256_##name
#define MM_INT __m256i
#define MM_FLOAT __m256
#endif
enum { EXACT, SATURATING, PAIRS };
enum { DOTS_UNROLLED = EXACT_PER_WORD == 4 ? UNROLLED : 1 };

typedef uint32_t vu __attribute__((vector_size(4 * VLEN)));
typedef uint8_t vb __attribute__((vector_size(VLEN)));
typedef uint8_t vb2 __attribute__((vector_size(2 * VLEN)));
typedef uint8_t vb4 __attribute__((vector_size(4 * VLEN)));
typedef int16_t vs __attribute__((vector_size(4 * VLEN)));
typedef vi unaligned_vi __attribute__((aligned(4), may_alias));
typedef vs unaligned_vs __attribute__((aligned(2), may_alias));
typedef vb unaligned_vb __attribute__((aligned(1), may_alias));
typedef vb4 unaligned_vb4 __attribute__((aligned(1), may_alias));

INLINE vi load_words(const int32_t *p) { return *(const unaligned_vi *)p; }
INLINE void store_words(int32_t *p, vi v) { *(unaligned_vi *)p = v; }
INLINE void store_bytes(uint8_t *p, vi v) { *(unaligned_vb *)p = __builtin_convertvector((vu)v, vb); }
INLINE vi broadcast_word(int32_t x) { return x - (vi){0}; }
INLINE vi add_words(vi a, vi b) { return (vi)((vu)a + (vu)b); }             /* wraps at 2**32, as ONNX allows */
INLINE vi multiply_words(vi a, vi b) { return (vi)((vu)a * (vu)b); }
INLINE vf to_float(vi v) { return __builtin_convertvector(v, vf); }

/* A register of numbers of 16 bits; and VLEN bytes of p and as many of q less a zero, as such. */
INLINE vs load_shorts(const int16_t *p) { return *(const unaligned_vs *)p; }
INLINE void store_shorts(int16_t *p, vs v) { *(unaligned_vs *)p = v; }
INLINE vs less(const uint8_t *p, const uint8_t *q, int flip, int zero)
{
    typedef struct { uint8_t lane[VLEN]; } pixel;
    union { pixel halves[2]; vb2 all; } u = {{*(const pixel *)p, *(const pixel *)q}};
    return __builtin_convertvector(u.all ^ (uint8_t)flip, vs) - (int16_t)zero;
}

/* sum + x . w  in every word, of two numbers of 16 bits; sums wrap at 2**32 */
INLINE vi dot_pairs(vi sum, vi x, vi w)
{
#if defined(__AVX512VNNI__)
    return (vi)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
#elif defined(__AVXVNNI__)
    return (vi)_mm256_dpwssd_avx_epi32((__m256i)sum, (__m256i)x, (__m256i)w);
#elif defined(__AVX512BW__)
    return add_words(sum, (vi)_mm512_madd_epi16((__m512i)x, (__m512i)w));
#elif defined(__AVX2__)
    return add_words(sum, (vi)_mm256_madd_epi16((__m256i)x, (__m256i)w));
#elif defined(__SSE2__)
    return add_words(sum, (vi)_mm_madd_epi16((__m128i)x, (__m128i)w));
#elif defined(__aarch64__)
    const int32x4_t low = vmull_s16(vget_low_s16((int16x8_t)x), vget_low_s16((int16x8_t)w));
    return add_words(sum, (vi)vpaddq_s32(low, vmull_high_s16((int16x8_t)x, (int16x8_t)w)));
#else
    return add_words(sum, ((x << 16) >> 16) * ((w << 16) >> 16) + (x >> 16) * (w >> 16));
#endif
}

/* sum + x . w  in every word, of EXACT_PER_WORD numbers */
INLINE vi dot(vi sum, vi x, vi w)
{
#if defined(__AVX512VNNI__)
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
#elif defined(__AVXVNNI__)
    return (vi)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)x, (__m256i)w);
#elif defined(__ARM_FEATURE_MATMUL_INT8)
    return (vi)vusdotq_s32((int32x4_t)sum, (uint8x16_t)x, (int8x16_t)w);
#elif defined(__ARM_FEATURE_DOTPROD)
    return (vi)vdotq_s32((int32x4_t)sum, (int8x16_t)x, (int8x16_t)w);
#else
    return dot_pairs(sum, x, w);
#endif
}

INLINE vi dot_saturating(vi sum, vi x, vi w)
{
#if defined(__AVX512BW__)
    const __m512i pairs = _mm512_maddubs_epi16((__m512i)x, (__m512i)w);
    return add_words(sum, (vi)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#elif defined(__AVX2__)
    const __m256i pairs = _mm256_maddubs_epi16((__m256i)x, (__m256i)w);
    return add_words(sum, (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#else
    for (int half = 0; half < 32; half += 16) {
        const vi first = ((x >> half) & 255) * (((w >> half) << 24) >> 24);
        const vi second = ((x >> (half + 8)) & 255) * (((w >> (half + 8)) << 24) >> 24);
        const vi low = broadcast_word(-32768), high = broadcast_word(32767);
        vi pair = first + second;
        pair = (pair & ~(pair < low)) | (low & (pair < low));
        sum = add_words(sum, (pair & ~(pair > high)) | (high & (pair > high)));
    }
    return sum;
#endif
}

#if defined(__ARM_FEATURE_DOTPROD)
/* sum + x . w  for word n of rows, which are x or w, and all of b. */
#if defined(__ARM_FEATURE_MATMUL_INT8)
#define DOT_ROW(n) case n: return rows_are_x ? (vi)vsudotq_laneq_s32((int32x4_t)sum, (int8x16_t)b, (uint8x16_t)rows, n) \
                                             : (vi)vusdotq_laneq_s32((int32x4_t)sum, (uint8x16_t)b, (int8x16_t)rows, n);
#else
#define DOT_ROW(n) case n: return (vi)vdotq_laneq_s32((int32x4_t)sum, (int8x16_t)b, (int8x16_t)rows, n);
#endif
INLINE vi dot_row(vi sum, vi rows, const int n, vi b, const int rows_are_x)
{
    switch (n) { DOT_ROW(0) DOT_ROW(1) DOT_ROW(2) default: DOT_ROW(3) }
}

/* 4 to 12 words, in as few instructions as there are. */
INLINE void load_rows(vi *to, const int32_t *a, const int rows)
{
    if (rows == 3 * VLEN) {
        const int32x4x3_t three = vld1q_s32_x3(a);
        to[0] = (vi)three.val[0], to[1] = (vi)three.val[1], to[2] = (vi)three.val[2];
        return;
    }
    to[0] = load_words(a);
    if (rows >= 2 * VLEN) {
        const int32x4x2_t two = vld1q_s32_x2(a);
        to[0] = (vi)two.val[0], to[1] = (vi)two.val[1];
    }
    if (rows % VLEN) to[rows / VLEN] = load_words(a + rows - VLEN);
}
#endif

INLINE vi dot_of(const int kind, vi sum, vi x, vi w)
{
    return (kind == EXACT ? dot : kind == PAIRS ? dot_pairs : dot_saturating)(sum, x, w);
}

/* sum[i][j] += a[i*row_step] . b[j*VLEN ...]  for rows of words a; one of the operands is x, the other w. NEON multiplies
 * by one word of a vector, as it does in add_products of simd.h. */
INLINE void add_dots(const int kind, vi (*sum)[TILE_VECS], const int rows, const int vecs, const int32_t *a,
                     const int row_step, const int32_t *b, const int rows_are_x)
{
#if defined(__ARM_FEATURE_DOTPROD)
    if (kind == EXACT && rows >= VLEN) {
        vi words[TILE_ROWS / VLEN];
        load_rows(words, a, rows);
        UNROLL(16)
        for (int i = 0; i < rows; i++)
            UNROLL(4)
            for (int j = 0; j < vecs; j++)
                sum[i][j] = dot_row(sum[i][j], words[i / VLEN], i - vector_of(i, VLEN, rows), load_words(b + j * VLEN),
                                    rows_are_x);
        return;
    }
#endif
    UNROLL(16)
    for (int i = 0; i < rows; i++)
        UNROLL(4)
        for (int j = 0; j < vecs; j++) {
            const int32_t *word = a + i * row_step;
            sum[i][j] = rows_are_x ? dot_of(kind, sum[i][j], broadcast_word(*word), load_words(b + j * VLEN))
                                   : dot_of(kind, sum[i][j], load_words(b + j * VLEN), broadcast_word(*word));
        }
}

/* The micro-kernel of integers. Here the vectors are pixels, so that sums come out as y lies:
 *
 *   out[i][j] = sum over t < taps, k < depth of  x[tap[t] + k*x_step + j] . w[(t*depth + k)*rows + i]
 *   i < rows,  j < vecs*VLEN */
INLINE void dot_tile_of(const int kind, const int rows, const int vecs, ptrdiff_t taps, const ptrdiff_t *tap,
                        ptrdiff_t depth, const int32_t *w, const int32_t *x, ptrdiff_t x_step, int32_t *out)
{
    vi sum[TILE_ROWS][TILE_VECS] = {0};
    for (ptrdiff_t t = 0; t < taps; t++) {
        const int32_t *at = x + tap[t];
#pragma GCC unroll DOTS_UNROLLED
        for (ptrdiff_t k = 0; k < depth; k++, at += x_step, w += rows)
            add_dots(kind, sum, rows, vecs, w, 1, at, 0);
    }
    UNROLL(16)
    for (int i = 0; i < rows; i++)
        UNROLL(4)
        for (int j = 0; j < vecs; j++)
            store_words(out + i * TILE_COLS + j * VLEN, sum[i][j]);
}

static __attribute__((noinline))
void dot_tile(int kind, int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
              const int32_t *w, const int32_t *x, ptrdiff_t x_step, int32_t *out)
{
#define EXACTLY(r, v) dot_tile_of(EXACT, r, v, taps, tap, depth, w, x, x_step, out)
#define CUTTING_OFF(r, v) dot_tile_of(SATURATING, r, v, taps, tap, depth, w, x, x_step, out)
    if (kind == EXACT) { FOR_EACH_TILE(rows, vecs, EXACTLY) }
    FOR_EACH_TILE(rows, vecs, CUTTING_OFF)
#undef EXACTLY
#undef CUTTING_OFF
}

/* A number of x as it lies in a word. */
#if EXACT_PER_WORD == 4
typedef uint8_t operand;
#else
typedef int16_t operand;
#endif

/* As fma_chains in simd.h, with dot products of bytes. */
INLINE int32_t dot_chains(ptrdiff_t steps)
{
    const vi w = broadcast_word(0x01010101);
    vi sum[12];
    UNROLL(12)
    for (int i = 0; i < 12; i++) sum[i] = broadcast_word(i);
    for (ptrdiff_t s = 0; s < steps; s++)
        UNROLL(12)
        for (int i = 0; i < 12; i++)
            sum[i] = dot(sum[i], sum[i], w);
    vi total = sum[0];
    UNROLL(12)
    for (int i = 1; i < 12; i++) total = add_words(total, sum[i]);
    return total[0];
}

#endif
