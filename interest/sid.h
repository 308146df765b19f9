/* SPDX-License-Identifier: Apache-2.0 */
/* sid.h -- subscription ids in four bytes: the number that most are, or where the text is kept. */
#ifndef INTEREST_SID_H
#define INTEREST_SID_H

#include "interest/state.h"

enum {
    SID_NUMBER_SIZE_MAX = 10, /* digits of 2^31 - 1 */
};

/* 0 or -ENOMEM; then ret_sid is 0, which sid_drop takes. */
int sid_keep(struct interest *in, struct bytes sid, uint32_t *ret_sid);
void sid_drop(struct interest *in, uint32_t sid);

/* The text of a sid; `buffer` is used for numbers. */
static inline struct bytes sid_text(const struct interest *in, uint32_t sid,
                                    char buffer[SID_NUMBER_SIZE_MAX])
{
    if (sid & SID_OUT_OF_LINE) {
        const struct text *text = pool_at(&in->pool, sid & ~SID_OUT_OF_LINE);
        return (struct bytes){text->at, text->size};
    }
    char *at = buffer + SID_NUMBER_SIZE_MAX;
    do {
        *--at = (char)('0' + sid % 10);
        sid /= 10;
    } while (sid != 0);
    return (struct bytes){at, (size_t)(buffer + SID_NUMBER_SIZE_MAX - at)};
}

#endif
