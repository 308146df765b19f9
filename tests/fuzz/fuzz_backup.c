/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_backup -- the bytes as an archive, as a tar archive in good frames, as a block and an index.db
 * with right hashes (random bytes would not pass them): the same is told in two splits. And as the
 * fields of messages that are written and read back. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/backup/backup_index.h"
#include "store/format/little.h"
#include "tests/unit/store/backup_story.h"

#define STREAM "S"

/* Reads in two splits: the same is told, and the same said in the end. */
static void check_splits(struct bytes archive, struct story *story)
{
    struct story other = {.reluctance = NULL};
    int status = story_read(story, archive, archive.size + 1, STREAM, 0);
    CHECK(story_read(&other, archive, 5, STREAM, 0) == status);
    CHECK(bytes_equal(pile_bytes(&story->text), pile_bytes(&other.text)));
    pile_done(&other.text);
}

/* Makes the hash of what measures as a record right, by the layout and not by backup_record.c. */
static void correct_hash(char *record, size_t size)
{
    struct highwayhash h;
    size_t body = BACKUP_RECORD_HEAD_SIZE + get_u16(record + 20);
    size_t rest = body + (get_u32(record) >> 31 != 0 ? 4 : 0);
    backup_hash_block(&h, BYTES(STREAM), 1);
    highwayhash_add(&h, record + 4, 16);
    highwayhash_add(&h, record + BACKUP_RECORD_HEAD_SIZE, body - BACKUP_RECORD_HEAD_SIZE);
    highwayhash_add(&h, record + rest, size - HIGHWAYHASH_SIZE - rest);
    put_u64(record + size - HIGHWAYHASH_SIZE, highwayhash_value(&h));
}

/* The input as a block, with right hashes, in an archive. */
static void check_block(struct bytes in)
{
    struct story story = {.reluctance = NULL};
    struct pile block = {.at = NULL};
    struct pile tar = {.at = NULL};
    pile_add(&block, in.at, in.size);
    size_t size;
    for (size_t done = 0; block.size - done >= BACKUP_RECORD_HEAD_SIZE; done += size) {
        if (backup_record_measure(block.at + done, &size) < 0 || size > block.size - done)
            break;
        correct_hash(block.at + done, size);
    }
    pack_stream(&tar, STREAM);
    pack_file(&tar, "msgs/1.blk", pile_bytes(&block));
    pack_consumer(&tar, STREAM, "c");
    pile_add_zeros(&tar, TAR_END_SIZE);
    struct pile archive = pack(&tar);
    check_splits(pile_bytes(&archive), &story);
    CHECK(strstr(story.why, "checksum") == NULL);
    pile_done(&story.text);
    pile_done(&archive);
    pile_done(&block);
    pile_done(&tar);
}

/* The input as index.db, with the right hash at its end. */
static void check_index(struct bytes in)
{
    struct backup_index x;
    struct highwayhash h;
    char hash[HIGHWAYHASH_SIZE];
    backup_index_init(&x);
    backup_index_begin(&x, BYTES(STREAM), in.size + sizeof hash);
    for (size_t done = 0; done < in.size; done += 11)
        backup_index_add(&x,
                         (struct bytes){in.at + done, in.size - done < 11 ? in.size - done : 11});
    backup_hash_stream(&h, BYTES(STREAM));
    highwayhash_add(&h, in.at, in.size);
    put_u64(hash, highwayhash_value(&h));
    backup_index_add(&x, (struct bytes){hash, sizeof hash});
    if (backup_index_end(&x) == 0) {
        for (uint32_t i = 0; i < x.range_count; i++)
            CHECK(x.ranges[i].from > 0 && x.ranges[i].from <= x.ranges[i].to &&
                  x.ranges[i].to <= x.last_seq);
    }
    backup_index_done(&x);
}

static void drain(struct backup_writer *w, struct pile *archive)
{
    char out[700];
    size_t n;
    while ((n = backup_writer_step(w, out, sizeof out)) > 0)
        pile_add(archive, out, n);
}

/* The input is records' fields: a stream that is written, and read back the same. */
static void check_round_trip(struct bytes in)
{
    struct backup_writer *w = backup_writer_new(BYTES(STREAM), BYTES("{}"), 0);
    struct story wanted = {.reluctance = NULL};
    struct story found = {.reluctance = NULL};
    struct pile archive = {.at = NULL};
    uint64_t seq = 0;
    story_config(&wanted, BYTES("{}"));
    while (in.size >= 4) {
        unsigned char a = (unsigned char)in.at[0];
        unsigned char b = (unsigned char)in.at[1];
        size_t payload = (unsigned char)in.at[2] % (in.size - 3);
        seq += 1 + ((uint64_t)(a & 3) << (b < 8 ? 40 : b & 15));
        struct backup_message m = {
            seq, (int64_t)b << 40, {in.at, 1 + (a >> 7)}, {in.at, a >> 6}, {in.at + 3, payload}};
        while (backup_writer_message(w, &m) == -EAGAIN)
            drain(w, &archive);
        story_message(&wanted, &m);
        in = (struct bytes){in.at + 3 + payload, in.size - 3 - payload};
    }
    while (backup_writer_messages_end(w, seq, 0) == -EAGAIN)
        drain(w, &archive);
    while (backup_writer_end(w) == -EAGAIN)
        drain(w, &archive);
    drain(w, &archive);
    CHECK(story_read(&found, pile_bytes(&archive), 1000, STREAM, 0) == 0);
    CHECK(bytes_equal(pile_bytes(&found.text), pile_bytes(&wanted.text)));
    CHECK(found.summary.last_seq == seq);
    backup_writer_free(&w);
    pile_done(&archive);
    pile_done(&wanted.text);
    pile_done(&found.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {(const char *)data, size};
    struct story story = {.reluctance = NULL};
    check_splits(in, &story);
    struct pile plain = {.at = NULL};
    pile_add(&plain, in.at, in.size);
    struct pile framed = pack(&plain);
    check_splits(pile_bytes(&framed), &story);
    check_block(in);
    check_index(in);
    check_round_trip(in);
    pile_done(&plain);
    pile_done(&framed);
    pile_done(&story.text);
    return 0;
}
