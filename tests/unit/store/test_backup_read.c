/* SPDX-License-Identifier: Apache-2.0 */
/* Archives as nats-server writes them, by hand: records of every kind; what is cut, changed, misplaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/store/backup_story.h"

#define STREAM "S"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A block in words: "m5" a message, "e5" an erased one, "t5" a tombstone; time is seq * 10. */
static void pack_block(struct pile *tar, uint32_t number, const char *words)
{
    struct pile block = {.at = NULL};
    char name[BACKUP_ENTRY_NAME_SIZE];
    for (const char *word = words; *word != '\0'; word++) {
        struct backup_record r = {.kind = *word == 'm'   ? BACKUP_RECORD_MESSAGE
                                          : *word == 'e' ? BACKUP_RECORD_ERASED
                                                         : BACKUP_RECORD_TOMBSTONE};
        char *end;
        r.message.seq = strtoull(word + 1, &end, 10);
        r.message.time_ns = (int64_t)r.message.seq * 10;
        if (*word == 'm') {
            r.message.subject = BYTES("a.b");
            r.message.payload = BYTES("hi");
        }
        pack_record(&block, STREAM, number, &r);
        if (*end == '\0')
            break;
        word = end;
    }
    snprintf(name, sizeof name, "msgs/%" PRIu32 ".blk", number);
    pack_file(tar, name, pile_bytes(&block));
    pile_done(&block);
}

/* Ends the archive, reads it in several splits; the status of each, which is the same. */
static int read_tar(struct pile *tar, struct story *story)
{
    static const size_t steps[] = {1, 7, 100000};
    pile_add_zeros(tar, TAR_END_SIZE);
    struct pile archive = pack(tar);
    char *first = NULL;
    int status = 0;
    for (size_t i = 0; i < COUNT(steps); i++) {
        status = story_read(story, pile_bytes(&archive), steps[i], STREAM, 0);
        if (first == NULL)
            first = strdup(pile_text(&story->text));
        assert_string_equal(pile_text(&story->text), first);
    }
    free(first);
    pile_done(&archive);
    return status;
}

static void blocks_are_told_as_nats_server_understands_them(void **state)
{
    /* clang-format off */
    static const struct {
        const char *blocks[3];
        const char *told;
        uint64_t last_seq;
        int64_t last_time_ns;
    } rows[] = {
        {{"m1 m2"}, "m1 m2 ", 2, 20},
        {{"m1 m5"}, "m1 m5 ", 5, 50},
        {{"m7", "m9 m10", "m1000"}, "m7 m9 m10 m1000 ", 1000, 10000},
        {{"m1 m2 t1 m3"}, "m1 m2 d1 m3 ", 3, 30},
        {{"m1 m2", "t1 m3 t2"}, "m1 m2 d1 m3 d2 ", 3, 30},
        {{"m1 e2 m3"}, "m1 d2 m3 ", 3, 30},
        {{"m1 e2"}, "m1 d2 ", 2, 20},
        {{"e9"}, "d9 ", 9, 90},
        {{"t9"}, "d9 ", 9, 90},
        {{"m1", "t9"}, "m1 d9 ", 9, 90},
        {{"m1 m2 m2 m1 m3"}, "m1 m2 m3 ", 3, 30}, /* what is repeated in a block is passed over */
        {{"m1 e1"}, "m1 d1 ", 1, 10},
        {{"", "m3"}, "m3 ", 3, 30},
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pile tar = {.at = NULL};
        struct story story = {.reluctance = NULL};
        struct pile wanted = {.at = NULL};
        pile_print(&wanted, "config {}\n");
        pack_stream(&tar, STREAM);
        for (uint32_t n = 0; n < 3 && rows[i].blocks[n] != NULL; n++)
            pack_block(&tar, n * 3 + 1, rows[i].blocks[n]);
        for (const char *word = rows[i].told; *word != '\0'; word = strchr(word, ' ') + 1) {
            uint64_t seq = strtoull(word + 1, NULL, 10);
            if (*word == 'm')
                pile_print(&wanted, "message %" PRIu64 " %" PRIu64 " a.b [] [hi]\n", seq, seq * 10);
            else
                pile_print(&wanted, "deleted %" PRIu64 " %" PRIu64 "\n", seq, seq);
        }
        assert_int_equal(read_tar(&tar, &story), 0);
        assert_string_equal(pile_text(&story.text), pile_text(&wanted));
        assert_int_equal(story.summary.last_seq, rows[i].last_seq);
        assert_int_equal(story.summary.last_time_ns, rows[i].last_time_ns);
        pile_done(&tar);
        pile_done(&wanted);
        pile_done(&story.text);
    }
}

/* Each makes an archive that is refused, after the stream's meta files. */
static void make_block_twice(struct pile *tar)
{
    pack_block(tar, 2, "m1");
    pack_block(tar, 2, "m2");
}

static void make_sequence_going_back(struct pile *tar)
{
    pack_block(tar, 1, "m5");
    pack_block(tar, 2, "m5");
}

static void make_block_of_another_number(struct pile *tar)
{
    struct pile other = {.at = NULL};
    pack_block(&other, 3, "m1");
    pack_file(tar, "msgs/1.blk", (struct bytes){other.at + TAR_BLOCK_SIZE, 30 + 3 + 2});
    pile_done(&other);
}

static void make_cut_record(struct pile *tar)
{
    struct pile other = {.at = NULL};
    pack_block(&other, 1, "m1 m2");
    pack_file(tar, "msgs/1.blk", (struct bytes){other.at + TAR_BLOCK_SIZE, 69});
    pile_done(&other);
}

static void make_record_too_large(struct pile *tar)
{
    pack_file(tar, "msgs/1.blk", BYTES("\1\0\0\2********************************"));
}

static void make_record_too_small(struct pile *tar)
{
    pack_file(tar, "msgs/1.blk", BYTES("\35\0\0\0********\0\0\0\0\0\0\0\0\0\0********"));
}

static void make_block_after_consumers(struct pile *tar)
{
    pack_consumer(tar, STREAM, "c");
    pack_block(tar, 1, "m1");
}

static void make_block_after_index(struct pile *tar)
{
    pack_file(tar, "msgs/index.db", BYTES("?"));
    pack_block(tar, 1, "m1");
}

static void make_meta_twice(struct pile *tar)
{
    pack_stream(tar, STREAM);
}

static void make_consumer_of_another_stream(struct pile *tar)
{
    pack_consumer(tar, "T", "c");
}

static void make_incomplete_consumer(struct pile *tar)
{
    pack_file(tar, "obs/c/meta.inf", BYTES("{}"));
    pack_consumer(tar, STREAM, "d");
}

static void make_incomplete_last_consumer(struct pile *tar)
{
    pack_file(tar, "obs/c/o.dat", BYTES(""));
}

static void make_consumer_file_twice(struct pile *tar)
{
    pack_file(tar, "obs/c/o.dat", BYTES(""));
    pack_file(tar, "obs/c/o.dat", BYTES(""));
}

static void make_server_failure(struct pile *tar)
{
    pack_file(tar, "errors.txt", BYTES("Could not read \33 block"));
}

static void make_long_sum(struct pile *tar)
{
    pack_file(tar, "obs/c/meta.sum", BYTES("00000000000000000"));
}

static void make_message_without_subject(struct pile *tar)
{
    struct pile block = {.at = NULL};
    pack_record(&block, STREAM, 1, &(struct backup_record){.message = {.seq = 1}});
    pack_file(tar, "msgs/1.blk", pile_bytes(&block));
    pile_done(&block);
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        void (*make)(struct pile *tar);
        int status;
        const char *why;
    } rows[] = {
        {make_block_twice, -EBADMSG, "msgs/2.blk: comes after block 2"},
        {make_sequence_going_back, -EBADMSG, "msgs/2.blk: sequence 5 was in an earlier block"},
        {make_block_of_another_number, -EILSEQ,
         "msgs/1.blk: wrong checksum of the record at offset 0"},
        {make_cut_record, -EBADMSG, "msgs/1.blk: ends inside a record"},
        {make_record_too_large, -EBADMSG, "msgs/1.blk: no record at offset 0"},
        {make_record_too_small, -EBADMSG, "msgs/1.blk: no record at offset 0"},
        {make_block_after_consumers, -EBADMSG, "msgs/1.blk: comes too early or too late"},
        {make_block_after_index, -EBADMSG, "msgs/1.blk: comes too early or too late"},
        {make_meta_twice, -EBADMSG, "meta.inf: comes too early or too late"},
        {make_consumer_of_another_stream, -EILSEQ,
         "obs/c/o.dat: meta.sum of consumer c is not of its configuration"},
        {make_incomplete_consumer, -EBADMSG, "obs/d/meta.inf: consumer c is not whole"},
        {make_incomplete_last_consumer, -EBADMSG, "the archive ends here"},
        {make_consumer_file_twice, -EBADMSG, "obs/c/o.dat: comes twice"},
        {make_server_failure, -EREMOTEIO, "errors.txt: Could not read ? block"},
        {make_long_sum, -EFBIG, "obs/c/meta.sum: 17 bytes, more than 16"},
        {make_message_without_subject, -EBADMSG, "msgs/1.blk: message 1 has no subject"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pile tar = {.at = NULL};
        struct story story = {.reluctance = NULL};
        pack_stream(&tar, STREAM);
        rows[i].make(&tar);
        assert_int_equal(read_tar(&tar, &story), rows[i].status);
        assert_string_equal(story.why, rows[i].why);
        pile_done(&tar);
        pile_done(&story.text);
    }
}

static void other_names_than_those_of_a_backup_are_refused(void **state)
{
    static const char *const names[] = {"/meta.inf",
                                        "./meta.inf",
                                        "../meta.inf",
                                        "msgs/../meta.inf",
                                        "meta.inf2",
                                        "msgs/1.blk/",
                                        "msgs/01.blk",
                                        "msgs/-1.blk",
                                        "msgs/4294967296.blk",
                                        "msgs/.blk",
                                        "msgs/1.blk.tmp",
                                        "msgs/1.key",
                                        "msgs",
                                        "msgs/",
                                        "obs/",
                                        "obs/c",
                                        "obs/c/",
                                        "obs//o.dat",
                                        "obs/../o.dat",
                                        "obs/c/d/o.dat",
                                        "obs/c d/o.dat",
                                        "obs/c.d/o.dat",
                                        "obs/c/o.dat2",
                                        "OBS/c/o.dat",
                                        "stream.tar.s2"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct backup_entry e;
        struct pile tar = {.at = NULL};
        struct story story = {.reluctance = NULL};
        assert_int_equal(backup_entry_parse(bytes_of(names[i]), &e), -EBADMSG);
        pack_stream(&tar, STREAM);
        pack_file(&tar, names[i], BYTES("x"));
        assert_int_equal(read_tar(&tar, &story), -EBADMSG);
        assert_non_null(strstr(story.why, "is no file of a backup"));
        pile_done(&tar);
        pile_done(&story.text);
    }
}

static void derived_files_of_old_servers_are_passed_over(void **state)
{
    static const char *const names[] = {"msgs/1.idx", "msgs/1.fss", "msgs/thw.db", "msgs/sched.db"};
    struct pile tar = {.at = NULL};
    struct story story = {.reluctance = NULL};
    pack_stream(&tar, STREAM);
    pack_block(&tar, 1, "m1");
    for (size_t i = 0; i < COUNT(names); i++)
        pack_file(&tar, names[i], BYTES("whatever"));
    pack_consumer(&tar, STREAM, "c");
    assert_int_equal(read_tar(&tar, &story), 0);
    assert_string_equal(pile_text(&story.text),
                        "config {}\nmessage 1 10 a.b [] [hi]\nconsumer c [{c}] [state]\n");
    assert_int_equal(story.summary.consumers, 1);
    pile_done(&tar);
    pile_done(&story.text);
}

static void the_configuration_comes_first_and_is_of_the_stream_that_was_named(void **state)
{
    struct pile tar = {.at = NULL};
    struct story story = {.reluctance = NULL};
    pack_block(&tar, 1, "m1");
    assert_int_equal(read_tar(&tar, &story), -EBADMSG);
    tar.size = 0;
    assert_int_equal(read_tar(&tar, &story), -EBADMSG);
    assert_string_equal(story.why, "the archive has no configuration");
    tar.size = 0;
    pack_stream(&tar, "T");
    assert_int_equal(read_tar(&tar, &story), -EILSEQ);
    assert_string_equal(story.why, "meta.sum: is not of the configuration of stream S");
    assert_string_equal(pile_text(&story.text), "");
    pile_done(&tar);
    pile_done(&story.text);
}

static struct pile make_archive(void)
{
    struct pile tar = {.at = NULL};
    pack_stream(&tar, STREAM);
    pack_block(&tar, 1, "m1 m2 e3 t1");
    pack_block(&tar, 2, "t9");
    pack_consumer(&tar, STREAM, "c");
    pile_add_zeros(&tar, TAR_END_SIZE);
    struct pile archive = pack(&tar);
    pile_done(&tar);
    return archive;
}

static void a_cut_archive_is_noticed_wherever_it_was_cut(void **state)
{
    struct pile archive = make_archive();
    struct story story = {.reluctance = NULL};
    for (size_t size = 0; size < archive.size; size++)
        assert_int_equal(story_read(&story, (struct bytes){archive.at, size}, 64, STREAM, 0),
                         -EBADMSG);
    assert_int_equal(story_read(&story, pile_bytes(&archive), 64, STREAM, 0), 0);
    pile_done(&archive);
    pile_done(&story.text);
}

static void a_flipped_bit_is_noticed_wherever_it_matters(void **state)
{
    struct pile archive = make_archive();
    struct story story = {.reluctance = NULL};
    assert_int_equal(story_read(&story, pile_bytes(&archive), 64, STREAM, 0), 0);
    char *wanted = strdup(pile_text(&story.text));
    for (size_t bit = 0; bit < archive.size * 8; bit++) {
        archive.at[bit / 8] = (char)(archive.at[bit / 8] ^ (1 << bit % 8));
        /* A copy of zeros from elsewhere among zeros is the same bytes. */
        if (story_read(&story, pile_bytes(&archive), archive.size, STREAM, 0) == 0)
            assert_string_equal(pile_text(&story.text), wanted);
        archive.at[bit / 8] = (char)(archive.at[bit / 8] ^ (1 << bit % 8));
    }
    free(wanted);
    pile_done(&archive);
    pile_done(&story.text);
}

static void a_flipped_bit_in_a_record_is_noticed(void **state)
{
    struct highwayhash key;
    backup_hash_block(&key, BYTES(STREAM), 1);
    struct backup_record r = {
        .message = {7, 8, BYTES("a.b"), BYTES("NATS/1.0\r\n\r\n"), BYTES("hi")}};
    char record[100];
    size_t size = (size_t)backup_record_size(&r);
    backup_record_encode(&key, &r, record);
    struct backup_record found;
    for (size_t bit = 0; bit < size * 8; bit++) {
        record[bit / 8] = (char)(record[bit / 8] ^ (1 << bit % 8));
        int status = backup_record_decode(&key, (struct bytes){record, size}, &found);
        /* The size of the headers is hashed by nobody: it only moves bytes to the payload. */
        bool in_headers_size = bit / 8 >= 25 && bit / 8 < 29;
        assert_true(status < 0 || in_headers_size);
        record[bit / 8] = (char)(record[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(backup_record_decode(&key, (struct bytes){record, cut}, &found), -EBADMSG);
    assert_int_equal(backup_record_decode(&key, (struct bytes){record, size}, &found), 0);
    assert_true(bytes_equal(found.message.headers, r.message.headers));
    assert_true(bytes_equal(found.message.payload, r.message.payload));
    assert_true(bytes_equal(found.message.subject, r.message.subject));
}

static void more_bytes_than_are_allowed_are_refused(void **state)
{
    struct pile archive = make_archive();
    struct story story = {.reluctance = NULL};
    int status = story_read(&story, pile_bytes(&archive), 64, STREAM, 100);
    assert_int_equal(status, -EDQUOT);
    assert_string_equal(story.why, "msgs/1.blk: more than 100 bytes in all");
    assert_int_equal(story_read(&story, pile_bytes(&archive), 64, STREAM, 1000), 0);
    pile_done(&archive);
    pile_done(&story.text);
}

static int refuse_message(void *context, const struct backup_message *m)
{
    return m->seq == 2 ? -ENOSPC : 0;
}

static void what_an_event_answers_stops_the_reader(void **state)
{
    struct pile archive = make_archive();
    struct story story = {.reluctance = NULL};
    struct backup_reader_options options = {
        .stream = BYTES(STREAM),
        .events = {story_config, refuse_message, story_deleted, story_consumer},
        .context = &story,
    };
    struct backup_reader *r = backup_reader_new(&options);
    struct bytes in = pile_bytes(&archive);
    int status;
    while ((status = backup_reader_step(r, &in)) == 1)
        ;
    assert_int_equal(status, -ENOSPC);
    assert_int_equal(backup_reader_step(r, &in), -ENOSPC);
    assert_int_equal(backup_reader_end(r, &story.summary), -ENOSPC);
    backup_reader_free(&r);
    pile_done(&archive);
    pile_done(&story.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_told_as_nats_server_understands_them),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(other_names_than_those_of_a_backup_are_refused),
        cmocka_unit_test(derived_files_of_old_servers_are_passed_over),
        cmocka_unit_test(the_configuration_comes_first_and_is_of_the_stream_that_was_named),
        cmocka_unit_test(a_cut_archive_is_noticed_wherever_it_was_cut),
        cmocka_unit_test(a_flipped_bit_is_noticed_wherever_it_matters),
        cmocka_unit_test(a_flipped_bit_in_a_record_is_noticed),
        cmocka_unit_test(more_bytes_than_are_allowed_are_refused),
        cmocka_unit_test(what_an_event_answers_stops_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
