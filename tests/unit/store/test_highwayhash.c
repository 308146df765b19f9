/* SPDX-License-Identifier: Apache-2.0 */
/* The published test vectors of HighwayHash-64, in every split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/backup/highwayhash.h"

enum { VECTORS = 65 };

/* The published values: of the bytes 0, 1, 2, ... n-1 with the key 0, 1, 2, ... 31, as stored. */
/* clang-format off */
static const char *const vectors[] = {
    "536ec222de567a90", "78ddcdc7aa43ab7e", "623db5b09a56d0b8", "803d468aabef6b5c",
    "da7e009368a405f2", "4145a9e468168a2b", "6fcaef5b32cc4cbd", "8294f53817ae024d",
    "71315fe5085120e1", "84157ac74e64d232", "0ba903b1cd0ae1f6", "155c415b61f4bbc3",
    "9cfa630004c23c24", "ff41e665ce589aa8", "235a4548a331b024", "3bf349a4863f7940",
    "32b87ef98934abcf", "e2c0c5c8d267fe19", "c25c569ca690dd04", "04c571238e51d975",
    "16ddd341119bad38", "e0708acd2c436402", "90336888625adba9", "8c023f009254b0d7",
    "1ee559ea5a615f20", "8428052196c8e0ee", "4f4f28a7931afc1b", "1da90db7b5752151",
    "39c6a2a076891ff7", "e7e3841fef3f09ae", "0f866111b092ca22", "685a03cf7c00c79f",
    "fc80d5ecd964c9a0", "fc8131a03cf7902c", "9eeb91564ef85c18", "9baa5227eff5c14f",
    "eb330a5e1a39b7f5", "9c6ce9b4834bb8b9", "b4d95c2a71fe425e", "dc973f0cf9f250a1",
    "7d632d5ed722a57f", "2bd3ff0dccd01a18", "2840851e98ed8938", "2dee86c5e89742fb",
    "9c0528bb454a066d", "0c86ecb309365690", "66c69740e9fca47a", "081e916bc0ba2613",
    "344f152b8d1626b9", "8d94b14589841999", "be5e8234c58fa9a2", "b6f03e21959080e9",
    "e9c07b7083542e58", "f56a8aa814946e08", "3d74f6208db986ee", "a7c0b109f67f9bf8",
    "e8c3229ec19c7d4c", "6f2a56245000979a", "efebe623f41cd45d", "27e268049c6013df",
    "5a158841f6a40d6e", "a1d4d7504bba55b7", "bd79746484347a88", "a03921bfe9eb8eab",
    "ffa6d24c5d2c5475",
};
/* clang-format on */

static void fill(unsigned char *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (unsigned char)i;
}

static void start(struct highwayhash *h)
{
    unsigned char key[HIGHWAYHASH_KEY_SIZE];
    fill(key, sizeof key);
    highwayhash_init(h, key);
}

static void assert_value(const struct highwayhash *h, size_t size)
{
    char hex[HIGHWAYHASH_HEX_SIZE];
    highwayhash_hex(highwayhash_value(h), hex);
    assert_memory_equal(hex, vectors[size], sizeof hex);
}

static void the_published_values_come_out(void **state)
{
    unsigned char data[VECTORS];
    fill(data, sizeof data);
    assert_true(sizeof vectors / sizeof vectors[0] >= VECTORS);
    for (size_t size = 0; size < VECTORS; size++) {
        struct highwayhash h;
        start(&h);
        highwayhash_add(&h, data, size);
        assert_value(&h, size);
    }
}

static void any_split_in_three_gives_the_same_value(void **state)
{
    unsigned char data[VECTORS];
    fill(data, sizeof data);
    for (size_t size = 0; size < VECTORS; size++) {
        for (size_t a = 0; a <= size; a++) {
            for (size_t b = a; b <= size; b++) {
                struct highwayhash h;
                start(&h);
                highwayhash_add(&h, data, a);
                highwayhash_add(&h, data + a, b - a);
                highwayhash_add(&h, data + b, size - b);
                assert_value(&h, size);
            }
        }
    }
}

static void asking_for_the_value_changes_nothing(void **state)
{
    unsigned char data[VECTORS];
    fill(data, sizeof data);
    struct highwayhash h;
    start(&h);
    for (size_t size = 0; size < VECTORS; size++) {
        assert_value(&h, size);
        highwayhash_add(&h, data + size, 1);
    }
}

static void a_named_hash_has_the_sha256_of_the_name_for_a_key(void **state)
{
    /* SHA-256 of "abc", from FIPS 180-4. */
    static const unsigned char key[HIGHWAYHASH_KEY_SIZE] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    struct highwayhash by_key;
    struct highwayhash by_name;
    highwayhash_init(&by_key, key);
    highwayhash_init_named(&by_name, BYTES("abc"));
    assert_memory_equal(&by_key, &by_name, sizeof by_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_values_come_out),
        cmocka_unit_test(any_split_in_three_gives_the_same_value),
        cmocka_unit_test(asking_for_the_value_changes_nothing),
        cmocka_unit_test(a_named_hash_has_the_sha256_of_the_name_for_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
