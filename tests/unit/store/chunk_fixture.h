/* SPDX-License-Identifier: Apache-2.0 */
/* chunk_fixture.h -- random messages, and chunks of them. */
#ifndef TESTS_UNIT_STORE_CHUNK_FIXTURE_H
#define TESTS_UNIT_STORE_CHUNK_FIXTURE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/base/prng.h"
#include "store/format/chunk_build.h"
#include "store/format/message.h"

#define FIXTURE_GID 77u

struct made {
    struct chunk_record record; /* its body is given */
    struct message message;     /* in the body */
    int64_t time_ns;            /* the message's */
};

struct made_list {
    struct made *at; /* given */
    uint32_t count;
    uint64_t last_seq;
    int64_t time_ns;
};

static inline void made_done(struct made_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->at[i].record.body.at);
    free(list->at);
    *list = (struct made_list){0};
}

/* Takes the parts that the message points to as they are. */
static inline struct made *made_add(struct made_list *list, uint64_t seq, int64_t time_ns,
                                    const struct message *m)
{
    list->at = realloc(list->at, (list->count + 1) * sizeof *list->at);
    CHECK(list->at != NULL);
    struct made *made = &list->at[list->count++];
    size_t size = message_body_size(m);
    char *body = malloc(size);
    CHECK(body != NULL);
    message_body_write(m, body);
    made->record = (struct chunk_record){
        .seq = seq,
        .index = seq * 3 + 1,
        .term = (uint32_t)(1 + seq / 100),
        .kind = ENTRY_MSG,
        .flags = (uint8_t)seq,
        .time_ns = time_ns,
        .body = {body, size},
    };
    made->record.body_hash =
        entry_body_hash(FIXTURE_GID, made->record.index, made->record.term, made->record.body);
    CHECK(message_body_read(made->record.body, &made->message) == 0);
    made->time_ns = m->flags & MESSAGE_OWN_TIME ? m->time_ns : time_ns;
    list->last_seq = seq;
    list->time_ns = time_ns;
    return made;
}

/* Subjects of up to three tokens out of a few, so that wildcards match some. */
static inline struct bytes made_subject(struct prng *prng, char *at, size_t size, unsigned spread)
{
    static const char *const first[] = {"orders", "orders-eu", "o", "kv", ""};
    if (prng_one_in(prng, 50))
        return BYTES("");
    int length =
        snprintf(at, size, "%s.%u", first[prng_below(prng, 5)], (unsigned)prng_below(prng, spread));
    if (prng_one_in(prng, 3))
        length +=
            snprintf(at + length, size - (size_t)length, ".%c", 'a' + (char)prng_below(prng, 4));
    return (struct bytes){at, (size_t)length};
}

static inline void made_random(struct made_list *list, struct prng *prng, unsigned spread,
                               size_t payload_max)
{
    static char bytes[200000];
    char subject[64];
    if (bytes[0] == 0)
        memset(bytes, 'x', sizeof bytes);
    CHECK(payload_max < sizeof bytes);
    struct message m = {.subject = made_subject(prng, subject, sizeof subject, spread)};
    if (prng_one_in(prng, 4))
        m.headers = (struct bytes){bytes, prng_below(prng, 200)};
    if (!prng_one_in(prng, 10))
        m.payload = (struct bytes){bytes, prng_below(prng, payload_max + 1)};
    if (prng_one_in(prng, 8)) {
        m.flags |= MESSAGE_OWN_TIME;
        m.time_ns = list->time_ns - (int64_t)prng_below(prng, 1000);
    }
    if (prng_one_in(prng, 8)) {
        m.flags |= MESSAGE_ORIGIN;
        m.origin_seq = prng_next(prng);
        m.source = (uint16_t)prng_next(prng);
    }
    uint64_t gap = prng_one_in(prng, 5) ? prng_below(prng, 100) : 0;
    (void)made_add(list, list->last_seq + 1 + gap,
                   list->time_ns + (int64_t)prng_below(prng, 100000), &m);
}

/* A chunk of the messages from..to-1; the bytes are given. */
static inline char *made_chunk(const struct made_list *list, uint32_t from, uint32_t to,
                               const struct chunk_place *place, const struct chunk_codec *codec,
                               struct chunk_info *ret_info)
{
    struct chunk_builder b;
    chunk_builder_init(&b, place, codec, 5);
    for (uint32_t i = from; i < to; i++) {
        CHECK(chunk_builder_takes(&b, list->at[i].record.seq, list->at[i].record.body.size));
        int r = chunk_builder_add(&b, &list->at[i].record);
        CHECK(r == 0);
    }
    return chunk_builder_finish(&b, ret_info);
}

/* A codec that grows some and turns bits, bound to the place. */
static inline size_t turn_seal(void *context, const struct chunk_place *place, struct bytes raw,
                               char *at)
{
    size_t size = raw.size;
    for (size_t i = 0; i < size; i++)
        at[i] = (char)(raw.at[i] ^ (char)(place->offset / 16 + i));
    memset(at + size, 't', 7);
    return size + 7;
}

static inline int turn_open(void *context, uint16_t flags, const struct chunk_place *place,
                            struct bytes stored, char *at, size_t raw_size)
{
    if (stored.size != raw_size + 7)
        return -EBADMSG;
    for (size_t i = 0; i < raw_size; i++)
        at[i] = (char)(stored.at[i] ^ (char)(place->offset / 16 + i));
    return 0;
}

static const struct chunk_codec turn_codec = {.flags = CHUNK_SEALED,
                                              .adds_max = 16,
                                              .seal = turn_seal,
                                              .open = turn_open};

#endif
