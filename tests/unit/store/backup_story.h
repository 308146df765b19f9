/* SPDX-License-Identifier: Apache-2.0 */
/* backup_story.h -- for tests of backups: archives made by hand, and what a reader tells, as text.
 *
 *     config META | message SEQ TIME SUBJECT [HEADERS] [PAYLOAD] | deleted FROM TO | consumer NAME META STATE
 *
 * A line each; of a payload above 40 bytes its size and hash. */
#ifndef TESTS_UNIT_STORE_BACKUP_STORY_H
#define TESTS_UNIT_STORE_BACKUP_STORY_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocols/s2/s2_frame.h"
#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/base/prng.h"
#include "store/backup/backup_entry.h"
#include "store/backup/backup_read.h"
#include "store/backup/tar.h"

/* --- bytes that grow --------------------------------------------------------------------------------- */

struct pile {
    char *at;
    size_t size;
    size_t capacity;
};

static inline char *pile_reserve(struct pile *p, size_t size)
{
    if (p->size + size > p->capacity) {
        p->capacity = 2 * (p->size + size) + 64;
        p->at = realloc(p->at, p->capacity);
        CHECK(p->at != NULL);
    }
    return p->at + p->size;
}

static inline void pile_add(struct pile *p, const void *at, size_t size)
{
    if (size > 0)
        memcpy(pile_reserve(p, size), at, size);
    p->size += size;
}

static inline void pile_add_zeros(struct pile *p, size_t size)
{
    memset(pile_reserve(p, size), 0, size);
    p->size += size;
}

static inline struct bytes pile_bytes(const struct pile *p)
{
    return (struct bytes){p->at, p->size};
}

static inline void pile_done(struct pile *p)
{
    free(p->at);
    *p = (struct pile){.at = NULL};
}

__attribute__((format(printf, 2, 3))) static inline void pile_print(struct pile *p,
                                                                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    va_start(args, format);
    vsnprintf(pile_reserve(p, (size_t)n + 1), (size_t)n + 1, format, args);
    va_end(args);
    p->size += (size_t)n;
}

/* The text, ended. */
static inline const char *pile_text(struct pile *p)
{
    *pile_reserve(p, 1) = '\0';
    return p->at;
}

/* --- archives made by hand ---------------------------------------------------------------------------- */

static inline void pack_file(struct pile *tar, const char *name, struct bytes content)
{
    char *header = pile_reserve(tar, TAR_HEADER_SIZE_MAX);
    tar->size += tar_put_header(header, bytes_of(name), content.size, 0);
    pile_add(tar, content.at, content.size);
    pile_add_zeros(tar, tar_padding(content.size));
}

static inline void pack_meta(struct pile *tar, const char *folder, const struct highwayhash *key,
                             const char *meta)
{
    struct pile name = {.at = NULL};
    char hex[HIGHWAYHASH_HEX_SIZE];
    pile_print(&name, "%smeta.inf", folder);
    pack_file(tar, pile_text(&name), bytes_of(meta));
    backup_meta_sum(key, bytes_of(meta), hex);
    name.size = 0;
    pile_print(&name, "%smeta.sum", folder);
    pack_file(tar, pile_text(&name), (struct bytes){hex, sizeof hex});
    pile_done(&name);
}

static inline void pack_stream(struct pile *tar, const char *stream)
{
    struct highwayhash key;
    backup_hash_stream(&key, bytes_of(stream));
    pack_meta(tar, "", &key, "{}");
}

static inline void pack_consumer(struct pile *tar, const char *stream, const char *name)
{
    struct highwayhash key;
    struct pile path = {.at = NULL};
    backup_hash_consumer(&key, bytes_of(stream), bytes_of(name));
    pile_print(&path, "obs/%s/", name);
    pack_meta(tar, pile_text(&path), &key, "{c}");
    pile_print(&path, "o.dat");
    pack_file(tar, pile_text(&path), BYTES("state"));
    pile_done(&path);
}

static inline void pack_record(struct pile *block, const char *stream, uint32_t number,
                               const struct backup_record *r)
{
    struct highwayhash key;
    backup_hash_block(&key, bytes_of(stream), number);
    size_t size = (size_t)backup_record_size(r);
    backup_record_encode(&key, r, pile_reserve(block, size));
    block->size += size;
}

/* The tar archive, compressed. */
static inline struct pile pack(const struct pile *tar)
{
    struct s2_encoder *encoder = malloc(sizeof(*encoder));
    CHECK(encoder != NULL);
    struct pile out = {.at = NULL};
    out.size += s2_put_identifier(pile_reserve(&out, S2_IDENTIFIER_SIZE));
    for (size_t done = 0; done < tar->size;) {
        size_t n = tar->size - done < S2_WRITE_SIZE_MAX ? tar->size - done : S2_WRITE_SIZE_MAX;
        out.size += s2_put_chunk(encoder, (struct bytes){tar->at + done, n},
                                 pile_reserve(&out, s2_chunk_space(n)));
        done += n;
    }
    free(encoder);
    return out;
}

/* --- what is told --------------------------------------------------------------------------------------- */

struct story {
    struct pile text;
    struct prng *reluctance; /* answers -EAGAIN at times; NULL: never */
    struct backup_summary summary;
    char why[512];
};

static inline bool story_is_reluctant(struct story *s)
{
    return s->reluctance != NULL && prng_one_in(s->reluctance, 3);
}

static inline void story_bytes(struct story *s, struct bytes b)
{
    if (b.size <= 40)
        pile_print(&s->text, " [%.*s]", (int)b.size, b.at);
    else
        pile_print(&s->text, " [%zu %016" PRIx64 "]", b.size, hash_bytes(1, b.at, b.size));
}

static inline int story_config(void *context, struct bytes meta)
{
    struct story *s = context;
    if (story_is_reluctant(s))
        return -EAGAIN;
    pile_print(&s->text, "config %.*s\n", (int)meta.size, meta.at);
    return 0;
}

static inline int story_message(void *context, const struct backup_message *m)
{
    struct story *s = context;
    if (story_is_reluctant(s))
        return -EAGAIN;
    pile_print(&s->text, "message %" PRIu64 " %" PRIi64 " %.*s", m->seq, m->time_ns,
               (int)m->subject.size, m->subject.at);
    story_bytes(s, m->headers);
    story_bytes(s, m->payload);
    pile_add(&s->text, "\n", 1);
    return 0;
}

static inline int story_deleted(void *context, uint64_t from, uint64_t to)
{
    struct story *s = context;
    if (story_is_reluctant(s))
        return -EAGAIN;
    pile_print(&s->text, "deleted %" PRIu64 " %" PRIu64 "\n", from, to);
    return 0;
}

static inline int story_consumer(void *context, const struct backup_consumer *c)
{
    struct story *s = context;
    if (story_is_reluctant(s))
        return -EAGAIN;
    pile_print(&s->text, "consumer %.*s", (int)c->name.size, c->name.at);
    story_bytes(s, c->meta);
    story_bytes(s, c->state);
    pile_add(&s->text, "\n", 1);
    return 0;
}

/* Feeds the archive `step` bytes at a time; what the reader said in the end. */
static inline int story_read(struct story *s, struct bytes archive, size_t step, const char *stream,
                             uint64_t bytes_max)
{
    struct backup_reader_options options = {
        .stream = bytes_of(stream),
        .bytes_max = bytes_max,
        .events = {story_config, story_message, story_deleted, story_consumer},
        .context = s,
    };
    struct backup_reader *r = backup_reader_new(&options);
    int status = 0;
    s->text.size = 0;
    for (size_t done = 0; done < archive.size && status == 0; done += step) {
        size_t n = archive.size - done < step ? archive.size - done : step;
        struct bytes in = {archive.at + done, n};
        do
            status = backup_reader_step(r, &in);
        while (status == 1 || status == -EAGAIN);
        CHECK(implies(status == 0, in.size == 0));
    }
    int end = backup_reader_end(r, &s->summary);
    CHECK(implies(status < 0, end == status));
    CHECK(implies(end == 0, backup_reader_why(r)[0] == '\0'));
    snprintf(s->why, sizeof s->why, "%s", backup_reader_why(r));
    backup_reader_free(&r);
    return end;
}

#endif
