/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/format/buffer.h"
#include "store/format/checkpoint.h"
#include "store/format/record.h"
#include "store/sealed.h"
#include "tests/unit/store/crypt_fixture.h"

#define GID 5

struct keys {
    struct prng prng;
    struct crypt *crypt;
    struct crypt_group *group;
};

static void make_keys(struct keys *k, enum crypt_cipher cipher)
{
    prng_init(&k->prng, 3);
    k->crypt = fixture_crypt(&k->prng, FIXTURE_KEY, BYTES(""), cipher);
    k->group = crypt_group_new(k->crypt, GID, 1);
}

static void free_keys(struct keys *k)
{
    crypt_group_free(&k->group);
    crypt_free(&k->crypt);
}

static struct entry an_entry(char *body, size_t size)
{
    return (struct entry){.gid = GID,
                          .index = 7,
                          .term = 3,
                          .kind = ENTRY_MSG,
                          .flags = 1,
                          .time_ns = -5,
                          .body = {body, size}};
}

static void bodies_open_as_what_they_were(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct keys k;
        make_keys(&k, fixture_ciphers[i]);
        for (size_t size = 0; size < 300; size++) {
            char body[300 + RECORD_SEAL_SIZE];
            char plain[300];
            for (size_t n = 0; n < size; n++)
                plain[n] = body[n] = (char)prng_next(&k.prng);
            struct entry e = an_entry(body, size);
            sealed_body_make(k.group, &e, body);
            e.body.size += RECORD_SEAL_SIZE;
            assert_int_equal(sealed_body_open(k.group, &e, body), 0);
            assert_memory_equal(body, plain, size);
        }
        free_keys(&k);
    }
}

static int open_copy(const struct keys *k, const struct entry *sealed)
{
    char body[64 + RECORD_SEAL_SIZE];
    struct entry e = *sealed;
    memcpy(body, sealed->body.at, sealed->body.size);
    e.body.at = body;
    return sealed_body_open(k->group, &e, body);
}

static void a_body_opens_under_no_other_entry_and_with_no_bit_turned(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct keys k;
        make_keys(&k, fixture_ciphers[i]);
        char body[20 + RECORD_SEAL_SIZE] = "a body of an entry";
        struct entry e = an_entry(body, 20);
        sealed_body_make(k.group, &e, body);
        e.body.size += RECORD_SEAL_SIZE;
        assert_int_equal(open_copy(&k, &e), 0);
        struct entry others[] = {e, e, e, e, e, e};
        others[0].gid++;
        others[1].index++;
        others[2].term++;
        others[3].time_ns++;
        others[4].kind = ENTRY_BATCH;
        others[5].flags = 0;
        for (int n = 0; n < 6; n++)
            assert_int_equal(open_copy(&k, &others[n]), -EBADMSG);
        for (size_t bit = 0; bit < sizeof body * 8; bit++) {
            body[bit / 8] = (char)(body[bit / 8] ^ (1 << bit % 8));
            assert_int_equal(open_copy(&k, &e), -EBADMSG);
            body[bit / 8] = (char)(body[bit / 8] ^ (1 << bit % 8));
        }
        for (; e.body.size > 0; e.body.size--)
            assert_int_equal(open_copy(&k, &e), e.body.size == sizeof body ? 0 : -EBADMSG);
        free_keys(&k);
    }
}

static void the_same_body_twice_is_not_the_same_sealed(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_AES_256_GCM);
    char first[8 + RECORD_SEAL_SIZE] = "the same";
    char second[8 + RECORD_SEAL_SIZE] = "the same";
    struct entry e = an_entry(first, 8);
    sealed_body_make(k.group, &e, first);
    e.body.at = second;
    sealed_body_make(k.group, &e, second);
    assert_memory_not_equal(first, second, 8);
    free_keys(&k);
}

static void a_checkpoint(struct buffer *b)
{
    const struct checkpoint c = {.applied = 12,
                                 .log_time_ns = -77,
                                 .first_seq = 1,
                                 .next_file = 4,
                                 .sections = {BYTES("configuration nobody knows")}};
    checkpoint_write(b, &c);
}

static void checkpoints_open_and_their_heads_are_clear(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_XCHACHA20_POLY1305);
    struct buffer plain = {0};
    a_checkpoint(&plain);
    for (int sealed = 0; sealed < 2; sealed++) {
        struct buffer stored = {0};
        struct buffer opened = {0};
        struct checkpoint_head head;
        struct bytes back;
        const struct crypt_group *keys = sealed ? k.group : NULL;
        sealed_checkpoint_make(keys, GID, buffer_view(&plain), &stored);
        assert_int_equal(sealed_checkpoint_head(buffer_view(&stored), &head), 0);
        assert_int_equal(head.applied, 12);
        assert_int_equal(head.next_file, 4);
        assert_int_equal(head.log_time_ns, -77);
        bool clear = memmem(stored.at, stored.size, "nobody knows", 12) != NULL;
        assert_int_equal(clear, !sealed);
        assert_int_equal(sealed_checkpoint_open(keys, GID, buffer_view(&stored), &opened, &back),
                         0);
        assert_true(bytes_equal(back, buffer_view(&plain)));
        keys = sealed ? NULL : k.group;
        opened.size = 0;
        assert_int_equal(sealed_checkpoint_open(keys, GID, buffer_view(&stored), &opened, &back),
                         -EBADMSG);
        buffer_done(&opened);
        buffer_done(&stored);
    }
    buffer_done(&plain);
    free_keys(&k);
}

static void a_sealed_checkpoint_that_was_touched_is_refused(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_AES_256_GCM);
    struct buffer plain = {0};
    struct buffer stored = {0};
    struct buffer opened = {0};
    struct checkpoint_head head;
    struct bytes back;
    a_checkpoint(&plain);
    sealed_checkpoint_make(k.group, GID, buffer_view(&plain), &stored);
    for (size_t bit = 0; bit < stored.size * 8; bit++) {
        stored.at[bit / 8] = (char)(stored.at[bit / 8] ^ (1 << bit % 8));
        opened.size = 0;
        assert_int_equal(sealed_checkpoint_open(k.group, GID, buffer_view(&stored), &opened, &back),
                         -EBADMSG);
        stored.at[bit / 8] = (char)(stored.at[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t size = 0; size < stored.size; size++) {
        struct bytes cut = {stored.at, size};
        opened.size = 0;
        assert_int_equal(sealed_checkpoint_open(k.group, GID, cut, &opened, &back), -EBADMSG);
        if (size < 26)
            assert_int_equal(sealed_checkpoint_head(cut, &head), -EBADMSG);
    }
    assert_int_equal(sealed_checkpoint_open(k.group, GID + 1, buffer_view(&stored), &opened, &back),
                     -EBADMSG);
    buffer_done(&opened);
    buffer_done(&stored);
    buffer_done(&plain);
    free_keys(&k);
}

static void a_section_opens_where_it_lies_and_as_no_other(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_AES_256_GCM);
    struct bytes plain = BYTES("a thousand subjects");
    struct buffer stored = {0};
    sealed_section_make(k.group, GID, 3, plain, &stored);
    for (size_t bit = 0; bit < stored.size * 8; bit++) {
        char copy[128];
        memcpy(copy, stored.at, stored.size);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        struct bytes at = {copy, stored.size};
        assert_int_equal(sealed_section_open(k.group, GID, 3, &at), -EBADMSG);
    }
    for (size_t size = 0; size < CRYPT_NONCE_SIZE + CRYPT_TAG_SIZE; size++) {
        struct bytes at = {stored.at, size};
        assert_int_equal(sealed_section_open(k.group, GID, 3, &at), -EBADMSG);
    }
    struct bytes at = buffer_view(&stored);
    assert_int_equal(sealed_section_open(k.group, GID, 4, &at), -EBADMSG);
    buffer_done(&stored);
    sealed_section_make(k.group, GID, 3, plain, &stored);
    at = buffer_view(&stored);
    assert_int_equal(sealed_section_open(k.group, GID, 3, &at), 0);
    assert_true(bytes_equal(at, plain));
    buffer_done(&stored);
    free_keys(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_open_as_what_they_were),
        cmocka_unit_test(a_body_opens_under_no_other_entry_and_with_no_bit_turned),
        cmocka_unit_test(the_same_body_twice_is_not_the_same_sealed),
        cmocka_unit_test(checkpoints_open_and_their_heads_are_clear),
        cmocka_unit_test(a_sealed_checkpoint_that_was_touched_is_refused),
        cmocka_unit_test(a_section_opens_where_it_lies_and_as_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
