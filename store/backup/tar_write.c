/* SPDX-License-Identifier: Apache-2.0 */
/* tar_write.c -- headers of plain files, ustar with a PAX entry for long names. */
#include <stdio.h>

#include "runtime/base/check.h"
#include "store/backup/tar_header.h"

/* Octal digits and a NUL, filling the field. */
static void put_octal(char *field, size_t field_size, uint64_t x)
{
    field[field_size - 1] = '\0';
    for (size_t i = field_size - 1; i-- > 0; x >>= 3)
        field[i] = (char)('0' + (x & 7));
    CHECK(x == 0);
}

static void put_block(char *at, char type, struct bytes name, uint64_t size, int64_t time_s)
{
    struct tar_header h = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    CHECK(name.size > 0 && name.size <= sizeof h.name);
    memcpy(h.name, name.at, name.size);
    put_octal(h.mode, sizeof h.mode, 0600);
    put_octal(h.uid, sizeof h.uid, 0);
    put_octal(h.gid, sizeof h.gid, 0);
    put_octal(h.size, sizeof h.size, size);
    put_octal(h.mtime, sizeof h.mtime, time_s > 0 ? (uint64_t)time_s : 0);
    memcpy(h.user, "nats", 4);
    memcpy(h.group, "nats", 4);
    put_octal(h.device_major, sizeof h.device_major, 0);
    put_octal(h.device_minor, sizeof h.device_minor, 0);
    put_octal(h.checksum, 7, tar_header_sum(&h));
    h.checksum[7] = ' ';
    memcpy(at, &h, sizeof h);
}

/* "SIZE path=NAME\n", where SIZE counts its own digits too; returns SIZE. */
static size_t put_path_line(char *at, size_t capacity, struct bytes name)
{
    size_t rest = strlen(" path=\n") + name.size;
    size_t size = rest + 1;
    while (size != rest + (size_t)snprintf(NULL, 0, "%zu", size))
        size++;
    int n = snprintf(at, capacity, "%zu path=%.*s\n", size, (int)name.size, name.at);
    CHECK(n > 0 && (size_t)n == size && size < capacity);
    return size;
}

size_t tar_put_header(char *at, struct bytes name, uint64_t size, int64_t time_s)
{
    CHECK(name.size <= TAR_NAME_SIZE_MAX && size <= TAR_SIZE_MAX);
    struct tar_header h;
    if (name.size <= sizeof h.name) {
        put_block(at, '0', name, size, time_s);
        return TAR_BLOCK_SIZE;
    }
    char line[TAR_NAME_SIZE_MAX + TAR_BLOCK_SIZE];
    size_t line_size = put_path_line(line, sizeof line, name);
    size_t padded = line_size + tar_padding(line_size);
    put_block(at, 'x', BYTES("PaxHeaders/name"), line_size, time_s);
    memset(at + TAR_BLOCK_SIZE, 0, padded);
    memcpy(at + TAR_BLOCK_SIZE, line, line_size);
    put_block(at + TAR_BLOCK_SIZE + padded, '0', (struct bytes){name.at, sizeof h.name}, size,
              time_s);
    return TAR_BLOCK_SIZE + padded + TAR_BLOCK_SIZE;
}
