/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.h -- the checksum of Snappy and S2 frames: CRC-32 of Castagnoli's polynomial. */
#ifndef PROTOCOLS_S2_CRC32C_H
#define PROTOCOLS_S2_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of all bytes so far; begins with 0. */
uint32_t crc32c(uint32_t crc, const void *at, size_t size);

#endif
