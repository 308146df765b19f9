/* SPDX-License-Identifier: Apache-2.0 */
/* make_store.c -- makes a store of known contents in a folder, for the tests of the offline tool.
 *
 *     make_store DIR [crash]
 *
 * Three streams: ORDERS and EVENTS of account A, and one of account "B", each with messages of which some are
 * deleted. They are drained to segments by a stop in order; then a second start appends to the journal. With
 * `crash` the process ends there, as after kill -9; else it stops in order again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/check.h"
#include "server/sync_disk.h"
#include "store/format/buffer.h"
#include "store/format/message.h"
#include "store/format/stream_entry.h"
#include "store/group/group.h"
#include "store/group/rules.h"
#include "store/store.h"

#define STREAMS 3
#define MESSAGES 3000u
#define LATER 500u
#define SECOND ((int64_t)1000000000)

struct maker {
    struct sync_disk disk;
    struct store_options options;
    struct store *store;
    struct store_group *groups[STREAMS];
    uint64_t now_ms;
    bool over;
    unsigned under_way;
};

static const struct {
    const char *account;
    const char *name;
} streams[STREAMS] = {{"A", "ORDERS"}, {"A", "EVENTS"}, {"B", "ORDERS"}};

static void turn(struct maker *m)
{
    bool more = store_turn(m->store, m->now_ms);
    sync_disk_run(&m->disk);
    if (!more)
        m->now_ms += 10;
}

static void on_status(void *context, int status)
{
    struct maker *m = context;
    CHECK(status == 0);
    m->over = true;
}

static void wait_over(struct maker *m)
{
    while (!m->over)
        turn(m);
    m->over = false;
}

static void open_store(struct maker *m)
{
    m->store = store_new(&m->options);
    store_open(m->store, on_status);
    sync_disk_run(&m->disk);
    wait_over(m);
}

static void on_made(struct store_make *make, int status, struct store_group *group)
{
    (void)group;
    on_status(make->context, status);
}

static struct bytes text(const char *at)
{
    return (struct bytes){at, strlen(at)};
}

static void make_group(struct maker *m, unsigned i)
{
    struct stream_rules rules;
    struct buffer rules_text = {0};
    struct buffer config = {0};
    stream_rules_init(&rules, text(streams[i].name));
    stream_rules_write(&rules_text, &rules);
    stream_config_write(&config, &(struct stream_config){buffer_view(&rules_text), BYTES("{}")});
    struct store_make make = {.options = {.account = text(streams[i].account),
                                          .name = text(streams[i].name),
                                          .config = buffer_view(&config),
                                          .form = MSGLOG_FILE,
                                          .sync = STORE_SYNC_ALWAYS},
                              .now_ns = 1700000000 * SECOND,
                              .done = on_made,
                              .context = m};
    store_make(m->store, &make);
    wait_over(m);
    buffer_done(&config);
    buffer_done(&rules_text);
    stream_rules_done(&rules);
}

static void on_applied(struct store_append *a, int status, const struct applied *applied)
{
    struct maker *m = a->context;
    CHECK(status == 0 && applied->refusal == 0);
    m->under_way--;
    free((char *)(uintptr_t)a->body.at);
    free(a);
}

static void append(struct maker *m, unsigned i, enum entry_kind kind, struct buffer *body)
{
    struct store_append *a = calloc(1, sizeof *a);
    CHECK(a != NULL);
    *a = (struct store_append){.kind = kind,
                               .body = buffer_view(body),
                               .now_ns = 1700000001 * SECOND,
                               .done = on_applied,
                               .context = m};
    *body = (struct buffer){0};
    while (store_append(m->store, m->groups[i], a) != 0)
        turn(m);
    m->under_way++;
}

static void append_message(struct maker *m, unsigned i, unsigned number)
{
    char subject[64];
    char payload[400];
    struct buffer b = {0};
    int size = snprintf(payload, sizeof payload, "message %u of %s/%s %0*u", number,
                        streams[i].account, streams[i].name, (int)(number % 300), number);
    (void)snprintf(subject, sizeof subject, "%s.%u", streams[i].name, number % 2000);
    struct message message = {.subject = text(subject), .payload = {payload, (size_t)size}};
    message_body_write(&message, buffer_room(&b, message_body_size(&message)));
    b.size = message_body_size(&message);
    append(m, i, ENTRY_MSG, &b);
}

static void append_delete(struct maker *m, unsigned i, uint64_t seq)
{
    struct buffer b = {0};
    stream_delete_write(&b, &seq, 1, false);
    append(m, i, ENTRY_DELETE, &b);
}

static void wait_applied(struct maker *m)
{
    while (m->under_way > 0)
        turn(m);
}

static void fill(struct maker *m, unsigned first, unsigned count)
{
    for (unsigned i = 0; i < STREAMS; i++)
        m->groups[i] = store_find(m->store, text(streams[i].account), text(streams[i].name));
    for (unsigned n = first; n < first + count; n++) {
        for (unsigned i = 0; i < STREAMS; i++)
            append_message(m, i, n);
        if (n % 100 == 0)
            wait_applied(m);
    }
    for (unsigned i = 0; i < STREAMS; i++)
        for (uint64_t seq = first + 10; seq < first + count; seq += 100)
            append_delete(m, i, seq);
    wait_applied(m);
}

static void close_store(struct maker *m)
{
    store_close(m->store, on_status);
    wait_over(m);
    store_free(&m->store);
}

int main(int argc, char **argv)
{
    static struct maker m;
    if (argc < 2) {
        (void)fputs("usage: make_store DIR [crash]\n", stderr);
        return 2;
    }
    sync_disk_init(&m.disk);
    m.options = (struct store_options){.disk = &m.disk.door,
                                       .path = argv[1],
                                       .seed = 1,
                                       .uuid = "a store to check",
                                       .journal_file_bytes = 1 << 20,
                                       .section_bytes = 64, /* so that state lies in files */
                                       .context = &m};
    open_store(&m);
    for (unsigned i = 0; i < STREAMS; i++)
        make_group(&m, i);
    fill(&m, 1, MESSAGES);
    close_store(&m);
    open_store(&m);
    fill(&m, MESSAGES + 1, LATER);
    if (argc > 2 && strcmp(argv[2], "crash") == 0)
        _exit(0);
    close_store(&m);
    return 0;
}
