/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/refusal.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/check.h"

struct row {
    uint16_t code;
    uint16_t err_code;
    const char *text;
};

static const struct row rows[REFUSALS] = {
#define REFUSAL_ROW(name, code, err_code, text) [REFUSAL_##name] = {code, err_code, text},
    REFUSAL_TABLE(REFUSAL_ROW)
#undef REFUSAL_ROW
};

static const struct row *row_of(enum refusal r)
{
    CHECK(r > REFUSAL_NONE && r < REFUSALS);
    return &rows[r];
}

uint16_t refusal_code(enum refusal r)
{
    return row_of(r)->code;
}

uint16_t refusal_err_code(enum refusal r)
{
    return row_of(r)->err_code;
}

static size_t add(char *at, size_t used, struct bytes b)
{
    size_t room = REFUSAL_TEXT_MAX - 1 - used;
    size_t size = b.size < room ? b.size : room;
    if (size > 0)
        memcpy(at + used, b.at, size);
    return used + size;
}

size_t refusal_text(enum refusal r, uint64_t number, struct bytes text, char at[REFUSAL_TEXT_MAX])
{
    const char *from = row_of(r)->text;
    const char *place = strchr(from, '{');
    size_t used = add(at, 0, (struct bytes){from, place ? (size_t)(place - from) : strlen(from)});
    if (place != NULL) {
        char digits[24];
        int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
        struct bytes said = place[1] == 's' ? (struct bytes){digits, (size_t)size} : text;
        used = add(at, used, said);
        used = add(at, used, bytes_of(strchr(place, '}') + 1));
    }
    at[used] = '\0';
    return used;
}
