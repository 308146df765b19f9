/* SPDX-License-Identifier: Apache-2.0 */
/* nkey.h -- public keys in the text form of the ecosystem: a prefix that names what it is for, base32,
 * and a CRC-16, 56 characters in all. */
#ifndef PROTOCOLS_NATS_NKEY_H
#define PROTOCOLS_NATS_NKEY_H

#include <stdbool.h>
#include <stdint.h>

#define NKEY_SEED_SIZE 32
#define NKEY_TEXT_SIZE 57 /* with its end */

enum nkey_kind { NKEY_SERVER = 13 << 3, NKEY_CURVE = 23 << 3 };

/* Before the first use in a process, by its main: makes the library ready. False: it can not be used. */
bool nkey_init(void);

/* The public key that belongs to a seed, as text. */
void nkey_public_text(enum nkey_kind kind, const uint8_t seed[NKEY_SEED_SIZE],
                      char ret_text[NKEY_TEXT_SIZE]);

#endif
