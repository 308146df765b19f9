/* SPDX-License-Identifier: Apache-2.0 */
/* s2_frame.c -- chunks read and written.
 *
 *             ┌──── header (4 bytes) ◄──────────────────────────────┐
 *             │ type and size are known                             │
 *             ├── 00, 01, ff: BODY, gathered; then looked at ───────┤
 *             └── 80..fe: SKIP, counted down ───────────────────────┘
 *
 * Invariants  1 filled <= wanted, and both are within the state's buffer
 *             2 wanted <= S2_CHUNK_SIZE_MAX in BODY
 *             3 an error is the last thing that a reader says
 */
#include "protocols/s2/s2_frame.h"

#include <errno.h>
#include <stdlib.h>

#include "protocols/s2/crc32c.h"
#include "runtime/base/check.h"

enum {
    CHUNK_COMPRESSED = 0x00,
    CHUNK_PLAIN = 0x01,
    CHUNK_SKIPPABLE_FIRST = 0x80,
    CHUNK_IDENTIFIER = 0xff,
    HEADER_SIZE = 4,
    CHECKSUM_SIZE = 4,
    NAME_SIZE = S2_IDENTIFIER_SIZE - HEADER_SIZE,
    SNAPPY_BLOCK_SIZE_MAX = 1 << 16,
};

static const char s2_name[] = "S2sTwO";
static const char snappy_name[] = "sNaPpY";

enum reader_state { READER_HEADER, READER_BODY, READER_SKIP };

struct buffer {
    char *at; /* given */
    size_t capacity;
};

struct s2_reader {
    enum reader_state state;
    int error;
    size_t filled;         /* of the header, of the body */
    size_t wanted;         /* the body's size; of a skipped one, what is left */
    size_t block_size_max; /* by the identifier; 0 before there was one */
    unsigned char header[HEADER_SIZE];
    struct buffer body;
    struct buffer plain;
};

struct s2_reader *s2_reader_new(void)
{
    struct s2_reader *r = calloc(1, sizeof(*r));
    CHECK(r != NULL);
    return r;
}

void s2_reader_free(struct s2_reader **reader)
{
    struct s2_reader *r = *reader;
    *reader = NULL;
    if (r == NULL)
        return;
    free(r->body.at);
    free(r->plain.at);
    free(r);
}

/* What was in it is lost. */
static int reserve(struct buffer *b, size_t size)
{
    if (size <= b->capacity)
        return 0;
    char *at = malloc(size);
    if (at == NULL)
        return -ENOMEM;
    free(b->at);
    *b = (struct buffer){at, size};
    return 0;
}

/* As stored: so that the checksum of bytes that hold checksums is not a weak one. */
static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static uint32_t get_number(const void *at, unsigned size)
{
    const unsigned char *byte = at;
    uint32_t x = 0;
    for (unsigned i = 0; i < size; i++)
        x |= (uint32_t)byte[i] << (8 * i);
    return x;
}

static void put_number(char *at, uint32_t x, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (char)(x >> (8 * i));
}

/* Moves bytes from *in to at[filled..wanted); whether it is full now. */
static bool gather(struct s2_reader *r, void *at, size_t wanted, struct bytes *in)
{
    size_t n = wanted - r->filled;
    if (n > in->size)
        n = in->size;
    if (n > 0)
        memcpy((char *)at + r->filled, in->at, n);
    *in = (struct bytes){in->at + n, in->size - n};
    r->filled += n;
    return r->filled == wanted;
}

static int on_header(struct s2_reader *r)
{
    unsigned type = r->header[0];
    size_t size = get_number(r->header + 1, 3);
    if (r->block_size_max == 0 && type != CHUNK_IDENTIFIER)
        return -EBADMSG;
    r->filled = 0;
    r->wanted = size;
    if (type == CHUNK_COMPRESSED || type == CHUNK_PLAIN) {
        if (size < CHECKSUM_SIZE || size > S2_CHUNK_SIZE_MAX)
            return -EBADMSG;
    } else if (type == CHUNK_IDENTIFIER) {
        if (size != NAME_SIZE)
            return -EBADMSG;
    } else {
        if (type < CHUNK_SKIPPABLE_FIRST)
            return -ENOTSUP;
        r->state = READER_SKIP;
        return 0;
    }
    r->state = READER_BODY;
    return reserve(&r->body, size);
}

static int on_identifier(struct s2_reader *r)
{
    if (memcmp(r->body.at, s2_name, NAME_SIZE) == 0)
        r->block_size_max = S2_BLOCK_SIZE_MAX;
    else if (memcmp(r->body.at, snappy_name, NAME_SIZE) == 0)
        r->block_size_max = SNAPPY_BLOCK_SIZE_MAX;
    else
        return -EBADMSG;
    return 0;
}

static int decode(struct s2_reader *r, struct bytes block, struct bytes *ret_piece)
{
    size_t size;
    int status = s2_block_decoded_size(block, &size);
    if (status < 0)
        return status;
    if (size > r->block_size_max)
        return -EBADMSG;
    status = reserve(&r->plain, size);
    if (status == 0)
        status = s2_block_decode(block, r->plain.at, size, &size);
    if (status == 0)
        *ret_piece = (struct bytes){r->plain.at, size};
    return status;
}

static int on_data(struct s2_reader *r, struct bytes *ret_piece)
{
    struct bytes stored = {r->body.at + CHECKSUM_SIZE, r->wanted - CHECKSUM_SIZE};
    struct bytes piece = stored;
    if (r->header[0] == CHUNK_COMPRESSED) {
        int status = decode(r, stored, &piece);
        if (status < 0)
            return status;
    } else if (stored.size > r->block_size_max) {
        return -EBADMSG;
    }
    if (masked(crc32c(0, piece.at, piece.size)) != get_number(r->body.at, CHECKSUM_SIZE))
        return -EILSEQ;
    *ret_piece = piece;
    return piece.size > 0 ? 1 : 0;
}

/* A chunk is whole: 1 with a piece, 0 without, or an error. */
static int on_body(struct s2_reader *r, struct bytes *ret_piece)
{
    r->state = READER_HEADER;
    r->filled = 0;
    return r->header[0] == CHUNK_IDENTIFIER ? on_identifier(r) : on_data(r, ret_piece);
}

static int step(struct s2_reader *r, struct bytes *in, struct bytes *ret_piece)
{
    switch (r->state) {
    case READER_HEADER: return gather(r, r->header, HEADER_SIZE, in) ? on_header(r) : 0;
    case READER_BODY: return gather(r, r->body.at, r->wanted, in) ? on_body(r, ret_piece) : 0;
    case READER_SKIP: {
        size_t n = r->wanted < in->size ? r->wanted : in->size;
        *in = (struct bytes){in->at + n, in->size - n};
        r->wanted -= n;
        if (r->wanted == 0)
            r->state = READER_HEADER;
        return 0;
    }
    }
    UNREACHABLE("state of an S2 reader");
}

int s2_reader_next(struct s2_reader *r, struct bytes *in, struct bytes *ret_piece)
{
    int status = r->error;
    while (status == 0 && in->size > 0)
        status = step(r, in, ret_piece);
    if (status < 0)
        r->error = status;
    return status;
}

int s2_reader_end(const struct s2_reader *r)
{
    if (r->error < 0)
        return r->error;
    bool whole = r->state == READER_HEADER ? r->filled == 0 : r->wanted == 0;
    return whole && r->block_size_max > 0 ? 0 : -EBADMSG;
}

static void put_header(char *at, unsigned type, size_t size)
{
    at[0] = (char)type;
    put_number(at + 1, (uint32_t)size, 3);
}

size_t s2_put_identifier(char *at)
{
    put_header(at, CHUNK_IDENTIFIER, NAME_SIZE);
    memcpy(at + HEADER_SIZE, snappy_name, NAME_SIZE);
    return S2_IDENTIFIER_SIZE;
}

size_t s2_put_chunk(struct s2_encoder *e, struct bytes plain, char *at)
{
    CHECK(plain.size > 0 && plain.size <= S2_WRITE_SIZE_MAX);
    char *body = at + HEADER_SIZE + CHECKSUM_SIZE;
    unsigned type = CHUNK_COMPRESSED;
    size_t size = s2_block_encode(e, plain, body);
    /* Less than an eighth saved is not worth the reader's time. */
    if (size > plain.size - plain.size / 8) {
        type = CHUNK_PLAIN;
        size = plain.size;
        memcpy(body, plain.at, size);
    }
    put_header(at, type, CHECKSUM_SIZE + size);
    put_number(at + HEADER_SIZE, masked(crc32c(0, plain.at, plain.size)), CHECKSUM_SIZE);
    return HEADER_SIZE + CHECKSUM_SIZE + size;
}
