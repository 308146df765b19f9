/* SPDX-License-Identifier: Apache-2.0 */
#include "interest/sid.h"

#include <errno.h>

#include "runtime/base/number.h"

/* Whether the text is what printing a number below 2^31 gives. */
static bool is_number(struct bytes sid, uint32_t *ret_number)
{
    uint64_t number;
    if (!number_parse(sid, SID_NUMBER_SIZE_MAX, &number) || number >= SID_OUT_OF_LINE)
        return false;
    *ret_number = (uint32_t)number;
    return true;
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
