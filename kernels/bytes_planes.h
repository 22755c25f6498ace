/* Bytes from planes, a channel after the other, to lanes, VLEN channels of a pixel side by side; and back.
 *
 * A block is 16 pixels of VLEN channels, a register for each channel. Number its bytes  channel * 16 + pixel.  To interleave
 * each register of the first half with its fellow of the second half moves the highest bit of a byte's number to the lowest
 * place. So log2(VLEN) times make it  pixel * VLEN + channel,  and four times more what it was. */
#ifndef KERNELS_BYTES_PLANES_H
#define KERNELS_BYTES_PLANES_H

#include "simd.h"

typedef uint8_t sixteen __attribute__((vector_size(16)));

/* first[0], second[0], first[1], second[1], ...; of the last eight bytes each if `high` is 8, of the first if it is 0 */
INLINE sixteen alternate(sixteen first, sixteen second, const int high)
{
#if defined(__clang__)                                  /* as shuffle in simd.h */
    sixteen v = first;
    UNROLL(8)
    for (int i = 0; i < 8; i++) v[2 * i] = first[high + i], v[2 * i + 1] = second[high + i];
    return v;
#else
    const sixteen low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    return __builtin_shuffle(first, second, low + (uint8_t)high);
#endif
}

INLINE void interleave(sixteen *m, const int times)
{
    UNROLL(4)
    for (int t = 0; t < times; t++) {
        sixteen old[VLEN];
        UNROLL(16)
        for (int i = 0; i < VLEN; i++) old[i] = m[i];
        UNROLL(8)
        for (int i = 0; i < VLEN / 2; i++) {
            m[2 * i] = alternate(old[i], old[i + VLEN / 2], 0);
            m[2 * i + 1] = alternate(old[i], old[i + VLEN / 2], 8);
        }
    }
}

/* 16 bytes of lanes whose pixels are `step` bytes apart. */
INLINE sixteen load_pixels(const uint8_t *lanes, ptrdiff_t step)
{
#if VLEN == 16
    (void)step;
    sixteen all;
    memcpy(&all, lanes, sizeof all);
    return all;
#else
    typedef struct { uint8_t lane[VLEN]; } pixel;
    union { pixel pixels[16 / VLEN]; sixteen all; } u;
    UNROLL(4)
    for (int i = 0; i < 16 / VLEN; i++) u.pixels[i] = *(const pixel *)(lanes + i * step);
    return u.all;
#endif
}

/* Blocks of n <= 16 pixels; the last one reaches back over pixels that are done, so that none reaches past the end. */
INLINE void planes_to_lanes_by(const ptrdiff_t n, const uint8_t *x, ptrdiff_t plane, ptrdiff_t channels, ptrdiff_t count,
                               uint8_t *lanes)
{
    for (ptrdiff_t i = 0; i < count; i += n) {
        const ptrdiff_t at = i < count - n ? i : count - n;
        sixteen m[VLEN] = {0};
        UNROLL(16)
        for (int c = 0; c < VLEN; c++)
            if (c < channels) memcpy(&m[c], x + c * plane + at, n);
        interleave(m, VLEN == 16 ? 4 : VLEN == 8 ? 3 : 2);
        UNROLL(16)
        for (int p = 0; p < n * VLEN / 16; p++) memcpy(lanes + at * VLEN + p * 16, &m[p], 16);
    }
}

INLINE void lanes_to_planes_by(const ptrdiff_t n, const uint8_t *lanes, ptrdiff_t step, ptrdiff_t channels, ptrdiff_t count,
                               uint8_t *y, ptrdiff_t plane)
{
    for (ptrdiff_t i = 0; i < count; i += n) {
        const ptrdiff_t at = i < count - n ? i : count - n;
        sixteen m[VLEN] = {0};
        UNROLL(16)
        for (int p = 0; p < n * VLEN / 16; p++) m[p] = load_pixels(lanes + (at + p * 16 / VLEN) * step, step);
        interleave(m, 4);
        UNROLL(16)
        for (int c = 0; c < VLEN; c++)
            if (c < channels) memcpy(y + c * plane + at, &m[c], n);
    }
}

/* lanes[i*VLEN + c] = x[c*plane + i]  for c < channels <= VLEN and i < count, and 0 for other channels */
static __attribute__((noinline))
void planes_to_lanes(const uint8_t *x, ptrdiff_t plane, ptrdiff_t channels, ptrdiff_t count, uint8_t *lanes)
{
    if (count >= 16) planes_to_lanes_by(16, x, plane, channels, count, lanes);
    else if (count >= 8) planes_to_lanes_by(8, x, plane, channels, count, lanes);
    else if (count >= 4) planes_to_lanes_by(4, x, plane, channels, count, lanes);
    else
        for (ptrdiff_t i = 0; i < count * VLEN; i++)
            lanes[i] = i % VLEN < channels ? x[i % VLEN * plane + i / VLEN] : 0;
}

/* y[c*plane + i] = lanes[i*step + c]  for c < channels <= VLEN and i < count */
static __attribute__((noinline))
void lanes_to_planes(const uint8_t *lanes, ptrdiff_t step, ptrdiff_t channels, ptrdiff_t count, uint8_t *y, ptrdiff_t plane)
{
    if (count >= 16) lanes_to_planes_by(16, lanes, step, channels, count, y, plane);
    else if (count >= 8) lanes_to_planes_by(8, lanes, step, channels, count, y, plane);
    else if (count >= 4) lanes_to_planes_by(4, lanes, step, channels, count, y, plane);
    else
        for (ptrdiff_t c = 0; c < channels; c++)
            for (ptrdiff_t i = 0; i < count; i++) y[c * plane + i] = lanes[i * step + c];
}

#endif
