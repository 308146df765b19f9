/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of the entries of a stream: written, read, cut and flipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "store/format/buffer.h"
#include "store/format/stream_entry.h"

/* One kind: makes a body, and reads a body and writes it again (-EBADMSG: it was refused). */
struct kind {
    const char *name;
    void (*make)(struct buffer *b);
    int (*again)(struct bytes body, struct buffer *b);
};

static void make_config(struct buffer *b)
{
    struct stream_config c = {BYTES("rules"), BYTES("{\"name\":\"S\"}")};
    stream_config_write(b, &c);
}

static int again_config(struct bytes body, struct buffer *b)
{
    struct stream_config c;
    int r = stream_config_read(body, &c);
    if (r == 0)
        stream_config_write(b, &c);
    return r;
}

static void make_delete(struct buffer *b)
{
    static const uint64_t seqs[] = {1, 2, 9, STREAM_SEQ_MAX};
    stream_delete_write(b, seqs, 4, true);
}

static int again_delete(struct bytes body, struct buffer *b)
{
    struct stream_delete d;
    int r = stream_delete_read(body, &d);
    if (r != 0)
        return r;
    uint64_t *seqs = malloc(d.count * sizeof seqs[0]);
    for (uint32_t i = 0; i < d.count; i++)
        seqs[i] = stream_delete_seq(&d, i);
    stream_delete_write(b, seqs, d.count, d.erase);
    free(seqs);
    return 0;
}

static void make_purge(struct buffer *b)
{
    struct stream_purge p = {BYTES("a.*"), 100, 3};
    stream_purge_write(b, &p);
}

static int again_purge(struct bytes body, struct buffer *b)
{
    struct stream_purge p;
    int r = stream_purge_read(body, &p);
    if (r == 0)
        stream_purge_write(b, &p);
    return r;
}

static void make_skip(struct buffer *b)
{
    struct stream_skip s = {5, 9};
    stream_skip_write(b, &s);
}

static int again_skip(struct bytes body, struct buffer *b)
{
    struct stream_skip s;
    int r = stream_skip_read(body, &s);
    if (r == 0)
        stream_skip_write(b, &s);
    return r;
}

static void make_source(struct buffer *b)
{
    struct stream_source s = {3, true, 77, BYTES("identity")};
    stream_source_write(b, &s);
}

static int again_source(struct bytes body, struct buffer *b)
{
    struct stream_source s;
    int r = stream_source_read(body, &s);
    if (r == 0)
        stream_source_write(b, &s);
    return r;
}

static void make_rules(struct buffer *b)
{
    stream_rules_version_write(b, 1);
}

static int again_rules(struct bytes body, struct buffer *b)
{
    uint32_t version;
    int r = stream_rules_version_read(body, &version);
    if (r == 0)
        stream_rules_version_write(b, version);
    return r;
}

static const struct kind kinds[] = {
    {"CONFIG", make_config, again_config}, {"DELETE", make_delete, again_delete},
    {"PURGE", make_purge, again_purge},    {"SKIP", make_skip, again_skip},
    {"SOURCE", make_source, again_source}, {"RULES", make_rules, again_rules},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void what_is_written_is_read_back(void **state)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct buffer b = {0};
        struct buffer again = {0};
        kinds[i].make(&b);
        assert_int_equal(kinds[i].again(buffer_view(&b), &again), 0);
        assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
        buffer_done(&b);
        buffer_done(&again);
    }
}

/* What is cut is refused, or (where all bytes at the end are text) is read as what it is. */
static void nothing_is_read_that_is_not_written_so(void **state)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct buffer b = {0};
        struct buffer again = {0};
        kinds[i].make(&b);
        for (size_t size = 0; size < b.size; size++) {
            char *cut = malloc(size + 1);
            memcpy(cut, b.at, size);
            again.size = 0;
            if (kinds[i].again((struct bytes){cut, size}, &again) == 0)
                assert_true(bytes_equal((struct bytes){cut, size}, buffer_view(&again)));
            free(cut);
        }
        for (size_t bit = 0; bit < b.size * 8; bit++) {
            b.at[bit / 8] ^= (char)(1 << bit % 8);
            again.size = 0;
            if (kinds[i].again(buffer_view(&b), &again) == 0)
                assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
            b.at[bit / 8] ^= (char)(1 << bit % 8);
        }
        buffer_done(&b);
        buffer_done(&again);
    }
}

static void lists_of_sequences_rise(void **state)
{
    struct stream_delete d;
    struct buffer b = {0};
    make_delete(&b);
    assert_int_equal(stream_delete_read(buffer_view(&b), &d), 0);
    assert_int_equal(d.count, 4);
    assert_int_equal(stream_delete_seq(&d, 2), 9);
    put_u64(b.at + 8 + 8, 1);
    assert_int_equal(stream_delete_read(buffer_view(&b), &d), -EBADMSG);
    put_u64(b.at + 8, 0);
    assert_int_equal(stream_delete_read(buffer_view(&b), &d), -EBADMSG);
    buffer_done(&b);
}

static void sequences_beyond_the_highest_are_refused(void **state)
{
    struct stream_purge p;
    struct stream_skip s;
    struct buffer b = {0};
    make_purge(&b);
    put_u64(b.at + 8, STREAM_SEQ_MAX + 1);
    assert_int_equal(stream_purge_read(buffer_view(&b), &p), -EBADMSG);
    b.size = 0;
    make_skip(&b);
    put_u64(b.at + 16, STREAM_SEQ_MAX + 1);
    assert_int_equal(stream_skip_read(buffer_view(&b), &s), -EBADMSG);
    put_u64(b.at + 16, 4);
    assert_int_equal(stream_skip_read(buffer_view(&b), &s), -EBADMSG);
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(nothing_is_read_that_is_not_written_so),
        cmocka_unit_test(lists_of_sequences_rise),
        cmocka_unit_test(sequences_beyond_the_highest_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
