/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

static void check_path(const char *path)
{
    CHECK(path != NULL && path[0] != 0);
    CHECK(strnlen(path, DISK_PATH_MAX) < DISK_PATH_MAX);
}

static bool moves_bytes(enum disk_op op)
{
    return op == DISK_READ || op == DISK_WRITE || op == DISK_APPEND;
}

void disk_submit(const struct disk *disk, struct disk_request *request)
{
    CHECK((unsigned)request->op < DISK_OPS);
    CHECK(request->done != NULL);
    if (disk_op_on_path(request->op))
        check_path(request->path);
    else
        CHECK(request->file != NULL);
    if (request->op == DISK_RENAME)
        check_path(request->to);
    if (moves_bytes(request->op)) {
        CHECK(request->part_count > 0 && request->part_count <= DISK_PARTS_MAX);
        DCHECK(disk_parts_size(request->parts, request->part_count) <= DISK_BYTES_MAX);
    }
    CHECK(request->offset <= INT64_MAX && request->size <= INT64_MAX - request->offset);
    request->result = 0;
    disk->submit(disk->context, request);
}

uint64_t disk_parts_size(const struct iovec *parts, uint32_t count)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

const char *disk_op_name(enum disk_op op)
{
    static const char *const names[DISK_OPS] = {
        "open", "mkdir", "rename", "remove", "list",     "sync directory", "space", "read",
        "stat", "write", "append", "sync",   "allocate", "truncate",       "lock",  "close",
    };
    CHECK((unsigned)op < DISK_OPS);
    return names[op];
}

/* --- names of a directory --------------------------------------------------------------------- */

int disk_names_add(struct disk_names_builder *builder, const char *name, bool directory)
{
    if (builder->count == DISK_NAMES_MAX)
        return -E2BIG;
    size_t length = strlen(name) + 1;
    if (builder->size + 1 + length > builder->capacity) {
        size_t capacity = 2 * (builder->size + 1 + length) + 256;
        char *text = realloc(builder->text, capacity);
        CHECK(text != NULL);
        builder->text = text;
        builder->capacity = capacity;
    }
    builder->text[builder->size] = directory ? 1 : 0;
    memcpy(builder->text + builder->size + 1, name, length);
    builder->size += 1 + length;
    builder->count++;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct disk_name *)a)->text, ((const struct disk_name *)b)->text);
}

struct disk_names *disk_names_finish(struct disk_names_builder *builder)
{
    size_t table = builder->count * sizeof(struct disk_name);
    struct disk_names *names = malloc(sizeof *names + table + builder->size);
    CHECK(names != NULL);
    names->count = builder->count;
    names->names = (struct disk_name *)(void *)(names + 1);
    char *text = (char *)names->names + table;
    if (builder->size > 0)
        memcpy(text, builder->text, builder->size);
    for (uint32_t i = 0; i < names->count; i++) {
        names->names[i] = (struct disk_name){text + 1, text[0] != 0};
        text += 1 + strlen(text + 1) + 1;
    }
    if (names->count > 1)
        qsort(names->names, names->count, sizeof names->names[0], compare_names);
    disk_names_cancel(builder);
    return names;
}

void disk_names_cancel(struct disk_names_builder *builder)
{
    free(builder->text);
    *builder = (struct disk_names_builder){0};
}

void disk_names_free(struct disk_names **names)
{
    free(*names);
    *names = NULL;
}
