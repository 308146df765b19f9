/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/subject_flush.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"

static bool says_nothing(const struct subject_value *v, bool oldest)
{
    return v->count == 0 && (oldest || (v->first_seq == 0 && v->last_seq == 0 && !v->total));
}

int subject_flush(struct subject_table *t, struct buffer *from, uint32_t max, bool oldest,
                  struct run_build *to)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    struct buffer key = {0};
    struct buffer value = {0};
    subject_table_seek(t, buffer_view(from), &w);
    bool more = subject_walker_get(&w, &subject, &v);
    for (; more && max > 0; max--) {
        if (!says_nothing(&v, oldest)) {
            key.size = 0;
            buffer_u8(&key, RUN_SUBJECT);
            buffer_add(&key, subject.at, subject.size);
            value.size = 0;
            subject_value_write(&v, &value);
            run_build_add(to, buffer_view(&key), buffer_view(&value));
        }
        subject_walker_next(&w);
        more = subject_walker_get(&w, &subject, &v);
    }
    if (more) {
        from->size = 0;
        buffer_add(from, subject.at, subject.size);
    }
    buffer_done(&key);
    buffer_done(&value);
    return more ? -EINPROGRESS : 0;
}
