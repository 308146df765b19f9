/* SPDX-License-Identifier: Apache-2.0 */
/* The wanted texts were computed by other implementations, python-cryptography and binascii:
 *
 *     raw = bytes([kind]) + Key.from_private_bytes(seed).public_key().public_bytes_raw()
 *     base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little"))
 *
 * with Ed25519PrivateKey for servers and X25519PrivateKey for curves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/nats/nkey.h"

enum seed_kind { SEED_ZEROS, SEED_COUNTING, SEED_ONES };

static void fill(uint8_t seed[NKEY_SEED_SIZE], enum seed_kind kind)
{
    for (unsigned i = 0; i < NKEY_SEED_SIZE; i++)
        seed[i] = (uint8_t)(kind == SEED_ZEROS ? 0 : kind == SEED_ONES ? 0xff : i);
}

static void a_seed_gives_the_public_key_that_others_compute(void **state)
{
    static const struct {
        enum nkey_kind kind;
        enum seed_kind seed;
        const char *text;
    } rows[] = {
        {NKEY_SERVER, SEED_ZEROS, "NA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCTBQW"},
        {NKEY_CURVE, SEED_ZEROS, "XAX6K7NDI7GWEQYVFDNKYX53FEDTB77WQSX4JT6C5WIJSX2YZM5XIVNJ"},
        {NKEY_SERVER, SEED_COUNTING, "NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB"},
        {NKEY_CURVE, SEED_COUNTING, "XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7"},
        {NKEY_SERVER, SEED_ONES, "NB3KCWJAISTOJ5IREZN4U45GATMQWBJJ2HPWAK7DBIM2SJLWMDI7LIEI"},
        {NKEY_CURVE, SEED_ONES, "XCCHYDJMG5JDJ43F4ZQJKUMHUNZVUD3WCPIWBHJ2NJGYYU5OVJNCFYH5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t seed[NKEY_SEED_SIZE];
        fill(seed, rows[i].seed);
        char text[NKEY_TEXT_SIZE];
        nkey_public_text(rows[i].kind, seed, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(text[0], rows[i].kind == NKEY_SERVER ? 'N' : 'X');
    }
}

static void the_text_fills_its_room_exactly(void **state)
{
    uint8_t seed[NKEY_SEED_SIZE];
    fill(seed, SEED_COUNTING);
    char text[NKEY_TEXT_SIZE + 1];
    memset(text, '#', sizeof text);
    nkey_public_text(NKEY_SERVER, seed, text);
    assert_int_equal(strlen(text), NKEY_TEXT_SIZE - 1);
    assert_int_equal(text[NKEY_TEXT_SIZE], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_public_key_that_others_compute),
        cmocka_unit_test(the_text_fills_its_room_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
