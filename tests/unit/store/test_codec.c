/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/codec.h"
#include "store/format/chunk_build.h"
#include "store/format/chunk_walk.h"
#include "tests/unit/store/chunk_fixture.h"
#include "tests/unit/store/crypt_fixture.h"

static const struct chunk_place place = {FIXTURE_GID, 3, 8192};
static struct s2_encoder encoder;

struct group {
    struct prng prng;
    struct crypt *crypt;
    struct crypt_group *keys;
    struct codec codec;
};

enum form { SQUEEZED, SEALED_XCHACHA, SEALED_AES, SQUEEZED_SEALED, FORMS };

static void make_group(struct group *g, enum form form)
{
    *g = (struct group){0};
    prng_init(&g->prng, 9);
    if (form != SQUEEZED) {
        enum crypt_cipher cipher =
            form == SEALED_AES ? CRYPT_AES_256_GCM : CRYPT_XCHACHA20_POLY1305;
        g->crypt = fixture_crypt(&g->prng, FIXTURE_KEY, BYTES(""), cipher);
        g->keys = crypt_group_new(g->crypt, FIXTURE_GID, 1);
    }
    bool squeeze = form == SQUEEZED || form == SQUEEZED_SEALED;
    codec_init(&g->codec, g->keys, squeeze ? &encoder : NULL);
}

static void free_group(struct group *g)
{
    crypt_group_free(&g->keys);
    if (g->crypt != NULL)
        crypt_free(&g->crypt);
}

/* Its stored form, given. */
static char *seal(const struct codec *c, struct bytes raw, size_t *ret_size)
{
    const struct chunk_codec *write = codec_to_write(c);
    char *stored = malloc(raw.size + write->adds_max + 1);
    *ret_size = write->seal(write->context, &place, raw, stored);
    assert_true(*ret_size <= raw.size + write->adds_max);
    return stored;
}

static int open_piece(const struct codec *c, uint16_t flags, const struct chunk_place *at,
                      struct bytes stored, char *raw, size_t raw_size)
{
    const struct chunk_codec *read = codec_to_read(c);
    return read->open(read->context, flags, at, stored, raw, raw_size);
}

static void comes_back(const struct codec *c, struct bytes raw)
{
    size_t size;
    char *stored = seal(c, raw, &size);
    char *back = malloc(raw.size);
    assert_int_equal(
        open_piece(c, c->write.flags, &place, (struct bytes){stored, size}, back, raw.size), 0);
    assert_memory_equal(back, raw.at, raw.size);
    free(back);
    free(stored);
}

static void pieces_come_back(void **state)
{
    static const size_t sizes[] = {1, 2, 15, 60, 100, 1000, 4096, 65536, 65537, 300000};
    for (int form = 0; form < FORMS; form++) {
        struct group g;
        make_group(&g, (enum form)form);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            char *raw = malloc(sizes[i]);
            memset(raw, 'x', sizes[i]);
            comes_back(&g.codec, (struct bytes){raw, sizes[i]});
            for (size_t n = 0; n < sizes[i]; n++)
                raw[n] = (char)prng_next(&g.prng);
            comes_back(&g.codec, (struct bytes){raw, sizes[i]});
            free(raw);
        }
        free_group(&g);
    }
}

static void what_does_not_shrink_does_not_grow(void **state)
{
    struct group g;
    make_group(&g, SQUEEZED);
    char raw[3000];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (char)prng_next(&g.prng);
    size_t size;
    char *stored = seal(&g.codec, (struct bytes){raw, sizeof raw}, &size);
    assert_int_equal(size, sizeof raw);
    assert_memory_equal(stored, raw, sizeof raw);
    free(stored);
    memset(raw, 0, sizeof raw);
    free(seal(&g.codec, (struct bytes){raw, sizeof raw}, &size));
    assert_true(size < sizeof raw / 10);
    free_group(&g);
}

static void sealed_pieces_open_nowhere_else_and_as_nothing_else(void **state)
{
    char raw[200];
    char back[201];
    for (int form = SEALED_XCHACHA; form < FORMS; form++) {
        struct group g;
        make_group(&g, (enum form)form);
        for (size_t i = 0; i < sizeof raw; i++)
            raw[i] = (char)(i / 20);
        size_t size;
        char *at = seal(&g.codec, (struct bytes){raw, sizeof raw}, &size);
        struct bytes stored = {at, size};
        uint16_t flags = g.codec.write.flags;
        struct chunk_place others[] = {place, place, place};
        others[0].gid++;
        others[1].file++;
        others[2].offset++;
        for (int i = 0; i < 3; i++)
            assert_int_equal(open_piece(&g.codec, flags, &others[i], stored, back, sizeof raw),
                             -EBADMSG);
        assert_int_equal(
            open_piece(&g.codec, flags ^ CHUNK_COMPRESSED, &place, stored, back, sizeof raw),
            -EBADMSG);
        assert_int_equal(open_piece(&g.codec, flags, &place, stored, back, sizeof raw - 1),
                         -EBADMSG);
        assert_int_equal(open_piece(&g.codec, flags, &place, stored, back, sizeof raw + 1),
                         -EBADMSG);
        for (size_t n = 0; n < size; n++)
            assert_int_equal(
                open_piece(&g.codec, flags, &place, (struct bytes){at, n}, back, sizeof raw),
                -EBADMSG);
        for (size_t bit = 0; bit < size * 8; bit++) {
            at[bit / 8] = (char)(at[bit / 8] ^ (1 << bit % 8));
            assert_int_equal(open_piece(&g.codec, flags, &place, stored, back, sizeof raw),
                             -EBADMSG);
            at[bit / 8] = (char)(at[bit / 8] ^ (1 << bit % 8));
        }
        assert_int_equal(open_piece(&g.codec, flags, &place, stored, back, sizeof raw), 0);
        assert_memory_equal(back, raw, sizeof raw);
        free(at);
        free_group(&g);
    }
}

/* The same piece twice, at the same place, has nothing in common but its size. */
static void a_place_is_written_over_with_another_nonce(void **state)
{
    struct group g;
    make_group(&g, SEALED_AES);
    struct bytes raw = BYTES("the drain gave up, and this is the second attempt");
    size_t size;
    char *first = seal(&g.codec, raw, &size);
    char *second = seal(&g.codec, raw, &size);
    assert_memory_not_equal(first, second, CRYPT_NONCE_SIZE);
    assert_memory_not_equal(first + CRYPT_NONCE_SIZE, second + CRYPT_NONCE_SIZE, raw.size);
    free(first);
    free(second);
    free_group(&g);
}

/* --- chunks ----------------------------------------------------------------------------------- */

struct counted {
    const struct made_list *list;
    uint32_t count;
};

static void on_record(void *context, const struct chunk_record *r)
{
    struct counted *c = context;
    const struct chunk_record *wanted = &c->list->at[c->count++].record;
    assert_int_equal(r->seq, wanted->seq);
    assert_int_equal(r->body_hash, wanted->body_hash);
    assert_true(bytes_equal(r->body, wanted->body));
}

static unsigned walk(const struct chunk_codec *codec, const char *chunk, size_t size,
                     struct counted *counted)
{
    struct chunk_walk w = {place, codec, counted != NULL ? on_record : NULL, NULL, counted};
    return chunk_walk(&w, (struct bytes){chunk, size});
}

static bool contains(const char *at, size_t size, struct bytes what)
{
    for (size_t i = 0; i + what.size <= size; i++)
        if (memcmp(at + i, what.at, what.size) == 0)
            return true;
    return false;
}

static void chunks_come_back_and_are_scrubbed_without_keys(void **state)
{
    for (int form = 0; form < FORMS; form++) {
        struct group g;
        make_group(&g, (enum form)form);
        struct made_list list = {0};
        for (int i = 0; i < 1500; i++)
            made_random(&list, &g.prng, 40, 300);
        struct chunk_info info;
        char *chunk = made_chunk(&list, 0, list.count, &place, codec_to_write(&g.codec), &info);
        assert_int_equal(info.flags, g.codec.write.flags);
        struct counted counted = {.list = &list};
        assert_int_equal(walk(codec_to_read(&g.codec), chunk, info.size, &counted), 0);
        assert_int_equal(counted.count, list.count);
        assert_int_equal(walk(NULL, chunk, info.size, NULL), 0);
        free(chunk);
        made_done(&list);
        free_group(&g);
    }
}

static void no_text_is_in_a_sealed_chunk(void **state)
{
    struct group g;
    make_group(&g, SEALED_XCHACHA);
    struct made_list list = {0};
    struct message m = {.subject = BYTES("a.subject.nobody.knows"),
                        .payload = BYTES("a marker in the payload")};
    (void)made_add(&list, 1, 1, &m);
    struct chunk_info info;
    char *chunk = made_chunk(&list, 0, 1, &place, NULL, &info);
    assert_true(contains(chunk, info.size, m.payload));
    free(chunk);
    chunk = made_chunk(&list, 0, 1, &place, codec_to_write(&g.codec), &info);
    assert_false(contains(chunk, info.size, m.payload));
    assert_false(contains(chunk, info.size, m.subject));
    free(chunk);
    made_done(&list);
    free_group(&g);
}

/* Compression was turned on, or off: old chunks are read all the same. But no plain chunk passes
 * for one of a group that is sealed. */
static void a_reader_takes_what_its_group_may_have_written(void **state)
{
    struct group plain;
    struct group sealed;
    make_group(&sealed, SEALED_XCHACHA);
    make_group(&plain, SQUEEZED);
    codec_init(&plain.codec, NULL, NULL);
    assert_null(codec_to_write(&plain.codec));
    struct codec squeezes;
    codec_init(&squeezes, NULL, &encoder);
    struct made_list list = {0};
    for (int i = 0; i < 50; i++)
        made_random(&list, &plain.prng, 10, 100);
    struct chunk_info info;
    for (int i = 0; i < 2; i++) {
        const struct chunk_codec *write = i == 0 ? NULL : codec_to_write(&squeezes);
        char *chunk = made_chunk(&list, 0, list.count, &place, write, &info);
        struct counted counted = {.list = &list};
        assert_int_equal(walk(codec_to_read(&plain.codec), chunk, info.size, &counted), 0);
        assert_int_equal(counted.count, list.count);
        counted.count = 0;
        assert_int_not_equal(walk(codec_to_read(&sealed.codec), chunk, info.size, &counted), 0);
        assert_int_equal(counted.count, 0);
        free(chunk);
    }
    made_done(&list);
    free_group(&plain);
    free_group(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_come_back),
        cmocka_unit_test(what_does_not_shrink_does_not_grow),
        cmocka_unit_test(sealed_pieces_open_nowhere_else_and_as_nothing_else),
        cmocka_unit_test(a_place_is_written_over_with_another_nonce),
        cmocka_unit_test(chunks_come_back_and_are_scrubbed_without_keys),
        cmocka_unit_test(no_text_is_in_a_sealed_chunk),
        cmocka_unit_test(a_reader_takes_what_its_group_may_have_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
