/* SPDX-License-Identifier: Apache-2.0 */
/* state_scene.h -- for tests of snapshots and backups: groups with a history, and what they are, as text. */
#ifndef TESTS_UNIT_STORE_STATE_SCENE_H
#define TESTS_UNIT_STORE_STATE_SCENE_H

#include <inttypes.h>
#include <stdarg.h>

#include "store/format/consumer_entry.h"
#include "store/group/consumers.h"
#include "store/group/stream_group.h"
#include "store/msglog_file.h"
#include "store/store_state.h"
#include "tests/unit/store/store_run.h"

#define SCENE_WINDOW 24u
#define SCENE_CONSUMERS 3u

struct scene {
    struct store_run *run;
    struct prng prng;
    struct store_group *group;
    struct store_run_append appends[SCENE_WINDOW];
    unsigned count;    /* of appends under way */
    uint64_t last_seq; /* about */
    uint64_t delivered[SCENE_CONSUMERS];
    uint64_t dseq[SCENE_CONSUMERS];
};

static inline void scene_init(struct scene *s, struct store_run *run, struct store_group *g,
                              uint64_t seed)
{
    *s = (struct scene){.run = run, .group = g};
    prng_init(&s->prng, seed);
}

/* All that was appended is applied. */
static inline void scene_settle(struct scene *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        int status = store_run_finish(s->run, &s->appends[i]);
        CHECK(status == 0);
        if (s->appends[i].applied.seq > s->last_seq)
            s->last_seq = s->appends[i].applied.seq;
    }
    s->count = 0;
}

static inline struct store_run_append *scene_next(struct scene *s)
{
    if (s->count == SCENE_WINDOW)
        scene_settle(s);
    s->appends[s->count] = (struct store_run_append){0};
    return &s->appends[s->count];
}

/* Hands the next one over. */
static inline void scene_append(struct scene *s, enum entry_kind kind)
{
    struct store_run_append *a = &s->appends[s->count];
    while (store_run_begin(s->run, s->group, a, kind) == -EAGAIN)
        CHECK(store_run_step(s->run));
    s->count++;
}

static inline void scene_publish(struct scene *s, size_t size_max)
{
    static char payload[300000];
    char subject[32];
    char headers[80] = "";
    struct store_run_append *a = scene_next(s);
    size_t size = prng_below(&s->prng, size_max);
    for (size_t i = 0; i < size; i += 97)
        payload[i] = (char)prng_next(&s->prng);
    snprintf(subject, sizeof subject, "s.%u", (unsigned)prng_below(&s->prng, 9));
    if (prng_one_in(&s->prng, 3))
        snprintf(headers, sizeof headers, "NATS/1.0\r\nNats-Msg-Id: %" PRIu64 "\r\n\r\n",
                 prng_next(&s->prng));
    const struct message m = {
        .subject = bytes_of(subject), .headers = bytes_of(headers), .payload = {payload, size}};
    message_body_write(&m, buffer_room(&a->body, message_body_size(&m)));
    a->body.size = message_body_size(&m);
    scene_append(s, ENTRY_MSG);
}

static inline void scene_delete(struct scene *s)
{
    struct store_run_append *a = scene_next(s);
    uint64_t seq = 1 + prng_below(&s->prng, s->last_seq + 1);
    stream_delete_write(&a->body, &seq, 1, false);
    scene_append(s, ENTRY_DELETE);
}

static inline void scene_purge(struct scene *s, const char *filter, uint64_t keep)
{
    struct store_run_append *a = scene_next(s);
    stream_purge_write(&a->body, &(struct stream_purge){.filter = bytes_of(filter), .keep = keep});
    scene_append(s, ENTRY_PURGE);
}

static inline void scene_skip(struct scene *s, uint64_t count)
{
    scene_settle(s);
    struct store_run_append *a = scene_next(s);
    stream_skip_write(&a->body, &(struct stream_skip){s->last_seq + 1, s->last_seq + count});
    scene_append(s, ENTRY_SKIP);
    s->last_seq += count;
}

static inline void scene_consumer(struct scene *s, uint32_t id)
{
    char name[16];
    snprintf(name, sizeof name, "C%u", id);
    const struct bytes filter[] = {BYTES("s.*")};
    struct store_run_append *a = scene_next(s);
    const struct consumer_put put = {
        .id = id,
        .ack = CONSUMER_ACK_EXPLICIT,
        .ack_wait_ms = 30000,
        .created_ns = 1700000000000000000,
        .start_seq = 1,
        .name = bytes_of(name),
        .config = BYTES("{\"c\":1}"),
        .filter_count = id % 2,
    };
    consumer_put_write(&a->body, &put, filter, NULL);
    scene_append(s, ENTRY_CONSUMER_PUT);
}

/* Some deliveries, and acks of some of what was delivered. */
static inline void scene_consume(struct scene *s, uint32_t id)
{
    struct consumer_writer w;
    scene_settle(s);
    struct store_run_append *a = scene_next(s);
    uint64_t *at = &s->delivered[id - 1];
    unsigned count = 0;
    consumer_writer_begin(&w, &a->body, false);
    for (; count < 5 && *at < s->last_seq; count++)
        consumer_writer_add(
            &w, &(struct consumer_item){
                    .id = id, .length = 1, .seq = ++*at, .dseq = ++s->dseq[id - 1], .count = 1});
    consumer_writer_end(&w);
    if (count == 0) {
        buffer_done(&a->body);
        return;
    }
    scene_append(s, ENTRY_DELIVERED);
    a = scene_next(s);
    consumer_writer_begin(&w, &a->body, true);
    for (uint64_t seq = *at - count + 1; seq <= *at; seq += 1 + prng_below(&s->prng, 3))
        consumer_writer_add(
            &w, &(struct consumer_item){.id = id, .length = 1, .seq = seq, .op = CONSUMER_OP_ACK});
    consumer_writer_end(&w);
    scene_append(s, ENTRY_ACKS);
}

static inline void scene_step(struct scene *s)
{
    uint64_t draw = prng_below(&s->prng, 100);
    if (draw < 70)
        scene_publish(s, prng_one_in(&s->prng, 60) ? 60000 : 2000);
    else if (draw < 88)
        scene_delete(s);
    else if (draw < 89)
        scene_purge(s, "s.3", prng_below(&s->prng, 3));
    else if (draw < 91)
        scene_skip(s, 1 + prng_below(&s->prng, 3000));
    else if (s->dseq[draw % SCENE_CONSUMERS] > 0 || prng_one_in(&s->prng, 3))
        scene_consume(s, 1 + (uint32_t)(draw % SCENE_CONSUMERS));
}

/* A group with a history of so many steps. */
static inline void scene_play(struct scene *s, unsigned steps)
{
    for (uint32_t id = 1; id <= SCENE_CONSUMERS; id++)
        scene_consumer(s, id);
    for (unsigned i = 0; i < steps; i++)
        scene_step(s);
    scene_settle(s);
}

/* --- what a group is -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static inline void scene_print(struct buffer *b,
                                                                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *at = buffer_room(b, 512);
    int n = vsnprintf(at, 512, format, args);
    va_end(args);
    CHECK(n >= 0 && n < 512);
    b->size += (size_t)n;
}

struct scene_told {
    struct store_look look;
    struct buffer *text;
    uint64_t next;
    bool over;
    int status;
};

static inline void scene_tell_consumers(struct buffer *b, struct stream_group *stream)
{
    struct consumers *set = stream_group_consumers(stream);
    struct consumer **all = consumers_sorted(set);
    for (uint32_t i = 0; i < set->count; i++) {
        struct consumer_info info;
        struct bytes name = consumer_name(all[i]);
        consumer_describe(all[i], &info);
        scene_print(b,
                    "consumer %u %.*s: %" PRIu64 " %" PRIu64 ", %" PRIu64 " %" PRIu64 ", %" PRIu64
                    " unacked, %" PRIu64 " again\n",
                    all[i]->id, (int)name.size, name.at, info.delivered.dseq, info.delivered.seq,
                    info.floor.dseq, info.floor.seq, info.ack_pending, info.redelivered);
    }
    free(all);
}

static inline int scene_tell_messages(struct store_look *look, struct group *group,
                                      struct msglog *log)
{
    struct scene_told *t = look->context;
    struct stored s;
    struct msglog_state state;
    msglog_state(log, &state);
    if (t->next == 0) {
        scene_print(t->text,
                    "msgs %" PRIu64 " bytes %" PRIu64 " first %" PRIu64 " last %" PRIu64
                    " hash %" PRIx64 " last time %" PRIi64 "\n",
                    state.msgs, state.bytes, state.first_seq, state.last_seq, state.hash,
                    state.last_time_ns);
        t->next = 1;
    }
    int status;
    while ((status = msglog_next(log, NULL, t->next, UINT64_MAX, &s)) == 0) {
        scene_print(t->text, "%" PRIu64 " %" PRIi64 " %.*s %zu %zu %" PRIx64 "\n", s.seq, s.time_ns,
                    (int)s.message.subject.size, s.message.subject.at, s.message.headers.size,
                    s.message.payload.size,
                    hash_bytes(hash_bytes(1, s.message.headers.at, s.message.headers.size),
                               s.message.payload.at, s.message.payload.size));
        t->next = s.seq + 1;
    }
    if (status == -EINPROGRESS)
        t->next = s.seq;
    if (status != -ENOENT)
        return status;
    struct bytes config = group_config(group);
    scene_print(t->text, "config %.*s\n", (int)config.size, config.at);
    scene_tell_consumers(t->text, look->group->stream);
    return 0;
}

static inline void scene_told(struct store_look *look, int status)
{
    struct scene_told *t = look->context;
    t->over = true;
    t->status = status;
}

/* Everything that survives a backup. */
static inline void scene_tell(struct store_run *run, struct store_group *g, struct buffer *text)
{
    struct scene_told t = {.look = {.run = scene_tell_messages, .done = scene_told}, .text = text};
    t.look.context = &t;
    store_look(run->store, g, &t.look);
    store_run_until(run, &t.over);
    CHECK(t.status == 0);
}

/* And what survives a state stream beyond that; the group is loaded. */
static inline void scene_tell_state(struct store_run *run, struct store_group *g,
                                    struct buffer *text)
{
    scene_tell(run, g, text);
    struct group_counters c;
    group_counters(g->group, &c);
    scene_print(text, "applied %" PRIu64 " term %u time %" PRIi64 "\n", c.applied, c.term,
                c.time_ns);
    struct buffer stream = {0};
    struct buffer consumers = {0};
    stream_group_write(g->stream, &stream, &consumers);
    /* its end are hashes that are seeded with the group's number */
    scene_print(text, "sections %" PRIx64 " %" PRIx64 "\n",
                hash_bytes(1, stream.at, stream.size - 16),
                hash_bytes(1, consumers.at, consumers.size));
    buffer_done(&stream);
    buffer_done(&consumers);
}

static inline bool scene_same(const struct buffer *a, const struct buffer *b)
{
    if (bytes_equal(buffer_view(a), buffer_view(b)))
        return true;
    fprintf(stderr, "--- %.*s\n+++ %.*s\n", (int)(a->size < 2000 ? a->size : 2000), a->at,
            (int)(b->size < 2000 ? b->size : 2000), b->at);
    return false;
}

/* How many folders of groups there are. */
static inline unsigned scene_folders(struct store_run *run)
{
    struct disk_request list = {.op = DISK_LIST, .path = "store/g"};
    int64_t status = store_run_perform(run, &list);
    CHECK(status == 0);
    unsigned count = list.names->count;
    disk_names_free(&list.names);
    return count;
}

#endif
