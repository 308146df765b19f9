/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/merged.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/table/subject_filter.h"

/* --- one subject ----------------------------------------------------------------------------- */

/* The key that a subject has in runs. */
static void run_key(struct buffer *key, struct bytes subject)
{
    key->size = 0;
    buffer_u8(key, RUN_SUBJECT);
    buffer_add(key, subject.at, subject.size);
}

static int get_from_run(struct run *r, struct pages *pages, struct bytes key,
                        struct subject_value *ret)
{
    struct bytes value;
    int e = run_get(r, pages, key, &value);
    return e == 0 ? subject_value_read(value, ret) : e;
}

/* From the newest run to the one that knows all. Behind one whose block has to come only filters are
 * asked, so that they come together and no block is read in vain. */
static int join_runs(const struct merged *m, struct pages *pages, struct bytes key,
                     struct subject_value *v)
{
    int status = 0;
    for (uint32_t i = 0; i < m->run_count && !v->total; i++) {
        struct subject_value older;
        int e = status != 0 ? run_may_have(m->runs[i], pages, key)
                            : get_from_run(m->runs[i], pages, key, &older);
        if (e == 0 && status == 0)
            e = subject_value_join(v, &older) == 0 ? 0 : -EBADMSG;
        if (e < 0 && e != -ENOENT && (status == 0 || status == -EAGAIN))
            status = e;
    }
    return status;
}

int merged_get(const struct merged *m, struct pages *pages, struct bytes subject,
               struct subject_value *ret)
{
    struct subject_value v = {0};
    struct subject_value older;
    for (uint32_t i = 0; i < m->table_count; i++) {
        if (subject_table_get(m->tables[i], subject, &older) && subject_value_join(&v, &older) != 0)
            return -EBADMSG;
    }
    if (m->run_count > 0 && !v.total && subject.size < RUN_KEY_MAX) {
        struct buffer key = {0};
        run_key(&key, subject);
        int e = join_runs(m, pages, buffer_view(&key), &v);
        buffer_done(&key);
        if (e != 0)
            return e;
    }
    if (v.count < 0)
        return -EBADMSG;
    if (v.count == 0)
        return -ENOENT;
    *ret = v;
    return 0;
}

int merged_last(const struct merged *m, struct pages *pages, struct bytes subject,
                uint64_t *ret_seq)
{
    struct subject_value v = {0};
    for (uint32_t i = 0; i < m->table_count && v.last_seq == 0 && !v.total; i++) {
        if (!subject_table_get(m->tables[i], subject, &v))
            v.last_seq = 0;
    }
    int e = 0;
    struct buffer key = {0};
    run_key(&key, subject);
    for (uint32_t i = 0;
         i < m->run_count && v.last_seq == 0 && !v.total && (e == 0 || e == -ENOENT); i++) {
        if (subject.size >= RUN_KEY_MAX)
            break;
        e = get_from_run(m->runs[i], pages, buffer_view(&key), &v);
    }
    buffer_done(&key);
    if (v.last_seq == 0)
        return e == 0 ? -ENOENT : e;
    *ret_seq = v.last_seq;
    return 0;
}

/* --- a scan ---------------------------------------------------------------------------------- */

/* What was found, until it is visited: subjects one behind the other. */
struct found {
    struct subject_value value;
    size_t at;
    size_t size;
};

/* A step: walkers of tables and cursors of runs, all at or after the same subject. */
struct step {
    const struct merged *merged;
    struct pages *pages;
    struct subject_walker walkers[MERGED_TABLES_MAX];
    struct run_cursor *cursors; /* given */
    struct buffer subject;      /* the one that is looked at */
    struct buffer seek;         /* with RUN_SUBJECT before it */
    struct buffer filter;       /* where the filter says that matches may be */
    struct buffer subjects;
    uint32_t count;
    struct found found[];
};

static struct step *step_new(const struct merged *m, struct pages *pages, uint32_t max)
{
    CHECK(m->table_count <= MERGED_TABLES_MAX && m->run_count <= MERGED_RUNS_MAX);
    struct step *s = calloc(1, sizeof *s + max * sizeof s->found[0]);
    CHECK(s != NULL);
    s->merged = m;
    s->pages = pages;
    s->cursors = calloc(m->run_count + (size_t)1, sizeof *s->cursors);
    CHECK(s->cursors != NULL);
    return s;
}

static void step_free(struct step *s)
{
    for (uint32_t i = 0; i < s->merged->run_count; i++)
        run_cursor_done(&s->cursors[i]);
    free(s->cursors);
    buffer_done(&s->subject);
    buffer_done(&s->seek);
    buffer_done(&s->filter);
    buffer_done(&s->subjects);
    free(s);
}

static int order_of(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.at, b.at, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Whether the cursor stands on a subject. */
static bool cursor_subject(const struct run_cursor *c, struct bytes *ret)
{
    if (run_cursor_at_end(c))
        return false;
    struct bytes key = run_cursor_key(c);
    *ret = (struct bytes){key.at + 1, key.size - 1};
    return key.at[0] == RUN_SUBJECT;
}

static void keep_status(int *status, int e)
{
    if (e != 0 && (*status == 0 || *status == -EAGAIN))
        *status = e;
}

/* All to the first subject at or after this one; what is there already stays. Every run is asked
 * before -EAGAIN is said. */
static int seek_all(struct step *s, struct bytes subject, bool first)
{
    int status = 0;
    struct bytes at;
    struct subject_value v;
    for (uint32_t i = 0; i < s->merged->table_count; i++) {
        struct subject_walker *w = &s->walkers[i];
        if (first || (subject_walker_get(w, &at, &v) && order_of(at, subject) < 0))
            subject_table_seek(s->merged->tables[i], subject, w);
    }
    run_key(&s->seek, subject);
    for (uint32_t i = 0; i < s->merged->run_count; i++) {
        struct run_cursor *c = &s->cursors[i];
        if (first || (cursor_subject(c, &at) && order_of(at, subject) < 0))
            keep_status(&status,
                        run_cursor_seek(c, s->merged->runs[i], s->pages, buffer_view(&s->seek)));
    }
    return status;
}

static void take_lower(struct bytes at, struct bytes *lowest, bool *any)
{
    if (!*any || order_of(at, *lowest) < 0)
        *lowest = at;
    *any = true;
}

/* The lowest subject that any stands on goes to s->subject. */
static bool lowest(struct step *s)
{
    struct bytes at;
    struct bytes low = {NULL, 0};
    struct subject_value v;
    bool any = false;
    for (uint32_t i = 0; i < s->merged->table_count; i++) {
        if (subject_walker_get(&s->walkers[i], &at, &v))
            take_lower(at, &low, &any);
    }
    for (uint32_t i = 0; i < s->merged->run_count; i++) {
        if (cursor_subject(&s->cursors[i], &at))
            take_lower(at, &low, &any);
    }
    s->subject.size = 0;
    buffer_add(&s->subject, low.at, low.size);
    return any;
}

/* Joins what all know of s->subject, and leaves it behind. */
static int join_all(struct step *s, struct subject_value *ret)
{
    struct bytes at;
    struct bytes subject = buffer_view(&s->subject);
    struct subject_value v = {0};
    struct subject_value older;
    int status = 0;
    for (uint32_t i = 0; i < s->merged->table_count; i++) {
        if (!subject_walker_get(&s->walkers[i], &at, &older) || !bytes_equal(at, subject))
            continue;
        keep_status(&status, subject_value_join(&v, &older) == 0 ? 0 : -EBADMSG);
        subject_walker_next(&s->walkers[i]);
    }
    for (uint32_t i = 0; i < s->merged->run_count; i++) {
        struct run_cursor *c = &s->cursors[i];
        if (!cursor_subject(c, &at) || !bytes_equal(at, subject))
            continue;
        int e = subject_value_read(run_cursor_value(c), &older);
        if (e == 0)
            e = subject_value_join(&v, &older) == 0 ? 0 : -EBADMSG;
        keep_status(&status, e);
        keep_status(&status, run_cursor_next(c));
    }
    *ret = v;
    return status == 0 && v.count < 0 ? -EBADMSG : status;
}

static void note(struct step *s, const struct subject_value *v)
{
    s->found[s->count++] = (struct found){*v, s->subjects.size, s->subject.size};
    buffer_add(&s->subjects, s->subject.at, s->subject.size);
}

/* 0: no more; -EINPROGRESS: s->subject is where to go on. */
static int walk(struct step *s, struct bytes pattern, uint32_t max)
{
    for (uint32_t looked = 0; lowest(s); looked++) {
        if (looked == MERGED_STEP_MAX || s->count == max)
            return -EINPROGRESS;
        int e = 0;
        struct subject_value v;
        switch (subject_filter_at(pattern, buffer_view(&s->subject), &s->filter)) {
        case SUBJECT_FILTER_MATCH:
            e = join_all(s, &v);
            if (e == 0 && v.count > 0)
                note(s, &v);
            break;
        case SUBJECT_FILTER_SEEK: e = seek_all(s, buffer_view(&s->filter), false); break;
        case SUBJECT_FILTER_END: return 0;
        }
        if (e != 0)
            return e;
    }
    return 0;
}

void merged_scan_init(struct merged_scan *s, struct bytes pattern, struct bytes from)
{
    *s = (struct merged_scan){.pattern = pattern};
    buffer_add(&s->from, from.at, from.size);
}

void merged_scan_done(struct merged_scan *s)
{
    buffer_done(&s->from);
}

int merged_scan_step(struct merged_scan *scan, const struct merged *m, struct pages *pages,
                     uint32_t max, merged_visit_fn *visit, void *context)
{
    CHECK(max > 0 && max <= MERGED_FOUND_MAX);
    struct step *s = step_new(m, pages, max);
    int e = seek_all(s, buffer_view(&scan->from), true);
    if (e == 0)
        e = walk(s, scan->pattern, max);
    if (e == 0 || e == -EINPROGRESS) {
        for (uint32_t i = 0; i < s->count; i++) {
            const struct found *f = &s->found[i];
            visit(context, (struct bytes){s->subjects.at + f->at, f->size}, &f->value);
        }
    }
    if (e == -EINPROGRESS) {
        scan->from.size = 0;
        buffer_add(&scan->from, s->subject.at, s->subject.size);
    }
    step_free(s);
    return e;
}
