/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_s2 -- the bytes as a block, for the decoder and a slow one; as a stream, in two splits; and as
 * what is encoded and decoded again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "protocols/s2/s2_frame.h"
#include "runtime/base/check.h"
#include "tests/unit/protocols/slow_s2.h"

enum { BLOCK_TEXT_MAX = 1 << 16, STREAM_TEXT_MAX = 1 << 18 };

static void check_block(struct bytes block)
{
    static char fast[BLOCK_TEXT_MAX];
    static char slow[BLOCK_TEXT_MAX];
    size_t fast_size = 0;
    size_t slow_size = 0;
    int status = s2_block_decode(block, fast, sizeof fast, &fast_size);
    CHECK(slow_s2_decode(block, slow, sizeof slow, &slow_size) == status);
    CHECK(fast_size == slow_size && memcmp(fast, slow, fast_size) == 0);
}

/* What comes out of a stream, as far as it fits. */
struct text {
    int status;
    size_t size;
    char at[STREAM_TEXT_MAX];
};

static void read_stream(struct bytes in, size_t step, struct text *text)
{
    struct s2_reader *r = s2_reader_new();
    text->status = 0;
    text->size = 0;
    while (in.size > 0 && text->status == 0) {
        struct bytes part = {in.at, in.size < step ? in.size : step};
        in = (struct bytes){in.at + part.size, in.size - part.size};
        struct bytes piece;
        while ((text->status = s2_reader_next(r, &part, &piece)) == 1) {
            CHECK(piece.size > 0 && piece.size <= S2_BLOCK_SIZE_MAX);
            size_t room = sizeof text->at - text->size;
            size_t n = piece.size < room ? piece.size : room;
            memcpy(text->at + text->size, piece.at, n);
            text->size += n;
        }
        CHECK(implies(text->status == 0, part.size == 0));
    }
    if (text->status == 0)
        text->status = s2_reader_end(r);
    s2_reader_free(&r);
}

static void check_stream(struct bytes in)
{
    static struct text whole;
    static struct text split;
    read_stream(in, in.size, &whole);
    read_stream(in, 3, &split);
    CHECK(whole.status == split.status && whole.size == split.size);
    CHECK(memcmp(whole.at, split.at, whole.size) == 0);
}

static void check_round_trip(struct bytes plain)
{
    static struct s2_encoder encoder;
    char *block = malloc(s2_block_space(plain.size));
    char *again = malloc(plain.size + 1);
    CHECK(block != NULL && again != NULL);
    struct bytes encoded = {block, s2_block_encode(&encoder, plain, block)};
    size_t size;
    CHECK(s2_block_decode(encoded, again, plain.size, &size) == 0);
    CHECK(bytes_equal((struct bytes){again, size}, plain));
    free(block);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {(const char *)data, size};
    check_block(in);
    check_stream(in);
    check_round_trip(in);
    return 0;
}
