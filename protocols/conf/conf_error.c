/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/conf/conf_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/check.h"

void conf_error_clear(struct conf_error *e)
{
    e->size = 0;
    e->text[0] = '\0';
}

void conf_error_add_bytes(struct conf_error *e, struct bytes b)
{
    size_t room = sizeof(e->text) - 1 - e->size;
    CHECK(room < sizeof(e->text));
    size_t size = b.size < room ? b.size : room;
    if (size > 0)
        memcpy(e->text + e->size, b.at, size);
    e->size += size;
    e->text[e->size] = '\0';
}

void conf_error_add(struct conf_error *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof(e->text) - e->size;
    CHECK(room > 0 && room <= sizeof(e->text));
    int size = vsnprintf(e->text + e->size, room, format, args);
    va_end(args);
    CHECK(size >= 0);
    e->size += (size_t)size < room ? (size_t)size : room - 1;
    DCHECK(e->text[e->size] == '\0');
}

void conf_error_prepend(struct conf_error *e, struct bytes head)
{
    struct conf_error old = *e;
    conf_error_clear(e);
    conf_error_add_bytes(e, head);
    conf_error_add_bytes(e, (struct bytes){old.text, old.size});
}
