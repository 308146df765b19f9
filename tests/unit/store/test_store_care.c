/* SPDX-License-Identifier: Apache-2.0 */
/* A store takes care of what it holds: compacts, erases, finds what has rotted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/sim/sim_disk_state.h"
#include "store/msglog_file.h"
#include "store/store_lost.h"
#include "store/store_state.h"
#include "tests/unit/store/store_run.h"

#define SECRET "the plaintext that nobody may find again"
#define HOUR_NS (3600ull * 1000000000)

/* --- what is on the disk --------------------------------------------------------------------------- */

static bool image_holds(const struct sim_image *image, const char *text)
{
    char *at = calloc(1, image->size + 1);
    assert_non_null(at);
    (void)sim_image_read(image, 0, at, image->size);
    bool found = memmem(at, image->size, text, strlen(text)) != NULL;
    free(at);
    return found;
}

static bool tree_holds(const struct sim_tree *tree, const char *text)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct sim_inode *inode = tree->entries[i].inode;
        if (!inode->directory &&
            (image_holds(&inode->cached, text) || image_holds(&inode->stored, text)))
            return true;
    }
    return false;
}

static bool disk_holds(struct store_run *r, const char *text)
{
    return tree_holds(&r->disk.disk->shown, text) || tree_holds(&r->disk.disk->stored, text);
}

static unsigned count_files(struct store_run *r, const char *prefix)
{
    unsigned count = 0;
    const struct sim_tree *tree = &r->disk.disk->shown;
    for (uint32_t i = 0; i < tree->count; i++)
        count += strncmp(tree->entries[i].path, prefix, strlen(prefix)) == 0;
    return count;
}

/* Turns bits of a byte of the file whose path begins so; where text lies in it, or, with NULL, at the offset. */
static void rot(struct store_run *r, const char *prefix, const char *text, uint64_t offset)
{
    const struct sim_tree *tree = &r->disk.disk->shown;
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct sim_entry *entry = &tree->entries[i];
        if (strncmp(entry->path, prefix, strlen(prefix)) != 0)
            continue;
        uint64_t size = entry->inode->cached.size;
        char *at = calloc(1, size + 1);
        assert_non_null(at);
        (void)sim_image_read(&entry->inode->cached, 0, at, size);
        const char *found = text == NULL ? at + offset : memmem(at, size, text, strlen(text));
        if (found != NULL)
            assert_int_equal(sim_disk_flip(r->disk.disk, entry->path, (uint64_t)(found - at), 0x5a),
                             0);
        free(at);
        if (found != NULL)
            return;
    }
    fail_msg("nothing to rot");
}

static void begin(struct store_run *r)
{
    store_run_init(r, 3);
    r->options.compact_dead_min = 16 << 10;
    assert_int_equal(store_run_open(r), 0);
}

static void restart(struct store_run *r)
{
    assert_int_equal(store_run_close(r), 0);
    assert_int_equal(store_run_open(r), 0);
}

static void pass(struct store_run *r, uint64_t ns)
{
    uint64_t end = r->disk.now_ns + ns;
    while (r->disk.now_ns < end) {
        bool more = store_turn(r->store, r->disk.now_ns / 1000000);
        if (!more && !disk_run_step(&r->disk))
            r->disk.now_ns += HOUR_NS / 60;
    }
}

/* --- compaction -------------------------------------------------------------------------------------- */

static void a_stream_that_is_overwritten_takes_little_space(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_run_make m;
    m = (struct store_run_make){0};
    store_run_config(&m.config, "S", 50);
    m.make = (struct store_make){
        .options = {.account = BYTES("A"), .name = BYTES("KV"), .config = buffer_view(&m.config)},
        .now_ns = (int64_t)r.disk.now_ns,
        .done = store_run_made,
        .context = &m};
    store_make(r.store, &m.make);
    store_run_until(&r, &m.over);
    buffer_done(&m.config);
    for (unsigned round = 0; round < 8; round++) {
        store_run_publish_much(&r, m.group, 400 << 10);
        store_run_settle(&r);
    }
    struct store_stats stats;
    store_stats(r.store, &stats);
    assert_true(stats.rewrites > 0);
    assert_int_equal(store_run_count(&r, m.group), 50);
    uint64_t size = segments_size(msglog_segments(m.group->log));
    assert_true(size < 2 * 50 * 4200 + (256 << 10));
    store_run_done(&r);
}

/* --- scrub -------------------------------------------------------------------------------------------- */

static struct store_group *filled(struct store_run *r)
{
    begin(r);
    struct store_group *g = store_run_make_group(r, "S");
    char text[32];
    for (unsigned i = 1; i <= 300; i++) {
        snprintf(text, sizeof text, "message %u.", i);
        assert_int_equal(store_run_publish(r, g, "a", text), i);
    }
    store_run_publish_much(r, g, 300 << 10);
    restart(r);
    store_run_settle(r);
    return store_run_find(r, "S");
}

static void rot_in_a_frame_is_told_once_as_its_sequences_and_nothing_else_is_lost(void **state)
{
    struct store_run r;
    struct store_group *g = filled(&r);
    rot(&r, "store/g/1/s-", "message 150.", 0);
    pass(&r, 12 * HOUR_NS);
    assert_int_equal(r.lost, 1);
    struct store_run_look l;
    assert_int_equal(store_run_read(&r, g, 150, &l), -EBADMSG);
    uint64_t first = 0;
    uint64_t last = 0;
    assert_true(store_lost_next(g, 0, &first, &last));
    assert_true(first <= 150 && last >= 150);
    assert_false(store_lost_has(g, last + 1));
    assert_int_equal(store_run_read(&r, g, last + 1, &l), 0);
    pass(&r, 20 * 24 * HOUR_NS);
    assert_int_equal(r.lost, 1);
    store_run_done(&r);
}

static void what_is_lost_stays_known_after_a_start(void **state)
{
    struct store_run r;
    struct store_group *g = filled(&r);
    rot(&r, "store/g/1/s-", "message 150.", 0);
    pass(&r, 12 * HOUR_NS);
    store_run_publish_much(&r, g, 300 << 10);
    restart(&r);
    g = store_run_find(&r, "S");
    struct store_run_look l;
    assert_int_equal(store_run_read(&r, g, 150, &l), -EBADMSG);
    assert_true(store_lost_has(g, 150));
    assert_int_equal(r.lost, 1);
    store_run_done(&r);
}

static void a_bad_header_is_mended_from_the_frames(void **state)
{
    struct store_run r;
    struct store_group *g = filled(&r);
    rot(&r, "store/g/1/s-", NULL, 20);
    pass(&r, 12 * HOUR_NS);
    store_run_settle(&r);
    assert_int_equal(r.lost, 0);
    struct store_stats stats;
    store_stats(r.store, &stats);
    assert_true(stats.rewrites > 0);
    assert_true(store_run_has(&r, g, 150, "message 150."));
    assert_true(store_run_has(&r, g, 1, "message 1."));
    store_run_done(&r);
}

/* --- repair ---------------------------------------------------------------------------------------------- */

struct supplied {
    struct store_supply supply;
    struct buffer body;
    int status;
    bool over;
};

static void on_supplied(struct store_supply *supply, int status)
{
    struct supplied *s = supply->context;
    s->status = status;
    s->over = true;
}

static void begin_supply(struct store_run *r, struct store_group *g, struct supplied *s,
                         uint64_t seq, const char *text, bool committed)
{
    *s = (struct supplied){0};
    const struct message m = {.subject = BYTES("a"), .payload = bytes_of(text)};
    message_body_write(&m, buffer_room(&s->body, message_body_size(&m)));
    s->body.size += message_body_size(&m);
    s->supply = (struct store_supply){.seq = seq,
                                      .index = seq + 1,
                                      .term = 1,
                                      .committed = committed,
                                      .time_ns = 1,
                                      .body = buffer_view(&s->body),
                                      .done = on_supplied};
    s->supply.context = s;
    store_supply(r->store, g, &s->supply);
}

static int supply(struct store_run *r, struct store_group *g, uint64_t seq, const char *text,
                  bool committed)
{
    struct supplied s;
    begin_supply(r, g, &s, seq, text, committed);
    store_run_until(r, &s.over);
    buffer_done(&s.body);
    return s.status;
}

static void a_lost_message_comes_back_if_it_is_the_one_that_its_header_names(void **state)
{
    struct store_run r;
    struct store_group *g = filled(&r);
    rot(&r, "store/g/1/s-", "message 150.", 0);
    pass(&r, 6 * HOUR_NS);
    struct store_run_look l;
    assert_int_equal(store_run_read(&r, g, 150, &l), -EBADMSG);
    assert_int_equal(supply(&r, g, 151 + 300, "message 451.", true), -ENOENT);
    uint64_t first;
    uint64_t last;
    assert_true(store_missing(g, 0, &first, &last));
    assert_true(first <= 149 && last >= 151);
    struct supplied all[3];
    static const char *const texts[] = {"message 149.", "message 150.", "message 1510"};
    for (unsigned i = 0; i < 3; i++)
        begin_supply(&r, g, &all[i], 149 + i, texts[i], true);
    for (unsigned i = 0; i < 3; i++) {
        store_run_until(&r, &all[i].over);
        buffer_done(&all[i].body);
        assert_int_equal(all[i].status, i == 2 ? -EBADMSG : 0);
    }
    assert_int_equal(store_run_read(&r, g, 151, &l), -EBADMSG);
    restart(&r);
    g = store_run_find(&r, "S");
    assert_true(store_run_has(&r, g, 149, "message 149."));
    assert_true(store_run_has(&r, g, 150, "message 150."));
    assert_true(store_missing(g, 149, &first, &last));
    assert_int_equal(first, 151);
    store_run_settle(&r);
    assert_int_equal(count_files(&r, "store/quarantine/"), 1);
    store_run_done(&r);
}

static void where_no_header_is_left_a_committed_state_is_believed_and_nothing_else(void **state)
{
    struct store_run r;
    struct store_group *g = filled(&r);
    rot(&r, "store/g/1/s-", "message 150.", 0);
    pass(&r, 6 * HOUR_NS);
    struct store_run_look l;
    uint64_t first;
    uint64_t last;
    assert_int_equal(store_run_read(&r, g, 150, &l), -EBADMSG);
    assert_true(store_missing(g, 0, &first, &last));
    assert_true(first < 150);
    char text[32];
    snprintf(text, sizeof text, "message %u.", (unsigned)first);
    assert_int_equal(supply(&r, g, first, text, false), 0); /* what is left goes to quarantine */
    assert_int_equal(supply(&r, g, 150, "message 150.", false), -EACCES);
    assert_int_equal(supply(&r, g, 150, "message 150.", true), 0);
    assert_true(store_run_has(&r, g, 150, "message 150."));
    store_run_settle(&r);
    store_run_done(&r);
}

/* --- erase --------------------------------------------------------------------------------------------- */

struct asked {
    struct store_erased erased;
    int status;
    bool over;
};

static void on_erased(struct store_erased *wait, int status)
{
    struct asked *a = wait->context;
    a->status = status;
    a->over = true;
}

static int erase(struct store_run *r, struct store_group *g, uint64_t seq)
{
    struct store_run_append a = {0};
    stream_delete_write(&a.body, &seq, 1, true);
    int status = store_run_begin(r, g, &a, ENTRY_DELETE);
    assert_int_equal(status, 0);
    return store_run_finish(r, &a);
}

static void ask(struct store_run *r, struct store_group *g, struct asked *a)
{
    *a = (struct asked){.erased = {.done = on_erased}};
    a->erased.context = a;
    store_erased(r->store, g, &a->erased);
}

static void what_was_erased_from_the_journal_is_in_no_file(void **state)
{
    struct store_run r;
    begin(&r);
    struct store_group *g = store_run_make_group(&r, "S");
    assert_int_equal(store_run_publish(&r, g, "a", SECRET), 1);
    assert_int_equal(store_run_publish(&r, g, "a", "this stays"), 2);
    assert_true(disk_holds(&r, SECRET));
    assert_int_equal(erase(&r, g, 1), 0);
    struct asked a;
    ask(&r, g, &a);
    store_run_until(&r, &a.over);
    assert_int_equal(a.status, 0);
    assert_false(disk_holds(&r, SECRET));
    assert_true(store_run_has(&r, g, 2, "this stays"));
    store_run_done(&r);
}

/* A store with the secret in a segment and a copy in the journal's spares. */
static struct store_group *with_secret(struct store_run *r)
{
    begin(r);
    struct store_group *g = store_run_make_group(r, "S");
    assert_int_equal(store_run_publish(r, g, "a", "this stays"), 1);
    assert_int_equal(store_run_publish(r, g, "a", SECRET), 2);
    store_run_publish_much(r, g, 400 << 10);
    store_run_settle(r);
    return g;
}

static void what_was_erased_from_a_segment_is_in_no_file(void **state)
{
    struct store_run r;
    struct store_group *g = with_secret(&r);
    assert_int_equal(erase(&r, g, 2), 0);
    struct asked a;
    ask(&r, g, &a);
    store_run_until(&r, &a.over);
    assert_int_equal(a.status, 0);
    assert_false(disk_holds(&r, SECRET));
    assert_true(store_run_has(&r, g, 1, "this stays"));
    assert_int_equal(count_files(&r, "store/quarantine/"), 0);
    store_run_done(&r);
}

/* After so many steps of the erasing the power fails. Returns whether it was over before. */
static bool crash_after(unsigned steps, enum sim_crash how)
{
    struct store_run r;
    struct store_group *g = with_secret(&r);
    assert_int_equal(erase(&r, g, 2), 0);
    struct asked a;
    ask(&r, g, &a);
    for (unsigned i = 0; i < steps && !a.over; i++)
        (void)store_run_step(&r);
    bool over = a.over;
    if (over)
        assert_false(disk_holds(&r, SECRET));
    store_run_crash(&r, how);
    assert_int_equal(store_run_open(&r), 0);
    g = store_run_find(&r, "S");
    struct store_run_look l;
    assert_int_equal(store_run_read(&r, g, 2, &l), -ENOENT);
    ask(&r, g, &a);
    store_run_until(&r, &a.over);
    assert_int_equal(a.status, 0);
    assert_false(disk_holds(&r, SECRET));
    assert_true(store_run_has(&r, g, 1, "this stays"));
    store_run_settle(&r);
    assert_int_equal(count_files(&r, "store/quarantine/"), 0);
    store_run_done(&r);
    return over;
}

static void erasing_goes_on_after_a_crash_at_any_step(void **state)
{
    static const enum sim_crash how[] = {SIM_CRASH_KILL, SIM_CRASH_POWER, SIM_CRASH_WORST};
    unsigned steps = 0;
    while (!crash_after(steps, how[steps % 3]))
        steps += 1 + steps / 40;
    assert_true(steps > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_that_is_overwritten_takes_little_space),
        cmocka_unit_test(rot_in_a_frame_is_told_once_as_its_sequences_and_nothing_else_is_lost),
        cmocka_unit_test(what_is_lost_stays_known_after_a_start),
        cmocka_unit_test(a_bad_header_is_mended_from_the_frames),
        cmocka_unit_test(a_lost_message_comes_back_if_it_is_the_one_that_its_header_names),
        cmocka_unit_test(where_no_header_is_left_a_committed_state_is_believed_and_nothing_else),
        cmocka_unit_test(what_was_erased_from_the_journal_is_in_no_file),
        cmocka_unit_test(what_was_erased_from_a_segment_is_in_no_file),
        cmocka_unit_test(erasing_goes_on_after_a_crash_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
