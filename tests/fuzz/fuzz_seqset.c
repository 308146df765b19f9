/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_seqset -- the first byte even: an encoded set, which has to be the one encoding of what it
 * gives, or be refused; odd: operations of three bytes each, against a plain array of flags. */
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/check.h"
#include "store/format/buffer.h"
#include "store/table/seqset.h"

enum { BLOCKS = 4, DOMAIN = BLOCKS * SEQBLOCK_SIZE, OPERATIONS_MAX = 300 };

static void check_encoding(struct bytes encoded)
{
    struct seqset s;
    seqset_init(&s);
    if (seqset_decode(&s, encoded) == 0) {
        seqset_check(&s);
        struct buffer again = {0};
        seqset_encode(&s, &again);
        CHECK(bytes_equal(buffer_view(&again), encoded));
        buffer_done(&again);
    }
    seqset_done(&s);
}

static void check_same(struct seqset *s, const uint8_t *in)
{
    uint64_t total = 0;
    for (uint64_t seq = 0; seq < DOMAIN; seq++) {
        CHECK(seqset_contains(s, seq) == (in[seq] != 0));
        total += in[seq];
    }
    CHECK(seqset_total(s) == total && seqset_count(s, 0, DOMAIN) == total);
    uint64_t seq = 0;
    for (uint64_t at = 0; seqset_next(s, at, &seq); at = seqset_next_out(s, seq)) {
        for (; at < seq; at++)
            CHECK(in[at] == 0);
        for (uint64_t end = seqset_next_out(s, seq); at < end; at++)
            CHECK(in[at] == 1);
    }
}

static void operate(struct seqset *s, uint8_t *in, const uint8_t *op)
{
    uint64_t from = (op[1] | (uint64_t)op[2] << 8) % DOMAIN;
    uint64_t size = (uint64_t)1 << (op[0] % 16);
    uint64_t end = from + size < DOMAIN ? from + size : DOMAIN;
    if (op[0] >= 0xf0) {
        seqset_compact(s, from);
        memset(in, 0, from);
        return;
    }
    uint64_t added = seqset_add_range(s, from, end - 1);
    for (uint64_t seq = from < s->floor ? s->floor : from; seq < end; seq++) {
        added -= !in[seq];
        in[seq] = 1;
    }
    CHECK(added == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0) {
        check_encoding((struct bytes){(const char *)data + 1, size - 1});
        return 0;
    }
    static uint8_t in[DOMAIN];
    memset(in, 0, sizeof in);
    struct seqset s;
    seqset_init(&s);
    for (size_t at = 1; at + 3 <= size && at < 3 * OPERATIONS_MAX; at += 3)
        operate(&s, in, data + at);
    seqset_check(&s);
    check_same(&s, in);
    struct buffer encoded = {0};
    seqset_encode(&s, &encoded);
    check_encoding(buffer_view(&encoded));
    buffer_done(&encoded);
    seqset_done(&s);
    return 0;
}
