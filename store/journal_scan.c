/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal_scan.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "store/format/footer.h"
#include "store/format/little.h"
#include "store/journal_blame.h"
#include "store/journal_walk.h"

struct scan {
    const struct journal_scan *in;
    uint64_t mark; /* what lies below and can not be read is rot */
    uint32_t epoch_highest;
    bool any;                 /* whether there is a last block */
    bool broken;              /* what stood before `position` is lost: the last block is another */
    uint64_t position;        /* where the next block is looked for */
    struct block_header last; /* of the chain so far */
};

/* --- bytes ---------------------------------------------------------------------------------- */

static struct journal_scan_file *file_at(const struct journal_scan *in, uint64_t position)
{
    uint64_t number = position / in->file_bytes;
    uint32_t low = 0;
    uint32_t high = in->file_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (in->files[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool there = low < in->file_count && in->files[low].number == number;
    return there ? &in->files[low] : NULL;
}

/* NULL: of no file that is there. */
static const char *bytes_at(const struct journal_scan *in, uint64_t position)
{
    const struct journal_scan_file *file = file_at(in, position);
    return file == NULL ? NULL : file->image + position % in->file_bytes;
}

static uint64_t file_begin(const struct journal_scan *in, uint64_t position)
{
    return position - position % in->file_bytes;
}

/* --- headers -------------------------------------------------------------------------------- */

/* What holds for every header that was written by a journal with such files. */
static bool is_plausible(const struct block_header *h, uint64_t file_bytes)
{
    return h->position <= INT64_MAX - file_bytes &&
           h->size <= file_bytes - h->position % file_bytes && h->durable_to <= h->position &&
           h->group_count <= h->records && h->records <= h->size / RECORD_HEADER_SIZE &&
           (uint64_t)h->records * RECORD_HEADER_SIZE + BLOCK_HEADER_SIZE +
                   footer_size(h->group_count) <=
               h->size;
}

static int read_header(const char *at, uint64_t file_bytes, uint64_t store,
                       struct block_header *ret)
{
    if (get_u32(at) != BLOCK_MAGIC_JOURNAL)
        return -EBADMSG; /* as nearly all that is tried */
    int status = block_header_read(at, BLOCK_MAGIC_JOURNAL, store, ret);
    if (status == 0 && !is_plausible(ret, file_bytes))
        status = -EBADMSG;
    return status;
}

/* The block that begins at position, by its header. */
static int header_at(const struct journal_scan *in, uint64_t position, struct block_header *ret)
{
    const char *at = bytes_at(in, position);
    if (at == NULL)
        return -EBADMSG;
    int status = read_header(at, in->file_bytes, in->store, ret);
    return status == 0 && ret->position != position ? -EBADMSG : status;
}

/* The block that ends at `end`, by the copy of its header there. */
static int header_before(const struct journal_scan *in, uint64_t end, struct block_header *ret)
{
    const char *last_page = bytes_at(in, end - BLOCK_ALIGN);
    if (last_page == NULL)
        return -EBADMSG;
    int status =
        read_header(last_page + BLOCK_ALIGN - BLOCK_HEADER_SIZE, in->file_bytes, in->store, ret);
    return status == 0 && ret->position + ret->size != end ? -EBADMSG : status;
}

/* --- the survey ----------------------------------------------------------------------------- */

static void survey_header(struct scan *s, const struct block_header *h)
{
    if (h->durable_to > s->mark)
        s->mark = h->durable_to;
    if (h->boot_epoch > s->epoch_highest)
        s->epoch_highest = h->boot_epoch;
}

/* Any claim of how far flushes were durable is true for ever, also that of a block which was
 * dropped later: what is below it was not. */
static void survey(struct scan *s)
{
    const struct journal_scan *in = s->in;
    struct block_header h;
    for (uint32_t i = 0; i < in->file_count; i++) {
        uint64_t begin = in->files[i].number * in->file_bytes;
        for (uint64_t at = begin; at < begin + in->file_bytes; at += BLOCK_ALIGN) {
            if (header_at(in, at, &h) == 0)
                survey_header(s, &h);
            if (header_before(in, at + BLOCK_ALIGN, &h) == 0)
                survey_header(s, &h);
        }
    }
}

int journal_scan_number(const char *image, uint64_t file_bytes, uint64_t store,
                        uint64_t *ret_number)
{
    bool any = false;
    uint64_t number = 0;
    struct block_header h;
    for (uint64_t at = 0; at < file_bytes; at += BLOCK_ALIGN) {
        if (read_header(image + at, file_bytes, store, &h) != 0 || h.position % file_bytes != at)
            continue;
        if (!any || h.position / file_bytes > number)
            number = h.position / file_bytes;
        any = true;
    }
    if (!any)
        return -ENOENT;
    *ret_number = number;
    return 0;
}

bool journal_scan_leftover(const char *image, uint64_t file_bytes, uint64_t store, uint64_t number,
                           uint64_t from)
{
    struct journal_scan_file file = {number, image, 0};
    struct journal_scan in = {
        .store = store, .file_bytes = file_bytes, .files = &file, .file_count = 1};
    struct block_header h;
    uint64_t begin = number * file_bytes;
    for (uint64_t at = from; at < file_bytes; at += BLOCK_ALIGN)
        if (header_at(&in, begin + at, &h) != -EBADMSG ||
            header_before(&in, begin + at + BLOCK_ALIGN, &h) != -EBADMSG)
            return true;
    return false;
}

/* --- one block ------------------------------------------------------------------------------ */

static void deliver(const struct scan *s, const struct record *r, uint64_t position)
{
    if (position >= s->in->floor)
        s->in->record(s->in->context, r, position);
}

static struct journal_walk walk_block(const struct scan *s, const struct block_header *h)
{
    return journal_walk_block(h, bytes_at(s->in, h->position));
}

/* Whether all its records are there: 1, 0, or -ENOTSUP. */
static int is_whole(const struct scan *s, const struct block_header *h)
{
    struct journal_walk w = walk_block(s, h);
    struct record r;
    while (journal_walk_next(&w, &r))
        if (w.body_damaged)
            return 0;
    if (w.status != 0)
        return w.status;
    return w.found == h->records && !w.skipped;
}

static void deliver_block(const struct scan *s, const struct block_header *h)
{
    struct journal_walk w = walk_block(s, h);
    struct record r;
    while (journal_walk_next(&w, &r))
        if (!w.body_damaged)
            deliver(s, &r, w.position);
}

/* Takes the block as the next of the chain. 0; -ENOENT: it is torn, the chain ends before it. */
static int take(struct scan *s, const struct block_header *h)
{
    int whole = is_whole(s, h);
    if (whole < 0)
        return whole;
    if (!whole && h->position >= s->mark)
        return -ENOENT;
    if (h->position + h->size > s->in->floor) {
        deliver_block(s, h);
        if (!whole)
            journal_blame(h, bytes_at(s->in, h->position), s->in->rot, s->in->context);
    }
    s->last = *h;
    s->any = true;
    s->broken = false;
    s->position = h->position + h->size;
    file_at(s->in, h->position)->end = h->position % s->in->file_bytes + h->size;
    return 0;
}

/* --- the chain ------------------------------------------------------------------------------ */

/* Whether h, which begins where a block may follow, is the one that did. */
static bool follows(const struct scan *s, const struct block_header *h)
{
    return !s->any || (h->boot_epoch >= s->last.boot_epoch && h->previous == s->last.hash);
}

static bool is_adjacent(const struct scan *s, uint64_t position)
{
    uint64_t next_file = file_begin(s->in, s->position) + s->in->file_bytes;
    return position == s->position || (s->any && position == next_file);
}

/* 0 and the block that follows the last one; -ENOENT: no such block can be read. */
static int next_block(const struct scan *s, struct block_header *ret)
{
    struct block_header h;
    int status = header_at(s->in, s->position, &h);
    if (status == 0 && follows(s, &h)) {
        *ret = h;
        return 0;
    }
    bool inside = s->position % s->in->file_bytes != 0;
    if (status == -ENOTSUP || !inside || !s->any)
        return status == -ENOTSUP ? status : -ENOENT;
    status = header_at(s->in, file_begin(s->in, s->position) + s->in->file_bytes, &h);
    if (status == 0 && follows(s, &h))
        *ret = h;
    else if (status != -ENOTSUP)
        status = -ENOENT;
    return status;
}

/* At a page: the block that begins with it, or one that ends with it and begins below the mark. */
static int known_at(const struct scan *s, uint64_t page, struct block_header *ret)
{
    uint32_t epoch = s->any ? s->last.boot_epoch : 0;
    struct block_header h;
    int status = header_at(s->in, page, &h);
    if (status == -EBADMSG || (status == 0 && h.boot_epoch < epoch)) {
        status = header_before(s->in, page + BLOCK_ALIGN, &h);
        if (status == 0 &&
            (h.boot_epoch < epoch || h.position < s->position || h.position >= s->mark))
            status = -EBADMSG;
    }
    if (status == 0)
        *ret = h;
    return status;
}

/* The first block behind damage that anything is known of and that begins at the mark or below. */
static int next_known(const struct scan *s, struct block_header *ret)
{
    const struct journal_scan *in = s->in;
    for (uint32_t i = 0; i < in->file_count; i++) {
        uint64_t begin = in->files[i].number * in->file_bytes;
        uint64_t at = begin > s->position ? begin : s->position;
        for (; at < begin + in->file_bytes && at <= s->mark; at += BLOCK_ALIGN) {
            int status = known_at(s, at, ret);
            if (status != -EBADMSG)
                return status;
        }
    }
    return -ENOENT;
}

/* What stands whole in a range whose blocks are not known. Records of a later block's epoch were
 * written by the same start, so they were not dropped by one. */
static void salvage(const struct scan *s, uint64_t from, uint64_t to, uint32_t epoch)
{
    const struct journal_scan *in = s->in;
    for (uint32_t i = 0; i < in->file_count; i++) {
        uint64_t begin = in->files[i].number * in->file_bytes;
        uint64_t end = begin + in->file_bytes < to ? begin + in->file_bytes : to;
        uint64_t at = begin > from ? begin : from;
        if (at >= end)
            continue;
        struct journal_walk w = journal_walk_range(in->store, epoch, at, end, bytes_at(in, at));
        struct record r;
        while (journal_walk_next(&w, &r))
            if (!w.body_damaged)
                deliver(s, &r, w.position);
    }
}

static void tell_lost(const struct scan *s, uint64_t from, uint64_t to)
{
    if (to > s->in->floor && from < to)
        s->in->rot(s->in->context, &(struct journal_rot){.position = from, .end = to});
}

/* Between the last block and h, whose epoch is known. */
static void tell_between(const struct scan *s, const struct block_header *h)
{
    if (is_adjacent(s, h->position) && follows(s, h))
        return; /* only its first header was damaged */
    if (h->position > s->position) {
        salvage(s, s->position, h->position, h->boot_epoch);
        tell_lost(s, s->position, h->position);
    } else if (s->any) {
        /* Not the last block but another one stood before it: a write that never arrived. */
        tell_lost(s, s->last.position, s->position);
    }
}

static uint64_t round_up(uint64_t x, uint64_t to)
{
    return (x + to - 1) / to * to;
}

/* Below the mark the chain does not go on. 0 and where it is taken up, or -ENOENT: at the mark. */
static int pass_rot(struct scan *s, struct block_header *ret)
{
    int status = next_known(s, ret);
    if (status == 0) {
        tell_between(s, ret);
        s->position = ret->position;
        s->broken = true;
    } else if (status == -ENOENT) {
        uint64_t end = round_up(s->mark, BLOCK_ALIGN); /* a floor may lie inside a block */
        tell_lost(s, s->position, end);
        s->position = end;
        s->broken = true;
    }
    return status;
}

static int follow(struct scan *s)
{
    struct block_header h;
    int status;
    do {
        status = next_block(s, &h);
        if (status == -ENOENT && s->position < s->mark)
            status = pass_rot(s, &h);
        if (status == 0)
            status = take(s, &h);
    } while (status == 0);
    return status == -ENOENT ? 0 : status;
}

/* --- all of it ------------------------------------------------------------------------------ */

static void check_files(const struct journal_scan *in)
{
    CHECK(in->file_bytes % BLOCK_ALIGN == 0 && in->file_bytes > 0);
    for (uint32_t i = 0; i < in->file_count; i++) {
        CHECK(in->files[i].number >= in->floor / in->file_bytes);
        CHECK(i == 0 || in->files[i - 1].number < in->files[i].number);
    }
}

/* What is below the floor was durable; and a floor inside a file says that the file was there. */
static uint64_t least_mark(const struct journal_scan *in)
{
    bool missing = in->floor % in->file_bytes != 0 && file_at(in, in->floor) == NULL;
    return missing ? round_up(in->floor, in->file_bytes) : in->floor;
}

int journal_scan(const struct journal_scan *in, struct journal_scan_end *ret)
{
    check_files(in);
    struct scan s = {.in = in, .position = file_begin(in, in->floor)};
    survey(&s);
    uint64_t mark = s.mark;
    if (s.mark < least_mark(in))
        s.mark = least_mark(in);
    int status = follow(&s);
    if (status != 0)
        return status;
    struct block_header torn;
    bool header = header_at(in, s.position, &torn) == 0;
    *ret = (struct journal_scan_end){
        .position = s.position,
        .previous = s.broken ? hash_u64(s.last.hash ^ s.position) : s.last.hash,
        .durable_to = mark,
        .torn_size = header ? torn.size : BLOCK_ALIGN,
        .epoch = s.epoch_highest,
    };
    CHECK(ret->position >= in->floor && ret->position % BLOCK_ALIGN == 0);
    return 0;
}
