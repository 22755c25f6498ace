/* Words from bytes: numbers that one dot product takes (bytes.h), side by side. */
#ifndef KERNELS_BYTES_WORDS_H
#define KERNELS_BYTES_WORDS_H

#include "bytes.h"

/* bytes[0], bytes[stride], ...: VLEN numbers, for strides 1 and 2; `stride` bytes are read for each. */
INLINE vu widen(const uint8_t *bytes, const ptrdiff_t stride)
{
#if defined(__AVX512F__)
    if (stride == 1) return (vu)_mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)bytes));
    return (vu)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)bytes)) & 255;
#elif defined(__AVX2__)
    if (stride == 1) return (vu)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)bytes));
    return (vu)_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)bytes)) & 255;
#else
    vu v;
    for (int l = 0; l < VLEN; l++) v[l] = bytes[l * stride];
    return v;
#endif
}

/* VLEN bytes, widened to words. */
INLINE vi load_bytes(const uint8_t *p) { return (vi)widen(p, 1); }

/* out[i] = the word of  bytes[i*stride], bytes[i*stride + step], ...:  per_word of them, 32/per_word bits each; then the
 * bits of `flip` are turned. Whole vectors are read and written: count may be exceeded by up to VLEN - 1. */
INLINE void make_words_of(const int per_word, const ptrdiff_t stride, const uint8_t *bytes, ptrdiff_t step,
                          ptrdiff_t count, int32_t flip, int32_t *out)
{
    for (ptrdiff_t i = 0; i < count; i += VLEN) {
        vu word = (vu)broadcast_word(flip);
        UNROLL(4)
        for (int b = 0; b < per_word; b++)
            word ^= widen(bytes + i * stride + b * step, stride) << (32 / per_word * b);
        store_words(out + i, (vi)word);
    }
}

INLINE void make_words(int per_word, ptrdiff_t stride, const uint8_t *bytes, ptrdiff_t step, ptrdiff_t count,
                       int32_t flip, int32_t *out)
{
    if (stride > 2)                                                             /* rare: one by one */
        for (ptrdiff_t i = 0; i < count; i++) {
            uint32_t word = (uint32_t)flip;
            for (int b = 0; b < per_word; b++) word ^= (uint32_t)bytes[i * stride + b * step] << (32 / per_word * b);
            out[i] = (int32_t)word;
        }
    else if (per_word == 4 && stride == 1) make_words_of(4, 1, bytes, step, count, flip, out);
    else if (per_word == 4) make_words_of(4, 2, bytes, step, count, flip, out);
    else if (stride == 1) make_words_of(2, 1, bytes, step, count, flip, out);
    else make_words_of(2, 2, bytes, step, count, flip, out);
}

/* Pixels in lanes, whose bits of `flip` are turned; and as many that hold one byte. */
INLINE void copy_pixels(const uint8_t *x, ptrdiff_t pixels, uint8_t flip, uint8_t *out)
{
    for (; pixels >= 4; pixels -= 4, x += 4 * VLEN, out += 4 * VLEN)
        *(unaligned_vb4 *)out = *(const unaligned_vb4 *)x ^ flip;
    for (; pixels > 0; pixels--, x += VLEN, out += VLEN) *(unaligned_vb *)out = *(const unaligned_vb *)x ^ flip;
}

INLINE void fill_pixels(uint8_t byte, ptrdiff_t pixels, uint8_t *out)
{
    for (; pixels > 0; pixels--, out += VLEN) *(unaligned_vb *)out = (vb){0} + byte;
}

/* For each of VLEN channels the word of EXACT_PER_WORD pixels in lanes, which are `apart` bytes from each other. */
INLINE vi word_of_pixels(const uint8_t *pixels, const ptrdiff_t apart)
{
#if defined(MM) && EXACT_PER_WORD == 4
    if (apart == VLEN) {                        /* four channels of each of four pixels, then these four by four */
        const vi order = (lane_numbers() & 3) * (VLEN / 4) + (lane_numbers() >> 2);
        const vi turn = (vi){0} + 0x0c080400 + (lane_numbers() & 3) * 0x01010101;
        const vf four = load((const float *)pixels);
        return (vi)MM(shuffle_epi8)((MM_INT)shuffle(four, four, order), (MM_INT)turn);
    }
#endif
    vu word = {0};
    UNROLL(4)
    for (int b = 0; b < EXACT_PER_WORD; b++) word |= widen(pixels + b * apart, 1) << (32 / EXACT_PER_WORD * b);
    return (vi)word;
}

#endif
