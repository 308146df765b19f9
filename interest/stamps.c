/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/stamps.h"

#include <stdlib.h>

#include "runtime/base/check.h"

enum {
    INSERTS_PER_COUNTER = 64, /* churn counts as size: that many insertions as one subscription */
};

struct stamps *stamps_new(uint32_t number, uint32_t count)
{
    CHECK(count >= STAMPS_MIN && count <= STAMPS_MAX && (count & (count - 1)) == 0);
    struct stamps *s = calloc(1, sizeof(*s) + count * sizeof(s->counter[0]));
    CHECK(s != NULL);
    s->number = number;
    s->count = count;
    return s;
}

uint32_t stamps_count_for(uint64_t subscriptions, uint64_t inserts)
{
    uint64_t size = subscriptions + inserts / INSERTS_PER_COUNTER;
    if (size <= 64)
        return STAMPS_MIN;
    if (size <= 2048)
        return 256;
    return size <= 65536 ? 4096 : STAMPS_MAX;
}
