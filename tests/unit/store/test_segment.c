/* SPDX-License-Identifier: Apache-2.0 */
/* Segments: what was written and synced is found, whichever way it is asked for and whatever the disk does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "protocols/nats/subject.h"
#include "store/segment_write.h"
#include "tests/unit/store/chunk_fixture.h"
#include "tests/unit/store/disk_run.h"

struct bench {
    struct disk_run run;
    struct pages *pages;
    struct segments *segments;
    struct made_list list;
    const struct chunk_codec *codec;
    uint8_t *dead; /* by message; given */
    bool ready;
    struct page_wait wait;
};

static struct bench *bench_of(struct page_wait *wait)
{
    return (struct bench *)(void *)((char *)wait - offsetof(struct bench, wait));
}

static void on_ready(struct page_wait *wait)
{
    bench_of(wait)->ready = true;
}

static void open_segments(struct bench *b, uint64_t budget)
{
    b->pages = pages_new(disk_run_door(&b->run), budget);
    struct segments_options options = {
        .pages = b->pages, .folder = "g", .gid = FIXTURE_GID, .codec = b->codec};
    b->segments = segments_new(&options);
}

static void note_closed(void *context)
{
    *(int *)context += 1;
}

static void close_segments(struct bench *b)
{
    int closed = 0;
    segments_close(b->segments, note_closed, &closed);
    pages_close(b->pages, note_closed, &closed);
    disk_run_all(&b->run);
    assert_int_equal(closed, 2);
    segments_free(&b->segments);
    pages_free(&b->pages);
}

static void perform(struct bench *b, enum disk_op op, const char *path)
{
    struct task task;
    struct task_io io;
    task_init(&task, disk_run_door(&b->run), NULL, NULL);
    task.abandoned = true; /* nobody runs when it ends */
    task_path(&task, &io, op, path, NULL);
    disk_run_all(&b->run);
}

static void set_up(struct bench *b, uint64_t seed, uint64_t budget)
{
    memset(b, 0, sizeof *b);
    struct sim_disk_options options = {.faults = {.short_move = 6}};
    disk_run_init(&b->run, seed, options);
    perform(b, DISK_MKDIR, "g");
    perform(b, DISK_SYNC_DIR, ".");
    b->wait.ready = on_ready;
    open_segments(b, budget);
}

static void tear_down(struct bench *b)
{
    close_segments(b);
    disk_run_done(&b->run);
    made_done(&b->list);
    free(b->dead);
}

/* --- writing -------------------------------------------------------------------------------------- */

struct written {
    bool over;
    int status;
};

static void on_written(void *context, int status)
{
    struct written *w = context;
    assert_false(w->over);
    w->over = true;
    w->status = status;
}

static struct segment_write *begin_write(struct bench *b, uint64_t number, uint64_t offset,
                                         struct written *ret)
{
    struct segment_write_options options = {.disk = disk_run_door(&b->run),
                                            .folder = "g",
                                            .number = number,
                                            .offset = offset,
                                            .done = on_written,
                                            .context = ret};
    *ret = (struct written){0};
    return segment_write_new(&options);
}

static void add_chunk(struct bench *b, struct segment_write *w, uint64_t number, uint32_t from,
                      uint32_t to, struct chunk_info *ret)
{
    struct chunk_place place = {FIXTURE_GID, number, segment_write_end(w)};
    char *bytes = made_chunk(&b->list, from, to, &place, b->codec, ret);
    segment_write_add(w, &bytes, ret);
    assert_null(bytes);
}

/* Messages from..to-1 as up to four chunks of one file, which goes on at offset. */
static int write_messages(struct bench *b, uint64_t number, uint64_t offset, uint32_t from,
                          uint32_t to)
{
    struct written written;
    struct segment_write *w = begin_write(b, number, offset, &written);
    struct chunk_info infos[4];
    uint32_t chunks = 0;
    while (from < to) {
        uint32_t end = chunks == 3 ? to : from + 1 + (uint32_t)prng_below(&b->run.prng, to - from);
        add_chunk(b, w, number, from, end, &infos[chunks++]);
        from = end;
    }
    segment_write_start(w);
    disk_run_all(&b->run);
    assert_true(written.over);
    for (uint32_t i = 0; written.status == 0 && i < chunks; i++)
        segments_extend(b->segments, number, &infos[i]);
    segments_check(b->segments);
    return written.status;
}

/* A group's files: some segments, some of them written in two goes. */
static void fill(struct bench *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        made_random(&b->list, &b->run.prng, 6, 300);
    b->dead = calloc(count, 1);
    CHECK(b->dead != NULL);
    uint64_t number = 10;
    uint64_t offset = 0;
    for (uint32_t from = 0; from < count;) {
        uint32_t to = from + 1 + (uint32_t)prng_below(&b->run.prng, count / 6);
        to = to > count ? count : to;
        assert_int_equal(write_messages(b, number, offset, from, to), 0);
        from = to;
        struct segment_edge edge;
        segments_edge(b->segments, segments_count(b->segments) - 1, &edge);
        bool next = prng_one_in(&b->run.prng, 2);
        number -= next; /* numbers need not rise with sequences */
        offset = next ? 0 : edge.size;
    }
}

/* As after a start: edges by way of a checkpoint, nothing in memory. */
static void reopen(struct bench *b, uint64_t budget)
{
    struct buffer section = {0};
    segments_write(b->segments, &section);
    close_segments(b);
    open_segments(b, budget);
    assert_int_equal(segments_read_edges(b->segments, buffer_view(&section)), 0);
    buffer_done(&section);
    segments_check(b->segments);
}

/* --- look-ups that end ---------------------------------------------------------------------------- */

enum what { FIND, NEXT, PREV, AT_TIME };

struct ask {
    enum what what;
    struct segment_cursor *cursor;
    const struct segment_live *live;
    uint64_t from;
    uint64_t to;
    int64_t time_ns;
    bool read;
};

static int ask_once(struct bench *b, const struct ask *a, struct segment_spot *spot,
                    struct stored *stored)
{
    int r = 0;
    switch (a->what) {
    case FIND: r = segments_find(b->segments, a->from, spot); break;
    case NEXT: r = segments_next(b->segments, a->cursor, a->live, a->from, a->to, spot); break;
    case PREV: r = segments_prev(b->segments, a->cursor, a->live, a->from, a->to, spot); break;
    case AT_TIME: r = segments_at_time(b->segments, a->time_ns, spot); break;
    }
    return r == 0 && a->read ? segments_read(b->segments, spot, stored) : r;
}

/* Asks until there is an answer. The look-up stays open: pages_end is the caller's. */
static int ask(struct bench *b, struct ask a, struct segment_spot *spot, struct stored *stored)
{
    for (int rounds = 0;; rounds++) {
        assert_true(rounds < 1000);
        pages_begin(b->pages, &b->wait);
        int r = ask_once(b, &a, spot, stored);
        if (r == -EINPROGRESS) {
            assert_false(pages_end(b->pages));
            assert_true(a.what == NEXT ? spot->seq >= a.from : spot->seq <= a.from);
            a.from = spot->seq;
            continue;
        }
        if (r != -EAGAIN)
            return r;
        b->ready = false;
        assert_true(pages_end(b->pages));
        while (!b->ready)
            assert_true(disk_run_step(&b->run));
        pages_check(b->pages);
    }
}

static void assert_is(const struct made *made, const struct segment_spot *spot,
                      const struct stored *stored)
{
    assert_int_equal(spot->seq, made->record.seq);
    assert_int_equal(segment_spot_time(spot), made->time_ns);
    assert_true(bytes_equal(segment_spot_subject(spot), made->message.subject));
    assert_int_equal(segment_spot_sizes(spot).payload, made->message.payload.size);
    if (stored == NULL)
        return;
    assert_int_equal(stored->seq, made->record.seq);
    assert_int_equal(stored->index, made->record.index);
    assert_int_equal(stored->term, made->record.term);
    assert_int_equal(stored->time_ns, made->time_ns);
    assert_int_equal(stored->body_hash, made->record.body_hash);
    assert_true(bytes_equal(stored->body, made->record.body));
    assert_true(bytes_equal(stored->message.headers, made->message.headers));
}

/* --- the model ------------------------------------------------------------------------------------ */

static uint32_t number_at(const struct bench *b, uint64_t seq)
{
    uint32_t low = 0;
    uint32_t high = b->list.count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (b->list.at[middle].record.seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t model_live_next(void *context, uint64_t seq)
{
    const struct bench *b = context;
    uint32_t i = number_at(b, seq);
    if (i < b->list.count && b->list.at[i].record.seq > seq)
        return seq; /* a gap: nothing there, nothing dead */
    while (i < b->list.count && b->dead[i])
        i++;
    return i < b->list.count ? b->list.at[i].record.seq : UINT64_MAX;
}

static uint64_t model_live_prev(void *context, uint64_t seq)
{
    const struct bench *b = context;
    uint32_t i = number_at(b, seq);
    if (i == b->list.count || b->list.at[i].record.seq > seq)
        return seq;
    while (b->dead[i]) {
        if (i-- == 0)
            return 0;
    }
    return b->list.at[i].record.seq;
}

static bool wants(const struct filter *filter, struct bytes subject)
{
    for (uint32_t i = 0; i < filter->count; i++) {
        if (subject_matches(filter->subjects[i], subject))
            return true;
    }
    return filter->count == 0;
}

static bool model_has(const struct bench *b, uint32_t i, const struct filter *filter)
{
    return !b->dead[i] && wants(filter, b->list.at[i].message.subject);
}

static const struct made *model_next(const struct bench *b, const struct filter *filter,
                                     uint64_t from, uint64_t to)
{
    for (uint32_t i = number_at(b, from); i < b->list.count; i++) {
        if (b->list.at[i].record.seq > to)
            return NULL;
        if (model_has(b, i, filter))
            return &b->list.at[i];
    }
    return NULL;
}

static const struct made *model_prev(const struct bench *b, const struct filter *filter,
                                     uint64_t from, uint64_t to)
{
    for (uint32_t i = number_at(b, from + 1); i-- > 0;) {
        if (b->list.at[i].record.seq < to)
            return NULL;
        if (model_has(b, i, filter))
            return &b->list.at[i];
    }
    return NULL;
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void each_message_is_found_and_read_and_no_other(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct bench b;
        set_up(&b, seed, seed % 2 ? 20000 : 10 << 20);
        b.codec = seed % 3 == 0 ? &turn_codec : NULL;
        reopen(&b, seed % 2 ? 20000 : 10 << 20);
        fill(&b, 300);
        reopen(&b, seed % 2 ? 20000 : 10 << 20);
        struct segment_spot spot;
        struct stored stored;
        uint32_t i = 0;
        for (uint64_t seq = 0; seq <= b.list.last_seq + 3; seq++) {
            int r = ask(&b, (struct ask){.what = FIND, .from = seq, .read = true}, &spot, &stored);
            bool there = i < b.list.count && b.list.at[i].record.seq == seq;
            assert_int_equal(r, there ? 0 : -ENOENT);
            if (there)
                assert_is(&b.list.at[i++], &spot, &stored);
            pages_end(b.pages);
        }
        tear_down(&b);
    }
}

static void kill_some(struct bench *b)
{
    for (uint32_t i = 0; i < b->list.count;) {
        uint32_t run = 1 + (uint32_t)prng_below(&b->run.prng, 40);
        bool dead = prng_one_in(&b->run.prng, 2);
        for (; run > 0 && i < b->list.count; run--)
            b->dead[i++] = dead;
    }
}

static void filtered_walks_find_what_the_model_finds(void **state)
{
    static const char *const patterns[] = {">",    "orders.>", "orders.*", "orders.3", "*.2.*",
                                           "kv.*", "none.>",   "o.1",      "*.*.b",    ""};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct bench b;
        set_up(&b, seed, 30000);
        fill(&b, 500);
        reopen(&b, 30000);
        kill_some(&b);
        struct segment_live live = {model_live_next, model_live_prev, &b};
        for (int k = 0; k < 150; k++) {
            struct bytes subjects[2];
            struct filter filter = {subjects, (uint32_t)prng_below(&b.run.prng, 3)};
            for (uint32_t i = 0; i < filter.count; i++)
                subjects[i] = bytes_of(patterns[prng_below(&b.run.prng, 10)]);
            struct segment_cursor cursor = {.filter = &filter};
            uint64_t from = prng_below(&b.run.prng, b.list.last_seq + 5);
            uint64_t to = prng_below(&b.run.prng, b.list.last_seq + 5);
            for (int steps = 0; steps < 12; steps++) {
                bool back = k % 2 == 1;
                struct ask a = {.what = back ? PREV : NEXT,
                                .cursor = &cursor,
                                .live = &live,
                                .from = from,
                                .to = k % 3 == 0 ? to
                                      : back     ? 0
                                                 : UINT64_MAX,
                                .read = k % 5 == 0};
                const struct made *made = back ? model_prev(&b, &filter, from, a.to)
                                               : model_next(&b, &filter, from, a.to);
                struct segment_spot spot;
                struct stored stored;
                int r = ask(&b, a, &spot, &stored);
                assert_int_equal(r, made != NULL ? 0 : -ENOENT);
                if (made != NULL)
                    assert_is(made, &spot, a.read ? &stored : NULL);
                pages_end(b.pages);
                if (made == NULL || (back && made->record.seq == 1))
                    break;
                from = back ? made->record.seq - 1 : made->record.seq + 1;
            }
            segment_cursor_done(&cursor);
        }
        tear_down(&b);
    }
}

static void times_are_found(void **state)
{
    struct bench b;
    set_up(&b, 2, 30000);
    fill(&b, 300);
    reopen(&b, 30000);
    for (int k = 0; k < 300; k++) {
        int64_t time = (int64_t)prng_below(&b.run.prng, (uint64_t)b.list.time_ns + 1000);
        uint32_t i = 0;
        while (i < b.list.count && b.list.at[i].time_ns < time)
            i++;
        struct segment_spot spot;
        int r = ask(&b, (struct ask){.what = AT_TIME, .time_ns = time}, &spot, NULL);
        assert_int_equal(r, i < b.list.count ? 0 : -ENOENT);
        if (r == 0)
            assert_is(&b.list.at[i], &spot, NULL);
        pages_end(b.pages);
    }
    tear_down(&b);
}

static void an_io_error_is_told_and_over_when_failures_are_forgotten(void **state)
{
    struct bench b;
    set_up(&b, 3, 1 << 20);
    fill(&b, 100);
    uint64_t seq = b.list.at[50].record.seq;
    struct ask a = {.what = FIND, .from = seq, .read = true};
    struct segment_spot spot;
    struct stored stored;
    /* The header is read first, then the index, then the frame. */
    for (int reads = 0; reads < 3; reads++) {
        reopen(&b, 1 << 20);
        struct sim_disk_faults faults = {0};
        for (int i = 0; i < reads; i++) {
            pages_begin(b.pages, &b.wait);
            assert_int_equal(ask_once(&b, &a, &spot, &stored), -EAGAIN);
            assert_true(pages_end(b.pages));
            disk_run_all(&b.run);
        }
        faults.fail[DISK_READ] = 1;
        sim_disk_set_faults(b.run.disk, &faults);
        for (int again = 0; again < 3; again++) {
            assert_int_equal(ask(&b, a, &spot, &stored), -EIO);
            pages_end(b.pages);
        }
        faults.fail[DISK_READ] = 0;
        sim_disk_set_faults(b.run.disk, &faults);
        assert_int_equal(ask(&b, a, &spot, &stored), -EIO);
        pages_end(b.pages);
        segments_forget_failures(b.segments);
        assert_int_equal(ask(&b, a, &spot, &stored), 0);
        assert_is(&b.list.at[50], &spot, &stored);
        pages_end(b.pages);
    }
    tear_down(&b);
}

static void a_missing_file_is_unreadable_and_not_empty(void **state)
{
    struct bench b;
    set_up(&b, 4, 1 << 20);
    fill(&b, 100);
    reopen(&b, 1 << 20);
    struct segment_edge edge;
    segments_edge(b.segments, 0, &edge);
    char path[64];
    segment_path("g", edge.number, path, sizeof path);
    perform(&b, DISK_REMOVE, path);
    struct segment_spot spot;
    struct segment_cursor cursor = {0};
    int r = ask(&b, (struct ask){.what = NEXT, .cursor = &cursor, .from = 1, .to = UINT64_MAX},
                &spot, NULL);
    assert_int_equal(r, -EBADMSG);
    assert_int_equal(spot.seq, edge.first_seq);
    assert_int_equal(spot.to, edge.last_seq);
    pages_end(b.pages);
    segment_cursor_done(&cursor);
    tear_down(&b);
}

/* --- damage --------------------------------------------------------------------------------------- */

/* One file of ten chunks of ten messages. */
static void fill_evenly(struct bench *b, struct chunk_info *infos)
{
    for (uint32_t i = 0; i < 100; i++)
        made_random(&b->list, &b->run.prng, 6, 300);
    b->dead = calloc(100, 1);
    struct written written;
    struct segment_write *w = begin_write(b, 1, 0, &written);
    for (uint32_t i = 0; i < 10; i++)
        add_chunk(b, w, 1, i * 10, i * 10 + 10, &infos[i]);
    segment_write_start(w);
    disk_run_all(&b->run);
    assert_int_equal(written.status, 0);
    for (uint32_t i = 0; i < 10; i++)
        segments_extend(b->segments, 1, &infos[i]);
}

enum part { HEADER = 1, INDEX = 2, FOOTER = 4, FRAME = 8 };

static void turn_bit(struct bench *b, const struct chunk_info *info, enum part part)
{
    uint64_t at = part == HEADER   ? info->offset + 40
                  : part == INDEX  ? chunk_index_offset(info) + 30
                  : part == FOOTER ? info->offset + info->size - 20
                                   : info->offset + CHUNK_HEADER_SIZE + 70;
    assert_int_equal(sim_disk_flip(b->run.disk, "g/s-00000001", at, 4), 0);
}

static void damage_costs_the_chunk_it_is_in_and_is_told_as_a_range(void **state)
{
    /* What is turned in chunks 4 and 5, and which of them can not be read by then. */
    static const struct {
        int turned[2];
        bool lost[2];
    } cases[] = {
        {{HEADER, 0}, {false, false}},        {{FOOTER, 0}, {false, false}},
        {{HEADER, HEADER}, {false, false}},   {{INDEX, 0}, {true, false}},
        {{HEADER | INDEX, 0}, {true, false}}, {{HEADER | FOOTER, 0}, {true, false}},
        {{HEADER, FOOTER}, {true, true}},     {{HEADER | INDEX, HEADER | INDEX}, {true, true}},
        {{FRAME, 0}, {true, false}},          {{FRAME | FOOTER, HEADER}, {true, false}},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct bench b;
        struct chunk_info infos[10];
        set_up(&b, k + 1, 1 << 20);
        fill_evenly(&b, infos);
        for (int i = 0; i < 2; i++) {
            for (int part = HEADER; part <= FRAME; part *= 2) {
                if (cases[k].turned[i] & part)
                    turn_bit(&b, &infos[4 + i], (enum part)part);
            }
        }
        reopen(&b, 1 << 20);
        for (uint32_t i = 0; i < 100; i++) {
            bool lost = (i / 10 == 4 && cases[k].lost[0]) || (i / 10 == 5 && cases[k].lost[1]);
            uint64_t seq = b.list.at[i].record.seq;
            struct segment_spot spot;
            struct stored stored;
            int r = ask(&b, (struct ask){.what = FIND, .from = seq, .read = true}, &spot, &stored);
            assert_int_equal(r, lost ? -EBADMSG : 0);
            if (!lost)
                assert_is(&b.list.at[i], &spot, &stored);
            else
                assert_true(spot.seq <= seq && seq <= spot.to &&
                            spot.seq > b.list.at[39].record.seq &&
                            spot.to < b.list.at[cases[k].lost[1] ? 60 : 50].record.seq);
            pages_end(b.pages);
        }
        segments_check(b.segments);
        tear_down(&b);
    }
}

static void a_reader_goes_on_behind_what_is_unreadable(void **state)
{
    for (int back = 0; back < 2; back++) {
        struct bench b;
        struct chunk_info infos[10];
        set_up(&b, 1, 1 << 20);
        fill_evenly(&b, infos);
        turn_bit(&b, &infos[4], INDEX);
        reopen(&b, 1 << 20);
        struct segment_cursor cursor = {0};
        uint32_t read = 0;
        uint32_t bad = 0;
        uint64_t from = back ? b.list.last_seq : 1;
        for (;;) {
            struct segment_spot spot;
            int r = ask(&b,
                        (struct ask){.what = back ? PREV : NEXT,
                                     .cursor = &cursor,
                                     .from = from,
                                     .to = back ? 0 : UINT64_MAX},
                        &spot, NULL);
            pages_end(b.pages);
            if (r == -ENOENT)
                break;
            bad += r == -EBADMSG;
            read += r == 0;
            from = back ? spot.seq - 1 : spot.to + 1;
        }
        assert_int_equal(read, 90);
        assert_int_equal(bad, 1);
        segment_cursor_done(&cursor);
        tear_down(&b);
    }
}

/* --- files ---------------------------------------------------------------------------------------- */

static void a_removed_segment_is_gone_and_its_file_let_go(void **state)
{
    struct bench b;
    set_up(&b, 5, 1 << 20);
    fill(&b, 200);
    reopen(&b, 1 << 20);
    uint32_t count = segments_count(b.segments);
    assert_true(count > 2);
    struct segment_edge edge;
    segments_edge(b.segments, 1, &edge);
    struct segment_spot spot;
    struct stored stored;
    struct ask a = {.what = FIND, .from = edge.first_seq, .read = true};
    assert_int_equal(ask(&b, a, &spot, &stored), 0);
    pages_end(b.pages);
    int removed = 0;
    segments_remove(b.segments, edge.number, note_closed, &removed);
    disk_run_all(&b.run);
    assert_int_equal(removed, 1);
    assert_int_equal(ask(&b, a, &spot, &stored), -ENOENT);
    pages_end(b.pages);
    assert_int_equal(segments_count(b.segments), count - 1);
    tear_down(&b);
}

static void a_checkpoint_of_crossing_segments_is_refused(void **state)
{
    struct bench b;
    set_up(&b, 1, 1 << 20);
    const struct segment_edge good = {
        .number = 4, .size = 4096, .first_seq = 10, .last_seq = 20, .records = 3};
    assert_int_equal(segments_add(b.segments, &good), 0);
    struct segment_edge bad = good;
    assert_int_equal(segments_add(b.segments, &bad), -EBADMSG); /* the number */
    bad.number = 5;
    const uint64_t ranges[][2] = {{10, 20}, {1, 10}, {20, 30}, {12, 13}, {1, 30}, {0, 5}, {40, 30}};
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        bad.first_seq = ranges[i][0];
        bad.last_seq = ranges[i][1];
        assert_int_equal(segments_add(b.segments, &bad), -EBADMSG);
    }
    bad.first_seq = 21;
    bad.last_seq = 30;
    assert_int_equal(segments_add(b.segments, &bad), 0);
    struct buffer section = {0};
    segments_write(b.segments, &section);
    struct segments_options options = {.pages = b.pages, .folder = "g", .gid = 1};
    for (size_t size = 0; size < section.size; size++) {
        struct segments *s = segments_new(&options);
        assert_int_equal(segments_read_edges(s, (struct bytes){section.at, size}), -EBADMSG);
        segments_free(&s);
    }
    buffer_done(&section);
    tear_down(&b);
}

static void files_grow_with_what_is_stored(void **state)
{
    const uint64_t mb = 1 << 20;
    assert_false(segment_is_full(64 * mb - 1, 0));
    assert_true(segment_is_full(64 * mb, 0));
    assert_false(segment_is_full(64 * mb, 16384 * mb));
    assert_true(segment_is_full(128 * mb, 16384 * mb));
    assert_true(segment_is_full(1024 * mb, UINT64_MAX));
}

static void a_write_that_fails_is_told_and_the_next_file_takes_it(void **state)
{
    static const enum disk_op ops[] = {DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_SYNC_DIR};
    for (unsigned i = 0; i < 4; i++) {
        struct bench b;
        set_up(&b, i + 1, 1 << 20);
        for (int k = 0; k < 50; k++)
            made_random(&b.list, &b.run.prng, 6, 300);
        sim_disk_fail_next(b.run.disk, ops[i], -EIO);
        assert_int_equal(write_messages(&b, 1, 0, 0, 50), -EIO);
        assert_int_equal(segments_count(b.segments), 0);
        if (i > 0) /* there is a file by this number */
            assert_int_equal(write_messages(&b, 1, 0, 0, 50), -EEXIST);
        assert_int_equal(write_messages(&b, 2, 0, 0, 50), 0);
        tear_down(&b);
    }
}

static void what_was_synced_survives_a_crash_at_any_step(void **state)
{
    unsigned finished = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct bench b;
        set_up(&b, seed, 1 << 20);
        for (int k = 0; k < 60; k++)
            made_random(&b.list, &b.run.prng, 6, 3000);
        b.dead = calloc(60, 1);
        assert_int_equal(write_messages(&b, 1, 0, 0, 20), 0);
        struct segment_edge edge;
        segments_edge(b.segments, 0, &edge);
        /* More to the same file, cut off at some step; leftovers lie behind what a checkpoint names. */
        struct written written;
        struct segment_write *w = begin_write(&b, 1, edge.size, &written);
        struct chunk_info infos[2];
        add_chunk(&b, w, 1, 20, 30, &infos[0]);
        add_chunk(&b, w, 1, 30, 40, &infos[1]);
        segment_write_start(w);
        for (uint64_t i = prng_below(&b.run.prng, 9); i > 0 && !written.over; i--)
            (void)disk_run_step(&b.run);
        finished += written.over;
        disk_run_crash(&b.run, seed % 2 ? SIM_CRASH_POWER : SIM_CRASH_WORST);
        if (!written.over)
            segment_write_free(&w);
        uint32_t durable = written.over ? 40 : 20;
        struct segments *before = b.segments;
        for (int i = 0; i < 2 && written.over; i++)
            segments_extend(before, 1, &infos[i]);
        reopen(&b, 1 << 20);
        /* The next start writes there again. */
        segments_edge(b.segments, 0, &edge);
        assert_int_equal(write_messages(&b, 1, edge.size, durable, 60), 0);
        reopen(&b, 1 << 20);
        for (uint32_t i = 0; i < 60; i++) {
            struct segment_spot spot;
            struct stored stored;
            struct ask a = {.what = FIND, .from = b.list.at[i].record.seq, .read = true};
            assert_int_equal(ask(&b, a, &spot, &stored), 0);
            assert_is(&b.list.at[i], &spot, &stored);
            pages_end(b.pages);
        }
        tear_down(&b);
    }
    assert_in_range(finished, 1, 149);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_found_and_read_and_no_other),
        cmocka_unit_test(filtered_walks_find_what_the_model_finds),
        cmocka_unit_test(times_are_found),
        cmocka_unit_test(an_io_error_is_told_and_over_when_failures_are_forgotten),
        cmocka_unit_test(a_missing_file_is_unreadable_and_not_empty),
        cmocka_unit_test(damage_costs_the_chunk_it_is_in_and_is_told_as_a_range),
        cmocka_unit_test(a_reader_goes_on_behind_what_is_unreadable),
        cmocka_unit_test(a_removed_segment_is_gone_and_its_file_let_go),
        cmocka_unit_test(a_checkpoint_of_crossing_segments_is_refused),
        cmocka_unit_test(files_grow_with_what_is_stored),
        cmocka_unit_test(a_write_that_fails_is_told_and_the_next_file_takes_it),
        cmocka_unit_test(what_was_synced_survives_a_crash_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
