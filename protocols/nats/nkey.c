/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/nats/nkey.h"

#include <sodium.h>
#include <string.h>

#include "runtime/base/check.h"

#define KEY_SIZE 32
#define RAW_SIZE (1 + KEY_SIZE + 2)

_Static_assert(KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "an Ed25519 key");
_Static_assert(KEY_SIZE == crypto_scalarmult_BYTES, "an X25519 key");
_Static_assert(NKEY_SEED_SIZE == crypto_sign_SEEDBYTES, "an Ed25519 seed");

bool nkey_init(void)
{
    return sodium_init() >= 0;
}

/* CRC-16/XMODEM. */
static uint16_t crc16(const uint8_t *at, size_t size)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint16_t)(at[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* Without padding: 35 bytes are 56 characters exactly. */
static void base32(const uint8_t raw[RAW_SIZE], char *to)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < RAW_SIZE; i++) {
        bits = bits << 8 | raw[i];
        have += 8;
        while (have >= 5) {
            have -= 5;
            *to++ = alphabet[bits >> have & 31];
        }
    }
    CHECK(have == 0);
    *to = '\0';
}

void nkey_public_text(enum nkey_kind kind, const uint8_t seed[NKEY_SEED_SIZE],
                      char ret_text[NKEY_TEXT_SIZE])
{
    uint8_t raw[RAW_SIZE];
    raw[0] = (uint8_t)kind;
    if (kind == NKEY_CURVE) {
        CHECK(crypto_scalarmult_base(raw + 1, seed) == 0);
    } else {
        uint8_t secret[crypto_sign_SECRETKEYBYTES];
        CHECK(crypto_sign_seed_keypair(raw + 1, secret, seed) == 0);
        sodium_memzero(secret, sizeof secret);
    }
    uint16_t crc = crc16(raw, 1 + KEY_SIZE);
    raw[1 + KEY_SIZE] = (uint8_t)crc; /* little endian */
    raw[2 + KEY_SIZE] = (uint8_t)(crc >> 8);
    base32(raw, ret_text);
}
