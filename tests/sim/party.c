/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/party.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

#define HEADER "NATS/1.0\r\nA: b\r\n\r\n"
#define LINE_MAX_SIZE 4096u
#define WORDS_MAX 7u

/* --- sending ------------------------------------------------------------------------------------ */

void party_say(struct party *p, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(size > 0 && (size_t)size < sizeof text);
    sim_client_send(p->client, (struct bytes){text, (size_t)size});
}

struct model_sub *party_subscribe(struct party *p, const char *pattern, uint32_t queue)
{
    CHECK(party_ready(p));
    uint32_t sid = ++p->next_sid;
    if (queue == NO_QUEUE)
        party_say(p, "SUB %s %" PRIu32 "\r\n", pattern, sid);
    else
        party_say(p, "SUB %s q%" PRIu32 " %" PRIu32 "\r\n", pattern, queue, sid);
    return model_subscribe(p->model, p, sid, pattern, queue, ++p->op);
}

void party_unsubscribe(struct party *p, struct model_sub *sub, uint32_t max)
{
    CHECK(party_ready(p) && sub->party == p && !sub->ended);
    if (max == 0)
        party_say(p, "UNSUB %" PRIu32 "\r\n", sub->sid);
    else
        party_say(p, "UNSUB %" PRIu32 " %" PRIu32 "\r\n", sub->sid, max);
    model_unsubscribe(p->model, sub, max, ++p->op);
}

static void say_payload(struct party *p, const struct model_pub *pub)
{
    char *payload = malloc(pub->size + 2u);
    CHECK(payload != NULL);
    model_payload(pub->id, payload, pub->size);
    memcpy(payload + pub->size, "\r\n", 2);
    sim_client_send(p->client, (struct bytes){payload, pub->size + 2u});
    free(payload);
}

struct model_pub *party_publish(struct party *p, const char *subject, const char *reply,
                                uint32_t size, bool header)
{
    CHECK(party_ready(p));
    struct model_pub *pub = model_publish(p->model, p, subject, reply, size < 12 ? 12 : size,
                                          header && p->headers, ++p->op);
    const char *blank = *reply == '\0' ? "" : " ";
    if (pub->header)
        party_say(p, "HPUB %s%s%s %zu %zu\r\n" HEADER, subject, blank, reply, strlen(HEADER),
                  strlen(HEADER) + pub->size);
    else
        party_say(p, "PUB %s%s%s %" PRIu32 "\r\n", subject, blank, reply, pub->size);
    say_payload(p, pub);
    return pub;
}

void party_ping(struct party *p)
{
    CHECK(party_ready(p));
    if (p->ping_count == PINGS_MAX)
        return;
    party_say(p, "PING\r\n");
    struct party_ping *ping = &p->pings[(p->ping_first + p->ping_count++) % PINGS_MAX];
    *ping = (struct party_ping){++p->op, ++p->model->order};
}

bool party_flushed(const struct party *p)
{
    return p->ping_count == 0;
}

/* --- receiving ---------------------------------------------------------------------------------- */

struct words {
    char *at[WORDS_MAX];
    unsigned count;
};

/* Cuts a line into words in place. */
static void cut(char *line, struct words *words)
{
    words->count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL && words->count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        words->at[words->count++] = word;
}

static struct model_sub *sub_of(const struct party *p, const char *sid)
{
    uint32_t number = (uint32_t)strtoul(sid, NULL, 10);
    for (size_t i = p->model->sub_count; i-- > 0;) {
        struct model_sub *sub = p->model->subs[i];
        if (sub->party == p && sub->sid == number && !sub->ended)
            return sub;
    }
    return NULL;
}

static void on_no_responders(struct party *p, const char *subject)
{
    const char *dot = strrchr(subject, '.');
    uint32_t id = dot == NULL ? UINT32_MAX : (uint32_t)strtoul(dot + 1, NULL, 10);
    if (id >= p->model->pub_count)
        run_fail(p->model->run, "party %u was told of no responders on %s", p->number, subject);
    else
        model_no_responders(p->model, p, p->model->pubs[id]);
}

static void on_frame(struct party *p, const struct words *words, const char *payload, size_t header,
                     size_t size)
{
    struct run *run = p->model->run;
    unsigned numbers = *words->at[0] == 'H' ? 2 : 1;
    const char *reply = words->count == 4 + numbers ? words->at[3] : "";
    struct model_sub *sub = sub_of(p, words->at[2]);
    p->frames++;
    if (sub == NULL) {
        run_fail(run, "party %u got a message for sid %s, which it does not have", p->number,
                 words->at[2]);
        return;
    }
    if (header > 0 && size == header && strncmp(payload, "NATS/1.0 503", 12) == 0) {
        on_no_responders(p, words->at[1]);
        return;
    }
    uint32_t id = (uint32_t)strtoul(payload + header, NULL, 10);
    struct model_pub *pub = id < p->model->pub_count ? p->model->pubs[id] : NULL;
    if (pub == NULL || strcmp(pub->subject, words->at[1]) != 0 || strcmp(pub->reply, reply) != 0 ||
        (header > 0) != (pub->header && p->headers) || size - header != pub->size ||
        !model_payload_is(id, payload + header, size - header)) {
        run_fail(run, "party %u sid %u got a message on %s that nobody sent so", p->number,
                 sub->sid, words->at[1]);
        return;
    }
    model_message(p->model, sub, pub);
    if (p->on_message != NULL && sub->responds)
        p->on_message(p, sub, pub);
}

static void on_pong(struct party *p)
{
    if (p->ping_count == 0) {
        run_fail(p->model->run, "party %u got a PONG too many", p->number);
        return;
    }
    struct party_ping ping = p->pings[p->ping_first];
    p->ping_first = (p->ping_first + 1) % PINGS_MAX;
    p->ping_count--;
    model_pong(p->model, p, ping.op, ping.at);
}

/* MSG or HMSG: how many bytes it takes, 0: not all there. */
static size_t take_frame(struct party *p, const char *line, size_t line_size)
{
    char copy[LINE_MAX_SIZE];
    CHECK(line_size < sizeof copy);
    memcpy(copy, line, line_size - 2);
    copy[line_size - 2] = '\0';
    struct words words;
    cut(copy, &words);
    unsigned numbers = *copy == 'H' ? 2 : 1;
    if (words.count < 3 + numbers || words.count > 4 + numbers) {
        run_fail(p->model->run, "party %u got a control line of %u words", p->number, words.count);
        return line_size;
    }
    size_t size = strtoul(words.at[words.count - 1], NULL, 10);
    size_t header = numbers == 2 ? strtoul(words.at[words.count - 2], NULL, 10) : 0;
    size_t left = p->input_size - (size_t)(line - p->input);
    if (left < line_size + size + 2)
        return 0;
    if (memcmp(line + line_size + size, "\r\n", 2) != 0 || header > size)
        run_fail(p->model->run, "party %u got a frame without an end", p->number);
    else
        on_frame(p, &words, line + line_size, header, size);
    return line_size + size + 2;
}

static void on_err(struct party *p, const char *line, size_t size)
{
    p->errors++;
    if (!p->may_err)
        run_fail(p->model->run, "party %u got %.*s", p->number, (int)size - 2, line);
}

static void on_info(struct party *p)
{
    if (p->connected)
        return;
    p->connected = true;
    party_say(p,
              "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":%s,\"headers\":%s,"
              "\"no_responders\":%s,\"protocol\":1}\r\n",
              p->echo ? "true" : "false", p->headers ? "true" : "false",
              p->no_responders ? "true" : "false");
}

/* One line or frame: how many bytes, 0: not all there. */
static size_t take_one(struct party *p, const char *at, size_t size)
{
    const char *end = memchr(at, '\n', size);
    if (end == NULL)
        return 0;
    size_t line_size = (size_t)(end + 1 - at);
    if (strncmp(at, "MSG ", 4) == 0 || strncmp(at, "HMSG ", 5) == 0)
        return take_frame(p, at, line_size);
    if (strncmp(at, "INFO ", 5) == 0)
        on_info(p);
    else if (strncmp(at, "PONG\r\n", 6) == 0)
        on_pong(p);
    else if (strncmp(at, "PING\r\n", 6) == 0)
        party_say(p, "PONG\r\n");
    else if (strncmp(at, "-ERR", 4) == 0)
        on_err(p, at, line_size);
    else
        run_fail(p->model->run, "party %u got an unknown line: %.*s", p->number, (int)line_size,
                 at);
    return line_size;
}

static void on_bytes(void *context, struct bytes bytes)
{
    struct party *p = context;
    while (p->input_size + bytes.size > p->input_capacity) {
        p->input_capacity = p->input_capacity == 0 ? 4096 : p->input_capacity * 2;
        p->input = realloc(p->input, p->input_capacity);
        CHECK(p->input != NULL);
    }
    memcpy(p->input + p->input_size, bytes.at, bytes.size);
    p->input_size += bytes.size;
    uint32_t connection = p->connection;
    size_t done = 0;
    while (done < p->input_size) {
        size_t taken = take_one(p, p->input + done, p->input_size - done);
        if (connection != p->connection || !p->wanted)
            return; /* closed on the way */
        if (taken == 0)
            break;
        done += taken;
    }
    memmove(p->input, p->input + done, p->input_size - done);
    p->input_size -= done;
}

/* --- life --------------------------------------------------------------------------------------- */

static void over(struct party *p)
{
    p->wanted = false;
    p->connected = false;
    p->connection++;
    p->op = 0;
    p->in_force_op = 0;
    p->ping_first = p->ping_count = 0;
    p->input_size = 0;
    model_connection_over(p->model, p);
    if (p->on_over != NULL)
        p->on_over(p);
}

static void on_connected(void *context, int status)
{
    struct party *p = context;
    if (status == 0)
        return; /* INFO comes */
    if (!p->may_be_closed)
        run_fail(p->model->run, "party %u was not let in: %d", p->number, status);
    over(p);
}

static void on_closed(void *context, int status)
{
    struct party *p = context;
    if (!p->may_be_closed)
        run_fail(p->model->run, "party %u was cut off: %d", p->number, status);
    over(p);
}

static void on_timer(void *context)
{
    struct party *p = context;
    if (p->on_timer != NULL)
        p->on_timer(p);
}

static const struct sim_client_events party_events = {on_connected, on_bytes, on_closed, on_timer};

struct party *party_new(struct model *model, unsigned host, const struct net_address *server)
{
    CHECK(model->party_count < PARTIES_MAX);
    struct party *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->model = model;
    p->number = model->party_count;
    p->server = *server;
    p->echo = p->headers = true;
    p->connection = 1;
    p->client = sim_client_new(model->run->sim, host, &party_events, p);
    model->parties[model->party_count++] = p;
    return p;
}

void party_free(struct party **at)
{
    struct party *p = *at;
    *at = NULL;
    sim_client_free(&p->client);
    free(p->input);
    free(p);
}

void party_connect(struct party *p)
{
    CHECK(!p->wanted);
    p->wanted = true;
    sim_client_connect(p->client, &p->server);
}

void party_close(struct party *p)
{
    if (!p->wanted)
        return;
    sim_client_close(p->client);
    over(p);
}

bool party_ready(const struct party *p)
{
    return p->wanted && p->connected && sim_client_open(p->client);
}
