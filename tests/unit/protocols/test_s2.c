/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of every element, frames of every chunk, in every split; ours are read by ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "protocols/s2/crc32c.h"
#include "protocols/s2/s2_frame.h"
#include "runtime/base/prng.h"
#include "tests/unit/protocols/slow_s2.h"

#define PLAIN_SIZE_MAX 200000
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static size_t from_hex(const char *hex, char *at)
{
    size_t n = 0;
    for (; hex[0] != '\0'; hex += hex[0] == ' ' ? 1 : 2) {
        char digits[3] = {hex[0], hex[1], '\0'};
        if (hex[0] != ' ')
            at[n++] = (char)strtoul(digits, NULL, 16);
    }
    return n;
}

static void the_checksum_has_the_published_values(void **state)
{
    static const struct {
        const char *hex;
        uint32_t crc;
    } rows[] = {
        {"", 0},
        {"313233343536373839", 0xe3069283},
        {"0000000000000000000000000000000000000000000000000000000000000000", 0x8a9136aa},
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0x62a8ab43},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0x46dd794e},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char data[64];
        size_t n = from_hex(rows[i].hex, data);
        assert_int_equal(crc32c(0, data, n), rows[i].crc);
        for (size_t cut = 0; cut <= n; cut++)
            assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, n - cut), rows[i].crc);
    }
}

/* clang-format off */
static const struct {
    const char *block;
    const char *text; /* NULL: malformed */
} blocks[] = {
    {"00", ""},
    {"01 0061", "a"},
    {"03 08616263", "abc"},
    {"03 f002616263", "abc"},
    {"03 f40200616263", "abc"},
    {"03 f8020000616263", "abc"},
    {"03 fc02000000616263", "abc"},
    {"07 08616263 0103", "abcabca"},           /* copy of 1 byte, reaching into itself */
    {"0e 08616263 1d03", "abcabcabcabcab"},
    {"04 08616263 020300", "abca"},            /* copy of 2 bytes, 1 byte long */
    {"08 08616263 120300", "abcabcab"},
    {"08 08616263 1303000000", "abcabcab"},    /* copy of 4 bytes */
    {"0b 08616263 0103 0100", "abcabcabcab"},  /* repeats */
    {"0c 08616263 0103 0500", "abcabcabcabc"},
    {"0f 08616263 0103 1100", "abcabcabcabcabc"},
    {"11 08616263 0103 150002", "abcabcabcabcabcab"},
    {"3b 08616263520300002d2e0d000925002b2e0d0008616263",
     "abcabcabcabcabcabcabcabc-abcabcabcabcabcabc+abcabcabcabcabc"},
    {"04 08616263 0500", NULL},        /* a repeat of nothing */
    {"08 0500 08616263", NULL},
    {"07 08616263 0104", NULL},        /* from before the beginning */
    {"07 08616263 120000", NULL},
    {"06 08616263 0103", NULL},        /* longer than it said */
    {"08 08616263 0103", NULL},        /* shorter */
    {"02 08616263", NULL},
    {"04 08616263", NULL},
    {"03 08616263 01", NULL},          /* cut */
    {"00 00", NULL},
    {"", NULL},
    {"80", NULL},
    {"8080808080", NULL},
    {"ffffffff7f 00", NULL},
};
/* clang-format on */

static void every_element_is_decoded_and_every_malformed_one_refused(void **state)
{
    for (size_t i = 0; i < COUNT(blocks); i++) {
        char block[128];
        char text[256];
        char slow[256];
        size_t n = 0;
        size_t slow_n = 0;
        struct bytes in = {block, from_hex(blocks[i].block, block)};
        int status = s2_block_decode(in, text, sizeof text, &n);
        assert_int_equal(status, blocks[i].text != NULL ? 0 : -EBADMSG);
        assert_int_equal(slow_s2_decode(in, slow, sizeof slow, &slow_n), status);
        if (status == 0) {
            assert_int_equal(n, strlen(blocks[i].text));
            assert_memory_equal(text, blocks[i].text, n);
            assert_int_equal(slow_n, n);
        }
    }
}

static void long_repeats_are_decoded(void **state)
{
    /* 400 bytes of ten digits; 100,000 of one letter: repeats with one, two and three bytes of size. */
    static const struct {
        const char *block;
        size_t size;
        size_t period;
    } rows[] = {
        {"9003 2430313233343536373839 110a 19007a00", 400, 10},
        {"a08d06 0078 1101 1d00938600", 100000, 1},
    };
    char *text = malloc(PLAIN_SIZE_MAX);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char block[64];
        size_t n = 0;
        struct bytes in = {block, from_hex(rows[i].block, block)};
        assert_int_equal(s2_block_decode(in, text, PLAIN_SIZE_MAX, &n), 0);
        assert_int_equal(n, rows[i].size);
        for (size_t at = rows[i].period; at < n; at++)
            assert_int_equal(text[at], text[at - rows[i].period]);
    }
    free(text);
}

static void a_block_that_says_more_than_there_is_room_for_is_refused(void **state)
{
    char block[8];
    char text[2];
    size_t n = 7;
    struct bytes in = {block, from_hex("03 08616263", block)};
    assert_int_equal(s2_block_decode(in, text, sizeof text, &n), -EMSGSIZE);
    assert_int_equal(n, 7);
    assert_int_equal(s2_block_decoded_size(in, &n), 0);
    assert_int_equal(n, 3);
}

/* Bytes that compress more or less: pieces of what came before among random ones. */
static size_t make_plain(struct prng *p, char *at, size_t size_max)
{
    size_t size = prng_one_in(p, 2) ? prng_below(p, 300) : prng_below(p, size_max);
    size_t novelty = 1 + prng_below(p, 20);
    for (size_t done = 0; done < size;) {
        size_t n = 1 + prng_below(p, prng_one_in(p, 8) ? 5000 : 20);
        if (n > size - done)
            n = size - done;
        size_t back = done > 0 ? 1 + prng_below(p, done) : 0;
        bool copies = back > 0 && !prng_one_in(p, novelty);
        for (size_t i = 0; i < n; i++, done++)
            at[done] = copies ? at[done - back] : (char)prng_next(p);
    }
    return size;
}

static void what_was_encoded_is_decoded(void **state)
{
    struct s2_encoder *encoder = malloc(sizeof(*encoder));
    char *plain = malloc(PLAIN_SIZE_MAX);
    char *block = malloc(s2_block_space(PLAIN_SIZE_MAX));
    char *again = malloc(PLAIN_SIZE_MAX);
    struct prng p;
    prng_init(&p, 1);
    for (int round = 0; round < 300; round++) {
        size_t size = make_plain(&p, plain, PLAIN_SIZE_MAX);
        size_t n = s2_block_encode(encoder, (struct bytes){plain, size}, block);
        size_t decoded = 0;
        assert_true(n <= s2_block_space(size));
        assert_int_equal(s2_block_decode((struct bytes){block, n}, again, PLAIN_SIZE_MAX, &decoded),
                         0);
        assert_int_equal(decoded, size);
        assert_memory_equal(again, plain, size);
        if (size < 1000) {
            assert_int_equal(slow_s2_decode((struct bytes){block, n}, again, size, &decoded), 0);
            assert_memory_equal(again, plain, size);
        }
        for (size_t cut = 0; cut < n && n < 300; cut++)
            assert_int_equal(s2_block_decode((struct bytes){block, cut}, again, size, &decoded),
                             -EBADMSG);
    }
    free(encoder);
    free(plain);
    free(block);
    free(again);
}

static void repetition_compresses(void **state)
{
    static struct s2_encoder encoder;
    char plain[20000];
    char block[30000];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = "subject.orders value "[i % 21];
    assert_true(s2_block_encode(&encoder, (struct bytes){plain, sizeof plain}, block) < 1100);
    memset(plain, 'x', sizeof plain);
    assert_true(s2_block_encode(&encoder, (struct bytes){plain, sizeof plain}, block) < 1000);
}

/* --- frames ----------------------------------------------------------------------------------------- */

/* Reads all of `in`, `step` bytes at a time; the end's status, and what came out before. */
static int read_frames(struct bytes in, size_t step, char *at, size_t *ret_size)
{
    struct s2_reader *r = s2_reader_new();
    int status = 0;
    *ret_size = 0;
    for (size_t done = 0; done < in.size && status == 0; done += step) {
        /* A copy of its own, so that nothing is read outside. */
        size_t n = in.size - done < step ? in.size - done : step;
        char *part = malloc(n);
        memcpy(part, in.at + done, n);
        struct bytes left = {part, n};
        struct bytes piece;
        while ((status = s2_reader_next(r, &left, &piece)) == 1) {
            memcpy(at + *ret_size, piece.at, piece.size);
            *ret_size += piece.size;
        }
        free(part);
    }
    int end = s2_reader_end(r);
    assert_true(status == 0 || end == status);
    s2_reader_free(&r);
    return end;
}

/* clang-format off */
static const struct {
    const char *stream;
    const char *text;
    int status;
} streams[] = {
    {"ff0600005332735477 4f", "", 0},
    {"ff060000734e61507059", "", 0},
    {"ff0600005332735477 4f 01070000 6e57f121 616263", "abc", 0},
    {"ff0600005332735477 4f 00090000 6e57f121 0308616263", "abc", 0},
    {"ff0600005332735477 4f 01070000 44442a7b 616263", "", -EILSEQ},
    {"ff0600005332735477 4f 00090000 6e57f121 0308616200", "", -EILSEQ},
    {"", "", -EBADMSG},
    {"ff0600005332735477 50", "", -EBADMSG},        /* another name */
    {"ff0700005332735477 4f00", "", -EBADMSG},      /* another size */
    {"fe000000", "", -EBADMSG},                     /* not first */
    {"ff0600005332735477 4f fe000000", "", 0},
    {"ff0600005332735477 4f fe030000ffffff", "", 0},
    {"ff0600005332735477 4f 9903000001020380000000", "", 0},
    {"ff0600005332735477 4f fd03000001", "", -EBADMSG},
    {"ff0600005332735477 4f 02000000", "", -ENOTSUP},
    {"ff0600005332735477 4f 7f000000", "", -ENOTSUP},
    {"ff0600005332735477 4f 00030000 000000", "", -EBADMSG}, /* no room for a checksum */
    {"ff0600005332735477 4f 01ffffff", "", -EBADMSG},        /* too large */
    {"ff0600005332735477 4f ff060000734e61507059", "", 0},
};
/* clang-format on */

static void every_sort_of_chunk_is_read_passed_over_or_refused(void **state)
{
    for (size_t i = 0; i < COUNT(streams); i++) {
        char stream[128];
        char text[64];
        struct bytes in = {stream, from_hex(streams[i].stream, stream)};
        for (size_t step = 1; step <= in.size + 1; step++) {
            size_t n;
            assert_int_equal(read_frames(in, step, text, &n), streams[i].status);
            if (streams[i].status == 0)
                assert_int_equal(n, strlen(streams[i].text));
        }
    }
}

/* Two streams joined, with padding between: what was written to `plain` comes out of it. */
static size_t make_stream(struct prng *p, char *stream, char *plain, size_t *ret_plain_size)
{
    struct s2_encoder *encoder = malloc(sizeof(*encoder));
    size_t n = 0;
    *ret_plain_size = 0;
    for (int part = 0; part < 2; part++) {
        n += s2_put_identifier(stream + n);
        size_t size = 1 + make_plain(p, plain + *ret_plain_size, 400);
        plain[*ret_plain_size + size - 1] = 'x';
        n += s2_put_chunk(encoder, (struct bytes){plain + *ret_plain_size, size}, stream + n);
        *ret_plain_size += size;
        n += from_hex("fe020000 0000", stream + n);
    }
    free(encoder);
    return n;
}

static void any_split_gives_the_same_bytes_and_any_cut_is_noticed(void **state)
{
    char stream[3000];
    char plain[1000];
    char again[1000];
    struct prng p;
    prng_init(&p, 2);
    for (int round = 0; round < 20; round++) {
        size_t plain_size;
        size_t n = make_stream(&p, stream, plain, &plain_size);
        size_t read;
        for (size_t step = 1; step <= n; step++) {
            assert_int_equal(read_frames((struct bytes){stream, n}, step, again, &read), 0);
            assert_int_equal(read, plain_size);
            assert_memory_equal(again, plain, read);
        }
        size_t whole = 0; /* cuts that fall between chunks */
        for (size_t cut = 0; cut < n; cut++)
            whole += read_frames((struct bytes){stream, cut}, 64, again, &read) == 0 ? 1 : 0;
        assert_int_equal(whole, 5);
    }
}

static void any_flipped_bit_in_a_chunk_of_data_is_noticed(void **state)
{
    static struct s2_encoder encoder;
    char stream[400];
    char again[1000];
    size_t n = s2_put_identifier(stream);
    struct bytes plain = BYTES("one two three one two three one two four; one two three one two");
    size_t head = n;
    n += s2_put_chunk(&encoder, plain, stream + n);
    for (size_t bit = head * 8; bit < n * 8; bit++) {
        size_t read;
        stream[bit / 8] = (char)(stream[bit / 8] ^ (1 << bit % 8));
        /* A type that may be passed over, of the same size, is no error: nothing comes out. */
        int status = read_frames((struct bytes){stream, n}, n, again, &read);
        assert_true(status < 0 || (bit == head * 8 + 7 && read == 0));
        stream[bit / 8] = (char)(stream[bit / 8] ^ (1 << bit % 8));
    }
}

static void blocks_of_snappy_are_at_most_64_kib_and_those_of_s2_are_not(void **state)
{
    static const char names[2][24] = {"ff060000734e61507059", "ff0600005332735477 4f"};
    /* 65,537 zeros: a literal, a copy, a repeat. */
    static const char chunk[] = "000f0000955adb04818004000001011900f8fe";
    char stream[64];
    char *again = malloc(70000);
    for (int is_s2 = 0; is_s2 < 2; is_s2++) {
        size_t read;
        size_t n = from_hex(names[is_s2], stream);
        n += from_hex(chunk, stream + n);
        int status = read_frames((struct bytes){stream, n}, n, again, &read);
        assert_int_equal(status, is_s2 ? 0 : -EBADMSG);
        assert_int_equal(read, is_s2 ? 65537 : 0);
    }
    free(again);
}

static void the_largest_chunk_that_is_written_is_read(void **state)
{
    static struct s2_encoder encoder;
    char *plain = malloc(S2_WRITE_SIZE_MAX);
    char *stream = malloc(S2_IDENTIFIER_SIZE + s2_chunk_space(S2_WRITE_SIZE_MAX));
    char *again = malloc(S2_WRITE_SIZE_MAX);
    struct prng p;
    prng_init(&p, 3);
    for (size_t i = 0; i < S2_WRITE_SIZE_MAX; i++)
        plain[i] = (char)prng_next(&p);
    size_t n = s2_put_identifier(stream);
    n += s2_put_chunk(&encoder, (struct bytes){plain, S2_WRITE_SIZE_MAX}, stream + n);
    assert_int_equal(n, S2_IDENTIFIER_SIZE + 8 + S2_WRITE_SIZE_MAX);
    size_t read;
    assert_int_equal(read_frames((struct bytes){stream, n}, n, again, &read), 0);
    assert_int_equal(read, S2_WRITE_SIZE_MAX);
    assert_memory_equal(again, plain, read);
    free(plain);
    free(stream);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_has_the_published_values),
        cmocka_unit_test(every_element_is_decoded_and_every_malformed_one_refused),
        cmocka_unit_test(long_repeats_are_decoded),
        cmocka_unit_test(a_block_that_says_more_than_there_is_room_for_is_refused),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(repetition_compresses),
        cmocka_unit_test(every_sort_of_chunk_is_read_passed_over_or_refused),
        cmocka_unit_test(any_split_gives_the_same_bytes_and_any_cut_is_noticed),
        cmocka_unit_test(any_flipped_bit_in_a_chunk_of_data_is_noticed),
        cmocka_unit_test(blocks_of_snappy_are_at_most_64_kib_and_those_of_s2_are_not),
        cmocka_unit_test(the_largest_chunk_that_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
