/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants  1 cut_size < the size of the record that the cut bytes begin, cut_size <= capacity */
#include "store/backup/backup_block.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "store/backup/backup_hash.h"
#include "store/format/little.h"

void backup_block_init(struct backup_block *b)
{
    *b = (struct backup_block){.cut = NULL};
}

void backup_block_done(struct backup_block *b)
{
    free(b->cut);
    b->cut = NULL;
}

void backup_block_begin(struct backup_block *b, struct bytes stream, uint32_t number)
{
    backup_hash_block(&b->start, stream, number);
    b->offset = 0;
    b->cut_size = 0;
    b->last_hash = 0;
}

static int decode(struct backup_block *b, struct bytes stored, struct backup_record *ret)
{
    int status = backup_record_decode(&b->start, stored, ret);
    if (status < 0)
        return status;
    b->offset += stored.size;
    b->last_hash = get_u64(stored.at + stored.size - HIGHWAYHASH_SIZE);
    return 1;
}

/* A record that lies whole in *in: its size; 0: there is none. */
static int measure_whole(struct bytes in, size_t *ret_size)
{
    *ret_size = 0;
    if (in.size < BACKUP_RECORD_HEAD_SIZE)
        return 0;
    size_t size;
    int status = backup_record_measure(in.at, &size);
    if (status == 0 && size <= in.size)
        *ret_size = size;
    return status;
}

static int reserve(struct backup_block *b, size_t size)
{
    DCHECK(size <= BACKUP_RECORD_SIZE_MAX);
    if (size <= b->capacity)
        return 0;
    char *at = realloc(b->cut, size);
    if (at == NULL)
        return -ENOMEM;
    b->cut = at;
    b->capacity = size;
    return 0;
}

/* Until there are `wanted` bytes of the cut record: 1; 0 when *in is used up before. */
static int gather(struct backup_block *b, size_t wanted, struct bytes *in)
{
    int status = reserve(b, wanted);
    if (status < 0)
        return status;
    size_t n = wanted - b->cut_size;
    if (n > in->size)
        n = in->size;
    if (n > 0)
        memcpy(b->cut + b->cut_size, in->at, n);
    b->cut_size += n;
    *in = (struct bytes){in->at + n, in->size - n};
    return b->cut_size == wanted;
}

static int next_cut(struct backup_block *b, struct bytes *in, struct backup_record *ret)
{
    int status = 1;
    if (b->cut_size < BACKUP_RECORD_HEAD_SIZE)
        status = gather(b, BACKUP_RECORD_HEAD_SIZE, in);
    if (status <= 0)
        return status;
    size_t size;
    status = backup_record_measure(b->cut, &size);
    if (status < 0)
        return status;
    status = gather(b, size, in);
    if (status <= 0)
        return status;
    b->cut_size = 0;
    return decode(b, (struct bytes){b->cut, size}, ret);
}

int backup_block_next(struct backup_block *b, struct bytes *in, struct backup_record *ret)
{
    if (in->size == 0)
        return 0;
    if (b->cut_size > 0)
        return next_cut(b, in, ret);
    size_t size;
    int status = measure_whole(*in, &size);
    if (status < 0)
        return status;
    if (size == 0)
        return next_cut(b, in, ret);
    struct bytes stored = {in->at, size};
    *in = (struct bytes){in->at + size, in->size - size};
    return decode(b, stored, ret);
}

int backup_block_end(const struct backup_block *b)
{
    return b->cut_size == 0 ? 0 : -EBADMSG;
}
