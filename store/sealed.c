/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sealed.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/format/entry.h"
#include "store/format/little.h"
#include "store/format/record.h"

#define SEALED_CHECKPOINT 0x81 /* version 1, sealed: a plain one begins with its version */
#define BODY_WITH_SIZE 30u
#define HEAD_SIZE 26u
#define HEAD_ERASING 1u
#define HEAD_WITH_SIZE (HEAD_SIZE + 8)
#define SECTION_WITH_SIZE 12u
#define SALT_SIZE 8u
#define NUMBER_SIZE 8u

static_assert(CRYPT_TAG_SIZE + SALT_SIZE + NUMBER_SIZE == RECORD_SEAL_SIZE, "a body's seal");

/* --- bodies ----------------------------------------------------------------------------------- */

static struct bytes entry_bound(const struct entry *e, char with[BODY_WITH_SIZE])
{
    put_u64(with, e->gid);
    put_u64(with + 8, e->index);
    put_u32(with + 16, e->term);
    put_i64(with + 20, e->time_ns);
    with[28] = (char)e->kind;
    with[29] = (char)e->flags;
    return (struct bytes){with, BODY_WITH_SIZE};
}

static void body_nonce(const char *stored, uint8_t nonce[CRYPT_NONCE_SIZE])
{
    memcpy(nonce, stored, SALT_SIZE);
    memset(nonce + SALT_SIZE, 0, CRYPT_NONCE_SIZE - SALT_SIZE - NUMBER_SIZE);
    memcpy(nonce + CRYPT_NONCE_SIZE - NUMBER_SIZE, stored + SALT_SIZE, NUMBER_SIZE);
}

void sealed_body_make(const struct crypt_group *keys, const struct entry *e, char *body)
{
    uint8_t fresh[CRYPT_NONCE_SIZE];
    uint8_t nonce[CRYPT_NONCE_SIZE];
    char with[BODY_WITH_SIZE];
    char *stored = body + e->body.size + CRYPT_TAG_SIZE;
    crypt_nonce(crypt_group_crypt(keys), fresh);
    memcpy(stored, fresh, SALT_SIZE);
    memcpy(stored + SALT_SIZE, fresh + CRYPT_NONCE_SIZE - NUMBER_SIZE, NUMBER_SIZE);
    body_nonce(stored, nonce);
    crypt_seal(keys, CRYPT_JOURNAL, nonce, entry_bound(e, with), e->body, body);
}

int sealed_body_open(const struct crypt_group *keys, const struct entry *e, char *body)
{
    uint8_t nonce[CRYPT_NONCE_SIZE];
    char with[BODY_WITH_SIZE];
    if (e->body.size < RECORD_SEAL_SIZE)
        return -EBADMSG;
    size_t size = e->body.size - SALT_SIZE - NUMBER_SIZE;
    body_nonce(body + size, nonce);
    return crypt_open(keys, CRYPT_JOURNAL, nonce, entry_bound(e, with),
                      (struct bytes){e->body.at, size}, body);
}

/* --- checkpoints ------------------------------------------------------------------------------ */

static struct bytes head_bound(uint64_t gid, const char *head, char with[HEAD_WITH_SIZE])
{
    memcpy(with, head, HEAD_SIZE);
    put_u64(with + HEAD_SIZE, gid);
    return (struct bytes){with, HEAD_WITH_SIZE};
}

void sealed_checkpoint_make(const struct crypt_group *keys, uint64_t gid, struct bytes plain,
                            struct buffer *to)
{
    if (keys == NULL) {
        buffer_add(to, plain.at, plain.size);
        return;
    }
    struct checkpoint_head head;
    int status = sealed_checkpoint_head(plain, &head);
    CHECK(status == 0);
    size_t begin = to->size;
    buffer_u8(to, SEALED_CHECKPOINT);
    buffer_u64(to, head.applied);
    buffer_u64(to, head.next_file);
    buffer_u64(to, (uint64_t)head.log_time_ns);
    buffer_u8(to, head.erasing ? HEAD_ERASING : 0);
    char with[HEAD_WITH_SIZE];
    struct bytes bound = head_bound(gid, to->at + begin, with);
    uint8_t nonce[CRYPT_NONCE_SIZE];
    crypt_nonce(crypt_group_crypt(keys), nonce);
    buffer_add(to, nonce, sizeof nonce);
    crypt_seal(keys, CRYPT_CHECKPOINT, nonce, bound, plain,
               buffer_room(to, plain.size + CRYPT_TAG_SIZE));
    to->size += plain.size + CRYPT_TAG_SIZE;
}

static bool is_sealed(struct bytes body)
{
    return body.size > 0 && (uint8_t)body.at[0] == SEALED_CHECKPOINT;
}

int sealed_checkpoint_head(struct bytes body, struct checkpoint_head *ret)
{
    if (!is_sealed(body)) {
        struct checkpoint c;
        int status = checkpoint_read(body, &c);
        if (status == 0)
            *ret = (struct checkpoint_head){c.applied, c.next_file, c.log_time_ns,
                                            c.sections[CHECKPOINT_ERASING].size > 0};
        return status;
    }
    struct cursor c = cursor_of(body);
    (void)cursor_u8(&c);
    struct checkpoint_head head = {.applied = cursor_u64(&c)};
    head.next_file = cursor_u64(&c);
    head.log_time_ns = (int64_t)cursor_u64(&c);
    uint8_t flags = cursor_u8(&c);
    head.erasing = flags & HEAD_ERASING;
    if (c.bad || (flags & ~HEAD_ERASING) != 0)
        return -EBADMSG;
    *ret = head;
    return 0;
}

int sealed_checkpoint_open(const struct crypt_group *keys, uint64_t gid, struct bytes body,
                           struct buffer *plain, struct bytes *ret)
{
    if (is_sealed(body) != (keys != NULL))
        return -EBADMSG;
    if (keys == NULL) {
        *ret = body;
        return 0;
    }
    if (body.size < HEAD_SIZE + CRYPT_NONCE_SIZE + CRYPT_TAG_SIZE)
        return -EBADMSG;
    char with[HEAD_WITH_SIZE];
    struct bytes bound = head_bound(gid, body.at, with);
    const uint8_t *nonce = (const uint8_t *)body.at + HEAD_SIZE;
    struct bytes sealed = {body.at + HEAD_SIZE + CRYPT_NONCE_SIZE,
                           body.size - HEAD_SIZE - CRYPT_NONCE_SIZE};
    size_t size = sealed.size - CRYPT_TAG_SIZE;
    int status =
        crypt_open(keys, CRYPT_CHECKPOINT, nonce, bound, sealed, buffer_room(plain, size + 1));
    if (status != 0)
        return status;
    plain->size = size;
    *ret = buffer_view(plain);
    return 0;
}

/* --- sections ---------------------------------------------------------------------------------- */

static struct bytes section_bound(uint64_t gid, int section, char with[SECTION_WITH_SIZE])
{
    put_u64(with, gid);
    put_u32(with + 8, (uint32_t)section);
    return (struct bytes){with, SECTION_WITH_SIZE};
}

void sealed_section_make(const struct crypt_group *keys, uint64_t gid, int section,
                         struct bytes plain, struct buffer *to)
{
    char with[SECTION_WITH_SIZE];
    uint8_t nonce[CRYPT_NONCE_SIZE];
    crypt_nonce(crypt_group_crypt(keys), nonce);
    buffer_add(to, nonce, sizeof nonce);
    crypt_seal(keys, CRYPT_CHECKPOINT, nonce, section_bound(gid, section, with), plain,
               buffer_room(to, plain.size + CRYPT_TAG_SIZE));
    to->size += plain.size + CRYPT_TAG_SIZE;
}

int sealed_section_open(const struct crypt_group *keys, uint64_t gid, int section, struct bytes *at)
{
    char with[SECTION_WITH_SIZE];
    if (at->size < CRYPT_NONCE_SIZE + CRYPT_TAG_SIZE)
        return -EBADMSG;
    struct bytes sealed = {at->at + CRYPT_NONCE_SIZE, at->size - CRYPT_NONCE_SIZE};
    int status =
        crypt_open(keys, CRYPT_CHECKPOINT, (const uint8_t *)at->at,
                   section_bound(gid, section, with), sealed, (char *)(uintptr_t)sealed.at);
    if (status == 0)
        *at = (struct bytes){sealed.at, sealed.size - CRYPT_TAG_SIZE};
    return status;
}
