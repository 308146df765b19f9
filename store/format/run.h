/* SPDX-License-Identifier: Apache-2.0 */
/* run.h -- the bytes of a run, a sorted immutable table in a file (docs/formats/run.md).
 *
 * Idea        A tree that is written from its leaves up. Blocks of 4 KiB hold entries in order;
 *             whenever one is full, its place goes into an open block of the level above, which is
 *             written when it is full in turn. Then comes a Bloom filter, then a footer that knows
 *             the root.
 *
 *                 | data | data | data | index | data | data | index | root | filter ... | footer |
 *
 *             A key is a byte that names its table and the key there. An entry names how many bytes
 *             its key shares with the one before it; each RUN_RESTART-th shares none.
 * Invariants  1 keys rise through the run, and through each block
 *             2 a block over RUN_BLOCK_SIZE has one entry, or in an index at most RUN_FANOUT_MIN
 *             3 there is one encoding of a block's entries, and the decoder takes no other
 * Bounds      RUN_KEY_MAX, RUN_VALUE_MAX, RUN_LEVELS_MAX.
 */
#ifndef STORE_FORMAT_RUN_H
#define STORE_FORMAT_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/bytes.h"

struct buffer;

#define RUN_BLOCK_SIZE 4096u
#define RUN_KEY_MAX 65536u /* the table's byte, and a subject */
#define RUN_VALUE_MAX ((uint32_t)16 << 20)
#define RUN_BLOCK_MAX (RUN_VALUE_MAX + RUN_KEY_MAX + RUN_BLOCK_SIZE)
#define RUN_LEVELS_MAX 12u
#define RUN_FANOUT_MIN 8u
#define RUN_RESTART 16u
#define RUN_MAGIC 0x4e52594du /* "MYRN" */
#define RUN_VERSION 1

/* The first byte of a key. */
enum run_table {
    RUN_CONSUMER = 'C', /* consumer id -> encoded state */
    RUN_DEDUP = 'D',    /* message id -> sequence, time */
    RUN_LIVENESS = 'L', /* block of sequences, u64 big-endian -> seqset's value */
    RUN_SUBJECT = 'S',  /* subject -> subject_value */
};

#define RUN_LIVENESS_KEY_SIZE 9u

/* The key of a block of sequences; and back: false: the key is no such one. */
void run_liveness_key(char at[RUN_LIVENESS_KEY_SIZE], uint64_t block);
bool run_liveness_block(struct bytes key, uint64_t *ret);

/* --- blocks: run_block.c --------------------------------------------------------------------- */

/* Where a block lies, and of which level it is: its identity, and what a reader knows of it
 * beforehand. */
struct run_place {
    uint64_t gid;
    uint64_t file;
    uint64_t offset; /* multiples of RUN_BLOCK_SIZE */
    uint32_t size;
    uint32_t level; /* 0: data */
};

/* A block while it is built. Zeroed: empty. */
struct run_block_writer {
    char *at; /* given */
    size_t capacity;
    size_t used;
    uint32_t entries;
    char *last; /* given: the key of the last entry */
    size_t last_size;
    size_t last_capacity;
};

void run_block_writer_done(struct run_block_writer *w);
/* Whether the block is complete if this entry has to come next. */
bool run_block_is_full(const struct run_block_writer *w, uint32_t level, struct bytes key,
                       size_t value_size);
/* key is higher than all before. */
void run_block_add(struct run_block_writer *w, struct bytes key, struct bytes value);
/* The size that the block will have. */
uint32_t run_block_size(const struct run_block_writer *w);
/* The whole block, until the next call; the writer is empty then. place.size is run_block_size. */
struct bytes run_block_finish(struct run_block_writer *w, const struct run_place *place);

/* A block that was checked: all that is in it can be trusted. */
struct run_block {
    const char *at; /* of the entries */
    uint32_t used;  /* bytes of entries */
    uint32_t entries;
    uint32_t restarts;
    const uint32_t *restart; /* offsets of each RUN_RESTART-th entry */
};

/* Checks a stored block and makes what run_block_of views: as page_decode_fn. -EBADMSG. */
int run_block_decode(const void *place, size_t place_size, struct bytes stored, char **ret_at,
                     size_t *ret_size);
struct run_block run_block_of(struct bytes decoded);

/* An entry, while its block is there. */
struct run_entry {
    uint32_t number;
    uint32_t next;   /* offset of the one after it */
    uint32_t shared; /* bytes of its key that are those of the entry before */
    struct bytes rest;
    struct bytes value;
};

/* The entry at an offset; false: there is none. number is what the caller counts. */
bool run_block_entry(const struct run_block *b, uint32_t offset, uint32_t number,
                     struct run_entry *ret);
/* The first entry whose key is at or after key; false: there is none. ret_equal: whether it is the
 * key. ret_before, if not NULL: the last entry whose key is lower; its rest.at is NULL if there is
 * none. */
bool run_block_find(const struct run_block *b, struct bytes key, struct run_entry *ret,
                    bool *ret_equal, struct run_entry *ret_before);
/* The whole key of an entry. */
void run_block_key(const struct run_block *b, const struct run_entry *e, struct buffer *ret);

/* The value of an index entry: where a block of the level below lies. */
void run_child_write(struct buffer *out, uint64_t offset, uint32_t size);
int run_child_read(struct bytes value, uint64_t *ret_offset, uint32_t *ret_size)
    __attribute__((warn_unused_result));

/* --- filter pages, footer: run.c ------------------------------------------------------------- */

/* How many pages of RUN_BLOCK_SIZE a filter of so many keys has. */
uint32_t run_filter_pages(uint64_t keys);
/* A key's hash, which names its page and its bits. */
uint64_t run_filter_hash(uint64_t gid, uint64_t file, struct bytes key);
uint32_t run_filter_page(uint64_t hash, uint32_t pages);
void run_filter_set(char *page, uint64_t hash);
bool run_filter_may_have(const char *page, uint64_t hash);
/* Seals the page for its place. */
void run_filter_seal(char *page, const struct run_place *place);
/* Checks; the page is what was stored. As page_decode_fn. */
int run_filter_decode(const void *place, size_t place_size, struct bytes stored, char **ret_at,
                      size_t *ret_size);

struct run_footer {
    uint64_t gid;
    uint64_t file;
    uint64_t size; /* of the file, footer and all */
    uint64_t entries;
    uint64_t subjects; /* entries of RUN_SUBJECT */
    uint64_t root;     /* offset */
    uint32_t root_size;
    uint32_t levels;       /* of blocks; 0: there are no entries */
    uint64_t filter;       /* offset */
    uint32_t filter_pages; /* 0: there is none */
};

/* RUN_BLOCK_SIZE bytes. */
void run_footer_write(const struct run_footer *f, char *at);
/* -EBADMSG: not the footer of this file of this size; -ENOTSUP: of another version. */
int run_footer_read(struct bytes stored, uint64_t gid, uint64_t file, uint64_t size,
                    struct run_footer *ret) __attribute__((warn_unused_result));
/* Checks; place.offset is where the footer lies. */
int run_footer_decode(const void *place, size_t place_size, struct bytes stored, char **ret_at,
                      size_t *ret_size);

#endif
