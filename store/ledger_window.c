/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_window.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

enum { PAGE = 4096 };

void ledger_window_init(struct ledger_window *w, struct disk_file *file, uint64_t end)
{
    CHECK(file != NULL || end == 0);
    *w = (struct ledger_window){.file = file, .end = end};
}

void ledger_window_done(struct ledger_window *w)
{
    free(w->bytes);
    *w = (struct ledger_window){0};
}

static uint64_t have_to(const struct ledger_window *w)
{
    return w->position + w->size;
}

static void take_failure(struct ledger_window *w, size_t asked, int error)
{
    if (asked > PAGE) {
        w->careful_to = have_to(w) + asked;
        return;
    }
    memset(w->bytes + w->size, 0, asked);
    w->size += asked;
    w->error = error;
    w->unreadable_end = have_to(w);
}

static void take_result(struct ledger_window *w)
{
    size_t asked = w->asked;
    int64_t result = w->io.request.result;
    w->asked = 0;
    if (result < 0) {
        take_failure(w, asked, (int)result);
        return;
    }
    CHECK((uint64_t)result <= asked);
    w->size += (size_t)result;
    if ((uint64_t)result < asked)
        w->end = have_to(w);
}

/* Keeps what lies from position on, and makes room for size bytes. */
static void slide(struct ledger_window *w, uint64_t position, size_t size)
{
    CHECK(position >= w->position);
    uint64_t skip = position - w->position;
    size_t kept = skip < w->size ? w->size - (size_t)skip : 0;
    if (kept > 0 && skip > 0)
        memmove(w->bytes, w->bytes + skip, kept);
    w->position = position;
    w->size = kept;
    uint64_t left = w->end - position;
    if (size < LEDGER_WINDOW_BYTES)
        size = left < LEDGER_WINDOW_BYTES ? (size_t)left : LEDGER_WINDOW_BYTES;
    if (size > w->capacity) {
        w->bytes = realloc(w->bytes, size);
        CHECK(w->bytes != NULL);
        w->capacity = size;
    }
}

static void read_on(struct ledger_window *w, struct task *t)
{
    uint64_t from = have_to(w);
    size_t size = w->capacity - w->size;
    if (size > w->end - from)
        size = (size_t)(w->end - from);
    if (from < w->careful_to && size > PAGE - from % PAGE)
        size = PAGE - (size_t)(from % PAGE);
    CHECK(size > 0);
    w->asked = size;
    task_read(t, &w->io, w->file, from, w->bytes + w->size, size);
}

bool ledger_window_want(struct ledger_window *w, struct task *t, uint64_t position, size_t size)
{
    if (w->asked > 0)
        take_result(w);
    if (position >= w->end)
        return true;
    uint64_t to = size < w->end - position ? position + size : w->end;
    if (position >= w->position && to <= have_to(w))
        return true;
    slide(w, position, (size_t)(to - position));
    read_on(w, t);
    return false;
}

const char *ledger_window_at(const struct ledger_window *w, uint64_t position, size_t size)
{
    if (position < w->position || position > have_to(w) || size > have_to(w) - position)
        return NULL;
    return w->bytes + (position - w->position);
}
