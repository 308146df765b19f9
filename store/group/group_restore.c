/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/group_restore.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

static const struct filter all_subjects = {NULL, 0};

void group_restore_count(struct group *g, uint64_t index, uint32_t term)
{
    CHECK(index == g->counters.applied + 1);
    g->work.begun = false;
    g->counters.applied = index;
    g->counters.term = term;
    group_committed(g, index);
}

void group_restore_time(struct group *g, int64_t time_ns)
{
    if (time_ns > g->now_ns)
        g->now_ns = time_ns;
    g->counters.time_ns = g->now_ns;
}

/* An id counts from the time of its message; where times went back, from that of the message before it. */
static void note_id(struct group *g, struct bytes id, uint64_t seq, int64_t time_ns)
{
    g->last_msg_id.size = 0;
    buffer_add(&g->last_msg_id, id.at, id.size);
    int64_t limit;
    if (id.size == 0 || id.size > DEDUP_ID_MAX ||
        __builtin_sub_overflow(g->now_ns, g->rules.duplicate_window_ns, &limit) || time_ns <= limit)
        return;
    if (time_ns > g->now_ns)
        time_ns = g->now_ns;
    dedup_put(&g->dedup, id, seq, dedup_time_after(&g->dedup, time_ns));
}

/* Seconds; 0: the message has none, or the stream does not have any. */
static int64_t ttl_of(const struct group *g, const struct publish_headers *h)
{
    int64_t seconds;
    if (!rules_have(&g->rules, RULES_ALLOW_MSG_TTL) ||
        publish_header_ttl(h->values[HEADER_TTL], &seconds) != 0)
        return 0;
    return seconds;
}

void group_restore_message(struct group *g, uint32_t term, uint64_t seq, int64_t time_ns,
                           const struct message *m)
{
    CHECK(seq > group_log_state(g).last_seq && !group_is_busy(g));
    struct publish_headers headers;
    publish_headers_read(m->headers, &headers);
    struct message own = *m;
    own.flags = MESSAGE_OWN_TIME;
    own.time_ns = time_ns;
    g->made.size = 0;
    message_body_write(&own, buffer_room(&g->made, message_body_size(&own)));
    g->made.size = message_body_size(&own);
    const struct entry e = {
        .gid = g->gid,
        .index = g->counters.applied + 1,
        .term = term,
        .kind = ENTRY_MSG,
        .time_ns = g->now_ns,
    };
    group_append(g, &e, &own, true, seq, ttl_of(g, &headers));
    note_id(g, headers.values[HEADER_MSG_ID], seq, time_ns);
    group_restore_count(g, e.index, term);
}

int group_restore_deleted(struct group *g, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < g->slice; i++) {
        struct stored stored = {.seq = from};
        int status = msglog_next(g->log, &all_subjects, from, to, &stored);
        if (status == -EINPROGRESS)
            from = stored.seq;
        if (status == 0) {
            struct stored_stat s = group_stat_of(g, &stored);
            group_remove(g, &s, GROUP_BY_DELETE);
            g->work.begun = false;
        } else if (status != -EINPROGRESS) {
            return status == -ENOENT ? 0 : status;
        }
    }
    return -EINPROGRESS;
}

void group_restore_last(struct group *g, uint64_t seq)
{
    if (seq > group_log_state(g).last_seq)
        group_skip(g, seq);
    g->work.begun = false;
}

void group_renumber(struct group *g, uint64_t gid)
{
    g->gid = gid;
    struct buffer b = {0};
    stream_rules_write(&b, &g->rules);
    g->rules_hash = checksum(gid, b.at, b.size);
    buffer_done(&b);
}
