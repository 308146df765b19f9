/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer writes is what the reader tells, whatever the sizes of the steps on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/store/backup_story.h"

#define STREAM "ORDERS"
enum { OUT_SIZE = 5000, BLOCKS_MAX = 64 };

/* A writer, the archive that came out of it so far, and what a reader will tell of it. */
struct bench {
    struct backup_writer *writer;
    struct prng prng;
    struct pile archive;
    struct story wanted;
};

static void begin(struct bench *b, uint64_t seed)
{
    *b = (struct bench){.writer =
                            backup_writer_new(BYTES(STREAM), BYTES("{\"name\":\"ORDERS\"}"), 5)};
    prng_init(&b->prng, seed);
    story_config(&b->wanted, BYTES("{\"name\":\"ORDERS\"}"));
}

/* Some steps, or all there are. */
static void drain(struct bench *b, bool all)
{
    char out[OUT_SIZE];
    size_t n;
    do {
        size_t room = 1 + prng_below(&b->prng, sizeof out);
        n = backup_writer_step(b->writer, out, room);
        assert_true(n <= room);
        pile_add(&b->archive, out, n);
    } while (n > 0 && (all || !prng_one_in(&b->prng, 10)));
}

static void put(struct bench *b, uint64_t seq, int64_t time_ns, struct bytes headers,
                struct bytes payload)
{
    struct backup_message m = {seq, time_ns, BYTES("orders.new"), headers, payload};
    int status;
    while ((status = backup_writer_message(b->writer, &m)) == -EAGAIN)
        drain(b, false);
    assert_int_equal(status, 0);
    story_message(&b->wanted, &m);
}

static void end_messages(struct bench *b, uint64_t last_seq, int64_t time_ns)
{
    while (backup_writer_messages_end(b->writer, last_seq, time_ns) == -EAGAIN)
        drain(b, false);
}

static void put_consumer(struct bench *b, const char *name, struct bytes state)
{
    struct backup_consumer c = {bytes_of(name), BYTES("{\"durable\":true}"), state};
    int status;
    while ((status = backup_writer_consumer(b->writer, &c)) == -EAGAIN)
        drain(b, false);
    assert_int_equal(status, 0);
    story_consumer(&b->wanted, &c);
}

static void finish(struct bench *b)
{
    while (backup_writer_end(b->writer) == -EAGAIN)
        drain(b, false);
    drain(b, true);
    backup_writer_free(&b->writer);
}

/* Reads the archive and compares; its summary. */
static struct backup_summary read_back(struct bench *b, size_t step)
{
    struct prng reluctance;
    prng_init(&reluctance, step);
    struct story found = {.reluctance = &reluctance};
    assert_int_equal(story_read(&found, pile_bytes(&b->archive), step, STREAM, 0), 0);
    assert_string_equal(pile_text(&found.text), pile_text(&b->wanted.text));
    pile_done(&found.text);
    return found.summary;
}

static void done(struct bench *b)
{
    pile_done(&b->archive);
    pile_done(&b->wanted.text);
}

static struct bytes noise(struct bench *b, char *at, size_t size_max)
{
    size_t size = prng_below(&b->prng, size_max);
    bool dull = prng_one_in(&b->prng, 2);
    for (size_t i = 0; i < size; i++)
        at[i] = dull ? 'a' : (char)('a' + prng_below(&b->prng, 26));
    return (struct bytes){at, size};
}

static void streams_of_any_shape_come_back(void **state)
{
    static char headers[300];
    static char payload[20000];
    for (uint64_t seed = 1; seed <= 25; seed++) {
        struct bench b;
        begin(&b, seed);
        uint64_t seq = 0;
        uint64_t count = prng_below(&b.prng, 60);
        for (uint64_t i = 0; i < count; i++) {
            seq += prng_one_in(&b.prng, 4) ? 1 + prng_below(&b.prng, 1u << prng_below(&b.prng, 22))
                                           : 1;
            put(&b, seq, (int64_t)(seq * 1000),
                noise(&b, headers, prng_one_in(&b.prng, 2) ? 300 : 1),
                noise(&b, payload, prng_one_in(&b.prng, 5) ? sizeof payload : 50));
        }
        uint64_t last = seq + (prng_one_in(&b.prng, 2) ? prng_below(&b.prng, 100) : 0);
        end_messages(&b, last, 77);
        if (last > seq)
            story_deleted(&b.wanted, last, last);
        for (uint64_t i = prng_below(&b.prng, 4); i > 0; i--) {
            char name[BACKUP_NAME_MAX + 1];
            snprintf(name, sizeof name, "consumer-%0*d", (int)prng_below(&b.prng, 200), (int)i);
            put_consumer(&b, name, noise(&b, payload, sizeof payload));
        }
        finish(&b);
        struct backup_summary summary = read_back(&b, 1 + prng_below(&b.prng, 3000));
        assert_int_equal(summary.last_seq, last);
        assert_int_equal(summary.messages, count);
        assert_int_equal(summary.index, BACKUP_INDEX_ABSENT);
        if (last > 0)
            assert_int_equal(summary.last_time_ns, last > seq ? 77 : (int64_t)seq * 1000);
        done(&b);
    }
}

static void an_empty_stream_that_never_had_a_message_has_no_block(void **state)
{
    struct bench b;
    begin(&b, 1);
    end_messages(&b, 0, 0);
    finish(&b);
    struct backup_summary summary = read_back(&b, 100);
    assert_int_equal(summary.blocks, 0);
    assert_int_equal(summary.last_seq, 0);
    done(&b);
}

static void an_emptied_stream_keeps_its_last_sequence_in_a_tombstone(void **state)
{
    struct bench b;
    begin(&b, 1);
    end_messages(&b, 4711, 12);
    story_deleted(&b.wanted, 4711, 4711);
    finish(&b);
    struct backup_summary summary = read_back(&b, 100);
    assert_int_equal(summary.blocks, 1);
    assert_int_equal(summary.last_seq, 4711);
    done(&b);
}

static void a_tombstone_has_a_block_of_its_own(void **state)
{
    struct bench b;
    begin(&b, 1);
    put(&b, 1, 1, BYTES(""), BYTES("x"));
    end_messages(&b, 2, 12);
    story_deleted(&b.wanted, 2, 2);
    finish(&b);
    assert_int_equal(read_back(&b, 100).blocks, 2);
    done(&b);
}

static void small_gaps_stay_in_a_block_and_large_ones_begin_another(void **state)
{
    static const struct {
        uint64_t second;
        uint64_t third;
        uint32_t blocks;
    } rows[] = {
        {2, 3, 1},
        {2, 1000, 1},
        {BACKUP_BLOCK_HOLES_MAX + 2, BACKUP_BLOCK_HOLES_MAX + 3, 1},
        {BACKUP_BLOCK_HOLES_MAX + 2, BACKUP_BLOCK_HOLES_MAX + 4, 2},
        {BACKUP_BLOCK_HOLES_MAX + 3, BACKUP_BLOCK_HOLES_MAX + 4, 2},
        {(uint64_t)1 << 40, (uint64_t)1 << 60, 3},
        {BACKUP_SEQ_MAX - 1, BACKUP_SEQ_MAX, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        begin(&b, i);
        put(&b, 1, 1, BYTES(""), BYTES("x"));
        put(&b, rows[i].second, 1, BYTES(""), BYTES("x"));
        put(&b, rows[i].third, 1, BYTES(""), BYTES("x"));
        end_messages(&b, rows[i].third, 1);
        finish(&b);
        assert_int_equal(read_back(&b, 100).blocks, rows[i].blocks);
        done(&b);
    }
}

static void blocks_are_at_most_8_mib_or_one_record(void **state)
{
    enum { LARGE = 3 << 20 };
    char *payload = malloc(BACKUP_RECORD_SIZE_MAX);
    memset(payload, 'p', BACKUP_RECORD_SIZE_MAX);
    struct bench b;
    begin(&b, 1);
    for (uint64_t seq = 1; seq <= 5; seq++)
        put(&b, seq, 1, BYTES(""), (struct bytes){payload, LARGE});
    size_t largest = BACKUP_RECORD_SIZE_MAX - BACKUP_RECORD_SIZE_MIN - strlen("orders.new");
    put(&b, 6, 1, BYTES(""), (struct bytes){payload, largest});
    put(&b, 7, 1, BYTES(""), BYTES("x"));
    struct backup_message too_large = {
        8, 1, BYTES("orders.new"), BYTES(""), {payload, largest + 1}};
    assert_int_equal(backup_writer_message(b.writer, &too_large), -EMSGSIZE);
    end_messages(&b, 7, 1);
    finish(&b);
    assert_int_equal(read_back(&b, 60000).blocks, 5);
    free(payload);
    done(&b);
}

static void what_is_no_name_of_a_consumer_is_refused(void **state)
{
    static const char *const names[] = {"", "a.b", "a b", "*", ">", "..", "a/b", "a\\b", "a\tb"};
    struct bench b;
    begin(&b, 1);
    end_messages(&b, 0, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct backup_consumer c = {bytes_of(names[i]), BYTES("{}"), BYTES("")};
        assert_int_equal(backup_writer_consumer(b.writer, &c), -EINVAL);
    }
    struct backup_consumer large = {BYTES("c"), BYTES("{}"), {"", BACKUP_STATE_SIZE_MAX + 1}};
    assert_int_equal(backup_writer_consumer(b.writer, &large), -EFBIG);
    finish(&b);
    read_back(&b, 100);
    done(&b);
}

static void nothing_is_taken_in_while_something_waits(void **state)
{
    struct bench b;
    begin(&b, 1);
    struct backup_message m = {1, 1, BYTES("s"), BYTES(""), BYTES("")};
    assert_int_equal(backup_writer_message(b.writer, &m), -EAGAIN);
    assert_int_equal(backup_writer_messages_end(b.writer, 0, 0), -EAGAIN);
    drain(&b, true);
    assert_int_equal(backup_writer_message(b.writer, &m), 0);
    assert_int_equal(backup_writer_messages_end(b.writer, 1, 0), 0);
    assert_int_equal(backup_writer_end(b.writer), -EAGAIN);
    drain(&b, true);
    assert_int_equal(backup_writer_end(b.writer), 0);
    backup_writer_free(&b.writer);
    done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_of_any_shape_come_back),
        cmocka_unit_test(an_empty_stream_that_never_had_a_message_has_no_block),
        cmocka_unit_test(an_emptied_stream_keeps_its_last_sequence_in_a_tombstone),
        cmocka_unit_test(a_tombstone_has_a_block_of_its_own),
        cmocka_unit_test(small_gaps_stay_in_a_block_and_large_ones_begin_another),
        cmocka_unit_test(blocks_are_at_most_8_mib_or_one_record),
        cmocka_unit_test(what_is_no_name_of_a_consumer_is_refused),
        cmocka_unit_test(nothing_is_taken_in_while_something_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
