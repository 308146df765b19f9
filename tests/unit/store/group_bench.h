/* SPDX-License-Identifier: Apache-2.0 */
/* group_bench.h -- one group for a test: entries are made, applied to the end, and what was told is
 * kept.
 *
 * With a log that misses pages, each apply is watched: a step that needs a page has changed
 * nothing.
 */
#ifndef TESTS_UNIT_STORE_GROUP_BENCH_H
#define TESTS_UNIT_STORE_GROUP_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/format/buffer.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/group/rules.h"
#include "tests/unit/store/msglog_double.h"

#define BENCH_GID 7u
#define SECOND ((int64_t)1000000000)

struct bench {
    struct msglog *log;
    struct group *group;
    struct stream_rules rules;
    uint64_t index;
    uint32_t term;
    int64_t now_ns;
    struct applied applied; /* of the last entry */
    struct buffer body;
    /* what was told while the last entry was applied */
    unsigned appended;
    unsigned removed[GROUP_BY_ACK + 1];
    unsigned removed_below;
    unsigned skipped;
    unsigned purged;
    unsigned configured;
    unsigned slices; /* -EINPROGRESS */
    bool wanted;     /* the answer to is_wanted */
    uint32_t slice;  /* of the group */
    /* all facts since the bench was made, folded */
    uint64_t told;
};

static inline void tell(struct bench *b, uint64_t what, uint64_t seq)
{
    b->told = hash_u64(b->told ^ hash_u64(seq + what * 1000003));
}

static void on_appended(void *context, const struct group_message *m)
{
    struct bench *b = context;
    b->appended++;
    tell(b, 1, m->seq);
}

static void on_removed(void *context, const struct group_message *m, enum group_reason reason)
{
    struct bench *b = context;
    struct stored_stat s;
    assert_int_equal(msglog_memory_stat(b->log->memory, m->seq, &s), 0);
    assert_true(bytes_equal(s.subject, m->subject) && s.size == m->size);
    b->removed[reason]++;
    tell(b, 2 + (uint64_t)reason, m->seq);
}

static void on_removed_below(void *context, uint64_t seq, enum group_reason reason)
{
    struct bench *b = context;
    b->removed_below++;
    tell(b, 20 + (uint64_t)reason, seq);
}

static void on_skipped(void *context, uint64_t seq)
{
    struct bench *b = context;
    b->skipped++;
    tell(b, 40, seq);
}

static void on_purged(void *context, struct bytes filter, uint64_t first_match)
{
    struct bench *b = context;
    struct filter matching = {&filter, filter.size > 0};
    struct msglog_state s;
    struct stored first;
    msglog_state(b->log, &s);
    if (msglog_memory_next(b->log->memory, &matching, 0, UINT64_MAX, &first) != 0)
        first.seq = s.last_seq + 1;
    assert_int_equal(first_match, first.seq);
    b->purged++;
    tell(b, 41, first_match);
}

static void on_configured(void *context, const struct stream_rules *rules)
{
    struct bench *b = context;
    b->configured++;
}

static bool on_is_wanted(void *context, uint64_t seq, struct bytes subject)
{
    struct bench *b = context;
    struct msglog_state s;
    msglog_state(b->log, &s);
    assert_int_equal(seq, s.last_seq + 1);
    return b->wanted;
}

static const struct group_events bench_events = {
    .appended = on_appended,
    .removed = on_removed,
    .removed_below = on_removed_below,
    .skipped = on_skipped,
    .purged = on_purged,
    .configured = on_configured,
    .is_wanted = on_is_wanted,
};

static inline struct group *bench_group(struct bench *b)
{
    struct group_options options = {.gid = BENCH_GID,
                                    .seed = 5,
                                    .log = b->log,
                                    .events = &bench_events,
                                    .context = b,
                                    .slice = b->slice};
    return group_new(&options);
}

static inline void bench_init_slice(struct bench *b, uint32_t slice)
{
    *b = (struct bench){.term = 1, .now_ns = 1000 * SECOND, .slice = slice};
    b->log = double_new(3);
    b->group = bench_group(b);
    stream_rules_init(&b->rules, BYTES("S"));
}

static inline void bench_init(struct bench *b)
{
    bench_init_slice(b, 0);
}

static inline void bench_done(struct bench *b)
{
    group_check(b->group);
    msglog_memory_check(b->log->memory);
    group_free(&b->group);
    double_free(&b->log);
    stream_rules_done(&b->rules);
    buffer_done(&b->body);
}

static inline unsigned facts(const struct bench *b)
{
    unsigned n = b->appended + b->removed_below + b->skipped + b->purged + b->configured;
    for (unsigned i = 0; i <= GROUP_BY_ACK; i++)
        n += b->removed[i];
    return n;
}

/* Entries of these kinds change the state in one step, if what has to go fits one slice. */
static inline bool is_one_step(enum entry_kind kind)
{
    return kind == ENTRY_MSG || kind == ENTRY_DELETE || kind == ENTRY_SKIP || kind == ENTRY_SOURCE;
}

/* Applies an entry until it is done; returns group_apply's word if that is a failure. */
static inline int bench_apply_entry(struct bench *b, const struct entry *e)
{
    b->appended = b->removed_below = b->skipped = b->purged = b->configured = b->slices = 0;
    memset(b->removed, 0, sizeof b->removed);
    double_forget(b->log);
    unsigned misses_in_a_row = 0;
    for (;;) {
        uint64_t hash = group_state_hash(b->group);
        unsigned told = facts(b);
        int r = group_apply(b->group, e, &b->applied);
        if (r == -EAGAIN) {
            unsigned changed = facts(b) - told;
            if (++misses_in_a_row % b->log->page_rounds == 0 && b->log->page_rounds > 1) {
                /* the same page again: all earlier steps were done before */
                assert_int_equal(changed, 0);
                assert_true(group_state_hash(b->group) == hash);
            }
            if (changed == 0)
                assert_true(group_state_hash(b->group) == hash);
            if (is_one_step(e->kind) && b->slices == 0 && b->removed[GROUP_BY_AGE] == 0)
                assert_int_equal(facts(b), 0);
            continue;
        }
        misses_in_a_row = 0;
        if (r == -EINPROGRESS) {
            b->slices++;
            continue;
        }
        return r;
    }
}

static inline void bench_apply_flags(struct bench *b, enum entry_kind kind, uint8_t flags,
                                     struct bytes body)
{
    struct entry e = {
        .gid = BENCH_GID,
        .index = ++b->index,
        .term = b->term,
        .kind = kind,
        .flags = flags,
        .time_ns = b->now_ns,
        .body = body,
    };
    e.body_hash = entry_body_hash(e.gid, e.index, e.term, body);
    assert_int_equal(bench_apply_entry(b, &e), 0);
    group_check(b->group);
}

static inline void bench_apply(struct bench *b, enum entry_kind kind)
{
    bench_apply_flags(b, kind, 0, buffer_view(&b->body));
}

static inline void bench_configure(struct bench *b)
{
    struct buffer rules = {0};
    stream_rules_write(&rules, &b->rules);
    struct stream_config c = {buffer_view(&rules), BYTES("{}")};
    b->body.size = 0;
    stream_config_write(&b->body, &c);
    bench_apply(b, ENTRY_CONFIG);
    assert_int_equal(b->applied.outcome, APPLIED_CHANGED);
    buffer_done(&rules);
}

/* Headers as lines "A: b|C: d". */
static inline struct buffer bench_headers(const char *lines)
{
    struct buffer headers = {0};
    if (lines == NULL || *lines == '\0')
        return headers;
    buffer_add(&headers, "NATS/1.0\r\n", 10);
    for (const char *at = lines;; at++) {
        if (*at == '|' || *at == '\0')
            buffer_add(&headers, "\r\n", 2);
        else
            buffer_u8(&headers, (uint8_t)*at);
        if (*at == '\0')
            break;
    }
    buffer_add(&headers, "\r\n", 2);
    return headers;
}

static inline void bench_write_message(struct bench *b, const struct message *m)
{
    size_t size = message_body_size(m);
    b->body.size = 0;
    message_body_write(m, buffer_room(&b->body, size));
    b->body.size = size;
}

static inline void bench_message(struct bench *b, const char *subject, const char *lines,
                                 size_t payload)
{
    char *bytes = calloc(1, payload + 1);
    struct buffer headers = bench_headers(lines);
    struct message m = {
        .subject = bytes_of(subject),
        .headers = buffer_view(&headers),
        .payload = {bytes, payload},
    };
    bench_write_message(b, &m);
    buffer_done(&headers);
    free(bytes);
}

static inline void bench_publish(struct bench *b, const char *subject, const char *lines)
{
    bench_message(b, subject, lines, 1);
    bench_apply(b, ENTRY_MSG);
}

static inline void bench_part(struct bench *b, uint8_t flags, const char *subject,
                              const char *lines)
{
    bench_message(b, subject, lines, 1);
    bench_apply_flags(b, ENTRY_BATCH, flags, buffer_view(&b->body));
}

static inline void bench_delete(struct bench *b, uint64_t seq)
{
    b->body.size = 0;
    stream_delete_write(&b->body, &seq, 1, false);
    bench_apply(b, ENTRY_DELETE);
}

static inline void bench_purge(struct bench *b, const char *filter, uint64_t up_to, uint64_t keep)
{
    struct stream_purge p = {bytes_of(filter), up_to, keep};
    b->body.size = 0;
    stream_purge_write(&b->body, &p);
    bench_apply(b, ENTRY_PURGE);
}

static inline void bench_time(struct bench *b, int64_t step_ns)
{
    b->now_ns += step_ns;
    b->body.size = 0;
    bench_apply(b, ENTRY_TIME);
}

/* "1:a 3:b": what is in the stream. Valid until the next call. */
static inline const char *bench_messages(struct bench *b)
{
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    const struct filter all = {NULL, 0};
    struct stored s = {.seq = 0};
    for (uint64_t from = 1; msglog_memory_next(b->log->memory, &all, from, UINT64_MAX, &s) == 0;
         from = s.seq + 1) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu:%.*s",
                                 used > 0 ? " " : "", (unsigned long long)s.seq,
                                 (int)s.message.subject.size, s.message.subject.at);
        assert_true(used < sizeof text);
    }
    return text;
}

#endif
