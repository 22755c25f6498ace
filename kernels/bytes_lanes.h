/* The micro-kernels of bytes in lanes. */
#ifndef KERNELS_BYTES_LANES_H
#define KERNELS_BYTES_LANES_H

#include "bytes_output.h"

/* How the sums of a tile become bytes of y in lanes, (1) of bytes_output.h, before they leave their registers. */
typedef struct {
    const float *scale;             /* of the tile's channels */
    const Output *output;
    uint8_t *y;
    ptrdiff_t step;                 /* bytes of y from VLEN channels to the next */
} Finish;

INLINE void finish_rows(vi (*sum)[TILE_VECS], const int rows, const int j, const Finish *finish)
{
    const vf scale = load(finish->scale + j * VLEN);
    const Output o = *finish->output;                           /* a copy, which a byte that is written cannot change */
    uint8_t *y = finish->y + j * finish->step;
    UNROLL(4)
    for (int i = 0; i < rows; i += 4) {
        vf v[4];
        UNROLL(4)
        for (int l = 0; l < 4; l++) v[l] = to_float(sum[i + l < rows ? i + l : rows - 1][j]) * scale;
        store_pixels(y + i * VLEN, v[0], v[1], v[2], v[3], rows - i, &o);
    }
}

/* The micro-kernel with channels in lanes: a row is a pixel, of row_step words with per_word numbers each, and the vectors
 * are output channels.
 *
 *   out[i][j] = start[j] + sum over t < taps, k < depth of  x[tap[t] + i*row_step + k] . w[(t*depth + k)*TILE_COLS + j]
 *
 * Where there is a `finish`, y is written in place of out. */
INLINE void dot_lanes_of(const int per_word, const int row_step, const int rows, const int vecs, ptrdiff_t taps,
                         const ptrdiff_t *tap, ptrdiff_t depth, const int32_t *x, const int32_t *w, const int32_t *start,
                         int32_t *out, const Finish *finish, Ahead ahead)
{
    const ptrdiff_t steps = row_step == 1 ? 1 : depth;          /* a row of one word has no second step */
    vi sum[TILE_ROWS][TILE_VECS];
    UNROLL(16)
    for (int i = 0; i < rows; i++)
        UNROLL(4)
        for (int j = 0; j < vecs; j++)
            sum[i][j] = start ? load_words(start + j * VLEN) : (vi){0};
#pragma GCC unroll DOTS_UNROLLED
    for (ptrdiff_t t = 0; t < taps; t++) {
        const int32_t *at = x + tap[t];
#pragma GCC unroll 1
        for (ptrdiff_t k = 0; k < steps; k++, at++, w += TILE_COLS, ahead.at += ahead.step) {
            if (DOTS_UNROLLED == 1) __builtin_prefetch(ahead.at, 0, 2);         /* as in simd.h: long steps alone */
            add_dots(per_word == 2 ? PAIRS : EXACT, sum, rows, vecs, at, row_step, w, 1);
        }
    }
    UNROLL(4)
    for (int j = 0; j < vecs; j++)
        if (!finish)
            UNROLL(16)
            for (int i = 0; i < rows; i++) store_words(out + i * TILE_COLS + j * VLEN, sum[i][j]);
        else finish_rows(sum, rows, j, finish);
}

static __attribute__((noinline))
void dot_tile_of_lanes(int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
                       const int32_t *x, const int32_t *w, const int32_t *start, int32_t *out,
                       const Finish *finish, Ahead ahead)
{
#define CALL(r, v) \
    dot_lanes_of(EXACT_PER_WORD, VLEN / EXACT_PER_WORD, r, v, taps, tap, depth, x, w, start, out, finish, ahead)
    FOR_EACH_TILE(rows, vecs, CALL)
#undef CALL
}

static __attribute__((noinline))
void pairs_tile_of_lanes(int rows, int vecs, ptrdiff_t taps, const ptrdiff_t *tap, ptrdiff_t depth,
                         const int32_t *x, const int32_t *w, int32_t *out, Ahead ahead)
{
#define CALL(r, v) dot_lanes_of(2, VLEN, r, v, taps, tap, depth, x, w, NULL, out, NULL, ahead)
    FOR_EACH_TILE(rows, vecs, CALL)
#undef CALL
}

#endif
