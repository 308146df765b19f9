/* SPDX-License-Identifier: Apache-2.0 */
#include "store/subjects.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/table/subject_filter.h"
#include "store/table/subject_table.h"

struct subjects {
    struct subject_table *table; /* given */
    struct buffer seek;          /* scratch of subjects_next */
};

struct subjects *subjects_new(uint64_t seed)
{
    struct subjects *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->table = subject_table_new(seed);
    return s;
}

void subjects_free(struct subjects **at)
{
    struct subjects *s = *at;
    *at = NULL;
    if (s == NULL)
        return;
    subject_table_free(&s->table);
    buffer_done(&s->seek);
    free(s);
}

void subjects_appended(struct subjects *s, struct bytes subject, uint64_t seq)
{
    const struct subject_value one = {.count = 1, .first_seq = seq, .last_seq = seq};
    (void)subject_table_add(s->table, subject, &one);
}

void subjects_removed(struct subjects *s, struct bytes subject)
{
    const struct subject_value less = {.count = -1};
    int64_t left = subject_table_add(s->table, subject, &less);
    CHECK(left >= 0);
    if (left == 0)
        (void)subject_table_remove(s->table, subject);
}

void subjects_clear(struct subjects *s)
{
    subject_table_clear(s->table);
}

void subjects_learn(struct subjects *s, struct bytes subject, uint64_t first_seq, uint64_t last_seq)
{
    struct subject_value v;
    if (!subject_table_get(s->table, subject, &v))
        return;
    if (first_seq != 0)
        v.first_seq = first_seq;
    if (last_seq != 0)
        v.last_seq = last_seq;
    subject_table_set(s->table, subject, &v);
}

int subjects_get(struct subjects *s, struct bytes subject, struct subject_value *ret)
{
    return subject_table_get(s->table, subject, ret) ? 0 : -ENOENT;
}

/* Puts the lowest text after `text` into the scratch. */
static void seek_after(struct subjects *s, struct bytes text)
{
    s->seek.size = 0;
    buffer_add(&s->seek, text.at, text.size);
    buffer_u8(&s->seek, 0);
}

int subjects_next(struct subjects *s, struct bytes filter, struct bytes after,
                  struct bytes *ret_subject, struct subject_value *ret)
{
    struct subject_walker w;
    if (after.size > 0)
        seek_after(s, after);
    else
        s->seek.size = 0;
    subject_table_seek(s->table, buffer_view(&s->seek), &w);
    struct bytes subject;
    while (subject_walker_get(&w, &subject, ret)) {
        switch (subject_filter_at(filter, subject, &s->seek)) {
        case SUBJECT_FILTER_MATCH: *ret_subject = subject; return 0;
        case SUBJECT_FILTER_SEEK: subject_table_seek(s->table, buffer_view(&s->seek), &w); break;
        case SUBJECT_FILTER_END: return -ENOENT;
        }
    }
    return -ENOENT;
}

uint64_t subjects_count(const struct subjects *s)
{
    return subject_table_count(s->table);
}

/* --- stored: subject, value; in order ------------------------------------------------------------------ */

void subjects_write(struct subjects *s, struct buffer *to)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    for (subject_table_seek(s->table, BYTES(""), &w); subject_walker_get(&w, &subject, &v);
         subject_walker_next(&w)) {
        buffer_bytes(to, subject);
        subject_value_write(&v, to);
    }
}

int subjects_read(struct subjects *s, struct bytes section)
{
    struct cursor c = cursor_of(section);
    while (cursor_left(&c) > 0) {
        struct bytes subject = cursor_bytes(&c);
        struct subject_value v = {.count = cursor_svarint(&c), .first_seq = cursor_varint(&c)};
        v.last_seq = v.first_seq + (uint64_t)cursor_svarint(&c);
        if (c.bad || v.count <= 0 || subject.size > SUBJECT_SIZE_MAX)
            return -EBADMSG;
        subject_table_set(s->table, subject, &v);
    }
    return 0;
}
