/* The C that every algorithm shares: one vector type, its loads and stores, a transpose, and the micro-kernel.
 *
 * Everything follows from the instruction set that the compiler was given (-march):
 *   VLEN        floats in a vector
 *   TILE_ROWS   rows of the micro-kernel's tile; a tile is TILE_ROWS x (TILE_VECS * VLEN) numbers
 * GCC's vector extension turns  a * b + c  on vectors into the machine's own multiply-add.
 */
#ifndef KERNELS_SIMD_H
#define KERNELS_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VLEN 16
#elif defined(__AVX__)
#define VLEN 8
#else
#define VLEN 4
#endif

/* A tile keeps TILE_ROWS * TILE_VECS sums in registers, and needs TILE_VECS + 1 more for the operands: 14*2 + 3 of the 32
 * registers of AVX-512, 6*2 + 3 of the 16 of AVX2 and SSE. NEON has 32 too, and takes rows by whole vectors: 12*2 + 2 + 2.
 * LANE_ROWS is for rows that are vectors: NEON then keeps VLEN steps of b beside two rows, 11*2 + 4*2 + 2. */
#if defined(__AVX512F__)
#define TILE_ROWS 14
#define LANE_ROWS 14
#elif defined(__aarch64__)
#define TILE_ROWS 12
#define LANE_ROWS 11
#else
#define TILE_ROWS 6
#define LANE_ROWS 6
#endif
#define TILE_VECS 2
#define TILE_COLS (TILE_VECS * VLEN)
#define TILE_SIZE ((TILE_ROWS + VLEN) * TILE_COLS)      /* numbers; room to read a last block of rows whole */

#define INLINE static inline __attribute__((always_inline))

/* Before a loop of at most n rounds: write them one after the other. Where GCC counts, clang must be told that it is all of
 * them, or it does so too late to keep an array of vectors in registers. */
#define PRAGMA(words) _Pragma(#words)
#if defined(__clang__)
#define UNROLL(n) PRAGMA(clang loop unroll(full))
#else
#define UNROLL(n) PRAGMA(GCC unroll n)
#endif

typedef float vf __attribute__((vector_size(4 * VLEN)));
typedef int32_t vi __attribute__((vector_size(4 * VLEN)));
typedef vf unaligned_vf __attribute__((aligned(4), may_alias));

INLINE vf load(const float *p) { return *(const unaligned_vf *)p; }
INLINE void store(float *p, vf v) { *(unaligned_vf *)p = v; }
INLINE vf broadcast(float x) { return x - (vf){0}; }
INLINE vf select_vf(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf larger(vf a, vf b) { return select_vf((b > a) | (b != b), b, a); }                  /* a NaN stays a NaN */
INLINE vi lane_numbers(void) { vi v; for (int l = 0; l < VLEN; l++) v[l] = l; return v; }

/* The first n of VLEN numbers; the others are 0, and their memory is not touched. */
INLINE vf load_first(const float *p, ptrdiff_t n)
{
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif defined(__AVX__)
    return (vf)_mm256_maskload_ps(p, (__m256i)(lane_numbers() < (int32_t)n));
#else
    vf v = {0};
    for (ptrdiff_t l = 0; l < n; l++) v[l] = p[l];
    return v;
#endif
}

INLINE void store_first(float *p, vf v, ptrdiff_t n)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX__)
    _mm256_maskstore_ps(p, (__m256i)(lane_numbers() < (int32_t)n), (__m256)v);
#else
    for (ptrdiff_t l = 0; l < n; l++) p[l] = v[l];
#endif
}

/* Lane l of the result is lane which[l] of a and b, side by side. */
INLINE vf shuffle(vf a, vf b, vi which)
{
#if defined(__clang__)                                  /* which has no such builtin, but makes one instruction of this */
    vf v = a;
    UNROLL(16)
    for (int l = 0; l < VLEN; l++) v[l] = which[l] < VLEN ? a[which[l]] : b[which[l] - VLEN];
    return v;
#else
    return __builtin_shuffle(a, b, which);
#endif
}

/* Transpose a VLEN x VLEN block in place: log2(VLEN) rounds, each swaps the off-diagonal halves of its 2s x 2s blocks. */
INLINE void transpose(vf *m)
{
    UNROLL(4)
    for (int s = 1; s < VLEN; s *= 2) {
        const vi odd = (lane_numbers() & s) != 0;                  /* -1 in the lanes of the right half, else 0 */
        const vi left = lane_numbers() + (odd & (VLEN - s));       /* left halves of both rows */
        const vi right = lane_numbers() + s + (odd & (VLEN - s));  /* right halves of both rows */
        UNROLL(16)
        for (int i = 0; i < VLEN; i++)
            if (!(i & s)) {
                const vf upper = m[i], lower = m[i + s];
                m[i] = shuffle(upper, lower, left);
                m[i + s] = shuffle(upper, lower, right);
            }
    }
}

/* e^v = 2^n * e^r, |r| <= ln(2) / 2, to a few units in the last place. Beyond -87 and 87 it stays; so does a NaN. */
INLINE vf exponential(vf v)
{
    static const float taylor[] = {1 / 720.0f, 1 / 120.0f, 1 / 24.0f, 1 / 6.0f, 0.5f, 1, 1};
    const vf magic = broadcast(12582912.0f);                        /* 1.5 * 2^23: its last bits count ones */
    v = select_vf(v < -87.0f, broadcast(-87.0f), select_vf(v > 87.0f, broadcast(87.0f), v));
    const vf shifted = v * 1.44269504f + magic, n = shifted - magic;
    const vf r = (v - n * 0.693359375f) + n * 2.12194440e-4f;      /* ln(2) in two parts, the first exact in n * it */
    vf p = broadcast(taylor[0]);
    UNROLL(8)
    for (int i = 1; i < 7; i++) p = p * r + taylor[i];
    return (vf)((vi)p + (((vi)shifted - (vi)magic) << 23));
}

/* Activation functions; a NaN stays a NaN. */
enum { ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_RELU6, ACTIVATION_LEAKY_RELU, ACTIVATION_HARD_SIGMOID,
       ACTIVATION_HARD_SWISH, ACTIVATION_SIGMOID, ACTIVATION_SILU };

/* Those from hard_sigmoid on, each a number between 0 and 1, or v times that; not inlined, for they need registers. */
static __attribute__((noinline)) vf gate(vf v, int kind, float slope)
{
    if (kind >= ACTIVATION_SIGMOID) return (kind == ACTIVATION_SILU ? v : broadcast(1.0f)) / (1.0f + exponential(-v));
    const vf open = v * (kind == ACTIVATION_HARD_SWISH ? 1 / 6.0f : slope) + 0.5f;
    const vf cut = select_vf(open < 0.0f, (vf){0}, select_vf(open > 1.0f, broadcast(1.0f), open));
    return kind == ACTIVATION_HARD_SWISH ? v * cut : cut;
}

INLINE vf activate(vf v, int kind, float slope)
{
    const vf zero = {0}, six = broadcast(6.0f);
    if (kind == ACTIVATION_NONE) return v;
    if (kind >= ACTIVATION_HARD_SIGMOID) return gate(v, kind, slope);
    v = select_vf(v < zero, kind == ACTIVATION_LEAKY_RELU ? slope * v : zero, v);
    return kind == ACTIVATION_RELU6 ? select_vf(v > six, six, v) : v;
}

/* What a tile asks memory for while it multiplies, `step` bytes further with each step: it comes into the L2 cache.
 *
 * Several tiles use the same weights, [steps][width]. The first of them would wait for memory, and memory for the others;
 * so each asks for its part of the weights that follow. One tile alone would only wait for two things at once. */
typedef struct {
    const char *at;
    ptrdiff_t step;
} Ahead;

INLINE Ahead ahead_of(const float *next, ptrdiff_t steps, ptrdiff_t width, ptrdiff_t part, ptrdiff_t parts)
{
    const Ahead ahead = {(const char *)(next + steps * width * part / parts),
                         parts > 1 ? (width * (ptrdiff_t)sizeof(float) + parts - 1) / parts : 0};
    return ahead;
}

/* sum[i][j] += a[i*row_step + k] * b[k*b_step + j*VLEN ...]  for k < STEPS(row_step), which is 1 but for NEON.
 *
 * NEON multiplies by one number of a vector, so those of a come as vectors too, two of them in one instruction: of VLEN
 * neighbouring rows (the last may hold some of them again) or, where a row is a vector, of VLEN steps. Elsewhere a number
 * is broadcast as it is loaded. */
#if defined(__aarch64__)
#define STEPS(row_step) ((row_step) == VLEN ? VLEN : 1)
enum { UNROLLED = 4 };
#else
#define STEPS(row_step) 1
enum { UNROLLED = 1 };
#endif

/* Where the vector of `across` rows begins that has row i. */
INLINE int vector_of(int i, int across, int rows)
{
    return i / across * across < rows - across ? i / across * across : rows - across;
}

INLINE void add_products(vf (*sum)[TILE_VECS], const int rows, const int vecs, const float *a, const int row_step,
                         const float *b, ptrdiff_t b_step, ptrdiff_t b_row)
{
#if defined(__aarch64__)
    const int steps = STEPS(row_step), across = VLEN / steps;
    if (row_step && rows >= across) {
        UNROLL(16)
        for (int first = 0; first < rows; first += 2 * across) {
            const int second = first + across < rows ? first + across : first, end = second + across;
            const vf one = load(a + vector_of(first, across, rows) * row_step);
            const vf other = load(a + vector_of(second, across, rows) * row_step);
            UNROLL(4)
            for (int k = 0; k < steps; k++)
                UNROLL(8)
                for (int i = first; i < (end < rows ? end : rows); i++)
                    UNROLL(4)
                    for (int j = 0; j < vecs; j++)
                        sum[i][j] += (i < second ? one : other)[i - vector_of(i, across, rows) + k]
                                     * load(b + k * b_step + j * VLEN);
        }
        return;
    }
#endif
    UNROLL(16)
    for (int i = 0; i < rows; i++)
        UNROLL(4)
        for (int j = 0; j < vecs; j++)
            sum[i][j] += a[i * row_step] * load(b + i * b_row + j * VLEN);
}

/* The micro-kernel: a sum of outer products, kept in registers.
 *
 *   out[i][j] = sum over t < taps, k < depth of  a[tap[t] + i*row_step + k*a_step] * b[(t*depth + k)*b_step + j]
 *   i < rows,  j < vecs*VLEN;  `more` adds to what out holds;  where a row is a vector, depth is VLEN
 *
 * Each step loads  vecs  vectors of b and  rows  numbers of a for  rows*vecs  multiply-adds. Rows may instead share the
 * numbers of a, row_step = 0, and read each its own b, i*b_row further. */
INLINE void tile_of(const int rows, const int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
                    const float *a, const int row_step, ptrdiff_t a_step, const float *b, ptrdiff_t b_step,
                    ptrdiff_t b_row, float *out, const int more, Ahead ahead)
{
    const int steps = STEPS(row_step);
    vf sum[TILE_ROWS][TILE_VECS] = {0};
    for (ptrdiff_t t = 0; t < taps; t++) {
        const float *at = a + tap[t];
#pragma GCC unroll UNROLLED
        for (ptrdiff_t k = 0; k < depth; k += steps, at += steps * a_step, b += steps * b_step) {
            if (steps >= UNROLLED) {                    /* it would be one instruction in fifteen of a short step */
                __builtin_prefetch(ahead.at, 0, 2);
                ahead.at += steps * ahead.step;
            }
            add_products(sum, rows, vecs, at, row_step, b, b_step, b_row);
        }
    }
    UNROLL(16)
    for (int i = 0; i < rows; i++)
        UNROLL(4)
        for (int j = 0; j < vecs; j++) {
            float *to = out + i * TILE_COLS + j * VLEN;
            store(to, more ? load(to) + sum[i][j] : sum[i][j]);
        }
}

/* One compiled copy of a tile for each number of rows and vectors, so that each keeps its sums in registers. */
#define TILE_CASE(call, r) case 2 * r: call(r, 1); return; case 2 * r + 1: call(r, 2); return;
#if TILE_ROWS > 12
#define TILE_CASES_FROM_13(call) TILE_CASE(call, 13) TILE_CASE(call, 14)
#else
#define TILE_CASES_FROM_13(call)
#endif
#if TILE_ROWS > 6
#define TILE_CASES_FROM_7(call) TILE_CASE(call, 7) TILE_CASE(call, 8) TILE_CASE(call, 9) TILE_CASE(call, 10) \
    TILE_CASE(call, 11) TILE_CASE(call, 12) TILE_CASES_FROM_13(call)
#else
#define TILE_CASES_FROM_7(call)
#endif
#define FOR_EACH_TILE(rows, vecs, call)                                                                      \
    switch (2 * (rows) + (vecs) - 1) {                                                                       \
        TILE_CASE(call, 1) TILE_CASE(call, 2) TILE_CASE(call, 3) TILE_CASE(call, 4) TILE_CASE(call, 5)       \
        TILE_CASE(call, 6) TILE_CASES_FROM_7(call)                                                           \
    }

/* Not inlined: a caller's own vectors would take registers from the sums. row_step is a constant, which the compiler writes
 * into the addresses. */
/* row_step = 1: neighbours in memory are rows. */
static __attribute__((noinline))
void tile(int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
          const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, float *out, Ahead ahead)
{
#define CALL(r, v) tile_of(r, v, taps, tap, depth, a, 1, a_step, b, b_step, 0, out, 0, ahead)
    FOR_EACH_TILE(rows, vecs, CALL)
#undef CALL
}

/* row_step = VLEN, a_step = 1: a row is a vector, and the depth walks along it. */
static __attribute__((noinline))
void tile_of_lanes(int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
                   const float *a, const float *b, ptrdiff_t b_step, float *out, int more, Ahead ahead)
{
#define CALL(r, v) tile_of(r, v, taps, tap, depth, a, VLEN, 1, b, b_step, 0, out, more, ahead)
    FOR_EACH_TILE(rows, vecs, CALL)
#undef CALL
}

/* row_step = 0: one row of a, and `panels` panels of b, `panel` numbers apart, whose columns follow each other in `out`. The
 * sums of one panel would wait for each other; those of PANELS panels take turns, each in the order of any other tile. */
enum { PANELS = 4 };

static __attribute__((noinline))
void tile_of_one_row(int panels, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth, const float *a, ptrdiff_t a_step,
                     const float *b, ptrdiff_t panel, float *out)
{
    const Ahead nothing = {(const char *)b, 0};
#define CASE(r) case r: tile_of(r, TILE_VECS, taps, tap, depth, a, 0, a_step, b, TILE_COLS, panel, out, 0, nothing); return;
    switch (panels) { CASE(1) CASE(2) CASE(3) CASE(4) }
#undef CASE
}

/* Turn  rows x (vecs*VLEN)  numbers round: out[j*out_step + i] = from[i*from_step + j]. Whole blocks are read and written:
 * up to VLEN - 1 rows past the last of `from`, and as many numbers past the end of each row of `out`. */
INLINE void transpose_matrix(const float *from, ptrdiff_t from_step, ptrdiff_t rows, ptrdiff_t vecs,
                             float *out, ptrdiff_t out_step)
{
    for (ptrdiff_t j = 0; j < vecs; j++)
        for (ptrdiff_t i = 0; i < rows; i += VLEN) {
            vf block[VLEN];
            UNROLL(16)
            for (int l = 0; l < VLEN; l++) block[l] = load(from + (i + l) * from_step + j * VLEN);
            transpose(block);
            UNROLL(16)
            for (int l = 0; l < VLEN; l++) store(out + (j * VLEN + l) * out_step + i, block[l]);
        }
}

/* out[i][l] = from[l*from_step + i] for l < rows and i < count, and 0 for the rest of VLEN x VLEN; rows, count <= VLEN. */
INLINE void transpose_first(const float *from, ptrdiff_t from_step, ptrdiff_t rows, ptrdiff_t count, float *out)
{
    vf block[VLEN];
    UNROLL(16)
    for (int l = 0; l < VLEN; l++) block[l] = l < rows ? load_first(from + l * from_step, count) : (vf){0};
    transpose(block);
    UNROLL(16)
    for (int i = 0; i < VLEN; i++) store(out + i * VLEN, block[i]);
}

/* Twelve independent chains of multiply-adds, enough to hide the latency of two units: what the core can do at most. */
INLINE float fma_chains(ptrdiff_t steps)
{
    const vf factor = broadcast(0.5f), term = broadcast(1.0f);
    vf sum[12];
    UNROLL(12)
    for (int i = 0; i < 12; i++) sum[i] = broadcast((float)i);
    for (ptrdiff_t s = 0; s < steps; s++)
        UNROLL(12)
        for (int i = 0; i < 12; i++)
            sum[i] = sum[i] * factor + term;
    vf total = sum[0];
    UNROLL(12)
    for (int i = 1; i < 12; i++) total += sum[i];
    return total[0];
}

#endif
