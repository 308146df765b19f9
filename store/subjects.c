/* SPDX-License-Identifier: Apache-2.0 */
#include "store/subjects.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/subjects_state.h"

#define SETTLE_LOOKED_MAX 16384u /* values that one slice passes over */
#define COUNT_SLICE 512u         /* values that one slice of subjects_count settles */

struct subjects *subjects_new(const struct subjects_options *options)
{
    struct subjects *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->options = *options;
    s->table = subject_table_new(options->seed);
    list_init(&s->obsolete);
    list_init(&s->drops);
    list_init(&s->stopped);
    return s;
}

void subjects_free(struct subjects **at)
{
    struct subjects *s = *at;
    *at = NULL;
    if (s == NULL)
        return;
    CHECK(s->merge == NULL && s->flush == NULL && list_empty(&s->stopped));
    subjects_runs_done(s);
    subject_table_free(&s->table);
    buffer_done(&s->recall.subject);
    buffer_done(&s->seek);
    buffer_done(&s->settle_from);
    free(s);
}

/* --- layers ----------------------------------------------------------------------------------------- */

static struct subjects_flush *flush_below(const struct subjects *s)
{
    return s->flush != NULL && !s->flush->hidden ? s->flush : NULL;
}

/* Nothing is below the table. */
static bool is_bottom(const struct subjects *s)
{
    return s->run_count == 0 && flush_below(s) == NULL;
}

struct merged subjects_layers(const struct subjects *s, bool with_table)
{
    struct merged m = {.run_count = s->run_count};
    if (with_table)
        m.tables[m.table_count++] = s->table;
    if (flush_below(s) != NULL)
        m.tables[m.table_count++] = s->flush->table;
    CHECK(s->run_count <= MERGED_RUNS_MAX);
    for (uint32_t i = 0; i < s->run_count; i++)
        m.runs[i] = &s->runs[i]->run;
    return m;
}

static const struct subject_value nothing = {.total = true};

static void forget_recalled(struct subjects *s)
{
    s->recall.known = false;
}

static void recall(struct subjects *s, struct bytes subject, const struct subject_value *v)
{
    s->recall.known = true;
    s->recall.subject.size = 0;
    buffer_add(&s->recall.subject, subject.at, subject.size);
    s->recall.value = *v;
    s->recall.value.total = true;
}

static bool is_recalled(const struct subjects *s, struct bytes subject)
{
    return s->recall.known && bytes_equal(buffer_view(&s->recall.subject), subject);
}

/* The total of a subject that is not in the table, if that is known without a page; else a difference of
 * nothing. */
static void value_below(const struct subjects *s, struct bytes subject, struct subject_value *ret)
{
    struct subjects_flush *f = flush_below(s);
    if (f != NULL && subject_table_get(f->table, subject, ret)) {
        if (!ret->total)
            *ret = (struct subject_value){0};
    } else if (s->run_count == 0) {
        *ret = nothing;
    } else if (is_recalled(s, subject)) {
        *ret = s->recall.value;
    } else {
        *ret = (struct subject_value){0};
    }
}

/* --- changes ---------------------------------------------------------------------------------------- */

/* What the table has of it, to be changed and put back; it is there then. */
static void take(struct subjects *s, struct bytes subject, struct subject_value *ret)
{
    if (subject_table_get(s->table, subject, ret))
        return;
    value_below(s, subject, ret);
    s->unsettled += !ret->total;
    forget_recalled(s);
}

void subjects_appended(struct subjects *s, struct bytes subject, uint64_t seq)
{
    struct subject_value v;
    take(s, subject, &v);
    if (v.total && v.count == 0) {
        s->count++;
        v.first_seq = 0;
        v.first_bound = false;
    }
    v.count++;
    if (v.first_seq == 0)
        v.first_seq = seq;
    v.last_seq = seq;
    subject_table_set(s->table, subject, &v);
}

void subjects_removed(struct subjects *s, struct bytes subject)
{
    struct subject_value v;
    take(s, subject, &v);
    CHECK(!v.total || v.count > 0);
    v.count--;
    if (v.total && v.count == 0) {
        s->count--;
        if (is_bottom(s)) {
            bool was_there = subject_table_remove(s->table, subject);
            CHECK(was_there);
            return;
        }
    }
    subject_table_set(s->table, subject, &v);
}

/* What is being written and what was written stay as long as checkpoints name it. */
void subjects_clear(struct subjects *s)
{
    if (s->merge != NULL)
        s->merge->cancelled = true;
    subject_table_clear(s->table);
    s->unsettled = s->count = 0;
    s->unreadable = false;
    s->settle_from.size = 0;
    forget_recalled(s);
    if (s->flush != NULL)
        s->flush->hidden = true;
    subjects_retire_runs(s, 0, s->run_count);
}

void subjects_learn(struct subjects *s, struct bytes subject, uint64_t first_seq, uint64_t last_seq)
{
    struct subject_value v;
    if (!subject_table_get(s->table, subject, &v)) {
        if (!is_recalled(s, subject) || s->recall.value.count <= 0)
            return;
        take(s, subject, &v);
        if (!v.total) { /* what is being written has a difference */
            s->unsettled--;
            return;
        }
    }
    if (first_seq != 0) {
        v.first_seq = first_seq;
        v.first_bound = true;
    }
    if (last_seq != 0)
        v.last_seq = last_seq;
    subject_table_set(s->table, subject, &v);
}

/* --- settling ---------------------------------------------------------------------------------------- */

/* Makes a total of a difference, by what older layers say. */
static int settle(struct subject_table *t, const struct merged *below, struct pages *pages,
                  struct bytes subject, struct subject_value *v, int *ret_change)
{
    struct subject_value older = {0};
    int e = merged_get(below, pages, subject, &older);
    if (e != 0 && e != -ENOENT)
        return e;
    if (e == -ENOENT)
        older = nothing;
    older.total = true;
    if (subject_value_join(v, &older) != 0 || v->count < 0)
        return -EBADMSG;
    *ret_change = (v->count > 0) - (older.count > 0);
    subject_table_set(t, subject, v);
    return 0;
}

static int settle_in_flush(struct subjects *s, struct subjects_flush *f, struct bytes subject,
                           struct subject_value *v)
{
    int change;
    int e = settle(f->table, &f->below, s->options.pages, subject, v, &change);
    if (e != 0)
        return e;
    f->unsettled--;
    f->count += (uint64_t)(int64_t)change;
    if (!f->hidden)
        s->count += (uint64_t)(int64_t)change;
    return 0;
}

static int settle_in_table(struct subjects *s, struct bytes subject, struct subject_value *v)
{
    struct subjects_flush *f = flush_below(s);
    struct subject_value frozen;
    if (f != NULL && subject_table_get(f->table, subject, &frozen) && !frozen.total) {
        int e = settle_in_flush(s, f, subject, &frozen); /* 3 */
        if (e != 0)
            return e;
    }
    struct merged below = subjects_layers(s, false);
    int change;
    int e = settle(s->table, &below, s->options.pages, subject, v, &change);
    if (e != 0)
        return e;
    s->unsettled--;
    s->count += (uint64_t)(int64_t)change;
    return 0;
}

static void keep_status(int *status, int e)
{
    if (e != 0 && (*status == 0 || *status == -EAGAIN))
        *status = e;
}

int subjects_settle(struct subjects *s, struct subjects_flush *f, struct buffer *from, uint32_t max,
                    bool *unreadable)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    uint32_t looked = 0;
    uint32_t settled = 0;
    int status = 0;
    subject_table_seek(f != NULL ? f->table : s->table, buffer_view(from), &w);
    for (; subject_walker_get(&w, &subject, &v); subject_walker_next(&w)) {
        if (looked++ == SETTLE_LOOKED_MAX || settled == max) {
            if (status == 0) {
                from->size = 0;
                buffer_add(from, subject.at, subject.size);
            }
            return status != 0 ? status : -EINPROGRESS;
        }
        if (v.total)
            continue;
        int e = f != NULL ? settle_in_flush(s, f, subject, &v) : settle_in_table(s, subject, &v);
        if (unreadable != NULL && e != 0 && e != -EAGAIN) {
            *unreadable = true;
            e = 0;
        }
        keep_status(&status, e);
        settled++;
    }
    return status;
}

/* --- look-ups ---------------------------------------------------------------------------------------- */

/* The table's own difference was looked up all the way: it is a total now. */
static void settle_found(struct subjects *s, struct bytes subject, const struct subject_value *v)
{
    struct subjects_flush *f = flush_below(s);
    struct subject_value own;
    struct subject_value frozen;
    if (!subject_table_get(s->table, subject, &own)) {
        recall(s, subject, v);
        return;
    }
    if (own.total || (f != NULL && subject_table_get(f->table, subject, &frozen) && !frozen.total))
        return;
    s->unsettled--;
    s->count += (uint64_t)(v->count > 0) - (uint64_t)(v->count - own.count > 0);
    own = *v;
    own.total = true;
    subject_table_set(s->table, subject, &own);
}

int subjects_get(struct subjects *s, struct bytes subject, struct subject_value *ret)
{
    struct subject_value v;
    if (subject_table_get(s->table, subject, &v) && v.total) {
        if (v.count == 0)
            return -ENOENT;
        *ret = v;
        return 0;
    }
    struct merged m = subjects_layers(s, true);
    int e = merged_get(&m, s->options.pages, subject, &v);
    if (e == -ENOENT)
        v = nothing;
    if (e == 0 || e == -ENOENT)
        settle_found(s, subject, &v);
    if (e == 0)
        *ret = v;
    return e;
}

struct visiting {
    subjects_visit_fn *visit;
    void *context;
    uint32_t count;
};

static void visit_one(void *context, struct bytes subject, const struct subject_value *value)
{
    struct visiting *v = context;
    v->count++;
    v->visit(v->context, subject, value);
}

int subjects_scan(struct subjects *s, struct bytes filter, struct bytes after, uint32_t max,
                  subjects_visit_fn *visit, void *context)
{
    s->seek.size = 0;
    if (after.size > 0) { /* the lowest text behind it */
        buffer_add(&s->seek, after.at, after.size);
        buffer_u8(&s->seek, 0);
    }
    struct merged_scan scan;
    struct merged m = subjects_layers(s, true);
    merged_scan_init(&scan, filter, buffer_view(&s->seek));
    struct visiting v = {visit, context, 0};
    int e;
    do
        e = merged_scan_step(&scan, &m, s->options.pages, max, visit_one, &v);
    while (e == -EINPROGRESS && v.count == 0);
    merged_scan_done(&scan);
    return e;
}

uint64_t subjects_count_settled(const struct subjects *s)
{
    return s->count;
}

bool subjects_is_settled(const struct subjects *s)
{
    return s->unsettled == 0 && (flush_below(s) == NULL || s->flush->unsettled == 0) &&
           !s->unreadable;
}

int subjects_count(struct subjects *s, uint64_t *ret)
{
    if (s->unreadable)
        return -EBADMSG;
    struct subjects_flush *f = flush_below(s);
    if (f != NULL && f->unsettled > 0) {
        int e = subjects_settle(s, f, &s->settle_from, COUNT_SLICE, NULL);
        if (e == 0)
            s->settle_from.size = 0;
        return e == 0 ? -EINPROGRESS : e;
    }
    if (s->unsettled > 0) {
        int e = subjects_settle(s, NULL, &s->settle_from, COUNT_SLICE, NULL);
        if (e == 0)
            s->settle_from.size = 0; /* from its beginning again, for what came meanwhile */
        return e == 0 && s->unsettled > 0 ? -EINPROGRESS : e != 0 ? e : subjects_count(s, ret);
    }
    *ret = s->count;
    return 0;
}

size_t subjects_memory(const struct subjects *s)
{
    return subject_table_memory(s->table);
}

/* --- check ------------------------------------------------------------------------------------------- */

void subjects_check(struct subjects *s)
{
    struct subject_walker w;
    struct bytes subject;
    struct subject_value v;
    uint64_t unsettled = 0;
    uint64_t there = 0;
    subject_table_check(s->table);
    for (subject_table_seek(s->table, BYTES(""), &w); subject_walker_get(&w, &subject, &v);
         subject_walker_next(&w)) {
        struct subject_value frozen;
        unsettled += !v.total;
        there += v.count > 0;
        CHECK(v.total || s->run_count > 0);         /* 1 */
        CHECK(!v.total || flush_below(s) == NULL || /* 3 */
              !subject_table_get(s->flush->table, subject, &frozen) || frozen.total);
    }
    CHECK(unsettled == s->unsettled);           /* 2 */
    CHECK(!is_bottom(s) || s->count == there);  /* 4 */
    for (uint32_t i = 0; i < s->run_count; i++) /* 5 */
        for (uint32_t k = 0; k < i; k++)
            CHECK(s->runs[i]->run.number != s->runs[k]->run.number);
}
