/* SPDX-License-Identifier: Apache-2.0 */
#include "store/group/rules.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/little.h"
#include "store/format/stream_entry.h"

#define FORM 1

enum { FIXED_SIZE = 72, SOURCE_SIZE = 2 };

static_assert(FIXED_SIZE + RULES_NAME_MAX + RULES_SOURCES_MAX * SOURCE_SIZE <=
                  STREAM_RULES_SIZE_MAX,
              "rules fit into a CONFIG entry");

void stream_rules_init(struct stream_rules *r, struct bytes name)
{
    CHECK(name.size <= RULES_NAME_MAX);
    *r = (struct stream_rules){.max_msg_size = -1, .name_size = (uint16_t)name.size};
    if (name.size > 0)
        memcpy(r->name, name.at, name.size);
}

void stream_rules_done(struct stream_rules *r)
{
    free(r->sources);
    *r = (struct stream_rules){0};
}

void stream_rules_set_sources(struct stream_rules *r, const uint16_t *sources, uint16_t count)
{
    CHECK(count <= RULES_SOURCES_MAX);
    free(r->sources);
    r->sources = NULL;
    r->source_count = count;
    if (count == 0)
        return;
    r->sources = malloc(count * sizeof r->sources[0]);
    CHECK(r->sources != NULL);
    memcpy(r->sources, sources, count * sizeof r->sources[0]);
    for (uint16_t i = 1; i < count; i++)
        CHECK(sources[i] > sources[i - 1]);
}

bool stream_rules_has_source(const struct stream_rules *r, uint16_t number)
{
    for (uint16_t i = 0; i < r->source_count; i++)
        if (r->sources[i] == number)
            return true;
    return false;
}

void stream_rules_write(struct buffer *b, const struct stream_rules *r)
{
    CHECK((r->flags & ~RULES_FLAGS) == 0 && r->first_seq <= STREAM_SEQ_MAX);
    char *at = buffer_room(b, FIXED_SIZE);
    at[0] = FORM;
    at[1] = (char)r->retention;
    at[2] = (char)r->discard;
    at[3] = (char)r->name_size;
    put_u32(at + 4, r->flags);
    put_i64(at + 8, r->max_msgs);
    put_i64(at + 16, r->max_bytes);
    put_i64(at + 24, r->max_msgs_per_subject);
    put_i64(at + 32, r->max_age_ns);
    put_i64(at + 40, r->duplicate_window_ns);
    put_i64(at + 48, r->marker_ttl_ns);
    put_u64(at + 56, r->first_seq);
    put_u32(at + 64, (uint32_t)r->max_msg_size);
    put_u16(at + 68, r->source_count);
    put_u16(at + 70, 0);
    b->size += FIXED_SIZE;
    buffer_add(b, r->name, r->name_size);
    for (uint16_t i = 0; i < r->source_count; i++) {
        put_u16(buffer_room(b, SOURCE_SIZE), r->sources[i]);
        b->size += SOURCE_SIZE;
    }
}

static bool fixed_is_good(const char *at)
{
    return (uint8_t)at[1] <= RETENTION_WORK_QUEUE && (uint8_t)at[2] <= DISCARD_NEW &&
           (get_u32(at + 4) & ~RULES_FLAGS) == 0 && get_u64(at + 56) <= STREAM_SEQ_MAX &&
           get_u16(at + 68) <= RULES_SOURCES_MAX && get_u16(at + 70) == 0;
}

/* The sources at `at`, which rise; false: they do not. */
static bool read_sources(struct stream_rules *r, const char *at, uint16_t count)
{
    for (uint16_t i = 1; i < count; i++)
        if (get_u16(at + i * SOURCE_SIZE) <= get_u16(at + (i - 1) * SOURCE_SIZE))
            return false;
    r->source_count = count;
    if (count == 0)
        return true;
    r->sources = malloc(count * sizeof r->sources[0]);
    CHECK(r->sources != NULL);
    for (uint16_t i = 0; i < count; i++)
        r->sources[i] = get_u16(at + i * SOURCE_SIZE);
    return true;
}

int stream_rules_read(struct bytes bytes, struct stream_rules *ret)
{
    const char *at = bytes.at;
    if (bytes.size > 0 && (uint8_t)at[0] != FORM)
        return -ENOTSUP;
    if (bytes.size < FIXED_SIZE || !fixed_is_good(at))
        return -EBADMSG;
    size_t name = (uint8_t)at[3];
    uint16_t sources = get_u16(at + 68);
    if (bytes.size != FIXED_SIZE + name + (size_t)sources * SOURCE_SIZE)
        return -EBADMSG;
    struct stream_rules r;
    stream_rules_init(&r, (struct bytes){at + FIXED_SIZE, name});
    r.retention = (enum rules_retention)at[1];
    r.discard = (enum rules_discard)at[2];
    r.flags = get_u32(at + 4);
    r.max_msgs = get_i64(at + 8);
    r.max_bytes = get_i64(at + 16);
    r.max_msgs_per_subject = get_i64(at + 24);
    r.max_age_ns = get_i64(at + 32);
    r.duplicate_window_ns = get_i64(at + 40);
    r.marker_ttl_ns = get_i64(at + 48);
    r.first_seq = get_u64(at + 56);
    r.max_msg_size = (int32_t)get_u32(at + 64);
    if (!read_sources(&r, at + FIXED_SIZE + name, sources))
        return -EBADMSG;
    *ret = r;
    return 0;
}
