/* SPDX-License-Identifier: Apache-2.0 */
/* tar_header.h -- where the fields of a header block are; for tar_read.c and tar_write.c. */
#ifndef STORE_BACKUP_TAR_HEADER_H
#define STORE_BACKUP_TAR_HEADER_H

#include "store/backup/tar.h"

struct tar_header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link_name[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char zero[12];
};

_Static_assert(sizeof(struct tar_header) == TAR_BLOCK_SIZE, "a header is one block");

/* The sum of the block's bytes, with blanks in place of the sum itself. */
static inline uint32_t tar_header_sum(const struct tar_header *h)
{
    const unsigned char *byte = (const unsigned char *)h;
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof(*h); i++)
        sum += byte[i];
    for (size_t i = 0; i < sizeof(h->checksum); i++)
        sum += ' ' - (uint32_t)(unsigned char)h->checksum[i];
    return sum;
}

#endif
