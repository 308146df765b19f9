/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/sid.h"

#include <errno.h>

/* Whether the text is what printing a number below 2^31 gives. */
static bool is_number(struct bytes sid, uint32_t *ret_number)
{
    if (sid.size == 0 || sid.size > SID_NUMBER_SIZE_MAX || (sid.at[0] == '0' && sid.size > 1))
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < sid.size; i++) {
        if (sid.at[i] < '0' || sid.at[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(sid.at[i] - '0');
    }
    *ret_number = (uint32_t)number;
    return number < SID_OUT_OF_LINE;
}

int sid_keep(struct interest *in, struct bytes sid, uint32_t *ret_sid)
{
    *ret_sid = 0;
    uint32_t number;
    if (is_number(sid, &number)) {
        *ret_sid = number;
        return 0;
    }
    uint32_t id;
    struct text *text = pool_alloc(&in->pool, POOL_OTHERS, sizeof(*text) + sid.size, &id);
    if (text == NULL)
        return -ENOMEM;
    text->size = (uint16_t)sid.size;
    if (sid.size > 0)
        memcpy(text->at, sid.at, sid.size);
    *ret_sid = id | SID_OUT_OF_LINE;
    return 0;
}

void sid_drop(struct interest *in, uint32_t sid)
{
    if ((sid & SID_OUT_OF_LINE) == 0)
        return;
    uint32_t id = sid & ~SID_OUT_OF_LINE;
    retire_item(&in->retire, id, RETIRED_OBJECT, pool_size(&in->pool, id));
}
