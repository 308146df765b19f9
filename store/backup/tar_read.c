/* SPDX-License-Identifier: Apache-2.0 */
/* tar_read.c -- an archive taken apart as it comes.
 *
 *     HEADER ──file──► FILE ──► CLOSE ──► PADDING ──► HEADER
 *        ├──extra────► EXTRA ─────────────► PADDING ──► HEADER
 *        └──zeros────► SECOND_ZEROS ──► END
 *
 * Invariants  1 filled < TAR_BLOCK_SIZE at a header, filled <= TAR_EXTRA_SIZE_MAX in an extra entry
 *             2 left is what the state still takes: of the content, of the extra, of the padding
 *             3 a name or size from an extra entry is used by the next file, and only by it
 */
#include <errno.h>

#include "runtime/base/check.h"
#include "store/backup/tar_header.h"

enum { TYPE_PLAIN = '0', TYPE_PLAIN_OLD = '\0', TYPE_PAX = 'x', TYPE_GNU_NAME = 'L' };

void tar_reader_init(struct tar_reader *t)
{
    *t = (struct tar_reader){.state = TAR_AT_HEADER};
}

static struct bytes advance(struct bytes *in, uint64_t size)
{
    size_t n = size < in->size ? (size_t)size : in->size;
    struct bytes taken = {in->at, n};
    *in = (struct bytes){in->at + n, in->size - n};
    return taken;
}

/* A field of text ends with its first NUL, or with itself. */
static struct bytes field_text(const char *at, size_t size)
{
    return (struct bytes){at, strnlen(at, size)};
}

/* Octal digits between blanks, ended by a blank, a NUL or the field's end. */
static bool get_octal(const char *field, size_t size, uint64_t *ret)
{
    size_t i = 0;
    uint64_t x = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
        if (x >> 60 != 0)
            return false;
        x = x << 3 | (uint64_t)(field[i] - '0');
    }
    for (; i < size; i++) {
        if (field[i] != ' ' && field[i] != '\0')
            return false;
    }
    *ret = x;
    return true;
}

/* Octal, or with the first bit set the big-endian number that the other bits are. */
static bool get_size(const char *field, size_t size, uint64_t *ret)
{
    const unsigned char *byte = (const unsigned char *)field;
    if ((byte[0] & 0x80) == 0)
        return get_octal(field, size, ret);
    uint64_t x = byte[0] & 0x7f;
    for (size_t i = 1; i < size; i++) {
        if (x >> 56 != 0)
            return false;
        x = x << 8 | byte[i];
    }
    *ret = x;
    return true;
}

static int set_name(struct tar_reader *t, struct bytes directory, struct bytes name)
{
    size_t slash = directory.size > 0 ? 1 : 0;
    if (directory.size + slash + name.size > sizeof t->name)
        return -ENAMETOOLONG;
    if (name.size == 0 || memchr(name.at, '\0', name.size) != NULL)
        return -EBADMSG;
    char *at = t->name;
    if (slash > 0) {
        memcpy(at, directory.at, directory.size);
        at[directory.size] = '/';
        at += directory.size + 1;
    }
    memcpy(at, name.at, name.size);
    t->name_size = directory.size + slash + name.size;
    return 0;
}

static bool get_decimal(struct bytes text, uint64_t *ret)
{
    uint64_t x = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || x > UINT64_MAX / 10 - 1)
            return false;
        x = x * 10 + (uint64_t)(text.at[i] - '0');
    }
    *ret = x;
    return text.size > 0;
}

static int on_pax_value(struct tar_reader *t, struct bytes key, struct bytes value)
{
    if (bytes_are(key, "path")) {
        t->has_name = true;
        return set_name(t, BYTES(""), value);
    }
    if (bytes_are(key, "size")) {
        t->has_size = true;
        return get_decimal(value, &t->size) ? 0 : -EBADMSG;
    }
    /* Of a sparse file the content is not what follows. Times, owners and comments mean nothing here. */
    struct bytes sparse = BYTES("GNU.sparse");
    bool is_sparse = key.size >= sparse.size && memcmp(key.at, sparse.at, sparse.size) == 0;
    return is_sparse ? -ENOTSUP : 0;
}

static int on_pax(struct tar_reader *t, struct bytes text)
{
    while (text.size > 0) {
        const char *blank = memchr(text.at, ' ', text.size);
        uint64_t size;
        if (blank == NULL ||
            !get_decimal((struct bytes){text.at, (size_t)(blank - text.at)}, &size) ||
            size > text.size || size < (size_t)(blank - text.at) + 2 || text.at[size - 1] != '\n')
            return -EBADMSG;
        const char *end = text.at + size - 1;
        const char *key = blank + 1;
        const char *equals = memchr(key, '=', (size_t)(end - key));
        if (equals == NULL)
            return -EBADMSG;
        int status = on_pax_value(t, (struct bytes){key, (size_t)(equals - key)},
                                  (struct bytes){equals + 1, (size_t)(end - equals - 1)});
        if (status < 0)
            return status;
        text = (struct bytes){text.at + size, text.size - (size_t)size};
    }
    return 0;
}

static int on_extra(struct tar_reader *t)
{
    t->state = TAR_IN_PADDING;
    t->left = t->padding;
    if (t->extra_type == TYPE_PAX)
        return on_pax(t, (struct bytes){t->extra, t->filled});
    t->has_name = true;
    return set_name(t, BYTES(""), field_text(t->extra, t->filled));
}

static int begin_extra(struct tar_reader *t, char type, uint64_t size)
{
    if (size > sizeof t->extra)
        return -EFBIG;
    t->state = TAR_IN_EXTRA;
    t->extra_type = type;
    t->left = size;
    t->padding = tar_padding(size);
    t->filled = 0;
    return 0;
}

static int begin_file(struct tar_reader *t, const struct tar_header *h, uint64_t size,
                      struct tar_event *ret)
{
    if (!t->has_name) {
        /* GNU's magic ends with blanks; other fields are where the prefix is. */
        struct bytes prefix =
            h->magic[5] == '\0' ? field_text(h->prefix, sizeof h->prefix) : BYTES("");
        int status = set_name(t, prefix, field_text(h->name, sizeof h->name));
        if (status < 0)
            return status;
    }
    if (t->has_size)
        size = t->size;
    if (size > TAR_SIZE_MAX)
        return -EFBIG;
    t->state = TAR_IN_FILE;
    t->left = size;
    t->padding = tar_padding(size);
    t->has_name = false;
    t->has_size = false;
    *ret = (struct tar_event){.kind = TAR_FILE, .name = {t->name, t->name_size}, .size = size};
    return 1;
}

static bool is_zeros(const char *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}

/* A whole block: 1 with an event, 0 without, or an error. */
static int on_header(struct tar_reader *t, struct tar_event *ret)
{
    if (is_zeros(t->block, sizeof t->block)) {
        if (t->has_name || t->has_size)
            return -EBADMSG;
        t->state = TAR_AT_SECOND_ZEROS;
        return 0;
    }
    struct tar_header h;
    memcpy(&h, t->block, sizeof h);
    uint64_t sum;
    uint64_t size;
    if (memcmp(h.magic, "ustar", 5) != 0 || (h.magic[5] != '\0' && h.magic[5] != ' ') ||
        !get_octal(h.checksum, sizeof h.checksum, &sum) || sum != tar_header_sum(&h) ||
        !get_size(h.size, sizeof h.size, &size))
        return -EBADMSG;
    switch (h.type) {
    case TYPE_PLAIN:
    case TYPE_PLAIN_OLD: return begin_file(t, &h, size, ret);
    case TYPE_PAX:
    case TYPE_GNU_NAME: return begin_extra(t, h.type, size);
    default: return -ENOTSUP;
    }
}

/* Gathers a block; whether it is whole. */
static bool gather_block(struct tar_reader *t, struct bytes *in)
{
    struct bytes taken = advance(in, sizeof t->block - t->filled);
    if (taken.size > 0)
        memcpy(t->block + t->filled, taken.at, taken.size);
    t->filled += taken.size;
    if (t->filled < sizeof t->block)
        return false;
    t->filled = 0;
    return true;
}

static int gather_extra(struct tar_reader *t, struct bytes *in)
{
    struct bytes taken = advance(in, t->left);
    if (taken.size > 0)
        memcpy(t->extra + t->filled, taken.at, taken.size);
    t->filled += taken.size;
    t->left -= taken.size;
    return t->left == 0 ? on_extra(t) : 0;
}

static int on_content(struct tar_reader *t, struct bytes *in, struct tar_event *ret)
{
    struct bytes data = advance(in, t->left);
    t->left -= data.size;
    if (t->left == 0)
        t->state = TAR_AT_CLOSE;
    if (data.size == 0)
        return 0;
    *ret = (struct tar_event){.kind = TAR_DATA, .data = data};
    return 1;
}

static int on_close(struct tar_reader *t, struct tar_event *ret)
{
    t->state = TAR_IN_PADDING;
    t->left = t->padding;
    *ret = (struct tar_event){.kind = TAR_CLOSE};
    return 1;
}

static int on_second_zeros(struct tar_reader *t, struct tar_event *ret)
{
    if (!is_zeros(t->block, sizeof t->block))
        return -EBADMSG;
    t->state = TAR_AT_END;
    *ret = (struct tar_event){.kind = TAR_END};
    return 1;
}

static int on_padding(struct tar_reader *t, struct bytes *in)
{
    t->left -= advance(in, t->left).size;
    if (t->left == 0) {
        t->state = TAR_AT_HEADER;
        t->filled = 0;
    }
    return 0;
}

static int step(struct tar_reader *t, struct bytes *in, struct tar_event *ret)
{
    switch (t->state) {
    case TAR_AT_HEADER: return gather_block(t, in) ? on_header(t, ret) : 0;
    case TAR_IN_EXTRA: return gather_extra(t, in);
    case TAR_IN_FILE: return on_content(t, in, ret);
    case TAR_AT_CLOSE: return on_close(t, ret);
    case TAR_IN_PADDING: return on_padding(t, in);
    case TAR_AT_SECOND_ZEROS: return gather_block(t, in) ? on_second_zeros(t, ret) : 0;
    case TAR_AT_END: {
        struct bytes rest = advance(in, in->size);
        return is_zeros(rest.at, rest.size) ? 0 : -EBADMSG;
    }
    }
    UNREACHABLE("state of a tar reader");
}

/* Whether the state goes on without more bytes. */
static bool can_step(const struct tar_reader *t, struct bytes in)
{
    return in.size > 0 || t->state == TAR_AT_CLOSE || (t->state == TAR_IN_FILE && t->left == 0);
}

int tar_reader_next(struct tar_reader *t, struct bytes *in, struct tar_event *ret)
{
    int status = t->error;
    while (status == 0 && can_step(t, *in))
        status = step(t, in, ret);
    if (status < 0) {
        t->error = status;
        return status;
    }
    if (status == 0)
        *ret = (struct tar_event){.kind = TAR_MORE};
    return 0;
}
