/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/run_merge.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/table/subject_value.h"

struct run_merge {
    struct run *runs[RUN_MERGE_SOURCES_MAX]; /* borrowed */
    struct run_cursor cursors[RUN_MERGE_SOURCES_MAX];
    uint32_t count;
    bool oldest;
    bool read; /* all sources are at their ends */
    uint64_t gid;
    uint64_t file;
    uint64_t liveness_floor;
    struct buffer from;      /* keys below are done */
    struct buffer key;       /* the one being merged */
    struct buffer value;     /* of a subject */
    struct run_build *build; /* given; made when the sources are known */
};

struct run_merge *run_merge_new(const struct run_merge_options *options)
{
    CHECK(options->count > 0 && options->count <= RUN_MERGE_SOURCES_MAX);
    struct run_merge *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    memcpy(m->runs, options->runs, options->count * sizeof *m->runs);
    m->count = options->count;
    m->oldest = options->oldest;
    m->gid = options->gid;
    m->file = options->file;
    m->liveness_floor = options->liveness_floor;
    return m;
}

void run_merge_free(struct run_merge **m)
{
    struct run_merge *taken = *m;
    *m = NULL;
    if (taken == NULL)
        return;
    for (uint32_t i = 0; i < taken->count; i++)
        run_cursor_done(&taken->cursors[i]);
    buffer_done(&taken->from);
    buffer_done(&taken->key);
    buffer_done(&taken->value);
    run_build_free(&taken->build);
    free(taken);
}

struct run_build *run_merge_output(struct run_merge *m)
{
    return m->build;
}

/* --- sources --------------------------------------------------------------------------------- */

static void keep_status(int *status, int e)
{
    if (e != 0 && (*status == 0 || *status == -EAGAIN))
        *status = e;
}

/* All to where the last step ended; every source is asked before -EAGAIN is said. */
static int seek_all(struct run_merge *m, struct pages *pages)
{
    int status = 0;
    for (uint32_t i = 0; i < m->count; i++)
        keep_status(&status,
                    run_cursor_seek(&m->cursors[i], m->runs[i], pages, buffer_view(&m->from)));
    return status;
}

static void make_build(struct run_merge *m)
{
    uint64_t keys = 0;
    for (uint32_t i = 0; i < m->count; i++)
        keys +=
            m->runs[i]->footer.entries < RUN_KEYS_MAX ? m->runs[i]->footer.entries : RUN_KEYS_MAX;
    m->build = run_build_new(m->gid, m->file, keys < RUN_KEYS_MAX ? keys : RUN_KEYS_MAX);
}

static int order_of(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.at, b.at, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The lowest key goes to m->key. */
static bool lowest(struct run_merge *m)
{
    struct bytes low = {NULL, 0};
    for (uint32_t i = 0; i < m->count; i++) {
        if (run_cursor_at_end(&m->cursors[i]))
            continue;
        struct bytes key = run_cursor_key(&m->cursors[i]);
        if (low.at == NULL || order_of(key, low) < 0)
            low = key;
    }
    m->key.size = 0;
    buffer_add(&m->key, low.at, low.size);
    return low.at != NULL;
}

static bool has_key(const struct run_merge *m, const struct run_cursor *c)
{
    return !run_cursor_at_end(c) && bytes_equal(run_cursor_key(c), buffer_view(&m->key));
}

/* --- one key --------------------------------------------------------------------------------- */

static int merge_subject(struct run_merge *m)
{
    struct subject_value v = {0};
    struct subject_value older;
    for (uint32_t i = 0; i < m->count; i++) {
        if (!has_key(m, &m->cursors[i]))
            continue;
        int e = subject_value_read(run_cursor_value(&m->cursors[i]), &older);
        if (e != 0 || subject_value_join(&v, &older) != 0)
            return -EBADMSG;
    }
    if (m->oldest && v.count < 0)
        return -EBADMSG;
    if (m->oldest && v.count == 0)
        return 0;
    m->value.size = 0;
    subject_value_write(&v, &m->value);
    run_build_add(m->build, buffer_view(&m->key), buffer_view(&m->value));
    return 0;
}

static bool is_below_floor(const struct run_merge *m)
{
    uint64_t block;
    return run_liveness_block(buffer_view(&m->key), &block) && block < m->liveness_floor;
}

static void merge_newest(struct run_merge *m)
{
    uint32_t i = 0;
    while (!has_key(m, &m->cursors[i]))
        i++;
    struct bytes value = run_cursor_value(&m->cursors[i]);
    if ((m->oldest && value.size == 0) || is_below_floor(m))
        return;
    run_build_add(m->build, buffer_view(&m->key), value);
}

/* The key is done: what comes after it is next, now and after a pause. */
static int pass_key(struct run_merge *m)
{
    m->from.size = 0;
    buffer_add(&m->from, m->key.at, m->key.size);
    buffer_u8(&m->from, 0);
    int status = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        if (has_key(m, &m->cursors[i]))
            keep_status(&status, run_cursor_next(&m->cursors[i]));
    }
    return status;
}

static int merge_keys(struct run_merge *m, struct pages *pages)
{
    int e = seek_all(m, pages);
    if (e != 0)
        return e;
    if (m->build == NULL)
        make_build(m);
    for (uint32_t keys = 0; lowest(m); keys++) {
        if (keys == RUN_MERGE_STEP_MAX || run_build_has_piece(m->build))
            return -EINPROGRESS;
        if (m->key.at[0] == RUN_SUBJECT) {
            e = merge_subject(m);
        } else {
            merge_newest(m);
        }
        if (e == 0)
            e = pass_key(m);
        if (e != 0)
            return e;
    }
    m->read = true;
    return 0;
}

int run_merge_step(struct run_merge *m, struct pages *pages)
{
    if (!m->read) {
        int e = merge_keys(m, pages);
        if (e != 0)
            return e;
    }
    return run_build_finish(m->build);
}

/* --- which ----------------------------------------------------------------------------------- */

static uint64_t weight(uint64_t size)
{
    return size < RUN_MERGE_SIZE_MIN ? RUN_MERGE_SIZE_MIN : size;
}

/* The eight neighbours among first..end-1 that cost least. */
static uint32_t cheapest(const uint64_t *sizes, uint32_t first, uint32_t end)
{
    uint32_t best = first;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = first; i + RUN_MERGE_FANIN <= end; i++) {
        uint64_t sum = 0;
        for (uint32_t k = i; k < i + RUN_MERGE_FANIN; k++)
            sum += weight(sizes[k]);
        if (sum < least) {
            least = sum;
            best = i;
        }
    }
    return best;
}

/* Where the tier that ends before `end` begins: with the newest run that is not much smaller than
 * the largest one. Smaller ones among them belong to it. */
static uint32_t tier_begin(const uint64_t *sizes, uint32_t end)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < end; i++)
        largest = weight(sizes[i]) > largest ? weight(sizes[i]) : largest;
    uint32_t begin = 0;
    while (weight(sizes[begin]) < largest / RUN_MERGE_TIER_SPAN)
        begin++;
    return begin;
}

uint32_t run_merge_choose(const uint64_t *sizes, uint32_t count, uint32_t *ret_first)
{
    uint32_t chosen = 0;
    uint32_t first = 0;
    for (uint32_t end = count; end > 0;) { /* the newest tier that is full costs least */
        uint32_t begin = tier_begin(sizes, end);
        if (end - begin >= RUN_MERGE_FANIN) {
            first = cheapest(sizes, begin, end);
            chosen = RUN_MERGE_FANIN;
        }
        end = begin;
    }
    if (chosen == 0 && count > RUN_MERGE_RUNS_MAX) {
        first = cheapest(sizes, 0, count);
        chosen = RUN_MERGE_FANIN;
    }
    if (chosen > 0)
        *ret_first = first;
    return chosen;
}
