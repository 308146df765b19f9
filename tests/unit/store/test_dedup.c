/* SPDX-License-Identifier: Apache-2.0 */
/* Message ids within their window: against a list, over many ids, and stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "runtime/base/prng.h"
#include "store/format/buffer.h"
#include "store/group/dedup.h"

static struct bytes id_of(char text[32], uint64_t n)
{
    int size = snprintf(text, 32, "id-%llu", (unsigned long long)n);
    return (struct bytes){text, (size_t)size};
}

static void an_id_is_known_within_the_window(void **state)
{
    struct dedup d;
    uint64_t seq = 0;
    dedup_init(&d, 1);
    assert_false(dedup_find(&d, BYTES("x"), 0, 100, &seq));
    dedup_put(&d, BYTES("x"), 7, 50);
    assert_true(dedup_find(&d, BYTES("x"), 149, 100, &seq));
    assert_int_equal(seq, 7);
    assert_false(dedup_find(&d, BYTES("x"), 150, 100, &seq));
    assert_false(dedup_find(&d, BYTES("y"), 60, 100, &seq));
    dedup_done(&d);
}

static void an_id_that_comes_again_is_the_newer_one(void **state)
{
    struct dedup d;
    uint64_t seq = 0;
    dedup_init(&d, 1);
    dedup_put(&d, BYTES("x"), 1, 10);
    dedup_put(&d, BYTES("x"), 2, 20);
    dedup_check(&d);
    assert_int_equal(dedup_expire(&d, 10, 100), 1);
    dedup_check(&d);
    assert_true(dedup_find(&d, BYTES("x"), 25, 100, &seq));
    assert_int_equal(seq, 2);
    assert_int_equal(dedup_expire(&d, 20, 100), 1);
    assert_int_equal(d.hash, 0);
    dedup_check(&d);
    dedup_done(&d);
}

static void large_ids_and_empty_ones_are_kept(void **state)
{
    struct dedup d;
    uint64_t seq = 0;
    static char large[DEDUP_ID_MAX];
    dedup_init(&d, 1);
    for (int i = 0; i < 20; i++) {
        large[0] = (char)i;
        dedup_put(&d, (struct bytes){large, sizeof large}, (uint64_t)i, i);
        dedup_put(&d, BYTES(""), 100 + (uint64_t)i, i);
    }
    dedup_check(&d);
    large[0] = 3;
    assert_true(dedup_find(&d, (struct bytes){large, sizeof large}, 20, 100, &seq));
    assert_int_equal(seq, 3);
    assert_true(dedup_find(&d, BYTES(""), 20, 100, &seq));
    assert_int_equal(seq, 119);
    assert_int_equal(dedup_expire(&d, 18, 1000), 38);
    dedup_check(&d);
    dedup_done(&d);
}

enum { MODEL_MAX = 30000 };

struct listed {
    uint64_t id;
    uint64_t seq;
    int64_t time_ns;
};

static bool list_find(const struct listed *list, size_t first, size_t count, uint64_t id,
                      int64_t after_ns, uint64_t *ret_seq)
{
    for (size_t i = count; i-- > first;) {
        if (list[i].id == id) {
            *ret_seq = list[i].seq;
            return list[i].time_ns > after_ns;
        }
    }
    return false;
}

static void random_ids_are_as_in_a_list(void **state)
{
    struct listed *list = calloc(MODEL_MAX, sizeof list[0]);
    assert_non_null(list);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct prng p;
        struct dedup d;
        char text[32];
        size_t first = 0;
        size_t count = 0;
        int64_t now = 0;
        prng_init(&p, seed);
        dedup_init(&d, seed);
        while (count < MODEL_MAX / 4) {
            uint64_t id = prng_below(&p, 500);
            uint64_t seq = 0;
            uint64_t expected = 0;
            now += (int64_t)prng_below(&p, 3);
            bool found = dedup_find(&d, id_of(text, id), now, 200, &seq);
            assert_true(found == list_find(list, first, count, id, now - 200, &expected));
            assert_true(!found || seq == expected);
            if (prng_one_in(&p, 2)) {
                dedup_put(&d, id_of(text, id), count, now);
                list[count] = (struct listed){id, count, now};
                count++;
            }
            if (prng_one_in(&p, 200)) {
                size_t max = prng_below(&p, 300);
                size_t gone = dedup_expire(&d, now - 200, max);
                for (size_t i = 0; i < gone; i++, first++)
                    assert_true(list[first].time_ns <= now - 200);
                assert_true(gone == max || first == count || list[first].time_ns > now - 200);
                dedup_check(&d);
            }
        }
        dedup_done(&d);
    }
    free(list);
}

static void memory_is_given_back_as_ids_go(void **state)
{
    struct dedup d;
    char text[32];
    dedup_init(&d, 1);
    for (uint64_t i = 0; i < 20000; i++)
        dedup_put(&d, id_of(text, i), i, (int64_t)i);
    size_t most = d.capacity;
    dedup_expire(&d, 19000, SIZE_MAX);
    assert_true(d.capacity < most / 4);
    dedup_check(&d);
    dedup_expire(&d, 20000, SIZE_MAX);
    assert_null(d.ring);
    assert_null(d.oldest);
    dedup_done(&d);
}

static void what_is_stored_is_read_back(void **state)
{
    struct dedup d;
    struct dedup back;
    struct buffer b = {0};
    struct buffer again = {0};
    char text[32];
    uint64_t seq = 0;
    dedup_init(&d, 1);
    for (uint64_t i = 0; i < 300; i++)
        dedup_put(&d, id_of(text, i % 250), i, -50 + (int64_t)i / 2);
    dedup_write(&d, &b);
    dedup_init(&back, 2);
    struct cursor c = cursor_of(buffer_view(&b));
    assert_int_equal(dedup_read(&back, &c), 0);
    assert_true(cursor_is_at_end(&c));
    dedup_check(&back);
    assert_true(back.hash == d.hash);
    assert_true(dedup_find(&back, id_of(text, 7), 100, 1000, &seq));
    assert_int_equal(seq, 257);
    dedup_write(&back, &again);
    assert_true(bytes_equal(buffer_view(&b), buffer_view(&again)));
    dedup_done(&back);
    for (size_t size = 0; size < b.size; size++) {
        char *cut = malloc(size + 1);
        memcpy(cut, b.at, size);
        c = cursor_of((struct bytes){cut, size});
        assert_int_equal(dedup_read(&back, &c), -EBADMSG);
        dedup_done(&back);
        free(cut);
    }
    buffer_done(&b);
    buffer_done(&again);
    dedup_done(&d);
}

static void times_that_fall_are_refused(void **state)
{
    struct dedup d;
    struct buffer b = {0};
    dedup_init(&d, 1);
    buffer_varint(&b, 2);
    for (int i = 0; i < 2; i++) {
        buffer_svarint(&b, i == 0 ? 5 : -1);
        buffer_svarint(&b, 1);
        buffer_bytes(&b, BYTES("x"));
    }
    struct cursor c = cursor_of(buffer_view(&b));
    assert_int_equal(dedup_read(&d, &c), -EBADMSG);
    dedup_done(&d);
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_known_within_the_window),
        cmocka_unit_test(an_id_that_comes_again_is_the_newer_one),
        cmocka_unit_test(large_ids_and_empty_ones_are_kept),
        cmocka_unit_test(random_ids_are_as_in_a_list),
        cmocka_unit_test(memory_is_given_back_as_ids_go),
        cmocka_unit_test(what_is_stored_is_read_back),
        cmocka_unit_test(times_that_fall_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
