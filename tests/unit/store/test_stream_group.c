/* SPDX-License-Identifier: Apache-2.0 */
/* A stream in memory with its consumers: what is settled goes, as its retention says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>

#include "store/format/buffer.h"
#include "store/format/consumer_entry.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/consumers.h"
#include "store/group/stream_group.h"
#include "store/msglog.h"
#include "store/msglog_file.h"

#define GID 5

struct scene {
    struct msglog *log;
    struct stream_group *group;
    uint64_t index;
    int64_t now_ns;
};

static struct applied apply(struct scene *s, enum entry_kind kind, struct buffer *body)
{
    struct entry e = {
        .gid = GID,
        .index = ++s->index,
        .term = 1,
        .kind = kind,
        .time_ns = s->now_ns += 1000,
        .body = buffer_view(body),
    };
    e.body_hash = entry_body_hash(GID, e.index, 1, e.body);
    struct applied applied = {0};
    int status;
    while ((status = group_apply(stream_group_stream(s->group), &e, &applied)) == -EINPROGRESS)
        ;
    assert_int_equal(status, 0);
    stream_group_check(s->group);
    buffer_done(body);
    return applied;
}

static void scene_begin(struct scene *s, enum rules_retention retention)
{
    *s = (struct scene){.now_ns = 1000000000};
    s->log = msglog_new(&(struct msglog_options){.form = MSGLOG_MEMORY, .gid = GID});
    s->group = stream_group_new(GID, 7, s->log);
    struct stream_rules rules;
    stream_rules_init(&rules, BYTES("S"));
    rules.retention = retention;
    struct buffer text = {0};
    struct buffer body = {0};
    stream_rules_write(&text, &rules);
    stream_config_write(&body, &(struct stream_config){buffer_view(&text), BYTES("{}")});
    buffer_done(&text);
    stream_rules_done(&rules);
    assert_int_equal(apply(s, ENTRY_CONFIG, &body).outcome, APPLIED_CHANGED);
}

static void scene_end(struct scene *s)
{
    stream_group_free(&s->group);
    msglog_free(&s->log);
}

static struct applied publish(struct scene *s, const char *subject)
{
    const struct message m = {.subject = bytes_of(subject), .payload = BYTES("hello")};
    struct buffer body = {0};
    message_body_write(&m, buffer_room(&body, message_body_size(&m)));
    body.size = message_body_size(&m);
    return apply(s, ENTRY_MSG, &body);
}

static void make_consumer(struct scene *s, uint32_t id, const char *filter)
{
    char name[16];
    snprintf(name, sizeof name, "C%u", id);
    const struct bytes filters[] = {bytes_of(filter)};
    const struct consumer_put put = {
        .id = id,
        .ack = CONSUMER_ACK_EXPLICIT,
        .ack_wait_ms = 30000,
        .created_ns = s->now_ns,
        .start_seq = 1,
        .name = bytes_of(name),
        .config = BYTES("{}"),
        .filter_count = filter[0] == 0 ? 0 : 1,
    };
    struct buffer body = {0};
    consumer_put_write(&body, &put, filters, NULL);
    assert_int_equal(apply(s, ENTRY_CONSUMER_PUT, &body).outcome, APPLIED_CHANGED);
}

static void deliver(struct scene *s, uint32_t id, uint64_t seq, uint64_t dseq)
{
    struct buffer body = {0};
    struct consumer_writer w;
    consumer_writer_begin(&w, &body, false);
    consumer_writer_add(
        &w, &(struct consumer_item){.id = id, .length = 1, .seq = seq, .dseq = dseq, .count = 1});
    consumer_writer_end(&w);
    (void)apply(s, ENTRY_DELIVERED, &body);
}

static uint64_t ack(struct scene *s, uint32_t id, uint64_t seq)
{
    struct buffer body = {0};
    struct consumer_writer w;
    consumer_writer_begin(&w, &body, true);
    consumer_writer_add(
        &w, &(struct consumer_item){.id = id, .length = 1, .seq = seq, .op = CONSUMER_OP_ACK});
    consumer_writer_end(&w);
    return apply(s, ENTRY_ACKS, &body).removed;
}

static uint64_t drop_consumer(struct scene *s, uint32_t id)
{
    struct buffer body = {0};
    consumer_drop_write(&body, id);
    return apply(s, ENTRY_CONSUMER_DROP, &body).removed;
}

static uint64_t messages(const struct scene *s)
{
    struct msglog_state state;
    msglog_state(s->log, &state);
    return state.msgs;
}

static void with_limits_an_ack_removes_nothing(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_LIMITS);
    make_consumer(&s, 1, "");
    (void)publish(&s, "a");
    deliver(&s, 1, 1, 1);
    assert_int_equal(ack(&s, 1, 1), 0);
    assert_int_equal(messages(&s), 1);
    scene_end(&s);
}

static void in_a_work_queue_an_ack_removes_in_any_order(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_WORK_QUEUE);
    make_consumer(&s, 1, "");
    for (uint64_t seq = 1; seq <= 4; seq++) {
        (void)publish(&s, "a");
        deliver(&s, 1, seq, seq);
    }
    assert_int_equal(ack(&s, 1, 3), 1);
    assert_int_equal(ack(&s, 1, 3), 0);
    assert_int_equal(ack(&s, 1, 1), 1);
    assert_int_equal(messages(&s), 2);
    struct msglog_state log;
    msglog_state(s.log, &log);
    assert_int_equal(log.first_seq, 2);
    assert_int_equal(log.last_seq, 4);
    scene_end(&s);
}

static void with_interest_the_last_ack_removes(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_INTEREST);
    make_consumer(&s, 1, "");
    make_consumer(&s, 2, "a.*");
    (void)publish(&s, "a.b");
    (void)publish(&s, "b");
    deliver(&s, 1, 1, 1);
    deliver(&s, 2, 1, 1);
    deliver(&s, 1, 2, 2);
    assert_int_equal(ack(&s, 1, 1), 0);
    assert_int_equal(ack(&s, 1, 2), 1); /* the other consumer does not want it */
    assert_int_equal(ack(&s, 2, 1), 1);
    assert_int_equal(messages(&s), 0);
    scene_end(&s);
}

static void with_interest_of_nobody_nothing_is_stored(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_INTEREST);
    assert_int_equal(publish(&s, "a").outcome, APPLIED_SKIPPED);
    make_consumer(&s, 1, "b");
    assert_int_equal(publish(&s, "a").outcome, APPLIED_SKIPPED);
    assert_int_equal(publish(&s, "b").outcome, APPLIED_STORED);
    assert_int_equal(messages(&s), 1);
    scene_end(&s);
}

static void a_consumer_that_goes_takes_what_it_alone_wanted(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_INTEREST);
    make_consumer(&s, 1, "a");
    make_consumer(&s, 2, ">");
    make_consumer(&s, 3, "b");
    (void)publish(&s, "a");
    (void)publish(&s, "b");
    (void)publish(&s, "c");
    assert_int_equal(drop_consumer(&s, 2), 1); /* c */
    assert_int_equal(messages(&s), 2);
    assert_int_equal(drop_consumer(&s, 1), 1);
    assert_int_equal(drop_consumer(&s, 3), 1);
    assert_int_equal(messages(&s), 0);
    scene_end(&s);
}

static void a_state_that_was_written_is_read_and_goes_on(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_WORK_QUEUE);
    make_consumer(&s, 1, "");
    for (uint64_t seq = 1; seq <= 9; seq++)
        (void)publish(&s, "a");
    deliver(&s, 1, 1, 1);
    deliver(&s, 1, 2, 2);
    (void)ack(&s, 1, 2);
    struct buffer stream = {0};
    struct buffer consumers = {0};
    stream_group_write(s.group, &stream, &consumers);
    uint64_t hash = group_state_hash(stream_group_stream(s.group));
    stream_group_free(&s.group);
    s.group = stream_group_new(GID, 99, s.log);
    assert_int_equal(stream_group_read(s.group, buffer_view(&stream), buffer_view(&consumers)), 0);
    assert_int_equal(group_state_hash(stream_group_stream(s.group)), hash);
    assert_int_equal(ack(&s, 1, 1), 1);
    assert_int_equal(messages(&s), 7);
    buffer_done(&stream);
    buffer_done(&consumers);
    scene_end(&s);
}

static void count_removed(void *context, const struct group_message *m, enum group_reason reason)
{
    uint64_t *sum = context;
    *sum += reason == GROUP_BY_ACK ? m->seq : 1000;
}

static void a_follower_is_told_what_goes(void **state)
{
    struct scene s;
    uint64_t sum = 0;
    scene_begin(&s, RETENTION_WORK_QUEUE);
    stream_group_follow(s.group,
                        &(struct stream_follower){.removed = count_removed, .context = &sum});
    make_consumer(&s, 1, "");
    (void)publish(&s, "a");
    (void)publish(&s, "a");
    deliver(&s, 1, 1, 1);
    deliver(&s, 1, 2, 2);
    (void)ack(&s, 1, 2);
    assert_int_equal(sum, 2);
    scene_end(&s);
}

static void an_entry_that_can_not_be_is_refused_and_changes_nothing(void **state)
{
    struct scene s;
    scene_begin(&s, RETENTION_LIMITS);
    uint64_t hash = group_state_hash(stream_group_stream(s.group));
    struct buffer body = {0};
    consumer_drop_write(&body, 42);
    struct applied applied = apply(&s, ENTRY_CONSUMER_DROP, &body);
    assert_int_equal(applied.outcome, APPLIED_REFUSED);
    assert_int_equal(applied.number, ENOENT);
    assert_int_not_equal(hash, 0);
    assert_int_equal(stream_group_consumers(s.group)->count, 0);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_limits_an_ack_removes_nothing),
        cmocka_unit_test(in_a_work_queue_an_ack_removes_in_any_order),
        cmocka_unit_test(with_interest_the_last_ack_removes),
        cmocka_unit_test(with_interest_of_nobody_nothing_is_stored),
        cmocka_unit_test(a_consumer_that_goes_takes_what_it_alone_wanted),
        cmocka_unit_test(a_state_that_was_written_is_read_and_goes_on),
        cmocka_unit_test(a_follower_is_told_what_goes),
        cmocka_unit_test(an_entry_that_can_not_be_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
