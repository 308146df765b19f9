/* SPDX-License-Identifier: Apache-2.0 */
/* number.h -- texts that are numbers: subscription ids, mostly.
 *
 * Idea        Up to eight digits are looked at as one word, first digit lowest and zeros put in front:
 *             one test for all, then three multiplications that add tens to ones, hundreds to those,
 *             and thousands to these.
 */
#ifndef RUNTIME_BASE_NUMBER_H
#define RUNTIME_BASE_NUMBER_H

#include <stdbool.h>

#include "runtime/base/bytes.h"

#define NUMBER_DIGITS_MAX 19 /* fit 64 bits, whatever they are */

#define EACH_BYTE(value) ((uint64_t)(value)*UINT64_C(0x0101010101010101))

/* The 1 to 8 bytes as the last ones of eight, zeros before them. */
static inline uint64_t number_word(const char *at, size_t size)
{
    unsigned shift = (unsigned)(8 - size) * 8;
    uint64_t word = shift == 0 ? 0 : EACH_BYTE('0') >> (64 - shift);
    if (size >= 4) { /* the two halves say the same where they overlap */
        uint32_t first;
        uint32_t last;
        memcpy(&first, at, 4);
        memcpy(&last, at + size - 4, 4);
        return word | (uint64_t)first << shift | (uint64_t)last << 32;
    }
    word |= (uint64_t)(uint8_t)at[0] << shift;
    word |= (uint64_t)(uint8_t)at[size / 2] << (shift + size / 2 * 8);
    return word | (uint64_t)(uint8_t)at[size - 1] << 56;
}

static inline bool number_of_word(uint64_t word, uint64_t *ret_number)
{
    uint64_t digits = word ^ EACH_BYTE('0');
    if (((digits | (digits + EACH_BYTE(6))) & EACH_BYTE(0xf0)) != 0)
        return false;
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    digits = digits * 10 + (digits >> 8);
    *ret_number = ((digits & pairs) * (100 + (UINT64_C(1000000) << 32)) +
                   (digits >> 16 & pairs) * (1 + (UINT64_C(10000) << 32))) >>
                  32;
    return true;
}

static inline bool number_of_digits(struct bytes text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned char)text.at[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

/* Whether the text is what printing a number gives, so that the number can stand for it. It has
 * digits_max digits at most, which is no more than NUMBER_DIGITS_MAX. */
static inline bool number_parse(struct bytes text, size_t digits_max, uint64_t *ret_number)
{
    if (text.size == 0 || text.size > digits_max || (text.at[0] == '0' && text.size > 1))
        return false;
    if (text.size > 8 || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        return number_of_digits(text, ret_number);
    return number_of_word(number_word(text.at, text.size), ret_number);
}

#endif
