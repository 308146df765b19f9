/* SPDX-License-Identifier: Apache-2.0 */
#include "store/backup/backup_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "runtime/base/check.h"

static const char *const fixed_names[] = {
    [BACKUP_ENTRY_META] = "meta.inf",
    [BACKUP_ENTRY_META_SUM] = "meta.sum",
    [BACKUP_ENTRY_INDEX] = "msgs/index.db",
    [BACKUP_ENTRY_FAILURE] = "errors.txt",
};

static const char *const consumer_files[] = {
    [BACKUP_ENTRY_CONSUMER_META] = "meta.inf",
    [BACKUP_ENTRY_CONSUMER_SUM] = "meta.sum",
    [BACKUP_ENTRY_CONSUMER_STATE] = "o.dat",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool take_prefix(struct bytes *text, struct bytes prefix)
{
    if (text->size < prefix.size || memcmp(text->at, prefix.at, prefix.size) != 0)
        return false;
    *text = (struct bytes){text->at + prefix.size, text->size - prefix.size};
    return true;
}

static bool is_one_of(struct bytes text, const char *const *names, size_t count, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && bytes_are(text, names[i])) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* A number as it is printed: digits without a leading zero, within 32 bits; taken. */
static bool take_number(struct bytes *text, uint32_t *ret)
{
    uint64_t x = 0;
    size_t digits = 0;
    while (digits < text->size && text->at[digits] >= '0' && text->at[digits] <= '9') {
        x = x * 10 + (uint64_t)(text->at[digits++] - '0');
        if (x > UINT32_MAX)
            return false;
    }
    if (digits == 0 || (digits > 1 && text->at[0] == '0'))
        return false;
    *text = (struct bytes){text->at + digits, text->size - digits};
    *ret = (uint32_t)x;
    return true;
}

static int parse_in_msgs(struct bytes file, struct backup_entry *ret)
{
    if (bytes_are(file, "thw.db") || bytes_are(file, "sched.db")) {
        ret->kind = BACKUP_ENTRY_OBSOLETE;
        return 0;
    }
    if (!take_number(&file, &ret->block))
        return -EBADMSG;
    if (bytes_are(file, ".blk"))
        ret->kind = BACKUP_ENTRY_BLOCK;
    else if (bytes_are(file, ".idx") || bytes_are(file, ".fss"))
        ret->kind = BACKUP_ENTRY_OBSOLETE;
    else
        return -EBADMSG;
    return 0;
}

bool backup_consumer_name_is_valid(struct bytes name)
{
    if (name.size == 0 || name.size > BACKUP_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.at[i];
        if (c <= ' ' || c == 0x7f || strchr(".*>/\\", c) != NULL)
            return false;
    }
    return true;
}

static int parse_in_obs(struct bytes path, struct backup_entry *ret)
{
    const char *slash = path.size > 0 ? memchr(path.at, '/', path.size) : NULL;
    if (slash == NULL)
        return -EBADMSG;
    ret->consumer = (struct bytes){path.at, (size_t)(slash - path.at)};
    struct bytes file = {slash + 1, path.size - ret->consumer.size - 1};
    size_t kind;
    if (!backup_consumer_name_is_valid(ret->consumer) ||
        !is_one_of(file, consumer_files, COUNT(consumer_files), &kind))
        return -EBADMSG;
    ret->kind = (enum backup_entry_kind)kind;
    return 0;
}

int backup_entry_parse(struct bytes name, struct backup_entry *ret)
{
    struct backup_entry e = {.kind = BACKUP_ENTRY_META};
    struct bytes rest = name;
    size_t kind;
    int status = 0;
    if (is_one_of(name, fixed_names, COUNT(fixed_names), &kind))
        e.kind = (enum backup_entry_kind)kind;
    else if (take_prefix(&rest, BYTES("msgs/")))
        status = parse_in_msgs(rest, &e);
    else if (take_prefix(&rest, BYTES("obs/")))
        status = parse_in_obs(rest, &e);
    else
        status = -EBADMSG;
    if (status == 0)
        *ret = e;
    return status;
}

struct bytes backup_entry_name(const struct backup_entry *e, char at[BACKUP_ENTRY_NAME_SIZE])
{
    int n = 0;
    switch (e->kind) {
    case BACKUP_ENTRY_META:
    case BACKUP_ENTRY_META_SUM:
    case BACKUP_ENTRY_INDEX:
    case BACKUP_ENTRY_FAILURE:
        n = snprintf(at, BACKUP_ENTRY_NAME_SIZE, "%s", fixed_names[e->kind]);
        break;
    case BACKUP_ENTRY_BLOCK:
        n = snprintf(at, BACKUP_ENTRY_NAME_SIZE, "msgs/%" PRIu32 ".blk", e->block);
        break;
    case BACKUP_ENTRY_CONSUMER_META:
    case BACKUP_ENTRY_CONSUMER_SUM:
    case BACKUP_ENTRY_CONSUMER_STATE:
        CHECK(backup_consumer_name_is_valid(e->consumer));
        n = snprintf(at, BACKUP_ENTRY_NAME_SIZE, "obs/%.*s/%s", (int)e->consumer.size,
                     e->consumer.at, consumer_files[e->kind]);
        break;
    case BACKUP_ENTRY_OBSOLETE: UNREACHABLE("an obsolete file is not written");
    }
    CHECK(n > 0 && n < BACKUP_ENTRY_NAME_SIZE);
    return (struct bytes){at, (size_t)n};
}
