/* SPDX-License-Identifier: Apache-2.0 */
/* little.h -- numbers in stored bytes: little-endian, at any address. */
#ifndef STORE_FORMAT_LITTLE_H
#define STORE_FORMAT_LITTLE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_u16(const void *at)
{
    uint16_t x;
    memcpy(&x, at, sizeof x);
    return le16toh(x);
}

static inline uint32_t get_u32(const void *at)
{
    uint32_t x;
    memcpy(&x, at, sizeof x);
    return le32toh(x);
}

static inline uint64_t get_u64(const void *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    return le64toh(x);
}

static inline int64_t get_i64(const void *at)
{
    return (int64_t)get_u64(at);
}

static inline void put_u16(void *at, uint16_t x)
{
    x = htole16(x);
    memcpy(at, &x, sizeof x);
}

static inline void put_u32(void *at, uint32_t x)
{
    x = htole32(x);
    memcpy(at, &x, sizeof x);
}

static inline void put_u64(void *at, uint64_t x)
{
    x = htole64(x);
    memcpy(at, &x, sizeof x);
}

static inline void put_i64(void *at, int64_t x)
{
    put_u64(at, (uint64_t)x);
}

#endif
