/* SPDX-License-Identifier: Apache-2.0 */
/* group_state.c -- the state of a group that is not in messages: docs/formats/entries.md. */
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/group/group_private.h"

#define FORM 1
#define CHECKSUM_SIZE 8

static uint64_t seed_of(const struct group *g)
{
    return checksum_seed(g->gid, 0x67726f7570, 0);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_log(const struct group *g, struct buffer *b)
{
    struct msglog_state s = group_log_state(g);
    buffer_varint(b, s.msgs);
    buffer_varint(b, s.bytes);
    buffer_varint(b, s.first_seq);
    buffer_varint(b, s.last_seq);
    buffer_u64(b, s.hash);
}

static void write_sources(const struct group *g, struct buffer *b)
{
    buffer_varint(b, g->source_count);
    for (uint32_t i = 0; i < g->source_count; i++) {
        const struct source *s = &g->sources[i];
        buffer_varint(b, s->number);
        buffer_varint(b, s->seq);
        buffer_bytes(b, (struct bytes){s->identity, s->identity_size});
    }
}

void group_write(const struct group *g, struct buffer *b)
{
    CHECK(!group_is_busy(g));
    size_t begun = b->size;
    const struct group_counters *c = &g->counters;
    buffer_u8(b, FORM);
    buffer_varint(b, c->applied);
    buffer_varint(b, c->term);
    buffer_varint(b, c->commit);
    buffer_svarint(b, c->time_ns);
    buffer_varint(b, c->rules_version);
    write_log(g, b);
    size_t section = buffer_section_begin(b);
    stream_rules_write(b, &g->rules);
    buffer_section_end(b, section);
    buffer_bytes(b, buffer_view(&g->config));
    buffer_bytes(b, buffer_view(&g->last_msg_id));
    buffer_varint(b, g->age_seq);
    buffer_svarint(b, g->age_time_ns);
    write_sources(g, b);
    dedup_write(&g->dedup, b);
    ttl_table_write(&g->ttl, b);
    buffer_u64(b, group_stream_hash(g));
    buffer_u64(b, checksum(seed_of(g), b->at + begun, b->size - begun));
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_counters(struct cursor *c, struct group_counters *ret)
{
    if (cursor_u8(c) != FORM)
        return -ENOTSUP;
    ret->applied = cursor_varint(c);
    ret->term = (uint32_t)cursor_varint_max(c, UINT32_MAX);
    ret->commit = cursor_varint(c);
    ret->time_ns = cursor_svarint(c);
    ret->rules_version = (uint32_t)cursor_varint_max(c, UINT32_MAX);
    if (c->bad || ret->commit < ret->applied)
        return -EBADMSG;
    return ret->rules_version <= GROUP_RULES_VERSION ? 0 : -ENOTSUP;
}

/* Whether the log is the one that this state was of. */
static int read_log(struct group *g, struct cursor *c)
{
    struct msglog_state s = group_log_state(g);
    bool same = cursor_varint(c) == s.msgs;
    same = cursor_varint(c) == s.bytes && same;
    same = cursor_varint(c) == s.first_seq && same;
    same = cursor_varint(c) == s.last_seq && same;
    same = cursor_u64(c) == s.hash && same;
    return same && !c->bad ? 0 : -EBADMSG;
}

static int read_rules(struct group *g, struct cursor *c)
{
    struct stream_rules rules;
    struct bytes section = cursor_section(c);
    if (c->bad)
        return -EBADMSG;
    int r = stream_rules_read(section, &rules);
    if (r == 0)
        group_set_rules(g, &rules);
    return r;
}

static int read_bytes(struct cursor *c, struct buffer *ret, size_t max)
{
    struct bytes bytes = cursor_bytes(c);
    if (c->bad || bytes.size > max)
        return -EBADMSG;
    ret->size = 0;
    buffer_add(ret, bytes.at, bytes.size);
    return 0;
}

static int read_sources(struct group *g, struct cursor *c)
{
    uint64_t count = cursor_varint_max(c, RULES_SOURCES_MAX);
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        uint16_t number = (uint16_t)cursor_varint_max(c, UINT16_MAX);
        uint64_t seq = cursor_varint(c);
        struct bytes identity = cursor_bytes(c);
        if (c->bad || identity.size > STREAM_IDENTITY_MAX || g->source_count != i ||
            (i > 0 && number <= g->sources[i - 1].number))
            return -EBADMSG;
        group_set_source(g, number, seq);
        struct source *s = &g->sources[i];
        s->identity_size = (uint8_t)identity.size;
        if (identity.size > 0)
            memcpy(s->identity, identity.at, identity.size);
    }
    return c->bad ? -EBADMSG : 0;
}

static int read_all(struct group *g, struct cursor *c)
{
    int r = read_counters(c, &g->counters);
    if (r == 0)
        r = read_log(g, c);
    if (r == 0)
        r = read_rules(g, c);
    if (r == 0)
        r = read_bytes(c, &g->config, STREAM_CONFIG_MAX);
    if (r == 0)
        r = read_bytes(c, &g->last_msg_id, DEDUP_ID_MAX);
    if (r != 0)
        return r;
    g->age_seq = cursor_varint(c);
    g->age_time_ns = cursor_svarint(c);
    r = read_sources(g, c);
    if (r == 0)
        r = dedup_read(&g->dedup, c);
    if (r == 0)
        r = ttl_table_read(&g->ttl, c);
    return r;
}

int group_read(struct group *g, struct bytes bytes)
{
    CHECK(g->counters.applied == 0 && !group_is_busy(g));
    if (bytes.size < CHECKSUM_SIZE)
        return -EBADMSG;
    struct bytes body = {bytes.at, bytes.size - CHECKSUM_SIZE};
    if (get_u64(body.at + body.size) != checksum(seed_of(g), body.at, body.size))
        return -EBADMSG;
    struct cursor c = cursor_of(body);
    int r = read_all(g, &c);
    g->work.begun = false;
    if (r != 0)
        return r;
    g->now_ns = g->counters.time_ns;
    uint64_t hash = cursor_u64(&c);
    return cursor_is_at_end(&c) && hash == group_stream_hash(g) ? 0 : -EBADMSG;
}
