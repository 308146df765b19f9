/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/store/crypt_fixture.h"

#define GID 77
#define INCARNATION 12

struct keys {
    struct prng prng;
    struct crypt *crypt;
    struct crypt_group *group;
    char wrapped[CRYPT_WRAPPED_SIZE];
};

static void make_keys(struct keys *k, enum crypt_cipher cipher)
{
    prng_init(&k->prng, 5);
    k->crypt = fixture_crypt(&k->prng, FIXTURE_KEY, BYTES(""), cipher);
    k->group = crypt_group_new(k->crypt, GID, INCARNATION);
    crypt_group_wrap(k->group, k->wrapped);
}

static void free_keys(struct keys *k)
{
    crypt_group_free(&k->group);
    crypt_free(&k->crypt);
}

static struct bytes wrapped_of(const struct keys *k)
{
    return (struct bytes){k->wrapped, sizeof k->wrapped};
}

/* The same group once more, as a later start has it; NULL with the status. */
static int open_again(const struct keys *k, struct crypt *c, struct crypt_group **ret, bool *stale)
{
    *ret = NULL;
    return crypt_group_open(c, GID, INCARNATION, wrapped_of(k), ret, stale);
}

/* --- sealing ---------------------------------------------------------------------------------- */

static void seal_and_open(const struct keys *k, size_t size, bool in_place)
{
    char *plain = malloc(size + CRYPT_TAG_SIZE);
    char *sealed = in_place ? plain : malloc(size + CRYPT_TAG_SIZE);
    char *wanted = malloc(size + 1);
    uint8_t nonce[CRYPT_NONCE_SIZE];
    for (size_t i = 0; i < size; i++)
        wanted[i] = plain[i] = (char)(i * 7);
    crypt_nonce(k->crypt, nonce);
    crypt_seal(k->group, CRYPT_CHUNK, nonce, BYTES("place"), (struct bytes){plain, size}, sealed);
    assert_true(size < 8 || memcmp(sealed, wanted, size) != 0);
    char *back = in_place ? sealed : malloc(size + 1);
    struct bytes all = {sealed, size + CRYPT_TAG_SIZE};
    assert_int_equal(crypt_open(k->group, CRYPT_CHUNK, nonce, BYTES("place"), all, back), 0);
    assert_memory_equal(back, wanted, size);
    if (!in_place) {
        free(back);
        free(sealed);
    }
    free(plain);
    free(wanted);
}

static void what_was_sealed_opens_in_another_place_or_the_same(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct keys k;
        make_keys(&k, fixture_ciphers[i]);
        for (size_t size = 0; size < 700; size += size < 300 ? 1 : 37)
            for (int in_place = 0; in_place < 2; in_place++)
                seal_and_open(&k, size, in_place);
        seal_and_open(&k, 300001, true);
        free_keys(&k);
    }
}

static void nothing_opens_with_a_bit_turned(void **state)
{
    static const char plain[] = "nobody has to know this";
    for (int i = 0; i < 2; i++) {
        struct keys k;
        make_keys(&k, fixture_ciphers[i]);
        char sealed[sizeof plain + CRYPT_TAG_SIZE];
        char back[sizeof plain];
        char with[] = "its place";
        uint8_t nonce[CRYPT_NONCE_SIZE];
        crypt_nonce(k.crypt, nonce);
        crypt_seal(k.group, CRYPT_CHUNK, nonce, bytes_of(with), (struct bytes){plain, sizeof plain},
                   sealed);
        struct {
            void *at;
            size_t size;
        } parts[] = {{sealed, sizeof sealed}, {nonce, sizeof nonce}, {with, sizeof with - 1}};
        for (size_t p = 0; p < 3; p++)
            for (size_t bit = 0; bit < parts[p].size * 8; bit++) {
                ((uint8_t *)parts[p].at)[bit / 8] ^= (uint8_t)(1u << bit % 8);
                struct bytes all = {sealed, sizeof sealed};
                struct bytes bound = {with, sizeof with - 1};
                assert_int_equal(crypt_open(k.group, CRYPT_CHUNK, nonce, bound, all, back),
                                 -EBADMSG);
                ((uint8_t *)parts[p].at)[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        for (size_t size = 0; size < sizeof sealed; size++)
            assert_int_equal(crypt_open(k.group, CRYPT_CHUNK, nonce, bytes_of(with),
                                        (struct bytes){sealed, size}, back),
                             -EBADMSG);
        struct bytes all = {sealed, sizeof sealed};
        assert_int_equal(crypt_open(k.group, CRYPT_RUN, nonce, bytes_of(with), all, back),
                         -EBADMSG);
        assert_int_equal(crypt_open(k.group, CRYPT_CHUNK, nonce, bytes_of(with), all, back), 0);
        free_keys(&k);
    }
}

/* The nonce's way through the key is what libsodium does for XChaCha20-Poly1305. */
static void xchacha_is_xchacha(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_XCHACHA20_POLY1305);
    uint8_t seed[CRYPT_SEED_SIZE];
    struct prng prng; /* once more what the fixture gave: a salt, then the seed */
    prng_init(&prng, 5);
    fixture_entropy(&prng, seed, 16);
    fixture_entropy(&prng, seed, sizeof seed);
    uint8_t key[32];
    crypto_kdf_derive_from_key(key, sizeof key, CRYPT_RUN, "myelinst", seed);
    static const char plain[] = "the same in both";
    uint8_t nonce[CRYPT_NONCE_SIZE];
    crypt_nonce(k.crypt, nonce);
    char ours[sizeof plain + CRYPT_TAG_SIZE];
    unsigned char theirs[sizeof ours];
    crypt_seal(k.group, CRYPT_RUN, nonce, BYTES("ad"), (struct bytes){plain, sizeof plain}, ours);
    crypto_aead_xchacha20poly1305_ietf_encrypt(theirs, NULL, (const unsigned char *)plain,
                                               sizeof plain, (const unsigned char *)"ad", 2, NULL,
                                               nonce, key);
    assert_memory_equal(ours, theirs, sizeof ours);
    free_keys(&k);
}

static void nonces_do_not_come_twice(void **state)
{
    struct prng prng;
    prng_init(&prng, 1);
    uint8_t seen[200][CRYPT_NONCE_SIZE];
    for (int start = 0; start < 4; start++) {
        struct crypt *c = fixture_crypt(&prng, FIXTURE_KEY, BYTES(""), CRYPT_XCHACHA20_POLY1305);
        for (int i = 0; i < 50; i++)
            crypt_nonce(c, seen[start * 50 + i]);
        crypt_free(&c);
    }
    for (int i = 0; i < 200; i++)
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(seen[i], seen[j], CRYPT_NONCE_SIZE);
}

/* More groups than the cache has places: each has its own keys all the same. */
static void many_groups_do_not_share_keys(void **state)
{
    struct prng prng;
    prng_init(&prng, 1);
    struct crypt *c = fixture_crypt(&prng, FIXTURE_KEY, BYTES(""), CRYPT_AES_256_GCM);
    struct crypt_group *groups[3 * CRYPT_CACHE_MAX];
    char sealed[3 * CRYPT_CACHE_MAX][8 + CRYPT_TAG_SIZE];
    uint8_t nonce[CRYPT_NONCE_SIZE];
    crypt_nonce(c, nonce); /* one for all: the keys differ */
    for (size_t i = 0; i < 3 * CRYPT_CACHE_MAX; i++) {
        groups[i] = crypt_group_new(c, i + 1, i + 1);
        crypt_seal(groups[i], CRYPT_CHUNK, nonce, BYTES(""), BYTES("8 bytes."), sealed[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(sealed[i], sealed[j], sizeof sealed[i]);
    }
    char back[8];
    for (size_t i = 0; i < 3 * CRYPT_CACHE_MAX; i++) {
        struct bytes all = {sealed[i], sizeof sealed[i]};
        struct crypt_group *other = groups[(i + 1) % (3 * CRYPT_CACHE_MAX)];
        assert_int_equal(crypt_open(other, CRYPT_CHUNK, nonce, BYTES(""), all, back), -EBADMSG);
        assert_int_equal(crypt_open(groups[i], CRYPT_CHUNK, nonce, BYTES(""), all, back), 0);
    }
    for (size_t i = 0; i < 3 * CRYPT_CACHE_MAX; i++)
        crypt_group_free(&groups[i]);
    crypt_free(&c);
}

/* --- seeds ------------------------------------------------------------------------------------ */

static void a_seed_opens_with_its_key_in_a_later_start(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_AES_256_GCM);
    struct crypt *c = fixture_crypt(&k.prng, FIXTURE_KEY, BYTES(""), CRYPT_XCHACHA20_POLY1305);
    struct crypt_group *again;
    bool stale = true;
    assert_int_equal(open_again(&k, c, &again, &stale), 0);
    assert_false(stale);
    assert_int_equal(crypt_group_cipher(again), crypt_group_cipher(k.group));
    uint8_t nonce[CRYPT_NONCE_SIZE];
    crypt_nonce(k.crypt, nonce);
    char sealed[3 + CRYPT_TAG_SIZE];
    char back[3];
    crypt_seal(k.group, CRYPT_RUN, nonce, BYTES(""), BYTES("abc"), sealed);
    struct bytes all = {sealed, sizeof sealed};
    assert_int_equal(crypt_open(again, CRYPT_RUN, nonce, BYTES(""), all, back), 0);
    assert_memory_equal(back, "abc", 3);
    crypt_group_free(&again);
    crypt_free(&c);
    free_keys(&k);
}

static void a_seed_stays_shut(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_XCHACHA20_POLY1305);
    static const struct {
        struct bytes key;
        struct bytes previous;
    } keys[] = {{FIXTURE_OTHER_KEY, BYTES("")},
                {BYTES(""), BYTES("")},
                {FIXTURE_OTHER_KEY, FIXTURE_OTHER_KEY}};
    struct crypt_group *group;
    bool stale;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct crypt *c =
            fixture_crypt(&k.prng, keys[i].key, keys[i].previous, CRYPT_XCHACHA20_POLY1305);
        assert_int_equal(open_again(&k, c, &group, &stale), -ENOKEY);
        assert_null(group);
        crypt_free(&c);
    }
    struct bytes wrapped = wrapped_of(&k);
    assert_int_equal(crypt_group_open(k.crypt, GID + 1, INCARNATION, wrapped, &group, &stale),
                     -ENOKEY);
    assert_int_equal(crypt_group_open(k.crypt, GID, INCARNATION + 1, wrapped, &group, &stale),
                     -ENOKEY);
    struct crypt *elsewhere = crypt_new(&(struct crypt_options){
        .key = FIXTURE_KEY, .entropy = fixture_entropy, .context = &k.prng});
    crypt_begin(elsewhere, (const uint8_t *)"another store...");
    assert_int_equal(open_again(&k, elsewhere, &group, &stale), -ENOKEY);
    crypt_free(&elsewhere);
    free_keys(&k);
}

static void a_wrapped_seed_with_a_bit_turned_or_cut_is_refused(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_XCHACHA20_POLY1305);
    struct crypt_group *group;
    bool stale;
    for (size_t bit = 0; bit < sizeof k.wrapped * 8; bit++) {
        k.wrapped[bit / 8] = (char)(k.wrapped[bit / 8] ^ (1 << bit % 8));
        assert_int_not_equal(open_again(&k, k.crypt, &group, &stale), 0);
        k.wrapped[bit / 8] = (char)(k.wrapped[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t size = 0; size < sizeof k.wrapped; size++)
        assert_int_equal(crypt_group_open(k.crypt, GID, INCARNATION,
                                          (struct bytes){k.wrapped, size}, &group, &stale),
                         -EBADMSG);
    k.wrapped[0] = 2;
    assert_int_equal(open_again(&k, k.crypt, &group, &stale), -ENOTSUP);
    free_keys(&k);
}

static void a_key_is_replaced(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_XCHACHA20_POLY1305);
    struct crypt *c =
        fixture_crypt(&k.prng, FIXTURE_OTHER_KEY, FIXTURE_KEY, CRYPT_XCHACHA20_POLY1305);
    struct crypt_group *group;
    bool stale = false;
    assert_int_equal(open_again(&k, c, &group, &stale), 0);
    assert_true(stale);
    crypt_group_wrap(group, k.wrapped);
    crypt_group_free(&group);
    assert_int_equal(open_again(&k, c, &group, &stale), 0);
    assert_false(stale);
    crypt_group_free(&group);
    crypt_free(&c);
    c = fixture_crypt(&k.prng, FIXTURE_OTHER_KEY, BYTES(""), CRYPT_XCHACHA20_POLY1305);
    assert_int_equal(open_again(&k, c, &group, &stale), 0);
    crypt_group_free(&group);
    crypt_free(&c);
    assert_int_equal(open_again(&k, k.crypt, &group, &stale), -ENOKEY);
    free_keys(&k);
}

/* To read what is there, when no groups are to be sealed any more. */
static void a_previous_key_alone_opens(void **state)
{
    struct keys k;
    make_keys(&k, CRYPT_XCHACHA20_POLY1305);
    struct crypt *c = fixture_crypt(&k.prng, BYTES(""), FIXTURE_KEY, CRYPT_XCHACHA20_POLY1305);
    struct crypt_group *group;
    bool stale = true;
    assert_int_equal(open_again(&k, c, &group, &stale), 0);
    assert_false(stale);
    assert_false(crypt_has_key(c));
    crypt_group_free(&group);
    crypt_free(&c);
    free_keys(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_in_another_place_or_the_same),
        cmocka_unit_test(nothing_opens_with_a_bit_turned),
        cmocka_unit_test(xchacha_is_xchacha),
        cmocka_unit_test(nonces_do_not_come_twice),
        cmocka_unit_test(many_groups_do_not_share_keys),
        cmocka_unit_test(a_seed_opens_with_its_key_in_a_later_start),
        cmocka_unit_test(a_seed_stays_shut),
        cmocka_unit_test(a_wrapped_seed_with_a_bit_turned_or_cut_is_refused),
        cmocka_unit_test(a_key_is_replaced),
        cmocka_unit_test(a_previous_key_alone_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
