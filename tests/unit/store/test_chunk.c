/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks: what goes in comes out, whatever is turned is seen, and the index says what the messages say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "protocols/nats/subject.h"
#include "store/chunk_match.h"
#include "store/format/chunk_walk.h"
#include "tests/unit/store/chunk_fixture.h"

struct opened {
    struct chunk_place place;
    const struct chunk_codec *codec;
    char *bytes; /* given */
    struct chunk_info info;
    struct chunk_index *index; /* given */
};

static int open_index(struct opened *o)
{
    struct chunk_place place = o->place;
    place.offset = chunk_index_offset(&o->info);
    struct chunk_piece_context context = {.place = place,
                                          .codec = o->codec,
                                          .records = o->info.records,
                                          .first_seq = o->info.first_seq,
                                          .flags = o->info.flags};
    struct bytes stored = {o->bytes + (place.offset - o->place.offset), o->info.index_size};
    char *at = NULL;
    size_t size;
    int r = chunk_index_decode(&context, sizeof context, stored, &at, &size);
    o->index = (struct chunk_index *)(void *)at;
    return r;
}

static void make_chunk(struct opened *o, const struct made_list *list,
                       const struct chunk_codec *codec)
{
    *o = (struct opened){.place = {FIXTURE_GID, 3, 8192}, .codec = codec};
    o->bytes = made_chunk(list, 0, list->count, &o->place, codec, &o->info);
    struct chunk_info read;
    assert_int_equal(chunk_header_read(&o->place, o->bytes, &read), 0);
    assert_memory_equal(&read, &o->info, sizeof read);
    assert_int_equal(open_index(o), 0);
    chunk_index_check(o->index);
}

static void close_chunk(struct opened *o)
{
    free(o->bytes);
    free(o->index);
}

/* Reads a record by the index alone, as a segment does. */
static int read_record(const struct opened *o, uint32_t record, struct chunk_record *ret,
                       char **ret_frame)
{
    const struct chunk_index *x = o->index;
    uint32_t f = chunk_index_frame_of(x, record);
    struct chunk_piece_context context = {.place = o->place,
                                          .codec = o->codec,
                                          .raw_size = chunk_index_frame_raw(x, f),
                                          .flags = o->info.flags};
    context.place.offset += x->frame[f].offset;
    struct bytes stored = {o->bytes + x->frame[f].offset, chunk_index_frame_stored(x, f)};
    char *raw;
    size_t size;
    int r = chunk_frame_decode(&context, sizeof context, stored, &raw, &size);
    *ret_frame = r == 0 && raw != stored.at + CHUNK_PIECE_HEADER_SIZE ? raw : NULL;
    if (r < 0)
        return r;
    return chunk_record_read(FIXTURE_GID, (struct bytes){raw, size},
                             x->extents[record] - x->frame[f].raw, ret);
}

static void assert_same_record(const struct chunk_record *a, const struct chunk_record *b)
{
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->term, b->term);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->time_ns, b->time_ns);
    assert_int_equal(a->body_hash, b->body_hash);
    assert_true(bytes_equal(a->body, b->body));
}

static void assert_holds(const struct opened *o, const struct made_list *list)
{
    const struct chunk_index *x = o->index;
    assert_int_equal(x->records, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct made *made = &list->at[i];
        struct chunk_record record;
        char *frame;
        assert_int_equal(read_record(o, i, &record, &frame), 0);
        assert_same_record(&record, &made->record);
        free(frame);
        assert_int_equal(chunk_index_seq(x, i), made->record.seq);
        assert_int_equal(x->times[i], made->time_ns);
        assert_true(bytes_equal(chunk_index_subject(x, x->subject_of[i]), made->message.subject));
        struct chunk_row_sizes sizes = chunk_index_sizes(x, i);
        assert_int_equal(sizes.subject, made->message.subject.size);
        assert_int_equal(sizes.headers, made->message.headers.size);
        assert_int_equal(sizes.payload, made->message.payload.size);
    }
}

static void messages_come_out_as_they_went_in(void **state)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct made_list list = {.last_seq = prng_below(&prng, 2) ? 0 : prng_next(&prng) >> 8};
        uint32_t count = 1 + (uint32_t)prng_below(&prng, 400);
        for (uint32_t i = 0; i < count; i++)
            made_random(&list, &prng, 1 + (unsigned)seed * 9, seed % 4 == 0 ? 5000 : 60);
        struct opened o;
        make_chunk(&o, &list, seed % 2 == 0 ? &turn_codec : NULL);
        assert_holds(&o, &list);
        assert_int_equal(o.info.size % CHUNK_ALIGN, 0);
        close_chunk(&o);
        made_done(&list);
    }
}

static void records_at_the_edges_of_frames_and_chunks_fit(void **state)
{
    static char bytes[CHUNK_RAW_MAX + 100];
    const size_t fixed = CHUNK_RECORD_MIN + 1;
    const size_t edges[] = {0,
                            1,
                            CHUNK_FRAME_RAW_MAX - fixed,
                            CHUNK_FRAME_RAW_MAX - fixed + 1,
                            100,
                            3 * CHUNK_FRAME_RAW_MAX,
                            0};
    struct made_list list = {0};
    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++) {
        struct message m = {.subject = BYTES("s"), .payload = {bytes, edges[i]}};
        (void)made_add(&list, i + 1, i, &m);
    }
    struct opened o;
    make_chunk(&o, &list, NULL);
    assert_holds(&o, &list);
    assert_int_equal(o.index->frames, 6);
    close_chunk(&o);
    made_done(&list);

    struct message huge = {.subject = BYTES("s"), .payload = {bytes, sizeof bytes}};
    (void)made_add(&list, 9, 9, &huge);
    make_chunk(&o, &list, NULL);
    assert_holds(&o, &list);
    close_chunk(&o);
    made_done(&list);
}

static void a_chunk_is_full_by_bytes_and_by_span(void **state)
{
    struct chunk_builder b;
    struct chunk_place place = {FIXTURE_GID, 1, 0};
    struct made_list list = {0};
    struct message m = {.subject = BYTES("s")};
    (void)made_add(&list, 10, 0, &m);
    chunk_builder_init(&b, &place, NULL, 1);
    assert_true(chunk_builder_takes(&b, UINT64_MAX >> 2, ENTRY_BODY_MAX));
    assert_int_equal(chunk_builder_add(&b, &list.at[0].record), 0);
    size_t left = CHUNK_RAW_MAX - CHUNK_RECORD_MIN - 1 - CHUNK_RECORD_HEADER_SIZE;
    assert_true(chunk_builder_takes(&b, 11, left));
    assert_false(chunk_builder_takes(&b, 11, left + 1));
    assert_true(chunk_builder_takes(&b, 10 + (uint64_t)UINT32_MAX, 100));
    assert_false(chunk_builder_takes(&b, 11 + (uint64_t)UINT32_MAX, 100));
    chunk_builder_done(&b);
    made_done(&list);
}

static void a_body_that_rotted_in_memory_is_refused(void **state)
{
    struct chunk_builder b;
    struct chunk_place place = {FIXTURE_GID, 1, 0};
    struct made_list list = {0};
    struct message m = {.subject = BYTES("s"), .payload = BYTES("payload")};
    (void)made_add(&list, 1, 0, &m);
    (void)made_add(&list, 2, 0, &m);
    chunk_builder_init(&b, &place, NULL, 1);
    ((char *)(uintptr_t)list.at[0].record.body.at)[14] ^= 1;
    assert_int_equal(chunk_builder_add(&b, &list.at[0].record), -EBADMSG);
    assert_int_equal(chunk_builder_add(&b, &list.at[1].record), 0);
    struct chunk_info info;
    char *bytes = chunk_builder_finish(&b, &info);
    assert_int_equal(info.records, 1);
    assert_int_equal(info.first_seq, 2);
    free(bytes);
    made_done(&list);
}

/* --- damage --------------------------------------------------------------------------------------- */

struct walked {
    const struct made_list *list;
    uint32_t next; /* message expected next, at least */
    uint32_t whole;
    uint32_t lost;
};

static void on_record(void *context, const struct chunk_record *record)
{
    struct walked *w = context;
    while (w->next < w->list->count && w->list->at[w->next].record.seq != record->seq)
        w->next++;
    assert_true(w->next < w->list->count);
    assert_same_record(record, &w->list->at[w->next++].record);
    w->whole++;
}

static void on_lost(void *context, uint64_t first_seq, uint64_t last_seq)
{
    struct walked *w = context;
    w->lost++;
}

static unsigned walk(const struct opened *o, const struct made_list *list, struct walked *ret)
{
    *ret = (struct walked){.list = list};
    struct chunk_walk w = {o->place, o->codec, on_record, on_lost, ret};
    return chunk_walk(&w, (struct bytes){o->bytes, o->info.size});
}

static bool is_padding(const struct opened *o, uint32_t at)
{
    return at >= CHUNK_HEADER_SIZE + o->info.stored_size + o->info.index_size &&
           at < o->info.size - CHUNK_FOOTER_SIZE;
}

static unsigned part_at(const struct opened *o, uint32_t at)
{
    if (at < CHUNK_HEADER_SIZE)
        return CHUNK_PART_HEADER;
    if (at < CHUNK_HEADER_SIZE + o->info.stored_size)
        return CHUNK_PART_FRAMES;
    if (at < CHUNK_HEADER_SIZE + o->info.stored_size + o->info.index_size)
        return CHUNK_PART_INDEX;
    return CHUNK_PART_FOOTER;
}

static void turn_every_bit(const struct chunk_codec *codec)
{
    struct prng prng;
    prng_init(&prng, 3);
    struct made_list list = {0};
    for (int i = 0; i < 12; i++)
        made_random(&list, &prng, 5, 20);
    struct opened o;
    make_chunk(&o, &list, codec);
    struct walked w;
    assert_int_equal(walk(&o, &list, &w), 0);
    assert_int_equal(w.whole, list.count);
    for (uint32_t bit = 0; bit < o.info.size * 8; bit++) {
        if (is_padding(&o, bit / 8))
            continue;
        o.bytes[bit / 8] ^= (char)(1 << bit % 8);
        unsigned bad = walk(&o, &list, &w);
        assert_int_equal(bad, part_at(&o, bit / 8));
        assert_int_equal(w.whole, bad == CHUNK_PART_FRAMES ? 0 : list.count);
        assert_int_equal(w.lost, bad == CHUNK_PART_FRAMES ? 1 : 0);
        o.bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    close_chunk(&o);
    made_done(&list);
}

static void every_turned_bit_is_seen_where_it_is_and_costs_no_other_part(void **state)
{
    turn_every_bit(NULL);
    turn_every_bit(&turn_codec);
}

static void a_bad_frame_costs_its_own_records_alone(void **state)
{
    static char bytes[40000];
    struct made_list list = {0};
    for (unsigned i = 0; i < 10; i++) {
        struct message m = {.subject = BYTES("s"), .payload = {bytes, sizeof bytes}};
        (void)made_add(&list, i * 2 + 1, i, &m);
    }
    struct opened o;
    make_chunk(&o, &list, NULL);
    assert_int_equal(o.index->frames, 10);
    for (uint32_t f = 0; f < 10; f++) {
        struct walked w;
        uint32_t at = o.index->frame[f].offset + 5000;
        o.bytes[at] ^= 1;
        assert_int_equal(walk(&o, &list, &w), CHUNK_PART_FRAMES);
        assert_int_equal(w.whole, 9);
        o.bytes[chunk_index_offset(&o.info) - o.place.offset + 30] ^= 1; /* and no index */
        assert_int_equal(walk(&o, &list, &w), CHUNK_PART_FRAMES | CHUNK_PART_INDEX);
        assert_int_equal(w.whole, 9);
        o.bytes[chunk_index_offset(&o.info) - o.place.offset + 30] ^= 1;
        o.bytes[at] ^= 1;
    }
    close_chunk(&o);
    made_done(&list);
}

static void a_chunk_in_another_place_is_none(void **state)
{
    struct made_list list = {0};
    struct message m = {.subject = BYTES("s")};
    (void)made_add(&list, 1, 0, &m);
    struct opened o;
    make_chunk(&o, &list, NULL);
    const struct chunk_place others[] = {{FIXTURE_GID + 1, o.place.file, o.place.offset},
                                         {FIXTURE_GID, o.place.file + 1, o.place.offset},
                                         {FIXTURE_GID, o.place.file, o.place.offset + 4096}};
    struct chunk_place place = o.place;
    for (unsigned i = 0; i < 3; i++) {
        o.place = others[i];
        struct walked w;
        assert_int_equal(walk(&o, &list, &w), 15);
        assert_int_equal(w.whole, 0);
    }
    o.place = place;
    close_chunk(&o);
    made_done(&list);
}

static void every_truncation_of_an_index_and_a_frame_is_refused(void **state)
{
    struct prng prng;
    prng_init(&prng, 8);
    struct made_list list = {0};
    for (int i = 0; i < 20; i++)
        made_random(&list, &prng, 5, 20);
    struct opened o;
    make_chunk(&o, &list, NULL);
    uint64_t offset = chunk_index_offset(&o.info);
    struct chunk_piece_context context = {.place = {FIXTURE_GID, 3, offset}};
    char *at;
    size_t got;
    for (uint32_t size = 0; size < o.info.index_size; size++) {
        struct bytes part = {o.bytes + (offset - o.place.offset), size};
        assert_int_equal(chunk_index_decode(&context, sizeof context, part, &at, &got), -EBADMSG);
    }
    context.place.offset = o.place.offset + CHUNK_HEADER_SIZE;
    for (uint32_t size = 0; size < o.info.stored_size; size++) {
        struct bytes part = {o.bytes + CHUNK_HEADER_SIZE, size};
        assert_int_equal(chunk_frame_decode(&context, sizeof context, part, &at, &got), -EBADMSG);
    }
    struct bytes records = {o.bytes + CHUNK_HEADER_SIZE + CHUNK_PIECE_HEADER_SIZE, 0};
    struct chunk_record record;
    for (; records.size < o.index->extents[1]; records.size++)
        assert_int_equal(chunk_record_read(FIXTURE_GID, records, 0, &record), -EBADMSG);
    assert_int_equal(chunk_record_read(FIXTURE_GID, records, 0, &record), 0);
    assert_int_equal(chunk_record_read(FIXTURE_GID, records, UINT32_MAX, &record), -EBADMSG);
    close_chunk(&o);
    made_done(&list);
}

/* A raw index that was changed and given the right hash again: decoded, it keeps its invariants. */
static void an_index_with_a_right_hash_is_not_trusted(void **state)
{
    struct prng prng;
    prng_init(&prng, 9);
    struct made_list list = {0};
    for (int i = 0; i < 30; i++)
        made_random(&list, &prng, 5, 20);
    struct opened o;
    make_chunk(&o, &list, NULL);
    struct chunk_place place = o.place;
    place.offset = chunk_index_offset(&o.info);
    char *piece = o.bytes + (place.offset - o.place.offset);
    uint32_t raw = o.info.index_size - CHUNK_PIECE_HEADER_SIZE;
    unsigned refused = 0;
    for (int i = 0; i < 20000; i++) {
        char *at = piece + CHUNK_PIECE_HEADER_SIZE + prng_below(&prng, raw);
        char was = *at;
        *at = (char)(prng_one_in(&prng, 2) ? prng_next(&prng) : (uint64_t)(was + 1));
        chunk_piece_write(&place, piece + CHUNK_PIECE_HEADER_SIZE, raw, raw, piece);
        free(o.index);
        int r = open_index(&o);
        assert_true(r == 0 || r == -EBADMSG);
        if (r == 0)
            chunk_index_check(o.index);
        refused += r < 0;
        *at = was;
    }
    assert_in_range(refused, 1000, 19999);
    close_chunk(&o);
    made_done(&list);
}

static void unknown_versions_and_flags_are_told_from_damage(void **state)
{
    struct chunk_place place = {1, 2, 4096};
    struct chunk_info info = {.offset = 4096,
                              .first_seq = 1,
                              .last_seq = 1,
                              .records = 1,
                              .raw_size = 100,
                              .stored_size = 116,
                              .index_size = 80,
                              .flags = CHUNK_SEALED};
    char at[CHUNK_HEADER_SIZE];
    chunk_header_write(&place, &info, at);
    struct chunk_info read;
    assert_int_equal(chunk_header_read(&place, at, &read), 0);
    for (unsigned field = 4; field <= 7; field++) {
        chunk_header_write(&place, &info, at);
        at[field] ^= 0x40;
        uint64_t hash = checksum(checksum_seed(1, 2, 4096), at, 88);
        memcpy(at + 88, &hash, 8);
        assert_int_equal(chunk_header_read(&place, at, &read), -ENOTSUP);
    }
    /* A sealed piece without its codec. */
    struct made_list list = {0};
    struct message m = {.subject = BYTES("s")};
    (void)made_add(&list, 1, 0, &m);
    struct opened o;
    make_chunk(&o, &list, &turn_codec);
    free(o.index);
    o.codec = NULL;
    assert_int_equal(open_index(&o), -ENOTSUP);
    struct walked w; /* but its hashes can be looked at */
    assert_int_equal(walk(&o, &list, &w), 0);
    o.bytes[CHUNK_HEADER_SIZE + 20] ^= 1;
    assert_int_equal(walk(&o, &list, &w), CHUNK_PART_FRAMES);
    close_chunk(&o);
    made_done(&list);
}

/* --- filters -------------------------------------------------------------------------------------- */

static bool wants(const struct filter *filter, struct bytes subject)
{
    for (uint32_t i = 0; i < filter->count; i++) {
        if (subject_matches(filter->subjects[i], subject))
            return true;
    }
    return filter->count == 0;
}

static uint32_t random_filter(struct prng *prng, struct bytes *subjects)
{
    static const char *const patterns[] = {
        ">",    "orders.>",    "orders.*",  "orders.3",  "orders.1.a", "*.2.*",
        "kv.*", "orders-eu.>", "nothing.*", "nothing.1", "",           ".4",
        "*",    "o.1",         "*.*.b",     "k.>",       "orders"};
    uint32_t count = (uint32_t)prng_below(prng, 4);
    for (uint32_t i = 0; i < count; i++)
        subjects[i] = bytes_of(patterns[prng_below(prng, sizeof patterns / sizeof *patterns)]);
    return count;
}

static void filters_find_what_a_look_at_each_message_finds(void **state)
{
    struct chunk_match match = {0};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct made_list list = {0};
        uint32_t count = 1 + (uint32_t)prng_below(&prng, 200);
        for (uint32_t i = 0; i < count; i++)
            made_random(&list, &prng, 6, 10);
        struct opened o;
        make_chunk(&o, &list, NULL);
        for (int k = 0; k < 60; k++) {
            struct bytes subjects[4];
            struct filter filter = {subjects, random_filter(&prng, subjects)};
            chunk_match_make(&match, o.index, &filter);
            uint32_t from = (uint32_t)prng_below(&prng, count + 2);
            uint32_t next = from;
            while (next < count && !wants(&filter, list.at[next].message.subject))
                next++;
            assert_int_equal(chunk_match_next(&match, o.index, from),
                             next < count ? next : CHUNK_MATCH_END);
            uint32_t prev = from < count ? from : count - 1;
            while (prev != UINT32_MAX && !wants(&filter, list.at[prev].message.subject))
                prev--;
            assert_int_equal(chunk_match_prev(&match, o.index, from), prev);
            uint32_t matches = 0;
            for (uint32_t i = from; i < count; i++)
                matches += wants(&filter, list.at[i].message.subject);
            assert_int_equal(chunk_match_count(&match, o.index, from), matches);
        }
        close_chunk(&o);
        made_done(&list);
    }
    chunk_match_done(&match);
}

static void sequences_and_times_are_found_as_a_walk_finds_them(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct made_list list = {0};
        uint32_t count = 1 + (uint32_t)prng_below(&prng, 200);
        for (uint32_t i = 0; i < count; i++)
            made_random(&list, &prng, 6, 10);
        struct opened o;
        make_chunk(&o, &list, NULL);
        for (int k = 0; k < 100; k++) {
            uint64_t seq = prng_below(&prng, list.last_seq + 10);
            uint32_t at = 0;
            while (at < count && list.at[at].record.seq < seq)
                at++;
            assert_int_equal(chunk_index_at(o.index, seq), at);
            int64_t time = (int64_t)prng_below(&prng, (uint64_t)list.time_ns + 1000);
            for (at = 0; at < count && list.at[at].time_ns < time;)
                at++;
            assert_int_equal(chunk_index_at_time(o.index, time), at);
        }
        close_chunk(&o);
        made_done(&list);
    }
}

/* Enough subjects for the radix, with beginnings that differ late, early and not at all. */
static void many_subjects_are_sorted(void **state)
{
    struct prng prng;
    prng_init(&prng, 4);
    struct made_list list = {0};
    for (uint32_t i = 0; i < 3000; i++) {
        char subject[80];
        static const char *const stems[] = {"a.long.common.beginning.", "a.long.common.", "b"};
        snprintf(subject, sizeof subject, "%s%llu%s", stems[prng_below(&prng, 3)],
                 (unsigned long long)prng_below(&prng, 100000000), i % 2 ? ".tail" : "");
        struct message m = {.subject = bytes_of(subject)};
        (void)made_add(&list, i + 1, i, &m);
    }
    struct opened o;
    make_chunk(&o, &list, NULL);
    assert_true(o.index->subjects > 2900);
    assert_holds(&o, &list);
    close_chunk(&o);
    made_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_as_they_went_in),
        cmocka_unit_test(records_at_the_edges_of_frames_and_chunks_fit),
        cmocka_unit_test(a_chunk_is_full_by_bytes_and_by_span),
        cmocka_unit_test(a_body_that_rotted_in_memory_is_refused),
        cmocka_unit_test(every_turned_bit_is_seen_where_it_is_and_costs_no_other_part),
        cmocka_unit_test(a_bad_frame_costs_its_own_records_alone),
        cmocka_unit_test(a_chunk_in_another_place_is_none),
        cmocka_unit_test(every_truncation_of_an_index_and_a_frame_is_refused),
        cmocka_unit_test(an_index_with_a_right_hash_is_not_trusted),
        cmocka_unit_test(unknown_versions_and_flags_are_told_from_damage),
        cmocka_unit_test(filters_find_what_a_look_at_each_message_finds),
        cmocka_unit_test(sequences_and_times_are_found_as_a_walk_finds_them),
        cmocka_unit_test(many_subjects_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
