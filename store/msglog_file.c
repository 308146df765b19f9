/* SPDX-License-Identifier: Apache-2.0 */
/* msglog_file.c -- the file form of a message log: a tail in the journal's images, chunks in segments.
 *
 * Idea        A sequence between first and last is dead if it is in `dead`; else it is in a chunk when it is
 *             not over `drained`, and in the tail when it is. So removing a message is a mark and some sums,
 *             wherever it lies, and a drain moves the border.
 *
 *                 first_seq             drained                 last_seq
 *                 |  segments ......... | tail ................ |
 *                       dead: x  xx        x
 *
 * Invariants  1 msgs = last_seq - first_seq + 1 - (dead ones among them); first_seq is alive, or last_seq + 1
 *             2 the floor of `dead` is first_seq
 *             3 sequences of the tail are over `drained`
 *             4 the counts of `subjects` add up to msgs
 * Bounds      the tail: what the journal holds; `dead`: see seqset.h; a look-up passes over
 *             MSGLOG_SCAN_MAX messages of the tail at most.
 */
#include "store/msglog_file.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/nats/subject.h"
#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/msglog_state.h"

#define TAIL_AHEAD 8u /* messages: a body is on its way into the cache before its filter is asked */

#define SUBJECTS_A_CALL 256u /* of msglog_subjects */

/* --- life ------------------------------------------------------------------------------------------ */

void msglog_file_init(struct msglog *log, const struct msglog_options *options)
{
    log->file = calloc(1, sizeof *log->file);
    CHECK(log->file != NULL);
    struct msglog_file *f = log->file;
    f->gid = options->gid;
    f->pages = options->pages;
    f->folder = strdup(options->folder);
    CHECK(f->folder != NULL);
    f->segments = segments_new(&(struct segments_options){
        .pages = f->pages, .folder = f->folder, .gid = f->gid, .codec = options->codec});
    f->subjects = subjects_new(&(struct subjects_options){.seed = options->seed,
                                                          .gid = f->gid,
                                                          .pages = f->pages,
                                                          .folder = f->folder,
                                                          .whole = options->sealed});
    f->state.first_seq = 1;
    f->sealed = UINT64_MAX;
    seqset_init(&f->dead);
    seqset_compact(&f->dead, 1);
}

static void made_free(struct msglog_file *f, uint64_t below)
{
    while (f->made != NULL && f->made->seq < below) {
        struct made *made = f->made;
        f->made = made->next;
        free(made);
    }
}

static bool is_made(const struct msglog_file *f, uint64_t seq)
{
    const struct made *made = f->made;
    while (made != NULL && made->seq < seq)
        made = made->next;
    return made != NULL && made->seq == seq;
}

static void forget_filter(struct msglog_file *f)
{
    segment_cursor_done(&f->cursor);
    f->cursor = (struct segment_cursor){0};
    free(f->filter_subjects);
    f->filter_subjects = NULL;
    f->filter = (struct filter){0};
}

void msglog_file_done(struct msglog *log)
{
    struct msglog_file *f = log->file;
    forget_filter(f);
    segments_free(&f->segments);
    subjects_free(&f->subjects);
    seqset_done(&f->dead);
    tail_done(&f->tail);
    made_free(f, UINT64_MAX);
    free(f->folder);
    free(f);
    log->file = NULL;
}

/* --- changes --------------------------------------------------------------------------------------- */

static int64_t time_of(const struct entry *e, const struct message *m)
{
    return m->flags & MESSAGE_OWN_TIME ? m->time_ns : e->time_ns;
}

/* Sequences last_seq + 1 to `to` are dead from birth. */
static void skip(struct msglog_file *f, uint64_t to)
{
    if (to <= f->state.last_seq)
        return;
    if (f->state.msgs > 0) {
        (void)seqset_add_range(&f->dead, f->state.last_seq + 1, to);
    } else {
        f->state.first_seq = to + 1;
        seqset_compact(&f->dead, to + 1);
    }
    f->state.last_seq = to;
}

static uint64_t append(struct msglog_file *f, const struct entry *e, struct bytes body,
                       uint64_t body_hash, const struct message *m, uint64_t seq)
{
    if (seq <= f->state.last_seq)
        seq = f->state.last_seq + 1;
    skip(f, seq - 1);
    int64_t time_ns = time_of(e, m);
    tail_push(&f->tail, &(struct tail_entry){.seq = seq,
                                             .index = e->index,
                                             .time_ns = time_ns,
                                             .body = body.at,
                                             .body_hash = body_hash,
                                             .body_size = (uint32_t)body.size,
                                             .term = e->term});
    if (f->state.msgs == 0) {
        f->state.first_seq = seq;
        f->state.first_time_ns = time_ns;
        seqset_compact(&f->dead, seq);
    }
    f->state.msgs++;
    uint64_t size = msglog_size(MSGLOG_FILE, m);
    f->state.bytes += size;
    f->state.last_seq = seq;
    f->state.last_time_ns = time_ns;
    f->state.hash += stored_hash(seq, time_ns, msglog_content(MSGLOG_FILE, size));
    subjects_appended(f->subjects, m->subject, seq);
    return seq;
}

uint64_t msglog_file_append(struct msglog *log, const struct entry *e, const struct message *m,
                            uint64_t seq)
{
    return append(log->file, e, e->body, e->body_hash, m, seq);
}

uint64_t msglog_file_append_made(struct msglog *log, const struct entry *e, const struct message *m,
                                 uint64_t seq)
{
    struct msglog_file *f = log->file;
    struct made *made = malloc(sizeof *made + e->body.size);
    CHECK(made != NULL);
    memcpy(made->body, e->body.at, e->body.size);
    made->next = NULL;
    if (f->made == NULL)
        f->made_last = &f->made;
    *f->made_last = made;
    f->made_last = &made->next;
    made->seq = append(f, e, (struct bytes){made->body, e->body.size}, e->body_hash, m, seq);
    return made->seq;
}

void msglog_file_skip(struct msglog *log, uint64_t to)
{
    skip(log->file, to);
}

/* The first is dead: first_seq becomes the next that is not. */
static void first_moves(struct msglog_file *f)
{
    uint64_t first =
        f->state.msgs == 0 ? f->state.last_seq + 1 : seqset_next_out(&f->dead, f->state.first_seq);
    f->state.first_seq = first;
    seqset_compact(&f->dead, first);
    const struct tail_entry *e = tail_find(&f->tail, first);
    f->state.first_time_ns = e == NULL ? 0 : e->time_ns;
    if (first > f->drained)
        tail_drop_below(&f->tail, f->keep_tail ? 0 : first);
}

void msglog_file_remove(struct msglog *log, const struct stored_stat *s)
{
    struct msglog_file *f = log->file;
    CHECK(s->seq >= f->state.first_seq && s->seq <= f->state.last_seq && f->state.msgs > 0);
    bool was_alive = seqset_add(&f->dead, s->seq);
    CHECK(was_alive);
    f->state.msgs--;
    CHECK(f->state.bytes >= s->size);
    f->state.bytes -= s->size;
    f->state.hash -= stored_hash(s->seq, s->time_ns, msglog_content(MSGLOG_FILE, s->size));
    subjects_removed(f->subjects, s->subject);
    if (s->seq == f->state.first_seq)
        first_moves(f);
}

static void remove_all(struct msglog_file *f, uint64_t first)
{
    subjects_clear(f->subjects);
    if (first > f->state.last_seq + 1)
        f->state.last_seq = first - 1;
    f->state.msgs = f->state.bytes = f->state.hash = 0;
    first_moves(f);
}

int msglog_file_compact(struct msglog *log, uint64_t seq)
{
    struct msglog_file *f = log->file;
    if (seq > f->state.last_seq) {
        remove_all(f, seq);
        return 0;
    }
    for (unsigned removed = 0; f->state.first_seq < seq; removed++) {
        if (removed == MSGLOG_SCAN_MAX)
            return -EINPROGRESS;
        struct stored_stat s;
        int status = msglog_file_stat(log, f->state.first_seq, &s);
        if (status != 0)
            return status;
        msglog_file_remove(log, &s);
    }
    return 0;
}

/* --- one message ------------------------------------------------------------------------------------ */

static bool alive(struct msglog_file *f, uint64_t seq)
{
    return seq >= f->state.first_seq && seq <= f->state.last_seq && !seqset_contains(&f->dead, seq);
}

static void stored_of(const struct tail_entry *e, struct stored *ret)
{
    *ret = (struct stored){.seq = e->seq,
                           .index = e->index,
                           .term = e->term,
                           .time_ns = e->time_ns,
                           .body = tail_body(e),
                           .body_hash = e->body_hash};
    int status = message_body_read(ret->body, &ret->message);
    CHECK(status == 0); /* apply has read it */
}

static void stat_of(uint64_t seq, int64_t time_ns, struct bytes subject, size_t headers,
                    size_t payload, struct stored_stat *ret)
{
    const struct message sizes = {
        .subject = subject, .headers = {NULL, headers}, .payload = {NULL, payload}};
    *ret = (struct stored_stat){.seq = seq,
                                .time_ns = time_ns,
                                .size = msglog_size(MSGLOG_FILE, &sizes),
                                .subject = subject};
}

/* A live sequence that no chunk has: the chunk was lost, whatever the segments say. */
static int missing_is_bad(int status)
{
    return status == -ENOENT ? -EBADMSG : status;
}

int msglog_file_stat(struct msglog *log, uint64_t seq, struct stored_stat *ret)
{
    struct msglog_file *f = log->file;
    if (!alive(f, seq))
        return -ENOENT;
    if (seq > f->drained) {
        const struct tail_entry *e = tail_find(&f->tail, seq);
        CHECK(e != NULL);
        struct stored s;
        stored_of(e, &s);
        stat_of(seq, s.time_ns, s.message.subject, s.message.headers.size, s.message.payload.size,
                ret);
        return 0;
    }
    struct segment_spot spot;
    int status = missing_is_bad(segments_find(f->segments, seq, &spot));
    if (status != 0)
        return status;
    struct chunk_row_sizes sizes = segment_spot_sizes(&spot);
    stat_of(seq, segment_spot_time(&spot), segment_spot_subject(&spot), sizes.headers,
            sizes.payload, ret);
    if (seq == f->state.first_seq)
        f->state.first_time_ns = ret->time_ns;
    return 0;
}

int msglog_file_read(struct msglog *log, uint64_t seq, struct stored *ret)
{
    struct msglog_file *f = log->file;
    if (!alive(f, seq))
        return -ENOENT;
    if (seq > f->drained) {
        const struct tail_entry *e = tail_find(&f->tail, seq);
        CHECK(e != NULL);
        stored_of(e, ret);
        return 0;
    }
    struct segment_spot spot;
    int status = missing_is_bad(segments_find(f->segments, seq, &spot));
    return status != 0 ? status : segments_read(f->segments, &spot, ret);
}

/* --- by filter --------------------------------------------------------------------------------------- */

static bool filter_equal(const struct filter *a, const struct filter *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!bytes_equal(a->subjects[i], b->subjects[i]))
            return false;
    return true;
}

/* The cursor of the last filter serves again when it is the same one. */
static struct segment_cursor *cursor_for(struct msglog_file *f, const struct filter *filter)
{
    if (filter == NULL || filter->count == 0)
        return &f->cursor_all;
    if (f->filter.count > 0 && filter_equal(&f->filter, filter))
        return &f->cursor;
    forget_filter(f);
    size_t size = filter->count * sizeof(struct bytes);
    size_t text = 0;
    for (uint32_t i = 0; i < filter->count; i++)
        text += filter->subjects[i].size;
    f->filter_subjects = malloc(size + text);
    CHECK(f->filter_subjects != NULL);
    char *at = (char *)f->filter_subjects + size;
    for (uint32_t i = 0; i < filter->count; i++) {
        memcpy(at, filter->subjects[i].at, filter->subjects[i].size);
        f->filter_subjects[i] = (struct bytes){at, filter->subjects[i].size};
        at += filter->subjects[i].size;
    }
    f->filter = (struct filter){f->filter_subjects, filter->count};
    f->cursor.filter = &f->filter;
    return &f->cursor;
}

static bool filter_takes(const struct filter *filter, struct bytes subject)
{
    if (filter == NULL || filter->count == 0)
        return true;
    for (uint32_t i = 0; i < filter->count; i++)
        if (subject_matches(filter->subjects[i], subject))
            return true;
    return false;
}

static uint64_t next_live(void *context, uint64_t seq)
{
    struct msglog_file *f = context;
    uint64_t next = seqset_next_out(&f->dead, seq > f->state.first_seq ? seq : f->state.first_seq);
    return next > f->state.last_seq ? UINT64_MAX : next;
}

static uint64_t prev_live(void *context, uint64_t seq)
{
    struct msglog_file *f = context;
    uint64_t prev;
    if (seq > f->state.last_seq)
        seq = f->state.last_seq;
    if (f->state.msgs == 0 || !seqset_prev_out(&f->dead, seq, &prev) || prev < f->state.first_seq)
        return 0;
    return prev;
}

static int from_spot(struct msglog_file *f, int status, struct segment_spot *spot,
                     struct stored *ret)
{
    if (status == 0)
        return segments_read(f->segments, spot, ret);
    if (status == -EINPROGRESS || status == -EBADMSG)
        ret->seq = spot->seq;
    return status;
}

/* The filter first: few match, and whether one is dead costs more to know. */
static bool tail_takes(struct msglog_file *f, const struct filter *filter,
                       const struct tail_entry *e)
{
    return filter_takes(filter, message_body_subject(tail_body(e))) && alive(f, e->seq);
}

static int next_in_tail(struct msglog_file *f, const struct filter *filter, uint64_t from,
                        uint64_t to, struct stored *ret)
{
    size_t nth = tail_rank(&f->tail, from);
    for (unsigned scanned = 0; nth < f->tail.count; nth++, scanned++) {
        const struct tail_entry *e = tail_at(&f->tail, nth);
        if (e->seq > to)
            break;
        ret->seq = e->seq;
        if (nth + TAIL_AHEAD < f->tail.count)
            __builtin_prefetch(tail_at(&f->tail, nth + TAIL_AHEAD)->body);
        if (scanned == MSGLOG_SCAN_MAX)
            return -EINPROGRESS;
        if (!tail_takes(f, filter, e))
            continue;
        stored_of(e, ret);
        return 0;
    }
    return -ENOENT;
}

int msglog_file_next(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                     struct stored *ret)
{
    struct msglog_file *f = log->file;
    const struct segment_live live = {next_live, prev_live, f};
    if (from < f->state.first_seq)
        from = f->state.first_seq;
    if (to > f->state.last_seq)
        to = f->state.last_seq;
    if (from > to)
        return -ENOENT;
    if (from <= f->drained) {
        struct segment_spot spot;
        uint64_t end = to < f->drained ? to : f->drained;
        int status = segments_next(f->segments, cursor_for(f, filter), &live, from, end, &spot);
        if (status != -ENOENT)
            return from_spot(f, status, &spot, ret);
        from = f->drained + 1;
    }
    return next_in_tail(f, filter, from, to, ret);
}

static int prev_in_tail(struct msglog_file *f, const struct filter *filter, uint64_t from,
                        uint64_t to, struct stored *ret)
{
    size_t nth = from == UINT64_MAX ? f->tail.count : tail_rank(&f->tail, from + 1);
    for (unsigned scanned = 0; nth-- > 0; scanned++) {
        const struct tail_entry *e = tail_at(&f->tail, nth);
        if (e->seq < to)
            break;
        ret->seq = e->seq;
        if (scanned == MSGLOG_SCAN_MAX)
            return -EINPROGRESS;
        if (!tail_takes(f, filter, e))
            continue;
        stored_of(e, ret);
        return 0;
    }
    return -ENOENT;
}

int msglog_file_prev(struct msglog *log, const struct filter *filter, uint64_t from, uint64_t to,
                     struct stored *ret)
{
    struct msglog_file *f = log->file;
    const struct segment_live live = {next_live, prev_live, f};
    if (from > f->state.last_seq)
        from = f->state.last_seq;
    if (to < f->state.first_seq)
        to = f->state.first_seq;
    if (from < to)
        return -ENOENT;
    if (from > f->drained) {
        int status = prev_in_tail(f, filter, from, to, ret);
        if (status != -ENOENT || to > f->drained)
            return status;
        from = f->drained;
    }
    if (from < to)
        return -ENOENT;
    struct segment_spot spot;
    int status = segments_prev(f->segments, cursor_for(f, filter), &live, from, to, &spot);
    return from_spot(f, status, &spot, ret);
}

/* --- by subject -------------------------------------------------------------------------------------- */

/* The first or last message of a subject from where it was known to be; what was looked through is
 * remembered, also when pages have to come first. */
static int repair_first(struct msglog *log, struct bytes subject, uint64_t *seq)
{
    const struct filter filter = {&subject, 1};
    struct stored s = {.seq = *seq};
    int status;
    while ((status = msglog_file_next(log, &filter, s.seq, UINT64_MAX, &s)) == -EINPROGRESS)
        subjects_learn(log->file->subjects, subject, s.seq, 0);
    if (status == 0)
        subjects_learn(log->file->subjects, subject, *seq = s.seq, 0);
    return missing_is_bad(status);
}

static int repair_last(struct msglog *log, struct bytes subject, uint64_t *seq)
{
    const struct filter filter = {&subject, 1};
    struct stored s = {.seq = *seq};
    int status;
    while ((status = msglog_file_prev(log, &filter, s.seq, 0, &s)) == -EINPROGRESS)
        subjects_learn(log->file->subjects, subject, 0, s.seq);
    if (status == 0)
        subjects_learn(log->file->subjects, subject, 0, *seq = s.seq);
    return missing_is_bad(status);
}

int msglog_file_last(struct msglog *log, struct bytes subject, uint64_t *ret_seq)
{
    struct msglog_file *f = log->file;
    struct subject_value v;
    int status = subjects_get(f->subjects, subject, &v);
    if (status == 0 && !alive(f, v.last_seq))
        status = repair_last(log, subject, &v.last_seq);
    if (status == 0)
        *ret_seq = v.last_seq;
    return status;
}

int msglog_file_subject(struct msglog *log, struct bytes subject, struct subject_totals *ret)
{
    struct msglog_file *f = log->file;
    struct subject_value v;
    int status = subjects_get(f->subjects, subject, &v);
    if (status == 0 && !alive(f, v.last_seq))
        status = repair_last(log, subject, &v.last_seq);
    if (status == 0 && !alive(f, v.first_seq))
        status = repair_first(log, subject, &v.first_seq);
    if (status == 0)
        *ret = (struct subject_totals){(uint64_t)v.count, v.first_seq, v.last_seq};
    return status;
}

/* Names that a scan found, one behind the other, each with its size before it. */
static void note_subject(void *context, struct bytes subject, const struct subject_value *value)
{
    (void)value;
    buffer_bytes(context, subject);
}

int msglog_file_subjects(struct msglog *log, struct bytes filter, struct bytes after, uint32_t max,
                         subject_visit_fn *visit, void *context)
{
    if (max > SUBJECTS_A_CALL)
        max = SUBJECTS_A_CALL;
    struct buffer names = {0}; /* looking one up may change the table */
    int status = subjects_scan(log->file->subjects, filter, after, max, note_subject, &names);
    struct cursor c = cursor_of(buffer_view(&names));
    while ((status == 0 || status == -EINPROGRESS) && cursor_left(&c) > 0) {
        struct subject_totals totals;
        struct bytes subject = cursor_bytes(&c);
        int found = msglog_file_subject(log, subject, &totals);
        if (found == 0)
            visit(context, subject, &totals);
        else
            status = missing_is_bad(found);
    }
    buffer_done(&names);
    return status;
}

int msglog_file_subject_count(struct msglog *log, uint64_t *ret_count)
{
    return subjects_count(log->file->subjects, ret_count);
}

/* --- by time and by count ---------------------------------------------------------------------------- */

int msglog_file_seq_at(struct msglog *log, int64_t time_ns, uint64_t *ret_seq)
{
    struct msglog_file *f = log->file;
    uint64_t from = f->state.first_seq;
    if (from <= f->drained) {
        struct segment_spot spot;
        int status = segments_at_time(f->segments, time_ns, &spot);
        if (status != 0 && status != -ENOENT)
            return status;
        if (status == 0) {
            uint64_t next = next_live(f, spot.seq);
            *ret_seq = next == UINT64_MAX ? f->state.last_seq + 1 : next;
            return 0;
        }
        from = f->drained + 1;
    }
    for (size_t nth = tail_rank(&f->tail, from); nth < f->tail.count; nth++) {
        const struct tail_entry *e = tail_at(&f->tail, nth);
        if (e->time_ns >= time_ns && alive(f, e->seq)) {
            *ret_seq = e->seq;
            return 0;
        }
    }
    *ret_seq = f->state.last_seq + 1;
    return 0;
}

int msglog_file_count_from(struct msglog *log, uint64_t from, uint64_t *ret_count)
{
    struct msglog_file *f = log->file;
    if (from <= f->state.first_seq) {
        *ret_count = f->state.msgs;
    } else if (from > f->state.last_seq) {
        *ret_count = 0;
    } else {
        *ret_count = f->state.last_seq - from + 1 - seqset_count(&f->dead, from, f->state.last_seq);
    }
    return 0;
}

void msglog_file_state(const struct msglog *log, struct msglog_state *ret)
{
    const struct msglog_file *f = log->file;
    *ret = f->state;
    ret->deleted = f->state.last_seq + 1 - f->state.first_seq - f->state.msgs;
    ret->subjects = subjects_count_settled(f->subjects);
}

/* --- checkpoints and drains -------------------------------------------------------------------------- */

int msglog_load(struct msglog *log, const struct checkpoint *c)
{
    if (log->form == MSGLOG_MEMORY)
        return 0;
    struct msglog_file *f = log->file;
    seqset_done(&f->dead);
    seqset_init(&f->dead);
    if (seqset_decode(&f->dead, c->sections[CHECKPOINT_DEAD]) != 0 ||
        subjects_load(f->subjects, c->sections[CHECKPOINT_RUNS],
                      c->sections[CHECKPOINT_SUBJECTS]) != 0 ||
        segments_read_edges(f->segments, c->sections[CHECKPOINT_SEGMENTS]) != 0)
        return -EBADMSG;
    f->state = (struct msglog_state){.msgs = c->msgs,
                                     .bytes = c->bytes,
                                     .first_seq = c->first_seq,
                                     .last_seq = c->last_seq,
                                     .first_time_ns = c->first_time_ns,
                                     .last_time_ns = c->last_time_ns,
                                     .hash = c->messages_hash};
    f->drained = c->drained;
    uint64_t span = c->last_seq + 1 - c->first_seq;
    if (f->dead.floor != c->first_seq || span - c->msgs != seqset_total(&f->dead))
        return -EBADMSG;
    return 0;
}

struct subjects_flush *msglog_save(struct msglog *log, struct checkpoint *c,
                                   struct buffer *sections)
{
    if (log->form == MSGLOG_MEMORY)
        return NULL;
    struct msglog_file *f = log->file;
    c->msgs = f->state.msgs;
    c->bytes = f->state.bytes;
    c->first_seq = f->state.first_seq;
    c->last_seq = f->state.last_seq;
    c->first_time_ns = f->state.first_time_ns;
    c->last_time_ns = f->state.last_time_ns;
    c->messages_hash = f->state.hash;
    c->drained = f->state.last_seq;
    seqset_encode(&f->dead, &sections[CHECKPOINT_DEAD]);
    return subjects_save(f->subjects, &sections[CHECKPOINT_RUNS], &sections[CHECKPOINT_SUBJECTS]);
}

struct tail_entry *msglog_live_tail(struct msglog *log, size_t *ret_count)
{
    struct msglog_file *f = log->file;
    struct tail_entry *live = malloc((f->tail.count + 1) * sizeof *live);
    CHECK(live != NULL);
    size_t count = 0;
    for (size_t nth = 0; nth < f->tail.count; nth++) {
        const struct tail_entry *e = tail_at(&f->tail, nth);
        if (alive(f, e->seq))
            live[count++] = *e;
    }
    f->keep_tail = true; /* what they point to may be of messages that apply made */
    *ret_count = count;
    return live;
}

uint64_t msglog_open_segment(const struct msglog *log, uint64_t next_number, uint64_t *ret_size)
{
    const struct msglog_file *f = log->file;
    uint32_t count = segments_count(f->segments);
    *ret_size = 0;
    if (count == 0)
        return next_number;
    struct segment_edge edge;
    segments_edge(f->segments, count - 1, &edge);
    if (edge.number == f->sealed || segment_is_full(edge.size, segments_size(f->segments)))
        return next_number;
    *ret_size = edge.size;
    return edge.number;
}

void msglog_drained(struct msglog *log, uint64_t seq)
{
    struct msglog_file *f = log->file;
    CHECK(seq >= f->drained && seq <= f->state.last_seq);
    f->drained = seq;
    f->keep_tail = false;
    uint64_t below = seq + 1 > f->state.first_seq ? seq + 1 : f->state.first_seq;
    tail_drop_below(&f->tail, below);
    made_free(f, below);
}

void msglog_moved(struct msglog *log, uint64_t index, const char *body)
{
    if (log->form == MSGLOG_MEMORY)
        return;
    struct tail *t = &log->file->tail;
    for (size_t nth = tail_rank_of_index(t, index); nth < t->count; nth++) {
        struct tail_entry *e = &t->ring[(t->first + nth) & (t->capacity - 1)];
        if (e->index != index)
            return;
        if (!is_made(log->file, e->seq))
            e->body = body;
    }
}

void msglog_drain_given_up(struct msglog *log)
{
    log->file->keep_tail = false;
}

uint64_t msglog_dead_segment(const struct msglog *log, uint64_t first_seq)
{
    const struct msglog_file *f = log->file;
    if (segments_count(f->segments) == 0)
        return UINT64_MAX;
    struct segment_edge edge;
    segments_edge(f->segments, 0, &edge);
    return edge.last_seq < first_seq ? edge.number : UINT64_MAX;
}

void msglog_seal(struct msglog *log, uint64_t number)
{
    log->file->sealed = number;
}

uint64_t msglog_next_live(const struct msglog *log, uint64_t seq)
{
    return next_live(log->file, seq);
}

uint64_t msglog_live_in(const struct msglog *log, uint64_t first, uint64_t last)
{
    const struct msglog_file *f = log->file;
    first = first > f->state.first_seq ? first : f->state.first_seq;
    last = last < f->state.last_seq ? last : f->state.last_seq;
    return first > last ? 0 : last - first + 1 - seqset_count(&f->dead, first, last);
}

struct segments *msglog_segments(const struct msglog *log)
{
    return log->file->segments;
}

bool msglog_is_drained(const struct msglog *log)
{
    const struct msglog_file *f = log->file;
    return !f->keep_tail && f->tail.count == 0 && f->made == NULL;
}

struct subjects *msglog_subject_table(const struct msglog *log)
{
    return log->form == MSGLOG_MEMORY ? NULL : log->file->subjects;
}

const char *msglog_folder(const struct msglog *log)
{
    return log->file->folder;
}

void msglog_check(struct msglog *log)
{
    if (log->form == MSGLOG_MEMORY)
        return;
    struct msglog_file *f = log->file;
    seqset_check(&f->dead);
    subjects_check(f->subjects);
    tail_check(&f->tail);
    segments_check(f->segments);
    uint64_t span = f->state.last_seq + 1 - f->state.first_seq;
    CHECK(f->state.msgs == span - seqset_total(&f->dead));
    CHECK(f->dead.floor == f->state.first_seq);
    CHECK(f->state.msgs == 0 || alive(f, f->state.first_seq));
    CHECK(f->tail.count == 0 || tail_at(&f->tail, 0)->seq > f->drained);
}
