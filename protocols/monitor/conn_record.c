/* SPDX-License-Identifier: Apache-2.0 */
/* conn_record.c -- see conn_record.h. */
#include "protocols/monitor/conn_record.h"

#include <stddef.h>

#include "runtime/base/check.h"

/* The texts of a row that travel. */
static const size_t INFO_TEXTS[] = {
    offsetof(struct conn_info, kind),
    offsetof(struct conn_info, type),
    offsetof(struct conn_info, ip),
    offsetof(struct conn_info, name),
    offsetof(struct conn_info, lang),
    offsetof(struct conn_info, version),
    offsetof(struct conn_info, tls.version),
    offsetof(struct conn_info, tls.cipher),
    offsetof(struct conn_info, auth.user),
    offsetof(struct conn_info, auth.account),
    offsetof(struct conn_info, auth.jwt),
    offsetof(struct conn_info, auth.issuer_key),
    offsetof(struct conn_info, auth.name_tag),
    offsetof(struct conn_info, mqtt_client),
    offsetof(struct conn_info, proxy_key),
};
static const size_t SUB_TEXTS[] = {
    offsetof(struct sub_detail, account), offsetof(struct sub_detail, account_tag),
    offsetof(struct sub_detail, subject), offsetof(struct sub_detail, queue),
    offsetof(struct sub_detail, sid),
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static size_t texts_size(const void *object, const size_t *offsets, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += ((const struct bytes *)(const void *)((const char *)object + offsets[i]))->size;
    return size;
}

size_t conn_record_size(const struct conn_record *from)
{
    size_t size = sizeof *from + from->sub_count * sizeof *from->subs;
    size += texts_size(&from->info, INFO_TEXTS, COUNT_OF(INFO_TEXTS));
    for (uint32_t i = 0; i < from->sub_count; i++)
        size += texts_size(&from->subs[i], SUB_TEXTS, COUNT_OF(SUB_TEXTS));
    return size;
}

/* Copies the texts of an object to `to` and points it at them. */
static char *move_texts(void *object, const size_t *offsets, size_t count, char *to)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes *text = (struct bytes *)(void *)((char *)object + offsets[i]);
        if (text->size > 0)
            memcpy(to, text->at, text->size);
        text->at = to;
        to += text->size;
    }
    return to;
}

struct conn_record *conn_record_write(void *at, size_t size, const struct conn_record *from)
{
    CHECK(from->info.tls.cert_count == 0 && from->info.auth.tag_count == 0);
    struct conn_record *record = at;
    *record = *from;
    record->subs = (struct sub_detail *)(void *)(record + 1);
    if (from->sub_count > 0)
        memcpy(record->subs, from->subs, from->sub_count * sizeof *from->subs);
    char *to = (char *)(record->subs + record->sub_count);
    to = move_texts(&record->info, INFO_TEXTS, COUNT_OF(INFO_TEXTS), to);
    for (uint32_t i = 0; i < record->sub_count; i++)
        to = move_texts(&record->subs[i], SUB_TEXTS, COUNT_OF(SUB_TEXTS), to);
    CHECK(to <= (char *)at + size);
    return record;
}
