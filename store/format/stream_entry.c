/* SPDX-License-Identifier: Apache-2.0 */
#include "store/format/stream_entry.h"

#include <errno.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"

/* Every body begins with its form, so that another can follow; the zeros behind it are checked. */
#define FORM 1

enum stored_flag {
    DELETE_ERASE = 1u << 0,
    SOURCE_RESET = 1u << 0,
};

enum {
    CONFIG_SIZE = 8,
    DELETE_SIZE = 8,
    PURGE_SIZE = 24,
    SKIP_SIZE = 24,
    SOURCE_SIZE = 16,
    RULES_SIZE = 8,
    SEQ_SIZE = 8,
};

/* Zeroed room for a head of this size. */
static char *head_add(struct buffer *b, size_t size, uint8_t flags)
{
    char *at = buffer_room(b, size);
    memset(at, 0, size);
    at[0] = FORM;
    at[1] = (char)flags;
    b->size += size;
    return at;
}

/* 0: the body has a head of this size with no other flags than these. */
static int head_check(struct bytes body, size_t size, unsigned flags)
{
    if (body.size > 0 && (uint8_t)body.at[0] != FORM)
        return -ENOTSUP;
    return body.size >= size && ((uint8_t)body.at[1] & ~flags) == 0 ? 0 : -EBADMSG;
}

void stream_config_write(struct buffer *b, const struct stream_config *c)
{
    CHECK(c->rules.size <= STREAM_RULES_SIZE_MAX && c->text.size <= STREAM_CONFIG_MAX);
    char *at = head_add(b, CONFIG_SIZE, 0);
    put_u32(at + 4, (uint32_t)c->rules.size);
    buffer_add(b, c->rules.at, c->rules.size);
    buffer_add(b, c->text.at, c->text.size);
}

int stream_config_read(struct bytes body, struct stream_config *ret)
{
    int r = head_check(body, CONFIG_SIZE, 0);
    if (r != 0)
        return r;
    if (get_u16(body.at + 2) != 0)
        return -EBADMSG;
    size_t rules = get_u32(body.at + 4);
    size_t left = body.size - CONFIG_SIZE;
    if (rules > STREAM_RULES_SIZE_MAX || rules > left || left - rules > STREAM_CONFIG_MAX)
        return -EBADMSG;
    ret->rules = (struct bytes){body.at + CONFIG_SIZE, rules};
    ret->text = (struct bytes){body.at + CONFIG_SIZE + rules, left - rules};
    return 0;
}

static bool seq_is_good(uint64_t seq)
{
    return seq > 0 && seq <= STREAM_SEQ_MAX;
}

void stream_delete_write(struct buffer *b, const uint64_t *seqs, uint32_t count, bool erase)
{
    CHECK(count > 0 && count <= STREAM_DELETE_MAX);
    char *at = head_add(b, DELETE_SIZE, erase ? DELETE_ERASE : 0);
    put_u32(at + 4, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(seq_is_good(seqs[i]) && (i == 0 || seqs[i] > seqs[i - 1]));
        buffer_u64(b, seqs[i]);
    }
}

int stream_delete_read(struct bytes body, struct stream_delete *ret)
{
    int r = head_check(body, DELETE_SIZE, DELETE_ERASE);
    if (r != 0)
        return r;
    if (get_u16(body.at + 2) != 0)
        return -EBADMSG;
    struct stream_delete d = {
        .erase = (body.at[1] & DELETE_ERASE) != 0,
        .count = get_u32(body.at + 4),
        .bytes = {body.at + DELETE_SIZE, body.size - DELETE_SIZE},
    };
    if (d.count == 0 || d.count > STREAM_DELETE_MAX || d.bytes.size != (size_t)d.count * SEQ_SIZE)
        return -EBADMSG;
    uint64_t last = 0;
    for (uint32_t i = 0; i < d.count; i++) {
        uint64_t seq = stream_delete_seq(&d, i);
        if (!seq_is_good(seq) || seq <= last)
            return -EBADMSG;
        last = seq;
    }
    *ret = d;
    return 0;
}

void stream_purge_write(struct buffer *b, const struct stream_purge *p)
{
    CHECK(p->filter.size <= UINT16_MAX && p->up_to <= STREAM_SEQ_MAX);
    char *at = head_add(b, PURGE_SIZE, 0);
    put_u16(at + 2, (uint16_t)p->filter.size);
    put_u64(at + 8, p->up_to);
    put_u64(at + 16, p->keep);
    buffer_add(b, p->filter.at, p->filter.size);
}

int stream_purge_read(struct bytes body, struct stream_purge *ret)
{
    int r = head_check(body, PURGE_SIZE, 0);
    if (r != 0)
        return r;
    if (get_u32(body.at + 4) != 0)
        return -EBADMSG;
    size_t filter = get_u16(body.at + 2);
    uint64_t up_to = get_u64(body.at + 8);
    if (filter != body.size - PURGE_SIZE || up_to > STREAM_SEQ_MAX)
        return -EBADMSG;
    ret->filter = (struct bytes){body.at + PURGE_SIZE, filter};
    ret->up_to = up_to;
    ret->keep = get_u64(body.at + 16);
    return 0;
}

void stream_skip_write(struct buffer *b, const struct stream_skip *s)
{
    CHECK(seq_is_good(s->from) && seq_is_good(s->to) && s->from <= s->to);
    char *at = head_add(b, SKIP_SIZE, 0);
    put_u64(at + 8, s->from);
    put_u64(at + 16, s->to);
}

int stream_skip_read(struct bytes body, struct stream_skip *ret)
{
    int r = head_check(body, SKIP_SIZE, 0);
    if (r != 0)
        return r;
    if (body.size != SKIP_SIZE || get_u16(body.at + 2) != 0 || get_u32(body.at + 4) != 0)
        return -EBADMSG;
    struct stream_skip s = {.from = get_u64(body.at + 8), .to = get_u64(body.at + 16)};
    if (!seq_is_good(s.from) || !seq_is_good(s.to) || s.from > s.to)
        return -EBADMSG;
    *ret = s;
    return 0;
}

void stream_source_write(struct buffer *b, const struct stream_source *s)
{
    CHECK(s->identity.size <= STREAM_IDENTITY_MAX);
    char *at = head_add(b, SOURCE_SIZE, s->reset ? SOURCE_RESET : 0);
    put_u16(at + 2, s->number);
    put_u16(at + 4, (uint16_t)s->identity.size);
    put_u64(at + 8, s->seq);
    buffer_add(b, s->identity.at, s->identity.size);
}

int stream_source_read(struct bytes body, struct stream_source *ret)
{
    int r = head_check(body, SOURCE_SIZE, SOURCE_RESET);
    if (r != 0)
        return r;
    if (get_u16(body.at + 6) != 0)
        return -EBADMSG;
    size_t identity = get_u16(body.at + 4);
    if (identity > STREAM_IDENTITY_MAX || identity != body.size - SOURCE_SIZE)
        return -EBADMSG;
    ret->number = get_u16(body.at + 2);
    ret->reset = (body.at[1] & SOURCE_RESET) != 0;
    ret->seq = get_u64(body.at + 8);
    ret->identity = (struct bytes){body.at + SOURCE_SIZE, identity};
    return 0;
}

void stream_rules_version_write(struct buffer *b, uint32_t version)
{
    put_u32(head_add(b, RULES_SIZE, 0) + 4, version);
}

int stream_rules_version_read(struct bytes body, uint32_t *ret)
{
    int r = head_check(body, RULES_SIZE, 0);
    if (r != 0)
        return r;
    if (body.size != RULES_SIZE || get_u16(body.at + 2) != 0)
        return -EBADMSG;
    *ret = get_u32(body.at + 4);
    return 0;
}
