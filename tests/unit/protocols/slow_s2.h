/* SPDX-License-Identifier: Apache-2.0 */
/* slow_s2.h -- a second decoder of S2 blocks, byte by byte with an index check at each: what the one of
 * protocols/s2 is compared with. Numbers are 64 bits, so that nothing wraps. */
#ifndef TESTS_UNIT_PROTOCOLS_SLOW_S2_H
#define TESTS_UNIT_PROTOCOLS_SLOW_S2_H

#include <errno.h>

#include "runtime/base/bytes.h"

struct slow_s2 {
    struct bytes in;
    size_t at;
    bool bad;
};

static inline uint64_t slow_s2_byte(struct slow_s2 *s)
{
    if (s->at >= s->in.size) {
        s->bad = true;
        return 0;
    }
    return (unsigned char)s->in.at[s->at++];
}

static inline uint64_t slow_s2_number(struct slow_s2 *s, unsigned size)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < size; i++)
        x += slow_s2_byte(s) << (8 * i);
    return x;
}

static inline uint64_t slow_s2_varint(struct slow_s2 *s)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t byte = slow_s2_byte(s);
        x += (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            s->bad = s->bad || x > UINT32_MAX;
            return x;
        }
    }
    s->bad = true;
    return 0;
}

static inline uint64_t slow_s2_repeat_size(struct slow_s2 *s, uint64_t code)
{
    if (code == 5)
        return 8 + slow_s2_number(s, 1);
    if (code == 6)
        return 260 + slow_s2_number(s, 2);
    return code == 7 ? 65540 + slow_s2_number(s, 3) : 4 + code;
}

/* As s2_block_decode. */
static inline int slow_s2_decode(struct bytes block, char *at, size_t capacity, size_t *ret_size)
{
    struct slow_s2 s = {.in = block};
    uint64_t size = slow_s2_varint(&s);
    if (s.bad)
        return -EBADMSG;
    if (size > capacity)
        return -EMSGSIZE;
    uint64_t done = 0;
    uint64_t offset = 0;
    while (s.at < s.in.size) {
        uint64_t tag = slow_s2_byte(&s);
        uint64_t n;
        if ((tag & 3) == 0) {
            n = 1 + (tag >> 2 < 60 ? tag >> 2 : slow_s2_number(&s, (unsigned)(tag >> 2) - 59));
            for (; n > 0 && !s.bad; n--) {
                char byte = (char)slow_s2_byte(&s);
                if (s.bad || done == size)
                    return -EBADMSG;
                at[done++] = byte;
            }
            continue;
        }
        if ((tag & 3) == 1) {
            uint64_t back = (tag >> 5) * 256 + slow_s2_byte(&s);
            n = back == 0 ? slow_s2_repeat_size(&s, tag >> 2 & 7) : 4 + (tag >> 2 & 7);
            offset = back == 0 ? offset : back;
        } else {
            offset = slow_s2_number(&s, (tag & 3) == 2 ? 2 : 4);
            n = 1 + (tag >> 2);
        }
        for (; n > 0; n--) {
            if (s.bad || offset == 0 || offset > done || done == size)
                return -EBADMSG;
            at[done] = at[done - offset];
            done++;
        }
    }
    if (s.bad || done != size)
        return -EBADMSG;
    *ret_size = (size_t)size;
    return 0;
}

#endif
