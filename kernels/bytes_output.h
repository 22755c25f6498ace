/* How numbers become bytes: of sums, of the sum of two arrays, and of float32.
 *
 *   y = nearest(clamp(activation(scale * (sum + offset)))) + zero                                              (1)
 *
 * of two arrays of bytes
 *
 *   y = nearest(clamp((a_scale * (a - a_zero) + b_scale * (b - b_zero)) / y_scale)) + y_zero                   (2)
 *
 * Every operation of these is rounded on its own. There are 65,536 pairs of a and b, and usually three constants with which
 *
 *   v = a_ratio * a + (b_ratio * b + shift)                                                                    (3)
 *
 * in place of the quotient gives the same byte for each of them; bytes_sum.py looks for them, and `linear` says that there
 * are some. */
#ifndef KERNELS_BYTES_OUTPUT_H
#define KERNELS_BYTES_OUTPUT_H

#include "bytes_words.h"

typedef struct {
    float low, high;            /* of y before its zero point is added */
    int zero;                   /* zero point of y */
    int size;                   /* bytes of a number of y: 1, or 4 for the sums themselves */
    int activation;             /* that is not a matter of low and high: a leaky_relu, before y is cut off */
    float slope;
} Output;

typedef struct {                /* a or b of (2) */
    int zero, flip;             /* zero point of the bytes that `flip` (0 or 128) makes unsigned */
    float scale;
} Operand;

typedef struct {                /* (2) or (3), but how y is cut off */
    Operand a, b;
    float scale;
    int linear;
    float a_ratio, b_ratio, shift;
} Sum;

INLINE vf clamp(vf v, float low, float high)                                    /* a NaN becomes low */
{
#if defined(MM)
    return (vf)MM(min_ps)(MM(max_ps)((MM_FLOAT)v, MM(set1_ps)(low)), MM(set1_ps)(high));
#else
    v = select_vf(v > broadcast(low), v, broadcast(low));
    return select_vf(v > broadcast(high), broadcast(high), v);
#endif
}

INLINE int has_nan(vf a, vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q) != 0;
#elif defined(__AVX__)
    return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_UNORD_Q)) != 0;
#else
    const vi nan = (a != a) | (b != b);
    int any = 0;
    for (int l = 0; l < VLEN; l++) any |= nan[l];
    return any != 0;
#endif
}

/* To the nearest integer, halves to the even one, for |v| < 2**22: adding 1.5 * 2**23 leaves no bits behind the point.
 * nearest() adds a whole number to it. */
static const float ROUNDING = 12582912.0f;
enum { ROUNDED_ZERO = 0x4b400000 };                                              /* its bits */

INLINE vf whole(vf v) { return (v + ROUNDING) - ROUNDING; }
INLINE vi nearest(vf v, int32_t more)
{
    return add_words((vi)(v + ROUNDING), broadcast_word(more - ROUNDED_ZERO));
}

/* v / y, rounded as a division is, for inverse = 1 / y: a division takes as long as a dozen multiply-adds. A remainder
 * v - q * y is exact in a fused one, and corrects q; q is then within a unit of its last place, and the second correction
 * rounds it as v / y (Markstein 1990, theorem 8.1). Neither v nor y may be near the ends of float32. */
INLINE vf quotient(vf v, float y, float inverse)
{
#if defined(MM) || defined(__aarch64__)
    vf q = v * inverse;
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
#if defined(MM)
        const MM_FLOAT rest = MM(fnmadd_ps)((MM_FLOAT)q, MM(set1_ps)(y), (MM_FLOAT)v);
        q = (vf)MM(fmadd_ps)(rest, MM(set1_ps)(inverse), (MM_FLOAT)q);
#else
        const float32x4_t rest = vfmsq_n_f32((float32x4_t)v, (float32x4_t)q, y);
        q = (vf)vfmaq_n_f32((float32x4_t)q, rest, inverse);
#endif
    }
    return q;
#else
    return (void)inverse, v / y;
#endif
}

/* nearest(clamp(v)) + zero  of `count` pixels, up to 4, with VLEN numbers each. Where registers are packed with saturation,
 * that is most of the cutting off: what lies far below turns into the least number of 16 bits, then into the least byte. */
INLINE void store_pixels(uint8_t *p, vf a, vf b, vf c, vf d, ptrdiff_t count, const Output *y)
{
#if defined(MM)
#define STEPS_OF(v) MM(cvtps_epi32)(MM(min_ps)((MM_FLOAT)(v), MM(set1_ps)(y->high)))
    const int least = (int)y->low + y->zero, flip = least < 0 ? 128 : 0;       /* signed bytes are packed as unsigned ones */
    const MM_INT more = MM(set1_epi16)((int16_t)(y->zero + flip)), low = MM(set1_epi8)((int8_t)(least + flip));
    const MM_INT ab = MM(adds_epi16)(MM(packs_epi32)(STEPS_OF(a), STEPS_OF(b)), more);
    const MM_INT cd = MM(adds_epi16)(MM(packs_epi32)(STEPS_OF(c), STEPS_OF(d)), more);
    const vf bytes = (vf)((vb4)MM(max_epu8)(MM(packus_epi16)(ab, cd), low) ^ (uint8_t)flip);
    const vf turned = shuffle(bytes, bytes, (lane_numbers() & (VLEN / 4 - 1)) * 4 + lane_numbers() / (VLEN / 4));
    if (count >= 4) store((float *)p, turned);
    else store_first((float *)p, turned, count * VLEN / 4);
#undef STEPS_OF
#else
    const vf v[4] = {a, b, c, d};
    UNROLL(4)
    for (int l = 0; l < 4; l++)
        if (l < count) store_bytes(p + l * VLEN, nearest(clamp(v[l], y->low, y->high), y->zero));
#endif
}

/* (1) of sums with their offset, before it is cut off. */
INLINE vf scaled(vi sum, vf scale, const Output *output)
{
    const vf y = to_float(sum) * scale;
    return output->activation ? activate(y, ACTIVATION_LEAKY_RELU, output->slope) : y;
}

INLINE vi to_byte(vi sum, vf scale, const Output *output)
{
    return nearest(clamp(scaled(sum, scale, output), output->low, output->high), output->zero);
}

/* Bytes without their zero point. */
INLINE vf steps_of(const Operand *operand, const uint8_t *bytes)
{
    return to_float(add_words(load_bytes(bytes) ^ operand->flip, broadcast_word(-operand->zero)));
}

/* (2) or (3) of the bytes of a and b, before it is cut off. */
INLINE vf added(const uint8_t *a, const uint8_t *b, const Sum *sum)
{
    if (sum->linear)
        return sum->a_ratio * to_float(load_bytes(a) ^ sum->a.flip)
               + (sum->b_ratio * to_float(load_bytes(b) ^ sum->b.flip) + sum->shift);
    return (sum->a.scale * steps_of(&sum->a, a) + sum->b.scale * steps_of(&sum->b, b)) / sum->scale;
}

/* (1) of pixels side by side, whose sums with their offset are `step` words apart. */
INLINE void end_pixels(const int32_t *sums, ptrdiff_t step, ptrdiff_t pixels, vf scale, const Output *output, uint8_t *y)
{
    const Output o = *output;                   /* a copy, which a byte that is written cannot change */
    for (ptrdiff_t i = 0; i < pixels; i += 4) {
        vf v[4];
        UNROLL(4)
        for (int l = 0; l < 4; l++)
            v[l] = scaled(load_words(sums + (i + l < pixels ? i + l : pixels - 1) * step), scale, &o);
        store_pixels(y + i * VLEN, v[0], v[1], v[2], v[3], pixels - i, &o);
    }
}

#endif
