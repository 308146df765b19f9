/* SPDX-License-Identifier: Apache-2.0 */
/* client_stream_good.c -- a client that does nothing wrong, and gets what it is owed.
 *
 * It may subscribe to everything (sid 1), and does to its own subjects (sid 2), and as a member of a queue group
 * that others may join (sid 3). Its payloads are its key and their number: what others publish can
 * not be mistaken for them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/check.h"
#include "tests/fuzz/client_stream.h"

#define SUB_EVERYTHING "SUB > 1\r\n"
#define SUBS "SUB good.* 2\r\nSUB good.> q 3\r\n"
#define KEY_SIZE (sizeof((struct good *)NULL)->key - 1)
#define TEXT_MAX_SIZE 128

static void say(struct good *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct good *g, const char *format, ...)
{
    char text[TEXT_MAX_SIZE];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size > 0 && (size_t)size < sizeof text);
    sim_client_send(g->client, (struct bytes){text, (size_t)size});
}

static void say_publication(struct good *g, uint32_t number)
{
    char payload[TEXT_MAX_SIZE];
    int size = snprintf(payload, sizeof payload, "%s%" PRIu32, g->key, number);
    say(g, "PUB good.%" PRIu32 "%s %d\r\n%s\r\n", number % 4,
        number % 3 == 0 ? " good.reply.x" : "", size, payload);
}

/* --- what comes --------------------------------------------------------------------------------- */

/* Of one of its own messages: its number. */
static uint32_t number_in(struct bytes payload)
{
    uint32_t number = 0;
    CHECK(payload.size > KEY_SIZE && payload.size < KEY_SIZE + 10);
    for (size_t i = KEY_SIZE; i < payload.size; i++)
        number = number * 10 + (uint32_t)(payload.at[i] - '0');
    return number;
}

static void check_own(const struct good *g, const struct frame *frame, uint32_t number)
{
    char subject[TEXT_MAX_SIZE];
    snprintf(subject, sizeof subject, "good.%" PRIu32, number % 4);
    CHECK(number < g->sent);
    CHECK(bytes_are(frame->subject, subject));
    CHECK(bytes_are(frame->reply, number % 3 == 0 ? "good.reply.x" : ""));
    CHECK(frame->header.size == 0);
}

static void on_frame(struct good *g, const struct frame *frame)
{
    CHECK(frame->sid.size == 1 && frame->sid.at[0] >= '1' && frame->sid.at[0] <= '3');
    unsigned nth = (unsigned)(frame->sid.at[0] - '1');
    if (frame->payload.size < KEY_SIZE || memcmp(frame->payload.at, g->key, KEY_SIZE) != 0) {
        CHECK(nth == 0 || (frame->subject.size > 5 && memcmp(frame->subject.at, "good.", 5) == 0));
        return;
    }
    uint32_t number = number_in(frame->payload);
    check_own(g, frame, number);
    if (nth == 2) { /* a member may be handed one late: no order */
        CHECK(++g->got[nth] <= g->sent);
        return;
    }
    CHECK(g->lossy ? number >= g->got[nth]
                   : number == g->got[nth]); /* in order, once, none left out */
    g->got[nth] = number + 1;
}

static void on_line(void *context, enum line_kind kind, const struct frame *frame)
{
    struct good *g = context;
    switch (kind) {
    case LINE_PING: say(g, "PONG\r\n"); break;
    case LINE_PONG: CHECK(++g->pongs <= g->pings); break;
    case LINE_FRAME: on_frame(g, frame); break;
    case LINE_ERR: CHECK(g->may_be_cut); break;
    case LINE_INFO: break;
    case LINE_OK: UNREACHABLE("it is not verbose");
    }
}

static void on_connected(void *context, int status)
{
    struct good *g = context;
    CHECK(status == 0);
    sim_client_send(g->client, g->everything ? BYTES(STREAM_LOGIN SUB_EVERYTHING SUBS)
                                             : BYTES(STREAM_LOGIN SUBS));
    good_ping(g);
}

static void on_bytes(void *context, struct bytes bytes)
{
    struct good *g = context;
    lines_add(&g->lines, bytes);
}

static void on_closed(void *context, int status)
{
    struct good *g = context;
    (void)status;
    CHECK(g->may_be_cut);
    g->over = true;
}

static void on_timer(void *context)
{
    (void)context;
}

static const struct sim_client_events good_events = {on_connected, on_bytes, on_closed, on_timer};

/* --- what it does ------------------------------------------------------------------------------- */

void good_init(struct good *g, struct sim *sim, unsigned host, uint64_t key, bool everything)
{
    *g = (struct good){.everything = everything};
    snprintf(g->key, sizeof g->key, "%016" PRIx64, key);
    lines_init(&g->lines, on_line, g);
    g->client = sim_client_new(sim, host, &good_events, g);
}

void good_done(struct good *g)
{
    sim_client_free(&g->client);
    lines_done(&g->lines);
}

void good_connect(struct good *g, const struct net_address *to)
{
    sim_client_connect(g->client, to);
}

void good_publish(struct good *g)
{
    if (!g->over)
        say_publication(g, g->sent++);
}

void good_ping(struct good *g)
{
    if (g->over)
        return;
    g->pings++;
    say(g, "PING\r\n");
}

bool good_answered(const struct good *g)
{
    return g->over || (g->pings > 0 && g->pongs == g->pings);
}

void good_check(const struct good *g)
{
    if (g->over || g->lossy)
        return;
    CHECK(g->got[0] == (g->everything ? g->sent : 0) && g->got[1] == g->sent);
}
